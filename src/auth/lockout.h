/* auth/lockout.h -- an account after failed log-ins.
 *
 *      OPEN --5th failure in a row--> LOCKED --15 minutes--> OPEN, counting from 0
 *       ^  \__success: counts from 0__/
 *
 * Owns:     nothing: the two numbers are fields of the user's record; the caller stores them.
 * Threads:  any; pure functions of the clock handed in. */
#ifndef AUTH_LOCKOUT_H
#define AUTH_LOCKOUT_H

#include "base/clock.h"

enum { LOCKOUT_FAILURES_MAX = 5, LOCKOUT_MINUTES = 15 };

struct lockout {
    uint32_t failures;       /* in a row */
    int64_t locked_until_us; /* wall clock; 0: never locked */
};

/* UNAUTHENTICATED (ACCOUNT_LOCKED): the text names the minutes that are left, rounded up. The
 * password is not even looked at then. */
MUST_USE status lockout_check(const struct lockout *lockout, const struct clock *clock,
                              struct error *err);
/* A failed log-in while it was not locked; the returned state is to be stored. */
struct lockout lockout_after_failure(struct lockout lockout, const struct clock *clock);
struct lockout lockout_after_success(void);

#endif
