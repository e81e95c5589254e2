/* sql/print.c -- expressions as SQL text again. Threads: any. */
#include "sql/print.h"

#include "sql/sql.h"

#include "model/limits.h"

#include <math.h>

static void append_quoted(struct buf *out, str text, char quote)
{
    buf_append_byte(out, (uint8_t)quote);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == quote) {
            buf_append_byte(out, (uint8_t)quote);
        }
        buf_append_byte(out, (uint8_t)text.p[i]);
    }
    buf_append_byte(out, (uint8_t)quote);
}

void sql_print_text(struct buf *out, str text)
{
    append_quoted(out, text, '\'');
}

static bool is_plain_name(str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool is_first = (c >= 'a' && c <= 'z') || c == '_';
        if (!is_first && (i == 0 || c < '0' || c > '9')) {
            return false;
        }
    }
    return name.n > 0 && !sql_is_reserved_word(name);
}

void sql_print_name(struct buf *out, str name)
{
    if (is_plain_name(name)) {
        buf_append_str(out, name);
    } else {
        append_quoted(out, name, '"');
    }
}

/* --- literals: in the type that they would be read with */

static void append_zeros(struct buf *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_append_byte(out, '0');
    }
}

/* As many digits as its precision says, so that it reads back with the same. */
static void print_decimal(struct buf *out, const struct value *v)
{
    struct buf digits;
    int128 magnitude = v->as.decimal < 0 ? -v->as.decimal : v->as.decimal;
    unsigned whole = (unsigned)v->type.precision - v->type.scale;
    if (v->as.decimal < 0) {
        buf_append_byte(out, '-');
    }
    if (whole == LIMIT_DECIMAL_PRECISION && magnitude > INT64_MAX) { /* digits without a point */
        decimal_append_text(out, magnitude, 0);
        return;
    }
    buf_init(&digits);
    decimal_append_text(&digits, magnitude, 0);
    size_t shown = magnitude == 0 ? 0 : digits.n;
    size_t zeros = v->type.precision - shown;
    size_t zeros_before_point = zeros < whole ? zeros : whole;
    append_zeros(out, zeros_before_point);
    buf_append(out, digits.p, whole - zeros_before_point);
    buf_append_byte(out, '.');
    append_zeros(out, zeros - zeros_before_point);
    buf_append(out, digits.p + (whole - zeros_before_point), shown - (whole - zeros_before_point));
    buf_release(&digits);
}

/* An exponent tells it from a decimal. */
static void print_double(struct buf *out, double v)
{
    size_t from = out->n;
    double_append_text(out, v);
    if (str_find_char(str_skip(buf_str(out), from), 'e') < 0) {
        buf_append_c(out, "e0");
    }
}

static void print_bytes(struct buf *out, str bytes)
{
    buf_append_c(out, "X'");
    for (size_t i = 0; i < bytes.n; i++) {
        buf_append_format(out, "%02x", (unsigned)(unsigned char)bytes.p[i]);
    }
    buf_append_byte(out, '\'');
}

static void print_literal(struct buf *out, const struct value *v)
{
    if (v->is_null) {
        buf_append_c(out, "NULL");
        return;
    }
    switch (v->type.id) {
    case TYPE_BOOLEAN:
        buf_append_c(out, v->as.boolean ? "TRUE" : "FALSE");
        break;
    case TYPE_DECIMAL:
        print_decimal(out, v);
        break;
    case TYPE_DOUBLE:
        print_double(out, v->as.real);
        break;
    case TYPE_TEXT:
        sql_print_text(out, v->as.text);
        break;
    case TYPE_BYTES:
        print_bytes(out, v->as.text);
        break;
    default:
        value_append_text(out, v);
        break;
    }
}

/* --- nodes */

/* A minus binds less than -> and ?, so that -1 is written (-1) beside an operator. */
static bool begins_with_minus(const struct value *v)
{
    switch (v->type.id) {
    case TYPE_INT:
    case TYPE_BIGINT:
        return v->as.integer < 0;
    case TYPE_DECIMAL:
        return v->as.decimal < 0;
    case TYPE_DOUBLE:
        return signbit(v->as.real) != 0;
    default:
        return false;
    }
}

static bool is_leaf(const struct expr *e)
{
    if (e->kind == EXPR_LITERAL) {
        return !begins_with_minus(&e->as.literal.value);
    }
    return e->kind == EXPR_PARAM || e->kind == EXPR_COLUMN || e->kind == EXPR_CALL ||
           e->kind == EXPR_CAST || e->kind == EXPR_CASE || e->kind == EXPR_STAR ||
           e->kind == EXPR_DEFAULT;
}

static void print_operand(struct buf *out, const struct expr *e)
{
    if (is_leaf(e)) {
        sql_print_expr(out, e);
        return;
    }
    buf_append_byte(out, '(');
    sql_print_expr(out, e);
    buf_append_byte(out, ')');
}

static void print_list(struct buf *out, const struct expr_list *list)
{
    buf_append_byte(out, '(');
    for (unsigned i = 0; i < list->count; i++) {
        buf_append_c(out, i > 0 ? ", " : "");
        sql_print_expr(out, list->items[i]);
    }
    buf_append_byte(out, ')');
}

static void print_chain(struct buf *out, const struct expr *e)
{
    for (unsigned i = 0; i < e->as.list.count; i++) {
        if (i > 0) {
            buf_append_c(out, e->kind == EXPR_AND ? " AND " : " OR ");
        }
        print_operand(out, e->as.list.items[i]);
    }
}

static void print_column(struct buf *out, const struct expr *e)
{
    const str parts[] = {e->as.column.ns, e->as.column.table};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].n > 0) {
            sql_print_name(out, parts[i]);
            buf_append_byte(out, '.');
        }
    }
    if (e->is_quoted) { /* "current_user" is a column */
        append_quoted(out, e->as.column.name, '"');
    } else {
        sql_print_name(out, e->as.column.name);
    }
}

static void print_negatable(struct buf *out, const struct expr *e, const struct expr *left,
                            const char *word)
{
    print_operand(out, left);
    buf_append_c(out, e->is_negated ? " NOT " : " ");
    buf_append_c(out, word);
    buf_append_byte(out, ' ');
}

static void print_like(struct buf *out, const struct expr *e)
{
    print_negatable(out, e, e->as.like.value, e->as.like.is_nocase ? "ILIKE" : "LIKE");
    print_operand(out, e->as.like.pattern);
    if (e->as.like.escape != NULL) {
        buf_append_c(out, " ESCAPE ");
        print_operand(out, e->as.like.escape);
    }
}

static void print_between(struct buf *out, const struct expr *e)
{
    print_negatable(out, e, e->as.between.value, "BETWEEN");
    print_operand(out, e->as.between.low);
    buf_append_c(out, " AND ");
    print_operand(out, e->as.between.high);
}

static void print_is(struct buf *out, const struct expr *e, const struct expr *operand,
                     const char *what)
{
    print_operand(out, operand);
    buf_append_c(out, e->is_negated ? " IS NOT " : " IS ");
    buf_append_c(out, what);
}

static void print_case(struct buf *out, const struct expr *e)
{
    buf_append_c(out, "CASE");
    if (e->as.choice.operand != NULL) {
        buf_append_byte(out, ' ');
        print_operand(out, e->as.choice.operand);
    }
    for (unsigned i = 0; i < e->as.choice.when_count; i++) {
        buf_append_c(out, " WHEN ");
        sql_print_expr(out, e->as.choice.whens[i].when);
        buf_append_c(out, " THEN ");
        sql_print_expr(out, e->as.choice.whens[i].then);
    }
    if (e->as.choice.otherwise != NULL) {
        buf_append_c(out, " ELSE ");
        sql_print_expr(out, e->as.choice.otherwise);
    }
    buf_append_c(out, " END");
}

static void print_cast(struct buf *out, const struct expr *e)
{
    buf_append_c(out, "CAST(");
    sql_print_expr(out, e->as.cast.operand);
    buf_append_c(out, " AS ");
    type_append_sql(out, e->as.cast.type);
    buf_append_byte(out, ')');
}

static void print_call(struct buf *out, const struct expr *e)
{
    sql_print_name(out, e->as.call.name);
    if (e->as.call.has_parens) {
        print_list(out, &e->as.call.args);
    }
}

static void print_binary(struct buf *out, const struct expr *e)
{
    print_operand(out, e->as.binary.left);
    buf_append_byte(out, ' ');
    buf_append_c(out, expr_op_text(e->op));
    buf_append_byte(out, ' ');
    print_operand(out, e->as.binary.right);
}

void sql_print_expr(struct buf *out, const struct expr *e)
{
    switch (e->kind) {
    case EXPR_LITERAL:
        print_literal(out, &e->as.literal.value);
        break;
    case EXPR_PARAM:
        buf_append_format(out, "$%u", e->as.param);
        break;
    case EXPR_COLUMN:
        print_column(out, e);
        break;
    case EXPR_NOT:
    case EXPR_NEGATE:
        buf_append_c(out, e->kind == EXPR_NOT ? "NOT " : "- ");
        print_operand(out, e->as.unary.operand);
        break;
    case EXPR_AND:
    case EXPR_OR:
        print_chain(out, e);
        break;
    case EXPR_BINARY:
        print_binary(out, e);
        break;
    case EXPR_LIKE:
        print_like(out, e);
        break;
    case EXPR_IS_NULL:
        print_is(out, e, e->as.unary.operand, "NULL");
        break;
    case EXPR_IS_BOOL:
        print_is(out, e, e->as.is.operand, e->as.is.wanted ? "TRUE" : "FALSE");
        break;
    case EXPR_IN:
        print_negatable(out, e, e->as.in.value, "IN");
        print_list(out, &e->as.in.items);
        break;
    case EXPR_BETWEEN:
        print_between(out, e);
        break;
    case EXPR_CASE:
        print_case(out, e);
        break;
    case EXPR_CAST:
        print_cast(out, e);
        break;
    case EXPR_CALL:
        print_call(out, e);
        break;
    case EXPR_STAR:
        buf_append_byte(out, '*');
        break;
    case EXPR_DEFAULT:
        buf_append_c(out, "DEFAULT");
        break;
    case EXPR_ENGINE:
        buf_append_str(out, e->as.engine);
        break;
    }
}
