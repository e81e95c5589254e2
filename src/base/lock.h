/* base/lock.h -- mutexes with ranks, conditions, threads, atomics: the only room that knows
 * pthread. For:      locks listed in lock.def in lock order; testing builds stop on a wrong order.
 * Threads:  that is the point. */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include "base/status.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

enum lock_rank {
#define LOCK(symbol) LOCK_##symbol,
#include "base/lock.def"
#undef LOCK
    LOCK_COUNT
};

struct lock {
    pthread_mutex_t mutex;
    enum lock_rank rank;
};

/* A mutex with its place in the order of lock.def; testing builds stop at a wrong order. */
void lock_init(struct lock *lock, enum lock_rank rank);
void lock_release(struct lock *lock);
void lock_take(struct lock *lock);
void lock_give(struct lock *lock);

/* A lock that many may hold to read, or one to write. Readers never wait for readers; who waits to
 * write goes before later readers, so a thread must not take it twice. */
struct rwlock {
    pthread_rwlock_t rwlock;
    enum lock_rank rank;
};

/* Many readers or one writer, with the same places. */
void rwlock_init(struct rwlock *lock, enum lock_rank rank);
void rwlock_release(struct rwlock *lock);
void rwlock_take_read(struct rwlock *lock);
void rwlock_take_write(struct rwlock *lock);
void rwlock_give(struct rwlock *lock);

/* A condition waits on the monotonic clock. */
struct cond {
    pthread_cond_t cond;
};
void cond_init(struct cond *cond);
void cond_release(struct cond *cond);
void cond_signal(struct cond *cond);
void cond_broadcast(struct cond *cond);
void cond_wait(struct cond *cond, struct lock *held);
/* False: `timeout_ms` passed without a signal. */
bool cond_wait_ms(struct cond *cond, struct lock *held, uint64_t timeout_ms);

struct thread {
    pthread_t id;
    bool started;
};
/* Starts `run(argument)` with `stack_bytes` of stack (0: the default); `name` <= 15 bytes is seen
 * in tools. Stops the process when the system has no thread. Signals stay with the main thread. */
void thread_start(struct thread *thread, const char *name, size_t stack_bytes,
                  void *(*run)(void *argument), void *argument);
/* Waits for its end. A thread that was not started is ignored. */
void thread_join(struct thread *thread);

/* Counters and flags. Loads acquire, stores release, adds are relaxed. */
typedef struct {
    _Atomic uint64_t v;
} atomic_count;

static inline uint64_t atomic_count_get(const atomic_count *c)
{
    return atomic_load_explicit(&c->v, memory_order_acquire);
}
static inline void atomic_count_set(atomic_count *c, uint64_t v)
{
    atomic_store_explicit(&c->v, v, memory_order_release);
}
/* Returns the value before. */
static inline uint64_t atomic_count_add(atomic_count *c, uint64_t v)
{
    return atomic_fetch_add_explicit(&c->v, v, memory_order_acq_rel);
}
static inline uint64_t atomic_count_sub(atomic_count *c, uint64_t v)
{
    return atomic_fetch_sub_explicit(&c->v, v, memory_order_acq_rel);
}

/* Sets the count to max(wanted, count + 1) and returns it: ids that only grow. */
static inline uint64_t atomic_count_next(atomic_count *c, uint64_t wanted)
{
    uint64_t last = atomic_load_explicit(&c->v, memory_order_relaxed);
    uint64_t next = 0;
    do {
        next = wanted > last ? wanted : last + 1;
    } while (!atomic_compare_exchange_weak_explicit(&c->v, &last, next, memory_order_acq_rel,
                                                    memory_order_relaxed));
    return next;
}

/* Sets the count to `v` when that is more: peaks. */
static inline void atomic_count_raise(atomic_count *c, uint64_t v)
{
    uint64_t last = atomic_load_explicit(&c->v, memory_order_relaxed);
    while (v > last && !atomic_compare_exchange_weak_explicit(&c->v, &last, v, memory_order_acq_rel,
                                                              memory_order_relaxed)) {
    }
}

/* A count of holders: take adds one, give answers true to whoever gave the last. */
typedef struct {
    _Atomic uint32_t v;
} refcount;

static inline void refcount_init(refcount *r)
{
    atomic_store_explicit(&r->v, 1, memory_order_relaxed);
}
static inline void refcount_take(refcount *r)
{
    atomic_fetch_add_explicit(&r->v, 1, memory_order_relaxed);
}
/* True: that was the last reference, the caller frees. */
MUST_USE static inline bool refcount_give(refcount *r)
{
    return atomic_fetch_sub_explicit(&r->v, 1, memory_order_acq_rel) == 1;
}
/* The caller is the only holder, so that it may change what it holds in place. */
static inline bool refcount_is_one(refcount *r)
{
    return atomic_load_explicit(&r->v, memory_order_acquire) == 1;
}

#endif
