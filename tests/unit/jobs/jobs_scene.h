/* tests/unit/jobs/jobs_scene.h -- jobs without threads, stepped by hand, over the store's world.
 * For:      the tests of this folder: short words for queueing, running and finding jobs.
 * Owns:     the one world of a test, from open_all to close_all.
 * Threads:  one test thread, besides those that open_jobs starts. */
#ifndef TESTS_JOBS_JOBS_SCENE_H
#define TESTS_JOBS_JOBS_SCENE_H

#include "jobs/jobs.h"
#include "unit/store/world.h"

enum { TICK_US = 1000000, BACKOFF_US = 100000 };

extern struct world w;
extern struct jobs *jobs;
extern struct error err;
extern char id[JOB_ID_BYTES]; /* of the job that queue made, or met */
extern unsigned stale_count;  /* what is too old in the caches */
extern unsigned sweep_count;  /* how often they were swept */
extern uint32_t kept_days;    /* as open_jobs says it */

/* The world of the test with the default options, and its jobs, stepped by hand. */
void open_all(void);
void close_all(void);
/* Jobs over the world that is open; 0 threads: stepped by hand. */
void open_jobs(unsigned threads);

/* Runs what waits, until nothing does. */
void run_all(void);
/* Until the scheduler has looked once more, and what it found has run. */
void next_round(void);

/* Queues a job of app.t. */
status queue(enum job_kind kind, bool is_forced);
struct job job_of(const char *wanted);
void expect_state(const char *wanted_id, enum job_state state);

struct found {
    const char *id; /* NULL: the newest of `kind` */
    enum job_kind kind;
    struct job job;
    unsigned count; /* of all, or of `kind` */
};
/* For jobs_each: fills a struct found. */
status find_job(void *context, const struct job *job, struct error *unused);
/* The newest job of a kind; count says how many there are. */
struct found newest(enum job_kind kind);

/* A table of app: id BIGINT key, v TEXT. */
table_id make_table(const char *name, enum table_kind kind, struct flush_policy policy,
                    uint32_t ttl_s);
void insert_into(table_id table, const char *user, int64_t row);

#endif
