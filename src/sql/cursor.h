/* sql/cursor.h -- reading statements of fixed words, token by token.
 * For:      DDL and the statements of operation (ddl.c, utility.c): exact words in, exact error
 * texts out. Every cursor_* that may fail keeps the first failure in the build and answers false.
 * Threads:  one at a time. */
#ifndef SQL_CURSOR_H
#define SQL_CURSOR_H

#include "sql/build.h"

struct cursor {
    struct build *b;
    const struct token *at;
    const struct token *end;
};

static inline bool cursor_is_end(const struct cursor *c)
{
    return c->at == c->end;
}
/* The next token is this kind; it stays. */
bool cursor_sees(const struct cursor *c, int kind);
/* The next tokens are these words (one space between two), unquoted, in any case; they stay. */
bool cursor_sees_words(const struct cursor *c, const char *words);
/* The same, and if so steps over. */
bool cursor_accept(struct cursor *c, int kind);
bool cursor_accept_words(struct cursor *c, const char *words);
/* The same, and a syntax error if not. */
bool cursor_expect(struct cursor *c, int kind);
bool cursor_expect_words(struct cursor *c, const char *words);
bool cursor_expect_end(struct cursor *c);
/* A syntax error at the next token; always false. */
bool cursor_unexpected(struct cursor *c);

/* Any identifier or word, quoted or not: lower case; as written. */
bool cursor_name(struct cursor *c, str *out);
bool cursor_raw_name(struct cursor *c, str *out);
bool cursor_table(struct cursor *c, struct table_name *out);
/* (a, b, ...) */
bool cursor_names(struct cursor *c, struct str_list *out);
/* A text in quotes; a text or a name (its case kept). */
bool cursor_text(struct cursor *c, str *out);
bool cursor_text_or_name(struct cursor *c, str *out);
/* Digits that fit, 0 and up; a number in a text counts too. */
bool cursor_integer(struct cursor *c, int64_t *out);
/* The text from the next token to the end of the statement; the cursor is then at the end. */
str cursor_rest(struct cursor *c);
/* The next token as it is written. */
str cursor_here(const struct cursor *c);

#endif
