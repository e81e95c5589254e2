/* wire/url.h -- the texts around a path: percent-encoding, query strings, server addresses.
 * For:      routes and query parameters of the server; --url of the clients.
 * Owns:     nothing. Threads: any. */
#ifndef WIRE_URL_H
#define WIRE_URL_H

#include "base/arena.h"
#include "base/buf.h"

/* Replaces %xx by its byte. False: a '%' without two digits, a NUL, or bytes that are not UTF-8
 * then. `out` lives in the arena, or is `text` itself when nothing is encoded. */
bool url_decode(str text, struct arena *arena, str *out);
/* Appends `text` with all but letters, digits and -._~ encoded. */
void url_append_encoded(struct buf *out, str text);

/* The first value of `name` in "a=1&b=2" (without '?'), decoded, with '+' as space. False: it does
 * not stand there, or is not well-formed; both are "not given". */
bool url_query_get(str query, const char *name, struct arena *arena, str *out);

/* http, https, ws or wss, then host, port and path. */
struct url {
    str scheme;    /* as written */
    bool is_tls;   /* https, wss */
    str host;      /* without the brackets of an address */
    str authority; /* host and port as written, for the Host header */
    uint16_t port; /* of the scheme when not written: 80, 443 */
    str target;    /* path and query as written; "/" when empty */
};
/* False: not of that form, with a user in front of the host, or with characters that would have to
 * be encoded. A fragment is dropped. */
bool url_parse(str text, struct url *out);

#endif
