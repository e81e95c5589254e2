/* base/lock.c -- pthread behind the names of lock.h, with the order check of testing builds. */
#include "base/lock.h"
#include "base/check.h"
#include "base/mem.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#ifdef KALAM_TESTING
/* Ranks that this thread holds, in the order taken. */
static _Thread_local enum lock_rank held_ranks[LOCK_COUNT];
static _Thread_local unsigned held_count;

static void note_taken(enum lock_rank rank)
{
    if (held_count > 0 && held_ranks[held_count - 1] >= rank) {
        fprintf(stderr, "kalamdb: lock order: rank %d taken while %d is held\n", (int)rank,
                (int)held_ranks[held_count - 1]);
        abort();
    }
    held_ranks[held_count++] = rank;
}

static void note_given(enum lock_rank rank)
{
    unsigned i = held_count;
    while (i > 0 && held_ranks[i - 1] != rank) {
        i--;
    }
    CHECK(i > 0);
    for (; i < held_count; i++) {
        held_ranks[i - 1] = held_ranks[i];
    }
    held_count--;
}
#else
static void note_taken(enum lock_rank rank)
{
    (void)rank;
}
static void note_given(enum lock_rank rank)
{
    (void)rank;
}
#endif

void lock_init(struct lock *lock, enum lock_rank rank)
{
    CHECK(pthread_mutex_init(&lock->mutex, NULL) == 0);
    lock->rank = rank;
}

void lock_release(struct lock *lock)
{
    CHECK(pthread_mutex_destroy(&lock->mutex) == 0);
}

void lock_take(struct lock *lock)
{
    note_taken(lock->rank);
    CHECK(pthread_mutex_lock(&lock->mutex) == 0);
}

void lock_give(struct lock *lock)
{
    enum lock_rank rank = lock->rank; /* whoever waited may end the lock once it is open */
    CHECK(pthread_mutex_unlock(&lock->mutex) == 0);
    note_given(rank);
}

void rwlock_init(struct rwlock *lock, enum lock_rank rank)
{
    pthread_rwlockattr_t attributes;
    CHECK(pthread_rwlockattr_init(&attributes) == 0);
    CHECK(pthread_rwlockattr_setkind_np(&attributes,
                                        PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) == 0);
    CHECK(pthread_rwlock_init(&lock->rwlock, &attributes) == 0);
    (void)pthread_rwlockattr_destroy(&attributes);
    lock->rank = rank;
}

void rwlock_release(struct rwlock *lock)
{
    CHECK(pthread_rwlock_destroy(&lock->rwlock) == 0);
}

void rwlock_take_read(struct rwlock *lock)
{
    note_taken(lock->rank);
    CHECK(pthread_rwlock_rdlock(&lock->rwlock) == 0);
}

void rwlock_take_write(struct rwlock *lock)
{
    note_taken(lock->rank);
    CHECK(pthread_rwlock_wrlock(&lock->rwlock) == 0);
}

void rwlock_give(struct rwlock *lock)
{
    enum lock_rank rank = lock->rank;
    CHECK(pthread_rwlock_unlock(&lock->rwlock) == 0);
    note_given(rank);
}

void cond_init(struct cond *cond)
{
    pthread_condattr_t attributes;
    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&cond->cond, &attributes) == 0);
    (void)pthread_condattr_destroy(&attributes);
}

void cond_release(struct cond *cond)
{
    CHECK(pthread_cond_destroy(&cond->cond) == 0);
}

void cond_signal(struct cond *cond)
{
    CHECK(pthread_cond_signal(&cond->cond) == 0);
}

void cond_broadcast(struct cond *cond)
{
    CHECK(pthread_cond_broadcast(&cond->cond) == 0);
}

void cond_wait(struct cond *cond, struct lock *held)
{
    CHECK(pthread_cond_wait(&cond->cond, &held->mutex) == 0);
}

bool cond_wait_ms(struct cond *cond, struct lock *held, uint64_t timeout_ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(timeout_ms / 1000);
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    int rc = pthread_cond_timedwait(&cond->cond, &held->mutex, &until);
    CHECK(rc == 0 || rc == ETIMEDOUT);
    return rc == 0;
}

void thread_start(struct thread *thread, const char *name, size_t stack_bytes,
                  void *(*run)(void *argument), void *argument)
{
    pthread_attr_t attributes;
    CHECK(pthread_attr_init(&attributes) == 0);
    if (stack_bytes > 0) {
        CHECK(pthread_attr_setstacksize(&attributes, stack_bytes) == 0);
    }
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&thread->id, &attributes, run, argument);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    if (rc != 0) {
        fprintf(stderr, "kalamdb: cannot start thread %s: %s\n", name, strerror(rc));
        abort();
    }
    thread->started = true;
    (void)pthread_setname_np(thread->id, name);
}

void thread_join(struct thread *thread)
{
    if (thread->started) {
        CHECK(pthread_join(thread->id, NULL) == 0);
        thread->started = false;
    }
}
