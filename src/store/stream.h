/* store/stream.h -- removing STREAM rows that are older than their table's TTL, or more than its
 * bound (max_buffer) keeps in a partition.
 * For:      the eviction jobs. Reads hide rows past their TTL at once, and show those over the
 *           bound until they are removed here.
 * Threads:  a job thread. */
#ifndef STORE_STREAM_H
#define STORE_STREAM_H

#include "store/store.h"

/* Removes rows of one STREAM table in one partition, oldest first, a thousand per commit: those
 * past their TTL, and those over the bound, until exactly that many are left. Stops between two
 * commits when `cancel` (may be NULL) is not 0; what is done stays done, the next call goes on.
 * *evicted: how many. NOT_FOUND: no such STREAM table. */
MUST_USE status stream_evict(struct store *store, table_id table, str owner,
                             const atomic_count *cancel, uint64_t *evicted, struct error *err);

/* A STREAM table in one partition that has so many rows over its bound that they are not left to
 * the next sweep: a tenth of the bound, and at least STREAM_SLACK_ROWS. */
enum { STREAM_SLACK_ROWS = 100 };
struct stream_candidate {
    table_id table;
    str owner;
};
/* Those of the tables of the snapshot, in the arena. */
void stream_candidates(struct store *store, const struct catalog_snapshot *snapshot,
                       struct arena *arena, struct stream_candidate **out, size_t *count);

#endif
