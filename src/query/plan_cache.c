/* query/plan_cache.c -- a map and a list in order of use, newest first. */
#include "query/plan_cache.h"
#include "base/map.h"
#include "base/metric.h"

struct entry {
    struct entry *newer;
    struct entry *older;
    struct plan *plan;
    str key; /* a copy in the entry's memory */
};

struct plan_cache {
    struct lock lock; /* guards all below */
    struct map entries;
    struct entry *newest;
    struct entry *oldest;
    uint32_t entries_max;
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
    struct plan_cache_statistics statistics;
    plan_cache_statistics_get(context, &statistics);
    metric_sample_cache(out, "plan", statistics.hits, statistics.misses, statistics.entries);
}

struct plan_cache *plan_cache_create(uint32_t entries_max)
{
    struct plan_cache *cache = mem_alloc_zeroed(sizeof *cache);
    lock_init(&cache->lock, LOCK_PLAN_CACHE);
    map_init(&cache->entries);
    cache->entries_max = entries_max;
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

struct plan *plan_cache_find(struct plan_cache *cache, str key)
{
    lock_take(&cache->lock);
    struct entry *e = map_find(&cache->entries, key);
    struct plan *plan = NULL;
    if (e != NULL) {
        unlink_entry(cache, e);
        link_newest(cache, e);
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
    if (cache->entries_max == 0) {
        return;
    }
    struct entry *e = mem_alloc(sizeof *e + key.n);
    memcpy(e + 1, key.p, key.n);
    e->key = str_of(e + 1, key.n);
    e->plan = plan;
    refcount_take(&plan->refs);
    lock_take(&cache->lock);
    struct entry *before = map_find(&cache->entries, key);
    if (before != NULL) {
        remove_entry(cache, before);
    }
    while (cache->entries.count >= cache->entries_max) {
        remove_entry(cache, cache->oldest);
        cache->statistics.evictions++;
    }
    (void)map_put(&cache->entries, e->key, e);
    link_newest(cache, e);
    lock_give(&cache->lock);
}

void plan_cache_statistics_get(struct plan_cache *cache, struct plan_cache_statistics *out)
{
    lock_take(&cache->lock);
    *out = cache->statistics;
    out->entries = cache->entries.count;
    lock_give(&cache->lock);
}
