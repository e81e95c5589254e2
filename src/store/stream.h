/* store/stream.h -- removing STREAM rows that are older than their table's TTL.
 * For:      the eviction job. Reads hide such rows at once; this gives their room back.
 * Threads:  a job thread. */
#ifndef STORE_STREAM_H
#define STORE_STREAM_H

#include "store/store.h"

/* Removes the expired rows of one STREAM table in one partition, a thousand per commit. *evicted:
 * how many. NOT_FOUND: no such STREAM table. */
MUST_USE status stream_evict(struct store *store, table_id table, str owner, uint64_t *evicted,
                             struct error *err);
/* The same for every STREAM table in every partition; stops early when `cancel` (may be NULL) is
 * not 0. */
MUST_USE status stream_evict_all(struct store *store, const atomic_count *cancel, uint64_t *evicted,
                                 struct error *err);

#endif
