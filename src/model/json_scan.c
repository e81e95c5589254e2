/* model/json_scan.c -- a JSON text, one token after the other. */
#include "model/json_scan.h"

#include "model/limits.h"

void json_scan_init(struct json_scan *s, str text, struct arena *arena)
{
    s->r = reader_from(text);
    s->arena = arena;
    if (!str_is_utf8(text)) {
        reader_fail(&s->r);
    }
}

char json_scan_peek(struct json_scan *s)
{
    while (s->r.at < s->r.end) {
        char c = *s->r.at;
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
            return c;
        }
        s->r.at++;
    }
    return '\0';
}

bool json_scan_take(struct json_scan *s, char c)
{
    if (json_scan_peek(s) != c || s->r.at == s->r.end) {
        return false;
    }
    s->r.at++;
    return true;
}

void json_scan_expect(struct json_scan *s, char c)
{
    if (!json_scan_take(s, c)) {
        reader_fail(&s->r);
    }
}

void json_scan_word(struct json_scan *s, const char *word)
{
    (void)json_scan_peek(s);
    if (!str_eq_c(reader_bytes(&s->r, strlen(word)), word)) {
        reader_fail(&s->r);
    }
}

static uint32_t hex4(struct json_scan *s)
{
    str digits = reader_bytes(&s->r, 4);
    uint32_t v = 0;
    for (size_t i = 0; i < digits.n; i++) {
        char c = str_lower_char(digits.p[i]);
        bool is_digit = c >= '0' && c <= '9';
        if (!is_digit && (c < 'a' || c > 'f')) {
            reader_fail(&s->r);
            return 0;
        }
        v = v * 16 + (uint32_t)(is_digit ? c - '0' : c - 'a' + 10);
    }
    return v;
}

/* After `\u`: one code point, of two escapes when it is a surrogate pair. */
static uint32_t escaped_code_point(struct json_scan *s)
{
    uint32_t high = hex4(s);
    if (high < 0xD800 || high > 0xDFFF) {
        return high;
    }
    str next = reader_bytes(&s->r, 2);
    uint32_t low = hex4(s);
    if (high > 0xDBFF || !str_eq_c(next, "\\u") || low < 0xDC00 || low > 0xDFFF) {
        reader_fail(&s->r);
        return 0;
    }
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

/* After the backslash. `at` has room: an escape is never shorter than what it stands for. */
static char *unescape(struct json_scan *s, char *at)
{
    static const char names[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    char c = (char)reader_u8(&s->r);
    if (c == 'u') {
        return at + str_put_utf8(at, escaped_code_point(s));
    }
    ptrdiff_t found = str_find_char((str){names, sizeof names - 1}, c);
    if (found < 0) {
        reader_fail(&s->r);
        return at;
    }
    *at++ = meanings[found];
    return at;
}

/* Bytes up to the quote that ends the string, with their escapes; fails when there is none. */
static size_t raw_string_bytes(struct json_scan *s)
{
    const char *at = s->r.at;
    while (at < s->r.end && *at != '"') {
        at += *at == '\\' && s->r.end - at > 1 ? 2 : 1;
    }
    if (at >= s->r.end) {
        reader_fail(&s->r);
        return 0;
    }
    return (size_t)(at - s->r.at);
}

str json_scan_string(struct json_scan *s)
{
    json_scan_expect(s, '"');
    size_t raw = raw_string_bytes(s);
    if (!reader_ok(&s->r)) {
        return (str){NULL, 0};
    }
    char scratch[4]; /* without an arena every character lands on the same place */
    char *start = s->arena != NULL ? arena_alloc(s->arena, raw) : scratch;
    char *at = start;
    while (reader_ok(&s->r)) {
        unsigned char c = reader_u8(&s->r);
        if (c == '"') {
            return (str){start, s->arena != NULL ? (size_t)(at - start) : 0};
        }
        if (c < 0x20) {
            reader_fail(&s->r);
        } else if (c == '\\') {
            at = unescape(s, at);
        } else {
            *at++ = (char)c;
        }
        at = s->arena != NULL ? at : start;
    }
    return (str){NULL, 0};
}

static size_t take_digits(struct json_scan *s)
{
    size_t n = 0;
    for (; s->r.at < s->r.end && *s->r.at >= '0' && *s->r.at <= '9'; n++) {
        s->r.at++;
    }
    return n;
}

static bool take_one_of(struct json_scan *s, char a, char b)
{
    if (s->r.at < s->r.end && (*s->r.at == a || *s->r.at == b)) {
        s->r.at++;
        return true;
    }
    return false;
}

str json_scan_number(struct json_scan *s)
{
    (void)json_scan_peek(s);
    const char *start = s->r.at;
    (void)take_one_of(s, '-', '-');
    bool is_good = take_one_of(s, '0', '0') || take_digits(s) > 0;
    if (is_good && take_one_of(s, '.', '.')) {
        is_good = take_digits(s) > 0;
    }
    if (is_good && take_one_of(s, 'e', 'E')) {
        (void)take_one_of(s, '+', '-');
        is_good = take_digits(s) > 0;
    }
    if (!is_good) {
        reader_fail(&s->r);
        return (str){NULL, 0};
    }
    return (str){start, (size_t)(s->r.at - start)};
}

bool json_scan_next(struct json_scan *s, char close, unsigned *count)
{
    if (json_scan_take(s, close) || !reader_ok(&s->r)) {
        return false;
    }
    if (*count > 0) {
        json_scan_expect(s, ',');
    }
    ++*count;
    return reader_ok(&s->r);
}

static void skip_value(struct json_scan *s, unsigned depth)
{
    if (depth > LIMIT_JSON_DEPTH) {
        reader_fail(&s->r);
        return;
    }
    unsigned count = 0;
    char c = json_scan_peek(s);
    switch (c) {
    case '{':
        json_scan_expect(s, '{');
        while (json_scan_next(s, '}', &count)) {
            (void)json_scan_string(s);
            json_scan_expect(s, ':');
            skip_value(s, depth + 1);
        }
        break;
    case '[':
        json_scan_expect(s, '[');
        while (json_scan_next(s, ']', &count)) {
            skip_value(s, depth + 1);
        }
        break;
    case '"':
        (void)json_scan_string(s);
        break;
    case 't':
        json_scan_word(s, "true");
        break;
    case 'f':
        json_scan_word(s, "false");
        break;
    case 'n':
        json_scan_word(s, "null");
        break;
    default:
        (void)json_scan_number(s);
        break;
    }
}

void json_scan_skip(struct json_scan *s)
{
    skip_value(s, 1);
}

bool json_scan_done(struct json_scan *s)
{
    (void)json_scan_peek(s);
    return reader_done(&s->r);
}

bool json_is_valid(str text)
{
    struct json_scan s;
    json_scan_init(&s, text, NULL);
    json_scan_skip(&s);
    return json_scan_done(&s);
}
