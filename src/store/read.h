/* store/read.h -- reading one table in one partition at one instant.
 * For:      point reads, hot scans, the dead set and the list of segments that SELECT joins, pages
 * of live queries. All of one statement go through one view. Owns:     a table_read lives in the
 * caller's arena and borrows view and part. Threads:  one at a time, as its view. A table_read with
 * a cold source open keeps the engine slot busy: one cold source or point read per slot at a time.
 */
#ifndef STORE_READ_H
#define STORE_READ_H

#include "model/row.h"
#include "store/records.h"
#include "store/staged.h"

struct table_read {
    struct store *store;
    struct kv_view *view;
    const struct table_part *part;
    struct arena *arena;
    struct cold_slot slot;
    struct table_state state; /* of the view */
    int64_t now_us;           /* wall clock at opening: STREAM rows older than the TTL are hidden */
    const struct segment *segments; /* ascending; NULL until read */
    unsigned segment_count;
    const struct staged_table *staged; /* rows of the reading transaction over the view; NULL: none.
                                          Set after opening; table_scan_current takes none */
    struct buf key;
};

/* Loads the table state. UNAVAILABLE with KV_NO_IO: ask again on a thread that may wait. What hangs
 * on the read is released with the arena. */
MUST_USE status table_read_open(struct store *store, struct kv_view *view,
                                const struct table_part *part, struct cold_slot slot,
                                enum kv_get_mode mode, struct arena *arena, struct table_read **out,
                                struct error *err);

enum table_tier { TIER_HOT, TIER_COLD };
/* The newest version of a key in the view. */
struct table_row {
    bool found;      /* there is a version, perhaps a tombstone */
    bool is_deleted; /* it is a tombstone: callers that do not ask for deleted rows see nothing */
    uint64_t seq;
    enum table_tier tier;
    str bytes; /* the row; in the arena. A cold one is encoded under `schema`, a hot one in the
                  version that wrote it: fetch row_schema_version(bytes) before row_open */
};
/* UNAVAILABLE with KV_NO_IO: not in memory, or cold. `schema` is needed for cold rows only. */
MUST_USE status table_get(struct table_read *read, str key, enum kv_get_mode mode,
                          const struct schema *schema, struct table_row *out, struct error *err);
/* The same for rows that need no table state: *is_elsewhere false: `out` is the answer (absent, or
 * a hot row); true: the row is cold, ask table_get. One look-up less on the way of every hot point
 * read. Without a view it is the newest (kv_get_newest), and `elsewhere` may also be a row
 * that moved meanwhile: ask with a view. Not for STREAM tables, whose rows expire. */
MUST_USE status table_get_hot(struct store *store, struct kv_view *view,
                              const struct table_part *part, str key, enum kv_get_mode mode,
                              struct arena *arena, struct table_row *out, bool *is_elsewhere,
                              struct error *err);
/* Is the newest version live, and which `_seq` has it? Reads only `p`. */
MUST_USE status table_find_key(struct table_read *read, str key, enum kv_get_mode mode, bool *found,
                               uint64_t *seq, bool *is_deleted, struct error *err);

/* -- sources; columns as in duck_scan: the schema's, then _seq, _updated, _deleted ----------------
 */

#define TABLE_SEQ_MAX ((uint64_t)INT64_MAX)
struct table_scan {
    const struct schema *schema; /* under which rows are seen */
    const uint64_t *wanted;      /* bits of columns to fill; NULL: all */
    uint64_t seq_after;          /* rows with seq_after < _seq <= seq_to */
    uint64_t seq_to;             /* TABLE_SEQ_MAX: no bound */
    enum kv_direction direction; /* of _seq */
    bool want_deleted;
};
#define TABLE_SCAN_ALL(of) ((struct table_scan){.schema = (of), .seq_to = TABLE_SEQ_MAX})

/* Rows of the hot tier. The source lives until its close; the read must outlive it. */
MUST_USE status table_scan_hot(struct table_read *read, const struct table_scan *scan,
                               struct duck_source *out, struct error *err);
/* Seqs of superseded cold rows: batches of one BIGINT column. Ascending, but those that staged rows
 * supersede come last. */
MUST_USE status table_scan_dead(struct table_read *read, struct duck_source *out,
                                struct error *err);
/* All current rows of both tiers, ascending by `_seq` (direction is ignored): pages of live queries
 * take what they need and close it. */
MUST_USE status table_scan_current(struct table_read *read, const struct table_scan *scan,
                                   struct duck_source *out, struct error *err);
/* A batch with the columns that the sources fill; ended by batch_destroy. */
struct batch *table_batch_create(const struct schema *schema);

/* -- segments -----------------------------------------------------------------------------------
 */

struct table_file {
    const struct segment *segment;
    str path; /* absolute */
};
/* The segments newest first, in the arena. Each file is checked against its checksum when this
 * process meets it first. `keep` (NULL: all) leaves out files that a plan has pruned; such a file
 * is not even looked at. CORRUPT, or NOT_FOUND: a file is damaged or gone; the text names it. */
typedef status table_file_keep_fn(void *context, const struct segment *segment, str path,
                                  bool *is_kept, struct error *err);
MUST_USE status table_files(struct table_read *read, table_file_keep_fn *keep, void *context,
                            struct table_file **out, unsigned *count, struct error *err);
/* The manifest in the view, ascending, read once. */
MUST_USE status table_segments(struct table_read *read, struct error *err);

/* What the state says without reading rows: rows in `r` (tombstones included), cold rows that are
 * not dead (tombstones included). */
uint64_t table_hot_rows(const struct table_read *read);
uint64_t table_cold_rows(const struct table_read *read);

#endif
