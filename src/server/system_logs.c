/* server/system_logs.c -- rows of system.server_logs: the end of the JSON log file, newest first.
 * A log in text form has no rows (contract sql.md section 6.2).
 * Threads:  workers: reads a file. */
#include "server/hooks.h"
#include "wire/json.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TAIL_BYTES = 1 << 20, LINES_MAX = 5000 };

/* The last TAIL_BYTES of a file; empty when it cannot be read. */
static str read_tail(const char *path, struct arena *arena)
{
    struct stat file;
    str none = {NULL, 0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return none;
    }
    off_t from = 0;
    if (fstat(fd, &file) == 0 && file.st_size > TAIL_BYTES) {
        from = file.st_size - TAIL_BYTES;
    }
    char *bytes = arena_alloc(arena, TAIL_BYTES);
    ssize_t n = pread(fd, bytes, TAIL_BYTES, from);
    (void)close(fd);
    return n > 0 ? str_of(bytes, (size_t)n) : none;
}

/* "event key=value ...": all but what has a column of its own. */
static str message_of(const struct json *line, struct arena *arena)
{
    struct buf text;
    buf_init(&text);
    str value = {NULL, 0};
    (void)json_as_text(json_get(line, "event"), &value);
    buf_append_str(&text, value);
    for (const struct json *m = line->as.children.first; m != NULL; m = m->next) {
        bool has_column = str_eq_c(m->key, "time") || str_eq_c(m->key, "level") ||
                          str_eq_c(m->key, "module") || str_eq_c(m->key, "event");
        if (!has_column && json_as_text(m, &value)) {
            buf_append_format(&text, " " STR_FMT "=" STR_FMT, STR(m->key), STR(value));
        }
    }
    str copy = arena_copy(arena, buf_str(&text));
    buf_release(&text);
    return copy;
}

static status write_line(str text, struct arena *arena, const struct row_sink *sink,
                         struct error *err)
{
    const struct json *line = NULL;
    struct error ignored;
    str time;
    str level;
    str module = {NULL, 0};
    if (!status_ok(json_parse(text, arena, &line, &ignored)) || line->kind != JSON_OBJECT ||
        !json_as_text(json_get(line, "time"), &time) ||
        !json_as_text(json_get(line, "level"), &level)) {
        return STATUS_IS_OK; /* the first line of the tail is cut, the last may be half written */
    }
    (void)json_as_text(json_get(line, "module"), &module);
    struct value row[] = {value_text(time),
                          value_text(level),
                          value_null((struct type){.id = TYPE_TEXT}),
                          value_text(module),
                          value_null((struct type){.id = TYPE_BIGINT}),
                          value_text(message_of(line, arena))};
    return sink->row(sink->context, row, err);
}

status system_logs_write(struct server *server, struct arena *arena, const struct row_sink *sink,
                         struct error *err)
{
    const struct config *config = server->config;
    if (!str_eq_c(config->logging_format, "json") || config->logging_path.n == 0) {
        return STATUS_IS_OK;
    }
    str path = arena_format(arena, STR_FMT "/server.jsonl", STR(config->logging_path));
    str tail = read_tail(path.p, arena);
    for (unsigned lines = 0; tail.n > 0 && lines < LINES_MAX; lines++) {
        size_t end = tail.n - (tail.p[tail.n - 1] == '\n' ? 1 : 0);
        size_t begin = end;
        while (begin > 0 && tail.p[begin - 1] != '\n') {
            begin--;
        }
        TRY(write_line(str_slice(tail, begin, end), arena, sink, err));
        tail = str_slice(tail, 0, begin);
    }
    return STATUS_IS_OK;
}
