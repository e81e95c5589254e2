/* server/cors.c -- origins are compared byte by byte; an allowed one is echoed, never "*", so that
 * answers with and without credentials look the same. */
#include "server/cors.h"

static bool has(const str *list, unsigned count, str item)
{
    for (unsigned i = 0; i < count; i++) {
        if (str_eq(list[i], item)) {
            return true;
        }
    }
    return false;
}

bool cors_allows_origin(const struct cors *cors, str origin)
{
    return cors->origin_count == 0 || has(cors->origins, cors->origin_count, STR_LIT("*")) ||
           has(cors->origins, cors->origin_count, origin);
}

static str join(struct arena *arena, const str *list, unsigned count)
{
    size_t n = 0;
    for (unsigned i = 0; i < count; i++) {
        n += list[i].n + 2;
    }
    char *text = arena_alloc(arena, n + 1);
    size_t at = 0;
    for (unsigned i = 0; i < count; i++) {
        if (i > 0) {
            text[at++] = ',';
            text[at++] = ' ';
        }
        memcpy(text + at, list[i].p, list[i].n);
        at += list[i].n;
    }
    return str_of(text, at);
}

static void allow_origin(const struct cors *cors, struct http_call *call, str origin)
{
    http_add_header(call, "Access-Control-Allow-Origin", origin);
    if (cors->credentials) {
        http_add_header(call, "Access-Control-Allow-Credentials", STR_LIT("true"));
    }
}

void cors_decorate(const struct cors *cors, struct http_call *call)
{
    str origin = http_header_get(call, "origin");
    if (origin.n == 0) {
        return;
    }
    http_add_header(call, "Vary", STR_LIT("Origin"));
    if (!cors_allows_origin(cors, origin)) {
        return;
    }
    allow_origin(cors, call, origin);
    if (cors->exposed_count > 0) {
        http_add_header(call, "Access-Control-Expose-Headers",
                        join(&call->arena, cors->exposed, cors->exposed_count));
    }
}

/* Every header of the comma-separated list is allowed (names in any case). */
static bool allows_headers(const struct cors *cors, str wanted)
{
    if (has(cors->headers, cors->header_count, STR_LIT("*"))) {
        return true;
    }
    while (wanted.n > 0) {
        ptrdiff_t comma = str_find_char(wanted, ',');
        str name = str_trim(comma < 0 ? wanted : str_slice(wanted, 0, (size_t)comma));
        wanted = comma < 0 ? str_of(NULL, 0) : str_skip(wanted, (size_t)comma + 1);
        bool found = name.n == 0;
        for (unsigned i = 0; i < cors->header_count && !found; i++) {
            found = str_eq_nocase(cors->headers[i], name);
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

static bool refuse(struct http_call *call, const char *text)
{
    buf_append_c(&call->out, text);
    http_answer(call, 400, STR_LIT("text/plain; charset=utf-8"));
    return true;
}

bool cors_answer_preflight(const struct cors *cors, struct http_call *call)
{
    str origin = http_header_get(call, "origin");
    str method = http_header_get(call, "access-control-request-method");
    str headers = http_header_get(call, "access-control-request-headers");
    if (call->request.method != HTTP_OPTIONS || origin.n == 0 || method.n == 0) {
        return false;
    }
    http_add_header(
        call, "Vary",
        STR_LIT("Origin, Access-Control-Request-Method, Access-Control-Request-Headers"));
    if (!cors_allows_origin(cors, origin)) {
        return refuse(call, "Origin is not allowed to make this request.");
    }
    if (!has(cors->methods, cors->method_count, method)) {
        return refuse(call, "Requested method is not allowed.");
    }
    if (!allows_headers(cors, headers)) {
        return refuse(call, "One or more headers requested are not allowed.");
    }
    allow_origin(cors, call, origin);
    http_add_header(call, "Access-Control-Allow-Methods",
                    join(&call->arena, cors->methods, cors->method_count));
    bool any = has(cors->headers, cors->header_count, STR_LIT("*"));
    str allowed = any ? headers : join(&call->arena, cors->headers, cors->header_count);
    if (allowed.n > 0) {
        http_add_header(call, "Access-Control-Allow-Headers", allowed);
    }
    http_add_header(call, "Access-Control-Max-Age",
                    arena_format(&call->arena, "%u", cors->max_age_s));
    http_answer(call, 200, str_of(NULL, 0));
    return true;
}
