/* engine/duck_vector.c -- cells between batches and the engine's vectors.
 * For:      scans copy batches into vectors (the engine must own far texts: it keeps chunks longer
 * than the batch lives); results are viewed in place where the layouts are the same, which
 *           static_asserts in duck_private.h state.
 * Touches:  DuckDB's vectors. Owns: a reader owns its conversion buffers.
 * Threads:  the statement's own. */
#include "base/buf.h"
#include "engine/duck_private.h"

enum { MASK_WORDS = LIMIT_BATCH_ROWS / 64 };

/* What a vector without a mask means; never written. */
#define ONES_4 UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX
#define ONES_16 ONES_4, ONES_4, ONES_4, ONES_4
static uint64_t all_valid[] = {ONES_16, ONES_16};
static_assert(sizeof all_valid == MASK_WORDS * sizeof(uint64_t), "one bit per row");

/* --- types --------------------------------------------------------------------------------------
 */

static duckdb_type simple_type(enum type_id id)
{
    switch (id) {
    case TYPE_BOOLEAN:
        return DUCKDB_TYPE_BOOLEAN;
    case TYPE_SMALLINT:
        return DUCKDB_TYPE_SMALLINT;
    case TYPE_INT:
        return DUCKDB_TYPE_INTEGER;
    case TYPE_BIGINT:
        return DUCKDB_TYPE_BIGINT;
    case TYPE_FLOAT:
        return DUCKDB_TYPE_FLOAT;
    case TYPE_DOUBLE:
        return DUCKDB_TYPE_DOUBLE;
    case TYPE_NONE:
    case TYPE_TEXT:
    case TYPE_JSON:
    case TYPE_FILE:
        return DUCKDB_TYPE_VARCHAR;
    case TYPE_BYTES:
        return DUCKDB_TYPE_BLOB;
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
        return DUCKDB_TYPE_TIMESTAMP;
    case TYPE_DATE:
        return DUCKDB_TYPE_DATE;
    case TYPE_TIME:
        return DUCKDB_TYPE_TIME;
    case TYPE_UUID:
        return DUCKDB_TYPE_UUID;
    case TYPE_DECIMAL:
    case TYPE_EMBEDDING:
    case TYPE_COUNT:
        break;
    }
    check_failed(__FILE__, __LINE__, "a type with parameters");
    return DUCKDB_TYPE_INVALID;
}

duckdb_logical_type duck_type_of(struct type type)
{
    if (type.id == TYPE_DECIMAL) {
        return duckdb_create_decimal_type(type.precision, type.scale);
    }
    if (type.id == TYPE_EMBEDDING) { /* a vector of FLOAT[n] has room for 2,048 rows at once */
        duckdb_logical_type item = duckdb_create_logical_type(DUCKDB_TYPE_FLOAT);
        duckdb_logical_type list = duckdb_create_list_type(item);
        duckdb_destroy_logical_type(&item);
        return list;
    }
    return duckdb_create_logical_type(simple_type(type.id));
}

void duck_type_append(struct buf *out, struct type type)
{
    static const char *const names[TYPE_COUNT] = {
        [TYPE_BOOLEAN] = "BOOLEAN",   [TYPE_SMALLINT] = "SMALLINT",   [TYPE_INT] = "INTEGER",
        [TYPE_BIGINT] = "BIGINT",     [TYPE_FLOAT] = "FLOAT",         [TYPE_DOUBLE] = "DOUBLE",
        [TYPE_TEXT] = "VARCHAR",      [TYPE_JSON] = "VARCHAR",        [TYPE_FILE] = "VARCHAR",
        [TYPE_BYTES] = "BLOB",        [TYPE_TIMESTAMP] = "TIMESTAMP", [TYPE_DATETIME] = "TIMESTAMP",
        [TYPE_DATE] = "DATE",         [TYPE_TIME] = "TIME",           [TYPE_UUID] = "UUID",
        [TYPE_EMBEDDING] = "FLOAT[]",
    };
    if (type.id == TYPE_DECIMAL) {
        buf_append_format(out, "DECIMAL(%u,%u)", type.precision, type.scale);
    } else {
        CHECK(names[type.id] != NULL);
        buf_append_c(out, names[type.id]);
    }
}

/* Bytes of a cell that a batch and a vector share; 0: they differ. */
static unsigned shared_bytes(enum type_id id)
{
    switch (id) {
    case TYPE_BOOLEAN:
        return 1;
    case TYPE_SMALLINT:
        return 2;
    case TYPE_INT:
    case TYPE_DATE:
    case TYPE_FLOAT:
        return 4;
    case TYPE_BIGINT:
    case TYPE_DOUBLE:
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
    case TYPE_TIME:
        return 8;
    case TYPE_UUID:
        return 16;
    default:
        return 0;
    }
}

/* --- batch to vector ----------------------------------------------------------------------------
 */

static bool fill_mask(duckdb_vector vector, const struct batch_column *column, unsigned row_count)
{
    bool has_null = false;
    for (unsigned i = 0; i < row_count && !has_null; i += 64) {
        unsigned left = row_count - i;
        uint64_t used = left >= 64 ? UINT64_MAX : ((uint64_t)1 << left) - 1;
        has_null = (column->valid[i / 64] & used) != used;
    }
    if (has_null) {
        duckdb_vector_ensure_validity_writable(vector);
        uint64_t *mask = duckdb_vector_get_validity(vector);
        memcpy(mask, column->valid, (row_count + 63) / 64 * sizeof *mask);
    }
    return has_null;
}

static void fill_texts(duckdb_vector vector, const struct batch_column *column, unsigned row_count)
{
    const struct string_view16 *from = column->data;
    struct string_view16 *to = duckdb_vector_get_data(vector);
    for (unsigned i = 0; i < row_count; i++) {
        if (!duck_bit(column->valid, i)) {
            continue;
        }
        if (from[i].length <= DUCK_INLINE_BYTES) {
            /* the engine compares whole cells: bytes behind a short text are zero */
            struct string_view16 cell;
            memset(&cell, 0, sizeof cell);
            cell.length = from[i].length;
            memcpy(cell.as.inlined, from[i].as.inlined, from[i].length);
            to[i] = cell;
        } else {
            duckdb_vector_assign_string_element_len(vector, i, from[i].as.far.pointer,
                                                    from[i].length);
        }
    }
}

static void fill_decimals(duckdb_vector vector, const struct batch_column *column,
                          unsigned row_count)
{
    const int128 *from = column->data;
    void *to = duckdb_vector_get_data(vector);
    unsigned precision = column->type.precision;
    for (unsigned i = 0; i < row_count; i++) {
        int128 v = duck_bit(column->valid, i) ? from[i] : 0;
        if (precision <= 4) {
            ((int16_t *)to)[i] = (int16_t)v;
        } else if (precision <= 9) {
            ((int32_t *)to)[i] = (int32_t)v;
        } else if (precision <= 18) {
            ((int64_t *)to)[i] = (int64_t)v;
        } else {
            ((int128 *)to)[i] = v;
        }
    }
}

static void fill_embeddings(duckdb_vector vector, const struct batch_column *column,
                            unsigned row_count)
{
    const struct string_view16 *from = column->data;
    duckdb_list_entry *entries = duckdb_vector_get_data(vector);
    idx_t total = 0;
    for (unsigned i = 0; i < row_count; i++) {
        bool is_valid = duck_bit(column->valid, i);
        CHECK(!is_valid || from[i].length == column->type.dimension * sizeof(float));
        entries[i] = (duckdb_list_entry){total, is_valid ? column->type.dimension : 0};
        total += entries[i].length;
    }
    if (duckdb_list_vector_reserve(vector, total) != DuckDBSuccess ||
        duckdb_list_vector_set_size(vector, total) != DuckDBSuccess) {
        check_failed(__FILE__, __LINE__, "a vector of lists takes items");
    }
    float *to = duckdb_vector_get_data(duckdb_list_vector_get_child(vector));
    for (unsigned i = 0; i < row_count; i++) {
        if (entries[i].length > 0) {
            memcpy(to + entries[i].offset, string_view_str(&from[i]).p, from[i].length);
        }
    }
}

void duck_vector_fill(duckdb_vector vector, const struct batch_column *column, unsigned row_count)
{
    CHECK(column->is_wanted);
    (void)fill_mask(vector, column, row_count);
    unsigned bytes = shared_bytes(column->type.id);
    if (bytes != 0) {
        memcpy(duckdb_vector_get_data(vector), column->data, (size_t)row_count * bytes);
    } else if (column->type.id == TYPE_DECIMAL) {
        fill_decimals(vector, column, row_count);
    } else if (column->type.id == TYPE_EMBEDDING) {
        fill_embeddings(vector, column, row_count);
    } else {
        fill_texts(vector, column, row_count);
    }
}

/* --- values -------------------------------------------------------------------------------------
 */

static duckdb_value embedding_value(const struct value *v)
{
    unsigned count = v->type.dimension;
    CHECK(v->as.text.n == count * sizeof(float));
    duckdb_value *items = mem_alloc(count * sizeof(duckdb_value));
    for (unsigned i = 0; i < count; i++) {
        float item;
        memcpy(&item, v->as.text.p + i * sizeof item, sizeof item);
        items[i] = duckdb_create_float(item);
    }
    duckdb_logical_type type = duckdb_create_logical_type(DUCKDB_TYPE_FLOAT);
    duckdb_value list = duckdb_create_list_value(type, items, count);
    duckdb_destroy_logical_type(&type);
    for (unsigned i = 0; i < count; i++) {
        duckdb_destroy_value(&items[i]);
    }
    mem_free(items);
    return list;
}

duckdb_value duck_value_of(const struct value *v)
{
    if (v->is_null) {
        return duckdb_create_null_value();
    }
    switch (v->type.id) {
    case TYPE_BOOLEAN:
        return duckdb_create_bool(v->as.boolean);
    case TYPE_SMALLINT:
        return duckdb_create_int16((int16_t)v->as.integer);
    case TYPE_INT:
        return duckdb_create_int32((int32_t)v->as.integer);
    case TYPE_BIGINT:
        return duckdb_create_int64(v->as.integer);
    case TYPE_FLOAT:
        return duckdb_create_float((float)v->as.real);
    case TYPE_DOUBLE:
        return duckdb_create_double(v->as.real);
    case TYPE_TEXT:
    case TYPE_JSON:
    case TYPE_FILE:
        return duckdb_create_varchar_length(v->as.text.p != NULL ? v->as.text.p : "", v->as.text.n);
    case TYPE_BYTES:
        return duckdb_create_blob((const uint8_t *)(v->as.text.p != NULL ? v->as.text.p : ""),
                                  v->as.text.n);
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
        return duckdb_create_timestamp((duckdb_timestamp){v->as.integer});
    case TYPE_DATE:
        return duckdb_create_date((duckdb_date){(int32_t)v->as.integer});
    case TYPE_TIME:
        return duckdb_create_time((duckdb_time){v->as.integer});
    case TYPE_UUID: {
        duckdb_uhugeint u = {0, 0};
        for (unsigned i = 0; i < 8; i++) {
            u.upper = u.upper << 8 | v->as.uuid[i];
            u.lower = u.lower << 8 | v->as.uuid[i + 8];
        }
        return duckdb_create_uuid(u);
    }
    case TYPE_DECIMAL: {
        duckdb_decimal d = {.width = v->type.precision, .scale = v->type.scale};
        memcpy(&d.value, &v->as.decimal, sizeof d.value);
        return duckdb_create_decimal(d);
    }
    case TYPE_EMBEDDING:
        return embedding_value(v);
    case TYPE_NONE:
    case TYPE_COUNT:
        break;
    }
    check_failed(__FILE__, __LINE__, "a value without a type");
    return NULL;
}

/* --- vector to batch ----------------------------------------------------------------------------
 */

static status refuse(str name, const char *type, struct error *err)
{
    return error_set(err, ERROR_STATEMENT_UNSUPPORTED,
                     "column " STR_FMT " of type %s has no cell encoding: cast it", STR(name),
                     type);
}

/* Lists: rendered as JSON text; the child's reader checks that its items can be. */
static status open_list(struct duck_reader *reader, duckdb_logical_type item, str name,
                        struct error *err)
{
    reader->item = mem_alloc_zeroed(sizeof *reader->item);
    status result = duck_reader_open(reader->item, item, name, err);
    reader->column.type = type_of(TYPE_TEXT);
    reader->column.is_raw_json = true;
    return result;
}

static status open_array(struct duck_reader *reader, str name, struct error *err)
{
    duckdb_logical_type item = duckdb_array_type_child_type(reader->logical);
    reader->width = (unsigned)duckdb_array_type_array_size(reader->logical);
    if (duckdb_get_type_id(item) == DUCKDB_TYPE_FLOAT &&
        reader->width <= LIMIT_EMBEDDING_DIMENSION) {
        reader->column.type =
            (struct type){.id = TYPE_EMBEDDING, .dimension = (uint16_t)reader->width};
        duckdb_destroy_logical_type(&item);
        return STATUS_IS_OK;
    }
    return open_list(reader, item, name, err);
}

static status map_type(struct duck_reader *reader, str name, struct error *err)
{
    struct type *type = &reader->column.type;
    switch (reader->from) {
    case DUCKDB_TYPE_BOOLEAN:
        *type = type_of(TYPE_BOOLEAN);
        break;
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_SMALLINT:
        *type = type_of(TYPE_SMALLINT);
        break;
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_INTEGER:
        *type = type_of(TYPE_INT);
        break;
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT:
        *type = type_of(TYPE_BIGINT);
        break;
    case DUCKDB_TYPE_FLOAT:
        *type = type_of(TYPE_FLOAT);
        break;
    case DUCKDB_TYPE_DOUBLE:
        *type = type_of(TYPE_DOUBLE);
        break;
    case DUCKDB_TYPE_UBIGINT: /* "Text" on the wire */
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_ENUM:
    case DUCKDB_TYPE_SQLNULL:
        *type = type_of(TYPE_TEXT);
        break;
    case DUCKDB_TYPE_BLOB:
        *type = type_of(TYPE_BYTES);
        break;
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_S:
    case DUCKDB_TYPE_TIMESTAMP_MS:
    case DUCKDB_TYPE_TIMESTAMP_NS:
        *type = type_of(TYPE_TIMESTAMP);
        break;
    case DUCKDB_TYPE_TIMESTAMP_TZ:
        *type = type_of(TYPE_DATETIME);
        break;
    case DUCKDB_TYPE_DATE:
        *type = type_of(TYPE_DATE);
        break;
    case DUCKDB_TYPE_TIME:
        *type = type_of(TYPE_TIME);
        break;
    case DUCKDB_TYPE_UUID:
        *type = type_of(TYPE_UUID);
        break;
    case DUCKDB_TYPE_DECIMAL:
        *type = (struct type){.id = TYPE_DECIMAL,
                              .precision = duckdb_decimal_width(reader->logical),
                              .scale = duckdb_decimal_scale(reader->logical)};
        break;
    case DUCKDB_TYPE_ARRAY:
        return open_array(reader, name, err);
    case DUCKDB_TYPE_LIST:
        return open_list(reader, duckdb_list_type_child_type(reader->logical), name, err);
    case DUCKDB_TYPE_INTERVAL:
        return refuse(name, "INTERVAL", err);
    case DUCKDB_TYPE_STRUCT:
        return refuse(name, "STRUCT", err);
    case DUCKDB_TYPE_MAP:
        return refuse(name, "MAP", err);
    case DUCKDB_TYPE_TIME_TZ:
        return refuse(name, "TIME WITH TIME ZONE", err);
    default:
        return refuse(name, "this kind", err);
    }
    return STATUS_IS_OK;
}

status duck_reader_open(struct duck_reader *reader, duckdb_logical_type logical, str name,
                        struct error *err)
{
    memset(reader, 0, sizeof *reader);
    reader->logical = logical;
    reader->from = duckdb_get_type_id(logical);
    reader->column.name = name;
    return map_type(reader, name, err);
}

void duck_reader_expect(struct duck_reader *reader, struct type type)
{
    bool is_list_of_float =
        reader->from == DUCKDB_TYPE_LIST && reader->item->from == DUCKDB_TYPE_FLOAT;
    if (type.id == TYPE_EMBEDDING && is_list_of_float) {
        reader->column.type = type;
        reader->column.is_raw_json = false;
    }
}

void duck_reader_close(struct duck_reader *reader)
{
    if (reader->item != NULL) {
        duck_reader_close(reader->item);
        mem_free(reader->item);
    }
    if (reader->logical != NULL) {
        duckdb_destroy_logical_type(&reader->logical);
    }
    mem_free(reader->converted);
    mem_free(reader->valid);
    memset(reader, 0, sizeof *reader);
}

/* Integers of every width; false: no integer. */
static bool read_integer(duckdb_type from, const void *data, idx_t row, int128 *out)
{
    switch (from) {
    case DUCKDB_TYPE_TINYINT:
        *out = ((const int8_t *)data)[row];
        return true;
    case DUCKDB_TYPE_UTINYINT:
        *out = ((const uint8_t *)data)[row];
        return true;
    case DUCKDB_TYPE_SMALLINT:
        *out = ((const int16_t *)data)[row];
        return true;
    case DUCKDB_TYPE_USMALLINT:
        *out = ((const uint16_t *)data)[row];
        return true;
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_DATE:
        *out = ((const int32_t *)data)[row];
        return true;
    case DUCKDB_TYPE_UINTEGER:
        *out = ((const uint32_t *)data)[row];
        return true;
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_TIME:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
        *out = ((const int64_t *)data)[row];
        return true;
    case DUCKDB_TYPE_UBIGINT:
        *out = ((const uint64_t *)data)[row];
        return true;
    case DUCKDB_TYPE_TIMESTAMP_S:
        *out = (int128)((const int64_t *)data)[row] * 1000000;
        return true;
    case DUCKDB_TYPE_TIMESTAMP_MS:
        *out = (int128)((const int64_t *)data)[row] * 1000;
        return true;
    case DUCKDB_TYPE_TIMESTAMP_NS: {
        int64_t ns = ((const int64_t *)data)[row];
        *out = ns / 1000 - (ns % 1000 < 0 ? 1 : 0);
        return true;
    }
    case DUCKDB_TYPE_HUGEINT:
        *out = ((const int128 *)data)[row];
        return true;
    case DUCKDB_TYPE_UHUGEINT: {
        int128 v = ((const int128 *)data)[row];
        *out = v < 0 ? (int128)INT64_MAX + 1 : v; /* beyond what fits anyway */
        return true;
    }
    default:
        return false;
    }
}

static int128 read_decimal(unsigned precision, const void *data, idx_t row)
{
    if (precision <= 4) {
        return ((const int16_t *)data)[row];
    }
    if (precision <= 9) {
        return ((const int32_t *)data)[row];
    }
    if (precision <= 18) {
        return ((const int64_t *)data)[row];
    }
    return ((const int128 *)data)[row];
}

static status check_fits(const struct duck_reader *reader, int128 v, struct error *err)
{
    if (v < INT64_MIN || v > INT64_MAX) {
        return error_set(err, ERROR_QUERY, "column " STR_FMT ": a value is out of range for BIGINT",
                         STR(reader->column.name));
    }
    return STATUS_IS_OK;
}

static str enum_text(const struct duck_reader *reader, const void *data, idx_t row,
                     struct arena *heap)
{
    uint32_t index = 0;
    switch (duckdb_enum_internal_type(reader->logical)) {
    case DUCKDB_TYPE_UTINYINT:
        index = ((const uint8_t *)data)[row];
        break;
    case DUCKDB_TYPE_USMALLINT:
        index = ((const uint16_t *)data)[row];
        break;
    default:
        index = ((const uint32_t *)data)[row];
        break;
    }
    char *text = duckdb_enum_dictionary_value(reader->logical, index);
    str copy = arena_copy(heap, str_from(text));
    duckdb_free(text);
    return copy;
}

static status append_list(const struct duck_reader *reader, duckdb_vector vector, idx_t row,
                          struct buf *out, struct arena *heap, struct error *err);

/* The items of a LIST or ARRAY cell: `count` from `from` on in the vector of items. */
struct items {
    duckdb_vector vector;
    idx_t from;
    idx_t count;
};

static struct items items_of(const struct duck_reader *reader, duckdb_vector vector, idx_t row)
{
    if (reader->from == DUCKDB_TYPE_ARRAY) {
        return (struct items){duckdb_array_vector_get_child(vector), row * reader->width,
                              reader->width};
    }
    const duckdb_list_entry *entries = duckdb_vector_get_data(vector);
    return (struct items){duckdb_list_vector_get_child(vector), entries[row].offset,
                          entries[row].length};
}

/* The floats of a cell where they lie. */
static status read_embedding(const struct duck_reader *reader, duckdb_vector vector, idx_t row,
                             str *out, struct error *err)
{
    struct items items = items_of(reader, vector, row);
    if (items.count != reader->column.type.dimension) {
        return error_set(err, ERROR_QUERY,
                         "column " STR_FMT ": %" PRIu64 " numbers where an EMBEDDING(%u) is stored",
                         STR(reader->column.name), items.count, reader->column.type.dimension);
    }
    const float *floats = duckdb_vector_get_data(items.vector);
    *out = str_of((const char *)(floats + items.from), items.count * sizeof *floats);
    return STATUS_IS_OK;
}

/* One cell as a value, for what is not viewed in place. Texts point into the vector or the heap. */
static status read_cell(const struct duck_reader *reader, duckdb_vector vector, idx_t row,
                        struct arena *heap, struct value *out, struct error *err)
{
    struct type type = reader->column.type;
    *out = value_null(type);
    if (reader->from == DUCKDB_TYPE_SQLNULL || !duck_is_valid(vector, row)) {
        return STATUS_IS_OK;
    }
    out->is_null = false;
    const void *data = duckdb_vector_get_data(vector);
    int128 integer;
    if (type.id == TYPE_BOOLEAN) {
        out->as.boolean = ((const bool *)data)[row];
    } else if (type.id == TYPE_FLOAT) {
        out->as.real = (double)((const float *)data)[row];
    } else if (type.id == TYPE_DOUBLE) {
        out->as.real = ((const double *)data)[row];
    } else if (type.id == TYPE_DECIMAL) {
        out->as.decimal = read_decimal(type.precision, data, row);
    } else if (type.id == TYPE_UUID) {
        uint64_t words[2];
        memcpy(words, (const char *)data + row * 16, sizeof words);
        bytes_put_u64be(out->as.uuid, words[1] ^ (uint64_t)1 << 63);
        bytes_put_u64be(out->as.uuid + 8, words[0]);
    } else if (type.id == TYPE_EMBEDDING) {
        return read_embedding(reader, vector, row, &out->as.text, err);
    } else if (reader->item != NULL) {
        struct buf text;
        buf_init(&text);
        status result = append_list(reader, vector, row, &text, heap, err);
        out->as.text = arena_copy(heap, buf_str(&text));
        buf_release(&text);
        return result;
    } else if (reader->from == DUCKDB_TYPE_ENUM) {
        out->as.text = enum_text(reader, data, row, heap);
    } else if (reader->from == DUCKDB_TYPE_UBIGINT) {
        out->as.text = arena_format(heap, "%" PRIu64, ((const uint64_t *)data)[row]);
    } else if (read_integer(reader->from, data, row, &integer)) {
        TRY(check_fits(reader, integer, err));
        out->as.integer = (int64_t)integer;
    } else {
        out->as.text = duck_string_str(&((const duckdb_string_t *)data)[row]);
    }
    return STATUS_IS_OK;
}

static status append_list(const struct duck_reader *reader, duckdb_vector vector, idx_t row,
                          struct buf *out, struct arena *heap, struct error *err)
{
    struct items items = items_of(reader, vector, row);
    buf_append_byte(out, '[');
    for (idx_t i = 0; i < items.count; i++) {
        if (i > 0) {
            buf_append_byte(out, ',');
        }
        struct value item;
        TRY(read_cell(reader->item, items.vector, items.from + i, heap, &item, err));
        if (!item.is_null && reader->item->column.is_raw_json) {
            buf_append_str(out, item.as.text);
        } else {
            TRY(value_append_json(out, &item, err));
        }
    }
    buf_append_byte(out, ']');
    return STATUS_IS_OK;
}

static void put_text(struct string_view16 *cell, str text)
{
    memset(cell, 0, sizeof *cell);
    cell->length = (uint32_t)text.n;
    if (text.n <= DUCK_INLINE_BYTES) {
        if (text.n > 0) {
            memcpy(cell->as.inlined, text.p, text.n);
        }
    } else {
        memcpy(cell->as.far.prefix, text.p, sizeof cell->as.far.prefix);
        cell->as.far.pointer = text.p;
    }
}

static void put_cell(void *cells, unsigned row, const struct value *v)
{
    switch (v->type.id) {
    case TYPE_SMALLINT:
        ((int16_t *)cells)[row] = (int16_t)v->as.integer;
        break;
    case TYPE_INT:
        ((int32_t *)cells)[row] = (int32_t)v->as.integer;
        break;
    case TYPE_BIGINT:
    case TYPE_TIMESTAMP:
        ((int64_t *)cells)[row] = v->as.integer;
        break;
    case TYPE_DECIMAL:
        ((int128 *)cells)[row] = v->as.decimal;
        break;
    default:
        put_text(&((struct string_view16 *)cells)[row], v->as.text);
        break;
    }
}

static bool is_same_layout(const struct duck_reader *reader)
{
    switch (reader->from) {
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT:
    case DUCKDB_TYPE_TIMESTAMP_S:
    case DUCKDB_TYPE_TIMESTAMP_MS:
    case DUCKDB_TYPE_TIMESTAMP_NS:
    case DUCKDB_TYPE_ENUM:
    case DUCKDB_TYPE_SQLNULL:
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_ARRAY:
        return false;
    case DUCKDB_TYPE_DECIMAL:
        return reader->column.type.precision > 18;
    default:
        return true;
    }
}

status duck_reader_view(struct duck_reader *reader, duckdb_vector vector, unsigned row_count,
                        struct batch_column *column, struct arena *heap, struct error *err)
{
    CHECK(row_count <= LIMIT_BATCH_ROWS);
    column->type = reader->column.type;
    column->is_wanted = true;
    if (is_same_layout(reader)) {
        uint64_t *mask = duckdb_vector_get_validity(vector);
        column->valid = mask != NULL ? mask : all_valid;
        column->data = duckdb_vector_get_data(vector);
        return STATUS_IS_OK;
    }
    if (reader->converted == NULL) {
        reader->converted = mem_alloc(LIMIT_BATCH_ROWS * sizeof(struct string_view16));
        reader->valid = mem_alloc(sizeof all_valid);
    }
    memset(reader->valid, 0, sizeof all_valid);
    for (unsigned i = 0; i < row_count; i++) {
        struct value cell;
        TRY(read_cell(reader, vector, i, heap, &cell, err));
        if (!cell.is_null) {
            reader->valid[i / 64] |= (uint64_t)1 << (i % 64);
            put_cell(reader->converted, i, &cell);
        }
    }
    column->valid = reader->valid;
    column->data = reader->converted;
    return STATUS_IS_OK;
}
