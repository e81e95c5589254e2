/* store/recover.h -- making the store whole at start, before any write is accepted.
 * For:      undoing flushes that a crash interrupted, finishing dropped tables, sweeping files that
 * no manifest names. Every step may be repeated: a crash in the middle is fine. Threads:  one, with
 * nobody else using the store. */
#ifndef STORE_RECOVER_H
#define STORE_RECOVER_H

#include "store/store.h"

struct recover_result {
    uint64_t intents_undone;
    uint64_t tables_dropped;
    uint64_t files_removed;
};

/* IO, CORRUPT: the store must not be opened for writing; may be called again. */
MUST_USE status store_recover(struct store *store, struct recover_result *result,
                              struct error *err);

#endif
