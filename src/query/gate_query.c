/* query/gate_query.c -- query nodes: SELECT, set operations, WITH.
 * For:      scopes are built in the order FROM, select list, the rest; names and the default order
 * and limit are put in on the way. Threads:  one check, one thread. */
#include "query/gate_private.h"

#include "base/check.h"

static status gate_node(struct gate *g, struct gate_scope *outer, struct gate_cte *ctes,
                        const struct json *node, bool is_top, struct gate_columns *columns);

/* --- WITH ---------------------------------------------------------------------------------------
 */

/* Letters, digits, _ and $: a name that no file can have been meant by, should the engine ever look
 * for it elsewhere than we do. */
static bool is_plain_name(str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = str_lower_char(name.p[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '$')) {
            return false;
        }
    }
    return name.n > 0;
}

/* WITH RECURSIVE r AS (left UNION right): r is seen in the right part only. */
static status recursive(struct gate *g, struct gate_scope *outer, struct gate_cte *ctes,
                        const struct json *node, const struct json *aliases,
                        struct gate_columns *columns)
{
    const struct json *targets = json_get(node, "key_targets");
    if (targets != NULL && targets->as.children.count > 0) {
        return gate_refuse(g, "USING KEY is not available");
    }
    struct gate_cte *self = ARENA_NEW(g->arena, struct gate_cte);
    json_write_object_begin(&g->w);
    gate_write_text(g, "type", STR_LIT("RECURSIVE_CTE_NODE"));
    json_write_key(&g->w, "modifiers");
    json_write_raw(&g->w, STR_LIT("[]"));
    json_write_key(&g->w, "cte_map");
    json_write_raw(&g->w, STR_LIT("{\"map\":[]}"));
    gate_copy(g, json_get(node, "cte_name"));
    gate_copy(g, json_get(node, "union_all"));
    json_write_key(&g->w, "left");
    TRY(gate_node(g, outer, ctes, json_get(node, "left"), false, columns));
    struct gate_columns seen = *columns;
    for (unsigned i = 0; i < seen.count; i++) {
        /* a column of the first step is no longer the table's once a later step adds to it */
        gate_column_forget(&seen.items[i]);
    }
    TRY(gate_columns_rename(g, &seen, aliases));
    *self = (struct gate_cte){
        .name = gate_text(node, "cte_name"), .number = -1, .columns = seen, .outer = ctes};
    json_write_key(&g->w, "right");
    struct gate_columns right = {0};
    TRY(gate_node(g, outer, self, json_get(node, "right"), false, &right));
    gate_copy(g, json_get(node, "aliases"));
    json_write_key(&g->w, "key_targets");
    json_write_raw(&g->w, STR_LIT("[]"));
    json_write_object_end(&g->w);
    return STATUS_IS_OK;
}

static status cte_query(struct gate *g, struct gate_scope *outer, struct gate_cte *ctes,
                        const struct json *value, struct gate_columns *columns)
{
    const struct json *node = json_get(json_get(value, "query"), "node");
    json_write_object_begin(&g->w);
    json_write_key(&g->w, "node");
    if (str_eq_c(gate_text(node, "type"), "RECURSIVE_CTE_NODE")) {
        const struct json *modifiers = json_get(node, "modifiers");
        const struct json *inner = json_get(json_get(node, "cte_map"), "map");
        if (modifiers == NULL || modifiers->as.children.count > 0 || inner == NULL ||
            inner->as.children.count > 0) {
            return gate_refuse(g, "a recursive WITH of this form is not known");
        }
        TRY(recursive(g, outer, ctes, node, json_get(value, "aliases"), columns));
    } else {
        TRY(gate_node(g, outer, ctes, node, false, columns));
    }
    json_write_key(&g->w, "named_param_map");
    json_write_raw(&g->w, STR_LIT("[]"));
    json_write_object_end(&g->w);
    return STATUS_IS_OK;
}

static status declare_cte(struct gate *g, struct gate_scope *outer, struct gate_cte **ctes,
                          const struct json *entry)
{
    str name = gate_text(entry, "key");
    const struct json *value = json_get(entry, "value");
    const struct json *aliases = json_get(value, "aliases");
    const struct json *targets = json_get(value, "key_targets");
    if (!is_plain_name(name)) {
        return gate_refuse(g, "a WITH name has letters, digits and _ only");
    }
    if (aliases == NULL || aliases->kind != JSON_ARRAY ||
        (targets != NULL && targets->as.children.count > 0)) {
        return gate_refuse(g, "WITH of this form is not known");
    }
    if (g->cte_count >= LIMIT_CTES) {
        return error_set(g->err, ERROR_LIMIT, "more than %d common table expressions", LIMIT_CTES);
    }
    g->cte_names = mem_grow(g->cte_names, &g->cte_capacity, g->cte_count + 1, sizeof *g->cte_names);
    unsigned number = g->cte_count++;
    g->cte_names[number] = name;

    uint64_t parameters = g->parameters_written;
    uint64_t cost = gate_cost(g);
    unsigned seen = g->subquery_depth_seen;
    unsigned depth = g->subquery_depth;
    g->subquery_depth_seen = depth;
    struct gate_columns columns = {0};
    json_write_object_begin(&g->w);
    gate_write_text(g, "key", name);
    json_write_key(&g->w, "value");
    json_write_object_begin(&g->w);
    gate_copy(g, aliases);
    json_write_key(&g->w, "query");
    TRY(cte_query(g, outer, *ctes, value, &columns));
    g->cte_has_parameter[number] = g->parameters_written > parameters;
    if (g->cte_is_kept_whole[number]) {
        gate_write_text(g, "materialized", STR_LIT("CTE_MATERIALIZE_ALWAYS"));
    } else {
        gate_copy(g, json_get(value, "materialized"));
    }
    json_write_key(&g->w, "key_targets");
    json_write_raw(&g->w, STR_LIT("[]"));
    json_write_object_end(&g->w);
    json_write_object_end(&g->w);

    TRY(gate_columns_rename(g, &columns, aliases));
    struct gate_cte *cte = ARENA_NEW(g->arena, struct gate_cte);
    *cte = (struct gate_cte){.name = name,
                             .number = (int)number,
                             .columns = columns,
                             .cost = gate_cost(g) - cost,
                             .subquery_depth = g->subquery_depth_seen - depth,
                             .outer = *ctes};
    g->subquery_depth_seen = seen > g->subquery_depth_seen ? seen : g->subquery_depth_seen;
    *ctes = cte;
    return STATUS_IS_OK;
}

/* Writes "cte_map" and adds its names to *ctes. */
static status with(struct gate *g, struct gate_scope *outer, struct gate_cte **ctes,
                   const struct json *node)
{
    const struct json *map = json_get(json_get(node, "cte_map"), "map");
    if (map == NULL || map->kind != JSON_ARRAY) {
        return gate_refuse(g, "the tree has an unknown form");
    }
    json_write_key(&g->w, "cte_map");
    json_write_object_begin(&g->w);
    json_write_key(&g->w, "map");
    json_write_array_begin(&g->w);
    for (const struct json *entry = map->as.children.first; entry != NULL; entry = entry->next) {
        TRY(declare_cte(g, outer, ctes, entry));
    }
    json_write_array_end(&g->w);
    json_write_object_end(&g->w);
    return STATUS_IS_OK;
}

/* --- the select list ----------------------------------------------------------------------------
 */

static bool is_star(const struct json *item)
{
    return str_eq_c(gate_text(item, "class"), "STAR");
}

static bool is_excluded(const struct json *star, str name)
{
    const struct json *names = json_get(star, "exclude_list");
    for (const struct json *n = names->as.children.first; n != NULL; n = n->next) {
        str excluded = {NULL, 0};
        (void)json_as_text(n, &excluded);
        if (str_eq_nocase(excluded, name)) {
            return true;
        }
    }
    const struct json *qualified = json_get(star, "qualified_exclude_list");
    for (const struct json *n = qualified->as.children.first; n != NULL; n = n->next) {
        if (str_eq_nocase(gate_text(n, "column"), name)) {
            return true;
        }
    }
    return false;
}

/* The column as the star shows it, when it is replaced or renamed. */
static void change_column(const struct json *star, struct gate_column *column)
{
    const struct json *replaced = json_get(star, "replace_list");
    for (const struct json *r = replaced->as.children.first; r != NULL; r = r->next) {
        if (str_eq_nocase(gate_text(r, "key"), column->name)) {
            gate_column_forget(column);
            column->is_never_date = false;
            column->deleted_of = 0;
        }
    }
    const struct json *renamed = json_get(star, "rename_list");
    for (const struct json *r = renamed->as.children.first; r != NULL; r = r->next) {
        if (str_eq_nocase(gate_text(json_get(r, "key"), "column"), column->name)) {
            column->name = gate_text(r, "value");
        }
    }
}

static status star(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                   const struct json *node, const struct gate_columns *from,
                   struct gate_columns *columns)
{
    static const char *const lists[] = {"exclude_list", "replace_list", "qualified_exclude_list",
                                        "rename_list"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        const struct json *list = json_get(node, lists[i]);
        if (list == NULL || list->kind != JSON_ARRAY) {
            return gate_refuse(g, "the tree has an unknown form");
        }
    }
    bool is_columns = true;
    (void)json_as_bool(json_get(node, "columns"), &is_columns);
    const struct json *expr = json_get(node, "expr");
    if (is_columns || (expr != NULL && !json_is_null(expr))) {
        return gate_refuse(g, "COLUMNS(...) is not available");
    }
    if (gate_text(node, "alias").n > 0) {
        return gate_refuse(g, "* has no alias");
    }
    str relation_name = gate_text(node, "relation_name");
    const struct gate_columns *all = from;
    if (relation_name.n > 0) {
        const struct gate_relation *relation =
            gate_find_relation(scope, STR_LIT(""), relation_name);
        if (relation == NULL) {
            return error_set(g->err, ERROR_COLUMN_NOT_FOUND,
                             "Schema error: Invalid qualifier " STR_FMT, STR(relation_name));
        }
        all = &relation->columns;
    }
    TRY(gate_count(g));
    json_write_object_begin(&g->w);
    for (const struct json *m = node->as.children.first; m != NULL; m = m->next) {
        if (!str_eq_c(m->key, "replace_list")) {
            gate_copy(g, m);
            continue;
        }
        json_write_key(&g->w, "replace_list");
        json_write_array_begin(&g->w);
        for (const struct json *r = m->as.children.first; r != NULL; r = r->next) {
            json_write_object_begin(&g->w);
            gate_copy(g, json_get(r, "key"));
            json_write_key(&g->w, "value");
            const struct json *value = json_get(r, "value");
            TRY(gate_value_as(g, scope, ctes, value, gate_text(value, "alias")));
            json_write_object_end(&g->w);
        }
        json_write_array_end(&g->w);
    }
    json_write_object_end(&g->w);
    columns->is_open = columns->is_open || all->is_open;
    for (unsigned i = 0; i < all->count; i++) {
        struct gate_column column = all->items[i];
        if (!is_excluded(node, column.name)) {
            change_column(node, &column);
            gate_columns_add(g, columns, column);
        }
    }
    TRY(gate_check_width(g, columns));
    return gate_unfold(g, all->count / 8); /* a column is far less than an expression */
}

/* The column that an item of the select list makes. */
static struct gate_column column_of(const struct gate *g, struct gate_scope *scope,
                                    const struct json *item, str name)
{
    const struct gate_column *found =
        str_eq_c(gate_text(item, "class"), "COLUMN_REF") ? gate_column_of(scope, item) : NULL;
    struct gate_column column = {.name = name, .system_column = -1};
    if (found != NULL) {
        column = *found;
        column.name = name;
    } else {
        column.type = gate_type_of(g, scope, item);
        column.is_never_date = !gate_may_be_date(g, scope, item);
    }
    return column;
}

static status select_item(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                          const struct json *item, struct gate_columns *columns)
{
    str alias = gate_text(item, "alias");
    str class = gate_text(item, "class");
    str name = alias.n > 0 ? alias : gate_name_of(g, item);
    bool is_column = str_eq_c(class, "COLUMN_REF");
    bool is_word = false;
    if (is_column && alias.n == 0) {
        str word = {NULL, 0};
        const struct json *names = json_get(item, "column_names");
        is_word = names != NULL && names->as.children.count == 1 &&
                  json_as_text(json_at(names, 0), &word) && gate_session_word(word) >= 0;
    }
    /* a column keeps its own name by itself, and an alias on it would change what ORDER BY means */
    str written = is_column && !is_word ? alias : name;
    uint64_t cost = gate_cost(g);
    TRY(gate_value_as(g, scope, ctes, item, written));
    struct gate_alias *known = ARENA_NEW(g->arena, struct gate_alias);
    *known = (struct gate_alias){.name = name, .cost = gate_cost(g) - cost, .next = scope->aliases};
    scope->aliases = known;
    if (str_eq_c(class, "FUNCTION") &&
        str_eq_nocase(gate_text(item, "function_name"), STR_LIT("unnest"))) {
        columns->is_open = false; /* one column: structs cannot be made here */
    }
    gate_columns_add(g, columns, column_of(g, scope, item, name));
    return gate_check_width(g, columns);
}

static status select_list(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                          const struct json *node, const struct gate_columns *from,
                          struct gate_columns *columns)
{
    const struct json *list = json_get(node, "select_list");
    if (list == NULL || list->kind != JSON_ARRAY) {
        return gate_refuse(g, "the tree has an unknown form");
    }
    json_write_key(&g->w, "select_list");
    json_write_array_begin(&g->w);
    for (const struct json *item = list->as.children.first; item != NULL; item = item->next) {
        if (is_star(item)) {
            TRY(star(g, scope, ctes, item, from, columns));
        } else {
            TRY(select_item(g, scope, ctes, item, columns));
        }
    }
    json_write_array_end(&g->w);
    return STATUS_IS_OK;
}

/* --- order and limit ----------------------------------------------------------------------------
 */

static void write_constant(struct gate *g, int64_t v)
{
    json_write_raw(&g->w, arena_format(g->arena,
                                       "{\"class\":\"CONSTANT\",\"type\":\"VALUE_CONSTANT\","
                                       "\"alias\":\"\",\"query_location\":18446744073709551615,"
                                       "\"value\":{\"type\":{\"id\":\"BIGINT\",\"type_info\":null},"
                                       "\"is_null\":false,\"value\":%lld}}",
                                       (long long)v));
}

/* least(<limit>, max): what a parameter or a subquery asks for, up to the cap; NULL (all) too. */
static status write_least(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                          const struct json *limit, int64_t max)
{
    json_write_raw_begin(&g->w);
    buf_append_c(&g->out,
                 "{\"class\":\"FUNCTION\",\"type\":\"FUNCTION\",\"alias\":\"\",\"query_location\":"
                 "18446744073709551615,\"function_name\":\"least\",\"schema\":\"\",\"filter\":null,"
                 "\"order_bys\":{\"type\":\"ORDER_MODIFIER\",\"orders\":[]},\"distinct\":false,"
                 "\"is_operator\":false,\"export_state\":false,\"catalog\":\"\",\"children\":");
    struct json_writer outer = g->w;
    g->w = json_writer_on(&g->out);
    json_write_array_begin(&g->w);
    TRY(gate_expr(g, scope, ctes, limit));
    write_constant(g, max);
    json_write_array_end(&g->w);
    g->w = outer;
    buf_append_c(&g->out, "}");
    return STATUS_IS_OK;
}

static bool constant_limit(const struct json *limit, bool *is_null, int64_t *value)
{
    const struct json *content = json_get(limit, "value");
    if (!str_eq_c(gate_text(limit, "class"), "CONSTANT") ||
        !json_as_bool(json_get(content, "is_null"), is_null)) {
        return false;
    }
    return *is_null || json_as_i64(json_get(content, "value"), value);
}

/* One row more than may be sent is asked for: if it comes, the result was cut. */
static status write_limit(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                          const struct json *limit, const struct json *offset, bool is_top)
{
    const struct gate_options *o = g->options;
    bool has_limit = limit != NULL && !json_is_null(limit);
    bool is_null = false;
    int64_t wanted = 0;
    json_write_object_begin(&g->w);
    gate_write_text(g, "type", STR_LIT("LIMIT_MODIFIER"));
    json_write_key(&g->w, "limit");
    bool is_constant = has_limit && constant_limit(limit, &is_null, &wanted);
    if (!is_top) {
        if (has_limit) {
            TRY(gate_expr(g, scope, ctes, limit));
        } else {
            json_write_null(&g->w);
        }
    } else if (!has_limit) {
        g->plan->row_max = o->default_limit;
        if (o->default_limit > 0) {
            write_constant(g, (int64_t)o->default_limit + 1);
        } else {
            json_write_null(&g->w);
        }
    } else if (o->limit_max == 0) {
        TRY(gate_expr(g, scope, ctes, limit));
    } else if (is_constant && !is_null && wanted <= (int64_t)o->limit_max) {
        write_constant(g, wanted);
    } else if (is_constant) {
        g->plan->row_max = o->limit_max;
        write_constant(g, (int64_t)o->limit_max + 1);
    } else {
        g->plan->row_max = o->limit_max;
        TRY(write_least(g, scope, ctes, limit, (int64_t)o->limit_max + 1));
    }
    json_write_key(&g->w, "offset");
    if (offset != NULL && !json_is_null(offset)) {
        TRY(gate_expr(g, scope, ctes, offset));
    } else {
        json_write_null(&g->w);
    }
    json_write_object_end(&g->w);
    return STATUS_IS_OK;
}

/* The place of the column that orders a result when nobody says otherwise, from 1; 0: none. */
static unsigned default_order(const struct json *node, const struct gate_columns *columns,
                              const struct gate_columns *from)
{
    if (!str_eq_c(gate_text(node, "type"), "SELECT_NODE") || columns->is_open || !from->is_table) {
        return 0;
    }
    const struct gate_table *table = from->items[0].table;
    const struct schema *schema = table->decision.schema;
    for (unsigned i = 0; i < columns->count; i++) {
        const struct gate_column *c = &columns->items[i];
        bool is_key = schema->primary_key >= 0
                          ? c->column == &schema->columns[schema->primary_key]
                          : c->table == table && c->system_column == SYSTEM_SEQ;
        str key_name = schema->primary_key >= 0 ? schema->columns[schema->primary_key].name
                                                : str_from(system_column_name(SYSTEM_SEQ));
        if (is_key && c->table == table && str_eq_nocase(c->name, key_name)) {
            return i + 1;
        }
    }
    return 0;
}

static void write_default_order(struct gate *g, unsigned place)
{
    json_write_object_begin(&g->w);
    gate_write_text(g, "type", STR_LIT("ORDER_MODIFIER"));
    json_write_key(&g->w, "orders");
    json_write_array_begin(&g->w);
    json_write_object_begin(&g->w);
    gate_write_text(g, "type", STR_LIT("ORDER_DEFAULT"));
    gate_write_text(g, "null_order", STR_LIT("ORDER_DEFAULT"));
    json_write_key(&g->w, "expression");
    write_constant(g, place);
    json_write_object_end(&g->w);
    json_write_array_end(&g->w);
    json_write_object_end(&g->w);
}

static status modifiers(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                        const struct json *node, bool is_top, const struct gate_columns *columns,
                        const struct gate_columns *from)
{
    const struct json *list = json_get(node, "modifiers");
    if (list == NULL || list->kind != JSON_ARRAY) {
        return gate_refuse(g, "the tree has an unknown form");
    }
    const struct json *limit = NULL;
    const struct json *offset = NULL;
    bool has_limit = false;
    bool has_order = false;
    json_write_key(&g->w, "modifiers");
    json_write_array_begin(&g->w);
    for (const struct json *m = list->as.children.first; m != NULL; m = m->next) {
        str type = gate_text(m, "type");
        if (str_eq_c(type, "LIMIT_MODIFIER") && !has_limit) {
            has_limit = true;
            limit = json_get(m, "limit");
            offset = json_get(m, "offset");
        } else if (str_eq_c(type, "ORDER_MODIFIER") && !has_limit) {
            has_order = true;
            json_write_object_begin(&g->w);
            gate_write_text(g, "type", type);
            json_write_key(&g->w, "orders");
            TRY(gate_orders(g, scope, ctes, json_get(m, "orders")));
            json_write_object_end(&g->w);
        } else if (str_eq_c(type, "DISTINCT_MODIFIER") && !has_limit) {
            json_write_object_begin(&g->w);
            gate_write_text(g, "type", type);
            json_write_key(&g->w, "distinct_on_targets");
            TRY(gate_exprs(g, scope, ctes, json_get(m, "distinct_on_targets")));
            json_write_object_end(&g->w);
        } else {
            return gate_refuse(g, STR_FMT " is not available", STR(type));
        }
    }
    unsigned place = is_top && !has_order ? default_order(node, columns, from) : 0;
    if (place > 0) {
        write_default_order(g, place);
    }
    if (is_top || has_limit) {
        TRY(write_limit(g, scope, ctes, limit, offset, is_top));
    }
    json_write_array_end(&g->w);
    return STATUS_IS_OK;
}

/* --- nodes --------------------------------------------------------------------------------------
 */

static status optional_expr(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                            const struct json *node, const char *key, bool is_filter)
{
    const struct json *expr = json_get(node, key);
    json_write_key(&g->w, key);
    if (expr == NULL || json_is_null(expr)) {
        json_write_null(&g->w);
        return STATUS_IS_OK;
    }
    bool is_in_filter = g->is_in_filter;
    g->is_in_filter = is_filter;
    TRY(gate_expr(g, scope, ctes, expr));
    g->is_in_filter = is_in_filter;
    return STATUS_IS_OK;
}

static status check_keys(struct gate *g, const struct json *node, const char *const *keys,
                         size_t count)
{
    for (const struct json *m = node->as.children.first; m != NULL; m = m->next) {
        bool is_known = false;
        for (size_t i = 0; i < count; i++) {
            is_known = is_known || str_eq_c(m->key, keys[i]);
        }
        if (!is_known) {
            return gate_refuse(g, STR_FMT " of a query is not known", STR(m->key));
        }
    }
    return STATUS_IS_OK;
}

static status select_node(struct gate *g, struct gate_scope *outer, struct gate_cte *ctes,
                          const struct json *node, bool is_top, struct gate_columns *columns)
{
    static const char *const keys[] = {"type",
                                       "modifiers",
                                       "cte_map",
                                       "select_list",
                                       "from_table",
                                       "where_clause",
                                       "group_expressions",
                                       "group_sets",
                                       "aggregate_handling",
                                       "having",
                                       "sample",
                                       "qualify"};
    TRY(check_keys(g, node, keys, sizeof keys / sizeof keys[0]));
    const struct json *sets = json_get(node, "group_sets");
    if (sets != NULL && sets->as.children.count > GATE_GROUPING_SETS_MAX) {
        return error_set(g->err, ERROR_LIMIT, "more than %d grouping sets", GATE_GROUPING_SETS_MAX);
    }
    struct gate_scope scope = {.outer = outer};
    struct gate_columns from = {0};
    json_write_object_begin(&g->w);
    gate_write_text(g, "type", STR_LIT("SELECT_NODE"));
    TRY(with(g, outer, &ctes, node));
    json_write_key(&g->w, "from_table");
    TRY(gate_from(g, &scope, ctes, json_get(node, "from_table"), &from));
    TRY(select_list(g, &scope, ctes, node, &from, columns));
    TRY(optional_expr(g, &scope, ctes, node, "where_clause", true));
    json_write_key(&g->w, "group_expressions");
    TRY(gate_exprs(g, &scope, ctes, json_get(node, "group_expressions")));
    gate_copy(g, sets);
    gate_copy(g, json_get(node, "aggregate_handling"));
    TRY(optional_expr(g, &scope, ctes, node, "having", true));
    gate_copy(g, json_get(node, "sample"));
    TRY(optional_expr(g, &scope, ctes, node, "qualify", true));
    TRY(modifiers(g, &scope, ctes, node, is_top, columns, &from));
    json_write_object_end(&g->w);
    return STATUS_IS_OK;
}

static status set_operation(struct gate *g, struct gate_scope *outer, struct gate_cte *ctes,
                            const struct json *node, bool is_top, struct gate_columns *columns)
{
    static const char *const keys[] = {"type", "modifiers", "cte_map",   "setop_type",
                                       "left", "right",     "setop_all", "children"};
    TRY(check_keys(g, node, keys, sizeof keys / sizeof keys[0]));
    const struct json *children = json_get(node, "children");
    if (children != NULL && children->as.children.count > 0) {
        return gate_refuse(g, "a set operation of this form is not known");
    }
    struct gate_columns right = {0};
    struct gate_columns none = {0};
    struct gate_scope scope = {.outer = outer};
    json_write_object_begin(&g->w);
    gate_write_text(g, "type", STR_LIT("SET_OPERATION_NODE"));
    TRY(with(g, outer, &ctes, node));
    gate_copy(g, json_get(node, "setop_type"));
    json_write_key(&g->w, "left");
    TRY(gate_node(g, outer, ctes, json_get(node, "left"), false, columns));
    json_write_key(&g->w, "right");
    TRY(gate_node(g, outer, ctes, json_get(node, "right"), false, &right));
    gate_copy(g, json_get(node, "setop_all"));
    json_write_key(&g->w, "children");
    json_write_raw(&g->w, STR_LIT("[]"));
    for (unsigned i = 0; i < columns->count; i++) {
        columns->items[i].deleted_of |= i < right.count ? right.items[i].deleted_of : 0;
        if (i < right.count) {
            gate_column_merge(&columns->items[i], &right.items[i]);
        } else {
            gate_column_forget(&columns->items[i]);
        }
    }
    TRY(modifiers(g, &scope, ctes, node, is_top, columns, &none));
    json_write_object_end(&g->w);
    return STATUS_IS_OK;
}

static status gate_node(struct gate *g, struct gate_scope *outer, struct gate_cte *ctes,
                        const struct json *node, bool is_top, struct gate_columns *columns)
{
    /* WITH ... AS MATERIALIZED: a wrapper around a node that has the same cte_map */
    while (str_eq_c(gate_text(node, "type"), "CTE_NODE")) {
        node = json_get(node, "child");
    }
    if (node == NULL || node->kind != JSON_OBJECT) {
        return gate_refuse(g, "the tree has an unknown form");
    }
    if (++g->query_depth > GATE_QUERY_DEPTH_MAX) {
        return error_set(g->err, ERROR_LIMIT, "queries are nested deeper than %d levels",
                         GATE_QUERY_DEPTH_MAX);
    }
    TRY(gate_count(g));
    str type = gate_text(node, "type");
    status result;
    if (str_eq_c(type, "SELECT_NODE")) {
        result = select_node(g, outer, ctes, node, is_top, columns);
    } else if (str_eq_c(type, "SET_OPERATION_NODE")) {
        result = set_operation(g, outer, ctes, node, is_top, columns);
    } else {
        result = gate_refuse(g, "queries of kind " STR_FMT " are not available", STR(type));
    }
    g->query_depth--;
    return result;
}

status gate_query(struct gate *g, struct gate_scope *outer, struct gate_cte *ctes,
                  const struct json *node, bool is_top, struct gate_columns *columns)
{
    return gate_node(g, outer, ctes, node, is_top, columns);
}

status gate_statement(struct gate *g, struct gate_scope *outer, struct gate_cte *ctes,
                      const struct json *statement, bool is_top, struct gate_columns *columns)
{
    const struct json *node = json_get(statement, "node");
    if (node == NULL) {
        return gate_refuse(g, "the tree has an unknown form");
    }
    json_write_object_begin(&g->w);
    json_write_key(&g->w, "node");
    TRY(gate_node(g, outer, ctes, node, is_top, columns));
    json_write_key(&g->w, "named_param_map");
    json_write_raw(&g->w, STR_LIT("[]"));
    json_write_object_end(&g->w);
    return STATUS_IS_OK;
}
