/* server/routes.h -- one table of method, path and handler.
 * For:      http_conn: what to do with a request. Also what comes before every route, in this
 * order: whose request it is, CORS preflight, body size, requests per address. Touches:  api_*.h,
 * guard, cors, client_ip. Threads:  loops. */
#ifndef SERVER_ROUTES_H
#define SERVER_ROUTES_H

#include "server/http_conn.h"

/* Calls it makes are of a server whose struct server is the context of the HTTP options. */
const struct http_handlers *routes_handlers(void);

#endif
