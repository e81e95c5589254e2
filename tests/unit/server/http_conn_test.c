/* tests/unit/server/http_conn_test.c -- Goal: requests of a pipeline are answered once and in order
 * whoever answers them and when; a call survives its client; a slow client slows the worker and
 * nothing else; times go by the clock. Method: a socket pair, the loop turned by hand on a fake
 * clock; the handler does what the path says. */
#include "test.h"

#include "server/http_private.h"

#include "base/mem.h"

#include <sys/socket.h>
#include <unistd.h>

enum { BODY_MAX = 1000, BIG_PIECE = 100 * 1000, BIG_PIECES = 20 };

static struct {
    struct http_call *held;  /* by "/hold" */
    struct http_call *taken; /* by "/take" */
    struct conn *taken_conn;
    unsigned heads;
    unsigned requests;
    unsigned overflows;
    struct pool *pool;
    atomic_count streamed; /* pieces that the worker got rid of */
    atomic_count outcome;  /* status of its last write */
} told;

static void answer(struct http_call *call, const char *text)
{
    buf_append_c(&call->out, text);
    buf_append_str(&call->out, buf_str(&call->body));
    http_answer(call, 200, STR_LIT("text/plain"));
}

static void answer_held(struct http_call *call)
{
    answer(call, "held:");
}

static void stream_work(void *argument, unsigned worker)
{
    (void)worker;
    struct http_call *call = argument;
    struct error err;
    char *piece = mem_alloc_zeroed(BIG_PIECE);
    memset(piece, 'x', BIG_PIECE);
    status result = STATUS_IS_OK;
    for (unsigned i = 0; i < BIG_PIECES && status_ok(result); i++) {
        result = http_stream_write(call, STR_LIT("text/plain"), str_of(piece, BIG_PIECE), &err);
        (void)atomic_count_add(&told.streamed, 1);
    }
    mem_free(piece);
    atomic_count_set(&told.outcome, result.code);
    http_return(call, answer_held);
}

static void on_head(struct http_call *call)
{
    told.heads++;
    if (str_eq_c(call->request.path, "/early")) {
        answer(call, "early:");
    }
}

static void on_request(struct http_call *call)
{
    told.requests++;
    str path = call->request.path;
    if (str_eq_c(path, "/hold")) {
        told.held = call;
    } else if (str_eq_c(path, "/abort")) {
        http_abort(call);
    } else if (str_eq_c(path, "/stream")) {
        EXPECT_STATUS(http_submit(call, told.pool, POOL_SHORT, stream_work), OK);
    } else if (str_eq_c(path, "/take")) {
        told.taken = call;
        told.taken_conn = http_take_over(call);
    } else {
        answer(call, "now:");
    }
}

static void on_overflow(struct http_call *call)
{
    told.overflows++;
    http_answer(call, 413, str_of(NULL, 0));
}

/* --- the world */

struct world {
    struct fake_clock clock;
    atomic_count connections;
    atomic_count connections_peak;
    struct http_options options;
    struct loop *loop;
    struct http_home *home;
    int fd; /* the client's end */
};

static void world_open(struct world *w)
{
    static const struct http_handlers handlers = {on_head, on_request, on_overflow};
    struct error err;
    int fds[2];
    memset(&told, 0, sizeof told);
    memset(w, 0, sizeof *w);
    fake_clock_init(&w->clock, 1000000);
    w->options = (struct http_options){.clock = &w->clock.clock,
                                       .handlers = &handlers,
                                       .context = w,
                                       .body_bytes_max = BODY_MAX,
                                       .connections = &w->connections,
                                       .connections_peak = &w->connections_peak,
                                       HTTP_TIMES_DEFAULT};
    EXPECT_OK(loop_create(&w->clock.clock, &w->loop, &err), &err);
    w->home = http_home_create(&w->options, w->loop);
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    w->fd = fds[0];
    EXPECT(loop_adopt(w->loop, fds[1], http_conn_handler(), w->home, NULL) != NULL);
}

static void turn(struct world *w)
{
    for (unsigned i = 0; i < 4; i++) {
        (void)loop_turn(w->loop, 0);
    }
}

static void world_close(struct world *w)
{
    if (w->fd >= 0) {
        (void)close(w->fd);
    }
    turn(w);
    loop_destroy(w->loop);
    EXPECT_UINT(http_home_busy(w->home), 0);
    EXPECT_UINT(atomic_count_get(&w->connections), 0);
    http_home_destroy(w->home);
}

static void say(struct world *w, const char *text)
{
    EXPECT(write(w->fd, text, strlen(text)) == (ssize_t)strlen(text));
    turn(w);
}

/* What has come; *ended: and no more will. */
static str hear(struct world *w, char *text, size_t max, bool *ended)
{
    size_t n = 0;
    bool is_over = false;
    while (n < max && !is_over) {
        ssize_t got = recv(w->fd, text + n, max - n, MSG_DONTWAIT);
        is_over = got == 0;
        if (got <= 0) {
            break;
        }
        n += (size_t)got;
    }
    if (ended != NULL) {
        *ended = is_over;
    }
    return str_of(text, n);
}

static bool has(str text, const char *part)
{
    return str_find(text, str_from(part)) >= 0;
}

#define HOST "Host: a\r\n"
#define NOW "GET /now HTTP/1.1\r\n" HOST "\r\n"
#define HOLD "POST /hold HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab"

/* --- order */

TEST(http_conn_answers_a_pipeline_in_order_although_one_is_held)
{
    struct world w;
    char text[4096];
    world_open(&w);
    say(&w, NOW HOLD NOW);
    str before = hear(&w, text, sizeof text, NULL);
    EXPECT(has(before, "now:") && !has(before, "held:"));
    EXPECT_UINT(told.requests, 2); /* the third waits unread */
    http_return(told.held, answer_held);
    turn(&w);
    str after = hear(&w, text, sizeof text, NULL);
    EXPECT(str_find(after, STR_LIT("held:ab")) >= 0);
    EXPECT(str_find(after, STR_LIT("now:")) > str_find(after, STR_LIT("held:ab")));
    EXPECT_UINT(told.requests, 3);
    world_close(&w);
}

TEST(http_conn_answers_byte_by_byte_as_on_the_whole)
{
    struct world w;
    char text[4096];
    const char *request = "POST /now HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                          "3\r\nabc\r\n2;x=1\r\nde\r\n0\r\nT: 1\r\n\r\n";
    world_open(&w);
    for (size_t i = 0; request[i] != '\0'; i++) {
        EXPECT(write(w.fd, request + i, 1) == 1);
        turn(&w);
    }
    EXPECT(has(hear(&w, text, sizeof text, NULL), "now:abcde"));
    EXPECT_UINT(told.requests, 1);
    say(&w, NOW);
    EXPECT(has(hear(&w, text, sizeof text, NULL), "now:"));
    world_close(&w);
}

TEST(http_conn_after_an_early_answer_skips_a_body_at_hand_and_ends_without_one)
{
    struct world w;
    char text[4096];
    bool ended = false;
    world_open(&w);
    say(&w, "POST /early HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc" NOW);
    str heard = hear(&w, text, sizeof text, &ended);
    EXPECT(has(heard, "early:") && has(heard, "now:") && !ended);
    say(&w, "POST /early HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\na");
    heard = hear(&w, text, sizeof text, &ended);
    EXPECT(has(heard, "early:") && has(heard, "Connection: close\r\n") && ended);
    world_close(&w);
}

TEST(http_conn_with_a_body_past_the_limit_overflows_once_and_ends)
{
    struct world w;
    char text[4096];
    bool ended = false;
    world_open(&w);
    say(&w, "POST /now HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3e8\r\n");
    char part[1001];
    memset(part, 'x', 1000);
    part[1000] = '\0';
    say(&w, part);
    EXPECT_UINT(told.overflows, 0);
    say(&w, "\r\n1\r\nx\r\n0\r\n\r\n" NOW);
    EXPECT(has(hear(&w, text, sizeof text, &ended), "HTTP/1.1 413 "));
    EXPECT(ended);
    EXPECT_UINT(told.overflows, 1);
    EXPECT_UINT(told.requests, 0);
    world_close(&w);
}

/* --- lives */

TEST(http_call_survives_its_client)
{
    struct world w;
    world_open(&w);
    say(&w, HOLD);
    (void)shutdown(w.fd, SHUT_RDWR);
    (void)close(w.fd);
    w.fd = -1;
    turn(&w);
    http_home_cut(w.home);
    turn(&w);
    EXPECT_UINT(http_home_busy(w.home), 1);
    EXPECT_STR(buf_str(&told.held->body), "ab");
    http_return(told.held, answer_held);
    turn(&w);
    world_close(&w);
}

TEST(http_abort_closes_without_an_answer)
{
    struct world w;
    char text[256];
    bool ended = false;
    world_open(&w);
    say(&w, "GET /abort HTTP/1.1\r\n" HOST "\r\n");
    EXPECT_UINT(hear(&w, text, sizeof text, &ended).n, 0);
    EXPECT(ended);
    world_close(&w);
}

TEST(http_home_drain_ends_idle_connections_and_others_after_their_answer)
{
    struct world w;
    char text[4096];
    bool ended = false;
    world_open(&w);
    say(&w, HOLD);
    http_home_drain(w.home);
    turn(&w);
    EXPECT_UINT(hear(&w, text, sizeof text, &ended).n, 0);
    EXPECT(!ended);
    http_return(told.held, answer_held);
    turn(&w);
    str heard = hear(&w, text, sizeof text, &ended);
    EXPECT(has(heard, "held:ab") && has(heard, "Connection: close\r\n") && ended);
    world_close(&w);

    world_open(&w);
    turn(&w);
    http_home_drain(w.home);
    turn(&w);
    (void)hear(&w, text, sizeof text, &ended);
    EXPECT(ended);
    world_close(&w);
}

static struct {
    struct buf received;
    unsigned closes;
} socket_told;

static size_t socket_on_data(struct conn *conn, str bytes)
{
    (void)conn;
    buf_append_str(&socket_told.received, bytes);
    return bytes.n;
}

static void socket_on_close(struct conn *conn, enum conn_end end)
{
    (void)end;
    struct world *w = conn_user(conn);
    (void)atomic_count_sub(&w->connections, 1);
    socket_told.closes++;
}

TEST(http_take_over_hands_on_every_byte_behind_the_request)
{
    static const struct conn_handler handler = {.on_data = socket_on_data,
                                                .on_close = socket_on_close};
    struct world w;
    world_open(&w);
    memset(&socket_told, 0, sizeof socket_told);
    say(&w, "GET /take HTTP/1.1\r\n" HOST "\r\n");
    (void)loop_turn(w.loop, 0);
    EXPECT(told.taken_conn != NULL);
    conn_set_user(told.taken_conn, &w);
    conn_set_handler(told.taken_conn, &handler);
    http_release(told.taken);
    turn(&w);
    say(&w, "-more");
    EXPECT(has(buf_str(&socket_told.received), "-more"));
    http_home_drain(w.home); /* is no longer its business */
    turn(&w);
    EXPECT_UINT(socket_told.closes, 0);
    world_close(&w);
    EXPECT_UINT(socket_told.closes, 1);
    buf_release(&socket_told.received);
}

/* --- times */

static void pass(struct world *w, int64_t ms)
{
    fake_clock_advance(&w->clock, ms * 1000);
    turn(w);
}

TEST(http_conn_with_half_a_head_gets_408_after_5_s)
{
    struct world w;
    char text[4096];
    bool ended = false;
    world_open(&w);
    say(&w, "GET /now HTTP/1.1\r\n");
    pass(&w, 4990);
    EXPECT_UINT(hear(&w, text, sizeof text, &ended).n, 0);
    EXPECT(!ended);
    pass(&w, 20);
    EXPECT(has(hear(&w, text, sizeof text, &ended), "HTTP/1.1 408 "));
    EXPECT(ended);
    world_close(&w);
}

TEST(http_conn_that_never_speaks_is_closed_after_5_s_and_a_kept_one_after_75_s)
{
    struct world w;
    char text[4096];
    bool ended = false;
    world_open(&w);
    pass(&w, 5010);
    EXPECT_UINT(hear(&w, text, sizeof text, &ended).n, 0);
    EXPECT(ended);
    world_close(&w);

    world_open(&w);
    say(&w, NOW);
    pass(&w, 74000);
    EXPECT(has(hear(&w, text, sizeof text, &ended), "now:") && !ended);
    pass(&w, 2000);
    (void)hear(&w, text, sizeof text, &ended);
    EXPECT(ended);
    world_close(&w);
}

TEST(http_conn_with_half_a_body_gets_408_after_30_s_without_progress)
{
    struct world w;
    char text[4096];
    bool ended = false;
    world_open(&w);
    say(&w, "POST /now HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\na");
    pass(&w, 29000);
    say(&w, "b");
    pass(&w, 29000);
    EXPECT_UINT(hear(&w, text, sizeof text, &ended).n, 0);
    pass(&w, 2000);
    EXPECT(has(hear(&w, text, sizeof text, &ended), "HTTP/1.1 408 "));
    EXPECT(ended);
    world_close(&w);
}

TEST(http_conn_whose_request_runs_long_is_kept)
{
    struct world w;
    char text[4096];
    world_open(&w);
    say(&w, HOLD);
    pass(&w, 200000);
    http_return(told.held, answer_held);
    turn(&w);
    EXPECT(has(hear(&w, text, sizeof text, NULL), "held:ab"));
    world_close(&w);
}

/* --- large answers */

static void read_all(struct world *w, struct buf *all, const char *until)
{
    char part[65536];
    for (unsigned i = 0; i < 100000 && str_find(buf_str(all), str_from(until)) < 0; i++) {
        (void)loop_turn(w->loop, 1);
        buf_append_str(all, hear(w, part, sizeof part, NULL));
    }
}

TEST(http_stream_write_waits_for_a_slow_client_and_sends_all)
{
    struct world w;
    struct buf all;
    world_open(&w);
    buf_init(&all);
    told.pool = pool_create("test", 1, 4);
    say(&w, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    for (unsigned i = 0; i < 200; i++) { /* nobody reads: a few blocks, and not all */
        (void)loop_turn(w.loop, 1);
    }
    EXPECT(atomic_count_get(&told.streamed) < BIG_PIECES);
    read_all(&w, &all, "\r\n0\r\n\r\n");
    EXPECT_UINT(atomic_count_get(&told.streamed), BIG_PIECES);
    EXPECT_UINT(atomic_count_get(&told.outcome), STATUS_OK);
    size_t count = 0;
    for (size_t i = (size_t)str_find(buf_str(&all), STR_LIT("\r\n\r\n")); i < all.n; i++) {
        count += all.p[i] == 'x';
    }
    EXPECT_UINT(count, (size_t)BIG_PIECE * BIG_PIECES);
    EXPECT(has(buf_str(&all), "held:"));
    buf_clear(&all);
    EXPECT(write(w.fd, NOW, strlen(NOW)) > 0); /* still in step */
    read_all(&w, &all, "now:");
    buf_release(&all);
    pool_destroy(told.pool);
    world_close(&w);
}

TEST(http_stream_write_to_a_client_that_went_is_cancelled)
{
    struct world w;
    world_open(&w);
    told.pool = pool_create("test", 1, 4);
    say(&w, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    for (unsigned i = 0; i < 50; i++) {
        (void)loop_turn(w.loop, 1);
    }
    (void)close(w.fd);
    w.fd = -1;
    for (unsigned i = 0; i < 10000 && http_home_busy(w.home) > 0; i++) {
        (void)loop_turn(w.loop, 1);
    }
    EXPECT_UINT(atomic_count_get(&told.outcome), STATUS_CANCELLED);
    pool_destroy(told.pool);
    world_close(&w);
}

TEST(http_stream_of_a_client_that_stops_reading_ends_after_30_s)
{
    struct world w;
    world_open(&w);
    told.pool = pool_create("test", 1, 4);
    say(&w, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    for (unsigned i = 0; i < 100; i++) {
        (void)loop_turn(w.loop, 1);
    }
    pass(&w, 31000);
    for (unsigned i = 0; i < 10000 && http_home_busy(w.home) > 0; i++) {
        (void)loop_turn(w.loop, 1);
    }
    EXPECT_UINT(atomic_count_get(&told.outcome), STATUS_CANCELLED);
    pool_destroy(told.pool);
    world_close(&w);
}
