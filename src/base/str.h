/* base/str.h -- a pointer and a length, without a NUL.
 * For:      every text and every key; the bytes belong to someone else (an arena, a buffer, the
 *           literal itself).
 * Threads:  a value; any. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const char *p; /* may be NULL when n is 0 */
    size_t n;      /* bytes */
} str;

#define STR_LIT(literal) ((str){"" literal, sizeof(literal) - 1})
#define STR_FMT "%.*s"
#define STR(s) (int)(s).n, ((s).p != NULL ? (s).p : "")

static inline str str_from(const char *c)
{
    return (str){c, c != NULL ? strlen(c) : 0};
}
static inline str str_of(const void *p, size_t n)
{
    return (str){(const char *)p, n};
}
static inline bool str_eq(str a, str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool str_eq_c(str a, const char *b)
{
    return str_eq(a, str_from(b));
}
/* ASCII letters only: SQL words, header names. */
bool str_eq_nocase(str a, str b);
bool str_starts_with(str s, str prefix);
bool str_starts_with_nocase(str s, str prefix);
bool str_ends_with(str s, str suffix);
/* memcmp order, a prefix is smaller: -1, 0, 1. */
int str_compare(str a, str b);
/* Position of the first `c`, or -1. */
ptrdiff_t str_find_char(str s, char c);
/* Position of the first `part`, or -1. */
ptrdiff_t str_find(str s, str part);
/* Without ASCII white space at both ends. */
str str_trim(str s);
/* The part from `from` (clamped) to the end; [from, to). */
str str_skip(str s, size_t from);
str str_slice(str s, size_t from, size_t to);

/* Whole-string decimal with an optional sign; false when it is not one or does not fit. */
bool str_to_i64(str s, int64_t *out);
bool str_to_u64(str s, uint64_t *out);
/* Whole-string number as strtod reads it (no hex, no inf, no nan); false otherwise. */
bool str_to_double(str s, double *out);

/* Well-formed UTF-8 without surrogates and overlong forms (RFC 3629). */
bool str_is_utf8(str s);
/* Writes a code point (up to 0x10FFFF) as UTF-8 and tells its bytes: 1..4. */
size_t str_put_utf8(char *at, uint32_t code);

/* 0..15 of a hexadecimal digit in any case; -1: it is none. */
static inline int str_hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static inline char str_lower_char(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

#endif
