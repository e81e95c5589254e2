/* sql/case_map.c -- a search in the ranges of case_lower.def and case_upper.def. */
#include "sql/case_map.h"

struct case_range {
    uint32_t first;
    uint32_t last;
    uint32_t step;
    int32_t add;
};

#define CASE_RANGE(from, to, by, plus) {.first = (from), .last = (to), .step = (by), .add = (plus)},
static const struct case_range lower_ranges[] = {
#include "sql/case_lower.def"
};
static const struct case_range upper_ranges[] = {
#include "sql/case_upper.def"
};
#undef CASE_RANGE

struct case_map {
    const struct case_range *ranges;
    size_t count;
    char ascii_first; /* letters of ASCII that change, and by what */
    char ascii_last;
    int ascii_add;
};

static const struct case_map lower_map = {
    lower_ranges, sizeof lower_ranges / sizeof lower_ranges[0], 'A', 'Z', 'a' - 'A'};
static const struct case_map upper_map = {
    upper_ranges, sizeof upper_ranges / sizeof upper_ranges[0], 'a', 'z', 'A' - 'a'};

static uint32_t map_code(const struct case_map *map, uint32_t code)
{
    size_t low = 0;
    size_t high = map->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct case_range *range = &map->ranges[middle];
        if (code < range->first) {
            high = middle;
        } else if (code > range->last) {
            low = middle + 1;
        } else {
            bool is_step = (code - range->first) % range->step == 0;
            return is_step ? (uint32_t)((int32_t)code + range->add) : code;
        }
    }
    return code;
}

/* Bytes of the character at p (n > 0 left) and its code; 1 and 0: none. */
static size_t read_code(const unsigned char *p, size_t n, uint32_t *code)
{
    size_t length = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : p[0] >= 0xC2 ? 2 : 1;
    *code = 0;
    if (length == 1 || length > n) {
        return 1;
    }
    uint32_t v = p[0] & (0x7FU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            return 1;
        }
        v = v << 6 | (p[i] & 0x3FU);
    }
    *code = v;
    return length;
}

static bool changes(const struct case_map *map, str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if ((c >= map->ascii_first && c <= map->ascii_last) || (unsigned char)c >= 0x80) {
            return true;
        }
    }
    return false;
}

/* A character may become longer, by two bytes at most (one of two bytes by one of three or four).
 */
static str apply(const struct case_map *map, struct arena *arena, str text)
{
    if (!changes(map, text)) {
        return text;
    }
    char *out = arena_alloc(arena, text.n * 2 + 4);
    size_t n = 0;
    for (size_t i = 0; i < text.n;) {
        char c = text.p[i];
        if ((unsigned char)c < 0x80) {
            bool is_letter = c >= map->ascii_first && c <= map->ascii_last;
            out[n++] = (char)(c + (is_letter ? map->ascii_add : 0));
            i++;
            continue;
        }
        uint32_t code = 0;
        size_t length = read_code((const unsigned char *)text.p + i, text.n - i, &code);
        if (code == 0) {
            out[n++] = c;
        } else {
            n += str_put_utf8(out + n, map_code(map, code));
        }
        i += length;
    }
    return str_of(out, n);
}

str case_lower(struct arena *arena, str text)
{
    return apply(&lower_map, arena, text);
}

str case_upper(struct arena *arena, str text)
{
    return apply(&upper_map, arena, text);
}
