/* store/bloom.c -- see bloom.h. */
#include "store/bloom.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/hash.h"

#include <math.h>

enum { WORDS = 8, WORD_BITS = 32 };

static const uint32_t salts[WORDS] = {0x47b6137bU, 0x44974d91U, 0x8824ad5bU, 0xa2b7289dU,
                                      0x705495c7U, 0x2df1424bU, 0x9efc4947U, 0x5c6bfb31U};

uint64_t bloom_hash_bytes(str v)
{
    return hash_xxh64(v);
}

uint64_t bloom_hash_i32(int32_t v)
{
    char bytes[4];
    bytes_put_u32le(bytes, (uint32_t)v);
    return hash_xxh64(str_of(bytes, sizeof bytes));
}

uint64_t bloom_hash_i64(int64_t v)
{
    char bytes[8];
    bytes_put_u64le(bytes, (uint64_t)v);
    return hash_xxh64(str_of(bytes, sizeof bytes));
}

/* A block that got k values has each of its eight words' bits set with 1 - (31/32)^k; how many a
 * block gets is a Poisson number. */
double bloom_rate(uint64_t distinct, uint32_t bytes)
{
    double load = (double)distinct / ((double)bytes / BLOOM_BLOCK_BYTES);
    double rate = 0;
    int sign = 0; /* lgamma would keep it where all threads write it */
    unsigned end = (unsigned)(load + 12 * sqrt(load) + 20); /* what lies beyond is negligible */
    for (unsigned k = 1; k < end; k++) {
        double share = exp(k * log(load) - load - lgamma_r(k + 1.0, &sign));
        rate += share * pow(1 - pow(1 - 1.0 / WORD_BITS, k), WORDS);
    }
    return rate;
}

uint32_t bloom_size(uint64_t distinct, double fpp)
{
    CHECK(fpp > 0 && fpp < 1);
    uint32_t bytes = BLOOM_BLOCK_BYTES;
    /* one byte for 16 values is hopeless; the rate is computed for what may fit only */
    while (bytes < BLOOM_BYTES_MAX &&
           (distinct / 16 > bytes || (distinct > 0 && bloom_rate(distinct, bytes) > fpp))) {
        bytes *= 2;
    }
    return bytes;
}

static size_t block_at(uint32_t bytes, uint64_t hash)
{
    uint64_t blocks = bytes / BLOOM_BLOCK_BYTES;
    return (size_t)(((hash >> 32) * blocks) >> 32) * BLOOM_BLOCK_BYTES;
}

void bloom_add(uint8_t *bits, uint32_t bytes, uint64_t hash)
{
    uint8_t *block = bits + block_at(bytes, hash);
    for (unsigned i = 0; i < WORDS; i++) {
        uint32_t mask = (uint32_t)1 << ((uint32_t)hash * salts[i] >> 27);
        bytes_put_u32le(block + 4 * i, bytes_get_u32le(block + 4 * i) | mask);
    }
}

bool bloom_may_have(const uint8_t *bits, uint32_t bytes, uint64_t hash)
{
    const uint8_t *block = bits + block_at(bytes, hash);
    for (unsigned i = 0; i < WORDS; i++) {
        uint32_t mask = (uint32_t)1 << ((uint32_t)hash * salts[i] >> 27);
        if ((bytes_get_u32le(block + 4 * i) & mask) == 0) {
            return false;
        }
    }
    return true;
}
