/* store/answers.h -- the answers of requests that came with an Idempotency-Key.
 * For:      a write that carries a claim keeps its answer in its own commit, so that a retry is
 *           answered from here and does not write again, after a crash too.
 * Keys:     docs/formats/store.md: family `system`, partition `y`:
 *             i/<id>              the answer        id: SHA-256 of user and key
 *             j/<created><id>     for expiry, oldest first
 *             k/<user>            how many answers a user has
 * Bounds:   LIMIT_IDEMPOTENCY_HOURS, LIMIT_IDEMPOTENCY_KEYS per user; what is older is removed by
 *           later claims, some at a time.
 * Owns:     nothing.
 * Threads:  finding: any; checking and keeping: the committer's. */
#ifndef STORE_ANSWERS_H
#define STORE_ANSWERS_H

#include "store/records.h"
#include "store/store.h"

/* An answer that is too old, to be removed. */
struct expired_answer {
    int64_t created_us;
    char id[ANSWER_ID_BYTES];
};
enum { EXPIRED_ANSWERS_MAX = 8 };

/* What a row_write carries (row_write.claim); lives as long as it. */
struct answer_claim {
    char id[ANSWER_ID_BYTES];
    char user[ANSWER_ID_BYTES];    /* SHA-256 of the user id */
    char request[ANSWER_ID_BYTES]; /* SHA-256 of what was asked */
    struct expired_answer expired[EXPIRED_ANSWERS_MAX];
    unsigned expired_count;
    unsigned keys_max; /* answers that the user may have */
    /* Appends the answer, on the committer's thread, once the ops have their results. */
    status (*make)(void *context, struct buf *out, struct error *err);
    void *context;
};

/* The answer kept for an id and not older than the window at `now_us`; texts in the arena. Blocks.
 */
MUST_USE status answers_find(struct store *store, const char id[ANSWER_ID_BYTES], int64_t now_us,
                             struct arena *arena, struct stored_answer *out, bool *found,
                             struct error *err);
/* Fills in what the claim is to remove. Blocks. */
MUST_USE status answers_find_expired(struct store *store, struct answer_claim *claim,
                                     int64_t now_us, struct error *err);

/* Within a commit, before anything is written. CONFLICT: the id has an answer by now: ask
 * answers_find. RATE_LIMIT: the user has as many as allowed. */
MUST_USE status answers_check(struct commit_txn *txn, const struct answer_claim *claim,
                              struct error *err);
/* After everything: makes the answer and keeps it. LIMIT: it is too long to be kept. */
MUST_USE status answers_keep(struct commit_txn *txn, const struct answer_claim *claim,
                             struct error *err);

#endif
