/* query/ddl_table.c -- CREATE and DROP TABLE: from the tree to a catalog change. */
#include "query/run.h"

#include "auth/access.h"
#include "query/column_def.h"

/* SHARED unless said otherwise, or the caller's own namespace (contract http-ws.md section 2.12).
 */
static enum table_kind kind_of(const struct run *run, const struct create_table_part *part, str ns)
{
    if (part->says_kind) {
        return part->kind;
    }
    bool is_own = run->session.role <= ROLE_SERVICE && str_eq(ns, run->session.user_id);
    return is_own ? TABLE_USER : TABLE_SHARED;
}

static status may_create(const struct run *run, enum table_kind kind, struct error *err)
{
    if (access_may_define_table(run->session.role, kind)) {
        return STATUS_IS_OK;
    }
    return error_set(err, ERROR_UNAUTHORIZED, "Insufficient privileges to create %s tables",
                     table_kind_name(kind));
}

/* The columns as stored; a USER table without a key gets one (design section 14). */
static status columns_of(const struct run *run, const struct create_table_part *part,
                         enum table_kind kind, struct column **out, unsigned *count,
                         struct error *err)
{
    unsigned n = 0;
    struct column *columns = ARENA_ARRAY(run->arena, struct column, part->columns.count + 1);
    bool needs_key = part->primary_key < 0 && kind == TABLE_USER;
    if (part->primary_key < 0 && kind == TABLE_SHARED) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Shared tables require a PRIMARY KEY column");
    }
    if (needs_key) {
        for (unsigned i = 0; i < part->columns.count; i++) {
            if (str_eq_c(part->columns.items[i].name, "id")) {
                return error_set(err, ERROR_INVALID_OPERATION,
                                 "User tables require a PRIMARY KEY column");
            }
        }
        columns[n++] = (struct column){.name = STR_LIT("id"),
                                       .type = type_of(TYPE_BIGINT),
                                       .is_primary_key = true,
                                       .default_kind = DEFAULT_SNOWFLAKE_ID,
                                       .absent_value = value_null(type_of(TYPE_BIGINT))};
    }
    for (unsigned i = 0; i < part->columns.count; i++) {
        TRY(column_from_def(run, &part->columns.items[i], &columns[n], err));
        if ((int)i == part->primary_key) {
            columns[n].is_primary_key = true;
            columns[n].is_nullable = false;
            columns[n].is_unique = false; /* the key is unique by itself */
        }
        if ((columns[n].is_unique || columns[n].unique_sets != 0) && kind == TABLE_STREAM) {
            return error_set(err, ERROR_INVALID_OPERATION,
                             "UNIQUE is not supported for STREAM tables (column '" STR_FMT "')",
                             STR(columns[n].name));
        }
        if (columns[n].is_primary_key && !type_is_keyable(columns[n].type.id)) {
            struct buf type;
            buf_init(&type);
            type_append_sql(&type, columns[n].type);
            status result =
                error_set(err, ERROR_INVALID_OPERATION,
                          "column '" STR_FMT "' of type " STR_FMT " cannot be a PRIMARY KEY",
                          STR(columns[n].name), STR(buf_str(&type)));
            buf_release(&type);
            return result;
        }
        n++;
    }
    if (n > LIMIT_COLUMNS) {
        return error_set(err, ERROR_LIMIT, "the table has %u columns, the limit is %d", n,
                         LIMIT_COLUMNS);
    }
    *out = columns;
    *count = n;
    return STATUS_IS_OK;
}

static void created_message(struct run *run, enum table_kind kind, str ns, str name)
{
    run_message(run,
                "CREATE TABLE via Raft consensus: %s table " STR_FMT "." STR_FMT
                " created successfully",
                table_kind_name(kind), STR(ns), STR(name));
}

status run_create_table(struct run *run, struct error *err)
{
    const struct create_table_part *part = &run->statement->as.create_table;
    str ns = run_namespace(run, part->table.ns);
    TRY(column_refuse_system_table("create", ns, part->table.name, err));
    TRY(sql_check_name(part->table.name, NAME_TABLE, err));
    enum table_kind kind = kind_of(run, part, ns);
    status fits = sql_check_table_options(kind, &part->options, err);
    if (!status_ok(fits)) {
        return error_wrap(err, "Invalid CREATE TABLE statement");
    }
    TRY(may_create(run, kind, err));
    if (!run->may_block) {
        return run_block(run);
    }
    const struct table *before = snapshot_find_table(run->snapshot, ns, part->table.name);
    if (before != NULL && part->if_not_exists) {
        created_message(run, before->kind, ns, part->table.name);
        return STATUS_IS_OK;
    }
    struct table_spec spec = {
        .namespace_name = ns,
        .name = part->table.name,
        .kind = kind,
        .access = column_access_of(part->options.access_level),
        .flush = {.rows = (uint32_t)part->options.flush_rows.value,
                  .interval_s = (uint32_t)part->options.flush_interval_s.value},
        .ttl_s = (uint32_t)part->options.ttl_s.value,
        .max_buffer = (uint32_t)part->options.max_buffer.value,
        .is_ephemeral = part->options.is_ephemeral.value != 0,
        .bloom = part->options.bloom_filter_ppm.is_set
                     ? (uint32_t)part->options.bloom_filter_ppm.value + 1
                     : TABLE_BLOOM_DEFAULT,
        .deleted_retention_s = column_retention_of(&part->options.deleted_retention_s),
        .storage_id = part->options.storage_id,
        .location = part->options.location,
        .uses_user_storage = part->options.use_user_storage.value != 0};
    if (kind != TABLE_STREAM && spec.flush.rows == 0 && spec.flush.interval_s == 0) {
        spec.flush.rows = run->engine->limits.flush_rows_default; /* the hot tier has to end */
        spec.flush.interval_s = run->engine->limits.flush_interval_s_default;
    }
    struct column *columns = NULL;
    TRY(columns_of(run, part, kind, &columns, &spec.column_count, err));
    spec.columns = columns;
    table_id id = {0};
    struct error mine;
    error_clear(&mine);
    status result = catalog_create_table(run->engine->catalog, &spec, &id, &mine);
    if (!status_ok(result) && mine.id == ERROR_EXISTS && part->if_not_exists) {
        result = STATUS_IS_OK; /* another statement was first: that is what was asked for */
    }
    if (!status_ok(result)) {
        *err = mine;
        return result;
    }
    created_message(run, kind, ns, part->table.name);
    return STATUS_IS_OK;
}

status run_drop_table(struct run *run, struct error *err)
{
    const struct drop_part *part = &run->statement->as.drop;
    str ns = run_namespace(run, part->table.ns);
    TRY(column_refuse_system_table("drop", ns, part->table.name, err));
    if (!run->may_block) {
        return run_block(run);
    }
    const struct table *table = snapshot_find_table(run->snapshot, ns, part->table.name);
    if (table == NULL && part->if_exists) {
        run_message(run, "Table " STR_FMT "." STR_FMT " does not exist (skipped)", STR(ns),
                    STR(part->table.name));
        return STATUS_IS_OK;
    }
    if (table == NULL) {
        return error_set(err, ERROR_NOT_FOUND, "Table " STR_FMT "." STR_FMT " not found", STR(ns),
                         STR(part->table.name));
    }
    if (part->says_kind && part->kind != table->kind) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Table " STR_FMT "." STR_FMT " is a %s table", STR(ns),
                         STR(part->table.name), table_kind_name(table->kind));
    }
    TRY(catalog_drop_table(run->engine->catalog, table->id, err));
    query_forget_table(run->engine, table->id, UINT32_MAX);
    str job = {NULL, 0};
    TRY(run->engine->hooks.table_dropped(run->engine->hooks.context, &run->session, table->id, ns,
                                         part->table.name, run->arena, &job, err));
    run_message(run, "Table " STR_FMT "." STR_FMT " dropped successfully. Cleanup job: " STR_FMT,
                STR(ns), STR(part->table.name), STR(job));
    return STATUS_IS_OK;
}
