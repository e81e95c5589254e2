/* query/system_cache.h -- whole reads of system tables, each kept for a while.
 * For:      system.tables (with schemas and columns), namespaces, live, storages, jobs: what the
 *           admin page and clients ask for again and again.
 * Rights:   the asker is part of the key (system.c builds it): rows are given only to whom they
 *           were made for, whatever the fill function masked or left out.
 * Fresh:    every entry knows the version of its source: of the catalog's snapshot, of the jobs, of
 *           the list of live queries. A version grows before the write that it counts is
 *           acknowledged, and an entry of another version is never given out; so nobody reads an
 *           older state than their own write. The time to live bounds what no version counts: the
 *           counters of live queries.
 * Owns:     a hold on each result. Results in use are counted and outlive their entry.
 * Threads:  any. Readers never wait for each other. */
#ifndef QUERY_SYSTEM_CACHE_H
#define QUERY_SYSTEM_CACHE_H

#include "base/clock.h"
#include "base/str.h"

enum system_kind {
    SYSTEM_TABLES, /* and system.schemas, system.columns */
    SYSTEM_NAMESPACES,
    SYSTEM_LIVE,
    SYSTEM_STORAGES,
    SYSTEM_JOBS,
    SYSTEM_KIND_COUNT
};

struct system_cache_options {
    const struct clock *clock;
    uint32_t ttl_s[SYSTEM_KIND_COUNT]; /* 0: this kind is not kept */
    uint64_t bytes_max;                /* of all results; the least recently used go above it */
};

struct system_cache;
struct system_rows; /* system.h */

/* An empty cache; `options` are copied. */
struct system_cache *system_cache_create(const struct system_cache_options *options);
void system_cache_destroy(struct system_cache *cache); /* NULL allowed */

/* Is the table of namespace `system` one whose rows are kept, and of which kind? */
bool system_cache_has(const struct system_cache *cache, str table, enum system_kind *kind);

/* A hold on the rows (system_rows_release), or NULL: not there, too old, or of another version. */
MUST_USE struct system_rows *system_cache_get(struct system_cache *cache, enum system_kind kind,
                                              str key, uint64_t version);
/* Keeps `rows` (takes a hold of its own), unless a newer version is there already or they are too
 * large to share the room. `version` was read before the first of them was made. */
void system_cache_put(struct system_cache *cache, enum system_kind kind, str key, uint64_t version,
                      struct system_rows *rows);

/* Each gives the number of results that went. */
unsigned system_cache_invalidate(struct system_cache *cache, enum system_kind kind);
unsigned system_cache_clear(struct system_cache *cache);
/* Those whose time is over. */
unsigned system_cache_sweep(struct system_cache *cache);

struct system_cache_statistics {
    uint64_t entries; /* now: active + expired */
    uint64_t active;
    uint64_t expired;
    uint64_t bytes;
    uint64_t hits; /* since the start, as all below */
    uint64_t misses;
    uint64_t evictions;     /* for want of room */
    uint64_t invalidations; /* found outdated by a write, or removed by system_cache_invalidate */
};
/* One instant, exact. */
void system_cache_statistics_get(struct system_cache *cache, struct system_cache_statistics *out);

#endif
