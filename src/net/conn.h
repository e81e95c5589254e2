/* net/conn.h -- one socket on a loop.
 * For:      reading what arrives, sending with an exact and bounded backlog, timeouts, closing
 *           well. TLS or not looks the same from here.
 * Touches:  net/loop, net/tls, net/out_queue. What the bytes mean is the handler's business.
 * Owns:     the descriptor, bytes received but not consumed, frames queued. An idle connection
 *           holds neither a read nor a send buffer.
 * Threads:  the loop's only.
 *
 *   OPENING --handshake--> OPEN --conn_finish--> FLUSHING --all sent--> LINGERING --end--> CLOSED
 *      (TLS only)                      (LINGERING reads and drops until the peer ends, at most
 *                                       2 s, so that the peer sees the last bytes)
 *   Any state goes to CLOSED by conn_close, an error, or a timeout. on_close runs at the end of
 *   that turn, once, and is the last callback; until then calls on the connection do nothing. */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "net/frame.h"
#include "net/loop.h"

enum conn_end {
    CONN_END_OURS,     /* conn_close or conn_finish */
    CONN_END_PEER,     /* the peer closed or reset */
    CONN_END_TIMEOUT,  /* no on_timeout, or the handshake took too long */
    CONN_END_OVERFLOW, /* more unconsumed bytes than conn_set_read_max */
    CONN_END_TLS,      /* the handshake or a record was bad */
    CONN_END_LOOP,     /* loop_destroy */
};

enum conn_timeout { CONN_TIMEOUT_IDLE, CONN_TIMEOUT_DEADLINE };

/* Static and shared by all connections of a kind. A callback may use any function of this header.
 */
struct conn_handler {
    /* A connection came in (before any TLS handshake). False declines it: it is closed without a
     * further callback. Sets conn_set_user. May be NULL. */
    bool (*on_accept)(struct conn *conn, void *context);
    /* All bytes received and not consumed so far. Returns how many it consumed (0..bytes.n); the
     * rest comes again in front of what arrives next. Called again at once while it consumes
     * something and something is left. */
    size_t (*on_data)(struct conn *conn, str bytes);
    /* The backlog, which had been above conn_set_drain's mark, is at or below it. May be NULL. */
    void (*on_drain)(struct conn *conn);
    /* The peer will send no more; what it sent has been delivered. NULL: conn_finish. */
    void (*on_eof)(struct conn *conn);
    /* The same, told while reading is paused, so that what is done for the peer can end; there may
     * be undelivered bytes. Once in a pause; on_eof comes after conn_resume. May be NULL. */
    void (*on_hangup)(struct conn *conn);
    /* NULL: the connection is closed. */
    void (*on_timeout)(struct conn *conn, enum conn_timeout timeout);
    /* The last callback: forget the connection. May be NULL. */
    void (*on_close)(struct conn *conn, enum conn_end end);
};

/* --- who it is */
void conn_set_user(struct conn *conn, void *user);
void *conn_user(const struct conn *conn);
struct loop *conn_loop(const struct conn *conn);
/* Unique in the process, from 1. */
uint64_t conn_id(const struct conn *conn);
/* From now on another handler serves it (an HTTP connection became a WebSocket). */
void conn_set_handler(struct conn *conn, const struct conn_handler *handler);
enum { CONN_PEER_TEXT_BYTES = 48 };
/* The peer's address without the port, "127.0.0.1" or "::1" ("" if it has none); an IPv4 address in
 * IPv6 clothes is written as IPv4. */
str conn_peer(const struct conn *conn, char text[CONN_PEER_TEXT_BYTES]);
uint16_t conn_peer_port(const struct conn *conn);
bool conn_peer_is_loopback(const struct conn *conn);
bool conn_is_tls(const struct conn *conn);
/* False once it is finished or closed: nothing can be sent or received any more. */
bool conn_is_open(const struct conn *conn);

/* --- sending: at once when nothing waits before it, else through the backlog.
 * OK: sent or queued.
 * FULL: something waits, and with this the backlog would pass its limits; nothing of it was sent or
 *       queued. (One message larger than the limit is taken by an empty backlog.)
 * CANCELLED: the connection is not open. */
MUST_USE status conn_write(struct conn *conn, str bytes);
/* Several pieces as one, such as head and body. */
MUST_USE status conn_write_parts(struct conn *conn, const str *parts, unsigned count);
/* Queues a hold on the frame instead of a copy; the caller keeps its own hold. */
MUST_USE status conn_write_frame(struct conn *conn, struct frame *frame);
/* Holds bytes back until conn_uncork or the end of this turn, and sends them in one call. */
void conn_cork(struct conn *conn);
void conn_uncork(struct conn *conn);
uint64_t conn_queued_bytes(const struct conn *conn);
/* Frames not fully sent; small conn_writes in a row may share one. */
uint32_t conn_queued_frames(const struct conn *conn);
/* 0: no limit (the default). */
void conn_set_queue_max(struct conn *conn, uint32_t bytes_max, uint32_t frames_max);
/* on_drain is called when the backlog falls to `bytes` (default 0) or below. */
void conn_set_drain(struct conn *conn, uint32_t bytes);
/* SO_SNDBUF: bytes that the kernel takes before the backlog grows (it doubles the number). */
void conn_set_send_buffer(struct conn *conn, unsigned bytes);

/* --- receiving */
/* No on_data until conn_resume; the peer is slowed down by TCP. */
void conn_pause(struct conn *conn);
void conn_resume(struct conn *conn);
/* Unconsumed bytes that may be kept; more end the connection. Default 128 KiB, at least 64 KiB. */
void conn_set_read_max(struct conn *conn, size_t bytes);

/* --- timeouts */
enum { CONN_RECEIVED = 1, CONN_SENT = 2 };
/* CONN_TIMEOUT_IDLE when for `ms` nothing of `activity` (CONN_RECEIVED | CONN_SENT) happened; 0:
 * never. Goes on counting after on_timeout. */
void conn_set_idle(struct conn *conn, uint32_t ms, unsigned activity);
/* CONN_TIMEOUT_DEADLINE once in `ms`; 0: takes it back. */
void conn_set_deadline(struct conn *conn, uint32_t ms);

/* --- ending */
/* Sends what is queued, tells the peer that no more will come, and closes. */
void conn_finish(struct conn *conn);
/* Closes at once; what is queued is dropped. */
void conn_close(struct conn *conn);

#endif
