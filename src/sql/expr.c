/* sql/expr.c -- the operators' texts. */
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
