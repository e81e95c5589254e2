/* tests/unit/store/bloom_test.c -- Goal: filters are those of the Parquet format, never forget a
 * value, and let through no more than asked. Method: hashes and a filter that others published
 * (xxHash's own test values; a filter of ten texts written by parquet-mr, as in arrow-rs's tests),
 * then many values of our own. */
#include "base/buf.h"
#include "base/hash.h"
#include "store/bloom.h"
#include "test.h"

TEST(bloom_hash_is_xxh64_of_the_plain_value)
{
    EXPECT_UINT(bloom_hash_bytes(STR_LIT("")), 0xEF46DB3751D8E999u);
    EXPECT_UINT(bloom_hash_bytes(STR_LIT("a")), 0xD24EC4F1A98C6E5Bu);
    EXPECT_UINT(bloom_hash_bytes(STR_LIT("abc")), 0x44BC2CF5AD770999u);
    EXPECT_UINT(bloom_hash_i32(0x64636261), bloom_hash_bytes(STR_LIT("abcd")));
    EXPECT_UINT(bloom_hash_i64(-1), bloom_hash_bytes(STR_LIT("\xff\xff\xff\xff\xff\xff\xff\xff")));
}

TEST(bloom_add_makes_the_bits_that_another_writer_made)
{
    static const uint8_t wanted[BLOOM_BLOCK_BYTES] = {
        200, 1,   80, 20, 64, 68, 8,  109, 6, 37, 4,   67, 144, 80, 96, 32,
        8,   132, 43, 33, 0,  5,  99, 65,  2, 0,  224, 44, 64,  78, 96, 4};
    uint8_t bits[BLOOM_BLOCK_BYTES] = {0};
    for (char i = '0'; i <= '9'; i++) {
        char text[2] = {'a', i};
        bloom_add(bits, sizeof bits, bloom_hash_bytes(str_of(text, 2)));
    }
    EXPECT(memcmp(bits, wanted, sizeof bits) == 0);
}

TEST(bloom_size_gives_at_most_the_rate_asked_for)
{
    static const double rates[] = {0.5, 0.1, 0.01, 0.001};
    static const uint64_t counts[] = {1, 7, 1000, 24576, 30000};
    enum { PROBES = 100000 };
    struct rng rng;
    rng_init(&rng, 11);
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            uint32_t bytes = bloom_size(counts[c], rates[r]);
            EXPECT((bytes & (bytes - 1)) == 0 && bytes >= BLOOM_BLOCK_BYTES);
            EXPECT(bytes == BLOOM_BLOCK_BYTES || bloom_rate(counts[c], bytes / 2) > rates[r]);
            uint8_t *bits = mem_alloc_zeroed(bytes);
            for (uint64_t i = 0; i < counts[c]; i++) {
                bloom_add(bits, bytes, bloom_hash_i64((int64_t)i));
            }
            for (uint64_t i = 0; i < counts[c]; i++) {
                EXPECT(bloom_may_have(bits, bytes, bloom_hash_i64((int64_t)i)));
            }
            unsigned passed = 0;
            for (unsigned i = 0; i < PROBES; i++) {
                int64_t absent = (int64_t)(rng_next(&rng) | (uint64_t)1 << 62);
                passed += bloom_may_have(bits, bytes, bloom_hash_i64(absent)) ? 1 : 0;
            }
            /* what was computed is what is measured: within a fifth, or a few by chance */
            double expected = bloom_rate(counts[c], bytes) * PROBES;
            EXPECT(passed <= expected * 1.2 + 20);
            EXPECT(passed >= expected * 0.8 - 20);
            mem_free(bits);
        }
    }
}

TEST(bloom_size_of_a_row_group_at_one_percent_is_a_full_power_of_two)
{
    EXPECT_UINT(bloom_size(24576, 0.01), 32768);
    EXPECT_UINT(bloom_size(0, 0.01), BLOOM_BLOCK_BYTES);
    EXPECT_UINT(bloom_size(UINT64_MAX, 0.01), BLOOM_BYTES_MAX);
}
