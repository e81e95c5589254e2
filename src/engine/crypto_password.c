/* engine/crypto_password.c -- crypt_r of libxcrypt, whose 32 KiB of state are kept off the stack.
 */
#include "engine/crypto_password.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"
#include "engine/crypto_digest.h"

#include <crypt.h>

enum { HASH_CHARACTERS = 60, SALT_BYTES = 16 };

/* bcrypt reads C strings and no more than 72 bytes of them. */
static bool is_representable(str password)
{
    return password.n <= CRYPTO_PASSWORD_BYTES_MAX && str_find_char(password, '\0') < 0;
}

/* crypt_r(password, setting) into `out`; false: it does not know the setting. */
static bool run_bcrypt(str password, const char *setting, char out[CRYPTO_PASSWORD_HASH_BYTES])
{
    char text[CRYPTO_PASSWORD_BYTES_MAX + 1] = {0};
    if (password.n > 0) {
        memcpy(text, password.p, password.n);
    }
    struct crypt_data *data = mem_alloc_zeroed(sizeof *data);
    const char *hash = crypt_r(text, setting, data);
    bool is_hash = hash != NULL && strlen(hash) == HASH_CHARACTERS && hash[0] == '$';
    if (is_hash) {
        memcpy(out, hash, HASH_CHARACTERS + 1);
    }
    crypto_wipe(text, sizeof text);
    crypto_wipe(data, sizeof *data);
    mem_free(data);
    return is_hash;
}

static void make_setting(unsigned cost, const char salt[SALT_BYTES],
                         char setting[CRYPTO_PASSWORD_HASH_BYTES])
{
    CHECK(cost >= CRYPTO_PASSWORD_COST_MIN && cost <= CRYPTO_PASSWORD_COST_MAX);
    CHECK(crypt_gensalt_rn("$2b$", cost, salt, SALT_BYTES, setting, CRYPTO_PASSWORD_HASH_BYTES) !=
          NULL);
}

status crypto_password_hash(str password, unsigned cost, char hash[CRYPTO_PASSWORD_HASH_BYTES],
                            struct error *err)
{
    if (password.n > CRYPTO_PASSWORD_BYTES_MAX) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Password must be at most %d bytes, it has %zu", CRYPTO_PASSWORD_BYTES_MAX,
                         password.n);
    }
    if (!is_representable(password)) {
        return error_set(err, ERROR_INVALID_OPERATION, "Password must not contain a NUL character");
    }
    char salt[SALT_BYTES];
    char setting[CRYPTO_PASSWORD_HASH_BYTES];
    random_bytes(salt, sizeof salt);
    make_setting(cost, salt, setting);
    CHECK(run_bcrypt(password, setting, hash));
    return STATUS_IS_OK;
}

/* "$2b$12$" and 53 characters; nothing else is handed to crypt_r, which knows weaker methods. */
static bool is_bcrypt_hash(str hash)
{
    if (hash.n != HASH_CHARACTERS || !str_starts_with(hash, STR_LIT("$2")) ||
        strchr("abxy", hash.p[2]) == NULL || hash.p[2] == '\0' || hash.p[3] != '$' ||
        hash.p[6] != '$') {
        return false;
    }
    return str_find_char(hash, '\0') < 0;
}

bool crypto_password_verify(str password, str hash, unsigned cost)
{
    char setting[CRYPTO_PASSWORD_HASH_BYTES];
    char found[CRYPTO_PASSWORD_HASH_BYTES];
    bool is_usable = is_bcrypt_hash(hash) && is_representable(password);
    if (is_usable) {
        memcpy(setting, hash.p, hash.n);
        setting[hash.n] = '\0';
        if (run_bcrypt(password, setting, found)) {
            bool matches = crypto_equal(hash, str_from(found));
            crypto_wipe(found, sizeof found);
            return matches;
        }
    }
    static const char salt[SALT_BYTES] = "takes as long";
    make_setting(cost, salt, setting);
    (void)run_bcrypt(str_slice(password, 0, 1), setting, found);
    return false;
}
