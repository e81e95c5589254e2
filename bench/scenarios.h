/* bench/scenarios.h -- what is measured.
 * Threads:  one. */
#ifndef BENCH_SCENARIOS_H
#define BENCH_SCENARIOS_H

#include "report.h"
#include "target.h"

struct bench {
    struct target *target;
    struct report *report;
    bool is_quick;
    double warm_s; /* of each load */
    double run_s;
    const char *only; /* a part of the name of a group; NULL: all */
    /* floors of this run, for targets that are ratios */
    double fdatasync_us;
    double static_per_s; /* at 16 connections */
};

void scenarios_run(struct bench *bench);

#endif
