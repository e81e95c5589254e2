/* tests/unit/net/loop_test.c -- Goal: posted work arrives once, in order, with few wakeups; timers
 * go by the clock handed in; listeners share a port only when they should. */
#include "test.h"

#include "base/lock.h"
#include "base/mem.h"
#include "net/client.h"
#include "net/conn.h"
#include "net/loop.h"

static struct loop *make_loop(void)
{
    struct loop *loop = NULL;
    struct error err;
    EXPECT_OK(loop_create(clock_system(), &loop, &err), &err);
    return loop;
}

static unsigned seen[8];
static unsigned seen_count;

static void see(void *argument)
{
    if (seen_count < 8) {
        seen[seen_count] = *(unsigned *)argument;
    }
    seen_count++;
}

TEST(loop_post_runs_tasks_in_order_in_one_turn)
{
    struct loop *loop = make_loop();
    seen_count = 0;
    unsigned numbers[] = {4, 5, 6};
    for (unsigned i = 0; i < 3; i++) {
        loop_post(loop, see, &numbers[i]);
    }
    EXPECT_UINT(loop_turn(loop, 1000), 3);
    EXPECT(seen_count == 3 && seen[0] == 4 && seen[1] == 5 && seen[2] == 6);
    EXPECT_UINT(loop_turn(loop, 0), 0);
    EXPECT_UINT(loop_counts(loop).wakeups, 0); /* nobody slept */
    loop_destroy(loop);
}

struct chain {
    struct loop_task task;
    struct loop *loop;
    unsigned left;
};

static void next_link(void *argument)
{
    struct chain *chain = argument;
    if (--chain->left > 0) {
        loop_post_task(chain->loop, &chain->task);
    }
}

TEST(loop_post_task_from_a_task_runs_in_the_next_turn)
{
    struct chain chain = {.loop = make_loop(), .left = 3};
    chain.task = (struct loop_task){.fn = next_link, .argument = &chain};
    loop_post_task(chain.loop, &chain.task);
    EXPECT_UINT(loop_turn(chain.loop, 1000), 1);
    EXPECT_UINT(chain.left, 2);
    EXPECT_UINT(loop_turn(chain.loop, 1000), 1);
    EXPECT_UINT(loop_turn(chain.loop, 1000), 1);
    EXPECT_UINT(chain.left, 0);
    EXPECT_UINT(loop_turn(chain.loop, 0), 0);
    loop_destroy(chain.loop);
}

TEST(loop_destroy_runs_what_is_still_posted)
{
    struct chain chain = {.loop = make_loop(), .left = 5};
    chain.task = (struct loop_task){.fn = next_link, .argument = &chain};
    loop_post_task(chain.loop, &chain.task);
    loop_destroy(chain.loop);
    EXPECT_UINT(chain.left, 0);
}

static void *run_loop(void *loop)
{
    loop_run(loop);
    return NULL;
}

enum { POSTERS = 4, POSTS_EACH = 5000 };

struct poster {
    struct thread thread;
    struct loop *loop;
    unsigned *total;      /* the loop's thread adds */
    unsigned last_number; /* the loop's thread checks the order */
    bool in_order;
};

struct posted {
    struct loop_task task;
    struct poster *poster;
    unsigned number;
};

static void on_posted(void *argument)
{
    struct posted *posted = argument;
    struct poster *poster = posted->poster;
    poster->in_order = poster->in_order && posted->number == poster->last_number + 1;
    poster->last_number = posted->number;
    ++*poster->total;
    mem_free(posted);
}

static void *post_many(void *argument)
{
    struct poster *poster = argument;
    for (unsigned i = 1; i <= POSTS_EACH; i++) {
        struct posted *posted = mem_alloc_zeroed(sizeof *posted);
        *posted = (struct posted){
            .task = {.fn = on_posted, .argument = posted}, .poster = poster, .number = i};
        loop_post_task(poster->loop, &posted->task);
    }
    return NULL;
}

TEST(loop_post_from_many_threads_loses_nothing_and_keeps_each_threads_order)
{
    struct loop *loop = make_loop();
    struct thread runner = {0};
    struct poster posters[POSTERS];
    unsigned total = 0;
    thread_start(&runner, "loop", 0, run_loop, loop);
    for (unsigned i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.loop = loop, .total = &total, .in_order = true};
        thread_start(&posters[i].thread, "poster", 0, post_many, &posters[i]);
    }
    for (unsigned i = 0; i < POSTERS; i++) {
        thread_join(&posters[i].thread);
    }
    loop_stop(loop);
    thread_join(&runner);
    EXPECT_UINT(total, POSTERS * POSTS_EACH);
    for (unsigned i = 0; i < POSTERS; i++) {
        EXPECT(posters[i].in_order);
    }
    EXPECT(loop_counts(loop).wakeups <= loop_counts(loop).turns);
    loop_destroy(loop);
}

TEST(loop_stop_before_run_is_not_lost)
{
    struct loop *loop = make_loop();
    loop_stop(loop);
    loop_run(loop);
    EXPECT(loop_counts(loop).turns >= 1);
    loop_destroy(loop);
}

static void count_timer(void *context)
{
    ++*(unsigned *)context;
}

TEST(loop_timer_set_runs_when_the_clock_says_so)
{
    struct fake_clock fake;
    fake_clock_init(&fake, 0);
    struct loop *loop = NULL;
    struct error err;
    EXPECT_OK(loop_create(&fake.clock, &loop, &err), &err);
    struct timer timer = {0};
    unsigned runs = 0;
    loop_timer_set(loop, &timer, 1000, count_timer, &runs);
    fake_clock_advance(&fake, 999999);
    (void)loop_turn(loop, 0);
    EXPECT_UINT(runs, 0);
    fake_clock_advance(&fake, 1);
    (void)loop_turn(loop, 0);
    EXPECT_UINT(runs, 1);
    loop_timer_set(loop, &timer, 10, count_timer, &runs);
    loop_timer_cancel(loop, &timer);
    fake_clock_advance(&fake, 1000000);
    (void)loop_turn(loop, 0);
    EXPECT_UINT(runs, 1);
    loop_destroy(loop);
}

static size_t consume_all(struct conn *conn, str bytes)
{
    (void)conn;
    return bytes.n;
}

static const struct conn_handler sink = {.on_data = consume_all};

TEST(loop_listen_on_a_taken_port_is_a_conflict_unless_it_joins)
{
    struct loop *first = make_loop();
    struct loop *second = make_loop();
    struct error err;
    uint16_t port = 0;
    struct listen_options options = {.host = "127.0.0.1", .handler = &sink};
    EXPECT_OK(loop_listen(first, &options, &port, &err), &err);
    EXPECT(port != 0);
    options.port = port;
    EXPECT_STATUS(loop_listen(second, &options, &port, &err), CONFLICT);
    EXPECT(str_find(str_from(err.text), STR_LIT("the port is in use")) >= 0);
    options.joins = true;
    EXPECT_OK(loop_listen(second, &options, &port, &err), &err);
    EXPECT_UINT(port, options.port);
    loop_destroy(first);
    loop_destroy(second);
}

TEST(loop_listen_on_an_unknown_host_is_invalid)
{
    struct loop *loop = make_loop();
    struct error err;
    uint16_t port = 0;
    struct listen_options options = {.host = "256.256.256.256", .handler = &sink};
    EXPECT_STATUS(loop_listen(loop, &options, &port, &err), INVALID);
    options.host = "192.0.2.1"; /* not an address of this machine */
    EXPECT_STATUS(loop_listen(loop, &options, &port, &err), INVALID);
    loop_destroy(loop);
}

TEST(loop_listen_over_connections_max_closes_the_newcomer)
{
    struct loop *loop = make_loop();
    struct error err;
    uint16_t port = 0;
    struct listen_options options = {.host = "127.0.0.1", .handler = &sink, .connections_max = 1};
    EXPECT_OK(loop_listen(loop, &options, &port, &err), &err);
    struct client_options to = {.host = "127.0.0.1", .port = port, .io_ms = 5000};
    struct client *one = NULL;
    struct client *two = NULL;
    EXPECT_OK(client_open(&to, &one, &err), &err);
    EXPECT_OK(client_open(&to, &two, &err), &err);
    for (int i = 0; i < 500 && loop_counts(loop).refused == 0; i++) {
        (void)loop_turn(loop, 10);
    }
    EXPECT_UINT(loop_counts(loop).connections, 1);
    EXPECT_UINT(loop_counts(loop).refused, 1);
    char byte = 0;
    size_t got = 1;
    EXPECT_OK(client_receive(two, &byte, 1, &got, &err), &err);
    EXPECT_UINT(got, 0);
    client_close(one);
    client_close(two);
    loop_destroy(loop);
}

TEST(loop_stop_listening_refuses_new_connections_and_keeps_old_ones)
{
    struct loop *loop = make_loop();
    struct error err;
    uint16_t port = 0;
    struct listen_options options = {.host = "127.0.0.1", .handler = &sink};
    EXPECT_OK(loop_listen(loop, &options, &port, &err), &err);
    struct client_options to = {.host = "127.0.0.1", .port = port, .io_ms = 5000};
    struct client *one = NULL;
    EXPECT_OK(client_open(&to, &one, &err), &err);
    for (int i = 0; i < 500 && loop_counts(loop).connections == 0; i++) {
        (void)loop_turn(loop, 10);
    }
    loop_stop_listening(loop);
    struct client *two = NULL;
    EXPECT_STATUS(client_open(&to, &two, &err), UNAVAILABLE);
    EXPECT_UINT(loop_counts(loop).connections, 1);
    client_close(one);
    loop_destroy(loop);
}
