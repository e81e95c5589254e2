/* tests/unit/engine/duck_parquet_test.c -- Goal: what a segment is given it gives back, under its
 * own schema and newer ones; statistics are right or absent. Method: files in a scratch folder. */
#include "base/fs.h"
#include "test.h"
#include "unit/engine/duck_fixture.h"

static void write_segment(struct fixture *f, const struct schema *schema, const struct value *rows,
                          unsigned count, str path, struct parquet_stats *stats)
{
    struct error err;
    struct duck_write write = {
        .schema = schema,
        .source = fixture_source(rows, count, fixture_column_count(schema)),
        .path = path.p,
    };
    EXPECT_OK(
        duck_write_parquet(duck_conn_of(f->duck, 0, DUCK_INTERNAL), &write, &f->arena, stats, &err),
        &err);
}

static void expect_same_rows(const struct value *a, const struct value *b, unsigned columns)
{
    for (unsigned i = 0; i < columns; i++) {
        EXPECT(a[i].type.id == b[i].type.id);
        if (!value_identical(&a[i], &b[i])) {
            test_fail(__FILE__, __LINE__, "column %u differs", i);
        }
    }
}

TEST(duck_write_parquet_gives_every_type_back)
{
    struct fixture f;
    struct error err;
    fixture_open(&f, 1);
    struct schema *schema = fixture_schema(17, 1, true);
    unsigned columns = fixture_column_count(schema);
    struct value *rows = fixture_rows(&f, schema, 1, 5000);
    str path = fixture_path(&f, "a.parquet");
    struct parquet_stats stats;
    write_segment(&f, schema, rows, 5000, path, &stats);
    EXPECT_UINT(stats.row_count, 5000);
    uint64_t bytes;
    EXPECT_OK(fs_size(path.p, &bytes, &err), &err);
    EXPECT_UINT(stats.file_bytes, bytes);

    struct duck_conn *conn = duck_conn_of(f.duck, 0, DUCK_INTERNAL);
    struct value *row = ARENA_ARRAY(&f.arena, struct value, columns);
    for (int64_t seq = 1; seq <= 5000; seq += 499) {
        bool found = false;
        EXPECT_OK(duck_segment_get(conn, schema, path, seq, &f.arena, row, &found, &err), &err);
        EXPECT(found);
        expect_same_rows(row, &rows[(size_t)(seq - 1) * columns], columns);
    }
    bool found = true;
    EXPECT_OK(duck_segment_get(conn, schema, path, 5001, &f.arena, row, &found, &err), &err);
    EXPECT(!found);
    fixture_close(&f);
    schema_give(schema);
}

TEST(duck_write_parquet_statistics_are_those_of_the_rows)
{
    static const struct {
        uint32_t id;
        uint64_t null_count;
        const char *range;
    } wanted[] = {
        {1, 0, "1 .. 100"},
        {2, 14, "a longer text number 1 .. s98"},
        {3, 14, "1 .. 100"},
        {4, 14, ""}, /* BOOLEAN */
        {7, 14, "0.5 .. 50.0"},
        {8, 14, "2023-11-14 22:13:20.000001 .. 2023-11-14 22:13:20.0001"},
        {10, 14, "1970-01-02 .. 1970-04-11"},
        {13, 14, ""}, /* BYTES */
        {16, 14, "0.01 .. 1.00"},
        {18, 14, "0.51 .. 100.50"},
        {PARQUET_FIELD_SEQ, 0, "1 .. 100"},
        {PARQUET_FIELD_DELETED, 0, ""},
    };
    struct fixture f;
    fixture_open(&f, 1);
    struct schema *schema = fixture_schema(17, 1, true);
    struct value *rows = fixture_rows(&f, schema, 1, 100);
    struct parquet_stats stats;
    write_segment(&f, schema, rows, 100, fixture_path(&f, "a.parquet"), &stats);
    EXPECT_UINT(stats.column_count, fixture_column_count(schema));
    for (size_t w = 0; w < sizeof wanted / sizeof wanted[0]; w++) {
        const struct parquet_column_stats *column = NULL;
        for (unsigned i = 0; i < stats.column_count; i++) {
            column = stats.columns[i].column_id == wanted[w].id ? &stats.columns[i] : column;
        }
        EXPECT(column != NULL);
        EXPECT_UINT(column->null_count, wanted[w].null_count);
        struct buf range;
        buf_init(&range);
        if (column->has_range) {
            value_append_text(&range, &column->min);
            buf_append_c(&range, " .. ");
            value_append_text(&range, &column->max);
        }
        EXPECT_STR_EQ(buf_str(&range), str_from(wanted[w].range));
        buf_release(&range);
    }
    fixture_close(&f);
    schema_give(schema);
}

/* A NaN, -0.0, all NULL, a text of 2 KB: no range that would hide a row. */
TEST(duck_write_parquet_range_is_left_out_when_it_could_lie)
{
    struct fixture f;
    fixture_open(&f, 1);
    struct schema *schema = fixture_schema(17, 1, true);
    unsigned columns = fixture_column_count(schema);
    struct value *rows = fixture_rows(&f, schema, 1, 2);
    char *text = arena_alloc(&f.arena, 2048);
    memset(text, 'x', 2048);
    rows[1].as.text = str_of(text, 2048);
    rows[2].is_null = true;
    rows[columns + 2].is_null = true;
    rows[5].as.real = (double)__builtin_nanf("");
    rows[6].as.real = -0.0;
    rows[columns + 6].as.real = -1;
    struct parquet_stats stats;
    write_segment(&f, schema, rows, 2, fixture_path(&f, "a.parquet"), &stats);
    EXPECT(!stats.columns[1].has_range);
    EXPECT(!stats.columns[2].has_range);
    EXPECT_UINT(stats.columns[2].null_count, 2);
    EXPECT(!stats.columns[5].has_range);
    struct fixture_session session = {.user = "alice"};
    struct fixture_table *table = fixture_add(&session, schema, NULL, 0);
    struct error err;
    table->paths[0] = fixture_path(&f, "a.parquet");
    table->path_count = 1;
    EXPECT_OK(duck_define_table(f.duck, DUCK_ALL, schema, &err), &err);
    struct value long_text = value_text(str_of(text, 2048));
    EXPECT_STR(fixture_query(&f, 0, DUCK_ALL, &session,
                             "SELECT id FROM \"17.1\".messages WHERE body = $1", &long_text, 1),
               "1\n");
    EXPECT_STR(fixture_query(&f, 0, DUCK_ALL, &session,
                             "SELECT id FROM \"17.1\".messages WHERE d = 0.0", NULL, 0),
               "1\n");
    EXPECT(stats.columns[6].has_range);
    EXPECT(stats.columns[6].min.as.real == -1 && stats.columns[6].max.as.real == 0);
    fixture_close(&f);
    schema_give(schema);
}

TEST(duck_write_parquet_of_no_rows_is_a_file_without_rows)
{
    struct fixture f;
    struct error err;
    fixture_open(&f, 1);
    struct schema *schema = fixture_schema(17, 1, true);
    str path = fixture_path(&f, "a.parquet");
    struct parquet_stats stats;
    write_segment(&f, schema, NULL, 0, path, &stats);
    EXPECT_UINT(stats.row_count, 0);
    bool found = true;
    struct value *row = ARENA_ARRAY(&f.arena, struct value, fixture_column_count(schema));
    EXPECT_OK(duck_segment_get(duck_conn_of(f.duck, 0, DUCK_INTERNAL), schema, path, 1, &f.arena,
                               row, &found, &err),
              &err);
    EXPECT(!found);
    fixture_close(&f);
    schema_give(schema);
}

static status failing_next(void *state, struct batch *batch, bool *done, struct error *err)
{
    unsigned *calls = state;
    (void)batch;
    (void)done;
    ++*calls;
    return error_set(err, ERROR_CORRUPT, "row 7 of the view is damaged");
}

static void count_close(void *state)
{
    *(unsigned *)state += 100;
}

TEST(duck_write_parquet_error_of_the_source_comes_back_unchanged)
{
    struct fixture f;
    struct error err;
    fixture_open(&f, 1);
    struct schema *schema = fixture_schema(17, 1, false);
    struct duck_conn *conn = duck_conn_of(f.duck, 0, DUCK_INTERNAL);
    unsigned calls = 0;
    struct parquet_stats stats;
    struct duck_write write = {.schema = schema,
                               .source = {&calls, failing_next, count_close},
                               .path = fixture_path(&f, "a.parquet").p};
    EXPECT_STATUS(duck_write_parquet(conn, &write, &f.arena, &stats, &err), CORRUPT);
    EXPECT_STR(str_from(err.text), "row 7 of the view is damaged");
    EXPECT_UINT(calls, 101); /* one call, closed once */

    /* outside of the folder: refused, and the source is closed all the same */
    calls = 0;
    write.path = "/tmp/kalam-duck-outside.parquet";
    EXPECT_STATUS(duck_write_parquet(conn, &write, &f.arena, &stats, &err), IO);
    EXPECT_UINT(calls, 100);
    EXPECT(!fs_exists(write.path));
    EXPECT(strstr(err.text, "kalam-duck") == NULL);
    fixture_close(&f);
    schema_give(schema);
}

/* --- reading ------------------------------------------------------------------------------------
 */

static unsigned read_all(struct fixture *f, const struct duck_segment_read *read, struct buf *out)
{
    struct error err;
    struct duck_result *result;
    const struct batch *batch;
    unsigned count = 0;
    EXPECT_OK(duck_segment_open(duck_conn_of(f->duck, 0, DUCK_INTERNAL), read, &result, &err),
              &err);
    for (;;) {
        EXPECT_OK(duck_fetch(result, &batch, &err), &err);
        if (batch == NULL) {
            break;
        }
        for (unsigned r = 0; r < batch->row_count; r++, count++) {
            for (unsigned c = 0; c < batch->column_count; c++) {
                struct value v = batch_get(batch, c, r);
                buf_append_c(out, c > 0 ? "|" : "");
                if (v.is_null) {
                    buf_append_c(out, "-");
                } else {
                    value_append_text(out, &v);
                }
            }
            buf_append_c(out, "\n");
        }
    }
    duck_result_close(result);
    return count;
}

/* Rows of 50 KB whose ids and seqs are `next` .. `last`. */
struct fat_source {
    int64_t next;
    int64_t last;
    char text[50000];
};

static status fat_next(void *state, struct batch *batch, bool *done, struct error *err)
{
    (void)err;
    struct fat_source *s = state;
    for (; !batch_is_full(batch) && s->next <= s->last; s->next++) {
        const struct value cells[] = {
            value_int(TYPE_BIGINT, s->next), value_text(str_of(s->text, sizeof s->text)),
            value_int(TYPE_INT, 1),          value_int(TYPE_BIGINT, s->next),
            value_int(TYPE_TIMESTAMP, 1),    value_bool(false),
        };
        for (unsigned i = 0; i < sizeof cells / sizeof cells[0]; i++) {
            batch_set(batch, i, batch->row_count, &cells[i]);
        }
        batch->row_count++;
    }
    *done = s->next > s->last;
    return STATUS_IS_OK;
}

TEST(duck_write_parquet_of_rows_larger_than_the_memory_together_keeps_them_in_order)
{
    enum { COUNT = 4000 };
    struct fixture f;
    struct error err;
    fixture_open(&f, 1);
    duck_close(f.duck);
    f.options.memory_bytes = (uint64_t)80 << 20;
    EXPECT_OK(duck_open(&f.options, &f.duck, &err), &err);
    struct schema *schema = fixture_schema(17, 1, false);
    struct duck_conn *conn = duck_conn_of(f.duck, 0, DUCK_INTERNAL);
    struct fat_source *source = ARENA_NEW(&f.arena, struct fat_source);
    *source = (struct fat_source){.next = 1, .last = COUNT};
    memset(source->text, 'x', sizeof source->text);
    str path = fixture_path(&f, "fat.parquet");
    struct parquet_stats stats;
    struct duck_write write = {
        .schema = schema, .source = {source, fat_next, NULL}, .path = path.p};
    EXPECT_OK(duck_write_parquet(conn, &write, &f.arena, &stats, &err), &err);
    EXPECT_UINT(stats.row_count, COUNT);

    struct duck_segment_read read = {.schema = schema, .paths = &path, .path_count = 1};
    struct duck_result *rows;
    const struct batch *batch;
    int64_t seq = 0;
    EXPECT_OK(duck_segment_open(conn, &read, &rows, &err), &err);
    for (;;) {
        EXPECT_OK(duck_fetch(rows, &batch, &err), &err);
        if (batch == NULL) {
            break;
        }
        for (unsigned i = 0; i < batch->row_count; i++) {
            EXPECT(batch_get(batch, 3, i).as.integer == ++seq);
            EXPECT_UINT(batch_get(batch, 1, i).as.text.n, sizeof source->text);
        }
    }
    EXPECT(seq == COUNT);
    duck_result_close(rows);
    fixture_close(&f);
    schema_give(schema);
}

TEST(duck_segment_open_gives_the_range_of_seqs_and_the_wanted_columns)
{
    struct fixture f;
    fixture_open(&f, 1);
    struct schema *schema = fixture_schema(17, 1, false);
    struct parquet_stats stats;
    str paths[] = {fixture_path(&f, "b.parquet"), fixture_path(&f, "a.parquet")};
    write_segment(&f, schema, fixture_rows(&f, schema, 1, 3), 3, paths[1], &stats);
    write_segment(&f, schema, fixture_rows(&f, schema, 4, 3), 3, paths[0], &stats);
    uint64_t wanted = 1 << 0 | 1 << 3;
    struct duck_segment_read read = {.schema = schema,
                                     .paths = paths,
                                     .path_count = 2,
                                     .wanted = &wanted,
                                     .has_seq_range = true,
                                     .seq_after = 2,
                                     .seq_to = 5,
                                     .with_file_row_number = true};
    struct buf out;
    buf_init(&out);
    EXPECT_UINT(read_all(&f, &read, &out), 3);
    EXPECT_STR(buf_str(&out), "4|-|-|4|-|-|0\n5|-|-|5|-|-|1\n3|-|-|3|-|-|2\n");
    buf_clear(&out);
    uint64_t none = 0;
    read.wanted = &none;
    read.has_seq_range = false;
    read.with_file_row_number = false;
    EXPECT_UINT(read_all(&f, &read, &out), 6);
    buf_release(&out);
    fixture_close(&f);
    schema_give(schema);
}

/* Renamed, added with a constant, widened, dropped: all by field id. */
static struct schema *newer_schema(void)
{
    struct column columns[7];
    static const struct {
        uint32_t id;
        const char *name;
        struct type type;
    } definitions[] = {
        {1, "id", {.id = TYPE_BIGINT}},
        {2, "content", {.id = TYPE_TEXT}},
        {3, "n", {.id = TYPE_BIGINT}},
        {40, "status", {.id = TYPE_TEXT}},
        {41, "raw", {.id = TYPE_BYTES}},
        {42, "price", {.id = TYPE_DECIMAL, .precision = 10, .scale = 2}},
        {43, "since", {.id = TYPE_TIMESTAMP}},
    };
    struct value absents[7];
    for (unsigned i = 0; i < 7; i++) {
        absents[i] = value_null(definitions[i].type);
    }
    absents[3] = value_text(STR_LIT("it's \\new"));
    absents[4] = (struct value){.type = {.id = TYPE_BYTES}, .as.text = {"\0\xff'", 3}};
    absents[5] = (struct value){.type = definitions[5].type, .as.decimal = -125};
    absents[6] = value_int(TYPE_TIMESTAMP, 1700000000000001);
    for (unsigned i = 0; i < 7; i++) {
        columns[i] = (struct column){.id = definitions[i].id,
                                     .name = str_from(definitions[i].name),
                                     .type = definitions[i].type,
                                     .ordinal = i + 1,
                                     .is_nullable = i > 0,
                                     .is_primary_key = i == 0,
                                     .default_value = value_null(definitions[i].type),
                                     .absent_value = absents[i]};
    }
    return schema_create((table_id){17}, 2, TABLE_USER, STR_LIT("app"), STR_LIT("messages"),
                         columns, 7);
}

TEST(duck_segment_open_reads_old_files_under_a_newer_schema)
{
    struct fixture f;
    fixture_open(&f, 1);
    struct schema *v1 = fixture_schema(17, 1, false);
    struct schema *v2 = newer_schema();
    struct parquet_stats stats;
    str path = fixture_path(&f, "a.parquet");
    write_segment(&f, v1, fixture_rows(&f, v1, 2, 1), 1, path, &stats);
    struct duck_segment_read read = {.schema = v2, .paths = &path, .path_count = 1};
    struct error err;
    struct value values[10];
    bool found = false;
    EXPECT_OK(duck_segment_get(duck_conn_of(f.duck, 0, DUCK_INTERNAL), v2, path, 2, &f.arena,
                               values, &found, &err),
              &err);
    EXPECT(found);
    EXPECT_INT(values[0].as.integer, 2);
    EXPECT_STR(values[1].as.text, "s2");
    EXPECT(values[2].type.id == TYPE_BIGINT);
    EXPECT_INT(values[2].as.integer, 2);
    for (unsigned i = 3; i < 7; i++) {
        if (!value_identical(&values[i], &v2->columns[i].absent_value)) {
            test_fail(__FILE__, __LINE__, "column %u is not its absent value", i);
        }
    }
    EXPECT_INT(values[7].as.integer, 2);
    EXPECT(!values[9].as.boolean);
    struct buf out;
    buf_init(&out);
    EXPECT_UINT(read_all(&f, &read, &out), 1);
    buf_release(&out);

    /* and through the view */
    struct fixture_session session = {.user = "alice"};
    struct fixture_table *table = fixture_add(&session, v2, NULL, 0);
    table->paths[0] = path;
    table->path_count = 1;
    EXPECT_OK(duck_define_table(f.duck, DUCK_ALL, v2, &err), &err);
    EXPECT_STR(fixture_query(&f, 0, DUCK_ALL, &session,
                             "SELECT id, content, n, status, raw, price, since FROM "
                             "\"17.2\".messages WHERE status = 'it''s \\new'",
                             NULL, 0),
               "2|s2|2|it's \\new|[0,255,39]|-1.25|2023-11-14 22:13:20.000001\n");
    fixture_close(&f);
    schema_give(v1);
    schema_give(v2);
}

TEST(duck_segment_open_damaged_file_is_an_error)
{
    struct fixture f;
    struct error err;
    fixture_open(&f, 1);
    struct schema *schema = fixture_schema(17, 1, false);
    str path = fixture_path(&f, "a.parquet");
    struct parquet_stats stats;
    struct duck_result *result;
    write_segment(&f, schema, fixture_rows(&f, schema, 1, 100), 100, path, &stats);
    str content;
    EXPECT_OK(fs_read(path.p, 1 << 20, &f.arena, &content, &err), &err);
    struct duck_segment_read read = {.schema = schema, .paths = &path, .path_count = 1};
    struct duck_conn *conn = duck_conn_of(f.duck, 0, DUCK_INTERNAL);

    path = fixture_path(&f, "torn.parquet");
    EXPECT_OK(fs_write_durable(path.p, str_slice(content, 0, content.n / 2), 0600, &err), &err);
    EXPECT_STATUS(duck_segment_open(conn, &read, &result, &err), CORRUPT);
    path = fixture_path(&f, "nothing.parquet");
    EXPECT_OK(fs_write_durable(path.p, STR_LIT(""), 0600, &err), &err);
    EXPECT_STATUS(duck_segment_open(conn, &read, &result, &err), CORRUPT);
    path = fixture_path(&f, "missing.parquet");
    EXPECT_STATUS(duck_segment_open(conn, &read, &result, &err), IO);
    EXPECT(strstr(err.text, "missing") == NULL);
    fixture_close(&f);
    schema_give(schema);
}

/* --- both tiers ---------------------------------------------------------------------------------
 */

TEST(duck_define_table_all_joins_tiers_and_leaves_out_the_dead)
{
    static const int64_t dead[] = {2, 5};
    struct fixture f;
    struct error err;
    fixture_open(&f, 1);
    struct schema *schema = fixture_schema(17, 1, false);
    unsigned columns = fixture_column_count(schema);
    struct parquet_stats stats;
    str old = fixture_path(&f, "batch-0.parquet");
    str new = fixture_path(&f, "batch-1.parquet");
    write_segment(&f, schema, fixture_rows(&f, schema, 1, 4), 4, old, &stats);
    struct value *cold = fixture_rows(&f, schema, 5, 4);
    cold[3 * columns + columns - 1].as.boolean = true; /* 8 is a tombstone */
    write_segment(&f, schema, cold, 4, new, &stats);
    struct value *hot = fixture_rows(&f, schema, 9, 3);
    hot[columns - 1].as.boolean = true; /* 9, too */
    struct fixture_session alice = {.user = "alice"};
    struct fixture_session bob = {.user = "bob"};
    struct fixture_table *table = fixture_add(&alice, schema, hot, 3);
    table->paths[0] = new;
    table->paths[1] = old;
    table->path_count = 2;
    table->dead = dead;
    table->dead_count = 2;
    fixture_add(&bob, schema, fixture_rows(&f, schema, 100, 1), 1);
    EXPECT_OK(duck_define_table(f.duck, DUCK_HOT, schema, &err), &err);
    EXPECT_OK(duck_define_table(f.duck, DUCK_ALL, schema, &err), &err);
    EXPECT_OK(duck_define_table(f.duck, DUCK_RAW, schema, &err), &err);
    static const char text[] =
        "SELECT string_agg(id::VARCHAR, ',' ORDER BY id) FROM \"17.1\".messages";
    for (unsigned round = 0; round < 2; round++) { /* the plan is kept, the files are not */
        EXPECT_STR(fixture_query(&f, 0, DUCK_HOT, &alice, text, NULL, 0), "10,11\n");
        EXPECT_STR(fixture_query(&f, 0, DUCK_ALL, &alice, text, NULL, 0), "1,3,4,6,7,10,11\n");
        EXPECT_STR(fixture_query(&f, 0, DUCK_RAW, &alice, text, NULL, 0), "1,3,4,6,7,8,9,10,11\n");
        EXPECT_STR(fixture_query(&f, 0, DUCK_ALL, &bob, text, NULL, 0), "100\n");
        EXPECT_STR(fixture_query(&f, 0, DUCK_RAW, &bob, text, NULL, 0), "100\n");
    }
    /* another manifest, the same plan */
    table->paths[0] = old;
    table->path_count = 1;
    EXPECT_STR(fixture_query(&f, 0, DUCK_ALL, &alice, text, NULL, 0), "1,3,4,10,11\n");
    struct value id = value_int(TYPE_BIGINT, 3);
    EXPECT_STR(fixture_query(&f, 0, DUCK_ALL, &alice,
                             "SELECT body FROM \"17.1\".messages WHERE id = $1", &id, 1),
               "NULL\n");
    fixture_close(&f);
    schema_give(schema);
}

TEST(duck_define_table_stream_has_no_cold_tier)
{
    struct fixture f;
    struct error err;
    fixture_open(&f, 1);
    struct column column = {.id = 1,
                            .name = STR_LIT("event"),
                            .type = {.id = TYPE_TEXT},
                            .ordinal = 1,
                            .is_nullable = true,
                            .default_value = value_null(type_of(TYPE_TEXT)),
                            .absent_value = value_null(type_of(TYPE_TEXT))};
    struct schema *schema = schema_create((table_id){9}, 1, TABLE_STREAM, STR_LIT("app"),
                                          STR_LIT("events"), &column, 1);
    struct value row[] = {value_text(STR_LIT("x")), value_int(TYPE_BIGINT, 7), value_bool(false)};
    struct fixture_session session = {.user = "alice"};
    fixture_add(&session, schema, row, 1);
    for (enum duck_catalog catalog = DUCK_HOT; catalog <= DUCK_RAW; catalog++) {
        EXPECT_OK(duck_define_table(f.duck, catalog, schema, &err), &err);
        EXPECT_STR(fixture_query(&f, 0, catalog, &session, "SELECT * FROM \"9.1\".events", NULL, 0),
                   "x|7|false\n");
    }
    fixture_close(&f);
    schema_give(schema);
}
