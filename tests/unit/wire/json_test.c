/* tests/unit/wire/json_test.c -- Goal: the reader takes exactly the texts of RFC 8259 (less the few
 * that we refuse on purpose), reads the right values, and the writer's output is read back equal.
 * Method: a table of texts that must be accepted or refused; values one by one; errors by their
 * text. json_oracle_test.c compares with another reader on random texts. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "model/limits.h"
#include "test.h"
#include "wire/json.h"

#include <math.h>

#define LIT(literal)                                                                               \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    } /* STR_LIT is no constant */
#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static const str accepted[] = {
    LIT("null"),
    LIT("true"),
    LIT("false"),
    LIT("0"),
    LIT("-0"),
    LIT("1"),
    LIT("-1"),
    LIT("123"),
    LIT("[]"),
    LIT("{}"),
    LIT("\"\""),
    LIT("\" \""),
    LIT("\"a\""),
    LIT(" [] "),
    LIT("\t\n\r {}\r\n\t "),
    LIT("[1]"),
    LIT("[1,2]"),
    LIT("[ 1 , 2 ]"),
    LIT("[[]]"),
    LIT("[[],[]]"),
    LIT("[{}]"),
    LIT("{\"a\":1}"),
    LIT("{\"a\":1,\"b\":2}"),
    LIT("{ \"a\" : 1 , \"b\" : 2 }"),
    LIT("{\"a\":{\"a\":1}}"),
    LIT("{\"\":0}"),
    LIT("{\"a\":[]}"),
    LIT("{\"a\":null}"),
    LIT("{\"a\":[{\"b\":[1]}]}"),
    LIT("[null,true,false]"),
    LIT("[1.0]"),
    LIT("1.5"),
    LIT("-1.5"),
    LIT("0.1"),
    LIT("-0.1"),
    LIT("1e1"),
    LIT("1E1"),
    LIT("1e+1"),
    LIT("1e-1"),
    LIT("0e0"),
    LIT("0e+1"),
    LIT("0E-1"),
    LIT("1.5e3"),
    LIT("-0.0"),
    LIT("-0e0"),
    LIT("123456789012345678901234567890"),
    LIT("9223372036854775807"),
    LIT("-9223372036854775808"),
    LIT("9223372036854775808"),
    LIT("18446744073709551615"),
    LIT("18446744073709551616"),
    LIT("9007199254740993"),
    LIT("1e308"),
    LIT("1.7976931348623157e308"),
    LIT("1e-400"),
    LIT("5e-324"),
    LIT("0.000000000000000000000000000000000000000000000000001"),
    LIT("100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "0000000000000000000000000000000"),
    LIT("1111111111111111111111111111111111111111."
        "222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222"
        "222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222"
        "222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222"
        "222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222"
        "222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222"
        "22222222222222222222222222222222222222222222222222"),
    LIT("\"\\\"\""),
    LIT("\"\\\\\""),
    LIT("\"\\/\""),
    LIT("\"/\""),
    LIT("\"\\b\\f\\n\\r\\t\""),
    LIT("\"\\u0041\""),
    LIT("\"\\u00e9\""),
    LIT("\"\\u20ac\""),
    LIT("\"\\ud834\\udd1e\""),
    LIT("\"\\uD834\\uDD1E\""),
    LIT("\"\\u0000\""),
    LIT("\"a\\u0000b\""),
    LIT("\"\\uDBFF\\uDFFF\""),
    LIT("\"\\uFFFF\""),
    LIT("\"\\u005C\""),
    LIT("\"\\u0022\""),
    LIT("\"\\uabCD\""),
    LIT("\"\xc3\xa9\""),
    LIT("\"\xe2\x82\xac\""),
    LIT("\"\xf0\x9d\x84\x9e\""),
    LIT("\"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\""),
    LIT("\"\x7f\""),
    LIT("\"\xf4\x8f\xbf\xbf\""),
    LIT("\"\xef\xbb\xbf\""),
    LIT("\"\xe2\x80\xa8\xe2\x80\xa9\""),
    LIT("\"\xef\xbf\xbe\""),
    LIT("[\"a\",\"b\",\"c\"]"),
    LIT("\"0123456\""),
    LIT("\"01234567\""),
    LIT("\"012345678\""),
    LIT("\"0123456789abcdef\""),
    LIT("\"01234567\\n\""),
    LIT("\"\\n01234567\""),
    LIT("\"01234567\\n01234567\""),
    LIT("\"[1,2\""),
    LIT("\"//\""),
    LIT("\"/* */\""),
    LIT("{\"a\":\"b\",\"A\":\"b\"}"),
    LIT("{\"a\\u0000\":1,\"a\":2}"),
    LIT("{\"\\u0061b\":1,\"a\":2}"),
    LIT("[0,0,0]"),
    LIT("[1e2,[],{},\"x\",null]"),
    LIT("\n1\n"),
    LIT("{\"1\":1,\"2\":2,\"3\":3,\"4\":4,\"5\":5,\"6\":6,\"7\":7,\"8\":8,\"9\":9,\"a\":1,\"b\":1,"
        "\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1}"),
};

static const str refused[] = {
    LIT(""),
    LIT(" "),
    LIT("\n"),
    LIT("nul"),
    LIT("nulll"),
    LIT("tru"),
    LIT("True"),
    LIT("TRUE"),
    LIT("NULL"),
    LIT("fals"),
    LIT("falsee"),
    LIT("nan"),
    LIT("NaN"),
    LIT("-NaN"),
    LIT("Infinity"),
    LIT("-Infinity"),
    LIT("inf"),
    LIT("undefined"),
    LIT("+1"),
    LIT("01"),
    LIT("-01"),
    LIT("00"),
    LIT("-"),
    LIT("--1"),
    LIT("1."),
    LIT(".1"),
    LIT("-.1"),
    LIT("1.e1"),
    LIT("1e"),
    LIT("1e+"),
    LIT("1e-"),
    LIT("1E"),
    LIT("1ee1"),
    LIT("1e1.5"),
    LIT("1.2.3"),
    LIT("0x1"),
    LIT("0b1"),
    LIT("1_000"),
    LIT("1a"),
    LIT("1 2"),
    LIT("- 1"),
    LIT("1e 1"),
    LIT("0e"),
    LIT("-e1"),
    LIT("1e400"),
    LIT("-1e400"),
    LIT("100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "0000000000000000000000000000000000000000"),
    LIT("["),
    LIT("]"),
    LIT("[1"),
    LIT("[1,"),
    LIT("[1,]"),
    LIT("[,1]"),
    LIT("[,]"),
    LIT("[1,,2]"),
    LIT("[1 2]"),
    LIT("[1;2]"),
    LIT("[1:2]"),
    LIT("[1]]"),
    LIT("[[1]"),
    LIT("[\"a\""),
    LIT("[1}"),
    LIT("{]"),
    LIT("[}"),
    LIT("{"),
    LIT("}"),
    LIT("{\"a\""),
    LIT("{\"a\":"),
    LIT("{\"a\":1"),
    LIT("{\"a\":1,"),
    LIT("{\"a\":1,}"),
    LIT("{,}"),
    LIT("{,\"a\":1}"),
    LIT("{\"a\" 1}"),
    LIT("{\"a\"::1}"),
    LIT("{\"a\",1}"),
    LIT("{\"a\":1 \"b\":2}"),
    LIT("{\"a\":1;\"b\":2}"),
    LIT("{a:1}"),
    LIT("{'a':1}"),
    LIT("{1:1}"),
    LIT("{null:1}"),
    LIT("{[]:1}"),
    LIT("{\"a\":}"),
    LIT("{\"a\":1}}"),
    LIT("{\"a\":1]"),
    LIT("{\"a\"}"),
    LIT("{:1}"),
    LIT("{\"a\":1,,\"b\":2}"),
    LIT("{\"a\":1,\"a\":1}"),
    LIT("{\"a\":1,\"b\":2,\"a\":3}"),
    LIT("{\"\":1,\"\":2}"),
    LIT("{\"a\":1,\"\\u0061\":2}"),
    LIT("{\"x\":{\"a\":1,\"a\":2}}"),
    LIT("[{\"k\":1,\"k\":1}]"),
    LIT("{\"1\":1,\"2\":2,\"3\":3,\"4\":4,\"5\":5,\"6\":6,\"7\":7,\"8\":8,\"9\":9,\"a\":1,\"b\":1,"
        "\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"1\":1}"),
    LIT("\""),
    LIT("\"a"),
    LIT("a\""),
    LIT("'a'"),
    LIT("\"a\"b\""),
    LIT("\"\\\""),
    LIT("\"\\"),
    LIT("\"\\a\""),
    LIT("\"\\x41\""),
    LIT("\"\\0\""),
    LIT("\"\\'\""),
    LIT("\"\\U0041\""),
    LIT("\"\\v\""),
    LIT("\"\\ \""),
    LIT("\"\\\n\""),
    LIT("\"\\u\""),
    LIT("\"\\u0\""),
    LIT("\"\\u00\""),
    LIT("\"\\u004\""),
    LIT("\"\\u004g\""),
    LIT("\"\\u 041\""),
    LIT("\"\\u+041\""),
    LIT("\"\\u-041\""),
    LIT("\"\\ud834\""),
    LIT("\"\\udd1e\""),
    LIT("\"\\ud834x\""),
    LIT("\"\\ud834\\n\""),
    LIT("\"\\ud834\\u0041\""),
    LIT("\"\\ud834\\ud834\""),
    LIT("\"\\udd1e\\ud834\""),
    LIT("\"\\ud834\\udd\""),
    LIT("\"\\ud834\\"),
    LIT("\"\\ud834\\u"),
    LIT("\"\\uD800\\uD800\\uDC00\""),
    LIT("\"\n\""),
    LIT("\"\t\""),
    LIT("\"\r\""),
    LIT("\"\x00\""),
    LIT("\"\x01\""),
    LIT("\"\x1f\""),
    LIT("\"01234567\x1f\""),
    LIT("\"0123456\n01234567\""),
    LIT("\"\\n\x01\""),
    LIT("\"\x80\""),
    LIT("\"\xbf\""),
    LIT("\"\xc0\x80\""),
    LIT("\"\xc0\xaf\""),
    LIT("\"\xc1\xbf\""),
    LIT("\"\xc2\""),
    LIT("\"\xc3(\""),
    LIT("\"\xe0\x80\x80\""),
    LIT("\"\xe0\x9f\xbf\""),
    LIT("\"\xe2\x82\""),
    LIT("\"\xed\xa0\x80\""),
    LIT("\"\xed\xbf\xbf\""),
    LIT("\"\xf0\x80\x80\x80\""),
    LIT("\"\xf0\x8f\xbf\xbf\""),
    LIT("\"\xf4\x90\x80\x80\""),
    LIT("\"\xf5\x80\x80\x80\""),
    LIT("\"\xf8\x88\x80\x80\x80\""),
    LIT("\"\xfe\""),
    LIT("\"\xff\""),
    LIT("\"\xe9\""),
    LIT("\"\\n\xe9\""),
    LIT("{\"\xff\":1}"),
    LIT("\xef\xbb\xbf"
        "1"),
    LIT("\xef\xbb\xbf{}"),
    LIT("\xff\xfe"
        "1\x00"),
    LIT("1\x00"),
    LIT("\x00"
        "1"),
    LIT("[1]\x00"),
    LIT("\x0c"
        "1"),
    LIT("\x0b"
        "1"),
    LIT("\xc2\xa0"
        "1"),
    LIT("1\xe2\x80\xa8"),
    LIT("//\n1"),
    LIT("/**/1"),
    LIT("1//"),
    LIT("#\n1"),
    LIT("[1/**/]"),
    LIT("[1,\n//x\n2]"),
    LIT("1,"),
    LIT(",1"),
    LIT("1;"),
    LIT("[] []"),
    LIT("{}{}"),
    LIT("\"a\" \"b\""),
    LIT("nulltrue"),
    LIT("<html>"),
    LIT("@"),
    LIT("*"),
    LIT("(1)"),
    LIT("\\u0031"),
    LIT("[\\n]"),
    LIT("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
        "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
};

static const struct json *parse(struct arena *arena, str text)
{
    struct error err;
    error_clear(&err);
    const struct json *value = NULL;
    EXPECT_OK(json_parse(text, arena, &value, &err), &err);
    return value;
}

/* Parses a copy in a block of its exact size, so that a read past its end is seen. */
static status parse_exact(str text, struct error *err)
{
    struct arena arena;
    arena_init(&arena);
    char *copy = mem_copy(text.p, text.n);
    const struct json *value = NULL;
    status result = json_parse((str){copy, text.n}, &arena, &value, err);
    if (status_ok(result)) {
        struct buf out;
        buf_init(&out);
        json_append(&out, value);
        buf_release(&out);
    }
    mem_free(copy);
    arena_release(&arena);
    return result;
}

TEST(json_parse_every_text_of_the_grammar_is_accepted)
{
    for (size_t i = 0; i < COUNT_OF(accepted); i++) {
        struct error err;
        error_clear(&err);
        if (!status_ok(parse_exact(accepted[i], &err))) {
            test_fail(__FILE__, __LINE__, STR_FMT " was refused: %s", STR(accepted[i]), err.text);
        }
    }
}

TEST(json_parse_every_other_text_is_refused)
{
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct error err;
        error_clear(&err);
        if (parse_exact(refused[i], &err).code != STATUS_INVALID) {
            test_fail(__FILE__, __LINE__, STR_FMT " was accepted", STR(refused[i]));
        }
        EXPECT(err.id == ERROR_INVALID_INPUT);
        EXPECT(strncmp(err.text, "expected ", 9) == 0);
    }
}

TEST(json_parse_every_cut_of_a_text_is_refused)
{
    str text =
        STR_LIT("{\"a\":[1.5e3,\"x\\ud834\\udd1e\\n\",null,true,false,{\"b\":\"\xc3\xa9\"}]}");
    struct error err;
    EXPECT_STATUS(parse_exact(text, &err), OK);
    for (size_t n = 0; n < text.n; n++) {
        EXPECT_STATUS(parse_exact((str){text.p, n}, &err), INVALID);
    }
}

/* `count` times `open`, then `middle`, then `count` times `close`. */
static status parse_nested(size_t count, const char *open, const char *middle, const char *close)
{
    struct buf text;
    buf_init(&text);
    for (size_t i = 0; i < count; i++) {
        buf_append_c(&text, open);
    }
    buf_append_c(&text, middle);
    for (size_t i = 0; i < count; i++) {
        buf_append_c(&text, close);
    }
    struct error err;
    status result = parse_exact(buf_str(&text), &err);
    buf_release(&text);
    return result;
}

TEST(json_parse_nesting_is_limited)
{
    EXPECT_STATUS(parse_nested(LIMIT_JSON_DEPTH, "[", "", "]"), OK);
    EXPECT_STATUS(parse_nested(LIMIT_JSON_DEPTH + 1, "[", "", "]"), INVALID);
    EXPECT_STATUS(parse_nested(LIMIT_JSON_DEPTH, "{\"a\":", "1", "}"), OK);
    EXPECT_STATUS(parse_nested(LIMIT_JSON_DEPTH + 1, "{\"a\":", "1", "}"), INVALID);
    EXPECT_STATUS(parse_nested(1000000, "[", "", ""), INVALID);
    EXPECT_STATUS(parse_nested(200000, "[{\"a\":", "", ""), INVALID);
}

TEST(json_parse_error_names_place_and_what_was_expected)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"", "expected a value at line 1 column 1, found the end"},
        {"{\n  \"a\": }", "expected a value at line 2 column 8, found '}'"},
        {"[1 2]", "expected ',' or ']' at line 1 column 4, found '2'"},
        {"{\"a\":1,}", "expected a key in quotes at line 1 column 8, found '}'"},
        {"{\"a\" 1}", "expected ':' at line 1 column 6, found '1'"},
        {"1 x", "expected the end at line 1 column 3, found 'x'"},
        {"\"a\n\"", "expected control characters in a text to be escaped at line 1 column 3, "
                    "found 0x0a"},
        {"{\"ab\":1,\"ab\":2}", "expected each key once, but \"ab\" stands twice before at line 1 "
                                "column 16, found the end"},
        {"[1e999]", "expected a number that a double can hold at line 1 column 2, found '1'"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err;
        EXPECT_STATUS(parse_exact(str_from(cases[i].text), &err), INVALID);
        EXPECT_STR_EQ(str_from(err.text), str_from(cases[i].message));
    }
}

TEST(json_parse_long_duplicate_key_is_shown_in_whole_characters)
{
    struct buf text;
    buf_init(&text);
    for (int member = 0; member < 2; member++) {
        buf_append_c(&text, member == 0 ? "{\"x" : ",\"x");
        for (int i = 0; i < 50; i++) {
            buf_append_c(&text, "\xe2\x82\xac");
        }
        buf_append_c(&text, "\":0");
    }
    buf_append_byte(&text, '}');
    struct error err;
    EXPECT_STATUS(parse_exact(buf_str(&text), &err), INVALID);
    EXPECT(str_is_utf8(str_from(err.text)));
    buf_release(&text);
}

TEST(json_parse_texts_are_unescaped)
{
    struct arena arena;
    arena_init(&arena);
    str found;
    EXPECT(json_as_text(parse(&arena, STR_LIT("\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"")), &found));
    EXPECT_STR(found, "a\"\\/\b\f\n\r\tz");
    EXPECT(json_as_text(parse(&arena, STR_LIT("\"\\u0041\\u00e9\\u20AC\\uD834\\udd1e\"")), &found));
    EXPECT_STR(found, "A\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e");
    EXPECT(json_as_text(parse(&arena, STR_LIT("\"a\\u0000b\"")), &found));
    EXPECT_STR(found, "a\0b");
    EXPECT(json_as_text(
        parse(&arena, STR_LIT("\"long enough to be read in words\\nand more of it\"")), &found));
    EXPECT_STR(found, "long enough to be read in words\nand more of it");
    arena_release(&arena);
}

TEST(json_parse_plain_text_points_into_the_source)
{
    struct arena arena;
    arena_init(&arena);
    str text = STR_LIT("\"plain\"");
    str found;
    EXPECT(json_as_text(parse(&arena, text), &found));
    EXPECT(found.p == text.p + 1);
    arena_release(&arena);
}

TEST(json_parse_numbers_keep_text_and_value)
{
    static const struct {
        const char *text;
        bool is_integer;
        int64_t integer;
        double real;
    } cases[] = {
        {"0", true, 0, 0},
        {"-0", true, 0, -0.0},
        {"9223372036854775807", true, INT64_MAX, 9223372036854775807.0},
        {"-9223372036854775808", true, INT64_MIN, -9223372036854775808.0},
        {"9223372036854775808", false, 0, 9223372036854775808.0},
        {"-9223372036854775809", false, 0, -9223372036854775808.0},
        {"9007199254740993", true, 9007199254740993, 9007199254740992.0},
        {"1.0", false, 0, 1.0},
        {"1e2", false, 0, 100.0},
        {"0.1", false, 0, 0.1},
        {"123456789012345e22", false, 0, 123456789012345e22},
        {"123456789012345e-22", false, 0, 123456789012345e-22},
        {"1e23", false, 0, 1e23},
        {"8.5e-23", false, 0, 8.5e-23},
        {"2.2250738585072011e-308", false, 0, 2.2250738585072011e-308},
        {"1e-400", false, 0, 0},
        {"0.000000000000000000000000000000123", false, 0, 1.23e-31},
        {"1.7976931348623157e308", false, 0, 1.7976931348623157e308},
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct json *value = parse(&arena, str_from(cases[i].text));
        EXPECT(value->kind == JSON_NUMBER);
        EXPECT(value->is_integer == cases[i].is_integer);
        EXPECT(!value->is_integer || value->as.number.integer == cases[i].integer);
        EXPECT(memcmp(&value->as.number.real, &cases[i].real, sizeof(double)) == 0);
        EXPECT_STR_EQ(value->as.number.raw, str_from(cases[i].text));
    }
    arena_release(&arena);
}

TEST(json_parse_random_decimals_are_the_nearest_doubles)
{
    struct rng rng;
    rng_init(&rng, 42);
    struct arena arena;
    arena_init(&arena);
    for (int i = 0; i < 50000; i++) {
        char text[64];
        uint64_t digits = rng_next(&rng) >> rng_below(&rng, 64);
        int exponent = (int)rng_below(&rng, 80) - 40;
        int length = snprintf(text, sizeof text, "%s%llu.%lluE%d", i % 2 == 0 ? "-" : "",
                              (unsigned long long)digits, (unsigned long long)rng_below(&rng, 1000),
                              exponent);
        double found = 0;
        EXPECT(json_as_double(parse(&arena, (str){text, (size_t)length}), &found));
        double wanted = strtod(text, NULL);
        EXPECT(memcmp(&found, &wanted, sizeof found) == 0);
        arena_reset(&arena);
    }
    arena_release(&arena);
}

TEST(json_as_gives_value_of_the_asked_kind_only)
{
    struct arena arena;
    arena_init(&arena);
    const struct json *v =
        parse(&arena, STR_LIT("{\"t\":\"x\",\"b\":true,\"i\":-5,\"u\":18446744073709551615,"
                              "\"d\":1.5,\"w\":1.0,\"n\":null,\"a\":[1,2,3]}"));
    str text = STR_LIT("untouched");
    bool flag = false;
    int64_t i64 = 1;
    uint64_t u64 = 1;
    double real = 1;
    EXPECT(json_as_text(json_get(v, "t"), &text));
    EXPECT_STR(text, "x");
    EXPECT(!json_as_text(json_get(v, "b"), &text));
    EXPECT(!json_as_text(json_get(v, "absent"), &text));
    EXPECT_STR(text, "x");
    EXPECT(json_as_bool(json_get(v, "b"), &flag));
    EXPECT(flag);
    EXPECT(!json_as_bool(json_get(v, "i"), &flag));
    EXPECT(json_as_i64(json_get(v, "i"), &i64));
    EXPECT_INT(i64, -5);
    EXPECT(!json_as_i64(json_get(v, "u"), &i64));
    EXPECT(!json_as_i64(json_get(v, "w"), &i64));
    EXPECT(!json_as_i64(json_get(v, "t"), &i64));
    EXPECT(!json_as_u64(json_get(v, "i"), &u64));
    EXPECT(json_as_u64(json_get(v, "u"), &u64));
    EXPECT_UINT(u64, UINT64_MAX);
    EXPECT(!json_as_u64(json_get(v, "w"), &u64));
    EXPECT(json_as_double(json_get(v, "i"), &real));
    EXPECT(real == -5.0);
    EXPECT(!json_as_double(json_get(v, "t"), &real));
    EXPECT(json_is_null(json_get(v, "n")));
    EXPECT(!json_is_null(json_get(v, "absent")));
    EXPECT(json_as_i64(json_at(json_get(v, "a"), 2), &i64));
    EXPECT_INT(i64, 3);
    EXPECT(json_at(json_get(v, "a"), 3) == NULL);
    EXPECT(json_at(v, 0) == NULL);
    EXPECT(json_get(json_get(v, "a"), "x") == NULL);
    EXPECT(json_get(NULL, "x") == NULL);
    arena_release(&arena);
}

TEST(json_parse_many_keys_are_read_in_order_and_checked)
{
    struct buf text;
    buf_init(&text);
    buf_append_byte(&text, '{');
    for (int i = 0; i < 100000; i++) {
        buf_append_format(&text, "%s\"k%d\":%d", i > 0 ? "," : "", i, i);
    }
    struct arena arena;
    arena_init(&arena);
    size_t open_bytes = text.n;
    buf_append_byte(&text, '}');
    const struct json *object = parse(&arena, buf_str(&text));
    EXPECT_UINT(object->as.children.count, 100000);
    int64_t wanted = 0;
    for (const struct json *m = object->as.children.first; m != NULL; m = m->next) {
        EXPECT_INT(m->as.number.integer, wanted);
        wanted++;
    }
    text.n = open_bytes;
    buf_append_c(&text, ",\"k77777\":1}");
    struct error err;
    EXPECT_STATUS(parse_exact(buf_str(&text), &err), INVALID);
    arena_release(&arena);
    buf_release(&text);
}

TEST(json_append_tree_prints_what_was_read)
{
    static const str texts[] = {
        LIT("{\"a\":[1,-0,1.50,1e2,{}],\"\":[],\"b\":{\"c\":null,\"d\":[true,false]}}"),
        LIT("[\"\\\"\\\\\\n\\u0001\",\"\xc3\xa9\",18446744073709551616]"),
        LIT("\"x\""),
        LIT("[[[]]]"),
    };
    struct arena arena;
    arena_init(&arena);
    struct buf out;
    buf_init(&out);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        buf_clear(&out);
        json_append(&out, parse(&arena, texts[i]));
        EXPECT_STR_EQ(buf_str(&out), texts[i]);
    }
    buf_release(&out);
    arena_release(&arena);
}

TEST(json_write_pieces_make_one_value_with_commas)
{
    struct buf out;
    buf_init(&out);
    struct json_writer w = json_writer_on(&out);
    json_write_object_begin(&w);
    json_write_key(&w, "status");
    json_write_text_c(&w, "a \"b\"\n");
    json_write_key(&w, "numbers");
    json_write_array_begin(&w);
    json_write_i64(&w, INT64_MIN);
    json_write_i64(&w, 0);
    json_write_u64(&w, UINT64_MAX);
    json_write_double(&w, 0.5);
    json_write_double(&w, INFINITY);
    json_write_double(&w, NAN);
    json_write_array_end(&w);
    json_write_key(&w, "empty");
    json_write_object_begin(&w);
    json_write_object_end(&w);
    json_write_key_str(&w, STR_LIT("k\"ey"));
    json_write_array_begin(&w);
    json_write_array_begin(&w);
    json_write_array_end(&w);
    json_write_bool(&w, true);
    json_write_bool(&w, false);
    json_write_null(&w);
    json_write_raw(&w, STR_LIT("{\"r\":1}"));
    buf_append_c(json_write_raw_begin(&w), "7");
    json_write_array_end(&w);
    json_write_object_end(&w);
    EXPECT_STR(buf_str(&out),
               "{\"status\":\"a \\\"b\\\"\\n\",\"numbers\":[-9223372036854775808,0,"
               "18446744073709551615,0.5,null,null],\"empty\":{},\"k\\\"ey\":[[],true,"
               "false,null,{\"r\":1},7]}");
    buf_release(&out);
}

TEST(json_write_deepest_nesting_remembers_kinds)
{
    struct buf out;
    buf_init(&out);
    struct json_writer w = json_writer_on(&out);
    for (int i = 0; i < LIMIT_JSON_DEPTH; i++) {
        if (i % 3 == 0) {
            json_write_object_begin(&w);
            json_write_key(&w, "k");
        } else {
            json_write_array_begin(&w);
        }
    }
    json_write_i64(&w, 1);
    for (int i = LIMIT_JSON_DEPTH - 1; i >= 0; i--) {
        if (i % 3 == 0) {
            json_write_object_end(&w);
        } else {
            json_write_array_end(&w);
        }
    }
    struct arena arena;
    arena_init(&arena);
    struct buf again;
    buf_init(&again);
    json_append(&again, parse(&arena, buf_str(&out)));
    EXPECT_STR_EQ(buf_str(&again), buf_str(&out));
    arena_release(&arena);
    buf_release(&again);
    buf_release(&out);
}

TEST(buf_append_i64_text_writes_every_length)
{
    static const int64_t values[] = {0,         1,         9,    10,    99,      100,
                                     101,       999,       1000, 12345, 1000000, 99999999,
                                     INT64_MAX, INT64_MIN, -1,   -10,   -100,    -99999};
    struct buf out;
    buf_init(&out);
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        buf_clear(&out);
        buf_append_i64_text(&out, values[i]);
        int64_t read = 1;
        EXPECT(str_to_i64(buf_str(&out), &read));
        EXPECT_INT(read, values[i]);
        EXPECT(out.p[0] != '0' || out.n == 1);
    }
    buf_release(&out);
}
