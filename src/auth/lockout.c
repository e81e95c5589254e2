/* auth/lockout.c -- counting failures. */
#include "auth/lockout.h"

#define LOCKOUT_US (LOCKOUT_MINUTES * 60 * INT64_C(1000000))

status lockout_check(const struct lockout *lockout, const struct clock *clock, struct error *err)
{
    int64_t left_us = lockout->locked_until_us - clock_wall_us(clock);
    if (lockout->locked_until_us == 0 || left_us <= 0) {
        return STATUS_IS_OK;
    }
    /* A wall clock that was set back does not lock anyone for longer than the rule says. */
    left_us = left_us < LOCKOUT_US ? left_us : LOCKOUT_US;
    return error_set(err, ERROR_ACCOUNT_LOCKED, "Account locked. Please try again in %d minute(s).",
                     (int)((left_us + 59999999) / 60000000));
}

struct lockout lockout_after_failure(struct lockout lockout, const struct clock *clock)
{
    int64_t now_us = clock_wall_us(clock);
    if (lockout.locked_until_us != 0 && lockout.locked_until_us <= now_us) {
        lockout = (struct lockout){0}; /* it was locked, and that is over */
    }
    if (lockout.failures < UINT32_MAX) {
        lockout.failures++;
    }
    if (lockout.failures >= LOCKOUT_FAILURES_MAX) {
        lockout.locked_until_us = now_us + LOCKOUT_US;
    }
    return lockout;
}

struct lockout lockout_after_success(void)
{
    return (struct lockout){0};
}
