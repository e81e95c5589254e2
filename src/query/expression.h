/* query/expression.h -- expressions of a statement, bound to a table's columns and the session.
 * For:      VALUES, SET, WHERE and SELECT items of statements that run without the SQL engine, and
 *           live filters: the one place that joins sql/eval to schemas and sessions.
 * Owns:     nothing; bound expressions live in the arena they were bound in.
 * Threads:  one at a time. */
#ifndef QUERY_EXPRESSION_H
#define QUERY_EXPRESSION_H

#include "model/row.h"
#include "query/session.h"
#include "sql/eval.h"

struct query_engine;

/* A row's values as expressions see them: the schema's columns, then _seq, _updated, _deleted. */
enum { EXPRESSION_SYSTEM_COLUMNS = SYSTEM_COLUMN_COUNT };
static inline unsigned expression_width(const struct schema *schema)
{
    return schema->column_count + EXPRESSION_SYSTEM_COLUMNS;
}

/* What names mean in a statement about one table. */
struct expression_table {
    const struct schema *schema;
    str alias; /* empty: none */
};
/* An eval_resolve_fn; context is a struct expression_table. Qualified by alias, table, or namespace
 * and table. */
bool expression_resolve(void *context, str ns, str table, str name, unsigned *index,
                        struct type *type);

/* `values` (expression_width places) of a row version, user columns as `schema` has them. The row's
 * own version may be older. Texts point into `bytes` or the arena. */
MUST_USE status expression_load_row(struct catalog *catalog, const struct schema *schema, str bytes,
                                    uint64_t seq, struct arena *arena, struct value *values,
                                    struct error *err);

/* The session as eval sees it. */
struct eval_session expression_session(struct query_engine *engine, const struct session *session);

#endif
