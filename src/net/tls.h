/* net/tls.h -- TLS 1.2 and 1.3 over a socket that someone else polls.
 * For:      net/conn (server side) and net/client (client side). No type of the library is seen
 *           here.
 * Touches:  OpenSSL 3, the socket handed in, PEM files at start.
 * Owns:     contexts and sessions; never the socket.
 * Threads:  a context: any, once created. A session: one at a time. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/status.h"
#include "base/str.h"

struct tls_context; /* certificates and rules; shared by sessions */
struct tls_session; /* one connection */

/* A server's context from a PEM certificate chain and its key. INVALID names the file and what is
 * wrong with it. */
MUST_USE status tls_server_create(const char *cert_path, const char *key_path,
                                  struct tls_context **out, struct error *err);
/* A client's context: trusts the certificates of the PEM file `ca_path`, or the system's for NULL.
 */
MUST_USE status tls_client_create(const char *ca_path, struct tls_context **out, struct error *err);
/* NULL is allowed. Sessions made from it may live on. */
void tls_context_destroy(struct tls_context *context);

/* A session on a connected socket. `host` (client only): the name or address that the peer's
 * certificate must be for. NULL: the library has no memory. */
struct tls_session *tls_session_create(struct tls_context *context, int fd, const char *host);
/* NULL is allowed. */
void tls_session_destroy(struct tls_session *session);

enum tls_result {
    TLS_OK,
    TLS_WANT_READ,  /* again when the socket has bytes */
    TLS_WANT_WRITE, /* again when the socket takes bytes */
    TLS_END,        /* the peer ended the session properly */
    TLS_RESET,      /* the connection broke, or ended without a goodbye */
    TLS_BAD         /* the peer does not keep to the protocol, or is not trusted */
};

/* Until OK. Nothing else may be called before. */
MUST_USE enum tls_result tls_handshake(struct tls_session *session);
/* OK: `*got` (1..n) bytes are at p. */
MUST_USE enum tls_result tls_read(struct tls_session *session, void *p, size_t n, size_t *got);
/* OK: `*sent` (1..n) bytes are on their way. After WANT_*, the next call must begin with the same
 * bytes (wherever they lie) and offer no fewer. n > 0. */
MUST_USE enum tls_result tls_write(struct tls_session *session, const void *p, size_t n,
                                   size_t *sent);
/* Says goodbye, without waiting for an answer. */
void tls_end(struct tls_session *session);
/* Why the last call was BAD, for a log line: the library's words, no secrets. */
str tls_reason(const struct tls_session *session);

enum { TLS_RECORD_BYTES = 16384 }; /* writing more at once gains nothing */

#endif
