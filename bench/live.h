/* bench/live.h -- from a write to the subscriber that sees it.
 * For:      delivery times with one subscriber, and with many of which one matches.
 * Touches:  WebSockets of its own and one HTTP connection. Threads: one. */
#ifndef BENCH_LIVE_H
#define BENCH_LIVE_H

#include "histogram.h"
#include "target.h"

struct live_load {
    unsigned sockets;  /* each with one subscription */
    const char *table; /* with columns id BIGINT, owner INT, body TEXT */
    const char *durability;
    double run_s;
    uint64_t first_id;
};

struct live_result {
    uint64_t writes;
    uint64_t strays; /* events that went to a subscriber they do not concern */
    double seconds;
    double cpu_us;             /* of the server, per write */
    struct histogram delivery; /* from sending the INSERT to the event */
    struct histogram answer;   /* from sending the INSERT to its answer */
};

/* Socket i subscribes to the rows with owner = i; the writer inserts rows with owner 0, one after
 * the other, each after the event of the one before. */
void live_run(struct target *target, const struct live_load *load, struct live_result *out);

#endif
