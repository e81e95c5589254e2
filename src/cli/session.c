/* cli/session.c -- the contract's auth routes and POST /v1/api/sql. */
#include "cli/session.h"

#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/script.h"

#include <time.h>

enum { BUSY_TRIES = 30, MESSAGE_BYTES_MAX = 2000 };

bool session_init(struct session *session, const struct options *options, struct failure *failure)
{
    *session = (struct session){0};
    arena_init(&session->arena);
    session->user = str_from(options->user);
    session->password = str_from(options->password);
    session->has_password = options->password != NULL;
    session->token = str_from(options->token);
    session->namespace_name = str_from(options->namespace_name);
    if (!endpoint_init(&session->endpoint, options, &session->arena, failure)) {
        return false;
    }
    web_init(&session->web, &session->endpoint, options->timeout_ms);
    return true;
}

void session_release(struct session *session)
{
    web_release(&session->web);
    endpoint_release(&session->endpoint);
    arena_release(&session->arena);
}

/* --- answers --- */

/* The error that an answer tells of, in any of the contract's three forms. */
static bool refused(struct failure *failure, const struct web_answer *answer,
                    const struct json *body, struct arena *arena)
{
    str code = {0};
    str message = {0};
    str hint = {0};
    const struct json *error = json_get(body, "error");
    if (!json_as_text(error, &code)) {
        (void)json_as_text(json_get(error, "code"), &code);
        (void)json_as_text(json_get(error, "message"), &message);
        (void)json_as_text(json_get(error, "hint"), &hint);
    }
    if (message.n == 0) {
        (void)json_as_text(json_get(body, "message"), &message);
    }
    if (message.n == 0) {
        message = str_slice(str_trim(answer->body), 0, MESSAGE_BYTES_MAX);
    }
    if (code.n == 0) {
        code = arena_format(arena, "HTTP_%d", answer->status);
    }
    bool is_login = answer->status == 401 || answer->status == 428 ||
                    str_eq_c(code, "REMOTE_ACCESS_DENIED") || str_eq_c(code, "forbidden");
    *failure = (struct failure){.exit = is_login ? CLI_NO_LOGIN : CLI_FAILED,
                                .code = arena_copy(arena, code),
                                .message = arena_copy(arena, message),
                                .hint = arena_copy(arena, hint)};
    return false;
}

/* Asks, and reads the answer's JSON; NULL when it is none. */
static bool ask(struct session *session, const struct web_request *request, struct arena *arena,
                struct web_answer *answer, const struct json **body, struct failure *failure)
{
    *body = NULL;
    if (!web_ask(&session->web, request, arena, answer, failure)) {
        return false;
    }
    if (!status_ok(json_parse(answer->body, arena, body, NULL))) {
        *body = NULL;
    }
    return true;
}

/* --- who asks --- */

bool session_needs_setup(struct session *session, bool *known, bool *needs_setup,
                         struct failure *failure)
{
    struct web_request request = {.method = "GET", .target = STR_LIT("/v1/api/auth/status")};
    struct web_answer answer;
    const struct json *body;
    *known = false;
    *needs_setup = false;
    if (!ask(session, &request, &session->arena, &answer, &body, failure)) {
        return false;
    }
    *known = answer.status == 200 && json_as_bool(json_get(body, "needs_setup"), needs_setup);
    return true;
}

static void write_member(struct json_writer *w, const char *key, str value)
{
    json_write_key(w, key);
    json_write_text(w, value);
}

static bool check_text(str text, const char *what, struct session *session, struct failure *failure)
{
    return str_is_utf8(text) || failure_set(failure, &session->arena, CLI_MISUSE, "USAGE",
                                            "the %s is not well-formed UTF-8", what);
}

bool session_set_up(struct session *session, str user, str password, str root_password,
                    struct failure *failure)
{
    if (!check_text(user, "user", session, failure) ||
        !check_text(password, "password", session, failure) ||
        !check_text(root_password, "root password", session, failure)) {
        return false;
    }
    struct buf body;
    buf_init(&body);
    struct json_writer w = json_writer_on(&body);
    json_write_object_begin(&w);
    write_member(&w, "user", user);
    write_member(&w, "password", password);
    write_member(&w, "root_password", root_password);
    json_write_object_end(&w);
    struct web_request request = {
        .method = "POST", .target = STR_LIT("/v1/api/auth/setup"), .body = buf_str(&body)};
    struct web_answer answer;
    const struct json *json;
    bool came = ask(session, &request, &session->arena, &answer, &json, failure);
    buf_release(&body);
    if (!came || answer.status != 200) {
        return came ? refused(failure, &answer, json, &session->arena) : false;
    }
    session->user = arena_copy(&session->arena, user);
    session->password = arena_copy(&session->arena, password);
    session->has_password = true;
    return true;
}

/* Takes the tokens out of the answer of login or refresh. */
static bool take_tokens(struct session *session, const struct web_answer *answer,
                        const struct json *body, struct failure *failure)
{
    str token;
    if (answer->status != 200) {
        return refused(failure, answer, body, &session->arena);
    }
    if (!json_as_text(json_get(body, "access_token"), &token)) {
        return failure_set(failure, &session->arena, CLI_NO_LOGIN, "BAD_ANSWER",
                           "the answer to the login has no access_token");
    }
    session->token = arena_copy(&session->arena, token);
    if (json_as_text(json_get(body, "refresh_token"), &token)) {
        session->refresh_token = arena_copy(&session->arena, token);
    }
    return true;
}

bool session_log_in(struct session *session, struct failure *failure)
{
    if (!check_text(session->user, "user", session, failure) ||
        !check_text(session->password, "password", session, failure)) {
        return false;
    }
    struct buf body;
    buf_init(&body);
    struct json_writer w = json_writer_on(&body);
    json_write_object_begin(&w);
    write_member(&w, "user", session->user);
    write_member(&w, "password", session->password);
    json_write_object_end(&w);
    struct web_request request = {
        .method = "POST", .target = STR_LIT("/v1/api/auth/login"), .body = buf_str(&body)};
    struct web_answer answer;
    const struct json *json;
    bool came = ask(session, &request, &session->arena, &answer, &json, failure);
    buf_release(&body);
    return came && take_tokens(session, &answer, json, failure);
}

bool session_renew(struct session *session, struct failure *failure)
{
    if (session->refresh_token.n > 0) {
        struct web_request request = {.method = "POST",
                                      .target = STR_LIT("/v1/api/auth/refresh"),
                                      .token = session->refresh_token};
        struct web_answer answer;
        const struct json *json;
        session->refresh_token = STR_LIT("");
        if (!ask(session, &request, &session->arena, &answer, &json, failure)) {
            return false;
        }
        if (take_tokens(session, &answer, json, failure)) {
            return true;
        }
    }
    if (session->user.n == 0) {
        return failure_set(failure, &session->arena, CLI_NO_LOGIN, "TOKEN_EXPIRED",
                           "the access token has expired; get a new one, or give --user");
    }
    return session_log_in(session, failure);
}

/* --- statements --- */

static void append_sql_body(struct buf *out, const struct session *session, str sql)
{
    struct json_writer w = json_writer_on(out);
    json_write_object_begin(&w);
    write_member(&w, "sql", sql);
    if (session->namespace_name.n > 0) {
        write_member(&w, "namespace_id", session->namespace_name);
    }
    json_write_object_end(&w);
}

/* Sleeps, at most a few seconds; Ctrl-C ends it. */
static void wait_a_while(uint32_t retry_after_s)
{
    uint32_t ms = retry_after_s == 0 ? 200 : retry_after_s > 5 ? 5000 : retry_after_s * 1000;
    for (uint32_t at = 0; at < ms && !interrupt_pending(); at += INTERRUPT_LOOK_MS) {
        struct timespec step = {.tv_nsec = INTERRUPT_LOOK_MS * 1000000L};
        (void)nanosleep(&step, NULL);
    }
}

/* One statement alone needs no "Statement 1 failed: " in front of what is wrong with it. */
static void drop_number(struct failure *failure)
{
    str prefix = STR_LIT("Statement 1 failed: ");
    if (str_starts_with(failure->message, prefix)) {
        failure->message = str_skip(failure->message, prefix.n);
    }
}

static bool take_reply(const struct web_answer *answer, const struct json *body,
                       struct arena *arena, struct reply *out, struct failure *failure)
{
    str outcome = {0};
    (void)json_as_text(json_get(body, "status"), &outcome);
    const struct json *results = json_get(body, "results");
    if (answer->status != 200 || !str_eq_c(outcome, "success")) {
        (void)refused(failure, answer, body, arena);
        drop_number(failure);
        return false;
    }
    if (results == NULL || results->kind != JSON_ARRAY) {
        return failure_set(failure, arena, CLI_FAILED, "BAD_ANSWER",
                           "the server's answer is no JSON of the expected form");
    }
    *out = (struct reply){.results = results};
    (void)json_as_double(json_get(body, "took"), &out->took_ms);
    return true;
}

/* Statements that change nothing may be asked for again when their connection breaks. */
static bool only_reads(str sql)
{
    static const char *const words[] = {"select", "show", "describe", "desc", "explain"};
    str word = script_word(sql, 0);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_eq_nocase(word, str_from(words[i]))) {
            return true;
        }
    }
    return false;
}

bool session_sql(struct session *session, str sql, struct arena *arena, struct reply *out,
                 struct failure *failure)
{
    if (!str_is_utf8(sql)) {
        return failure_set(failure, arena, CLI_FAILED, "INVALID_SQL",
                           "the statement is not well-formed UTF-8");
    }
    struct buf body;
    buf_init(&body);
    append_sql_body(&body, session, sql);
    str text = arena_copy(arena, buf_str(&body));
    buf_release(&body);
    bool is_renewed = false;
    bool may_repeat = only_reads(sql);
    for (unsigned tries = 1;; tries++) {
        struct web_request request = {.method = "POST",
                                      .target = STR_LIT("/v1/api/sql"),
                                      .token = session->token,
                                      .body = text};
        struct web_answer answer;
        const struct json *json;
        if (!ask(session, &request, arena, &answer, &json, failure)) {
            if (str_eq_c(failure->code, "CONNECTION_LOST") && may_repeat) {
                may_repeat = false;
                continue;
            }
            return false;
        }
        if (take_reply(&answer, json, arena, out, failure)) {
            return true;
        }
        if (answer.status == 429 && tries < BUSY_TRIES) {
            wait_a_while(answer.retry_after_s);
            if (interrupt_pending()) {
                return failure_set(
                    failure, arena, CLI_INTERRUPTED, "CANCELLED",
                    "given up; the server had refused the statement as one too many");
            }
        } else if (str_eq_c(failure->code, "TOKEN_EXPIRED") && !is_renewed) {
            is_renewed = true;
            if (!session_renew(session, failure)) {
                return false;
            }
        } else {
            return false;
        }
    }
}
