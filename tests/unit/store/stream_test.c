/* tests/unit/store/stream_test.c -- Goal: rows past their TTL are hidden at once and removed by the
 * job. Method: the clock moved by hand. */
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
    uint64_t evicted = 0;
    EXPECT_OK(stream_evict_all(w.store, NULL, &evicted, &w.err), &w.err);
    EXPECT_UINT(evicted, 1);
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
    uint64_t evicted = 9;
    EXPECT_OK(stream_evict(w.store, part.part.table->id, STR_LIT("alice"), &evicted, &w.err),
              &w.err);
    EXPECT_UINT(evicted, 0); /* the old version went with the insert */
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
    struct row_write write;
    row_write_init(&write, w.store, &part.arena);
    struct row_write_table *to = row_write_table(&write, &part.part, part.schema);
    const struct value values[] = {value_int(TYPE_BIGINT, 1), value_text(STR_LIT("same"))};
    for (int i = 0; i < 2500; i++) {
        EXPECT_OK(row_write_insert(to, values, &w.err), &w.err);
    }
    EXPECT_OK(row_write_run(&write, COMMIT_SYNC, &w.err), &w.err);
    row_write_release(&write);
    EXPECT_UINT(totals_of(&w, table).hot_rows, 2500);
    fake_clock_advance(&w.clock, 70 * 1000000);
    uint64_t evicted = 0;
    EXPECT_OK(stream_evict(w.store, table, STR_LIT("alice"), &evicted, &w.err), &w.err);
    EXPECT_UINT(evicted, 2500);
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
    EXPECT_STATUS(stream_evict(w.store, w.table, STR_LIT(""), &evicted, &w.err), NOT_FOUND);
    world_close(&w);
}
