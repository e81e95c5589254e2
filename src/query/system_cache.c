/* query/system_cache.c -- a map under a lock that readers share. A key is the kind's number and the
 * key of the asker, so that the same text may stand in two kinds. */
#include "query/system_cache.h"
#include "base/check.h"
#include "base/map.h"
#include "base/metric.h"
#include "query/system.h"

enum { US_PER_S = 1000000, SHARE = 4, KEY_BYTES_MAX = 1024 };

struct entry {
    struct system_rows *rows; /* counted */
    enum system_kind kind;
    uint64_t version;
    uint64_t stored_us;   /* monotonic */
    atomic_count used_us; /* monotonic, of the last get; written under the lock held to read */
    uint64_t bytes;
    str key; /* in the memory of the entry */
};

struct system_cache {
    struct system_cache_options options;
    struct rwlock lock; /* guards entries and bytes */
    struct map entries; /* kind, key -> struct entry */
    uint64_t bytes;
    atomic_count hits;
    atomic_count misses;
    atomic_count evictions;
    atomic_count invalidations;
};

static void collect(void *context, struct metric_samples *out)
{
    struct system_cache_statistics s;
    system_cache_statistics_get(context, &s);
    metric_sample_cache(out, "system", s.hits, s.misses, s.entries);
}

struct system_cache *system_cache_create(const struct system_cache_options *options)
{
    struct system_cache *cache = mem_alloc_zeroed(sizeof *cache);
    cache->options = *options;
    rwlock_init(&cache->lock, LOCK_SYSTEM_CACHE);
    map_init(&cache->entries);
    metric_collector_add(collect, cache);
    return cache;
}

void system_cache_destroy(struct system_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    metric_collector_remove(collect, cache);
    (void)system_cache_clear(cache);
    map_release(&cache->entries);
    rwlock_release(&cache->lock);
    mem_free(cache);
}

bool system_cache_has(const struct system_cache *cache, str table, enum system_kind *kind)
{
    static const struct {
        const char *table;
        enum system_kind kind;
    } kept[] = {{"tables", SYSTEM_TABLES},  {"schemas", SYSTEM_TABLES},
                {"columns", SYSTEM_TABLES}, {"namespaces", SYSTEM_NAMESPACES},
                {"live", SYSTEM_LIVE},      {"storages", SYSTEM_STORAGES},
                {"jobs", SYSTEM_JOBS}};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        if (str_eq_c(table, kept[i].table)) {
            *kind = kept[i].kind;
            return cache->options.ttl_s[*kind] > 0 && cache->options.bytes_max > 0;
        }
    }
    return false;
}

/* -- entries ------------------------------------------------------------------------------------
 */

/* An empty text when the key is too long to be kept. */
static str whole_key(char bytes[KEY_BYTES_MAX], enum system_kind kind, str key)
{
    if (key.n + 1 > KEY_BYTES_MAX) {
        return (str){NULL, 0};
    }
    bytes[0] = (char)('0' + (int)kind);
    memcpy(bytes + 1, key.p != NULL ? key.p : "", key.n);
    return str_of(bytes, key.n + 1);
}

static bool is_expired(const struct system_cache *cache, const struct entry *e, uint64_t now_us)
{
    return now_us >= e->stored_us + (uint64_t)cache->options.ttl_s[e->kind] * US_PER_S;
}

struct system_rows *system_cache_get(struct system_cache *cache, enum system_kind kind, str key,
                                     uint64_t version)
{
    char bytes[KEY_BYTES_MAX];
    str text = whole_key(bytes, kind, key);
    uint64_t now_us = clock_mono_us(cache->options.clock);
    struct system_rows *rows = NULL;
    rwlock_take_read(&cache->lock);
    struct entry *e = map_find(&cache->entries, text);
    bool is_outdated = e != NULL && e->version < version;
    if (e != NULL && e->version == version && !is_expired(cache, e, now_us)) {
        rows = system_rows_take(e->rows);
        atomic_count_set(&e->used_us, now_us);
    }
    rwlock_give(&cache->lock);
    (void)atomic_count_add(rows != NULL ? &cache->hits : &cache->misses, 1);
    (void)atomic_count_add(&cache->invalidations, is_outdated ? 1 : 0);
    return rows;
}

/* Under the lock, to write. */
static void remove_entry(struct system_cache *cache, struct entry *e)
{
    struct entry *removed = map_remove(&cache->entries, e->key);
    CHECK(removed == e);
    CHECK(cache->bytes >= e->bytes);
    cache->bytes -= e->bytes;
    system_rows_release(e->rows);
    mem_free(e);
}

static void evict(struct system_cache *cache)
{
    struct entry *oldest = NULL;
    size_t position = 0;
    str key;
    void *value = NULL;
    while (map_next(&cache->entries, &position, &key, &value)) {
        struct entry *e = value;
        if (oldest == NULL || atomic_count_get(&e->used_us) < atomic_count_get(&oldest->used_us)) {
            oldest = e;
        }
    }
    CHECK(oldest != NULL);
    remove_entry(cache, oldest);
    (void)atomic_count_add(&cache->evictions, 1);
}

static struct entry *make_entry(struct system_cache *cache, enum system_kind kind, str key,
                                uint64_t version, struct system_rows *rows)
{
    struct entry *e = mem_alloc_zeroed(sizeof *e + key.n);
    memcpy(e + 1, key.p, key.n);
    e->key = str_of(e + 1, key.n);
    e->kind = kind;
    e->version = version;
    e->rows = system_rows_take(rows);
    e->bytes = sizeof *e + 2 * key.n + system_rows_bytes(rows);
    e->stored_us = clock_mono_us(cache->options.clock);
    atomic_count_set(&e->used_us, e->stored_us);
    return e;
}

void system_cache_put(struct system_cache *cache, enum system_kind kind, str key, uint64_t version,
                      struct system_rows *rows)
{
    char bytes[KEY_BYTES_MAX];
    str text = whole_key(bytes, kind, key);
    if (text.n == 0 || system_rows_bytes(rows) > cache->options.bytes_max / SHARE) {
        return;
    }
    struct entry *e = make_entry(cache, kind, text, version, rows);
    rwlock_take_write(&cache->lock);
    struct entry *before = map_find(&cache->entries, text);
    if (before != NULL && before->version > version) {
        rwlock_give(&cache->lock);
        system_rows_release(e->rows);
        mem_free(e);
        return;
    }
    if (before != NULL) {
        remove_entry(cache, before);
    }
    while (cache->entries.count > 0 && cache->bytes + e->bytes > cache->options.bytes_max) {
        evict(cache);
    }
    (void)map_put(&cache->entries, e->key, e);
    cache->bytes += e->bytes;
    rwlock_give(&cache->lock);
}

/* -- removing -----------------------------------------------------------------------------------
 */

/* `kind` SYSTEM_KIND_COUNT: of any. */
static unsigned remove_some(struct system_cache *cache, enum system_kind kind, bool only_expired)
{
    uint64_t now_us = clock_mono_us(cache->options.clock);
    rwlock_take_write(&cache->lock);
    struct entry **gone = mem_alloc((cache->entries.count + 1) * sizeof(struct entry *));
    unsigned count = 0;
    size_t position = 0;
    str key;
    void *value = NULL;
    while (map_next(&cache->entries, &position, &key, &value)) {
        struct entry *e = value;
        if ((kind == SYSTEM_KIND_COUNT || e->kind == kind) &&
            (!only_expired || is_expired(cache, e, now_us))) {
            gone[count++] = e;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        remove_entry(cache, gone[i]);
    }
    rwlock_give(&cache->lock);
    mem_free(gone);
    return count;
}

unsigned system_cache_invalidate(struct system_cache *cache, enum system_kind kind)
{
    unsigned count = remove_some(cache, kind, false);
    (void)atomic_count_add(&cache->invalidations, count);
    return count;
}

unsigned system_cache_clear(struct system_cache *cache)
{
    return remove_some(cache, SYSTEM_KIND_COUNT, false);
}

unsigned system_cache_sweep(struct system_cache *cache)
{
    return remove_some(cache, SYSTEM_KIND_COUNT, true);
}

void system_cache_statistics_get(struct system_cache *cache, struct system_cache_statistics *out)
{
    uint64_t now_us = clock_mono_us(cache->options.clock);
    *out =
        (struct system_cache_statistics){.hits = atomic_count_get(&cache->hits),
                                         .misses = atomic_count_get(&cache->misses),
                                         .evictions = atomic_count_get(&cache->evictions),
                                         .invalidations = atomic_count_get(&cache->invalidations)};
    rwlock_take_read(&cache->lock);
    size_t position = 0;
    str key;
    void *value = NULL;
    while (map_next(&cache->entries, &position, &key, &value)) {
        out->expired += is_expired(cache, value, now_us) ? 1 : 0;
    }
    out->entries = cache->entries.count;
    out->bytes = cache->bytes;
    rwlock_give(&cache->lock);
    out->active = out->entries - out->expired;
}
