/* catalog/name.c -- the rules of names, and roles and access levels by name. */
#include "catalog/name.h"
#include "catalog/catalog.h"
#include "model/limits.h"

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

const char *table_access_name(enum table_access level)
{
    return (unsigned)level <= TABLE_ACCESS_DBA ? access_names[level] : "?";
}

enum table_access table_access_at(const struct table *table, uint32_t version)
{
    str digits = table->access_by_version;
    if (version == 0 || version > digits.n) {
        return table->access;
    }
    unsigned level = (unsigned)digits.p[version - 1] - '0';
    return level <= TABLE_ACCESS_DBA ? (enum table_access)level : table->access;
}

bool table_access_parse(str text, enum table_access *out)
{
    for (int i = 0; i <= TABLE_ACCESS_DBA; i++) {
        if (str_eq_nocase(text, str_from(access_names[i]))) {
            *out = (enum table_access)i;
            return true;
        }
    }
    return false;
}
