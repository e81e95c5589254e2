/* server/server.h -- everything that runs, and how it is joined.
 * For:      main.c, and tests that want a whole server in their process.
 * Owns:     the data directory, the store, the threads; opened one after the other, closed in the
 *           reverse order.
 * Threads:  create, start, stop and destroy: one. The fields are written before start only. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "auth/rate.h"
#include "auth/token_cache.h"
#include "base/pool.h"
#include "catalog/catalog.h"
#include "engine/kv_commit.h"
#include "engine/kv_lease.h"
#include "jobs/jobs.h"
#include "query/query.h"
#include "server/client_ip.h"
#include "server/config.h"
#include "server/cors.h"
#include "server/data_dir.h"
#include "server/guard.h"
#include "server/http_conn.h"
#include "store/cold_duck.h"
#include "store/store.h"

enum { SERVER_LOOPS_MAX = 16, SERVER_PARTS_MAX = 8 };

struct server;

/* A room that is joined to the server from outside (live queries, topics): main.c lists them.
 * `open` runs when the store is whole and nothing is served yet; it may set server->wires. */
struct server_part {
    const char *name;
    status (*open)(struct server *server, void **state, struct error *err);
    /* The server takes no more requests: say goodbye to WebSockets (1001). Must not block. NULL:
     * no. */
    void (*drain)(void *state);
    /* No request, statement or job runs any more, the loops and the committer have ended; the store
     * is still there. */
    void (*close)(void *state);
};

/* What parts hand in; each may be NULL. */
struct server_wires {
    struct change_sink sink; /* who is told of changes; set by the part with store_set_sink */
    /* GET /v1/ws: see http_take_over. */
    void (*ws_upgrade)(struct http_call *call);
    /* KILL LIVE QUERY, rows of system.live, a user that was changed: as in query_hooks, with
     * live_context. */
    status (*kill_live)(void *context, const struct session *session, str id, struct arena *arena,
                        str *message, struct error *err);
    status (*live_rows)(void *context, const struct session *session, struct arena *arena,
                        const struct row_sink *sink, struct error *err);
    uint64_t (*live_version)(void *context); /* see query_hooks.system_version */
    void (*user_changed)(void *context, str user_id);
    /* Rows of system.sessions. */
    status (*session_rows)(void *context, const struct session *session, struct arena *arena,
                           const struct row_sink *sink, struct error *err);
    void *live_context;
};

struct server_loop {
    struct loop *loop;
    struct http_home *home;
    struct token_memo tokens; /* its own */
    struct thread thread;
};

struct server {
    const struct config *config;
    const struct clock *clock;
    struct arena arena; /* lists of the configuration in our forms */
    struct data_dir *dir;
    unsigned cores;

    struct snowflake ids;
    struct kv_store *kv;
    struct kv_lease lease;
    struct committer *committer;
    atomic_count watchers; /* of live queries: watched tables and partitions */
    struct catalog *catalog;
    struct cold_duck cold;
    struct store *store;
    struct query_engine *queries;
    unsigned worker_count;
    struct jobs *jobs;
    bool jobs_run;

    const struct server_part *const *parts;
    unsigned part_count;
    void *part_states[SERVER_PARTS_MAX];
    unsigned parts_open;
    struct server_wires wires;

    /* who may come in */
    struct cors cors;
    struct ip_range *trusted;
    unsigned trusted_count;
    struct guard *guard;             /* NULL: no protection */
    struct rate_limiter *login_rate; /* per address */
    struct rate_limiter *query_rate; /* per user */
    str jwt_secret;
    struct token_cache *tokens;
    int64_t token_s;     /* life of an access token */
    atomic_count setups; /* running now */

    /* what serves them */
    struct pool *workers;
    struct pool *auth_workers; /* bcrypt: few, so that statements keep their cores */
    struct tls_context *tls;   /* NULL: plain */
    struct http_options http;
    atomic_count connections;
    atomic_count connections_peak;
    struct server_loop loops[SERVER_LOOPS_MAX];
    unsigned loop_count;
    bool loops_run;
    uint16_t port;
    uint64_t started_mono_us;
    uint64_t dba_stats_prune_us; /* monotonic; of dba_stats.c, on job threads */
};

/* Opens everything and listens on server->port; nothing is served before server_start. `config` and
 * `parts` outlive the server. On an error nothing is left open. */
MUST_USE status server_create(const struct config *config, const struct clock *clock,
                              const struct server_part *const *parts, unsigned part_count,
                              struct server **out, struct error *err);
void server_start(struct server *server);
/* Takes no more requests, lets those that run come to their end (10 s, then their clients are cut
 * off), and stops all threads but the committer. */
void server_stop(struct server *server);
/* Closes everything; after server_stop, or instead of server_start. NULL allowed. */
void server_destroy(struct server *server);

/* Are writes without "durability" answered before their sync? */
static inline bool server_is_async(const struct server *server)
{
    return str_eq_c(server->config->storage_durability, "async");
}

#endif
