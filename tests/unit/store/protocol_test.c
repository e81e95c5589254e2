/* tests/unit/store/protocol_test.c -- Goal: the ten schedules with which the model check found the
 * first design wrong stay right. Method: each schedule step by step, as written there: `w k` write,
 * `del k`, F flush, C compaction, V a job's view. Schedules 6 to 9 are about subscribers: here is
 * the store's half of them, watched by a small subscriber that follows the corrected rules. */
#include "test.h"
#include "world.h"

static void flush_all(struct world *w)
{
    (void)flush_finish(world_flush(w));
}

static uint64_t seq_of(struct world *w, int64_t id)
{
    return world_get(w, id).seq;
}

static void expect_clean(struct world *w)
{
    while (world_state(w).hot_rows > 0) {
        flush_all(w);
    }
    struct compact_result result = {.sources = 1};
    while (world_state(w).segments > 1 || world_state(w).dead > 0) {
        EXPECT_OK(compact_run(w->store, w->table, STR_LIT(""), true, (struct cold_slot){0, 1}, NULL,
                              &result, &w->err),
                  &w->err);
        EXPECT(result.sources > 0);
    }
    EXPECT_UINT(world_count_keys(w, KEY_DEAD), 0);
    EXPECT_UINT(fake_cold_count(&w->cold, ".parquet"), world_state(w).segments);
}

/* 1. A compaction deletes the dead keys of its own range, not the whole dead set of its view. */
TEST(schedule_1_compaction_during_a_flush_keeps_the_dead_keys_of_the_flush)
{
    struct world w = {.options = {.merge_bytes_max = 0}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    flush_all(&w);
    EXPECT_OK(world_update(&w, 1, "b"), &w.err);
    uint64_t second = seq_of(&w, 1);
    store_test_unlocked(true);
    struct flush *flush = world_flush(&w);
    flush_until(flush, FLUSH_VIEW); /* intent H = 2, V */
    EXPECT_OK(world_update(&w, 1, "c"), &w.err);
    EXPECT(world_is_dead(&w, second));
    (void)compact_finish(world_compact(&w, 0, 1));
    EXPECT(world_is_dead(&w, second)); /* else 2 and 3 are both visible after the commit */
    (void)flush_finish(flush);
    store_test_unlocked(false);
    EXPECT_STR(str_from(world_show(&w)), "1=c");
    expect_clean(&w);
    EXPECT_STR(str_from(world_show(&w)), "1=c");
    world_close(&w);
}

/* 1, without a flush: the dead rows of the neighbour stay dead. */
TEST(schedule_1_compaction_of_one_segment_keeps_the_dead_rows_of_another)
{
    struct world w = {.options = {.merge_bytes_max = 0}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    flush_all(&w);
    EXPECT_OK(world_insert(&w, 2, "b"), &w.err);
    flush_all(&w);
    EXPECT_OK(world_update(&w, 1, "c"), &w.err);
    EXPECT_OK(world_update(&w, 2, "d"), &w.err);
    struct compact_result result = compact_finish(world_compact(&w, 0, 1));
    EXPECT_UINT(result.sources, 1);
    EXPECT_UINT(result.rows, 0); /* nothing was left of it */
    EXPECT_STR(str_from(world_show(&w)), "1=c 2=d");
    EXPECT_UINT(world_state(&w).segments, 1);
    EXPECT_UINT(world_state(&w).dead, 1);
    expect_clean(&w);
    world_close(&w);
}

/* 2. Merge at flush and compaction of the same segment: the second commit is refused. */
TEST(schedule_2_merge_is_refused_when_a_compaction_took_its_segment)
{
    struct world w = {.options = {.merge_bytes_max = 1 << 20}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    flush_all(&w);
    EXPECT_OK(world_insert(&w, 2, "b"), &w.err);
    store_test_unlocked(true);
    struct flush *flush = world_flush(&w);
    flush_until(flush, FLUSH_VIEW);
    (void)compact_finish(world_compact(&w, 0, 1));
    flush_until(flush, FLUSH_STATE_COUNT);
    store_test_unlocked(false);
    struct flush_result result;
    EXPECT_STATUS(flush_outcome(flush, &result, &w.err), CONFLICT);
    flush_destroy(flush);
    EXPECT_UINT(world_count_keys(&w, KEY_INTENT), 0);
    EXPECT_UINT(world_state(&w).segments, 1);
    EXPECT_STR(str_from(world_show(&w)), "1=a 2=b");
    expect_clean(&w);
    world_close(&w);
}

TEST(schedule_2_compaction_is_refused_when_a_merge_took_its_segment)
{
    struct world w = {.options = {.merge_bytes_max = 1 << 20}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    flush_all(&w);
    EXPECT_OK(world_insert(&w, 2, "b"), &w.err);
    store_test_unlocked(true);
    struct compact *compact = world_compact(&w, 0, 1);
    compact_until(compact, COMPACT_PLACED);
    EXPECT_OK(world_delete(&w, 1), &w.err); /* would come back with the compaction's older view */
    flush_all(&w);
    compact_until(compact, COMPACT_STATE_COUNT);
    store_test_unlocked(false);
    struct compact_result result;
    EXPECT_STATUS(compact_outcome(compact, &result, &w.err), CONFLICT);
    compact_destroy(compact);
    EXPECT_STR(str_from(world_show(&w)), "2=b");
    EXPECT_UINT(fake_cold_count(&w.cold, ".parquet"), 1);
    world_close(&w);
}

TEST(schedule_2_a_compaction_finds_the_folder_taken_while_a_flush_runs)
{
    struct world w = {.options = {.merge_bytes_max = 1 << 20}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    flush_all(&w);
    EXPECT_OK(world_insert(&w, 2, "b"), &w.err);
    struct flush *flush = world_flush(&w);
    flush_until(flush, FLUSH_VIEW);
    struct compact_result result;
    EXPECT_STATUS(compact_run(w.store, w.table, STR_LIT(""), true, (struct cold_slot){0, 1}, NULL,
                              &result, &w.err),
                  UNAVAILABLE);
    (void)flush_finish(flush);
    EXPECT_OK(world_update(&w, 1, "c"), &w.err);
    EXPECT_OK(compact_run(w.store, w.table, STR_LIT(""), true, (struct cold_slot){0, 1}, NULL,
                          &result, &w.err),
              &w.err);
    EXPECT_UINT(result.sources, 1);
    world_close(&w);
}

/* 3. A merge leaves out the view's dead rows and deletes exactly their keys. */
TEST(schedule_3_merge_deletes_exactly_the_dead_keys_of_its_view)
{
    struct world w = {.options = {.merge_bytes_max = 1 << 20}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    EXPECT_OK(world_insert(&w, 2, "b"), &w.err);
    flush_all(&w);
    uint64_t second = seq_of(&w, 2);
    EXPECT_OK(world_update(&w, 1, "c"), &w.err); /* dead in the view */
    struct flush *flush = world_flush(&w);
    flush_until(flush, FLUSH_VIEW);
    EXPECT_OK(world_update(&w, 2, "d"), &w.err); /* dead after it: stays in the file and in `d` */
    struct flush_result result = flush_finish(flush);
    EXPECT_UINT(result.merged, 1);
    EXPECT(world_is_dead(&w, second));
    struct table_state state = world_state(&w);
    EXPECT_UINT(state.dead, 1);
    EXPECT_UINT(state.segments, 1);
    EXPECT_UINT(state.cold_rows, 2);
    EXPECT_STR(str_from(world_show(&w)), "1=c 2=d");
    expect_clean(&w);
    world_close(&w);
}

/* 4. A flush with nothing to write does not advance flushed_seq, and its `d` goes. */
TEST(schedule_4_flush_with_nothing_to_write_is_undone)
{
    struct world w = {.options = {.merge_bytes_max = 0}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    struct flush *flush = world_flush(&w);
    flush_until(flush, FLUSH_INTENT); /* H = 1 */
    EXPECT_OK(world_update(&w, 1, "b"), &w.err);
    EXPECT_UINT(world_state(&w).dead, 1);
    struct flush_result result = flush_finish(flush);
    EXPECT_UINT(result.files, 0);
    struct table_state state = world_state(&w);
    EXPECT_UINT(state.flushed_seq, 0);
    EXPECT_UINT(state.dead, 0);
    EXPECT_UINT(world_count_keys(&w, KEY_DEAD), 0);
    EXPECT_UINT(world_count_keys(&w, KEY_INTENT), 0);
    EXPECT_UINT(fake_cold_count(&w.cold, "parquet"), 0);
    EXPECT_STR(str_from(world_show(&w)), "1=b");
    world_close(&w);
}

/* 5. d of a dropped tombstone goes with it. */
TEST(schedule_5_reinsert_during_compaction_leaves_no_dead_key)
{
    struct world w = {.options = {.merge_bytes_max = 0, .tombstone_hours = 1}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    EXPECT_OK(world_delete(&w, 1), &w.err);
    uint64_t tombstone = seq_of(&w, 1);
    flush_all(&w);
    fake_clock_advance(&w.clock, 7200LL * 1000000);
    struct compact *compact = world_compact(&w, 0, 1);
    compact_until(compact, COMPACT_WRITTEN); /* has read the tombstone */
    EXPECT_OK(world_insert(&w, 1, "b"), &w.err);
    EXPECT(world_is_dead(&w, tombstone));
    struct compact_result result = compact_finish(compact);
    EXPECT_UINT(result.tombstones, 1);
    EXPECT_UINT(result.rows, 0);
    struct table_state state = world_state(&w);
    EXPECT_UINT(state.dead, 0);
    EXPECT_UINT(state.segments, 0);
    EXPECT_UINT(state.resume_floor, tombstone);
    EXPECT_UINT(world_count_keys(&w, KEY_DEAD), 0);
    EXPECT_STR(str_from(world_show(&w)), "1=b"); /* p of the new row was left alone */
    world_close(&w);
}

TEST(schedule_5_compaction_forgets_the_key_of_a_dropped_tombstone)
{
    struct world w = {.options = {.merge_bytes_max = 0, .tombstone_hours = 1}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    EXPECT_OK(world_insert(&w, 2, "b"), &w.err);
    EXPECT_OK(world_delete(&w, 1), &w.err);
    flush_all(&w);
    EXPECT_UINT(world_count_keys(&w, KEY_INDEX), 2);
    fake_clock_advance(&w.clock, 7200LL * 1000000);
    struct compact_result result;
    EXPECT_OK(compact_run(w.store, w.table, STR_LIT(""), false, (struct cold_slot){0, 1}, NULL,
                          &result, &w.err),
              &w.err); /* an expired tombstone is worth it by itself */
    EXPECT_UINT(result.tombstones, 1);
    EXPECT_UINT(world_count_keys(&w, KEY_INDEX), 1);
    EXPECT(!world_get(&w, 1).found);
    EXPECT_STR(str_from(world_show(&w)), "2=b");
    world_close(&w);
}

/* -- subscribers ---------------------------------------------------------------------------------
 */

enum { EVENTS_MAX = 16 };
struct event {
    enum change_op op;
    uint64_t seq;
    uint64_t old_seq;
};
/* Keeps what the sink gets. */
struct watcher {
    struct event events[EVENTS_MAX];
    unsigned count;
};

static void watch(void *context, struct change_set *set)
{
    struct watcher *watcher = context;
    for (unsigned i = 0; i < set->count && watcher->count < EVENTS_MAX; i++) {
        watcher->events[watcher->count++] =
            (struct event){set->changes[i].op, set->changes[i].seq, set->changes[i].old_seq};
    }
}

/* A page: rows with after < _seq <= high in one view, tombstones too; and the floor of that view.
 */
static uint64_t read_page(struct world *w, struct kv_view *view, uint64_t after, uint64_t high,
                          struct world_rows *out)
{
    struct world_part part;
    struct world_rows all;
    part_open(w, w->table, "", &part);
    struct table_read *read = NULL;
    EXPECT_OK(part_read_all(&part, view, true, &all, &w->err), &w->err);
    EXPECT_OK(table_read_open(w->store, view, &part.part, (struct cold_slot){0}, KV_MAY_BLOCK,
                              &part.arena, &read, &w->err),
              &w->err);
    uint64_t floor = read->state.resume_floor;
    out->count = 0;
    for (unsigned i = 0; i < all.count; i++) {
        if (all.rows[i].seq > after && all.rows[i].seq <= high) {
            out->rows[out->count++] = all.rows[i];
        }
    }
    part_close(&part);
    return floor;
}

/* 6. Messages leave in order of `_seq`: a key that changes again moves to the end. */
TEST(schedule_6_changes_reach_the_sink_in_order_of_seq)
{
    struct watcher watcher = {0};
    struct world w = {.sink = {.after = watch, .context = &watcher}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err); /* a@3 */
    EXPECT_OK(world_insert(&w, 2, "b"), &w.err); /* b@4 */
    EXPECT_OK(world_update(&w, 1, "c"), &w.err); /* a@5 */
    EXPECT_OK(world_update(&w, 2, "d"), &w.err); /* b@6 */
    EXPECT_UINT(watcher.count, 4);
    for (unsigned i = 1; i < watcher.count; i++) {
        EXPECT(watcher.events[i].seq > watcher.events[i - 1].seq);
    }
    /* a's newest event names the one that it replaces, so a buffer can move the key to its end; a
     * client that is cut after it and resumes from its seq finds b behind it. */
    EXPECT_UINT(watcher.events[2].old_seq, watcher.events[0].seq);
    struct kv_view *view = kv_view_open(w.kv);
    struct world_rows page;
    (void)read_page(&w, view, watcher.events[2].seq, UINT64_MAX, &page);
    EXPECT_UINT(page.count, 1);
    EXPECT_INT(page.rows[0].id, 2);
    kv_view_close(view);
    world_close(&w);
}

/* 7. Each page of a resume checks the floor of its own view. */
TEST(schedule_7_floor_rises_in_the_commit_that_drops_a_tombstone)
{
    struct world w = {.options = {.merge_bytes_max = 0, .tombstone_hours = 1}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    uint64_t from = seq_of(&w, 1); /* the client has it and is cut */
    EXPECT_OK(world_delete(&w, 1), &w.err);
    uint64_t tombstone = seq_of(&w, 1);
    flush_all(&w);
    struct kv_view *first = kv_view_open(w.kv);
    struct world_rows page;
    EXPECT(read_page(&w, first, from, UINT64_MAX, &page) <= from); /* the resume starts */
    EXPECT_UINT(page.count, 1);                                    /* with the tombstone */
    fake_clock_advance(&w.clock, 7200LL * 1000000);
    (void)compact_finish(world_compact(&w, 0, 1));
    struct kv_view *second = kv_view_open(w.kv);
    EXPECT_UINT(read_page(&w, second, from, UINT64_MAX, &page), tombstone); /* > from: resync */
    EXPECT_UINT(page.count, 0);
    EXPECT(read_page(&w, first, from, UINT64_MAX, &page) <= from); /* the older view is as it was */
    EXPECT_UINT(page.count, 1);
    kv_view_close(second);
    kv_view_close(first);
    world_close(&w);
}

/* One async write, answered but not synced. */
struct async_write {
    struct world_part part;
    struct row_write write;
    struct lock lock;
    struct cond cond;
    bool is_done;
    bool is_released;
    status result;
};

static void async_done(struct row_write *write, status result)
{
    struct async_write *a = write->context;
    lock_take(&a->lock);
    a->is_done = true;
    a->result = result;
    cond_broadcast(&a->cond);
    lock_give(&a->lock);
}

static void async_release(struct row_write *write)
{
    struct async_write *a = write->context;
    lock_take(&a->lock);
    a->is_released = true;
    cond_broadcast(&a->cond);
    lock_give(&a->lock);
}

static struct row_write_table *async_begin(struct async_write *a, struct world *w, table_id table,
                                           const char *user)
{
    *a = (struct async_write){0};
    lock_init(&a->lock, LOCK_TEST);
    cond_init(&a->cond);
    part_open(w, table, user, &a->part);
    row_write_init(&a->write, w->store, &a->part.arena);
    a->write.done = async_done;
    a->write.release = async_release;
    a->write.context = a;
    return row_write_table(&a->write, &a->part.part, a->part.schema);
}

static void async_submit(struct async_write *a)
{
    row_write_submit(&a->write, COMMIT_ASYNC);
    lock_take(&a->lock);
    while (!a->is_done) {
        cond_wait(&a->cond, &a->lock);
    }
    lock_give(&a->lock);
}

static void async_end(struct async_write *a)
{
    lock_take(&a->lock);
    while (!a->is_released) {
        cond_wait(&a->cond, &a->lock);
    }
    lock_give(&a->lock);
    row_write_release(&a->write);
    part_close(&a->part);
    cond_release(&a->cond);
    lock_release(&a->lock);
}

/* 8 (a). The event of an async write leaves only after a sync that covers it. */
TEST(schedule_8_event_of_an_async_write_waits_for_its_sync)
{
    struct watcher watcher = {0};
    struct world w = {.sink = {.after = watch, .context = &watcher}};
    world_open(&w);
    struct rng rng;
    rng_init(&rng, 8);
    EXPECT_OK(world_insert(&w, 9, "z"), &w.err); /* the first write takes a lease, synced */
    watcher.count = 0;
    kv_mem_set_sync(w.kv, KV_MEM_SYNC_WAITS);
    struct async_write a;
    struct row_write_table *to = async_begin(&a, &w, w.table, "");
    const struct value values[] = {value_int(TYPE_BIGINT, 1), value_text(STR_LIT("a"))};
    EXPECT_OK(row_write_insert(to, values, &w.err), &w.err);
    async_submit(&a);
    EXPECT_STATUS(a.result, OK);
    EXPECT_STR(str_from(world_show(&w)), "1=a 9=z"); /* answered and visible */
    EXPECT_UINT(watcher.count, 0);                   /* but nobody was told */
    w.sink.after = NULL;
    kv_mem_power_cut(w.kv);
    kv_mem_set_sync(w.kv, KV_MEM_SYNC_FAILS);
    async_end(&a); /* released without a publish */
    EXPECT_UINT(watcher.count, 0);
    world_power_cut(&w, &rng);
    EXPECT_STR(str_from(world_show(&w)), "9=z");
    world_close(&w);
}

/* 8 (a), but for STREAM tables, whose events are short-lived: a client may hold one that a power
 * cut has undone, and what comes later stays in order. */
TEST(schedule_8_event_of_an_async_stream_row_waits_for_no_sync)
{
    struct watcher watcher = {0};
    struct world w = {.sink = {.after = watch, .context = &watcher}};
    world_open(&w);
    struct rng rng;
    rng_init(&rng, 8);
    EXPECT_OK(world_insert(&w, 9, "z"), &w.err); /* the first write takes a lease, synced */
    table_id stream = world_create_table(&w, "s", TABLE_STREAM, 60, false);
    watcher.count = 0;
    kv_mem_set_sync(w.kv, KV_MEM_SYNC_WAITS);
    struct async_write a;
    struct row_write_table *to = async_begin(&a, &w, stream, "alice");
    const struct value values[] = {value_int(TYPE_BIGINT, 1), value_text(STR_LIT("a"))};
    EXPECT_OK(row_write_insert(to, values, &w.err), &w.err);
    async_submit(&a);
    async_end(&a); /* published, though no sync can have happened */
    EXPECT_UINT(watcher.count, 1);
    uint64_t lost = a.write.last_seq;
    EXPECT_UINT(commit_published_seq(w.committer), lost);
    kv_mem_power_cut(w.kv);
    kv_mem_set_sync(w.kv, KV_MEM_SYNC_WORKS);
    world_power_cut(&w, &rng);
    EXPECT_OK(world_insert(&w, 8, "y"), &w.err);
    EXPECT(commit_published_seq(w.committer) > lost); /* no `_seq` is given twice */
    world_close(&w);
}

/* 8 (b). A page forces a sync first, so that what it leaves out cannot come back. */
TEST(schedule_8_sync_before_a_page_makes_what_it_shows_last)
{
    struct world w = {0};
    world_open(&w);
    struct rng rng;
    rng_init(&rng, 8);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    struct world_row before = world_get(&w, 1);
    kv_mem_set_sync(w.kv, KV_MEM_SYNC_WAITS);
    struct async_write a;
    struct row_write_table *to = async_begin(&a, &w, w.table, "");
    const struct value values[] = {value_int(TYPE_BIGINT, 1), value_text(STR_LIT("a"))};
    struct buf bytes;
    buf_init(&bytes);
    EXPECT_OK(row_encode(&bytes, a.part.schema, values, false, 0, &w.err), &w.err);
    struct row last;
    EXPECT_OK(row_open(&last, a.part.schema, buf_str(&bytes), &w.err), &w.err);
    EXPECT_OK(row_write_delete(to, before.seq, &last, &w.err), &w.err);
    async_submit(&a);
    EXPECT(commit_published_seq(w.committer) < a.write.last_seq); /* H is still 1 */
    kv_mem_set_sync(w.kv, KV_MEM_SYNC_WORKS);
    EXPECT_OK(commit_sync_wait(w.committer, &w.err), &w.err); /* what a page does first */
    EXPECT(commit_published_seq(w.committer) >= a.write.last_seq);
    async_end(&a);
    buf_release(&bytes);
    world_power_cut(&w, &rng);
    EXPECT(world_get(&w, 1).is_deleted);
    world_close(&w);
}

/* 9. A row deleted behind H: the page skips it, and its event says what the client must forget. */
TEST(schedule_9_delete_behind_the_page_is_an_event_above_it)
{
    struct watcher watcher = {0};
    struct world w = {.sink = {.after = watch, .context = &watcher}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "in"), &w.err); /* k@2 matches a filter v = 'in' */
    uint64_t from = seq_of(&w, 1);
    EXPECT_OK(world_update(&w, 1, "out"), &w.err); /* k@3 does not; the client is away */
    watcher.count = 0;                             /* it is back: registers for events */
    uint64_t high = commit_published_seq(w.committer);
    EXPECT_OK(world_delete(&w, 1), &w.err); /* k@4, before its page */
    struct kv_view *view = kv_view_open(w.kv);
    struct world_rows page;
    (void)read_page(&w, view, from, high, &page);
    EXPECT_UINT(page.count, 0);
    kv_view_close(view);
    /* The event is above H, and its old image does not match: only the rule "every event up to the
     * head of the last page's view is a leave" reaches the client. The event has what it needs. */
    EXPECT_UINT(watcher.count, 1);
    EXPECT(watcher.events[0].op == CHANGE_DELETE);
    EXPECT(watcher.events[0].seq > high);
    EXPECT(watcher.events[0].seq <= commit_published_seq(w.committer));
    world_close(&w);
}

/* 10. A failed flush does not leave its intent, and the counter is what the intent counted. */
TEST(schedule_10_failed_flush_is_undone_at_once)
{
    struct world w = {.options = {.merge_bytes_max = 0}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    EXPECT_OK(world_insert(&w, 2, "b"), &w.err);
    uint64_t steps = 0;
    for (int64_t n = 1; n < 50; n++) { /* the n-th operation on files fails */
        struct flush *flush = world_flush(&w);
        flush_until(flush, FLUSH_INTENT);
        EXPECT_OK(world_update(&w, 1, "c"), &w.err); /* writes `d`, lowers the count */
        w.cold.fail_in = n;
        flush_until(flush, FLUSH_STATE_COUNT);
        bool was_hit = w.cold.fail_in == 0;
        w.cold.fail_in = 0;
        enum flush_state end = flush_state(flush);
        flush_destroy(flush);
        EXPECT_UINT(world_count_keys(&w, KEY_INTENT), 0);
        EXPECT_STR(str_from(world_show(&w)), "1=c 2=b");
        if (end == FLUSH_DONE) {
            EXPECT(n > 1);
            break;
        }
        EXPECT(was_hit);
        steps++;
        EXPECT_UINT(world_state(&w).hot_rows, 2);
        EXPECT_UINT(world_state(&w).dead, 0);
        EXPECT_UINT(world_count_keys(&w, KEY_DEAD), 0);
        EXPECT_UINT(fake_cold_count(&w.cold, "parquet"), 0);
        EXPECT_UINT(fake_cold_count(&w.cold, ".tmp"), 0);
    }
    EXPECT(steps >= 5); /* folder, copy, sync, checksum, rename, folder sync */
    world_close(&w);
}

TEST(schedule_10_rows_superseded_after_the_view_are_counted_once)
{
    struct world w = {.options = {.merge_bytes_max = 0}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    EXPECT_OK(world_insert(&w, 2, "b"), &w.err);
    struct flush *flush = world_flush(&w);
    flush_until(flush, FLUSH_VIEW);
    EXPECT_OK(world_update(&w, 1, "ccc"), &w.err); /* in the file, and superseded */
    (void)flush_finish(flush);
    struct table_state state = world_state(&w);
    EXPECT_UINT(state.hot_rows, 1);
    EXPECT_UINT(world_count_keys(&w, KEY_ROW), 1);
    EXPECT(state.hot_bytes > 0);
    EXPECT(state.oldest_us > 0);
    EXPECT_UINT(state.dead, 1);
    EXPECT_STR(str_from(world_show(&w)), "1=ccc 2=b");
    flush_all(&w);
    EXPECT_UINT(world_state(&w).hot_rows, 0);
    EXPECT_UINT(world_state(&w).hot_bytes, 0);
    world_close(&w);
}

TEST(schedule_10_flush_of_a_dropped_table_is_undone)
{
    struct world w = {.options = {.merge_bytes_max = 0}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    struct flush *flush = world_flush(&w);
    flush_until(flush, FLUSH_PLACED);
    EXPECT_OK(catalog_drop_table(w.catalog, w.table, &w.err), &w.err);
    flush_until(flush, FLUSH_STATE_COUNT);
    struct flush_result result;
    EXPECT_STATUS(flush_outcome(flush, &result, &w.err), CONFLICT);
    flush_destroy(flush);
    EXPECT_UINT(fake_cold_count(&w.cold, "parquet"), 0);
    world_crash(&w); /* finishes the drop */
    EXPECT_UINT(w.recovered.tables_dropped, 1);
    EXPECT_UINT(w.recovered.intents_undone, 0);
    world_close(&w);
}
