/* wire/sha1.c -- FIPS 180-4, sections 5.1.1 (padding), 6.1.2 (rounds). */
#include "wire/sha1.h"

#include "base/buf.h"

enum { BLOCK_BYTES = 64, LENGTH_BYTES = 8, ROUNDS = 80 };

static uint32_t rotate(uint32_t v, unsigned bits)
{
    return v << bits | v >> (32 - bits);
}

/* Function and constant of a round. */
static uint32_t mix(unsigned round, uint32_t b, uint32_t c, uint32_t d)
{
    if (round < 20) {
        return ((b & c) | (~b & d)) + 0x5A827999U;
    }
    if (round < 40) {
        return (b ^ c ^ d) + 0x6ED9EBA1U;
    }
    if (round < 60) {
        return ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDCU;
    }
    return (b ^ c ^ d) + 0xCA62C1D6U;
}

static void add_block(uint32_t hash[5], const char block[BLOCK_BYTES])
{
    uint32_t w[ROUNDS];
    for (unsigned t = 0; t < 16; t++) {
        w[t] = bytes_get_u32be(block + t * 4);
    }
    for (unsigned t = 16; t < ROUNDS; t++) {
        w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    }
    uint32_t a = hash[0];
    uint32_t b = hash[1];
    uint32_t c = hash[2];
    uint32_t d = hash[3];
    uint32_t e = hash[4];
    for (unsigned t = 0; t < ROUNDS; t++) {
        uint32_t next = rotate(a, 5) + mix(t, b, c, d) + e + w[t];
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
    hash[0] += a;
    hash[1] += b;
    hash[2] += c;
    hash[3] += d;
    hash[4] += e;
}

void sha1(str bytes, uint8_t digest[SHA1_BYTES])
{
    uint32_t hash[5] = {0x67452301U, 0xEFCDAB89U, 0x98BADCFEU, 0x10325476U, 0xC3D2E1F0U};
    uint64_t bits = (uint64_t)bytes.n * 8;
    while (bytes.n >= BLOCK_BYTES) {
        add_block(hash, bytes.p);
        bytes = str_skip(bytes, BLOCK_BYTES);
    }
    /* The rest, a one bit, zeros, and the length in the last eight bytes of a block. */
    char last[2 * BLOCK_BYTES] = {0};
    if (bytes.n > 0) {
        memcpy(last, bytes.p, bytes.n);
    }
    last[bytes.n] = (char)0x80;
    size_t n = bytes.n + 1 + LENGTH_BYTES <= BLOCK_BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES;
    bytes_put_u64be(last + n - LENGTH_BYTES, bits);
    for (size_t at = 0; at < n; at += BLOCK_BYTES) {
        add_block(hash, last + at);
    }
    for (unsigned i = 0; i < 5; i++) {
        bytes_put_u32be(digest + (size_t)i * 4, hash[i]);
    }
}
