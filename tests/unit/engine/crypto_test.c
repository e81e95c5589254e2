/* tests/unit/engine/crypto_test.c -- Goal: digests match published vectors; passwords verify only
 * against their own hash. Cost 4 keeps it quick. */
#include "test.h"

#include "engine/crypto_digest.h"
#include "engine/crypto_password.h"

#include <stdio.h>

static str hex(const digest256 *digest, char text[65])
{
    for (size_t i = 0; i < 32; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", digest->bytes[i]);
    }
    return str_of(text, 64);
}

TEST(crypto_sha256_gives_the_vectors_of_fips_180)
{
    char text[65];
    digest256 empty = crypto_sha256(str_of(NULL, 0));
    EXPECT_STR(hex(&empty, text),
               "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest256 abc = crypto_sha256(STR_LIT("abc"));
    EXPECT_STR(hex(&abc, text), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(crypto_hmac_sha256_gives_the_vectors_of_rfc_4231)
{
    char text[65];
    char key[131];
    digest256 two = crypto_hmac_sha256(STR_LIT("Jefe"), STR_LIT("what do ya want for nothing?"));
    EXPECT_STR(hex(&two, text), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    digest256 six = crypto_hmac_sha256(
        str_of(key, sizeof key), STR_LIT("Test Using Larger Than Block-Size Key - Hash Key First"));
    EXPECT_STR(hex(&six, text), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(crypto_equal_compares_all_bytes)
{
    EXPECT(crypto_equal(STR_LIT("abc"), STR_LIT("abc")));
    EXPECT(!crypto_equal(STR_LIT("abc"), STR_LIT("abd")));
    EXPECT(!crypto_equal(STR_LIT("abc"), STR_LIT("ab")));
    EXPECT(crypto_equal(str_of(NULL, 0), STR_LIT("")));
}

TEST(crypto_password_verify_knows_the_right_password_only)
{
    struct error err;
    char hash[CRYPTO_PASSWORD_HASH_BYTES];
    char again[CRYPTO_PASSWORD_HASH_BYTES];
    EXPECT_OK(crypto_password_hash(STR_LIT("p\xc3\xa4ssword"), 4, hash, &err), &err);
    EXPECT(strncmp(hash, "$2b$04$", 7) == 0 && strlen(hash) == 60);
    EXPECT(crypto_password_verify(STR_LIT("p\xc3\xa4ssword"), str_from(hash), 4));
    EXPECT(!crypto_password_verify(STR_LIT("p\xc3\xa4ssworD"), str_from(hash), 4));
    EXPECT(!crypto_password_verify(STR_LIT(""), str_from(hash), 4));
    EXPECT_OK(crypto_password_hash(STR_LIT("p\xc3\xa4ssword"), 4, again, &err), &err);
    EXPECT(strcmp(hash, again) != 0); /* salted */
}

TEST(crypto_password_verify_reads_hashes_of_other_makers)
{
    /* A published vector of John the Ripper. */
    str hash = STR_LIT("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW");
    EXPECT(crypto_password_verify(STR_LIT("U*U"), hash, 4));
    EXPECT(!crypto_password_verify(STR_LIT("U*V"), hash, 4));
}

TEST(crypto_password_verify_against_an_unusable_hash_is_false)
{
    static const char *const unusable[] = {
        "",
        "x",
        "$1$abcdefgh$aaaaaaaaaaaaaaaaaaaaaa.",
        "$2b$04$",
        "xxw.z/Eh6uMCk",
        "$2b$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2b$04$!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!",
        "$2q$04$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"};
    for (size_t i = 0; i < sizeof unusable / sizeof unusable[0]; i++) {
        EXPECT(!crypto_password_verify(STR_LIT("U*U"), str_from(unusable[i]), 4));
        EXPECT(!crypto_password_verify(STR_LIT(""), str_from(unusable[i]), 4));
    }
}

TEST(crypto_password_hash_of_what_bcrypt_would_cut_is_invalid)
{
    struct error err;
    char hash[CRYPTO_PASSWORD_HASH_BYTES];
    char longest[73];
    memset(longest, 'a', sizeof longest);
    EXPECT_OK(crypto_password_hash(str_of(longest, 72), 4, hash, &err), &err);
    EXPECT(crypto_password_verify(str_of(longest, 72), str_from(hash), 4));
    EXPECT(!crypto_password_verify(str_of(longest, 73), str_from(hash), 4));
    EXPECT(!crypto_password_verify(str_of(longest, 71), str_from(hash), 4));
    EXPECT_STATUS(crypto_password_hash(str_of(longest, 73), 4, hash, &err), INVALID);
    EXPECT(str_find(str_from(err.text), STR_LIT("72")) >= 0);
    EXPECT_STATUS(crypto_password_hash(STR_LIT("a\0b"), 4, hash, &err), INVALID);
}
