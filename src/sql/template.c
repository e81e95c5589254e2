/* sql/template.c -- see template.h. */
#include "sql/template.h"
#include "model/limits.h"

/* No path is longer; what is, stays as it is and is refused by its tokens or folders. */
enum { TEMPLATE_BYTES_MAX = 4096 };

static str replace_all(struct arena *arena, str text, str old, const char *name)
{
    if (text.n > TEMPLATE_BYTES_MAX) {
        return text;
    }
    for (ptrdiff_t at = str_find(text, old); at >= 0; at = str_find(text, old)) {
        text = arena_format(arena, STR_FMT "%s" STR_FMT, STR(str_slice(text, 0, (size_t)at)), name,
                            STR(str_skip(text, (size_t)at + old.n)));
    }
    return text;
}

str template_normal(struct arena *arena, str text)
{
    static const struct {
        const char *old;
        const char *name;
    } tokens[] = {{"{table_name}", "{tableName}"},   {"{table-id}", "{tableName}"},
                  {"{namespace_id}", "{namespace}"}, {"{namespaceId}", "{namespace}"},
                  {"{namespace-id}", "{namespace}"}, {"{user_id}", "{userId}"},
                  {"{user-id}", "{userId}"},         {"{shard_id}", "{shard}"},
                  {"{shard-id}", "{shard}"}};
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        text = replace_all(arena, text, str_from(tokens[i].old), tokens[i].name);
    }
    return text;
}

bool template_is_plain(str path)
{
    for (size_t i = 0; i < path.n; i++) {
        char l = str_lower_char(path.p[i]);
        bool is_mark = l == '_' || l == '-' || l == '.' || l == '+' || l == '@' || l == '/';
        if (!((l >= 'a' && l <= 'z') || (l >= '0' && l <= '9') || is_mark)) {
            return false;
        }
    }
    return str_find(path, STR_LIT("..")) < 0 && path.n <= LIMIT_STORAGE_PATH_BYTES;
}

static status fail_storage(bool is_user, const char *wrong, struct error *err)
{
    return error_set(err, ERROR_INVALID_OPERATION,
                     "Invalid storage template: %s table template: %s", is_user ? "User" : "Shared",
                     wrong);
}

/* Does a template consist of tokens and plain names? "." alone would be no folder of its own. */
static bool is_storage_template(str text)
{
    static const char *const tokens[] = {"{namespace}", "{tableName}", "{shard}", "{userId}"};
    enum { TOKEN_COUNT = sizeof tokens / sizeof tokens[0] };
    if (text.n > LIMIT_STORAGE_PATH_BYTES || str_starts_with(text, STR_LIT("/")) ||
        str_starts_with(text, STR_LIT("./")) || str_ends_with(text, STR_LIT("/.")) ||
        str_find(text, STR_LIT("/./")) >= 0) {
        return false;
    }
    while (text.n > 0) {
        ptrdiff_t brace = str_find_char(text, '{');
        size_t names = brace < 0 ? text.n : (size_t)brace;
        unsigned token = 0;
        if (!template_is_plain(str_slice(text, 0, names))) {
            return false;
        }
        text = str_skip(text, names);
        while (token < TOKEN_COUNT && !str_starts_with(text, str_from(tokens[token]))) {
            token++;
        }
        if (text.n > 0 && token == TOKEN_COUNT) {
            return false;
        }
        text = str_skip(text, text.n > 0 ? strlen(tokens[token]) : 0);
    }
    return true;
}

status template_check_storage(str text, bool is_user, struct error *err)
{
    ptrdiff_t ns = str_find(text, STR_LIT("{namespace}"));
    ptrdiff_t table = str_find(text, STR_LIT("{tableName}"));
    ptrdiff_t shard = str_find(text, STR_LIT("{shard}"));
    ptrdiff_t user = str_find(text, STR_LIT("{userId}"));
    if (ns < 0) {
        return fail_storage(is_user, "{namespace} is required", err);
    }
    if (table < ns) {
        return fail_storage(is_user, "{tableName} is required after {namespace}", err);
    }
    if (is_user && user < table) {
        return fail_storage(is_user, "{userId} is required after {tableName}", err);
    }
    if (!is_user && user >= 0) {
        return fail_storage(is_user, "{userId} is not allowed", err);
    }
    if (shard >= 0 && (shard < table || (is_user && user < shard))) {
        return fail_storage(is_user,
                            is_user ? "{shard} stands between {tableName} and {userId}"
                                    : "{shard} stands after {tableName}",
                            err);
    }
    if (!is_storage_template(text)) {
        return fail_storage(is_user,
                            "it is made of {namespace}, {tableName}, {shard}, {userId}, '/' and "
                            "names of letters, digits, '_', '-', '.', '+' and '@'; no '..', no "
                            "leading '/'",
                            err);
    }
    return STATUS_IS_OK;
}

str template_of_location(struct arena *arena, str text)
{
    text = template_normal(arena, replace_all(arena, text, STR_LIT("${"), "{"));
    return str_ends_with(text, STR_LIT("/")) ? str_slice(text, 0, text.n - 1) : text;
}

static bool is_plain_name(str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char l = str_lower_char(name.p[i]);
        if (!((l >= 'a' && l <= 'z') || (l >= '0' && l <= '9') || l == '_' || l == '-')) {
            return false;
        }
    }
    return name.n > 0 && name.n <= LIMIT_NAME_BYTES;
}

status template_check_location(enum table_kind kind, str location, struct error *err)
{
    static const char *const tokens[] = {"{namespace}", "{tableName}", "{userId}"};
    enum { TOKEN_COUNT = sizeof tokens / sizeof tokens[0], USER = TOKEN_COUNT - 1 };
    unsigned seen[TOKEN_COUNT] = {0};
    bool is_good = true;
    unsigned folders = 0;
    for (ptrdiff_t slash = 0; slash >= 0; folders++) {
        slash = str_find_char(location, '/');
        str folder = slash < 0 ? location : str_slice(location, 0, (size_t)slash);
        location = str_skip(location, folder.n + (slash < 0 ? 0 : 1));
        unsigned token = 0;
        while (token < TOKEN_COUNT && !str_eq_c(folder, tokens[token])) {
            token++;
        }
        is_good = is_good && (token < TOKEN_COUNT ? ++seen[token] == 1 : is_plain_name(folder));
    }
    if (!is_good || folders > LIMIT_LOCATION_FOLDERS) {
        return error_set(err, ERROR_SYNTAX,
                         "Invalid LOCATION. Expected at most %d folders, such as "
                         "'archive/${user_id}', each ${user_id}, {namespace} or {tableName}, once, "
                         "or a name of letters, digits, '_' and '-'",
                         LIMIT_LOCATION_FOLDERS);
    }
    if (kind == TABLE_STREAM) {
        return error_set(err, ERROR_SYNTAX, "LOCATION is not supported for STREAM tables");
    }
    if ((kind == TABLE_USER) != (seen[USER] == 1)) {
        return error_set(err, ERROR_SYNTAX, "LOCATION of a %s table %s ${user_id}",
                         kind == TABLE_USER ? "USER" : "SHARED",
                         kind == TABLE_USER ? "needs" : "may not have");
    }
    return STATUS_IS_OK;
}
