/* query/conflict.c -- see conflict.h. */
#include "query/conflict.h"

#include "base/map.h"
#include "query/column_def.h"

struct conflict {
    struct run *run;
    const struct on_conflict *part;
    const struct table *table;
    const struct schema *schema;
    struct expression_table names;
    struct write_job *job;
    struct row_write_table *to;
    uint16_t key_column;
    struct unique_constraint key_constraint; /* of the primary key; not there: id 0 */
    const struct unique_constraint **places; /* every constraint of the table, the key first */
    unsigned place_count;
    bool *is_arbiter; /* of each: are its values looked for? */
    struct map seen;  /* values taken by this statement: id of the constraint, encoded value */
    struct read_context rc;
    struct buf key;
    struct buf place;
    struct eval_session session;
    /* DO UPDATE */
    int *column_of;            /* of each assignment */
    const struct eval **bound; /* of each; NULL: DEFAULT */
    const struct eval *where;  /* NULL: none */
    struct value *inputs;      /* the row that is there, then the one proposed */
    struct value *changed;     /* expression_width */
};

/* -- binding -------------------------------------------------------------------------------------
 */

static void list_places(struct conflict *c)
{
    const struct schema *schema = c->schema;
    c->places =
        ARENA_ARRAY(c->run->arena, const struct unique_constraint *, schema->unique_count + 1);
    c->is_arbiter = ARENA_ARRAY(c->run->arena, bool, schema->unique_count + 1);
    if (schema->primary_key >= 0) {
        c->key_column = (uint16_t)schema->primary_key;
        c->key_constraint = (struct unique_constraint){
            .id = schema->columns[c->key_column].id, .column_count = 1, .columns = &c->key_column};
        c->places[c->place_count++] = &c->key_constraint;
    }
    for (unsigned i = 0; i < schema->unique_count; i++) {
        c->places[c->place_count++] = &schema->uniques[i];
    }
}

/* Is it of exactly the columns named, in whatever order? */
static bool is_named(const struct conflict *c, const struct unique_constraint *place)
{
    const struct str_list *targets = &c->part->targets;
    unsigned found = 0;
    for (unsigned i = 0; i < place->column_count; i++) {
        bool is_target = false;
        for (unsigned k = 0; k < targets->count; k++) {
            is_target =
                is_target || str_eq(c->schema->columns[place->columns[i]].name, targets->items[k]);
        }
        found += is_target ? 1 : 0;
    }
    return found == place->column_count && found == targets->count;
}

static status find_arbiters(struct conflict *c, struct error *err)
{
    bool is_any = c->part->targets.count == 0;
    unsigned count = 0;
    list_places(c);
    for (unsigned i = 0; i < c->place_count; i++) {
        c->is_arbiter[i] = is_any || is_named(c, c->places[i]);
        count += c->is_arbiter[i] ? 1 : 0;
    }
    return count > 0 || is_any
               ? STATUS_IS_OK
               : error_set(err, ERROR_INVALID_OPERATION,
                           "there is no unique constraint matching the ON CONFLICT "
                           "specification: name the primary key or all columns of one UNIQUE "
                           "constraint");
}

/* Columns of the table; `excluded.c` is the row proposed. */
static bool resolve(void *context, str ns, str table, str name, unsigned *index, struct type *type)
{
    struct conflict *c = context;
    if (ns.n > 0 || !str_eq_c(table, "excluded")) {
        return expression_resolve(&c->names, ns, table, name, index, type);
    }
    int column = schema_find_column(c->schema, name);
    if (column < 0) {
        return false;
    }
    *index = expression_width(c->schema) + (unsigned)column;
    *type = c->schema->columns[column].type;
    return true;
}

static status bind_one(struct conflict *c, const struct expr *e, const struct eval **out,
                       struct error *err)
{
    if (e->has_engine) {
        return error_set(err, ERROR_STATEMENT_UNSUPPORTED,
                         "the expression '" STR_FMT "' in ON CONFLICT DO UPDATE",
                         STR(sql_expr_text(c->run->statement, e)));
    }
    struct eval_scope scope = {.resolve = resolve,
                               .context = c,
                               .param_types = run_param_types(c->run),
                               .param_count = c->run->query->param_count,
                               .allows_generators = true};
    return eval_bind(e, &scope, c->run->arena, out, err);
}

static status bind_set(struct conflict *c, unsigned i, struct error *err)
{
    const struct assignment *set = &c->part->sets.items[i];
    c->column_of[i] = schema_find_column(c->schema, set->column);
    if (c->column_of[i] < 0) {
        return error_set(err, ERROR_COLUMN_NOT_FOUND, "Column '" STR_FMT "' does not exist",
                         STR(set->column));
    }
    if (c->column_of[i] == c->schema->primary_key) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "UPDATE cannot modify primary key column '" STR_FMT "'", STR(set->column));
    }
    return set->value->kind == EXPR_DEFAULT ? STATUS_IS_OK
                                            : bind_one(c, set->value, &c->bound[i], err);
}

static status bind_update(struct conflict *c, struct error *err)
{
    if (c->table->kind == TABLE_STREAM) {
        return error_set(err, ERROR_INVALID_OPERATION, "UPDATE not supported for STREAM tables");
    }
    struct arena *arena = c->run->arena;
    unsigned count = c->part->sets.count;
    unsigned width = expression_width(c->schema);
    c->column_of = ARENA_ARRAY(arena, int, count + 1);
    c->bound = ARENA_ARRAY(arena, const struct eval *, count + 1);
    memset(c->bound, 0, (count + 1) * sizeof(const struct eval *));
    c->inputs = ARENA_ARRAY(arena, struct value, width + c->schema->column_count);
    c->changed = ARENA_ARRAY(arena, struct value, width);
    for (unsigned i = 0; i < count; i++) {
        TRY(bind_set(c, i, err));
    }
    if (c->part->where == NULL) {
        return STATUS_IS_OK;
    }
    TRY(bind_one(c, c->part->where, &c->where, err));
    enum type_id type = eval_type(c->where).id;
    return type == TYPE_BOOLEAN || type == TYPE_NONE
               ? STATUS_IS_OK
               : error_set(err, ERROR_COERCION, "the WHERE of ON CONFLICT is no condition");
}

status conflict_open(struct run *run, const struct on_conflict *part, const struct table *table,
                     const struct expression_table *names, struct write_job *job,
                     struct row_write_table *to, struct conflict **out, struct error *err)
{
    struct conflict *c = ARENA_NEW(run->arena, struct conflict);
    *c = (struct conflict){.run = run,
                           .part = part,
                           .table = table,
                           .schema = names->schema,
                           .names = *names,
                           .job = job,
                           .to = to,
                           .session = expression_session(run->engine, &run->session)};
    map_init(&c->seen);
    buf_init(&c->key);
    buf_init(&c->place);
    read_context_of(&c->rc, run);
    *out = c;
    TRY(find_arbiters(c, err));
    return part->action == CONFLICT_UPDATE ? bind_update(c, err) : STATUS_IS_OK;
}

void conflict_close(struct conflict *conflict)
{
    if (conflict != NULL) {
        read_context_release(&conflict->rc);
        map_release(&conflict->seen);
        buf_release(&conflict->place);
        buf_release(&conflict->key);
    }
}

/* -- places: a constraint and a value ------------------------------------------------------------
 */

static str place_of(struct conflict *c, const struct unique_constraint *place, str value_key)
{
    return key_unique_rest(&c->place, place->id, value_key);
}

static void take_place(struct conflict *c, const struct unique_constraint *place, str value_key)
{
    (void)map_put(&c->seen, place_of(c, place, value_key), c);
}

/* Who has the value in the view. *owner: its encoded primary key. */
static status find_owner(struct conflict *c, const struct unique_constraint *place, str value_key,
                         bool *found, str *owner, struct error *err)
{
    enum kv_get_mode mode = c->run->may_block ? KV_MAY_BLOCK : KV_NO_IO;
    struct table_read *read = NULL;
    TRY(read_context_table(&c->rc, c->table, mode, &read, err));
    if (place != &c->key_constraint) {
        return table_find_unique(read, place->id, value_key, mode, found, owner, err);
    }
    uint64_t seq = 0;
    bool is_deleted = false;
    TRY(table_find_key(read, value_key, mode, found, &seq, &is_deleted, err));
    *found = *found && !is_deleted;
    *owner = value_key;
    return STATUS_IS_OK;
}

/* -- DO UPDATE -----------------------------------------------------------------------------------
 */

static status assign(struct conflict *c, unsigned i, unsigned number, struct error *err)
{
    const struct column *column = &c->schema->columns[c->column_of[i]];
    struct arena *arena = &c->job->arena;
    struct value v;
    if (c->bound[i] == NULL) {
        TRY(column_default_value(c->run, column, arena, &v, err));
    } else {
        struct eval_input input = {
            .columns = c->inputs, .params = c->run->query->params, .session = &c->session};
        TRY(eval_run(c->bound[i], &input, arena, &v, err));
    }
    struct value *place = &c->changed[c->column_of[i]];
    TRY(value_coerce(&v, column->type, column->name, arena, place, err));
    if (place->is_null && !column->is_nullable) {
        return error_set(err, ERROR_CONSTRAINT,
                         "NOT NULL constraint violation: column '" STR_FMT
                         "' cannot be NULL (row %u)",
                         STR(column->name), number);
    }
    return STATUS_IS_OK;
}

static status wants_update(struct conflict *c, bool *matches, struct error *err)
{
    *matches = true;
    if (c->where == NULL) {
        return STATUS_IS_OK;
    }
    struct eval_input input = {
        .columns = c->inputs, .params = c->run->query->params, .session = &c->session};
    return eval_matches(c->where, &input, &c->job->arena, matches, err);
}

static status affected_twice(struct error *err)
{
    return error_set(err, ERROR_CONSTRAINT,
                     "ON CONFLICT DO UPDATE command cannot affect row a second time");
}

/* The row that is there, changed. `owner` is its encoded primary key. */
static status update_row(struct conflict *c, str owner, const struct value *values, unsigned number,
                         enum conflict_outcome *outcome, struct error *err)
{
    if (map_find(&c->seen, place_of(c, &c->key_constraint, owner)) != NULL) {
        return affected_twice(err);
    }
    struct found_row found;
    TRY(find_rows_get_key(c->run, &c->rc, c->table, &c->names, owner, NULL, &found, err));
    if (!found.found) {
        return error_set(err, ERROR_INTERNAL, "the row that has a UNIQUE value is not there");
    }
    unsigned width = expression_width(c->schema);
    memcpy(c->inputs, found.values, width * sizeof *c->inputs);
    memcpy(c->inputs + width, values, c->schema->column_count * sizeof *c->inputs);
    bool matches = false;
    TRY(wants_update(c, &matches, err));
    *outcome = CONFLICT_SKIPPED;
    if (!matches) {
        return STATUS_IS_OK;
    }
    take_place(c, &c->key_constraint, owner);
    memcpy(c->changed, found.values, width * sizeof *c->changed);
    bool is_same = true;
    for (unsigned i = 0; i < c->part->sets.count; i++) {
        TRY(assign(c, i, number, err));
        unsigned at = (unsigned)c->column_of[i];
        is_same = is_same && value_identical(&c->changed[at], &found.values[at]);
    }
    *outcome = is_same ? CONFLICT_KEPT : CONFLICT_UPDATED;
    return is_same ? STATUS_IS_OK
                   : row_write_update(c->to, found.seq, found.bytes, found.values, c->changed, err);
}

/* -- a row ---------------------------------------------------------------------------------------
 */

/* Is one of the row's places taken? *is_own: by this statement. */
static status find_taken(struct conflict *c, const struct value *values, bool *taken, bool *is_own,
                         str *owner, struct error *err)
{
    *taken = false;
    for (unsigned i = 0; i < c->place_count && !*taken; i++) {
        const struct unique_constraint *place = c->places[i];
        bool has_value = false;
        if (c->is_arbiter[i]) {
            TRY(unique_value_key(c->schema, place, values, &c->key, &has_value, err));
        }
        if (!has_value) {
            continue;
        }
        str value_key = buf_str(&c->key);
        *is_own = map_find(&c->seen, place_of(c, place, value_key)) != NULL;
        *taken = *is_own;
        if (!*taken) {
            TRY(find_owner(c, place, value_key, taken, owner, err));
        }
    }
    return STATUS_IS_OK;
}

/* What this row takes, for the rows of the statement that follow. */
static status take_places(struct conflict *c, const struct value *values, struct error *err)
{
    for (unsigned i = 0; i < c->place_count; i++) {
        bool has_value = false;
        TRY(unique_value_key(c->schema, c->places[i], values, &c->key, &has_value, err));
        if (has_value) {
            take_place(c, c->places[i], buf_str(&c->key));
        }
    }
    return STATUS_IS_OK;
}

status conflict_decide(struct conflict *c, const struct value *values, unsigned number,
                       enum conflict_outcome *outcome, const struct value **row, struct error *err)
{
    bool taken = false;
    bool is_own = false;
    str owner = {0};
    status result = find_taken(c, values, &taken, &is_own, &owner, err);
    if (result.code == STATUS_UNAVAILABLE && !c->run->may_block) {
        return run_block(c->run);
    }
    TRY(result);
    *outcome = CONFLICT_NONE;
    if (!taken) {
        return take_places(c, values, err);
    }
    *outcome = CONFLICT_SKIPPED;
    if (c->part->action == CONFLICT_NOTHING) {
        return STATUS_IS_OK;
    }
    if (is_own) {
        return affected_twice(err);
    }
    TRY(update_row(c, arena_copy(c->run->arena, owner), values, number, outcome, err));
    *row = c->changed;
    return STATUS_IS_OK;
}

void conflict_inserted(struct conflict *c)
{
    struct row_op *op = &c->to->ops[c->to->op_count - 1];
    for (unsigned i = 0; i < c->place_count; i++) {
        if (!c->is_arbiter[i]) {
            continue;
        }
        op->yields = op->yields || c->places[i] == &c->key_constraint;
        for (unsigned k = 0; k < c->to->unique_count; k++) {
            op->unique[k].yields =
                op->unique[k].yields ||
                c->to->schema->uniques[op->unique[k].constraint].id == c->places[i]->id;
        }
    }
}
