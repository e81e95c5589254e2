/* sql/subscription.c -- SUBSCRIBE TO, and what a live query may ask (contract sql.md 10.2).
 * Threads: any. */
#include "sql/statement.h"
#include "sql/text.h"

#define ONLY_SIMPLE "Only SELECT ... FROM ... [WHERE ...] is supported."

static bool fail(struct cursor *c, const char *text)
{
    build_fail(c->b, ERROR_SYNTAX, "%s", text);
    return false;
}

static bool fail_clause(struct cursor *c, const char *clause)
{
    build_fail(c->b, ERROR_SYNTAX, "Subscription query does not support %s. " ONLY_SIMPLE, clause);
    return false;
}

/* The text that a clause word calls for; NULL: the word begins no clause. */
static const char *clause_of(struct cursor *c, bool *is_named)
{
    static const struct {
        const char *word;
        const char *clause; /* NULL: refused without its name */
    } clauses[] = {
        {"ORDER", "ORDER BY"}, {"GROUP", "GROUP BY"}, {"JOIN", "JOIN clauses"}, {"LIMIT", NULL},
        {"OFFSET", NULL},      {"HAVING", NULL},      {"DISTINCT", NULL},       {"UNION", NULL},
        {"EXCEPT", NULL},      {"INTERSECT", NULL},   {"WINDOW", NULL},         {"QUALIFY", NULL},
        {"FETCH", NULL},       {"FOR", NULL},         {"INTO", NULL},
    };
    for (size_t i = 0; i < sizeof clauses / sizeof clauses[0]; i++) {
        if (cursor_sees_words(c, clauses[i].word)) {
            *is_named = clauses[i].clause != NULL;
            return *is_named ? clauses[i].clause : clauses[i].word;
        }
    }
    return NULL;
}

/* What stands outside parentheses must be SELECT ... FROM one table [WHERE ...]. */
static bool check_clauses(struct cursor at)
{
    struct cursor *c = &at;
    unsigned depth = 0;
    bool is_in_from = false;
    bool has_from = false;
    for (; !cursor_is_end(c); c->at++) {
        depth += cursor_sees(c, TK_LP);
        depth -= cursor_sees(c, TK_RP) && depth > 0;
        if (depth > 0 || cursor_sees(c, TK_RP)) {
            continue;
        }
        bool is_named = false;
        const char *clause = clause_of(c, &is_named);
        if (clause != NULL) {
            return is_named
                       ? fail_clause(c, clause)
                       : fail(c,
                              "Subscription query supports only SELECT ... FROM ... [WHERE ...].");
        }
        if (is_in_from && cursor_sees(c, TK_COMMA)) {
            return fail(c, "Subscription query requires exactly one table in the FROM clause.");
        }
        if (cursor_sees(c, TK_FROM) && !has_from) {
            has_from = is_in_from = true;
            if (c->at + 1 < c->end && c->at[1].kind == TK_LP) {
                return fail(c, "Subscription query requires a direct table reference in FROM.");
            }
        } else if (cursor_sees(c, TK_WHERE)) {
            is_in_from = false;
        } else if (is_in_from && c->at + 1 < c->end && c->at[1].kind == TK_LP) {
            return fail(c, "Subscription query requires a direct table reference in FROM.");
        }
    }
    return has_from || fail(c, "Subscription query requires exactly one table in the FROM clause.");
}

static bool check_start(struct cursor *c)
{
    if (cursor_sees(c, TK_SELECT)) {
        return true;
    }
    if (cursor_sees_words(c, "WITH")) {
        return fail_clause(c, "WITH clauses");
    }
    if (cursor_sees(c, TK_VALUES) || cursor_sees(c, TK_LP)) {
        return fail(c, "Subscription query supports only simple SELECT statements.");
    }
    return fail(c, "Only SELECT queries are supported for subscriptions");
}

static bool take_projection(struct cursor *c, const struct select_list *items,
                            struct subscription *out)
{
    struct str_list *columns = &out->columns;
    for (unsigned i = 0; i < items->count; i++) {
        const struct expr *e = items->items[i].expr;
        if (e->kind == EXPR_STAR) {
            out->is_star = true;
            continue;
        }
        if (e->kind != EXPR_COLUMN) {
            return fail(c, "Subscription query can project only * and columns.");
        }
        str name = e->as.column.name;
        if (str_eq_c(name, "_seq") || str_eq_c(name, "_deleted")) {
            return fail(c,
                        "Subscription query cannot project system columns '_seq' or '_deleted'.");
        }
        BUILD_ROOM(c->b, columns);
        columns->items[columns->count++] = name;
    }
    if (out->is_star) {
        columns->count = 0;
    }
    return true;
}

static bool take_query(struct cursor *c, bool needs_ns, struct subscription *out)
{
    if (!check_start(c) || !check_clauses(*c)) {
        return false;
    }
    struct build *b = c->b;
    struct statement *outer = b->statement;
    struct statement *inner = ARENA_NEW(b->arena, struct statement);
    b->statement = inner;
    bool is_parsed = grammar_run(b, TK_START_STATEMENT, c->at, (size_t)(c->end - c->at));
    b->statement = outer;
    if (!is_parsed) {
        return false;
    }
    const struct simple_select *simple = &inner->as.select.simple;
    *out = (struct subscription){
        .table = simple->table, .where = simple->where, .where_text = simple->where_text};
    if (needs_ns && out->table.ns.n == 0) {
        return fail(c, "Query must use namespace.table format");
    }
    if (out->where != NULL && out->where->has_engine) {
        build_fail(b, ERROR_STATEMENT_UNSUPPORTED,
                   "Subscription filter cannot be evaluated on changes: " STR_FMT,
                   STR(text_excerpt(out->where_text)));
        return false;
    }
    return take_projection(c, &simple->columns, out);
}

static bool is_whole(const struct sql_piece *piece)
{
    for (unsigned i = 0; i < piece->token_count; i++) {
        if (piece->tokens[i].kind == TK_SEMI) {
            return false;
        }
    }
    return true;
}

static status take_text(str query, bool needs_ns, struct arena *arena, struct subscription *out,
                        struct error *err)
{
    const struct sql_piece *pieces = NULL;
    unsigned count = 0;
    TRY(sql_split(query, arena, &pieces, &count, err));
    if (count != 1 || !is_whole(&pieces[0])) {
        return error_set(err, ERROR_SYNTAX,
                         "Subscription query must contain exactly one SELECT statement");
    }
    struct build b;
    struct subscription found = {0};
    build_init(&b, arena, pieces[0].text, NULL, err);
    struct cursor c = {
        .b = &b, .at = pieces[0].tokens, .end = pieces[0].tokens + pieces[0].token_count};
    if (!take_query(&c, needs_ns, &found)) {
        return b.result;
    }
    *out = found;
    return STATUS_IS_OK;
}

status sql_parse_subscription(str query, struct arena *arena, struct subscription *out,
                              struct error *err)
{
    return take_text(query, true, arena, out, err);
}

/* --- SUBSCRIBE TO */

static bool parse_option(struct cursor *c, struct subscribe_part *part)
{
    str name;
    if (!cursor_name(c, &name)) {
        return false;
    }
    struct option_i64 *option = str_eq_c(name, "last_rows")    ? &part->last_rows
                                : str_eq_c(name, "batch_size") ? &part->batch_size
                                : str_eq_c(name, "from") || str_eq_c(name, "from_seq_id")
                                    ? &part->from
                                    : NULL;
    if (option == NULL) {
        build_fail(c->b, ERROR_SYNTAX,
                   "Unknown subscription option: '" STR_FMT
                   "'. Valid options are: last_rows, batch_size, from",
                   STR(text_excerpt(name)));
        return false;
    }
    if (option->is_set) {
        return build_given_twice(c->b, name);
    }
    option->is_set = true;
    return cursor_expect(c, TK_EQ) && cursor_integer(c, &option->value);
}

static bool parse_options(struct cursor *c, struct subscribe_part *part)
{
    part->has_options = true;
    c->at += 2; /* OPTIONS ( */
    while (!cursor_sees(c, TK_RP)) {
        if (!parse_option(c, part)) {
            return false;
        }
        if (!cursor_accept(c, TK_COMMA)) {
            break;
        }
    }
    return cursor_expect(c, TK_RP) && cursor_expect_end(c);
}

/* `OPTIONS (` outside parentheses; the end: none. */
static const struct token *find_options(const struct cursor *c)
{
    struct cursor at = *c;
    unsigned depth = 0;
    for (; !cursor_is_end(&at); at.at++) {
        depth += cursor_sees(&at, TK_LP);
        depth -= cursor_sees(&at, TK_RP) && depth > 0;
        bool has_list = at.at + 1 < at.end && at.at[1].kind == TK_LP;
        if (depth == 0 && has_list && cursor_sees_words(&at, "OPTIONS")) {
            return at.at;
        }
    }
    return c->end;
}

bool parse_subscribe(struct cursor *c)
{
    struct subscribe_part *part = &c->b->statement->as.subscribe;
    c->b->statement->kind = STATEMENT_SUBSCRIBE;
    c->at++;
    bool has_to = cursor_accept_words(c, "TO");
    if (!has_to && !cursor_sees(c, TK_SELECT)) { /* spec 002 leaves TO out */
        return cursor_unexpected(c);
    }
    struct cursor query = {.b = c->b, .at = c->at, .end = find_options(c)};
    if (cursor_is_end(&query)) {
        return cursor_unexpected(&query);
    }
    str text = str_slice(c->b->text, query.at->at, token_end(query.end - 1));
    bool is_table = query.at->kind == TK_ID;
    part->query = is_table ? arena_format(c->b->arena, "SELECT * FROM " STR_FMT, STR(text)) : text;
    if (!build_keep(
            c->b, take_text(part->query, !is_table, c->b->arena, &part->subscription, c->b->err))) {
        return false;
    }
    for (const struct token *token = query.at; token < query.end; token++) {
        if (token->kind == TK_PARAM) {
            (void)build_param(c->b, token);
        }
    }
    c->at = query.end;
    return cursor_is_end(c) || parse_options(c, part);
}
