/* tests/unit/wire/websocket_test.c -- Goal: frames are read as RFC 6455 says, and what it forbids
 * ends the connection with the right code. Method: a table of byte streams with the events they
 * give (the examples of section 5.7, then cases after the list of the Autobahn suite), each read
 * whole, cut in two at every place, and byte by byte. Streams are written without masks; the reader
 * of a server gets them masked by hand. */
#include "base/hash.h"
#include "test.h"
#include "wire/websocket.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])
#define BYTES(literal)                                                                             \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

enum { MESSAGE_MAX = 300 };

struct stream_case {
    const char *events; /* one line each: kind, code when it has one, payload */
    str bytes;          /* of a server: unmasked */
};

static const struct stream_case cases[] = {
    /* RFC 6455 section 5.7 */
    {"text Hello\n", BYTES("\x81\x05Hello")},
    {"text Hello\n", BYTES("\x01\x03Hel\x80\x02lo")},
    {"ping Hello\n", BYTES("\x89\x05Hello")},
    {"pong Hello\n", BYTES("\x8a\x05Hello")},
    /* 1: framing */
    {"text \n", BYTES("\x81\x00")},
    {"binary \n", BYTES("\x82\x00")},
    {"binary \x01\xff\n", BYTES("\x82\x02\x01\xff")},
    {"text a\ntext b\n", BYTES("\x81\x01"
                               "a\x81\x01"
                               "b")},
    {"", BYTES("\x81\x05Hell")},
    {"", BYTES("\x81")},
    {"", BYTES("")},
    /* 2: pings and pongs */
    {"ping \n", BYTES("\x89\x00")},
    {"pong \n", BYTES("\x8a\x00")},
    {"ping \xfe\xff\n", BYTES("\x89\x02\xfe\xff")},
    {"ping 1\nping 2\ntext x\n", BYTES("\x89\x01"
                                       "1\x89\x01"
                                       "2\x81\x01x")},
    {"broken 1002\n", BYTES("\x89\x7e\x00\x7e")},
    {"broken 1002\n", BYTES("\x8a\x7f")},
    /* 3: reserved bits */
    {"broken 1002\n", BYTES("\xc1\x05Hello")},
    {"broken 1002\n", BYTES("\xa1\x05Hello")},
    {"broken 1002\n", BYTES("\x91\x05Hello")},
    {"broken 1002\n", BYTES("\xf1\x00")},
    {"broken 1002\n", BYTES("\xc9\x00")},
    {"broken 1002\n", BYTES("\xf8\x00")},
    {"text a\nbroken 1002\n", BYTES("\x81\x01"
                                    "a\xc1\x01"
                                    "b\x81\x01"
                                    "c")},
    /* 4: reserved opcodes */
    {"broken 1002\n", BYTES("\x83\x00")},
    {"broken 1002\n", BYTES("\x84\x00")},
    {"broken 1002\n", BYTES("\x85\x01x")},
    {"broken 1002\n", BYTES("\x86\x00")},
    {"broken 1002\n", BYTES("\x87\x00")},
    {"broken 1002\n", BYTES("\x8b\x00")},
    {"broken 1002\n", BYTES("\x8c\x00")},
    {"broken 1002\n", BYTES("\x8d\x01x")},
    {"broken 1002\n", BYTES("\x8e\x00")},
    {"broken 1002\n", BYTES("\x8f\x00")},
    {"text a\nbroken 1002\n", BYTES("\x81\x01"
                                    "a\x85\x00")},
    /* 5: fragments */
    {"broken 1002\n", BYTES("\x09\x01x")},
    {"broken 1002\n", BYTES("\x0a\x01x")},
    {"broken 1002\n", BYTES("\x08\x00")},
    {"text ab\n", BYTES("\x01\x01"
                        "a\x80\x01"
                        "b")},
    {"binary abc\n", BYTES("\x02\x01"
                           "a\x00\x01"
                           "b\x80\x01"
                           "c")},
    {"ping p\ntext ab\n", BYTES("\x01\x01"
                                "a\x89\x01p\x80\x01"
                                "b")},
    {"ping p\npong q\ntext abc\nping r\n", BYTES("\x01\x01"
                                                 "a\x89\x01p\x00\x01"
                                                 "b\x8a\x01q\x80\x01"
                                                 "c\x89\x01r")},
    {"broken 1002\n", BYTES("\x80\x01x")},
    {"broken 1002\n", BYTES("\x00\x01x")},
    {"broken 1002\n", BYTES("\x00\x00\x81\x00")},
    {"text a\nbroken 1002\n", BYTES("\x81\x01"
                                    "a\x80\x01x")},
    {"broken 1002\n", BYTES("\x01\x01"
                            "a\x81\x01"
                            "b")},
    {"broken 1002\n", BYTES("\x01\x01"
                            "a\x02\x01"
                            "b")},
    {"text \n", BYTES("\x01\x00\x00\x00\x80\x00")},
    {"text ab\n", BYTES("\x01\x00\x00\x02"
                        "ab\x80\x00")},
    {"", BYTES("\x01\x01"
               "a\x00\x01"
               "b")},
    /* 6: UTF-8 */
    {"text \xce\xba\xe1\xbd\xb9\n", BYTES("\x81\x05\xce\xba\xe1\xbd\xb9")},
    {"text \xce\xba\n", BYTES("\x01\x01\xce\x80\x01\xba")},
    {"text \xf4\x8f\xbf\xbf\n", BYTES("\x01\x01\xf4\x00\x01\x8f\x00\x01\xbf\x80\x01\xbf")},
    {"broken 1007\n", BYTES("\x81\x01\xff")},
    {"broken 1007\n", BYTES("\x81\x02\xc0\xaf")},
    {"broken 1007\n", BYTES("\x81\x03\xed\xa0\x80")},
    {"broken 1007\n", BYTES("\x81\x04\xf4\x90\x80\x80")},
    {"broken 1007\n", BYTES("\x81\x01\xce")},
    {"broken 1007\n", BYTES("\x01\x01\xce\x80\x00")},
    {"broken 1007\n", BYTES("\x01\x01\xce\x80\x01x")},
    {"binary \xff\n", BYTES("\x82\x01\xff")},
    {"ping \xff\n", BYTES("\x89\x01\xff")},
    /* 7: closes */
    {"close 1005 \n", BYTES("\x88\x00")},
    {"close 1000 \n", BYTES("\x88\x02\x03\xe8")},
    {"close 1000 bye\n", BYTES("\x88\x05\x03\xe8"
                               "bye")},
    {"close 1000 \n", BYTES("\x88\x02\x03\xe8\x81\x01x\xff\xff")},
    {"close 1005 \n", BYTES("\x01\x01"
                            "a\x88\x00\x80\x01"
                            "b")},
    {"text a\nclose 1001 \n", BYTES("\x81\x01"
                                    "a\x88\x02\x03\xe9")},
    {"broken 1002\n", BYTES("\x88\x01\x03")},
    {"broken 1002\n", BYTES("\x88\x7e\x00\x7e")},
    {"broken 1007\n", BYTES("\x88\x03\x03\xe8\xff")},
    {"broken 1007\n", BYTES("\x88\x04\x03\xe8\xc0\xaf")},
    {"close 3000 \n", BYTES("\x88\x02\x0b\xb8")},
    {"close 4999 \n", BYTES("\x88\x02\x13\x87")},
    {"broken 1002\n", BYTES("\x88\x02\x00\x00")},
    {"broken 1002\n", BYTES("\x88\x02\x03\xe7")},
    {"broken 1002\n", BYTES("\x88\x02\x03\xec")},
    {"broken 1002\n", BYTES("\x88\x02\x03\xed")},
    {"broken 1002\n", BYTES("\x88\x02\x03\xee")},
    {"broken 1002\n", BYTES("\x88\x02\x03\xf7")},
    {"broken 1002\n", BYTES("\x88\x02\x07\xd0")},
    {"broken 1002\n", BYTES("\x88\x02\x0b\xb7")},
    {"broken 1002\n", BYTES("\x88\x02\x13\x88")},
    {"broken 1002\n", BYTES("\x88\x02\xff\xff")},
    /* lengths */
    {"broken 1002\n", BYTES("\x82\x7e\x00\x00")},
    {"broken 1002\n", BYTES("\x82\x7e\x00\x7d")},
    {"broken 1002\n", BYTES("\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x05")},
    {"broken 1002\n", BYTES("\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff")},
    {"broken 1002\n", BYTES("\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00")},
    {"broken 1002\n", BYTES("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff")},
    {"broken 1009\n", BYTES("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff")},
    {"broken 1009\n", BYTES("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00")},
    {"too large\n", BYTES("\x81\x7e\x01\x2d")},
    {"too large\n", BYTES("\x82\x7e\x12\xc0")},
    {"broken 1009\n", BYTES("\x82\x7e\x12\xc1")},
};

static const char *const kind_names[] = {
    [WS_EVENT_TEXT] = "text",    [WS_EVENT_BINARY] = "binary", [WS_EVENT_PING] = "ping",
    [WS_EVENT_PONG] = "pong",    [WS_EVENT_CLOSE] = "close",   [WS_EVENT_TOO_LARGE] = "too large",
    [WS_EVENT_BROKEN] = "broken"};

static void append_event(struct buf *out, const struct ws_event *event)
{
    buf_append_c(out, kind_names[event->kind]);
    if (event->kind == WS_EVENT_CLOSE || event->kind == WS_EVENT_BROKEN) {
        buf_append_format(out, " %u", event->close_code);
    }
    if (event->kind != WS_EVENT_TOO_LARGE && event->kind != WS_EVENT_BROKEN) {
        buf_append_byte(out, ' ');
        buf_append_str(out, event->payload);
    }
    buf_append_byte(out, '\n');
}

/* Hands a copy of exactly these bytes to the parser and notes its events. */
static void feed(struct ws_parser *parser, str bytes, struct buf *events)
{
    char *copy = mem_copy(bytes.p, bytes.n);
    char *at = copy;
    struct ws_event event;
    while (ws_parser_next(parser, &at, copy + bytes.n, &event) != WS_EVENT_MORE) {
        append_event(events, &event);
    }
    EXPECT(at == copy + bytes.n);
    mem_free(copy);
}

/* Reads `first` bytes, then pieces of `step` (0: all the rest). */
static void read_stream(str bytes, bool is_client, size_t first, size_t step, struct buf *events)
{
    struct ws_parser parser;
    ws_parser_init(&parser, is_client, MESSAGE_MAX);
    feed(&parser, str_slice(bytes, 0, first), events);
    for (size_t at = first; at < bytes.n;) {
        size_t n = step == 0 ? bytes.n - at : step;
        feed(&parser, str_slice(bytes, at, at + n), events);
        at += n;
    }
    ws_parser_release(&parser);
}

static void expect_events(str bytes, bool is_client, str wanted)
{
    struct buf events;
    buf_init(&events);
    for (size_t first = 0; first <= bytes.n; first++) {
        buf_clear(&events);
        read_stream(bytes, is_client, first, 0, &events);
        EXPECT_STR_EQ(buf_str(&events), wanted);
    }
    for (size_t step = 1; step <= 3; step++) {
        buf_clear(&events);
        read_stream(bytes, is_client, 0, step, &events);
        EXPECT_STR_EQ(buf_str(&events), wanted);
    }
    buf_release(&events);
}

/* The stream as a client would send it: a mask after each head, here `mask` for all frames. What is
 * no whole frame (its head is cut or bad) is taken over as it is, with the mask bit set. */
static void append_masked(struct buf *out, str bytes, const uint8_t mask[4])
{
    while (bytes.n > 0) {
        uint8_t length = bytes.n >= 2 ? (uint8_t)bytes.p[1] : 0;
        size_t head = length == 127 ? 10 : length == 126 ? 4 : 2;
        size_t start = out->n;
        buf_append_str(out, str_slice(bytes, 0, head));
        if (out->n - start >= 2) {
            out->p[start + 1] = (char)((uint8_t)out->p[start + 1] | 0x80);
        }
        if (bytes.n < head) {
            return;
        }
        uint64_t payload = length == 127   ? bytes_get_u64be(bytes.p + 2)
                           : length == 126 ? bytes_get_u16be(bytes.p + 2)
                                           : length;
        buf_append(out, mask, 4);
        bytes = str_skip(bytes, head);
        for (size_t i = 0; i < bytes.n && i < payload; i++) {
            buf_append_byte(out, (uint8_t)bytes.p[i] ^ mask[i % 4]);
        }
        bytes = str_skip(bytes, payload < bytes.n ? (size_t)payload : bytes.n);
    }
}

TEST(ws_parser_next_client_reads_every_case_however_it_is_cut)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        expect_events(cases[i].bytes, true, str_from(cases[i].events));
    }
}

TEST(ws_parser_next_server_reads_every_case_however_it_is_cut)
{
    const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    struct buf masked;
    buf_init(&masked);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_clear(&masked);
        append_masked(&masked, cases[i].bytes, mask);
        expect_events(buf_str(&masked), false, str_from(cases[i].events));
    }
    buf_release(&masked);
}

TEST(ws_parser_next_masked_example_of_the_rfc_is_read)
{
    expect_events(STR_LIT("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), false,
                  STR_LIT("text Hello\n"));
    expect_events(STR_LIT("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), false,
                  STR_LIT("pong Hello\n"));
}

TEST(ws_parser_next_wrong_masking_is_refused)
{
    expect_events(STR_LIT("\x81\x05Hello"), false, STR_LIT("broken 1002\n"));
    expect_events(STR_LIT("\x88\x00"), false, STR_LIT("broken 1002\n"));
    expect_events(STR_LIT("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), true,
                  STR_LIT("broken 1002\n"));
}

/* A message of `bytes` bytes in one frame, as a client sends it. */
static void append_long(struct buf *out, enum ws_opcode opcode, bool is_final, size_t bytes)
{
    const uint8_t mask[4] = {1, 2, 3, 4};
    char *payload = mem_alloc(bytes + 1);
    memset(payload, 'x', bytes);
    ws_append_fragment(out, opcode, is_final, (str){payload, bytes}, mask);
    mem_free(payload);
}

TEST(ws_parser_next_message_above_the_limit_is_dropped_and_the_next_is_read)
{
    struct buf stream;
    struct buf wanted;
    buf_init(&stream);
    buf_init(&wanted);
    append_long(&stream, WS_TEXT, true, MESSAGE_MAX);
    append_long(&stream, WS_TEXT, true, MESSAGE_MAX + 1);
    append_long(&stream, WS_TEXT, false, MESSAGE_MAX);
    append_long(&stream, WS_CONTINUATION, false, 1);
    append_long(&stream, WS_PING, true, 1);
    append_long(&stream, WS_CONTINUATION, true, 100);
    append_long(&stream, WS_BINARY, true, 1);
    buf_append_c(&wanted, "text ");
    for (int i = 0; i < MESSAGE_MAX; i++) {
        buf_append_byte(&wanted, 'x');
    }
    buf_append_c(&wanted, "\ntoo large\ntoo large\nping x\nbinary x\n");
    expect_events(buf_str(&stream), false, buf_str(&wanted));
    buf_release(&stream);
    buf_release(&wanted);
}

TEST(ws_parser_next_message_far_above_the_limit_ends_the_connection)
{
    struct buf stream;
    struct buf events;
    buf_init(&stream);
    buf_init(&events);
    for (int i = 0; i < WS_OVERSIZE_FACTOR; i++) {
        append_long(&stream, i == 0 ? WS_BINARY : WS_CONTINUATION, false, MESSAGE_MAX);
    }
    append_long(&stream, WS_CONTINUATION, false, 1);
    read_stream(buf_str(&stream), false, 0, 1000, &events);
    EXPECT_STR(buf_str(&events), "too large\nbroken 1009\n");
    buf_release(&stream);
    buf_release(&events);
}

/* Frames of `bytes` bytes each, the first of which begins a message. */
static void read_fragments(unsigned count, size_t bytes, uint32_t message_max, struct buf *events)
{
    struct ws_parser parser;
    struct buf frame;
    buf_init(&frame);
    ws_parser_init(&parser, false, message_max);
    for (unsigned i = 0; i < count; i++) {
        buf_clear(&frame);
        append_long(&frame, i == 0 ? WS_BINARY : WS_CONTINUATION, false, bytes);
        feed(&parser, buf_str(&frame), events);
    }
    EXPECT_UINT(parser.frame_count, count);
    ws_parser_release(&parser);
    buf_release(&frame);
}

TEST(ws_parser_next_fragments_are_limited)
{
    struct buf events;
    buf_init(&events);
    read_fragments(WS_FRAGMENTS_MAX, 1, 1 << 20, &events);
    read_fragments(WS_EMPTY_FRAGMENTS_MAX, 0, 1 << 20, &events);
    EXPECT_STR(buf_str(&events), "");
    read_fragments(WS_EMPTY_FRAGMENTS_MAX + 1, 0, 1 << 20, &events);
    EXPECT_STR(buf_str(&events), "broken 1008\n");
    buf_clear(&events);
    read_fragments(WS_FRAGMENTS_MAX + 1, 1, 1 << 20, &events);
    EXPECT_STR(buf_str(&events), "broken 1008\n");
    buf_release(&events);
}

TEST(ws_parser_next_between_messages_no_memory_is_held)
{
    struct ws_parser parser;
    struct buf events;
    buf_init(&events);
    ws_parser_init(&parser, true, MESSAGE_MAX);
    feed(&parser, STR_LIT("\x81\x05He"), &events);
    EXPECT(parser.message.capacity > 0);
    feed(&parser, STR_LIT("llo"), &events);
    EXPECT(parser.message.capacity == 0);
    feed(&parser, STR_LIT("\x89\x05He"), &events);
    feed(&parser, STR_LIT("llo"), &events);
    EXPECT(parser.control.capacity == 0);
    feed(&parser, STR_LIT("\x01\x05Hello"), &events);
    feed(&parser, STR_LIT("\xff"), &events);
    feed(&parser, STR_LIT("\xff"), &events);
    EXPECT(parser.message.capacity == 0);
    EXPECT_STR(buf_str(&events), "text Hello\nping Hello\nbroken 1002\n");
    ws_parser_release(&parser);
    buf_release(&events);
}

TEST(ws_parser_next_whole_message_stays_in_the_input)
{
    char bytes[] = "\x81\x05Hello";
    char *at = bytes;
    struct ws_parser parser;
    struct ws_event event;
    ws_parser_init(&parser, true, MESSAGE_MAX);
    EXPECT(ws_parser_next(&parser, &at, bytes + 7, &event) == WS_EVENT_TEXT);
    EXPECT(event.payload.p == bytes + 2);
    EXPECT(at == bytes + 7);
    ws_parser_release(&parser);
}

/* Frames of random sizes with both parties, as messages and as fragments. */
TEST(ws_append_frame_is_read_back_at_every_length)
{
    static const size_t lengths[] = {0, 1, 2, 7, 8, 9, 125, 126, 127, 65535, 65536, 100000};
    struct rng rng;
    rng_init(&rng, 7);
    for (size_t i = 0; i < COUNT_OF(lengths) * 2; i++) {
        const uint8_t mask[4] = {0xff, 0x00, 0x5a, 0x81};
        bool is_client = i % 2 == 0;
        size_t n = lengths[i / 2];
        char *payload = mem_alloc(n + 1);
        for (size_t b = 0; b < n; b++) {
            payload[b] = (char)rng_next(&rng);
        }
        struct buf stream;
        buf_init(&stream);
        ws_append_frame(&stream, WS_BINARY, (str){payload, n}, is_client ? NULL : mask);
        struct ws_parser parser;
        struct ws_event event;
        ws_parser_init(&parser, is_client, 1 << 20);
        char *at = stream.p;
        char *end = stream.p + stream.n;
        size_t cut = (size_t)rng_below(&rng, stream.n);
        EXPECT(ws_parser_next(&parser, &at, stream.p + cut, &event) == WS_EVENT_MORE);
        EXPECT(ws_parser_next(&parser, &at, end, &event) == WS_EVENT_BINARY);
        EXPECT_STR_EQ(event.payload, ((str){payload, n}));
        EXPECT(ws_parser_next(&parser, &at, end, &event) == WS_EVENT_MORE);
        ws_parser_release(&parser);
        buf_release(&stream);
        mem_free(payload);
    }
}

TEST(ws_append_close_cuts_long_reason_at_a_character)
{
    struct buf stream;
    struct buf reason;
    buf_init(&stream);
    buf_init(&reason);
    for (int i = 0; i < 60; i++) {
        buf_append_c(&reason, "\xe2\x82\xac");
    }
    ws_append_close(&stream, WS_CLOSE_POLICY, buf_str(&reason), NULL);
    struct ws_parser parser;
    struct ws_event event;
    ws_parser_init(&parser, true, MESSAGE_MAX);
    char *at = stream.p;
    EXPECT(ws_parser_next(&parser, &at, stream.p + stream.n, &event) == WS_EVENT_CLOSE);
    EXPECT_UINT(event.close_code, WS_CLOSE_POLICY);
    EXPECT_STR_EQ(event.payload, str_slice(buf_str(&reason), 0, 123));
    ws_parser_release(&parser);
    buf_clear(&stream);
    ws_append_close(&stream, WS_CLOSE_NONE, STR_LIT(""), NULL);
    EXPECT_STR(buf_str(&stream), "\x88\0");
    buf_clear(&stream);
    ws_append_close(&stream, WS_CLOSE_NORMAL, STR_LIT("Heartbeat timeout"), NULL);
    EXPECT_STR(buf_str(&stream), "\x88\x13\x03\xe8Heartbeat timeout");
    buf_release(&stream);
    buf_release(&reason);
}

TEST(ws_frame_create_has_the_same_bytes_and_is_counted)
{
    static const size_t lengths[] = {0, 5, 125, 126, 65535, 65536};
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        struct buf stream;
        buf_init(&stream);
        char *payload = mem_alloc_zeroed(lengths[i] + 1);
        str text = {payload, lengths[i]};
        ws_append_frame(&stream, WS_TEXT, text, NULL);
        struct ws_frame *frame = ws_frame_create(WS_TEXT, text);
        struct ws_frame *again = ws_frame_take(frame);
        ws_frame_give(frame);
        EXPECT_STR_EQ(ws_frame_str(again), buf_str(&stream));
        ws_frame_give(again);
        ws_frame_give(NULL);
        mem_free(payload);
        buf_release(&stream);
    }
}
