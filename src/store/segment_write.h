/* store/segment_write.h -- writing one segment file from a source, for flush and compaction.
 * For:      tmp, fsync, rename, fsync of the folder as separate steps; counting what goes by for
 * the manifest entry. Threads:  those of its job. */
#ifndef STORE_SEGMENT_WRITE_H
#define STORE_SEGMENT_WRITE_H

#include "store/scan_private.h"
#include "store/segment.h"

struct segment_write {
    struct store *store;
    struct arena *arena;
    struct schema *schema;  /* counted */
    struct segment segment; /* number, low, high, directory by the caller; the rest by us */
    str folder;             /* absolute */
    str path;               /* of the file; .tmp is appended to it first */
    str tmp;
    struct duck_source inner;
    uint32_t bloom;             /* as in struct table; 0 by segment_write_init */
    const atomic_count *cancel; /* not 0: stop */
    uint64_t hot_after;         /* rows above are hot ones, counted in hot_rows */
    uint64_t hot_rows;
};

/* Fills paths from segment.directory and segment.number. */
void segment_write_init(struct segment_write *write, struct store *store, struct arena *arena,
                        struct schema *schema, const struct segment *segment);
/* Writes the tmp file from `source` (closed in any case). segment.rows 0: it had no rows, the file
 * is not needed. */
MUST_USE status segment_write_copy(struct segment_write *write, struct cold_slot slot,
                                   const struct duck_source *source, struct error *err);
MUST_USE status segment_write_sync(struct segment_write *write, struct error *err);
MUST_USE status segment_write_rename(struct segment_write *write, struct error *err);
MUST_USE status segment_write_place(struct segment_write *write, struct error *err);
/* Removes whatever of it is there; no manifest names it. */
void segment_write_discard(struct segment_write *write);

#endif
