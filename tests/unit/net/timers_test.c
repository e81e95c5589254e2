/* tests/unit/net/timers_test.c -- Goal: timers run once, in order, and can be moved and cancelled
 * at any place of the heap. Method: small scripts, and random ones against a plain array. */
#include "test.h"

#include "base/hash.h"
#include "net/timers.h"

struct note {
    struct timer timer;
    struct timers *timers;
    unsigned runs;
    uint64_t again_us; /* set itself again for this; 0: no */
};

static unsigned order[64];
static unsigned order_count;
static struct note notes[64];

static void on_note(void *context)
{
    struct note *note = context;
    note->runs++;
    if (order_count < 64) {
        order[order_count++] = (unsigned)(note - notes);
    }
    if (note->again_us > 0) {
        timers_set(note->timers, &note->timer, note->again_us, on_note, note);
    }
}

static void reset(struct timers *timers)
{
    timers_init(timers);
    order_count = 0;
    memset(notes, 0, sizeof notes);
    for (unsigned i = 0; i < 64; i++) {
        notes[i].timers = timers;
    }
}

TEST(timers_run_with_several_due_runs_soonest_first)
{
    struct timers timers;
    reset(&timers);
    const uint64_t due[] = {50, 10, 40, 20, 30};
    for (unsigned i = 0; i < 5; i++) {
        timers_set(&timers, &notes[i].timer, due[i], on_note, &notes[i]);
    }
    EXPECT_UINT(timers_next_us(&timers), 10);
    EXPECT_UINT(timers_run(&timers, 30), 3);
    EXPECT(order[0] == 1 && order[1] == 3 && order[2] == 4);
    EXPECT(!timer_is_set(&notes[1].timer) && timer_is_set(&notes[0].timer));
    EXPECT_UINT(timers_run(&timers, 1000), 2);
    EXPECT(order[3] == 2 && order[4] == 0);
    EXPECT_UINT(timers_next_us(&timers), UINT64_MAX);
    timers_release(&timers);
}

TEST(timers_set_on_a_set_timer_moves_it)
{
    struct timers timers;
    reset(&timers);
    timers_set(&timers, &notes[0].timer, 10, on_note, &notes[0]);
    timers_set(&timers, &notes[1].timer, 20, on_note, &notes[1]);
    timers_set(&timers, &notes[0].timer, 30, on_note, &notes[0]);
    EXPECT_UINT(timers_run(&timers, 25), 1);
    EXPECT(notes[0].runs == 0 && notes[1].runs == 1);
    timers_set(&timers, &notes[0].timer, 5, on_note, &notes[0]);
    EXPECT_UINT(timers_run(&timers, 25), 1);
    EXPECT(notes[0].runs == 1);
    timers_release(&timers);
}

TEST(timers_run_with_a_timer_that_is_always_due_again_ends)
{
    struct timers timers;
    reset(&timers);
    notes[0].again_us = 1;
    timers_set(&timers, &notes[0].timer, 1, on_note, &notes[0]);
    EXPECT_UINT(timers_run(&timers, 100), 1);
    EXPECT(timer_is_set(&notes[0].timer));
    timers_release(&timers);
    EXPECT(!timer_is_set(&notes[0].timer));
}

TEST(timers_cancel_of_an_unset_timer_does_nothing)
{
    struct timers timers;
    reset(&timers);
    timers_cancel(&timers, &notes[0].timer);
    EXPECT_UINT(timers_run(&timers, UINT64_MAX - 1), 0);
    timers_release(&timers);
}

TEST(timers_under_random_changes_agree_with_a_plain_list)
{
    struct timers timers;
    struct rng rng;
    rng_init(&rng, 7);
    reset(&timers);
    uint64_t due[64] = {0}; /* 0: not set */
    unsigned runs[64] = {0};
    uint64_t now = 1;
    for (unsigned step = 0; step < 20000; step++) {
        unsigned i = (unsigned)rng_below(&rng, 64);
        switch (rng_below(&rng, 4)) {
        case 0:
        case 1:
            due[i] = now + rng_below(&rng, 50);
            timers_set(&timers, &notes[i].timer, due[i], on_note, &notes[i]);
            break;
        case 2:
            due[i] = 0;
            timers_cancel(&timers, &notes[i].timer);
            break;
        default:
            now += rng_below(&rng, 8);
            (void)timers_run(&timers, now);
            for (unsigned k = 0; k < 64; k++) {
                if (due[k] != 0 && due[k] <= now) {
                    due[k] = 0;
                    runs[k]++;
                }
                EXPECT(notes[k].runs == runs[k]);
                EXPECT(timer_is_set(&notes[k].timer) == (due[k] != 0));
            }
        }
    }
    timers_release(&timers);
}
