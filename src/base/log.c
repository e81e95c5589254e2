/* base/log.c -- lines are formatted by their caller, appended to one buffer, and written by the
 * writer thread, which also puts files aside that are long enough. What a conversion of `fields`
 * gives cannot forge a field: quotes in it become apostrophes, and it gets quotes where it needs
 * some. The other forms re-read key=value pairs from the compact text. */
#include "base/log.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    QUEUE_BYTES_MAX = 1 << 20,
    LINE_BYTES_MAX = 4096,
    REQUEST_BYTES_MAX = 64,
    PATH_BYTES_MAX = 4096,
    SPEC_BYTES_MAX = 32
};

static struct {
    struct lock lock; /* guards pending, stopping */
    struct cond wake;
    struct buf pending;
    struct thread writer;
    bool opened;
    bool stopping;
    int fd;              /* -1: none; from here on the writer's while it runs */
    uint64_t file_bytes; /* in it */
    char path[PATH_BYTES_MAX];
    struct log_options options;
    enum log_level lowest; /* of all modules */
    atomic_count dropped;
} state = {.fd = -1,
           .options = {.level = LOG_INFO, .format = LOG_COMPACT, .to_console = true},
           .lowest = LOG_INFO};

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

bool log_module_level_parse(str text, struct log_module_level *out)
{
    ptrdiff_t equals = str_find_char(text, '=');
    str module = equals > 0 ? str_trim(str_slice(text, 0, (size_t)equals)) : (str){0};
    if (module.n == 0 || module.n >= sizeof out->module ||
        !log_level_parse(str_trim(str_skip(text, (size_t)equals + 1)), &out->level)) {
        return false;
    }
    memcpy(out->module, module.p, module.n);
    out->module[module.n] = '\0';
    return true;
}

bool log_enabled(enum log_level level)
{
    return level >= state.lowest;
}

bool log_enabled_for(enum log_level level, const char *module)
{
    if (level < state.lowest) {
        return false;
    }
    for (unsigned i = 0; i < state.options.module_count; i++) {
        if (strcmp(state.options.modules[i].module, module) == 0) {
            return level >= state.options.modules[i].level;
        }
    }
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

/* Takes the next `key=value` or `key="value"` off `fields`; what is neither is a message. */
static bool next_field(str *fields, str *key, str *value)
{
    *fields = str_trim(*fields);
    if (fields->n == 0) {
        return false;
    }
    ptrdiff_t equals = str_find_char(*fields, '=');
    if (equals <= 0) {
        *key = STR_LIT("message");
        *value = *fields;
        *fields = (str){0};
        return true;
    }
    *key = str_slice(*fields, 0, (size_t)equals);
    str rest = str_skip(*fields, (size_t)equals + 1);
    if (rest.n > 0 && rest.p[0] == '"') {
        ptrdiff_t end = str_find_char(str_skip(rest, 1), '"');
        size_t n = end >= 0 ? (size_t)end : rest.n - 1;
        *value = str_slice(rest, 1, 1 + n);
        *fields = str_skip(rest, n + 2);
    } else {
        ptrdiff_t space = str_find_char(rest, ' ');
        *value = space >= 0 ? str_slice(rest, 0, (size_t)space) : rest;
        *fields = str_skip(rest, value->n);
    }
    return true;
}

/* Turns `a=1 b="x y"` into `,"a":"1","b":"x y"`. */
static void append_json_fields(struct buf *out, str fields)
{
    str key;
    str value;
    while (next_field(&fields, &key, &value)) {
        buf_append_byte(out, ',');
        append_json_text(out, key);
        buf_append_byte(out, ':');
        append_json_text(out, value);
    }
}

static void format_json(struct buf *out, const char *when, enum log_level level, const char *module,
                        const char *event, const char *fields)
{
    buf_append_format(out, "{\"time\":\"%s\",\"level\":\"%s\",\"module\":\"%s\",\"event\":\"%s\"",
                      when, level_names[level], module, event);
    if (request_id[0] != '\0') {
        buf_append_c(out, ",\"request\":");
        append_json_text(out, str_from(request_id));
    }
    append_json_fields(out, str_from(fields));
    buf_append_c(out, "}\n");
}

/* A line for what happened, and one for each thing that is said about it. */
static void format_pretty(struct buf *out, const char *when, enum log_level level,
                          const char *module, const char *event, const char *fields)
{
    str rest = str_from(fields);
    str key;
    str value;
    buf_append_format(out, "%s %-5s %s: %s\n", when, level_names[level], module, event);
    if (request_id[0] != '\0') {
        buf_append_format(out, "    request: %s\n", request_id);
    }
    while (next_field(&rest, &key, &value)) {
        buf_append_format(out, "    " STR_FMT ": " STR_FMT "\n", STR(key), STR(value));
    }
}

static void format_compact(struct buf *out, const char *when, enum log_level level,
                           const char *module, const char *event, const char *fields)
{
    buf_append_format(out, "%s %-5s %s %s", when, level_names[level], module, event);
    if (request_id[0] != '\0') {
        buf_append_format(out, " request=%s", request_id);
    }
    buf_append_format(out, "%s%s\n", fields[0] != '\0' ? " " : "", fields);
}

static void format_line(struct buf *out, enum log_level level, const char *module,
                        const char *event, const char *fields)
{
    char when[CLOCK_TEXT_BYTES];
    clock_format_rfc3339(clock_wall_us(clock_system()), 6, when);
    switch (state.options.format) {
    case LOG_COMPACT:
        format_compact(out, when, level, module, event, fields);
        break;
    case LOG_PRETTY:
        format_pretty(out, when, level, module, event, fields);
        break;
    case LOG_JSON:
        format_json(out, when, level, module, event, fields);
        break;
    }
}

/* -- values that cannot be mistaken for something else ------------------------------------------
 */

/* A text that grows up to LINE_BYTES_MAX. */
struct fields {
    char text[LINE_BYTES_MAX];
    size_t n;
    bool is_quoted; /* inside the quotes of the format */
};

/* Control characters never reach a log: a client cannot forge a line. */
static void put(struct fields *f, char c)
{
    bool is_control = (unsigned char)c < 0x20 || c == 0x7F;
    if (f->n < sizeof f->text - 1) {
        f->text[f->n++] = is_control ? ' ' : c;
    }
}

/* Nor does a quote that would end a value. */
static void put_value(struct fields *f, const char *value)
{
    bool needs_quotes = !f->is_quoted && (value[0] == '\0' || strpbrk(value, " \"=\t\r\n") != NULL);
    if (needs_quotes) {
        put(f, '"');
    }
    for (; *value != '\0'; value++) {
        put(f, *value == '"' ? '\'' : *value);
    }
    if (needs_quotes) {
        put(f, '"');
    }
}

/* One conversion of printf, as it stands in a format. */
struct spec {
    char text[SPEC_BYTES_MAX]; /* without the * of a precision */
    int longs;                 /* l, ll; z counts as ll where it is as long */
    bool is_size;
    bool has_star;
    char conversion;
};

/* Reads the spec behind a '%' and returns what follows it. */
static const char *read_spec(const char *at, struct spec *spec)
{
    size_t n = 0;
    *spec = (struct spec){0};
    spec->text[n++] = '%';
    while (*at != '\0' && strchr("-+ #0123456789.*lhzjt", *at) != NULL) {
        spec->has_star = spec->has_star || *at == '*';
        spec->longs += *at == 'l' ? 1 : 0;
        spec->is_size = spec->is_size || *at == 'z' || *at == 'j' || *at == 't';
        CHECK(n < sizeof spec->text - 2);
        spec->text[n++] = *at++;
    }
    spec->conversion = *at;
    spec->text[n] = *at;
    return *at != '\0' ? at + 1 : at;
}

/* The value of a spec, taken from the list that `args` points to. */
static void format_spec(const struct spec *spec, va_list *args, char *out, size_t bytes)
{
    int star = spec->has_star ? va_arg(*args, int) : 0;
    out[0] = '\0';
    switch (spec->conversion) {
    case 's': {
        const char *text = va_arg(*args, const char *);
        (void)(spec->has_star ? snprintf(out, bytes, spec->text, star, text)
                              : snprintf(out, bytes, spec->text, text));
        break;
    }
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
        if (spec->is_size) {
            (void)snprintf(out, bytes, spec->text, va_arg(*args, size_t));
        } else if (spec->longs >= 2) {
            (void)snprintf(out, bytes, spec->text, va_arg(*args, unsigned long long));
        } else if (spec->longs == 1) {
            (void)snprintf(out, bytes, spec->text, va_arg(*args, unsigned long));
        } else {
            (void)snprintf(out, bytes, spec->text, va_arg(*args, unsigned));
        }
        break;
    case 'c':
        (void)snprintf(out, bytes, spec->text, va_arg(*args, int));
        break;
    case 'f':
    case 'g':
    case 'e':
        (void)snprintf(out, bytes, spec->text, va_arg(*args, double));
        break;
    default:
        CHECK(false); /* a format that log.h does not allow */
    }
}

static void format_fields(struct fields *f, const char *format, va_list *args)
{
    char value[LINE_BYTES_MAX];
    while (*format != '\0') {
        if (*format != '%') {
            f->is_quoted = *format == '"' ? !f->is_quoted : f->is_quoted;
            put(f, *format++);
        } else if (format[1] == '%') {
            put(f, '%');
            format += 2;
        } else {
            struct spec spec;
            format = read_spec(format + 1, &spec);
            format_spec(&spec, args, value, sizeof value);
            put_value(f, value);
        }
    }
    f->text[f->n] = '\0';
}

/* -- files --------------------------------------------------------------------------------------
 */

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

static bool open_file(void)
{
    struct stat about;
    state.fd = open(state.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    state.file_bytes = state.fd >= 0 && fstat(state.fd, &about) == 0 ? (uint64_t)about.st_size : 0;
    return state.fd >= 0;
}

/* server.log becomes server.log.1, that server.log.2 ...; the oldest goes. When that fails, the
 * file goes on growing: a log that cannot be moved must not be lost. */
static void put_file_aside(void)
{
    char from[PATH_BYTES_MAX + 16];
    char to[PATH_BYTES_MAX + 16];
    (void)close(state.fd);
    for (unsigned i = state.options.old_files_max; i > 1; i--) {
        (void)snprintf(from, sizeof from, "%s.%u", state.path, i - 1);
        (void)snprintf(to, sizeof to, "%s.%u", state.path, i);
        (void)rename(from, to);
    }
    (void)snprintf(to, sizeof to, "%s.1", state.path);
    if (state.options.old_files_max == 0) {
        (void)unlink(state.path);
    } else {
        (void)rename(state.path, to);
    }
    (void)open_file();
}

/* How much of `text` goes into the file at hand: whole lines, and one at least into an empty one.
 */
static size_t part_that_fits(str text)
{
    uint64_t most = state.options.file_bytes_max;
    if (most == 0 || state.file_bytes + text.n <= most) {
        return text.n;
    }
    size_t room = state.file_bytes < most ? (size_t)(most - state.file_bytes) : 0;
    while (room > 0 && text.p[room - 1] != '\n') {
        room--;
    }
    if (room == 0 && state.file_bytes == 0) {
        ptrdiff_t end = str_find_char(text, '\n');
        return end >= 0 ? (size_t)end + 1 : text.n;
    }
    return room;
}

static void write_file(str text)
{
    while (text.n > 0 && state.fd >= 0) {
        size_t n = part_that_fits(text);
        if (n == 0) {
            uint64_t before = state.file_bytes;
            put_file_aside();
            n = state.file_bytes >= before ? text.n : 0; /* it could not be moved */
        }
        write_all(state.fd, str_slice(text, 0, n));
        state.file_bytes += n;
        text = str_skip(text, n);
    }
}

static void deliver(str text)
{
    if (state.options.to_console || state.fd < 0) {
        write_all(STDERR_FILENO, text);
    }
    write_file(text);
}

void log_line(enum log_level level, const char *module, const char *event, const char *fields, ...)
{
    struct fields text = {.n = 0};
    va_list args;
    va_start(args, fields);
    format_fields(&text, fields, &args);
    va_end(args);
    struct buf line;
    buf_init(&line);
    format_line(&line, level, module, event, text.text);
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
    state.lowest = options->level;
    for (unsigned i = 0; i < options->module_count; i++) {
        enum log_level level = options->modules[i].level;
        state.lowest = level < state.lowest ? level : state.lowest;
    }
    if (options->directory != NULL) {
        if (mkdir(options->directory, 0700) != 0 && errno != EEXIST) {
            return error_set(err, ERROR_CONFIG, "cannot make the log directory %s: %s",
                             options->directory, strerror(errno));
        }
        (void)snprintf(state.path, sizeof state.path, "%s/%s", options->directory,
                       options->format == LOG_JSON ? "server.jsonl" : "server.log");
        if (!open_file()) {
            return error_set(err, ERROR_CONFIG, "cannot open the log file %s: %s", state.path,
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
