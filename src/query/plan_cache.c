/* query/plan_cache.c -- a map and a list in order of use, newest first. */
#include "query/plan_cache.h"
#include "base/map.h"
#include "base/metric.h"

struct entry {
    struct entry *newer;
    struct entry *older;
    struct plan *plan;
    uint64_t used_us; /* monotonic; the list is ordered by it */
    str key;          /* a copy in the entry's memory */
};

struct plan_cache {
    struct lock lock; /* guards all below */
    struct map entries;
    struct entry *newest;
    struct entry *oldest;
    struct plan_cache_options options;
    struct plan_cache_statistics statistics;
};

void plan_give(struct plan *plan)
{
    if (plan != NULL && refcount_give(&plan->refs)) {
        if (plan->release != NULL) {
            plan->release(plan);
        }
        arena_release(&plan->arena);
        mem_free(plan);
    }
}

static void collect(void *context, struct metric_samples *out)
{
    struct plan_cache *cache = context;
    struct plan_cache_statistics statistics;
    plan_cache_statistics_get(cache, &statistics);
    metric_sample_cache(out, cache->options.name, statistics.hits, statistics.misses,
                        statistics.entries);
}

struct plan_cache *plan_cache_create(const struct plan_cache_options *options)
{
    struct plan_cache *cache = mem_alloc_zeroed(sizeof *cache);
    lock_init(&cache->lock, LOCK_PLAN_CACHE);
    map_init(&cache->entries);
    cache->options = *options;
    metric_collector_add(collect, cache);
    return cache;
}

static void unlink_entry(struct plan_cache *cache, struct entry *e)
{
    *(e->newer != NULL ? &e->newer->older : &cache->newest) = e->older;
    *(e->older != NULL ? &e->older->newer : &cache->oldest) = e->newer;
}

static void link_newest(struct plan_cache *cache, struct entry *e)
{
    e->newer = NULL;
    e->older = cache->newest;
    *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = e;
    cache->newest = e;
}

static void remove_entry(struct plan_cache *cache, struct entry *e)
{
    (void)map_remove(&cache->entries, e->key);
    unlink_entry(cache, e);
    plan_give(e->plan);
    mem_free(e);
}

void plan_cache_clear(struct plan_cache *cache)
{
    lock_take(&cache->lock);
    while (cache->oldest != NULL) {
        remove_entry(cache, cache->oldest);
    }
    lock_give(&cache->lock);
}

void plan_cache_destroy(struct plan_cache *cache)
{
    metric_collector_remove(collect, cache);
    plan_cache_clear(cache);
    map_release(&cache->entries);
    lock_release(&cache->lock);
    mem_free(cache);
}

static bool is_expired(const struct plan_cache *cache, const struct entry *e, uint64_t now_us)
{
    enum { US_PER_S = 1000000 };
    uint64_t ttl_us = (uint64_t)cache->options.ttl_s * US_PER_S;
    return ttl_us > 0 && now_us >= e->used_us + ttl_us;
}

unsigned plan_cache_sweep(struct plan_cache *cache)
{
    uint64_t now_us = clock_mono_us(cache->options.clock);
    unsigned count = 0;
    lock_take(&cache->lock);
    for (; cache->oldest != NULL && is_expired(cache, cache->oldest, now_us); count++) {
        remove_entry(cache, cache->oldest);
    }
    lock_give(&cache->lock);
    return count;
}

struct plan *plan_cache_find(struct plan_cache *cache, str key)
{
    uint64_t now_us = clock_mono_us(cache->options.clock);
    lock_take(&cache->lock);
    struct entry *e = map_find(&cache->entries, key);
    struct plan *plan = NULL;
    if (e != NULL && is_expired(cache, e, now_us)) {
        remove_entry(cache, e);
        e = NULL;
    }
    if (e != NULL) {
        unlink_entry(cache, e);
        link_newest(cache, e);
        e->used_us = now_us;
        plan = e->plan;
        refcount_take(&plan->refs);
        cache->statistics.hits++;
    } else {
        cache->statistics.misses++;
    }
    lock_give(&cache->lock);
    return plan;
}

void plan_cache_put(struct plan_cache *cache, str key, struct plan *plan)
{
    if (cache->options.entries_max == 0) {
        return;
    }
    struct entry *e = mem_alloc(sizeof *e + key.n);
    memcpy(e + 1, key.p, key.n);
    e->key = str_of(e + 1, key.n);
    e->plan = plan;
    e->used_us = clock_mono_us(cache->options.clock);
    refcount_take(&plan->refs);
    lock_take(&cache->lock);
    struct entry *before = map_find(&cache->entries, key);
    if (before != NULL) {
        remove_entry(cache, before);
    }
    while (cache->entries.count >= cache->options.entries_max) {
        remove_entry(cache, cache->oldest);
        cache->statistics.evictions++;
    }
    (void)map_put(&cache->entries, e->key, e);
    link_newest(cache, e);
    lock_give(&cache->lock);
}

void plan_cache_statistics_get(struct plan_cache *cache, struct plan_cache_statistics *out)
{
    uint64_t now_us = clock_mono_us(cache->options.clock);
    lock_take(&cache->lock);
    *out = cache->statistics;
    out->entries = cache->entries.count;
    const struct entry *e = cache->oldest;
    for (; e != NULL && is_expired(cache, e, now_us); e = e->newer) {
        out->expired++;
    }
    lock_give(&cache->lock);
    out->active = out->entries - out->expired;
}
