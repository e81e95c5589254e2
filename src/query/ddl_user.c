/* query/ddl_user.c -- CREATE, ALTER and DROP USER (contract sql.md section 1.6). Passwords are
 * hashed here, on a worker: the catalog and the log never see them. */
#include "query/run.h"

#include "auth/access.h"
#include "auth/password.h"
#include "catalog/audit.h"
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

static status hash_password(struct run *run, str password, str *hash, struct error *err)
{
    const struct query_limits *limits = &run->engine->limits;
    struct password_rules rules = {limits->password_length_min, limits->password_complexity};
    TRY(password_check(password, &rules, err));
    char text[CRYPTO_PASSWORD_HASH_BYTES];
    hash_gate_enter(&run->engine->hashing);
    status result = crypto_password_hash(password, limits->password_cost, text, err);
    hash_gate_leave(&run->engine->hashing);
    TRY(result);
    *hash = arena_copy(run->arena, str_from(text));
    return STATUS_IS_OK;
}

static status check_oauth(const struct run *run, str text, struct error *err)
{
    const struct json *root = NULL;
    struct error ignored;
    str provider;
    str subject;
    if (text.n == 0 || (status_ok(json_parse(text, run->arena, &root, &ignored)) &&
                        json_as_text(json_get(root, "provider"), &provider) &&
                        json_as_text(json_get(root, "subject"), &subject))) {
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
    struct user_change change = {.spares_system = run->session.role != ROLE_SYSTEM};
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
    struct user_change change = {.is_deleted = true,
                                 .spares_system = run->session.role != ROLE_SYSTEM};
    TRY(catalog_alter_user(run->engine->catalog, part->name, &change, err));
    run_message(run, "User '" STR_FMT "' dropped (soft delete)", STR(part->name));
    return STATUS_IS_OK;
}

/* -- UPDATE system.users, as the admin page sends it --------------------------------------------
 */

/* A literal or a parameter; NULL is the empty text. False: something else. */
static bool text_of(const struct run *run, const struct expr *e, str *out)
{
    const struct value *v = e->kind == EXPR_LITERAL ? &e->as.literal.value
                            : e->kind == EXPR_PARAM ? &run->query->params[e->as.param - 1]
                                                    : NULL;
    if (v == NULL || (!v->is_null && v->type.id != TYPE_TEXT)) {
        return false;
    }
    *out = v->is_null ? (str){NULL, 0} : v->as.text;
    return true;
}

/* user_id = 'x' */
static bool user_of(const struct run *run, const struct expr *where, str *out)
{
    if (where == NULL || where->kind != EXPR_BINARY || where->op != OP_EQ) {
        return false;
    }
    const struct expr *column = where->as.binary.left;
    return column->kind == EXPR_COLUMN && str_eq_c(column->as.column.name, "user_id") &&
           text_of(run, where->as.binary.right, out) && out->n > 0;
}

static status refuse_update(struct error *err)
{
    return error_set(err, ERROR_INVALID_OPERATION, "Cannot update system table 'system.users'");
}

static status read_sets(struct run *run, str *mode, str *storage, struct user_change *change,
                        struct error *err)
{
    const struct assignment_list *sets = &run->statement->as.update.sets;
    for (unsigned i = 0; i < sets->count; i++) {
        const struct assignment *set = &sets->items[i];
        bool is_mode = str_eq_c(set->column, "storage_mode");
        bool is_storage = str_eq_c(set->column, "storage_id");
        if ((!is_mode && !is_storage) || !text_of(run, set->value, is_mode ? mode : storage)) {
            return refuse_update(err);
        }
        change->storage_mode = is_mode ? mode : change->storage_mode;
        change->storage_id = is_storage ? storage : change->storage_id;
    }
    if (change->storage_mode != NULL && !str_eq_c(*mode, "table") && !str_eq_c(*mode, "region")) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "storage_mode must be 'table' or 'region', not '" STR_FMT "'", STR(*mode));
    }
    if (storage->n > 0 && snapshot_find_storage(run->snapshot, *storage) == NULL) {
        return error_set(err, ERROR_NOT_FOUND, "Storage '" STR_FMT "' not found", STR(*storage));
    }
    return STATUS_IS_OK;
}

bool run_is_user_update(const struct run *run)
{
    const struct table_name *table = &run->statement->as.update.table;
    return run->statement->kind == STATEMENT_UPDATE && session_is_admin(&run->session) &&
           str_eq_c(run_namespace(run, table->ns), "system") && str_eq_c(table->name, "users");
}

status run_update_user(struct run *run, struct error *err)
{
    const struct update_part *part = &run->statement->as.update;
    str user = {NULL, 0};
    str mode = {NULL, 0};
    str storage = {NULL, 0};
    struct user_change change = {.spares_system = run->session.role != ROLE_SYSTEM};
    if (part->returning.count > 0 || !user_of(run, part->where, &user)) {
        return refuse_update(err);
    }
    TRY(read_sets(run, &mode, &storage, &change, err));
    if (!run->may_block) {
        return run_block(run);
    }
    struct audit_entry entry = {.actor = run->session.actor_id,
                                .action = STR_LIT("ALTER_USER"),
                                .target = user,
                                .details = STR_LIT("{\"storage\":true}"),
                                .address = run->session.client_address,
                                .subject = user};
    audit_attach(&entry);
    struct error mine;
    error_clear(&mine);
    status result = catalog_alter_user(run->engine->catalog, user, &change, &mine);
    audit_attach(NULL);
    if (!status_ok(result) && mine.id != ERROR_NOT_FOUND) { /* nobody of that name: no row */
        *err = mine;
        return result;
    }
    result_dml(run->results, RESULT_UPDATED, status_ok(result) ? 1 : 0, run->session.user_id);
    return STATUS_IS_OK;
}
