/* catalog/catalog.c -- opening, publishing, and reading what is published. */
#include "catalog/catalog.h"
#include "base/check.h"
#include "base/fault.h"
#include "base/log.h"
#include "catalog/catalog_private.h"
#include "model/key.h"
#include "wire/json.h"

const struct catalog_snapshot *catalog_take(struct catalog *catalog)
{
    lock_take(&catalog->lock);
    struct catalog_snapshot *s = &catalog->snapshot->shown;
    refcount_take(&s->refs);
    lock_give(&catalog->lock);
    return s;
}

void catalog_set_listener(struct catalog *catalog, const struct catalog_listener *listener)
{
    catalog->listener = *listener;
}

/* -- users --------------------------------------------------------------------------------------
 */

struct user *catalog_find_user(struct catalog *catalog, str id)
{
    lock_take(&catalog->lock);
    struct user *user = map_find(&catalog->users, id);
    if (user != NULL) {
        refcount_take(&user->refs);
    }
    lock_give(&catalog->lock);
    return user;
}

static int compare_users(const void *a, const void *b)
{
    return str_compare((*(struct user *const *)a)->id, (*(struct user *const *)b)->id);
}

void catalog_each_user(struct catalog *catalog, const enum role *only,
                       void (*visit)(void *context, const struct user *u), void *context)
{
    lock_take(&catalog->lock);
    const struct map *map =
        only != NULL && *only > ROLE_USER ? &catalog->users_of[*only] : &catalog->users;
    size_t count = 0;
    struct user **users = mem_alloc((map->count + 1) * sizeof(struct user *));
    size_t position = 0;
    str key;
    void *value = NULL;
    while (map_next(map, &position, &key, &value)) {
        struct user *user = value;
        if (only == NULL || user->role == *only) {
            refcount_take(&user->refs);
            users[count++] = user;
        }
    }
    lock_give(&catalog->lock);
    qsort(users, count, sizeof(struct user *), compare_users);
    for (size_t i = 0; i < count; i++) {
        visit(context, users[i]);
        user_give(users[i]);
    }
    mem_free(users);
}

/* -- publishing ---------------------------------------------------------------------------------
 */

static void publish_objects(struct change *change)
{
    struct catalog *catalog = change->catalog;
    struct snapshot_body *next = snapshot_change(catalog->snapshot, change->removed, change->added);
    lock_take(&catalog->lock);
    struct snapshot_body *before = catalog->snapshot;
    catalog->snapshot = next;
    lock_give(&catalog->lock);
    catalog_give(&before->shown);
}

/* Takes over the caller's hold of `user`, and gives back that of the user before, who may be NULL.
 */
static struct user *put_user(struct catalog *catalog, struct user *user)
{
    struct user *before = map_put(&catalog->users, user->id, user);
    if (before != NULL && before->role > ROLE_USER) {
        (void)map_remove(&catalog->users_of[before->role], before->id);
    }
    if (user->role > ROLE_USER) {
        (void)map_put(&catalog->users_of[user->role], user->id, user);
    }
    return before;
}

static void publish_user(struct change *change)
{
    struct catalog *catalog = change->catalog;
    refcount_take(&change->user->refs);
    lock_take(&catalog->lock);
    struct user *before = put_user(catalog, change->user);
    lock_give(&catalog->lock);
    user_give(before);
}

static void tell_table_changed(struct catalog *catalog, table_id id, bool is_dropped)
{
    if (catalog->listener.table_changed != NULL) {
        catalog->listener.table_changed(catalog->listener.context, id, is_dropped);
    }
}

static void change_publish(struct commit_request *request)
{
    struct change *change = (struct change *)request;
    struct catalog *catalog = change->catalog;
    if (change->added != NULL || change->removed != NULL) {
        publish_objects(change);
    }
    if (change->id.v != 0) {
        (void)schema_cache_forget_table(catalog->schemas, change->id);
    }
    if (change->dropped_namespace.v != 0) {
        (void)schema_cache_forget_namespace(catalog->schemas, change->dropped_namespace);
    }
    if (change->is_table_changed) {
        tell_table_changed(catalog, change->id, false);
    }
    for (const struct removal *r = change->removed; r != NULL; r = r->next) {
        if (r->table.v != 0) {
            (void)schema_cache_forget_table(catalog->schemas, r->table);
            tell_table_changed(catalog, r->table, true);
        }
    }
    if (change->user != NULL) {
        publish_user(change);
        if (catalog->listener.user_changed != NULL) {
            catalog->listener.user_changed(catalog->listener.context, change->user->id);
        }
    }
}

static status change_apply(struct commit_txn *txn, struct commit_request *request)
{
    struct change *change = (struct change *)request;
    TRY(change->evaluate(change, txn, &request->error));
    return change->audit != NULL && !change->is_unchanged
               ? audit_write(txn, change->audit, &request->error)
               : STATUS_IS_OK;
}

typedef status evaluate_fn(struct change *change, struct commit_txn *txn, struct error *err);

static status apply_change(struct change *change, struct catalog *catalog, evaluate_fn *evaluate,
                           const void *input, bool may_use_reserve, struct error *err)
{
    *change = (struct change){.request = {.apply = change_apply,
                                          .publish = change_publish,
                                          .durability = COMMIT_SYNC,
                                          .may_use_reserve = may_use_reserve,
                                          .bytes = 4096},
                              .catalog = catalog,
                              .evaluate = evaluate,
                              .audit = audit_take(),
                              .input = input};
    FAULT_POINT("ddl.before_commit");
    status result = commit_submit_wait(catalog->committer, &change->request);
    FAULT_POINT("ddl.after_commit");
    object_give(change->added);
    user_give(change->user);
    if (!status_ok(result) && err != NULL) {
        *err = change->request.error;
    }
    if (!status_ok(result)) {
        audit_attach(change->audit); /* it was not recorded: for the next one */
    }
    return result;
}

status catalog_apply(struct change *change, struct catalog *catalog, evaluate_fn *evaluate,
                     const void *input, struct error *err)
{
    return apply_change(change, catalog, evaluate, input, false, err);
}

status catalog_apply_removal(struct change *change, struct catalog *catalog, evaluate_fn *evaluate,
                             const void *input, struct error *err)
{
    return apply_change(change, catalog, evaluate, input, true, err);
}

status change_get(struct commit_txn *txn, enum record_kind kind, str rest, str *value, bool *found,
                  struct error *err)
{
    struct buf key;
    buf_init(&key);
    record_key(&key, kind, rest);
    status result = commit_get(txn, KV_SYSTEM, buf_str(&key), value, found, err);
    buf_release(&key);
    return result;
}

void change_put(struct commit_txn *txn, enum record_kind kind, str rest, str value)
{
    struct buf key;
    buf_init(&key);
    record_key(&key, kind, rest);
    commit_put(txn, KV_SYSTEM, CATALOG_PREFIX_BYTES, buf_str(&key), value);
    buf_release(&key);
}

void change_delete(struct commit_txn *txn, enum record_kind kind, str rest)
{
    struct buf key;
    buf_init(&key);
    record_key(&key, kind, rest);
    commit_delete(txn, KV_SYSTEM, CATALOG_PREFIX_BYTES, buf_str(&key));
    buf_release(&key);
}

void change_remove(struct change *change, struct commit_txn *txn, enum record_kind kind, str key,
                   table_id table)
{
    struct arena *arena = commit_arena(txn);
    struct removal *removal = ARENA_NEW(arena, struct removal);
    *removal = (struct removal){kind, arena_copy(arena, key), table, change->removed};
    change->removed = removal;
    change_delete(txn, kind, key);
}

void change_put_object(struct change *change, struct commit_txn *txn, struct object *object)
{
    struct buf text;
    buf_init(&text);
    record_encode(&text, object);
    change_put(txn, object->kind, object->key, buf_str(&text));
    buf_release(&text);
    CHECK(change->added == NULL);
    change->added = object;
}

status change_next_number(struct commit_txn *txn, const char *counter, uint32_t *out,
                          struct error *err)
{
    str text;
    bool found = false;
    TRY(change_get(txn, RECORD_COUNTERS, str_from(counter), &text, &found, err));
    uint32_t number = 1;
    if (found) {
        if (text.n != 4) {
            return error_set(err, ERROR_CORRUPT, "catalog counter %s has %zu bytes", counter,
                             text.n);
        }
        number = bytes_get_u32be(text.p);
    }
    char next[4];
    bytes_put_u32be(next, number + 1);
    change_put(txn, RECORD_COUNTERS, str_from(counter), str_of(next, 4));
    *out = number;
    return STATUS_IS_OK;
}

status change_count(struct commit_txn *txn, const char *what, str of, int delta, uint32_t *out,
                    struct error *err)
{
    str key = arena_format(commit_arena(txn), "%s:" STR_FMT, what, STR(of));
    str text;
    bool found = false;
    TRY(change_get(txn, RECORD_COUNTERS, key, &text, &found, err));
    int64_t count = (found && text.n == 4 ? bytes_get_u32be(text.p) : 0) + (int64_t)delta;
    if (count < 0) {
        return error_set(err, ERROR_CORRUPT, "catalog counter %s went below zero", what);
    }
    if (delta != 0) {
        char next[4];
        bytes_put_u32be(next, (uint32_t)count);
        change_put(txn, RECORD_COUNTERS, key, str_of(next, 4));
    }
    *out = (uint32_t)count;
    return STATUS_IS_OK;
}

status catalog_check_version(struct commit_txn *txn, table_id id, uint32_t version,
                             struct error *err)
{
    char rest[4];
    bytes_put_u32be(rest, id.v);
    str value;
    bool found = false;
    TRY(change_get(txn, RECORD_LIVE, str_of(rest, 4), &value, &found, err));
    if (!found || value.n != 4 || bytes_get_u32be(value.p) != version) {
        return error_set(err, ERROR_CONFLICT, "the table was changed or dropped meanwhile");
    }
    return STATUS_IS_OK;
}

/* -- opening ------------------------------------------------------------------------------------
 */

/* Walks all records of one kind. */
static status each_record(struct catalog *catalog, enum record_kind kind,
                          status (*visit)(void *context, str key, str value, struct error *err),
                          void *context, struct error *err)
{
    struct buf lo;
    struct buf hi;
    buf_init(&lo);
    buf_init(&hi);
    record_key(&lo, kind, (str){NULL, 0});
    record_key(&hi, (enum record_kind)(kind + 1), (str){NULL, 0});
    struct kv_view *view = kv_view_open(catalog->store);
    struct kv_cursor *cursor =
        kv_cursor_open(view, KV_SYSTEM, buf_str(&lo), buf_str(&hi), KV_FORWARD);
    str key;
    str value;
    status result = STATUS_IS_OK;
    while (status_ok(result) && kv_cursor_next(cursor, &key, &value, &result, err)) {
        result = visit(context, str_skip(key, lo.n), value, err);
    }
    kv_cursor_close(cursor);
    kv_view_close(view);
    buf_release(&lo);
    buf_release(&hi);
    return result;
}

struct load {
    struct catalog *catalog;
    enum record_kind kind;
    struct object **objects;
    size_t count;
    size_t capacity;
};

static status load_object(void *context, str key, str value, struct error *err)
{
    struct load *load = context;
    struct object *object = NULL;
    TRY(record_decode(load->kind, key, value, &object, err));
    load->objects =
        mem_grow(load->objects, &load->capacity, load->count + 1, sizeof(struct object *));
    load->objects[load->count++] = object;
    return STATUS_IS_OK;
}

static status load_user(void *context, str key, str value, struct error *err)
{
    struct load *load = context;
    struct user *user = NULL;
    TRY(user_decode(value, &user, err));
    if (!str_eq(user->id, key)) {
        user_give(user);
        return error_set(err, ERROR_CORRUPT, "user record under a wrong key");
    }
    user_give(put_user(load->catalog, user));
    return STATUS_IS_OK;
}

static status load_all(struct catalog *catalog, struct error *err)
{
    static const enum record_kind kinds[] = {RECORD_NAMESPACE, RECORD_STORAGE, RECORD_TABLE,
                                             RECORD_VIEW};
    struct load load = {.catalog = catalog};
    status result = STATUS_IS_OK;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && status_ok(result); i++) {
        load.kind = kinds[i];
        result = each_record(catalog, kinds[i], load_object, &load, err);
    }
    if (status_ok(result)) {
        catalog->snapshot = snapshot_create(load.objects, (unsigned)load.count, 1);
        result = each_record(catalog, RECORD_USER, load_user, &load, err);
    }
    for (size_t i = 0; i < load.count; i++) {
        object_give(load.objects[i]);
    }
    mem_free(load.objects);
    return result;
}

struct list_dropped {
    struct arena *arena;
    struct dropped_table *items;
    size_t count;
    size_t capacity;
};

static status visit_dropped(void *context, str key, str value, struct error *err)
{
    (void)key;
    struct list_dropped *list = context;
    list->items = mem_grow(list->items, &list->capacity, list->count + 1, sizeof *list->items);
    TRY(dropped_decode(value, list->arena, &list->items[list->count], err));
    list->count++;
    return STATUS_IS_OK;
}

status catalog_list_dropped(struct catalog *catalog, struct arena *arena,
                            struct dropped_table **out, unsigned *count, struct error *err)
{
    struct list_dropped list = {.arena = arena};
    status result = each_record(catalog, RECORD_DROPPED, visit_dropped, &list, err);
    if (status_ok(result)) {
        *out = ARENA_ARRAY(arena, struct dropped_table, list.count + 1);
        *count = (unsigned)list.count;
        if (list.count > 0) {
            memcpy(*out, list.items, list.count * sizeof *list.items);
        }
    }
    mem_free(list.items);
    return result;
}

status catalog_open(const struct catalog_options *options, struct catalog **out, struct error *err)
{
    struct catalog *catalog = mem_alloc_zeroed(sizeof *catalog);
    catalog->store = options->store;
    catalog->committer = options->committer;
    catalog->clock = options->clock;
    lock_init(&catalog->lock, LOCK_CATALOG);
    map_init(&catalog->users);
    for (int role = 0; role <= ROLE_SYSTEM; role++) {
        map_init(&catalog->users_of[role]);
    }
    const struct schema_cache_options schemas = {.clock = options->clock,
                                                 .ttl_s = options->schema_ttl_s,
                                                 .entries_max = options->schema_entries_max};
    catalog->schemas = schema_cache_create(&schemas);
    status result = load_all(catalog, err);
    if (status_ok(result)) {
        result = catalog_bootstrap(catalog, options, err);
    }
    if (!status_ok(result)) {
        catalog_close(catalog);
        return result;
    }
    log_info("catalog", "opened", "tables=%u namespaces=%u users=%zu",
             catalog->snapshot->shown.table_count, catalog->snapshot->shown.namespace_count,
             catalog->users.count);
    *out = catalog;
    return STATUS_IS_OK;
}

void catalog_close(struct catalog *catalog)
{
    if (catalog == NULL) {
        return;
    }
    size_t position = 0;
    str key;
    void *value = NULL;
    while (map_next(&catalog->users, &position, &key, &value)) {
        user_give(value);
    }
    for (int role = 0; role <= ROLE_SYSTEM; role++) {
        map_release(&catalog->users_of[role]);
    }
    map_release(&catalog->users);
    schema_cache_destroy(catalog->schemas);
    if (catalog->snapshot != NULL) {
        catalog_give(&catalog->snapshot->shown);
    }
    lock_release(&catalog->lock);
    mem_free(catalog);
}
