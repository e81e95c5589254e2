/* base/hash.c -- the door to xxhash, and randomness. */
#include "base/hash.h"
#include "base/check.h"
#include "base/mem.h"

#include <errno.h>
#include <sys/random.h>
#include <xxhash.h>

uint64_t hash_bytes(str s)
{
    return XXH3_64bits(s.p != NULL ? s.p : "", s.n);
}

uint64_t hash_bytes_seeded(str s, uint64_t seed)
{
    return XXH3_64bits_withSeed(s.p != NULL ? s.p : "", s.n, seed);
}

uint64_t hash_u64(uint64_t v)
{
    return XXH3_64bits(&v, sizeof v);
}

uint64_t hash_xxh64(str s)
{
    return XXH64(s.p != NULL ? s.p : "", s.n, 0);
}

hash128 hash128_bytes(str s)
{
    XXH128_hash_t h = XXH3_128bits(s.p != NULL ? s.p : "", s.n);
    return (hash128){h.low64, h.high64};
}

struct hash128_stream {
    XXH3_state_t *state;
};

struct hash128_stream *hash128_stream_create(void)
{
    struct hash128_stream *stream = mem_alloc(sizeof *stream);
    stream->state = XXH3_createState();
    CHECK(stream->state != NULL);
    (void)XXH3_128bits_reset(stream->state);
    return stream;
}

void hash128_stream_add(struct hash128_stream *stream, str s)
{
    (void)XXH3_128bits_update(stream->state, s.p, s.n);
}

hash128 hash128_stream_finish(struct hash128_stream *stream)
{
    XXH128_hash_t h = XXH3_128bits_digest(stream->state);
    (void)XXH3_freeState(stream->state);
    mem_free(stream);
    return (hash128){h.low64, h.high64};
}

void random_bytes(void *p, size_t bytes)
{
    char *at = p;
    while (bytes > 0) {
        ssize_t n = getrandom(at, bytes, 0);
        if (n < 0) {
            CHECK(errno == EINTR);
            continue;
        }
        at += n;
        bytes -= (size_t)n;
    }
}

uint64_t random_u64(void)
{
    uint64_t v = 0;
    random_bytes(&v, sizeof v);
    return v;
}

static uint64_t rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

void rng_init(struct rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) { /* splitmix64 fills the state */
        seed += 0x9E3779B97F4A7C15ULL;
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
        rng->s[i] = z ^ (z >> 31);
    }
}

uint64_t rng_next(struct rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *rng, uint64_t limit)
{
    CHECK(limit > 0);
    return rng_next(rng) % limit;
}
