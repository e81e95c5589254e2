/* cli/script.c -- a scanner that knows what may hide a ';'. */
#include "cli/script.h"

/* Behind the text that begins at `at` with its quote; the end of `s` when it does not end. */
static size_t skip_quoted(str s, size_t at, bool has_escapes)
{
    char quote = s.p[at++];
    while (at < s.n) {
        if (has_escapes && s.p[at] == '\\') {
            at += 2;
        } else if (s.p[at++] == quote) {
            if (at >= s.n || s.p[at] != quote) {
                return at;
            }
            at++; /* a doubled quote stands for itself */
        }
    }
    return s.n;
}

static bool is_pair(str s, size_t at, const char *pair)
{
    return at + 1 < s.n && s.p[at] == pair[0] && s.p[at + 1] == pair[1];
}

/* Behind the comment that begins at `at`; they nest. */
static size_t skip_block_comment(str s, size_t at)
{
    unsigned depth = 0;
    while (at < s.n) {
        if (is_pair(s, at, "/*")) {
            depth++;
            at += 2;
        } else if (is_pair(s, at, "*/")) {
            at += 2;
            if (--depth == 0) {
                return at;
            }
        } else {
            at++;
        }
    }
    return s.n;
}

static size_t skip_line(str s, size_t at)
{
    while (at < s.n && s.p[at] != '\n') {
        at++;
    }
    return at;
}

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Behind the token, comment or white space at `at`. CLUSTER PURGE --UPTO n is no comment to the
 * server; to us it makes no difference, as it has no ';' before the end of its line. */
static size_t skip_one(str s, size_t at)
{
    char c = s.p[at];
    if (is_pair(s, at, "--")) {
        return skip_line(s, at);
    }
    if (is_pair(s, at, "/*")) {
        return skip_block_comment(s, at);
    }
    if (c == '\'' || c == '"' || c == '`') {
        return skip_quoted(s, at, false);
    }
    if ((c == 'e' || c == 'E') && at + 1 < s.n && s.p[at + 1] == '\'') {
        return skip_quoted(s, at + 1, true);
    }
    if (is_word_char(c)) {
        while (at < s.n && is_word_char(s.p[at])) {
            at++;
        }
        return at;
    }
    return at + 1;
}

static size_t skip_blank(str s, size_t at)
{
    while (at < s.n) {
        if (is_space(s.p[at])) {
            at++;
        } else if (is_pair(s, at, "--")) {
            at = skip_line(s, at);
        } else if (is_pair(s, at, "/*")) {
            at = skip_block_comment(s, at);
        } else {
            break;
        }
    }
    return at;
}

static unsigned lines_in(str s)
{
    unsigned count = 0;
    for (size_t i = 0; i < s.n; i++) {
        count += s.p[i] == '\n';
    }
    return count;
}

bool script_next(struct script *script, struct script_statement *out)
{
    str s = script->text;
    for (;;) {
        size_t begin = skip_blank(s, script->at);
        script->line += lines_in(str_slice(s, script->at, begin));
        script->at = begin;
        if (begin >= s.n) {
            return false;
        }
        if (s.p[begin] != ';') {
            break;
        }
        script->at++; /* an empty statement */
    }
    size_t at = script->at;
    unsigned depth = 0;
    while (at < s.n && (s.p[at] != ';' || depth > 0)) {
        depth += s.p[at] == '(';
        depth -= s.p[at] == ')' && depth > 0;
        at = skip_one(s, at);
    }
    at = at > s.n ? s.n : at;
    *out = (struct script_statement){
        .text = str_trim(str_slice(s, script->at, at)), .line = script->line, .is_ended = at < s.n};
    script->line += lines_in(str_slice(s, script->at, at));
    script->at = at < s.n ? at + 1 : at;
    return true;
}

str script_word(str statement, unsigned n)
{
    size_t at = 0;
    for (;;) {
        at = skip_blank(statement, at);
        size_t begin = at;
        while (at < statement.n && is_word_char(statement.p[at])) {
            at++;
        }
        if (at == begin || n == 0) {
            return str_slice(statement, begin, at);
        }
        n--;
    }
}

static bool word_is(str statement, unsigned n, const char *word)
{
    return str_eq_nocase(script_word(statement, n), str_from(word));
}

enum script_kind script_kind(str statement)
{
    if (word_is(statement, 0, "begin") ||
        (word_is(statement, 0, "start") && word_is(statement, 1, "transaction"))) {
        return SCRIPT_BEGIN;
    }
    if (word_is(statement, 0, "commit") || word_is(statement, 0, "end")) {
        return SCRIPT_END;
    }
    if (word_is(statement, 0, "rollback")) {
        unsigned next = word_is(statement, 1, "transaction") || word_is(statement, 1, "work");
        return word_is(statement, 1 + next, "to") ? SCRIPT_PLAIN : SCRIPT_END;
    }
    if (word_is(statement, 0, "use") ||
        (word_is(statement, 0, "set") && word_is(statement, 1, "namespace"))) {
        return SCRIPT_USE;
    }
    return SCRIPT_PLAIN;
}

str script_used_namespace(str statement)
{
    unsigned verbs = word_is(statement, 1, "namespace") ? 2 : 1;
    size_t at = 0;
    for (unsigned i = 0; i < verbs; i++) {
        at = skip_blank(statement, at);
        while (at < statement.n && is_word_char(statement.p[at])) {
            at++;
        }
    }
    at = skip_blank(statement, at);
    size_t begin = at;
    if (at < statement.n && !is_word_char(statement.p[at])) {
        size_t end = skip_quoted(statement, at, false);
        return end - begin >= 2 ? str_slice(statement, begin + 1, end - 1)
                                : str_slice(statement, 0, 0);
    }
    while (at < statement.n && is_word_char(statement.p[at])) {
        at++;
    }
    return str_slice(statement, begin, at);
}
