/* auth/token_cache.h -- tokens that were verified before.
 * For:      not checking a signature and reading JSON for every request: SHA-256 of the token ->
 *           its claims. Rights are not cached: the caller asks the published user record at every
 *           use, so that a demotion acts at once.
 * Owns:     at most `entries_max` claims. The cache keeps no token, only its hash. A memo keeps the
 *           few tokens that one thread met last: comparing them is four times quicker than hashing.
 * Threads:  any; guarded by its lock. A memo: one thread. */
#ifndef AUTH_TOKEN_CACHE_H
#define AUTH_TOKEN_CACHE_H

#include "auth/token.h"
#include "model/limits.h"

struct token_cache;

/* What a request needs to know about its token. */
struct token_identity {
    char user_id[LIMIT_USER_ID_BYTES];
    uint8_t user_id_bytes;
    bool has_role;
    enum role role;
    int64_t issued_s;
    int64_t expires_s;
};
static inline str token_identity_user(const struct token_identity *identity)
{
    return str_of(identity->user_id, identity->user_id_bytes);
}

/* `secret` (copied) verifies; `clock` outlives the cache. */
struct token_cache *token_cache_create(const struct clock *clock, str secret, uint32_t entries_max);
void token_cache_destroy(struct token_cache *cache);

/* Verifies an access token as token_verify does, from the cache if it can. Statuses and `reason` as
 * there. Refresh tokens are rare and go to token_verify. */
MUST_USE status token_cache_verify(struct token_cache *cache, str token,
                                   struct token_identity *identity, const char **reason,
                                   struct error *err);

/* What one thread verified last, by the bytes of the token; zeroes are an empty memo. */
enum { TOKEN_MEMO_SLOTS = 64 };
struct token_memo {
    struct token_memo_entry *slots[TOKEN_MEMO_SLOTS];
};
/* As token_cache_verify; the memo belongs to one cache for all its life. */
MUST_USE status token_memo_verify(struct token_memo *memo, struct token_cache *cache, str token,
                                  struct token_identity *identity, const char **reason,
                                  struct error *err);
/* Wipes and forgets its tokens. */
void token_memo_release(struct token_memo *memo);

/* A hit of a memo is a hit. */
struct token_cache_counts {
    uint64_t entries;
    uint64_t hits;
    uint64_t misses;
};
struct token_cache_counts token_cache_counts(struct token_cache *cache);

#endif
