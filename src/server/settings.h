/* server/settings.h -- settings.def as a table, and how a row's field is filled and shown.
 * For:      config*.c only; everyone else includes server/config.h.
 * Owns:     nothing.
 * Threads:  the table is constant. */
#ifndef SERVER_SETTINGS_H
#define SERVER_SETTINGS_H

#include "server/config.h"

enum setting_kind {
    SETTING_TEXT,
    SETTING_SECRET,
    SETTING_U32,
    SETTING_U64,
    SETTING_REAL,
    SETTING_BOOL,
    SETTING_LIST,
    SETTING_IGNORED
};

struct setting {
    struct config_setting shown;
    enum setting_kind kind;
    size_t at; /* offset of its field */
    const char *standard;
    uint64_t least;
    uint64_t most;
    const char *environment;
};

enum {
    SETTING_COUNT = 0
#define SETTING(kind, field, key, standard, least, most, env, what) +1
#include "server/settings.def"
#undef SETTING
};
extern const struct setting settings[SETTING_COUNT];

/* The row of a key, or of the ".*" above it; NULL: there is none. */
const struct setting *setting_find(str key);
/* The field of a row. */
void *setting_field(struct config *config, const struct setting *setting);
/* Fill the field. False: the value is not what the row expects. Texts are copied into the arena. */
bool setting_store_integer(struct config *config, const struct setting *setting, uint64_t v);
bool setting_store_real(struct config *config, const struct setting *setting, double v);
/* From a default or the environment. */
bool setting_store_text(struct config *config, const struct setting *setting, str text,
                        struct arena *arena);

/* --- what config.c and config_rules.c share */

/* What is known while a configuration is read. */
struct loading {
    struct config *config;
    struct arena *arena;
    const char *name;                /* of the file */
    unsigned lines[SETTING_COUNT];   /* where the file sets it; 0: it does not */
    const char *envs[SETTING_COUNT]; /* the variable that sets it; NULL: none */
    str *warnings;
    size_t warning_capacity; /* grown on the heap, copied to the arena at the end */
    unsigned warning_count;
};

/* Keeps a warning, told once the log is open. */
void config_warn(struct loading *loading, str text);
/* INVALID: where the row was set, what was found there, what was expected. */
MUST_USE status config_refuse(struct loading *loading, const struct setting *setting, str found,
                              str expected, struct error *err);
/* The rules that look at several settings, or at words. */
MUST_USE status config_check(struct loading *loading, struct error *err);

#endif
