/* query/ddl_user.c -- CREATE, ALTER and DROP USER (contract sql.md section 1.6). Passwords are
 * hashed here, on a worker: the catalog and the log never see them. */
#include "query/run.h"

#include "auth/access.h"
#include "auth/password.h"
#include "catalog/name.h"
#include "engine/crypto_password.h"
#include "wire/json.h"

static enum role role_of(enum user_role role)
{
    switch (role) {
    case USER_ROLE_SERVICE:
        return ROLE_SERVICE;
    case USER_ROLE_DBA:
        return ROLE_DBA;
    case USER_ROLE_SYSTEM:
        return ROLE_SYSTEM;
    case USER_ROLE_USER:
    case USER_ROLE_UNSAID:
        break;
    }
    return ROLE_USER;
}

/* Only system may change a system user: a dba could otherwise take its password. */
static status may_change(const struct run *run, str name, struct error *err)
{
    struct user *user = catalog_find_user(run->engine->catalog, name);
    bool allowed = user == NULL || user->role != ROLE_SYSTEM || run->session.role == ROLE_SYSTEM;
    user_give(user);
    return allowed ? STATUS_IS_OK
                   : error_set(err, ERROR_PERMISSION_DENIED,
                               "Only a System user can change a System user");
}

static status hash_password(const struct run *run, str password, str *hash, struct error *err)
{
    const struct query_limits *limits = &run->engine->limits;
    struct password_rules rules = {limits->password_length_min, limits->password_complexity};
    TRY(password_check(password, &rules, err));
    char text[CRYPTO_PASSWORD_HASH_BYTES];
    TRY(crypto_password_hash(password, limits->password_cost, text, err));
    *hash = arena_copy(run->arena, str_from(text));
    return STATUS_IS_OK;
}

static status check_oauth(const struct run *run, str text, struct error *err)
{
    const struct json *root = NULL;
    struct error ignored;
    if (text.n == 0 ||
        (status_ok(json_parse(text, run->arena, &root, &ignored)) && root->kind == JSON_OBJECT)) {
        return STATUS_IS_OK;
    }
    return error_set(err, ERROR_INVALID_OPERATION,
                     "OAUTH data must be a JSON object with provider and subject");
}

status run_create_user(struct run *run, struct error *err)
{
    const struct user_part *part = &run->statement->as.user;
    TRY(name_check_user(part->name, err));
    if (part->role == USER_ROLE_UNSAID) {
        return error_set(err, ERROR_INVALID_OPERATION, "CREATE USER requires ROLE");
    }
    enum role role = role_of(part->role);
    TRY(access_check_grant(run->session.role, role, err));
    TRY(check_oauth(run, part->oauth, err));
    if (!run->may_block) {
        return run_block(run);
    }
    struct user *before = catalog_find_user(run->engine->catalog, part->name);
    bool exists = before != NULL && before->deleted_us == 0;
    user_give(before);
    if (exists && part->if_not_exists) {
        run_message(run, "User '" STR_FMT "' already exists", STR(part->name));
        return STATUS_IS_OK;
    }
    struct user user = {.id = part->name,
                        .role = role,
                        .email = part->email,
                        .auth_data = part->oauth,
                        .auth = part->auth == USER_AUTH_OAUTH      ? USER_LOGIN_OAUTH
                                : part->auth == USER_AUTH_INTERNAL ? USER_LOGIN_INTERNAL
                                                                   : USER_LOGIN_PASSWORD};
    if (user.auth == USER_LOGIN_PASSWORD) {
        TRY(hash_password(run, part->password, &user.password_hash, err));
    }
    TRY(catalog_create_user(run->engine->catalog, &user, err));
    run_message(run, "User '" STR_FMT "' created", STR(part->name));
    return STATUS_IS_OK;
}

status run_alter_user(struct run *run, struct error *err)
{
    const struct user_part *part = &run->statement->as.user;
    TRY(may_change(run, part->name, err));
    struct user_change change = {0};
    enum role role = role_of(part->role);
    str hash = {NULL, 0};
    uint32_t no_failures = 0;
    int64_t not_locked = 0;
    if (part->role != USER_ROLE_UNSAID) {
        TRY(access_check_grant(run->session.role, role, err));
        change.role = &role;
    }
    if (!run->may_block) {
        return run_block(run);
    }
    if (part->auth == USER_AUTH_PASSWORD) {
        TRY(hash_password(run, part->password, &hash, err));
        change.password_hash = &hash;
        change.failed_logins = &no_failures; /* a new password ends a lock-out */
        change.locked_until_us = &not_locked;
    }
    if (part->has_email) {
        change.email = &part->email;
    }
    TRY(catalog_alter_user(run->engine->catalog, part->name, &change, err));
    run_message(run, "User '" STR_FMT "' updated", STR(part->name));
    return STATUS_IS_OK;
}

status run_drop_user(struct run *run, struct error *err)
{
    const struct user_part *part = &run->statement->as.user;
    TRY(may_change(run, part->name, err));
    if (str_eq_c(part->name, "root")) {
        return error_set(err, ERROR_INVALID_OPERATION, "User 'root' cannot be dropped");
    }
    if (!run->may_block) {
        return run_block(run);
    }
    struct user *user = catalog_find_user(run->engine->catalog, part->name);
    bool exists = user != NULL && user->deleted_us == 0;
    user_give(user);
    if (!exists && part->if_exists) {
        run_message(run, "User '" STR_FMT "' does not exist (skipped)", STR(part->name));
        return STATUS_IS_OK;
    }
    struct user_change change = {.is_deleted = true};
    TRY(catalog_alter_user(run->engine->catalog, part->name, &change, err));
    run_message(run, "User '" STR_FMT "' dropped (soft delete)", STR(part->name));
    return STATUS_IS_OK;
}
