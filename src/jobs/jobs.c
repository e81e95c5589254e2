/* jobs/jobs.c -- the queue, the threads, the records, and the scheduler.
 * A record is written (and durable) when a job is queued, when it begins and when it ends; what is
 * in memory is never ahead of the store by more than one move. */
#include "jobs/jobs.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/map.h"
#include "base/metric.h"
#include "jobs/meter.h"
#include "jobs/work.h"
#include "model/key.h"
#include "store/compact.h"
#include "store/registry.h"
#include "store/segment.h"
#include "store/stream.h"

enum {
    BACKOFF_SHIFT_MAX = 16,
    FAILED_PAUSE_S = 60,    /* a scheduled job that failed is not tried again at every tick ... */
    SKIPPED_PAUSE_S = 3600, /* ... nor one that found nothing while the counters stay as they are */
};

struct job_thread {
    struct jobs *jobs;
    struct thread thread;
    unsigned number;
};

struct jobs {
    struct jobs_options options;
    struct lock lock; /* guards all below */
    struct cond wake;
    struct job **all; /* by age, oldest first */
    size_t count;
    size_t capacity;
    struct map by_id;  /* `all` by job->id */
    struct job *queue; /* oldest first; retries stay in it until their time */
    bool is_stopping;
    bool is_ticking; /* a thread runs the scheduler */
    uint64_t next_tick_us;
    uint64_t next_stream_tick_us;
    uint64_t next_sweep_us;
    uint64_t next_sample_us;
    atomic_count version; /* grows under the lock, with each change of `all` and what is in it */
    unsigned thread_count;
    struct job_thread threads[];
};

/* -- records ------------------------------------------------------------------------------------
 */

static void record_prefix(struct buf *out)
{
    partition_encode(out, PARTITION_SYSTEM, 0, (str){NULL, 0});
    buf_append_byte(out, 'J');
}

struct record_change {
    struct commit_request request; /* first */
    str key;
    str value; /* empty: remove */
    size_t partition_bytes;
};

static status apply_record(struct commit_txn *txn, struct commit_request *request)
{
    struct record_change *change = (struct record_change *)request;
    if (change->value.n > 0) {
        commit_put(txn, KV_SYSTEM, change->partition_bytes, change->key, change->value);
    } else {
        commit_delete(txn, KV_SYSTEM, change->partition_bytes, change->key);
    }
    return STATUS_IS_OK;
}

/* Writes or removes the record of a job and waits; a removal that a crash undoes comes again.
 * `may_use_reserve`: see engine/kv_commit.h. */
static status write_record(struct jobs *jobs, const char *id, str value, bool may_use_reserve,
                           struct error *err)
{
    struct buf key;
    buf_init(&key);
    record_prefix(&key);
    size_t partition_bytes = key.n - 1;
    buf_append_c(&key, id);
    struct record_change change = {
        .request = {.apply = apply_record,
                    .durability = value.n > 0 ? COMMIT_SYNC : COMMIT_ASYNC,
                    .may_use_reserve = may_use_reserve,
                    .bytes = 256 + value.n},
        .key = buf_str(&key),
        .value = value,
        .partition_bytes = partition_bytes};
    status result = commit_submit_wait(jobs->options.committer, &change.request);
    if (!status_ok(result) && err != NULL) {
        *err = change.request.error;
    }
    buf_release(&key);
    return result;
}

/* On a full disk no work is begun but that which makes room; what was begun comes to its end. */
static status save(struct jobs *jobs, const struct job *job, struct error *err)
{
    if (!job_kind_is_recorded(job->kind)) {
        return STATUS_IS_OK;
    }
    bool is_begun = job->state != JOB_QUEUED || job->kind == JOB_CLEANUP;
    struct buf text;
    buf_init(&text);
    job_encode(&text, job);
    status result = write_record(jobs, job->id, buf_str(&text), is_begun, err);
    buf_release(&text);
    return result;
}

/* Saves a state that was reached anyway; a failure is the committer's, which stops the process. */
static void save_or_log(struct jobs *jobs, const struct job *job)
{
    struct error err;
    error_clear(&err);
    if (!status_ok(save(jobs, job, &err))) {
        log_error("jobs", "record_not_saved", "job=%s error=\"%s\"", job->id, err.text);
    }
}

static void add(struct jobs *jobs, struct job *job)
{
    jobs->all = mem_grow(jobs->all, &jobs->capacity, jobs->count + 1, sizeof(struct job *));
    jobs->all[jobs->count++] = job;
    (void)map_put(&jobs->by_id, str_from(job->id), job);
    (void)atomic_count_add(&jobs->version, 1);
}

/* Frees a job that is in no queue. Under the lock. */
static void remove_at(struct jobs *jobs, size_t i)
{
    (void)map_remove(&jobs->by_id, str_from(jobs->all[i]->id));
    mem_free(jobs->all[i]);
    memmove(&jobs->all[i], &jobs->all[i + 1], (jobs->count - i - 1) * sizeof(struct job *));
    jobs->count--;
    (void)atomic_count_add(&jobs->version, 1);
}

static int compare_age(const void *a, const void *b)
{
    const struct job *x = *(struct job *const *)a;
    const struct job *y = *(struct job *const *)b;
    return x->created_us < y->created_us ? -1 : x->created_us > y->created_us ? 1 : 0;
}

static status load(struct jobs *jobs, struct error *err)
{
    struct buf lo;
    struct buf hi;
    buf_init(&lo);
    buf_init(&hi);
    record_prefix(&lo);
    record_prefix(&hi);
    hi.p[hi.n - 1]++;
    struct kv_view *view = kv_view_open(jobs->options.kv);
    struct kv_cursor *cursor =
        kv_cursor_open(view, KV_SYSTEM, buf_str(&lo), buf_str(&hi), KV_FORWARD);
    str key;
    str value;
    status result = STATUS_IS_OK;
    while (kv_cursor_next(cursor, &key, &value, &result, err)) {
        struct job *job = mem_alloc_zeroed(sizeof *job);
        result = job_decode(value, job, err);
        if (!status_ok(result)) {
            mem_free(job);
            break;
        }
        add(jobs, job);
    }
    kv_cursor_close(cursor);
    kv_view_close(view);
    buf_release(&lo);
    buf_release(&hi);
    if (jobs->count > 1) {
        qsort(jobs->all, jobs->count, sizeof(struct job *), compare_age);
    }
    return result;
}

/* What a crash interrupted has failed; its work is found again by the scheduler or by recovery. */
static status fail_interrupted(struct jobs *jobs, struct error *err)
{
    for (size_t i = 0; i < jobs->count; i++) {
        struct job *job = jobs->all[i];
        if (!job_state_is_final(job->state)) {
            job->state = JOB_FAILED;
            job->finished_us = clock_wall_us(jobs->options.clock);
            job->updated_us = job->finished_us;
            (void)snprintf(job->message, sizeof job->message, "Server restarted");
            TRY(save(jobs, job, err));
        }
    }
    return STATUS_IS_OK;
}

status jobs_open(const struct jobs_options *options, struct jobs **out, struct error *err)
{
    struct jobs *jobs =
        mem_alloc_zeroed(sizeof *jobs + options->thread_count * sizeof jobs->threads[0]);
    jobs->options = *options;
    jobs->thread_count = options->thread_count;
    lock_init(&jobs->lock, LOCK_JOBS);
    cond_init(&jobs->wake);
    map_init(&jobs->by_id);
    status result = load(jobs, err);
    if (status_ok(result)) {
        result = fail_interrupted(jobs, err);
    }
    if (!status_ok(result)) {
        jobs_close(jobs);
        return result;
    }
    *out = jobs;
    return STATUS_IS_OK;
}

void jobs_close(struct jobs *jobs)
{
    if (jobs == NULL) {
        return;
    }
    for (size_t i = 0; i < jobs->count; i++) {
        mem_free(jobs->all[i]);
    }
    mem_free(jobs->all);
    map_release(&jobs->by_id);
    cond_release(&jobs->wake);
    lock_release(&jobs->lock);
    mem_free(jobs);
}

/* -- moves --------------------------------------------------------------------------------------
 */

/* The one way to change a job's state. Under the lock. */
static void move(struct jobs *jobs, struct job *job, enum job_state to)
{
    CHECK(job_state_may_move(job->state, to));
    LOG_FIELDS(job_kind_is_recorded(job->kind) ? LOG_INFO : LOG_DEBUG, "jobs", "moved",
               "job=%s from=%s to=%s table=%s.%s", job->id, job_state_name(job->state),
               job_state_name(to), job->namespace_name, job->table_name);
    metric_add(METRIC_JOB_MOVES,
               metric_label_find(METRIC_LABEL_JOB_TYPE, str_from(job_kind_name(job->kind))),
               metric_label_find(METRIC_LABEL_JOB_STATE, str_from(job_state_name(to))), 1);
    (void)atomic_count_add(&jobs->version, 1);
    job->state = to;
    job->updated_us = clock_wall_us(jobs->options.clock);
    if (to == JOB_RUNNING && job->started_us == 0) {
        job->started_us = job->updated_us;
    }
    if (job_state_is_final(to)) {
        job->finished_us = job->updated_us;
    }
}

static void enqueue(struct jobs *jobs, struct job *job)
{
    struct job **end = &jobs->queue;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    job->next = NULL;
    *end = job;
    cond_signal(&jobs->wake);
}

/* Does one of its kind for its table run? It then waits: whoever ends that one looks again. */
static bool is_held_up(const struct jobs *jobs, const struct job *job)
{
    for (size_t i = jobs->count; i > 0; i--) {
        const struct job *other = jobs->all[i - 1];
        if (other->state == JOB_RUNNING && other->kind == job->kind &&
            other->table.v == job->table.v) {
            return true;
        }
    }
    return false;
}

/* Takes the first job whose time has come; NULL: none. *until_us: that of the next one. */
static struct job *dequeue(struct jobs *jobs, uint64_t now_us, uint64_t *until_us)
{
    for (struct job **at = &jobs->queue; *at != NULL; at = &(*at)->next) {
        struct job *job = *at;
        if (job->not_before_us <= now_us) {
            if (is_held_up(jobs, job)) {
                continue;
            }
            *at = job->next;
            job->next = NULL;
            return job;
        }
        *until_us = job->not_before_us < *until_us ? job->not_before_us : *until_us;
    }
    return NULL;
}

/* Drops the oldest job that was over before a moment; its record is removed by the caller. */
static bool drop_first(struct jobs *jobs, int64_t before_us, char id[JOB_ID_BYTES])
{
    for (size_t i = 0; i < jobs->count; i++) {
        struct job *job = jobs->all[i];
        if (job_state_is_final(job->state) && job->finished_us < before_us) {
            memcpy(id, job->id, JOB_ID_BYTES);
            remove_at(jobs, i);
            return true;
        }
    }
    return false;
}

/* The same above the limit of their number. */
static bool drop_oldest(struct jobs *jobs, char id[JOB_ID_BYTES])
{
    return jobs->count > JOBS_KEPT_MAX && drop_first(jobs, INT64_MAX, id);
}

/* -- queueing -----------------------------------------------------------------------------------
 */

/* Does `job`, which is not over, do all that is asked for now? What a statement asks for covers the
 * rows that were acknowledged before it; one that runs may have read its view already, and one that
 * is killed will not: such a job gets one successor, which waits for it (dequeue). */
static bool covers(const struct job *job, bool is_forced)
{
    return !is_forced || (job->state != JOB_RUNNING && atomic_count_get(&job->cancel) == 0);
}

/* The newest job of the kind for the table that is not over and covers what is asked for. */
static struct job *find_open(struct jobs *jobs, enum job_kind kind, table_id table, bool is_forced)
{
    for (size_t i = jobs->count; i > 0; i--) {
        struct job *job = jobs->all[i - 1];
        if (job->kind == kind && job->table.v == table.v && !job_state_is_final(job->state) &&
            covers(job, is_forced)) {
            return job;
        }
    }
    return NULL;
}

/* What a scheduled job would find: another value means that there may be work now. 0: unknown. */
static uint64_t counters_of(struct jobs *jobs, table_id table)
{
    struct table_totals t;
    store_totals(jobs->options.store, table, &t);
    return hash_bytes(str_of(&t, sizeof t)) | 1;
}

static struct job *make_job(struct jobs *jobs, enum job_kind kind, table_id table, str ns, str name,
                            bool is_forced)
{
    struct job *job = mem_alloc_zeroed(sizeof *job);
    (void)snprintf(job->id, sizeof job->id, "%s-%012llx", job_kind_prefix(kind),
                   (unsigned long long)(random_u64() & 0xFFFFFFFFFFFFULL));
    job->kind = kind;
    job->state = JOB_QUEUED;
    job->table = table;
    job->is_forced = is_forced;
    job->counters = is_forced ? 0 : counters_of(jobs, table);
    job->created_us = clock_wall_us(jobs->options.clock);
    job->updated_us = job->created_us;
    (void)snprintf(job->namespace_name, sizeof job->namespace_name, STR_FMT, STR(ns));
    (void)snprintf(job->table_name, sizeof job->table_name, STR_FMT, STR(name));
    return job;
}

static void cancel_waiting(struct jobs *jobs, struct job *job)
{
    (void)snprintf(job->message, sizeof job->message, "Cancelled before it began");
    move(jobs, job, JOB_CANCELLED);
}

/* The first record is durable, or `result` says why not. Under the lock. True: the state has moved
 * on already, `copy` is to be saved. */
static bool record_done(struct jobs *jobs, struct job *job, status result, struct job *copy)
{
    job->is_recorded = true;
    if (!status_ok(result)) {
        move(jobs, job, JOB_FAILED);
        return false;
    }
    if (atomic_count_get(&job->cancel) == 0) {
        enqueue(jobs, job);
        return false;
    }
    cancel_waiting(jobs, job);
    memcpy(copy, job, sizeof *copy);
    return true;
}

status jobs_queue(struct jobs *jobs, enum job_kind kind, table_id table, str ns, str name,
                  bool is_forced, char id[JOB_ID_BYTES], struct error *err)
{
    struct job *job = make_job(jobs, kind, table, ns, name, is_forced);
    struct job copy;
    lock_take(&jobs->lock);
    struct job *open = find_open(jobs, kind, table, is_forced);
    if (open != NULL) {
        memcpy(id, open->id, JOB_ID_BYTES);
        /* Work asked for by a statement must reach every partition, also when a scheduled job of
         * the table waits: that one then does all. */
        if (is_forced) { /* so it does not run: a running one is read without the lock */
            open->is_forced = true;
        }
        lock_give(&jobs->lock);
        mem_free(job);
        return error_set(err, ERROR_EXISTS, "job %s is queued or running", id);
    }
    add(jobs, job); /* seen by find_open from here on, run only once its record is durable */
    memcpy(&copy, job, sizeof copy);
    lock_give(&jobs->lock);

    memcpy(id, copy.id, JOB_ID_BYTES);
    status result = save(jobs, &copy, err);
    char dropped[JOB_ID_BYTES];
    lock_take(&jobs->lock);
    bool is_cancelled = record_done(jobs, job, result, &copy);
    bool has_dropped = drop_oldest(jobs, dropped);
    lock_give(&jobs->lock);
    if (is_cancelled) {
        result = save(jobs, &copy, err);
    }
    if (has_dropped && status_ok(result)) {
        result = write_record(jobs, dropped, (str){NULL, 0}, true, err);
    }
    return result;
}

status jobs_kill(struct jobs *jobs, str id, struct error *err)
{
    lock_take(&jobs->lock);
    struct job *job = map_find(&jobs->by_id, id);
    status result = STATUS_IS_OK;
    bool must_save = false;
    if (job == NULL) {
        result = error_set(err, ERROR_NOT_FOUND, "Job " STR_FMT " not found", STR(id));
    } else if (job_state_is_final(job->state)) {
        result = error_set(err, ERROR_INVALID_OPERATION, "Cannot cancel job in status %s",
                           job_state_name(job->state));
    } else if (job->state == JOB_RUNNING || !job->is_recorded) {
        atomic_count_set(&job->cancel, 1); /* it ends at its next safe point */
    } else {
        for (struct job **at = &jobs->queue; *at != NULL; at = &(*at)->next) {
            if (*at == job) {
                *at = job->next;
                break;
            }
        }
        cancel_waiting(jobs, job);
        must_save = true;
    }
    struct job copy = {0};
    if (must_save) {
        memcpy(&copy, job, sizeof copy);
    }
    lock_give(&jobs->lock);
    return must_save ? save(jobs, &copy, err) : result;
}

/* -- running ------------------------------------------------------------------------------------
 */

static enum job_state state_after(struct jobs *jobs, const struct job *job, status result,
                                  bool is_skipped)
{
    if (status_ok(result)) {
        return is_skipped ? JOB_SKIPPED : JOB_COMPLETED;
    }
    if (result.code == STATUS_CANCELLED || atomic_count_get(&job->cancel) != 0) {
        return JOB_CANCELLED;
    }
    bool may_retry = result.code == STATUS_UNAVAILABLE || result.code == STATUS_CONFLICT;
    return may_retry && job->retries < jobs->options.retries_max && !jobs->is_stopping
               ? JOB_RETRYING
               : JOB_FAILED;
}

/* Nobody reads of a job without a record when it is over. Under the lock. */
static void forget(struct jobs *jobs, const struct job *job)
{
    size_t i = jobs->count;
    while (i > 0 && jobs->all[i - 1] != job) {
        i--;
    }
    CHECK(i > 0);
    remove_at(jobs, i - 1);
}

static void run_job(struct jobs *jobs, struct job *job, unsigned thread)
{
    save_or_log(jobs, job);
    unsigned slot = jobs->options.first_slot + 2 * thread;
    struct work work = {.options = &jobs->options, .job = job, .slot = {slot, slot + 1}};
    struct error err;
    error_clear(&err);
    bool is_skipped = false;
    struct meter meter;
    meter_begin(&meter);
    status result = work_run(&work, &is_skipped, &err);

    lock_take(&jobs->lock);
    meter_end(&meter, job);
    enum job_state state = state_after(jobs, job, result, is_skipped);
    (void)snprintf(job->message, sizeof job->message, "%.500s",
                   status_ok(result) ? work.message : err.text);
    move(jobs, job, state);
    uint64_t now_us = clock_mono_us(jobs->options.clock);
    if (state == JOB_RETRYING) {
        unsigned shift = job->retries < BACKOFF_SHIFT_MAX ? job->retries : BACKOFF_SHIFT_MAX;
        job->not_before_us = now_us + ((uint64_t)jobs->options.retry_backoff_ms << shift) * 1000;
        job->retries++;
        enqueue(jobs, job);
    } else {
        uint64_t pause_s = state == JOB_FAILED ? FAILED_PAUSE_S : SKIPPED_PAUSE_S;
        job->not_before_us = now_us + pause_s * 1000000;
    }
    struct job copy;
    memcpy(&copy, job, sizeof copy);
    if (job_state_is_final(state) && !job_kind_is_recorded(job->kind)) {
        forget(jobs, job);
    }
    lock_give(&jobs->lock);
    save_or_log(jobs, &copy);
}

/* -- scheduling ---------------------------------------------------------------------------------
 */

/* The newest one of a kind for a table says whether another is worth it now: not soon after a
 * failure, and not while nothing has changed since one found nothing. */
static bool is_paused(struct jobs *jobs, enum job_kind kind, table_id table)
{
    uint64_t counters = counters_of(jobs, table);
    uint64_t now_us = clock_mono_us(jobs->options.clock);
    bool is_paused = false;
    lock_take(&jobs->lock);
    for (size_t i = jobs->count; i > 0; i--) {
        const struct job *job = jobs->all[i - 1];
        if (job->kind == kind && job->table.v == table.v) {
            bool found_nothing = job->state == JOB_SKIPPED && job->counters == counters &&
                                 kind != JOB_STREAM_EVICTION; /* rows expire without a counter */
            is_paused = (job->state == JOB_FAILED || found_nothing) && now_us < job->not_before_us;
            break;
        }
    }
    lock_give(&jobs->lock);
    return is_paused;
}

static void queue_for(struct jobs *jobs, enum job_kind kind, const struct catalog_snapshot *s,
                      table_id id)
{
    const struct table *table = snapshot_find_table_id(s, id);
    char job[JOB_ID_BYTES];
    struct error ignored; /* EXISTS: it is under way already */
    if (table != NULL && !is_paused(jobs, kind, id)) {
        status result =
            jobs_queue(jobs, kind, id, table->namespace_name, table->name, false, job, &ignored);
        (void)result.code;
    }
}

/* Candidates are partitions, jobs are of tables: a table comes many times. */
static bool is_first(struct map *seen, table_id table)
{
    return map_put(seen, str_of(&table, sizeof table), seen) == NULL;
}

static void schedule_flushes(struct jobs *jobs, const struct catalog_snapshot *s,
                             struct arena *arena)
{
    struct flush_candidate *due = NULL;
    size_t count = 0;
    int64_t next_us = 0;
    struct map seen;
    map_init(&seen);
    store_flush_candidates(jobs->options.store, s, clock_wall_us(jobs->options.clock), 10000, arena,
                           &due, &count, &next_us);
    for (size_t i = 0; i < count; i++) {
        if (is_first(&seen, due[i].table)) {
            queue_for(jobs, JOB_FLUSH, s, due[i].table);
        }
    }
    map_release(&seen);
}

static void schedule_compactions(struct jobs *jobs, const struct catalog_snapshot *s,
                                 struct arena *arena)
{
    struct compact_candidate *worth = NULL;
    size_t count = 0;
    struct map seen;
    map_init(&seen);
    store_compact_candidates(jobs->options.store, arena, &worth, &count);
    for (size_t i = 0; i < count; i++) {
        if (is_first(&seen, worth[i].table)) {
            queue_for(jobs, JOB_COMPACT, s, worth[i].table);
        }
    }
    map_release(&seen);
}

static void schedule_trims(struct jobs *jobs, const struct catalog_snapshot *s, struct arena *arena)
{
    struct stream_candidate *overfull = NULL;
    size_t count = 0;
    struct map seen;
    map_init(&seen);
    stream_candidates(jobs->options.store, s, arena, &overfull, &count);
    for (size_t i = 0; i < count; i++) {
        if (is_first(&seen, overfull[i].table)) {
            queue_for(jobs, JOB_STREAM_TRIM, s, overfull[i].table);
        }
    }
    map_release(&seen);
}

/* Dropped tables whose clean-up failed, was killed, or gave up waiting for a flush. */
static void schedule_cleanups(struct jobs *jobs, struct arena *arena)
{
    struct dropped_table *dropped = NULL;
    unsigned count = 0;
    struct error err;
    if (!status_ok(catalog_list_dropped(jobs->options.catalog, arena, &dropped, &count, &err))) {
        log_warn("jobs", "dropped_not_listed", "error=\"%s\"", err.text);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        char id[JOB_ID_BYTES];
        if (!is_paused(jobs, JOB_CLEANUP, dropped[i].id)) {
            status result = jobs_queue(jobs, JOB_CLEANUP, dropped[i].id, dropped[i].namespace_name,
                                       dropped[i].name, false, id, &err);
            (void)result.code; /* EXISTS: it is under way already */
        }
    }
}

/* A job of no table. */
static void schedule_one(struct jobs *jobs, enum job_kind kind)
{
    char id[JOB_ID_BYTES];
    struct error ignored; /* EXISTS: it is under way already */
    status result =
        jobs_queue(jobs, kind, (table_id){0}, (str){NULL, 0}, (str){NULL, 0}, false, id, &ignored);
    (void)result.code;
}

static void schedule_sweep(struct jobs *jobs)
{
    const struct jobs_options *o = &jobs->options;
    if (o->sweep != NULL && o->has_expired(o->sweep_context)) {
        schedule_one(jobs, JOB_CACHE_SWEEP);
    }
}

/* Jobs that were over long ago go, and so do their records. */
static void drop_expired(struct jobs *jobs)
{
    int64_t age_us = (int64_t)jobs->options.kept_days * 86400 * 1000000;
    int64_t before_us = clock_wall_us(jobs->options.clock) - age_us;
    bool has_dropped = age_us > 0;
    while (has_dropped) {
        char id[JOB_ID_BYTES];
        struct error err;
        lock_take(&jobs->lock);
        has_dropped = drop_first(jobs, before_us, id);
        lock_give(&jobs->lock);
        if (has_dropped && !status_ok(write_record(jobs, id, (str){NULL, 0}, true, &err))) {
            log_warn("jobs", "record_not_removed", "job=%s error=\"%s\"", id, err.text);
            return;
        }
    }
}

static void schedule(struct jobs *jobs, bool with_streams)
{
    struct arena arena;
    arena_init(&arena);
    const struct catalog_snapshot *s = catalog_take(jobs->options.catalog);
    schedule_flushes(jobs, s, &arena);
    schedule_compactions(jobs, s, &arena);
    schedule_trims(jobs, s, &arena);
    for (unsigned i = 0; with_streams && i < s->table_count; i++) {
        struct table_totals totals;
        store_totals(jobs->options.store, s->tables[i]->id, &totals);
        if (s->tables[i]->kind == TABLE_STREAM && totals.hot_rows > 0) {
            queue_for(jobs, JOB_STREAM_EVICTION, s, s->tables[i]->id);
        }
    }
    if (with_streams) {
        schedule_cleanups(jobs, &arena);
        drop_expired(jobs);
    }
    catalog_give(s);
    arena_release(&arena);
    (void)store_drain_files(jobs->options.store); /* files that views had kept */
}

/* Under the lock, which it gives while it looks. */
static void tick(struct jobs *jobs, uint64_t now_us)
{
    bool with_streams = now_us >= jobs->next_stream_tick_us;
    if (with_streams) {
        jobs->next_stream_tick_us = now_us + jobs->options.stream_tick_s * 1000000ULL;
    }
    bool with_sweep = jobs->options.sweep_tick_s > 0 && now_us >= jobs->next_sweep_us;
    if (with_sweep) {
        jobs->next_sweep_us = now_us + jobs->options.sweep_tick_s * 1000000ULL;
    }
    bool with_sample = jobs->options.sample != NULL && now_us >= jobs->next_sample_us;
    if (with_sample) {
        jobs->next_sample_us = now_us + jobs->options.sample_tick_s * 1000000ULL;
    }
    jobs->is_ticking = true;
    lock_give(&jobs->lock);
    schedule(jobs, with_streams);
    if (with_sweep) {
        schedule_sweep(jobs);
    }
    if (with_sample) {
        schedule_one(jobs, JOB_DBA_STATS);
    }
    lock_take(&jobs->lock);
    jobs->is_ticking = false;
    jobs->next_tick_us = clock_mono_us(jobs->options.clock) + jobs->options.tick_ms * 1000ULL;
}

/* Under the lock, which it gives while it works. False: nothing is due before *until_us. */
static bool step(struct jobs *jobs, unsigned thread, uint64_t *until_us)
{
    uint64_t now_us = clock_mono_us(jobs->options.clock);
    *until_us = jobs->next_tick_us;
    struct job *job = dequeue(jobs, now_us, until_us);
    if (job != NULL) {
        move(jobs, job, JOB_RUNNING);
        lock_give(&jobs->lock);
        run_job(jobs, job, thread);
        lock_take(&jobs->lock);
        return true;
    }
    if (!jobs->is_ticking && now_us >= jobs->next_tick_us) {
        tick(jobs, now_us);
        return true;
    }
    return false;
}

bool jobs_step(struct jobs *jobs)
{
    uint64_t until_us = 0;
    lock_take(&jobs->lock);
    bool did_something = step(jobs, 0, &until_us);
    lock_give(&jobs->lock);
    return did_something;
}

static void *run_thread(void *argument)
{
    struct job_thread *self = argument;
    struct jobs *jobs = self->jobs;
    lock_take(&jobs->lock);
    while (!jobs->is_stopping) {
        uint64_t until_us = 0;
        if (!step(jobs, self->number, &until_us)) {
            uint64_t now_us = clock_mono_us(jobs->options.clock);
            uint64_t wait_ms = until_us > now_us ? (until_us - now_us) / 1000 + 1 : 1;
            (void)cond_wait_ms(&jobs->wake, &jobs->lock,
                               wait_ms < jobs->options.tick_ms ? wait_ms : jobs->options.tick_ms);
        }
    }
    lock_give(&jobs->lock);
    return NULL;
}

void jobs_start(struct jobs *jobs)
{
    uint64_t now_us = clock_mono_us(jobs->options.clock);
    jobs->next_tick_us = now_us + jobs->options.tick_ms * 1000ULL;
    jobs->next_stream_tick_us = now_us + jobs->options.stream_tick_s * 1000000ULL;
    jobs->next_sweep_us = now_us + jobs->options.sweep_tick_s * 1000000ULL;
    for (unsigned i = 0; i < jobs->thread_count; i++) {
        jobs->threads[i].jobs = jobs;
        jobs->threads[i].number = i;
        thread_start(&jobs->threads[i].thread, "job", 8 << 20, run_thread, &jobs->threads[i]);
    }
}

void jobs_stop(struct jobs *jobs)
{
    if (jobs == NULL) {
        return;
    }
    lock_take(&jobs->lock);
    jobs->is_stopping = true;
    for (size_t i = 0; i < jobs->count; i++) {
        if (jobs->all[i]->state == JOB_RUNNING) {
            atomic_count_set(&jobs->all[i]->cancel, 1);
        }
    }
    cond_broadcast(&jobs->wake);
    lock_give(&jobs->lock);
    for (unsigned i = 0; i < jobs->thread_count; i++) {
        thread_join(&jobs->threads[i].thread);
    }
}

/* -- reading ------------------------------------------------------------------------------------
 */

status jobs_each(struct jobs *jobs, jobs_visit_fn *visit, void *context, struct error *err)
{
    lock_take(&jobs->lock);
    size_t count = jobs->count;
    struct job *copies = mem_alloc((count + 1) * sizeof *copies);
    for (size_t i = 0; i < count; i++) {
        memcpy(&copies[i], jobs->all[count - 1 - i], sizeof copies[i]);
    }
    lock_give(&jobs->lock);
    status result = STATUS_IS_OK;
    for (size_t i = 0; i < count && status_ok(result); i++) {
        result = visit(context, &copies[i], err);
    }
    mem_free(copies);
    return result;
}

bool jobs_find(struct jobs *jobs, str id, struct job *out)
{
    lock_take(&jobs->lock);
    const struct job *job = map_find(&jobs->by_id, id);
    if (job != NULL) {
        memcpy(out, job, sizeof *out);
    }
    lock_give(&jobs->lock);
    return job != NULL;
}

uint64_t jobs_version(struct jobs *jobs)
{
    return 1 + atomic_count_get(&jobs->version);
}

unsigned jobs_count(struct jobs *jobs, enum job_state state)
{
    lock_take(&jobs->lock);
    unsigned n = 0;
    for (size_t i = 0; i < jobs->count; i++) {
        n += jobs->all[i]->state == state ? 1 : 0;
    }
    lock_give(&jobs->lock);
    return n;
}
