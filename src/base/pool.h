/* base/pool.h -- worker threads and the bounded queue before them.
 * For:      running statements off the loops. Tasks that may take seconds never have all workers,
 *           so that short ones do not wait behind them.
 * Owns:     its threads; a task is a function and a pointer that stays its submitter's.
 * Threads:  any thread may submit. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/lock.h"

struct pool;
/* `worker` is the number of the running thread, 0..threads-1. */
typedef void pool_task_fn(void *argument, unsigned worker);

/* `threads` with 8 MiB stacks, at most `queue_max` waiting tasks. Ended by pool_destroy, which runs
 * what is queued first. */
struct pool *pool_create(const char *name, unsigned threads, unsigned queue_max);
void pool_destroy(struct pool *pool);
enum pool_lane {
    POOL_SHORT, /* ends soon whatever it is given */
    POOL_LONG   /* may take seconds; all but one worker at most run such tasks */
};
/* Within a lane tasks start in the order of their coming. Never blocks. FULL: `queue_max` tasks are
 * waiting; nothing was taken. */
MUST_USE status pool_submit(struct pool *pool, enum pool_lane lane, pool_task_fn *task,
                            void *argument);
/* Tasks that wait now. */
unsigned pool_waiting(struct pool *pool);

#endif
