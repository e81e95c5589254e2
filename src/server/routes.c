/* server/routes.c -- the table, and what comes before it. */
#include "server/routes.h"

#include "base/metric.h"
#include "server/api_auth.h"
#include "server/api_common.h"
#include "server/api_health.h"
#include "server/api_metrics.h"
#include "server/api_sql.h"
#include "server/server.h"

enum { METHOD_BIT_GET = 1u << HTTP_GET | 1u << HTTP_HEAD, METHOD_BIT_POST = 1u << HTTP_POST };

struct route {
    const char *path; /* ending in '/': everything below it, too */
    unsigned methods; /* bits 1 << enum http_method */
    const char *allow;
    int wrong_method;                     /* 404 or 405 (contract 1.1) */
    void (*head)(struct http_call *call); /* when the head is there; may be NULL */
    void (*handle)(struct http_call *call);
};

/* --- not available yet: in one place ---------------------------------------------------------- */

/* {"error":"...","code":"...","hint":"..."}: the shape of errors of topics, files and exports
 * (contract http-ws.md sections 5.2, 6.3, 6.4). */
static void answer_unavailable(struct http_call *call, const char *what)
{
    const struct error_row *row = error_row(ERROR_NOT_IMPLEMENTED);
    struct json_writer w = json_writer_on(&call->out);
    buf_clear(&call->out);
    json_write_object_begin(&w);
    json_write_key(&w, "error");
    json_write_text(&w,
                    arena_format(&call->arena, "Not implemented: %s are not available yet", what));
    json_write_key(&w, "code");
    json_write_text_c(&w, "NOT_IMPLEMENTED");
    json_write_key(&w, "hint");
    json_write_text_c(&w, row->hint);
    json_write_object_end(&w);
    api_answer_json(call, row->http_status);
}

static void topics_unavailable(struct http_call *call)
{
    answer_unavailable(call, "topics");
}

static void files_unavailable(struct http_call *call)
{
    answer_unavailable(call, "files");
}

static void exports_unavailable(struct http_call *call)
{
    answer_unavailable(call, "exports");
}

static void web_socket(struct http_call *call)
{
    const struct server *server = call->server;
    if (server->wires.ws_upgrade != NULL) {
        server->wires.ws_upgrade(call);
    } else {
        answer_unavailable(call, "WebSockets");
    }
}

/* --- the table -------------------------------------------------------------------------------- */

#define GET METHOD_BIT_GET, "GET, HEAD"
#define POST METHOD_BIT_POST, "POST"

static const struct route routes[] = {
    {"/v1/api/sql", POST, 404, api_sql_head, api_sql},
    {"/health", GET, 405, NULL, api_health},
    {"/metrics", GET, 405, api_metrics_head, api_metrics},
    {"/v1/api/healthcheck", GET, 405, NULL, api_health},
    {"/v1/api/cluster/health", GET, 405, NULL, api_cluster_health},
    {"/v1/api/auth/login", POST, 405, api_auth_head, api_auth_login},
    {"/v1/api/auth/refresh", POST, 405, api_auth_head, api_auth_refresh},
    {"/v1/api/auth/logout", POST, 405, NULL, api_auth_logout},
    {"/v1/api/auth/me", GET, 405, NULL, api_auth_me},
    {"/v1/api/auth/setup", POST, 405, api_auth_setup_head, api_auth_setup},
    {"/v1/api/auth/status", GET, 405, NULL, api_auth_status},
    {"/v1/ws", GET, 404, NULL, web_socket},
    {"/v1/api/topics/consume", POST, 404, api_bearer_head, topics_unavailable},
    {"/v1/api/topics/ack", POST, 404, api_bearer_head, topics_unavailable},
    {"/v1/files/", GET, 404, api_bearer_head, files_unavailable},
    {"/api/v1/files/", GET, 404, api_bearer_head, files_unavailable},
    {"/v1/exports/", GET, 404, api_bearer_head, exports_unavailable},
};

enum { ROUTE_COUNT = sizeof routes / sizeof routes[0] };

static bool fits(const struct route *route, str path)
{
    str own = str_from(route->path);
    return own.p[own.n - 1] == '/' ? path.n > own.n && str_starts_with(path, own)
                                   : str_eq(path, own);
}

static const struct route *find_route(str path)
{
    for (unsigned i = 0; i < ROUTE_COUNT; i++) {
        if (fits(&routes[i], path)) {
            return &routes[i];
        }
    }
    return NULL;
}

static void answer_not_found(struct http_call *call)
{
    api_answer_flat(call, 404, "not_found", STR_LIT("There is no such route"));
}

static void answer_wrong_method(struct http_call *call, const struct route *route)
{
    if (call->request.method == HTTP_OPTIONS) {
        http_add_header(call, "Allow", str_from(route->allow));
        http_answer(call, 204, str_of(NULL, 0));
    } else if (route->wrong_method == 405) {
        http_add_header(call, "Allow", str_from(route->allow));
        api_answer_flat(call, 405, "method_not_allowed",
                        STR_LIT("This route does not take that method"));
    } else {
        answer_not_found(call);
    }
}

/* --- connection protection (contract 1.6) ----------------------------------------------------- */

static void answer_too_large(struct http_call *call, uint64_t bytes)
{
    const struct server *server = call->server;
    buf_clear(&call->out);
    struct json_writer w = json_writer_on(&call->out);
    json_write_object_begin(&w);
    json_write_key(&w, "error");
    json_write_text_c(&w, "BODY_TOO_LARGE");
    json_write_key(&w, "message");
    json_write_text_c(&w, "Request body exceeds maximum allowed size");
    json_write_key(&w, "size_bytes");
    json_write_u64(&w, bytes);
    json_write_key(&w, "max_bytes");
    json_write_u64(&w, server->http.body_bytes_max);
    json_write_object_end(&w);
    api_answer_json(call, 413);
}

static void answer_too_many(struct http_call *call, const char *error, const char *message,
                            uint32_t retry_s)
{
    str seconds = arena_format(&call->arena, "%u", retry_s);
    http_add_header(call, "Retry-After", seconds);
    http_add_header(call, "X-RateLimit-Reset", seconds);
    struct json_writer w = json_writer_on(&call->out);
    json_write_object_begin(&w);
    json_write_key(&w, "error");
    json_write_text_c(&w, error);
    json_write_key(&w, "message");
    json_write_text_c(&w, message);
    json_write_key(&w, "retry_after_seconds");
    json_write_u64(&w, retry_s);
    json_write_object_end(&w);
    api_answer_json(call, 429);
}

/* True: it was refused, and answered. */
static bool protect(struct http_call *call)
{
    const struct server *server = call->server;
    const struct http_request *request = &call->request;
    if (request->framing == HTTP_SIZED && request->content_length > server->http.body_bytes_max) {
        call->must_close = true;
        answer_too_large(call, request->content_length);
        return true;
    }
    if (server->guard == NULL || call->is_local) {
        return false;
    }
    switch (guard_check(server->guard, call->client_ip)) {
    case GUARD_PASS:
        return false;
    case GUARD_TOO_MANY:
        metric_add(METRIC_RATE_LIMITED, METRIC_SLOT(LIMIT, REQUESTS), 0, 1);
        answer_too_many(call, "RATE_LIMIT_EXCEEDED", "Too many requests from your IP address", 1);
        return true;
    case GUARD_BANNED:
        metric_add(METRIC_RATE_LIMITED, METRIC_SLOT(LIMIT, BAN), 0, 1);
        break;
    }
    answer_too_many(call, "IP_BANNED",
                    "Your IP has been temporarily banned due to excessive requests",
                    server->config->rate_ban_s);
    return true;
}

/* --- the way of every request ----------------------------------------------------------------- */

static void find_client(struct http_call *call)
{
    const struct server *server = call->server;
    struct client client = client_find(call->client_ip, call->is_local, &call->request.headers,
                                       server->trusted, server->trusted_count, &call->arena);
    call->client_ip = client.ip;
    call->is_local = client.is_local;
}

static void on_head(struct http_call *call)
{
    const struct server *server = call->server;
    find_client(call);
    if (cors_answer_preflight(&server->cors, call)) {
        return;
    }
    cors_decorate(&server->cors, call);
    if (protect(call)) {
        return;
    }
    const struct route *route = find_route(call->request.path);
    if (route != NULL) {
        call->metric_route = metric_label_find(METRIC_LABEL_ROUTE, str_from(route->path));
    }
    if (route == NULL) {
        answer_not_found(call);
    } else if ((route->methods & 1u << call->request.method) == 0) {
        answer_wrong_method(call, route);
    } else {
        call->route = route;
        if (route->head != NULL) {
            route->head(call);
        }
    }
}

static void on_request(struct http_call *call)
{
    call->route->handle(call);
}

static void on_overflow(struct http_call *call)
{
    answer_too_large(call, call->body_state.total);
}

const struct http_handlers *routes_handlers(void)
{
    static const struct http_handlers handlers = {
        .head = on_head, .request = on_request, .overflow = on_overflow};
    return &handlers;
}
