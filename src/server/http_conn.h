/* server/http_conn.h -- HTTP/1.1 on a connection: one request after the other, each answered once.
 * For:      heads, bodies, keep-alive, pipelining, timeouts and answers; what a request means is
 * the business of the handlers (struct http_handlers). Touches:  net/conn, wire/http*, base/pool.
 * No SQL, no JSON. Owns:     a struct http_call per request in flight, kept for the next one in a
 * list of its loop: an idle connection holds no call and no buffer. Threads:  all functions: the
 * loop of the call, but for what says "any thread".
 *
 * A connection:
 *   HEAD --head complete--> BODY --body complete--> BUSY --http_answer--> HEAD (keep-alive)
 *    |  (answered early, broken, timeout)  |                      \-----> ENDING (conn_finish)
 *    \-------------------------------------/--> ENDING            \-----> TAKEN (http_take_over)
 * While BUSY nothing is read, so requests of a pipeline are served strictly in order. A client that
 * goes away does not end its call: the call loses its connection and is answered into nothing. */
#ifndef SERVER_HTTP_CONN_H
#define SERVER_HTTP_CONN_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/pool.h"
#include "net/conn.h"
#include "wire/http.h"
#include "wire/http_body.h"

struct http_call;
struct http_conn;
struct http_home;
struct http_stream;
struct route;

/* What is done with requests. `context` of the options reaches them as call->server. */
struct http_handlers {
    /* The head is there, the body may still come. May answer already (a refusal); then the
     * connection ends after it unless the body has come too. */
    void (*head)(struct http_call *call);
    /* The body is there (call->body). Answers now, or later on the same loop. */
    void (*request)(struct http_call *call);
    /* The body passed `body_bytes_max`: answers 413. */
    void (*overflow)(struct http_call *call);
};

struct http_options {
    const struct clock *clock;
    const struct http_handlers *handlers;
    void *context;
    uint64_t body_bytes_max;        /* of any body */
    unsigned connections_max;       /* of `connections`; more are closed at once; 0: no limit */
    atomic_count *connections;      /* open now, over all homes, WebSockets included */
    atomic_count *connections_peak; /* the most there were at once */
    uint32_t head_ms;               /* from the first byte (or the accept) to the whole head */
    uint32_t keep_alive_ms;         /* between requests */
    uint32_t progress_ms;           /* of a body or an answer that does not move */
};
/* Head 5 s, keep-alive 75 s, progress 30 s (contract http-ws.md 1.7). */
#define HTTP_TIMES_DEFAULT .head_ms = 5000, .keep_alive_ms = 75000, .progress_ms = 30000

enum { HTTP_EXTRA_HEADERS_MAX = 16, HTTP_REQUEST_ID_BYTES = 64 };

struct http_call {
    void *server; /* options->context */
    const struct clock *clock;
    struct http_home *home;
    struct http_conn *conn; /* NULL: the client is gone */
    atomic_count is_gone; /* 1: the client is, or sends no more; for whoever works on the answer */

    /* -- the request; texts live until the answer -- */
    struct http_request request;
    struct arena arena;
    struct buf body;
    bool body_complete;
    uint64_t started_us; /* monotonic: when the head was complete */
    str client_ip;       /* of the peer, or what a trusted proxy says */
    bool is_local;       /* the client is on this machine */
    bool is_tls;
    str request_id;
    const struct route *route; /* routes.c */
    unsigned metric_route;     /* slot of its name in metrics; 0: none of ours */
    void *state;               /* the handler's */

    /* -- the answer -- */
    struct buf out; /* its body */
    struct http_header extra[HTTP_EXTRA_HEADERS_MAX];
    unsigned extra_count;
    bool must_close; /* no further request on this connection */

    /* -- http_conn's own -- */
    struct http_stream *stream; /* NULL: answered whole */
    bool stream_on_loop;        /* the loop has seen it */
    struct loop_task task;
    void (*after)(struct http_call *call);
    struct http_body body_state;
    struct buf head_out;
    char request_id_text[HTTP_REQUEST_ID_BYTES];
    struct http_call *next; /* in the list of free calls */
};

/* The connections of one loop. */
struct http_home *http_home_create(const struct http_options *options, struct loop *loop);
/* After its loop was destroyed. */
void http_home_destroy(struct http_home *home);
/* For loop_listen, with the home as its context. */
const struct conn_handler *http_conn_handler(void);
struct loop *http_home_loop(const struct http_home *home);
/* Takes no further request: idle connections close, the others after their answer. */
void http_home_drain(struct http_home *home);
/* Closes every connection at once; their calls end by themselves. */
void http_home_cut(struct http_home *home);
/* Calls in flight, any thread. */
uint64_t http_home_busy(const struct http_home *home);
/* Requests since the start, any thread. */
uint64_t http_home_requests(const struct http_home *home);

/* Adds a header to the answer. `name` is static, `value` lives as long as the call. */
void http_add_header(struct http_call *call, const char *name, str value);
/* The value of a request header, or empty. */
str http_header_get(const struct http_call *call, const char *name);

/* Answers with call->out as body; the call ends and must not be used again. `content_type` empty:
 * none. For streamed answers: sends the rest and the end, whatever the status. */
void http_answer(struct http_call *call, int code, str content_type);
/* Ends the call without (the rest of) an answer: the connection is closed, so that the client sees
 * that something is missing. */
void http_abort(struct http_call *call);

/* Hands the call to a worker: `work(call, worker)`; from then on the call is the worker's until
 * http_return. FULL: nothing was started. */
MUST_USE status http_submit(struct http_call *call, struct pool *pool, enum pool_lane lane,
                            pool_task_fn *work);
/* Gives the call back: `after(call)` runs on its loop. Any thread; the caller must not touch the
 * call afterwards. No allocation; many at once wake the loop once. */
void http_return(struct http_call *call, void (*after)(struct http_call *call));

/* A WebSocket takes the connection over: the caller answers by itself (101) and sets user and
 * handler of the connection, which gets every byte behind the request. The call stays usable until
 * http_release. When it closes, the taker subtracts it from options->connections. NULL: the client
 * is gone. */
struct conn *http_take_over(struct http_call *call);
/* Ends a call whose connection was taken over. */
void http_release(struct http_call *call);

/* --- large answers, from a worker (http_stream.c) */

/* Sends `bytes` as part of a 200 answer of `content_type` (static); waits while the client is slow.
 * May be called many times by the worker that has the call; http_answer ends the answer.
 * CANCELLED: the client is gone; TIMEOUT: it took nothing for `progress_ms`. */
MUST_USE status http_stream_write(struct http_call *call, str content_type, str bytes,
                                  struct error *err);

#endif
