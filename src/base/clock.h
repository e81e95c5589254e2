/* base/clock.h -- time, handed in.
 * For:      wall clock for values only, monotonic clock for timers; tests hand in their own. Also
 *           the one snowflake generator of the process.
 * Threads:  any. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/lock.h"

#include <stdint.h>

struct clock {
    int64_t (*wall_us)(void *context);  /* µs since 1970-01-01 UTC */
    uint64_t (*mono_us)(void *context); /* µs since some start */
    void *context;
};

/* The system's clocks; static. */
const struct clock *clock_system(void);

static inline int64_t clock_wall_us(const struct clock *c)
{
    return c->wall_us(c->context);
}
static inline uint64_t clock_mono_us(const struct clock *c)
{
    return c->mono_us(c->context);
}

/* CPU time that this thread has used, in µs. */
uint64_t clock_thread_cpu_us(void);

/* A clock that a test moves by hand. */
struct fake_clock {
    struct clock clock;
    _Atomic int64_t wall_us;
    _Atomic uint64_t mono_us;
};
void fake_clock_init(struct fake_clock *fake, int64_t wall_us);
void fake_clock_advance(struct fake_clock *fake, int64_t us);

/* Snowflake: 41 bits of ms since 2024-01-01 UTC, 10 bits node, 12 bits counter (contract http-ws
 * section 12). Strictly increasing within the process whatever the wall clock does: the next id is
 * max(clock, last + 1). */
#define SNOWFLAKE_EPOCH_MS 1704067200000LL

struct snowflake {
    const struct clock *clock;
    uint64_t node; /* 0..1023, already shifted */
    _Atomic uint64_t last;
};
/* `floor`: every id made is greater than it (0: none). `node` 0..1023. */
void snowflake_init(struct snowflake *s, const struct clock *clock, uint32_t node, uint64_t floor);
uint64_t snowflake_next(struct snowflake *s);
/* The greatest id made so far, or the floor. */
uint64_t snowflake_last(const struct snowflake *s);
/* Makes every later id greater than `floor`. */
void snowflake_raise(struct snowflake *s, uint64_t floor);
/* The first id of the millisecond that holds `wall_us`, node and counter 0. */
uint64_t snowflake_at(int64_t wall_us);
/* The wall clock in ms of an id. */
int64_t snowflake_wall_ms(uint64_t id);

/* "2026-11-22T17:04:43.123456Z" into `text` (28 bytes with NUL); `digits` 0, 3 or 6 of a second. */
enum { CLOCK_TEXT_BYTES = 40 };
void clock_format_rfc3339(int64_t wall_us, int digits, char text[CLOCK_TEXT_BYTES]);

#endif
