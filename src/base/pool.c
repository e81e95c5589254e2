/* base/pool.c -- a ring of tasks under one lock; idle workers wait on a condition. */
#include "base/pool.h"
#include "base/check.h"
#include "base/mem.h"

struct task {
    pool_task_fn *run;
    void *argument;
};

struct worker {
    struct pool *pool;
    struct thread thread;
    unsigned number;
};

struct pool {
    struct lock lock; /* guards all below */
    struct cond wake;
    struct task *tasks; /* a ring */
    unsigned capacity;
    unsigned head;
    unsigned count;
    bool stopping;
    unsigned worker_count;
    struct worker workers[];
};

enum { STACK_BYTES = 8 << 20 };

static void *run_worker(void *argument)
{
    struct worker *worker = argument;
    struct pool *pool = worker->pool;
    for (;;) {
        lock_take(&pool->lock);
        while (pool->count == 0 && !pool->stopping) {
            cond_wait(&pool->wake, &pool->lock);
        }
        if (pool->count == 0) {
            lock_give(&pool->lock);
            return NULL;
        }
        struct task task = pool->tasks[pool->head];
        pool->head = (pool->head + 1) % pool->capacity;
        pool->count--;
        lock_give(&pool->lock);
        task.run(task.argument, worker->number);
    }
}

struct pool *pool_create(const char *name, unsigned threads, unsigned queue_max)
{
    CHECK(threads > 0 && queue_max > 0);
    struct pool *pool = mem_alloc_zeroed(sizeof *pool + threads * sizeof pool->workers[0]);
    lock_init(&pool->lock, LOCK_WORKERS);
    cond_init(&pool->wake);
    pool->tasks = mem_alloc_zeroed(queue_max * sizeof *pool->tasks);
    pool->capacity = queue_max;
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
    mem_free(pool->tasks);
    cond_release(&pool->wake);
    lock_release(&pool->lock);
    mem_free(pool);
}

status pool_submit(struct pool *pool, pool_task_fn *task, void *argument)
{
    lock_take(&pool->lock);
    bool has_room = pool->count < pool->capacity && !pool->stopping;
    if (has_room) {
        pool->tasks[(pool->head + pool->count) % pool->capacity] = (struct task){task, argument};
        pool->count++;
        cond_signal(&pool->wake);
    }
    lock_give(&pool->lock);
    return status_from(has_room ? STATUS_OK : STATUS_FULL);
}

unsigned pool_waiting(struct pool *pool)
{
    lock_take(&pool->lock);
    unsigned count = pool->count;
    lock_give(&pool->lock);
    return count;
}
