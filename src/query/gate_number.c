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

/* The result is made of what they are given: lists of it, or a number of its type. */
static bool is_made_of(str function)
{
    static const char *const names[] = {
        "array_agg",    "list",         "list_pack",    "list_value", "make_array",
        "array_append", "list_append",  "bit_and",      "bit_or",     "bit_xor",
        "mod",          "list_prepend", "array_prepend"};
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

const struct json *gate_case_value(const struct json *node, const struct json **when)
{
    const struct json *whens = json_get(node, "case_checks");
    *when = *when == NULL ? whens != NULL ? whens->as.children.first : NULL : (*when)->next;
    return *when != NULL ? json_get(*when, "then_expr") : NULL;
}

static bool case_may_be_date(const struct gate *g, struct gate_scope *scope,
                             const struct json *node)
{
    const struct json *when = NULL;
    const struct json *value;
    bool may = false;
    while (!may && (value = gate_case_value(node, &when)) != NULL) {
        may = gate_may_be_date(g, scope, value);
    }
    const struct json *otherwise = json_get(node, "else_expr");
    return may || (otherwise != NULL && gate_may_be_date(g, scope, otherwise));
}

bool gate_may_be_date(const struct gate *g, struct gate_scope *scope, const struct json *node)
{
    static const char *const never[] = {"BETWEEN", "COMPARISON", "CONJUNCTION"};
    static const char *const makers[] = {"date",  "make_date",    "last_day",
                                         "today", "current_date", "time_bucket"};
    str class = gate_text(node, "class");
    if (gate_is_constant(node) || str_eq_c(class, "CAST")) {
        const struct json *type = gate_is_constant(node) ? json_get(json_get(node, "value"), "type")
                                                         : json_get(node, "cast_type");
        return str_eq_c(gate_text(type, "id"), "DATE");
    }
    if (str_eq_c(class, "COLUMN_REF")) {
        const struct gate_column *column = gate_column_of(scope, node);
        bool is_known = column != NULL && column->type.id != TYPE_NONE;
        return is_known ? column->type.id == TYPE_DATE : column == NULL || !column->is_never_date;
    }
    if (str_eq_c(class, "CASE")) {
        return case_may_be_date(g, scope, node);
    }
    str function = gate_function_of(g, node);
    if (function.n == 0) {
        return !GATE_IS_ONE_OF(class, never);
    }
    bool is_sum = str_eq_c(function, "+") || str_eq_c(function, "-");
    bool may = GATE_IS_ONE_OF(function, makers);
    const struct json *arguments = json_get(node, "children");
    for (const struct json *a = arguments != NULL ? arguments->as.children.first : NULL;
         a != NULL && !may && (is_sum || !is_arithmetic(function)); a = a->next) {
        may = gate_may_be_date(g, scope, a);
    }
    return may;
}

/* Made of whole numbers and columns of at most 32 bits only: an INTEGER but for our casts. */
static bool is_integer(const struct gate *g, struct gate_scope *scope, const struct json *node)
{
    if (gate_is_constant(node)) {
        return str_eq_c(gate_text(json_get(json_get(node, "value"), "type"), "id"), "INTEGER");
    }
    str class = gate_text(node, "class");
    if (str_eq_c(class, "COLUMN_REF")) {
        const struct gate_column *column = gate_column_of(scope, node);
        return column != NULL && (column->type.id == TYPE_INT || column->type.id == TYPE_SMALLINT);
    }
    bool is_whole = true;
    if (str_eq_c(class, "CASE")) {
        const struct json *when = NULL;
        const struct json *value;
        while (is_whole && (value = gate_case_value(node, &when)) != NULL) {
            is_whole = is_integer(g, scope, value);
        }
        const struct json *otherwise = json_get(node, "else_expr");
        return is_whole && (gate_is_constant(otherwise) || is_integer(g, scope, otherwise));
    }
    str function = gate_function_of(g, node);
    if (!is_arithmetic(function) && !gate_hands_through(function, 0)) {
        return false;
    }
    const struct json *parts = json_get(node, "children");
    unsigned index = 0;
    for (const struct json *p = parts != NULL ? parts->as.children.first : NULL;
         p != NULL && is_whole; p = p->next) {
        bool is_handed = is_arithmetic(function) || gate_hands_through(function, index++);
        is_whole = !is_handed || is_integer(g, scope, p);
    }
    return is_whole;
}

enum gate_number gate_number_of(const struct gate *g, struct gate_scope *scope, str function,
                                const struct json *arguments, unsigned index)
{
    bool is_narrow = wants_integer(function, index);
    if (!is_narrow && !is_arithmetic(function)) {
        bool is_value = gate_hands_through(function, index) || is_made_of(function);
        return is_value ? GATE_NUMBER_BIGINT : GATE_NUMBER_AS_IS;
    }
    const struct json *own = json_at(arguments, index); /* of two to four */
    if (is_arithmetic(function)) {
        bool is_sum = str_eq_c(function, "+") || str_eq_c(function, "-");
        bool is_pair = is_sum && arguments->as.children.count == 2;
        is_narrow = is_pair && (gate_is_constant(own) || is_integer(g, scope, own)) &&
                    gate_may_be_date(g, scope, json_at(arguments, 1 - index));
        if (!is_narrow) {
            return GATE_NUMBER_BIGINT;
        }
    }
    bool is_computed = !gate_is_constant(own) && is_integer(g, scope, own);
    return is_computed ? GATE_NUMBER_CAST_BACK : GATE_NUMBER_AS_IS;
}
