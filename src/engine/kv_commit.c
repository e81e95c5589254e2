/* engine/kv_commit.c -- the committer: from a queue of requests to groups on disk.
 *     submit -> queue -> [ group: apply each over the overlay -> one kv_commit ] -> publish -> done
 *                                   | only async requests: written without a sync
 *                                   +-> done -> pending ... sync thread: kv_sync ... -> publish
 * Invariants: (1) publishes run in the order of commits, also between synced and async groups: a
 *                 synced group first publishes everything that is pending
 *             (2) nothing is published before a sync that covers it, but for requests that allow it
 *                 (may_precede_sync), and those only when nothing before them is pending
 *             (3) after a failure nothing is written, published or answered OK any more.
 * Threads:  the committer (all but the queue is its own) and, from the first async group on, one
 * that does nothing but kv_sync, so that writing goes on meanwhile. `lock` guards the queue and
 *           what the two tell each other. */
#include "engine/kv_commit.h"
#include "base/check.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/metric.h"
#include "engine/kv_lease.h"
#include "engine/kv_overlay.h"
#include "model/limits.h"

#include <unistd.h>

enum {
    GENERATIONS_CACHED_MAX = 4096, /* partitions; then the cache starts anew */
    UNKNOWN_RETRIES_MAX = 3,
    EXIT_STORE_FAILED = 71
};

/* One write to the store, and the memory of the requests in it. */
struct commit_group {
    refcount refs; /* the committer while it works on it, each pending request, commit_group_take */
    uint64_t number; /* 1, 2, ... in the order of writing */
    uint64_t seq;    /* newest of its applied requests; 0: none */
    int64_t now_us;
    struct arena arena;
};

struct commit_txn {
    struct committer *committer;
    struct commit_group *group;
    struct commit_request *request;
    uint64_t seq; /* newest that this request took; 0: none */
};

struct request_list {
    struct commit_request *first;
    struct commit_request *last;
};

struct committer {
    struct kv_store *store;
    const struct clock *clock;
    struct snowflake *seq;
    struct kv_lease *lease;
    const atomic_count *watchers;
    void (*fail_stop)(void *context, const struct error *err);
    void *fail_context;
    struct thread thread;
    struct thread sync_thread; /* started with the first async group */
    atomic_count published_seq;
    atomic_count groups;
    atomic_count requests;
    atomic_count syncs;
    atomic_count group_us_total;

    struct lock lock; /* COMMIT_QUEUE; guards from here to `failed` */
    struct cond work; /* for the committer: requests, a sync, a write, the end */
    struct request_list queue;
    bool stopping;
    bool waiting;          /* the committer is in a wait for work */
    uint64_t async_open;   /* async requests submitted and not yet released */
    struct cond sync_work; /* for the sync thread */
    uint64_t sync_wanted;  /* number of the newest group that wants a sync */
    uint64_t sync_done;    /* all groups up to it are durable */
    bool sync_is_urgent;   /* somebody waits for it */
    bool sync_is_idle;     /* its thread waits for groups */
    bool sync_stopping;
    bool sync_failed;
    struct error sync_error;
    bool write_done;       /* kv_commit has called back ... */
    status write_result;   /* ... with this */
    struct kv_head *heads; /* where the heads go; one per transaction */
    size_t head_count;
    bool failed; /* see invariant 3; written by the committer */

    /* the committer's own */
    struct overlay overlay;
    struct map generations;      /* partition -> generation after our last write */
    struct request_list pending; /* async, written, not published; oldest first */
    struct commit_group *spare;  /* kept for its memory */
    bool may_use_reserve;        /* all requests of the group at hand may */
    uint64_t group_number;
    int64_t last_now_us;
    uint64_t txn_id_random;
};

struct commit_waiter {
    struct lock lock;
    struct cond cond;
    bool finished;
    status result;
};

/* -- lists and groups -------------------------------------------------------------------------- */

static void list_append(struct request_list *list, struct commit_request *request)
{
    request->next = NULL;
    if (list->last != NULL) {
        list->last->next = request;
    } else {
        list->first = request;
    }
    list->last = request;
}

static struct commit_request *list_pop(struct request_list *list)
{
    struct commit_request *request = list->first;
    if (request != NULL) {
        list->first = request->next;
        list->last = list->first != NULL ? list->last : NULL;
        request->next = NULL;
    }
    return request;
}

static struct commit_group *group_create(struct committer *c)
{
    struct commit_group *group = c->spare;
    c->spare = NULL;
    if (group == NULL) {
        group = mem_alloc(sizeof *group);
        arena_init(&group->arena);
    }
    int64_t now_us = clock_wall_us(c->clock);
    c->last_now_us = now_us > c->last_now_us ? now_us : c->last_now_us;
    refcount_init(&group->refs);
    group->number = ++c->group_number;
    group->seq = 0;
    group->now_us = c->last_now_us;
    return group;
}

struct commit_group *commit_group_take(const struct commit_request *request)
{
    refcount_take(&request->group->refs);
    return request->group;
}

void commit_group_give(struct commit_group *group)
{
    if (refcount_give(&group->refs)) {
        arena_release(&group->arena);
        mem_free(group);
    }
}

/* As commit_group_give, on the committer thread: the memory may serve the next group. */
static void group_give(struct committer *c, struct commit_group *group)
{
    if (!refcount_give(&group->refs)) {
        return;
    }
    if (c->spare == NULL) {
        arena_reset(&group->arena);
        c->spare = group;
    } else {
        arena_release(&group->arena);
        mem_free(group);
    }
}

/* -- the ends of requests ---------------------------------------------------------------------- */

static void waiter_finish(struct commit_waiter *waiter)
{
    lock_take(&waiter->lock);
    waiter->finished = true;
    cond_signal(&waiter->cond);
    lock_give(&waiter->lock);
}

/* The last that the committer does with an async request. */
static void release(struct committer *c, struct commit_request *request)
{
    struct commit_waiter *waiter = request->waiter;
    if (request->release != NULL) {
        request->release(request);
    }
    lock_take(&c->lock);
    c->async_open--;
    lock_give(&c->lock);
    if (waiter != NULL) {
        waiter_finish(waiter);
    }
}

/* Answers. A synced request is the caller's afterwards; an async one unless `is_pending`. */
static void finish(struct committer *c, struct commit_request *request, status result,
                   bool is_pending)
{
    bool is_async = request->durability == COMMIT_ASYNC;
    struct commit_waiter *waiter = request->waiter;
    if (waiter != NULL) {
        waiter->result = result; /* read after waiter_finish */
    }
    if (request->done != NULL) {
        request->done(request, result);
    }
    if (!is_async && waiter != NULL) {
        waiter_finish(waiter);
    }
    if (is_async && !is_pending) {
        release(c, request);
    }
}

/* Refuses requests that were not evaluated. */
static void refuse_all(struct committer *c, struct request_list *list, enum error_id id,
                       const char *why)
{
    for (struct commit_request *r = list_pop(list); r != NULL; r = list_pop(list)) {
        finish(c, r, error_set(&r->error, id, "%s", why), false);
    }
}

static void publish(struct commit_request *request)
{
    if (request->publish != NULL) {
        request->publish(request);
    }
}

static void set_published(struct committer *c, const struct commit_group *group)
{
    if (group->seq > atomic_count_get(&c->published_seq)) {
        atomic_count_set(&c->published_seq, group->seq);
    }
}

/* Publishes (or, after a failure, drops) the pending requests of groups up to `number`. */
static void end_pending(struct committer *c, uint64_t number)
{
    while (c->pending.first != NULL && c->pending.first->group->number <= number) {
        struct commit_request *request = list_pop(&c->pending);
        struct commit_group *group = request->group;
        if (!c->failed) {
            publish(request);
            if (c->pending.first == NULL || c->pending.first->group != group) {
                set_published(c, group);
            }
        }
        release(c, request);
        group_give(c, group);
    }
}

/* -- failing ----------------------------------------------------------------------------------- */

static void fail(struct committer *c, const struct error *err)
{
    log_error("commit", "fail_stop", "reason=\"%s\"", err->text);
    lock_take(&c->lock);
    c->failed = true;
    lock_give(&c->lock);
    if (c->fail_stop != NULL) {
        c->fail_stop(c->fail_context, err);
    } else {
        log_close();
        _exit(EXIT_STORE_FAILED);
    }
    end_pending(c, UINT64_MAX);
}

/* -- writing ----------------------------------------------------------------------------------- */

static void note_written(void *context, status result, const struct kv_head *heads)
{
    struct committer *c = context;
    lock_take(&c->lock);
    if (status_ok(result)) {
        memcpy(c->heads, heads, c->head_count * sizeof *heads);
    }
    c->write_result = result;
    c->write_done = true;
    cond_signal(&c->work);
    lock_give(&c->lock);
}

static status write_once(struct committer *c, const struct kv_txn *txns, size_t count, bool sync)
{
    uint64_t start_us = clock_mono_us(c->clock);
    lock_take(&c->lock);
    c->write_done = false;
    lock_give(&c->lock);
    kv_commit(c->store, txns, count, sync, note_written, c);
    lock_take(&c->lock);
    while (!c->write_done) {
        cond_wait(&c->work, &c->lock);
    }
    status result = c->write_result;
    lock_give(&c->lock);
    if (sync) {
        metric_observe(METRIC_FSYNC_DURATION, 0, 0, clock_mono_us(c->clock) - start_us);
    }
    return result;
}

static uint64_t cached_generation(const struct committer *c, str partition)
{
    const void *generation = map_find(&c->generations, partition);
    return generation != NULL ? (uint64_t)(uintptr_t)generation : KV_ANY_GENERATION;
}

static void keep_generations(struct committer *c, const struct kv_txn *txns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (c->generations.count >= GENERATIONS_CACHED_MAX) {
            map_clear(&c->generations);
        }
        (void)map_put(&c->generations, txns[i].partition,
                      (void *)(uintptr_t)c->heads[i].generation);
    }
}

/* IO, whatever went wrong: after a failed sync nobody knows what is on disk. */
static status sync_store(struct committer *c, struct error *err)
{
    uint64_t start_us = clock_mono_us(c->clock);
    status result = kv_sync(c->store, err);
    metric_observe(METRIC_FSYNC_DURATION, 0, 0, clock_mono_us(c->clock) - start_us);
    (void)atomic_count_add(&c->syncs, 1);
    return status_ok(result) ? result : status_from(STATUS_IO);
}

/* The store lost sight of the group: it is asked. OK: applied (and synced); UNKNOWN_OUTCOME: it was
 * not, and may be written again under the same id. */
static status ask_outcome(struct committer *c, const struct kv_txn *txns, bool sync,
                          struct error *err)
{
    bool seen = false;
    TRY(kv_txn_seen(c->store, txns[0].partition, txns[0].id, &seen, err));
    if (!seen) {
        return error_set(err, ERROR_UNKNOWN_OUTCOME, "the store does not say what was written");
    }
    map_clear(&c->generations); /* the heads of this group were not reported */
    return sync ? sync_store(c, err) : STATUS_IS_OK;
}

/* OK, STORAGE_FULL (nothing written, the committer goes on), or any other status: it cannot. */
static status write_group(struct committer *c, struct kv_txn *txns, size_t count, bool sync,
                          struct error *err)
{
    uint64_t id[KV_TXN_ID_BYTES / sizeof(uint64_t)] = {c->txn_id_random, c->group_number};
    for (size_t i = 0; i < count; i++) {
        memcpy(txns[i].id, id, sizeof id);
        txns[i].expect_generation = cached_generation(c, txns[i].partition);
        txns[i].may_use_reserve = c->may_use_reserve;
    }
    for (int try = 0;; try++) {
        status result = write_once(c, txns, count, sync);
        switch (result.code) {
        case STATUS_OK:
            keep_generations(c, txns, count);
            return result;
        case STATUS_STORAGE_FULL:
            return error_set(err, ERROR_STORAGE_FULL, "the disk is full");
        case STATUS_CONFLICT:
            return error_set(err, ERROR_IO, "somebody else has written to the store");
        case STATUS_UNKNOWN_OUTCOME:
            result = ask_outcome(c, txns, sync, err);
            if (result.code != STATUS_UNKNOWN_OUTCOME || try >= UNKNOWN_RETRIES_MAX) {
                return result;
            }
            break;
        default:
            return error_set(err, ERROR_IO, "the store failed while writing");
        }
    }
}

/* -- evaluating -------------------------------------------------------------------------------- */

static void evaluate(struct committer *c, struct commit_group *group, struct commit_request *r)
{
    struct commit_txn txn = {.committer = c, .group = group, .request = r};
    size_t mark = overlay_mark(&c->overlay);
    r->group = group;
    r->change = NULL;
    r->outcome = r->apply(&txn, r);
    if (!status_ok(r->outcome)) {
        overlay_rollback(&c->overlay, mark);
        return;
    }
    overlay_stamp(&c->overlay, mark, txn.seq);
    group->seq = txn.seq > group->seq ? txn.seq : group->seq;
}

static void put_lease(struct committer *c, uint64_t until)
{
    char value[KV_LEASE_BYTES];
    overlay_add(&c->overlay, OVERLAY_PUT, KV_SYSTEM, kv_lease_partition_bytes(), kv_lease_key(),
                kv_lease_encode(until, value));
}

/* Adds the record of the next lease to a group that writes; the answer is that lease, or 0. */
static uint64_t renew_lease(struct committer *c)
{
    uint64_t last = snowflake_last(c->seq);
    if (c->lease == NULL || c->overlay.op_count == 0 || !kv_lease_is_due(c->lease, last)) {
        return 0;
    }
    uint64_t until = kv_lease_ahead(last);
    put_lease(c, until);
    return until;
}

/* Is something written and not yet on disk? */
static bool is_unsynced(struct committer *c)
{
    lock_take(&c->lock);
    bool is_behind = c->sync_wanted > c->sync_done;
    lock_give(&c->lock);
    return is_behind;
}

/* Writes what the overlay holds, `lease` among it (0: none). *durable: the group and all before it
 * are on disk. */
static status write_overlay(struct committer *c, bool sync, uint64_t lease, bool *durable,
                            struct error *err)
{
    sync = sync || lease != 0; /* a lease counts only when it is on disk */
    struct kv_txn *txns = NULL;
    size_t count = overlay_txns(&c->overlay, &txns);
    if (count == 0) {
        bool is_behind = is_unsynced(c);
        *durable = sync || !is_behind;
        return sync && is_behind ? sync_store(c, err) : STATUS_IS_OK;
    }
    *durable = sync;
    c->heads = ARENA_ARRAY(c->overlay.arena, struct kv_head, count);
    c->head_count = count;
    FAULT_POINT("commit.before_write");
    status result = write_group(c, txns, count, sync, err);
    FAULT_POINT("commit.after_write");
    (void)atomic_count_add(&c->groups, 1);
    (void)atomic_count_add(&c->syncs, sync ? 1 : 0);
    if (status_ok(result) && lease != 0) {
        c->lease->until = lease;
    }
    return result;
}

/* Nothing of the group was written: every request that had succeeded gets `why`. */
static void refuse_group(struct committer *c, struct request_list *list, const struct error *why,
                         status result)
{
    for (struct commit_request *r = list_pop(list); r != NULL; r = list_pop(list)) {
        if (status_ok(r->outcome)) {
            r->outcome = result;
            r->error = *why;
        }
        finish(c, r, r->outcome, false);
    }
}

/* The group and all before it are on disk. */
static void note_durable(struct committer *c, const struct commit_group *group)
{
    end_pending(c, UINT64_MAX);
    lock_take(&c->lock);
    c->sync_done = group->number;
    lock_give(&c->lock);
}

static void publish_group(struct committer *c, struct commit_group *group,
                          struct request_list *list)
{
    FAULT_POINT("commit.before_publish");
    for (struct commit_request *r = list->first; r != NULL; r = r->next) {
        if (status_ok(r->outcome)) {
            publish(r);
        }
    }
    set_published(c, group);
    for (struct commit_request *r = list_pop(list); r != NULL; r = list_pop(list)) {
        finish(c, r, r->outcome, false);
    }
}

static void *run_syncs(void *argument);

/* Do the events of an async group leave without a sync? Not before those that wait for theirs. */
static bool may_publish_now(const struct committer *c, const struct request_list *list)
{
    if (c->pending.first != NULL) {
        return false;
    }
    for (const struct commit_request *r = list->first; r != NULL; r = r->next) {
        if (status_ok(r->outcome) && !r->may_precede_sync) {
            return false;
        }
    }
    return true;
}

/* Does somebody wait for what leaves when the group is durable? */
static bool is_awaited(const struct committer *c, const struct request_list *list)
{
    bool is_awaited = c->watchers == NULL || atomic_count_get(c->watchers) > 0;
    for (const struct commit_request *r = list->first; r != NULL; r = r->next) {
        is_awaited = is_awaited || r->waiter != NULL;
    }
    return is_awaited;
}

/* Asks the sync thread for a sync that covers the group. */
static void want_sync(struct committer *c, const struct commit_group *group, bool is_urgent)
{
    if (!c->sync_thread.started) {
        thread_start(&c->sync_thread, "commit-sync", 0, run_syncs, c);
    }
    lock_take(&c->lock);
    c->sync_wanted = group->number;
    if (c->sync_is_idle || (is_urgent && !c->sync_is_urgent)) {
        cond_signal(&c->sync_work);
    }
    c->sync_is_urgent = c->sync_is_urgent || is_urgent;
    lock_give(&c->lock);
}

/* Answers an async group; its publishes wait for the sync thread. */
static void leave_pending(struct committer *c, struct commit_group *group,
                          struct request_list *list)
{
    want_sync(c, group, is_awaited(c, list));
    for (struct commit_request *r = list_pop(list); r != NULL; r = list_pop(list)) {
        bool is_pending = status_ok(r->outcome);
        if (is_pending) {
            refcount_take(&group->refs);
            list_append(&c->pending, r);
        }
        finish(c, r, r->outcome, is_pending);
    }
}

/* On a full disk requests that may not use the reserve are taken out of the group, lest they take
 * those that may down with them. */
static struct request_list part_requests(struct committer *c, struct request_list *list)
{
    size_t count = 0;
    size_t may_count = 0;
    for (const struct commit_request *r = list->first; r != NULL; r = r->next) {
        count++;
        may_count += r->may_use_reserve ? 1 : 0;
    }
    c->may_use_reserve = may_count == count;
    struct request_list refused = {0};
    if (may_count == 0 || may_count == count || !kv_is_full(c->store)) {
        return refused;
    }
    struct request_list all = *list;
    *list = (struct request_list){0};
    for (struct commit_request *r = list_pop(&all); r != NULL; r = list_pop(&all)) {
        list_append(r->may_use_reserve ? list : &refused, r);
    }
    c->may_use_reserve = true;
    return refused;
}

static void run_group(struct committer *c, struct request_list *list)
{
    struct request_list refused = part_requests(c, list);
    uint64_t start_us = clock_mono_us(c->clock);
    struct commit_group *group = group_create(c);
    bool sync = false;
    uint64_t count = 0;
    overlay_begin(&c->overlay, &group->arena);
    for (struct commit_request *r = list->first; r != NULL; r = r->next) {
        evaluate(c, group, r);
        sync = sync || (r->durability == COMMIT_SYNC && status_ok(r->outcome));
        count++;
    }
    struct error err = {0};
    bool durable = false;
    status result = write_overlay(c, sync, renew_lease(c), &durable, &err);
    if (!status_ok(result) && result.code != STATUS_STORAGE_FULL) {
        fail(c, &err);
        result = error_set(&err, ERROR_UNKNOWN_OUTCOME,
                           "the store failed; whether this was written shows after a restart");
    }
    (void)atomic_count_add(&c->requests, count);
    uint64_t took_us = clock_mono_us(c->clock) - start_us;
    (void)atomic_count_add(&c->group_us_total, took_us);
    metric_observe(METRIC_COMMIT_REQUESTS, 0, 0, count);
    metric_observe(METRIC_COMMIT_DURATION, 0, 0, took_us);
    if (!status_ok(result)) {
        refuse_group(c, list, &err, result);
    } else if (durable) {
        note_durable(c, group);
        publish_group(c, group, list);
    } else if (may_publish_now(c, list)) {
        want_sync(c, group, false);
        publish_group(c, group, list);
    } else {
        leave_pending(c, group, list);
    }
    refuse_all(c, &refused, ERROR_STORAGE_FULL, "the disk is full");
    group_give(c, group);
}

/* -- the threads ------------------------------------------------------------------------------- */

/* What there is to do, taken under the lock. */
struct turn {
    struct request_list requests;
    uint64_t sync_done;
    bool sync_failed;
    bool stopping;
};

/* Takes what waits, at most a group: LIMIT_COMMIT_GROUP requests, LIMIT_COMMIT_GROUP_BYTES. */
static void take_requests(struct committer *c, struct request_list *out)
{
    size_t bytes = 0;
    for (int count = 0; count < LIMIT_COMMIT_GROUP && c->queue.first != NULL; count++) {
        bytes += c->queue.first->bytes;
        if (count > 0 && bytes > LIMIT_COMMIT_GROUP_BYTES) {
            break;
        }
        list_append(out, list_pop(&c->queue));
    }
}

static bool has_work(const struct committer *c)
{
    const struct commit_request *oldest = c->pending.first;
    bool is_covered = oldest != NULL && oldest->group->number <= c->sync_done;
    return c->queue.first != NULL || c->stopping || is_covered || (c->sync_failed && !c->failed);
}

static struct turn wait_turn(struct committer *c)
{
    struct turn turn = {0};
    lock_take(&c->lock);
    while (!has_work(c)) {
        c->waiting = true;
        cond_wait(&c->work, &c->lock);
    }
    c->waiting = false;
    take_requests(c, &turn.requests);
    turn.sync_done = c->sync_done;
    turn.sync_failed = c->sync_failed;
    turn.stopping = c->stopping;
    lock_give(&c->lock);
    return turn;
}

/* A lease that ends at the last id, so that a clean restart does not run ahead of the clock. */
static status give_back_lease(struct committer *c, struct error *err)
{
    uint64_t last = snowflake_last(c->seq);
    if (c->lease == NULL || c->lease->until <= last) {
        return STATUS_IS_OK;
    }
    struct commit_group *group = group_create(c);
    overlay_begin(&c->overlay, &group->arena);
    put_lease(c, last);
    c->may_use_reserve = true;
    bool durable = false;
    status result = write_overlay(c, true, last, &durable, err);
    group_give(c, group);
    return result.code == STATUS_STORAGE_FULL ? STATUS_IS_OK : result;
}

/* The queue is empty for good: what is pending becomes durable and leaves. */
static void stop(struct committer *c)
{
    if (c->failed) {
        return;
    }
    struct error err = {0};
    status result = is_unsynced(c) ? sync_store(c, &err) : STATUS_IS_OK;
    if (status_ok(result)) {
        end_pending(c, UINT64_MAX);
        result = give_back_lease(c, &err);
    }
    if (!status_ok(result)) {
        fail(c, &err);
    }
}

static void *run_committer(void *argument)
{
    struct committer *c = argument;
    for (;;) {
        struct turn turn = wait_turn(c);
        if (turn.sync_failed && !c->failed) {
            fail(c, &c->sync_error); /* written once, before sync_failed */
        }
        end_pending(c, turn.sync_done);
        if (turn.requests.first == NULL && turn.stopping) {
            break;
        }
        if (c->failed) {
            refuse_all(c, &turn.requests, ERROR_UNAVAILABLE, "the store failed; the server stops");
        } else if (turn.requests.first != NULL) {
            run_group(c, &turn.requests);
        }
    }
    stop(c);
    return NULL;
}

/* Until a sync is due, with the lock. False: the committer has ended. */
static bool wait_sync(struct committer *c)
{
    while (!c->sync_stopping) {
        c->sync_is_idle = true;
        while (c->sync_wanted <= c->sync_done && !c->sync_stopping) {
            cond_wait(&c->sync_work, &c->lock);
        }
        c->sync_is_idle = false;
        while (!c->sync_is_urgent && !c->sync_stopping &&
               cond_wait_ms(&c->sync_work, &c->lock, COMMIT_SYNC_PACE_MS)) {
        }
        c->sync_is_urgent = false;
        if (c->sync_wanted > c->sync_done) { /* no synced group came first */
            return !c->sync_stopping;
        }
    }
    return false;
}

static void *run_syncs(void *argument)
{
    struct committer *c = argument;
    lock_take(&c->lock);
    while (wait_sync(c)) {
        uint64_t number = c->sync_wanted;
        lock_give(&c->lock);
        struct error err = {0};
        uint64_t start_us = clock_mono_us(c->clock);
        status result = kv_sync(c->store, &err);
        metric_observe(METRIC_FSYNC_DURATION, 0, 0, clock_mono_us(c->clock) - start_us);
        (void)atomic_count_add(&c->syncs, 1);
        lock_take(&c->lock);
        if (!status_ok(result)) {
            c->sync_error = err;
            c->sync_failed = true;
        } else if (c->sync_done < number) {
            c->sync_done = number;
        }
        cond_signal(&c->work);
        if (!status_ok(result)) {
            break;
        }
    }
    lock_give(&c->lock);
    return NULL;
}

struct committer *committer_create(const struct committer_options *options)
{
    /* A store whose groups are one partition needs groups of one request and requests of one
     * partition; there is no such store yet. */
    CHECK(kv_group_is_atomic(options->store));
    struct committer *c = mem_alloc_zeroed(sizeof *c);
    c->store = options->store;
    c->clock = options->clock;
    c->seq = options->seq;
    c->lease = options->lease;
    c->watchers = options->watchers;
    c->fail_stop = options->fail_stop;
    c->fail_context = options->fail_context;
    c->txn_id_random = random_u64();
    atomic_count_set(&c->published_seq, snowflake_last(options->seq));
    lock_init(&c->lock, LOCK_COMMIT_QUEUE);
    cond_init(&c->work);
    cond_init(&c->sync_work);
    overlay_init(&c->overlay);
    map_init(&c->generations);
    thread_start(&c->thread, "committer", 0, run_committer, c);
    return c;
}

void committer_destroy(struct committer *c)
{
    lock_take(&c->lock);
    c->stopping = true;
    cond_signal(&c->work);
    lock_give(&c->lock);
    thread_join(&c->thread);
    lock_take(&c->lock);
    c->sync_stopping = true;
    cond_signal(&c->sync_work);
    lock_give(&c->lock);
    thread_join(&c->sync_thread);
    CHECK(c->queue.first == NULL);
    CHECK(c->pending.first == NULL);
    if (c->spare != NULL) {
        arena_release(&c->spare->arena);
        mem_free(c->spare);
    }
    map_release(&c->generations);
    overlay_release(&c->overlay);
    cond_release(&c->sync_work);
    cond_release(&c->work);
    lock_release(&c->lock);
    mem_free(c);
}

/* -- submitting -------------------------------------------------------------------------------- */

void commit_submit(struct committer *c, struct commit_request *request)
{
    lock_take(&c->lock);
    list_append(&c->queue, request);
    c->async_open += request->durability == COMMIT_ASYNC ? 1 : 0;
    if (c->waiting) {
        c->waiting = false;
        cond_signal(&c->work);
    }
    lock_give(&c->lock);
}

status commit_submit_wait(struct committer *c, struct commit_request *request)
{
    struct commit_waiter waiter = {0};
    lock_init(&waiter.lock, LOCK_COMMIT_QUEUE);
    cond_init(&waiter.cond);
    request->waiter = &waiter;
    commit_submit(c, request);
    lock_take(&waiter.lock);
    while (!waiter.finished) {
        cond_wait(&waiter.cond, &waiter.lock);
    }
    lock_give(&waiter.lock);
    request->waiter = NULL;
    cond_release(&waiter.cond);
    lock_release(&waiter.lock);
    return waiter.result;
}

static status apply_nothing(struct commit_txn *txn, struct commit_request *request)
{
    (void)txn;
    (void)request;
    return STATUS_IS_OK;
}

status commit_sync_wait(struct committer *c, struct error *err)
{
    lock_take(&c->lock);
    bool nothing_is_open = c->async_open == 0 && c->sync_wanted <= c->sync_done && !c->failed;
    lock_give(&c->lock);
    if (nothing_is_open) {
        return STATUS_IS_OK;
    }
    struct commit_request request = {.apply = apply_nothing, .durability = COMMIT_SYNC};
    status result = commit_submit_wait(c, &request);
    if (!status_ok(result) && err != NULL) {
        *err = request.error;
    }
    return result;
}

uint64_t commit_published_seq(const struct committer *c)
{
    return atomic_count_get(&c->published_seq);
}

void commit_statistics_get(const struct committer *c, struct commit_statistics *out)
{
    *out = (struct commit_statistics){.groups = atomic_count_get(&c->groups),
                                      .requests = atomic_count_get(&c->requests),
                                      .syncs = atomic_count_get(&c->syncs),
                                      .group_us_total = atomic_count_get(&c->group_us_total)};
}

/* -- within apply ------------------------------------------------------------------------------ */

status commit_get(struct commit_txn *txn, enum kv_family family, str key, str *value, bool *found,
                  struct error *err)
{
    struct committer *c = txn->committer;
    if (overlay_find(&c->overlay, family, key, value, found)) {
        return STATUS_IS_OK;
    }
    struct arena *arena = &txn->group->arena;
    if (family == KV_SYSTEM) { /* what every group asks for, and few change */
        TRY(kv_get_newest(c->store, family, key, KV_MAY_BLOCK, arena, value, found, err));
    } else {
        TRY(kv_get(c->store, NULL, family, key, KV_MAY_BLOCK, arena, value, found, err));
    }
    overlay_remember(&c->overlay, family, key, *value, *found);
    return STATUS_IS_OK;
}

void commit_put(struct commit_txn *txn, enum kv_family family, size_t partition_bytes, str key,
                str value)
{
    overlay_add(&txn->committer->overlay, OVERLAY_PUT, family, partition_bytes, key, value);
}

void commit_delete(struct commit_txn *txn, enum kv_family family, size_t partition_bytes, str key)
{
    overlay_add(&txn->committer->overlay, OVERLAY_DELETE, family, partition_bytes, key, (str){0});
}

void commit_delete_range(struct commit_txn *txn, enum kv_family family, size_t partition_bytes,
                         str lo, str hi)
{
    overlay_add(&txn->committer->overlay, OVERLAY_DELETE_RANGE, family, partition_bytes, lo, hi);
}

uint64_t commit_next_seq(struct commit_txn *txn)
{
    txn->seq = snowflake_next(txn->committer->seq);
    return txn->seq;
}

uint64_t commit_last_seq(const struct commit_txn *txn)
{
    return snowflake_last(txn->committer->seq);
}

int64_t commit_now_us(const struct commit_txn *txn)
{
    return txn->group->now_us;
}

struct arena *commit_arena(struct commit_txn *txn)
{
    return &txn->group->arena;
}

void commit_set_change(struct commit_txn *txn, void *change)
{
    txn->request->change = change;
}

void *commit_change(const struct commit_request *request)
{
    return request->change;
}
