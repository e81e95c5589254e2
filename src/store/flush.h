/* store/flush.h -- moving the hot rows of one table in one partition into a segment.
 * For:      jobs (by row count, by time, STORAGE FLUSH). Exactly the model-checked protocol of
 * design section 6; change it only together with the model. Use:      flush_run, or step by step
 * (tests): flush_create, flush_step until flush_is_over, flush_destroy.
 *
 *     START -> INTENT -> VIEW -> WRITTEN -> SYNCED -> RENAMED -> PLACED -> COMMITTED -> DONE
 *       |        |        |         |         |          |         |
 *       |        +--------+---------+---------+----------+---------+-> UNDO -> UNDONE -> EMPTY |
 * FAILED
 *       +-> EMPTY | FAILED
 *
 * Rules:    1. the committer sets H and takes the file number; the view is opened only once the
 * intent is durable
 *           2. the file is written, synced, renamed, and its folder synced before the one commit
 *           3. the commit is refused when the table is not live, was altered, or a merged segment
 * is not in the manifest any more
 *           4. nothing to write, refused or failed: undone at once, then the file goes
 * Threads:  one at a time, with 8 MiB of stack; flush_cancel from any. */
#ifndef STORE_FLUSH_H
#define STORE_FLUSH_H

#include "store/store.h"

enum flush_state {
    FLUSH_START,
    FLUSH_INTENT,    /* the intent is durable */
    FLUSH_VIEW,      /* the view is open, its rows are known */
    FLUSH_WRITTEN,   /* batch-N.parquet.tmp is there */
    FLUSH_SYNCED,    /* and durable */
    FLUSH_RENAMED,   /* has its name */
    FLUSH_PLACED,    /* durably */
    FLUSH_COMMITTED, /* the manifest names it */
    FLUSH_UNDO,      /* failed: the intent is to be cleared */
    FLUSH_UNDONE,    /* it is; the file is to go */
    FLUSH_DONE,
    FLUSH_EMPTY, /* nothing to flush */
    FLUSH_FAILED,
    FLUSH_STATE_COUNT
};
/* For logs and tests. */
const char *flush_state_name(enum flush_state state);

struct flush_result {
    uint64_t rows; /* flushed from the hot tier, tombstones too */
    uint64_t bytes;
    unsigned files;  /* 1, or 0 when there was nothing to do */
    unsigned merged; /* segments that went into the new file */
};

struct flush;

/* Nothing is done yet. NOT_FOUND: no such table, or a STREAM table. */
MUST_USE status flush_create(struct store *store, table_id table, str owner, struct cold_slot slot,
                             struct flush **out, struct error *err);
/* Takes the next step; a failure leads to UNDO and is kept until the end. */
void flush_step(struct flush *flush);
enum flush_state flush_state(const struct flush *flush);
bool flush_is_over(const struct flush *flush);
/* Asks it to stop at the next step or batch: it ends as FAILED with CANCELLED. A flush that has
 * committed runs to its end. */
void flush_cancel(struct flush *flush);
/* The outcome, once it is over. BUSY: another job works in the folder; CONFLICT: refused, try
 * again. */
MUST_USE status flush_outcome(const struct flush *flush, struct flush_result *result,
                              struct error *err);
/* Also in the middle of the way, as a crash would leave it (tests); a view is closed. */
void flush_destroy(struct flush *flush);

/* All steps. `cancel` may be NULL: not 0 asks to stop. */
MUST_USE status flush_run(struct store *store, table_id table, str owner, struct cold_slot slot,
                          const atomic_count *cancel, struct flush_result *result,
                          struct error *err);

#endif
