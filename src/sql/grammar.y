/* sql/grammar.y -- DML, simple SELECTs and scalar expressions (lemon).
 * For:      what has expressions in it. Statements of fixed words are read by cursor.h; whatever else a
 *           SELECT or an expression may hold is the engine's: parse.c replaces such a range by one
 *           ENGINE or QUERY token and comes here again.
 * Owns:     nothing; nodes are made by build.c in the arena of the parse. */
%name grammar
%token_prefix TK_
%token_type {struct token}
%extra_argument {struct build *b}
%stack_size 640
%start_symbol start

%include {
#include "sql/build.h"
#include "sql/grammar.h"
#define grammar_ENGINEALWAYSONSTACK 1
}

%stack_overflow {
    build_overflow(b);
}
%syntax_error {
    build_syntax_error(b, &TOKEN);
}

/* What the lexer knows and no rule takes: RESERVED words, OTHER operators ... */
%token SEMI COMMENT RESERVED OTHER.
%token START_STATEMENT START_EXPR START_ITEM.

%fallback ID BY CONFLICT DELETE DO ESCAPE FIRST INSERT LAST NOTHING NULLS
             PRECISION UPDATE VALUES.

%left OR.
%left AND.
%right NOT.
%nonassoc IS ISNULL NOTNULL.
%nonassoc EQ NE LT LE GT GE.
%nonassoc BETWEEN IN LIKE ILIKE NOT_LA.
%nonassoc ESCAPE.
%left CONCAT.
%left PLUS MINUS.
%left STAR SLASH PERCENT.
%right UMINUS.
%left ARROW ARROW_TEXT QUESTION.
%left TYPECAST.

start ::= START_STATEMENT statement.
start ::= START_EXPR expr(E).                { b->expr = E; }
start ::= START_ITEM select_item(I).         { b->item = I; }

statement ::= select.
statement ::= insert.
statement ::= update.
statement ::= delete.

/* --- names and lists */
%type table_name {struct table_name}
table_name(A) ::= ID(N).                     { A = build_table_name(b, NULL, &N); }
table_name(A) ::= ID(S) DOT ID(N).           { A = build_table_name(b, &S, &N); }

%type opt_as {str}
opt_as(A) ::= .                              { A = (str){NULL, 0}; }
opt_as(A) ::= AS ID(N).                      { A = build_name(b, &N); }

%type names {struct str_list *}
names(A) ::= ID(N).                          { A = build_names(b, NULL, &N); }
names(A) ::= names(A) COMMA ID(N).           { A = build_names(b, A, &N); }

%type exprs {struct expr_list *}
exprs(A) ::= expr(E).                        { A = build_exprs(b, NULL, E); }
exprs(A) ::= exprs(A) COMMA expr(E).         { A = build_exprs(b, A, E); }

%type opt_comma {int}
opt_comma(A) ::= .                           { A = 0; }
opt_comma(A) ::= COMMA.                      { A = 1; }

%type opt_where {struct expr *}
opt_where(A) ::= .                           { A = NULL; }
opt_where(A) ::= WHERE expr(E).              { A = E; }

/* --- SELECT */
%type select_items {struct select_list *}
%type select_item {struct select_item}
select_items(A) ::= select_item(I).          { A = build_items(b, NULL, I); }
select_items(A) ::= select_items(A) COMMA select_item(I). { A = build_items(b, A, I); }
select_item(A) ::= expr(E).                  { A = (struct select_item){.expr = E}; }
select_item(A) ::= expr(E) AS ID(N).         { A = build_item(b, E, &N); }
select_item(A) ::= expr(E) ID(N).            { A = build_item(b, E, &N); }
select_item(A) ::= STAR(S).                  { A = (struct select_item){.expr = build_star(b, &S)}; }
select_item(A) ::= ID(T) DOT STAR(S).        { A = build_table_star(b, &T, &S); }

%type opt_alias {str}
opt_alias(A) ::= opt_as(A).
opt_alias(A) ::= ID(N).                      { A = build_name(b, &N); }

select ::= SELECT select_items(C) opt_comma FROM table_name(T) opt_alias(N) opt_where(W) opt_order(O)
           limits(L). {
    build_select(b, C, T, N, W, O, L);
}

%type opt_order {struct order_list *}
%type orders {struct order_list *}
%type order {struct order_item}
%type direction {bool}
%type nulls {int}
opt_order(A) ::= .                           { A = NULL; }
opt_order(A) ::= ORDER BY orders(L).               { A = L; }
orders(A) ::= order(O).                      { A = build_orders(b, NULL, O); }
orders(A) ::= orders(A) COMMA order(O).      { A = build_orders(b, A, O); }
order(A) ::= expr(E) direction(D) nulls(N).  { A = build_order(b, E, D, N); }
direction(A) ::= .                           { A = false; }
direction(A) ::= ASC.                        { A = false; }
direction(A) ::= DESC.                       { A = true; }
nulls(A) ::= .                               { A = NULLS_UNSAID; }
nulls(A) ::= NULLS FIRST.                    { A = NULLS_FIRST; }
nulls(A) ::= NULLS LAST.                     { A = NULLS_LAST; }

%type limits {struct limits}
limits(A) ::= .                              { A = (struct limits){NULL, NULL}; }
limits(A) ::= LIMIT expr(L).                 { A = (struct limits){L, NULL}; }
limits(A) ::= LIMIT expr(L) OFFSET expr(O).  { A = (struct limits){L, O}; }
limits(A) ::= OFFSET expr(O).                { A = (struct limits){NULL, O}; }
limits(A) ::= OFFSET expr(O) LIMIT expr(L).  { A = (struct limits){L, O}; }

/* --- INSERT, UPDATE, DELETE */
insert ::= INSERT INTO table_name(T) opt_as(N) insert_columns insert_source on_conflict returning(R). {
    build_insert(b, T, N, R);
}
insert_columns ::= .
insert_columns ::= LP names(L) opt_comma RP. {
    b->statement->as.insert.has_columns = true;
    b->statement->as.insert.columns = *L;
}
insert_source ::= VALUES rows.
insert_source ::= DEFAULT VALUES.            { b->statement->as.insert.source = INSERT_DEFAULT_VALUES; }
insert_source ::= QUERY(Q).                  { build_insert_query(b, &Q); }
rows ::= row.
rows ::= rows COMMA row.
row ::= LP values(L) opt_comma RP(X).        { build_row(b, L, &X); }
%type values {struct expr_list *}
values(A) ::= value(E).                      { A = build_exprs(b, NULL, E); }
values(A) ::= values(A) COMMA value(E).      { A = build_exprs(b, A, E); }
%type value {struct expr *}
value(A) ::= expr(A).
value(A) ::= DEFAULT(T).                     { A = build_leaf(b, EXPR_DEFAULT, &T); }

on_conflict ::= .
on_conflict ::= ON CONFLICT conflict_target DO NOTHING. {
    b->statement->as.insert.conflict.action = CONFLICT_NOTHING;
}
on_conflict ::= ON CONFLICT conflict_target DO UPDATE SET assignments(S) opt_where(W). {
    build_conflict_update(b, S, W);
}
conflict_target ::= .
conflict_target ::= LP names(L) RP.          { b->statement->as.insert.conflict.targets = *L; }

%type assignments {struct assignment_list *}
assignments(A) ::= ID(N) EQ value(E).        { A = build_assignments(b, NULL, &N, E); }
assignments(A) ::= assignments(A) COMMA ID(N) EQ value(E). { A = build_assignments(b, A, &N, E); }

update ::= UPDATE table_name(T) opt_alias(N) SET assignments(S) opt_where(W) returning(R). {
    build_update(b, T, N, S, W, R);
}
delete ::= DELETE FROM table_name(T) opt_alias(N) opt_where(W) returning(R). {
    build_delete(b, T, N, W, R);
}

%type returning {struct select_list *}
returning(A) ::= .                           { A = NULL; }
returning(A) ::= RETURNING select_items(L).   { A = L; }

/* --- expressions */
%type expr {struct expr *}
expr(A) ::= INTEGER(T).                      { A = build_literal(b, &T); }
expr(A) ::= DECIMAL(T).                      { A = build_literal(b, &T); }
expr(A) ::= FLOAT(T).                        { A = build_literal(b, &T); }
expr(A) ::= STRING(T).                       { A = build_literal(b, &T); }
expr(A) ::= BYTES(T).                        { A = build_literal(b, &T); }
expr(A) ::= TRUE(T).                         { A = build_literal(b, &T); }
expr(A) ::= FALSE(T).                        { A = build_literal(b, &T); }
expr(A) ::= NULL(T).                         { A = build_literal(b, &T); }
expr(A) ::= PARAM(T).                        { A = build_param(b, &T); }
expr(A) ::= ENGINE(T).                       { A = build_engine(b, T.at, token_end(&T)); }
expr(A) ::= ID(N).                           { A = build_column(b, NULL, NULL, &N); }
expr(A) ::= ID(T) DOT ID(N).                 { A = build_column(b, NULL, &T, &N); }
expr(A) ::= ID(S) DOT ID(T) DOT ID(N).       { A = build_column(b, &S, &T, &N); }
expr(A) ::= ID(N) STRING(T).                 { A = build_typed_literal(b, &N, &T); }
expr(A) ::= LP(X) expr(E) RP(Y).             { A = build_parens(b, &X, E, &Y); }
expr(A) ::= ID(N) LP RP(Y).                  { A = build_call(b, &N, NULL, &Y); }
expr(A) ::= ID(N) LP exprs(L) RP(Y).         { A = build_call(b, &N, L, &Y); }
expr(A) ::= ID(N) LP STAR(S) RP(Y). {
    A = build_call(b, &N, build_exprs(b, NULL, build_star(b, &S)), &Y);
}
expr(A) ::= CAST(X) LP expr(E) AS type(T) RP(Y). { A = build_cast(b, X.at, E, T, token_end(&Y)); }
expr(A) ::= expr(E) TYPECAST short_type(T).  { A = build_cast(b, E->at, E, T, T.end); }

expr(A) ::= MINUS(X) expr(E). [UMINUS]       { A = build_negate(b, &X, E); }
expr(A) ::= PLUS(X) expr(E). [UMINUS]        { A = build_plus(b, &X, E); }
expr(A) ::= NOT(X) expr(E).                  { A = build_not(b, &X, E); }
expr(A) ::= expr(L) OR expr(R).              { A = build_chain(b, EXPR_OR, L, R); }
expr(A) ::= expr(L) AND expr(R).             { A = build_chain(b, EXPR_AND, L, R); }
expr(A) ::= expr(L) EQ expr(R).              { A = build_binary(b, OP_EQ, L, R); }
expr(A) ::= expr(L) NE expr(R).              { A = build_binary(b, OP_NE, L, R); }
expr(A) ::= expr(L) LT expr(R).              { A = build_binary(b, OP_LT, L, R); }
expr(A) ::= expr(L) LE expr(R).              { A = build_binary(b, OP_LE, L, R); }
expr(A) ::= expr(L) GT expr(R).              { A = build_binary(b, OP_GT, L, R); }
expr(A) ::= expr(L) GE expr(R).              { A = build_binary(b, OP_GE, L, R); }
expr(A) ::= expr(L) CONCAT expr(R).          { A = build_binary(b, OP_CONCAT, L, R); }
expr(A) ::= expr(L) PLUS expr(R).            { A = build_binary(b, OP_ADD, L, R); }
expr(A) ::= expr(L) MINUS expr(R).           { A = build_binary(b, OP_SUBTRACT, L, R); }
expr(A) ::= expr(L) STAR expr(R).            { A = build_binary(b, OP_MULTIPLY, L, R); }
expr(A) ::= expr(L) SLASH expr(R).           { A = build_binary(b, OP_DIVIDE, L, R); }
expr(A) ::= expr(L) PERCENT expr(R).         { A = build_binary(b, OP_MODULO, L, R); }
expr(A) ::= expr(L) ARROW expr(R).           { A = build_binary(b, OP_JSON_GET, L, R); }
expr(A) ::= expr(L) ARROW_TEXT expr(R).      { A = build_binary(b, OP_JSON_GET_TEXT, L, R); }
expr(A) ::= expr(L) QUESTION expr(R).        { A = build_binary(b, OP_JSON_HAS, L, R); }

expr(A) ::= expr(E) ISNULL(Y).               { A = build_is_null(b, E, false, &Y); }
expr(A) ::= expr(E) NOTNULL(Y).              { A = build_is_null(b, E, true, &Y); }
expr(A) ::= expr(E) IS NULL(Y).              { A = build_is_null(b, E, false, &Y); }
expr(A) ::= expr(E) IS NOT NULL(Y).          { A = build_is_null(b, E, true, &Y); }
expr(A) ::= expr(E) IS TRUE(Y).              { A = build_is_bool(b, E, true, false, &Y); }
expr(A) ::= expr(E) IS NOT TRUE(Y).          { A = build_is_bool(b, E, true, true, &Y); }
expr(A) ::= expr(E) IS FALSE(Y).             { A = build_is_bool(b, E, false, false, &Y); }
expr(A) ::= expr(E) IS NOT FALSE(Y).         { A = build_is_bool(b, E, false, true, &Y); }

/* NOT_LA: a NOT before LIKE, ILIKE, IN or BETWEEN binds as they do (parse.c tells it apart). */
expr(A) ::= expr(L) LIKE expr(R).            { A = build_like(b, L, R, NULL, false, false); }
expr(A) ::= expr(L) ILIKE expr(R).           { A = build_like(b, L, R, NULL, true, false); }
expr(A) ::= expr(L) NOT_LA LIKE expr(R).     { A = build_like(b, L, R, NULL, false, true); }
expr(A) ::= expr(L) NOT_LA ILIKE expr(R).    { A = build_like(b, L, R, NULL, true, true); }
expr(A) ::= expr(L) LIKE expr(R) ESCAPE expr(E). [LIKE] {
    A = build_like(b, L, R, E, false, false);
}
expr(A) ::= expr(L) ILIKE expr(R) ESCAPE expr(E). [LIKE] {
    A = build_like(b, L, R, E, true, false);
}
expr(A) ::= expr(L) NOT_LA LIKE expr(R) ESCAPE expr(E). [LIKE] {
    A = build_like(b, L, R, E, false, true);
}
expr(A) ::= expr(L) NOT_LA ILIKE expr(R) ESCAPE expr(E). [LIKE] {
    A = build_like(b, L, R, E, true, true);
}
expr(A) ::= expr(E) IN LP exprs(L) opt_comma RP(Y). [IN] { A = build_in(b, E, L, false, &Y); }
expr(A) ::= expr(E) NOT_LA IN LP exprs(L) opt_comma RP(Y). [IN] { A = build_in(b, E, L, true, &Y); }
expr(A) ::= expr(E) BETWEEN expr(L) AND expr(H). [BETWEEN] {
    A = build_between(b, E, L, H, false);
}
expr(A) ::= expr(E) NOT_LA BETWEEN expr(L) AND expr(H). [BETWEEN] {
    A = build_between(b, E, L, H, true);
}

expr(A) ::= CASE(X) opt_expr(O) whens(W) opt_else(E) END(Y). { A = build_case(b, &X, O, W, E, &Y); }
%type opt_expr {struct expr *}
opt_expr(A) ::= .                            { A = NULL; }
opt_expr(A) ::= expr(A).
%type whens {struct when_list *}
whens(A) ::= WHEN expr(C) THEN expr(E).      { A = build_whens(b, NULL, C, E); }
whens(A) ::= whens(A) WHEN expr(C) THEN expr(E). { A = build_whens(b, A, C, E); }
%type opt_else {struct expr *}
opt_else(A) ::= .                            { A = NULL; }
opt_else(A) ::= ELSE expr(E).                 { A = E; }

/* --- types: after :: one word (a second one would be an alias, but PRECISION); several in CAST */
%type type {struct type_text}
%type type_words {struct type_text}
%type short_type {struct type_text}
type(A) ::= type_words(W).                   { A = W; }
type(A) ::= type_words(W) LP INTEGER(P) RP(Y). { A = build_type_sized(b, W, &P, NULL, &Y); }
type(A) ::= type_words(W) LP INTEGER(P) COMMA INTEGER(S) RP(Y). { A = build_type_sized(b, W, &P, &S, &Y); }
type_words(A) ::= ID(N).                     { A = build_type_text(b, &N); }
type_words(A) ::= type_words(W) ID(N).       { A = W; A.end = token_end(&N); A.words_end = A.end; }
short_type(A) ::= ID(N).                     { A = build_type_text(b, &N); }
short_type(A) ::= ID(N) PRECISION(W). {
    A = build_type_text(b, &N);
    A.words_end = A.end = token_end(&W);
}
short_type(A) ::= ID(N) LP INTEGER(P) RP(Y). { A = build_type_sized(b, build_type_text(b, &N), &P, NULL, &Y); }
short_type(A) ::= ID(N) LP INTEGER(P) COMMA INTEGER(S) RP(Y). {
    A = build_type_sized(b, build_type_text(b, &N), &P, &S, &Y);
}

%token QUERY.

%code {
bool grammar_run(struct build *b, int start, const struct token *tokens, size_t count)
{
    struct yyParser parser;
    grammarInit(&parser);
    grammar(&parser, start, (struct token){0}, b);
    for (size_t i = 0; i < count && !b->is_failed; i++) {
        grammar(&parser, build_kind(&tokens[i], tokens + count), tokens[i], b);
    }
    if (!b->is_failed) {
        struct token end = {.kind = 0, .at = (uint32_t)b->text.n, .slot = -1};
        if (count > 0) {
            end.at = token_end(&tokens[count - 1]);
        }
        grammar(&parser, 0, end, b);
    }
    grammarFinalize(&parser);
    return !b->is_failed;
}

bool grammar_takes_as_name(int kind)
{
    return grammarFallback(kind) == TK_ID;
}
}
