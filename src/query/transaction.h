/* query/transaction.h -- explicit transactions: BEGIN ... COMMIT within one request (contract
 * sql.md section 4.5, design.md section 7). For:      run.c, and everything that reads or writes
 * for a statement. Promises: snapshot isolation. Statements read the view of BEGIN and what they
 * wrote themselves (store/staged.h); COMMIT is one request of the committer, on disk when it is
 * answered, whatever the durability class of the request; the first committer wins, the other gets
 *           CONFLICT or, where both inserted a key, the constraint's error. Nothing is run again.
 * Owns:     the view, the staged rows and the write jobs that hold them, until its end.
 * Threads:  one at a time; transactions_each from any. */
#ifndef QUERY_TRANSACTION_H
#define QUERY_TRANSACTION_H

#include "query/write_job.h"
#include "store/staged.h"

struct transaction;

/* What system.transactions shows of an open transaction. */
struct transaction_info {
    str id;
    str owner_id; /* "sql-req-<request id>" */
    bool has_writes;
    int64_t age_ms;
    int64_t idle_ms; /* since its last statement began */
    uint64_t write_count;
    uint64_t write_bytes;
    uint64_t table_count;
    uint64_t snapshot_seq; /* greatest `_seq` published when it began */
};
/* Copies of all open ones, in the arena. */
struct transaction_info *transactions_list(struct query_engine *engine, struct arena *arena,
                                           unsigned *count);

/* For query.c. */
void transactions_init(struct transactions *transactions);
void transactions_release(struct transactions *transactions); /* none is open any more */

/* Before each statement of a request that has an open transaction: DDL is refused, and so is
 * everything once it is older than transaction_timeout_s. */
MUST_USE status transaction_check(struct run *run, struct error *err);
/* Takes a statement's write over instead of the committer and reports it; the job's hold is taken
 * over in any case. CONSTRAINT, CONFLICT, LIMIT, UNSUPPORTED: nothing of it is kept. */
MUST_USE status transaction_stage(struct run *run, struct write_job *job, struct error *err);
/* Forgets all of it; NULL allowed. */
void transaction_abort(struct transaction *transaction);

/* What a statement needs of its transaction; borrowed. */
str transaction_id(const struct transaction *transaction);
struct kv_view *transaction_view(const struct transaction *transaction);
const struct staged *transaction_staged(const struct transaction *transaction);

/* Handlers. */
run_fn run_begin, run_commit, run_rollback, run_savepoint, run_release_savepoint, run_rollback_to;

#endif
