/* engine/kv_mem.c -- the store in memory, for tests: exact, with scripted faults and power cuts.
 * Each family, and the heads, is a persistent treap: nodes are counted and never changed once a
 * second holder has them, so a view is a handful of references, and so is the durable copy: newest
 * --> root of a family     a commit copies the path from the root to what it changes and durable
 * --> (maybe older) root   shares the rest; priorities are hashes of the keys Threads:  `lock`
 * guards the roots and the script; nodes are immutable while shared. */
#include "engine/kv.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"
#include "engine/kv_backend.h"
#include "engine/kv_head.h"

/* -- the map ----------------------------------------------------------------------------------- */

struct entry {
    refcount refs;
    size_t key_bytes;
    size_t value_bytes;
    char data[]; /* key, value */
};

struct node {
    refcount refs;
    uint64_t priority; /* not smaller than those below; hash of the key */
    struct node *left;
    struct node *right;
    struct entry *entry;
};

static str entry_key(const struct entry *e)
{
    return str_of(e->data, e->key_bytes);
}

static str entry_value(const struct entry *e)
{
    return str_of(e->data + e->key_bytes, e->value_bytes);
}

static struct entry *entry_create(str key, str value)
{
    struct entry *e = mem_alloc(sizeof *e + key.n + value.n);
    refcount_init(&e->refs);
    e->key_bytes = key.n;
    e->value_bytes = value.n;
    memcpy(e->data, key.p, key.n);
    if (value.n > 0) {
        memcpy(e->data + key.n, value.p, value.n);
    }
    return e;
}

static void entry_give(struct entry *e)
{
    if (refcount_give(&e->refs)) {
        mem_free(e);
    }
}

static struct node *node_take(struct node *n)
{
    if (n != NULL) {
        refcount_take(&n->refs);
    }
    return n;
}

static void node_give(struct node *n)
{
    if (n != NULL && refcount_give(&n->refs)) {
        node_give(n->left);
        node_give(n->right);
        entry_give(n->entry);
        mem_free(n);
    }
}

/* Takes the caller's reference and gives one of a node that nobody else holds. */
static struct node *node_own(struct node *n)
{
    if (refcount_is_one(&n->refs)) {
        return n;
    }
    struct node *own = mem_alloc(sizeof *own);
    *own = (struct node){.priority = n->priority,
                         .left = node_take(n->left),
                         .right = node_take(n->right),
                         .entry = n->entry};
    refcount_take(&n->entry->refs);
    refcount_init(&own->refs);
    node_give(n);
    return own;
}

/* Splits a tree (taking the reference) into keys < key and keys >= key. */
static void tree_split(struct node *n, str key, struct node **below, struct node **rest)
{
    if (n == NULL) {
        *below = NULL;
        *rest = NULL;
        return;
    }
    n = node_own(n);
    struct node *middle = NULL;
    if (str_compare(entry_key(n->entry), key) < 0) {
        tree_split(n->right, key, &middle, rest);
        n->right = middle;
        *below = n;
    } else {
        tree_split(n->left, key, below, &middle);
        n->left = middle;
        *rest = n;
    }
}

/* Joins two trees (taking both references); every key of `a` is below every key of `b`. */
static struct node *tree_join(struct node *a, struct node *b)
{
    if (a == NULL || b == NULL) {
        return a != NULL ? a : b;
    }
    if (a->priority >= b->priority) {
        a = node_own(a);
        a->right = tree_join(a->right, b);
        return a;
    }
    b = node_own(b);
    b->left = tree_join(a, b->left);
    return b;
}

/* Sets an entry (taking both references). A key that is there already has the same priority, so it
 * is found before a smaller priority is met. */
static struct node *tree_put(struct node *n, struct entry *e, uint64_t priority)
{
    if (n == NULL || priority > n->priority) {
        struct node *added = mem_alloc(sizeof *added);
        *added = (struct node){.priority = priority, .entry = e};
        refcount_init(&added->refs);
        tree_split(n, entry_key(e), &added->left, &added->right);
        return added;
    }
    n = node_own(n);
    int order = str_compare(entry_key(e), entry_key(n->entry));
    if (order < 0) {
        n->left = tree_put(n->left, e, priority);
    } else if (order > 0) {
        n->right = tree_put(n->right, e, priority);
    } else {
        entry_give(n->entry);
        n->entry = e;
    }
    return n;
}

/* Removes the keys in [lo, hi) (taking the reference). */
static struct node *tree_remove_range(struct node *n, str lo, str hi)
{
    struct node *below = NULL;
    struct node *rest = NULL;
    struct node *middle = NULL;
    struct node *above = NULL;
    tree_split(n, lo, &below, &rest);
    tree_split(rest, hi, &middle, &above);
    node_give(middle);
    return tree_join(below, above);
}

/* Removes one key (taking the reference). */
static struct node *tree_remove(struct node *n, str key)
{
    if (n == NULL) {
        return NULL;
    }
    n = node_own(n);
    int order = str_compare(key, entry_key(n->entry));
    if (order < 0) {
        n->left = tree_remove(n->left, key);
        return n;
    }
    if (order > 0) {
        n->right = tree_remove(n->right, key);
        return n;
    }
    struct node *joined = tree_join(node_take(n->left), node_take(n->right));
    node_give(n);
    return joined;
}

static const struct entry *tree_find(const struct node *n, str key)
{
    while (n != NULL) {
        int order = str_compare(key, entry_key(n->entry));
        if (order == 0) {
            return n->entry;
        }
        n = order < 0 ? n->left : n->right;
    }
    return NULL;
}

/* The first entry above `key` (or at it). */
static const struct entry *tree_above(const struct node *n, str key, bool inclusive)
{
    const struct entry *best = NULL;
    while (n != NULL) {
        int order = str_compare(entry_key(n->entry), key);
        if (order > 0 || (inclusive && order == 0)) {
            best = n->entry;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    return best;
}

/* The last entry below `key` (or at it). */
static const struct entry *tree_below(const struct node *n, str key, bool inclusive)
{
    const struct entry *best = NULL;
    while (n != NULL) {
        int order = str_compare(entry_key(n->entry), key);
        if (order < 0 || (inclusive && order == 0)) {
            best = n->entry;
            n = n->right;
        } else {
            n = n->left;
        }
    }
    return best;
}

static const struct entry *tree_last(const struct node *n)
{
    while (n != NULL && n->right != NULL) {
        n = n->right;
    }
    return n != NULL ? n->entry : NULL;
}

/* -- the store --------------------------------------------------------------------------------- */

enum { TREE_HEADS = KV_FAMILY_COUNT, TREE_COUNT };

/* One instant: a root per family, and one for the heads. */
struct state {
    struct node *roots[TREE_COUNT];
};

struct mem_store {
    struct kv_store base;
    struct lock lock; /* KV_MEM; guards all below */
    struct state newest;
    struct state durable;
    enum kv_mem_fault *script; /* of script_count, script_at is next */
    size_t script_count;
    size_t script_at;
    bool reads_block;
    enum kv_mem_sync sync_mode;
    bool is_full;
    struct cond sync_mode_changed;
};

struct mem_view {
    struct kv_view base;
    struct state state;
};

static struct mem_store *mem_store(struct kv_store *store)
{
    return (struct mem_store *)store;
}

static struct state state_take(const struct state *state)
{
    for (int i = 0; i < TREE_COUNT; i++) {
        (void)node_take(state->roots[i]);
    }
    return *state;
}

static void state_give(struct state *state)
{
    for (int i = 0; i < TREE_COUNT; i++) {
        node_give(state->roots[i]);
        state->roots[i] = NULL;
    }
}

static void state_mutate(struct state *state, const struct kv_mutation *m)
{
    struct node **root = &state->roots[m->family];
    switch (m->op) {
    case KV_PUT:
        *root = tree_put(*root, entry_create(m->key, m->value), hash_bytes(m->key));
        break;
    case KV_DELETE:
        *root = tree_remove(*root, m->key);
        break;
    case KV_DELETE_RANGE:
        if (str_compare(m->key, m->value) < 0) {
            *root = tree_remove_range(*root, m->key, m->value);
        }
        break;
    }
}

/* CONFLICT: the state is partly changed; the caller throws it away. */
static status state_apply(struct state *state, const struct kv_txn *txn, struct kv_head *head)
{
    struct kv_head_record record = {0};
    const struct entry *e = tree_find(state->roots[TREE_HEADS], txn->partition);
    if (e != NULL) {
        status decoded = kv_head_decode(entry_value(e), &record, NULL);
        CHECK(status_ok(decoded));
    }
    enum kv_head_verdict verdict = kv_head_advance(&record, txn);
    *head = record.head;
    if (verdict == KV_HEAD_CONFLICT) {
        return status_from(STATUS_CONFLICT);
    }
    if (verdict == KV_HEAD_APPLY) {
        for (size_t i = 0; i < txn->mutation_count; i++) {
            state_mutate(state, &txn->mutations[i]);
        }
        char bytes[KV_HEAD_BYTES_MAX];
        size_t n = kv_head_encode(&record, bytes);
        state->roots[TREE_HEADS] =
            tree_put(state->roots[TREE_HEADS], entry_create(txn->partition, str_of(bytes, n)),
                     hash_bytes(txn->partition));
    }
    return STATUS_IS_OK;
}

static enum kv_mem_fault next_fault(struct mem_store *mem)
{
    return mem->script_at < mem->script_count ? mem->script[mem->script_at++] : KV_MEM_OK;
}

/* The whole group or nothing becomes the newest state. Under the lock. */
static status apply_group(struct mem_store *mem, const struct kv_txn *txns, size_t txn_count,
                          bool sync, struct kv_head *heads)
{
    struct state work = state_take(&mem->newest);
    for (size_t i = 0; i < txn_count; i++) {
        status applied = state_apply(&work, &txns[i], &heads[i]);
        if (!status_ok(applied)) {
            state_give(&work);
            return applied;
        }
    }
    state_give(&mem->newest);
    mem->newest = work;
    if (sync) {
        state_give(&mem->durable);
        mem->durable = state_take(&mem->newest);
    }
    return STATUS_IS_OK;
}

static bool may_use_reserve(const struct kv_txn *txns, size_t txn_count)
{
    for (size_t i = 0; i < txn_count; i++) {
        if (!txns[i].may_use_reserve) {
            return false;
        }
    }
    return true;
}

static bool mem_is_full(struct kv_store *store)
{
    struct mem_store *mem = mem_store(store);
    lock_take(&mem->lock);
    bool is_full = mem->is_full;
    lock_give(&mem->lock);
    return is_full;
}

static void mem_commit(struct kv_store *store, const struct kv_txn *txns, size_t txn_count,
                       bool sync, kv_done_fn *done, void *context)
{
    static const enum status_code answers[] = {
        [KV_MEM_OK] = STATUS_OK,
        [KV_MEM_CONFLICT] = STATUS_CONFLICT,
        [KV_MEM_IO] = STATUS_IO,
        [KV_MEM_STORAGE_FULL] = STATUS_STORAGE_FULL,
        [KV_MEM_UNKNOWN_APPLIED] = STATUS_UNKNOWN_OUTCOME,
        [KV_MEM_UNKNOWN_NOT_APPLIED] = STATUS_UNKNOWN_OUTCOME,
        [KV_MEM_LOSE_HINT] = STATUS_OK,
    };
    struct mem_store *mem = mem_store(store);
    struct kv_head *heads = mem_alloc_zeroed(txn_count * sizeof *heads);
    status result = STATUS_IS_OK;
    bool applied = false;
    lock_take(&mem->lock);
    enum kv_mem_fault fault =
        mem->is_full && !may_use_reserve(txns, txn_count) ? KV_MEM_STORAGE_FULL : next_fault(mem);
    if (fault == KV_MEM_OK || fault == KV_MEM_LOSE_HINT || fault == KV_MEM_UNKNOWN_APPLIED) {
        result = apply_group(mem, txns, txn_count, sync, heads);
        applied = status_ok(result);
    }
    lock_give(&mem->lock);
    if (status_ok(result)) {
        result = status_from(answers[fault]);
    }
    for (size_t i = 0; applied && fault != KV_MEM_LOSE_HINT && i < txn_count; i++) {
        kv_notify(store, txns[i].partition, heads[i]);
    }
    done(context, result, heads);
    mem_free(heads);
}

static status mem_sync(struct kv_store *store, struct error *err)
{
    struct mem_store *mem = mem_store(store);
    lock_take(&mem->lock);
    while (mem->sync_mode == KV_MEM_SYNC_WAITS) {
        cond_wait(&mem->sync_mode_changed, &mem->lock);
    }
    bool fails = mem->sync_mode == KV_MEM_SYNC_FAILS;
    if (!fails) {
        state_give(&mem->durable);
        mem->durable = state_take(&mem->newest);
    }
    lock_give(&mem->lock);
    return fails ? error_set(err, ERROR_IO, "the sync failed") : STATUS_IS_OK;
}

/* Copies the value of a key of the newest state. */
static void read_newest(struct mem_store *mem, int tree, str key, struct arena *arena, str *value,
                        bool *found)
{
    lock_take(&mem->lock);
    const struct entry *e = tree_find(mem->newest.roots[tree], key);
    *found = e != NULL;
    *value = e != NULL ? arena_copy(arena, entry_value(e)) : (str){0};
    lock_give(&mem->lock);
}

static status mem_head_read(struct kv_store *store, str partition, struct arena *arena, str *record,
                            bool *found, struct error *err)
{
    (void)err;
    read_newest(mem_store(store), TREE_HEADS, partition, arena, record, found);
    return STATUS_IS_OK;
}

static void mem_view_begin(struct kv_view *view)
{
    struct mem_store *mem = mem_store(view->store);
    lock_take(&mem->lock);
    ((struct mem_view *)view)->state = state_take(&mem->newest);
    lock_give(&mem->lock);
}

static void mem_view_end(struct kv_view *view)
{
    state_give(&((struct mem_view *)view)->state);
}

static bool reads_block(struct mem_store *mem)
{
    lock_take(&mem->lock);
    bool block = mem->reads_block;
    lock_give(&mem->lock);
    return block;
}

static status mem_get(struct kv_store *store, struct kv_view *view, enum kv_family family, str key,
                      enum kv_get_mode mode, struct arena *arena, str *value, bool *found,
                      struct error *err)
{
    struct mem_store *mem = mem_store(store);
    if (mode == KV_NO_IO && reads_block(mem)) {
        return error_set(err, ERROR_UNAVAILABLE, "not in memory");
    }
    if (view == NULL) {
        read_newest(mem, (int)family, key, arena, value, found);
        return STATUS_IS_OK;
    }
    const struct entry *e = tree_find(((struct mem_view *)view)->state.roots[family], key);
    *found = e != NULL;
    *value = e != NULL ? arena_copy(arena, entry_value(e)) : (str){0};
    return STATUS_IS_OK;
}

/* -- cursors ----------------------------------------------------------------------------------- */

struct mem_cursor {
    struct kv_cursor base;
    const struct node *root; /* held by the view */
    enum kv_direction direction;
    struct buf lo;
    struct buf hi;       /* empty: no bound */
    struct buf position; /* where the walk goes on ... */
    bool inclusive;      /* ... at that key or behind it */
    bool at_start;       /* at the edge of the range: no position yet */
};

static struct kv_cursor *mem_cursor_open(struct kv_view *view, enum kv_family family, str lo,
                                         str hi, enum kv_direction direction)
{
    struct mem_cursor *c = mem_alloc_zeroed(sizeof *c);
    c->root = ((struct mem_view *)view)->state.roots[family];
    c->direction = direction;
    c->at_start = true;
    buf_append_str(&c->lo, lo);
    buf_append_str(&c->hi, hi);
    return &c->base;
}

static const struct entry *next_forward(const struct mem_cursor *c)
{
    str lo = buf_str(&c->lo);
    str from =
        c->at_start || str_compare(buf_str(&c->position), lo) < 0 ? lo : buf_str(&c->position);
    const struct entry *e = tree_above(c->root, from, c->at_start || c->inclusive);
    bool inside = e != NULL && (c->hi.n == 0 || str_compare(entry_key(e), buf_str(&c->hi)) < 0);
    return inside ? e : NULL;
}

static const struct entry *next_reverse(const struct mem_cursor *c)
{
    str hi = buf_str(&c->hi);
    const struct entry *e = NULL;
    if (!c->at_start && (hi.n == 0 || str_compare(buf_str(&c->position), hi) < 0)) {
        e = tree_below(c->root, buf_str(&c->position), c->inclusive);
    } else {
        e = hi.n > 0 ? tree_below(c->root, hi, false) : tree_last(c->root);
    }
    return e != NULL && str_compare(entry_key(e), buf_str(&c->lo)) >= 0 ? e : NULL;
}

static bool mem_cursor_next(struct kv_cursor *cursor, str *key, str *value, status *result,
                            struct error *err)
{
    (void)result; /* set by kv_cursor_next; memory has no errors */
    (void)err;
    struct mem_cursor *c = (struct mem_cursor *)cursor;
    const struct entry *e = c->direction == KV_FORWARD ? next_forward(c) : next_reverse(c);
    if (e == NULL) {
        return false;
    }
    *key = entry_key(e);
    *value = entry_value(e);
    buf_clear(&c->position);
    buf_append_str(&c->position, *key);
    c->inclusive = false;
    c->at_start = false;
    return true;
}

static void mem_cursor_seek(struct kv_cursor *cursor, str key)
{
    struct mem_cursor *c = (struct mem_cursor *)cursor;
    buf_clear(&c->position);
    buf_append_str(&c->position, key);
    c->inclusive = true;
    c->at_start = false;
}

static void mem_cursor_close(struct kv_cursor *cursor)
{
    struct mem_cursor *c = (struct mem_cursor *)cursor;
    buf_release(&c->lo);
    buf_release(&c->hi);
    buf_release(&c->position);
    mem_free(c);
}

/* -- the rest ---------------------------------------------------------------------------------- */

static uint64_t mem_family_bytes(struct kv_store *store, enum kv_family family)
{
    (void)store;
    (void)family;
    return 0; /* unknown: the same bytes belong to several instants */
}

static uint64_t mem_memory_bytes(struct kv_store *store)
{
    (void)store;
    return 0;
}

static void mem_close(struct kv_store *store)
{
    struct mem_store *mem = mem_store(store);
    kv_store_release(store);
    state_give(&mem->newest);
    state_give(&mem->durable);
    cond_release(&mem->sync_mode_changed);
    lock_release(&mem->lock);
    mem_free(mem->script);
    mem_free(mem);
}

static const struct kv_backend mem_backend = {
    .view_bytes = sizeof(struct mem_view),
    .group_is_atomic = true,
    .commit = mem_commit,
    .sync = mem_sync,
    .head_read = mem_head_read,
    .view_begin = mem_view_begin,
    .view_end = mem_view_end,
    .get = mem_get,
    .cursor_open = mem_cursor_open,
    .cursor_next = mem_cursor_next,
    .cursor_seek = mem_cursor_seek,
    .cursor_close = mem_cursor_close,
    .is_full = mem_is_full,
    .family_bytes = mem_family_bytes,
    .memory_bytes = mem_memory_bytes,
    .close = mem_close,
};

struct kv_store *kv_mem_open(void)
{
    struct mem_store *mem = mem_alloc_zeroed(sizeof *mem);
    kv_store_init(&mem->base, &mem_backend);
    lock_init(&mem->lock, LOCK_KV_MEM);
    cond_init(&mem->sync_mode_changed);
    return &mem->base;
}

void kv_mem_power_cut(struct kv_store *store)
{
    struct mem_store *mem = mem_store(store);
    CHECK(store->backend == &mem_backend);
    lock_take(&mem->lock);
    state_give(&mem->newest);
    mem->newest = state_take(&mem->durable);
    lock_give(&mem->lock);
}

void kv_mem_script(struct kv_store *store, const enum kv_mem_fault *faults, size_t count)
{
    struct mem_store *mem = mem_store(store);
    CHECK(store->backend == &mem_backend);
    lock_take(&mem->lock);
    mem_free(mem->script);
    mem->script = count > 0 ? mem_copy(faults, count * sizeof *faults) : NULL;
    mem->script_count = count;
    mem->script_at = 0;
    lock_give(&mem->lock);
}

void kv_mem_block_reads(struct kv_store *store, bool on)
{
    struct mem_store *mem = mem_store(store);
    CHECK(store->backend == &mem_backend);
    lock_take(&mem->lock);
    mem->reads_block = on;
    lock_give(&mem->lock);
}

void kv_mem_set_full(struct kv_store *store, bool on)
{
    struct mem_store *mem = mem_store(store);
    CHECK(store->backend == &mem_backend);
    lock_take(&mem->lock);
    mem->is_full = on;
    lock_give(&mem->lock);
}

void kv_mem_set_sync(struct kv_store *store, enum kv_mem_sync mode)
{
    struct mem_store *mem = mem_store(store);
    CHECK(store->backend == &mem_backend);
    lock_take(&mem->lock);
    mem->sync_mode = mode;
    cond_broadcast(&mem->sync_mode_changed);
    lock_give(&mem->lock);
}
