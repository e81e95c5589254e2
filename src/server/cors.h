/* server/cors.h -- which pages of other origins may use the API (contract http-ws.md 1.5).
 * Owns:     nothing; the lists are the configuration's. Threads: any. */
#ifndef SERVER_CORS_H
#define SERVER_CORS_H

#include "server/http_conn.h"

struct cors {
    const str *origins; /* none, or "*" among them: any origin */
    unsigned origin_count;
    const str *methods;
    unsigned method_count;
    const str *headers; /* "*" among them: any */
    unsigned header_count;
    const str *exposed;
    unsigned exposed_count;
    bool credentials;
    uint32_t max_age_s;
};

/* May a page of this origin read answers? */
bool cors_allows_origin(const struct cors *cors, str origin);
/* Adds the headers of an answer to a request with an Origin that is allowed. */
void cors_decorate(const struct cors *cors, struct http_call *call);
/* True: the call was a preflight (OPTIONS with Access-Control-Request-Method) and is answered. */
bool cors_answer_preflight(const struct cors *cors, struct http_call *call);

#endif
