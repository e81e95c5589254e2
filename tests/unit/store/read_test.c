/* tests/unit/store/read_test.c -- Goal: point reads, scans, the dead set, files and pages show one
 * instant over both tiers. Method: rows in two segments and in the hot tier. */
#include "test.h"
#include "world.h"

/* 1=a 2=b in the first segment, 3=c and a new 1=d in the second, 4=e hot, 2 deleted hot. */
static void fill(struct world *w)
{
    EXPECT_OK(world_insert(w, 1, "a"), &w->err);
    EXPECT_OK(world_insert(w, 2, "b"), &w->err);
    (void)flush_finish(world_flush(w));
    EXPECT_OK(world_insert(w, 3, "c"), &w->err);
    EXPECT_OK(world_update(w, 1, "d"), &w->err);
    (void)flush_finish(world_flush(w));
    EXPECT_OK(world_insert(w, 4, "e"), &w->err);
    EXPECT_OK(world_delete(w, 2), &w->err);
}

struct reading {
    struct world_part part;
    struct kv_view *view;
    struct arena arena;
    struct table_read *read;
    struct batch *batch;
};

static void reading_open(struct world *w, struct reading *r)
{
    part_open(w, w->table, "", &r->part);
    arena_init(&r->arena);
    r->view = kv_view_open(w->kv);
    EXPECT_OK(table_read_open(w->store, r->view, &r->part.part, (struct cold_slot){0}, KV_MAY_BLOCK,
                              &r->arena, &r->read, &w->err),
              &w->err);
    r->batch = table_batch_create(r->part.schema);
}

static void reading_close(struct reading *r)
{
    batch_destroy(r->batch);
    arena_release(&r->arena);
    kv_view_close(r->view);
    part_close(&r->part);
}

/* The text column of a source, "c,d,e"; closes it. */
static const char *texts_of(struct world *w, struct reading *r, struct duck_source *source)
{
    static char text[256];
    size_t n = 0;
    bool done = false;
    text[0] = '\0';
    while (!done) {
        batch_reset(r->batch);
        EXPECT_OK(source->next(source->state, r->batch, &done, &w->err), &w->err);
        for (unsigned i = 0; i < r->batch->row_count; i++) {
            struct value v = batch_get(r->batch, 1, i);
            n += (size_t)snprintf(text + n, sizeof text - n, "%s" STR_FMT, n > 0 ? "," : "",
                                  STR(v.as.text));
        }
    }
    source->close(source->state);
    return text;
}

TEST(table_get_finds_the_newest_version_in_either_tier)
{
    struct world w = {0};
    world_open(&w);
    fill(&w);
    EXPECT(world_get(&w, 1).tier == TIER_COLD);
    EXPECT_STR(str_from(world_get(&w, 1).text), "d");
    EXPECT(world_get(&w, 4).tier == TIER_HOT);
    struct world_row gone = world_get(&w, 2);
    EXPECT(gone.found && gone.is_deleted && gone.tier == TIER_HOT);
    EXPECT_STR(str_from(gone.text), "b"); /* copied from the cold row */
    EXPECT(!world_get(&w, 9).found);
    world_close(&w);
}

TEST(table_get_without_io_refuses_cold_rows_and_blocked_reads)
{
    struct world w = {0};
    world_open(&w);
    fill(&w);
    struct reading r;
    reading_open(&w, &r);
    struct buf key;
    struct table_row row;
    buf_init(&key);
    const struct value one = value_int(TYPE_BIGINT, 1);
    EXPECT_OK(key_encode(&key, &one, &w.err), &w.err);
    EXPECT_STATUS(table_get(r.read, buf_str(&key), KV_NO_IO, NULL, &row, &w.err), UNAVAILABLE);
    buf_clear(&key);
    const struct value four = value_int(TYPE_BIGINT, 4);
    EXPECT_OK(key_encode(&key, &four, &w.err), &w.err);
    EXPECT_OK(table_get(r.read, buf_str(&key), KV_NO_IO, NULL, &row, &w.err), &w.err);
    EXPECT(row.found && row.tier == TIER_HOT);
    kv_mem_block_reads(w.kv, true);
    EXPECT_STATUS(table_get(r.read, buf_str(&key), KV_NO_IO, NULL, &row, &w.err), UNAVAILABLE);
    kv_mem_block_reads(w.kv, false);
    bool found = false;
    bool is_deleted = true;
    uint64_t seq = 0;
    EXPECT_OK(table_find_key(r.read, buf_str(&key), KV_NO_IO, &found, &seq, &is_deleted, &w.err),
              &w.err);
    EXPECT(found && !is_deleted && seq == row.seq);
    buf_release(&key);
    reading_close(&r);
    world_close(&w);
}

TEST(table_scan_hot_obeys_direction_bounds_and_tombstones)
{
    struct world w = {0};
    world_open(&w);
    uint64_t seqs[4];
    for (int64_t id = 0; id < 4; id++) {
        char text[2] = {(char)('a' + id), '\0'};
        EXPECT_OK(world_insert(&w, id, text), &w.err);
        seqs[id] = world_get(&w, id).seq;
    }
    EXPECT_OK(world_delete(&w, 1), &w.err);
    struct reading r;
    struct duck_source source;
    reading_open(&w, &r);
    struct table_scan scan = TABLE_SCAN_ALL(r.part.schema);
    EXPECT_OK(table_scan_hot(r.read, &scan, &source, &w.err), &w.err);
    EXPECT_STR(str_from(texts_of(&w, &r, &source)), "a,c,d");
    scan.direction = KV_REVERSE;
    scan.want_deleted = true;
    EXPECT_OK(table_scan_hot(r.read, &scan, &source, &w.err), &w.err);
    EXPECT_STR(str_from(texts_of(&w, &r, &source)), "b,d,c,a");
    scan.seq_after = seqs[0];
    scan.seq_to = seqs[2];
    EXPECT_OK(table_scan_hot(r.read, &scan, &source, &w.err), &w.err);
    EXPECT_STR(str_from(texts_of(&w, &r, &source)), "c");
    reading_close(&r);
    world_close(&w);
}

TEST(table_scan_hot_fills_wanted_columns_only)
{
    struct world w = {0};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 5, "a"), &w.err);
    struct reading r;
    struct duck_source source;
    reading_open(&w, &r);
    const uint64_t wanted[] = {1u << 0 | 1u << 2}; /* id, _seq */
    struct table_scan scan = TABLE_SCAN_ALL(r.part.schema);
    scan.wanted = wanted;
    EXPECT_OK(table_scan_hot(r.read, &scan, &source, &w.err), &w.err);
    bool done = false;
    batch_reset(r.batch);
    const struct value null_text = value_null(type_of(TYPE_TEXT));
    batch_set(r.batch, 1, 0, &null_text);
    EXPECT_OK(source.next(source.state, r.batch, &done, &w.err), &w.err);
    EXPECT(done);
    EXPECT_UINT(r.batch->row_count, 1);
    EXPECT_INT(batch_get(r.batch, 0, 0).as.integer, 5);
    EXPECT(batch_get(r.batch, 1, 0).is_null);
    EXPECT_INT(batch_get(r.batch, 2, 0).as.integer, (int64_t)world_get(&w, 5).seq);
    source.close(source.state);
    reading_close(&r);
    world_close(&w);
}

TEST(table_scan_current_joins_both_tiers_less_the_dead)
{
    struct world w = {0};
    world_open(&w);
    fill(&w);
    struct reading r;
    struct duck_source source;
    reading_open(&w, &r);
    struct table_scan scan = TABLE_SCAN_ALL(r.part.schema);
    EXPECT_OK(table_scan_current(r.read, &scan, &source, &w.err), &w.err);
    EXPECT_STR(str_from(texts_of(&w, &r, &source)), "c,d,e");
    scan.want_deleted = true;
    EXPECT_OK(table_scan_current(r.read, &scan, &source, &w.err), &w.err);
    EXPECT_STR(str_from(texts_of(&w, &r, &source)), "c,d,e,b");
    scan.seq_after = world_get(&w, 3).seq; /* a page of a live query */
    scan.seq_to = world_get(&w, 4).seq;
    EXPECT_OK(table_scan_current(r.read, &scan, &source, &w.err), &w.err);
    EXPECT_STR(str_from(texts_of(&w, &r, &source)), "d,e");
    EXPECT_UINT(table_hot_rows(r.read), 2);
    EXPECT_UINT(table_cold_rows(r.read), 2);
    reading_close(&r);
    world_close(&w);
}

TEST(table_scan_dead_names_the_superseded_cold_rows)
{
    struct world w = {0};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    uint64_t seq = world_get(&w, 1).seq;
    (void)flush_finish(world_flush(&w));
    EXPECT_OK(world_delete(&w, 1), &w.err);
    struct reading r;
    struct duck_source source;
    reading_open(&w, &r);
    EXPECT_OK(table_scan_dead(r.read, &source, &w.err), &w.err);
    const struct type type = type_of(TYPE_BIGINT);
    struct batch *batch = batch_create(&type, 1);
    bool done = false;
    EXPECT_OK(source.next(source.state, batch, &done, &w.err), &w.err);
    EXPECT(done);
    EXPECT_UINT(batch->row_count, 1);
    EXPECT_INT(batch_get(batch, 0, 0).as.integer, (int64_t)seq);
    source.close(source.state);
    batch_destroy(batch);
    reading_close(&r);
    world_close(&w);
}

static status keep_second(void *context, const struct segment *segment, str path, bool *is_kept,
                          struct error *err)
{
    (void)context;
    (void)err;
    *is_kept = segment->number == 1;
    EXPECT(str_ends_with(path, *is_kept ? STR_LIT("batch-1.parquet") : STR_LIT("batch-0.parquet")));
    return STATUS_IS_OK;
}

TEST(table_files_come_newest_first_and_pruned)
{
    struct world w = {0};
    world_open(&w);
    fill(&w);
    struct reading r;
    struct table_file *files = NULL;
    unsigned count = 0;
    reading_open(&w, &r);
    EXPECT_OK(table_files(r.read, NULL, NULL, &files, &count, &w.err), &w.err);
    EXPECT_UINT(count, 2);
    EXPECT_STR(files[0].path, "/cold/app/t/batch-1.parquet");
    EXPECT_STR(files[1].path, "/cold/app/t/batch-0.parquet");
    EXPECT(files[1].segment->max_seq <= files[0].segment->low);
    EXPECT_OK(table_files(r.read, keep_second, NULL, &files, &count, &w.err), &w.err);
    EXPECT_UINT(count, 1);
    reading_close(&r);
    world_close(&w);
}

TEST(table_files_of_a_damaged_segment_are_refused_before_the_engine_sees_them)
{
    struct world w = {0};
    world_open(&w);
    fill(&w);
    world_crash(&w); /* files are checked once per process */
    fake_cold_damage(&w.cold, "/cold/app/t/batch-0.parquet");
    struct reading r;
    struct table_file *files = NULL;
    unsigned count = 0;
    reading_open(&w, &r);
    EXPECT_STATUS(table_files(r.read, NULL, NULL, &files, &count, &w.err), CORRUPT);
    EXPECT_STR(str_from(w.err.text), "segment batch-0.parquet does not have its checksum");
    EXPECT_OK(table_files(r.read, keep_second, NULL, &files, &count, &w.err), &w.err);
    struct table_scan scan = TABLE_SCAN_ALL(r.part.schema);
    struct duck_source source;
    EXPECT_STATUS(table_scan_current(r.read, &scan, &source, &w.err), CORRUPT);
    reading_close(&r);
    world_close(&w);
}

TEST(rows_of_an_older_schema_version_show_the_new_columns_absent_value)
{
    struct world w = {.options = {.merge_bytes_max = 0}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "cold"), &w.err);
    (void)flush_finish(world_flush(&w));
    EXPECT_OK(world_insert(&w, 2, "hot"), &w.err);
    world_add_extra(&w, value_int(TYPE_INT, 42));
    for (int round = 0; round < 2;
         round++) { /* hot and cold; then all cold, merged under version 2 */
        struct reading r;
        struct duck_source source;
        reading_open(&w, &r);
        struct table_scan scan = TABLE_SCAN_ALL(r.part.schema);
        EXPECT_OK(table_scan_current(r.read, &scan, &source, &w.err), &w.err);
        unsigned rows = 0;
        bool done = false;
        while (!done) {
            batch_reset(r.batch);
            EXPECT_OK(source.next(source.state, r.batch, &done, &w.err), &w.err);
            for (unsigned i = 0; i < r.batch->row_count; i++) {
                EXPECT_INT(batch_get(r.batch, 2, i).as.integer, 42);
                rows++;
            }
        }
        EXPECT_UINT(rows, 2);
        source.close(source.state);
        reading_close(&r);
        if (round == 0) {
            (void)flush_finish(world_flush(&w));
            (void)compact_finish(world_compact(&w, 0, 2));
        }
    }
    world_close(&w);
}
