/* server/hooks.h -- what statements ask of the rooms above query/: jobs, live queries, the rows of
 * system tables that only the whole server knows.
 * Threads:  workers; all may block. */
#ifndef SERVER_HOOKS_H
#define SERVER_HOOKS_H

#include "server/server.h"

/* With the server as context. */
struct query_hooks hooks_make(struct server *server);

/* Rows of jobs, job_nodes, live, manifest, cluster, settings ... (system_rows.c). NOT_FOUND: not
 * one of them. */
MUST_USE status system_rows_write(struct server *server, const struct session *session, str table,
                                  const struct system_key *key, struct arena *arena,
                                  const struct row_sink *sink, struct error *err);

/* Rows of stats (system_stats.c). */
MUST_USE status system_stats_write(struct server *server, struct arena *arena,
                                   const struct row_sink *sink, struct error *err);
/* What system.stats and system.cluster both show. */
uint64_t system_uptime_s(const struct server *server);
double system_cpu_percent(const struct server *server); /* of one core, mean since the start */
str system_api_address(const struct server *server, struct arena *arena);

/* Rows of server_logs: the last LINES_MAX lines of the JSON log file; none when the log is text
 * (system_logs.c). */
MUST_USE status system_logs_write(struct server *server, struct arena *arena,
                                  const struct row_sink *sink, struct error *err);

#endif
