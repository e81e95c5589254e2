/* net/conn.c -- a socket's life on its loop.
 * Sending is in conn_send.c, receiving in conn_receive.c. Nothing is freed before the end of the
 * turn (conn_bury), since events and callers up the stack may still hold the connection. */
#include "net/internal.h"
#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    HANDSHAKE_MS = 10000,
    LINGER_MS = 2000,
    FLUSH_IDLE_MS = 30000,
    READ_MAX_DEFAULT = 128 * 1024,
};

static const char *const state_names[CONN_STATE_COUNT] = {"opening", "open", "flushing",
                                                          "lingering", "closed"};

static const bool moves_allowed[CONN_STATE_COUNT][CONN_STATE_COUNT] = {
    [CONN_OPENING] = {[CONN_OPEN] = true, [CONN_CLOSED] = true},
    [CONN_OPEN] = {[CONN_FLUSHING] = true, [CONN_CLOSED] = true},
    [CONN_FLUSHING] = {[CONN_LINGERING] = true, [CONN_CLOSED] = true},
    [CONN_LINGERING] = {[CONN_CLOSED] = true},
};

static void move_to(struct conn *conn, enum conn_state state)
{
    CHECK(moves_allowed[conn->state][state]);
    LOG_FIELDS(LOG_TRACE, "net", "conn_state", "conn=%llu from=%s to=%s",
               (unsigned long long)conn->id, state_names[conn->state], state_names[state]);
    conn->state = (uint8_t)state;
}

void conn_check_thread(const struct conn *conn)
{
    DCHECK(loop_current() == NULL || loop_current() == conn->loop);
    (void)conn;
}

/* --- what epoll should tell */

static uint32_t wanted_events(const struct conn *conn)
{
    switch ((enum conn_state)conn->state) {
    case CONN_OPENING:
        return conn->blocked ? EPOLLOUT : EPOLLIN;
    case CONN_OPEN: {
        bool reads = (!conn->paused && !conn->eof) || conn->tls_write_wants_read;
        bool writes = (conn->blocked && !conn->tls_write_wants_read) || conn->tls_read_wants_write;
        bool listens =
            conn->paused && !conn->eof && !conn->hung_up && conn->handler->on_hangup != NULL;
        return (reads ? EPOLLIN : 0) | (writes ? EPOLLOUT : 0) | (listens ? EPOLLRDHUP : 0);
    }
    case CONN_FLUSHING:
        return !conn->blocked ? 0 : conn->tls_write_wants_read ? EPOLLIN : EPOLLOUT;
    case CONN_LINGERING:
        return EPOLLIN;
    case CONN_CLOSED:
    case CONN_STATE_COUNT:
        break;
    }
    return 0;
}

void conn_update_interest(struct conn *conn, bool strict)
{
    uint32_t wanted = wanted_events(conn);
    if (conn->state == CONN_OPEN && !strict) {
        wanted |= conn->interest & EPOLLIN;
    }
    if (conn->state == CONN_CLOSED || wanted == conn->interest) {
        return;
    }
    struct epoll_event event = {.events = wanted, .data.ptr = &conn->watch};
    CHECK(epoll_ctl(conn->loop->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event) == 0);
    conn->interest = wanted;
}

/* --- timeouts */

static void on_timer(void *context);

/* When the next timeout comes; UINT64_MAX: none is set. */
static uint64_t next_timeout_us(const struct conn *conn)
{
    uint64_t deadline = conn->deadline_us != 0 ? conn->deadline_us : UINT64_MAX;
    uint64_t idle =
        conn->idle_ms != 0 ? conn->idle_since_us + (uint64_t)conn->idle_ms * 1000 : UINT64_MAX;
    uint64_t first = deadline < idle ? deadline : idle;
    return conn->handshake_us != 0 && conn->handshake_us < first ? conn->handshake_us : first;
}

/* The timer moves only to an earlier time; one that runs too early looks again. So activity costs
 * one store, and a deadline set and taken back per request does not move the heap. */
static void arm_timer(struct conn *conn)
{
    uint64_t due_us = next_timeout_us(conn);
    if (due_us != UINT64_MAX && (!timer_is_set(&conn->timer) || conn->timer.due_us > due_us)) {
        timers_set(&conn->loop->timers, &conn->timer, due_us, on_timer, conn);
    }
}

static void tell_timeout(struct conn *conn, enum conn_timeout timeout)
{
    if (conn->state == CONN_LINGERING) {
        conn_end(conn, CONN_END_OURS);
    } else if (conn->state == CONN_OPEN && conn->handler->on_timeout != NULL) {
        conn->handler->on_timeout(conn, timeout);
    } else {
        conn_end(conn, CONN_END_TIMEOUT);
    }
}

static void on_timer(void *context)
{
    struct conn *conn = context;
    uint64_t now_us = conn->loop->now_us;
    if (conn->handshake_us != 0 && now_us >= conn->handshake_us) {
        conn_end(conn, CONN_END_TIMEOUT);
    } else if (conn->deadline_us != 0 && now_us >= conn->deadline_us) {
        conn->deadline_us = 0;
        tell_timeout(conn, CONN_TIMEOUT_DEADLINE);
    } else if (next_timeout_us(conn) <= now_us) {
        conn->idle_since_us = now_us;
        tell_timeout(conn, CONN_TIMEOUT_IDLE);
    }
    if (conn->state != CONN_CLOSED) {
        arm_timer(conn);
    }
}

void conn_note_activity(struct conn *conn, unsigned activity)
{
    if ((conn->idle_activity & activity) != 0) {
        conn->idle_since_us = conn->loop->now_us;
    }
}

static void set_deadline(struct conn *conn, uint32_t ms)
{
    conn->deadline_us = ms > 0 ? clock_mono_us(conn->loop->clock) + (uint64_t)ms * 1000 : 0;
    arm_timer(conn);
}

void conn_set_idle(struct conn *conn, uint32_t ms, unsigned activity)
{
    conn_check_thread(conn);
    if (conn->state > CONN_OPEN) {
        return;
    }
    conn->idle_ms = ms;
    conn->idle_activity = (uint8_t)activity;
    conn->idle_since_us = clock_mono_us(conn->loop->clock);
    arm_timer(conn);
}

void conn_set_deadline(struct conn *conn, uint32_t ms)
{
    conn_check_thread(conn);
    if (conn->state <= CONN_OPEN) {
        set_deadline(conn, ms);
    }
}

/* --- the end */

void conn_end(struct conn *conn, enum conn_end end)
{
    if (conn->state == CONN_CLOSED) {
        return;
    }
    struct loop *loop = conn->loop;
    move_to(conn, CONN_CLOSED);
    conn->end = (uint8_t)end;
    timers_cancel(&loop->timers, &conn->timer);
    loop_not_due(loop, conn);
    count_add(&loop->queued_bytes, -conn->out.bytes);
    out_queue_clear(&conn->out);
    tls_session_destroy(conn->tls);
    conn->tls = NULL;
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL);
    (void)close(conn->fd);
    if (loop->walk == conn) {
        loop->walk = conn->next;
    }
    if (conn->prev != NULL) {
        conn->prev->next = conn->next;
    } else {
        loop->conns = conn->next;
    }
    if (conn->next != NULL) {
        conn->next->prev = conn->prev;
    }
    conn->next = loop->closed;
    loop->closed = conn;
    loop->conn_count--;
    atomic_count_set(&loop->connections, loop->conn_count);
}

void conn_bury(struct conn *conn)
{
    if (conn->handler != NULL && conn->handler->on_close != NULL) {
        conn->handler->on_close(conn, (enum conn_end)conn->end);
    }
    buf_release(&conn->in);
    mem_free(conn);
}

void conn_close(struct conn *conn)
{
    conn_check_thread(conn);
    conn_end(conn, CONN_END_OURS);
}

void conn_linger(struct conn *conn)
{
    if (conn->tls != NULL) {
        tls_end(conn->tls);
    }
    if (conn->eof || shutdown(conn->fd, SHUT_WR) != 0) {
        conn_end(conn, CONN_END_OURS);
        return;
    }
    move_to(conn, CONN_LINGERING);
    conn->idle_ms = 0;
    set_deadline(conn, LINGER_MS);
    conn_update_interest(conn, false);
}

void conn_end_by_tls(struct conn *conn, enum tls_result result)
{
    if (result == TLS_BAD) {
        log_debug("net", "tls_bad", "conn=%llu reason=\"" STR_FMT "\"",
                  (unsigned long long)conn->id, STR(tls_reason(conn->tls)));
    }
    conn_end(conn, result == TLS_BAD ? CONN_END_TLS : CONN_END_PEER);
}

void conn_finish(struct conn *conn)
{
    conn_check_thread(conn);
    if (conn->state == CONN_OPENING) {
        conn_end(conn, CONN_END_OURS);
        return;
    }
    if (conn->state != CONN_OPEN) {
        return;
    }
    move_to(conn, CONN_FLUSHING);
    conn->corked = false;
    conn->deadline_us = 0;
    conn->idle_ms = FLUSH_IDLE_MS;
    conn->idle_activity = CONN_SENT;
    conn->idle_since_us = conn->loop->now_us;
    arm_timer(conn);
    if (conn_may_send(conn)) {
        conn_flush(conn);
    }
    conn_after_send(conn);
}

static void drop_received(struct conn *conn)
{
    ssize_t n = recv(conn->fd, conn->loop->scratch, sizeof conn->loop->scratch, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        conn_end(conn, CONN_END_OURS);
    }
}

/* --- events */

static void handshake(struct conn *conn)
{
    enum tls_result result = tls_handshake(conn->tls);
    conn->blocked = result == TLS_WANT_WRITE;
    if (result == TLS_OK) {
        move_to(conn, CONN_OPEN);
        conn->idle_since_us = conn->loop->now_us;
        conn->handshake_us = 0;
        if (conn_may_send(conn)) {
            conn_flush(conn);
        }
        if (conn->state == CONN_OPEN && !conn->paused) {
            conn_receive(conn); /* a request may have come with the end of the handshake */
        }
    } else if (result != TLS_WANT_READ && result != TLS_WANT_WRITE) {
        conn_end_by_tls(conn, result);
    }
}

/* While reading is paused. */
static void note_hangup(struct conn *conn, uint32_t events)
{
    if (conn->state == CONN_OPEN && (events & EPOLLRDHUP) != 0 && !conn->hung_up) {
        conn->hung_up = true;
        conn->handler->on_hangup(conn);
    }
}

static void on_conn(struct watch *watch, uint32_t events)
{
    struct conn *conn = (struct conn *)watch;
    bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
    switch ((enum conn_state)conn->state) {
    case CONN_OPENING:
        handshake(conn);
        break;
    case CONN_LINGERING:
        drop_received(conn);
        break;
    case CONN_OPEN:
    case CONN_FLUSHING:
        if (conn->blocked && (broken || conn->tls_write_wants_read || (events & EPOLLOUT) != 0)) {
            conn_flush(conn);
        }
        if (conn->state == CONN_OPEN && !conn->paused && !conn->eof) {
            if (broken || conn->tls_read_wants_write || (events & EPOLLIN) != 0) {
                conn_receive(conn);
            }
        } else if (broken) {
            conn_end(conn, CONN_END_PEER);
        } else {
            note_hangup(conn, events);
            conn_update_interest(conn, true);
        }
        break;
    case CONN_CLOSED:
    case CONN_STATE_COUNT:
        return;
    }
    if (conn->state != CONN_CLOSED) {
        conn_after_send(conn);
    }
}

void conn_serve_due(struct conn *conn)
{
    conn->corked = false;
    if (conn->out.count > 0 && conn_may_send(conn)) {
        conn_flush(conn);
    }
    if (conn->drain_wanted && conn->state == CONN_OPEN && conn->out.bytes <= conn->drain_bytes) {
        conn->drain_wanted = false;
        if (conn->handler->on_drain != NULL) {
            conn->handler->on_drain(conn);
        }
    }
    if (conn->data_due && conn->state == CONN_OPEN && !conn->paused) {
        conn->data_due = false;
        if (conn->in.n > 0) {
            conn_deliver(conn, NULL, 0);
        }
        if (conn->tls != NULL && conn->state == CONN_OPEN && !conn->paused) {
            conn_receive(conn);
        }
    }
    if (conn->state != CONN_CLOSED) {
        conn_after_send(conn);
    }
}

/* --- the beginning */

/* Registers with epoll and the loop. False: no memory for it. */
static bool enrol(struct conn *conn)
{
    struct loop *loop = conn->loop;
    conn->interest = wanted_events(conn);
    struct epoll_event event = {.events = conn->interest, .data.ptr = &conn->watch};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) != 0) {
        return false;
    }
    conn->next = loop->conns;
    if (loop->conns != NULL) {
        loop->conns->prev = conn;
    }
    loop->conns = conn;
    loop->conn_count++;
    atomic_count_set(&loop->connections, loop->conn_count);
    return true;
}

struct conn *conn_open(struct loop *loop, int fd, const struct address *address,
                       const struct conn_handler *handler, void *context, struct tls_context *tls)
{
    static atomic_count last_id;
    struct conn *conn = mem_alloc_zeroed(sizeof *conn);
    conn->watch.on_events = on_conn;
    conn->loop = loop;
    conn->handler = handler;
    conn->id = atomic_count_add(&last_id, 1) + 1;
    conn->fd = fd;
    conn->peer = peer_of(address);
    conn->read_max = READ_MAX_DEFAULT;
    conn->state = tls != NULL ? CONN_OPENING : CONN_OPEN;
    out_queue_init(&conn->out);
    buf_init(&conn->in);
    int one = 1;
    if (conn->peer.family != 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    if (tls != NULL) {
        conn->tls = tls_session_create(tls, fd, NULL);
    }
    if ((tls != NULL && conn->tls == NULL) || !enrol(conn)) {
        tls_session_destroy(conn->tls);
        (void)close(fd);
        mem_free(conn);
        count_add(&loop->refused, 1);
        return NULL;
    }
    if (tls != NULL) {
        conn->handshake_us = clock_mono_us(loop->clock) + HANDSHAKE_MS * 1000ULL;
        arm_timer(conn);
    }
    if (handler->on_accept != NULL && !handler->on_accept(conn, context)) {
        conn->handler = NULL; /* no further callback */
        conn_end(conn, CONN_END_OURS);
        count_add(&loop->refused, 1);
        return NULL;
    }
    count_add(&loop->accepted, 1);
    return conn;
}

struct conn *loop_adopt(struct loop *loop, int fd, const struct conn_handler *handler,
                        void *context, struct tls_context *tls)
{
    CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    struct address address = {.n = sizeof address.bytes};
    if (getpeername(fd, (struct sockaddr *)&address.bytes, &address.n) != 0) {
        address.bytes.ss_family = AF_UNSPEC;
    }
    return conn_open(loop, fd, &address, handler, context, tls);
}

/* --- who it is */

void conn_set_user(struct conn *conn, void *user)
{
    conn->user = user;
}

void *conn_user(const struct conn *conn)
{
    return conn->user;
}

struct loop *conn_loop(const struct conn *conn)
{
    return conn->loop;
}

uint64_t conn_id(const struct conn *conn)
{
    return conn->id;
}

void conn_set_handler(struct conn *conn, const struct conn_handler *handler)
{
    conn_check_thread(conn);
    conn->handler = handler;
}

str conn_peer(const struct conn *conn, char text[CONN_PEER_TEXT_BYTES])
{
    static_assert((int)CONN_PEER_TEXT_BYTES == (int)ADDRESS_TEXT_BYTES, "one size of text");
    return peer_text(&conn->peer, text);
}

uint16_t conn_peer_port(const struct conn *conn)
{
    return conn->peer.port;
}

bool conn_peer_is_loopback(const struct conn *conn)
{
    return peer_is_loopback(&conn->peer);
}

bool conn_is_tls(const struct conn *conn)
{
    return conn->tls != NULL;
}

bool conn_is_open(const struct conn *conn)
{
    return conn->state <= CONN_OPEN;
}
