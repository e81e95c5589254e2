/* tests/unit/query/conflict_test.c -- Goal: ON CONFLICT does what was said to rows whose place is
 * taken, in either tier, and loses no race. Method: whole statements through the rig; two requests
 * taken through their stages side by side. */
#include "rig.h"

static struct rig rig;

#define FAILED "400 SQL_EXECUTION_ERROR: Statement 1 failed: "

static void open_with_table(const char *columns)
{
    rig_open(&rig);
    rig_do(&rig, arena_format(&rig.arena, "CREATE USER TABLE t (%s)", columns).p);
}

TEST(on_conflict_do_nothing_keeps_the_row_that_is_there)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'a')");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (1, 'b'), (2, 'c') ON CONFLICT DO NOTHING",
                "Inserted 1 row(s)");
    rig_flush(&rig, "app", "t", "alice");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (1, 'd') ON CONFLICT (id) DO NOTHING",
                "Inserted 0 row(s)");
    EXPECT_ROWS(&rig, "alice",
                "INSERT INTO t VALUES (1, 'd'), (3, 'e'), (3, 'f') ON CONFLICT (id) DO NOTHING "
                "RETURNING id, a",
                "[[\"3\",\"e\"]]");
    EXPECT_ROWS(&rig, "alice", "SELECT id, a FROM t ORDER BY id",
                "[[\"1\",\"a\"],[\"2\",\"c\"],[\"3\",\"e\"]]");
    rig_do_as(&rig, "alice", "DELETE FROM t WHERE id = 1");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (1, 'new') ON CONFLICT DO NOTHING",
                "Inserted 1 row(s)");
    rig_close(&rig);
}

TEST(on_conflict_do_update_changes_the_row_that_is_there)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT, n INT DEFAULT 1");
    EXPECT_ROWS(&rig, "alice",
                "INSERT INTO t (id, a) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET n = t.n + 1",
                "Inserted 1 row(s)");
    EXPECT_ROWS(&rig, "alice",
                "INSERT INTO t (id, a) VALUES (1, 'y') ON CONFLICT (id) DO UPDATE SET n = t.n + 1, "
                "a = t.a || EXCLUDED.a",
                "Inserted 1 row(s)");
    rig_flush(&rig, "app", "t", "alice");
    EXPECT_ROWS(&rig, "alice",
                "INSERT INTO t AS k (id, a) VALUES (1, 'z'), (2, 'w') ON CONFLICT (id) DO UPDATE "
                "SET n = k.n + EXCLUDED.n + 10, a = excluded.a RETURNING id, a, n",
                "[[\"1\",\"z\",13],[\"2\",\"w\",1]]");
    EXPECT_ROWS(&rig, "alice", "SELECT id, a, n FROM t ORDER BY id",
                "[[\"1\",\"z\",13],[\"2\",\"w\",1]]");
    rig_close(&rig);
}

TEST(on_conflict_do_update_with_where_skips_the_others)
{
    open_with_table("id BIGINT PRIMARY KEY, n INT");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 5), (2, 50)");
    EXPECT_ROWS(&rig, "alice",
                "INSERT INTO t VALUES (1, 10), (2, 10), (3, 10) ON CONFLICT (id) DO UPDATE SET n = "
                "EXCLUDED.n WHERE t.n < EXCLUDED.n RETURNING id, n",
                "[[\"1\",10],[\"3\",10]]");
    EXPECT_ROWS(&rig, "alice",
                "INSERT INTO t VALUES (1, 10) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n",
                "Inserted 0 row(s)");
    EXPECT_ROWS(&rig, "alice",
                "INSERT INTO t VALUES (1, 10) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n "
                "RETURNING id, n",
                "[[\"1\",10]]");
    rig_close(&rig);
}

TEST(on_conflict_do_update_of_a_row_twice_is_refused)
{
    open_with_table("id BIGINT PRIMARY KEY, n INT, m TEXT UNIQUE");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 1, 'a')");
    static const char *const statements[] = {
        "INSERT INTO t VALUES (1, 2, 'a'), (1, 3, 'a') ON CONFLICT (id) DO UPDATE SET n = "
        "EXCLUDED.n",
        "INSERT INTO t VALUES (2, 2, 'b'), (2, 3, 'b') ON CONFLICT (id) DO UPDATE SET n = "
        "EXCLUDED.n",
        "INSERT INTO t VALUES (3, 2, 'a'), (4, 3, 'a') ON CONFLICT (m) DO UPDATE SET n = "
        "EXCLUDED.n",
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        EXPECT_ROWS(&rig, "alice", statements[i],
                    FAILED
                    "Constraint violation: ON CONFLICT DO UPDATE command cannot affect row a "
                    "second time");
    }
    EXPECT_ROWS(&rig, "alice", "SELECT id, n FROM t", "[[\"1\",1]]");
    rig_close(&rig);
}

TEST(on_conflict_on_a_unique_column_finds_its_row)
{
    open_with_table("id BIGINT PRIMARY KEY, mail TEXT UNIQUE, n INT");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 1), (3, NULL, 1)");
    EXPECT_ROWS(&rig, "alice",
                "INSERT INTO t VALUES (9, 'a', 7) ON CONFLICT (mail) DO UPDATE SET n = EXCLUDED.n "
                "RETURNING id, mail, n",
                "[[\"1\",\"a\",7]]");
    rig_flush(&rig, "app", "t", "alice");
    EXPECT_ROWS(&rig, "alice",
                "INSERT INTO t VALUES (9, 'b', 8) ON CONFLICT (mail) DO UPDATE SET n = EXCLUDED.n "
                "RETURNING id, mail, n",
                "[[\"2\",\"b\",8]]");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (9, 'a', 1) ON CONFLICT DO NOTHING",
                "Inserted 0 row(s)");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (9, NULL, 1) ON CONFLICT (mail) DO NOTHING",
                "Inserted 1 row(s)");
    /* Only the column that was named is settled. */
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (1, 'c', 1) ON CONFLICT (mail) DO NOTHING",
                FAILED "Constraint violation: Primary key violation: value '1' already exists in "
                       "column 'id'");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (10, 'a', 1) ON CONFLICT (id) DO NOTHING",
                FAILED
                "Constraint violation: Unique constraint violation: value 'a' already exists "
                "in column 'mail'");
    EXPECT_ROWS(&rig, "alice",
                "INSERT INTO t VALUES (1, 'b', 1) ON CONFLICT (id) DO UPDATE SET mail = "
                "EXCLUDED.mail",
                FAILED
                "Constraint violation: Unique constraint violation: value 'b' already exists "
                "in column 'mail'");
    rig_close(&rig);
}

TEST(on_conflict_of_unique_columns_together_finds_the_row_that_has_them)
{
    open_with_table("id BIGINT PRIMARY KEY, a INT, b INT, n INT, UNIQUE (a, b)");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 1, 1, 0), (2, 1, 2, 0)");
    rig_flush(&rig, "app", "t", "alice");
    EXPECT_ROWS(&rig, "alice",
                "INSERT INTO t VALUES (3, 1, 1, 5), (4, 2, 1, 5) ON CONFLICT (b, a) DO UPDATE SET "
                "n = EXCLUDED.n",
                "Inserted 2 row(s)");
    EXPECT_ROWS(&rig, "alice",
                "INSERT INTO t VALUES (5, 1, 2, 9), (6, 3, 3, 9), (7, 3, 3, 9), (8, 1, NULL, 9) ON "
                "CONFLICT DO NOTHING",
                "Inserted 2 row(s)");
    EXPECT_ROWS(&rig, "alice",
                "INSERT INTO t VALUES (9, 6, 6, 9), (10, 6, 6, 9) ON CONFLICT (a, b) DO UPDATE SET "
                "n = 1",
                FAILED "Constraint violation: ON CONFLICT DO UPDATE command cannot affect row a "
                       "second time");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (1, 1, 2, 1) ON CONFLICT (id) DO NOTHING",
                "Inserted 0 row(s)");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (9, 1, 2, 1) ON CONFLICT (id) DO NOTHING",
                FAILED "Constraint violation: Unique constraint violation: value '(1, 2)' already "
                       "exists in columns '(a, b)'");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (9, 1, 2, 1) ON CONFLICT (a) DO NOTHING",
                FAILED "Invalid operation: there is no unique constraint matching the ON CONFLICT "
                       "specification: name the primary key or all columns of one UNIQUE "
                       "constraint");
    EXPECT_ROWS(&rig, "alice", "SELECT id, n FROM t ORDER BY id",
                "[[\"1\",5],[\"2\",0],[\"4\",5],[\"6\",9],[\"8\",9]]");
    rig_close(&rig);
}

TEST(on_conflict_of_what_is_not_possible_is_refused)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT NOT NULL, n INT");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'x', 1)");
    static const char *const cases[][2] = {
        {"INSERT INTO t VALUES (1, 'y', 1) ON CONFLICT (a) DO NOTHING",
         FAILED "Invalid operation: there is no unique constraint matching the ON CONFLICT "
                "specification: name the primary key or all columns of one UNIQUE constraint"},
        {"INSERT INTO t VALUES (1, 'y', 1) ON CONFLICT (id, a) DO NOTHING",
         FAILED "Invalid operation: there is no unique constraint matching the ON CONFLICT "
                "specification: name the primary key or all columns of one UNIQUE constraint"},
        {"INSERT INTO t VALUES (1, 'y', 1) ON CONFLICT (id) DO UPDATE SET id = 2",
         FAILED "Invalid operation: UPDATE cannot modify primary key column 'id'"},
        {"INSERT INTO t VALUES (1, 'y', 1) ON CONFLICT (id) DO UPDATE SET b = 2",
         FAILED "Execution error: Column 'b' does not exist"},
        {"INSERT INTO t VALUES (1, 'y', 1) ON CONFLICT (id) DO UPDATE SET a = NULL",
         FAILED "Constraint violation: NOT NULL constraint violation: column 'a' cannot be NULL "
                "(row 1)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        test_expect_str(str_from(rig_rows(&rig, "alice", cases[i][0])), str_from(cases[i][1]),
                        cases[i][0], __FILE__, __LINE__);
    }
    EXPECT(strncmp(rig_rows(&rig, "alice",
                            "INSERT INTO t VALUES (1, 'y', 1) ON CONFLICT (id) DO UPDATE SET n = "
                            "(SELECT 1)"),
                   "400 ", 4) == 0);
    EXPECT(strncmp(rig_rows(&rig, "alice",
                            "INSERT INTO t VALUES (1, 'y', 1) ON CONFLICT (id) DO UPDATE SET n = 1 "
                            "WHERE t.n"),
                   "400 ", 4) == 0);
    EXPECT_ROWS(&rig, "alice", "SELECT id, a, n FROM t", "[[\"1\",\"x\",1]]");
    rig_close(&rig);
}

TEST(on_conflict_from_select_settles_every_row)
{
    open_with_table("id BIGINT PRIMARY KEY, n INT");
    rig_do_as(&rig, "alice", "INSERT INTO t SELECT i, 0 FROM generate_series(1, 100) AS g(i)");
    EXPECT_ROWS(
        &rig, "alice",
        "INSERT INTO t SELECT i, 1 FROM generate_series(51, 150) AS g(i) ON CONFLICT (id) DO "
        "UPDATE SET n = t.n + 5",
        "Inserted 100 row(s)");
    EXPECT_ROWS(&rig, "alice", "SELECT n, count(*) FROM t GROUP BY n ORDER BY n",
                "[[0,\"50\"],[1,\"50\"],[5,\"50\"]]");
    rig_close(&rig);
}

/* Two requests read that the place is free, then both are written: the second is run again. */
TEST(on_conflict_that_lost_a_race_is_run_again)
{
    open_with_table("id BIGINT PRIMARY KEY, n INT");
    enum { BOTH = 2 };
    struct rig_query q[BOTH];
    enum query_state states[BOTH];
    for (int i = 0; i < BOTH; i++) {
        rig_query_open(&q[i], &rig, "alice",
                       "INSERT INTO t VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = t.n + 1 "
                       "RETURNING n");
    }
    for (int i = 0; i < BOTH; i++) {
        states[i] = query_start(&q[i].query, QUERY_ON_WORKER, 0);
    }
    for (int i = 0; i < BOTH; i++) {
        rig_query_finish(&q[i], states[i]);
        EXPECT(strncmp(rig_query_answer(&q[i]), "{\"schema\"", 9) == 0);
        rig_query_close(&q[i]);
    }
    EXPECT_ROWS(&rig, "alice", "SELECT id, n FROM t", "[[\"1\",2]]");
    rig_close(&rig);
}
