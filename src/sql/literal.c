/* sql/literal.c -- what numbers and texts in a statement stand for.
 * Types are the engine's: digits are INT, BIGINT or wider by their size, a point makes a DECIMAL of
 * just that many digits, an exponent a DOUBLE. Threads: any. */
#include "sql/build.h"

#include <math.h>

static const char *decode_double(str digits, struct value *out)
{
    double v = 0;
    if (!str_to_double(digits, &v) || !isfinite(v)) {
        return "number out of range";
    }
    *out = value_double(v);
    return NULL;
}

/* Digits and at most one point. Zeros in front count as digits, as the engine counts them; but the
 * zero before the point of 0.(38 digits), which would make a DOUBLE of a DECIMAL(38, 38). */
static const char *decode_number(str digits, bool has_point, struct value *out)
{
    int128 unscaled = 0;
    unsigned precision = 0;
    unsigned scale = 0;
    bool is_after_point = false;
    bool has_whole_scale = digits.n == LIMIT_DECIMAL_PRECISION + 2 && digits.p[0] == '0';
    for (size_t i = has_point && has_whole_scale; i < digits.n; i++) {
        if (digits.p[i] == '.') {
            is_after_point = true;
            continue;
        }
        bool is_idle = !has_point && unscaled == 0 && digits.p[i] == '0'; /* 007 */
        scale += is_after_point;
        precision += !is_idle;
        if (precision > LIMIT_DECIMAL_PRECISION) {
            return decode_double(digits, out);
        }
        unscaled = unscaled * 10 + (digits.p[i] - '0');
    }
    if (!has_point && unscaled <= INT64_MAX) {
        *out = value_int(unscaled <= INT32_MAX ? TYPE_INT : TYPE_BIGINT, (int64_t)unscaled);
        return NULL;
    }
    *out = (struct value){
        .type = {.id = TYPE_DECIMAL,
                 .precision = (uint8_t)(has_point ? precision : LIMIT_DECIMAL_PRECISION),
                 .scale = (uint8_t)scale},
        .as.decimal = unscaled};
    return NULL;
}

/* Writes a code point as UTF-8; its bytes, 0: not a character. */
static size_t put_character(char *at, uint32_t c)
{
    bool is_character = c > 0 && c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
    return is_character ? str_put_utf8(at, c) : 0;
}

/* Up to `most` digits of `base` at s[*i]; *i is moved past them. False: none. */
static bool read_digits(str s, size_t *i, size_t most, int base, uint32_t *out)
{
    uint32_t v = 0;
    size_t count = 0;
    for (; count < most && *i < s.n; count++, (*i)++) {
        int digit = str_hex_value(s.p[*i]);
        if (digit < 0 || digit >= base) {
            break;
        }
        v = v * (uint32_t)base + (uint32_t)digit;
    }
    *out = v;
    return count > 0;
}

/* One escape; *i is behind the backslash. The bytes written, 0: a bad one. An escape is never
 * shorter than what it stands for. */
static size_t put_escape(char *at, str s, size_t *i)
{
    char c = s.p[(*i)++];
    uint32_t code = 0;
    switch (c) {
    case 'b':
        *at = '\b';
        return 1;
    case 'f':
        *at = '\f';
        return 1;
    case 'n':
        *at = '\n';
        return 1;
    case 'r':
        *at = '\r';
        return 1;
    case 't':
        *at = '\t';
        return 1;
    case 'x':
        if (!read_digits(s, i, 2, 16, &code) || code == 0) {
            return 0;
        }
        *at = (char)code;
        return 1;
    case 'u':
    case 'U': {
        size_t from = *i;
        size_t wanted = c == 'u' ? 4 : 8;
        if (!read_digits(s, i, wanted, 16, &code) || *i - from != wanted) {
            return 0;
        }
        return put_character(at, code);
    }
    default:
        break;
    }
    if (c >= '0' && c <= '7') {
        (*i)--;
        if (!read_digits(s, i, 3, 8, &code) || code == 0 || code > 255) {
            return 0;
        }
        *at = (char)code;
        return 1;
    }
    *at = c;
    return 1;
}

static const char *decode_text(str token, struct arena *arena, struct value *out)
{
    bool has_escapes = token.p[0] != '\'';
    str inner = str_slice(token, has_escapes ? 2 : 1, token.n - 1);
    if (!has_escapes && str_find_char(inner, '\'') < 0) {
        *out = value_text(inner);
        return NULL;
    }
    char *copy = arena_alloc(arena, inner.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < inner.n;) {
        char c = inner.p[i++];
        if (c == '\'') {
            i++; /* the second of two */
        }
        if (c != '\\' || !has_escapes) {
            copy[n++] = c;
            continue;
        }
        size_t written = put_escape(copy + n, inner, &i);
        if (written == 0) {
            return "bad escape in text";
        }
        n += written;
    }
    *out = value_text(str_of(copy, n));
    return str_is_utf8(out->as.text) ? NULL : "escapes in text make invalid UTF-8";
}

static const char *decode_bytes(str token, struct arena *arena, struct value *out)
{
    static const char wrong[] = "bytes are written as X'...' with pairs of hex digits";
    str digits = str_slice(token, 2, token.n - 1);
    if (str_lower_char(token.p[0]) != 'x' || digits.n % 2 != 0) {
        return wrong;
    }
    char *bytes = arena_alloc(arena, digits.n / 2 + 1);
    for (size_t i = 0; i < digits.n; i += 2) {
        int high = str_hex_value(digits.p[i]);
        int low = str_hex_value(digits.p[i + 1]);
        if (high < 0 || low < 0) {
            return wrong;
        }
        bytes[i / 2] = (char)(high << 4 | low);
    }
    *out = (struct value){.type = type_of(TYPE_BYTES), .as.text = str_of(bytes, digits.n / 2)};
    return NULL;
}

const char *literal_decode(str text, const struct token *token, struct arena *arena,
                           struct value *out)
{
    str word = token_text(text, token);
    switch (token->kind) {
    case TK_INTEGER:
        return decode_number(word, false, out);
    case TK_DECIMAL:
        return decode_number(word, true, out);
    case TK_FLOAT:
        return decode_double(word, out);
    case TK_BYTES:
        return decode_bytes(word, arena, out);
    default:
        return decode_text(word, arena, out);
    }
}

struct value literal_negate(struct value v)
{
    if (v.type.id == TYPE_DOUBLE) {
        v.as.real = -v.as.real;
    } else if (v.type.id != TYPE_DECIMAL) {
        if (v.as.integer == INT64_MIN) { /* back to what was folded from 2^63 */
            return (struct value){
                .type = {.id = TYPE_DECIMAL, .precision = LIMIT_DECIMAL_PRECISION},
                .as.decimal = -(int128)INT64_MIN};
        }
        v.as.integer = -v.as.integer;
    } else {
        v.as.decimal = -v.as.decimal;
        bool is_integer = v.type.scale == 0 && v.type.precision == LIMIT_DECIMAL_PRECISION;
        if (is_integer && v.as.decimal == INT64_MIN) {
            return value_int(TYPE_BIGINT, INT64_MIN);
        }
    }
    return v;
}
