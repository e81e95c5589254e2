/* query/heavy.h -- who is in the SQL engine: a few at once, or one alone.
 * For:      bounding the statements that run at once; telling one that needs more memory than there
 *           is from one that found the memory taken by others. Memory that is refused while others
 *           were in is nobody's proven fault: the statement runs once more, alone, if it can within
 *           its deadline. A user whose statement was refused even so is believed to be at fault for
 *           a while, so that nobody holds up the others with one such statement after another.
 * Owns:     counts; nothing of a statement.
 * Threads:  workers; everything is guarded by the lock of the query engine. */
#ifndef QUERY_HEAVY_H
#define QUERY_HEAVY_H

#include "base/lock.h"
#include "base/str.h"

struct query_engine;

enum {
    HEAVY_WAITING_MAX = 256,
    HEAVY_WAIT_MS = 10000,      /* for a place */
    HEAVY_ALONE_WAIT_MS = 5000, /* for the others to end; meanwhile nobody else comes in */
    HEAVY_PAUSE_MS = 10000,     /* between two passes alone of one user */
    HEAVY_BLAME_MS = 60000,     /* after one that did not help */
    HEAVY_USERS_MAX = 64        /* remembered */
};

struct heavy_user {
    uint64_t hash; /* of the user id */
    uint64_t until_us;
    bool is_blamed;
};

struct heavy {
    struct cond room; /* a statement ended */
    unsigned count_max;
    unsigned count;         /* in the engine */
    unsigned waiting_count; /* at the door */
    unsigned alone_waiting_count;
    bool is_one_alone;
    uint64_t entry_count;
    struct heavy_user users[HEAVY_USERS_MAX]; /* who had a pass alone; the oldest makes room */
    unsigned user_next;
};

/* A statement's stay. */
struct heavy_pass {
    bool is_alone;
    bool had_company; /* others were in when it came */
    uint64_t entry_number;
};

/* What a statement that was refused memory says. */
enum heavy_verdict {
    HEAVY_AT_FAULT, /* it needs more than there is */
    HEAVY_RUN_ALONE,
    HEAVY_BUSY /* it had its turn alone a moment ago */
};

/* Nobody inside; at most `count_max` at once. */
void heavy_init(struct heavy *heavy, unsigned count_max);
void heavy_release(struct heavy *heavy);

/* Comes in, waiting until `deadline_us` (monotonic; 0: none) and the limits above at most. BUSY:
 * too many wait, or no place in time. CANCELLED: *is_cancelled (NULL: none) became not 0. */
MUST_USE status query_enter_heavy(struct query_engine *engine, bool alone, uint64_t deadline_us,
                                  const atomic_count *is_cancelled, struct heavy_pass *pass,
                                  struct error *err);
void query_leave_heavy(struct query_engine *engine, const struct heavy_pass *pass);
/* Asked before leaving, by a statement that was refused memory. */
enum heavy_verdict query_judge_heavy(struct query_engine *engine, const struct heavy_pass *pass,
                                     str user_id);
/* Memory was refused in a pass alone. */
void query_blame_heavy(struct query_engine *engine, str user_id);

#endif
