/* sql/build.h -- what the rules of grammar.y make: nodes, lists, whole statements.
 * For:      grammar.y (the build_* functions are its actions) and parse.c, which owns a struct
 * build. Owns:     nothing; all lies in the arena of the parse. Threads:  one at a time. */
#ifndef SQL_BUILD_H
#define SQL_BUILD_H

#include "model/limits.h"
#include "sql/ast.h"
#include "sql/lexer.h"

/* One parse under way. After the first failure nodes are still made, but mean nothing. */
struct build {
    struct arena *arena;
    str text;                    /* of the statement; tokens count from its start */
    struct statement *statement; /* NULL for a lone expression */
    struct expr *expr;           /* result of START_EXPR */
    struct select_item item;     /* result of START_ITEM */
    unsigned param_count;        /* greatest $n so far */
    bool is_failed;
    bool is_overflow; /* the grammar's stack was full */
    enum error_id failed_as;
    status result;
    struct error *err;
};

/* Everything built goes into the arena; the first failure is kept in `err`. */
void build_init(struct build *b, struct arena *arena, str text, struct statement *statement,
                struct error *err);
/* Keeps the first failure. */
void build_fail(struct build *b, enum error_id id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "NAME is given twice": one of the two would have no effect. Always false. */
bool build_given_twice(struct build *b, str name);
/* Takes over the answer of a function that filled b->err. */
bool build_keep(struct build *b, status answer);
/* "unexpected 'x' at line 1, column 7"; kind 0 is the end of the statement. */
void build_syntax_error(struct build *b, const struct token *token);

/* LIMIT: the statement nests deeper than the grammar's stack. */
void build_overflow(struct build *b);

/* Runs the grammar over tokens from the rule that `start` (TK_START_*) chooses. */
bool grammar_run(struct build *b, int start, const struct token *tokens, size_t count);
/* The kind under which the grammar sees *token; `end` is behind the last one. */
int build_kind(const struct token *token, const struct token *end);

/* Keywords of this kind are names too, where they mean nothing else. */
bool grammar_takes_as_name(int kind);

/* The value of a literal token: INT, BIGINT or DECIMAL(38, 0) for digits, by size; DECIMAL as
 * written; DOUBLE with an exponent or past 38 digits; TEXT; BYTES of X'00ff'. NULL: fine, else why
 * not. */
const char *literal_decode(str text, const struct token *token, struct arena *arena,
                           struct value *out);
/* The negative of a number that literal_decode made, in the type it would have as one literal. */
struct value literal_negate(struct value v);

struct limits {
    struct expr *limit;
    struct expr *offset;
};

struct when_list {
    struct expr_when *items;
    unsigned count;
    unsigned capacity;
};

/* A type as written: words [at, words_end), whole [at, end). */
struct type_text {
    uint32_t at;
    uint32_t words_end;
    uint32_t end;
    int64_t parameters[2];
    unsigned parameter_count;
};

/* What the grammar's rules call: each makes one node, or adds to a list and returns it. NULL lists
 * are made. After a failure they go on with what they have; build_init says where it is kept. */
str build_name(struct build *b, const struct token *name);
struct table_name build_table_name(struct build *b, const struct token *ns,
                                   const struct token *name);
struct str_list *build_names(struct build *b, struct str_list *list, const struct token *name);
struct expr_list *build_exprs(struct build *b, struct expr_list *list, struct expr *e);
struct select_list *build_items(struct build *b, struct select_list *list, struct select_item item);
struct select_item build_item(struct build *b, struct expr *e, const struct token *alias);
struct select_item build_table_star(struct build *b, const struct token *table,
                                    const struct token *star);
struct order_list *build_orders(struct build *b, struct order_list *list, struct order_item item);
struct order_item build_order(struct build *b, struct expr *e, bool is_descending, int nulls);
struct assignment_list *build_assignments(struct build *b, struct assignment_list *list,
                                          const struct token *column, struct expr *value);
struct when_list *build_whens(struct build *b, struct when_list *list, struct expr *when,
                              struct expr *then);
struct type_text build_type_text(struct build *b, const struct token *word);
struct type_text build_type_sized(struct build *b, struct type_text type, const struct token *first,
                                  const struct token *second, const struct token *close);
/* The type it names. False: none of ours; `err` (NULL allowed) says which. */
bool build_type(struct build *b, const struct type_text *text, struct type *out, struct error *err);

/* Expressions; the texts of their places go with them. */
struct expr *build_leaf(struct build *b, enum expr_kind kind, const struct token *token);
struct expr *build_star(struct build *b, const struct token *token);
struct expr *build_literal(struct build *b, const struct token *token);
struct expr *build_param(struct build *b, const struct token *token);
struct expr *build_engine(struct build *b, uint32_t at, uint32_t end);
struct expr *build_column(struct build *b, const struct token *ns, const struct token *table,
                          const struct token *name);
struct expr *build_typed_literal(struct build *b, const struct token *type,
                                 const struct token *text);
struct expr *build_parens(struct build *b, const struct token *open, struct expr *e,
                          const struct token *close);
struct expr *build_call(struct build *b, const struct token *name, struct expr_list *args,
                        const struct token *close);
struct expr *build_cast(struct build *b, uint32_t at, struct expr *e, struct type_text type,
                        uint32_t end);
struct expr *build_negate(struct build *b, const struct token *sign, struct expr *e);
struct expr *build_plus(struct build *b, const struct token *sign, struct expr *e);
struct expr *build_not(struct build *b, const struct token *word, struct expr *e);
struct expr *build_chain(struct build *b, enum expr_kind kind, struct expr *left,
                         struct expr *right);
struct expr *build_binary(struct build *b, enum expr_op op, struct expr *left, struct expr *right);
struct expr *build_is_null(struct build *b, struct expr *e, bool is_negated,
                           const struct token *last);
struct expr *build_is_bool(struct build *b, struct expr *e, bool wanted, bool is_negated,
                           const struct token *last);
struct expr *build_like(struct build *b, struct expr *value, struct expr *pattern,
                        struct expr *escape, bool is_nocase, bool is_negated);
struct expr *build_in(struct build *b, struct expr *value, struct expr_list *items, bool is_negated,
                      const struct token *close);
struct expr *build_between(struct build *b, struct expr *value, struct expr *low, struct expr *high,
                           bool is_negated);
struct expr *build_case(struct build *b, const struct token *first, struct expr *operand,
                        struct when_list *whens, struct expr *otherwise, const struct token *last);

/* Whole statements: they fill build->statement. */
void build_select(struct build *b, struct select_list *columns, struct table_name table, str alias,
                  struct expr *where, struct order_list *order, struct limits limits);
void build_row(struct build *b, struct expr_list *values, const struct token *close);
void build_insert_query(struct build *b, const struct token *query);
void build_insert(struct build *b, struct table_name table, str alias,
                  struct select_list *returning);
void build_conflict_update(struct build *b, struct assignment_list *sets, struct expr *where);
void build_update(struct build *b, struct table_name table, str alias, struct assignment_list *sets,
                  struct expr *where, struct select_list *returning);
void build_delete(struct build *b, struct table_name table, str alias, struct expr *where,
                  struct select_list *returning);

/* Room for one more item in a list {items, count, capacity} of the arena. */
#define BUILD_ROOM(b, list)                                                                        \
    ((list)->items = build_grow((b)->arena, (list)->items, (list)->count, &(list)->capacity,       \
                                sizeof *(list)->items))
void *build_grow(struct arena *arena, void *items, unsigned count, unsigned *capacity,
                 size_t item_bytes);

#endif
