/* wire/websocket.c -- the states of a parser:
 *
 *     HEAD -- head complete --> PAYLOAD -- frame_left = 0 --> HEAD
 *       \____ bad bytes ___________|________ close frame ____> ENDED
 *
 * A frame:   [FIN RSV3 opcode4][MASK length7][length 16 or 64][mask 32][payload]
 * A message whose only frame lies whole in the input is handed out from there; all else is
 * gathered. Invariants: (1) message_bytes <= message_bytes_max, or is_dropping  (2) message.n <=
 * message_bytes (3) between messages, message and control hold no memory once the caller has seen
 * MORE. */
#include "wire/websocket.h"

#include "base/check.h"

enum state { HEAD, PAYLOAD, ENDED };

enum {
    FIN = 0x80,
    RSV = 0x70,
    OPCODE = 0x0f,
    MASK = 0x80,
    LENGTH = 0x7f,
    LENGTH_16 = 126,
    LENGTH_64 = 127,
    MASK_BYTES = 4
};

void ws_parser_init(struct ws_parser *parser, bool is_client, uint32_t message_bytes_max)
{
    *parser = (struct ws_parser){.is_client = is_client, .message_bytes_max = message_bytes_max};
}

void ws_parser_release(struct ws_parser *parser)
{
    buf_release(&parser->message);
    buf_release(&parser->control);
}

/* --- masking */

/* XORs with the mask, whose byte `at` is the first; returns which is next. */
static uint8_t apply_mask(char *p, size_t n, const uint8_t mask[MASK_BYTES], uint8_t at)
{
    uint8_t turned[8];
    for (unsigned i = 0; i < sizeof turned; i++) {
        turned[i] = mask[(at + i) % MASK_BYTES];
    }
    uint64_t mask_word;
    memcpy(&mask_word, turned, sizeof mask_word);
    size_t i = 0;
    for (; i + sizeof mask_word <= n; i += sizeof mask_word) {
        uint64_t word;
        memcpy(&word, p + i, sizeof word);
        word ^= mask_word;
        memcpy(p + i, &word, sizeof word);
    }
    for (; i < n; i++) {
        p[i] = (char)((uint8_t)p[i] ^ turned[i % sizeof turned]);
    }
    return (uint8_t)((at + n) % MASK_BYTES);
}

/* --- heads */

static bool is_control(uint8_t opcode)
{
    return opcode >= WS_CLOSE;
}

static enum ws_event_kind broken(struct ws_parser *parser, struct ws_event *event, uint16_t code,
                                 const char *reason)
{
    ws_parser_release(parser);
    parser->state = ENDED;
    *event = (struct ws_event){.kind = WS_EVENT_BROKEN, .close_code = code, .reason = reason};
    return WS_EVENT_BROKEN;
}

/* What is wrong with the first two bytes of a head; NULL: nothing. */
static const char *first_bytes_error(const struct ws_parser *parser)
{
    uint8_t first = parser->head[0];
    uint8_t second = parser->head[1];
    uint8_t opcode = first & OPCODE;
    bool is_known = opcode <= WS_BINARY || (opcode >= WS_CLOSE && opcode <= WS_PONG);
    if ((first & RSV) != 0) {
        return "A reserved bit is set, but no extension was agreed on";
    }
    if (!is_known) {
        return "The opcode is reserved";
    }
    if (((second & MASK) != 0) == parser->is_client) {
        return parser->is_client ? "A server's frame is masked" : "A client's frame is not masked";
    }
    if (is_control(opcode) && ((first & FIN) == 0 || (second & LENGTH) > WS_CONTROL_BYTES_MAX)) {
        return "A control frame is fragmented or longer than 125 bytes";
    }
    if (opcode == WS_CONTINUATION && parser->message_opcode == WS_CONTINUATION) {
        return "A continuation continues nothing";
    }
    if (!is_control(opcode) && opcode != WS_CONTINUATION &&
        parser->message_opcode != WS_CONTINUATION) {
        return "A message begins before the one before it has ended";
    }
    return NULL;
}

/* Bytes of the whole head; its first two are there. */
static uint8_t head_length(const struct ws_parser *parser)
{
    uint8_t length = parser->head[1] & LENGTH;
    uint8_t extended = length == LENGTH_16 ? 2 : length == LENGTH_64 ? 8 : 0;
    return (uint8_t)(2 + extended + (parser->is_client ? 0 : MASK_BYTES));
}

/* False: not in the shortest form, or with the highest bit. */
static bool read_length(struct ws_parser *parser)
{
    uint8_t length = parser->head[1] & LENGTH;
    if (length == LENGTH_16) {
        parser->frame_left = bytes_get_u16be(parser->head + 2);
        return parser->frame_left >= LENGTH_16;
    }
    if (length == LENGTH_64) {
        parser->frame_left = bytes_get_u64be(parser->head + 2);
        return parser->frame_left > UINT16_MAX && parser->frame_left <= INT64_MAX;
    }
    parser->frame_left = length;
    return true;
}

/* A data frame has begun: counts it towards its message. */
static enum ws_event_kind begin_data(struct ws_parser *parser, struct ws_event *event)
{
    if (parser->opcode != WS_CONTINUATION) {
        parser->message_opcode = parser->opcode;
        parser->message_bytes = 0;
        parser->fragment_count = 0;
        parser->empty_count = 0;
        parser->is_dropping = false;
    }
    parser->fragment_count++;
    if (parser->frame_left == 0) {
        parser->empty_count++;
    }
    if (parser->fragment_count > WS_FRAGMENTS_MAX || parser->empty_count > WS_EMPTY_FRAGMENTS_MAX) {
        return broken(parser, event, WS_CLOSE_POLICY, "A message has too many fragments");
    }
    uint64_t far_too_much = (uint64_t)parser->message_bytes_max * WS_OVERSIZE_FACTOR;
    if (parser->frame_left > far_too_much ||
        parser->message_bytes + parser->frame_left > far_too_much) {
        return broken(parser, event, WS_CLOSE_TOO_LARGE, "A message is too large");
    }
    parser->message_bytes += parser->frame_left;
    if (parser->message_bytes > parser->message_bytes_max && !parser->is_dropping) {
        parser->is_dropping = true;
        buf_release(&parser->message);
        *event = (struct ws_event){.kind = WS_EVENT_TOO_LARGE};
        return WS_EVENT_TOO_LARGE;
    }
    return WS_EVENT_MORE;
}

/* The head is complete: MORE when the payload may follow. */
static enum ws_event_kind begin_frame(struct ws_parser *parser, struct ws_event *event)
{
    if (!read_length(parser)) {
        return broken(parser, event, WS_CLOSE_PROTOCOL, "A length is not in its shortest form");
    }
    if (!parser->is_client) {
        memcpy(parser->mask, parser->head + parser->head_bytes - MASK_BYTES, MASK_BYTES);
    }
    parser->mask_at = 0;
    parser->opcode = parser->head[0] & OPCODE;
    parser->is_final = (parser->head[0] & FIN) != 0;
    parser->head_bytes = 0;
    parser->frame_count++;
    parser->state = PAYLOAD;
    return is_control(parser->opcode) ? WS_EVENT_MORE : begin_data(parser, event);
}

/* Takes bytes of a head; MORE: go on, or there are none left. */
static enum ws_event_kind take_head(struct ws_parser *parser, char **at, const char *end,
                                    struct ws_event *event)
{
    while (*at < end) {
        parser->head[parser->head_bytes++] = (uint8_t) * (*at)++;
        if (parser->head_bytes == 2) {
            const char *error = first_bytes_error(parser);
            if (error != NULL) {
                return broken(parser, event, WS_CLOSE_PROTOCOL, error);
            }
        }
        if (parser->head_bytes >= 2 && parser->head_bytes == head_length(parser)) {
            return begin_frame(parser, event);
        }
    }
    return WS_EVENT_MORE;
}

/* --- payloads */

/* A control frame is whole. */
static enum ws_event_kind end_control(struct ws_parser *parser, str payload, struct ws_event *event)
{
    *event = (struct ws_event){.payload = payload};
    if (parser->opcode != WS_CLOSE) {
        event->kind = parser->opcode == WS_PING ? WS_EVENT_PING : WS_EVENT_PONG;
        return event->kind;
    }
    event->kind = WS_EVENT_CLOSE;
    event->close_code = WS_CLOSE_NONE;
    if (payload.n > 0) {
        uint16_t code = payload.n >= 2 ? bytes_get_u16be(payload.p) : 0;
        if (!ws_close_code_is_valid(code)) {
            return broken(parser, event, WS_CLOSE_PROTOCOL, "The code of a close is not valid");
        }
        event->close_code = code;
        event->payload = str_skip(payload, 2);
        if (!str_is_utf8(event->payload)) {
            return broken(parser, event, WS_CLOSE_NOT_UTF8, "The reason of a close is not UTF-8");
        }
    }
    parser->state = ENDED;
    return WS_EVENT_CLOSE;
}

/* The last frame of a message is whole. */
static enum ws_event_kind end_message(struct ws_parser *parser, str payload, struct ws_event *event)
{
    bool is_text = parser->message_opcode == WS_TEXT;
    parser->message_opcode = WS_CONTINUATION;
    if (parser->is_dropping) {
        return WS_EVENT_MORE;
    }
    if (is_text && !str_is_utf8(payload)) {
        return broken(parser, event, WS_CLOSE_NOT_UTF8, "A text message is not UTF-8");
    }
    *event =
        (struct ws_event){.kind = is_text ? WS_EVENT_TEXT : WS_EVENT_BINARY, .payload = payload};
    return event->kind;
}

/* A frame is whole. `payload` is its own, or the whole message's when it is the last of it. */
static enum ws_event_kind end_frame(struct ws_parser *parser, str payload, struct ws_event *event)
{
    parser->state = HEAD;
    if (is_control(parser->opcode)) {
        return end_control(parser, payload, event);
    }
    return parser->is_final ? end_message(parser, payload, event) : WS_EVENT_MORE;
}

/* Takes bytes of a payload. What lies whole in the input stays there. */
static enum ws_event_kind take_payload(struct ws_parser *parser, char **at, const char *end,
                                       struct ws_event *event)
{
    size_t there = (size_t)(end - *at);
    str piece = {*at, parser->frame_left < there ? (size_t)parser->frame_left : there};
    if (!parser->is_client) {
        parser->mask_at = apply_mask(*at, piece.n, parser->mask, parser->mask_at);
    }
    *at += piece.n;
    parser->frame_left -= piece.n;
    bool is_whole = parser->frame_left == 0;
    bool is_dropped = parser->is_dropping && !is_control(parser->opcode);
    struct buf *gathered = is_control(parser->opcode) ? &parser->control : &parser->message;
    bool is_last = is_whole && (is_control(parser->opcode) || parser->is_final);
    if (!is_dropped && (gathered->n > 0 || !is_last)) {
        buf_append_str(gathered, piece);
        piece = buf_str(gathered);
        parser->is_handed_out = is_last;
    }
    return is_whole ? end_frame(parser, piece, event) : WS_EVENT_MORE;
}

/* Frees what the caller has been given by the call before. */
static void forget_handed_out(struct ws_parser *parser)
{
    if (!parser->is_handed_out) {
        return;
    }
    parser->is_handed_out = false;
    buf_release(is_control(parser->opcode) ? &parser->control : &parser->message);
}

enum ws_event_kind ws_parser_next(struct ws_parser *parser, char **at, char *end,
                                  struct ws_event *event)
{
    forget_handed_out(parser);
    /* A frame without payload ends without a byte, even when the input has ended. */
    while (*at < end || (parser->state == PAYLOAD && parser->frame_left == 0)) {
        enum ws_event_kind kind = WS_EVENT_MORE;
        switch ((enum state)parser->state) {
        case HEAD:
            kind = take_head(parser, at, end, event);
            break;
        case PAYLOAD:
            kind = take_payload(parser, at, end, event);
            break;
        case ENDED:
            *at = end;
            break;
        }
        if (kind != WS_EVENT_MORE) {
            return kind;
        }
    }
    *event = (struct ws_event){.kind = WS_EVENT_MORE};
    return WS_EVENT_MORE;
}

/* --- writing */

/* RFC 6455 section 7.4 and the registry it opened. */
bool ws_close_code_is_valid(uint16_t code)
{
    bool is_registered = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
    return is_registered || (code >= 3000 && code <= 4999);
}

/* Writes a head at `to`; returns its bytes. */
static size_t put_head(char *to, uint8_t first, uint64_t payload_bytes, const uint8_t *mask)
{
    uint8_t mask_bit = mask != NULL ? MASK : 0;
    size_t n = 2;
    to[0] = (char)first;
    if (payload_bytes < LENGTH_16) {
        to[1] = (char)(mask_bit | payload_bytes);
    } else if (payload_bytes <= UINT16_MAX) {
        to[1] = (char)(mask_bit | LENGTH_16);
        to[2] = (char)(payload_bytes >> 8);
        to[3] = (char)payload_bytes;
        n = 4;
    } else {
        to[1] = (char)(mask_bit | LENGTH_64);
        bytes_put_u64be(to + 2, payload_bytes);
        n = 10;
    }
    if (mask != NULL) {
        memcpy(to + n, mask, MASK_BYTES);
        n += MASK_BYTES;
    }
    return n;
}

void ws_append_fragment(struct buf *out, enum ws_opcode opcode, bool is_final, str payload,
                        const uint8_t *mask)
{
    CHECK(!is_control((uint8_t)opcode) || (is_final && payload.n <= WS_CONTROL_BYTES_MAX));
    uint8_t first = (uint8_t)((is_final ? FIN : 0) | (int)opcode);
    char *to = buf_reserve(out, WS_FRAME_HEAD_BYTES_MAX + payload.n);
    size_t head_bytes = put_head(to, first, payload.n, mask);
    if (payload.n > 0) {
        memcpy(to + head_bytes, payload.p, payload.n);
    }
    if (mask != NULL) {
        (void)apply_mask(to + head_bytes, payload.n, mask, 0);
    }
    out->n += head_bytes + payload.n;
}

void ws_append_frame(struct buf *out, enum ws_opcode opcode, str payload, const uint8_t *mask)
{
    ws_append_fragment(out, opcode, true, payload, mask);
}

void ws_append_close(struct buf *out, uint16_t code, str reason, const uint8_t *mask)
{
    char payload[WS_CONTROL_BYTES_MAX];
    if (code == WS_CLOSE_NONE) {
        ws_append_frame(out, WS_CLOSE, STR_LIT(""), mask);
        return;
    }
    CHECK(ws_close_code_is_valid(code));
    size_t n = reason.n < WS_REASON_BYTES_MAX ? reason.n : WS_REASON_BYTES_MAX;
    while (n < reason.n && n > 0 && ((uint8_t)reason.p[n] & 0xC0) == 0x80) {
        n--;
    }
    payload[0] = (char)(code >> 8);
    payload[1] = (char)code;
    if (n > 0) {
        memcpy(payload + 2, reason.p, n);
    }
    ws_append_frame(out, WS_CLOSE, (str){payload, n + 2}, mask);
}

struct ws_frame *ws_frame_create(enum ws_opcode opcode, str payload)
{
    CHECK(payload.n <= UINT32_MAX - WS_FRAME_HEAD_BYTES_MAX);
    char head[WS_FRAME_HEAD_BYTES_MAX];
    size_t head_bytes = put_head(head, (uint8_t)(FIN | (int)opcode), payload.n, NULL);
    struct ws_frame *frame = mem_alloc(sizeof *frame + head_bytes + payload.n);
    refcount_init(&frame->refs);
    frame->bytes = (uint32_t)(head_bytes + payload.n);
    memcpy(frame->data, head, head_bytes);
    if (payload.n > 0) {
        memcpy(frame->data + head_bytes, payload.p, payload.n);
    }
    return frame;
}

struct ws_frame *ws_frame_take(struct ws_frame *frame)
{
    refcount_take(&frame->refs);
    return frame;
}

void ws_frame_give(struct ws_frame *frame)
{
    if (frame != NULL && refcount_give(&frame->refs)) {
        mem_free(frame);
    }
}
