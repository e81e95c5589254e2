/* server/client_ip.h -- whose request it is: the peer's address, or what a trusted proxy says.
 * For:      rate limits, bans, routes that are for this machine only (contract http-ws.md 1.6).
 * Touches:  text only. Owns: nothing. Threads: any. */
#ifndef SERVER_CLIENT_IP_H
#define SERVER_CLIENT_IP_H

#include "base/arena.h"
#include "wire/http.h"

/* An IPv4 address lies in ::ffff:0:0/96. */
struct ip {
    uint8_t bytes[16];
};

/* "10.0.0.0/8", "fd00::/8", "192.0.2.7" */
struct ip_range {
    struct ip ip;
    unsigned bits; /* 0..128 that count */
};

/* False: not the text of an address (no port, no brackets, no zone). */
bool ip_parse(str text, struct ip *out);
/* INVALID: not an address, or more bits than it has. */
MUST_USE status ip_range_parse(str text, struct ip_range *out, struct error *err);
bool ip_range_has(const struct ip_range *range, const struct ip *ip);

struct client {
    str ip;        /* text: the peer's, or lives in the arena; "unknown" for a bad header */
    bool is_local; /* on this machine, and no proxy says otherwise */
};

/* X-Forwarded-For (the first element that is not this machine) or else X-Real-IP count only if the
 * peer is this machine or in `trusted`. */
struct client client_find(str peer, bool peer_is_local, const struct http_headers *headers,
                          const struct ip_range *trusted, unsigned trusted_count,
                          struct arena *arena);

#endif
