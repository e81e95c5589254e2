/* sql/expr.h -- scalar expressions as trees.
 * For:      what the parser makes of DML, simple SELECTs and filters; eval.h binds and runs them,
 *           print.h writes them as text again.
 * Owns:     nothing: nodes lie in the arena of the parse, texts in it or in the parsed text, and
 * both must outlive the tree. Threads:  immutable once parsed; any. */
#ifndef SQL_EXPR_H
#define SQL_EXPR_H

#include "model/value.h"

enum expr_kind {
    EXPR_LITERAL, /* as.literal */
    EXPR_PARAM,   /* as.param: $n, from 1 */
    EXPR_COLUMN,  /* as.column */
    EXPR_NOT,     /* as.unary */
    EXPR_NEGATE,  /* as.unary: -x */
    EXPR_AND,     /* as.list, at least 2 items; a chain of ANDs is one node */
    EXPR_OR,      /* as.list, likewise */
    EXPR_BINARY,  /* as.binary */
    EXPR_LIKE,    /* as.like */
    EXPR_IS_NULL, /* as.unary */
    EXPR_IS_BOOL, /* as.is: IS TRUE, IS FALSE */
    EXPR_IN,      /* as.in */
    EXPR_BETWEEN, /* as.between */
    EXPR_CASE,    /* as.choice */
    EXPR_CAST,    /* as.cast */
    EXPR_CALL,    /* as.call */
    EXPR_STAR,    /* the * of count(*), of SELECT * and of RETURNING * */
    EXPR_DEFAULT, /* the word DEFAULT as a whole value of INSERT or SET */
    EXPR_ENGINE   /* as.engine: text that only the engine understands */
};

enum expr_op {
    OP_ADD,
    OP_SUBTRACT,
    OP_MULTIPLY,
    OP_DIVIDE,
    OP_MODULO,
    OP_CONCAT,
    OP_EQ,
    OP_NE,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_JSON_GET,      /* -> */
    OP_JSON_GET_TEXT, /* ->> */
    OP_JSON_HAS,      /* ? */
    OP_COUNT
};
/* "+", "->>" ...; static. */
const char *expr_op_text(enum expr_op op);

struct expr_list {
    struct expr **items;
    unsigned count;
    unsigned capacity;
};

struct expr_when {
    struct expr *when;
    struct expr *then;
};

struct expr {
    enum expr_kind kind;
    enum expr_op op; /* EXPR_BINARY */
    bool is_negated; /* NOT LIKE, NOT IN, NOT BETWEEN, IS NOT ...; EXPR_LITERAL: see slot */
    bool has_engine; /* it or one below it is EXPR_ENGINE: only the engine can evaluate it */
    bool is_quoted;  /* EXPR_COLUMN: the name was quoted */
    uint16_t depth;  /* levels, 1 for a leaf; <= LIMIT_EXPRESSION_DEPTH */
    uint32_t at;     /* [at, end) is its text within statement.text, see sql_expr_text */
    uint32_t end;
    union {
        struct {
            struct value value;
            int slot; /* index into the values of sql_shape; -1: TRUE, FALSE, NULL. is_negated: a
                         minus was folded in, so the slot holds the negative of `value` */
        } literal;
        unsigned param;
        struct {
            str ns; /* lower case; ns and table empty when not given */
            str table;
            str name;
        } column;
        struct {
            struct expr *operand;
        } unary;
        struct expr_list list;
        struct {
            struct expr *left;
            struct expr *right;
        } binary;
        struct {
            struct expr *value;
            struct expr *pattern;
            struct expr *escape; /* NULL: none given */
            bool is_nocase;      /* ILIKE */
        } like;
        struct {
            struct expr *operand;
            bool wanted; /* IS [NOT] TRUE or FALSE */
        } is;
        struct {
            struct expr *value;
            struct expr_list items; /* at least 1 */
        } in;
        struct {
            struct expr *value;
            struct expr *low;
            struct expr *high;
        } between;
        struct {
            struct expr *operand; /* NULL: CASE WHEN condition ... */
            struct expr_when *whens;
            unsigned when_count;
            struct expr *otherwise; /* NULL: none */
        } choice;
        struct {
            struct expr *operand;
            struct type type;
        } cast;
        struct {
            str name; /* lower case */
            struct expr_list args;
            bool has_parens; /* false: CURRENT_USER, CURRENT_TIMESTAMP ... */
        } call;
        str engine;
    } as;
};

/* The same tree with the same values; where it stood, slots and quotes do not count. */
bool expr_equal(const struct expr *a, const struct expr *b);

#endif
