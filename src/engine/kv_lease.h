/* engine/kv_lease.h -- a promise on disk: no id above it was ever given out.
 * For:      ids (`_seq`, SNOWFLAKE_ID) that never come twice, though the clock may jump back and
 * the process may die. The record `clock` of the system records holds an id up to 10 s ahead of the
 * last; at the start the generator is raised to it, and the committer writes the next one, synced,
 * in the group that comes within 5 s of it. Format:   docs/formats/keys-in-store.md: u8 format (1)
 * | u64 LE id. Threads:  opened before the committer starts, then the committer's. */
#ifndef ENGINE_KV_LEASE_H
#define ENGINE_KV_LEASE_H

#include "base/clock.h"
#include "engine/kv.h"

enum { KV_LEASE_BYTES = 9, KV_LEASE_AHEAD_MS = 10000, KV_LEASE_MARGIN_MS = 5000 };

struct kv_lease {
    uint64_t until; /* the id on disk; 0: there was none */
};

/* Reads the lease and raises the generator above it. CORRUPT: the record cannot be read. */
MUST_USE status kv_lease_open(struct kv_store *store, struct snowflake *seq, struct kv_lease *lease,
                              struct error *err);
/* The last id is so near the lease that the next group renews it. */
bool kv_lease_is_due(const struct kv_lease *lease, uint64_t last);
/* The lease for a last id. */
uint64_t kv_lease_ahead(uint64_t last);

/* Its key (static; family KV_SYSTEM), the length of the partition in it, and its value. */
str kv_lease_key(void);
size_t kv_lease_partition_bytes(void);
str kv_lease_encode(uint64_t until, char out[KV_LEASE_BYTES]);

#endif
