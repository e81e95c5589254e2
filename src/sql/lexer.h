/* sql/lexer.h -- from bytes to tokens.
 * For:      sql_split, and through it everything else; the grammar's own words have kinds of their
 *           own (TK_* of the generated sql/grammar.h), all other words are TK_ID.
 * Touches:  nothing but the bytes between the two ends it is given: no NUL is needed after them.
 * Threads:  any; there is no state. */
#ifndef SQL_LEXER_H
#define SQL_LEXER_H

#include "base/arena.h"
#include "sql/grammar.h"

/* Kinds that the grammar never sees. */
enum { LEXER_END = 0, LEXER_BAD_TEXT = -1, LEXER_BAD_COMMENT = -2, LEXER_BAD_BYTE = -3 };

struct token {
    int kind;     /* TK_*, LEXER_* */
    uint32_t at;  /* position of the first byte */
    uint32_t n;   /* bytes, with quotes */
    int32_t slot; /* number of the literal within its statement; -1: none, or part of a type */
};

/* Reads the token at text.p + at, after white space; comments are tokens too (TK_COMMENT). The slot
 * is left -1. LEXER_END at the end; after LEXER_BAD_* nothing more can be read. */
struct token lexer_next(str text, uint32_t at);

static inline str token_text(str text, const struct token *token)
{
    return (str){text.p + token->at, token->n};
}
static inline uint32_t token_end(const struct token *token)
{
    return token->at + token->n;
}

/* The name that an identifier token means: lower case, without quotes, doubled quotes undone. */
str token_name(str text, const struct token *token, struct arena *arena);
/* The same with its case kept. */
str token_raw_name(str text, const struct token *token, struct arena *arena);
/* An identifier in quotes. */
bool token_is_quoted(str text, const struct token *token);
/* A word that is not quoted (keyword or identifier). */
bool token_is_word(str text, const struct token *token);

#endif
