/* tests/unit/auth/token_test.c -- Goal: a token that was signed here is accepted with its claims,
 * and nothing else is. Method: one good token, and a table of bad ones: signed with the right
 * secret but saying something wrong, or altered after signing. */
#include "test.h"

#include "auth/token.h"
#include "base/base64.h"
#include "engine/crypto_digest.h"

static const char secret_text[] = "0123456789abcdef0123456789abcdef";
enum { NOW = 1800000000 };

static str secret(void)
{
    return str_from(secret_text);
}

static struct token_claims good_claims(void)
{
    return (struct token_claims){
        .user_id = STR_LIT("alice"),
        .kind = TOKEN_ACCESS,
        .has_role = true,
        .role = ROLE_DBA,
        .email = STR_LIT("a@example.org"),
        .issued_s = NOW,
        .expires_s = NOW + 3600,
    };
}

/* header.payload signed with `key`. */
static void sign_text(struct buf *out, str header, str payload, str key)
{
    buf_clear(out);
    base64_append(out, BASE64_URL, header);
    buf_append_byte(out, '.');
    base64_append(out, BASE64_URL, payload);
    digest256 signature = crypto_hmac_sha256(key, buf_str(out));
    buf_append_byte(out, '.');
    base64_append(out, BASE64_URL, digest256_str(&signature));
}

/* What verifying says: NULL for OK, else the reason. */
static const char *verdict(str token, enum token_kind wanted, int64_t now_s)
{
    struct arena arena;
    struct token_claims claims = {.issued_s = -7};
    struct error err;
    const char *reason = NULL;
    arena_init(&arena);
    status s = token_verify(secret(), token, wanted, now_s, &arena, &claims, &reason, &err);
    if (!status_ok(s)) {
        EXPECT_STATUS(s, UNAUTHENTICATED);
        EXPECT_STR(str_from(err.text), "Invalid credentials");
        EXPECT(reason != NULL);
        EXPECT_INT(claims.issued_s, -7); /* nothing is written */
    }
    arena_release(&arena);
    return status_ok(s) ? NULL : reason;
}

TEST(token_verify_of_a_signed_token_gives_its_claims)
{
    struct buf token;
    struct arena arena;
    struct token_claims claims = good_claims();
    struct token_claims found;
    struct error err;
    buf_init(&token);
    arena_init(&arena);
    token_sign(&token, secret(), &claims);
    EXPECT_OK(
        token_verify(secret(), buf_str(&token), TOKEN_ACCESS, NOW, &arena, &found, NULL, &err),
        &err);
    EXPECT_STR(found.user_id, "alice");
    EXPECT(found.kind == TOKEN_ACCESS && found.has_role && found.role == ROLE_DBA);
    EXPECT_STR(found.email, "a@example.org");
    EXPECT_INT(found.issued_s, NOW);
    EXPECT_INT(found.expires_s, NOW + 3600);
    EXPECT(verdict(buf_str(&token), TOKEN_REFRESH, NOW) != NULL);
    buf_release(&token);
    arena_release(&arena);
}

TEST(token_sign_writes_the_header_and_claims_of_the_contract)
{
    struct buf token;
    struct buf text;
    struct token_claims claims = good_claims();
    buf_init(&token);
    buf_init(&text);
    claims.email = str_of(NULL, 0);
    claims.kind = TOKEN_REFRESH;
    token_sign(&token, secret(), &claims);
    str all = buf_str(&token);
    size_t first = (size_t)str_find_char(all, '.');
    size_t second = first + 1 + (size_t)str_find_char(str_skip(all, first + 1), '.');
    EXPECT(base64_decode(&text, BASE64_URL, str_slice(all, 0, first)));
    EXPECT_STR(buf_str(&text), "{\"typ\":\"JWT\",\"alg\":\"HS256\"}");
    buf_clear(&text);
    EXPECT(base64_decode(&text, BASE64_URL, str_slice(all, first + 1, second)));
    EXPECT_STR(buf_str(&text),
               "{\"sub\":\"alice\",\"iss\":\"kalamdb\",\"exp\":1800003600,\"iat\":1800000000,"
               "\"email\":null,\"role\":\"dba\",\"token_type\":\"refresh\"}");
    buf_release(&token);
    buf_release(&text);
}

TEST(token_verify_accepts_a_token_of_another_maker)
{
    /* Made by Node's crypto: fields in another order, no role, no e-mail, a key id. */
    struct buf token;
    buf_init(&token);
    sign_text(
        &token, STR_LIT("{\"alg\":\"HS256\",\"kid\":\"1\"}"),
        STR_LIT("{\"token_type\":\"access\",\"iat\":1800000000,\"exp\":1800000001,\"aud\":[1],"
                "\"iss\":\"kalamdb\",\"sub\":\"b\xc3\xb6\",\"more\":{}}"),
        secret());
    EXPECT(verdict(buf_str(&token), TOKEN_ACCESS, NOW) == NULL);
    buf_release(&token);
}

TEST(token_verify_allows_a_minute_of_clock_difference_and_no_more)
{
    struct buf token;
    struct token_claims claims = good_claims();
    buf_init(&token);
    token_sign(&token, secret(), &claims);
    str text = buf_str(&token);
    EXPECT(verdict(text, TOKEN_ACCESS, NOW - 60) == NULL);
    EXPECT_STR(str_from(verdict(text, TOKEN_ACCESS, NOW - 61)),
               "the token was issued in the future");
    EXPECT(verdict(text, TOKEN_ACCESS, NOW + 3660) == NULL);
    EXPECT_STR(str_from(verdict(text, TOKEN_ACCESS, NOW + 3661)), "the token has expired");
    buf_release(&token);
}

TEST(token_verify_of_an_expired_token_has_its_own_code)
{
    struct buf token;
    struct arena arena;
    struct error err;
    struct token_claims claims = good_claims();
    struct token_claims found;
    buf_init(&token);
    arena_init(&arena);
    token_sign(&token, secret(), &claims);
    EXPECT_STATUS(token_verify(secret(), buf_str(&token), TOKEN_ACCESS, NOW + 9999, &arena, &found,
                               NULL, &err),
                  UNAUTHENTICATED);
    EXPECT(err.id == ERROR_TOKEN_EXPIRED);
    token.p[token.n - 2] ^= 1; /* expired and altered: no hint that it was good once */
    EXPECT_STATUS(token_verify(secret(), buf_str(&token), TOKEN_ACCESS, NOW + 9999, &arena, &found,
                               NULL, &err),
                  UNAUTHENTICATED);
    EXPECT(err.id == ERROR_INVALID_CREDENTIALS);
    buf_release(&token);
    arena_release(&arena);
}

#define GOOD_HEADER "{\"typ\":\"JWT\",\"alg\":\"HS256\"}"
#define WHO "\"sub\":\"alice\",\"iss\":\"kalamdb\","
#define TIMES "\"exp\":1800003600,\"iat\":1800000000,"
#define REST "\"email\":null,\"role\":\"dba\",\"token_type\":\"access\""

/* Signed with the right secret, and yet not good. */
static const struct {
    const char *header;
    const char *payload;
    const char *reason;
} signed_badly[] = {
    /* headers */
    {"{\"typ\":\"JWT\",\"alg\":\"none\"}", "{" WHO TIMES REST "}", "the algorithm is not HS256"},
    {"{\"typ\":\"JWT\",\"alg\":\"None\"}", "{" WHO TIMES REST "}", "the algorithm is not HS256"},
    {"{\"typ\":\"JWT\",\"alg\":\"hs256\"}", "{" WHO TIMES REST "}", "the algorithm is not HS256"},
    {"{\"typ\":\"JWT\",\"alg\":\"HS256 \"}", "{" WHO TIMES REST "}", "the algorithm is not HS256"},
    {"{\"typ\":\"JWT\",\"alg\":\"HS384\"}", "{" WHO TIMES REST "}", "the algorithm is not HS256"},
    {"{\"typ\":\"JWT\",\"alg\":\"HS512\"}", "{" WHO TIMES REST "}", "the algorithm is not HS256"},
    {"{\"typ\":\"JWT\",\"alg\":\"RS256\"}", "{" WHO TIMES REST "}", "the algorithm is not HS256"},
    {"{\"typ\":\"JWT\",\"alg\":\"ES256\"}", "{" WHO TIMES REST "}", "the algorithm is not HS256"},
    {"{\"typ\":\"JWT\",\"alg\":\"\"}", "{" WHO TIMES REST "}", "the algorithm is not HS256"},
    {"{\"typ\":\"JWT\",\"alg\":null}", "{" WHO TIMES REST "}", "the algorithm is not HS256"},
    {"{\"typ\":\"JWT\",\"alg\":[\"HS256\"]}", "{" WHO TIMES REST "}", "the algorithm is not HS256"},
    {"{\"typ\":\"JWT\"}", "{" WHO TIMES REST "}", "the algorithm is not HS256"},
    {"{\"typ\":\"JWT\",\"ALG\":\"HS256\"}", "{" WHO TIMES REST "}", "the algorithm is not HS256"},
    {"{}", "{" WHO TIMES REST "}", "the algorithm is not HS256"},
    {"{\"alg\":\"HS256\",\"alg\":\"none\"}", "{" WHO TIMES REST "}",
     "the header is no JSON object"},
    {"[\"HS256\"]", "{" WHO TIMES REST "}", "the header is no JSON object"},
    {"\"HS256\"", "{" WHO TIMES REST "}", "the header is no JSON object"},
    {"null", "{" WHO TIMES REST "}", "the header is no JSON object"},
    {"{\"alg\":\"HS256\"", "{" WHO TIMES REST "}", "the header is no JSON object"},
    {GOOD_HEADER "x", "{" WHO TIMES REST "}", "the header is no JSON object"},
    {GOOD_HEADER GOOD_HEADER, "{" WHO TIMES REST "}", "the header is no JSON object"},
    {"\xef\xbb\xbf" GOOD_HEADER, "{" WHO TIMES REST "}", "the header is no JSON object"},
    {"{'alg':'HS256'}", "{" WHO TIMES REST "}", "the header is no JSON object"},
    {"{\"alg\":\"HS256\",\"typ\":\"refresh\"}", "{" WHO TIMES REST "}", "the type is not JWT"},
    {"{\"alg\":\"HS256\",\"typ\":\"JWE\"}", "{" WHO TIMES REST "}", "the type is not JWT"},
    {"{\"alg\":\"HS256\",\"typ\":1}", "{" WHO TIMES REST "}", "the type is not JWT"},
    {"{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", "{" WHO TIMES REST "}",
     "the header asks for extensions"},
    {"{\"alg\":\"HS256\",\"crit\":[]}", "{" WHO TIMES REST "}", "the header asks for extensions"},
    {"{\"alg\":\"HS256\",\"crit\":null}", "{" WHO TIMES REST "}", "the header asks for extensions"},
    /* payloads that are no object */
    {GOOD_HEADER, "[]", "the payload is no JSON object"},
    {GOOD_HEADER, "alice", "the payload is no JSON object"},
    {GOOD_HEADER, "{" WHO TIMES REST, "the payload is no JSON object"},
    {GOOD_HEADER, "{" WHO TIMES REST "}}", "the payload is no JSON object"},
    {GOOD_HEADER, "{" WHO TIMES REST ",}", "the payload is no JSON object"},
    {GOOD_HEADER, "{" WHO TIMES REST ",\"sub\":\"root\"}", "the payload is no JSON object"},
    {GOOD_HEADER, "{" WHO TIMES REST ",\"role\":\"system\"}", "the payload is no JSON object"},
    {GOOD_HEADER, "{\"sub\":\"al\xff\",\"iss\":\"kalamdb\"," TIMES REST "}",
     "the payload is no JSON object"},
    /* who */
    {GOOD_HEADER, "{}", "the issuer is not trusted"},
    {GOOD_HEADER, "{\"sub\":\"alice\"," TIMES REST "}", "the issuer is not trusted"},
    {GOOD_HEADER, "{\"sub\":\"alice\",\"iss\":\"KalamDB\"," TIMES REST "}",
     "the issuer is not trusted"},
    {GOOD_HEADER, "{\"sub\":\"alice\",\"iss\":\"kalamdb \"," TIMES REST "}",
     "the issuer is not trusted"},
    {GOOD_HEADER, "{\"sub\":\"alice\",\"iss\":[\"kalamdb\"]," TIMES REST "}",
     "the issuer is not trusted"},
    {GOOD_HEADER, "{\"iss\":\"kalamdb\"," TIMES REST "}", "the subject is no user id"},
    {GOOD_HEADER, "{\"sub\":\"\",\"iss\":\"kalamdb\"," TIMES REST "}", "the subject is no user id"},
    {GOOD_HEADER, "{\"sub\":7,\"iss\":\"kalamdb\"," TIMES REST "}", "the subject is no user id"},
    {GOOD_HEADER, "{\"sub\":null,\"iss\":\"kalamdb\"," TIMES REST "}", "the subject is no user id"},
    {GOOD_HEADER, "{\"sub\":\"../x\",\"iss\":\"kalamdb\"," TIMES REST "}",
     "the subject is no user id"},
    {GOOD_HEADER, "{\"sub\":\"a/b\",\"iss\":\"kalamdb\"," TIMES REST "}",
     "the subject is no user id"},
    {GOOD_HEADER, "{\"sub\":\"a\\u0000b\",\"iss\":\"kalamdb\"," TIMES REST "}",
     "the subject is no user id"},
    {GOOD_HEADER, "{" WHO TIMES "\"email\":7,\"role\":\"dba\",\"token_type\":\"access\"}",
     "the e-mail address is no text"},
    {GOOD_HEADER, "{" WHO TIMES "\"role\":\"emperor\",\"token_type\":\"access\"}",
     "the role is not known"},
    {GOOD_HEADER, "{" WHO TIMES "\"role\":\"DBA\",\"token_type\":\"access\"}",
     "the role is not known"},
    {GOOD_HEADER, "{" WHO TIMES "\"role\":\"admin\",\"token_type\":\"access\"}",
     "the role is not known"},
    {GOOD_HEADER, "{" WHO TIMES "\"role\":null,\"token_type\":\"access\"}",
     "the role is not known"},
    {GOOD_HEADER, "{" WHO TIMES "\"role\":[\"dba\"],\"token_type\":\"access\"}",
     "the role is not known"},
    /* kinds */
    {GOOD_HEADER, "{" WHO TIMES "\"token_type\":\"refresh\"}", "the token is of another kind"},
    {GOOD_HEADER, "{" WHO TIMES "\"token_type\":\"Access\"}", "the token is of another kind"},
    {GOOD_HEADER, "{" WHO TIMES "\"token_type\":null}", "the token is of another kind"},
    {GOOD_HEADER, "{" WHO TIMES "\"role\":\"dba\"}", "the token is of another kind"},
    /* times */
    {GOOD_HEADER, "{" WHO "\"iat\":1800000000," REST "}", "exp is missing or no time"},
    {GOOD_HEADER, "{" WHO "\"exp\":null,\"iat\":1800000000," REST "}", "exp is missing or no time"},
    {GOOD_HEADER, "{" WHO "\"exp\":\"1800003600\",\"iat\":1800000000," REST "}",
     "exp is missing or no time"},
    {GOOD_HEADER, "{" WHO "\"exp\":1800003600.5,\"iat\":1800000000," REST "}",
     "exp is missing or no time"},
    {GOOD_HEADER, "{" WHO "\"exp\":1e300,\"iat\":1800000000," REST "}",
     "exp is missing or no time"},
    {GOOD_HEADER, "{" WHO "\"exp\":9223372036854775807,\"iat\":1800000000," REST "}",
     "exp is missing or no time"},
    {GOOD_HEADER, "{" WHO "\"exp\":99999999999999999999,\"iat\":1800000000," REST "}",
     "exp is missing or no time"},
    {GOOD_HEADER, "{" WHO "\"exp\":-1,\"iat\":1800000000," REST "}", "exp is missing or no time"},
    {GOOD_HEADER, "{" WHO "\"exp\":1800003600," REST "}", "iat is missing or no time"},
    {GOOD_HEADER, "{" WHO "\"exp\":1800003600,\"iat\":true," REST "}", "iat is missing or no time"},
    {GOOD_HEADER, "{" WHO "\"exp\":1800003600,\"iat\":-5," REST "}", "iat is missing or no time"},
    {GOOD_HEADER, "{" WHO "\"exp\":1800003600,\"iat\":1800000061," REST "}",
     "the token was issued in the future"},
    {GOOD_HEADER, "{" WHO TIMES "\"nbf\":1800000061," REST "}", "the token is not valid yet"},
    {GOOD_HEADER, "{" WHO TIMES "\"nbf\":\"0\"," REST "}", "the token is not valid yet"},
    {GOOD_HEADER, "{" WHO TIMES "\"nbf\":null," REST "}", "the token is not valid yet"},
    {GOOD_HEADER, "{" WHO "\"exp\":1799999939,\"iat\":1799990000," REST "}",
     "the token has expired"},
    {GOOD_HEADER, "{" WHO "\"exp\":0,\"iat\":0," REST "}", "the token has expired"},
};

TEST(token_verify_of_a_signed_token_that_says_something_wrong_is_refused)
{
    struct buf token;
    buf_init(&token);
    sign_text(&token, STR_LIT(GOOD_HEADER), STR_LIT("{" WHO TIMES REST "}"), secret());
    EXPECT(verdict(buf_str(&token), TOKEN_ACCESS, NOW) == NULL); /* the pattern itself is good */
    for (size_t i = 0; i < sizeof signed_badly / sizeof signed_badly[0]; i++) {
        sign_text(&token, str_from(signed_badly[i].header), str_from(signed_badly[i].payload),
                  secret());
        const char *reason = verdict(buf_str(&token), TOKEN_ACCESS, NOW);
        if (reason == NULL || strcmp(reason, signed_badly[i].reason) != 0) {
            test_fail(__FILE__, __LINE__, "row %zu: %s %s: %s", i, signed_badly[i].header,
                      signed_badly[i].payload, reason != NULL ? reason : "accepted");
        }
    }
    buf_release(&token);
}

static const char three_parts[] = "the token has not three parts";
static const char wrong_signature[] = "the signature is wrong";

static void expect_refused(str token, const char *reason)
{
    const char *found = verdict(token, TOKEN_ACCESS, NOW);
    EXPECT(found != NULL);
    EXPECT_STR_EQ(str_from(found), str_from(reason));
}

TEST(token_verify_of_what_is_no_token_is_refused)
{
    static const char *const texts[] = {"",
                                        ".",
                                        "..",
                                        "...",
                                        "a",
                                        "a.b",
                                        "a.b.",
                                        ".a.b",
                                        "a..b",
                                        "a.b.c.d",
                                        "Bearer",
                                        "null",
                                        "eyJhbGciOiJIUzI1NiJ9",
                                        "eyJhbGciOiJIUzI1NiJ9."};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        expect_refused(str_from(texts[i]), three_parts);
    }
    expect_refused(STR_LIT("a.b.c"), wrong_signature);
    expect_refused(STR_LIT("a.b.\0"), wrong_signature);
}

TEST(token_verify_of_an_altered_token_is_refused)
{
    struct buf good;
    struct buf bad;
    struct token_claims claims = good_claims();
    buf_init(&good);
    buf_init(&bad);
    token_sign(&good, secret(), &claims);
    /* Every single character, replaced by another one of the alphabet: also those whose low bits
     * stand for nothing. */
    for (size_t i = 0; i < good.n; i++) {
        buf_clear(&bad);
        buf_append_str(&bad, buf_str(&good));
        bad.p[i] = good.p[i] == 'A' ? 'B' : 'A';
        EXPECT(verdict(buf_str(&bad), TOKEN_ACCESS, NOW) != NULL);
    }
    /* Cut short, made longer, padded, wrapped. */
    for (size_t n = 0; n < good.n; n++) {
        EXPECT(verdict(str_slice(buf_str(&good), 0, n), TOKEN_ACCESS, NOW) != NULL);
    }
    static const char *const tails[] = {"A", "=", "==", "\n", " ", ".", "%00"};
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        buf_clear(&bad);
        buf_append_str(&bad, buf_str(&good));
        buf_append_c(&bad, tails[i]);
        EXPECT(verdict(buf_str(&bad), TOKEN_ACCESS, NOW) != NULL);
        buf_clear(&bad);
        buf_append_c(&bad, tails[i]);
        buf_append_str(&bad, buf_str(&good));
        EXPECT(verdict(buf_str(&bad), TOKEN_ACCESS, NOW) != NULL);
    }
    buf_release(&good);
    buf_release(&bad);
}

TEST(token_verify_of_a_token_signed_with_another_secret_is_refused)
{
    struct buf token;
    struct token_claims claims = good_claims();
    buf_init(&token);
    static const char *const others[] = {"", "0123456789abcdef0123456789abcdeF",
                                         "0123456789abcdef0123456789abcdef0", "CHANGE_ME"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        buf_clear(&token);
        token_sign(&token, str_from(others[i]), &claims);
        expect_refused(buf_str(&token), wrong_signature);
    }
    buf_release(&token);
}

TEST(token_verify_of_a_token_over_the_limit_is_refused_unread)
{
    struct buf token;
    struct buf payload;
    buf_init(&token);
    buf_init(&payload);
    buf_append_c(&payload, "{" WHO TIMES REST ",\"padding\":\"");
    while (payload.n < TOKEN_BYTES_MAX) {
        buf_append_byte(&payload, 'x');
    }
    buf_append_c(&payload, "\"}");
    sign_text(&token, STR_LIT(GOOD_HEADER), buf_str(&payload), secret());
    expect_refused(buf_str(&token), "the token is too long");
    buf_release(&token);
    buf_release(&payload);
}
