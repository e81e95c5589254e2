/* query/show.c -- SHOW and DESCRIBE: rows of system tables, as their caller may see them. */
#include "query/run.h"

#include "query/read_context.h"
#include "query/system_private.h"

/* Rows go straight into the results. */
static status row_to_results(void *context, const struct value *values, struct error *err)
{
    return result_row(context, values, err);
}

static const struct result_column *columns_of(struct run *run, const struct system_table *table)
{
    struct result_column *columns =
        ARENA_ARRAY(run->arena, struct result_column, table->column_count);
    for (unsigned i = 0; i < table->column_count; i++) {
        const struct system_column_def *c = &table->columns[i];
        columns[i] = (struct result_column){.name = str_from(c->name),
                                            .type = type_of(c->type),
                                            .is_primary_key = c->is_primary_key,
                                            .is_not_null = !c->is_nullable};
    }
    return columns;
}

/* All rows of a system table, whoever asks: the fill function masks what the caller may not see. */
static status show_table(struct run *run, const char *name, struct error *err)
{
    if (!run->may_block) {
        return run_block(run);
    }
    const struct system_table *table = system_table_find(STR_LIT("system"), str_from(name));
    struct read_context rc;
    read_context_of(&rc, run);
    struct system_rows *rows = NULL;
    status result = system_rows_load(&rc, table, &rows, err);
    if (status_ok(result)) {
        result_begin_rows(run->results, columns_of(run, table), table->column_count);
        for (unsigned i = 0; i < system_rows_count(rows) && status_ok(result); i++) {
            result = result_row(run->results, system_rows_at(rows, i), err);
        }
        result_end_rows(run->results, run->session.user_id);
        system_rows_release(rows);
    }
    read_context_release(&rc);
    return result;
}

status run_show_namespaces(struct run *run, struct error *err)
{
    return show_table(run, "namespaces", err);
}

status run_show_storages(struct run *run, struct error *err)
{
    return show_table(run, "storages", err);
}

status run_show_jobs(struct run *run, struct error *err)
{
    return show_table(run, "jobs", err);
}

/* Segments of one's own partitions, and of the shared tables that one may read. */
status run_show_manifest(struct run *run, struct error *err)
{
    return show_table(run, "manifest", err);
}

status run_show_tables(struct run *run, struct error *err)
{
    str ns = run->statement->as.show.ns;
    if (ns.n > 0 && snapshot_find_namespace(run->snapshot, ns) == NULL && !str_eq_c(ns, "system")) {
        return error_set(err, ERROR_NOT_FOUND, "Namespace '" STR_FMT "' does not exist", STR(ns));
    }
    if (!run->may_block) {
        return run_block(run);
    }
    const struct system_table *table = system_table_find(STR_LIT("system"), STR_LIT("schemas"));
    struct read_context rc;
    read_context_of(&rc, run);
    result_begin_rows(run->results, columns_of(run, table), table->column_count);
    struct row_sink sink = {run->results, row_to_results};
    status result = system_fill_latest_schemas(&rc, ns, &sink, err);
    result_end_rows(run->results, run->session.user_id);
    read_context_release(&rc);
    return result;
}

/* The caller's exports: EXPORT USER DATA is not available, so nobody has one. */
status run_show_export(struct run *run, struct error *err)
{
    (void)err;
    static const struct result_column columns[] = {
        {.name = {"job_id", 6}, .type = {.id = TYPE_TEXT}},
        {.name = {"status", 6}, .type = {.id = TYPE_TEXT}},
        {.name = {"created_at", 10}, .type = {.id = TYPE_TIMESTAMP}},
        {.name = {"message", 7}, .type = {.id = TYPE_TEXT}},
        {.name = {"download_url", 12}, .type = {.id = TYPE_TEXT}}};
    result_begin_rows(run->results, columns, sizeof columns / sizeof columns[0]);
    result_end_rows(run->results, run->session.user_id);
    return STATUS_IS_OK;
}

/* -- DESCRIBE -----------------------------------------------------------------------------------
 */

static const struct result_column describe_columns[] = {
    {.name = {"column_name", 11}, .type = {.id = TYPE_TEXT}},
    {.name = {"ordinal_position", 16}, .type = {.id = TYPE_INT}},
    {.name = {"column_id", 9}, .type = {.id = TYPE_BIGINT}},
    {.name = {"data_type", 9}, .type = {.id = TYPE_TEXT}},
    {.name = {"is_nullable", 11}, .type = {.id = TYPE_BOOLEAN}},
    {.name = {"is_primary_key", 14}, .type = {.id = TYPE_BOOLEAN}},
    {.name = {"column_default", 14}, .type = {.id = TYPE_TEXT}},
    {.name = {"column_comment", 14}, .type = {.id = TYPE_TEXT}},
    {.name = {"schema_version", 14}, .type = {.id = TYPE_INT}}};

/* What a DESCRIBE or SHOW COLUMNS is about: one of both. */
struct described {
    const struct system_table *system;
    const struct table *table;
};

/* TABLE_NOT_FOUND, UNAUTHORIZED, PERMISSION_DENIED: as for a SELECT of it. */
static status find_described(const struct run *run, struct described *out, struct error *err)
{
    const struct table_name *name = &run->statement->as.show.table;
    *out = (struct described){system_table_find(run_namespace(run, name->ns), name->name), NULL};
    if (out->system == NULL) {
        TRY(run_find_table(run, name, NULL, &out->table, err));
        return query_may_read(&run->session, out->table, err);
    }
    return out->system->is_open || session_is_admin(&run->session)
               ? STATUS_IS_OK
               : error_set(err, ERROR_UNAUTHORIZED,
                           "System tables require 'dba' or 'system' role.");
}

/* A system table has one version, and its columns are in our own table. */
static status describe_system(struct run *run, const struct system_table *table, struct error *err)
{
    for (unsigned i = 0; i < table->column_count; i++) {
        const struct system_column_def *c = &table->columns[i];
        struct value row[] = {value_text(str_from(c->name)),
                              value_int(TYPE_INT, i + 1),
                              value_int(TYPE_BIGINT, i + 1),
                              value_text(system_type_text(run->arena, type_of(c->type))),
                              value_bool(c->is_nullable),
                              value_bool(c->is_primary_key),
                              value_null(type_of(TYPE_TEXT)),
                              value_null(type_of(TYPE_TEXT)),
                              value_int(TYPE_INT, 1)};
        TRY(result_row(run->results, row, err));
    }
    return STATUS_IS_OK;
}

static status describe_versions(struct run *run, const struct table *table, uint32_t from,
                                uint32_t to, struct error *err)
{
    struct read_context rc;
    read_context_of(&rc, run);
    struct row_sink sink = {run->results, row_to_results};
    status result = STATUS_IS_OK;
    for (uint32_t v = from; v <= to && status_ok(result); v++) {
        result = system_fill_describe(&rc, table, v, &sink, err);
    }
    read_context_release(&rc);
    return result;
}

status run_describe_table(struct run *run, struct error *err)
{
    const struct show_part *part = &run->statement->as.show;
    struct described described;
    TRY(find_described(run, &described, err));
    uint32_t newest = described.table != NULL ? described.table->version : 1;
    if (part->version.is_set && (part->version.value < 1 || part->version.value > newest)) {
        return error_set(err, ERROR_SCHEMA_VERSION_NOT_FOUND,
                         "schema version %lld of table " STR_FMT "." STR_FMT
                         " does not exist (versions 1 to %u)",
                         (long long)part->version.value, STR(run_namespace(run, part->table.ns)),
                         STR(part->table.name), newest);
    }
    if (!run->may_block) {
        return run_block(run);
    }
    uint32_t from = part->version.is_set ? (uint32_t)part->version.value
                    : part->is_history   ? 1
                                         : newest;
    uint32_t to = part->version.is_set ? from : newest;
    result_begin_rows(run->results, describe_columns,
                      sizeof describe_columns / sizeof describe_columns[0]);
    status result = described.system != NULL
                        ? describe_system(run, described.system, err)
                        : describe_versions(run, described.table, from, to, err);
    result_end_rows(run->results, run->session.user_id);
    return result;
}

/* -- SHOW STATS ---------------------------------------------------------------------------------
 */

/* Counts of the caller's own partition of a USER table, of the whole SHARED one. */
status run_show_stats(struct run *run, struct error *err)
{
    static const struct result_column columns[] = {
        {.name = {"table_name", 10}, .type = {.id = TYPE_TEXT}},
        {.name = {"namespace", 9}, .type = {.id = TYPE_TEXT}},
        {.name = {"schema_version", 14}, .type = {.id = TYPE_BIGINT}, .is_wire_text = true},
        {.name = {"logical_rows", 12}, .type = {.id = TYPE_BIGINT}, .is_wire_text = true},
        {.name = {"flushed_segments", 16}, .type = {.id = TYPE_BIGINT}, .is_wire_text = true},
        {.name = {"active_streams", 14}, .type = {.id = TYPE_BIGINT}, .is_wire_text = true},
        {.name = {"memory_bytes", 12}, .type = {.id = TYPE_BIGINT}, .is_wire_text = true}};
    const struct table *table = NULL;
    TRY(run_find_table(run, &run->statement->as.show.table, NULL, &table, err));
    TRY(query_may_read(&run->session, table, err));
    if (!run->may_block) {
        return run_block(run);
    }
    struct read_context rc;
    read_context_of(&rc, run);
    struct table_read *read = NULL;
    status result = read_context_table(&rc, table, KV_MAY_BLOCK, &read, err);
    if (status_ok(result)) {
        int64_t rows = (int64_t)(table_hot_rows(read) + table_cold_rows(read));
        struct value row[] = {value_text(table->name),
                              value_text(table->namespace_name),
                              value_int(TYPE_BIGINT, table->version),
                              value_int(TYPE_BIGINT, rows),
                              value_int(TYPE_BIGINT, (int64_t)read->state.segments),
                              value_int(TYPE_BIGINT, table->kind == TABLE_STREAM ? 1 : 0),
                              value_int(TYPE_BIGINT, (int64_t)read->state.hot_bytes)};
        result_begin_rows(run->results, columns, sizeof columns / sizeof columns[0]);
        result = result_row(run->results, row, err);
        result_end_rows(run->results, run->session.user_id);
    }
    read_context_release(&rc);
    return result;
}
