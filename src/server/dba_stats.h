/* server/dba_stats.h -- figures of system.stats, kept over time as rows of dba.stats.
 * For:      retention.enable_dba_stats: a job thread calls it every DBA_STATS_TICK_S.
 * Touches:  the workers, who run its statements as the user root.
 * Owns:     nothing.
 * Threads:  one job thread at a time. */
#ifndef SERVER_DBA_STATS_H
#define SERVER_DBA_STATS_H

#include "server/server.h"

enum { DBA_STATS_TICK_S = 30 };

/* Writes one row per figure; at the first call, and twelve hours after the last time, removes rows
 * older than retention.dba_stats_retention_days. Waits for both. `context`: the server. BUSY: the
 * workers take nothing more. */
MUST_USE status dba_stats_sample(void *context, struct error *err);

#endif
