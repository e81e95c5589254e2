/* query/find_rows.h -- the rows that a statement means: by key without the SQL engine, by anything
 * else through it.
 * For:      UPDATE, DELETE, INSERT ... SELECT; point SELECT.
 * Threads:  one at a time; what needs the SQL engine runs on workers. */
#ifndef QUERY_FIND_ROWS_H
#define QUERY_FIND_ROWS_H

#include "query/expression.h"
#include "query/read_context.h"

/* A condition on one table, taken apart. */
struct key_condition {
    bool has_key;            /* `key column = constant` is one of its conjuncts */
    bool is_never;           /* the constant is NULL, or no value of the column's type equals it */
    struct value key;        /* of the key column's type */
    const struct eval *rest; /* the whole condition bound, to check the row with */
};
/* Looks for a key in `where` (NULL: no condition). UNAVAILABLE is never given: what the expression
 * engine cannot bind has has_key false and belongs to the SQL engine. */
MUST_USE status find_rows_by_key(struct run *run, const struct expression_table *table,
                                 const struct expr *where, struct key_condition *out,
                                 struct error *err);

/* The row of a key in the context's view: *found only when it is live and `rest` is true.
 * `values`: expression_width places. With a run that must not block: run_block. */
struct found_row {
    bool found;
    uint64_t seq;
    str bytes; /* as stored; lives in the arena */
    struct value *values;
};
MUST_USE status find_rows_get(struct run *run, struct read_context *rc, const struct table *table,
                              const struct expression_table *names,
                              const struct key_condition *condition, struct found_row *out,
                              struct error *err);

/* The same by an encoded key; `rest` NULL: no condition. */
MUST_USE status find_rows_get_key(struct run *run, struct read_context *rc,
                                  const struct table *table, const struct expression_table *names,
                                  str key, const struct eval *rest, struct found_row *out,
                                  struct error *err);

/* Runs a SELECT (any text; it passes the gate) and gives its rows one by one. No default limit.
 * `width` (may be NULL) is told the number of columns once, before any row, and may refuse it. */
typedef status find_rows_width_fn(void *context, unsigned count, struct error *err);
typedef status find_rows_fn(void *context, const struct value *values, unsigned count,
                            struct error *err);
MUST_USE status find_rows_select(struct run *run, str query, find_rows_width_fn *width,
                                 find_rows_fn *fn, void *context, struct error *err);
/* The same SELECT prepared and not run, for EXPLAIN: what is refused without a row is refused. A
 * `width` that only the engine knows is not told. */
MUST_USE status find_rows_prepare(struct run *run, str query, find_rows_width_fn *width,
                                  void *context, struct error *err);

#endif
