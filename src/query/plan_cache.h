/* query/plan_cache.h -- finished plans by what they depend on.
 * For:      SELECTs that passed the gate (63 µs saved each), keyed by text, namespace, role,
 *           parameter count and catalog version: any DDL makes every older plan unreachable.
 * Owns:     its entries; a plan that is in use is counted and survives its eviction.
 * Threads:  any. */
#ifndef QUERY_PLAN_CACHE_H
#define QUERY_PLAN_CACHE_H

#include "base/arena.h"
#include "base/clock.h"

struct plan_cache;

/* The base of everything cached: counted, with the arena that holds it. */
struct plan {
    refcount refs;
    struct arena arena;
    void (*release)(struct plan *plan); /* what the arena does not end; may be NULL */
};
/* Gives a hold back; the last one frees the plan (allocated by mem_alloc). */
void plan_give(struct plan *plan);

struct plan_cache_options {
    const char *name; /* of its metrics; static */
    const struct clock *clock;
    uint32_t entries_max; /* above it the least recently used goes; 0: nothing is kept */
    uint32_t ttl_s;       /* after which a plan that nobody used is forgotten; 0: never */
};
/* An empty cache; `options` are copied. */
struct plan_cache *plan_cache_create(const struct plan_cache_options *options);
void plan_cache_destroy(struct plan_cache *cache);
/* A hold on the plan, or NULL: not there or too old. */
struct plan *plan_cache_find(struct plan_cache *cache, str key);
/* Keeps `plan` (takes a hold of its own); an entry of the same key is replaced. */
void plan_cache_put(struct plan_cache *cache, str key, struct plan *plan);
void plan_cache_clear(struct plan_cache *cache);
/* Forgets the plans whose time is over; how many went. */
unsigned plan_cache_sweep(struct plan_cache *cache);

struct plan_cache_statistics {
    uint64_t entries; /* now: active + expired */
    uint64_t active;
    uint64_t expired;
    uint64_t hits; /* since the start, as all below */
    uint64_t misses;
    uint64_t evictions; /* for want of room */
};
/* One instant, exact. */
void plan_cache_statistics_get(struct plan_cache *cache, struct plan_cache_statistics *out);

#endif
