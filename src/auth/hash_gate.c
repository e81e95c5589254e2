/* auth/hash_gate.c -- a counter under a lock. */
#include "auth/hash_gate.h"

#include "base/check.h"

void hash_gate_init(struct hash_gate *gate, unsigned running_max)
{
    *gate = (struct hash_gate){.running_max = running_max > 0 ? running_max : 1};
    lock_init(&gate->lock, LOCK_AUTH);
    cond_init(&gate->room);
}

void hash_gate_release(struct hash_gate *gate)
{
    CHECK(gate->running == 0);
    cond_release(&gate->room);
    lock_release(&gate->lock);
}

void hash_gate_enter(struct hash_gate *gate)
{
    lock_take(&gate->lock);
    while (gate->running == gate->running_max) {
        cond_wait(&gate->room, &gate->lock);
    }
    gate->running++;
    gate->peak = gate->running > gate->peak ? gate->running : gate->peak;
    lock_give(&gate->lock);
}

void hash_gate_leave(struct hash_gate *gate)
{
    lock_take(&gate->lock);
    CHECK(gate->running > 0);
    gate->running--;
    cond_signal(&gate->room);
    lock_give(&gate->lock);
}
