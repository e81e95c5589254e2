/* tests/unit/auth/token_cache_test.c -- Goal: a cached token is found, expires on time, and memory
 * is bounded. */
#include "test.h"

#include "auth/token_cache.h"

#define SECRET STR_LIT("0123456789abcdef0123456789abcdef")
enum { NOW = 1800000000 };

static void sign(struct buf *token, str user, int64_t expires_s)
{
    struct token_claims claims = {.user_id = user,
                                  .has_role = true,
                                  .role = ROLE_USER,
                                  .issued_s = NOW,
                                  .expires_s = expires_s};
    buf_clear(token);
    token_sign(token, SECRET, &claims);
}

TEST(token_cache_verify_of_a_known_token_is_a_hit_with_the_same_identity)
{
    struct fake_clock fake;
    struct buf token;
    struct error err;
    struct token_identity one;
    struct token_identity two;
    fake_clock_init(&fake, NOW * INT64_C(1000000));
    buf_init(&token);
    struct token_cache *cache = token_cache_create(&fake.clock, SECRET, 10);
    sign(&token, STR_LIT("alice"), NOW + 100);
    EXPECT_OK(token_cache_verify(cache, buf_str(&token), &one, NULL, &err), &err);
    EXPECT_OK(token_cache_verify(cache, buf_str(&token), &two, NULL, &err), &err);
    EXPECT_STR(token_identity_user(&one), "alice");
    EXPECT_STR(token_identity_user(&two), "alice");
    EXPECT(two.has_role && two.role == ROLE_USER && two.expires_s == NOW + 100);
    struct token_cache_counts counts = token_cache_counts(cache);
    EXPECT(counts.hits == 1 && counts.misses == 1 && counts.entries == 1);
    token_cache_destroy(cache);
    buf_release(&token);
}

TEST(token_cache_verify_of_a_cached_token_that_has_expired_says_so)
{
    struct fake_clock fake;
    struct buf token;
    struct error err;
    struct token_identity identity;
    fake_clock_init(&fake, NOW * INT64_C(1000000));
    buf_init(&token);
    struct token_cache *cache = token_cache_create(&fake.clock, SECRET, 10);
    sign(&token, STR_LIT("alice"), NOW + 100);
    EXPECT_OK(token_cache_verify(cache, buf_str(&token), &identity, NULL, &err), &err);
    fake_clock_advance(&fake, 160 * INT64_C(1000000));
    EXPECT_OK(token_cache_verify(cache, buf_str(&token), &identity, NULL, &err), &err);
    fake_clock_advance(&fake, 1000000);
    EXPECT_STATUS(token_cache_verify(cache, buf_str(&token), &identity, NULL, &err),
                  UNAUTHENTICATED);
    EXPECT(err.id == ERROR_TOKEN_EXPIRED);
    EXPECT_UINT(token_cache_counts(cache).entries, 0);
    token_cache_destroy(cache);
    buf_release(&token);
}

TEST(token_cache_verify_of_a_bad_token_caches_nothing)
{
    struct fake_clock fake;
    struct error err;
    struct token_identity identity;
    const char *reason = NULL;
    fake_clock_init(&fake, NOW * INT64_C(1000000));
    struct token_cache *cache = token_cache_create(&fake.clock, SECRET, 10);
    EXPECT_STATUS(token_cache_verify(cache, STR_LIT("a.b.c"), &identity, &reason, &err),
                  UNAUTHENTICATED);
    EXPECT_STR(str_from(reason), "the signature is wrong");
    static char big[TOKEN_BYTES_MAX + 1];
    memset(big, 'a', sizeof big);
    EXPECT_STATUS(token_cache_verify(cache, str_of(big, sizeof big), &identity, &reason, &err),
                  UNAUTHENTICATED);
    EXPECT_UINT(token_cache_counts(cache).entries, 0);
    token_cache_destroy(cache);
}

TEST(token_cache_full_forgets_the_least_used)
{
    struct fake_clock fake;
    struct buf tokens[4];
    struct error err;
    struct token_identity identity;
    fake_clock_init(&fake, NOW * INT64_C(1000000));
    struct token_cache *cache = token_cache_create(&fake.clock, SECRET, 3);
    for (int i = 0; i < 4; i++) {
        buf_init(&tokens[i]);
        sign(&tokens[i], STR_LIT("alice"), NOW + 100 + i);
    }
    static const int order[] = {0, 1, 2, 0, 3, 0, 1}; /* 3 drops 1, so 1 is a miss again */
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        EXPECT_OK(token_cache_verify(cache, buf_str(&tokens[order[i]]), &identity, NULL, &err),
                  &err);
        EXPECT_INT(identity.expires_s, NOW + 100 + order[i]);
    }
    EXPECT_UINT(token_cache_counts(cache).hits, 2);
    EXPECT_UINT(token_cache_counts(cache).misses, 5);
    EXPECT_UINT(token_cache_counts(cache).entries, 3);
    token_cache_destroy(cache);
    for (int i = 0; i < 4; i++) {
        buf_release(&tokens[i]);
    }
}

/* Twice as many tokens as slots: most slots change hands, and nobody gets another's identity. */
TEST(token_memo_verify_of_tokens_that_share_slots_gives_each_its_own_identity)
{
    struct fake_clock fake;
    struct buf token;
    struct error err;
    struct token_memo memo = {{NULL}};
    struct token_identity identity;
    enum { TOKENS = 2 * TOKEN_MEMO_SLOTS, ROUNDS = 3 };
    fake_clock_init(&fake, NOW * INT64_C(1000000));
    buf_init(&token);
    struct token_cache *cache = token_cache_create(&fake.clock, SECRET, TOKENS);
    for (int i = 0; i < ROUNDS * TOKENS; i++) {
        char user[16];
        (void)snprintf(user, sizeof user, "user%d", i % TOKENS);
        sign(&token, str_from(user), NOW + 100);
        EXPECT_OK(token_memo_verify(&memo, cache, buf_str(&token), &identity, NULL, &err), &err);
        EXPECT(str_eq(token_identity_user(&identity), str_from(user)));
    }
    EXPECT_UINT(token_cache_counts(cache).misses, TOKENS);
    EXPECT_UINT(token_cache_counts(cache).hits, (ROUNDS - 1) * TOKENS);
    token_memo_release(&memo);
    token_cache_destroy(cache);
    buf_release(&token);
}

TEST(token_memo_verify_of_a_known_token_that_has_expired_says_so)
{
    struct fake_clock fake;
    struct buf token;
    struct error err;
    struct token_memo memo = {{NULL}};
    struct token_identity identity;
    fake_clock_init(&fake, NOW * INT64_C(1000000));
    buf_init(&token);
    struct token_cache *cache = token_cache_create(&fake.clock, SECRET, 10);
    sign(&token, STR_LIT("alice"), NOW + 100);
    EXPECT_OK(token_memo_verify(&memo, cache, buf_str(&token), &identity, NULL, &err), &err);
    EXPECT_OK(token_memo_verify(&memo, cache, buf_str(&token), &identity, NULL, &err), &err);
    fake_clock_advance(&fake, 161 * INT64_C(1000000));
    EXPECT_STATUS(token_memo_verify(&memo, cache, buf_str(&token), &identity, NULL, &err),
                  UNAUTHENTICATED);
    EXPECT(err.id == ERROR_TOKEN_EXPIRED);
    token_memo_release(&memo);
    token_cache_destroy(cache);
    buf_release(&token);
}

TEST(token_memo_verify_of_a_token_cut_short_or_changed_refuses_it)
{
    struct fake_clock fake;
    struct buf token;
    struct error err;
    struct token_memo memo = {{NULL}};
    struct token_identity identity;
    fake_clock_init(&fake, NOW * INT64_C(1000000));
    buf_init(&token);
    struct token_cache *cache = token_cache_create(&fake.clock, SECRET, 10);
    sign(&token, STR_LIT("alice"), NOW + 100);
    EXPECT_OK(token_memo_verify(&memo, cache, buf_str(&token), &identity, NULL, &err), &err);
    str cut = str_slice(buf_str(&token), 0, token.n - 1);
    EXPECT_STATUS(token_memo_verify(&memo, cache, cut, &identity, NULL, &err), UNAUTHENTICATED);
    token.p[token.n - 2] = token.p[token.n - 2] == 'A' ? 'B' : 'A';
    EXPECT_STATUS(token_memo_verify(&memo, cache, buf_str(&token), &identity, NULL, &err),
                  UNAUTHENTICATED);
    token_memo_release(&memo);
    token_cache_destroy(cache);
    buf_release(&token);
}
