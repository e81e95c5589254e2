/* store/compact_choose.h -- which neighbours are worth compacting. Pure. */
#ifndef STORE_COMPACT_CHOOSE_H
#define STORE_COMPACT_CHOOSE_H

#include "store/records.h"

enum { COMPACT_DEAD_PERCENT = 10, COMPACT_DEAD_ROWS = 50000 };

struct compact_rules {
    uint64_t small_bytes;
    uint32_t small_count;
    uint64_t output_bytes_max;
    uint64_t expired_before; /* tombstones with a lower seq are expired; 0: none */
    bool is_forced;
};

/* `segments` ascend, `dead` has the dead rows of each. *first and *count: the run to take, *count
 * 0: none is worth it. A forced run has at least two segments, or one with dead rows. */
void compact_choose(const struct segment *segments, const uint64_t *dead, unsigned segment_count,
                    const struct compact_rules *rules, unsigned *first, unsigned *count);

#endif
