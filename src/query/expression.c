/* query/expression.c -- names to columns, rows to values, sessions to functions. */
#include "query/expression.h"

#include "query/run.h"

bool expression_resolve(void *context, str ns, str table, str name, unsigned *index,
                        struct type *type)
{
    const struct expression_table *t = context;
    const struct schema *schema = t->schema;
    if (ns.n > 0 && !str_eq(ns, schema->namespace_name)) {
        return false;
    }
    bool is_alias = t->alias.n > 0 && str_eq(table, t->alias) && ns.n == 0;
    if (table.n > 0 && !is_alias && !(t->alias.n == 0 && str_eq(table, schema->table_name))) {
        return false;
    }
    int column = schema_find_column(schema, name);
    if (column >= 0) {
        *index = (unsigned)column;
        *type = schema->columns[column].type;
        return true;
    }
    int system = schema_find_system_column(schema, name);
    if (system < 0) {
        return false;
    }
    *index = schema->column_count + (unsigned)system;
    *type = system_column_type((enum system_column)system);
    return true;
}

/* The row's own version of the schema, then its values as the newer one has them. */
static status project(struct catalog *catalog, const struct schema *schema, str bytes,
                      struct row *row, struct arena *arena, struct value *values, struct error *err)
{
    uint32_t version = row_schema_version(bytes);
    if (version == schema->version) {
        TRY(row_open(row, schema, bytes, err));
        return row_project(row, schema, arena, values, err);
    }
    struct schema *own = NULL;
    TRY(catalog_schema(catalog, schema->table, version, &own, err));
    status result = row_open(row, own, bytes, err);
    if (status_ok(result)) {
        result = row_project(row, schema, arena, values, err);
    }
    row->schema = NULL; /* given back: only the flags of the row are read after this */
    schema_give(own);
    return result;
}

status expression_load_row(struct catalog *catalog, const struct schema *schema, str bytes,
                           uint64_t seq, struct arena *arena, struct value *values,
                           struct error *err)
{
    struct row row;
    TRY(project(catalog, schema, bytes, &row, arena, values, err));
    struct value *system = values + schema->column_count;
    system[SYSTEM_SEQ] = value_int(TYPE_BIGINT, (int64_t)seq);
    system[SYSTEM_UPDATED] = value_int(TYPE_TIMESTAMP, row.updated_us);
    system[SYSTEM_DELETED] = value_bool(row.is_tombstone);
    return STATUS_IS_OK;
}

static int64_t make_snowflake(void *context)
{
    return (int64_t)snowflake_next(((struct query_engine *)context)->ids);
}

static void make_uuid(void *context, uint8_t out[16])
{
    query_uuid_v7(context, out);
}

static void make_ulid(void *context, char out[26])
{
    query_ulid(context, out);
}

struct eval_session expression_session(struct query_engine *engine, const struct session *session)
{
    return (struct eval_session){.user_id = session->user_id,
                                 .role = role_name(session->role),
                                 .now_us = session->now_us,
                                 .context = engine,
                                 .snowflake = make_snowflake,
                                 .uuid_v7 = make_uuid,
                                 .ulid = make_ulid};
}
