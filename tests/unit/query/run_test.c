/* tests/unit/query/run_test.c -- Goal: a request goes through its stages in the contract's order,
 * never blocks a loop, runs again after a lost race without leaving a trace of the first try, and
 * sums up a batch as the contract says (contract http-ws.md sections 2.2 to 2.10). Method: requests
 * taken through their stages by hand, two at a time where they race. */
#include "rig.h"

#include "catalog/schema_cache.h"
#include "query/run.h"

static struct rig rig;

static void open_with_table(void)
{
    rig_open(&rig);
    rig_do(&rig, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, a TEXT, n INT)");
}

static table_id table_of(const char *name)
{
    const struct catalog_snapshot *s = catalog_take(rig.catalog);
    table_id id = snapshot_find_table(s, STR_LIT("app"), str_from(name))->id;
    catalog_give(s);
    return id;
}

/* A statement of the loop needs the schema in memory: any statement about the table leaves it
 * there. */
static void warm(void)
{
    rig_do(&rig, "SELECT a FROM t WHERE id = 0");
}

/* -- places -------------------------------------------------------------------------------------
 */

TEST(start_on_a_loop_answers_point_reads_and_leaves_writes_pending)
{
    open_with_table();
    warm();
    struct rig_query write;
    rig_query_open(&write, &rig, "root", "INSERT INTO t VALUES (1, 'x', 1)");
    EXPECT(query_start(&write.query, QUERY_ON_LOOP, 0) == QUERY_PENDING);
    rig_query_wait(&write);
    EXPECT(query_resume(&write.query) == QUERY_DONE);
    EXPECT_STR(str_from(rig_query_answer(&write)),
               "{\"row_count\":1,\"message\":\"Inserted 1 row(s)\",\"as_user\":\"root\"}");
    rig_query_close(&write);
    struct rig_query read;
    rig_query_open(&read, &rig, "root", "SELECT a FROM t WHERE id = 1");
    EXPECT(query_start(&read.query, QUERY_ON_LOOP, 0) == QUERY_DONE);
    EXPECT(read.query.has_rows);
    EXPECT_STR(
        str_from(rig_query_answer(&read)),
        "{\"schema\":[{\"name\":\"a\",\"data_type\":\"Text\",\"index\":0}],\"rows\":[[\"x\"]],"
        "\"row_count\":1,\"as_user\":\"root\"}");
    rig_query_close(&read);
    rig_close(&rig);
}

TEST(start_on_a_loop_never_waits_for_a_read)
{
    open_with_table();
    rig_do(&rig, "INSERT INTO t VALUES (1, 'x', 1)");
    static const char *const statements[] = {"SELECT a FROM t WHERE id = 1",
                                             "UPDATE t SET a = 'y' WHERE id = 1",
                                             "DELETE FROM t WHERE id = 1"};
    kv_mem_block_reads(rig.kv, true);
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        struct rig_query q;
        rig_query_open(&q, &rig, "root", statements[i]);
        EXPECT(query_start(&q.query, QUERY_ON_LOOP, 0) == QUERY_WOULD_BLOCK);
        EXPECT_UINT(q.out.n, 0);
        EXPECT_INT(q.query.error.id, ERROR_NONE);
        rig_query_finish(&q, QUERY_WOULD_BLOCK);
        EXPECT_INT(q.query.error.id, ERROR_NONE);
        rig_query_close(&q);
    }
    kv_mem_block_reads(rig.kv, false);
    rig_close(&rig);
}

TEST(start_on_a_loop_sends_all_else_to_a_worker)
{
    open_with_table();
    rig_do(&rig, "INSERT INTO t VALUES (1, 'x', 1)");
    static const char *const statements[] = {
        "SELECT count(*) FROM t",
        "SELECT 1; SELECT 2",
        "INSERT INTO t SELECT 2, 'y', 2",
        "UPDATE t SET a = 'z' WHERE n = 1",
        "DELETE FROM t WHERE a = 'nobody'",
        "CREATE NAMESPACE other",
        "DROP NAMESPACE other",
        "SHOW TABLES",
        "DESCRIBE TABLE t",
        "CREATE USER u WITH PASSWORD 'long enough' ROLE user",
        "STORAGE FLUSH TABLE app.t",
        "EXPLAIN SELECT a FROM t WHERE id = 1",
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        struct rig_query q;
        rig_query_open(&q, &rig, "root", statements[i]);
        if (query_start(&q.query, QUERY_ON_LOOP, 0) != QUERY_WOULD_BLOCK) {
            test_fail(__FILE__, __LINE__, "%s ran on a loop", statements[i]);
        }
        rig_query_finish(&q, QUERY_WOULD_BLOCK);
        EXPECT_OK(status_from(error_row(q.query.error.id)->status), &q.query.error);
        rig_query_close(&q);
    }
    rig_close(&rig);
}

TEST(start_on_a_loop_sends_a_long_insert_to_a_worker)
{
    open_with_table();
    struct buf sql;
    buf_init(&sql);
    buf_append_c(&sql, "INSERT INTO t (id) VALUES (0)");
    for (int i = 1; i <= 64; i++) {
        buf_append_format(&sql, ", (%d)", i);
    }
    struct rig_query q;
    rig_query_open(&q, &rig, "root", str_cstr(&rig.arena, buf_str(&sql)));
    EXPECT(query_start(&q.query, QUERY_ON_LOOP, 0) == QUERY_WOULD_BLOCK);
    rig_query_finish(&q, QUERY_WOULD_BLOCK);
    EXPECT_STR(str_from(rig_query_answer(&q)),
               "{\"row_count\":65,\"message\":\"Inserted 65 row(s)\",\"as_user\":\"root\"}");
    rig_query_close(&q);
    buf_release(&sql);
    rig_close(&rig);
}

TEST(start_on_a_loop_does_not_fetch_the_schema_of_an_old_row)
{
    open_with_table();
    rig_do(&rig, "INSERT INTO t VALUES (1, 'x', 1)");
    rig_do(&rig, "ALTER TABLE t ADD COLUMN c INT");
    table_id id = table_of("t");
    (void)schema_cache_forget_table(catalog_schemas(rig.catalog), id);
    struct schema *newest = NULL;
    EXPECT_OK(catalog_schema(rig.catalog, id, 2, &newest, &rig.err), &rig.err);
    schema_give(newest);
    struct rig_query q;
    rig_query_open(&q, &rig, "root", "SELECT c FROM t WHERE id = 1");
    EXPECT(query_start(&q.query, QUERY_ON_LOOP, 0) == QUERY_WOULD_BLOCK);
    EXPECT(catalog_schema_cached(rig.catalog, id, 1) == NULL);
    rig_query_finish(&q, QUERY_WOULD_BLOCK);
    EXPECT_STR(str_from(rig_query_answer(&q)),
               "{\"schema\":[{\"name\":\"c\",\"data_type\":\"Int\",\"index\":0}],\"rows\":[[null]],"
               "\"row_count\":1,\"as_user\":\"root\"}");
    rig_query_close(&q);
    rig_close(&rig);
}

/* -- races --------------------------------------------------------------------------------------
 */

/* A loop prepares `first`, then `second` gets through before the committer sees it. */
static void lose_race(struct rig_query *q, const char *first, const char *second)
{
    /* The rig's committer takes what is queued at once, so the loser is prepared against a view
     * that is made old: a write of another request in between, then its own. */
    rig_query_open(q, &rig, "root", first);
    kv_mem_set_sync(rig.kv, KV_MEM_SYNC_WORKS);
    struct rig_query winner;
    rig_query_open(&winner, &rig, "root", second);
    enum query_state state = query_start(&winner.query, QUERY_ON_LOOP, 0);
    enum query_state own = query_start(&q->query, QUERY_ON_LOOP, 0);
    rig_query_finish(&winner, state);
    EXPECT_INT(winner.query.error.id, ERROR_NONE);
    rig_query_close(&winner);
    rig_query_finish(q, own);
}

TEST(updates_of_one_row_at_once_both_count)
{
    open_with_table();
    rig_do(&rig, "INSERT INTO t VALUES (1, 'x', 0)");
    for (int i = 0; i < 50; i++) {
        struct rig_query q;
        lose_race(&q, "UPDATE t SET n = n + 1 WHERE id = 1",
                  "UPDATE t SET n = n + 100 WHERE id = 1");
        EXPECT_STR(str_from(rig_query_answer(&q)),
                   "{\"row_count\":1,\"message\":\"Updated 1 row(s)\",\"as_user\":\"root\"}");
        rig_query_close(&q);
    }
    EXPECT_ROWS(&rig, "root", "SELECT n FROM t WHERE id = 1", "[[5050]]");
    rig_close(&rig);
}

/* Runs `sql` as another request whenever the SQL engine asks for what lives above query/. */
struct interloper {
    const char *sql;
    unsigned times; /* still to run */
    unsigned ran;
};
static struct interloper interloper;

static void interlope(void)
{
    if (interloper.times > 0) {
        interloper.times--;
        interloper.ran++;
        struct rig_query q;
        rig_query_open(&q, &rig, "root", interloper.sql);
        rig_query_finish(&q, query_start(&q.query, QUERY_ON_LOOP, 0));
        EXPECT_INT(q.query.error.id, ERROR_NONE);
        rig_query_close(&q);
    }
}

static status rows_and_interlope(void *context, const struct session *session, str table,
                                 const struct system_key *key, struct arena *arena,
                                 const struct row_sink *sink, struct error *err)
{
    (void)key;
    (void)context;
    (void)session;
    (void)table;
    (void)arena;
    interlope();
    struct value row[] = {value_text(STR_LIT("k")), value_text(STR_LIT("v")),
                          value_text(STR_LIT("w")), value_text(STR_LIT("c"))};
    return sink->row(sink->context, row, err);
}

static void open_with_interloper(const char *sql, unsigned times)
{
    rig_open_hooked(&rig, rows_and_interlope);
    rig_do(&rig, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, a TEXT, n INT)");
    rig_do(&rig, "INSERT INTO t VALUES (1, 'x', 0), (2, 'y', 0)");
    interloper = (struct interloper){.sql = sql, .times = times};
}

#define SLOW_UPDATE                                                                                \
    "UPDATE t SET n = n + 1 WHERE a <> 'q' AND EXISTS (SELECT 1 FROM system.settings)"

TEST(a_statement_that_lost_a_race_runs_again_and_reports_once)
{
    open_with_interloper("UPDATE t SET n = n + 100 WHERE id = 2", 2);
    EXPECT_ANSWER(&rig, "root", SLOW_UPDATE,
                  "{\"row_count\":2,\"message\":\"Updated 2 row(s)\",\"as_user\":\"root\"}");
    EXPECT_UINT(interloper.ran, 2);
    EXPECT_ROWS(&rig, "root", "SELECT id, n FROM t", "[[\"1\",1],[\"2\",201]]");
    rig_close(&rig);
}

TEST(a_statement_that_lost_three_times_again_answers_conflict)
{
    open_with_interloper("UPDATE t SET n = n + 100 WHERE id = 2", 10);
    EXPECT_ANSWER(&rig, "root", SLOW_UPDATE,
                  "400 SQL_EXECUTION_ERROR: Statement 1 failed: Conflict: the row was changed by "
                  "another statement");
    EXPECT_UINT(interloper.ran, 4);
    EXPECT_ROWS(&rig, "root", "SELECT id, n FROM t WHERE id = 1", "[[\"1\",0]]");
    rig_close(&rig);
}

TEST(a_statement_of_a_batch_that_lost_a_race_is_counted_once)
{
    open_with_interloper("UPDATE t SET n = n + 100 WHERE id = 2", 1);
    EXPECT_ANSWER(
        &rig, "root", "SELECT 'a' AS a; " SLOW_UPDATE "; SELECT 'b' AS b",
        "{\"schema\":[{\"name\":\"a\",\"data_type\":\"Text\",\"index\":0}],\"rows\":[[\"a\"]],"
        "\"row_count\":1,\"as_user\":\"root\"},"
        "{\"schema\":[{\"name\":\"b\",\"data_type\":\"Text\",\"index\":0}],\"rows\":[[\"b\"]],"
        "\"row_count\":1,\"as_user\":\"root\"},"
        "{\"row_count\":2,\"message\":\"Updated 2 row(s)\",\"as_user\":\"root\"}");
    rig_close(&rig);
}

TEST(a_row_that_stopped_matching_is_not_changed_by_the_second_try)
{
    open_with_interloper("UPDATE t SET a = 'q' WHERE id = 2", 1);
    EXPECT_ROWS(&rig, "root", SLOW_UPDATE, "Updated 1 row(s)");
    EXPECT_ROWS(&rig, "root", "SELECT id, n FROM t", "[[\"1\",1],[\"2\",0]]");
    rig_close(&rig);
}

TEST(a_write_prepared_before_the_table_changed_is_bound_again)
{
    open_with_interloper("ALTER TABLE t ADD COLUMN c INT DEFAULT 3", 1);
    EXPECT_ROWS(&rig, "root",
                "INSERT INTO t (id, n) SELECT 9, 9 FROM system.settings WHERE name = 'k'",
                "Inserted 1 row(s)");
    EXPECT_ROWS(&rig, "root", "SELECT id, n, c FROM t WHERE id = 9", "[[\"9\",9,3]]");
    rig_close(&rig);
}

TEST(a_write_pending_while_its_table_is_dropped_is_refused)
{
    open_with_table();
    for (int i = 0; i < 20; i++) {
        rig_do(&rig, "CREATE SHARED TABLE d (id BIGINT PRIMARY KEY)");
        struct rig_query write;
        struct rig_query drop;
        rig_query_open(&drop, &rig, "root", "DROP TABLE d");
        rig_query_open(&write, &rig, "root", "INSERT INTO d VALUES (1)");
        enum query_state state = query_start(&write.query, QUERY_ON_LOOP, 0);
        rig_query_finish(&drop, QUERY_WOULD_BLOCK);
        rig_query_finish(&write, state);
        EXPECT_INT(drop.query.error.id, ERROR_NONE);
        EXPECT(write.query.error.id == ERROR_NONE || write.query.error.id == ERROR_TABLE_NOT_FOUND);
        rig_query_close(&write);
        rig_query_close(&drop);
    }
    rig_close(&rig);
}

/* -- durability ---------------------------------------------------------------------------------
 */

TEST(an_async_write_is_answered_before_its_sync_and_outlives_its_request)
{
    open_with_table();
    warm();
    kv_mem_set_sync(rig.kv, KV_MEM_SYNC_WAITS);
    struct rig_query q;
    rig_query_open(&q, &rig, "root", "INSERT INTO t VALUES (1, 'x', 1)");
    q.query.session.is_async = true;
    EXPECT(query_start(&q.query, QUERY_ON_LOOP, 0) == QUERY_PENDING);
    rig_query_wait(&q);
    EXPECT(query_resume(&q.query) == QUERY_DONE);
    EXPECT_STR(str_from(rig_query_answer(&q)),
               "{\"row_count\":1,\"message\":\"Inserted 1 row(s)\",\"as_user\":\"root\"}");
    rig_query_close(&q); /* the committer still publishes it */
    EXPECT_ROWS(&rig, "root", "SELECT a FROM t WHERE id = 1", "[[\"x\"]]");
    kv_mem_set_sync(rig.kv, KV_MEM_SYNC_WORKS);
    EXPECT_OK(commit_sync_wait(rig.committer, &rig.err), &rig.err);
    rig_close(&rig);
}

TEST(an_async_write_that_is_refused_says_why)
{
    open_with_table();
    rig_do(&rig, "INSERT INTO t VALUES (1, 'x', 1)");
    struct rig_query q;
    rig_query_open(&q, &rig, "root", "INSERT INTO t VALUES (1, 'y', 1)");
    q.query.session.is_async = true;
    rig_query_finish(&q, query_start(&q.query, QUERY_ON_LOOP, 0));
    EXPECT_STR(str_from(rig_query_answer(&q)),
               "400 SQL_EXECUTION_ERROR: Statement 1 failed: Constraint violation: Primary key "
               "violation: value '1' already exists in column 'id'");
    rig_query_close(&q);
    rig_close(&rig);
}

/* -- batches ------------------------------------------------------------------------------------
 */

TEST(a_batch_sums_up_its_writes_behind_the_other_results)
{
    open_with_table();
    EXPECT_ANSWER(
        &rig, "root",
        "INSERT INTO t VALUES (1, 'x', 1); INSERT INTO t VALUES (2, 'y', 1), (3, 'z', 1); "
        "SELECT n FROM t WHERE id = 2; DELETE FROM t WHERE id = 3; UPDATE t SET n = 1 WHERE "
        "id = 1;; USE app",
        "{\"schema\":[{\"name\":\"n\",\"data_type\":\"Int\",\"index\":0}],\"rows\":[[1]],"
        "\"row_count\":1,\"as_user\":\"root\"},"
        "{\"row_count\":0,\"message\":\"Namespace switched to 'app'\",\"as_user\":\"root\"},"
        "{\"row_count\":3,\"message\":\"Inserted 3 row(s)\",\"as_user\":\"root\"},"
        "{\"row_count\":1,\"message\":\"Deleted 1 row(s)\",\"as_user\":\"root\"}");
    rig_close(&rig);
}

TEST(a_batch_stops_at_the_first_error_and_keeps_what_was_done)
{
    open_with_table();
    struct rig_query q;
    rig_query_open(
        &q, &rig, "root",
        "INSERT INTO t VALUES (1, 'x', 1); INSERT INTO t VALUES (1, 'y', 1); INSERT INTO t "
        "VALUES (2, 'z', 1)");
    rig_query_finish(&q, QUERY_WOULD_BLOCK);
    EXPECT_STR(str_from(rig_query_answer(&q)),
               "400 SQL_EXECUTION_ERROR: Statement 2 failed: Constraint violation: Primary key "
               "violation: value '1' already exists in column 'id'");
    EXPECT_UINT(q.query.failed_statement, 2);
    EXPECT_STR(q.query.statement_text, "INSERT INTO t VALUES (1, 'y', 1)");
    rig_query_close(&q);
    EXPECT_ROWS(&rig, "root", "SELECT id, a FROM t", "[[\"1\",\"x\"]]");
    rig_close(&rig);
}

TEST(a_batch_is_checked_whole_before_anything_runs)
{
    open_with_table();
    EXPECT_ANSWER(
        &rig, "sam", "INSERT INTO t VALUES (1, 'x', 1); DROP TABLE t",
        "403 PERMISSION_DENIED: Unauthorized: Insufficient privileges to drop this table");
    EXPECT_ANSWER(&rig, "sam", "INSERT INTO t VALUES (1, 'x', 1); SELEC 1",
                  "400 INVALID_SQL: Invalid SQL: unknown statement 'SELEC' at line 1, column 1");
    EXPECT_ROWS(&rig, "sam", "SELECT count(*) FROM t", "[[\"0\"]]");
    EXPECT_ANSWER(&rig, "sam", " ; ; ", "400 EMPTY_SQL: No SQL statements provided");
    rig_close(&rig);
}

TEST(a_batch_may_have_a_thousand_statements)
{
    open_with_table();
    struct buf sql;
    buf_init(&sql);
    for (int i = 0; i < LIMIT_STATEMENTS; i++) {
        buf_append_c(&sql, "USE app;");
    }
    rig_do(&rig, str_cstr(&rig.arena, buf_str(&sql)));
    buf_append_c(&sql, "USE app;");
    test_expect_str(str_from(rig_ask(&rig, "root", str_cstr(&rig.arena, buf_str(&sql)))),
                    STR_LIT("400 SQL_EXECUTION_ERROR: Execution error: a batch may have 1000 "
                            "statements"),
                    "1001 statements", __FILE__, __LINE__);
    buf_release(&sql);
    rig_close(&rig);
}

TEST(use_lasts_for_the_rest_of_the_batch_and_no_longer)
{
    open_with_table();
    rig_do(&rig, "CREATE NAMESPACE other; CREATE SHARED TABLE other.t (id BIGINT PRIMARY KEY)");
    rig_do(&rig, "INSERT INTO t (id) VALUES (1); USE other; INSERT INTO t VALUES (7), (8)");
    EXPECT_ROWS(&rig, "root", "SELECT count(*) FROM t", "[[\"1\"]]");
    EXPECT_ROWS(&rig, "root", "SELECT count(*) FROM other.t", "[[\"2\"]]");
    EXPECT_ROWS(
        &rig, "root", "USE nowhere",
        "400 SQL_EXECUTION_ERROR: Statement 1 failed: Not found: Namespace 'nowhere' does not "
        "exist");
    rig_close(&rig);
}

/* The clock moves on between the statements of a batch. */
static status rows_and_tick(void *context, const struct session *session, str table,
                            const struct system_key *key, struct arena *arena,
                            const struct row_sink *sink, struct error *err)
{
    (void)key;
    (void)context;
    (void)session;
    (void)table;
    (void)arena;
    (void)sink;
    (void)err;
    fake_clock_advance(&rig.clock, 5 * 1000000);
    return STATUS_IS_OK;
}

TEST(now_is_one_time_per_statement)
{
    rig_open_hooked(&rig, rows_and_tick);
    rig_do(&rig, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, made TIMESTAMP DEFAULT NOW())");
    rig_do(&rig, "INSERT INTO t (id) VALUES (1), (2); SELECT * FROM system.settings; INSERT INTO t "
                 "VALUES (3, NOW())");
    EXPECT_ROWS(&rig, "root", "SELECT id, made FROM t",
                "[[\"1\",1800000000000000],[\"2\",1800000000000000],[\"3\",1800000005000000]]");
    rig_close(&rig);
}

/* -- parameters ---------------------------------------------------------------------------------
 */

static void expect_with(const char *sql, const struct value *params, unsigned count,
                        const char *wanted)
{
    test_expect_str(str_from(rig_ask_with(&rig, "root", sql, params, count)), str_from(wanted), sql,
                    __FILE__, __LINE__);
}

TEST(parameters_stand_for_values_wherever_one_may)
{
    open_with_table();
    const struct value three[] = {value_int(TYPE_BIGINT, 1), value_text(STR_LIT("x")),
                                  value_int(TYPE_BIGINT, 5)};
    static const char done[] =
        "{\"row_count\":1,\"message\":\"Inserted 1 row(s)\",\"as_user\":\"root\"}";
    expect_with("INSERT INTO t VALUES ($1, $2, $3)", three, 3, done);
    static const char row[] =
        "{\"schema\":[{\"name\":\"a\",\"data_type\":\"Text\",\"index\":0}],\"rows\":[[\"x\"]],"
        "\"row_count\":1,\"as_user\":\"root\"}";
    expect_with("SELECT a FROM t WHERE id = $1 AND a = $2 LIMIT $3", three, 3, row);
    expect_with("SELECT a FROM t WHERE n = $3 AND a IN ($2) AND id = $1 ORDER BY id LIMIT 5", three,
                3, row);
    expect_with("SELECT a FROM t WHERE id + 0 = $1 AND a = $2 LIMIT $3", three, 3, row);
    expect_with("UPDATE t SET a = $2 || '!' WHERE n = $3 AND id >= $1", three, 3,
                "{\"row_count\":1,\"message\":\"Updated 1 row(s)\",\"as_user\":\"root\"}");
    expect_with("UPDATE t SET a = $1 WHERE n + 0 = 5", three + 1, 1,
                "{\"row_count\":1,\"message\":\"Updated 1 row(s)\",\"as_user\":\"root\"}");
    expect_with("DELETE FROM t WHERE n = $3 AND id = $1 AND a = $2", three, 3,
                "{\"row_count\":1,\"message\":\"Deleted 1 row(s)\",\"as_user\":\"root\"}");
    expect_with("INSERT INTO t SELECT $1, $2, $3", three, 3, done);
    expect_with("EXECUTE AS USER 'root' (SELECT a FROM t WHERE id = $1 AND a = $2 AND n = $3)",
                three, 3,
                "403 PERMISSION_DENIED: Statement 1 failed: Permission denied: Access denied: Role "
                "'User' cannot access table 'app.t'. Shared table access denied "
                "(access_level=Private)");
    rig_close(&rig);
}

TEST(parameters_of_text_are_read_as_their_columns_type)
{
    rig_open(&rig);
    rig_do(&rig, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, ts TIMESTAMP, da DATE, u UUID, dec "
                 "DECIMAL(8,2), dt DATETIME, d DOUBLE, b BOOLEAN)");
    rig_do(&rig,
           "INSERT INTO t VALUES (1, '2026-04-30T12:00:00Z', '2026-04-30', "
           "'018f0000-0000-7000-8000-000000000001', '12.50', '2026-04-30T12:00:00Z', 1.5, true)");
    static const struct {
        const char *condition;
        const char *text;
    } cases[] = {{"ts = $1", "2026-04-30T12:00:00.000Z"},
                 {"ts = $1", "2026-04-30T12:00:00"},
                 {"ts = $1", "2026-04-30 14:00:00+02:00"},
                 {"ts < $1", "2026-04-30T12:00:00.001Z"},
                 {"ts BETWEEN $1 AND '2026-05-01'", "2026-04-30"},
                 {"ts IN ($1)", "2026-04-30T12:00:00Z"},
                 {"dt >= $1", "2026-04-30T12:00:00.000Z"},
                 {"da = $1", "2026-04-30"},
                 {"u = $1", "018f0000-0000-7000-8000-000000000001"},
                 {"dec = $1", "12.5"},
                 {"dec > $1", "12.49"},
                 {"d = $1", "1.5"},
                 {"id + 0 = $1", "1"},
                 {"id = $1", "1"},
                 {"b = $1", "true"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct value text = value_text(str_from(cases[i].text));
        const char *sql =
            arena_format(&rig.arena, "SELECT id FROM t WHERE %s", cases[i].condition).p;
        str answer = str_from(rig_ask_with(&rig, "root", sql, &text, 1));
        if (str_find(answer, STR_LIT("\"rows\":[[\"1\"]]")) < 0) {
            test_fail(__FILE__, __LINE__, "%s with '%s': %s", sql, cases[i].text, answer.p);
        }
    }
    rig_close(&rig);
}

TEST(parameters_that_are_null_match_nothing)
{
    open_with_table();
    rig_do(&rig, "INSERT INTO t VALUES (1, 'x', 1)");
    const struct value null = value_null((struct type){.id = TYPE_TEXT});
    static const char none[] =
        "{\"schema\":[{\"name\":\"a\",\"data_type\":\"Text\",\"index\":0}],\"rows\":[],"
        "\"row_count\":0,\"as_user\":\"root\"}";
    expect_with("SELECT a FROM t WHERE id = $1", &null, 1, none);
    expect_with("SELECT a FROM t WHERE a = $1 LIMIT 5", &null, 1, none);
    expect_with("UPDATE t SET a = $1 WHERE id = 1", &null, 1,
                "{\"row_count\":1,\"message\":\"Updated 1 row(s)\",\"as_user\":\"root\"}");
    rig_close(&rig);
}

TEST(parameters_of_another_number_are_refused_on_every_way)
{
    open_with_table();
    const struct value two[] = {value_int(TYPE_BIGINT, 1), value_int(TYPE_BIGINT, 2)};
    static const char few[] =
        "400 SQL_EXECUTION_ERROR: Statement 1 failed: Parameter count mismatch: "
        "expected 1 parameters, got 0";
    static const char many[] = "400 SQL_EXECUTION_ERROR: Statement 1 failed: Parameter count "
                               "mismatch: expected 1 parameters, got 2";
    static const char *const statements[] = {
        "SELECT a FROM t WHERE id = $1",          "SELECT a FROM t WHERE id = 1 LIMIT $1",
        "SELECT count(*) FROM t WHERE n = $1",    "INSERT INTO t (id) VALUES ($1)",
        "INSERT INTO t (id) SELECT $1",           "UPDATE t SET n = $1 WHERE id = 1",
        "UPDATE t SET n = 1 WHERE a = $1",        "DELETE FROM t WHERE id = $1",
        "EXPLAIN SELECT a FROM t WHERE id = $1",  "EXPLAIN SELECT a FROM t WHERE id = 1 LIMIT $1",
        "EXECUTE AS USER 'alice' (SELECT $1 = 1)"};
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        expect_with(statements[i], NULL, 0, few);
        expect_with(statements[i], two, 2, many);
    }
    expect_with("SELECT 1", two, 1,
                "400 SQL_EXECUTION_ERROR: Statement 1 failed: Parameter count mismatch: expected 0 "
                "parameters, got 1");
    rig_close(&rig);
}

TEST(parameters_with_a_batch_are_refused_after_rights)
{
    open_with_table();
    const struct value one = value_int(TYPE_BIGINT, 1);
    expect_with("SELECT 1; SELECT $1", &one, 1,
                "400 PARAMS_WITH_BATCH: Parameters not supported with multi-statement batches");
    test_expect_str(
        str_from(rig_ask_with(&rig, "alice", "SELECT $1; DROP TABLE t", &one, 1)),
        STR_LIT("403 PERMISSION_DENIED: Unauthorized: Insufficient privileges to drop this "
                "table"),
        "rights first", __FILE__, __LINE__);
    rig_close(&rig);
}

/* -- admission ----------------------------------------------------------------------------------
 */

static void one_at_a_time(struct query_limits *limits)
{
    limits->engine_concurrent_max = 1;
}

static atomic_count has_answered;

static void *ask_the_engine(void *argument)
{
    struct rig_query *q = argument;
    rig_query_finish(q, QUERY_WOULD_BLOCK);
    atomic_count_set(&has_answered, 1);
    return NULL;
}

TEST(a_statement_that_finds_no_engine_free_is_told_so)
{
    rig_open_with(&rig, one_at_a_time);
    rig_do(&rig, "SELECT 1 AS one");
    struct heavy_pass pass;
    EXPECT_OK(query_enter_heavy(rig.engine, false, 0, NULL, &pass, &rig.err), &rig.err);
    atomic_count_set(&has_answered, 0);
    struct rig_query q;
    struct thread thread = {0};
    rig_query_open(&q, &rig, "root", "SELECT 2 AS two");
    thread_start(&thread, "asks", 8 << 20, ask_the_engine, &q);
    while (atomic_count_get(&has_answered) == 0) {
        fake_clock_advance(&rig.clock, 1000);
    }
    thread_join(&thread);
    EXPECT_STR(str_from(rig_query_answer(&q)),
               "503 SERVER_BUSY: Statement 1 failed: no engine was free within 10000 ms");
    rig_query_close(&q);
    query_leave_heavy(rig.engine, &pass);
    EXPECT_ROWS(&rig, "root", "SELECT 2 AS two", "[[\"2\"]]");
    rig_close(&rig);
}

/* -- EXECUTE AS USER ----------------------------------------------------------------------------
 */

TEST(execute_as_writes_and_reads_the_targets_rows)
{
    rig_open(&rig);
    rig_do(&rig, "CREATE USER TABLE u (id BIGINT PRIMARY KEY, who TEXT DEFAULT CURRENT_USER)");
    EXPECT_ANSWER(&rig, "sam", "EXECUTE AS USER 'alice' (INSERT INTO u (id) VALUES (1))",
                  "{\"row_count\":1,\"message\":\"Inserted 1 row(s)\",\"as_user\":\"alice\"}");
    rig_do_as(&rig, "sam", "EXECUTE AS USER nobody_yet (INSERT INTO u (id) VALUES (1))");
    EXPECT_ROWS(&rig, "alice", "SELECT id, who FROM u", "[[\"1\",\"alice\"]]");
    EXPECT_ROWS(&rig, "sam", "SELECT id, who FROM u", "[]");
    EXPECT_ROWS(&rig, "sam", "EXECUTE AS USER 'alice' (SELECT who FROM u WHERE id = 1)",
                "[[\"alice\"]]");
    EXPECT_ROWS(&rig, "dora", "EXECUTE AS USER 'nobody_yet' (SELECT who, CURRENT_ROLE() FROM u)",
                "[[\"nobody_yet\",\"user\"]]");
    rig_close(&rig);
}

TEST(execute_as_obeys_the_matrix_of_roles)
{
    rig_open(&rig);
    static const char *const people[] = {"alice", "sam", "dora", "root"};
    static const bool allowed[4][4] = {/* actor: alice, sam, dora, root; target in the same order */
                                       {true, false, false, false},
                                       {true, true, false, false},
                                       {true, true, true, false},
                                       {true, true, true, true}};
    for (unsigned a = 0; a < 4; a++) {
        for (unsigned t = 0; t < 4; t++) {
            const char *sql =
                arena_format(&rig.arena, "EXECUTE AS USER '%s' (SELECT CURRENT_USER())", people[t])
                    .p;
            const char *answer = rig_rows(&rig, people[a], sql);
            const char *wanted =
                allowed[a][t]
                    ? arena_format(&rig.arena, "[[\"%s\"]]", people[t]).p
                    : arena_format(
                          &rig.arena,
                          "403 PERMISSION_DENIED: Permission denied: EXECUTE AS USER is not "
                          "authorized: actor '%s' with role %s cannot target '%s' with role %s",
                          people[a], role_name(rig_role(people[a])), people[t],
                          role_name(rig_role(people[t])))
                          .p;
            test_expect_str(str_from(answer), str_from(wanted), sql, __FILE__, __LINE__);
        }
    }
    EXPECT_ROWS(
        &rig, "alice", "EXECUTE AS USER 'bob' (SELECT 1)",
        "403 PERMISSION_DENIED: Permission denied: EXECUTE AS USER is not authorized: actor "
        "'alice' with role user cannot target 'bob' with role user");
    rig_close(&rig);
}

TEST(execute_as_has_the_rights_of_a_user_and_leaves_shared_tables_alone)
{
    open_with_table();
    EXPECT_ROWS(
        &rig, "root", "EXECUTE AS USER 'alice' (INSERT INTO t (id) VALUES (1))",
        "400 SQL_EXECUTION_ERROR: Statement 1 failed: Invalid operation: EXECUTE AS USER is not "
        "allowed on SHARED tables (table 'app.t'). AS USER impersonation is only supported for "
        "USER and STREAM tables.");
    EXPECT_ROWS(
        &rig, "root", "EXECUTE AS USER 'root' (SELECT user_id FROM system.users)",
        "403 PERMISSION_DENIED: Statement 1 failed: Unauthorized: System tables require 'dba' "
        "or 'system' role.");
    EXPECT_ROWS(&rig, "root", "EXECUTE AS USER 'alice' (DROP TABLE t)",
                "403 PERMISSION_DENIED: Unauthorized: Insufficient privileges to drop this table");
    EXPECT_ROWS(&rig, "root", "EXECUTE AS USER 'alice' (EXECUTE AS USER 'bob' (SELECT 1))",
                "400 INVALID_INPUT: EXECUTE AS USER cannot be nested");
    EXPECT_ROWS(
        &rig, "root", "EXECUTE AS USER '../alice' (SELECT 1)",
        "400 SQL_EXECUTION_ERROR: Invalid operation: User id must be UTF-8 without '..', '/', "
        "'\\' and NUL");
    rig_close(&rig);
}
