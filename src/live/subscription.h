/* live/subscription.h -- one subscription: from the client's message to its end.
 * For:      live.c (changes), client.c (what clients ask), page.h (rows of the store); what it says
 *           goes through outbox.h.
 *
 *   PREPARING --plan, no rows wanted-------------------------------------------> LIVE
 *       |                                                                        |  ^
 *       | plan                                                 socket full       |  | all sent
 *       v                                                                        v  |
 *    LOADING <--next_batch-- WAITING      LOADING --last page sent-------> CATCHING_UP
 *       \------more pages, client pages----^   \                                |   ^
 *                                               \ changes were lost             |   |
 *                                                \----------> RESYNC <--buffer--/   | last page
 *                                                               |    too small      | sent
 *                                                 socket empty  v                   |
 *                                                           RELOADING --------------/
 *                                                               \--changes were lost--> RESYNC
 *   Any state goes to ENDED.
 *
 * LOADING, WAITING, RELOADING, CATCHING_UP: changes are buffered, coalesced by key.
 * LIVE: changes are sent as they come.
 * RESYNC: changes are passed over; RELOADING reads from the store what came after `done_seq`.
 * Invariant: the client has been told all that concerns it up to done_seq (once it is not loading).
 *
 * Threads:  the loop's. */
#ifndef LIVE_SUBSCRIPTION_H
#define LIVE_SUBSCRIPTION_H

#include "live/buffer.h"
#include "live/client.h"
#include "live/feed.h"
#include "live/page.h"

enum sub_state {
    SUB_PREPARING,
    SUB_LOADING,
    SUB_WAITING,
    SUB_CATCHING_UP,
    SUB_LIVE,
    SUB_RESYNC,
    SUB_RELOADING,
    SUB_ENDED,
    SUB_STATE_COUNT
};
/* As system.live shows it: "loading", "active", "resync"; static. */
const char *sub_state_name(enum sub_state state);

enum {
    SUB_BUFFER_ENTRIES_MAX = 4096,
    SUB_BUFFER_BYTES_MAX = 1 << 20,
    SUB_BUFFERS_BYTES_MAX = 256 << 20, /* of all subscriptions together */
    SUB_RETRY_MS = 20,                 /* when no worker takes a page */
    SUB_NOTES_MAX = 64                 /* errors that wait for a full socket */
};

/* A message that waits for the socket. */
struct outgoing {
    struct outgoing *next;
    struct payload *payload;
};

struct live_sub {
    struct live_client *client;
    struct live_loop *loop;
    uint64_t number; /* unique in the process */
    uint32_t holders;
    enum sub_state state;

    str id;
    struct live_request request; /* texts are copies */
    int64_t subscribed_us;

    struct live_plan *plan;
    struct feed *feed; /* NULL: not attached */
    struct feed_shape *shape;
    struct index_place place;
    struct live_sub *feed_next;
    struct live_sub *feed_prev;
    struct live_info *info;

    uint64_t high;     /* events up to here are in the pages, or were sent */
    uint64_t done_seq; /* see the invariant */
    /* Replay with leaves: events up to here that do not match are told whatever the old image was
     * (storage protocol, rule of finding 9): all while pages run, then up to the head of the last
     * page's view. */
    uint64_t leave_until;

    struct page *page;   /* at a worker */
    uint64_t page_after; /* where the next page begins */
    unsigned batch_num;
    bool page_ended; /* its messages are in the outbox, what comes next is to be decided */
    bool page_has_more;

    struct outgoing *outbox; /* before anything else, oldest first */
    struct outgoing *outbox_last;
    struct buffer buffer;
    bool is_lost;     /* loading: the buffer was too small */
    bool lost_row_id; /* a STREAM delete was lost: it cannot be read again */
    bool is_blocked;  /* in client->blocked */
    bool is_ready;    /* in loop->ready */
    struct live_sub *blocked_next;
    struct live_sub *ready_next;
    struct timer retry;
    struct arena arena;
};

/* Takes a reference, and gives it back; the last one frees. */
struct live_sub *sub_hold(struct live_sub *sub);
void sub_give(struct live_sub *sub);

/* client.c: a new one under an id that is free; whatever goes wrong is told to the client. */
void sub_open(struct live_client *client, const struct live_request *request);
/* The client asks for the next page. `has_after` false: from the beginning. */
void sub_next_batch(struct live_sub *sub, bool has_after, uint64_t after);
/* The change that its feed holds is the next event. True: a message was sent. */
bool sub_change(struct live_sub *sub);
/* Events were lost on the way to the loop. */
void sub_lost(struct live_sub *sub);
/* Goes on sending and loading, as far as the socket takes it. */
void sub_pump(struct live_sub *sub);
/* Tells the error and ends it. */
void sub_fail(struct live_sub *sub, enum live_code code, str message);
/* Ends it without a word. */
void sub_end(struct live_sub *sub);

/* live.c: the table has another schema or other rights: binds again, or ends it. True: sub->plan is
 * new. The feed is not touched. */
bool sub_rebind(struct live_sub *sub);

#endif
