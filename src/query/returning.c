/* query/returning.c -- see returning.h. */
#include "query/returning.h"

#include "base/check.h"
#include "model/limits.h"

enum { CELL_OVERHEAD_BYTES = 24 }; /* a comma, quotes; or a `_seq` that is not known yet */

struct returned_item {
    unsigned place;           /* of the row, when bound is NULL */
    const struct eval *bound; /* computed */
};

struct returned_row {
    size_t op;            /* of `to`; NO_OP: the values are complete */
    struct value *values; /* one per item */
};
#define NO_OP SIZE_MAX

struct returning {
    const struct schema *schema; /* that of `to` */
    const struct row_write_table *to;
    struct arena *arena;
    struct result_column *columns;
    struct returned_item *items;
    unsigned count;
    bool is_old;
    const struct value *params;
    struct eval_session session;
    struct returned_row *rows;
    size_t row_count;
    size_t row_capacity;
    size_t bytes;
    struct buf scratch;
};

/* -- binding -------------------------------------------------------------------------------------
 */

static void add_place(struct returning *r, unsigned place)
{
    r->columns[r->count] = row_column(r->schema, place);
    r->items[r->count++].place = place;
}

static void set_alias(struct returning *r, const struct select_item *item)
{
    if (item->alias.n > 0) {
        r->columns[r->count - 1].name = arena_copy(r->arena, item->alias);
    }
}

static status add_expression(struct returning *r, struct run *run, const struct select_item *item,
                             const struct eval_scope *scope, struct error *err)
{
    const struct expr *e = item->expr;
    str text = sql_expr_text(run->statement, e);
    if (e->has_engine) {
        return error_set(err, ERROR_STATEMENT_UNSUPPORTED,
                         "the expression '" STR_FMT "' in RETURNING", STR(text));
    }
    if (!r->is_old &&
        (expr_mentions(e, STR_LIT("_seq")) || expr_mentions(e, STR_LIT("_updated")))) {
        return error_set(err, ERROR_STATEMENT_UNSUPPORTED,
                         "RETURNING gives _seq and _updated as they are, not in '" STR_FMT "'",
                         STR(text));
    }
    struct returned_item *to = &r->items[r->count];
    TRY(eval_bind(e, scope, r->arena, &to->bound, err));
    struct type type = eval_type(to->bound);
    r->columns[r->count++] =
        (struct result_column){.name = arena_copy(r->arena, text),
                               .type = type.id == TYPE_NONE ? type_of(TYPE_TEXT) : type};
    set_alias(r, item);
    return STATUS_IS_OK;
}

static status add_item(struct returning *r, struct run *run, const struct expression_table *names,
                       const struct select_item *item, struct error *err)
{
    struct expression_table own = *names;
    const struct expr *e = item->expr;
    if (e->kind == EXPR_STAR) {
        if (!row_star_is_ours(names, item->star_table)) {
            return error_set(err, ERROR_COLUMN_NOT_FOUND, "'" STR_FMT ".*' in RETURNING",
                             STR(item->star_table));
        }
        unsigned *places = ARENA_ARRAY(run->arena, unsigned, expression_width(r->schema));
        unsigned count = row_star(r->schema, places);
        for (unsigned i = 0; i < count; i++) {
            add_place(r, places[i]);
        }
        return STATUS_IS_OK;
    }
    unsigned place = 0;
    struct type type;
    if (e->kind == EXPR_COLUMN && expression_resolve(&own, e->as.column.ns, e->as.column.table,
                                                     e->as.column.name, &place, &type)) {
        add_place(r, place);
        set_alias(r, item);
        return STATUS_IS_OK;
    }
    struct eval_scope scope = {.is_shown = true,
                               .resolve = expression_resolve,
                               .context = &own,
                               .param_types = run_param_types(run),
                               .param_count = run->query->param_count};
    return add_expression(r, run, item, &scope, err);
}

static status bind(struct returning *r, struct run *run, const struct select_list *list,
                   const struct expression_table *names, struct error *err)
{
    size_t most = 0;
    for (unsigned i = 0; i < list->count; i++) {
        most += list->items[i].expr->kind == EXPR_STAR ? expression_width(r->schema) : 1;
    }
    if (most > LIMIT_COLUMNS + EXPRESSION_SYSTEM_COLUMNS) {
        return error_set(err, ERROR_LIMIT, "RETURNING gives %zu columns, the limit is %d", most,
                         LIMIT_COLUMNS + EXPRESSION_SYSTEM_COLUMNS);
    }
    r->columns = ARENA_ARRAY(r->arena, struct result_column, most + 1);
    r->items = ARENA_ARRAY(r->arena, struct returned_item, most + 1);
    memset(r->items, 0, (most + 1) * sizeof *r->items);
    for (unsigned i = 0; i < list->count; i++) {
        TRY(add_item(r, run, names, &list->items[i], err));
    }
    return STATUS_IS_OK;
}

status returning_create(struct run *run, const struct select_list *list, const struct table *table,
                        const struct expression_table *names, bool is_old,
                        struct row_write_table *to, struct arena *arena, struct returning **out,
                        struct error *err)
{
    TRY(query_may_read(&run->session, table, err));
    struct returning *r = ARENA_NEW(arena, struct returning);
    *r = (struct returning){.schema = to->schema,
                            .to = to,
                            .arena = arena,
                            .is_old = is_old,
                            .params = run->query->params,
                            .session = expression_session(run->engine, &run->session)};
    buf_init(&r->scratch);
    *out = r; /* released with the write, bound or not */
    return bind(r, run, list, names, err);
}

void returning_release(struct returning *returning)
{
    if (returning != NULL) {
        mem_free(returning->rows);
        buf_release(&returning->scratch);
    }
}

/* -- rows ----------------------------------------------------------------------------------------
 */

static bool waits_for_commit(const struct returning *r, unsigned item)
{
    const struct returned_item *i = &r->items[item];
    unsigned seq = r->schema->column_count + SYSTEM_SEQ;
    unsigned updated = r->schema->column_count + SYSTEM_UPDATED;
    return i->bound == NULL && (i->place == seq || i->place == updated);
}

static status cell(struct returning *r, unsigned item, const struct value *values,
                   struct value *out, struct error *err)
{
    const struct returned_item *i = &r->items[item];
    struct value v;
    if (i->bound == NULL) {
        v = values[i->place];
    } else {
        struct eval_input input = {.columns = values, .params = r->params, .session = &r->session};
        TRY(eval_run(i->bound, &input, r->arena, &v, err));
    }
    *out = value_copy(r->arena, &v);
    buf_clear(&r->scratch);
    TRY(value_append_json(&r->scratch, out, err)); /* NaN, say: refused before it is written */
    r->bytes += r->scratch.n + CELL_OVERHEAD_BYTES;
    return STATUS_IS_OK;
}

status returning_add(struct returning *r, const struct value *values, bool is_written,
                     struct error *err)
{
    CHECK(!is_written || r->to->op_count > 0);
    struct returned_row row = {.op = is_written && !r->is_old ? r->to->op_count - 1 : NO_OP,
                               .values = ARENA_ARRAY(r->arena, struct value, r->count + 1)};
    for (unsigned i = 0; i < r->count; i++) {
        if (row.op != NO_OP && waits_for_commit(r, i)) {
            row.values[i] = value_null(r->columns[i].type);
            r->bytes += CELL_OVERHEAD_BYTES;
        } else {
            TRY(cell(r, i, values, &row.values[i], err));
        }
    }
    if (r->bytes > LIMIT_COMMIT_BYTES) {
        return error_set(err, ERROR_LIMIT,
                         "a RETURNING that gives more than %d bytes back is refused",
                         LIMIT_COMMIT_BYTES);
    }
    r->rows = mem_grow(r->rows, &r->row_capacity, r->row_count + 1, sizeof *r->rows);
    r->rows[r->row_count++] = row;
    return STATUS_IS_OK;
}

size_t returning_bytes(const struct returning *returning)
{
    return returning->bytes;
}

/* -- the result ----------------------------------------------------------------------------------
 */

static void fill_in(const struct returning *r, const struct returned_row *row, struct value *cells)
{
    memcpy(cells, row->values, r->count * sizeof *cells);
    for (unsigned i = 0; row->op != NO_OP && i < r->count; i++) {
        if (!waits_for_commit(r, i)) {
            continue;
        }
        bool is_seq = r->items[i].place == r->schema->column_count + SYSTEM_SEQ;
        cells[i] = is_seq ? value_int(TYPE_BIGINT, (int64_t)r->to->ops[row->op].seq)
                          : value_int(TYPE_TIMESTAMP, r->to->write->updated_us);
    }
}

status returning_report(const struct returning *r, struct results *results, str as_user,
                        struct error *err)
{
    struct value *cells = mem_alloc((r->count + 1) * sizeof *cells);
    status (*flush)(void *, struct error *) = results->flush;
    results->flush = NULL;
    result_begin_rows(results, r->columns, r->count);
    status result = STATUS_IS_OK;
    for (size_t i = 0; i < r->row_count && status_ok(result); i++) {
        fill_in(r, &r->rows[i], cells);
        result = result_row(results, cells, err);
    }
    result_end_rows(results, as_user);
    results->flush = flush;
    mem_free(cells);
    return result;
}
