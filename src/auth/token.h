/* auth/token.h -- the tokens that a log-in gives out: JWT, HS256, nothing else.
 * For:      signing and verifying access and refresh tokens (contract http-ws.md section 3.5).
 *           Strict: three parts, unpadded base64url, one algorithm, no `crit`, no key twice; the
 *           signature is compared in constant time before anything in the token is read.
 * Touches:  engine/crypto_digest, wire/json.
 * Owns:     nothing.
 * Threads:  any. */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include "base/arena.h"
#include "base/buf.h"
#include "catalog/catalog.h"

enum token_kind { TOKEN_ACCESS, TOKEN_REFRESH };

enum { TOKEN_BYTES_MAX = 8192, TOKEN_LEEWAY_S = 60 };
#define TOKEN_ISSUER "kalamdb"

struct token_claims {
    str user_id; /* `sub` */
    enum token_kind kind;
    bool has_role; /* a token may come without one; then any stored role will do */
    enum role role;
    str email;         /* p NULL: null */
    int64_t issued_s;  /* `iat`, s since 1970 */
    int64_t expires_s; /* `exp` */
};

/* Appends the signed token. */
void token_sign(struct buf *out, str secret, const struct token_claims *claims);

/* Checks everything a token says by itself; whether the user still exists and still has that role
 * is the caller's to ask. Texts of `claims` live in the arena. UNAUTHENTICATED: TOKEN_EXPIRED when
 * that is all that is wrong, else INVALID_CREDENTIALS; both say no more than "Invalid credentials",
 * and `reason` (may be NULL) gets a static text for the log. */
MUST_USE status token_verify(str secret, str token, enum token_kind wanted, int64_t now_s,
                             struct arena *arena, struct token_claims *claims, const char **reason,
                             struct error *err);

#endif
