/* query/own.h -- what a struct query keeps for itself between its calls. */
#ifndef QUERY_OWN_H
#define QUERY_OWN_H

#include "query/observe.h"
#include "query/write_job.h"

enum { QUERY_ATTEMPTS_MAX = 4 }; /* a statement that lost a race is run again 3 times */

struct query_state_own {
    const struct sql_piece *pieces;
    const struct statement *parsed;      /* of the one piece, when it was parsed before; or NULL */
    const struct statement **statements; /* parsed, as they will run */
    struct session *sessions;            /* of each: EXECUTE AS changes it */
    unsigned count;
    unsigned next; /* the statement to run */
    bool is_authorised;
    struct idempotency *keyed; /* the request has one that counts; else NULL */
    struct results results;
    size_t out_before; /* of the statement that may run again */
    unsigned count_before;
    unsigned flushes_before;
    unsigned attempt;
    struct observed observed; /* observe.c */
    uint64_t deadline_us;     /* of a statement that goes alone, see struct run */
    bool goes_alone;
    bool is_long;                    /* see query_is_long */
    struct write_job *job;           /* pending */
    struct transaction *transaction; /* open; NULL: none */
};

/* Writes the outcome of a finished write into the results. */
MUST_USE status write_job_report(struct run *run, const struct write_job *job, struct error *err);

#endif
