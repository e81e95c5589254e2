/* catalog/schema_cache.c -- a map under a lock that readers share, and a list of loads under way.
 *
 *     get          `lock` to read; the hold on the schema is taken under it
 *     put, forget  `loading`, then `lock` to write: so that a load that ends either sees that its
 *                  table was forgotten, or has put its schema before
 *     load         no lock while the loader runs; `loading` before and after
 *
 * Invariant: an entry's key is the table and version of its schema. */
#include "catalog/schema_cache.h"
#include "base/check.h"
#include "base/map.h"

enum { KEY_BYTES = 8, US_PER_S = 1000000 };

struct entry {
    struct schema *schema; /* counted */
    namespace_id ns;
    uint64_t stored_us;   /* monotonic */
    atomic_count used_us; /* monotonic, of the last get; written under the lock held to read */
};

/* A load under way. Held by the list (while it runs) and by each who waits for it. */
struct flight {
    struct flight *next;
    struct schema_key key;
    unsigned holds;
    bool is_over;
    bool is_forgotten; /* its table was forgotten meanwhile: nobody joins it, nothing is kept */
    status result;
    struct schema *schema; /* counted; NULL: it failed */
    namespace_id ns;
    struct error err;
};

struct schema_cache {
    const struct clock *clock;
    uint64_t ttl_us;
    uint32_t entries_max;
    struct lock loading; /* guards flights; before lock */
    struct cond landed;
    struct flight *flights;
    struct rwlock lock; /* guards entries */
    struct map entries; /* table, version -> struct entry */
    atomic_count hits;
    atomic_count misses;
    atomic_count evictions;
    atomic_count loads;
};

struct schema_cache *schema_cache_create(const struct schema_cache_options *options)
{
    struct schema_cache *cache = mem_alloc_zeroed(sizeof *cache);
    cache->clock = options->clock;
    cache->ttl_us = (uint64_t)(options->ttl_s > 0 ? options->ttl_s : SCHEMA_CACHE_TTL_S) * US_PER_S;
    cache->entries_max = options->entries_max > 0 ? options->entries_max : SCHEMA_CACHE_ENTRIES;
    lock_init(&cache->loading, LOCK_SCHEMA_LOAD);
    cond_init(&cache->landed);
    rwlock_init(&cache->lock, LOCK_SCHEMA_CACHE);
    map_init(&cache->entries);
    return cache;
}

void schema_cache_destroy(struct schema_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    (void)schema_cache_clear(cache);
    CHECK(cache->flights == NULL);
    map_release(&cache->entries);
    rwlock_release(&cache->lock);
    cond_release(&cache->landed);
    lock_release(&cache->loading);
    mem_free(cache);
}

/* -- entries ------------------------------------------------------------------------------------
 */

static str key_text(char bytes[KEY_BYTES], table_id table, uint32_t version)
{
    memcpy(bytes, &table.v, sizeof table.v);
    memcpy(bytes + sizeof table.v, &version, sizeof version);
    return str_of(bytes, KEY_BYTES);
}

static bool is_expired(const struct schema_cache *cache, const struct entry *e, uint64_t now_us)
{
    return now_us >= e->stored_us + cache->ttl_us;
}

/* A hold on what is there now, not counted as hit or miss. */
static struct schema *look(struct schema_cache *cache, const struct schema_key *key)
{
    char bytes[KEY_BYTES];
    str text = key_text(bytes, key->table, key->version);
    uint64_t now_us = clock_mono_us(cache->clock);
    struct schema *schema = NULL;
    rwlock_take_read(&cache->lock);
    struct entry *e = map_find(&cache->entries, text);
    bool is_it =
        e != NULL && !is_expired(cache, e, now_us) && (key->ns.v == 0 || key->ns.v == e->ns.v);
    if (is_it) {
        schema = schema_take(e->schema);
        atomic_count_set(&e->used_us, now_us);
    }
    rwlock_give(&cache->lock);
    return schema;
}

struct schema *schema_cache_get(struct schema_cache *cache, const struct schema_key *key)
{
    struct schema *schema = look(cache, key);
    (void)atomic_count_add(schema != NULL ? &cache->hits : &cache->misses, 1);
    return schema;
}

static void end_entry(struct entry *e)
{
    if (e != NULL) {
        schema_give(e->schema);
        mem_free(e);
    }
}

/* Removes the entry that nobody has asked for the longest time. Under the lock, to write. */
static void evict(struct schema_cache *cache)
{
    const struct entry *oldest = NULL;
    size_t position = 0;
    str key;
    void *value = NULL;
    while (map_next(&cache->entries, &position, &key, &value)) {
        const struct entry *e = value;
        if (oldest == NULL || atomic_count_get(&e->used_us) < atomic_count_get(&oldest->used_us)) {
            oldest = e;
        }
    }
    if (oldest != NULL) {
        char bytes[KEY_BYTES];
        str text = key_text(bytes, oldest->schema->table, oldest->schema->version);
        end_entry(map_remove(&cache->entries, text));
        (void)atomic_count_add(&cache->evictions, 1);
    }
}

/* Under `loading`. */
static void keep(struct schema_cache *cache, namespace_id ns, struct schema *schema)
{
    struct entry *e = mem_alloc_zeroed(sizeof *e);
    e->schema = schema_take(schema);
    e->ns = ns;
    e->stored_us = clock_mono_us(cache->clock);
    atomic_count_set(&e->used_us, e->stored_us);
    char bytes[KEY_BYTES];
    str text = key_text(bytes, schema->table, schema->version);
    rwlock_take_write(&cache->lock);
    if (map_find(&cache->entries, text) == NULL && cache->entries.count >= cache->entries_max) {
        evict(cache);
    }
    struct entry *before = map_put(&cache->entries, text, e);
    rwlock_give(&cache->lock);
    end_entry(before);
}

void schema_cache_put(struct schema_cache *cache, namespace_id ns, struct schema *schema)
{
    lock_take(&cache->loading);
    keep(cache, ns, schema);
    lock_give(&cache->loading);
}

/* -- loading ------------------------------------------------------------------------------------
 */

static bool is_same_key(const struct schema_key *a, const struct schema_key *b)
{
    return a->table.v == b->table.v && a->version == b->version && a->ns.v == b->ns.v;
}

/* Under `loading`. */
static struct flight *find_flight(struct schema_cache *cache, const struct schema_key *key)
{
    struct flight *f = cache->flights;
    while (f != NULL && (f->is_forgotten || !is_same_key(&f->key, key))) {
        f = f->next;
    }
    return f;
}

/* Under `loading`. Gives one hold back. */
static void leave_flight(struct flight *f)
{
    CHECK(f->holds > 0);
    f->holds--;
    if (f->holds == 0) {
        schema_give(f->schema);
        mem_free(f);
    }
}

/* Under `loading`: this thread loads, without it. */
static struct flight *fly(struct schema_cache *cache, const struct schema_key *key,
                          schema_load_fn *load, void *context)
{
    struct flight *f = mem_alloc_zeroed(sizeof *f);
    f->key = *key;
    f->holds = 1;
    f->next = cache->flights;
    cache->flights = f;
    (void)atomic_count_add(&cache->loads, 1);
    lock_give(&cache->loading);
    struct schema *schema = NULL;
    namespace_id ns = {0};
    struct error err;
    error_clear(&err);
    status result = load(context, key, &ns, &schema, &err);

    lock_take(&cache->loading);
    f->result = result;
    f->ns = ns;
    f->err = err;
    f->schema = status_ok(result) ? schema : NULL;
    f->is_over = true;
    for (struct flight **at = &cache->flights; *at != NULL; at = &(*at)->next) {
        if (*at == f) {
            *at = f->next;
            break;
        }
    }
    if (f->schema != NULL && !f->is_forgotten) {
        keep(cache, ns, f->schema);
    }
    cond_broadcast(&cache->landed);
    return f;
}

static struct flight *join_flight(struct schema_cache *cache, struct flight *f)
{
    f->holds++;
    while (!f->is_over) {
        cond_wait(&cache->landed, &cache->loading);
    }
    return f;
}

status schema_cache_get_or_load(struct schema_cache *cache, const struct schema_key *key,
                                schema_load_fn *load, void *context, struct schema **out,
                                struct error *err)
{
    struct schema *found = schema_cache_get(cache, key);
    if (found != NULL) {
        *out = found;
        return STATUS_IS_OK;
    }
    lock_take(&cache->loading);
    found = look(cache, key); /* a load may have ended in between */
    if (found != NULL) {
        lock_give(&cache->loading);
        *out = found;
        return STATUS_IS_OK;
    }
    struct flight *f = find_flight(cache, key);
    f = f != NULL ? join_flight(cache, f) : fly(cache, key, load, context);
    status result = f->result;
    if (f->schema != NULL) {
        *out = schema_take(f->schema);
    } else if (err != NULL) {
        *err = f->err;
    }
    leave_flight(f);
    lock_give(&cache->loading);
    return result;
}

/* -- forgetting ---------------------------------------------------------------------------------
 */

/* What is forgotten; a field that is 0 matches all. */
struct wanted {
    struct schema_key key;
    bool is_expired_only;
};

static bool matches(const struct schema_cache *cache, const struct wanted *wanted,
                    const struct entry *e, uint64_t now_us)
{
    const struct schema_key *key = &wanted->key;
    return (key->ns.v == 0 || key->ns.v == e->ns.v) &&
           (key->table.v == 0 || key->table.v == e->schema->table.v) &&
           (key->version == 0 || key->version == e->schema->version) &&
           (!wanted->is_expired_only || is_expired(cache, e, now_us));
}

/* The namespace of a load under way is not known yet: it counts as any. */
static void forget_flights(struct schema_cache *cache, const struct schema_key *key)
{
    for (struct flight *f = cache->flights; f != NULL; f = f->next) {
        f->is_forgotten =
            f->is_forgotten || ((key->table.v == 0 || key->table.v == f->key.table.v) &&
                                (key->version == 0 || key->version == f->key.version));
    }
}

static unsigned forget(struct schema_cache *cache, const struct wanted *wanted)
{
    uint64_t now_us = clock_mono_us(cache->clock);
    lock_take(&cache->loading);
    if (!wanted->is_expired_only) {
        forget_flights(cache, &wanted->key);
    }
    rwlock_take_write(&cache->lock);
    struct entry **gone = mem_alloc((cache->entries.count + 1) * sizeof(struct entry *));
    unsigned count = 0;
    size_t position = 0;
    str key;
    void *value = NULL;
    while (map_next(&cache->entries, &position, &key, &value)) {
        if (matches(cache, wanted, value, now_us)) {
            gone[count++] = value;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        char bytes[KEY_BYTES];
        const struct schema *schema = gone[i]->schema;
        (void)map_remove(&cache->entries, key_text(bytes, schema->table, schema->version));
    }
    rwlock_give(&cache->lock);
    lock_give(&cache->loading);
    for (unsigned i = 0; i < count; i++) {
        end_entry(gone[i]);
    }
    mem_free(gone);
    return count;
}

unsigned schema_cache_forget_table(struct schema_cache *cache, table_id table)
{
    const struct wanted wanted = {.key = {.table = table}};
    CHECK(table.v != 0);
    return forget(cache, &wanted);
}

unsigned schema_cache_forget_version(struct schema_cache *cache, table_id table, uint32_t version)
{
    const struct wanted wanted = {.key = {.table = table, .version = version}};
    CHECK(table.v != 0);
    CHECK(version != 0);
    return forget(cache, &wanted);
}

unsigned schema_cache_forget_namespace(struct schema_cache *cache, namespace_id ns)
{
    const struct wanted wanted = {.key = {.ns = ns}};
    CHECK(ns.v != 0);
    return forget(cache, &wanted);
}

unsigned schema_cache_clear(struct schema_cache *cache)
{
    const struct wanted all = {.is_expired_only = false};
    return forget(cache, &all);
}

unsigned schema_cache_sweep(struct schema_cache *cache)
{
    const struct wanted expired = {.is_expired_only = true};
    return forget(cache, &expired);
}

void schema_cache_statistics_get(struct schema_cache *cache, struct schema_cache_statistics *out)
{
    uint64_t now_us = clock_mono_us(cache->clock);
    *out = (struct schema_cache_statistics){.hits = atomic_count_get(&cache->hits),
                                            .misses = atomic_count_get(&cache->misses),
                                            .evictions = atomic_count_get(&cache->evictions),
                                            .loads = atomic_count_get(&cache->loads)};
    rwlock_take_read(&cache->lock);
    size_t position = 0;
    str key;
    void *value = NULL;
    while (map_next(&cache->entries, &position, &key, &value)) {
        out->expired += is_expired(cache, value, now_us) ? 1 : 0;
    }
    out->entries = cache->entries.count;
    rwlock_give(&cache->lock);
    out->active = out->entries - out->expired;
}
