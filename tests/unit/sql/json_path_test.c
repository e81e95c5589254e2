/* Goal: JSON text is told from other text, at any depth, and paths end where they should. */
#include "sql/json_path.h"

#include "base/mem.h"
#include "model/limits.h"
#include "sql_help.h"
#include "test.h"

TEST(json_text_is_valid_holds_to_the_rfc)
{
    static const struct {
        const char *text;
        bool is_valid;
    } cases[] = {
        {"{}", true},
        {" [ ] ", true},
        {"null", true},
        {"\"\\u00e9\\n\"", true},
        {"-0.5e+10", true},
        {"[1,[2,{\"a\":[]}]]", true},
        {"{\"a\":1,\"b\":[true,false]}", true},
        {"", false},
        {"nul", false},
        {"[1,]", false},
        {"{\"a\":1,}", false},
        {"[1 2]", false},
        {"{a:1}", false},
        {"{\"a\" 1}", false},
        {"[1", false},
        {"1 2", false},
        {"01", false},
        {"1.", false},
        {".5", false},
        {"+1", false},
        {"1e", false},
        {"NaN", false},
        {"'a'", false},
        {"\"a", false},
        {"\"\\x\"", false},
        {"\"\\u12g4\"", false},
        {"\"\\ud800\"", false},
        {"\"\\ude00\"", false},
        {"\"a\tb\"", false},
        {"[}", false},
        {"]", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (json_text_is_valid(str_from(cases[i].text)) != cases[i].is_valid) {
            test_fail(__FILE__, __LINE__, "%s: valid is %d", cases[i].text, !cases[i].is_valid);
        }
    }
}

TEST(json_text_is_valid_nested_past_the_limit_is_not)
{
    enum { DEEP = 100000 };
    char *text = mem_alloc(DEEP);
    memset(text, '[', DEEP);
    EXPECT(!json_text_is_valid(str_of(text, DEEP)));
    memset(text + LIMIT_JSON_DEPTH, ']', LIMIT_JSON_DEPTH);
    EXPECT(json_text_is_valid(str_of(text, 2 * LIMIT_JSON_DEPTH)));
    memset(text, '[', LIMIT_JSON_DEPTH + 1);
    memset(text + LIMIT_JSON_DEPTH + 1, ']', LIMIT_JSON_DEPTH + 1);
    EXPECT(!json_text_is_valid(str_of(text, 2 * (LIMIT_JSON_DEPTH + 1))));
    mem_free(text);
}

TEST(json_text_find_follows_keys_and_indexes)
{
    str text = STR_LIT(" {\"a\" : [10, {\"b\\u0063\": \"x\"}, [ ]], \"\": 1, \"a\": 2} ");
    struct json_step a = {.key = STR_LIT("a")};
    struct json_step first = {.is_index = true, .index = 0};
    struct json_step second = {.is_index = true, .index = 1};
    struct json_step last = {.is_index = true, .index = -1};
    struct json_step far = {.is_index = true, .index = 3};
    struct json_step below = {.is_index = true, .index = -4};
    struct json_step bc = {.key = STR_LIT("bc")};
    struct arena *arena = sql_help_arena();
    EXPECT_STR(json_text_find(text, (struct json_step[]){a, first}, 2, arena), "10");
    EXPECT_STR(json_text_find(text, (struct json_step[]){a, second, bc}, 3, arena), "\"x\"");
    EXPECT_STR(json_text_find(text, (struct json_step[]){a, last}, 2, arena), "");
    EXPECT_STR(json_text_find(text, (struct json_step[]){a, far}, 2, arena), "");
    EXPECT_STR(json_text_find(text, (struct json_step[]){a, below}, 2, arena), "");
    EXPECT_STR(json_text_find(text, (struct json_step[]){a, last, first}, 3, arena), "");
    EXPECT_STR(json_text_find(text, (struct json_step[]){bc}, 1, arena), "");
    EXPECT_STR(json_text_find(text, (struct json_step[]){first}, 1, arena), "");
    EXPECT_STR(json_text_find(text, (struct json_step[]){a, bc}, 2, arena), "");
    sql_help_reset();
}
