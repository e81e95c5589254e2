/* sql/cursor.c -- reading statements of fixed words, token by token. */
#include "sql/cursor.h"

bool cursor_sees(const struct cursor *c, int kind)
{
    return !cursor_is_end(c) && c->at->kind == kind;
}

/* How many tokens the words take; 0: they are not next. */
static size_t match_words(const struct cursor *c, const char *words)
{
    size_t count = 0;
    while (*words != '\0') {
        const char *space = strchr(words, ' ');
        size_t n = space != NULL ? (size_t)(space - words) : strlen(words);
        const struct token *token = c->at + count;
        if (token >= c->end || !token_is_word(c->b->text, token) ||
            !str_eq_nocase(token_text(c->b->text, token), str_of(words, n))) {
            return 0;
        }
        count++;
        words += n + (space != NULL);
    }
    return count;
}

bool cursor_sees_words(const struct cursor *c, const char *words)
{
    return match_words(c, words) > 0;
}

bool cursor_accept(struct cursor *c, int kind)
{
    bool is_there = cursor_sees(c, kind);
    c->at += is_there;
    return is_there;
}

bool cursor_accept_words(struct cursor *c, const char *words)
{
    size_t count = match_words(c, words);
    c->at += count;
    return count > 0;
}

bool cursor_unexpected(struct cursor *c)
{
    if (cursor_is_end(c)) {
        struct token end = {.kind = 0, .at = (uint32_t)c->b->text.n, .slot = -1};
        build_syntax_error(c->b, &end);
    } else {
        build_syntax_error(c->b, c->at);
    }
    return false;
}

bool cursor_expect(struct cursor *c, int kind)
{
    return cursor_accept(c, kind) || cursor_unexpected(c);
}

bool cursor_expect_words(struct cursor *c, const char *words)
{
    return cursor_accept_words(c, words) || cursor_unexpected(c);
}

bool cursor_expect_end(struct cursor *c)
{
    return cursor_is_end(c) || cursor_unexpected(c);
}

static bool is_name(const struct cursor *c)
{
    return !cursor_is_end(c) && (c->at->kind == TK_ID || token_is_word(c->b->text, c->at));
}

bool cursor_name(struct cursor *c, str *out)
{
    if (!is_name(c)) {
        return cursor_unexpected(c);
    }
    str raw = token_raw_name(c->b->text, c->at++, c->b->arena);
    *out = arena_lower(c->b->arena, raw);
    return true;
}

bool cursor_raw_name(struct cursor *c, str *out)
{
    if (!is_name(c)) {
        return cursor_unexpected(c);
    }
    *out = token_raw_name(c->b->text, c->at++, c->b->arena);
    return true;
}

bool cursor_table(struct cursor *c, struct table_name *out)
{
    str first;
    if (!cursor_name(c, &first)) {
        return false;
    }
    *out = (struct table_name){.name = first};
    if (cursor_accept(c, TK_DOT)) {
        out->ns = first;
        return cursor_name(c, &out->name);
    }
    return true;
}

bool cursor_names(struct cursor *c, struct str_list *out)
{
    if (!cursor_expect(c, TK_LP)) {
        return false;
    }
    do {
        str name;
        if (!cursor_name(c, &name)) {
            return false;
        }
        BUILD_ROOM(c->b, out);
        out->items[out->count++] = name;
    } while (cursor_accept(c, TK_COMMA));
    return cursor_expect(c, TK_RP);
}

bool cursor_text(struct cursor *c, str *out)
{
    if (!cursor_sees(c, TK_STRING)) {
        return cursor_unexpected(c);
    }
    struct value v;
    const char *wrong = literal_decode(c->b->text, c->at, c->b->arena, &v);
    if (wrong != NULL) {
        build_fail(c->b, ERROR_SYNTAX, "%s", wrong);
        return false;
    }
    c->at++;
    *out = v.as.text;
    return true;
}

bool cursor_text_or_name(struct cursor *c, str *out)
{
    return cursor_sees(c, TK_STRING) ? cursor_text(c, out) : cursor_raw_name(c, out);
}

bool cursor_integer(struct cursor *c, int64_t *out)
{
    if (cursor_is_end(c) || (c->at->kind != TK_INTEGER && c->at->kind != TK_STRING)) {
        return cursor_unexpected(c);
    }
    str digits = cursor_here(c);
    if (c->at->kind == TK_STRING) {
        digits = str_slice(digits, 1, digits.n - 1);
    }
    if (!str_to_i64(digits, out) || *out < 0) {
        return cursor_unexpected(c);
    }
    c->at++;
    return true;
}

str cursor_rest(struct cursor *c)
{
    str rest = cursor_is_end(c) ? (str){NULL, 0} : str_skip(c->b->text, c->at->at);
    c->at = c->end;
    return rest;
}

str cursor_here(const struct cursor *c)
{
    return cursor_is_end(c) ? (str){NULL, 0} : token_text(c->b->text, c->at);
}
