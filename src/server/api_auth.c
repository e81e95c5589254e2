/* server/api_auth.c -- the routes; a call that goes to an auth worker has a struct auth_call, whose
 * answer the worker writes and the loop sends. */
#include "server/api_auth.h"

#include "auth/lockout.h"
#include "auth/password.h"
#include "base/log.h"
#include "base/metric.h"
#include "catalog/audit.h"
#include "engine/crypto_digest.h"
#include "engine/crypto_password.h"
#include "model/limits.h"
#include "server/api_common.h"
#include "server/bearer.h"
#include "server/server.h"
#include "wire/http_write.h"

#define ACCESS_COOKIE "kalamdb_auth"
#define REFRESH_COOKIE "kalamdb_refresh"
#define ROOT STR_LIT("root")

enum { REFRESH_FACTOR = 7, SETUP_PASSWORD_COST = 12 };

/* In the arena of the call. */
struct auth_call {
    str user;
    str password;
    str root_password; /* setup */
    str email;         /* setup; p NULL: none */
    bool is_secure;    /* cookies may be marked Secure */
    int code;          /* of the answer */
};

/* --- answers, on any thread that has the call ------------------------------------------------- */

static void say(struct http_call *call, int code, const char *error, str message)
{
    struct auth_call *auth = call->state;
    auth->code = code;
    buf_clear(&call->out);
    struct json_writer w = json_writer_on(&call->out);
    json_write_object_begin(&w);
    json_write_key(&w, "error");
    json_write_text_c(&w, error);
    json_write_key(&w, "message");
    json_write_text(&w, message);
    json_write_object_end(&w);
}

static void say_unauthorized(struct http_call *call)
{
    say(call, 401, "unauthorized", STR_LIT("Invalid credentials"));
}

static void say_failed(struct http_call *call, const char *what, const struct error *err)
{
    log_error("auth", "failed", "what=%s reason=\"%s\"", what, err->text);
    say(call, 500, "internal_error", STR_LIT("Internal error"));
}

static void send(struct http_call *call)
{
    const struct auth_call *auth = call->state;
    api_answer_json(call, auth->code);
}

static void write_user(struct json_writer *w, const struct user *user)
{
    json_write_key(w, "user");
    json_write_object_begin(w);
    json_write_key(w, "id");
    json_write_text(w, user->id);
    json_write_key(w, "role");
    json_write_text_c(w, role_name(user->role));
    json_write_key(w, "email");
    if (user->email.n > 0) {
        json_write_text(w, user->email);
    } else {
        json_write_null(w);
    }
    json_write_key(w, "created_at");
    api_write_time(w, user->created_us);
    json_write_key(w, "updated_at");
    api_write_time(w, user->updated_us);
    json_write_object_end(w);
}

static void write_admin_access(struct json_writer *w, const struct user *user)
{
    json_write_key(w, "admin_ui_access");
    json_write_bool(w, user->role == ROLE_DBA || user->role == ROLE_SYSTEM);
}

/* A cookie as both log-in and log-out set it; `expires_us` in the past removes it. */
static void set_cookie(struct http_call *call, const char *name, str value, int64_t expires_us,
                       bool is_secure)
{
    struct buf text;
    buf_init(&text);
    buf_append_c(&text, name);
    buf_append_byte(&text, '=');
    buf_append_str(&text, value);
    buf_append_str(&text, STR_LIT("; HttpOnly; Path=/; SameSite=Strict; Expires="));
    http_append_date(&text, expires_us);
    if (is_secure) {
        buf_append_str(&text, STR_LIT("; Secure"));
    }
    http_add_header(call, "Set-Cookie", arena_copy(&call->arena, buf_str(&text)));
    buf_release(&text);
}

static str sign(struct http_call *call, const struct user *user, enum token_kind kind,
                int64_t issued_s, int64_t expires_s)
{
    const struct server *server = call->server;
    struct token_claims claims = {.user_id = user->id,
                                  .kind = kind,
                                  .has_role = true,
                                  .role = user->role,
                                  .email = user->email.n > 0 ? user->email : str_of(NULL, 0),
                                  .issued_s = issued_s,
                                  .expires_s = expires_s};
    struct buf token;
    buf_init(&token);
    token_sign(&token, server->jwt_secret, &claims);
    str copy = arena_copy(&call->arena, buf_str(&token));
    buf_release(&token);
    return copy;
}

static void write_seconds(struct json_writer *w, const char *key, int64_t s)
{
    char text[CLOCK_TEXT_BYTES];
    clock_format_rfc3339(s * 1000000, 0, text);
    json_write_key(w, key);
    json_write_text_c(w, text);
}

/* Both tokens, as body and as cookies. */
static void say_tokens(struct http_call *call, const struct user *user)
{
    const struct server *server = call->server;
    struct auth_call *auth = call->state;
    int64_t now_s = bearer_issue_s(user, clock_wall_us(call->clock) / 1000000);
    int64_t access_s = now_s + server->token_s;
    int64_t refresh_s = now_s + server->token_s * REFRESH_FACTOR;
    str access = sign(call, user, TOKEN_ACCESS, now_s, access_s);
    str refresh = sign(call, user, TOKEN_REFRESH, now_s, refresh_s);
    auth->code = 200;
    buf_clear(&call->out);
    struct json_writer w = json_writer_on(&call->out);
    json_write_object_begin(&w);
    write_user(&w, user);
    write_admin_access(&w, user);
    write_seconds(&w, "expires_at", access_s);
    json_write_key(&w, "access_token");
    json_write_text(&w, access);
    json_write_key(&w, "refresh_token");
    json_write_text(&w, refresh);
    write_seconds(&w, "refresh_expires_at", refresh_s);
    json_write_object_end(&w);
    set_cookie(call, ACCESS_COOKIE, access, access_s * 1000000, auth->is_secure);
    set_cookie(call, REFRESH_COOKIE, refresh, refresh_s * 1000000, auth->is_secure);
}

/* --- before the body -------------------------------------------------------------------------- */

static void limit(struct http_call *call, const char *message)
{
    struct server *server = call->server;
    if (!rate_limiter_take(server->login_rate, call->client_ip, NULL)) {
        metric_add(METRIC_RATE_LIMITED, METRIC_SLOT(LIMIT, LOGINS), 0, 1);
        http_add_header(call, "Retry-After", STR_LIT("1"));
        api_answer_flat(call, 429, "rate_limited", str_from(message));
    }
}

void api_auth_head(struct http_call *call)
{
    limit(call, "Too many authentication attempts. Please retry shortly.");
}

static bool may_set_up(const struct http_call *call)
{
    const struct server *server = call->server;
    return call->is_local || server->config->auth_remote_setup;
}

void api_auth_setup_head(struct http_call *call)
{
    if (!may_set_up(call)) {
        api_answer_flat(call, 403, "forbidden",
                        STR_LIT("Server setup can only be performed from localhost"));
        return;
    }
    limit(call, "Too many setup attempts. Please retry shortly.");
}

/* --- bodies ----------------------------------------------------------------------------------- */

struct field {
    const char *name;
    const char *alias; /* NULL: none */
    str *out;
    size_t bytes_max;
    bool is_optional; /* may be missing or null */
};

static const struct field *find_field(const struct field *fields, unsigned count, str key)
{
    for (unsigned i = 0; i < count; i++) {
        if (str_eq_c(key, fields[i].name) ||
            (fields[i].alias != NULL && str_eq_c(key, fields[i].alias))) {
            return &fields[i];
        }
    }
    return NULL;
}

static status read_field(const struct field *field, const struct json *member, struct error *err)
{
    if (field->out->p != NULL) {
        return error_set(err, ERROR_INVALID_INPUT, "Json deserialize error: duplicate field `%s`",
                         field->name);
    }
    if (field->is_optional && json_is_null(member)) {
        return STATUS_IS_OK;
    }
    if (!json_as_text(member, field->out)) {
        return api_refuse_type(member, field->name, "a string", err);
    }
    if (field->out->n > field->bytes_max) {
        return error_set(err, ERROR_INVALID_INPUT,
                         "Json deserialize error: field `%s` has %zu bytes, more than %zu",
                         field->name, field->out->n, field->bytes_max);
    }
    return STATUS_IS_OK;
}

/* The body is an object with these fields and no others. LIMIT: the body is too long. */
static status read_fields(struct http_call *call, const struct field *fields, unsigned count,
                          struct error *err)
{
    const struct json *body = NULL;
    TRY(api_read_object(call, &body, err));
    for (const struct json *m = body->as.children.first; m != NULL; m = m->next) {
        const struct field *field = find_field(fields, count, m->key);
        if (field == NULL) {
            return error_set(err, ERROR_INVALID_INPUT,
                             "Json deserialize error: unknown field `" STR_FMT "`",
                             STR(str_slice(m->key, 0, m->key.n < 64 ? m->key.n : 64)));
        }
        TRY(read_field(field, m, err));
    }
    for (unsigned i = 0; i < count; i++) {
        if (fields[i].out->p == NULL && !fields[i].is_optional) {
            return error_set(err, ERROR_INVALID_INPUT, "Json deserialize error: missing field `%s`",
                             fields[i].name);
        }
    }
    return STATUS_IS_OK;
}

/* False: it was answered. */
static bool take_fields(struct http_call *call, const struct field *fields, unsigned count)
{
    struct error err;
    error_clear(&err);
    status result = read_fields(call, fields, count, &err);
    if (status_ok(result)) {
        return true;
    }
    const char *text = str_cstr(&call->arena, str_from(err.text));
    api_answer_text(call, result.code == STATUS_LIMIT ? 413 : 400, text);
    return false;
}

static struct auth_call *open_auth(struct http_call *call)
{
    const struct server *server = call->server;
    struct auth_call *auth = ARENA_NEW(&call->arena, struct auth_call);
    bool behind_tls = str_eq_nocase(http_header_get(call, "x-forwarded-proto"), STR_LIT("https"));
    auth->is_secure = server->config->auth_cookie_secure && (call->is_tls || behind_tls);
    call->state = auth;
    return auth;
}

/* Runs `work` on an auth worker; send() answers. */
static void submit(struct http_call *call, pool_task_fn *work)
{
    struct server *server = call->server;
    if (!status_ok(http_submit(call, server->auth_workers, POOL_SHORT, work))) {
        http_add_header(call, "Retry-After", STR_LIT("1"));
        api_answer_flat(call, 429, "rate_limited",
                        STR_LIT("Too many authentication attempts. Please retry shortly."));
    }
}

/* The worker is done with the call: the password goes before anything else. */
static void hand_back(struct http_call *call)
{
    crypto_wipe(call->body.p, call->body.n);
    http_return(call, send);
}

/* --- log-in ----------------------------------------------------------------------------------- */

/* Who administers is in the audit log when coming in, and when somebody tries to. */
static void audit_login(struct http_call *call, const struct user *user, const char *action)
{
    struct server *server = call->server;
    if (user->role == ROLE_DBA || user->role == ROLE_SYSTEM) {
        audit_post(server->committer, &(struct audit_entry){.actor = user->id,
                                                            .action = str_from(action),
                                                            .target = user->id,
                                                            .address = call->client_ip});
    }
}

static void note_login(struct server *server, str id, const struct lockout *state, bool succeeded)
{
    int64_t now_us = clock_wall_us(server->clock);
    struct user_change change = {.failed_logins = &state->failures,
                                 .locked_until_us = &state->locked_until_us,
                                 .last_login_us = succeeded ? &now_us : NULL,
                                 .keeps_updated = true};
    struct error err;
    error_clear(&err);
    if (!status_ok(catalog_alter_user(server->catalog, id, &change, &err))) {
        log_warn("auth", "login_not_recorded", "user=" STR_FMT " reason=\"%s\"", STR(id), err.text);
    }
}

static void note_failure(struct http_call *call, str id)
{
    struct server *server = call->server;
    struct user *user = catalog_find_user(server->catalog, id); /* as it is by now */
    if (user == NULL) {
        return;
    }
    struct lockout state = {user->failed_logins, user->locked_until_us};
    state = lockout_after_failure(state, server->clock);
    log_warn("auth", "login_failed", "user=" STR_FMT " failures=%u client=" STR_FMT, STR(id),
             state.failures, STR(call->client_ip));
    audit_login(call, user, "LOGIN_FAILED");
    note_login(server, user->id, &state, false);
    user_give(user);
}

/* Root without a password: true when that is the answer. */
static bool say_unconfigured(struct http_call *call, const struct user *user)
{
    const struct auth_call *auth = call->state;
    if (user == NULL || !str_eq(user->id, ROOT) || user->password_hash.n > 0) {
        return false;
    }
    if (auth->password.n == 0) {
        say(call, 428, "setup_required",
            STR_LIT("Server requires initial setup. Root password is not configured."));
        return true;
    }
    if (!call->is_local) {
        say(call, 403, "forbidden",
            STR_LIT("Remote login is not allowed while root has no password"));
        return true;
    }
    return false;
}

static void log_in(struct http_call *call, struct user *user)
{
    struct server *server = call->server;
    const struct auth_call *auth = call->state;
    struct error err;
    if (say_unconfigured(call, user)) {
        return;
    }
    bool may_log_in = user != NULL && user->deleted_us == 0 && user->auth != USER_LOGIN_OAUTH;
    if (may_log_in) {
        struct lockout state = {user->failed_logins, user->locked_until_us};
        if (!status_ok(lockout_check(&state, server->clock, &err))) {
            say(call, 401, "account_locked", str_from(err.text));
            return;
        }
    }
    str hash = may_log_in ? user->password_hash : str_of(NULL, 0);
    if (!crypto_password_verify(auth->password, hash, server->config->auth_bcrypt_cost)) {
        if (may_log_in) {
            note_failure(call, user->id);
        }
        say_unauthorized(call);
        return;
    }
    struct lockout state = lockout_after_success();
    note_login(server, user->id, &state, true);
    audit_login(call, user, "LOGIN");
    say_tokens(call, user);
}

static void login_work(void *argument, unsigned worker)
{
    (void)worker;
    struct http_call *call = argument;
    struct server *server = call->server;
    const struct auth_call *auth = call->state;
    log_set_request(call->request_id);
    struct user *user = catalog_find_user(server->catalog, auth->user);
    log_in(call, user);
    user_give(user);
    log_set_request(str_of(NULL, 0));
    hand_back(call);
}

void api_auth_login(struct http_call *call)
{
    struct auth_call *auth = open_auth(call);
    const struct field fields[] = {
        {"user", "username", &auth->user, LIMIT_USER_ID_BYTES, false},
        {"password", NULL, &auth->password, LIMIT_PASSWORD_BYTES, false},
    };
    if (take_fields(call, fields, 2)) {
        submit(call, login_work);
    }
}

/* --- refresh, log-out, me, status: never wait ------------------------------------------------- */

/* The active user of a refresh token, or NULL with `*message`. */
static struct user *find_by_refresh(struct http_call *call, str token, const char **message)
{
    struct server *server = call->server;
    struct token_claims claims;
    int64_t now_s = clock_wall_us(call->clock) / 1000000;
    if (!status_ok(token_verify(server->jwt_secret, token, TOKEN_REFRESH, now_s, &call->arena,
                                &claims, NULL, NULL))) {
        bool is_access = status_ok(token_verify(server->jwt_secret, token, TOKEN_ACCESS, now_s,
                                                &call->arena, &claims, NULL, NULL));
        if (is_access) {
            *message = "Refresh endpoint requires a refresh token";
        }
        return NULL;
    }
    struct user *user = catalog_find_user(server->catalog, claims.user_id);
    if (user != NULL && (user->deleted_us != 0 || (claims.has_role && claims.role != user->role) ||
                         !bearer_is_after_password(user, claims.issued_s))) {
        user_give(user);
        return NULL;
    }
    return user;
}

/* The token of a cookie, or else of a header with scheme Bearer in any case; empty: none. */
static str cookie_or_header(const struct http_call *call, const char *cookie, bool cookie_first)
{
    str from_cookie = {NULL, 0};
    str from_header = {NULL, 0};
    (void)http_find_cookie(&call->request.headers, cookie, &from_cookie);
    (void)bearer_token(http_header_get(call, "authorization"), true, &from_header);
    str first = cookie_first ? from_cookie : from_header;
    return first.n > 0 ? first : cookie_first ? from_header : from_cookie;
}

void api_auth_refresh(struct http_call *call)
{
    const char *message = "Invalid credentials";
    (void)open_auth(call);
    str token = cookie_or_header(call, REFRESH_COOKIE, true);
    struct user *user = token.n > 0 ? find_by_refresh(call, token, &message) : NULL;
    if (user != NULL) {
        say_tokens(call, user);
    } else {
        say(call, 401, "unauthorized", str_from(message));
    }
    user_give(user);
    send(call);
}

void api_auth_logout(struct http_call *call)
{
    const struct auth_call *auth = open_auth(call);
    set_cookie(call, ACCESS_COOKIE, str_of(NULL, 0), 0, auth->is_secure);
    set_cookie(call, REFRESH_COOKIE, str_of(NULL, 0), 0, auth->is_secure);
    buf_append_str(&call->out, STR_LIT("{\"message\":\"Logged out successfully\"}"));
    api_answer_json(call, 200);
}

void api_auth_me(struct http_call *call)
{
    struct server *server = call->server;
    struct caller caller;
    struct error err;
    (void)open_auth(call);
    str token = cookie_or_header(call, ACCESS_COOKIE, false);
    struct user *user = NULL;
    if (token.n > 0 && status_ok(bearer_check_token(server, token, &call->arena, &caller, &err))) {
        user = catalog_find_user(server->catalog, caller.user_id);
    }
    if (user == NULL) {
        say_unauthorized(call);
        send(call);
        return;
    }
    struct json_writer w = json_writer_on(&call->out);
    json_write_object_begin(&w);
    write_user(&w, user);
    write_admin_access(&w, user);
    json_write_object_end(&w);
    user_give(user);
    api_answer_json(call, 200);
}

static bool needs_setup(struct server *server)
{
    struct user *root = catalog_find_user(server->catalog, ROOT);
    bool needs = root != NULL && root->password_hash.n == 0;
    user_give(root);
    return needs;
}

void api_auth_status(struct http_call *call)
{
    if (!may_set_up(call)) {
        api_answer_flat(call, 403, "forbidden",
                        STR_LIT("Setup status can only be checked from localhost"));
        return;
    }
    bool needs = needs_setup(call->server);
    struct json_writer w = json_writer_on(&call->out);
    json_write_object_begin(&w);
    json_write_key(&w, "needs_setup");
    json_write_bool(&w, needs);
    json_write_key(&w, "message");
    json_write_text_c(&w, needs ? "Server requires initial setup. Call POST /v1/api/auth/setup "
                                  "with user, password, root_password, and optional email."
                                : "Server is configured and ready.");
    json_write_object_end(&w);
    api_answer_json(call, 200);
}

/* --- setup ------------------------------------------------------------------------------------ */

static bool is_user_name(str name)
{
    return name.n > 0 && !str_eq_nocase(name, ROOT) && str_find(name, STR_LIT("..")) < 0 &&
           str_find_char(name, '/') < 0 && str_find_char(name, '\\') < 0 &&
           str_find_char(name, '\0') < 0;
}

/* False: it was said. */
static bool check_setup_password(struct http_call *call, const char *whose, str password)
{
    struct error err;
    if (status_ok(password_check_setup(password, &err))) {
        return true;
    }
    say(call, 400, "weak_password", arena_format(&call->arena, "%s: %s", whose, err.text));
    return false;
}

static status store_accounts(struct http_call *call, struct error *err)
{
    struct server *server = call->server;
    const struct auth_call *auth = call->state;
    char hash[CRYPTO_PASSWORD_HASH_BYTES];
    char root_hash[CRYPTO_PASSWORD_HASH_BYTES];
    TRY(crypto_password_hash(auth->password, SETUP_PASSWORD_COST, hash, err));
    TRY(crypto_password_hash(auth->root_password, SETUP_PASSWORD_COST, root_hash, err));
    struct user user = {.id = auth->user,
                        .role = ROLE_DBA,
                        .password_hash = str_from(hash),
                        .email = auth->email,
                        .auth = USER_LOGIN_PASSWORD,
                        .storage_mode = STR_LIT("table")};
    audit_attach(&(struct audit_entry){.actor = auth->user,
                                       .action = STR_LIT("SETUP"),
                                       .target = auth->user,
                                       .address = call->client_ip,
                                       .subject = auth->user});
    status result = catalog_create_user(server->catalog, &user, err);
    audit_attach(NULL);
    TRY(result);
    str root = str_from(root_hash);
    struct user_change change = {.password_hash = &root};
    return catalog_alter_user(server->catalog, ROOT, &change, err);
}

static void say_set_up(struct http_call *call)
{
    struct server *server = call->server;
    struct auth_call *auth = call->state;
    struct user *user = catalog_find_user(server->catalog, auth->user);
    auth->code = 200;
    buf_clear(&call->out);
    struct json_writer w = json_writer_on(&call->out);
    json_write_object_begin(&w);
    write_user(&w, user);
    json_write_key(&w, "message");
    json_write_text_c(&w, "Server setup complete. Log in to obtain tokens.");
    json_write_object_end(&w);
    user_give(user);
}

static void set_up(struct http_call *call)
{
    const struct auth_call *auth = call->state;
    struct error err;
    error_clear(&err);
    if (!needs_setup(call->server)) {
        say(call, 409, "already_configured",
            STR_LIT("Server has already been configured. Root password is set."));
        return;
    }
    if (!is_user_name(auth->user)) {
        say(call, 400, "invalid_user",
            STR_LIT("The user name must not be empty or root, nor contain '..', '/' or '\\'"));
        return;
    }
    if (!check_setup_password(call, "DBA user password", auth->password) ||
        !check_setup_password(call, "Root password", auth->root_password)) {
        return;
    }
    status result = store_accounts(call, &err);
    if (status_ok(result)) {
        log_info("auth", "server_set_up", "user=" STR_FMT, STR(auth->user));
        say_set_up(call);
    } else if (result.code == STATUS_EXISTS) {
        say(call, 409, "user_exists",
            arena_format(&call->arena, "User '" STR_FMT "' already exists", STR(auth->user)));
    } else {
        say_failed(call, "setup", &err);
    }
}

static void setup_work(void *argument, unsigned worker)
{
    (void)worker;
    struct http_call *call = argument;
    struct server *server = call->server;
    log_set_request(call->request_id);
    if (atomic_count_add(&server->setups, 1) == 0) {
        set_up(call);
    } else { /* two at once: the first decides */
        say(call, 429, "rate_limited", STR_LIT("Too many setup attempts. Please retry shortly."));
    }
    (void)atomic_count_sub(&server->setups, 1);
    log_set_request(str_of(NULL, 0));
    hand_back(call);
}

void api_auth_setup(struct http_call *call)
{
    struct auth_call *auth = open_auth(call);
    const struct field fields[] = {
        {"user", "username", &auth->user, LIMIT_USER_ID_BYTES, false},
        {"password", NULL, &auth->password, LIMIT_PASSWORD_BYTES, false},
        {"root_password", NULL, &auth->root_password, LIMIT_PASSWORD_BYTES, false},
        {"email", NULL, &auth->email, 320, true},
    };
    if (take_fields(call, fields, 4)) {
        submit(call, setup_work);
    }
}
