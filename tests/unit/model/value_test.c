/* tests/unit/model/value_test.c -- Goal: cells print as the contract says and texts read back to
 * what was printed. Method: tables of edge values; random values printed, read and compared; for
 * doubles a search by brute force that no shorter text reads back. */
#include "model/value.h"

#include "base/hash.h"
#include "tests/test.h"

#include <float.h>
#include <math.h>

static str text_of(struct buf *buf, const struct value *v)
{
    buf_clear(buf);
    value_append_text(buf, v);
    return buf_str(buf);
}

static str double_text(struct buf *buf, double v)
{
    buf_clear(buf);
    double_append_text(buf, v);
    return buf_str(buf);
}

static str float_text(struct buf *buf, float v)
{
    buf_clear(buf);
    float_append_text(buf, v);
    return buf_str(buf);
}

TEST(double_append_text_of_known_values_has_the_form_of_serde_json)
{
    static const struct {
        double v;
        const char *text;
    } cases[] = {
        {5.0, "5.0"},
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {0.30000000000000004, "0.30000000000000004"},
        {1e15, "1000000000000000.0"},
        {1234567890123456.0, "1234567890123456.0"},
        {1e16, "1e16"},
        {1e21, "1e21"},
        {1.5e300, "1.5e300"},
        {1e-5, "0.00001"},
        {1e-6, "1e-6"},
        {1.25e-7, "1.25e-7"},
        {DBL_MAX, "1.7976931348623157e308"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {5e-324, "5e-324"},
        {2.4703282292062328e-324, "5e-324"},
        {9007199254740993.0, "9007199254740992.0"},
        {123.456, "123.456"},
        {0x1p-44, "5.684341886080802e-14"},
        {999999999999999.9, "999999999999999.9"},
        {1e15 - 1, "999999999999999.0"},
        {4.35, "4.35"},
        {2.2250738585072011e-308, "2.225073858507201e-308"},
        {-1e-300, "-1e-300"},
    };
    struct buf buf;
    buf_init(&buf);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        EXPECT_STR_EQ(double_text(&buf, cases[i].v), str_from(cases[i].text));
    }
    EXPECT_STR(double_text(&buf, (double)NAN), "NaN");
    EXPECT_STR(double_text(&buf, (double)-INFINITY), "-Infinity");
    buf_release(&buf);
}

TEST(float_append_text_of_known_values_is_shortest_for_float)
{
    struct buf buf;
    buf_init(&buf);
    EXPECT_STR(float_text(&buf, 0.1F), "0.1");
    EXPECT_STR(float_text(&buf, 3.4028235e38F), "3.4028235e38");
    EXPECT_STR(float_text(&buf, 1e-45F), "1e-45");
    EXPECT_STR(float_text(&buf, 16777216.0F), "16777216.0");
    EXPECT_STR(float_text(&buf, 1e13F), "1e13");
    EXPECT_STR(float_text(&buf, 1e12F), "1000000000000.0");
    EXPECT_STR(float_text(&buf, 1.17549435e-38F), "1.1754944e-38");
    EXPECT_STR(float_text(&buf, -0.0F), "-0.0");
    EXPECT_STR(float_text(&buf, 0.000001F), "0.000001");
    EXPECT_STR(float_text(&buf, 1e-7F), "1e-7");
    buf_release(&buf);
}

/* Significant digits of a printed number. */
static int count_digits(str text)
{
    int first = -1;
    int last = -1;
    int at = 0;
    for (size_t i = 0; i < text.n && text.p[i] != 'e'; i++) {
        if (text.p[i] >= '0' && text.p[i] <= '9') {
            if (text.p[i] != '0') {
                first = first < 0 ? at : first;
                last = at;
            }
            at++;
        }
    }
    return first < 0 ? 1 : last - first + 1;
}

/* Is there a decimal of `count` digits that reads back? The nearest, the one below, the one above.
 */
static bool some_decimal_reads_back(double v, int count, bool is_float)
{
    char text[64];
    char near[64];
    (void)snprintf(text, sizeof text, "%.*e", count - 1, v);
    char *e = strchr(text, 'e');
    int exponent = (int)strtol(e + 1, NULL, 10);
    long long mantissa = 0;
    for (const char *p = text; p < e; p++) {
        mantissa = *p >= '0' && *p <= '9' ? mantissa * 10 + (*p - '0') : mantissa;
    }
    for (long long step = -1; step <= 1; step++) {
        (void)snprintf(near, sizeof near, "%llde%d", mantissa + step, exponent - count + 1);
        if (is_float ? (double)strtof(near, NULL) == v : strtod(near, NULL) == v) {
            return true;
        }
    }
    return false;
}

static double random_double(struct rng *rng, unsigned i)
{
    uint64_t bits = rng_next(rng);
    if (i % 4 == 1) {
        bits &= 0x7ff0000000000000ULL; /* a power of two */
    } else if (i % 4 == 2) {
        bits &= 0x000fffffffffffffULL >> rng_below(rng, 52); /* subnormal */
    }
    double v;
    memcpy(&v, &bits, sizeof v);
    if (i % 4 == 3) {
        v = (double)rng_below(rng, 1000000000) / 1000.0;
    }
    return isfinite(v) ? fabs(v) : 1.0;
}

TEST(double_append_text_of_random_values_reads_back_and_is_shortest)
{
    struct rng rng;
    struct buf buf;
    rng_init(&rng, 1);
    buf_init(&buf);
    for (unsigned i = 0; i < 40000; i++) {
        double v = random_double(&rng, i);
        double back = -1;
        str text = double_text(&buf, v);
        EXPECT(str_to_double(text, &back));
        EXPECT(back == v);
        int digits = count_digits(text);
        EXPECT(digits <= 17);
        if (digits > 1 && v != 0) {
            EXPECT(!some_decimal_reads_back(v, digits - 1, false));
        }
    }
    buf_release(&buf);
}

TEST(float_append_text_of_random_values_reads_back_and_is_shortest)
{
    struct rng rng;
    struct buf buf;
    rng_init(&rng, 2);
    buf_init(&buf);
    for (unsigned i = 0; i < 40000; i++) {
        uint32_t bits = (uint32_t)rng_next(&rng);
        bits &= i % 4 == 1 ? 0x7f800000U : i % 4 == 2 ? 0x007fffffU : 0x7fffffffU;
        float v;
        memcpy(&v, &bits, sizeof v);
        if (!isfinite(v)) {
            continue;
        }
        char copy[64];
        str text = float_text(&buf, v);
        (void)snprintf(copy, sizeof copy, STR_FMT, STR(text));
        EXPECT(strtof(copy, NULL) == v);
        int digits = count_digits(text);
        EXPECT(digits <= 9);
        if (digits > 1 && v != 0) {
            EXPECT(!some_decimal_reads_back((double)v, digits - 1, true));
        }
    }
    buf_release(&buf);
}

static str json_of(struct buf *buf, const struct value *v)
{
    struct error err;
    buf_clear(buf);
    EXPECT_OK(value_append_json(buf, v, &err), &err);
    return buf_str(buf);
}

TEST(value_append_json_of_every_type_follows_the_contract)
{
    struct buf buf;
    buf_init(&buf);
    struct value v = value_int(TYPE_BIGINT, -9223372036854775807LL - 1);
    EXPECT_STR(json_of(&buf, &v), "\"-9223372036854775808\"");
    v = value_int(TYPE_INT, -2147483647 - 1);
    EXPECT_STR(json_of(&buf, &v), "-2147483648");
    v = value_int(TYPE_SMALLINT, 32767);
    EXPECT_STR(json_of(&buf, &v), "32767");
    v = value_double(5);
    EXPECT_STR(json_of(&buf, &v), "5.0");
    v = value_double((double)0.1F);
    v.type = type_of(TYPE_FLOAT);
    EXPECT_STR(json_of(&buf, &v), "0.1");
    v = value_bool(true);
    EXPECT_STR(json_of(&buf, &v), "true");
    v = value_text(STR_LIT("a\"b"));
    EXPECT_STR(json_of(&buf, &v), "\"a\\\"b\"");
    v.type = type_of(TYPE_JSON);
    v.as.text = STR_LIT("{\"a\":1}");
    EXPECT_STR(json_of(&buf, &v), "\"{\\\"a\\\":1}\"");
    v.type = type_of(TYPE_FILE);
    EXPECT_STR(json_of(&buf, &v), "\"{\\\"a\\\":1}\"");
    v = value_int(TYPE_TIMESTAMP, 1767225600000000LL);
    EXPECT_STR(json_of(&buf, &v), "1767225600000000");
    v = value_int(TYPE_DATETIME, -1);
    EXPECT_STR(json_of(&buf, &v), "-1");
    v = value_int(TYPE_DATE, 20454);
    EXPECT_STR(json_of(&buf, &v), "20454");
    v = value_int(TYPE_TIME, 86399999999LL);
    EXPECT_STR(json_of(&buf, &v), "86399999999");
    v = (struct value){.type = {.id = TYPE_DECIMAL, .precision = 10, .scale = 2},
                       .as.decimal = -50};
    EXPECT_STR(json_of(&buf, &v), "\"-0.50\"");
    v = (struct value){.type = {.id = TYPE_UUID}, .as.uuid = {0x01, 0x9a, [15] = 0xff}};
    EXPECT_STR(json_of(&buf, &v), "\"019a0000-0000-0000-0000-0000000000ff\"");
    v = (struct value){.type = {.id = TYPE_BYTES}, .as.text = STR_LIT("\x00\x7f\xff")};
    EXPECT_STR(json_of(&buf, &v), "[0,127,255]");
    v.as.text = STR_LIT("");
    EXPECT_STR(json_of(&buf, &v), "[]");
    v = (struct value){.type = {.id = TYPE_EMBEDDING, .dimension = 2},
                       .as.text = STR_LIT("\x00\x00\x00\x3f\xcd\xcc\xcc\x3d")};
    EXPECT_STR(json_of(&buf, &v), "[0.5,0.1]");
    for (unsigned id = TYPE_NONE; id < TYPE_COUNT; id++) {
        v = value_null(type_of((enum type_id)id));
        EXPECT_STR(json_of(&buf, &v), "null");
    }
    buf_release(&buf);
}

TEST(value_append_json_of_nan_and_infinity_is_refused_and_writes_nothing)
{
    struct buf buf;
    struct error err;
    buf_init(&buf);
    buf_append_c(&buf, "before");
    struct value v = value_double((double)NAN);
    EXPECT_STATUS(value_append_json(&buf, &v, &err), INVALID);
    v = value_double((double)INFINITY);
    v.type = type_of(TYPE_FLOAT);
    EXPECT_STATUS(value_append_json(&buf, &v, &err), INVALID);
    v = (struct value){.type = {.id = TYPE_EMBEDDING, .dimension = 1},
                       .as.text = STR_LIT("\x00\x00\xc0\x7f")};
    EXPECT_STATUS(value_append_json(&buf, &v, &err), INVALID);
    EXPECT_STR(buf_str(&buf), "before");
    buf_release(&buf);
}

TEST(json_append_text_escapes_exactly_what_json_requires)
{
    struct buf buf;
    buf_init(&buf);
    json_append_text(&buf, STR_LIT("\"\\\n\r\t\b\f\x01\x1f\x7f/\xc3\xa9\xf0\x9f\x98\x80"));
    EXPECT_STR(buf_str(&buf),
               "\"\\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u001f\x7f/\xc3\xa9\xf0\x9f\x98\x80\"");
    buf_clear(&buf);
    json_append_text(&buf, (str){NULL, 0});
    EXPECT_STR(buf_str(&buf), "\"\"");
    buf_clear(&buf);
    json_append_text(&buf, STR_LIT("a\0b"));
    EXPECT_STR(buf_str(&buf), "\"a\\u0000b\"");
    buf_release(&buf);
}

/* Every byte at every position of a word, against a byte-by-byte writer. */
TEST(json_append_text_of_each_byte_at_each_position_agrees_with_the_slow_way)
{
    struct buf fast;
    struct buf slow;
    buf_init(&fast);
    buf_init(&slow);
    for (unsigned c = 0; c < 256; c++) {
        for (size_t at = 0; at < 19; at++) {
            char text[19];
            memset(text, 0x80 + (int)(c % 0x40), sizeof text);
            text[at] = (char)c;
            buf_clear(&fast);
            buf_clear(&slow);
            json_append_text(&fast, (str){text, sizeof text});
            buf_append_byte(&slow, '"');
            for (size_t i = 0; i < sizeof text; i++) {
                unsigned char b = (unsigned char)text[i];
                const char *name = b == '"'    ? "\\\""
                                   : b == '\\' ? "\\\\"
                                   : b == '\n' ? "\\n"
                                   : b == '\r' ? "\\r"
                                   : b == '\t' ? "\\t"
                                   : b == '\b' ? "\\b"
                                   : b == '\f' ? "\\f"
                                               : NULL;
                if (name != NULL) {
                    buf_append_c(&slow, name);
                } else if (b < 0x20) {
                    buf_append_format(&slow, "\\u%04x", b);
                } else {
                    buf_append_byte(&slow, b);
                }
            }
            buf_append_byte(&slow, '"');
            EXPECT_STR_EQ(buf_str(&fast), buf_str(&slow));
        }
    }
    buf_release(&fast);
    buf_release(&slow);
}

TEST(value_append_text_of_every_type_is_readable)
{
    struct buf buf;
    buf_init(&buf);
    struct value v = value_int(TYPE_TIMESTAMP, 1767323045678000LL);
    EXPECT_STR(text_of(&buf, &v), "2026-01-02 03:04:05.678");
    v = value_int(TYPE_DATETIME, 0);
    EXPECT_STR(text_of(&buf, &v), "1970-01-01 00:00:00");
    v = value_int(TYPE_TIMESTAMP, -1);
    EXPECT_STR(text_of(&buf, &v), "1969-12-31 23:59:59.999999");
    v = value_int(TYPE_TIMESTAMP, INT64_MAX);
    EXPECT_STR(text_of(&buf, &v), "294247-01-10 04:00:54.775807");
    v = value_int(TYPE_TIMESTAMP, INT64_MIN);
    EXPECT_STR(text_of(&buf, &v), "-290308-12-21 19:59:05.224192");
    v = value_int(TYPE_DATE, -719162);
    EXPECT_STR(text_of(&buf, &v), "0001-01-01");
    v = value_int(TYPE_DATE, 11016);
    EXPECT_STR(text_of(&buf, &v), "2000-02-29");
    v = value_int(TYPE_TIME, 86399999999LL);
    EXPECT_STR(text_of(&buf, &v), "23:59:59.999999");
    v = value_int(TYPE_TIME, 1);
    EXPECT_STR(text_of(&buf, &v), "00:00:00.000001");
    v = (struct value){.type = {.id = TYPE_BYTES}, .as.text = STR_LIT("\x00\xab")};
    EXPECT_STR(text_of(&buf, &v), "\\x00ab");
    v = value_bool(false);
    EXPECT_STR(text_of(&buf, &v), "false");
    v = value_null(type_of(TYPE_NONE));
    EXPECT_STR(text_of(&buf, &v), "NULL");
    buf_release(&buf);
}

TEST(timestamp_parse_of_every_form_finds_its_instant)
{
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {
        {"1970-01-01", 0},
        {" 1970-01-02 ", 86400000000LL},
        {"2026-01-02T03:04", 1767323040000000LL},
        {"2026-01-02 03:04:05", 1767323045000000LL},
        {"2026-01-02T03:04:05.678Z", 1767323045678000LL},
        {"2026-01-02T03:04:05.123456789", 1767323045123456LL},
        {"2026-01-02T03:04:05.1", 1767323045100000LL},
        {"2026-01-02T05:04:05+02:00", 1767323045000000LL},
        {"2026-01-02T05:04:05+02", 1767323045000000LL},
        {"2026-01-01 21:34:05-05:30", 1767323045000000LL},
        {"2026-01-02 03:04Z", 1767323040000000LL},
        {"0001-01-01", -62135596800000000LL},
        {"9999-12-31 23:59:59.999999", 253402300799999999LL},
        {"2000-02-29", 951782400000000LL},
        {"1969-12-31 23:59:59.999999", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t us = 1;
        EXPECT(timestamp_parse(str_from(cases[i].text), &us));
        EXPECT_INT(us, cases[i].us);
    }
}

TEST(timestamp_parse_of_anything_else_is_refused)
{
    static const char *const cases[] = {
        "",
        "2026",
        "2026-1-2",
        "2026-13-01",
        "2026-00-01",
        "2026-02-29",
        "1900-02-29",
        "2026-04-31",
        "2026-01-00",
        "0000-01-01",
        "10000-01-01",
        "-001-01-01",
        "2026-01-02T",
        "2026-01-02T24:00",
        "2026-01-02T03:60",
        "2026-01-02T03:04:60",
        "2026-01-02T03:04:05.",
        "2026-01-02T03:04:05.1234567890",
        "2026-01-02T03:04:05 Z",
        "2026-01-02T03:04:05+2",
        "2026-01-02T03:04:05+24",
        "2026-01-02T03:04:05+02:60",
        "2026-01-02T03:04:05+02:",
        "2026-01-02T03:04:05Zx",
        "2026-01-02Z",
        "2026-01-02x03:04",
        "0001-01-01T00:00+01:00",
        "9999-12-31T23:59-01:00",
        "2026-01-02T03",
        "hello",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t us = 42;
        if (timestamp_parse(str_from(cases[i]), &us)) {
            test_fail(__FILE__, __LINE__, "accepted %s", cases[i]);
        }
        EXPECT_INT(us, 42);
    }
}

TEST(timestamp_append_text_of_random_instants_reads_back)
{
    struct rng rng;
    struct buf buf;
    rng_init(&rng, 3);
    buf_init(&buf);
    int64_t low = -62135596800000000LL;
    uint64_t width = 315537897600000000ULL; /* years 0001..9999 */
    for (unsigned i = 0; i < 20000; i++) {
        int64_t us = low + (int64_t)rng_below(&rng, width);
        int64_t back = 0;
        us = i % 3 == 0 ? us / 1000000 * 1000000 : us;
        buf_clear(&buf);
        timestamp_append_text(&buf, us);
        EXPECT(timestamp_parse(buf_str(&buf), &back));
        EXPECT_INT(back, us);
        int64_t days = us / 86400000000LL;
        buf_clear(&buf);
        date_append_text(&buf, days);
        EXPECT(date_parse(buf_str(&buf), &back));
        EXPECT_INT(back, days);
        int64_t time = (int64_t)rng_below(&rng, 86400000000ULL);
        buf_clear(&buf);
        time_append_text(&buf, time);
        EXPECT(time_parse(buf_str(&buf), &back));
        EXPECT_INT(back, time);
    }
    buf_release(&buf);
}

TEST(date_append_text_of_consecutive_days_counts_like_a_calendar)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct buf buf;
    buf_init(&buf);
    int64_t days = -719162; /* 0001-01-01 */
    for (int year = 1; year <= 2100; year++) {
        bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for (int month = 1; month <= 12; month++) {
            int last = month_days[month - 1] + (month == 2 && is_leap);
            char text[32];
            (void)snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, last);
            buf_clear(&buf);
            date_append_text(&buf, days + last - 1);
            EXPECT_STR_EQ(buf_str(&buf), str_from(text));
            days += last;
        }
    }
    buf_release(&buf);
}

TEST(decimal_parse_of_numbers_scales_exactly)
{
    static const struct {
        const char *text;
        unsigned precision, scale;
        long long unscaled;
    } cases[] = {
        {"0", 1, 0, 0},
        {"-0.00", 5, 2, 0},
        {"0e99999999999", 5, 2, 0},
        {"1", 10, 2, 100},
        {"-0.5", 10, 2, -50},
        {"+12.34", 10, 2, 1234},
        {".5", 10, 2, 50},
        {"5.", 10, 2, 500},
        {"1.500000000000000000000000000000000000000000000", 2, 1, 15},
        {"0000000000000000000000000000000000000000000000000000007.10", 3, 2, 710},
        {"1e3", 4, 0, 1000},
        {"12.5E-1", 4, 2, 125},
        {"1200e-2", 2, 0, 12},
        {"999.99", 5, 2, 99999},
        {" 7 ", 1, 0, 7},
        {"0.01e2", 1, 0, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int128 found = 7;
        EXPECT(decimal_parse(str_from(cases[i].text), cases[i].precision, cases[i].scale, &found));
        EXPECT(found == cases[i].unscaled);
    }
}

TEST(decimal_parse_of_what_does_not_fit_is_refused)
{
    static const struct {
        const char *text;
        unsigned precision, scale;
    } cases[] = {
        {"", 5, 2},
        {".", 5, 2},
        {"-", 5, 2},
        {"1e", 5, 2},
        {"1e+", 5, 2},
        {"e5", 5, 2},
        {"1x", 5, 2},
        {"1.2.3", 5, 2},
        {"--1", 5, 2},
        {"0x10", 5, 2},
        {"NaN", 5, 2},
        {"1000", 5, 2},
        {"999.995", 5, 2},
        {"0.001", 5, 2},
        {"1e99999999999999999999", 38, 0},
        {"1e-99999999999999999999", 38, 38},
        {"100000000000000000000000000000000000000", 38, 0},
        {"123456789012345678901234567890123456789", 38, 0},
        {"1e38", 38, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int128 found = 7;
        if (decimal_parse(str_from(cases[i].text), cases[i].precision, cases[i].scale, &found)) {
            test_fail(__FILE__, __LINE__, "accepted %s", cases[i].text);
        }
        EXPECT(found == 7);
    }
}

TEST(decimal_append_text_of_38_digits_reads_back)
{
    struct buf buf;
    buf_init(&buf);
    int128 v = 0;
    EXPECT(decimal_parse(STR_LIT("-99999999999999999999999999999999999999"), 38, 0, &v));
    decimal_append_text(&buf, v, 0);
    EXPECT_STR(buf_str(&buf), "-99999999999999999999999999999999999999");
    buf_clear(&buf);
    decimal_append_text(&buf, v, 38);
    EXPECT_STR(buf_str(&buf), "-0.99999999999999999999999999999999999999");
    buf_clear(&buf);
    decimal_append_text(&buf, 5, 3);
    EXPECT_STR(buf_str(&buf), "0.005");
    struct rng rng;
    rng_init(&rng, 4);
    for (unsigned i = 0; i < 20000; i++) {
        unsigned scale = (unsigned)rng_below(&rng, 39);
        int128 limit = 1;
        for (uint64_t n = rng_below(&rng, 38); n > 0; n--) {
            limit *= 10;
        }
        int128 made = (int128)rng_next(&rng) * (int128)(rng_next(&rng) >> 2) % limit;
        made = rng_below(&rng, 2) == 0 ? made : -made;
        buf_clear(&buf);
        decimal_append_text(&buf, made, scale);
        EXPECT(decimal_parse(buf_str(&buf), 38, scale, &v));
        EXPECT(v == made);
    }
    buf_release(&buf);
}

TEST(uuid_parse_of_both_forms_in_any_case_reads_back)
{
    uint8_t uuid[16];
    struct buf buf;
    buf_init(&buf);
    EXPECT(uuid_parse(STR_LIT("019A3B4C-5D6E-7F80-9102-a3b4c5d6e7f8"), uuid));
    uuid_append_text(&buf, uuid);
    EXPECT_STR(buf_str(&buf), "019a3b4c-5d6e-7f80-9102-a3b4c5d6e7f8");
    EXPECT(uuid_parse(STR_LIT("019a3b4c5d6e7f809102a3b4c5d6e7f8"), uuid));
    EXPECT(!uuid_parse(STR_LIT("019a3b4c5d6e-7f80-9102-a3b4c5d6e7f8x"), uuid));
    EXPECT(!uuid_parse(STR_LIT("019a3b4c-5d6e-7f80-9102-a3b4c5d6e7f"), uuid));
    EXPECT(!uuid_parse(STR_LIT("019a3b4c-5d6e-7f80-9102-a3b4c5d6e7fg"), uuid));
    EXPECT(!uuid_parse(STR_LIT("-19a3b4c05d6e07f8009102a3b4c5d6e7f80"), uuid));
    EXPECT(!uuid_parse(STR_LIT(""), uuid));
    buf_release(&buf);
}

TEST(value_compare_of_edge_values_follows_the_key_order)
{
    struct value a = value_double(-0.0);
    struct value b = value_double(0.0);
    struct value nan = value_double((double)NAN);
    struct value inf = value_double((double)INFINITY);
    EXPECT_INT(value_compare(&a, &b), 0);
    EXPECT_INT(value_compare(&nan, &inf), 1);
    EXPECT_INT(value_compare(&inf, &nan), -1);
    EXPECT_INT(value_compare(&nan, &nan), 0);
    a = value_text(STR_LIT("a"));
    b = value_text(STR_LIT("a\0"));
    EXPECT_INT(value_compare(&a, &b), -1);
    b = value_text(STR_LIT("\xc3\xa9"));
    EXPECT_INT(value_compare(&a, &b), -1);
    a = value_int(TYPE_BIGINT, INT64_MIN);
    b = value_int(TYPE_BIGINT, INT64_MAX);
    EXPECT_INT(value_compare(&a, &b), -1);
}

TEST(value_identical_of_null_other_type_and_nan)
{
    struct value null_int = value_null(type_of(TYPE_INT));
    struct value null_text = value_null(type_of(TYPE_TEXT));
    struct value zero = value_int(TYPE_INT, 0);
    struct value nan = value_double((double)NAN);
    EXPECT(value_identical(&null_int, &null_int));
    EXPECT(!value_identical(&null_int, &null_text));
    EXPECT(!value_identical(&null_int, &zero));
    EXPECT(value_identical(&zero, &zero));
    EXPECT(value_identical(&nan, &nan));
    struct value big = value_int(TYPE_BIGINT, 0);
    EXPECT(!value_identical(&zero, &big));
}

TEST(value_copy_of_text_owns_its_bytes)
{
    struct arena arena;
    char text[] = "hello";
    arena_init(&arena);
    struct value v = value_text((str){text, 5});
    struct value copy = value_copy(&arena, &v);
    text[0] = 'x';
    EXPECT_STR(copy.as.text, "hello");
    struct value n = value_null(type_of(TYPE_TEXT));
    copy = value_copy(&arena, &n);
    EXPECT(copy.is_null);
    arena_release(&arena);
}
