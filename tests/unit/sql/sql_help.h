/* tests/unit/sql/sql_help.h -- parsing in tests: one arena for a test, tables of good and bad
 * texts. */
#ifndef TESTS_SQL_HELP_H
#define TESTS_SQL_HELP_H

#include "sql/sql.h"

/* The arena of the running test; forgotten by sql_help_reset. */
struct arena *sql_help_arena(void);
void sql_help_reset(void);

/* Parses a text that must be one good statement; ends the test when it is not. */
const struct statement *parsed(const char *text);
/* The same for a lone expression. */
struct expr *parsed_expr(const char *text);

/* A text and what the parser says to it. */
struct bad_text {
    const char *text;
    enum error_id id;
    const char *message; /* the whole text of the error */
};
void expect_bad_texts(const struct bad_text *texts, size_t count);
#define EXPECT_BAD_TEXTS(texts) expect_bad_texts((texts), sizeof(texts) / sizeof *(texts))

/* A text and the kind of statement that it is. */
struct good_text {
    const char *text;
    enum statement_kind kind;
};
void expect_good_texts(const struct good_text *texts, size_t count);
#define EXPECT_GOOD_TEXTS(texts) expect_good_texts((texts), sizeof(texts) / sizeof *(texts))

#endif
