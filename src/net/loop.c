/* net/loop.c -- epoll, posted tasks, timers, and the order of a turn. */
#include "net/internal.h"
#include "base/check.h"
#include "base/mem.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS_PER_TURN = 256 };

static _Thread_local struct loop *current_loop;

/* The eventfd is edge-triggered: a write wakes the loop once, and nobody has to read it. */
static void on_wakeup(struct watch *watch, uint32_t events)
{
    (void)watch;
    (void)events;
}

static status cannot_create(struct loop *loop, const char *what, struct error *err)
{
    int reason = errno;
    if (loop->epoll_fd >= 0) {
        (void)close(loop->epoll_fd);
    }
    if (loop->event_fd >= 0) {
        (void)close(loop->event_fd);
    }
    lock_release(&loop->lock);
    mem_free(loop);
    return error_set(err, ERROR_IO, "cannot create an event loop: %s: %s", what, strerror(reason));
}

status loop_create(const struct clock *clock, struct loop **out, struct error *err)
{
    struct loop *loop = mem_alloc_zeroed(sizeof *loop);
    loop->clock = clock;
    loop->now_us = clock_mono_us(clock);
    loop->event_fd = -1;
    loop->event_watch.on_events = on_wakeup;
    timers_init(&loop->timers);
    lock_init(&loop->lock, LOCK_LOOP);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        return cannot_create(loop, "epoll", err);
    }
    loop->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->event_fd < 0) {
        return cannot_create(loop, "eventfd", err);
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = &loop->event_watch};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->event_fd, &event) != 0) {
        return cannot_create(loop, "epoll_ctl", err);
    }
    *out = loop;
    return STATUS_IS_OK;
}

struct loop *loop_current(void)
{
    return current_loop;
}

uint64_t loop_now_us(const struct loop *loop)
{
    return loop->now_us;
}

/* --- posted tasks */

void loop_post_task(struct loop *loop, struct loop_task *task)
{
    /* Twice in the list would join it with itself: tasks lost, tasks run twice. */
    CHECK(atomic_count_add(&task->posted, 1) == 0);
    task->next = NULL;
    lock_take(&loop->lock);
    if (loop->posts_last != NULL) {
        loop->posts_last->next = task;
    } else {
        loop->posts_first = task;
    }
    loop->posts_last = task;
    bool wake = loop->sleeping;
    loop->sleeping = false;
    lock_give(&loop->lock);
    if (wake) {
        uint64_t one = 1;
        ssize_t n = write(loop->event_fd, &one, sizeof one);
        CHECK(n == (ssize_t)sizeof one || errno == EAGAIN); /* EAGAIN: 2^64 wakeups, still awake */
        (void)atomic_count_add(&loop->wakeups, 1);
    }
}

void loop_post(struct loop *loop, loop_task_fn *fn, void *argument)
{
    struct loop_task *task = mem_alloc_zeroed(sizeof *task);
    task->fn = fn;
    task->argument = argument;
    task->allocated = true;
    loop_post_task(loop, task);
}

static struct loop_task *take_posts(struct loop *loop)
{
    lock_take(&loop->lock);
    struct loop_task *first = loop->posts_first;
    loop->posts_first = NULL;
    loop->posts_last = NULL;
    loop->sleeping = false;
    lock_give(&loop->lock);
    return first;
}

static unsigned run_posts(struct loop *loop)
{
    unsigned count = 0;
    struct loop_task *next = NULL;
    for (struct loop_task *task = take_posts(loop); task != NULL; task = next) {
        next = task->next;
        loop_task_fn *fn = task->fn;
        void *argument = task->argument;
        if (task->allocated) {
            mem_free(task);
        } else {
            atomic_count_set(&task->posted, 0);
        }
        fn(argument);
        count++;
    }
    return count;
}

/* --- timers */

void loop_timer_set(struct loop *loop, struct timer *timer, uint64_t delay_ms, timer_fn *fn,
                    void *context)
{
    timers_set(&loop->timers, timer, clock_mono_us(loop->clock) + delay_ms * 1000, fn, context);
}

void loop_timer_cancel(struct loop *loop, struct timer *timer)
{
    timers_cancel(&loop->timers, timer);
}

/* --- due connections */

void loop_make_due(struct loop *loop, struct conn *conn)
{
    if (conn->is_due) {
        return;
    }
    conn->is_due = true;
    conn->due_pass = loop->due_pass;
    conn->due_next = NULL;
    conn->due_prev = loop->due_last;
    if (loop->due_last != NULL) {
        loop->due_last->due_next = conn;
    } else {
        loop->due_first = conn;
    }
    loop->due_last = conn;
}

void loop_not_due(struct loop *loop, struct conn *conn)
{
    if (!conn->is_due) {
        return;
    }
    conn->is_due = false;
    if (conn->due_prev != NULL) {
        conn->due_prev->due_next = conn->due_next;
    } else {
        loop->due_first = conn->due_next;
    }
    if (conn->due_next != NULL) {
        conn->due_next->due_prev = conn->due_prev;
    } else {
        loop->due_last = conn->due_prev;
    }
}

/* Serves what was due when it began; what becomes due meanwhile waits for the next turn. */
static unsigned serve_due(struct loop *loop)
{
    unsigned count = 0;
    loop->due_pass++;
    while (loop->due_first != NULL && loop->due_first->due_pass < loop->due_pass) {
        struct conn *conn = loop->due_first;
        loop_not_due(loop, conn);
        conn_serve_due(conn);
        count++;
    }
    return count;
}

static void bury_closed(struct loop *loop)
{
    while (loop->closed != NULL) {
        struct conn *conn = loop->closed;
        loop->closed = conn->next;
        conn_bury(conn);
    }
}

/* --- turns */

/* Milliseconds that epoll may wait; a post after this was computed wakes it. */
static int wait_for(struct loop *loop, int wait_ms)
{
    lock_take(&loop->lock);
    bool has_posts = loop->posts_first != NULL;
    loop->sleeping = !has_posts;
    lock_give(&loop->lock);
    if (has_posts || loop->due_first != NULL || loop->closed != NULL || loop->stopping) {
        return 0;
    }
    uint64_t due_us = timers_next_us(&loop->timers);
    if (due_us == UINT64_MAX) {
        return wait_ms;
    }
    uint64_t now_us = clock_mono_us(loop->clock);
    uint64_t due_ms = due_us > now_us ? (due_us - now_us + 999) / 1000 : 0;
    uint64_t limit_ms = wait_ms >= 0 ? (uint64_t)wait_ms : INT32_MAX;
    return (int)(due_ms < limit_ms ? due_ms : limit_ms);
}

unsigned loop_turn(struct loop *loop, int wait_ms)
{
    CHECK(current_loop == NULL);
    current_loop = loop;
    struct epoll_event events[EVENTS_PER_TURN];
    int n = epoll_wait(loop->epoll_fd, events, EVENTS_PER_TURN, wait_for(loop, wait_ms));
    CHECK(n >= 0 || errno == EINTR);
    loop->now_us = clock_mono_us(loop->clock);
    unsigned count = run_posts(loop);
    for (int i = 0; i < n; i++) {
        struct watch *watch = events[i].data.ptr;
        watch->on_events(watch, events[i].events);
        count += watch != &loop->event_watch;
    }
    count += timers_run(&loop->timers, loop->now_us);
    count += serve_due(loop);
    bury_closed(loop);
    count_add(&loop->turns, 1);
    current_loop = NULL;
    return count;
}

void loop_run(struct loop *loop)
{
    while (!loop->stopping) {
        (void)loop_turn(loop, -1);
    }
    loop->stopping = false;
}

static void stop(void *loop)
{
    ((struct loop *)loop)->stopping = true;
}

void loop_stop(struct loop *loop)
{
    loop_post(loop, stop, loop);
}

void loop_each_conn(struct loop *loop, void (*visit)(struct conn *conn, void *context),
                    void *context)
{
    CHECK(loop->walk == NULL);
    for (struct conn *conn = loop->conns; conn != NULL; conn = loop->walk) {
        loop->walk = conn->next;
        visit(conn, context);
    }
}

struct loop_counts loop_counts(const struct loop *loop)
{
    return (struct loop_counts){
        .connections = atomic_count_get(&loop->connections),
        .accepted = atomic_count_get(&loop->accepted),
        .refused = atomic_count_get(&loop->refused),
        .queued_bytes = atomic_count_get(&loop->queued_bytes),
        .wakeups = atomic_count_get(&loop->wakeups),
        .turns = atomic_count_get(&loop->turns),
    };
}

static void end_with_loop(struct conn *conn, void *context)
{
    (void)context;
    conn_end(conn, CONN_END_LOOP);
}

void loop_destroy(struct loop *loop)
{
    CHECK(current_loop == NULL);
    current_loop = loop;
    loop_free_listeners(loop);
    do {
        loop_each_conn(loop, end_with_loop, NULL);
        bury_closed(loop);
    } while (run_posts(loop) > 0 || loop->conns != NULL || loop->closed != NULL);
    current_loop = NULL;
    timers_release(&loop->timers);
    lock_release(&loop->lock);
    (void)close(loop->event_fd);
    (void)close(loop->epoll_fd);
    mem_free(loop);
}
