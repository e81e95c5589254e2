/* engine/kv_cache.h -- newest values of keys that are read one by one, in front of a backend.
 * For:      kv_get_newest: a point read that finds its key here asks no backend. A backend whose
 *           reads cross a network gains more than one in this process.
 * Rule:     what is found here was the newest committed value at some moment of the read. A commit
 *           takes the keys it writes out before it starts and lets none of their shards in again
 *           until it has ended; a reader brings what it read only if its shard saw no commit since
 *           it looked (as the leases of Nishtala et al., "Scaling Memcache at Facebook", 2013).
 * Owns:     copies of keys and values, up to its limit; the least recently used goes first.
 * Threads:  kv_cache_get, _put: any; kv_cache_begin_write, _end_write: the one that commits. */
#ifndef ENGINE_KV_CACHE_H
#define ENGINE_KV_CACHE_H

#include "engine/kv.h"

struct kv_cache;

/* Holds up to about `bytes_max` bytes, entries' own needs included. Memory is taken as it fills. */
struct kv_cache *kv_cache_create(size_t bytes_max);
void kv_cache_destroy(struct kv_cache *cache);

/* True: *value is a copy in the arena. False: not here; *ticket is for kv_cache_put. */
bool kv_cache_get(struct kv_cache *cache, enum kv_family family, str key, struct arena *arena,
                  str *value, uint64_t *ticket);
/* What the backend answered after kv_cache_get gave the ticket. Copied; dropped when a commit came
 * between, or when it is too large for its shard. */
void kv_cache_put(struct kv_cache *cache, enum kv_family family, str key, str value,
                  uint64_t ticket);

/* Before and after a commit of these transactions. Not ended: the outcome is not known, and the
 * shards stay closed until a later commit ends. */
void kv_cache_begin_write(struct kv_cache *cache, const struct kv_txn *txns, size_t count);
void kv_cache_end_write(struct kv_cache *cache);

/* Sums over the shards, each of one instant. */
void kv_cache_statistics_get(struct kv_cache *cache, struct kv_cache_statistics *out);

#endif
