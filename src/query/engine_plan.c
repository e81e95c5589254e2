/* query/engine_plan.c -- from a SELECT's text through the gate to the SQL engine. */
#include "query/engine_plan.h"

#include "base/check.h"
#include "query/find_rows.h"
#include "query/mutant.h"
#include "query/observe.h"
#include "query/system.h"
#include "sql/select_text.h"

/* -- resolving names ----------------------------------------------------------------------------
 */

struct resolver {
    struct run *run;
    struct engine_plan *plan;
};

static status resolve_system(struct resolver *r, const struct system_table *system,
                             struct gate_decision *out, struct error *err)
{
    bool is_open = system->is_open || mutant_is_on("system_tables_open");
    if (!is_open && !session_is_admin(&r->run->session)) {
        return error_set(err, ERROR_UNAUTHORIZED, "System tables require 'dba' or 'system' role.");
    }
    struct arena *arena = &r->plan->base.arena;
    struct duck_column *columns = ARENA_ARRAY(arena, struct duck_column, system->column_count);
    struct column *described = ARENA_ARRAY(arena, struct column, system->column_count);
    for (unsigned i = 0; i < system->column_count; i++) {
        const struct system_column_def *c = &system->columns[i];
        columns[i] = (struct duck_column){str_from(c->name), type_of(c->type)};
        described[i] = (struct column){.name = columns[i].name,
                                       .type = columns[i].type,
                                       .is_nullable = c->is_nullable,
                                       .is_primary_key = c->is_primary_key};
    }
    *out = (struct gate_decision){.kind = GATE_SYSTEM,
                                  .columns = columns,
                                  .column_count = system->column_count,
                                  .described = described};
    return STATUS_IS_OK;
}

static status resolve(void *context, str ns, str name, struct gate_decision *out, struct error *err)
{
    struct resolver *r = context;
    struct run *run = r->run;
    const struct table *table = snapshot_find_table(run->snapshot, ns, name);
    if (table != NULL) {
        TRY(query_may_read(&run->session, table, err));
        struct schema *schema = NULL;
        TRY(catalog_table_schema(run->engine->catalog, table, &schema, err));
        struct engine_plan *plan = r->plan;
        size_t capacity = plan->schema_count; /* grown one by one: few tables */
        plan->schemas =
            mem_grow(plan->schemas, &capacity, plan->schema_count + 1U, sizeof(struct schema *));
        plan->schemas[plan->schema_count++] = schema;
        *out = (struct gate_decision){.kind = GATE_TABLE, .schema = schema};
        return STATUS_IS_OK;
    }
    const struct view_def *view = snapshot_find_view(run->snapshot, ns, name);
    if (view != NULL) {
        struct arena *arena = &r->plan->base.arena;
        str text = arena_copy(arena, view->query);
        TRY(select_text_rewrite(text, arena, &text, err)); /* as a query that is asked directly */
        *out = (struct gate_decision){.kind = GATE_VIEW,
                                      .view_text = text,
                                      .view_namespace = arena_copy(arena, view->namespace_name)};
        return STATUS_IS_OK;
    }
    const struct system_table *system = system_table_find(ns, name);
    if (system != NULL) {
        return resolve_system(r, system, out, err);
    }
    return error_set(err, ERROR_TABLE_NOT_FOUND, "table '" STR_FMT "." STR_FMT "' not found",
                     STR(ns), STR(name));
}

/* -- plans --------------------------------------------------------------------------------------
 */

static void release_plan(struct plan *base)
{
    struct engine_plan *plan = (struct engine_plan *)base;
    for (unsigned i = 0; i < plan->schema_count; i++) {
        schema_give(plan->schemas[i]);
    }
    mem_free(plan->schemas);
}

/* Everything that the plan depends on. The namespace is any text that a client likes: its length
 * says where it ends. */
static str plan_key(struct run *run, str text, enum engine_limits limits)
{
    return arena_format(run->arena, "%llu %u %d %d %zu " STR_FMT STR_FMT,
                        (unsigned long long)run->snapshot->version, run->query->param_count,
                        mutant_is_on("plan_without_rights") ? 0 : (int)run->session.role,
                        (int)limits, run->session.namespace_name.n,
                        STR(run->session.namespace_name), STR(text));
}

status engine_plan_get(struct run *run, struct duck *duck, str text, enum engine_limits limits,
                       struct engine_plan **out, struct error *err)
{
    str key = plan_key(run, text, limits);
    struct plan *cached = plan_cache_find(run->engine->plans, key);
    if (cached != NULL) {
        *out = (struct engine_plan *)cached;
        return STATUS_IS_OK;
    }
    struct engine_plan *plan = mem_alloc_zeroed(sizeof *plan);
    refcount_init(&plan->base.refs);
    arena_init(&plan->base.arena);
    plan->base.release = release_plan;
    struct resolver resolver = {run, plan};
    bool is_limited = limits == ENGINE_LIMITED;
    struct gate_options options = {
        .parser = duck_conn_of(duck, run->slot, DUCK_INTERNAL),
        .default_namespace = run->session.namespace_name,
        .resolve = resolve,
        .context = &resolver,
        .parameter_count = run->query->param_count,
        .allows_unused = !is_limited, /* SET may use what WHERE does not */
        .default_limit = is_limited ? run->engine->limits.default_query_limit : 0,
        .limit_max = is_limited ? run->engine->limits.max_query_limit : 0};
    str own = arena_copy(&plan->base.arena, text);
    status result = select_text_rewrite(own, &plan->base.arena, &own, err);
    if (status_ok(result)) {
        result = gate_check(&options, own, &plan->base.arena, &plan->gate, err);
    }
    if (!status_ok(result)) {
        plan_give(&plan->base);
        return result;
    }
    plan_cache_put(run->engine->plans, key, &plan->base);
    *out = plan;
    return STATUS_IS_OK;
}

status engine_plan_catalog(struct engine_plan *plan, struct read_context *rc,
                           enum duck_catalog *out, struct error *err)
{
    bool has_cold = false;
    for (unsigned i = 0; i < plan->gate.table_count; i++) {
        const struct gate_decision *d = &plan->gate.tables[i].decision;
        if (d->kind == GATE_SYSTEM && rc->staged != NULL) {
            return error_set(err, ERROR_INVALID_OPERATION,
                             "system tables are not supported inside explicit transactions");
        }
        if (d->kind != GATE_TABLE) {
            continue;
        }
        const struct table *table = snapshot_find_table_id(rc->snapshot, d->schema->table);
        if (table == NULL) {
            return error_set(err, ERROR_CONFLICT, "the table was changed or dropped meanwhile");
        }
        if (!mutant_is_on("plan_without_rights")) {
            TRY(query_may_read(rc->session, table, err));
        }
        struct table_read *read = NULL;
        TRY(read_context_table(rc, table, KV_MAY_BLOCK, &read, err));
        has_cold = has_cold || read->state.segments > 0;
    }
    *out = has_cold ? DUCK_ALL : DUCK_HOT;
    return STATUS_IS_OK;
}

static status define_tables(struct engine_plan *plan, struct duck *duck, enum duck_catalog catalog,
                            struct error *err)
{
    for (unsigned i = 0; i < plan->gate.table_count; i++) {
        const struct gate_table *t = &plan->gate.tables[i];
        if (t->decision.kind == GATE_TABLE) {
            /* The plan's schemas are ours and counted; the gate only reads them. */
            struct schema *schema = (struct schema *)(uintptr_t)t->decision.schema;
            TRY(duck_define_table(duck, catalog, schema, err));
            if (t->is_read_raw) {
                TRY(duck_define_table(duck, DUCK_RAW, schema, err));
            }
        } else if (t->decision.kind == GATE_SYSTEM) {
            TRY(duck_define_system(duck, t->namespace_name, t->name, err));
        }
    }
    return STATUS_IS_OK;
}

/* -- parameters ---------------------------------------------------------------------------------
 */

static struct value hidden_value(const struct session *session, enum gate_hidden hidden,
                                 struct arena *arena)
{
    enum { DAY_US_FACTOR = 1000000 };
    const int64_t day_us = 86400LL * DAY_US_FACTOR;
    int64_t days = session->now_us / day_us;
    switch (hidden) {
    case GATE_CURRENT_USER:
        return value_text(mutant_first("current_user_of_first", session->user_id, arena));
    case GATE_CURRENT_ROLE:
        return value_text(str_from(role_name(session->role)));
    case GATE_NOW:
        return value_int(TYPE_TIMESTAMP, session->now_us);
    case GATE_TODAY:
        return value_int(TYPE_DATE, days);
    case GATE_TIME:
        return value_int(TYPE_TIME, session->now_us - days * day_us);
    case GATE_HIDDEN_COUNT:
        break;
    }
    CHECK(false);
    return value_null(type_of(TYPE_NONE));
}

static unsigned bind_parameters(struct run *run, const struct gate_plan *gate,
                                struct value **values, struct type **types)
{
    unsigned own = gate->parameter_count;
    unsigned count = own + gate->hidden_count;
    *values = ARENA_ARRAY(run->arena, struct value, count + 1);
    *types = ARENA_ARRAY(run->arena, struct type, count + 1);
    for (unsigned i = 0; i < count; i++) {
        (*values)[i] = i < own ? run->query->params[gate->parameters[i]]
                               : hidden_value(&run->session, gate->hidden[i - own], run->arena);
        (*types)[i] = (*values)[i].type;
    }
    return count;
}

status engine_plan_prune(struct run *run, struct engine_plan *plan, struct duck *duck,
                         struct read_context *rc, enum duck_catalog catalog, struct prune_run *out,
                         struct error *err)
{
    struct value *values = NULL;
    struct type *types = NULL;
    unsigned count = bind_parameters(run, &plan->gate, &values, &types);
    struct duck_conn *conn = duck_conn_of(duck, run->slot, catalog);
    *out = (struct prune_run){.plan = plan->gate.prune, .values = values, .value_count = count};
    TRY(define_tables(plan, duck, catalog, err));
    duck_session_set(conn, rc);
    status result = prune_collect(out, rc, conn, run->deadline_us, err);
    duck_session_set(conn, NULL);
    return result;
}

/* -- running ------------------------------------------------------------------------------------
 */

static status fetch_all(struct duck_result *result, const struct engine_rows *rows,
                        struct error *err)
{
    for (;;) {
        const struct batch *batch = NULL;
        TRY(duck_fetch(result, &batch, err));
        if (batch == NULL) {
            return STATUS_IS_OK;
        }
        status taken = rows->rows(rows->context, batch, err);
        if (!status_ok(taken)) {
            return taken;
        }
    }
}

static void expect_columns(const struct gate_plan *gate, struct duck_result *result)
{
    for (unsigned i = 0; gate->outputs != NULL && i < gate->output_count; i++) {
        duck_result_expect(result, i, gate->outputs[i].type);
    }
}

static status execute(struct run *run, struct engine_plan *plan, struct duck_conn *conn,
                      const struct engine_rows *rows, struct error *err)
{
    struct value *values = NULL;
    struct type *types = NULL;
    unsigned count = bind_parameters(run, &plan->gate, &values, &types);
    struct read_context *rc = duck_session(conn);
    struct prune_run prune = {.plan = plan->gate.prune, .values = values, .value_count = count};
    if (rows != NULL && rows->rows != NULL) {
        TRY(prune_collect(&prune, rc, conn, run->deadline_us, err));
    }
    rc->prune = prune; /* read by files_list */
    struct duck_statement *statement = NULL;
    TRY(duck_prepare(conn, plan->gate.text, types, count, &statement, err));
    if (rows == NULL) {
        return STATUS_IS_OK;
    }
    if (rows->rows == NULL) {
        return rows->begin(rows->context, plan, NULL, err);
    }
    struct duck_result *result = NULL;
    TRY(duck_execute(statement, values, count, run->deadline_us, &result, err));
    expect_columns(&plan->gate, result);
    status outcome = rows->begin(rows->context, plan, result, err);
    if (status_ok(outcome)) {
        outcome = fetch_all(result, rows, err);
    }
    duck_result_close(result);
    /* The consumer has all it wanted: not an error. */
    return outcome.code == STATUS_FULL ? STATUS_IS_OK : outcome;
}

static status run_on_engine(struct run *run, struct duck *duck, str text, enum engine_limits limits,
                            const struct engine_rows *rows, struct error *err)
{
    struct engine_plan *plan = NULL;
    TRY(engine_plan_get(run, duck, text, limits, &plan, err));
    if (rows != NULL && plan->gate.table_count > 0) {
        observe_table(run->query, plan->gate.tables[0].namespace_name, plan->gate.tables[0].name);
    }
    struct read_context rc;
    read_context_of(&rc, run);
    system_key_find(run, run->statement, &rc);
    enum duck_catalog catalog = DUCK_HOT;
    status result = engine_plan_catalog(plan, &rc, &catalog, err);
    if (status_ok(result)) {
        result = define_tables(plan, duck, catalog, err);
    }
    if (status_ok(result)) {
        struct duck_conn *conn = duck_conn_of(duck, run->slot, catalog);
        duck_session_set(conn, &rc);
        duck_set_cancel(conn, run->query->is_cancelled);
        result = execute(run, plan, conn, rows, err);
        duck_set_cancel(conn, NULL);
        duck_session_set(conn, NULL);
    }
    read_context_release(&rc);
    plan_give(&plan->base);
    return result;
}

status engine_enter(struct run *run, struct heavy_pass *pass, struct error *err)
{
    const atomic_count *is_cancelled = run->query->is_cancelled;
    if (run->goes_alone) {
        return query_enter_heavy(run->engine, true, run->deadline_us, is_cancelled, pass, err);
    }
    TRY(query_enter_heavy(run->engine, false, 0, is_cancelled, pass, err));
    run->deadline_us =
        clock_mono_us(run->engine->clock) + run->engine->limits.statement_timeout_ms * 1000ULL;
    return STATUS_IS_OK;
}

status engine_leave(struct run *run, const struct heavy_pass *pass, status result,
                    struct error *err)
{
    bool is_refused = !status_ok(result) && err->id == ERROR_MEMORY;
    bool is_late = !status_ok(result) && err->id == ERROR_TIMEOUT;
    bool is_busy = pass->is_alone && is_late; /* most of its time went by at the door */
    str actor = run->session.actor_id;
    if (pass->is_alone && is_refused) {
        query_blame_heavy(run->engine, actor);
    } else if (is_refused) {
        enum heavy_verdict verdict = query_judge_heavy(run->engine, pass, actor);
        run->wants_alone = verdict == HEAVY_RUN_ALONE;
        is_busy = verdict != HEAVY_AT_FAULT;
    }
    query_leave_heavy(run->engine, pass);
    return is_busy ? error_set(err, ERROR_BUSY, "other statements have the memory of the engine")
                   : result;
}

status engine_run(struct run *run, str text, enum engine_limits limits,
                  const struct engine_rows *rows, struct error *err)
{
    CHECK(run->may_block);
    struct duck *duck = NULL;
    struct heavy_pass pass;
    TRY(query_engine_duck(run->engine, &duck, err));
    TRY(engine_enter(run, &pass, err));
    status result = run_on_engine(run, duck, text, limits, rows, err);
    return engine_leave(run, &pass, result, err);
}

/* -- rows for INSERT ... SELECT, UPDATE, DELETE -------------------------------------------------
 */

struct each_row {
    find_rows_width_fn *tell_width;
    find_rows_fn *fn;
    void *context;
    struct value *row;
    unsigned width;
    struct arena *arena;
};

static status each_begin(void *context, const struct engine_plan *plan,
                         const struct duck_result *result, struct error *err)
{
    (void)plan;
    struct each_row *each = context;
    each->width = duck_result_column_count(result);
    each->row = ARENA_ARRAY(each->arena, struct value, each->width + 1);
    return each->tell_width != NULL ? each->tell_width(each->context, each->width, err)
                                    : STATUS_IS_OK;
}

static status each_rows(void *context, const struct batch *batch, struct error *err)
{
    struct each_row *each = context;
    for (unsigned r = 0; r < batch->row_count; r++) {
        for (unsigned c = 0; c < each->width; c++) {
            each->row[c] = batch_get(batch, c, r);
        }
        TRY(each->fn(each->context, each->row, each->width, err));
    }
    return STATUS_IS_OK;
}

static status tell_prepared_width(void *context, const struct engine_plan *plan,
                                  const struct duck_result *result, struct error *err)
{
    (void)result;
    struct each_row *each = context;
    bool is_known = plan->gate.outputs != NULL && each->tell_width != NULL;
    return is_known ? each->tell_width(each->context, plan->gate.output_count, err) : STATUS_IS_OK;
}

status find_rows_prepare(struct run *run, str query, find_rows_width_fn *width, void *context,
                         struct error *err)
{
    struct each_row each = {.tell_width = width, .context = context};
    struct engine_rows rows = {&each, tell_prepared_width, NULL};
    return engine_run(run, query, ENGINE_UNLIMITED, &rows, err);
}

status find_rows_select(struct run *run, str query, find_rows_width_fn *width, find_rows_fn *fn,
                        void *context, struct error *err)
{
    struct each_row each = {.tell_width = width, .fn = fn, .context = context, .arena = run->arena};
    struct engine_rows rows = {&each, each_begin, each_rows};
    return engine_run(run, query, ENGINE_UNLIMITED, &rows, err);
}
