/* query/ddl.c -- namespaces and views: rights were checked by kind, names are checked here, the
 * catalog does the rest. */
#include "query/run.h"

#include "catalog/name.h"
#include "wire/json.h"

/* -- namespaces ---------------------------------------------------------------------------------
 */

static status refuse_system_namespace(const char *verb, str name, struct error *err)
{
    if (!sql_is_system_namespace(name)) {
        return STATUS_IS_OK;
    }
    return error_set(err, ERROR_INVALID_OPERATION,
                     "Cannot %s system namespace '" STR_FMT
                     "'. System namespaces are managed internally.",
                     verb, STR(name));
}

status run_create_namespace(struct run *run, struct error *err)
{
    const struct namespace_part *part = &run->statement->as.namespace;
    bool exists = snapshot_find_namespace(run->snapshot, part->name) != NULL;
    if (!exists) { /* the ones that every server has may be "created" again */
        TRY(refuse_system_namespace("create", part->name, err));
        TRY(sql_check_name(part->name, NAME_NAMESPACE, err));
    }
    if (!run->may_block) {
        return run_block(run);
    }
    bool created = false;
    TRY(catalog_create_namespace(run->engine->catalog, part->name, part->if_not_exists, &created,
                                 err));
    run_message(run, "Namespace '" STR_FMT "' %s", STR(part->name),
                created ? "created successfully" : "already exists");
    return STATUS_IS_OK;
}

static str options_json(struct arena *arena, const struct namespace_part *part)
{
    struct buf text;
    buf_init(&text);
    struct json_writer w = json_writer_on(&text);
    json_write_object_begin(&w);
    for (unsigned i = 0; i < part->option_count; i++) {
        const struct value *v = &part->options[i].value;
        json_write_key_str(&w, part->options[i].name);
        switch (v->type.id) {
        case TYPE_BOOLEAN:
            json_write_bool(&w, v->as.boolean);
            break;
        case TYPE_BIGINT:
            json_write_i64(&w, v->as.integer);
            break;
        case TYPE_DOUBLE:
            json_write_double(&w, v->as.real);
            break;
        default:
            json_write_text(&w, v->as.text);
            break;
        }
    }
    json_write_object_end(&w);
    str copy = arena_copy(arena, buf_str(&text));
    buf_release(&text);
    return copy;
}

status run_alter_namespace(struct run *run, struct error *err)
{
    const struct namespace_part *part = &run->statement->as.namespace;
    TRY(refuse_system_namespace("alter", part->name, err));
    if (!run->may_block) {
        return run_block(run);
    }
    TRY(catalog_alter_namespace(run->engine->catalog, part->name, options_json(run->arena, part),
                                err));
    run_message(run, "Namespace '" STR_FMT "' altered successfully", STR(part->name));
    return STATUS_IS_OK;
}

status run_drop_namespace(struct run *run, struct error *err)
{
    const struct namespace_part *part = &run->statement->as.namespace;
    TRY(refuse_system_namespace("drop", part->name, err));
    if (str_eq_c(part->name, "default") || str_eq_c(part->name, "dba")) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Namespace '" STR_FMT "' belongs to the server and cannot be dropped",
                         STR(part->name));
    }
    if (!run->may_block) {
        return run_block(run);
    }
    const struct namespace_def *ns = snapshot_find_namespace(run->snapshot, part->name);
    if (ns == NULL && part->if_exists) {
        run_message(run, "Namespace '" STR_FMT "' does not exist", STR(part->name));
        return STATUS_IS_OK;
    }
    struct dropped_names dropped = {0};
    TRY(catalog_drop_namespace(run->engine->catalog, part->name,
                               part->is_cascade || !run->engine->limits.drop_namespace_restrict,
                               run->arena, &dropped, err));
    for (unsigned i = 0; i < dropped.count; i++) {
        str job;
        query_forget_table(run->engine, dropped.tables[i].id, UINT32_MAX);
        TRY(run->engine->hooks.table_dropped(run->engine->hooks.context, &run->session,
                                             dropped.tables[i].id, part->name,
                                             dropped.tables[i].name, run->arena, &job, err));
    }
    run_message(run, "Namespace '" STR_FMT "' dropped successfully", STR(part->name));
    return STATUS_IS_OK;
}

/* Lasts for the batch of the request (design section 14). */
status run_use_namespace(struct run *run, struct error *err)
{
    const struct namespace_part *part = &run->statement->as.namespace;
    if (snapshot_find_namespace(run->snapshot, part->name) == NULL &&
        !sql_is_system_namespace(part->name)) {
        return error_set(err, ERROR_NOT_FOUND, "Namespace '" STR_FMT "' does not exist",
                         STR(part->name));
    }
    run->session.namespace_name = part->name;
    run_message(run, "Namespace switched to '" STR_FMT "'", STR(part->name));
    return STATUS_IS_OK;
}

/* -- views --------------------------------------------------------------------------------------
 */

status run_create_view(struct run *run, struct error *err)
{
    const struct create_view_part *part = &run->statement->as.create_view;
    str ns = run_namespace(run, part->view.ns);
    if (sql_is_system_namespace(ns)) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Cannot create system table '" STR_FMT "." STR_FMT
                         "'. System tables are managed internally.",
                         STR(ns), STR(part->view.name));
    }
    TRY(sql_check_name(part->view.name, NAME_TABLE, err));
    if (!run->may_block) {
        return run_block(run);
    }
    if (part->if_not_exists && snapshot_find_view(run->snapshot, ns, part->view.name) != NULL) {
        run_message(run, "View " STR_FMT "." STR_FMT " created successfully", STR(ns),
                    STR(part->view.name));
        return STATUS_IS_OK;
    }
    TRY(run_check_view(run, ns, part, err));
    TRY(catalog_create_view(run->engine->catalog, ns, part->view.name, run_view_text(run, part),
                            part->or_replace, err));
    run_message(run, "View " STR_FMT "." STR_FMT " created successfully", STR(ns),
                STR(part->view.name));
    return STATUS_IS_OK;
}

status run_drop_view(struct run *run, struct error *err)
{
    const struct drop_part *part = &run->statement->as.drop;
    str ns = run_namespace(run, part->table.ns);
    if (!run->may_block) {
        return run_block(run);
    }
    if (part->if_exists && snapshot_find_view(run->snapshot, ns, part->table.name) == NULL) {
        run_message(run, "View " STR_FMT "." STR_FMT " does not exist (skipped)", STR(ns),
                    STR(part->table.name));
        return STATUS_IS_OK;
    }
    TRY(catalog_drop_view(run->engine->catalog, ns, part->table.name, err));
    run_message(run, "View " STR_FMT "." STR_FMT " dropped successfully", STR(ns),
                STR(part->table.name));
    return STATUS_IS_OK;
}
