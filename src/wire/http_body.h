/* wire/http_body.h -- the body behind a head, piece by piece.
 * For:      requests and responses; what comes out are slices of what came in, nothing is copied.
 * Manners:  chunk sizes are hexadecimal digits and nothing else; extensions and trailers are
 * checked, dropped, and together at most HTTP_BODY_OVERHEAD_MAX bytes. Threads:  pure functions
 * over their struct. */
#ifndef WIRE_HTTP_BODY_H
#define WIRE_HTTP_BODY_H

#include "wire/http.h"

enum { HTTP_BODY_OVERHEAD_MAX = 16384 }; /* bytes of chunk extensions and trailers of one body */

enum http_body_step {
    HTTP_BODY_MORE,  /* all input is used; call again with more */
    HTTP_BODY_DATA,  /* `data` is the next piece, not empty */
    HTTP_BODY_DONE,  /* the body has ended; what is left in `in` is the next message */
    HTTP_BODY_BROKEN /* answer failure->status (400 or 413) and close */
};

struct http_body {
    uint64_t left;       /* of the body (SIZED) or of the chunk */
    uint64_t total;      /* bytes of data so far */
    uint64_t bytes_max;  /* more is 413 */
    uint32_t overhead;   /* bytes of extensions and trailers so far */
    uint8_t digit_count; /* of the chunk size */
    uint8_t state;       /* enum in http_body.c */
};

/* For a head's framing and length. `bytes_max` is the most data that is taken. */
void http_body_init(struct http_body *body, enum http_framing framing, uint64_t content_length,
                    uint64_t bytes_max);

/* Takes bytes off the front of `*in`. Call until MORE or DONE; DONE and BROKEN stay. An
 * HTTP_UNTIL_CLOSE body is never DONE by itself: the close is its end. */
enum http_body_step http_body_next(struct http_body *body, str *in, str *data,
                                   struct http_failure *failure);

/* True while nothing of a body of unknown end is missing: DONE, or HTTP_UNTIL_CLOSE. */
bool http_body_may_end(const struct http_body *body);

#endif
