/* server/api_sql.h -- POST /v1/api/sql (contract http-ws.md section 2).
 * For:      routes.c. The order of things is the contract's 2.2: who asks and how often, the body,
 *           then struct query does the rest.
 * Touches:  query/query.h, bearer, multipart. A query that can be answered from memory is, on the
 *           loop; a prepared write is answered when its commit group is; all else runs on a worker.
 * Threads:  loops and workers; a call is with one of them at a time. */
#ifndef SERVER_API_SQL_H
#define SERVER_API_SQL_H

#include "server/http_conn.h"

/* The phases of POST /v1/api/sql: rights and limits at the head, the statement when the body is
 * there. */
void api_sql_head(struct http_call *call);
void api_sql(struct http_call *call);
/* Routes that only need to know who asks: the caller is in call->state (struct caller). */
void api_bearer_head(struct http_call *call);

#endif
