/* tests/unit/jobs/jobs_test.c -- Goal: every job has a durable record, ends in one of its final
 * states, and does not repeat what fails or finds nothing. Method: jobs_scene.h; at the end a storm
 * with real threads. */
#include "store/segment.h"
#include "test.h"
#include "unit/jobs/jobs_scene.h"

/* -- one job ------------------------------------------------------------------------------------
 */

TEST(queue_runs_a_flush_to_its_end)
{
    open_all();
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    EXPECT_OK(world_insert(&w, 2, "b"), &w.err);
    EXPECT_OK(queue(JOB_FLUSH, true), &err);
    EXPECT(strncmp(id, "FL-", 3) == 0 && strlen(id) == 15);
    expect_state(id, JOB_QUEUED);
    EXPECT(jobs_step(jobs));
    struct job job = job_of(id);
    EXPECT_INT(job.state, JOB_COMPLETED);
    EXPECT_STR(str_from(job.message), "Flushed app:t successfully (2 rows, 1 files)");
    EXPECT(job.started_us >= job.created_us && job.finished_us >= job.started_us);
    EXPECT_UINT(world_state(&w).segments, 1);
    EXPECT_UINT(world_state(&w).hot_rows, 0);
    EXPECT(!jobs_step(jobs));
    EXPECT_UINT(jobs_count(jobs, JOB_COMPLETED), 1);
    close_all();
}

TEST(queue_of_a_job_that_waits_is_refused_with_its_id)
{
    open_all();
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    EXPECT_OK(queue(JOB_FLUSH, true), &err);
    char first[JOB_ID_BYTES];
    memcpy(first, id, sizeof first);
    memset(id, 0, sizeof id);
    EXPECT_STATUS(queue(JOB_FLUSH, true), EXISTS);
    EXPECT_STR_EQ(str_from(id), str_from(first));
    EXPECT_OK(queue(JOB_COMPACT, true), &err); /* another kind */
    run_all();
    EXPECT_OK(queue(JOB_FLUSH, true), &err); /* the first is over */
    EXPECT(strcmp(id, first) != 0);
    close_all();
}

TEST(queue_by_a_statement_makes_a_scheduled_job_reach_everything)
{
    open_all();
    table_id table = make_table("u", TABLE_USER, (struct flush_policy){.rows = 2}, 0);
    insert_into(table, "alice", 1);
    EXPECT_OK(jobs_queue(jobs, JOB_FLUSH, table, STR_LIT("app"), STR_LIT("u"), false, id, &err),
              &err);
    EXPECT_STATUS(jobs_queue(jobs, JOB_FLUSH, table, STR_LIT("app"), STR_LIT("u"), true, id, &err),
                  EXISTS);
    run_all();
    EXPECT_STR(str_from(job_of(id).message), "Flushed app:u successfully (1 rows, 1 files)");
    close_all();
}

TEST(queue_that_cannot_be_recorded_runs_nothing)
{
    open_all();
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    const enum kv_mem_fault full = KV_MEM_STORAGE_FULL;
    kv_mem_script(w.kv, &full, 1);
    EXPECT_STATUS(queue(JOB_FLUSH, true), STORAGE_FULL);
    expect_state(id, JOB_FAILED);
    EXPECT(!jobs_step(jobs));
    EXPECT_UINT(world_state(&w).hot_rows, 1);
    EXPECT_OK(queue(JOB_FLUSH, true), &err);
    close_all();
}

TEST(open_after_a_crash_fails_what_had_not_ended)
{
    open_all();
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    EXPECT_OK(queue(JOB_FLUSH, true), &err);
    run_all();
    char done[JOB_ID_BYTES];
    memcpy(done, id, sizeof done);
    EXPECT_OK(queue(JOB_COMPACT, true), &err);
    jobs_close(jobs);
    fake_clock_advance(&w.clock, 5000000);
    world_crash(&w);
    open_jobs(0);
    expect_state(done, JOB_COMPLETED);
    struct job job = job_of(id);
    EXPECT_INT(job.state, JOB_FAILED);
    EXPECT_STR(str_from(job.message), "Server restarted");
    EXPECT(job.finished_us > job.created_us);
    EXPECT(!jobs_step(jobs));
    jobs_close(jobs);
    open_jobs(0); /* and the record says so too */
    expect_state(id, JOB_FAILED);
    close_all();
}

/* -- KILL JOB -----------------------------------------------------------------------------------
 */

TEST(kill_of_a_job_that_waits_takes_it_out)
{
    open_all();
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    EXPECT_OK(queue(JOB_FLUSH, true), &err);
    EXPECT_OK(jobs_kill(jobs, str_from(id), &err), &err);
    expect_state(id, JOB_CANCELLED);
    EXPECT(!jobs_step(jobs));
    EXPECT_UINT(world_state(&w).hot_rows, 1);
    EXPECT_STATUS(jobs_kill(jobs, str_from(id), &err), INVALID);
    EXPECT_STR(str_from(err.text), "Cannot cancel job in status cancelled");
    jobs_close(jobs);
    open_jobs(0);
    expect_state(id, JOB_CANCELLED);
    close_all();
}

TEST(kill_of_what_is_no_job_is_not_found)
{
    open_all();
    EXPECT_STATUS(jobs_kill(jobs, STR_LIT("FL-000000000000"), &err), NOT_FOUND);
    EXPECT_STR(str_from(err.text), "Job FL-000000000000 not found");
    close_all();
}

static status (*write_segment)(void *context, struct cold_slot slot, const char *path,
                               const struct schema *schema, const struct duck_source *source,
                               struct arena *arena, struct cold_written *out, struct error *error);

static status kill_then_write(void *context, struct cold_slot slot, const char *path,
                              const struct schema *schema, const struct duck_source *source,
                              struct arena *arena, struct cold_written *out, struct error *error)
{
    EXPECT_OK(jobs_kill(jobs, str_from(id), &err), &err);
    expect_state(id, JOB_RUNNING);
    return write_segment(context, slot, path, schema, source, arena, out, error);
}

TEST(kill_of_a_running_flush_ends_it_at_a_safe_point)
{
    open_all();
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    write_segment = w.cold.engine.write_parquet;
    w.cold.engine.write_parquet = kill_then_write;
    EXPECT_OK(queue(JOB_FLUSH, true), &err);
    run_all();
    expect_state(id, JOB_CANCELLED);
    EXPECT_UINT(world_state(&w).hot_rows, 1);
    EXPECT_UINT(world_state(&w).segments, 0);
    EXPECT_UINT(fake_cold_count(&w.cold, ".parquet"), 0);
    w.cold.engine.write_parquet = write_segment;
    EXPECT_OK(queue(JOB_FLUSH, true), &err);
    run_all();
    expect_state(id, JOB_COMPLETED);
    EXPECT_STR(str_from(world_show(&w)), "1=a");
    close_all();
}

/* -- what is asked for while one runs -------------------------------------------------------------
 */

static char successor[JOB_ID_BYTES];
static bool is_asked; /* once is enough: the successor writes too */

/* The view of the running flush is read already: a row that comes now is not in it. */
static status ask_then_write(void *context, struct cold_slot slot, const char *path,
                             const struct schema *schema, const struct duck_source *source,
                             struct arena *arena, struct cold_written *out, struct error *error)
{
    if (!is_asked) {
        is_asked = true;
        EXPECT_OK(world_insert(&w, 2, "late"), &w.err);
        EXPECT_STATUS(queue(JOB_FLUSH, false), EXISTS); /* the scheduler comes again anyway */
        EXPECT_OK(queue(JOB_FLUSH, true), &err);
        memcpy(successor, id, sizeof successor);
        EXPECT_STATUS(queue(JOB_FLUSH, true), EXISTS); /* that one covers this too */
        EXPECT_STR_EQ(str_from(id), str_from(successor));
        EXPECT(!jobs_step(jobs)); /* it waits, though a thread is free */
    }
    return write_segment(context, slot, path, schema, source, arena, out, error);
}

TEST(queue_by_a_statement_while_a_flush_runs_makes_a_successor_that_covers_the_newest_rows)
{
    open_all();
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    write_segment = w.cold.engine.write_parquet;
    w.cold.engine.write_parquet = ask_then_write;
    is_asked = false;
    EXPECT_OK(queue(JOB_FLUSH, true), &err);
    char first[JOB_ID_BYTES];
    memcpy(first, id, sizeof first);
    EXPECT(jobs_step(jobs));
    expect_state(first, JOB_COMPLETED);
    expect_state(successor, JOB_QUEUED);
    EXPECT_UINT(world_state(&w).hot_rows, 1);
    EXPECT(jobs_step(jobs));
    expect_state(successor, JOB_COMPLETED);
    EXPECT_UINT(world_state(&w).hot_rows, 0);
    EXPECT_STR(str_from(world_show(&w)), "1=a 2=late");
    EXPECT(!jobs_step(jobs));
    w.cold.engine.write_parquet = write_segment;
    close_all();
}

static status kill_then_ask(void *context, struct cold_slot slot, const char *path,
                            const struct schema *schema, const struct duck_source *source,
                            struct arena *arena, struct cold_written *out, struct error *error)
{
    if (!is_asked) {
        is_asked = true;
        EXPECT_OK(jobs_kill(jobs, str_from(id), &err), &err);
        EXPECT_OK(queue(JOB_FLUSH, true), &err);
    }
    return write_segment(context, slot, path, schema, source, arena, out, error);
}

TEST(queue_by_a_statement_after_a_running_flush_was_killed_is_not_lost_with_it)
{
    open_all();
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    write_segment = w.cold.engine.write_parquet;
    w.cold.engine.write_parquet = kill_then_ask;
    is_asked = false;
    EXPECT_OK(queue(JOB_FLUSH, true), &err);
    char first[JOB_ID_BYTES];
    memcpy(first, id, sizeof first);
    run_all();
    expect_state(first, JOB_CANCELLED);
    expect_state(id, JOB_COMPLETED);
    EXPECT_UINT(world_state(&w).hot_rows, 0);
    w.cold.engine.write_parquet = write_segment;
    close_all();
}

TEST(flush_that_finds_nothing_is_completed_for_whoever_asked_and_skipped_for_the_scheduler)
{
    open_all();
    EXPECT_OK(queue(JOB_FLUSH, true), &err);
    run_all();
    expect_state(id, JOB_COMPLETED);
    EXPECT_OK(queue(JOB_FLUSH, false), &err);
    run_all();
    expect_state(id, JOB_SKIPPED);
    close_all();
}

/* -- retries ------------------------------------------------------------------------------------
 */

/* Holds the folder of app.t as another job would. */
static struct compact *hold_folder(void)
{
    EXPECT_OK(world_insert(&w, 90, "held"), &w.err);
    (void)flush_finish(world_flush(&w));
    struct compact *compact = world_compact(&w, 0, 1);
    compact_until(compact, COMPACT_VIEW);
    return compact;
}

TEST(retry_of_a_job_that_found_the_folder_taken_waits_longer_each_time)
{
    open_all();
    struct compact *other = hold_folder();
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    EXPECT_OK(queue(JOB_FLUSH, true), &err);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(jobs_step(jobs));
        struct job job = job_of(id);
        EXPECT_INT(job.state, JOB_RETRYING);
        EXPECT_UINT(job.retries, i + 1);
        fake_clock_advance(&w.clock, ((int64_t)BACKOFF_US << i) - 1);
        EXPECT(!jobs_step(jobs));
        fake_clock_advance(&w.clock, 1);
    }
    compact_cancel(other);
    compact_until(other, COMPACT_STATE_COUNT);
    compact_destroy(other);
    EXPECT(jobs_step(jobs));
    expect_state(id, JOB_COMPLETED);
    close_all();
}

TEST(retry_of_a_job_ends_as_failed_after_the_last)
{
    open_all();
    struct compact *other = hold_folder();
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    EXPECT_OK(queue(JOB_FLUSH, true), &err);
    for (unsigned i = 0; i < 4; i++) {
        EXPECT(jobs_step(jobs));
        fake_clock_advance(&w.clock, (int64_t)BACKOFF_US << i);
    }
    struct job job = job_of(id);
    EXPECT_INT(job.state, JOB_FAILED);
    EXPECT_STR(str_from(job.message), "another job works on this table");
    compact_cancel(other);
    compact_until(other, COMPACT_STATE_COUNT);
    compact_destroy(other);
    close_all();
}

TEST(kill_of_a_job_that_waits_for_its_retry_takes_it_out)
{
    open_all();
    struct compact *other = hold_folder();
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    EXPECT_OK(queue(JOB_FLUSH, true), &err);
    EXPECT(jobs_step(jobs));
    expect_state(id, JOB_RETRYING);
    EXPECT_OK(jobs_kill(jobs, str_from(id), &err), &err);
    expect_state(id, JOB_CANCELLED);
    fake_clock_advance(&w.clock, BACKOFF_US);
    EXPECT(!jobs_step(jobs));
    compact_cancel(other);
    compact_until(other, COMPACT_STATE_COUNT);
    compact_destroy(other);
    close_all();
}

TEST(a_job_that_cannot_write_fails_and_leaves_the_rows_hot)
{
    open_all();
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    w.cold.fail_in = 2;
    EXPECT_OK(queue(JOB_FLUSH, true), &err);
    run_all();
    expect_state(id, JOB_FAILED);
    EXPECT_STR(str_from(world_show(&w)), "1=a");
    EXPECT_UINT(world_state(&w).hot_rows, 1);
    close_all();
}

/* -- history ------------------------------------------------------------------------------------
 */

static status count_visits(void *context, const struct job *job, struct error *unused)
{
    (void)job;
    (void)unused;
    ++*(unsigned *)context;
    return STATUS_IS_OK;
}

TEST(history_keeps_the_newest_thousand)
{
    open_all();
    char first[JOB_ID_BYTES];
    for (unsigned i = 0; i < JOBS_KEPT_MAX + 5; i++) {
        fake_clock_advance(&w.clock, 1);
        EXPECT_OK(jobs_queue(jobs, JOB_CLEANUP, (table_id){1000 + i}, STR_LIT("app"),
                             STR_LIT("gone"), true, id, &err),
                  &err);
        if (i == 0) {
            memcpy(first, id, sizeof first);
        }
        EXPECT(jobs_step(jobs));
    }
    unsigned count = 0;
    EXPECT_OK(jobs_each(jobs, count_visits, &count, &err), &err);
    EXPECT_UINT(count, JOBS_KEPT_MAX);
    expect_state(id, JOB_COMPLETED);
    jobs_close(jobs);
    open_jobs(0);
    count = 0;
    EXPECT_OK(jobs_each(jobs, count_visits, &count, &err), &err);
    EXPECT_UINT(count, JOBS_KEPT_MAX);
    struct found found = {.id = first};
    EXPECT_OK(jobs_each(jobs, find_job, &found, &err), &err);
    EXPECT_UINT(found.count, 0);
    close_all();
}

TEST(jobs_find_gives_the_job_of_an_id_while_it_is_kept)
{
    open_all();
    EXPECT_OK(queue(JOB_FLUSH, true), &err);
    char first[JOB_ID_BYTES];
    memcpy(first, id, sizeof first);
    run_all();
    EXPECT_OK(queue(JOB_COMPACT, true), &err);
    struct job job;
    EXPECT(jobs_find(jobs, str_from(first), &job));
    EXPECT(job.kind == JOB_FLUSH && job.state == JOB_COMPLETED);
    EXPECT(jobs_find(jobs, str_from(id), &job));
    EXPECT(job.kind == JOB_COMPACT && job.state == JOB_QUEUED);
    EXPECT(!jobs_find(jobs, STR_LIT("FL-000000000000"), &job));
    EXPECT(!jobs_find(jobs, STR_LIT(""), &job));
    jobs_close(jobs);
    open_jobs(0); /* a restart reads the records */
    EXPECT(jobs_find(jobs, str_from(first), &job));
    EXPECT(job.kind == JOB_FLUSH && job.state == JOB_COMPLETED);
    for (unsigned i = 0; i < JOBS_KEPT_MAX; i++) { /* the oldest go */
        EXPECT_OK(queue(JOB_COMPACT, true), &err);
        run_all();
    }
    EXPECT(!jobs_find(jobs, str_from(first), &job));
    close_all();
}

TEST(jobs_that_were_over_for_the_days_they_are_kept_go_with_their_records)
{
    const int64_t day_us = 86400 * INT64_C(1000000);
    open_all();
    EXPECT_OK(queue(JOB_FLUSH, true), &err);
    char first[JOB_ID_BYTES];
    memcpy(first, id, sizeof first);
    run_all();
    fake_clock_advance(&w.clock, day_us);
    EXPECT_OK(queue(JOB_COMPACT, true), &err);
    run_all();
    fake_clock_advance(&w.clock, 6 * day_us - 60 * TICK_US);
    run_all();
    struct job job;
    EXPECT(jobs_find(jobs, str_from(first), &job)); /* a minute is missing to seven days */
    uint64_t version = jobs_version(jobs);
    fake_clock_advance(&w.clock, 61 * TICK_US);
    run_all();
    EXPECT(!jobs_find(jobs, str_from(first), &job));
    EXPECT(jobs_find(jobs, str_from(id), &job));
    EXPECT(jobs_version(jobs) > version);
    jobs_close(jobs);
    open_jobs(0); /* a restart reads the records */
    EXPECT(!jobs_find(jobs, str_from(first), &job));
    EXPECT(jobs_find(jobs, str_from(id), &job));
    close_all();
}

TEST(jobs_without_days_of_retention_stay_as_long_as_their_number_allows)
{
    open_all();
    EXPECT_OK(queue(JOB_FLUSH, true), &err);
    run_all();
    jobs_close(jobs);
    kept_days = 0;
    open_jobs(0);
    kept_days = 7;
    fake_clock_advance(&w.clock, 1000 * 86400 * INT64_C(1000000));
    run_all();
    struct job job;
    EXPECT(jobs_find(jobs, str_from(id), &job));
    close_all();
}

TEST(jobs_measure_the_cpu_time_of_their_thread)
{
    open_all();
    EXPECT_OK(queue(JOB_FLUSH, true), &err);
    EXPECT_UINT(job_of(id).cpu_us, 0);
    uint64_t before_us = clock_thread_cpu_us();
    run_all();
    uint64_t used_us = job_of(id).cpu_us;
    EXPECT(used_us > 0 && used_us <= clock_thread_cpu_us() - before_us);
    jobs_close(jobs);
    open_jobs(0); /* and it is recorded */
    EXPECT_UINT(job_of(id).cpu_us, used_us);
    close_all();
}

TEST(jobs_version_grows_with_every_change_that_is_shown)
{
    open_all();
    uint64_t version = jobs_version(jobs);
    EXPECT(version > 0);
    EXPECT_OK(queue(JOB_FLUSH, true), &err);
    EXPECT(jobs_version(jobs) > version);
    version = jobs_version(jobs);
    EXPECT(jobs_step(jobs));
    EXPECT(jobs_version(jobs) >= version + 2); /* running, then over */
    version = jobs_version(jobs);
    EXPECT_OK(queue(JOB_FLUSH, true), &err);
    EXPECT_OK(jobs_kill(jobs, str_from(id), &err), &err);
    EXPECT(jobs_version(jobs) >= version + 2);
    close_all();
}

/* -- a storm ------------------------------------------------------------------------------------
 */

static atomic_count storm_over;

static status kill_visited(void *context, const struct job *job, struct error *unused)
{
    (void)unused;
    struct rng *rng = context;
    struct error own;
    if (!job_state_is_final(job->state) && rng_below(rng, 3) == 0) {
        status result = jobs_kill(jobs, str_from(job->id), &own);
        EXPECT(status_ok(result) || own.id == ERROR_INVALID_OPERATION || own.id == ERROR_NOT_FOUND);
    }
    return STATUS_IS_OK;
}

static void *kill_at_random(void *argument)
{
    (void)argument;
    struct rng rng;
    rng_init(&rng, 7);
    while (atomic_count_get(&storm_over) == 0) {
        struct error own;
        EXPECT_OK(jobs_each(jobs, kill_visited, &rng, &own), &own);
    }
    return NULL;
}

TEST(a_storm_of_jobs_and_kills_loses_no_row)
{
    w.options = (struct store_options)STORE_OPTIONS_DEFAULT;
    world_open(&w);
    open_jobs(2);
    atomic_count_set(&storm_over, 0);
    struct thread killer = {0};
    thread_start(&killer, "killer", 0, kill_at_random, NULL);
    for (int64_t i = 0; i < 60; i++) {
        EXPECT_OK(world_insert(&w, i, "a"), &w.err);
        static const enum job_kind kinds[] = {JOB_FLUSH, JOB_COMPACT, JOB_FLUSH};
        status result = queue(kinds[i % 3], i % 2 == 0);
        EXPECT(status_ok(result) || result.code == STATUS_EXISTS);
        fake_clock_advance(&w.clock, TICK_US / 4);
    }
    atomic_count_set(&storm_over, 1);
    thread_join(&killer);
    jobs_stop(jobs);
    EXPECT_UINT(jobs_count(jobs, JOB_RUNNING), 0);
    EXPECT(w.failures == 0);
    for (int64_t i = 0; i < 60; i++) {
        EXPECT(world_get(&w, i).found);
    }
    close_all();
}
