/* tests/unit/wire/http_test.c -- Goal: heads have one reading; what smugglers send is refused with
 * the right status; how the bytes are cut into pieces changes nothing. Method: a table of heads
 * with the status that answers them (0: accepted), each read whole, in two pieces at every place,
 * and byte by byte, in blocks of their exact size; then what accepted heads say. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "test.h"
#include "wire/http.h"

#include <stdlib.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])
#define END "\r\n\r\n"
/* A request with one more header, or with another request line. */
#define WITH_HEADER(header) "POST /a HTTP/1.1\r\nHost: h\r\n" header END
#define WITH_LINE(line) line "\r\nHost: h" END
#define BYTES(literal) literal, sizeof(literal) - 1

struct head_case {
    int status;
    const char *bytes;
    size_t n;
};

static const struct head_case request_cases[] = {
    /* request lines that are right */
    {0, BYTES(WITH_LINE("GET / HTTP/1.1"))},
    {0, BYTES(WITH_LINE("GET /a/b?c=d&e=%20f HTTP/1.1"))},
    {0, BYTES(WITH_LINE("get / HTTP/1.1"))},
    {0, BYTES(WITH_LINE("M-SEARCH / HTTP/1.1"))},
    {0, BYTES(WITH_LINE("!#$%&'*+-.^_`|~09azAZ / HTTP/1.1"))},
    {0, BYTES(WITH_LINE("GET /{}|\\^`[]\"<> HTTP/1.1"))},
    {0, BYTES(WITH_LINE("GET /% HTTP/1.1"))},
    {0, BYTES(WITH_LINE("GET //x HTTP/1.1"))},
    {0, BYTES(WITH_LINE("GET /?? HTTP/1.1"))},
    {0, BYTES(WITH_LINE("OPTIONS * HTTP/1.1"))},
    {0, BYTES(WITH_LINE("OPTIONS /x HTTP/1.1"))},
    {0, BYTES(WITH_LINE("CONNECT h:443 HTTP/1.1"))},
    {0, BYTES(WITH_LINE("GET http://other:80/p?q HTTP/1.1"))},
    {0, BYTES(WITH_LINE("GET HTTPS://other HTTP/1.1"))},
    {0, BYTES(WITH_LINE("GET http://other?q HTTP/1.1"))},
    {0, BYTES(WITH_LINE("GET http://[::1]:8080/ HTTP/1.1"))},
    {0, BYTES("GET / HTTP/1.0" END)},
    {0, BYTES("\r\nGET / HTTP/1.0" END)},
    {0, BYTES("GET / HTTP/1.0\r\nHost: h" END)},
    /* request lines that are wrong */
    {400, BYTES("\r\n\r\nGET / HTTP/1.0" END)},
    {400, BYTES("\r\n\r\n")},
    {400, BYTES(WITH_LINE(" GET / HTTP/1.1"))},
    {400, BYTES(WITH_LINE("GET  / HTTP/1.1"))},
    {400, BYTES(WITH_LINE("GET /  HTTP/1.1"))},
    {400, BYTES(WITH_LINE("GET / HTTP/1.1 "))},
    {400, BYTES(WITH_LINE("GET\t/ HTTP/1.1"))},
    {400, BYTES(WITH_LINE("GET /\tHTTP/1.1"))},
    {400, BYTES(WITH_LINE("GET /a b HTTP/1.1"))},
    {400, BYTES(WITH_LINE("GET / http/1.1"))},
    {400, BYTES(WITH_LINE("GET / HTTP/1"))},
    {400, BYTES(WITH_LINE("GET / HTTP/11"))},
    {400, BYTES(WITH_LINE("GET / HTTP/1.1.1"))},
    {400, BYTES(WITH_LINE("GET / HTTP/1,1"))},
    {400, BYTES(WITH_LINE("GET / HTTP/+1.1"))},
    {400, BYTES(WITH_LINE("GET / HTTP/1.11"))},
    {400, BYTES(WITH_LINE("GET / HTTP/ 1.1"))},
    {400, BYTES(WITH_LINE("GET / XTTP/1.1"))},
    {400, BYTES(WITH_LINE("GET / ICE/1.0"))},
    {400, BYTES(WITH_LINE("GET /"))},
    {400, BYTES(WITH_LINE("GET"))},
    {400, BYTES(WITH_LINE("GET HTTP/1.1"))},
    {400, BYTES(WITH_LINE("G(T / HTTP/1.1"))},
    {400, BYTES(WITH_LINE("G\x80T / HTTP/1.1"))},
    {400, BYTES(WITH_LINE("G\0T / HTTP/1.1"))},
    {400, BYTES(WITH_LINE("GET: / HTTP/1.1"))},
    {505, BYTES(WITH_LINE("GET / HTTP/0.9"))},
    {505, BYTES(WITH_LINE("GET / HTTP/1.2"))},
    {505, BYTES(WITH_LINE("GET / HTTP/2.0"))},
    {505, BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")},
    {400, BYTES(WITH_LINE("GET x HTTP/1.1"))},
    {400, BYTES(WITH_LINE("GET ?x HTTP/1.1"))},
    {400, BYTES(WITH_LINE("GET * HTTP/1.1"))},
    {400, BYTES(WITH_LINE("OPTIONS ** HTTP/1.1"))},
    {400, BYTES(WITH_LINE("GET h:80 HTTP/1.1"))},
    {400, BYTES(WITH_LINE("CONNECT / HTTP/1.1"))},
    {400, BYTES(WITH_LINE("CONNECT h HTTP/1.1"))},
    {400, BYTES(WITH_LINE("CONNECT h: HTTP/1.1"))},
    {400, BYTES(WITH_LINE("CONNECT :80 HTTP/1.1"))},
    {400, BYTES(WITH_LINE("CONNECT http://h:80/ HTTP/1.1"))},
    {400, BYTES(WITH_LINE("GET ftp://h/ HTTP/1.1"))},
    {400, BYTES(WITH_LINE("GET http:/h/ HTTP/1.1"))},
    {400, BYTES(WITH_LINE("GET http:// HTTP/1.1"))},
    {400, BYTES(WITH_LINE("GET http:///x HTTP/1.1"))},
    {400, BYTES(WITH_LINE("GET http://user@h/ HTTP/1.1"))},
    {400, BYTES(WITH_LINE("GET /a#b HTTP/1.1"))},
    {400, BYTES(WITH_LINE("GET /\0 HTTP/1.1"))},
    {400, BYTES(WITH_LINE("GET /\x01 HTTP/1.1"))},
    {400, BYTES(WITH_LINE("GET /\x7f HTTP/1.1"))},
    {400, BYTES(WITH_LINE("GET /\xc3\xa9 HTTP/1.1"))},
    {400, BYTES(WITH_LINE("GET /\r HTTP/1.1"))},
    /* ends of lines */
    {400, BYTES("GET / HTTP/1.1\nHost: h\n\n")},
    {400, BYTES("GET / HTTP/1.1\r\nHost: h\n\r\n")},
    {400, BYTES("GET / HTTP/1.1\nHost: h" END)},
    {400, BYTES("GET / HTTP/1.1\r\nHost: h\r\nA: b\nC: d" END)},
    {400, BYTES("GET / HTTP/1.1\rHost: h" END)},
    {400, BYTES("GET / HTTP/1.1\r\nHost: h\rA: b" END)},
    {400, BYTES("GET / HTTP/1.1\r\r\nHost: h" END)},
    {400, BYTES("GET / HTTP/1.1\r\nHost: h\r\r\n\r\n")},
    {400, BYTES("\nGET / HTTP/1.1\r\nHost: h" END)},
    {400, BYTES("\rGET / HTTP/1.1\r\nHost: h" END)},
    {400, BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")},
    {400, BYTES("\x00")},
    {400, BYTES("{\"sql\":")},
    /* headers that are right */
    {0, BYTES(WITH_HEADER("A: b"))},
    {0, BYTES(WITH_HEADER("A:b"))},
    {0, BYTES(WITH_HEADER("A: \t b \t "))},
    {0, BYTES(WITH_HEADER("A:"))},
    {0, BYTES(WITH_HEADER("A: b\tc d"))},
    {0, BYTES(WITH_HEADER("A: \xc3\xa9\xff"))},
    {0, BYTES(WITH_HEADER("A: b:c:d"))},
    {0, BYTES(WITH_HEADER("!#$%&'*+-.^_`|~09azAZ: b"))},
    {0, BYTES(WITH_HEADER("A: b\r\nA: c"))},
    /* headers that are wrong */
    {400, BYTES(WITH_HEADER("A : b"))},
    {400, BYTES(WITH_HEADER("A\t: b"))},
    {400, BYTES(WITH_HEADER(" A: b"))},
    {400, BYTES(WITH_HEADER("A: b\r\n c"))},
    {400, BYTES(WITH_HEADER("A: b\r\n\tc: d"))},
    {400, BYTES("GET / HTTP/1.1\r\n Host: h" END)},
    {400, BYTES(WITH_HEADER(": b"))},
    {400, BYTES(WITH_HEADER("A"))},
    {400, BYTES(WITH_HEADER("A b: c"))},
    {400, BYTES(WITH_HEADER("A(: b"))},
    {400, BYTES(WITH_HEADER("A\0: b"))},
    {400, BYTES(WITH_HEADER("A\x80: b"))},
    {400, BYTES(WITH_HEADER("A\xc2\xa0: b"))},
    {400, BYTES(WITH_HEADER("\"A\": b"))},
    {400, BYTES(WITH_HEADER("A: b\0c"))},
    {400, BYTES(WITH_HEADER("A: b\x01"))},
    {400, BYTES(WITH_HEADER("A: b\x08"))},
    {400, BYTES(WITH_HEADER("A: b\x0b"))},
    {400, BYTES(WITH_HEADER("A: b\x7f"))},
    {400, BYTES(WITH_HEADER("A: b\rc"))},
    /* Host */
    {0, BYTES("GET / HTTP/1.1\r\nHost:" END)},
    {0, BYTES("GET / HTTP/1.1\r\nhOST: [::1]:80" END)},
    {400, BYTES("GET / HTTP/1.1" END)},
    {400, BYTES("GET http://h/ HTTP/1.1" END)},
    {400, BYTES("GET / HTTP/1.1\r\nHost : h" END)},
    {400, BYTES(WITH_HEADER("Host: h"))},
    {400, BYTES(WITH_HEADER("host: other"))},
    {400, BYTES("GET / HTTP/1.0\r\nHost: a\r\nHost: b" END)},
    {400, BYTES("GET / HTTP/1.1\r\nHost: a b" END)},
    {400, BYTES("GET / HTTP/1.1\r\nHost: a,b" END)},
    {400, BYTES("GET / HTTP/1.1\r\nHost: a/b" END)},
    {400, BYTES("GET / HTTP/1.1\r\nHost: u@a" END)},
    {400, BYTES("GET / HTTP/1.1\r\nHost: a?b" END)},
    {400, BYTES("GET / HTTP/1.1\r\nHost: a#b" END)},
    {400, BYTES("GET / HTTP/1.1\r\nHost: a\\b" END)},
    {400, BYTES("GET / HTTP/1.1\r\nHost: \xc3\xa9" END)},
    /* Content-Length */
    {0, BYTES(WITH_HEADER("Content-Length: 0"))},
    {0, BYTES(WITH_HEADER("Content-Length: 5"))},
    {0, BYTES(WITH_HEADER("Content-Length:5  "))},
    {0, BYTES(WITH_HEADER("Content-Length: 0005"))},
    {0, BYTES(WITH_HEADER("Content-Length: 18446744073709551615"))},
    {413, BYTES(WITH_HEADER("Content-Length: 18446744073709551616"))},
    {413, BYTES(WITH_HEADER("Content-Length: 99999999999999999999999999"))},
    {400, BYTES(WITH_HEADER("Content-Length: 5\r\nContent-Length: 5"))},
    {400, BYTES(WITH_HEADER("Content-Length: 5\r\nContent-Length: 6"))},
    {400, BYTES(WITH_HEADER("Content-Length: 5\r\ncontent-length: 5"))},
    {400, BYTES(WITH_HEADER("Content-Length: 5, 5"))},
    {400, BYTES(WITH_HEADER("Content-Length: 5,6"))},
    {400, BYTES(WITH_HEADER("Content-Length: +5"))},
    {400, BYTES(WITH_HEADER("Content-Length: -5"))},
    {400, BYTES(WITH_HEADER("Content-Length: 0x5"))},
    {400, BYTES(WITH_HEADER("Content-Length: 5a"))},
    {400, BYTES(WITH_HEADER("Content-Length: 5 5"))},
    {400, BYTES(WITH_HEADER("Content-Length: 5.0"))},
    {400, BYTES(WITH_HEADER("Content-Length: 1e1"))},
    {400, BYTES(WITH_HEADER("Content-Length: 5;"))},
    {400, BYTES(WITH_HEADER("Content-Length: \"5\""))},
    {400, BYTES(WITH_HEADER("Content-Length: \x0b"
                            "5"))},
    {400, BYTES(WITH_HEADER("Content-Length: \xd9\xa5"))},
    {400, BYTES(WITH_HEADER("Content-Length:"))},
    {400, BYTES(WITH_HEADER("Content-Length : 5"))},
    {400, BYTES(WITH_HEADER("Content-Length: 5\r\n 6"))},
    {0, BYTES(WITH_HEADER("Content_Length: x"))},
    {0, BYTES(WITH_HEADER("X-Content-Length: x"))},
    /* Transfer-Encoding */
    {0, BYTES(WITH_HEADER("Transfer-Encoding: chunked"))},
    {0, BYTES(WITH_HEADER("transfer-encoding:  ChUnKeD "))},
    {400, BYTES(WITH_HEADER("Transfer-Encoding: chunked\r\nContent-Length: 5"))},
    {400, BYTES(WITH_HEADER("Content-Length: 5\r\nTransfer-Encoding: chunked"))},
    {400, BYTES(WITH_HEADER("Content-Length: 0\r\nTransfer-Encoding: chunked"))},
    {400, BYTES(WITH_HEADER("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"))},
    {400, BYTES(WITH_HEADER("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"))},
    {400, BYTES("POST / HTTP/1.0\r\nTransfer-Encoding: chunked" END)},
    {400, BYTES("POST / HTTP/1.0\r\nTransfer-Encoding: identity" END)},
    {501, BYTES(WITH_HEADER("Transfer-Encoding: identity"))},
    {501, BYTES(WITH_HEADER("Transfer-Encoding: gzip, chunked"))},
    {501, BYTES(WITH_HEADER("Transfer-Encoding: chunked, gzip"))},
    {501, BYTES(WITH_HEADER("Transfer-Encoding: chunked, chunked"))},
    {501, BYTES(WITH_HEADER("Transfer-Encoding: xchunked"))},
    {501, BYTES(WITH_HEADER("Transfer-Encoding: chunkedx"))},
    {501, BYTES(WITH_HEADER("Transfer-Encoding: \"chunked\""))},
    {501, BYTES(WITH_HEADER("Transfer-Encoding: chunked;q=1"))},
    {501, BYTES(WITH_HEADER("Transfer-Encoding: chunked,"))},
    {501, BYTES(WITH_HEADER("Transfer-Encoding: ,chunked"))},
    {501, BYTES(WITH_HEADER("Transfer-Encoding:"))},
    {400, BYTES(WITH_HEADER("Transfer-Encoding : chunked"))},
    {400, BYTES(WITH_HEADER("Transfer-Encoding: \x0b"
                            "chunked"))},
    {501, BYTES(WITH_HEADER("Transfer-Encoding: chun\r\n ked"))},
    {400, BYTES(WITH_HEADER("Transfer-Encoding\0: chunked"))},
    /* Expect */
    {0, BYTES(WITH_HEADER("Expect: 100-Continue"))},
    {417, BYTES(WITH_HEADER("Expect: 200-ok"))},
    {417, BYTES(WITH_HEADER("Expect: 100-continue, x"))},
    {0, BYTES("POST / HTTP/1.0\r\nExpect: x" END)},
};

/* One reading of `bytes` whose first `from` bytes came earlier, byte by byte when `stepwise`. The
 * bytes lie in blocks of their exact size. */
static enum http_progress read_in_pieces(str bytes, size_t from, bool stepwise,
                                         struct http_request *out, size_t *head_bytes,
                                         struct http_failure *failure)
{
    size_t scanned = 0;
    for (size_t n = from;; n = stepwise ? n + 1 : bytes.n) {
        char *copy = mem_copy(bytes.p, n);
        enum http_progress progress =
            http_parse_request((str){copy, n}, &scanned, out, head_bytes, failure);
        mem_free(copy);
        if (progress != HTTP_INCOMPLETE || n == bytes.n) {
            return progress;
        }
    }
}

static void expect_case(const struct head_case *c, size_t from, bool stepwise)
{
    static struct http_request request;
    struct http_failure failure = {0, ""};
    size_t head_bytes = 0;
    str bytes = {c->bytes, c->n};
    enum http_progress progress =
        read_in_pieces(bytes, from, stepwise, &request, &head_bytes, &failure);
    int found = progress == HTTP_COMPLETE ? 0 : progress == HTTP_BROKEN ? failure.status : -1;
    if (found != c->status || (found == 0 && head_bytes != c->n)) {
        test_fail(__FILE__, __LINE__, "cut at %zu%s: %d instead of %d (%s): " STR_FMT, from,
                  stepwise ? " and after" : "", found, c->status, failure.reason, STR(bytes));
    }
}

TEST(http_parse_request_every_case_is_answered_however_it_is_cut)
{
    for (size_t i = 0; i < COUNT_OF(request_cases); i++) {
        for (size_t from = 0; from <= request_cases[i].n; from++) {
            expect_case(&request_cases[i], from, false);
        }
        expect_case(&request_cases[i], 0, true);
    }
}

static struct http_request parse(const char *text)
{
    struct http_request request;
    struct http_failure failure = {0, ""};
    size_t scanned = 0;
    size_t head_bytes = 0;
    enum http_progress progress =
        http_parse_request(str_from(text), &scanned, &request, &head_bytes, &failure);
    if (progress != HTTP_COMPLETE) {
        test_fail(__FILE__, __LINE__, "refused: %d %s", failure.status, failure.reason);
    }
    return request;
}

TEST(http_parse_request_parts_are_found)
{
    struct http_request r =
        parse("POST /v1/api/sql?a=1&b=2 HTTP/1.1\r\nHost: localhost:8080\r\n"
              "Content-Type: application/json\r\nContent-Length: 12\r\n\r\nbody");
    EXPECT(r.method == HTTP_POST);
    EXPECT_STR(r.method_text, "POST");
    EXPECT_STR(r.target, "/v1/api/sql?a=1&b=2");
    EXPECT_STR(r.path, "/v1/api/sql");
    EXPECT_STR(r.query, "a=1&b=2");
    EXPECT_STR(r.host, "localhost:8080");
    EXPECT_UINT(r.minor, 1);
    EXPECT(r.keep_alive);
    EXPECT(!r.expects_continue);
    EXPECT(r.framing == HTTP_SIZED);
    EXPECT_UINT(r.content_length, 12);
    EXPECT_UINT(r.headers.count, 3);
    EXPECT_STR(http_find_header(&r.headers, "content-type")->value, "application/json");
    EXPECT(http_find_header(&r.headers, "content-typ") == NULL);
    EXPECT_STR(r.upgrade, "");
}

TEST(http_parse_request_method_names_are_known)
{
    static const char *const names[] = {"GET",   "HEAD",    "POST",    "PUT",  "DELETE",
                                        "PATCH", "OPTIONS", "CONNECT", "TRACE"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct arena arena;
        arena_init(&arena);
        const char *target = strcmp(names[i], "CONNECT") == 0 ? "h:1" : "/";
        str text = arena_format(&arena, "%s %s HTTP/1.0\r\n\r\n", names[i], target);
        struct http_request r = parse(text.p);
        EXPECT((size_t)r.method == i);
        EXPECT_STR_EQ(str_from(http_method_name(r.method)), str_from(names[i]));
        arena_release(&arena);
    }
    EXPECT(parse("get / HTTP/1.0\r\n\r\n").method == HTTP_OTHER_METHOD);
}

TEST(http_parse_request_targets_give_host_and_path)
{
    struct http_request r = parse("GET http://other:81/p?q HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_STR(r.host, "other:81");
    EXPECT_STR(r.path, "/p");
    EXPECT_STR(r.query, "q");
    r = parse("GET http://other?q HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_STR(r.path, "/");
    EXPECT_STR(r.query, "q");
    r = parse("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_STR(r.path, "*");
    EXPECT_STR(r.host, "h");
    r = parse("CONNECT x:1 HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_STR(r.host, "x:1");
    EXPECT_STR(r.path, "");
    r = parse("GET /a?b?c HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_STR(r.path, "/a");
    EXPECT_STR(r.query, "b?c");
}

TEST(http_parse_request_connection_decides_whether_it_is_kept)
{
    static const struct {
        const char *text;
        bool keep_alive;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: x , CLOSE\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: closed\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        EXPECT(parse(cases[i].text).keep_alive == cases[i].keep_alive);
    }
}

TEST(http_parse_request_upgrade_counts_when_connection_names_it)
{
    EXPECT_STR(parse("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: keep-alive, "
                     "Upgrade\r\n\r\n")
                   .upgrade,
               "websocket");
    EXPECT_STR(parse("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n").upgrade, "");
}

TEST(http_parse_request_expect_counts_when_a_body_follows)
{
    EXPECT(parse("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
               .expects_continue);
    EXPECT(!parse("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n").expects_continue);
    EXPECT(!parse("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
                .expects_continue);
}

/* A request whose head is padded to `bytes` bytes in the target or in a header. */
static void expect_padded(size_t bytes, bool in_target, int wanted)
{
    static const char before_target[] = "GET /";
    static const char after_target[] = " HTTP/1.1\r\nHost: h\r\n\r\n";
    static const char before_header[] = "GET / HTTP/1.1\r\nHost: h\r\nA: ";
    static const char after_header[] = "\r\n\r\n";
    const char *before = in_target ? before_target : before_header;
    const char *after = in_target ? after_target : after_header;
    struct buf text;
    buf_init(&text);
    buf_append_c(&text, before);
    for (size_t n = bytes - strlen(before) - strlen(after); n > 0; n--) {
        buf_append_byte(&text, 'x');
    }
    buf_append_c(&text, after);
    struct head_case c = {wanted, text.p, text.n};
    expect_case(&c, bytes, false);
    expect_case(&c, bytes - 1, false);
    expect_case(&c, 7, false);
    expect_case(&c, 0, true);
    buf_release(&text);
}

TEST(http_parse_request_head_is_limited)
{
    expect_padded(LIMIT_HEAD_BYTES, false, 0);
    expect_padded(LIMIT_HEAD_BYTES + 1, false, 431);
    expect_padded(LIMIT_HEAD_BYTES, true, 0);
    expect_padded(LIMIT_HEAD_BYTES + 1, true, 431); /* the line fits, the rest does not */
    expect_padded(LIMIT_HEAD_BYTES + 100, true, 414);
}

static void expect_header_count(unsigned count, int wanted)
{
    struct buf text;
    buf_init(&text);
    buf_append_c(&text, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (unsigned i = 1; i < count; i++) {
        buf_append_format(&text, "A%u: b\r\n", i);
    }
    buf_append_c(&text, "\r\n");
    struct head_case c = {wanted, text.p, text.n};
    expect_case(&c, text.n, false);
    buf_release(&text);
}

TEST(http_parse_request_headers_are_limited)
{
    expect_header_count(LIMIT_HEADERS, 0);
    expect_header_count(LIMIT_HEADERS + 1, 431);
}

TEST(http_parse_request_pipelined_requests_are_read_one_by_one)
{
    str bytes = STR_LIT("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
    struct http_request request;
    struct http_failure failure;
    size_t scanned = 0;
    size_t head_bytes = 0;
    EXPECT(http_parse_request(bytes, &scanned, &request, &head_bytes, &failure) == HTTP_COMPLETE);
    EXPECT_STR(request.path, "/1");
    bytes = str_skip(bytes, head_bytes);
    scanned = 0;
    EXPECT(http_parse_request(bytes, &scanned, &request, &head_bytes, &failure) == HTTP_COMPLETE);
    EXPECT_STR(request.path, "/2");
    EXPECT_UINT(head_bytes, bytes.n);
}

TEST(http_find_cookie_reads_all_cookie_headers)
{
    struct http_request r =
        parse("GET / HTTP/1.1\r\nHost: h\r\nCookie: a=1; kalamdb_auth=tok=en ;b\r\n"
              "Cookie: c=\"q\"; d=\"; a=2\r\n\r\n");
    str value = STR_LIT("untouched");
    EXPECT(http_find_cookie(&r.headers, "kalamdb_auth", &value));
    EXPECT_STR(value, "tok=en");
    EXPECT(http_find_cookie(&r.headers, "a", &value));
    EXPECT_STR(value, "1");
    EXPECT(http_find_cookie(&r.headers, "c", &value));
    EXPECT_STR(value, "q");
    EXPECT(http_find_cookie(&r.headers, "d", &value));
    EXPECT_STR(value, "\"");
    EXPECT(!http_find_cookie(&r.headers, "b", &value));
    EXPECT(!http_find_cookie(&r.headers, "A", &value));
    EXPECT(!http_find_cookie(&r.headers, "", &value));
    EXPECT_UINT(http_count_header(&r.headers, "cookie"), 2);
}

TEST(http_list_has_compares_whole_tokens)
{
    EXPECT(http_list_has(STR_LIT("a, b ,C"), STR_LIT("c")));
    EXPECT(http_list_has(STR_LIT("a"), STR_LIT("A")));
    EXPECT(!http_list_has(STR_LIT("ab, c"), STR_LIT("a")));
    EXPECT(!http_list_has(STR_LIT(""), STR_LIT("a")));
}

/* --- responses */

static const struct head_case response_cases[] = {
    {0, BYTES("HTTP/1.1 200 OK" END)},
    {0, BYTES("HTTP/1.1 200 " END)},
    {0, BYTES("HTTP/1.1 200" END)},
    {0, BYTES("HTTP/1.0 404 Not Found here" END)},
    {0, BYTES("HTTP/1.1 599 caf\xc3\xa9" END)},
    {502, BYTES("HTTP/1.1 600 x" END)},
    {502, BYTES("HTTP/1.1 099 x" END)},
    {502, BYTES("HTTP/1.1 20 OK" END)},
    {502, BYTES("HTTP/1.1 2000 OK" END)},
    {502, BYTES("HTTP/1.1  200 OK" END)},
    {502, BYTES("HTTP/1.1\t200 OK" END)},
    {502, BYTES("HTTP/2.0 200 OK" END)},
    {502, BYTES("HTTP/1.1 2\0000 OK" END)},
    {502, BYTES("HTTP/1.1 200 O\x01K" END)},
    {502, BYTES("HTTP/1.1" END)},
    {502, BYTES("\r\n\r\n")},
    {502, BYTES("<html>")},
    {502, BYTES("HTTP/1.1 200 OK\nA: b\n\n")},
    {502, BYTES("HTTP/1.1 200 OK\r\nA : b" END)},
    {502, BYTES("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5" END)},
    {502, BYTES("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked" END)},
    {502, BYTES("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked" END)},
    {502, BYTES("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip" END)},
    {502, BYTES("HTTP/1.1 200 OK\r\nContent-Length: -1" END)},
};

TEST(http_parse_response_every_case_is_decided_however_it_is_cut)
{
    for (size_t i = 0; i < COUNT_OF(response_cases); i++) {
        const struct head_case *c = &response_cases[i];
        for (size_t from = 0; from <= c->n; from++) {
            static struct http_response response;
            struct http_failure failure = {0, ""};
            size_t scanned = 0;
            size_t head_bytes = 0;
            enum http_progress progress = http_parse_response(
                (str){c->bytes, from}, &scanned, HTTP_GET, &response, &head_bytes, &failure);
            if (progress == HTTP_INCOMPLETE) {
                progress = http_parse_response((str){c->bytes, c->n}, &scanned, HTTP_GET, &response,
                                               &head_bytes, &failure);
            }
            int found = progress == HTTP_COMPLETE ? 0
                        : progress == HTTP_BROKEN ? failure.status
                                                  : -1;
            if (found != c->status) {
                test_fail(__FILE__, __LINE__, "%d instead of %d: %s", found, c->status, c->bytes);
            }
        }
    }
}

static struct http_response parse_response(const char *text, enum http_method method)
{
    struct http_response response;
    struct http_failure failure = {0, ""};
    size_t scanned = 0;
    size_t head_bytes = 0;
    EXPECT(http_parse_response(str_from(text), &scanned, method, &response, &head_bytes,
                               &failure) == HTTP_COMPLETE);
    return response;
}

TEST(http_parse_response_framing_follows_status_method_and_headers)
{
    static const char sized[] = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n";
    struct http_response r = parse_response(sized, HTTP_GET);
    EXPECT_INT(r.status, 200);
    EXPECT_STR(r.reason, "OK");
    EXPECT(r.framing == HTTP_SIZED);
    EXPECT_UINT(r.content_length, 7);
    EXPECT(r.keep_alive);
    EXPECT(parse_response(sized, HTTP_HEAD).framing == HTTP_NO_BODY);
    r = parse_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_GET);
    EXPECT(r.framing == HTTP_CHUNKED);
    r = parse_response("HTTP/1.1 200 OK\r\n\r\n", HTTP_GET);
    EXPECT(r.framing == HTTP_UNTIL_CLOSE);
    EXPECT(!r.keep_alive);
    EXPECT(parse_response("HTTP/1.1 204 No Content\r\n\r\n", HTTP_GET).framing == HTTP_NO_BODY);
    EXPECT(parse_response("HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", HTTP_GET).framing ==
           HTTP_NO_BODY);
    EXPECT(parse_response("HTTP/1.1 100 Continue\r\n\r\n", HTTP_POST).framing == HTTP_NO_BODY);
    r = parse_response("HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
                       HTTP_GET);
    EXPECT_STR(r.upgrade, "websocket");
    EXPECT(r.framing == HTTP_NO_BODY);
    EXPECT(!parse_response("HTTP/1.0 204 x\r\n\r\n", HTTP_GET).keep_alive);
}
