/* model/value_number.c -- numbers as text and back: DOUBLE, FLOAT, DECIMAL.
 * For:      results, casts, literals. The form of DOUBLE and FLOAT is that of Rust's serde_json,
 * which 0.4.3 clients have always seen: 1.0, 0.1, 1e21, 1.5e-7. Touches:  base; libc's printf and
 * strtod, which round correctly. Threads: any. */
#include "model/value.h"

#include "base/check.h"
#include "model/limits.h"

#include <float.h>
#include <math.h>

enum { DIGITS_MAX = 17, SCIENTIFIC_BYTES = 32 };

/* digits[0] . digits[1..count) * 10^exponent, without trailing zeros. */
struct shortest {
    char digits[DIGITS_MAX];
    int count;
    int exponent;
};

/* What differs between the two widths. */
struct real_form {
    bool is_float;
    int sure_digits;       /* any decimal of so many digits survives: FLT_DIG, DBL_DIG */
    int max_digits;        /* so many always read back */
    double normal_min;     /* below it fewer digits may do */
    int positional_max;    /* 10^n and more is written with an exponent */
    int small_exponent;    /* with so many digits before the point (or less) too */
    double exact_integers; /* integers below it need no search */
};

static const struct real_form double_form = {false, DBL_DIG, 17, DBL_MIN, 16, -5, 1e15};
static const struct real_form float_form = {true, FLT_DIG, 9, FLT_MIN, 13, -6, 16777216.0};

static bool reads_back(const struct real_form *form, const struct shortest *s, double v)
{
    char text[SCIENTIFIC_BYTES];
    (void)snprintf(text, sizeof text, "%c.%.*se%d", s->digits[0], s->count - 1, s->digits + 1,
                   s->exponent);
    return form->is_float ? (double)strtof(text, NULL) == v : strtod(text, NULL) == v;
}

/* `v` rounded to `count` digits. */
static void round_to(double v, int count, struct shortest *s)
{
    char text[SCIENTIFIC_BYTES];
    (void)snprintf(text, sizeof text, "%.*e", count - 1, v);
    s->digits[0] = text[0];
    if (count > 1) {
        memcpy(s->digits + 1, text + 2, (size_t)count - 1);
    }
    s->count = count;
    const char *exponent = text + (count > 1 ? count + 2 : 2);
    s->exponent = (int)strtol(exponent, NULL, 10);
}

/* The next decimal of the same length; false: all nines. */
static bool step_up(struct shortest *s)
{
    for (int i = s->count - 1; i >= 0; i--) {
        if (s->digits[i] != '9') {
            s->digits[i]++;
            return true;
        }
        s->digits[i] = '0';
    }
    return false;
}

/* At a power of two the gap below is half of the gap above, so the nearest decimal of a length may
 * miss although the one above it hits. */
static bool fits(const struct real_form *form, struct shortest *s, double v)
{
    if (reads_back(form, s, v)) {
        return true;
    }
    int exponent;
    return frexp(v, &exponent) == 0.5 && step_up(s) && reads_back(form, s, v);
}

static void find_shortest(const struct real_form *form, double v, struct shortest *s)
{
    int count = v < form->normal_min ? 1 : form->sure_digits;
    for (round_to(v, count, s); count < form->max_digits && !fits(form, s, v);) {
        round_to(v, ++count, s);
    }
    while (s->count > 1 && s->digits[s->count - 1] == '0') {
        s->count--;
    }
}

/* A DOUBLE of at most four decimals, such as an amount, without printf: n / 10^k that reads back.
 * No other text of so few digits does, so it is the one that find_shortest would find. False: not
 * so. */
static bool find_short(double v, struct shortest *s)
{
    double power = 1;
    for (int decimals = 1; decimals <= 4; decimals++) {
        power *= 10;
        double whole = rint(v * power);
        if (whole >= 1e15) {
            return false;
        }
        if (whole / power == v) {
            char text[DIGITS_MAX];
            int at = DIGITS_MAX;
            for (int64_t rest = (int64_t)whole; rest > 0; rest /= 10) {
                text[--at] = (char)('0' + rest % 10);
            }
            s->count = DIGITS_MAX - at;
            s->exponent = s->count - 1 - decimals;
            memcpy(s->digits, text + at, (size_t)s->count);
            return true;
        }
    }
    return false;
}

static void append_zeros(struct buf *out, int count)
{
    for (int i = 0; i < count; i++) {
        buf_append_byte(out, '0');
    }
}

static void append_shortest(struct buf *out, const struct real_form *form, const struct shortest *s)
{
    int point = s->exponent + 1; /* digits before the point */
    if (point > form->positional_max || point <= form->small_exponent) {
        buf_append(out, s->digits, 1);
        if (s->count > 1) {
            buf_append_byte(out, '.');
            buf_append(out, s->digits + 1, (size_t)s->count - 1);
        }
        buf_append_byte(out, 'e');
        buf_append_i64_text(out, s->exponent);
    } else if (point <= 0) {
        buf_append_c(out, "0.");
        append_zeros(out, -point);
        buf_append(out, s->digits, (size_t)s->count);
    } else if (s->count <= point) {
        buf_append(out, s->digits, (size_t)s->count);
        append_zeros(out, point - s->count);
        buf_append_c(out, ".0");
    } else {
        buf_append(out, s->digits, (size_t)point);
        buf_append_byte(out, '.');
        buf_append(out, s->digits + point, (size_t)(s->count - point));
    }
}

static void append_real(struct buf *out, const struct real_form *form, double v)
{
    if (isnan(v)) {
        buf_append_c(out, "NaN");
        return;
    }
    if (signbit(v)) {
        buf_append_byte(out, '-');
        v = -v;
    }
    if (isinf(v)) {
        buf_append_c(out, "Infinity");
    } else if (v < form->exact_integers && v == (double)(int64_t)v) {
        buf_append_i64_text(out, (int64_t)v);
        buf_append_c(out, ".0");
    } else {
        struct shortest s;
        if (form->is_float || !find_short(v, &s)) {
            find_shortest(form, v, &s);
        }
        append_shortest(out, form, &s);
    }
}

void double_append_text(struct buf *out, double v)
{
    append_real(out, &double_form, v);
}

void float_append_text(struct buf *out, float v)
{
    append_real(out, &float_form, (double)v);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A decimal text taken apart: unscaled * 10^shift, unscaled without trailing zeros. */
struct decimal_parts {
    int128 unscaled;
    unsigned digits; /* of unscaled; 0: the number is zero */
    int64_t shift;
};

/* Adds a digit that is behind `zeros` held-back zeros. False: more digits than a decimal has. */
static bool add_digit(struct decimal_parts *parts, char digit, int64_t *zeros)
{
    if (digit == '0') {
        *zeros += parts->digits > 0;
        return true;
    }
    if (parts->digits > 0 && *zeros + parts->digits + 1 > LIMIT_DECIMAL_PRECISION) {
        return false;
    }
    for (; *zeros > 0; (*zeros)--) {
        parts->unscaled *= 10;
        parts->digits++;
    }
    parts->unscaled = parts->unscaled * 10 + (digit - '0');
    parts->digits++;
    return true;
}

/* Digits with one optional point; the rest stays in `text`. */
static bool read_digits(str *text, struct decimal_parts *parts)
{
    int64_t zeros = 0; /* seen since the last other digit */
    int64_t fraction = 0;
    bool in_fraction = false;
    bool any = false;
    for (; text->n > 0; *text = str_skip(*text, 1)) {
        char c = text->p[0];
        if (c == '.' && !in_fraction) {
            in_fraction = true;
            continue;
        }
        if (!is_digit(c)) {
            break;
        }
        any = true;
        fraction += in_fraction;
        if (!add_digit(parts, c, &zeros)) {
            return false;
        }
    }
    parts->shift = zeros - fraction;
    return any;
}

/* `e` and a signed number, of which all beyond five digits is as good as five. */
static bool read_exponent(str text, int64_t *exponent)
{
    if (text.n == 0) {
        *exponent = 0;
        return true;
    }
    if (text.p[0] != 'e' && text.p[0] != 'E') {
        return false;
    }
    text = str_skip(text, 1);
    bool is_negative = text.n > 0 && text.p[0] == '-';
    if (text.n > 0 && (text.p[0] == '-' || text.p[0] == '+')) {
        text = str_skip(text, 1);
    }
    if (text.n == 0) {
        return false;
    }
    int64_t v = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (!is_digit(text.p[i])) {
            return false;
        }
        v = v < 1000000000 ? v * 10 + (text.p[i] - '0') : v;
    }
    *exponent = is_negative ? -v : v;
    return true;
}

bool decimal_parse(str text, unsigned precision, unsigned scale, int128 *unscaled)
{
    CHECK(precision <= LIMIT_DECIMAL_PRECISION);
    text = str_trim(text);
    bool is_negative = text.n > 0 && text.p[0] == '-';
    if (text.n > 0 && (text.p[0] == '-' || text.p[0] == '+')) {
        text = str_skip(text, 1);
    }
    struct decimal_parts parts = {0};
    int64_t exponent = 0;
    if (!read_digits(&text, &parts) || !read_exponent(text, &exponent)) {
        return false;
    }
    int64_t shift = parts.shift + exponent + (int64_t)scale;
    if (parts.digits == 0) {
        shift = 0;
    }
    if (shift < 0 || shift + parts.digits > precision) {
        return false;
    }
    for (; shift > 0; shift--) {
        parts.unscaled *= 10;
    }
    *unscaled = is_negative ? -parts.unscaled : parts.unscaled;
    return true;
}

void decimal_append_text(struct buf *out, int128 unscaled, unsigned scale)
{
    __extension__ typedef unsigned __int128 uint128;
    char digits[40];
    size_t at = sizeof digits;
    CHECK(scale < sizeof digits);
    uint128 magnitude = unscaled < 0 ? 0 - (uint128)unscaled : (uint128)unscaled;
    for (unsigned n = 0; magnitude != 0 || n <= scale; n++) {
        digits[--at] = (char)('0' + (int)(magnitude % 10));
        magnitude /= 10;
    }
    if (unscaled < 0) {
        buf_append_byte(out, '-');
    }
    size_t whole = sizeof digits - at - scale;
    buf_append(out, digits + at, whole);
    if (scale > 0) {
        buf_append_byte(out, '.');
        buf_append(out, digits + at + whole, scale);
    }
}
