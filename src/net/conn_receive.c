/* net/conn_receive.c -- what arrives: into the loop's scratch buffer and straight to the handler;
 * only what the handler leaves is kept. */
#include "net/internal.h"
#include "base/check.h"

#include <errno.h>
#include <sys/socket.h>

enum { READ_MAX_MIN = 64 * 1024 };

void conn_deliver(struct conn *conn, const char *p, size_t n)
{
    bool kept = conn->in.n > 0;
    if (kept) {
        buf_append(&conn->in, p, n);
    }
    str all = kept ? buf_str(&conn->in) : str_of(p, n);
    size_t used = 0;
    while (used < all.n && conn->state == CONN_OPEN && !conn->paused) {
        size_t consumed = conn->handler->on_data(conn, str_skip(all, used));
        CHECK(consumed <= all.n - used);
        if (consumed == 0) {
            break;
        }
        used += consumed;
    }
    if (kept) {
        buf_drop_front(&conn->in, used);
    } else if (used < n && conn->state == CONN_OPEN) {
        buf_append(&conn->in, p + used, n - used);
    }
    if (conn->in.n == 0 || conn->state != CONN_OPEN) {
        buf_release(&conn->in);
    } else if (conn->in.n > conn->read_max) {
        conn_end(conn, CONN_END_OVERFLOW);
    }
}

static void take_eof(struct conn *conn)
{
    conn->eof = true;
    if (conn->handler->on_eof != NULL) {
        conn->handler->on_eof(conn);
    } else {
        conn_finish(conn);
    }
}

static void read_plain(struct conn *conn)
{
    char *scratch = conn->loop->scratch;
    ssize_t n = recv(conn->fd, scratch, sizeof conn->loop->scratch, 0);
    if (n > 0) {
        conn_note_activity(conn, CONN_RECEIVED);
        conn_deliver(conn, scratch, (size_t)n);
    } else if (n == 0) {
        take_eof(conn);
    } else if (errno != EAGAIN && errno != EINTR) {
        conn_end(conn, CONN_END_PEER);
    }
}

static void read_tls(struct conn *conn)
{
    char *scratch = conn->loop->scratch;
    size_t n = 0;
    enum tls_result result = TLS_OK;
    conn->tls_read_wants_write = false;
    while (n < sizeof conn->loop->scratch && result == TLS_OK) {
        size_t got = 0;
        result = tls_read(conn->tls, scratch + n, sizeof conn->loop->scratch - n, &got);
        n += got;
    }
    conn->tls_read_wants_write = result == TLS_WANT_WRITE;
    if (result == TLS_OK) { /* the session may hold more, which epoll does not see */
        conn->data_due = true;
        loop_make_due(conn->loop, conn);
    }
    if (n > 0) {
        conn_note_activity(conn, CONN_RECEIVED);
        conn_deliver(conn, scratch, n);
    }
    if (conn->state != CONN_OPEN) {
        return;
    }
    if (result == TLS_END) {
        if (!conn->paused) { /* else the session says so again when it is resumed */
            take_eof(conn);
        }
    } else if (result == TLS_RESET || result == TLS_BAD) {
        conn_end_by_tls(conn, result);
    }
}

void conn_receive(struct conn *conn)
{
    if (conn->tls != NULL) {
        read_tls(conn);
    } else {
        read_plain(conn);
    }
}

void conn_pause(struct conn *conn)
{
    conn_check_thread(conn);
    conn->paused = true;
}

void conn_resume(struct conn *conn)
{
    conn_check_thread(conn);
    if (!conn->paused || conn->state == CONN_CLOSED) {
        return;
    }
    conn->paused = false;
    conn->hung_up = false;
    if (conn->in.n > 0 || conn->tls != NULL) {
        conn->data_due = true;
        loop_make_due(conn->loop, conn);
    }
    conn_update_interest(conn, false);
}

void conn_set_read_max(struct conn *conn, size_t bytes)
{
    conn->read_max = bytes > READ_MAX_MIN ? bytes : READ_MAX_MIN;
}
