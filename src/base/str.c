/* base/str.c -- comparing, cutting and reading texts. */
#include "base/str.h"
#include "base/mem.h"

#include <errno.h>

bool str_eq_nocase(str a, str b)
{
    if (a.n != b.n) {
        return false;
    }
    for (size_t i = 0; i < a.n; i++) {
        if (str_lower_char(a.p[i]) != str_lower_char(b.p[i])) {
            return false;
        }
    }
    return true;
}

bool str_starts_with(str s, str prefix)
{
    return s.n >= prefix.n && str_eq((str){s.p, prefix.n}, prefix);
}

bool str_starts_with_nocase(str s, str prefix)
{
    return s.n >= prefix.n && str_eq_nocase((str){s.p, prefix.n}, prefix);
}

bool str_ends_with(str s, str suffix)
{
    return s.n >= suffix.n && str_eq(str_skip(s, s.n - suffix.n), suffix);
}

int str_compare(str a, str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n > 0 ? memcmp(a.p, b.p, n) : 0;
    if (c != 0) {
        return c < 0 ? -1 : 1;
    }
    return a.n < b.n ? -1 : a.n > b.n ? 1 : 0;
}

ptrdiff_t str_find_char(str s, char c)
{
    const char *at = s.n > 0 ? memchr(s.p, c, s.n) : NULL;
    return at != NULL ? at - s.p : -1;
}

ptrdiff_t str_find(str s, str part)
{
    if (part.n == 0) {
        return 0;
    }
    const char *at = s.n >= part.n ? memmem(s.p, s.n, part.p, part.n) : NULL;
    return at != NULL ? at - s.p : -1;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

str str_trim(str s)
{
    while (s.n > 0 && is_space(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_space(s.p[s.n - 1])) {
        s.n--;
    }
    return s;
}

str str_skip(str s, size_t from)
{
    return from >= s.n ? (str){s.p != NULL ? s.p + s.n : NULL, 0} : (str){s.p + from, s.n - from};
}

str str_slice(str s, size_t from, size_t to)
{
    str cut = {s.p, to < s.n ? to : s.n};
    return str_skip(cut, from);
}

bool str_to_u64(str s, uint64_t *out)
{
    uint64_t value = 0;
    if (s.n == 0 || s.n > 20) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

bool str_to_i64(str s, int64_t *out)
{
    bool negative = s.n > 0 && s.p[0] == '-';
    uint64_t magnitude = 0;
    if (!str_to_u64(negative || (s.n > 0 && s.p[0] == '+') ? str_skip(s, 1) : s, &magnitude)) {
        return false;
    }
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        return false;
    }
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

bool str_to_double(str s, double *out)
{
    char text[400];
    if (s.n == 0 || s.n >= sizeof text) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.' || c == 'e' || c == 'E')) {
            return false;
        }
        text[i] = c;
    }
    text[s.n] = '\0';
    char *end = NULL;
    double value = strtod(text, &end);
    if (end != text + s.n) {
        return false;
    }
    *out = value;
    return true;
}

/* Length of the well-formed character at p (n bytes left), or 0 (RFC 3629 table 3-7). */
static size_t utf8_char(const unsigned char *p, size_t n)
{
    unsigned char c = p[0];
    if (c < 0x80) {
        return 1;
    }
    size_t length = c >= 0xC2 && c <= 0xDF   ? 2
                    : (c & 0xF0) == 0xE0     ? 3
                    : c >= 0xF0 && c <= 0xF4 ? 4
                                             : 0;
    if (length == 0 || n < length) {
        return 0;
    }
    unsigned char low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    unsigned char high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return length;
}

bool str_is_utf8(str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0;
    while (i < s.n) {
        if (s.n - i >= 8) { /* eight ASCII bytes at once */
            uint64_t word;
            memcpy(&word, p + i, 8);
            if ((word & 0x8080808080808080ULL) == 0) {
                i += 8;
                continue;
            }
        }
        size_t n = utf8_char(p + i, s.n - i);
        if (n == 0) {
            return false;
        }
        i += n;
    }
    return true;
}

size_t str_put_utf8(char *at, uint32_t code)
{
    if (code < 0x80) {
        at[0] = (char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        at[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    at[0] = (char)(0xF0U << (4 - length) | code);
    return length;
}
