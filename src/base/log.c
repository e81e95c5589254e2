/* base/log.c -- lines are formatted by their caller, appended to one buffer, and written by the
 * writer thread. Text values in `fields` are written as key="..." by the caller's format; the JSON
 * form re-reads key=value pairs from the compact text. */
#include "base/log.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { QUEUE_BYTES_MAX = 1 << 20, LINE_BYTES_MAX = 4096, REQUEST_BYTES_MAX = 64 };

static struct {
    struct lock lock; /* guards pending, stopping */
    struct cond wake;
    struct buf pending;
    struct thread writer;
    bool opened;
    bool stopping;
    int fd; /* -1: none */
    struct log_options options;
    atomic_count dropped;
} state = {.fd = -1, .options = {LOG_INFO, LOG_COMPACT, true, NULL}};

static _Thread_local char request_id[REQUEST_BYTES_MAX];

static const char *const level_names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR"};

bool log_level_parse(str text, enum log_level *out)
{
    for (int i = 0; i < LOG_LEVEL_COUNT; i++) {
        if (str_eq_nocase(text, str_from(level_names[i]))) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_format_parse(str text, enum log_format *out)
{
    static const char *const names[] = {"compact", "pretty", "json"};
    for (int i = 0; i < 3; i++) {
        if (str_eq_c(text, names[i])) {
            *out = (enum log_format)i;
            return true;
        }
    }
    return false;
}

bool log_enabled(enum log_level level)
{
    return level >= state.options.level;
}

void log_set_request(str id)
{
    size_t n = id.n < sizeof request_id - 1 ? id.n : sizeof request_id - 1;
    if (n > 0) {
        memcpy(request_id, id.p, n);
    }
    request_id[n] = '\0';
}

uint64_t log_dropped_count(void)
{
    return atomic_count_get(&state.dropped);
}

/* Control characters never reach a log: a client cannot forge a line. */
static void clean(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7F) {
            *text = ' ';
        }
    }
}

static void append_json_text(struct buf *out, str s)
{
    buf_append_byte(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\') {
            buf_append_byte(out, '\\');
        }
        buf_append_byte(out, (uint8_t)s.p[i]);
    }
    buf_append_byte(out, '"');
}

/* Turns `a=1 b="x y"` into `,"a":"1","b":"x y"`. */
static void append_json_fields(struct buf *out, str fields)
{
    while ((fields = str_trim(fields)).n > 0) {
        ptrdiff_t equals = str_find_char(fields, '=');
        if (equals <= 0) {
            buf_append_c(out, ",\"message\":");
            append_json_text(out, fields);
            return;
        }
        str key = str_slice(fields, 0, (size_t)equals);
        str rest = str_skip(fields, (size_t)equals + 1);
        str value;
        if (rest.n > 0 && rest.p[0] == '"') {
            size_t end = 1;
            while (end < rest.n && rest.p[end] != '"') {
                end++;
            }
            value = str_slice(rest, 1, end);
            fields = str_skip(rest, end + 1);
        } else {
            ptrdiff_t space = str_find_char(rest, ' ');
            value = space >= 0 ? str_slice(rest, 0, (size_t)space) : rest;
            fields = str_skip(rest, value.n);
        }
        buf_append_byte(out, ',');
        append_json_text(out, key);
        buf_append_byte(out, ':');
        append_json_text(out, value);
    }
}

static void format_line(struct buf *out, enum log_level level, const char *module,
                        const char *event, const char *fields)
{
    char when[CLOCK_TEXT_BYTES];
    clock_format_rfc3339(clock_wall_us(clock_system()), 6, when);
    if (state.options.format == LOG_JSON) {
        buf_append_format(out,
                          "{\"time\":\"%s\",\"level\":\"%s\",\"module\":\"%s\",\"event\":\"%s\"",
                          when, level_names[level], module, event);
        if (request_id[0] != '\0') {
            buf_append_c(out, ",\"request\":");
            append_json_text(out, str_from(request_id));
        }
        append_json_fields(out, str_from(fields));
        buf_append_c(out, "}\n");
        return;
    }
    buf_append_format(out, "%s %-5s %s %s", when, level_names[level], module, event);
    if (request_id[0] != '\0') {
        buf_append_format(out, " request=%s", request_id);
    }
    buf_append_format(out, "%s%s\n", fields[0] != '\0' ? " " : "", fields);
}

static void write_all(int fd, str s)
{
    while (s.n > 0) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return; /* a log that cannot be written must not stop the data */
        }
        s = str_skip(s, (size_t)n);
    }
}

static void deliver(str text)
{
    if (state.options.to_console || state.fd < 0) {
        write_all(STDERR_FILENO, text);
    }
    if (state.fd >= 0) {
        write_all(state.fd, text);
    }
}

void log_line(enum log_level level, const char *module, const char *event, const char *fields, ...)
{
    char text[LINE_BYTES_MAX];
    va_list args;
    va_start(args, fields);
    (void)vsnprintf(text, sizeof text, fields, args);
    va_end(args);
    clean(text);
    struct buf line;
    buf_init(&line);
    format_line(&line, level, module, event, text);
    if (!state.opened) {
        deliver(buf_str(&line));
    } else {
        lock_take(&state.lock);
        if (state.pending.n + line.n > QUEUE_BYTES_MAX) {
            atomic_count_add(&state.dropped, 1);
        } else {
            buf_append_str(&state.pending, buf_str(&line));
            cond_signal(&state.wake);
        }
        lock_give(&state.lock);
    }
    buf_release(&line);
}

static void *run_writer(void *unused)
{
    (void)unused;
    struct buf mine;
    buf_init(&mine);
    lock_take(&state.lock);
    for (;;) {
        while (state.pending.n == 0 && !state.stopping) {
            cond_wait(&state.wake, &state.lock);
        }
        if (state.pending.n == 0) {
            break;
        }
        struct buf swap = state.pending;
        state.pending = mine;
        mine = swap;
        lock_give(&state.lock);
        deliver(buf_str(&mine));
        buf_clear(&mine);
        lock_take(&state.lock);
    }
    lock_give(&state.lock);
    buf_release(&mine);
    return NULL;
}

status log_open(const struct log_options *options, struct error *err)
{
    CHECK(!state.opened);
    state.options = *options;
    if (options->directory != NULL) {
        char path[4096];
        if (mkdir(options->directory, 0700) != 0 && errno != EEXIST) {
            return error_set(err, ERROR_CONFIG, "cannot make the log directory %s: %s",
                             options->directory, strerror(errno));
        }
        (void)snprintf(path, sizeof path, "%s/%s", options->directory,
                       options->format == LOG_JSON ? "server.jsonl" : "server.log");
        state.fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (state.fd < 0) {
            return error_set(err, ERROR_CONFIG, "cannot open the log file %s: %s", path,
                             strerror(errno));
        }
    }
    lock_init(&state.lock, LOCK_LOG);
    cond_init(&state.wake);
    buf_init(&state.pending);
    state.stopping = false;
    state.opened = true;
    thread_start(&state.writer, "log", 0, run_writer, NULL);
    return STATUS_IS_OK;
}

void log_close(void)
{
    if (!state.opened) {
        return;
    }
    lock_take(&state.lock);
    state.stopping = true;
    cond_signal(&state.wake);
    lock_give(&state.lock);
    thread_join(&state.writer);
    state.opened = false;
    if (state.fd >= 0) {
        (void)fsync(state.fd);
        (void)close(state.fd);
        state.fd = -1;
    }
    buf_release(&state.pending);
    cond_release(&state.wake);
    lock_release(&state.lock);
}
