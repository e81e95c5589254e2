/* sql/eval_own.h -- the bound form of an expression, for eval_*.c only.
 * A tree of nodes, each with the type of its results; casts are nodes of their own, so that
 * run-time code meets equal types. Threads: immutable once bound. */
#ifndef SQL_EVAL_OWN_H
#define SQL_EVAL_OWN_H

#include "sql/eval.h"

enum eval_code {
    EVAL_CONSTANT,
    EVAL_SLOT,
    EVAL_PARAM,
    EVAL_COLUMN,
    EVAL_CAST,
    EVAL_NOT,
    EVAL_AND,
    EVAL_OR,
    EVAL_NEGATE,
    EVAL_ARITHMETIC,
    EVAL_COMPARE,
    EVAL_LIKE,
    EVAL_IS_NULL,
    EVAL_IS_BOOL,
    EVAL_IN,
    EVAL_BETWEEN,
    EVAL_CASE,
    EVAL_JSON,
    EVAL_CALL,
    EVAL_CODE_COUNT
};

/* What the engine does with untyped literals: they take the type of what they meet. */
enum eval_adapts { ADAPTS_NOT, ADAPTS_TEXT, ADAPTS_INTEGER };

struct eval_list {
    struct eval **items;
    unsigned count;
};

typedef status eval_call_fn(const struct eval *e, const struct eval_input *input,
                            struct arena *arena, struct value *out, struct error *err);

struct eval {
    enum eval_code code;
    struct type type;
    enum eval_adapts adapts;
    bool is_constant;
    bool is_negated;
    bool is_exact; /* of type DECIMAL to the engine too: a column, a cast, computed from one */
    enum expr_op op;
    union {
        struct value constant;
        unsigned index; /* SLOT, PARAM, COLUMN */
        struct eval *operand;
        struct {
            struct eval *left;
            struct eval *right;
        } binary;
        struct eval_list list; /* AND, OR */
        struct {
            struct eval *value;
            struct eval *pattern;
            struct eval *escape; /* NULL: none */
            bool is_nocase;
        } like;
        struct {
            struct eval *operand;
            bool wanted;
        } is;
        struct {
            struct eval *value;
            struct eval_list items;
        } in;
        struct {
            struct eval *value;
            struct eval *low;
            struct eval *high;
        } between;
        struct {
            struct eval *operand;        /* CASE v WHEN x ...; NULL: CASE WHEN condition ... */
            struct type *when_types;     /* in which v and each x meet */
            struct eval_list conditions; /* x of that type, or BOOLEAN */
            struct eval_list results;    /* one more than conditions: ELSE */
        } choice;
        struct {
            struct eval *base;
            struct eval_list steps; /* TEXT or whole numbers */
        } json;
        struct {
            struct eval_list args;
            eval_call_fn *run;
            struct type meet; /* NULLIF: where its two arguments meet */
        } call;
    } as;
};

/* --- eval_cast.c */

/* The engine casts this way, and we do the same. */
bool eval_can_cast(struct type from, struct type to);
/* `v` (not NULL) in type `to`. COERCION: the text or number does not fit, or is written in a way
 * that only the engine knows. */
MUST_USE status eval_cast(const struct value *v, struct type to, struct arena *arena,
                          struct value *out, struct error *err);
/* 10^n, n up to LIMIT_DECIMAL_PRECISION. */
int128 eval_power_of_ten(unsigned n);
/* The total order of the engine: NaN is the greatest and equals itself. Equal types, not NULL. */
int eval_compare(const struct value *a, const struct value *b);

/* --- eval.c */

/* Evaluates a node; the result has its type, or is NULL of it. */
MUST_USE status eval_node(const struct eval *e, const struct eval_input *input, struct arena *arena,
                          struct value *out, struct error *err);

/* --- eval_bind.c, for eval_function.c */

struct eval_binder {
    const struct eval_scope *scope;
    struct arena *arena;
    struct error *err;
};

/* A node in the binder's arena. */
struct eval *eval_new(struct eval_binder *b, enum eval_code code, struct type type);
MUST_USE status eval_bind_node(struct eval_binder *b, const struct expr *e, struct eval **out);
/* Puts a cast over *e where its type differs. UNSUPPORTED when the engine casts otherwise; COERCION
 * when *e is a constant that does not fit. */
MUST_USE status eval_bind_cast(struct eval_binder *b, struct eval **e, struct type to);
/* The same where the value may never be needed (CASE, COALESCE, CAST): a constant that does not fit
 * fails when it is evaluated. */
MUST_USE status eval_bind_cast_late(struct eval_binder *b, struct eval **e, struct type to);
/* A whole number of the text that is a value (an operand, a result) is a BIGINT, as
 * query/gate_number.c writes it for the engine. */
MUST_USE status eval_bind_value(struct eval_binder *b, struct eval **e);
/* The type in which values of one result meet (CASE, COALESCE). */
MUST_USE status eval_bind_common(struct eval_binder *b, struct eval **items, unsigned count,
                                 struct type *out);
/* The type in which left and right meet to be compared by =; left can be cast to it. */
MUST_USE status eval_bind_equal(struct eval_binder *b, struct eval *left, struct eval *right,
                                struct type *out);
bool eval_all_constant(struct eval_list list);
MUST_USE status eval_bind_json(struct eval_binder *b, enum expr_op op, struct eval *base,
                               struct eval *const *steps, unsigned count, struct eval **out);
/* Keys that the engine does not take for a path of its own language. */
bool eval_is_plain_key(str key);
/* A function call, CURRENT_USER and its kin. */
MUST_USE status eval_bind_call(struct eval_binder *b, const struct expr *e, struct eval **out);
/* a || b || c. */
MUST_USE status eval_bind_concat(struct eval_binder *b, struct eval_list parts, struct eval **out);
MUST_USE status eval_refuse(struct eval_binder *b, const char *what, str name);

static inline bool eval_is_integer(struct type type)
{
    return type.id == TYPE_SMALLINT || type.id == TYPE_INT || type.id == TYPE_BIGINT;
}
static inline bool eval_is_real(struct type type)
{
    return type.id == TYPE_FLOAT || type.id == TYPE_DOUBLE;
}
static inline bool eval_is_number(struct type type)
{
    return eval_is_integer(type) || eval_is_real(type) || type.id == TYPE_DECIMAL;
}
static inline bool eval_is_time(struct type type)
{
    return type.id == TYPE_TIMESTAMP || type.id == TYPE_DATETIME || type.id == TYPE_DATE;
}

#endif
