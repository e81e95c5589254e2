/* server/config.h -- the settings of a server, from a TOML file and the environment.
 * For:      main.c, which loads them once; everyone else is handed values. Also the text of
 *           config/server.example.toml and the rows of system.settings.
 * Touches:  the file; engine/toml. The environment is handed in.
 * Owns:     nothing; texts live in the arena.
 * Threads:  immutable once loaded. */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"

struct config_list {
    const str *items;
    unsigned count;
};

/* One field per used row of settings.def. */
struct config {
#define CONFIG_FIELD_TEXT(field) str field;
#define CONFIG_FIELD_SECRET(field) str field;
#define CONFIG_FIELD_U32(field) uint32_t field;
#define CONFIG_FIELD_U64(field) uint64_t field;
#define CONFIG_FIELD_REAL(field) double field;
#define CONFIG_FIELD_BOOL(field) bool field;
#define CONFIG_FIELD_LIST(field) struct config_list field;
#define CONFIG_FIELD_IGNORED(field)
#define SETTING(kind, field, key, standard, least, most, env, what) CONFIG_FIELD_##kind(field)
#include "server/settings.def"
#undef SETTING
#undef CONFIG_FIELD_TEXT
#undef CONFIG_FIELD_SECRET
#undef CONFIG_FIELD_U32
#undef CONFIG_FIELD_U64
#undef CONFIG_FIELD_REAL
#undef CONFIG_FIELD_BOOL
#undef CONFIG_FIELD_LIST
#undef CONFIG_FIELD_IGNORED
    str source;                  /* the file that was read; empty: none, defaults */
    struct config_list warnings; /* to be logged: unknown and ignored keys, weak secrets */
};

/* Reads a TOML text that is called `name` in messages, then the environment ("NAME=value" texts,
 * NULL at the end; may itself be NULL), and checks the whole. INVALID (ERROR_CONFIG): the text
 * names file, line, key, what was found and what was expected. */
MUST_USE status config_parse(str text, const char *name, const char *const *environment,
                             struct arena *arena, struct config *out, struct error *err);

/* The same with the file at `path`, which must exist. NULL: ./server.toml, else server.toml beside
 * the executable, else no file. */
MUST_USE status config_load(const char *path, const char *const *environment, struct arena *arena,
                            struct config *out, struct error *err);

/* "127.0.0.1", "localhost", "::1" and their kind: only this machine can connect. */
bool config_host_is_loopback(str host);

/* Appends config/server.example.toml: every row, its default, and what it is. */
void config_append_example(struct buf *out);

/* A row of settings.def, for system.settings. */
struct config_setting {
    const char *key;
    const char *what;
    bool is_used;
};
/* The row at `index`, or NULL past the end. */
const struct config_setting *config_setting_at(unsigned index);
/* Appends the value of a used row as text; "***" for a secret that is set. */
void config_append_value(struct buf *out, const struct config *config, unsigned index);

#endif
