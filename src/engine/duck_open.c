/* engine/duck_open.c -- the engine's life: opened, locked down, closed.
 * For:      the order of calls that makes the configuration final (findings of engine.md section
 * 1): every connection is made and set first, since a later one could not be; then the allowed
 *           folder, then no other access, then the lock.
 * Touches:  DuckDB. Owns: the database and all connections.
 * Threads:  duck_open and duck_close: one. */
#include "base/buf.h"
#include "base/log.h"
#include "engine/duck_private.h"

/* All user statements run under these; max_expression_depth bounds planning, which no interrupt
 * stops. */
static const char *const settings_of_connection[] = {
    "SET max_expression_depth=100",
};
/* Files are written on these: only then may a row group be bounded by bytes. With one thread rows
 * keep their order all the same, which whoever reads a segment checks by its seqs. */
static const char *const settings_of_internal[] = {
    "SET SESSION preserve_insertion_order=false",
};
static const char *const settings_of_all[] = {
    "SET GLOBAL TimeZone='UTC'",
    "SET GLOBAL parquet_metadata_cache=true",
};
static const char *const settings_last[] = {
    "SET enable_external_access=false",
    "SET lock_configuration=true",
};
/* After the lock: in-memory catalogs are still allowed. */
static const char *const catalogs[] = {
    "ATTACH ':memory:' AS _k_hot",
    "ATTACH ':memory:' AS _k_all",
    "ATTACH ':memory:' AS _k_raw",
    ("ATTACH ':memory:' AS " DUCK_SYSTEM_CATALOG),
};
static const char *const use_of_catalog[DUCK_CATALOG_COUNT] = {
    [DUCK_HOT] = "USE _k_hot",
    [DUCK_ALL] = "USE _k_all",
    [DUCK_RAW] = "USE _k_raw",
    [DUCK_INTERNAL] = NULL,
};

status duck_run_sql(struct duck_conn *conn, const char *sql, struct error *err)
{
    duckdb_result result;
    memset(&result, 0, sizeof result);
    status outcome = STATUS_IS_OK;
    if (duckdb_query(conn->handle, sql, &result) != DuckDBSuccess) {
        const char *message = duckdb_result_error(&result);
        outcome = duck_error_from(conn, message != NULL ? message : "", err);
    }
    duckdb_destroy_result(&result);
    return outcome;
}

static status run_all(struct duck_conn *conn, const char *const *statements, size_t count,
                      struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        TRY(duck_run_sql(conn, statements[i], err));
    }
    return STATUS_IS_OK;
}
#define RUN_ALL(conn, list, err) run_all((conn), (list), sizeof(list) / sizeof((list)[0]), (err))

static status open_database(struct duck *duck, struct error *err)
{
    duckdb_config config;
    if (duckdb_create_config(&config) != DuckDBSuccess) {
        return error_set(err, ERROR_INTERNAL, "the SQL engine gives no configuration");
    }
    char memory[32];
    char temp[32];
    snprintf(memory, sizeof memory, "%" PRIu64 "B", duck->options.memory_bytes);
    snprintf(temp, sizeof temp, "%" PRIu64 "B", duck->options.temp_bytes_max);
    const char *const pairs[][2] = {
        {"threads", "1"},
        {"memory_limit", memory},
        {"temp_directory", duck->temp_dir},
        {"max_temp_directory_size", temp},
        {"autoinstall_known_extensions", "false"},
        {"autoload_known_extensions", "false"},
        {"allow_community_extensions", "false"},
        {"allow_persistent_secrets", "false"},
        {"integer_division", "true"},
        {"default_null_order", "nulls_last_on_asc_first_on_desc"},
    };
    status result = STATUS_IS_OK;
    char *why = NULL;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (duckdb_set_config(config, pairs[i][0], pairs[i][1]) != DuckDBSuccess) {
            result = error_set(err, ERROR_INTERNAL, "the SQL engine refuses %s=%s", pairs[i][0],
                               pairs[i][1]);
            goto out;
        }
    }
    if (duckdb_open_ext(NULL, &duck->database, config, &why) != DuckDBSuccess) {
        log_error("engine", "open_failed", "text=\"%s\"", why != NULL ? why : "");
        result = error_set(err, ERROR_INTERNAL, "the SQL engine does not open");
    }
out:
    duckdb_free(why);
    duckdb_destroy_config(&config);
    return result;
}

static status open_connections(struct duck *duck, struct error *err)
{
    for (unsigned i = 0; i < duck->conn_count; i++) {
        struct duck_conn *conn = &duck->conns[i];
        conn->duck = duck;
        conn->catalog = conn == duck->ddl ? DUCK_INTERNAL : i % DUCK_CATALOG_COUNT;
        if (duckdb_connect(duck->database, &conn->handle) != DuckDBSuccess) {
            return error_set(err, ERROR_INTERNAL, "the SQL engine gives no connection");
        }
        duckdb_client_context context;
        duckdb_connection_get_client_context(conn->handle, &context);
        conn->id = duckdb_client_context_get_connection_id(context);
        duckdb_destroy_client_context(&context);
        TRY(RUN_ALL(conn, settings_of_connection, err));
        if (conn->catalog == DUCK_INTERNAL) {
            TRY(RUN_ALL(conn, settings_of_internal, err));
        }
    }
    return STATUS_IS_OK;
}

static status lock_down(struct duck *duck, struct error *err)
{
    TRY(RUN_ALL(duck->ddl, settings_of_all, err));
    struct buf sql;
    buf_init(&sql);
    buf_append_c(&sql, "SET allowed_directories=[");
    struct buf dir;
    buf_init(&dir);
    buf_append_c(&dir, duck->cold_dir);
    buf_append_c(&dir, "/");
    duck_append_literal(&sql, buf_str(&dir));
    buf_append_c(&sql, "]");
    buf_append_byte(&sql, 0);
    status result = duck_run_sql(duck->ddl, sql.p, err);
    buf_release(&dir);
    buf_release(&sql);
    TRY(result);
    return RUN_ALL(duck->ddl, settings_last, err);
}

static status make_names(struct duck *duck, struct error *err)
{
    TRY(duck_scan_register(duck, duck->ddl->handle, err));
    TRY(duck_function_register(duck, duck->ddl->handle, err));
    TRY(duck_json_register(duck, duck->ddl->handle, err));
    TRY(duck_cast_register(duck->ddl->handle, err));
    TRY(RUN_ALL(duck->ddl, catalogs, err));
    for (unsigned i = 0; i < duck->conn_count; i++) {
        const char *use = use_of_catalog[duck->conns[i].catalog];
        if (use != NULL) {
            TRY(duck_run_sql(&duck->conns[i], use, err));
        }
    }
    return STATUS_IS_OK;
}

static void close_connections(struct duck *duck)
{
    for (unsigned i = 0; i < duck->conn_count; i++) {
        struct duck_conn *conn = &duck->conns[i];
        CHECK(conn->open == NULL);
        duck_statements_close(conn);
        if (conn->handle != NULL) {
            duckdb_disconnect(&conn->handle);
        }
    }
}

status duck_open(const struct duck_options *options, struct duck **out, struct error *err)
{
    CHECK(options->slot_count > 0);
    CHECK(options->provider != NULL);
    CHECK(options->cold_dir[0] == '/');
    struct duck *duck = mem_alloc_zeroed(sizeof *duck);
    duck->options = *options;
    duck->temp_dir = mem_copy(options->temp_dir, strlen(options->temp_dir) + 1);
    duck->cold_dir = mem_copy(options->cold_dir, strlen(options->cold_dir) + 1);
    duck->options.temp_dir = duck->temp_dir;
    duck->options.cold_dir = duck->cold_dir;
    duck->conn_count = options->slot_count * DUCK_CATALOG_COUNT + 1;
    duck->conns = mem_alloc_zeroed(duck->conn_count * sizeof *duck->conns);
    duck->ddl = &duck->conns[duck->conn_count - 1];
    lock_init(&duck->views_lock, LOCK_ENGINE_VIEWS);
    lock_init(&duck->names_lock, LOCK_ENGINE_NAMES);
    map_init(&duck->tables);
    map_init(&duck->systems);
    duck_watch_start(duck);

    status result;
    TRY_OUT(open_database(duck, err));
    TRY_OUT(open_connections(duck, err));
    TRY_OUT(lock_down(duck, err));
    TRY_OUT(make_names(duck, err));
    *out = duck;
    duck = NULL;
out:
    duck_close(duck);
    return result;
}

void duck_close(struct duck *duck)
{
    if (duck == NULL) {
        return;
    }
    duck_watch_stop(duck);
    close_connections(duck);
    if (duck->database != NULL) {
        duckdb_close(&duck->database);
    }
    duck_view_close(duck);
    lock_release(&duck->names_lock);
    lock_release(&duck->views_lock);
    mem_free(duck->conns);
    mem_free(duck->temp_dir);
    mem_free(duck->cold_dir);
    mem_free(duck);
}

bool duck_is_broken(const struct duck *duck)
{
    return atomic_count_get(&duck->is_broken) != 0;
}

struct duck_conn *duck_conn_of(struct duck *duck, unsigned slot, enum duck_catalog catalog)
{
    CHECK(slot < duck->options.slot_count);
    CHECK(catalog < DUCK_CATALOG_COUNT);
    return &duck->conns[slot * DUCK_CATALOG_COUNT + catalog];
}

struct duck_conn *duck_conn_of_context(struct duck *duck, duckdb_client_context context)
{
    uint64_t id = duckdb_client_context_get_connection_id(context);
    for (unsigned i = 0; i < duck->conn_count; i++) {
        if (duck->conns[i].id == id) {
            return &duck->conns[i];
        }
    }
    check_failed(__FILE__, __LINE__, "a connection of the engine that we did not make");
    return NULL;
}

void duck_session_set(struct duck_conn *conn, void *session)
{
    CHECK(conn->open == NULL);
    conn->session = session;
}

void *duck_session(const struct duck_conn *conn)
{
    return conn->session;
}
