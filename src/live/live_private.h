/* live/live_private.h -- the inside of this folder: what live.c keeps, and what live.c and client.c
 * do for subscription.c and outbox.c. */
#ifndef LIVE_LIVE_PRIVATE_H
#define LIVE_LIVE_PRIVATE_H

#include "live/feed.h"
#include "live/live.h"
#include "live/subscription.h"

enum {
    LIVE_TURN_SENDS = 64,           /* messages handed out before other sockets get a turn */
    LIVE_TURN_CHECKS = 2048,        /* filters evaluated, likewise */
    LIVE_INBOX_BYTES_MAX = 64 << 20 /* of changes that wait for one loop */
};

/* What other threads want of a loop, in order. */
enum inbox_kind { INBOX_CHANGES, INBOX_TABLE, INBOX_KILL };
struct inbox_item {
    struct inbox_item *next;
    enum inbox_kind kind;
    struct change_set *set; /* CHANGES: counted */
    size_t bytes;           /* CHANGES */
    uint64_t told_us;       /* CHANGES: monotonic, when they were published */
    table_id table;         /* TABLE */
    bool is_dropped;        /* TABLE */
    uint64_t number;        /* KILL */
};

struct live_loop {
    struct live *live;
    struct loop *loop;
    unsigned number; /* index in live->loops */

    /* guarded by live->lock */
    struct inbox_item *inbox;
    struct inbox_item *inbox_last;
    size_t inbox_bytes;
    bool inbox_is_posted;  /* inbox_task is on its way and must not be posted */
    bool inbox_overflowed; /* changes were left out */
    unsigned feed_count;   /* of this loop in the registry: 0, and nothing is posted */
    struct loop_task inbox_task;

    /* the loop's thread */
    struct map feeds;        /* key -> struct feed */
    struct map subs;         /* number, 8 bytes -> struct live_sub */
    struct inbox_item *work; /* taken from the inbox; the first is at hand */
    unsigned work_change;    /* of its set: the next to tell */
    struct feed *telling;    /* the change at hand is being told to `told` */
    struct live_sub **told;  /* held */
    size_t told_count;
    size_t told_next;
    size_t told_capacity;
    struct live_sub *ready; /* to be pumped in a later turn */
    struct live_sub *ready_last;
    bool again_is_posted;
    struct loop_task again_task;
    struct buf key;
    struct arena scratch; /* of one filter evaluation */
};

/* Who watches a table in a partition: feeds per loop. */
struct watch {
    uint32_t feeds[LIVE_LOOPS_MAX];
    uint32_t total;
};

struct live {
    struct live_options options;
    struct lock lock;        /* guards what follows, and the inboxes */
    struct map watches;      /* feed key -> struct watch */
    struct buf key;          /* scratch of the committer's look-up */
    uint64_t last_seq;       /* of the last change set that the committer told of */
    struct live_info *infos; /* newest first */
    uint64_t next_number;
    struct live_loop *loops[LIVE_LOOPS_MAX];
    unsigned loop_count;

    atomic_count subscriptions;
    atomic_count subscriptions_peak; /* the most there were at once */
    atomic_count subscribed;
    atomic_count events;
    atomic_count coalesced;
    atomic_count resyncs;
    atomic_count pages;
    atomic_count rows;
    atomic_count buffered_bytes;
    atomic_count checks;
    atomic_count version; /* grows with every change of the list, and of a state in it */
};

/* A subscription as other threads see it: system.live. Texts are immutable. */
struct live_info {
    struct live_info *next;
    struct live_info *prev;
    struct live_loop *loop;
    uint64_t number;
    str live_id, connection_id, subscription_id, namespace_name, table_name, user_id, query;
    str options_json;
    int64_t created_us;
    atomic_count state; /* enum sub_state */
    atomic_count changes;
    atomic_count last_update_us;
    atomic_count last_ping_us;
    struct arena arena;
};

/* -- live.c, for subscription.c; the loop's thread -------------------------------------------- */

/* Puts a planned subscription into its feed and tells up to which `_seq` the rows of the store have
 * everything: later events come to it. False: a change is being told under an older schema; try in
 * a later turn. */
bool live_attach(struct live_sub *sub);
void live_detach(struct live_sub *sub);
/* All events up to it were handed to the loops' inboxes before. */
uint64_t live_high(struct live *live);
/* sub_pump in a later turn. */
void live_later(struct live_sub *sub);
/* Listed in system.live and found by number from here on. */
void live_list(struct live_sub *sub);
void live_unlist(struct live_sub *sub);

/* -- client.c, for subscription.c and outbox.c; the loop's thread ------------------------------ */

/* Tells an error, now or when there is room. */
void client_tell(struct live_client *client, str id, const struct live_error *error);
void client_tell_error(struct live_client *client, str id, enum live_code code, str text);
/* The subscription waits for room in its client's socket, behind those that do already; or not any
 * more. */
void client_block(struct live_sub *sub);
void client_unblock(struct live_sub *sub);

#endif
