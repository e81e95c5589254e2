/* sql/select_text.c -- brackets for -> and ->>, a function for ?, quotes for names that only the
 * engine reserves, a cast to BLOB for X'..'.
 * One walk over the tokens. An operand is a primary with what hangs on it: a literal, a name, a
 * call, brackets, CASE ... END, then ::type, [index] and .name. An operator takes the operand
 * before it as its left side and reads the one behind it. Tokens that make up an operand are
 * marked, so that the walk, which goes on inside its brackets, does not take them for operands of
 * their own. Threads: any. */
#include "sql/select_text.h"

#include "sql/build.h"
#include "sql/text.h"

/* What the walk knows about one token, and what to write around it. */
struct note {
    str before;      /* opening parts, outermost first */
    str instead;     /* of the token's own letters; empty: they stay */
    unsigned closes; /* ')' behind it */
    unsigned close;  /* of an opening bracket or CASE: where it is closed; count when it is not */
    bool is_part;    /* of an operand, but not its first token */
    bool is_used;    /* an operator that has its operands */
};

struct walk {
    struct arena *arena;
    str text;
    const struct token *tokens;
    unsigned count;
    struct note *notes;
    struct error *err;
};

static bool is_operator(int kind)
{
    return kind == TK_ARROW || kind == TK_ARROW_TEXT || kind == TK_QUESTION;
}

static int kind_at(const struct walk *w, unsigned i)
{
    return i < w->count ? w->tokens[i].kind : 0;
}

/* The bracket that a token is, as one of "([{", or of ")]}", or 'c' and 'e' for CASE and END; or 0.
 */
static char bracket_at(const struct walk *w, unsigned i)
{
    int kind = kind_at(w, i);
    if (kind == TK_CASE || kind == TK_END) {
        return kind == TK_CASE ? 'c' : 'e';
    }
    char c = i < w->count && w->tokens[i].n == 1 ? w->text.p[w->tokens[i].at] : 0;
    return c != 0 && strchr("()[]{}", c) != NULL ? c : 0;
}

static char opener_of(char close)
{
    return close == ')' ? '(' : close == ']' ? '[' : close == '}' ? '{' : close == 'e' ? 'c' : 0;
}

static void match_brackets(struct walk *w)
{
    unsigned *open = arena_alloc(w->arena, w->count * sizeof *open);
    unsigned depth = 0;
    for (unsigned i = 0; i < w->count; i++) {
        char bracket = bracket_at(w, i);
        char opener = opener_of(bracket);
        w->notes[i].close = w->count;
        if (bracket == 0) {
            continue;
        }
        if (opener == 0) {
            open[depth++] = i;
        } else if (depth > 0 && bracket_at(w, open[depth - 1]) == opener) {
            w->notes[open[--depth]].close = i;
        }
    }
}

/* --- operands */

static void mark(struct walk *w, unsigned i)
{
    if (i < w->count) {
        w->notes[i].is_part = true;
    }
}

/* Behind the bracket that closes the one at i. */
static unsigned pass_brackets(struct walk *w, unsigned i)
{
    unsigned close = w->notes[i].close;
    mark(w, i);
    mark(w, close);
    return close < w->count ? close + 1 : w->count;
}

static bool is_operand_word(int kind)
{
    return kind == TK_ID || kind == TK_CAST || kind == TK_TRUE || kind == TK_FALSE ||
           kind == TK_NULL || (kind > 0 && grammar_takes_as_name(kind));
}

/* ::type, ::type(10, 2), [1], .name, .name(...) */
static unsigned pass_postfix(struct walk *w, unsigned i)
{
    for (;;) {
        if (kind_at(w, i) == TK_TYPECAST || kind_at(w, i) == TK_DOT) {
            mark(w, i);
            mark(w, i + 1);
            i += 2;
            if (kind_at(w, i) == TK_PRECISION) {
                mark(w, i++);
            }
            if (bracket_at(w, i) == '(') {
                i = pass_brackets(w, i);
            }
        } else if (bracket_at(w, i) == '[') {
            i = pass_brackets(w, i);
        } else {
            return i < w->count ? i : w->count;
        }
    }
}

/* Behind the operand that begins at i; i itself: none begins there. */
static unsigned pass_operand(struct walk *w, unsigned i)
{
    int kind = kind_at(w, i);
    char bracket = bracket_at(w, i);
    unsigned next = i + 1;
    if (bracket == '(' || bracket == '[' || bracket == '{' || bracket == 'c') {
        next = pass_brackets(w, i);
    } else if (is_operand_word(kind)) {
        if (kind == TK_ID && kind_at(w, next) == TK_STRING) { /* DATE '2026-01-01' */
            mark(w, next++);
        } else if (bracket_at(w, next) == '(') {
            next = pass_brackets(w, next);
        }
    } else if (kind != TK_INTEGER && kind != TK_DECIMAL && kind != TK_FLOAT && kind != TK_STRING &&
               kind != TK_BYTES && kind != TK_PARAM) {
        return i;
    }
    mark(w, i);
    return pass_postfix(w, next);
}

/* --- chains */

static status fail_at(const struct walk *w, unsigned i, const char *side)
{
    struct text_place place = text_place(w->text, w->tokens[i].at);
    str word = token_text(w->text, &w->tokens[i]);
    return error_set(w->err, ERROR_SYNTAX,
                     "'" STR_FMT "' at line %u, column %u has nothing on its %s side", STR(word),
                     place.line, place.column, side);
}

/* Brackets the steps of the chain whose leftmost operand is [left, op). */
static status bracket_chain(struct walk *w, unsigned left, unsigned op)
{
    struct note *first = &w->notes[left];
    for (unsigned steps = 0; is_operator(kind_at(w, op)); steps++) {
        if (steps == LIMIT_EXPRESSION_DEPTH) {
            return error_set(w->err, ERROR_LIMIT,
                             "a chain of JSON operators has more than %d steps",
                             LIMIT_EXPRESSION_DEPTH);
        }
        unsigned right = op + 1;
        bool has_sign = kind_at(w, right) == TK_MINUS; /* doc->-1 would be an operator of its own */
        unsigned end = pass_operand(w, right + has_sign);
        if (end == right + has_sign) {
            return fail_at(w, op, "right");
        }
        if (has_sign) {
            w->notes[right].before = STR_LIT("(");
            w->notes[end - 1].closes++;
        }
        const char *open = kind_at(w, op) == TK_QUESTION ? "json_contains(" : "(";
        first->before = arena_format(w->arena, "%s" STR_FMT, open, STR(first->before));
        w->notes[op].is_used = true;
        w->notes[end - 1].closes++;
        op = end;
    }
    return STATUS_IS_OK;
}

/* --- bytes: to the engine X'00ff' is the text x00ff, and its parser reads CAST('\\x00ff' AS BLOB)
 * as the byte 0 and the text ff. Each byte is written \\xHH for it. */

static bool is_bytes_type(const struct walk *w, unsigned i)
{
    struct type type;
    struct error ignored;
    return kind_at(w, i) == TK_ID &&
           status_ok(type_parse(token_text(w->text, &w->tokens[i]), NULL, 0, &type, &ignored)) &&
           type.id == TYPE_BYTES;
}

/* 'text'::BYTEA, BYTEA 'text', CAST('text' AS BYTEA); the text may stand in brackets */
static bool is_cast_to_bytes(const struct walk *w, unsigned i)
{
    if (kind_at(w, i) != TK_STRING) {
        return false;
    }
    if (i >= 1 && is_bytes_type(w, i - 1)) {
        return true;
    }
    unsigned next = i + 1;
    for (; i >= 1 && kind_at(w, i - 1) == TK_LP && kind_at(w, next) == TK_RP; i--) {
        next++;
    }
    if (i >= 1 && is_operand_word(kind_at(w, i - 1))) {
        return false; /* f('text')::BYTEA */
    }
    bool is_call = i >= 2 && kind_at(w, i - 1) == TK_LP && kind_at(w, i - 2) == TK_CAST;
    return (kind_at(w, next) == TK_TYPECAST || (is_call && kind_at(w, next) == TK_AS)) &&
           is_bytes_type(w, next + 1);
}

static str escape_bytes(struct arena *arena, str bytes, bool is_cast)
{
    struct buf text;
    buf_init(&text);
    buf_append_c(&text, is_cast ? "'" : "CAST('");
    for (size_t i = 0; i < bytes.n; i++) {
        buf_append_format(&text, "\\x%02X", (unsigned)(unsigned char)bytes.p[i]);
    }
    buf_append_c(&text, is_cast ? "'" : "' AS BLOB)");
    str copy = arena_copy(arena, buf_str(&text));
    buf_release(&text);
    return copy;
}

static status write_bytes(struct walk *w, unsigned i)
{
    struct value v;
    bool is_cast = w->tokens[i].kind == TK_STRING;
    const char *wrong = literal_decode(w->text, &w->tokens[i], w->arena, &v);
    if (wrong != NULL) {
        struct text_place place = text_place(w->text, w->tokens[i].at);
        str shown = text_excerpt(token_text(w->text, &w->tokens[i]));
        return error_set(w->err, ERROR_SYNTAX, "%s: " STR_FMT " at line %u, column %u", wrong,
                         STR(shown), place.line, place.column);
    }
    if (is_cast) {
        TRY(value_coerce(&v, type_of(TYPE_BYTES), STR_LIT("cast"), w->arena, &v, w->err));
    }
    w->notes[i].instead = escape_bytes(w->arena, v.as.text, is_cast);
    return STATUS_IS_OK;
}

static status walk_tokens(struct walk *w)
{
    for (unsigned i = 0; i < w->count; i++) {
        if (kind_at(w, i) == TK_BYTES || is_cast_to_bytes(w, i)) {
            TRY(write_bytes(w, i));
        }
        if (is_operator(kind_at(w, i)) && !w->notes[i].is_used) {
            return fail_at(w, i, "left");
        }
        if (!w->notes[i].is_part) {
            unsigned end = pass_operand(w, i);
            if (end > i) {
                TRY(bracket_chain(w, i, end));
            }
        }
    }
    return STATUS_IS_OK;
}

/* --- the new text */

static size_t put(char *at, str s)
{
    memcpy(at, s.p, s.n);
    return s.n;
}

/* Words that the engine keeps for statements which are not let through; columns may have such
 * names, and the ORM of 0.4.3 takes the quotes off. */
static bool is_engine_word(str text, const struct token *tokens, unsigned count, unsigned i)
{
    static const char *const words[] = {"at",           "authorization", "binary",   "collation",
                                        "concurrently", "freeze",        "overlaps", "verbose"};
    str word = token_text(text, &tokens[i]);
    if (tokens[i].kind != TK_ID || word.p[0] == '"' || word.p[0] == '`') {
        return false;
    }
    bool has_next = i + 1 < count;
    if (has_next && (tokens[i + 1].kind == TK_LP ||
                     str_eq_nocase(token_text(text, &tokens[i + 1]), STR_LIT("time")))) {
        return false; /* AT TIME ZONE */
    }
    for (size_t k = 0; k < sizeof words / sizeof words[0]; k++) {
        if (str_eq_nocase(word, str_from(words[k]))) {
            return true;
        }
    }
    return false;
}

static str write_text(const struct walk *w)
{
    size_t bytes = w->text.n;
    for (unsigned i = 0; i < w->count; i++) {
        bytes += w->notes[i].before.n + w->notes[i].closes + w->notes[i].instead.n + 2;
    }
    char *out = arena_alloc(w->arena, bytes + 1);
    size_t n = 0;
    size_t from = 0;
    for (unsigned i = 0; i < w->count; i++) {
        const struct token *token = &w->tokens[i];
        const struct note *note = &w->notes[i];
        bool is_comma = note->is_used && token->kind == TK_QUESTION;
        n += put(out + n, str_slice(w->text, from, token->at));
        if (note->before.n > 0) {
            n += put(out + n, note->before);
        }
        bool is_word = is_engine_word(w->text, w->tokens, w->count, i);
        n += put(out + n, is_word ? STR_LIT("\"") : STR_LIT(""));
        str word = note->instead.n > 0 ? note->instead : token_text(w->text, token);
        n += put(out + n, is_comma ? STR_LIT(",") : word);
        n += put(out + n, is_word ? STR_LIT("\"") : STR_LIT(""));
        memset(out + n, ')', note->closes);
        n += note->closes;
        from = token_end(token);
    }
    n += put(out + n, str_skip(w->text, from));
    return str_of(out, n);
}

static bool needs_rewrite(const struct walk *w)
{
    for (unsigned i = 0; i < w->count; i++) {
        int kind = kind_at(w, i);
        if (is_operator(kind) || kind == TK_BYTES || is_cast_to_bytes(w, i) ||
            is_engine_word(w->text, w->tokens, w->count, i)) {
            return true;
        }
    }
    return false;
}

status select_text_rewrite(str query, struct arena *arena, str *out, struct error *err)
{
    const struct sql_piece *pieces = NULL;
    unsigned count = 0;
    TRY(sql_split(query, arena, &pieces, &count, err));
    if (count > 1) {
        return error_set(err, ERROR_SYNTAX, "expected one query, found %u statements", count);
    }
    *out = query;
    if (count == 0) {
        return STATUS_IS_OK;
    }
    struct walk w = {.arena = arena,
                     .text = pieces[0].text,
                     .tokens = pieces[0].tokens,
                     .count = pieces[0].token_count,
                     .err = err};
    if (!needs_rewrite(&w)) {
        return STATUS_IS_OK;
    }
    w.notes = ARENA_ARRAY(arena, struct note, w.count);
    match_brackets(&w);
    TRY(walk_tokens(&w));
    *out = write_text(&w);
    return STATUS_IS_OK;
}
