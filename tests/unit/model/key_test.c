/* tests/unit/model/key_test.c -- Goal: the order of keys is the order of values, a key reads back
 * to its value, and no owner's partition holds another's. Method: for every keyable type 40,000
 * random pairs (half of them near each other or at the edges) compared both ways. */
#include "model/key.h"

#include "base/hash.h"
#include "model/limits.h"
#include "tests/test.h"

#include <float.h>
#include <math.h>

enum { PAIRS = 40000, TEXT_BYTES = 12 };

static int64_t random_integer(struct rng *rng, int64_t low, int64_t high)
{
    const int64_t edges[] = {low, low + 1, -1, 0, 1, 255, 256, high - 1, high};
    uint64_t width = (uint64_t)high - (uint64_t)low;
    int64_t v = 0;
    switch (rng_below(rng, 3)) {
    case 0:
        v = edges[rng_below(rng, sizeof edges / sizeof edges[0])];
        break;
    case 1:
        v = (int64_t)rng_below(rng, 5) - 2;
        break;
    default:
        v = (int64_t)((uint64_t)low +
                      (width == UINT64_MAX ? rng_next(rng) : rng_below(rng, width)));
        break;
    }
    return v < low ? low : v > high ? high : v;
}

static double random_real(struct rng *rng)
{
    static const double edges[] = {0.0,      -0.0,      1.0,      -1.0,     DBL_MIN, -DBL_MIN,
                                   DBL_MAX,  -DBL_MAX,  5e-324,   -5e-324,  1.5,     -1.5,
                                   HUGE_VAL, -HUGE_VAL, 0x1p-149, -0x1p-149};
    if (rng_below(rng, 3) == 0) {
        return edges[rng_below(rng, sizeof edges / sizeof edges[0])];
    }
    uint64_t bits = rng_next(rng);
    double v;
    memcpy(&v, &bits, sizeof v);
    return isnan(v) ? 3.25 : v;
}

static float random_float(struct rng *rng)
{
    uint32_t bits = (uint32_t)rng_next(rng);
    float v;
    memcpy(&v, &bits, sizeof v);
    return isnan(v) ? 3.25F : rng_below(rng, 4) == 0 ? (float)rng_below(rng, 3) - 1.0F : v;
}

/* Few different bytes, so that pairs share prefixes. */
static str random_bytes_text(struct rng *rng, bool is_utf8, char *bytes)
{
    static const char raw[] = {'\0', '\x01', 'a', 'b', '\x7f', '\xff'};
    static const char ascii[] = {'\0', '\x01', 'a', 'b', '\x7f', 'c'};
    size_t n = rng_below(rng, TEXT_BYTES);
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (is_utf8 ? ascii : raw)[rng_below(rng, sizeof raw)];
    }
    return (str){bytes, n};
}

static struct value random_value(struct rng *rng, struct type type, char *bytes)
{
    struct value v = {.type = type};
    int128 limit = 1;
    switch (type.id) {
    case TYPE_BOOLEAN:
        v.as.boolean = rng_below(rng, 2) == 1;
        break;
    case TYPE_SMALLINT:
        v.as.integer = random_integer(rng, INT16_MIN, INT16_MAX);
        break;
    case TYPE_INT:
    case TYPE_DATE:
        v.as.integer = random_integer(rng, INT32_MIN, INT32_MAX);
        break;
    case TYPE_TIME:
        v.as.integer = random_integer(rng, 0, 86399999999LL);
        break;
    case TYPE_BIGINT:
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
        v.as.integer = random_integer(rng, INT64_MIN, INT64_MAX);
        break;
    case TYPE_FLOAT:
        v.as.real = (double)random_float(rng);
        break;
    case TYPE_DOUBLE:
        v.as.real = random_real(rng);
        break;
    case TYPE_DECIMAL:
        for (unsigned i = 0; i < type.precision; i++) {
            limit *= 10;
        }
        v.as.decimal = (int128)random_integer(rng, INT64_MIN, INT64_MAX);
        if (rng_below(rng, 3) == 0) {
            v.as.decimal = v.as.decimal * (int128)rng_next(rng) % limit;
        } else if (rng_below(rng, 8) == 0) {
            v.as.decimal = rng_below(rng, 2) == 0 ? limit - 1 : -(limit - 1);
        }
        break;
    case TYPE_UUID:
        for (size_t i = 0; i < 16; i++) {
            v.as.uuid[i] = (uint8_t)(rng_below(rng, 2) * 0xff);
        }
        break;
    default:
        v.as.text = random_bytes_text(rng, type.id == TYPE_TEXT, bytes);
        break;
    }
    return v;
}

static void expect_order(struct rng *rng, struct type type)
{
    char a_bytes[TEXT_BYTES];
    char b_bytes[TEXT_BYTES];
    struct error err;
    struct buf a_key;
    struct buf b_key;
    buf_init(&a_key);
    buf_init(&b_key);
    unsigned equal_count = 0;
    for (unsigned i = 0; i < PAIRS; i++) {
        struct value a = random_value(rng, type, a_bytes);
        struct value b = rng_below(rng, 8) == 0 ? a : random_value(rng, type, b_bytes);
        struct value back;
        buf_clear(&a_key);
        buf_clear(&b_key);
        EXPECT_OK(key_encode(&a_key, &a, &err), &err);
        EXPECT_OK(key_encode(&b_key, &b, &err), &err);
        int wanted = value_compare(&a, &b);
        equal_count += wanted == 0;
        EXPECT_INT(str_compare(buf_str(&a_key), buf_str(&b_key)), wanted);
        EXPECT_OK(key_decode(buf_str(&a_key), type, &back, &err), &err);
        EXPECT(value_identical(&a, &back));
    }
    EXPECT(equal_count > PAIRS / 20);
    EXPECT(equal_count < PAIRS);
    buf_release(&a_key);
    buf_release(&b_key);
}

TEST(key_encode_of_random_pairs_keeps_the_order_of_values_and_decodes_to_them)
{
    struct rng rng;
    unsigned types = 0;
    rng_init(&rng, 11);
    for (unsigned id = 1; id < TYPE_COUNT; id++) {
        struct type type = type_of((enum type_id)id);
        type.precision = id == TYPE_DECIMAL ? 38 : 0;
        type.scale = id == TYPE_DECIMAL ? 10 : 0;
        if (type_is_keyable(type.id)) {
            expect_order(&rng, type);
            types++;
        }
    }
    EXPECT_INT(types, 14);
}

static str key_of(struct buf *buf, struct value v)
{
    struct error err;
    buf_clear(buf);
    EXPECT_OK(key_encode(buf, &v, &err), &err);
    return buf_str(buf);
}

TEST(key_encode_of_known_values_has_the_documented_bytes)
{
    struct buf buf;
    buf_init(&buf);
    EXPECT_STR(key_of(&buf, value_bool(true)), "\x01");
    EXPECT_STR(key_of(&buf, value_int(TYPE_SMALLINT, -1)), "\x7f\xff");
    EXPECT_STR(key_of(&buf, value_int(TYPE_INT, 1)), "\x80\x00\x00\x01");
    EXPECT_STR(key_of(&buf, value_int(TYPE_BIGINT, INT64_MIN)), "\0\0\0\0\0\0\0\0");
    EXPECT_STR(key_of(&buf, value_int(TYPE_DATE, 0)), "\x80\0\0\0");
    EXPECT_STR(key_of(&buf, value_double(-0.0)), "\x80\0\0\0\0\0\0\0");
    EXPECT_STR(key_of(&buf, value_double(1.0)), "\xbf\xf0\0\0\0\0\0\0");
    EXPECT_STR(key_of(&buf, value_double(-1.0)), "\x40\x0f\xff\xff\xff\xff\xff\xff");
    struct value f = value_double(1.0);
    f.type = type_of(TYPE_FLOAT);
    EXPECT_STR(key_of(&buf, f), "\xbf\x80\0\0");
    struct value d = {.type = {.id = TYPE_DECIMAL, .precision = 5}, .as.decimal = -1};
    EXPECT_STR(key_of(&buf, d), "\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
    EXPECT_STR(key_of(&buf, value_text(STR_LIT("a\0b"))), "a\0b");
    EXPECT_STR(key_of(&buf, value_text(STR_LIT(""))), "");
    buf_release(&buf);
}

TEST(key_encode_of_nan_or_unkeyable_type_is_refused_and_writes_nothing)
{
    struct buf buf;
    struct error err;
    buf_init(&buf);
    struct value v = value_double((double)NAN);
    EXPECT_STATUS(key_encode(&buf, &v, &err), INVALID);
    v.type = type_of(TYPE_FLOAT);
    EXPECT_STATUS(key_encode(&buf, &v, &err), INVALID);
    v = value_text(STR_LIT("{}"));
    v.type = type_of(TYPE_JSON);
    EXPECT_STATUS(key_encode(&buf, &v, &err), INVALID);
    v.type = type_of(TYPE_FILE);
    EXPECT_STATUS(key_encode(&buf, &v, &err), INVALID);
    v.type = type_of(TYPE_EMBEDDING);
    EXPECT_STATUS(key_encode(&buf, &v, &err), INVALID);
    EXPECT_UINT(buf.n, 0);
    buf_release(&buf);
}

TEST(key_encode_of_long_text_names_the_limit)
{
    static char text[LIMIT_KEY_BYTES + 1];
    struct buf buf;
    struct error err;
    struct value back;
    memset(text, 'x', sizeof text);
    buf_init(&buf);
    struct value v = value_text((str){text, LIMIT_KEY_BYTES});
    EXPECT_OK(key_encode(&buf, &v, &err), &err);
    EXPECT_OK(key_decode(buf_str(&buf), v.type, &back, &err), &err);
    v.as.text.n++;
    buf_clear(&buf);
    EXPECT_STATUS(key_encode(&buf, &v, &err), LIMIT);
    EXPECT_STR(str_from(err.text), "primary key of 1025 bytes is longer than 1024 bytes");
    EXPECT_UINT(buf.n, 0);
    EXPECT_STATUS(key_decode(v.as.text, v.type, &back, &err), CORRUPT);
    buf_release(&buf);
}

static void expect_corrupt(enum type_id id, str key)
{
    struct error err;
    struct value v;
    struct type type = {.id = id, .precision = id == TYPE_DECIMAL ? 5 : 0};
    EXPECT_STATUS(key_decode(key, type, &v, &err), CORRUPT);
}

TEST(key_decode_of_bytes_that_encode_never_writes_is_corrupt)
{
    expect_corrupt(TYPE_BOOLEAN, STR_LIT("\x02"));
    expect_corrupt(TYPE_BOOLEAN, STR_LIT(""));
    expect_corrupt(TYPE_BOOLEAN, STR_LIT("\x01\x01"));
    expect_corrupt(TYPE_INT, STR_LIT("\x80\0\0"));
    expect_corrupt(TYPE_BIGINT, STR_LIT("\x80\0\0\0"));
    expect_corrupt(TYPE_TIME, STR_LIT("\x7f\xff\xff\xff\xff\xff\xff\xff"));   /* -1 */
    expect_corrupt(TYPE_TIME, STR_LIT("\x80\0\0\x14\x1d\xd7\x60\0"));         /* 24:00 */
    expect_corrupt(TYPE_DOUBLE, STR_LIT("\x7f\xff\xff\xff\xff\xff\xff\xff")); /* -0 */
    expect_corrupt(TYPE_DOUBLE, STR_LIT("\xff\xf8\0\0\0\0\0\0"));             /* NaN */
    expect_corrupt(TYPE_FLOAT, STR_LIT("\x7f\xff\xff\xff"));
    expect_corrupt(TYPE_FLOAT, STR_LIT("\xff\xff\xff\xff"));
    expect_corrupt(TYPE_DECIMAL, STR_LIT("\x80\0\0\0\0\0\0\0\0\0\0\0\0\x01\x86\xa0")); /* 100000 */
    expect_corrupt(TYPE_UUID, STR_LIT("0123456789abcde"));
    expect_corrupt(TYPE_TEXT, STR_LIT("\xff"));
    expect_corrupt(TYPE_JSON, STR_LIT("{}"));
    expect_corrupt(TYPE_EMBEDDING, STR_LIT("1234"));
    expect_corrupt(TYPE_NONE, STR_LIT(""));
}

static const char *const class_letters = "usetgcy";

static str random_owner(struct rng *rng, char *bytes)
{
    static const char alphabet[] = {'\0', '\x01', '\xff', 'a', ':'};
    size_t n = rng_below(rng, 6);
    for (size_t i = 0; i < n; i++) {
        bytes[i] = alphabet[rng_below(rng, sizeof alphabet)];
    }
    return (str){bytes, n};
}

TEST(partition_encode_of_tricky_owners_shares_no_prefix)
{
    const str owners[] = {
        STR_LIT(""),       STR_LIT("a"),       STR_LIT("a\0"),     STR_LIT("aa"),
        STR_LIT("a:"),     STR_LIT("\0"),      STR_LIT("\0\0"),    STR_LIT("\xff"),
        STR_LIT("\0\xff"), STR_LIT("a\0\x01"), STR_LIT("a\0\xff"), STR_LIT("\x01"),
        STR_LIT("\0\x01"),
    };
    enum { COUNT = sizeof owners / sizeof owners[0] };
    struct buf keys[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        buf_init(&keys[i]);
        partition_encode(&keys[i], PARTITION_USER, 7, owners[i]);
        buf_append_c(&keys[i], "r\x00\x01 and a key behind");
    }
    for (size_t i = 0; i < COUNT; i++) {
        size_t prefix = partition_prefix_bytes(buf_str(&keys[i]));
        EXPECT(prefix >= 7 + owners[i].n);
        str own = str_slice(buf_str(&keys[i]), 0, prefix);
        for (size_t k = 0; k < COUNT; k++) {
            EXPECT(str_starts_with(buf_str(&keys[k]), own) == (i == k));
        }
    }
    for (size_t i = 0; i < COUNT; i++) {
        buf_release(&keys[i]);
    }
}

TEST(partition_encode_of_random_owners_is_ordered_prefix_free_and_decodes)
{
    struct rng rng;
    struct arena arena;
    struct buf a_key;
    struct buf b_key;
    rng_init(&rng, 12);
    arena_init(&arena);
    buf_init(&a_key);
    buf_init(&b_key);
    for (unsigned i = 0; i < PAIRS; i++) {
        char a_bytes[8];
        char b_bytes[8];
        str a = random_owner(&rng, a_bytes);
        str b = random_owner(&rng, b_bytes);
        uint32_t space = rng_below(&rng, 2) == 0 ? 1 : (uint32_t)rng_next(&rng);
        enum partition_class class = (enum partition_class)class_letters[rng_below(&rng, 7)];
        buf_clear(&a_key);
        buf_clear(&b_key);
        partition_encode(&a_key, class, space, a);
        partition_encode(&b_key, class, space, b);
        EXPECT_INT(str_compare(buf_str(&a_key), buf_str(&b_key)), str_compare(a, b));
        EXPECT(str_starts_with(buf_str(&a_key), buf_str(&b_key)) == str_eq(a, b));

        enum partition_class found_class;
        uint32_t found_space;
        str found;
        EXPECT(partition_decode(buf_str(&a_key), &found_class, &found_space, &arena, &found));
        EXPECT_INT(found_class, class);
        EXPECT_UINT(found_space, space);
        EXPECT_STR_EQ(found, a);
        size_t prefix = a_key.n;
        buf_append_str(&a_key, b);
        EXPECT_UINT(partition_prefix_bytes(buf_str(&a_key)), prefix);
        EXPECT(b.n == 0 ||
               !partition_decode(buf_str(&a_key), &found_class, &found_space, &arena, &found));
    }
    buf_release(&a_key);
    buf_release(&b_key);
    arena_release(&arena);
}

TEST(partition_prefix_bytes_of_other_bytes_is_zero)
{
    EXPECT_UINT(partition_prefix_bytes(STR_LIT("")), 0);
    EXPECT_UINT(partition_prefix_bytes(STR_LIT("u\0\0\0")), 0);
    EXPECT_UINT(partition_prefix_bytes(STR_LIT("u\0\0\0\x07")), 0);
    EXPECT_UINT(partition_prefix_bytes(STR_LIT("u\0\0\0\x07"
                                               "ab")),
                0);
    EXPECT_UINT(partition_prefix_bytes(STR_LIT("u\0\0\0\x07"
                                               "ab\0")),
                0);
    EXPECT_UINT(partition_prefix_bytes(STR_LIT("u\0\0\0\x07"
                                               "ab\0\x02")),
                0);
    EXPECT_UINT(partition_prefix_bytes(STR_LIT("x\0\0\0\x07"
                                               "ab\0\x01")),
                0);
    EXPECT_UINT(partition_prefix_bytes(STR_LIT("u\0\0\0\x07"
                                               "ab\0\x01")),
                9);
    EXPECT_UINT(partition_prefix_bytes(STR_LIT("u\0\0\0\x07"
                                               "\0\x01")),
                7);
}
