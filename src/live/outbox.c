/* live/outbox.c -- see outbox.h. */
#include "live/outbox.h"

#include "live/live_private.h"

void outbox_put(struct live_sub *sub, struct payload *payload)
{
    struct outgoing *out = mem_alloc_zeroed(sizeof *out);
    out->payload = payload;
    *(sub->outbox_last != NULL ? &sub->outbox_last->next : &sub->outbox) = out;
    sub->outbox_last = out;
}

void outbox_note_event(struct live_sub *sub)
{
    struct live *live = sub->loop->live;
    (void)atomic_count_add(&live->events, 1);
    (void)atomic_count_add(&sub->info->changes, 1);
    atomic_count_set(&sub->info->last_update_us, (uint64_t)clock_wall_us(live->options.clock));
}

bool outbox_send(struct live_sub *sub)
{
    struct live_client *client = sub->client;
    while (sub->outbox != NULL) {
        struct outgoing *out = sub->outbox;
        if (out->next != NULL) {
            client->ops->cork(client);
        }
        if (client->ops->send(client, sub->id, out->payload).code == STATUS_FULL) {
            client_block(sub);
            return false;
        }
        if (out->payload->message == LIVE_CHANGE) {
            outbox_note_event(sub);
        }
        sub->outbox = out->next;
        sub->outbox_last = sub->outbox != NULL ? sub->outbox_last : NULL;
        payload_give(out->payload);
        mem_free(out);
    }
    return true;
}

void outbox_clear(struct live_sub *sub)
{
    while (sub->outbox != NULL) {
        struct outgoing *out = sub->outbox;
        sub->outbox = out->next;
        payload_give(out->payload);
        mem_free(out);
    }
    sub->outbox_last = NULL;
}

/* -- messages -----------------------------------------------------------------------------------
 */

static void append_batch_control(struct buf *out, const struct live_sub *sub, uint64_t last_seq,
                                 bool has_more)
{
    const char *state = !has_more ? "ready" : sub->batch_num == 0 ? "loading" : "loading_batch";
    buf_append_format(out, "\"batch_control\":{\"batch_num\":%u,\"has_more\":%s,\"status\":\"%s\"",
                      sub->batch_num, has_more ? "true" : "false", state);
    buf_append_c(out, ",\"last_seq_id\":");
    if (last_seq > 0) {
        buf_append_u64_text(out, last_seq);
    } else {
        buf_append_c(out, "null");
    }
    buf_append_byte(out, '}');
}

void outbox_put_ack(struct live_sub *sub, uint64_t last_seq, bool has_more)
{
    struct payload *payload = payload_create(LIVE_ACK);
    buf_append_c(&payload->tail, "\"total_rows\":0,");
    append_batch_control(&payload->tail, sub, last_seq, has_more);
    buf_append_c(&payload->tail, ",\"schema\":");
    projection_append_schema(&payload->tail, &sub->plan->projection);
    outbox_put(sub, payload);
}

void outbox_put_batch(struct live_sub *sub, str rows, uint64_t last_seq, bool has_more)
{
    struct payload *payload = payload_create(LIVE_BATCH);
    buf_append_c(&payload->tail, "\"rows\":[");
    buf_append_str(&payload->tail, rows);
    buf_append_c(&payload->tail, "],");
    append_batch_control(&payload->tail, sub, last_seq, has_more);
    outbox_put(sub, payload);
}

void outbox_put_change(struct live_sub *sub, const struct buffer_entry *entry)
{
    const struct live_plan *plan = sub->plan;
    struct catalog *catalog = sub->loop->live->options.catalog;
    unsigned width = expression_width(plan->schema);
    struct arena arena;
    struct error err;
    arena_init(&arena);
    struct value *row = ARENA_ARRAY(&arena, struct value, width);
    struct value *base = ARENA_ARRAY(&arena, struct value, width);
    struct event event = {.kind = buffer_entry_kind(entry, plan->kind),
                          .row = row,
                          .seq = entry->seq,
                          .old_seq = plan->kind == TABLE_STREAM ? entry->row_seq : entry->base_seq,
                          .owner = plan->session.user_id};
    struct payload *payload = payload_create(LIVE_CHANGE);
    status result =
        expression_load_row(catalog, plan->schema, entry->row, entry->seq, &arena, row, &err);
    if (status_ok(result) && event.kind == EVENT_UPDATE && entry->base.n > 0) {
        result = expression_load_row(catalog, plan->schema, entry->base, entry->base_seq, &arena,
                                     base, &err);
        event.old = base;
    }
    if (status_ok(result)) {
        result = event_append_change(&payload->tail, &plan->projection, &event, &err);
    }
    if (status_ok(result)) {
        outbox_put(sub, payload);
    } else {
        payload_give(payload);
        client_tell_error(
            sub->client, sub->id, LIVE_CODE_CONVERSION_ERROR,
            arena_format(&arena, "row version %llu: %s", (unsigned long long)entry->seq, err.text));
    }
    arena_release(&arena);
}
