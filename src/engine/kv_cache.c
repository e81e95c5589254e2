/* engine/kv_cache.c -- see kv_cache.h.
 *     hash of (family, key) -> shard -> bucket -> entries; each shard has its list by use:
 *         newest <-> ... <-> oldest
 * A shard has a version, one up at the end of each commit that wrote to it; while such a commit
 * runs it is closed. A ticket is the version that a reader saw. */
#include "engine/kv_cache.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"

enum { SHARDS = 64, BUCKETS_FIRST = 16 };
static_assert(SHARDS == 64, "closed shards are the bits of one word");

struct entry {
    struct entry *next; /* in its bucket */
    struct entry *newer;
    struct entry *older;
    uint64_t hash;
    uint32_t key_bytes; /* of the key; the family stands before it */
    uint32_t value_bytes;
    char bytes[]; /* family, key, value */
};

struct shard {
    struct lock lock; /* KV_CACHE; guards all of the shard */
    struct entry **buckets;
    size_t bucket_count; /* a power of two, or 0 */
    size_t count;
    size_t bytes;
    struct entry *newest;
    struct entry *oldest;
    uint64_t version;
    bool is_closed;
    uint64_t hits;
    uint64_t misses;
};

struct kv_cache {
    size_t shard_bytes_max;
    uint64_t closed; /* of the committing thread: a bit per shard */
    struct shard shards[SHARDS];
};

struct kv_cache *kv_cache_create(size_t bytes_max)
{
    struct kv_cache *cache = mem_alloc_zeroed(sizeof *cache);
    cache->shard_bytes_max = bytes_max / SHARDS;
    for (unsigned i = 0; i < SHARDS; i++) {
        lock_init(&cache->shards[i].lock, LOCK_KV_CACHE);
    }
    return cache;
}

static size_t entry_bytes(const struct entry *e)
{
    return sizeof *e + 1 + e->key_bytes + e->value_bytes;
}

/* --- one shard, under its lock ------------------------------------------------------------------
 */

static void unlink_use(struct shard *s, struct entry *e)
{
    *(e->newer != NULL ? &e->newer->older : &s->newest) = e->older;
    *(e->older != NULL ? &e->older->newer : &s->oldest) = e->newer;
}

static void link_newest(struct shard *s, struct entry *e)
{
    e->newer = NULL;
    e->older = s->newest;
    *(s->newest != NULL ? &s->newest->newer : &s->oldest) = e;
    s->newest = e;
}

static struct entry **find(const struct shard *s, uint64_t hash, enum kv_family family, str key)
{
    if (s->bucket_count == 0) {
        return NULL;
    }
    struct entry **link = &s->buckets[(hash / SHARDS) & (s->bucket_count - 1)];
    for (; *link != NULL; link = &(*link)->next) {
        const struct entry *e = *link;
        if (e->hash == hash && e->key_bytes == key.n && e->bytes[0] == (char)family &&
            memcmp(e->bytes + 1, key.p, key.n) == 0) {
            return link;
        }
    }
    return NULL;
}

static void drop(struct shard *s, struct entry **link)
{
    struct entry *e = *link;
    *link = e->next;
    unlink_use(s, e);
    s->count--;
    s->bytes -= entry_bytes(e);
    mem_free(e);
}

static str key_of(const struct entry *e)
{
    return str_of(e->bytes + 1, e->key_bytes);
}

static void drop_oldest(struct shard *s)
{
    const struct entry *e = s->oldest;
    drop(s, find(s, e->hash, (enum kv_family)e->bytes[0], key_of(e)));
}

static void drop_all(struct shard *s)
{
    while (s->oldest != NULL) {
        drop_oldest(s);
    }
}

static void grow(struct shard *s)
{
    size_t count = s->bucket_count > 0 ? s->bucket_count * 2 : BUCKETS_FIRST;
    struct entry **buckets = mem_alloc_zeroed(count * sizeof(struct entry *));
    for (struct entry *e = s->newest; e != NULL; e = e->older) {
        struct entry **bucket = &buckets[(e->hash / SHARDS) & (count - 1)];
        e->next = *bucket;
        *bucket = e;
    }
    mem_free(s->buckets);
    s->buckets = buckets;
    s->bucket_count = count;
}

static void add(struct shard *s, uint64_t hash, enum kv_family family, str key, str value)
{
    if (s->count >= s->bucket_count) {
        grow(s);
    }
    struct entry *e = mem_alloc(sizeof *e + 1 + key.n + value.n);
    *e = (struct entry){
        .hash = hash, .key_bytes = (uint32_t)key.n, .value_bytes = (uint32_t)value.n};
    e->bytes[0] = (char)family;
    memcpy(e->bytes + 1, key.p, key.n);
    if (value.n > 0) {
        memcpy(e->bytes + 1 + key.n, value.p, value.n);
    }
    struct entry **bucket = &s->buckets[(hash / SHARDS) & (s->bucket_count - 1)];
    e->next = *bucket;
    *bucket = e;
    link_newest(s, e);
    s->count++;
    s->bytes += entry_bytes(e);
}

/* --- the doors ----------------------------------------------------------------------------------
 */

void kv_cache_destroy(struct kv_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    for (unsigned i = 0; i < SHARDS; i++) {
        drop_all(&cache->shards[i]);
        mem_free(cache->shards[i].buckets);
        lock_release(&cache->shards[i].lock);
    }
    mem_free(cache);
}

static struct shard *shard_of(struct kv_cache *cache, uint64_t hash)
{
    return &cache->shards[hash % SHARDS];
}

static uint64_t hash_of(enum kv_family family, str key)
{
    return hash_bytes_seeded(key, (uint64_t)family);
}

bool kv_cache_get(struct kv_cache *cache, enum kv_family family, str key, struct arena *arena,
                  str *value, uint64_t *ticket)
{
    uint64_t hash = hash_of(family, key);
    struct shard *s = shard_of(cache, hash);
    lock_take(&s->lock);
    struct entry **link = find(s, hash, family, key);
    if (link != NULL) {
        struct entry *e = *link;
        if (s->newest != e) {
            unlink_use(s, e);
            link_newest(s, e);
        }
        *value = arena_copy(arena, str_of(e->bytes + 1 + e->key_bytes, e->value_bytes));
        s->hits++;
    } else {
        *ticket = s->version;
        s->misses++;
    }
    lock_give(&s->lock);
    return link != NULL;
}

void kv_cache_put(struct kv_cache *cache, enum kv_family family, str key, str value,
                  uint64_t ticket)
{
    size_t bytes = sizeof(struct entry) + 1 + key.n + value.n;
    if (bytes > cache->shard_bytes_max / 4) {
        return;
    }
    uint64_t hash = hash_of(family, key);
    struct shard *s = shard_of(cache, hash);
    lock_take(&s->lock);
    if (!s->is_closed && s->version == ticket && find(s, hash, family, key) == NULL) {
        while (s->bytes + bytes > cache->shard_bytes_max) {
            drop_oldest(s);
        }
        add(s, hash, family, key, value);
    }
    lock_give(&s->lock);
}

static void close_shard(struct kv_cache *cache, uint64_t hash)
{
    shard_of(cache, hash)->is_closed = true;
    cache->closed |= UINT64_C(1) << (hash % SHARDS);
}

/* Nobody knows which keys lie in a range. */
static void close_all(struct kv_cache *cache)
{
    for (unsigned i = 0; i < SHARDS; i++) {
        struct shard *s = &cache->shards[i];
        lock_take(&s->lock);
        drop_all(s);
        close_shard(cache, i);
        lock_give(&s->lock);
    }
}

void kv_cache_begin_write(struct kv_cache *cache, const struct kv_txn *txns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < txns[i].mutation_count; k++) {
            const struct kv_mutation *m = &txns[i].mutations[k];
            if (m->op == KV_DELETE_RANGE) {
                close_all(cache);
                return;
            }
            uint64_t hash = hash_of(m->family, m->key);
            struct shard *s = shard_of(cache, hash);
            lock_take(&s->lock);
            struct entry **link = find(s, hash, m->family, m->key);
            if (link != NULL) {
                drop(s, link);
            }
            close_shard(cache, hash);
            lock_give(&s->lock);
        }
    }
}

void kv_cache_end_write(struct kv_cache *cache)
{
    for (; cache->closed != 0; cache->closed &= cache->closed - 1) {
        struct shard *s = &cache->shards[__builtin_ctzll(cache->closed)];
        lock_take(&s->lock);
        s->version++;
        s->is_closed = false;
        lock_give(&s->lock);
    }
}

void kv_cache_statistics_get(struct kv_cache *cache, struct kv_cache_statistics *out)
{
    *out = (struct kv_cache_statistics){0};
    for (unsigned i = 0; i < SHARDS; i++) {
        struct shard *s = &cache->shards[i];
        lock_take(&s->lock);
        out->entries += s->count;
        out->bytes += s->bytes;
        out->hits += s->hits;
        out->misses += s->misses;
        lock_give(&s->lock);
    }
}
