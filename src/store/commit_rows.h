/* store/commit_rows.h -- the one way to write rows.
 * For:      INSERT, UPDATE, DELETE of one or several tables in one commit request. Rows are encoded
 *           when they are added; `_seq` and `_updated` are set when the committer evaluates.
 * Use:      row_write_init, row_write_table per (table, partition), row_write_insert/update/delete/
 *           upsert, then row_write_run (waits) or row_write_submit; results are in the ops.
 * Rules:    evaluated in order, each op sees the ones before it; UNIQUE values are taken after all
 *           ops of the request gave up theirs. An op whose expectation fails fails the whole
 *           request, and only it:
 *             CONSTRAINT  an insert found its key, or a UNIQUE value is taken
 *             CONFLICT    an update or delete (or an op that `yields`) lost a race, or the schema
 *                         version is not the newest: bind and run the statement again
 *             LIMIT       the request is over LIMIT_COMMIT_BYTES
 *           New rows of an ephemeral STREAM table that nobody watches (change_sink.is_watched) are
 *           checked like others and get their `_seq`; the request is OK, and they are not kept.
 * Again:    a row_write may be evaluated later than it was made (staged by a transaction, COMMIT):
 *           everything that is checked is in its tables and ops. Evaluated each time: the schema
 *           version, absent or expect_seq of each key, the UNIQUE values, `_seq`, `_updated`.
 * Owns:     all memory is in the caller's arena and must live until `done` (COMMIT_ASYNC:
 *           `release`).
 * Threads:  prepared on any one thread; evaluated on the committer's. */
#ifndef STORE_COMMIT_ROWS_H
#define STORE_COMMIT_ROWS_H

#include "model/row.h"
#include "store/answers.h"
#include "store/store.h"
#include "store/unique.h"

enum row_op_kind {
    ROW_INSERT, /* expects absent or deleted */
    ROW_UPDATE, /* expects `_seq` == expect_seq */
    ROW_DELETE, /* expects `_seq` == expect_seq; STREAM: removes it */
    ROW_UPSERT  /* expects nothing */
};

struct row_op {
    enum row_op_kind kind;
    struct value key_value; /* for messages; NULL value in a table without a key */
    str key;                /* encoded; empty in a table without a key */
    uint64_t expect_seq;
    char *row; /* encoded new version (delete: tombstone); `_updated` is patched in */
    size_t row_bytes;
    str old_row; /* update, delete: bytes of the version expect_seq */
    /* One per UNIQUE constraint (write table's unique_count). The old side belongs to expect_seq
     * and old_row, the new side to row: whoever joins two ops of one key into one keeps the old
     * side of the first and the new side of the last. */
    struct row_unique *unique;
    bool yields; /* ON CONFLICT: it was read that the key is free, so when it is not any more a race
                    was lost: CONFLICT instead of CONSTRAINT. row_unique.yields: the same */
    /* Results, once done said OK. */
    uint64_t seq;     /* of the new version */
    uint64_t old_seq; /* of the version that it superseded; 0: none */
    bool was_live;    /* a live (not deleted) version was superseded */
};

/* The ops of one table in one partition. */
struct row_write_table {
    struct row_write *write;
    struct table_part part;
    struct schema *schema; /* newest version at binding; counted */
    unsigned unique_count; /* of the schema */
    struct row_op *ops;
    size_t op_count;
    size_t op_capacity;
    struct row_write_table *next;
};

struct row_write {
    struct commit_request request; /* first */
    struct store *store;
    struct arena *arena;
    struct buf scratch;
    struct row_write_table *tables; /* in the order of row_write_table */
    struct row_write_table **tables_end;
    void (*done)(struct row_write *write, status result);
    void (*release)(struct row_write *write); /* COMMIT_ASYNC only */
    struct answer_claim *claim; /* keeps the answer in the same commit; NULL: no Idempotency-Key */
    void *context;              /* the submitter's */
    uint64_t last_seq;          /* result: greatest `_seq` given */
    int64_t updated_us;         /* result: `_updated` of all rows */
};

/* Ended by row_write_release. */
void row_write_init(struct row_write *write, struct store *store, struct arena *arena);
void row_write_release(struct row_write *write);

/* Ops that follow go to this table; `part` is copied (its texts are not), the schema is taken. The
 * same part may come several times. */
struct row_write_table *row_write_table(struct row_write *write, const struct table_part *part,
                                        struct schema *schema);

/* `values`: one per column of the schema, coerced, NOT NULL checked by the caller. The key is the
 * value of the key column. INVALID, LIMIT: the key or the row cannot be encoded. */
MUST_USE status row_write_insert(struct row_write_table *to, const struct value *values,
                                 struct error *err);
/* UNSUPPORTED for tables with UNIQUE columns: the values that it supersedes are not known. */
MUST_USE status row_write_upsert(struct row_write_table *to, const struct value *values,
                                 struct error *err);
/* `old_row`: the bytes of version `expect_seq` as table_get gave them; `old_values`: its values
 * under the write table's schema, needed (not NULL) when that has UNIQUE columns. */
MUST_USE status row_write_update(struct row_write_table *to, uint64_t expect_seq, str old_row,
                                 const struct value *old_values, const struct value *values,
                                 struct error *err);
/* `last`: version `expect_seq`, opened. */
MUST_USE status row_write_delete(struct row_write_table *to, uint64_t expect_seq,
                                 const struct row *last, struct error *err);
/* Adds an op as it is, made by another row_write of the same table: what a transaction staged. */
MUST_USE status row_write_op(struct row_write_table *to, const struct row_op *op,
                             struct error *err);
/* Estimate of the bytes that the request will write so far. */
size_t row_write_bytes(const struct row_write *write);

/* What an op finds: the newest version of its key. */
struct row_found {
    bool exists; /* a version, perhaps a tombstone */
    bool is_live;
    uint64_t seq;
};
/* Does the op's expectation hold? CONSTRAINT, CONFLICT as above. `first_seq`: versions from here on
 * were written by the same statement. */
MUST_USE status row_op_check(const struct row_write_table *t, const struct row_op *op,
                             const struct row_found *found, uint64_t first_seq, struct error *err);
/* What to say of an op whose UNIQUE value `taken` another live row has: CONSTRAINT, or CONFLICT
 * where it yields. `owner_seq`: that row's newest version. */
MUST_USE status row_op_taken(const struct row_write_table *t, const struct row_op *op,
                             const struct row_unique *taken, uint64_t owner_seq, uint64_t first_seq,
                             struct error *err);
/* Sets `_updated`, µs, of the op's encoded row. */
void row_op_set_updated(const struct row_op *op, int64_t updated_us);

/* Submits and waits until it is durable. (COMMIT_ASYNC saves a sync only with row_write_submit.) On
 * a failure the text is in err. */
MUST_USE status row_write_run(struct row_write *write, enum commit_durability durability,
                              struct error *err);
/* Submits; write->done (and release) run on the committer thread. The error is in
 * write->request.error. */
void row_write_submit(struct row_write *write, enum commit_durability durability);

#endif
