/* query/select.c -- SELECT: by key from the store, anything else through the gate and the SQL
 * engine; EXPLAIN says which. */
#include "query/run.h"

#include "query/engine_plan.h"
#include "query/expression.h"
#include "query/find_rows.h"
#include "query/point.h"
#include "query/system.h"

/* -- rows of the engine to results --------------------------------------------------------------
 */

struct to_results {
    struct run *run;
    uint64_t row_max; /* 0: all */
};

/* The gate knows DATETIME, JSON, FILE by name where the engine has its own types for them only. */
static struct type told_type(struct type engine, struct type known)
{
    bool says_more = (engine.id == TYPE_TIMESTAMP && known.id == TYPE_DATETIME) ||
                     (engine.id == TYPE_TEXT && type_is_text(known.id));
    return says_more ? known : engine;
}

static struct result_column column_of(const struct run *run, const struct gate_plan *gate,
                                      const struct duck_result *result, unsigned index)
{
    const struct duck_result_column *from = duck_result_column(result, index);
    struct result_column column = {
        .name = from->name, .type = from->type, .is_raw_json = from->is_raw_json};
    if (gate->outputs != NULL && index < gate->output_count) {
        const struct gate_output *out = &gate->outputs[index];
        column.name = out->name;
        column.type = told_type(from->type, out->type);
        if (out->column != NULL) {
            column.is_primary_key = out->column->is_primary_key;
            column.is_not_null = !out->column->is_nullable;
            column.is_unique = out->column->is_unique;
        } else if (out->table != NULL && out->system_column >= 0) {
            column.is_not_null = true;
        }
    }
    column.is_masked = !session_is_admin(&run->session) && (str_eq_c(column.name, "credentials") ||
                                                            str_eq_c(column.name, "password_hash"));
    return column;
}

static const struct result_column *columns_of(const struct run *run, const struct gate_plan *gate,
                                              const struct duck_result *result, unsigned *count)
{
    *count = duck_result_column_count(result);
    struct result_column *columns = ARENA_ARRAY(run->arena, struct result_column, *count + 1);
    for (unsigned i = 0; i < *count; i++) {
        columns[i] = column_of(run, gate, result, i);
        columns[i].name = arena_copy(run->arena, columns[i].name);
    }
    return columns;
}

static status begin_results(void *context, const struct engine_plan *plan,
                            const struct duck_result *result, struct error *err)
{
    (void)err;
    struct to_results *to = context;
    unsigned count = 0;
    const struct result_column *columns = columns_of(to->run, &plan->gate, result, &count);
    to->row_max = plan->gate.row_max;
    result_begin_rows(to->run->results, columns, count);
    return STATUS_IS_OK;
}

/* The engine was asked for one row more than the cap: when it comes, the result was cut. */
static status rows_to_results(void *context, const struct batch *batch, struct error *err)
{
    struct to_results *to = context;
    struct results *results = to->run->results;
    if (to->row_max == 0 || results->row_count + batch->row_count <= to->row_max) {
        return result_batch(results, batch, err);
    }
    struct batch cut = *batch;
    cut.row_count = (unsigned)(to->row_max - results->row_count);
    TRY(result_batch(results, &cut, err));
    results->was_truncated = true;
    return status_from(STATUS_FULL);
}

status run_select(struct run *run, struct error *err)
{
    bool done = false;
    TRY(point_select(run, &done, err));
    if (done) {
        return STATUS_IS_OK;
    }
    if (!run->may_block) {
        return run_block_long(run);
    }
    struct to_results to = {.run = run};
    struct engine_rows rows = {&to, begin_results, rows_to_results};
    TRY(engine_run(run, run->statement->as.select.query, ENGINE_LIMITED, &rows, err));
    result_end_rows(run->results, run->session.user_id);
    return STATUS_IS_OK;
}

/* -- EXPLAIN ------------------------------------------------------------------------------------
 */

static status explain_line(struct run *run, const char *type, str line, struct error *err)
{
    struct value row[] = {value_text(str_from(type)), value_text(line)};
    return result_row(run->results, row, err);
}

/* "tiers=hot+cold hot_rows=1 segments=2": what a read of the table for this session looks at. */
static str tiers_text(struct read_context *rc, const struct table_read *read)
{
    return arena_format(rc->arena, "tiers=%s hot_rows=%llu segments=%llu",
                        read->state.segments > 0 ? "hot+cold" : "hot",
                        (unsigned long long)table_hot_rows(read),
                        (unsigned long long)read->state.segments);
}

static status explain_tables(struct run *run, const struct statement *inner, struct duck *duck,
                             struct engine_plan *plan, struct error *err)
{
    struct read_context rc;
    read_context_of(&rc, run);
    system_key_find(run, inner, &rc); /* only when a system table is all that is read */
    enum duck_catalog catalog = DUCK_HOT;
    struct prune_run prune = {0};
    status result = engine_plan_catalog(plan, &rc, &catalog, err);
    if (status_ok(result)) {
        result = engine_plan_prune(run, plan, duck, &rc, catalog, &prune, err);
    }
    for (unsigned i = 0; i < plan->gate.table_count && status_ok(result); i++) {
        const struct gate_table *t = &plan->gate.tables[i];
        str line = arena_format(run->arena, "%s: " STR_FMT "." STR_FMT,
                                rc.key.column == NULL ? "TableScan" : "KeyRead",
                                STR(t->namespace_name), STR(t->name));
        if (t->decision.kind == GATE_TABLE) {
            const struct table *table =
                snapshot_find_table_id(rc.snapshot, t->decision.schema->table);
            struct table_read *read = NULL;
            struct table_file *files = NULL;
            unsigned kept = 0;
            unsigned total = 0;
            result = read_context_table(&rc, table, KV_MAY_BLOCK, &read, err);
            if (status_ok(result)) {
                result = prune_files(&prune, read, &files, &kept, &total, err);
            }
            if (status_ok(result)) {
                line = arena_format(run->arena, STR_FMT " " STR_FMT " pruned=%u/%u%s", STR(line),
                                    STR(tiers_text(&rc, read)), total - kept, total,
                                    t->is_read_raw ? " tombstones" : "");
            }
        }
        if (rc.key.column != NULL) {
            line = arena_format(run->arena, STR_FMT " by %s", STR(line), rc.key.column);
        }
        if (status_ok(result)) {
            result = explain_line(run, "logical_plan", line, err);
        }
    }
    read_context_release(&rc);
    return result;
}

/* Is it answered without the engine? Binds as the statement itself would. */
static bool is_point(struct run *run, const struct statement *inner)
{
    struct buf out;
    buf_init(&out);
    struct results scratch = {.out = &out};
    struct run copy = *run;
    copy.statement = inner;
    copy.results = &scratch;
    struct error ignored;
    bool done = false;
    bool is = status_ok(point_select(&copy, &done, &ignored)) && done;
    buf_release(&out);
    return is;
}

/* How a write finds its rows. Its own handler binds it, so it is refused as it would be. */
static status explain_rows(struct run *run, const struct statement *inner, str *out,
                           struct error *err)
{
    const struct statement *outer = run->statement;
    bool is_insert = inner->kind == STATEMENT_INSERT;
    bool by_key = false;
    run->statement = inner;
    status result = is_insert ? insert_explain(run, err) : update_explain(run, &by_key, err);
    run->statement = outer;
    if (is_insert && inner->as.insert.source == INSERT_VALUES) {
        *out = arena_format(run->arena, "%u given", inner->as.insert.row_count);
    } else if (is_insert && inner->as.insert.source == INSERT_DEFAULT_VALUES) {
        *out = STR_LIT("1 given");
    } else {
        *out = by_key ? STR_LIT("by primary key") : STR_LIT("by query");
    }
    return result;
}

/* What a write will do; nothing is read. */
static status explain_write(struct run *run, const struct statement *inner,
                            const struct result_column columns[2], struct error *err)
{
    const struct table_name *name = inner->kind == STATEMENT_INSERT   ? &inner->as.insert.table
                                    : inner->kind == STATEMENT_UPDATE ? &inner->as.update.table
                                                                      : &inner->as.delete.table;
    const char *word = inner->kind == STATEMENT_INSERT   ? "Insert"
                       : inner->kind == STATEMENT_UPDATE ? "Update"
                                                         : "Delete";
    str rows = {NULL, 0};
    TRY(explain_rows(run, inner, &rows, err));
    str line = arena_format(run->arena, "%s: " STR_FMT "." STR_FMT " rows " STR_FMT, word,
                            STR(run_namespace(run, name->ns)), STR(name->name), STR(rows));
    result_begin_rows(run->results, columns, 2);
    TRY(explain_line(run, "logical_plan", line, err));
    result_end_rows(run->results, run->session.user_id);
    return STATUS_IS_OK;
}

static status explain_point(struct run *run, const struct statement *inner,
                            const struct result_column columns[2], struct error *err)
{
    const struct table *table = NULL;
    TRY(run_find_table(run, &inner->as.select.simple.table, NULL, &table, err));
    struct read_context rc;
    struct table_read *read = NULL;
    read_context_of(&rc, run);
    status result = read_context_table(&rc, table, KV_MAY_BLOCK, &read, err);
    str tiers = status_ok(result) ? tiers_text(&rc, read) : (str){NULL, 0};
    read_context_release(&rc);
    TRY(result);
    str line =
        arena_format(run->arena, "PointRead: " STR_FMT "." STR_FMT " by primary key " STR_FMT,
                     STR(table->namespace_name), STR(table->name), STR(tiers));
    result_begin_rows(run->results, columns, 2);
    TRY(explain_line(run, "logical_plan", line, err));
    TRY(explain_line(run, "physical_plan", STR_LIT("FastPath: without the SQL engine"), err));
    result_end_rows(run->results, run->session.user_id);
    return STATUS_IS_OK;
}

static status explain_engine(struct run *run, const struct statement *inner,
                             const struct result_column columns[2], struct error *err)
{
    TRY(engine_run(run, inner->as.select.query, ENGINE_LIMITED, NULL, err));
    struct duck *duck = NULL;
    struct heavy_pass pass;
    TRY(query_engine_duck(run->engine, &duck, err));
    TRY(engine_enter(run, &pass, err));
    struct engine_plan *plan = NULL;
    status result = engine_plan_get(run, duck, inner->as.select.query, ENGINE_LIMITED, &plan, err);
    if (status_ok(result)) {
        result_begin_rows(run->results, columns, 2);
        result = explain_tables(run, inner, duck, plan, err);
        str line = arena_format(run->arena, "Engine: gate passed, row_max=%llu",
                                (unsigned long long)plan->gate.row_max);
        if (status_ok(result)) {
            result = explain_line(run, "physical_plan", line, err);
        }
        result_end_rows(run->results, run->session.user_id);
        plan_give(&plan->base);
    }
    return engine_leave(run, &pass, result, err);
}

status run_explain(struct run *run, struct error *err)
{
    static const struct result_column columns[] = {
        {.name = {"plan_type", 9}, .type = {.id = TYPE_TEXT}},
        {.name = {"plan", 4}, .type = {.id = TYPE_TEXT}}};
    if (!run->may_block) {
        return run_block_long(run);
    }
    const struct statement *inner = NULL;
    TRY(sql_parse(run->statement->as.explain.inner, run->arena, &inner, err));
    if (run->statement->as.explain.is_analyze) {
        return error_set(err, ERROR_STATEMENT_UNSUPPORTED,
                         "EXPLAIN ANALYZE is not supported; EXPLAIN says the plan");
    }
    TRY(run_check_params(run, inner, err));
    if (inner->kind == STATEMENT_INSERT || inner->kind == STATEMENT_UPDATE ||
        inner->kind == STATEMENT_DELETE) {
        return explain_write(run, inner, columns, err);
    }
    if (inner->kind != STATEMENT_SELECT) {
        return error_set(err, ERROR_STATEMENT_UNSUPPORTED,
                         "EXPLAIN takes SELECT, INSERT, UPDATE and DELETE; not %s",
                         statement_info(inner->kind)->name);
    }
    return is_point(run, inner) ? explain_point(run, inner, columns, err)
                                : explain_engine(run, inner, columns, err);
}

/* -- views --------------------------------------------------------------------------------------
 */

str run_view_text(struct run *run, const struct create_view_part *part)
{
    if (part->columns.count == 0) {
        return part->query;
    }
    struct buf text;
    buf_init(&text);
    buf_append_format(&text, "SELECT * FROM (" STR_FMT ") AS v(", STR(part->query));
    for (unsigned i = 0; i < part->columns.count; i++) {
        buf_append_format(&text, "%s\"" STR_FMT "\"", i > 0 ? ", " : "",
                          STR(part->columns.items[i]));
    }
    buf_append_byte(&text, ')');
    str copy = arena_copy(run->arena, buf_str(&text));
    buf_release(&text);
    return copy;
}

struct new_view {
    str namespace_name;
    str name;
};

/* A view that OR REPLACE made read itself, be it through others, could never be read again. */
static status refuse_itself(void *context, const struct engine_plan *plan,
                            const struct duck_result *result, struct error *err)
{
    (void)result;
    const struct new_view *view = context;
    for (unsigned i = 0; i < plan->gate.table_count; i++) {
        const struct gate_table *t = &plan->gate.tables[i];
        if (t->decision.kind == GATE_VIEW && str_eq_nocase(t->name, view->name) &&
            str_eq_nocase(t->namespace_name, view->namespace_name)) {
            return error_set(err, ERROR_INVALID_OPERATION,
                             "View " STR_FMT "." STR_FMT " cannot read itself",
                             STR(view->namespace_name), STR(view->name));
        }
    }
    return STATUS_IS_OK;
}

/* A view is stored only when its query could run for its creator, in the view's namespace. */
status run_check_view(struct run *run, str ns, const struct create_view_part *part,
                      struct error *err)
{
    struct new_view view = {ns, part->view.name};
    struct engine_rows prepared = {&view, refuse_itself, NULL};
    str own = run->session.namespace_name;
    run->session.namespace_name = ns;
    status result = engine_run(run, run_view_text(run, part), ENGINE_UNLIMITED, &prepared, err);
    run->session.namespace_name = own;
    return result;
}

struct view_columns {
    struct run *run;
    const struct result_column *columns;
    unsigned count;
};

static status note_columns(void *context, const struct engine_plan *plan,
                           const struct duck_result *result, struct error *err)
{
    (void)err;
    struct view_columns *view = context;
    view->columns = columns_of(view->run, &plan->gate, result, &view->count);
    return STATUS_IS_OK;
}

static status ignore_rows(void *context, const struct batch *batch, struct error *err)
{
    (void)context;
    (void)batch;
    (void)err;
    return STATUS_IS_OK;
}

status run_view_columns(struct run *run, const struct view_def *view,
                        const struct result_column **out, unsigned *count, struct error *err)
{
    struct view_columns found = {.run = run};
    struct engine_rows rows = {&found, note_columns, ignore_rows};
    str text = arena_format(run->arena, "SELECT * FROM \"" STR_FMT "\".\"" STR_FMT "\" LIMIT 0",
                            STR(view->namespace_name), STR(view->name));
    TRY(engine_run(run, text, ENGINE_UNLIMITED, &rows, err));
    *out = found.columns;
    *count = found.count;
    return STATUS_IS_OK;
}
