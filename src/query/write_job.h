/* query/write_job.h -- a statement's write on its way through the committer.
 * For:      INSERT, UPDATE, DELETE: the rows are added to `write`, then write_job_submit.
 * Owns:     its own memory (rows must outlive the request when it is async: the committer still
 *           publishes them after the answer has left), counted by the statement and the committer.
 * Threads:  made and ended on the statement's thread; done and release run on the committer's. */
#ifndef QUERY_WRITE_JOB_H
#define QUERY_WRITE_JOB_H

#include "query/returning.h"
#include "query/run.h"
#include "store/commit_rows.h"

struct write_job {
    struct row_write write;
    struct arena arena; /* of write; one thread at a time */
    refcount refs;
    const struct catalog_snapshot *snapshot; /* counted: the parts of write point into it */
    struct query *query;
    str as_user;
    enum result_dml kind;
    uint64_t row_count;          /* what the statement reports */
    struct returning *returning; /* what it gives back; NULL: only the count */
    status result;
    struct error error;
    bool is_waiting; /* a worker waits in write_job_submit */
    struct lock lock;
    struct cond ended;
    bool has_ended;
};

/* A job with one reference for the statement; `write` is open for rows. */
struct write_job *write_job_create(struct run *run, enum result_dml kind);
/* Hands the write to the committer. On a batch's worker it waits and reports; alone it leaves
 * run->is_pending and query_resume reports. A write without rows is reported at once. */
MUST_USE status write_job_submit(struct run *run, struct write_job *job, struct error *err);
/* Gives the statement's hold back. */
void write_job_give(struct write_job *job);

#endif
