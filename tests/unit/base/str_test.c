/* tests/unit/base/str_test.c -- Goal: what is written as UTF-8 is UTF-8. Method: the first and the
 * last code point of each length, and every one by str_is_utf8. */
#include "base/str.h"
#include "test.h"

TEST(str_put_utf8_at_the_edges_of_each_length_writes_the_bytes_of_rfc_3629)
{
    static const struct {
        uint32_t code;
        const char *bytes;
    } cases[] = {{0x01, "\x01"},
                 {0x7F, "\x7F"},
                 {0x80, "\xC2\x80"},
                 {0x7FF, "\xDF\xBF"},
                 {0x800, "\xE0\xA0\x80"},
                 {0xFFFF, "\xEF\xBF\xBF"},
                 {0x10000, "\xF0\x90\x80\x80"},
                 {0x10FFFF, "\xF4\x8F\xBF\xBF"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char at[4];
        size_t bytes = str_put_utf8(at, cases[i].code);
        EXPECT_STR_EQ(str_of(at, bytes), str_from(cases[i].bytes));
    }
}

TEST(str_put_utf8_of_every_character_is_utf8)
{
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        char at[4];
        bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
        EXPECT(str_is_utf8(str_of(at, str_put_utf8(at, code))) == !is_surrogate);
    }
}
