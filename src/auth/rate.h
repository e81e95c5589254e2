/* auth/rate.h -- so many a second, per key.
 * For:      log-ins per address, queries per user, requests per address, messages per connection. A
 *           bucket of `per_second` tokens fills at that rate; each event takes one.
 * Owns:     at most `keys_max` buckets; a key that was forgotten starts with a full one.
 * Threads:  any; guarded by its lock. */
#ifndef AUTH_RATE_H
#define AUTH_RATE_H

#include "base/clock.h"
#include "base/str.h"

struct rate_limiter;

/* `per_second` 0: everything is allowed. `clock` outlives it. */
struct rate_limiter *rate_limiter_create(const struct clock *clock, uint32_t per_second,
                                         uint32_t keys_max);
void rate_limiter_destroy(struct rate_limiter *limiter);
/* Takes a token of `key`. False: there is none; `retry_ms` (may be NULL) is when there will be. */
MUST_USE bool rate_limiter_take(struct rate_limiter *limiter, str key, uint32_t *retry_ms);
/* The key is gone (a connection ended): forgets its bucket. */
void rate_limiter_forget(struct rate_limiter *limiter, str key);

/* One bucket on its own, for what has an owner already, such as a connection. Zero: full. */
struct rate_bucket {
    uint64_t spent_u;  /* millionths of a token that are missing */
    uint64_t since_us; /* monotonic clock of the last change */
};
MUST_USE bool rate_bucket_take(struct rate_bucket *bucket, uint32_t per_second, uint64_t now_us,
                               uint32_t *retry_ms);

#endif
