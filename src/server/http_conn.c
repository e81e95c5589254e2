/* server/http_conn.c -- from bytes to calls and back; the moves are drawn in http_conn.h.
 * A head is parsed where it lies, in the loop's receive buffer, and copied into the call's arena
 * once it is complete; a body is copied into call->body. So nothing of a call points into the
 * connection, which may go at any time. */
#include "server/http_private.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"

enum {
    FREE_CALLS_MAX = 64,             /* per loop */
    KEPT_BUF_BYTES = 64 * 1024,      /* a larger buffer is not kept for the next request */
    DRAIN_BYTES = 64 * 1024,         /* a backlog above is slow */
    BACKLOG_PAUSE_BYTES = 256 * 1024 /* no further request of a pipeline is read above */
};

static const bool moves_allowed[HTTP_PHASE_COUNT][HTTP_PHASE_COUNT] = {
    [HTTP_PHASE_HEAD] = {[HTTP_PHASE_BODY] = true, [HTTP_PHASE_ENDING] = true},
    [HTTP_PHASE_BODY] =
        {[HTTP_PHASE_BUSY] = true, [HTTP_PHASE_HEAD] = true, [HTTP_PHASE_ENDING] = true},
    [HTTP_PHASE_BUSY] =
        {[HTTP_PHASE_HEAD] = true, [HTTP_PHASE_ENDING] = true, [HTTP_PHASE_TAKEN] = true},
};

void http_conn_move(struct http_conn *conn, enum http_phase phase)
{
    CHECK(moves_allowed[conn->phase][phase]);
    conn->phase = (uint8_t)phase;
}

/* --- calls ------------------------------------------------------------------------------------ */

static void count_up(atomic_count *count, uint64_t by)
{
    atomic_count_set(count, atomic_count_get(count) + by); /* the loop alone writes it */
}

static struct http_call *take_call(struct http_home *home)
{
    struct http_call *call = home->free_calls;
    if (call != NULL) {
        home->free_calls = call->next;
        home->free_count--;
        return call;
    }
    call = mem_alloc_zeroed(sizeof *call);
    arena_init(&call->arena);
    call->home = home;
    call->server = home->options->context;
    call->clock = home->options->clock;
    return call;
}

static void destroy_call(struct http_call *call)
{
    arena_release(&call->arena);
    buf_release(&call->body);
    buf_release(&call->out);
    buf_release(&call->head_out);
    mem_free(call);
}

static void trim(struct buf *buf)
{
    if (buf->capacity > KEPT_BUF_BYTES) {
        buf_release(buf);
    } else {
        buf_clear(buf);
    }
}

static void give_call(struct http_call *call)
{
    struct http_home *home = call->home;
    if (home->free_count >= FREE_CALLS_MAX) {
        destroy_call(call);
        return;
    }
    call->next = home->free_calls;
    home->free_calls = call;
    home->free_count++;
}

/* After a call that was begun. */
static void finish_call(struct http_call *call)
{
    http_stream_destroy(call->stream);
    call->stream = NULL;
    call->stream_on_loop = false;
    arena_reset(&call->arena);
    trim(&call->body);
    trim(&call->out);
    trim(&call->head_out);
    count_up(&call->home->busy, (uint64_t)-1);
    give_call(call);
}

static const char hex_digits[] = "0123456789abcdef";

static bool is_id_char(char c)
{
    return c > ' ' && c < 0x7f && c != '"' && c != '\\';
}

/* The client's id if it is fit for log lines, else one of ours. */
static str request_id(struct http_call *call)
{
    str given = http_header_get(call, "x-request-id");
    bool is_fit = given.n > 0 && given.n < HTTP_REQUEST_ID_BYTES;
    for (size_t i = 0; is_fit && i < given.n; i++) {
        is_fit = is_id_char(given.p[i]);
    }
    if (is_fit) {
        return given;
    }
    uint64_t id = call->home->id_prefix + call->home->id_next++;
    for (unsigned i = 0; i < 16; i++) {
        call->request_id_text[i] = hex_digits[(id >> (60 - 4 * i)) & 15];
    }
    return str_of(call->request_id_text, 16);
}

/* The peer's address; texts short enough were made when it came. */
static str peer_of(struct http_conn *conn, struct arena *arena)
{
    char text[CONN_PEER_TEXT_BYTES];
    return conn->peer_bytes > 0 ? arena_copy(arena, str_of(conn->peer, conn->peer_bytes))
                                : arena_copy(arena, conn_peer(conn->net, text));
}

static void begin_call(struct http_conn *conn, struct http_call *call)
{
    struct http_home *home = conn->home;
    call->conn = conn;
    conn->call = call;
    call->body_complete = false;
    call->extra_count = 0;
    call->must_close = false;
    atomic_count_set(&call->is_gone, 0);
    call->route = NULL;
    call->metric_route = 0;
    call->state = NULL;
    call->started_us = clock_mono_us(home->options->clock);
    call->request_id = request_id(call);
    call->is_local = conn_peer_is_loopback(conn->net);
    call->is_tls = conn_is_tls(conn->net);
    call->client_ip = peer_of(conn, &call->arena);
    count_up(&home->busy, 1);
    count_up(&home->requests, 1);
}

static void rebase(str *s, str from, const char *to)
{
    if (s->p != NULL && s->p >= from.p && s->p <= from.p + from.n) {
        s->p = to + (s->p - from.p);
    }
}

/* Moves the head that `request` points into to the arena. */
static void adopt_head(struct http_call *call, str head)
{
    const char *to = arena_copy(&call->arena, head).p;
    struct http_request *request = &call->request;
    rebase(&request->method_text, head, to);
    rebase(&request->target, head, to);
    rebase(&request->path, head, to);
    rebase(&request->query, head, to);
    rebase(&request->host, head, to);
    rebase(&request->upgrade, head, to);
    for (unsigned i = 0; i < request->headers.count; i++) {
        rebase(&request->headers.items[i].name, head, to);
        rebase(&request->headers.items[i].value, head, to);
    }
}

void http_add_header(struct http_call *call, const char *name, str value)
{
    CHECK(call->extra_count < HTTP_EXTRA_HEADERS_MAX);
    call->extra[call->extra_count++] = (struct http_header){str_from(name), value};
}

str http_header_get(const struct http_call *call, const char *name)
{
    const struct http_header *header = http_find_header(&call->request.headers, name);
    return header != NULL ? header->value : str_of(NULL, 0);
}

/* --- timeouts --------------------------------------------------------------------------------- */

static void set_head_deadline(struct http_conn *conn)
{
    if (!conn->has_deadline) {
        conn->has_deadline = true;
        conn_set_deadline(conn->net, conn->home->options->head_ms);
    }
}

static void clear_head_deadline(struct http_conn *conn)
{
    if (conn->has_deadline) {
        conn->has_deadline = false;
        conn_set_deadline(conn->net, 0);
    }
}

static void set_keep_alive_idle(struct http_conn *conn)
{
    conn_set_idle(conn->net, conn->home->options->keep_alive_ms, CONN_RECEIVED | CONN_SENT);
}

static void set_body_idle(struct http_conn *conn)
{
    if (!conn->is_slow_body) {
        conn->is_slow_body = true;
        conn_set_idle(conn->net, conn->home->options->progress_ms, CONN_RECEIVED);
    }
}

static void clear_body_idle(struct http_conn *conn)
{
    if (conn->is_slow_body) {
        conn->is_slow_body = false;
        set_keep_alive_idle(conn);
    }
}

void http_watch_backlog(struct http_conn *conn)
{
    if (!conn->is_slow && conn_queued_bytes(conn->net) > DRAIN_BYTES) {
        conn->is_slow = true;
        conn_set_idle(conn->net, conn->home->options->progress_ms, CONN_SENT);
    }
}

/* --- answers ---------------------------------------------------------------------------------- */

bool http_keeps_alive(const struct http_call *call)
{
    return call->request.keep_alive && call->body_complete && !call->must_close &&
           !call->home->draining;
}

void http_write_head(struct http_call *call, int code, str content_type, enum http_framing framing,
                     uint64_t content_length, bool keep_alive)
{
    struct http_header extra[HTTP_EXTRA_HEADERS_MAX + 1];
    memcpy(extra, call->extra, call->extra_count * sizeof extra[0]);
    extra[call->extra_count] = (struct http_header){STR_LIT("X-Request-ID"), call->request_id};
    struct http_response_head head = {
        .status = code,
        .content_type = content_type,
        .framing = framing,
        .content_length = content_length,
        .keep_alive = keep_alive,
        .minor = call->request.minor,
        .date_us = clock_wall_us(call->home->options->clock),
        .extra = extra,
        .extra_count = call->extra_count + (call->request_id.n > 0 ? 1u : 0u),
    };
    buf_clear(&call->head_out);
    http_append_response_head(&call->head_out, &head);
}

void http_end_call(struct http_call *call, bool keep_alive)
{
    struct http_conn *conn = call->conn;
    call->conn = NULL;
    finish_call(call);
    if (conn == NULL) {
        return;
    }
    conn->call = NULL;
    if (!conn_is_open(conn->net)) {
        return; /* on_close comes at the end of this turn */
    }
    if (!keep_alive) {
        http_conn_move(conn, HTTP_PHASE_ENDING);
        conn_finish(conn->net);
        return;
    }
    http_conn_move(conn, HTTP_PHASE_HEAD);
    http_watch_backlog(conn);
    if (conn_queued_bytes(conn->net) > BACKLOG_PAUSE_BYTES) {
        conn->is_paused = true;
        conn_pause(conn->net);
    } else if (conn->is_paused) {
        conn->is_paused = false;
        conn_resume(conn->net);
    }
}

static void log_answer(const struct http_call *call, int code)
{
    log_debug("http", "answered",
              "method=" STR_FMT " path=" STR_FMT " status=%d bytes=%zu us=%llu client=" STR_FMT,
              STR(call->request.method_text), STR(call->request.path), code, call->out.n,
              (unsigned long long)(clock_mono_us(call->home->options->clock) - call->started_us),
              STR(call->client_ip));
}

static void count_answer(const struct http_call *call, int code)
{
    const char digits[3] = {(char)('0' + code / 100 % 10), (char)('0' + code / 10 % 10),
                            (char)('0' + code % 10)};
    unsigned status_slot = metric_label_find(METRIC_LABEL_STATUS, str_of(digits, sizeof digits));
    uint64_t us = clock_mono_us(call->home->options->clock) - call->started_us;
    metric_add(METRIC_HTTP_REQUESTS, call->metric_route, status_slot, 1);
    metric_observe(METRIC_HTTP_DURATION, call->metric_route, status_slot, us);
}

void http_answer(struct http_call *call, int code, str content_type)
{
    count_answer(call, code);
    if (log_enabled(LOG_DEBUG)) {
        log_answer(call, code);
    }
    bool keep_alive = http_keeps_alive(call);
    if (call->conn == NULL) {
        http_end_call(call, false);
        return;
    }
    if (call->stream != NULL) {
        bool is_whole = http_stream_finish(call, buf_str(&call->out));
        http_end_call(call, keep_alive && is_whole && call->request.minor == 1);
        return;
    }
    bool has_body = code >= 200 && code != 204 && code != 304;
    http_write_head(call, code, content_type, has_body ? HTTP_SIZED : HTTP_NO_BODY, call->out.n,
                    keep_alive);
    str parts[2] = {buf_str(&call->head_out), buf_str(&call->out)};
    bool sends_body = has_body && call->request.method != HTTP_HEAD;
    status sent = conn_write_parts(call->conn->net, parts, sends_body ? 2 : 1);
    http_end_call(call, keep_alive && status_ok(sent));
}

void http_abort(struct http_call *call)
{
    if (call->conn != NULL) {
        conn_close(call->conn->net);
    }
    http_end_call(call, false);
}

/* For what goes wrong before any handler is asked. */
static void answer_text(struct http_call *call, int code, const char *text)
{
    buf_clear(&call->out);
    buf_append_c(&call->out, text);
    buf_append_byte(&call->out, '\n');
    call->must_close = true;
    http_answer(call, code, STR_LIT("text/plain; charset=utf-8"));
}

/* --- workers ---------------------------------------------------------------------------------- */

static void run_returned(void *argument)
{
    struct http_call *call = argument;
    char id[HTTP_REQUEST_ID_BYTES]; /* the call may be gone afterwards */
    size_t n = call->request_id.n < sizeof id ? call->request_id.n : sizeof id;
    memcpy(id, call->request_id.p, n);
    log_set_request(str_of(id, n));
    call->after(call);
    log_set_request(str_of(NULL, 0));
}

status http_submit(struct http_call *call, struct pool *pool, enum pool_lane lane,
                   pool_task_fn *work)
{
    return pool_submit(pool, lane, work, call);
}

void http_return(struct http_call *call, void (*after)(struct http_call *call))
{
    call->after = after;
    call->task.fn = run_returned;
    call->task.argument = call;
    loop_post_task(call->home->loop, &call->task);
}

/* --- hand-over -------------------------------------------------------------------------------- */

/* Counts a connection in; false: there are too many. A WebSocket counts until http_leave_server. */
static bool enter_server(const struct http_options *options)
{
    uint64_t before = atomic_count_add(options->connections, 1);
    if (options->connections_max > 0 && before >= options->connections_max) {
        (void)atomic_count_sub(options->connections, 1);
        return false;
    }
    atomic_count_raise(options->connections_peak, before + 1);
    return true;
}

static void unlink_conn(struct http_conn *conn)
{
    if (conn->prev != NULL) {
        conn->prev->next = conn->next;
    } else {
        conn->home->conns = conn->next;
    }
    if (conn->next != NULL) {
        conn->next->prev = conn->prev;
    }
}

static void free_conn(void *conn)
{
    mem_free(conn);
}

struct conn *http_take_over(struct http_call *call)
{
    struct http_conn *conn = call->conn;
    if (conn == NULL || !conn_is_open(conn->net)) {
        return NULL;
    }
    CHECK(conn->phase == HTTP_PHASE_BUSY);
    struct conn *net = conn->net;
    http_conn_move(conn, HTTP_PHASE_TAKEN);
    conn_set_idle(net, 0, 0);
    conn_set_deadline(net, 0);
    if (conn->is_paused) {
        conn_resume(net);
    }
    call->conn = NULL;
    conn->call = NULL;
    unlink_conn(conn);
    loop_post(conn->home->loop, free_conn, conn); /* on_data may still hold it */
    return net;
}

void http_release(struct http_call *call)
{
    CHECK(call->conn == NULL);
    count_answer(call, 101);
    finish_call(call);
}

/* --- receiving -------------------------------------------------------------------------------- */

/* The body is there: the handler's turn. */
static void serve(struct http_conn *conn)
{
    struct http_call *call = conn->call;
    call->body_complete = true;
    clear_body_idle(conn);
    http_conn_move(conn, HTTP_PHASE_BUSY);
    log_set_request(call->request_id);
    conn->home->options->handlers->request(call);
    log_set_request(str_of(NULL, 0));
    if (conn->phase == HTTP_PHASE_BUSY && conn_is_open(conn->net)) {
        conn->is_paused = true;
        conn_pause(conn->net);
    }
}

/* Returns how many bytes of `in` belong to the body. */
static size_t read_body(struct http_conn *conn, str in)
{
    struct http_call *call = conn->call;
    size_t before = in.n;
    for (;;) {
        str data;
        struct http_failure failure;
        switch (http_body_next(&call->body_state, &in, &data, &failure)) {
        case HTTP_BODY_DATA:
            buf_append_str(&call->body, data);
            break;
        case HTTP_BODY_MORE:
            set_body_idle(conn);
            return before;
        case HTTP_BODY_DONE:
            serve(conn);
            return before - in.n;
        case HTTP_BODY_BROKEN:
            if (failure.status == 413) {
                call->must_close = true;
                conn->home->options->handlers->overflow(call);
            } else {
                answer_text(call, failure.status, failure.reason);
            }
            return before;
        }
    }
}

static void send_continue(struct http_conn *conn)
{
    struct http_call *call = conn->call;
    buf_clear(&call->head_out);
    http_append_continue(&call->head_out);
    if (!status_ok(conn_write(conn->net, buf_str(&call->head_out)))) {
        conn_close(conn->net);
    }
}

/* A head that is no HTTP: the answer, and the end of the connection. */
static void refuse_head(struct http_conn *conn, struct http_call *call,
                        const struct http_failure *failure)
{
    call->request = (struct http_request){.method = HTTP_OTHER_METHOD, .minor = 1};
    begin_call(conn, call);
    clear_head_deadline(conn);
    http_conn_move(conn, HTTP_PHASE_BODY);
    answer_text(call, failure->status, failure->reason);
}

/* The head in front of `bytes` is complete and parsed; returns how many bytes were used. */
static size_t take_head(struct http_conn *conn, struct http_call *call, str bytes,
                        size_t head_bytes)
{
    const struct http_options *options = conn->home->options;
    const struct http_request *request = &call->request;
    str rest = str_skip(bytes, head_bytes);
    size_t body_bytes = 0; /* that an early answer skips */
    clear_head_deadline(conn);
    conn->scanned = 0;
    adopt_head(call, str_slice(bytes, 0, head_bytes));
    begin_call(conn, call);
    http_conn_move(conn, HTTP_PHASE_BODY);
    http_body_init(&call->body_state, request->framing, request->content_length,
                   options->body_bytes_max);
    if (rest.n > request->content_length && request->framing != HTTP_CHUNKED) {
        conn_cork(conn->net); /* a pipeline: its answers leave together */
    }
    /* With the whole body at hand an early answer need not end the connection. */
    call->body_complete = request->framing == HTTP_NO_BODY ||
                          (request->framing == HTTP_SIZED && request->content_length <= rest.n);
    if (call->body_complete && request->framing == HTTP_SIZED) {
        body_bytes = (size_t)request->content_length;
    }
    options->handlers->head(call);
    if (conn->call != call) { /* answered */
        return head_bytes + body_bytes;
    }
    if (request->expects_continue && rest.n == 0 && !call->body_complete && request->minor == 1) {
        send_continue(conn);
        if (!conn_is_open(conn->net)) {
            return head_bytes;
        }
    }
    return head_bytes + read_body(conn, rest);
}

static size_t read_head(struct http_conn *conn, str bytes)
{
    struct http_call *call = take_call(conn->home);
    size_t head_bytes = 0;
    struct http_failure failure;
    switch (http_parse_request(bytes, &conn->scanned, &call->request, &head_bytes, &failure)) {
    case HTTP_COMPLETE:
        return take_head(conn, call, bytes, head_bytes);
    case HTTP_INCOMPLETE:
        give_call(call);
        set_head_deadline(conn);
        return 0;
    case HTTP_BROKEN:
        break;
    }
    refuse_head(conn, call, &failure);
    return bytes.n;
}

static size_t on_data(struct conn *net, str bytes)
{
    struct http_conn *conn = conn_user(net);
    switch ((enum http_phase)conn->phase) {
    case HTTP_PHASE_HEAD:
        return read_head(conn, bytes);
    case HTTP_PHASE_BODY:
        return read_body(conn, bytes);
    case HTTP_PHASE_BUSY:
    case HTTP_PHASE_TAKEN:
        return 0;
    case HTTP_PHASE_ENDING:
    case HTTP_PHASE_COUNT:
        break;
    }
    return bytes.n;
}

/* --- the other events of a connection --------------------------------------------------------- */

static void on_drain(struct conn *net)
{
    struct http_conn *conn = conn_user(net);
    if (conn->is_slow) {
        conn->is_slow = false;
        set_keep_alive_idle(conn);
    }
    if (conn->phase == HTTP_PHASE_BUSY && conn->call->stream_on_loop) {
        http_stream_pump(conn->call);
    } else if (conn->phase == HTTP_PHASE_HEAD && conn->is_paused) {
        conn->is_paused = false;
        conn_resume(net);
    }
}

static void on_eof(struct conn *net)
{
    struct http_conn *conn = conn_user(net);
    if (conn->phase == HTTP_PHASE_BODY) {
        http_abort(conn->call);
    } else if (conn->phase == HTTP_PHASE_HEAD) {
        http_conn_move(conn, HTTP_PHASE_ENDING);
        conn_finish(net);
    } /* BUSY: reading is paused then, and the end is seen after the answer */
}

static void on_hangup(struct conn *net)
{
    struct http_conn *conn = conn_user(net);
    if (conn->phase == HTTP_PHASE_BUSY && conn->call != NULL) {
        atomic_count_set(&conn->call->is_gone, 1);
    }
}

static void on_timeout(struct conn *net, enum conn_timeout timeout)
{
    struct http_conn *conn = conn_user(net);
    switch ((enum http_phase)conn->phase) {
    case HTTP_PHASE_HEAD:
        if (timeout == CONN_TIMEOUT_DEADLINE && conn->scanned > 0) {
            const struct http_failure late = {408, "The request head took too long"};
            conn->scanned = 0;
            refuse_head(conn, take_call(conn->home), &late);
        } else {
            conn_close(net);
        }
        break;
    case HTTP_PHASE_BODY:
        answer_text(conn->call, 408, "The request body took too long");
        break;
    case HTTP_PHASE_BUSY:
        if (conn->is_slow) {
            conn_close(net);
        }
        break;
    case HTTP_PHASE_ENDING:
    case HTTP_PHASE_TAKEN:
    case HTTP_PHASE_COUNT:
        conn_close(net);
        break;
    }
}

static void on_close(struct conn *net, enum conn_end end)
{
    (void)end;
    struct http_conn *conn = conn_user(net);
    struct http_call *call = conn->call;
    if (call != NULL) {
        atomic_count_set(&call->is_gone, 1);
        call->conn = NULL;
        conn->call = NULL;
        if (conn->phase == HTTP_PHASE_BODY) {
            finish_call(call);
        } else if (call->stream_on_loop) {
            http_stream_cut(call->stream);
        }
    }
    unlink_conn(conn);
    (void)atomic_count_sub(conn->home->options->connections, 1);
    mem_free(conn);
}

static bool on_accept(struct conn *net, void *context)
{
    struct http_home *home = context;
    if (home->draining || !enter_server(home->options)) {
        return false;
    }
    struct http_conn *conn = mem_alloc_zeroed(sizeof *conn);
    conn->net = net;
    conn->home = home;
    conn->next = home->conns;
    if (home->conns != NULL) {
        home->conns->prev = conn;
    }
    home->conns = conn;
    char text[CONN_PEER_TEXT_BYTES];
    str peer = conn_peer(net, text);
    if (peer.n > 0 && peer.n <= sizeof conn->peer) {
        memcpy(conn->peer, peer.p, peer.n);
        conn->peer_bytes = (uint8_t)peer.n;
    }
    conn_set_user(net, conn);
    conn_set_drain(net, DRAIN_BYTES);
    set_keep_alive_idle(conn);
    set_head_deadline(conn);
    return true;
}

const struct conn_handler *http_conn_handler(void)
{
    static const struct conn_handler handler = {
        .on_accept = on_accept,
        .on_data = on_data,
        .on_drain = on_drain,
        .on_eof = on_eof,
        .on_hangup = on_hangup,
        .on_timeout = on_timeout,
        .on_close = on_close,
    };
    return &handler;
}

/* --- homes ------------------------------------------------------------------------------------ */

struct http_home *http_home_create(const struct http_options *options, struct loop *loop)
{
    struct http_home *home = mem_alloc_zeroed(sizeof *home);
    home->options = options;
    home->loop = loop;
    home->id_prefix = random_u64() & ~(uint64_t)UINT32_MAX;
    return home;
}

void http_home_destroy(struct http_home *home)
{
    if (home == NULL) {
        return;
    }
    CHECK(atomic_count_get(&home->busy) == 0);
    while (home->free_calls != NULL) {
        struct http_call *call = home->free_calls;
        home->free_calls = call->next;
        destroy_call(call);
    }
    mem_free(home);
}

struct loop *http_home_loop(const struct http_home *home)
{
    return home->loop;
}

void http_home_drain(struct http_home *home)
{
    home->draining = true;
    for (struct http_conn *conn = home->conns; conn != NULL; conn = conn->next) {
        if (conn->phase == HTTP_PHASE_HEAD) {
            http_conn_move(conn, HTTP_PHASE_ENDING);
            conn_finish(conn->net);
        }
    }
}

void http_home_cut(struct http_home *home)
{
    for (struct http_conn *conn = home->conns; conn != NULL; conn = conn->next) {
        conn_close(conn->net);
    }
}

uint64_t http_home_busy(const struct http_home *home)
{
    return atomic_count_get(&home->busy);
}

uint64_t http_home_requests(const struct http_home *home)
{
    return atomic_count_get(&home->requests);
}
