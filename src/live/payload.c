/* live/payload.c -- see payload.h. */
#include "live/payload.h"

#include "base/check.h"
#include "model/value.h"

const char *live_message_name(enum live_message message)
{
    static const char *const names[] = {"subscription_ack", "initial_data_batch", "change",
                                        "error"};
    return names[message];
}

struct payload *payload_create(enum live_message message)
{
    struct payload *payload = mem_alloc_zeroed(sizeof *payload);
    payload->holders = 1;
    payload->message = message;
    return payload;
}

struct payload *payload_take(struct payload *payload)
{
    payload->holders++;
    return payload;
}

static void drop_frames(struct payload *payload)
{
    for (unsigned i = 0; i < LIVE_FRAME_FORMATS; i++) {
        frame_give(payload->frames[i]);
        payload->frames[i] = NULL;
    }
    mem_free((void *)(uintptr_t)payload->frames_id.p);
    payload->frames_id = (str){0};
}

void payload_give(struct payload *payload)
{
    if (payload == NULL) {
        return;
    }
    CHECK(payload->holders > 0);
    if (--payload->holders == 0) {
        drop_frames(payload);
        buf_release(&payload->tail);
        mem_free(payload);
    }
}

void payload_set_frames_id(struct payload *payload, str subscription_id)
{
    drop_frames(payload);
    payload->frames_id = str_of(mem_copy(subscription_id.p, subscription_id.n), subscription_id.n);
}

void payload_append_json(struct buf *out, const struct payload *payload, str subscription_id)
{
    buf_append_c(out, "{\"type\":\"");
    buf_append_c(out, live_message_name(payload->message));
    buf_append_c(out, "\",\"subscription_id\":");
    json_append_text(out, subscription_id);
    buf_append_byte(out, ',');
    buf_append_str(out, buf_str(&payload->tail));
    buf_append_byte(out, '}');
}

static const struct {
    const char *name;
    const char *hint;
} codes[] = {
#define LIVE_CODE(code, hint) {#code, hint},
#include "live/live_codes.def"
#undef LIVE_CODE
};

const char *live_code_name(enum live_code code)
{
    return codes[code].name;
}

struct live_error live_error_make(enum live_code code, str text)
{
    return (struct live_error){.code = code, .text = text, .hint = codes[code].hint};
}

struct payload *payload_error(const struct live_error *error, bool with_hint)
{
    struct payload *payload = payload_create(LIVE_ERROR);
    buf_append_c(&payload->tail, "\"code\":");
    json_append_text(&payload->tail, str_from(live_code_name(error->code)));
    buf_append_c(&payload->tail, ",\"message\":");
    json_append_text(&payload->tail, error->text);
    if (with_hint) {
        buf_append_c(&payload->tail, ",\"hint\":");
        json_append_text(&payload->tail, str_from(error->hint));
    }
    return payload;
}
