/* server/ws_message.c -- see ws_message.h. */
#include "server/ws_message.h"

static status missing(const char *field, struct error *err)
{
    return error_set(err, ERROR_INVALID_INPUT, "missing field `%s`", field);
}

static status wrong(const char *field, const char *expected, struct error *err)
{
    return error_set(err, ERROR_INVALID_INPUT, "invalid type of `%s`, expected %s", field,
                     expected);
}

static status need_text(const struct json *object, const char *field, str *out, struct error *err)
{
    const struct json *value = json_get(object, field);
    if (value == NULL) {
        return missing(field, err);
    }
    return json_as_text(value, out) ? STATUS_IS_OK : wrong(field, "a string", err);
}

/* Absent and null are the same: *has is false. */
static status take_number(const struct json *object, const char *field, uint64_t max, bool *has,
                          uint64_t *out, struct error *err)
{
    const struct json *value = json_get(object, field);
    if (value == NULL || json_is_null(value)) {
        return STATUS_IS_OK;
    }
    if (!json_as_u64(value, out) || *out > max) {
        return wrong(field, "an integer", err);
    }
    *has = true;
    return STATUS_IS_OK;
}

/* -- authenticate -------------------------------------------------------------------------------
 */

/* A flag that may be left out: *out is then what it was. */
static status take_bool(const struct json *object, const char *field, bool *out, struct error *err)
{
    const struct json *value = json_get(object, field);
    bool is_fit = value == NULL || json_is_null(value) || json_as_bool(value, out);
    return is_fit ? STATUS_IS_OK : wrong(field, "a boolean", err);
}

static status read_choice(const struct json *protocol, const char *field, const char *plain,
                          const char *other, bool *is_other, struct error *err)
{
    str text;
    TRY(need_text(protocol, field, &text, err));
    *is_other = str_eq_c(text, other);
    if (!*is_other && !str_eq_c(text, plain)) {
        return error_set(err, ERROR_INVALID_INPUT, "unknown variant of `%s`, expected `%s` or `%s`",
                         field, plain, other);
    }
    return STATUS_IS_OK;
}

static status read_authenticate(const struct json *message, struct ws_request *out,
                                struct error *err)
{
    str method;
    TRY(need_text(message, "method", &method, err));
    if (!str_eq_c(method, "jwt")) {
        return error_set(err, ERROR_INVALID_INPUT, "unknown variant of `method`, expected `jwt`");
    }
    TRY(need_text(message, "token", &out->token, err));
    const struct json *protocol = json_get(message, "protocol");
    if (protocol == NULL) {
        return missing("protocol", err);
    }
    if (protocol->kind != JSON_OBJECT) {
        return wrong("protocol", "an object", err);
    }
    TRY(read_choice(protocol, "serialization", "json", "msgpack", &out->protocol.is_msgpack, err));
    TRY(read_choice(protocol, "compression", "none", "gzip", &out->protocol.is_compressed, err));
    return take_bool(protocol, "hints", &out->protocol.has_hints, err);
}

/* -- subscribe ----------------------------------------------------------------------------------
 */

static status read_from(const struct json *options, struct live_request *out, struct error *err)
{
    const char *field = json_get(options, "from") != NULL ? "from" : "from_seq_id";
    const struct json *value = json_get(options, field);
    int64_t signed_value = 0;
    if (json_as_i64(value, &signed_value) && signed_value < 0) { /* before everything */
        out->has_from = true;
        return STATUS_IS_OK;
    }
    return take_number(options, field, UINT64_MAX, &out->has_from, &out->from, err);
}

static status read_options(const struct json *options, struct arena *arena,
                           struct live_request *out, struct error *err)
{
    if (options->kind != JSON_OBJECT) {
        return wrong("options", "an object", err);
    }
    uint64_t number = 0;
    out->has_options = true;
    TRY(take_number(options, "batch_size", UINT32_MAX, &out->has_batch_size, &number, err));
    out->batch_size = (uint32_t)number;
    number = 0;
    TRY(take_number(options, "last_rows", UINT32_MAX, &out->has_last_rows, &number, err));
    out->last_rows = (uint32_t)number;
    TRY(read_from(options, out, err));
    TRY(take_bool(options, "leaves", &out->leaves, err));
    struct buf text;
    buf_init(&text);
    json_append(&text, options);
    out->options_json = arena_copy(arena, buf_str(&text));
    buf_release(&text);
    return STATUS_IS_OK;
}

static status read_subscribe(const struct json *message, struct arena *arena,
                             struct ws_request *out, struct error *err)
{
    const struct json *said = json_get(message, "subscription");
    if (said == NULL) {
        return missing("subscription", err);
    }
    if (said->kind != JSON_OBJECT) {
        return wrong("subscription", "an object", err);
    }
    TRY(need_text(said, "id", &out->subscribe.id, err));
    TRY(need_text(said, "sql", &out->subscribe.sql, err));
    const struct json *options = json_get(said, "options");
    return options == NULL || json_is_null(options)
               ? STATUS_IS_OK
               : read_options(options, arena, &out->subscribe, err);
}

/* -- the others ---------------------------------------------------------------------------------
 */

/* Clients echo the number of the batch before; some as a text. */
static status read_next_batch(const struct json *message, struct ws_request *out, struct error *err)
{
    TRY(need_text(message, "subscription_id", &out->subscription_id, err));
    const struct json *after = json_get(message, "last_seq_id");
    str text;
    if (json_as_text(after, &text)) {
        out->has_after = true;
        return str_to_u64(text, &out->after) ? STATUS_IS_OK
                                             : wrong("last_seq_id", "an integer", err);
    }
    return take_number(message, "last_seq_id", UINT64_MAX, &out->has_after, &out->after, err);
}

status ws_request_read(const struct json *message, struct arena *arena, struct ws_request *out,
                       struct error *err)
{
    static const char *const names[] = {"authenticate", "subscribe", "next_batch", "unsubscribe",
                                        "ping"};
    str type;
    *out = (struct ws_request){0};
    if (message->kind != JSON_OBJECT) {
        return error_set(err, ERROR_INVALID_INPUT, "expected an object with a field `type`");
    }
    TRY(need_text(message, "type", &type, err));
    unsigned kind = 0;
    while (kind < sizeof names / sizeof names[0] && !str_eq_c(type, names[kind])) {
        kind++;
    }
    out->kind = (enum ws_request_kind)kind;
    switch (out->kind) {
    case WS_REQUEST_AUTHENTICATE:
        return read_authenticate(message, out, err);
    case WS_REQUEST_SUBSCRIBE:
        return read_subscribe(message, arena, out, err);
    case WS_REQUEST_NEXT_BATCH:
        return read_next_batch(message, out, err);
    case WS_REQUEST_UNSUBSCRIBE:
        return need_text(message, "subscription_id", &out->subscription_id, err);
    case WS_REQUEST_PING:
        return STATUS_IS_OK;
    }
    return error_set(err, ERROR_INVALID_INPUT,
                     "unknown message type, expected one of `authenticate`, `subscribe`, "
                     "`next_batch`, `unsubscribe`, `ping`");
}
