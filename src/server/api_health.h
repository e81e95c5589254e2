/* server/api_health.h -- is it there, and how is it (contract http-ws.md section 7).
 * Threads:  loops. */
#ifndef SERVER_API_HEALTH_H
#define SERVER_API_HEALTH_H

#include "server/http_conn.h"

#define SERVER_VERSION "0.4.3"
#define SERVER_BUILD_DATE __DATE__ " " __TIME__
/* GET /health, GET /v1/api/healthcheck; this machine only. */
void api_health(struct http_call *call);
/* GET /v1/api/cluster/health: this server is a cluster of one. */
void api_cluster_health(struct http_call *call);

/* "1d 2h 3m", "2h 3m", "3m 4s" or "4s"; lives in the arena. */
str api_human_time(struct arena *arena, uint64_t s);

#endif
