/* tests/unit/wire/url_test.c -- Goal: what is percent-encoded is read as it was meant or refused.
 * Method: texts and what they give, one by one. */
#include "test.h"
#include "wire/url.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

TEST(url_decode_gives_bytes_or_refuses)
{
    static const struct {
        const char *text;
        const char *decoded; /* NULL: refused */
    } cases[] = {
        {"", ""},       {"abc", "abc"},         {"a%20b", "a b"}, {"%41%7a", "Az"},
        {"a+b", "a+b"}, {"%C3%a9", "\xc3\xa9"}, {"%2F%25", "/%"}, {"%e2%82%ac", "\xe2\x82\xac"},
        {"%", NULL},    {"%4", NULL},           {"a%", NULL},     {"%zz", NULL},
        {"%4g", NULL},  {"%00", NULL},          {"a%00b", NULL},  {"%ff", NULL},
        {"%c3", NULL},  {"%ed%a0%80", NULL},    {"%+41", NULL},   {"\xff", NULL},
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        str found = STR_LIT("untouched");
        bool is_decoded = url_decode(str_from(cases[i].text), &arena, &found);
        EXPECT(is_decoded == (cases[i].decoded != NULL));
        if (is_decoded) {
            EXPECT_STR_EQ(found, str_from(cases[i].decoded));
        }
    }
    arena_release(&arena);
}

TEST(url_append_encoded_is_decoded_to_the_same)
{
    struct arena arena;
    struct buf out;
    arena_init(&arena);
    buf_init(&out);
    str text = STR_LIT("aZ09-._~ /?&=+%\"\xc3\xa9");
    url_append_encoded(&out, text);
    EXPECT_STR(buf_str(&out), "aZ09-._~%20%2F%3F%26%3D%2B%25%22%C3%A9");
    str found;
    EXPECT(url_decode(buf_str(&out), &arena, &found));
    EXPECT_STR_EQ(found, text);
    buf_release(&out);
    arena_release(&arena);
}

TEST(url_query_get_finds_first_value_of_the_name)
{
    struct arena arena;
    arena_init(&arena);
    str query = STR_LIT("a=1&bb=x%20y+z&c&d=&a=2&%65=e&bad=%zz&f=g=h&&=v");
    str found = STR_LIT("untouched");
    EXPECT(url_query_get(query, "a", &arena, &found));
    EXPECT_STR(found, "1");
    EXPECT(url_query_get(query, "bb", &arena, &found));
    EXPECT_STR(found, "x y z");
    EXPECT(url_query_get(query, "c", &arena, &found));
    EXPECT_STR(found, "");
    EXPECT(url_query_get(query, "d", &arena, &found));
    EXPECT_STR(found, "");
    EXPECT(url_query_get(query, "e", &arena, &found));
    EXPECT_STR(found, "e");
    EXPECT(url_query_get(query, "f", &arena, &found));
    EXPECT_STR(found, "g=h");
    EXPECT(!url_query_get(query, "bad", &arena, &found));
    EXPECT(!url_query_get(query, "b", &arena, &found));
    EXPECT(!url_query_get(query, "A", &arena, &found));
    EXPECT(!url_query_get(STR_LIT(""), "a", &arena, &found));
    EXPECT_STR(found, "g=h");
    arena_release(&arena);
}

TEST(url_parse_parts_are_found)
{
    struct url url;
    EXPECT(url_parse(STR_LIT("http://localhost:8080"), &url));
    EXPECT_STR(url.host, "localhost");
    EXPECT_STR(url.authority, "localhost:8080");
    EXPECT_UINT(url.port, 8080);
    EXPECT_STR(url.target, "/");
    EXPECT(!url.is_tls);
    EXPECT(url_parse(STR_LIT("WSS://db.example.org/v1/ws?compress=false#x"), &url));
    EXPECT_STR(url.host, "db.example.org");
    EXPECT_UINT(url.port, 443);
    EXPECT_STR(url.target, "/v1/ws?compress=false");
    EXPECT(url.is_tls);
    EXPECT(url_parse(STR_LIT("http://[::1]:81/"), &url));
    EXPECT_STR(url.host, "::1");
    EXPECT_STR(url.authority, "[::1]:81");
    EXPECT_UINT(url.port, 81);
    EXPECT(url_parse(STR_LIT("http://[::1]"), &url));
    EXPECT_UINT(url.port, 80);
}

TEST(url_parse_other_texts_are_refused)
{
    static const char *const refused[] = {
        "",           "localhost",        "localhost:8080", "/x",           "http://",
        "http:///x",  "http://:80",       "http://h:",      "http://h:0",   "http://h:65536",
        "http://h:x", "http://h:80x",     "http://u@h",     "http://u:p@h", "ftp://h",
        "http:/h",    "http://h h",       "http://h\n",     "http://[::1",  "http://[::1]x",
        "http://[]",  "http://h\xc3\xa9", "http://h?x",     "http://h\\x",  "://h",
    };
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct url url;
        if (url_parse(str_from(refused[i]), &url)) {
            test_fail(__FILE__, __LINE__, "accepted: %s", refused[i]);
        }
    }
}
