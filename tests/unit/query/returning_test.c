/* tests/unit/query/returning_test.c -- Goal: RETURNING gives the rows that were written, as a
 * SELECT after it would, and one that fails has written nothing. Method: whole statements through
 * the rig, compared with what is read afterwards. */
#include "rig.h"

static struct rig rig;

static void open_with_table(const char *columns)
{
    rig_open(&rig);
    rig_do(&rig, arena_format(&rig.arena, "CREATE USER TABLE t (%s)", columns).p);
}

TEST(returning_of_an_insert_gives_the_new_rows_in_order)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT DEFAULT 'd', n INT");
    EXPECT_ANSWER(
        &rig, "alice",
        "INSERT INTO t (id, n) VALUES (2, 5), (1, 6) RETURNING id, upper(a) AS \"Up\", n * 2",
        "{\"schema\":[{\"name\":\"id\",\"data_type\":\"BigInt\",\"index\":0,\"flags\":"
        "[\"pk\",\"nn\",\"uq\"]},{\"name\":\"Up\",\"data_type\":\"Text\",\"index\":1},"
        "{\"name\":\"n * 2\",\"data_type\":\"BigInt\",\"index\":2}],"
        "\"rows\":[[\"2\",\"D\",\"10\"],[\"1\",\"D\",\"12\"]],\"row_count\":2,\"as_user\":"
        "\"alice\"}");
    rig_close(&rig);
}

TEST(returning_star_is_what_a_select_star_reads_afterwards)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT, n INT, j JSON");
    const char *given =
        rig_rows(&rig, "alice", "INSERT INTO t VALUES (1, 'x', 2, '{\"a\":1}') RETURNING *");
    EXPECT_ROWS(&rig, "alice", "SELECT * FROM t WHERE id = 1", given);
    given = rig_rows(&rig, "alice", "UPDATE t SET n = n + 1 WHERE id = 1 RETURNING t.*");
    EXPECT_ROWS(&rig, "alice", "SELECT * FROM t", given);
    rig_flush(&rig, "app", "t", "alice");
    given = rig_rows(&rig, "alice", "UPDATE t AS x SET n = n + 1 WHERE n > 0 RETURNING x.*");
    EXPECT_ROWS(&rig, "alice", "SELECT * FROM t", given);
    rig_close(&rig);
}

TEST(returning_of_a_delete_gives_the_old_row)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT, n INT");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'x', 1), (2, 'y', 2), (3, 'z', 3)");
    const char *old = rig_rows(&rig, "alice", "SELECT * FROM t WHERE id = 1");
    EXPECT_ROWS(&rig, "alice", "DELETE FROM t WHERE id = 1 RETURNING *", old);
    old = rig_rows(&rig, "alice", "SELECT * FROM t WHERE n = 2");
    EXPECT_ROWS(&rig, "alice", "DELETE FROM t WHERE n = 2 RETURNING *", old);
    rig_flush(&rig, "app", "t", "alice");
    old = rig_rows(&rig, "alice", "SELECT _seq, a FROM t");
    EXPECT_ROWS(&rig, "alice", "DELETE FROM t WHERE a = 'z' RETURNING _seq, a", old);
    EXPECT_ROWS(&rig, "alice", "DELETE FROM t WHERE id = 1 RETURNING id", "[]");
    rig_close(&rig);
}

TEST(returning_of_an_update_without_a_change_gives_the_row_and_writes_nothing)
{
    open_with_table("id BIGINT PRIMARY KEY, n INT");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 1), (2, 2)");
    const char *before = rig_rows(&rig, "alice", "SELECT id, n, _seq FROM t ORDER BY id");
    EXPECT_ROWS(&rig, "alice", "UPDATE t SET n = 1 WHERE id = 1 RETURNING id, n", "[[\"1\",1]]");
    EXPECT_ROWS(&rig, "alice", "SELECT id, n, _seq FROM t ORDER BY id", before);
    rig_close(&rig);
}

TEST(returning_that_fails_has_written_nothing)
{
    open_with_table("id BIGINT PRIMARY KEY, n INT, d DOUBLE");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 2147483647, 1)");
    static const char *const statements[] = {
        "INSERT INTO t VALUES (2, 2147483647, 1) RETURNING n + n",
        "UPDATE t SET d = 2 WHERE id = 1 RETURNING n + n",
        "UPDATE t SET d = 2 WHERE d = 1 RETURNING n + n",
        "DELETE FROM t WHERE id = 1 RETURNING n + n",
        "DELETE FROM t WHERE id = 1 RETURNING nothing",
        "DELETE FROM t WHERE id = 1 RETURNING u.*",
        "DELETE FROM t WHERE id = 1 RETURNING (SELECT 1)",
        "DELETE FROM t WHERE id = 1 RETURNING count(*)",
        "UPDATE t SET d = 2 WHERE id = 1 RETURNING _seq + 1",
        "INSERT INTO t VALUES (2, 1, 1) RETURNING _updated IS NULL",
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        const char *answer = rig_rows(&rig, "alice", statements[i]);
        if (strncmp(answer, "400 ", 4) != 0) {
            test_expect_str(str_from(answer), STR_LIT("400 ..."), statements[i], __FILE__,
                            __LINE__);
        }
    }
    EXPECT_ROWS(&rig, "alice", "SELECT id, n, d FROM t", "[[\"1\",2147483647,1.0]]");
    rig_close(&rig);
}

TEST(returning_gives_more_rows_than_a_select_shows)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT");
    const char *answer = rig_ask(&rig, "alice",
                                 "INSERT INTO t SELECT i, repeat('x', 1000) FROM "
                                 "generate_series(1, 3000) AS g(i) RETURNING *");
    EXPECT(strstr(answer, "\"row_count\":3000,") != NULL);
    EXPECT(strlen(answer) > 3000000);
    EXPECT_ROWS(&rig, "alice", "SELECT count(*) FROM t", "[[\"3000\"]]");
    rig_close(&rig);
}

TEST(returning_of_a_stream_gives_its_columns)
{
    rig_open(&rig);
    rig_do(&rig, "CREATE STREAM TABLE s (id BIGINT PRIMARY KEY, a TEXT) WITH (TTL_SECONDS = 60)");
    const char *given = rig_rows(&rig, "alice", "INSERT INTO s VALUES (1, 'x') RETURNING *");
    EXPECT_ROWS(&rig, "alice", "SELECT * FROM s", given);
    EXPECT_ROWS(&rig, "alice", "DELETE FROM s WHERE a = 'x' RETURNING *", given);
    EXPECT_ROWS(&rig, "alice", "SELECT * FROM s", "[]");
    rig_close(&rig);
}

TEST(returning_in_a_batch_is_a_result_of_its_own)
{
    open_with_table("id BIGINT PRIMARY KEY, a TEXT");
    EXPECT_ANSWER(&rig, "alice",
                  "INSERT INTO t VALUES (1, 'x'); INSERT INTO t VALUES (2, 'y') RETURNING a; "
                  "DELETE FROM t WHERE id = 1",
                  "{\"schema\":[{\"name\":\"a\",\"data_type\":\"Text\",\"index\":0}],\"rows\":"
                  "[[\"y\"]],\"row_count\":1,\"as_user\":\"alice\"},{\"row_count\":1,\"message\":"
                  "\"Inserted 1 row(s)\",\"as_user\":\"alice\"},{\"row_count\":1,\"message\":"
                  "\"Deleted 1 row(s)\",\"as_user\":\"alice\"}");
    rig_close(&rig);
}
