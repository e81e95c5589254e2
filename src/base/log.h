/* base/log.h -- what happened, one line each.
 * For:      `time level module event key=value ...` in compact form, the same over several lines
 *           for eyes (pretty), or JSON with the same keys. Values are quoted when they need it, and
 *           cannot end their quotes; nothing secret is ever handed in: no SQL literal, password or
 *           token.
 * Owns:     the log file, its older ones (server.log.1 is the newest of them) and its writer
 * thread. Before log_open lines go to stderr directly. Threads:  any; a line is queued (bounded: a
 * full queue drops the line and counts it). */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/clock.h"
#include "base/str.h"

enum log_level { LOG_TRACE, LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_LEVEL_COUNT };
enum log_format { LOG_COMPACT, LOG_PRETTY, LOG_JSON };

/* A level of its own for one module. */
struct log_module_level {
    char module[24];
    enum log_level level;
};
enum { LOG_MODULES_MAX = 32 };

struct log_options {
    enum log_level level; /* of modules without their own */
    struct log_module_level modules[LOG_MODULES_MAX];
    unsigned module_count;
    enum log_format format;
    bool to_console;         /* stderr */
    const char *directory;   /* NULL: no file; else server.log or server.jsonl in it, 0600 */
    uint64_t file_bytes_max; /* a file that would get longer is put aside; 0: never */
    unsigned old_files_max;  /* files put aside that are kept, 0: none */
};

/* Opens the file and starts the writer. IO: the directory or file cannot be made; err says which.
 */
MUST_USE status log_open(const struct log_options *options, struct error *err);
/* Writes what is queued, syncs and closes. Lines after it go to stderr. */
void log_close(void);
bool log_level_parse(str text, enum log_level *out);
bool log_format_parse(str text, enum log_format *out);
/* "module=level". */
bool log_module_level_parse(str text, struct log_module_level *out);
/* Would a line of any module be written? Of this one? */
bool log_enabled(enum log_level level);
bool log_enabled_for(enum log_level level, const char *module);

/* The request id that goes into every line of this thread; the empty string for none. <= 63 bytes.
 */
void log_set_request(str id);

/* `fields` is a printf format that makes "key=value key=\"value\""; no %n, no width of *. Whether a
 * line is wanted is the caller's question (LOG_FIELDS asks). */
void log_line(enum log_level level, const char *module, const char *event, const char *fields, ...)
    __attribute__((format(printf, 4, 5)));

#define LOG_FIELDS(level, module, event, ...)                                                      \
    do {                                                                                           \
        if (log_enabled_for(level, module)) {                                                      \
            log_line(level, module, event, __VA_ARGS__);                                           \
        }                                                                                          \
    } while (0)
#define log_error(module, event, ...) LOG_FIELDS(LOG_ERROR, module, event, __VA_ARGS__)
#define log_warn(module, event, ...) LOG_FIELDS(LOG_WARN, module, event, __VA_ARGS__)
#define log_info(module, event, ...) LOG_FIELDS(LOG_INFO, module, event, __VA_ARGS__)
#define log_debug(module, event, ...) LOG_FIELDS(LOG_DEBUG, module, event, __VA_ARGS__)

/* Lines lost to a full queue since the start. */
uint64_t log_dropped_count(void);

#endif
