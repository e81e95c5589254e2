/* server/api_sql.c -- one statement or batch on its way:
 *
 *   head --> who asks, how often
 *   body --> JSON or multipart --> struct query --> query_start on the loop
 *                                                     |        |        \
 *                                                    DONE   PENDING   WOULD_BLOCK, AGAIN
 *                                                     |        |          \--> worker: query_start
 *                                                     |        \--> committer: finished  |
 *                                                     |             query_resume <-------/ PENDING
 *                                                     \--> answer <------/------------- DONE
 * The envelope's beginning is written before the query starts, RESULT objects are written behind it
 * by query/, the end by finish(). A large result leaves the worker in pieces (http_stream_write).
 */
#include "server/api_sql.h"

#include "base/log.h"
#include "base/metric.h"
#include "server/api_common.h"
#include "server/bearer.h"
#include "server/multipart.h"
#include "server/server.h"

enum { IDEMPOTENCY_KEY_BYTES_MAX = 255 };

/* In the arena of the call. */
struct sql_call {
    struct caller caller;
    str namespace_name; /* empty: not given */
    const struct json *params;
    bool has_durability;
    bool is_async;
    bool on_worker;
    struct query query;
};

/* --- who asks --------------------------------------------------------------------------------- */

/* An error with the text that the contract gives it. */
static void answer_plain(struct http_call *call, enum error_id id, const char *text)
{
    const struct error_row *row = error_row(id);
    struct api_error error = {.http = row->http_status,
                              .code = str_from(row->wire_code),
                              .message = str_from(text),
                              .hint = row->hint};
    api_answer_error(call, &error);
}

void api_bearer_head(struct http_call *call)
{
    struct caller *caller = ARENA_NEW(&call->arena, struct caller);
    struct error err;
    if (!status_ok(bearer_check(call->server, call, caller, &err))) {
        api_answer_unauthenticated(call, &err);
        return;
    }
    call->state = caller;
}

void api_sql_head(struct http_call *call)
{
    struct server *server = call->server;
    struct sql_call *sql = ARENA_NEW(&call->arena, struct sql_call);
    struct error *err = &sql->query.error;
    if (!status_ok(bearer_check(server, call, &sql->caller, err))) {
        api_answer_unauthenticated(call, err);
        return;
    }
    if (!rate_limiter_take(server->query_rate, sql->caller.user_id, NULL)) {
        metric_add(METRIC_RATE_LIMITED, METRIC_SLOT(LIMIT, QUERIES), 0, 1);
        http_add_header(call, "Retry-After", STR_LIT("1"));
        answer_plain(call, ERROR_RATE_LIMIT, "Too many queries per second. Please slow down.");
        return;
    }
    call->state = sql;
}

/* --- the body --------------------------------------------------------------------------------- */

/* A member that is a text or null. */
static status read_text(const struct json *body, const char *name, str *out, struct error *err)
{
    const struct json *value = json_get(body, name);
    if (value == NULL || json_is_null(value) || json_as_text(value, out)) {
        return STATUS_IS_OK;
    }
    return api_refuse_type(value, name, "a string", err);
}

static status read_durability(struct sql_call *sql, const struct json *body, struct error *err)
{
    str text = {NULL, 0};
    const struct json *value = json_get(body, "durability");
    if (value == NULL || json_is_null(value)) {
        return STATUS_IS_OK;
    }
    bool is_text = json_as_text(value, &text);
    sql->has_durability = true;
    sql->is_async = str_eq_c(text, "async");
    if (!is_text || (!sql->is_async && !str_eq_c(text, "sync"))) {
        return error_set(err, ERROR_INVALID_INPUT, "durability must be \"sync\" or \"async\"");
    }
    return STATUS_IS_OK;
}

static status read_json(struct http_call *call, struct sql_call *sql, struct error *err)
{
    const struct json *body = NULL;
    TRY(api_read_object(call, &body, err));
    TRY(read_text(body, "sql", &sql->query.sql, err));
    if (sql->query.sql.p == NULL) {
        const struct json *value = json_get(body, "sql");
        return value != NULL ? api_refuse_type(value, "sql", "a string", err)
                             : error_set(err, ERROR_INVALID_INPUT,
                                         "Json deserialize error: missing field `sql`");
    }
    TRY(read_text(body, "namespace_id", &sql->namespace_name, err));
    TRY(read_durability(sql, body, err));
    const struct json *params = json_get(body, "params");
    if (params != NULL && !json_is_null(params)) {
        if (params->kind != JSON_ARRAY) {
            return api_refuse_type(params, "params", "a sequence", err);
        }
        sql->params = params;
    }
    return STATUS_IS_OK;
}

static bool read_json_body(struct http_call *call, struct sql_call *sql)
{
    struct error err;
    error_clear(&err);
    if (!status_ok(read_json(call, sql, &err))) {
        const struct error_row *row = error_row(ERROR_INVALID_INPUT);
        struct api_error error = {
            .http = row->http_status,
            .code = str_from(row->wire_code),
            .message = arena_format(&call->arena, "Invalid JSON payload: %s", err.text),
            .hint = row->hint};
        api_answer_error(call, &error);
        return false;
    }
    return true;
}

static status read_multipart_params(struct http_call *call, struct sql_call *sql, str text,
                                    struct error *err)
{
    struct error inner;
    error_clear(&inner);
    if (str_trim(text).n == 0) {
        return STATUS_IS_OK;
    }
    if (!status_ok(json_parse(text, &call->arena, &sql->params, &inner))) {
        return error_set(err, ERROR_INVALID_PARAMETER, "Invalid params JSON: %s", inner.text);
    }
    if (json_is_null(sql->params)) {
        sql->params = NULL;
    } else if (sql->params->kind != JSON_ARRAY) {
        return error_set(err, ERROR_INVALID_PARAMETER, "Params must be a JSON array");
    }
    return STATUS_IS_OK;
}

static status read_part(struct http_call *call, struct sql_call *sql,
                        const struct multipart_part *part, struct error *err)
{
    if (str_starts_with(part->name, STR_LIT("file:"))) {
        return error_set(err, ERROR_INVALID_INPUT,
                         "Not implemented: FILE uploads are not available yet (part '" STR_FMT "')",
                         STR(part->name));
    }
    if (!str_is_utf8(part->content)) {
        return error_set(err, ERROR_INVALID_INPUT, "Part '" STR_FMT "' is not UTF-8",
                         STR(part->name));
    }
    if (str_eq_c(part->name, "sql")) {
        sql->query.sql = part->content;
    } else if (str_eq_c(part->name, "namespace_id")) {
        sql->namespace_name = str_trim(part->content);
    } else if (str_eq_c(part->name, "params")) {
        return read_multipart_params(call, sql, part->content, err);
    }
    return STATUS_IS_OK;
}

static status read_multipart(struct http_call *call, struct sql_call *sql, struct error *err)
{
    struct multipart *form = ARENA_NEW(&call->arena, struct multipart);
    TRY(multipart_parse(http_header_get(call, "content-type"), buf_str(&call->body), &call->arena,
                        form, err));
    for (unsigned i = 0; i < form->count; i++) {
        TRY(read_part(call, sql, &form->parts[i], err));
    }
    if (str_trim(sql->query.sql).n == 0) {
        return error_set(err, ERROR_EMPTY_SQL, "SQL statement is required");
    }
    return STATUS_IS_OK;
}

/* --- parameters ------------------------------------------------------------------------------- */

/* Digits and a point that a DOUBLE would not give back: kept in a DECIMAL, as those of a literal in
 * SQL are. False: the DOUBLE is all that was said, or the number has an exponent or more than 38
 * digits. */
static bool is_decimal(const struct json *json, struct value *out)
{
    str text = json->as.number.raw;
    text = text.n > 0 && text.p[0] == '-' ? str_skip(text, 1) : text;
    ptrdiff_t point = str_find_char(text, '.');
    size_t digits = text.n - (point < 0 ? 0 : 1);
    if (str_find_char(text, 'e') >= 0 || str_find_char(text, 'E') >= 0 ||
        digits > LIMIT_DECIMAL_PRECISION) {
        return false;
    }
    *out = (struct value){.type = {.id = TYPE_DECIMAL,
                                   .precision = (uint8_t)digits,
                                   .scale = (uint8_t)(point < 0 ? 0 : digits - (size_t)point)}};
    const struct value real = value_double(json->as.number.real);
    struct buf printed;
    int128 back = 0;
    buf_init(&printed);
    value_append_text(&printed, &real);
    bool is_read =
        decimal_parse(json->as.number.raw, out->type.precision, out->type.scale, &out->as.decimal);
    bool is_kept = decimal_parse(buf_str(&printed), out->type.precision, out->type.scale, &back) &&
                   back == out->as.decimal;
    buf_release(&printed);
    return is_read && !is_kept;
}

static status convert(const struct json *json, unsigned number, struct value *out,
                      struct error *err)
{
    switch (json->kind) {
    case JSON_NULL:
        *out = value_null((struct type){.id = TYPE_TEXT});
        return STATUS_IS_OK;
    case JSON_BOOL:
        *out = value_bool(json->as.boolean);
        return STATUS_IS_OK;
    case JSON_NUMBER:
        if (json->is_integer) {
            *out = value_int(TYPE_BIGINT, json->as.number.integer);
        } else if (!is_decimal(json, out)) {
            *out = value_double(json->as.number.real);
        }
        return STATUS_IS_OK;
    case JSON_TEXT:
        *out = value_text(json->as.text);
        return STATUS_IS_OK;
    case JSON_ARRAY:
        return error_set(err, ERROR_INVALID_PARAMETER,
                         "Parameter $%u invalid: Array parameters not yet supported", number);
    case JSON_OBJECT:
        break;
    }
    return error_set(err, ERROR_INVALID_PARAMETER,
                     "Parameter $%u invalid: Object parameters not yet supported", number);
}

static status convert_all(struct http_call *call, struct sql_call *sql, struct error *err)
{
    unsigned count = sql->params != NULL ? sql->params->as.children.count : 0;
    if (count == 0) {
        return STATUS_IS_OK;
    }
    struct value *values = ARENA_ARRAY(&call->arena, struct value, count);
    const struct json *item = sql->params->as.children.first;
    for (unsigned i = 0; i < count; i++, item = item->next) {
        TRY(convert(item, i + 1, &values[i], err));
    }
    sql->query.params = values;
    sql->query.param_count = count;
    return STATUS_IS_OK;
}

/* --- the answer ------------------------------------------------------------------------------- */

static void begin_envelope(struct http_call *call)
{
    buf_clear(&call->out);
    buf_append_str(&call->out, STR_LIT("{\"status\":\"success\",\"results\":["));
}

/* Ends the query and answers with what is wrong; `statement` 0: no statement's fault. */
static void answer_failure(struct http_call *call, struct sql_call *sql, const struct error *err,
                           unsigned statement)
{
    const struct error_row *row = error_row(err->id);
    enum role role = sql->caller.role;
    struct api_error error = {.http = row->http_status,
                              .code = str_from(row->wire_code),
                              .message = query_error_text(err, role, statement, &call->arena),
                              .hint = query_error_hint(err, role)};
    if ((role == ROLE_DBA || role == ROLE_SYSTEM) && sql->query.statement_text.n > 0) {
        error.details = sql->query.statement_text;
    }
    if (row->http_status >= 500) {
        log_warn("sql", "failed", "code=%s reason=\"%s\"", row->symbol, err->text);
    }
    if (err->id == ERROR_BUSY) {
        http_add_header(call, "Retry-After", STR_LIT("1"));
    }
    query_end(&sql->query);
    if (call->stream != NULL) {
        http_abort(call); /* half of a result has left; the client sees that the rest is missing */
    } else {
        api_answer_error(call, &error);
    }
}

static void finish(struct http_call *call)
{
    struct sql_call *sql = call->state;
    struct query *query = &sql->query;
    uint64_t took_us = api_took_us(call);
    if (query->error.id != ERROR_NONE) {
        answer_failure(call, sql, &query->error, query->is_prefixed ? query->failed_statement : 0);
        return;
    }
    struct buf *out = &call->out;
    buf_append_str(out, STR_LIT("],\"took\":"));
    api_append_took(out, took_us);
    buf_append_str(out, query->has_rows ? STR_LIT(",\"error\":null}") : STR_LIT("}"));
    if (sql->has_durability) {
        http_add_header(call, "X-KalamDB-Durability",
                        sql->is_async ? STR_LIT("async") : STR_LIT("sync"));
    }
    query_end(query);
    api_answer_json(call, 200);
}

/* --- running ---------------------------------------------------------------------------------- */

/* On a worker: hands the full buffer on. On the loop nothing may wait: the buffer grows. */
static status flush(void *context, struct error *err)
{
    struct http_call *call = context;
    struct sql_call *sql = call->state;
    if (!sql->on_worker) {
        return STATUS_IS_OK;
    }
    TRY(http_stream_write(call, API_JSON, buf_str(&call->out), err));
    buf_clear(&call->out);
    return STATUS_IS_OK;
}

static void work(void *argument, unsigned worker)
{
    struct http_call *call = argument;
    struct sql_call *sql = call->state;
    sql->on_worker = true;
    log_set_request(call->request_id);
    enum query_state state = query_start(&sql->query, QUERY_ON_WORKER, worker);
    log_set_request(str_of(NULL, 0));
    if (state != QUERY_PENDING) { /* else it is the committer's, or somebody else's already */
        http_return(call, finish);
    }
}

static void submit(struct http_call *call)
{
    struct server *server = call->server;
    struct sql_call *sql = call->state;
    enum pool_lane lane = query_is_long(&sql->query) ? POOL_LONG : POOL_SHORT;
    if (!status_ok(http_submit(call, server->workers, lane, work))) {
        query_end(&sql->query);
        http_add_header(call, "Retry-After", STR_LIT("1"));
        answer_plain(call, ERROR_BUSY, "Server is busy. Please retry shortly.");
    }
}

static void resume(struct http_call *call)
{
    struct sql_call *sql = call->state;
    sql->on_worker = false;
    if (query_resume(&sql->query) == QUERY_AGAIN) {
        submit(call);
    } else {
        finish(call);
    }
}

static void on_finished(struct query *query)
{
    http_return(query->owner, resume);
}

static void start(struct http_call *call)
{
    struct sql_call *sql = call->state;
    begin_envelope(call);
    switch (query_start(&sql->query, QUERY_ON_LOOP, 0)) {
    case QUERY_DONE:
        finish(call);
        break;
    case QUERY_PENDING:
        break;
    case QUERY_WOULD_BLOCK:
    case QUERY_AGAIN:
        submit(call);
        break;
    }
}

static void open_session(struct http_call *call, struct sql_call *sql)
{
    struct server *server = call->server;
    struct query *query = &sql->query;
    query->engine = server->queries;
    query->session = (struct session){
        .user_id = sql->caller.user_id,
        .role = sql->caller.role,
        .actor_id = sql->caller.user_id,
        .actor_role = sql->caller.role,
        .namespace_name = sql->namespace_name.n > 0 ? arena_lower(&call->arena, sql->namespace_name)
                                                    : STR_LIT("default"),
        .request_id = call->request_id,
        .client_address = call->client_ip,
        .now_us = clock_wall_us(call->clock),
        .is_async = sql->has_durability ? sql->is_async : server_is_async(server),
    };
    query->is_cancelled = &call->is_gone;
    query->arena = &call->arena;
    query->out = &call->out;
    query->flush = flush;
    query->flush_context = call;
    query->finished = on_finished;
    query->owner = call;
}

/* All that is left of the request besides its text. */
static status take_options(struct http_call *call, struct sql_call *sql, struct error *err)
{
    sql->query.idempotency_key = http_header_get(call, "idempotency-key");
    if (sql->query.idempotency_key.n > IDEMPOTENCY_KEY_BYTES_MAX) {
        return error_set(err, ERROR_INVALID_INPUT, "Idempotency-Key has %zu bytes, more than %d",
                         sql->query.idempotency_key.n, IDEMPOTENCY_KEY_BYTES_MAX);
    }
    if (sql->query.sql.n > LIMIT_SQL_BYTES) {
        return error_set(err, ERROR_SQL_TOO_LONG,
                         "SQL query too long: %zu bytes (maximum %d bytes)", sql->query.sql.n,
                         LIMIT_SQL_BYTES);
    }
    return STATUS_IS_OK;
}

/* What is wrong with them is told after what is wrong with the statements. */
static void take_params(struct http_call *call, struct sql_call *sql)
{
    struct error err;
    if (!status_ok(convert_all(call, sql, &err))) {
        struct error *kept = ARENA_NEW(&call->arena, struct error);
        *kept = err;
        sql->query.param_error = kept;
    }
}

void api_sql(struct http_call *call)
{
    struct sql_call *sql = call->state;
    struct error *err = &sql->query.error;
    status result = STATUS_IS_OK;
    error_clear(err);
    if (multipart_is_type(http_header_get(call, "content-type"))) {
        result = read_multipart(call, sql, err);
    } else if (!read_json_body(call, sql)) {
        return;
    }
    if (status_ok(result)) {
        result = take_options(call, sql, err);
    }
    if (!status_ok(result)) {
        answer_failure(call, sql, err, 0);
        return;
    }
    take_params(call, sql);
    open_session(call, sql);
    start(call);
}
