/* base/hash.h -- hashing and random bytes.
 * For:      XXH3 for tables, caches and checksums of our own files; system randomness; a seeded
 *           generator for tests. Not for secrets: those are in engine/crypto.
 * Threads:  any (a struct rng: one). */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/status.h"
#include "base/str.h"

/* XXH3-64; never written to disk, it may change with the library. */
uint64_t hash_bytes(str s);
uint64_t hash_bytes_seeded(str s, uint64_t seed);
uint64_t hash_u64(uint64_t v);
/* XXH64, seed 0: what bloom filters of Parquet files are made with. */
uint64_t hash_xxh64(str s);

typedef struct {
    uint64_t low;
    uint64_t high;
} hash128;
/* XXH3-128 of a whole text: checksums on disk. */
hash128 hash128_bytes(str s);

/* XXH3-128 over a stream, such as a whole file. */
struct hash128_stream;
struct hash128_stream *hash128_stream_create(void);
void hash128_stream_add(struct hash128_stream *stream, str s);
/* Ends and frees the stream. */
hash128 hash128_stream_finish(struct hash128_stream *stream);

/* `bytes` bytes from the system's generator; stops the process when it has none. */
void random_bytes(void *p, size_t bytes);
uint64_t random_u64(void);

/* xoshiro256**, Blackman and Vigna: for tests and backoff jitter. */
struct rng {
    uint64_t s[4];
};
void rng_init(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
/* 0..limit-1, limit > 0. */
uint64_t rng_below(struct rng *rng, uint64_t limit);

#endif
