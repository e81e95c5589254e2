/* wire/websocket.h -- WebSocket frames (RFC 6455 section 5): bytes to messages and back.
 * For:      the server's sockets, and the clients'. The handshake is ws_handshake.h.
 * Manners:  every byte that is handed in is used at once, so that a connection keeps no read
 * buffer: a parser holds memory only while a message (or a ping) has come in part. Owns:     a
 * parser owns its bufs until ws_parser_release; a ws_frame is counted. Threads:  a parser belongs
 * to one thread; a ws_frame may be shared by any. */
#ifndef WIRE_WEBSOCKET_H
#define WIRE_WEBSOCKET_H

#include "base/buf.h"
#include "base/lock.h"

enum ws_opcode {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10
};

enum ws_close_code {
    WS_CLOSE_NORMAL = 1000,
    WS_CLOSE_GOING_AWAY = 1001,
    WS_CLOSE_PROTOCOL = 1002,
    WS_CLOSE_UNSUPPORTED = 1003,
    WS_CLOSE_NONE = 1005, /* never sent: the peer gave no code */
    WS_CLOSE_NOT_UTF8 = 1007,
    WS_CLOSE_POLICY = 1008,
    WS_CLOSE_TOO_LARGE = 1009,
    WS_CLOSE_INTERNAL = 1011,
    WS_CLOSE_TRY_LATER = 1013
};

enum {
    WS_CONTROL_BYTES_MAX = 125,
    WS_REASON_BYTES_MAX = 123,   /* of a close */
    WS_FRAGMENTS_MAX = 16384,    /* frames of one message */
    WS_EMPTY_FRAGMENTS_MAX = 64, /* of them without a byte */
    WS_OVERSIZE_FACTOR = 16,     /* times the limit: up to there a message is dropped */
    WS_FRAME_HEAD_BYTES_MAX = 14
};

enum ws_event_kind {
    WS_EVENT_MORE,   /* all input is used; call again when there is more */
    WS_EVENT_TEXT,   /* a whole message, well-formed UTF-8 */
    WS_EVENT_BINARY, /* a whole message */
    WS_EVENT_PING,   /* answer with a pong of the same payload */
    WS_EVENT_PONG,
    WS_EVENT_CLOSE,     /* answer with the same code (WS_CLOSE_NONE: with none) and end */
    WS_EVENT_TOO_LARGE, /* a message above the limit has begun; it is dropped as it comes, and the
                           connection goes on. Far above it is BROKEN */
    WS_EVENT_BROKEN     /* send a close with `close_code` and end */
};

struct ws_event {
    enum ws_event_kind kind;
    str payload;         /* message, ping, pong, or reason of a close; lives until the next call, in
                            the input or in the parser */
    uint16_t close_code; /* CLOSE, BROKEN */
    const char *reason;  /* BROKEN: one static sentence */
};

struct ws_parser {
    struct buf message;     /* what has come of a message in part */
    struct buf control;     /* what has come of a control frame in part */
    uint64_t frame_left;    /* bytes of the frame's payload to come */
    uint64_t message_bytes; /* of all frames of the message, as announced */
    uint64_t frame_count;   /* frames so far: callers limit their rate (pings, tiny fragments) */
    uint32_t message_bytes_max;
    uint16_t fragment_count; /* of the message */
    uint16_t empty_count;    /* of the message */
    uint8_t head[WS_FRAME_HEAD_BYTES_MAX];
    uint8_t head_bytes; /* that have come */
    uint8_t mask[4];
    uint8_t mask_at;        /* which byte of the mask is next */
    uint8_t opcode;         /* of the frame */
    uint8_t message_opcode; /* TEXT, BINARY; CONTINUATION while there is no message */
    uint8_t state;          /* enum in websocket.c */
    bool is_final;          /* the frame is the last of its message */
    bool is_client;         /* frames come from a server: not masked */
    bool is_dropping;       /* the message is above the limit */
    bool is_handed_out;     /* `message` or `control` was given to the caller: forget it first */
};

/* `message_bytes_max`: LIMIT_WS_MESSAGE_BYTES or a setting below. */
void ws_parser_init(struct ws_parser *parser, bool is_client, uint32_t message_bytes_max);
void ws_parser_release(struct ws_parser *parser);

/* Takes bytes at `*at` up to `end` and moves `*at`; the bytes are unmasked in place. Call until
 * MORE, CLOSE or BROKEN; after the last two it takes everything and says MORE. */
enum ws_event_kind ws_parser_next(struct ws_parser *parser, char **at, char *end,
                                  struct ws_event *event);

/* Appends one frame that is a whole message. `mask` of 4 random bytes: for a client; NULL: for a
 * server. A control frame's payload has at most WS_CONTROL_BYTES_MAX bytes. */
void ws_append_frame(struct buf *out, enum ws_opcode opcode, str payload, const uint8_t *mask);
/* The same with a choice of the final bit, for fragments. */
void ws_append_fragment(struct buf *out, enum ws_opcode opcode, bool is_final, str payload,
                        const uint8_t *mask);
/* A close; WS_CLOSE_NONE: without code and reason. A long reason is cut at a character. */
void ws_append_close(struct buf *out, uint16_t code, str reason, const uint8_t *mask);
/* True for codes that may stand in a close frame. */
bool ws_close_code_is_valid(uint16_t code);

/* A server's frame, encoded once and sent to many sockets. */
struct ws_frame {
    refcount refs;
    uint32_t bytes;
    char data[];
};

/* A whole message, with one reference. */
struct ws_frame *ws_frame_create(enum ws_opcode opcode, str payload);
struct ws_frame *ws_frame_take(struct ws_frame *frame);
/* NULL is allowed. */
void ws_frame_give(struct ws_frame *frame);
static inline str ws_frame_str(const struct ws_frame *frame)
{
    return (str){frame->data, frame->bytes};
}

#endif
