/* sql/real_text.c -- the digits come from the model; only their layout is the engine's. */
#include "sql/real_text.h"

#include <math.h>

/* v = 0.d1d2d3... * 10^point */
struct digits {
    char d[64];
    int count;
    int point;
};

enum { POINT_MAX = 21, POINT_MIN = -6 }; /* between them without an exponent */

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

void real_append_json(struct buf *out, double v)
{
    if (signbit(v)) {
        buf_append_byte(out, '-');
        v = -v;
    }
    if (v == 0) {
        buf_append_c(out, "0.0");
        return;
    }
    struct digits s;
    struct buf text;
    buf_init(&text);
    double_append_text(&text, v);
    read_digits(buf_str(&text), &s);
    buf_release(&text);
    if (s.point > POINT_MIN && s.point <= POINT_MAX) {
        append_fixed(out, &s);
        return;
    }
    append_mantissa(out, &s);
    buf_append_format(out, "%d", s.point - 1);
}
