/* wire/thrift_compact.c -- see thrift_compact.h.
 * A field's head is one byte, delta of the id and type in four bits each, or a zero delta and the
 * id behind it. A list's head is a byte of count and type; count 15: the true one follows. Integers
 * are zigzag varints, doubles eight bytes, texts have their length before them. */
#include "wire/thrift_compact.h"

enum { VARINT_BYTES_MAX = 10, SHORT_COUNT_MAX = 14, SHORT_DELTA_MAX = 15 };

static uint64_t read_varint(struct reader *r)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < VARINT_BYTES_MAX; i++) {
        uint8_t byte = reader_u8(r);
        if (i == VARINT_BYTES_MAX - 1 && byte > 1) {
            break; /* more than 64 bits */
        }
        v |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            return reader_ok(r) ? v : 0;
        }
    }
    reader_fail(r);
    return 0;
}

int64_t thrift_integer(struct reader *r)
{
    uint64_t v = read_varint(r);
    return (int64_t)(v >> 1 ^ (0 - (v & 1)));
}

str thrift_binary(struct reader *r)
{
    uint64_t n = read_varint(r);
    if (n > reader_left(r)) {
        reader_fail(r);
        return str_of(NULL, 0);
    }
    return reader_bytes(r, (size_t)n);
}

bool thrift_next(struct reader *r, struct thrift_field *field)
{
    uint8_t head = reader_u8(r);
    if (!reader_ok(r) || head == THRIFT_STOP) {
        return false;
    }
    unsigned delta = head >> 4;
    int64_t id = delta != 0 ? field->id + (int64_t)delta : thrift_integer(r);
    field->type = head & 15;
    if (!reader_ok(r) || id < INT16_MIN || id > INT16_MAX || field->type == THRIFT_STOP ||
        field->type > THRIFT_UUID) {
        reader_fail(r);
        return false;
    }
    field->id = (int16_t)id;
    return true;
}

uint32_t thrift_list(struct reader *r, uint8_t *item_type)
{
    uint8_t head = reader_u8(r);
    uint64_t count = head >> 4;
    *item_type = head & 15;
    if (count > SHORT_COUNT_MAX) {
        count = read_varint(r);
    }
    /* every item has a byte at least */
    if (!reader_ok(r) || count > reader_left(r) || *item_type == THRIFT_STOP ||
        *item_type > THRIFT_UUID) {
        reader_fail(r);
        return 0;
    }
    return (uint32_t)count;
}

static void skip_value(struct reader *r, uint8_t type, unsigned depth, bool is_item);

static void skip_list(struct reader *r, unsigned depth)
{
    uint8_t item_type = 0;
    uint32_t count = thrift_list(r, &item_type);
    for (uint32_t i = 0; i < count && reader_ok(r); i++) {
        skip_value(r, item_type, depth + 1, true);
    }
}

static void skip_map(struct reader *r, unsigned depth)
{
    uint64_t count = read_varint(r);
    if (count == 0) {
        return;
    }
    uint8_t types = reader_u8(r);
    if (count > reader_left(r)) {
        reader_fail(r);
    }
    for (uint64_t i = 0; i < count && reader_ok(r); i++) {
        skip_value(r, types >> 4, depth + 1, true);
        skip_value(r, types & 15, depth + 1, true);
    }
}

static void skip_struct(struct reader *r, unsigned depth)
{
    struct thrift_field field = {0};
    while (thrift_next(r, &field)) {
        skip_value(r, field.type, depth + 1, false);
    }
}

static void skip_value(struct reader *r, uint8_t type, unsigned depth, bool is_item)
{
    if (depth > THRIFT_DEPTH_MAX) {
        reader_fail(r);
        return;
    }
    switch (type) {
    case THRIFT_TRUE:
    case THRIFT_FALSE:
        if (is_item) {
            (void)reader_u8(r);
        }
        break;
    case THRIFT_BYTE:
        (void)reader_u8(r);
        break;
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64:
        (void)read_varint(r);
        break;
    case THRIFT_DOUBLE:
        (void)reader_bytes(r, 8);
        break;
    case THRIFT_BINARY:
        (void)thrift_binary(r);
        break;
    case THRIFT_LIST:
    case THRIFT_SET:
        skip_list(r, depth);
        break;
    case THRIFT_MAP:
        skip_map(r, depth);
        break;
    case THRIFT_STRUCT:
        skip_struct(r, depth);
        break;
    case THRIFT_UUID:
        (void)reader_bytes(r, 16);
        break;
    default:
        reader_fail(r);
    }
}

void thrift_skip(struct reader *r, uint8_t type)
{
    skip_value(r, type, 0, false);
}

bool thrift_get_integer(struct reader *r, struct thrift_field field, int64_t *out)
{
    if (field.type != THRIFT_I16 && field.type != THRIFT_I32 && field.type != THRIFT_I64) {
        thrift_skip(r, field.type);
        return false;
    }
    int64_t v = thrift_integer(r);
    if (reader_ok(r)) {
        *out = v;
    }
    return reader_ok(r);
}

/* -- writing ------------------------------------------------------------------------------------
 */

static void put_varint(struct buf *out, uint64_t v)
{
    for (; v > 0x7f; v >>= 7) {
        buf_append_byte(out, (uint8_t)(v | 0x80));
    }
    buf_append_byte(out, (uint8_t)v);
}

void thrift_put_integer(struct buf *out, int64_t v)
{
    put_varint(out, (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0));
}

void thrift_put_field(struct buf *out, int16_t *last_id, uint8_t type, int16_t id)
{
    int delta = id - *last_id;
    if (delta >= 1 && delta <= SHORT_DELTA_MAX) {
        buf_append_byte(out, (uint8_t)(delta << 4 | type));
    } else {
        buf_append_byte(out, type);
        thrift_put_integer(out, id);
    }
    *last_id = id;
}

void thrift_put_stop(struct buf *out)
{
    buf_append_byte(out, THRIFT_STOP);
}

void thrift_put_list(struct buf *out, uint8_t item_type, uint32_t count)
{
    if (count <= SHORT_COUNT_MAX) {
        buf_append_byte(out, (uint8_t)(count << 4 | item_type));
    } else {
        buf_append_byte(out, (uint8_t)(0xf0 | item_type));
        put_varint(out, count);
    }
}

void thrift_copy(struct reader *r, uint8_t type, struct buf *out)
{
    const char *from = r->at;
    thrift_skip(r, type);
    if (reader_ok(r)) {
        buf_append(out, from, (size_t)(r->at - from));
    }
}
