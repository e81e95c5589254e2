/* net/timers.h -- things to do at a time, soonest first.
 * For:      idle and deadline timers of connections, periodic work of a loop. A struct timer is
 *           embedded in what it belongs to; setting, moving and cancelling cost O(log n).
 * Touches:  no clock: times are handed in, µs on the monotonic clock.
 * Owns:     the array of its heap; never a timer.
 * Threads:  one at a time (the loop). */
#ifndef NET_TIMERS_H
#define NET_TIMERS_H

#include "base/status.h"

#include <stdint.h>

typedef void timer_fn(void *context);

/* All zero: not set. It must not move or end while it is set. */
struct timer {
    uint64_t due_us;
    timer_fn *fn;
    void *context;
    uint32_t place; /* 1 + index in the heap; 0: not set */
};

struct timers {
    struct timer **heap; /* heap[0] is due first */
    size_t capacity;
    size_t count;
};

/* No timer yet; the clock is the caller's. */
void timers_init(struct timers *timers);
/* Forgets all timers and frees the heap. */
void timers_release(struct timers *timers);
/* Runs fn(context) once at `due_us`; a timer that is set already is moved. */
void timers_set(struct timers *timers, struct timer *timer, uint64_t due_us, timer_fn *fn,
                void *context);
/* Nothing happens when it is not set. */
void timers_cancel(struct timers *timers, struct timer *timer);
static inline bool timer_is_set(const struct timer *timer)
{
    return timer->place != 0;
}
/* When the next one is due; UINT64_MAX: none is set. */
uint64_t timers_next_us(const struct timers *timers);
/* Runs the timers that are due at `now_us`, soonest first; returns how many. A timer is unset
 * before it runs and may set itself again. At most as many run as were set before the call, so it
 * ends. */
unsigned timers_run(struct timers *timers, uint64_t now_us);

#endif
