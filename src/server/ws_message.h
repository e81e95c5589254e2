/* server/ws_message.h -- what a WebSocket client may say (contract http-ws.md 4.2).
 * For:      ws_conn.c, which has read the message as JSON or MessagePack.
 * Owns:     nothing; texts live as long as the tree and the arena.
 * Threads:  pure functions; any. */
#ifndef SERVER_WS_MESSAGE_H
#define SERVER_WS_MESSAGE_H

#include "live/client.h"
#include "wire/json.h"

enum ws_request_kind {
    WS_REQUEST_AUTHENTICATE,
    WS_REQUEST_SUBSCRIBE,
    WS_REQUEST_NEXT_BATCH,
    WS_REQUEST_UNSUBSCRIBE,
    WS_REQUEST_PING
};

struct ws_protocol {
    bool is_msgpack;
    bool is_compressed;
    bool has_hints; /* ours: errors say what to do about them */
};

struct ws_request {
    enum ws_request_kind kind;
    str token;                     /* AUTHENTICATE */
    struct ws_protocol protocol;   /* AUTHENTICATE */
    struct live_request subscribe; /* SUBSCRIBE */
    str subscription_id;           /* NEXT_BATCH, UNSUBSCRIBE */
    bool has_after;                /* NEXT_BATCH */
    uint64_t after;
};

/* INVALID: a field is missing or of another kind; the text names it, as the contract's framework
 * words it. Fields that are not known are passed over. */
MUST_USE status ws_request_read(const struct json *message, struct arena *arena,
                                struct ws_request *out, struct error *err);

#endif
