/* jobs/jobs.h -- background work: flush, compaction, clean-up of dropped tables, stream eviction,
 *           sweeps of caches.
 * For:      statements that ask for work (STORAGE FLUSH, DROP TABLE ...), and the scheduler that
 * finds it: flush policies by rows and by time, segments worth merging, stream rows that expired or
 * are too many.
 * Touches:  store (the doing), the committer (jobs have durable records), the catalog.
 * Owns:     its threads and all jobs, finished ones too (the newest JOBS_KEPT_MAX, for some days).
 * Threads:  any. A job runs on a job thread with 8 MiB of stack. */
#ifndef JOBS_JOBS_H
#define JOBS_JOBS_H

#include "catalog/catalog.h"
#include "jobs/job.h"
#include "store/store.h"

enum { JOBS_KEPT_MAX = 1000 };

struct jobs;

struct jobs_options {
    struct kv_store *kv;
    struct committer *committer;
    struct catalog *catalog;
    struct store *store;
    const struct clock *clock;
    unsigned thread_count;     /* 2 */
    unsigned first_slot;       /* engine slots: two per thread from here on */
    uint32_t tick_ms;          /* how often the scheduler looks; <= flush.check_interval_seconds */
    uint32_t stream_tick_s;    /* stream.eviction_interval_seconds */
    uint32_t retries_max;      /* jobs.max_retries */
    uint32_t retry_backoff_ms; /* first delay, doubled each time */
    uint32_t kept_days;        /* jobs.retention_days; 0: only their number is bound */
    uint32_t sweep_tick_s;     /* cache.sweep_interval_seconds; 0: caches are not swept */
    /* Do caches hold what is too old; removes it and gives how much. NULL: there are none. */
    bool (*has_expired)(void *context);
    unsigned (*sweep)(void *context);
    void *sweep_context;
    /* Called at the start and every `sample_tick_s`; may wait. NULL: nothing is sampled. */
    status (*sample)(void *context, struct error *err);
    void *sample_context;
    uint32_t sample_tick_s;
};

/* Loads the records; jobs that a crash interrupted become failed ("Server restarted"). Nothing runs
 * before jobs_start. */
MUST_USE status jobs_open(const struct jobs_options *options, struct jobs **out, struct error *err);
void jobs_start(struct jobs *jobs);
/* Does what a job thread would do next: a job whose time has come, or else the scheduler's round
 * when that is due. False: neither. For tests, which have no threads (thread_count 0). */
bool jobs_step(struct jobs *jobs);
/* Asks running jobs to stop at a safe point, and waits for them. */
void jobs_stop(struct jobs *jobs);
void jobs_close(struct jobs *jobs); /* NULL allowed; after jobs_stop */

/* Queues work for a table and waits until its record is durable. EXISTS: a job of that kind for the
 * table is queued or running; `id` is then that job's. `id` has JOB_ID_BYTES places.
 * `is_forced`, asked for by a statement: the job of `id` begins only from now on, so it covers
 * every row that was acknowledged before the call. While one of its kind runs, one more waits for
 * it. */
MUST_USE status jobs_queue(struct jobs *jobs, enum job_kind kind, table_id table, str ns, str name,
                           bool is_forced, char id[JOB_ID_BYTES], struct error *err);
/* KILL JOB. NOT_FOUND; INVALID_OPERATION: it is over. */
MUST_USE status jobs_kill(struct jobs *jobs, str id, struct error *err);

/* Calls `visit` for a copy of every job, newest first. */
typedef status jobs_visit_fn(void *context, const struct job *job, struct error *err);
MUST_USE status jobs_each(struct jobs *jobs, jobs_visit_fn *visit, void *context,
                          struct error *err);
/* A copy of the job of an id, by index; false: there is none. */
bool jobs_find(struct jobs *jobs, str id, struct job *out);
/* A number from 1 that grows with every change of what jobs_each shows, before anybody is told. */
uint64_t jobs_version(struct jobs *jobs);
/* Jobs in a state, for metrics. */
unsigned jobs_count(struct jobs *jobs, enum job_state state);

#endif
