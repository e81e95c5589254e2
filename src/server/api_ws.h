/* server/api_ws.h -- GET /v1/ws: the WebSockets of live queries (contract http-ws.md section 4).
 * For:      main.c, which lists it as a part of the server. It joins live/ to the committer, the
 *           catalog and the statements, checks upgrade requests and takes their connections over.
 *           Messages, frames and timers of a socket are ws_conn.c's; subscriptions are live/'s.
 * Owns:     its sockets, until they close; struct live; counts of subscriptions per user.
 * Threads:  upgrades: the loop of the call; said at each function. */
#ifndef SERVER_API_WS_H
#define SERVER_API_WS_H

#include "server/server.h"

extern const struct server_part api_ws_part;

struct api_ws_statistics {
    uint64_t connections; /* now */
    uint64_t connections_peak;
    uint64_t opened;      /* since the start */
    uint64_t messages_in; /* frames with a payload for us, pings included */
    uint64_t messages_out;
    uint64_t slow_closed; /* closed because they took nothing any more */
};
/* Any thread. `state` is the part's state. */
void api_ws_statistics_get(void *state, struct api_ws_statistics *out);
/* The live queries of the part. */
struct live;
struct live *api_ws_live(void *state);

#endif
