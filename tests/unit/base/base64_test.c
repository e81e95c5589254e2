/* tests/unit/base/base64_test.c -- Goal: RFC 4648 to the letter, one text per byte string. */
#include "test.h"

#include "base/base64.h"
#include "base/hash.h"

static const struct {
    const char *bytes;
    const char *standard;
    const char *url;
} vectors[] = {{"", "", ""},
               {"f", "Zg==", "Zg"},
               {"fo", "Zm8=", "Zm8"},
               {"foo", "Zm9v", "Zm9v"},
               {"foob", "Zm9vYg==", "Zm9vYg"},
               {"fooba", "Zm9vYmE=", "Zm9vYmE"},
               {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
               {"\xfb\xff\xbf", "+/+/", "-_-_"}};

TEST(base64_append_gives_the_vectors_of_the_rfc)
{
    struct buf out;
    buf_init(&out);
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        buf_clear(&out);
        base64_append(&out, BASE64_STANDARD, str_from(vectors[i].bytes));
        EXPECT_STR_EQ(buf_str(&out), str_from(vectors[i].standard));
        buf_clear(&out);
        base64_append(&out, BASE64_URL, str_from(vectors[i].bytes));
        EXPECT_STR_EQ(buf_str(&out), str_from(vectors[i].url));
        buf_clear(&out);
        EXPECT(base64_decode(&out, BASE64_STANDARD, str_from(vectors[i].standard)));
        EXPECT(base64_decode(&out, BASE64_URL, str_from(vectors[i].url)));
        EXPECT_UINT(out.n, 2 * strlen(vectors[i].bytes));
    }
    buf_release(&out);
}

TEST(base64_decode_of_another_text_is_refused_and_appends_nothing)
{
    static const char *const standard[] = {"Z",    "Zg",       "Zg=",  "Zg===",  "Z===",
                                           "====", "Zh==",     "Zm9=", "Zm9v ",  "Zm-v",
                                           "Zm_v", "Zg==Zg==", "=Zg=", "Zm9vYg", "Z=g="};
    static const char *const url[] = {"Z", "Zg==", "Zh", "Zm9", "Zm+v", "Zm/v", "Zm9v\n", "ZZZZZ"};
    struct buf out;
    buf_init(&out);
    buf_append_c(&out, "x");
    for (size_t i = 0; i < sizeof standard / sizeof standard[0]; i++) {
        EXPECT(!base64_decode(&out, BASE64_STANDARD, str_from(standard[i])));
        EXPECT_STR(buf_str(&out), "x");
    }
    for (size_t i = 0; i < sizeof url / sizeof url[0]; i++) {
        EXPECT(!base64_decode(&out, BASE64_URL, str_from(url[i])));
        EXPECT_STR(buf_str(&out), "x");
    }
    EXPECT(!base64_decode(&out, BASE64_URL, str_of("Zm9\0", 4)));
    buf_release(&out);
}

TEST(base64_decode_of_what_append_made_gives_the_same_bytes)
{
    struct rng rng;
    struct buf text;
    struct buf back;
    char bytes[64];
    rng_init(&rng, 5);
    buf_init(&text);
    buf_init(&back);
    for (int round = 0; round < 5000; round++) {
        size_t n = (size_t)rng_below(&rng, sizeof bytes);
        for (size_t i = 0; i < n; i++) {
            bytes[i] = (char)rng_next(&rng);
        }
        enum base64_kind kind = round % 2 == 0 ? BASE64_URL : BASE64_STANDARD;
        buf_clear(&text);
        buf_clear(&back);
        base64_append(&text, kind, str_of(bytes, n));
        EXPECT(base64_decode(&back, kind, buf_str(&text)));
        EXPECT_STR_EQ(buf_str(&back), str_of(bytes, n));
    }
    buf_release(&text);
    buf_release(&back);
}
