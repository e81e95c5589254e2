/* catalog/change_name.c -- DDL of namespaces, views and storages. */
#include "base/check.h"
#include "catalog/catalog_private.h"

static status record_exists(struct commit_txn *txn, enum record_kind kind, str key, bool *found,
                            struct error *err)
{
    str text;
    return change_get(txn, kind, key, &text, found, err);
}

/* -- namespaces ---------------------------------------------------------------------------------
 */

struct namespace_input {
    str name;
    str options;
    bool if_not_exists;
};

static status evaluate_create_namespace(struct change *change, struct commit_txn *txn,
                                        struct error *err)
{
    const struct namespace_input *input = change->input;
    bool found = false;
    TRY(record_exists(txn, RECORD_NAMESPACE, input->name, &found, err));
    if (found && input->if_not_exists) {
        change->is_unchanged = true;
        return STATUS_IS_OK;
    }
    if (found) {
        return error_set(err, ERROR_EXISTS, "Namespace '" STR_FMT "' already exists",
                         STR(input->name));
    }
    struct object *object = object_create(RECORD_NAMESPACE, input->name);
    object->as.ns.name = object->key;
    object->as.ns.created_us = commit_now_us(txn);
    status result = change_next_number(txn, "next_namespace", &object->as.ns.id.v, err);
    if (!status_ok(result)) {
        object_give(object);
        return result;
    }
    change_put_object(change, txn, object);
    return STATUS_IS_OK;
}

status catalog_create_namespace(struct catalog *catalog, str name, bool if_not_exists,
                                bool *created, struct error *err)
{
    struct change change;
    struct namespace_input input = {name, {NULL, 0}, if_not_exists};
    TRY(catalog_apply(&change, catalog, evaluate_create_namespace, &input, err));
    *created = !change.is_unchanged;
    return STATUS_IS_OK;
}

static status namespace_missing(str name, struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "Namespace '" STR_FMT "' does not exist", STR(name));
}

static status evaluate_alter_namespace(struct change *change, struct commit_txn *txn,
                                       struct error *err)
{
    const struct namespace_input *input = change->input;
    str text;
    bool found = false;
    TRY(change_get(txn, RECORD_NAMESPACE, input->name, &text, &found, err));
    if (!found) {
        return namespace_missing(input->name, err);
    }
    struct object *object = NULL;
    TRY(record_decode(RECORD_NAMESPACE, input->name, text, &object, err));
    object->as.ns.options = arena_copy(&object->arena, input->options);
    change_put_object(change, txn, object);
    return STATUS_IS_OK;
}

status catalog_alter_namespace(struct catalog *catalog, str name, str options, struct error *err)
{
    struct change change;
    struct namespace_input input = {name, options, false};
    return catalog_apply(&change, catalog, evaluate_alter_namespace, &input, err);
}

/* Adds `delta` to the number of views of a namespace, those of this commit group too. One whose
 * views were all made before they were counted has no counter: then the published ones are all. */
static status count_views(struct change *change, struct commit_txn *txn, str ns, int delta,
                          uint32_t *out, struct error *err)
{
    str key = arena_format(commit_arena(txn), "views:" STR_FMT, STR(ns));
    const struct catalog_snapshot *s = &change->catalog->snapshot->shown;
    str text;
    bool is_counted = false;
    TRY(change_get(txn, RECORD_COUNTERS, key, &text, &is_counted, err));
    int64_t count = is_counted && text.n == 4 ? bytes_get_u32be(text.p) : 0;
    for (unsigned i = 0; !is_counted && i < s->view_count; i++) {
        count += str_eq(s->views[i]->namespace_name, ns) ? 1 : 0;
    }
    count += delta;
    if (count < 0 || (is_counted && text.n != 4)) {
        return error_set(err, ERROR_CORRUPT, "the views of a namespace were counted wrongly");
    }
    char bytes[4];
    bytes_put_u32be(bytes, (uint32_t)count);
    change_put(txn, RECORD_COUNTERS, key, str_of(bytes, 4));
    *out = (uint32_t)count;
    return STATUS_IS_OK;
}

struct namespace_drop {
    str name;
    bool with_tables;
    struct arena *arena; /* of the caller, who waits */
    struct dropped_names *dropped;
};

/* The tables that are published and still there go; the caller is told which. */
static status drop_tables(struct change *change, struct commit_txn *txn,
                          const struct namespace_drop *input, struct error *err)
{
    const struct catalog_snapshot *s = &change->catalog->snapshot->shown;
    struct dropped_names *dropped = input->dropped;
    unsigned capacity = 0;
    for (unsigned i = 0; i < s->table_count; i++) {
        capacity += str_eq(s->tables[i]->namespace_name, input->name) ? 1 : 0;
    }
    *dropped = (struct dropped_names){
        .tables = ARENA_ARRAY(input->arena, struct dropped_name, capacity + 1)};
    for (unsigned i = 0; i < s->table_count; i++) {
        const struct table *table = s->tables[i];
        bool found = false;
        if (!str_eq(table->namespace_name, input->name)) {
            continue;
        }
        TRY(record_exists(txn, RECORD_TABLE,
                          record_pair(commit_arena(txn), table->namespace_name, table->name),
                          &found, err));
        if (found) { /* else dropped by this commit group */
            TRY(change_drop_table(change, txn, table->id, err));
            dropped->tables[dropped->count++] =
                (struct dropped_name){table->id, arena_copy(input->arena, table->name)};
        }
    }
    return STATUS_IS_OK;
}

static status drop_views(struct change *change, struct commit_txn *txn, str ns, struct error *err)
{
    const struct catalog_snapshot *s = &change->catalog->snapshot->shown;
    for (unsigned i = 0; i < s->view_count; i++) {
        const struct view_def *view = s->views[i];
        str pair = record_pair(commit_arena(txn), view->namespace_name, view->name);
        bool found = false;
        uint32_t left = 0;
        if (!str_eq(view->namespace_name, ns)) {
            continue;
        }
        TRY(record_exists(txn, RECORD_VIEW, pair, &found, err));
        if (found) {
            TRY(count_views(change, txn, ns, -1, &left, err));
            change_remove(change, txn, RECORD_VIEW, pair, (table_id){0});
        }
    }
    return STATUS_IS_OK;
}

static status evaluate_drop_namespace(struct change *change, struct commit_txn *txn,
                                      struct error *err)
{
    const struct namespace_drop *input = change->input;
    str text;
    bool found = false;
    uint32_t tables = 0;
    uint32_t views = 0;
    TRY(change_get(txn, RECORD_NAMESPACE, input->name, &text, &found, err));
    if (!found) {
        return namespace_missing(input->name, err);
    }
    TRY(change_count(txn, "tables", input->name, 0, &tables, err));
    if (tables > 0 && !input->with_tables) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Cannot drop namespace '" STR_FMT "': %u table(s) still in it",
                         STR(input->name), tables);
    }
    TRY(drop_tables(change, txn, input, err));
    TRY(drop_views(change, txn, input->name, err));
    TRY(change_count(txn, "tables", input->name, 0, &tables, err));
    TRY(count_views(change, txn, input->name, 0, &views, err));
    if (tables + views > 0) { /* made by this very commit group, and so not published yet */
        return error_set(err, ERROR_CONFLICT, "Namespace '" STR_FMT "' was changed meanwhile",
                         STR(input->name));
    }
    struct object *object = NULL;
    TRY(record_decode(RECORD_NAMESPACE, input->name, text, &object, err));
    change->dropped_namespace = object->as.ns.id;
    object_give(object);
    change_remove(change, txn, RECORD_NAMESPACE, input->name, (table_id){0});
    return STATUS_IS_OK;
}

status catalog_drop_namespace(struct catalog *catalog, str name, bool with_tables,
                              struct arena *arena, struct dropped_names *dropped, struct error *err)
{
    enum { TRIES = 8 };
    struct namespace_drop input = {name, with_tables, arena, dropped};
    status result = STATUS_IS_OK;
    for (int i = 0; i < TRIES; i++) {
        struct change change;
        result = catalog_apply_removal(&change, catalog, evaluate_drop_namespace, &input, err);
        if (result.code != STATUS_CONFLICT) {
            break;
        }
    }
    return result;
}

/* -- views --------------------------------------------------------------------------------------
 */

struct view_input {
    struct view_def view;
    bool or_replace;
};

static status evaluate_create_view(struct change *change, struct commit_txn *txn, struct error *err)
{
    const struct view_input *input = change->input;
    const struct view_def *view = &input->view;
    bool found = false;
    TRY(record_exists(txn, RECORD_NAMESPACE, view->namespace_name, &found, err));
    if (!found) {
        return error_set(err, ERROR_NAMESPACE_NOT_FOUND,
                         "Namespace '" STR_FMT
                         "' does not exist. Create it first with CREATE NAMESPACE " STR_FMT,
                         STR(view->namespace_name), STR(view->namespace_name));
    }
    str pair = record_pair(commit_arena(txn), view->namespace_name, view->name);
    bool is_replaced = false;
    TRY(record_exists(txn, RECORD_TABLE, pair, &found, err));
    TRY(record_exists(txn, RECORD_VIEW, pair, &is_replaced, err));
    if (found || (is_replaced && !input->or_replace)) {
        return error_set(err, ERROR_EXISTS, "" STR_FMT "." STR_FMT " already exists",
                         STR(view->namespace_name), STR(view->name));
    }
    uint32_t views = 0;
    TRY(count_views(change, txn, view->namespace_name, is_replaced ? 0 : 1, &views, err));
    struct object *object = object_create(RECORD_VIEW, pair);
    object->as.view = (struct view_def){
        arena_copy(&object->arena, view->namespace_name), arena_copy(&object->arena, view->name),
        arena_copy(&object->arena, view->query), commit_now_us(txn)};
    change_put_object(change, txn, object);
    return STATUS_IS_OK;
}

status catalog_create_view(struct catalog *catalog, str ns, str name, str query, bool or_replace,
                           struct error *err)
{
    struct change change;
    struct view_input input = {{ns, name, query, 0}, or_replace};
    return catalog_apply(&change, catalog, evaluate_create_view, &input, err);
}

static status evaluate_drop_view(struct change *change, struct commit_txn *txn, struct error *err)
{
    const struct view_input *input = change->input;
    str pair = record_pair(commit_arena(txn), input->view.namespace_name, input->view.name);
    bool found = false;
    TRY(record_exists(txn, RECORD_VIEW, pair, &found, err));
    if (!found) {
        return error_set(err, ERROR_NOT_FOUND, "View " STR_FMT "." STR_FMT " does not exist",
                         STR(input->view.namespace_name), STR(input->view.name));
    }
    uint32_t views = 0;
    TRY(count_views(change, txn, input->view.namespace_name, -1, &views, err));
    change_remove(change, txn, RECORD_VIEW, pair, (table_id){0});
    return STATUS_IS_OK;
}

status catalog_drop_view(struct catalog *catalog, str ns, str name, struct error *err)
{
    struct change change;
    struct view_input input = {{ns, name, {NULL, 0}, 0}, false};
    return catalog_apply(&change, catalog, evaluate_drop_view, &input, err);
}

/* -- storages -----------------------------------------------------------------------------------
 */

static struct object *storage_object(const struct storage_def *storage)
{
    struct object *object = object_create(RECORD_STORAGE, storage->id);
    struct storage_def *own = &object->as.storage;
    struct arena *arena = &object->arena;
    *own = (struct storage_def){.id = object->key,
                                .name = arena_copy(arena, storage->name),
                                .description = arena_copy(arena, storage->description),
                                .type = arena_copy(arena, storage->type),
                                .base_directory = arena_copy(arena, storage->base_directory),
                                .credentials = arena_copy(arena, storage->credentials),
                                .config = arena_copy(arena, storage->config),
                                .shared_template = arena_copy(arena, storage->shared_template),
                                .user_template = arena_copy(arena, storage->user_template),
                                .created_us = storage->created_us,
                                .updated_us = storage->updated_us};
    return object;
}

static status evaluate_create_storage(struct change *change, struct commit_txn *txn,
                                      struct error *err)
{
    const struct storage_def *storage = change->input;
    bool found = false;
    TRY(record_exists(txn, RECORD_STORAGE, storage->id, &found, err));
    if (found) {
        return error_set(err, ERROR_EXISTS, "Storage '" STR_FMT "' already exists",
                         STR(storage->id));
    }
    struct storage_def now = *storage;
    now.created_us = commit_now_us(txn);
    now.updated_us = now.created_us;
    change_put_object(change, txn, storage_object(&now));
    return STATUS_IS_OK;
}

status catalog_create_storage(struct catalog *catalog, const struct storage_def *storage,
                              struct error *err)
{
    struct change change;
    return catalog_apply(&change, catalog, evaluate_create_storage, storage, err);
}

static status storage_missing(str id, struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "Storage '" STR_FMT "' not found", STR(id));
}

static status evaluate_alter_storage(struct change *change, struct commit_txn *txn,
                                     struct error *err)
{
    const struct storage_def *storage = change->input;
    bool found = false;
    TRY(record_exists(txn, RECORD_STORAGE, storage->id, &found, err));
    if (!found) {
        return storage_missing(storage->id, err);
    }
    struct storage_def now = *storage;
    now.updated_us = commit_now_us(txn);
    change_put_object(change, txn, storage_object(&now));
    return STATUS_IS_OK;
}

status catalog_alter_storage(struct catalog *catalog, const struct storage_def *storage,
                             struct error *err)
{
    struct change change;
    return catalog_apply(&change, catalog, evaluate_alter_storage, storage, err);
}

static status evaluate_drop_storage(struct change *change, struct commit_txn *txn,
                                    struct error *err)
{
    const str *id = change->input;
    bool found = false;
    TRY(record_exists(txn, RECORD_STORAGE, *id, &found, err));
    if (!found) {
        return storage_missing(*id, err);
    }
    uint32_t users = 0;
    TRY(change_count(txn, "stored", *id, 0, &users, err));
    if (users > 0) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Cannot drop storage '" STR_FMT "': %u table(s) still using it", STR(*id),
                         users);
    }
    change_remove(change, txn, RECORD_STORAGE, *id, (table_id){0});
    return STATUS_IS_OK;
}

status catalog_drop_storage(struct catalog *catalog, str id, struct error *err)
{
    struct change change;
    return catalog_apply(&change, catalog, evaluate_drop_storage, &id, err);
}
