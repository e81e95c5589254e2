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

/* -- all types -----------------------------------------------------------------------------------
 */

enum { TYPE_COLUMNS = 18, TYPE_ROWS = 4 };

static struct type column_type(unsigned i)
{
    enum type_id id = (enum type_id)i;
    return (struct type){.id = id,
                         .dimension = id == TYPE_EMBEDDING ? 3 : 0,
                         .precision = id == TYPE_DECIMAL ? 38 : 0,
                         .scale = id == TYPE_DECIMAL ? 2 : 0};
}

/* Column 0 is the key, column i has type i. */
static table_id create_wide(struct world *w)
{
    static char names[TYPE_COLUMNS][8];
    struct column columns[TYPE_COLUMNS];
    for (unsigned i = 0; i < TYPE_COLUMNS; i++) {
        struct type type = i == 0 ? type_of(TYPE_BIGINT) : column_type(i);
        (void)snprintf(names[i], sizeof names[i], "c%u", i);
        columns[i] = (struct column){.name = str_from(names[i]),
                                     .type = type,
                                     .is_nullable = i > 0,
                                     .is_primary_key = i == 0,
                                     .absent_value = value_null(type)};
    }
    const struct table_spec spec = {.namespace_name = STR_LIT("app"),
                                    .name = STR_LIT("wide"),
                                    .kind = TABLE_SHARED,
                                    .columns = columns,
                                    .column_count = TYPE_COLUMNS};
    table_id id = {0};
    EXPECT_OK(catalog_create_table(w->catalog, &spec, &id, &w->err), &w->err);
    return id;
}

static const int64_t integer_edges[] = {INT16_MIN, -1, INT16_MAX};
static const int64_t wide_edges[] = {INT64_MIN / 1000000, 1, INT64_MAX / 1000000};
static const char *const text_edges[] = {"", "twelve bytes",
                                         "a longer text, \xC3\xA9\xF0\x9F\x98\x80"};
static const char *const json_edges[] = {"null", "{\"a\":[1,2]}", "\"x\""};

/* Row 0 is all NULL; the others have edge values. */
static struct value cell(unsigned column, unsigned row)
{
    static const char floats[3][12] = {{0}, "\0\0\x80\x3F\0\0\0\0\0\0\0\0", {0}};
    struct type type = column_type(column);
    struct value v = {.type = type};
    if (row == 0) {
        return value_null(type);
    }
    unsigned e = row - 1;
    switch (type.id) {
    case TYPE_BOOLEAN:
        v.as.boolean = e == 1;
        break;
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_DATE:
        v.as.integer = integer_edges[e];
        break;
    case TYPE_BIGINT:
        v.as.integer = e == 0 ? INT64_MIN : e == 1 ? 0 : INT64_MAX;
        break;
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
        v.as.integer = wide_edges[e];
        break;
    case TYPE_TIME:
        v.as.integer = e == 0 ? 0 : e == 1 ? 1 : INT64_C(86399999999);
        break;
    case TYPE_FLOAT:
        v.as.real = e == 0 ? -1.5 : e == 1 ? 0.0 : 1e30f;
        break;
    case TYPE_DOUBLE:
        v.as.real = e == 0 ? -1.5e300 : e == 1 ? 0.1 : 4.9e-324;
        break;
    case TYPE_DECIMAL:
        v.as.decimal = e == 0   ? -(int128)INT64_MAX * 1000000
                       : e == 1 ? 1
                                : (int128)INT64_MAX * 1000;
        break;
    case TYPE_UUID:
        memset(v.as.uuid, e == 0 ? 0 : e == 1 ? 0x7F : 0xFF, sizeof v.as.uuid);
        break;
    case TYPE_JSON:
    case TYPE_FILE:
        v.as.text = str_from(json_edges[e]);
        break;
    case TYPE_BYTES:
        v.as.text = e == 0 ? str_of("", 0) : str_of("\0\xFF\'\\x", 5);
        break;
    case TYPE_EMBEDDING:
        v.as.text = str_of(floats[e], 12);
        break;
    default:
        v.as.text = str_from(text_edges[e]);
    }
    return v;
}

static void expect_row(const struct schema *schema, const struct value *values, unsigned row)
{
    for (unsigned c = 1; c < schema->column_count; c++) {
        struct value wanted = cell(c, row);
        if (!value_identical(&values[c], &wanted)) {
            test_fail(__FILE__, __LINE__, "row %u, type %u differs", row, c);
        }
    }
}

static void expect_by_key(struct world *w, struct world_part *part, enum table_tier tier)
{
    struct kv_view *view = kv_view_open(w->kv);
    for (unsigned row = 0; row < TYPE_ROWS; row++) {
        struct arena arena;
        arena_init(&arena);
        struct table_read *read = NULL;
        struct table_row found;
        struct buf key;
        buf_init(&key);
        const struct value id = value_int(TYPE_BIGINT, row);
        EXPECT_OK(key_encode(&key, &id, &w->err), &w->err);
        EXPECT_OK(table_read_open(w->store, view, &part->part, (struct cold_slot){0}, KV_MAY_BLOCK,
                                  &arena, &read, &w->err),
                  &w->err);
        EXPECT_OK(table_get(read, buf_str(&key), KV_MAY_BLOCK, part->schema, &found, &w->err),
                  &w->err);
        EXPECT(found.found && found.tier == tier);
        struct row opened;
        EXPECT_OK(row_open(&opened, part->schema, found.bytes, &w->err), &w->err);
        struct value values[TYPE_COLUMNS];
        for (unsigned c = 0; c < TYPE_COLUMNS; c++) {
            values[c] = row_value(&opened, c);
        }
        expect_row(part->schema, values, row);
        buf_release(&key);
        arena_release(&arena);
    }
    kv_view_close(view);
}

static void expect_by_scan(struct world *w, struct world_part *part)
{
    struct arena arena;
    arena_init(&arena);
    struct kv_view *view = kv_view_open(w->kv);
    struct table_read *read = NULL;
    struct duck_source source;
    EXPECT_OK(table_read_open(w->store, view, &part->part, (struct cold_slot){0}, KV_MAY_BLOCK,
                              &arena, &read, &w->err),
              &w->err);
    struct table_scan scan = TABLE_SCAN_ALL(part->schema);
    EXPECT_OK(table_scan_current(read, &scan, &source, &w->err), &w->err);
    struct batch *batch = table_batch_create(part->schema);
    bool done = false;
    unsigned rows = 0;
    while (!done) {
        batch_reset(batch);
        EXPECT_OK(source.next(source.state, batch, &done, &w->err), &w->err);
        for (unsigned i = 0; i < batch->row_count; i++, rows++) {
            struct value values[TYPE_COLUMNS];
            for (unsigned c = 0; c < TYPE_COLUMNS; c++) {
                values[c] = batch_get(batch, c, i);
            }
            expect_row(part->schema, values, rows);
        }
    }
    EXPECT_UINT(rows, TYPE_ROWS);
    source.close(source.state);
    batch_destroy(batch);
    kv_view_close(view);
    arena_release(&arena);
}

TEST(values_of_every_type_are_the_same_hot_cold_and_compacted)
{
    struct real_world r;
    real_open(&r);
    struct world *w = &r.w;
    struct world_part part;
    w->table = create_wide(w);
    part_open(w, w->table, "", &part);
    for (unsigned row = 0; row < TYPE_ROWS; row++) {
        struct row_write write;
        row_write_init(&write, w->store, &part.arena);
        struct value values[TYPE_COLUMNS];
        values[0] = value_int(TYPE_BIGINT, row);
        for (unsigned c = 1; c < TYPE_COLUMNS; c++) {
            values[c] = cell(c, row);
        }
        EXPECT_OK(
            row_write_insert(row_write_table(&write, &part.part, part.schema), values, &w->err),
            &w->err);
        EXPECT_OK(row_write_run(&write, COMMIT_SYNC, &w->err), &w->err);
        row_write_release(&write);
    }
    expect_by_key(w, &part, TIER_HOT);
    expect_by_scan(w, &part);
    (void)flush_finish(world_flush(w));
    expect_by_key(w, &part, TIER_COLD);
    expect_by_scan(w, &part);
    (void)compact_finish(world_compact(w, 0, 1));
    expect_by_key(w, &part, TIER_COLD);
    expect_by_scan(w, &part);
    part_close(&part);
    real_close(&r);
}
