/* sql/real_text.c -- the digits come from the model; only their layout is the engine's. */
#include "sql/real_text.h"

#include <math.h>

/* v = 0.d1d2d3... * 10^point */
struct digits {
    char d[64];
    int count;
    int point;
};

enum {
    FIXED_POINT_MAX_CAST = 16,
    FIXED_POINT_MAX_JSON = 21,
    POINT_MIN_CAST = -4,
    POINT_MIN_JSON = -6
};

/* Takes apart "123.45", "0.00012", "1.5e300". */
static void read_digits(str text, struct digits *out)
{
    bool is_behind_point = false;
    *out = (struct digits){.count = 0};
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == 'e') {
            int64_t exponent = 0;
            (void)str_to_i64(str_skip(text, i + 1), &exponent);
            out->point += (int)exponent;
            break;
        }
        if (c == '.') {
            is_behind_point = true;
            continue;
        }
        if (c == '0' && out->count == 0) { /* leading zeros */
            out->point -= is_behind_point;
            continue;
        }
        if (out->count < (int)sizeof out->d) {
            out->d[out->count++] = c;
        }
        out->point += !is_behind_point;
    }
    while (out->count > 0 && out->d[out->count - 1] == '0') {
        out->count--;
    }
}

static void append_zeros(struct buf *out, int count)
{
    for (; count > 0; count--) {
        buf_append_byte(out, '0');
    }
}

static void append_fixed(struct buf *out, const struct digits *s)
{
    int whole = s->point < 0 ? 0 : s->point < s->count ? s->point : s->count;
    buf_append(out, s->d, (size_t)whole);
    append_zeros(out, whole == 0 ? 1 : s->point - whole);
    buf_append_byte(out, '.');
    append_zeros(out, -s->point);
    buf_append(out, s->d + whole, (size_t)(s->count - whole));
    append_zeros(out, s->count == whole);
}

static void append_mantissa(struct buf *out, const struct digits *s)
{
    buf_append(out, s->d, 1);
    if (s->count > 1) {
        buf_append_byte(out, '.');
        buf_append(out, s->d + 1, (size_t)s->count - 1);
    }
    buf_append_byte(out, 'e');
}

/* False: zero or not finite, and written. */
static bool begin(struct buf *out, double v, bool is_float, struct digits *s)
{
    if (isnan(v)) {
        buf_append_c(out, "nan");
        return false;
    }
    if (signbit(v)) {
        buf_append_byte(out, '-');
        v = -v;
    }
    if (isinf(v) || v == 0) {
        buf_append_c(out, v == 0 ? "0.0" : "inf");
        return false;
    }
    struct buf text;
    buf_init(&text);
    if (is_float) {
        float_append_text(&text, (float)v);
    } else {
        double_append_text(&text, v);
    }
    read_digits(buf_str(&text), s);
    buf_release(&text);
    return true;
}

void real_append_cast(struct buf *out, double v, bool is_float)
{
    struct digits s;
    if (!begin(out, v, is_float, &s)) {
        return;
    }
    if (s.point > POINT_MIN_CAST && s.point <= FIXED_POINT_MAX_CAST) {
        append_fixed(out, &s);
        return;
    }
    append_mantissa(out, &s);
    buf_append_format(out, "%c%02d", s.point > 0 ? '+' : '-', abs(s.point - 1));
}

void real_append_json(struct buf *out, double v)
{
    struct digits s;
    if (!begin(out, v, false, &s)) {
        return;
    }
    if (s.point > POINT_MIN_JSON && s.point <= FIXED_POINT_MAX_JSON) {
        append_fixed(out, &s);
        return;
    }
    append_mantissa(out, &s);
    buf_append_format(out, "%d", s.point - 1);
}
