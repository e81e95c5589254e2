/* net/address.h -- socket addresses: from host names, and as text.
 * For:      listeners, connections, the blocking client. Inside net/ only.
 * Touches:  the resolver (it blocks; at start and in the client only).
 * Threads:  any. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include "base/status.h"
#include "base/str.h"

#include <netinet/in.h>
#include <sys/socket.h>

struct address {
    struct sockaddr_storage bytes;
    socklen_t n;
};

enum { ADDRESS_MAX = 8, ADDRESS_TEXT_BYTES = 48 };

/* Addresses of `host` for a stream socket, the best first, at most ADDRESS_MAX. `to_listen`: "" and
 * "*" stand for every IPv4 address. INVALID: there is no such host. */
MUST_USE status address_resolve(const char *host, uint16_t port, bool to_listen,
                                struct address found[ADDRESS_MAX], unsigned *count,
                                struct error *err);

/* An address in 20 bytes, as connections keep it. IPv4 in IPv6 clothes becomes IPv4. */
struct peer {
    uint8_t ip[16];
    uint16_t port;
    uint8_t family; /* 4, 6, or 0: neither */
};
struct peer peer_of(const struct address *address);
str peer_text(const struct peer *peer, char text[ADDRESS_TEXT_BYTES]);
bool peer_is_loopback(const struct peer *peer);

#endif
