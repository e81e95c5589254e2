/* store/unique.h -- UNIQUE constraints of USER and SHARED tables: which row has a value.
 * For:      commit_rows (kept in the same commit as the rows) and ON CONFLICT (columns).
 * Keeps:    `u/<constraint id><encoded value>` = encoded primary key of the live row that has it,
 *           over hot and cold rows of one partition. The value of a constraint of several columns
 *           is that of all of them; with a NULL among them there is no entry. Flush, compaction and
 *           their undo move versions, never values: they do not touch it. An entry whose owner is
 *           deleted is free. Entries of a constraint that went with a column stay behind until the
 *           table is dropped; its id is never used again.
 * Owns:     nothing. Threads: making: one; taking and freeing: the committer's. */
#ifndef STORE_UNIQUE_H
#define STORE_UNIQUE_H

#include "engine/kv.h"
#include "model/schema.h"

struct store;
struct table_part; /* keys.h */
struct part_txn;   /* commit_part.h */
struct table_read; /* read.h */

/* One UNIQUE constraint and a row that is written. A side that is not there has a NULL or no row.
 */
struct row_unique {
    unsigned constraint; /* index into the uniques of the table's schema */
    bool has_old;        /* the version that is superseded has a value */
    bool has_new;
    bool yields; /* ON CONFLICT: see row_op.yields */
    str old_key; /* encoded */
    str new_key;
};

/* What `values` (one per column of the schema) have together in the constraint, for entries. False
 * in *has: a NULL. `out` is cleared first. LIMIT, INVALID: it cannot be a key; the text names the
 * columns. */
MUST_USE status unique_value_key(const struct schema *schema,
                                 const struct unique_constraint *constraint,
                                 const struct value *values, struct buf *out, bool *has,
                                 struct error *err);
/* "mail" or "(a, b)"; and a value_key in the same form, for messages. */
void unique_append_columns(struct buf *out, const struct schema *schema,
                           const struct unique_constraint *constraint);
MUST_USE status unique_append_value(struct buf *out, const struct schema *schema,
                                    const struct unique_constraint *constraint, str value_key,
                                    struct error *err);
/* One row_unique per constraint of the schema, in their order, in the arena. `old_values`,
 * `new_values`: one per column each; NULL: no such version, or a deleted one. LIMIT, INVALID as
 * unique_value_key. */
MUST_USE status unique_make(const struct schema *schema, const struct value *old_values,
                            const struct value *new_values, struct buf *scratch,
                            struct arena *arena, struct row_unique **out, struct error *err);
/* Bytes of the keys, for the limit of a commit. */
size_t unique_bytes(const struct row_unique *unique, unsigned count);

/* What the row with `key` gives up. All rows of a request give up before one of them takes. */
MUST_USE status unique_free(struct part_txn *p, const struct schema *schema, str key,
                            const struct row_unique *unique, unsigned count, struct error *err);
/* What it takes. CONSTRAINT: another live row has it; *owner_seq is the `_seq` of that row's newest
 * version and *taken the constraint; the caller says it. */
MUST_USE status unique_take(struct part_txn *p, const struct schema *schema, str key,
                            const struct row_unique *unique, unsigned count,
                            const struct row_unique **taken, uint64_t *owner_seq,
                            struct error *err);

/* Does the row only keep the value that it has? */
bool unique_is_kept(const struct row_unique *unique);

/* Whose the value of a constraint was in the view, by its encoded primary key, which lives in the
 * arena: that row may be deleted. */
MUST_USE status unique_find_entry(struct store *store, struct kv_view *view,
                                  const struct table_part *part, uint32_t unique_id, str value_key,
                                  enum kv_get_mode mode, struct arena *arena, bool *found,
                                  str *owner_key, struct error *err);
/* The encoded primary key of the row that has the value in the view; texts live in read->arena. A
 * row whose newest version is a tombstone has none. UNAVAILABLE with KV_NO_IO: not in memory. */
MUST_USE status table_find_unique(struct table_read *read, uint32_t unique_id, str value_key,
                                  enum kv_get_mode mode, bool *found, str *owner_key,
                                  struct error *err);

#endif
