/* tests/unit/store/compact_test.c -- Goal: compaction is asked for when it pays and fails without a
 * trace. Method: the store in memory; every file operation made to fail in turn. */
#include "test.h"
#include "world.h"

static size_t candidate_count(struct world *w)
{
    struct arena arena;
    struct compact_candidate *list = NULL;
    size_t count = 0;
    arena_init(&arena);
    store_compact_candidates(w->store, &arena, &list, &count);
    EXPECT(count == 0 || list[0].table.v == w->table.v);
    arena_release(&arena);
    return count;
}

static void add_segment(struct world *w, int64_t id)
{
    EXPECT_OK(world_insert(w, id, "x"), &w->err);
    (void)flush_finish(world_flush(w));
}

TEST(store_compact_candidates_name_parts_with_many_small_segments)
{
    struct world w = {.options = {.merge_bytes_max = 0}};
    world_open(&w);
    for (int64_t id = 0; id < 8; id++) {
        add_segment(&w, id);
        EXPECT_UINT(candidate_count(&w), 0);
    }
    add_segment(&w, 8);
    EXPECT_UINT(candidate_count(&w), 1);
    struct compact_result result;
    EXPECT_OK(compact_run(w.store, w.table, STR_LIT(""), false, (struct cold_slot){0, 1}, NULL,
                          &result, &w.err),
              &w.err);
    EXPECT_UINT(result.sources, 9);
    EXPECT_UINT(result.rows, 9);
    EXPECT_UINT(world_state(&w).segments, 1);
    EXPECT_UINT(candidate_count(&w), 0);
    EXPECT_STR(str_from(world_show(&w)), "0=x 1=x 2=x 3=x 4=x 5=x 6=x 7=x 8=x");
    world_close(&w);
}

TEST(store_compact_candidates_leave_out_many_big_segments)
{
    struct world w = {.options = {.merge_bytes_max = 0, .compact_small_bytes = 1}};
    world_open(&w);
    for (int64_t id = 0; id < 10; id++) {
        add_segment(&w, id);
    }
    EXPECT_UINT(candidate_count(&w), 0);
    world_close(&w);
}

TEST(store_compact_candidates_name_parts_with_dead_rows_or_expired_tombstones)
{
    struct world w = {.options = {.merge_bytes_max = 0, .tombstone_hours = 1}};
    world_open(&w);
    add_segment(&w, 1);
    EXPECT_OK(world_delete(&w, 1), &w.err);
    EXPECT_UINT(candidate_count(&w), 1); /* dead */
    (void)flush_finish(world_flush(&w));
    struct compact_result result;
    EXPECT_OK(compact_run(w.store, w.table, STR_LIT(""), false, (struct cold_slot){0, 1}, NULL,
                          &result, &w.err),
              &w.err);
    EXPECT_UINT(candidate_count(&w), 0);
    EXPECT_UINT(world_state(&w).cold_rows, 1); /* the tombstone */
    fake_clock_advance(&w.clock, 7200LL * 1000000);
    EXPECT_UINT(candidate_count(&w), 1);
    EXPECT_OK(compact_run(w.store, w.table, STR_LIT(""), false, (struct cold_slot){0, 1}, NULL,
                          &result, &w.err),
              &w.err);
    EXPECT_UINT(result.tombstones, 1);
    EXPECT_UINT(world_state(&w).segments, 0);
    EXPECT_UINT(world_count_keys(&w, KEY_INDEX), 0);
    EXPECT_UINT(fake_cold_count(&w.cold, ".parquet"), 0);
    EXPECT_UINT(candidate_count(&w), 0);
    world_close(&w);
}

/* Deletes a row of a table with a retention of its own, lets two hours pass, restarts, and compacts
 * all. */
static struct compact_result compact_after_two_hours(struct world *w, int64_t deleted_retention_s,
                                                     size_t candidates)
{
    world_open(w);
    w->deleted_retention_s = deleted_retention_s;
    w->table = world_create_table(w, "own", TABLE_SHARED, 0, false);
    EXPECT_OK(world_insert(w, 1, "x"), &w->err);
    EXPECT_OK(world_delete(w, 1), &w->err);
    (void)flush_finish(world_flush(w));
    EXPECT_UINT(candidate_count(w), 0);
    fake_clock_advance(&w->clock, 7200LL * 1000000);
    world_crash(w);
    EXPECT_UINT(candidate_count(w), candidates);
    struct compact_result result;
    EXPECT_OK(compact_run(w->store, w->table, STR_LIT(""), true, (struct cold_slot){0, 1}, NULL,
                          &result, &w->err),
              &w->err);
    return result;
}

TEST(compact_run_of_a_table_with_a_retention_drops_tombstones_that_the_store_would_keep)
{
    struct world w = {.options = {.merge_bytes_max = 0, .tombstone_hours = 0}};
    EXPECT_UINT(compact_after_two_hours(&w, 3600, 1).tombstones, 1);
    EXPECT_UINT(world_state(&w).segments, 0);
    EXPECT(world_state(&w).resume_floor != 0);
    world_close(&w);
}

TEST(compact_run_of_a_table_whose_retention_is_off_keeps_tombstones_that_the_store_would_drop)
{
    struct world w = {.options = {.merge_bytes_max = 0, .tombstone_hours = 1}};
    EXPECT_UINT(compact_after_two_hours(&w, TABLE_RETENTION_FOR_EVER, 0).tombstones, 0);
    EXPECT_UINT(world_state(&w).cold_rows, 1);
    EXPECT_UINT(world_state(&w).resume_floor, 0);
    world_close(&w);
}

TEST(compact_run_of_a_table_with_a_longer_retention_keeps_tombstones_until_then)
{
    struct world w = {.options = {.merge_bytes_max = 0, .tombstone_hours = 1}};
    EXPECT_UINT(compact_after_two_hours(&w, 3 * 3600, 0).tombstones, 0);
    EXPECT_UINT(world_state(&w).resume_floor, 0);
    fake_clock_advance(&w.clock, 7200LL * 1000000);
    EXPECT_UINT(candidate_count(&w), 1);
    world_close(&w);
}

/* Sets the retention of the table as ALTER TABLE does. */
static void set_retention(struct world *w, int64_t deleted_retention_s)
{
    struct world_part part;
    part_open(w, w->table, "", &part);
    const struct table_change change = {.id = w->table,
                                        .expected_version = part.schema->version,
                                        .columns = part.schema->columns,
                                        .column_count = part.schema->column_count,
                                        .deleted_retention_s = &deleted_retention_s};
    uint32_t version = 0;
    EXPECT_OK(catalog_alter_table(w->catalog, &change, &version, &w->err), &w->err);
    part_close(&part);
}

TEST(compact_under_way_when_the_retention_becomes_off_drops_no_tombstone)
{
    struct world w = {.options = {.merge_bytes_max = 0, .tombstone_hours = 0}};
    world_open(&w);
    set_retention(&w, 3600);
    EXPECT_OK(world_insert(&w, 1, "x"), &w.err);
    EXPECT_OK(world_delete(&w, 1), &w.err);
    (void)flush_finish(world_flush(&w));
    fake_clock_advance(&w.clock, 7200LL * 1000000);
    EXPECT_UINT(candidate_count(&w), 1);
    struct compact *compact = world_compact(&w, 0, 1);
    compact_until(compact, COMPACT_WRITTEN);
    set_retention(&w, TABLE_RETENTION_FOR_EVER);
    compact_until(compact, COMPACT_STATE_COUNT);
    struct compact_result result;
    EXPECT_STATUS(compact_outcome(compact, &result, &w.err), CONFLICT);
    compact_destroy(compact);
    EXPECT_UINT(candidate_count(&w), 0);
    EXPECT_UINT(world_state(&w).cold_rows, 1);
    EXPECT_UINT(world_state(&w).resume_floor, 0);
    world_close(&w);
}

/* Longer than anybody lived: nothing overflows. */
TEST(compact_run_of_a_table_with_a_boundless_retention_keeps_tombstones)
{
    struct world w = {.options = {.merge_bytes_max = 0, .tombstone_hours = 1}};
    EXPECT_UINT(compact_after_two_hours(&w, INT64_MAX, 0).tombstones, 0);
    world_close(&w);
}

TEST(compact_run_with_a_failing_file_operation_changes_nothing)
{
    struct world w = {.options = {.merge_bytes_max = 0}};
    world_open(&w);
    add_segment(&w, 1);
    add_segment(&w, 2);
    struct compact_result result;
    unsigned failures = 0;
    for (int64_t n = 1; n < 50; n++) {
        w.cold.fail_in = n;
        status outcome = compact_run(w.store, w.table, STR_LIT(""), true, (struct cold_slot){0, 1},
                                     NULL, &result, &w.err);
        w.cold.fail_in = 0;
        if (status_ok(outcome)) {
            break;
        }
        failures++;
        EXPECT(outcome.code == STATUS_IO);
        EXPECT_UINT(world_state(&w).segments, 2);
        EXPECT_UINT(fake_cold_count(&w.cold, ".parquet"), 2);
        EXPECT_UINT(fake_cold_count(&w.cold, ".tmp"), 0);
        EXPECT_STR(str_from(world_show(&w)), "1=x 2=x");
    }
    EXPECT(failures >= 5);
    EXPECT_UINT(world_state(&w).segments, 1);
    EXPECT_UINT(fake_cold_count(&w.cold, ".parquet"), 1);
    EXPECT_STR(str_from(world_show(&w)), "1=x 2=x");
    world_close(&w);
}

TEST(compact_cancel_at_any_step_leaves_nothing_behind)
{
    for (enum compact_state state = COMPACT_START; state < COMPACT_COMMITTED; state++) {
        struct world w = {.options = {.merge_bytes_max = 0}};
        world_open(&w);
        add_segment(&w, 1);
        add_segment(&w, 2);
        struct compact *compact = world_compact(&w, 0, 2);
        compact_until(compact, state);
        compact_cancel(compact);
        compact_until(compact, COMPACT_STATE_COUNT);
        struct compact_result result;
        EXPECT_STATUS(compact_outcome(compact, &result, &w.err), CANCELLED);
        compact_destroy(compact);
        EXPECT_UINT(fake_cold_count(&w.cold, ".parquet"), 2);
        EXPECT_UINT(fake_cold_count(&w.cold, ".tmp"), 0);
        EXPECT_UINT(compact_finish(world_compact(&w, 0, 2)).sources, 2);
        EXPECT_STR(str_from(world_show(&w)), "1=x 2=x");
        world_close(&w);
    }
}

TEST(compact_commit_on_a_full_disk_is_given_up_and_works_later)
{
    struct world w = {.options = {.merge_bytes_max = 0}};
    world_open(&w);
    add_segment(&w, 1);
    add_segment(&w, 2);
    struct compact *compact = world_compact(&w, 0, 2);
    compact_until(compact, COMPACT_PLACED);
    static const enum kv_mem_fault full[] = {KV_MEM_STORAGE_FULL};
    kv_mem_script(w.kv, full, 1);
    compact_until(compact, COMPACT_STATE_COUNT);
    struct compact_result result;
    EXPECT_STATUS(compact_outcome(compact, &result, &w.err), STORAGE_FULL);
    compact_destroy(compact);
    EXPECT_UINT(fake_cold_count(&w.cold, ".parquet"), 2);
    EXPECT_UINT(compact_finish(world_compact(&w, 0, 2)).sources, 2);
    world_close(&w);
}
