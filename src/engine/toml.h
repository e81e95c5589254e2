/* engine/toml.h -- a TOML 1.0 text as a flat list of keys and values.
 * For:      the configuration file. [server] port = 1 is the entry "server.port"; items of an array
 *           are "list[0]", "list[1]"; a key that needs quotes keeps them: targets."a.b".
 * Touches:  toml++, through engine/toml_scan.h.
 * Owns:     nothing; entries live in the arena.
 * Threads:  any. */
#ifndef ENGINE_TOML_H
#define ENGINE_TOML_H

#include "base/arena.h"
#include "engine/toml_scan.h"

struct toml_entry {
    str key;
    enum toml_kind kind;
    unsigned line; /* from 1 */
    union {
        str text;
        int64_t integer;
        double real;
        bool boolean;
        uint64_t count; /* ARRAY: its items, which follow; TABLE: its members, likewise */
    } as;
};

struct toml {
    const struct toml_entry *entries;
    size_t count;
};

enum { TOML_BYTES_MAX = 256 * 1024, TOML_DOTS_MAX = 2000 };

/* INVALID (ERROR_CONFIG): "line 3, column 7: why". LIMIT in words: the text is longer than
 * TOML_BYTES_MAX, or has more dotted names than TOML_DOTS_MAX. */
MUST_USE status toml_parse(str text, struct arena *arena, struct toml *out, struct error *err);
/* The entry of that key, or NULL. */
const struct toml_entry *toml_find(const struct toml *toml, str key);
/* "a text", "a whole number", ... for messages. */
const char *toml_kind_name(enum toml_kind kind);

#endif
