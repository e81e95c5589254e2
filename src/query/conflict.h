/* query/conflict.h -- INSERT ... ON CONFLICT: what becomes of a row whose key or UNIQUE value is
 * taken.
 * For:      insert.c; one struct for all rows of a statement.
 * Rules:    decided on the statement's thread against a view, and written with what was read as the
 *           expectation: the row inserted yields when its place was taken meanwhile, the row
 * updated expects its version. A lost race answers CONFLICT and the statement is run again. DO
 * NOTHING without columns looks at the key and at every UNIQUE constraint; within one statement the
 * first row wins. DO UPDATE never touches a row twice. Owns:     a view, until conflict_close.
 * Threads:  one at a time. */
#ifndef QUERY_CONFLICT_H
#define QUERY_CONFLICT_H

#include "query/find_rows.h"
#include "query/write_job.h"

struct conflict;

/* INVALID_OPERATION: no key or UNIQUE constraint fits the columns named. Memory: the run's arena;
 * the rows' in the job's. */
MUST_USE status conflict_open(struct run *run, const struct on_conflict *part,
                              const struct table *table, const struct expression_table *names,
                              struct write_job *job, struct row_write_table *to,
                              struct conflict **out, struct error *err);
void conflict_close(struct conflict *conflict); /* NULL allowed */

enum conflict_outcome {
    CONFLICT_NONE,    /* nobody has its places: the caller inserts it, then conflict_inserted */
    CONFLICT_SKIPPED, /* DO NOTHING, or the WHERE of DO UPDATE is not true */
    CONFLICT_KEPT,    /* DO UPDATE changes nothing; `row` is the row that is there */
    CONFLICT_UPDATED  /* an update was added to the write; `row` is the new row */
};
/* Decides about a row: one value per column, checked. *row: expression_width values, until the next
 * call. With a run that must not block: run_block. */
MUST_USE status conflict_decide(struct conflict *conflict, const struct value *values,
                                unsigned number, enum conflict_outcome *outcome,
                                const struct value **row, struct error *err);
/* After the insert was added to the write: it yields. */
void conflict_inserted(struct conflict *conflict);

#endif
