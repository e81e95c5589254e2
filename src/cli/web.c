/* cli/web.c -- write a head and a body, read a head and a body. */
#include "cli/web.h"

#include "base/clock.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "net/client.h"
#include "net/tls.h"
#include "wire/http_body.h"
#include "wire/http_write.h"
#include "wire/url.h"

enum { CONNECT_MS = 10000, READ_BYTES = 65536 };

bool endpoint_init(struct endpoint *endpoint, const struct options *options, struct arena *arena,
                   struct failure *failure)
{
    str text =
        options->url != NULL
            ? str_from(options->url)
            : arena_format(arena,
                           strchr(options->host, ':') != NULL ? "http://[%s]:%u" : "http://%s:%u",
                           options->host, options->port);
    struct url url;
    if (str_find(text, STR_LIT("://")) < 0) {
        text = arena_format(arena, "http://" STR_FMT, STR(text));
    }
    if (!url_parse(text, &url) || (url.target.n > 0 && !str_eq_c(url.target, "/"))) {
        return failure_set(failure, arena, CLI_MISUSE, "USAGE",
                           "\"" STR_FMT "\" is no server address; expected something like "
                           "http://127.0.0.1:8080",
                           STR(text));
    }
    *endpoint = (struct endpoint){
        .host = str_cstr(arena, url.host), .port = url.port, .authority = url.authority};
    struct error err;
    if (url.is_tls && !status_ok(tls_client_create(options->ca_file, &endpoint->tls, &err))) {
        return failure_set(failure, arena, CLI_MISUSE, "USAGE", "%s", err.text);
    }
    return true;
}

void endpoint_release(struct endpoint *endpoint)
{
    tls_context_destroy(endpoint->tls);
    endpoint->tls = NULL;
}

bool endpoint_connect(const struct endpoint *endpoint, uint32_t io_ms, struct client **out,
                      struct arena *arena, struct failure *failure)
{
    struct client_options options = {.host = endpoint->host,
                                     .port = endpoint->port,
                                     .connect_ms = CONNECT_MS,
                                     .io_ms = io_ms,
                                     .tls = endpoint->tls};
    struct error err;
    if (!status_ok(client_open(&options, out, &err))) {
        *out = NULL;
        return failure_set(failure, arena, CLI_UNREACHABLE, "CANNOT_CONNECT", "%s", err.text);
    }
    return true;
}

void web_init(struct web *web, const struct endpoint *endpoint, uint32_t timeout_ms)
{
    *web = (struct web){.endpoint = endpoint, .timeout_ms = timeout_ms};
}

void web_release(struct web *web)
{
    client_close(web->client);
    web->client = NULL;
}

/* --- sending --- */

/* A kept connection that the server has closed meanwhile is given up; nothing else may have come
 * on it. */
static void drop_dead_connection(struct web *web)
{
    char byte;
    size_t got = 0;
    if (web->client != NULL) {
        status looked = client_receive_within(web->client, 0, &byte, 1, &got, NULL);
        if (looked.code != STATUS_TIMEOUT) {
            web_release(web);
        }
    }
}

static void append_request(struct buf *out, const struct web *web,
                           const struct web_request *request, struct arena *arena)
{
    struct http_header authorization = {
        STR_LIT("Authorization"), arena_format(arena, "Bearer " STR_FMT, STR(request->token))};
    bool has_body = request->body.n > 0;
    struct http_request_head head = {
        .method = request->method,
        .target = request->target,
        .host = web->endpoint->authority,
        .content_type = has_body ? STR_LIT("application/json") : STR_LIT(""),
        .framing = has_body || strcmp(request->method, "POST") == 0 ? HTTP_SIZED : HTTP_NO_BODY,
        .content_length = request->body.n,
        .extra = &authorization,
        .extra_count = request->token.n > 0 ? 1 : 0};
    http_append_request_head(out, &head);
    buf_append_str(out, request->body);
}

static bool send_request(struct web *web, const struct web_request *request, struct arena *arena,
                         struct failure *failure)
{
    drop_dead_connection(web);
    if (web->client == NULL &&
        !endpoint_connect(web->endpoint, web->timeout_ms, &web->client, arena, failure)) {
        return false;
    }
    struct buf bytes;
    struct error err;
    buf_init(&bytes);
    append_request(&bytes, web, request, arena);
    status sent = client_send(web->client, buf_str(&bytes), &err);
    buf_release(&bytes);
    if (!status_ok(sent)) {
        return failure_set(failure, arena, CLI_UNREACHABLE, "CONNECTION_LOST",
                           "the connection broke while the request was sent: %s", err.text);
    }
    return true;
}

/* --- receiving --- */

struct receiving {
    struct web *web;
    struct arena *arena;
    struct failure *failure;
    struct buf bytes;  /* that have come and are not used yet */
    uint64_t until_us; /* UINT64_MAX: for ever */
    bool has_ended;    /* the server has closed its side */
};

static bool gave_up(struct receiving *r)
{
    if (interrupt_pending()) {
        (void)failure_set(r->failure, r->arena, CLI_INTERRUPTED, "CANCELLED",
                          "given up; the server may still finish the statement");
        return true;
    }
    if (clock_mono_us(clock_system()) >= r->until_us) {
        (void)failure_set(r->failure, r->arena, CLI_UNREACHABLE, "TIMEOUT",
                          "no answer within %u s (--timeout); the server may still finish the "
                          "statement",
                          r->web->timeout_ms / 1000);
        return true;
    }
    return false;
}

/* Appends what comes next to r->bytes, or sets has_ended. */
static bool receive_more(struct receiving *r)
{
    struct error err;
    for (;;) {
        size_t got = 0;
        char *at = buf_reserve(&r->bytes, READ_BYTES);
        status s =
            client_receive_within(r->web->client, INTERRUPT_LOOK_MS, at, READ_BYTES, &got, &err);
        if (status_ok(s)) {
            r->bytes.n += got;
            r->has_ended = got == 0;
            return true;
        }
        if (s.code != STATUS_TIMEOUT) {
            return failure_set(r->failure, r->arena, CLI_UNREACHABLE, "CONNECTION_LOST",
                               "the connection broke while waiting for the answer: %s", err.text);
        }
        if (gave_up(r)) {
            return false;
        }
    }
}

static bool ended_early(struct receiving *r)
{
    return failure_set(r->failure, r->arena, CLI_UNREACHABLE, "CONNECTION_LOST",
                       "the server closed the connection before it had answered");
}

static bool not_http(struct receiving *r, const char *reason)
{
    return failure_set(r->failure, r->arena, CLI_UNREACHABLE, "BAD_ANSWER",
                       "what came back is not HTTP: %s", reason);
}

/* The head of the final answer; what follows stays in r->bytes. The head's texts are used before
 * the bytes go. */
static bool receive_head(struct receiving *r, struct http_response *head, uint32_t *retry_after_s,
                         bool is_get)
{
    size_t scanned = 0;
    for (;;) {
        size_t head_bytes = 0;
        struct http_failure broken = {0};
        enum http_progress progress =
            r->bytes.n == 0
                ? HTTP_INCOMPLETE
                : http_parse_response(buf_str(&r->bytes), &scanned, is_get ? HTTP_GET : HTTP_POST,
                                      head, &head_bytes, &broken);
        if (progress == HTTP_BROKEN) {
            return not_http(r, broken.reason);
        }
        if (progress == HTTP_COMPLETE) {
            const struct http_header *after = http_find_header(&head->headers, "Retry-After");
            uint64_t seconds = 0;
            if (after != NULL && str_to_u64(after->value, &seconds) && seconds < 3600) {
                *retry_after_s = (uint32_t)seconds;
            }
            buf_drop_front(&r->bytes, head_bytes);
            if (head->status >= 200) {
                return true;
            }
            scanned = 0;
            continue;
        }
        if (r->has_ended) {
            return ended_early(r);
        }
        if (!receive_more(r)) {
            return false;
        }
    }
}

static bool receive_body(struct receiving *r, const struct http_response *head, struct buf *out)
{
    struct http_body body;
    http_body_init(&body, head->framing, head->content_length, WEB_ANSWER_BYTES_MAX);
    for (;;) {
        str in = buf_str(&r->bytes);
        str data;
        struct http_failure broken = {0};
        enum http_body_step step = http_body_next(&body, &in, &data, &broken);
        while (step == HTTP_BODY_DATA) {
            buf_append_str(out, data);
            step = http_body_next(&body, &in, &data, &broken);
        }
        buf_clear(&r->bytes);
        if (step == HTTP_BODY_DONE || (r->has_ended && http_body_may_end(&body))) {
            return true;
        }
        if (step == HTTP_BODY_BROKEN) {
            return not_http(r, broken.reason);
        }
        if (r->has_ended) {
            return ended_early(r);
        }
        if (!receive_more(r)) {
            return false;
        }
    }
}

static bool receive_answer(struct receiving *r, bool is_get, struct web_answer *out)
{
    struct http_response head;
    struct buf body;
    buf_init(&body);
    bool came =
        receive_head(r, &head, &out->retry_after_s, is_get) && receive_body(r, &head, &body);
    if (came) {
        out->status = head.status;
        out->body = arena_copy(r->arena, buf_str(&body));
    }
    buf_release(&body);
    if (!came || !head.keep_alive || r->has_ended) {
        web_release(r->web);
    }
    return came;
}

bool web_ask(struct web *web, const struct web_request *request, struct arena *arena,
             struct web_answer *out, struct failure *failure)
{
    *out = (struct web_answer){0};
    if (!send_request(web, request, arena, failure)) {
        web_release(web);
        return false;
    }
    struct receiving receiving = {.web = web,
                                  .arena = arena,
                                  .failure = failure,
                                  .until_us = web->timeout_ms == 0
                                                  ? UINT64_MAX
                                                  : clock_mono_us(clock_system()) +
                                                        (uint64_t)web->timeout_ms * 1000};
    buf_init(&receiving.bytes);
    bool came = receive_answer(&receiving, strcmp(request->method, "GET") == 0, out);
    buf_release(&receiving.bytes);
    return came;
}
