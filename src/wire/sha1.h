/* wire/sha1.h -- SHA-1 (FIPS 180-4), for the WebSocket handshake alone, which asks for it by name.
 * It is no protection: digests that must hold are in engine/crypto. Threads: any. */
#ifndef WIRE_SHA1_H
#define WIRE_SHA1_H

#include "base/str.h"

enum { SHA1_BYTES = 20 };

/* SHA-1 as RFC 6455 wants it for handshakes; not for anything secret. */
void sha1(str bytes, uint8_t digest[SHA1_BYTES]);

#endif
