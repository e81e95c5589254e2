/* sql/eval.c -- running a bound expression over one row.
 * Nodes meet equal types: eval_bind.c has put the casts in. Recursion is bounded by the depth of
 * the tree, which the parser limits. Threads: any. */
#include "sql/eval_own.h"

#include "base/check.h"
#include "sql/build.h"
#include "sql/case_map.h"
#include "sql/json_path.h"
#include "sql/like.h"
#include "sql/text.h"

#include <math.h>

/* What a node gets besides itself. */
#define NODE_PARAMETERS                                                                            \
    const struct eval *e, const struct eval_input *input, struct arena *arena, struct value *out,  \
        struct error *err

/* --- leaves */

static status check_type(const struct eval *e, const struct value *v, const char *what,
                         struct error *err)
{
    if (v->is_null || type_eq(v->type, e->type)) {
        return STATUS_IS_OK;
    }
    return error_set(err, ERROR_INTERNAL, "%s %u has another type than the plan was made for", what,
                     e->as.index + 1);
}

static status run_slot(NODE_PARAMETERS)
{
    (void)arena;
    *out = input->slots[e->as.index];
    TRY(check_type(e, out, "literal", err));
    if (e->is_negated && !out->is_null) {
        if (e->type.id == TYPE_DECIMAL) {
            out->as.decimal = -out->as.decimal;
        } else {
            *out = literal_negate(*out);
        }
    }
    return STATUS_IS_OK;
}

static status run_param(NODE_PARAMETERS)
{
    (void)arena;
    *out = input->params[e->as.index];
    if (out->is_null) {
        *out = value_null(e->type);
    }
    return check_type(e, out, "parameter", err);
}

static status run_cast(NODE_PARAMETERS)
{
    struct value v;
    TRY(eval_node(e->as.operand, input, arena, &v, err));
    if (v.is_null) {
        *out = value_null(e->type);
        return STATUS_IS_OK;
    }
    return eval_cast(&v, e->type, arena, out, err);
}

/* --- truth: NULL is neither */

static status run_not(NODE_PARAMETERS)
{
    TRY(eval_node(e->as.operand, input, arena, out, err));
    out->as.boolean = !out->is_null && !out->as.boolean;
    return STATUS_IS_OK;
}

/* AND ends at the first false, OR at the first true; a NULL on the way makes the rest NULL. */
static status run_chain(NODE_PARAMETERS)
{
    bool decides = e->code == EVAL_OR;
    bool has_null = false;
    for (unsigned i = 0; i < e->as.list.count; i++) {
        struct value v;
        TRY(eval_node(e->as.list.items[i], input, arena, &v, err));
        has_null |= v.is_null;
        if (!v.is_null && v.as.boolean == decides) {
            *out = value_bool(decides);
            return STATUS_IS_OK;
        }
    }
    *out = has_null ? value_null(e->type) : value_bool(!decides);
    return STATUS_IS_OK;
}

static status run_is_null(NODE_PARAMETERS)
{
    struct value v;
    TRY(eval_node(e->as.operand, input, arena, &v, err));
    *out = value_bool(v.is_null != e->is_negated);
    return STATUS_IS_OK;
}

static status run_is_bool(NODE_PARAMETERS)
{
    struct value v;
    TRY(eval_node(e->as.is.operand, input, arena, &v, err));
    bool is = !v.is_null && v.as.boolean == e->as.is.wanted;
    *out = value_bool(is != e->is_negated);
    return STATUS_IS_OK;
}

/* --- numbers */

static int64_t least_of(struct type type)
{
    return type.id == TYPE_SMALLINT ? INT16_MIN : type.id == TYPE_INT ? INT32_MIN : INT64_MIN;
}

static int64_t greatest_of(struct type type)
{
    return type.id == TYPE_SMALLINT ? INT16_MAX : type.id == TYPE_INT ? INT32_MAX : INT64_MAX;
}

static status run_negate(NODE_PARAMETERS)
{
    TRY(eval_node(e->as.operand, input, arena, out, err));
    if (out->is_null) {
        return STATUS_IS_OK;
    }
    if (eval_is_real(e->type)) {
        out->as.real = -out->as.real;
    } else if (e->type.id == TYPE_DECIMAL) {
        out->as.decimal = -out->as.decimal;
    } else if (out->as.integer == least_of(e->type)) {
        return error_set(err, ERROR_EXECUTION, "Overflow in negation of %lld",
                         (long long)out->as.integer);
    } else {
        out->as.integer = -out->as.integer;
    }
    return STATUS_IS_OK;
}

static status integer_overflow(const struct eval *e, int64_t left, int64_t right, struct error *err)
{
    return error_set(err, ERROR_EXECUTION, "Overflow in %lld %s %lld", (long long)left,
                     expr_op_text(e->op), (long long)right);
}

/* Division by zero is NULL, as in the engine. */
static status run_integers(const struct eval *e, int64_t left, int64_t right, struct value *out,
                           struct error *err)
{
    int64_t v = 0;
    bool is_too_great = false;
    bool divides = e->op == OP_DIVIDE || e->op == OP_MODULO;
    if (divides && right == 0) {
        *out = value_null(e->type);
        return STATUS_IS_OK;
    }
    if (divides && right == -1 && left == least_of(e->type)) {
        return integer_overflow(e, left, right, err);
    }
    switch (e->op) {
    case OP_ADD:
        is_too_great = __builtin_add_overflow(left, right, &v);
        break;
    case OP_SUBTRACT:
        is_too_great = __builtin_sub_overflow(left, right, &v);
        break;
    case OP_MULTIPLY:
        is_too_great = __builtin_mul_overflow(left, right, &v);
        break;
    case OP_DIVIDE:
        v = left / right;
        break;
    default:
        v = left % right;
        break;
    }
    if (is_too_great || v < least_of(e->type) || v > greatest_of(e->type)) {
        return integer_overflow(e, left, right, err);
    }
    *out = value_int(e->type.id, v);
    return STATUS_IS_OK;
}

static double calculate(enum expr_op op, double left, double right)
{
    return op == OP_ADD        ? left + right
           : op == OP_SUBTRACT ? left - right
           : op == OP_MULTIPLY ? left * right
                               : left / right;
}

static float calculate_float(enum expr_op op, float left, float right)
{
    return op == OP_ADD        ? left + right
           : op == OP_SUBTRACT ? left - right
           : op == OP_MULTIPLY ? left * right
                               : left / right;
}

static void run_reals(const struct eval *e, double left, double right, struct value *out)
{
    if (e->op == OP_DIVIDE && right == 0) {
        *out = value_null(e->type);
        return;
    }
    out->type = e->type;
    out->is_null = false;
    out->as.real = e->type.id == TYPE_FLOAT
                       ? (double)calculate_float(e->op, (float)left, (float)right)
                       : calculate(e->op, left, right);
}

/* In digits of the result's scale; false: that is more than its precision holds. */
static bool rescale(const struct value *v, struct type to, int128 *out)
{
    return !__builtin_mul_overflow(v->as.decimal,
                                   eval_power_of_ten((unsigned)to.scale - v->type.scale), out) &&
           *out < eval_power_of_ten(to.precision) && *out > -eval_power_of_ten(to.precision);
}

static status run_decimals(const struct eval *e, const struct value *left,
                           const struct value *right, struct value *out, struct error *err)
{
    int128 a = left->as.decimal;
    int128 b = right->as.decimal;
    int128 v = 0;
    bool fits;
    if (e->op == OP_MULTIPLY) {
        fits = !__builtin_mul_overflow(a, b, &v);
    } else {
        fits = rescale(left, e->type, &a) && rescale(right, e->type, &b) &&
               !(e->op == OP_ADD ? __builtin_add_overflow(a, b, &v)
                                 : __builtin_sub_overflow(a, b, &v));
    }
    *out = (struct value){.type = e->type, .as.decimal = v};
    if (fits && v < eval_power_of_ten(e->type.precision) &&
        v > -eval_power_of_ten(e->type.precision)) {
        return STATUS_IS_OK;
    }
    return error_set(err, ERROR_EXECUTION, "Overflow in %s of DECIMAL",
                     e->op == OP_ADD        ? "addition"
                     : e->op == OP_SUBTRACT ? "subtraction"
                                            : "multiplication");
}

static status run_arithmetic(NODE_PARAMETERS)
{
    struct value left;
    struct value right;
    TRY(eval_node(e->as.binary.left, input, arena, &left, err));
    TRY(eval_node(e->as.binary.right, input, arena, &right, err));
    if (left.is_null || right.is_null) {
        *out = value_null(e->type);
        return STATUS_IS_OK;
    }
    if (eval_is_real(e->type)) {
        run_reals(e, left.as.real, right.as.real, out);
        return STATUS_IS_OK;
    }
    if (e->type.id == TYPE_DECIMAL) {
        return run_decimals(e, &left, &right, out, err);
    }
    return run_integers(e, left.as.integer, right.as.integer, out, err);
}

/* --- comparisons */

static bool holds(enum expr_op op, int order)
{
    switch (op) {
    case OP_EQ:
        return order == 0;
    case OP_NE:
        return order != 0;
    case OP_LT:
        return order < 0;
    case OP_LE:
        return order <= 0;
    case OP_GT:
        return order > 0;
    default:
        return order >= 0;
    }
}

static status run_compare(NODE_PARAMETERS)
{
    struct value left;
    struct value right;
    TRY(eval_node(e->as.binary.left, input, arena, &left, err));
    TRY(eval_node(e->as.binary.right, input, arena, &right, err));
    *out = left.is_null || right.is_null ? value_null(e->type)
                                         : value_bool(holds(e->op, eval_compare(&left, &right)));
    return STATUS_IS_OK;
}

static status run_in(NODE_PARAMETERS)
{
    struct value v;
    bool has_null = false;
    TRY(eval_node(e->as.in.value, input, arena, &v, err));
    *out = value_null(e->type);
    if (v.is_null) {
        return STATUS_IS_OK;
    }
    for (unsigned i = 0; i < e->as.in.items.count; i++) {
        struct value item;
        TRY(eval_node(e->as.in.items.items[i], input, arena, &item, err));
        has_null |= item.is_null;
        if (!item.is_null && eval_compare(&v, &item) == 0) {
            *out = value_bool(!e->is_negated);
            return STATUS_IS_OK;
        }
    }
    if (!has_null) {
        *out = value_bool(e->is_negated);
    }
    return STATUS_IS_OK;
}

/* value >= low AND value <= high: a bound that fails decides even if the other is NULL. */
static status run_between(NODE_PARAMETERS)
{
    struct value v;
    struct value low;
    struct value high;
    TRY(eval_node(e->as.between.value, input, arena, &v, err));
    TRY(eval_node(e->as.between.low, input, arena, &low, err));
    TRY(eval_node(e->as.between.high, input, arena, &high, err));
    *out = value_null(e->type);
    if (v.is_null) {
        return STATUS_IS_OK;
    }
    bool is_below = !low.is_null && eval_compare(&v, &low) < 0;
    bool is_above = !high.is_null && eval_compare(&v, &high) > 0;
    if (is_below || is_above) {
        *out = value_bool(e->is_negated);
    } else if (!low.is_null && !high.is_null) {
        *out = value_bool(!e->is_negated);
    }
    return STATUS_IS_OK;
}

/* The escape character; 0: none. */
static status read_escape(const struct value *v, bool is_nocase, char *out, struct error *err)
{
    str text = v->as.text;
    char c = text.n > 0 ? text.p[0] : 0;
    bool is_letter = str_lower_char(c) >= 'a' && str_lower_char(c) <= 'z';
    if (text.n > 1 || (unsigned char)c >= 0x80 || (is_nocase && is_letter)) {
        return error_set(err, ERROR_EXECUTION,
                         "Invalid escape string. Escape string must be empty or one character.");
    }
    *out = c;
    return STATUS_IS_OK;
}

static status run_like(NODE_PARAMETERS)
{
    struct value v;
    struct value pattern;
    struct value escape = value_text((str){NULL, 0});
    char escape_char = 0;
    TRY(eval_node(e->as.like.value, input, arena, &v, err));
    TRY(eval_node(e->as.like.pattern, input, arena, &pattern, err));
    if (e->as.like.escape != NULL) {
        TRY(eval_node(e->as.like.escape, input, arena, &escape, err));
    }
    if (v.is_null || pattern.is_null || escape.is_null) {
        *out = value_null(e->type);
        return STATUS_IS_OK;
    }
    TRY(read_escape(&escape, e->as.like.is_nocase, &escape_char, err));
    if (e->as.like.is_nocase) {
        v.as.text = case_lower(arena, v.as.text);
        pattern.as.text = case_lower(arena, pattern.as.text);
    }
    enum like_answer answer = like_matches(v.as.text, pattern.as.text, escape_char);
    if (answer == LIKE_BAD_ESCAPE) {
        return error_set(err, ERROR_EXECUTION, "Like pattern must not end with escape character!");
    }
    *out = value_bool((answer == LIKE_YES) != e->is_negated);
    return STATUS_IS_OK;
}

/* --- CASE */

static status is_chosen(const struct eval *e, unsigned i, const struct value *operand,
                        const struct eval_input *input, struct arena *arena, bool *chosen,
                        struct error *err)
{
    struct value v;
    struct value left;
    *chosen = false;
    if (e->as.choice.operand != NULL && operand->is_null) {
        return STATUS_IS_OK;
    }
    TRY(eval_node(e->as.choice.conditions.items[i], input, arena, &v, err));
    if (e->as.choice.operand == NULL) {
        *chosen = !v.is_null && v.as.boolean;
        return STATUS_IS_OK;
    }
    if (!v.is_null) {
        TRY(eval_cast(operand, e->as.choice.when_types[i], arena, &left, err));
        *chosen = eval_compare(&left, &v) == 0;
    }
    return STATUS_IS_OK;
}

static status run_case(NODE_PARAMETERS)
{
    struct value operand = {.is_null = true};
    unsigned count = e->as.choice.conditions.count;
    if (e->as.choice.operand != NULL) {
        TRY(eval_node(e->as.choice.operand, input, arena, &operand, err));
    }
    for (unsigned i = 0; i < count; i++) {
        bool chosen = false;
        TRY(is_chosen(e, i, &operand, input, arena, &chosen, err));
        if (chosen) {
            return eval_node(e->as.choice.results.items[i], input, arena, out, err);
        }
    }
    return eval_node(e->as.choice.results.items[count], input, arena, out, err);
}

/* --- JSON */

/* False in *is_null when all steps are there. */
static status run_steps(const struct eval *e, const struct eval_input *input, struct arena *arena,
                        struct json_step *steps, bool *is_null, struct error *err)
{
    for (unsigned i = 0; i < e->as.json.steps.count; i++) {
        struct value v;
        TRY(eval_node(e->as.json.steps.items[i], input, arena, &v, err));
        *is_null |= v.is_null;
        if (v.is_null) {
            continue;
        }
        steps[i].is_index = v.type.id != TYPE_TEXT;
        if (steps[i].is_index) {
            steps[i].index = v.as.integer;
            continue;
        }
        steps[i].key = v.as.text;
        if (!eval_is_plain_key(v.as.text)) {
            return error_set(err, ERROR_EXECUTION,
                             "the JSON path '" STR_FMT "' is not supported here",
                             STR(text_excerpt(v.as.text)));
        }
    }
    return STATUS_IS_OK;
}

static void put_json(const struct eval *e, str found, struct arena *arena, struct value *out)
{
    *out = value_null(e->type);
    bool is_text = e->op == OP_JSON_GET_TEXT;
    if (found.n == 0 || (is_text && found.p[0] == 'n')) {
        return;
    }
    out->is_null = false;
    out->as.text = is_text && found.p[0] == '"' ? json_text_unescape(found, arena) : found;
}

static status run_json(NODE_PARAMETERS)
{
    struct value base;
    struct json_step *steps = ARENA_ARRAY(arena, struct json_step, e->as.json.steps.count);
    bool is_null = false;
    TRY(eval_node(e->as.json.base, input, arena, &base, err));
    TRY(run_steps(e, input, arena, steps, &is_null, err));
    str found = {NULL, 0};
    if (!base.is_null && !is_null && json_text_is_valid(base.as.text)) {
        found = json_text_find(base.as.text, steps, e->as.json.steps.count, arena);
    }
    if (e->op == OP_JSON_HAS) {
        *out = value_bool(found.n > 0);
    } else {
        put_json(e, found, arena, out);
    }
    return STATUS_IS_OK;
}

/* --- all of them */

status eval_node(NODE_PARAMETERS)
{
    switch (e->code) {
    case EVAL_CONSTANT:
        *out = e->as.constant;
        return STATUS_IS_OK;
    case EVAL_COLUMN:
        *out = input->columns[e->as.index];
        return STATUS_IS_OK;
    case EVAL_SLOT:
        return run_slot(e, input, arena, out, err);
    case EVAL_PARAM:
        return run_param(e, input, arena, out, err);
    case EVAL_CAST:
        return run_cast(e, input, arena, out, err);
    case EVAL_NOT:
        return run_not(e, input, arena, out, err);
    case EVAL_AND:
    case EVAL_OR:
        return run_chain(e, input, arena, out, err);
    case EVAL_NEGATE:
        return run_negate(e, input, arena, out, err);
    case EVAL_ARITHMETIC:
        return run_arithmetic(e, input, arena, out, err);
    case EVAL_COMPARE:
        return run_compare(e, input, arena, out, err);
    case EVAL_LIKE:
        return run_like(e, input, arena, out, err);
    case EVAL_IS_NULL:
        return run_is_null(e, input, arena, out, err);
    case EVAL_IS_BOOL:
        return run_is_bool(e, input, arena, out, err);
    case EVAL_IN:
        return run_in(e, input, arena, out, err);
    case EVAL_BETWEEN:
        return run_between(e, input, arena, out, err);
    case EVAL_CASE:
        return run_case(e, input, arena, out, err);
    case EVAL_JSON:
        return run_json(e, input, arena, out, err);
    case EVAL_CALL:
        return e->as.call.run(e, input, arena, out, err);
    case EVAL_CODE_COUNT:
        break;
    }
    check_failed(__FILE__, __LINE__, "a bound node has a code");
}

status eval_run(const struct eval *bound, const struct eval_input *input, struct arena *arena,
                struct value *out, struct error *err)
{
    struct value v;
    TRY(eval_node(bound, input, arena, &v, err));
    *out = v;
    return STATUS_IS_OK;
}

status eval_matches(const struct eval *bound, const struct eval_input *input, struct arena *arena,
                    bool *matches, struct error *err)
{
    struct value v;
    CHECK(bound->type.id == TYPE_BOOLEAN || bound->type.id == TYPE_NONE);
    TRY(eval_node(bound, input, arena, &v, err));
    *matches = !v.is_null && v.as.boolean;
    return STATUS_IS_OK;
}
