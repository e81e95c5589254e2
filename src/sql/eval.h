/* sql/eval.h -- the one expression engine: binds a tree to columns and types, runs it over rows.
 * For:      VALUES, SET, WHERE on the fast path, RETURNING, live filters. Three-valued logic. It
 *           agrees with the SQL engine (DuckDB 1.4, integer_division) on everything that it accepts
 *           and refuses the rest when binding: never widens, never silently false.
 * Touches:  base, model. No catalog, no clock, no I/O: time, user and ids come in the session.
 * Owns:     nothing: a bound expression lives in the arena that eval_bind got, and points into the
 *           tree it was made from.
 * Threads:  a bound expression is immutable; any number of threads may run it. */
#ifndef SQL_EVAL_H
#define SQL_EVAL_H

#include "sql/expr.h"

struct eval; /* a bound expression */

/* What a column name means: index and type. False: there is none (then binding fails with
 * COLUMN_NOT_FOUND naming it). `ns` and `table` are empty when not given. */
typedef bool eval_resolve_fn(void *context, str ns, str table, str name, unsigned *index,
                             struct type *type);

struct eval_scope {
    eval_resolve_fn *resolve; /* NULL: no columns may be named (VALUES) */
    void *context;
    const struct type *param_types; /* of $1 ...; TYPE_NONE: an untyped NULL */
    unsigned param_count;
    /* Columns and functions that read the session (CURRENT_USER, NOW ...) are always allowed;
     * generators (SNOWFLAKE_ID, UUID_V7, ULID) only with this. */
    bool allows_generators;
    /* The result is a column that a client sees: a whole number of the text is a BIGINT. */
    bool is_shown;
    /* Literals by slot instead of by node (expr literal.slot), for plans shared by statements of
     * one shape: the types of the shape's values. NULL: literals are what the nodes say. */
    const struct type *slot_types;
    unsigned slot_count;
};

/* COLUMN_NOT_FOUND; STATEMENT_UNSUPPORTED names the function, operator or construct that only the
 * SQL engine knows; COERCION for types that do not fit; LIMIT for depth. */
MUST_USE status eval_bind(const struct expr *e, const struct eval_scope *scope, struct arena *arena,
                          const struct eval **out, struct error *err);
/* The type of its results; TYPE_NONE: always NULL. */
struct type eval_type(const struct eval *bound);
/* Reads no column, session or generator: the same value each time for the same parameters. */
bool eval_is_constant(const struct eval *bound);

/* What expressions may ask of the world, all handed in. */
struct eval_session {
    str user_id;
    const char *role; /* "user", "dba" ... */
    int64_t now_us;
    void *context; /* of the generators; they may be NULL where scope.allows_generators was false */
    int64_t (*snowflake)(void *context);
    void (*uuid_v7)(void *context, uint8_t out[16]);
    void (*ulid)(void *context, char out[26]);
};

struct eval_input {
    const struct value *columns; /* by the indexes that resolve gave; NULL without columns */
    const struct value *params;
    const struct value *slots;
    const struct eval_session *session;
};

/* Texts of the result live in the arena, the row, or the tree. Errors as the SQL engine would give
 * them: overflow, a text that is no number, a value out of range (EXECUTION, COERCION). */
MUST_USE status eval_run(const struct eval *bound, const struct eval_input *input,
                         struct arena *arena, struct value *out, struct error *err);
/* For filters: *matches only when the result is true (NULL and false are not). BIND must have given
 * BOOLEAN or TYPE_NONE. */
MUST_USE status eval_matches(const struct eval *bound, const struct eval_input *input,
                             struct arena *arena, bool *matches, struct error *err);

/* The constant c when the condition is a conjunction (or the whole) that holds `column = c` or
 * `c = column` with c a literal, parameter or constant expression; the first such one. NULL: there
 * is none. */
const struct expr *eval_find_equality(const struct expr *condition, eval_resolve_fn *resolve,
                                      void *context, unsigned column);
/* `column = constant` conjuncts of a bound filter, for indexes over many filters (live queries):
 * fills up to `max` entries and returns how many there are. */
struct eval_equality {
    unsigned column;
    struct value value; /* of the column's type; never NULL */
};
unsigned eval_equalities(const struct eval *bound, struct eval_equality *out, unsigned max);
/* Does the tree name this column anywhere? */
bool expr_mentions(const struct expr *e, str column_name);

#endif
