/* Goal: JSON operators reach the engine with parentheses that say what we mean, and nothing else of
 * the text changes. */
#include "sql/select_text.h"

#include "model/limits.h"
#include "sql_help.h"
#include "test.h"

TEST(select_text_rewrite_brackets_operators_and_nothing_else)
{
    static const struct {
        const char *query;
        const char *rewritten;
    } cases[] = {
        {"SELECT a FROM t -- none", "SELECT a FROM t -- none"},
        {"SELECT doc->'a' FROM t", "SELECT (doc->'a') FROM t"},
        {"SELECT doc->'a'->>'b' = 'x'", "SELECT ((doc->'a')->>'b') = 'x'"},
        {"SELECT a ? 'x' AND NOT b", "SELECT json_contains(a , 'x') AND NOT b"},
        {"SELECT n.t.doc -> 0 ->> $1", "SELECT ((n.t.doc -> 0) ->> $1)"},
        {"SELECT doc->-1", "SELECT (doc->(-1))"},
        {"SELECT a || doc->>'x' || b", "SELECT a || (doc->>'x') || b"},
        {"SELECT f(x->1)->'y'", "SELECT (f((x->1))->'y')"},
        {"SELECT (a->(b->'c'))", "SELECT ((a->((b->'c'))))"},
        {"SELECT x::json->'a'::text", "SELECT (x::json->'a'::text)"},
        {"SELECT CAST(x AS json)->'a'", "SELECT (CAST(x AS json)->'a')"},
        {"SELECT CASE WHEN a->'b' THEN 1 END->'c'", "SELECT (CASE WHEN (a->'b') THEN 1 END->'c')"},
        {"SELECT a[1]->'b', [c->1]", "SELECT (a[1]->'b'), [(c->1)]"},
        {"SELECT '->' , \"a?\" /* -> */", "SELECT '->' , \"a?\" /* -> */"},
        {"SELECT a /* x */ -> /* y */ 'b' z", "SELECT (a /* x */ -> /* y */ 'b') z"},
        {"SELECT JSON '{}'->'a'", "SELECT (JSON '{}'->'a')"},
        {"SELECT (SELECT d->'x' FROM u) ? 'y' FROM t",
         "SELECT json_contains((SELECT (d->'x') FROM u) , 'y') FROM t"},
        {"SELECT a ? 'x' ? 'y'", "SELECT json_contains(json_contains(a , 'x') , 'y')"},
        {" SELECT a->'b'; ", "SELECT (a->'b')"},
        {"SELECT at, t.AT FROM t ORDER BY at", "SELECT \"at\", t.\"AT\" FROM t ORDER BY \"at\""},
        {"SELECT \"at\", 'at', x AT TIME ZONE 'UTC' FROM t",
         "SELECT \"at\", 'at', x AT TIME ZONE 'UTC' FROM t"},
        {"SELECT X'00ff' || x''->'a'",
         "SELECT CAST('\\x00\\xFF' AS BLOB) || (CAST('' AS BLOB)->'a')"},
        {"SELECT CAST('\\x0aBc' AS BYTEA), 'a'::blob, 'a'::text",
         "SELECT CAST('\\x0A\\xBC' AS BYTEA), '\\x61'::blob, 'a'::text"},
        {"SELECT CAST((('a')) AS BYTEA), ('a')::blob, f('a')::blob, ('a' || b)::blob",
         "SELECT CAST((('\\x61')) AS BYTEA), ('\\x61')::blob, f('a')::blob, ('a' || b)::blob"},
        {"SELECT verbose->'a' FROM t", "SELECT (\"verbose\"->'a') FROM t"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        str out;
        struct error err;
        EXPECT_OK(select_text_rewrite(str_from(cases[i].query), sql_help_arena(), &out, &err),
                  &err);
        EXPECT_STR_EQ(out, str_from(cases[i].rewritten));
    }
    sql_help_reset();
}

TEST(select_text_rewrite_on_a_lone_operator_names_the_missing_side)
{
    static const struct {
        const char *query;
        const char *message;
    } cases[] = {
        {"SELECT -> 'a'", "'->' at line 1, column 8 has nothing on its left side"},
        {"SELECT a ->", "'->' at line 1, column 10 has nothing on its right side"},
        {"SELECT a = ?", "'?' at line 1, column 12 has nothing on its left side"},
        {"SELECT a -> -> 'b'", "'->' at line 1, column 10 has nothing on its right side"},
        {"SELECT 1; SELECT a->'b'", "expected one query, found 2 statements"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        str out;
        struct error err;
        EXPECT_STATUS(select_text_rewrite(str_from(cases[i].query), sql_help_arena(), &out, &err),
                      INVALID);
        EXPECT_STR_EQ(str_from(err.text), str_from(cases[i].message));
    }
    sql_help_reset();
}

TEST(select_text_rewrite_on_long_chains_and_deep_brackets_is_quick)
{
    struct buf text;
    str out;
    struct error err;
    buf_init(&text);
    buf_append_c(&text, "SELECT a");
    for (int i = 0; i < LIMIT_EXPRESSION_DEPTH + 1; i++) {
        buf_append_c(&text, "->'b'");
    }
    EXPECT_STATUS(select_text_rewrite(buf_str(&text), sql_help_arena(), &out, &err), LIMIT);
    buf_clear(&text);
    buf_append_c(&text, "SELECT a->'b', ");
    for (int i = 0; i < 300000; i++) {
        buf_append_c(&text, "["); /* not closed: looking for each end again would take hours */
    }
    EXPECT_OK(select_text_rewrite(buf_str(&text), sql_help_arena(), &out, &err), &err);
    buf_release(&text);
    sql_help_reset();
}
