#include "sql_help.h"

#include "test.h"

#include <string.h>

static struct arena arena;

struct arena *sql_help_arena(void)
{
    return &arena;
}

void sql_help_reset(void)
{
    arena_release(&arena);
    arena_init(&arena);
}

const struct statement *parsed(const char *text)
{
    const struct statement *statement = NULL;
    struct error err;
    if (!status_ok(sql_parse(str_from(text), &arena, &statement, &err))) {
        test_fail(__FILE__, __LINE__, "%s\n  does not parse: %s", text, err.text);
    }
    return statement;
}

struct expr *parsed_expr(const char *text)
{
    struct expr *e = NULL;
    struct error err;
    if (!status_ok(sql_parse_expr(str_from(text), &arena, &e, &err))) {
        test_fail(__FILE__, __LINE__, "%s\n  does not parse: %s", text, err.text);
    }
    return e;
}

void expect_bad_texts(const struct bad_text *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct statement *statement = NULL;
        struct error err;
        error_clear(&err);
        if (status_ok(sql_parse(str_from(texts[i].text), &arena, &statement, &err))) {
            test_fail(__FILE__, __LINE__, "%s\n  parses, and should not", texts[i].text);
        }
        if (err.id != texts[i].id || strcmp(err.text, texts[i].message) != 0) {
            test_fail(__FILE__, __LINE__, "%s\n  found:  %s %s\n  wanted: %s %s", texts[i].text,
                      error_row(err.id)->symbol, err.text, error_row(texts[i].id)->symbol,
                      texts[i].message);
        }
    }
    sql_help_reset();
}

void expect_good_texts(const struct good_text *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct statement *statement = parsed(texts[i].text);
        if (statement->kind != texts[i].kind) {
            test_fail(__FILE__, __LINE__, "%s\n  is %s, not %s", texts[i].text,
                      statement_info(statement->kind)->name, statement_info(texts[i].kind)->name);
        }
        EXPECT_STR_EQ(statement->text, str_from(texts[i].text));
    }
    sql_help_reset();
}
