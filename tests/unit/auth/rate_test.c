/* tests/unit/auth/rate_test.c -- Goal: never more than a bucket at once nor more than the rate in
 * the long run; keys do not share, memory is bounded. */
#include "test.h"

#include "auth/lru.h"
#include "auth/rate.h"
#include "base/hash.h"

static unsigned take_all(struct rate_limiter *limiter, str key)
{
    unsigned n = 0;
    while (n < 1000 && rate_limiter_take(limiter, key, NULL)) {
        n++;
    }
    return n;
}

TEST(rate_limiter_take_gives_a_bucket_then_refills_at_the_rate)
{
    struct fake_clock fake;
    fake_clock_init(&fake, 0);
    struct rate_limiter *limiter = rate_limiter_create(&fake.clock, 20, 10);
    uint32_t retry_ms = 0;
    EXPECT_UINT(take_all(limiter, STR_LIT("a")), 20);
    EXPECT(!rate_limiter_take(limiter, STR_LIT("a"), &retry_ms));
    EXPECT_UINT(retry_ms, 50);
    fake_clock_advance(&fake, 49999);
    EXPECT(!rate_limiter_take(limiter, STR_LIT("a"), &retry_ms));
    EXPECT_UINT(retry_ms, 1);
    fake_clock_advance(&fake, 1);
    EXPECT(rate_limiter_take(limiter, STR_LIT("a"), NULL));
    EXPECT(!rate_limiter_take(limiter, STR_LIT("a"), NULL));
    fake_clock_advance(&fake, INT64_C(1000000000000)); /* a long rest does not pile up */
    EXPECT_UINT(take_all(limiter, STR_LIT("a")), 20);
    rate_limiter_destroy(limiter);
}

TEST(rate_limiter_keys_have_buckets_of_their_own)
{
    struct fake_clock fake;
    fake_clock_init(&fake, 0);
    struct rate_limiter *limiter = rate_limiter_create(&fake.clock, 3, 10);
    EXPECT_UINT(take_all(limiter, STR_LIT("a")), 3);
    EXPECT_UINT(take_all(limiter, STR_LIT("b")), 3);
    rate_limiter_forget(limiter, STR_LIT("a"));
    EXPECT_UINT(take_all(limiter, STR_LIT("a")), 3);
    EXPECT_UINT(take_all(limiter, STR_LIT("b")), 0);
    rate_limiter_destroy(limiter);
}

TEST(rate_limiter_of_zero_allows_everything)
{
    struct fake_clock fake;
    fake_clock_init(&fake, 0);
    struct rate_limiter *limiter = rate_limiter_create(&fake.clock, 0, 1);
    EXPECT_UINT(take_all(limiter, STR_LIT("a")), 1000);
    struct rate_bucket bucket = {0};
    EXPECT(rate_bucket_take(&bucket, 0, 0, NULL));
    rate_limiter_destroy(limiter);
}

TEST(rate_bucket_take_in_random_steps_keeps_to_the_rate)
{
    struct rng rng;
    rng_init(&rng, 9);
    struct rate_bucket bucket = {0};
    uint64_t now_us = 5000000;
    uint64_t taken = 0;
    for (int i = 0; i < 200000; i++) {
        now_us += rng_below(&rng, 300);
        taken += rate_bucket_take(&bucket, 50, now_us, NULL);
        uint64_t allowed = 50 + (now_us - 5000000) * 50 / 1000000;
        EXPECT(taken <= allowed);
    }
    EXPECT(taken + 2 >= 50 + (now_us - 5000000) * 50 / 1000000); /* and nothing is lost */
}

TEST(lru_under_random_use_agrees_with_a_plain_list)
{
    enum { KEYS = 12, ROOM = 5 };
    struct lru lru;
    struct rng rng;
    rng_init(&rng, 21);
    lru_init(&lru, ROOM, sizeof(uint32_t));
    unsigned order[KEYS] = {0}; /* when last used; 0: not in */
    uint32_t values[KEYS] = {0};
    for (unsigned step = 1; step < 50000; step++) {
        unsigned k = (unsigned)rng_below(&rng, KEYS);
        char name[4] = {'k', (char)('a' + k), 0, 0};
        str key = str_of(name, 2);
        if (rng_below(&rng, 8) == 0) {
            lru_remove(&lru, key);
            order[k] = 0;
        } else if (rng_below(&rng, 2) == 0) {
            const uint32_t *value = lru_find(&lru, key);
            EXPECT((value != NULL) == (order[k] != 0));
            if (value != NULL) {
                EXPECT_UINT(*value, values[k]);
                order[k] = step;
            }
        } else {
            bool is_new = false;
            uint32_t *value = lru_put(&lru, key, &is_new);
            EXPECT(is_new == (order[k] == 0));
            EXPECT(!is_new || *value == 0);
            unsigned count = 0;
            unsigned oldest = k;
            for (unsigned i = 0; i < KEYS; i++) {
                count += order[i] != 0;
                if (order[i] != 0 && (order[oldest] == 0 || order[i] < order[oldest])) {
                    oldest = i;
                }
            }
            if (is_new && count == ROOM) {
                order[oldest] = 0;
            }
            *value = values[k] = step;
            order[k] = step;
        }
        EXPECT(lru_count(&lru) <= ROOM);
    }
    lru_release(&lru);
}
