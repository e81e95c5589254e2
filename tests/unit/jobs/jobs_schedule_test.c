/* tests/unit/jobs/jobs_schedule_test.c -- Goal: the scheduler finds work by rows, by time, by dead
 * rows, by age and by what a dropped table left, once each. Method: jobs_scene.h, a clock moved by
 * hand. */
#include "store/stream.h"
#include "test.h"
#include "unit/jobs/jobs_scene.h"

TEST(scheduler_flushes_by_rows)
{
    open_all();
    table_id table = make_table("p", TABLE_SHARED, (struct flush_policy){.rows = 3}, 0);
    insert_into(table, "", 1);
    insert_into(table, "", 2);
    next_round();
    EXPECT_UINT(newest(JOB_FLUSH).count, 0);
    insert_into(table, "", 3);
    EXPECT(!jobs_step(jobs)); /* not before the next tick */
    next_round();
    struct found found = newest(JOB_FLUSH);
    EXPECT_UINT(found.count, 1);
    EXPECT_INT(found.job.state, JOB_COMPLETED);
    EXPECT(!found.job.is_forced);
    EXPECT_STR(str_from(found.job.message), "Flushed app:p successfully (3 rows, 1 files)");
    next_round();
    EXPECT_UINT(newest(JOB_FLUSH).count, 1);
    close_all();
}

TEST(scheduler_flushes_by_time)
{
    open_all();
    table_id table = make_table("p", TABLE_SHARED, (struct flush_policy){.interval_s = 60}, 0);
    insert_into(table, "", 1);
    fake_clock_advance(&w.clock, 58 * TICK_US);
    run_all();
    insert_into(table, "", 2);
    next_round();
    EXPECT_UINT(newest(JOB_FLUSH).count, 0);
    next_round();
    EXPECT_STR(str_from(newest(JOB_FLUSH).job.message),
               "Flushed app:p successfully (2 rows, 1 files)");
    close_all();
}

TEST(scheduler_flushes_the_partitions_that_are_due_with_one_job)
{
    open_all();
    table_id table = make_table("u", TABLE_USER, (struct flush_policy){.rows = 2}, 0);
    static const char *const users[] = {"alice", "bob", "carol"};
    for (int64_t row = 0; row < 2; row++) {
        for (unsigned i = 0; i < 3; i++) {
            if (row == 0 || i != 1) {
                insert_into(table, users[i], row);
            }
        }
    }
    next_round();
    struct found found = newest(JOB_FLUSH);
    EXPECT_UINT(found.count, 1);
    EXPECT_STR(str_from(found.job.message), "Flushed app:u successfully (4 rows, 2 files)");
    struct table_totals totals;
    store_totals(w.store, table, &totals);
    EXPECT_UINT(totals.hot_rows, 1); /* bob's */
    close_all();
}

TEST(scheduler_waits_after_a_failure)
{
    open_all();
    table_id table = make_table("p", TABLE_SHARED, (struct flush_policy){.rows = 1}, 0);
    insert_into(table, "", 1);
    w.cold.fail_in = 2;
    next_round();
    EXPECT_UINT(newest(JOB_FLUSH).count, 1);
    EXPECT_INT(newest(JOB_FLUSH).job.state, JOB_FAILED);
    for (int i = 0; i < 59; i++) {
        next_round();
    }
    EXPECT_UINT(newest(JOB_FLUSH).count, 1);
    next_round();
    EXPECT_UINT(newest(JOB_FLUSH).count, 2);
    EXPECT_INT(newest(JOB_FLUSH).job.state, JOB_COMPLETED);
    close_all();
}

TEST(scheduler_compacts_dead_rows_once)
{
    open_all();
    for (int64_t i = 0; i < 4; i++) {
        EXPECT_OK(world_insert(&w, i, "a"), &w.err);
    }
    (void)flush_finish(world_flush(&w));
    next_round();
    EXPECT_UINT(newest(JOB_COMPACT).count, 0);
    EXPECT_OK(world_delete(&w, 1), &w.err);
    next_round();
    struct found found = newest(JOB_COMPACT);
    EXPECT_UINT(found.count, 1);
    EXPECT_INT(found.job.state, JOB_COMPLETED);
    EXPECT_STR(str_from(found.job.message),
               "Compaction completed for app:t (1 segments merged, 1 dead rows removed)");
    for (int i = 0; i < 10; i++) {
        next_round();
    }
    EXPECT_UINT(newest(JOB_COMPACT).count, 1);
    close_all();
}

TEST(scheduler_leaves_young_tombstones_alone_and_takes_old_ones)
{
    open_all();
    store_set_tombstone_hours(w.store, 1);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    EXPECT_OK(world_insert(&w, 2, "b"), &w.err);
    EXPECT_OK(world_delete(&w, 1), &w.err);
    (void)flush_finish(world_flush(&w));
    for (int i = 0; i < 10; i++) {
        next_round();
    }
    EXPECT_UINT(newest(JOB_COMPACT).count, 0);
    fake_clock_advance(&w.clock, 3600LL * 1000000);
    run_all();
    EXPECT_UINT(newest(JOB_COMPACT).count, 1);
    EXPECT_INT(newest(JOB_COMPACT).job.state, JOB_COMPLETED);
    for (int i = 0; i < 10; i++) {
        next_round();
    }
    EXPECT_UINT(newest(JOB_COMPACT).count, 1);
    EXPECT_STR(str_from(world_show(&w)), "2=b");
    close_all();
}

TEST(compaction_that_finds_nothing_is_skipped_unless_it_was_asked_for)
{
    open_all();
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    (void)flush_finish(world_flush(&w));
    EXPECT_OK(queue(JOB_COMPACT, false), &err);
    run_all();
    expect_state(id, JOB_SKIPPED);
    EXPECT_OK(queue(JOB_COMPACT, true), &err);
    run_all();
    struct job job = job_of(id);
    EXPECT_INT(job.state, JOB_COMPLETED);
    EXPECT(strncmp(job.message, "Compaction completed", 20) == 0);
    close_all();
}

TEST(scheduler_evicts_expired_stream_rows)
{
    open_all();
    table_id table = make_table("e", TABLE_STREAM, (struct flush_policy){0}, 30);
    insert_into(table, "alice", 1);
    fake_clock_advance(&w.clock, 40 * TICK_US);
    run_all();
    EXPECT_UINT(newest(JOB_STREAM_EVICTION).count, 0); /* every 60 s */
    insert_into(table, "alice", 2);
    fake_clock_advance(&w.clock, 20 * TICK_US);
    run_all();
    struct found found = newest(JOB_STREAM_EVICTION);
    EXPECT_UINT(found.count, 1);
    EXPECT_STR(str_from(found.job.message), "Evicted 1 rows of app:e");
    struct table_totals totals;
    store_totals(w.store, table, &totals);
    EXPECT_UINT(totals.hot_rows, 1);
    fake_clock_advance(&w.clock, 60 * TICK_US);
    run_all();
    EXPECT_UINT(newest(JOB_STREAM_EVICTION).count, 2);
    close_all();
}

static uint64_t hot_rows_of(table_id table)
{
    struct table_totals totals;
    store_totals(w.store, table, &totals);
    return totals.hot_rows;
}

TEST(scheduler_trims_a_stream_well_over_its_bound_within_a_second_without_a_record)
{
    open_all();
    w.max_buffer = STREAM_SLACK_ROWS;
    table_id table = make_table("b", TABLE_STREAM, (struct flush_policy){0}, 3600);
    w.max_buffer = 0;
    for (int i = 0; i < 2 * STREAM_SLACK_ROWS; i++) {
        insert_into(table, "alice", i);
    }
    insert_into(table, "bob", 1);
    next_round();
    EXPECT_UINT(hot_rows_of(table), 2 * STREAM_SLACK_ROWS + 1); /* not yet worth it */
    insert_into(table, "alice", 2 * STREAM_SLACK_ROWS);
    next_round();
    EXPECT_UINT(hot_rows_of(table), STREAM_SLACK_ROWS + 1); /* the bound, and bob's one */
    EXPECT_UINT(newest(JOB_STREAM_TRIM).count, 0);
    insert_into(table, "alice", 2 * STREAM_SLACK_ROWS + 1);
    fake_clock_advance(&w.clock, 60 * TICK_US);
    run_all();
    EXPECT_UINT(hot_rows_of(table), STREAM_SLACK_ROWS + 1); /* one over it goes with the sweep */
    EXPECT_UINT(newest(JOB_STREAM_EVICTION).count, 1);
    close_all();
}

TEST(scheduler_sweeps_caches_that_hold_what_is_too_old_without_a_record)
{
    open_all();
    sweep_count = 0;
    stale_count = 0;
    fake_clock_advance(&w.clock, 60 * TICK_US);
    run_all();
    EXPECT_UINT(sweep_count, 0); /* nothing to do, no job */
    stale_count = 3;
    fake_clock_advance(&w.clock, 59 * TICK_US);
    run_all();
    EXPECT_UINT(sweep_count, 0); /* every 60 s */
    uint64_t version = jobs_version(jobs);
    fake_clock_advance(&w.clock, TICK_US);
    run_all();
    EXPECT_UINT(sweep_count, 1);
    EXPECT_UINT(stale_count, 0);
    EXPECT(jobs_version(jobs) > version);
    EXPECT_UINT(newest(JOB_CACHE_SWEEP).count, 0); /* it is over and leaves nothing */
    EXPECT_UINT(jobs_count(jobs, JOB_COMPLETED), 0);
    close_all();
}

static unsigned count_dropped(void)
{
    struct arena arena;
    arena_init(&arena);
    struct dropped_table *dropped = NULL;
    unsigned count = 0;
    EXPECT_OK(catalog_list_dropped(w.catalog, &arena, &dropped, &count, &err), &err);
    arena_release(&arena);
    return count;
}

TEST(cleanup_removes_what_a_dropped_table_had)
{
    open_all();
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    (void)flush_finish(world_flush(&w));
    EXPECT_OK(catalog_drop_table(w.catalog, w.table, &err), &err);
    EXPECT_OK(queue(JOB_CLEANUP, true), &err);
    run_all();
    struct job job = job_of(id);
    EXPECT_INT(job.state, JOB_COMPLETED);
    EXPECT_STR(str_from(job.message), "Removed 1 partitions and 1 files of app:t");
    EXPECT_UINT(count_dropped(), 0);
    EXPECT_UINT(fake_cold_count(&w.cold, ".parquet"), 0);
    close_all();
}

TEST(scheduler_cleans_up_what_a_killed_job_left)
{
    open_all();
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    EXPECT_OK(catalog_drop_table(w.catalog, w.table, &err), &err);
    EXPECT_OK(queue(JOB_CLEANUP, true), &err);
    EXPECT_OK(jobs_kill(jobs, str_from(id), &err), &err);
    next_round();
    EXPECT_UINT(count_dropped(), 1);
    fake_clock_advance(&w.clock, 60 * TICK_US);
    run_all();
    EXPECT_UINT(count_dropped(), 0);
    EXPECT_UINT(newest(JOB_CLEANUP).count, 2);
    close_all();
}
