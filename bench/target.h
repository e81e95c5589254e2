/* bench/target.h -- the server under test: statements one at a time, and what its process uses.
 * For:      preparing tables, logging in, waiting for jobs, measuring queries alone.
 * Touches:  net/client, /proc. Stops the program with a line on stderr when the server refuses:
 *           a benchmark on a wrong state would only mislead.
 * Threads:  one. */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include "base/arena.h"
#include "base/buf.h"
#include "wire/json.h"

struct target {
    const char *host;
    uint16_t port;
    int pid;              /* of the server */
    const char *data_dir; /* of the server: for the floor of its disk */
    str token;            /* of the administrator */
    struct arena arena;   /* tokens */
    struct client *client;
};

_Noreturn void target_stop(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Sets the server up when it is new, and logs in. */
void target_open(struct target *target, const char *user, const char *password);
void target_close(struct target *target);
/* A token of that user; in target->arena. */
str target_log_in(struct target *target, const char *user, const char *password);

/* Runs one statement as the administrator. The answer's first result lives in the arena. */
const struct json *target_sql(struct target *target, struct arena *arena, str sql);
/* The same, when only its success counts. */
void target_run(struct target *target, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* True: it worked; false: refused with a code (a table that exists already). */
bool target_try(struct target *target, const char *sql);
/* A cell of the first result as a number; stops when there is none. */
int64_t target_number(const struct json *result, uint32_t row, uint32_t column);

/* A body for POST /v1/api/sql: `params_json` is "[1,2]" or NULL; `durability` "sync", "async" or
 * NULL. Appends the whole HTTP request. */
void target_append_sql(struct buf *out, const struct target *target, str token, str sql,
                       str params_json, const char *durability);

/* CPU time of the server so far, user and system, µs. */
uint64_t target_cpu_us(const struct target *target);
uint64_t target_resident_bytes(const struct target *target);

uint64_t now_ns(void);

#endif
