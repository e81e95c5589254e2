/* sql/select_text.h -- the text of a query as the engine's parser must see it.
 * For:      the engine gives -> the lowest precedence of all and ->> another one, and has no ?. We
 * mean operators that bind tighter than any other binary one (grammar.y), so that each step of a
 *           chain gets its parentheses: doc->'a'->>'b' = 'x' becomes ((doc->'a')->>'b') = 'x', and
 *           a ? b becomes json_contains(a , b). Everything else stays as it is, comments too.
 * Threads:  any. */
#ifndef SQL_SELECT_TEXT_H
#define SQL_SELECT_TEXT_H

#include "sql/sql.h"

/* `*out` is `query` itself when there is nothing to do. LIMIT: more than LIMIT_EXPRESSION_DEPTH
 * steps in one chain; SYNTAX: an operator without an operand; errors of sql_split. */
MUST_USE status select_text_rewrite(str query, struct arena *arena, str *out, struct error *err);

#endif
