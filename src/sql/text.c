/* sql/text.c -- where something stands in a statement, and how to quote it. */
#include "sql/text.h"

struct text_place text_place(str text, size_t at)
{
    struct text_place place = {1, 1};
    for (size_t i = 0; i < at && i < text.n; i++) {
        if (text.p[i] == '\n') {
            place.line++;
            place.column = 1;
        } else {
            place.column++;
        }
    }
    return place;
}

str text_excerpt(str word)
{
    enum { EXCERPT_BYTES = 40 };
    if (word.n <= EXCERPT_BYTES) {
        return word;
    }
    size_t n = EXCERPT_BYTES;
    while (n > 0 && ((unsigned char)word.p[n] & 0xC0) == 0x80) {
        n--;
    }
    return str_slice(word, 0, n);
}
