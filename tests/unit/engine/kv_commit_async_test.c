/* tests/unit/engine/kv_commit_async_test.c -- Goal: when a request that does not wait for the disk
 * is answered, published and on disk. Method: commit_scene.h; syncs that wait until the test lets
 * them. */
#include "base/mem.h"
#include "test.h"
#include "unit/engine/commit_scene.h"

TEST(commit_async_is_answered_before_the_sync_and_published_after_it)
{
    struct scene s;
    scene_open(&s);
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
    scene_close(&s);
}

TEST(commit_sync_publishes_pending_async_requests_first)
{
    struct scene s;
    scene_open(&s);
    kv_mem_set_sync(s.store, KV_MEM_SYNC_WAITS); /* only the group's own sync can cover job 1 */
    struct gate ended;
    gate_init(&ended);
    struct job jobs[2];
    job_init(&jobs[0], &s, 1, KEY("a"), STR_LIT("1"));
    jobs[0].request.durability = COMMIT_ASYNC;
    jobs[0].ended = &ended;
    commit_submit(s.committer, &jobs[0].request);
    gate_wait(&ended, 1);
    EXPECT_STATUS(job_run(&jobs[1], &s, 2, KEY("b"), STR_LIT("2")), OK);
    EXPECT_STR(str_from(s.events), "d1 p1 r1 p2 d2 ");
    kv_mem_set_sync(s.store, KV_MEM_SYNC_WORKS);
    gate_release(&ended);
    scene_close(&s);
}

TEST(commit_async_in_a_group_with_a_sync_is_published_with_it)
{
    struct scene s;
    scene_open(&s);
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
    scene_close(&s);
}

TEST(commit_async_that_fails_is_done_and_released_without_publish)
{
    struct scene s;
    scene_open(&s);
    struct job j;
    job_init(&j, &s, 1, KEY("a"), STR_LIT("1"));
    j.request.durability = COMMIT_ASYNC;
    j.fails_with = STATUS_CONSTRAINT;
    EXPECT_STATUS(commit_submit_wait(s.committer, &j.request), CONSTRAINT);
    EXPECT_STR(str_from(s.events), "d1 r1 ");
    scene_close(&s);
}

TEST(commit_sync_wait_makes_async_commits_durable_and_published)
{
    struct scene s;
    scene_open(&s);
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
    scene_close(&s);
}

/* The sync may be put off, but it comes by itself, for every group, whether somebody watches or
 * not, and also for groups that come while one runs. */
TEST(commit_async_is_published_with_watchers_and_without)
{
    enum { COUNT = 300 };
    struct scene s;
    scene_open(&s);
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
    scene_close(&s);
    mem_free(jobs);
    gate_release(&ended);
    gate_release(&released);
}

/* Starts an async job whose events need no disk. */
static void submit_early(struct scene *s, struct job *j, int number, struct gate *ended,
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
    struct scene s;
    scene_open(&s);
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
    scene_close(&s);
}

TEST(commit_async_that_may_precede_its_sync_is_synced_soon_and_at_the_end)
{
    struct scene s;
    scene_open(&s);
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
    scene_stop(&s);
    kv_mem_power_cut(s.store);
    expect_stored(&s, KEY("a"), "1");
    EXPECT_STR(str_from(s.events), "p1 d1 r1 p2 d2 r2 ");
    gate_release(&released);
    scene_close(&s);
}

TEST(commit_async_that_may_precede_its_sync_stays_behind_what_waits_for_one)
{
    struct scene s;
    scene_open(&s);
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
    scene_close(&s);
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
        struct scene s;
        scene_open(&s);
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
        scene_close(&s);
    }
    EXPECT(lost_unpublished > 0); /* there was something to lose */
    mem_free(jobs);
}
