/* wire/msgpack.c -- writing by msgpack-c, reading by ourselves: the library's reader allocates what
 * a head announces (40 bytes asked for 4 GiB) and knows 32 levels. Here a container costs what has
 * come of it. */
#include "wire/msgpack.h"

#include "model/limits.h"
#include "model/value.h"

#include <math.h>
#include <msgpack.h>

/* --- writing */

static int append_bytes(void *data, const char *bytes, size_t n)
{
    struct buf *out = data;
    buf_append(out, bytes, n);
    return 0;
}

static void pack_text(msgpack_packer *packer, str text)
{
    (void)msgpack_pack_str(packer, text.n);
    if (text.n > 0) {
        (void)msgpack_pack_str_body(packer, text.p, text.n);
    }
}

static void pack_number(msgpack_packer *packer, const struct json *value)
{
    uint64_t unsigned_value = 0;
    if (value->is_integer) {
        (void)msgpack_pack_int64(packer, value->as.number.integer);
    } else if (json_as_u64(value, &unsigned_value)) {
        (void)msgpack_pack_uint64(packer, unsigned_value);
    } else {
        (void)msgpack_pack_double(packer, value->as.number.real);
    }
}

static void pack(msgpack_packer *packer, const struct json *value)
{
    switch (value->kind) {
    case JSON_NULL:
        (void)msgpack_pack_nil(packer);
        return;
    case JSON_BOOL:
        (void)(value->as.boolean ? msgpack_pack_true(packer) : msgpack_pack_false(packer));
        return;
    case JSON_NUMBER:
        pack_number(packer, value);
        return;
    case JSON_TEXT:
        pack_text(packer, value->as.text);
        return;
    case JSON_ARRAY:
        (void)msgpack_pack_array(packer, value->as.children.count);
        break;
    case JSON_OBJECT:
        (void)msgpack_pack_map(packer, value->as.children.count);
        break;
    }
    for (const struct json *child = value->as.children.first; child != NULL; child = child->next) {
        if (value->kind == JSON_OBJECT) {
            pack_text(packer, child->key);
        }
        pack(packer, child);
    }
}

void msgpack_append_tree(struct buf *out, const struct json *value)
{
    msgpack_packer packer;
    msgpack_packer_init(&packer, out, append_bytes);
    pack(&packer, value);
}

/* --- reading */

struct source {
    struct reader bytes;
    str whole;
    struct arena *arena;
    struct error *err;
};

/* Always false. */
static bool fail(struct source *source, const char *what)
{
    size_t at = source->whole.n - reader_left(&source->bytes);
    status ignored =
        reader_ok(&source->bytes)
            ? error_set(source->err, ERROR_INVALID_INPUT, "%s before byte %zu", what, at)
            : error_set(source->err, ERROR_INVALID_INPUT, "the bytes end early");
    (void)ignored;
    return false;
}

/* A big-endian number of 1, 2, 4 or 8 bytes. */
static uint64_t read_unsigned(struct source *source, unsigned bytes)
{
    str digits = reader_bytes(&source->bytes, bytes);
    uint64_t value = 0;
    for (size_t i = 0; i < digits.n; i++) {
        value = value << 8 | (uint8_t)digits.p[i];
    }
    return value;
}

static bool set_integer(struct source *source, struct json *value, int64_t v)
{
    struct buf text;
    if (!reader_ok(&source->bytes)) {
        return fail(source, "");
    }
    buf_init(&text);
    buf_append_i64_text(&text, v);
    value->kind = JSON_NUMBER;
    value->is_integer = true;
    value->as.number =
        (struct json_number){arena_copy(source->arena, buf_str(&text)), v, (double)v};
    buf_release(&text);
    return true;
}

static bool set_unsigned(struct source *source, struct json *value, uint64_t v)
{
    if (v <= INT64_MAX) {
        return set_integer(source, value, (int64_t)v);
    }
    struct buf text;
    buf_init(&text);
    buf_append_u64_text(&text, v);
    value->kind = JSON_NUMBER;
    value->as.number =
        (struct json_number){arena_copy(source->arena, buf_str(&text)), 0, (double)v};
    buf_release(&text);
    return true;
}

/* An integer of 1, 2, 4 or 8 bytes in two's complement. */
static bool read_signed(struct source *source, unsigned bytes, struct json *value)
{
    uint64_t v = read_unsigned(source, bytes);
    uint64_t sign = 1ULL << (bytes * 8 - 1);
    return set_integer(source, value, (int64_t)((v ^ sign) - sign));
}

static bool read_real(struct source *source, unsigned bytes, struct json *value)
{
    uint64_t bits = read_unsigned(source, bytes);
    double v = 0;
    if (bytes == sizeof(float)) {
        float narrow = 0;
        uint32_t narrow_bits = (uint32_t)bits;
        memcpy(&narrow, &narrow_bits, sizeof narrow);
        v = (double)narrow;
    } else {
        memcpy(&v, &bits, sizeof v);
    }
    if (!isfinite(v)) {
        return fail(source, "expected a number that is not infinite, nor NaN,");
    }
    struct buf text;
    buf_init(&text);
    double_append_text(&text, v);
    value->kind = JSON_NUMBER;
    value->as.number = (struct json_number){arena_copy(source->arena, buf_str(&text)), 0, v};
    buf_release(&text);
    return reader_ok(&source->bytes) || fail(source, "");
}

static bool read_text(struct source *source, uint64_t bytes, str *out)
{
    *out = reader_bytes(&source->bytes, (size_t)bytes);
    if (!reader_ok(&source->bytes)) {
        return fail(source, "");
    }
    return str_is_utf8(*out) || fail(source, "expected well-formed UTF-8 in the text");
}

static bool read_key(struct source *source, str *out)
{
    uint8_t head = reader_u8(&source->bytes);
    if ((head & 0xe0) == 0xa0) {
        return read_text(source, head & 0x1f, out);
    }
    if (head >= 0xd9 && head <= 0xdb) {
        return read_text(source, read_unsigned(source, 1U << (head - 0xd9)), out);
    }
    return fail(source, "expected a text as key");
}

static bool read_value(struct source *source, unsigned depth, struct json *value);

/* `count` was announced; each child takes a byte at least, so the input bounds the memory. */
static bool read_children(struct source *source, unsigned depth, enum json_kind kind,
                          uint64_t count, struct json *value)
{
    struct json *last = NULL;
    value->kind = kind;
    if (depth >= LIMIT_JSON_DEPTH) {
        return fail(source, "expected no more levels of nesting");
    }
    for (uint64_t i = 0; i < count; i++) {
        struct json *child = json_new(source->arena, JSON_NULL);
        if (kind == JSON_OBJECT && !read_key(source, &child->key)) {
            return false;
        }
        if (!read_value(source, depth + 1, child)) {
            return false;
        }
        json_link(value, last, child);
        last = child;
    }
    return kind == JSON_ARRAY || json_find_duplicate(value) == NULL ||
           fail(source, "expected each key once in the map that ends");
}

static bool set_bool(struct json *value, bool v)
{
    value->kind = JSON_BOOL;
    value->as.boolean = v;
    return true;
}

/* Forms whose first byte says all about their length. */
static bool read_fixed(struct source *source, unsigned depth, uint8_t head, struct json *value)
{
    if (head <= 0x7f) {
        return set_integer(source, value, head);
    }
    if (head <= 0x8f) {
        return read_children(source, depth, JSON_OBJECT, head & 0x0f, value);
    }
    if (head <= 0x9f) {
        return read_children(source, depth, JSON_ARRAY, head & 0x0f, value);
    }
    if (head <= 0xbf) {
        value->kind = JSON_TEXT;
        return read_text(source, head & 0x1f, &value->as.text);
    }
    return set_integer(source, value, (int64_t)head - 256);
}

static bool read_value(struct source *source, unsigned depth, struct json *value)
{
    uint8_t head = reader_u8(&source->bytes);
    if (!reader_ok(&source->bytes)) {
        return fail(source, "");
    }
    if (head < 0xc0 || head >= 0xe0) {
        return read_fixed(source, depth, head, value);
    }
    switch (head) {
    case 0xc0:
        return true; /* a new node is null */
    case 0xc2:
    case 0xc3:
        return set_bool(value, head == 0xc3);
    case 0xca:
        return read_real(source, 4, value);
    case 0xcb:
        return read_real(source, 8, value);
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
        return set_unsigned(source, value, read_unsigned(source, 1U << (head - 0xcc)));
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
        return read_signed(source, 1U << (head - 0xd0), value);
    case 0xd9:
    case 0xda:
    case 0xdb:
        value->kind = JSON_TEXT;
        return read_text(source, read_unsigned(source, 1U << (head - 0xd9)), &value->as.text);
    case 0xdc:
    case 0xdd:
        return read_children(source, depth, JSON_ARRAY, read_unsigned(source, head == 0xdc ? 2 : 4),
                             value);
    case 0xde:
    case 0xdf:
        return read_children(source, depth, JSON_OBJECT,
                             read_unsigned(source, head == 0xde ? 2 : 4), value);
    default:
        return fail(source, "expected a value that JSON has (no bin, no ext)");
    }
}

status msgpack_read_tree(str bytes, struct arena *arena, const struct json **out, struct error *err)
{
    if (bytes.p == NULL) {
        bytes = STR_LIT("");
    }
    struct source source = {reader_from(bytes), bytes, arena, err};
    struct json *value = json_new(arena, JSON_NULL);
    if (!read_value(&source, 0, value)) {
        return status_from(STATUS_INVALID);
    }
    if (!reader_done(&source.bytes)) {
        (void)fail(&source, "expected the end");
        return status_from(STATUS_INVALID);
    }
    *out = value;
    return STATUS_IS_OK;
}
