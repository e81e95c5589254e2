/* tests/unit/store/model.h -- random schedules of one table in one partition against a truth in
 * memory. For:      model_test.c: the clean store shows no violation; each planted defect shows
 * one. */
#ifndef TESTS_STORE_MODEL_H
#define TESTS_STORE_MODEL_H

#include <stdint.h>

struct model_options {
    uint64_t seed;
    unsigned steps;
    unsigned keys;        /* 1..8 */
    unsigned writes;      /* of a thousand steps; the others are jobs, views, time, crashes */
    unsigned merge_bytes; /* 0: a flush never merges */
    int is_unlocked;      /* flush and compaction race; the commit's condition alone guards */
    int with_power_cuts;
};

/* Runs until a violation, or `steps` are over and everything is drained. NULL: all held; else what
 * did not, in a static buffer, with the step in *at_step. */
const char *model_run(const struct model_options *options, unsigned *at_step);

#endif
