/* engine/kv_commit.h -- the committer: the one thread that writes.
 * For:      statements are prepared on their own threads and queued as requests; the committer
 * takes all that wait (<= LIMIT_COMMIT_GROUP, LIMIT_COMMIT_GROUP_BYTES), evaluates them in order
 *           against an overlay over the store, writes one batch, syncs it, and only then publishes
 * and answers, in order. Nothing is visible before it is durable (async requests: see below).
 * Knows:    no rows. What a request does is its `apply` function (store/commit_*,
 * catalog/record_*). Owns:     the committer thread, the snowflake generator for `_seq`. A request
 * stays its submitter's memory and must live until `done` has run. Threads:  commit_submit from
 * any; apply, publish and done run on the committer thread. */
#ifndef ENGINE_KV_COMMIT_H
#define ENGINE_KV_COMMIT_H

#include "base/clock.h"
#include "engine/kv.h"

struct committer;
struct commit_txn; /* one request's window on the overlay while it is evaluated */

/* Milliseconds that the sync of async commits may be put off. It saves a sync per group, which is a
 * sixth of the CPU of small async inserts. */
enum { COMMIT_SYNC_PACE_MS = 2 };

enum commit_durability {
    COMMIT_SYNC, /* on disk before `done` */
    COMMIT_ASYNC /* answered after the write without a sync; `publish` waits for a sync that covers
                    it, on a thread of its own: see committer_options.watchers */
};

struct commit_request {
    /* Evaluates the request: reads by commit_get, writes by commit_put ... Not OK: everything this
     * request wrote is forgotten, the others of the group go on; the status and request->error
     * reach `done`. Must not block. */
    status (*apply)(struct commit_txn *txn, struct commit_request *request);
    /* Runs once the changes are durable (but see may_precede_sync), in commit order, only for
     * applied requests, before `done` for COMMIT_SYNC. NULL allowed. Here events leave. */
    void (*publish)(struct commit_request *request);
    /* The end; `result` may be any status. The request is the caller's again. For COMMIT_ASYNC
     * `done` may run before `publish`; then the committer keeps using the request until `release`.
     */
    void (*done)(struct commit_request *request, status result);
    /* COMMIT_ASYNC only: nothing refers to the request any more (publish has run or never will). */
    void (*release)(struct commit_request *request);
    enum commit_durability durability;
    bool may_precede_sync; /* COMMIT_ASYNC only: its events need no disk. `publish` runs right after
                              the write when no earlier request waits for its sync */
    bool may_use_reserve;  /* it makes room, or ends work that was begun: a full disk refuses only
                              the others (kv.h, kv_is_full) */
    size_t bytes;          /* estimate of what it will write, for the limits of the group */
    struct error error;    /* filled by apply or by the committer */
    /* -- the committer's own; the submitter zeroes them -- */
    struct commit_request *next;
    status outcome;
    void *change;               /* see commit_set_change */
    struct commit_group *group; /* counted; its arena holds the change */
    struct commit_waiter *waiter;
};

struct committer_options {
    struct kv_store *store; /* its groups are atomic */
    const struct clock *clock;
    struct snowflake *seq;  /* floor raised by the opener above everything stored */
    struct kv_lease *lease; /* opened with the same store and generator; kept ahead by the committer
                               (kv_lease.h). NULL: no lease */
    /* How many wait for what is published. While it is 0 async groups are synced
     * COMMIT_SYNC_PACE_MS after the first of them, together; else, and with NULL, at once. */
    const atomic_count *watchers;
    /* The store failed, or somebody else writes to it: nothing is acknowledged any more, the
     * requests of that group get UNKNOWN_OUTCOME, later ones UNAVAILABLE; the server exits with 71.
     * Runs once, on the committer thread, before those answers. NULL: the process exits itself. */
    void (*fail_stop)(void *context, const struct error *err);
    void *fail_context;
};

/* Starts the thread. Ended by committer_destroy, which commits what is queued first and makes it
 * durable. */
struct committer *committer_create(const struct committer_options *options);
void committer_destroy(struct committer *committer);
/* Queues; never blocks and never fails: after a fail-stop `done` gets UNAVAILABLE. */
void commit_submit(struct committer *committer, struct commit_request *request);
/* Submits and waits until the request is the caller's again: `done`, and with COMMIT_ASYNC
 * `release` too, have run (both may be NULL here). For threads that may block: DDL, jobs,
 * transactions on workers; never the committer's own. An async request that is not to wait for its
 * sync goes through commit_submit. */
MUST_USE status commit_submit_wait(struct committer *committer, struct commit_request *request);
/* Makes every async commit so far durable and published, and waits for it; at once when all are. A
 * page that must show durable rows only opens its view first and calls this before it reads: what
 * the view shows was written before, so it is durable then. */
MUST_USE status commit_sync_wait(struct committer *committer, struct error *err);
/* The greatest `_seq` that is published: all events up to it have left. At the start: the floor of
 * the generator, which is above everything stored. */
uint64_t commit_published_seq(const struct committer *committer);
/* Groups written, requests in them, syncs: for metrics and tests. */
struct commit_statistics {
    uint64_t groups;
    uint64_t requests;
    uint64_t syncs;
    uint64_t group_us_total;
};
void commit_statistics_get(const struct committer *committer, struct commit_statistics *out);

/* -- within apply ------------------------------------------------------------------------------ */

/* Reads through the overlay (what earlier requests of the group and this one wrote) over the store.
 * The value lives until the group ends. */
MUST_USE status commit_get(struct commit_txn *txn, enum kv_family family, str key, str *value,
                           bool *found, struct error *err);
/* Keys and values are copied. The first `partition_bytes` of the key are its partition prefix. */
void commit_put(struct commit_txn *txn, enum kv_family family, size_t partition_bytes, str key,
                str value);
void commit_delete(struct commit_txn *txn, enum kv_family family, size_t partition_bytes, str key);
/* Removes [lo, hi); later commit_get of the same group see it. */
void commit_delete_range(struct commit_txn *txn, enum kv_family family, size_t partition_bytes,
                         str lo, str hi);
/* The next `_seq`: greater than every one before. */
uint64_t commit_next_seq(struct commit_txn *txn);
/* The last `_seq` given out in this process, whoever asked (the H of a flush intent). */
uint64_t commit_last_seq(const struct commit_txn *txn);
/* `_updated` of this group, µs wall clock, not before the group before. */
int64_t commit_now_us(const struct commit_txn *txn);
/* Memory that lives until the request's `done` (and publish) has run: change sets for `publish`. */
struct arena *commit_arena(struct commit_txn *txn);
/* Room for what apply wants to hand to publish. */
void commit_set_change(struct commit_txn *txn, void *change);
void *commit_change(const struct commit_request *request);

/* Within publish: keeps the memory of commit_arena beyond the request, for those who hand the
 * change on to other threads. commit_group_give, on any thread, ends it; the last one runs what was
 * deferred to the arena. */
struct commit_group *commit_group_take(const struct commit_request *request);
void commit_group_give(struct commit_group *group);

#endif
