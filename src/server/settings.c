/* server/settings.c -- the rows, and the fields they describe. */
#include "server/settings.h"
#include "base/check.h"

#define CONFIG_AT_TEXT(field) offsetof(struct config, field)
#define CONFIG_AT_SECRET(field) offsetof(struct config, field)
#define CONFIG_AT_U32(field) offsetof(struct config, field)
#define CONFIG_AT_U64(field) offsetof(struct config, field)
#define CONFIG_AT_REAL(field) offsetof(struct config, field)
#define CONFIG_AT_BOOL(field) offsetof(struct config, field)
#define CONFIG_AT_LIST(field) offsetof(struct config, field)
#define CONFIG_AT_IGNORED(field) 0

const struct setting settings[SETTING_COUNT] = {
#define SETTING(kind, field, key, standard, least, most, env, what)                                \
    {{key, what, SETTING_##kind != SETTING_IGNORED},                                               \
     SETTING_##kind,                                                                               \
     CONFIG_AT_##kind(field),                                                                      \
     standard,                                                                                     \
     least,                                                                                        \
     most,                                                                                         \
     env},
#include "server/settings.def"
#undef SETTING
};

void *setting_field(struct config *config, const struct setting *setting)
{
    return (char *)config + setting->at;
}

bool setting_store_integer(struct config *config, const struct setting *setting, uint64_t v)
{
    if (v < setting->least || v > setting->most) {
        return false;
    }
    if (setting->kind == SETTING_U32) {
        *(uint32_t *)setting_field(config, setting) = (uint32_t)v;
    } else {
        *(uint64_t *)setting_field(config, setting) = v;
    }
    return true;
}

bool setting_store_real(struct config *config, const struct setting *setting, double v)
{
    if (!(v >= (double)setting->least && v <= (double)setting->most)) {
        return false;
    }
    *(double *)setting_field(config, setting) = v;
    return true;
}

static bool store_bool(struct config *config, const struct setting *setting, str text)
{
    bool is_true = str_eq_nocase(text, STR_LIT("true")) || str_eq_c(text, "1");
    if (!is_true && !str_eq_nocase(text, STR_LIT("false")) && !str_eq_c(text, "0")) {
        return false;
    }
    *(bool *)setting_field(config, setting) = is_true;
    return true;
}

/* Items separated by commas; spaces around them and empty items go. */
static void store_list(struct config *config, const struct setting *setting, str text,
                       struct arena *arena)
{
    unsigned most = 1;
    for (size_t i = 0; i < text.n; i++) {
        most += text.p[i] == ',';
    }
    str *items = ARENA_ARRAY(arena, str, most);
    unsigned count = 0;
    while (text.n > 0) {
        ptrdiff_t comma = str_find_char(text, ',');
        str item = str_trim(comma < 0 ? text : str_slice(text, 0, (size_t)comma));
        text = comma < 0 ? str_of(NULL, 0) : str_skip(text, (size_t)comma + 1);
        if (item.n > 0) {
            items[count++] = arena_copy(arena, item);
        }
    }
    *(struct config_list *)setting_field(config, setting) = (struct config_list){items, count};
}

bool setting_store_text(struct config *config, const struct setting *setting, str text,
                        struct arena *arena)
{
    uint64_t integer = 0;
    double real = 0;
    switch (setting->kind) {
    case SETTING_TEXT:
    case SETTING_SECRET:
        *(str *)setting_field(config, setting) = arena_copy(arena, text);
        return str_find_char(text, '\0') < 0;
    case SETTING_U32:
    case SETTING_U64:
        return str_to_u64(text, &integer) && setting_store_integer(config, setting, integer);
    case SETTING_REAL:
        return str_to_double(text, &real) && setting_store_real(config, setting, real);
    case SETTING_BOOL:
        return store_bool(config, setting, text);
    case SETTING_LIST:
        store_list(config, setting, text, arena);
        return true;
    case SETTING_IGNORED:
        break;
    }
    return true;
}

static bool matches(const struct setting *setting, str key)
{
    str pattern = str_from(setting->shown.key);
    if (!str_ends_with(pattern, STR_LIT(".*"))) {
        return str_eq(pattern, key);
    }
    str above = str_slice(pattern, 0, pattern.n - 2);
    return str_starts_with(key, above) &&
           (key.n == above.n || key.p[above.n] == '.' || key.p[above.n] == '[');
}

const struct setting *setting_find(str key)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (matches(&settings[i], key)) {
            return &settings[i];
        }
    }
    return NULL;
}
