/* auth/token_cache.c -- an entry is of use until its token expires; the signature is checked
 * outside the lock. */
#include "auth/token_cache.h"
#include "auth/lru.h"
#include "base/check.h"
#include "base/hash.h"
#include "engine/crypto_digest.h"

struct token_cache {
    const struct clock *clock;
    str secret;
    struct lock lock; /* guards all below; LOCK_AUTH */
    struct lru identities;
    uint64_t misses;
    atomic_count hits; /* not under the lock */
};

struct token_memo_entry {
    struct token_identity identity;
    size_t token_bytes;
    char token[];
};

struct token_cache *token_cache_create(const struct clock *clock, str secret, uint32_t entries_max)
{
    CHECK(entries_max > 0);
    struct token_cache *cache = mem_alloc_zeroed(sizeof *cache);
    cache->clock = clock;
    cache->secret = str_of(mem_copy(secret.p, secret.n), secret.n);
    lock_init(&cache->lock, LOCK_AUTH);
    lru_init(&cache->identities, entries_max, sizeof(struct token_identity));
    return cache;
}

void token_cache_destroy(struct token_cache *cache)
{
    char *secret = (char *)(uintptr_t)cache->secret.p;
    crypto_wipe(secret, cache->secret.n);
    mem_free(secret);
    lru_release(&cache->identities);
    lock_release(&cache->lock);
    mem_free(cache);
}

static bool is_current(const struct token_identity *identity, int64_t now_s)
{
    return identity->expires_s + TOKEN_LEEWAY_S >= now_s;
}

static bool find(struct token_cache *cache, str hash, int64_t now_s,
                 struct token_identity *identity)
{
    lock_take(&cache->lock);
    const struct token_identity *found = lru_find(&cache->identities, hash);
    bool is_valid = found != NULL && is_current(found, now_s);
    if (is_valid) {
        *identity = *found;
    } else if (found != NULL) {
        lru_remove(&cache->identities, hash);
    }
    cache->misses += !is_valid;
    lock_give(&cache->lock);
    (void)atomic_count_add(&cache->hits, is_valid);
    return is_valid;
}

static void remember(struct token_cache *cache, str hash, const struct token_identity *identity)
{
    bool is_new = false;
    lock_take(&cache->lock);
    struct token_identity *kept = lru_put(&cache->identities, hash, &is_new);
    *kept = *identity;
    lock_give(&cache->lock);
}

static struct token_identity identity_of(const struct token_claims *claims)
{
    struct token_identity identity = {
        .user_id_bytes = (uint8_t)claims->user_id.n,
        .has_role = claims->has_role,
        .role = claims->role,
        .issued_s = claims->issued_s,
        .expires_s = claims->expires_s,
    };
    CHECK(claims->user_id.n <= sizeof identity.user_id);
    memcpy(identity.user_id, claims->user_id.p, claims->user_id.n);
    return identity;
}

status token_cache_verify(struct token_cache *cache, str token, struct token_identity *identity,
                          const char **reason, struct error *err)
{
    int64_t now_s = clock_wall_us(cache->clock) / 1000000;
    digest256 hash = crypto_sha256(token.n <= TOKEN_BYTES_MAX ? token : str_of(NULL, 0));
    if (find(cache, digest256_str(&hash), now_s, identity)) {
        return STATUS_IS_OK;
    }
    struct arena arena;
    struct token_claims claims;
    arena_init(&arena);
    status result =
        token_verify(cache->secret, token, TOKEN_ACCESS, now_s, &arena, &claims, reason, err);
    if (status_ok(result)) {
        *identity = identity_of(&claims);
        remember(cache, digest256_str(&hash), identity);
    }
    arena_release(&arena);
    return result;
}

/* -- memos ------------------------------------------------------------------------------------- */

static void drop_entry(struct token_memo_entry **slot)
{
    if (*slot != NULL) {
        crypto_wipe((*slot)->token, (*slot)->token_bytes);
        mem_free(*slot);
        *slot = NULL;
    }
}

void token_memo_release(struct token_memo *memo)
{
    for (unsigned i = 0; i < TOKEN_MEMO_SLOTS; i++) {
        drop_entry(&memo->slots[i]);
    }
}

status token_memo_verify(struct token_memo *memo, struct token_cache *cache, str token,
                         struct token_identity *identity, const char **reason, struct error *err)
{
    struct token_memo_entry **slot = &memo->slots[hash_bytes(token) % TOKEN_MEMO_SLOTS];
    int64_t now_s = clock_wall_us(cache->clock) / 1000000;
    if (*slot != NULL && crypto_equal(str_of((*slot)->token, (*slot)->token_bytes), token) &&
        is_current(&(*slot)->identity, now_s)) {
        *identity = (*slot)->identity;
        (void)atomic_count_add(&cache->hits, 1);
        return STATUS_IS_OK;
    }
    TRY(token_cache_verify(cache, token, identity, reason, err));
    drop_entry(slot);
    *slot = mem_alloc(sizeof **slot + token.n);
    (*slot)->identity = *identity;
    (*slot)->token_bytes = token.n;
    memcpy((*slot)->token, token.p, token.n);
    return STATUS_IS_OK;
}

/* -- what it did ------------------------------------------------------------------------------- */

struct token_cache_counts token_cache_counts(struct token_cache *cache)
{
    lock_take(&cache->lock);
    struct token_cache_counts counts = {
        .entries = lru_count(&cache->identities),
        .hits = atomic_count_get(&cache->hits),
        .misses = cache->misses,
    };
    lock_give(&cache->lock);
    return counts;
}
