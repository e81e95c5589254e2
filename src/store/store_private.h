/* store/store_private.h -- the store's own state, shared by the files of store/ only. */
#ifndef STORE_STORE_PRIVATE_H
#define STORE_STORE_PRIVATE_H

#include "store/filter_cache.h"
#include "store/records.h"
#include "store/registry.h"
#include "store/segment.h"
#include "store/store.h"

struct store {
    struct store_options options; /* cold_root and sink of it are not used: see below */
    struct change_sink sink;
    char *cold_root; /* without a slash at the end */
    atomic_count tombstone_hours;
    struct registry registry;
    struct segment_shelf shelf;
    struct filter_cache filters;
};

/* A point at which a test may ask for a crash, a delay or an error. */
MUST_USE status store_point(const char *name, struct error *err);

/* -- planted defects, for the test that shows that the model test bites ---------------------------
 */

enum store_mutant {
    MUTANT_NONE,
    MUTANT_NO_DEAD_DURING_INTENT,
    MUTANT_FLUSH_DELETES_ALL_DEAD,
    MUTANT_COMPACT_DELETES_RANGE,
    MUTANT_FLUSH_DROPS_TOMBSTONES,
    MUTANT_NO_FOLDER_FSYNC,
    MUTANT_NO_FILE_FSYNC,
    MUTANT_UNLINK_IGNORES_VIEWS,
    MUTANT_COLD_WITHOUT_DEAD,
    MUTANT_TOMBSTONE_KEY_UNCHECKED,
    MUTANT_SOURCES_UNCHECKED,
    MUTANT_NO_SWEEP,
    MUTANT_COUNT_OF_VIEW,
    MUTANT_NO_RESUME_FLOOR,
    MUTANT_NO_UNDO,
    MUTANT_NO_EXPECTATION,
    MUTANT_COUNT
};

#ifdef KALAM_TESTING
/* Switches one defect on (MUTANT_NONE: off). Tests only; not while a store is used. */
void store_test_mutant(enum store_mutant mutant);
/* Flush and compaction do without the lock of the folder, to show that the commit's condition
 * guards on its own. */
void store_test_unlocked(bool is_unlocked);
bool store_mutant_is(enum store_mutant mutant);
bool store_is_unlocked(void);
#define MUTANT(name) store_mutant_is(MUTANT_##name)
#else
#define MUTANT(name) false
#define store_is_unlocked() false
#endif

#endif
