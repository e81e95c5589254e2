/* engine/crypto_digest.h -- SHA-256, HMAC, and comparing secrets.
 * For:      tokens, the key of the token cache, idempotency keys. Random bytes for secrets are
 *           base/hash.h's random_bytes: the system's generator.
 * Touches:  OpenSSL. Owns: nothing. Threads: any. */
#ifndef ENGINE_CRYPTO_DIGEST_H
#define ENGINE_CRYPTO_DIGEST_H

#include "base/str.h"

#include <stdint.h>

typedef struct {
    uint8_t bytes[32];
} digest256;

/* SHA-256 of a text. */
digest256 crypto_sha256(str bytes);
digest256 crypto_hmac_sha256(str key, str bytes);
static inline str digest256_str(const digest256 *digest)
{
    return str_of(digest->bytes, sizeof digest->bytes);
}
/* Takes as long for a difference in the first byte as for none. Lengths are no secret. */
bool crypto_equal(str a, str b);
/* Overwrites a secret; the compiler may not leave it out. */
void crypto_wipe(void *p, size_t bytes);

#endif
