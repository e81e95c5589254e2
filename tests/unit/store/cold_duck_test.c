/* tests/unit/store/cold_duck_test.c -- Goal: the store on the real engine and real files: what is
 * flushed, merged and compacted reads back, hot or cold. Method: kv_mem, a scratch folder, DuckDB;
 * a thousand rows, then writes over them, compared with a plain array. */
#include "base/fs.h"
#include "store/cold_duck.h"
#include "test.h"
#include "world.h"

#include <unistd.h>

enum { ROWS = 1000, SLOTS = 2 };

struct real_world {
    struct world w;
    char folder[64];
    char cold[80];
    char temp[80];
    struct duck_provider provider;
    struct duck *duck;
    struct cold_duck cold_duck;
};

static status get_duck(void *context, struct duck **out, struct error *err)
{
    struct real_world *r = context;
    if (r->duck == NULL) {
        const struct duck_options options = {.memory_bytes = 256u << 20,
                                             .temp_dir = r->temp,
                                             .temp_bytes_max = 256u << 20,
                                             .cold_dir = r->cold,
                                             .slot_count = SLOTS,
                                             .clock = clock_system(),
                                             .provider = &r->provider};
        TRY(duck_open(&options, &r->duck, err));
    }
    *out = r->duck;
    return STATUS_IS_OK;
}

static status no_hot(void *context, void *session, const struct duck_scan *scan,
                     struct duck_source *out, struct error *err)
{
    (void)context;
    (void)session;
    (void)scan;
    (void)out;
    return error_set(err, ERROR_INTERNAL, "not asked for");
}

static void real_open(struct real_world *r)
{
    *r = (struct real_world){0};
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(r->folder, sizeof r->folder, "%s/kalam-store-XXXXXX",
                   tmp != NULL && strlen(tmp) < 30 ? tmp : "/tmp");
    EXPECT(mkdtemp(r->folder) != NULL);
    (void)snprintf(r->cold, sizeof r->cold, "%s/cold", r->folder);
    (void)snprintf(r->temp, sizeof r->temp, "%s/temp", r->folder);
    EXPECT_OK(fs_make_dirs(r->cold, &r->w.err), &r->w.err);
    EXPECT_OK(fs_make_dirs(r->temp, &r->w.err), &r->w.err);
    r->provider.hot_open = no_hot;
    cold_duck_init(&r->cold_duck, get_duck, r);
    r->w.real_cold = &r->cold_duck.engine;
    r->w.real_root = r->cold;
    r->w.options.merge_bytes_max = 1; /* no merge, unless a test says so */
    world_open(&r->w);
}

static void real_close(struct real_world *r)
{
    world_close(&r->w);
    duck_close(r->duck);
    EXPECT_OK(fs_remove_tree(r->folder, &r->w.err), &r->w.err);
}

/* Inserts rows first .. first + count - 1 in one commit. */
static void insert_many(struct world *w, int64_t first, int64_t count, const char *text)
{
    struct world_part part;
    part_open(w, w->table, "", &part);
    struct row_write write;
    row_write_init(&write, w->store, &part.arena);
    struct row_write_table *to = row_write_table(&write, &part.part, part.schema);
    for (int64_t id = first; id < first + count; id++) {
        const struct value values[] = {value_int(TYPE_BIGINT, id), value_text(str_from(text))};
        EXPECT_OK(row_write_insert(to, values, &w->err), &w->err);
    }
    EXPECT_OK(row_write_run(&write, COMMIT_SYNC, &w->err), &w->err);
    row_write_release(&write);
    part_close(&part);
}

/* Live rows, and of them those with `text`. */
static void count_rows(struct world *w, const char *text, unsigned *live, unsigned *with_text)
{
    struct world_part part;
    struct arena arena;
    struct table_read *read = NULL;
    struct duck_source source;
    part_open(w, w->table, "", &part);
    arena_init(&arena);
    struct kv_view *view = kv_view_open(w->kv);
    EXPECT_OK(table_read_open(w->store, view, &part.part, (struct cold_slot){0}, KV_MAY_BLOCK,
                              &arena, &read, &w->err),
              &w->err);
    struct table_scan scan = TABLE_SCAN_ALL(part.schema);
    EXPECT_OK(table_scan_current(read, &scan, &source, &w->err), &w->err);
    struct batch *batch = table_batch_create(part.schema);
    bool done = false;
    *live = 0;
    *with_text = 0;
    while (!done) {
        batch_reset(batch);
        EXPECT_OK(source.next(source.state, batch, &done, &w->err), &w->err);
        for (unsigned i = 0; i < batch->row_count; i++) {
            *live += 1;
            *with_text += str_eq(batch_get(batch, 1, i).as.text, str_from(text)) ? 1 : 0;
        }
    }
    source.close(source.state);
    batch_destroy(batch);
    kv_view_close(view);
    arena_release(&arena);
    part_close(&part);
}

static void expect_counts(struct world *w, const char *text, unsigned live, unsigned with_text)
{
    unsigned found_live = 0;
    unsigned found_text = 0;
    count_rows(w, text, &found_live, &found_text);
    EXPECT_UINT(found_live, live);
    EXPECT_UINT(found_text, with_text);
}

TEST(store_on_the_real_engine_reads_back_what_it_flushed_and_compacted)
{
    struct real_world r;
    real_open(&r);
    struct world *w = &r.w;
    static const char old_text[] = "a text that is longer than twelve bytes";
    insert_many(w, 0, ROWS, old_text);
    struct flush_result flushed = flush_finish(world_flush(w));
    EXPECT_UINT(flushed.rows, ROWS);
    EXPECT(flushed.bytes > 0);
    expect_counts(w, old_text, ROWS, ROWS);
    for (int64_t id = 0; id < 100; id++) { /* cold rows get new versions */
        EXPECT_OK(world_update(w, id, "new"), &w->err);
    }
    for (int64_t id = 100; id < 150; id++) {
        EXPECT_OK(world_delete(w, id), &w->err);
    }
    expect_counts(w, "new", ROWS - 50, 100);
    EXPECT_UINT(flush_finish(world_flush(w)).rows, 150);
    EXPECT_UINT(world_state(w).segments, 2);
    expect_counts(w, "new", ROWS - 50, 100);
    EXPECT(world_get(w, 5).tier == TIER_COLD);
    EXPECT_STR(str_from(world_get(w, 5).text), "new");
    EXPECT(world_get(w, 120).is_deleted);
    EXPECT_OK(world_insert(w, 120, "again"), &w->err); /* over a cold tombstone */
    struct compact_result compacted = compact_finish(world_compact(w, 0, 2));
    EXPECT_UINT(compacted.sources, 2);
    EXPECT_UINT(compacted.dead, 151);
    EXPECT_UINT(world_state(w).segments, 1);
    EXPECT_UINT(world_state(w).dead, 0);
    expect_counts(w, "new", ROWS - 49, 100);
    world_crash(w); /* checksums are checked again by the next process */
    expect_counts(w, "again", ROWS - 49, 1);
    EXPECT_OK(world_update(w, 999, "last"), &w->err);
    expect_counts(w, "last", ROWS - 49, 1);
    real_close(&r);
}

TEST(store_on_the_real_engine_merges_a_small_segment)
{
    struct real_world r;
    real_open(&r);
    r.w.options.merge_bytes_max = 4u << 20;
    world_crash(&r.w); /* takes the new option */
    insert_many(&r.w, 0, 10, "first");
    (void)flush_finish(world_flush(&r.w));
    insert_many(&r.w, 10, 10, "second");
    EXPECT_OK(world_update(&r.w, 3, "changed"), &r.w.err);
    struct flush_result flushed = flush_finish(world_flush(&r.w));
    EXPECT_UINT(flushed.merged, 1);
    EXPECT_UINT(world_state(&r.w).segments, 1);
    EXPECT_UINT(world_state(&r.w).cold_rows, 20);
    expect_counts(&r.w, "changed", 20, 1);
    char path[200];
    (void)snprintf(path, sizeof path, "%s/app/t/batch-0.parquet", r.cold);
    EXPECT(!fs_exists(path));
    (void)snprintf(path, sizeof path, "%s/app/t/batch-1.parquet", r.cold);
    EXPECT(fs_exists(path));
    real_close(&r);
}

TEST(manifest_json_of_the_real_engine_has_tagged_statistics)
{
    struct real_world r;
    real_open(&r);
    insert_many(&r.w, 7, 3, "text");
    (void)flush_finish(world_flush(&r.w));
    char path[200];
    (void)snprintf(path, sizeof path, "%s/app/t/manifest.json", r.cold);
    struct arena arena;
    arena_init(&arena);
    str text;
    EXPECT_OK(fs_read(path, 1 << 20, &arena, &text, &r.w.err), &r.w.err);
    EXPECT(str_find(text, STR_LIT("\"1\":{\"min\":{\"Int64\":\"7\"},\"max\":{\"Int64\":\"9\"},"
                                  "\"null_count\":0}")) > 0);
    EXPECT(str_find(text, STR_LIT("\"2\":{\"min\":{\"Utf8\":\"text\"},\"max\":{\"Utf8\":\"text\"},"
                                  "\"null_count\":0}")) > 0);
    arena_release(&arena);
    real_close(&r);
}
