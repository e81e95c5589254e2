/* base/clock.c -- the system's clocks, a clock for tests, and ids that only grow. */
#include "base/clock.h"
#include "base/check.h"
#include "base/mem.h"

#include <time.h>

static int64_t system_wall_us(void *context)
{
    (void)context;
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static uint64_t system_mono_us(void *context)
{
    (void)context;
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

const struct clock *clock_system(void)
{
    static const struct clock system = {system_wall_us, system_mono_us, NULL};
    return &system;
}

uint64_t clock_thread_cpu_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int64_t fake_wall_us(void *context)
{
    return atomic_load(&((struct fake_clock *)context)->wall_us);
}

static uint64_t fake_mono_us(void *context)
{
    return atomic_load(&((struct fake_clock *)context)->mono_us);
}

void fake_clock_init(struct fake_clock *fake, int64_t wall_us)
{
    fake->clock = (struct clock){fake_wall_us, fake_mono_us, fake};
    atomic_init(&fake->wall_us, wall_us);
    atomic_init(&fake->mono_us, 1000000);
}

void fake_clock_advance(struct fake_clock *fake, int64_t us)
{
    atomic_fetch_add(&fake->wall_us, us);
    if (us > 0) {
        atomic_fetch_add(&fake->mono_us, (uint64_t)us);
    }
}

enum { NODE_SHIFT = 12, TIME_SHIFT = 22, NODE_MAX = 1023 };

void snowflake_init(struct snowflake *s, const struct clock *clock, uint32_t node, uint64_t floor)
{
    CHECK(node <= NODE_MAX);
    s->clock = clock;
    s->node = (uint64_t)node << NODE_SHIFT;
    atomic_init(&s->last, floor);
}

uint64_t snowflake_at(int64_t wall_us)
{
    int64_t ms = wall_us / 1000 - SNOWFLAKE_EPOCH_MS;
    return ms > 0 ? (uint64_t)ms << TIME_SHIFT : 0;
}

int64_t snowflake_wall_ms(uint64_t id)
{
    return (int64_t)(id >> TIME_SHIFT) + SNOWFLAKE_EPOCH_MS;
}

/* The id after `last` of this node: a full counter borrows the next millisecond. */
static uint64_t after(uint64_t last, uint64_t node)
{
    const uint64_t counter_mask = (1ULL << NODE_SHIFT) - 1;
    const uint64_t node_mask = (uint64_t)NODE_MAX << NODE_SHIFT;
    if ((last & node_mask) == node && (last & counter_mask) != counter_mask) {
        return last + 1;
    }
    return (((last >> TIME_SHIFT) + 1) << TIME_SHIFT) | node;
}

uint64_t snowflake_next(struct snowflake *s)
{
    uint64_t now = snowflake_at(clock_wall_us(s->clock)) | s->node;
    uint64_t last = atomic_load_explicit(&s->last, memory_order_relaxed);
    uint64_t next = 0;
    do {
        next = now > last ? now : after(last, s->node);
    } while (!atomic_compare_exchange_weak_explicit(&s->last, &last, next, memory_order_acq_rel,
                                                    memory_order_relaxed));
    return next;
}

uint64_t snowflake_last(const struct snowflake *s)
{
    return atomic_load_explicit(&s->last, memory_order_acquire);
}

void snowflake_raise(struct snowflake *s, uint64_t floor)
{
    uint64_t last = atomic_load_explicit(&s->last, memory_order_relaxed);
    while (last < floor && !atomic_compare_exchange_weak(&s->last, &last, floor)) {
    }
}

void clock_format_rfc3339(int64_t wall_us, int digits, char text[CLOCK_TEXT_BYTES])
{
    int64_t seconds = wall_us / 1000000;
    int64_t us = wall_us % 1000000;
    if (us < 0) {
        us += 1000000;
        seconds--;
    }
    time_t t = (time_t)seconds;
    struct tm parts;
    if (gmtime_r(&t, &parts) == NULL) {
        text[0] = '\0';
        return;
    }
    size_t n = strftime(text, CLOCK_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &parts);
    char *at = text + n;
    size_t left = CLOCK_TEXT_BYTES - n;
    if (digits == 6) {
        (void)snprintf(at, left, ".%06dZ", (int)us);
    } else if (digits == 3) {
        (void)snprintf(at, left, ".%03dZ", (int)(us / 1000));
    } else {
        (void)snprintf(at, left, "Z");
    }
}
