/* tests/unit/query/unique_test.c -- Goal: no two live rows of a partition have the same value in a
 * UNIQUE column, whatever tier they are in, and a value that nobody has is free. Method: whole
 * statements through the rig, with flushes, deletes and changes of the table between them. */
#include "rig.h"

static struct rig rig;

#define TAKEN(value, column)                                                                       \
    "400 SQL_EXECUTION_ERROR: Statement 1 failed: Constraint violation: Unique constraint "        \
    "violation: value '" value "' already exists in column '" column "'"

static void open_with_table(const char *columns)
{
    rig_open(&rig);
    rig_do(&rig, arena_format(&rig.arena, "CREATE USER TABLE t (%s)", columns).p);
}

TEST(unique_value_of_a_hot_row_is_refused_to_another)
{
    open_with_table("id BIGINT PRIMARY KEY, mail TEXT UNIQUE, n INT");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 1)");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (3, 'a', 1)", TAKEN("a", "mail"));
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET mail = 'a' WHERE id = 2", TAKEN("a", "mail"));
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (3, 'c', 1), (4, 'c', 1)",
                "400 SQL_EXECUTION_ERROR: Statement 1 failed: Constraint violation: Unique "
                "constraint violation: value 'c' appears multiple times in the insert batch for "
                "column 'mail'");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (3, 'c', 1)", "Inserted 1 row(s)");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET n = 2 WHERE id = 1", "Updated 1 row(s)");
    EXPECT_ROWS(&rig, "alice", "SELECT id, mail, n FROM t ORDER BY id",
                "[[\"1\",\"a\",2],[\"2\",\"b\",1],[\"3\",\"c\",1]]");
    rig_close(&rig);
}

TEST(unique_value_of_a_cold_row_is_refused_to_another)
{
    open_with_table("id BIGINT PRIMARY KEY, mail TEXT UNIQUE, n INT");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 1)");
    rig_flush(&rig, "app", "t", "alice");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (3, 'a', 1)", TAKEN("a", "mail"));
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET mail = 'b' WHERE id = 1", TAKEN("b", "mail"));
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET mail = 'b' WHERE n = 1 AND id < 2",
                TAKEN("b", "mail"));
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET n = 5 WHERE n = 1", "Updated 2 row(s)");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (3, 'b', 1)", TAKEN("b", "mail"));
    rig_close(&rig);
}

TEST(unique_value_is_free_after_its_row_was_deleted_or_changed)
{
    open_with_table("id BIGINT PRIMARY KEY, mail TEXT UNIQUE");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')");
    rig_do_as(&rig, "alice", "DELETE FROM t WHERE id = 1");
    rig_do_as(&rig, "alice", "UPDATE t SET mail = 'bb' WHERE id = 2");
    rig_flush(&rig, "app", "t", "alice");
    rig_do_as(&rig, "alice", "DELETE FROM t WHERE id = 3");
    rig_do_as(&rig, "alice", "UPDATE t SET mail = NULL WHERE mail = 'd'");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (5, 'a'), (6, 'b'), (7, 'c'), (8, 'd')",
                "Inserted 4 row(s)");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (9, 'bb')", TAKEN("bb", "mail"));
    /* The old owners come back without their values. */
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (1, 'a')", TAKEN("a", "mail"));
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (1, 'aa')", "Inserted 1 row(s)");
    rig_close(&rig);
}

TEST(unique_lets_any_number_of_nulls_in)
{
    open_with_table("id BIGINT PRIMARY KEY, mail TEXT UNIQUE");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (1, NULL), (2, NULL)", "Inserted 2 row(s)");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t (id) VALUES (3)", "Inserted 1 row(s)");
    rig_do_as(&rig, "alice", "UPDATE t SET mail = 'x' WHERE id = 3");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET mail = NULL WHERE id = 3", "Updated 1 row(s)");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET mail = 'x' WHERE id = 2", "Updated 1 row(s)");
    rig_close(&rig);
}

TEST(unique_columns_are_each_of_their_own_and_by_table_constraint_too)
{
    open_with_table("id BIGINT PRIMARY KEY, a INT UNIQUE, b TEXT, d DOUBLE, UNIQUE (b), "
                    "CONSTRAINT c UNIQUE (d)");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 1, '1', 0.0), (2, 2, '2', 1.5)");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (3, 1, '3', 3)", TAKEN("1", "a"));
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (3, 3, '1', 3)", TAKEN("1", "b"));
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (3, 3, '3', -0.0)", TAKEN("0.0", "d"));
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (3, 3, '3', 3)", "Inserted 1 row(s)");
    EXPECT_ROWS(
        &rig, "root", "CREATE USER TABLE u (id INT PRIMARY KEY, a JSON UNIQUE)",
        "400 SQL_EXECUTION_ERROR: Statement 1 failed: Invalid operation: column 'a' of type "
        "JSON cannot be UNIQUE");
    rig_close(&rig);
}

/* -- constraints of several columns --------------------------------------------------------------
 */

#define TAKEN_TOGETHER(value, columns)                                                             \
    "400 SQL_EXECUTION_ERROR: Statement 1 failed: Constraint violation: Unique constraint "        \
    "violation: value '" value "' already exists in columns '" columns "'"

TEST(unique_columns_together_refuse_only_what_is_equal_in_all_of_them)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT, b TEXT, n INT, UNIQUE (a, b)");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'a', 'bc', 1), (2, 'ab', 'c', 1)");
    for (int tier = 0; tier < 2; tier++) {
        EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (3, 'a', 'bc', 9)",
                    TAKEN_TOGETHER("(a, bc)", "(a, b)"));
        EXPECT_ROWS(&rig, "alice", "UPDATE t SET a = 'a', b = 'bc' WHERE id = 2",
                    TAKEN_TOGETHER("(a, bc)", "(a, b)"));
        EXPECT_ROWS(&rig, "alice", "UPDATE t SET n = n + 1 WHERE id > 0", "Updated 2 row(s)");
        rig_flush(&rig, "app", "t", "alice");
    }
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (3, 'abc', '', 1), (4, '', 'abc', 1)",
                "Inserted 2 row(s)");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (5, 'x', 'y', 1), (6, 'x', 'y', 1)",
                "400 SQL_EXECUTION_ERROR: Statement 1 failed: Constraint violation: Unique "
                "constraint violation: value '(x, y)' appears multiple times in the insert batch "
                "for columns '(a, b)'");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET b = 'bcd' WHERE id = 1", "Updated 1 row(s)");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (5, 'a', 'bc', 1)", "Inserted 1 row(s)");
    EXPECT_ROWS(&rig, "bob", "INSERT INTO t VALUES (1, 'a', 'bc', 1)", "Inserted 1 row(s)");
    rig_close(&rig);
}

TEST(unique_columns_together_with_a_null_among_them_do_not_collide)
{
    open_with_table("id BIGINT PRIMARY KEY, a INT, b INT, UNIQUE (a, b)");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (1, 1, NULL), (2, 1, NULL), (3, NULL, NULL)",
                "Inserted 3 row(s)");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET b = 2 WHERE id = 1", "Updated 1 row(s)");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET b = 2 WHERE id = 2",
                TAKEN_TOGETHER("(1, 2)", "(a, b)"));
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET a = NULL WHERE id = 1", "Updated 1 row(s)");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET b = 2 WHERE id = 2", "Updated 1 row(s)");
    rig_close(&rig);
}

TEST(unique_columns_together_go_with_one_of_them)
{
    open_with_table("id BIGINT PRIMARY KEY, a INT, b INT, c INT, UNIQUE (a, b), UNIQUE (c, b), "
                    "UNIQUE (a, c)");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 1, 1, 1)");
    EXPECT_ROWS(&rig, "root", "ALTER TABLE t MODIFY COLUMN a BIGINT",
                "400 SQL_EXECUTION_ERROR: Statement 1 failed: Invalid operation: Cannot change "
                "the type of UNIQUE column 'a'");
    rig_do(&rig, "ALTER TABLE t DROP COLUMN b");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (2, 1, 1)",
                TAKEN_TOGETHER("(1, 1)", "(a, c)"));
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (2, 1, 2), (3, 2, 1)", "Inserted 2 row(s)");
    rig_do(&rig, "ALTER TABLE t ADD COLUMN b INT"); /* another column, in no constraint */
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (4, 1, 9, 1), (5, 1, 8, 1)",
                "Inserted 2 row(s)");
    rig_do(&rig, "ALTER TABLE t DROP COLUMN c, MODIFY COLUMN a BIGINT");
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (6, 1, 1)", "Inserted 1 row(s)");
    rig_close(&rig);
}

TEST(unique_columns_together_that_are_too_long_or_no_keys_are_refused_by_name)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT, b TEXT, UNIQUE (a, b)");
    const char *answer = rig_rows(&rig, "alice",
                                  "INSERT INTO t SELECT 1, repeat('x', 600), repeat('y', 600) FROM "
                                  "generate_series(1, 1)");
    EXPECT(strstr(answer, "UNIQUE columns '(a, b)': a value of 1204 bytes, the limit is 1024"));
    EXPECT_ROWS(&rig, "alice",
                "INSERT INTO t SELECT 1, repeat('x', 600), NULL FROM generate_series(1, 1)",
                "Inserted 1 row(s)");
    EXPECT_ROWS(
        &rig, "root", "CREATE USER TABLE u (id INT PRIMARY KEY, a JSON, b INT, UNIQUE (a, b))",
        "400 SQL_EXECUTION_ERROR: Statement 1 failed: Invalid operation: column 'a' of type "
        "JSON cannot be UNIQUE");
    EXPECT_ROWS(&rig, "root",
                "CREATE STREAM TABLE u (a INT, b INT, UNIQUE (a, b)) WITH (TTL_SECONDS = 5)",
                "400 SQL_EXECUTION_ERROR: Statement 1 failed: Invalid operation: UNIQUE is not "
                "supported for STREAM tables (column 'a')");
    rig_close(&rig);
}

/* -- a random walk beside a model */

enum { WALK_IDS = 8, WALK_VALUES = 3 };

struct walk_row {
    bool exists;
    unsigned a; /* 0: NULL */
    unsigned b;
};

static bool is_taken(const struct walk_row *rows, unsigned id, unsigned a, unsigned b)
{
    for (unsigned other = 0; other < WALK_IDS; other++) {
        if (other != id && a != 0 && b != 0 && rows[other].exists && rows[other].a == a &&
            rows[other].b == b) {
            return true;
        }
    }
    return false;
}

static str number_or_null(unsigned n)
{
    return n == 0 ? STR_LIT("NULL") : arena_format(&rig.arena, "%u", n);
}

/* One INSERT, UPDATE or DELETE of a row: done exactly when the model says that it may be. */
static void walk_step(struct rng *rng, struct walk_row *rows)
{
    unsigned id = (unsigned)rng_below(rng, WALK_IDS);
    unsigned a = (unsigned)rng_below(rng, WALK_VALUES + 1);
    unsigned b = (unsigned)rng_below(rng, WALK_VALUES + 1);
    str a_text = number_or_null(a);
    str b_text = number_or_null(b);
    if (rows[id].exists && rng_below(rng, 3) == 0) {
        rig_do_as(&rig, "alice", arena_format(&rig.arena, "DELETE FROM t WHERE id = %u", id).p);
        rows[id].exists = false;
        return;
    }
    const char *sql =
        rows[id].exists
            ? arena_format(&rig.arena,
                           "UPDATE t SET a = " STR_FMT ", b = " STR_FMT " WHERE id = %u",
                           STR(a_text), STR(b_text), id)
                  .p
            : arena_format(&rig.arena, "INSERT INTO t VALUES (%u, " STR_FMT ", " STR_FMT ")", id,
                           STR(a_text), STR(b_text))
                  .p;
    const char *answer = rig_rows(&rig, "alice", sql);
    bool is_refused = strstr(answer, "Unique constraint violation") != NULL;
    if (is_refused != is_taken(rows, id, a, b)) {
        test_fail(__FILE__, __LINE__, "%s: %s", sql, answer);
    }
    if (!is_refused) {
        rows[id] = (struct walk_row){true, a, b};
    }
}

TEST(unique_columns_together_hold_over_a_random_walk_with_flushes)
{
    struct rng rng;
    struct walk_row rows[WALK_IDS] = {0};
    rng_init(&rng, 20261123);
    open_with_table("id BIGINT PRIMARY KEY, a INT, b INT, UNIQUE (b, a)");
    for (unsigned step = 0; step < 400; step++) {
        walk_step(&rng, rows);
        if (step % 80 == 79) {
            rig_flush(&rig, "app", "t", "alice");
        }
    }
    rig_close(&rig);
}

TEST(unique_values_of_one_user_do_not_hinder_another)
{
    open_with_table("id BIGINT PRIMARY KEY, mail TEXT UNIQUE");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'a')");
    EXPECT_ROWS(&rig, "bob", "INSERT INTO t VALUES (1, 'a')", "Inserted 1 row(s)");
    rig_do_as(&rig, "alice", "DELETE FROM t WHERE id = 1");
    EXPECT_ROWS(&rig, "bob", "INSERT INTO t VALUES (2, 'a')", TAKEN("a", "mail"));
    rig_close(&rig);
}

TEST(unique_values_may_change_places_in_one_statement)
{
    open_with_table("id BIGINT PRIMARY KEY, n INT UNIQUE");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET n = n + 1 WHERE n > 0", "Updated 3 row(s)");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET n = 6 - n WHERE n > 0", "Updated 2 row(s)");
    EXPECT_ROWS(&rig, "alice", "SELECT id, n FROM t ORDER BY id",
                "[[\"1\",4],[\"2\",3],[\"3\",2]]");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET n = 7 WHERE id > 1", TAKEN("7", "n"));
    EXPECT_ROWS(&rig, "alice", "INSERT INTO t VALUES (4, 1)", "Inserted 1 row(s)");
    rig_close(&rig);
}

TEST(unique_column_is_added_to_a_table_with_rows)
{
    open_with_table("id BIGINT PRIMARY KEY, n INT");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 1), (2, 2)");
    rig_flush(&rig, "app", "t", "alice");
    rig_do(&rig, "ALTER TABLE t ADD COLUMN mail TEXT UNIQUE");
    EXPECT_ROWS(&rig, "root", "ALTER TABLE t ADD COLUMN x TEXT NOT NULL DEFAULT 'x' UNIQUE",
                "400 SQL_EXECUTION_ERROR: Statement 1 failed: Invalid operation: Cannot add UNIQUE "
                "column 'x' with a value for every row: the table has rows");
    EXPECT_ROWS(&rig, "root", "ALTER TABLE t ADD COLUMN k INT UNIQUE, MODIFY COLUMN k BIGINT",
                "400 SQL_EXECUTION_ERROR: Statement 1 failed: Invalid operation: Cannot change the "
                "type of UNIQUE column 'k'");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET mail = 'a' WHERE id = 1", "Updated 1 row(s)");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET mail = 'a' WHERE id = 2", TAKEN("a", "mail"));
    /* A column of the same name is another column: nothing of it is left. */
    rig_do(&rig, "ALTER TABLE t DROP COLUMN mail");
    rig_do(&rig, "ALTER TABLE t ADD COLUMN mail TEXT UNIQUE");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET mail = 'a' WHERE id = 2", "Updated 1 row(s)");
    rig_do(&rig, "ALTER TABLE t RENAME COLUMN mail TO post");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET post = 'a' WHERE id = 1", TAKEN("a", "post"));
    rig_close(&rig);
}

TEST(unique_column_of_a_stream_is_refused)
{
    rig_open(&rig);
    EXPECT_ROWS(
        &rig, "root",
        "CREATE STREAM TABLE s (id BIGINT PRIMARY KEY, a TEXT UNIQUE) WITH (TTL_SECONDS = 60)",
        "400 SQL_EXECUTION_ERROR: Statement 1 failed: Invalid operation: UNIQUE is not "
        "supported for STREAM tables (column 'a')");
    rig_close(&rig);
}

TEST(unique_value_that_is_too_long_is_refused_by_name)
{
    open_with_table("id BIGINT PRIMARY KEY, mail TEXT UNIQUE");
    const char *answer = rig_rows(
        &rig, "alice", "INSERT INTO t SELECT 1, repeat('x', 1025) FROM generate_series(1, 1)");
    EXPECT(strstr(answer, "UNIQUE column 'mail'") != NULL);
    EXPECT(strstr(answer, "1024") != NULL);
    rig_close(&rig);
}
