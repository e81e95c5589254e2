/* bench/scenarios.c -- groups in the order in which the server's state allows them: what needs a
 * young process comes first, what fills it last. */
#include "scenarios.h"

#include "base/hash.h"
#include "caches.h"
#include "live.h"
#include "parts.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

enum {
    POINT_ROWS = 10000,
    COLD_ROWS = 1000000,
    HOT_ROWS = 10000,
    ROWS_PER_INSERT = 4000,
    USERS = 64,
    FILES = 20,
    FILE_ROWS = 50000,
    FSYNCS = 300,
    QUERIES = 15,
    MANY_SOCKETS = 1000,
    JOB_WAIT_S = 300
};

static bool is_wanted(const struct bench *bench, const char *group)
{
    return bench->only == NULL || strstr(group, bench->only) != NULL;
}

/* --- floors --- */

/* The p50 of a small append and fdatasync on the server's disk. */
static double measure_fdatasync_us(const struct bench *bench)
{
    char path[4096];
    char block[512];
    struct histogram took;
    memset(block, 'x', sizeof block);
    histogram_clear(&took);
    (void)snprintf(path, sizeof path, "%s/bench-floor.tmp", bench->target->data_dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        target_stop("no file can be made beside the data: %s", strerror(errno));
    }
    for (int i = 0; i < FSYNCS; i++) {
        uint64_t begin = now_ns();
        if (write(fd, block, sizeof block) != (ssize_t)sizeof block || fdatasync(fd) != 0) {
            target_stop("fdatasync: %s", strerror(errno));
        }
        histogram_add(&took, now_ns() - begin);
    }
    (void)close(fd);
    (void)unlink(path);
    return (double)histogram_at(&took, 0.5) / 1000;
}

static void make_static(void *context, unsigned connection, uint64_t n, struct buf *out)
{
    (void)context;
    (void)connection;
    (void)n;
    buf_append_str(out, STR_LIT("GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"));
}

static void run_floors(struct bench *bench)
{
    static const unsigned connections[] = {1, 16, 64};
    report_section(bench->report, "Floors of this run");
    bench->fdatasync_us = measure_fdatasync_us(bench);
    report_value(bench->report, "fdatasync of a 512-byte append, p50", bench->fdatasync_us, "µs",
                 NULL);
    for (unsigned i = 0; i < 3; i++) {
        struct load load = {.connections = connections[i],
                            .warm_s = bench->warm_s,
                            .run_s = bench->run_s,
                            .make = make_static};
        struct load_result result;
        load_run(bench->target, &load, &result);
        report_load(bench->report, "static: GET /health", connections[i], &result, NULL);
        if (connections[i] == 16) {
            bench->static_per_s = (double)result.done / result.seconds;
        }
    }
}

static void run_idle(struct bench *bench)
{
    struct report_target most = {.wanted = 40};
    report_section(bench->report, "Memory");
    report_value(bench->report, "resident before the first engine query",
                 (double)target_resident_bytes(bench->target) / (1 << 20), "MiB", &most);
}

/* --- tables --- */

static void append_body(struct buf *out, struct rng *rng, unsigned bytes)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (unsigned i = 0; i < bytes; i++) {
        buf_append_byte(out, (uint8_t)letters[rng_next(rng) >> 58]);
    }
}

/* Inserts `count` rows (id, owner, amount, body) in statements of many rows; async, as nobody
 * measures it. */
static double insert_rows(struct bench *bench, const char *table, uint64_t first, uint64_t count,
                          unsigned body_bytes)
{
    struct rng rng;
    struct buf sql;
    struct arena arena;
    uint64_t begin = now_ns();
    rng_init(&rng, first + 1);
    arena_init(&arena);
    buf_init(&sql);
    for (uint64_t id = first; id < first + count;) {
        uint64_t end = id + ROWS_PER_INSERT < first + count ? id + ROWS_PER_INSERT : first + count;
        buf_clear(&sql);
        buf_append_format(&sql, "INSERT INTO %s (id, owner, amount, body) VALUES ", table);
        for (uint64_t i = id; i < end; i++) {
            buf_append_format(&sql, "%s(%llu,%u,%llu.5,'", i > id ? "," : "", (unsigned long long)i,
                              (unsigned)(rng_next(&rng) % 1000), (unsigned long long)(i % 997));
            append_body(&sql, &rng, body_bytes);
            buf_append_c(&sql, "')");
        }
        (void)target_sql(bench->target, &arena, buf_str(&sql));
        arena_reset(&arena);
        id = end;
    }
    buf_release(&sql);
    arena_release(&arena);
    return (double)(now_ns() - begin) / 1e9;
}

static void create_table(struct bench *bench, const char *kind, const char *name)
{
    target_run(bench->target,
               "CREATE %s TABLE %s (id BIGINT PRIMARY KEY, owner INT, amount DOUBLE, body TEXT) "
               "WITH (FLUSH_POLICY = 'interval:86000')",
               kind, name);
}

/* --- points --- */

/* What a load of statements needs. */
struct statement_load {
    struct bench *bench;
    str sql;
    const char *durability; /* NULL: the default */
    const str *tokens;      /* one per connection; NULL: the administrator's */
    uint64_t first_id;      /* of inserts */
    bool is_read;
    struct rng rng;
};

static void make_statement(void *context, unsigned connection, uint64_t n, struct buf *out)
{
    struct statement_load *s = context;
    char params[256];
    str token = s->tokens != NULL ? s->tokens[connection] : s->bench->target->token;
    if (s->is_read) {
        (void)snprintf(params, sizeof params, "[%llu]",
                       (unsigned long long)rng_below(&s->rng, POINT_ROWS));
    } else {
        unsigned long long id = (unsigned long long)(s->first_id + n);
        (void)snprintf(
            params, sizeof params,
            "[%llu,\"row %llu: a text of about one hundred bytes, as a short chat message"
            " would be, and then some more\"]",
            s->first_id > 0 ? id : id % POINT_ROWS, id);
    }
    target_append_sql(out, s->bench->target, token, s->sql, str_from(params), s->durability);
}

static void run_statement_load(struct bench *bench, struct statement_load *statement,
                               const char *name, unsigned connections, double rate,
                               const struct report_target *target, struct load_result *result)
{
    struct load load = {.connections = connections,
                        .warm_s = bench->warm_s,
                        .run_s = bench->run_s,
                        .rate = rate,
                        .make = make_statement,
                        .context = statement};
    statement->bench = bench;
    rng_init(&statement->rng, 7);
    load_run(bench->target, &load, result);
    if (rate > 0) {
        report_latency(bench->report, name, connections, (double)result->done / result->seconds,
                       &result->latency, result->cpu_us, NULL);
    } else {
        report_load(bench->report, name, connections, result, target);
    }
}

static void run_point_reads(struct bench *bench)
{
    static const unsigned connections[] = {1, 16, 64};
    struct load_result result;
    double per_s = 0;
    report_section(bench->report, "Point read by key, POST /v1/api/sql (10,000 hot rows)");
    create_table(bench, "SHARED", "bench.point");
    (void)insert_rows(bench, "bench.point", 0, POINT_ROWS, 100);
    struct statement_load read = {
        .sql = STR_LIT("SELECT id, owner, body FROM bench.point WHERE id = $1"), .is_read = true};
    for (unsigned i = 0; i < 3; i++) {
        struct report_target least = {
            .wanted = 0.7 * bench->static_per_s, .is_least = true, .basis = "0.7 x static"};
        run_statement_load(bench, &read, "point read", connections[i], 0,
                           connections[i] == 16 && bench->static_per_s > 0 ? &least : NULL,
                           &result);
        per_s = (double)result.done / result.seconds;
    }
    run_statement_load(bench, &read, "point read, open loop at half that", 64, per_s / 2, NULL,
                       &result);
}

/* --- writes --- */

static void make_users(struct bench *bench, str *tokens)
{
    for (unsigned i = 0; i < USERS; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "writer%u", i);
        target_run(bench->target, "CREATE USER '%s' WITH PASSWORD 'bench-pass-1' ROLE user", name);
        tokens[i] = target_log_in(bench->target, name, "bench-pass-1");
    }
}

static double insert_target(const struct bench *bench, bool is_async, unsigned connections,
                            const char **basis)
{
    if (is_async) {
        *basis = NULL;
        return connections == 16 ? 20000 : 0;
    }
    double bound = 0.5 * 64 / (bench->fdatasync_us / 1e6);
    *basis = bound < 15000 ? "0.5 x 64 / fdatasync" : NULL;
    return connections == 64 ? (bound < 15000 ? bound : 15000) : 0;
}

/* Every combination gets ids of its own. */
static uint64_t next_ids(void)
{
    static uint64_t group;
    return ++group << 32;
}

static void run_inserts(struct bench *bench)
{
    static const unsigned connections[] = {1, 16, 64};
    static const char *const kinds[] = {"SHARED", "USER"};
    str tokens[USERS];
    struct load_result result;
    report_section(bench->report, "Single-row INSERT (one SHARED table; one USER table, a user per "
                                  "client)");
    make_users(bench, tokens);
    create_table(bench, "SHARED", "bench.shared_rows");
    create_table(bench, "USER", "bench.user_rows");
    for (unsigned kind = 0; kind < 2; kind++) {
        for (unsigned is_async = 0; is_async < 2; is_async++) {
            double per_s = 0;
            struct statement_load insert = {
                .sql = kind == 0
                           ? STR_LIT("INSERT INTO bench.shared_rows (id, body) VALUES ($1, $2)")
                           : STR_LIT("INSERT INTO bench.user_rows (id, body) VALUES ($1, $2)"),
                .durability = is_async ? "async" : "sync",
                .tokens = kind == 0 ? NULL : tokens};
            for (unsigned i = 0; i < 3; i++) {
                char name[64];
                struct report_target least = {.is_least = true};
                least.wanted = insert_target(bench, is_async, connections[i], &least.basis);
                (void)snprintf(name, sizeof name, "insert %s, %s", is_async ? "async" : "sync",
                               kinds[kind]);
                insert.first_id = next_ids();
                run_statement_load(bench, &insert, name, connections[i], 0,
                                   kind == 0 && least.wanted > 0 ? &least : NULL, &result);
                per_s = (double)result.done / result.seconds;
            }
            if (kind == 0) {
                insert.first_id = next_ids();
                run_statement_load(bench, &insert,
                                   is_async ? "insert async, open loop at half that"
                                            : "insert sync, open loop at half that",
                                   64, per_s / 2, NULL, &result);
            }
        }
    }
}

static void run_updates(struct bench *bench)
{
    static const unsigned connections[] = {1, 16, 64};
    struct load_result result;
    report_section(bench->report, "UPDATE by key (10,000 hot rows)");
    for (unsigned is_async = 0; is_async < 2; is_async++) {
        struct statement_load update = {
            .sql = STR_LIT("UPDATE bench.point SET body = $2 WHERE id = $1"),
            .durability = is_async ? "async" : "sync"};
        for (unsigned i = 0; i < 3; i++) {
            run_statement_load(bench, &update, is_async ? "update async" : "update sync",
                               connections[i], 0, NULL, &result);
        }
    }
}

/* --- live --- */

static void run_live_one(struct bench *bench, const char *name, const char *table, unsigned sockets,
                         const char *durability, const struct report_target *target)
{
    static struct live_result result;
    struct live_load load = {.sockets = sockets,
                             .table = table,
                             .durability = durability,
                             .run_s = bench->run_s,
                             .first_id = next_ids()};
    live_run(bench->target, &load, &result);
    report_latency(bench->report, name, sockets, (double)result.writes / result.seconds,
                   &result.delivery, result.cpu_us, target);
    report_note(bench->report, "answer to the INSERT: p50 %.0f µs, p99 %.0f µs; stray events: %llu",
                (double)histogram_at(&result.answer, 0.5) / 1000,
                (double)histogram_at(&result.answer, 0.99) / 1000,
                (unsigned long long)result.strays);
}

static void run_live(struct bench *bench)
{
    struct report_target most = {.wanted = 300};
    report_section(bench->report, "Live: from sending an INSERT to its event");
    create_table(bench, "SHARED", "bench.live");
    target_run(bench->target, "CREATE STREAM TABLE bench.events (id BIGINT, owner INT, body TEXT) "
                              "WITH (TTL_SECONDS = 60)");
    run_live_one(bench, "SHARED, 1 subscriber, async", "bench.live", 1, "async", &most);
    run_live_one(bench, "STREAM, 1 subscriber, async", "bench.events", 1, "async", &most);
    run_live_one(bench, "SHARED, 1 subscriber, sync", "bench.live", 1, "sync", NULL);
    run_live_one(bench, "SHARED, 1 of 1000 matches, async", "bench.live", MANY_SOCKETS, "async",
                 NULL);
}

/* --- cold --- */

static void wait_ms(long ms)
{
    struct timespec wait = {.tv_nsec = ms * 1000000};
    (void)nanosleep(&wait, NULL);
}

/* Flushes, waits for the job, and returns how long it ran, in seconds; 0: there was nothing. */
static double flush_table(struct bench *bench, const char *table)
{
    struct arena arena;
    arena_init(&arena);
    str sql = arena_format(&arena, "STORAGE FLUSH TABLE %s", table);
    const struct json *result = target_sql(bench->target, &arena, sql);
    str message = {0};
    (void)json_as_text(json_get(result, "message"), &message);
    ptrdiff_t at = str_find(message, STR_LIT("Job ID: "));
    double seconds = 0;
    uint64_t until = now_ns() + (uint64_t)JOB_WAIT_S * 1000000000ULL;
    if (at < 0) {
        arena_release(&arena);
        return 0;
    }
    str job = arena_copy(&arena, str_skip(message, (size_t)at + 8));
    for (;;) {
        sql = arena_format(&arena,
                           "SELECT started_at, finished_at, status, message FROM system.jobs WHERE "
                           "job_id = '" STR_FMT "'",
                           STR(job));
        result = target_sql(bench->target, &arena, sql);
        str state = {0};
        (void)json_as_text(json_at(json_at(json_get(result, "rows"), 0), 2), &state);
        if (str_eq_c(state, "completed")) {
            seconds = (double)(target_number(result, 0, 1) - target_number(result, 0, 0)) / 1e6;
            break;
        }
        if (str_eq_c(state, "failed") || str_eq_c(state, "cancelled") || now_ns() > until) {
            str why = {0};
            (void)json_as_text(json_at(json_at(json_get(result, "rows"), 0), 3), &why);
            target_stop("flush of %s: " STR_FMT ": " STR_FMT, table, STR(state), STR(why));
        }
        wait_ms(20);
    }
    arena_release(&arena);
    return seconds;
}

/* Runs a query a few times and reports its latency. */
static void run_query(struct bench *bench, const char *name, const char *sql,
                      const struct report_target *target)
{
    struct histogram took;
    struct arena arena;
    arena_init(&arena);
    histogram_clear(&took);
    for (int i = 0; i < 3; i++) { /* the first ones open files and plan */
        (void)target_sql(bench->target, &arena, str_from(sql));
    }
    uint64_t begin = now_ns();
    uint64_t cpu = target_cpu_us(bench->target);
    for (int i = 0; i < QUERIES; i++) {
        uint64_t begin_one = now_ns();
        (void)target_sql(bench->target, &arena, str_from(sql));
        histogram_add(&took, now_ns() - begin_one);
        arena_reset(&arena);
    }
    double seconds = (double)(now_ns() - begin) / 1e9;
    double cpu_us = (double)(target_cpu_us(bench->target) - cpu) / QUERIES;
    report_latency(bench->report, name, 1, QUERIES / seconds, &took, cpu_us, target);
    arena_release(&arena);
}

static void run_cold(struct bench *bench)
{
    struct report_target least = {.wanted = 400000, .is_least = true};
    struct report_target most = {.wanted = 120000};
    report_section(bench->report, "Two tiers: 1,000,000 rows to Parquet, 10,000 hot");
    create_table(bench, "SHARED", "bench.cold");
    uint64_t cpu_us = target_cpu_us(bench->target);
    double insert_s = insert_rows(bench, "bench.cold", 0, COLD_ROWS, 40);
    cpu_us = target_cpu_us(bench->target) - cpu_us;
    report_value(bench->report, "insert, 4,000 rows per statement", COLD_ROWS / insert_s / 1000,
                 "k rows/s", NULL);
    report_value(bench->report, "server CPU per row of that", (double)cpu_us / COLD_ROWS, "µs",
                 NULL);
    double flush_s = flush_table(bench, "bench.cold");
    report_value(bench->report, "flush", flush_s > 0 ? COLD_ROWS / flush_s : 0, "rows/s", &least);
    (void)insert_rows(bench, "bench.cold", COLD_ROWS, HOT_ROWS, 40);
    struct arena arena;
    arena_init(&arena);
    int64_t count = target_number(
        target_sql(bench->target, &arena, STR_LIT("SELECT count(*) FROM bench.cold")), 0, 0);
    arena_release(&arena);
    if (count != COLD_ROWS + HOT_ROWS) {
        target_stop("count(*) is %lld, not %d", (long long)count, COLD_ROWS + HOT_ROWS);
    }
    run_query(bench, "count(*)", "SELECT count(*) FROM bench.cold", &most);
    run_query(bench, "sum, group by 1,000 owners, top 10",
              "SELECT owner, count(*) AS n, sum(amount) AS total FROM bench.cold GROUP BY owner "
              "ORDER BY total DESC LIMIT 10",
              NULL);
    run_query(bench, "one cold row by key", "SELECT * FROM bench.cold WHERE id = 123456", NULL);
}

static void run_files(struct bench *bench)
{
    unsigned files = bench->is_quick ? 8 : FILES;
    char title[96];
    (void)snprintf(title, sizeof title, "Many files: %u flushes of %d rows", files, FILE_ROWS);
    report_section(bench->report, title);
    create_table(bench, "SHARED", "bench.files");
    for (unsigned i = 0; i < files; i++) { /* large enough not to be merged with the one before */
        (void)insert_rows(bench, "bench.files", (uint64_t)i * FILE_ROWS, FILE_ROWS, 128);
        (void)flush_table(bench, "bench.files");
    }
    struct arena arena;
    arena_init(&arena);
    int64_t segments = target_number(
        target_sql(bench->target, &arena, STR_LIT("SHOW STATS FOR TABLE bench.files")), 0, 4);
    arena_release(&arena);
    report_value(bench->report, "segments at the time of the query", (double)segments, "files",
                 NULL);
    run_query(bench, "sum, group by 10 of 1,000 owners",
              "SELECT owner, count(*) AS n, sum(amount) AS total FROM bench.files WHERE owner < 10 "
              "GROUP BY owner ORDER BY owner LIMIT 100",
              NULL);
    run_query(bench, "count(*)", "SELECT count(*) FROM bench.files", NULL);
}

void scenarios_run(struct bench *bench)
{
    run_idle(bench);
    run_floors(bench);
    target_run(bench->target, "CREATE NAMESPACE IF NOT EXISTS bench");
    if (is_wanted(bench, "caches")) {
        caches_run(bench);
    }
    if (is_wanted(bench, "parts")) {
        parts_run(bench);
    }
    if (is_wanted(bench, "points")) {
        run_point_reads(bench);
        run_updates(bench);
    }
    if (is_wanted(bench, "inserts")) {
        run_inserts(bench);
    }
    if (is_wanted(bench, "live")) {
        run_live(bench);
    }
    if (is_wanted(bench, "cold")) {
        run_cold(bench);
    }
    if (is_wanted(bench, "files")) {
        run_files(bench);
    }
    report_value(bench->report, "resident at the end",
                 (double)target_resident_bytes(bench->target) / (1 << 20), "MiB", NULL);
}
