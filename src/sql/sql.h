/* sql/sql.h -- from text to statements.
 * For:      splitting a batch, parsing one statement, the shape of a statement (plan cache key),
 * and the questions that other rooms ask about texts. ast.h has what comes out. Touches:  base,
 * model. No catalog, no I/O, no clock. Owns:     nothing: results lie in the caller's arena and
 * point into the caller's text; both must outlive them. Threads:  any; there is no state. */
#ifndef SQL_SQL_H
#define SQL_SQL_H

#include "sql/ast.h"

struct token; /* sql/lexer.h */

/* One statement of a batch: its text without white space and comments around it and without ';',
 * and its tokens, so that it is not read twice. */
struct sql_piece {
    str text;
    const struct token *tokens; /* positions count from text.p */
    unsigned token_count;
};

/* Splits a batch at the ';' that stand outside parentheses, texts and comments; empty statements
 * vanish, so `*count` may be 0 (EMPTY_SQL is the caller's to say).
 * BATCH_PARSE: a text or comment that does not end, a character that no token begins with; names
 * line and column. SQL_TOO_LONG, LIMIT: more than LIMIT_SQL_BYTES or LIMIT_STATEMENTS, or
 * parentheses nested deeper than LIMIT_EXPRESSION_DEPTH. */
MUST_USE status sql_split(str batch, struct arena *arena, const struct sql_piece **pieces,
                          unsigned *count, struct error *err);

/* Parses one piece. SYNTAX names the token and where it stands; the contract's own texts where it
 * has some; STATEMENT_UNSUPPORTED, INVALID_INPUT (EXECUTE AS USER), INVALID_OPERATION, LIMIT. */
MUST_USE status sql_parse_piece(const struct sql_piece *piece, struct arena *arena,
                                const struct statement **out, struct error *err);

/* Splits and parses a text that must hold exactly one statement. */
MUST_USE status sql_parse(str text, struct arena *arena, const struct statement **out,
                          struct error *err);

/* Parses a lone scalar expression; `at` and `end` of the nodes are positions in `text`. SYNTAX also
 * for what only the engine knows. */
MUST_USE status sql_parse_expr(str text, struct arena *arena, struct expr **out, struct error *err);

/* Checks the query of a subscription (contract sql.md 10.2) and takes it apart. SYNTAX with the
 * contract's texts. */
MUST_USE status sql_parse_subscription(str query, struct arena *arena, struct subscription *out,
                                       struct error *err);

/* The text that an expression was read from. */
static inline str sql_expr_text(const struct statement *statement, const struct expr *e)
{
    return str_slice(statement->text, e->at, e->end);
}

/* The statement without its literals: tokens with one space between them, words that are not quoted
 * in lower case, each number and text replaced by ? and a letter for its type. Two statements of
 * one shape differ only in `values`; literal node `slot` i reads values[i]. */
struct sql_shape {
    str text;
    const struct value *values;
    unsigned value_count;
};
void sql_shape(const struct sql_piece *piece, struct arena *arena, struct sql_shape *out);

/* Names of the product (contract sql.md section 0). INVALID_INPUT with the contract's texts. */
enum name_kind { NAME_NAMESPACE, NAME_TABLE, NAME_COLUMN };
MUST_USE status sql_check_name(str name, enum name_kind kind, struct error *err);
/* A word that must be quoted to be a name. */
bool sql_is_reserved_word(str name);
/* system, information_schema, pg_catalog, datafusion: no DDL, no DML. */
bool sql_is_system_namespace(str ns);

/* Options that do not go with the kind of table. The parser asks when the statement says the kind;
 * whoever decides it otherwise asks then. SYNTAX with the contract's texts. */
MUST_USE status sql_check_table_options(enum table_kind kind, const struct table_options *options,
                                        struct error *err);

#endif
