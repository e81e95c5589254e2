/* tests/unit/store/flush_test.c -- Goal: a flush moves rows and nothing else, and whatever fails on
 * its way is undone at once. Method: the store in memory, the flush step by step, every file
 * operation made to fail in turn. */
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
