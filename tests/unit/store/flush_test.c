/* tests/unit/store/flush_test.c -- Goal: a flush moves rows and nothing else, and whatever fails on
 * its way is undone at once. Method: the store in memory, the flush step by step, every file
 * operation made to fail in turn. */
#include "base/fault.h"
#include "test.h"
#include "world.h"

TEST(flush_run_moves_hot_rows_into_one_segment)
{
    struct world w = {.options = {.merge_bytes_max = 0}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    EXPECT_OK(world_insert(&w, 2, "b"), &w.err);
    EXPECT_OK(world_delete(&w, 1), &w.err);
    struct flush_result result;
    EXPECT_OK(
        flush_run(w.store, w.table, STR_LIT(""), (struct cold_slot){0, 1}, NULL, &result, &w.err),
        &w.err);
    EXPECT_UINT(result.rows, 2); /* the tombstone too */
    EXPECT_UINT(result.files, 1);
    EXPECT_STR(str_from(world_show(&w)), "2=b");
    struct table_state state = world_state(&w);
    EXPECT_UINT(state.hot_rows, 0);
    EXPECT_UINT(state.hot_bytes, 0);
    EXPECT_INT(state.oldest_us, 0);
    EXPECT_UINT(state.segments, 1);
    EXPECT_UINT(state.cold_rows, 2);
    EXPECT_UINT(state.dead, 0);
    EXPECT_UINT(world_count_keys(&w, KEY_ROW), 0);
    EXPECT_UINT(world_count_keys(&w, KEY_INTENT), 0);
    EXPECT(fake_cold_exists(&w.cold, "/cold/app/t/batch-0.parquet"));
    EXPECT_UINT(fake_cold_count(&w.cold, ".tmp"), 0);
    EXPECT(world_get(&w, 2).tier == TIER_COLD);
    EXPECT(world_get(&w, 1).is_deleted);
    world_close(&w);
}

TEST(flush_run_without_hot_rows_says_nothing_to_do)
{
    struct world w = {.options = {.merge_bytes_max = 0}};
    world_open(&w);
    struct flush_result result = {.files = 9};
    EXPECT_OK(
        flush_run(w.store, w.table, STR_LIT(""), (struct cold_slot){0, 1}, NULL, &result, &w.err),
        &w.err);
    EXPECT_UINT(result.files, 0);
    EXPECT_UINT(world_count_keys(&w, KEY_INTENT), 0);
    world_close(&w);
}

TEST(flush_run_merges_a_small_newest_segment)
{
    struct world w = {.options = {.merge_bytes_max = 4 << 20}};
    world_open(&w);
    for (int64_t id = 1; id <= 5; id++) {
        EXPECT_OK(world_insert(&w, id, "x"), &w.err);
        struct flush_result result = flush_finish(world_flush(&w));
        EXPECT_UINT(result.rows, 1);
        EXPECT_UINT(result.merged, id > 1 ? 1 : 0);
    }
    EXPECT_UINT(world_state(&w).segments, 1);
    EXPECT_UINT(world_state(&w).cold_rows, 5);
    EXPECT_UINT(fake_cold_count(&w.cold, ".parquet"), 1);
    EXPECT(fake_cold_exists(&w.cold, "/cold/app/t/batch-4.parquet"));
    EXPECT_STR(str_from(world_show(&w)), "1=x 2=x 3=x 4=x 5=x");
    world_close(&w);
}

TEST(flush_cancel_at_any_step_leaves_nothing_behind)
{
    for (enum flush_state state = FLUSH_START; state < FLUSH_COMMITTED; state++) {
        struct world w = {.options = {.merge_bytes_max = 0}};
        world_open(&w);
        EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
        struct flush *flush = world_flush(&w);
        flush_until(flush, state);
        flush_cancel(flush);
        flush_until(flush, FLUSH_STATE_COUNT);
        struct flush_result result;
        EXPECT_STATUS(flush_outcome(flush, &result, &w.err), CANCELLED);
        flush_destroy(flush);
        EXPECT_UINT(world_count_keys(&w, KEY_INTENT), 0);
        EXPECT_UINT(fake_cold_count(&w.cold, "parquet"), 0);
        EXPECT_UINT(fake_cold_count(&w.cold, ".tmp"), 0);
        EXPECT_STR(str_from(world_show(&w)), "1=a");
        EXPECT_UINT(flush_finish(world_flush(&w)).rows, 1); /* the folder is free again */
        world_close(&w);
    }
}

TEST(flush_run_of_a_table_altered_meanwhile_starts_again)
{
    struct world w = {.options = {.merge_bytes_max = 0}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    struct flush *flush = world_flush(&w);
    flush_until(flush, FLUSH_PLACED);
    world_add_extra(&w, value_null(type_of(TYPE_INT)));
    flush_until(flush, FLUSH_STATE_COUNT);
    struct flush_result result;
    EXPECT_STATUS(flush_outcome(flush, &result, &w.err), CONFLICT);
    flush_destroy(flush);
    EXPECT_OK(
        flush_run(w.store, w.table, STR_LIT(""), (struct cold_slot){0, 1}, NULL, &result, &w.err),
        &w.err);
    EXPECT_UINT(result.rows, 1);
    EXPECT_STR(str_from(world_show(&w)), "1=a");
    world_close(&w);
}

TEST(flush_step_while_another_flush_runs_says_busy)
{
    struct world w = {.options = {.merge_bytes_max = 0}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    struct flush *flush = world_flush(&w);
    flush_until(flush, FLUSH_VIEW);
    struct flush_result result;
    EXPECT_STATUS(
        flush_run(w.store, w.table, STR_LIT(""), (struct cold_slot){0, 1}, NULL, &result, &w.err),
        UNAVAILABLE);
    store_test_unlocked(true); /* without the lock the standing intent refuses it */
    EXPECT_STATUS(
        flush_run(w.store, w.table, STR_LIT(""), (struct cold_slot){0, 1}, NULL, &result, &w.err),
        UNAVAILABLE);
    store_test_unlocked(false);
    EXPECT_UINT(flush_finish(flush).rows, 1);
    world_close(&w);
}

TEST(flush_points_with_an_injected_error_are_undone)
{
    static const char *const points[] = {"flush.before_intent",   "flush.after_intent",
                                         "flush.after_view",      "flush.after_copy",
                                         "flush.after_fsync",     "flush.after_rename",
                                         "flush.after_fsync_dir", "flush.before_commit"};
    struct world w = {.options = {.merge_bytes_max = 0}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        char specification[64];
        (void)snprintf(specification, sizeof specification, "%s=eio@1", points[i]);
        EXPECT(fault_set(specification));
        struct flush_result result;
        EXPECT_STATUS(flush_run(w.store, w.table, STR_LIT(""), (struct cold_slot){0, 1}, NULL,
                                &result, &w.err),
                      IO);
        fault_clear();
        EXPECT_UINT(world_count_keys(&w, KEY_INTENT), 0);
        EXPECT_UINT(fake_cold_count(&w.cold, "parquet"), 0);
        EXPECT_STR(str_from(world_show(&w)), "1=a");
    }
    EXPECT_UINT(flush_finish(world_flush(&w)).rows, 1);
    world_close(&w);
}

TEST(flush_after_one_that_could_not_be_undone_takes_its_place)
{
    struct world w = {.options = {.merge_bytes_max = 0}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    EXPECT_OK(world_insert(&w, 2, "b"), &w.err);
    struct flush *flush = world_flush(&w);
    flush_until(flush, FLUSH_RENAMED);
    EXPECT_OK(world_update(&w, 1, "c"), &w.err); /* writes `d` */
    w.cold.fail_in = 1;
    flush_until(flush, FLUSH_UNDO);
    static const enum kv_mem_fault full[] = {KV_MEM_STORAGE_FULL};
    kv_mem_script(w.kv, full, 1);
    flush_until(flush, FLUSH_STATE_COUNT);
    struct flush_result result;
    EXPECT_STATUS(flush_outcome(flush, &result, &w.err), IO);
    flush_destroy(flush);
    EXPECT_UINT(world_count_keys(&w, KEY_INTENT), 1); /* stands, and its file is there */
    EXPECT_UINT(fake_cold_count(&w.cold, ".parquet"), 1);
    EXPECT_UINT(flush_finish(world_flush(&w)).rows, 2);
    EXPECT_UINT(world_count_keys(&w, KEY_INTENT), 0);
    EXPECT_UINT(world_state(&w).dead, 0);
    EXPECT_UINT(world_count_keys(&w, KEY_DEAD), 0);
    EXPECT_UINT(world_state(&w).hot_rows, 0);
    EXPECT_UINT(fake_cold_count(&w.cold, ".parquet"), 1);
    EXPECT_STR(str_from(world_show(&w)), "1=c 2=b");
    world_close(&w);
}

TEST(flush_commit_on_a_full_disk_is_undone_and_works_later)
{
    struct world w = {.options = {.merge_bytes_max = 0}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    struct flush *flush = world_flush(&w);
    flush_until(flush, FLUSH_PLACED);
    static const enum kv_mem_fault full[] = {KV_MEM_STORAGE_FULL};
    kv_mem_script(w.kv, full, 1);
    flush_until(flush, FLUSH_STATE_COUNT);
    struct flush_result result;
    EXPECT_STATUS(flush_outcome(flush, &result, &w.err), STORAGE_FULL);
    flush_destroy(flush);
    EXPECT_UINT(world_count_keys(&w, KEY_INTENT), 0);
    EXPECT_UINT(fake_cold_count(&w.cold, "parquet"), 0);
    EXPECT_UINT(flush_finish(world_flush(&w)).rows, 1);
    world_close(&w);
}
