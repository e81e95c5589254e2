/* bench/parts.h -- what the parts cost without the server around them.
 * For:      the group `parts` (requirement T228): writes, reads and scans of the store seam on a
 *           RocksDB of its own beside the server's data, rows and keys encoded and opened, JSON of
 * a row; the flush and the notification are in the groups `cold` and `live`. Threads:  one. */
#ifndef BENCH_PARTS_H
#define BENCH_PARTS_H

#include "scenarios.h"

void parts_run(struct bench *bench);

#endif
