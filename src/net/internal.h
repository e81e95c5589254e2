/* net/internal.h -- the inside of loops and connections, shared by loop.c, listener.c and conn.c.
 * Owned by the loop's thread, except `posts` (guarded by its lock) and the atomic counters. */
#ifndef NET_INTERNAL_H
#define NET_INTERNAL_H

#include "base/buf.h"
#include "net/address.h"
#include "net/conn.h"
#include "net/out_queue.h"
#include "net/tls.h"

/* What epoll hands back: the first member of whatever waits for events. */
struct watch {
    void (*on_events)(struct watch *watch, uint32_t events);
};

enum conn_state {
    CONN_OPENING,
    CONN_OPEN,
    CONN_FLUSHING,
    CONN_LINGERING,
    CONN_CLOSED,
    CONN_STATE_COUNT
};

struct conn {
    struct watch watch;
    struct loop *loop;
    const struct conn_handler *handler;
    void *user;
    struct tls_session *tls; /* NULL: plain */
    struct conn *next;       /* in loop->conns, or loop->closed */
    struct conn *prev;
    struct conn *due_next;
    struct conn *due_prev;
    struct buf in; /* received, not consumed */
    struct out_queue out;
    struct timer timer; /* set no later than the next of idle and deadline */
    uint64_t id;
    uint64_t idle_since_us;
    uint64_t deadline_us;  /* 0: none */
    uint64_t handshake_us; /* by when TLS must be ready; 0: it is */
    uint64_t due_pass;     /* the pass that made it due; served in a later one */
    size_t read_max;
    uint32_t idle_ms; /* 0: never */
    uint32_t queue_bytes_max;
    uint32_t queue_frames_max;
    uint32_t drain_bytes;
    uint32_t interest; /* as registered with epoll */
    int fd;
    struct peer peer;
    uint8_t state; /* enum conn_state */
    uint8_t end;   /* enum conn_end */
    uint8_t idle_activity;
    bool is_due;
    bool paused;
    bool hung_up; /* in this pause: on_hangup was called */
    bool corked;
    bool blocked; /* the kernel takes no more; EPOLLOUT will tell */
    bool eof;
    bool drain_wanted;
    bool data_due; /* resumed: what is held back wants delivery */
    bool tls_read_wants_write;
    bool tls_write_wants_read;
};

struct loop {
    const struct clock *clock;
    uint64_t now_us;
    int epoll_fd;
    int event_fd;
    struct watch event_watch;
    struct timers timers;
    struct conn *conns;  /* newest first */
    struct conn *walk;   /* the next one of loop_each_conn */
    struct conn *closed; /* on_close is still to be called */
    struct conn *due_first;
    struct conn *due_last;
    uint64_t due_pass;
    unsigned conn_count;
    struct listener *listeners;
    bool stopping;

    struct lock lock; /* guards the four below; LOCK_LOOP, a leaf */
    struct loop_task *posts_first;
    struct loop_task *posts_last;
    bool sleeping; /* in epoll_wait, or about to be: a post must wake it */

    atomic_count connections;
    atomic_count accepted;
    atomic_count refused;
    atomic_count queued_bytes;
    atomic_count wakeups;
    atomic_count turns;

    char scratch[65536];           /* what one read receives */
    char record[TLS_RECORD_BYTES]; /* what one TLS record sends */
};

/* Only the loop's thread adds, so no locked instruction is needed. */
static inline void count_add(atomic_count *count, uint64_t by)
{
    atomic_count_set(count, atomic_count_get(count) + by);
}

/* Takes over fd (non-blocking) and tells the handler; NULL: it was closed. */
struct conn *conn_open(struct loop *loop, int fd, const struct address *address,
                       const struct conn_handler *handler, void *context, struct tls_context *tls);
void conn_end(struct conn *conn, enum conn_end end);
/* The loop's thread, or nobody's turn: every public function starts here. */
void conn_check_thread(const struct conn *conn);
/* Registers the events that the state asks for. While it is open, EPOLLIN stays registered until an
 * event comes that nobody wants (`strict`): a connection that pauses for each request and resumes
 * after it costs no system call. */
void conn_update_interest(struct conn *conn, bool strict);
void conn_note_activity(struct conn *conn, unsigned activity);
/* Ends it for a result that is neither OK nor WANT. */
void conn_end_by_tls(struct conn *conn, enum tls_result result);
/* All is sent: says so to the peer, and drops what it still sends, since closing with unread bytes
 * would reset the connection and take our last bytes with it. */
void conn_linger(struct conn *conn);

/* Nothing holds the queue back: not corked, the kernel takes more. */
bool conn_may_send(const struct conn *conn);
/* Sends until the queue is empty or the kernel takes no more. */
void conn_flush(struct conn *conn);
/* After a flush: FLUSHING goes on when all is sent, and epoll learns what is wanted. */
void conn_after_send(struct conn *conn);

/* Hands `n` new bytes, after what was kept, to the handler; keeps what it leaves. */
void conn_deliver(struct conn *conn, const char *p, size_t n);
/* Reads what is there and delivers it. */
void conn_receive(struct conn *conn);

/* The turn's work for a connection on the due list, which it has left. */
void conn_serve_due(struct conn *conn);
/* Calls on_close and frees; it is on no list. */
void conn_bury(struct conn *conn);

/* The connection is served at the end of this turn, or of the next if that part is running. */
void loop_make_due(struct loop *loop, struct conn *conn);
void loop_not_due(struct loop *loop, struct conn *conn);
/* Closes and frees all listeners: the end of a loop. */
void loop_free_listeners(struct loop *loop);

#endif
