/* query/maintain.c -- STORAGE FLUSH and COMPACT, KILL, SUBSCRIBE TO: rights and names here, the
 * doing in the hooks of the layers above. */
#include "query/run.h"

#include "wire/json.h"

static status qualified(const struct run *run, const char *statement, const struct table **out,
                        struct error *err)
{
    const struct show_part *part = &run->statement->as.show;
    if (part->table.ns.n == 0) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Table name must be qualified (namespace.table) for %s", statement);
    }
    const struct table *table =
        snapshot_find_table(run->snapshot, part->table.ns, part->table.name);
    if (table == NULL) {
        return error_set(err, ERROR_NOT_FOUND, "Table " STR_FMT "." STR_FMT " not found",
                         STR(part->table.ns), STR(part->table.name));
    }
    if (table->kind == TABLE_STREAM) {
        return error_set(err, ERROR_INVALID_OPERATION, "%s is not supported for STREAM tables",
                         statement);
    }
    *out = table;
    return STATUS_IS_OK;
}

typedef status table_hook(void *context, const struct session *session, const struct table *table,
                          struct arena *arena, str *message, struct error *err);
typedef status namespace_hook(void *context, const struct session *session,
                              const struct catalog_snapshot *snapshot, str ns, struct arena *arena,
                              str *message, struct error *err);

static status on_table(struct run *run, const char *statement, table_hook *hook, struct error *err)
{
    const struct table *table = NULL;
    TRY(qualified(run, statement, &table, err));
    if (!run->may_block) {
        return run_block(run);
    }
    str message = {NULL, 0};
    TRY(hook(run->engine->hooks.context, &run->session, table, run->arena, &message, err));
    result_message(run->results, 0, message, run->session.user_id);
    return STATUS_IS_OK;
}

static status on_namespace(struct run *run, namespace_hook *hook, struct error *err)
{
    str ns = run_namespace(run, run->statement->as.show.ns);
    if (snapshot_find_namespace(run->snapshot, ns) == NULL) {
        return error_set(err, ERROR_NOT_FOUND, "Namespace '" STR_FMT "' does not exist", STR(ns));
    }
    if (!run->may_block) {
        return run_block(run);
    }
    str message = {NULL, 0};
    TRY(hook(run->engine->hooks.context, &run->session, run->snapshot, ns, run->arena, &message,
             err));
    result_message(run->results, 0, message, run->session.user_id);
    return STATUS_IS_OK;
}

status run_flush_table(struct run *run, struct error *err)
{
    return on_table(run, "STORAGE FLUSH TABLE", run->engine->hooks.flush_table, err);
}

status run_compact_table(struct run *run, struct error *err)
{
    return on_table(run, "STORAGE COMPACT TABLE", run->engine->hooks.compact_table, err);
}

status run_flush_all(struct run *run, struct error *err)
{
    return on_namespace(run, run->engine->hooks.flush_namespace, err);
}

status run_compact_all(struct run *run, struct error *err)
{
    return on_namespace(run, run->engine->hooks.compact_namespace, err);
}

typedef status kill_hook(void *context, const struct session *session, str id, struct arena *arena,
                         str *message, struct error *err);

static status kill_by(struct run *run, kill_hook *hook, struct error *err)
{
    if (!run->may_block) {
        return run_block(run);
    }
    str message = {NULL, 0};
    TRY(hook(run->engine->hooks.context, &run->session, run->statement->as.kill.id, run->arena,
             &message, err));
    result_message(run->results, 0, message, run->session.user_id);
    return STATUS_IS_OK;
}

status run_kill_job(struct run *run, struct error *err)
{
    return kill_by(run, run->engine->hooks.kill_job, err);
}

status run_kill_live(struct run *run, struct error *err)
{
    return kill_by(run, run->engine->hooks.kill_live, err);
}

/* Registers nothing: tells the client how to subscribe (contract http-ws.md section 2.13). */
status run_subscribe(struct run *run, struct error *err)
{
    static const struct result_column columns[] = {
        {.name = {"status", 6}, .type = {.id = TYPE_TEXT}},
        {.name = {"ws_url", 6}, .type = {.id = TYPE_TEXT}},
        {.name = {"subscription", 12}, .type = {.id = TYPE_JSON}, .is_raw_json = true},
        {.name = {"message", 7}, .type = {.id = TYPE_TEXT}}};
    const struct subscribe_part *part = &run->statement->as.subscribe;
    const struct table *table = NULL;
    TRY(run_find_table(run, &part->subscription.table, NULL, &table, err));
    TRY(query_may_read(&run->session, table, err));
    uint8_t uuid[16];
    query_uuid_v7(run->engine, uuid);
    struct buf text;
    buf_init(&text);
    uuid_append_text(&text, uuid);
    str id = arena_format(run->arena, "sub-" STR_FMT "-" STR_FMT "-" STR_FMT,
                          STR(table->namespace_name), STR(table->name), STR(buf_str(&text)));
    buf_clear(&text);
    struct json_writer w = json_writer_on(&text);
    json_write_object_begin(&w);
    json_write_key(&w, "id");
    json_write_text(&w, id);
    json_write_key(&w, "sql");
    json_write_text(&w, part->query);
    json_write_object_end(&w);
    struct value row[] = {
        value_text(STR_LIT("active")), value_text(STR_LIT("ws://localhost:8080/ws")),
        value_text(buf_str(&text)),
        value_text(
            STR_LIT("WebSocket subscription created. Connect to ws_url to receive updates."))};
    result_begin_rows(run->results, columns, sizeof columns / sizeof columns[0]);
    status result = result_row(run->results, row, err);
    result_end_rows(run->results, run->session.user_id);
    buf_release(&text);
    return result;
}
