/* tests/fuzz/http_fuzz.c -- Goal: no bytes make the HTTP readers read past their end, and cutting
 * them into pieces changes neither decision nor data. Method: the first byte seeds the cuts, the
 * rest is a request (or a response) with its body, read whole and in pieces of exactly sized
 * blocks. */
#include "wire/http_body.h"
#include "wire/http_write.h"
#include "wire/url.h"

#include "base/check.h"
#include "base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BODY_MAX = 4096 };

struct reading {
    enum http_progress head;
    enum http_body_step body;
    int failure; /* status to answer, 0: none */
    size_t head_bytes;
    size_t used_bytes;
    uint64_t data_hash;
    size_t data_bytes;
};

/* Reads a head in pieces; the response parser when `is_response`. */
static enum http_progress read_head(str bytes, struct rng *rng, bool is_response,
                                    struct reading *reading, enum http_framing *framing,
                                    uint64_t *length)
{
    static struct http_request request;
    static struct http_response response;
    struct http_failure failure = {0, NULL};
    size_t scanned = 0;
    size_t n = rng == NULL ? bytes.n : 0;
    for (;;) {
        char *copy = mem_copy(bytes.p, n);
        str so_far = {copy, n};
        enum http_progress progress =
            is_response
                ? http_parse_response(so_far, &scanned, HTTP_GET, &response, &reading->head_bytes,
                                      &failure)
                : http_parse_request(so_far, &scanned, &request, &reading->head_bytes, &failure);
        CHECK(scanned <= n);
        if (progress == HTTP_COMPLETE && !is_response) {
            CHECK(request.headers.count <= LIMIT_HEADERS);
            CHECK(request.path.n > 0 || request.method == HTTP_CONNECT);
            CHECK(request.minor == 0 || http_count_header(&request.headers, "host") == 1);
            struct arena arena;
            arena_init(&arena);
            str out;
            (void)url_decode(request.path, &arena, &out);
            (void)url_query_get(request.query, "a", &arena, &out);
            (void)http_find_cookie(&request.headers, "a", &out);
            arena_release(&arena);
            *framing = request.framing;
            *length = request.content_length;
        } else if (progress == HTTP_COMPLETE) {
            *framing = response.framing;
            *length = response.content_length;
        }
        mem_free(copy);
        if (progress != HTTP_INCOMPLETE || n == bytes.n) {
            reading->failure = progress == HTTP_BROKEN ? failure.status : 0;
            CHECK(progress != HTTP_BROKEN || failure.reason != NULL);
            return progress;
        }
        n += 1 + (size_t)rng_below(rng, 9);
        n = n < bytes.n ? n : bytes.n;
    }
}

static void read_body(str bytes, struct rng *rng, enum http_framing framing, uint64_t length,
                      struct reading *reading)
{
    struct http_body body;
    struct http_failure failure = {0, NULL};
    struct buf data;
    buf_init(&data);
    http_body_init(&body, framing, length, BODY_MAX);
    size_t at = 0;
    for (;;) {
        size_t n = bytes.n - at;
        if (rng != NULL && n > 0) {
            size_t wanted = 1 + (size_t)rng_below(rng, 9);
            n = wanted < n ? wanted : n;
        }
        char *copy = mem_copy(bytes.p + at, n);
        str in = {copy, n};
        str piece;
        while ((reading->body = http_body_next(&body, &in, &piece, &failure)) == HTTP_BODY_DATA) {
            CHECK(piece.n > 0);
            buf_append_str(&data, piece);
        }
        at += n - in.n;
        mem_free(copy);
        if (reading->body != HTTP_BODY_MORE || at == bytes.n) {
            break;
        }
    }
    CHECK(data.n <= BODY_MAX);
    CHECK(framing != HTTP_SIZED || reading->body != HTTP_BODY_DONE || data.n == length);
    if (reading->body == HTTP_BODY_BROKEN) {
        reading->failure = failure.status;
    } else {
        reading->used_bytes = at;
        reading->data_bytes = data.n;
        reading->data_hash = hash_bytes(buf_str(&data));
    }
    buf_release(&data);
}

static struct reading read_message(str bytes, struct rng *rng, bool is_response)
{
    struct reading reading = {.body = HTTP_BODY_MORE};
    enum http_framing framing = HTTP_NO_BODY;
    uint64_t length = 0;
    reading.head = read_head(bytes, rng, is_response, &reading, &framing, &length);
    if (reading.head == HTTP_COMPLETE) {
        read_body(str_skip(bytes, reading.head_bytes), rng, framing, length, &reading);
    } else {
        reading.head_bytes = 0;
    }
    return reading;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct rng rng;
    rng_init(&rng, data[0]);
    str bytes = str_of(data + 1, size - 1);
    bool is_response = str_starts_with(bytes, STR_LIT("HTTP/"));
    struct reading whole = read_message(bytes, NULL, is_response);
    struct reading pieces = read_message(bytes, &rng, is_response);
    CHECK(whole.head == pieces.head);
    CHECK(whole.body == pieces.body);
    CHECK(whole.failure == pieces.failure);
    CHECK(whole.head_bytes == pieces.head_bytes);
    CHECK(whole.used_bytes == pieces.used_bytes);
    CHECK(whole.data_bytes == pieces.data_bytes);
    CHECK(whole.data_hash == pieces.data_hash);
    struct url url;
    if (url_parse(bytes, &url)) {
        CHECK(url.host.n > 0 && url.target.n > 0 && url.port > 0);
    }
    return 0;
}
