/* server/bearer.h -- who asks, by an access token.
 * For:      SQL, topics, files, exports (Authorization header only), `me` (its cookie too), the
 *           WebSocket's `authenticate`.
 * Manners:  a token says who someone was; the role and the right to be here come from the published
 *           user record at every use, so a demotion, a deletion and a new password act at once.
 * Threads:  any, but for bearer_check; never blocks. */
#ifndef SERVER_BEARER_H
#define SERVER_BEARER_H

#include "catalog/catalog.h"
#include "server/http_conn.h"

struct server;

struct caller {
    str user_id; /* lives in the arena */
    enum role role;
    int64_t until_s; /* the last second, unix time, at which the token is accepted */
};

/* Was a token issued at `issued_s` issued after the user's password was last changed? Log-ins after
 * a change sign with a later second (bearer_issue_s), so one second is enough to tell. */
bool bearer_is_after_password(const struct user *user, int64_t issued_s);
/* The `iat` of a token that is signed at `now_s`. */
int64_t bearer_issue_s(const struct user *user, int64_t now_s);

/* Of the text of a token. UNAUTHENTICATED: TOKEN_EXPIRED or INVALID_CREDENTIALS. */
MUST_USE status bearer_check_token(struct server *server, str token, struct arena *arena,
                                   struct caller *out, struct error *err);
/* Of the Authorization header ("Bearer", as written), on the loop of the call.
 * MISSING_AUTHORIZATION too. */
MUST_USE status bearer_check(struct server *server, struct http_call *call, struct caller *out,
                             struct error *err);
/* The token of an Authorization header; false: it is none of the scheme Bearer. */
bool bearer_token(str header, bool any_case, str *token);

#endif
