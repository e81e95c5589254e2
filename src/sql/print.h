/* sql/print.h -- expressions as SQL text again.
 * For:      the canonical text of a filter, messages, stored defaults; tests hold that parsing the
 * text gives the same tree (expr_equal). Threads:  any. */
#ifndef SQL_PRINT_H
#define SQL_PRINT_H

#include "sql/expr.h"

/* Appends the text: words in upper case, names in lower case and quoted where they must be, every
 * operand that has parts in parentheses. EXPR_ENGINE is written as it was read. */
void sql_print_expr(struct buf *out, const struct expr *e);
/* A name, in double quotes when the grammar would not take it otherwise. */
void sql_print_name(struct buf *out, str name);
/* A text in single quotes. */
void sql_print_text(struct buf *out, str text);

#endif
