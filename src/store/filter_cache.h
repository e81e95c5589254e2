/* store/filter_cache.h -- bloom filters of segments in memory, as many as a limit allows.
 * For:      leaving out files that cannot have a value, before the engine opens them: it reads no
 *           filter for IN lists and TIMESTAMP, and it opens every file it is given.
 * Rules:    1. a filter is used only when the tail that it was read from had its checksum
 *           2. an entry is named by path and checksum: a file of the same name is another one
 *           3. no filter, or one of a type that the value has not: the file may have the value
 * Owns:     its copies of the bits; the least recently used go first.
 * Threads:  any; one lock, never held during I/O. */
#ifndef STORE_FILTER_CACHE_H
#define STORE_FILTER_CACHE_H

#include "base/lock.h"
#include "base/map.h"
#include "model/value.h"
#include "store/records.h"

struct filter_entry;

struct filter_cache_stats {
    uint64_t hits;      /* asked, and in memory */
    uint64_t misses;    /* asked, and read from the file */
    uint64_t evictions; /* gone because of the limit */
    uint64_t entries;   /* now: columns of files */
    uint64_t bytes;     /* now */
    uint64_t bytes_max;
    uint64_t files_listed; /* files that statements could have needed */
    uint64_t files_pruned; /* of these, left out */
};

struct filter_cache {
    struct lock lock; /* guards all below */
    struct map entries;
    struct filter_entry *newest;
    struct filter_entry *oldest;
    struct filter_cache_stats stats;
};

/* Empty; keeps at most `bytes_max` bytes of filters, the ones used last. */
void filter_cache_init(struct filter_cache *cache, uint64_t bytes_max);
void filter_cache_release(struct filter_cache *cache);

struct store;
/* *may false: no row of the segment has that value in the column. TEXT, integers and TIMESTAMP are
 * asked; for other values, and with a cache of no bytes, the answer is true. CORRUPT: the file or
 * its tail is damaged; IO. */
MUST_USE status segment_may_have(struct store *store, const struct segment *segment, str path,
                                 uint32_t field_id, const struct value *v, bool *may,
                                 struct error *err);
/* Counts files of one statement's table. */
void segment_count_pruned(struct store *store, uint64_t listed, uint64_t pruned);
void store_filter_stats(struct store *store, struct filter_cache_stats *out);

#endif
