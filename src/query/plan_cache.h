/* query/plan_cache.h -- finished plans by what they depend on.
 * For:      SELECTs that passed the gate (63 µs saved each), keyed by text, namespace, role,
 *           parameter count and catalog version: any DDL makes every older plan unreachable.
 * Owns:     its entries; a plan that is in use is counted and survives its eviction.
 * Threads:  any. */
#ifndef QUERY_PLAN_CACHE_H
#define QUERY_PLAN_CACHE_H

#include "base/arena.h"
#include "base/lock.h"

struct plan_cache;

/* The base of everything cached: counted, with the arena that holds it. */
struct plan {
    refcount refs;
    struct arena arena;
    void (*release)(struct plan *plan); /* what the arena does not end; may be NULL */
};
/* Gives a hold back; the last one frees the plan (allocated by mem_alloc). */
void plan_give(struct plan *plan);

/* Least recently used entries go above `entries_max`; 0: nothing is kept. */
struct plan_cache *plan_cache_create(uint32_t entries_max);
void plan_cache_destroy(struct plan_cache *cache);
/* A hold on the plan, or NULL. */
struct plan *plan_cache_find(struct plan_cache *cache, str key);
/* Keeps `plan` (takes a hold of its own); an entry of the same key is replaced. */
void plan_cache_put(struct plan_cache *cache, str key, struct plan *plan);
void plan_cache_clear(struct plan_cache *cache);

struct plan_cache_statistics {
    uint64_t entries;
    uint64_t hits;
    uint64_t misses;
    uint64_t evictions;
};
void plan_cache_statistics_get(struct plan_cache *cache, struct plan_cache_statistics *out);

#endif
