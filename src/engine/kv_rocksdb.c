/* engine/kv_rocksdb.c -- the embedded store: RocksDB through its C interface.
 * For:      six column families (and the library's own `default`, unused); heads in family `system`
 *           under 00 'h' + partition, below every other key; one WriteBatch per group.
 * Durable:  the WAL is on; a synced group is one fdatasync. Recovery stops at the first record of
 * the WAL that is not whole (point in time): what survives is a prefix of what was committed, and
 * everything synced is in it. After an error of a write or sync the store takes no more commits:
 * what such an error left on disk is known only after a restart. Threads:  `lock` keeps commits one
 * at a time (the head is read, compared and written under it; it is never contended, as there is
 * one committer). The library synchronises the rest. */
#include "engine/kv.h"
#include "base/check.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "engine/kv_backend.h"
#include "engine/kv_head.h"

#include <rocksdb/c.h>
#include <sys/statvfs.h>

enum {
    HEADS_CACHED_MAX = 4096,        /* records; then the cache starts anew */
    BATCH_KEPT_BYTES_MAX = 8 << 20, /* a larger batch is not kept for the next group */
    ARENA_BLOCK_BYTES = 64 << 10,   /* of memtables: small, as most families are idle */
    CACHE_BYTES_DEFAULT = 8 << 20,
    WRITE_BUFFER_BYTES_DEFAULT = 4 << 20,
    BACKGROUND_JOBS_DEFAULT = 2,
    RESERVE_FLOOR = 8,  /* share of the reserve that nobody may use */
    RESERVE_MARGIN = 8, /* share of it above the reserve that counts as full already */
    FILTER_BITS = 10,   /* per key: about 1 % false positives */
    FILES_OPEN_MAX = 256,
    INFO_LOG_BYTES_MAX = 1 << 20,
    INFO_LOG_LEVEL_WARN = 2,
    RECOVERY_POINT_IN_TIME = 2,
    READ_TIER_ALL = 0,
    READ_TIER_CACHE = 1,
    DEFAULT_FAMILY = KV_FAMILY_COUNT, /* index of the library's own */
    HANDLE_COUNT
};

struct rocks_store {
    struct kv_store base;
    rocksdb_t *db;
    rocksdb_cache_t *cache;
    rocksdb_options_t *options[HANDLE_COUNT];
    rocksdb_column_family_handle_t *handles[HANDLE_COUNT];
    rocksdb_writeoptions_t *write_sync;
    rocksdb_writeoptions_t *write_async;
    rocksdb_readoptions_t *read_all;   /* the newest state */
    rocksdb_readoptions_t *read_cache; /* the newest state, memory only */
    uint64_t reserve_bytes;
    char *path;
    atomic_count broken; /* 1: a write or sync failed */
    struct lock lock;    /* KV_COMMIT; guards all below */
    rocksdb_writebatch_t *batch;
    size_t batch_bytes; /* keys and values put into it */
    struct map heads;   /* partition -> struct kv_head_record on the heap */
};

struct rocks_view {
    struct kv_view base;
    const rocksdb_snapshot_t *snapshot;
    rocksdb_readoptions_t *read;
};

struct rocks_cursor {
    struct kv_cursor base;
    rocksdb_iterator_t *iterator;
    rocksdb_readoptions_t *read;
    enum kv_direction direction;
    struct buf lo; /* bounds live as long as the iterator */
    struct buf hi;
    bool started; /* the iterator stands on a key or at an end */
    bool fresh;   /* that key was not handed out yet */
};

static struct rocks_store *rocks(struct kv_store *store)
{
    return (struct rocks_store *)store;
}

/* -- errors ------------------------------------------------------------------------------------ */

/* Frees the library's message and makes a status of it. The message carries paths: it is logged,
 * the error names its kind only. */
static status status_of(char *message, const char *during, struct error *err)
{
    if (message == NULL) {
        return STATUS_IS_OK;
    }
    str text = str_from(message);
    status result = STATUS_IS_OK;
    if (str_starts_with(text, STR_LIT("Result incomplete"))) {
        result = error_set(err, ERROR_UNAVAILABLE, "not in memory");
    } else {
        log_error("kv", "rocksdb", "during=%s message=\"%s\"", during, message);
        if (str_find(text, STR_LIT("No space left")) >= 0) {
            result = error_set(err, ERROR_STORAGE_FULL, "the store has no space left");
        } else if (str_starts_with(text, STR_LIT("Corruption"))) {
            result = error_set(err, ERROR_CORRUPT, "the store is damaged (%s)", during);
        } else {
            result = error_set(err, ERROR_IO, "the store failed (%s)", during);
        }
    }
    rocksdb_free(message);
    return result;
}

/* -- heads ------------------------------------------------------------------------------------- */

static void head_key(struct buf *key, str partition)
{
    buf_append(key, "\0h", 2);
    buf_append_str(key, partition);
}

/* RocksDB times its own steps by default (level 3 of its perf context); nobody reads these times.
 */
static void quiet_thread(void)
{
    static _Thread_local bool is_quiet;
    if (!is_quiet) {
        enum { PERF_DISABLED = 1 }; /* rocksdb::PerfLevel::kDisable */
        rocksdb_set_perf_level(PERF_DISABLED);
        is_quiet = true;
    }
}

/* Reads one key and hands it on: found, and the value in the arena. */
static status get_value(struct rocks_store *store, rocksdb_readoptions_t *read, int handle, str key,
                        struct arena *arena, str *value, bool *found, struct error *err)
{
    char *message = NULL;
    quiet_thread();
    rocksdb_pinnableslice_t *slice =
        rocksdb_get_pinned_cf(store->db, read, store->handles[handle], key.p, key.n, &message);
    TRY(status_of(message, "get", err));
    *found = slice != NULL;
    *value = (str){0};
    if (slice != NULL) {
        size_t n = 0;
        const char *p = rocksdb_pinnableslice_value(slice, &n);
        *value = arena_copy(arena, str_of(p, n));
        rocksdb_pinnableslice_destroy(slice);
    }
    return STATUS_IS_OK;
}

static status rocks_head_read(struct kv_store *store, str partition, struct arena *arena,
                              str *record, bool *found, struct error *err)
{
    struct buf key;
    buf_init(&key);
    head_key(&key, partition);
    status result = get_value(rocks(store), rocks(store)->read_all, KV_SYSTEM, buf_str(&key), arena,
                              record, found, err);
    buf_release(&key);
    return result;
}

static void forget_heads(struct rocks_store *store)
{
    size_t position = 0;
    str key;
    void *record;
    while (map_next(&store->heads, &position, &key, &record)) {
        mem_free(record);
    }
    map_clear(&store->heads);
}

/* Under the lock. */
static status load_head(struct rocks_store *store, str partition, struct kv_head_record *record)
{
    const struct kv_head_record *cached = map_find(&store->heads, partition);
    if (cached != NULL) {
        *record = *cached;
        return STATUS_IS_OK;
    }
    *record = (struct kv_head_record){0};
    struct arena arena;
    arena_init(&arena);
    str bytes = {0};
    bool found = false;
    status result = rocks_head_read(&store->base, partition, &arena, &bytes, &found, NULL);
    if (status_ok(result) && found) {
        result = kv_head_decode(bytes, record, NULL);
    }
    arena_release(&arena);
    return result;
}

static void keep_head(struct rocks_store *store, str partition, const struct kv_head_record *record)
{
    struct kv_head_record *cached = map_find(&store->heads, partition);
    if (cached != NULL) {
        *cached = *record;
        return;
    }
    if (store->heads.count >= HEADS_CACHED_MAX) {
        forget_heads(store);
    }
    (void)map_put(&store->heads, partition, mem_copy(record, sizeof *record));
}

/* -- commits ----------------------------------------------------------------------------------- */

static void batch_put(struct rocks_store *store, int handle, str key, str value)
{
    rocksdb_writebatch_put_cf(store->batch, store->handles[handle], key.p, key.n, value.p, value.n);
    store->batch_bytes += key.n + value.n;
}

static void batch_mutate(struct rocks_store *store, const struct kv_mutation *m)
{
    rocksdb_column_family_handle_t *handle = store->handles[m->family];
    switch (m->op) {
    case KV_PUT:
        batch_put(store, (int)m->family, m->key, m->value);
        break;
    case KV_DELETE:
        rocksdb_writebatch_delete_cf(store->batch, handle, m->key.p, m->key.n);
        break;
    case KV_DELETE_RANGE:
        if (str_compare(m->key, m->value) < 0) {
            rocksdb_writebatch_delete_range_cf(store->batch, handle, m->key.p, m->key.n, m->value.p,
                                               m->value.n);
        }
        break;
    }
}

/* Fills the batch with a transaction that applies; *seen when it was applied before. */
static status batch_txn(struct rocks_store *store, const struct kv_txn *txn,
                        struct kv_head_record *record, bool *seen)
{
    TRY(load_head(store, txn->partition, record));
    enum kv_head_verdict verdict = kv_head_advance(record, txn);
    *seen = verdict == KV_HEAD_SEEN;
    if (verdict == KV_HEAD_CONFLICT) {
        return status_from(STATUS_CONFLICT);
    }
    if (verdict == KV_HEAD_APPLY) {
        for (size_t i = 0; i < txn->mutation_count; i++) {
            batch_mutate(store, &txn->mutations[i]);
        }
        char bytes[KV_HEAD_BYTES_MAX];
        size_t n = kv_head_encode(record, bytes);
        struct buf key;
        buf_init(&key);
        head_key(&key, txn->partition);
        batch_put(store, KV_SYSTEM, buf_str(&key), str_of(bytes, n));
        buf_release(&key);
    }
    return STATUS_IS_OK;
}

static bool has_bytes(const struct rocks_store *store, uint64_t bytes)
{
    if (store->reserve_bytes == 0) {
        return true;
    }
    struct statvfs fs;
    if (statvfs(store->path, &fs) != 0) {
        return true; /* the write will tell */
    }
    return (uint64_t)fs.f_bavail * fs.f_frsize >= bytes;
}

/* Space is asked for before anything is written, so that a refused group leaves nothing behind and
 * the store goes on. */
static bool has_space(const struct rocks_store *store, bool may_use_reserve)
{
    uint64_t kept = may_use_reserve ? store->reserve_bytes / RESERVE_FLOOR : store->reserve_bytes;
    return has_bytes(store, kept + 2 * store->batch_bytes);
}

static bool rocks_is_full(struct kv_store *base)
{
    const struct rocks_store *store = rocks(base);
    return !has_bytes(store, store->reserve_bytes + store->reserve_bytes / RESERVE_MARGIN);
}

/* IO whatever the library says: it is not known what the error left behind. */
static status fail(struct rocks_store *store, char *message, const char *during, struct error *err)
{
    status result = status_of(message, during, err);
    if (!status_ok(result)) {
        atomic_count_set(&store->broken, 1);
        result = status_from(STATUS_IO);
    }
    return result;
}

static status sync_wal(struct rocks_store *store, struct error *err)
{
    if (atomic_count_get(&store->broken) != 0) {
        return error_set(err, ERROR_IO, "the store failed before");
    }
    char *message = NULL;
    rocksdb_flush_wal(store->db, 1, &message);
    return fail(store, message, "sync", err);
}

static status write_batch(struct rocks_store *store, bool may_use_reserve, bool sync)
{
    if (!has_space(store, may_use_reserve)) {
        return status_from(STATUS_STORAGE_FULL);
    }
    char *message = NULL;
    rocksdb_write(store->db, sync ? store->write_sync : store->write_async, store->batch, &message);
    return fail(store, message, "write", NULL);
}

static void clear_batch(struct rocks_store *store)
{
    if (store->batch_bytes > BATCH_KEPT_BYTES_MAX) {
        rocksdb_writebatch_destroy(store->batch);
        store->batch = rocksdb_writebatch_create();
    } else {
        rocksdb_writebatch_clear(store->batch);
    }
    store->batch_bytes = 0;
}

/* Under the lock. *records are the heads after the group. */
static status commit_group(struct rocks_store *store, const struct kv_txn *txns, size_t txn_count,
                           bool sync, struct kv_head_record *records)
{
    if (atomic_count_get(&store->broken) != 0) {
        return status_from(STATUS_IO);
    }
    bool all_seen = true;
    bool may_use_reserve = true;
    status result = STATUS_IS_OK;
    for (size_t i = 0; status_ok(result) && i < txn_count; i++) {
        bool seen = false;
        result = batch_txn(store, &txns[i], &records[i], &seen);
        all_seen = all_seen && seen;
        may_use_reserve = may_use_reserve && txns[i].may_use_reserve;
    }
    if (status_ok(result) && !all_seen) {
        result = write_batch(store, may_use_reserve, sync);
    } else if (status_ok(result) && sync) {
        result = sync_wal(store, NULL);
    }
    clear_batch(store);
    for (size_t i = 0; status_ok(result) && i < txn_count; i++) {
        keep_head(store, txns[i].partition, &records[i]);
    }
    return result;
}

static void rocks_commit(struct kv_store *base, const struct kv_txn *txns, size_t txn_count,
                         bool sync, kv_done_fn *done, void *context)
{
    struct rocks_store *store = rocks(base);
    struct kv_head_record *records = mem_alloc(txn_count * sizeof *records);
    lock_take(&store->lock);
    status result = commit_group(store, txns, txn_count, sync, records);
    lock_give(&store->lock);
    struct kv_head *heads = mem_alloc_zeroed(txn_count * sizeof *heads);
    for (size_t i = 0; status_ok(result) && i < txn_count; i++) {
        heads[i] = records[i].head;
        kv_notify(base, txns[i].partition, heads[i]);
    }
    done(context, result, heads);
    mem_free(heads);
    mem_free(records);
}

static status rocks_sync(struct kv_store *store, struct error *err)
{
    return sync_wal(rocks(store), err);
}

/* -- views and cursors ------------------------------------------------------------------------- */

static void rocks_view_begin(struct kv_view *base)
{
    struct rocks_view *view = (struct rocks_view *)base;
    view->snapshot = rocksdb_create_snapshot(rocks(base->store)->db);
    view->read = rocksdb_readoptions_create();
    rocksdb_readoptions_set_snapshot(view->read, view->snapshot);
}

static void rocks_view_end(struct kv_view *base)
{
    struct rocks_view *view = (struct rocks_view *)base;
    rocksdb_readoptions_destroy(view->read);
    rocksdb_release_snapshot(rocks(base->store)->db, view->snapshot);
}

static status rocks_get(struct kv_store *base, struct kv_view *base_view, enum kv_family family,
                        str key, enum kv_get_mode mode, struct arena *arena, str *value,
                        bool *found, struct error *err)
{
    struct rocks_store *store = rocks(base);
    rocksdb_readoptions_t *read = mode == KV_NO_IO ? store->read_cache : store->read_all;
    if (base_view != NULL) {
        read = ((struct rocks_view *)base_view)->read;
        rocksdb_readoptions_set_read_tier(read, mode == KV_NO_IO ? READ_TIER_CACHE : READ_TIER_ALL);
    }
    return get_value(store, read, (int)family, key, arena, value, found, err);
}

static struct kv_cursor *rocks_cursor_open(struct kv_view *view, enum kv_family family, str lo,
                                           str hi, enum kv_direction direction)
{
    struct rocks_store *store = rocks(view->store);
    struct rocks_cursor *c = mem_alloc_zeroed(sizeof *c);
    c->direction = direction;
    static const str first_key = {"\1", 1}; /* heads lie below */
    buf_append_str(&c->lo, str_compare(lo, first_key) < 0 ? first_key : lo);
    buf_append_str(&c->hi, hi);
    c->read = rocksdb_readoptions_create();
    rocksdb_readoptions_set_snapshot(c->read, ((struct rocks_view *)view)->snapshot);
    rocksdb_readoptions_set_total_order_seek(c->read, 1);
    rocksdb_readoptions_set_background_purge_on_iterator_cleanup(c->read, 1);
    rocksdb_readoptions_set_iterate_lower_bound(c->read, c->lo.p, c->lo.n);
    if (hi.n > 0) {
        rocksdb_readoptions_set_iterate_upper_bound(c->read, c->hi.p, c->hi.n);
    }
    c->iterator = rocksdb_create_iterator_cf(store->db, c->read, store->handles[family]);
    return &c->base;
}

static void advance(struct rocks_cursor *c)
{
    if (c->fresh) {
        c->fresh = false;
    } else if (!c->started) {
        c->started = true;
        if (c->direction == KV_FORWARD) {
            rocksdb_iter_seek_to_first(c->iterator);
        } else {
            rocksdb_iter_seek_to_last(c->iterator);
        }
    } else if (rocksdb_iter_valid(c->iterator) && c->direction == KV_FORWARD) {
        rocksdb_iter_next(c->iterator);
    } else if (rocksdb_iter_valid(c->iterator)) {
        rocksdb_iter_prev(c->iterator);
    }
}

static bool rocks_cursor_next(struct kv_cursor *cursor, str *key, str *value, status *result,
                              struct error *err)
{
    struct rocks_cursor *c = (struct rocks_cursor *)cursor;
    advance(c);
    if (!rocksdb_iter_valid(c->iterator)) {
        char *message = NULL;
        rocksdb_iter_get_error(c->iterator, &message);
        *result = status_of(message, "scan", err);
        return false;
    }
    key->p = rocksdb_iter_key(c->iterator, &key->n);
    value->p = rocksdb_iter_value(c->iterator, &value->n);
    return true;
}

static void rocks_cursor_seek(struct kv_cursor *cursor, str key)
{
    struct rocks_cursor *c = (struct rocks_cursor *)cursor;
    if (c->direction == KV_FORWARD) {
        rocksdb_iter_seek(c->iterator, key.p, key.n);
    } else {
        rocksdb_iter_seek_for_prev(c->iterator, key.p, key.n);
    }
    c->started = true;
    c->fresh = true;
}

static void rocks_cursor_close(struct kv_cursor *cursor)
{
    struct rocks_cursor *c = (struct rocks_cursor *)cursor;
    rocksdb_iter_destroy(c->iterator);
    rocksdb_readoptions_destroy(c->read);
    buf_release(&c->lo);
    buf_release(&c->hi);
    mem_free(c);
}

/* -- sizes ------------------------------------------------------------------------------------- */

static uint64_t property(const struct rocks_store *store, int handle, const char *name)
{
    uint64_t value = 0;
    int failed = rocksdb_property_int_cf(store->db, store->handles[handle], name, &value);
    return failed == 0 ? value : 0;
}

static uint64_t rocks_family_bytes(struct kv_store *base, enum kv_family family)
{
    return property(rocks(base), (int)family, "rocksdb.total-sst-files-size") +
           property(rocks(base), (int)family, "rocksdb.cur-size-all-mem-tables");
}

static uint64_t rocks_memory_bytes(struct kv_store *base)
{
    uint64_t bytes = rocksdb_cache_get_usage(rocks(base)->cache);
    for (int i = 0; i < HANDLE_COUNT; i++) {
        bytes += property(rocks(base), i, "rocksdb.size-all-mem-tables") +
                 property(rocks(base), i, "rocksdb.estimate-table-readers-mem");
    }
    return bytes;
}

static void rocks_numbers(struct kv_store *base, struct kv_numbers *out)
{
    const struct rocks_store *store = rocks(base);
    for (int i = 0; i < HANDLE_COUNT; i++) {
        out->families++;
        out->keys += property(store, i, "rocksdb.estimate-num-keys");
        out->live_data_bytes += property(store, i, "rocksdb.estimate-live-data-size");
        out->active_entries += property(store, i, "rocksdb.num-entries-active-mem-table");
        out->immutable_entries += property(store, i, "rocksdb.num-entries-imm-mem-tables");
        out->active_memtable_bytes += property(store, i, "rocksdb.cur-size-active-mem-table");
        out->memtables_bytes += property(store, i, "rocksdb.cur-size-all-mem-tables");
        out->live_file_bytes += property(store, i, "rocksdb.live-sst-files-size");
        out->file_bytes += property(store, i, "rocksdb.total-sst-files-size");
        out->pending_compaction_bytes +=
            property(store, i, "rocksdb.estimate-pending-compaction-bytes");
    }
}

/* -- opening and closing ----------------------------------------------------------------------- */

static void rocks_close(struct kv_store *base)
{
    struct rocks_store *store = rocks(base);
    kv_store_release(base);
    forget_heads(store);
    map_release(&store->heads);
    for (int i = 0; i < HANDLE_COUNT; i++) {
        if (store->handles[i] != NULL) {
            rocksdb_column_family_handle_destroy(store->handles[i]);
        }
    }
    if (store->db != NULL) {
        rocksdb_close(store->db);
    }
    for (int i = 0; i < HANDLE_COUNT; i++) {
        rocksdb_options_destroy(store->options[i]);
    }
    rocksdb_cache_destroy(store->cache);
    rocksdb_writebatch_destroy(store->batch);
    rocksdb_writeoptions_destroy(store->write_sync);
    rocksdb_writeoptions_destroy(store->write_async);
    rocksdb_readoptions_destroy(store->read_all);
    rocksdb_readoptions_destroy(store->read_cache);
    lock_release(&store->lock);
    mem_free(store->path);
    mem_free(store);
}

static void set_tables(rocksdb_options_t *o, int handle, rocksdb_cache_t *cache)
{
    rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(t, cache);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(t, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(t, 1);
    rocksdb_block_based_options_set_format_version(t, 5);
    /* Indexes and filters in blocks of 4 KiB: a whole filter of a large file would not fit a shard
     * of a small cache, and every get would read it anew. */
    rocksdb_block_based_options_set_index_type(
        t, rocksdb_block_based_table_index_type_two_level_index_search);
    rocksdb_block_based_options_set_partition_filters(t, 1);
    rocksdb_block_based_options_set_pin_top_level_index_and_filter(t, 1);
    /* The index of keys is the largest family of point reads: a ribbon is a third smaller, and
     * slower to build, so level 0 keeps bloom filters. */
    rocksdb_block_based_options_set_filter_policy(
        t, handle == KV_KEY_INDEX ? rocksdb_filterpolicy_create_ribbon_hybrid(FILTER_BITS, 1)
                                  : rocksdb_filterpolicy_create_bloom_full(FILTER_BITS));
    rocksdb_options_set_block_based_table_factory(o, t);
    rocksdb_block_based_options_destroy(t);
}

static rocksdb_options_t *make_options(int handle, rocksdb_cache_t *cache, uint64_t buffer_bytes,
                                       int background_jobs)
{
    rocksdb_options_t *o = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(o, 1);
    rocksdb_options_set_create_missing_column_families(o, 1);
    rocksdb_options_set_paranoid_checks(o, 1);
    rocksdb_options_set_wal_recovery_mode(o, RECOVERY_POINT_IN_TIME);
    rocksdb_options_set_max_total_wal_size(o, 4 * buffer_bytes);
    rocksdb_options_set_write_buffer_size(o, buffer_bytes);
    rocksdb_options_set_arena_block_size(o, ARENA_BLOCK_BYTES);
    rocksdb_options_set_allow_concurrent_memtable_write(o, 0); /* one writer */
    rocksdb_options_set_enable_write_thread_adaptive_yield(o, 0);
    rocksdb_options_set_max_background_jobs(o, background_jobs);
    rocksdb_options_set_max_open_files(o, FILES_OPEN_MAX);
    rocksdb_options_set_max_file_opening_threads(o, 1);
    rocksdb_options_set_skip_stats_update_on_db_open(o, 1);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
    rocksdb_options_set_compression(o, rocksdb_lz4_compression);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
    rocksdb_options_set_stats_persist_period_sec(o, 0);
    rocksdb_options_set_info_log_level(o, INFO_LOG_LEVEL_WARN);
    rocksdb_options_set_max_log_file_size(o, INFO_LOG_BYTES_MAX);
    rocksdb_options_set_keep_log_file_num(o, 2);
    set_tables(o, handle, cache);
    return o;
}

static struct rocks_store *create_store(const struct kv_rocksdb_options *options)
{
    uint64_t cache_bytes =
        options->block_cache_bytes != 0 ? options->block_cache_bytes : CACHE_BYTES_DEFAULT;
    uint64_t buffer_bytes =
        options->write_buffer_bytes != 0 ? options->write_buffer_bytes : WRITE_BUFFER_BYTES_DEFAULT;
    int jobs = options->background_jobs > 0 ? options->background_jobs : BACKGROUND_JOBS_DEFAULT;
    struct rocks_store *store = mem_alloc_zeroed(sizeof *store);
    lock_init(&store->lock, LOCK_KV_COMMIT);
    map_init(&store->heads);
    store->reserve_bytes = options->reserve_bytes;
    store->path = mem_copy(options->path, strlen(options->path) + 1);
    store->cache = rocksdb_cache_create_lru(cache_bytes);
    for (int i = 0; i < HANDLE_COUNT; i++) {
        store->options[i] = make_options(i, store->cache, buffer_bytes, jobs);
    }
    store->batch = rocksdb_writebatch_create();
    store->write_sync = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(store->write_sync, 1);
    store->write_async = rocksdb_writeoptions_create();
    store->read_all = rocksdb_readoptions_create();
    store->read_cache = rocksdb_readoptions_create();
    rocksdb_readoptions_set_read_tier(store->read_cache, READ_TIER_CACHE);
    return store;
}

static const struct kv_backend rocks_backend = {
    .view_bytes = sizeof(struct rocks_view),
    .group_is_atomic = true,
    .commit = rocks_commit,
    .sync = rocks_sync,
    .head_read = rocks_head_read,
    .view_begin = rocks_view_begin,
    .view_end = rocks_view_end,
    .get = rocks_get,
    .cursor_open = rocks_cursor_open,
    .cursor_next = rocks_cursor_next,
    .cursor_seek = rocks_cursor_seek,
    .cursor_close = rocks_cursor_close,
    .is_full = rocks_is_full,
    .family_bytes = rocks_family_bytes,
    .memory_bytes = rocks_memory_bytes,
    .numbers = rocks_numbers,
    .close = rocks_close,
};

status kv_rocksdb_open(const struct kv_rocksdb_options *options, struct kv_store **out,
                       struct error *err)
{
    TRY(fs_make_dirs(options->path, err));
    struct rocks_store *store = create_store(options);
    kv_store_init(&store->base, &rocks_backend);
    const char *names[HANDLE_COUNT];
    for (int i = 0; i < KV_FAMILY_COUNT; i++) {
        names[i] = kv_family_name((enum kv_family)i);
    }
    names[DEFAULT_FAMILY] = "default";
    char *message = NULL;
    store->db = rocksdb_open_column_families(
        store->options[DEFAULT_FAMILY], options->path, HANDLE_COUNT, names,
        (const rocksdb_options_t *const *)store->options, store->handles, &message);
    status result = status_of(message, "open", err);
    if (!status_ok(result)) {
        rocks_close(&store->base);
        return result;
    }
    *out = &store->base;
    return STATUS_IS_OK;
}
