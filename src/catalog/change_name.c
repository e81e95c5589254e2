/* catalog/change_name.c -- DDL of namespaces, views and storages. */
#include "base/check.h"
#include "catalog/catalog_private.h"

static status record_exists(struct commit_txn *txn, enum record_kind kind, str key, bool *found,
                            struct error *err)
{
    str text;
    return change_get(txn, kind, key, &text, found, err);
}

static void mark_removed(struct change *change, struct commit_txn *txn, enum record_kind kind,
                         str key)
{
    change_delete(txn, kind, key);
    change->has_removed = true;
    change->removed_kind = kind;
    change->removed_key = arena_copy(commit_arena(txn), key);
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

static status evaluate_drop_namespace(struct change *change, struct commit_txn *txn,
                                      struct error *err)
{
    const struct namespace_input *input = change->input;
    bool found = false;
    TRY(record_exists(txn, RECORD_NAMESPACE, input->name, &found, err));
    if (!found) {
        return namespace_missing(input->name, err);
    }
    uint32_t tables = 0;
    TRY(change_count(txn, "tables", input->name, 0, &tables, err));
    if (tables > 0) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Namespace '" STR_FMT "' still has %u table(s)", STR(input->name), tables);
    }
    mark_removed(change, txn, RECORD_NAMESPACE, input->name);
    return STATUS_IS_OK;
}

status catalog_drop_namespace(struct catalog *catalog, str name, struct error *err)
{
    struct change change;
    struct namespace_input input = {name, {NULL, 0}, false};
    return catalog_apply_removal(&change, catalog, evaluate_drop_namespace, &input, err);
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
    TRY(record_exists(txn, RECORD_TABLE, pair, &found, err));
    if (!found && !input->or_replace) {
        TRY(record_exists(txn, RECORD_VIEW, pair, &found, err));
    }
    if (found) {
        return error_set(err, ERROR_EXISTS, "" STR_FMT "." STR_FMT " already exists",
                         STR(view->namespace_name), STR(view->name));
    }
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
    mark_removed(change, txn, RECORD_VIEW, pair);
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
    mark_removed(change, txn, RECORD_STORAGE, *id);
    return STATUS_IS_OK;
}

status catalog_drop_storage(struct catalog *catalog, str id, struct error *err)
{
    struct change change;
    return catalog_apply(&change, catalog, evaluate_drop_storage, &id, err);
}
