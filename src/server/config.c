/* server/config.c -- settings.def, filled: defaults, then the file, then the environment, then the
 * rules that look at several settings. */
#include "server/settings.h"
#include "base/check.h"
#include "base/fs.h"
#include "engine/toml.h"

#include <limits.h>
#include <unistd.h>

void config_warn(struct loading *loading, str text)
{
    loading->warnings = mem_grow(loading->warnings, &loading->warning_capacity,
                                 loading->warning_count + 1, sizeof *loading->warnings);
    loading->warnings[loading->warning_count++] = text;
}

/* "server.toml:3: server.port", "KALAMDB_SERVER_PORT", or the key for a default. */
static str place_of(struct loading *loading, const struct setting *setting)
{
    size_t i = (size_t)(setting - settings);
    if (loading->envs[i] != NULL) {
        return arena_format(loading->arena, "environment %s (%s)", loading->envs[i],
                            setting->shown.key);
    }
    if (loading->lines[i] != 0) {
        return arena_format(loading->arena, "%s:%u: %s", loading->name, loading->lines[i],
                            setting->shown.key);
    }
    return str_from(setting->shown.key);
}

static str expectation(struct loading *loading, const struct setting *setting)
{
    switch (setting->kind) {
    case SETTING_U32:
    case SETTING_U64:
        return arena_format(loading->arena, "a whole number from %llu to %llu",
                            (unsigned long long)setting->least, (unsigned long long)setting->most);
    case SETTING_REAL:
        return arena_format(loading->arena, "a number from %llu to %llu",
                            (unsigned long long)setting->least, (unsigned long long)setting->most);
    case SETTING_BOOL:
        return STR_LIT("true or false");
    case SETTING_LIST:
        return STR_LIT("a list of texts, such as [\"a\", \"b\"]");
    case SETTING_TEXT:
    case SETTING_SECRET:
    case SETTING_IGNORED:
        break;
    }
    return STR_LIT("a text in quotes");
}

status config_refuse(struct loading *loading, const struct setting *setting, str found,
                     str expected, struct error *err)
{
    str place = place_of(loading, setting);
    return error_set(err, ERROR_CONFIG, STR_FMT ": found " STR_FMT ", expected " STR_FMT,
                     STR(place), STR(found), STR(expected));
}

/* --- the file */

/* What an entry holds, for a message; a secret is not told. */
static str describe(struct loading *loading, const struct setting *setting,
                    const struct toml_entry *entry)
{
    if (setting->kind == SETTING_SECRET) {
        return str_from(toml_kind_name(entry->kind));
    }
    switch (entry->kind) {
    case TOML_TEXT:
        return arena_format(loading->arena, "\"" STR_FMT "\"", STR(entry->as.text));
    case TOML_INTEGER:
        return arena_format(loading->arena, "%lld", (long long)entry->as.integer);
    case TOML_REAL:
        return arena_format(loading->arena, "%g", entry->as.real);
    case TOML_BOOLEAN:
        return entry->as.boolean ? STR_LIT("true") : STR_LIT("false");
    case TOML_ARRAY:
    case TOML_TABLE:
    case TOML_TIME:
        break;
    }
    return str_from(toml_kind_name(entry->kind));
}

/* The items of an array follow it at once. */
static bool store_array(struct loading *loading, const struct setting *setting,
                        const struct toml_entry *array)
{
    str *items = ARENA_ARRAY(loading->arena, str, array->as.count + 1);
    for (size_t i = 0; i < array->as.count; i++) {
        const struct toml_entry *item = &array[1 + i]; /* a text has no entries of its own */
        if (item->kind != TOML_TEXT) {
            return false;
        }
        items[i] = item->as.text;
    }
    *(struct config_list *)setting_field(loading->config, setting) =
        (struct config_list){items, (unsigned)array->as.count};
    return true;
}

static bool store_entry(struct loading *loading, const struct setting *setting,
                        const struct toml_entry *entry)
{
    switch (setting->kind) {
    case SETTING_TEXT:
    case SETTING_SECRET:
        return entry->kind == TOML_TEXT &&
               setting_store_text(loading->config, setting, entry->as.text, loading->arena);
    case SETTING_U32:
    case SETTING_U64:
        return entry->kind == TOML_INTEGER && entry->as.integer >= 0 &&
               setting_store_integer(loading->config, setting, (uint64_t)entry->as.integer);
    case SETTING_REAL:
        if (entry->kind == TOML_INTEGER) {
            return setting_store_real(loading->config, setting, (double)entry->as.integer);
        }
        return entry->kind == TOML_REAL &&
               setting_store_real(loading->config, setting, entry->as.real);
    case SETTING_BOOL:
        *(bool *)setting_field(loading->config, setting) =
            entry->kind == TOML_BOOLEAN && entry->as.boolean;
        return entry->kind == TOML_BOOLEAN;
    case SETTING_LIST:
        return entry->kind == TOML_ARRAY && store_array(loading, setting, entry);
    case SETTING_IGNORED:
        break;
    }
    return true;
}

/* [authentication] is [auth]. */
static str canonical_key(struct loading *loading, str key)
{
    str name = STR_LIT("authentication");
    if (!str_starts_with(key, name) || (key.n > name.n && key.p[name.n] != '.')) {
        return key;
    }
    str rest = str_skip(key, name.n);
    return arena_format(loading->arena, "auth" STR_FMT, STR(rest));
}

/* "limits" of "limits.max_message_size": a section that is left empty is none too many. */
static bool is_section(str key)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        str own = str_from(settings[i].shown.key);
        if (own.n > key.n && own.p[key.n] == '.' && str_starts_with(own, key)) {
            return true;
        }
    }
    return false;
}

static status take_entry(struct loading *loading, const struct toml_entry *entry, str key,
                         struct error *err)
{
    const struct setting *setting = setting_find(key);
    if (setting == NULL) {
        if (entry->kind != TOML_TABLE || (entry->as.count == 0 && !is_section(key))) {
            config_warn(loading, arena_format(loading->arena,
                                              "%s:%u: " STR_FMT " is not a setting; it is ignored",
                                              loading->name, entry->line, STR(key)));
        }
        return STATUS_IS_OK;
    }
    size_t i = (size_t)(setting - settings);
    if (loading->lines[i] != 0 && setting->kind != SETTING_IGNORED) {
        return error_set(err, ERROR_CONFIG, "%s:%u: " STR_FMT " is set twice, first in line %u",
                         loading->name, entry->line, STR(key), loading->lines[i]);
    }
    loading->lines[i] = entry->line;
    if (!store_entry(loading, setting, entry)) {
        return config_refuse(loading, setting, describe(loading, setting, entry),
                             expectation(loading, setting), err);
    }
    return STATUS_IS_OK;
}

/* Entries inside `container` (its own entry not counted); nothing in `container` is left out. */
static size_t skip_content(const struct toml *toml, size_t container)
{
    str above = toml->entries[container].key;
    size_t i = container + 1;
    while (i < toml->count && str_starts_with(toml->entries[i].key, above) &&
           toml->entries[i].key.n > above.n &&
           (toml->entries[i].key.p[above.n] == '.' || toml->entries[i].key.p[above.n] == '[')) {
        i++;
    }
    return i;
}

static status take_file(struct loading *loading, str text, struct error *err)
{
    struct toml toml;
    if (!status_ok(toml_parse(text, loading->arena, &toml, err))) {
        return error_wrap(err, loading->name);
    }
    bool has_cors = false;
    bool has_credentials = false;
    for (size_t i = 0; i < toml.count;) {
        const struct toml_entry *entry = &toml.entries[i];
        str key = canonical_key(loading, entry->key);
        has_cors = has_cors || str_eq_c(key, "security.cors");
        has_credentials = has_credentials || str_eq_c(key, "security.cors.allow_credentials");
        TRY(take_entry(loading, entry, key, err));
        /* The items of a list belong to it; a table's members speak for themselves. */
        bool is_whole =
            entry->kind == TOML_ARRAY || (entry->kind == TOML_TABLE && setting_find(key) != NULL);
        i = is_whole ? skip_content(&toml, i) : i + 1;
    }
    if (has_cors && !has_credentials) {
        loading->config->cors_credentials = true;
    }
    return STATUS_IS_OK;
}

/* --- the environment */

/* The value of `name` in the environment; p NULL: it is not set. */
static str environment_get(const char *const *environment, str name)
{
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        str pair = str_from(environment[i]);
        if (pair.n > name.n && pair.p[name.n] == '=' && str_starts_with(pair, name)) {
            return str_skip(pair, name.n + 1);
        }
    }
    return str_of(NULL, 0);
}

static status take_environment(struct loading *loading, const char *const *environment,
                               struct error *err)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *setting = &settings[i];
        str names = str_from(setting->environment);
        while (names.n > 0 && setting->kind != SETTING_IGNORED) {
            ptrdiff_t space = str_find_char(names, ' ');
            str name = space < 0 ? names : str_slice(names, 0, (size_t)space);
            names = space < 0 ? str_of(NULL, 0) : str_skip(names, (size_t)space + 1);
            str value = environment_get(environment, name);
            if (value.p == NULL) {
                continue;
            }
            loading->envs[i] = str_cstr(loading->arena, name);
            if (!setting_store_text(loading->config, setting, value, loading->arena)) {
                str found = arena_format(loading->arena, "'" STR_FMT "'", STR(value));
                return config_refuse(loading, setting, found, expectation(loading, setting), err);
            }
            break;
        }
    }
    return STATUS_IS_OK;
}

/* --- all of it */

static status fill(struct loading *loading, str text, const char *const *environment,
                   struct error *err)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        CHECK(setting_store_text(loading->config, &settings[i], str_from(settings[i].standard),
                                 loading->arena));
    }
    TRY(take_file(loading, text, err));
    TRY(take_environment(loading, environment, err));
    return config_check(loading, err);
}

status config_parse(str text, const char *name, const char *const *environment, struct arena *arena,
                    struct config *out, struct error *err)
{
    struct config config = {.source = str_of(NULL, 0)};
    struct loading loading = {.config = &config, .arena = arena, .name = name};
    status result = fill(&loading, text, environment, err);
    if (status_ok(result)) {
        str *warnings = ARENA_ARRAY(arena, str, loading.warning_count + 1);
        if (loading.warning_count > 0) {
            memcpy(warnings, loading.warnings, loading.warning_count * sizeof *warnings);
        }
        config.warnings = (struct config_list){warnings, loading.warning_count};
        *out = config;
    }
    mem_free(loading.warnings);
    return result;
}

/* "server.toml" beside the executable. */
static char *beside_executable(struct arena *arena)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path);
    str exe = str_of(path, n > 0 ? (size_t)n : 0);
    while (exe.n > 0 && exe.p[exe.n - 1] != '/') {
        exe.n--;
    }
    return str_cstr(arena, arena_format(arena, STR_FMT "server.toml", STR(exe)));
}

status config_load(const char *path, const char *const *environment, struct arena *arena,
                   struct config *out, struct error *err)
{
    const char *beside = beside_executable(arena);
    const char *file = path != NULL                 ? path
                       : fs_exists("./server.toml") ? "./server.toml"
                       : fs_exists(beside)          ? beside
                                                    : NULL;
    if (file == NULL) {
        return config_parse(str_of(NULL, 0), "server.toml", environment, arena, out, err);
    }
    str text;
    status read = fs_read(file, TOML_BYTES_MAX, arena, &text, NULL);
    if (!status_ok(read)) {
        return error_set(err, ERROR_CONFIG, "configuration file '%s': %s", file,
                         read.code == STATUS_NOT_FOUND ? "there is no such file"
                         : read.code == STATUS_LIMIT   ? "it is longer than 256 KiB"
                                                       : "it cannot be read");
    }
    TRY(config_parse(text, file, environment, arena, out, err));
    out->source = arena_copy(arena, str_from(file));
    return STATUS_IS_OK;
}
