/* model/batch.c -- columns of up to LIMIT_BATCH_ROWS cells, filled and read cell by cell.
 * Owns:     a batch is one block plus one per column. Threads: one at a time. */
#include "model/batch.h"

#include "base/check.h"

#include <assert.h>

enum { VALID_WORDS = LIMIT_BATCH_ROWS / 64, INLINE_BYTES = 12, FULL_HEAP_BYTES = 4 << 20 };
static_assert(LIMIT_BATCH_ROWS % 64 == 0, "validity is whole words");
static_assert(sizeof(struct string_view16) == 16, "as the engine's string views");
static_assert(offsetof(struct string_view16, as) == 4, "as the engine's string views");
static_assert(offsetof(struct string_view16, as.far.pointer) == 8, "as the engine's string views");

/* Bytes of a cell: the row's slot, or a string view. */
static size_t cell_bytes(enum type_id id)
{
    unsigned fixed = type_fixed_bytes(id);
    return fixed > 0 ? fixed : sizeof(struct string_view16);
}

struct batch *batch_create(const struct type *types, unsigned column_count)
{
    struct batch *batch = mem_alloc_zeroed(sizeof *batch);
    batch->column_count = column_count;
    batch->columns = mem_alloc_zeroed(sizeof *batch->columns * (column_count + 1));
    arena_init(&batch->heap);
    for (unsigned i = 0; i < column_count; i++) {
        CHECK(types[i].id != TYPE_NONE);
        struct batch_column *column = &batch->columns[i];
        column->type = types[i];
        column->valid = mem_alloc_zeroed(VALID_WORDS * sizeof(uint64_t));
        column->data = mem_alloc_zeroed(LIMIT_BATCH_ROWS * cell_bytes(types[i].id));
        column->is_wanted = true;
    }
    return batch;
}

void batch_destroy(struct batch *batch)
{
    if (batch == NULL) {
        return;
    }
    for (unsigned i = 0; i < batch->column_count; i++) {
        mem_free(batch->columns[i].valid);
        mem_free(batch->columns[i].data);
    }
    mem_free(batch->columns);
    arena_release(&batch->heap);
    mem_free(batch);
}

void batch_reset(struct batch *batch)
{
    batch->row_count = 0;
    for (unsigned i = 0; i < batch->column_count; i++) {
        memset(batch->columns[i].valid, 0, VALID_WORDS * sizeof(uint64_t));
    }
    arena_reset(&batch->heap);
}

bool batch_is_full(const struct batch *batch)
{
    return batch->row_count >= LIMIT_BATCH_ROWS || batch->heap.used_bytes >= FULL_HEAP_BYTES;
}

static void set_view(struct arena *heap, struct string_view16 *view, str text)
{
    CHECK(text.n <= UINT32_MAX);
    memset(view, 0, sizeof *view); /* short views are compared with their padding */
    view->length = (uint32_t)text.n;
    if (text.n <= INLINE_BYTES) {
        if (text.n > 0) {
            memcpy(view->as.inlined, text.p, text.n);
        }
        return;
    }
    memcpy(view->as.far.prefix, text.p, sizeof view->as.far.prefix);
    view->as.far.pointer = arena_copy(heap, text).p;
}

str string_view_str(const struct string_view16 *view)
{
    return (str){view->length <= INLINE_BYTES ? view->as.inlined : view->as.far.pointer,
                 view->length};
}

/* The engine keeps a UUID as a signed 128-bit number in the order of its text: big-endian, top bit
 * flipped. */
static int128 uuid_to_cell(const uint8_t uuid[16])
{
    __extension__ typedef unsigned __int128 uint128;
    uint128 high = bytes_get_u64be(uuid) ^ (1ULL << 63);
    return (int128)(high << 64 | bytes_get_u64be(uuid + 8));
}

static void uuid_from_cell(int128 cell, uint8_t uuid[16])
{
    bytes_put_u64be(uuid, (uint64_t)(cell >> 64) ^ (1ULL << 63));
    bytes_put_u64be(uuid + 8, (uint64_t)cell);
}

static void set_cell(struct batch *batch, struct batch_column *column, unsigned row,
                     const struct value *v)
{
    switch (column->type.id) {
    case TYPE_BOOLEAN:
        ((uint8_t *)column->data)[row] = v->as.boolean ? 1 : 0;
        return;
    case TYPE_SMALLINT:
        ((int16_t *)column->data)[row] = (int16_t)v->as.integer;
        return;
    case TYPE_INT:
    case TYPE_DATE:
        ((int32_t *)column->data)[row] = (int32_t)v->as.integer;
        return;
    case TYPE_BIGINT:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
        ((int64_t *)column->data)[row] = v->as.integer;
        return;
    case TYPE_FLOAT:
        ((float *)column->data)[row] = (float)v->as.real;
        return;
    case TYPE_DOUBLE:
        ((double *)column->data)[row] = v->as.real;
        return;
    case TYPE_DECIMAL:
        ((int128 *)column->data)[row] = v->as.decimal;
        return;
    case TYPE_UUID:
        ((int128 *)column->data)[row] = uuid_to_cell(v->as.uuid);
        return;
    case TYPE_TEXT:
    case TYPE_JSON:
    case TYPE_FILE:
    case TYPE_BYTES:
    case TYPE_EMBEDDING:
        set_view(&batch->heap, &((struct string_view16 *)column->data)[row], v->as.text);
        return;
    case TYPE_NONE:
    case TYPE_COUNT:
        break;
    }
    check_failed(__FILE__, __LINE__, "a column without a type");
}

void batch_set(struct batch *batch, unsigned column, unsigned row, const struct value *v)
{
    CHECK(column < batch->column_count);
    CHECK(row < LIMIT_BATCH_ROWS);
    struct batch_column *to = &batch->columns[column];
    uint64_t bit = 1ULL << (row % 64);
    if (v->is_null || !to->is_wanted) {
        to->valid[row / 64] &= ~bit;
        return;
    }
    CHECK(v->type.id == to->type.id);
    to->valid[row / 64] |= bit;
    set_cell(batch, to, row, v);
}

static void get_cell(const struct batch_column *column, unsigned row, struct value *v)
{
    switch (column->type.id) {
    case TYPE_BOOLEAN:
        v->as.boolean = ((const uint8_t *)column->data)[row] != 0;
        return;
    case TYPE_SMALLINT:
        v->as.integer = ((const int16_t *)column->data)[row];
        return;
    case TYPE_INT:
    case TYPE_DATE:
        v->as.integer = ((const int32_t *)column->data)[row];
        return;
    case TYPE_BIGINT:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
        v->as.integer = ((const int64_t *)column->data)[row];
        return;
    case TYPE_FLOAT:
        v->as.real = (double)((const float *)column->data)[row];
        return;
    case TYPE_DOUBLE:
        v->as.real = ((const double *)column->data)[row];
        return;
    case TYPE_DECIMAL:
        v->as.decimal = ((const int128 *)column->data)[row];
        return;
    case TYPE_UUID:
        uuid_from_cell(((const int128 *)column->data)[row], v->as.uuid);
        return;
    case TYPE_TEXT:
    case TYPE_JSON:
    case TYPE_FILE:
    case TYPE_BYTES:
    case TYPE_EMBEDDING:
        v->as.text = string_view_str(&((const struct string_view16 *)column->data)[row]);
        return;
    case TYPE_NONE:
    case TYPE_COUNT:
        break;
    }
    check_failed(__FILE__, __LINE__, "a column without a type");
}

struct value batch_get(const struct batch *batch, unsigned column, unsigned row)
{
    CHECK(column < batch->column_count);
    CHECK(row < LIMIT_BATCH_ROWS);
    const struct batch_column *from = &batch->columns[column];
    struct value v = value_null(from->type);
    if ((from->valid[row / 64] >> (row % 64) & 1) != 0) {
        v.is_null = false;
        get_cell(from, row, &v);
    }
    return v;
}
