/* catalog/catalog_private.h -- the catalog's own state, shared by the files of catalog/ only. */
#ifndef CATALOG_CATALOG_PRIVATE_H
#define CATALOG_CATALOG_PRIVATE_H

#include "catalog/audit.h"
#include "catalog/record.h"
#include "catalog/snapshot.h"

struct catalog {
    struct kv_store *store;
    struct committer *committer;
    const struct clock *clock;
    struct catalog_listener listener;

    struct lock lock; /* guards snapshot (the pointer) and users */
    struct snapshot_body *snapshot;
    struct map users; /* id -> struct user */
    /* Those of each role above user, of whom there are few; nobody is counted here. */
    struct map users_of[ROLE_SYSTEM + 1];

    struct schema_cache *schemas;
};

/* One DDL on its way through the committer. Lives on the stack of the waiting worker. */
struct change {
    struct commit_request request; /* first */
    struct catalog *catalog;
    /* Checks and writes records in the overlay; sets what follows. */
    status (*evaluate)(struct change *change, struct commit_txn *txn, struct error *err);
    const void *input; /* what evaluate works on */
    /* Set by evaluate for publish, counted: */
    struct object *added;
    struct removal *removed; /* change_remove */
    struct user *user;
    bool is_unchanged;               /* nothing to write or publish */
    const struct audit_entry *audit; /* goes into the same commit; NULL: none */
    /* Outputs. */
    table_id id;
    uint32_t version;
    bool is_table_changed;
    namespace_id dropped_namespace;
};

/* Submits the change and waits. */
MUST_USE status catalog_apply(struct change *change, struct catalog *catalog,
                              status (*evaluate)(struct change *, struct commit_txn *,
                                                 struct error *),
                              const void *input, struct error *err);
/* The same for what makes room: it may use the reserve of the disk (engine/kv.h). */
MUST_USE status catalog_apply_removal(struct change *change, struct catalog *catalog,
                                      status (*evaluate)(struct change *, struct commit_txn *,
                                                         struct error *),
                                      const void *input, struct error *err);

/* Overlay helpers for evaluate functions. */
MUST_USE status change_get(struct commit_txn *txn, enum record_kind kind, str rest, str *value,
                           bool *found, struct error *err);
void change_put(struct commit_txn *txn, enum record_kind kind, str rest, str value);
void change_delete(struct commit_txn *txn, enum record_kind kind, str rest);
/* Writes an object's record and leaves the object for publish (takes the reference). */
void change_put_object(struct change *change, struct commit_txn *txn, struct object *object);
/* Deletes the record of an object, and the object from what publish shows. `table`: its id when it
 * is one, else 0. */
void change_remove(struct change *change, struct commit_txn *txn, enum record_kind kind, str key,
                   table_id table);
/* Drops a table: its records of now go, one that it is to be cleaned up stays. CONFLICT: it was
 * changed or dropped meanwhile. */
MUST_USE status change_drop_table(struct change *change, struct commit_txn *txn, table_id id,
                                  struct error *err);
/* The next number of a counter ("next_table", "next_namespace"). */
MUST_USE status change_next_number(struct commit_txn *txn, const char *counter, uint32_t *out,
                                   struct error *err);

/* Adds `delta` to a counter such as "tables:<namespace>" and returns the sum. */
MUST_USE status change_count(struct commit_txn *txn, const char *what, str of, int delta,
                             uint32_t *out, struct error *err);

/* Makes what every server has, where it is missing (catalog/bootstrap.c). */
MUST_USE status catalog_bootstrap(struct catalog *catalog, const struct catalog_options *options,
                                  struct error *err);

#endif
