/* query/find_rows.c -- one row by its key. */
#include "query/find_rows.h"

#include "query/run.h"

/* The constant on the other side of `key = c`, evaluated. */
static status key_value(struct run *run, const struct expr *constant, const struct column *column,
                        struct key_condition *out, struct error *err)
{
    struct eval_scope scope = {.param_types = run_param_types(run),
                               .param_count = run->query->param_count};
    const struct eval *bound = NULL;
    TRY(eval_bind(constant, &scope, run->arena, &bound, err));
    struct eval_session session = expression_session(run->engine, &run->session);
    struct eval_input input = {.params = run->query->params, .session = &session};
    struct value v;
    TRY(eval_run(bound, &input, run->arena, &v, err));
    if (v.is_null) {
        out->is_never = true;
        return STATUS_IS_OK;
    }
    return value_coerce(&v, column->type, column->name, run->arena, &out->key, err);
}

status find_rows_by_key(struct run *run, const struct expression_table *table,
                        const struct expr *where, struct key_condition *out, struct error *err)
{
    (void)err;
    *out = (struct key_condition){0};
    const struct schema *schema = table->schema;
    if (where == NULL || where->has_engine || where->kind == EXPR_ENGINE ||
        schema->primary_key < 0 || expr_mentions(where, STR_LIT("_deleted"))) {
        return STATUS_IS_OK;
    }
    struct expression_table names = *table;
    const struct expr *constant =
        eval_find_equality(where, expression_resolve, &names, (unsigned)schema->primary_key);
    if (constant == NULL) {
        return STATUS_IS_OK;
    }
    struct eval_scope scope = {.resolve = expression_resolve,
                               .context = &names,
                               .param_types = run_param_types(run),
                               .param_count = run->query->param_count};
    /* What does not bind or convert here is the SQL engine's to judge, with its own error. */
    struct error mine;
    error_clear(&mine);
    if (!status_ok(eval_bind(where, &scope, run->arena, &out->rest, &mine)) ||
        !status_ok(key_value(run, constant, &schema->columns[schema->primary_key], out, &mine))) {
        *out = (struct key_condition){0};
        return STATUS_IS_OK;
    }
    out->has_key = true;
    return STATUS_IS_OK;
}

/* The newest version of the key: without the table state when the row is hot. */
static status read_row(struct run *run, struct read_context *rc, const struct table *table,
                       const struct schema *schema, str key, struct table_row *row,
                       struct error *err)
{
    enum kv_get_mode mode = run->may_block ? KV_MAY_BLOCK : KV_NO_IO;
    bool is_elsewhere = true;
    if (table->kind != TABLE_STREAM) {
        TRY(read_context_get_hot(rc, table, key, mode, rc->arena, row, &is_elsewhere, err));
    }
    if (!is_elsewhere) {
        return STATUS_IS_OK;
    }
    struct table_read *read = NULL;
    TRY(read_context_table(rc, table, mode, &read, err));
    return table_get(read, key, mode, schema, row, err);
}

/* Can the row be read without fetching the schema of the version that wrote it? */
static bool is_schema_at_hand(struct run *run, const struct schema *schema, str bytes)
{
    uint32_t version = row_schema_version(bytes);
    if (version == schema->version) {
        return true;
    }
    struct schema *own = catalog_schema_cached(run->engine->catalog, schema->table, version);
    schema_give(own);
    return own != NULL;
}

status find_rows_get(struct run *run, struct read_context *rc, const struct table *table,
                     const struct expression_table *names, const struct key_condition *condition,
                     struct found_row *out, struct error *err)
{
    *out = (struct found_row){0};
    if (condition->is_never) {
        return STATUS_IS_OK;
    }
    struct buf key;
    buf_init(&key);
    status result = key_encode(&key, &condition->key, err);
    if (status_ok(result)) {
        result = find_rows_get_key(run, rc, table, names, buf_str(&key), condition->rest, out, err);
    }
    buf_release(&key);
    return result;
}

status find_rows_get_key(struct run *run, struct read_context *rc, const struct table *table,
                         const struct expression_table *names, str key, const struct eval *rest,
                         struct found_row *out, struct error *err)
{
    const struct schema *schema = names->schema;
    *out = (struct found_row){0};
    struct table_row row = {0};
    status result = read_row(run, rc, table, schema, key, &row, err);
    if (result.code == STATUS_UNAVAILABLE && !run->may_block) {
        return run_block(run);
    }
    TRY(result);
    if (!row.found || row.is_deleted) {
        return STATUS_IS_OK;
    }
    if (!run->may_block && !is_schema_at_hand(run, schema, row.bytes)) {
        return run_block(run);
    }
    out->values = ARENA_ARRAY(run->arena, struct value, expression_width(schema));
    TRY(expression_load_row(run->engine->catalog, schema, row.bytes, row.seq, run->arena,
                            out->values, err));
    struct eval_session session = expression_session(run->engine, &run->session);
    struct eval_input input = {
        .columns = out->values, .params = run->query->params, .session = &session};
    bool matches = true;
    if (rest != NULL) {
        TRY(eval_matches(rest, &input, run->arena, &matches, err));
    }
    out->found = matches;
    out->seq = row.seq;
    out->bytes = row.bytes;
    return STATUS_IS_OK;
}
