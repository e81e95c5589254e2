/* tests/unit/query/idempotency_test.c -- Goal: a kept answer is given again for 24 hours and not
 * longer, and what is too old is removed. Method: requests with keys through the rig, its clock
 * moved by hand; the records are counted. Races and kills: tests/api/dml_test.mjs. */
#include "rig.h"

#include "model/key.h"

static struct rig rig;

#define HOUR_US (INT64_C(3600) * 1000000)

static const char *ask_keyed(const char *user, const char *key, const char *sql)
{
    struct rig_query q;
    rig_query_open(&q, &rig, user, sql);
    q.query.idempotency_key = str_from(key);
    rig_query_finish(&q, query_start(&q.query, QUERY_ON_WORKER, 0));
    str answer = arena_copy(&rig.arena, str_from(rig_query_answer(&q)));
    rig_query_close(&q);
    return arena_format(&rig.arena, STR_FMT, STR(answer)).p;
}

/* Records of a kind: 'i' answers, 'j' for expiry, 'k' counts. */
static unsigned count_records(char kind)
{
    struct buf lo;
    struct buf hi;
    buf_init(&lo);
    buf_init(&hi);
    partition_encode(&lo, PARTITION_SYSTEM, 0, str_of(NULL, 0));
    buf_append_str(&hi, buf_str(&lo));
    buf_append_byte(&lo, (uint8_t)kind);
    buf_append_byte(&hi, (uint8_t)(kind + 1));
    struct kv_view *view = kv_view_open(rig.kv);
    struct kv_cursor *cursor =
        kv_cursor_open(view, KV_SYSTEM, buf_str(&lo), buf_str(&hi), KV_FORWARD);
    unsigned count = 0;
    str key;
    str value;
    status result = STATUS_IS_OK;
    while (kv_cursor_next(cursor, &key, &value, &result, &rig.err)) {
        count++;
    }
    EXPECT_OK(result, &rig.err);
    kv_cursor_close(cursor);
    kv_view_close(view);
    buf_release(&hi);
    buf_release(&lo);
    return count;
}

static void open_with_table(void)
{
    rig_open(&rig);
    rig_do(&rig, "CREATE USER TABLE t (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), n INT)");
}

TEST(idempotency_key_is_answered_as_before_for_a_day)
{
    open_with_table();
    const char *sql = "INSERT INTO t (n) VALUES (1) RETURNING id, n";
    const char *first = ask_keyed("alice", "k", sql);
    EXPECT(strncmp(first, "{\"schema\"", 9) == 0);
    fake_clock_advance(&rig.clock, 23 * HOUR_US);
    EXPECT(strcmp(ask_keyed("alice", "k", sql), first) == 0);
    EXPECT_ROWS(&rig, "alice", "SELECT count(*) FROM t", "[[\"1\"]]");
    EXPECT(strncmp(ask_keyed("alice", "k", "INSERT INTO t (n) VALUES (2)"),
                   "409 IDEMPOTENCY_MISMATCH", 24) == 0);
    fake_clock_advance(&rig.clock, 2 * HOUR_US);
    const char *later = ask_keyed("alice", "k", sql);
    EXPECT(strncmp(later, "{\"schema\"", 9) == 0);
    EXPECT(strcmp(later, first) != 0);
    EXPECT_ROWS(&rig, "alice", "SELECT count(*) FROM t", "[[\"2\"]]");
    rig_close(&rig);
}

TEST(idempotency_records_that_are_too_old_are_removed_by_later_requests)
{
    open_with_table();
    for (int i = 0; i < 5; i++) {
        const char *key = arena_format(&rig.arena, "old%d", i).p;
        (void)ask_keyed(i < 3 ? "alice" : "bob", key, "INSERT INTO t (n) VALUES (1)");
        fake_clock_advance(&rig.clock, 1000);
    }
    EXPECT_UINT(count_records('i'), 5);
    EXPECT_UINT(count_records('j'), 5);
    EXPECT_UINT(count_records('k'), 2);
    fake_clock_advance(&rig.clock, 25 * HOUR_US);
    (void)ask_keyed("alice", "old1", "INSERT INTO t (n) VALUES (7)"); /* the key is free again */
    EXPECT_UINT(count_records('i'), 1);
    EXPECT_UINT(count_records('j'), 1);
    EXPECT_UINT(count_records('k'), 1);
    EXPECT_ROWS(&rig, "alice", "SELECT count(*) FROM t", "[[\"4\"]]");
    rig_close(&rig);
}

static void allow_three_keys(struct query_limits *limits)
{
    limits->idempotency_keys_max = 3;
}

TEST(idempotency_keys_beyond_the_cap_are_refused_until_some_are_a_day_old)
{
    const char *sql = "INSERT INTO t (n) VALUES (1) RETURNING id, n";
    rig_open_with(&rig, allow_three_keys);
    rig_do(&rig, "CREATE USER TABLE t (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), n INT)");
    const char *first = ask_keyed("alice", "k1", sql);
    (void)ask_keyed("alice", "k2", sql);
    (void)ask_keyed("alice", "k3", sql);
    EXPECT(strncmp(ask_keyed("alice", "k4", sql), "429 ", 4) == 0);
    EXPECT_ROWS(&rig, "alice", "SELECT count(*) FROM t", "[[\"3\"]]");   /* nothing was written */
    EXPECT(strcmp(ask_keyed("alice", "k1", sql), first) == 0);           /* none was put out */
    EXPECT(strncmp(ask_keyed("bob", "k4", sql), "{\"schema\"", 9) == 0); /* others have their own */
    rig_do(&rig, "INSERT INTO t (n) VALUES (1)");                        /* and without a key */
    EXPECT_UINT(count_records('i'), 4);
    fake_clock_advance(&rig.clock, 25 * HOUR_US);
    EXPECT(strncmp(ask_keyed("alice", "k4", sql), "{\"schema\"", 9) == 0);
    EXPECT_UINT(count_records('i'), 1); /* the old ones went with that write */
    const char *again = ask_keyed("alice", "k1", sql);
    EXPECT(strncmp(again, "{\"schema\"", 9) == 0);
    EXPECT(strcmp(again, first) != 0); /* executed anew */
    EXPECT_ROWS(&rig, "alice", "SELECT count(*) FROM t", "[[\"5\"]]");
    rig_close(&rig);
}

TEST(idempotency_key_is_ignored_by_reads_and_refused_where_it_covers_nothing)
{
    open_with_table();
    EXPECT(strncmp(ask_keyed("alice", "k", "SELECT 1 AS one"), "{\"schema\"", 9) == 0);
    EXPECT_UINT(count_records('i'), 0);
    EXPECT(strncmp(ask_keyed("alice", "k", "INSERT INTO t (n) VALUES (1); SELECT 1"),
                   "400 INVALID_INPUT", 17) == 0);
    EXPECT(strncmp(ask_keyed("alice", "k", "BEGIN; INSERT INTO t (n) VALUES (1); ROLLBACK"),
                   "400 INVALID_INPUT", 17) == 0);
    EXPECT_ROWS(&rig, "alice", "SELECT count(*) FROM t", "[[\"0\"]]");
    rig_close(&rig);
}

TEST(idempotency_key_of_a_failed_request_stays_free)
{
    open_with_table();
    EXPECT(strncmp(ask_keyed("alice", "k", "INSERT INTO t VALUES (1, 1), (1, 2)"), "400 ", 4) == 0);
    EXPECT_UINT(count_records('i'), 0);
    EXPECT(strncmp(ask_keyed("alice", "k",
                             "BEGIN; INSERT INTO t VALUES (1, 1); INSERT INTO t "
                             "VALUES (1, 2); COMMIT"),
                   "400 ", 4) == 0);
    EXPECT_UINT(count_records('i'), 0);
    const char *sql = "BEGIN; INSERT INTO t VALUES (1, 1); COMMIT";
    const char *first = ask_keyed("alice", "k", sql);
    EXPECT(strstr(first, "Inserted 1 row(s)") != NULL);
    EXPECT(strcmp(ask_keyed("alice", "k", sql), first) == 0);
    EXPECT_UINT(count_records('i'), 1);
    rig_close(&rig);
}
