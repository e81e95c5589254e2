/* server/system_rows.c -- rows of the system tables that only the whole server knows; columns as in
 * query/system_tables.def. */
#include "server/hooks.h"

#include "base/check.h"
#include "query/mutant.h"
#include "server/api_health.h"
#include "store/registry.h"
#include "store/segment.h"

#include <sys/utsname.h>
#include <unistd.h>

enum { COLUMNS_MAX = 32 };

/* One row, column by column. */
struct row {
    struct value values[COLUMNS_MAX];
    unsigned count;
};

static void add(struct row *row, struct value v)
{
    row->values[row->count++] = v;
}

static void add_text(struct row *row, str text)
{
    add(row, value_text(text));
}

/* NULL when it is empty. */
static void add_text_or_null(struct row *row, enum type_id type, str text)
{
    struct value v = value_text(text);
    v.type.id = type;
    add(row, text.n > 0 ? v : value_null((struct type){.id = type}));
}

static void add_int(struct row *row, enum type_id type, int64_t v)
{
    add(row, value_int(type, v));
}

static void add_null(struct row *row, enum type_id type)
{
    add(row, value_null((struct type){.id = type}));
}

static void add_time(struct row *row, int64_t us)
{
    if (us == 0) {
        add_null(row, TYPE_TIMESTAMP);
    } else {
        add_int(row, TYPE_TIMESTAMP, us);
    }
}

/* --- jobs ------------------------------------------------------------------------------------- */

struct job_rows {
    const struct server *server;
    struct arena *arena;
    const struct row_sink *sink;
    const struct system_key *key;
};

/* Only of jobs that are not over; empty else. */
static str job_key(struct arena *arena, const struct job *job)
{
    return job_state_is_final(job->state)
               ? str_of(NULL, 0)
               : arena_format(arena, "%s-%s-%s", job_kind_name(job->kind), job->namespace_name,
                              job->table_name);
}

/* Is the job none of those that are asked for? */
static bool skips_job(const struct job_rows *rows, const struct job *job)
{
    const char *column = rows->key->column;
    return column != NULL && ((strcmp(column, "status") == 0 &&
                               !str_eq_c(rows->key->text, job_state_name(job->state))) ||
                              (strcmp(column, "idempotency_key") == 0 &&
                               !str_eq(rows->key->text, job_key(rows->arena, job))));
}

static str job_parameters(struct arena *arena, const struct job *job)
{
    return arena_format(arena, "{\"namespace_id\":\"%s\",\"table_name\":\"%s\"}",
                        job->namespace_name, job->table_name);
}

/* NULL: it has not run, or under a server that did not measure. */
static void add_measured(struct row *row, const struct job *job, uint64_t value)
{
    if (job->cpu_us == 0) {
        add_null(row, TYPE_BIGINT);
    } else {
        add_int(row, TYPE_BIGINT, (int64_t)value);
    }
}

static status write_job(void *context, const struct job *job, struct error *err)
{
    const struct job_rows *rows = context;
    struct row row = {.count = 0};
    const char *state = job_state_name(job->state);
    bool failed = job->state == JOB_FAILED;
    if (skips_job(rows, job)) {
        return STATUS_IS_OK;
    }
    add_text(&row, str_from(job->id));
    add_text(&row, str_from(job_kind_name(job->kind)));
    add_text(&row, str_from(state));
    add_text(&row, str_from(state));
    add_text_or_null(&row, TYPE_JSON, job_parameters(rows->arena, job));
    add_text_or_null(&row, TYPE_TEXT, str_from(job->message));
    add_text_or_null(&row, TYPE_TEXT, failed ? str_from(job->message) : str_of(NULL, 0));
    add_text_or_null(&row, TYPE_TEXT, job_key(rows->arena, job));
    add_null(&row, TYPE_TEXT);
    add_null(&row, TYPE_INT);
    add_int(&row, TYPE_SMALLINT, job->retries);
    add_int(&row, TYPE_SMALLINT, rows->server->config->jobs_retries);
    add_measured(&row, job, job->memory_bytes);
    add_measured(&row, job, job->cpu_us);
    add_time(&row, job->created_us);
    add_time(&row, job->updated_us);
    add_time(&row, job->started_us);
    add_time(&row, job->finished_us);
    add_int(&row, TYPE_BIGINT, 1);
    add_int(&row, TYPE_BIGINT, 1);
    return rows->sink->row(rows->sink->context, row.values, err);
}

static status write_job_node(void *context, const struct job *job, struct error *err)
{
    const struct job_rows *rows = context;
    struct row row = {.count = 0};
    bool failed = job->state == JOB_FAILED;
    add_text(&row, str_from(job->id));
    add_int(&row, TYPE_BIGINT, 1);
    add_text(&row, str_from(job_state_name(job->state)));
    add_text_or_null(&row, TYPE_TEXT, failed ? str_from(job->message) : str_of(NULL, 0));
    add_time(&row, job->created_us);
    add_time(&row, job->started_us);
    add_time(&row, job->finished_us);
    add_time(&row, job->updated_us);
    return rows->sink->row(rows->sink->context, row.values, err);
}

/* Both tables have a row per job, found by its id. By status and idempotency key the JOBS_KEPT_MAX
 * are looked at, and rows made of those that match. */
static status write_jobs(struct job_rows *rows, jobs_visit_fn *write, struct error *err)
{
    struct job job;
    const struct system_key *key = rows->key;
    if (key->column == NULL || strcmp(key->column, "job_id") != 0) {
        return jobs_each(rows->server->jobs, write, rows, err);
    }
    return jobs_find(rows->server->jobs, key->text, &job) ? write(rows, &job, err) : STATUS_IS_OK;
}

/* --- settings, cluster ------------------------------------------------------------------------ */

/* Names under which clients of KalamDB 0.4.3 look for what is fixed here, or has another name. */
static const struct {
    const char *name;
    const char *same_as; /* a setting; NULL: `value` */
    const char *value;
    const char *what;
} other_settings[] = {
    {"server.api_version", NULL, "v1", "the API has one version"},
    {"cluster.cluster_id", NULL, "standalone", "one server, no cluster"},
#define FAMILY(family)                                                                             \
    {"storage.rocksdb.cf_profiles." family ".write_buffer_size", "storage.write_buffer_bytes",     \
     NULL, "see storage.write_buffer_bytes"},                                                      \
    {                                                                                              \
        "storage.rocksdb.cf_profiles." family ".max_write_buffers", NULL, "2", "fixed at 2"        \
    }
    FAMILY("system_meta"),
    FAMILY("system_index"),
    FAMILY("hot_data"),
    FAMILY("hot_index"),
#undef FAMILY
    {"storage.rocksdb.cf_profiles.raft.write_buffer_size", NULL, "0", "no replicated log"},
    {"storage.rocksdb.cf_profiles.raft.max_write_buffers", NULL, "0", "no replicated log"},
    {"storage.rocksdb.block_cache_size", "storage.cache_bytes", NULL, "see storage.cache_bytes"},
    {"datafusion.memory_limit", "engine.memory_bytes", NULL, "see engine.memory_bytes"},
    {"datafusion.query_parallelism", "engine.concurrent_max", NULL, "see engine.concurrent_max"},
    {"datafusion.batch_size", NULL, "2048", "rows that the SQL engine works on at once; fixed"},
    {"datafusion.max_partitions", NULL, "1", "a statement runs on one thread"},
    {"manifest_cache.max_entries", NULL, "0", "manifests need no cache"},
    {"manifest_cache.eviction_ttl_days", NULL, "0", "manifests need no cache"},
    {"stream.default_max_buffer", NULL, "0", "a STREAM table says its MAX_BUFFER, or has no bound"},
    {"rate_limit.cache_ttl_seconds", NULL, "0", "forgotten when room is needed, at no other time"},
    {"jobs.wal_cleanup_interval_seconds", NULL, "0", "the store removes its logs by itself"},
    {"execution.max_parameters", NULL, "50", "fixed at 50"},
    {"limits.max_message_size", "security.max_ws_message_size", NULL,
     "see security.max_ws_message_size"},
    {"stream.default_ttl_seconds", NULL, "0", "none: a STREAM table says its TTL_SECONDS"},
    {"rate_limit.max_connections_per_ip", NULL, "0", "connections are not counted by address"},
    {"shutdown.flush.timeout", NULL, "0", "nothing is flushed at the end"},
    {"security.max_request_body_size", "rate_limit.request_body_limit_bytes", NULL,
     "see rate_limit.request_body_limit_bytes"}};

static status write_setting(const struct row_sink *sink, const char *name, str value,
                            const char *what, struct error *err)
{
    str key = str_from(name);
    ptrdiff_t dot = str_find_char(key, '.');
    struct row row = {.count = 0};
    add_text(&row, key);
    add_text(&row, value);
    add_text(&row, str_from(what));
    add_text(&row, dot < 0 ? STR_LIT("general") : str_slice(key, 0, (size_t)dot));
    return sink->row(sink->context, row.values, err);
}

static str setting_value(const struct server *server, struct arena *arena, unsigned index)
{
    struct buf text;
    buf_init(&text);
    config_append_value(&text, server->config, index);
    str copy = arena_copy(arena, buf_str(&text));
    buf_release(&text);
    return copy;
}

static str value_of_key(const struct server *server, struct arena *arena, const char *key)
{
    for (unsigned i = 0; config_setting_at(i) != NULL; i++) {
        if (strcmp(config_setting_at(i)->key, key) == 0) {
            return setting_value(server, arena, i);
        }
    }
    CHECK(false); /* other_settings names one that there is not */
    return str_of(NULL, 0);
}

static status write_settings(const struct server *server, struct arena *arena,
                             const struct row_sink *sink, struct error *err)
{
    const struct config_setting *setting = NULL;
    for (unsigned i = 0; (setting = config_setting_at(i)) != NULL; i++) {
        if (setting->is_used) {
            TRY(write_setting(sink, setting->key, setting_value(server, arena, i), setting->what,
                              err));
        }
    }
    for (size_t i = 0; i < sizeof other_settings / sizeof other_settings[0]; i++) {
        const char *source = other_settings[i].same_as;
        str value = source != NULL ? value_of_key(server, arena, source)
                                   : str_from(other_settings[i].value);
        TRY(write_setting(sink, other_settings[i].name, value, other_settings[i].what, err));
    }
    return STATUS_IS_OK;
}

static status write_cluster(const struct server *server, struct arena *arena,
                            const struct row_sink *sink, struct error *err)
{
    struct utsname machine;
    bool known = uname(&machine) == 0;
    long pages = sysconf(_SC_PHYS_PAGES);
    long page_bytes = sysconf(_SC_PAGESIZE);
    struct row row = {.count = 0};
    add_text(&row, STR_LIT("standalone"));
    add_int(&row, TYPE_BIGINT, 1);
    add_text(&row, STR_LIT("leader"));
    add_text(&row, STR_LIT("active"));
    add_text(&row, STR_LIT(""));
    add_text(&row, system_api_address(server, arena));
    add(&row, value_bool(true));
    add(&row, value_bool(true));
    add_int(&row, TYPE_INT, 1);
    add_int(&row, TYPE_INT, 1);
    add_int(&row, TYPE_BIGINT, 1);
    for (unsigned i = 0; i < 3; i++) {
        add_null(&row, TYPE_BIGINT);
    }
    add_null(&row, TYPE_SMALLINT);
    add_null(&row, TYPE_BIGINT);
    add_text_or_null(&row, TYPE_TEXT, known ? str_from(machine.nodename) : str_of(NULL, 0));
    add_text(&row, STR_LIT(SERVER_VERSION));
    add_int(&row, TYPE_BIGINT, pages > 0 ? (int64_t)pages * page_bytes >> 20 : 0);
    add_int(&row, TYPE_BIGINT, (int64_t)(mem_resident_bytes() >> 20));
    add(&row, (struct value){.type = {.id = TYPE_FLOAT},
                             .as.real = (double)(float)system_cpu_percent(server)});
    add_int(&row, TYPE_BIGINT, (int64_t)system_uptime_s(server));
    add_text(&row, api_human_time(arena, system_uptime_s(server)));
    add_text_or_null(&row, TYPE_TEXT, known ? str_from(machine.sysname) : str_of(NULL, 0));
    add_text_or_null(&row, TYPE_TEXT, known ? str_from(machine.machine) : str_of(NULL, 0));
    return sink->row(sink->context, row.values, err);
}

/* --- cluster groups -----------------------------------------------------------------------------
 */

/* One node, one group, led by itself; there is no replicated log. */
static status write_cluster_groups(const struct row_sink *sink, struct error *err)
{
    struct row row = {.count = 0};
    add_int(&row, TYPE_BIGINT, 1);
    add_text(&row, STR_LIT("standalone"));
    add_int(&row, TYPE_BIGINT, 1);
    add_text(&row, STR_LIT("meta"));
    add_int(&row, TYPE_BIGINT, 1);
    add_null(&row, TYPE_JSON);
    for (unsigned i = 0; i < 5; i++) { /* the log's numbers */
        add_null(&row, TYPE_BIGINT);
    }
    add_text(&row, STR_LIT("leader"));
    add_int(&row, TYPE_BIGINT, 1);
    add_int(&row, TYPE_BIGINT, 0);
    return sink->row(sink->context, row.values, err);
}

/* --- manifest --------------------------------------------------------------------------------- */

/* The text of manifest.json, as it is now. */
static status manifest_text(struct server *server, const struct table *table,
                            const struct manifest_row *row, struct arena *arena, str *out,
                            struct error *err)
{
    struct table_part part;
    struct buf text;
    table_part_init(&part, table, row->owner, arena);
    buf_init(&text);
    status result = store_manifest_json(server->store, &part, &text, err);
    *out = arena_copy(arena, buf_str(&text));
    buf_release(&text);
    return result;
}

/* `namespace:table:` of the cache keys of a table's parts. */
static str cache_key_start(const struct table *table, struct arena *arena)
{
    return arena_format(arena, STR_FMT ":" STR_FMT ":", STR(table->namespace_name),
                        STR(table->name));
}

static str manifest_scope(const struct manifest_row *part)
{
    return part->owner.n > 0 ? part->owner : STR_LIT("shared");
}

/* Rows that no segment holds yet make it pending. */
static str manifest_sync(const struct manifest_row *part)
{
    return part->state.hot_rows > 0 ? STR_LIT("pending_write") : STR_LIT("in_sync");
}

static status write_manifest(struct server *server, const struct table *table,
                             const struct manifest_row *part, struct arena *arena,
                             const struct row_sink *sink, struct error *err)
{
    struct row row = {.count = 0};
    str scope = manifest_scope(part);
    str text = {NULL, 0};
    TRY(manifest_text(server, table, part, arena, &text, err));
    struct value json = value_text(text);
    json.type.id = TYPE_JSON;
    add_text(&row,
             arena_format(arena, STR_FMT STR_FMT, STR(cache_key_start(table, arena)), STR(scope)));
    add_text(&row, table->namespace_name);
    add_text(&row, table->name);
    add_text(&row, scope);
    add_text(&row, arena_format(arena, "%llu", (unsigned long long)part->state.generation));
    add_int(&row, TYPE_TIMESTAMP, part->state.manifest_updated_us);
    add_int(&row, TYPE_TIMESTAMP, part->state.manifest_updated_us);
    add(&row, value_bool(true));
    add_text(&row, manifest_sync(part));
    add(&row, json);
    return sink->row(sink->context, row.values, err);
}

/* SHOW MANIFEST is for everybody: one's own partitions, and the shared tables that one may read.
 * dba and system see all. */
static bool may_see_part(const struct session *session, const struct table *table,
                         const struct manifest_row *part)
{
    struct error ignored;
    return session_is_admin(session) || mutant_is_on("manifest_of_all") ||
           (table->kind == TABLE_SHARED ? status_ok(query_may_read(session, table, &ignored))
                                        : str_eq(part->owner, session->user_id));
}

/* May parts of the table be among those asked for? */
static bool is_asked_for(const struct table *table, const struct system_key *key,
                         struct arena *arena)
{
    return strcmp(key->column, "table_name") == 0
               ? str_eq(table->name, key->text)
               : str_starts_with(key->text, cache_key_start(table, arena));
}

/* Is the part of such a table? Its text need not be read otherwise. */
static bool is_part_asked_for(const struct table *table, const struct manifest_row *part,
                              const struct system_key *key, struct arena *arena)
{
    if (key->column == NULL || strcmp(key->column, "table_name") == 0) {
        return true;
    }
    if (strcmp(key->column, "sync_state") == 0) {
        return str_eq(key->text, manifest_sync(part));
    }
    str start = cache_key_start(table, arena);
    return str_eq(str_skip(key->text, start.n), manifest_scope(part));
}

/* Of one table, or of all (id 0). */
static status write_parts(struct server *server, const struct session *session,
                          const struct catalog_snapshot *snapshot, table_id id,
                          const struct system_key *key, struct arena *arena,
                          const struct row_sink *sink, struct error *err)
{
    struct manifest_row *parts = NULL;
    size_t count = 0;
    store_manifests(server->store, id, arena, &parts, &count);
    for (size_t i = 0; i < count; i++) {
        const struct table *table = snapshot_find_table_id(snapshot, parts[i].table);
        if (table != NULL && may_see_part(session, table, &parts[i]) &&
            is_part_asked_for(table, &parts[i], key, arena)) {
            TRY(write_manifest(server, table, &parts[i], arena, sink, err));
        }
    }
    return STATUS_IS_OK;
}

/* By key or name of the table: the other tables' parts are not looked at. */
static status write_parts_of_key(struct server *server, const struct session *session,
                                 const struct catalog_snapshot *snapshot,
                                 const struct system_key *key, struct arena *arena,
                                 const struct row_sink *sink, struct error *err)
{
    for (unsigned i = 0; i < snapshot->table_count; i++) {
        const struct table *table = snapshot->tables[i];
        if (is_asked_for(table, key, arena)) {
            TRY(write_parts(server, session, snapshot, table->id, key, arena, sink, err));
        }
    }
    return STATUS_IS_OK;
}

static status write_manifests(struct server *server, const struct session *session,
                              const struct system_key *key, struct arena *arena,
                              const struct row_sink *sink, struct error *err)
{
    const struct catalog_snapshot *snapshot = catalog_take(server->catalog);
    bool names_table = key->column != NULL && strcmp(key->column, "sync_state") != 0;
    status result =
        names_table ? write_parts_of_key(server, session, snapshot, key, arena, sink, err)
                    : write_parts(server, session, snapshot, (table_id){0}, key, arena, sink, err);
    catalog_give(snapshot);
    return result;
}

/* --- which ------------------------------------------------------------------------------------ */

status system_rows_write(struct server *server, const struct session *session, str table,
                         const struct system_key *key, struct arena *arena,
                         const struct row_sink *sink, struct error *err)
{
    const struct server_wires *wires = &server->wires;
    struct job_rows jobs = {server, arena, sink, key};
    if (str_eq_c(table, "jobs")) {
        return write_jobs(&jobs, write_job, err);
    }
    if (str_eq_c(table, "job_nodes")) {
        return write_jobs(&jobs, write_job_node, err);
    }
    if (str_eq_c(table, "settings")) {
        return write_settings(server, arena, sink, err);
    }
    if (str_eq_c(table, "cluster")) {
        return write_cluster(server, arena, sink, err);
    }
    if (str_eq_c(table, "stats")) {
        return system_stats_write(server, arena, sink, err);
    }
    if (str_eq_c(table, "manifest")) {
        return write_manifests(server, session, key, arena, sink, err);
    }
    if (str_eq_c(table, "cluster_groups")) {
        return write_cluster_groups(sink, err);
    }
    if (str_eq_c(table, "server_logs")) {
        return system_logs_write(server, arena, sink, err);
    }
    if (str_eq_c(table, "sessions")) {
        return wires->session_rows != NULL
                   ? wires->session_rows(wires->live_context, session, arena, sink, err)
                   : STATUS_IS_OK;
    }
    if (str_eq_c(table, "topics") || str_eq_c(table, "topic_offsets")) {
        return STATUS_IS_OK; /* there are none */
    }
    if (str_eq_c(table, "live")) {
        return wires->live_rows != NULL
                   ? wires->live_rows(wires->live_context, session, arena, sink, err)
                   : STATUS_IS_OK;
    }
    return error_set(err, ERROR_NOT_FOUND, "there is no table system." STR_FMT, STR(table));
}
