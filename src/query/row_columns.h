/* query/row_columns.h -- columns of a result that shows rows of one table.
 * For:      SELECT by key, RETURNING, subscriptions: the same names, types and flags, and the same
 * `*`. Places:   as expressions see a row: the schema's columns, then _seq, _updated, _deleted. */
#ifndef QUERY_ROW_COLUMNS_H
#define QUERY_ROW_COLUMNS_H

#include "query/expression.h"
#include "query/result.h"
#include "sql/ast.h"

/* How the answer describes a place: a column of the schema, or a system column behind them. */
struct result_column row_column(const struct schema *schema, unsigned place);
/* The places of `*`, at most expression_width; how many. */
unsigned row_star(const struct schema *schema, unsigned *places);
/* Does `t.*` mean this table? An empty name does. */
bool row_star_is_ours(const struct expression_table *table, str star_table);

#endif
