/* sql/names.c -- which names the product takes (contract sql.md section 0). Threads: any. */
#include "sql/build.h"
#include "sql/sql.h"

static bool is_one_of(str name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq_nocase(name, str_from(names[i]))) {
            return true;
        }
    }
    return false;
}

#define IS_ONE_OF(name, names) is_one_of((name), (names), sizeof(names) / sizeof *(names))

bool sql_is_system_namespace(str ns)
{
    static const char *const names[] = {"system", "information_schema", "pg_catalog", "datafusion"};
    return IS_ONE_OF(ns, names);
}

/* `temp` and `memory` are catalogs of the engine. */
static bool is_reserved_namespace(str name)
{
    static const char *const names[] = {"sys", "root",  "kalamdb",  "kalam", "main",  "default",
                                        "sql", "admin", "internal", "temp",  "memory"};
    return sql_is_system_namespace(name) || IS_ONE_OF(name, names);
}

static bool is_reserved_column(str name)
{
    static const char *const names[] = {"_seq",       "_deleted", "_id",      "_row_id",
                                        "_rowid",     "_key",     "_updated", "_created",
                                        "_timestamp", "_version", "_hash"};
    return IS_ONE_OF(name, names);
}

/* The grammar decides: what it does not take as an ID must be quoted. */
bool sql_is_reserved_word(str name)
{
    struct token token = lexer_next(name, 0);
    if (token.kind <= 0 || token.n != name.n || !token_is_word(name, &token)) {
        return false;
    }
    return token.kind != TK_ID && !grammar_takes_as_name(token.kind);
}

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool has_only_word_chars(str name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (!is_word_char(name.p[i])) {
            return false;
        }
    }
    return true;
}

/* `default` and `kalam` may be used, not made: whether a namespace exists is the catalog's answer.
 */
status sql_check_name(str name, enum name_kind kind, struct error *err)
{
    if (name.n == 0) {
        return error_set(err, ERROR_INVALID_OPERATION, "Name cannot be empty");
    }
    if (name.n > LIMIT_NAME_BYTES) {
        return error_set(err, ERROR_INVALID_OPERATION, "Name is too long (%zu characters, max %d)",
                         name.n, LIMIT_NAME_BYTES);
    }
    if (kind == NAME_COLUMN && is_reserved_column(name)) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Column name '" STR_FMT "' is reserved and cannot be used", STR(name));
    }
    if (name.p[0] == '_') {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Name cannot start with underscore (reserved for system columns)");
    }
    if (str_find_char(name, ' ') >= 0) {
        return error_set(err, ERROR_INVALID_OPERATION, "Name cannot contain spaces");
    }
    if (!has_only_word_chars(name)) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Name '" STR_FMT "' contains invalid characters (only alphanumeric and "
                         "underscore allowed)",
                         STR(name));
    }
    if (name.p[0] >= '0' && name.p[0] <= '9') {
        return error_set(err, ERROR_INVALID_OPERATION, "Name cannot start with a number");
    }
    if (kind == NAME_NAMESPACE && is_reserved_namespace(name)) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Namespace '" STR_FMT "' is reserved and cannot be used", STR(name));
    }
    if (sql_is_reserved_word(name)) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Name '" STR_FMT "' is a reserved SQL keyword and cannot be used",
                         STR(name));
    }
    return STATUS_IS_OK;
}
