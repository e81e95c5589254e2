/* server/api_ws.c -- see api_ws.h. */
#include "server/api_ws.h"

#include "base/check.h"
#include "base/log.h"
#include "server/api_common.h"
#include "server/bearer.h"
#include "server/ws_conn.h"
#include "wire/http_write.h"
#include "wire/url.h"
#include "wire/ws_handshake.h"

enum { TICK_MS = 1000 };

/* -- homes --------------------------------------------------------------------------------------
 */

/* The global cap on what waits for slow clients: the worst of this loop has to go. */
static void close_worst(struct ws_home *home)
{
    struct ws_conn *worst = NULL;
    uint64_t most = 0;
    for (struct ws_conn *conn = home->conns; conn != NULL; conn = conn->next) {
        uint64_t queued = conn_queued_bytes(conn->net);
        if (queued > most) {
            most = queued;
            worst = conn;
        }
    }
    if (worst != NULL) {
        (void)atomic_count_add(&home->ws->slow_closed, 1);
        log_warn("ws", "closed_slowest", "connection=%s queued_bytes=%llu", worst->connection_id,
                 (unsigned long long)most);
        conn_close(worst->net);
    }
}

static uint64_t queued_bytes(const struct server *server)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < server->loop_count; i++) {
        bytes += loop_counts(server->loops[i].loop).queued_bytes;
    }
    return bytes;
}

static void tick(void *context)
{
    struct ws_home *home = context;
    const struct server *server = home->ws->server;
    if (queued_bytes(server) > server->config->ws_queue_total_bytes_max) {
        close_worst(home);
    }
    int64_t now_s = clock_wall_us(server->clock) / 1000000;
    for (struct ws_conn *conn = home->conns; conn != NULL; conn = conn->next) {
        ws_conn_check_expiry(conn, now_s);
    }
    if (home->conns != NULL) {
        loop_timer_set(home->loop, &home->tick, TICK_MS, tick, home);
    }
}

/* The home of a loop, made when its first socket comes. */
static struct ws_home *home_of(struct api_ws *ws, struct loop *loop)
{
    struct ws_home *home = NULL;
    lock_take(&ws->lock);
    for (unsigned i = 0; i < ws->home_count && home == NULL; i++) {
        home = ws->homes[i]->loop == loop ? ws->homes[i] : NULL;
    }
    lock_give(&ws->lock);
    if (home != NULL) {
        return home;
    }
    home = mem_alloc_zeroed(sizeof *home);
    home->ws = ws;
    home->loop = loop;
    home->live_loop = live_add_loop(ws->live, loop);
    arena_init(&home->arena);
    lock_take(&ws->lock);
    CHECK(ws->home_count < SERVER_LOOPS_MAX);
    ws->homes[ws->home_count++] = home;
    lock_give(&ws->lock);
    return home;
}

static void free_home(struct ws_home *home)
{
    CHECK(home->conns == NULL);
    gzip_destroy(home->gzip);
    buf_release(&home->text);
    buf_release(&home->packed);
    buf_release(&home->frame);
    arena_release(&home->arena);
    mem_free(home);
}

/* Runs `task(argument of its own)` on the loop of every home. */
static void post_all(struct api_ws *ws, loop_task_fn *task)
{
    lock_take(&ws->lock);
    for (unsigned i = 0; i < ws->home_count; i++) {
        loop_post(ws->homes[i]->loop, task, ws->homes[i]);
    }
    lock_give(&ws->lock);
}

/* -- upgrades -----------------------------------------------------------------------------------
 */

static bool refuse(struct http_call *call, int code, const char *reason)
{
    api_answer_text(call, code, reason);
    return false;
}

static bool check_origin(struct http_call *call, const struct server *server)
{
    const struct http_header *origin = http_find_header(&call->request.headers, "origin");
    if (origin == NULL) {
        return !server->config->ws_strict_origin || refuse(call, 403, "Origin header required");
    }
    return cors_allows_origin(&server->cors, origin->value) ||
           refuse(call, 403, "Origin not allowed");
}

/* False: it is answered. */
static bool check_upgrade(struct http_call *call, struct api_ws *ws, str *key)
{
    const struct server *server = ws->server;
    const char *reason = NULL;
    if (atomic_count_get(&ws->is_stopping) != 0) {
        return refuse(call, 503, "Server is shutting down");
    }
    unsigned max = server->http.connections_max;
    if (max > 0 && atomic_count_get(server->http.connections) > max) {
        return refuse(call, 503, "Too many connections");
    }
    if (!check_origin(call, server)) {
        return false;
    }
    int code = ws_check_upgrade(&call->request, key, &reason);
    if (code == 426) {
        http_add_header(call, "Sec-WebSocket-Version", STR_LIT("13"));
    }
    return code == 101 || refuse(call, code, reason);
}

static bool query_is(struct http_call *call, const char *name, const char *wanted)
{
    str value;
    return url_query_get(call->request.query, name, &call->arena, &value) &&
           str_eq_nocase(value, str_from(wanted));
}

/* False: the client is gone. */
static bool take_over(struct http_call *call, struct ws_home *home, str key)
{
    const struct http_header *header = http_find_header(&call->request.headers, "authorization");
    struct ws_protocol protocol = {.is_compressed = true,
                                   .has_hints = query_is(call, "hints", "true")};
    bool may_compress = !query_is(call, "compress", "false");
    if (header != NULL) {
        protocol.is_msgpack = query_is(call, "serialization", "msgpack");
        protocol.is_compressed = !query_is(call, "compression", "none");
    }
    struct conn *net = http_take_over(call);
    if (net == NULL) {
        return false;
    }
    struct buf head;
    buf_init(&head);
    ws_append_upgrade_response(&head, key, NULL, 0);
    struct ws_conn *conn = ws_conn_open(home, net, call->client_ip, protocol, may_compress);
    if (!status_ok(conn_write(net, buf_str(&head)))) {
        conn_close(net);
    }
    buf_release(&head);
    if (!timer_is_set(&home->tick)) {
        loop_timer_set(home->loop, &home->tick, TICK_MS, tick, home);
    }
    if (header != NULL) {
        str token = {0};
        (void)bearer_token(header->value, false, &token); /* none: refused as a token */
        ws_conn_authenticate(conn, token);
        arena_reset(&home->arena);
    }
    return true;
}

static void upgrade(struct http_call *call)
{
    struct server *server = call->server;
    struct api_ws *ws = server->wires.live_context;
    str key = {0};
    if (!check_upgrade(call, ws, &key)) {
        return;
    }
    if (take_over(call, home_of(ws, http_home_loop(call->home)), key)) {
        http_release(call);
    } else {
        http_abort(call);
    }
}

/* -- news ---------------------------------------------------------------------------------------
 */

static void recheck_all(void *argument)
{
    struct ws_home *home = argument;
    for (struct ws_conn *conn = home->conns; conn != NULL; conn = conn->next) {
        ws_conn_recheck(conn);
    }
}

/* The committer's thread, also at every log-in: only users with sockets matter. */
static void user_changed(void *context, str user_id)
{
    struct api_ws *ws = context;
    lock_take(&ws->lock);
    bool has_sockets = map_find(&ws->users, user_id) != NULL;
    lock_give(&ws->lock);
    if (has_sockets) {
        post_all(ws, recheck_all);
    }
}

static void table_changed(void *context, table_id id, bool is_dropped)
{
    struct api_ws *ws = context;
    live_table_changed(ws->live, id, is_dropped);
}

static status kill_live(void *context, const struct session *session, str id, struct arena *arena,
                        str *message, struct error *err)
{
    (void)session;
    struct api_ws *ws = context;
    TRY(live_kill(ws->live, id, err));
    *message = arena_format(arena, "Live query killed: " STR_FMT, STR(id));
    return STATUS_IS_OK;
}

static status rows_of_live(void *context, const struct session *session, struct arena *arena,
                           const struct row_sink *sink, struct error *err)
{
    (void)session;
    struct api_ws *ws = context;
    return live_rows(ws->live, arena, sink, err);
}

static uint64_t version_of_live(void *context)
{
    const struct api_ws *ws = context;
    return live_version(ws->live);
}

static status rows_of_sessions(void *context, const struct session *session, struct arena *arena,
                               const struct row_sink *sink, struct error *err)
{
    (void)session;
    return ws_sessions_write(context, arena, sink, err);
}

/* -- the part -----------------------------------------------------------------------------------
 */

static status submit_page(void *context, pool_task_fn *task, void *argument)
{
    const struct server *server = context;
    return pool_submit(server->workers, POOL_SHORT, task, argument);
}

static void join(struct server *server, struct api_ws *ws)
{
    server->wires.sink = (struct change_sink){
        .is_watched = live_is_watched, .after = live_after, .context = ws->live};
    store_set_sink(server->store, &server->wires.sink);
    const struct catalog_listener listener = {
        .table_changed = table_changed, .user_changed = user_changed, .context = ws};
    catalog_set_listener(server->catalog, &listener);
    server->wires.ws_upgrade = upgrade;
    server->wires.kill_live = kill_live;
    server->wires.live_rows = rows_of_live;
    server->wires.live_version = version_of_live;
    server->wires.session_rows = rows_of_sessions;
    server->wires.live_context = ws;
}

static status open_part(struct server *server, void **state, struct error *err)
{
    (void)err;
    const struct live_options options = {.engine = server->queries,
                                         .catalog = server->catalog,
                                         .committer = server->committer,
                                         .watchers = &server->watchers,
                                         .clock = server->clock,
                                         .submit = submit_page,
                                         .submit_context = server};
    struct api_ws *ws = mem_alloc_zeroed(sizeof *ws);
    ws->server = server;
    ws->live = live_create(&options);
    lock_init(&ws->lock, LOCK_SESSION);
    map_init(&ws->users);
    join(server, ws);
    *state = ws;
    return STATUS_IS_OK;
}

static void say_goodbye(void *argument)
{
    struct ws_home *home = argument;
    for (struct ws_conn *conn = home->conns; conn != NULL; conn = conn->next) {
        ws_conn_close(conn, WS_CLOSE_GOING_AWAY, STR_LIT("Server shutting down"));
    }
}

static void drain_part(void *state)
{
    struct api_ws *ws = state;
    atomic_count_set(&ws->is_stopping, 1);
    post_all(ws, say_goodbye);
}

static void close_part(void *state)
{
    struct api_ws *ws = state;
    CHECK(ws->users.count == 0);
    live_destroy(ws->live);
    for (unsigned i = 0; i < ws->home_count; i++) {
        free_home(ws->homes[i]);
    }
    map_release(&ws->users);
    lock_release(&ws->lock);
    mem_free(ws);
}

const struct server_part api_ws_part = {
    .name = "live", .open = open_part, .drain = drain_part, .close = close_part};

void api_ws_statistics_get(void *state, struct api_ws_statistics *out)
{
    struct api_ws *ws = state;
    *out = (struct api_ws_statistics){.connections = atomic_count_get(&ws->connections),
                                      .connections_peak = atomic_count_get(&ws->connections_peak),
                                      .opened = atomic_count_get(&ws->opened),
                                      .messages_in = atomic_count_get(&ws->messages_in),
                                      .messages_out = atomic_count_get(&ws->messages_out),
                                      .slow_closed = atomic_count_get(&ws->slow_closed)};
}

struct live *api_ws_live(void *state)
{
    return ((struct api_ws *)state)->live;
}
