/* jobs/job.h -- one piece of background work and its record.
 * For:      jobs/ only.
 *
 *     QUEUED --> RUNNING --> COMPLETED | FAILED | CANCELLED | SKIPPED
 *        ^          |
 *        +-RETRYING-+      (lost a race, or another job held the folder; at most max_retries)
 *        +--> CANCELLED    (KILL JOB before it began)
 *
 * Threads:  guarded by the lock of struct jobs. */
#ifndef JOBS_JOB_H
#define JOBS_JOB_H

#include "base/arena.h"
#include "base/lock.h"
#include "model/schema.h"

enum job_kind {
#define JOB(symbol, prefix, name) JOB_##symbol,
#include "jobs/jobs.def"
#undef JOB
    JOB_KIND_COUNT
};
/* Of job ids: "FL" and the like. */
const char *job_kind_prefix(enum job_kind kind);
const char *job_kind_name(enum job_kind kind);
/* Does it have a durable record, and stay to be read when it is over? */
bool job_kind_is_recorded(enum job_kind kind);

enum job_state {
    JOB_QUEUED,
    JOB_RUNNING,
    JOB_RETRYING,
    JOB_COMPLETED,
    JOB_FAILED,
    JOB_CANCELLED,
    JOB_SKIPPED,
    JOB_STATE_COUNT
};
/* "queued" ... as in system.jobs.status. */
const char *job_state_name(enum job_state state);
bool job_state_is_final(enum job_state state);
/* The table of allowed moves; CHECKs that the move is one. */
bool job_state_may_move(enum job_state from, enum job_state to);

enum { JOB_ID_BYTES = 24, JOB_MESSAGE_BYTES = 512 };

struct job {
    char id[JOB_ID_BYTES]; /* "FL-0123456789ab" */
    enum job_kind kind;
    enum job_state state;
    table_id table;
    char namespace_name[72];
    char table_name[72];
    bool is_forced; /* asked for by a statement: all partitions, whatever the policies say */
    uint32_t retries;
    char message[JOB_MESSAGE_BYTES]; /* outcome, or why it failed */
    int64_t created_us;
    int64_t updated_us;
    int64_t started_us;     /* 0: not yet */
    int64_t finished_us;    /* 0: not yet */
    uint64_t cpu_us;        /* that its thread used, all tries together; 0: it has not run */
    uint64_t memory_bytes;  /* the most that its thread held at once, see meter.h */
    uint64_t not_before_us; /* monotonic: of a retry; once over, of the next scheduled one */
    uint64_t counters;      /* of the table when a scheduled job was queued, see jobs.c */
    bool is_recorded;       /* its first record is durable; before that it is in no queue */
    atomic_count cancel;    /* not 0: asked to stop */
    struct job *next;       /* in the queue */
};

/* The job's record as JSON text, and back. CORRUPT names what is wrong. */
void job_encode(struct buf *out, const struct job *job);
MUST_USE status job_decode(str text, struct job *out, struct error *err);

#endif
