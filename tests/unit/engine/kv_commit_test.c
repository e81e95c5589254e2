/* tests/unit/engine/kv_commit_test.c -- Goal: what the committer promises about order, groups,
 * failed requests, many threads and the end; asynchronous requests and failures of the store have
 * files of their own. Method: commit_scene.h. */
#include "base/hash.h"
#include "base/mem.h"
#include "model/limits.h"
#include "test.h"
#include "unit/engine/commit_scene.h"

/* -- one request ------------------------------------------------------------------------------- */

TEST(commit_submit_wait_returns_when_the_write_is_durable_and_published)
{
    struct scene s;
    scene_open(&s);
    struct job j;
    EXPECT_STATUS(job_run(&j, &s, 1, KEY("a"), STR_LIT("1")), OK);
    EXPECT_STR(str_from(s.events), "p1 d1 ");
    EXPECT_UINT(commit_published_seq(s.committer), j.seq);
    EXPECT_UINT(j.last_seq, j.seq);
    kv_mem_power_cut(s.store);
    expect_stored(&s, KEY("a"), "1");
    struct kv_head head;
    EXPECT_STATUS(kv_head_get(s.store, PART, &head, NULL), OK);
    EXPECT_UINT(head.seq, j.seq);
    EXPECT_UINT(head.generation, 1);
    scene_close(&s);
}

TEST(commit_of_a_failed_request_writes_nothing_and_tells_why)
{
    struct scene s;
    scene_open(&s);
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
    scene_close(&s);
}

TEST(commit_now_us_never_goes_back)
{
    struct scene s;
    scene_open(&s);
    struct job before;
    struct job after;
    EXPECT_STATUS(job_run(&before, &s, 1, KEY("a"), STR_LIT("1")), OK);
    EXPECT_INT(before.now_us, SCENE_WALL_US);
    fake_clock_advance(&s.clock, -3600LL * 1000000);
    EXPECT_STATUS(job_run(&after, &s, 2, KEY("a"), STR_LIT("2")), OK);
    EXPECT_INT(after.now_us, before.now_us);
    EXPECT(after.seq > before.seq);
    scene_close(&s);
}

/* -- groups ------------------------------------------------------------------------------------ */

TEST(commit_of_waiting_requests_is_one_group_in_their_order)
{
    struct scene s;
    scene_open(&s);
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
    scene_close(&s);
}

TEST(commit_of_a_failed_request_in_a_group_leaves_its_neighbours)
{
    struct scene s;
    scene_open(&s);
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
    scene_close(&s);
}

TEST(commit_of_rivals_in_one_group_has_one_winner)
{
    struct scene s;
    scene_open(&s);
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
    scene_close(&s);
}

TEST(commit_takes_no_more_than_the_limits_of_a_group)
{
    struct scene s;
    scene_open(&s);
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
    scene_close(&s);
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

static void run_scripts(struct scene *s, void (*const *runs)(struct commit_txn *), size_t count,
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
    struct scene s;
    scene_open(&s);
    void (*const first[])(struct commit_txn *) = {write_abc};
    run_scripts(&s, first, 1, 9); /* these are in the store when the range goes */
    void (*const second[])(struct commit_txn *) = {remove_a_to_c, see_b2_c1};
    run_scripts(&s, second, 2, 9);
    expect_stored(&s, KEY("a"), NULL);
    expect_stored(&s, KEY("b"), "2");
    expect_stored(&s, KEY("c"), "1");
    scene_close(&s);
}

TEST(commit_get_sees_range_deletes_over_puts_of_the_same_group)
{
    struct scene s;
    scene_open(&s);
    void (*const all[])(struct commit_txn *) = {write_abc, remove_a_to_c, see_b2_c1};
    run_scripts(&s, all, 3, 9);
    expect_stored(&s, KEY("a"), NULL);
    expect_stored(&s, KEY("b"), "2");
    expect_stored(&s, KEY("c"), "1");
    scene_close(&s);
}

TEST(commit_without_a_seq_leaves_the_seq_of_the_head)
{
    struct scene s;
    scene_open(&s);
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
    scene_close(&s);
}

TEST(commit_of_a_failed_request_takes_its_range_delete_back)
{
    struct scene s;
    scene_open(&s);
    void (*const all[])(struct commit_txn *) = {write_abc, remove_a_to_c, see_all_1};
    run_scripts(&s, all, 3, 1);
    expect_stored(&s, KEY("a"), "1");
    expect_stored(&s, KEY("b"), "1");
    expect_stored(&s, KEY("c"), "1");
    scene_close(&s);
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
    struct scene s;
    scene_open(&s);
    void (*const all[])(struct commit_txn *) = {use_families_and_partitions};
    run_scripts(&s, all, 1, 9);
    expect_stored(&s, KEY("a"), "user");
    expect_stored(&s, KEY("b"), "");
    expect_stored(&s, KEY_BOB("a"), "bob");
    struct kv_head head;
    EXPECT_STATUS(kv_head_get(s.store, PART_BOB, &head, NULL), OK);
    EXPECT_UINT(head.generation, 1);
    scene_close(&s);
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
    struct scene s;
    scene_open(&s);
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
    scene_close(&s);
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
    struct scene s;
    scene_open(&s);
    struct change_job j = {.request = {.apply = change_apply, .publish = change_publish}};
    EXPECT_STATUS(commit_submit_wait(s.committer, &j.request), OK);
    struct job other;
    EXPECT_STATUS(job_run(&other, &s, 0, KEY("a"), STR_LIT("1")), OK);
    EXPECT_INT(*j.number, 42);
    EXPECT_INT(j.deferred, 0);
    commit_group_give(j.kept);
    EXPECT_INT(j.deferred, 1);
    scene_close(&s);
}

/* -- many threads ------------------------------------------------------------------------------ */

enum { THREADS = 8, REQUESTS = 5000 };

struct counter_job {
    struct commit_request request;
    struct stream *stream;
    int number;
};

struct stream { /* of one thread */
    struct scene *scene;
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
            EXPECT_STATUS(commit_submit_wait(stream->scene->committer, &jobs[i].request), OK);
        } else {
            commit_submit(stream->scene->committer, &jobs[i].request);
        }
    }
    EXPECT_STATUS(commit_sync_wait(stream->scene->committer, NULL), OK);
    mem_free(jobs);
    return NULL;
}

TEST(commit_of_eight_threads_loses_nothing_and_keeps_the_order_of_each)
{
    struct scene s;
    scene_open(&s);
    struct stream streams[THREADS];
    struct thread threads[THREADS] = {0};
    for (int i = 0; i < THREADS; i++) {
        streams[i] = (struct stream){.scene = &s, .in_order = true};
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
    scene_close(&s);
}

TEST(committer_destroy_commits_what_is_queued)
{
    struct scene s;
    scene_open(&s);
    struct holder h;
    hold_up(&h, &s);
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
    gate_add(&h.hold);
    scene_stop(&s);
    for (int i = 0; i < 20; i++) {
        EXPECT_STATUS(jobs[i].result, OK);
    }
    EXPECT_INT(gate_value(&released), 1);
    EXPECT(str_find(str_from(s.events), STR_LIT("p1 ")) >= 0);
    kv_mem_power_cut(s.store);
    expect_stored(&s, KEY("b"), "y");
    holder_release(&h);
    gate_release(&released);
    scene_close(&s);
}
