/* sql/sanitize.c -- see sanitize.h. Nothing of a token is copied unless it is a word or an
 * operator. */
#include "sql/sanitize.h"

#include "sql/lexer.h"

/* Words before what nobody may read, also if it stands there without quotes. */
static bool is_secret_word(str word)
{
    static const char *const words[] = {"password",   "oauth",     "credentials", "credential",
                                        "secret",     "token",     "config_json", "user",
                                        "access_key", "secret_key"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_eq_nocase(word, str_from(words[i]))) {
            return true;
        }
    }
    return false;
}

/* An operator or a bracket: no letter, digit or quote in it. */
static bool is_sign(str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (strchr("()[]{},;.*+-/%=<>!|&^~?@:#", text.p[i]) == NULL) {
            return false;
        }
    }
    return true;
}

str sql_sanitize(const struct sql_piece *piece, struct arena *arena)
{
    char *out = arena_alloc(arena, SANITIZED_BYTES_MAX + 4);
    size_t n = 0;
    bool hides_next = false; /* the next word or text */
    for (unsigned i = 0; i < piece->token_count; i++) {
        const struct token *token = &piece->tokens[i];
        str text = token_text(piece->text, token);
        bool is_word = token_is_word(piece->text, token);
        bool is_shown = is_word ? !hides_next : is_sign(text);
        str shown = is_shown ? text : STR_LIT("?");
        if (n + shown.n + 1 > SANITIZED_BYTES_MAX) {
            memcpy(out + n, "...", 3);
            return str_of(out, n + 3);
        }
        if (n > 0) {
            out[n++] = ' ';
        }
        memcpy(out + n, shown.p, shown.n);
        n += shown.n;
        hides_next = (is_word && is_secret_word(text)) || (hides_next && is_sign(text));
    }
    return str_of(out, n);
}
