/* query/idempotency.h -- Idempotency-Key: a request that is sent twice is executed once.
 * For:      run.c, and the two places that submit writes: write_job.c, transaction.c.
 * Rules:    the key covers the whole request: one INSERT, UPDATE or DELETE, or one transaction from
 *           BEGIN to COMMIT. Requests that only read ignore it; all else is refused with a key.
 *           The answer is kept in the commit of the write (store/answers.h) and given again to the
 *           same request of the same user; another request with the key is refused. Errors are not
 *           kept: nothing was written. Everything here blocks: such requests run on workers.
 * Owns:     nothing; memory is the request's arena. Threads: one at a time. */
#ifndef QUERY_IDEMPOTENCY_H
#define QUERY_IDEMPOTENCY_H

#include "query/run.h"
#include "store/commit_rows.h"

struct idempotency; /* of one request */

/* Once, for a parsed request. *out NULL: there is no key, or nothing that it covers. INVALID_INPUT:
 * the request has not the shape. */
MUST_USE status idempotency_open(struct query *query, struct idempotency **out, struct error *err);
/* Was the request executed before? Then its answer replaces what is in query->out.
 * IDEMPOTENCY_MISMATCH: the key belongs to another request. */
MUST_USE status idempotency_answer(struct query *query, bool *answered, struct error *err);
/* What a write carries so that `make` keeps the answer; NULL in *out: the request has no key.
 * Memory: `arena`, which must outlive the write. */
MUST_USE status idempotency_claim(struct run *run, struct arena *arena,
                                  status (*make)(void *context, struct buf *out, struct error *err),
                                  void *context, struct answer_claim **out, struct error *err);
/* Begins an answer: `has_rows` is what the envelope needs to know (query.has_rows). */
void idempotency_begin_answer(struct buf *out, bool has_rows);
/* What of query->out belongs to this request so far. */
str idempotency_output(const struct query *query);

#endif
