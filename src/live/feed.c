/* live/feed.c -- see feed.h. */
#include "live/feed.h"

#include "base/check.h"
#include "live/payload.h"

void feed_append_key(struct buf *out, table_id table, str partition)
{
    buf_append_u32le(out, table.v);
    buf_append_str(out, partition);
}

static void alloc_values(struct feed *feed)
{
    unsigned width = expression_width(feed->schema);
    feed->row = mem_alloc_zeroed(width * sizeof *feed->row);
    feed->old = mem_alloc_zeroed(width * sizeof *feed->old);
}

struct feed *feed_create(str key, struct schema *schema)
{
    struct feed *feed = mem_alloc_zeroed(sizeof *feed);
    feed->key = str_of(mem_copy(key.p, key.n), key.n);
    feed->table = schema->table;
    feed->schema = schema_take(schema);
    index_init(&feed->index);
    arena_init(&feed->arena);
    alloc_values(feed);
    return feed;
}

void feed_destroy(struct feed *feed)
{
    CHECK(feed->subs == NULL);
    CHECK(feed->shapes == NULL);
    index_release(&feed->index);
    arena_release(&feed->arena);
    schema_give(feed->schema);
    mem_free(feed->row);
    mem_free(feed->old);
    mem_free((void *)(uintptr_t)feed->key.p);
    mem_free(feed);
}

void feed_set_schema(struct feed *feed, struct schema *schema)
{
    CHECK(feed->shapes == NULL);
    CHECK(feed->change == NULL);
    schema_give(feed->schema);
    feed->schema = schema_take(schema);
    mem_free(feed->row);
    mem_free(feed->old);
    alloc_values(feed);
}

/* -- shapes -------------------------------------------------------------------------------------
 */

struct feed_shape *feed_take_shape(struct feed *feed, struct live_plan *plan)
{
    for (struct feed_shape *shape = feed->shapes; shape != NULL; shape = shape->next) {
        if (projection_eq(&shape->plan->projection, &plan->projection)) {
            shape->users++;
            return shape;
        }
    }
    struct feed_shape *shape = mem_alloc_zeroed(sizeof *shape);
    shape->plan = live_plan_take(plan);
    shape->users = 1;
    shape->next = feed->shapes;
    feed->shapes = shape;
    return shape;
}

static void drop_payloads(struct feed_shape *shape)
{
    for (unsigned i = 0; i <= EVENT_LEAVE; i++) {
        payload_give(shape->payloads[i]);
        shape->payloads[i] = NULL;
    }
}

void feed_give_shape(struct feed *feed, struct feed_shape *shape)
{
    if (--shape->users > 0) {
        return;
    }
    struct feed_shape **at = &feed->shapes;
    while (*at != shape) {
        at = &(*at)->next;
    }
    *at = shape->next;
    drop_payloads(shape);
    live_plan_give(shape->plan);
    mem_free(shape);
}

/* -- a change -----------------------------------------------------------------------------------
 */

void feed_begin(struct feed *feed, struct catalog *catalog, const struct change_set *set,
                const struct change *change)
{
    feed_end(feed);
    feed->set = set;
    feed->change = change;
    feed->row_status = expression_load_row(catalog, feed->schema, change->new_row, change->seq,
                                           &feed->arena, feed->row, &feed->row_error);
}

void feed_end(struct feed *feed)
{
    for (struct feed_shape *shape = feed->shapes; shape != NULL; shape = shape->next) {
        drop_payloads(shape);
    }
    feed->set = NULL;
    feed->change = NULL;
    feed->has_old = false;
    feed->old_exists = false;
    arena_reset(&feed->arena);
}

const struct value *feed_old(struct feed *feed, struct catalog *catalog)
{
    if (!feed->has_old) {
        const struct change *change = feed->change;
        feed->has_old = true;
        feed->old_exists =
            change->old_row.n > 0 &&
            status_ok(expression_load_row(catalog, feed->schema, change->old_row, change->old_seq,
                                          &feed->arena, feed->old, NULL));
    }
    return feed->old_exists ? feed->old : NULL;
}

status feed_payload(struct feed *feed, struct catalog *catalog, struct feed_shape *shape,
                    enum event_kind kind, struct payload **out, struct error *err)
{
    struct payload **cached = &shape->payloads[kind];
    if (*cached == NULL) {
        const struct event event = {.kind = kind,
                                    .row = feed->row,
                                    .old = kind == EVENT_UPDATE ? feed_old(feed, catalog) : NULL,
                                    .seq = feed->change->seq,
                                    .old_seq = feed->change->old_seq,
                                    .owner = feed->set->owner};
        struct payload *payload = payload_create(LIVE_CHANGE);
        status result = event_append_change(&payload->tail, &shape->plan->projection, &event, err);
        if (!status_ok(result)) {
            payload_give(payload);
            return result;
        }
        *cached = payload;
    }
    *out = *cached;
    return STATUS_IS_OK;
}
