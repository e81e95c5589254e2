/* engine/duck_watch.c -- the watchdog: ends statements at their deadline, on request, and when the
 * process has grown too large.
 * For:      the engine checks an interrupt flag between the chunks it works on; somebody else must
 * set it, since the statement's own thread is inside the engine. Touches:  the engine's interrupt
 * call, which sets a flag and takes no lock: the one call that is made while watch_lock is held, so
 * that no flag is set on a statement that came later. Threads:  one of its own; the list of running
 * statements is guarded by watch_lock. When the engine has been idle for a second it gives the
 * memory back that the allocators keep. */
#include "engine/duck_memory.h"
#include "engine/duck_private.h"

enum {
    TICK_MS = 10, /* while statements run */
    PURGE_GAP_MS = 100,
    TICKS_BEFORE_SLEEP = 100, /* idle ticks before it gives memory back and waits for a signal: a
                                 busy server never pays for either */
    WATCH_STACK_BYTES = 256 * 1024
};

static enum duck_stop reason_now(const struct duck_conn *conn, uint64_t now_us)
{
    if (conn->is_cancelled != NULL && atomic_count_get(conn->is_cancelled) != 0) {
        return DUCK_STOP_CANCEL;
    }
    bool is_late = conn->deadline_us != 0 && now_us >= conn->deadline_us;
    return is_late ? DUCK_STOP_DEADLINE : DUCK_STOP_NONE;
}

static void purge(void)
{
    duck_memory_purge();
    mem_purge();
}

/* Memory that statements have given back still counts as resident while an allocator keeps it:
 * the running ones are not ended for that of those before. So only what is left after a purge
 * counts, and between purges nobody is ended. */
static bool is_process_too_large(struct duck *duck)
{
    uint64_t limit = duck->options.resident_bytes_max;
    uint64_t now_us = clock_mono_us(duck->options.clock);
    if (limit == 0 || mem_resident_bytes() <= limit ||
        now_us < duck->purged_us + PURGE_GAP_MS * UINT64_C(1000)) {
        return false;
    }
    purge();
    duck->purged_us = clock_mono_us(duck->options.clock);
    return mem_resident_bytes() > limit;
}

/* Interrupts again at each tick: the engine clears the flag when it begins a statement. */
static void look_at_all(struct duck *duck, bool is_too_large)
{
    uint64_t now_us = clock_mono_us(duck->options.clock);
    for (struct duck_conn *conn = duck->watched; conn != NULL; conn = conn->next_watched) {
        if (conn->stop == DUCK_STOP_NONE) {
            conn->stop = reason_now(conn, now_us);
        }
        if (conn->stop == DUCK_STOP_NONE && is_too_large) {
            conn->stop = DUCK_STOP_MEMORY;
        }
        if (conn->stop != DUCK_STOP_NONE) {
            duckdb_interrupt(conn->handle);
        }
    }
}

/* The engine is idle: pages that its allocator keeps go back first, which it would do only when it
 * is used. */
static void sleep_until_used(struct duck *duck)
{
    duck->is_asleep = true;
    duck->was_used = false;
    lock_give(&duck->watch_lock);
    purge();
    lock_take(&duck->watch_lock);
    while (!duck->was_used && !duck->is_closing) {
        cond_wait(&duck->watch_cond, &duck->watch_lock);
    }
    duck->is_asleep = false;
}

/* Under watch_lock. */
static void wake(struct duck *duck)
{
    duck->was_used = true;
    if (duck->is_asleep) {
        cond_signal(&duck->watch_cond);
    }
}

static void *watch(void *argument)
{
    struct duck *duck = argument;
    unsigned idle_ticks = 0;
    lock_take(&duck->watch_lock);
    while (!duck->is_closing) {
        if (duck->watched != NULL) {
            idle_ticks = 0;
            lock_give(&duck->watch_lock); /* a purge takes its time */
            bool is_too_large = is_process_too_large(duck);
            lock_take(&duck->watch_lock);
            look_at_all(duck, is_too_large);
        } else {
            idle_ticks++;
        }
        if (idle_ticks > TICKS_BEFORE_SLEEP) {
            sleep_until_used(duck);
            idle_ticks = 0;
        } else {
            (void)cond_wait_ms(&duck->watch_cond, &duck->watch_lock, TICK_MS);
        }
    }
    lock_give(&duck->watch_lock);
    return NULL;
}

void duck_watch_start(struct duck *duck)
{
    lock_init(&duck->watch_lock, LOCK_ENGINE_WATCH);
    cond_init(&duck->watch_cond);
    thread_start(&duck->watchdog, "duck-watch", WATCH_STACK_BYTES, watch, duck);
}

void duck_watch_stop(struct duck *duck)
{
    lock_take(&duck->watch_lock);
    CHECK(duck->watched == NULL);
    duck->is_closing = true;
    cond_signal(&duck->watch_cond);
    lock_give(&duck->watch_lock);
    thread_join(&duck->watchdog);
    cond_release(&duck->watch_cond);
    lock_release(&duck->watch_lock);
}

void duck_watch_begin(struct duck_conn *conn, uint64_t deadline_us)
{
    struct duck *duck = conn->duck;
    lock_take(&duck->watch_lock);
    CHECK(!conn->is_watched);
    conn->is_watched = true;
    conn->deadline_us = deadline_us;
    conn->stop = DUCK_STOP_NONE;
    conn->next_watched = duck->watched;
    duck->watched = conn;
    wake(duck);
    lock_give(&duck->watch_lock);
}

void duck_watch_use(struct duck *duck)
{
    lock_take(&duck->watch_lock);
    wake(duck);
    lock_give(&duck->watch_lock);
}

void duck_watch_end(struct duck_conn *conn)
{
    struct duck *duck = conn->duck;
    lock_take(&duck->watch_lock);
    struct duck_conn **link = &duck->watched;
    while (*link != conn) {
        CHECK(*link != NULL);
        link = &(*link)->next_watched;
    }
    *link = conn->next_watched;
    conn->next_watched = NULL;
    conn->is_watched = false;
    lock_give(&duck->watch_lock);
}

enum duck_stop duck_watch_reason(struct duck_conn *conn)
{
    struct duck *duck = conn->duck;
    lock_take(&duck->watch_lock);
    if (conn->is_watched && conn->stop == DUCK_STOP_NONE) {
        conn->stop = reason_now(conn, clock_mono_us(duck->options.clock));
    }
    enum duck_stop stop = conn->stop;
    lock_give(&duck->watch_lock);
    return stop;
}

void duck_set_cancel(struct duck_conn *conn, const atomic_count *is_cancelled)
{
    CHECK(!conn->is_watched);
    conn->is_cancelled = is_cancelled;
}
