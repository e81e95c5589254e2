/* tests/unit/wire/gzip_test.c -- Goal: what is compressed is read back, other bytes are refused,
 * and no bytes make more memory than was allowed. Method: members of our own and one of another
 * program, with single bytes changed, cut or added; and a bomb. */
#include "base/hash.h"
#include "test.h"
#include "wire/gzip.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

enum { BOMB_BYTES = 64 << 20 };

/* "hello hello hello hello\n" by gzip 1.12, -9n. */
static const char foreign[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x57"
                              "\xc8\x40\x27\xb9\x00\x00\x88\x59\x0b\x18\x00\x00\x00";

TEST(gzip_append_is_read_back_again_and_again)
{
    static const size_t lengths[] = {0, 1, 511, 512, 4096, 4097, 100000};
    struct gzip *gzip = gzip_create(6);
    struct rng rng;
    rng_init(&rng, 3);
    struct buf packed;
    struct buf unpacked;
    buf_init(&packed);
    buf_init(&unpacked);
    for (size_t i = 0; i < COUNT_OF(lengths) * 2; i++) {
        char *bytes = mem_alloc_zeroed(lengths[i / 2] + 1);
        for (size_t b = 0; i % 2 == 0 && b < lengths[i / 2]; b++) {
            bytes[b] = (char)rng_next(&rng);
        }
        str text = {bytes, lengths[i / 2]};
        struct error err;
        buf_clear(&packed);
        buf_clear(&unpacked);
        buf_append_c(&unpacked, "before");
        EXPECT(gzip_append(gzip, text, SIZE_MAX, &packed));
        EXPECT(gzip_is(buf_str(&packed)));
        EXPECT_OK(gzip_read(gzip, buf_str(&packed), text.n, &unpacked, &err), &err);
        EXPECT_STR_EQ(str_skip(buf_str(&unpacked), 6), text);
        mem_free(bytes);
    }
    buf_release(&packed);
    buf_release(&unpacked);
    gzip_destroy(gzip);
    gzip_destroy(NULL);
}

TEST(gzip_append_what_does_not_get_smaller_is_left)
{
    struct gzip *gzip = gzip_create(1);
    struct buf out;
    char random[1000];
    char zeros[1000] = {0};
    buf_init(&out);
    buf_append_c(&out, "before");
    random_bytes(random, sizeof random);
    EXPECT(!gzip_append(gzip, (str){random, sizeof random}, sizeof random - 1, &out));
    EXPECT_STR(buf_str(&out), "before");
    EXPECT(!gzip_append(gzip, STR_LIT(""), 0, &out));
    EXPECT(gzip_append(gzip, (str){zeros, sizeof zeros}, sizeof zeros - 1, &out));
    EXPECT(out.n < 100);
    size_t exact = out.n - 6;
    buf_clear(&out);
    EXPECT(gzip_append(gzip, (str){zeros, sizeof zeros}, exact, &out));
    EXPECT(!gzip_append(gzip, (str){zeros, sizeof zeros}, exact - 1, &out));
    buf_release(&out);
    gzip_destroy(gzip);
}

static status read_all(struct gzip *gzip, str bytes, size_t output_max)
{
    struct buf out;
    struct error err;
    buf_init(&out);
    char *copy = mem_copy(bytes.p, bytes.n);
    status result = gzip_read(gzip, (str){copy, bytes.n}, output_max, &out, &err);
    if (!status_ok(result)) {
        EXPECT(out.n == 0);
    }
    mem_free(copy);
    buf_release(&out);
    return result;
}

TEST(gzip_read_member_of_another_program_is_read)
{
    struct gzip *gzip = gzip_create(6);
    struct buf out;
    struct error err;
    buf_init(&out);
    str member = {foreign, sizeof foreign - 1};
    EXPECT_OK(gzip_read(gzip, member, 24, &out, &err), &err);
    EXPECT_STR(buf_str(&out), "hello hello hello hello\n");
    EXPECT_STATUS(read_all(gzip, member, 23), LIMIT);
    EXPECT_STATUS(read_all(gzip, member, 0), LIMIT);
    buf_release(&out);
    gzip_destroy(gzip);
}

TEST(gzip_read_other_bytes_are_refused)
{
    struct gzip *gzip = gzip_create(6);
    struct buf bytes;
    buf_init(&bytes);
    for (size_t n = 0; n < sizeof foreign - 1; n++) {
        EXPECT_STATUS(read_all(gzip, (str){foreign, n}, 1000), INVALID);
    }
    for (size_t i = 10; i < sizeof foreign - 1; i++) { /* the head has bytes that mean nothing */
        buf_clear(&bytes);
        buf_append(&bytes, foreign, sizeof foreign - 1);
        bytes.p[i] = (char)(bytes.p[i] ^ 0x10);
        EXPECT_STATUS(read_all(gzip, buf_str(&bytes), 1000), INVALID);
    }
    buf_clear(&bytes);
    buf_append(&bytes, foreign, sizeof foreign - 1);
    buf_append_byte(&bytes, 'x');
    EXPECT_STATUS(read_all(gzip, buf_str(&bytes), 1000), INVALID);
    EXPECT_STATUS(read_all(gzip, STR_LIT("x\x9c\x03\x00\x00\x00\x00\x01"), 1000),
                  INVALID); /* zlib */
    EXPECT_STATUS(read_all(gzip, STR_LIT("{}"), 1000), INVALID);
    EXPECT_STATUS(read_all(gzip, (str){foreign, sizeof foreign - 1}, 1000), OK);
    EXPECT(!gzip_is(STR_LIT("\x1f")));
    EXPECT(!gzip_is(STR_LIT("{}")));
    buf_release(&bytes);
    gzip_destroy(gzip);
}

TEST(gzip_read_bomb_stops_at_the_limit)
{
    struct gzip *gzip = gzip_create(9);
    struct buf bomb;
    struct buf out;
    struct error err;
    char *zeros = mem_alloc_zeroed(BOMB_BYTES);
    buf_init(&bomb);
    buf_init(&out);
    EXPECT(gzip_append(gzip, (str){zeros, BOMB_BYTES}, SIZE_MAX, &bomb));
    mem_free(zeros);
    EXPECT(bomb.n < BOMB_BYTES / 900);
    EXPECT_STATUS(gzip_read(gzip, buf_str(&bomb), 1 << 20, &out, &err), LIMIT);
    EXPECT(out.capacity <= 4 << 20);
    buf_release(&bomb);
    buf_release(&out);
    gzip_destroy(gzip);
}
