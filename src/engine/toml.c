/* engine/toml.c -- gathers what toml.cpp visits. Before the library sees a text, its dots outside
 * of strings are counted: a key of many thousand parts would become a tree of that depth, which the
 * library takes down by recursion. (It bounds the nesting of values itself.) */
#include "engine/toml.h"
#include "base/buf.h"

enum quote { QUOTE_NONE, QUOTE_BASIC, QUOTE_LITERAL, QUOTE_BASIC_LINES, QUOTE_LITERAL_LINES };

static bool is_triple(str text, size_t at, char c)
{
    return at + 2 < text.n && text.p[at + 1] == c && text.p[at + 2] == c;
}

/* Where the string that `quote` began at `at` (after its opening) ends: just after its closing. */
static size_t skip_string(str text, size_t at, enum quote quote)
{
    bool is_basic = quote == QUOTE_BASIC || quote == QUOTE_BASIC_LINES;
    bool has_lines = quote == QUOTE_BASIC_LINES || quote == QUOTE_LITERAL_LINES;
    char mark = is_basic ? '"' : '\'';
    while (at < text.n) {
        if (is_basic && text.p[at] == '\\') {
            at += 2;
        } else if (text.p[at] == mark && (!has_lines || is_triple(text, at, mark))) {
            return at + (has_lines ? 3 : 1);
        } else if (text.p[at] == '\n' && !has_lines) {
            return at; /* not closed: the library will say so */
        } else {
            at++;
        }
    }
    return text.n;
}

static size_t count_dots(str text)
{
    size_t dots = 0;
    size_t at = 0;
    while (at < text.n) {
        char c = text.p[at];
        if (c == '"' || c == '\'') {
            bool has_lines = is_triple(text, at, c);
            enum quote quote = c == '"' ? (has_lines ? QUOTE_BASIC_LINES : QUOTE_BASIC)
                                        : (has_lines ? QUOTE_LITERAL_LINES : QUOTE_LITERAL);
            at = skip_string(text, at + (has_lines ? 3 : 1), quote);
        } else if (c == '#') {
            ptrdiff_t end = str_find_char(str_skip(text, at), '\n');
            at = end < 0 ? text.n : at + (size_t)end;
        } else {
            dots += c == '.';
            at++;
        }
    }
    return dots;
}

struct gathering {
    struct arena *arena;
    struct toml_entry *entries; /* heap until the end */
    size_t capacity;
    size_t count;
};

static void gather(void *context, const struct toml_event *event)
{
    struct gathering *g = context;
    g->entries = mem_grow(g->entries, &g->capacity, g->count + 1, sizeof *g->entries);
    struct toml_entry *entry = &g->entries[g->count++];
    *entry = (struct toml_entry){
        .key = arena_copy(g->arena, str_of(event->key, event->key_bytes)),
        .kind = event->kind,
        .line = event->line,
    };
    switch (event->kind) {
    case TOML_TEXT:
        entry->as.text = arena_copy(g->arena, str_of(event->text, event->text_bytes));
        break;
    case TOML_INTEGER:
        entry->as.integer = event->integer;
        break;
    case TOML_REAL:
        entry->as.real = event->real;
        break;
    case TOML_BOOLEAN:
        entry->as.boolean = event->integer != 0;
        break;
    case TOML_ARRAY:
    case TOML_TABLE:
        entry->as.count = event->count;
        break;
    case TOML_TIME:
        break;
    }
}

status toml_parse(str text, struct arena *arena, struct toml *out, struct error *err)
{
    if (text.n > TOML_BYTES_MAX) {
        return error_set(err, ERROR_CONFIG, "the text has %zu bytes, the limit is %d", text.n,
                         TOML_BYTES_MAX);
    }
    if (count_dots(text) > TOML_DOTS_MAX) {
        return error_set(err, ERROR_CONFIG, "the text has more than %d dotted names",
                         TOML_DOTS_MAX);
    }
    struct gathering g = {.arena = arena};
    struct toml_failure failure;
    bool is_read = toml_scan(text.n > 0 ? text.p : "", text.n, gather, &g, &failure) != 0;
    if (is_read) {
        struct toml_entry *entries = ARENA_ARRAY(arena, struct toml_entry, g.count + 1);
        if (g.count > 0) {
            memcpy(entries, g.entries, g.count * sizeof *entries);
        }
        *out = (struct toml){entries, g.count};
    }
    mem_free(g.entries);
    if (is_read) {
        return STATUS_IS_OK;
    }
    if (failure.line == 0) {
        return error_set(err, ERROR_CONFIG, "%s", failure.reason);
    }
    return error_set(err, ERROR_CONFIG, "line %u, column %u: %s", failure.line, failure.column,
                     failure.reason);
}

const struct toml_entry *toml_find(const struct toml *toml, str key)
{
    for (size_t i = 0; i < toml->count; i++) {
        if (str_eq(toml->entries[i].key, key)) {
            return &toml->entries[i];
        }
    }
    return NULL;
}

const char *toml_kind_name(enum toml_kind kind)
{
    static const char *const names[] = {"a text",        "a whole number", "a number",
                                        "true or false", "a list",         "a table",
                                        "a date or time"};
    return names[kind];
}
