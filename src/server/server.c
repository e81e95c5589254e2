/* server/server.c -- opening, joining, ending.
 * Opened in this order, closed in the reverse: data directory, store of bytes, committer, catalog,
 * rows, statements, jobs, parts, keepers of the door, workers, loops.
 *
 * The end:  1. loops stop listening, idle connections close, parts say goodbye;
 *           2. requests that run come to their end: 10 s, then their clients are cut off;
 *           3. jobs stop at a safe point; workers end; loops end;
 *           4. parts, jobs, statements, rows, catalog close; the committer drains; the store
 * closes. */
#include "server/server.h"

#include "base/check.h"
#include "base/log.h"
#include "engine/crypto_digest.h"
#include "engine/crypto_password.h"
#include "net/tls.h"
#include "server/api_metrics.h"
#include "server/dba_stats.h"
#include "server/hooks.h"
#include "server/routes.h"
#include "store/recover.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    EXIT_FAIL_STOP = 71,
    LOOPS_DEFAULT_MAX = 4,
    WORKERS_MIN = 4,
    WORKER_QUEUE_MAX = 4096,
    AUTH_QUEUE_MAX = 256,
    TOKENS_MAX = 10000,
    SLOTS_PER_JOB_THREAD = 2,
    STACK_BYTES = 8 << 20,
    STOP_GRACE_MS = 10000,
    STOP_LOOK_MS = 5
};

/* --- data ------------------------------------------------------------------------------------- */

static void fail_stop(void *context, const struct error *err)
{
    (void)context;
    log_error("server", "fail_stop", "reason=\"%s\" exit=%d", err->text, EXIT_FAIL_STOP);
    log_close();
    _exit(EXIT_FAIL_STOP);
}

/* Testing builds may keep everything in memory: no files, and TSan understands it. */
static bool wants_memory(void)
{
#ifdef KALAM_TESTING
    const char *backend = getenv("KALAMDB_TEST_BACKEND");
    return backend != NULL && strcmp(backend, "mem") == 0;
#else
    return false;
#endif
}

static status open_kv(struct server *server, struct error *err)
{
    const struct config *config = server->config;
    if (wants_memory()) {
        server->kv = kv_mem_open();
        return STATUS_IS_OK;
    }
    struct kv_rocksdb_options options = {
        .path = data_dir_join(server->dir, "rocksdb"),
        .block_cache_bytes = config->storage_cache_bytes,
        .write_buffer_bytes = config->storage_write_buffer_bytes,
        .background_jobs = (int)config->storage_background_jobs,
        .reserve_bytes = config->storage_reserve_bytes,
    };
    return kv_rocksdb_open(&options, &server->kv, err);
}

static status open_committer(struct server *server, struct error *err)
{
    snowflake_init(&server->ids, server->clock, server->config->server_node_id, 0);
    kv_use_cache(server->kv, server->config->storage_row_cache_bytes);
    TRY(kv_lease_open(server->kv, &server->ids, &server->lease, err));
    struct committer_options options = {.store = server->kv,
                                        .watchers = &server->watchers,
                                        .clock = server->clock,
                                        .seq = &server->ids,
                                        .lease = &server->lease,
                                        .fail_stop = fail_stop,
                                        .fail_context = server};
    server->committer = committer_create(&options);
    return STATUS_IS_OK;
}

static status open_catalog(struct server *server, struct error *err)
{
    struct catalog_options options = {.store = server->kv,
                                      .committer = server->committer,
                                      .clock = server->clock,
                                      .cold_directory =
                                          str_from(data_dir_join(server->dir, "storage")),
                                      .shared_template = server->config->storage_shared_template,
                                      .user_template = server->config->storage_user_template,
                                      .schema_ttl_s = server->config->schema_cache_ttl_s,
                                      .schema_entries_max = server->config->schema_cache_entries};
    return catalog_open(&options, &server->catalog, err);
}

/* The configured first password, for a root that has none. */
static status set_root_password(struct server *server, struct error *err)
{
    str password = server->config->auth_root_password;
    struct user *root = catalog_find_user(server->catalog, STR_LIT("root"));
    bool is_needed = password.n > 0 && root != NULL && root->password_hash.n == 0;
    user_give(root);
    if (!is_needed) {
        return STATUS_IS_OK;
    }
    char hash[CRYPTO_PASSWORD_HASH_BYTES];
    TRY(crypto_password_hash(password, server->config->auth_bcrypt_cost, hash, err));
    str text = str_from(hash);
    struct user_change change = {.password_hash = &text};
    return catalog_alter_user(server->catalog, STR_LIT("root"), &change, err);
}

static status get_duck(void *context, struct duck **out, struct error *err)
{
    struct server *server = context;
    return query_segment_duck(server->queries, out, err);
}

static status open_store(struct server *server, struct error *err)
{
    struct store_options options = STORE_OPTIONS_DEFAULT;
    cold_duck_init(&server->cold, get_duck, server);
    server->cold.bloom_fpp = server->config->parquet_bloom_fpp;
    server->cold.compression = server->config->parquet_compression.p; /* one of three, checked */
    server->cold.row_group_rows = server->config->parquet_row_group_rows;
    options.kv = server->kv;
    options.committer = server->committer;
    options.catalog = server->catalog;
    options.clock = server->clock;
    options.cold_root = data_dir_join(server->dir, "storage");
    options.cold = &server->cold.engine;
    options.tombstone_hours = server->config->retention_deleted_hours;
    options.filter_cache_bytes = server->config->parquet_filter_cache_bytes;
    options.compact_small_count = server->config->compact_small_segments;
    options.merge_bytes_max = server->config->flush_merge_bytes;
    return store_open(&options, &server->store, err);
}

static unsigned count_workers(const struct server *server)
{
    unsigned wanted = server->config->server_statement_threads;
    unsigned twice = 2 * server->cores;
    return wanted > 0 ? wanted : twice > WORKERS_MIN ? twice : WORKERS_MIN;
}

static void open_queries(struct server *server)
{
    const struct config *config = server->config;
    server->worker_count = count_workers(server);
    struct query_options options = {
        .catalog = server->catalog,
        .rows = server->store,
        .store = server->kv,
        .committer = server->committer,
        .clock = server->clock,
        .ids = &server->ids,
        .limits =
            {
                .default_query_limit = config->limit_query_rows_default,
                .max_query_limit = config->limit_query_rows,
                .statement_timeout_ms = config->engine_timeout_s * 1000,
                .slow_ms = config->logging_slow_ms,
                .plan_cache_entries = config->plan_cache_entries,
                .plan_cache_ttl_s = config->plan_cache_ttl_s,
                .system_cache_ttl_s = {[SYSTEM_TABLES] = config->system_cache_tables_s,
                                       [SYSTEM_NAMESPACES] = config->system_cache_namespaces_s,
                                       [SYSTEM_LIVE] = config->system_cache_live_s,
                                       [SYSTEM_STORAGES] = config->system_cache_storages_s,
                                       [SYSTEM_JOBS] = config->system_cache_jobs_s},
                .system_cache_bytes = config->system_cache_bytes,
                .engine_memory_bytes = config->engine_memory_bytes,
                .resident_bytes_max = config->engine_resident_bytes_max,
                .engine_temp_bytes = config->engine_temp_bytes,
                .engine_concurrent_max = config->engine_concurrent_max > 0
                                             ? config->engine_concurrent_max
                                             : server->cores,
                .flush_rows_default = config->flush_rows_default,
                .flush_interval_s_default = config->flush_interval_s_default,
                .password_cost = config->auth_bcrypt_cost,
                .transaction_timeout_s = config->transaction_timeout_s,
                .transaction_bytes_max = config->transaction_bytes_max,
                .password_concurrent_max = server->cores / 2,
                .password_length_min = config->auth_password_length_min,
                .password_complexity = config->auth_password_complexity,
                .drop_namespace_restrict = config->drop_namespace_restrict,
                .is_async_default = server_is_async(server),
            },
        .hooks = hooks_make(server),
        .cold_directory = data_dir_join(server->dir, "storage"),
        .temp_directory = data_dir_join(server->dir, "tmp"),
        .worker_count = server->worker_count,
        .job_count = config->jobs_concurrent * SLOTS_PER_JOB_THREAD,
    };
    server->queries = query_engine_create(&options);
}

static status recover(struct server *server, struct error *err)
{
    struct recover_result result = {.intents_undone = 0};
    TRY(store_recover(server->store, &result, err));
    if (result.intents_undone + result.tables_dropped + result.files_removed > 0) {
        log_info(
            "server", "recovered", "intents_undone=%llu tables_dropped=%llu files_removed=%llu",
            (unsigned long long)result.intents_undone, (unsigned long long)result.tables_dropped,
            (unsigned long long)result.files_removed);
    }
    return STATUS_IS_OK;
}

/* A disk that is full keeps nobody from reading. */
static void prepare_queries(struct server *server)
{
    struct error err;
    error_clear(&err);
    if (!status_ok(query_engine_prepare(server->queries, &err))) {
        log_warn("server", "not_prepared", "error=\"%s\"", err.text);
    }
}

static bool caches_have_expired(void *context)
{
    struct server *server = context;
    struct schema_cache_statistics schemas;
    struct query_cache_statistics queries;
    schema_cache_statistics_get(catalog_schemas(server->catalog), &schemas);
    query_cache_statistics_get(server->queries, &queries);
    return schemas.expired + queries.plans.expired + queries.parsed.expired +
               queries.system.expired >
           0;
}

static unsigned sweep_caches(void *context)
{
    struct server *server = context;
    return schema_cache_sweep(catalog_schemas(server->catalog)) +
           query_sweep_caches(server->queries);
}

static status open_jobs(struct server *server, struct error *err)
{
    const struct config *config = server->config;
    uint32_t check_ms = config->flush_check_s * 1000;
    struct jobs_options options = {
        .kv = server->kv,
        .committer = server->committer,
        .catalog = server->catalog,
        .store = server->store,
        .clock = server->clock,
        .thread_count = config->jobs_concurrent,
        .first_slot = server->worker_count,
        .tick_ms = check_ms < 1000 ? check_ms : 1000,
        .stream_tick_s = config->stream_eviction_s,
        .retries_max = config->jobs_retries,
        .retry_backoff_ms = config->jobs_backoff_ms,
        .kept_days = config->jobs_kept_days,
        .sweep_tick_s = config->cache_sweep_s,
        .has_expired = caches_have_expired,
        .sweep = sweep_caches,
        .sweep_context = server,
        .sample = config->retention_dba_stats ? dba_stats_sample : NULL,
        .sample_context = server,
        .sample_tick_s = DBA_STATS_TICK_S,
    };
    return jobs_open(&options, &server->jobs, err);
}

static status open_parts(struct server *server, struct error *err)
{
    for (unsigned i = 0; i < server->part_count; i++) {
        TRY(server->parts[i]->open(server, &server->part_states[i], err));
        server->parts_open = i + 1;
    }
    return STATUS_IS_OK;
}

static status open_data(struct server *server, struct error *err)
{
    TRY(data_dir_open(str_cstr(&server->arena, server->config->storage_data_path), &server->dir,
                      err));
    TRY(open_kv(server, err));
    TRY(open_committer(server, err));
    TRY(open_catalog(server, err));
    TRY(set_root_password(server, err));
    TRY(open_store(server, err));
    open_queries(server); /* recovery may need the engine */
    TRY(recover(server, err));
    prepare_queries(server);
    TRY(open_jobs(server, err));
    return open_parts(server, err);
}

/* --- the door --------------------------------------------------------------------------------- */

static void open_cors(struct server *server)
{
    const struct config *config = server->config;
    server->cors = (struct cors){
        .origins = config->cors_origins.items,
        .origin_count = config->cors_origins.count,
        .methods = config->cors_methods.items,
        .method_count = config->cors_methods.count,
        .headers = config->cors_headers.items,
        .header_count = config->cors_headers.count,
        .exposed = config->cors_exposed.items,
        .exposed_count = config->cors_exposed.count,
        .credentials = config->cors_credentials,
        .max_age_s = config->cors_max_age_s,
    };
}

static status open_trusted(struct server *server, struct error *err)
{
    const struct config_list *list = &server->config->trusted_proxies;
    server->trusted = ARENA_ARRAY(&server->arena, struct ip_range, list->count);
    for (unsigned i = 0; i < list->count; i++) {
        TRY(ip_range_parse(list->items[i], &server->trusted[i], err));
    }
    server->trusted_count = list->count;
    return STATUS_IS_OK;
}

static status open_secret(struct server *server, struct error *err)
{
    server->jwt_secret = server->config->auth_jwt_secret;
    if (server->jwt_secret.n == 0) {
        TRY(data_dir_secret(server->dir, &server->arena, &server->jwt_secret, err));
    }
    server->token_s = (int64_t)server->config->auth_jwt_hours * 3600;
    server->tokens = token_cache_create(server->clock, server->jwt_secret, TOKENS_MAX);
    return STATUS_IS_OK;
}

static status open_door(struct server *server, struct error *err)
{
    const struct config *config = server->config;
    open_cors(server);
    TRY(open_trusted(server, err));
    TRY(open_secret(server, err));
    if (config->rate_protection) {
        struct guard_options options = {.clock = server->clock,
                                        .requests_per_second = config->rate_requests,
                                        .ban_s = config->rate_ban_s,
                                        .addresses_max = config->rate_entries_max};
        server->guard = guard_create(&options);
    }
    server->login_rate =
        rate_limiter_create(server->clock, config->rate_logins, config->rate_entries_max);
    server->query_rate =
        rate_limiter_create(server->clock, config->rate_queries, config->rate_entries_max);
    if (config->tls_cert.n > 0) {
        TRY(tls_server_create(str_cstr(&server->arena, config->tls_cert),
                              str_cstr(&server->arena, config->tls_key), &server->tls, err));
    }
    return STATUS_IS_OK;
}

/* --- loops ------------------------------------------------------------------------------------ */

static unsigned count_loops(const struct server *server)
{
    unsigned wanted = server->config->server_loops;
    unsigned standard = server->cores < LOOPS_DEFAULT_MAX ? server->cores : LOOPS_DEFAULT_MAX;
    unsigned count = wanted > 0 ? wanted : standard;
    return count < SERVER_LOOPS_MAX ? count : SERVER_LOOPS_MAX;
}

static status open_loop(struct server *server, struct error *err)
{
    const struct config *config = server->config;
    struct server_loop *own = &server->loops[server->loop_count];
    bool is_first = server->loop_count == 0;
    TRY(loop_create(server->clock, &own->loop, err));
    own->home = http_home_create(&server->http, own->loop);
    server->loop_count++;
    struct listen_options options = {
        .host = str_cstr(&server->arena, config->server_host),
        .port = is_first ? (uint16_t)config->server_port : server->port,
        .backlog = config->http_backlog,
        .joins = !is_first,
        .handler = http_conn_handler(),
        .context = own->home,
        .tls = server->tls,
    };
    return loop_listen(own->loop, &options, &server->port, err);
}

static status open_loops(struct server *server, struct error *err)
{
    const struct config *config = server->config;
    server->http = (struct http_options){
        .clock = server->clock,
        .handlers = routes_handlers(),
        .context = server,
        .body_bytes_max = config->body_bytes_max,
        .connections_max = config->connections_max,
        .connections = &server->connections,
        .connections_peak = &server->connections_peak,
        .head_ms = config->http_head_timeout_s * 1000,
        .keep_alive_ms = config->http_keepalive_s * 1000,
        .progress_ms = config->http_progress_timeout_s * 1000,
    };
    unsigned count = count_loops(server);
    while (server->loop_count < count) {
        TRY(open_loop(server, err));
    }
    return STATUS_IS_OK;
}

static void open_workers(struct server *server)
{
    unsigned hashing = server->cores / 2 > 0 ? server->cores / 2 : 1;
    server->workers = pool_create("worker", server->worker_count, WORKER_QUEUE_MAX);
    server->auth_workers = pool_create("auth", hashing, AUTH_QUEUE_MAX);
}

/* --- the whole -------------------------------------------------------------------------------- */

static status open_all(struct server *server, struct error *err)
{
    TRY(open_data(server, err));
    TRY(open_door(server, err));
    open_workers(server);
    TRY(open_loops(server, err));
    api_metrics_open(server);
    return STATUS_IS_OK;
}

status server_create(const struct config *config, const struct clock *clock,
                     const struct server_part *const *parts, unsigned part_count,
                     struct server **out, struct error *err)
{
    CHECK(part_count <= SERVER_PARTS_MAX);
    struct server *server = mem_alloc_zeroed(sizeof *server);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    arena_init(&server->arena);
    server->config = config;
    server->clock = clock;
    server->parts = parts;
    server->part_count = part_count;
    server->cores = cores > 0 ? (unsigned)cores : 1;
    server->started_mono_us = clock_mono_us(clock);
    status result = open_all(server, err);
    if (!status_ok(result)) {
        server_destroy(server);
        return result;
    }
    *out = server;
    return STATUS_IS_OK;
}

static void *run_loop(void *argument)
{
    loop_run(argument);
    return NULL;
}

void server_start(struct server *server)
{
    jobs_start(server->jobs);
    server->jobs_run = true;
    for (unsigned i = 0; i < server->loop_count; i++) {
        struct server_loop *own = &server->loops[i];
        thread_start(&own->thread, "loop", STACK_BYTES, run_loop, own->loop);
    }
    server->loops_run = true;
}

static void drain_loop(void *argument)
{
    struct server_loop *own = argument;
    loop_stop_listening(own->loop);
    http_home_drain(own->home);
}

static void cut_loop(void *argument)
{
    struct server_loop *own = argument;
    http_home_cut(own->home);
}

static void post_all(struct server *server, loop_task_fn *task)
{
    for (unsigned i = 0; i < server->loop_count; i++) {
        loop_post(server->loops[i].loop, task, &server->loops[i]);
    }
}

static uint64_t count_busy(const struct server *server)
{
    uint64_t busy = 0;
    for (unsigned i = 0; i < server->loop_count; i++) {
        busy += http_home_busy(server->loops[i].home);
    }
    return busy;
}

/* Waits until no request runs, at most `ms` (0: without end). False: some still do. */
static bool wait_idle(struct server *server, uint64_t ms)
{
    struct lock lock;
    struct cond never;
    uint64_t until_us = clock_mono_us(clock_system()) + ms * 1000;
    lock_init(&lock, LOCK_SERVER);
    cond_init(&never);
    lock_take(&lock);
    while (count_busy(server) > 0 && (ms == 0 || clock_mono_us(clock_system()) < until_us)) {
        (void)cond_wait_ms(&never, &lock, STOP_LOOK_MS);
    }
    lock_give(&lock);
    cond_release(&never);
    lock_release(&lock);
    return count_busy(server) == 0;
}

void server_stop(struct server *server)
{
    log_info("server", "stopping", "busy=%llu", (unsigned long long)count_busy(server));
    post_all(server, drain_loop);
    for (unsigned i = 0; i < server->parts_open; i++) {
        if (server->parts[i]->drain != NULL) {
            server->parts[i]->drain(server->part_states[i]);
        }
    }
    if (!wait_idle(server, STOP_GRACE_MS)) {
        log_warn("server", "requests_cut_off", "busy=%llu", (unsigned long long)count_busy(server));
        post_all(server, cut_loop);
        (void)wait_idle(server, 0); /* statements have deadlines of their own */
    }
    jobs_stop(server->jobs);
    server->jobs_run = false;
    pool_destroy(server->workers);
    pool_destroy(server->auth_workers);
    server->workers = NULL;
    server->auth_workers = NULL;
    for (unsigned i = 0; i < server->loop_count; i++) {
        loop_stop(server->loops[i].loop);
        thread_join(&server->loops[i].thread);
    }
    server->loops_run = false;
}

static void close_loops(struct server *server)
{
    for (unsigned i = 0; i < server->loop_count; i++) {
        loop_destroy(server->loops[i].loop);
        http_home_destroy(server->loops[i].home);
        token_memo_release(&server->loops[i].tokens);
    }
    server->loop_count = 0;
    tls_context_destroy(server->tls);
}

static void close_door(struct server *server)
{
    if (server->login_rate != NULL) {
        rate_limiter_destroy(server->login_rate);
    }
    if (server->query_rate != NULL) {
        rate_limiter_destroy(server->query_rate);
    }
    if (server->tokens != NULL) {
        token_cache_destroy(server->tokens);
    }
    guard_destroy(server->guard);
}

/* Publishes what is still pending: into the store's registry, the catalog, the parts; and tells the
 * loops, which have ended but are still there. */
static void close_committer(struct server *server)
{
    jobs_close(server->jobs);
    if (server->committer != NULL) {
        committer_destroy(server->committer);
    }
}

static void close_data(struct server *server)
{
    query_engine_destroy(server->queries);
    while (server->parts_open > 0) {
        server->parts_open--;
        server->parts[server->parts_open]->close(server->part_states[server->parts_open]);
    }
    store_close(server->store);
    if (server->catalog != NULL) {
        catalog_close(server->catalog);
    }
    if (server->kv != NULL) {
        kv_close(server->kv);
    }
    data_dir_close(server->dir);
}

void server_destroy(struct server *server)
{
    if (server == NULL) {
        return;
    }
    CHECK(!server->loops_run && !server->jobs_run);
    api_metrics_close(server);
    pool_destroy(server->workers);
    pool_destroy(server->auth_workers);
    close_committer(server);
    /* Parts may have connections: they go with the loops, before the parts. */
    close_loops(server);
    close_data(server);
    close_door(server);
    arena_release(&server->arena);
    mem_free(server);
}
