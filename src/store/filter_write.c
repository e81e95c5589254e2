/* store/filter_write.c -- see filter_write.h. */
#include "store/filter_write.h"
#include "base/log.h"
#include "store/bloom.h"
#include "store/parquet_tail.h"
#include "store/scan_private.h"

enum { COLUMNS_MAX = 3, FOOTER_BYTES_MAX = 256 << 20, MAGIC_BYTES = 4 };

/* A column that gets filters: the hashes of the row group at hand. */
struct filter_column {
    unsigned index; /* in batches */
    unsigned leaf;  /* in the file */
    bool is_narrow; /* INT32 in the file */
    uint64_t *hashes;
    size_t count;
    size_t capacity;
};

struct filter_write {
    struct parquet_footer footer;
    uint64_t footer_at;
    double fpp;
    struct filter_column columns[COLUMNS_MAX];
    unsigned column_count;
    unsigned group;     /* at hand */
    uint64_t group_end; /* first row behind it */
    uint64_t rows;      /* read so far */
    struct buf tail;
};

/* -- which columns -------------------------------------------------------------------------------
 */

static void add_column(struct filter_write *w, unsigned index, uint32_t field_id,
                       enum parquet_meaning meaning)
{
    int leaf = parquet_find_leaf(&w->footer, field_id);
    if (leaf >= 0 && w->footer.leaves[leaf].meaning == meaning) {
        w->columns[w->column_count++] =
            (struct filter_column){.index = index,
                                   .leaf = (unsigned)leaf,
                                   .is_narrow = w->footer.leaves[leaf].physical == PARQUET_INT32};
    }
}

static void add_columns(struct filter_write *w, const struct schema *schema)
{
    if (schema->primary_key >= 0) {
        const struct column *key = &schema->columns[schema->primary_key];
        if (key->type.id == TYPE_TEXT) {
            add_column(w, (unsigned)schema->primary_key, key->id, PARQUET_TEXT);
        } else if (key->type.id == TYPE_BIGINT || key->type.id == TYPE_INT ||
                   key->type.id == TYPE_SMALLINT) {
            add_column(w, (unsigned)schema->primary_key, key->id, PARQUET_INTEGER);
        }
    }
    int seq = schema_find_system_column(schema, STR_LIT("_seq"));
    int updated = schema_find_system_column(schema, STR_LIT("_updated"));
    if (seq >= 0) {
        add_column(w, schema->column_count + (unsigned)seq, PARQUET_FIELD_SEQ, PARQUET_INTEGER);
    }
    if (updated >= 0) { /* not in STREAM tables */
        add_column(w, schema->column_count + (unsigned)updated, PARQUET_FIELD_UPDATED,
                   PARQUET_TIMESTAMP_US);
    }
}

/* -- hashing ------------------------------------------------------------------------------------
 */

static void note_value(struct filter_column *column, const struct value *v)
{
    if (v->is_null) {
        return; /* NULL is never equal to anything */
    }
    uint64_t hash = v->type.id == TYPE_TEXT ? bloom_hash_bytes(v->as.text)
                    : column->is_narrow     ? bloom_hash_i32((int32_t)v->as.integer)
                                            : bloom_hash_i64(v->as.integer);
    if (column->count > 0 && column->hashes[column->count - 1] == hash) {
        return; /* rows of one commit have one `_updated`; keys and `_seq` come once anyway */
    }
    column->hashes =
        mem_grow(column->hashes, &column->capacity, column->count + 1, sizeof *column->hashes);
    column->hashes[column->count++] = hash;
}

/* Filters of the row group at hand; one without a value gets none. */
static void finish_group(struct filter_write *w)
{
    for (unsigned c = 0; c < w->column_count; c++) {
        struct filter_column *column = &w->columns[c];
        if (column->count == 0) {
            continue;
        }
        uint32_t bytes = bloom_size(column->count, w->fpp);
        uint8_t *bits = mem_alloc_zeroed(bytes);
        for (size_t i = 0; i < column->count; i++) {
            bloom_add(bits, bytes, column->hashes[i]);
        }
        size_t at = w->tail.n;
        parquet_filter_append(&w->tail, bits, bytes);
        mem_free(bits);
        w->footer.filters[(size_t)w->group * w->footer.leaf_count + column->leaf] =
            (struct parquet_filter){w->footer_at + at, (uint32_t)(w->tail.n - at)};
        column->count = 0;
    }
}

/* Goes to the row group that has `row`; rows come in order. */
static void reach_row(struct filter_write *w, uint64_t row)
{
    while (row >= w->group_end && w->group < w->footer.group_count) {
        if (w->group_end > 0) {
            finish_group(w);
            w->group++;
        }
        w->group_end += w->group < w->footer.group_count ? w->footer.group_rows[w->group] : 0;
    }
}

static status unlike(struct error *err)
{
    return error_set(err, ERROR_CORRUPT, "a segment does not read back as it was written");
}

static status take_rows(struct filter_write *w, const struct batch *batch, unsigned number_column,
                        struct error *err)
{
    for (unsigned r = 0; r < batch->row_count; r++) {
        struct value number = batch_get(batch, number_column, r);
        if (number.is_null || number.as.integer != (int64_t)w->rows) {
            return unlike(err); /* one row too many or too few, or out of order */
        }
        reach_row(w, w->rows);
        if (w->group >= w->footer.group_count) {
            return unlike(err);
        }
        for (unsigned c = 0; c < w->column_count; c++) {
            struct value v = batch_get(batch, w->columns[c].index, r);
            note_value(&w->columns[c], &v);
        }
        w->rows++;
    }
    return STATUS_IS_OK;
}

static status read_back(struct filter_write *w, struct duck_conn *conn, const char *path,
                        const struct schema *schema, struct error *err)
{
    uint64_t wanted[(LIMIT_COLUMNS + SYSTEM_COLUMN_COUNT) / 64 + 1] = {0};
    for (unsigned c = 0; c < w->column_count; c++) {
        wanted[w->columns[c].index / 64] |= (uint64_t)1 << (w->columns[c].index % 64);
    }
    str text = str_from(path);
    const struct duck_segment_read read = {.schema = schema,
                                           .paths = &text,
                                           .path_count = 1,
                                           .wanted = wanted,
                                           .with_file_row_number = true};
    struct duck_result *rows = NULL;
    TRY(duck_segment_open(conn, &read, &rows, err));
    const struct batch *batch = NULL;
    status result = STATUS_IS_OK;
    do {
        result = duck_fetch(rows, &batch, err);
        if (status_ok(result) && batch != NULL) {
            result = take_rows(w, batch, batch_column_total(schema), err);
        }
    } while (status_ok(result) && batch != NULL);
    duck_result_close(rows);
    uint64_t total = 0;
    for (unsigned g = 0; g < w->footer.group_count; g++) {
        total += w->footer.group_rows[g];
    }
    if (status_ok(result) && total != w->rows) {
        return unlike(err);
    }
    if (status_ok(result) && w->rows > 0) {
        finish_group(w);
    }
    return result;
}

/* -- the file -----------------------------------------------------------------------------------
 */

static status read_footer(struct filter_write *w, const char *path, struct arena *arena,
                          struct error *err)
{
    uint64_t size = 0;
    uint64_t length = 0;
    char end[PARQUET_END_BYTES];
    TRY(fs_size(path, &size, err));
    if (size < MAGIC_BYTES + PARQUET_END_BYTES) {
        return unlike(err);
    }
    TRY(fs_read_at(path, size - sizeof end, end, sizeof end, err));
    TRY(parquet_footer_length(str_of(end, sizeof end), &length, err));
    if (length > size - MAGIC_BYTES - PARQUET_END_BYTES || length > FOOTER_BYTES_MAX) {
        return unlike(err);
    }
    w->footer_at = size - sizeof end - length;
    char *bytes = arena_alloc(arena, (size_t)length + 1);
    TRY(fs_read_at(path, w->footer_at, bytes, (size_t)length, err));
    return parquet_footer_parse(str_of(bytes, (size_t)length), arena, &w->footer, err);
}

static void tell_tail(str tail, struct cold_tail *out)
{
    *out = (struct cold_tail){.bytes = tail.n, .checksum = hash128_bytes(tail)};
}

/* The tail as the engine wrote it. */
static void append_plain(struct filter_write *w)
{
    buf_clear(&w->tail);
    buf_append_str(&w->tail, w->footer.bytes);
    buf_append_u32le(&w->tail, (uint32_t)w->footer.bytes.n);
    buf_append_c(&w->tail, "PAR1");
}

static status write_tail(struct filter_write *w, const char *path, struct cold_tail *out,
                         struct error *err)
{
    struct error why;
    error_clear(&why);
    if (w->tail.n == 0) {
        append_plain(w);
    } else if (!status_ok(parquet_footer_append(&w->tail, &w->footer, &why))) {
        log_warn("store", "no_filters", "error=\"%s\"", why.text);
        append_plain(w);
    } else {
        TRY(fs_replace_tail(path, w->footer_at, buf_str(&w->tail), err));
    }
    tell_tail(buf_str(&w->tail), out);
    return STATUS_IS_OK;
}

status filter_write(struct duck_conn *conn, const char *path, const struct schema *schema,
                    double fpp, struct cold_tail *out, struct error *err)
{
    struct filter_write w = {.fpp = fpp};
    struct arena arena;
    arena_init(&arena);
    buf_init(&w.tail);
    status result = read_footer(&w, path, &arena, err);
    if (status_ok(result) && fpp > 0 && fpp < 1) {
        add_columns(&w, schema);
        result = read_back(&w, conn, path, schema, err);
    }
    if (status_ok(result)) {
        result = write_tail(&w, path, out, err);
    }
    for (unsigned c = 0; c < COLUMNS_MAX; c++) {
        mem_free(w.columns[c].hashes);
    }
    buf_release(&w.tail);
    arena_release(&arena);
    return result;
}
