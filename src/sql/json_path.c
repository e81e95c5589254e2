/* sql/json_path.c -- a scanner that goes over JSON text in place. Depth is counted, never recursed
 * deeper than LIMIT_JSON_DEPTH. */
#include "sql/json_path.h"

#include "model/limits.h"
#include "model/value.h"
#include "sql/real_text.h"

/* --- going over */

struct scan {
    const char *at;
    const char *end;
};

static void skip_space(struct scan *s)
{
    while (s->at < s->end &&
           (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r')) {
        s->at++;
    }
}

static bool take(struct scan *s, char c)
{
    skip_space(s);
    bool is_there = s->at < s->end && *s->at == c;
    s->at += is_there;
    return is_there;
}

/* Four hex digits. */
static bool take_hex(struct scan *s, uint32_t *code)
{
    *code = 0;
    if (s->end - s->at < 4) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        int digit = str_hex_value(*s->at++);
        if (digit < 0) {
            return false;
        }
        *code = *code << 4 | (uint32_t)digit;
    }
    return true;
}

/* Behind \u: one code, or two that make a pair. */
static bool take_code(struct scan *s, uint32_t *code)
{
    uint32_t low = 0;
    if (!take_hex(s, code) || (*code >= 0xDC00 && *code <= 0xDFFF)) {
        return false;
    }
    if (*code < 0xD800 || *code > 0xDBFF) {
        return true;
    }
    if (s->end - s->at < 2 || s->at[0] != '\\' || s->at[1] != 'u') {
        return false;
    }
    s->at += 2;
    if (!take_hex(s, &low) || low < 0xDC00 || low > 0xDFFF) {
        return false;
    }
    *code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
    return true;
}

static bool skip_string(struct scan *s)
{
    if (!take(s, '"')) {
        return false;
    }
    while (s->at < s->end) {
        unsigned char c = (unsigned char)*s->at++;
        if (c == '"') {
            return true;
        }
        if (c < 0x20) {
            return false;
        }
        if (c != '\\') {
            continue;
        }
        if (s->at == s->end) {
            return false;
        }
        char escape = *s->at++;
        uint32_t code = 0;
        if (escape == 'u' ? !take_code(s, &code)
                          : strchr("\"\\/bfnrt", escape) == NULL || escape == 0) {
            return false;
        }
    }
    return false;
}

static bool skip_digits(struct scan *s)
{
    const char *from = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9') {
        s->at++;
    }
    return s->at > from;
}

static bool skip_number(struct scan *s)
{
    s->at += s->at < s->end && *s->at == '-';
    bool has_zero = s->at < s->end && *s->at == '0';
    if (has_zero) {
        s->at++;
    } else if (!skip_digits(s)) {
        return false;
    }
    if (s->at < s->end && *s->at == '.') {
        s->at++;
        if (!skip_digits(s)) {
            return false;
        }
    }
    if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
        s->at++;
        s->at += s->at < s->end && (*s->at == '+' || *s->at == '-');
        return skip_digits(s);
    }
    return true;
}

static bool skip_word(struct scan *s, const char *word)
{
    size_t n = strlen(word);
    bool is_there = (size_t)(s->end - s->at) >= n && memcmp(s->at, word, n) == 0;
    s->at += is_there ? n : 0;
    return is_there;
}

static bool skip_scalar(struct scan *s)
{
    char c = s->at < s->end ? *s->at : 0;
    switch (c) {
    case '"':
        return skip_string(s);
    case 't':
        return skip_word(s, "true");
    case 'f':
        return skip_word(s, "false");
    case 'n':
        return skip_word(s, "null");
    default:
        return skip_number(s);
    }
}

/* Any value; the open brackets are kept in `closers`, so that there is no recursion. */
static bool skip_value(struct scan *s)
{
    char closers[LIMIT_JSON_DEPTH];
    unsigned depth = 0;
    for (;;) {
        skip_space(s);
        char c = s->at < s->end ? *s->at : 0;
        bool is_open = c == '{' || c == '[';
        if (is_open) {
            if (depth == LIMIT_JSON_DEPTH) {
                return false;
            }
            s->at++;
            closers[depth++] = c == '{' ? '}' : ']';
            if (!take(s, closers[depth - 1])) { /* it has something inside */
                if (c == '{' && (!skip_string(s) || !take(s, ':'))) {
                    return false;
                }
                continue;
            }
            depth--;
        } else if (!skip_scalar(s)) {
            return false;
        }
        while (depth > 0 && take(s, closers[depth - 1])) {
            depth--;
        }
        if (depth == 0) {
            return true;
        }
        if (!take(s, ',') || (closers[depth - 1] == '}' && (!skip_string(s) || !take(s, ':')))) {
            return false;
        }
    }
}

bool json_text_is_valid(str text)
{
    struct scan s = {text.p, text.p + text.n};
    if (text.n == 0 || !str_is_utf8(text) || !skip_value(&s)) {
        return false;
    }
    skip_space(&s);
    return s.at == s.end;
}

/* --- strings */

static char unescape_char(char c)
{
    static const char from[] = "bfnrt";
    static const char to[] = "\b\f\n\r\t";
    const char *found = strchr(from, c);
    return found != NULL && c != 0 ? to[found - from] : c;
}

str json_text_unescape(str quoted, struct arena *arena)
{
    str inner = str_slice(quoted, 1, quoted.n - 1);
    if (str_find_char(inner, '\\') < 0) {
        return inner;
    }
    char *out = arena_alloc(arena, inner.n);
    size_t n = 0;
    struct scan s = {inner.p, inner.p + inner.n};
    while (s.at < s.end) {
        char c = *s.at++;
        if (c != '\\' || s.at == s.end) {
            out[n++] = c;
            continue;
        }
        c = *s.at++;
        uint32_t code = 0;
        if (c != 'u') {
            out[n++] = unescape_char(c);
        } else if (take_code(&s, &code)) {
            n += str_put_utf8(out + n, code);
        }
    }
    return str_of(out, n);
}

/* --- looking into */

/* The values of a list or object one by one; false behind the last. */
static bool next_item(struct scan *s, bool is_object, bool *is_first, str *key, str *value)
{
    skip_space(s);
    if (!*is_first && !take(s, ',')) {
        return false;
    }
    skip_space(s);
    if (s->at == s->end || *s->at == (is_object ? '}' : ']')) {
        return false;
    }
    *is_first = false;
    if (is_object) {
        const char *from = s->at;
        if (!skip_string(s)) {
            return false;
        }
        *key = str_of(from, (size_t)(s->at - from));
        if (!take(s, ':')) {
            return false;
        }
        skip_space(s);
    }
    const char *from = s->at;
    if (!skip_value(s)) {
        return false;
    }
    *value = str_of(from, (size_t)(s->at - from));
    return true;
}

static str find_key(struct scan s, str wanted, struct arena *arena)
{
    bool is_first = true;
    str key = {NULL, 0};
    str value = {NULL, 0};
    while (next_item(&s, true, &is_first, &key, &value)) {
        if (str_eq(json_text_unescape(key, arena), wanted)) {
            return value;
        }
    }
    return (str){NULL, 0};
}

static str find_index(struct scan s, int64_t index)
{
    str key;
    str value = {NULL, 0};
    bool is_first = true;
    for (int64_t i = 0; index >= 0 && next_item(&s, false, &is_first, &key, &value); i++) {
        if (i == index) {
            return value;
        }
    }
    return (str){NULL, 0};
}

str json_text_find(str text, const struct json_step *steps, unsigned count, struct arena *arena)
{
    str value = str_trim(text);
    for (unsigned i = 0; i < count && value.n > 0; i++) {
        char open = value.p[0];
        struct scan inside = {value.p + 1, value.p + value.n};
        if (steps[i].is_index) {
            value = open == '[' ? find_index(inside, steps[i].index) : (str){NULL, 0};
        } else {
            value = open == '{' ? find_key(inside, steps[i].key, arena) : (str){NULL, 0};
        }
    }
    return value;
}
