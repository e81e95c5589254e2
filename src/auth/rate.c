/* auth/rate.c -- token buckets in millionths: one µs refills `per_second` of them. */
#include "auth/rate.h"
#include "auth/lru.h"
#include "base/check.h"

#define TOKEN_U UINT64_C(1000000)

struct rate_limiter {
    const struct clock *clock;
    uint32_t per_second;
    struct lock lock; /* guards buckets; LOCK_RATE */
    struct lru buckets;
};

bool rate_bucket_take(struct rate_bucket *bucket, uint32_t per_second, uint64_t now_us,
                      uint32_t *retry_ms)
{
    if (per_second == 0) {
        return true;
    }
    uint64_t capacity_u = per_second * TOKEN_U;
    uint64_t passed_us = now_us > bucket->since_us ? now_us - bucket->since_us : 0;
    /* After a second any bucket is full, so the product cannot overflow. */
    uint64_t refill_u = passed_us < TOKEN_U ? passed_us * per_second : capacity_u;
    bucket->spent_u -= refill_u < bucket->spent_u ? refill_u : bucket->spent_u;
    bucket->since_us = now_us > bucket->since_us ? now_us : bucket->since_us;
    if (bucket->spent_u + TOKEN_U <= capacity_u) {
        bucket->spent_u += TOKEN_U;
        return true;
    }
    if (retry_ms != NULL) {
        uint64_t missing_u = bucket->spent_u + TOKEN_U - capacity_u;
        uint64_t per_ms_u = per_second * UINT64_C(1000);
        *retry_ms = (uint32_t)((missing_u + per_ms_u - 1) / per_ms_u);
    }
    return false;
}

struct rate_limiter *rate_limiter_create(const struct clock *clock, uint32_t per_second,
                                         uint32_t keys_max)
{
    CHECK(keys_max > 0);
    struct rate_limiter *limiter = mem_alloc_zeroed(sizeof *limiter);
    limiter->clock = clock;
    limiter->per_second = per_second;
    lock_init(&limiter->lock, LOCK_RATE);
    lru_init(&limiter->buckets, keys_max, sizeof(struct rate_bucket));
    return limiter;
}

void rate_limiter_destroy(struct rate_limiter *limiter)
{
    lru_release(&limiter->buckets);
    lock_release(&limiter->lock);
    mem_free(limiter);
}

bool rate_limiter_take(struct rate_limiter *limiter, str key, uint32_t *retry_ms)
{
    if (limiter->per_second == 0) {
        return true;
    }
    uint64_t now_us = clock_mono_us(limiter->clock);
    bool is_new = false;
    lock_take(&limiter->lock);
    struct rate_bucket *bucket = lru_put(&limiter->buckets, key, &is_new);
    bool taken = rate_bucket_take(bucket, limiter->per_second, now_us, retry_ms);
    lock_give(&limiter->lock);
    return taken;
}

void rate_limiter_forget(struct rate_limiter *limiter, str key)
{
    lock_take(&limiter->lock);
    lru_remove(&limiter->buckets, key);
    lock_give(&limiter->lock);
}
