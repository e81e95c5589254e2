/* tests/unit/base/memory_test.c -- Goal: texts, arenas, buffers and maps keep what they were given.
 * Method: edges of each, and a map against a plain array. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/map.h"
#include "tests/test.h"

TEST(str_to_i64_at_the_edges_reads_exactly_what_fits)
{
    int64_t v = 0;
    EXPECT(str_to_i64(STR_LIT("-9223372036854775808"), &v) && v == INT64_MIN);
    EXPECT(str_to_i64(STR_LIT("9223372036854775807"), &v) && v == INT64_MAX);
    EXPECT(!str_to_i64(STR_LIT("9223372036854775808"), &v));
    EXPECT(!str_to_i64(STR_LIT("-9223372036854775809"), &v));
    EXPECT(!str_to_i64(STR_LIT(""), &v));
    EXPECT(!str_to_i64(STR_LIT("-"), &v));
    EXPECT(!str_to_i64(STR_LIT("1 "), &v));
    EXPECT(!str_to_i64(STR_LIT("+-1"), &v));
}

TEST(str_is_utf8_refuses_what_rfc_3629_refuses)
{
    EXPECT(str_is_utf8(STR_LIT("")));
    EXPECT(str_is_utf8(STR_LIT("plain ascii text of some length")));
    EXPECT(str_is_utf8(STR_LIT("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80")));
    EXPECT(!str_is_utf8(STR_LIT("\xC0\x80")));         /* overlong NUL */
    EXPECT(!str_is_utf8(STR_LIT("\xE0\x80\x80")));     /* overlong */
    EXPECT(!str_is_utf8(STR_LIT("\xED\xA0\x80")));     /* surrogate */
    EXPECT(!str_is_utf8(STR_LIT("\xF4\x90\x80\x80"))); /* above U+10FFFF */
    EXPECT(!str_is_utf8(STR_LIT("12345678\xC3")));     /* cut */
    EXPECT(!str_is_utf8(STR_LIT("\x80")));
}

TEST(str_find_and_slice_stay_inside)
{
    EXPECT_INT(str_find(STR_LIT("abcabc"), STR_LIT("ca")), 2);
    EXPECT_INT(str_find(STR_LIT("abc"), STR_LIT("abcd")), -1);
    EXPECT_STR(str_slice(STR_LIT("abc"), 1, 99), "bc");
    EXPECT_STR(str_slice(STR_LIT("abc"), 9, 99), "");
    EXPECT_STR(str_trim(STR_LIT(" \t x y\r\n")), "x y");
    EXPECT_INT(str_compare(STR_LIT("a"), STR_LIT("a\0")), -1);
}

static int released;
static void release(void *handle)
{
    released = released * 10 + *(int *)handle;
}

TEST(arena_release_runs_deferred_newest_first_and_once)
{
    struct arena arena;
    arena_init(&arena);
    static int one = 1;
    static int two = 2;
    released = 0;
    arena_defer(&arena, release, &one);
    arena_defer(&arena, release, &two);
    arena_release(&arena);
    arena_release(&arena);
    EXPECT_INT(released, 21);
}

TEST(arena_alloc_of_any_size_is_aligned_and_apart)
{
    struct arena arena;
    arena_init(&arena);
    struct rng rng;
    rng_init(&rng, 7);
    unsigned char *pieces[500];
    size_t sizes[500];
    for (unsigned i = 0; i < 500; i++) {
        sizes[i] = 1 + rng_below(&rng, i % 50 == 0 ? 300000 : 200);
        pieces[i] = arena_alloc(&arena, sizes[i]);
        EXPECT_UINT((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)(i & 0xFF), sizes[i]);
    }
    for (unsigned i = 0; i < 500; i++) {
        for (size_t b = 0; b < sizes[i]; b++) {
            EXPECT(pieces[i][b] == (i & 0xFF));
        }
    }
    arena_reset(&arena);
    EXPECT_UINT(arena.used_bytes, 0);
    arena_release(&arena);
}

TEST(reader_past_the_end_fails_once_and_reads_zero)
{
    struct reader r = reader_from(STR_LIT("\x01\x02\x03"));
    EXPECT_UINT(reader_u16le(&r), 0x0201);
    EXPECT_UINT(reader_u32le(&r), 0);
    EXPECT(!reader_ok(&r));
    EXPECT_UINT(reader_u8(&r), 0);
    EXPECT(!reader_done(&r));
}

TEST(buf_numbers_read_back_in_both_orders)
{
    struct buf buf;
    buf_init(&buf);
    buf_append_u16le(&buf, 0x1234);
    buf_append_u32be(&buf, 0x89ABCDEF);
    buf_append_u64le(&buf, UINT64_MAX - 1);
    buf_append_u64be(&buf, 0x0102030405060708ULL);
    struct reader r = reader_from(buf_str(&buf));
    EXPECT_UINT(reader_u16le(&r), 0x1234);
    EXPECT_UINT(reader_u32be(&r), 0x89ABCDEF);
    EXPECT_UINT(reader_u64le(&r), UINT64_MAX - 1);
    EXPECT_UINT(reader_u64be(&r), 0x0102030405060708ULL);
    EXPECT(reader_done(&r));
    buf_drop_front(&buf, 2);
    EXPECT_UINT(buf.n, 20);
    buf_release(&buf);
}

TEST(map_against_an_array_agrees_through_puts_and_removes)
{
    struct map map;
    map_init(&map);
    static char values[64];
    void *truth[64] = {NULL};
    struct rng rng;
    rng_init(&rng, 99);
    for (unsigned i = 0; i < 20000; i++) {
        unsigned k = (unsigned)rng_below(&rng, 64);
        char key[16];
        int n = snprintf(key, sizeof key, "key-%u", k);
        str name = str_of(key, (size_t)n);
        if (rng_below(&rng, 3) == 0) {
            EXPECT(map_remove(&map, name) == truth[k]);
            truth[k] = NULL;
        } else {
            EXPECT(map_put(&map, name, &values[k]) == truth[k]);
            truth[k] = &values[k];
        }
        EXPECT(map_find(&map, name) == truth[k]);
    }
    size_t live = 0;
    for (unsigned k = 0; k < 64; k++) {
        live += truth[k] != NULL ? 1 : 0;
    }
    EXPECT_UINT(map.count, live);
    size_t position = 0;
    size_t walked = 0;
    str key;
    void *value = NULL;
    while (map_next(&map, &position, &key, &value)) {
        walked++;
    }
    EXPECT_UINT(walked, live);
    map_release(&map);
}

TEST(error_row_of_every_error_has_a_hint)
{
    for (int id = ERROR_NONE + 1; id < ERROR_COUNT; id++) {
        const struct error_row *row = error_row((enum error_id)id);
        str hint = str_from(row->hint);
        EXPECT(hint.n >= 20 && hint.n <= 160);
        EXPECT(str_find(hint, str_from("  ")) < 0);
        EXPECT(hint.p[hint.n - 1] != '.');
    }
}

TEST(error_set_cuts_a_long_text_before_a_character)
{
    struct error err;
    char text[2 * ERROR_TEXT_MAX];
    memset(text, 'x', sizeof text);
    for (size_t i = 1; i + 2 < sizeof text; i += 2) {
        text[i] = (char)0xC3;
        text[i + 1] = (char)0xA9;
    }
    text[sizeof text - 1] = '\0';
    EXPECT_STATUS(error_set(&err, ERROR_CONSTRAINT, "%s", text), CONSTRAINT);
    EXPECT(str_is_utf8(str_from(err.text)));
    EXPECT(str_ends_with(str_from(err.text), STR_LIT("...")));
}
