/* server/http_private.h -- the inside of HTTP connections, shared by http_conn.c and http_stream.c.
 */
#ifndef SERVER_HTTP_PRIVATE_H
#define SERVER_HTTP_PRIVATE_H

#include "server/http_conn.h"
#include "wire/http_write.h"

enum http_phase {
    HTTP_PHASE_HEAD,
    HTTP_PHASE_BODY,
    HTTP_PHASE_BUSY,
    HTTP_PHASE_ENDING,
    HTTP_PHASE_TAKEN,
    HTTP_PHASE_COUNT
};

/* One per connection, also idle ones: kept small. */
struct http_conn {
    struct conn *net;
    struct http_home *home;
    struct http_call *call; /* BODY, BUSY */
    struct http_conn *next; /* of the home */
    struct http_conn *prev;
    size_t scanned;     /* of a head that is not complete */
    uint8_t phase;      /* enum http_phase */
    uint8_t peer_bytes; /* of `peer`; 0: its text is longer */
    char peer[15];      /* "203.0.113.255" and shorter texts */
    bool has_deadline;  /* for the head */
    bool is_slow_body;  /* the idle timer watches the body */
    bool is_slow;       /* the idle timer watches the backlog */
    bool is_paused;     /* by us: BUSY, or the backlog is long */
};

struct http_home {
    const struct http_options *options;
    struct loop *loop;
    struct http_conn *conns;
    struct http_call *free_calls;
    unsigned free_count;
    bool draining;
    uint64_t id_prefix; /* random; request ids are prefix + number */
    uint64_t id_next;
    atomic_count busy;
    atomic_count requests;
};

/* CHECKs that the phase may follow the one before. */
void http_conn_move(struct http_conn *conn, enum http_phase phase);
/* Head of the answer of `call` into call->head_out. */
void http_write_head(struct http_call *call, int code, str content_type, enum http_framing framing,
                     uint64_t content_length, bool keep_alive);
/* The answer is handed to the connection: the call is free, the connection goes on or ends. */
void http_end_call(struct http_call *call, bool keep_alive);
/* May the connection serve another request after this one? */
bool http_keeps_alive(const struct http_call *call);
/* Watches a backlog that does not move. */
void http_watch_backlog(struct http_conn *conn);

/* --- http_stream.c, on the loop */
/* Sends what waits while the connection takes it. */
void http_stream_pump(struct http_call *call);
/* The client is gone: wakes the worker. */
void http_stream_cut(struct http_stream *stream);
/* Sends the rest of a streamed answer (`tail` last) and its end. False: it was cut. */
bool http_stream_finish(struct http_call *call, str tail);
void http_stream_destroy(struct http_stream *stream); /* NULL allowed */

#endif
