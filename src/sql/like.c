/* sql/like.c -- matching with one place to go back to.
 * After a % the rest is tried at each later place of the text; once the next % is reached, the one
 * before it need not be tried again, since the later one can take up whatever it would have. */
#include "sql/like.h"

/* Past the UTF-8 character at i. */
static size_t next_character(str text, size_t i)
{
    i++;
    while (i < text.n && ((unsigned char)text.p[i] & 0xC0) == 0x80) {
        i++;
    }
    return i;
}

static bool ends_in_escape(str pattern, char escape)
{
    size_t i = 0;
    while (i < pattern.n) {
        if (pattern.p[i] == escape) {
            if (i + 1 == pattern.n) {
                return true;
            }
            i++;
        }
        i++;
    }
    return false;
}

enum like_answer like_matches(str text, str pattern, char escape)
{
    if (escape != 0 && ends_in_escape(pattern, escape)) {
        return LIKE_BAD_ESCAPE;
    }
    size_t t = 0;
    size_t p = 0;
    size_t retry_p = SIZE_MAX; /* behind the last % */
    size_t retry_t = 0;
    while (t < text.n) {
        char c = p < pattern.n ? pattern.p[p] : 0;
        bool is_escaped = p < pattern.n && escape != 0 && c == escape;
        if (p < pattern.n && !is_escaped && c == '%') {
            retry_p = ++p;
            retry_t = t;
            continue;
        }
        if (p < pattern.n && !is_escaped && c == '_') {
            t = next_character(text, t);
            p++;
            continue;
        }
        if (p < pattern.n && pattern.p[p + is_escaped] == text.p[t]) {
            t++;
            p += 1 + (size_t)is_escaped;
            continue;
        }
        if (retry_p == SIZE_MAX) {
            return LIKE_NO;
        }
        p = retry_p;
        t = ++retry_t;
    }
    while (p < pattern.n && pattern.p[p] == '%' && escape != '%') {
        p++;
    }
    return p == pattern.n ? LIKE_YES : LIKE_NO;
}
