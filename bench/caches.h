/* bench/caches.h -- what the caches of a server save.
 * For:      the group `caches`: a schema and a whole read of a system table found and not found, in
 *           this process, over a RocksDB of its own beside the server's data; then statements warm
 *           and cold, through the server.
 * Threads:  one, but for the hits of several at once. */
#ifndef BENCH_CACHES_H
#define BENCH_CACHES_H

#include "scenarios.h"

void caches_run(struct bench *bench);

#endif
