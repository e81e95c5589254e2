/* query/point.c -- SELECT of one row by its key, without the SQL engine: key index, row, JSON. */
#include "query/point.h"

#include "query/expression.h"
#include "query/find_rows.h"
#include "query/observe.h"
#include "query/row_columns.h"

/* What the statement selects, bound. */
struct point {
    struct run *run;
    const struct simple_select *select;
    const struct table *table;
    struct schema *schema;
    struct expression_table names;
    struct result_column *columns;
    unsigned *places;
    unsigned count;
};

static void add_place(struct point *p, unsigned place)
{
    p->columns[p->count] = row_column(p->schema, place);
    p->places[p->count++] = place;
}

static void add_star(struct point *p)
{
    unsigned *places = ARENA_ARRAY(p->run->arena, unsigned, expression_width(p->schema));
    unsigned count = row_star(p->schema, places);
    for (unsigned i = 0; i < count; i++) {
        add_place(p, places[i]);
    }
}

/* False: the SQL engine must do it (unknown names and functions get its error). */
static bool add_item(struct point *p, const struct select_item *item)
{
    const struct expr *e = item->expr;
    unsigned place = 0;
    struct type type;
    if (e->kind == EXPR_STAR) {
        bool is_ours = row_star_is_ours(&p->names, item->star_table);
        if (is_ours) {
            add_star(p);
        }
        return is_ours;
    }
    if (e->kind == EXPR_COLUMN) {
        if (!expression_resolve(&p->names, e->as.column.ns, e->as.column.table, e->as.column.name,
                                &place, &type)) {
            return false;
        }
        add_place(p, place);
        if (item->alias.n > 0) {
            p->columns[p->count - 1].name = item->alias;
        }
        return true;
    }
    return false;
}

static bool add_items(struct point *p)
{
    unsigned width = expression_width(p->schema);
    unsigned most = 0;
    for (unsigned i = 0; i < p->select->columns.count; i++) {
        most += p->select->columns.items[i].expr->kind == EXPR_STAR ? width : 1;
    }
    p->columns = ARENA_ARRAY(p->run->arena, struct result_column, most + 1);
    p->places = ARENA_ARRAY(p->run->arena, unsigned, most + 1);
    for (unsigned i = 0; i < p->select->columns.count; i++) {
        if (!add_item(p, &p->select->columns.items[i])) {
            return false;
        }
    }
    return true;
}

/* A LIMIT or OFFSET that is a plain number or parameter; false: something else. */
static bool number_of(const struct run *run, const struct expr *e, int64_t otherwise, int64_t *out)
{
    *out = otherwise;
    if (e == NULL) {
        return true;
    }
    const struct value *v = e->kind == EXPR_LITERAL ? &e->as.literal.value
                            : e->kind == EXPR_PARAM ? &run->query->params[e->as.param - 1]
                                                    : NULL;
    if (v == NULL || v->is_null || (v->type.id != TYPE_BIGINT && v->type.id != TYPE_INT) ||
        v->as.integer < 0) {
        return false;
    }
    *out = v->as.integer;
    return true;
}

static status answer(struct point *p, const struct key_condition *condition, bool wants_row,
                     struct error *err)
{
    struct run *run = p->run;
    struct read_context rc;
    read_context_of_point(&rc, run);
    struct found_row found = {0};
    status result = STATUS_IS_OK;
    if (wants_row) {
        result = find_rows_get(run, &rc, p->table, &p->names, condition, &found, err);
    }
    if (status_ok(result)) {
        struct value *row = ARENA_ARRAY(run->arena, struct value, p->count + 1);
        result_begin_rows(run->results, p->columns, p->count);
        for (unsigned i = 0; found.found && i < p->count; i++) {
            row[i] = found.values[p->places[i]];
        }
        if (found.found) {
            result = result_row(run->results, row, err);
        }
        result_end_rows(run->results, run->session.user_id);
    }
    read_context_release(&rc);
    return result;
}

static status try_point(struct point *p, bool *done, struct error *err)
{
    int64_t limit = 0;
    int64_t offset = 0;
    struct key_condition condition;
    TRY(find_rows_by_key(p->run, &p->names, p->select->where, &condition, err));
    if (!condition.has_key || !number_of(p->run, p->select->limit, 1, &limit) ||
        !number_of(p->run, p->select->offset, 0, &offset) || !add_items(p)) {
        return STATUS_IS_OK;
    }
    *done = true;
    return answer(p, &condition, limit > 0 && offset == 0, err);
}

status point_select(struct run *run, bool *done, struct error *err)
{
    const struct select_part *part = &run->statement->as.select;
    *done = false;
    if (!part->is_simple || part->simple.where == NULL || part->simple.order.count > 0) {
        return STATUS_IS_OK;
    }
    const struct table *table = snapshot_find_table(
        run->snapshot, run_namespace(run, part->simple.table.ns), part->simple.table.name);
    if (table == NULL) {
        return STATUS_IS_OK;
    }
    observe_table(run->query, table->namespace_name, table->name);
    TRY(query_may_read(&run->session, table, err));
    struct schema *schema = NULL;
    TRY(run_table_schema(run, table, &schema, err));
    struct point p = {.run = run,
                      .select = &part->simple,
                      .table = table,
                      .schema = schema,
                      .names = {schema, part->simple.alias}};
    status result = try_point(&p, done, err);
    schema_give(schema);
    return result;
}
