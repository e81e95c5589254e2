/* server/system_rows.c -- rows of system tables that only the whole server knows: jobs, settings,
 * statistics, manifests, the cluster of one. */
#include "server/hooks.h"

#include "auth/access.h"
#include "base/log.h"
#include "server/api_health.h"
#include "store/registry.h"

#include <sys/resource.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE "x86_64"
#elif defined(__aarch64__)
#define ARCHITECTURE "aarch64"
#else
#define ARCHITECTURE "unknown"
#endif

static struct value text_of(str s)
{
    return value_text(s);
}

static struct value no_text(void)
{
    return value_null(type_of(TYPE_TEXT));
}

static struct value no_bigint(void)
{
    return value_null(type_of(TYPE_BIGINT));
}

static struct value json_of(str s)
{
    return (struct value){.type = {.id = TYPE_JSON}, .as.text = s};
}

static struct value time_or_null(int64_t us)
{
    return us != 0 ? value_int(TYPE_TIMESTAMP, us) : value_null(type_of(TYPE_TIMESTAMP));
}

/* -- jobs ---------------------------------------------------------------------------------------
 */

struct job_rows {
    const struct row_sink *sink;
    struct arena *arena;
    int64_t node_id;
    uint32_t retries_max;
};

static status job_row(void *context, const struct job *job, struct error *err)
{
    struct job_rows *rows = context;
    bool failed = job->state == JOB_FAILED;
    str message = arena_copy(rows->arena, str_from(job->message));
    str table = arena_format(rows->arena, "{\"namespace_id\":\"%s\",\"table_name\":\"%s\"}",
                             job->namespace_name, job->table_name);
    str key = arena_format(rows->arena, "%s-%s-%s",
                           job->kind == JOB_CLEANUP ? "drop" : job_kind_name(job->kind),
                           job->namespace_name, job->table_name);
    struct value row[] = {text_of(arena_copy(rows->arena, str_from(job->id))),
                          text_of(str_from(job_kind_name(job->kind))),
                          text_of(str_from(job_state_name(job->state))),
                          no_text(),
                          json_of(table),
                          message.n > 0 ? text_of(message) : no_text(),
                          failed ? text_of(message) : no_text(),
                          text_of(key),
                          text_of(STR_LIT("default")),
                          value_int(TYPE_INT, 0),
                          value_int(TYPE_SMALLINT, (int64_t)job->retries),
                          value_int(TYPE_SMALLINT, (int64_t)rows->retries_max),
                          no_bigint(),
                          no_bigint(),
                          value_int(TYPE_TIMESTAMP, job->created_us),
                          value_int(TYPE_TIMESTAMP, job->updated_us),
                          time_or_null(job->started_us),
                          time_or_null(job->finished_us),
                          value_int(TYPE_BIGINT, rows->node_id),
                          value_int(TYPE_BIGINT, rows->node_id)};
    return rows->sink->row(rows->sink->context, row, err);
}

static status job_node_row(void *context, const struct job *job, struct error *err)
{
    struct job_rows *rows = context;
    bool failed = job->state == JOB_FAILED;
    struct value row[] = {text_of(arena_copy(rows->arena, str_from(job->id))),
                          value_int(TYPE_BIGINT, rows->node_id),
                          text_of(str_from(job_state_name(job->state))),
                          failed ? text_of(arena_copy(rows->arena, str_from(job->message)))
                                 : no_text(),
                          value_int(TYPE_TIMESTAMP, job->created_us),
                          time_or_null(job->started_us),
                          time_or_null(job->finished_us),
                          value_int(TYPE_TIMESTAMP, job->updated_us)};
    return rows->sink->row(rows->sink->context, row, err);
}

/* -- settings -----------------------------------------------------------------------------------
 */

static status setting_rows(struct hooks *hooks, struct arena *arena, const struct row_sink *sink,
                           struct error *err)
{
    const struct config_setting *setting = NULL;
    for (unsigned i = 0; (setting = config_setting_at(i)) != NULL; i++) {
        struct buf value;
        buf_init(&value);
        config_append_value(&value, hooks->server->config, i);
        str key = str_from(setting->key);
        ptrdiff_t dot = str_find_char(key, '.');
        struct value row[] = {
            text_of(key), text_of(arena_copy(arena, buf_str(&value))),
            text_of(str_from(setting->what)),
            text_of(dot > 0 ? str_slice(key, 0, (size_t)dot) : STR_LIT("general"))};
        status result = sink->row(sink->context, row, err);
        buf_release(&value);
        TRY(result);
    }
    return STATUS_IS_OK;
}

/* -- statistics ---------------------------------------------------------------------------------
 */

struct stats {
    const struct row_sink *sink;
    struct arena *arena;
    status result;
    struct error *err;
};

static void stat_text(struct stats *s, const char *name, str value)
{
    if (status_ok(s->result)) {
        struct value row[] = {text_of(str_from(name)), text_of(value)};
        s->result = s->sink->row(s->sink->context, row, s->err);
    }
}

static void stat_number(struct stats *s, const char *name, uint64_t value)
{
    stat_text(s, name, arena_format(s->arena, "%llu", (unsigned long long)value));
}

static void count_user(void *context, const struct user *user)
{
    *(uint64_t *)context += user->deleted_us == 0 ? 1 : 0;
}

static void process_stats(struct stats *s, const struct server *server)
{
    int64_t up_s = (clock_wall_us(server->clock) - server->started_us) / 1000000;
    uint64_t resident = mem_resident_bytes();
    stat_number(s, "server_uptime_seconds", (uint64_t)up_s);
    stat_text(s, "server_uptime_human",
              arena_format(s->arena, "%lldd %lldh %lldm %llds", (long long)(up_s / 86400),
                           (long long)(up_s / 3600 % 24), (long long)(up_s / 60 % 60),
                           (long long)(up_s % 60)));
    stat_text(s, "server_version", STR_LIT(SERVER_VERSION));
    stat_number(s, "memory_usage_bytes", resident);
    stat_number(s, "memory_usage_mb", resident >> 20);
    stat_text(s, "memory_usage_source", STR_LIT("rss"));
    stat_number(s, "memory_rss_bytes", resident);
    stat_number(s, "memory_rss_mb", resident >> 20);
    stat_number(s, "pid", (uint64_t)getpid());
    stat_number(s, "cpu_logical_cores", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
    stat_number(s, "server_workers_effective", server->loop_count);
    stat_number(s, "max_connections", server->config->connections_max);
    stat_number(s, "active_connections", atomic_count_get(&server->connections));
    stat_number(s, "log_lines_dropped", log_dropped_count());
}

static void data_stats(struct stats *s, struct hooks *hooks)
{
    struct server *server = hooks->server;
    const struct catalog_snapshot *snapshot = catalog_take(server->catalog);
    uint64_t users = 0;
    catalog_each_user(server->catalog, count_user, &users);
    stat_number(s, "total_users", users);
    stat_number(s, "total_namespaces", snapshot->namespace_count);
    stat_number(s, "total_tables", snapshot->table_count);
    stat_number(s, "total_storages", snapshot->storage_count);
    catalog_give(snapshot);
    struct catalog_cache_statistics cache;
    catalog_cache_statistics_get(server->catalog, &cache);
    stat_number(s, "schema_cache_size", cache.entries);
    stat_number(s, "schema_registry_size", cache.entries);
    stat_number(s, "schema_cache_hits", cache.hits);
    stat_number(s, "schema_cache_misses", cache.misses);
    struct table_totals totals;
    store_totals(server->store, (table_id){0}, &totals);
    stat_number(s, "hot_rows", totals.hot_rows);
    stat_number(s, "hot_bytes", totals.hot_bytes);
    stat_number(s, "cold_rows", totals.cold_rows);
    stat_number(s, "cold_bytes", totals.cold_bytes);
    stat_number(s, "segments", totals.segments);
    stat_number(s, "jobs_running", jobs_count(hooks->jobs, JOB_RUNNING));
    stat_number(s, "jobs_queued", jobs_count(hooks->jobs, JOB_QUEUED));
    stat_number(s, "jobs_failed", jobs_count(hooks->jobs, JOB_FAILED));
    struct commit_statistics commits;
    commit_statistics_get(server->committer, &commits);
    stat_number(s, "commit_groups", commits.groups);
    stat_number(s, "commit_requests", commits.requests);
    stat_number(s, "commit_syncs", commits.syncs);
    stat_text(s, "storage_backend", STR_LIT("rocksdb"));
    stat_text(s, "cluster_mode", STR_LIT("false"));
}

/* -- manifests ----------------------------------------------------------------------------------
 */

/* Everyone sees the manifests of their own partitions and of the shared tables they may read;
 * admins see all. */
static status manifest_rows(struct hooks *hooks, const struct session *session, struct arena *arena,
                            const struct row_sink *sink, struct error *err)
{
    struct manifest_row *rows = NULL;
    size_t count = 0;
    store_manifests(hooks->server->store, arena, &rows, &count);
    const struct catalog_snapshot *snapshot = catalog_take(hooks->server->catalog);
    status result = STATUS_IS_OK;
    for (size_t i = 0; i < count && status_ok(result); i++) {
        const struct manifest_row *m = &rows[i];
        const struct table *table = snapshot_find_table_id(snapshot, m->table);
        struct error ignored;
        if (table == NULL ||
            (!access_is_admin(session->role) &&
             (table->kind == TABLE_SHARED ? !status_ok(query_may_read(session, table, &ignored))
                                          : !str_eq(m->owner, session->user_id)))) {
            continue;
        }
        str scope = m->owner.n > 0 ? m->owner : STR_LIT("shared");
        str key = arena_format(arena, STR_FMT ":" STR_FMT ":" STR_FMT, STR(table->namespace_name),
                               STR(table->name), STR(scope));
        str json = arena_format(
            arena, "{\"segments\":%llu,\"rows\":%llu,\"bytes\":%llu,\"last_sequence_number\":%lld}",
            (unsigned long long)m->state.segments, (unsigned long long)m->state.cold_rows,
            (unsigned long long)m->state.cold_bytes, (long long)m->state.next_file - 1);
        struct value row[] = {
            text_of(key),
            text_of(table->namespace_name),
            text_of(table->name),
            text_of(scope),
            text_of(arena_format(arena, "%llu", (unsigned long long)m->state.generation)),
            value_int(TYPE_TIMESTAMP, m->state.manifest_updated_us),
            value_int(TYPE_TIMESTAMP, m->state.manifest_updated_us),
            value_bool(true),
            text_of(m->state.hot_rows > 0 ? STR_LIT("pending_write") : STR_LIT("in_sync")),
            json_of(json)};
        result = sink->row(sink->context, row, err);
    }
    catalog_give(snapshot);
    return result;
}

/* -- the cluster of one -------------------------------------------------------------------------
 */

static status cluster_row(struct hooks *hooks, struct arena *arena, const struct row_sink *sink,
                          struct error *err)
{
    const struct server *server = hooks->server;
    char host[256] = "";
    (void)gethostname(host, sizeof host - 1);
    int64_t up_s = (clock_wall_us(server->clock) - server->started_us) / 1000000;
    int64_t memory_mb = (int64_t)(mem_resident_bytes() >> 20);
    str address =
        arena_format(arena, STR_FMT ":%u", STR(server->config->server_host), server->port);
    struct value row[] = {text_of(STR_LIT("standalone")),
                          value_int(TYPE_BIGINT, 1),
                          text_of(STR_LIT("leader")),
                          text_of(STR_LIT("active")),
                          text_of(STR_LIT("")),
                          text_of(address),
                          value_bool(true),
                          value_bool(true),
                          value_int(TYPE_INT, 1),
                          value_int(TYPE_INT, 1),
                          no_bigint(),
                          no_bigint(),
                          no_bigint(),
                          no_bigint(),
                          value_null(type_of(TYPE_SMALLINT)),
                          no_bigint(),
                          text_of(arena_copy(arena, str_from(host))),
                          text_of(STR_LIT(SERVER_VERSION)),
                          no_bigint(),
                          value_int(TYPE_BIGINT, memory_mb),
                          value_null(type_of(TYPE_FLOAT)),
                          value_int(TYPE_BIGINT, up_s),
                          text_of(arena_format(arena, "%llds", (long long)up_s)),
                          text_of(STR_LIT("linux")),
                          text_of(STR_LIT(ARCHITECTURE))};
    return sink->row(sink->context, row, err);
}

status system_rows_above(struct hooks *hooks, const struct session *session, str table,
                         struct arena *arena, const struct row_sink *sink, struct error *err)
{
    struct job_rows jobs = {sink, arena, 1, hooks->server->config->jobs_retries};
    if (str_eq_c(table, "jobs")) {
        return jobs_each(hooks->jobs, job_row, &jobs, err);
    }
    if (str_eq_c(table, "job_nodes")) {
        return jobs_each(hooks->jobs, job_node_row, &jobs, err);
    }
    if (str_eq_c(table, "settings")) {
        return setting_rows(hooks, arena, sink, err);
    }
    if (str_eq_c(table, "stats")) {
        struct stats stats = {sink, arena, STATUS_IS_OK, err};
        process_stats(&stats, hooks->server);
        data_stats(&stats, hooks);
        return stats.result;
    }
    if (str_eq_c(table, "manifest")) {
        return manifest_rows(hooks, session, arena, sink, err);
    }
    if (str_eq_c(table, "cluster")) {
        return cluster_row(hooks, arena, sink, err);
    }
    if (str_eq_c(table, "live")) {
        return hooks->live_rows != NULL ? hooks->live_rows(hooks->live_context, sink, err)
                                        : STATUS_IS_OK;
    }
    return error_set(err, ERROR_NOT_FOUND, "system table " STR_FMT " does not exist", STR(table));
}
