/* query/gate_expr.c -- expressions: checked part by part and written again.
 * For:      each class of node has a row that says what its parts are; a part that no row names is
 *           refused. Special classes (names, functions, literals, parameters) have a function.
 * Threads:  one check, one thread. */
#include "query/gate_private.h"

#include "base/check.h"

/* What a part of a node is. */
enum part {
    PART_COPY,         /* flags, enumerations, positions in the text */
    PART_EXPR,         /* null is allowed */
    PART_VALUE,        /* the same, as a value that may be seen */
    PART_EXPRS,        /* an array */
    PART_ORDERS,       /* an array of {type, null_order, expression} */
    PART_ORDER_BY,     /* {"type":"ORDER_MODIFIER","orders":[...]} */
    PART_CASES,        /* an array of {when_expr, then_expr} */
    PART_QUERY,        /* {"node":...} */
    PART_TYPE,         /* a type */
    PART_OPERATOR,     /* an operator that must be known */
    PART_SUBQUERY_KIND /* EXISTS ... */
};

enum { PARTS_MAX = 20 };
struct class_row {
    const char *class;
    struct {
        const char *key;
        enum part part;
    } parts[PARTS_MAX];
};

#define COMMON                                                                                     \
    {"class", PART_COPY}, {"type", PART_COPY}, {"alias", PART_COPY},                               \
    {                                                                                              \
        "query_location", PART_COPY                                                                \
    }

static const struct class_row classes[] = {
    {"BETWEEN", {COMMON, {"input", PART_EXPR}, {"lower", PART_EXPR}, {"upper", PART_EXPR}}},
    {"CASE", {COMMON, {"case_checks", PART_CASES}, {"else_expr", PART_VALUE}}},
    {"CAST", {COMMON, {"child", PART_EXPR}, {"cast_type", PART_TYPE}, {"try_cast", PART_COPY}}},
    {"COMPARISON", {COMMON, {"left", PART_EXPR}, {"right", PART_EXPR}}},
    {"CONJUNCTION", {COMMON, {"children", PART_EXPRS}}},
    {"OPERATOR",
     {{"class", PART_COPY},
      {"type", PART_OPERATOR},
      {"alias", PART_COPY},
      {"query_location", PART_COPY},
      {"children", PART_EXPRS}}},
    {"POSITIONAL_REFERENCE", {COMMON, {"index", PART_COPY}}},
    {"SUBQUERY",
     {COMMON,
      {"subquery_type", PART_SUBQUERY_KIND},
      {"subquery", PART_QUERY},
      {"child", PART_EXPR},
      {"comparison_type", PART_COPY}}},
};

/* Parts of functions, which have their own way of being written. */
static const struct class_row function_row = {"FUNCTION",
                                              {COMMON,
                                               {"children", PART_EXPRS},
                                               {"filter", PART_EXPR},
                                               {"order_bys", PART_ORDER_BY},
                                               {"distinct", PART_COPY},
                                               {"is_operator", PART_COPY},
                                               {"export_state", PART_COPY}}};
static const struct class_row window_row = {"WINDOW",
                                            {COMMON,
                                             {"children", PART_EXPRS},
                                             {"partitions", PART_EXPRS},
                                             {"orders", PART_ORDERS},
                                             {"start", PART_COPY},
                                             {"end", PART_COPY},
                                             {"start_expr", PART_EXPR},
                                             {"end_expr", PART_EXPR},
                                             {"offset_expr", PART_EXPR},
                                             {"default_expr", PART_EXPR},
                                             {"ignore_nulls", PART_COPY},
                                             {"filter_expr", PART_EXPR},
                                             {"exclude_clause", PART_COPY},
                                             {"distinct", PART_COPY},
                                             {"arg_orders", PART_ORDERS}}};

static const char *const operators[] = {
    "COMPARE_IN",           "COMPARE_NOT_IN",    "OPERATOR_NOT",    "OPERATOR_IS_NULL",
    "OPERATOR_IS_NOT_NULL", "OPERATOR_COALESCE", "ARRAY_EXTRACT",   "ARRAY_SLICE",
    "ARRAY_CONSTRUCTOR",    "GROUPING_FUNCTION", "OPERATOR_NULLIF",
};
static const char *const subquery_kinds[] = {"EXISTS", "NOT_EXISTS", "SCALAR", "ANY"};

/* --- types --------------------------------------------------------------------------------------
 */

static const char *const plain_types[] = {
    "BOOLEAN",      "TINYINT",      "SMALLINT",  "INTEGER",   "BIGINT",
    "HUGEINT",      "UTINYINT",     "USMALLINT", "UINTEGER",  "UBIGINT",
    "UHUGEINT",     "FLOAT",        "DOUBLE",    "DECIMAL",   "VARCHAR",
    "BLOB",         "DATE",         "TIME",      "TIMESTAMP", "TIMESTAMP_S",
    "TIMESTAMP_MS", "TIMESTAMP_NS", "INTERVAL",  "UUID",      "TIMESTAMP WITH TIME ZONE",
};

static void write_plain_type(struct gate *g, const char *name)
{
    json_write_object_begin(&g->w);
    gate_write_text(g, "id", str_from(name));
    json_write_key(&g->w, "type_info");
    json_write_null(&g->w);
    json_write_object_end(&g->w);
}

/* JSON is a text here; a check of its form is not what a cast in a query is for. */
static status write_type(struct gate *g, const struct json *type, unsigned depth)
{
    str id = gate_text(type, "id");
    const struct json *info = json_get(type, "type_info");
    if (depth > GATE_TYPE_DEPTH_MAX) {
        return gate_refuse(g, "a type is nested too deep");
    }
    if (str_eq_c(id, "USER")) {
        if (!str_eq_nocase(gate_text(info, "user_type_name"), STR_LIT("json"))) {
            return gate_refuse(g, "Unsupported SQL type " STR_FMT,
                               STR(gate_text(info, "user_type_name")));
        }
        write_plain_type(g, "VARCHAR");
        return STATUS_IS_OK;
    }
    if (GATE_IS_ONE_OF(id, plain_types)) {
        g->has_decimal |= str_eq_c(id, "DECIMAL");
        if (str_eq_c(id, "DECIMAL") && info != NULL && !json_is_null(info)) {
            json_append(json_write_raw_begin(&g->w), type);
        } else {
            write_plain_type(g, arena_copy(g->arena, id).p);
        }
        return STATUS_IS_OK;
    }
    int64_t size = 0;
    bool is_list = str_eq_c(id, "LIST");
    bool is_array = str_eq_c(id, "ARRAY") && json_as_i64(json_get(info, "size"), &size) &&
                    size <= LIMIT_EMBEDDING_DIMENSION;
    if (!is_list && (!is_array || depth > 0)) {
        return gate_refuse(g, "Unsupported SQL type " STR_FMT, STR(id));
    }
    json_write_object_begin(&g->w);
    gate_write_text(g, "id", id);
    json_write_key(&g->w, "type_info");
    json_write_object_begin(&g->w);
    gate_write_text(g, "type", gate_text(info, "type"));
    gate_write_text(g, "alias", STR_LIT(""));
    json_write_key(&g->w, "extension_info");
    json_write_null(&g->w);
    json_write_key(&g->w, "child_type");
    TRY(write_type(g, json_get(info, "child_type"), depth + 1));
    if (is_array) {
        json_write_key(&g->w, "size");
        json_write_i64(&g->w, size);
    }
    json_write_object_end(&g->w);
    json_write_object_end(&g->w);
    return STATUS_IS_OK;
}

/* --- names in a scope ---------------------------------------------------------------------------
 */

struct gate_relation *gate_find_relation(struct gate_scope *scope, str ns, str alias)
{
    for (; scope != NULL; scope = scope->outer) {
        for (struct gate_relation *r = scope->relations; r != NULL; r = r->next) {
            if (r->alias.n > 0 && str_eq_nocase(r->alias, alias) &&
                (ns.n == 0 || str_eq_nocase(r->namespace_name, ns))) {
                return r;
            }
        }
    }
    return NULL;
}

struct gate_relation *gate_relation_of(struct gate_scope *scope, const struct json *names)
{
    uint32_t count = names->as.children.count;
    str ns = {NULL, 0};
    str table = {NULL, 0};
    if (count > 2) {
        (void)json_as_text(json_at(names, count - 3), &ns);
    }
    (void)json_as_text(json_at(names, count - 2), &table);
    return gate_find_relation(scope, ns, table);
}

const struct gate_column *gate_find_column(struct gate_scope *scope, str name, bool *is_open)
{
    *is_open = false;
    for (; scope != NULL; scope = scope->outer) {
        for (struct gate_relation *r = scope->relations; r != NULL; r = r->next) {
            *is_open |= r->columns.is_open;
            for (unsigned i = 0; i < r->columns.count; i++) {
                if (str_eq_nocase(r->columns.items[i].name, name)) {
                    return &r->columns.items[i];
                }
            }
        }
    }
    return NULL;
}

static const struct gate_alias *find_alias(struct gate_scope *scope, str name)
{
    for (; scope != NULL; scope = scope->outer) {
        for (const struct gate_alias *a = scope->aliases; a != NULL; a = a->next) {
            if (str_eq_nocase(a->name, name)) {
                return a;
            }
        }
    }
    return NULL;
}

/* --- special classes ----------------------------------------------------------------------------
 */

static void write_head(struct gate *g, const char *class, const char *type, str alias)
{
    gate_write_text(g, "class", str_from(class));
    gate_write_text(g, "type", str_from(type));
    gate_write_text(g, "alias", alias);
    json_write_key(&g->w, "query_location");
    json_write_raw(&g->w, STR_LIT("18446744073709551615"));
}

static unsigned count_bits(uint64_t bits)
{
    return (unsigned)__builtin_popcountll(bits);
}

static void write_parameter(struct gate *g, unsigned number, str alias)
{
    char text[16];
    g->parameters_written++;
    snprintf(text, sizeof text, "%u", number);
    json_write_object_begin(&g->w);
    write_head(g, "PARAMETER", "VALUE_PARAMETER", alias);
    gate_write_text(g, "identifier", str_from(text));
    json_write_object_end(&g->w);
}

static void write_hidden(struct gate *g, int hidden, str alias)
{
    if (g->hidden_at[hidden] < 0) {
        g->hidden_at[hidden] = (int)g->plan->hidden_count;
        g->plan->hidden[g->plan->hidden_count++] = (enum gate_hidden)hidden;
    }
    write_parameter(g, count_bits(g->parameters_kept) + (unsigned)g->hidden_at[hidden] + 1, alias);
}

static_assert(LIMIT_PARAMS <= 64, "one bit per parameter");

static status parameter(struct gate *g, const struct json *node, str alias)
{
    int64_t number;
    str identifier = gate_text(node, "identifier");
    if (!str_to_i64(identifier, &number) || number < 1 || number > LIMIT_PARAMS) {
        return gate_refuse(g, "parameter $" STR_FMT ": write $1, $2 ...", STR(identifier));
    }
    if (g->is_in_view) {
        return gate_refuse(g, "a view has no parameters");
    }
    uint64_t bit = (uint64_t)1 << (number - 1);
    g->parameters_used |= bit;
    write_parameter(g, count_bits(g->parameters_kept & (bit - 1)) + 1, alias);
    return STATUS_IS_OK;
}

/* ns.table.column: the namespace is written as the schema of the view that stands for the table.
 * A stored view is a subquery there, whose alias has no schema: nothing nearer may have that name.
 */
static status qualified_column(struct gate *g, struct gate_scope *scope, const struct json *names,
                               str alias)
{
    str ns = {NULL, 0};
    str table = {NULL, 0};
    (void)json_as_text(json_at(names, 0), &ns);
    (void)json_as_text(json_at(names, 1), &table);
    const struct gate_relation *r = gate_find_relation(scope, ns, table);
    bool is_view = r != NULL && r->engine_schema.n == 0;
    if (r == NULL || (is_view && gate_find_relation(scope, STR_LIT(""), table) != r)) {
        return error_set(g->err, ERROR_COLUMN_NOT_FOUND,
                         "Schema error: No field named " STR_FMT "." STR_FMT ".", STR(ns),
                         STR(table));
    }
    json_write_object_begin(&g->w);
    write_head(g, "COLUMN_REF", "COLUMN_REF", alias);
    json_write_key(&g->w, "column_names");
    json_write_array_begin(&g->w);
    if (!is_view) {
        json_write_text(&g->w, r->engine_schema);
    }
    for (const struct json *n = json_at(names, 1); n != NULL; n = n->next) {
        str name = {NULL, 0};
        (void)json_as_text(n, &name);
        json_write_text(&g->w, name);
    }
    json_write_array_end(&g->w);
    json_write_object_end(&g->w);
    return STATUS_IS_OK;
}

static status single_column(struct gate *g, struct gate_scope *scope, str name)
{
    bool is_open;
    if (gate_find_column(scope, name, &is_open) != NULL) {
        return STATUS_IS_OK;
    }
    bool is_alias = g->is_alias_first && find_alias(scope, name) != NULL;
    if (!is_open && !is_alias && gate_find_relation(scope, STR_LIT(""), name) != NULL) {
        return gate_refuse(g, "a whole row (" STR_FMT ") is no value: name its columns", STR(name));
    }
    const struct gate_alias *alias = find_alias(scope, name);
    if (alias == NULL && gate_is_engine_word(name)) {
        /* no column and no alias: the engine would call a function of its own session */
        return error_set(g->err, ERROR_COLUMN_NOT_FOUND,
                         "Schema error: No field named " STR_FMT ".", STR(name));
    }
    return alias != NULL ? gate_unfold(g, alias->cost) : STATUS_IS_OK;
}

/* A filter names `_deleted`: the tables that it comes from, through WITH, views and subqueries, are
 * read with their tombstones. */
static void note_deleted(struct gate *g, struct gate_scope *scope, const struct json *names,
                         unsigned count)
{
    bool is_open;
    if (count == 1) {
        const struct gate_column *column = gate_find_column(scope, STR_LIT("_deleted"), &is_open);
        g->raw_relations |= column != NULL ? column->deleted_of : 0;
        return;
    }
    const struct gate_relation *r = gate_relation_of(scope, names);
    for (unsigned i = 0; r != NULL && i < r->columns.count; i++) {
        if (str_eq_nocase(r->columns.items[i].name, STR_LIT("_deleted"))) {
            g->raw_relations |= r->columns.items[i].deleted_of;
        }
    }
}

static status column_ref(struct gate *g, struct gate_scope *scope, const struct json *node,
                         str alias)
{
    const struct json *names = json_get(node, "column_names");
    unsigned count = names != NULL && names->kind == JSON_ARRAY ? names->as.children.count : 0;
    str first = {NULL, 0};
    str last = {NULL, 0};
    for (unsigned i = 0; i < count; i++) {
        if (!json_as_text(json_at(names, i), &last)) {
            count = 0;
        }
    }
    if (count < 1 || count > 4) {
        return gate_refuse(g, "a name of this form is not known");
    }
    (void)json_as_text(json_at(names, 0), &first);
    if (g->is_in_filter && str_eq_nocase(last, STR_LIT("_deleted"))) {
        note_deleted(g, scope, names, count);
    }
    if (count >= 3) {
        return qualified_column(g, scope, names, alias);
    }
    if (count == 1) {
        int hidden = gate_session_word(first);
        if (hidden >= 0) {
            write_hidden(g, hidden, alias);
            return STATUS_IS_OK;
        }
        TRY(single_column(g, scope, first));
    }
    json_write_object_begin(&g->w);
    write_head(g, "COLUMN_REF", "COLUMN_REF", alias);
    gate_copy(g, names);
    json_write_object_end(&g->w);
    return STATUS_IS_OK;
}

/* CAST('<text>' AS <type>), `plain_type` when `type` is NULL: how a number is written whose digits
 * alone would be read as another type. */
static void write_cast_of_text(struct gate *g, str text, const struct json *type,
                               const char *plain_type, str alias)
{
    json_write_object_begin(&g->w);
    write_head(g, "CAST", "OPERATOR_CAST", alias);
    json_write_key(&g->w, "child");
    json_write_object_begin(&g->w);
    write_head(g, "CONSTANT", "VALUE_CONSTANT", STR_LIT(""));
    json_write_key(&g->w, "value");
    json_write_object_begin(&g->w);
    json_write_key(&g->w, "type");
    write_plain_type(g, "VARCHAR");
    json_write_key(&g->w, "is_null");
    json_write_bool(&g->w, false);
    gate_write_text(g, "value", text);
    json_write_object_end(&g->w);
    json_write_object_end(&g->w);
    json_write_key(&g->w, "cast_type");
    if (type != NULL) {
        json_append(json_write_raw_begin(&g->w), type);
    } else {
        write_plain_type(g, plain_type);
    }
    json_write_key(&g->w, "try_cast");
    json_write_bool(&g->w, false);
    json_write_object_end(&g->w);
}

/* The digits of a DECIMAL constant; false: not of the form known. */
static bool decimal_text(struct gate *g, const struct json *type, const struct json *value,
                         str *out)
{
    int64_t scale;
    int64_t upper;
    uint64_t lower;
    int128 unscaled;
    int64_t small;
    if (!json_as_i64(json_get(json_get(type, "type_info"), "scale"), &scale) || scale < 0 ||
        scale > LIMIT_DECIMAL_PRECISION) {
        return false;
    }
    if (json_as_i64(value, &small)) {
        unscaled = small;
    } else if (json_as_i64(json_get(value, "upper"), &upper) &&
               json_as_u64(json_get(value, "lower"), &lower)) {
        unscaled = (int128)upper * ((int128)1 << 64) + (int128)lower;
    } else {
        return false;
    }
    struct buf text;
    buf_init(&text);
    decimal_append_text(&text, unscaled, (unsigned)scale);
    *out = arena_copy(g->arena, buf_str(&text));
    buf_release(&text);
    return true;
}

/* A literal with a point is a DOUBLE for the original; it stays exact where the statement has to do
 * with DECIMAL. Numbers of type DOUBLE are printed without an exponent and would be read as
 * DECIMAL. A whole number is a BIGINT for the original: so is one that is a value. */
static status constant(struct gate *g, const struct json *node, bool is_value, str alias)
{
    const struct json *value = json_get(node, "value");
    const struct json *type = json_get(value, "type");
    const struct json *content = json_get(value, "value");
    str id = gate_text(type, "id");
    bool is_null = false;
    (void)json_as_bool(json_get(value, "is_null"), &is_null);
    if (!is_null && str_eq_c(id, "DECIMAL")) {
        str text;
        if (!decimal_text(g, type, content, &text)) {
            return gate_refuse(g, "a number of this form is not known");
        }
        g->has_decided_decimal |= !g->has_decimal;
        write_cast_of_text(g, text, g->has_decimal ? type : NULL, "DOUBLE", alias);
        return STATUS_IS_OK;
    }
    if (!is_null && str_eq_c(id, "DOUBLE") && content != NULL && content->kind == JSON_NUMBER) {
        write_cast_of_text(g, content->as.number.raw, NULL, "DOUBLE", alias);
        return STATUS_IS_OK;
    }
    if (!is_null && is_value && str_eq_c(id, "INTEGER") && content != NULL &&
        content->kind == JSON_NUMBER) {
        write_cast_of_text(g, content->as.number.raw, NULL, "BIGINT", alias);
        return STATUS_IS_OK;
    }
    json_write_object_begin(&g->w);
    write_head(g, "CONSTANT", "VALUE_CONSTANT", alias);
    if (value == NULL) {
        return gate_refuse(g, "a literal of this form is not known");
    }
    gate_copy(g, value);
    json_write_object_end(&g->w);
    return STATUS_IS_OK;
}

/* --- nodes by their rows ------------------------------------------------------------------------
 */

static status cases(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                    const struct json *list)
{
    json_write_array_begin(&g->w);
    for (const struct json *c = list->as.children.first; c != NULL; c = c->next) {
        json_write_object_begin(&g->w);
        json_write_key(&g->w, "when_expr");
        TRY(gate_expr(g, scope, ctes, json_get(c, "when_expr")));
        json_write_key(&g->w, "then_expr");
        const struct json *then = json_get(c, "then_expr");
        TRY(gate_value_as(g, scope, ctes, then, gate_text(then, "alias")));
        json_write_object_end(&g->w);
    }
    json_write_array_end(&g->w);
    return STATUS_IS_OK;
}

static status subquery(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                       const struct json *statement)
{
    struct gate_columns columns = {0};
    bool is_in_filter = g->is_in_filter;
    g->subquery_depth++;
    if (g->subquery_depth > g->subquery_depth_seen) {
        g->subquery_depth_seen = g->subquery_depth;
    }
    if (g->subquery_depth > GATE_SUBQUERY_DEPTH_MAX) {
        return error_set(g->err, ERROR_LIMIT, "subqueries are nested deeper than %d levels",
                         GATE_SUBQUERY_DEPTH_MAX);
    }
    g->is_in_filter = false;
    TRY(gate_statement(g, scope, ctes, statement, false, &columns));
    g->is_in_filter = is_in_filter;
    g->subquery_depth--;
    return STATUS_IS_OK;
}

static status order_by(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                       const struct json *modifier)
{
    json_write_object_begin(&g->w);
    gate_write_text(g, "type", STR_LIT("ORDER_MODIFIER"));
    json_write_key(&g->w, "orders");
    TRY(gate_orders(g, scope, ctes, json_get(modifier, "orders")));
    json_write_object_end(&g->w);
    return STATUS_IS_OK;
}

static status known_word(struct gate *g, const struct json *value, const char *const *list,
                         size_t count)
{
    str word = {NULL, 0};
    if (!json_as_text(value, &word) || !gate_is_one_of(word, list, count)) {
        return gate_refuse(g, "operator " STR_FMT " is not available", STR(word));
    }
    json_write_text(&g->w, word);
    return STATUS_IS_OK;
}

static status part(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                   const struct json *value, enum part kind, str alias)
{
    if (kind != PART_COPY && kind != PART_EXPR && kind != PART_VALUE && kind != PART_ORDER_BY &&
        kind != PART_QUERY && kind != PART_TYPE && kind != PART_OPERATOR &&
        kind != PART_SUBQUERY_KIND && value->kind != JSON_ARRAY) {
        return gate_refuse(g, "the tree has an unknown form");
    }
    json_write_key_str(&g->w, value->key);
    switch (kind) {
    case PART_COPY:
        if (str_eq_c(value->key, "alias")) {
            json_write_text(&g->w, alias);
        } else if (value->kind == JSON_ARRAY || value->kind == JSON_OBJECT) {
            return gate_refuse(g, "the tree has an unknown form");
        } else {
            json_append(json_write_raw_begin(&g->w), value);
        }
        return STATUS_IS_OK;
    case PART_EXPR:
    case PART_VALUE:
        if (json_is_null(value)) {
            json_write_null(&g->w);
            return STATUS_IS_OK;
        }
        return kind == PART_VALUE ? gate_value_as(g, scope, ctes, value, gate_text(value, "alias"))
                                  : gate_expr(g, scope, ctes, value);
    case PART_EXPRS:
        return gate_exprs(g, scope, ctes, value);
    case PART_ORDERS:
        return gate_orders(g, scope, ctes, value);
    case PART_ORDER_BY:
        return order_by(g, scope, ctes, value);
    case PART_CASES:
        return cases(g, scope, ctes, value);
    case PART_QUERY:
        return subquery(g, scope, ctes, value);
    case PART_TYPE:
        return write_type(g, value, 0);
    case PART_OPERATOR:
        return known_word(g, value, operators, sizeof operators / sizeof operators[0]);
    case PART_SUBQUERY_KIND:
        return known_word(g, value, subquery_kinds,
                          sizeof subquery_kinds / sizeof subquery_kinds[0]);
    }
    check_failed(__FILE__, __LINE__, "a kind of part");
    return STATUS_IS_OK;
}

/* All members of `node` but those that the caller has written itself (`skip`, ends with NULL). */
static status members(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                      const struct json *node, const struct class_row *row, const char *const *skip,
                      str alias)
{
    for (const struct json *m = node->as.children.first; m != NULL; m = m->next) {
        bool is_skipped = false;
        for (unsigned i = 0; skip != NULL && skip[i] != NULL; i++) {
            is_skipped = is_skipped || str_eq_c(m->key, skip[i]);
        }
        if (is_skipped) {
            continue;
        }
        unsigned i = 0;
        while (i < PARTS_MAX && row->parts[i].key != NULL && !str_eq_c(m->key, row->parts[i].key)) {
            i++;
        }
        if (i == PARTS_MAX || row->parts[i].key == NULL) {
            return gate_refuse(g, STR_FMT " of %s is not known", STR(m->key), row->class);
        }
        TRY(part(g, scope, ctes, m, row->parts[i].part, alias));
    }
    return STATUS_IS_OK;
}

/* --- functions ----------------------------------------------------------------------------------
 */

static status check_arguments(struct gate *g, const struct json *node)
{
    const struct json *children = json_get(node, "children");
    if (children == NULL || children->kind != JSON_ARRAY) {
        return gate_refuse(g, "the tree has an unknown form");
    }
    for (const struct json *c = children->as.children.first; c != NULL; c = c->next) {
        if (gate_text(c, "alias").n > 0) {
            return gate_refuse(g, "named arguments are not available");
        }
    }
    return STATUS_IS_OK;
}

/* Schema "main" comes from the engine's own parser (list_value, substring ...). */
static status check_place(struct gate *g, const struct json *node)
{
    str schema = gate_text(node, "schema");
    bool is_exported = false;
    (void)json_as_bool(json_get(node, "export_state"), &is_exported);
    if (gate_text(node, "catalog").n > 0 || (schema.n > 0 && !str_eq_c(schema, "main")) ||
        is_exported) {
        return gate_refuse(g, "function '" STR_FMT "." STR_FMT "' is not available", STR(schema),
                           STR(gate_text(node, "function_name")));
    }
    return check_arguments(g, node);
}

/* What comes after the arguments of a function that we write. */
static void write_function_tail(struct gate *g)
{
    json_write_key(&g->w, "filter");
    json_write_null(&g->w);
    json_write_key(&g->w, "order_bys");
    json_write_raw(&g->w, STR_LIT("{\"type\":\"ORDER_MODIFIER\",\"orders\":[]}"));
    json_write_key(&g->w, "distinct");
    json_write_bool(&g->w, false);
    json_write_key(&g->w, "is_operator");
    json_write_bool(&g->w, false);
    json_write_key(&g->w, "export_state");
    json_write_bool(&g->w, false);
    gate_write_text(g, "catalog", STR_LIT(""));
    json_write_object_end(&g->w);
}

/* Each makes a text some times as long, so that a few around each other fill all memory. */
static bool makes_longer(str name)
{
    static const char *const names[] = {"base64",  "to_base64", "hex",           "to_hex",
                                        "concat",  "concat_ws", "regexp_escape", "regexp_replace",
                                        "replace", "url_encode"};
    return GATE_IS_ONE_OF(name, names);
}

/* regexp_replace(a, b, c, ...) -> regexp_replace(kalam_growth(a, c), b, c, ...) */
static status bounded_children(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                               const struct json *children)
{
    json_write_key(&g->w, "children");
    json_write_array_begin(&g->w);
    for (unsigned i = 0; i < children->as.children.count; i++) {
        if (i > 0) {
            TRY(gate_expr(g, scope, ctes, json_at(children, i)));
            continue;
        }
        json_write_object_begin(&g->w);
        write_head(g, "FUNCTION", "FUNCTION", STR_LIT(""));
        gate_write_text(g, "function_name", STR_LIT("kalam_growth"));
        gate_write_text(g, "schema", STR_LIT(""));
        json_write_key(&g->w, "children");
        json_write_array_begin(&g->w);
        TRY(gate_expr(g, scope, ctes, json_at(children, 0)));
        TRY(gate_expr(g, scope, ctes, json_at(children, 2)));
        json_write_array_end(&g->w);
        write_function_tail(g);
    }
    json_write_array_end(&g->w);
    return STATUS_IS_OK;
}

/* CAST(<whole numbers> AS INTEGER) */
static status cast_back(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                        const struct json *node)
{
    json_write_object_begin(&g->w);
    write_head(g, "CAST", "OPERATOR_CAST", STR_LIT(""));
    json_write_key(&g->w, "child");
    TRY(gate_expr(g, scope, ctes, node));
    json_write_key(&g->w, "cast_type");
    write_plain_type(g, "INTEGER");
    json_write_key(&g->w, "try_cast");
    json_write_bool(&g->w, false);
    json_write_object_end(&g->w);
    return STATUS_IS_OK;
}

static status plain_children(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                             str name, const struct json *children)
{
    unsigned index = 0;
    json_write_key(&g->w, "children");
    json_write_array_begin(&g->w);
    for (const struct json *c = children->as.children.first; c != NULL; c = c->next) {
        switch (gate_number_of(g, scope, name, children, index++)) {
        case GATE_NUMBER_AS_IS:
            TRY(gate_expr(g, scope, ctes, c));
            break;
        case GATE_NUMBER_BIGINT:
            TRY(gate_value_as(g, scope, ctes, c, gate_text(c, "alias")));
            break;
        case GATE_NUMBER_CAST_BACK:
            TRY(cast_back(g, scope, ctes, c));
            break;
        }
    }
    json_write_array_end(&g->w);
    return STATUS_IS_OK;
}

static status function(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                       const struct json *node, const struct class_row *row, str alias)
{
    static const char *const written[] = {"function_name", "schema",   "catalog",
                                          "is_operator",   "children", NULL};
    const struct json *arguments = json_get(node, "children");
    str name = arena_lower(g->arena, gate_text(node, "function_name"));
    str use;
    int hidden;
    TRY(check_place(g, node));
    TRY(gate_function_use(g, name, row == &window_row, &use, &hidden));
    if (hidden >= 0) {
        const struct json *children = json_get(node, "children");
        if (children->as.children.count > 0 || row == &window_row) {
            return gate_refuse(g, "%.*s() takes no arguments", STR(name));
        }
        write_hidden(g, hidden, alias);
        return STATUS_IS_OK;
    }
    json_write_object_begin(&g->w);
    gate_write_text(g, "function_name", use);
    gate_write_text(g, "schema", STR_LIT(""));
    gate_write_text(g, "catalog", STR_LIT(""));
    if (row == &function_row) {
        bool is_operator = false;
        (void)json_as_bool(json_get(node, "is_operator"), &is_operator);
        json_write_key(&g->w, "is_operator");
        json_write_bool(&g->w, is_operator && use.p == name.p);
    }
    bool is_longer = makes_longer(name);
    g->growth_depth += is_longer ? 1 : 0;
    if (g->growth_depth > GATE_GROWTH_DEPTH_MAX) {
        return error_set(g->err, ERROR_LIMIT,
                         "functions that make texts longer are nested deeper than %d levels",
                         GATE_GROWTH_DEPTH_MAX);
    }
    if (is_longer && arguments->as.children.count > GATE_GROWTH_ARGUMENTS_MAX) {
        return error_set(g->err, ERROR_LIMIT, "%.*s() takes at most %d arguments", STR(name),
                         GATE_GROWTH_ARGUMENTS_MAX);
    }
    if (str_eq_c(name, "regexp_replace") && arguments->as.children.count > 2) {
        TRY(bounded_children(g, scope, ctes, arguments));
    } else {
        TRY(plain_children(g, scope, ctes, name, arguments));
    }
    TRY(members(g, scope, ctes, node, row, written, alias));
    g->growth_depth -= is_longer ? 1 : 0;
    json_write_object_end(&g->w);
    return STATUS_IS_OK;
}

/* a -> b: the engine reads a lambda, the contract means json_get_json(a, b). */
static status arrow(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                    const struct json *node, str alias)
{
    json_write_object_begin(&g->w);
    write_head(g, "FUNCTION", "FUNCTION", alias);
    gate_write_text(g, "function_name", STR_LIT("kalam_json_get_json"));
    gate_write_text(g, "schema", STR_LIT(""));
    json_write_key(&g->w, "children");
    json_write_array_begin(&g->w);
    TRY(gate_expr(g, scope, ctes, json_get(node, "lhs")));
    TRY(gate_expr(g, scope, ctes, json_get(node, "expr")));
    json_write_array_end(&g->w);
    write_function_tail(g);
    return STATUS_IS_OK;
}

/* --- lists ---------------------------------------------------------------------------------------
 */

enum { IN_LIST_PLAIN_MAX = 4 }; /* of the engine: longer lists of constants become a join */

/* A parameter, or one of those that stand for CURRENT_USER() and its like; a cast keeps it one. */
static bool is_bare_value(const struct json *node)
{
    while (node != NULL && str_eq_c(gate_text(node, "class"), "CAST")) {
        node = json_get(node, "child");
    }
    const struct json *arguments = node != NULL ? json_get(node, "children") : NULL;
    str class = gate_text(node, "class");
    return str_eq_c(class, "PARAMETER") ||
           (str_eq_c(class, "FUNCTION") && arguments != NULL && arguments->as.children.count == 0);
}

static bool is_bare_value_in_list(const struct json *node)
{
    const struct json *children = json_get(node, "children");
    str type = gate_text(node, "type");
    return (str_eq_c(type, "COMPARE_IN") || str_eq_c(type, "COMPARE_NOT_IN")) && children != NULL &&
           children->kind == JSON_ARRAY && children->as.children.count > IN_LIST_PLAIN_MAX + 1 &&
           is_bare_value(children->as.children.first);
}

/* $1 IN (...) -> COALESCE($1) IN (...): DuckDB 1.4 fails to plan the former ("Unimplemented type
 * for cast (VARCHAR -> "NULL")") when the list is one of constants. */
static status bare_value_in_list(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                                 const struct json *node, const struct class_row *row, str alias)
{
    static const char *const written[] = {"children", NULL};
    const struct json *first = json_get(node, "children")->as.children.first;
    json_write_object_begin(&g->w);
    json_write_key(&g->w, "children");
    json_write_array_begin(&g->w);
    json_write_object_begin(&g->w);
    write_head(g, "OPERATOR", "OPERATOR_COALESCE", STR_LIT(""));
    json_write_key(&g->w, "children");
    json_write_array_begin(&g->w);
    TRY(gate_expr(g, scope, ctes, first));
    json_write_array_end(&g->w);
    json_write_object_end(&g->w);
    for (const struct json *e = first->next; e != NULL; e = e->next) {
        TRY(gate_expr(g, scope, ctes, e));
    }
    json_write_array_end(&g->w);
    TRY(members(g, scope, ctes, node, row, written, alias));
    json_write_object_end(&g->w);
    return STATUS_IS_OK;
}

/* COALESCE(a, b ...): any of them may be the value. */
static status coalesce(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                       const struct json *node, const struct class_row *row, str alias)
{
    static const char *const written[] = {"children", NULL};
    json_write_object_begin(&g->w);
    json_write_key(&g->w, "children");
    TRY(gate_values(g, scope, ctes, json_get(node, "children")));
    TRY(members(g, scope, ctes, node, row, written, alias));
    json_write_object_end(&g->w);
    return STATUS_IS_OK;
}

/* --- the doors ----------------------------------------------------------------------------------
 */

status gate_expr_as(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                    const struct json *node, str alias)
{
    if (node == NULL || node->kind != JSON_OBJECT) {
        return gate_refuse(g, "the tree has an unknown form");
    }
    bool is_value = g->is_value;
    g->is_value = false; /* of this node, not of its parts */
    TRY(gate_count(g));
    str class = gate_text(node, "class");
    if (str_eq_c(class, "COLUMN_REF")) {
        return column_ref(g, scope, node, alias);
    }
    if (str_eq_c(class, "CONSTANT")) {
        return constant(g, node, is_value, alias);
    }
    if (str_eq_c(class, "FUNCTION")) {
        return function(g, scope, ctes, node, &function_row, alias);
    }
    if (str_eq_c(class, "WINDOW")) {
        return function(g, scope, ctes, node, &window_row, alias);
    }
    if (str_eq_c(class, "PARAMETER")) {
        return parameter(g, node, alias);
    }
    if (str_eq_c(class, "LAMBDA")) {
        return arrow(g, scope, ctes, node, alias);
    }
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (str_eq_c(class, classes[i].class)) {
            if (is_bare_value_in_list(node)) {
                return bare_value_in_list(g, scope, ctes, node, &classes[i], alias);
            }
            if (str_eq_c(gate_text(node, "type"), "OPERATOR_COALESCE")) {
                return coalesce(g, scope, ctes, node, &classes[i], alias);
            }
            json_write_object_begin(&g->w);
            TRY(members(g, scope, ctes, node, &classes[i], NULL, alias));
            json_write_object_end(&g->w);
            return STATUS_IS_OK;
        }
    }
    return gate_refuse(g, "expressions of kind " STR_FMT " are not available here", STR(class));
}

status gate_expr(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                 const struct json *node)
{
    return gate_expr_as(g, scope, ctes, node, gate_text(node, "alias"));
}

status gate_value_as(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                     const struct json *node, str alias)
{
    g->is_value = true;
    return gate_expr_as(g, scope, ctes, node, alias);
}

status gate_values(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                   const struct json *list)
{
    if (list == NULL || list->kind != JSON_ARRAY) {
        return gate_refuse(g, "the tree has an unknown form");
    }
    json_write_array_begin(&g->w);
    for (const struct json *e = list->as.children.first; e != NULL; e = e->next) {
        TRY(gate_value_as(g, scope, ctes, e, gate_text(e, "alias")));
    }
    json_write_array_end(&g->w);
    return STATUS_IS_OK;
}

status gate_exprs(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                  const struct json *list)
{
    if (list == NULL || list->kind != JSON_ARRAY) {
        return gate_refuse(g, "the tree has an unknown form");
    }
    json_write_array_begin(&g->w);
    for (const struct json *e = list->as.children.first; e != NULL; e = e->next) {
        TRY(gate_expr(g, scope, ctes, e));
    }
    json_write_array_end(&g->w);
    return STATUS_IS_OK;
}

status gate_orders(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                   const struct json *list)
{
    if (list == NULL || list->kind != JSON_ARRAY) {
        return gate_refuse(g, "the tree has an unknown form");
    }
    json_write_array_begin(&g->w);
    for (const struct json *o = list->as.children.first; o != NULL; o = o->next) {
        json_write_object_begin(&g->w);
        gate_write_text(g, "type", gate_text(o, "type"));
        gate_write_text(g, "null_order", gate_text(o, "null_order"));
        json_write_key(&g->w, "expression");
        const struct json *expression = json_get(o, "expression");
        g->is_alias_first = str_eq_c(gate_text(expression, "class"), "COLUMN_REF");
        TRY(gate_expr(g, scope, ctes, expression));
        g->is_alias_first = false;
        json_write_object_end(&g->w);
    }
    json_write_array_end(&g->w);
    return STATUS_IS_OK;
}
