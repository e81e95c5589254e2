/* tests/unit/jobs/jobs_scene.c -- see jobs_scene.h. */
#include "unit/jobs/jobs_scene.h"

#include "test.h"

struct world w;
struct jobs *jobs;
struct error err;
char id[JOB_ID_BYTES];
unsigned stale_count;
unsigned sweep_count;
uint32_t kept_days = 7;

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

void open_jobs(unsigned threads)
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

void open_all(void)
{
    w.options = (struct store_options)STORE_OPTIONS_DEFAULT;
    world_open(&w);
    open_jobs(0);
}

void close_all(void)
{
    jobs_close(jobs);
    world_close(&w);
}

void run_all(void)
{
    for (int i = 0; i < 5000 && jobs_step(jobs); i++) {
    }
}

void next_round(void)
{
    fake_clock_advance(&w.clock, TICK_US);
    run_all();
}

status find_job(void *context, const struct job *job, struct error *unused)
{
    (void)unused;
    struct found *found = context;
    bool fits = found->id != NULL ? strcmp(found->id, job->id) == 0 : found->kind == job->kind;
    if (fits && found->count++ == 0) {
        memcpy(&found->job, job, sizeof *job);
    }
    return STATUS_IS_OK;
}

struct job job_of(const char *wanted)
{
    struct found found = {.id = wanted};
    EXPECT_OK(jobs_each(jobs, find_job, &found, &err), &err);
    EXPECT_UINT(found.count, 1);
    return found.job;
}

struct found newest(enum job_kind kind)
{
    struct found found = {.kind = kind};
    EXPECT_OK(jobs_each(jobs, find_job, &found, &err), &err);
    return found;
}

void expect_state(const char *wanted_id, enum job_state state)
{
    struct job job = job_of(wanted_id);
    if (job.state != state) {
        test_fail(__FILE__, __LINE__, "job %s is %s: found %s (%s)", wanted_id,
                  job_state_name(state), job_state_name(job.state), job.message);
    }
}

status queue(enum job_kind kind, bool is_forced)
{
    return jobs_queue(jobs, kind, w.table, STR_LIT("app"), STR_LIT("t"), is_forced, id, &err);
}

table_id make_table(const char *name, enum table_kind kind, struct flush_policy policy,
                    uint32_t ttl_s)
{
    w.flush = policy;
    table_id table = world_create_table(&w, name, kind, ttl_s, false);
    w.flush = (struct flush_policy){0};
    return table;
}

void insert_into(table_id table, const char *user, int64_t row)
{
    struct world_part part;
    uint64_t seq = 0;
    part_open(&w, table, user, &part);
    EXPECT_OK(part_insert(&part, row, "x", &seq, &err), &err);
    part_close(&part);
}
