/* server/api_ws.h -- GET /v1/ws: the WebSockets of live queries (contract http-ws.md section 4).
 * For:      server.c, which makes it, and routes.c, which hands upgrade requests over. Messages,
 *           frames and timers of a socket are ws_conn.c's; subscriptions are live/'s.
 * Wiring:   server_wires: .ws_upgrade = api_ws_upgrade, .ws_stop = api_ws_stop, .ws_context = the
 *           struct api_ws; .sink = {.after = live_after, .context = the struct live}. Catalog
 *           listener: table_changed -> live_table_changed, user_changed -> api_ws_user_changed.
 *           query_hooks: kill_live -> live_kill, system_rows "live" -> live_rows.
 * Order:    live_create, loops, api_ws_create, ... run ... api_ws_stop, loops stop, workers end,
 *           live_stop, loop_destroy, committer ends, api_ws_destroy, live_destroy.
 * Owns:     its sockets, until they close; counts of subscriptions per user.
 * Threads:  said at each function. */
#ifndef SERVER_API_WS_H
#define SERVER_API_WS_H

#include "live/live.h"
#include "server/http_conn.h"

struct api_ws;
struct server;

/* After server->loops were made (live_add_loop is called for each) and before they run. */
struct api_ws *api_ws_create(struct server *server, struct live *live);
/* After the loops were destroyed. NULL allowed. */
void api_ws_destroy(struct api_ws *ws);

/* Answers an upgrade request: 101 and takes the connection over, or a refusal. The loop of the
 * call. server->wires.ws_context must be the struct api_ws. */
void api_ws_upgrade(struct http_call *call);
/* Says 1001 to every socket and refuses new ones. `context` is the struct api_ws. Any thread. */
void api_ws_stop(void *context);
/* A user's record changed: sockets of a user that is gone, has another role or another password are
 * closed. Any thread, also the committer's. */
void api_ws_user_changed(struct api_ws *ws, str user_id);

struct api_ws_statistics {
    uint64_t connections; /* now */
    uint64_t opened;      /* since the start */
    uint64_t messages_in;
    uint64_t messages_out;
    uint64_t slow_closed; /* closed because they took nothing any more */
};
void api_ws_statistics_get(struct api_ws *ws, struct api_ws_statistics *out);

#endif
