/* tests/unit/model/value_coerce_test.c -- Goal: a coercion keeps the value or refuses and says why.
 * Method: tables of (from, to, outcome); random values taken to TEXT and back for every type. */
#include "model/value.h"

#include "base/hash.h"
#include "tests/test.h"

#include <math.h>

static struct arena arena;

static struct type decimal_type(unsigned precision, unsigned scale)
{
    return (struct type){
        .id = TYPE_DECIMAL, .precision = (uint8_t)precision, .scale = (uint8_t)scale};
}

/* The coerced value as text, or the error's text after "! ". */
static str coerced(struct value v, struct type to)
{
    struct error err;
    struct value out;
    struct buf buf;
    buf_init(&buf);
    status found = value_coerce(&v, to, STR_LIT("c"), &arena, &out, &err);
    if (status_ok(found)) {
        EXPECT(type_eq(out.type, to));
        value_append_text(&buf, &out);
    } else {
        EXPECT_INT(found.code, STATUS_INVALID);
        EXPECT_INT(err.id, ERROR_COERCION);
        buf_append_format(&buf, "! %s", err.text);
        struct value untouched = {.type = {.id = TYPE_TIME}};
        EXPECT_STATUS(value_coerce(&v, to, STR_LIT("c"), &arena, &untouched, NULL), INVALID);
        EXPECT_INT(untouched.type.id, TYPE_TIME);
    }
    str text = arena_copy(&arena, buf_str(&buf));
    buf_release(&buf);
    return text;
}

static void expect(struct value v, struct type to, const char *wanted)
{
    EXPECT_STR_EQ(coerced(v, to), str_from(wanted));
}

static void expect_text(const char *text, enum type_id to, const char *wanted)
{
    expect(value_text(str_from(text)), type_of(to), wanted);
}

static void expect_refused(struct value v, struct type to)
{
    str found = coerced(v, to);
    if (!str_starts_with(found, STR_LIT("! "))) {
        test_fail(__FILE__, __LINE__, "it became " STR_FMT, STR(found));
    }
}

static void expect_text_refused(const char *text, enum type_id to)
{
    expect_refused(value_text(str_from(text)), type_of(to));
}

TEST(value_coerce_of_integers_keeps_what_fits)
{
    expect(value_int(TYPE_BIGINT, 32767), type_of(TYPE_SMALLINT), "32767");
    expect(value_int(TYPE_BIGINT, 32768), type_of(TYPE_SMALLINT),
           "! column 'c': BIGINT value '32768' cannot become SMALLINT: out of range");
    expect(value_int(TYPE_BIGINT, -32768), type_of(TYPE_SMALLINT), "-32768");
    expect(value_int(TYPE_BIGINT, 2147483648), type_of(TYPE_INT),
           "! column 'c': BIGINT value '2147483648' cannot become INT: out of range");
    expect(value_int(TYPE_INT, INT32_MIN), type_of(TYPE_BIGINT), "-2147483648");
    expect(value_int(TYPE_BIGINT, 1LL << 53), type_of(TYPE_DOUBLE), "9007199254740992.0");
    expect(value_int(TYPE_BIGINT, (1LL << 53) + 1), type_of(TYPE_DOUBLE),
           "! column 'c': BIGINT value '9007199254740993' cannot become DOUBLE: it has no exact "
           "equal there");
    expect(value_int(TYPE_BIGINT, INT64_MAX), type_of(TYPE_DOUBLE),
           "! column 'c': BIGINT value '9223372036854775807' cannot become DOUBLE: it has no exact "
           "equal there");
    expect(value_int(TYPE_BIGINT, INT64_MIN), type_of(TYPE_DOUBLE), "-9.223372036854776e18");
    expect(value_int(TYPE_INT, 16777217), type_of(TYPE_FLOAT),
           "! column 'c': INT value '16777217' cannot become FLOAT: it has no exact equal there");
    expect(value_int(TYPE_INT, 5), decimal_type(10, 2), "5.00");
    expect(value_int(TYPE_BIGINT, INT64_MIN), decimal_type(38, 10),
           "-9223372036854775808.0000000000");
    expect(value_int(TYPE_INT, 1000), decimal_type(5, 2),
           "! column 'c': INT value '1000' cannot become DECIMAL(5, 2): too many digits");
    expect(value_int(TYPE_INT, 1), type_of(TYPE_BOOLEAN), "true");
    expect(value_int(TYPE_INT, 2), type_of(TYPE_BOOLEAN),
           "! column 'c': INT value '2' cannot become BOOLEAN: only 0 and 1 are booleans");
    expect(value_bool(true), type_of(TYPE_BIGINT), "1");
    expect(value_int(TYPE_INT, 7), type_of(TYPE_TEXT), "7");
    expect(value_int(TYPE_INT, 7), type_of(TYPE_UUID),
           "! column 'c': INT value '7' cannot become UUID: there is no conversion between these "
           "types");
}

TEST(value_coerce_of_real_numbers_rounds_only_into_floats)
{
    expect(value_double(0.1), type_of(TYPE_FLOAT), "0.1");
    expect(value_double(1e39), type_of(TYPE_FLOAT),
           "! column 'c': DOUBLE value '1e39' cannot become FLOAT: out of range");
    expect(value_double(3.4028235677973366e38), type_of(TYPE_FLOAT),
           "! column 'c': DOUBLE value '3.4028235677973366e38' cannot become FLOAT: out of range");
    expect(value_double(3.4028235677973362e38), type_of(TYPE_FLOAT), "3.4028235e38");
    expect(value_double(5.0), type_of(TYPE_INT), "5");
    expect(value_double(-0.0), type_of(TYPE_INT), "0");
    expect(value_double(5.5), type_of(TYPE_INT),
           "! column 'c': DOUBLE value '5.5' cannot become INT: it is not a whole number");
    expect(value_double(9223372036854775808.0), type_of(TYPE_BIGINT),
           "! column 'c': DOUBLE value '9.223372036854776e18' cannot become BIGINT: out of range");
    expect(value_double((double)NAN), type_of(TYPE_INT),
           "! column 'c': DOUBLE value 'NaN' cannot become INT: out of range");
    expect(value_double(0.1), decimal_type(10, 2), "0.10");
    expect(value_double(0.125), decimal_type(10, 2),
           "! column 'c': DOUBLE value '0.125' cannot become DECIMAL(10, 2): too many digits");
    expect(
        value_double((double)INFINITY), decimal_type(10, 2),
        "! column 'c': DOUBLE value 'Infinity' cannot become DECIMAL(10, 2): it is not a number");
    struct value f = value_double((double)0.1F);
    f.type = type_of(TYPE_FLOAT);
    expect(f, type_of(TYPE_DOUBLE), "0.10000000149011612");
    expect(f, decimal_type(3, 1), "0.1");
    expect(value_double((double)NAN), type_of(TYPE_JSON),
           "! column 'c': DOUBLE value 'NaN' cannot become JSON: JSON has no such number");
    expect(value_double(1.5), type_of(TYPE_JSON), "1.5");
}

TEST(value_coerce_of_decimals_rescales_exactly)
{
    struct value v = {.type = decimal_type(10, 2), .as.decimal = 12340};
    expect(v, decimal_type(10, 1), "123.4");
    expect(v, decimal_type(38, 20), "123.40000000000000000000");
    expect(v, decimal_type(10, 0),
           "! column 'c': DECIMAL(10, 2) value '123.40' cannot become DECIMAL(10, 0): too many "
           "digits");
    expect(v, decimal_type(4, 2),
           "! column 'c': DECIMAL(10, 2) value '123.40' cannot become DECIMAL(4, 2): too many "
           "digits");
    expect(v, type_of(TYPE_DOUBLE), "123.4");
    expect(v, type_of(TYPE_FLOAT), "123.4");
    expect(
        v, type_of(TYPE_INT),
        "! column 'c': DECIMAL(10, 2) value '123.40' cannot become INT: it is not a whole number");
    v.as.decimal = -500;
    expect(v, type_of(TYPE_SMALLINT), "-5");
    expect(v, type_of(TYPE_TEXT), "-5.00");
    struct value wide = {.type = decimal_type(38, 0)};
    EXPECT(decimal_parse(STR_LIT("9223372036854775808"), 38, 0, &wide.as.decimal));
    expect(wide, type_of(TYPE_BIGINT),
           "! column 'c': DECIMAL(38, 0) value '9223372036854775808' cannot become BIGINT: out of "
           "range");
}

TEST(value_coerce_of_texts_parses_or_refuses)
{
    expect_text(" 42 ", TYPE_INT, "42");
    expect_text("-5.0", TYPE_INT, "-5");
    expect_text("1e3", TYPE_BIGINT, "1000");
    expect_text_refused("5.5", TYPE_INT);
    expect_text_refused("", TYPE_INT);
    expect_text_refused("0x10", TYPE_INT);
    expect_text("abc", TYPE_INT,
                "! column 'c': TEXT value 'abc' cannot become INT: it is not a whole number");
    expect_text_refused("9223372036854775808", TYPE_BIGINT);
    expect_text("9223372036854775807", TYPE_BIGINT, "9223372036854775807");
    expect_text("0.1", TYPE_DOUBLE, "0.1");
    expect_text("1e999", TYPE_DOUBLE,
                "! column 'c': TEXT value '1e999' cannot become DOUBLE: out of range");
    expect_text_refused("nan", TYPE_DOUBLE);
    expect_text_refused("inf", TYPE_DOUBLE);
    expect_text("0.1", TYPE_FLOAT, "0.1");
    expect_text_refused("1e39", TYPE_FLOAT);
    /* rounded by way of a double it would be 1.0000001 */
    expect_text("1.00000005960464477539062500000001", TYPE_FLOAT, "1.0000001");
    expect_text("1.00000005960464477539062499999999", TYPE_FLOAT, "1.0");
    expect(value_text(STR_LIT("12.5")), decimal_type(5, 2), "12.50");
    expect(value_text(STR_LIT("twelve")), decimal_type(5, 2),
           "! column 'c': TEXT value 'twelve' cannot become DECIMAL(5, 2): it is not a number");
    expect_text("TRUE", TYPE_BOOLEAN, "true");
    expect_text("f", TYPE_BOOLEAN, "false");
    expect_text_refused("maybe", TYPE_BOOLEAN);
    expect_text("2026-01-02", TYPE_DATE, "2026-01-02");
    expect_text("2026-01-02T00:00:00.000Z", TYPE_DATE, "2026-01-02");
    expect_text("2026-01-02T00:00:01Z", TYPE_DATE,
                "! column 'c': TEXT value '2026-01-02T00:00:01Z' cannot become DATE: it has a time "
                "of day");
    expect_text("03:04:05.5", TYPE_TIME, "03:04:05.5");
    expect_text("2026-04-30T12:00:00.000Z", TYPE_TIMESTAMP, "2026-04-30 12:00:00");
    expect_text("2026-04-30T12:00:00+02:00", TYPE_DATETIME, "2026-04-30 10:00:00");
    expect_text("yesterday", TYPE_TIMESTAMP,
                "! column 'c': TEXT value 'yesterday' cannot become TIMESTAMP: expected "
                "YYYY-MM-DD[ HH:MM[:SS[.ffffff]]][Z or +HH:MM]");
    expect_text("019A3B4C-5D6E-7F80-9102-A3B4C5D6E7F8", TYPE_UUID,
                "019a3b4c-5d6e-7f80-9102-a3b4c5d6e7f8");
    expect_text("xyz", TYPE_UUID, "! Invalid UUID literal 'xyz' for column 'c'");
    expect_text("\\x00fF", TYPE_BYTES, "\\x00ff");
    expect_text("hi", TYPE_BYTES, "\\x6869");
    expect_text("", TYPE_BYTES, "\\x");
    expect_text_refused("\\x0", TYPE_BYTES);
    expect_text_refused("\\x0g", TYPE_BYTES);
    expect_text("{\"a\": [1]}", TYPE_JSON, "{\"a\": [1]}");
    expect_text_refused("{a:1}", TYPE_JSON);
    expect_text_refused("", TYPE_JSON);
}

TEST(value_coerce_of_embeddings_checks_numbers_and_dimension)
{
    struct type three = {.id = TYPE_EMBEDDING, .dimension = 3};
    expect(value_text(STR_LIT("[0.1, -2, 3e2]")), three, "[0.1,-2.0,300.0]");
    expect(value_text(STR_LIT("[1,2]")), three,
           "! Embedding dimension mismatch for column 'c': expected 3, got 2");
    expect(value_text(STR_LIT("[1,2,3,4,5]")), three,
           "! Embedding dimension mismatch for column 'c': expected 3, got 5");
    expect(value_text(STR_LIT("[]")), three,
           "! Embedding dimension mismatch for column 'c': expected 3, got 0");
    expect(value_text(STR_LIT("[1,2,1e39]")), three,
           "! column 'c': TEXT value '[1,2,1e39]' cannot become EMBEDDING(3): a number is out of "
           "range");
    expect(value_text(STR_LIT("[1,2,\"3\"]")), three,
           "! column 'c': TEXT value '[1,2,\"3\"]' cannot become EMBEDDING(3): expected [number, "
           "...]");
    expect(
        value_text(STR_LIT("[1,2,3] x")), three,
        "! column 'c': TEXT value '[1,2,3] x' cannot become EMBEDDING(3): expected [number, ...]");
    struct value v = {.type = three, .as.text = STR_LIT("abcdefghijkl")};
    struct type four = {.id = TYPE_EMBEDDING, .dimension = 4};
    expect(v, four, "! Embedding dimension mismatch for column 'c': expected 4, got 3");
}

TEST(value_coerce_of_times_and_their_numbers)
{
    expect(value_int(TYPE_BIGINT, 1767323045000000LL), type_of(TYPE_TIMESTAMP),
           "2026-01-02 03:04:05");
    expect(value_int(TYPE_INT, 20455), type_of(TYPE_DATE), "2026-01-02");
    expect(value_int(TYPE_BIGINT, 86400000000LL), type_of(TYPE_TIME),
           "! column 'c': BIGINT value '86400000000' cannot become TIME: out of range");
    expect(value_int(TYPE_BIGINT, -1), type_of(TYPE_TIME),
           "! column 'c': BIGINT value '-1' cannot become TIME: out of range");
    expect(value_int(TYPE_DATE, 20455), type_of(TYPE_TIMESTAMP), "2026-01-02 00:00:00");
    expect(value_int(TYPE_DATE, INT32_MAX), type_of(TYPE_TIMESTAMP),
           "! column 'c': DATE value '5881580-07-11' cannot become TIMESTAMP: out of range");
    expect(value_int(TYPE_TIMESTAMP, -86400000000LL), type_of(TYPE_DATE), "1969-12-31");
    expect(
        value_int(TYPE_TIMESTAMP, -1), type_of(TYPE_DATE),
        "! column 'c': TIMESTAMP value '1969-12-31 23:59:59.999999' cannot become DATE: it has a "
        "time of day");
    expect(value_int(TYPE_TIMESTAMP, 5), type_of(TYPE_BIGINT), "5");
    expect(value_int(TYPE_TIMESTAMP, 5), type_of(TYPE_DATETIME), "1970-01-01 00:00:00.000005");
}

TEST(value_coerce_of_what_no_column_holds_is_refused_from_the_same_type_too)
{
    expect(
        value_double((double)NAN), type_of(TYPE_DOUBLE),
        "! column 'c': DOUBLE value 'NaN' cannot become DOUBLE: NaN and infinity cannot be kept");
    expect(value_double((double)-INFINITY), type_of(TYPE_FLOAT),
           "! column 'c': DOUBLE value '-Infinity' cannot become FLOAT: NaN and infinity cannot be "
           "kept");
    expect(value_int(TYPE_TIME, 86400000000LL), type_of(TYPE_TIME),
           "! column 'c': TIME value '24:00:00' cannot become TIME: out of range");
    expect(value_int(TYPE_DATE, INT32_MAX - 1), type_of(TYPE_DATE), "5881580-07-10");
    expect(value_int(TYPE_DATE, INT32_MAX), type_of(TYPE_DATE),
           "! column 'c': DATE value '5881580-07-11' cannot become DATE: out of range");
    expect(value_int(TYPE_INT, -INT32_MAX), type_of(TYPE_DATE),
           "! column 'c': INT value '-2147483647' cannot become DATE: out of range");
    expect(value_int(TYPE_BIGINT, INT64_MAX), type_of(TYPE_TIMESTAMP),
           "! column 'c': BIGINT value '9223372036854775807' cannot become TIMESTAMP: out of "
           "range");
    expect_refused(value_int(TYPE_TIMESTAMP, -INT64_MAX), type_of(TYPE_DATETIME));
    expect_refused(value_int(TYPE_DATETIME, INT64_MIN), type_of(TYPE_DATETIME));
    static const char nan_and_one[8] = {0, 0, (char)0xC0, 0x7F, 0, 0, (char)0x80, 0x3F};
    struct type two = {.id = TYPE_EMBEDDING, .dimension = 2};
    expect_refused((struct value){.type = two, .as.text = {nan_and_one, 8}}, two);
}

TEST(value_coerce_of_null_is_null_of_any_type)
{
    for (unsigned from = TYPE_NONE; from < TYPE_COUNT; from++) {
        for (unsigned to = 1; to < TYPE_COUNT; to++) {
            struct error err;
            struct value out;
            struct value v = value_null(type_of((enum type_id)from));
            EXPECT_OK(value_coerce(&v, type_of((enum type_id)to), STR_LIT("c"), &arena, &out, &err),
                      &err);
            EXPECT(out.is_null);
            EXPECT_INT(out.type.id, to);
        }
    }
    arena_release(&arena);
}

TEST(value_coerce_refusal_cuts_long_values_at_64_characters)
{
    char text[400];
    for (size_t i = 0; i < 200; i++) {
        memcpy(text + 2 * i, "\xc3\xa9", 2);
    }
    str found = coerced(value_text((str){text, sizeof text}), type_of(TYPE_INT));
    char wanted[400];
    (void)snprintf(
        wanted, sizeof wanted,
        "! column 'c': TEXT value '%.128s...' cannot become INT: it is not a whole number", text);
    EXPECT_STR_EQ(found, str_from(wanted));
    EXPECT(str_is_utf8(found));
    struct value bytes = {.type = {.id = TYPE_BYTES}, .as.text = {text, sizeof text}};
    found = coerced(bytes, type_of(TYPE_INT));
    EXPECT(str_find(found, STR_LIT("'\\xc3a9c3a9")) > 0);
    EXPECT(found.n < 200);
    arena_release(&arena);
}

/* A random value of a type, finite and within the years that texts have. */
static struct value random_value(struct rng *rng, struct type type, char *bytes)
{
    struct value v = {.type = type};
    uint64_t r = rng_next(rng);
    switch (type.id) {
    case TYPE_BOOLEAN:
        v.as.boolean = r % 2 == 1;
        break;
    case TYPE_SMALLINT:
        v.as.integer = (int16_t)r;
        break;
    case TYPE_INT:
        v.as.integer = (int32_t)r;
        break;
    case TYPE_BIGINT:
        v.as.integer = (int64_t)r;
        break;
    case TYPE_DATE:
        v.as.integer = -719162 + (int64_t)(r % 3652059);
        break;
    case TYPE_TIME:
        v.as.integer = (int64_t)(r % 86400000000ULL);
        break;
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
        v.as.integer = -62135596800000000LL + (int64_t)(r % 315537897600000000ULL);
        break;
    case TYPE_FLOAT: {
        uint32_t bits = (uint32_t)r;
        float f;
        memcpy(&f, &bits, sizeof f);
        v.as.real = isfinite(f) ? (double)f : 1.5;
        break;
    }
    case TYPE_DOUBLE: {
        double d;
        memcpy(&d, &r, sizeof d);
        v.as.real = isfinite(d) ? d : 1.5;
        break;
    }
    case TYPE_DECIMAL:
        v.as.decimal = (int128)(int64_t)r * 1000003;
        break;
    case TYPE_UUID:
        memcpy(v.as.uuid, &r, sizeof r);
        memcpy(v.as.uuid + 8, &r, sizeof r);
        break;
    case TYPE_BYTES:
        memcpy(bytes, &r, sizeof r);
        v.as.text = (str){bytes, (size_t)(r % 9)};
        break;
    case TYPE_EMBEDDING:
        for (size_t i = 0; i < type.dimension; i++) {
            float f = (float)rng_below(rng, 1000000) / 997.0F;
            memcpy(bytes + i * sizeof f, &f, sizeof f);
        }
        v.as.text = (str){bytes, type.dimension * sizeof(float)};
        break;
    case TYPE_TEXT:
    case TYPE_JSON:
    case TYPE_FILE:
        (void)snprintf(bytes, 32, "{\"n\":%llu}", (unsigned long long)r);
        v.as.text = str_from(bytes);
        break;
    case TYPE_NONE:
    case TYPE_COUNT:
        break;
    }
    return v;
}

TEST(value_coerce_of_every_type_to_text_and_back_is_the_same)
{
    struct rng rng;
    rng_init(&rng, 5);
    for (unsigned id = 1; id < TYPE_COUNT; id++) {
        struct type type = type_of((enum type_id)id);
        type.dimension = id == TYPE_EMBEDDING ? 3 : 0;
        type.precision = id == TYPE_DECIMAL ? 38 : 0;
        type.scale = id == TYPE_DECIMAL ? 6 : 0;
        for (unsigned i = 0; i < 1000; i++) {
            char bytes[32];
            struct error err;
            struct value text;
            struct value back;
            struct value v = random_value(&rng, type, bytes);
            EXPECT_OK(value_coerce(&v, type_of(TYPE_TEXT), STR_LIT("c"), &arena, &text, &err),
                      &err);
            EXPECT_OK(value_coerce(&text, type, STR_LIT("c"), &arena, &back, &err), &err);
            EXPECT(value_identical(&v, &back));
        }
        arena_release(&arena);
    }
}
