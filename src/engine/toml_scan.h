/* engine/toml_scan.h -- what toml.cpp (C++) and toml.c (C) say to each other; plain types only.
 * Everyone else includes engine/toml.h. */
#ifndef ENGINE_TOML_SCAN_H
#define ENGINE_TOML_SCAN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum toml_kind {
    TOML_TEXT,
    TOML_INTEGER,
    TOML_REAL,
    TOML_BOOLEAN,
    TOML_ARRAY,
    TOML_TABLE,
    TOML_TIME /* a date, a time, or both */
};

struct toml_event {
    const char *key; /* the whole path; valid during the call, as text is */
    size_t key_bytes;
    enum toml_kind kind;
    unsigned line;
    const char *text;
    size_t text_bytes;
    int64_t integer; /* also BOOLEAN: 0 or 1 */
    double real;
    uint64_t count;
};

struct toml_failure {
    unsigned line; /* 0: none known */
    unsigned column;
    char reason[256];
};

/* Calls `visit` for every value, a container before its content. 0: `failure` says why, and nothing
 * was visited. No exception leaves it. */
int toml_scan(const char *text, size_t bytes,
              void (*visit)(void *context, const struct toml_event *), void *context,
              struct toml_failure *failure);

#ifdef __cplusplus
}
#endif

#endif
