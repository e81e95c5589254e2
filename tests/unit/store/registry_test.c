/* tests/unit/store/registry_test.c -- Goal: flush candidates by rows and by time, per user;
 * counters; the same after a restart. Method: tables of three users, the clock moved by hand. */
#include "test.h"
#include "world.h"

static const char *const users[] = {"alice", "bob", "carol"};

/* Inserts `count` rows for a user. */
static void insert_rows(struct world *w, table_id table, const char *user, int count)
{
    struct world_part part;
    part_open(w, table, user, &part);
    uint64_t seq = 0;
    for (int i = 0; i < count; i++) {
        EXPECT_OK(part_insert(&part, i, "x", &seq, &w->err), &w->err);
    }
    part_close(&part);
}

/* A USER table with a flush policy. */
static table_id create_table(struct world *w, uint32_t rows, uint32_t interval_s)
{
    w->flush = (struct flush_policy){rows, interval_s};
    table_id id = world_create_table(w, "u", TABLE_USER, 0, false);
    w->flush = (struct flush_policy){0};
    return id;
}

struct due {
    struct arena arena;
    struct flush_candidate *list;
    size_t count;
    int64_t next_us;
};

static void find_due(struct world *w, struct due *due)
{
    arena_init(&due->arena);
    const struct catalog_snapshot *snapshot = catalog_take(w->catalog);
    store_flush_candidates(w->store, snapshot, clock_wall_us(&w->clock.clock), 10, &due->arena,
                           &due->list, &due->count, &due->next_us);
    catalog_give(snapshot);
}

TEST(store_flush_candidates_count_rows_per_user)
{
    struct world w = {0};
    world_open(&w);
    table_id table = create_table(&w, 3, 0);
    insert_rows(&w, table, users[0], 2);
    insert_rows(&w, table, users[1], 3);
    struct due due;
    find_due(&w, &due);
    EXPECT_UINT(due.count, 1);
    EXPECT_STR(due.list[0].owner, "bob");
    EXPECT_UINT(due.list[0].rows, 3);
    EXPECT(due.next_us == INT64_MAX);
    arena_release(&due.arena);
    world_close(&w);
}

TEST(store_flush_candidates_get_due_on_time)
{
    struct world w = {0};
    world_open(&w);
    table_id table = create_table(&w, 0, 10);
    int64_t start_us = clock_wall_us(&w.clock.clock);
    insert_rows(&w, table, users[0], 1);
    struct due due;
    find_due(&w, &due);
    EXPECT_UINT(due.count, 0);
    EXPECT_INT(due.next_us, start_us + 10 * 1000000);
    arena_release(&due.arena);
    fake_clock_advance(&w.clock, 5 * 1000000);
    insert_rows(&w, table, users[1], 1);
    fake_clock_advance(&w.clock, 5 * 1000000);
    find_due(&w, &due);
    EXPECT_UINT(due.count, 1);
    EXPECT_STR(due.list[0].owner, "alice");
    EXPECT_INT(due.next_us, start_us + 15 * 1000000);
    arena_release(&due.arena);
    world_close(&w);
}

TEST(store_flush_candidates_are_none_after_the_flush)
{
    struct world w = {0};
    world_open(&w);
    table_id table = create_table(&w, 1, 0);
    insert_rows(&w, table, users[0], 1);
    struct flush_result result;
    EXPECT_OK(flush_run(w.store, table, STR_LIT("alice"), (struct cold_slot){0, 1}, NULL, &result,
                        &w.err),
              &w.err);
    struct due due;
    find_due(&w, &due);
    EXPECT_UINT(due.count, 0);
    arena_release(&due.arena);
    world_close(&w);
}

TEST(store_totals_are_the_same_after_a_restart)
{
    struct world w = {0};
    world_open(&w);
    table_id table = world_create_table(&w, "u", TABLE_USER, 0, false);
    table_id other = world_create_table(&w, "v", TABLE_USER, 0, false);
    for (int i = 0; i < 3; i++) {
        insert_rows(&w, table, users[i], i + 1);
        insert_rows(&w, other, users[i], 1);
    }
    EXPECT_OK(world_insert(&w, 1, "shared"), &w.err);
    struct flush_result result;
    EXPECT_OK(flush_run(w.store, table, STR_LIT("carol"), (struct cold_slot){0, 1}, NULL, &result,
                        &w.err),
              &w.err);
    struct table_totals before;
    struct table_totals after;
    store_totals(w.store, table, &before);
    EXPECT_UINT(before.partitions, 3);
    EXPECT_UINT(before.hot_rows, 3);
    EXPECT_UINT(before.cold_rows, 3);
    EXPECT_UINT(before.segments, 1);
    world_crash(&w);
    store_totals(w.store, table, &after);
    EXPECT(memcmp(&before, &after, sizeof before) == 0);
    store_totals(w.store, (table_id){0}, &after);
    EXPECT_UINT(after.hot_rows, 3 + 3 + 1);
    EXPECT_UINT(after.partitions, 7);
    struct arena arena;
    arena_init(&arena);
    struct manifest_row *rows = NULL;
    size_t count = 0;
    store_manifests(w.store, (table_id){0}, &arena, &rows, &count);
    EXPECT_UINT(count, 1);
    EXPECT_STR(rows[0].owner, "carol");
    store_manifests(w.store, table, &arena, &rows, &count);
    EXPECT_UINT(count, 1);
    store_manifests(w.store, w.table, &arena, &rows, &count);
    EXPECT_UINT(count, 0);
    str *owners = NULL;
    store_owners(w.store, table, &arena, &owners, &count);
    EXPECT_UINT(count, 3);
    arena_release(&arena);
    world_close(&w);
}
