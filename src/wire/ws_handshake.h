/* wire/ws_handshake.h -- from HTTP to WebSocket (RFC 6455 section 4).
 * For:      the server (check a request, answer 101) and clients (ask, check the answer).
 * Manners:  no subprotocols and no extensions are agreed on: what is offered is passed over.
 * Threads:  pure functions; any. */
#ifndef WIRE_WS_HANDSHAKE_H
#define WIRE_WS_HANDSHAKE_H

#include "base/buf.h"
#include "wire/http.h"

enum { WS_NONCE_BYTES = 16 };

/* 101: `*key` is the client's (points into the request); answer by ws_append_upgrade_response.
 * Otherwise the status to answer: 400, 405, or 426 (with the header "Sec-WebSocket-Version: 13");
 * `*reason` is one static sentence. */
int ws_check_upgrade(const struct http_request *request, str *key, const char **reason);

/* "HTTP/1.1 101 ..." with its empty line; frames follow. */
void ws_append_upgrade_response(struct buf *out, str key, const struct http_header *extra,
                                unsigned extra_count);

/* Appends the key that a client sends, of random bytes. */
void ws_append_key(struct buf *out, const uint8_t nonce[WS_NONCE_BYTES]);
/* Appends what the server answers to a key. */
void ws_append_accept(struct buf *out, str key);

/* A client's request with its empty line. */
void ws_append_upgrade_request(struct buf *out, str host, str target, str key,
                               const struct http_header *extra, unsigned extra_count);
/* False: the answer is not the 101 of a WebSocket server that has read `key`. */
bool ws_is_upgraded(const struct http_response *response, str key);

#endif
