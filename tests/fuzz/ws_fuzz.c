/* tests/fuzz/ws_fuzz.c -- Goal: no frames make the WebSocket reader read past its end or hand out
 * what its header does not promise, and cutting them changes no event. Method: the first byte
 * chooses the side and seeds the cuts; the rest is read whole and in pieces of exactly sized
 * blocks; messages are written again and read back. A text that begins with GET is a handshake. */
#include "wire/websocket.h"
#include "wire/ws_handshake.h"

#include "base/check.h"
#include "base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAX = 512 };

static void check_event(const struct ws_event *event)
{
    switch (event->kind) {
    case WS_EVENT_TEXT:
        CHECK(str_is_utf8(event->payload));
        CHECK(event->payload.n <= MESSAGE_MAX);
        return;
    case WS_EVENT_BINARY:
        CHECK(event->payload.n <= MESSAGE_MAX);
        return;
    case WS_EVENT_PING:
    case WS_EVENT_PONG:
        CHECK(event->payload.n <= WS_CONTROL_BYTES_MAX);
        return;
    case WS_EVENT_CLOSE:
        CHECK(event->payload.n <= WS_REASON_BYTES_MAX);
        CHECK(str_is_utf8(event->payload));
        CHECK(event->close_code == WS_CLOSE_NONE || ws_close_code_is_valid(event->close_code));
        return;
    case WS_EVENT_BROKEN:
        CHECK(event->reason != NULL);
        CHECK(ws_close_code_is_valid(event->close_code));
        return;
    default:
        return;
    }
}

static void note_event(struct buf *events, const struct ws_event *event)
{
    buf_append_u16le(events, (uint16_t)event->kind);
    buf_append_u16le(events, event->close_code);
    buf_append_u64le(events, event->payload.n);
    buf_append_str(events, event->payload);
}

/* All events of the bytes; in pieces when there is an rng. */
static void read_frames(str bytes, bool is_client, struct rng *rng, struct buf *events)
{
    struct ws_parser parser;
    ws_parser_init(&parser, is_client, MESSAGE_MAX);
    do {
        size_t n = bytes.n;
        if (rng != NULL && n > 0) {
            size_t wanted = 1 + (size_t)rng_below(rng, 9);
            n = wanted < n ? wanted : n;
        }
        char *copy = mem_copy(bytes.p, n);
        char *at = copy;
        struct ws_event event;
        while (ws_parser_next(&parser, &at, copy + n, &event) != WS_EVENT_MORE) {
            check_event(&event);
            note_event(events, &event);
        }
        CHECK(at == copy + n);
        CHECK(parser.message.n <= MESSAGE_MAX);
        CHECK(parser.control.n < WS_CONTROL_BYTES_MAX);
        mem_free(copy);
        bytes = str_skip(bytes, n);
    } while (bytes.n > 0);
    ws_parser_release(&parser);
}

/* What is written as one frame is read as one event, on either side. */
static void round_trip(str payload, const uint8_t *mask)
{
    struct buf stream;
    struct ws_parser parser;
    struct ws_event event;
    buf_init(&stream);
    ws_append_frame(&stream, WS_BINARY, payload, mask);
    ws_parser_init(&parser, mask == NULL, MESSAGE_MAX);
    char *at = stream.p;
    enum ws_event_kind wanted = payload.n <= MESSAGE_MAX                        ? WS_EVENT_BINARY
                                : payload.n <= MESSAGE_MAX * WS_OVERSIZE_FACTOR ? WS_EVENT_TOO_LARGE
                                                                                : WS_EVENT_BROKEN;
    CHECK(ws_parser_next(&parser, &at, stream.p + stream.n, &event) == wanted);
    CHECK(wanted != WS_EVENT_BINARY || str_eq(event.payload, payload));
    CHECK(ws_parser_next(&parser, &at, stream.p + stream.n, &event) == WS_EVENT_MORE);
    ws_parser_release(&parser);
    buf_release(&stream);
}

static void shake_hands(str bytes)
{
    static struct http_request request;
    struct http_failure failure;
    size_t scanned = 0;
    size_t head_bytes = 0;
    str key;
    const char *reason;
    if (http_parse_request(bytes, &scanned, &request, &head_bytes, &failure) == HTTP_COMPLETE &&
        ws_check_upgrade(&request, &key, &reason) == 101) {
        static struct http_response response;
        struct buf answer;
        buf_init(&answer);
        ws_append_upgrade_response(&answer, key, NULL, 0);
        scanned = 0;
        CHECK(http_parse_response(buf_str(&answer), &scanned, HTTP_GET, &response, &head_bytes,
                                  &failure) == HTTP_COMPLETE);
        CHECK(ws_is_upgraded(&response, key));
        buf_release(&answer);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    str bytes = str_of(data + 1, size - 1);
    if (str_starts_with(bytes, STR_LIT("GET "))) {
        shake_hands(bytes);
        return 0;
    }
    struct rng rng;
    struct buf whole;
    struct buf pieces;
    bool is_client = (data[0] & 1) != 0;
    rng_init(&rng, data[0]);
    buf_init(&whole);
    buf_init(&pieces);
    read_frames(bytes, is_client, NULL, &whole);
    read_frames(bytes, is_client, &rng, &pieces);
    CHECK(str_eq(buf_str(&whole), buf_str(&pieces)));
    const uint8_t mask[4] = {data[0], 1, 2, 3};
    round_trip(bytes, NULL);
    round_trip(bytes, mask);
    buf_release(&whole);
    buf_release(&pieces);
    return 0;
}
