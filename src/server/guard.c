/* server/guard.c -- a token bucket per address, and a record of those that overdo it. */
#include "server/guard.h"

#include "auth/lru.h"
#include "auth/rate.h"

struct record {
    uint32_t violations;
    uint64_t banned_until_us; /* monotonic; 0: never banned */
};

struct guard {
    const struct clock *clock;
    uint32_t ban_s;
    struct rate_limiter *requests;
    struct lock lock; /* guards records; LOCK_RATE */
    struct lru records;
};

struct guard *guard_create(const struct guard_options *options)
{
    struct guard *guard = mem_alloc_zeroed(sizeof *guard);
    guard->clock = options->clock;
    guard->ban_s = options->ban_s;
    guard->requests =
        rate_limiter_create(options->clock, options->requests_per_second, options->addresses_max);
    lock_init(&guard->lock, LOCK_RATE);
    lru_init(&guard->records, options->addresses_max, sizeof(struct record));
    return guard;
}

void guard_destroy(struct guard *guard)
{
    if (guard == NULL) {
        return;
    }
    rate_limiter_destroy(guard->requests);
    lru_release(&guard->records);
    lock_release(&guard->lock);
    mem_free(guard);
}

static bool is_banned(struct guard *guard, str address, uint64_t now_us)
{
    lock_take(&guard->lock);
    const struct record *record = lru_find(&guard->records, address);
    bool banned = record != NULL && now_us < record->banned_until_us;
    lock_give(&guard->lock);
    return banned;
}

static void note_violation(struct guard *guard, str address, uint64_t now_us)
{
    bool is_new = false;
    lock_take(&guard->lock);
    struct record *record = lru_put(&guard->records, address, &is_new);
    record->violations++;
    uint32_t factor = record->violations / GUARD_VIOLATIONS_MAX;
    if (factor > 0) {
        factor = factor < GUARD_BAN_FACTOR_MAX ? factor : GUARD_BAN_FACTOR_MAX;
        record->banned_until_us = now_us + (uint64_t)guard->ban_s * factor * 1000000;
    }
    lock_give(&guard->lock);
}

enum guard_verdict guard_check(struct guard *guard, str address)
{
    uint64_t now_us = clock_mono_us(guard->clock);
    if (is_banned(guard, address, now_us)) {
        return GUARD_BANNED;
    }
    if (rate_limiter_take(guard->requests, address, NULL)) {
        return GUARD_PASS;
    }
    note_violation(guard, address, now_us);
    return GUARD_TOO_MANY;
}
