/* tests/unit/wire/ws_handshake_test.c -- Goal: a WebSocket begins exactly when RFC 6455 section 4
 * lets it. Method: the example of the RFC, then one thing changed at a time; SHA-1 by published
 * digests. */
#include "base/arena.h"
#include "test.h"
#include "wire/sha1.h"
#include "wire/ws_handshake.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define GET "GET /v1/ws HTTP/1.1\r\nHost: h\r\n"

static int check(const char *text, str *key)
{
    static struct http_request request;
    struct http_failure failure;
    size_t scanned = 0;
    size_t head_bytes = 0;
    const char *reason = NULL;
    EXPECT(http_parse_request(str_from(text), &scanned, &request, &head_bytes, &failure) ==
           HTTP_COMPLETE);
    int answer = ws_check_upgrade(&request, key, &reason);
    EXPECT(answer == 101 || reason != NULL);
    return answer;
}

TEST(ws_check_upgrade_every_case_is_answered)
{
    static const struct {
        int answer;
        const char *text;
    } cases[] = {
        {101, GET UPGRADE KEY VERSION "\r\n"},
        {101, GET "upgrade: WebSocket\r\nconnection: keep-alive, UPGRADE\r\n" KEY VERSION "\r\n"},
        {101, GET UPGRADE KEY VERSION "Sec-WebSocket-Protocol: x\r\n"
                                      "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"},
        {101, GET UPGRADE KEY VERSION "Content-Length: 0\r\n\r\n"},
        {405, "POST /v1/ws HTTP/1.1\r\nHost: h\r\n" UPGRADE KEY VERSION "\r\n"},
        {405, "GET /v1/ws HTTP/1.0\r\nHost: h\r\n" UPGRADE KEY VERSION "\r\n"},
        {400, GET UPGRADE KEY VERSION "Content-Length: 1\r\n\r\n"},
        {400, GET UPGRADE KEY VERSION "Transfer-Encoding: chunked\r\n\r\n"},
        {400, GET "Connection: Upgrade\r\n" KEY VERSION "\r\n"},
        {400, GET "Upgrade: websocket\r\n" KEY VERSION "\r\n"},
        {400, GET "Upgrade: h2c\r\nConnection: Upgrade\r\n" KEY VERSION "\r\n"},
        {400, GET "Upgrade: websocket\r\nConnection: close\r\n" KEY VERSION "\r\n"},
        {400, GET UPGRADE KEY "\r\n"},
        {400, GET UPGRADE KEY VERSION VERSION "\r\n"},
        {426, GET UPGRADE KEY "Sec-WebSocket-Version: 8\r\n\r\n"},
        {426, GET UPGRADE KEY "Sec-WebSocket-Version: 13, 8\r\n\r\n"},
        {400, GET UPGRADE VERSION "\r\n"},
        {400, GET UPGRADE VERSION KEY KEY "\r\n"},
        {400, GET UPGRADE VERSION "Sec-WebSocket-Key:\r\n\r\n"},
        {400, GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n\r\n"},
        {400, GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n\r\n"},
        {400, GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n\r\n"},
        {400, GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==AAAA\r\n\r\n"},
        {400, GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ!==\r\n\r\n"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        str key;
        int found = check(cases[i].text, &key);
        if (found != cases[i].answer) {
            test_fail(__FILE__, __LINE__, "%d instead of %d: %s", found, cases[i].answer,
                      cases[i].text);
        }
    }
}

TEST(ws_append_upgrade_response_accepts_the_example_of_the_rfc)
{
    struct buf out;
    buf_init(&out);
    str key;
    EXPECT_INT(check(GET UPGRADE KEY VERSION "\r\n", &key), 101);
    EXPECT_STR(key, "dGhlIHNhbXBsZSBub25jZQ==");
    struct http_header extra = {STR_LIT("X-A"), STR_LIT("b")};
    ws_append_upgrade_response(&out, key, &extra, 1);
    EXPECT_STR(buf_str(&out), "HTTP/1.1 101 Switching Protocols\r\nX-A: b\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\n"
                              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    buf_release(&out);
}

/* The answer to `key`, with `accept` in it and one more header. */
static bool is_upgraded(const char *first_line, const char *accept, const char *more, str key)
{
    struct arena arena;
    arena_init(&arena);
    str text = arena_format(&arena, "%s\r\n" UPGRADE "Sec-WebSocket-Accept: %s\r\n%s\r\n",
                            first_line, accept, more);
    static struct http_response response;
    struct http_failure failure;
    size_t scanned = 0;
    size_t head_bytes = 0;
    EXPECT(http_parse_response(text, &scanned, HTTP_GET, &response, &head_bytes, &failure) ==
           HTTP_COMPLETE);
    bool is = ws_is_upgraded(&response, key);
    arena_release(&arena);
    return is;
}

TEST(ws_is_upgraded_only_by_the_answer_to_the_key)
{
    static const char line[] = "HTTP/1.1 101 Switching Protocols";
    static const char accept[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    str key = STR_LIT("dGhlIHNhbXBsZSBub25jZQ==");
    EXPECT(is_upgraded(line, accept, "", key));
    EXPECT(!is_upgraded("HTTP/1.1 200 OK", accept, "", key));
    EXPECT(!is_upgraded(line, "s3pPLMBiTxaQ9kYGzzhZRbK+xO0=", "", key));
    EXPECT(!is_upgraded(line, accept, "", STR_LIT("AAAAAAAAAAAAAAAAAAAAAA==")));
    EXPECT(!is_upgraded(line, accept, "Sec-WebSocket-Extensions: permessage-deflate\r\n", key));
    EXPECT(!is_upgraded(line, accept, "Sec-WebSocket-Protocol: x\r\n", key));
}

TEST(ws_append_upgrade_request_is_accepted)
{
    uint8_t nonce[WS_NONCE_BYTES] = {1, 2, 3};
    struct buf key;
    struct buf out;
    buf_init(&key);
    buf_init(&out);
    ws_append_key(&key, nonce);
    struct http_header extra = {STR_LIT("Authorization"), STR_LIT("Bearer x")};
    ws_append_upgrade_request(&out, STR_LIT("h:1"), STR_LIT("/v1/ws"), buf_str(&key), &extra, 1);
    buf_append_byte(&out, '\0');
    str found;
    EXPECT_INT(check(out.p, &found), 101);
    EXPECT_STR_EQ(found, buf_str(&key));
    buf_release(&key);
    buf_release(&out);
}

static void expect_sha1(str text, const char *hex)
{
    uint8_t digest[SHA1_BYTES];
    char found[2 * SHA1_BYTES + 1];
    sha1(text, digest);
    for (size_t i = 0; i < SHA1_BYTES; i++) {
        snprintf(found + i * 2, 3, "%02x", digest[i]);
    }
    EXPECT_STR_EQ(str_from(found), str_from(hex));
}

TEST(sha1_published_digests_are_met)
{
    expect_sha1(STR_LIT(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    expect_sha1(STR_LIT("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    expect_sha1(STR_LIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
                "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    expect_sha1(STR_LIT("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjk"
                        "lmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"),
                "a49b2446a02c645bf419f995b67091253a04a259");
    char *million = mem_alloc(1000000);
    memset(million, 'a', 1000000);
    expect_sha1((str){million, 1000000}, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    mem_free(million);
}
