/* catalog/change_user.c -- creating, changing and soft-deleting users. */
#include "catalog/catalog_private.h"

static void put_user(struct change *change, struct commit_txn *txn, struct user *user)
{
    struct buf text;
    buf_init(&text);
    user_encode(&text, user);
    change_put(txn, RECORD_USER, user->id, buf_str(&text));
    buf_release(&text);
    change->user = user;
}

static status evaluate_create(struct change *change, struct commit_txn *txn, struct error *err)
{
    const struct user *wanted = change->input;
    str text;
    bool found = false;
    TRY(change_get(txn, RECORD_USER, wanted->id, &text, &found, err));
    if (found) {
        return error_set(err, ERROR_EXISTS, "User '" STR_FMT "' already exists", STR(wanted->id));
    }
    struct user *user = user_copy(wanted);
    user->created_us = commit_now_us(txn);
    user->updated_us = user->created_us;
    if (user->storage_mode.n == 0) {
        user->storage_mode = STR_LIT("table");
    }
    put_user(change, txn, user);
    return STATUS_IS_OK;
}

status catalog_create_user(struct catalog *catalog, const struct user *user, struct error *err)
{
    struct change change;
    return catalog_apply(&change, catalog, evaluate_create, user, err);
}

struct alter_input {
    str id;
    const struct user_change *change;
};

static void replace_text(struct user *user, str *place, const str *value)
{
    if (value != NULL) {
        *place = arena_copy(&user->arena, *value);
    }
}

static status evaluate_alter(struct change *change, struct commit_txn *txn, struct error *err)
{
    const struct alter_input *input = change->input;
    const struct user_change *wanted = input->change;
    str text;
    bool found = false;
    TRY(change_get(txn, RECORD_USER, input->id, &text, &found, err));
    struct user *user = NULL;
    if (found) {
        TRY(user_decode(text, &user, err));
    }
    if (user == NULL || (user->deleted_us != 0 && !wanted->keeps_updated)) {
        user_give(user);
        return error_set(err, ERROR_NOT_FOUND, "User '" STR_FMT "' not found", STR(input->id));
    }
    if (wanted->spares_system && user->role == ROLE_SYSTEM) {
        user_give(user);
        return error_set(err, ERROR_PERMISSION_DENIED,
                         "Only a System user can change a System user");
    }
    if (wanted->password_hash != NULL && user->password_hash.n > 0) {
        user->password_changed_us = commit_now_us(txn);
    }
    replace_text(user, &user->password_hash, wanted->password_hash);
    replace_text(user, &user->email, wanted->email);
    replace_text(user, &user->storage_mode, wanted->storage_mode);
    replace_text(user, &user->storage_id, wanted->storage_id);
    user->role = wanted->role != NULL ? *wanted->role : user->role;
    user->failed_logins =
        wanted->failed_logins != NULL ? *wanted->failed_logins : user->failed_logins;
    user->locked_until_us =
        wanted->locked_until_us != NULL ? *wanted->locked_until_us : user->locked_until_us;
    user->last_login_us =
        wanted->last_login_us != NULL ? *wanted->last_login_us : user->last_login_us;
    if (!wanted->keeps_updated) {
        user->updated_us = commit_now_us(txn);
    }
    if (wanted->is_deleted) {
        user->deleted_us = commit_now_us(txn);
    }
    put_user(change, txn, user);
    return STATUS_IS_OK;
}

status catalog_alter_user(struct catalog *catalog, str id, const struct user_change *wanted,
                          struct error *err)
{
    struct change change;
    struct alter_input input = {id, wanted};
    return catalog_apply(&change, catalog, evaluate_alter, &input, err);
}
