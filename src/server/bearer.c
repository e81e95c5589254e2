/* server/bearer.c -- from the header to the user record. */
#include "server/bearer.h"

#include "base/log.h"
#include "server/server.h"

#define BEARER STR_LIT("Bearer")

bool bearer_token(str header, bool any_case, str *token)
{
    bool is_bearer =
        any_case ? str_starts_with_nocase(header, BEARER) : str_starts_with(header, BEARER);
    if (!is_bearer || header.n <= BEARER.n || header.p[BEARER.n] != ' ') {
        return false;
    }
    *token = str_trim(str_skip(header, BEARER.n));
    return true;
}

static status refuse(const char *reason, struct error *err)
{
    log_debug("auth", "token_refused", "reason=\"%s\"", reason);
    return error_set(err, ERROR_INVALID_CREDENTIALS, "Invalid credentials");
}

static int64_t password_changed_s(const struct user *user)
{
    return user->password_changed_us / 1000000;
}

bool bearer_is_after_password(const struct user *user, int64_t issued_s)
{
    return user->password_changed_us == 0 || issued_s > password_changed_s(user);
}

int64_t bearer_issue_s(const struct user *user, int64_t now_s)
{
    return bearer_is_after_password(user, now_s) ? now_s : password_changed_s(user) + 1;
}

/* The published record of whom the token was signed for. */
static status find_caller(struct server *server, const struct token_identity *identity,
                          struct arena *arena, struct caller *out, struct error *err)
{
    status result = STATUS_IS_OK;
    struct user *user = catalog_find_user(server->catalog, token_identity_user(identity));
    if (user == NULL || user->deleted_us != 0) {
        result = refuse("no such user", err);
    } else if (identity->has_role && identity->role != user->role) {
        result = refuse("the role has changed", err);
    } else if (!bearer_is_after_password(user, identity->issued_s)) {
        result = refuse("the password has changed", err);
    } else {
        *out = (struct caller){.user_id = arena_copy(arena, user->id),
                               .role = user->role,
                               .until_s = identity->expires_s + TOKEN_LEEWAY_S};
    }
    user_give(user);
    return result;
}

/* `memo` NULL: the thread has none. */
static status check_token(struct server *server, struct token_memo *memo, str token,
                          struct arena *arena, struct caller *out, struct error *err)
{
    struct token_identity identity;
    const char *reason = "";
    status result = memo != NULL
                        ? token_memo_verify(memo, server->tokens, token, &identity, &reason, err)
                        : token_cache_verify(server->tokens, token, &identity, &reason, err);
    if (!status_ok(result)) {
        log_debug("auth", "token_refused", "reason=\"%s\"", reason);
        return result;
    }
    return find_caller(server, &identity, arena, out, err);
}

status bearer_check_token(struct server *server, str token, struct arena *arena, struct caller *out,
                          struct error *err)
{
    return check_token(server, NULL, token, arena, out, err);
}

/* That of the loop of the call. */
static struct token_memo *memo_of(struct server *server, const struct http_call *call)
{
    for (unsigned i = 0; i < server->loop_count; i++) {
        if (server->loops[i].home == call->home) {
            return &server->loops[i].tokens;
        }
    }
    return NULL;
}

status bearer_check(struct server *server, struct http_call *call, struct caller *out,
                    struct error *err)
{
    const struct http_header *header = http_find_header(&call->request.headers, "authorization");
    if (header == NULL) {
        return error_set(err, ERROR_MISSING_AUTHORIZATION, "Authentication required");
    }
    str token;
    if (http_count_header(&call->request.headers, "authorization") > 1 ||
        !bearer_token(header->value, false, &token)) {
        return refuse("not one header of scheme Bearer", err);
    }
    return check_token(server, memo_of(server, call), token, &call->arena, out, err);
}
