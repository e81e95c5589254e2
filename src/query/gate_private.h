/* query/gate_private.h -- what the gate_*.c files share; nobody else includes it.
 * Threads:  one check, one thread. */
#ifndef QUERY_GATE_PRIVATE_H
#define QUERY_GATE_PRIVATE_H

#include "query/gate.h"
#include "wire/json.h"

/* What the planner survives in some 100 ms (findings of engine.md, section 1, and docs/reference/
 * dialect.md). A text that unfolds (CTEs read twice, columns by alias) is counted unfolded. */
enum {
    GATE_NODES_MAX = 50000,    /* written */
    GATE_UNFOLDED_MAX = 10000, /* by reading CTEs, views and aliases again */
    GATE_WIDTH_MAX = 2048,     /* columns of one relation */
    GATE_RELATIONS_MAX = 64,   /* in all FROMs */
    GATE_SUBQUERY_DEPTH_MAX = 12,
    GATE_QUERY_DEPTH_MAX = 40,
    GATE_GROUPING_SETS_MAX = 64,
    GATE_VIEW_DEPTH_MAX = 8,
    GATE_TYPE_DEPTH_MAX = 3,
    GATE_GROWTH_DEPTH_MAX = 3,
    GATE_GROWTH_ARGUMENTS_MAX = 100,
    GATE_DEPTH_MARGIN = 20,     /* levels that one node may write before the next is counted */
    GATE_CONDITIONS_MAX = 4000, /* AND, OR */
    GATE_QUERIES_MAX = 128,     /* AS (...) */
    GATE_GROUPS_MAX = 1000,     /* columns of GROUP BY */
    GATE_MATERIALIZED_MAX = 4,
    GATE_MATERIALIZED_BYTES_MAX = 65536
};

/* A column of a relation: the name others see, and where it comes from when it is one as it is. */
struct gate_column {
    str name;
    const struct gate_table *table; /* NULL: computed */
    const struct column *column;    /* NULL: computed or a system column */
    int system_column;              /* or -1 */
    struct type type;               /* of its values; TYPE_NONE: only the engine knows it */
    bool is_never_date;             /* of such a type, but no DATE */
    uint64_t deleted_of;            /* relations whose `_deleted` it is, see gate_raw; 0: none */
};

struct gate_columns {
    struct gate_column *items;
    unsigned count;
    bool is_open;  /* there may be more than these */
    bool is_table; /* those of one table of the catalog, as they are */
};

/* One thing in FROM. */
struct gate_relation {
    str alias;          /* what its columns are qualified with; empty: nothing */
    str namespace_name; /* not empty: may be qualified with it, too */
    str engine_schema;  /* what stands for the namespace in the printed text; empty: a view */
    struct gate_columns columns;
    struct gate_relation *next; /* older one of the same FROM */
};

/* A name that the select list has given. */
struct gate_alias {
    str name;
    uint64_t cost;
    struct gate_alias *next;
};

/* What names mean inside one SELECT. */
struct gate_scope {
    struct gate_relation *relations; /* newest first */
    struct gate_alias *aliases;
    struct gate_scope *outer; /* of the query around a subquery */
};

struct gate_cte {
    str name;
    int number; /* of its declaration in the statement; -1: a recursive one, inside itself */
    struct gate_columns columns;
    uint64_t cost;
    unsigned subquery_depth;
    struct gate_cte *outer;
};

struct gate {
    const struct gate_options *options;
    struct arena *arena; /* trees and scopes: until the end of the check */
    struct arena *keep;  /* the caller's: what the plan points to */
    struct error *err;
    struct gate_plan *plan;
    struct json_writer w;
    struct buf out; /* the tree to print */

    struct gate_table **tables;
    unsigned table_count;
    size_t table_capacity;
    str *cte_names; /* all that were declared, for the second look */
    unsigned cte_count;
    size_t cte_capacity;
    bool has_decimal;                 /* a table or a cast of the statement has one */
    bool has_decided_decimal;         /* a literal was turned into a DOUBLE */
    int hidden_at[GATE_HIDDEN_COUNT]; /* place in plan->hidden, or -1 */
    uint64_t parameters_used;         /* bit n - 1: $n */
    uint64_t parameters_kept;         /* those that have a place in the printed text */
    /* Bit n: the n-th relation of the walk (tables of views too) is read with its tombstones, since
     * a filter names its `_deleted`. A filter comes after the relation: the next walk writes it. */
    uint64_t raw_relations;
    uint64_t raw_written; /* what the walk began with */

    /* By number of declaration. The engine reads a CTE of several uses by copying its plan, and a
     * parameter in the copy is NULL: such a one is written MATERIALIZED. */
    uint64_t parameters_written; /* parameters and CTEs with parameters so far */
    unsigned cte_uses[LIMIT_CTES];
    bool cte_has_parameter[LIMIT_CTES];
    bool cte_is_kept_whole[LIMIT_CTES];

    str namespace_name; /* for names without one; a view has its own */
    bool is_in_view;
    bool is_in_filter;
    bool is_value;       /* a whole number that comes next is written as BIGINT */
    bool is_alias_first; /* ORDER BY of a bare name: the select list's before a table's */
    unsigned view_depth;
    unsigned query_depth;
    unsigned subquery_depth;
    unsigned subquery_depth_seen; /* deepest since it was last set to 0 */
    unsigned growth_depth;        /* functions around, that make texts longer */
    unsigned relation_count;
    uint64_t nodes;
    uint64_t unfolded;
};

/* gate_function.c: how the printed text calls `name` (lower case): *out is what to write in its
 * place, *hidden the session value, or -1. QUERY: not let through. */
MUST_USE status gate_function_use(struct gate *g, str name, bool is_window, str *out, int *hidden);
MUST_USE status gate_table_function_use(struct gate *g, str name);
/* The session value that a bare word means, or -1. */
int gate_session_word(str name);
/* A bare word that the engine, finding no column of that name, reads as a function. */
bool gate_is_engine_word(str name);
/* The printed text may call it: an allowed one, or one of ours. */
bool gate_function_may_stand(str name);

/* gate_expr.c */
MUST_USE status gate_expr(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                          const struct json *node);
/* The same with another alias ("" for none). */
MUST_USE status gate_expr_as(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                             const struct json *node, str alias);
/* An array of expressions. */
MUST_USE status gate_exprs(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                           const struct json *list);
/* The array of an ORDER BY. */
MUST_USE status gate_orders(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                            const struct json *list);
/* The relation of the scope, or of one around it, that `alias` names, in `ns` unless that is empty;
 * NULL: none. */
struct gate_relation *gate_find_relation(struct gate_scope *scope, str ns, str alias);
/* The one that [ns.]table.column is of; NULL: none. */
struct gate_relation *gate_relation_of(struct gate_scope *scope, const struct json *names);
/* The column a name without a qualifier means; NULL: none or not known. */
const struct gate_column *gate_find_column(struct gate_scope *scope, str name, bool *is_open);

/* The same, as a value that may be seen: see gate_number.c. */
MUST_USE status gate_value_as(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                              const struct json *node, str alias);
MUST_USE status gate_values(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                            const struct json *list);

/* gate_type.c */
/* The column that a COLUMN_REF names; NULL: not known, or a word for a session value. */
const struct gate_column *gate_column_of(struct gate_scope *scope, const struct json *node);
/* The type of what an expression gives, TYPE_NONE: not known here. */
struct type gate_type_of(const struct gate *g, struct gate_scope *scope, const struct json *node);
/* Function, window function or operator with a function's form, in lower case; empty: none. */
str gate_function_of(const struct gate *g, const struct json *node);
/* Does the function give back values of its argument `index` (from 0), as they are? */
bool gate_hands_through(str function, unsigned index);
bool gate_is_constant(const struct json *node);
/* The column is not a table's any more, and of a type that is not known. */
void gate_column_forget(struct gate_column *column);
/* Its values come from this column or from another one. */
void gate_column_merge(struct gate_column *column, const struct gate_column *other);

/* gate_number.c */
/* False: its values surely are no DATEs. */
bool gate_may_be_date(const struct gate *g, struct gate_scope *scope, const struct json *node);
/* The values that a CASE may give but for ELSE: *when NULL before the first; NULL: no more. */
const struct json *gate_case_value(const struct json *node, const struct json **when);
/* How the argument `index` (from 0) of a function (lower case) is written. */
enum gate_number {
    GATE_NUMBER_AS_IS,
    GATE_NUMBER_BIGINT,   /* as a value: a whole number is a BIGINT */
    GATE_NUMBER_CAST_BACK /* computed of whole numbers: CAST(... AS INTEGER) */
};
enum gate_number gate_number_of(const struct gate *g, struct gate_scope *scope, str function,
                                const struct json *arguments, unsigned index);

/* gate_query.c: a query node; *columns are those of its result. */
MUST_USE status gate_query(struct gate *g, struct gate_scope *outer, struct gate_cte *ctes,
                           const struct json *node, bool is_top, struct gate_columns *columns);
/* {"node":...,"named_param_map":[]} */
MUST_USE status gate_statement(struct gate *g, struct gate_scope *outer, struct gate_cte *ctes,
                               const struct json *statement, bool is_top,
                               struct gate_columns *columns);

/* gate_table.c: a node of FROM; relations are added to the scope, *columns are what `*` gives. */
MUST_USE status gate_from(struct gate *g, struct gate_scope *scope, struct gate_cte *ctes,
                          const struct json *node, struct gate_columns *columns);

/* gate_name.c: the name of a column that has none, as the original gives it. */
str gate_name_of(struct gate *g, const struct json *node);

/* gate_cost.c: LIMIT: the engine's parser would take too long over the text. */
MUST_USE status gate_check_cost(struct gate *g, str text);

/* gate.c */
/* The tree of one text: its one statement. */
MUST_USE status gate_parse(struct gate *g, str text, const struct json **statement);
MUST_USE status gate_refuse(struct gate *g, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Counts a node; LIMIT: too many. */
MUST_USE status gate_count(struct gate *g);
MUST_USE status gate_unfold(struct gate *g, uint64_t cost);
static inline uint64_t gate_cost(const struct gate *g)
{
    return g->nodes + g->unfolded;
}
/* Text of a member, empty when it is absent or no text. */
str gate_text(const struct json *node, const char *key);
/* Is the text one of an array of words? */
bool gate_is_one_of(str text, const char *const *list, size_t count);
#define GATE_IS_ONE_OF(text, list) gate_is_one_of((text), (list), sizeof(list) / sizeof((list)[0]))
/* Writes key and value as they are. */
void gate_copy(struct gate *g, const struct json *member);
void gate_write_text(struct gate *g, const char *key, str text);
void gate_columns_add(struct gate *g, struct gate_columns *columns, struct gate_column column);
/* t AS x(a, b): the first columns get new names; a name that comes twice gets _1, _2 ... as the
 * engine does for relations. */
MUST_USE status gate_columns_rename(struct gate *g, struct gate_columns *columns,
                                    const struct json *names);
MUST_USE status gate_check_width(struct gate *g, const struct gate_columns *columns);

#endif
