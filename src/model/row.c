/* model/row.c -- rows as bytes (docs/formats/row.md):
 *     | header 16 | null bits | fixed slots | u32 end of each variable column | their bytes |
 * Invariants of a row that opens: (1) the lengths add up exactly  (2) ends never fall  (3) NULL has
 * a zero slot or no bytes  (4) unused bits are 0  (5) every value is in the range of its type. So
 * one row has one encoding. Touches:  schema. Owns: nothing. Threads: any. */
#include "model/row.h"

#include "base/check.h"
#include "model/limits.h"

#include <assert.h>
#include <math.h>

enum {
    AT_FORMAT = 0,
    AT_FLAGS = 1,
    AT_COLUMNS = 2,
    AT_VERSION = 4,
    AT_UPDATED = 8,
    HEADER_BYTES = 16,
    END_BYTES = 4
};
static_assert(AT_UPDATED + sizeof(int64_t) == HEADER_BYTES, "the header of row v1 has 16 bytes");
static_assert(LIMIT_COLUMNS <= UINT16_MAX, "the column count of row v1 is a u16");
static_assert(LIMIT_ROW_BYTES <= UINT32_MAX, "the ends of row v1 are u32");

static const int64_t time_us_max = 86400 * 1000000LL - 1;

/* The one NaN that is written; the many others become it. */
#define FLOAT_NAN_BITS 0x7FC00000U
#define DOUBLE_NAN_BITS 0x7FF8000000000000ULL

static size_t null_bytes(const struct schema *schema)
{
    return (schema->column_count + 7) / 8;
}

static size_t heap_at(const struct schema *schema)
{
    return HEADER_BYTES + null_bytes(schema) + schema->fixed_bytes +
           (size_t)schema->variable_count * END_BYTES;
}

static bool is_null_at(const char *nulls, unsigned column)
{
    return ((uint8_t)nulls[column / 8] >> (column % 8) & 1) != 0;
}

static void put_i128le(char *at, int128 v)
{
    bytes_put_u64le(at, (uint64_t)v);
    bytes_put_u64le(at + 8, (uint64_t)(v >> 64));
}

static int128 get_i128le(const char *at)
{
    __extension__ typedef unsigned __int128 uint128;
    uint128 high = bytes_get_u64le(at + 8);
    return (int128)(high << 64 | bytes_get_u64le(at));
}

static void put_fixed(char *slot, const struct value *v)
{
    switch (v->type.id) {
    case TYPE_BOOLEAN:
        *slot = v->as.boolean ? 1 : 0;
        return;
    case TYPE_SMALLINT:
        bytes_put_u16le(slot, (uint16_t)v->as.integer);
        return;
    case TYPE_INT:
    case TYPE_DATE:
        bytes_put_u32le(slot, (uint32_t)v->as.integer);
        return;
    case TYPE_BIGINT:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
        bytes_put_u64le(slot, (uint64_t)v->as.integer);
        return;
    case TYPE_FLOAT: {
        uint32_t bits = FLOAT_NAN_BITS;
        float narrow = (float)v->as.real;
        if (!isnan(narrow)) {
            memcpy(&bits, &narrow, sizeof bits);
        }
        bytes_put_u32le(slot, bits);
        return;
    }
    case TYPE_DOUBLE: {
        uint64_t bits = DOUBLE_NAN_BITS;
        if (!isnan(v->as.real)) {
            memcpy(&bits, &v->as.real, sizeof bits);
        }
        bytes_put_u64le(slot, bits);
        return;
    }
    case TYPE_UUID:
        memcpy(slot, v->as.uuid, sizeof v->as.uuid);
        return;
    case TYPE_DECIMAL:
        put_i128le(slot, v->as.decimal);
        return;
    default:
        check_failed(__FILE__, __LINE__, "a type of variable length has no slot");
    }
}

static void get_fixed(const char *slot, struct value *v)
{
    switch (v->type.id) {
    case TYPE_BOOLEAN:
        v->as.boolean = *slot != 0;
        return;
    case TYPE_SMALLINT:
        v->as.integer = (int16_t)bytes_get_u16le(slot);
        return;
    case TYPE_INT:
    case TYPE_DATE:
        v->as.integer = (int32_t)bytes_get_u32le(slot);
        return;
    case TYPE_BIGINT:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
        v->as.integer = (int64_t)bytes_get_u64le(slot);
        return;
    case TYPE_FLOAT: {
        uint32_t bits = bytes_get_u32le(slot);
        float narrow;
        memcpy(&narrow, &bits, sizeof narrow);
        v->as.real = (double)narrow;
        return;
    }
    case TYPE_DOUBLE: {
        uint64_t bits = bytes_get_u64le(slot);
        memcpy(&v->as.real, &bits, sizeof bits);
        return;
    }
    case TYPE_UUID:
        memcpy(v->as.uuid, slot, sizeof v->as.uuid);
        return;
    case TYPE_DECIMAL:
        v->as.decimal = get_i128le(slot);
        return;
    default:
        check_failed(__FILE__, __LINE__, "a type of variable length has no slot");
    }
}

static size_t row_bytes(const struct schema *schema, const struct value *values)
{
    size_t bytes = heap_at(schema);
    for (unsigned i = 0; i < schema->column_count; i++) {
        bool is_variable = type_fixed_bytes(schema->columns[i].type.id) == 0;
        bytes += is_variable && !values[i].is_null ? values[i].as.text.n : 0;
    }
    return bytes;
}

static void put_header(char *at, const struct schema *schema, bool is_tombstone, int64_t updated_us)
{
    at[AT_FORMAT] = ROW_FORMAT;
    at[AT_FLAGS] = is_tombstone ? ROW_FLAG_TOMBSTONE : 0;
    bytes_put_u16le(at + AT_COLUMNS, (uint16_t)schema->column_count);
    bytes_put_u32le(at + AT_VERSION, schema->version);
    bytes_put_u64le(at + AT_UPDATED, (uint64_t)updated_us);
}

status row_encode(struct buf *out, const struct schema *schema, const struct value *values,
                  bool is_tombstone, int64_t updated_us, struct error *err)
{
    size_t bytes = row_bytes(schema, values);
    if (bytes > LIMIT_ROW_BYTES) {
        return error_set(err, ERROR_LIMIT, "row of %zu bytes is longer than %d bytes", bytes,
                         LIMIT_ROW_BYTES);
    }
    char *at = buf_reserve(out, bytes);
    char *nulls = at + HEADER_BYTES;
    char *fixed = nulls + null_bytes(schema);
    char *ends = fixed + schema->fixed_bytes;
    char *heap = at + heap_at(schema);
    uint32_t end = 0;
    memset(at, 0, heap_at(schema));
    put_header(at, schema, is_tombstone, updated_us);
    for (unsigned i = 0; i < schema->column_count; i++) {
        const struct value *v = &values[i];
        enum type_id type = schema->columns[i].type.id;
        if (v->is_null) {
            nulls[i / 8] = (char)(nulls[i / 8] | 1 << (i % 8));
        }
        CHECK(v->is_null || v->type.id == type);
        if (type_fixed_bytes(type) > 0) {
            if (!v->is_null) {
                put_fixed(fixed + schema->slots[i], v);
            }
            continue;
        }
        if (!v->is_null && v->as.text.n > 0) {
            memcpy(heap + end, v->as.text.p, v->as.text.n);
            end += (uint32_t)v->as.text.n;
        }
        bytes_put_u32le(ends + (size_t)schema->slots[i] * END_BYTES, end);
    }
    out->n += bytes;
    return STATUS_IS_OK;
}

uint32_t row_schema_version(str bytes)
{
    bool is_row = bytes.n >= HEADER_BYTES && bytes.p[AT_FORMAT] == ROW_FORMAT;
    return is_row ? bytes_get_u32le(bytes.p + AT_VERSION) : 0;
}

static const char *check_header(str bytes, const struct schema *schema)
{
    if (bytes.n < heap_at(schema) || bytes.n > LIMIT_ROW_BYTES) {
        return "its length";
    }
    if (bytes.p[AT_FORMAT] != ROW_FORMAT) {
        return "its format";
    }
    if ((bytes.p[AT_FLAGS] & ~ROW_FLAG_TOMBSTONE) != 0) {
        return "its flags";
    }
    if (bytes_get_u16le(bytes.p + AT_COLUMNS) != schema->column_count) {
        return "its column count";
    }
    if (bytes_get_u32le(bytes.p + AT_VERSION) != schema->version) {
        return "its schema version";
    }
    unsigned used_bits = schema->column_count % 8;
    uint8_t last_nulls = (uint8_t)bytes.p[HEADER_BYTES + null_bytes(schema) - 1];
    return used_bits != 0 && last_nulls >> used_bits != 0 ? "its null bits" : NULL;
}

static bool is_zero(const char *at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (at[i] != 0) {
            return false;
        }
    }
    return true;
}

static bool decimal_in_range(int128 v, unsigned precision)
{
    int128 limit = 1;
    for (unsigned i = 0; i < precision; i++) {
        limit *= 10;
    }
    return v > -limit && v < limit;
}

static bool fixed_is_good(const char *slot, const struct type type, bool is_null)
{
    struct value v = {.type = type};
    if (is_null) {
        return is_zero(slot, type_fixed_bytes(type.id));
    }
    switch (type.id) {
    case TYPE_BOOLEAN:
        return (uint8_t)*slot <= 1;
    case TYPE_FLOAT:
        get_fixed(slot, &v);
        return !isnan(v.as.real) || bytes_get_u32le(slot) == FLOAT_NAN_BITS;
    case TYPE_DOUBLE:
        get_fixed(slot, &v);
        return !isnan(v.as.real) || bytes_get_u64le(slot) == DOUBLE_NAN_BITS;
    case TYPE_TIME:
        get_fixed(slot, &v);
        return v.as.integer >= 0 && v.as.integer <= time_us_max;
    case TYPE_DECIMAL:
        get_fixed(slot, &v);
        return decimal_in_range(v.as.decimal, type.precision);
    default:
        return true;
    }
}

static bool variable_is_good(str bytes, struct type type, bool is_null)
{
    if (is_null) {
        return bytes.n == 0;
    }
    if (type.id == TYPE_EMBEDDING) {
        return bytes.n == type.dimension * sizeof(float);
    }
    return !type_is_text(type.id) || str_is_utf8(bytes);
}

/* Bytes of the variable column at `place`, which row_open has checked (or is about to). */
static str variable_bytes(const struct row *row, uint32_t place)
{
    const char *end_at = row->offsets + (size_t)place * END_BYTES;
    uint32_t start = place > 0 ? bytes_get_u32le(end_at - END_BYTES) : 0;
    uint32_t end = bytes_get_u32le(end_at);
    return (str){row->heap + start, end - start};
}

/* Ends never fall and the last is the end of the row. */
static bool ends_are_good(const struct row *row)
{
    size_t heap_bytes = row->bytes.n - heap_at(row->schema);
    uint32_t before = 0;
    for (uint32_t place = 0; place < row->schema->variable_count; place++) {
        uint32_t end = bytes_get_u32le(row->offsets + (size_t)place * END_BYTES);
        if (end < before) {
            return false;
        }
        before = end;
    }
    return before == heap_bytes;
}

static bool column_is_good(const struct row *row, unsigned i)
{
    struct type type = row->schema->columns[i].type;
    bool is_null = is_null_at(row->nulls, i);
    uint32_t slot = row->schema->slots[i];
    return type_fixed_bytes(type.id) > 0
               ? fixed_is_good(row->fixed + slot, type, is_null)
               : variable_is_good(variable_bytes(row, slot), type, is_null);
}

static status refuse(const struct schema *schema, const char *what, str name, struct error *err)
{
    return error_set(
        err, ERROR_CORRUPT, "row of " STR_FMT "." STR_FMT " version %u is damaged: %s" STR_FMT,
        STR(schema->namespace_name), STR(schema->table_name), schema->version, what, STR(name));
}

status row_open(struct row *row, const struct schema *schema, str bytes, struct error *err)
{
    const char *problem = check_header(bytes, schema);
    if (problem != NULL) {
        return refuse(schema, problem, STR_LIT(""), err);
    }
    struct row found = {.schema = schema, .bytes = bytes};
    found.is_tombstone = (bytes.p[AT_FLAGS] & ROW_FLAG_TOMBSTONE) != 0;
    found.updated_us = (int64_t)bytes_get_u64le(bytes.p + AT_UPDATED);
    found.nulls = bytes.p + HEADER_BYTES;
    found.fixed = found.nulls + null_bytes(schema);
    found.offsets = found.fixed + schema->fixed_bytes;
    found.heap = bytes.p + heap_at(schema);
    if (!ends_are_good(&found)) {
        return refuse(schema, "its offsets", STR_LIT(""), err);
    }
    for (unsigned i = 0; i < schema->column_count; i++) {
        if (!column_is_good(&found, i)) {
            return refuse(schema, "column ", schema->columns[i].name, err);
        }
    }
    *row = found;
    return STATUS_IS_OK;
}

struct value row_value(const struct row *row, unsigned column)
{
    CHECK(column < row->schema->column_count);
    struct value v = value_null(row->schema->columns[column].type);
    if (is_null_at(row->nulls, column)) {
        return v;
    }
    v.is_null = false;
    uint32_t slot = row->schema->slots[column];
    if (type_fixed_bytes(v.type.id) > 0) {
        get_fixed(row->fixed + slot, &v);
    } else {
        v.as.text = variable_bytes(row, slot);
    }
    return v;
}

void row_copy_as_tombstone(struct buf *out, const struct row *row, int64_t updated_us)
{
    char *at = buf_reserve(out, row->bytes.n);
    memcpy(at, row->bytes.p, row->bytes.n);
    at[AT_FLAGS] = ROW_FLAG_TOMBSTONE;
    bytes_put_u64le(at + AT_UPDATED, (uint64_t)updated_us);
    out->n += row->bytes.n;
}

status row_project(const struct row *row, const struct schema *schema, struct arena *arena,
                   struct value *values, struct error *err)
{
    unsigned next = 0; /* columns mostly keep their order: the place after the last one found */
    for (unsigned i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];
        int found = schema_find_column_id(row->schema, column->id, next);
        if (found < 0) {
            values[i] = column->absent_value;
            continue;
        }
        next = (unsigned)found + 1;
        struct value v = row_value(row, (unsigned)found);
        if (type_eq(v.type, column->type)) {
            values[i] = v;
        } else {
            TRY(value_coerce(&v, column->type, column->name, arena, &values[i], err));
        }
    }
    return STATUS_IS_OK;
}
