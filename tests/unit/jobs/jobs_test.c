/* tests/unit/jobs/jobs_test.c -- Goal: every job has a durable record and ends in one of its final
 * states; the scheduler finds work by rows, by time and by dead rows, and does not repeat what
 * fails or finds nothing. Method: jobs without threads, stepped by hand, over the store's world
 * (kv_mem, fake cold tier, a clock moved by hand); at the end a storm with real threads. */
#include "jobs/jobs.h"
#include "store/segment.h"
#include "store/stream.h"
#include "test.h"
#include "unit/store/world.h"

enum { TICK_US = 1000000, BACKOFF_US = 100000 };

static struct world w;
static struct jobs *jobs;
static struct error err;
static char id[JOB_ID_BYTES];

/* -- the rig ------------------------------------------------------------------------------------
 */

/* Caches: how much in them is too old, and how often they were swept. */
static unsigned stale_count;
static unsigned sweep_count;

static uint32_t kept_days = 7;

static bool has_expired(void *context)
{
    return *(unsigned *)context > 0;
}

static unsigned sweep_caches(void *context)
{
    unsigned *stale = context;
    unsigned count = *stale;
    sweep_count++;
    *stale = 0;
    return count;
}

static void open_jobs(unsigned threads)
{
    const struct jobs_options options = {.kv = w.kv,
                                         .committer = w.committer,
                                         .catalog = w.catalog,
                                         .store = w.store,
                                         .clock = &w.clock.clock,
                                         .thread_count = threads,
                                         .tick_ms = TICK_US / 1000,
                                         .stream_tick_s = 60,
                                         .retries_max = 3,
                                         .retry_backoff_ms = BACKOFF_US / 1000,
                                         .kept_days = kept_days,
                                         .sweep_tick_s = 60,
                                         .has_expired = has_expired,
                                         .sweep = sweep_caches,
                                         .sweep_context = &stale_count};
    EXPECT_OK(jobs_open(&options, &jobs, &err), &err);
    jobs_start(jobs);
}

static void open_all(void)
{
    w.options = (struct store_options)STORE_OPTIONS_DEFAULT;
    world_open(&w);
    open_jobs(0);
}

static void close_all(void)
{
    jobs_close(jobs);
    world_close(&w);
}

static void run_all(void)
{
    for (int i = 0; i < 5000 && jobs_step(jobs); i++) {
    }
}

/* Until the scheduler has looked once more, and what it found has run. */
static void next_round(void)
{
    fake_clock_advance(&w.clock, TICK_US);
    run_all();
}

struct found {
    const char *id; /* NULL: the newest of `kind` */
    enum job_kind kind;
    struct job job;
    unsigned count; /* of all, or of `kind` */
};

static status find_job(void *context, const struct job *job, struct error *unused)
{
    (void)unused;
    struct found *found = context;
    bool fits = found->id != NULL ? strcmp(found->id, job->id) == 0 : found->kind == job->kind;
    if (fits && found->count++ == 0) {
        memcpy(&found->job, job, sizeof *job);
    }
    return STATUS_IS_OK;
}

static struct job job_of(const char *wanted)
{
    struct found found = {.id = wanted};
    EXPECT_OK(jobs_each(jobs, find_job, &found, &err), &err);
    EXPECT_UINT(found.count, 1);
    return found.job;
}

/* The newest job of a kind; count says how many there are. */
static struct found newest(enum job_kind kind)
{
    struct found found = {.kind = kind};
    EXPECT_OK(jobs_each(jobs, find_job, &found, &err), &err);
    return found;
}

static void expect_state(const char *wanted_id, enum job_state state)
{
    struct job job = job_of(wanted_id);
    if (job.state != state) {
        test_fail(__FILE__, __LINE__, "job %s is %s: found %s (%s)", wanted_id,
                  job_state_name(state), job_state_name(job.state), job.message);
    }
}

static status queue(enum job_kind kind, bool is_forced)
{
    return jobs_queue(jobs, kind, w.table, STR_LIT("app"), STR_LIT("t"), is_forced, id, &err);
}

static table_id make_table(const char *name, enum table_kind kind, struct flush_policy policy,
                           uint32_t ttl_s)
{
    const struct column columns[] = {
        {.name = STR_LIT("id"),
         .type = {.id = TYPE_BIGINT},
         .is_primary_key = true,
         .absent_value = {.type = {.id = TYPE_BIGINT}, .is_null = true}},
        {.name = STR_LIT("v"),
         .type = {.id = TYPE_TEXT},
         .is_nullable = true,
         .absent_value = {.type = {.id = TYPE_TEXT}, .is_null = true}}};
    const struct table_spec spec = {.namespace_name = STR_LIT("app"),
                                    .name = str_from(name),
                                    .kind = kind,
                                    .flush = policy,
                                    .ttl_s = ttl_s,
                                    .max_buffer = w.max_buffer,
                                    .columns = columns,
                                    .column_count = 2};
    table_id table = {0};
    EXPECT_OK(catalog_create_table(w.catalog, &spec, &table, &err), &err);
    return table;
}

static void insert_into(table_id table, const char *user, int64_t row)
{
    struct world_part part;
    uint64_t seq = 0;
    part_open(&w, table, user, &part);
    EXPECT_OK(part_insert(&part, row, "x", &seq, &err), &err);
    part_close(&part);
}

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

/* -- the scheduler ------------------------------------------------------------------------------
 */

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

/* -- records ------------------------------------------------------------------------------------
 */

TEST(record_reads_back_as_it_was)
{
    struct job job = {.id = "CO-0123456789ab",
                      .kind = JOB_COMPACT,
                      .state = JOB_RETRYING,
                      .table = {77},
                      .namespace_name = "app",
                      .table_name = "t",
                      .is_forced = true,
                      .retries = 2,
                      .message = "a \"quoted\" message\n",
                      .created_us = 1,
                      .updated_us = 2,
                      .started_us = 3,
                      .finished_us = 0,
                      .cpu_us = 4,
                      .memory_bytes = UINT64_C(1) << 40};
    struct buf text;
    struct job back;
    buf_init(&text);
    job_encode(&text, &job);
    EXPECT_OK(job_decode(buf_str(&text), &back, &err), &err);
    EXPECT(memcmp(&job, &back, sizeof job) == 0);
    EXPECT_STATUS(job_decode(STR_LIT("{}"), &back, &err), CORRUPT);
    EXPECT_STATUS(job_decode(str_slice(buf_str(&text), 0, text.n - 1), &back, &err), CORRUPT);
    buf_release(&text);
}

TEST(record_of_a_server_that_did_not_measure_reads_as_not_run)
{
    const char *old = "{\"id\":\"FL-0123456789ab\",\"type\":\"flush\",\"status\":\"completed\","
                      "\"table\":7,\"namespace_name\":\"app\",\"table_name\":\"t\","
                      "\"forced\":true,\"retries\":0,\"message\":\"\",\"created_us\":1,"
                      "\"updated_us\":2,\"started_us\":1,\"finished_us\":2}";
    struct job job;
    EXPECT_OK(job_decode(str_from(old), &job, &err), &err);
    EXPECT_UINT(job.cpu_us, 0);
    EXPECT_UINT(job.memory_bytes, 0);
}

TEST(states_move_only_as_drawn)
{
    static const char *const moves[JOB_STATE_COUNT] = {
        [JOB_QUEUED] = "running failed cancelled",
        [JOB_RUNNING] = "retrying completed failed cancelled skipped",
        [JOB_RETRYING] = "running failed cancelled",
        [JOB_COMPLETED] = "",
        [JOB_FAILED] = "",
        [JOB_CANCELLED] = "",
        [JOB_SKIPPED] = ""};
    for (unsigned from = 0; from < JOB_STATE_COUNT; from++) {
        for (unsigned to = 0; to < JOB_STATE_COUNT; to++) {
            bool wanted = strstr(moves[from], job_state_name((enum job_state)to)) != NULL;
            EXPECT(job_state_may_move((enum job_state)from, (enum job_state)to) == wanted);
        }
        EXPECT(job_state_is_final((enum job_state)from) == (moves[from][0] == '\0'));
    }
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
