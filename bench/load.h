/* bench/load.h -- many connections that ask as fast as they can, or at a given rate.
 * For:      closed loops (each connection asks again when it has its answer) and open loops
 *           (requests are due at fixed times; a late one counts from when it was due, so that a
 *           stall is not hidden).
 * Touches:  sockets and epoll of its own. Threads: one. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "histogram.h"
#include "target.h"

struct load {
    unsigned connections;
    double warm_s;
    double run_s;
    double rate; /* requests a second; 0: a closed loop */
    /* Appends the whole request number `n` (0, 1, ... over all) of connection `connection`. */
    void (*make)(void *context, unsigned connection, uint64_t n, struct buf *out);
    void *context;
};

struct load_result {
    uint64_t done; /* answered with 200 while measured */
    uint64_t errors;
    char error[512]; /* the first one */
    double seconds;
    double cpu_us; /* of the server, per request done */
    struct histogram latency;
};

void load_run(struct target *target, const struct load *load, struct load_result *out);

/* A connected, non-blocking socket without delay. */
int load_connect(const struct target *target);

#endif
