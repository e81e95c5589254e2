/* query/returning.h -- RETURNING of INSERT, UPDATE and DELETE: the rows that a write gives back.
 * For:      insert, update, conflict: every row that is written (or found already as it was to be)
 *           is added before the write is submitted; write_job_report writes the result.
 * Rules:    the new row; of DELETE the old one. Every expression is evaluated, and every cell
 *           checked to be sayable, before anything is written: a RETURNING that fails has no
 * effect.
 *           `_seq` and `_updated` of a new row are known only after the commit: they can be given
 *           as they are, and not be computed with. Our own expression engine only: what it cannot
 *           do is refused.
 * Owns:     its rows, in the write job's arena; ended by returning_release.
 * Threads:  one at a time. */
#ifndef QUERY_RETURNING_H
#define QUERY_RETURNING_H

#include "query/row_columns.h"
#include "query/run.h"
#include "store/commit_rows.h"

struct returning;

/* Binds `list` (count > 0) to a table that `to` writes. `is_old`: DELETE. Memory: `arena`, which
 * must outlive the write. PERMISSION_DENIED: the caller may not read the table. */
MUST_USE status returning_create(struct run *run, const struct select_list *list,
                                 const struct table *table, const struct expression_table *names,
                                 bool is_old, struct row_write_table *to, struct arena *arena,
                                 struct returning **out, struct error *err);
void returning_release(struct returning *returning); /* NULL allowed */

/* Adds a row; `values`: expression_width places. `is_written`: it is the last op of `to`, whose
 * `_seq` and time come with the commit. LIMIT: more than LIMIT_COMMIT_BYTES to give back. */
MUST_USE status returning_add(struct returning *returning, const struct value *values,
                              bool is_written, struct error *err);
/* Bytes of the rows as JSON, about. */
size_t returning_bytes(const struct returning *returning);
/* The RESULT, once the ops have their results. Never handed on in pieces: it may run on a loop. */
MUST_USE status returning_report(const struct returning *returning, struct results *results,
                                 str as_user, struct error *err);

#endif
