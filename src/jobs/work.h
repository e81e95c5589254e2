/* jobs/work.h -- the doing of each kind of job. For jobs/ only. */
#ifndef JOBS_WORK_H
#define JOBS_WORK_H

#include "jobs/jobs.h"

struct work {
    const struct jobs_options *options;
    const struct job *job;
    struct cold_slot slot;
    char message[JOB_MESSAGE_BYTES]; /* what was done; set by work_run */
};

/* OK: completed, the message says what was done; *is_skipped: there was nothing to do. UNAVAILABLE
 * (BUSY) and CONFLICT are worth another try. */
MUST_USE status work_run(struct work *work, bool *is_skipped, struct error *err);

#endif
