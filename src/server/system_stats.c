/* server/system_stats.c -- the rows of system.stats: figures of this moment under the names that
 * clients of KalamDB 0.4.3 read (contract sql.md section 6.2), and under our own. What is there no
 * more than once, or not at all, says so in numbers: one node, one group, no topics. */
#include "server/hooks.h"

#include "live/live.h"
#include "server/api_health.h"
#include "server/api_ws.h"
#include "server/build.h"
#include "server/process_numbers.h"
#include "store/filter_cache.h"
#include "store/registry.h"

#include <unistd.h>

uint64_t system_uptime_s(const struct server *server)
{
    return (clock_mono_us(server->clock) - server->started_mono_us) / 1000000;
}

double system_cpu_percent(const struct server *server)
{
    uint64_t up_us = clock_mono_us(server->clock) - server->started_mono_us;
    return 100.0 * (double)process_cpu_us() / (double)(up_us > 0 ? up_us : 1);
}

str system_api_address(const struct server *server, struct arena *arena)
{
    return arena_format(arena, STR_FMT ":%u", STR(server->config->server_host), server->port);
}

struct stats {
    struct arena *arena;
    const struct row_sink *sink;
    struct error *err;
    status result; /* the first that is not OK */
};

static void stat_text(struct stats *stats, const char *name, str value)
{
    struct value row[] = {value_text(str_from(name)), value_text(value)};
    if (status_ok(stats->result)) {
        stats->result = stats->sink->row(stats->sink->context, row, stats->err);
    }
}

static void stat(struct stats *stats, const char *name, uint64_t value)
{
    stat_text(stats, name, arena_format(stats->arena, "%llu", (unsigned long long)value));
}

static void count_user(void *context, const struct user *user)
{
    *(uint64_t *)context += user->deleted_us == 0;
}

static void stat_catalog(struct stats *stats, struct server *server)
{
    const struct catalog_snapshot *snapshot = catalog_take(server->catalog);
    uint64_t users = 0;
    catalog_each_user(server->catalog, NULL, count_user, &users);
    stat(stats, "total_users", users);
    stat(stats, "total_namespaces", snapshot->namespace_count);
    stat(stats, "total_tables", snapshot->table_count);
    stat(stats, "total_storages", snapshot->storage_count);
    stat(stats, "schema_registry_size", snapshot->table_count);
    catalog_give(snapshot);
}

/* Bloom filters of segments, and what they spared. */
static void stat_filters(struct stats *stats, struct server *server)
{
    struct filter_cache_stats filters;
    store_filter_stats(server->store, &filters);
    stat(stats, "filter_cache_entries", filters.entries);
    stat(stats, "filter_cache_bytes", filters.bytes);
    stat(stats, "filter_cache_hits", filters.hits);
    stat(stats, "filter_cache_misses", filters.misses);
    stat(stats, "filter_cache_evictions", filters.evictions);
    stat(stats, "segment_files_listed", filters.files_listed);
    stat(stats, "segment_files_pruned", filters.files_pruned);
}

static void stat_caches(struct stats *stats, struct server *server)
{
    struct schema_cache_statistics schemas;
    schema_cache_statistics_get(catalog_schemas(server->catalog), &schemas);
    stat(stats, "schema_cache_size", schemas.entries);
    stat(stats, "string_interner_unique_strings", 0);
    stat(stats, "topic_cache_topic_count", 0);
    stat(stats, "topic_cache_table_route_count", 0);
    stat(stats, "topic_cache_total_routes", 0);
    stat(stats, "schema_cache_total_entries", schemas.entries);
    stat(stats, "schema_cache_active", schemas.active);
    stat(stats, "schema_cache_expired", schemas.expired);
    stat(stats, "schema_cache_hits", schemas.hits);
    stat(stats, "schema_cache_misses", schemas.misses);
    stat(stats, "schema_cache_evictions", schemas.evictions);
    stat(stats, "schema_cache_loads", schemas.loads);
    struct query_cache_statistics queries;
    query_cache_statistics_get(server->queries, &queries);
    stat(stats, "system_cache_entries", queries.system.entries);
    stat(stats, "system_cache_active", queries.system.active);
    stat(stats, "system_cache_expired", queries.system.expired);
    stat(stats, "system_cache_bytes", queries.system.bytes);
    stat(stats, "system_cache_hits", queries.system.hits);
    stat(stats, "system_cache_misses", queries.system.misses);
    stat(stats, "system_cache_evictions", queries.system.evictions);
    stat(stats, "system_cache_invalidations", queries.system.invalidations);
    stat(stats, "plan_cache_size", queries.plans.entries);
    stat(stats, "plan_cache_entries", queries.plans.entries);
    stat(stats, "plan_cache_active", queries.plans.active);
    stat(stats, "plan_cache_expired", queries.plans.expired);
    stat(stats, "plan_cache_hits", queries.plans.hits);
    stat(stats, "plan_cache_misses", queries.plans.misses);
    stat(stats, "plan_cache_evictions", queries.plans.evictions);
    stat(stats, "statement_cache_entries", queries.parsed.entries);
    stat(stats, "statement_cache_hits", queries.parsed.hits);
    stat(stats, "statement_cache_misses", queries.parsed.misses);
    stat(stats, "statement_cache_evictions", queries.parsed.evictions);
    struct kv_cache_statistics rows;
    kv_cache_statistics(server->kv, &rows);
    stat(stats, "row_cache_entries", rows.entries);
    stat(stats, "row_cache_bytes", rows.bytes);
    stat(stats, "row_cache_hits", rows.hits);
    stat(stats, "row_cache_misses", rows.misses);
    stat_filters(stats, server);
}

static void stat_process(struct stats *stats)
{
    struct process_numbers n;
    uint64_t resident = mem_resident_bytes();
    process_numbers_read(&n);
    stat(stats, "pid", (uint64_t)getpid());
    stat(stats, "memory_usage_bytes", resident);
    stat(stats, "memory_usage_mb", resident >> 20);
    stat_text(stats, "memory_usage_source", STR_LIT("rss"));
    stat(stats, "memory_rss_bytes", resident);
    stat(stats, "memory_rss_mb", resident >> 20);
    stat(stats, "memory_rss_gap_bytes", 0); /* what is told as usage is that very number */
    stat(stats, "memory_rss_gap_mb", 0);
    stat(stats, "memory_physical_footprint_bytes", n.own_bytes);
    stat(stats, "memory_physical_footprint_mb", n.own_bytes >> 20);
    stat(stats, "memory_virtual_bytes", n.virtual_bytes);
    stat(stats, "memory_virtual_mb", n.virtual_bytes >> 20);
    stat(stats, "system_total_memory_mb", n.machine_bytes >> 20);
    stat(stats, "system_used_memory_mb", n.machine_used_bytes >> 20);
    stat(stats, "thread_count", n.threads);
    stat(stats, "cpu_physical_cores", n.physical_cores);
    stat(stats, "open_files_total", n.files);
    stat(stats, "open_files_regular", n.files_regular);
    stat(stats, "open_files_directories", n.files_directories);
    stat(stats, "open_files_sockets", n.files_sockets);
    stat(stats, "open_files_unix", n.files_unix);
    stat(stats, "open_files_ipv4", n.files_ipv4);
    stat(stats, "open_files_kqueue", 0); /* another system's */
    stat(stats, "open_files_other",
         n.files - n.files_regular - n.files_directories - n.files_sockets);
}

/* What the SQL engine and the statements may take. */
static void stat_limits(struct stats *stats, const struct server *server)
{
    const struct config *config = server->config;
    unsigned at_once =
        config->engine_concurrent_max > 0 ? config->engine_concurrent_max : server->cores;
    stat(stats, "connection_backlog", config->http_backlog);
    stat(stats, "worker_max_blocking_threads", server->worker_count);
    stat(stats, "datafusion_query_parallelism", at_once);
    stat(stats, "datafusion_max_partitions", 1); /* a statement runs on one thread */
    stat(stats, "datafusion_memory_limit_mb", config->engine_memory_bytes >> 20);
}

/* One node, and one group that it leads: nothing is spread. */
static void stat_cluster(struct stats *stats, const struct server *server)
{
    stat(stats, "node_id", 1);
    stat_text(stats, "cluster_mode", STR_LIT("false"));
    stat_text(stats, "cluster_id", STR_LIT("standalone"));
    stat_text(stats, "cluster_rpc_addr", STR_LIT(""));
    stat_text(stats, "cluster_api_addr", system_api_address(server, stats->arena));
    stat(stats, "user_shards", 1);
    stat(stats, "shared_shards", 1);
    stat(stats, "raft_group_count", 1);
}

static void stat_live(struct stats *stats, const struct server *server)
{
    for (unsigned i = 0; i < server->parts_open; i++) {
        if (server->parts[i] != &api_ws_part) {
            continue;
        }
        struct api_ws_statistics ws;
        struct live_statistics live;
        api_ws_statistics_get(server->part_states[i], &ws);
        live_statistics_get(api_ws_live(server->part_states[i]), &live);
        stat(stats, "total_live_queries", live.subscriptions);
        stat(stats, "active_subscriptions", live.subscriptions);
        stat(stats, "active_subscriptions_peak", live.subscriptions_peak);
        stat(stats, "websocket_sessions", ws.connections);
        stat(stats, "websocket_sessions_peak", ws.connections_peak);
    }
}

static void stat_server(struct stats *stats, struct server *server)
{
    uint64_t requests = 0;
    for (unsigned i = 0; i < server->loop_count; i++) {
        requests += http_home_requests(server->loops[i].home);
    }
    stat(stats, "server_uptime_seconds", system_uptime_s(server));
    stat_text(stats, "server_uptime_human", api_human_time(stats->arena, system_uptime_s(server)));
    stat_text(stats, "server_version", STR_LIT(SERVER_VERSION));
    stat_text(stats, "server_build_date", STR_LIT(SERVER_BUILD_DATE));
    stat_text(stats, "server_git_branch", STR_LIT(SERVER_GIT_BRANCH));
    stat_text(stats, "server_git_commit", STR_LIT(SERVER_GIT_COMMIT));
    stat_text(stats, "cpu_usage_percent",
              arena_format(stats->arena, "%.2f", system_cpu_percent(server)));
    stat_process(stats);
    stat(stats, "cpu_logical_cores", server->cores);
    stat(stats, "server_workers_effective", server->loop_count);
    stat(stats, "active_connections", atomic_count_get(&server->connections));
    stat(stats, "active_connections_peak", atomic_count_get(&server->connections_peak));
    stat(stats, "max_connections", server->config->connections_max);
    stat(stats, "max_connections_configured", server->config->connections_max);
    stat(stats, "server_workers_configured", server->config->server_loops);
    stat(stats, "http_requests", requests);
    stat(stats, "statements_waiting", pool_waiting(server->workers));
}

static void stat_rocksdb(struct stats *stats, struct server *server)
{
    struct kv_numbers n;
    kv_numbers_get(server->kv, &n);
    stat(stats, "rocksdb_physical_cf_count", n.families);
    stat(stats, "rocksdb_estimate_num_keys", n.keys);
    stat(stats, "rocksdb_estimate_live_data_size_bytes", n.live_data_bytes);
    stat(stats, "rocksdb_active_memtable_entries", n.active_entries);
    stat(stats, "rocksdb_immutable_memtable_entries", n.immutable_entries);
    stat(stats, "rocksdb_active_memtable_size_bytes", n.active_memtable_bytes);
    stat(stats, "rocksdb_live_sst_files_size_bytes", n.live_file_bytes);
    stat(stats, "rocksdb_total_sst_files_size_bytes", n.file_bytes);
    stat(stats, "rocksdb_memtables_size_bytes", n.memtables_bytes);
    stat(stats, "rocksdb_pending_compaction_bytes", n.pending_compaction_bytes);
}

static void stat_store(struct stats *stats, struct server *server)
{
    struct table_totals totals;
    struct commit_statistics commits;
    store_totals(server->store, (table_id){0}, &totals);
    commit_statistics_get(server->committer, &commits);
    stat_text(stats, "storage_backend", STR_LIT("rocksdb"));
    stat(stats, "hot_rows", totals.hot_rows);
    stat(stats, "hot_bytes", totals.hot_bytes);
    stat(stats, "segments", totals.segments);
    stat(stats, "cold_rows", totals.cold_rows);
    stat(stats, "cold_bytes", totals.cold_bytes);
    stat(stats, "commit_groups", commits.groups);
    stat(stats, "commit_requests", commits.requests);
    stat(stats, "commit_syncs", commits.syncs);
    stat(stats, "store_memory_bytes", kv_memory_bytes(server->kv));
    uint64_t all_jobs = 0;
    for (int state = 0; state < JOB_STATE_COUNT; state++) {
        all_jobs += jobs_count(server->jobs, (enum job_state)state);
    }
    stat(stats, "total_jobs", all_jobs);
    stat(stats, "jobs_queued", jobs_count(server->jobs, JOB_QUEUED));
    stat(stats, "jobs_running", jobs_count(server->jobs, JOB_RUNNING));
    stat(stats, "jobs_failed", jobs_count(server->jobs, JOB_FAILED));
}

status system_stats_write(struct server *server, struct arena *arena, const struct row_sink *sink,
                          struct error *err)
{
    struct stats stats = {.arena = arena, .sink = sink, .err = err};
    stat_server(&stats, server);
    stat_limits(&stats, server);
    stat_cluster(&stats, server);
    stat_live(&stats, server);
    stat_catalog(&stats, server);
    stat_caches(&stats, server);
    stat_store(&stats, server);
    stat_rocksdb(&stats, server);
    return stats.result;
}
