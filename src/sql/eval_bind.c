/* sql/eval_bind.c -- names to columns, literals to types, casts where types differ.
 * The rules of types are the engine's (DuckDB 1.4.4), found by asking it; what is not in them is
 * refused with UNSUPPORTED, and the caller lets the engine do it. Threads: any. */
#include "sql/eval_own.h"

#include "model/limits.h"
#include "sql/build.h"
#include "sql/text.h"

struct eval *eval_new(struct eval_binder *b, enum eval_code code, struct type type)
{
    struct eval *e = ARENA_NEW(b->arena, struct eval);
    e->code = code;
    e->type = type;
    return e;
}

status eval_refuse(struct eval_binder *b, const char *what, str name)
{
    return error_set(b->err, ERROR_STATEMENT_UNSUPPORTED, "%s '" STR_FMT "' is not supported here",
                     what, STR(text_excerpt(name)));
}

static status refuse_types(struct eval_binder *b, enum expr_op op, struct type left,
                           struct type right)
{
    struct buf text;
    buf_init(&text);
    type_append_sql(&text, left);
    buf_append_c(&text, " ");
    buf_append_c(&text, expr_op_text(op));
    buf_append_c(&text, " ");
    type_append_sql(&text, right);
    status result = error_set(b->err, ERROR_STATEMENT_UNSUPPORTED,
                              STR_FMT " is not supported here; write a cast", STR(buf_str(&text)));
    buf_release(&text);
    return result;
}

/* --- casts */

static status refuse_cast(struct eval_binder *b, struct type from, struct type to)
{
    struct buf text;
    buf_init(&text);
    type_append_sql(&text, from);
    buf_append_c(&text, " to ");
    type_append_sql(&text, to);
    status result = eval_refuse(b, "the cast from", buf_str(&text));
    buf_release(&text);
    return result;
}

status eval_bind_cast_late(struct eval_binder *b, struct eval **e, struct type to)
{
    struct eval *from = *e;
    if (type_eq(from->type, to) || to.id == TYPE_NONE) {
        return STATUS_IS_OK;
    }
    if (!eval_can_cast(from->type, to)) {
        return refuse_cast(b, from->type, to);
    }
    struct eval *cast = eval_new(b, EVAL_CAST, to);
    cast->is_constant = from->is_constant;
    cast->as.operand = from;
    if (from->code == EVAL_CONSTANT) {
        struct value v = value_null(to);
        if (from->as.constant.is_null ||
            status_ok(eval_cast(&from->as.constant, to, b->arena, &v, NULL))) {
            cast->code = EVAL_CONSTANT;
            cast->as.constant = v;
        }
    }
    *e = cast;
    return STATUS_IS_OK;
}

status eval_bind_cast(struct eval_binder *b, struct eval **e, struct type to)
{
    const struct eval *from = *e;
    TRY(eval_bind_cast_late(b, e, to));
    if ((*e)->code == EVAL_CAST && from->code == EVAL_CONSTANT) {
        struct value v;
        return eval_cast(&from->as.constant, to, b->arena, &v, b->err); /* it says why not */
    }
    return STATUS_IS_OK;
}

/* --- types that meet */

/* Digits before the point that a number of this type may have. */
static unsigned whole_digits(struct type type)
{
    switch (type.id) {
    case TYPE_SMALLINT:
        return 5;
    case TYPE_INT:
        return 10;
    case TYPE_BIGINT:
        return 19;
    default:
        return (unsigned)type.precision - type.scale;
    }
}

enum meeting { MEET_EQUAL, MEET_ORDER, MEET_RESULT };

static enum type_id wider(enum type_id a, enum type_id b)
{
    return a == TYPE_BIGINT || b == TYPE_BIGINT ? TYPE_BIGINT
           : a == TYPE_INT || b == TYPE_INT     ? TYPE_INT
                                                : TYPE_SMALLINT;
}

static bool join_numbers(const struct eval *a, const struct eval *b, struct type *out)
{
    if (eval_is_integer(a->type) && eval_is_integer(b->type)) {
        *out = type_of(wider(a->type.id, b->type.id));
        return true;
    }
    if (a->type.id == TYPE_DOUBLE || b->type.id == TYPE_DOUBLE) {
        *out = type_of(TYPE_DOUBLE);
        return true;
    }
    if (a->type.id == TYPE_FLOAT || b->type.id == TYPE_FLOAT) {
        *out = type_of(TYPE_FLOAT);
        return true;
    }
    unsigned whole = whole_digits(a->type) > whole_digits(b->type) ? whole_digits(a->type)
                                                                   : whole_digits(b->type);
    unsigned scale = a->type.scale > b->type.scale ? a->type.scale : b->type.scale;
    *out = (struct type){
        .id = TYPE_DECIMAL, .precision = (uint8_t)(whole + scale), .scale = (uint8_t)scale};
    return whole + scale <= LIMIT_DECIMAL_PRECISION;
}

/* Where a text literal takes the other's type. */
static bool takes_text(const struct eval *text, struct type type, enum meeting how)
{
    if (type.id == TYPE_BYTES) { /* two texts beside bytes are TEXT to the engine: it refuses */
        return how != MEET_RESULT && text->code != EVAL_CODE_COUNT;
    }
    return type.id != TYPE_EMBEDDING && type.id != TYPE_FILE && type.id != TYPE_JSON;
}

static bool join_text(const struct eval *text, const struct eval *other, enum meeting how,
                      struct type *out)
{
    *out = other->type;
    if (text->adapts == ADAPTS_TEXT && takes_text(text, other->type, how)) {
        return true;
    }
    if (other->type.id == TYPE_JSON && how != MEET_RESULT) {
        *out = type_of(TYPE_TEXT);
        return true;
    }
    /* A text that is computed: = casts it, < is refused by the engine too. A TEXT column is left to
     * the engine: '042' = 42, which no index of texts would find. */
    return how == MEET_EQUAL && text->code != EVAL_COLUMN &&
           (eval_is_integer(other->type) || eval_is_real(other->type));
}

/* The type in which a and b meet; false: the engine refuses, or does what we do not. */
static bool join(const struct eval *a, const struct eval *b, enum meeting how, struct type *out)
{
    if (a->type.id == TYPE_NONE || type_eq(a->type, b->type)) {
        *out = b->type;
        return a->type.id != TYPE_EMBEDDING && a->type.id != TYPE_FILE;
    }
    if (b->type.id == TYPE_NONE) {
        *out = a->type;
        return true;
    }
    if (eval_is_number(a->type) && eval_is_number(b->type)) {
        return join_numbers(a, b, out);
    }
    if (a->type.id == TYPE_TEXT) {
        return join_text(a, b, how, out);
    }
    if (b->type.id == TYPE_TEXT) {
        return join_text(b, a, how, out);
    }
    if (eval_is_time(a->type) && eval_is_time(b->type)) {
        *out = type_of(TYPE_TIMESTAMP);
        return true;
    }
    const struct eval *number = a->type.id == TYPE_BOOLEAN ? b : a;
    *out = number->type;
    return (a->type.id == TYPE_BOOLEAN || b->type.id == TYPE_BOOLEAN) &&
           eval_is_integer(number->type) && how != MEET_RESULT;
}

/* What `joined` and `next` are together, as one node that only has a type. */
static void merge(struct eval *joined, const struct eval *next, struct type type)
{
    if (joined->type.id == TYPE_NONE) {
        *joined = *next;
    } else if (next->type.id != TYPE_NONE) {
        joined->adapts = joined->adapts == next->adapts ? joined->adapts : ADAPTS_NOT;
        joined->code = EVAL_CODE_COUNT; /* no constant any more */
    }
    joined->type = type;
}

static status join_all(struct eval_binder *b, struct eval *const *items, unsigned count,
                       enum meeting how, struct type *out)
{
    struct eval joined = *items[0];
    for (unsigned i = 1; i < count; i++) {
        struct type type;
        if (!join(&joined, items[i], how, &type)) {
            return refuse_types(b, how == MEET_ORDER ? OP_LT : OP_EQ, joined.type, items[i]->type);
        }
        merge(&joined, items[i], type);
    }
    bool is_exact = how == MEET_RESULT && joined.type.id == TYPE_DECIMAL;
    for (unsigned i = 0; is_exact && i < count; i++) {
        if (!type_eq(items[i]->type, joined.type) && items[i]->type.id != TYPE_NONE) {
            return refuse_types(b, OP_EQ, joined.type, items[i]->type);
        }
    }
    *out = joined.type;
    return STATUS_IS_OK;
}

status eval_bind_value(struct eval_binder *b, struct eval **e)
{
    return (*e)->adapts == ADAPTS_INTEGER ? eval_bind_cast(b, e, type_of(TYPE_BIGINT))
                                          : STATUS_IS_OK;
}

status eval_bind_common(struct eval_binder *b, struct eval **items, unsigned count,
                        struct type *out)
{
    for (unsigned i = 0; i < count; i++) {
        TRY(eval_bind_value(b, &items[i]));
    }
    return join_all(b, items, count, MEET_RESULT, out);
}

static bool all_constant(struct eval *const *items, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (items[i] != NULL && !items[i]->is_constant) {
            return false;
        }
    }
    return true;
}

bool eval_all_constant(struct eval_list list)
{
    return all_constant(list.items, list.count);
}

/* --- leaves */

static status bind_literal(struct eval_binder *b, const struct expr *e, struct eval **out)
{
    int slot = e->as.literal.slot;
    struct eval *node;
    if (slot >= 0 && b->scope->slot_types != NULL) {
        if ((unsigned)slot >= b->scope->slot_count) {
            return error_set(b->err, ERROR_INTERNAL, "literal %d of %u", slot,
                             b->scope->slot_count);
        }
        node = eval_new(b, EVAL_SLOT, b->scope->slot_types[slot]);
        node->as.index = (unsigned)slot;
        node->is_negated = e->is_negated;
    } else {
        node = eval_new(b, EVAL_CONSTANT, e->as.literal.value.type);
        node->as.constant = e->as.literal.value;
    }
    node->is_constant = true;
    node->adapts = node->type.id == TYPE_TEXT    ? ADAPTS_TEXT
                   : eval_is_integer(node->type) ? ADAPTS_INTEGER
                                                 : ADAPTS_NOT;
    *out = node;
    return STATUS_IS_OK;
}

static status bind_param(struct eval_binder *b, const struct expr *e, struct eval **out)
{
    if (e->as.param > b->scope->param_count) {
        return error_set(b->err, ERROR_PARAMETER_COUNT,
                         "Parameter count mismatch: expected %u parameters, got %u", e->as.param,
                         b->scope->param_count);
    }
    struct eval *node = eval_new(b, EVAL_PARAM, b->scope->param_types[e->as.param - 1]);
    node->as.index = e->as.param - 1;
    node->is_constant = true;
    node->adapts = node->type.id == TYPE_TEXT ? ADAPTS_TEXT : ADAPTS_NOT;
    *out = node;
    return STATUS_IS_OK;
}

static status bind_column(struct eval_binder *b, const struct expr *e, struct eval **out)
{
    unsigned index = 0;
    struct type type;
    bool is_found = b->scope->resolve != NULL &&
                    b->scope->resolve(b->scope->context, e->as.column.ns, e->as.column.table,
                                      e->as.column.name, &index, &type);
    if (!is_found) {
        return error_set(b->err, ERROR_COLUMN_NOT_FOUND, "Column '" STR_FMT "' does not exist",
                         STR(e->as.column.name));
    }
    struct eval *node = eval_new(b, EVAL_COLUMN, type);
    node->as.index = index;
    node->is_exact = type.id == TYPE_DECIMAL;
    *out = node;
    return STATUS_IS_OK;
}

/* --- truth */

/* BOOLEAN, NULL, or a text literal that says one. */
static status bind_boolean(struct eval_binder *b, const struct expr *e, struct eval **out)
{
    TRY(eval_bind_node(b, e, out));
    struct type type = (*out)->type;
    if (type.id == TYPE_NONE || type.id == TYPE_BOOLEAN || (*out)->adapts == ADAPTS_TEXT) {
        return eval_bind_cast(b, out, type_of(TYPE_BOOLEAN));
    }
    struct buf text;
    buf_init(&text);
    type_append_sql(&text, type);
    status result = eval_refuse(b, "as a condition, a value of type", buf_str(&text));
    buf_release(&text);
    return result;
}

static status bind_list(struct eval_binder *b, const struct expr_list *list,
                        status (*bind)(struct eval_binder *, const struct expr *, struct eval **),
                        struct eval_list *out)
{
    out->items = ARENA_ARRAY(b->arena, struct eval *, list->count);
    out->count = list->count;
    for (unsigned i = 0; i < list->count; i++) {
        TRY(bind(b, list->items[i], &out->items[i]));
    }
    return STATUS_IS_OK;
}

static status bind_chain(struct eval_binder *b, const struct expr *e, struct eval **out)
{
    *out = eval_new(b, e->kind == EXPR_AND ? EVAL_AND : EVAL_OR, type_of(TYPE_BOOLEAN));
    TRY(bind_list(b, &e->as.list, bind_boolean, &(*out)->as.list));
    (*out)->is_constant = all_constant((*out)->as.list.items, (*out)->as.list.count);
    return STATUS_IS_OK;
}

static status bind_not(struct eval_binder *b, const struct expr *e, struct eval **out)
{
    struct eval *node = eval_new(b, EVAL_NOT, type_of(TYPE_BOOLEAN));
    TRY(bind_boolean(b, e->as.unary.operand, &node->as.operand));
    node->is_constant = node->as.operand->is_constant;
    *out = node;
    return STATUS_IS_OK;
}

static status bind_is_null(struct eval_binder *b, const struct expr *e, struct eval **out)
{
    struct eval *node = eval_new(b, EVAL_IS_NULL, type_of(TYPE_BOOLEAN));
    TRY(eval_bind_node(b, e->as.unary.operand, &node->as.operand));
    node->is_negated = e->is_negated;
    node->is_constant = node->as.operand->is_constant;
    *out = node;
    return STATUS_IS_OK;
}

static status bind_is_bool(struct eval_binder *b, const struct expr *e, struct eval **out)
{
    struct eval *node = eval_new(b, EVAL_IS_BOOL, type_of(TYPE_BOOLEAN));
    TRY(bind_boolean(b, e->as.is.operand, &node->as.is.operand));
    node->as.is.wanted = e->as.is.wanted;
    node->is_negated = e->is_negated;
    node->is_constant = node->as.is.operand->is_constant;
    *out = node;
    return STATUS_IS_OK;
}

/* --- numbers */

static status bind_negate(struct eval_binder *b, const struct expr *e, struct eval **out)
{
    struct eval *operand = NULL;
    TRY(eval_bind_node(b, e->as.unary.operand, &operand));
    if (operand->type.id != TYPE_NONE && !eval_is_number(operand->type)) {
        return refuse_types(b, OP_SUBTRACT, type_of(TYPE_INT), operand->type);
    }
    struct eval *node = eval_new(b, EVAL_NEGATE, operand->type);
    node->as.operand = operand;
    node->is_constant = operand->is_constant;
    node->is_exact = operand->is_exact;
    *out = node;
    return STATUS_IS_OK;
}

/* A number as the DECIMAL that the engine makes of it. */
static struct type decimal_of(struct type type)
{
    return (struct type){.id = TYPE_DECIMAL,
                         .precision = (uint8_t)(whole_digits(type) + type.scale),
                         .scale = type.scale};
}

/* Literals alone are DOUBLE to the engine; a whole number past BIGINT is a type that we have not.
 */
static bool is_wide_literal(const struct eval *e)
{
    return !e->is_exact && e->type.id == TYPE_DECIMAL && e->type.scale == 0 &&
           e->type.precision == LIMIT_DECIMAL_PRECISION;
}

/* The engine's rules: + and - keep all digits and one more, * adds digits and scales. What has at
 * most 18 digits stays so (64 bits), nothing has more than 38: then a result may not fit. */
static bool join_decimals(enum expr_op op, const struct eval *a, const struct eval *b,
                          struct type *out)
{
    enum { PRECISION_OF_64_BITS = 18 };
    struct type left = decimal_of(a->type);
    struct type right = decimal_of(b->type);
    unsigned widest = left.precision > right.precision ? left.precision : right.precision;
    unsigned scale = left.scale > right.scale ? left.scale : right.scale;
    unsigned whole = left.precision - left.scale > right.precision - right.scale
                         ? (unsigned)left.precision - left.scale
                         : (unsigned)right.precision - right.scale;
    unsigned precision = (whole + scale > widest ? whole + scale : widest) + 1;
    if (op == OP_MULTIPLY) {
        scale = (unsigned)left.scale + right.scale;
        precision = (unsigned)left.precision + right.precision;
    }
    bool stays_small = precision > PRECISION_OF_64_BITS && widest <= PRECISION_OF_64_BITS &&
                       (op != OP_MULTIPLY || scale < PRECISION_OF_64_BITS);
    precision = stays_small                           ? PRECISION_OF_64_BITS
                : precision > LIMIT_DECIMAL_PRECISION ? LIMIT_DECIMAL_PRECISION
                                                      : precision;
    *out =
        (struct type){.id = TYPE_DECIMAL, .precision = (uint8_t)precision, .scale = (uint8_t)scale};
    return scale <= precision && (a->is_exact || b->is_exact) && !is_wide_literal(a) &&
           !is_wide_literal(b);
}

/* The type of a + b and its kin. A division makes a DOUBLE of a DECIMAL. */
static bool join_arithmetic(enum expr_op op, const struct eval *a, const struct eval *b,
                            struct type *out)
{
    if (a->type.id == TYPE_NONE || b->type.id == TYPE_NONE) {
        *out = a->type.id == TYPE_NONE ? b->type : a->type;
        return out->id == TYPE_NONE || eval_is_number(*out);
    }
    if (!eval_is_number(a->type) || !eval_is_number(b->type)) {
        return false;
    }
    bool is_joined = join_numbers(a, b, out);
    if (out->id == TYPE_DECIMAL && op != OP_DIVIDE) {
        return op != OP_MODULO && join_decimals(op, a, b, out);
    }
    if (out->id == TYPE_DECIMAL) {
        *out = type_of(TYPE_DOUBLE);
    }
    return is_joined && !(op == OP_MODULO && eval_is_real(*out));
}

static status bind_arithmetic(struct eval_binder *b, enum expr_op op, struct eval *left,
                              struct eval *right, struct eval **out)
{
    struct type type;
    TRY(eval_bind_value(b, &left));
    TRY(eval_bind_value(b, &right));
    if (!join_arithmetic(op, left, right, &type)) {
        return refuse_types(b, op, left->type, right->type);
    }
    struct eval *node = eval_new(b, EVAL_ARITHMETIC, type);
    node->op = op;
    node->is_constant = left->is_constant && right->is_constant;
    node->is_exact = type.id == TYPE_DECIMAL;
    node->as.binary.left = left;
    node->as.binary.right = right;
    bool has_null = left->type.id == TYPE_NONE || right->type.id == TYPE_NONE;
    bool is_decimal = type.id == TYPE_DECIMAL && !has_null; /* each keeps its scale */
    TRY(eval_bind_cast(b, &node->as.binary.left, is_decimal ? decimal_of(left->type) : type));
    TRY(eval_bind_cast(b, &node->as.binary.right, is_decimal ? decimal_of(right->type) : type));
    *out = node;
    return STATUS_IS_OK;
}

/* --- comparisons */

static status bind_compare(struct eval_binder *b, enum expr_op op, struct eval *left,
                           struct eval *right, struct eval **out)
{
    struct type type;
    enum meeting how = op == OP_EQ || op == OP_NE ? MEET_EQUAL : MEET_ORDER;
    if (!join(left, right, how, &type)) {
        return refuse_types(b, op, left->type, right->type);
    }
    struct eval *node = eval_new(b, EVAL_COMPARE, type_of(TYPE_BOOLEAN));
    node->op = op;
    node->is_constant = left->is_constant && right->is_constant;
    node->as.binary.left = left;
    node->as.binary.right = right;
    TRY(eval_bind_cast(b, &node->as.binary.left, type));
    TRY(eval_bind_cast(b, &node->as.binary.right, type));
    *out = node;
    return STATUS_IS_OK;
}

status eval_bind_equal(struct eval_binder *b, struct eval *left, struct eval *right,
                       struct type *out)
{
    if (!join(left, right, MEET_EQUAL, out)) {
        return refuse_types(b, OP_EQ, left->type, right->type);
    }
    struct eval *cast = left; /* only to learn whether there is one */
    return eval_bind_cast(b, &cast, *out);
}

static status bind_in(struct eval_binder *b, const struct expr *e, struct eval **out)
{
    unsigned count = e->as.in.items.count;
    struct eval **all = ARENA_ARRAY(b->arena, struct eval *, count + 1);
    struct type type;
    TRY(eval_bind_node(b, e->as.in.value, &all[0]));
    for (unsigned i = 0; i < count; i++) {
        TRY(eval_bind_node(b, e->as.in.items.items[i], &all[i + 1]));
    }
    TRY(join_all(b, all, count + 1, MEET_EQUAL, &type));
    struct eval *node = eval_new(b, EVAL_IN, type_of(TYPE_BOOLEAN));
    node->is_constant = all_constant(all, count + 1);
    node->is_negated = e->is_negated;
    for (unsigned i = 0; i <= count; i++) {
        TRY(eval_bind_cast(b, &all[i], type));
    }
    node->as.in.value = all[0];
    node->as.in.items = (struct eval_list){all + 1, count};
    *out = node;
    return STATUS_IS_OK;
}

static status bind_between(struct eval_binder *b, const struct expr *e, struct eval **out)
{
    struct eval *all[3];
    struct type type;
    TRY(eval_bind_node(b, e->as.between.value, &all[0]));
    TRY(eval_bind_node(b, e->as.between.low, &all[1]));
    TRY(eval_bind_node(b, e->as.between.high, &all[2]));
    TRY(join_all(b, all, 3, MEET_ORDER, &type));
    struct eval *node = eval_new(b, EVAL_BETWEEN, type_of(TYPE_BOOLEAN));
    node->is_constant = all_constant(all, 3);
    node->is_negated = e->is_negated;
    for (unsigned i = 0; i < 3; i++) {
        TRY(eval_bind_cast(b, &all[i], type));
    }
    node->as.between.value = all[0];
    node->as.between.low = all[1];
    node->as.between.high = all[2];
    *out = node;
    return STATUS_IS_OK;
}

static status bind_text(struct eval_binder *b, const struct expr *e, struct eval **out)
{
    TRY(eval_bind_node(b, e, out));
    struct type type = (*out)->type;
    if (type.id != TYPE_NONE && type.id != TYPE_TEXT && type.id != TYPE_JSON) {
        return refuse_types(b, OP_CONCAT, type, type_of(TYPE_TEXT));
    }
    return eval_bind_cast(b, out, type_of(TYPE_TEXT));
}

static status bind_like(struct eval_binder *b, const struct expr *e, struct eval **out)
{
    struct eval *node = eval_new(b, EVAL_LIKE, type_of(TYPE_BOOLEAN));
    TRY(bind_text(b, e->as.like.value, &node->as.like.value));
    TRY(bind_text(b, e->as.like.pattern, &node->as.like.pattern));
    if (e->as.like.escape != NULL) {
        TRY(bind_text(b, e->as.like.escape, &node->as.like.escape));
    }
    struct eval *parts[] = {node->as.like.value, node->as.like.pattern, node->as.like.escape};
    node->is_constant = all_constant(parts, 3);
    node->is_negated = e->is_negated;
    node->as.like.is_nocase = e->as.like.is_nocase;
    *out = node;
    return STATUS_IS_OK;
}

/* --- CASE */

/* WHEN x of CASE v: `v` is evaluated once and cast to type[i], where x meets it. */
static status bind_when(struct eval_binder *b, struct eval *operand, const struct expr *when,
                        struct type *type, struct eval **out)
{
    TRY(eval_bind_node(b, when, out));
    TRY(eval_bind_equal(b, operand, *out, type));
    return eval_bind_cast(b, out, *type);
}

static status bind_whens(struct eval_binder *b, const struct expr *e, struct eval *node)
{
    unsigned count = e->as.choice.when_count;
    struct eval **conditions = ARENA_ARRAY(b->arena, struct eval *, count);
    struct type *types = ARENA_ARRAY(b->arena, struct type, count);
    if (e->as.choice.operand != NULL) {
        TRY(eval_bind_node(b, e->as.choice.operand, &node->as.choice.operand));
    }
    for (unsigned i = 0; i < count; i++) {
        const struct expr *when = e->as.choice.whens[i].when;
        TRY(node->as.choice.operand == NULL
                ? bind_boolean(b, when, &conditions[i])
                : bind_when(b, node->as.choice.operand, when, &types[i], &conditions[i]));
    }
    node->as.choice.conditions = (struct eval_list){conditions, count};
    node->as.choice.when_types = types;
    return STATUS_IS_OK;
}

static struct eval *new_null(struct eval_binder *b)
{
    struct eval *node = eval_new(b, EVAL_CONSTANT, type_of(TYPE_NONE));
    node->as.constant = value_null(node->type);
    node->is_constant = true;
    return node;
}

static status bind_case(struct eval_binder *b, const struct expr *e, struct eval **out)
{
    unsigned count = e->as.choice.when_count;
    struct eval *node = eval_new(b, EVAL_CASE, type_of(TYPE_NONE));
    struct eval **results = ARENA_ARRAY(b->arena, struct eval *, count + 1);
    TRY(bind_whens(b, e, node));
    for (unsigned i = 0; i < count; i++) {
        TRY(eval_bind_node(b, e->as.choice.whens[i].then, &results[i]));
    }
    results[count] = new_null(b);
    if (e->as.choice.otherwise != NULL) {
        TRY(eval_bind_node(b, e->as.choice.otherwise, &results[count]));
    }
    TRY(eval_bind_common(b, results, count + 1, &node->type));
    for (unsigned i = 0; i <= count; i++) {
        TRY(eval_bind_cast_late(b, &results[i], node->type));
    }
    node->as.choice.results = (struct eval_list){results, count + 1};
    node->is_constant = eval_all_constant(node->as.choice.conditions) &&
                        eval_all_constant(node->as.choice.results) &&
                        (node->as.choice.operand == NULL || node->as.choice.operand->is_constant);
    *out = node;
    return STATUS_IS_OK;
}

/* --- JSON */

bool eval_is_plain_key(str key)
{
    return key.n > 0 && key.p[0] != '/' && key.p[0] != '$' && str_find_char(key, '*') < 0 &&
           str_find_char(key, '\\') < 0;
}

static status check_step(struct eval_binder *b, struct eval **step)
{
    struct type type = (*step)->type;
    if (type.id == TYPE_NONE || eval_is_integer(type)) {
        return STATUS_IS_OK;
    }
    if (type.id != TYPE_TEXT) {
        return refuse_types(b, OP_JSON_GET, type_of(TYPE_JSON), type);
    }
    bool is_known = (*step)->code == EVAL_CONSTANT && !(*step)->as.constant.is_null;
    if (is_known && !eval_is_plain_key((*step)->as.constant.as.text)) {
        return eval_refuse(b, "the JSON path", (*step)->as.constant.as.text);
    }
    return STATUS_IS_OK;
}

status eval_bind_json(struct eval_binder *b, enum expr_op op, struct eval *base,
                      struct eval *const *steps, unsigned count, struct eval **out)
{
    struct type type = base->type;
    if (type.id != TYPE_NONE && type.id != TYPE_JSON && type.id != TYPE_TEXT) {
        return refuse_types(b, op, type, type_of(TYPE_TEXT));
    }
    bool is_chain = base->code == EVAL_JSON && base->op == OP_JSON_GET;
    unsigned before = is_chain ? base->as.json.steps.count : 0;
    struct eval *node = eval_new(b, EVAL_JSON,
                                 type_of(op == OP_JSON_GET   ? TYPE_JSON
                                         : op == OP_JSON_HAS ? TYPE_BOOLEAN
                                                             : TYPE_TEXT));
    struct eval_list *list = &node->as.json.steps;
    node->op = op;
    node->as.json.base = is_chain ? base->as.json.base : base;
    list->items = ARENA_ARRAY(b->arena, struct eval *, before + count);
    list->count = before + count;
    if (before > 0) {
        memcpy(list->items, base->as.json.steps.items, before * sizeof(struct eval *));
    }
    for (unsigned i = 0; i < count; i++) {
        list->items[before + i] = steps[i];
        TRY(check_step(b, &list->items[before + i]));
    }
    node->is_constant = base->is_constant && all_constant(list->items, list->count);
    *out = node;
    return STATUS_IS_OK;
}

/* --- everything */

/* a || b || c is one node. */
static status bind_concat(struct eval_binder *b, const struct expr *e, struct eval **out)
{
    struct eval_list parts = {ARENA_ARRAY(b->arena, struct eval *, LIMIT_EXPRESSION_DEPTH + 1), 0};
    const struct expr *left = e;
    unsigned at = LIMIT_EXPRESSION_DEPTH + 1;
    while (left->kind == EXPR_BINARY && left->op == OP_CONCAT) {
        TRY(eval_bind_node(b, left->as.binary.right, &parts.items[--at]));
        left = left->as.binary.left;
    }
    TRY(eval_bind_node(b, left, &parts.items[--at]));
    parts.items += at;
    parts.count = LIMIT_EXPRESSION_DEPTH + 1 - at;
    return eval_bind_concat(b, parts, out);
}

static status bind_binary(struct eval_binder *b, const struct expr *e, struct eval **out)
{
    struct eval *left = NULL;
    struct eval *right = NULL;
    if (e->op == OP_CONCAT) {
        return bind_concat(b, e, out);
    }
    TRY(eval_bind_node(b, e->as.binary.left, &left));
    TRY(eval_bind_node(b, e->as.binary.right, &right));
    switch (e->op) {
    case OP_JSON_GET:
    case OP_JSON_GET_TEXT:
    case OP_JSON_HAS:
        return eval_bind_json(b, e->op, left, &right, 1, out);
    case OP_EQ:
    case OP_NE:
    case OP_LT:
    case OP_LE:
    case OP_GT:
    case OP_GE:
        return bind_compare(b, e->op, left, right, out);
    default:
        return bind_arithmetic(b, e->op, left, right, out);
    }
}

static status bind_cast_expr(struct eval_binder *b, const struct expr *e, struct eval **out)
{
    TRY(eval_bind_node(b, e->as.cast.operand, out));
    TRY(eval_bind_cast_late(b, out, e->as.cast.type));
    if ((*out)->adapts != ADAPTS_NOT) { /* 'a'::TEXT is no literal any more */
        struct eval *typed = ARENA_NEW(b->arena, struct eval);
        *typed = **out;
        typed->adapts = ADAPTS_NOT;
        *out = typed;
    }
    (*out)->is_exact = (*out)->type.id == TYPE_DECIMAL;
    return STATUS_IS_OK;
}

status eval_bind_node(struct eval_binder *b, const struct expr *e, struct eval **out)
{
    switch (e->kind) {
    case EXPR_LITERAL:
        return bind_literal(b, e, out);
    case EXPR_PARAM:
        return bind_param(b, e, out);
    case EXPR_COLUMN:
        return bind_column(b, e, out);
    case EXPR_NOT:
        return bind_not(b, e, out);
    case EXPR_NEGATE:
        return bind_negate(b, e, out);
    case EXPR_AND:
    case EXPR_OR:
        return bind_chain(b, e, out);
    case EXPR_BINARY:
        return bind_binary(b, e, out);
    case EXPR_LIKE:
        return bind_like(b, e, out);
    case EXPR_IS_NULL:
        return bind_is_null(b, e, out);
    case EXPR_IS_BOOL:
        return bind_is_bool(b, e, out);
    case EXPR_IN:
        return bind_in(b, e, out);
    case EXPR_BETWEEN:
        return bind_between(b, e, out);
    case EXPR_CASE:
        return bind_case(b, e, out);
    case EXPR_CAST:
        return bind_cast_expr(b, e, out);
    case EXPR_CALL:
        return eval_bind_call(b, e, out);
    case EXPR_STAR:
        return eval_refuse(b, "the expression", STR_LIT("*"));
    case EXPR_DEFAULT:
        return eval_refuse(b, "inside an expression, the word", STR_LIT("DEFAULT"));
    case EXPR_ENGINE:
        return eval_refuse(b, "the expression", e->as.engine);
    }
    return error_set(b->err, ERROR_INTERNAL, "expression of kind %d", (int)e->kind);
}

status eval_bind(const struct expr *e, const struct eval_scope *scope, struct arena *arena,
                 const struct eval **out, struct error *err)
{
    struct eval_binder b = {.scope = scope, .arena = arena, .err = err};
    struct eval *bound = NULL;
    if (e->depth > LIMIT_EXPRESSION_DEPTH) {
        return error_set(err, ERROR_LIMIT, "expression nests deeper than %d levels",
                         LIMIT_EXPRESSION_DEPTH);
    }
    TRY(eval_bind_node(&b, e, &bound));
    if (scope->is_shown) {
        TRY(eval_bind_value(&b, &bound));
    }
    *out = bound;
    return STATUS_IS_OK;
}

struct type eval_type(const struct eval *bound)
{
    return bound->type;
}

bool eval_is_constant(const struct eval *bound)
{
    return bound->is_constant;
}
