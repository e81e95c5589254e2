/* query/write_job.c -- counted writes. */
#include "query/write_job.h"
#include "query/idempotency.h"
#include "query/own.h"
#include "query/transaction.h"

struct write_job *write_job_create(struct run *run, enum result_dml kind)
{
    struct write_job *job = mem_alloc_zeroed(sizeof *job);
    refcount_init(&job->refs);
    arena_init(&job->arena);
    row_write_init(&job->write, run->engine->rows, &job->arena);
    lock_init(&job->lock, LOCK_SESSION);
    cond_init(&job->ended);
    job->snapshot = catalog_share(run->snapshot);
    job->query = run->query;
    job->as_user = arena_copy(&job->arena, run->session.user_id);
    job->kind = kind;
    return job;
}

void write_job_give(struct write_job *job)
{
    if (job != NULL && refcount_give(&job->refs)) {
        returning_release(job->returning);
        row_write_release(&job->write);
        catalog_give(job->snapshot);
        arena_release(&job->arena);
        cond_release(&job->ended);
        lock_release(&job->lock);
        mem_free(job);
    }
}

static struct write_job *job_of(struct row_write *write)
{
    return (struct write_job *)write; /* write is its first member */
}

/* The committer's hold ends with `done` of a sync write and with `release` of an async one. */
static void job_done(struct row_write *write, status result)
{
    struct write_job *job = job_of(write);
    struct query *query = job->query;
    bool is_sync = write->request.durability == COMMIT_SYNC;
    job->result = result;
    job->error = write->request.error;
    if (job->is_waiting) {
        lock_take(&job->lock);
        job->has_ended = true;
        cond_signal(&job->ended);
        lock_give(&job->lock);
    } else {
        query->finished(query);
    }
    if (is_sync) {
        write_job_give(job);
    }
}

static void job_release(struct row_write *write)
{
    write_job_give(job_of(write));
}

static void wait_for(struct write_job *job)
{
    lock_take(&job->lock);
    while (!job->has_ended) {
        cond_wait(&job->ended, &job->lock);
    }
    lock_give(&job->lock);
}

/* RETURNING, or the count. */
static status write_answer(const struct write_job *job, struct results *results, struct error *err)
{
    if (job->returning != NULL) {
        return returning_report(job->returning, results, job->as_user, err);
    }
    result_dml(results, job->kind, job->row_count, job->as_user);
    return STATUS_IS_OK;
}

/* The same, to be kept for a retry. */
static status keep_answer(void *context, struct buf *out, struct error *err)
{
    const struct write_job *job = context;
    struct results results = {.out = out};
    idempotency_begin_answer(out, job->returning != NULL);
    return write_answer(job, &results, err);
}

status write_job_report(struct run *run, const struct write_job *job, struct error *err)
{
    if (!status_ok(job->result)) {
        *err = job->error;
        return job->result;
    }
    return write_answer(job, run->results, err);
}

status write_job_submit(struct run *run, struct write_job *job, struct error *err)
{
    if (run->transaction != NULL) {
        return transaction_stage(run, job, err);
    }
    status claimed = idempotency_claim(run, &job->arena, keep_answer, job, &job->write.claim, err);
    if (!status_ok(claimed)) {
        write_job_give(job);
        return claimed;
    }
    bool has_ops = job->write.tables != NULL && job->write.tables->op_count > 0;
    if (!has_ops && job->write.claim == NULL) {
        status result = write_answer(job, run->results, err);
        write_job_give(job);
        return result;
    }
    enum commit_durability durability = run->session.is_async ? COMMIT_ASYNC : COMMIT_SYNC;
    job->write.done = job_done;
    job->write.release = job_release;
    job->is_waiting = !run->is_alone;
    refcount_take(&job->refs);
    if (run->is_alone) {
        run->is_pending = true;
        run->query->own->job = job;
        row_write_submit(&job->write, durability);
        return STATUS_IS_OK; /* `finished` may have run already: nothing is touched any more */
    }
    row_write_submit(&job->write, durability);
    wait_for(job);
    status result = write_job_report(run, job, err);
    write_job_give(job);
    return result;
}
