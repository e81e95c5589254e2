/* sql/expr.c -- operators as text, and comparing trees. Threads: any. */
#include "sql/expr.h"

#include "base/check.h"

const char *expr_op_text(enum expr_op op)
{
    static const char *const texts[OP_COUNT] = {
        [OP_ADD] = "+",       [OP_SUBTRACT] = "-",
        [OP_MULTIPLY] = "*",  [OP_DIVIDE] = "/",
        [OP_MODULO] = "%",    [OP_CONCAT] = "||",
        [OP_EQ] = "=",        [OP_NE] = "<>",
        [OP_LT] = "<",        [OP_LE] = "<=",
        [OP_GT] = ">",        [OP_GE] = ">=",
        [OP_JSON_GET] = "->", [OP_JSON_GET_TEXT] = "->>",
        [OP_JSON_HAS] = "?",
    };
    CHECK(op < OP_COUNT);
    return texts[op];
}

static bool lists_equal(const struct expr_list *a, const struct expr_list *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (unsigned i = 0; i < a->count; i++) {
        if (!expr_equal(a->items[i], b->items[i])) {
            return false;
        }
    }
    return true;
}

static bool both_equal(const struct expr *a, const struct expr *b)
{
    return a == NULL || b == NULL ? a == b : expr_equal(a, b);
}

static bool cases_equal(const struct expr *a, const struct expr *b)
{
    if (a->as.choice.when_count != b->as.choice.when_count ||
        !both_equal(a->as.choice.operand, b->as.choice.operand) ||
        !both_equal(a->as.choice.otherwise, b->as.choice.otherwise)) {
        return false;
    }
    for (unsigned i = 0; i < a->as.choice.when_count; i++) {
        if (!expr_equal(a->as.choice.whens[i].when, b->as.choice.whens[i].when) ||
            !expr_equal(a->as.choice.whens[i].then, b->as.choice.whens[i].then)) {
            return false;
        }
    }
    return true;
}

bool expr_equal(const struct expr *a, const struct expr *b)
{
    if (a->kind != b->kind || (a->kind != EXPR_LITERAL && a->is_negated != b->is_negated)) {
        return false;
    }
    switch (a->kind) {
    case EXPR_LITERAL:
        return type_eq(a->as.literal.value.type, b->as.literal.value.type) &&
               value_identical(&a->as.literal.value, &b->as.literal.value);
    case EXPR_PARAM:
        return a->as.param == b->as.param;
    case EXPR_COLUMN:
        return str_eq(a->as.column.ns, b->as.column.ns) &&
               str_eq(a->as.column.table, b->as.column.table) &&
               str_eq(a->as.column.name, b->as.column.name);
    case EXPR_NOT:
    case EXPR_NEGATE:
    case EXPR_IS_NULL:
        return expr_equal(a->as.unary.operand, b->as.unary.operand);
    case EXPR_AND:
    case EXPR_OR:
        return lists_equal(&a->as.list, &b->as.list);
    case EXPR_BINARY:
        return a->op == b->op && expr_equal(a->as.binary.left, b->as.binary.left) &&
               expr_equal(a->as.binary.right, b->as.binary.right);
    case EXPR_LIKE:
        return a->as.like.is_nocase == b->as.like.is_nocase &&
               expr_equal(a->as.like.value, b->as.like.value) &&
               expr_equal(a->as.like.pattern, b->as.like.pattern) &&
               both_equal(a->as.like.escape, b->as.like.escape);
    case EXPR_IS_BOOL:
        return a->as.is.wanted == b->as.is.wanted && expr_equal(a->as.is.operand, b->as.is.operand);
    case EXPR_IN:
        return expr_equal(a->as.in.value, b->as.in.value) &&
               lists_equal(&a->as.in.items, &b->as.in.items);
    case EXPR_BETWEEN:
        return expr_equal(a->as.between.value, b->as.between.value) &&
               expr_equal(a->as.between.low, b->as.between.low) &&
               expr_equal(a->as.between.high, b->as.between.high);
    case EXPR_CASE:
        return cases_equal(a, b);
    case EXPR_CAST:
        return type_eq(a->as.cast.type, b->as.cast.type) &&
               expr_equal(a->as.cast.operand, b->as.cast.operand);
    case EXPR_CALL:
        return a->as.call.has_parens == b->as.call.has_parens &&
               str_eq(a->as.call.name, b->as.call.name) &&
               lists_equal(&a->as.call.args, &b->as.call.args);
    case EXPR_STAR:
    case EXPR_DEFAULT:
        return true;
    case EXPR_ENGINE:
        return str_eq(a->as.engine, b->as.engine);
    }
    return false;
}
