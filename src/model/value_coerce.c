/* model/value_coerce.c -- one type into another, by the table coerce.def.
 * For:      every place where a value meets a column of another type. A refusal names the column,
 * the value (its first 64 characters) and why. Touches:  base. Owns: nothing; new texts live in the
 * caller's arena. Threads: any. */
#include "model/value.h"

#include "base/check.h"
#include "model/json_scan.h"
#include "model/limits.h"

#include <math.h>

static const int64_t us_per_day = 86400 * 1000000LL;
static const int64_t timestamp_us_min =
    -9223372022400000000LL; /* 290309-12-22 BC, as the engine's */

struct coercion {
    const struct value *from;
    struct type to;
    str column;
    struct arena *arena;
    struct value *out; /* its type is set; a rule fills `as` */
    struct error *err;
};

typedef status coerce_rule(const struct coercion *c);

enum { SHOWN_CHARACTERS_MAX = 64 };

/* The first 64 characters of a text that is UTF-8, and "..." when there are more. */
static void append_shown(struct buf *out, str text)
{
    size_t at = 0;
    unsigned characters = 0;
    for (; at < text.n; at++) {
        bool is_start = ((unsigned char)text.p[at] & 0xC0) != 0x80;
        if (is_start && characters++ == SHOWN_CHARACTERS_MAX) {
            break;
        }
    }
    buf_append(out, text.p, at);
    if (at < text.n) {
        buf_append_c(out, "...");
    }
}

/* The value without more than is shown of it: long texts are not printed whole. */
static struct value shown_part(const struct value *v)
{
    struct value part = *v;
    if (v->type.id == TYPE_BYTES || v->type.id == TYPE_EMBEDDING) {
        part.as.text = str_slice(v->as.text, 0, sizeof(float) * SHOWN_CHARACTERS_MAX);
    }
    return part;
}

static str value_shown(const struct coercion *c)
{
    struct buf whole;
    struct buf shown;
    buf_init(&whole);
    buf_init(&shown);
    struct value part = shown_part(c->from);
    if (type_is_text(part.type.id)) {
        append_shown(&shown, part.as.text);
    } else {
        value_append_text(&whole, &part);
        append_shown(&shown, buf_str(&whole));
    }
    str text = arena_copy(c->arena, buf_str(&shown));
    buf_release(&whole);
    buf_release(&shown);
    return text;
}

static str type_shown(struct arena *arena, struct type type)
{
    struct buf buf;
    buf_init(&buf);
    type_append_sql(&buf, type);
    str text = arena_copy(arena, buf_str(&buf));
    buf_release(&buf);
    return text;
}

static status refuse(const struct coercion *c, const char *why)
{
    if (c->err == NULL) {
        return status_from(STATUS_INVALID);
    }
    str from = type_shown(c->arena, c->from->type);
    str to = type_shown(c->arena, c->to);
    str value = value_shown(c);
    return error_set(c->err, ERROR_COERCION,
                     "column '" STR_FMT "': " STR_FMT " value '" STR_FMT "' cannot become " STR_FMT
                     ": %s",
                     STR(c->column), STR(from), STR(value), STR(to), why);
}

static status same(const struct coercion *c)
{
    c->out->as = c->from->as;
    return STATUS_IS_OK;
}

/* What whole numbers a type holds. Of dates and timestamps the engine takes the outermost for
 * infinities. */
static void integer_range(enum type_id id, int64_t *low, int64_t *high)
{
    switch (id) {
    case TYPE_SMALLINT:
        *low = INT16_MIN;
        *high = INT16_MAX;
        return;
    case TYPE_INT:
        *low = INT32_MIN;
        *high = INT32_MAX;
        return;
    case TYPE_DATE:
        *low = -INT32_MAX + 1;
        *high = INT32_MAX - 1;
        return;
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
        *low = timestamp_us_min;
        *high = INT64_MAX - 1;
        return;
    case TYPE_TIME:
        *low = 0;
        *high = us_per_day - 1;
        return;
    default:
        *low = INT64_MIN;
        *high = INT64_MAX;
        return;
    }
}

static bool integer_fits(enum type_id id, int64_t v)
{
    int64_t low = 0;
    int64_t high = 0;
    integer_range(id, &low, &high);
    return v >= low && v <= high;
}

static status put_integer(const struct coercion *c, int64_t v)
{
    c->out->as.integer = v;
    return integer_fits(c->to.id, v) ? STATUS_IS_OK : refuse(c, "out of range");
}

static status integer(const struct coercion *c)
{
    return put_integer(c, c->from->as.integer);
}

static status boolean_to_integer(const struct coercion *c)
{
    c->out->as.integer = c->from->as.boolean;
    return STATUS_IS_OK;
}

static status integer_to_boolean(const struct coercion *c)
{
    if (c->from->as.integer != 0 && c->from->as.integer != 1) {
        return refuse(c, "only 0 and 1 are booleans");
    }
    c->out->as.boolean = c->from->as.integer == 1;
    return STATUS_IS_OK;
}

/* Whole and within int64. */
static bool real_is_integer(double v)
{
    return v >= -0x1p63 && v < 0x1p63 && v == trunc(v);
}

static status integer_to_real(const struct coercion *c)
{
    int64_t from = c->from->as.integer;
    double v = c->to.id == TYPE_FLOAT ? (double)(float)from : (double)from;
    if (!real_is_integer(v) || (int64_t)v != from) {
        return refuse(c, "it has no exact equal there");
    }
    c->out->as.real = v;
    return STATUS_IS_OK;
}

static status real_to_integer(const struct coercion *c)
{
    if (!real_is_integer(c->from->as.real)) {
        return refuse(c, isfinite(c->from->as.real) && fabs(c->from->as.real) < 0x1p63
                             ? "it is not a whole number"
                             : "out of range");
    }
    return put_integer(c, (int64_t)c->from->as.real);
}

/* A finite number that rounds to infinity is refused. */
static status real_to_real(const struct coercion *c)
{
    double from = c->from->as.real;
    double v = from;
    if (c->to.id == TYPE_FLOAT && isfinite(from)) {
        if (fabs(from) >= 0x1.ffffffp127) { /* half way from the largest float to 2^128 */
            return refuse(c, "out of range");
        }
        v = (double)(float)from;
    }
    c->out->as.real = v;
    return STATUS_IS_OK;
}

static status put_decimal(const struct coercion *c, str text)
{
    if (decimal_parse(text, c->to.precision, c->to.scale, &c->out->as.decimal)) {
        return STATUS_IS_OK;
    }
    int128 ignored;
    bool is_number = decimal_parse(text, LIMIT_DECIMAL_PRECISION, 0, &ignored);
    double real = 0;
    is_number = is_number || str_to_double(str_trim(text), &real);
    return refuse(c, is_number ? "too many digits" : "it is not a number");
}

static status parse_decimal(const struct coercion *c)
{
    return put_decimal(c, c->from->as.text);
}

/* The text of a number or time: never longer than this. */
enum { NUMBER_TEXT_BYTES = 64 };
struct number_text {
    char bytes[NUMBER_TEXT_BYTES];
    str text;
};

static str print_number(const struct value *v, struct number_text *out)
{
    struct buf buf;
    buf_init(&buf);
    value_append_text(&buf, v);
    CHECK(buf.n < NUMBER_TEXT_BYTES);
    memcpy(out->bytes, buf.p, buf.n);
    out->bytes[buf.n] = '\0';
    out->text = (str){out->bytes, buf.n};
    buf_release(&buf);
    return out->text;
}

static status print_and_parse_decimal(const struct coercion *c)
{
    struct number_text number;
    return put_decimal(c, print_number(c->from, &number));
}

static status decimal_to_decimal(const struct coercion *c)
{
    if (type_eq(c->from->type, c->to)) {
        return same(c);
    }
    return print_and_parse_decimal(c);
}

static status put_integer_text(const struct coercion *c, str text)
{
    int64_t v = 0;
    int128 decimal = 0;
    if (str_to_i64(str_trim(text), &v)) {
        return put_integer(c, v);
    }
    if (decimal_parse(text, LIMIT_DECIMAL_PRECISION, 0, &decimal)) { /* 5.0, 1e3 */
        bool fits = decimal >= INT64_MIN && decimal <= INT64_MAX;
        return fits ? put_integer(c, (int64_t)decimal) : refuse(c, "out of range");
    }
    double real = 0;
    bool is_too_big = str_to_double(str_trim(text), &real) && fabs(real) >= 0x1p63;
    return refuse(c, is_too_big ? "out of range" : "it is not a whole number");
}

static status parse_integer(const struct coercion *c)
{
    return put_integer_text(c, c->from->as.text);
}

static status print_and_parse_integer(const struct coercion *c)
{
    struct number_text number;
    return put_integer_text(c, print_number(c->from, &number));
}

static status put_real_text(const struct coercion *c, str text)
{
    double v = 0;
    text = str_trim(text);
    if (!str_to_double(text, &v)) {
        return refuse(c, "it is not a number");
    }
    if (c->to.id == TYPE_FLOAT) { /* not by way of a double: that would round twice */
        v = (double)strtof(str_cstr(c->arena, text), NULL);
    }
    if (!isfinite(v)) {
        return refuse(c, "out of range");
    }
    c->out->as.real = v;
    return STATUS_IS_OK;
}

static status parse_real(const struct coercion *c)
{
    return put_real_text(c, c->from->as.text);
}

static status print_and_parse_real(const struct coercion *c)
{
    struct number_text number;
    return put_real_text(c, print_number(c->from, &number));
}

static status parse_boolean(const struct coercion *c)
{
    static const char *const yes[] = {"true", "t", "1", "yes", "y", "on"};
    static const char *const no[] = {"false", "f", "0", "no", "n", "off"};
    str text = str_trim(c->from->as.text);
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        bool is_yes = str_eq_nocase(text, str_from(yes[i]));
        if (is_yes || str_eq_nocase(text, str_from(no[i]))) {
            c->out->as.boolean = is_yes;
            return STATUS_IS_OK;
        }
    }
    return refuse(c, "it is neither true nor false");
}

static status date_to_timestamp(const struct coercion *c)
{
    int64_t days = c->from->as.integer;
    if (days < INT64_MIN / us_per_day || days > INT64_MAX / us_per_day) {
        return refuse(c, "out of range");
    }
    c->out->as.integer = days * us_per_day;
    return STATUS_IS_OK;
}

static status timestamp_to_date(const struct coercion *c)
{
    int64_t us = c->from->as.integer;
    if (us % us_per_day != 0) {
        return refuse(c, "it has a time of day");
    }
    c->out->as.integer = us / us_per_day;
    return STATUS_IS_OK;
}

static status parse_timestamp(const struct coercion *c)
{
    if (!timestamp_parse(c->from->as.text, &c->out->as.integer)) {
        return refuse(c, "expected YYYY-MM-DD[ HH:MM[:SS[.ffffff]]][Z or +HH:MM]");
    }
    return STATUS_IS_OK;
}

/* Also a timestamp at midnight: clients write dates so. */
static status parse_date(const struct coercion *c)
{
    int64_t us = 0;
    if (date_parse(c->from->as.text, &c->out->as.integer)) {
        return STATUS_IS_OK;
    }
    if (!timestamp_parse(c->from->as.text, &us)) {
        return refuse(c, "expected YYYY-MM-DD");
    }
    if (us % us_per_day != 0) {
        return refuse(c, "it has a time of day");
    }
    c->out->as.integer = us / us_per_day;
    return STATUS_IS_OK;
}

static status parse_time(const struct coercion *c)
{
    if (!time_parse(c->from->as.text, &c->out->as.integer)) {
        return refuse(c, "expected HH:MM[:SS[.ffffff]]");
    }
    return STATUS_IS_OK;
}

static status parse_uuid(const struct coercion *c)
{
    if (uuid_parse(str_trim(c->from->as.text), c->out->as.uuid)) {
        return STATUS_IS_OK;
    }
    if (c->err == NULL) {
        return status_from(STATUS_INVALID);
    }
    str value = value_shown(c);
    return error_set(c->err, ERROR_COERCION,
                     "Invalid UUID literal '" STR_FMT "' for column '" STR_FMT "'", STR(value),
                     STR(c->column));
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    return (int)str_find_char((str){digits, 16}, str_lower_char(c));
}

static status parse_bytes(const struct coercion *c)
{
    str text = c->from->as.text;
    if (!str_starts_with(text, STR_LIT("\\x"))) {
        return same(c);
    }
    str digits = str_skip(text, 2);
    char *bytes = arena_alloc(c->arena, digits.n / 2);
    for (size_t i = 0; i + 1 < digits.n; i += 2) {
        int high = hex_digit(digits.p[i]);
        int low = hex_digit(digits.p[i + 1]);
        if (high < 0 || low < 0) {
            return refuse(c, "after \\x there are only hex digits");
        }
        bytes[i / 2] = (char)(high << 4 | low);
    }
    if (digits.n % 2 != 0) {
        return refuse(c, "it has half a byte");
    }
    c->out->as.text = (str){bytes, digits.n / 2};
    return STATUS_IS_OK;
}

static status parse_json(const struct coercion *c)
{
    if (!json_is_valid(c->from->as.text)) {
        return refuse(c, "it is not a JSON text");
    }
    return same(c);
}

static status check_dimension(const struct coercion *c, size_t found)
{
    if (found == c->to.dimension) {
        return STATUS_IS_OK;
    }
    return error_set(c->err, ERROR_COERCION,
                     "Embedding dimension mismatch for column '" STR_FMT "': expected %u, got %zu",
                     STR(c->column), c->to.dimension, found);
}

static status parse_embedding(const struct coercion *c)
{
    struct json_scan s;
    unsigned count = 0;
    bool is_finite = true;
    char *floats = arena_alloc(c->arena, c->to.dimension * sizeof(float));
    json_scan_init(&s, c->from->as.text, c->arena);
    json_scan_expect(&s, '[');
    while (json_scan_next(&s, ']', &count)) {
        str number = json_scan_number(&s);
        double wide = 0;
        if (!str_to_double(number, &wide)) { /* the scanner refused it, or hundreds of digits */
            return refuse(c, "expected [number, ...]");
        }
        float v = fabs(wide) >= 0x1.ffffffp127 ? INFINITY : (float)wide;
        is_finite = is_finite && isfinite(v);
        if (count <= c->to.dimension) {
            uint32_t bits;
            memcpy(&bits, &v, sizeof bits);
            bytes_put_u32le(floats + (count - 1) * sizeof bits, bits);
        }
    }
    if (!json_scan_done(&s)) {
        return refuse(c, "expected [number, ...]");
    }
    TRY(check_dimension(c, count));
    if (!is_finite) {
        return refuse(c, "a number is out of range");
    }
    c->out->as.text = (str){floats, c->to.dimension * sizeof(float)};
    return STATUS_IS_OK;
}

static status embedding_to_embedding(const struct coercion *c)
{
    str floats = c->from->as.text;
    TRY(check_dimension(c, floats.n / sizeof(float)));
    for (size_t at = 0; at < floats.n; at += sizeof(float)) {
        uint32_t bits = bytes_get_u32le(floats.p + at);
        float v;
        memcpy(&v, &bits, sizeof v);
        if (!isfinite(v)) {
            return refuse(c, "NaN and infinity cannot be kept");
        }
    }
    return same(c);
}

static status print(const struct coercion *c)
{
    bool is_real = c->from->type.id == TYPE_FLOAT || c->from->type.id == TYPE_DOUBLE;
    if (is_real && c->to.id == TYPE_JSON && !isfinite(c->from->as.real)) {
        return refuse(c, "JSON has no such number");
    }
    struct buf buf;
    buf_init(&buf);
    value_append_text(&buf, c->from);
    c->out->as.text = arena_copy(c->arena, buf_str(&buf));
    buf_release(&buf);
    return STATUS_IS_OK;
}

static coerce_rule *const rules[TYPE_COUNT][TYPE_COUNT] = {
#define COERCE(from, to, how) [TYPE_##from][TYPE_##to] = how,
#include "model/coerce.def"
#undef COERCE
};

/* What is computed may be what no column holds: NaN, infinities, 24:00. */
static status check_range(const struct coercion *c)
{
    switch (c->to.id) {
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return isfinite(c->out->as.real) ? STATUS_IS_OK
                                         : refuse(c, "NaN and infinity cannot be kept");
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
        return integer_fits(c->to.id, c->out->as.integer) ? STATUS_IS_OK
                                                          : refuse(c, "out of range");
    default:
        return STATUS_IS_OK;
    }
}

status value_coerce(const struct value *v, struct type to, str column, struct arena *arena,
                    struct value *out, struct error *err)
{
    CHECK(to.id > TYPE_NONE);
    CHECK(to.id < TYPE_COUNT);
    struct value result = value_null(to);
    if (v->is_null) {
        *out = result;
        return STATUS_IS_OK;
    }
    CHECK(v->type.id > TYPE_NONE);
    CHECK(v->type.id < TYPE_COUNT);
    result.is_null = false;
    struct coercion coercion = {v, to, column, arena, &result, err};
    coerce_rule *rule = rules[v->type.id][to.id];
    if (rule == NULL) {
        return refuse(&coercion, "there is no conversion between these types");
    }
    TRY(rule(&coercion));
    TRY(check_range(&coercion));
    *out = result;
    return STATUS_IS_OK;
}
