/* wire/http.h -- heads of HTTP/1.1 messages (RFC 9110, 9112): reading requests and responses.
 * For:      the server's connections, and the clients (kalam, the benchmark). Bodies are read by
 *           http_body.h, heads are written by http_write.h.
 * Manners:  one reading only. Refused are: bare CR or LF, NUL and other control characters, folded
 *           lines, space before the colon, a length that is not digits or stands twice, a length
 *           beside Transfer-Encoding, codings other than exactly `chunked`, a missing or repeated
 *           Host, and every form of target that the method does not take.
 * Owns:     nothing: all str point into the bytes that were parsed. A connection that waits for
 * more keeps its bytes and one number (`scanned`); the parsed head is the caller's scratch.
 * Threads:  pure functions; any. */
#ifndef WIRE_HTTP_H
#define WIRE_HTTP_H

#include "base/str.h"
#include "model/limits.h"

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_PATCH,
    HTTP_OPTIONS,
    HTTP_CONNECT,
    HTTP_TRACE,
    HTTP_OTHER_METHOD /* a well-formed name that is none of these */
};

struct http_header {
    str name;  /* as sent */
    str value; /* without white space around it; visible bytes, space and tab */
};

struct http_headers {
    unsigned count;
    struct http_header items[LIMIT_HEADERS];
};

/* How the end of the body is known. */
enum http_framing {
    HTTP_NO_BODY,
    HTTP_SIZED,      /* Content-Length, also 0 */
    HTTP_CHUNKED,    /* Transfer-Encoding: chunked */
    HTTP_UNTIL_CLOSE /* responses only */
};

struct http_request {
    enum http_method method;
    str method_text;
    str target;      /* as sent */
    str path;        /* begins with '/', still percent-encoded; "*" of OPTIONS; empty for CONNECT */
    str query;       /* behind the '?', without it */
    str host;        /* name and port: of the target when it has one, else of Host; may be empty */
    unsigned minor;  /* HTTP/1.<minor>: 0 or 1 */
    bool keep_alive; /* the client wants another request on this connection */
    bool expects_continue; /* waits for 100 before it sends the body */
    str upgrade;           /* Upgrade, if Connection names it too; else empty */
    enum http_framing framing;
    uint64_t content_length; /* SIZED; may be above any limit: the caller answers 413 */
    struct http_headers headers;
};

struct http_response {
    int status; /* 100..599 */
    str reason;
    unsigned minor;
    bool keep_alive;
    str upgrade;
    enum http_framing framing;
    uint64_t content_length;
    struct http_headers headers;
};

enum http_progress { HTTP_INCOMPLETE, HTTP_COMPLETE, HTTP_BROKEN };

/* Why the bytes are no HTTP that we take. */
struct http_failure {
    int status;         /* what to answer before closing: 400, 413, 414, 417, 431, 501, 505 */
    const char *reason; /* one sentence for the client; static */
};

/* Reads the head at the front of `bytes` (all that has come so far). `*scanned` is 0 for a new
 * message and is kept by the caller between calls, so that bytes are not looked at twice.
 * COMPLETE: `out` is filled and the head (with its empty line) took `*head_bytes`; the body
 * follows. INCOMPLETE: call again when there are more. BROKEN: answer failure->status and close. */
enum http_progress http_parse_request(str bytes, size_t *scanned, struct http_request *out,
                                      size_t *head_bytes, struct http_failure *failure);

/* The same for a response to a request of `method`. A 1xx response is COMPLETE without a body; the
 * final one follows (except after 101). failure->status is 502. */
enum http_progress http_parse_response(str bytes, size_t *scanned, enum http_method method,
                                       struct http_response *out, size_t *head_bytes,
                                       struct http_failure *failure);

/* The first header of that name (any case), or NULL. */
const struct http_header *http_find_header(const struct http_headers *headers, const char *name);
/* How many there are of that name. */
unsigned http_count_header(const struct http_headers *headers, const char *name);
/* True when `token` (any case) is in the comma-separated list. */
bool http_list_has(str list, str token);
/* The value of a cookie, as sent, without quotes around it. False: none of that name. */
bool http_find_cookie(const struct http_headers *headers, const char *name, str *value);

/* tchar of RFC 9110 section 5.6.2: what names of methods and headers consist of. */
bool http_is_token_char(char c);
/* "GET"; for HTTP_OTHER_METHOD the empty text. */
const char *http_method_name(enum http_method method);
/* "Not Found"; "Status" for numbers without a name. */
const char *http_status_text(int status);

#endif
