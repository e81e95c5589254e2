/* query/gate_cost.c -- what the engine could not even parse in bearable time.
 * For:      the gate, before the engine sees a text. Its parser copies the WITH list at every
 *           level, builds a chain of AND or OR anew with every link, and keeps a set of numbers for
 *           each column of GROUP BY; no deadline ends it. Measured with DuckDB 1.4: 4,000 WITH
 * queries 100 s, 60,000 OR 7 s, 16,000 columns of GROUP BY a minute. Touches:  the lexer alone.
 * Threads: any. */
#include "query/gate_private.h"
#include "sql/lexer.h"

struct costs {
    unsigned conditions;   /* AND, OR */
    unsigned queries;      /* AS (, as in WITH; named windows and some casts are among them */
    unsigned materialized; /* each is written twice into the tree at each level */
    unsigned groups;       /* commas behind the newest GROUP BY, in no bracket of their own */
    unsigned depth;        /* of brackets */
    unsigned group_depth;
    bool is_grouped;
};

static bool is_word(str text, const struct token *token, const char *word)
{
    return token_is_word(text, token) && str_eq_nocase(token_text(text, token), str_from(word));
}

static void count_group(struct costs *costs, str text, const struct token *before,
                        const struct token *token)
{
    costs->depth += token->kind == TK_LP;
    costs->depth -= token->kind == TK_RP && costs->depth > 0;
    if (token->kind == TK_BY && is_word(text, before, "group")) {
        costs->is_grouped = true;
        costs->group_depth = costs->depth;
        costs->groups = 1;
    } else if (costs->depth < costs->group_depth) {
        costs->is_grouped = false;
    } else if (costs->is_grouped && costs->depth == costs->group_depth) {
        costs->groups += token->kind == TK_COMMA;
    }
}

static status check(const struct gate *g, const struct costs *costs, str text)
{
    if (costs->conditions > GATE_CONDITIONS_MAX) {
        return error_set(g->err, ERROR_LIMIT,
                         "more than %d AND and OR in a statement; IN (...) takes long lists",
                         GATE_CONDITIONS_MAX);
    }
    if (costs->queries > GATE_QUERIES_MAX) {
        return error_set(g->err, ERROR_LIMIT, "more than %d AS (...) in a statement",
                         GATE_QUERIES_MAX);
    }
    if (costs->groups > GATE_GROUPS_MAX) {
        return error_set(g->err, ERROR_LIMIT, "more than %d columns in GROUP BY", GATE_GROUPS_MAX);
    }
    bool is_long = text.n > GATE_MATERIALIZED_BYTES_MAX;
    if (costs->materialized > GATE_MATERIALIZED_MAX || (costs->materialized > 0 && is_long)) {
        return error_set(g->err, ERROR_LIMIT,
                         "more than %d MATERIALIZED in a statement, or one in more than %d bytes",
                         GATE_MATERIALIZED_MAX, GATE_MATERIALIZED_BYTES_MAX);
    }
    return STATUS_IS_OK;
}

status gate_check_cost(struct gate *g, str text)
{
    struct costs costs = {0};
    struct token before = {0};
    for (uint32_t at = 0;;) {
        struct token token = lexer_next(text, at);
        if (token.kind <= 0) { /* the end, or what the engine refuses at once */
            return STATUS_IS_OK;
        }
        at = token_end(&token);
        if (token.kind == TK_COMMENT) {
            continue;
        }
        bool is_materialized = is_word(text, &before, "materialized");
        bool is_query = token.kind == TK_LP && (before.kind == TK_AS || is_materialized);
        costs.conditions += token.kind == TK_AND || token.kind == TK_OR;
        costs.queries += is_query;
        costs.materialized += is_query && is_materialized;
        count_group(&costs, text, &before, &token);
        TRY(check(g, &costs, text));
        before = token;
    }
}
