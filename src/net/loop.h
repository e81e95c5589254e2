/* net/loop.h -- one event loop: one thread, its sockets, its timers, and work from elsewhere.
 * For:      everything that waits for the network. A connection belongs to the loop that accepted
 *           it and never migrates: all its callbacks run on that loop's thread.
 * Touches:  epoll, eventfd, sockets. Calls back through struct conn_handler (net/conn.h).
 * Owns:     its connections, listeners and posted tasks.
 * Threads:  loop_post*, loop_stop and the counters: any thread. All else: the loop's thread, or
 *           the creator's while the loop does not run. A callback must not block.
 *
 * One turn:  wait -> posted tasks -> sockets -> timers -> due connections (corked bytes are sent,
 *            on_drain and held-back data are delivered) -> on_close of what was closed. */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/clock.h"
#include "base/str.h"
#include "net/timers.h"

struct loop;
struct conn;
struct conn_handler;
struct tls_context;

/* `clock` is read once per turn and outlives the loop. IO: no descriptor was left. */
MUST_USE status loop_create(const struct clock *clock, struct loop **out, struct error *err);
/* Runs what is still posted, closes every connection (on_close runs) and frees the loop. The loop
 * must have stopped. */
void loop_destroy(struct loop *loop);

/* Turns until loop_stop was called, by this or any other thread. */
void loop_run(struct loop *loop);
/* One turn that waits at most `wait_ms` (-1: without end) for something to happen. Returns how many
 * tasks, socket events, timers and due connections it served. */
unsigned loop_turn(struct loop *loop, int wait_ms);
/* loop_run returns after the turn that sees it. Any thread. */
void loop_stop(struct loop *loop);
/* The loop whose turn runs on this thread, or NULL. */
struct loop *loop_current(void);
/* The clock as read by this turn, µs. */
uint64_t loop_now_us(const struct loop *loop);

/* --- work from other threads */
typedef void loop_task_fn(void *argument);

/* A task without an allocation: embedded in what it carries, which must live until it has run. */
struct loop_task {
    loop_task_fn *fn;
    void *argument;
    struct loop_task *next;
    atomic_count posted; /* 1 from the post until it runs: posting it again is a bug (CHECKed) */
    bool allocated;      /* by loop_post */
};

/* Runs fn(argument) on the loop, in the order posted. Never blocks; the loop is woken by one write,
 * and only when it sleeps. Posted by the loop itself, it runs in the next turn: a long job posts
 * its next part that way and lets sockets in between. Any thread. */
void loop_post(struct loop *loop, loop_task_fn *fn, void *argument);
/* The same for a task that fills its own fields fn and argument. It is free again when it runs. */
void loop_post_task(struct loop *loop, struct loop_task *task);

/* --- timers, by the monotonic clock */
/* fn(context) once in `delay_ms`; a set timer is moved. The timer lives until it ran or is
 * cancelled. */
void loop_timer_set(struct loop *loop, struct timer *timer, uint64_t delay_ms, timer_fn *fn,
                    void *context);
void loop_timer_cancel(struct loop *loop, struct timer *timer);

/* --- listening */
struct listen_options {
    const char *host; /* "127.0.0.1", "::", a name; "" and "*": every IPv4 address */
    uint16_t port;    /* 0: the system chooses */
    unsigned backlog; /* 0: 1024 */
    /* False: CONFLICT when anyone listens on the port. True: this loop joins the ones that do (each
     * loop has its own socket; the system spreads connections over them). */
    bool joins;
    unsigned connections_max; /* of this loop; more are closed at once. 0: no limit */
    const struct conn_handler *handler;
    void *context;           /* handed to handler->on_accept */
    struct tls_context *tls; /* NULL: plain; must outlive the loop */
};

/* Listens and stores the port. The first loop listens with joins = false, the others with
 * joins = true and its port. INVALID: the host is unknown; CONFLICT: the port is taken; DENIED: it
 * is not allowed; IO: anything else. */
MUST_USE status loop_listen(struct loop *loop, const struct listen_options *options, uint16_t *port,
                            struct error *err);
/* Closes the listeners; connections stay. */
void loop_stop_listening(struct loop *loop);

/* --- connections */
/* Takes over a connected stream socket (any family) as if it had been accepted; `tls` (NULL: plain)
 * makes it the server side. NULL: the handler declined it, and it is closed. */
struct conn *loop_adopt(struct loop *loop, int fd, const struct conn_handler *handler,
                        void *context, struct tls_context *tls);
/* Calls `visit` for every connection that is not closed; it may close them. */
void loop_each_conn(struct loop *loop, void (*visit)(struct conn *conn, void *context),
                    void *context);

/* --- counters, exact as of some moment; any thread */
struct loop_counts {
    uint64_t connections;  /* open now */
    uint64_t accepted;     /* since creation */
    uint64_t refused;      /* over connections_max, declined by on_accept, or failed */
    uint64_t queued_bytes; /* waiting to be sent now, over all connections */
    uint64_t wakeups;      /* writes to the eventfd */
    uint64_t turns;
};
struct loop_counts loop_counts(const struct loop *loop);

#endif
