/* server/api_auth.h -- log-in, refresh, log-out, me, status, setup (contract http-ws.md section 3).
 * Manners:  a stranger learns nothing: a wrong password, an unknown and a deleted user look and
 * cost the same. Passwords and tokens are never logged. Threads:  loops; what hashes passwords or
 * writes runs on the auth workers. */
#ifndef SERVER_API_AUTH_H
#define SERVER_API_AUTH_H

#include "server/http_conn.h"

/* Too many log-ins from one address: 429. */
void api_auth_head(struct http_call *call);
void api_auth_setup_head(struct http_call *call);

/* The handlers below /v1/api/auth: each answers the call, now or from a worker. */
void api_auth_login(struct http_call *call);
void api_auth_refresh(struct http_call *call);
void api_auth_logout(struct http_call *call);
void api_auth_me(struct http_call *call);
void api_auth_status(struct http_call *call);
void api_auth_setup(struct http_call *call);

#endif
