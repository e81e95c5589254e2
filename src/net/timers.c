/* net/timers.c -- a binary heap of pointers; each timer knows its place, so that it can be moved.
 * Invariant: heap[i]->place == i + 1, and no child is due before its parent. */
#include "net/timers.h"
#include "base/check.h"
#include "base/mem.h"

void timers_init(struct timers *timers)
{
    *timers = (struct timers){0};
}

void timers_release(struct timers *timers)
{
    for (size_t i = 0; i < timers->count; i++) {
        timers->heap[i]->place = 0;
    }
    mem_free(timers->heap);
    timers_init(timers);
}

static void put(struct timers *timers, size_t at, struct timer *timer)
{
    timers->heap[at] = timer;
    timer->place = (uint32_t)(at + 1);
}

static void sift_up(struct timers *timers, size_t at)
{
    struct timer *timer = timers->heap[at];
    while (at > 0 && timer->due_us < timers->heap[(at - 1) / 2]->due_us) {
        put(timers, at, timers->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(timers, at, timer);
}

static void sift_down(struct timers *timers, size_t at)
{
    struct timer *timer = timers->heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < timers->count &&
            timers->heap[child + 1]->due_us < timers->heap[child]->due_us) {
            child++;
        }
        if (child >= timers->count || timers->heap[child]->due_us >= timer->due_us) {
            break;
        }
        put(timers, at, timers->heap[child]);
        at = child;
    }
    put(timers, at, timer);
}

void timers_set(struct timers *timers, struct timer *timer, uint64_t due_us, timer_fn *fn,
                void *context)
{
    timer->fn = fn;
    timer->context = context;
    timer->due_us = due_us;
    if (!timer_is_set(timer)) {
        CHECK(timers->count < UINT32_MAX);
        if (timers->count == timers->capacity) {
            timers->heap =
                mem_grow(timers->heap, &timers->capacity, timers->count + 1, sizeof *timers->heap);
        }
        put(timers, timers->count++, timer);
    }
    sift_up(timers, timer->place - 1);
    sift_down(timers, timer->place - 1);
}

void timers_cancel(struct timers *timers, struct timer *timer)
{
    if (!timer_is_set(timer)) {
        return;
    }
    size_t at = timer->place - 1;
    CHECK(at < timers->count && timers->heap[at] == timer);
    timer->place = 0;
    struct timer *last = timers->heap[--timers->count];
    if (last != timer) {
        put(timers, at, last);
        sift_up(timers, at);
        sift_down(timers, last->place - 1);
    }
}

uint64_t timers_next_us(const struct timers *timers)
{
    return timers->count > 0 ? timers->heap[0]->due_us : UINT64_MAX;
}

unsigned timers_run(struct timers *timers, uint64_t now_us)
{
    unsigned run = 0;
    size_t budget = timers->count;
    while (budget-- > 0 && timers_next_us(timers) <= now_us) {
        struct timer *timer = timers->heap[0];
        timers_cancel(timers, timer);
        timer->fn(timer->context);
        run++;
    }
    return run;
}
