/* tests/unit/model/json_scan_test.c -- Goal: exactly the texts of RFC 8259 pass. Method: tables. */
#include "model/json_scan.h"

#include "model/limits.h"
#include "tests/test.h"

TEST(json_is_valid_of_good_texts_is_true)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "12.5e-3",
        "1E+2",
        "\"\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"",
        "\"\xc3\xa9\"",
        " [ ] ",
        "{}",
        "{\"a\":{\"b\":[1,2,{\"c\":null}]},\"a\":true}",
        "[true,false,null]",
        "\t\r\n 1 ",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!json_is_valid(str_from(texts[i]))) {
            test_fail(__FILE__, __LINE__, "refused %s", texts[i]);
        }
    }
}

TEST(json_is_valid_of_anything_else_is_false)
{
    static const char *const texts[] = {
        "",
        " ",
        "01",
        "+1",
        "1.",
        ".5",
        "1e",
        "-",
        "NaN",
        "Infinity",
        "tru",
        "truex",
        "nul",
        "\"",
        "\"\\\"",
        "\"a\nb\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"\\udc00\\udc00\"",
        "\"\\",
        "\"\xff\"",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{\"a\" 1}",
        "1 2",
        "[1]]",
        "// x",
        "'a'",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (json_is_valid(str_from(texts[i]))) {
            test_fail(__FILE__, __LINE__, "accepted %s", texts[i]);
        }
    }
}

TEST(json_is_valid_of_nesting_stops_at_the_limit)
{
    char text[2 * LIMIT_JSON_DEPTH + 2];
    memset(text, '[', LIMIT_JSON_DEPTH);
    memset(text + LIMIT_JSON_DEPTH, ']', LIMIT_JSON_DEPTH);
    EXPECT(json_is_valid((str){text, 2 * LIMIT_JSON_DEPTH}));
    memset(text, '[', LIMIT_JSON_DEPTH + 1);
    memset(text + LIMIT_JSON_DEPTH + 1, ']', LIMIT_JSON_DEPTH + 1);
    EXPECT(!json_is_valid((str){text, sizeof text}));
}

TEST(json_is_valid_of_a_nul_byte_is_false)
{
    EXPECT(!json_is_valid(STR_LIT("1\0")));
    EXPECT(!json_is_valid(STR_LIT("\0")));
    EXPECT(!json_is_valid(STR_LIT("\"\0\"")));
}

TEST(json_scan_string_unescapes_into_the_arena)
{
    struct arena arena;
    struct json_scan s;
    arena_init(&arena);
    json_scan_init(&s, STR_LIT(" \"a\\n\\u00e9\\ud83d\\ude00\\u0000b\" "), &arena);
    EXPECT_STR(json_scan_string(&s), "a\n\xc3\xa9\xf0\x9f\x98\x80\0b");
    EXPECT(json_scan_done(&s));
    json_scan_init(&s, STR_LIT("\"\""), &arena);
    EXPECT_STR(json_scan_string(&s), "");
    EXPECT(json_scan_done(&s));
    arena_release(&arena);
}
