/* live/live.h -- everyone who watches: the door of this folder.
 * For:      the server: subscriptions of its WebSockets, the committer's change_sink, system.live,
 *           KILL LIVE QUERY. What a subscription is and does is in subscription.h.
 * Way:      committer --after--> registry (who watches this table in this partition?) --inbox of
 *           the loop--> its feeds --index, filter--> subscriptions --payload, encoded once-->
 *           clients (struct live_client, the server's connections).
 * Touches:  query (rights, expressions), store (pages, changes), net/loop. No socket.
 * Owns:     the registry, guarded by its lock (LOCK_LIVE); per loop the feeds and subscriptions,
 *           owned by the loop's thread; pages, lent to workers.
 * Threads:  said at each function. */
#ifndef LIVE_LIVE_H
#define LIVE_LIVE_H

#include "base/pool.h"
#include "live/client.h"
#include "net/loop.h"
#include "query/query.h"

struct live;
struct live_loop;

struct live_options {
    struct query_engine *engine;
    struct catalog *catalog;
    struct committer *committer;
    atomic_count *watchers; /* counts what is watched: committer_options.watchers */
    const struct clock *clock;
    /* Runs a page on a worker; FULL: none takes it now, it is tried again. pool_submit fits. */
    status (*submit)(void *context, pool_task_fn *task, void *argument);
    void *submit_context;
};

/* Before the first write, so that the registry sees every change. The options are copied. */
struct live *live_create(const struct live_options *options);
/* One of at most LIVE_LOOPS_MAX loops; its clients are made with the result. Any thread, once per
 * loop. The loop may be destroyed while the committer still runs: its clients end with its
 * connections, and after the last one nothing is posted to it. The workers have ended before, so
 * that no page is out. */
enum { LIVE_LOOPS_MAX = 16 };
struct live_loop *live_add_loop(struct live *live, struct loop *loop);
/* After its loops were destroyed and the committer has ended. NULL allowed. */
void live_destroy(struct live *live);

/* change_sink.is_watched and .after, with the struct live as context. The committer's thread. A
 * subscription counts from before its ack until it ends, whatever its filter. */
bool live_is_watched(void *context, table_id table, str partition);
void live_after(void *context, struct change_set *set);
/* catalog_listener.table_changed. The committer's thread, before any row of the new version. */
void live_table_changed(struct live *live, table_id id, bool is_dropped);

/* -- any thread ------------------------------------------------------------------------------- */

/* Ends a subscription by its live id ({user}-{connection}-{subscription}), as soon as its loop
 * comes to it; the client is told. NOT_FOUND. */
MUST_USE status live_kill(struct live *live, str live_id, struct error *err);
/* Rows of system.live, in its columns. */
MUST_USE status live_rows(struct live *live, struct arena *arena, const struct row_sink *sink,
                          struct error *err);

/* A number from 1 that has grown before anybody is told of a change of which live queries there are
 * or of their states; their counters and times do not count. */
uint64_t live_version(struct live *live);

struct live_statistics {
    uint64_t subscriptions; /* now */
    uint64_t subscriptions_peak;
    uint64_t subscribed;     /* since the start */
    uint64_t events;         /* change messages handed to clients */
    uint64_t coalesced;      /* changes that replaced a buffered one of the same key */
    uint64_t resyncs;        /* subscriptions that had to read again what they could not keep */
    uint64_t pages;          /* read from the store */
    uint64_t rows;           /* in them */
    uint64_t buffered_bytes; /* now, of all buffers */
    uint64_t checks;         /* filters evaluated on changes */
};
/* Counters of all loops, each read at its own instant. */
void live_statistics_get(struct live *live, struct live_statistics *out);

#endif
