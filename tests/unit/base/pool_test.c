/* tests/unit/base/pool_test.c -- Goal: everything that was accepted runs, in the order of its lane,
 * and short tasks run while long ones have all the workers that they may have. Method: long tasks
 * that wait until the test lets them go. */
#include "base/clock.h"
#include "base/pool.h"
#include "tests/test.h"

enum { WORKERS = 3 };

static void count_task(void *argument, unsigned worker)
{
    EXPECT(worker < WORKERS);
    (void)atomic_count_add(argument, 1);
}

TEST(pool_destroy_runs_everything_that_was_accepted)
{
    atomic_count done = {0};
    struct pool *pool = pool_create("test", WORKERS, 64);
    unsigned accepted = 0;
    for (unsigned i = 0; i < 1000; i++) {
        enum pool_lane lane = i % 3 == 0 ? POOL_LONG : POOL_SHORT;
        status result = pool_submit(pool, lane, count_task, &done);
        EXPECT(result.code == STATUS_OK || result.code == STATUS_FULL);
        accepted += result.code == STATUS_OK ? 1 : 0;
    }
    EXPECT(accepted >= 64);
    pool_destroy(pool);
    EXPECT_UINT(atomic_count_get(&done), accepted);
}

/* What tasks wait for and tell. */
struct scene {
    struct lock lock;
    struct cond cond;
    bool is_open;
    unsigned started;
    unsigned short_done;
};

static void scene_init(struct scene *s)
{
    *s = (struct scene){0};
    lock_init(&s->lock, LOCK_TEST);
    cond_init(&s->cond);
}

static void scene_release(struct scene *s)
{
    cond_release(&s->cond);
    lock_release(&s->lock);
}

static void long_task(void *argument, unsigned worker)
{
    (void)worker;
    struct scene *s = argument;
    lock_take(&s->lock);
    s->started++;
    cond_broadcast(&s->cond);
    while (!s->is_open) {
        cond_wait(&s->cond, &s->lock);
    }
    lock_give(&s->lock);
}

static void short_task(void *argument, unsigned worker)
{
    (void)worker;
    struct scene *s = argument;
    lock_take(&s->lock);
    s->short_done++;
    cond_broadcast(&s->cond);
    lock_give(&s->lock);
}

static void scene_wait(struct scene *s, const unsigned *value, unsigned at_least)
{
    lock_take(&s->lock);
    while (*value < at_least) {
        cond_wait(&s->cond, &s->lock);
    }
    lock_give(&s->lock);
}

static void scene_open(struct scene *s)
{
    lock_take(&s->lock);
    s->is_open = true;
    cond_broadcast(&s->cond);
    lock_give(&s->lock);
}

TEST(pool_short_task_does_not_wait_for_long_ones)
{
    struct scene s;
    scene_init(&s);
    struct pool *pool = pool_create("test", WORKERS, 64);
    for (int i = 0; i < 10; i++) {
        EXPECT_STATUS(pool_submit(pool, POOL_LONG, long_task, &s), OK);
    }
    scene_wait(&s, &s.started, WORKERS - 1);
    for (int i = 0; i < 10; i++) {
        EXPECT_STATUS(pool_submit(pool, POOL_SHORT, short_task, &s), OK);
    }
    scene_wait(&s, &s.short_done, 10);
    EXPECT_UINT(s.started, WORKERS - 1); /* the last worker takes no long task */
    EXPECT_UINT(pool_waiting(pool), 10 - (WORKERS - 1));
    scene_open(&s);
    pool_destroy(pool);
    EXPECT_UINT(s.started, 10);
    scene_release(&s);
}

TEST(pool_of_one_worker_runs_long_tasks_too)
{
    struct scene s;
    scene_init(&s);
    s.is_open = true;
    struct pool *pool = pool_create("test", 1, 4);
    EXPECT_STATUS(pool_submit(pool, POOL_LONG, long_task, &s), OK);
    EXPECT_STATUS(pool_submit(pool, POOL_SHORT, short_task, &s), OK);
    EXPECT_STATUS(pool_submit(pool, POOL_LONG, long_task, &s), OK);
    scene_wait(&s, &s.started, 2);
    EXPECT_UINT(s.short_done, 1); /* the one that came before the second long one */
    pool_destroy(pool);
    scene_release(&s);
}

TEST(pool_submit_beyond_the_bound_is_full_whatever_the_lane)
{
    struct scene s;
    scene_init(&s);
    struct pool *pool = pool_create("test", 2, 3);
    EXPECT_STATUS(pool_submit(pool, POOL_LONG, long_task, &s), OK);
    scene_wait(&s, &s.started, 1);
    for (int i = 0; i < 3; i++) {
        EXPECT_STATUS(pool_submit(pool, POOL_LONG, long_task, &s), OK);
    }
    EXPECT_STATUS(pool_submit(pool, POOL_LONG, long_task, &s), FULL);
    EXPECT_STATUS(pool_submit(pool, POOL_SHORT, short_task, &s), FULL);
    scene_open(&s);
    pool_destroy(pool);
    EXPECT_UINT(s.started, 4);
    scene_release(&s);
}
