/* query/transaction.c -- see transaction.h. */
#include "query/transaction.h"

#include "base/check.h"
#include "base/hash.h"
#include "query/idempotency.h"
#include "query/own.h"

enum { SAVEPOINTS_MAX = 1000 };

struct savepoint {
    str name;
    size_t mark;
};

struct transaction {
    struct query_engine *engine;
    struct arena arena;
    str id;
    str owner_id;
    struct kv_view *view;
    struct staged *staged;
    struct write_job **jobs; /* they hold the staged rows */
    size_t job_count;
    size_t job_capacity;
    struct savepoint *savepoints;
    size_t savepoint_count;
    size_t savepoint_capacity;
    uint64_t began_us; /* monotonic */
    /* Guarded by engine->transactions.lock: */
    uint64_t active_us;
    struct staged_statistics shown;
    uint64_t snapshot_seq;
    struct transaction *before;
    struct transaction *next;
};

str transaction_id(const struct transaction *transaction)
{
    return transaction->id;
}

struct kv_view *transaction_view(const struct transaction *transaction)
{
    return transaction->view;
}

const struct staged *transaction_staged(const struct transaction *transaction)
{
    return transaction->staged;
}

/* -- the list of open ones ----------------------------------------------------------------------
 */

void transactions_init(struct transactions *transactions)
{
    lock_init(&transactions->lock, LOCK_TRANSACTIONS);
}

void transactions_release(struct transactions *transactions)
{
    CHECK(transactions->first == NULL);
    lock_release(&transactions->lock);
}

static void list_add(struct transaction *t)
{
    struct transactions *all = &t->engine->transactions;
    lock_take(&all->lock);
    t->next = all->first;
    if (t->next != NULL) {
        t->next->before = t;
    }
    all->first = t;
    lock_give(&all->lock);
}

static void list_remove(struct transaction *t)
{
    struct transactions *all = &t->engine->transactions;
    lock_take(&all->lock);
    *(t->before != NULL ? &t->before->next : &all->first) = t->next;
    if (t->next != NULL) {
        t->next->before = t->before;
    }
    lock_give(&all->lock);
}

static void show(struct transaction *t)
{
    struct transactions *all = &t->engine->transactions;
    lock_take(&all->lock);
    t->active_us = clock_mono_us(t->engine->clock);
    t->shown = staged_statistics(t->staged);
    lock_give(&all->lock);
}

struct transaction_info *transactions_list(struct query_engine *engine, struct arena *arena,
                                           unsigned *count)
{
    struct transactions *all = &engine->transactions;
    uint64_t now_us = clock_mono_us(engine->clock);
    lock_take(&all->lock);
    unsigned total = 0;
    for (const struct transaction *t = all->first; t != NULL; t = t->next) {
        total++;
    }
    struct transaction_info *list = ARENA_ARRAY(arena, struct transaction_info, total + 1);
    *count = 0;
    for (const struct transaction *t = all->first; t != NULL; t = t->next) {
        list[(*count)++] = (struct transaction_info){
            .id = arena_copy(arena, t->id),
            .owner_id = arena_copy(arena, t->owner_id),
            .has_writes = t->shown.ops > 0,
            .age_ms = (int64_t)((now_us - t->began_us) / 1000),
            .idle_ms = now_us > t->active_us ? (int64_t)((now_us - t->active_us) / 1000) : 0,
            .write_count = t->shown.ops,
            .write_bytes = t->shown.bytes,
            .table_count = t->shown.tables,
            .snapshot_seq = t->snapshot_seq};
    }
    lock_give(&all->lock);
    return list;
}

/* -- beginning and ending -----------------------------------------------------------------------
 */

static struct transaction *create(struct run *run)
{
    struct transaction *t = mem_alloc_zeroed(sizeof *t);
    t->engine = run->engine;
    arena_init(&t->arena);
    uint8_t uuid[16];
    query_uuid_v7(run->engine, uuid);
    struct buf text;
    buf_init(&text);
    uuid_append_text(&text, uuid);
    t->id = arena_copy(&t->arena, buf_str(&text));
    buf_release(&text);
    t->owner_id = arena_format(&t->arena, "sql-req-" STR_FMT, STR(run->query->session.request_id));
    t->snapshot_seq = commit_published_seq(run->engine->committer);
    t->view = kv_view_open(run->engine->store);
    t->staged = staged_create(run->engine->rows, t->view);
    t->began_us = clock_mono_us(run->engine->clock);
    t->active_us = t->began_us;
    list_add(t);
    return t;
}

void transaction_abort(struct transaction *t)
{
    if (t == NULL) {
        return;
    }
    list_remove(t);
    staged_destroy(t->staged);
    for (size_t i = 0; i < t->job_count; i++) {
        write_job_give(t->jobs[i]);
    }
    mem_free(t->jobs);
    mem_free(t->savepoints);
    kv_view_close(t->view);
    arena_release(&t->arena);
    mem_free(t);
}

/* Its end, for better or worse. */
static void end(struct run *run)
{
    transaction_abort(run->transaction);
    run->transaction = NULL;
    run->query->own->transaction = NULL;
}

/* -- statements within --------------------------------------------------------------------------
 */

status transaction_check(struct run *run, struct error *err)
{
    struct transaction *t = run->transaction;
    const struct query_limits *limits = &run->engine->limits;
    uint64_t age_us = clock_mono_us(run->engine->clock) - t->began_us;
    if (age_us > limits->transaction_timeout_s * UINT64_C(1000000)) {
        return error_set(err, ERROR_TIMEOUT,
                         "transaction '" STR_FMT "' is older than %u s and was aborted", STR(t->id),
                         limits->transaction_timeout_s);
    }
    if (statement_info(run->statement->kind)->class == STATEMENT_CLASS_DDL) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "DDL is not allowed inside explicit transaction '" STR_FMT "'",
                         STR(t->id));
    }
    show(t);
    return STATUS_IS_OK;
}

static status check_size(const struct transaction *t, const struct write_job *job,
                         struct error *err)
{
    uint64_t limit = t->engine->limits.transaction_bytes_max;
    uint64_t bytes = staged_statistics(t->staged).bytes + row_write_bytes(&job->write);
    if (bytes <= limit) {
        return STATUS_IS_OK;
    }
    return error_set(err, ERROR_LIMIT,
                     "transaction '" STR_FMT
                     "' exceeded buffer limit of %llu bytes and was aborted",
                     STR(t->id), (unsigned long long)limit);
}

status transaction_stage(struct run *run, struct write_job *job, struct error *err)
{
    struct transaction *t = run->transaction;
    status result = check_size(t, job, err);
    if (status_ok(result)) {
        result = staged_add(t->staged, &job->write, run->session.now_us, err);
    }
    if (!status_ok(result)) {
        write_job_give(job);
        return result;
    }
    t->jobs = mem_grow(t->jobs, &t->job_capacity, t->job_count + 1, sizeof(struct write_job *));
    t->jobs[t->job_count++] = job;
    job->write.updated_us = run->session.now_us;
    job->result = STATUS_IS_OK;
    show(t);
    return write_job_report(run, job, err);
}

/* -- the statements -----------------------------------------------------------------------------
 */

static status require(const struct run *run, const char *statement, struct error *err)
{
    return run->transaction != NULL
               ? STATUS_IS_OK
               : error_set(err, ERROR_INVALID_OPERATION,
                           "%s requires an active explicit SQL transaction", statement);
}

status run_begin(struct run *run, struct error *err)
{
    if (run->transaction != NULL) {
        return error_set(err, ERROR_CONFLICT,
                         "request owner '" STR_FMT "' already has an active transaction '" STR_FMT
                         "'",
                         STR(run->transaction->owner_id), STR(run->transaction->id));
    }
    run->transaction = create(run);
    run->query->own->transaction = run->transaction;
    run_message(run, "Transaction started (" STR_FMT ")", STR(run->transaction->id));
    return STATUS_IS_OK;
}

static str committed_text(const struct transaction *t, struct arena *arena)
{
    return arena_format(arena, "Transaction committed (" STR_FMT ")", STR(t->id));
}

/* The answer of the whole request, kept for a retry: COMMIT is its last statement. Runs on the
 * committer's thread while the statement's waits. */
static status keep_answer(void *context, struct buf *out, struct error *err)
{
    (void)err;
    const struct run *run = context;
    struct results results = *run->results;
    results.out = out;
    idempotency_begin_answer(out, false);
    buf_append_str(out, idempotency_output(run->query));
    result_message(&results, 0, committed_text(run->transaction, &run->transaction->arena),
                   run->session.user_id);
    result_end_batch(&results, run->query->session.user_id);
    return STATUS_IS_OK;
}

static status commit(struct run *run, struct error *err)
{
    struct transaction *t = run->transaction;
    struct row_write write;
    row_write_init(&write, run->engine->rows, &t->arena);
    status result = staged_write(t->staged, &write, err);
    if (status_ok(result)) {
        result = idempotency_claim(run, &t->arena, keep_answer, run, &write.claim, err);
    }
    if (status_ok(result) && (write.request.bytes > 0 || write.claim != NULL)) {
        result = row_write_run(&write, COMMIT_SYNC, err);
    }
    row_write_release(&write);
    return result;
}

status run_commit(struct run *run, struct error *err)
{
    TRY(require(run, "COMMIT", err));
    TRY(commit(run, err));
    run_message(run, "Transaction committed (" STR_FMT ")", STR(run->transaction->id));
    end(run);
    return STATUS_IS_OK;
}

status run_rollback(struct run *run, struct error *err)
{
    TRY(require(run, "ROLLBACK", err));
    run_message(run, "Transaction rolled back (" STR_FMT ")", STR(run->transaction->id));
    end(run);
    return STATUS_IS_OK;
}

status run_savepoint(struct run *run, struct error *err)
{
    TRY(require(run, "SAVEPOINT", err));
    struct transaction *t = run->transaction;
    if (t->savepoint_count >= SAVEPOINTS_MAX) {
        return error_set(err, ERROR_LIMIT, "a transaction has at most %d savepoints",
                         SAVEPOINTS_MAX);
    }
    t->savepoints = mem_grow(t->savepoints, &t->savepoint_capacity, t->savepoint_count + 1,
                             sizeof *t->savepoints);
    str name = arena_copy(&t->arena, run->statement->as.savepoint.name);
    t->savepoints[t->savepoint_count++] = (struct savepoint){name, staged_mark(t->staged)};
    run_message(run, "Savepoint created (" STR_FMT ")", STR(name));
    return STATUS_IS_OK;
}

/* The newest savepoint of the statement's name: 1 + its index. */
static status find_savepoint(const struct run *run, const char *statement, size_t *out,
                             struct error *err)
{
    TRY(require(run, statement, err));
    const struct transaction *t = run->transaction;
    str name = run->statement->as.savepoint.name;
    *out = t->savepoint_count;
    while (*out > 0 && !str_eq(t->savepoints[*out - 1].name, name)) {
        (*out)--;
    }
    return *out > 0 ? STATUS_IS_OK
                    : error_set(err, ERROR_NOT_FOUND, "savepoint '" STR_FMT "' does not exist",
                                STR(name));
}

status run_release_savepoint(struct run *run, struct error *err)
{
    size_t found = 0;
    TRY(find_savepoint(run, "RELEASE SAVEPOINT", &found, err));
    run->transaction->savepoint_count = found - 1; /* it and those after it */
    run_message(run, "Savepoint released (" STR_FMT ")", STR(run->statement->as.savepoint.name));
    return STATUS_IS_OK;
}

status run_rollback_to(struct run *run, struct error *err)
{
    size_t found = 0;
    TRY(find_savepoint(run, "ROLLBACK TO SAVEPOINT", &found, err));
    struct transaction *t = run->transaction;
    staged_rollback(t->staged, t->savepoints[found - 1].mark);
    t->savepoint_count = found; /* it stays */
    show(t);
    run_message(run, "Rolled back to savepoint (" STR_FMT ")",
                STR(run->statement->as.savepoint.name));
    return STATUS_IS_OK;
}
