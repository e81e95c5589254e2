/* store/registry.h -- what stands in each table of each partition, in memory.
 * For:      candidates for a flush, counters of system tables, finding the partitions of a table.
 *           A copy of every `n`: kept by publish, loaded at start by skipping from partition to
 *           partition.
 * Owns:     its entries.
 * Threads:  any; guarded by its lock. */
#ifndef STORE_REGISTRY_H
#define STORE_REGISTRY_H

#include "base/map.h"
#include "store/keys.h"
#include "store/records.h"
#include "store/store.h"

/* What the manifest of one generation says to those who look for work. */
struct manifest_hint {
    bool is_known;
    uint64_t generation;
    uint64_t small;            /* segments below compact_small_bytes */
    uint64_t oldest_tombstone; /* least seq of a tombstone; 0: there is none */
};

struct registry_entry {
    str key; /* whole `n` key */
    table_id table;
    struct table_state state;
    struct manifest_hint hint;
    size_t index; /* in registry.entries */
};

struct registry {
    struct lock lock; /* guards all below */
    struct map by_key;
    struct map written; /* table id -> last `_seq` when rows of it were last evaluated */
    struct registry_entry **entries;
    size_t count;
    size_t capacity;
};

/* Empty; filled by store_open from the states in the store. */
void registry_init(struct registry *registry);
void registry_release(struct registry *registry);
/* Reads every `n` of the store. */
MUST_USE status registry_load(struct registry *registry, struct kv_store *kv, struct error *err);
/* Sets or adds; called by publish in commit order. */
void registry_set(struct registry *registry, str state_key, const struct table_state *state);
void registry_remove(struct registry *registry, str state_key);
void registry_set_hint(struct registry *registry, str state_key, const struct manifest_hint *hint);

/* A copy of an entry, in an arena. */
struct registry_part {
    str key;
    table_id table;
    struct table_state state;
    struct manifest_hint hint;
};
/* All parts, or those of one table (v != 0). */
void registry_list(struct registry *registry, table_id table, struct arena *arena,
                   struct registry_part **out, size_t *count);
/* The owner of a part's rows (empty for SHARED), in the arena. */
str registry_part_owner(const struct registry_part *part, struct arena *arena);
/* The part with what is known without a catalog: table id, namespace, kind. */
bool registry_part_open(const struct registry_part *part, struct arena *arena,
                        struct table_part *out);

/* -- for the layers above ------------------------------------------------------------------------
 */

/* A table in one partition that its flush policy wants flushed. */
struct flush_candidate {
    table_id table;
    str owner;
    uint64_t rows;
    int64_t due_us; /* wall clock at which it was or will be due */
};
/* Those due at `now_us` by the policies of the snapshot, oldest first, at most `limit`, in the
 * arena. *next_due_us: when the next one gets due by time alone (INT64_MAX: none). */
void store_flush_candidates(struct store *store, const struct catalog_snapshot *snapshot,
                            int64_t now_us, size_t limit, struct arena *arena,
                            struct flush_candidate **out, size_t *count, int64_t *next_due_us);

/* Sums over the partitions of a table. */
struct table_totals {
    uint64_t partitions;
    uint64_t hot_rows;
    uint64_t hot_bytes;
    uint64_t segments;
    uint64_t cold_rows;
    uint64_t cold_bytes;
    uint64_t dead;
    int64_t oldest_us; /* of the oldest hot row; 0: none */
};
/* `table` {0}: of all tables. */
void store_totals(struct store *store, table_id table, struct table_totals *out);

/* For DDL that depends on a table having no rows. A mark changes with every write that is
 * evaluated, before its rows are counted: take the mark, settle (every write evaluated before is
 * published then), read the totals; they still hold in a commit in which the mark is the same. */
uint64_t store_write_mark(struct store *store, table_id table);
MUST_USE status store_settle(struct store *store, struct error *err);
/* On the committer's thread. */
void registry_note_write(struct registry *registry, table_id table, uint64_t seq);

/* One row of system.manifest: a part of the table (id 0: of any) that has segments. */
struct manifest_row {
    table_id table;
    str owner;
    struct table_state state;
};
void store_manifests(struct store *store, table_id table, struct arena *arena,
                     struct manifest_row **out, size_t *count);
/* Owners with rows of a table, hot or cold: what STORAGE FLUSH and COMPACT walk over. */
void store_owners(struct store *store, table_id table, struct arena *arena, str **out,
                  size_t *count);

#endif
