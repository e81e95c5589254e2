/* sql/eval_cast.c -- casts as the engine does them, and its order of values.
 * Where the engine reads a text in more ways than the model's parsers do, ours is an error:
 * refused, never another answer. Threads: any. */
#include "sql/eval_own.h"

#include "base/check.h"
#include "model/limits.h"
#include "sql/json_path.h"
#include "sql/text.h"

#include <math.h>

static const int64_t us_per_day = 86400 * 1000000LL;

struct cast {
    const struct value *from;
    struct type to;
    struct arena *arena;
    struct value *out; /* its type is set */
    struct error *err;
};

static const char *type_text(struct type type, char text[64])
{
    struct buf buf;
    buf_init(&buf);
    type_append_sql(&buf, type);
    size_t n = buf.n < 63 ? buf.n : 63;
    memcpy(text, buf.p, n);
    text[n] = '\0';
    buf_release(&buf);
    return text;
}

static status fail(const struct cast *c)
{
    char type[64];
    struct buf shown;
    buf_init(&shown);
    value_append_text(&shown, c->from);
    str excerpt = text_excerpt(buf_str(&shown));
    status result = error_set(c->err, ERROR_COERCION, "cannot cast '" STR_FMT "' to %s",
                              STR(excerpt), type_text(c->to, type));
    buf_release(&shown);
    return result;
}

/* --- numbers */

int128 eval_power_of_ten(unsigned n)
{
    int128 p = 1;
    while (n-- > 0) {
        p *= 10;
    }
    return p;
}

static bool fits_integer(enum type_id id, int128 v)
{
    int64_t high = id == TYPE_SMALLINT ? INT16_MAX : id == TYPE_INT ? INT32_MAX : INT64_MAX;
    return v <= high && v >= -(int128)high - 1;
}

static status put_integer(const struct cast *c, int128 v)
{
    if (!fits_integer(c->to.id, v)) {
        return fail(c);
    }
    c->out->as.integer = (int64_t)v;
    return STATUS_IS_OK;
}

/* Half away from zero, as the engine rounds decimals. */
static int128 divide_rounded(int128 v, int128 by)
{
    int128 rest = v % by;
    int128 whole = v / by;
    if (rest * 2 >= by) {
        return whole + 1;
    }
    return rest * 2 <= -by ? whole - 1 : whole;
}

static status put_decimal(const struct cast *c, int128 unscaled, unsigned scale)
{
    if (scale > c->to.scale) {
        unscaled = divide_rounded(unscaled, eval_power_of_ten(scale - c->to.scale));
        scale = c->to.scale;
    }
    int128 most = eval_power_of_ten(c->to.precision);
    int128 factor = eval_power_of_ten(c->to.scale - scale);
    int128 magnitude = unscaled < 0 ? -unscaled : unscaled;
    if (magnitude > (most - 1) / factor) {
        return fail(c);
    }
    c->out->as.decimal = unscaled * factor;
    return STATUS_IS_OK;
}

/* The engine's way: exact numbers are divided, greater ones in two parts. */
static double decimal_to_real(int128 v, unsigned scale, bool is_float)
{
    int128 exact = is_float ? (int128)1 << 24 : (int128)1 << 53;
    double power = pow(10.0, scale);
    if (scale == 0 || (v <= exact && v >= -exact)) {
        return is_float ? (double)((float)v / (float)power) : (double)v / power;
    }
    int128 whole = v / eval_power_of_ten(scale);
    int128 rest = v % eval_power_of_ten(scale);
    return is_float ? (double)((float)whole + (float)rest / (float)power)
                    : (double)whole + (double)rest / power;
}

static status put_real(const struct cast *c, double v)
{
    if (c->to.id == TYPE_FLOAT) {
        float f = (float)v;
        if (isinf(f) && !isinf(v)) {
            return fail(c);
        }
        v = (double)f;
    }
    c->out->as.real = v;
    return STATUS_IS_OK;
}

static status real_to_integer(const struct cast *c)
{
    double v = c->from->as.real;
    double high = c->to.id == TYPE_SMALLINT ? 0x1p15 : c->to.id == TYPE_INT ? 0x1p31 : 0x1p63;
    if (!(v >= -high && v < high)) {
        return fail(c);
    }
    return put_integer(c, (int128)rint(v));
}

static status cast_number(const struct cast *c)
{
    struct type from = c->from->type;
    if (eval_is_integer(c->to)) {
        return eval_is_real(from) ? real_to_integer(c)
               : from.id == TYPE_DECIMAL
                   ? put_integer(c,
                                 divide_rounded(c->from->as.decimal, eval_power_of_ten(from.scale)))
                   : put_integer(c, c->from->as.integer);
    }
    if (c->to.id == TYPE_DECIMAL) {
        return from.id == TYPE_DECIMAL ? put_decimal(c, c->from->as.decimal, from.scale)
                                       : put_decimal(c, c->from->as.integer, 0);
    }
    if (eval_is_real(c->to)) {
        return from.id == TYPE_DECIMAL
                   ? put_real(c, decimal_to_real(c->from->as.decimal, from.scale,
                                                 c->to.id == TYPE_FLOAT))
               : eval_is_real(from)     ? put_real(c, c->from->as.real)
               : c->to.id == TYPE_FLOAT ? put_real(c, (double)(float)c->from->as.integer)
                                        : put_real(c, (double)c->from->as.integer);
    }
    c->out->as.boolean = c->from->as.integer != 0; /* to BOOLEAN, from whole numbers only */
    return STATUS_IS_OK;
}

static status cast_boolean(const struct cast *c)
{
    if (eval_is_real(c->to)) {
        c->out->as.real = c->from->as.boolean;
        return STATUS_IS_OK;
    }
    return put_integer(c, c->from->as.boolean);
}

/* --- texts */

static status text_to_boolean(const struct cast *c)
{
    static const char *const words[] = {"true", "t", "1", "yes", "y", "false", "f", "0", "no", "n"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_eq_nocase(c->from->as.text, str_from(words[i]))) {
            c->out->as.boolean = i < 5;
            return STATUS_IS_OK;
        }
    }
    return fail(c);
}

static status text_to_integer(const struct cast *c)
{
    int64_t v = 0;
    if (!str_to_i64(str_trim(c->from->as.text), &v)) {
        return fail(c);
    }
    return put_integer(c, v);
}

static status text_to_real(const struct cast *c)
{
    double v = 0;
    str text = str_trim(c->from->as.text);
    if (!str_to_double(text, &v) || !isfinite(v)) {
        return fail(c);
    }
    if (c->to.id == TYPE_FLOAT) { /* rounded once, not over DOUBLE */
        v = (double)strtof(str_cstr(c->arena, text), NULL);
    }
    return isfinite(v) ? put_real(c, v) : fail(c);
}

static status text_to_time(const struct cast *c)
{
    str text = c->from->as.text;
    int64_t v = 0;
    bool is_read = false;
    if (c->to.id == TYPE_DATE) {
        is_read = date_parse(text, &v);
    } else if (c->to.id == TYPE_TIME) {
        is_read = time_parse(text, &v);
    } else {
        is_read = timestamp_parse(text, &v); /* the engine's cast is the same: duck_cast.c */
    }
    c->out->as.integer = v;
    return is_read ? STATUS_IS_OK : fail(c);
}

static status text_to_bytes(const struct cast *c)
{
    struct error why;
    error_clear(&why);
    return status_ok(value_coerce(c->from, c->to, STR_LIT("cast"), c->arena, c->out, &why))
               ? STATUS_IS_OK
               : fail(c);
}

static status cast_text(const struct cast *c)
{
    switch (c->to.id) {
    case TYPE_TEXT:
        c->out->as.text = c->from->as.text;
        return STATUS_IS_OK;
    case TYPE_JSON:
        c->out->as.text = c->from->as.text;
        return json_text_is_valid(c->from->as.text) ? STATUS_IS_OK : fail(c);
    case TYPE_BOOLEAN:
        return text_to_boolean(c);
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_BIGINT:
        return text_to_integer(c);
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return text_to_real(c);
    case TYPE_DECIMAL:
        return decimal_parse(c->from->as.text, c->to.precision, c->to.scale, &c->out->as.decimal)
                   ? STATUS_IS_OK
                   : fail(c);
    case TYPE_BYTES: /* the engine's cast is the same: duck_cast.c */
        return text_to_bytes(c);
    case TYPE_UUID:
        return uuid_parse(c->from->as.text, c->out->as.uuid) ? STATUS_IS_OK : fail(c);
    default:
        return text_to_time(c);
    }
}

static status cast_to_text(const struct cast *c)
{
    struct buf buf;
    buf_init(&buf);
    value_append_text(&buf, c->from);
    c->out->as.text = arena_copy(c->arena, buf_str(&buf));
    buf_release(&buf);
    return STATUS_IS_OK;
}

/* --- dates and times */

static int64_t floor_days(int64_t us)
{
    int64_t days = us / us_per_day;
    return us % us_per_day < 0 ? days - 1 : days;
}

static status cast_time(const struct cast *c)
{
    int64_t v = c->from->as.integer;
    if (c->from->type.id == TYPE_DATE) {
        if (__builtin_mul_overflow(v, us_per_day, &v)) {
            return fail(c);
        }
    } else if (c->to.id == TYPE_DATE) {
        v = floor_days(v);
    } else if (c->to.id == TYPE_TIME) {
        v -= floor_days(v) * us_per_day;
    }
    c->out->as.integer = v;
    return STATUS_IS_OK;
}

/* --- which casts there are */

static bool can_cast_from_text(struct type to)
{
    return to.id != TYPE_NONE && to.id != TYPE_EMBEDDING && to.id != TYPE_FILE;
}

/* The engine prints a decimal without digits before the point without the zero, and now and then
 * more digits of a FLOAT or DOUBLE than it takes to read it back. */
static bool can_cast_to_text(struct type from)
{
    bool is_bare = from.id == TYPE_DECIMAL && from.precision == from.scale;
    return !is_bare && !eval_is_real(from) && from.id != TYPE_BYTES && from.id != TYPE_EMBEDDING &&
           from.id != TYPE_FILE;
}

bool eval_can_cast(struct type from, struct type to)
{
    if (type_eq(from, to) || from.id == TYPE_NONE) {
        return true;
    }
    if (from.id == TYPE_TEXT) {
        return can_cast_from_text(to);
    }
    if (to.id == TYPE_TEXT) {
        return can_cast_to_text(from);
    }
    if (eval_is_number(from) && eval_is_number(to)) {
        return !(eval_is_real(from) && to.id == TYPE_DECIMAL);
    }
    if (from.id == TYPE_BOOLEAN) {
        return eval_is_integer(to) || eval_is_real(to);
    }
    if (to.id == TYPE_BOOLEAN) {
        return eval_is_integer(from);
    }
    return eval_is_time(from) && (eval_is_time(to) || (to.id == TYPE_TIME && from.id != TYPE_DATE));
}

status eval_cast(const struct value *v, struct type to, struct arena *arena, struct value *out,
                 struct error *err)
{
    DCHECK(!v->is_null);
    if (type_eq(v->type, to)) {
        *out = *v;
        return STATUS_IS_OK;
    }
    struct value made = {.type = to};
    struct cast c = {.from = v, .to = to, .arena = arena, .out = &made, .err = err};
    status result;
    if (v->type.id == TYPE_TEXT) {
        result = cast_text(&c);
    } else if (to.id == TYPE_TEXT) {
        result = cast_to_text(&c);
    } else if (v->type.id == TYPE_BOOLEAN) {
        result = cast_boolean(&c);
    } else if (eval_is_number(v->type)) {
        result = cast_number(&c);
    } else {
        result = cast_time(&c);
    }
    if (status_ok(result)) {
        *out = made;
    }
    return result;
}

int eval_compare(const struct value *a, const struct value *b)
{
    if (!eval_is_real(a->type)) {
        return value_compare(a, b);
    }
    double x = a->as.real;
    double y = b->as.real;
    if (isnan(x) || isnan(y)) {
        return (int)isnan(x) - (int)isnan(y) > 0    ? 1
               : (isnan(x) != 0) == (isnan(y) != 0) ? 0
                                                    : (isnan(x) ? 1 : -1);
    }
    return x < y ? -1 : x > y ? 1 : 0;
}
