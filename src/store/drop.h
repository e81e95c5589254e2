/* store/drop.h -- removing the data of a dropped table.
 * For:      the job after DROP TABLE, and starts that find one unfinished. catalog_drop_table has
 * been committed: no write of the table is accepted any more. Every step may be repeated. Order:
 * per partition: the keys by ranges and the files' names out of the manifest in one commit; then
 * the files, once no view can read them; at the end the catalog's last record. Threads:  a job
 * thread. */
#ifndef STORE_DROP_H
#define STORE_DROP_H

#include "store/store.h"

struct drop_result {
    uint64_t partitions;
    uint64_t files;
};

/* BUSY: a flush or compaction of the table is under way; try again. */
MUST_USE status store_drop_table(struct store *store, const struct dropped_table *dropped,
                                 struct drop_result *result, struct error *err);

#endif
