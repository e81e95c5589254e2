/* tests/unit/query/select_test.c -- Goal: SELECT gives the same rows whichever tier they lie in and
 * whichever way it is run, with the contract's order and limits; views, EXPLAIN, DESCRIBE, SHOW.
 * Method: whole statements; each way is checked against the other. */
#include "rig.h"

#include "engine/duck_private.h"

static struct rig rig;

static void open_with_rows(void)
{
    rig_open(&rig);
    rig_do(&rig, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, v TEXT, n INT)");
    rig_do(&rig, "INSERT INTO t VALUES (3, 'c', 1), (1, 'a', 3), (2, 'b', 2)");
}

TEST(select_without_order_comes_by_key_in_both_tiers)
{
    open_with_rows();
    static const char wanted[] = "[[\"1\",\"a\"],[\"2\",\"b\"],[\"3\",\"c\"]]";
    EXPECT_ROWS(&rig, "root", "SELECT id, v FROM t", wanted);
    rig_flush(&rig, "app", "t", "");
    EXPECT_ROWS(&rig, "root", "SELECT id, v FROM t", wanted);
    EXPECT_ROWS(&rig, "root", "SELECT v FROM t ORDER BY n LIMIT 2", "[[\"c\"],[\"b\"]]");
    EXPECT_ROWS(&rig, "root", "SELECT v FROM t WHERE id = 2", "[[\"b\"]]");
    EXPECT_ROWS(&rig, "root", "SELECT v FROM t WHERE id IN (2)", "[[\"b\"]]");
    rig_close(&rig);
}

TEST(select_sees_hot_changes_of_cold_rows)
{
    open_with_rows();
    rig_flush(&rig, "app", "t", "");
    rig_do(&rig,
           "UPDATE t SET v = 'B' WHERE id = 2; DELETE FROM t WHERE id = 3; INSERT INTO t VALUES "
           "(4, 'd', 4)");
    static const char wanted[] = "[[\"1\",\"a\"],[\"2\",\"B\"],[\"4\",\"d\"]]";
    EXPECT_ROWS(&rig, "root", "SELECT id, v FROM t", wanted);
    EXPECT_ROWS(&rig, "root", "SELECT id, v FROM t WHERE id = 3", "[]");
    EXPECT_ROWS(&rig, "root", "SELECT id, v FROM t WHERE _deleted = true", "[[\"3\",\"c\"]]");
    rig_flush(&rig, "app", "t", "");
    EXPECT_ROWS(&rig, "root", "SELECT id, v FROM t", wanted);
    EXPECT_ROWS(&rig, "root", "SELECT id, v FROM t WHERE _deleted = true", "[[\"3\",\"c\"]]");
    EXPECT_ROWS(&rig, "root", "SELECT count(*) FROM t", "[[\"3\"]]");
    rig_close(&rig);
}

TEST(select_by_key_reads_as_the_engine_does)
{
    rig_open(&rig);
    rig_do(&rig, "CREATE SHARED TABLE k (id TEXT PRIMARY KEY, n INT)");
    rig_do(&rig, "INSERT INTO k VALUES ('5', 1), ('05', 2), ('x', 3), ('', 4)");
    static const char *const conditions[] = {"= '5'",
                                             "= ''",
                                             "= 'x' || ''",
                                             "= 'X'",
                                             "= 'y'",
                                             "= NULL",
                                             "= 'x' AND n = 3",
                                             "= 'x' AND n = 4",
                                             "= 'x' AND n IS NOT NULL"};
    for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
        const char *fast = arena_format(&rig.arena, "SELECT n FROM k WHERE id %s", conditions[i]).p;
        const char *slow =
            arena_format(&rig.arena, "SELECT n FROM k WHERE (id %s) AND (SELECT true)",
                         conditions[i])
                .p;
        test_expect_str(str_from(rig_rows(&rig, "root", fast)),
                        str_from(rig_rows(&rig, "root", slow)), fast, __FILE__, __LINE__);
    }
    rig_close(&rig);
}

TEST(select_limits_are_the_servers)
{
    rig_open(&rig);
    rig_do(&rig, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY)");
    rig_do(&rig, "INSERT INTO t SELECT i FROM generate_series(1, 1100) AS g(i)");
    static const struct {
        const char *sql;
        const char *end;
    } cases[] = {
        {"SELECT id FROM t", "[\"50\"]],\"row_count\":50,\"truncated\":true,\"as_user\":\"root\"}"},
        {"SELECT id FROM t LIMIT 3", "[\"3\"]],\"row_count\":3,\"as_user\":\"root\"}"},
        {"SELECT id FROM t LIMIT 3 OFFSET 5", "[\"8\"]],\"row_count\":3,\"as_user\":\"root\"}"},
        {"SELECT id FROM t LIMIT 5000",
         "[\"1000\"]],\"row_count\":1000,\"truncated\":true,\"as_user\":\"root\"}"},
        {"SELECT id FROM t WHERE id <= 50", "[\"50\"]],\"row_count\":50,\"as_user\":\"root\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        str answer = str_from(rig_ask(&rig, "root", cases[i].sql));
        if (!str_ends_with(answer, str_from(cases[i].end))) {
            test_fail(__FILE__, __LINE__, "%s: ... %s", cases[i].sql,
                      answer.n > 80 ? answer.p + answer.n - 80 : answer.p);
        }
    }
    rig_close(&rig);
}

TEST(views_are_made_replaced_and_dropped)
{
    open_with_rows();
    EXPECT_ROWS(&rig, "root", "CREATE VIEW v (a, b) AS SELECT id, v FROM t WHERE n > 1 -- not all",
                "View app.v created successfully");
    EXPECT_ROWS(&rig, "root", "SELECT b, a FROM v ORDER BY a", "[[\"a\",\"1\"],[\"b\",\"2\"]]");
    EXPECT_ROWS(
        &rig, "root", "CREATE VIEW v AS SELECT 1 AS one",
        "400 SQL_EXECUTION_ERROR: Statement 1 failed: Already exists: app.v already exists");
    EXPECT_ROWS(&rig, "root", "CREATE OR REPLACE VIEW v AS SELECT v AS one FROM t WHERE id = 3",
                "View app.v created successfully");
    EXPECT_ROWS(&rig, "root", "SELECT * FROM v", "[[\"c\"]]");
    EXPECT_ROWS(
        &rig, "root", "CREATE VIEW bad AS SELECT * FROM nothing",
        "400 SQL_EXECUTION_ERROR: Statement 1 failed: Table not found: table 'app.nothing' not "
        "found");
    EXPECT_ROWS(&rig, "root", "DROP VIEW v", "View app.v dropped successfully");
    EXPECT_ROWS(&rig, "root", "DROP VIEW IF EXISTS v", "View app.v does not exist (skipped)");
    EXPECT_ROWS(
        &rig, "root", "SELECT * FROM v",
        "400 SQL_EXECUTION_ERROR: Statement 1 failed: Table not found: table 'app.v' not found");
    rig_close(&rig);
}

TEST(views_look_names_up_where_they_were_made)
{
    open_with_rows();
    rig_do(&rig, "CREATE NAMESPACE other; CREATE VIEW v AS SELECT count(*) AS n FROM t");
    EXPECT_ROWS(&rig, "root", "USE other; SELECT n FROM app.v", "[[\"3\"]]");
    rig_close(&rig);
}

TEST(select_ordered_by_an_alias_that_is_the_tables_name_is_ordered_by_it)
{
    open_with_rows();
    EXPECT_ROWS(&rig, "root", "SELECT n AS t FROM t ORDER BY t", "[[1],[2],[3]]");
    EXPECT_ROWS(&rig, "root", "SELECT -n AS t, v FROM t ORDER BY t DESC LIMIT 1", "[[-1,\"c\"]]");
    EXPECT(strstr(rig_rows(&rig, "root", "SELECT n FROM t ORDER BY t"), "a whole row (t)") != NULL);
    EXPECT(strstr(rig_rows(&rig, "root", "SELECT t AS t FROM t"), "a whole row (t)") != NULL);
    rig_close(&rig);
}

TEST(explain_says_which_way_a_select_goes)
{
    open_with_rows();
    rig_flush(&rig, "app", "t", "");
    rig_do(&rig, "INSERT INTO t VALUES (9, 'i', 9)");
    EXPECT_ROWS(&rig, "root", "EXPLAIN SELECT v FROM t WHERE id = 1",
                "[[\"logical_plan\",\"PointRead: app.t by primary key tiers=hot+cold hot_rows=1 "
                "segments=1\"],[\"physical_plan\",\"FastPath: without the SQL engine\"]]");
    EXPECT_ROWS(
        &rig, "root", "EXPLAIN SELECT v FROM t WHERE n = 1",
        "[[\"logical_plan\",\"TableScan: app.t tiers=hot+cold hot_rows=1 segments=1 pruned=0/1\"],"
        "[\"physical_plan\",\"Engine: gate passed, row_max=50\"]]");
    EXPECT_ROWS(
        &rig, "root", "EXPLAIN SELECT v FROM t WHERE _deleted",
        "[[\"logical_plan\",\"TableScan: app.t tiers=hot+cold hot_rows=1 segments=1 pruned=0/1 "
        "tombstones\"],[\"physical_plan\",\"Engine: gate passed, row_max=50\"]]");
    static const char *const writes[][2] = {
        {"INSERT INTO t VALUES (10, 'x', 1), (11, 'y', 2)", "Insert: app.t rows 2 given"},
        {"INSERT INTO t SELECT id + 20, v, n FROM t", "Insert: app.t rows by query"},
        {"UPDATE t SET v = 'x' WHERE id = 1 AND n > 0", "Update: app.t rows by primary key"},
        {"UPDATE t SET v = regexp_replace(v, 'a', 'b') WHERE id = 1",
         "Update: app.t rows by query"},
        {"UPDATE t SET v = 'x' WHERE n > 0", "Update: app.t rows by query"},
        {"DELETE FROM t WHERE 1 = id", "Delete: app.t rows by primary key"},
        {"DELETE FROM t WHERE id IN (SELECT n FROM t)", "Delete: app.t rows by query"},
    };
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
        const char *sql =
            str_cstr(&rig.arena, arena_format(&rig.arena, "EXPLAIN %s", writes[i][0]));
        str wanted = arena_format(&rig.arena, "[[\"logical_plan\",\"%s\"]]", writes[i][1]);
        EXPECT_ROWS(&rig, "root", sql, str_cstr(&rig.arena, wanted));
    }
    EXPECT_ROWS(&rig, "root", "SELECT count(*) FROM t", "[[\"4\"]]"); /* nothing was written */
    rig_close(&rig);
}

/* The same error as that of the statement, but for its place. */
TEST(explain_of_a_write_refuses_what_the_write_would_refuse)
{
    rig_open(&rig);
    rig_do(&rig, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, v TEXT, n INT)");
    rig_do(&rig, "CREATE STREAM TABLE e (v TEXT) WITH (TTL_SECONDS = 60)");
    rig_do(&rig, "INSERT INTO t VALUES (1, 'a', 1)");
    static const char *const writes[] = {
        "INSERT INTO t SELECT * FROM read_text('/etc/hostname')",
        "INSERT INTO t SELECT id, v, nope FROM t",
        "INSERT INTO t SELECT id FROM t",
        "INSERT INTO t SELECT id, v, n FROM nothing",
        "INSERT INTO t (id, nope) VALUES (2, 3)",
        "INSERT INTO t VALUES (2, 'x')",
        "INSERT INTO t VALUES (2, (SELECT getenv('PATH')), 1)",
        "INSERT INTO t VALUES (2, 'x', 1) ON CONFLICT (n) DO NOTHING",
        "INSERT INTO t VALUES (2, 'x', 1) RETURNING nope",
        "UPDATE t SET nope = 1 WHERE n = 1",
        "UPDATE t SET id = 1 WHERE n = 1",
        "UPDATE t SET v = getenv('PATH') WHERE n = 1",
        "UPDATE t SET v = 'x' WHERE nope = 1",
        "UPDATE t SET v = 'x' WHERE id IN (SELECT id FROM nothing)",
        "UPDATE t SET v = 'x' WHERE id = 1 RETURNING nope",
        "UPDATE e SET v = 'x' WHERE v = 'y'",
        "DELETE FROM t WHERE v = getenv('PATH')",
        "DELETE FROM t WHERE nope",
        "DELETE FROM t WHERE n = (SELECT count(*) FROM read_text('/etc/hostname'))",
        "DELETE FROM nothing WHERE id = 1",
        "DELETE FROM system.users WHERE user_id = 'alice'",
    };
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
        const char *refusal = rig_ask(&rig, "root", writes[i]);
        EXPECT(strstr(refusal, "success") == NULL && refusal[0] == '4');
        EXPECT_ANSWER(&rig, "root", arena_format(&rig.arena, "EXPLAIN %s", writes[i]).p, refusal);
    }
    EXPECT_ROWS(&rig, "root", "SELECT id, v, n FROM t", "[[\"1\",\"a\",1]]");
    rig_close(&rig);
}

TEST(describe_lists_columns_of_the_newest_or_the_wanted_version)
{
    rig_open(&rig);
    rig_do(&rig,
           "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), d DECIMAL(6,2) "
           "NOT NULL DEFAULT 1.5, e EMBEDDING(3))");
    rig_do(&rig, "ALTER TABLE t DROP COLUMN d, ADD COLUMN j JSON");
    static const char system_columns[] = "[\"_seq\",4,\"1073741824\",\"BIGINT\",false,false,null,"
                                         "null,2],[\"_updated\",5,\"1073741825\",\"TIMESTAMP\","
                                         "false,false,null,null,2],[\"_deleted\",6,\"1073741826\","
                                         "\"BOOLEAN\",false,false,\"false\",null,2]";
    test_expect_str(
        str_from(rig_rows(&rig, "root", "DESCRIBE TABLE t")),
        arena_format(&rig.arena,
                     "[[\"id\",1,\"1\",\"BIGINT\",false,true,\"SNOWFLAKE_ID()\",null,2],"
                     "[\"e\",2,\"3\",\"EMBEDDING(3)\",true,false,null,null,2],"
                     "[\"j\",3,\"4\",\"JSON\",true,false,null,null,2],%s]",
                     system_columns),
        "DESCRIBE TABLE t", __FILE__, __LINE__);
    str history = str_from(rig_rows(&rig, "root", "DESCRIBE TABLE t HISTORY"));
    EXPECT(str_starts_with(history,
                           STR_LIT("[[\"id\",1,\"1\",\"BIGINT\",false,true,\"SNOWFLAKE_ID()\","
                                   "null,1],[\"d\",2,\"2\",\"DECIMAL(6, 2)\",false,false,"
                                   "\"1.50\",null,1],")));
    EXPECT_ROWS(
        &rig, "root", "DESCRIBE TABLE nothing",
        "400 SQL_EXECUTION_ERROR: Statement 1 failed: Table not found: table 'app.nothing' not "
        "found");
    rig_close(&rig);
}

TEST(show_stats_counts_both_tiers)
{
    open_with_rows();
    rig_flush(&rig, "app", "t", "");
    rig_do(&rig, "INSERT INTO t VALUES (9, 'i', 9)");
    str stats = str_from(rig_rows(&rig, "root", "SHOW STATS FOR TABLE t"));
    EXPECT(str_starts_with(stats, STR_LIT("[[\"t\",\"app\",\"1\",\"4\",\"1\",\"0\",\"")));
    rig_close(&rig);
}

TEST(subscribe_over_http_tells_where_to_connect)
{
    open_with_rows();
    str answer = str_from(rig_rows(&rig, "root", "SUBSCRIBE TO app.t WHERE n > 1"));
    EXPECT(str_starts_with(
        answer, STR_LIT("[[\"active\",\"ws://localhost:8080/ws\",{\"id\":\"sub-app-t-")));
    EXPECT(str_ends_with(answer,
                         STR_LIT("\"WebSocket subscription created. Connect to ws_url to receive "
                                 "updates.\"]]")));
    rig_close(&rig);
}

TEST(drop_table_takes_its_rows_out_of_sight_and_asks_for_the_clean_up)
{
    open_with_rows();
    str message = str_from(rig_rows(&rig, "root", "DROP TABLE t"));
    EXPECT(str_starts_with(message, STR_LIT("Table app.t dropped successfully. Cleanup job: CL-")));
    EXPECT_UINT(rig.hooks.dropped, 1);
    EXPECT_STR(str_from(rig.hooks.last_name), "app.t");
    EXPECT_ROWS(&rig, "root", "DROP TABLE IF EXISTS t", "Table app.t does not exist (skipped)");
    EXPECT_ROWS(&rig, "root", "DROP TABLE t",
                "400 SQL_EXECUTION_ERROR: Statement 1 failed: Not found: Table app.t not found");
    rig_do(&rig, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY)");
    EXPECT_ROWS(&rig, "root", "SELECT * FROM t", "[]");
    rig_close(&rig);
}

/* t and u have the same rows; 3 is deleted in both; in both tiers. */
TEST(select_with_deleted_in_a_filter_shows_tombstones_of_that_table_only)
{
    static const char *const asked[][2] = {
        {"SELECT id FROM t WHERE _deleted", "[[\"3\"]]"},
        {"SELECT id FROM t WHERE _deleted AND id IN (SELECT id FROM u)", "[]"},
        {"SELECT id FROM t WHERE NOT _deleted AND id + 1 IN (SELECT id FROM u)", "[[\"1\"]]"},
        {"SELECT id FROM t WHERE _deleted IS NOT NULL ORDER BY id", "[[\"1\"],[\"2\"],[\"3\"]]"},
        {"SELECT t.id FROM t JOIN u ON t.id = u.id AND t._deleted IS NOT NULL ORDER BY 1",
         "[[\"1\"],[\"2\"]]"},
        {"SELECT a.id FROM t a WHERE a._deleted IS NOT NULL AND EXISTS (SELECT 1 FROM t b WHERE "
         "b.id = a.id) ORDER BY 1",
         "[[\"1\"],[\"2\"]]"},
        {"WITH c AS (SELECT * FROM t), d AS (SELECT id, _deleted FROM t) SELECT count(*) FROM d "
         "WHERE _deleted AND id NOT IN (SELECT id FROM c)",
         "[[\"1\"]]"},
        {"SELECT count(*) FROM v WHERE EXISTS (SELECT 1 FROM u WHERE _deleted)", "[[\"2\"]]"},
        {"SELECT count(*) FROM w WHERE _deleted IS NOT NULL", "[[\"3\"]]"},
        {"SELECT count(*) FROM dead, t", "[[\"2\"]]"},
    };
    open_with_rows();
    rig_do(&rig, "CREATE SHARED TABLE u (id BIGINT PRIMARY KEY, v TEXT, n INT); INSERT INTO u "
                 "SELECT id, v, n FROM t; CREATE VIEW v AS SELECT id FROM t; CREATE VIEW w AS "
                 "SELECT id, _deleted FROM t; CREATE VIEW dead AS SELECT id FROM u WHERE _deleted");
    rig_do(&rig, "DELETE FROM t WHERE id = 3; DELETE FROM u WHERE id = 3");
    for (int is_cold = 0; is_cold < 2; is_cold++) {
        for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
            EXPECT_ROWS(&rig, "root", asked[i][0], asked[i][1]);
        }
        if (!is_cold) {
            rig_flush(&rig, "app", "t", "");
            rig_flush(&rig, "app", "u", "");
        }
    }
    rig_close(&rig);
}

/* Views of user tables that the SQL engine has. */
static int64_t count_views(void)
{
    struct duck *duck = query_engine_duck_if_open(rig.engine);
    struct duck_result *result = NULL;
    const struct batch *batch = NULL;
    EXPECT_OK(duck_eval_select(duck_conn_of(duck, 0, DUCK_INTERNAL),
                               STR_LIT("SELECT count(*) FROM duckdb_views() WHERE database_name IN "
                                       "('_k_hot', '_k_all', '_k_raw') AND NOT internal"),
                               NULL, 0, &result, &rig.err),
              &rig.err);
    EXPECT_OK(duck_fetch(result, &batch, &rig.err), &rig.err);
    int64_t count = batch_get(batch, 0, 0).as.integer;
    duck_result_close(result);
    return count;
}

TEST(the_engine_forgets_tables_and_versions_that_went)
{
    open_with_rows();
    rig_do(&rig, "SELECT count(*) FROM t");
    EXPECT_INT(count_views(), 1);
    rig_do(&rig, "ALTER TABLE t ADD COLUMN c INT");
    EXPECT_INT(count_views(), 0);
    rig_do(&rig, "SELECT count(c) FROM t; SELECT v FROM t WHERE _deleted");
    EXPECT_INT(count_views(), 2); /* HOT, RAW */
    rig_do(&rig, "DROP TABLE t");
    EXPECT_INT(count_views(), 0);
    rig_do(&rig,
           "CREATE NAMESPACE n; CREATE SHARED TABLE n.a (id BIGINT PRIMARY KEY); SELECT count(*) "
           "FROM n.a; DROP NAMESPACE n");
    EXPECT_INT(count_views(), 0);
    rig_close(&rig);
}

TEST(the_engine_is_opened_anew_after_it_broke)
{
    open_with_rows();
    EXPECT_ROWS(&rig, "root", "SELECT count(*) FROM t", "[[\"3\"]]");
    struct duck *before = query_engine_duck_if_open(rig.engine);
    atomic_count_set(&before->is_broken, 1);
    EXPECT_ROWS(&rig, "root", "SELECT count(*) FROM t", "[[\"3\"]]");
    EXPECT(query_engine_duck_if_open(rig.engine) != before);
    rig_flush(&rig, "app", "t", "");
    EXPECT_ROWS(&rig, "root", "SELECT v FROM t WHERE n = 3", "[[\"a\"]]");
    rig_close(&rig);
}

TEST(drop_namespace_takes_all_that_is_in_it)
{
    open_with_rows();
    rig_do(&rig,
           "CREATE NAMESPACE n; CREATE SHARED TABLE n.a (id BIGINT PRIMARY KEY); CREATE USER TABLE "
           "n.b (id BIGINT PRIMARY KEY); CREATE VIEW n.v AS SELECT id FROM n.a");
    EXPECT_ROWS(&rig, "root", "DROP NAMESPACE n", "Namespace 'n' dropped successfully");
    EXPECT_UINT(rig.hooks.dropped, 2);
    EXPECT_ROWS(
        &rig, "root", "CREATE SHARED TABLE n.a (id BIGINT PRIMARY KEY)",
        "400 SQL_EXECUTION_ERROR: Statement 1 failed: Namespace not found: Namespace 'n' does "
        "not exist. Create it first with CREATE NAMESPACE n");
    EXPECT_ROWS(
        &rig, "root", "DROP NAMESPACE n",
        "400 SQL_EXECUTION_ERROR: Statement 1 failed: Not found: Namespace 'n' does not exist");
    EXPECT_ROWS(&rig, "root", "DROP NAMESPACE IF EXISTS n", "Namespace 'n' does not exist");
    EXPECT_ROWS(
        &rig, "root", "DROP NAMESPACE system",
        "400 SQL_EXECUTION_ERROR: Statement 1 failed: Invalid operation: Cannot drop system "
        "namespace 'system'. System namespaces are managed internally.");
    EXPECT_ROWS(&rig, "root", "SELECT count(*) FROM t", "[[\"3\"]]");
    rig_close(&rig);
}

TEST(create_namespace_says_what_it_found)
{
    rig_open(&rig);
    EXPECT_ROWS(&rig, "root", "CREATE NAMESPACE n", "Namespace 'n' created successfully");
    EXPECT_ROWS(&rig, "root", "CREATE NAMESPACE IF NOT EXISTS n", "Namespace 'n' already exists");
    EXPECT_ROWS(
        &rig, "root", "CREATE NAMESPACE n",
        "400 SQL_EXECUTION_ERROR: Statement 1 failed: Already exists: Namespace 'n' already "
        "exists");
    EXPECT_ROWS(&rig, "root", "ALTER NAMESPACE n SET OPTIONS (a = 'x', b = 1, c = true)",
                "Namespace 'n' altered successfully");
    EXPECT_ROWS(&rig, "root",
                "SELECT name, options, table_count FROM system.namespaces WHERE name = 'n'",
                "[[\"n\",\"{\\\"a\\\":\\\"x\\\",\\\"b\\\":1,\\\"c\\\":true}\",0]]");
    rig_close(&rig);
}
