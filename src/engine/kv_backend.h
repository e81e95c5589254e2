/* engine/kv_backend.h -- what a backend of the store seam gives to kv.c. Private to engine/kv_*.c.
 * For:      kv.c does what is the same everywhere (checks, view numbers, hints, fault points) and
 *           calls the backend through this table for the rest.
 * Owns:     a backend embeds struct kv_store, kv_view and kv_cursor as first members of its own.
 * Threads:  as kv.h says. */
#ifndef ENGINE_KV_BACKEND_H
#define ENGINE_KV_BACKEND_H

#include "engine/kv.h"

struct kv_cache;
struct kv_watch_entry;

struct kv_backend {
    size_t view_bytes; /* of the struct that begins with struct kv_view */
    bool group_is_atomic;
    /* Calls kv_notify when it applied something, then `done`; holds no lock in either. */
    void (*commit)(struct kv_store *store, const struct kv_txn *txns, size_t txn_count, bool sync,
                   kv_done_fn *done, void *context);
    status (*sync)(struct kv_store *store, struct error *err);
    /* The value of a partition's head record in the newest state (engine/kv_head.h). */
    status (*head_read)(struct kv_store *store, str partition, struct arena *arena, str *record,
                        bool *found, struct error *err);
    /* Takes and drops the snapshot of a view that is registered already. */
    void (*view_begin)(struct kv_view *view);
    void (*view_end)(struct kv_view *view);
    status (*get)(struct kv_store *store, struct kv_view *view, enum kv_family family, str key,
                  enum kv_get_mode mode, struct arena *arena, str *value, bool *found,
                  struct error *err);
    struct kv_cursor *(*cursor_open)(struct kv_view *view, enum kv_family family, str lo, str hi,
                                     enum kv_direction direction);
    bool (*cursor_next)(struct kv_cursor *cursor, str *key, str *value, status *result,
                        struct error *err);
    void (*cursor_seek)(struct kv_cursor *cursor, str key);
    void (*cursor_close)(struct kv_cursor *cursor);
    bool (*is_full)(struct kv_store *store); /* NULL: never */
    uint64_t (*family_bytes)(struct kv_store *store, enum kv_family family);
    uint64_t (*memory_bytes)(struct kv_store *store);
    void (*numbers)(struct kv_store *store, struct kv_numbers *out); /* adds; NULL: all zero */
    /* Frees the store itself too, after kv_store_release. */
    void (*close)(struct kv_store *store);
};

struct kv_store {
    const struct kv_backend *backend;
    struct kv_cache *cache; /* NULL: none */
    /* of the one thread that commits, while a commit runs */
    kv_done_fn *done;
    void *done_context;

    struct lock lock; /* KV_VIEWS; guards all below */
    struct kv_view *oldest_view;
    struct kv_view *newest_view;
    uint64_t next_view_number;
    struct kv_watch_entry *watches;
    uint64_t next_watch_number;
    uint32_t notifying;   /* kv_notify calls that are running watches now */
    struct cond notified; /* `notifying` fell to 0 */
};

struct kv_view {
    struct kv_store *store;
    uint64_t number;
    struct kv_view *older;
    struct kv_view *newer;
};

struct kv_cursor {
    struct kv_view *view;
};

/* For backends: fills the common part. */
void kv_store_init(struct kv_store *store, const struct kv_backend *backend);
/* CHECKs that no view is open. */
void kv_store_release(struct kv_store *store);

/* Calls the watches of one partition. No lock is held meanwhile. */
void kv_notify(struct kv_store *store, str partition, struct kv_head head);

#endif
