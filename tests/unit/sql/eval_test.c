/* Goal: what the expression engine answers is what DuckDB 1.4.4 answers (each row of the tables was
 * asked there), and what it does not know it refuses when binding. */
#include "sql/eval.h"

#include "base/mem.h"
#include "sql/case_map.h"
#include "sql/like.h"
#include "sql_help.h"
#include "test.h"

/* The columns of the tests' row. */
enum { S, I, L, F, D, X, TS, DT, B, J, DC, U, NUL, BL, COLUMN_COUNT };
static const struct {
    const char *name;
    struct type type;
    const char *text; /* NULL: NULL */
} columns[COLUMN_COUNT] = {
    [S] = {"s", {.id = TYPE_SMALLINT}, "3"},
    [I] = {"i", {.id = TYPE_INT}, "100000"},
    [L] = {"l", {.id = TYPE_BIGINT}, "5000000000"},
    [F] = {"f", {.id = TYPE_FLOAT}, "1.5"},
    [D] = {"d", {.id = TYPE_DOUBLE}, "2.5"},
    [X] = {"x", {.id = TYPE_TEXT}, "abc"},
    [TS] = {"ts", {.id = TYPE_TIMESTAMP}, "2026-01-02 03:04:05"},
    [DT] = {"dt", {.id = TYPE_DATE}, "2026-01-02"},
    [B] = {"b", {.id = TYPE_BOOLEAN}, "true"},
    [J] = {"j",
           {.id = TYPE_JSON},
           "{\"a\":{\"b\":[1,2,null,\"x\"]},\"n\":null,\"s\":\"q\\\"w\",\"f\":1.50,\"t\":true, "
           "\"w\" : {\"k\": 1e2, \"z\":-0, \"u\":\"\\u00e9\\/\\u001f\"}}"},
    [DC] = {"dc", {.id = TYPE_DECIMAL, .precision = 10, .scale = 2}, "12.34"},
    [U] = {"u", {.id = TYPE_UUID}, "00000000-0000-0000-0000-000000000001"},
    [NUL] = {"nul", {.id = TYPE_INT}, NULL},
    [BL] = {"bl", {.id = TYPE_BYTES}, "abc"},
};

static struct value row[COLUMN_COUNT];

static bool resolve(void *context, str ns, str table, str name, unsigned *index, struct type *type)
{
    (void)context;
    if (ns.n > 0 || (table.n > 0 && !str_eq_c(table, "t"))) {
        return false;
    }
    for (unsigned i = 0; i < COLUMN_COUNT; i++) {
        if (str_eq_c(name, columns[i].name)) {
            *index = i;
            *type = columns[i].type;
            return true;
        }
    }
    return false;
}

static void fill_row(void)
{
    for (unsigned i = 0; i < COLUMN_COUNT; i++) {
        struct error err;
        struct value text = value_text(str_from(columns[i].text));
        if (columns[i].text == NULL) {
            row[i] = value_null(columns[i].type);
        } else {
            EXPECT_OK(value_coerce(&text, columns[i].type, str_from(columns[i].name),
                                   sql_help_arena(), &row[i], &err),
                      &err);
        }
    }
}

static int64_t make_snowflake(void *context)
{
    return ++*(int64_t *)context;
}

static void make_uuid(void *context, uint8_t out[16])
{
    (void)context;
    memset(out, 0xAB, 16);
}

static void make_ulid(void *context, char out[26])
{
    (void)context;
    memset(out, 'Z', 26);
}

static int64_t last_snowflake;
static const struct eval_session session = {.user_id = {"alice", 5},
                                            .role = "user",
                                            .now_us = 1767323045000000,
                                            .context = &last_snowflake,
                                            .snowflake = make_snowflake,
                                            .uuid_v7 = make_uuid,
                                            .ulid = make_ulid};

static status evaluate(const char *text, const struct eval_scope *scope,
                       const struct eval_input *input, struct value *out, struct error *err)
{
    const struct eval *bound = NULL;
    error_clear(err);
    TRY(eval_bind(parsed_expr(text), scope, sql_help_arena(), &bound, err));
    return eval_run(bound, input, sql_help_arena(), out, err);
}

static const struct eval_scope row_scope = {.resolve = resolve, .allows_generators = true};
static const struct eval_input row_input = {.columns = row, .session = &session};

struct case_of {
    const char *text;
    const char *result;
};

static void expect_results(const struct case_of *cases, size_t count)
{
    fill_row();
    for (size_t i = 0; i < count; i++) {
        struct error err;
        struct value v;
        struct buf shown;
        status result = evaluate(cases[i].text, &row_scope, &row_input, &v, &err);
        if (!status_ok(result)) {
            test_fail(__FILE__, __LINE__, "%s: %s", cases[i].text, err.text);
        }
        buf_init(&shown);
        value_append_text(&shown, &v);
        bool is_same = str_eq(buf_str(&shown), str_from(cases[i].result));
        str copy = arena_copy(sql_help_arena(), buf_str(&shown));
        buf_release(&shown);
        if (!is_same) {
            test_fail(__FILE__, __LINE__, "%s: " STR_FMT ", wanted %s", cases[i].text, STR(copy),
                      cases[i].result);
        }
    }
    sql_help_reset();
}
#define EXPECT_RESULTS(cases) expect_results((cases), sizeof(cases) / sizeof *(cases))

TEST(eval_run_on_numbers_answers_as_the_engine)
{
    static const struct case_of cases[] = {
        {"7/2", "3"},
        {"-7/2", "-3"},
        {"-7 % 3", "-1"},
        {"7 % -3", "1"},
        {"7/0", "NULL"},
        {"7 % 0", "NULL"},
        {"d / 0", "NULL"},
        {"7.0 / 2", "3.5"},
        {"i / 1.5", "66666.66666666667"},
        {"s + 1", "4"},
        {"s * l", "15000000000"},
        {"f + 1", "2.5"},
        {"f + d", "4.0"},
        {"d * 1.1", "2.75"},
        {"i / 2.0", "50000.0"},
        {"- s", "-3"},
        {"abs(-5)", "5"},
        {"abs(dc)", "12.34"},
        {"-dc", "-12.34"},
        {"dc * 2", "24.68"},
        {"dc + 0.001", "12.341"},
        {"1 - dc", "-11.34"},
        {"dc * -1.5", "-18.510"},
        {"dc + NULL", "NULL"},
        {"CAST('99999999999999999999999999999999999998' AS DECIMAL(38,0)) + 1",
         "99999999999999999999999999999999999999"},
        {"nul + 1", "NULL"},
        {"- nul", "NULL"},
        {"CAST(5.5 AS INT)", "6"},
        {"CAST(6.5 AS INT)", "7"},
        {"CAST(-5.5 AS INT)", "-6"},
        {"CAST(2.5e0 AS INT)", "2"},
        {"CAST(3.5e0 AS INT)", "4"},
        {"CAST(dc AS INT)", "12"},
        {"CAST(1.25 AS DECIMAL(5,1))", "1.3"},
        {"CAST(-1.25 AS DECIMAL(5,1))", "-1.3"},
        {"CAST(i AS DECIMAL(10,2))", "100000.00"},
        {"CAST(dc AS DOUBLE)", "12.34"},
        {"CAST(' 5 ' AS INT)", "5"},
        {"CAST(b AS INT)", "1"},
        {"CAST(5 AS BOOLEAN)", "true"},
        {"CAST('-.5' AS DOUBLE)", "-0.5"},
        {"CAST(12345678901.678 AS FLOAT) = 12345679000.0", "true"},
        {"16777217 = CAST(16777216 AS FLOAT)", "true"},
        {"(-2147483648) / (-1)", "2147483648"},
        {"abs(-2147483648)", "2147483648"},
        {"1e308 * 10 > 1e308", "true"},
    };
    EXPECT_RESULTS(cases);
}

TEST(eval_run_on_truth_has_three_values)
{
    static const struct case_of cases[] = {
        {"NULL AND FALSE", "false"},
        {"NULL AND TRUE", "NULL"},
        {"NULL OR TRUE", "true"},
        {"NULL OR FALSE", "NULL"},
        {"NOT NULL", "NULL"},
        {"nul = 1", "NULL"},
        {"NULL = NULL", "NULL"},
        {"nul IS NULL", "true"},
        {"nul IS NOT NULL", "false"},
        {"NULL IS TRUE", "false"},
        {"NULL IS NOT TRUE", "true"},
        {"b IS TRUE", "true"},
        {"(nul = 1) IS NULL", "true"},
        {"i IN (1, 2, NULL)", "NULL"},
        {"i IN (100000, NULL)", "true"},
        {"i NOT IN (1, NULL)", "NULL"},
        {"nul IN (1)", "NULL"},
        {"i NOT IN (1, 2)", "true"},
        {"i BETWEEN NULL AND 5", "false"},
        {"i BETWEEN 200000 AND NULL", "false"},
        {"i BETWEEN 1 AND NULL", "NULL"},
        {"i NOT BETWEEN 1 AND 2", "true"},
        {"CASE WHEN NULL THEN 1 ELSE 2 END", "2"},
        {"CASE WHEN b THEN s END", "3"},
        {"CASE nul WHEN NULL THEN 1 ELSE 2 END", "2"},
        {"CASE i WHEN 1.5 THEN 1 WHEN 100000 THEN 2 END", "2"},
        {"CASE WHEN false THEN CAST('x' AS INT) ELSE 1 END", "1"},
        {"COALESCE(NULL, nul, 7)", "7"},
        {"COALESCE(s, 'a')", "3"},
        {"NULLIF(i, 100000)", "NULL"},
        {"NULLIF(s, 3.0)", "NULL"},
        {"NULLIF(s, 4)", "3"},
        {"NULLIF(nul, 1)", "NULL"},
    };
    EXPECT_RESULTS(cases);
}

TEST(eval_run_on_comparisons_answers_as_the_engine)
{
    static const struct case_of cases[] = {
        {"i = 100000.0", "true"},
        {"i = 5.5", "false"},
        {"i > 2.5", "true"},
        {"s = 40000", "false"},
        {"f = 1.5", "true"},
        {"f = 1.1", "false"},
        {"dc = 12.340", "true"},
        {"dc > i", "false"},
        {"dc = d", "false"},
        {"l = 5000000000.0", "true"},
        {"i = '100000'", "true"},
        {"'5' = 5", "true"},
        {"d = ' 2.5 '", "true"},
        {"b = 'T'", "true"},
        {"b = 1", "true"},
        {"b = 5", "false"},
        {"b > 0", "true"},
        {"true > false", "true"},
        {"ts = '2026-01-02T03:04:05Z'", "true"},
        {"ts = '2026-01-02 03:04:05+00:00'", "true"},
        {"ts = '2026-01-02 05:04:05+02:00'", "true"},
        {"ts = '2026-01-02T05:04:05+02:00'", "true"},
        {"ts > '2026-01-02'", "true"},
        {"ts > dt", "true"},
        {"dt = '2026-01-02'", "true"},
        {"u = '00000000000000000000000000000001'", "true"},
        {"bl = 'abc' AND bl = '\\x616263' AND bl IN ('b', '\\x616263') AND bl < 'abd'", "true"},
        {"bl BETWEEN '\\x6162' AND X'616262' OR CAST('\\x00' AS BYTES) <> X'00'", "false"},
        {"x = 'abc'", "true"},
        {"x < 'B'", "false"},
        {"'a' = 'a '", "false"},
        {"x BETWEEN 'a' AND 'b'", "true"},
        {"x IN ('q', 'abc')", "true"},
        {"ts BETWEEN '2026-01-01' AND dt", "false"},
        {"99999999999999999999 > l", "true"},
        {"(j->>'t') = 'true'", "true"},
        {"(j->'a'->'b'->>0) = 1", "true"},
        {"j = '{}'", "false"},
        {"t.i = 100000", "true"},
    };
    EXPECT_RESULTS(cases);
}

TEST(eval_run_on_texts_answers_as_the_engine)
{
    static const struct case_of cases[] = {
        {"x || 1", "abc1"},
        {"1 || 2", "12"},
        {"x || NULL", "NULL"},
        {"x || b || dt", "abctrue2026-01-02"},
        {"x || dc", "abc12.34"},
        {"concat(x, NULL, ts)", "abc2026-01-02 03:04:05"},
        {"concat(NULL)", ""},
        {"lower('\xC3\x84"
         "BC')",
         "\xC3\xA4"
         "bc"},
        {"upper('\xC3\xA4\xC3\x9F')", "\xC3\x84\xE1\xBA\x9E"},
        {"length('\xC3\xA4"
         "bc')",
         "3"},
        {"length(nul::text)", "NULL"},
        {"x LIKE 'a%'", "true"},
        {"x LIKE 'A%'", "false"},
        {"x ILIKE 'A_C'", "true"},
        {"'\xC3\x84' ILIKE '\xC3\xA4'", "true"},
        {"'a\xC3\xA4' LIKE 'a_'", "true"},
        {"'4%' LIKE '4\\%'", "false"},
        {"'4%' LIKE '4\\%' ESCAPE '\\'", "true"},
        {"'a!b' LIKE 'a!!b' ESCAPE '!'", "true"},
        {"x LIKE NULL", "NULL"},
        {"x NOT LIKE '%z%'", "true"},
        {"j LIKE '%\"b\"%'", "true"},
        {"'' LIKE '%'", "true"},
        {"CAST(ts AS TEXT)", "2026-01-02 03:04:05"},
        {"CAST(u AS TEXT)", "00000000-0000-0000-0000-000000000001"},
        {"CAST(ts AS DATE)", "2026-01-02"},
        {"CAST(TIMESTAMP '1960-01-01 23:00:00' AS DATE)", "1960-01-01"},
        {"CAST(ts AS TIME)", "03:04:05"},
        {"CAST(dt AS TIMESTAMP)", "2026-01-02 00:00:00"},
    };
    EXPECT_RESULTS(cases);
}

TEST(eval_run_on_json_answers_as_the_engine)
{
    static const struct case_of cases[] = {
        {"j->'a'", "{\"b\":[1,2,null,\"x\"]}"},
        {"j->'a'->'b'->2", "null"},
        {"j->'a'->'b'->>2", "NULL"},
        {"j->'a'->'b'->>3", "x"},
        {"j->'a'->'b'->>-1", "NULL"},
        {"j->'a'->'b'->-5", "NULL"},
        {"j->'zz'", "NULL"},
        {"j->>'s'", "q\"w"},
        {"j->'s'", "\"q\\\"w\""},
        {"j->>'f'", "1.50"},
        {"j->'w'", "{\"k\": 1e2, \"z\":-0, \"u\":\"\\u00e9\\/\\u001f\"}"},
        {"j->'a'->0", "NULL"},
        {"j->'a'->'b'->'x'", "NULL"},
        {"j->NULL", "NULL"},
        {"NULL->'a'", "NULL"},
        {"x->'a'", "NULL"},
        {"x ? 'a'", "false"},
        {"CAST(NULL AS JSON) ? 'a'", "false"},
        {"'[1,2]'->0", "1"},
        {"'{\"a\":1,\"a\":2}'->'a'", "1"},
        {"j ? 'a'", "true"},
        {"j ? 'q'", "false"},
        {"j->'a' ? 'b'", "true"},
        {"j->'a'->'b' ? 3", "true"},
        {"json_as_text(j, 'a', 'b', 0)", "1"},
        {"json_get_json(j, 'n')", "null"},
        {"json_contains(j, 'a', 'b')", "true"},
        {"'{\"a\":1e21}'->>'a'", "1e21"},
        {"'{\"a\":1e-7}'->>'a'", "1e-7"},
        {"'{\"a\":0.00001}'->>'a'", "0.00001"},
        {"'{\"a\":123456789012345678.5}'->>'a'", "123456789012345678.5"},
        {"'{\"a\":18446744073709551616}'->>'a'", "18446744073709551616"},
        {"'{\"a\":\"\\ud83d\\ude00\"}'->>'a'", "\xF0\x9F\x98\x80"},
    };
    EXPECT_RESULTS(cases);
}

TEST(eval_run_asks_the_session)
{
    static const struct case_of cases[] = {
        {"CURRENT_USER", "alice"},
        {"current_user()", "alice"},
        {"CURRENT_USER_ID()", "alice"},
        {"CURRENT_ROLE", "user"},
        {"now() = ts", "true"},
        {"CURRENT_TIMESTAMP", "2026-01-02 03:04:05"},
        {"UUID_V7()", "abababab-abab-abab-abab-abababababab"},
        {"ULID()", "ZZZZZZZZZZZZZZZZZZZZZZZZZZ"},
        {"SNOWFLAKE_ID() < SNOWFLAKE_ID()", "true"},
    };
    EXPECT_RESULTS(cases);
}

static void expect_errors(const struct case_of *cases, size_t count, enum error_id id)
{
    fill_row();
    for (size_t i = 0; i < count; i++) {
        struct error err;
        struct value v;
        if (status_ok(evaluate(cases[i].text, &row_scope, &row_input, &v, &err))) {
            test_fail(__FILE__, __LINE__, "%s: has a value", cases[i].text);
        }
        if (err.id != id || !str_eq_c(str_from(err.text), cases[i].result)) {
            test_fail(__FILE__, __LINE__, "%s: %s %s, wanted %s", cases[i].text,
                      error_row(err.id)->symbol, err.text, cases[i].result);
        }
    }
    sql_help_reset();
}
#define EXPECT_ERRORS(cases, id) expect_errors((cases), sizeof(cases) / sizeof *(cases), (id))

TEST(eval_run_on_overflow_and_bad_texts_is_an_error)
{
    static const struct case_of overflows[] = {
        {"9223372036854775807 + 1", "Overflow in 9223372036854775807 + 1"},
        {"i * i", "Overflow in 100000 * 100000"},
        {"s * CAST(30000 AS SMALLINT)", "Overflow in 3 * 30000"},
        {"i - CAST(-2147483648 AS INT)", "Overflow in 100000 - -2147483648"},
        {"l + 9223372036854775807", "Overflow in 5000000000 + 9223372036854775807"},
        {"CAST(-2147483648 AS INT) / CAST(-1 AS INT)", "Overflow in -2147483648 / -1"},
        {"- CAST(-32768 AS SMALLINT)", "Overflow in negation of -32768"},
        {"abs(CAST(-32768 AS SMALLINT))", "Overflow on abs(-32768)"},
        {"x LIKE 'a' ESCAPE 'ab'",
         "Invalid escape string. Escape string must be empty or one character."},
        {"x LIKE 'a!' ESCAPE '!'", "Like pattern must not end with escape character!"},
        {"j->lower('$.A')", "the JSON path '$.a' is not supported here"},
    };
    EXPECT_ERRORS(overflows, ERROR_EXECUTION);
    static const struct case_of casts[] = {
        {"CAST(x AS INT)", "cannot cast 'abc' to INT"},
        {"CAST(i AS SMALLINT)", "cannot cast '100000' to SMALLINT"},
        {"CAST(1e20 AS BIGINT)", "cannot cast '1e20' to BIGINT"},
        {"CAST(i AS DECIMAL(5,0))", "cannot cast '100000' to DECIMAL(5, 0)"},
        {"CAST('bad' AS JSON)", "cannot cast 'bad' to JSON"},
        {"i = 'abc'", "cannot cast 'abc' to INT"},
        {"i IN (100000, 'x')", "cannot cast 'x' to INT"},
        {"ts = 'soon'", "cannot cast 'soon' to TIMESTAMP"},
    };
    EXPECT_ERRORS(casts, ERROR_COERCION);
}

TEST(eval_bind_refuses_what_only_the_engine_knows)
{
    static const struct case_of refused[] = {
        {"count(*)", "the function 'count' is not supported here"},
        {"lower(x, x)", "this number of arguments of the function 'lower' is not supported here"},
        {"x > 5", "TEXT > INT is not supported here; write a cast"},
        {"x = 42", "TEXT = INT is not supported here; write a cast"},
        {"x + 1", "TEXT + BIGINT is not supported here; write a cast"},
        {"'5' + 1", "TEXT + BIGINT is not supported here; write a cast"},
        {"dc % 2", "DECIMAL(10, 2) % BIGINT is not supported here; write a cast"},
        {"1.5 + 0.1", "DECIMAL(2, 1) + DECIMAL(2, 1) is not supported here; write a cast"},
        {"dc + 12345678901234567890",
         "DECIMAL(10, 2) + DECIMAL(38, 0) is not supported here; write a cast"},
        {"d % 2", "DOUBLE % BIGINT is not supported here; write a cast"},
        {"dt + 1", "DATE + BIGINT is not supported here; write a cast"},
        {"ts = 5", "TIMESTAMP = INT is not supported here; write a cast"},
        {"1 AND b", "as a condition, a value of type 'INT' is not supported here"},
        {"CAST(d AS TEXT)", "the cast from 'DOUBLE to TEXT' is not supported here"},
        {"COALESCE(bl, 'abc')", "BYTES = TEXT is not supported here; write a cast"},
        {"COALESCE(x, 1)", "TEXT = BIGINT is not supported here; write a cast"},
        {"j->'$.a'", "the JSON path '$.a' is not supported here"},
        {"i->'a'", "INT -> TEXT is not supported here; write a cast"},
        {"lower(5)", "as a TEXT argument, a value of type 'INT' is not supported here"},
        {"x LIKE 5", "INT || TEXT is not supported here; write a cast"},
        {"ts > INTERVAL '1 day'", "the expression 'INTERVAL '1 day'' is not supported here"},
    };
    EXPECT_ERRORS(refused, ERROR_STATEMENT_UNSUPPORTED);
    static const struct case_of unknown[] = {{"nosuch = 1", "Column 'nosuch' does not exist"},
                                             {"u.i = 1", "Column 'i' does not exist"}};
    EXPECT_ERRORS(unknown, ERROR_COLUMN_NOT_FOUND);
    struct eval_scope scope = {.resolve = NULL};
    struct error err;
    struct value v;
    EXPECT_STATUS(evaluate("SNOWFLAKE_ID()", &scope, &row_input, &v, &err), UNSUPPORTED);
    EXPECT_STATUS(evaluate("i", &scope, &row_input, &v, &err), INVALID);
    EXPECT_OK(evaluate("1 + 1", &scope, &row_input, &v, &err), &err);
    EXPECT_INT(v.as.integer, 2);
    sql_help_reset();
}

TEST(eval_bind_types_results_as_the_engine)
{
    static const struct {
        const char *text;
        enum type_id type;
    } cases[] = {
        {"s + 1", TYPE_BIGINT},
        {"s + i", TYPE_INT},
        {"CASE WHEN b THEN 1 ELSE s END", TYPE_BIGINT},
        {"i + 1", TYPE_BIGINT},
        {"i + 5000000000", TYPE_BIGINT},
        {"1 + 1", TYPE_BIGINT},
        {"l + s", TYPE_BIGINT},
        {"f * 2", TYPE_FLOAT},
        {"f * 1.5", TYPE_FLOAT},
        {"d * 1.5", TYPE_DOUBLE},
        {"length(x)", TYPE_BIGINT},
        {"x || 1", TYPE_TEXT},
        {"j->'a'", TYPE_JSON},
        {"j->>'a'", TYPE_TEXT},
        {"i = 1", TYPE_BOOLEAN},
        {"NULL", TYPE_NONE},
        {"COALESCE(s, i)", TYPE_INT},
        {"COALESCE(s, 5)", TYPE_BIGINT},
        {"COALESCE(f, i)", TYPE_FLOAT},
        {"CASE WHEN b THEN ts ELSE '2026-01-01' END", TYPE_TIMESTAMP},
        {"now()", TYPE_TIMESTAMP},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct eval *bound = NULL;
        struct error err;
        EXPECT_OK(eval_bind(parsed_expr(cases[i].text), &row_scope, sql_help_arena(), &bound, &err),
                  &err);
        if (eval_type(bound).id != cases[i].type) {
            test_fail(__FILE__, __LINE__, "%s: type %d", cases[i].text, eval_type(bound).id);
        }
    }
    sql_help_reset();
}

TEST(eval_parameters_and_slots_stand_for_literals)
{
    fill_row();
    struct value params[] = {value_int(TYPE_BIGINT, 100000),
                             value_text(STR_LIT("2026-01-02 03:04:05")),
                             value_null(type_of(TYPE_NONE))};
    struct type types[] = {params[0].type, params[1].type, params[2].type};
    struct eval_scope scope = {.resolve = resolve, .param_types = types, .param_count = 3};
    struct eval_input input = {.columns = row, .session = &session, .params = params};
    struct error err;
    struct value v;
    EXPECT_OK(evaluate("i = $1 AND ts = $2 AND $3 IS NULL", &scope, &input, &v, &err), &err);
    EXPECT(v.as.boolean);
    EXPECT_STATUS(evaluate("i = $4", &scope, &input, &v, &err), INVALID);
    EXPECT_STR_EQ(str_from(err.text),
                  STR_LIT("Parameter count mismatch: expected 4 parameters, got 3"));
    EXPECT_STATUS(evaluate("i = $2", &scope, &input, &v, &err), INVALID); /* no number */
    EXPECT_INT(err.id, ERROR_COERCION);

    /* one plan, two statements of one shape */
    const struct eval *bound = NULL;
    struct value slots[] = {value_int(TYPE_INT, 5), value_text(STR_LIT("abc"))};
    struct type slot_types[] = {slots[0].type, slots[1].type};
    struct eval_scope slot_scope = {.resolve = resolve, .slot_types = slot_types, .slot_count = 2};
    const struct statement *s = parsed("DELETE FROM t WHERE i > -7 AND x = 'zzz'");
    EXPECT_OK(eval_bind(s->as.delete.where, &slot_scope, sql_help_arena(), &bound, &err), &err);
    EXPECT(!eval_is_constant(bound));
    struct eval_input slot_input = {.columns = row, .session = &session, .slots = slots};
    bool matches = false;
    EXPECT_OK(eval_matches(bound, &slot_input, sql_help_arena(), &matches, &err), &err);
    EXPECT(matches);
    slots[1] = value_text(STR_LIT("abd"));
    EXPECT_OK(eval_matches(bound, &slot_input, sql_help_arena(), &matches, &err), &err);
    EXPECT(!matches);
    slots[0] = value_int(TYPE_BIGINT, 5); /* another shape: the plan is not for it */
    EXPECT_STATUS(eval_matches(bound, &slot_input, sql_help_arena(), &matches, &err), INTERNAL);
    sql_help_reset();
}

TEST(eval_find_equality_gives_the_constant_that_a_column_equals)
{
    static const struct {
        const char *condition;
        const char *constant; /* NULL: none */
    } cases[] = {
        {"i = 5", "5"},
        {"5 = t.i", "5"},
        {"x = 'a' AND (i = $1)", "$1"},
        {"i = 1 + 2", "1 + 2"},
        {"i = s", NULL},
        {"i = 5 OR b", NULL},
        {"NOT i = 5", NULL},
        {"i > 5", NULL},
        {"i = lower(x)", NULL},
        {"i = SNOWFLAKE_ID()", NULL},
        {"b AND (x = 'q' AND i = 7)", "7"},
        {"i IN (5)", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct expr *e = parsed_expr(cases[i].condition);
        const struct expr *found = eval_find_equality(e, resolve, NULL, I);
        if ((found != NULL) != (cases[i].constant != NULL)) {
            test_fail(__FILE__, __LINE__, "%s: found is %d", cases[i].condition, found != NULL);
        }
        EXPECT(found == NULL || expr_equal(found, parsed_expr(cases[i].constant)));
    }
    sql_help_reset();
}

TEST(eval_equalities_lists_what_an_index_of_filters_needs)
{
    struct eval_equality found[2];
    const struct eval *bound = NULL;
    struct error err;
    fill_row();
    EXPECT_OK(eval_bind(parsed_expr("i = 5 AND x = 'a' AND s > 1 AND 'true' = b"), &row_scope,
                        sql_help_arena(), &bound, &err),
              &err);
    EXPECT_UINT(eval_equalities(bound, found, 2), 3);
    EXPECT_UINT(found[0].column, I);
    EXPECT_INT(found[0].value.as.integer, 5);
    EXPECT_UINT(found[1].column, X);
    EXPECT_STR(found[1].value.as.text, "a");
    EXPECT_OK(eval_bind(parsed_expr("i = 5 OR b"), &row_scope, sql_help_arena(), &bound, &err),
              &err);
    EXPECT_UINT(eval_equalities(bound, found, 2), 0);
    EXPECT_OK(eval_bind(parsed_expr("s = 1.5"), &row_scope, sql_help_arena(), &bound, &err), &err);
    EXPECT_UINT(eval_equalities(bound, found, 2), 0); /* a cast lies over the column */
    sql_help_reset();
}

TEST(eval_run_on_nested_case_takes_time_by_nodes_not_by_paths)
{
    enum { LEVELS = 60 }; /* 2^60 evaluations if an operand were evaluated once per WHEN */
    struct buf text;
    buf_init(&text);
    for (int i = 0; i < LEVELS; i++) {
        buf_append_c(&text, "CASE ");
    }
    buf_append_c(&text, "i");
    for (int i = 0; i < LEVELS; i++) {
        buf_append_c(&text, " WHEN 1 THEN 2 WHEN 3 THEN 4 ELSE 5 END");
    }
    char *copy = str_cstr(sql_help_arena(), buf_str(&text));
    buf_release(&text);
    struct error err;
    struct value v;
    fill_row();
    EXPECT_OK(evaluate(copy, &row_scope, &row_input, &v, &err), &err);
    EXPECT_INT(v.as.integer, 5);
    sql_help_reset();
}

/* --- LIKE, case */

TEST(like_matches_on_many_percents_is_not_exponential)
{
    enum { TEXT_BYTES = 20000 };
    char *text = mem_alloc(TEXT_BYTES);
    memset(text, 'a', TEXT_BYTES);
    EXPECT_INT(like_matches(str_of(text, TEXT_BYTES), STR_LIT("%a%a%a%a%a%a%a%a%a%a%a%b"), 0),
               LIKE_NO);
    EXPECT_INT(like_matches(str_of(text, TEXT_BYTES), STR_LIT("%a%a%a%a%a%a%a%a%a%a%a%"), 0),
               LIKE_YES);
    mem_free(text);
}

TEST(like_matches_on_patterns_knows_characters_and_escapes)
{
    static const struct {
        const char *text;
        const char *pattern;
        char escape;
        enum like_answer answer;
    } cases[] = {
        {"", "", 0, LIKE_YES},
        {"", "_", 0, LIKE_NO},
        {"a", "", 0, LIKE_NO},
        {"abc", "%", 0, LIKE_YES},
        {"abc", "a%c", 0, LIKE_YES},
        {"abcbc", "a%bc", 0, LIKE_YES},
        {"abc", "a_c", 0, LIKE_YES},
        {"abc", "__", 0, LIKE_NO},
        {"\xC3\xA4"
         "b",
         "_b", 0, LIKE_YES},
        {"\xC3\xA4", "__", 0, LIKE_NO},
        {"\xC3\xA4", "%_", 0, LIKE_YES},
        {"a%b", "a!%b", '!', LIKE_YES},
        {"axb", "a!%b", '!', LIKE_NO},
        {"a_", "a!_", '!', LIKE_YES},
        {"a!", "a!!", '!', LIKE_YES},
        {"xx!%", "%!!!%", '!', LIKE_YES},
        {"a", "a!", '!', LIKE_BAD_ESCAPE},
        {"aab", "%ab", 0, LIKE_YES},
        {"abab", "%ab%ab", 0, LIKE_YES},
        {"aba", "%ab%ab", 0, LIKE_NO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum like_answer answer =
            like_matches(str_from(cases[i].text), str_from(cases[i].pattern), cases[i].escape);
        if (answer != cases[i].answer) {
            test_fail(__FILE__, __LINE__, "%s LIKE %s: %d", cases[i].text, cases[i].pattern,
                      (int)answer);
        }
    }
}

TEST(case_lower_of_broken_utf8_keeps_the_bytes)
{
    EXPECT_STR(case_lower(sql_help_arena(), STR_LIT("A\xFF\xC3")), "a\xFF\xC3");
    EXPECT_STR(case_upper(sql_help_arena(), STR_LIT("\xC3\xBF\xE2\x82")), "\xC5\xB8\xE2\x82");
    EXPECT_STR(case_lower(sql_help_arena(), STR_LIT("\xCE\xA3\xC4\xB0")), "\xCF\x83i");
    sql_help_reset();
}
