/* live/payload.h -- one message for subscribers, encoded once and sent to many.
 * For:      whoever has something to say makes the part that is the same for everybody; the server
 *           puts type and subscription id in front and keeps the finished frames here, so that
 *           subscribers with the same id (clients derive it from the query) share them.
 * Owns:     its bytes and frames, until the last holder gives it.
 * Threads:  one at a time: made on a worker or a loop, held on one loop. */
#ifndef LIVE_PAYLOAD_H
#define LIVE_PAYLOAD_H

#include "base/buf.h"
#include "net/frame.h"

enum live_message { LIVE_ACK, LIVE_BATCH, LIVE_CHANGE, LIVE_ERROR };
/* "subscription_ack" ...; static. */
const char *live_message_name(enum live_message message);

enum { LIVE_FRAME_FORMATS = 4 };

/* Codes of errors, see live_codes.def. */
enum live_code {
#define LIVE_CODE(code, hint) LIVE_CODE_##code,
#include "live/live_codes.def"
#undef LIVE_CODE
    LIVE_CODE_COUNT
};
/* "NOT_FOUND" ...; static. */
const char *live_code_name(enum live_code code);

/* An error as a client reads it. */
struct live_error {
    enum live_code code;
    str text;
    const char *hint; /* static; what to do about it */
};
/* With the hint of the code. */
struct live_error live_error_make(enum live_code code, str text);

struct payload {
    uint32_t holders;
    enum live_message message;
    struct buf tail; /* members of the object behind subscription_id, without braces; not empty */
    /* The sender's: frames for `frames_id`, by a format that the sender numbers; NULL: not made. */
    str frames_id;
    struct frame *frames[LIVE_FRAME_FORMATS];
};

/* An empty one with one holder: fill `tail`. */
struct payload *payload_create(enum live_message message);
struct payload *payload_take(struct payload *payload);
void payload_give(struct payload *payload); /* NULL allowed */
/* Appends the whole message as JSON text. */
void payload_append_json(struct buf *out, const struct payload *payload, str subscription_id);
/* Forgets the frames and makes the next ones those of this id. */
void payload_set_frames_id(struct payload *payload, str subscription_id);

/* {"type":"error","subscription_id":id,"code":...,"message":...}; `with_hint`: and "hint", for
 * those that asked for it (ours). */
struct payload *payload_error(const struct live_error *error, bool with_hint);

#endif
