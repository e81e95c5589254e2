/* tests/unit/engine/kv_commit_test.c -- Goal: what the committer promises about order, groups,
 * failed requests, syncs, failures of the store and the end. Method: the store in memory with its
 * faults; a request whose apply waits at a gate holds the committer, so that the requests behind it
 * form one group. */
#include "base/fault.h"
#include "base/hash.h"
#include "base/mem.h"
#include "engine/kv_commit.h"
#include "engine/kv_lease.h"
#include "model/limits.h"
#include "test.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PART STR_LIT("u\0\0\0\1alice\0\1")
#define KEY(text) STR_LIT("u\0\0\0\1alice\0\1" text)
#define PART_BOB STR_LIT("u\0\0\0\1bob\0\1")
#define KEY_BOB(text) STR_LIT("u\0\0\0\1bob\0\1" text)

enum { EVENTS_MAX = 64 };
static const int64_t test_wall_us = 1800000000LL * 1000000;

/* A flag that other threads wait for. */
struct gate {
    struct lock lock;
    struct cond cond;
    int value;
};

static void gate_init(struct gate *g)
{
    lock_init(&g->lock, LOCK_TEST);
    cond_init(&g->cond);
    g->value = 0;
}

static void gate_release(struct gate *g)
{
    cond_release(&g->cond);
    lock_release(&g->lock);
}

static void gate_add(struct gate *g)
{
    lock_take(&g->lock);
    g->value++;
    cond_broadcast(&g->cond);
    lock_give(&g->lock);
}

static void gate_wait(struct gate *g, int at_least)
{
    lock_take(&g->lock);
    while (g->value < at_least) {
        cond_wait(&g->cond, &g->lock);
    }
    lock_give(&g->lock);
}

static int gate_value(struct gate *g)
{
    lock_take(&g->lock);
    int value = g->value;
    lock_give(&g->lock);
    return value;
}

struct setup {
    struct kv_store *store;
    struct fake_clock clock;
    struct snowflake seq;
    struct committer *committer;
    atomic_count watchers;
    struct gate failures;
    struct error failure;
    /* what happened, in order: "p3" publish of job 3, "d3" done, "r3" release; the committer's */
    char events[8 * EVENTS_MAX];
};

static void note_failure(void *context, const struct error *err)
{
    struct setup *s = context;
    s->failure = *err;
    gate_add(&s->failures);
}

static void start(struct setup *s, struct kv_lease *lease)
{
    struct committer_options options = {.store = s->store,
                                        .clock = &s->clock.clock,
                                        .seq = &s->seq,
                                        .watchers = &s->watchers,
                                        .lease = lease,
                                        .fail_stop = note_failure,
                                        .fail_context = s};
    s->committer = committer_create(&options);
}

static void setup_open(struct setup *s)
{
    memset(s, 0, sizeof *s);
    s->store = kv_mem_open();
    fake_clock_init(&s->clock, test_wall_us);
    snowflake_init(&s->seq, &s->clock.clock, 1, 0);
    gate_init(&s->failures);
    start(s, NULL);
}

static void setup_close(struct setup *s)
{
    if (s->committer != NULL) {
        committer_destroy(s->committer);
    }
    kv_close(s->store);
    gate_release(&s->failures);
}

/* A request that writes one key; the fields say what else it does. */
struct job {
    struct commit_request request;
    struct setup *setup;
    int number;
    str key; /* empty: none is written */
    str value;
    str expect; /* of `key` before: its value; p == NULL: not looked at; "-": absent */
    enum status_code fails_with; /* after writing */
    struct gate *hold;           /* apply tells `entered` and waits for it */
    struct gate *entered;
    struct gate *published;
    struct gate *ended; /* done */
    struct gate *released;
    uint64_t seq;
    uint64_t last_seq;
    int64_t now_us;
    status result;
};

static void note(struct job *j, char what)
{
    char text[16];
    int n = snprintf(text, sizeof text, "%c%d ", what, j->number);
    size_t used = strlen(j->setup->events);
    if (j->number > 0) {
        EXPECT(used + (size_t)n < sizeof j->setup->events);
        memcpy(j->setup->events + used, text, (size_t)n + 1);
    }
}

static status job_apply(struct commit_txn *txn, struct commit_request *request)
{
    struct job *j = (struct job *)request;
    if (j->hold != NULL) {
        gate_add(j->entered);
        gate_wait(j->hold, 1);
    }
    j->now_us = commit_now_us(txn);
    if (j->expect.p != NULL) {
        str value = {0};
        bool found = false;
        EXPECT_STATUS(commit_get(txn, KV_USER_TABLE, j->key, &value, &found, &request->error), OK);
        bool matches = str_eq_c(j->expect, "-") ? !found : found && str_eq(value, j->expect);
        if (!matches) {
            return error_set(&request->error, ERROR_CONFLICT, "found " STR_FMT, STR(value));
        }
    }
    j->seq = commit_next_seq(txn);
    j->last_seq = commit_last_seq(txn);
    if (j->key.n > 0) {
        commit_put(txn, KV_USER_TABLE, PART.n, j->key, j->value);
    }
    if (j->fails_with != STATUS_OK) {
        return error_set(&request->error, ERROR_CONSTRAINT, "as told");
    }
    return STATUS_IS_OK;
}

static void job_publish(struct commit_request *request)
{
    struct job *j = (struct job *)request;
    note(j, 'p');
    if (j->published != NULL) {
        gate_add(j->published);
    }
}

static void job_done(struct commit_request *request, status result)
{
    struct job *j = (struct job *)request;
    struct gate *ended = j->ended;
    note(j, 'd');
    j->result = result;
    if (ended != NULL) {
        gate_add(ended);
    }
}

static void job_release(struct commit_request *request)
{
    struct job *j = (struct job *)request;
    note(j, 'r');
    if (j->released != NULL) {
        gate_add(j->released);
    }
}

static void job_init(struct job *j, struct setup *s, int number, str key, str value)
{
    *j = (struct job){.request = {.apply = job_apply,
                                  .publish = job_publish,
                                  .done = job_done,
                                  .release = job_release,
                                  .durability = COMMIT_SYNC,
                                  .bytes = 100},
                      .setup = s,
                      .number = number,
                      .key = key,
                      .value = value};
}

/* Holds the committer within a group of its own until open_up. */
struct holder {
    struct job job;
    struct gate hold;
    struct gate entered;
};

static void hold_up(struct holder *h, struct setup *s)
{
    gate_init(&h->hold);
    gate_init(&h->entered);
    job_init(&h->job, s, 0, (str){0}, (str){0});
    h->job.hold = &h->hold;
    h->job.entered = &h->entered;
    commit_submit(s->committer, &h->job.request);
    gate_wait(&h->entered, 1);
}

static status apply_nothing(struct commit_txn *txn, struct commit_request *request)
{
    (void)txn;
    (void)request;
    return STATUS_IS_OK;
}

/* The requests submitted since hold_up go on as one group. */
static void open_up(struct holder *h, struct setup *s)
{
    gate_add(&h->hold);
    struct commit_request last = {.apply = apply_nothing};
    status result = commit_submit_wait(s->committer, &last); /* all before it have ended */
    EXPECT(status_ok(result) || result.code == STATUS_STORAGE_FULL);
    gate_release(&h->hold);
    gate_release(&h->entered);
}

static void expect_stored(struct setup *s, str key, const char *wanted)
{
    struct arena arena;
    arena_init(&arena);
    str value = {0};
    bool found = false;
    EXPECT_STATUS(
        kv_get(s->store, NULL, KV_USER_TABLE, key, KV_MAY_BLOCK, &arena, &value, &found, NULL), OK);
    EXPECT(found == (wanted != NULL));
    if (wanted != NULL) {
        EXPECT_STR_EQ(value, str_from(wanted));
    }
    arena_release(&arena);
}

/* -- one request ------------------------------------------------------------------------------- */

TEST(commit_submit_wait_returns_when_the_write_is_durable_and_published)
{
    struct setup s;
    setup_open(&s);
    struct job j;
    job_init(&j, &s, 1, KEY("a"), STR_LIT("1"));
    EXPECT_STATUS(commit_submit_wait(s.committer, &j.request), OK);
    EXPECT_STR(str_from(s.events), "p1 d1 ");
    EXPECT_UINT(commit_published_seq(s.committer), j.seq);
    EXPECT_UINT(j.last_seq, j.seq);
    kv_mem_power_cut(s.store);
    expect_stored(&s, KEY("a"), "1");
    struct kv_head head;
    EXPECT_STATUS(kv_head_get(s.store, PART, &head, NULL), OK);
    EXPECT_UINT(head.seq, j.seq);
    EXPECT_UINT(head.generation, 1);
    setup_close(&s);
}

TEST(commit_of_a_failed_request_writes_nothing_and_tells_why)
{
    struct setup s;
    setup_open(&s);
    struct job j;
    job_init(&j, &s, 1, KEY("a"), STR_LIT("1"));
    j.fails_with = STATUS_CONSTRAINT;
    EXPECT_STATUS(commit_submit_wait(s.committer, &j.request), CONSTRAINT);
    EXPECT_STR(str_from(j.request.error.text), "as told");
    EXPECT_STR(str_from(s.events), "d1 ");
    expect_stored(&s, KEY("a"), NULL);
    struct commit_statistics statistics;
    commit_statistics_get(s.committer, &statistics);
    EXPECT_UINT(statistics.groups, 0); /* nothing was written at all */
    setup_close(&s);
}

TEST(commit_now_us_never_goes_back)
{
    struct setup s;
    setup_open(&s);
    struct job before;
    struct job after;
    job_init(&before, &s, 1, KEY("a"), STR_LIT("1"));
    EXPECT_STATUS(commit_submit_wait(s.committer, &before.request), OK);
    EXPECT_INT(before.now_us, test_wall_us);
    fake_clock_advance(&s.clock, -3600LL * 1000000);
    job_init(&after, &s, 2, KEY("a"), STR_LIT("2"));
    EXPECT_STATUS(commit_submit_wait(s.committer, &after.request), OK);
    EXPECT_INT(after.now_us, before.now_us);
    EXPECT(after.seq > before.seq);
    setup_close(&s);
}

/* -- groups ------------------------------------------------------------------------------------ */

TEST(commit_of_waiting_requests_is_one_group_in_their_order)
{
    struct setup s;
    setup_open(&s);
    struct holder h;
    hold_up(&h, &s);
    struct job jobs[3];
    for (int i = 0; i < 3; i++) {
        static const char *const values[] = {"1", "2", "3"};
        job_init(&jobs[i], &s, i + 1, KEY("a"), str_from(values[i]));
        commit_submit(s.committer, &jobs[i].request);
    }
    open_up(&h, &s);
    EXPECT_STR(str_from(s.events), "p1 p2 p3 d1 d2 d3 ");
    EXPECT(jobs[0].seq < jobs[1].seq && jobs[1].seq < jobs[2].seq);
    EXPECT(jobs[0].now_us == jobs[2].now_us);
    expect_stored(&s, KEY("a"), "3");
    struct kv_head head;
    EXPECT_STATUS(kv_head_get(s.store, PART, &head, NULL), OK);
    EXPECT_UINT(head.generation, 1); /* one transaction */
    EXPECT_UINT(head.seq, jobs[2].seq);
    EXPECT_UINT(commit_published_seq(s.committer), jobs[2].seq);
    setup_close(&s);
}

TEST(commit_of_a_failed_request_in_a_group_leaves_its_neighbours)
{
    struct setup s;
    setup_open(&s);
    struct holder h;
    hold_up(&h, &s);
    struct job jobs[4];
    job_init(&jobs[0], &s, 1, KEY("a"), STR_LIT("1"));
    job_init(&jobs[1], &s, 2, KEY("a"), STR_LIT("2"));
    jobs[1].fails_with = STATUS_CONSTRAINT;
    job_init(&jobs[2], &s, 3, KEY("a"), STR_LIT("3"));
    jobs[2].expect = STR_LIT("1"); /* the failed one left no trace */
    job_init(&jobs[3], &s, 4, KEY("b"), STR_LIT("4"));
    jobs[3].expect = STR_LIT("-");
    for (int i = 0; i < 4; i++) {
        commit_submit(s.committer, &jobs[i].request);
    }
    open_up(&h, &s);
    EXPECT_STR(str_from(s.events), "p1 p3 p4 d1 d2 d3 d4 ");
    EXPECT_STATUS(jobs[0].result, OK);
    EXPECT_STATUS(jobs[1].result, CONSTRAINT);
    EXPECT_STATUS(jobs[2].result, OK);
    EXPECT_STATUS(jobs[3].result, OK);
    expect_stored(&s, KEY("a"), "3");
    setup_close(&s);
}

TEST(commit_of_rivals_in_one_group_has_one_winner)
{
    struct setup s;
    setup_open(&s);
    struct holder h;
    hold_up(&h, &s);
    struct job jobs[8];
    for (int i = 0; i < 8; i++) {
        job_init(&jobs[i], &s, 0, KEY("a"), STR_LIT("x"));
        jobs[i].expect = STR_LIT("-");
        commit_submit(s.committer, &jobs[i].request);
    }
    open_up(&h, &s);
    EXPECT_STATUS(jobs[0].result, OK);
    for (int i = 1; i < 8; i++) {
        EXPECT_STATUS(jobs[i].result, CONFLICT);
    }
    setup_close(&s);
}

TEST(commit_takes_no_more_than_the_limits_of_a_group)
{
    struct setup s;
    setup_open(&s);
    struct holder h;
    hold_up(&h, &s);
    enum { COUNT = LIMIT_COMMIT_GROUP + 10 };
    struct job *jobs = mem_alloc(COUNT * sizeof *jobs);
    for (int i = 0; i < COUNT; i++) {
        job_init(&jobs[i], &s, 0, KEY("a"), STR_LIT("x"));
        commit_submit(s.committer, &jobs[i].request);
    }
    open_up(&h, &s);
    struct commit_statistics statistics;
    commit_statistics_get(s.committer, &statistics);
    EXPECT_UINT(statistics.groups, 2);
    EXPECT_UINT(statistics.requests, COUNT + 2);

    hold_up(&h, &s);
    for (int i = 0; i < 3; i++) { /* two of them are more than a group may weigh */
        job_init(&jobs[i], &s, 0, KEY("a"), STR_LIT("x"));
        jobs[i].request.bytes = LIMIT_COMMIT_GROUP_BYTES - 1000;
        commit_submit(s.committer, &jobs[i].request);
    }
    open_up(&h, &s);
    commit_statistics_get(s.committer, &statistics);
    EXPECT_UINT(statistics.groups, 5);
    mem_free(jobs);
    setup_close(&s);
}

/* -- the overlay ------------------------------------------------------------------------------- */

/* A request made of a function: what it reads and writes is in the test. */
struct script {
    struct commit_request request;
    void (*run)(struct commit_txn *txn);
    bool fails;
};

static status script_apply(struct commit_txn *txn, struct commit_request *request)
{
    struct script *script = (struct script *)request;
    script->run(txn);
    return script->fails ? error_set(&request->error, ERROR_CONSTRAINT, "as told") : STATUS_IS_OK;
}

static void run_scripts(struct setup *s, void (*const *runs)(struct commit_txn *), size_t count,
                        size_t failing)
{
    struct script scripts[8];
    struct holder h;
    hold_up(&h, s);
    for (size_t i = 0; i < count; i++) {
        scripts[i] = (struct script){
            .request = {.apply = script_apply}, .run = runs[i], .fails = i == failing};
        commit_submit(s->committer, &scripts[i].request);
    }
    open_up(&h, s);
}

/* The value of a key in the overlay; "-": absent. */
static str seen(struct commit_txn *txn, str key)
{
    str value = {0};
    bool found = false;
    EXPECT_STATUS(commit_get(txn, KV_USER_TABLE, key, &value, &found, NULL), OK);
    return found ? value : STR_LIT("-");
}

static void write_abc(struct commit_txn *txn)
{
    commit_put(txn, KV_USER_TABLE, PART.n, KEY("a"), STR_LIT("1"));
    commit_put(txn, KV_USER_TABLE, PART.n, KEY("b"), STR_LIT("1"));
    commit_put(txn, KV_USER_TABLE, PART.n, KEY("c"), STR_LIT("1"));
}

static void remove_a_to_c(struct commit_txn *txn)
{
    EXPECT_STR(seen(txn, KEY("a")), "1");
    commit_delete_range(txn, KV_USER_TABLE, PART.n, KEY("a"), KEY("c"));
    EXPECT_STR(seen(txn, KEY("a")), "-");
    EXPECT_STR(seen(txn, KEY("c")), "1");
    commit_put(txn, KV_USER_TABLE, PART.n, KEY("b"), STR_LIT("2"));
    EXPECT_STR(seen(txn, KEY("b")), "2");
}

static void see_b2_c1(struct commit_txn *txn)
{
    EXPECT_STR(seen(txn, KEY("a")), "-");
    EXPECT_STR(seen(txn, KEY("b")), "2");
    EXPECT_STR(seen(txn, KEY("c")), "1");
}

static void see_all_1(struct commit_txn *txn)
{
    EXPECT_STR(seen(txn, KEY("a")), "1");
    EXPECT_STR(seen(txn, KEY("b")), "1");
    EXPECT_STR(seen(txn, KEY("c")), "1");
}

TEST(commit_get_sees_range_deletes_in_their_order)
{
    struct setup s;
    setup_open(&s);
    void (*const first[])(struct commit_txn *) = {write_abc};
    run_scripts(&s, first, 1, 9); /* these are in the store when the range goes */
    void (*const second[])(struct commit_txn *) = {remove_a_to_c, see_b2_c1};
    run_scripts(&s, second, 2, 9);
    expect_stored(&s, KEY("a"), NULL);
    expect_stored(&s, KEY("b"), "2");
    expect_stored(&s, KEY("c"), "1");
    setup_close(&s);
}

TEST(commit_get_sees_range_deletes_over_puts_of_the_same_group)
{
    struct setup s;
    setup_open(&s);
    void (*const all[])(struct commit_txn *) = {write_abc, remove_a_to_c, see_b2_c1};
    run_scripts(&s, all, 3, 9);
    expect_stored(&s, KEY("a"), NULL);
    expect_stored(&s, KEY("b"), "2");
    expect_stored(&s, KEY("c"), "1");
    setup_close(&s);
}

TEST(commit_without_a_seq_leaves_the_seq_of_the_head)
{
    struct setup s;
    setup_open(&s);
    struct holder h;
    hold_up(&h, &s);
    struct job j;
    job_init(&j, &s, 1, KEY("a"), STR_LIT("1"));
    commit_submit(s.committer, &j.request);
    struct script script = {.request = {.apply = script_apply}, .run = write_abc};
    commit_submit(s.committer, &script.request);
    open_up(&h, &s);
    struct kv_head head;
    EXPECT_STATUS(kv_head_get(s.store, PART, &head, NULL), OK);
    EXPECT_UINT(head.seq, j.seq);
    EXPECT_UINT(head.generation, 1);
    setup_close(&s);
}

TEST(commit_of_a_failed_request_takes_its_range_delete_back)
{
    struct setup s;
    setup_open(&s);
    void (*const all[])(struct commit_txn *) = {write_abc, remove_a_to_c, see_all_1};
    run_scripts(&s, all, 3, 1);
    expect_stored(&s, KEY("a"), "1");
    expect_stored(&s, KEY("b"), "1");
    expect_stored(&s, KEY("c"), "1");
    setup_close(&s);
}

static void use_families_and_partitions(struct commit_txn *txn)
{
    commit_put(txn, KV_USER_TABLE, PART.n, KEY("a"), STR_LIT("user"));
    commit_put(txn, KV_KEY_INDEX, PART.n, KEY("a"), STR_LIT("index"));
    commit_put(txn, KV_USER_TABLE, PART_BOB.n, KEY_BOB("a"), STR_LIT("bob"));
    commit_delete(txn, KV_KEY_INDEX, PART.n, KEY("a"));
    commit_put(txn, KV_USER_TABLE, PART.n, KEY("b"), STR_LIT(""));
    EXPECT_STR(seen(txn, KEY("a")), "user");
    EXPECT_STR(seen(txn, KEY("b")), "");
    str value;
    bool found = true;
    EXPECT_STATUS(commit_get(txn, KV_KEY_INDEX, KEY("a"), &value, &found, NULL), OK);
    EXPECT(!found);
}

TEST(commit_writes_one_transaction_for_each_partition)
{
    struct setup s;
    setup_open(&s);
    void (*const all[])(struct commit_txn *) = {use_families_and_partitions};
    run_scripts(&s, all, 1, 9);
    expect_stored(&s, KEY("a"), "user");
    expect_stored(&s, KEY("b"), "");
    expect_stored(&s, KEY_BOB("a"), "bob");
    struct kv_head head;
    EXPECT_STATUS(kv_head_get(s.store, PART_BOB, &head, NULL), OK);
    EXPECT_UINT(head.generation, 1);
    setup_close(&s);
}

/* Random requests, many of them failing, in groups, against a plain array. */
enum { MODEL_KEYS = 32, MODEL_REQUESTS = 4000, MODEL_GROUP = 50, MODEL_OPS = 6 };

struct model_request {
    struct commit_request request;
    struct rng rng;
    int *model; /* -1: absent */
    bool fails;
};

static str model_key(char *place, size_t k)
{
    memcpy(place, PART.p, PART.n);
    place[PART.n] = (char)('0' + k);
    return str_of(place, PART.n + 1);
}

static status model_apply(struct commit_txn *txn, struct commit_request *request)
{
    struct model_request *m = (struct model_request *)request;
    int next[MODEL_KEYS];
    memcpy(next, m->model, sizeof next);
    char key_place[64];
    char end_place[64];
    for (int i = 0; i < MODEL_OPS; i++) {
        size_t k = rng_below(&m->rng, MODEL_KEYS);
        str key = model_key(key_place, k);
        str value = {0};
        bool found = false;
        switch (rng_below(&m->rng, 6)) {
        case 0:
            commit_delete(txn, KV_USER_TABLE, PART.n, key);
            next[k] = -1;
            break;
        case 1: {
            size_t end = k + rng_below(&m->rng, MODEL_KEYS - k + 1);
            commit_delete_range(txn, KV_USER_TABLE, PART.n, key, model_key(end_place, end));
            memset(&next[k], 0xff, (end - k) * sizeof next[0]);
            break;
        }
        case 2:
        case 3:
            EXPECT_STATUS(commit_get(txn, KV_USER_TABLE, key, &value, &found, NULL), OK);
            EXPECT(found == (next[k] >= 0));
            EXPECT(!found || str_eq(value, str_of(&next[k], sizeof next[k])));
            break;
        default:
            next[k] = (int)rng_below(&m->rng, 1 << 20);
            commit_put(txn, KV_USER_TABLE, PART.n, key, str_of(&next[k], sizeof next[k]));
            break;
        }
    }
    if (m->fails) {
        return error_set(&request->error, ERROR_CONSTRAINT, "as told");
    }
    memcpy(m->model, next, sizeof next);
    return STATUS_IS_OK;
}

TEST(commit_of_random_requests_agrees_with_a_model)
{
    struct setup s;
    setup_open(&s);
    int model[MODEL_KEYS];
    memset(model, 0xff, sizeof model);
    struct model_request *requests = mem_alloc_zeroed(MODEL_GROUP * sizeof *requests);
    struct rng rng;
    rng_init(&rng, 7);
    for (int round = 0; round < MODEL_REQUESTS / MODEL_GROUP; round++) {
        struct holder h;
        hold_up(&h, &s);
        for (int i = 0; i < MODEL_GROUP; i++) {
            requests[i] = (struct model_request){.request = {.apply = model_apply},
                                                 .model = model,
                                                 .fails = rng_below(&rng, 3) == 0};
            rng_init(&requests[i].rng, rng_next(&rng));
            commit_submit(s.committer, &requests[i].request);
        }
        open_up(&h, &s);
        for (size_t k = 0; k < MODEL_KEYS; k++) {
            char place[64];
            struct arena arena;
            arena_init(&arena);
            str value = {0};
            bool found = false;
            EXPECT_STATUS(kv_get(s.store, NULL, KV_USER_TABLE, model_key(place, k), KV_MAY_BLOCK,
                                 &arena, &value, &found, NULL),
                          OK);
            EXPECT(found == (model[k] >= 0));
            EXPECT(!found || str_eq(value, str_of(&model[k], sizeof model[k])));
            arena_release(&arena);
        }
    }
    mem_free(requests);
    setup_close(&s);
}

/* -- changes for publish ----------------------------------------------------------------------- */

struct change_job {
    struct commit_request request;
    struct commit_group *kept;
    int *number;
    int deferred;
};

static void note_deferred(void *handle)
{
    (*(int *)handle)++;
}

static status change_apply(struct commit_txn *txn, struct commit_request *request)
{
    struct change_job *j = (struct change_job *)request;
    int *number = ARENA_NEW(commit_arena(txn), int);
    *number = 42;
    arena_defer(commit_arena(txn), note_deferred, &j->deferred);
    commit_set_change(txn, number);
    return STATUS_IS_OK;
}

static void change_publish(struct commit_request *request)
{
    struct change_job *j = (struct change_job *)request;
    j->number = commit_change(request);
    j->kept = commit_group_take(request);
}

TEST(commit_group_take_keeps_the_change_beyond_the_request)
{
    struct setup s;
    setup_open(&s);
    struct change_job j = {.request = {.apply = change_apply, .publish = change_publish}};
    EXPECT_STATUS(commit_submit_wait(s.committer, &j.request), OK);
    struct job other;
    job_init(&other, &s, 0, KEY("a"), STR_LIT("1"));
    EXPECT_STATUS(commit_submit_wait(s.committer, &other.request), OK);
    EXPECT_INT(*j.number, 42);
    EXPECT_INT(j.deferred, 0);
    commit_group_give(j.kept);
    EXPECT_INT(j.deferred, 1);
    setup_close(&s);
}

/* -- async ------------------------------------------------------------------------------------- */

TEST(commit_async_is_answered_before_the_sync_and_published_after_it)
{
    struct setup s;
    setup_open(&s);
    kv_mem_set_sync(s.store, KV_MEM_SYNC_WAITS);
    struct gate ended;
    struct gate published;
    struct gate released;
    gate_init(&ended);
    gate_init(&published);
    gate_init(&released);
    struct job j;
    job_init(&j, &s, 1, KEY("a"), STR_LIT("1"));
    j.request.durability = COMMIT_ASYNC;
    j.ended = &ended;
    j.published = &published;
    j.released = &released;
    uint64_t before = commit_published_seq(s.committer);
    commit_submit(s.committer, &j.request);
    gate_wait(&ended, 1);
    EXPECT_STATUS(j.result, OK);
    expect_stored(&s, KEY("a"), "1");
    EXPECT_INT(gate_value(&published), 0); /* no sync can have happened */
    EXPECT_UINT(commit_published_seq(s.committer), before);
    kv_mem_set_sync(s.store, KV_MEM_SYNC_WORKS);
    gate_wait(&released, 1);
    EXPECT_INT(gate_value(&published), 1);
    EXPECT_STR(str_from(s.events), "d1 p1 r1 ");
    EXPECT_UINT(commit_published_seq(s.committer), j.seq);
    kv_mem_power_cut(s.store);
    expect_stored(&s, KEY("a"), "1");
    gate_release(&ended);
    gate_release(&published);
    gate_release(&released);
    setup_close(&s);
}

TEST(commit_sync_publishes_pending_async_requests_first)
{
    struct setup s;
    setup_open(&s);
    kv_mem_set_sync(s.store, KV_MEM_SYNC_WAITS); /* only the group's own sync can cover job 1 */
    struct gate ended;
    gate_init(&ended);
    struct job jobs[2];
    job_init(&jobs[0], &s, 1, KEY("a"), STR_LIT("1"));
    jobs[0].request.durability = COMMIT_ASYNC;
    jobs[0].ended = &ended;
    commit_submit(s.committer, &jobs[0].request);
    gate_wait(&ended, 1);
    job_init(&jobs[1], &s, 2, KEY("b"), STR_LIT("2"));
    EXPECT_STATUS(commit_submit_wait(s.committer, &jobs[1].request), OK);
    EXPECT_STR(str_from(s.events), "d1 p1 r1 p2 d2 ");
    kv_mem_set_sync(s.store, KV_MEM_SYNC_WORKS);
    gate_release(&ended);
    setup_close(&s);
}

TEST(commit_async_in_a_group_with_a_sync_is_published_with_it)
{
    struct setup s;
    setup_open(&s);
    struct holder h;
    hold_up(&h, &s);
    struct job jobs[2];
    job_init(&jobs[0], &s, 1, KEY("a"), STR_LIT("1"));
    jobs[0].request.durability = COMMIT_ASYNC;
    job_init(&jobs[1], &s, 2, KEY("b"), STR_LIT("2"));
    commit_submit(s.committer, &jobs[0].request);
    commit_submit(s.committer, &jobs[1].request);
    open_up(&h, &s);
    EXPECT_STR(str_from(s.events), "p1 p2 d1 r1 d2 ");
    setup_close(&s);
}

TEST(commit_async_that_fails_is_done_and_released_without_publish)
{
    struct setup s;
    setup_open(&s);
    struct job j;
    job_init(&j, &s, 1, KEY("a"), STR_LIT("1"));
    j.request.durability = COMMIT_ASYNC;
    j.fails_with = STATUS_CONSTRAINT;
    EXPECT_STATUS(commit_submit_wait(s.committer, &j.request), CONSTRAINT);
    EXPECT_STR(str_from(s.events), "d1 r1 ");
    setup_close(&s);
}

TEST(commit_sync_wait_makes_async_commits_durable_and_published)
{
    struct setup s;
    setup_open(&s);
    struct gate published;
    gate_init(&published);
    enum { COUNT = 200 };
    struct job *jobs = mem_alloc(COUNT * sizeof *jobs);
    for (int i = 0; i < COUNT; i++) {
        job_init(&jobs[i], &s, 0, KEY("a"), STR_LIT("x"));
        jobs[i].request.durability = COMMIT_ASYNC;
        jobs[i].published = &published;
        commit_submit(s.committer, &jobs[i].request);
    }
    struct error err;
    EXPECT_OK(commit_sync_wait(s.committer, &err), &err);
    EXPECT_INT(gate_value(&published), COUNT);
    EXPECT_UINT(commit_published_seq(s.committer), jobs[COUNT - 1].seq);
    struct commit_statistics before;
    struct commit_statistics after;
    commit_statistics_get(s.committer, &before);
    EXPECT_OK(commit_sync_wait(s.committer, &err), &err); /* nothing to do: no sync */
    commit_statistics_get(s.committer, &after);
    EXPECT_UINT(after.syncs, before.syncs);
    kv_mem_power_cut(s.store);
    expect_stored(&s, KEY("a"), "x");
    mem_free(jobs);
    gate_release(&published);
    setup_close(&s);
}

/* The sync may be put off, but it comes by itself, for every group, whether somebody watches or
 * not, and also for groups that come while one runs. */
TEST(commit_async_is_published_with_watchers_and_without)
{
    enum { COUNT = 300 };
    struct setup s;
    setup_open(&s);
    struct job *jobs = mem_alloc(COUNT * sizeof *jobs);
    struct gate ended;
    struct gate released;
    gate_init(&ended);
    gate_init(&released);
    for (int i = 0; i < COUNT; i++) {
        atomic_count_set(&s.watchers, (uint64_t)(i / 50 % 2));
        job_init(&jobs[i], &s, 0, KEY("a"), STR_LIT("x"));
        jobs[i].request.durability = COMMIT_ASYNC;
        jobs[i].ended = &ended;
        jobs[i].released = &released;
        commit_submit(s.committer, &jobs[i].request);
        gate_wait(&ended, i + 1);
        if (i % 50 == 49) {
            gate_wait(&released, i + 1);
            EXPECT_UINT(commit_published_seq(s.committer), jobs[i].seq);
        }
    }
    struct commit_statistics seen;
    commit_statistics_get(s.committer, &seen);
    EXPECT_UINT(seen.groups, COUNT);
    EXPECT(seen.syncs < COUNT); /* groups that nobody watched came within one pause */
    kv_mem_power_cut(s.store);
    expect_stored(&s, KEY("a"), "x");
    setup_close(&s);
    mem_free(jobs);
    gate_release(&ended);
    gate_release(&released);
}

/* Starts an async job whose events need no disk. */
static void submit_early(struct setup *s, struct job *j, int number, struct gate *ended,
                         struct gate *released)
{
    job_init(j, s, number, KEY("a"), STR_LIT("1"));
    j->request.durability = COMMIT_ASYNC;
    j->request.may_precede_sync = true;
    j->ended = ended;
    j->released = released;
    commit_submit(s->committer, &j->request);
}

TEST(commit_async_that_may_precede_its_sync_is_published_without_one)
{
    struct setup s;
    setup_open(&s);
    kv_mem_set_sync(s.store, KV_MEM_SYNC_WAITS);
    struct gate released;
    gate_init(&released);
    struct job j;
    submit_early(&s, &j, 1, NULL, &released);
    gate_wait(&released, 1); /* no sync can have happened */
    EXPECT_STR(str_from(s.events), "p1 d1 r1 ");
    EXPECT_UINT(commit_published_seq(s.committer), j.seq);
    kv_mem_set_sync(s.store, KV_MEM_SYNC_WORKS);
    EXPECT_OK(commit_sync_wait(s.committer, NULL), NULL); /* though no request is open */
    kv_mem_power_cut(s.store);
    expect_stored(&s, KEY("a"), "1");
    gate_release(&released);
    setup_close(&s);
}

TEST(commit_async_that_may_precede_its_sync_is_synced_soon_and_at_the_end)
{
    struct setup s;
    setup_open(&s);
    struct gate released;
    gate_init(&released);
    struct job jobs[2];
    struct commit_statistics seen = {0};
    submit_early(&s, &jobs[0], 1, NULL, &released);
    while (seen.syncs == 0) { /* by itself; the deadline is the test's */
        commit_statistics_get(s.committer, &seen);
    }
    kv_mem_power_cut(s.store);
    expect_stored(&s, KEY("a"), "1");
    submit_early(&s, &jobs[1], 2, NULL, &released);
    committer_destroy(s.committer);
    s.committer = NULL;
    kv_mem_power_cut(s.store);
    expect_stored(&s, KEY("a"), "1");
    EXPECT_STR(str_from(s.events), "p1 d1 r1 p2 d2 r2 ");
    gate_release(&released);
    setup_close(&s);
}

TEST(commit_async_that_may_precede_its_sync_stays_behind_what_waits_for_one)
{
    struct setup s;
    setup_open(&s);
    kv_mem_set_sync(s.store, KV_MEM_SYNC_WAITS);
    struct gate ended;
    struct gate released;
    gate_init(&ended);
    gate_init(&released);
    struct job jobs[2];
    job_init(&jobs[0], &s, 1, KEY("b"), STR_LIT("1"));
    jobs[0].request.durability = COMMIT_ASYNC;
    jobs[0].ended = &ended;
    commit_submit(s.committer, &jobs[0].request);
    gate_wait(&ended, 1);
    submit_early(&s, &jobs[1], 2, &ended, &released);
    gate_wait(&ended, 2);
    EXPECT_STR(str_from(s.events), "d1 d2 ");
    kv_mem_set_sync(s.store, KV_MEM_SYNC_WORKS);
    gate_wait(&released, 1);
    EXPECT_STR(str_from(s.events), "d1 d2 p1 r1 p2 r2 ");
    gate_release(&ended);
    gate_release(&released);
    setup_close(&s);
}

/* Whatever was published survives a power cut at any moment: async requests stream in, syncs stop
 * working, the store fails, the power goes, and the store is asked for everything that was
 * published. */
TEST(commit_async_published_is_never_lost)
{
    enum { ROUNDS = 20, COUNT = 300 };
    struct job *jobs = mem_alloc(COUNT * sizeof *jobs);
    int lost_unpublished = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct setup s;
        setup_open(&s);
        enum kv_mem_fault script[64] = {KV_MEM_OK};
        script[20 + round] = KV_MEM_IO;
        kv_mem_script(s.store, script, 64);
        struct gate published[COUNT];
        struct gate ended;
        gate_init(&ended);
        char keys[COUNT][32];
        for (int i = 0; i < COUNT; i++) {
            memcpy(keys[i], PART.p, PART.n);
            int n = snprintf(keys[i] + PART.n, sizeof keys[i] - PART.n, "%d", i);
            gate_init(&published[i]);
            job_init(&jobs[i], &s, 0, str_of(keys[i], PART.n + (size_t)n), STR_LIT("x"));
            jobs[i].request.durability = COMMIT_ASYNC;
            jobs[i].published = &published[i];
            jobs[i].ended = &ended;
            commit_submit(s.committer, &jobs[i].request);
            gate_wait(&ended, i + 1); /* one request in each group */
            if (i == 10 + round) {
                kv_mem_set_sync(s.store, KV_MEM_SYNC_WAITS);
            }
        }
        kv_mem_set_sync(s.store, KV_MEM_SYNC_FAILS); /* a sync that still waits ends */
        committer_destroy(s.committer);
        s.committer = NULL;
        EXPECT_INT(gate_value(&s.failures), 1);
        kv_mem_power_cut(s.store);
        for (int i = 0; i < COUNT; i++) {
            struct arena arena;
            arena_init(&arena);
            str value;
            bool found = false;
            EXPECT_STATUS(kv_get(s.store, NULL, KV_USER_TABLE, jobs[i].key, KV_MAY_BLOCK, &arena,
                                 &value, &found, NULL),
                          OK);
            EXPECT(found || gate_value(&published[i]) == 0);
            lost_unpublished += !found && status_ok(jobs[i].result) ? 1 : 0;
            arena_release(&arena);
            gate_release(&published[i]);
        }
        gate_release(&ended);
        setup_close(&s);
    }
    EXPECT(lost_unpublished > 0); /* there was something to lose */
    mem_free(jobs);
}

/* -- many threads ------------------------------------------------------------------------------ */

enum { THREADS = 8, REQUESTS = 5000 };

struct counter_job {
    struct commit_request request;
    struct stream *stream;
    int number;
};

struct stream { /* of one thread */
    struct setup *setup;
    int published; /* the number that must come next; the committer's */
    bool in_order;
};

/* Adds one to a counter that all share: a lost or doubled request shows in the sum. */
static status counter_apply(struct commit_txn *txn, struct commit_request *request)
{
    (void)request;
    str value = {0};
    bool found = false;
    EXPECT_STATUS(commit_get(txn, KV_USER_TABLE, KEY("count"), &value, &found, NULL), OK);
    uint64_t count = found ? bytes_get_u64le(value.p) : 0;
    char bytes[8];
    bytes_put_u64le(bytes, count + 1);
    (void)commit_next_seq(txn);
    commit_put(txn, KV_USER_TABLE, PART.n, KEY("count"), str_of(bytes, sizeof bytes));
    return STATUS_IS_OK;
}

static void counter_publish(struct commit_request *request)
{
    struct counter_job *j = (struct counter_job *)request;
    j->stream->in_order = j->stream->in_order && j->stream->published == j->number;
    j->stream->published++;
}

static void *submit_counters(void *argument)
{
    struct stream *stream = argument;
    struct counter_job *jobs = mem_alloc_zeroed(REQUESTS * sizeof *jobs);
    for (int i = 0; i < REQUESTS; i++) {
        jobs[i] =
            (struct counter_job){.request = {.apply = counter_apply,
                                             .publish = counter_publish,
                                             .durability = i % 3 == 0 ? COMMIT_SYNC : COMMIT_ASYNC},
                                 .stream = stream,
                                 .number = i};
        if (i % 100 == 99) {
            EXPECT_STATUS(commit_submit_wait(stream->setup->committer, &jobs[i].request), OK);
        } else {
            commit_submit(stream->setup->committer, &jobs[i].request);
        }
    }
    EXPECT_STATUS(commit_sync_wait(stream->setup->committer, NULL), OK);
    mem_free(jobs);
    return NULL;
}

TEST(commit_of_eight_threads_loses_nothing_and_keeps_the_order_of_each)
{
    struct setup s;
    setup_open(&s);
    struct stream streams[THREADS];
    struct thread threads[THREADS] = {0};
    for (int i = 0; i < THREADS; i++) {
        streams[i] = (struct stream){.setup = &s, .in_order = true};
        thread_start(&threads[i], "submitter", 0, submit_counters, &streams[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        thread_join(&threads[i]);
        EXPECT(streams[i].in_order);
        EXPECT_INT(streams[i].published, REQUESTS);
    }
    kv_mem_power_cut(s.store);
    char bytes[9] = {0};
    bytes_put_u64le(bytes, (uint64_t)THREADS * REQUESTS);
    struct arena arena;
    arena_init(&arena);
    str value = {0};
    bool found = false;
    EXPECT_STATUS(kv_get(s.store, NULL, KV_USER_TABLE, KEY("count"), KV_MAY_BLOCK, &arena, &value,
                         &found, NULL),
                  OK);
    EXPECT_STR_EQ(value, str_of(bytes, 8));
    arena_release(&arena);
    struct commit_statistics statistics;
    commit_statistics_get(s.committer, &statistics);
    EXPECT(statistics.groups <= statistics.requests);
    EXPECT(statistics.requests >= (uint64_t)THREADS * REQUESTS);
    setup_close(&s);
}

TEST(committer_destroy_commits_what_is_queued)
{
    struct setup s;
    setup_open(&s);
    struct gate hold;
    struct gate entered;
    gate_init(&hold);
    gate_init(&entered);
    struct job first;
    job_init(&first, &s, 0, (str){0}, (str){0});
    first.hold = &hold;
    first.entered = &entered;
    commit_submit(s.committer, &first.request);
    gate_wait(&entered, 1);
    struct job jobs[20];
    for (int i = 0; i < 20; i++) {
        job_init(&jobs[i], &s, 0, KEY("a"), STR_LIT("x"));
        jobs[i].request.durability = i % 2 == 0 ? COMMIT_SYNC : COMMIT_ASYNC;
        commit_submit(s.committer, &jobs[i].request);
    }
    struct gate released;
    gate_init(&released);
    struct job last;
    job_init(&last, &s, 1, KEY("b"), STR_LIT("y"));
    last.request.durability = COMMIT_ASYNC;
    last.released = &released;
    commit_submit(s.committer, &last.request);
    gate_add(&hold);
    committer_destroy(s.committer);
    s.committer = NULL;
    for (int i = 0; i < 20; i++) {
        EXPECT_STATUS(jobs[i].result, OK);
    }
    EXPECT_INT(gate_value(&released), 1);
    EXPECT(str_find(str_from(s.events), STR_LIT("p1 ")) >= 0);
    kv_mem_power_cut(s.store);
    expect_stored(&s, KEY("b"), "y");
    gate_release(&hold);
    gate_release(&entered);
    gate_release(&released);
    setup_close(&s);
}

/* -- failures ---------------------------------------------------------------------------------- */

static void expect_fail_stop(enum kv_mem_fault fault)
{
    struct setup s;
    setup_open(&s);
    struct job before;
    job_init(&before, &s, 1, KEY("a"), STR_LIT("1"));
    EXPECT_STATUS(commit_submit_wait(s.committer, &before.request), OK);
    kv_mem_script(s.store, &fault, 1);
    struct job j;
    job_init(&j, &s, 2, KEY("a"), STR_LIT("2"));
    EXPECT_STATUS(commit_submit_wait(s.committer, &j.request), UNKNOWN_OUTCOME);
    EXPECT_INT(gate_value(&s.failures), 1);
    EXPECT(s.failure.text[0] != '\0');
    struct job after;
    job_init(&after, &s, 3, KEY("a"), STR_LIT("3"));
    EXPECT_STATUS(commit_submit_wait(s.committer, &after.request), UNAVAILABLE);
    EXPECT_STATUS(commit_sync_wait(s.committer, NULL), UNAVAILABLE);
    EXPECT_STR(str_from(s.events), "p1 d1 d2 d3 ");
    expect_stored(&s, KEY("a"), "1");
    EXPECT_INT(gate_value(&s.failures), 1);
    setup_close(&s);
}

TEST(commit_after_an_io_error_stops_for_good)
{
    expect_fail_stop(KV_MEM_IO);
}

TEST(commit_after_a_conflict_with_another_writer_stops_for_good)
{
    expect_fail_stop(KV_MEM_CONFLICT);
}

static void ignore_outcome(void *context, status result, const struct kv_head *heads)
{
    (void)heads;
    *(status *)context = result;
}

TEST(commit_detects_a_second_writer)
{
    struct setup s;
    setup_open(&s);
    struct job j;
    job_init(&j, &s, 1, KEY("a"), STR_LIT("1"));
    EXPECT_STATUS(commit_submit_wait(s.committer, &j.request), OK);
    struct kv_txn foreign = {.partition = PART, .expect_generation = KV_ANY_GENERATION};
    random_bytes(foreign.id, sizeof foreign.id);
    status outcome;
    kv_commit(s.store, &foreign, 1, true, ignore_outcome, &outcome);
    EXPECT_STATUS(outcome, OK);
    job_init(&j, &s, 2, KEY("a"), STR_LIT("2"));
    EXPECT_STATUS(commit_submit_wait(s.committer, &j.request), UNKNOWN_OUTCOME);
    EXPECT_INT(gate_value(&s.failures), 1);
    expect_stored(&s, KEY("a"), "1");
    setup_close(&s);
}

TEST(commit_on_a_full_disk_is_refused_and_the_next_one_works)
{
    struct setup s;
    setup_open(&s);
    enum kv_mem_fault full = KV_MEM_STORAGE_FULL;
    kv_mem_script(s.store, &full, 1);
    struct job j;
    job_init(&j, &s, 1, KEY("a"), STR_LIT("1"));
    EXPECT_STATUS(commit_submit_wait(s.committer, &j.request), STORAGE_FULL);
    EXPECT(j.request.error.id == ERROR_STORAGE_FULL);
    job_init(&j, &s, 2, KEY("a"), STR_LIT("2"));
    EXPECT_STATUS(commit_submit_wait(s.committer, &j.request), OK);
    EXPECT_STR(str_from(s.events), "d1 p2 d2 ");
    EXPECT_INT(gate_value(&s.failures), 0);
    setup_close(&s);
}

TEST(commit_on_a_full_disk_keeps_the_reason_of_requests_that_failed_before)
{
    struct setup s;
    setup_open(&s);
    struct holder h;
    hold_up(&h, &s);
    enum kv_mem_fault full = KV_MEM_STORAGE_FULL;
    kv_mem_script(s.store, &full, 1);
    struct job jobs[2];
    job_init(&jobs[0], &s, 1, KEY("a"), STR_LIT("1"));
    job_init(&jobs[1], &s, 2, KEY("a"), STR_LIT("2"));
    jobs[1].fails_with = STATUS_CONSTRAINT;
    commit_submit(s.committer, &jobs[0].request);
    commit_submit(s.committer, &jobs[1].request);
    open_up(&h, &s);
    EXPECT_STATUS(jobs[0].result, STORAGE_FULL);
    EXPECT_STATUS(jobs[1].result, CONSTRAINT);
    setup_close(&s);
}

TEST(commit_on_a_full_disk_takes_what_may_use_the_reserve_and_refuses_its_neighbours)
{
    struct setup s;
    setup_open(&s);
    struct holder h;
    hold_up(&h, &s);
    struct job jobs[3];
    job_init(&jobs[0], &s, 1, KEY("a"), STR_LIT("1"));
    job_init(&jobs[1], &s, 2, KEY("b"), STR_LIT("2"));
    job_init(&jobs[2], &s, 3, KEY("c"), STR_LIT("3"));
    jobs[1].request.may_use_reserve = true;
    for (int i = 0; i < 3; i++) {
        commit_submit(s.committer, &jobs[i].request);
    }
    kv_mem_set_full(s.store, true);
    open_up(&h, &s);
    EXPECT_STATUS(jobs[0].result, STORAGE_FULL);
    EXPECT_STATUS(jobs[1].result, OK);
    EXPECT_STATUS(jobs[2].result, STORAGE_FULL);
    expect_stored(&s, KEY("a"), NULL);
    expect_stored(&s, KEY("b"), "2");
    expect_stored(&s, KEY("c"), NULL);
    kv_mem_set_full(s.store, false);
    EXPECT_STATUS(commit_submit_wait(s.committer, &jobs[0].request), OK);
    EXPECT_INT(gate_value(&s.failures), 0);
    setup_close(&s);
}

TEST(commit_with_unknown_outcome_asks_and_never_writes_twice)
{
    struct setup s;
    setup_open(&s);
    struct job j;
    job_init(&j, &s, 0, KEY("a"), STR_LIT("0"));
    EXPECT_STATUS(commit_submit_wait(s.committer, &j.request), OK);
    static const enum kv_mem_fault script[] = {KV_MEM_UNKNOWN_APPLIED, KV_MEM_UNKNOWN_NOT_APPLIED,
                                               KV_MEM_UNKNOWN_NOT_APPLIED, KV_MEM_OK};
    kv_mem_script(s.store, script, 4);
    job_init(&j, &s, 1, KEY("a"), STR_LIT("1"));
    EXPECT_STATUS(commit_submit_wait(s.committer, &j.request), OK);
    job_init(&j, &s, 2, KEY("a"), STR_LIT("2"));
    EXPECT_STATUS(commit_submit_wait(s.committer, &j.request), OK);
    job_init(&j, &s, 3, KEY("a"), STR_LIT("3"));
    EXPECT_STATUS(commit_submit_wait(s.committer, &j.request), OK);
    struct kv_head head;
    EXPECT_STATUS(kv_head_get(s.store, PART, &head, NULL), OK);
    EXPECT_UINT(head.generation, 4);
    EXPECT_STR(str_from(s.events), "p1 d1 p2 d2 p3 d3 ");
    setup_close(&s);
}

TEST(commit_with_unknown_outcome_that_was_applied_is_synced_before_the_answer)
{
    struct setup s;
    setup_open(&s);
    enum kv_mem_fault applied = KV_MEM_UNKNOWN_APPLIED;
    kv_mem_script(s.store, &applied, 1);
    kv_mem_set_sync(s.store, KV_MEM_SYNC_FAILS);
    struct job j;
    job_init(&j, &s, 1, KEY("a"), STR_LIT("1"));
    EXPECT_STATUS(commit_submit_wait(s.committer, &j.request), UNKNOWN_OUTCOME);
    EXPECT_INT(gate_value(&s.failures), 1);
    setup_close(&s);
}

TEST(commit_stops_when_the_outcome_stays_unknown)
{
    struct setup s;
    setup_open(&s);
    static const enum kv_mem_fault script[] = {
        KV_MEM_UNKNOWN_NOT_APPLIED, KV_MEM_UNKNOWN_NOT_APPLIED, KV_MEM_UNKNOWN_NOT_APPLIED,
        KV_MEM_UNKNOWN_NOT_APPLIED, KV_MEM_UNKNOWN_NOT_APPLIED};
    kv_mem_script(s.store, script, 5);
    struct job j;
    job_init(&j, &s, 1, KEY("a"), STR_LIT("1"));
    EXPECT_STATUS(commit_submit_wait(s.committer, &j.request), UNKNOWN_OUTCOME);
    EXPECT_INT(gate_value(&s.failures), 1);
    setup_close(&s);
}

TEST(commit_after_a_failed_sync_stops_and_publishes_nothing)
{
    struct setup s;
    setup_open(&s);
    kv_mem_set_sync(s.store, KV_MEM_SYNC_FAILS);
    struct gate released;
    gate_init(&released);
    struct job j;
    job_init(&j, &s, 1, KEY("a"), STR_LIT("1"));
    j.request.durability = COMMIT_ASYNC;
    j.released = &released;
    commit_submit(s.committer, &j.request);
    gate_wait(&s.failures, 1);
    gate_wait(&released, 1);
    EXPECT_STR(str_from(s.events), "d1 r1 ");
    struct job after;
    job_init(&after, &s, 2, KEY("b"), STR_LIT("2"));
    EXPECT_STATUS(commit_submit_wait(s.committer, &after.request), UNAVAILABLE);
    gate_release(&released);
    setup_close(&s);
}

/* Without a fail_stop the process ends itself with 71, the code that tells a supervisor. */
TEST(commit_after_an_io_error_ends_the_process_when_nobody_takes_it)
{
    pid_t child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
        struct kv_store *store = kv_mem_open();
        struct snowflake seq;
        snowflake_init(&seq, clock_system(), 1, 0);
        struct committer_options options = {.store = store, .clock = clock_system(), .seq = &seq};
        struct committer *committer = committer_create(&options);
        enum kv_mem_fault io = KV_MEM_IO;
        kv_mem_script(store, &io, 1);
        struct script script = {.request = {.apply = script_apply}, .run = write_abc};
        _exit(status_ok(commit_submit_wait(committer, &script.request)) ? 1 : 2);
    }
    int how = 0;
    EXPECT(waitpid(child, &how, 0) == child);
    EXPECT(WIFEXITED(how));
    EXPECT_INT(WEXITSTATUS(how), 71);
}

TEST(commit_passes_its_fault_points)
{
    struct setup s;
    setup_open(&s);
    fault_clear();
    struct job j;
    job_init(&j, &s, 1, KEY("a"), STR_LIT("1"));
    EXPECT_STATUS(commit_submit_wait(s.committer, &j.request), OK);
    EXPECT_UINT(fault_hits("commit.before_write"), 1);
    EXPECT_UINT(fault_hits("kv.write"), 1);
    EXPECT_UINT(fault_hits("commit.after_write"), 1);
    EXPECT_UINT(fault_hits("commit.before_publish"), 1);
    setup_close(&s);
}

/* -- the lease --------------------------------------------------------------------------------- */

/* A server's life: opens the lease, takes `count` ids in requests of their own. Returns the last.
 */
static uint64_t live(struct setup *s, int count, uint64_t above)
{
    struct kv_lease lease;
    struct error err;
    snowflake_init(&s->seq, &s->clock.clock, 1, 0);
    EXPECT_OK(kv_lease_open(s->store, &s->seq, &lease, &err), &err);
    start(s, &lease);
    EXPECT(commit_published_seq(s->committer) >= above);
    uint64_t last = above;
    for (int i = 0; i < count; i++) {
        struct job j;
        job_init(&j, s, 0, KEY("a"), STR_LIT("x"));
        EXPECT_STATUS(commit_submit_wait(s->committer, &j.request), OK);
        EXPECT(j.seq > last);
        last = j.seq;
    }
    committer_destroy(s->committer);
    s->committer = NULL;
    return last;
}

static void lease_setup(struct setup *s)
{
    setup_open(s);
    committer_destroy(s->committer);
    s->committer = NULL;
}

TEST(kv_lease_keeps_ids_rising_over_restarts_with_a_clock_that_jumps_back)
{
    struct setup s;
    lease_setup(&s);
    uint64_t last = live(&s, 10, 0);
    for (int i = 0; i < 5; i++) {
        fake_clock_advance(&s.clock, -3600LL * 1000000);
        last = live(&s, 10, last);
    }
    fake_clock_advance(&s.clock, 10 * 3600LL * 1000000);
    last = live(&s, 10, last);
    EXPECT(snowflake_wall_ms(last) == clock_wall_us(&s.clock.clock) / 1000); /* the clock again */
    setup_close(&s);
}

TEST(kv_lease_covers_ids_of_a_life_that_ended_in_a_power_cut)
{
    struct setup s;
    lease_setup(&s);
    struct kv_lease lease;
    struct error err;
    EXPECT_OK(kv_lease_open(s.store, &s.seq, &lease, &err), &err);
    start(&s, &lease);
    uint64_t last = 0;
    for (int i = 0; i < 40; i++) { /* 12 s of life, ids taken outside of requests too */
        fake_clock_advance(&s.clock, 300000);
        struct job j;
        job_init(&j, &s, 0, KEY("a"), STR_LIT("x"));
        last = snowflake_next(&s.seq);
        EXPECT_STATUS(commit_submit_wait(s.committer, &j.request), OK);
        last = j.seq;
    }
    struct commit_statistics statistics;
    commit_statistics_get(s.committer, &statistics);
    EXPECT_UINT(statistics.groups, 40); /* the lease travels in them */
    /* The last seconds are lost with the power: what was written but the lease is taken away by a
     * fail-stop before the clean end. */
    enum kv_mem_fault io = KV_MEM_IO;
    kv_mem_script(s.store, &io, 1);
    struct job j;
    job_init(&j, &s, 0, KEY("a"), STR_LIT("y"));
    EXPECT_STATUS(commit_submit_wait(s.committer, &j.request), UNKNOWN_OUTCOME);
    uint64_t lost = j.seq;
    struct kv_head head;
    struct kv_head head_after;
    str partition = str_slice(kv_lease_key(), 0, kv_lease_partition_bytes());
    EXPECT_STATUS(kv_head_get(s.store, partition, &head, NULL), OK);
    committer_destroy(s.committer);
    s.committer = NULL;
    EXPECT_STATUS(kv_head_get(s.store, partition, &head_after, NULL), OK);
    EXPECT_UINT(head_after.generation, head.generation); /* nothing is written after a failure */
    kv_mem_power_cut(s.store);
    fake_clock_advance(&s.clock, -3600LL * 1000000);
    uint64_t next = live(&s, 1, lost);
    EXPECT(next > last);
    setup_close(&s);
}

TEST(kv_lease_is_synced_though_it_travels_in_an_async_group)
{
    struct setup s;
    lease_setup(&s);
    kv_mem_set_sync(s.store, KV_MEM_SYNC_WAITS); /* nothing else syncs */
    struct kv_lease lease;
    EXPECT_STATUS(kv_lease_open(s.store, &s.seq, &lease, NULL), OK);
    start(&s, &lease);
    struct job j;
    job_init(&j, &s, 1, KEY("a"), STR_LIT("x"));
    j.request.durability = COMMIT_ASYNC;
    EXPECT_STATUS(commit_submit_wait(s.committer, &j.request), OK);
    EXPECT_STR(str_from(s.events), "p1 d1 r1 ");
    kv_mem_power_cut(s.store);
    struct kv_lease durable;
    EXPECT_STATUS(kv_lease_open(s.store, &s.seq, &durable, NULL), OK);
    EXPECT_UINT(durable.until, kv_lease_ahead(j.seq));
    kv_mem_set_sync(s.store, KV_MEM_SYNC_WORKS);
    setup_close(&s);
}

/* With a clock that moves on, a group in two hundred or so carries the lease: 5 s of 25 ms each. */
TEST(kv_lease_is_renewed_once_in_five_seconds)
{
    struct setup s;
    lease_setup(&s);
    struct kv_lease lease;
    EXPECT_STATUS(kv_lease_open(s.store, &s.seq, &lease, NULL), OK);
    EXPECT_UINT(lease.until, 0);
    start(&s, &lease);
    uint64_t renewals = 0;
    uint64_t before = 0;
    for (int i = 0; i < 1000; i++) {
        fake_clock_advance(&s.clock, 25000);
        struct job j;
        job_init(&j, &s, 0, KEY("a"), STR_LIT("x"));
        EXPECT_STATUS(commit_submit_wait(s.committer, &j.request), OK);
        struct kv_head head;
        EXPECT_STATUS(kv_head_get(s.store, str_slice(kv_lease_key(), 0, kv_lease_partition_bytes()),
                                  &head, NULL),
                      OK);
        renewals += head.generation != before ? 1 : 0;
        before = head.generation;
    }
    EXPECT_UINT(renewals, 5);
    setup_close(&s);
}

TEST(kv_lease_open_of_a_damaged_record_is_corrupt)
{
    struct setup s;
    lease_setup(&s);
    str partition = str_slice(kv_lease_key(), 0, kv_lease_partition_bytes());
    struct kv_mutation m = {KV_PUT, KV_SYSTEM, kv_lease_key(), STR_LIT("\1short")};
    struct kv_txn txn = {.partition = partition,
                         .expect_generation = KV_ANY_GENERATION,
                         .mutations = &m,
                         .mutation_count = 1};
    status outcome;
    kv_commit(s.store, &txn, 1, true, ignore_outcome, &outcome);
    EXPECT_STATUS(outcome, OK);
    struct kv_lease lease;
    EXPECT_STATUS(kv_lease_open(s.store, &s.seq, &lease, NULL), CORRUPT);
    setup_close(&s);
}
