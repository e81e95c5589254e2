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

status bearer_check_token(struct server *server, str token, struct arena *arena, struct caller *out,
                          struct error *err)
{
    struct token_identity identity;
    const char *reason = "";
    status result = token_cache_verify(server->tokens, token, &identity, &reason, err);
    if (!status_ok(result)) {
        log_debug("auth", "token_refused", "reason=\"%s\"", reason);
        return result;
    }
    struct user *user = catalog_find_user(server->catalog, token_identity_user(&identity));
    if (user == NULL || user->deleted_us != 0) {
        result = refuse("no such user", err);
    } else if (identity.has_role && identity.role != user->role) {
        result = refuse("the role has changed", err);
    } else {
        *out = (struct caller){arena_copy(arena, user->id), user->role};
    }
    user_give(user);
    return result;
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
    return bearer_check_token(server, token, &call->arena, out, err);
}
