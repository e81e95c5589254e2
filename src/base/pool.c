/* base/pool.c -- a ring of tasks per lane under one lock; idle workers wait on a condition. */
#include "base/pool.h"
#include "base/check.h"
#include "base/mem.h"

struct task {
    pool_task_fn *run;
    void *argument;
    uint64_t number; /* of all that came */
    enum pool_lane lane;
};

struct ring {
    struct task *tasks; /* `capacity` of the pool */
    unsigned head;
    unsigned count;
};

struct worker {
    struct pool *pool;
    struct thread thread;
    unsigned number;
};

struct pool {
    struct lock lock; /* guards all below */
    struct cond wake;
    struct ring lanes[POOL_LONG + 1];
    unsigned capacity; /* of all lanes together */
    uint64_t task_count;
    unsigned long_running;
    unsigned long_running_max;
    bool stopping;
    unsigned worker_count;
    struct worker workers[];
};

enum { STACK_BYTES = 8 << 20 };

/* The lane whose oldest task is next; NULL: none that may start now. */
static struct ring *next_lane(struct pool *pool)
{
    struct ring *shorts = &pool->lanes[POOL_SHORT];
    struct ring *longs = &pool->lanes[POOL_LONG];
    if (longs->count == 0 || pool->long_running >= pool->long_running_max) {
        return shorts->count > 0 ? shorts : NULL;
    }
    bool is_long_older =
        shorts->count == 0 || longs->tasks[longs->head].number < shorts->tasks[shorts->head].number;
    return is_long_older ? longs : shorts;
}

/* False: the pool ends, and what is left starts on workers that run long tasks. */
static bool take_task(struct pool *pool, struct task *out)
{
    struct ring *lane = next_lane(pool);
    while (lane == NULL && !pool->stopping) {
        cond_wait(&pool->wake, &pool->lock);
        lane = next_lane(pool);
    }
    if (lane == NULL) {
        return false;
    }
    *out = lane->tasks[lane->head];
    lane->head = (lane->head + 1) % pool->capacity;
    lane->count--;
    pool->long_running += out->lane == POOL_LONG ? 1 : 0;
    return true;
}

static void *run_worker(void *argument)
{
    struct worker *worker = argument;
    struct pool *pool = worker->pool;
    struct task task;
    lock_take(&pool->lock);
    while (take_task(pool, &task)) {
        lock_give(&pool->lock);
        task.run(task.argument, worker->number);
        lock_take(&pool->lock);
        pool->long_running -= task.lane == POOL_LONG ? 1 : 0;
    }
    lock_give(&pool->lock);
    return NULL;
}

struct pool *pool_create(const char *name, unsigned threads, unsigned queue_max)
{
    CHECK(threads > 0 && queue_max > 0);
    struct pool *pool = mem_alloc_zeroed(sizeof *pool + threads * sizeof pool->workers[0]);
    lock_init(&pool->lock, LOCK_WORKERS);
    cond_init(&pool->wake);
    for (unsigned i = 0; i <= POOL_LONG; i++) {
        pool->lanes[i].tasks = mem_alloc_zeroed(queue_max * sizeof(struct task));
    }
    pool->capacity = queue_max;
    pool->long_running_max = threads > 1 ? threads - 1 : 1;
    pool->worker_count = threads;
    for (unsigned i = 0; i < threads; i++) {
        pool->workers[i] = (struct worker){.pool = pool, .number = i};
        thread_start(&pool->workers[i].thread, name, STACK_BYTES, run_worker, &pool->workers[i]);
    }
    return pool;
}

void pool_destroy(struct pool *pool)
{
    if (pool == NULL) {
        return;
    }
    lock_take(&pool->lock);
    pool->stopping = true;
    cond_broadcast(&pool->wake);
    lock_give(&pool->lock);
    for (unsigned i = 0; i < pool->worker_count; i++) {
        thread_join(&pool->workers[i].thread);
    }
    for (unsigned i = 0; i <= POOL_LONG; i++) {
        mem_free(pool->lanes[i].tasks);
    }
    cond_release(&pool->wake);
    lock_release(&pool->lock);
    mem_free(pool);
}

static unsigned waiting_count(const struct pool *pool)
{
    return pool->lanes[POOL_SHORT].count + pool->lanes[POOL_LONG].count;
}

status pool_submit(struct pool *pool, enum pool_lane lane, pool_task_fn *task, void *argument)
{
    lock_take(&pool->lock);
    bool has_room = waiting_count(pool) < pool->capacity && !pool->stopping;
    if (has_room) {
        struct ring *ring = &pool->lanes[lane];
        ring->tasks[(ring->head + ring->count) % pool->capacity] =
            (struct task){task, argument, pool->task_count++, lane};
        ring->count++;
        cond_signal(&pool->wake);
    }
    lock_give(&pool->lock);
    return status_from(has_room ? STATUS_OK : STATUS_FULL);
}

unsigned pool_waiting(struct pool *pool)
{
    lock_take(&pool->lock);
    unsigned count = waiting_count(pool);
    lock_give(&pool->lock);
    return count;
}
