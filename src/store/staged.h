/* store/staged.h -- what a transaction has written and not yet committed.
 * For:      explicit transactions (query/transaction.h): each statement's row_write is staged
 *           instead of submitted; reads of the transaction see its view with the staged rows laid
 *           over it (read.h); COMMIT writes one op per key that changed, with the version that the
 *           view showed as its expectation: the first committer wins, which is snapshot isolation.
 * Rules:    `_seq` of a staged row is provisional: above all others, replaced at COMMIT.
 * Touches:  base, model, engine/kv (reading the view), commit_rows.h.
 * Owns:     its maps and lists. Ops are borrowed: every staged row_write outlives the struct.
 * Threads:  one at a time. */
#ifndef STORE_STAGED_H
#define STORE_STAGED_H

#include "store/commit_rows.h"

/* Provisional seqs begin here: in the year 2076 by the snowflake's clock. */
#define STAGED_SEQ_FIRST UINT64_C(0x6000000000000000)

struct staged;
struct staged_table; /* one table in one partition */

/* A key that the transaction wrote. */
struct staged_row {
    str key;           /* encoded */
    uint64_t base_seq; /* version in the view, a tombstone too; 0: none */
    bool base_is_live;
    struct staged_version *oldest; /* its op knows the live base version */
    struct staged_version *newest; /* NULL, as oldest: all of it was rolled back */
};

struct staged_version {
    struct staged_table *table;
    struct staged_row *row;
    struct staged_version *older;
    const struct row_op *op; /* borrowed; seq, row, kind */
};

static inline bool staged_is_deleted(const struct staged_version *version)
{
    return version->op->kind == ROW_DELETE;
}

/* `view` is the transaction's; borrowed. Ended by staged_destroy. */
struct staged *staged_create(struct store *store, struct kv_view *view);
void staged_destroy(struct staged *staged); /* NULL allowed */

/* Evaluates the ops of a finished row_write against view and staged rows, as the committer would,
 * and keeps them: all or none. Results (seq, old_seq, was_live) are in the ops. `now_us` is the
 * `_updated` that the transaction sees. CONSTRAINT: an insert found its key, or another live row of
 * view and staged rows has a UNIQUE value (COMMIT looks again, at what others committed). CONFLICT:
 * the table was altered since its first staged row. UNSUPPORTED: a STREAM table. */
MUST_USE status staged_add(struct staged *staged, struct row_write *write, int64_t now_us,
                           struct error *err);

/* Savepoints: everything that was added since the mark is forgotten. */
size_t staged_mark(const struct staged *staged);
void staged_rollback(struct staged *staged, size_t mark);

/* The rows of a part; NULL: none were ever staged. */
const struct staged_table *staged_find_table(const struct staged *staged,
                                             const struct table_part *part);
/* The newest staged version of a key; NULL: ask the view. */
const struct staged_version *staged_find(const struct staged_table *table, str key);
/* The key of the staged live row that has a value of a UNIQUE constraint (unique.h). */
bool staged_find_unique(const struct staged_table *table, uint32_t unique_id, str value_key,
                        str *owner_key);
/* Keys that were ever staged: an upper bound for estimates. */
size_t staged_row_count(const struct staged_table *table);
/* Live versions and tombstones, ascending by provisional seq; in the arena. */
const struct staged_version **staged_versions(const struct staged_table *table, struct arena *arena,
                                              size_t *count);
/* Seqs of the view that staged rows supersede, ascending; in the arena. */
const uint64_t *staged_superseded(const struct staged_table *table, struct arena *arena,
                                  size_t *count);

/* Adds what COMMIT has to write, in the order of the last change of each key. LIMIT as in
 * commit_rows.h. */
MUST_USE status staged_write(const struct staged *staged, struct row_write *write,
                             struct error *err);

struct staged_statistics {
    uint64_t ops;   /* staged and not rolled back */
    uint64_t bytes; /* estimate of all that was staged, rolled back or not: memory */
    unsigned tables;
};
/* What it holds now. */
struct staged_statistics staged_statistics(const struct staged *staged);

#endif
