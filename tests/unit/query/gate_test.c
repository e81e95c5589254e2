/* tests/unit/query/gate_test.c -- Goal: a statement that passes means what the contract says, and
 * nothing of the engine is unclassified. Method: a small catalog before a real engine; texts,
 * results, flags. */
#include "base/map.h"
#include "test.h"
#include "unit/query/gate_fixture.h"

/* --- functions ----------------------------------------------------------------------------------
 */

/* Every name that the engine offers; the values mean nothing. */
static void load_names(struct gate_fixture *f, bool is_table_function, struct map *names)
{
    struct error err;
    struct duck_result *result;
    const struct batch *batch;
    const char *types =
        is_table_function ? "'table', 'table_macro', 'pragma'" : "'scalar', 'aggregate', 'macro'";
    str text = arena_format(&f->arena,
                            "SELECT DISTINCT function_name FROM duckdb_functions() WHERE "
                            "function_type IN (%s)",
                            types);
    EXPECT_OK(duck_eval_select(f->options.parser, text, NULL, 0, &result, &err), &err);
    for (;;) {
        EXPECT_OK(duck_fetch(result, &batch, &err), &err);
        if (batch == NULL) {
            break;
        }
        for (unsigned r = 0; r < batch->row_count; r++) {
            (void)map_put(names, batch_get(batch, 0, r).as.text, f);
        }
    }
    duck_result_close(result);
    EXPECT(names->count > 100);
}

TEST(gate_class_of_function_knows_every_function_of_the_engine)
{
    struct gate_fixture f;
    gate_fixture_open(&f);
    for (int is_table_function = 0; is_table_function < 2; is_table_function++) {
        struct map names;
        map_init(&names);
        load_names(&f, is_table_function, &names);
        size_t position = 0;
        str name;
        void *value;
        while (map_next(&names, &position, &name, &value)) {
            enum gate_class class = is_table_function ? gate_class_of_table_function(name)
                                                      : gate_class_of_function(name);
            if (class == GATE_UNKNOWN) {
                test_fail(__FILE__, __LINE__, "functions.def does not list %.*s", STR(name));
            }
        }
        map_release(&names);
    }
    gate_fixture_close(&f);
}

TEST(gate_class_of_function_lists_nothing_twice_and_nothing_that_is_not_there)
{
    struct gate_fixture f;
    gate_fixture_open(&f);
    for (int is_table_function = 0; is_table_function < 2; is_table_function++) {
        struct map names;
        map_init(&names);
        load_names(&f, is_table_function, &names);
        for (unsigned i = 0; gate_function_name(i, is_table_function) != NULL; i++) {
            const char *name = gate_function_name(i, is_table_function);
            if (map_remove(&names, str_from(name)) == NULL) {
                test_fail(__FILE__, __LINE__, "functions.def lists %s twice, or it is not there",
                          name);
            }
        }
        map_release(&names);
    }
    gate_fixture_close(&f);
}

TEST(gate_class_of_function_keeps_the_dangerous_ones_denied)
{
    static const char *const denied[] = {
        "error",       "write_log",       "getvariable",         "current_setting",
        "nextval",     "currval",         "txid_current",        "version",
        "range",       "generate_series", "json_serialize_sql",  "list_resize",
        "printf",      "format",          "damerau_levenshtein", "list_sort",
        "kalam_files", "current_query",   "list_aggregate",      "struct_pack",
    };
    static const char *const denied_tables[] = {
        "read_csv",       "read_parquet",
        "glob",           "query",
        "query_table",    "duckdb_logs",
        "enable_logging", "kalam_hot",
        "kalam_dead",     "kalam_system",
        "kalam_source",   "seq_scan",
        "arrow_scan",     "json_execute_serialized_sql",
        "repeat",         "pragma_version",
        "sniff_csv",      "parquet_metadata",
    };
    for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++) {
        EXPECT(gate_class_of_function(str_from(denied[i])) == GATE_DENY);
    }
    for (size_t i = 0; i < sizeof denied_tables / sizeof denied_tables[0]; i++) {
        EXPECT(gate_class_of_table_function(str_from(denied_tables[i])) == GATE_DENY);
    }
    EXPECT(gate_class_of_function(STR_LIT("no_such_function")) == GATE_UNKNOWN);
    EXPECT(gate_class_of_function(STR_LIT("lower")) == GATE_ALLOW);
    EXPECT(gate_class_of_function(STR_LIT("now")) == GATE_SESSION);
    EXPECT(gate_class_of_function(STR_LIT("repeat")) == GATE_OURS);
    EXPECT(gate_class_of_table_function(STR_LIT("range")) == GATE_ALLOW);
}

/* --- texts --------------------------------------------------------------------------------------
 */

TEST(gate_check_prints_what_it_resolved)
{
    static const struct {
        const char *sql;
        const char *text;
    } cases[] = {
        {"SELECT id FROM messages", "SELECT id FROM \"17.3\".messages ORDER BY 1"},
        {"select ID from APP.Messages", "SELECT ID FROM \"17.3\".messages ORDER BY 1"},
        {"SELECT app.messages.id FROM app.messages WHERE app.messages.n > 1",
         "SELECT \"17.3\".messages.id FROM \"17.3\".messages WHERE (\"17.3\".messages.n > 1) ORDER "
         "BY "
         "1"},
        {"SELECT system.users.name FROM system.users",
         "SELECT \"sys.system\".users.\"name\" FROM _k_sys.\"sys.system\".users"},
        {"SELECT n FROM messages", "SELECT n FROM \"17.3\".messages"},
        {"SELECT id AS x FROM messages", "SELECT id AS x FROM \"17.3\".messages"},
        {"SELECT n AS id FROM messages", "SELECT n AS id FROM \"17.3\".messages"},
        {"SELECT n, id FROM messages m", "SELECT n, id FROM \"17.3\".messages AS m ORDER BY 2"},
        {"SELECT * EXCLUDE (id) FROM messages", "SELECT * EXCLUDE (id) FROM \"17.3\".messages"},
        {"SELECT * FROM messages ORDER BY n", "SELECT * FROM \"17.3\".messages ORDER BY n"},
        {"SELECT id FROM messages a, messages b", /* no table is the one */
         "SELECT id FROM \"17.3\".messages AS a , \"17.3\".messages AS b"},
        {"SELECT DISTINCT id FROM messages",
         "SELECT DISTINCT id FROM \"17.3\".messages ORDER BY 1"},
        {"SELECT count(*) FROM messages",
         "SELECT count_star() AS \"count(*)\" FROM \"17.3\".messages"},
        {"SELECT max(id) FROM messages", "SELECT max(id) AS \"max(id)\" FROM \"17.3\".messages"},
        {"SELECT doc -> 'a' FROM messages",
         "SELECT kalam_json_get_json(doc, 'a') AS \"doc -> 'a'\" FROM \"17.3\".messages"},
        {"SELECT now(), now()", "SELECT $1 AS \"now()\", $1 AS \"now()\""},
        {"SELECT 1.5", "SELECT CAST('1.5' AS DOUBLE) AS \"1.5\""},
        {"SELECT price FROM prices WHERE price > 1.5",
         "SELECT price FROM \"18.3\".prices WHERE (price > CAST('1.5' AS DECIMAL(2,1)))"},
        {"SELECT 1.5, (SELECT max(price) FROM prices) AS m",
         "SELECT CAST('1.5' AS DECIMAL(2,1)) AS \"1.5\", (SELECT max(price) AS \"max(price)\" FROM "
         "\"18.3\".prices) AS m"},
        {"SELECT number FROM recent", "SELECT number FROM (SELECT id, n AS number FROM "
                                      "\"17.3\".messages WHERE (id > 90)) AS "
                                      "recent"},
        {"WITH messages AS (SELECT id FROM messages) SELECT id FROM messages",
         "WITH messages AS (SELECT id FROM \"17.3\".messages)SELECT id FROM messages"},
        {"WITH a AS MATERIALIZED (SELECT 1 AS x) SELECT x FROM a",
         "WITH a AS MATERIALIZED (SELECT CAST('1' AS BIGINT) AS x)SELECT x FROM a"},
        {"SELECT n + 1 FROM messages WHERE n = 1 AND n + 1 IN (2) GROUP BY n + 1 ORDER BY 1",
         "SELECT (n + CAST('1' AS BIGINT)) AS \"n + 1\" FROM \"17.3\".messages WHERE ((n "
         "= "
         "1) AND ((n + CAST('1' AS BIGINT)) IN (2))) GROUP BY (n + CAST('1' AS BIGINT)) ORDER BY "
         "1"},
    };
    struct gate_fixture f;
    gate_fixture_open(&f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gate_plan plan;
        str text = gate_fixture_text(&f, cases[i].sql, &plan);
        if (!str_eq_c(text, cases[i].text)) {
            test_fail(__FILE__, __LINE__, "%s: printed %.*s", cases[i].sql, STR(text));
        }
    }
    gate_fixture_close(&f);
}

/* --- results ------------------------------------------------------------------------------------
 */

TEST(gate_check_statement_runs_and_answers)
{
    static const struct {
        const char *sql;
        const char *answer;
    } cases[] = {
        {"SELECT id, n FROM messages LIMIT 2", "id|n\n1|1\n2|2\n"},
        {"SELECT id FROM messages ORDER BY id DESC LIMIT 2", "id\n100\n99\n"},
        {"SELECT * EXCLUDE (doc, _updated) FROM messages LIMIT 1",
         "id|body|n|_seq|_deleted\n1|odd|1|1001|false\n"},
        {"SELECT m.id, s.id AS sid FROM messages m JOIN shop.messages s ON m.id = s.id + 98",
         "id|sid\n100|2\n99|1\n"},
        {"SELECT id, body FROM messages JOIN shop.messages USING (id, body) WHERE id < 3 ORDER BY "
         "id",
         "id|body\n1|odd\n2|even\n"},
        {"SELECT * EXCLUDE (doc, _updated) FROM messages NATURAL JOIN prices WHERE id = 1",
         "id|body|n|_seq|_deleted|price\n1|odd|1|1001|false|1.99\n"},
        {"SELECT body, count(*), sum(n), avg(n) FROM messages GROUP BY body ORDER BY body",
         "body|count(*)|sum(n)|avg(n)\neven|50|2550|51.0\nodd|50|2500|50.0\n"},
        {"SELECT CURRENT_USER, current_user_id(), CURRENT_ROLE(), NOW(), CURRENT_DATE",
         "CURRENT_USER|current_user_id()|current_role()|now()|CURRENT_DATE\n"
         "alice|alice|user|2023-11-14 22:13:20|2023-11-14\n"},
        {"SELECT 7 / 2, 0.1 + 0.2, 1e3", "7 / 2|0.1 + 0.2|1000.0\n3|0.30000000000000004|1000.0\n"},
        {"SELECT sum(price) FROM prices WHERE price < 4", "sum(price)\n8.97\n"},
        {"SELECT doc -> 'a' -> 'b' AS b, doc ->> 'k.e/y' AS k FROM messages LIMIT 1",
         "b|k\n[10,\"x\"]|1\n"},
        {"SELECT name, age FROM system.users", "name|age\nroot|7\n"},
        {"SELECT u.name FROM system.users u, messages m WHERE m.id = u.age", "name\nroot\n"},
        {"SELECT number FROM recent WHERE number > 98 ORDER BY number", "number\n99\n100\n"},
        {"SELECT r.id FROM recent r JOIN messages m ON r.id = m.id WHERE m.n = 95", "id\n95\n"},
        {"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 4) SELECT "
         "sum(n) "
         "FROM r",
         "sum(n)\n10\n"},
        {"SELECT id FROM messages UNION ALL SELECT id FROM shop.messages ORDER BY id LIMIT 3",
         "id\n1\n1\n2\n"},
        {"SELECT id, row_number() OVER (ORDER BY n DESC) AS r FROM messages ORDER BY r LIMIT 2",
         "id|r\n100|1\n99|2\n"},
        {"SELECT id FROM messages WHERE id IN (SELECT n FROM shop.messages WHERE n < 3)",
         "id\n1\n2\n"},
        {"SELECT EXISTS (SELECT 1 FROM messages WHERE id = 5) AS e", "e\ntrue\n"},
        {"SELECT x FROM (VALUES (3), (NULL), (1)) v(x) ORDER BY x", "x\n1\n3\nNULL\n"},
        {"SELECT * FROM range(3) r(i)", "i\n0\n1\n2\n"},
        {"SELECT u FROM unnest([1, 2]) t(u)", "u\n1\n2\n"},
        {"SELECT array_agg(id ORDER BY id) FROM messages WHERE id < 4",
         "array_agg(id)\n[\"1\",\"2\",\"3\"]\n"},
        {"SELECT lpad('7', 3, '0'), repeat('ab', 2)",
         "lpad('7', 3, '0')|repeat('ab', 2)\n007|abab\n"},
        {"SELECT SNOWFLAKE_ID(), ULID()", "snowflake_id()|ulid()\n42|UUUUUUUUUUUUUUUUUUUUUUUUUU\n"},
        {"SELECT COSINE_DISTANCE([1, 0]::FLOAT[2], '[0, 1]') AS d", "d\n1.0\n"},
        {"SELECT CASE WHEN n > 99 THEN 'x' END AS c FROM messages WHERE id = 100", "c\nx\n"},
        {"SELECT CAST('{\"a\":1}' AS JSON) ->> 'a' AS a", "a\n1\n"},
        {"SELECT id FROM messages WHERE body = 'odd' AND NOT (n BETWEEN 2 AND 98) ORDER BY 1",
         "id\n1\n99\n"},
        {"SELECT id AS a, a + 1 AS b, b + 1 AS c FROM messages WHERE id = 1", "a|b|c\n1|2|3\n"},
        {"SELECT body FROM messages GROUP BY body HAVING min(n) = 1", "body\nodd\n"},
        {"SELECT date_part('year', TIMESTAMP '2024-01-02') AS y, DATE '2024-01-31' + INTERVAL '1 "
         "day' "
         "AS d",
         "y|d\n2024|2024-02-01 00:00:00\n"},
        {"SELECT id FROM messages WHERE _deleted", "id\n"},
        {"SELECT * FROM (SELECT id, id, n AS id_1, id FROM messages WHERE id = 4) x",
         "id|id_1|id_1_1|id_2\n4|4|4|4\n"},
        {"SELECT \"id\" \"a b\" FROM \"messages\" AS \"m n\" WHERE \"m n\".\"id\" = 3", "a b\n3\n"},
    };
    struct gate_fixture f;
    gate_fixture_open(&f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        str found = gate_fixture_run(&f, cases[i].sql, NULL, 0);
        if (!str_eq_c(found, cases[i].answer)) {
            test_fail(__FILE__, __LINE__, "%s: found %.*s", cases[i].sql, STR(found));
        }
    }
    gate_fixture_close(&f);
}

TEST(gate_check_parameters_and_hidden_ones_stand_side_by_side)
{
    struct gate_fixture f;
    gate_fixture_open(&f);
    struct value params[] = {value_int(TYPE_BIGINT, 3), value_text(STR_LIT("odd"))};
    EXPECT_STR(gate_fixture_run(&f,
                                "SELECT id, CURRENT_USER AS u, $1 AS p FROM messages WHERE id = $1 "
                                "AND body = $2 AND now() > _updated - INTERVAL '1 day'",
                                params, 2),
               "id|u|p\n3|alice|3\n");
    EXPECT_STR(gate_fixture_run(&f, "SELECT id FROM messages LIMIT $1", params, 1),
               "id\n1\n2\n3\n");
    EXPECT_STR(gate_fixture_run(&f, "SELECT id FROM messages WHERE id = $1", params, 2),
               "ERROR INVALID: Parameter count mismatch: expected 1 parameters, got 2");
    EXPECT_STR(gate_fixture_run(&f, "SELECT id FROM messages WHERE id = $2", params, 1),
               "ERROR INVALID: Parameter count mismatch: expected 2 parameters, got 1");
    EXPECT_STR(gate_fixture_run(&f, "SELECT id FROM messages WHERE id = $2", params, 2),
               "ERROR INVALID: Parameter $1 is not used");
    gate_fixture_close(&f);
}

/* The SELECT behind an UPDATE: SET has parameters that WHERE does not name. */
TEST(gate_check_unused_parameters_are_left_out_when_allowed)
{
    struct gate_fixture f;
    struct gate_plan plan;
    gate_fixture_open(&f);
    f.options.parameter_count = 4;
    f.options.allows_unused = true;
    EXPECT_STR(gate_fixture_text(&f,
                                 "SELECT n FROM messages WHERE n = $3 AND id = $2 AND "
                                 "body = CURRENT_USER",
                                 &plan),
               "SELECT n FROM \"17.3\".messages WHERE ((n = $2) AND (id = $1) AND (body = $3))");
    EXPECT_UINT(plan.parameter_count, 2);
    EXPECT_UINT(plan.parameters[0], 1);
    EXPECT_UINT(plan.parameters[1], 2);
    EXPECT_UINT(plan.hidden_count, 1);
    EXPECT_STR(gate_fixture_text(&f, "SELECT n FROM messages", &plan),
               "SELECT n FROM \"17.3\".messages");
    EXPECT_UINT(plan.parameter_count, 0);
    EXPECT_STR(gate_fixture_text(&f, "SELECT n FROM messages WHERE n = $5", &plan),
               "ERROR INVALID: Parameter count mismatch: expected 5 parameters, got 4");
    gate_fixture_close(&f);
}

/* --- limits -------------------------------------------------------------------------------------
 */

static void expect_limit(struct gate_fixture *f, const char *sql, const char *limit,
                         uint64_t row_max)
{
    struct gate_plan plan;
    str text = gate_fixture_text(f, sql, &plan);
    if (!str_ends_with(text, str_from(limit)) || plan.row_max != row_max) {
        test_fail(__FILE__, __LINE__, "%s: printed %.*s, at most %llu rows", sql, STR(text),
                  (unsigned long long)plan.row_max);
    }
}

TEST(gate_check_asks_for_one_row_more_than_the_cap)
{
    struct gate_fixture f;
    gate_fixture_open(&f);
    f.options.default_limit = 50;
    f.options.limit_max = 1000;
    expect_limit(&f, "SELECT n FROM messages", "LIMIT 51", 50);
    expect_limit(&f, "SELECT n FROM messages LIMIT 10", "LIMIT 10", 0);
    expect_limit(&f, "SELECT n FROM messages LIMIT 1000", "LIMIT 1000", 0);
    expect_limit(&f, "SELECT n FROM messages LIMIT 1001", "LIMIT 1001", 1000);
    expect_limit(&f, "SELECT n FROM messages LIMIT 5000 OFFSET 7", "LIMIT 1001 OFFSET 7", 1000);
    expect_limit(&f, "SELECT n FROM messages LIMIT ALL", "LIMIT 1001", 1000);
    expect_limit(&f, "SELECT n FROM messages OFFSET 3", "LIMIT 51 OFFSET 3", 50);
    expect_limit(&f, "SELECT n FROM messages LIMIT (SELECT 5)",
                 "LIMIT least((SELECT CAST('5' AS BIGINT) AS \"5\"), 1001)", 1000);
    expect_limit(&f, "SELECT 1 UNION SELECT 2", "LIMIT 51", 50);
    expect_limit(&f, "WITH a AS (SELECT n FROM messages LIMIT 7) SELECT n FROM a", "LIMIT 51", 50);
    expect_limit(&f, "SELECT n FROM (SELECT n FROM messages) s", "s LIMIT 51", 50);
    f.options.parameter_count = 1;
    expect_limit(&f, "SELECT n FROM messages LIMIT $1", "LIMIT least($1, 1001)", 1000);
    f.options.parameter_count = 0;
    f.options.default_limit = 0;
    expect_limit(&f, "SELECT n FROM messages", "messages", 0);
    f.options.default_limit = 50;
    f.options.limit_max = 0;
    expect_limit(&f, "SELECT n FROM messages LIMIT 5000", "LIMIT 5000", 0);
    gate_fixture_close(&f);
}

TEST(gate_check_capped_statement_gives_the_row_that_tells)
{
    struct gate_fixture f;
    gate_fixture_open(&f);
    f.options.default_limit = 2;
    f.options.limit_max = 3;
    EXPECT_STR(gate_fixture_run(&f, "SELECT id FROM messages", NULL, 0), "id\n1\n2\n3\n");
    struct value three = value_int(TYPE_BIGINT, 90);
    EXPECT_STR(gate_fixture_run(&f, "SELECT id FROM messages LIMIT $1", &three, 1),
               "id\n1\n2\n3\n4\n");
    struct value null = value_null(type_of(TYPE_NONE));
    EXPECT_STR(gate_fixture_run(&f, "SELECT id FROM messages LIMIT $1", &null, 1),
               "id\n1\n2\n3\n4\n");
    gate_fixture_close(&f);
}

/* --- the plan -----------------------------------------------------------------------------------
 */

TEST(gate_check_outputs_know_where_they_come_from)
{
    struct gate_fixture f;
    struct gate_plan plan;
    gate_fixture_open(&f);
    (void)gate_fixture_text(
        &f,
        "SELECT s.body, x.c, m.*, n + 1, x.id AS z FROM messages m JOIN "
        "shop.messages s USING (id), (SELECT doc AS c, id FROM shop.messages) x",
        &plan);
    EXPECT_UINT(plan.table_count, 2);
    EXPECT_UINT(plan.output_count, 11);
    const struct gate_output *o = plan.outputs;
    EXPECT(o[0].column == &f.shop->columns[1] && o[0].table == &plan.tables[1]);
    EXPECT_STR(o[0].name, "body");
    EXPECT(o[1].column == &f.shop->columns[3]);
    EXPECT_STR(o[1].name, "c");
    EXPECT(o[2].column == &f.messages->columns[0] && o[2].table == &plan.tables[0]);
    EXPECT(o[6].column == NULL && o[6].system_column == SYSTEM_SEQ && o[6].table != NULL);
    EXPECT(o[8].system_column == SYSTEM_DELETED);
    EXPECT(o[9].table == NULL && o[9].column == NULL && o[9].system_column == -1);
    EXPECT_STR(o[9].name, "n + 1");
    EXPECT(o[10].column == &f.shop->columns[0]);
    EXPECT_STR(o[10].name, "z");

    (void)gate_fixture_text(&f, "SELECT id FROM messages UNION SELECT id FROM shop.messages",
                            &plan);
    EXPECT(plan.outputs[0].column == NULL);
    (void)gate_fixture_text(&f, "SELECT id FROM messages UNION SELECT id FROM messages", &plan);
    EXPECT(plan.outputs[0].column == &f.messages->columns[0]);
    gate_fixture_close(&f);
}

/* What the engine has no type for is told of what hands a column's values on, too. */
TEST(gate_check_types_are_those_of_the_values_handed_on)
{
    static const struct {
        const char *sql;
        enum type_id type;
    } cases[] = {
        {"SELECT n FROM messages", TYPE_INT},
        {"SELECT max(n) FROM messages", TYPE_INT},
        {"SELECT max(m) FROM (SELECT min(n) AS m FROM messages) s", TYPE_INT},
        {"SELECT n + 1 FROM messages", TYPE_NONE},
        {"SELECT COALESCE(n, 0) FROM messages", TYPE_NONE},
        {"SELECT COALESCE(n, NULL) FROM messages", TYPE_INT},
        {"SELECT lag(n) OVER (ORDER BY id) FROM messages", TYPE_INT},
        {"SELECT lag(n, 1, body) OVER (ORDER BY id) FROM messages", TYPE_NONE},
        {"SELECT CASE WHEN id = 1 THEN n ELSE NULL END FROM messages", TYPE_INT},
        {"SELECT CASE WHEN id = 1 THEN n ELSE id END FROM messages", TYPE_NONE},
        {"SELECT doc FROM shop.messages", TYPE_JSON},
        {"SELECT d FROM (SELECT doc AS d FROM shop.messages) s", TYPE_JSON},
        {"SELECT doc FROM shop.messages UNION ALL SELECT doc FROM shop.messages", TYPE_JSON},
        {"SELECT doc FROM shop.messages UNION ALL SELECT 'x'", TYPE_NONE},
        {"SELECT max(doc) FROM shop.messages", TYPE_TEXT},
        {"SELECT n FROM messages UNION ALL SELECT max(n) FROM messages", TYPE_INT},
        {"SELECT n FROM messages UNION ALL SELECT id FROM messages", TYPE_NONE},
        {"SELECT * REPLACE (body AS n) FROM (SELECT n FROM messages) s", TYPE_NONE},
        {"WITH RECURSIVE t(x) AS (SELECT n FROM messages UNION ALL SELECT x + 1 FROM t WHERE x < "
         "3) "
         "SELECT x FROM t",
         TYPE_NONE},
    };
    struct gate_fixture f;
    struct gate_plan plan;
    gate_fixture_open(&f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)gate_fixture_text(&f, cases[i].sql, &plan);
        if (plan.outputs[0].type.id != cases[i].type) {
            test_fail(__FILE__, __LINE__, "%s: type %d", cases[i].sql, plan.outputs[0].type.id);
        }
    }
    gate_fixture_close(&f);
}

TEST(gate_check_flags_say_what_the_statement_reads)
{
    static const struct {
        const char *sql;
        bool mentions_deleted;
        bool has_system;
        unsigned table_count;
    } cases[] = {
        {"SELECT _deleted FROM messages", false, false, 1},
        {"SELECT id FROM messages WHERE _deleted", true, false, 1},
        {"SELECT id FROM messages m WHERE m._deleted = true", true, false, 1},
        {"SELECT id FROM messages ORDER BY _deleted", false, false, 1},
        {"SELECT id FROM messages WHERE id IN (SELECT id FROM shop.messages WHERE _deleted)", true,
         false, 2},
        {"SELECT id FROM messages WHERE id IN (SELECT id + _deleted::INT FROM shop.messages)",
         false, false, 2},
        {"SELECT a.id FROM messages a JOIN shop.messages b ON a._deleted = b._deleted", true, false,
         2},
        {"SELECT name FROM system.users", false, true, 1},
        {"SELECT 1 FROM messages WHERE EXISTS (SELECT 1 FROM system.users)", false, true, 2},
        {"SELECT 1", false, false, 0},
        {"SELECT id FROM messages a, messages b, app.messages c", false, false, 1},
        {"SELECT id FROM recent", false, false, 2},
    };
    struct gate_fixture f;
    gate_fixture_open(&f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gate_plan plan;
        str text = gate_fixture_text(&f, cases[i].sql, &plan);
        bool is_right = !str_starts_with(text, STR_LIT("ERROR")) &&
                        plan.mentions_deleted == cases[i].mentions_deleted &&
                        plan.has_system == cases[i].has_system &&
                        plan.table_count == cases[i].table_count;
        if (!is_right) {
            test_fail(__FILE__, __LINE__, "%s: %.*s deleted %d system %d tables %u", cases[i].sql,
                      STR(text), plan.mentions_deleted, plan.has_system, plan.table_count);
        }
    }
    gate_fixture_close(&f);
}

/* How often the text reads tables with their tombstones, and how often without. */
TEST(gate_check_reads_only_the_table_raw_whose_deleted_a_filter_names)
{
    static const struct {
        const char *sql;
        unsigned raw;
        unsigned plain;
    } cases[] = {
        {"SELECT id FROM messages WHERE _deleted AND id IN (SELECT id FROM messages)", 1, 1},
        {"SELECT id FROM messages WHERE id IN (SELECT id FROM messages m WHERE m._deleted)", 1, 1},
        {"SELECT a.id FROM messages a JOIN messages b ON a.id = b.id AND b._deleted", 1, 1},
        {"SELECT a.id FROM messages a, shop.messages b WHERE app.messages._deleted", 0, 0},
        /* the condition names it, too */
        {"SELECT messages.id FROM messages, shop.messages b WHERE app.messages._deleted", 1, 2},
        {"SELECT id FROM messages a WHERE EXISTS (SELECT 1 FROM messages b WHERE a._deleted)", 1,
         1},
        {"WITH c AS (SELECT id, _deleted FROM messages), d AS (SELECT id FROM messages) SELECT "
         "c.id FROM c JOIN d ON c.id = d.id WHERE _deleted",
         1, 1},
        {"WITH c AS (SELECT id, _deleted FROM messages) SELECT id FROM c", 0, 1},
        {"SELECT id FROM (SELECT * FROM messages a) x, messages y WHERE x._deleted", 1, 1},
        {"SELECT x.id FROM (SELECT * FROM messages UNION ALL SELECT * FROM shop.messages) x "
         "WHERE x._deleted",
         2, 0},
        {"SELECT id FROM (SELECT id, n > 1 AS _deleted FROM messages) x WHERE _deleted", 0, 1},
        {"SELECT count(*) FILTER (WHERE m._deleted) FROM messages m", 0, 1},
        {"SELECT r.id FROM recent r, messages m WHERE m._deleted", 1, 1},
        {"SELECT sum(CASE WHEN _deleted THEN 1 END) FROM messages", 0, 1},
    };
    struct gate_fixture f;
    gate_fixture_open(&f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gate_plan plan;
        str text = gate_fixture_text(&f, cases[i].sql, &plan);
        unsigned all = 0;
        unsigned raw = 0;
        static const str sign = {".messages", 9};
        for (str rest = text; str_find(rest, sign) >= 0;
             rest = str_skip(rest, (size_t)str_find(rest, sign) + sign.n)) {
            ptrdiff_t at = str_find(rest, sign);
            bool is_table = at > 0 && rest.p[at - 1] == '"';
            all += is_table ? 1 : 0;
        }
        for (str rest = text; str_find(rest, STR_LIT("_k_raw.")) >= 0;
             rest = str_skip(rest, (size_t)str_find(rest, STR_LIT("_k_raw.")) + 1)) {
            raw++;
        }
        bool is_error = str_starts_with(text, STR_LIT("ERROR"));
        if ((is_error && cases[i].raw + cases[i].plain > 0) || raw != cases[i].raw ||
            (!is_error && raw + cases[i].plain != all)) {
            test_fail(__FILE__, __LINE__, "%s: %.*s", cases[i].sql, STR(text));
        }
    }
    gate_fixture_close(&f);
}

TEST(gate_check_error_of_the_resolver_comes_back_unchanged)
{
    struct gate_fixture f;
    struct gate_plan plan;
    gate_fixture_open(&f);
    EXPECT_STR(gate_fixture_text(&f, "SELECT * FROM secret", &plan), "ERROR DENIED: not yours");
    EXPECT_STR(gate_fixture_text(&f, "SELECT * FROM (SELECT 1 FROM app.secret) x", &plan),
               "ERROR DENIED: not yours");
    EXPECT_STR(gate_fixture_text(&f, "SELECT * FROM shop.nope", &plan),
               "ERROR NOT_FOUND: shop.nope");
    EXPECT_STR(gate_fixture_text(&f, "SELECT * FROM a.b.c", &plan), "ERROR NOT_FOUND: a.b.c");
    unsigned before = f.resolved;
    (void)gate_fixture_text(&f, "SELECT 1 FROM messages, app.messages m, MESSAGES x", &plan);
    EXPECT_UINT(f.resolved, before + 1);
    gate_fixture_close(&f);
}

/* --- docs/reference/dialect.md, rows that no other test shows
 * ------------------------------------- */

TEST(gate_check_dialect_rows_hold)
{
    static const struct {
        const char *sql;
        const char *answer;
    } cases[] = {
        {"SELECT 1 / 0 AS x", "x\nNULL\n"},
        {"SELECT date_trunc('day', TIMESTAMP '2024-05-06 07:08:09') AS d", "d\n2024-05-06\n"},
        {"SELECT NULL AS x", "x\nNULL\n"},
        {"SELECT id, id FROM messages WHERE id = 1", "id|id\n1|1\n"},
        {"SELECT approx_distinct(body) AS a, btrim(' x ') AS b, signum(-3) AS s FROM messages",
         "a|b|s\n2|x|-1\n"},
        {"SELECT make_array(1, 2) AS l", "l\n[\"1\",\"2\"]\n"},
        {"SELECT id FROM recent LIMIT 1", "id\n100\n"},
    };
    struct gate_fixture f;
    gate_fixture_open(&f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        str found = gate_fixture_run(&f, cases[i].sql, NULL, 0);
        if (!str_eq_c(found, cases[i].answer)) {
            test_fail(__FILE__, __LINE__, "%s: found %.*s", cases[i].sql, STR(found));
        }
    }
    gate_fixture_close(&f);
}
