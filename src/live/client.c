/* live/client.c -- see client.h. */
#include "live/client.h"

#include "live/live_private.h"

/* -- telling errors -----------------------------------------------------------------------------
 */

struct live_note {
    struct live_note *next;
    struct payload *payload;
    str id;
};

static void note_free(struct live_note *note)
{
    payload_give(note->payload);
    mem_free((void *)(uintptr_t)note->id.p);
    mem_free(note);
}

void client_tell(struct live_client *client, str id, const struct live_error *error)
{
    struct payload *payload = payload_error(error, client->wants_hints);
    if (client->notes == NULL) {
        status result = client->ops->send(client, id, payload);
        if (result.code != STATUS_FULL) {
            payload_give(payload);
            return;
        }
    }
    if (client->note_count >= SUB_NOTES_MAX) {
        payload_give(payload);
        client->ops->overloaded(client);
        return;
    }
    struct live_note *note = mem_alloc_zeroed(sizeof *note);
    note->payload = payload;
    note->id = str_of(mem_copy(id.p, id.n), id.n);
    *(client->notes_last != NULL ? &client->notes_last->next : &client->notes) = note;
    client->notes_last = note;
    client->note_count++;
}

void client_tell_error(struct live_client *client, str id, enum live_code code, str text)
{
    struct live_error error = live_error_make(code, text);
    client_tell(client, id, &error);
}

static bool send_notes(struct live_client *client)
{
    while (client->notes != NULL) {
        struct live_note *note = client->notes;
        if (client->ops->send(client, note->id, note->payload).code == STATUS_FULL) {
            return false;
        }
        client->notes = note->next;
        client->note_count--;
        note_free(note);
    }
    client->notes_last = NULL;
    return true;
}

/* The code and text of an error that everybody may read as it stands; false: it is none of those.
 */
static bool is_told(const struct error *err, struct arena *arena, struct live_error *out)
{
    switch (err->id) {
    case ERROR_SYNTAX:
    case ERROR_INVALID_SQL:
    case ERROR_BATCH_PARSE:
    case ERROR_SQL_TOO_LONG:
    case ERROR_STATEMENT_UNSUPPORTED:
    case ERROR_COLUMN_NOT_FOUND:
    case ERROR_COERCION:
    case ERROR_LIMIT:
        *out = live_error_make(LIVE_CODE_INVALID_SQL,
                               arena_format(arena, "Invalid SQL: %s", err->text));
        return true;
    case ERROR_TABLE_NOT_FOUND:
        *out = live_error_make(LIVE_CODE_NOT_FOUND,
                               arena_format(arena, "Not found: Table not found: %s", err->text));
        return true;
    case ERROR_PERMISSION_DENIED:
    case ERROR_UNAUTHORIZED:
        *out = live_error_make(LIVE_CODE_UNAUTHORIZED,
                               arena_format(arena, "%s%s", error_row(err->id)->prefix, err->text));
        return true;
    case ERROR_NOT_IMPLEMENTED:
        *out = live_error_make(LIVE_CODE_UNSUPPORTED,
                               arena_format(arena, "Unsupported: %s", err->text));
        return true;
    default:
        return false;
    }
}

struct live_error live_error_of(const struct error *err, enum role role, struct arena *arena)
{
    const struct error_row *row = error_row(err->id);
    bool is_admin = role == ROLE_DBA || role == ROLE_SYSTEM;
    struct live_error told;
    if (!is_told(err, arena, &told)) {
        if (!row->shown && !is_admin) {
            return live_error_make(LIVE_CODE_SUBSCRIPTION_FAILED,
                                   STR_LIT("the subscription failed"));
        }
        told = live_error_make(LIVE_CODE_SUBSCRIPTION_FAILED,
                               arena_format(arena, "%s%s", row->prefix, err->text));
    }
    told.hint = row->hint; /* it knows more than the code does */
    return told;
}

/* -- waiting for room ---------------------------------------------------------------------------
 */

void client_block(struct live_sub *sub)
{
    struct live_client *client = sub->client;
    if (!sub->is_blocked) {
        sub->is_blocked = true;
        sub->blocked_next = NULL;
        *(client->blocked_last != NULL ? &client->blocked_last->blocked_next : &client->blocked) =
            sub;
        client->blocked_last = sub;
    }
}

void client_unblock(struct live_sub *sub)
{
    struct live_client *client = sub->client;
    struct live_sub *before = NULL;
    if (!sub->is_blocked) {
        return;
    }
    for (struct live_sub *at = client->blocked; at != sub; at = at->blocked_next) {
        before = at;
    }
    *(before != NULL ? &before->blocked_next : &client->blocked) = sub->blocked_next;
    if (client->blocked_last == sub) {
        client->blocked_last = before;
    }
    sub->blocked_next = NULL;
    sub->is_blocked = false;
}

void live_client_drained(struct live_client *client)
{
    if (!send_notes(client)) {
        return;
    }
    /* One that blocks again goes to the end. */
    bool has_room = true;
    while (client->blocked != NULL && has_room) {
        struct live_sub *sub = sub_hold(client->blocked);
        client_unblock(sub);
        sub_pump(sub);
        has_room = !sub->is_blocked;
        sub_give(sub);
    }
}

/* -- life ---------------------------------------------------------------------------------------
 */

void live_client_init(struct live_client *client, struct live_loop *loop,
                      const struct live_client_ops *ops, str user_id, enum role role,
                      str connection_id)
{
    *client = (struct live_client){
        .ops = ops, .loop = loop, .user_id = user_id, .role = role, .connection_id = connection_id};
    map_init(&client->subs);
}

static struct live_sub *any_sub(struct live_client *client)
{
    size_t at = 0;
    str key;
    void *value = NULL;
    return map_next(&client->subs, &at, &key, &value) ? value : NULL;
}

void live_client_release(struct live_client *client)
{
    for (struct live_sub *sub = any_sub(client); sub != NULL; sub = any_sub(client)) {
        sub_end(sub);
    }
    while (client->notes != NULL) {
        struct live_note *note = client->notes;
        client->notes = note->next;
        note_free(note);
    }
    map_release(&client->subs);
}

void live_client_touch(struct live_client *client)
{
    if (client->subs.count == 0) {
        return;
    }
    uint64_t now_us = (uint64_t)clock_wall_us(client->loop->live->options.clock);
    size_t at = 0;
    str key;
    void *value = NULL;
    while (map_next(&client->subs, &at, &key, &value)) {
        struct live_sub *sub = value;
        if (sub->info != NULL) {
            atomic_count_set(&sub->info->last_ping_us, now_us);
        }
    }
}

/* -- what it asks -------------------------------------------------------------------------------
 */

static bool check_request(struct live_client *client, const struct live_request *request)
{
    if (request->id.n == 0) {
        client_tell_error(client, STR_LIT("invalid_subscription"),
                          LIVE_CODE_INVALID_SUBSCRIPTION_ID,
                          STR_LIT("Subscription ID cannot be empty"));
        return false;
    }
    if (client->subs.count >= LIMIT_SUBSCRIPTIONS_PER_CONNECTION) {
        client_tell_error(client, request->id, LIVE_CODE_SUBSCRIPTION_LIMIT_EXCEEDED,
                          STR_LIT("Maximum subscriptions reached"));
        return false;
    }
    uint32_t batch = request->has_batch_size && request->batch_size > 0 ? request->batch_size
                                                                        : PAGE_ROWS_DEFAULT;
    if (request->has_options && request->has_last_rows && request->last_rows > batch) {
        char text[160];
        (void)snprintf(text, sizeof text,
                       "last_rows (%u) cannot exceed batch_size (%u); paginated last_rows replay "
                       "is not supported",
                       request->last_rows, batch);
        client_tell_error(client, request->id, LIVE_CODE_UNSUPPORTED, str_from(text));
        return false;
    }
    return true;
}

void live_subscribe(struct live_client *client, const struct live_request *request)
{
    struct live_sub *old = map_find(&client->subs, request->id);
    if (old != NULL) {
        sub_end(old);
    }
    if (check_request(client, request)) {
        sub_open(client, request);
    }
}

void live_next_batch(struct live_client *client, str id, bool has_after, uint64_t after)
{
    struct live_sub *sub = map_find(&client->subs, id);
    if (sub == NULL) {
        client_tell_error(client, id, LIVE_CODE_BATCH_FETCH_FAILED,
                          STR_LIT("Subscription not found"));
    } else {
        sub_next_batch(sub, has_after, after);
    }
}

void live_unsubscribe(struct live_client *client, str id)
{
    struct live_sub *sub = map_find(&client->subs, id);
    size_t at = 0;
    str key;
    void *value = NULL;
    while (sub == NULL && map_next(&client->subs, &at, &key, &value)) {
        const struct live_sub *other = value;
        if (other->info != NULL && str_eq(other->info->live_id, id)) {
            sub = value;
        }
    }
    if (sub != NULL) {
        sub_end(sub);
    }
}
