/* model/value.c -- comparing, copying and printing cells.
 * For:      keys, no-op updates, results. Numbers are printed in value_number.c, dates in
 *           value_time.c; value_coerce.c turns one type into another.
 * Touches:  base. Owns: nothing. Threads: any. */
#include "model/value.h"

#include "base/check.h"

#include <math.h>

static int compare_i64(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b ? 1 : 0;
}

/* -0 = 0; NaN is above all and equal to itself. */
static int compare_real(double a, double b)
{
    if (a < b) {
        return -1;
    }
    if (a > b) {
        return 1;
    }
    return a == b ? 0 : compare_i64(isnan(a) != 0, isnan(b) != 0);
}

int value_compare(const struct value *a, const struct value *b)
{
    CHECK(a->type.id == b->type.id);
    CHECK(a->type.scale == b->type.scale);
    CHECK(!a->is_null);
    CHECK(!b->is_null);
    switch (a->type.id) {
    case TYPE_BOOLEAN:
        return compare_i64(a->as.boolean, b->as.boolean);
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_BIGINT:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
        return compare_i64(a->as.integer, b->as.integer);
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return compare_real(a->as.real, b->as.real);
    case TYPE_TEXT:
    case TYPE_JSON:
    case TYPE_FILE:
    case TYPE_BYTES:
    case TYPE_EMBEDDING:
        return str_compare(a->as.text, b->as.text);
    case TYPE_UUID: {
        int c = memcmp(a->as.uuid, b->as.uuid, sizeof a->as.uuid);
        return c < 0 ? -1 : c > 0 ? 1 : 0;
    }
    case TYPE_DECIMAL:
        return a->as.decimal < b->as.decimal ? -1 : a->as.decimal > b->as.decimal ? 1 : 0;
    case TYPE_NONE:
    case TYPE_COUNT:
        break;
    }
    check_failed(__FILE__, __LINE__, "a value without a type has no order");
}

bool value_identical(const struct value *a, const struct value *b)
{
    if (!type_eq(a->type, b->type) || a->is_null != b->is_null) {
        return false;
    }
    return a->is_null || value_compare(a, b) == 0;
}

struct value value_copy(struct arena *arena, const struct value *v)
{
    struct value copy = *v;
    bool has_bytes =
        type_is_text(v->type.id) || v->type.id == TYPE_BYTES || v->type.id == TYPE_EMBEDDING;
    if (has_bytes && !v->is_null) {
        copy.as.text = arena_copy(arena, v->as.text);
    }
    return copy;
}

/* A byte that a JSON string cannot hold as it is. */
static bool needs_escape(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

/* Bytes before the first that needs an escape: eight at a time by the usual bit tricks (a byte b is
 * < 0x20, or equal to x, when the subtraction borrows into its top bit). */
static size_t plain_bytes(const char *p, size_t n)
{
    const uint64_t ones = 0x0101010101010101ULL;
    const uint64_t tops = 0x8080808080808080ULL;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t word;
        memcpy(&word, p + i, 8);
        uint64_t quote = word ^ (ones * '"');
        uint64_t slash = word ^ (ones * '\\');
        uint64_t hit =
            ((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash);
        if ((hit & tops) != 0) {
            break;
        }
    }
    while (i < n && !needs_escape((unsigned char)p[i])) {
        i++;
    }
    return i;
}

static void append_escape(struct buf *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    switch (c) {
    case '"':
        buf_append(out, "\\\"", 2);
        return;
    case '\\':
        buf_append(out, "\\\\", 2);
        return;
    case '\n':
        buf_append(out, "\\n", 2);
        return;
    case '\r':
        buf_append(out, "\\r", 2);
        return;
    case '\t':
        buf_append(out, "\\t", 2);
        return;
    case '\b':
        buf_append(out, "\\b", 2);
        return;
    case '\f':
        buf_append(out, "\\f", 2);
        return;
    default:
        break;
    }
    const char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    buf_append(out, escape, sizeof escape);
}

void json_append_text(struct buf *out, str text)
{
    buf_reserve(out, text.n + 2);
    buf_append_byte(out, '"');
    size_t at = 0;
    while (at < text.n) {
        size_t plain = plain_bytes(text.p + at, text.n - at);
        buf_append(out, text.p + at, plain);
        at += plain;
        if (at < text.n) {
            append_escape(out, (unsigned char)text.p[at]);
            at++;
        }
    }
    buf_append_byte(out, '"');
}

static float float_at(str floats, size_t index)
{
    uint32_t bits = bytes_get_u32le(floats.p + index * sizeof bits);
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* `[0.5,1.0]`: as JSON and as text. False: one of them is not finite (then nothing counts). */
static bool append_floats(struct buf *out, str floats)
{
    bool is_finite = true;
    buf_append_byte(out, '[');
    for (size_t i = 0; i < floats.n / sizeof(float); i++) {
        if (i > 0) {
            buf_append_byte(out, ',');
        }
        float v = float_at(floats, i);
        is_finite = is_finite && isfinite(v);
        float_append_text(out, v);
    }
    buf_append_byte(out, ']');
    return is_finite;
}

static void append_byte_numbers(struct buf *out, str bytes)
{
    buf_reserve(out, bytes.n * 4 + 2);
    buf_append_byte(out, '[');
    for (size_t i = 0; i < bytes.n; i++) {
        if (i > 0) {
            buf_append_byte(out, ',');
        }
        buf_append_u64_text(out, (unsigned char)bytes.p[i]);
    }
    buf_append_byte(out, ']');
}

static void append_hex(struct buf *out, str bytes)
{
    static const char hex[] = "0123456789abcdef";
    char *at = buf_reserve(out, bytes.n * 2 + 2);
    *at++ = '\\';
    *at++ = 'x';
    for (size_t i = 0; i < bytes.n; i++) {
        *at++ = hex[(unsigned char)bytes.p[i] >> 4];
        *at++ = hex[(unsigned char)bytes.p[i] & 15];
    }
    out->n += bytes.n * 2 + 2;
}

void uuid_append_text(struct buf *out, const uint8_t uuid[16])
{
    static const char hex[] = "0123456789abcdef";
    char text[36];
    size_t n = 0;
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            text[n++] = '-';
        }
        text[n++] = hex[uuid[i] >> 4];
        text[n++] = hex[uuid[i] & 15];
    }
    buf_append(out, text, sizeof text);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = str_lower_char(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool uuid_parse(str text, uint8_t uuid[16])
{
    bool has_hyphens = text.n == 36;
    if (!has_hyphens && text.n != 32) {
        return false;
    }
    uint8_t bytes[16];
    size_t at = 0;
    for (size_t i = 0; i < 16; i++) {
        if (has_hyphens && (i == 4 || i == 6 || i == 8 || i == 10) && text.p[at++] != '-') {
            return false;
        }
        int high = hex_digit(text.p[at]);
        int low = hex_digit(text.p[at + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    memcpy(uuid, bytes, sizeof bytes);
    return true;
}

void value_append_text(struct buf *out, const struct value *v)
{
    if (v->is_null) {
        buf_append_c(out, "NULL");
        return;
    }
    switch (v->type.id) {
    case TYPE_BOOLEAN:
        buf_append_c(out, v->as.boolean ? "true" : "false");
        return;
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_BIGINT:
        buf_append_i64_text(out, v->as.integer);
        return;
    case TYPE_DATE:
        date_append_text(out, v->as.integer);
        return;
    case TYPE_TIME:
        time_append_text(out, v->as.integer);
        return;
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
        timestamp_append_text(out, v->as.integer);
        return;
    case TYPE_FLOAT:
        float_append_text(out, (float)v->as.real);
        return;
    case TYPE_DOUBLE:
        double_append_text(out, v->as.real);
        return;
    case TYPE_TEXT:
    case TYPE_JSON:
    case TYPE_FILE:
        buf_append_str(out, v->as.text);
        return;
    case TYPE_BYTES:
        append_hex(out, v->as.text);
        return;
    case TYPE_EMBEDDING:
        (void)append_floats(out, v->as.text);
        return;
    case TYPE_UUID:
        uuid_append_text(out, v->as.uuid);
        return;
    case TYPE_DECIMAL:
        decimal_append_text(out, v->as.decimal, v->type.scale);
        return;
    case TYPE_NONE:
    case TYPE_COUNT:
        break;
    }
    check_failed(__FILE__, __LINE__, "a value without a type has no text");
}

static void append_quoted(struct buf *out, const struct value *v)
{
    buf_append_byte(out, '"');
    value_append_text(out, v);
    buf_append_byte(out, '"');
}

static status refuse_real(struct buf *out, size_t before, struct error *err)
{
    out->n = before;
    return error_set(err, ERROR_INVALID_OPERATION, "NaN and infinity cannot be written as JSON");
}

status value_append_json(struct buf *out, const struct value *v, struct error *err)
{
    if (v->is_null) {
        buf_append(out, "null", 4);
        return STATUS_IS_OK;
    }
    size_t before = out->n;
    switch (v->type.id) {
    case TYPE_BIGINT:
    case TYPE_DECIMAL:
    case TYPE_UUID:
        append_quoted(out, v);
        return STATUS_IS_OK;
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
        buf_append_i64_text(out, v->as.integer);
        return STATUS_IS_OK;
    case TYPE_BOOLEAN:
        value_append_text(out, v);
        return STATUS_IS_OK;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        value_append_text(out, v);
        return isfinite(v->as.real) ? STATUS_IS_OK : refuse_real(out, before, err);
    case TYPE_TEXT:
    case TYPE_JSON:
    case TYPE_FILE:
        json_append_text(out, v->as.text);
        return STATUS_IS_OK;
    case TYPE_BYTES:
        append_byte_numbers(out, v->as.text);
        return STATUS_IS_OK;
    case TYPE_EMBEDDING:
        return append_floats(out, v->as.text) ? STATUS_IS_OK : refuse_real(out, before, err);
    case TYPE_NONE:
    case TYPE_COUNT:
        break;
    }
    check_failed(__FILE__, __LINE__, "a value without a type has no JSON");
}
