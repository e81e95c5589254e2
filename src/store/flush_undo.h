/* store/flush_undo.h -- taking a flush intent back: at once when a flush fails, and at start.
 * Clears the intent, deletes `d` in (flushed_seq, H], leaves flushed_seq. The superseded versions
 * are gone from `r` already, and file N is in no manifest: their keys name the newer versions. */
#ifndef STORE_FLUSH_UNDO_H
#define STORE_FLUSH_UNDO_H

#include "store/commit_part.h"

#define FLUSH_ANY_FILE UINT64_MAX

/* Undoes the intent of `file` when it stands; *was_standing says so. */
MUST_USE status flush_undo(struct store *store, const struct table_part *part, uint64_t file,
                           bool *was_standing, struct error *err);

/* The same within a request. An intent stands. */
void flush_undo_evaluate(struct part_txn *p);

#endif
