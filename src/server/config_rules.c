/* server/config_rules.c -- what must hold of a configuration beyond each value by itself. */
#include "server/settings.h"

#include "base/log.h"
#include "sql/template.h"

enum { SECRET_BYTES_MIN = 32 };

#define ROW(name) (setting_find(STR_LIT(name)))

/* Digits and dots: not a name that only begins like an address. */
static bool is_numeric(str host)
{
    for (size_t i = 0; i < host.n; i++) {
        if (host.p[i] != '.' && (host.p[i] < '0' || host.p[i] > '9')) {
            return false;
        }
    }
    return true;
}

bool config_host_is_loopback(str host)
{
    return str_eq_nocase(host, STR_LIT("localhost")) || str_eq_c(host, "::1") ||
           str_eq_c(host, "[::1]") || (str_starts_with(host, STR_LIT("127.")) && is_numeric(host));
}

static status check_one_of(struct loading *loading, const struct setting *setting,
                           const char *const *words, struct error *err)
{
    str value = *(const str *)setting_field(loading->config, setting);
    struct buf list;
    buf_init(&list);
    for (size_t i = 0; words[i] != NULL; i++) {
        if (str_eq_nocase(value, str_from(words[i]))) {
            buf_release(&list);
            return STATUS_IS_OK;
        }
        buf_append_format(&list, "%s%s",
                          i == 0                 ? ""
                          : words[i + 1] != NULL ? ", "
                                                 : " or ",
                          words[i]);
    }
    status result =
        config_refuse(loading, setting, arena_format(loading->arena, "\"" STR_FMT "\"", STR(value)),
                      buf_str(&list), err);
    buf_release(&list);
    return result;
}

static status check_levels(struct loading *loading, struct error *err)
{
    const struct config_list *list = &loading->config->logging_levels;
    struct log_module_level ignored;
    if (list->count > LOG_MODULES_MAX) {
        return config_refuse(loading, ROW("logging.levels"),
                             arena_format(loading->arena, "%u modules", list->count),
                             arena_format(loading->arena, "at most %d", LOG_MODULES_MAX), err);
    }
    for (unsigned i = 0; i < list->count; i++) {
        if (!log_module_level_parse(list->items[i], &ignored)) {
            return config_refuse(
                loading, ROW("logging.levels"),
                arena_format(loading->arena, "\"" STR_FMT "\"", STR(list->items[i])),
                STR_LIT("a module, = and trace, debug, info, warn or error"), err);
        }
    }
    return STATUS_IS_OK;
}

/* Folders of storage `local`, in today's spelling of the tokens. */
static status check_template(struct loading *loading, const struct setting *setting, bool is_user,
                             struct error *err)
{
    str *text = setting_field(loading->config, setting);
    struct error why;
    *text = template_normal(loading->arena, *text);
    if (status_ok(template_check_storage(*text, is_user, &why))) {
        return STATUS_IS_OK;
    }
    return config_refuse(loading, setting,
                         arena_format(loading->arena, "\"" STR_FMT "\"", STR(*text)),
                         is_user ? STR_LIT("folders such as {namespace}/{tableName}/{userId}")
                                 : STR_LIT("folders such as {namespace}/{tableName}"),
                         err);
}

static status check_words(struct loading *loading, struct error *err)
{
    static const char *const levels[] = {"trace", "debug", "info", "warn", "error", NULL};
    static const char *const formats[] = {"compact", "pretty", "json", NULL};
    static const char *const accesses[] = {"local", "token", "off", NULL};
    static const char *const durabilities[] = {"sync", "async", NULL};
    static const char *const compressions[] = {"zstd", "snappy", "uncompressed", NULL};
    TRY(check_one_of(loading, ROW("logging.level"), levels, err));
    TRY(check_one_of(loading, ROW("logging.format"), formats, err));
    TRY(check_one_of(loading, ROW("metrics.access"), accesses, err));
    TRY(check_levels(loading, err));
    TRY(check_one_of(loading, ROW("storage.durability"), durabilities, err));
    return check_one_of(loading, ROW("parquet.compression"), compressions, err);
}

/* The host of "https://host:port"; empty when it is no such origin. */
static str origin_host(str origin)
{
    str rest = str_starts_with_nocase(origin, STR_LIT("http://"))    ? str_skip(origin, 7)
               : str_starts_with_nocase(origin, STR_LIT("https://")) ? str_skip(origin, 8)
                                                                     : str_of(NULL, 0);
    if (rest.n > 0 && rest.p[0] == '[') {
        ptrdiff_t end = str_find_char(rest, ']');
        return end < 0 ? str_of(NULL, 0) : str_slice(rest, 0, (size_t)end + 1);
    }
    size_t n = 0;
    while (n < rest.n && rest.p[n] != ':' && rest.p[n] != '/') {
        n++;
    }
    return str_slice(rest, 0, n);
}

/* True: browsers or clients of other machines can reach the server. */
static bool is_exposed(const struct config *config)
{
    str origin = config->server_public_origin;
    return !config_host_is_loopback(config->server_host) ||
           (origin.n > 0 && !config_host_is_loopback(origin_host(origin)));
}

static status check_secret(struct loading *loading, struct error *err)
{
    static const char *const shipped[] = {
        "CHANGE_ME_IN_PRODUCTION", "change-me", "secret",
        "your-secret-key-at-least-32-characters-change-me-in-production",
        "kalamdb-dev-secret-key-change-in-production"};
    str secret = loading->config->auth_jwt_secret;
    bool is_weak = secret.n > 0 && secret.n < SECRET_BYTES_MIN;
    for (size_t i = 0; i < sizeof shipped / sizeof shipped[0]; i++) {
        is_weak = is_weak || str_eq_nocase(secret, str_from(shipped[i]));
    }
    if (!is_weak) {
        return STATUS_IS_OK;
    }
    if (is_exposed(loading->config)) {
        return config_refuse(
            loading, ROW("auth.jwt_secret"), STR_LIT("a short or well-known text"),
            STR_LIT("a secret of your own with at least 32 characters, since the server "
                    "is reachable from other machines (empty: one is made)"),
            err);
    }
    config_warn(loading,
                STR_LIT("auth.jwt_secret is short or well-known; good for trying out only"));
    return STATUS_IS_OK;
}

static status check_exposure(struct loading *loading, struct error *err)
{
    const struct config *config = loading->config;
    str origin = config->server_public_origin;
    if (origin.n > 0 && origin_host(origin).n == 0) {
        return config_refuse(loading, ROW("server.public_origin"),
                             arena_format(loading->arena, "\"" STR_FMT "\"", STR(origin)),
                             STR_LIT("http:// or https:// and a host"), err);
    }
    if (is_exposed(config) && config->cors_origins.count == 0) {
        return config_refuse(
            loading, ROW("security.cors.allowed_origins"), STR_LIT("an empty list"),
            STR_LIT("the origins that may use the API, since the server is reachable "
                    "from other machines ([\"*\"]: any)"),
            err);
    }
    return check_secret(loading, err);
}

status config_check(struct loading *loading, struct error *err)
{
    const struct config *config = loading->config;
    TRY(check_words(loading, err));
    TRY(check_template(loading, ROW("storage.shared_tables_template"), false, err));
    TRY(check_template(loading, ROW("storage.user_tables_template"), true, err));
    if (config->limit_query_rows > 0 &&
        config->limit_query_rows_default > config->limit_query_rows) {
        return config_refuse(loading, ROW("limits.default_query_limit"),
                             arena_format(loading->arena, "%u", config->limit_query_rows_default),
                             arena_format(loading->arena,
                                          "at most limits.max_query_limit, which is %u",
                                          config->limit_query_rows),
                             err);
    }
    if ((config->tls_cert.n > 0) != (config->tls_key.n > 0)) {
        const struct setting *missing = config->tls_cert.n > 0 ? ROW("tls.key") : ROW("tls.cert");
        return config_refuse(loading, missing, STR_LIT("nothing"),
                             STR_LIT("a file, since tls.cert and tls.key go together"), err);
    }
    if (config->storage_data_path.n == 0) {
        return config_refuse(loading, ROW("storage.data_path"), STR_LIT("an empty text"),
                             STR_LIT("a folder"), err);
    }
    return check_exposure(loading, err);
}
