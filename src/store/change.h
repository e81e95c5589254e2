/* store/change.h -- what one commit request changed in one table of one partition.
 * For:      topics (before) and live queries (after) see writes as this and nothing else.
 * Owns:     one counted block with everything in it.
 * Threads:  immutable once made; any. */
#ifndef STORE_CHANGE_H
#define STORE_CHANGE_H

#include "store/keys.h"

enum change_op { CHANGE_INSERT, CHANGE_UPDATE, CHANGE_DELETE };

struct change {
    enum change_op op;
    uint64_t seq;     /* `_seq` of the new version; of the physical delete of a STREAM row too */
    uint64_t old_seq; /* version that it supersedes, a tombstone included; 0: none */
    str key;          /* encoded key; empty in a table without one */
    str old_row;      /* bytes of the superseded version; empty: there was none, it was a tombstone,
                         or (upsert over a cold row) it was not at hand */
    str new_row; /* bytes of the new version; for a delete the tombstone, with the last values */
};

struct change_set {
    refcount refs;
    table_id table;
    enum table_kind kind;
    namespace_id ns;
    str partition; /* its prefix */
    str owner;     /* user id; empty for SHARED */
    uint32_t schema_version;
    uint64_t last_seq; /* of the last change */
    unsigned count;
    const struct change *changes; /* in commit order, ascending seq */
};

/* Takes a reference. */
struct change_set *change_set_take(struct change_set *set);
void change_set_give(struct change_set *set); /* NULL allowed */

/* A copy of `changes` and of all texts in one block, with one reference. */
struct change_set *change_set_create(const struct table_part *part, uint32_t schema_version,
                                     const struct change *changes, unsigned count);

/* Who is told. All run on the committer thread and must not block. */
struct change_sink {
    /* Does anybody wait for changes of this table in this partition? Asked while a request with new
     * rows of an ephemeral STREAM table is evaluated, once for all rows of the partition: "no"
     * discards them. Whoever was registered before the request was submitted is seen; for one who
     * registers meanwhile they are either kept and told, or discarded. NULL: nobody does. */
    bool (*is_watched)(void *context, table_id table, str partition);
    /* While the request is evaluated; may add to the batch. Not OK refuses the request. NULL: none.
     */
    status (*before)(void *context, struct commit_txn *txn, struct change_set *set,
                     struct error *err);
    /* Once the changes are durable, in commit order. The set is valid during the call; take it to
     * keep it. NULL: none. */
    void (*after)(void *context, struct change_set *set);
    void *context;
};

#endif
