/* tests/unit/engine/kv_commit_fault_test.c -- Goal: what the committer does when the store fails,
 * is full, or does not say how a write ended. Method: commit_scene.h; the faults of the store in
 * memory. */
#include "base/fault.h"
#include "base/hash.h"
#include "test.h"
#include "unit/engine/commit_scene.h"

#include <sys/wait.h>
#include <unistd.h>

static void expect_fail_stop(enum kv_mem_fault fault)
{
    struct scene s;
    scene_open(&s);
    struct job before;
    EXPECT_STATUS(job_run(&before, &s, 1, KEY("a"), STR_LIT("1")), OK);
    kv_mem_script(s.store, &fault, 1);
    struct job j;
    EXPECT_STATUS(job_run(&j, &s, 2, KEY("a"), STR_LIT("2")), UNKNOWN_OUTCOME);
    EXPECT_INT(gate_value(&s.failures), 1);
    EXPECT(s.failure.text[0] != '\0');
    struct job after;
    EXPECT_STATUS(job_run(&after, &s, 3, KEY("a"), STR_LIT("3")), UNAVAILABLE);
    EXPECT_STATUS(commit_sync_wait(s.committer, NULL), UNAVAILABLE);
    EXPECT_STR(str_from(s.events), "p1 d1 d2 d3 ");
    expect_stored(&s, KEY("a"), "1");
    EXPECT_INT(gate_value(&s.failures), 1);
    scene_close(&s);
}

TEST(commit_after_an_io_error_stops_for_good)
{
    expect_fail_stop(KV_MEM_IO);
}

TEST(commit_after_a_conflict_with_another_writer_stops_for_good)
{
    expect_fail_stop(KV_MEM_CONFLICT);
}

TEST(commit_detects_a_second_writer)
{
    struct scene s;
    scene_open(&s);
    struct job j;
    EXPECT_STATUS(job_run(&j, &s, 1, KEY("a"), STR_LIT("1")), OK);
    struct kv_txn foreign = {.partition = PART, .expect_generation = KV_ANY_GENERATION};
    random_bytes(foreign.id, sizeof foreign.id);
    commit_foreign(&s, &foreign);
    EXPECT_STATUS(job_run(&j, &s, 2, KEY("a"), STR_LIT("2")), UNKNOWN_OUTCOME);
    EXPECT_INT(gate_value(&s.failures), 1);
    expect_stored(&s, KEY("a"), "1");
    scene_close(&s);
}

TEST(commit_on_a_full_disk_is_refused_and_the_next_one_works)
{
    struct scene s;
    scene_open(&s);
    enum kv_mem_fault full = KV_MEM_STORAGE_FULL;
    kv_mem_script(s.store, &full, 1);
    struct job j;
    EXPECT_STATUS(job_run(&j, &s, 1, KEY("a"), STR_LIT("1")), STORAGE_FULL);
    EXPECT(j.request.error.id == ERROR_STORAGE_FULL);
    EXPECT_STATUS(job_run(&j, &s, 2, KEY("a"), STR_LIT("2")), OK);
    EXPECT_STR(str_from(s.events), "d1 p2 d2 ");
    EXPECT_INT(gate_value(&s.failures), 0);
    scene_close(&s);
}

TEST(commit_on_a_full_disk_keeps_the_reason_of_requests_that_failed_before)
{
    struct scene s;
    scene_open(&s);
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
    scene_close(&s);
}

TEST(commit_on_a_full_disk_takes_what_may_use_the_reserve_and_refuses_its_neighbours)
{
    struct scene s;
    scene_open(&s);
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
    scene_close(&s);
}

TEST(commit_with_unknown_outcome_asks_and_never_writes_twice)
{
    struct scene s;
    scene_open(&s);
    struct job j;
    EXPECT_STATUS(job_run(&j, &s, 0, KEY("a"), STR_LIT("0")), OK);
    static const enum kv_mem_fault script[] = {KV_MEM_UNKNOWN_APPLIED, KV_MEM_UNKNOWN_NOT_APPLIED,
                                               KV_MEM_UNKNOWN_NOT_APPLIED, KV_MEM_OK};
    kv_mem_script(s.store, script, 4);
    EXPECT_STATUS(job_run(&j, &s, 1, KEY("a"), STR_LIT("1")), OK);
    EXPECT_STATUS(job_run(&j, &s, 2, KEY("a"), STR_LIT("2")), OK);
    EXPECT_STATUS(job_run(&j, &s, 3, KEY("a"), STR_LIT("3")), OK);
    struct kv_head head;
    EXPECT_STATUS(kv_head_get(s.store, PART, &head, NULL), OK);
    EXPECT_UINT(head.generation, 4);
    EXPECT_STR(str_from(s.events), "p1 d1 p2 d2 p3 d3 ");
    scene_close(&s);
}

TEST(commit_with_unknown_outcome_that_was_applied_is_synced_before_the_answer)
{
    struct scene s;
    scene_open(&s);
    enum kv_mem_fault applied = KV_MEM_UNKNOWN_APPLIED;
    kv_mem_script(s.store, &applied, 1);
    kv_mem_set_sync(s.store, KV_MEM_SYNC_FAILS);
    struct job j;
    EXPECT_STATUS(job_run(&j, &s, 1, KEY("a"), STR_LIT("1")), UNKNOWN_OUTCOME);
    EXPECT_INT(gate_value(&s.failures), 1);
    scene_close(&s);
}

TEST(commit_stops_when_the_outcome_stays_unknown)
{
    struct scene s;
    scene_open(&s);
    static const enum kv_mem_fault script[] = {
        KV_MEM_UNKNOWN_NOT_APPLIED, KV_MEM_UNKNOWN_NOT_APPLIED, KV_MEM_UNKNOWN_NOT_APPLIED,
        KV_MEM_UNKNOWN_NOT_APPLIED, KV_MEM_UNKNOWN_NOT_APPLIED};
    kv_mem_script(s.store, script, 5);
    struct job j;
    EXPECT_STATUS(job_run(&j, &s, 1, KEY("a"), STR_LIT("1")), UNKNOWN_OUTCOME);
    EXPECT_INT(gate_value(&s.failures), 1);
    scene_close(&s);
}

TEST(commit_after_a_failed_sync_stops_and_publishes_nothing)
{
    struct scene s;
    scene_open(&s);
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
    EXPECT_STATUS(job_run(&after, &s, 2, KEY("b"), STR_LIT("2")), UNAVAILABLE);
    gate_release(&released);
    scene_close(&s);
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
        struct job j;
        job_init(&j, NULL, 0, KEY("a"), STR_LIT("1"));
        _exit(status_ok(commit_submit_wait(committer, &j.request)) ? 1 : 2);
    }
    int how = 0;
    EXPECT(waitpid(child, &how, 0) == child);
    EXPECT(WIFEXITED(how));
    EXPECT_INT(WEXITSTATUS(how), 71);
}

TEST(commit_passes_its_fault_points)
{
    struct scene s;
    scene_open(&s);
    fault_clear();
    struct job j;
    EXPECT_STATUS(job_run(&j, &s, 1, KEY("a"), STR_LIT("1")), OK);
    EXPECT_UINT(fault_hits("commit.before_write"), 1);
    EXPECT_UINT(fault_hits("kv.write"), 1);
    EXPECT_UINT(fault_hits("commit.after_write"), 1);
    EXPECT_UINT(fault_hits("commit.before_publish"), 1);
    scene_close(&s);
}
