/* store/compact.h -- merging neighbouring segments of one table in one partition.
 * For:      jobs: fewer files, without dead rows and expired tombstones. Exactly the model-checked
 *           protocol of design section 6; change it only together with the model.
 * Use:      compact_run, or step by step as flush.h.
 *
 *     START -> VIEW -> NUMBER -> WRITTEN -> SYNCED -> RENAMED -> PLACED -> COMMITTED -> DONE
 *       |       |         |         |          |         |          |
 *       |       +---------+---------+----------+---------+----------+-> CLEAN -> EMPTY | FAILED
 *       +-> FAILED                                                  +-> FAILED (outcome unknown)
 *
 * Rules:    1. one view; neighbours only; (low, high] from the first's lower to the last's upper
 * bound
 *           2. the commit is refused when a source is not in the manifest any more
 *           3. it deletes exactly the view's `d` keys in (low, high] and `d/t` of each expired
 *              tombstone t that it dropped; never a range, never outside
 *           4. `p` of a dropped tombstone goes when it still names it at the commit; resume_floor
 *              rises to the greatest one
 * Threads:  one at a time, with 8 MiB of stack; compact_cancel from any. */
#ifndef STORE_COMPACT_H
#define STORE_COMPACT_H

#include "store/store.h"

enum compact_state {
    COMPACT_START,
    COMPACT_VIEW,   /* sources are chosen */
    COMPACT_NUMBER, /* the new segment's number is taken */
    COMPACT_WRITTEN,
    COMPACT_SYNCED,
    COMPACT_RENAMED,
    COMPACT_PLACED,
    COMPACT_COMMITTED,
    COMPACT_CLEAN, /* failed or nothing to do: the file is to go */
    COMPACT_DONE,
    COMPACT_EMPTY, /* nothing to compact */
    COMPACT_FAILED,
    COMPACT_STATE_COUNT
};
/* For logs and tests. */
const char *compact_state_name(enum compact_state state);

/* What is worth compacting. */
struct compact_choice {
    bool is_forced; /* STORAGE COMPACT: all neighbours up to the size limit, whatever the triggers
                       say */
    /* Tests: exactly the segments [first, first + count) of the manifest. count 0: choose. */
    unsigned first;
    unsigned count;
};

struct compact_result {
    unsigned sources;    /* segments that went */
    uint64_t rows;       /* in the new segment; 0: there is none */
    uint64_t dead;       /* rows left out */
    uint64_t tombstones; /* expired ones left out */
    uint64_t bytes;      /* of the new segment */
};

struct compact;

/* A compaction of the chosen neighbours, not begun; the slot is its until compact_destroy.
 * NOT_FOUND: the table is gone, or has no segments. */
MUST_USE status compact_create(struct store *store, table_id table, str owner,
                               const struct compact_choice *choice, struct cold_slot slot,
                               struct compact **out, struct error *err);
void compact_step(struct compact *compact);
enum compact_state compact_state(const struct compact *compact);
bool compact_is_over(const struct compact *compact);
void compact_cancel(struct compact *compact);
MUST_USE status compact_outcome(const struct compact *compact, struct compact_result *result,
                                struct error *err);
void compact_destroy(struct compact *compact);

/* All steps. OK with sources 0: nothing was worth it. */
MUST_USE status compact_run(struct store *store, table_id table, str owner, bool is_forced,
                            struct cold_slot slot, const atomic_count *cancel,
                            struct compact_result *result, struct error *err);

/* A part that a compaction would do good, by counters alone (dead > 10 % or > 50,000 of the cold
 * rows, or more segments than compact_small_count). The compaction looks closer and may find
 * nothing. */
struct compact_candidate {
    table_id table;
    str owner;
};
void store_compact_candidates(struct store *store, struct arena *arena,
                              struct compact_candidate **out, size_t *count);

#endif
