/* query/gate_table.c -- FROM: every name is a CTE, or what the caller's resolver says it is.
 * For:      tables of the catalog become the engine's views of their version, stored views are
 * walked in their place, table functions are few, everything else is refused. Threads:  one check,
 * one thread. */
#include "query/gate_private.h"

#include "base/check.h"

static_assert(GATE_RELATIONS_MAX <= 64, "one bit per relation");

static struct gate_relation *add_relation(struct gate *g, struct gate_scope *scope, str alias)
{
    struct gate_relation *r = ARENA_NEW(g->arena, struct gate_relation);
    r->alias = alias;
    r->next = scope->relations;
    scope->relations = r;
    return r;
}

/* --- tables -------------------------------------------------------------------------------------
 */

static struct gate_table *find_table(const struct gate *g, str ns, str name)
{
    for (unsigned i = 0; i < g->table_count; i++) {
        if (str_eq(g->tables[i]->namespace_name, ns) && str_eq(g->tables[i]->name, name)) {
            return g->tables[i];
        }
    }
    return NULL;
}

static void note_decimals(struct gate *g, const struct schema *schema)
{
    for (unsigned i = 0; i < schema->column_count; i++) {
        g->has_decimal |= schema->columns[i].type.id == TYPE_DECIMAL;
    }
}

static status resolve(struct gate *g, str ns, str name, struct gate_table **out)
{
    *out = find_table(g, ns, name);
    if (*out != NULL) {
        return STATUS_IS_OK;
    }
    struct gate_table *table = ARENA_NEW(g->arena, struct gate_table);
    table->namespace_name = arena_copy(g->keep, ns);
    table->name = arena_copy(g->keep, name);
    TRY(g->options->resolve(g->options->context, table->namespace_name, table->name,
                            &table->decision, g->err));
    if (table->decision.kind == GATE_TABLE) {
        note_decimals(g, table->decision.schema);
    }
    g->plan->has_system |= table->decision.kind == GATE_SYSTEM;
    g->tables = mem_grow(g->tables, &g->table_capacity, g->table_count + 1, sizeof *g->tables);
    g->tables[g->table_count++] = table;
    *out = table;
    return STATUS_IS_OK;
}

static void columns_of_table(struct gate *g, const struct gate_table *table, uint64_t bit,
                             struct gate_columns *columns)
{
    const struct gate_decision *d = &table->decision;
    if (d->kind == GATE_SYSTEM) {
        for (unsigned i = 0; i < d->column_count; i++) {
            gate_columns_add(
                g, columns,
                (struct gate_column){.name = d->columns[i].name,
                                     .column = d->described != NULL ? &d->described[i] : NULL,
                                     .type = d->columns[i].type,
                                     .system_column = -1});
        }
        return;
    }
    for (unsigned i = 0; i < d->schema->column_count; i++) {
        gate_columns_add(g, columns,
                         (struct gate_column){.name = d->schema->columns[i].name,
                                              .table = table,
                                              .column = &d->schema->columns[i],
                                              .type = d->schema->columns[i].type,
                                              .system_column = -1});
    }
    for (unsigned i = 0; i < SYSTEM_COLUMN_COUNT; i++) {
        str name = str_from(system_column_name((enum system_column)i));
        if (schema_find_system_column(d->schema, name) >= 0) {
            gate_columns_add(g, columns,
                             (struct gate_column){.name = name,
                                                  .table = table,
                                                  .system_column = (int)i,
                                                  .type = system_column_type((enum system_column)i),
                                                  .deleted_of = i == SYSTEM_DELETED ? bit : 0});
        }
    }
}

static void write_base_table(struct gate *g, const struct json *node, str catalog, str schema,
                             str name)
{
    json_write_object_begin(&g->w);
    gate_write_text(g, "type", STR_LIT("BASE_TABLE"));
    gate_copy(g, json_get(node, "alias"));
    gate_copy(g, json_get(node, "sample"));
    gate_copy(g, json_get(node, "query_location"));
    gate_write_text(g, "schema_name", schema);
    gate_write_text(g, "table_name", name);
    gate_copy(g, json_get(node, "column_name_alias"));
    gate_write_text(g, "catalog_name", catalog);
    json_write_key(&g->w, "at_clause");
    json_write_null(&g->w);
    json_write_object_end(&g->w);
}

static str engine_schema(struct gate *g, const struct gate_table *table)
{
    if (table->decision.kind == GATE_SYSTEM) {
        return arena_format(g->arena, DUCK_SYSTEM_SCHEMA_PREFIX STR_FMT,
                            STR(table->namespace_name));
    }
    char name[DUCK_SCHEMA_NAME_BYTES];
    duck_schema_name(table->decision.schema->table, table->decision.schema->version, name);
    return arena_copy(g->arena, str_from(name));
}

/* The view's query in brackets, with names looked up where it was made, and no CTE of around it. */
static status stored_view(struct gate *g, const struct json *node, const struct gate_table *table,
                          struct gate_columns *columns)
{
    if (g->view_depth >= GATE_VIEW_DEPTH_MAX) {
        return error_set(g->err, ERROR_LIMIT, "views are nested deeper than %d levels",
                         GATE_VIEW_DEPTH_MAX);
    }
    const struct json *statement;
    TRY(gate_parse(g, table->decision.view_text, &statement));
    str namespace_name = g->namespace_name;
    bool is_in_view = g->is_in_view;
    bool is_in_filter = g->is_in_filter;
    g->namespace_name = table->decision.view_namespace;
    g->is_in_view = true;
    g->is_in_filter = false;
    g->view_depth++;
    str alias = gate_text(node, "alias");
    json_write_object_begin(&g->w);
    gate_write_text(g, "type", STR_LIT("SUBQUERY"));
    gate_write_text(g, "alias", alias.n > 0 ? alias : table->name);
    gate_copy(g, json_get(node, "sample"));
    gate_copy(g, json_get(node, "query_location"));
    json_write_key(&g->w, "subquery");
    TRY(gate_statement(g, NULL, NULL, statement, false, columns));
    gate_copy(g, json_get(node, "column_name_alias"));
    json_write_object_end(&g->w);
    g->view_depth--;
    g->is_in_filter = is_in_filter;
    g->is_in_view = is_in_view;
    g->namespace_name = namespace_name;
    return STATUS_IS_OK;
}

static struct gate_cte *find_cte(struct gate_cte *ctes, str name)
{
    for (; ctes != NULL; ctes = ctes->outer) {
        if (str_eq_nocase(ctes->name, name)) {
            return ctes;
        }
    }
    return NULL;
}

static status read_cte(struct gate *g, const struct json *node, const struct gate_cte *cte,
                       struct gate_columns *columns)
{
    unsigned depth = g->subquery_depth + cte->subquery_depth;
    if (depth > GATE_SUBQUERY_DEPTH_MAX) {
        return error_set(g->err, ERROR_LIMIT, "subqueries are nested deeper than %d levels",
                         GATE_SUBQUERY_DEPTH_MAX);
    }
    if (depth > g->subquery_depth_seen) {
        g->subquery_depth_seen = depth;
    }
    TRY(gate_unfold(g, cte->cost));
    if (cte->number >= 0) {
        g->cte_uses[cte->number]++;
        g->parameters_written += g->cte_has_parameter[cte->number] ? 1 : 0;
    }
    *columns = cte->columns;
    columns->is_table = false;
    write_base_table(g, node, STR_LIT(""), STR_LIT(""), gate_text(node, "table_name"));
    return STATUS_IS_OK;
}

static status base_table(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                         const struct json *node, struct gate_columns *columns)
{
    str schema = gate_text(node, "schema_name");
    str name = gate_text(node, "table_name");
    str alias = gate_text(node, "alias");
    const struct json *at_clause = json_get(node, "at_clause");
    if (gate_text(node, "catalog_name").n > 0) {
        return error_set(g->err, ERROR_TABLE_NOT_FOUND, STR_FMT "." STR_FMT "." STR_FMT,
                         STR(gate_text(node, "catalog_name")), STR(schema), STR(name));
    }
    if (at_clause != NULL && !json_is_null(at_clause)) {
        return gate_refuse(g, "AT (...) is not available");
    }
    const struct gate_cte *cte = schema.n == 0 ? find_cte(ctes, name) : NULL;
    struct gate_table *table = NULL;
    if (cte != NULL) {
        TRY(read_cte(g, node, cte, columns));
    } else {
        str ns = schema.n > 0 ? arena_lower(g->arena, schema) : g->namespace_name;
        TRY(resolve(g, ns, arena_lower(g->arena, name), &table));
        if (table->decision.kind == GATE_VIEW) {
            TRY(stored_view(g, node, table, columns));
        } else {
            bool is_system = table->decision.kind == GATE_SYSTEM;
            uint64_t bit = (uint64_t)1 << (g->relation_count - 1);
            bool is_raw = !is_system && (g->raw_relations & bit) != 0;
            columns_of_table(g, table, bit, columns);
            columns->is_table = !is_system;
            table->is_read_raw |= is_raw;
            write_base_table(g, node,
                             is_system ? STR_LIT(DUCK_SYSTEM_CATALOG)
                             : is_raw  ? STR_LIT(DUCK_RAW_CATALOG)
                                       : STR_LIT(""),
                             engine_schema(g, table), table->name);
        }
    }
    TRY(gate_columns_rename(g, columns, json_get(node, "column_name_alias")));
    struct gate_relation *r = add_relation(g, scope, alias.n > 0 ? alias : name);
    r->columns = *columns;
    if (table != NULL && alias.n == 0) {
        r->namespace_name = table->namespace_name;
        if (table->decision.kind != GATE_VIEW) {
            r->engine_schema = engine_schema(g, table);
        }
    }
    return STATUS_IS_OK;
}

/* --- joins --------------------------------------------------------------------------------------
 */

static bool has_column(const struct gate_columns *columns, str name)
{
    for (unsigned i = 0; i < columns->count; i++) {
        if (str_eq_nocase(columns->items[i].name, name)) {
            return true;
        }
    }
    return false;
}

static bool is_used(const struct json *names, str name)
{
    for (const struct json *n = names->as.children.first; n != NULL; n = n->next) {
        str used = {NULL, 0};
        (void)json_as_text(n, &used);
        if (str_eq_nocase(used, name)) {
            return true;
        }
    }
    return false;
}

/* What `*` gives: the left side's columns, then the right side's that are not joined by name. */
static status join_columns(struct gate *g, const struct json *node, const struct gate_columns *left,
                           const struct gate_columns *right, struct gate_columns *out)
{
    str join_type = gate_text(node, "join_type");
    bool is_natural = str_eq_c(gate_text(node, "ref_type"), "NATURAL");
    bool may_add_nulls = !str_eq_c(join_type, "INNER") && !str_eq_c(join_type, "LEFT");
    const struct json *using_columns = json_get(node, "using_columns");
    out->is_open = left->is_open || right->is_open;
    for (unsigned i = 0; i < left->count; i++) {
        struct gate_column column = left->items[i];
        bool is_merged =
            is_used(using_columns, column.name) || (is_natural && has_column(right, column.name));
        for (unsigned r = 0; is_merged && r < right->count; r++) {
            if (str_eq_nocase(right->items[r].name, column.name)) {
                column.deleted_of |= right->items[r].deleted_of;
                if (may_add_nulls) { /* of one side or the other */
                    gate_column_merge(&column, &right->items[r]);
                }
            }
        }
        gate_columns_add(g, out, column);
    }
    bool is_half = str_eq_c(join_type, "SEMI") || str_eq_c(join_type, "ANTI");
    for (unsigned i = 0; i < right->count && !is_half; i++) {
        str name = right->items[i].name;
        if (!is_used(using_columns, name) && !(is_natural && has_column(left, name))) {
            gate_columns_add(g, out, right->items[i]);
        }
    }
    return gate_check_width(g, out);
}

static status join(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                   const struct json *node, struct gate_columns *columns)
{
    static const char *const kinds[] = {"REGULAR", "NATURAL", "CROSS", "ASOF"};
    static const char *const types[] = {"INNER", "LEFT", "RIGHT", "OUTER", "FULL", "SEMI", "ANTI"};
    bool is_known = false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        is_known = is_known || str_eq_c(gate_text(node, "ref_type"), kinds[i]);
    }
    bool is_type_known = false;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        is_type_known = is_type_known || str_eq_c(gate_text(node, "join_type"), types[i]);
    }
    const struct json *condition = json_get(node, "condition");
    const struct json *using_columns = json_get(node, "using_columns");
    const struct json *duplicates = json_get(node, "duplicate_eliminated_columns");
    if (!is_known || !is_type_known || using_columns == NULL || using_columns->kind != JSON_ARRAY ||
        (duplicates != NULL && duplicates->as.children.count > 0)) {
        return gate_refuse(g, STR_FMT " " STR_FMT " JOIN is not available",
                           STR(gate_text(node, "ref_type")), STR(gate_text(node, "join_type")));
    }
    struct gate_columns left = {0};
    struct gate_columns right = {0};
    json_write_object_begin(&g->w);
    gate_write_text(g, "type", STR_LIT("JOIN"));
    gate_copy(g, json_get(node, "alias"));
    gate_copy(g, json_get(node, "sample"));
    gate_copy(g, json_get(node, "query_location"));
    json_write_key(&g->w, "left");
    TRY(gate_from(g, scope, ctes, json_get(node, "left"), &left));
    json_write_key(&g->w, "right");
    TRY(gate_from(g, scope, ctes, json_get(node, "right"), &right));
    json_write_key(&g->w, "condition");
    if (condition == NULL || json_is_null(condition)) {
        json_write_null(&g->w);
    } else {
        bool is_in_filter = g->is_in_filter;
        g->is_in_filter = true;
        TRY(gate_expr(g, scope, ctes, condition));
        g->is_in_filter = is_in_filter;
    }
    gate_copy(g, json_get(node, "join_type"));
    gate_copy(g, json_get(node, "ref_type"));
    gate_copy(g, using_columns);
    gate_copy(g, json_get(node, "delim_flipped"));
    gate_copy(g, duplicates);
    json_write_object_end(&g->w);
    return join_columns(g, node, &left, &right, columns);
}

/* --- the others ---------------------------------------------------------------------------------
 */

static status derived(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                      const struct json *node, struct gate_columns *columns)
{
    bool is_in_filter = g->is_in_filter;
    g->is_in_filter = false;
    json_write_object_begin(&g->w);
    gate_write_text(g, "type", STR_LIT("SUBQUERY"));
    gate_copy(g, json_get(node, "alias"));
    gate_copy(g, json_get(node, "sample"));
    gate_copy(g, json_get(node, "query_location"));
    json_write_key(&g->w, "subquery");
    TRY(gate_statement(g, scope, ctes, json_get(node, "subquery"), false, columns));
    gate_copy(g, json_get(node, "column_name_alias"));
    json_write_object_end(&g->w);
    g->is_in_filter = is_in_filter;
    TRY(gate_columns_rename(g, columns, json_get(node, "column_name_alias")));
    add_relation(g, scope, gate_text(node, "alias"))->columns = *columns;
    return STATUS_IS_OK;
}

static status values(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                     const struct json *node, struct gate_columns *columns)
{
    const struct json *rows = json_get(node, "values");
    const struct json *names = json_get(node, "expected_names");
    const struct json *types = json_get(node, "expected_types");
    if (rows == NULL || rows->kind != JSON_ARRAY || rows->as.children.count == 0 || names == NULL ||
        names->as.children.count > 0 || types == NULL || types->as.children.count > 0) {
        return gate_refuse(g, "VALUES of this form is not known");
    }
    json_write_object_begin(&g->w);
    gate_write_text(g, "type", STR_LIT("EXPRESSION_LIST"));
    gate_copy(g, json_get(node, "alias"));
    gate_copy(g, json_get(node, "sample"));
    gate_copy(g, json_get(node, "query_location"));
    gate_copy(g, names);
    gate_copy(g, types);
    json_write_key(&g->w, "values");
    json_write_array_begin(&g->w);
    for (const struct json *row = rows->as.children.first; row != NULL; row = row->next) {
        TRY(gate_values(g, scope, ctes, row));
    }
    json_write_array_end(&g->w);
    json_write_object_end(&g->w);
    for (uint32_t i = 0; i < rows->as.children.first->as.children.count; i++) {
        gate_columns_add(
            g, columns,
            (struct gate_column){.name = arena_format(g->arena, "col%u", i), .system_column = -1});
    }
    add_relation(g, scope, gate_text(node, "alias"))->columns = *columns;
    return STATUS_IS_OK;
}

static status table_function(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                             const struct json *node, struct gate_columns *columns)
{
    const struct json *function = json_get(node, "function");
    str name = arena_lower(g->arena, gate_text(function, "function_name"));
    if (!str_eq_c(gate_text(function, "class"), "FUNCTION") ||
        gate_text(function, "schema").n > 0 || gate_text(function, "catalog").n > 0) {
        return gate_refuse(g, "table function '" STR_FMT "' is not available", STR(name));
    }
    TRY(gate_table_function_use(g, name));
    const struct json *children = json_get(function, "children");
    for (const struct json *c = children->as.children.first; c != NULL; c = c->next) {
        if (gate_text(c, "alias").n > 0 || str_eq_c(gate_text(c, "class"), "COMPARISON")) {
            return gate_refuse(g, "named arguments are not available");
        }
    }
    json_write_object_begin(&g->w);
    gate_write_text(g, "type", STR_LIT("TABLE_FUNCTION"));
    gate_copy(g, json_get(node, "alias"));
    gate_copy(g, json_get(node, "sample"));
    gate_copy(g, json_get(node, "query_location"));
    json_write_key(&g->w, "function");
    json_write_object_begin(&g->w);
    for (const struct json *m = function->as.children.first; m != NULL; m = m->next) {
        if (str_eq_c(m->key, "children")) {
            json_write_key(&g->w, "children");
            TRY(gate_exprs(g, scope, ctes, m));
        } else if (str_eq_c(m->key, "function_name")) {
            gate_write_text(g, "function_name", name);
        } else if (str_eq_c(m->key, "filter") && !json_is_null(m)) {
            return gate_refuse(g, "FILTER does not go with a table function");
        } else if (str_eq_c(m->key, "order_bys")) {
            json_write_key(&g->w, "order_bys");
            json_write_raw(&g->w, STR_LIT("{\"type\":\"ORDER_MODIFIER\",\"orders\":[]}"));
        } else {
            gate_copy(g, m);
        }
    }
    json_write_object_end(&g->w);
    gate_copy(g, json_get(node, "column_name_alias"));
    gate_copy(g, json_get(node, "with_ordinality"));
    json_write_object_end(&g->w);

    gate_columns_add(g, columns, (struct gate_column){.name = name, .system_column = -1});
    if (str_eq_c(gate_text(node, "with_ordinality"), "WITH_ORDINALITY")) {
        gate_columns_add(g, columns,
                         (struct gate_column){.name = STR_LIT("ordinality"), .system_column = -1});
    }
    TRY(gate_columns_rename(g, columns, json_get(node, "column_name_alias")));
    str alias = gate_text(node, "alias");
    add_relation(g, scope, alias.n > 0 ? alias : name)->columns = *columns;
    return STATUS_IS_OK;
}

status gate_from(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                 const struct json *node, struct gate_columns *columns)
{
    if (node == NULL || node->kind != JSON_OBJECT) {
        return gate_refuse(g, "the tree has an unknown form");
    }
    TRY(gate_count(g));
    str type = gate_text(node, "type");
    if (str_eq_c(type, "EMPTY")) {
        json_append(json_write_raw_begin(&g->w), node);
        return STATUS_IS_OK;
    }
    if (++g->relation_count > GATE_RELATIONS_MAX) {
        return error_set(g->err, ERROR_LIMIT, "more than %d tables in one statement",
                         GATE_RELATIONS_MAX);
    }
    if (str_eq_c(type, "BASE_TABLE")) {
        return base_table(g, scope, ctes, node, columns);
    }
    if (str_eq_c(type, "JOIN")) {
        return join(g, scope, ctes, node, columns);
    }
    if (str_eq_c(type, "SUBQUERY")) {
        return derived(g, scope, ctes, node, columns);
    }
    if (str_eq_c(type, "EXPRESSION_LIST")) {
        return values(g, scope, ctes, node, columns);
    }
    if (str_eq_c(type, "TABLE_FUNCTION")) {
        return table_function(g, scope, ctes, node, columns);
    }
    return gate_refuse(g, STR_FMT " is not available in FROM", STR(type));
}
