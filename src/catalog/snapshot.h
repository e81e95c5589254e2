/* catalog/snapshot.h -- building the published snapshots.
 * For:      catalog/ only. A snapshot is the one before with one object added or replaced, and some
 *           removed.
 * Threads:  built by the committer thread (or at open), then immutable. */
#ifndef CATALOG_SNAPSHOT_H
#define CATALOG_SNAPSHOT_H

#include "catalog/record.h"

/* The parts that catalog.h does not show. */
struct snapshot_body {
    struct catalog_snapshot shown; /* first: the public view */
    struct object **objects;       /* by kind, then key; counted */
    unsigned object_count;
};

/* A snapshot of `objects` (sorted here; each is taken). */
struct snapshot_body *snapshot_create(struct object **objects, unsigned count, uint64_t version);
/* An object that goes, by its kind and key. */
struct removal {
    enum record_kind kind;
    str key;
    table_id table; /* when it is a table; else 0 */
    struct removal *next;
};

/* `before` without those of the list `removed` and with `added` (NULL: none). */
struct snapshot_body *snapshot_change(const struct snapshot_body *before,
                                      const struct removal *removed, struct object *added);

#endif
