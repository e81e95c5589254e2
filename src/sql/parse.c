/* sql/parse.c -- which part of the parser reads a statement, and what to do about expressions that
 * only the engine knows.
 * DML and SELECT go through the grammar. When it stops at DML, each expression is tried alone; one
 * that does not parse is folded into a single ENGINE token (the query of INSERT ... SELECT into
 * QUERY), and the grammar runs once more over what is left. A SELECT that it does not know stays
 * text. Threads: any. */
#include "sql/statement.h"
#include "sql/text.h"

/* --- folding */

/* The tokens of one statement being copied, with some stretches folded. */
struct fold {
    struct build *b; /* of the statement; expressions are tried in builds of their own */
    struct token *tokens;
    unsigned count;
};

static void emit(struct fold *f, struct token token)
{
    f->tokens[f->count++] = token;
}

static void emit_folded(struct fold *f, int kind, const struct token *from, const struct token *to)
{
    emit(f, (struct token){
                .kind = kind, .at = from->at, .n = token_end(to - 1) - from->at, .slot = -1});
}

static bool is_parsed_by_itself(const struct fold *f, int start, const struct token *from,
                                const struct token *to)
{
    struct build tried;
    build_init(&tried, f->b->arena, f->b->text, NULL, NULL);
    return grammar_run(&tried, start, from, (size_t)(to - from)) ||
           tried.failed_as != ERROR_SYNTAX; /* for the grammar to say so again */
}

/* One expression (START_EXPR) or one column of RETURNING (START_ITEM). An empty one, and the word
 * DEFAULT, are left to the grammar. */
static void fold_expr(struct fold *f, int start, const struct token *from, const struct token *to)
{
    bool is_default = to - from == 1 && from->kind == TK_DEFAULT;
    if (from == to) {
        return;
    }
    if (is_default || is_parsed_by_itself(f, start, from, to)) {
        for (const struct token *token = from; token < to; token++) {
            emit(f, *token);
        }
        return;
    }
    if (start == TK_START_ITEM && to - from > 2 && to[-2].kind == TK_AS) {
        emit_folded(f, TK_ENGINE, from, to - 2);
        emit(f, to[-2]);
        emit(f, to[-1]);
        return;
    }
    emit_folded(f, TK_ENGINE, from, to);
}

static int nesting_of(const struct fold *f, const struct token *token)
{
    char c = token->n == 1 ? f->b->text.p[token->at] : 0;
    bool is_open = token->kind == TK_CASE || c == '(' || c == '[' || c == '{';
    bool is_close = token->kind == TK_END || c == ')' || c == ']' || c == '}';
    return is_open ? 1 : is_close ? -1 : 0;
}

/* The first token outside brackets of a kind for which `stops` says so; `to`: none. A closing
 * bracket that was not opened here stops too. */
typedef bool stop_fn(const struct token *token, const struct token *to);
static const struct token *find_top(const struct fold *f, const struct token *from,
                                    const struct token *to, stop_fn *stops)
{
    int depth = 0;
    for (const struct token *token = from; token < to; token++) {
        if (depth == 0 && stops(token, to)) {
            return token;
        }
        depth += nesting_of(f, token);
        if (depth < 0) {
            return token;
        }
    }
    return to;
}

static bool stops_at_comma(const struct token *token, const struct token *to)
{
    (void)to;
    return token->kind == TK_COMMA;
}

static bool stops_at_where(const struct token *token, const struct token *to)
{
    (void)to;
    return token->kind == TK_WHERE || token->kind == TK_RETURNING;
}

static bool stops_at_returning(const struct token *token, const struct token *to)
{
    (void)to;
    return token->kind == TK_RETURNING;
}

static bool stops_at_set(const struct token *token, const struct token *to)
{
    (void)to;
    return token->kind == TK_SET;
}

static bool stops_behind_source(const struct token *token, const struct token *to)
{
    bool is_conflict = token->kind == TK_ON && token + 1 < to && token[1].kind == TK_CONFLICT;
    return is_conflict || token->kind == TK_RETURNING;
}

/* a, b, ...: `start` TK_START_EXPR or TK_START_ITEM. */
static void fold_list(struct fold *f, int start, const struct token *from, const struct token *to)
{
    while (from < to) {
        const struct token *comma = find_top(f, from, to, stops_at_comma);
        fold_expr(f, start, from, comma);
        if (comma < to) {
            emit(f, *comma);
            comma++;
        }
        from = comma;
    }
}

/* a = x, b = y, ... */
static void fold_assignments(struct fold *f, const struct token *from, const struct token *to)
{
    while (from < to) {
        const struct token *comma = find_top(f, from, to, stops_at_comma);
        const struct token *value = from;
        if (comma - from > 2 && from[1].kind == TK_EQ) {
            emit(f, from[0]);
            emit(f, from[1]);
            value = from + 2;
        }
        fold_expr(f, TK_START_EXPR, value, comma);
        if (comma < to) {
            emit(f, *comma);
            comma++;
        }
        from = comma;
    }
}

/* [WHERE ...] [RETURNING ...] */
static void fold_tail(struct fold *f, const struct token *from, const struct token *to)
{
    const struct token *returning = find_top(f, from, to, stops_at_returning);
    if (from < returning && from->kind == TK_WHERE) {
        emit(f, *from);
        fold_expr(f, TK_START_EXPR, from + 1, returning);
    }
    if (returning < to) {
        emit(f, *returning);
        fold_list(f, TK_START_ITEM, returning + 1, to);
    }
}

static void fold_copy(struct fold *f, const struct token *from, const struct token *to)
{
    for (; from < to; from++) {
        emit(f, *from);
    }
}

static void fold_set(struct fold *f, const struct token *from, const struct token *to)
{
    const struct token *set = find_top(f, from, to, stops_at_set);
    if (set == to) { /* ON CONFLICT DO NOTHING */
        const struct token *returning = find_top(f, from, to, stops_at_returning);
        fold_copy(f, from, returning);
        fold_tail(f, returning, to);
        return;
    }
    const struct token *tail = find_top(f, set + 1, to, stops_at_where);
    fold_copy(f, from, set + 1);
    fold_assignments(f, set + 1, tail);
    fold_tail(f, tail, to);
}

/* (a, b), (c, d), ... */
static void fold_rows(struct fold *f, const struct token *from, const struct token *to)
{
    while (from < to && from->kind == TK_LP) {
        const struct token *close = from + 1;
        emit(f, *from);
        for (;;) { /* find_top stops at the closing parenthesis of the row */
            const struct token *stop = find_top(f, close, to, stops_at_comma);
            fold_expr(f, TK_START_EXPR, close, stop);
            close = stop;
            if (stop == to || stop->kind != TK_COMMA) {
                break;
            }
            emit(f, *close++);
        }
        from = close;
        for (int i = 0; i < 2 && from < to; i++) { /* ")" and "," */
            bool is_wanted = from->kind == (i == 0 ? TK_RP : TK_COMMA);
            if (!is_wanted) {
                break;
            }
            emit(f, *from++);
        }
    }
    fold_copy(f, from, to);
}

/* Behind INSERT INTO t [AS a] [(columns)]; NULL when that is not what stands there. */
static const struct token *find_source(const struct token *from, const struct token *to)
{
    const struct token *at = to - from < 2 ? to : from + 2; /* INSERT INTO */
    while (at < to && at->kind != TK_LP && at->kind != TK_VALUES && at->kind != TK_SELECT &&
           at->kind != TK_DEFAULT && at->kind != TK_RESERVED && at->kind != TK_FROM) {
        at++;
    }
    if (at < to && at->kind == TK_LP && at + 1 < to && at[1].kind != TK_SELECT &&
        at[1].kind != TK_RESERVED && at[1].kind != TK_LP && at[1].kind != TK_VALUES) {
        while (at < to && at->kind != TK_RP) {
            at++;
        }
        at += at < to;
    }
    return at;
}

static void fold_insert(struct fold *f, const struct token *from, const struct token *to)
{
    const struct token *source = find_source(from, to);
    const struct token *tail = find_top(f, source, to, stops_behind_source);
    fold_copy(f, from, source);
    if (source < to && source->kind == TK_VALUES) {
        emit(f, *source);
        fold_rows(f, source + 1, tail);
    } else if (source < tail && source->kind != TK_DEFAULT) {
        emit_folded(f, TK_QUERY, source, tail);
    } else {
        fold_copy(f, source, tail);
    }
    if (tail < to && tail->kind == TK_ON) {
        fold_set(f, tail, to);
    } else {
        fold_tail(f, tail, to);
    }
}

static void fold_delete(struct fold *f, const struct token *from, const struct token *to)
{
    const struct token *tail = find_top(f, from, to, stops_at_where);
    fold_copy(f, from, tail);
    fold_tail(f, tail, to);
}

/* --- DML, SELECT, expressions */

struct expr *parse_expr_tokens(struct build *b, const struct token *from, const struct token *to)
{
    struct statement *statement = b->statement;
    b->statement = NULL;
    b->expr = NULL;
    bool is_parsed = grammar_run(b, TK_START_EXPR, from, (size_t)(to - from));
    b->statement = statement;
    return is_parsed ? b->expr : NULL;
}

/* The grammar, and when it stops, the grammar over the folded statement. */
static void run_dml(struct cursor *c, enum statement_kind kind)
{
    struct build *b = c->b;
    size_t count = (size_t)(c->end - c->at);
    b->statement->kind = kind;
    if (grammar_run(b, TK_START_STATEMENT, c->at, count) || b->failed_as != ERROR_SYNTAX) {
        return;
    }
    struct fold f = {.b = b, .tokens = arena_alloc(b->arena, (count + 1) * sizeof *f.tokens)};
    if (kind == STATEMENT_INSERT) {
        fold_insert(&f, c->at, c->end);
    } else if (kind == STATEMENT_UPDATE) {
        fold_set(&f, c->at, c->end);
    } else {
        fold_delete(&f, c->at, c->end);
    }
    *b->statement = (struct statement){.kind = kind, .text = b->text};
    build_init(b, b->arena, b->text, b->statement, b->err);
    grammar_run(b, TK_START_STATEMENT, f.tokens, f.count);
}

/* $n anywhere in a query that stays text. */
static void count_params(struct build *b, const struct token *from, const struct token *to)
{
    for (const struct token *token = from; token < to; token++) {
        if (token->kind == TK_PARAM) {
            (void)build_param(b, token);
        }
    }
}

static void parse_dml(struct cursor *c, enum statement_kind kind)
{
    run_dml(c, kind);
    count_params(c->b, c->at, c->end); /* in what stayed text too */
    const struct statement *s = c->b->statement;
    if (kind == STATEMENT_UPDATE && s->as.update.where == NULL) {
        build_fail(c->b, ERROR_INVALID_OPERATION, "UPDATE requires a WHERE clause");
    } else if (kind == STATEMENT_DELETE && s->as.delete.where == NULL) {
        build_fail(c->b, ERROR_INVALID_OPERATION, "DELETE requires a WHERE clause");
    }
}

static void parse_select(struct cursor *c)
{
    struct build *b = c->b;
    struct statement *s = b->statement;
    struct build tried;
    build_init(&tried, b->arena, b->text, s, NULL);
    s->kind = STATEMENT_SELECT;
    if (c->at->kind == TK_SELECT &&
        !grammar_run(&tried, TK_START_STATEMENT, c->at, (size_t)(c->end - c->at))) {
        s->as.select = (struct select_part){.is_simple = false};
    }
    if (tried.is_overflow) {
        build_overflow(b);
    }
    s->as.select.query = b->text;
    count_params(b, c->at, c->end);
}

/* --- one statement */

/* First words of statements that PostgreSQL has and nobody asks of us: 0.4.3 reads them and says
 * so. */
static bool is_postgres_word(const struct cursor *c)
{
    static const char *const words[] = {
        "ANALYZE", "CALL",  "CLOSE",  "COMMENT",  "COPY",     "DEALLOCATE", "DECLARE", "DISCARD",
        "DO",      "FETCH", "GRANT",  "LISTEN",   "LOCK",     "MERGE",      "NOTIFY",  "PREPARE",
        "REINDEX", "RESET", "REVOKE", "TRUNCATE", "UNLISTEN", "VACUUM"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (cursor_sees_words(c, words[i])) {
            return true;
        }
    }
    return false;
}

static bool parse_start(struct cursor *c)
{
    if (is_postgres_word(c)) {
        str rest = text_excerpt(cursor_rest(c));
        build_fail(c->b, ERROR_STATEMENT_UNSUPPORTED, "Unsupported statement type: " STR_FMT,
                   STR(rest));
        return false;
    }
    build_fail(c->b, ERROR_STATEMENT_UNSUPPORTED,
               "unknown statement '" STR_FMT "' at line 1, column 1",
               STR(text_excerpt(cursor_here(c))));
    return false;
}

/* Statements by their first word, but for those of the grammar. */
static const struct {
    const char *word;
    bool (*parse)(struct cursor *c);
} first_words[] = {
    {"CREATE", parse_create},
    {"ALTER", parse_alter},
    {"DROP", parse_drop},
    {"USE", parse_use},
    {"SET", parse_set},
    {"SHOW", parse_show},
    {"DESCRIBE", parse_describe},
    {"DESC", parse_describe},
    {"STORAGE", parse_storage},
    {"KILL", parse_kill},
    {"BACKUP", parse_backup},
    {"RESTORE", parse_restore},
    {"EXPORT", parse_export},
    {"CLUSTER", parse_cluster},
    {"BEGIN", parse_transaction},
    {"START", parse_transaction},
    {"COMMIT", parse_transaction},
    {"ROLLBACK", parse_transaction},
    {"END", parse_transaction},
    {"ABORT", parse_transaction},
    {"SAVEPOINT", parse_transaction},
    {"RELEASE", parse_transaction},
    {"EXECUTE", parse_execute_as},
    {"SUBSCRIBE", parse_subscribe},
    {"EXPLAIN", parse_explain},
    {"CLEAR", parse_alter},
    {"CONSUME", parse_consume},
    {"ACK", parse_ack},
};

static void parse_words(struct cursor *c)
{
    for (size_t i = 0; i < sizeof first_words / sizeof first_words[0]; i++) {
        if (cursor_sees_words(c, first_words[i].word)) {
            (void)first_words[i].parse(c);
            return;
        }
    }
    (void)parse_start(c);
}

/* A statement may hold ';' and lone parentheses only where EXECUTE AS USER says what is wrong. */
static bool check_brackets(struct cursor *c)
{
    const struct token *open = NULL;
    unsigned depth = 0;
    for (const struct token *token = c->at; token < c->end; token++) {
        if (token->kind == TK_SEMI || (token->kind == TK_RP && depth == 0)) {
            build_syntax_error(c->b, token);
            return false;
        }
        if (token->kind == TK_LP) {
            open = depth++ == 0 ? token : open;
        }
        depth -= token->kind == TK_RP;
    }
    if (depth > 0) {
        struct text_place place = text_place(c->b->text, open->at);
        build_fail(c->b, ERROR_SYNTAX, "the '(' at line %u, column %u is not closed", place.line,
                   place.column);
    }
    return depth == 0;
}

/* The query may begin with parentheses: (SELECT ...) UNION ... */
static bool is_query(const struct cursor *c)
{
    struct cursor at = *c;
    while (cursor_accept(&at, TK_LP)) {
    }
    return cursor_sees(&at, TK_SELECT) || cursor_sees(&at, TK_VALUES) ||
           cursor_sees_words(&at, "WITH");
}

static void parse_statement(struct cursor *c)
{
    if (!cursor_sees_words(c, "EXECUTE") && !check_brackets(c)) {
        return;
    }
    if (is_query(c)) {
        parse_select(c);
    } else if (cursor_sees(c, TK_INSERT)) {
        parse_dml(c, STATEMENT_INSERT);
    } else if (cursor_sees(c, TK_UPDATE)) {
        parse_dml(c, STATEMENT_UPDATE);
    } else if (cursor_sees(c, TK_DELETE)) {
        parse_dml(c, STATEMENT_DELETE);
    } else {
        parse_words(c);
    }
}

status sql_parse_piece(const struct sql_piece *piece, struct arena *arena,
                       const struct statement **out, struct error *err)
{
    struct statement *statement = ARENA_NEW(arena, struct statement);
    struct build b;
    build_init(&b, arena, piece->text, statement, err);
    struct cursor c = {.b = &b, .at = piece->tokens, .end = piece->tokens + piece->token_count};
    statement->text = piece->text;
    parse_statement(&c);
    if (b.is_failed) {
        return b.result;
    }
    statement->param_count = b.param_count;
    *out = statement;
    error_clear(err); /* of tries that failed on the way */
    return STATUS_IS_OK;
}

static status split_one(str text, struct arena *arena, const struct sql_piece **piece,
                        struct error *err)
{
    unsigned count = 0;
    TRY(sql_split(text, arena, piece, &count, err));
    if (count == 0) {
        return error_set(err, ERROR_EMPTY_SQL, "No SQL statements provided");
    }
    if (count > 1) {
        return error_set(err, ERROR_SYNTAX, "expected one statement, found %u", count);
    }
    return STATUS_IS_OK;
}

status sql_parse(str text, struct arena *arena, const struct statement **out, struct error *err)
{
    const struct sql_piece *piece = NULL;
    TRY(split_one(text, arena, &piece, err));
    return sql_parse_piece(piece, arena, out, err);
}

status sql_parse_expr(str text, struct arena *arena, struct expr **out, struct error *err)
{
    const struct sql_piece *piece = NULL;
    TRY(split_one(text, arena, &piece, err));
    struct build b;
    build_init(&b, arena, piece->text, NULL, err);
    struct expr *e = parse_expr_tokens(&b, piece->tokens, piece->tokens + piece->token_count);
    if (e == NULL) {
        return b.result;
    }
    *out = e;
    return STATUS_IS_OK;
}
