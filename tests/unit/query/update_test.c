/* tests/unit/query/update_test.c -- Goal: UPDATE and DELETE change exactly the rows that their
 * condition names, count what changed, and keep every other value as it was. Method: whole
 * statements through the rig; by key (from memory), and by other conditions (the SQL engine finds
 * the rows). */
#include "rig.h"

#define ALL_TYPES                                                                                  \
    "id BIGINT PRIMARY KEY, v TEXT, j JSON, u UUID, d DATETIME, dec DECIMAL(10,2), "               \
    "e EMBEDDING(2), b BYTES, f FLOAT, dt DATE, t TIME, bo BOOLEAN, si SMALLINT, i INT, "          \
    "dd DOUBLE, ts TIMESTAMP"
#define ALL_VALUES                                                                                 \
    "'a', '{\"a\": 1}', '018f0000-0000-7000-8000-000000000001', '2026-01-02T03:04:05Z', '12.34', " \
    "'[1,2.5]', 'xyz', 1.5, '2026-01-02', '03:04:05', true, 3, 4, 0.1, NOW()"
#define ALL_SHOWN                                                                                  \
    "\"{\\\"a\\\": 1}\",\"018f0000-0000-7000-8000-000000000001\",1767323045000000,\"12.34\","      \
    "[1.0,2.5],[120,121,122],1.5,20455,11045000000,true,3,4,0.1,1800000000000000"
#define ALL_COLUMNS "id, v, j, u, d, dec, e, b, f, dt, t, bo, si, i, dd, ts"

static struct rig rig;

static void open_with_table(const char *columns)
{
    rig_open(&rig);
    rig_do(&rig, arena_format(&rig.arena, "CREATE USER TABLE t (%s)", columns).p);
}

/* -- by key -------------------------------------------------------------------------------------
 */

TEST(update_by_key_changes_the_named_columns_only)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT, n INT");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'x', 5), (2, 'y', 6)");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET n = n + 1 WHERE id = 1", "Updated 1 row(s)");
    EXPECT_ROWS(&rig, "alice", "SELECT id, a, n FROM t WHERE id = 1", "[[\"1\",\"x\",6]]");
    EXPECT_ROWS(&rig, "alice", "SELECT id, a, n FROM t WHERE id = 2", "[[\"2\",\"y\",6]]");
    rig_close(&rig);
}

TEST(update_that_changes_nothing_counts_zero_and_writes_no_version)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'x')");
    const char *before = rig_rows(&rig, "alice", "SELECT _seq FROM t WHERE id = 1");
    EXPECT_ANSWER(&rig, "alice", "UPDATE t SET a = 'x' WHERE id = 1",
                  "{\"row_count\":0,\"message\":\"Updated 0 row(s)\",\"as_user\":\"alice\"}");
    const char *after = rig_rows(&rig, "alice", "SELECT _seq FROM t WHERE id = 1");
    EXPECT_STR_EQ(str_from(after), str_from(before));
    rig_close(&rig);
}

TEST(update_of_an_absent_or_deleted_key_counts_zero)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'x')");
    rig_do_as(&rig, "alice", "DELETE FROM t WHERE id = 1");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET a = 'y' WHERE id = 1", "Updated 0 row(s)");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET a = 'y' WHERE id = 77", "Updated 0 row(s)");
    EXPECT_ROWS(&rig, "alice", "DELETE FROM t WHERE id = 1", "Deleted 0 row(s)");
    rig_close(&rig);
}

TEST(update_by_key_checks_the_rest_of_the_condition)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'x')");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET a = 'y' WHERE id = 1 AND a = 'z'", "Updated 0 row(s)");
    EXPECT_ROWS(&rig, "alice", "DELETE FROM t WHERE id = 1 AND a = 'z'", "Deleted 0 row(s)");
    EXPECT_ROWS(&rig, "alice", "DELETE FROM t WHERE a = 'x' AND id = 1", "Deleted 1 row(s)");
    EXPECT_ROWS(&rig, "alice", "SELECT a FROM t WHERE id = 1", "[]");
    rig_close(&rig);
}

TEST(update_of_another_users_row_finds_nothing)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'x')");
    EXPECT_ROWS(&rig, "root", "UPDATE t SET a = 'y' WHERE id = 1", "Updated 0 row(s)");
    EXPECT_ROWS(&rig, "bob", "DELETE FROM t WHERE a = 'x'", "Deleted 0 row(s)");
    EXPECT_ROWS(&rig, "alice", "SELECT a FROM t WHERE id = 1", "[[\"x\"]]");
    rig_close(&rig);
}

TEST(update_refuses_keys_unknown_columns_and_null)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT NOT NULL, n INT");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'x', 1)");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET id = 2 WHERE id = 1",
                "400 SQL_EXECUTION_ERROR: Statement 1 failed: Invalid operation: UPDATE cannot "
                "modify primary key column 'id'");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET c = 2 WHERE id = 1",
                "400 SQL_EXECUTION_ERROR: Statement 1 failed: Execution error: Column 'c' does not "
                "exist");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET _seq = 2 WHERE id = 1",
                "400 SQL_EXECUTION_ERROR: Statement 1 failed: Execution error: Column '_seq' does "
                "not exist");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET a = NULL WHERE id = 1",
                "400 SQL_EXECUTION_ERROR: Statement 1 failed: Constraint violation: NOT NULL "
                "constraint violation: column 'a' cannot be NULL (row 1)");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET n = 'many' WHERE id = 1",
                "400 SQL_EXECUTION_ERROR: Statement 1 failed: Schema coercion failed: column 'n': "
                "TEXT value 'many' cannot become INT: it is not a whole number");
    EXPECT_ROWS(&rig, "alice", "SELECT a, n FROM t WHERE id = 1", "[[\"x\",1]]");
    rig_close(&rig);
}

/* -- by any condition ---------------------------------------------------------------------------
 */

TEST(update_by_condition_keeps_values_of_every_type)
{
    open_with_table(ALL_TYPES);
    rig_do_as(&rig, "alice", "INSERT INTO t (" ALL_COLUMNS ") VALUES (1, " ALL_VALUES ")");
    rig_do_as(&rig, "alice", "INSERT INTO t (id, v) VALUES (2, 'none')");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET v = 'b' WHERE v = 'a'", "Updated 1 row(s)");
    EXPECT_ROWS(&rig, "alice", "SELECT " ALL_COLUMNS " FROM t WHERE id = 1",
                "[[\"1\",\"b\"," ALL_SHOWN "]]");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET si = 9 WHERE v LIKE 'n%'", "Updated 1 row(s)");
    EXPECT_ROWS(&rig, "alice", "SELECT v, j, si FROM t WHERE id = 2", "[[\"none\",null,9]]");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET v = v WHERE v = 'b'", "Updated 0 row(s)");
    EXPECT_ROWS(&rig, "alice", "DELETE FROM t WHERE bo", "Deleted 1 row(s)");
    EXPECT_ROWS(&rig, "alice", "SELECT id FROM t", "[[\"2\"]]");
    rig_close(&rig);
}

TEST(update_by_condition_keeps_values_of_every_type_of_cold_rows)
{
    open_with_table(ALL_TYPES);
    rig_do_as(&rig, "alice", "INSERT INTO t (" ALL_COLUMNS ") VALUES (1, " ALL_VALUES ")");
    rig_do_as(&rig, "alice", "INSERT INTO t (" ALL_COLUMNS ") VALUES (2, " ALL_VALUES ")");
    rig_flush(&rig, "app", "t", "alice");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET v = 'b' WHERE si = 3 AND id < 2", "Updated 1 row(s)");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET v = 'c' WHERE id = 2", "Updated 1 row(s)");
    EXPECT_ROWS(&rig, "alice", "SELECT " ALL_COLUMNS " FROM t",
                "[[\"1\",\"b\"," ALL_SHOWN "],[\"2\",\"c\"," ALL_SHOWN "]]");
    EXPECT_ROWS(&rig, "alice", "SELECT " ALL_COLUMNS " FROM t WHERE id = 1",
                "[[\"1\",\"b\"," ALL_SHOWN "]]");
    rig_close(&rig);
}

TEST(update_by_condition_of_rows_of_an_older_version_counts_their_bytes)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'x'), (2, 'x')");
    rig_do(&rig, "ALTER TABLE t ADD COLUMN n BIGINT NOT NULL DEFAULT 7, ADD COLUMN m TEXT NOT NULL "
                 "DEFAULT 'a longer text than the row had'");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET a = 'y' WHERE n = 7", "Updated 2 row(s)");
    EXPECT_ROWS(&rig, "alice", "SELECT id, a, n FROM t",
                "[[\"1\",\"y\",\"7\"],[\"2\",\"y\",\"7\"]]");
    EXPECT_ROWS(&rig, "alice", "DELETE FROM t WHERE a = 'y' AND n > 6", "Deleted 2 row(s)");
    rig_do_as(&rig, "alice", "INSERT INTO t (id) VALUES (3)");
    EXPECT_ROWS(&rig, "alice", "SELECT id, a, n FROM t", "[[\"3\",null,\"7\"]]");
    rig_close(&rig);
}

TEST(delete_by_condition_of_rows_of_an_older_version_keeps_their_last_values)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'x'), (2, 'y')");
    rig_do(&rig, "ALTER TABLE t ADD COLUMN n BIGINT NOT NULL DEFAULT 7");
    EXPECT_ROWS(&rig, "alice", "DELETE FROM t WHERE n = 7 AND a = 'x'", "Deleted 1 row(s)");
    EXPECT_ROWS(&rig, "alice", "SELECT id, a, n FROM t WHERE _deleted", "[[\"1\",\"x\",\"7\"]]");
    rig_close(&rig);
}

TEST(update_by_condition_computes_what_only_the_engine_can)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT, n INT");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'x', 1), (2, 'y', 2), (3, 'z', 3)");
    EXPECT_ROWS(&rig, "alice",
                "UPDATE t SET n = (SELECT max(n) FROM t) + n, a = upper(a) WHERE n >= 2",
                "Updated 2 row(s)");
    EXPECT_ROWS(&rig, "alice", "SELECT id, a, n FROM t",
                "[[\"1\",\"x\",1],[\"2\",\"Y\",5],[\"3\",\"Z\",6]]");
    rig_close(&rig);
}

TEST(update_by_condition_with_an_alias_and_qualified_names_finds_its_rows)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'x'), (2, 'y')");
    EXPECT_ROWS(&rig, "alice", "UPDATE app.t SET a = 'p' WHERE app.t.a = 'x'", "Updated 1 row(s)");
    EXPECT_ROWS(&rig, "alice", "UPDATE app.t SET a = 'q' WHERE t.id = 2", "Updated 1 row(s)");
    EXPECT_ROWS(&rig, "alice", "DELETE FROM app.t WHERE app.t.id = 2", "Deleted 1 row(s)");
    EXPECT_ROWS(&rig, "alice", "SELECT id, a FROM t", "[[\"1\",\"p\"]]");
    rig_close(&rig);
}

TEST(update_of_deleted_rows_by_condition_changes_nothing)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'x'), (2, 'y')");
    rig_do_as(&rig, "alice", "DELETE FROM t WHERE id = 1");
    EXPECT_ROWS(&rig, "alice", "DELETE FROM t WHERE _deleted = true", "Deleted 0 row(s)");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET a = 'z' WHERE _deleted OR a = 'y'",
                "Updated 1 row(s)");
    EXPECT_ROWS(&rig, "alice", "SELECT id, a FROM t", "[[\"2\",\"z\"]]");
    rig_close(&rig);
}

/* -- streams ------------------------------------------------------------------------------------
 */

TEST(update_of_a_stream_is_refused_and_delete_removes)
{
    rig_open(&rig);
    rig_do(&rig, "CREATE STREAM TABLE s (id BIGINT PRIMARY KEY, a TEXT) WITH (TTL_SECONDS = 60)");
    rig_do_as(&rig, "alice", "INSERT INTO s VALUES (1, 'x'), (2, 'y'), (3, 'z')");
    EXPECT_ROWS(&rig, "alice", "UPDATE s SET a = 'q' WHERE id = 1",
                "400 SQL_EXECUTION_ERROR: Statement 1 failed: Invalid operation: UPDATE not "
                "supported for STREAM tables");
    EXPECT_ROWS(&rig, "alice", "DELETE FROM s WHERE id = 1", "Deleted 1 row(s)");
    EXPECT_ROWS(&rig, "alice", "DELETE FROM s WHERE a = 'y'", "Deleted 1 row(s)");
    EXPECT_ROWS(&rig, "alice", "SELECT id, a FROM s", "[[\"3\",\"z\"]]");
    fake_clock_advance(&rig.clock, 61 * 1000000LL);
    EXPECT_ROWS(&rig, "alice", "SELECT id, a FROM s", "[]");
    EXPECT_ROWS(&rig, "alice", "SELECT id, a FROM s WHERE id = 3", "[]");
    rig_close(&rig);
}
