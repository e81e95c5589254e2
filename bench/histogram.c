/* bench/histogram.c -- the upper six bits behind the leading one choose the bucket. */
#include "histogram.h"

#include <string.h>

static unsigned bucket_of(uint64_t ns)
{
    if (ns < 64) {
        return (unsigned)ns;
    }
    unsigned power = 63 - (unsigned)__builtin_clzll(ns);
    unsigned bucket = (power - 5) * 64 + (unsigned)((ns >> (power - 6)) & 63);
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The middle of a bucket. */
static uint64_t value_of(unsigned bucket)
{
    if (bucket < 64) {
        return bucket;
    }
    unsigned power = bucket / 64 + 5;
    uint64_t low = ((uint64_t)1 << power) | ((uint64_t)(bucket % 64) << (power - 6));
    return low + ((uint64_t)1 << (power - 6)) / 2;
}

void histogram_clear(struct histogram *h)
{
    memset(h, 0, sizeof *h);
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    h->buckets[bucket_of(ns)]++;
    h->count++;
    h->sum_ns += ns;
    h->max_ns = ns > h->max_ns ? ns : h->max_ns;
}

uint64_t histogram_at(const struct histogram *h, double share)
{
    uint64_t wanted = (uint64_t)((double)h->count * share);
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen > wanted) {
            uint64_t value = value_of(i);
            return value < h->max_ns ? value : h->max_ns;
        }
    }
    return h->max_ns;
}
