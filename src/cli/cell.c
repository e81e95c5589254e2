/* cli/cell.c -- the contract's cell encoding, turned back. */
#include "cli/cell.h"

#include "model/value.h"

#include <wchar.h>

static const struct {
    const char *data_type;
    enum cell_kind kind;
} kinds[] = {
    {"SmallInt", CELL_NUMBER},    {"Int", CELL_NUMBER},    {"BigInt", CELL_NUMBER},
    {"Float", CELL_NUMBER},       {"Double", CELL_NUMBER}, {"Timestamp", CELL_TIMESTAMP},
    {"DateTime", CELL_TIMESTAMP}, {"Date", CELL_DATE},     {"Time", CELL_TIME},
    {"Bytes", CELL_BYTES},
};

enum cell_kind cell_kind_of(const struct json *data_type)
{
    str name;
    if (json_get(data_type, "Decimal") != NULL) {
        return CELL_NUMBER;
    }
    if (json_as_text(data_type, &name)) {
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
            if (str_eq_c(name, kinds[i].data_type)) {
                return kinds[i].kind;
            }
        }
    }
    return CELL_TEXT;
}

static void append_bytes(struct buf *out, const struct json *list)
{
    buf_append_c(out, "\\x");
    for (const struct json *item = list->as.children.first; item != NULL; item = item->next) {
        int64_t byte = 0;
        (void)json_as_i64(item, &byte);
        buf_append_format(out, "%02x", (unsigned)byte & 0xff);
    }
}

void cell_append(struct buf *out, enum cell_kind kind, const struct json *value)
{
    str text;
    int64_t number = 0;
    if (value == NULL || value->kind == JSON_NULL) {
        return;
    }
    bool is_integer = json_as_i64(value, &number);
    if (kind == CELL_TIMESTAMP && is_integer) {
        timestamp_append_text(out, number);
    } else if (kind == CELL_DATE && is_integer) {
        date_append_text(out, number);
    } else if (kind == CELL_TIME && is_integer) {
        time_append_text(out, number);
    } else if (kind == CELL_BYTES && value->kind == JSON_ARRAY) {
        append_bytes(out, value);
    } else if (json_as_text(value, &text)) {
        buf_append_str(out, text);
    } else {
        json_append(out, value);
    }
}

void cell_append_visible(struct buf *out, str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool is_c1 = c == 0xc2 && i + 1 < text.n && (unsigned char)text.p[i + 1] < 0xa0;
        if (c >= ' ' && c != 0x7f && !is_c1) {
            buf_append_byte(out, c);
        } else if (c == '\n') {
            buf_append_c(out, "\\n");
        } else if (c == '\r') {
            buf_append_c(out, "\\r");
        } else if (c == '\t') {
            buf_append_c(out, "\\t");
        } else {
            i += is_c1;
            buf_append_format(out, "\\x%02x", (unsigned char)text.p[i]);
        }
    }
}

/* The character at the front: its bytes and its columns. */
static size_t one_width(str text, mbstate_t *state, unsigned *width)
{
    wchar_t c = 0;
    size_t n = mbrtowc(&c, text.p, text.n, state);
    if (n == 0 || n > text.n) { /* no character of this locale: count the byte */
        *state = (mbstate_t){0};
        *width = 1;
        return 1;
    }
    int columns = wcwidth(c);
    *width = columns > 0 ? (unsigned)columns : 0;
    return n;
}

unsigned cell_width(str text)
{
    unsigned width = 0;
    mbstate_t state = {0};
    for (size_t at = 0; at < text.n;) {
        unsigned columns = 0;
        at += one_width(str_skip(text, at), &state, &columns);
        width += columns;
    }
    return width;
}

void cell_append_cut(struct buf *out, str text, unsigned columns)
{
    mbstate_t state = {0};
    size_t at = 0;
    if (text.n <= columns || cell_width(text) <= columns) {
        buf_append_str(out, text);
        return;
    }
    for (unsigned width = 0; at < text.n;) {
        unsigned more = 0;
        size_t n = one_width(str_skip(text, at), &state, &more);
        if (width + more > columns - 1) {
            break;
        }
        width += more;
        at += n;
    }
    buf_append_str(out, str_slice(text, 0, at));
    buf_append_c(out, "\xe2\x80\xa6");
}
