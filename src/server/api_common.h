/* server/api_common.h -- the shapes of answers that all routes share.
 * For:      the SQL envelope's errors (contract http-ws.md 2.9), the flat errors of other routes
 *           (3.1), JSON and text bodies.
 * Touches:  http_conn. Threads: the loop of the call. */
#ifndef SERVER_API_COMMON_H
#define SERVER_API_COMMON_H

#include "server/http_conn.h"
#include "wire/json.h"

#define API_JSON STR_LIT("application/json")
#define API_TEXT STR_LIT("text/plain; charset=utf-8")

/* µs since the head of the request was there. */
uint64_t api_took_us(const struct http_call *call);
/* Milliseconds with three decimals: 1.234 */
void api_append_took(struct buf *out, uint64_t us);

/* Answers with the JSON in call->out. */
void api_answer_json(struct http_call *call, int code);
/* Answers with a text, replacing call->out. */
void api_answer_text(struct http_call *call, int code, const char *text);

struct api_error {
    int http;
    str code;
    str message;
    str details;      /* p NULL: none */
    const char *hint; /* what to do about it */
};
/* {"status":"error","results":[],"took":0.5,"error":{"code":"...","message":"...","hint":"..."}} */
void api_answer_error(struct http_call *call, const struct api_error *error);
/* The same for an error of the table, with its code and its text as it stands. */
void api_answer_status(struct http_call *call, const struct error *err);
/* Who asks is not known: the same keys in the order status, error, results, took. `err` is one of
 * the rows "who asks" of errors.def. */
void api_answer_unauthenticated(struct http_call *call, const struct error *err);
/* {"error":"...","message":"..."} */
void api_answer_flat(struct http_call *call, int code, const char *error, str message);

/* --- JSON bodies */

/* Reads the body as a JSON object into the call's arena. LIMIT: longer than LIMIT_JSON_BODY_BYTES;
 * INVALID: another content type, or not such an object. err->text says so as the contract's
 * framework words it. */
MUST_USE status api_read_object(struct http_call *call, const struct json **out, struct error *err);
/* INVALID: "Json deserialize error: invalid type of `sql`: integer, expected a string". */
MUST_USE status api_refuse_type(const struct json *found, const char *field, const char *expected,
                                struct error *err);
/* Is the content type application/json (or another +json), with or without parameters? */
bool api_is_json_type(str content_type);

/* "2026-11-22T17:04:43.123456Z" as a JSON text; null for 0. */
void api_write_time(struct json_writer *w, int64_t wall_us);

#endif
