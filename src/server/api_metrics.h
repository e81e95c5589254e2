/* server/api_metrics.h -- GET /metrics: figures for Prometheus, by setting metrics.access.
 * For:      routes.c; server.c joins it to the server's own figures. A page of another origin and a
 *           name that is not this machine's get none without a token, since names of tables are
 *           among them.
 * Threads:  handlers: the loop of the call; the text is written on a worker. */
#ifndef SERVER_API_METRICS_H
#define SERVER_API_METRICS_H

#include "server/http_conn.h"

struct server;

/* The two phases of GET /metrics. */
void api_metrics_head(struct http_call *call);
void api_metrics(struct http_call *call);

/* Joins the figures that the server is asked for. After all else was opened, before it is closed.
 */
void api_metrics_open(struct server *server);
void api_metrics_close(struct server *server);

#endif
