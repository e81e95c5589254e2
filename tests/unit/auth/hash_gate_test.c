/* tests/unit/auth/hash_gate_test.c -- Goal: never more inside than the gate lets in, and everybody
 * gets in at last. Method: eight threads, fifty times each, through a gate for two. */
#include "auth/hash_gate.h"
#include "base/clock.h"
#include "tests/test.h"

enum { THREADS = 8, TURNS = 50 };

static struct hash_gate gate;
static atomic_count inside;
static atomic_count most;
static atomic_count turns;

static void *pass(void *argument)
{
    (void)argument;
    for (int i = 0; i < TURNS; i++) {
        hash_gate_enter(&gate);
        uint64_t now = atomic_count_add(&inside, 1) + 1;
        if (now > atomic_count_get(&most)) {
            atomic_count_set(&most, now);
        }
        (void)atomic_count_add(&turns, 1);
        (void)atomic_count_sub(&inside, 1);
        hash_gate_leave(&gate);
    }
    return NULL;
}

TEST(hash_gate_enter_lets_no_more_in_than_it_was_made_for)
{
    struct thread threads[THREADS];
    hash_gate_init(&gate, 2);
    for (int i = 0; i < THREADS; i++) {
        thread_start(&threads[i], "hash", 0, pass, NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        thread_join(&threads[i]);
    }
    EXPECT(atomic_count_get(&turns) == THREADS * TURNS);
    EXPECT(atomic_count_get(&most) <= 2);
    EXPECT(gate.peak <= 2);
    EXPECT(gate.running == 0);
    hash_gate_release(&gate);
}

TEST(hash_gate_init_with_0_lets_one_in)
{
    hash_gate_init(&gate, 0);
    hash_gate_enter(&gate);
    EXPECT(gate.running_max == 1);
    hash_gate_leave(&gate);
    hash_gate_release(&gate);
}
