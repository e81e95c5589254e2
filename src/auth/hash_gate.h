/* auth/hash_gate.h -- so many passwords are hashed at once, and no more.
 * For:      CREATE USER and ALTER USER: bcrypt is slow on purpose, and a batch of them must not
 * take every worker from those who only want to read. Threads:  workers; entering may wait. */
#ifndef AUTH_HASH_GATE_H
#define AUTH_HASH_GATE_H

#include "base/lock.h"

struct hash_gate {
    struct lock lock; /* guards the rest */
    struct cond room;
    unsigned running;
    unsigned running_max; /* at least 1 */
    unsigned peak;        /* most at once so far, for tests */
};

void hash_gate_init(struct hash_gate *gate, unsigned running_max); /* 0: 1 */
void hash_gate_release(struct hash_gate *gate);
void hash_gate_enter(struct hash_gate *gate);
void hash_gate_leave(struct hash_gate *gate);

#endif
