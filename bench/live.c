/* bench/live.c -- the blocking client's sockets, waited for with epoll. */
#include "live.h"

#include "base/hash.h"
#include "net/client.h"
#include "wire/http_body.h"
#include "wire/websocket.h"
#include "wire/ws_handshake.h"

#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS_MAX = 64, READ_BYTES = 65536, MESSAGE_BYTES_MAX = 16 << 20, WAIT_MS = 10000 };

struct socket {
    struct client *client;
    struct ws_parser parser;
    bool is_ready; /* the subscription was acknowledged */
    uint64_t events;
};

struct live {
    struct target *target;
    const struct live_load *load;
    struct live_result *result;
    struct socket *sockets;
    struct client *writer;
    int epoll;
    uint64_t sent_ns;
    uint64_t record_from_ns;
    bool has_answer; /* to the write under way */
    bool has_event;
};

static void check(status s, const struct error *err)
{
    if (!status_ok(s)) {
        target_stop("%s", err->text);
    }
}

static struct client *open_client(const struct target *target)
{
    struct client_options options = {.host = target->host, .port = target->port, .io_ms = WAIT_MS};
    struct client *client;
    struct error err;
    check(client_open(&options, &client, &err), &err);
    return client;
}

/* --- sockets --- */

static void send_text(struct socket *socket, str text)
{
    struct buf bytes;
    struct error err;
    uint8_t mask[4];
    buf_init(&bytes);
    random_bytes(mask, sizeof mask);
    ws_append_frame(&bytes, WS_TEXT, text, mask);
    check(client_send(socket->client, buf_str(&bytes), &err), &err);
    buf_release(&bytes);
}

static void subscribe(struct live *live, struct socket *socket)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "{\"type\":\"subscribe\",\"subscription\":{\"id\":\"s\",\"sql\":"
                   "\"SELECT * FROM %s WHERE owner = %u\",\"options\":{\"last_rows\":0}}}",
                   live->load->table, (unsigned)(socket - live->sockets));
    send_text(socket, str_from(text));
}

static void on_message(struct live *live, struct socket *socket, str text)
{
    if (str_find(text, STR_LIT("\"type\":\"auth_success\"")) >= 0) {
        subscribe(live, socket);
    } else if (str_find(text, STR_LIT("\"type\":\"subscription_ack\"")) >= 0) {
        socket->is_ready = true;
    } else if (str_find(text, STR_LIT("\"type\":\"change\"")) >= 0) {
        bool is_wanted = socket == live->sockets;
        live->has_event |= is_wanted;
        live->result->strays += !is_wanted;
        if (is_wanted && now_ns() >= live->record_from_ns) {
            histogram_add(&live->result->delivery, now_ns() - live->sent_ns);
        }
    } else if (str_find(text, STR_LIT("error")) >= 0) {
        target_stop("a subscription failed: " STR_FMT, STR(str_slice(text, 0, 400)));
    }
}

static void on_bytes(struct live *live, struct socket *socket, char *p, size_t n)
{
    char *end = p + n;
    struct ws_event event;
    for (;;) {
        switch (ws_parser_next(&socket->parser, &p, end, &event)) {
        case WS_EVENT_MORE:
            return;
        case WS_EVENT_TEXT:
            on_message(live, socket, event.payload);
            break;
        case WS_EVENT_CLOSE:
        case WS_EVENT_BROKEN:
            target_stop("a socket was closed: " STR_FMT, STR(event.payload));
        default:
            break;
        }
    }
}

static void receive(struct live *live, struct socket *socket)
{
    static char bytes[READ_BYTES];
    struct error err;
    size_t got = 0;
    status s = client_receive_within(socket->client, 0, bytes, sizeof bytes, &got, &err);
    if (s.code == STATUS_TIMEOUT) {
        return;
    }
    check(s, &err);
    if (got == 0) {
        target_stop("the server closed a socket");
    }
    on_bytes(live, socket, bytes, got);
}

static void open_socket(struct live *live, struct socket *socket)
{
    struct arena arena;
    struct buf bytes;
    struct error err;
    struct http_response head;
    struct http_failure broken;
    uint8_t nonce[WS_NONCE_BYTES];
    size_t scanned = 0;
    size_t head_bytes = 0;
    arena_init(&arena);
    buf_init(&bytes);
    socket->client = open_client(live->target);
    ws_parser_init(&socket->parser, true, MESSAGE_BYTES_MAX);
    random_bytes(nonce, sizeof nonce);
    ws_append_key(&bytes, nonce);
    str key = arena_copy(&arena, buf_str(&bytes));
    buf_clear(&bytes);
    struct http_header bearer = {STR_LIT("Authorization"),
                                 arena_format(&arena, "Bearer " STR_FMT, STR(live->target->token))};
    ws_append_upgrade_request(&bytes, STR_LIT("127.0.0.1"), STR_LIT("/v1/ws?compress=false"), key,
                              &bearer, 1);
    check(client_send(socket->client, buf_str(&bytes), &err), &err);
    buf_clear(&bytes);
    for (;;) {
        size_t got = 0;
        char *at = buf_reserve(&bytes, READ_BYTES);
        check(client_receive(socket->client, at, READ_BYTES, &got, &err), &err);
        bytes.n += got;
        enum http_progress progress =
            http_parse_response(buf_str(&bytes), &scanned, HTTP_GET, &head, &head_bytes, &broken);
        if (progress == HTTP_COMPLETE && ws_is_upgraded(&head, key)) {
            break;
        }
        if (progress != HTTP_INCOMPLETE || got == 0) {
            target_stop("no WebSocket: " STR_FMT, STR(str_slice(buf_str(&bytes), 0, 300)));
        }
    }
    on_bytes(live, socket, bytes.p + head_bytes, bytes.n - head_bytes);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = socket};
    (void)epoll_ctl(live->epoll, EPOLL_CTL_ADD, client_fd(socket->client), &event);
    buf_release(&bytes);
    arena_release(&arena);
}

/* --- the writer --- */

static void send_write(struct live *live, uint64_t id)
{
    struct buf request;
    struct error err;
    char params[64];
    char sql[128];
    buf_init(&request);
    (void)snprintf(sql, sizeof sql, "INSERT INTO %s (id, owner, body) VALUES ($1, 0, $2)",
                   live->load->table);
    (void)snprintf(params, sizeof params, "[%llu,\"message %llu\"]", (unsigned long long)id,
                   (unsigned long long)id);
    target_append_sql(&request, live->target, live->target->token, str_from(sql), str_from(params),
                      live->load->durability);
    live->has_answer = false;
    live->has_event = false;
    live->sent_ns = now_ns();
    check(client_send(live->writer, buf_str(&request), &err), &err);
    buf_release(&request);
}

/* Answers to single writes are short: one read has them whole. */
static void on_answer(struct live *live)
{
    char bytes[4096];
    struct error err;
    size_t got = 0;
    status s = client_receive_within(live->writer, 0, bytes, sizeof bytes, &got, &err);
    if (s.code == STATUS_TIMEOUT) {
        return;
    }
    check(s, &err);
    if (!str_starts_with(str_of(bytes, got), STR_LIT("HTTP/1.1 200"))) {
        target_stop("a write failed: " STR_FMT, STR(str_of(bytes, got)));
    }
    live->has_answer = true;
    if (now_ns() >= live->record_from_ns) {
        histogram_add(&live->result->answer, now_ns() - live->sent_ns);
    }
}

static void wait_turn(struct live *live)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(live->epoll, events, EVENTS_MAX, WAIT_MS);
    if (count == 0) {
        target_stop("nothing came for %d s: has answer %d, has event %d", WAIT_MS / 1000,
                    live->has_answer, live->has_event);
    }
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == NULL) {
            on_answer(live);
        } else {
            receive(live, events[i].data.ptr);
        }
    }
}

static bool all_ready(const struct live *live)
{
    for (unsigned i = 0; i < live->load->sockets; i++) {
        if (!live->sockets[i].is_ready) {
            return false;
        }
    }
    return true;
}

static void open_all(struct live *live)
{
    live->epoll = epoll_create1(EPOLL_CLOEXEC);
    live->sockets = mem_alloc_zeroed(live->load->sockets * sizeof live->sockets[0]);
    for (unsigned i = 0; i < live->load->sockets; i++) {
        open_socket(live, &live->sockets[i]);
    }
    while (!all_ready(live)) {
        wait_turn(live);
    }
    live->writer = open_client(live->target);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    (void)epoll_ctl(live->epoll, EPOLL_CTL_ADD, client_fd(live->writer), &event);
}

static void close_all(struct live *live)
{
    for (unsigned i = 0; i < live->load->sockets; i++) {
        client_close(live->sockets[i].client);
        ws_parser_release(&live->sockets[i].parser);
    }
    client_close(live->writer);
    mem_free(live->sockets);
    (void)close(live->epoll);
}

void live_run(struct target *target, const struct live_load *load, struct live_result *out)
{
    struct live live = {.target = target, .load = load, .result = out};
    memset(out, 0, sizeof *out);
    open_all(&live);
    uint64_t begin_ns = now_ns();
    live.record_from_ns = begin_ns + 200000000;
    uint64_t until_ns = live.record_from_ns + (uint64_t)(load->run_s * 1e9);
    uint64_t cpu_us = 0;
    bool is_warm = false;
    for (uint64_t id = load->first_id; now_ns() < until_ns; id++) {
        if (!is_warm && now_ns() >= live.record_from_ns) {
            is_warm = true;
            cpu_us = target_cpu_us(target);
        }
        send_write(&live, id);
        while (!live.has_answer || !live.has_event) {
            wait_turn(&live);
        }
        out->writes += is_warm;
    }
    out->seconds = load->run_s;
    out->cpu_us =
        out->writes > 0 ? (double)(target_cpu_us(target) - cpu_us) / (double)out->writes : 0;
    close_all(&live);
}
