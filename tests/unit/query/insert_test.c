/* tests/unit/query/insert_test.c -- Goal: INSERT stores what was given, fills in defaults, and
 * refuses what the contract refuses, with its texts (contract sql.md section 4.2). Method: whole
 * statements through the rig, read back by key. */
#include "rig.h"

static struct rig rig;

static void open_with_table(const char *columns)
{
    rig_open(&rig);
    rig_do(&rig, arena_format(&rig.arena, "CREATE USER TABLE t (%s)", columns).p);
}

TEST(insert_without_a_list_takes_all_columns_in_order)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT, n INT");
    EXPECT_ANSWER(&rig, "alice", "INSERT INTO t VALUES (1, 'x', 2), (2, NULL, NULL)",
                  "{\"row_count\":2,\"message\":\"Inserted 2 row(s)\",\"as_user\":\"alice\"}");
    EXPECT_ROWS(&rig, "alice", "SELECT id, a, n FROM t WHERE id = 1", "[[\"1\",\"x\",2]]");
    EXPECT_ROWS(&rig, "alice", "SELECT id, a, n FROM t WHERE id = 2", "[[\"2\",null,null]]");
    rig_close(&rig);
}

TEST(insert_with_a_list_follows_it)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT, n INT");
    rig_do_as(&rig, "alice", "INSERT INTO t (n, id) VALUES (7, 1)");
    EXPECT_ROWS(&rig, "alice", "SELECT id, a, n FROM t WHERE id = 1", "[[\"1\",null,7]]");
    rig_close(&rig);
}

TEST(insert_fills_in_defaults_of_omitted_columns)
{
    open_with_table(
        "id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), a TEXT DEFAULT 'd', n INT NOT NULL "
        "DEFAULT 5, b BOOLEAN DEFAULT TRUE, made TIMESTAMP DEFAULT NOW(), who TEXT DEFAULT "
        "CURRENT_USER, x TEXT DEFAULT NULL");
    rig_do_as(&rig, "alice", "INSERT INTO t (id) VALUES (1)");
    EXPECT_ROWS(&rig, "alice", "SELECT id, a, n, b, made, who, x FROM t WHERE id = 1",
                "[[\"1\",\"d\",5,true,1800000000000000,\"alice\",null]]");
    rig_do_as(&rig, "alice", "INSERT INTO t (a, id) VALUES (DEFAULT, 2)");
    EXPECT_ROWS(&rig, "alice", "SELECT a, n FROM t WHERE id = 2", "[[\"d\",5]]");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t DEFAULT VALUES", "Inserted 1 row(s)");
    EXPECT_ROWS(&rig, "alice", "SELECT count(*) FROM t WHERE id > 2", "[[\"1\"]]");
    rig_close(&rig);
}

TEST(insert_of_several_rows_makes_one_id_each_and_one_time)
{
    open_with_table(
        "id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), n INT, u TEXT DEFAULT UUID_V7(), l "
        "TEXT DEFAULT ULID(), made TIMESTAMP DEFAULT NOW()");
    rig_do_as(&rig, "alice", "INSERT INTO t (n) VALUES (1), (2), (3)");
    EXPECT_ROWS(
        &rig, "alice",
        "SELECT count(DISTINCT id), count(DISTINCT u), count(DISTINCT l), count(DISTINCT made), "
        "min(length(u)), max(length(l)) FROM t",
        "[[\"3\",\"3\",\"3\",\"1\",\"36\",\"26\"]]");
    rig_close(&rig);
}

TEST(insert_coerces_what_loses_nothing)
{
    open_with_table(
        "id BIGINT PRIMARY KEY, a TEXT, n INT, d DECIMAL(6,2), f DOUBLE, made TIMESTAMP");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES ('1', 5, '7', 1.5, 2, '2026-01-02T03:04:05Z')");
    EXPECT_ROWS(&rig, "alice", "SELECT * EXCLUDE (_seq, _updated, _deleted) FROM t",
                "[[\"1\",\"5\",7,\"1.50\",2.0,1767323045000000]]");
    rig_close(&rig);
}

TEST(insert_refuses_what_would_lose_something)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT NOT NULL, n INT, d DECIMAL(4,2)");
    static const char *const cases[][2] = {
        {"INSERT INTO t VALUES (1, 'x', 3000000000, 1)",
         "400 SQL_EXECUTION_ERROR: Statement 1 failed: Schema coercion failed: column 'n': BIGINT "
         "value '3000000000' cannot become INT: out of range"},
        {"INSERT INTO t VALUES (1, NULL, 1, 1)",
         "400 SQL_EXECUTION_ERROR: Statement 1 failed: Constraint violation: NOT NULL constraint "
         "violation: column 'a' cannot be NULL (row 1)"},
        {"INSERT INTO t (id, a) VALUES (1, 'x'), (2, NULL)",
         "400 SQL_EXECUTION_ERROR: Statement 1 failed: Constraint violation: NOT NULL constraint "
         "violation: column 'a' cannot be NULL (row 2)"},
        {"INSERT INTO t (id) VALUES (1)",
         "400 SQL_EXECUTION_ERROR: Statement 1 failed: Constraint violation: NOT NULL constraint "
         "violation: column 'a' cannot be NULL (row 1)"},
        {"INSERT INTO t (id, a, c) VALUES (1, 'x', 1)",
         "400 SQL_EXECUTION_ERROR: Statement 1 failed: Execution error: Column 'c' does not exist"},
        {"INSERT INTO t (id, a, _seq) VALUES (1, 'x', 1)",
         "400 SQL_EXECUTION_ERROR: Statement 1 failed: Execution error: Column '_seq' does not "
         "exist"},
        {"INSERT INTO t (id, a) VALUES (1)",
         "400 INVALID_SQL: Invalid SQL: INSERT names 2 columns but gives 1 values"},
        {"INSERT INTO t VALUES (1, 'x')", "400 SQL_EXECUTION_ERROR: Statement 1 failed: Invalid "
                                          "operation: INSERT has 2 values for 4 "
                                          "columns (row 1)"},
        {"INSERT INTO t (a) VALUES ('x')",
         "400 SQL_EXECUTION_ERROR: Statement 1 failed: Constraint violation: NOT NULL constraint "
         "violation: column 'id' cannot be NULL (row 1)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        test_expect_str(str_from(rig_rows(&rig, "alice", cases[i][0])), str_from(cases[i][1]),
                        cases[i][0], __FILE__, __LINE__);
    }
    EXPECT_ROWS(&rig, "alice", "SELECT count(*) FROM t", "[[\"0\"]]");
    rig_close(&rig);
}

TEST(insert_of_a_key_that_is_there_is_refused_whole)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'x')");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (2, 'y'), (1, 'z')",
                "400 SQL_EXECUTION_ERROR: Statement 1 failed: Constraint violation: Primary key "
                "violation: value '1' already exists in column 'id'");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (3, 'y'), (3, 'z')",
                "400 SQL_EXECUTION_ERROR: Statement 1 failed: Constraint violation: Primary key "
                "violation: value '3' appears multiple times in the insert batch for column 'id'");
    EXPECT_ROWS(&rig, "alice", "SELECT id, a FROM t", "[[\"1\",\"x\"]]");
    rig_close(&rig);
}

TEST(insert_of_a_key_in_the_cold_tier_is_refused)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'x')");
    rig_flush(&rig, "app", "t", "alice");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (1, 'z')",
                "400 SQL_EXECUTION_ERROR: Statement 1 failed: Constraint violation: Primary key "
                "violation: value '1' already exists in column 'id'");
    EXPECT_ROWS(&rig, "bob", "INSERT INTO t VALUES (1, 'mine')", "Inserted 1 row(s)");
    rig_close(&rig);
}

TEST(insert_of_a_deleted_key_is_let_in_again)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'x')");
    rig_flush(&rig, "app", "t", "alice");
    rig_do_as(&rig, "alice", "DELETE FROM t WHERE id = 1");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (1, 'again')", "Inserted 1 row(s)");
    EXPECT_ROWS(&rig, "alice", "SELECT id, a FROM t", "[[\"1\",\"again\"]]");
    rig_close(&rig);
}

TEST(insert_of_expressions_evaluates_them_for_the_caller)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT, n INT, made TIMESTAMP");
    rig_do_as(
        &rig, "alice",
        "INSERT INTO t VALUES (1 + 1, upper('x') || CURRENT_USER(), CASE WHEN true THEN 3 ELSE 4 "
        "END, NOW())");
    EXPECT_ROWS(&rig, "alice", "SELECT a, n, made FROM t WHERE id = 2",
                "[[\"Xalice\",3,1800000000000000]]");
    rig_close(&rig);
}

TEST(insert_from_select_copies_rows_with_their_types)
{
    open_with_table("id BIGINT PRIMARY KEY, j JSON, u UUID, d DATETIME, dec DECIMAL(6,2)");
    rig_do(&rig, "CREATE USER TABLE c (id BIGINT PRIMARY KEY, j JSON, u UUID, d DATETIME, dec "
                 "DECIMAL(6,2))");
    rig_do_as(&rig, "alice",
              "INSERT INTO t VALUES (1, '{\"a\":1}', '018f0000-0000-7000-8000-000000000001', "
              "'2026-01-02', '1.50'), (2, NULL, NULL, NULL, NULL)");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO c SELECT id + 10, j, u, d, dec FROM t",
                "Inserted 2 row(s)");
    EXPECT_ROWS(&rig, "alice", "SELECT id, j, u, d, dec FROM c",
                "[[\"11\",\"{\\\"a\\\":1}\",\"018f0000-0000-7000-8000-000000000001\","
                "1767312000000000,\"1.50\"],[\"12\",null,null,null,null]]");
    EXPECT_ROWS(
        &rig, "alice", "INSERT INTO c (id) SELECT id, j FROM t",
        "400 SQL_EXECUTION_ERROR: Statement 1 failed: Invalid operation: INSERT has 1 columns, "
        "its SELECT gives 2");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO c SELECT id + 10, j, u, d, dec FROM t",
                "400 SQL_EXECUTION_ERROR: Statement 1 failed: Constraint violation: Primary key "
                "violation: value '11' already exists in column 'id'");
    rig_close(&rig);
}

TEST(insert_from_select_takes_more_rows_than_a_select_shows)
{
    open_with_table("id BIGINT PRIMARY KEY, n INT");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t SELECT i, i FROM generate_series(1, 3000) AS g(i)",
                "Inserted 3000 row(s)");
    EXPECT_ROWS(&rig, "alice", "SELECT count(*), sum(n) FROM t", "[[\"3000\",\"4501500\"]]");
    rig_close(&rig);
}

TEST(insert_into_what_is_no_table_is_refused)
{
    rig_open(&rig);
    EXPECT_ROWS(
        &rig, "root", "INSERT INTO system.users VALUES (1)",
        "400 SQL_EXECUTION_ERROR: Statement 1 failed: Invalid operation: Cannot insert system "
        "table 'system.users'");
    EXPECT_ROWS(
        &rig, "root", "INSERT INTO nothing VALUES (1)",
        "400 SQL_EXECUTION_ERROR: Statement 1 failed: Table not found: table 'app.nothing' not "
        "found");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO nothing VALUES (1)",
                "400 SQL_EXECUTION_ERROR: SQL statement failed");
    rig_close(&rig);
}

TEST(insert_without_a_key_of_its_own_gets_one)
{
    rig_open(&rig);
    rig_do(&rig, "CREATE USER TABLE k (a TEXT)");
    rig_do_as(&rig, "alice", "INSERT INTO k (a) VALUES ('x'), ('x')");
    EXPECT_ROWS(&rig, "alice", "SELECT count(DISTINCT id), count(*) FROM k", "[[\"2\",\"2\"]]");
    rig_close(&rig);
}
