/* server/multipart.c --
 *     --boundary CRLF headers CRLF CRLF content CRLF --boundary CRLF ... CRLF --boundary-- */
#include "server/multipart.h"

enum { BOUNDARY_BYTES_MAX = 70, PART_HEADERS_MAX = 16 };

static status refuse(struct error *err, const char *what)
{
    return error_set(err, ERROR_INVALID_INPUT, "Invalid multipart payload: %s", what);
}

bool multipart_is_type(str content_type)
{
    return str_starts_with_nocase(content_type, STR_LIT("multipart/form-data"));
}

/* The value of parameter `name` in `text` ("a; name=value; other=\"quoted\""). False: none. */
static bool find_parameter(str text, str name, struct arena *arena, str *out)
{
    for (;;) {
        ptrdiff_t semicolon = str_find_char(text, ';');
        if (semicolon < 0) {
            return false;
        }
        text = str_trim(str_skip(text, (size_t)semicolon + 1));
        ptrdiff_t equals = str_find_char(text, '=');
        if (equals < 0) {
            return false;
        }
        bool found = str_eq_nocase(str_trim(str_slice(text, 0, (size_t)equals)), name);
        text = str_skip(text, (size_t)equals + 1);
        size_t n = 0;
        if (text.n > 0 && text.p[0] == '"') {
            char *value = arena_alloc(arena, text.n);
            size_t at = 1;
            for (; at < text.n && text.p[at] != '"'; at++) {
                at += text.p[at] == '\\' && at + 1 < text.n;
                value[n++] = text.p[at];
            }
            if (at == text.n) {
                return false;
            }
            if (found) {
                *out = str_of(value, n);
                return true;
            }
            text = str_skip(text, at + 1);
        } else if (found) {
            ptrdiff_t end = str_find_char(text, ';');
            *out = str_trim(end < 0 ? text : str_slice(text, 0, (size_t)end));
            return true;
        }
    }
}

/* Reads the headers of a part and leaves `in` at its content. */
static status read_headers(str *in, struct multipart_part *part, struct arena *arena,
                           struct error *err)
{
    for (unsigned i = 0; i <= PART_HEADERS_MAX; i++) {
        ptrdiff_t end = str_find(*in, STR_LIT("\r\n"));
        if (end < 0) {
            return refuse(err, "a part ends within its headers");
        }
        str line = str_slice(*in, 0, (size_t)end);
        *in = str_skip(*in, (size_t)end + 2);
        if (line.n == 0) {
            return part->name.p != NULL ? STATUS_IS_OK : refuse(err, "a part has no name");
        }
        if (str_starts_with_nocase(line, STR_LIT("content-disposition:"))) {
            (void)find_parameter(line, STR_LIT("name"), arena, &part->name);
            (void)find_parameter(line, STR_LIT("filename"), arena, &part->file_name);
        } else if (str_starts_with_nocase(line, STR_LIT("content-type:"))) {
            part->content_type = str_trim(str_skip(line, strlen("content-type:")));
        }
    }
    return refuse(err, "a part has too many headers");
}

status multipart_parse(str content_type, str body, struct arena *arena, struct multipart *out,
                       struct error *err)
{
    str boundary = {NULL, 0};
    if (!find_parameter(content_type, STR_LIT("boundary"), arena, &boundary) || boundary.n == 0 ||
        boundary.n > BOUNDARY_BYTES_MAX) {
        return refuse(err, "the content type has no boundary of 1 to 70 characters");
    }
    /* With the line end in front; the first one stands at the start of the body. */
    str mark = arena_format(arena, "\r\n--" STR_FMT, STR(boundary));
    str in = body;
    out->count = 0;
    if (str_starts_with(in, str_skip(mark, 2))) {
        in = str_skip(in, mark.n - 2);
    } else {
        ptrdiff_t first = str_find(in, mark); /* a preamble is allowed, and skipped */
        if (first < 0) {
            return refuse(err, "the boundary does not occur in the body");
        }
        in = str_skip(in, (size_t)first + mark.n);
    }
    while (!str_starts_with(in, STR_LIT("--"))) {
        if (!str_starts_with(in, STR_LIT("\r\n"))) {
            return refuse(err, "a boundary is not followed by a line end");
        }
        in = str_skip(in, 2);
        if (out->count == MULTIPART_PARTS_MAX) {
            return refuse(err, "more than 64 parts");
        }
        struct multipart_part *part = &out->parts[out->count++];
        *part = (struct multipart_part){.name.p = NULL};
        TRY(read_headers(&in, part, arena, err));
        ptrdiff_t end = str_find(in, mark);
        if (end < 0) {
            return refuse(err, "the last boundary is missing");
        }
        part->content = str_slice(in, 0, (size_t)end);
        in = str_skip(in, (size_t)end + mark.n);
    }
    return STATUS_IS_OK;
}
