/* tests/unit/engine/kv_lease_test.c -- Goal: ids never come twice, whatever the clock does and
 * however a life ends. Method: commit_scene.h; a server's lives one after another over one store in
 * memory. */
#include "engine/kv_lease.h"
#include "test.h"
#include "unit/engine/commit_scene.h"

/* A server's life: opens the lease, takes `count` ids in requests of their own. Returns the last.
 */
static uint64_t live(struct scene *s, int count, uint64_t above)
{
    struct kv_lease lease;
    struct error err;
    snowflake_init(&s->seq, &s->clock.clock, 1, 0);
    EXPECT_OK(kv_lease_open(s->store, &s->seq, &lease, &err), &err);
    scene_start(s, &lease);
    EXPECT(commit_published_seq(s->committer) >= above);
    uint64_t last = above;
    for (int i = 0; i < count; i++) {
        struct job j;
        EXPECT_STATUS(job_run(&j, s, 0, KEY("a"), STR_LIT("x")), OK);
        EXPECT(j.seq > last);
        last = j.seq;
    }
    scene_stop(s);
    return last;
}

TEST(kv_lease_keeps_ids_rising_over_restarts_with_a_clock_that_jumps_back)
{
    struct scene s;
    scene_open_idle(&s);
    uint64_t last = live(&s, 10, 0);
    for (int i = 0; i < 5; i++) {
        fake_clock_advance(&s.clock, -3600LL * 1000000);
        last = live(&s, 10, last);
    }
    fake_clock_advance(&s.clock, 10 * 3600LL * 1000000);
    last = live(&s, 10, last);
    EXPECT(snowflake_wall_ms(last) == clock_wall_us(&s.clock.clock) / 1000); /* the clock again */
    scene_close(&s);
}

TEST(kv_lease_covers_ids_of_a_life_that_ended_in_a_power_cut)
{
    struct scene s;
    scene_open_idle(&s);
    struct kv_lease lease;
    struct error err;
    EXPECT_OK(kv_lease_open(s.store, &s.seq, &lease, &err), &err);
    scene_start(&s, &lease);
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
    EXPECT_STATUS(job_run(&j, &s, 0, KEY("a"), STR_LIT("y")), UNKNOWN_OUTCOME);
    uint64_t lost = j.seq;
    struct kv_head head;
    struct kv_head head_after;
    str partition = str_slice(kv_lease_key(), 0, kv_lease_partition_bytes());
    EXPECT_STATUS(kv_head_get(s.store, partition, &head, NULL), OK);
    scene_stop(&s);
    EXPECT_STATUS(kv_head_get(s.store, partition, &head_after, NULL), OK);
    EXPECT_UINT(head_after.generation, head.generation); /* nothing is written after a failure */
    kv_mem_power_cut(s.store);
    fake_clock_advance(&s.clock, -3600LL * 1000000);
    uint64_t next = live(&s, 1, lost);
    EXPECT(next > last);
    scene_close(&s);
}

TEST(kv_lease_is_synced_though_it_travels_in_an_async_group)
{
    struct scene s;
    scene_open_idle(&s);
    kv_mem_set_sync(s.store, KV_MEM_SYNC_WAITS); /* nothing else syncs */
    struct kv_lease lease;
    EXPECT_STATUS(kv_lease_open(s.store, &s.seq, &lease, NULL), OK);
    scene_start(&s, &lease);
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
    scene_close(&s);
}

/* With a clock that moves on, a group in two hundred or so carries the lease: 5 s of 25 ms each. */
TEST(kv_lease_is_renewed_once_in_five_seconds)
{
    struct scene s;
    scene_open_idle(&s);
    struct kv_lease lease;
    EXPECT_STATUS(kv_lease_open(s.store, &s.seq, &lease, NULL), OK);
    EXPECT_UINT(lease.until, 0);
    scene_start(&s, &lease);
    uint64_t renewals = 0;
    uint64_t before = 0;
    for (int i = 0; i < 1000; i++) {
        fake_clock_advance(&s.clock, 25000);
        struct job j;
        EXPECT_STATUS(job_run(&j, &s, 0, KEY("a"), STR_LIT("x")), OK);
        struct kv_head head;
        EXPECT_STATUS(kv_head_get(s.store, str_slice(kv_lease_key(), 0, kv_lease_partition_bytes()),
                                  &head, NULL),
                      OK);
        renewals += head.generation != before ? 1 : 0;
        before = head.generation;
    }
    EXPECT_UINT(renewals, 5);
    scene_close(&s);
}

TEST(kv_lease_open_of_a_damaged_record_is_corrupt)
{
    struct scene s;
    scene_open_idle(&s);
    str partition = str_slice(kv_lease_key(), 0, kv_lease_partition_bytes());
    struct kv_mutation m = {KV_PUT, KV_SYSTEM, kv_lease_key(), STR_LIT("\1short")};
    struct kv_txn txn = {.partition = partition,
                         .expect_generation = KV_ANY_GENERATION,
                         .mutations = &m,
                         .mutation_count = 1};
    commit_foreign(&s, &txn);
    struct kv_lease lease;
    EXPECT_STATUS(kv_lease_open(s.store, &s.seq, &lease, NULL), CORRUPT);
    scene_close(&s);
}
