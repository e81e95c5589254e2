/* engine/crypto_password.h -- passwords as bcrypt hashes.
 * For:      storing and checking passwords. Slow on purpose (cost 12: about a quarter of a second
 *           of CPU): call on workers, never on a loop.
 * Touches:  libxcrypt.
 * Owns:     nothing; copies of the password are wiped.
 * Threads:  any. */
#ifndef ENGINE_CRYPTO_PASSWORD_H
#define ENGINE_CRYPTO_PASSWORD_H

#include "base/status.h"
#include "base/str.h"

enum {
    CRYPTO_PASSWORD_BYTES_MAX = 72, /* bcrypt looks at no more */
    CRYPTO_PASSWORD_HASH_BYTES = 64,
    CRYPTO_PASSWORD_COST_MIN = 4,
    CRYPTO_PASSWORD_COST_MAX = 31
};

/* Writes "$2b$12$..." (60 characters and NUL) for a random salt. INVALID: the password is longer
 * than 72 bytes, which bcrypt would cut off unseen, or holds a NUL. `cost` within its bounds. */
MUST_USE status crypto_password_hash(str password, unsigned cost,
                                     char hash[CRYPTO_PASSWORD_HASH_BYTES], struct error *err);

/* True: `password` is the one behind `hash` ($2a$, $2b$, $2x$, $2y$). An empty or unusable hash,
 * such as that of a user who does not exist, never matches, but takes as long as a check at `cost`:
 * so the time does not tell which users there are. */
MUST_USE bool crypto_password_verify(str password, str hash, unsigned cost);

#endif
