/* server/api_common.c -- writing envelopes, reading JSON bodies. */
#include "server/api_common.h"

#include "base/log.h"
#include "model/limits.h"

uint64_t api_took_us(const struct http_call *call)
{
    return clock_mono_us(call->clock) - call->started_us;
}

void api_append_took(struct buf *out, uint64_t us)
{
    buf_append_u64_text(out, us / 1000);
    char *at = buf_reserve(out, 4);
    at[0] = '.';
    at[1] = (char)('0' + us / 100 % 10);
    at[2] = (char)('0' + us / 10 % 10);
    at[3] = (char)('0' + us % 10);
    out->n += 4;
}

void api_answer_json(struct http_call *call, int code)
{
    http_answer(call, code, API_JSON);
}

void api_answer_text(struct http_call *call, int code, const char *text)
{
    buf_clear(&call->out);
    buf_append_c(&call->out, text);
    http_answer(call, code, API_TEXT);
}

/* The text, or a copy with '?' for what is no UTF-8: an error text may be cut within a character.
 */
static str sane(struct http_call *call, str text)
{
    if (str_is_utf8(text)) {
        return text;
    }
    char *copy = arena_alloc(&call->arena, text.n);
    for (size_t i = 0; i < text.n;) {
        size_t n = 1;
        while (n < 4 && i + n <= text.n && !str_is_utf8(str_slice(text, i, i + n))) {
            n++;
        }
        bool is_char = i + n <= text.n && str_is_utf8(str_slice(text, i, i + n));
        n = is_char ? n : 1;
        memcpy(copy + i, is_char ? text.p + i : "?", n);
        i += n;
    }
    return str_of(copy, text.n);
}

static void append_error(struct http_call *call, const struct api_error *error)
{
    struct buf *out = &call->out;
    struct json_writer w = json_writer_on(out);
    json_write_object_begin(&w);
    json_write_key(&w, "code");
    json_write_text(&w, error->code);
    json_write_key(&w, "message");
    json_write_text(&w, sane(call, error->message));
    if (error->details.p != NULL) {
        json_write_key(&w, "details");
        json_write_text(&w, sane(call, error->details));
    }
    json_write_key(&w, "hint"); /* ours: clients of 0.4.3 pass over keys that they do not know */
    json_write_text_c(&w, error->hint);
    json_write_object_end(&w);
}

void api_answer_error(struct http_call *call, const struct api_error *error)
{
    struct buf *out = &call->out;
    buf_clear(out);
    buf_append_str(out, STR_LIT("{\"status\":\"error\",\"results\":[],\"took\":"));
    api_append_took(out, api_took_us(call));
    buf_append_str(out, STR_LIT(",\"error\":"));
    append_error(call, error);
    buf_append_byte(out, '}');
    api_answer_json(call, error->http);
}

void api_answer_status(struct http_call *call, const struct error *err)
{
    const struct error_row *row = error_row(err->id);
    struct api_error error = {.http = row->http_status,
                              .code = str_from(row->wire_code),
                              .message = str_from(err->text),
                              .hint = row->hint};
    api_answer_error(call, &error);
}

/* What a stranger may know: never more than these. */
static str unauthenticated_message(enum error_id id)
{
    switch (id) {
    case ERROR_MISSING_AUTHORIZATION:
        return STR_LIT("Authentication required");
    case ERROR_SETUP_REQUIRED:
        return STR_LIT("Server requires initial setup");
    case ERROR_ACCOUNT_LOCKED:
        return STR_LIT("Account locked");
    default:
        return STR_LIT("Invalid credentials");
    }
}

void api_answer_unauthenticated(struct http_call *call, const struct error *err)
{
    const struct error_row *row = error_row(err->id);
    struct api_error error = {.code = str_from(row->wire_code),
                              .message = unauthenticated_message(err->id),
                              .hint = row->hint};
    struct buf *out = &call->out;
    buf_clear(out);
    buf_append_str(out, STR_LIT("{\"status\":\"error\",\"error\":"));
    append_error(call, &error);
    buf_append_str(out, STR_LIT(",\"results\":[],\"took\":"));
    api_append_took(out, api_took_us(call));
    buf_append_byte(out, '}');
    api_answer_json(call, row->http_status);
}

void api_answer_flat(struct http_call *call, int code, const char *error, str message)
{
    buf_clear(&call->out);
    struct json_writer w = json_writer_on(&call->out);
    json_write_object_begin(&w);
    json_write_key(&w, "error");
    json_write_text_c(&w, error);
    json_write_key(&w, "message");
    json_write_text(&w, sane(call, message));
    json_write_object_end(&w);
    api_answer_json(call, code);
}

/* --- JSON bodies ------------------------------------------------------------------------------ */

bool api_is_json_type(str content_type)
{
    ptrdiff_t semicolon = str_find_char(content_type, ';');
    str type =
        str_trim(semicolon < 0 ? content_type : str_slice(content_type, 0, (size_t)semicolon));
    size_t suffix = type.n >= 5 ? type.n - 5 : 0;
    return str_eq_nocase(type, STR_LIT("application/json")) ||
           (suffix > 0 && str_eq_nocase(str_skip(type, suffix), STR_LIT("+json")));
}

static const char *kind_name(const struct json *value)
{
    switch (value->kind) {
    case JSON_NULL:
        return "null";
    case JSON_BOOL:
        return "boolean";
    case JSON_NUMBER:
        return value->is_integer ? "integer" : "floating point number";
    case JSON_TEXT:
        return "string";
    case JSON_ARRAY:
        return "sequence";
    case JSON_OBJECT:
        return "map";
    }
    return "value";
}

status api_refuse_type(const struct json *found, const char *field, const char *expected,
                       struct error *err)
{
    return error_set(err, ERROR_INVALID_INPUT,
                     "Json deserialize error: invalid type of `%s`: %s, expected %s", field,
                     kind_name(found), expected);
}

status api_read_object(struct http_call *call, const struct json **out, struct error *err)
{
    if (!api_is_json_type(http_header_get(call, "content-type"))) {
        return error_set(err, ERROR_INVALID_INPUT, "Content type error");
    }
    if (call->body.n > LIMIT_JSON_BODY_BYTES) {
        return error_set(err, ERROR_LIMIT,
                         "JSON payload (%zu bytes) is larger than allowed (limit: %d bytes).",
                         call->body.n, LIMIT_JSON_BODY_BYTES);
    }
    struct error inner;
    error_clear(&inner);
    const struct json *value = NULL;
    if (!status_ok(json_parse(buf_str(&call->body), &call->arena, &value, &inner))) {
        return error_set(err, ERROR_INVALID_INPUT, "Json deserialize error: %s", inner.text);
    }
    if (value->kind != JSON_OBJECT) {
        return error_set(err, ERROR_INVALID_INPUT,
                         "Json deserialize error: invalid type: %s, expected an object",
                         kind_name(value));
    }
    *out = value;
    return STATUS_IS_OK;
}

void api_write_time(struct json_writer *w, int64_t wall_us)
{
    if (wall_us == 0) {
        json_write_null(w);
        return;
    }
    char text[CLOCK_TEXT_BYTES];
    clock_format_rfc3339(wall_us, 6, text);
    json_write_text_c(w, text);
}
