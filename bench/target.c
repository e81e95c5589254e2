/* bench/target.c -- a blocking client and two files of /proc. */
#include "target.h"

#include "net/client.h"
#include "wire/http_body.h"
#include "wire/http_write.h"

#include <stdarg.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 65536, ANSWER_BYTES_MAX = 256 << 20, IO_MS = 120000 };

struct answer {
    int status;
    const struct json *json; /* NULL: no JSON */
    str body;
};

uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

void target_stop(const char *format, ...)
{
    va_list args;
    (void)fflush(stdout);
    (void)fputs("kalam-bench: ", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
    exit(1);
}

/* --- requests --- */

static void send_all(struct target *target, str bytes)
{
    struct error err;
    if (target->client == NULL) {
        struct client_options options = {
            .host = target->host, .port = target->port, .io_ms = IO_MS};
        if (!status_ok(client_open(&options, &target->client, &err))) {
            target_stop("%s", err.text);
        }
    }
    if (!status_ok(client_send(target->client, bytes, &err))) {
        target_stop("%s", err.text);
    }
}

static void receive_more(struct target *target, struct buf *bytes)
{
    struct error err;
    size_t got = 0;
    char *at = buf_reserve(bytes, READ_BYTES);
    if (!status_ok(client_receive(target->client, at, READ_BYTES, &got, &err))) {
        target_stop("%s", err.text);
    }
    if (got == 0) {
        target_stop("the server closed the connection");
    }
    bytes->n += got;
}

static void receive_answer(struct target *target, struct arena *arena, struct answer *out)
{
    struct buf bytes;
    struct buf text;
    struct http_response head;
    struct http_failure broken = {0};
    size_t scanned = 0;
    size_t head_bytes = 0;
    buf_init(&bytes);
    buf_init(&text);
    for (;;) {
        receive_more(target, &bytes);
        enum http_progress progress =
            http_parse_response(buf_str(&bytes), &scanned, HTTP_POST, &head, &head_bytes, &broken);
        if (progress == HTTP_BROKEN) {
            target_stop("the answer is no HTTP: %s", broken.reason);
        }
        if (progress == HTTP_COMPLETE) {
            break;
        }
    }
    struct http_body body;
    enum http_framing framing = head.framing;
    out->status = head.status;
    http_body_init(&body, framing, head.content_length, ANSWER_BYTES_MAX);
    buf_drop_front(&bytes, head_bytes);
    for (;;) {
        str in = buf_str(&bytes);
        str data;
        enum http_body_step step = http_body_next(&body, &in, &data, &broken);
        while (step == HTTP_BODY_DATA) {
            buf_append_str(&text, data);
            step = http_body_next(&body, &in, &data, &broken);
        }
        if (step == HTTP_BODY_DONE) {
            break;
        }
        if (step == HTTP_BODY_BROKEN) {
            target_stop("the answer's body is broken: %s", broken.reason);
        }
        buf_clear(&bytes);
        receive_more(target, &bytes);
    }
    out->body = arena_copy(arena, buf_str(&text));
    if (!status_ok(json_parse(out->body, arena, &out->json, NULL))) {
        out->json = NULL;
    }
    buf_release(&text);
    buf_release(&bytes);
}

static void append_head(struct buf *out, const char *method, str path, str token, size_t body_bytes)
{
    char bearer[2048];
    (void)snprintf(bearer, sizeof bearer, "Bearer " STR_FMT, STR(token));
    struct http_header authorization = {STR_LIT("Authorization"), str_from(bearer)};
    struct http_request_head head = {.method = method,
                                     .target = path,
                                     .host = STR_LIT("127.0.0.1"),
                                     .content_type = STR_LIT("application/json"),
                                     .framing = HTTP_SIZED,
                                     .content_length = body_bytes,
                                     .extra = &authorization,
                                     .extra_count = token.n > 0 ? 1 : 0};
    http_append_request_head(out, &head);
}

void target_append_sql(struct buf *out, const struct target *target, str token, str sql,
                       str params_json, const char *durability)
{
    struct buf body;
    (void)target;
    buf_init(&body);
    struct json_writer w = json_writer_on(&body);
    json_write_object_begin(&w);
    json_write_key(&w, "sql");
    json_write_text(&w, sql);
    if (params_json.n > 0) {
        json_write_key(&w, "params");
        json_write_raw(&w, params_json);
    }
    if (durability != NULL) {
        json_write_key(&w, "durability");
        json_write_text_c(&w, durability);
    }
    json_write_object_end(&w);
    append_head(out, "POST", STR_LIT("/v1/api/sql"), token, body.n);
    buf_append_str(out, buf_str(&body));
    buf_release(&body);
}

static void ask(struct target *target, struct arena *arena, str path, str body, struct answer *out)
{
    struct buf request;
    buf_init(&request);
    append_head(&request, "POST", path, STR_LIT(""), body.n);
    buf_append_str(&request, body);
    send_all(target, buf_str(&request));
    buf_release(&request);
    receive_answer(target, arena, out);
}

str target_log_in(struct target *target, const char *user, const char *password)
{
    struct answer answer;
    str token;
    str body =
        arena_format(&target->arena, "{\"user\":\"%s\",\"password\":\"%s\"}", user, password);
    ask(target, &target->arena, STR_LIT("/v1/api/auth/login"), body, &answer);
    if (answer.status != 200 || !json_as_text(json_get(answer.json, "access_token"), &token)) {
        target_stop("no log-in as %s: HTTP %d " STR_FMT, user, answer.status, STR(answer.body));
    }
    return token;
}

void target_open(struct target *target, const char *user, const char *password)
{
    struct answer answer;
    arena_init(&target->arena);
    str body = arena_format(&target->arena,
                            "{\"user\":\"%s\",\"password\":\"%s\",\"root_password\":\"%s-root\"}",
                            user, password, password);
    ask(target, &target->arena, STR_LIT("/v1/api/auth/setup"), body, &answer);
    if (answer.status != 200 && answer.status != 409) {
        target_stop("no set-up: HTTP %d " STR_FMT, answer.status, STR(answer.body));
    }
    target->token = target_log_in(target, user, password);
}

void target_close(struct target *target)
{
    client_close(target->client);
    arena_release(&target->arena);
}

static void ask_sql(struct target *target, struct arena *arena, str sql, struct answer *answer)
{
    struct buf request;
    buf_init(&request);
    target_append_sql(&request, target, target->token, sql, (str){0}, "async");
    send_all(target, buf_str(&request));
    buf_release(&request);
    receive_answer(target, arena, answer);
}

const struct json *target_sql(struct target *target, struct arena *arena, str sql)
{
    struct answer answer;
    ask_sql(target, arena, sql, &answer);
    if (answer.status != 200) {
        target_stop("HTTP %d for \"" STR_FMT "\": " STR_FMT, answer.status,
                    STR(str_slice(sql, 0, 200)), STR(str_slice(answer.body, 0, 500)));
    }
    return json_at(json_get(answer.json, "results"), 0);
}

void target_run(struct target *target, const char *format, ...)
{
    char sql[4096];
    struct arena arena;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(sql, sizeof sql, format, args);
    va_end(args);
    arena_init(&arena);
    (void)target_sql(target, &arena, str_from(sql));
    arena_release(&arena);
}

bool target_try(struct target *target, const char *sql)
{
    struct arena arena;
    struct answer answer;
    arena_init(&arena);
    ask_sql(target, &arena, str_from(sql), &answer);
    arena_release(&arena);
    return answer.status == 200;
}

int64_t target_number(const struct json *result, uint32_t row, uint32_t column)
{
    const struct json *cell = json_at(json_at(json_get(result, "rows"), row), column);
    int64_t number = 0;
    str text;
    if (!json_as_i64(cell, &number) && !(json_as_text(cell, &text) && str_to_i64(text, &number))) {
        target_stop("a number was expected in row %u, column %u of an answer", row, column);
    }
    return number;
}

/* --- the process --- */

static bool read_small(const char *path, char *text, size_t bytes)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return false;
    }
    size_t n = fread(text, 1, bytes - 1, file);
    (void)fclose(file);
    text[n] = '\0';
    return n > 0;
}

uint64_t target_cpu_us(const struct target *target)
{
    char path[64];
    char text[2048];
    unsigned long long user = 0;
    unsigned long long system = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/stat", target->pid);
    if (!read_small(path, text, sizeof text)) {
        target_stop("no process %d", target->pid);
    }
    const char *behind_name = strrchr(text, ')'); /* the name may hold anything */
    if (behind_name == NULL ||
        sscanf(behind_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
               &system) != 2) {
        target_stop("%s cannot be read", path);
    }
    return (uint64_t)(user + system) * 1000000ULL / (uint64_t)sysconf(_SC_CLK_TCK);
}

uint64_t target_resident_bytes(const struct target *target)
{
    char path[64];
    char text[256];
    unsigned long long pages = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/statm", target->pid);
    if (!read_small(path, text, sizeof text) || sscanf(text, "%*u %llu", &pages) != 1) {
        target_stop("%s cannot be read", path);
    }
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
