/* server/config_show.c -- settings as text: for system.settings, and as the commented example. */
#include "server/settings.h"
#include "base/check.h"

enum { COMMENT_COLUMNS = 96 };

const struct config_setting *config_setting_at(unsigned index)
{
    return index < SETTING_COUNT ? &settings[index].shown : NULL;
}

static void append_joined(struct buf *out, const struct config_list *list, const char *quote)
{
    for (unsigned i = 0; i < list->count; i++) {
        buf_append_format(out, "%s%s" STR_FMT "%s", i > 0 ? ", " : "", quote, STR(list->items[i]),
                          quote);
    }
}

void config_append_value(struct buf *out, const struct config *config, unsigned index)
{
    CHECK(index < SETTING_COUNT);
    const struct setting *setting = &settings[index];
    const void *field = (const char *)config + setting->at;
    switch (setting->kind) {
    case SETTING_TEXT:
        buf_append_str(out, *(const str *)field);
        break;
    case SETTING_SECRET:
        buf_append_c(out, ((const str *)field)->n > 0 ? "***" : "");
        break;
    case SETTING_U32:
        buf_append_format(out, "%u", *(const uint32_t *)field);
        break;
    case SETTING_U64:
        buf_append_format(out, "%llu", (unsigned long long)*(const uint64_t *)field);
        break;
    case SETTING_REAL:
        buf_append_format(out, "%g", *(const double *)field);
        break;
    case SETTING_BOOL:
        buf_append_c(out, *(const bool *)field ? "true" : "false");
        break;
    case SETTING_LIST:
        append_joined(out, field, "");
        break;
    case SETTING_IGNORED:
        buf_append_c(out, setting->standard);
        break;
    }
}

/* The default as TOML. */
static void append_standard(struct buf *out, const struct setting *setting)
{
    struct arena arena;
    struct config config;
    switch (setting->kind) {
    case SETTING_TEXT:
    case SETTING_SECRET:
        buf_append_format(out, "\"%s\"", setting->standard);
        break;
    case SETTING_LIST:
        arena_init(&arena);
        CHECK(setting_store_text(&config, setting, str_from(setting->standard), &arena));
        buf_append_c(out, "[");
        append_joined(out, setting_field(&config, setting), "\"");
        buf_append_c(out, "]");
        arena_release(&arena);
        break;
    case SETTING_U32:
    case SETTING_U64:
    case SETTING_REAL:
    case SETTING_BOOL:
    case SETTING_IGNORED:
        buf_append_c(out, setting->standard);
        break;
    }
}

/* "# ..." in lines of at most COMMENT_COLUMNS, broken at spaces. */
static void append_comment(struct buf *out, const char *text)
{
    str rest = str_from(text);
    while (rest.n > 0) {
        size_t n = rest.n;
        if (n > COMMENT_COLUMNS) {
            n = COMMENT_COLUMNS;
            while (n > 0 && rest.p[n] != ' ') {
                n--;
            }
            n = n > 0 ? n : rest.n;
        }
        buf_append_format(out, "# " STR_FMT "\n", (int)n, rest.p);
        rest = str_trim(str_skip(rest, n));
    }
}

static void append_notes(struct buf *out, const struct setting *setting)
{
    append_comment(out, setting->shown.what);
    if (setting->environment[0] != '\0' && setting->shown.is_used) {
        buf_append_format(out, "# environment: %s\n", setting->environment);
    }
}

/* Of the key: "server" of "server.port", "" of a key at the top. */
static str table_of(str key)
{
    size_t n = key.n;
    while (n > 0 && key.p[n - 1] != '.') {
        n--;
    }
    return str_slice(key, 0, n > 0 ? n - 1 : 0);
}

/* Ignored rows are comments, and so is the head of a table that has no other. */
static void append_row(struct buf *out, const struct setting *setting, str table)
{
    str name = str_skip(str_from(setting->shown.key), table.n > 0 ? table.n + 1 : 0);
    append_notes(out, setting);
    if (str_eq_c(name, "*")) {
        buf_append_format(out, "# " STR_FMT ".* is accepted and not used\n\n", STR(table));
        return;
    }
    buf_append_format(out, "%s" STR_FMT " = ", setting->shown.is_used ? "" : "# ", STR(name));
    append_standard(out, setting);
    buf_append_c(out, setting->shown.is_used ? "\n\n" : "   (accepted and not used)\n\n");
}

static bool has_used_row(str table)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (settings[i].shown.is_used && str_eq(table_of(str_from(settings[i].shown.key)), table)) {
            return true;
        }
    }
    return false;
}

void config_append_example(struct buf *out)
{
    buf_append_c(out, "# server.example.toml -- every setting of kalamdb-server with its default.\n"
                      "# Copy it to server.toml and keep the lines you change. Written from\n"
                      "# src/server/settings.def; a test keeps it so.\n\n");
    str table = str_of(NULL, 0);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        str own = table_of(str_from(settings[i].shown.key));
        if (!str_eq(own, table)) {
            buf_append_format(out, "%s[" STR_FMT "]\n", has_used_row(own) ? "" : "# ", STR(own));
            table = own;
        }
        append_row(out, &settings[i], table);
    }
    while (out->n > 1 && out->p[out->n - 2] == '\n') {
        out->n--;
    }
}
