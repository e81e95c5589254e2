/* net/client.h -- a blocking connection to a server.
 * For:      the command line, benchmarks and tests, which have a thread to wait on.
 * Touches:  the resolver, a socket, net/tls.
 * Owns:     its socket. Threads: one at a time. */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include "base/status.h"
#include "base/str.h"

#include <stdint.h>

struct client;
struct tls_context;

struct client_options {
    const char *host;
    uint16_t port;
    uint32_t connect_ms;     /* to connect, with the TLS handshake; 0: 10 s */
    uint32_t io_ms;          /* to wait for bytes to come or go; 0: for ever */
    struct tls_context *tls; /* from tls_client_create; NULL: plain */
};

/* Tries every address of the host. INVALID: no such host; UNAVAILABLE: nobody listens, or the peer
 * is not trusted; TIMEOUT. */
MUST_USE status client_open(const struct client_options *options, struct client **out,
                            struct error *err);
/* NULL is allowed. */
void client_close(struct client *client);
/* Sends all. UNAVAILABLE: the connection broke; TIMEOUT: nothing went for io_ms. */
MUST_USE status client_send(struct client *client, str bytes, struct error *err);
/* Receives some: 1..n bytes, or 0 when the peer has ended. Failures as client_send. */
MUST_USE status client_receive(struct client *client, void *p, size_t n, size_t *got,
                               struct error *err);
/* The same, but waits at most `ms` (0: looks only); TIMEOUT: nothing came, and the connection is as
 * good as before. */
MUST_USE status client_receive_within(struct client *client, uint32_t ms, void *p, size_t n,
                                      size_t *got, struct error *err);
/* Says that no more will be sent; receiving goes on. */
void client_send_end(struct client *client);
/* The socket, to be polled beside other things; stays the client's. */
int client_fd(const struct client *client);

#endif
