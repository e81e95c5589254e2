/* tests/unit/net/conn_test.c -- Goal: bytes arrive whole and in order, backlogs are exact and
 * bounded, timeouts go by the clock, and every life ends with one on_close. Method: real sockets on
 * loopback with the loop turned by hand; a scripted handler notes what it is told. */
#include "test.h"

#include "base/buf.h"
#include "base/mem.h"
#include "net/client.h"
#include "net/internal.h"

#include <sys/socket.h>
#include <unistd.h>

/* What the handler was told, and how it behaves. One connection at a time. */
static struct {
    struct conn *conn;
    struct buf received;
    unsigned data_calls;
    unsigned drains;
    unsigned eofs;
    unsigned hangups;
    unsigned closes;
    unsigned idles;
    unsigned deadlines;
    enum conn_end end;
    bool decline;
    bool by_lines;   /* consume whole lines only */
    bool never;      /* consume nothing */
    bool pause_each; /* pause after each line */
    bool close_in_data;
} told;

static bool on_accept(struct conn *conn, void *context)
{
    told.conn = conn;
    conn_set_user(conn, context);
    return !told.decline;
}

static size_t on_data(struct conn *conn, str bytes)
{
    told.data_calls++;
    size_t n = bytes.n;
    if (told.never) {
        return 0;
    }
    if (told.by_lines || told.pause_each) {
        n = (size_t)(str_find_char(bytes, '\n') + 1);
    }
    buf_append(&told.received, bytes.p, n);
    if (told.pause_each && n > 0) {
        conn_pause(conn);
    }
    if (told.close_in_data) {
        conn_close(conn);
        EXPECT(!conn_is_open(conn));
        EXPECT_STATUS(conn_write(conn, STR_LIT("late")), CANCELLED);
        EXPECT_UINT(told.closes, 0); /* not before the end of the turn */
    }
    return n;
}

static void on_drain(struct conn *conn)
{
    (void)conn;
    told.drains++;
}

static void on_eof(struct conn *conn)
{
    told.eofs++;
    conn_finish(conn);
}

static void on_hangup(struct conn *conn)
{
    (void)conn;
    told.hangups++;
}

static void on_timeout(struct conn *conn, enum conn_timeout timeout)
{
    (void)conn;
    told.idles += timeout == CONN_TIMEOUT_IDLE;
    told.deadlines += timeout == CONN_TIMEOUT_DEADLINE;
}

static void on_close(struct conn *conn, enum conn_end end)
{
    EXPECT(conn == told.conn);
    told.closes++;
    told.end = end;
    told.conn = NULL;
}

static const struct conn_handler handler = {.on_accept = on_accept,
                                            .on_data = on_data,
                                            .on_drain = on_drain,
                                            .on_eof = on_eof,
                                            .on_hangup = on_hangup,
                                            .on_timeout = on_timeout,
                                            .on_close = on_close};
static const struct conn_handler silent = {
    .on_accept = on_accept, .on_data = on_data, .on_close = on_close};

/* A loop with a connection to a client, by a listener on loopback. */
struct pair {
    struct fake_clock fake;
    struct loop *loop;
    struct client *client;
};

static void pair_open_with(struct pair *pair, const struct conn_handler *with, bool accepted)
{
    struct error err;
    memset(&told, 0, sizeof told);
    told.decline = !accepted;
    fake_clock_init(&pair->fake, 0);
    EXPECT_OK(loop_create(&pair->fake.clock, &pair->loop, &err), &err);
    uint16_t port = 0;
    struct listen_options options = {.host = "127.0.0.1", .handler = with, .context = pair};
    EXPECT_OK(loop_listen(pair->loop, &options, &port, &err), &err);
    struct client_options to = {.host = "127.0.0.1", .port = port, .io_ms = 5000};
    EXPECT_OK(client_open(&to, &pair->client, &err), &err);
    for (int i = 0; i < 500 && told.conn == NULL; i++) {
        (void)loop_turn(pair->loop, 10);
    }
    EXPECT(told.conn != NULL);
}

static void pair_open(struct pair *pair)
{
    pair_open_with(pair, &handler, true);
}

static void pair_close(struct pair *pair)
{
    client_close(pair->client);
    loop_destroy(pair->loop);
    buf_release(&told.received);
}

static void say(struct pair *pair, str text)
{
    struct error err;
    EXPECT_OK(client_send(pair->client, text, &err), &err);
}

/* Turns until `*count` reaches `wanted`, for at most some seconds. */
static void turn_until(struct pair *pair, const unsigned *count, unsigned wanted)
{
    for (int i = 0; i < 500 && *count < wanted; i++) {
        (void)loop_turn(pair->loop, 10);
    }
    EXPECT_UINT(*count, wanted);
}

static void turn_until_received(struct pair *pair, size_t bytes)
{
    for (int i = 0; i < 500 && told.received.n < bytes; i++) {
        (void)loop_turn(pair->loop, 10);
    }
    EXPECT_UINT(told.received.n, bytes);
}

/* Reads what the client can get while the loop turns, until `bytes` came or the server ended. */
static size_t hear(struct pair *pair, char *p, size_t bytes)
{
    struct error err;
    size_t n = 0;
    for (int i = 0; i < 5000 && n < bytes; i++) {
        size_t got = 0;
        status s = client_receive_within(pair->client, 1, p + n, bytes - n, &got, &err);
        if (status_ok(s) && got == 0) {
            break;
        }
        n += status_ok(s) ? got : 0;
        (void)loop_turn(pair->loop, 0);
    }
    return n;
}

TEST(conn_on_data_gets_what_was_sent_and_the_answer_arrives)
{
    struct pair pair;
    pair_open(&pair);
    EXPECT(conn_user(told.conn) == &pair);
    EXPECT(conn_loop(told.conn) == pair.loop);
    say(&pair, STR_LIT("hello"));
    turn_until_received(&pair, 5);
    EXPECT_STR(buf_str(&told.received), "hello");
    EXPECT_STATUS(conn_write(told.conn, STR_LIT("world")), OK);
    EXPECT_UINT(conn_queued_bytes(told.conn), 0);
    char text[8];
    EXPECT_UINT(hear(&pair, text, 5), 5);
    EXPECT_STR_EQ(str_of(text, 5), STR_LIT("world"));
    EXPECT(told.conn->in.p == NULL && told.conn->out.slots == NULL); /* idle: no buffers */
    pair_close(&pair);
    EXPECT_UINT(told.closes, 1);
    EXPECT(told.end == CONN_END_LOOP);
}

TEST(conn_peer_of_a_loopback_client_is_its_address)
{
    struct pair pair;
    pair_open(&pair);
    char text[CONN_PEER_TEXT_BYTES];
    EXPECT_STR(conn_peer(told.conn, text), "127.0.0.1");
    EXPECT(conn_peer_is_loopback(told.conn));
    EXPECT(conn_peer_port(told.conn) != 0);
    EXPECT(!conn_is_tls(told.conn));
    pair_close(&pair);
}

TEST(conn_on_data_with_unconsumed_bytes_gets_them_again_in_front)
{
    struct pair pair;
    pair_open(&pair);
    told.by_lines = true;
    say(&pair, STR_LIT("one\ntwo\nthr"));
    turn_until_received(&pair, 8);
    EXPECT_UINT(told.data_calls, 3); /* one, two, and thr that was left */
    EXPECT_UINT(told.conn->in.n, 3);
    say(&pair, STR_LIT("ee\n"));
    turn_until_received(&pair, 14);
    EXPECT_STR(buf_str(&told.received), "one\ntwo\nthree\n");
    EXPECT(told.conn->in.p == NULL);
    pair_close(&pair);
}

TEST(conn_with_more_unconsumed_bytes_than_allowed_is_closed)
{
    struct pair pair;
    pair_open(&pair);
    told.never = true;
    conn_set_read_max(told.conn, 70000);
    char *many = mem_alloc_zeroed(100000);
    struct error err;
    EXPECT_OK(client_send(pair.client, str_of(many, 70000), &err), &err);
    for (int i = 0; i < 500 && told.conn != NULL && told.conn->in.n < 70000; i++) {
        (void)loop_turn(pair.loop, 10);
    }
    EXPECT(told.conn != NULL);
    EXPECT_OK(client_send(pair.client, str_of(many, 1), &err), &err);
    turn_until(&pair, &told.closes, 1);
    EXPECT(told.end == CONN_END_OVERFLOW);
    mem_free(many);
    pair_close(&pair);
}

TEST(conn_pause_holds_data_back_until_resume)
{
    struct pair pair;
    pair_open(&pair);
    told.pause_each = true;
    say(&pair, STR_LIT("a\nb\n"));
    turn_until_received(&pair, 2);
    say(&pair, STR_LIT("c\n"));
    for (int i = 0; i < 5; i++) {
        (void)loop_turn(pair.loop, 1);
    }
    EXPECT_UINT(told.received.n, 2);
    conn_resume(told.conn);
    turn_until_received(&pair, 4); /* b, which had been received already */
    conn_resume(told.conn);
    turn_until_received(&pair, 6); /* c, which was still in the socket */
    EXPECT_STR(buf_str(&told.received), "a\nb\nc\n");
    pair_close(&pair);
}

TEST(conn_paused_with_bytes_waiting_does_not_spin)
{
    struct pair pair;
    pair_open(&pair);
    conn_pause(told.conn);
    say(&pair, STR_LIT("x"));
    for (int i = 0; i < 5; i++) {
        (void)loop_turn(pair.loop, 5);
    }
    EXPECT_UINT(loop_turn(pair.loop, 0), 0); /* epoll was told to keep quiet */
    conn_resume(told.conn);
    turn_until_received(&pair, 1);
    pair_close(&pair);
}

enum { BLOCK = 16384 };

/* Writes numbered blocks until one is refused; returns how many were taken. */
static unsigned fill(struct conn *conn)
{
    char block[BLOCK];
    unsigned count = 0;
    for (;; count++) {
        memset(block, 'a' + (int)(count % 26), sizeof block);
        status s = conn_write(conn, str_of(block, sizeof block));
        if (!status_ok(s)) {
            EXPECT_STATUS(s, FULL);
            return count;
        }
    }
}

TEST(conn_write_to_a_peer_that_does_not_read_stops_at_the_limit_exactly)
{
    struct pair pair;
    pair_open(&pair);
    conn_set_send_buffer(told.conn, 4096);
    conn_set_queue_max(told.conn, 4 * BLOCK, 0);
    unsigned taken = fill(told.conn);
    EXPECT(conn_queued_bytes(told.conn) <= 4 * BLOCK);
    EXPECT(conn_queued_bytes(told.conn) > 3 * BLOCK);
    uint64_t room = 4 * BLOCK - conn_queued_bytes(told.conn);
    char block[BLOCK] = {0};
    EXPECT_STATUS(conn_write(told.conn, str_of(block, room + 1)), FULL);
    EXPECT_UINT(conn_queued_bytes(told.conn), 4 * BLOCK - room); /* nothing of it was queued */
    EXPECT_UINT(loop_counts(pair.loop).queued_bytes, conn_queued_bytes(told.conn));
    EXPECT_UINT(told.drains, 0);
    /* The peer reads: everything comes, in order, and on_drain says that there is room. */
    char *all = mem_alloc((size_t)taken * BLOCK);
    EXPECT_UINT(hear(&pair, all, (size_t)taken * BLOCK), (size_t)taken * BLOCK);
    for (unsigned i = 0; i < taken; i++) {
        EXPECT(all[(size_t)i * BLOCK] == 'a' + (int)(i % 26));
        EXPECT(all[(size_t)i * BLOCK + BLOCK - 1] == 'a' + (int)(i % 26));
    }
    turn_until(&pair, &told.drains, 1);
    EXPECT_UINT(conn_queued_bytes(told.conn), 0);
    EXPECT_UINT(loop_counts(pair.loop).queued_bytes, 0);
    EXPECT(told.conn->out.slots == NULL);
    mem_free(all);
    pair_close(&pair);
}

TEST(conn_write_larger_than_the_limit_is_taken_by_an_empty_queue)
{
    struct pair pair;
    pair_open(&pair);
    conn_set_queue_max(told.conn, 10, 0);
    char block[BLOCK] = {0};
    EXPECT_STATUS(conn_write(told.conn, str_of(block, sizeof block)), OK);
    EXPECT_UINT(hear(&pair, block, sizeof block), BLOCK);
    pair_close(&pair);
}

TEST(conn_write_frame_queues_references_and_counts_frames)
{
    struct pair pair;
    pair_open(&pair);
    conn_set_send_buffer(told.conn, 4096);
    char block[BLOCK] = {1};
    struct frame *frame = frame_copy(str_of(block, sizeof block));
    conn_set_queue_max(told.conn, 0, 3);
    unsigned taken = 0;
    while (status_ok(conn_write_frame(told.conn, frame))) {
        taken++;
    }
    EXPECT_UINT(conn_queued_frames(told.conn), 3);
    EXPECT_UINT(atomic_load(&frame->holders.v), 4); /* three queued, and ours */
    char *all = mem_alloc((size_t)taken * BLOCK);
    EXPECT_UINT(hear(&pair, all, (size_t)taken * BLOCK), (size_t)taken * BLOCK);
    EXPECT_UINT(atomic_load(&frame->holders.v), 1);
    while (status_ok(conn_write_frame(told.conn, frame))) {
    }
    conn_close(told.conn);
    EXPECT_UINT(atomic_load(&frame->holders.v), 1); /* a close lets go of them */
    EXPECT_UINT(loop_counts(pair.loop).queued_bytes, 0);
    turn_until(&pair, &told.closes, 1);
    frame_give(frame);
    mem_free(all);
    pair_close(&pair);
}

TEST(conn_set_drain_calls_on_drain_at_the_mark)
{
    struct pair pair;
    pair_open(&pair);
    conn_set_send_buffer(told.conn, 4096);
    conn_set_queue_max(told.conn, 64 * BLOCK, 0);
    conn_set_drain(told.conn, 32 * BLOCK);
    unsigned taken = fill(told.conn);
    char *all = mem_alloc((size_t)taken * BLOCK);
    size_t n = 0;
    for (int i = 0; i < 100000 && told.drains == 0 && n < (size_t)taken * BLOCK; i++) {
        n += hear(&pair, all, 4096);
    }
    EXPECT_UINT(told.drains, 1);
    EXPECT(conn_queued_bytes(told.conn) > 0);
    EXPECT(conn_queued_bytes(told.conn) <= 32 * BLOCK);
    mem_free(all);
    pair_close(&pair);
}

TEST(conn_cork_holds_bytes_until_the_turn_ends)
{
    struct pair pair;
    pair_open(&pair);
    conn_cork(told.conn);
    EXPECT_STATUS(conn_write(told.conn, STR_LIT("one ")), OK);
    struct frame *frame = frame_copy(STR_LIT("two "));
    EXPECT_STATUS(conn_write_frame(told.conn, frame), OK);
    const str parts[] = {STR_LIT("thr"), STR_LIT(""), STR_LIT("ee")};
    EXPECT_STATUS(conn_write_parts(told.conn, parts, 3), OK);
    EXPECT_UINT(conn_queued_bytes(told.conn), 13);
    (void)loop_turn(pair.loop, 0);
    EXPECT_UINT(conn_queued_bytes(told.conn), 0);
    struct error err;
    char text[16];
    size_t got = 0;
    EXPECT_OK(client_receive(pair.client, text, sizeof text, &got, &err), &err);
    EXPECT_STR_EQ(str_of(text, got), STR_LIT("one two three")); /* as one segment */
    conn_cork(told.conn);
    EXPECT_STATUS(conn_write(told.conn, STR_LIT("x")), OK);
    conn_uncork(told.conn);
    EXPECT_UINT(conn_queued_bytes(told.conn), 0);
    frame_give(frame);
    pair_close(&pair);
}

TEST(conn_finish_sends_the_backlog_though_the_peer_still_talks)
{
    struct pair pair;
    pair_open(&pair);
    conn_set_send_buffer(told.conn, 4096);
    conn_set_queue_max(told.conn, 16 * BLOCK, 0);
    say(&pair, STR_LIT("never read by the handler"));
    unsigned taken = fill(told.conn);
    conn_finish(told.conn);
    EXPECT(!conn_is_open(told.conn));
    EXPECT_STATUS(conn_write(told.conn, STR_LIT("late")), CANCELLED);
    char *all = mem_alloc((size_t)taken * BLOCK + 1);
    EXPECT_UINT(hear(&pair, all, (size_t)taken * BLOCK + 1), (size_t)taken * BLOCK);
    EXPECT_UINT(told.received.n, 0);
    EXPECT_UINT(told.closes, 0); /* lingers until the peer ends */
    client_close(pair.client);
    pair.client = NULL;
    turn_until(&pair, &told.closes, 1);
    EXPECT(told.end == CONN_END_OURS);
    mem_free(all);
    pair_close(&pair);
}

TEST(conn_finish_with_a_peer_that_stays_closes_after_two_seconds)
{
    struct pair pair;
    pair_open(&pair);
    conn_finish(told.conn);
    fake_clock_advance(&pair.fake, 1999000);
    (void)loop_turn(pair.loop, 0);
    EXPECT_UINT(told.closes, 0);
    fake_clock_advance(&pair.fake, 1000);
    turn_until(&pair, &told.closes, 1);
    EXPECT(told.end == CONN_END_OURS);
    pair_close(&pair);
}

TEST(conn_finish_with_a_stuck_backlog_times_out)
{
    struct pair pair;
    pair_open(&pair);
    conn_set_send_buffer(told.conn, 4096);
    conn_set_queue_max(told.conn, 256 * BLOCK, 0);
    (void)fill(told.conn);
    conn_finish(told.conn);
    for (int i = 0; i < 3; i++) {
        (void)loop_turn(pair.loop, 0);
    }
    EXPECT_UINT(told.closes, 0);
    fake_clock_advance(&pair.fake, 31000000);
    turn_until(&pair, &told.closes, 1);
    EXPECT(told.end == CONN_END_TIMEOUT);
    pair_close(&pair);
}

TEST(conn_close_in_a_callback_ends_it_once_at_the_end_of_the_turn)
{
    struct pair pair;
    pair_open(&pair);
    told.close_in_data = true;
    say(&pair, STR_LIT("bye"));
    turn_until(&pair, &told.closes, 1);
    EXPECT(told.end == CONN_END_OURS);
    EXPECT_UINT(loop_counts(pair.loop).connections, 0);
    pair_close(&pair);
    EXPECT_UINT(told.closes, 1);
}

TEST(conn_with_a_peer_that_resets_ends_by_peer)
{
    struct pair pair;
    pair_open(&pair);
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    EXPECT(setsockopt(client_fd(pair.client), SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0);
    client_close(pair.client);
    pair.client = NULL;
    turn_until(&pair, &told.closes, 1);
    EXPECT(told.end == CONN_END_PEER);
    EXPECT_UINT(told.eofs, 0);
    pair_close(&pair);
}

TEST(conn_paused_is_told_once_that_the_peer_sends_no_more)
{
    struct pair pair;
    pair_open(&pair);
    conn_pause(told.conn);
    say(&pair, STR_LIT("undelivered\n"));
    client_send_end(pair.client);
    turn_until(&pair, &told.hangups, 1);
    for (int i = 0; i < 5; i++) {
        (void)loop_turn(pair.loop, 1);
    }
    EXPECT_UINT(loop_turn(pair.loop, 0), 0); /* epoll was told to keep quiet */
    EXPECT_UINT(told.hangups, 1);
    EXPECT_UINT(told.data_calls, 0);
    EXPECT_UINT(told.eofs, 0);
    EXPECT_STATUS(conn_write(told.conn, STR_LIT("an answer")), OK); /* it may still listen */
    conn_resume(told.conn);
    turn_until(&pair, &told.closes, 1);
    EXPECT_STR(buf_str(&told.received), "undelivered\n");
    EXPECT_UINT(told.eofs, 1);
    EXPECT_UINT(told.hangups, 1);
    pair_close(&pair);
}

TEST(conn_paused_with_a_peer_that_resets_ends_by_peer)
{
    struct pair pair;
    pair_open(&pair);
    conn_pause(told.conn);
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    EXPECT(setsockopt(client_fd(pair.client), SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0);
    client_close(pair.client);
    pair.client = NULL;
    turn_until(&pair, &told.closes, 1);
    EXPECT(told.end == CONN_END_PEER);
    pair_close(&pair);
}

TEST(conn_on_eof_comes_after_all_data_and_answers_still_arrive)
{
    struct pair pair;
    pair_open(&pair);
    told.pause_each = true;
    say(&pair, STR_LIT("q\n"));
    client_send_end(pair.client);
    turn_until_received(&pair, 2);
    for (int i = 0; i < 3; i++) {
        (void)loop_turn(pair.loop, 1);
    }
    EXPECT_UINT(told.eofs, 0); /* paused: not asked yet */
    EXPECT_STATUS(conn_write(told.conn, STR_LIT("a\n")), OK);
    conn_resume(told.conn);
    turn_until(&pair, &told.eofs, 1);
    char text[4];
    EXPECT_UINT(hear(&pair, text, sizeof text), 2);
    turn_until(&pair, &told.closes, 1);
    pair_close(&pair);
}

TEST(conn_without_on_eof_is_finished_at_eof)
{
    struct pair pair;
    pair_open_with(&pair, &silent, true);
    client_send_end(pair.client);
    turn_until(&pair, &told.closes, 1);
    EXPECT(told.end == CONN_END_OURS);
    pair_close(&pair);
}

TEST(conn_set_idle_counts_only_the_activity_asked_for)
{
    struct pair pair;
    pair_open(&pair);
    conn_set_idle(told.conn, 1000, CONN_RECEIVED);
    fake_clock_advance(&pair.fake, 900000);
    say(&pair, STR_LIT("x"));
    turn_until_received(&pair, 1);
    fake_clock_advance(&pair.fake, 900000);
    EXPECT_STATUS(conn_write(told.conn, STR_LIT("sending does not count")), OK);
    (void)loop_turn(pair.loop, 0);
    EXPECT_UINT(told.idles, 0);
    fake_clock_advance(&pair.fake, 100000);
    (void)loop_turn(pair.loop, 0);
    EXPECT_UINT(told.idles, 1);
    fake_clock_advance(&pair.fake, 1000000);
    (void)loop_turn(pair.loop, 0);
    EXPECT_UINT(told.idles, 2); /* and goes on */
    conn_set_idle(told.conn, 1000, CONN_SENT);
    fake_clock_advance(&pair.fake, 900000);
    (void)loop_turn(pair.loop, 0); /* the turn reads the clock */
    EXPECT_STATUS(conn_write(told.conn, STR_LIT("sending counts")), OK);
    fake_clock_advance(&pair.fake, 900000);
    (void)loop_turn(pair.loop, 0);
    EXPECT_UINT(told.idles, 2);
    conn_set_idle(told.conn, 0, 0);
    fake_clock_advance(&pair.fake, 10000000);
    (void)loop_turn(pair.loop, 0);
    EXPECT_UINT(told.idles, 2);
    pair_close(&pair);
}

TEST(conn_set_deadline_comes_once_whatever_happens)
{
    struct pair pair;
    pair_open(&pair);
    conn_set_deadline(told.conn, 1000);
    fake_clock_advance(&pair.fake, 999000);
    say(&pair, STR_LIT("x"));
    turn_until_received(&pair, 1);
    EXPECT_UINT(told.deadlines, 0);
    fake_clock_advance(&pair.fake, 1000);
    (void)loop_turn(pair.loop, 0);
    EXPECT_UINT(told.deadlines, 1);
    fake_clock_advance(&pair.fake, 5000000);
    (void)loop_turn(pair.loop, 0);
    EXPECT_UINT(told.deadlines, 1);
    conn_set_deadline(told.conn, 1000);
    conn_set_deadline(told.conn, 0);
    fake_clock_advance(&pair.fake, 5000000);
    (void)loop_turn(pair.loop, 0);
    EXPECT_UINT(told.deadlines, 1);
    pair_close(&pair);
}

TEST(conn_without_on_timeout_is_closed_by_it)
{
    struct pair pair;
    pair_open_with(&pair, &silent, true);
    conn_set_idle(told.conn, 1000, CONN_RECEIVED | CONN_SENT);
    fake_clock_advance(&pair.fake, 1000000);
    turn_until(&pair, &told.closes, 1);
    EXPECT(told.end == CONN_END_TIMEOUT);
    pair_close(&pair);
}

TEST(conn_declined_by_on_accept_is_closed_without_a_callback)
{
    struct pair pair;
    pair_open_with(&pair, &handler, false);
    char byte = 0;
    EXPECT_UINT(hear(&pair, &byte, 1), 0);
    EXPECT_UINT(told.closes, 0);
    EXPECT_UINT(loop_counts(pair.loop).connections, 0);
    EXPECT_UINT(loop_counts(pair.loop).refused, 1);
    pair_close(&pair);
    EXPECT_UINT(told.closes, 0);
}

static struct buf upgraded;

static size_t on_data_after_upgrade(struct conn *conn, str bytes)
{
    (void)conn;
    buf_append(&upgraded, bytes.p, bytes.n);
    return bytes.n;
}

static const struct conn_handler second = {.on_data = on_data_after_upgrade, .on_close = on_close};

static size_t on_data_upgrade(struct conn *conn, str bytes)
{
    size_t n = (size_t)(str_find_char(bytes, '\n') + 1);
    if (n > 0) {
        conn_set_handler(conn, &second);
    }
    return n;
}

static const struct conn_handler first = {
    .on_accept = on_accept, .on_data = on_data_upgrade, .on_close = on_close};

TEST(conn_set_handler_in_on_data_gives_the_rest_to_the_new_one)
{
    struct pair pair;
    buf_init(&upgraded);
    pair_open_with(&pair, &first, true);
    say(&pair, STR_LIT("upgrade\nframe"));
    for (int i = 0; i < 500 && upgraded.n < 5; i++) {
        (void)loop_turn(pair.loop, 10);
    }
    EXPECT_STR(buf_str(&upgraded), "frame");
    buf_release(&upgraded);
    pair_close(&pair);
}

static size_t on_data_echo(struct conn *conn, str bytes)
{
    EXPECT_STATUS(conn_write(conn, bytes), OK);
    return bytes.n;
}

static void count_close(struct conn *conn, enum conn_end end)
{
    (void)end;
    ++*(unsigned *)conn_user(conn);
}

static bool remember(struct conn *conn, void *context)
{
    conn_set_user(conn, context);
    return true;
}

static const struct conn_handler echo = {
    .on_accept = remember, .on_data = on_data_echo, .on_close = count_close};

static void close_all(struct conn *conn, void *context)
{
    struct loop *loop = context;
    conn_close(conn);
    if (loop->walk != NULL) {
        conn_close(loop->walk); /* the walk survives the end of the next one */
    }
}

TEST(loop_each_conn_survives_visits_that_close)
{
    struct error err;
    struct loop *loop = NULL;
    unsigned closes = 0;
    int ours[7];
    EXPECT_OK(loop_create(clock_system(), &loop, &err), &err);
    for (unsigned i = 0; i < 7; i++) {
        int ends[2];
        EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
        struct conn *conn = loop_adopt(loop, ends[0], &echo, &closes, NULL);
        EXPECT(conn != NULL);
        char text[CONN_PEER_TEXT_BYTES];
        EXPECT_STR(conn_peer(conn, text), "");
        EXPECT(!conn_peer_is_loopback(conn));
        ours[i] = ends[1];
    }
    loop_each_conn(loop, close_all, loop);
    (void)loop_turn(loop, 0);
    EXPECT_UINT(closes, 7);
    for (unsigned i = 0; i < 7; i++) {
        (void)close(ours[i]);
    }
    loop_destroy(loop);
}

static void *run_loop(void *loop)
{
    loop_run(loop);
    return NULL;
}

enum { TALKERS = 4, TALKS = 200 };

struct talker {
    struct thread thread;
    uint16_t port;
    unsigned answered;
};

static void *talk(void *argument)
{
    struct talker *talker = argument;
    for (unsigned i = 0; i < TALKS; i++) {
        struct client_options to = {.host = "127.0.0.1", .port = talker->port, .io_ms = 10000};
        struct client *client = NULL;
        struct error err;
        char text[32];
        EXPECT_OK(client_open(&to, &client, &err), &err);
        int n = snprintf(text, sizeof text, "talk %u", i);
        EXPECT_OK(client_send(client, str_of(text, (size_t)n), &err), &err);
        size_t total = 0;
        while (total < (size_t)n) {
            char back[32];
            size_t got = 0;
            EXPECT_OK(client_receive(client, back, sizeof back, &got, &err), &err);
            EXPECT(got > 0 && memcmp(back, text + total, got) == 0);
            total += got;
        }
        talker->answered++;
        client_close(client);
    }
    return NULL;
}

TEST(two_loops_on_one_port_serve_many_threads)
{
    struct error err;
    struct loop *loops[2];
    struct thread runners[2] = {0};
    unsigned closes[2] = {0};
    uint16_t port = 0;
    for (unsigned i = 0; i < 2; i++) {
        EXPECT_OK(loop_create(clock_system(), &loops[i], &err), &err);
        struct listen_options options = {.host = "127.0.0.1",
                                         .port = port,
                                         .joins = i > 0,
                                         .handler = &echo,
                                         .context = &closes[i]};
        EXPECT_OK(loop_listen(loops[i], &options, &port, &err), &err);
    }
    for (unsigned i = 0; i < 2; i++) {
        thread_start(&runners[i], "loop", 0, run_loop, loops[i]);
    }
    struct talker talkers[TALKERS];
    for (unsigned i = 0; i < TALKERS; i++) {
        talkers[i] = (struct talker){.port = port};
        thread_start(&talkers[i].thread, "talker", 0, talk, &talkers[i]);
    }
    for (unsigned i = 0; i < TALKERS; i++) {
        thread_join(&talkers[i].thread);
        EXPECT_UINT(talkers[i].answered, TALKS);
    }
    uint64_t accepted = 0;
    for (unsigned i = 0; i < 2; i++) {
        loop_stop(loops[i]);
        thread_join(&runners[i]);
        accepted += loop_counts(loops[i]).accepted;
        EXPECT(loop_counts(loops[i]).accepted > 0); /* both took part */
    }
    EXPECT_UINT(accepted, TALKERS * TALKS);
    for (unsigned i = 0; i < 2; i++) {
        loop_destroy(loops[i]);
    }
    EXPECT_UINT(closes[0] + closes[1], TALKERS * TALKS);
}
