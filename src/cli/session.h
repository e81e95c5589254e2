/* cli/session.h -- who asks, and statements as that user.
 * For:      the prompt, scripts, subscriptions.
 * Manners:  user, password and tokens stay in memory. A token that expired is renewed once per
 *           statement; a server that says "too many queries" is asked again after a while.
 * Touches:  cli/web. Owns: its texts. Threads: one. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "cli/web.h"
#include "wire/json.h"

struct session {
    struct endpoint endpoint;
    struct web web;
    struct arena arena; /* texts below, until the end of the session */
    str user;
    str password;
    bool has_password;
    str token;
    str refresh_token;
    str namespace_name; /* empty: the server's default */
};

/* Connects to nothing yet. */
MUST_USE bool session_init(struct session *session, const struct options *options,
                           struct failure *failure);
void session_release(struct session *session);

/* What /v1/api/auth/status says; `known` false: the server does not tell us. */
MUST_USE bool session_needs_setup(struct session *session, bool *known, bool *needs_setup,
                                  struct failure *failure);
/* Creates the first administrator and sets root's password. */
MUST_USE bool session_set_up(struct session *session, str user, str password, str root_password,
                             struct failure *failure);
/* By user and password. code "setup_required": the server has no password for root yet. */
MUST_USE bool session_log_in(struct session *session, struct failure *failure);
/* A new token after TOKEN_EXPIRED: by the refresh token, else by password. False: neither. */
MUST_USE bool session_renew(struct session *session, struct failure *failure);

struct reply {
    const struct json *results; /* array of RESULT */
    double took_ms;
};

/* Runs one statement or batch. The reply lives in `arena`. False: it failed, and nothing of the
 * request's results is known. */
MUST_USE bool session_sql(struct session *session, str sql, struct arena *arena, struct reply *out,
                          struct failure *failure);

#endif
