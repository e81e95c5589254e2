/* query/update.c -- UPDATE and DELETE (contract sql.md sections 4.3, 4.4): by key from memory, by
 * any other condition through one SELECT of the SQL engine. Each row is written with the version
 * that was read as its expectation: a lost race runs the statement again. */
#include "query/run.h"

#include "query/column_def.h"
#include "query/expression.h"
#include "query/find_rows.h"
#include "query/mutant.h"
#include "query/write_job.h"

struct update {
    struct run *run;
    const struct table *table;
    struct schema *schema;
    struct expression_table names;
    str where_text;
    const struct expr *where;
    const struct assignment_list *sets; /* NULL: DELETE */
    const struct select_list *returning;
    int *column_of;            /* of each assignment */
    bool *by_engine;           /* of each: the SQL engine computes it */
    const struct eval **bound; /* of each; NULL: DEFAULT or the engine's */
    struct eval_session session;
    struct write_job *job;
    struct row_write_table *to;
    bool *explained; /* EXPLAIN: nothing is read, and here it says: by key? NULL: it is run */
    struct value *new_values;
    /* Of rows that the SQL engine found: */
    struct value *old_values;
    struct buf bytes; /* the stored form of the row at hand */
    struct buf key;
    struct read_context rc; /* opened by the first such row, after the view that found it */
    bool has_context;
    struct arena scratch; /* of one row */
};

/* -- SET ----------------------------------------------------------------------------------------
 */

static status bind_sets(struct update *u, struct error *err)
{
    struct run *run = u->run;
    u->column_of = ARENA_ARRAY(run->arena, int, u->sets->count + 1);
    u->by_engine = ARENA_ARRAY(run->arena, bool, u->sets->count + 1);
    u->bound = ARENA_ARRAY(run->arena, const struct eval *, u->sets->count + 1);
    u->new_values = ARENA_ARRAY(run->arena, struct value, expression_width(u->schema));
    struct eval_scope scope = {.resolve = expression_resolve,
                               .context = &u->names,
                               .param_types = run_param_types(run),
                               .param_count = run->query->param_count,
                               .allows_generators = true};
    for (unsigned i = 0; i < u->sets->count; i++) {
        const struct assignment *set = &u->sets->items[i];
        u->column_of[i] = schema_find_column(u->schema, set->column);
        if (u->column_of[i] < 0) {
            return error_set(err, ERROR_COLUMN_NOT_FOUND, "Column '" STR_FMT "' does not exist",
                             STR(set->column));
        }
        if (u->column_of[i] == u->schema->primary_key) {
            return error_set(err, ERROR_INVALID_OPERATION,
                             "UPDATE cannot modify primary key column '" STR_FMT "'",
                             STR(set->column));
        }
        u->by_engine[i] = set->value->has_engine;
        if (set->value->kind == EXPR_DEFAULT || u->by_engine[i]) {
            continue;
        }
        status bound = eval_bind(set->value, &scope, run->arena, &u->bound[i], err);
        if (bound.code == STATUS_UNSUPPORTED) { /* the engine's functions */
            error_clear(err);
            u->by_engine[i] = true;
            bound = STATUS_IS_OK;
        }
        TRY(bound);
    }
    return STATUS_IS_OK;
}

static bool sets_need_engine(const struct update *u)
{
    for (unsigned i = 0; u->sets != NULL && i < u->sets->count; i++) {
        if (u->by_engine[i]) {
            return true;
        }
    }
    return false;
}

/* One assigned value; `engine_value` is what the SQL engine computed, or NULL. */
static status assign(struct update *u, unsigned i, const struct value *old_values,
                     const struct value *engine_value, struct error *err)
{
    const struct column *c = &u->schema->columns[u->column_of[i]];
    struct arena *arena = &u->job->arena;
    struct value v;
    if (engine_value != NULL) {
        v = *engine_value;
    } else if (u->bound[i] == NULL) {
        TRY(column_default_value(u->run, c, arena, &v, err));
    } else {
        struct eval_input input = {
            .columns = old_values, .params = u->run->query->params, .session = &u->session};
        TRY(eval_run(u->bound[i], &input, arena, &v, err));
    }
    struct value *place = &u->new_values[u->column_of[i]];
    TRY(value_coerce(&v, c->type, c->name, arena, place, err));
    if (place->is_null && !c->is_nullable) {
        return error_set(err, ERROR_CONSTRAINT,
                         "NOT NULL constraint violation: column '" STR_FMT
                         "' cannot be NULL (row %llu)",
                         STR(c->name), (unsigned long long)u->job->row_count + 1);
    }
    return STATUS_IS_OK;
}

/* -- one row ------------------------------------------------------------------------------------
 */

static status give_back(struct update *u, const struct value *row, bool is_written,
                        struct error *err)
{
    return u->job->returning == NULL ? STATUS_IS_OK
                                     : returning_add(u->job->returning, row, is_written, err);
}

static status update_row(struct update *u, uint64_t seq, str bytes, const struct value *old_values,
                         const struct value *engine_values, struct error *err)
{
    bool is_same = true;
    memcpy(u->new_values, old_values, expression_width(u->schema) * sizeof *old_values);
    unsigned from_engine = 0;
    for (unsigned i = 0; i < u->sets->count; i++) {
        TRY(assign(u, i, old_values, u->by_engine[i] ? &engine_values[from_engine++] : NULL, err));
        unsigned at = (unsigned)u->column_of[i];
        is_same = is_same && value_identical(&u->new_values[at], &old_values[at]);
    }
    if (is_same) { /* no version, no event, not counted; given back all the same */
        return give_back(u, old_values, false, err);
    }
    u->job->row_count++;
    TRY(row_write_update(u->to, seq, bytes, old_values, u->new_values, err));
    return give_back(u, u->new_values, true, err);
}

static status delete_row(struct update *u, uint64_t seq, str bytes, const struct value *old_values,
                         struct error *err)
{
    struct row last;
    struct schema *own = NULL;
    TRY(catalog_schema(u->run->engine->catalog, u->schema->table, row_schema_version(bytes), &own,
                       err));
    status result = row_open(&last, own, bytes, err);
    if (status_ok(result)) {
        u->job->row_count++;
        result = row_write_delete(u->to, seq, &last, err);
    }
    schema_give(own);
    TRY(result);
    return give_back(u, old_values, false, err);
}

static status change_row(struct update *u, uint64_t seq, str bytes, const struct value *old_values,
                         const struct value *engine_values, struct error *err)
{
    return u->sets != NULL ? update_row(u, seq, bytes, old_values, engine_values, err)
                           : delete_row(u, seq, bytes, old_values, err);
}

/* -- by key -------------------------------------------------------------------------------------
 */

static status change_by_key(struct update *u, const struct key_condition *condition,
                            struct error *err)
{
    struct read_context rc;
    read_context_of(&rc, u->run);
    struct found_row found;
    status result = find_rows_get(u->run, &rc, u->table, &u->names, condition, &found, err);
    if (status_ok(result) && found.found) {
        result = change_row(u, found.seq, found.bytes, found.values, NULL, err);
    }
    read_context_release(&rc);
    return result;
}

/* -- by any condition ---------------------------------------------------------------------------
 */

/* SELECT *, engine SET expressions FROM ns.t [alias] WHERE ...: the rows come with all columns, so
 * their stored form can be made again from the values. */
static str select_text(struct update *u)
{
    struct buf text;
    buf_init(&text);
    str table = u->names.alias.n > 0 ? u->names.alias : u->schema->table_name;
    buf_append_format(&text, "SELECT \"" STR_FMT "\".*", STR(table));
    for (unsigned i = 0; u->sets != NULL && i < u->sets->count; i++) {
        const struct expr *e = u->sets->items[i].value;
        if (u->by_engine[i]) {
            buf_append_format(&text, ", (" STR_FMT ")", STR(sql_expr_text(u->run->statement, e)));
        }
    }
    buf_append_format(&text, " FROM \"" STR_FMT "\".\"" STR_FMT "\"",
                      STR(u->schema->namespace_name), STR(u->schema->table_name));
    if (u->names.alias.n > 0) {
        buf_append_format(&text, " AS \"" STR_FMT "\"", STR(u->names.alias));
    }
    buf_append_c(&text, " WHERE ");
    buf_append_str(&text, u->where_text);
    str copy = arena_copy(u->run->arena, buf_str(&text));
    buf_release(&text);
    return copy;
}

/* What the engine has as a text or another type, as the column has it. */
static status take_old_values(struct update *u, const struct value *values, struct error *err)
{
    for (unsigned i = 0; i < u->schema->column_count; i++) {
        const struct column *c = &u->schema->columns[i];
        TRY(value_coerce(&values[i], c->type, c->name, &u->scratch, &u->old_values[i], err));
    }
    struct value *system = u->old_values + u->schema->column_count;
    bool has_updated = u->schema->kind != TABLE_STREAM;
    system[SYSTEM_SEQ] = values[u->schema->column_count + SYSTEM_SEQ];
    system[SYSTEM_UPDATED] = has_updated ? values[u->schema->column_count + SYSTEM_UPDATED]
                                         : value_null(type_of(TYPE_TIMESTAMP));
    system[SYSTEM_DELETED] = value_bool(false);
    return STATUS_IS_OK;
}

/* The bytes that the hot tier has, which counts them: they may be of an older version, and shorter.
 * *found false: the row is cold, or was changed meanwhile. */
static status load_stored(struct update *u, uint64_t seq, bool *found, struct error *err)
{
    struct run *run = u->run;
    if (!u->has_context) {
        read_context_of(&u->rc, run);
        u->has_context = true;
    }
    buf_clear(&u->key);
    TRY(key_encode(&u->key, &u->old_values[u->schema->primary_key], err));
    struct table_row row = {0};
    bool is_elsewhere = false;
    TRY(read_context_get_hot(&u->rc, u->table, buf_str(&u->key), KV_MAY_BLOCK, &u->scratch, &row,
                             &is_elsewhere, err));
    *found = !is_elsewhere && row.found && row.seq == seq;
    if (*found) {
        buf_append_str(&u->bytes, row.bytes);
    }
    return STATUS_IS_OK;
}

/* The stored form of the row in old_values. In a table of one version it can be made again. */
static status make_stored(struct update *u, uint64_t seq, int64_t updated_us, struct error *err)
{
    bool found = false;
    buf_clear(&u->bytes);
    if (u->schema->version > 1 && u->schema->primary_key >= 0) {
        TRY(load_stored(u, seq, &found, err));
    }
    return found ? STATUS_IS_OK
                 : row_encode(&u->bytes, u->schema, u->old_values, false, updated_us, err);
}

static status change_found(void *context, const struct value *values, unsigned count,
                           struct error *err)
{
    struct update *u = context;
    unsigned width = u->schema->column_count + schema_system_column_count(u->schema);
    bool has_updated = u->schema->kind != TABLE_STREAM; /* _seq comes first in either case */
    if (count < width) {
        return error_set(err, ERROR_INTERNAL, "the engine gave %u columns of %u", count, width);
    }
    if (values[width - 1].as.boolean) {
        return STATUS_IS_OK; /* a condition on _deleted finds tombstones too: nothing to change */
    }
    const struct value *system = values + u->schema->column_count;
    uint64_t seq = (uint64_t)system[SYSTEM_SEQ].as.integer;
    arena_reset(&u->scratch);
    TRY(take_old_values(u, values, err));
    TRY(make_stored(u, seq, has_updated ? system[SYSTEM_UPDATED].as.integer : 0, err));
    return change_row(u, seq, buf_str(&u->bytes), u->old_values, values + width, err);
}

static status change_by_query(struct update *u, struct error *err)
{
    u->old_values = ARENA_ARRAY(u->run->arena, struct value, expression_width(u->schema));
    buf_init(&u->bytes);
    buf_init(&u->key);
    arena_init(&u->scratch);
    status result = find_rows_select(u->run, select_text(u), NULL, change_found, u, err);
    if (u->has_context) {
        read_context_release(&u->rc);
    }
    arena_release(&u->scratch);
    buf_release(&u->key);
    buf_release(&u->bytes);
    return result;
}

/* -- the statements -----------------------------------------------------------------------------
 */

static status change_rows(struct update *u, struct error *err)
{
    if (u->sets != NULL) {
        TRY(bind_sets(u, err));
    }
    if (u->returning->count > 0) {
        TRY(returning_create(u->run, u->returning, u->table, &u->names, u->sets == NULL, u->to,
                             &u->job->arena, &u->job->returning, err));
    }
    struct key_condition condition = {0};
    if (!sets_need_engine(u)) {
        TRY(find_rows_by_key(u->run, &u->names, u->where, &condition, err));
    }
    if (u->explained != NULL) {
        *u->explained = condition.has_key;
        return condition.has_key ? STATUS_IS_OK
                                 : find_rows_prepare(u->run, select_text(u), NULL, NULL, err);
    }
    if (condition.has_key) {
        return change_by_key(u, &condition, err);
    }
    if (!u->run->may_block) {
        return run_block_long(u->run);
    }
    return change_by_query(u, err);
}

static status change(struct run *run, const struct table_name *name, const char *verb,
                     struct update *u, enum result_dml kind, struct error *err)
{
    TRY(run_find_table(run, name, verb, &u->table, err));
    TRY(query_may_write(&run->session, u->table, err));
    if (u->table->kind == TABLE_STREAM && u->sets != NULL) {
        return error_set(err, ERROR_INVALID_OPERATION, "UPDATE not supported for STREAM tables");
    }
    TRY(run_table_schema(run, u->table, &u->schema, err));
    u->run = run;
    u->names.schema = u->schema;
    u->session = expression_session(run->engine, &run->session);
    u->job = write_job_create(run, kind);
    struct table_part place;
    str owner = mutant_is_on("write_part_of_actor") ? run->session.actor_id : run->session.user_id;
    table_part_init(&place, u->table, owner, &u->job->arena);
    u->to = row_write_table(&u->job->write, &place, u->schema);
    status result = change_rows(u, err);
    schema_give(u->schema);
    if (!status_ok(result) || u->explained != NULL) {
        write_job_give(u->job);
        return result;
    }
    return write_job_submit(run, u->job, err);
}

static status do_update(struct run *run, bool *explained, struct error *err)
{
    const struct update_part *part = &run->statement->as.update;
    struct update u = {.names = {.alias = part->alias},
                       .where = part->where,
                       .where_text = part->where_text,
                       .sets = &part->sets,
                       .explained = explained,
                       .returning = &part->returning};
    return change(run, &part->table, "update", &u, RESULT_UPDATED, err);
}

static status do_delete(struct run *run, bool *explained, struct error *err)
{
    const struct delete_part *part = &run->statement->as.delete;
    struct update u = {.names = {.alias = part->alias},
                       .where = part->where,
                       .where_text = part->where_text,
                       .explained = explained,
                       .returning = &part->returning};
    return change(run, &part->table, "delete", &u, RESULT_DELETED, err);
}

status run_update(struct run *run, struct error *err)
{
    return do_update(run, NULL, err);
}

status run_delete(struct run *run, struct error *err)
{
    return do_delete(run, NULL, err);
}

status update_explain(struct run *run, bool *by_key, struct error *err)
{
    return run->statement->kind == STATEMENT_UPDATE ? do_update(run, by_key, err)
                                                    : do_delete(run, by_key, err);
}
