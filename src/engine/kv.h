/* engine/kv.h -- the store seam: whatever keeps the bytes.
 * For:      a store is a set of partitions; a partition is an ordered map from keys to values with
 * a head {seq, generation}. Keys here are whole: partition prefix (model/key.h) + the rest.
 *           Backends: `rocksdb` (embedded), `mem` (tests, with faults); one contract suite
 *           (tests/unit/engine/kv_contract.h) runs on all and is the specification.
 * Touches:  base, model/key.h; a backend file touches its library. Never knows what rows mean.
 * Owns:     a store owns its files; views and cursors belong to their opener.
 * Threads:  views may be opened and read on any thread; a view and its cursors by one at a time.
 *           kv_commit is called by one thread, the committer. */
#ifndef ENGINE_KV_H
#define ENGINE_KV_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/lock.h"

/* Families of keys; in RocksDB column families. KEY_INDEX holds `p/` of all tables. */
enum kv_family {
    KV_USER_TABLE,
    KV_SHARED_TABLE,
    KV_STREAM_TABLE,
    KV_KEY_INDEX,
    KV_TOPIC,
    KV_SYSTEM,
    KV_FAMILY_COUNT
};
const char *kv_family_name(enum kv_family family); /* "user_table" ... */

struct kv_store;  /* a backend's store */
struct kv_view;   /* one instant of all partitions */
struct kv_cursor; /* a walk over one range of one family in a view */

/* A partition's head. generation +1 at each commit that touches the partition; both 0: never
 * written. `seq` never goes down. */
struct kv_head {
    uint64_t seq;
    uint64_t generation;
};

enum kv_op { KV_PUT, KV_DELETE, KV_DELETE_RANGE };

/* DELETE_RANGE removes [key, value) -- `value` is the exclusive end. Later mutations win. */
struct kv_mutation {
    enum kv_op op;
    enum kv_family family;
    str key;
    str value;
};

enum { KV_TXN_ID_BYTES = 16 };
#define KV_ANY_GENERATION UINT64_MAX

/* A change of one partition. */
struct kv_txn {
    str partition;              /* its prefix; a group names each partition once */
    uint64_t expect_generation; /* KV_ANY_GENERATION: unconditional; 0: must not exist yet */
    uint64_t new_seq;           /* head.seq becomes max(head.seq, new_seq) */
    uint8_t id[KV_TXN_ID_BYTES];
    const struct kv_mutation *mutations;
    size_t mutation_count;
    bool may_use_reserve; /* it makes room, or ends work that was begun: see kv_is_full */
};

/* `result` of the whole group: OK: applied and, with sync, durable. CONFLICT: a generation was not
 * the expected one, nothing was written. STORAGE_FULL: known not applied, and the store takes
 * further commits. UNKNOWN_OUTCOME: ask kv_txn_seen. IO: the store is broken; no read of it sees
 * the group, but after a restart it may be there: acknowledge nothing more. `heads` (one per txn,
 * valid during the call, with OK only) are the heads after it. */
typedef void kv_done_fn(void *context, status result, const struct kv_head *heads);

/* Applies a group: atomic as a whole where kv_group_is_atomic, else per txn (then count is 1). A
 * txn whose id the partition's head remembers (the last KV_REMEMBERED_IDS) was applied before: it
 * is not applied again and counts as OK. `done` may run before the call returns, and on any thread.
 */
enum { KV_REMEMBERED_IDS = 4 };
void kv_commit(struct kv_store *store, const struct kv_txn *txns, size_t txn_count, bool sync,
               kv_done_fn *done, void *context);
bool kv_group_is_atomic(const struct kv_store *store);
/* The reserve of the disk is touched, or nearly so: commits will be refused with STORAGE_FULL, but
 * for groups all of whose transactions may use the reserve. Asks the system; about a microsecond.
 */
bool kv_is_full(struct kv_store *store);
/* Makes everything committed so far durable (for groups committed without sync). */
MUST_USE status kv_sync(struct kv_store *store, struct error *err);
MUST_USE status kv_txn_seen(struct kv_store *store, str partition,
                            const uint8_t id[KV_TXN_ID_BYTES], bool *seen, struct error *err);
/* The newest head; {0, 0} when the partition was never written. */
MUST_USE status kv_head_get(struct kv_store *store, str partition, struct kv_head *head,
                            struct error *err);

/* Opens a view of now. Every view is closed before its store; see kv_views_oldest. */
struct kv_view *kv_view_open(struct kv_store *store);
void kv_view_close(struct kv_view *view);
/* Views are numbered from 1 as they open; a view is registered before its snapshot is taken.
 * kv_view_next_number: the number that the next view will get. kv_views_oldest: the smallest number
 * still open, or kv_view_next_number when none is. A file may go once every view with a number
 * below the one noted when its removal became durable is closed. */
uint64_t kv_view_next_number(struct kv_store *store);
uint64_t kv_views_oldest(struct kv_store *store);

enum kv_get_mode { KV_MAY_BLOCK, KV_NO_IO };
/* Reads one key. *found false: absent. The value lives in the arena. UNAVAILABLE with KV_NO_IO: the
 * answer is not in memory, ask again on a thread that may wait. A NULL view reads the newest state.
 */
MUST_USE status kv_get(struct kv_store *store, struct kv_view *view, enum kv_family family, str key,
                       enum kv_get_mode mode, struct arena *arena, str *value, bool *found,
                       struct error *err);

/* Newest values of single keys, kept in memory. */
struct kv_cache_statistics {
    uint64_t entries;
    uint64_t bytes;
    uint64_t hits;
    uint64_t misses;
};

/* From now on kv_get_newest keeps up to about `bytes_max` bytes (0: none). Once, before the store
 * is shared. */
void kv_use_cache(struct kv_store *store, size_t bytes_max);
/* As kv_get without a view, through the cache: the newest committed value at some moment of the
 * call, and never one older than a value that an earlier read gave. */
MUST_USE status kv_get_newest(struct kv_store *store, enum kv_family family, str key,
                              enum kv_get_mode mode, struct arena *arena, str *value, bool *found,
                              struct error *err);
/* All 0 without a cache. */
void kv_cache_statistics(struct kv_store *store, struct kv_cache_statistics *out);

enum kv_direction { KV_FORWARD, KV_REVERSE };
/* A walk over [lo, hi) of a family, ascending or descending. `hi` empty: no upper bound. The view
 * stays open as long as the cursor; closed by kv_cursor_close. */
struct kv_cursor *kv_cursor_open(struct kv_view *view, enum kv_family family, str lo, str hi,
                                 enum kv_direction direction);
/* False at the end or on an error (then *result is not OK). Key and value are valid until the next
 * call. */
bool kv_cursor_next(struct kv_cursor *cursor, str *key, str *value, status *result,
                    struct error *err);
/* Moves to the first key >= `key` (KV_FORWARD) or <= `key` (KV_REVERSE); the next call yields it.
 */
void kv_cursor_seek(struct kv_cursor *cursor, str key);
void kv_cursor_close(struct kv_cursor *cursor);

/* `watch` is called after a commit that touched any partition under `prefix`: a hint, at least
 * once; the watcher re-reads. Returns a number for kv_unwatch. */
typedef void kv_watch_fn(void *context, str partition, struct kv_head head);
uint64_t kv_watch(struct kv_store *store, str prefix, kv_watch_fn *watch, void *context);
void kv_unwatch(struct kv_store *store, uint64_t number);

/* Closes the store; every view is closed and the committer is gone. */
void kv_close(struct kv_store *store);

/* Sizes for metrics: approximate bytes of a family; 0 when unknown. */
uint64_t kv_family_bytes(struct kv_store *store, enum kv_family family);
uint64_t kv_memory_bytes(struct kv_store *store);
/* What the store says of itself, over all its families; zero what it does not know. */
struct kv_numbers {
    uint64_t families;
    uint64_t keys; /* about */
    uint64_t live_data_bytes;
    uint64_t active_entries; /* of memtables */
    uint64_t immutable_entries;
    uint64_t active_memtable_bytes;
    uint64_t memtables_bytes;
    uint64_t live_file_bytes;
    uint64_t file_bytes; /* those too that only views hold */
    uint64_t pending_compaction_bytes;
};
void kv_numbers_get(struct kv_store *store, struct kv_numbers *out);

/* -- backends ---------------------------------------------------------------------------------- */

/* One RocksDB in the folder `path` (made when missing). 0 in a number: its default. One process per
 * folder: a second open answers IO. */
struct kv_rocksdb_options {
    const char *path;
    uint64_t block_cache_bytes;  /* default 8 MiB */
    uint64_t write_buffer_bytes; /* of each family; default 4 MiB */
    int background_jobs;         /* default 2 */
    uint64_t reserve_bytes;      /* with less space than this left on the disk commits answer
                                    STORAGE_FULL, with nothing written; those that may use the
                                    reserve stop at an eighth of it; 0: no reserve */
};
/* CORRUPT, STORAGE_FULL, IO: it cannot be opened; the log has the library's words. */
MUST_USE status kv_rocksdb_open(const struct kv_rocksdb_options *options, struct kv_store **out,
                                struct error *err);

/* Everything in memory; `mem` keeps a durable copy and a volatile one, so that a test can cut the
 * power: kv_mem_power_cut returns to the last synced state. */
struct kv_store *kv_mem_open(void);
void kv_mem_power_cut(struct kv_store *store);
/* What the next commits do; the script is used up one by one, then commits succeed. */
enum kv_mem_fault {
    KV_MEM_OK,
    KV_MEM_CONFLICT,
    KV_MEM_IO,
    KV_MEM_STORAGE_FULL,
    KV_MEM_UNKNOWN_APPLIED,
    KV_MEM_UNKNOWN_NOT_APPLIED,
    KV_MEM_LOSE_HINT
};
void kv_mem_script(struct kv_store *store, const enum kv_mem_fault *faults, size_t count);
/* What kv_sync does from now on: sync, wait for another mode, or answer IO. */
enum kv_mem_sync { KV_MEM_SYNC_WORKS, KV_MEM_SYNC_WAITS, KV_MEM_SYNC_FAILS };
void kv_mem_set_sync(struct kv_store *store, enum kv_mem_sync mode);
/* While on, kv_is_full, and only groups that may use the reserve are taken. */
void kv_mem_set_full(struct kv_store *store, bool on);
/* While on, every KV_NO_IO read answers UNAVAILABLE. */
void kv_mem_block_reads(struct kv_store *store, bool on);

#endif
