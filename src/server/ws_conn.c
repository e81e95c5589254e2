/* server/ws_conn.c -- see ws_conn.h. */
#include "server/ws_conn.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metric.h"
#include "server/bearer.h"
#include "sql/sql.h"
#include "wire/msgpack.h"

enum {
    SEND_BUFFER_BYTES = 64 << 10,
    GZIP_BYTES_MIN = 512,       /* shorter messages go as they are */
    GZIP_LEVEL = 1,             /* messages are small: speed counts */
    FRAMES_PER_SECOND = 1000,   /* pings, fragments; more is an attack */
    SCRATCH_BYTES_MAX = 1 << 20 /* kept between messages */
};

/* How a message is packed; the index of payload->frames. */
enum ws_format { FORMAT_TEXT, FORMAT_GZIP, FORMAT_MSGPACK, FORMAT_MSGPACK_GZIP };

static const struct config *config_of(const struct ws_conn *conn)
{
    return conn->home->ws->server->config;
}

/* -- phases -------------------------------------------------------------------------------------
 */

static void move(struct ws_conn *conn, enum ws_phase phase)
{
    static const unsigned allowed[WS_PHASE_COUNT] = {[WS_GREETING] =
                                                         1u << WS_READY | 1u << WS_CLOSING,
                                                     [WS_READY] = 1u << WS_CLOSING,
                                                     [WS_CLOSING] = 0};
    CHECK((allowed[conn->phase] & (1u << phase)) != 0);
    log_debug("ws", "phase", "connection=%s from=%d to=%d", conn->connection_id, (int)conn->phase,
              (int)phase);
    conn->phase = phase;
}

/* Subscriptions end at once, so that nothing more is sent. */
static void begin_closing(struct ws_conn *conn)
{
    move(conn, WS_CLOSING);
    conn_set_idle(conn->net, 0, 0);
    conn_set_deadline(conn->net, 0);
}

void ws_conn_close(struct ws_conn *conn, uint16_t code, str reason)
{
    if (conn->phase == WS_CLOSING) {
        return;
    }
    log_debug("ws", "closing", "connection=%s code=%u reason=\"" STR_FMT "\"", conn->connection_id,
              code, STR(reason));
    begin_closing(conn);
    struct buf frame;
    buf_init(&frame);
    ws_append_close(&frame, code, reason, NULL);
    if (status_ok(conn_write(conn->net, buf_str(&frame)))) {
        conn_finish(conn->net);
    } else {
        conn_close(conn->net); /* it takes nothing any more */
    }
    buf_release(&frame);
}

/* -- sending ------------------------------------------------------------------------------------
 */

static void count_sent(struct ws_conn *conn)
{
    (void)atomic_count_add(&conn->home->ws->messages_out, 1);
    metric_add(METRIC_WS_MESSAGES, conn->metric_slot, 0, 1);
    metric_count(METRIC_WS_SENT);
}

static status send_frame(struct ws_conn *conn, enum ws_opcode opcode, str payload)
{
    struct buf *frame = &conn->home->frame;
    buf_clear(frame);
    ws_append_frame(frame, opcode, payload, NULL);
    status result = conn_write(conn->net, buf_str(frame));
    if (status_ok(result)) {
        count_sent(conn);
    }
    return result;
}

/* Short, and of interest at once: a client whose backlog is full has to miss it. */
static void send_text(struct ws_conn *conn, str text)
{
    if (send_frame(conn, WS_TEXT, text).code == STATUS_FULL) {
        ws_conn_close(conn, WS_CLOSE_TRY_LATER, STR_LIT("The connection is too slow"));
    }
}

static void send_error(struct ws_conn *conn, const char *id, enum live_code code, str message)
{
    struct live_error error = live_error_make(code, message);
    struct payload *payload = payload_error(&error, conn->protocol.has_hints);
    struct buf text;
    buf_init(&text);
    payload_append_json(&text, payload, str_from(id));
    send_text(conn, buf_str(&text));
    buf_release(&text);
    payload_give(payload);
}

static enum ws_format format_of(const struct ws_conn *conn, const struct payload *payload)
{
    bool is_compressed = conn->may_compress && conn->protocol.is_compressed;
    if (payload->message == LIVE_ERROR) { /* always JSON */
        return is_compressed && !conn->protocol.is_msgpack ? FORMAT_GZIP : FORMAT_TEXT;
    }
    if (conn->protocol.is_msgpack) {
        return is_compressed ? FORMAT_MSGPACK_GZIP : FORMAT_MSGPACK;
    }
    return is_compressed ? FORMAT_GZIP : FORMAT_TEXT;
}

static void trim(struct buf *buf)
{
    if (buf->capacity > SCRATCH_BYTES_MAX) {
        buf_release(buf);
    }
    buf_clear(buf);
}

/* The text as MessagePack in home->packed. */
static str pack(struct ws_home *home, str text)
{
    struct arena arena;
    struct error err;
    const struct json *tree = NULL;
    arena_init(&arena);
    buf_clear(&home->packed);
    status result = json_parse(text, &arena, &tree, &err);
    CHECK(status_ok(result)); /* we wrote it */
    msgpack_append_tree(&home->packed, tree);
    arena_release(&arena);
    return buf_str(&home->packed);
}

/* Appends the frame of a message, compressed when that makes it smaller. */
static void append_packed_frame(struct ws_home *home, enum ws_format format, str text)
{
    bool is_msgpack = format == FORMAT_MSGPACK || format == FORMAT_MSGPACK_GZIP;
    bool is_gzip = format == FORMAT_GZIP || format == FORMAT_MSGPACK_GZIP;
    str plain = is_msgpack ? pack(home, text) : text;
    struct buf small;
    buf_init(&small);
    if (is_gzip && plain.n >= GZIP_BYTES_MIN) {
        if (home->gzip == NULL) {
            home->gzip = gzip_create(GZIP_LEVEL);
        }
        is_gzip = gzip_append(home->gzip, plain, plain.n - 1, &small);
    } else {
        is_gzip = false;
    }
    ws_append_frame(&home->frame, is_msgpack || is_gzip ? WS_BINARY : WS_TEXT,
                    is_gzip ? buf_str(&small) : plain, NULL);
    buf_release(&small);
}

/* The finished frame, made by the first who needs it. */
static struct frame *frame_of(struct ws_conn *conn, struct payload *payload, str id)
{
    struct ws_home *home = conn->home;
    enum ws_format format = format_of(conn, payload);
    if (!str_eq(payload->frames_id, id)) {
        payload_set_frames_id(payload, id);
    }
    if (payload->frames[format] == NULL) {
        buf_clear(&home->text);
        payload_append_json(&home->text, payload, id);
        buf_clear(&home->frame);
        append_packed_frame(home, format, buf_str(&home->text));
        payload->frames[format] = frame_copy(buf_str(&home->frame));
        trim(&home->text);
        trim(&home->frame);
        trim(&home->packed);
    }
    return payload->frames[format];
}

static struct ws_conn *conn_of(struct live_client *client)
{
    return (struct ws_conn *)(void *)client; /* the first member */
}

static status client_send(struct live_client *client, str id, struct payload *payload)
{
    struct ws_conn *conn = conn_of(client);
    if (conn->phase != WS_READY) {
        return status_from(STATUS_CANCELLED);
    }
    status result = conn_write_frame(conn->net, frame_of(conn, payload, id));
    if (status_ok(result)) {
        count_sent(conn);
    }
    return result;
}

static void client_cork(struct live_client *client)
{
    conn_cork(conn_of(client)->net);
}

static void client_counted(struct live_client *client, int change)
{
    struct ws_conn *conn = conn_of(client);
    atomic_count *count = &conn->user->subscriptions;
    if (change > 0 && conn->has_place) {
        conn->has_place = false; /* it was counted when it was asked for */
    } else if (change > 0) {
        (void)atomic_count_add(count, 1);
    } else {
        (void)atomic_count_sub(count, 1);
    }
}

static void client_overloaded(struct live_client *client)
{
    struct ws_conn *conn = conn_of(client);
    (void)atomic_count_add(&conn->home->ws->slow_closed, 1);
    ws_conn_close(conn, WS_CLOSE_TRY_LATER, STR_LIT("The connection is too slow"));
}

static const struct live_client_ops client_ops = {.send = client_send,
                                                  .cork = client_cork,
                                                  .counted = client_counted,
                                                  .overloaded = client_overloaded};

/* -- who it is ----------------------------------------------------------------------------------
 */

static struct ws_user *take_user(struct api_ws *ws, str id)
{
    lock_take(&ws->lock);
    struct ws_user *user = map_find(&ws->users, id);
    if (user == NULL) {
        user = mem_alloc_zeroed(sizeof *user);
        user->id = str_of(mem_copy(id.p, id.n), id.n);
        (void)map_put(&ws->users, id, user);
    }
    user->sockets++;
    lock_give(&ws->lock);
    return user;
}

static void give_user(struct api_ws *ws, struct ws_user *user)
{
    lock_take(&ws->lock);
    bool is_last = --user->sockets == 0;
    if (is_last) {
        (void)map_remove(&ws->users, user->id);
    }
    lock_give(&ws->lock);
    if (is_last) {
        mem_free((void *)(uintptr_t)user->id.p);
        mem_free(user);
    }
}

static void send_auth_success(struct ws_conn *conn)
{
    struct buf text;
    buf_init(&text);
    struct json_writer w = json_writer_on(&text);
    json_write_object_begin(&w);
    json_write_key(&w, "type");
    json_write_text_c(&w, "auth_success");
    json_write_key(&w, "user");
    json_write_text(&w, conn->user->id);
    json_write_key(&w, "role");
    json_write_text_c(&w, role_name(conn->client.role));
    json_write_key(&w, "protocol");
    json_write_object_begin(&w);
    json_write_key(&w, "serialization");
    json_write_text_c(&w, conn->protocol.is_msgpack ? "msgpack" : "json");
    json_write_key(&w, "compression");
    json_write_text_c(&w, conn->protocol.is_compressed ? "gzip" : "none");
    json_write_object_end(&w);
    json_write_object_end(&w);
    send_text(conn, buf_str(&text));
    buf_release(&text);
}

static void refuse_auth(struct ws_conn *conn, str message, str reason)
{
    struct buf text;
    buf_init(&text);
    buf_append_c(&text, "{\"type\":\"auth_error\",\"message\":");
    json_append_text(&text, message);
    buf_append_byte(&text, '}');
    send_text(conn, buf_str(&text));
    buf_release(&text);
    ws_conn_close(conn, WS_CLOSE_POLICY, reason);
}

static uint64_t password_mark(const struct user *user)
{
    return hash_bytes(user->password_hash);
}

static void become_ready(struct ws_conn *conn, const struct caller *caller)
{
    struct ws_home *home = conn->home;
    const struct config *config = config_of(conn);
    struct user *user = catalog_find_user(home->ws->server->catalog, caller->user_id);
    conn->password_mark = user != NULL ? password_mark(user) : 0;
    user_give(user);
    conn->user = take_user(home->ws, caller->user_id);
    conn->until_s = caller->until_s;
    live_client_init(&conn->client, home->live_loop, &client_ops, conn->user->id, caller->role,
                     str_from(conn->connection_id));
    conn->client.wants_hints = conn->protocol.has_hints;
    conn->has_client = true;
    ws_session_begin(conn);
    move(conn, WS_READY);
    conn_set_deadline(conn->net, 0);
    /* Looked at every heartbeat_interval upstream: in the middle of it on average. */
    conn_set_idle(conn->net, config->ws_client_timeout_s * 1000 + config->ws_heartbeat_s * 500,
                  CONN_RECEIVED);
    log_debug("ws", "ready", "connection=%s user=" STR_FMT, conn->connection_id,
              STR(conn->user->id));
    send_auth_success(conn);
}

void ws_conn_authenticate(struct ws_conn *conn, str token)
{
    struct server *server = conn->home->ws->server;
    struct caller caller;
    struct error err;
    if (status_ok(bearer_check_token(server, token, &conn->home->arena, &caller, &err))) {
        become_ready(conn, &caller);
        ws_conn_recheck(conn); /* the record may have changed between the two looks at it */
    } else {
        refuse_auth(conn, STR_LIT("Invalid credentials"), STR_LIT("Authentication failed"));
    }
}

void ws_conn_recheck(struct ws_conn *conn)
{
    if (conn->phase != WS_READY) {
        return;
    }
    struct user *user = catalog_find_user(conn->home->ws->server->catalog, conn->user->id);
    bool is_same = user != NULL && user->deleted_us == 0 && user->role == conn->client.role &&
                   password_mark(user) == conn->password_mark;
    user_give(user);
    if (!is_same) {
        refuse_auth(conn, STR_LIT("Invalid credentials"), STR_LIT("Authentication failed"));
    }
}

void ws_conn_check_expiry(struct ws_conn *conn, int64_t now_s)
{
    if (conn->phase == WS_READY && now_s > conn->until_s) {
        refuse_auth(conn, STR_LIT("Invalid credentials"), STR_LIT("Token expired"));
    }
}

/* -- messages -----------------------------------------------------------------------------------
 */

static void on_authenticate(struct ws_conn *conn, const struct ws_request *request)
{
    struct server *server = conn->home->ws->server;
    if (conn->phase == WS_READY) {
        send_auth_success(conn);
        return;
    }
    if (!rate_limiter_take(server->login_rate, conn->client_ip, NULL)) {
        metric_add(METRIC_RATE_LIMITED, METRIC_SLOT(LIMIT, LOGINS), 0, 1);
        refuse_auth(conn, STR_LIT("Too many authentication attempts. Please retry shortly."),
                    STR_LIT("Authentication failed"));
        return;
    }
    conn->protocol = request->protocol;
    ws_conn_authenticate(conn, request->token);
}

/* "namespace.name" of a query that parses: its text is not for logs. */
static str table_of(struct ws_conn *conn, str sql)
{
    struct subscription subscription;
    struct error ignored;
    struct arena *arena = &conn->home->arena;
    if (!log_enabled_for(LOG_DEBUG, "ws") ||
        !status_ok(sql_parse_subscription(sql, arena, &subscription, &ignored))) {
        return STR_LIT("");
    }
    return arena_format(arena, STR_FMT "." STR_FMT, STR(subscription.table.ns),
                        STR(subscription.table.name));
}

/* Takes a place for a subscription before it is made: another loop may be at it for the same user.
 * False: there is none. */
static bool take_place(struct ws_conn *conn, const struct live_request *request)
{
    uint32_t max = config_of(conn)->rate_subscriptions;
    atomic_count *count = &conn->user->subscriptions;
    if (max == 0 || map_find(&conn->client.subs, request->id) != NULL) {
        return true; /* any number, or it takes over the place of its namesake */
    }
    if (atomic_count_add(count, 1) >= max) {
        (void)atomic_count_sub(count, 1);
        return false;
    }
    conn->has_place = true;
    return true;
}

/* The subscription did not come to be. */
static void give_place(struct ws_conn *conn)
{
    if (conn->has_place) {
        conn->has_place = false;
        (void)atomic_count_sub(&conn->user->subscriptions, 1);
    }
}

static void refuse_subscription(struct ws_conn *conn, const struct live_request *request)
{
    struct live_error error = live_error_make(LIVE_CODE_SUBSCRIPTION_LIMIT_EXCEEDED,
                                              STR_LIT("Maximum subscriptions reached"));
    struct payload *payload = payload_error(&error, conn->client.wants_hints);
    metric_add(METRIC_RATE_LIMITED, METRIC_SLOT(LIMIT, SUBSCRIPTIONS), 0, 1);
    if (client_send(&conn->client, request->id, payload).code == STATUS_FULL) {
        client_overloaded(&conn->client);
    }
    payload_give(payload);
}

static void on_subscribe(struct ws_conn *conn, const struct live_request *request)
{
    if (!take_place(conn, request)) {
        refuse_subscription(conn, request);
        return;
    }
    log_debug("ws", "subscribe", "connection=%s id=\"" STR_FMT "\" table=\"" STR_FMT "\"",
              conn->connection_id, STR(request->id), STR(table_of(conn, request->sql)));
    live_subscribe(&conn->client, request);
    give_place(conn);
}

static void serve(struct ws_conn *conn, const struct ws_request *request)
{
    if (request->kind == WS_REQUEST_AUTHENTICATE) {
        on_authenticate(conn, request);
        return;
    }
    if (conn->phase != WS_READY) {
        if (request->kind == WS_REQUEST_SUBSCRIBE) {
            send_error(conn, "subscribe", LIVE_CODE_AUTH_REQUIRED,
                       STR_LIT("Authentication required before subscribing"));
        }
        return;
    }
    switch (request->kind) {
    case WS_REQUEST_SUBSCRIBE:
        on_subscribe(conn, &request->subscribe);
        break;
    case WS_REQUEST_NEXT_BATCH:
        live_next_batch(&conn->client, request->subscription_id, request->has_after,
                        request->after);
        break;
    case WS_REQUEST_UNSUBSCRIBE:
        live_unsubscribe(&conn->client, request->subscription_id);
        break;
    case WS_REQUEST_PING:
    case WS_REQUEST_AUTHENTICATE:
        break;
    }
}

static void refuse_message(struct ws_conn *conn, const struct error *err)
{
    struct arena *arena = &conn->home->arena;
    ws_conn_close(conn, WS_CLOSE_INTERNAL, arena_format(arena, "Invalid message: %s", err->text));
}

static void serve_tree(struct ws_conn *conn, const struct json *tree)
{
    struct ws_request request;
    struct error err;
    if (status_ok(ws_request_read(tree, &conn->home->arena, &request, &err))) {
        serve(conn, &request);
    } else {
        refuse_message(conn, &err);
    }
}

/* Texts only, as in the contract. */
static bool is_too_many(struct ws_conn *conn)
{
    uint32_t max = config_of(conn)->rate_messages;
    uint64_t now_us = loop_now_us(conn->home->loop);
    if (max == 0 || rate_bucket_take(&conn->messages, max, now_us, NULL)) {
        return false;
    }
    metric_add(METRIC_RATE_LIMITED, METRIC_SLOT(LIMIT, MESSAGES), 0, 1);
    send_error(conn, "rate_limit", LIVE_CODE_RATE_LIMIT_EXCEEDED, STR_LIT("Too many messages"));
    return true;
}

static void on_text(struct ws_conn *conn, str text)
{
    const struct json *tree = NULL;
    struct error err;
    if (is_too_many(conn)) {
        return;
    }
    if (status_ok(json_parse(text, &conn->home->arena, &tree, &err))) {
        serve_tree(conn, tree);
    } else {
        refuse_message(conn, &err);
    }
}

static status read_packed(struct ws_conn *conn, str bytes, const struct json **tree,
                          struct error *err)
{
    struct ws_home *home = conn->home;
    if (gzip_is(bytes)) {
        struct buf plain;
        buf_init(&plain);
        if (home->gzip == NULL) {
            home->gzip = gzip_create(GZIP_LEVEL);
        }
        status result =
            gzip_read(home->gzip, bytes, config_of(conn)->ws_message_bytes_max, &plain, err);
        bytes = status_ok(result) ? arena_copy(&home->arena, buf_str(&plain)) : bytes;
        buf_release(&plain);
        TRY(result);
    }
    return msgpack_read_tree(bytes, &home->arena, tree, err);
}

static void on_binary(struct ws_conn *conn, str bytes)
{
    const struct json *tree = NULL;
    struct error err;
    if (!conn->protocol.is_msgpack) {
        send_error(conn, "protocol", LIVE_CODE_UNSUPPORTED_DATA, STR_LIT("Binary not supported"));
        return;
    }
    if (is_too_many(conn)) {
        return;
    }
    if (status_ok(read_packed(conn, bytes, &tree, &err))) {
        serve_tree(conn, tree);
    } else {
        send_error(conn, "protocol", LIVE_CODE_UNSUPPORTED_DATA,
                   arena_format(&conn->home->arena, "Invalid MessagePack: %s", err.text));
    }
}

static void on_too_large(struct ws_conn *conn)
{
    send_error(conn, "protocol", LIVE_CODE_MESSAGE_TOO_LARGE,
               arena_format(&conn->home->arena, "Message exceeds maximum size of %u bytes",
                            config_of(conn)->ws_message_bytes_max));
}

static void on_ping(struct ws_conn *conn, str payload)
{
    if (conn->phase == WS_READY) {
        live_client_touch(&conn->client);
    }
    (void)send_frame(conn, WS_PONG, payload); /* a full backlog shows that we live, too */
}

static void on_event(struct ws_conn *conn, const struct ws_event *event)
{
    switch (event->kind) {
    case WS_EVENT_TEXT:
        on_text(conn, event->payload);
        break;
    case WS_EVENT_BINARY:
        on_binary(conn, event->payload);
        break;
    case WS_EVENT_PING:
        on_ping(conn, event->payload);
        break;
    case WS_EVENT_TOO_LARGE:
        on_too_large(conn);
        break;
    case WS_EVENT_CLOSE:
        ws_conn_close(conn, event->close_code, (str){0});
        break;
    case WS_EVENT_BROKEN:
        ws_conn_close(conn, event->close_code, str_from(event->reason));
        break;
    case WS_EVENT_PONG:
    case WS_EVENT_MORE:
        break;
    }
}

/* Pings and fragments are no messages, but they cost too. */
static bool is_flood(struct ws_conn *conn)
{
    uint64_t now_us = loop_now_us(conn->home->loop);
    if (now_us - conn->frames_since_us >= 1000000) {
        conn->frames_since_us = now_us;
        conn->frames_before = conn->parser.frame_count;
    }
    return conn->parser.frame_count - conn->frames_before > FRAMES_PER_SECOND;
}

static size_t on_data(struct conn *net, str bytes)
{
    struct ws_conn *conn = conn_user(net);
    char *at = (char *)(uintptr_t)bytes.p; /* the parser unmasks in place */
    char *end = at + bytes.n;
    struct ws_event event;
    ws_session_seen(conn);
    while (conn->phase != WS_CLOSING &&
           ws_parser_next(&conn->parser, &at, end, &event) != WS_EVENT_MORE) {
        (void)atomic_count_add(&conn->home->ws->messages_in, 1);
        metric_count(METRIC_WS_RECEIVED);
        bool is_message = event.kind == WS_EVENT_TEXT || event.kind == WS_EVENT_BINARY;
        conn->frames_before += is_message ? 1 : 0; /* their rate has a limit of its own */
        on_event(conn, &event);
        arena_reset(&conn->home->arena);
        if (conn->phase != WS_CLOSING && is_flood(conn)) {
            ws_conn_close(conn, WS_CLOSE_POLICY, STR_LIT("Too many frames"));
        }
    }
    if (conn->phase == WS_READY) {
        live_client_touch(&conn->client);
    }
    return bytes.n;
}

/* -- the connection -----------------------------------------------------------------------------
 */

static void on_drain(struct conn *net)
{
    struct ws_conn *conn = conn_user(net);
    if (conn->phase == WS_READY) {
        live_client_drained(&conn->client);
    }
}

static void on_timeout(struct conn *net, enum conn_timeout timeout)
{
    struct ws_conn *conn = conn_user(net);
    if (conn->phase == WS_GREETING && timeout == CONN_TIMEOUT_DEADLINE) {
        char text[128];
        (void)snprintf(text, sizeof text,
                       "Authentication timeout - no auth message received within %u seconds",
                       config_of(conn)->ws_auth_timeout_s);
        refuse_auth(conn, str_from(text), STR_LIT("Authentication timeout"));
    } else if (conn->phase == WS_READY && timeout == CONN_TIMEOUT_IDLE) {
        ws_conn_close(conn, WS_CLOSE_NORMAL, STR_LIT("Heartbeat timeout"));
    }
}

static void on_close(struct conn *net, enum conn_end end)
{
    struct ws_conn *conn = conn_user(net);
    struct ws_home *home = conn->home;
    log_debug("ws", "closed", "connection=%s end=%d", conn->connection_id, (int)end);
    if (conn->has_client) {
        ws_session_end(conn);
        live_client_release(&conn->client);
        give_user(home->ws, conn->user);
    }
    *(conn->prev != NULL ? &conn->prev->next : &home->conns) = conn->next;
    if (conn->next != NULL) {
        conn->next->prev = conn->prev;
    }
    metric_label_drop(METRIC_LABEL_CONNECTION_ID, conn->metric_slot);
    (void)atomic_count_sub(&home->ws->connections, 1);
    (void)atomic_count_sub(home->ws->server->http.connections, 1);
    ws_parser_release(&conn->parser);
    mem_free((void *)(uintptr_t)conn->client_ip.p);
    mem_free(conn);
}

static const struct conn_handler handler = {
    .on_data = on_data, .on_drain = on_drain, .on_timeout = on_timeout, .on_close = on_close};

struct ws_conn *ws_conn_open(struct ws_home *home, struct conn *net, str client_ip,
                             struct ws_protocol protocol, bool may_compress)
{
    struct ws_conn *conn = mem_alloc_zeroed(sizeof *conn);
    const struct config *config = home->ws->server->config;
    conn->home = home;
    conn->net = net;
    conn->protocol = protocol;
    conn->may_compress = may_compress;
    conn->client_ip = str_of(mem_copy(client_ip.p, client_ip.n), client_ip.n);
    (void)snprintf(conn->connection_id, sizeof conn->connection_id, "%llu",
                   (unsigned long long)conn_id(net));
    conn->metric_slot =
        metric_label_find(METRIC_LABEL_CONNECTION_ID, str_from(conn->connection_id));
    ws_parser_init(&conn->parser, false, config->ws_message_bytes_max);
    conn->next = home->conns;
    if (home->conns != NULL) {
        home->conns->prev = conn;
    }
    home->conns = conn;
    atomic_count_raise(&home->ws->connections_peak,
                       atomic_count_add(&home->ws->connections, 1) + 1);
    (void)atomic_count_add(&home->ws->opened, 1);
    conn_set_user(net, conn);
    conn_set_handler(net, &handler);
    conn_set_queue_max(net, config->ws_queue_bytes_max, config->ws_queue_messages_max);
    conn_set_drain(net, 0);
    conn_set_send_buffer(net, SEND_BUFFER_BYTES);
    conn_set_deadline(net, config->ws_auth_timeout_s * 1000);
    return conn;
}
