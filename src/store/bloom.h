/* store/bloom.h -- split-block bloom filters as Parquet files have them (BloomFilter.md of the
 * format: blocks of eight 32-bit words, XXH64 with seed 0 of the plain-encoded value).
 * For:      building filters of a row group's column, asking them. "No" is certain.
 * Touches:  base only. Owns: nothing.
 * Threads:  any. */
#ifndef STORE_BLOOM_H
#define STORE_BLOOM_H

#include "base/str.h"

enum { BLOOM_BLOCK_BYTES = 32, BLOOM_BYTES_MAX = 16 << 20 };

/* Hashes of plain-encoded values: INT32, INT64, BYTE_ARRAY (without its length). */
uint64_t bloom_hash_i32(int32_t v);
uint64_t bloom_hash_i64(int64_t v);
uint64_t bloom_hash_bytes(str v);

/* The least power of two, in bytes, with which `distinct` values give at most `fpp` (0 < fpp < 1)
 * false positives; BLOOM_BYTES_MAX when none does. Powers of two alone suit every reader. */
uint32_t bloom_size(uint64_t distinct, double fpp);
/* The rate of false positives to expect: it minds that blocks are not filled evenly, which the
 * usual formula does not. */
double bloom_rate(uint64_t distinct, uint32_t bytes);

/* `bits` has `bytes` bytes, a multiple of BLOOM_BLOCK_BYTES and not 0; all zero at first. */
void bloom_add(uint8_t *bits, uint32_t bytes, uint64_t hash);
/* False: the value was not added. */
bool bloom_may_have(const uint8_t *bits, uint32_t bytes, uint64_t hash);

#endif
