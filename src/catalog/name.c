/* catalog/name.c -- the rules of names, and roles and access levels by name. */
#include "catalog/name.h"
#include "catalog/catalog.h"
#include "model/limits.h"

static bool one_of(str name, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (str_eq_c(name, *words)) {
            return true;
        }
    }
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_';
}

static status check_identifier(str name, struct error *err)
{
    /* SQL words that would make every statement about the object ambiguous. */
    static const char *const keywords[] = {"select", "insert", "update", "delete", "from",  "where",
                                           "table",  "create", "drop",   "alter",  "order", "group",
                                           "having", "union",  "join",   "values", "into",  "null",
                                           "and",    "or",     "not",    NULL};
    if (name.n == 0) {
        return error_set(err, ERROR_INVALID_OPERATION, "Name cannot be empty");
    }
    if (name.n > LIMIT_NAME_BYTES) {
        return error_set(err, ERROR_INVALID_OPERATION, "Name is too long (%zu characters, max %d)",
                         name.n, LIMIT_NAME_BYTES);
    }
    if (name.p[0] == '_') {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Name cannot start with underscore (reserved for system columns)");
    }
    if (is_digit(name.p[0])) {
        return error_set(err, ERROR_INVALID_OPERATION, "Name cannot start with a number");
    }
    if (str_find_char(name, ' ') >= 0) {
        return error_set(err, ERROR_INVALID_OPERATION, "Name cannot contain spaces");
    }
    for (size_t i = 0; i < name.n; i++) {
        if (!is_name_char(name.p[i])) {
            return error_set(err, ERROR_INVALID_OPERATION,
                             "Name '" STR_FMT
                             "' contains invalid characters (only alphanumeric and "
                             "underscore allowed)",
                             STR(name));
        }
    }
    if (one_of(name, keywords)) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Name '" STR_FMT "' is a reserved SQL keyword and cannot be used",
                         STR(name));
    }
    return STATUS_IS_OK;
}

bool name_is_system_namespace(str name)
{
    static const char *const names[] = {"system", "information_schema", "pg_catalog", "datafusion",
                                        NULL};
    return one_of(name, names);
}

status name_check_namespace(str name, struct error *err)
{
    static const char *const reserved[] = {"system",
                                           "sys",
                                           "root",
                                           "kalamdb",
                                           "kalam",
                                           "main",
                                           "default",
                                           "sql",
                                           "admin",
                                           "internal",
                                           "information_schema",
                                           "pg_catalog",
                                           "datafusion",
                                           "temp",
                                           "memory",
                                           NULL};
    TRY(check_identifier(name, err));
    if (one_of(name, reserved)) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Namespace '" STR_FMT "' is reserved and cannot be used", STR(name));
    }
    return STATUS_IS_OK;
}

status name_check_table(str name, struct error *err)
{
    return check_identifier(name, err);
}

status name_check_column(str name, struct error *err)
{
    static const char *const reserved[] = {
        "_seq",     "_deleted",   "_id",      "_row_id", "_rowid",      "_key", "_updated",
        "_created", "_timestamp", "_version", "_hash",   "_commit_seq", NULL};
    if (one_of(name, reserved)) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Column name '" STR_FMT "' is reserved and cannot be used", STR(name));
    }
    return check_identifier(name, err);
}

status name_check_user(str id, struct error *err)
{
    if (id.n == 0) {
        return error_set(err, ERROR_INVALID_OPERATION, "User id cannot be empty");
    }
    if (id.n > LIMIT_USER_ID_BYTES) {
        return error_set(err, ERROR_INVALID_OPERATION, "User id has %zu bytes, the limit is %d",
                         id.n, LIMIT_USER_ID_BYTES);
    }
    if (str_find(id, STR_LIT("..")) >= 0 || str_find_char(id, '/') >= 0 ||
        str_find_char(id, '\\') >= 0 || str_find_char(id, '\0') >= 0 || !str_is_utf8(id)) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "User id must be UTF-8 without '..', '/', '\\' and NUL");
    }
    return STATUS_IS_OK;
}

static const char *const role_names[] = {"anonymous", "user", "service", "dba", "system"};

const char *role_name(enum role role)
{
    return (unsigned)role <= ROLE_SYSTEM ? role_names[role] : "?";
}

bool role_parse(str text, enum role *out)
{
    static const struct {
        const char *word;
        enum role role;
    } words[] = {{"user", ROLE_USER},         {"viewer", ROLE_USER},
                 {"readonly", ROLE_USER},     {"service", ROLE_SERVICE},
                 {"developer", ROLE_SERVICE}, {"analyst", ROLE_SERVICE},
                 {"dba", ROLE_DBA},           {"admin", ROLE_DBA},
                 {"system", ROLE_SYSTEM},     {"anonymous", ROLE_ANONYMOUS}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_eq_nocase(text, str_from(words[i].word))) {
            *out = words[i].role;
            return true;
        }
    }
    return false;
}

static const char *const access_names[] = {"Private", "Public", "Restricted", "Dba"};

const char *access_level_name(enum access_level level)
{
    return (unsigned)level <= ACCESS_DBA ? access_names[level] : "?";
}

bool access_level_parse(str text, enum access_level *out)
{
    for (int i = 0; i <= ACCESS_DBA; i++) {
        if (str_eq_nocase(text, str_from(access_names[i]))) {
            *out = (enum access_level)i;
            return true;
        }
    }
    return false;
}
