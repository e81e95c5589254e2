/* catalog/audit.h -- the audit log: who did what to whom, durable.
 * For:      DDL and users (an entry is attached to the change and committed with it: there is never
 *           one without the other), acting as somebody else, log-ins of admins (posted).
 *           Rows of system.audit_log. No secret is ever handed in: no password, hash, SQL text.
 * Format:   docs/formats/catalog.md. The newest LIMIT_AUDIT_RECORDS are kept.
 * Touches:  the committer; family `system`, class `y`.
 * Threads:  any; an attached entry belongs to its thread. */
#ifndef CATALOG_AUDIT_H
#define CATALOG_AUDIT_H

#include "engine/kv_commit.h"

/* Empty texts are NULL in system.audit_log, but for the first three. */
struct audit_entry {
    str actor;   /* who really asked */
    str action;  /* "CREATE_USER", "EXECUTE_AS_USER_DENIED" ... */
    str target;  /* the user, table, job ... */
    str details; /* JSON text */
    str address; /* of the client */
    str subject; /* the user it was done to, or as */
};

/* The next change of the catalog that this thread makes carries `entry` (which outlives it) in its
 * commit. NULL: none; callers end with that. */
void audit_attach(const struct audit_entry *entry);

/* Queues the entry and returns at once: it is committed before whatever is queued after it, so a
 * write that follows is never durable without it. */
void audit_post(struct committer *committer, const struct audit_entry *entry);

/* A record as it is read back. */
struct audit_record {
    uint64_t number; /* audit_id; from 1 */
    int64_t at_us;
    struct audit_entry entry; /* lives during the visit */
};
typedef status audit_visit_fn(void *context, const struct audit_record *record, struct error *err);
/* Every record of the view, newest first. CORRUPT: one cannot be read. */
MUST_USE status audit_each(struct kv_view *view, audit_visit_fn *visit, void *context,
                           struct error *err);
/* The one with that number, if there is one. */
MUST_USE status audit_one(struct kv_view *view, uint64_t number, audit_visit_fn *visit,
                          void *context, struct error *err);

/* -- for catalog/ ------------------------------------------------------------------------------ */

/* What audit_attach left for this thread, taken away; NULL: nothing. */
const struct audit_entry *audit_take(void);
/* Writes the entry within apply. */
MUST_USE status audit_write(struct commit_txn *txn, const struct audit_entry *entry,
                            struct error *err);

#endif
