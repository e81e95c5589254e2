/* wire/http_write.h -- heads and chunks of HTTP/1.1 messages, onto a buf.
 * For:      the server's answers; requests of the clients.
 * Manners:  control characters in values become spaces, so that nothing a client chose can end a
 *           header. Names and content types are ours.
 * Threads:  a buf belongs to one thread. */
#ifndef WIRE_HTTP_WRITE_H
#define WIRE_HTTP_WRITE_H

#include "base/buf.h"
#include "wire/http.h"

struct http_response_head {
    int status;
    str content_type;          /* empty: none */
    enum http_framing framing; /* NO_BODY: neither length nor coding (1xx, 204, 304) */
    uint64_t content_length;   /* SIZED */
    bool keep_alive;           /* false: "Connection: close"; never with UNTIL_CLOSE */
    unsigned minor;            /* of the request; HTTP/1.0 is told that it is kept alive, and must
                                  not get CHUNKED */
    int64_t date_us;           /* wall clock in µs; 0: no Date */
    const struct http_header *extra;
    unsigned extra_count;
};

struct http_request_head {
    const char *method;
    str target; /* path and query, already percent-encoded */
    str host;
    str content_type;          /* empty: none */
    enum http_framing framing; /* NO_BODY, SIZED or CHUNKED */
    uint64_t content_length;
    const struct http_header *extra;
    unsigned extra_count;
};

/* Appends the head with its empty line; the body follows. */
void http_append_response_head(struct buf *out, const struct http_response_head *head);
void http_append_request_head(struct buf *out, const struct http_request_head *head);
/* "HTTP/1.1 100 Continue" with its empty line. */
void http_append_continue(struct buf *out);

/* A chunk that is written in place: begin, append at least one byte of data, end with what begin
 * returned. */
size_t http_chunk_begin(struct buf *out);
void http_chunk_end(struct buf *out, size_t begin);
/* A whole chunk; nothing for empty data, as that would end the body. */
void http_append_chunk(struct buf *out, str data);
/* The end of a chunked body. */
void http_append_last_chunk(struct buf *out);

/* "Sun, 06 Nov 1994 08:49:37 GMT"; years 1970..9999. */
void http_append_date(struct buf *out, int64_t wall_us);

#endif
