/* jobs/meter.h -- what a job costs: CPU time and memory of its thread, from here to there.
 * For:      jobs/ only.
 * Threads:  begin and end on the thread that runs the job. */
#ifndef JOBS_METER_H
#define JOBS_METER_H

#include "jobs/job.h"

struct meter {
    uint64_t cpu_us; /* of the thread at the beginning */
};

/* Peaks of memory count from here. */
void meter_begin(struct meter *meter);
/* Adds the CPU time since meter_begin to the job's (at least 1 µs), and keeps the greatest peak of
 * memory. Work of other threads for it is left out: the committer's and the hot store's. */
void meter_end(const struct meter *meter, struct job *job);

#endif
