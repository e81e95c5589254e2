/* net/address.c -- getaddrinfo behind a status, and compact peers. */
#include "net/address.h"
#include "base/check.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>

status address_resolve(const char *host, uint16_t port, bool to_listen,
                       struct address found[ADDRESS_MAX], unsigned *count, struct error *err)
{
    char service[8];
    (void)snprintf(service, sizeof service, "%u", (unsigned)port);
    bool any = to_listen && (host[0] == '\0' || strcmp(host, "*") == 0);
    struct addrinfo hints = {
        .ai_family = any ? AF_INET : AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_NUMERICSERV | (to_listen ? AI_PASSIVE : 0),
    };
    struct addrinfo *list = NULL;
    int failure = getaddrinfo(any ? NULL : host, service, &hints, &list);
    if (failure != 0) {
        return error_set(err, ERROR_INVALID_INPUT, "host '%s' is not known: %s", host,
                         gai_strerror(failure));
    }
    unsigned n = 0;
    for (struct addrinfo *at = list; at != NULL && n < ADDRESS_MAX; at = at->ai_next) {
        memcpy(&found[n].bytes, at->ai_addr, at->ai_addrlen);
        found[n].n = at->ai_addrlen;
        n++;
    }
    freeaddrinfo(list);
    CHECK(n > 0);
    *count = n;
    return STATUS_IS_OK;
}

struct peer peer_of(const struct address *address)
{
    struct peer peer = {.family = 0};
    if (address->bytes.ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, &address->bytes, sizeof in);
        memcpy(peer.ip, &in.sin_addr, 4);
        peer.port = ntohs(in.sin_port);
        peer.family = 4;
    } else if (address->bytes.ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, &address->bytes, sizeof in6);
        peer.port = ntohs(in6.sin6_port);
        bool is_mapped = IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr);
        memcpy(peer.ip, in6.sin6_addr.s6_addr + (is_mapped ? 12 : 0), is_mapped ? 4 : 16);
        peer.family = is_mapped ? 4 : 6;
    }
    return peer;
}

str peer_text(const struct peer *peer, char text[ADDRESS_TEXT_BYTES])
{
    if (peer->family == 0) {
        return str_of(NULL, 0);
    }
    int family = peer->family == 4 ? AF_INET : AF_INET6;
    CHECK(inet_ntop(family, peer->ip, text, ADDRESS_TEXT_BYTES) != NULL);
    return str_from(text);
}

bool peer_is_loopback(const struct peer *peer)
{
    static const uint8_t six[16] = {[15] = 1};
    return (peer->family == 4 && peer->ip[0] == 127) ||
           (peer->family == 6 && memcmp(peer->ip, six, sizeof six) == 0);
}
