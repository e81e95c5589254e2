/* query/insert.c -- INSERT: values to rows, checked and encoded on the statement's thread, then one
 * request of the committer (contract sql.md section 4.2). */
#include "query/run.h"

#include "base/check.h"
#include "query/column_def.h"
#include "query/conflict.h"
#include "query/expression.h"
#include "query/find_rows.h"
#include "query/mutant.h"
#include "query/write_job.h"

/* Rows that a loop prepares itself: some 50 µs; its connections do not notice. */
enum { LOOP_ROWS_MAX = 64 };

/* A cell of VALUES that is no literal, parameter or DEFAULT. */
struct computed {
    const struct expr *e;
    const struct eval *bound; /* NULL: `value` is what the SQL engine said */
    struct value value;
};

/* What stays the same for all rows of one INSERT. */
struct insert {
    struct run *run;
    const struct insert_part *part;
    struct schema *schema;
    int *column_of; /* schema column by position in the list */
    unsigned width; /* positions */
    struct eval_session session;
    struct type *param_types;
    struct arena *rows;   /* memory of the rows: the write job's */
    struct value *values; /* one row, with places for its system columns */
    bool *given;
    struct computed *computed; /* row by row */
    unsigned computed_count;
    unsigned computed_next; /* of the row that is being made */
    struct row_write_table *to;
    struct write_job *job;
    struct conflict *conflict; /* NULL: no ON CONFLICT */
    bool is_explained;         /* EXPLAIN: bound and prepared, no row is made */
};

static status find_columns(struct insert *in, struct error *err)
{
    const struct insert_part *part = in->part;
    const struct schema *schema = in->schema;
    in->width = part->has_columns ? part->columns.count : schema->column_count;
    in->column_of = ARENA_ARRAY(in->run->arena, int, in->width + 1);
    for (unsigned i = 0; i < in->width; i++) {
        in->column_of[i] =
            part->has_columns ? schema_find_column(schema, part->columns.items[i]) : (int)i;
        if (in->column_of[i] < 0) {
            return error_set(err, ERROR_COLUMN_NOT_FOUND, "Column '" STR_FMT "' does not exist",
                             STR(part->columns.items[i]));
        }
    }
    return STATUS_IS_OK;
}

/* A row that is given back; `_seq` and `_updated` come with the commit. */
static status give_back(struct insert *in, const struct value *row, bool is_written,
                        struct error *err)
{
    return in->job->returning == NULL ? STATUS_IS_OK
                                      : returning_add(in->job->returning, row, is_written, err);
}

static status insert_row(struct insert *in, struct error *err)
{
    in->job->row_count++;
    TRY(row_write_insert(in->to, in->values, err));
    return give_back(in, in->values, true, err);
}

/* ON CONFLICT: inserted, skipped, or the row that is there is changed. */
static status settle_row(struct insert *in, unsigned number, struct error *err)
{
    enum conflict_outcome outcome = CONFLICT_NONE;
    const struct value *row = NULL;
    TRY(conflict_decide(in->conflict, in->values, number, &outcome, &row, err));
    switch (outcome) {
    case CONFLICT_SKIPPED:
        return STATUS_IS_OK;
    case CONFLICT_KEPT:
        return give_back(in, row, false, err);
    case CONFLICT_UPDATED:
        in->job->row_count++;
        return give_back(in, row, true, err);
    case CONFLICT_NONE:
        break;
    }
    TRY(insert_row(in, err));
    conflict_inserted(in->conflict);
    return STATUS_IS_OK;
}

/* Fills what was not given, checks NOT NULL, and adds the row. `number` counts from 1. */
static status add_row(struct insert *in, unsigned number, struct error *err)
{
    for (unsigned i = 0; i < in->schema->column_count; i++) {
        const struct column *c = &in->schema->columns[i];
        if (!in->given[i]) {
            TRY(column_default_value(in->run, c, in->rows, &in->values[i], err));
        }
        if (in->values[i].is_null && !in->given[i] && c->is_primary_key &&
            in->run->transaction != NULL) {
            return error_set(err, ERROR_INVALID_OPERATION,
                             "transactional INSERT requires primary key column '" STR_FMT "'",
                             STR(c->name));
        }
        if (in->values[i].is_null && !c->is_nullable) {
            return error_set(err, ERROR_CONSTRAINT,
                             "NOT NULL constraint violation: column '" STR_FMT
                             "' cannot be NULL (row %u)",
                             STR(c->name), number);
        }
    }
    return in->conflict != NULL ? settle_row(in, number, err) : insert_row(in, err);
}

/* -- VALUES -------------------------------------------------------------------------------------
 */

static bool is_computed(const struct expr *e)
{
    return e->kind != EXPR_LITERAL && e->kind != EXPR_PARAM && e->kind != EXPR_DEFAULT;
}

static status check_width(const struct insert *in, unsigned count, unsigned number,
                          struct error *err)
{
    return count == in->width ? STATUS_IS_OK
                              : error_set(err, ERROR_INVALID_OPERATION,
                                          "INSERT has %u values for %u columns (row %u)", count,
                                          in->width, number);
}

/* The one row that the engine was asked for: the cells that it computes, in order. */
static status take_cells(void *context, const struct value *values, unsigned count,
                         struct error *err)
{
    struct insert *in = context;
    unsigned at = 0;
    for (unsigned i = 0; i < in->computed_count; i++) {
        if (in->computed[i].bound == NULL && at < count) {
            in->computed[i].value = value_copy(in->rows, &values[at]);
        }
        at += in->computed[i].bound == NULL ? 1 : 0;
    }
    return at == count ? STATUS_IS_OK
                       : error_set(err, ERROR_SYNTAX, "a value of VALUES is not one expression");
}

/* One row of VALUES, so each cell keeps its type, and what stands for several rows is refused. */
static status ask_engine(struct insert *in, struct error *err)
{
    if (!in->run->may_block) {
        return run_block_long(in->run);
    }
    struct buf text;
    buf_init(&text);
    for (unsigned i = 0; i < in->computed_count; i++) {
        if (in->computed[i].bound == NULL) {
            buf_append_format(&text, "%s(" STR_FMT ")",
                              text.n == 0 ? "SELECT * FROM (VALUES (" : ", ",
                              STR(sql_expr_text(in->run->statement, in->computed[i].e)));
        }
    }
    buf_append_c(&text, ")) AS v");
    str query = arena_copy(in->run->arena, buf_str(&text));
    buf_release(&text);
    return in->is_explained ? find_rows_prepare(in->run, query, NULL, NULL, err)
                            : find_rows_select(in->run, query, NULL, take_cells, in, err);
}

/* Binds every computed cell. Subqueries, and what our own expressions have not, are for the SQL
 * engine, as in UPDATE ... SET. */
static status bind_cells(struct insert *in, struct error *err)
{
    const struct insert_part *part = in->part;
    unsigned count = 0;
    for (unsigned r = 0; r < part->row_count; r++) {
        TRY(check_width(in, part->rows[r].count, r + 1, err));
        for (unsigned i = 0; i < in->width; i++) {
            count += is_computed(part->rows[r].items[i]) ? 1 : 0;
        }
    }
    in->computed = ARENA_ARRAY(in->run->arena, struct computed, (size_t)count + 1);
    struct eval_scope scope = {.param_types = in->param_types,
                               .param_count = in->run->query->param_count,
                               .allows_generators = true};
    bool needs_engine = false;
    for (unsigned r = 0; count > 0 && r < part->row_count; r++) {
        for (unsigned i = 0; i < in->width; i++) {
            const struct expr *e = part->rows[r].items[i];
            if (!is_computed(e)) {
                continue;
            }
            struct computed *cell = &in->computed[in->computed_count++];
            *cell = (struct computed){.e = e};
            status bound = e->has_engine ? status_from(STATUS_UNSUPPORTED)
                                         : eval_bind(e, &scope, in->rows, &cell->bound, err);
            if (bound.code == STATUS_UNSUPPORTED) {
                error_clear(err);
                cell->bound = NULL;
                needs_engine = true;
            } else {
                TRY(bound);
            }
        }
    }
    return needs_engine ? ask_engine(in, err) : STATUS_IS_OK;
}

static status set_cell(struct insert *in, unsigned position, const struct expr *e,
                       struct error *err)
{
    const struct column *c = &in->schema->columns[in->column_of[position]];
    unsigned at = (unsigned)in->column_of[position];
    struct value v;
    if (e->kind == EXPR_DEFAULT) {
        return STATUS_IS_OK;
    }
    if (e->kind == EXPR_LITERAL) {
        v = e->as.literal.value;
    } else if (e->kind == EXPR_PARAM) {
        v = in->run->query->params[e->as.param - 1];
    } else {
        const struct computed *cell = &in->computed[in->computed_next++];
        CHECK(cell->e == e);
        v = cell->value;
        if (cell->bound != NULL) {
            struct eval_input input = {.params = in->run->query->params, .session = &in->session};
            TRY(eval_run(cell->bound, &input, in->rows, &v, err));
        }
    }
    in->given[at] = true;
    return value_coerce(&v, c->type, c->name, in->rows, &in->values[at], err);
}

static status add_values(struct insert *in, struct error *err)
{
    const struct insert_part *part = in->part;
    TRY(bind_cells(in, err));
    for (unsigned r = 0; r < part->row_count; r++) {
        memset(in->given, 0, in->schema->column_count * sizeof *in->given);
        for (unsigned i = 0; i < in->width; i++) {
            TRY(set_cell(in, i, part->rows[r].items[i], err));
        }
        TRY(add_row(in, r + 1, err));
    }
    return STATUS_IS_OK;
}

/* -- SELECT -------------------------------------------------------------------------------------
 */

struct query_rows {
    struct insert *in;
    unsigned count;
};

/* Before any row: a SELECT that finds none is as wrong. */
static status check_query_width(void *context, unsigned count, struct error *err)
{
    const struct query_rows *rows = context;
    return count == rows->in->width
               ? STATUS_IS_OK
               : error_set(err, ERROR_INVALID_OPERATION,
                           "INSERT has %u columns, its SELECT gives %u", rows->in->width, count);
}

static status take_row(void *context, const struct value *values, unsigned count, struct error *err)
{
    struct query_rows *rows = context;
    struct insert *in = rows->in;
    memset(in->given, 0, in->schema->column_count * sizeof *in->given);
    for (unsigned i = 0; i < count; i++) {
        unsigned at = (unsigned)in->column_of[i];
        const struct column *c = &in->schema->columns[at];
        in->given[at] = true;
        TRY(value_coerce(&values[i], c->type, c->name, in->rows, &in->values[at], err));
    }
    rows->count++;
    return add_row(in, rows->count, err);
}

static status add_query(struct insert *in, struct error *err)
{
    struct query_rows rows = {in, 0};
    if (in->is_explained) {
        return find_rows_prepare(in->run, in->part->query, check_query_width, &rows, err);
    }
    return find_rows_select(in->run, in->part->query, check_query_width, take_row, &rows, err);
}

/* -- the statement ------------------------------------------------------------------------------
 */

/* What RETURNING and ON CONFLICT say, bound. */
static status open_clauses(struct insert *in, const struct table *table, struct error *err)
{
    const struct insert_part *part = in->part;
    struct expression_table names = {in->schema, part->alias};
    if (part->returning.count > 0) {
        TRY(returning_create(in->run, &part->returning, table, &names, false, in->to,
                             &in->job->arena, &in->job->returning, err));
    }
    if (part->conflict.action == CONFLICT_ERROR) {
        return STATUS_IS_OK;
    }
    return conflict_open(in->run, &part->conflict, table, &names, in->job, in->to, &in->conflict,
                         err);
}

/* System columns of a row that is not written yet. */
static void make_row(struct insert *in)
{
    unsigned count = in->schema->column_count;
    in->values = ARENA_ARRAY(in->run->arena, struct value, expression_width(in->schema));
    in->values[count + SYSTEM_SEQ] = value_null(type_of(TYPE_BIGINT));
    in->values[count + SYSTEM_UPDATED] = value_null(type_of(TYPE_TIMESTAMP));
    in->values[count + SYSTEM_DELETED] = value_bool(false);
    in->given = ARENA_ARRAY(in->run->arena, bool, count + 1);
}

static status add_rows(struct insert *in, const struct table *table, struct error *err)
{
    TRY(find_columns(in, err));
    TRY(open_clauses(in, table, err));
    make_row(in);
    switch (in->part->source) {
    case INSERT_VALUES:
        return in->is_explained ? bind_cells(in, err) : add_values(in, err);
    case INSERT_QUERY:
        return add_query(in, err);
    case INSERT_DEFAULT_VALUES:
        memset(in->given, 0, in->schema->column_count * sizeof *in->given);
        return in->is_explained ? STATUS_IS_OK : add_row(in, 1, err);
    }
    CHECK(false);
    return STATUS_IS_OK;
}

static status do_insert(struct run *run, bool is_explained, struct error *err)
{
    const struct insert_part *part = &run->statement->as.insert;
    const struct table *table = NULL;
    TRY(run_find_table(run, &part->table, "insert", &table, err));
    TRY(query_may_write(&run->session, table, err));
    bool is_long = part->source == INSERT_QUERY || part->row_count > LOOP_ROWS_MAX;
    if (is_long && !run->may_block) {
        return run_block_long(run);
    }
    struct schema *schema = NULL;
    TRY(run_table_schema(run, table, &schema, err));
    struct write_job *job = write_job_create(run, RESULT_INSERTED);
    struct table_part place;
    str owner = mutant_is_on("write_part_of_actor") ? run->session.actor_id : run->session.user_id;
    table_part_init(&place, table, owner, &job->arena);
    struct insert in = {.run = run,
                        .part = part,
                        .schema = schema,
                        .session = expression_session(run->engine, &run->session),
                        .param_types = run_param_types(run),
                        .rows = &job->arena,
                        .to = row_write_table(&job->write, &place, schema),
                        .job = job,
                        .is_explained = is_explained};
    status result = add_rows(&in, table, err);
    conflict_close(in.conflict);
    schema_give(schema);
    if (!status_ok(result) || is_explained) {
        write_job_give(job);
        return result;
    }
    return write_job_submit(run, job, err);
}

status run_insert(struct run *run, struct error *err)
{
    return do_insert(run, false, err);
}

status insert_explain(struct run *run, struct error *err)
{
    return do_insert(run, true, err);
}
