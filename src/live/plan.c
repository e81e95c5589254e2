/* live/plan.c -- see plan.h. */
#include "live/plan.h"

#include "base/check.h"
#include "query/mutant.h"
#include "query/run.h"
#include "sql/sql.h"
#include "store/keys.h"

enum { EQUALITIES_MAX = 8 };

/* Any qualification is allowed, the last part counts (contract http-ws.md 4.6). */
static bool resolve_name(void *context, str ns, str table, str name, unsigned *index,
                         struct type *type)
{
    (void)ns;
    (void)table;
    struct expression_table any = {.schema = context};
    return expression_resolve(&any, (str){0}, (str){0}, name, index, type);
}

static status find_table(const struct live_plan *plan, const struct catalog_snapshot *snapshot,
                         const struct table_name *name, const struct table **out, struct error *err)
{
    if (sql_is_system_namespace(name->ns)) {
        return session_is_admin(&plan->session)
                   ? error_set(err, ERROR_NOT_IMPLEMENTED,
                               "live queries on system tables: " STR_FMT "." STR_FMT
                               " can be read by SELECT",
                               STR(name->ns), STR(name->name))
                   : error_set(err, ERROR_PERMISSION_DENIED,
                               "system tables are for the roles dba and system");
    }
    *out = snapshot_find_table(snapshot, name->ns, name->name);
    if (*out == NULL) { /* a view is no table, as for SUBSCRIBE TO and for writes */
        return error_set(err, ERROR_TABLE_NOT_FOUND, STR_FMT "." STR_FMT, STR(name->ns),
                         STR(name->name));
    }
    return query_may_read(&plan->session, *out, err);
}

static void keep_table(struct live_plan *plan, const struct table *table)
{
    struct table_part part;
    str owner = mutant_first("live_part_of_first", plan->session.user_id, &plan->arena);
    table_part_init(&part, table, owner, &plan->arena);
    plan->table = table->id;
    plan->namespace_name = arena_copy(&plan->arena, table->namespace_name);
    plan->table_name = arena_copy(&plan->arena, table->name);
    plan->kind = table->kind;
    plan->partition = arena_copy(&plan->arena, part.prefix);
}

static status bind_schema(struct live_plan *plan, const struct live_plan_request *request,
                          const struct table *table, struct error *err)
{
    plan->schema = catalog_schema_cached(request->catalog, table->id, table->version);
    if (plan->schema != NULL) {
        return STATUS_IS_OK;
    }
    if (!request->may_block) {
        return status_from(STATUS_UNAVAILABLE);
    }
    return catalog_table_schema(request->catalog, table, &plan->schema, err);
}

static status bind_filter(struct live_plan *plan, const struct subscription *said,
                          struct error *err)
{
    if (said->where == NULL) {
        return STATUS_IS_OK;
    }
    const struct eval_scope scope = {.resolve = resolve_name, .context = plan->schema};
    TRY(eval_bind(said->where, &scope, &plan->arena, &plan->filter, err));
    enum type_id type = eval_type(plan->filter).id;
    if (type != TYPE_BOOLEAN && type != TYPE_NONE) {
        return error_set(err, ERROR_SYNTAX, "the filter of a live query is not a condition");
    }
    return STATUS_IS_OK;
}

/* The key is the best column for the index; else the first that can be one. */
static void find_equality(struct live_plan *plan)
{
    struct eval_equality found[EQUALITIES_MAX];
    unsigned count =
        plan->filter != NULL ? eval_equalities(plan->filter, found, EQUALITIES_MAX) : 0;
    struct buf key;
    buf_init(&key);
    for (unsigned i = 0; i < count && i < EQUALITIES_MAX; i++) {
        bool is_key = (int)found[i].column == plan->schema->primary_key;
        buf_clear(&key);
        if ((plan->has_equality && !is_key) || found[i].column >= plan->schema->column_count ||
            !type_is_keyable(found[i].value.type.id) ||
            !status_ok(key_encode(&key, &found[i].value, NULL))) {
            continue;
        }
        plan->has_equality = true;
        plan->equality_column = found[i].column;
        plan->equality_key = arena_copy(&plan->arena, buf_str(&key));
    }
    buf_release(&key);
}

static void find_wanted(struct live_plan *plan, const struct expr *where)
{
    const struct schema *schema = plan->schema;
    unsigned width = expression_width(schema);
    uint64_t *wanted = ARENA_ARRAY(&plan->arena, uint64_t, (width + 63) / 64);
    projection_want(&plan->projection, wanted);
    for (unsigned i = 0; i < schema->column_count && where != NULL; i++) {
        if (expr_mentions(where, schema->columns[i].name)) {
            wanted[i / 64] |= UINT64_C(1) << (i % 64);
        }
    }
    plan->wanted = wanted;
}

static void keep_session(struct live_plan *plan, const struct live_plan_request *request)
{
    str user = arena_copy(&plan->arena, request->user_id);
    plan->sql = arena_copy(&plan->arena, request->sql);
    plan->session = (struct session){.user_id = user,
                                     .role = request->role,
                                     .actor_id = user,
                                     .actor_role = request->role,
                                     .now_us = request->now_us};
    plan->eval_session = expression_session(request->engine, &plan->session);
}

static status make(struct live_plan *plan, const struct live_plan_request *request,
                   const struct catalog_snapshot *snapshot, struct error *err)
{
    struct subscription said;
    const struct table *table = NULL;
    keep_session(plan, request);
    TRY(sql_parse_subscription(plan->sql, &plan->arena, &said, err));
    TRY(find_table(plan, snapshot, &said.table, &table, err));
    keep_table(plan, table);
    TRY(bind_schema(plan, request, table, err));
    TRY(projection_init(&plan->projection, plan->schema, said.is_star, said.columns.items,
                        said.columns.count, !session_is_admin(&plan->session), &plan->arena, err));
    TRY(bind_filter(plan, &said, err));
    find_equality(plan);
    find_wanted(plan, said.where);
    return STATUS_IS_OK;
}

status live_plan_create(const struct live_plan_request *request, struct live_plan **out,
                        struct error *err)
{
    struct live_plan *plan = mem_alloc_zeroed(sizeof *plan);
    refcount_init(&plan->refs);
    arena_init(&plan->arena);
    const struct catalog_snapshot *snapshot = catalog_take(request->catalog);
    status result = make(plan, request, snapshot, err);
    catalog_give(snapshot);
    if (status_ok(result)) {
        *out = plan;
    } else {
        live_plan_give(plan);
    }
    return result;
}

struct live_plan *live_plan_take(struct live_plan *plan)
{
    refcount_take(&plan->refs);
    return plan;
}

void live_plan_give(struct live_plan *plan)
{
    if (plan != NULL && refcount_give(&plan->refs)) {
        schema_give(plan->schema);
        arena_release(&plan->arena);
        mem_free(plan);
    }
}

status live_plan_matches(const struct live_plan *plan, const struct value *values,
                         struct arena *arena, bool *matches, struct error *err)
{
    if (plan->filter == NULL) {
        *matches = true;
        return STATUS_IS_OK;
    }
    const struct eval_input input = {.columns = values, .session = &plan->eval_session};
    return eval_matches(plan->filter, &input, arena, matches, err);
}
