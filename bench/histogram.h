/* bench/histogram.h -- how long things took, in buckets of 1.6 % width.
 * For:      percentiles of millions of latencies in fixed memory.
 * Threads:  one at a time. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

/* Values below 64 have a bucket each; from there on every doubling has 64 buckets. */
enum { HISTOGRAM_BUCKETS = 64 * 40 };

struct histogram {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t max_ns;
    uint32_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_clear(struct histogram *h);
void histogram_add(struct histogram *h, uint64_t ns);
/* The value that `share` (0..1) of all are not above; 0 when there are none. */
uint64_t histogram_at(const struct histogram *h, double share);

#endif
