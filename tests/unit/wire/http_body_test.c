/* tests/unit/wire/http_body_test.c -- Goal: a body is taken out of its framing, refused when the
 * framing is not well-formed, and limited; how it is cut changes nothing. Method: a table of
 * bodies, each read whole, cut in two at every place, and byte by byte. */
#include "base/buf.h"
#include "test.h"
#include "wire/http_body.h"
#include "wire/http_write.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])
#define BYTES(literal)                                                                             \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

enum { BODY_MAX = 32, MORE = -1 }; /* bytes; no end yet */

struct outcome {
    int answer;  /* 0: DONE; 400, 413; MORE */
    size_t left; /* bytes behind the body; DONE only */
};

/* Reads pieces of the sizes first, then `step` (0: the rest at once). */
static struct outcome read_body(struct http_body *body, str bytes, size_t first, size_t step,
                                struct buf *data)
{
    struct http_failure failure = {0, ""};
    size_t to = first;
    size_t at = 0;
    for (;;) {
        char *copy = mem_copy(bytes.p + at, to - at); /* a read past its end is seen */
        str in = {copy, to - at};
        str piece;
        enum http_body_step next;
        while ((next = http_body_next(body, &in, &piece, &failure)) == HTTP_BODY_DATA) {
            EXPECT(piece.n > 0);
            buf_append_str(data, piece);
        }
        size_t left = in.n;
        mem_free(copy);
        if (next == HTTP_BODY_BROKEN) {
            return (struct outcome){failure.status, 0};
        }
        if (next == HTTP_BODY_DONE) {
            return (struct outcome){0, left + bytes.n - to};
        }
        EXPECT(left == 0);
        if (to == bytes.n) {
            return (struct outcome){MORE, 0};
        }
        at = to;
        to = step == 0 || to + step > bytes.n ? bytes.n : to + step;
    }
}

struct body_case {
    int answer;
    const char *data; /* what is read, when DONE or MORE */
    size_t left;
    str bytes;
};

static const struct body_case chunked_cases[] = {
    {0, "", 0, BYTES("0\r\n\r\n")},
    {0, "abc", 0, BYTES("3\r\nabc\r\n0\r\n\r\n")},
    {0, "abcdefghijklmnop", 0, BYTES("3\r\nabc\r\nD\r\ndefghijklmnop\r\n0\r\n\r\n")},
    {0, "abcdefghijklmnop", 0, BYTES("3\r\nabc\r\n0d\r\ndefghijklmnop\r\n000\r\n\r\n")},
    {0, "abc", 3, BYTES("3\r\nabc\r\n0\r\n\r\nGET")},
    {0, "abc", 0, BYTES("3;x\r\nabc\r\n0;y=\"a b\";z\r\n\r\n")},
    {0, "abc", 0, BYTES("3;x=\"\\\"\\\\;\"\r\nabc\r\n0\r\n\r\n")},
    {400, "", 0, BYTES("3;x=\"\r\nabc\r\n0\r\n\r\n")},
    {400, "", 0, BYTES("3;x=\"a\\\r\nabc\r\n0\r\n\r\n")},
    {400, "", 0, BYTES("3;x=a b\r\nabc\r\n0\r\n\r\n")},
    {0, "abc", 0, BYTES("0000000000000003\r\nabc\r\n0\r\n\r\n")},
    {0, "\r\n", 0, BYTES("2\r\n\r\n\r\n0\r\n\r\n")},
    {0, "a", 0, BYTES("1\r\na\r\n0\r\nA: b\r\nC:\r\nD:\t e \r\n\r\n")},
    {0, "0123456789abcdef0123456789abcdef", 0,
     BYTES("20\r\n0123456789abcdef0123456789abcdef\r\n0\r\n\r\n")},
    {MORE, "", 0, BYTES("")},
    {MORE, "", 0, BYTES("3")},
    {MORE, "ab", 0, BYTES("3\r\nab")},
    {MORE, "abc", 0, BYTES("3\r\nabc\r\n")},
    {MORE, "abc", 0, BYTES("3\r\nabc\r\n0\r\n")},
    {MORE, "abc", 0, BYTES("3\r\nabc\r\n0\r\nA: b\r\n")},
    {413, "", 0, BYTES("21\r\n")},
    {413, "", 0, BYTES("ffffffff\r\n")},
    {413, "", 0, BYTES("ffffffffffffffff\r\n")},
    {413, "", 0, BYTES("8000000000000000\r\n")},
    {413, "", 0, BYTES("1\r\na\r\n20\r\n")},
    {413, "", 0, BYTES("1\r\na\r\nffffffffffffffff\r\n")},
    {400, "", 0, BYTES("00000000000000003\r\nabc\r\n0\r\n\r\n")},
    {400, "", 0, BYTES("10000000000000000\r\n")},
    {400, "", 0, BYTES("\r\n")},
    {400, "", 0, BYTES("\r\n3\r\nabc\r\n0\r\n\r\n")},
    {400, "", 0, BYTES(";x\r\n")},
    {400, "", 0, BYTES("g\r\n")},
    {400, "", 0, BYTES("0x3\r\nabc\r\n")},
    {400, "", 0, BYTES("+3\r\nabc\r\n")},
    {400, "", 0, BYTES("-3\r\nabc\r\n")},
    {400, "", 0, BYTES(" 3\r\nabc\r\n")},
    {400, "", 0, BYTES("3 \r\nabc\r\n")},
    {400, "", 0, BYTES("3\t\r\nabc\r\n")},
    {400, "", 0, BYTES("3 ;x\r\nabc\r\n")},
    {400, "", 0, BYTES("3_\r\nabc\r\n")},
    {400, "", 0, BYTES("3\nabc\r\n0\r\n\r\n")},
    {400, "", 0, BYTES("3\rabc\r\n")},
    {400, "", 0, BYTES("3\r\rabc\r\n")},
    {400, "", 0, BYTES("3\0\r\nabc\r\n")},
    {400, "", 0, BYTES("3;x\nabc\r\n")},
    {400, "", 0, BYTES("3;x\0y\r\nabc\r\n")},
    {400, "", 0, BYTES("3;x\ry\r\nabc\r\n")},
    {400, "", 0, BYTES("3;x\x7f\r\nabc\r\n")},
    {400, "", 0, BYTES("3\r\nabcd\r\n")},
    {400, "", 0, BYTES("3\r\nabc0\r\n\r\n")},
    {400, "", 0, BYTES("3\r\nabc\n0\r\n\r\n")},
    {400, "", 0, BYTES("3\r\nabc\r0\r\n\r\n")},
    {400, "", 0, BYTES("3\r\nabc\r\r\n0\r\n\r\n")},
    {400, "", 0, BYTES("3\r\nabc\r\n\r\n0\r\n\r\n")},
    {400, "", 0, BYTES("0\r\n\n")},
    {400, "", 0, BYTES("0\r\n\rX")},
    {400, "", 0, BYTES("0\n\r\n")},
    {400, "", 0, BYTES("0\r\n A: b\r\n\r\n")},
    {400, "", 0, BYTES("0\r\nA : b\r\n\r\n")},
    {400, "", 0, BYTES("0\r\nA\r\n\r\n")},
    {400, "", 0, BYTES("0\r\n: b\r\n\r\n")},
    {400, "", 0, BYTES("0\r\nA: b\n\r\n")},
    {400, "", 0, BYTES("0\r\nA: b\r\n c\r\n\r\n")},
    {400, "", 0, BYTES("0\r\nA: b\0\r\n\r\n")},
    {400, "", 0, BYTES("0\r\nA(: b\r\n\r\n")},
};

static void expect_body(const struct body_case *c, enum http_framing framing, uint64_t length,
                        size_t first, size_t step)
{
    struct http_body body;
    struct buf data;
    buf_init(&data);
    http_body_init(&body, framing, length, BODY_MAX);
    struct outcome found = read_body(&body, c->bytes, first, step, &data);
    if (found.answer != c->answer || found.left != c->left) {
        test_fail(__FILE__, __LINE__, "cut at %zu, step %zu: %d with %zu left: " STR_FMT, first,
                  step, found.answer, found.left, STR(c->bytes));
    }
    if (found.answer == 0 || found.answer == MORE) {
        EXPECT_STR_EQ(buf_str(&data), str_from(c->data));
    }
    EXPECT(http_body_may_end(&body) == (found.answer == 0 || framing == HTTP_UNTIL_CLOSE));
    buf_release(&data);
}

static void expect_body_in_all_pieces(const struct body_case *c, enum http_framing framing,
                                      uint64_t length)
{
    for (size_t first = 0; first <= c->bytes.n; first++) {
        expect_body(c, framing, length, first, 0);
    }
    for (size_t step = 1; step < 5; step++) {
        expect_body(c, framing, length, 0, step);
    }
}

TEST(http_body_next_every_chunked_case_is_decided_however_it_is_cut)
{
    for (size_t i = 0; i < COUNT_OF(chunked_cases); i++) {
        expect_body_in_all_pieces(&chunked_cases[i], HTTP_CHUNKED, 0);
    }
}

TEST(http_body_next_sized_body_ends_at_its_length)
{
    struct body_case c = {0, "abcde", 3, BYTES("abcdeGET")};
    expect_body_in_all_pieces(&c, HTTP_SIZED, 5);
    c = (struct body_case){0, "", 3, BYTES("GET")};
    expect_body_in_all_pieces(&c, HTTP_SIZED, 0);
    expect_body_in_all_pieces(&c, HTTP_NO_BODY, 0);
    c = (struct body_case){MORE, "abc", 0, BYTES("abc")};
    expect_body_in_all_pieces(&c, HTTP_SIZED, 5);
    c = (struct body_case){413, "", 0, BYTES("abc")};
    expect_body_in_all_pieces(&c, HTTP_SIZED, BODY_MAX + 1);
    expect_body_in_all_pieces(&c, HTTP_SIZED, UINT64_MAX);
}

TEST(http_body_next_body_until_close_is_limited)
{
    struct body_case c = {MORE, "0123456789abcdef0123456789abcdef", 0,
                          BYTES("0123456789abcdef0123456789abcdef")};
    expect_body_in_all_pieces(&c, HTTP_UNTIL_CLOSE, 0);
    struct http_body body;
    struct buf data;
    buf_init(&data);
    http_body_init(&body, HTTP_UNTIL_CLOSE, 0, BODY_MAX - 1);
    EXPECT_INT(read_body(&body, c.bytes, 3, 1, &data).answer, 413);
    buf_release(&data);
}

TEST(http_body_next_end_and_failure_stay)
{
    struct http_body body;
    struct http_failure failure = {0, ""};
    str data;
    http_body_init(&body, HTTP_CHUNKED, 0, BODY_MAX);
    str in = STR_LIT("0\r\n\r\n0\r\n\r\n");
    for (int i = 0; i < 3; i++) {
        EXPECT(http_body_next(&body, &in, &data, &failure) == HTTP_BODY_DONE);
        EXPECT_UINT(in.n, 5);
    }
    http_body_init(&body, HTTP_CHUNKED, 0, BODY_MAX);
    in = STR_LIT("x0\r\n\r\n");
    for (int i = 0; i < 3; i++) {
        EXPECT(http_body_next(&body, &in, &data, &failure) == HTTP_BODY_BROKEN);
        EXPECT_INT(failure.status, 400);
    }
}

/* `count` times `piece`, behind `before`. */
static int read_flood(const char *before, const char *piece, size_t count)
{
    struct buf text;
    struct buf data;
    struct http_body body;
    buf_init(&text);
    buf_init(&data);
    buf_append_c(&text, before);
    for (size_t i = 0; i < count; i++) {
        buf_append_c(&text, piece);
    }
    http_body_init(&body, HTTP_CHUNKED, 0, UINT64_MAX);
    int answer = read_body(&body, buf_str(&text), 0, 1000, &data).answer;
    buf_release(&text);
    buf_release(&data);
    return answer;
}

TEST(http_body_next_extensions_and_trailers_are_limited)
{
    EXPECT_INT(read_flood("1;", "x", HTTP_BODY_OVERHEAD_MAX - 1), MORE);
    EXPECT_INT(read_flood("1;", "x", HTTP_BODY_OVERHEAD_MAX), 400);
    EXPECT_INT(read_flood("", "1;xxxxxxxxxxxxxxx\r\na\r\n", HTTP_BODY_OVERHEAD_MAX / 16), MORE);
    EXPECT_INT(read_flood("", "1;xxxxxxxxxxxxxxx\r\na\r\n", HTTP_BODY_OVERHEAD_MAX / 16 + 1), 400);
    EXPECT_INT(read_flood("0\r\n", "abc:1234\r\n", HTTP_BODY_OVERHEAD_MAX / 8), MORE);
    EXPECT_INT(read_flood("0\r\n", "abc:1234\r\n", HTTP_BODY_OVERHEAD_MAX / 8 + 1), 400);
    EXPECT_INT(read_flood("", "1\r\na\r\n", 100000), MORE);
}

/* --- what we write, we read */

TEST(http_append_response_head_is_read_back)
{
    struct buf out;
    buf_init(&out);
    struct http_header extra[] = {{STR_LIT("X-Request-ID"), STR_LIT("a\r\nEvil: b\0\x7f\tc")}};
    struct http_response_head head = {.status = 404,
                                      .content_type = STR_LIT("application/json"),
                                      .framing = HTTP_SIZED,
                                      .content_length = 12,
                                      .keep_alive = true,
                                      .minor = 1,
                                      .date_us = 784111777000000,
                                      .extra = extra,
                                      .extra_count = 1};
    http_append_response_head(&out, &head);
    EXPECT_STR(buf_str(&out),
               "HTTP/1.1 404 Not Found\r\nContent-Length: 12\r\n"
               "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
               "Content-Type: application/json\r\nX-Request-ID: a  Evil: b   c\r\n\r\n");
    static struct http_response response;
    struct http_failure failure;
    size_t scanned = 0;
    size_t head_bytes = 0;
    EXPECT(http_parse_response(buf_str(&out), &scanned, HTTP_GET, &response, &head_bytes,
                               &failure) == HTTP_COMPLETE);
    EXPECT_UINT(head_bytes, out.n);
    EXPECT_INT(response.status, 404);
    buf_clear(&out);
    head = (struct http_response_head){.status = 200, .framing = HTTP_CHUNKED, .minor = 1};
    http_append_response_head(&out, &head);
    EXPECT_STR(buf_str(&out),
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    buf_clear(&out);
    head = (struct http_response_head){.status = 204, .keep_alive = true, .minor = 0};
    http_append_response_head(&out, &head);
    EXPECT_STR(buf_str(&out), "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n");
    buf_release(&out);
}

TEST(http_append_request_head_is_read_back)
{
    struct buf out;
    buf_init(&out);
    struct http_header extra[] = {{STR_LIT("Authorization"), STR_LIT("Bearer x")}};
    struct http_request_head head = {.method = "POST",
                                     .target = STR_LIT("/v1/api/sql"),
                                     .host = STR_LIT("h:1"),
                                     .content_type = STR_LIT("application/json"),
                                     .framing = HTTP_SIZED,
                                     .content_length = 2,
                                     .extra = extra,
                                     .extra_count = 1};
    http_append_request_head(&out, &head);
    static struct http_request request;
    struct http_failure failure;
    size_t scanned = 0;
    size_t head_bytes = 0;
    EXPECT(http_parse_request(buf_str(&out), &scanned, &request, &head_bytes, &failure) ==
           HTTP_COMPLETE);
    EXPECT(request.method == HTTP_POST);
    EXPECT_STR(request.path, "/v1/api/sql");
    EXPECT_STR(request.host, "h:1");
    EXPECT_UINT(request.content_length, 2);
    EXPECT_STR(http_find_header(&request.headers, "authorization")->value, "Bearer x");
    buf_release(&out);
}

TEST(http_append_chunk_is_read_back)
{
    struct buf out;
    struct buf data;
    buf_init(&out);
    buf_init(&data);
    http_append_chunk(&out, STR_LIT("abc"));
    http_append_chunk(&out, STR_LIT(""));
    size_t begin = http_chunk_begin(&out);
    buf_append_c(&out, "0123456789abcdef0");
    http_chunk_end(&out, begin);
    http_append_last_chunk(&out);
    struct http_body body;
    http_body_init(&body, HTTP_CHUNKED, 0, BODY_MAX);
    struct outcome found = read_body(&body, buf_str(&out), 0, 0, &data);
    EXPECT_INT(found.answer, 0);
    EXPECT_UINT(found.left, 0);
    EXPECT_STR(buf_str(&data), "abc0123456789abcdef0");
    EXPECT_STR(str_slice(buf_str(&out), 0, 15), "00000003\r\nabc\r\n");
    buf_release(&out);
    buf_release(&data);
}

TEST(http_append_date_days_are_right)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {951782399, "Mon, 28 Feb 2000 23:59:59 GMT"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {951868800, "Wed, 01 Mar 2000 00:00:00 GMT"},
        {1735689599, "Tue, 31 Dec 2024 23:59:59 GMT"},
        {1735689600, "Wed, 01 Jan 2025 00:00:00 GMT"},
        {4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"},
        {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"},
    };
    struct buf out;
    buf_init(&out);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_clear(&out);
        http_append_date(&out, cases[i].seconds * 1000000 + 999999);
        EXPECT_STR_EQ(buf_str(&out), str_from(cases[i].text));
    }
    buf_release(&out);
}
