/* cli/web.h -- requests to the server over one kept connection.
 * For:      cli/session. A request is sent once: a connection that turns out to be dead before it
 *           was sent is replaced; one that breaks later is an error, as the server may have done
 *           what was asked.
 * Touches:  net/client, wire/http. Owns: its connection. Threads: one. */
#ifndef CLI_WEB_H
#define CLI_WEB_H

#include "base/buf.h"
#include "cli/failure.h"

struct client;
struct tls_context;

/* Where the server is. Texts live as long as the arena handed to endpoint_init. */
struct endpoint {
    const char *host;
    uint16_t port;
    str authority;           /* for the Host header */
    struct tls_context *tls; /* NULL: plain */
};

struct options;
/* From --url or --host and --port; certificates are read for https. */
MUST_USE bool endpoint_init(struct endpoint *endpoint, const struct options *options,
                            struct arena *arena, struct failure *failure);
void endpoint_release(struct endpoint *endpoint);
/* Connects; `io_ms` as of struct client_options. */
MUST_USE bool endpoint_connect(const struct endpoint *endpoint, uint32_t io_ms, struct client **out,
                               struct arena *arena, struct failure *failure);

enum { WEB_ANSWER_BYTES_MAX = 1 << 30 }; /* a longer answer is refused */

struct web {
    const struct endpoint *endpoint;
    struct client *client; /* NULL: not connected */
    uint32_t timeout_ms;   /* of one request; 0: for ever */
};

struct web_request {
    const char *method;
    str target;
    str token; /* empty: no Authorization */
    str body;  /* JSON; empty: none */
};

struct web_answer {
    int status;
    uint32_t retry_after_s; /* 0: not said */
    str body;               /* in the arena */
};

/* No connection yet; `endpoint` is borrowed, the limit holds for each request, in ms. */
void web_init(struct web *web, const struct endpoint *endpoint, uint32_t timeout_ms);
void web_release(struct web *web);
/* False: no answer came (UNREACHABLE), or Ctrl-C was pressed (INTERRUPTED). */
MUST_USE bool web_ask(struct web *web, const struct web_request *request, struct arena *arena,
                      struct web_answer *out, struct failure *failure);

#endif
