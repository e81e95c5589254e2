/* engine/duck_parquet.c -- segments: writing them by COPY, reading them back.
 * For:      flush and compaction (write), compaction, bloom filters and cold point reads (read).
 * Touches:  files below cold_dir, through the engine. Owns: nothing that outlives a call but
 * results. Threads:  the slot's own. */
#include "base/buf.h"
#include "base/fs.h"
#include "base/log.h"
#include "engine/duck_private.h"

/* --- writing ------------------------------------------------------------------------------------
 */

static void append_field_ids(struct buf *sql, const struct schema *schema)
{
    buf_append_c(sql, "FIELD_IDS {");
    for (unsigned i = 0; i < duck_scan_column_count(schema); i++) {
        if (i > 0) {
            buf_append_c(sql, ",");
        }
        duck_append_literal(sql, duck_scan_column(schema, i).name);
        buf_append_format(sql, ":%" PRIu32, duck_field_id(schema, i));
    }
    buf_append_c(sql, "}");
}

static void append_copy(struct buf *sql, const struct duck_write *write)
{
    unsigned rows = write->row_group_rows != 0 ? write->row_group_rows : PARQUET_ROW_GROUP_ROWS;
    buf_append_c(sql, "COPY (SELECT * FROM kalam_source()) TO ");
    duck_append_literal(sql, str_from(write->path));
    buf_append_c(sql, " (FORMAT parquet, COMPRESSION ");
    duck_append_literal(sql, str_from(write->compression != NULL ? write->compression : "zstd"));
    /* the engine's own bloom filters lose rows (findings of bloom.md): always off */
    buf_append_format(sql,
                      ", PARQUET_VERSION v2, ROW_GROUP_SIZE %u, ROW_GROUP_SIZE_BYTES %d, "
                      "WRITE_BLOOM_FILTER false, RETURN_STATS true, ",
                      rows, PARQUET_ROW_GROUP_BYTES);
    append_field_ids(sql, write->schema);
    buf_append_c(sql, ")");
}

static struct parquet_column_stats *find_stats(const struct schema *schema, str quoted,
                                               struct parquet_column_stats *stats,
                                               struct type *type)
{
    for (unsigned i = 0; i < duck_scan_column_count(schema); i++) {
        struct buf name;
        buf_init(&name);
        duck_append_name(&name, duck_scan_column(schema, i).name);
        bool is_it = str_eq(buf_str(&name), quoted);
        buf_release(&name);
        if (is_it) {
            *type = duck_scan_column(schema, i).type;
            return &stats[i];
        }
    }
    return NULL; /* "e"."element": inside an EMBEDDING */
}

static bool has_useful_range(enum type_id id)
{
    switch (id) {
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_BIGINT:
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
    case TYPE_TEXT:
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_UUID:
    case TYPE_DECIMAL:
        return true;
    default:
        return false;
    }
}

/* Texts of the engine's statistics as values; what does not read back is left out, as no range is
 * always right. */
static bool read_bound(str text, struct type type, struct arena *arena, struct value *out)
{
    enum {
        TEXT_BOUND_MAX = 255
    }; /* bytes; the engine cuts longer ones to 256, so that `max` lies */
    struct value v = value_text(text);
    struct error err;
    if (text.n > TEXT_BOUND_MAX ||
        !status_ok(value_coerce(&v, type, STR_LIT("statistics"), arena, out, &err))) {
        return false;
    }
    *out = value_copy(arena, out);
    return true;
}

static void read_column_stats(duckdb_vector maps, idx_t column, struct type type,
                              struct arena *arena, struct parquet_column_stats *stats)
{
    const duckdb_list_entry *entries = duckdb_vector_get_data(maps);
    duckdb_vector pairs = duckdb_list_vector_get_child(maps);
    duckdb_vector keys = duckdb_struct_vector_get_child(pairs, 0);
    duckdb_vector values = duckdb_struct_vector_get_child(pairs, 1);
    bool has_min = false;
    bool has_max = false;
    bool has_nan = false;
    for (idx_t i = 0; i < entries[column].length; i++) {
        duckdb_string_t key = duck_string(keys, entries[column].offset + i);
        duckdb_string_t value = duck_string(values, entries[column].offset + i);
        str name = duck_string_str(&key);
        str text = duck_string_str(&value);
        if (str_eq_c(name, "min")) {
            has_min = read_bound(text, type, arena, &stats->min);
        } else if (str_eq_c(name, "max")) {
            has_max = read_bound(text, type, arena, &stats->max);
        } else if (str_eq_c(name, "null_count")) {
            (void)str_to_u64(text, &stats->null_count);
        } else if (str_eq_c(name, "has_nan")) {
            has_nan = str_eq_c(text, "true"); /* then min and max are of the other values */
        }
    }
    stats->has_range = has_min && has_max && !has_nan && has_useful_range(type.id);
}

/* The one row of COPY ... RETURN_STATS: filename, count, file_size_bytes, footer_size_bytes,
 * column_statistics MAP(column, MAP(name, value)), partition_keys. */
static status read_stats(duckdb_result *result, const struct schema *schema, struct arena *arena,
                         struct parquet_stats *stats, struct error *err)
{
    duckdb_data_chunk chunk = duckdb_fetch_chunk(*result);
    if (chunk == NULL || duckdb_data_chunk_get_size(chunk) != 1 ||
        duckdb_data_chunk_get_column_count(chunk) < 5) {
        if (chunk != NULL) {
            duckdb_destroy_data_chunk(&chunk);
        }
        return error_set(err, ERROR_INTERNAL, "the SQL engine says nothing of the file it wrote");
    }
    unsigned count = duck_scan_column_count(schema);
    struct parquet_column_stats *columns = ARENA_ARRAY(arena, struct parquet_column_stats, count);
    for (unsigned i = 0; i < count; i++) {
        columns[i].column_id = duck_field_id(schema, i);
    }
    stats->columns = columns;
    stats->column_count = count;
    stats->row_count =
        *(const uint64_t *)duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 1));
    stats->file_bytes =
        *(const uint64_t *)duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 2));
    duckdb_vector list = duckdb_data_chunk_get_vector(chunk, 4);
    const duckdb_list_entry *entry = duckdb_vector_get_data(list);
    duckdb_vector pairs = duckdb_list_vector_get_child(list);
    duckdb_vector names = duckdb_struct_vector_get_child(pairs, 0);
    duckdb_vector maps = duckdb_struct_vector_get_child(pairs, 1);
    for (idx_t i = entry->offset; i < entry->offset + entry->length; i++) {
        duckdb_string_t name = duck_string(names, i);
        struct type type;
        struct parquet_column_stats *column =
            find_stats(schema, duck_string_str(&name), columns, &type);
        if (column != NULL) {
            read_column_stats(maps, i, type, arena, column);
        }
    }
    duckdb_destroy_data_chunk(&chunk);
    return STATUS_IS_OK;
}

status duck_write_parquet(struct duck_conn *conn, const struct duck_write *write,
                          struct arena *arena, struct parquet_stats *stats, struct error *err)
{
    CHECK(conn->catalog == DUCK_INTERNAL);
    CHECK(conn->open == NULL && conn->write == NULL);
    conn->write = write;
    conn->write_is_started = false;
    conn->reported.id = ERROR_NONE;
    struct buf sql;
    buf_init(&sql);
    append_copy(&sql, write);
    buf_append_byte(&sql, 0);
    duckdb_result result;
    memset(&result, 0, sizeof result);
    status outcome;
    if (duckdb_query(conn->handle, sql.p, &result) != DuckDBSuccess) {
        const char *message = duckdb_result_error(&result);
        outcome = duck_error_from(conn, message != NULL ? message : "", err);
    } else {
        outcome = read_stats(&result, write->schema, arena, stats, err);
    }
    duckdb_destroy_result(&result);
    buf_release(&sql);
    if (!conn->write_is_started && write->source.close != NULL) {
        write->source.close(write->source.state); /* the engine did not come as far as opening it */
    }
    duck_scans_close(conn);
    conn->write = NULL;
    duck_watch_use(conn->duck);
    return outcome;
}

/* A Parquet file without row groups. Its metadata, by the fields of FileMetaData (Thrift, compact):
 * version; schema of a root and of one optional INT64, INT_64 column with its field id; number of
 * rows; row groups; created_by. */
static const char empty_file[] = "PAR1"
                                 "\x15\x02"
                                 "\x19\x2c"
                                 "\x35\x00\x18\x0d"
                                 "duckdb_schema\x15\x02\x00"
                                 "\x15\x04\x25\x02\x18\x04"
                                 "_seq\x25\x24\x35\xf2\xf5\xff\xff\x0f\x00"
                                 "\x16\x00"
                                 "\x19\x0c"
                                 "\x28\x07KalamDB\x00"
                                 "\x39\x00\x00\x00" /* length of the metadata */
                                 "PAR1";
enum { EMPTY_FILE_BYTES = sizeof empty_file - 1, EMPTY_METADATA_BYTES = 0x39 };
static_assert(EMPTY_FILE_BYTES == 4 + EMPTY_METADATA_BYTES + 8, "the metadata's length");
static_assert(PARQUET_FIELD_SEQ == 2147483001, "the field id in empty_file");

status duck_write_empty(const char *path, struct error *err)
{
    return fs_write_durable(path, str_of(empty_file, EMPTY_FILE_BYTES), 0600, err);
}

/* --- reading ------------------------------------------------------------------------------------
 */

static void append_paths(struct buf *sql, const str *paths, unsigned count)
{
    buf_append_c(sql, "[");
    for (unsigned i = 0; i < count; i++) {
        if (i > 0) {
            buf_append_c(sql, ",");
        }
        duck_append_literal(sql, paths[i]);
    }
    buf_append_c(sql, "]");
}

/* Columns that are not wanted stand as typed NULLs, so that a batch has the places of duck_scan. */
static void append_outputs(struct buf *sql, const struct schema *schema, const uint64_t *wanted)
{
    for (unsigned i = 0; i < duck_scan_column_count(schema); i++) {
        struct duck_column column = duck_scan_column(schema, i);
        if (i > 0) {
            buf_append_c(sql, ",");
        }
        if (wanted == NULL || duck_bit(wanted, i)) {
            duck_append_name(sql, column.name);
        } else {
            buf_append_c(sql, "NULL::");
            duck_type_append(sql, column.type);
        }
    }
}

/* The bits to read: what is wanted, and _seq, which is filtered by and is never empty. */
static void needed_columns(const struct schema *schema, const uint64_t *wanted,
                           uint64_t needed[(LIMIT_COLUMNS + SYSTEM_COLUMN_COUNT) / 64 + 1])
{
    for (unsigned i = 0; i < duck_scan_column_count(schema); i++) {
        bool is_needed = wanted == NULL || duck_bit(wanted, i) || i == schema->column_count;
        if (is_needed) {
            needed[i / 64] |= (uint64_t)1 << (i % 64);
        }
    }
}

status duck_segment_open(struct duck_conn *conn, const struct duck_segment_read *read,
                         struct duck_result **out, struct error *err)
{
    CHECK(conn->catalog == DUCK_INTERNAL);
    CHECK(read->path_count > 0);
    uint64_t needed[(LIMIT_COLUMNS + SYSTEM_COLUMN_COUNT) / 64 + 1] = {0};
    needed_columns(read->schema, read->wanted, needed);
    struct buf sql;
    buf_init(&sql);
    buf_append_c(&sql, "SELECT ");
    append_outputs(&sql, read->schema, read->wanted);
    if (read->with_file_row_number) {
        buf_append_c(&sql, ",file_row_number");
    }
    buf_append_c(&sql, " FROM read_parquet(");
    append_paths(&sql, read->paths, read->path_count);
    buf_append_c(&sql, ",schema=");
    duck_append_field_map(&sql, read->schema, needed);
    buf_append_c(&sql, read->with_file_row_number ? ",file_row_number=true)" : ")");
    if (read->has_seq_range) {
        buf_append_format(&sql, " WHERE _seq > %" PRId64 " AND _seq <= %" PRId64, read->seq_after,
                          read->seq_to);
    }
    status result = duck_run_once(conn, buf_str(&sql), NULL, 0, out, err);
    buf_release(&sql);
    for (unsigned i = 0; status_ok(result) && i < duck_scan_column_count(read->schema); i++) {
        duck_result_expect(*out, i, duck_scan_column(read->schema, i).type);
    }
    return result;
}

status duck_segment_get(struct duck_conn *conn, const struct schema *schema, str path, int64_t seq,
                        struct arena *arena, struct value *values, bool *found, struct error *err)
{
    struct duck_segment_read read = {.schema = schema,
                                     .paths = &path,
                                     .path_count = 1,
                                     .has_seq_range = true,
                                     .seq_after = seq - 1,
                                     .seq_to = seq};
    struct duck_result *rows;
    TRY(duck_segment_open(conn, &read, &rows, err));
    const struct batch *batch;
    status result = duck_fetch(rows, &batch, err);
    if (status_ok(result)) {
        *found = batch != NULL;
        for (unsigned i = 0; *found && i < duck_scan_column_count(schema); i++) {
            struct value cell = batch_get(batch, i, 0);
            struct type type = duck_scan_column(schema, i).type;
            values[i] = cell.is_null ? value_null(type) : value_copy(arena, &cell);
            values[i].type = type; /* JSON, FILE, DATETIME come as their base types */
        }
    }
    duck_result_close(rows);
    return result;
}
