/* query/ddl_table.c -- CREATE, ALTER and DROP TABLE: from the tree to a catalog change. */
#include "query/run.h"

#include "auth/access.h"

static status refuse_system_table(const char *verb, str ns, str name, struct error *err)
{
    if (!sql_is_system_namespace(ns)) {
        return STATUS_IS_OK;
    }
    return error_set(err, ERROR_INVALID_OPERATION,
                     "Cannot %s system table '" STR_FMT "." STR_FMT
                     "'. System tables are managed internally.",
                     verb, STR(ns), STR(name));
}

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

static status column_of(const struct run *run, const struct column_def *def, struct column *out,
                        struct error *err)
{
    TRY(sql_check_name(def->name, NAME_COLUMN, err));
    if (def->is_unique && !def->is_primary_key) {
        return error_set(err, ERROR_NOT_IMPLEMENTED, "UNIQUE on column '" STR_FMT "'",
                         STR(def->name));
    }
    if (def->type.id == TYPE_FILE) {
        return error_set(err, ERROR_NOT_IMPLEMENTED, "FILE columns (column '" STR_FMT "')",
                         STR(def->name));
    }
    *out = (struct column){.name = def->name,
                           .type = def->type,
                           .is_nullable = def->is_nullable && !def->is_primary_key,
                           .is_primary_key = def->is_primary_key,
                           .default_kind = def->default_kind,
                           .absent_value = value_null(def->type)};
    if (def->default_kind == DEFAULT_LITERAL) {
        TRY(value_coerce(&def->default_value, def->type, def->name, run->arena, &out->default_value,
                         err));
        if (out->default_value.is_null && !out->is_nullable) {
            return error_set(err, ERROR_INVALID_OPERATION,
                             "DEFAULT NULL on NOT NULL column '" STR_FMT "'", STR(def->name));
        }
    }
    return STATUS_IS_OK;
}

/* Does a generated default fit the column? */
static status check_default_function(const struct column *c, struct error *err)
{
    bool fits = true;
    switch (c->default_kind) {
    case DEFAULT_NONE:
    case DEFAULT_LITERAL:
        break;
    case DEFAULT_NOW:
        fits = c->type.id == TYPE_TIMESTAMP || c->type.id == TYPE_DATETIME ||
               c->type.id == TYPE_DATE || c->type.id == TYPE_TIME || c->type.id == TYPE_TEXT ||
               c->type.id == TYPE_BIGINT;
        break;
    case DEFAULT_SNOWFLAKE_ID:
        fits = c->type.id == TYPE_BIGINT || c->type.id == TYPE_TEXT;
        break;
    case DEFAULT_UUID_V7:
        fits = c->type.id == TYPE_UUID || c->type.id == TYPE_TEXT;
        break;
    case DEFAULT_ULID:
    case DEFAULT_CURRENT_USER:
        fits = c->type.id == TYPE_TEXT;
        break;
    }
    if (fits) {
        return STATUS_IS_OK;
    }
    struct buf type;
    buf_init(&type);
    type_append_sql(&type, c->type);
    status result =
        error_set(err, ERROR_INVALID_OPERATION,
                  "the DEFAULT function of column '" STR_FMT "' does not give a " STR_FMT,
                  STR(c->name), STR(buf_str(&type)));
    buf_release(&type);
    return result;
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
        TRY(column_of(run, &part->columns.items[i], &columns[n], err));
        if ((int)i == part->primary_key) {
            columns[n].is_primary_key = true;
            columns[n].is_nullable = false;
        }
        TRY(check_default_function(&columns[n], err));
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

static enum table_access access_of(const struct table_options *options)
{
    switch (options->access_level) {
    case ACCESS_PUBLIC:
        return TABLE_ACCESS_PUBLIC;
    case ACCESS_RESTRICTED:
        return TABLE_ACCESS_RESTRICTED;
    case ACCESS_DBA:
        return TABLE_ACCESS_DBA;
    case ACCESS_PRIVATE:
    case ACCESS_UNSAID:
        break;
    }
    return TABLE_ACCESS_PRIVATE;
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
    TRY(refuse_system_table("create", ns, part->table.name, err));
    TRY(sql_check_name(part->table.name, NAME_TABLE, err));
    enum table_kind kind = kind_of(run, part, ns);
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
        .access = access_of(&part->options),
        .flush = {.rows = (uint32_t)part->options.flush_rows.value,
                  .interval_s = (uint32_t)part->options.flush_interval_s.value},
        .ttl_s = (uint32_t)part->options.ttl_s.value,
        .storage_id = part->options.storage_id,
        .uses_user_storage = part->options.use_user_storage.value != 0};
    if (kind != TABLE_STREAM && spec.flush.rows == 0 && spec.flush.interval_s == 0) {
        spec.flush.rows = run->engine->limits.flush_rows_default; /* the hot tier has to end */
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
    TRY(refuse_system_table("drop", ns, part->table.name, err));
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
    str job = {NULL, 0};
    TRY(run->engine->hooks.table_dropped(run->engine->hooks.context, &run->session, table->id, ns,
                                         part->table.name, run->arena, &job, err));
    run_message(run, "Table " STR_FMT "." STR_FMT " dropped successfully. Cleanup job: " STR_FMT,
                STR(ns), STR(part->table.name), STR(job));
    return STATUS_IS_OK;
}

/* ALTER TABLE is a part of the next step (issue: the whole SQL surface). */
status run_alter_table(struct run *run, struct error *err)
{
    const struct alter_table_part *part = &run->statement->as.alter_table;
    str ns = run_namespace(run, part->table.ns);
    TRY(refuse_system_table("alter", ns, part->table.name, err));
    return error_set(err, ERROR_NOT_IMPLEMENTED, "ALTER TABLE");
}
