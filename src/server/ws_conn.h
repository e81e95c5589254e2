/* server/ws_conn.h -- one WebSocket: frames in, messages out, its timers and its end.
 * For:      api_ws.c, which takes connections over and keeps them per loop.
 * Touches:  net/conn, wire/websocket, gzip, msgpack; live/client. No subscription logic.
 * Owns:     a struct ws_conn from ws_conn_open to its on_close.
 * Threads:  the loop's.
 *
 *   GREETING --authenticate (or the token of the upgrade)--> READY --close, error, silence-->
 * CLOSING
 *       \------------3 s, a wrong token, no message----------------------------------------/
 *   CLOSING: our close frame is on its way; what comes is dropped. on_close ends it. */
#ifndef SERVER_WS_CONN_H
#define SERVER_WS_CONN_H

#include "auth/rate.h"
#include "base/map.h"
#include "live/live.h"
#include "net/conn.h"
#include "server/server.h"
#include "server/ws_message.h"
#include "wire/gzip.h"
#include "wire/websocket.h"

struct api_ws;
struct ws_conn;

/* A user with sockets: counts over all loops. Guarded by ws->lock, but for the count. */
struct ws_user {
    str id;
    unsigned sockets;
    atomic_count subscriptions;
};

/* The sockets of one loop. */
struct ws_home {
    struct api_ws *ws;
    struct loop *loop;
    struct live_loop *live_loop;
    struct ws_conn *conns; /* newest first */
    struct timer tick;     /* once a second while there are sockets */
    struct gzip *gzip;     /* NULL until a message is long enough */
    struct buf text;       /* scratch of a message */
    struct buf packed;
    struct buf frame;
    struct arena arena; /* of one message from a client */
};

/* An authenticated socket, as system.sessions shows it. The list is guarded by ws->lock, its fields
 * are fixed while it is in it. */
struct ws_session {
    struct ws_session *next;
    struct ws_session *prev;
    str user_id;
    const char *connection_id;
    str client_ip;
    int64_t opened_us;
    atomic_count seen_us; /* wall clock: when something came from it */
};

struct api_ws {
    struct server *server;
    struct live *live;
    struct lock lock;            /* guards users, homes, home_count, sessions */
    struct ws_session *sessions; /* newest first */
    struct map users;            /* id -> struct ws_user */
    struct ws_home *homes[SERVER_LOOPS_MAX];
    unsigned home_count;
    atomic_count is_stopping;
    atomic_count connections;
    atomic_count connections_peak; /* the most there were at once */
    atomic_count opened;
    atomic_count messages_in;
    atomic_count messages_out;
    atomic_count slow_closed;
};

enum ws_phase { WS_GREETING, WS_READY, WS_CLOSING, WS_PHASE_COUNT };

struct ws_conn {
    struct live_client client; /* READY */
    struct ws_home *home;
    struct conn *net;
    struct ws_conn *next;
    struct ws_conn *prev;
    struct ws_parser parser;
    enum ws_phase phase;
    struct ws_protocol protocol;
    bool may_compress; /* false: ?compress=false */
    bool has_client;
    str client_ip;
    struct ws_user *user;      /* READY; counted by ws_user.sockets */
    bool has_place;            /* counted in user->subscriptions for one that is being made */
    uint64_t password_mark;    /* of the user's password when the socket was opened */
    int64_t until_s;           /* READY; the last second at which its token is accepted */
    struct ws_session session; /* in ws->sessions while has_client */
    char connection_id[24];
    unsigned metric_slot; /* of its messages */
    struct rate_bucket messages;
    uint64_t frames_since_us; /* a second in which frames are counted */
    uint64_t frames_before;
};

/* Takes over an upgraded connection; the 101 is written. */
struct ws_conn *ws_conn_open(struct ws_home *home, struct conn *net, str client_ip,
                             struct ws_protocol protocol, bool may_compress);
/* Checks a token: READY, or an auth_error and the end. */
void ws_conn_authenticate(struct ws_conn *conn, str token);
/* Says why and ends. */
void ws_conn_close(struct ws_conn *conn, uint16_t code, str reason);
/* Is the user what he was when the socket was opened? If not, it ends. */
void ws_conn_recheck(struct ws_conn *conn);
/* Ends it when its token has expired at `now_s`. */
void ws_conn_check_expiry(struct ws_conn *conn, int64_t now_s);

/* ws_sessions.c: the list of those that are READY. */
void ws_session_begin(struct ws_conn *conn);
void ws_session_seen(struct ws_conn *conn);
void ws_session_end(struct ws_conn *conn);
/* Rows of system.sessions. */
MUST_USE status ws_sessions_write(struct api_ws *ws, struct arena *arena,
                                  const struct row_sink *sink, struct error *err);

#endif
