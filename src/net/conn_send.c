/* net/conn_send.c -- what leaves: to the kernel at once when nothing waits before it; what the
 * kernel does not take is queued, and only then EPOLLOUT is asked for. */
#include "net/internal.h"
#include "base/check.h"
#include "base/log.h"

#include <errno.h>
#include <sys/socket.h>

enum { PIECES_MAX = 64 };

/* What the kernel took; 0: it takes nothing now (blocked), or the connection is closed. */
static size_t send_pieces(struct conn *conn, struct iovec *pieces, unsigned count, size_t bytes)
{
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
    ssize_t n = sendmsg(conn->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        conn_end(conn, CONN_END_PEER);
        return 0;
    }
    size_t sent = n > 0 ? (size_t)n : 0;
    if (sent > 0) {
        conn_note_activity(conn, CONN_SENT);
    }
    conn->blocked = sent < bytes;
    return sent;
}

static size_t send_front(struct conn *conn)
{
    struct iovec pieces[PIECES_MAX];
    unsigned count = out_queue_pieces(&conn->out, pieces, PIECES_MAX);
    size_t bytes = 0;
    for (unsigned i = 0; i < count; i++) {
        bytes += pieces[i].iov_len;
    }
    return send_pieces(conn, pieces, count, bytes);
}

/* One TLS record of the front of the queue; a large frame is not copied first. */
static size_t send_record(struct conn *conn)
{
    struct iovec first;
    (void)out_queue_pieces(&conn->out, &first, 1);
    const void *p = first.iov_base;
    size_t n = TLS_RECORD_BYTES;
    if (first.iov_len < TLS_RECORD_BYTES) {
        p = conn->loop->record;
        n = out_queue_peek(&conn->out, conn->loop->record, TLS_RECORD_BYTES);
    }
    size_t sent = 0;
    conn->tls_write_wants_read = false;
    conn->blocked = false;
    enum tls_result result = tls_write(conn->tls, p, n, &sent);
    switch (result) {
    case TLS_OK:
        conn_note_activity(conn, CONN_SENT);
        return sent;
    case TLS_WANT_READ:
        conn->tls_write_wants_read = true;
        conn->blocked = true;
        return 0;
    case TLS_WANT_WRITE:
        conn->blocked = true;
        return 0;
    case TLS_END:
    case TLS_RESET:
    case TLS_BAD:
        break;
    }
    conn_end_by_tls(conn, result);
    return 0;
}

void conn_flush(struct conn *conn)
{
    conn->blocked = false;
    while (conn->out.count > 0 && !conn->blocked && conn->state != CONN_CLOSED) {
        size_t sent = conn->tls != NULL ? send_record(conn) : send_front(conn);
        if (conn->state == CONN_CLOSED) {
            return; /* conn_end dropped the queue */
        }
        out_queue_drop(&conn->out, sent);
        count_add(&conn->loop->queued_bytes, -(uint64_t)sent);
    }
    if (conn->drain_wanted && conn->out.bytes <= conn->drain_bytes) {
        loop_make_due(conn->loop, conn);
    }
}

void conn_after_send(struct conn *conn)
{
    if (conn->state == CONN_FLUSHING && conn->out.count == 0) {
        conn_linger(conn);
    } else {
        conn_update_interest(conn, false);
    }
}

bool conn_may_send(const struct conn *conn)
{
    return (conn->state == CONN_OPEN || conn->state == CONN_FLUSHING) && !conn->corked &&
           !conn->blocked;
}

static bool has_room(const struct conn *conn, size_t bytes)
{
    return conn->out.count == 0 ||
           ((conn->queue_bytes_max == 0 || conn->out.bytes + bytes <= conn->queue_bytes_max) &&
            (conn->queue_frames_max == 0 || conn->out.count < conn->queue_frames_max));
}

/* What was queued: counts it, and sends it unless something holds it back. */
static status after_queueing(struct conn *conn, uint64_t bytes_before)
{
    count_add(&conn->loop->queued_bytes, conn->out.bytes - bytes_before);
    if (conn_may_send(conn)) {
        conn_flush(conn);
    }
    if (conn->out.bytes > conn->drain_bytes) {
        conn->drain_wanted = true;
    }
    conn_update_interest(conn, false);
    return status_from(conn->state == CONN_CLOSED ? STATUS_CANCELLED : STATUS_OK);
}

status conn_write_parts(struct conn *conn, const str *parts, unsigned count)
{
    conn_check_thread(conn);
    CHECK(count <= PIECES_MAX);
    if (conn->state > CONN_OPEN) {
        return status_from(STATUS_CANCELLED);
    }
    struct iovec pieces[PIECES_MAX];
    unsigned used = 0;
    size_t bytes = 0;
    for (unsigned i = 0; i < count; i++) {
        if (parts[i].n > 0) {
            pieces[used++] = (struct iovec){(void *)(uintptr_t)parts[i].p, parts[i].n};
            bytes += parts[i].n;
        }
    }
    if (bytes == 0) {
        return STATUS_IS_OK;
    }
    if (!has_room(conn, bytes)) {
        return status_from(STATUS_FULL);
    }
    size_t sent = 0;
    if (conn->out.count == 0 && conn->tls == NULL && conn_may_send(conn)) {
        sent = send_pieces(conn, pieces, used, bytes);
        if (conn->state == CONN_CLOSED) {
            return status_from(STATUS_CANCELLED);
        }
    }
    uint64_t before = conn->out.bytes;
    for (unsigned i = 0; i < used; i++) {
        size_t skip = sent < pieces[i].iov_len ? sent : pieces[i].iov_len;
        sent -= skip;
        out_queue_add(&conn->out, str_skip(str_of(pieces[i].iov_base, pieces[i].iov_len), skip));
    }
    return conn->out.bytes > before ? after_queueing(conn, before) : STATUS_IS_OK;
}

status conn_write(struct conn *conn, str bytes)
{
    return conn_write_parts(conn, &bytes, 1);
}

status conn_write_frame(struct conn *conn, struct frame *frame)
{
    conn_check_thread(conn);
    if (conn->state > CONN_OPEN) {
        return status_from(STATUS_CANCELLED);
    }
    if (!has_room(conn, frame->n)) {
        return status_from(STATUS_FULL);
    }
    if (conn->out.count == 0 && conn->tls == NULL && conn_may_send(conn) && frame->n > 0) {
        /* The usual case, a subscriber that keeps up: no queue is made. */
        struct iovec piece = {frame->bytes, frame->n};
        size_t sent = send_pieces(conn, &piece, 1, frame->n);
        if (conn->state == CONN_CLOSED) {
            return status_from(STATUS_CANCELLED);
        }
        if (sent == frame->n) {
            return STATUS_IS_OK;
        }
        out_queue_add_frame(&conn->out, frame);
        out_queue_drop(&conn->out, sent);
        return after_queueing(conn, 0);
    }
    uint64_t before = conn->out.bytes;
    out_queue_add_frame(&conn->out, frame);
    return after_queueing(conn, before);
}

void conn_cork(struct conn *conn)
{
    conn_check_thread(conn);
    if (conn->state <= CONN_OPEN && !conn->corked) {
        conn->corked = true;
        loop_make_due(conn->loop, conn);
    }
}

void conn_uncork(struct conn *conn)
{
    conn_check_thread(conn);
    conn->corked = false;
    if (conn->out.count > 0 && conn_may_send(conn)) {
        conn_flush(conn);
        conn_after_send(conn);
    }
}

uint64_t conn_queued_bytes(const struct conn *conn)
{
    return conn->out.bytes;
}

uint32_t conn_queued_frames(const struct conn *conn)
{
    return conn->out.count;
}

void conn_set_queue_max(struct conn *conn, uint32_t bytes_max, uint32_t frames_max)
{
    conn->queue_bytes_max = bytes_max;
    conn->queue_frames_max = frames_max;
}

void conn_set_drain(struct conn *conn, uint32_t bytes)
{
    conn->drain_bytes = bytes;
}

void conn_set_send_buffer(struct conn *conn, unsigned bytes)
{
    conn_check_thread(conn);
    int n = (int)bytes;
    if (conn->state != CONN_CLOSED &&
        setsockopt(conn->fd, SOL_SOCKET, SO_SNDBUF, &n, sizeof n) != 0) {
        log_warn("net", "send_buffer_refused", "bytes=%d reason=\"%s\"", n, strerror(errno));
    }
}
