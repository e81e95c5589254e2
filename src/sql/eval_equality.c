/* sql/eval_equality.c -- finding `column = constant` in a condition. Threads: any. */
#include "sql/eval_own.h"

#include "sql/build.h"

/* --- in the tree as parsed */

typedef bool visit_fn(const struct expr *e, void *context);

static bool any_of(const struct expr_list *list, visit_fn *visit, void *context)
{
    for (unsigned i = 0; i < list->count; i++) {
        if (visit(list->items[i], context)) {
            return true;
        }
    }
    return false;
}

static bool any_when(const struct expr *e, visit_fn *visit, void *context)
{
    for (unsigned i = 0; i < e->as.choice.when_count; i++) {
        if (visit(e->as.choice.whens[i].when, context) ||
            visit(e->as.choice.whens[i].then, context)) {
            return true;
        }
    }
    const struct expr *operand = e->as.choice.operand;
    const struct expr *otherwise = e->as.choice.otherwise;
    return (operand != NULL && visit(operand, context)) ||
           (otherwise != NULL && visit(otherwise, context));
}

/* Does `visit` say yes to one of the nodes right below e? */
static bool any_below(const struct expr *e, visit_fn *visit, void *context)
{
    switch (e->kind) {
    case EXPR_NOT:
    case EXPR_NEGATE:
    case EXPR_IS_NULL:
        return visit(e->as.unary.operand, context);
    case EXPR_IS_BOOL:
        return visit(e->as.is.operand, context);
    case EXPR_CAST:
        return visit(e->as.cast.operand, context);
    case EXPR_AND:
    case EXPR_OR:
        return any_of(&e->as.list, visit, context);
    case EXPR_BINARY:
        return visit(e->as.binary.left, context) || visit(e->as.binary.right, context);
    case EXPR_LIKE:
        return visit(e->as.like.value, context) || visit(e->as.like.pattern, context) ||
               (e->as.like.escape != NULL && visit(e->as.like.escape, context));
    case EXPR_IN:
        return visit(e->as.in.value, context) || any_of(&e->as.in.items, visit, context);
    case EXPR_BETWEEN:
        return visit(e->as.between.value, context) || visit(e->as.between.low, context) ||
               visit(e->as.between.high, context);
    case EXPR_CASE:
        return any_when(e, visit, context);
    case EXPR_CALL:
        return any_of(&e->as.call.args, visit, context);
    case EXPR_LITERAL:
    case EXPR_PARAM:
    case EXPR_COLUMN:
    case EXPR_STAR:
    case EXPR_DEFAULT:
    case EXPR_ENGINE:
        break;
    }
    return false;
}

/* In text that only the engine parses, a word is a mention: better one too many than one missed. */
static bool text_mentions(str text, str column_name)
{
    uint32_t at = 0;
    for (;;) {
        struct token token = lexer_next(text, at);
        if (token.kind <= 0) {
            return false;
        }
        str word = token_text(text, &token);
        if (token_is_quoted(text, &token)) {
            word = str_slice(word, 1, word.n - 1);
        }
        if (token.kind != TK_STRING && token.kind != TK_BYTES && str_eq_nocase(word, column_name)) {
            return true;
        }
        at = token_end(&token);
    }
}

static bool mentions(const struct expr *e, void *context)
{
    const str *column_name = context;
    if (e->kind == EXPR_COLUMN) {
        return str_eq_nocase(e->as.column.name, *column_name);
    }
    if (e->kind == EXPR_ENGINE) {
        return text_mentions(e->as.engine, *column_name);
    }
    return any_below(e, mentions, context);
}

bool expr_mentions(const struct expr *e, str column_name)
{
    return mentions(e, &column_name);
}

/* Something whose value the row does not change. */
static bool varies(const struct expr *e, void *context)
{
    if (e->kind == EXPR_CALL) { /* CURRENT_USER is one, SNOWFLAKE_ID() is none: leave them all */
        return true;
    }
    return e->kind == EXPR_COLUMN || e->kind == EXPR_STAR || e->kind == EXPR_DEFAULT ||
           e->kind == EXPR_ENGINE || any_below(e, varies, context);
}

static bool is_column(const struct expr *e, eval_resolve_fn *resolve, void *context,
                      unsigned column)
{
    unsigned index = 0;
    struct type type;
    return e->kind == EXPR_COLUMN &&
           resolve(context, e->as.column.ns, e->as.column.table, e->as.column.name, &index,
                   &type) &&
           index == column;
}

const struct expr *eval_find_equality(const struct expr *condition, eval_resolve_fn *resolve,
                                      void *context, unsigned column)
{
    if (condition->kind == EXPR_AND) {
        for (unsigned i = 0; i < condition->as.list.count; i++) {
            const struct expr *found =
                eval_find_equality(condition->as.list.items[i], resolve, context, column);
            if (found != NULL) {
                return found;
            }
        }
        return NULL;
    }
    if (condition->kind != EXPR_BINARY || condition->op != OP_EQ) {
        return NULL;
    }
    const struct expr *left = condition->as.binary.left;
    const struct expr *right = condition->as.binary.right;
    if (is_column(left, resolve, context, column) && !varies(right, NULL)) {
        return right;
    }
    return is_column(right, resolve, context, column) && !varies(left, NULL) ? left : NULL;
}

/* --- in a bound filter */

/* Only where column and constant have one type without a cast over the column. */
static bool equality_of(const struct eval *e, struct eval_equality *out)
{
    if (e->code != EVAL_COMPARE || e->op != OP_EQ) {
        return false;
    }
    const struct eval *left = e->as.binary.left;
    const struct eval *right = e->as.binary.right;
    const struct eval *column = left->code == EVAL_COLUMN ? left : right;
    const struct eval *constant = column == left ? right : left;
    if (column->code != EVAL_COLUMN || constant->code != EVAL_CONSTANT ||
        constant->as.constant.is_null) {
        return false;
    }
    *out = (struct eval_equality){.column = column->as.index, .value = constant->as.constant};
    return true;
}

unsigned eval_equalities(const struct eval *bound, struct eval_equality *out, unsigned max)
{
    struct eval_equality one;
    if (bound->code != EVAL_AND) {
        bool is_one = equality_of(bound, &one);
        if (is_one && max > 0) {
            out[0] = one;
        }
        return is_one ? 1 : 0;
    }
    unsigned count = 0;
    for (unsigned i = 0; i < bound->as.list.count; i++) {
        unsigned left = count < max ? max - count : 0;
        count += eval_equalities(bound->as.list.items[i], left > 0 ? out + count : NULL, left);
    }
    return count;
}
