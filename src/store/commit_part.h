/* store/commit_part.h -- one table in one partition while a commit request is evaluated.
 * For:      the apply functions of commit_rows, flush, compact, stream, drop: reading `n` and `f`
 * from the overlay once, and writing them back with what changed. Rules:    a version lies in the
 * hot tier when its seq > flushed_seq of this state, else in the one segment that holds it. It is
 * never decided earlier than here. Threads:  the committer's. */
#ifndef STORE_COMMIT_PART_H
#define STORE_COMMIT_PART_H

#include "store/records.h"
#include "store/store.h"

struct part_txn {
    struct commit_txn *txn;
    const struct table_part *part;
    struct table_state state;
    struct flush_intent intent; /* when has_intent */
    bool has_intent;
    bool is_state_changed;
    bool is_intent_changed;
    struct buf key;
};

/* Reads `n` and `f`. Ended by part_txn_close in any case. */
MUST_USE status part_txn_open(struct part_txn *p, struct commit_txn *txn,
                              const struct table_part *part, struct error *err);
void part_txn_close(struct part_txn *p);

/* Keys of the part, built from their kind and rest, in the overlay. A value lives until the group
 * ends. */
MUST_USE status part_get(struct part_txn *p, enum key_kind kind, str rest, str *value, bool *found,
                         struct error *err);
MUST_USE status part_get_number(struct part_txn *p, enum key_kind kind, uint64_t number, str *value,
                                bool *found, struct error *err);
void part_put(struct part_txn *p, enum key_kind kind, str rest, str value);
void part_put_number(struct part_txn *p, enum key_kind kind, uint64_t number, str value);
void part_delete(struct part_txn *p, enum key_kind kind, str rest);
void part_delete_number(struct part_txn *p, enum key_kind kind, uint64_t number);
/* Removes the keys of a kind with after < number <= to. */
void part_delete_numbers(struct part_txn *p, enum key_kind kind, uint64_t after, uint64_t to);
/* Removes all keys of a kind. */
void part_delete_kind(struct part_txn *p, enum key_kind kind);

/* The newest entry of a key. */
MUST_USE status part_find_key(struct part_txn *p, str key, struct key_entry *entry, bool *found,
                              struct error *err);
void part_put_key(struct part_txn *p, str key, const struct key_entry *entry);
/* Adds a hot version; counts it. */
void part_add_row(struct part_txn *p, uint64_t seq, str row);
/* Takes version `seq` out of sight wherever it lies: the rule of the protocol. *old_row: its bytes
 * when it is hot; an `old_row` that is not empty at entry is trusted to be them. */
MUST_USE status part_supersede(struct part_txn *p, uint64_t seq, str *old_row, struct error *err);
/* Removes the hot version `seq` without a trace (STREAM). */
MUST_USE status part_remove_row(struct part_txn *p, uint64_t seq, str *old_row, struct error *err);
void part_set_dead(struct part_txn *p, uint64_t seq);
void part_clear_intent(struct part_txn *p);
/* Entries of the manifest, with their counters; then one part_touch_manifest per commit. */
void part_add_segment(struct part_txn *p, const struct segment *segment);
void part_remove_segment(struct part_txn *p, const struct segment *segment);
void part_touch_manifest(struct part_txn *p);
/* CONFLICT: the segment is not in the manifest any more. */
MUST_USE status part_check_segment(struct part_txn *p, const struct segment *segment,
                                   struct error *err);

/* What a request hands from apply to publish. */
struct store_change;
struct store_change *store_change_create(struct store *store, struct commit_txn *txn);
/* The part's state goes to the registry once durable. Call before part_txn_close. */
void store_change_add_state(struct store_change *change, const struct part_txn *p);
/* The part is gone. */
void store_change_add_removal(struct store_change *change, const struct part_txn *p);
/* The set goes to the sink once durable; the reference is kept until then. */
void store_change_add_set(struct store_change *change, struct change_set *set);
/* publish of every request of store/. */
void store_publish(struct commit_request *request);
/* Submits a request of the store and waits for its end: durable, or refused with the reason in
 * `err` (NULL: unwanted). */
MUST_USE status store_submit(struct store *store, struct commit_request *request,
                             status (*apply)(struct commit_txn *, struct commit_request *),
                             struct error *err);

#endif
