/* engine/kv.c -- the store seam: what is the same for every backend, and the way to the rest.
 * Views stand in a list in the order of their numbers, oldest first; a view is put there before its
 * snapshot is taken and leaves after it is dropped:
 *     oldest -> [7] <-> [9] <-> [12] <- newest       next number 13 */
#include "engine/kv.h"
#include "base/check.h"
#include "base/fault.h"
#include "base/mem.h"
#include "engine/kv_backend.h"
#include "engine/kv_cache.h"
#include "engine/kv_head.h"

#include <errno.h>

struct kv_watch_entry {
    struct kv_watch_entry *next;
    uint64_t number;
    kv_watch_fn *watch;
    void *context;
    size_t prefix_bytes;
    char prefix[];
};

const char *kv_family_name(enum kv_family family)
{
    static const char *const names[KV_FAMILY_COUNT] = {"user_table", "shared_table", "stream_table",
                                                       "key_index",  "topic",        "system"};
    CHECK(family < KV_FAMILY_COUNT);
    return names[family];
}

void kv_store_init(struct kv_store *store, const struct kv_backend *backend)
{
    *store = (struct kv_store){.backend = backend, .next_view_number = 1, .next_watch_number = 1};
    lock_init(&store->lock, LOCK_KV_VIEWS);
    cond_init(&store->notified);
}

void kv_store_release(struct kv_store *store)
{
    CHECK(store->oldest_view == NULL);
    kv_cache_destroy(store->cache);
    while (store->watches != NULL) {
        struct kv_watch_entry *entry = store->watches;
        store->watches = entry->next;
        mem_free(entry);
    }
    cond_release(&store->notified);
    lock_release(&store->lock);
}

void kv_close(struct kv_store *store)
{
    store->backend->close(store);
}

/* -- commits ----------------------------------------------------------------------------------- */

/* The end of a range may be the first key behind the whole partition: its prefix with the last byte
 * one higher (a prefix ends with 01). */
static bool is_partition_end(str hi, str partition)
{
    return hi.n == partition.n && memcmp(hi.p, partition.p, hi.n - 1) == 0 &&
           (uint8_t)hi.p[hi.n - 1] == (uint8_t)((uint8_t)partition.p[hi.n - 1] + 1);
}

static void check_txn(const struct kv_txn *txn)
{
    CHECK(txn->partition.n > 0);
    CHECK(txn->partition.p[0] != 0); /* heads live there */
    for (size_t i = 0; i < txn->mutation_count; i++) {
        const struct kv_mutation *m = &txn->mutations[i];
        CHECK(m->family < KV_FAMILY_COUNT);
        CHECK(str_starts_with(m->key, txn->partition));
        CHECK(m->op != KV_DELETE_RANGE || str_starts_with(m->value, txn->partition) ||
              is_partition_end(m->value, txn->partition));
    }
}

/* Known to be written, or known not to be: the cache may learn again. */
static void end_commit(void *context, status result, const struct kv_head *heads)
{
    struct kv_store *store = context;
    if (status_ok(result) || result.code == STATUS_CONFLICT || result.code == STATUS_STORAGE_FULL) {
        kv_cache_end_write(store->cache);
    }
    store->done(store->done_context, result, heads);
}

void kv_commit(struct kv_store *store, const struct kv_txn *txns, size_t txn_count, bool sync,
               kv_done_fn *done, void *context)
{
    CHECK(txn_count > 0);
    CHECK(store->backend->group_is_atomic || txn_count == 1);
    for (size_t i = 0; i < txn_count; i++) {
        check_txn(&txns[i]);
    }
    int injected = FAULT_ERRNO("kv.write");
    if (injected != 0) {
        done(context, status_from(injected == ENOSPC ? STATUS_STORAGE_FULL : STATUS_IO), NULL);
        return;
    }
    if (store->cache == NULL) {
        store->backend->commit(store, txns, txn_count, sync, done, context);
        return;
    }
    kv_cache_begin_write(store->cache, txns, txn_count);
    store->done = done;
    store->done_context = context;
    store->backend->commit(store, txns, txn_count, sync, end_commit, store);
}

bool kv_group_is_atomic(const struct kv_store *store)
{
    return store->backend->group_is_atomic;
}

bool kv_is_full(struct kv_store *store)
{
    return store->backend->is_full != NULL && store->backend->is_full(store);
}

status kv_sync(struct kv_store *store, struct error *err)
{
    return store->backend->sync(store, err);
}

static status read_head(struct kv_store *store, str partition, struct kv_head_record *record,
                        struct error *err)
{
    struct arena arena;
    arena_init(&arena);
    *record = (struct kv_head_record){0};
    str bytes = {0};
    bool found = false;
    status result = store->backend->head_read(store, partition, &arena, &bytes, &found, err);
    if (status_ok(result) && found) {
        result = kv_head_decode(bytes, record, err);
    }
    arena_release(&arena);
    return result;
}

status kv_head_get(struct kv_store *store, str partition, struct kv_head *head, struct error *err)
{
    struct kv_head_record record;
    TRY(read_head(store, partition, &record, err));
    *head = record.head;
    return STATUS_IS_OK;
}

status kv_txn_seen(struct kv_store *store, str partition, const uint8_t id[KV_TXN_ID_BYTES],
                   bool *seen, struct error *err)
{
    struct kv_head_record record;
    TRY(read_head(store, partition, &record, err));
    *seen = kv_head_remembers(&record, id);
    return STATUS_IS_OK;
}

/* -- views ------------------------------------------------------------------------------------- */

struct kv_view *kv_view_open(struct kv_store *store)
{
    struct kv_view *view = mem_alloc_zeroed(store->backend->view_bytes);
    view->store = store;
    lock_take(&store->lock);
    view->number = store->next_view_number++;
    view->older = store->newest_view;
    if (store->newest_view != NULL) {
        store->newest_view->newer = view;
    } else {
        store->oldest_view = view;
    }
    store->newest_view = view;
    lock_give(&store->lock);
    store->backend->view_begin(view);
    return view;
}

void kv_view_close(struct kv_view *view)
{
    struct kv_store *store = view->store;
    store->backend->view_end(view);
    lock_take(&store->lock);
    if (view->older != NULL) {
        view->older->newer = view->newer;
    } else {
        store->oldest_view = view->newer;
    }
    if (view->newer != NULL) {
        view->newer->older = view->older;
    } else {
        store->newest_view = view->older;
    }
    lock_give(&store->lock);
    mem_free(view);
}

uint64_t kv_view_next_number(struct kv_store *store)
{
    lock_take(&store->lock);
    uint64_t number = store->next_view_number;
    lock_give(&store->lock);
    return number;
}

uint64_t kv_views_oldest(struct kv_store *store)
{
    lock_take(&store->lock);
    uint64_t number =
        store->oldest_view != NULL ? store->oldest_view->number : store->next_view_number;
    lock_give(&store->lock);
    return number;
}

/* -- reading ----------------------------------------------------------------------------------- */

status kv_get(struct kv_store *store, struct kv_view *view, enum kv_family family, str key,
              enum kv_get_mode mode, struct arena *arena, str *value, bool *found,
              struct error *err)
{
    CHECK(family < KV_FAMILY_COUNT);
    CHECK(view == NULL || view->store == store);
    return store->backend->get(store, view, family, key, mode, arena, value, found, err);
}

void kv_use_cache(struct kv_store *store, size_t bytes_max)
{
    CHECK(store->cache == NULL);
    store->cache = bytes_max > 0 ? kv_cache_create(bytes_max) : NULL;
}

status kv_get_newest(struct kv_store *store, enum kv_family family, str key, enum kv_get_mode mode,
                     struct arena *arena, str *value, bool *found, struct error *err)
{
    uint64_t ticket = 0;
    if (store->cache != NULL && kv_cache_get(store->cache, family, key, arena, value, &ticket)) {
        *found = true;
        return STATUS_IS_OK;
    }
    TRY(kv_get(store, NULL, family, key, mode, arena, value, found, err));
    if (store->cache != NULL && *found) {
        kv_cache_put(store->cache, family, key, *value, ticket);
    }
    return STATUS_IS_OK;
}

void kv_cache_statistics(struct kv_store *store, struct kv_cache_statistics *out)
{
    *out = (struct kv_cache_statistics){0};
    if (store->cache != NULL) {
        kv_cache_statistics_get(store->cache, out);
    }
}

struct kv_cursor *kv_cursor_open(struct kv_view *view, enum kv_family family, str lo, str hi,
                                 enum kv_direction direction)
{
    CHECK(family < KV_FAMILY_COUNT);
    struct kv_cursor *cursor = view->store->backend->cursor_open(view, family, lo, hi, direction);
    cursor->view = view;
    return cursor;
}

bool kv_cursor_next(struct kv_cursor *cursor, str *key, str *value, status *result,
                    struct error *err)
{
    *result = STATUS_IS_OK;
    return cursor->view->store->backend->cursor_next(cursor, key, value, result, err);
}

void kv_cursor_seek(struct kv_cursor *cursor, str key)
{
    cursor->view->store->backend->cursor_seek(cursor, key);
}

void kv_cursor_close(struct kv_cursor *cursor)
{
    cursor->view->store->backend->cursor_close(cursor);
}

uint64_t kv_family_bytes(struct kv_store *store, enum kv_family family)
{
    CHECK(family < KV_FAMILY_COUNT);
    return store->backend->family_bytes(store, family);
}

uint64_t kv_memory_bytes(struct kv_store *store)
{
    return store->backend->memory_bytes(store);
}

void kv_numbers_get(struct kv_store *store, struct kv_numbers *out)
{
    *out = (struct kv_numbers){.families = 0};
    if (store->backend->numbers != NULL) {
        store->backend->numbers(store, out);
    }
}

/* -- hints ------------------------------------------------------------------------------------- */

uint64_t kv_watch(struct kv_store *store, str prefix, kv_watch_fn *watch, void *context)
{
    struct kv_watch_entry *entry = mem_alloc(sizeof *entry + prefix.n);
    *entry = (struct kv_watch_entry){.watch = watch, .context = context, .prefix_bytes = prefix.n};
    if (prefix.n > 0) {
        memcpy(entry->prefix, prefix.p, prefix.n);
    }
    lock_take(&store->lock);
    entry->number = store->next_watch_number++;
    uint64_t number = entry->number;
    entry->next = store->watches;
    store->watches = entry;
    lock_give(&store->lock);
    return number;
}

void kv_unwatch(struct kv_store *store, uint64_t number)
{
    lock_take(&store->lock);
    struct kv_watch_entry **link = &store->watches;
    while (*link != NULL && (*link)->number != number) {
        link = &(*link)->next;
    }
    struct kv_watch_entry *entry = *link;
    CHECK(entry != NULL);
    *link = entry->next;
    while (store->notifying > 0) {
        cond_wait(&store->notified, &store->lock);
    }
    lock_give(&store->lock);
    mem_free(entry);
}

struct call {
    kv_watch_fn *watch;
    void *context;
};

void kv_notify(struct kv_store *store, str partition, struct kv_head head)
{
    struct call *calls = NULL;
    size_t capacity = 0;
    size_t count = 0;
    lock_take(&store->lock);
    for (const struct kv_watch_entry *e = store->watches; e != NULL; e = e->next) {
        if (str_starts_with(partition, str_of(e->prefix, e->prefix_bytes))) {
            calls = mem_grow(calls, &capacity, count + 1, sizeof *calls);
            calls[count++] = (struct call){e->watch, e->context};
        }
    }
    store->notifying += count > 0 ? 1 : 0;
    lock_give(&store->lock);
    if (count == 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        calls[i].watch(calls[i].context, partition, head);
    }
    mem_free(calls);
    lock_take(&store->lock);
    store->notifying--;
    if (store->notifying == 0) {
        cond_broadcast(&store->notified);
    }
    lock_give(&store->lock);
}
