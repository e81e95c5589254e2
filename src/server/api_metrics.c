/* server/api_metrics.c -- see api_metrics.h. */
#include "server/api_metrics.h"

#include "base/log.h"
#include "base/metric.h"
#include "catalog/schema_cache.h"
#include "live/live.h"
#include "model/key.h"
#include "server/api_common.h"
#include "server/api_health.h"
#include "server/api_ws.h"
#include "server/bearer.h"
#include "server/process_numbers.h"
#include "server/server.h"
#include "store/filter_cache.h"
#include "store/registry.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SYSTEM_RECORDS_MAX = 200000 }; /* looked at per scrape */

/* The worker that writes: its slot of the SQL engine is free meanwhile. */
static _Thread_local unsigned own_worker;

static const str none = {"", 0};

/* -- the tables -------------------------------------------------------------------------------- */

static const char *family_of(enum table_kind kind)
{
    return kind == TABLE_USER     ? "user_table"
           : kind == TABLE_STREAM ? "stream_table"
                                  : "shared_table";
}

static void collect_tables(struct server *server, const struct catalog_snapshot *snapshot,
                           struct arena *arena, struct metric_samples *out)
{
    for (unsigned i = 0; i < snapshot->table_count; i++) {
        const struct table *table = snapshot->tables[i];
        struct table_totals totals;
        store_totals(server->store, table->id, &totals);
        str name =
            arena_format(arena, STR_FMT "." STR_FMT, STR(table->namespace_name), STR(table->name));
        metric_sample(out, METRIC_CF_SIZE, str_from(family_of(table->kind)), name,
                      totals.hot_bytes);
    }
}

/* Bytes of the records of one kind in a partition of the system family. */
static uint64_t records_bytes(struct server *server, enum partition_class class, char kind)
{
    struct buf lo;
    struct buf hi;
    buf_init(&lo);
    buf_init(&hi);
    partition_encode(&lo, class, 0, none);
    buf_append_byte(&lo, (uint8_t)kind);
    partition_encode(&hi, class, 0, none);
    buf_append_byte(&hi, (uint8_t)(kind + 1));
    struct kv_view *view = kv_view_open(server->kv);
    struct kv_cursor *cursor =
        kv_cursor_open(view, KV_SYSTEM, buf_str(&lo), buf_str(&hi), KV_FORWARD);
    uint64_t bytes = 0;
    unsigned count = 0;
    status result = STATUS_IS_OK;
    str key;
    str value;
    while (count++ < SYSTEM_RECORDS_MAX && kv_cursor_next(cursor, &key, &value, &result, NULL)) {
        bytes += key.n + value.n;
    }
    kv_cursor_close(cursor);
    kv_view_close(view);
    buf_release(&lo);
    buf_release(&hi);
    return bytes;
}

static void collect_system(struct server *server, struct metric_samples *out)
{
    static const struct {
        const char *family;
        enum partition_class class;
        const char *kinds; /* docs/formats/catalog.md */
    } families[] = {{"system_tables", PARTITION_CATALOG, "TVW"},
                    {"system_namespaces", PARTITION_CATALOG, "N"},
                    {"system_storage_locations", PARTITION_CATALOG, "S"},
                    {"system_flush_jobs", PARTITION_SYSTEM, "J"}};
    for (unsigned i = 0; i < sizeof families / sizeof families[0]; i++) {
        uint64_t bytes = 0;
        for (const char *kind = families[i].kinds; *kind != '\0'; kind++) {
            bytes += records_bytes(server, families[i].class, *kind);
        }
        str name = str_from(families[i].family);
        metric_sample(out, METRIC_CF_SIZE, name, name, bytes);
    }
}

static void collect_totals(struct server *server, struct metric_samples *out)
{
    struct table_totals totals;
    store_totals(server->store, (table_id){0}, &totals);
    metric_sample(out, METRIC_HOT_ROWS, none, none, totals.hot_rows);
    metric_sample(out, METRIC_HOT_BYTES, none, none, totals.hot_bytes);
    metric_sample(out, METRIC_SEGMENTS, none, none, totals.segments);
    metric_sample(out, METRIC_COLD_ROWS, none, none, totals.cold_rows);
    metric_sample(out, METRIC_COLD_BYTES, none, none, totals.cold_bytes);
}

/* -- those who watch --------------------------------------------------------------------------- */

static void collect_live(struct server *server, struct metric_samples *out)
{
    for (unsigned i = 0; i < server->parts_open; i++) {
        if (server->parts[i] != &api_ws_part) {
            continue;
        }
        struct api_ws_statistics ws;
        struct live_statistics live;
        api_ws_statistics_get(server->part_states[i], &ws);
        live_statistics_get(api_ws_live(server->part_states[i]), &live);
        metric_sample(out, METRIC_WS_CONNECTIONS, none, none, ws.connections);
        metric_sample(out, METRIC_SUBSCRIPTIONS, none, none, live.subscriptions);
        metric_sample(out, METRIC_LIVE_EVENTS, none, none, live.events);
        metric_sample(out, METRIC_LIVE_COALESCED, none, none, live.coalesced);
        metric_sample(out, METRIC_LIVE_RESYNCS, none, none, live.resyncs);
        metric_sample(out, METRIC_LIVE_BUFFERED, none, none, live.buffered_bytes);
        str name = STR_LIT("system_live_queries"); /* in memory only */
        metric_sample(out, METRIC_CF_SIZE, name, name, live.buffered_bytes);
    }
}

/* -- caches, jobs ------------------------------------------------------------------------------ */

/* Others, such as that of plans, say it themselves. */
static void collect_caches(struct server *server, struct metric_samples *out)
{
    struct token_cache_counts tokens = token_cache_counts(server->tokens);
    struct schema_cache_statistics schemas;
    schema_cache_statistics_get(catalog_schemas(server->catalog), &schemas);
    struct filter_cache_stats filters;
    store_filter_stats(server->store, &filters);
    metric_sample_cache(out, "bloom", filters.hits, filters.misses, filters.entries);
    metric_sample(out, METRIC_FILES_LISTED, none, none, filters.files_listed);
    metric_sample(out, METRIC_FILES_PRUNED, none, none, filters.files_pruned);
    struct kv_cache_statistics rows;
    kv_cache_statistics(server->kv, &rows);
    metric_sample_cache(out, "row", rows.hits, rows.misses, rows.entries);
    metric_sample_cache(out, "token", tokens.hits, tokens.misses, tokens.entries);
    metric_sample_cache(out, "schema", schemas.hits, schemas.misses, schemas.entries);
}

struct job_counts {
    uint64_t counts[JOB_KIND_COUNT][JOB_STATE_COUNT];
};

static status count_job(void *context, const struct job *job, struct error *err)
{
    (void)err;
    struct job_counts *counts = context;
    counts->counts[job->kind][job->state]++;
    return STATUS_IS_OK;
}

static void collect_jobs(struct server *server, struct metric_samples *out)
{
    struct job_counts counts = {0};
    struct error ignored;
    if (!status_ok(jobs_each(server->jobs, count_job, &counts, &ignored))) {
        return;
    }
    for (unsigned kind = 0; kind < JOB_KIND_COUNT; kind++) {
        for (unsigned s = 0; s < JOB_STATE_COUNT; s++) {
            metric_sample(out, METRIC_JOBS, str_from(job_kind_name((enum job_kind)kind)),
                          str_from(job_state_name((enum job_state)s)), counts.counts[kind][s]);
        }
    }
}

/* -- the process ------------------------------------------------------------------------------- */

static uint64_t count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    uint64_t count = 0;
    while (folder != NULL && readdir(folder) != NULL) {
        count++;
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    return count > 3 ? count - 3 : 0; /* ".", ".." and the folder itself */
}

static void collect_process(struct server *server, struct metric_samples *out)
{
    struct rlimit limit;
    metric_sample(out, METRIC_CPU, none, none, process_cpu_us());
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        metric_sample(out, METRIC_MAX_FDS, none, none, limit.rlim_cur);
    }
    uint64_t up_us = clock_mono_us(server->clock) - server->started_mono_us;
    metric_sample(out, METRIC_START_TIME, none, none,
                  ((uint64_t)clock_wall_us(server->clock) - up_us) / 1000000);
    metric_sample(out, METRIC_OPEN_FDS, none, none, count_descriptors());
    metric_sample(out, METRIC_RESIDENT, none, none, mem_resident_bytes());
    metric_sample(out, METRIC_LOG_DROPPED, none, none, log_dropped_count());
    metric_sample(out, METRIC_BUILD_INFO, STR_LIT(SERVER_VERSION), none, 1);
}

/* What the SQL engine says of its own buffers; nothing while it was not needed yet. */
static status engine_memory(struct server *server, uint64_t *bytes, struct error *err)
{
    struct duck *duck = query_engine_duck_if_open(server->queries);
    *bytes = 0;
    if (duck == NULL) {
        return STATUS_IS_OK;
    }
    struct duck_conn *conn = duck_conn_of(duck, own_worker, DUCK_INTERNAL);
    struct duck_result *result = NULL;
    str text = STR_LIT("SELECT CAST(sum(memory_usage_bytes) AS BIGINT) FROM duckdb_memory()");
    TRY(duck_eval_select(conn, text, NULL, 0, &result, err));
    const struct batch *batch = NULL;
    status fetched = duck_fetch(result, &batch, err);
    if (status_ok(fetched) && batch != NULL && batch->row_count == 1) {
        struct value v = batch_get(batch, 0, 0);
        *bytes = v.is_null ? 0 : (uint64_t)v.as.integer;
    }
    duck_result_close(result);
    return fetched;
}

static void collect_memory(struct server *server, struct metric_samples *out)
{
    uint64_t bytes = 0;
    struct error err;
    metric_sample(out, METRIC_STORE_MEMORY, none, none, kv_memory_bytes(server->kv));
    if (status_ok(engine_memory(server, &bytes, &err))) {
        metric_sample(out, METRIC_ENGINE_MEMORY, none, none, bytes);
    }
}

/* -- all of it --------------------------------------------------------------------------------- */

/* Names of tables that are there; "none"; system tables, of which there are few. */
static bool keep_table(void *context, str value)
{
    const struct catalog_snapshot *snapshot = context;
    ptrdiff_t dot = str_find_char(value, '.');
    if (dot < 0) {
        return true;
    }
    str ns = str_slice(value, 0, (size_t)dot);
    str name = str_skip(value, (size_t)dot + 1);
    return snapshot_find_table(snapshot, ns, name) != NULL ||
           snapshot_find_view(snapshot, ns, name) != NULL || str_eq_c(ns, "system") ||
           str_eq_c(ns, "information_schema") || str_eq_c(ns, "pg_catalog");
}

static void collect(void *context, struct metric_samples *out)
{
    struct server *server = context;
    struct arena arena;
    arena_init(&arena);
    const struct catalog_snapshot *snapshot = catalog_take(server->catalog);
    metric_label_sweep(METRIC_LABEL_TABLE_NAME, keep_table, (void *)(uintptr_t)snapshot);
    collect_tables(server, snapshot, &arena, out);
    catalog_give(snapshot);
    arena_release(&arena);
    collect_system(server, out);
    collect_totals(server, out);
    metric_sample(out, METRIC_CONNECTIONS, none, none, atomic_count_get(&server->connections));
    collect_live(server, out);
    collect_caches(server, out);
    collect_jobs(server, out);
    collect_process(server, out);
    collect_memory(server, out);
}

void api_metrics_open(struct server *server)
{
    metric_collector_add(collect, server);
}

void api_metrics_close(struct server *server)
{
    metric_collector_remove(collect, server);
}

/* -- the route --------------------------------------------------------------------------------- */

/* Asked for by a program on this machine, under a name of this machine. */
static bool is_from_here(const struct http_call *call)
{
    str host = call->request.host;
    ptrdiff_t bracket = str_find_char(host, ']');
    ptrdiff_t colon = str_find_char(str_skip(host, bracket > 0 ? (size_t)bracket : 0), ':');
    if (colon >= 0) {
        host = str_slice(host, 0, (size_t)colon + (bracket > 0 ? (size_t)bracket : 0));
    }
    return call->is_local && config_host_is_loopback(host) &&
           http_find_header(&call->request.headers, "origin") == NULL;
}

void api_metrics_head(struct http_call *call)
{
    struct server *server = call->server;
    str access = server->config->metrics_access;
    struct caller caller;
    struct error err;
    if (str_eq_nocase(access, STR_LIT("off"))) {
        api_answer_flat(call, 404, "not_found", STR_LIT("There is no such route"));
        return;
    }
    if (str_eq_nocase(access, STR_LIT("local")) && is_from_here(call)) {
        return;
    }
    if (!status_ok(bearer_check(server, call, &caller, &err))) {
        api_answer_unauthenticated(call, &err);
    } else if (caller.role != ROLE_DBA && caller.role != ROLE_SYSTEM) {
        api_answer_flat(call, 403, "forbidden", STR_LIT("Metrics are for administrators"));
    }
}

static enum metric_format wanted_format(const struct http_call *call)
{
    str accept = http_header_get(call, "accept");
    return str_find(accept, STR_LIT("application/openmetrics-text")) >= 0 ? METRIC_OPENMETRICS
                                                                          : METRIC_PROMETHEUS;
}

static void send(struct http_call *call)
{
    http_answer(call, 200,
                wanted_format(call) == METRIC_OPENMETRICS ? STR_LIT(METRIC_OPENMETRICS_TYPE)
                                                          : STR_LIT(METRIC_PROMETHEUS_TYPE));
}

static void work(void *argument, unsigned worker)
{
    struct http_call *call = argument;
    own_worker = worker;
    log_set_request(call->request_id);
    metric_write(&call->out, wanted_format(call));
    log_set_request(str_of(NULL, 0));
    http_return(call, send);
}

void api_metrics(struct http_call *call)
{
    struct server *server = call->server;
    buf_clear(&call->out);
    if (!status_ok(http_submit(call, server->workers, POOL_SHORT, work))) {
        http_add_header(call, "Retry-After", STR_LIT("1"));
        api_answer_flat(call, 503, "unavailable", STR_LIT("The server is busy"));
    }
}
