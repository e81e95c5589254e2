/* engine/crypto_digest.c -- OpenSSL's digests. The method is fetched once at start: a fetch per
 * call takes longer than hashing a token. */
#include "engine/crypto_digest.h"
#include "base/check.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static EVP_MD *sha256_method;

__attribute__((constructor)) static void fetch_method(void)
{
    sha256_method = EVP_MD_fetch(NULL, "SHA256", NULL);
    CHECK(sha256_method != NULL);
}

digest256 crypto_sha256(str bytes)
{
    digest256 digest;
    unsigned n = 0;
    CHECK(EVP_Digest(bytes.n > 0 ? bytes.p : "", bytes.n, digest.bytes, &n, sha256_method, NULL) ==
          1);
    CHECK(n == sizeof digest.bytes);
    return digest;
}

digest256 crypto_hmac_sha256(str key, str bytes)
{
    CHECK(key.n <= INT32_MAX);
    digest256 digest;
    unsigned n = 0;
    const unsigned char *p = (const unsigned char *)(bytes.n > 0 ? bytes.p : "");
    CHECK(HMAC(sha256_method, key.n > 0 ? key.p : "", (int)key.n, p, bytes.n, digest.bytes, &n) !=
          NULL);
    CHECK(n == sizeof digest.bytes);
    return digest;
}

bool crypto_equal(str a, str b)
{
    return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

void crypto_wipe(void *p, size_t bytes)
{
    OPENSSL_cleanse(p, bytes);
}
