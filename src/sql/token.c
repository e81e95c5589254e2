/* sql/token.c -- what the letters of an identifier token mean. */
#include "sql/lexer.h"

bool token_is_quoted(str text, const struct token *token)
{
    return token->kind == TK_ID && (text.p[token->at] == '"' || text.p[token->at] == '`');
}

bool token_is_word(str text, const struct token *token)
{
    bool is_text = token->kind == TK_STRING || token->kind == TK_BYTES;
    if (token->kind <= 0 || is_text || token_is_quoted(text, token)) {
        return false;
    }
    unsigned char c = (unsigned char)text.p[token->at];
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

/* Without the quotes; doubled quotes are halved in a copy, if there are any. */
static str unquote(str quoted, struct arena *arena)
{
    char quote = quoted.p[0];
    str inner = str_slice(quoted, 1, quoted.n - 1);
    if (str_find_char(inner, quote) < 0) {
        return inner;
    }
    char *copy = arena_alloc(arena, inner.n);
    size_t n = 0;
    for (size_t i = 0; i < inner.n; i++) {
        copy[n++] = inner.p[i];
        i += inner.p[i] == quote; /* the second of two */
    }
    return str_of(copy, n);
}

str token_raw_name(str text, const struct token *token, struct arena *arena)
{
    str name = token_text(text, token);
    return token_is_quoted(text, token) ? unquote(name, arena) : name;
}

str token_name(str text, const struct token *token, struct arena *arena)
{
    str name = token_raw_name(text, token, arena);
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] >= 'A' && name.p[i] <= 'Z') {
            return arena_lower(arena, name);
        }
    }
    return name;
}
