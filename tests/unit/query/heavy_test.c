/* tests/unit/query/heavy_test.c -- Goal: memory that is refused while others are in the engine is
 * not held against a statement; one that is refused alone is. Method: passes taken and judged in a
 * given order, on a fake clock. */
#include "rig.h"

#include "query/run.h"

#include <sched.h>

static struct rig rig;

static struct heavy_pass enter(bool alone)
{
    struct heavy_pass pass = {0};
    EXPECT_OK(query_enter_heavy(rig.engine, alone, 0, NULL, &pass, &rig.err), &rig.err);
    return pass;
}

TEST(query_judge_heavy_of_one_that_was_alone_is_at_fault)
{
    rig_open(&rig);
    struct heavy_pass pass = enter(false);
    EXPECT_INT(query_judge_heavy(rig.engine, &pass, STR_LIT("u")), HEAVY_AT_FAULT);
    query_leave_heavy(rig.engine, &pass);
    rig_close(&rig);
}

TEST(query_judge_heavy_of_one_that_came_before_or_after_another_runs_alone)
{
    rig_open(&rig);
    struct heavy_pass first = enter(false);
    struct heavy_pass second = enter(false);
    query_leave_heavy(rig.engine, &second);
    EXPECT_INT(query_judge_heavy(rig.engine, &first, STR_LIT("u1")), HEAVY_RUN_ALONE);
    EXPECT_INT(query_judge_heavy(rig.engine, &second, STR_LIT("u2")), HEAVY_RUN_ALONE);
    query_leave_heavy(rig.engine, &first);
    rig_close(&rig);
}

TEST(query_judge_heavy_soon_after_a_pass_alone_is_busy_and_later_runs_alone_again)
{
    rig_open(&rig);
    struct heavy_pass other = enter(false);
    struct heavy_pass pass = enter(false);
    EXPECT_INT(query_judge_heavy(rig.engine, &pass, STR_LIT("u")), HEAVY_RUN_ALONE);
    EXPECT_INT(query_judge_heavy(rig.engine, &pass, STR_LIT("u")), HEAVY_BUSY);
    EXPECT_INT(query_judge_heavy(rig.engine, &pass, STR_LIT("other")), HEAVY_RUN_ALONE);
    fake_clock_advance(&rig.clock, HEAVY_PAUSE_MS * 1000LL);
    EXPECT_INT(query_judge_heavy(rig.engine, &pass, STR_LIT("u")), HEAVY_RUN_ALONE);
    query_blame_heavy(rig.engine, STR_LIT("u"));
    fake_clock_advance(&rig.clock, HEAVY_PAUSE_MS * 1000LL);
    EXPECT_INT(query_judge_heavy(rig.engine, &pass, STR_LIT("u")), HEAVY_AT_FAULT);
    fake_clock_advance(&rig.clock, HEAVY_BLAME_MS * 1000LL);
    EXPECT_INT(query_judge_heavy(rig.engine, &pass, STR_LIT("u")), HEAVY_RUN_ALONE);
    query_leave_heavy(rig.engine, &pass);
    query_leave_heavy(rig.engine, &other);
    rig_close(&rig);
}

static atomic_count is_done;
static status outcome;
static struct error said;

static void *enter_alone(void *argument)
{
    (void)argument;
    struct heavy_pass pass;
    outcome = query_enter_heavy(rig.engine, true, 0, NULL, &pass, &said);
    if (status_ok(outcome)) {
        query_leave_heavy(rig.engine, &pass);
    }
    atomic_count_set(&is_done, 1);
    return NULL;
}

TEST(query_enter_heavy_alone_while_one_stays_in_is_busy_after_its_wait)
{
    rig_open(&rig);
    struct heavy_pass pass = enter(false);
    struct thread thread = {0};
    atomic_count_set(&is_done, 0);
    thread_start(&thread, "alone", 0, enter_alone, NULL);
    while (atomic_count_get(&is_done) == 0) {
        fake_clock_advance(&rig.clock, 10000);
    }
    thread_join(&thread);
    EXPECT_STATUS(outcome, UNAVAILABLE);
    EXPECT(said.id == ERROR_BUSY);
    query_leave_heavy(rig.engine, &pass);
    pass = enter(false); /* nobody waits any more: the door is open */
    query_leave_heavy(rig.engine, &pass);
    rig_close(&rig);
}

TEST(query_enter_heavy_alone_comes_in_when_the_last_one_leaves)
{
    rig_open(&rig);
    struct heavy_pass first = enter(false);
    struct heavy_pass second = enter(false);
    struct thread thread = {0};
    atomic_count_set(&is_done, 0);
    thread_start(&thread, "alone", 0, enter_alone, NULL);
    query_leave_heavy(rig.engine, &first);
    EXPECT(atomic_count_get(&is_done) == 0);
    query_leave_heavy(rig.engine, &second);
    thread_join(&thread);
    EXPECT_STATUS(outcome, OK);
    rig_close(&rig);
}

TEST(query_enter_heavy_when_nobody_waits_for_the_answer_is_cancelled)
{
    rig_open(&rig);
    struct heavy_pass one = enter(false);
    struct heavy_pass other = enter(false);
    atomic_count is_cancelled = {0};
    atomic_count_set(&is_cancelled, 1);
    struct heavy_pass late;
    EXPECT_STATUS(query_enter_heavy(rig.engine, true, 0, &is_cancelled, &late, &rig.err),
                  CANCELLED);
    query_leave_heavy(rig.engine, &one);
    query_leave_heavy(rig.engine, &other);
    rig_close(&rig);
}

TEST(query_enter_heavy_past_its_deadline_is_busy)
{
    rig_open(&rig);
    struct heavy_pass first = enter(false);
    struct heavy_pass late;
    EXPECT_STATUS(query_enter_heavy(rig.engine, true, 1, NULL, &late, &rig.err), UNAVAILABLE);
    EXPECT(rig.err.id == ERROR_BUSY);
    query_leave_heavy(rig.engine, &first);
    rig_close(&rig);
}

/* -- whole statements ---------------------------------------------------------------------------
 */

static void little_memory(struct query_limits *limits)
{
    limits->engine_memory_bytes = 16 << 20;
    limits->engine_temp_bytes = 0;
}

static const char bomb[] =
    "SELECT length(string_agg(CAST(range AS TEXT), ',')) FROM range(100000000)";
static const char *answer;

static void *ask_for_memory(void *argument)
{
    struct rig_query *q = argument;
    rig_query_finish(q, QUERY_WOULD_BLOCK);
    answer = rig_query_answer(q);
    atomic_count_set(&is_done, 1);
    return NULL;
}

/* Until the statement was refused and is at the door again. */
static void wait_for_the_door(void)
{
    lock_take(&rig.engine->lock);
    while (rig.engine->heavy.alone_waiting_count == 0) { /* refused, and at the door again */
        (void)cond_wait_ms(&rig.engine->heavy.room, &rig.engine->lock, 10);
    }
    lock_give(&rig.engine->lock);
}

TEST(select_refused_memory_in_company_that_stays_is_busy)
{
    rig_open_with(&rig, little_memory);
    struct heavy_pass pass = enter(false);
    struct thread thread = {0};
    struct rig_query q;
    rig_query_open(&q, &rig, "alice", bomb);
    atomic_count_set(&is_done, 0);
    thread_start(&thread, "asks", 8 << 20, ask_for_memory, &q);
    wait_for_the_door();
    while (atomic_count_get(&is_done) == 0) {
        fake_clock_advance(&rig.clock, 10000);
        (void)sched_yield();
    }
    thread_join(&thread);
    EXPECT_STR(str_from(answer),
               "503 SERVER_BUSY: Statement 1 failed: no engine was free within 5000 ms");
    rig_query_close(&q);
    query_leave_heavy(rig.engine, &pass);
    rig_close(&rig);
}

TEST(select_refused_memory_in_company_runs_again_alone)
{
    rig_open_with(&rig, little_memory);
    struct heavy_pass pass = enter(false);
    struct thread thread = {0};
    struct rig_query q;
    rig_query_open(&q, &rig, "alice", bomb);
    atomic_count_set(&is_done, 0);
    thread_start(&thread, "asks", 8 << 20, ask_for_memory, &q);
    wait_for_the_door();
    query_leave_heavy(rig.engine, &pass);
    thread_join(&thread);
    EXPECT_STR(str_from(answer), "400 SQL_EXECUTION_ERROR: Statement 1 failed: the statement needs "
                                 "more memory than there is");
    rig_query_close(&q);
    rig_close(&rig);
}

TEST(a_cold_row_is_read_by_key_while_statements_hold_the_memory)
{
    rig_open_with(&rig, little_memory);
    rig_do(&rig, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, v TEXT)");
    rig_do(&rig, "INSERT INTO t VALUES (1, 'a')");
    rig_flush(&rig, "app", "t", "");
    struct duck *selects = NULL;
    struct duck *segments = NULL;
    EXPECT_OK(query_engine_duck(rig.engine, &selects, &rig.err), &rig.err);
    EXPECT_OK(query_segment_duck(rig.engine, &segments, &rig.err), &rig.err);
    EXPECT(selects != segments);
    struct duck_result *held = NULL; /* open: it keeps the sorted rows */
    const struct batch *batch = NULL;
    str sort = STR_LIT("SELECT repeat('x', 1000), range FROM range(9000) ORDER BY hash(range)");
    struct duck_conn *conn = duck_conn_of(selects, 3, DUCK_INTERNAL);
    EXPECT_OK(duck_eval_select(conn, sort, NULL, 0, &held, &rig.err), &rig.err);
    EXPECT_OK(duck_fetch(held, &batch, &rig.err), &rig.err);
    EXPECT_ROWS(&rig, "root", "SELECT v FROM t WHERE id = 1", "[[\"a\"]]");
    duck_result_close(held);
    rig_close(&rig);
}
