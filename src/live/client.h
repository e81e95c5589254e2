/* live/client.h -- a connection as this folder sees it.
 * For:      the server embeds a struct live_client in its connection, says what sending means
 *           (live_client_ops), and hands on what the client asks.
 * Owns:     its subscriptions, until live_client_release.
 * Threads:  the loop's only. */
#ifndef LIVE_CLIENT_H
#define LIVE_CLIENT_H

#include "base/map.h"
#include "catalog/catalog.h"
#include "live/payload.h"

struct live_client;
struct live_loop;
struct live_sub;

struct live_client_ops {
    /* Sends one message. OK; FULL: the backlog is full, nothing was taken, live_client_drained will
     * be called when there is room; CANCELLED: the connection is gone or going. Must not call back
     * into this folder. */
    status (*send)(struct live_client *client, str subscription_id, struct payload *payload);
    /* Holds bytes back until the end of this turn: several messages follow. */
    void (*cork)(struct live_client *client);
    /* A subscription was added (+1) or ended (-1): limits of the server. */
    void (*counted)(struct live_client *client, int change);
    /* Not even an error can be told any more: end the connection. */
    void (*overloaded)(struct live_client *client);
};

struct live_client {
    const struct live_client_ops *ops;
    struct live_loop *loop;
    str user_id; /* these live as long as the client */
    enum role role;
    str connection_id;
    bool wants_hints;     /* errors say what to do about them; the server sets it */
    int64_t last_ping_us; /* wall; set by live_client_touch */
    /* -- live/'s own -- */
    struct map subs;          /* by subscription id */
    struct live_sub *blocked; /* wait for room, oldest first */
    struct live_sub *blocked_last;
    struct live_note *notes; /* errors that wait for room, oldest first */
    struct live_note *notes_last;
    unsigned note_count;
};

/* Joins the loop; borrowed by it until live_client_release. */
void live_client_init(struct live_client *client, struct live_loop *loop,
                      const struct live_client_ops *ops, str user_id, enum role role,
                      str connection_id);
/* The connection is gone: ends all subscriptions without a word. */
void live_client_release(struct live_client *client);
/* The client gave a sign of life: shown in system.live. */
void live_client_touch(struct live_client *client);
/* There is room again after a FULL. */
void live_client_drained(struct live_client *client);
static inline unsigned live_client_count(const struct live_client *client)
{
    return (unsigned)client->subs.count;
}

/* What a `subscribe` message says (contract http-ws.md 4.2, 4.4). */
struct live_request {
    str id;
    str sql;
    bool has_options; /* false: no initial rows */
    str options_json; /* as it came, for system.live; may be empty */
    bool has_batch_size;
    uint32_t batch_size;
    bool has_last_rows;
    uint32_t last_rows;
    bool has_from;
    uint64_t from;
    bool leaves; /* ours: rows that leave the filter are told, deletes are replayed on resume */
};

/* All answers, errors too, are messages to the client. An id in use is replaced. */
void live_subscribe(struct live_client *client, const struct live_request *request);
/* `has_after` false: from the beginning. */
void live_next_batch(struct live_client *client, str id, bool has_after, uint64_t after);
/* By subscription id or live id; an unknown one is ignored. */
void live_unsubscribe(struct live_client *client, str id);

/* The code and text that a client reads for an error (contract http-ws.md 4.8). `text` lives in the
 * arena. */
struct live_error live_error_of(const struct error *err, enum role role, struct arena *arena);

#endif
