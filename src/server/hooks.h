/* server/hooks.h -- statements and system tables whose doing lives above query/.
 * For:      server.c, which hands them to the query engine: jobs for STORAGE FLUSH, COMPACT, KILL
 * JOB and DROP TABLE; rows of system.jobs, settings, stats, manifest, cluster. Threads:  any;
 * called on workers. */
#ifndef SERVER_HOOKS_H
#define SERVER_HOOKS_H

#include "jobs/jobs.h"
#include "server/server.h"

struct hooks {
    struct server *server;
    struct jobs *jobs;
    /* Rows of system.live, and KILL LIVE QUERY. NULL: there are none. */
    status (*live_rows)(void *context, const struct row_sink *sink, struct error *err);
    status (*kill_live)(void *context, str id, struct error *err);
    void *live_context;
};

/* `hooks` outlives the query engine. */
void hooks_fill(struct query_hooks *out, struct hooks *hooks);

/* system_rows.c: NOT_FOUND: no table of ours. */
MUST_USE status system_rows_above(struct hooks *hooks, const struct session *session, str table,
                                  struct arena *arena, const struct row_sink *sink,
                                  struct error *err);

#endif
