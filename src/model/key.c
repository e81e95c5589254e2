/* model/key.c -- values as bytes that memcmp puts in the order of the values
 * (docs/formats/keys.md). Threads:  any. */
#include "model/key.h"

#include "base/check.h"
#include "model/limits.h"

#include <math.h>

static const int64_t time_us_max = 86400 * 1000000LL - 1;

enum { PREFIX_HEAD_BYTES = 5 }; /* class and namespace number */

/* The sign bit flipped makes two's complement count upwards. */
static void append_signed(struct buf *out, int64_t v, unsigned bytes)
{
    uint64_t biased = (uint64_t)v ^ (1ULL << (bytes * 8 - 1));
    for (unsigned i = bytes; i > 0; i--) {
        buf_append_byte(out, (uint8_t)(biased >> ((i - 1) * 8)));
    }
}

static int64_t read_signed(str key, unsigned bytes)
{
    uint64_t biased = 0;
    for (unsigned i = 0; i < bytes; i++) {
        biased = biased << 8 | (uint8_t)key.p[i];
    }
    uint64_t sign = 1ULL << (bytes * 8 - 1);
    uint64_t v = biased ^ sign;
    v |= (v & sign) != 0 && bytes < 8 ? ~0ULL << (bytes * 8) : 0;
    return (int64_t)v;
}

/* Bits of a float count upwards from 0 and downwards from -0: positive ones get the sign bit,
 * negative ones are inverted. */
static uint64_t order_bits(uint64_t bits, uint64_t sign)
{
    return (bits & sign) != 0 ? ~bits & (sign | (sign - 1)) : bits | sign;
}

static uint64_t unorder_bits(uint64_t ordered, uint64_t sign)
{
    return (ordered & sign) != 0 ? ordered ^ sign : ~ordered & (sign | (sign - 1));
}

static status encode_real(struct buf *out, const struct value *v, struct error *err)
{
    if (isnan(v->as.real)) {
        return error_set(err, ERROR_INVALID_OPERATION, "NaN cannot be a key");
    }
    double real = v->as.real == 0 ? 0.0 : v->as.real;
    if (v->type.id == TYPE_FLOAT) {
        uint32_t bits;
        float narrow = (float)real;
        memcpy(&bits, &narrow, sizeof bits);
        buf_append_u32be(out, (uint32_t)order_bits(bits, 1U << 31));
    } else {
        uint64_t bits;
        memcpy(&bits, &real, sizeof bits);
        buf_append_u64be(out, order_bits(bits, 1ULL << 63));
    }
    return STATUS_IS_OK;
}

static status encode_text(struct buf *out, const struct value *v, struct error *err)
{
    if (v->as.text.n > LIMIT_KEY_BYTES) {
        return error_set(err, ERROR_LIMIT, "primary key of %zu bytes is longer than %d bytes",
                         v->as.text.n, LIMIT_KEY_BYTES);
    }
    buf_append_str(out, v->as.text);
    return STATUS_IS_OK;
}

static void encode_decimal(struct buf *out, int128 v)
{
    append_signed(out, (int64_t)(v >> 64), 8);
    buf_append_u64be(out, (uint64_t)v);
}

status key_encode(struct buf *out, const struct value *v, struct error *err)
{
    CHECK(!v->is_null);
    switch (v->type.id) {
    case TYPE_BOOLEAN:
        buf_append_byte(out, v->as.boolean ? 1 : 0);
        return STATUS_IS_OK;
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_BIGINT:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
        append_signed(out, v->as.integer, type_fixed_bytes(v->type.id));
        return STATUS_IS_OK;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return encode_real(out, v, err);
    case TYPE_TEXT:
    case TYPE_BYTES:
        return encode_text(out, v, err);
    case TYPE_UUID:
        buf_append(out, v->as.uuid, sizeof v->as.uuid);
        return STATUS_IS_OK;
    case TYPE_DECIMAL:
        encode_decimal(out, v->as.decimal);
        return STATUS_IS_OK;
    case TYPE_JSON:
    case TYPE_FILE:
    case TYPE_EMBEDDING:
        return error_set(err, ERROR_SCHEMA, "a JSON, FILE or EMBEDDING value cannot be a key");
    case TYPE_NONE:
    case TYPE_COUNT:
        break;
    }
    check_failed(__FILE__, __LINE__, "a value without a type has no key");
}

/* The real of ordered bits; false: bits that encode_real never writes. */
static bool decode_real(str key, struct value *v)
{
    if (v->type.id == TYPE_FLOAT) {
        uint32_t bits = (uint32_t)unorder_bits(bytes_get_u32be(key.p), 1U << 31);
        float narrow;
        memcpy(&narrow, &bits, sizeof narrow);
        v->as.real = (double)narrow;
    } else {
        uint64_t bits = unorder_bits(bytes_get_u64be(key.p), 1ULL << 63);
        memcpy(&v->as.real, &bits, sizeof bits);
    }
    return !isnan(v->as.real) && !(v->as.real == 0 && signbit(v->as.real));
}

static bool decode_decimal(str key, struct value *v)
{
    __extension__ typedef unsigned __int128 uint128;
    uint128 high = (uint64_t)read_signed(key, 8);
    v->as.decimal = (int128)(high << 64 | bytes_get_u64be(key.p + 8));
    int128 limit = 1;
    for (unsigned i = 0; i < v->type.precision; i++) {
        limit *= 10;
    }
    return v->as.decimal > -limit && v->as.decimal < limit;
}

/* `key` has the length of the type. */
static bool decode(str key, struct value *v)
{
    switch (v->type.id) {
    case TYPE_BOOLEAN:
        v->as.boolean = key.p[0] == 1;
        return (uint8_t)key.p[0] <= 1;
    case TYPE_TIME:
        v->as.integer = read_signed(key, 8);
        return v->as.integer >= 0 && v->as.integer <= time_us_max;
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_BIGINT:
    case TYPE_DATE:
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
        v->as.integer = read_signed(key, type_fixed_bytes(v->type.id));
        return true;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return decode_real(key, v);
    case TYPE_DECIMAL:
        return decode_decimal(key, v);
    case TYPE_UUID:
        memcpy(v->as.uuid, key.p, sizeof v->as.uuid);
        return true;
    case TYPE_TEXT:
        v->as.text = key;
        return key.n <= LIMIT_KEY_BYTES && str_is_utf8(key);
    case TYPE_BYTES:
        v->as.text = key;
        return key.n <= LIMIT_KEY_BYTES;
    default:
        return false;
    }
}

status key_decode(str key, struct type type, struct value *out, struct error *err)
{
    struct value v = {.type = type};
    CHECK(type.id < TYPE_COUNT);
    unsigned bytes = type_is_keyable(type.id) ? type_fixed_bytes(type.id) : 0;
    if ((bytes != 0 && key.n != bytes) || !decode(key, &v)) {
        return error_set(err, ERROR_CORRUPT, "%zu bytes are not a key of type %u", key.n,
                         (unsigned)type.id);
    }
    *out = v;
    return STATUS_IS_OK;
}

void partition_encode(struct buf *out, enum partition_class class, uint32_t namespace_number,
                      str owner)
{
    buf_append_byte(out, (uint8_t) class);
    buf_append_u32be(out, namespace_number);
    for (str rest = owner; rest.n > 0;) {
        ptrdiff_t zero = str_find_char(rest, '\0');
        size_t plain = zero < 0 ? rest.n : (size_t)zero;
        buf_append(out, rest.p, plain);
        if (zero >= 0) {
            buf_append(out, "\x00\xff", 2);
        }
        rest = str_skip(rest, plain + (zero >= 0));
    }
    buf_append(out, "\x00\x01", 2);
}

size_t partition_prefix_bytes(str key)
{
    static const char classes[] = {PARTITION_USER,  PARTITION_SHARED, PARTITION_STREAM,
                                   PARTITION_TOPIC, PARTITION_GROUP,  PARTITION_CATALOG,
                                   PARTITION_SYSTEM};
    if (key.n < PREFIX_HEAD_BYTES || memchr(classes, key.p[0], sizeof classes) == NULL) {
        return 0;
    }
    for (size_t at = PREFIX_HEAD_BYTES; at + 1 < key.n; at++) {
        if (key.p[at] != '\0') {
            continue;
        }
        at++;
        if ((uint8_t)key.p[at] == 0x01) {
            return at + 1;
        }
        if ((uint8_t)key.p[at] != 0xFF) {
            return 0;
        }
    }
    return 0;
}

bool partition_decode(str prefix, enum partition_class *class, uint32_t *namespace_number,
                      struct arena *arena, str *owner)
{
    if (prefix.n == 0 || partition_prefix_bytes(prefix) != prefix.n) {
        return false;
    }
    str escaped = str_slice(prefix, PREFIX_HEAD_BYTES, prefix.n - 2);
    char *bytes = arena_alloc(arena, escaped.n);
    size_t n = 0;
    for (size_t i = 0; i < escaped.n; i++) {
        bytes[n++] = escaped.p[i];
        i += escaped.p[i] == '\0'; /* the FF behind it */
    }
    *class = (enum partition_class)prefix.p[0];
    *namespace_number = bytes_get_u32be(prefix.p + 1);
    *owner = (str){bytes, n};
    return true;
}
