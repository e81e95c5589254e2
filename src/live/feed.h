/* live/feed.h -- a table in one partition as the subscribers of one loop see it.
 * For:      live.c: changes go in, subscriptions that may match come out.
 * Rules:    all its subscriptions see rows under one schema version, so that a row is decoded once
 *           and a payload is encoded once for all with the same projection.
 * Owns:     its index and caches; subscriptions hold it.
 * Threads:  the loop's. */
#ifndef LIVE_FEED_H
#define LIVE_FEED_H

#include "live/index.h"
#include "live/plan.h"

struct live_sub;

/* Subscriptions with one projection; with the messages of the change that is being told. */
struct feed_shape {
    struct feed_shape *next;
    struct live_plan *plan; /* counted: has the projection */
    unsigned users;
    struct payload *payloads[EVENT_LEAVE + 1]; /* NULL: nobody needed it yet */
};

struct feed {
    str key; /* table id u32 LE, partition */
    table_id table;
    struct schema *schema; /* counted */
    struct index index;
    struct live_sub *subs; /* newest first */
    unsigned sub_count;
    unsigned leaves_count; /* subscriptions that are told of rows that leave */
    struct feed_shape *shapes;
    /* The change that is being told. */
    const struct change_set *set;
    const struct change *change;
    struct value *row; /* new image */
    struct value *old;
    bool has_old;    /* it was tried */
    bool old_exists; /* and is there */
    status row_status;
    struct error row_error;
    struct arena arena;
};

/* Appends the key under which registry and loops know a table in a partition. */
void feed_append_key(struct buf *out, table_id table, str partition);

/* A feed without subscribers; `key` is copied, the schema counted. */
struct feed *feed_create(str key, struct schema *schema);
/* No subscription is left. */
void feed_destroy(struct feed *feed);
/* From now on rows are seen under another version; no shape is in use. */
void feed_set_schema(struct feed *feed, struct schema *schema);

/* The shape of a plan's projection; given back by feed_give_shape. */
struct feed_shape *feed_take_shape(struct feed *feed, struct live_plan *plan);
void feed_give_shape(struct feed *feed, struct feed_shape *shape);

/* Decodes a change (row_status tells) for the calls below. The set must live until the next. */
void feed_begin(struct feed *feed, struct catalog *catalog, const struct change_set *set,
                const struct change *change);
/* The image before the change, decoded on first need; NULL: there is none at hand. */
const struct value *feed_old(struct feed *feed, struct catalog *catalog);
/* The message for subscriptions of a shape, encoded on first need; the feed holds it. */
MUST_USE status feed_payload(struct feed *feed, struct catalog *catalog, struct feed_shape *shape,
                             enum event_kind kind, struct payload **out, struct error *err);
/* Forgets the change and its messages. */
void feed_end(struct feed *feed);

#endif
