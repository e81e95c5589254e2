/* query/gate_number.c -- which whole numbers of a text are BIGINT.
 * For:      to the original every whole number is one, to the SQL engine an INTEGER that takes the
 *           type beside it. One that becomes a value (in a select list, VALUES, arithmetic, CASE,
 *           COALESCE ...) is written CAST('1' AS BIGINT), wherever the expression stands, so that a
 *           GROUP BY still finds what the select list has. One that is only compared with or given
 *           to a function is left as it is.
 * Manners:  the engine has neither DATE + BIGINT nor round(x, BIGINT): there the number stays, and
 *           whole numbers that are computed are cast back.
 * Threads:  one check, one thread. */
#include "query/gate_private.h"

static bool is_arithmetic(str function)
{
    static const char *const names[] = {"+", "-", "*", "/", "//", "%", "&", "|", "<<", ">>"};
    return GATE_IS_ONE_OF(function, names);
}

/* Their result has the type of what they are given. */
static bool keeps_type(str function)
{
    static const char *const names[] = {"abs",   "any_value", "greatest", "ifnull",
                                        "least", "max",       "min",      "nullif"};
    return GATE_IS_ONE_OF(function, names);
}

/* The arguments that the engine takes as INTEGER only. */
static bool wants_integer(str function, unsigned index)
{
    static const struct {
        const char *function;
        unsigned from; /* the first of them */
    } rows[] = {
        {"chr", 0},         {"factorial", 0},  {"make_date", 0},         {"regexp_extract", 2},
        {"round", 1},       {"round_even", 1}, {"roundbankers", 1},      {"to_months", 0},
        {"to_quarters", 0}, {"to_years", 0},   {"regexp_extract_all", 2}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (str_eq_c(function, rows[i].function)) {
            return index >= rows[i].from;
        }
    }
    return false;
}

/* The column that the node names; NULL: not known. */
static const struct gate_column *column_of(struct gate_scope *scope, const struct json *node)
{
    const struct json *names = json_get(node, "column_names");
    unsigned count = names != NULL && names->kind == JSON_ARRAY ? names->as.children.count : 0;
    str last = {NULL, 0};
    str qualifier = {NULL, 0};
    bool is_open;
    if (count == 0 || !json_as_text(json_at(names, count - 1), &last)) {
        return NULL;
    }
    if (count == 1) {
        return gate_find_column(scope, last, &is_open);
    }
    (void)json_as_text(json_at(names, count - 2), &qualifier);
    const struct gate_relation *r = gate_find_relation(scope, qualifier);
    for (unsigned i = 0; r != NULL && i < r->columns.count; i++) {
        if (str_eq_nocase(r->columns.items[i].name, last)) {
            return &r->columns.items[i];
        }
    }
    return NULL;
}

static str function_of(const struct gate *g, const struct json *node)
{
    return str_eq_c(gate_text(node, "class"), "FUNCTION")
               ? arena_lower(g->arena, gate_text(node, "function_name"))
               : (str){NULL, 0};
}

static bool is_constant(const struct json *node)
{
    return str_eq_c(gate_text(node, "class"), "CONSTANT");
}

/* False: it surely is no DATE. */
static bool may_be_date(const struct gate *g, struct gate_scope *scope, const struct json *node)
{
    static const char *const never[] = {"BETWEEN", "COMPARISON", "CONJUNCTION"};
    static const char *const makers[] = {"date",  "make_date",    "last_day",
                                         "today", "current_date", "time_bucket"};
    str class = gate_text(node, "class");
    if (str_eq_c(class, "CONSTANT") || str_eq_c(class, "CAST")) {
        const struct json *type = is_constant(node) ? json_get(json_get(node, "value"), "type")
                                                    : json_get(node, "cast_type");
        return str_eq_c(gate_text(type, "id"), "DATE");
    }
    if (str_eq_c(class, "COLUMN_REF")) {
        const struct gate_column *column = column_of(scope, node);
        bool is_known = column != NULL && (column->column != NULL || column->system_column >= 0);
        return !is_known || (column->column != NULL && column->column->type.id == TYPE_DATE);
    }
    if (!str_eq_c(class, "FUNCTION")) {
        return !GATE_IS_ONE_OF(class, never);
    }
    str function = function_of(g, node);
    bool is_sum = str_eq_c(function, "+") || str_eq_c(function, "-");
    if (GATE_IS_ONE_OF(function, makers)) {
        return true;
    }
    const struct json *arguments = json_get(node, "children");
    bool may = false;
    for (const struct json *a = arguments != NULL ? arguments->as.children.first : NULL;
         a != NULL && !may && (is_sum || !is_arithmetic(function)); a = a->next) {
        may = may_be_date(g, scope, a);
    }
    return may;
}

/* Made of whole numbers and columns of at most 32 bits only: an INTEGER but for our casts. */
static bool is_integer(const struct gate *g, struct gate_scope *scope, const struct json *node)
{
    str class = gate_text(node, "class");
    if (is_constant(node)) {
        return str_eq_c(gate_text(json_get(json_get(node, "value"), "type"), "id"), "INTEGER");
    }
    if (str_eq_c(class, "COLUMN_REF")) {
        const struct gate_column *column = column_of(scope, node);
        return column != NULL && column->column != NULL &&
               (column->column->type.id == TYPE_INT || column->column->type.id == TYPE_SMALLINT);
    }
    bool is_whole = true;
    if (str_eq_c(class, "CASE")) {
        const struct json *whens = json_get(node, "case_checks");
        const struct json *otherwise = json_get(node, "else_expr");
        for (const struct json *c = whens != NULL ? whens->as.children.first : NULL; c != NULL;
             c = c->next) {
            is_whole = is_whole && is_integer(g, scope, json_get(c, "then_expr"));
        }
        return is_whole && (is_constant(otherwise) || is_integer(g, scope, otherwise));
    }
    str function = function_of(g, node);
    if (!is_arithmetic(function) && !keeps_type(function) &&
        !str_eq_c(gate_text(node, "type"), "OPERATOR_COALESCE")) {
        return false;
    }
    const struct json *parts = json_get(node, "children");
    for (const struct json *p = parts != NULL ? parts->as.children.first : NULL; p != NULL;
         p = p->next) {
        is_whole = is_whole && is_integer(g, scope, p);
    }
    return is_whole;
}

enum gate_number gate_number_of(const struct gate *g, struct gate_scope *scope, str function,
                                const struct json *arguments, unsigned index)
{
    bool is_narrow = wants_integer(function, index);
    if (!is_narrow && !is_arithmetic(function)) {
        return keeps_type(function) ? GATE_NUMBER_BIGINT : GATE_NUMBER_AS_IS;
    }
    const struct json *own = json_at(arguments, index); /* of two to four */
    if (is_arithmetic(function)) {
        bool is_sum = str_eq_c(function, "+") || str_eq_c(function, "-");
        bool is_pair = is_sum && arguments->as.children.count == 2;
        is_narrow = is_pair && (is_constant(own) || is_integer(g, scope, own)) &&
                    may_be_date(g, scope, json_at(arguments, 1 - index));
        if (!is_narrow) {
            return GATE_NUMBER_BIGINT;
        }
    }
    bool is_computed = !is_constant(own) && is_integer(g, scope, own);
    return is_computed ? GATE_NUMBER_CAST_BACK : GATE_NUMBER_AS_IS;
}
