/* query/gate_type.c -- what the gate knows of the type of an expression.
 * For:      types that the engine has no word for (to it a DATETIME is a TIMESTAMP, JSON and FILE
 * are texts, an EMBEDDING is a list) and which clients are to be told, also of what a subquery, a
 *           view, max() or CASE hands on; gate_number.c, which asks for whole numbers and dates.
 * Manners:  TYPE_NONE means that only the engine knows. Never a guess: a wrong type reaches
 * clients. Threads:  one check, one thread. */
#include "query/gate_private.h"

const struct gate_column *gate_column_of(struct gate_scope *scope, const struct json *node)
{
    const struct json *names = json_get(node, "column_names");
    unsigned count = names != NULL && names->kind == JSON_ARRAY ? names->as.children.count : 0;
    str last = {NULL, 0};
    bool is_open;
    if (count == 0 || !json_as_text(json_at(names, count - 1), &last)) {
        return NULL;
    }
    if (count == 1) {
        return gate_session_word(last) < 0 ? gate_find_column(scope, last, &is_open) : NULL;
    }
    const struct gate_relation *r = gate_relation_of(scope, names);
    for (unsigned i = 0; r != NULL && i < r->columns.count; i++) {
        if (str_eq_nocase(r->columns.items[i].name, last)) {
            return &r->columns.items[i];
        }
    }
    return NULL;
}

void gate_column_forget(struct gate_column *column)
{
    column->is_never_date |= column->type.id != TYPE_NONE && column->type.id != TYPE_DATE;
    column->table = NULL;
    column->column = NULL;
    column->system_column = -1;
    column->type = type_of(TYPE_NONE);
}

void gate_column_merge(struct gate_column *column, const struct gate_column *other)
{
    struct type type = column->type;
    bool is_same = column->column == other->column && column->table == other->table &&
                   column->system_column == other->system_column;
    struct gate_column right = *other;
    if (!is_same) {
        gate_column_forget(column);
        gate_column_forget(&right);
        column->is_never_date &= right.is_never_date;
        column->type = type_eq(type, other->type) ? type : column->type;
    }
}

bool gate_hands_through(str function, unsigned index)
{
    static const char *const all[] = {"abs", "coalesce", "greatest", "ifnull", "least"};
    static const char *const first[] = {"any_value",   "arg_max", "arg_min",   "first",
                                        "first_value", "lag",     "last",      "last_value",
                                        "lead",        "max",     "max_by",    "min",
                                        "min_by",      "mode",    "nth_value", "nullif"};
    return GATE_IS_ONE_OF(function, all) || (index == 0 && GATE_IS_ONE_OF(function, first));
}

bool gate_is_constant(const struct json *node)
{
    return str_eq_c(gate_text(node, "class"), "CONSTANT");
}

str gate_function_of(const struct gate *g, const struct json *node)
{
    str class = gate_text(node, "class");
    return str_eq_c(class, "FUNCTION") || str_eq_c(class, "WINDOW")
               ? arena_lower(g->arena, gate_text(node, "function_name"))
           : str_eq_c(gate_text(node, "type"), "OPERATOR_COALESCE") ? STR_LIT("coalesce")
           : str_eq_c(gate_text(node, "type"), "OPERATOR_NULLIF")   ? STR_LIT("nullif")
                                                                    : (str){NULL, 0};
}

/* NULL and 'texts' take the type of the values beside them. */
static bool takes_any_type(const struct json *node)
{
    const struct json *value = json_get(node, "value");
    bool is_null = false;
    (void)json_as_bool(json_get(value, "is_null"), &is_null);
    return gate_is_constant(node) &&
           (is_null || str_eq_c(gate_text(json_get(value, "type"), "id"), "VARCHAR"));
}

/* Adds one value to those whose common type is looked for; false: they have none. What is computed
 * of a JSON or a FILE is a text, as for the original. */
static bool add_value(const struct gate *g, struct gate_scope *scope, const struct json *value,
                      struct type *common)
{
    if (value == NULL || json_is_null(value) || takes_any_type(value)) {
        return true;
    }
    struct type type = gate_type_of(g, scope, value);
    type = type_is_text(type.id) ? type_of(TYPE_TEXT) : type;
    bool is_first = common->id == TYPE_NONE;
    bool fits = type.id != TYPE_NONE && (is_first || type_eq(type, *common));
    *common = type;
    return fits;
}

struct type gate_type_of(const struct gate *g, struct gate_scope *scope, const struct json *node)
{
    struct type none = type_of(TYPE_NONE);
    struct type common = none;
    bool fits = true;
    str class = gate_text(node, "class");
    if (str_eq_c(class, "COLUMN_REF")) {
        const struct gate_column *column = gate_column_of(scope, node);
        return column != NULL ? column->type : none;
    }
    if (str_eq_c(class, "CASE")) {
        const struct json *when = NULL;
        const struct json *value;
        while (fits && (value = gate_case_value(node, &when)) != NULL) {
            fits = add_value(g, scope, value, &common);
        }
        fits = fits && add_value(g, scope, json_get(node, "else_expr"), &common);
        return fits ? common : none;
    }
    str function = gate_function_of(g, node);
    const struct json *arguments = json_get(node, "children");
    unsigned index = 0;
    for (const struct json *a = arguments != NULL ? arguments->as.children.first : NULL;
         a != NULL && fits; a = a->next) {
        if (gate_hands_through(function, index++)) {
            fits = add_value(g, scope, a, &common);
        }
    }
    return fits ? add_value(g, scope, json_get(node, "default_expr"), &common) ? common : none
                : none;
}
