/* cli/watch.c -- one socket, one subscription.
 *
 *   connect -> upgrade -> auth_success -> subscribe -> ack -> batches ... -> changes ...
 *      ^                                                                        |
 *      \------------- wait 1, 2, 4 ... 30 s, with `from` = last _seq <----------/ connection lost
 */
#include "cli/watch.h"

#include "base/clock.h"
#include "base/hash.h"
#include "cli/interrupt.h"
#include "cli/script.h"
#include "cli/watch_line.h"
#include "net/client.h"
#include "wire/gzip.h"
#include "wire/websocket.h"
#include "wire/ws_handshake.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

enum {
    PING_MS = 5000,
    SILENCE_MS_MAX = 15000, /* no frame for so long, not even a pong: the connection is dead */
    LOGIN_MS_MAX = 10000,
    IO_MS = 10000,
    BACKOFF_MS_MAX = 30000,
    TRIES_MAX = 5, /* of connections that never get as far as the subscription */
    READ_BYTES = 65536,
    MESSAGE_BYTES_MAX = 64 << 20
};

#define SUBSCRIPTION_ID "kalam"

/* What a turn of the socket asks for. */
enum watch_next {
    WATCH_ON,
    WATCH_AGAIN, /* connect again */
    WATCH_END    /* exit with watch->exit */
};

struct watch {
    struct session *session;
    const struct output *output;
    str sql;
    struct subscribe_options options;
    struct client *client;
    struct ws_parser parser;
    struct gzip *gzip;
    struct buf unpacked;
    struct arena arena;      /* columns */
    struct arena turn_arena; /* of one message */
    struct watch_columns columns;
    struct failure failure;
    enum cli_exit exit;
    uint64_t last_seq; /* of what was printed; 0: nothing yet */
    uint64_t changes;  /* printed */
    uint64_t sent_us;  /* the last ping */
    uint64_t heard_us; /* the last frame */
    bool has_header;   /* of CSV */
    bool is_resumed;   /* `from` is ours: rows up to last_seq were printed before */
    bool is_renewed;   /* the token was renewed since the last auth_success */
    bool is_acked;     /* by this connection */
    bool was_acked;    /* by any */
};

static uint64_t now_us(void)
{
    return clock_mono_us(clock_system());
}

static void note(const struct watch *watch, const char *text)
{
    if (!watch->output->is_quiet) {
        output_flush();
        fprintf(stderr, "%s\n", text);
    }
}

/* --- sending --- */

static bool send_frame(struct watch *watch, enum ws_opcode opcode, str payload)
{
    struct buf bytes;
    uint8_t mask[4];
    buf_init(&bytes);
    random_bytes(mask, sizeof mask);
    ws_append_frame(&bytes, opcode, payload, mask);
    status sent = client_send(watch->client, buf_str(&bytes), NULL);
    buf_release(&bytes);
    return status_ok(sent);
}

static void write_number(struct json_writer *w, const char *key, uint64_t number)
{
    json_write_key(w, key);
    json_write_u64(w, number);
}

static void write_options(struct json_writer *w, const struct watch *watch)
{
    const struct subscribe_options *options = &watch->options;
    json_write_key(w, "options");
    json_write_object_begin(w);
    if (watch->is_resumed) {
        write_number(w, "from", watch->last_seq);
    } else if (options->has_from) {
        write_number(w, "from", options->from);
    } else if (options->has_last_rows) {
        write_number(w, "last_rows", options->last_rows);
        if (options->last_rows > 1000 && !options->has_batch_size) {
            write_number(w, "batch_size", options->last_rows); /* they come in one batch */
        }
    }
    if (options->has_batch_size) {
        write_number(w, "batch_size", options->batch_size);
    }
    json_write_object_end(w);
}

static bool send_subscribe(struct watch *watch)
{
    struct buf text;
    buf_init(&text);
    struct json_writer w = json_writer_on(&text);
    json_write_object_begin(&w);
    json_write_key(&w, "type");
    json_write_text_c(&w, "subscribe");
    json_write_key(&w, "subscription");
    json_write_object_begin(&w);
    json_write_key(&w, "id");
    json_write_text_c(&w, SUBSCRIPTION_ID);
    json_write_key(&w, "sql");
    json_write_text(&w, watch->sql);
    write_options(&w, watch);
    json_write_object_end(&w);
    json_write_object_end(&w);
    bool sent = send_frame(watch, WS_TEXT, buf_str(&text));
    buf_release(&text);
    return sent;
}

static bool send_next_batch(struct watch *watch, const struct json *last_seq)
{
    struct buf text;
    buf_init(&text);
    struct json_writer w = json_writer_on(&text);
    json_write_object_begin(&w);
    json_write_key(&w, "type");
    json_write_text_c(&w, "next_batch");
    json_write_key(&w, "subscription_id");
    json_write_text_c(&w, SUBSCRIPTION_ID);
    json_write_key(&w, "last_seq_id");
    if (last_seq == NULL) {
        json_write_null(&w);
    } else {
        json_append(json_write_raw_begin(&w), last_seq);
    }
    json_write_object_end(&w);
    bool sent = send_frame(watch, WS_TEXT, buf_str(&text));
    buf_release(&text);
    return sent;
}

/* --- messages --- */

static enum watch_next end_with(struct watch *watch, enum cli_exit exit)
{
    watch->exit = exit;
    return WATCH_END;
}

static enum watch_next fail_with(struct watch *watch, const struct failure *failure)
{
    watch->failure = *failure;
    failure_print(failure, NULL);
    return end_with(watch, failure->exit);
}

static enum watch_next fail(struct watch *watch, enum cli_exit exit, str code, str message)
{
    struct failure failure = {.exit = exit, .code = code, .message = message};
    return fail_with(watch, &failure);
}

/* The _seq of a row, which may be a text or a number; 0: none. */
static uint64_t seq_of(const struct json *row)
{
    const struct json *cell = json_get(row, "_seq");
    uint64_t seq = 0;
    str text;
    if (json_as_text(cell, &text)) {
        (void)str_to_u64(text, &seq);
    } else {
        (void)json_as_u64(cell, &seq);
    }
    return seq;
}

/* Prints a row unless it was printed before the connection broke. */
static bool print_row(struct watch *watch, str change_type, const struct json *row,
                      const struct json *old_row)
{
    uint64_t seq = seq_of(row);
    if (watch->is_resumed && seq != 0 && seq <= watch->last_seq) {
        return false;
    }
    watch_print(watch->output, &watch->columns, change_type, row, old_row);
    watch->last_seq = seq > watch->last_seq ? seq : watch->last_seq;
    return true;
}

static enum watch_next on_ack(struct watch *watch, const struct json *message)
{
    arena_reset(&watch->arena);
    watch_columns_take(&watch->columns, json_get(message, "schema"), &watch->arena);
    if (watch->output->format == OUTPUT_CSV && !watch->has_header) {
        watch_print_header(&watch->columns);
        watch->has_header = true;
    }
    note(watch, watch->is_resumed ? "-- connected again" : "-- subscribed; Ctrl-C ends it");
    watch->is_acked = true;
    watch->was_acked = true;
    return WATCH_ON;
}

static enum watch_next on_batch(struct watch *watch, const struct json *message)
{
    const struct json *rows = json_get(message, "rows");
    for (const struct json *row = rows != NULL ? rows->as.children.first : NULL; row != NULL;
         row = row->next) {
        (void)print_row(watch, STR_LIT("initial"), row, NULL);
    }
    const struct json *control = json_get(message, "batch_control");
    bool has_more = false;
    if (json_as_bool(json_get(control, "has_more"), &has_more) && has_more) {
        return send_next_batch(watch, json_get(control, "last_seq_id")) ? WATCH_ON : WATCH_AGAIN;
    }
    return WATCH_ON;
}

static enum watch_next on_change(struct watch *watch, const struct json *message)
{
    str change_type = STR_LIT("change");
    (void)json_as_text(json_get(message, "change_type"), &change_type);
    const struct json *rows = json_get(message, "rows");
    const struct json *old_rows = json_get(message, "old_values");
    const struct json *old_row = json_at(old_rows, 0);
    const struct json *row = json_at(rows, 0);
    if (row == NULL) { /* a delete: the old row is all there is */
        row = old_row;
        old_row = NULL;
    }
    while (row != NULL) {
        if (print_row(watch, change_type, row, old_row) &&
            ++watch->changes == watch->options.count) {
            return end_with(watch, CLI_DONE);
        }
        row = row->next;
        old_row = old_row != NULL ? old_row->next : NULL;
    }
    return WATCH_ON;
}

static enum watch_next on_error(struct watch *watch, const struct json *message)
{
    struct failure told = {.exit = CLI_FAILED, .code = STR_LIT("ERROR")};
    (void)json_as_text(json_get(message, "code"), &told.code);
    (void)json_as_text(json_get(message, "message"), &told.message);
    (void)json_as_text(json_get(message, "hint"), &told.hint);
    if (str_starts_with_nocase(told.code, STR_LIT("RESYNC"))) {
        note(watch, "-- the server cannot go on from here; all rows again");
        watch->is_resumed = false;
        watch->options.has_from = false;
        watch->last_seq = 0;
        return send_subscribe(watch) ? WATCH_ON : WATCH_AGAIN;
    }
    if (str_eq_c(told.code, "UNAUTHORIZED")) {
        told.exit = CLI_NO_LOGIN;
    }
    return fail_with(watch, &told);
}

static enum watch_next on_auth_error(struct watch *watch, const struct json *message)
{
    str text = STR_LIT("not let in");
    struct failure failure;
    (void)json_as_text(json_get(message, "message"), &text);
    if (!watch->is_renewed && watch->session->user.n > 0 &&
        session_renew(watch->session, &failure)) {
        watch->is_renewed = true;
        return WATCH_AGAIN;
    }
    return fail(watch, CLI_NO_LOGIN, STR_LIT("UNAUTHENTICATED"), text);
}

static enum watch_next on_message(struct watch *watch, str text)
{
    const struct json *message;
    str type = {0};
    arena_reset(&watch->turn_arena);
    if (!status_ok(json_parse(text, &watch->turn_arena, &message, NULL)) ||
        !json_as_text(json_get(message, "type"), &type)) {
        return fail(watch, CLI_FAILED, STR_LIT("BAD_MESSAGE"),
                    STR_LIT("the server sent something that is no message of the protocol"));
    }
    if (str_eq_c(type, "auth_success")) {
        watch->is_renewed = false;
        return send_subscribe(watch) ? WATCH_ON : WATCH_AGAIN;
    }
    if (str_eq_c(type, "auth_error")) {
        return on_auth_error(watch, message);
    }
    if (str_eq_c(type, "subscription_ack")) {
        return on_ack(watch, message);
    }
    if (str_eq_c(type, "initial_data_batch")) {
        return on_batch(watch, message);
    }
    if (str_eq_c(type, "change")) {
        return on_change(watch, message);
    }
    return str_eq_c(type, "error") ? on_error(watch, message) : WATCH_ON;
}

/* --- frames --- */

static enum watch_next on_binary(struct watch *watch, str payload)
{
    buf_clear(&watch->unpacked);
    if (!status_ok(gzip_read(watch->gzip, payload, MESSAGE_BYTES_MAX, &watch->unpacked, NULL))) {
        return fail(watch, CLI_FAILED, STR_LIT("BAD_MESSAGE"),
                    STR_LIT("a compressed message cannot be read"));
    }
    return on_message(watch, buf_str(&watch->unpacked));
}

static enum watch_next on_event(struct watch *watch, const struct ws_event *event)
{
    switch (event->kind) {
    case WS_EVENT_TEXT:
        return on_message(watch, event->payload);
    case WS_EVENT_BINARY:
        return on_binary(watch, event->payload);
    case WS_EVENT_PING:
        return send_frame(watch, WS_PONG, event->payload) ? WATCH_ON : WATCH_AGAIN;
    case WS_EVENT_CLOSE:
        return WATCH_AGAIN;
    case WS_EVENT_TOO_LARGE:
        return fail(watch, CLI_FAILED, STR_LIT("BAD_MESSAGE"),
                    STR_LIT("a message of the server is longer than 64 MiB"));
    case WS_EVENT_BROKEN:
        return fail(watch, CLI_FAILED, STR_LIT("BAD_MESSAGE"), str_from(event->reason));
    default:
        return WATCH_ON;
    }
}

static enum watch_next use_bytes(struct watch *watch, char *p, size_t n)
{
    char *end = p + n;
    for (;;) {
        struct ws_event event;
        if (ws_parser_next(&watch->parser, &p, end, &event) == WS_EVENT_MORE) {
            return WATCH_ON;
        }
        enum watch_next next = on_event(watch, &event);
        if (next != WATCH_ON) {
            return next;
        }
    }
}

/* True: what we print goes into a pipe whose other end is gone. */
static bool nobody_reads(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO};
    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

static enum watch_next keep_alive(struct watch *watch)
{
    uint64_t now = now_us();
    if (now - watch->heard_us > SILENCE_MS_MAX * 1000ULL) {
        return WATCH_AGAIN;
    }
    if (now - watch->sent_us < PING_MS * 1000ULL) {
        return WATCH_ON;
    }
    watch->sent_us = now;
    return send_frame(watch, WS_PING, STR_LIT("")) ? WATCH_ON : WATCH_AGAIN;
}

/* Until something else than going on is asked for. */
static enum watch_next listen(struct watch *watch)
{
    char *bytes = mem_alloc(READ_BYTES);
    enum watch_next next = WATCH_ON;
    while (next == WATCH_ON) {
        size_t got = 0;
        status s =
            client_receive_within(watch->client, INTERRUPT_LOOK_MS, bytes, READ_BYTES, &got, NULL);
        if (interrupt_pending() || nobody_reads()) {
            next = end_with(watch, CLI_DONE);
        } else if (status_ok(s) && got > 0) {
            watch->heard_us = now_us();
            next = use_bytes(watch, bytes, got);
        } else if (status_ok(s) || s.code != STATUS_TIMEOUT) {
            next = WATCH_AGAIN;
        }
        if (next == WATCH_ON) {
            next = keep_alive(watch);
        }
    }
    mem_free(bytes);
    return next;
}

/* --- connecting --- */

static bool ask_upgrade(struct watch *watch, str *key, struct arena *arena)
{
    uint8_t nonce[WS_NONCE_BYTES];
    struct buf bytes;
    buf_init(&bytes);
    random_bytes(nonce, sizeof nonce);
    ws_append_key(&bytes, nonce);
    *key = arena_copy(arena, buf_str(&bytes));
    buf_clear(&bytes);
    struct http_header authorization = {
        STR_LIT("Authorization"),
        arena_format(arena, "Bearer " STR_FMT, STR(watch->session->token))};
    ws_append_upgrade_request(&bytes, watch->session->endpoint.authority,
                              STR_LIT("/v1/ws?compress=true&hints=true"), *key, &authorization, 1);
    status sent = client_send(watch->client, buf_str(&bytes), NULL);
    buf_release(&bytes);
    return status_ok(sent);
}

/* Reads the answer to the upgrade; bytes behind it are used as frames. */
static enum watch_next read_upgrade(struct watch *watch, str key, struct arena *arena)
{
    struct buf bytes;
    struct http_response head;
    size_t scanned = 0;
    size_t head_bytes = 0;
    struct http_failure broken;
    enum watch_next next = WATCH_AGAIN;
    enum http_progress progress = HTTP_INCOMPLETE;
    uint64_t until_us = now_us() + LOGIN_MS_MAX * 1000ULL;
    buf_init(&bytes);
    while (progress == HTTP_INCOMPLETE && !interrupt_pending() && now_us() < until_us) {
        size_t got = 0;
        char *at = buf_reserve(&bytes, READ_BYTES);
        status s =
            client_receive_within(watch->client, INTERRUPT_LOOK_MS, at, READ_BYTES, &got, NULL);
        if (!status_ok(s) && s.code != STATUS_TIMEOUT) {
            break;
        }
        if (status_ok(s) && got == 0) {
            break;
        }
        bytes.n += got;
        if (got > 0) {
            progress = http_parse_response(buf_str(&bytes), &scanned, HTTP_GET, &head, &head_bytes,
                                           &broken);
        }
    }
    if (progress == HTTP_COMPLETE && ws_is_upgraded(&head, key)) {
        next = use_bytes(watch, bytes.p + head_bytes, bytes.n - head_bytes);
    } else if (progress == HTTP_COMPLETE && head.status != 503) {
        next = fail(watch, head.status == 401 || head.status == 403 ? CLI_NO_LOGIN : CLI_FAILED,
                    arena_format(arena, "HTTP_%d", head.status),
                    STR_LIT("the server opens no WebSocket at /v1/ws"));
    } else if (progress == HTTP_BROKEN) {
        next = fail(watch, CLI_UNREACHABLE, STR_LIT("BAD_ANSWER"), STR_LIT("no HTTP came back"));
    }
    buf_release(&bytes);
    return next;
}

static void hang_up(struct watch *watch)
{
    if (watch->client != NULL) {
        struct buf bytes;
        uint8_t mask[4];
        buf_init(&bytes);
        random_bytes(mask, sizeof mask);
        ws_append_close(&bytes, WS_CLOSE_NORMAL, STR_LIT(""), mask);
        (void)!client_send(watch->client, buf_str(&bytes), NULL).code;
        buf_release(&bytes);
        client_close(watch->client);
        watch->client = NULL;
    }
    ws_parser_release(&watch->parser);
}

/* One connection, from its beginning to its end. */
static enum watch_next connect_and_listen(struct watch *watch)
{
    struct arena arena;
    str key;
    enum watch_next next = WATCH_AGAIN;
    arena_init(&arena);
    ws_parser_init(&watch->parser, true, MESSAGE_BYTES_MAX);
    if (!endpoint_connect(&watch->session->endpoint, IO_MS, &watch->client, &arena,
                          &watch->failure)) {
        if (!watch->was_acked) { /* nobody is there: say so instead of trying for ever */
            failure_print(&watch->failure, NULL);
            next = end_with(watch, CLI_UNREACHABLE);
        }
    } else if (ask_upgrade(watch, &key, &arena)) {
        watch->heard_us = watch->sent_us = now_us();
        next = read_upgrade(watch, key, &arena);
        next = next == WATCH_ON ? listen(watch) : next;
    }
    hang_up(watch);
    arena_release(&arena);
    return next;
}

static void sleep_until_next_try(unsigned tries)
{
    uint64_t ms = tries > 5 ? BACKOFF_MS_MAX : 1000ULL << (tries - 1);
    ms = ms > BACKOFF_MS_MAX ? BACKOFF_MS_MAX : ms;
    for (uint64_t at = 0; at < ms && !interrupt_pending() && !nobody_reads();
         at += INTERRUPT_LOOK_MS) {
        struct timespec step = {.tv_nsec = INTERRUPT_LOOK_MS * 1000000L};
        (void)nanosleep(&step, NULL);
    }
}

enum cli_exit watch_run(struct session *session, const struct output *output, str sql,
                        const struct subscribe_options *options)
{
    struct watch watch = {.session = session,
                          .output = output,
                          .sql = sql,
                          .options = *options,
                          .last_seq = options->has_from ? options->from : 0};
    arena_init(&watch.arena);
    arena_init(&watch.turn_arena);
    buf_init(&watch.unpacked);
    watch.gzip = gzip_create(1);
    unsigned tries = 0;
    for (;;) {
        watch.is_acked = false;
        bool was_renewed = watch.is_renewed;
        enum watch_next next = connect_and_listen(&watch);
        if (next == WATCH_END) {
            break;
        }
        if (interrupt_pending() || nobody_reads()) {
            watch.exit = CLI_DONE;
            break;
        }
        tries = watch.is_acked ? 1 : tries + 1;
        if (!watch.was_acked && tries > TRIES_MAX) {
            (void)fail(&watch, CLI_UNREACHABLE, STR_LIT("CONNECTION_LOST"),
                       STR_LIT("the server ends the connection before the subscription is there"));
            break;
        }
        watch.is_resumed = watch.was_acked && watch.last_seq > 0;
        if (watch.is_renewed && !was_renewed) {
            continue;
        }
        note(&watch, "-- connection lost; trying again");
        sleep_until_next_try(tries);
    }
    gzip_destroy(watch.gzip);
    buf_release(&watch.unpacked);
    arena_release(&watch.turn_arena);
    arena_release(&watch.arena);
    return watch.exit;
}

/* --- OPTIONS (...) behind the SELECT --- */

static bool take_option(str name, str value, struct subscribe_options *out)
{
    uint64_t number = 0;
    if (!str_to_u64(value, &number) || number > INT64_MAX) {
        return false;
    }
    if (str_eq_nocase(name, STR_LIT("last_rows"))) {
        out->has_last_rows = true;
        out->last_rows = number;
    } else if (str_eq_nocase(name, STR_LIT("batch_size"))) {
        out->has_batch_size = true;
        out->batch_size = number;
    } else if (str_eq_nocase(name, STR_LIT("from")) ||
               str_eq_nocase(name, STR_LIT("from_seq_id"))) {
        out->has_from = true;
        out->from = number;
    } else {
        return false;
    }
    return true;
}

bool watch_take_options(str *sql, struct subscribe_options *out)
{
    str text = str_trim(*sql);
    size_t open = text.n;
    *sql = text;
    if (!str_ends_with(text, STR_LIT(")"))) {
        return true;
    }
    while (open > 0 && text.p[open - 1] != '(') {
        open--;
    }
    str before = str_trim(str_slice(text, 0, open > 0 ? open - 1 : 0));
    str word = STR_LIT("options");
    if (before.n <= word.n || !str_eq_nocase(str_skip(before, before.n - word.n), word)) {
        return true;
    }
    str list = str_slice(text, open, text.n - 1);
    while (list.n > 0) {
        ptrdiff_t comma = str_find_char(list, ',');
        str pair = comma < 0 ? list : str_slice(list, 0, (size_t)comma);
        ptrdiff_t equals = str_find_char(pair, '=');
        if (equals < 0 || !take_option(str_trim(str_slice(pair, 0, (size_t)equals)),
                                       str_trim(str_skip(pair, (size_t)equals + 1)), out)) {
            return false;
        }
        list = str_skip(list, pair.n + 1);
    }
    *sql = str_trim(str_slice(before, 0, before.n - word.n));
    return true;
}
