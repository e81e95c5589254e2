/* query/gate.h -- what stands between a user's SELECT and the SQL engine.
 * For:      the engine parses the text into a tree; the gate walks it, refuses whatever it does not
 *           know, resolves every table through the caller, puts in what the contract adds (names of
 *           columns, order, limit) and prints it again. Only the printed text is ever prepared.
 * Refuses:  by default: each kind of node, each of its parts, each function and table function must
 * be listed (functions.def). Depth, size and blow-ups that the planner would not survive are
 *           bounded here, since no interrupt stops planning.
 * Touches:  the parser of the engine, on an INTERNAL connection; wire/json.
 * Owns:     nothing: a plan lies in the caller's arena and may be cached as long as that lives.
 * Threads:  any; one connection by one at a time. */
#ifndef QUERY_GATE_H
#define QUERY_GATE_H

#include "engine/duck.h"

/* What a name in FROM turned out to be. */
enum gate_kind {
    GATE_TABLE,  /* a table of the catalog: `schema` */
    GATE_SYSTEM, /* a system table: `columns` */
    GATE_VIEW    /* a stored view: `view_text` is walked in its place, under the same rights */
};

struct gate_decision {
    enum gate_kind kind;
    const struct schema *schema;       /* TABLE; must live as long as the plan is used */
    const struct duck_column *columns; /* SYSTEM */
    unsigned column_count;             /* SYSTEM */
    const struct column *described;    /* SYSTEM: the same columns with type, key and NOT NULL as
                                          results show them; as long-lived as the plan. May be NULL */
    str view_text;                     /* VIEW: its SELECT */
    str view_namespace;                /* VIEW: where its names without a namespace are looked up */
    void *user;                        /* the caller's */
};

/* Resolves a name; both parts in lower case. TABLE_NOT_FOUND, PERMISSION_DENIED ... end the check
 * with the error as it is. Called once per name and statement. */
typedef status gate_resolve_fn(void *context, str ns, str name, struct gate_decision *out,
                               struct error *err);

struct gate_options {
    struct duck_conn *parser; /* INTERNAL, idle */
    str default_namespace;
    gate_resolve_fn *resolve;
    void *context;
    unsigned parameter_count; /* $1 .. $n given by the user */
    bool allows_unused;       /* other parts of the statement may use the rest of them */
    uint32_t default_limit;   /* rows without a LIMIT; 0: all */
    uint32_t limit_max;       /* cap of rows; 0: none */
};

/* Values of the session that the text reads as parameters behind the user's, in the order of
 * gate_plan.hidden: bind them with these types at each execution. */
enum gate_hidden {
    GATE_CURRENT_USER, /* TEXT */
    GATE_CURRENT_ROLE, /* TEXT, lower case */
    GATE_NOW,          /* TIMESTAMP */
    GATE_TODAY,        /* DATE */
    GATE_TIME,         /* TIME */
    GATE_HIDDEN_COUNT
};

struct gate_table {
    str namespace_name;
    str name;
    struct gate_decision decision;
    bool is_read_raw; /* somewhere in the statement, with its tombstones: needs its view in RAW */
};

/* A column of the result. */
struct gate_output {
    str name;
    const struct gate_table *table; /* NULL: computed, or of a system table */
    const struct column *column;    /* NULL: computed, or a system column */
    int system_column;              /* enum system_column of `table`, or -1 */
    struct type type;               /* what clients are told; TYPE_NONE: what the engine says */
};

struct prune_plan;
struct gate_plan {
    str text;                       /* for duck_prepare on HOT or ALL; names RAW itself */
    const struct prune_plan *prune; /* which files it can do without; NULL: none */
    const struct gate_table
        *tables; /* each once; TABLE and SYSTEM: what to duck_define_*. VIEW too */
    unsigned table_count;
    enum gate_hidden hidden[GATE_HIDDEN_COUNT]; /* $(parameter_count + 1) ... */
    unsigned hidden_count;
    unsigned parameter_count;         /* the user's that the text has */
    uint8_t parameters[LIMIT_PARAMS]; /* $(i + 1) of the text is the user's $(parameters[i] + 1) */
    uint64_t row_max; /* rows to send; the text asks for one more: when it comes, the result was
                         cut. 0: send all */
    bool
        mentions_deleted; /* a filter names the `_deleted` of a table: that one alone is read RAW */
    bool has_system;      /* a system table */
    const struct gate_output *outputs; /* NULL: not known (table functions); then computed all */
    unsigned output_count;
};

/* Checks and prints one statement. SYNTAX: not well-formed, or not one SELECT.
 * STATEMENT_UNSUPPORTED, QUERY: something the gate does not let through; the error names it. LIMIT:
 * too deep, too long, too large. PARAMETER_COUNT. What `resolve` said. */
MUST_USE status gate_check(const struct gate_options *options, str text, struct arena *arena,
                           struct gate_plan *plan, struct error *err);

/* How a function of the engine is treated; for tests and documentation. */
enum gate_class {
    GATE_ALLOW,
    GATE_DENY,
    GATE_SESSION, /* turned into a hidden parameter */
    GATE_OURS,    /* turned into a function of ours */
    GATE_UNKNOWN  /* in no list: denied */
};
/* `name` in lower case. */
enum gate_class gate_class_of_function(str name);
enum gate_class gate_class_of_table_function(str name);
/* The names of functions.def by index, NULL past the end. */
const char *gate_function_name(unsigned index, bool is_table_function);

#endif
