/* tests/unit/store/stream_test.c -- Goal: rows past their TTL are hidden at once and removed by the
 * job, and so are the oldest over the bound of their table, not one more. Method: the clock moved
 * by hand. */
#include "test.h"
#include "store/stream.h"
#include "world.h"

enum { TTL_S = 60 };

static unsigned row_count(struct world_part *part, struct world *w)
{
    struct world_rows rows;
    EXPECT_OK(part_read_all(part, NULL, true, &rows, &w->err), &w->err);
    return rows.count;
}

static struct table_totals totals_of(struct world *w, table_id table)
{
    struct table_totals totals;
    store_totals(w->store, table, &totals);
    return totals;
}

static uint64_t evict(struct world *w, table_id table)
{
    uint64_t evicted = 9;
    EXPECT_OK(stream_evict(w->store, table, STR_LIT("alice"), NULL, &evicted, &w->err), &w->err);
    return evicted;
}

/* Rows with the keys first, first + 1 ..., in one commit. */
static void insert_many(struct world_part *part, int64_t first, int64_t count)
{
    struct world *w = part->w;
    struct row_write write;
    row_write_init(&write, w->store, &part->arena);
    struct row_write_table *to = row_write_table(&write, &part->part, part->schema);
    for (int64_t id = first; id < first + count; id++) {
        const struct value values[] = {value_int(TYPE_BIGINT, id), value_text(STR_LIT("same"))};
        EXPECT_OK(row_write_insert(to, values, &w->err), &w->err);
    }
    EXPECT_OK(row_write_run(&write, COMMIT_SYNC, &w->err), &w->err);
    row_write_release(&write);
}

TEST(stream_rows_past_their_ttl_are_hidden_then_evicted)
{
    struct world w = {0};
    world_open(&w);
    table_id table = world_create_table(&w, "s", TABLE_STREAM, TTL_S, false);
    struct world_part part;
    part_open(&w, table, "alice", &part);
    uint64_t seq = 0;
    EXPECT_OK(part_insert(&part, 1, "old", &seq, &w.err), &w.err);
    fake_clock_advance(&w.clock, 40 * 1000000);
    EXPECT_OK(part_insert(&part, 2, "new", &seq, &w.err), &w.err);
    EXPECT_UINT(row_count(&part, &w), 2);
    fake_clock_advance(&w.clock, 30 * 1000000);
    EXPECT_UINT(row_count(&part, &w), 1);
    struct world_row row;
    struct kv_view *view = kv_view_open(w.kv);
    EXPECT_OK(part_get_row(&part, view, 1, &row, &w.err), &w.err);
    EXPECT(!row.found);
    kv_view_close(view);
    EXPECT_UINT(totals_of(&w, table).hot_rows, 2);
    EXPECT_UINT(evict(&w, table), 1);
    EXPECT_UINT(totals_of(&w, table).hot_rows, 1);
    EXPECT_UINT(row_count(&part, &w), 1);
    part_close(&part);
    world_close(&w);
}

TEST(stream_insert_over_an_expired_key_is_accepted)
{
    struct world w = {0};
    world_open(&w);
    struct world_part part;
    part_open(&w, world_create_table(&w, "s", TABLE_STREAM, TTL_S, false), "alice", &part);
    uint64_t seq = 0;
    EXPECT_OK(part_insert(&part, 1, "old", &seq, &w.err), &w.err);
    fake_clock_advance(&w.clock, 70 * 1000000);
    EXPECT_OK(part_insert(&part, 1, "new", &seq, &w.err), &w.err);
    EXPECT_UINT(row_count(&part, &w), 1);
    EXPECT_UINT(evict(&w, part.part.table->id), 0); /* the old version went with the insert */
    part_close(&part);
    world_close(&w);
}

TEST(stream_evict_of_thousands_of_keyless_rows_removes_them_all)
{
    struct world w = {0};
    world_open(&w);
    table_id table = world_create_table(&w, "s", TABLE_STREAM, TTL_S, true);
    struct world_part part;
    part_open(&w, table, "alice", &part);
    insert_many(&part, 1, 2500);
    EXPECT_UINT(totals_of(&w, table).hot_rows, 2500);
    fake_clock_advance(&w.clock, 70 * 1000000);
    EXPECT_UINT(evict(&w, table), 2500);
    EXPECT_UINT(totals_of(&w, table).hot_rows, 0);
    EXPECT_UINT(totals_of(&w, table).hot_bytes, 0);
    part_close(&part);
    world_close(&w);
}

TEST(stream_evict_of_another_kind_of_table_says_not_found)
{
    struct world w = {0};
    world_open(&w);
    uint64_t evicted = 0;
    EXPECT_STATUS(stream_evict(w.store, w.table, STR_LIT(""), NULL, &evicted, &w.err), NOT_FOUND);
    world_close(&w);
}

/* -- max_buffer ----------------------------------------------------------------------------------
 */

static table_id bounded_stream(struct world *w, uint32_t max_buffer)
{
    w->max_buffer = max_buffer;
    return world_create_table(w, "s", TABLE_STREAM, TTL_S, false);
}

/* The rows that are left have the keys first..last. */
static void expect_keys(struct world_part *part, int64_t first, int64_t last)
{
    struct world_rows rows;
    EXPECT_OK(part_read_all(part, NULL, true, &rows, &part->w->err), &part->w->err);
    EXPECT_INT(rows.count, last - first + 1);
    for (unsigned i = 0; i < rows.count; i++) {
        EXPECT_INT(rows.rows[i].id, first + i);
    }
}

static bool has_key(struct world_part *part, int64_t id)
{
    struct world_row row;
    struct kv_view *view = kv_view_open(part->w->kv);
    EXPECT_OK(part_get_row(part, view, id, &row, &part->w->err), &part->w->err);
    kv_view_close(view);
    return row.found;
}

TEST(stream_evict_over_the_bound_keeps_exactly_the_newest)
{
    struct world w = {0};
    world_open(&w);
    table_id table = bounded_stream(&w, 10);
    struct world_part part;
    part_open(&w, table, "alice", &part);
    insert_many(&part, 1, 10);
    EXPECT_UINT(evict(&w, table), 0); /* as many as may be */
    insert_many(&part, 11, 4);
    EXPECT_UINT(evict(&w, table), 4);
    expect_keys(&part, 5, 14);
    EXPECT(!has_key(&part, 4));
    EXPECT(has_key(&part, 5));
    EXPECT_UINT(totals_of(&w, table).hot_rows, 10);
    insert_many(&part, 1, 1); /* its key is free again */
    fake_clock_advance(&w.clock, 70 * 1000000);
    EXPECT_UINT(evict(&w, table), 11); /* the TTL is as it was */
    part_close(&part);
    world_close(&w);
}

TEST(stream_evict_over_the_bound_counts_expired_and_deleted_rows_out)
{
    struct world w = {0};
    world_open(&w);
    table_id table = bounded_stream(&w, 3);
    struct world_part part;
    struct world_rows rows;
    uint64_t seq = 0;
    part_open(&w, table, "alice", &part);
    insert_many(&part, 1, 3); /* they expire */
    fake_clock_advance(&w.clock, 70 * 1000000);
    insert_many(&part, 4, 4);
    EXPECT_OK(part_delete_row(&part, 0, 5, &seq, &w.err), &w.err);
    EXPECT_UINT(evict(&w, table), 3);
    EXPECT_OK(part_read_all(&part, NULL, true, &rows, &w.err), &w.err);
    EXPECT_UINT(rows.count, 3); /* 4, 6 and 7 */
    EXPECT_INT(rows.rows[0].id, 4);
    part_close(&part);
    world_close(&w);
}

TEST(stream_evict_over_the_bound_leaves_other_partitions_alone)
{
    struct world w = {0};
    world_open(&w);
    table_id table = bounded_stream(&w, 2);
    struct world_part alice;
    struct world_part bob;
    part_open(&w, table, "alice", &alice);
    part_open(&w, table, "bob", &bob);
    insert_many(&alice, 1, 5);
    insert_many(&bob, 1, 5);
    EXPECT_UINT(evict(&w, table), 3);
    expect_keys(&alice, 4, 5);
    expect_keys(&bob, 1, 5);
    part_close(&bob);
    part_close(&alice);
    world_close(&w);
}

TEST(stream_evict_cut_short_goes_on_after_a_crash)
{
    struct world w = {0};
    world_open(&w);
    table_id table = bounded_stream(&w, 20);
    struct world_part part;
    part_open(&w, table, "alice", &part);
    insert_many(&part, 1, 2520);
    const enum kv_mem_fault faults[] = {KV_MEM_OK, KV_MEM_STORAGE_FULL}; /* the second commit */
    kv_mem_script(w.kv, faults, 2);
    uint64_t evicted = 0;
    EXPECT_STATUS(stream_evict(w.store, table, STR_LIT("alice"), NULL, &evicted, &w.err),
                  STORAGE_FULL);
    EXPECT_UINT(evicted, 1000);
    EXPECT_UINT(totals_of(&w, table).hot_rows, 1520);
    part_close(&part);
    world_crash(&w);
    EXPECT_UINT(totals_of(&w, table).hot_rows, 1520);
    EXPECT_UINT(evict(&w, table), 1500);
    part_open(&w, table, "alice", &part);
    expect_keys(&part, 2501, 2520);
    part_close(&part);
    world_close(&w);
}

TEST(stream_evict_that_is_cancelled_stops_between_two_commits)
{
    struct world w = {0};
    world_open(&w);
    table_id table = bounded_stream(&w, 1);
    struct world_part part;
    part_open(&w, table, "alice", &part);
    insert_many(&part, 1, 2500);
    atomic_count cancel;
    atomic_count_set(&cancel, 1);
    uint64_t evicted = 0;
    EXPECT_OK(stream_evict(w.store, table, STR_LIT("alice"), &cancel, &evicted, &w.err), &w.err);
    EXPECT_UINT(evicted, 1000);
    EXPECT_UINT(evict(&w, table), 1499);
    part_close(&part);
    world_close(&w);
}

/* The store's clock: asked for the second time, when an eviction has opened its view, it has
 * somebody delete the newest row. */
struct racing_clock {
    struct clock clock;
    struct world_part *part;
    unsigned calls;
};

static int64_t delete_then_tell(void *context)
{
    struct racing_clock *race = context;
    struct world *w = race->part->w;
    uint64_t seq = 0;
    if (++race->calls == 2) {
        EXPECT_OK(part_delete_row(race->part, 0, 12, &seq, &w->err), &w->err);
    }
    return clock_wall_us(&w->clock.clock);
}

TEST(stream_evict_that_loses_a_race_with_a_delete_keeps_as_many_as_may_be)
{
    struct world w = {0};
    world_open(&w);
    table_id table = bounded_stream(&w, 10);
    struct world_part part;
    part_open(&w, table, "alice", &part);
    insert_many(&part, 1, 12);
    struct racing_clock race = {.clock = {.wall_us = delete_then_tell, .context = &race},
                                .part = &part};
    w.store->options.clock = &race.clock;
    EXPECT_UINT(evict(&w, table), 1); /* two were over the bound in its view */
    w.store->options.clock = &w.clock.clock;
    expect_keys(&part, 2, 11);
    part_close(&part);
    world_close(&w);
}

static size_t candidate_count(struct world *w, struct arena *arena, str *owner)
{
    const struct catalog_snapshot *snapshot = catalog_take(w->catalog);
    struct stream_candidate *found = NULL;
    size_t count = 0;
    stream_candidates(w->store, snapshot, arena, &found, &count);
    catalog_give(snapshot);
    *owner = count > 0 ? found[0].owner : str_of(NULL, 0);
    return count;
}

TEST(stream_candidates_are_partitions_well_over_their_bound)
{
    struct world w = {0};
    world_open(&w);
    table_id unbounded = world_create_table(&w, "u", TABLE_STREAM, TTL_S, false);
    table_id table = bounded_stream(&w, 5);
    struct world_part part;
    struct world_part other;
    str owner;
    part_open(&w, table, "alice", &part);
    part_open(&w, unbounded, "alice", &other);
    insert_many(&other, 1, 500);
    insert_many(&part, 1, 5 + STREAM_SLACK_ROWS);
    EXPECT_UINT(candidate_count(&w, &part.arena, &owner), 0);
    insert_many(&part, 1000, 1);
    EXPECT_UINT(candidate_count(&w, &part.arena, &owner), 1);
    EXPECT_STR(owner, "alice");
    EXPECT_UINT(evict(&w, table), STREAM_SLACK_ROWS + 1);
    EXPECT_UINT(candidate_count(&w, &part.arena, &owner), 0);
    part_close(&other);
    part_close(&part);
    world_close(&w);
}
