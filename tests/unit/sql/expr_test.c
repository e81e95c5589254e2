/* Goal: operators bind as they should, printing and parsing are inverse, and no depth does harm. */
#include "sql/eval.h"
#include "base/mem.h"
#include "model/limits.h"
#include "sql/print.h"
#include "sql_help.h"
#include "test.h"

static str printed(const struct expr *e)
{
    struct buf text;
    buf_init(&text);
    sql_print_expr(&text, e);
    str copy = arena_copy(sql_help_arena(), buf_str(&text));
    buf_release(&text);
    return copy;
}

TEST(sql_parse_expr_binds_operators_as_the_engine_does)
{
    static const struct {
        const char *text;
        const char *printed; /* with all parentheses */
    } cases[] = {
        {"a OR b AND NOT c = d", "a OR (b AND (NOT (c = d)))"},
        {"a AND b AND c OR d", "(a AND b AND c) OR d"},
        {"(a AND b) AND (c AND d)", "a AND b AND (c AND d)"},
        {"a + b * c - d", "(a + (b * c)) - d"},
        {"a || b + c", "a || (b + c)"},
        {"- a * b", "(- a) * b"},
        {"a - -5", "a - (-5)"},
        {"(-2) ? -1", "(-2) ? (-1)"},
        {"- -a", "- (- a)"},
        {"-(5)", "-5"},
        {"a || X'00Ff'", "a || X'00ff'"},
        {"-5::int", "- CAST(5 AS INT)"},
        {"a::int + 1", "CAST(a AS INT) + 1"},
        {"a = b IS NULL", "(a = b) IS NULL"},
        {"a NOT LIKE b || 'x'", "a NOT LIKE (b || 'x')"},
        {"a = b NOT LIKE c", "a = (b NOT LIKE c)"},
        {"a LIKE b ESCAPE '!'", "a LIKE b ESCAPE '!'"},
        {"a ILIKE b AND c", "(a ILIKE b) AND c"},
        {"a BETWEEN 1 AND 2 AND b", "(a BETWEEN 1 AND 2) AND b"},
        {"a NOT BETWEEN b + 1 AND c", "a NOT BETWEEN (b + 1) AND c"},
        {"NOT a IN (1, 2,)", "NOT (a IN (1, 2))"},
        {"a NOT IN (b)", "a NOT IN (b)"},
        {"a->'b'->>'c' = 'x'", "((a -> 'b') ->> 'c') = 'x'"},
        {"a || b->>'c'", "a || (b ->> 'c')"},
        {"a -> 'b' || 'c'", "(a -> 'b') || 'c'"},
        {"a ? 'x' AND b", "(a ? 'x') AND b"},
        {"a::json->'b'::text", "CAST(a AS JSON) -> CAST('b' AS TEXT)"},
        {"a ISNULL OR b NOTNULL", "(a IS NULL) OR (b IS NOT NULL)"},
        {"a IS NOT TRUE", "a IS NOT TRUE"},
        {"a IS FALSE", "a IS FALSE"},
        {"CASE a WHEN 1 THEN 'x' ELSE b END", "CASE a WHEN 1 THEN 'x' ELSE b END"},
        {"CASE WHEN a THEN b END", "CASE WHEN a THEN b END"},
        {"cast(a as double precision)", "CAST(a AS DOUBLE)"},
        {"a::double precision", "CAST(a AS DOUBLE)"},
        {"cast(a as decimal(10, 2))", "CAST(a AS DECIMAL(10, 2))"},
        {"DATE '2026-01-02'", "CAST('2026-01-02' AS DATE)"},
        {"N.T.C = \"Weird Name\"", "n.t.c = \"weird name\""},
        {"\"select\" = \"Current_User\"", "\"select\" = \"current_user\""},
        {"CURRENT_USER = current_user()", "current_user = current_user()"},
        {"lower(A, *)", NULL},
        {"count(*)", "count(*)"},
        {"coalesce(a, NULL, TRUE)", "coalesce(a, NULL, TRUE)"},
        {"FILE(\"My File\")", "file('My File')"},
        {"0.50", "0.50"},
        {".5", ".5"},
        {"1.", "1."},
        {"007", "7"},
        {"1e3", "1000.0e0"},
        {"2147483648", "2147483648"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"99999999999999999999", "99999999999999999999"},
        {"E'a\\nb\\u00e9\\'' ", "'a\nb\xC3\xA9'''"},
        {"$3 + 1", "$3 + 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct expr *e = NULL;
        struct error err;
        bool is_parsed =
            status_ok(sql_parse_expr(str_from(cases[i].text), sql_help_arena(), &e, &err));
        if (is_parsed != (cases[i].printed != NULL)) {
            test_fail(__FILE__, __LINE__, "%s: parsed is %d", cases[i].text, is_parsed);
        }
        if (is_parsed) {
            EXPECT_STR_EQ(printed(e), str_from(cases[i].printed));
            str text = printed(e);
            struct expr *again = NULL;
            EXPECT_OK(sql_parse_expr(text, sql_help_arena(), &again, &err), &err);
            EXPECT(expr_equal(e, again));
        }
    }
    sql_help_reset();
}

TEST(literals_have_the_types_of_the_engine)
{
    static const struct {
        const char *text;
        struct type type;
    } cases[] = {
        {"1", {.id = TYPE_INT}},
        {"2147483647", {.id = TYPE_INT}},
        {"2147483648", {.id = TYPE_BIGINT}},
        {"9223372036854775808", {.id = TYPE_DECIMAL, .precision = 38}},
        {"-9223372036854775808", {.id = TYPE_BIGINT}},
        {"0.5", {.id = TYPE_DECIMAL, .precision = 2, .scale = 1}},
        {".5", {.id = TYPE_DECIMAL, .precision = 1, .scale = 1}},
        {"10.50", {.id = TYPE_DECIMAL, .precision = 4, .scale = 2}},
        {"1e5", {.id = TYPE_DOUBLE}},
        {"0.123456789012345678901234567890123456789", {.id = TYPE_DOUBLE}},
        {"'x'", {.id = TYPE_TEXT}},
        {"NULL", {.id = TYPE_NONE}},
        {"true", {.id = TYPE_BOOLEAN}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct expr *e = parsed_expr(cases[i].text);
        if (!type_eq(e->as.literal.value.type, cases[i].type)) {
            test_fail(__FILE__, __LINE__, "%s: type %d", cases[i].text,
                      e->as.literal.value.type.id);
        }
    }
    sql_help_reset();
}

/* `before` n times, `middle`, `after` n times. */
static str nested(unsigned n, const char *before, const char *middle, const char *after)
{
    struct buf text;
    buf_init(&text);
    for (unsigned i = 0; i < n; i++) {
        buf_append_c(&text, before);
    }
    buf_append_c(&text, middle);
    for (unsigned i = 0; i < n; i++) {
        buf_append_c(&text, after);
    }
    str copy = arena_copy(sql_help_arena(), buf_str(&text));
    buf_release(&text);
    return copy;
}

static enum status_code status_of(str expression)
{
    struct expr *e = NULL;
    struct error err;
    return sql_parse_expr(expression, sql_help_arena(), &e, &err).code;
}

TEST(sql_parse_expr_nested_ten_thousand_deep_is_a_limit_error)
{
    enum { DEEP = 10000 };
    EXPECT_INT(status_of(nested(DEEP, "(", "1", ")")), STATUS_LIMIT);
    EXPECT_INT(status_of(nested(DEEP, "NOT ", "a", "")), STATUS_LIMIT);
    EXPECT_INT(status_of(nested(DEEP, "- ", "a", "")), STATUS_LIMIT);
    EXPECT_INT(status_of(nested(DEEP, "", "1", "+1")), STATUS_LIMIT);
    EXPECT_INT(status_of(nested(DEEP, "", "a", "->'x'")), STATUS_LIMIT);
    EXPECT_INT(status_of(nested(DEEP, "", "a", "::int")), STATUS_LIMIT);
    EXPECT_INT(status_of(nested(DEEP, "CASE WHEN a THEN ", "1", " END")), STATUS_LIMIT);
    EXPECT_INT(status_of(nested(DEEP, "f(", "1", ")")), STATUS_LIMIT);
    EXPECT_INT(status_of(nested(DEEP, "a BETWEEN ", "1", " AND 2")), STATUS_LIMIT);
    EXPECT_INT(status_of(nested(DEEP, "a = 1 OR ", "b", "")), STATUS_OK); /* one node */
    sql_help_reset();
}

TEST(sql_parse_expr_at_the_limit_of_depth_parses_and_above_does_not)
{
    EXPECT_INT(status_of(nested(LIMIT_EXPRESSION_DEPTH - 1, "CASE WHEN a THEN (", "1", ") END")),
               STATUS_OK);
    EXPECT_INT(status_of(nested(LIMIT_EXPRESSION_DEPTH - 1, "f(a, b, (", "1", "))")), STATUS_OK);
    EXPECT_INT(status_of(nested(LIMIT_EXPRESSION_DEPTH - 1, "NOT ", "a", "")), STATUS_OK);
    EXPECT_INT(status_of(nested(LIMIT_EXPRESSION_DEPTH, "NOT ", "a", "")), STATUS_LIMIT);
    sql_help_reset();
}

TEST(sql_parse_of_statements_nested_ten_thousand_deep_never_fails_otherwise)
{
    enum { DEEP = 10000 };
    const struct statement *s = NULL;
    struct error err;
    str bad[] = {
        nested(DEEP, "SELECT (", "1", ")"),
        arena_format(sql_help_arena(), "SELECT a FROM t WHERE " STR_FMT,
                     STR(nested(DEEP, "NOT ", "a", ""))),
        arena_format(sql_help_arena(), "UPDATE t SET a = " STR_FMT " WHERE b",
                     STR(nested(DEEP, "- ", "a", ""))),
        arena_format(sql_help_arena(), "INSERT INTO t VALUES (" STR_FMT ")",
                     STR(nested(DEEP, "", "1", "+1"))),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT_STATUS(sql_parse(bad[i], sql_help_arena(), &s, &err), LIMIT);
    }
    /* the engine has a limit of its own for this */
    EXPECT_OK(sql_parse(arena_format(sql_help_arena(), "SELECT a FROM t WHERE x = " STR_FMT,
                                     STR(nested(DEEP, "", "1", "+1"))),
                        sql_help_arena(), &s, &err),
              &err);
    EXPECT(!s->as.select.is_simple);
    sql_help_reset();
}

TEST(expr_mentions_finds_a_column_wherever_it_stands)
{
    static const struct {
        const char *text;
        bool mentions;
    } cases[] = {
        {"a = 1 AND t._deleted", true},
        {"a = '_deleted'", false},
        {"CASE WHEN a THEN _Deleted END", true},
        {"f(a, b, lower(_deleted))", true},
        {"a IN (1, _deleted)", true},
        {"b BETWEEN 1 AND 2", false},
        {"x LIKE y ESCAPE _deleted", true},
        {"- _deleted IS NULL", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        EXPECT(expr_mentions(parsed_expr(cases[i].text), STR_LIT("_deleted")) == cases[i].mentions);
    }
    const struct statement *s =
        parsed("DELETE FROM t WHERE id IN (SELECT id FROM u WHERE \"_DELETED\" = true)");
    EXPECT(expr_mentions(s->as.delete.where, STR_LIT("_deleted")));
    s = parsed("DELETE FROM t WHERE id IN (SELECT id FROM u WHERE x = '_deleted')");
    EXPECT(!expr_mentions(s->as.delete.where, STR_LIT("_deleted")));
    sql_help_reset();
}
