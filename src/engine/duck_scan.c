/* engine/duck_scan.c -- our rows as the engine's table functions.
 * For:      kalam_hot(table, version, raw), kalam_dead(table), kalam_system('ns.name'),
 * kalam_source() (the rows of a running COPY), and kalam_files(table), which the engine folds while
 * it binds. Touches:  the provider, under no lock of ours. Manners:  a session is read when a scan
 * starts, never when it is bound: one plan serves all users. Threads:  the statement's own; the
 * engine runs with one thread. */
#include "engine/duck_private.h"

enum scan_kind { SCAN_HOT, SCAN_DEAD, SCAN_SYSTEM, SCAN_SOURCE };

/* What a bound table function knows; shared by all executions of the plan, so nothing of a session.
 */
struct bound_scan {
    enum scan_kind kind;
    struct duck_conn *conn;
    table_id table;
    struct schema *schema; /* HOT, SOURCE: counted */
    bool want_deleted;     /* HOT: of a view in RAW */
    char *name;            /* SYSTEM */
    struct type *types;    /* of all columns */
    unsigned column_count;
};

/* One run of it. */
struct running_scan {
    struct duck_conn *conn;
    struct duck_source source;
    bool is_open; /* then it is in conn->scans */
    bool is_done;
    struct running_scan *next_open;
    struct batch *batch;
    unsigned
        *outputs; /* column of the batch per projected column; UINT_MAX: a row number, any value */
    unsigned output_count;
};

static void bound_release(void *p)
{
    struct bound_scan *bound = p;
    schema_give(bound->schema);
    mem_free(bound->name);
    mem_free(bound->types);
    mem_free(bound);
}

static void open_add(struct running_scan *run)
{
    run->is_open = true;
    run->next_open = run->conn->scans;
    run->conn->scans = run;
}

static void open_close(struct running_scan *run)
{
    struct running_scan **link = &run->conn->scans;
    while (*link != run) {
        CHECK(*link != NULL);
        link = &(*link)->next_open;
    }
    *link = run->next_open;
    run->is_open = false;
    run->is_done = true;
    if (run->source.close != NULL) {
        run->source.close(run->source.state);
    }
}

void duck_scans_close(struct duck_conn *conn)
{
    while (conn->scans != NULL) {
        open_close(conn->scans);
    }
}

static void running_release(void *p)
{
    struct running_scan *run = p;
    if (run->is_open) {
        open_close(run);
    }
    if (run->batch != NULL) {
        batch_destroy(run->batch);
    }
    mem_free(run->outputs);
    mem_free(run);
}

/* --- bind ---------------------------------------------------------------------------------------
 */

static struct bound_scan *bound_create(duckdb_bind_info info, enum scan_kind kind)
{
    struct duck *duck = duckdb_bind_get_extra_info(info);
    duckdb_client_context context;
    duckdb_table_function_get_client_context(info, &context);
    struct bound_scan *bound = mem_alloc_zeroed(sizeof *bound);
    bound->kind = kind;
    bound->conn = duck_conn_of_context(duck, context);
    duckdb_destroy_client_context(&context);
    return bound;
}

static void bound_add_column(struct bound_scan *bound, duckdb_bind_info info, str name,
                             struct type type)
{
    char *name_c = mem_alloc(name.n + 1);
    memcpy(name_c, name.p, name.n);
    name_c[name.n] = '\0';
    duckdb_logical_type logical = duck_type_of(type);
    duckdb_bind_add_result_column(info, name_c, logical);
    duckdb_destroy_logical_type(&logical);
    mem_free(name_c);
    bound->types[bound->column_count++] = type;
}

static void bound_add_schema(struct bound_scan *bound, duckdb_bind_info info)
{
    unsigned count = duck_scan_column_count(bound->schema);
    bound->types = mem_alloc(count * sizeof *bound->types);
    for (unsigned i = 0; i < count; i++) {
        struct duck_column column = duck_scan_column(bound->schema, i);
        bound_add_column(bound, info, column.name, column.type);
    }
}

static uint32_t number_parameter(duckdb_bind_info info, idx_t index)
{
    duckdb_value value = duckdb_bind_get_parameter(info, index);
    int64_t number = duckdb_get_int64(value);
    duckdb_destroy_value(&value);
    return (uint32_t)number;
}

/* The registered schema of (table, version), counted; NULL: views of it were dropped. */
static struct schema *find_schema(struct duck *duck, table_id table, uint32_t version)
{
    char name[DUCK_SCHEMA_NAME_BYTES];
    duck_schema_name(table, version, name);
    lock_take(&duck->names_lock);
    struct duck_table *entry = map_find(&duck->tables, str_from(name));
    struct schema *schema = entry != NULL ? schema_take(entry->schema) : NULL;
    lock_give(&duck->names_lock);
    return schema;
}

static void bind_hot(duckdb_bind_info info)
{
    struct bound_scan *bound = bound_create(info, SCAN_HOT);
    struct duck *duck = bound->conn->duck;
    bound->table = (table_id){number_parameter(info, 0)};
    bound->schema = find_schema(duck, bound->table, number_parameter(info, 1));
    bound->want_deleted = number_parameter(info, 2) != 0;
    if (bound->schema == NULL) {
        struct error err;
        status gone = error_set(&err, ERROR_CONFLICT, "a table of the statement has just changed");
        CHECK(!status_ok(gone));
        duckdb_bind_set_error(info, duck_report(bound->conn, &err));
        bound_release(bound);
        return;
    }
    bound_add_schema(bound, info);
    const struct duck_provider *provider = duck->options.provider;
    if (provider->hot_count != NULL) {
        uint64_t rows = provider->hot_count(provider->context, bound->conn->session, bound->table);
        duckdb_bind_set_cardinality(info, rows, false);
    }
    duckdb_bind_set_bind_data(info, bound, bound_release);
}

static void bind_dead(duckdb_bind_info info)
{
    struct bound_scan *bound = bound_create(info, SCAN_DEAD);
    bound->table = (table_id){number_parameter(info, 0)};
    bound->types = mem_alloc(sizeof *bound->types);
    bound_add_column(bound, info, STR_LIT("seq"), type_of(TYPE_BIGINT));
    /* Few beside the segments, so the build side of the anti join, however many they are. Said to
     * be exact: a guess would keep the engine from counting by the files' row counts. */
    duckdb_bind_set_cardinality(info, 1, true);
    duckdb_bind_set_bind_data(info, bound, bound_release);
}

static void bind_source(duckdb_bind_info info)
{
    struct bound_scan *bound = bound_create(info, SCAN_SOURCE);
    const struct duck_write *write = bound->conn->write;
    if (write == NULL) {
        bound_release(bound);
        duckdb_bind_set_error(info, "no source");
        return;
    }
    /* the source belongs to its writer's call, which outlives the plan */
    bound->schema = schema_take((struct schema *)(uintptr_t)write->schema);
    bound_add_schema(bound, info);
    duckdb_bind_set_bind_data(info, bound, bound_release);
}

static void bind_system(duckdb_bind_info info)
{
    struct bound_scan *bound = bound_create(info, SCAN_SYSTEM);
    const struct duck_provider *provider = bound->conn->duck->options.provider;
    duckdb_value value = duckdb_bind_get_parameter(info, 0);
    char *name = duckdb_get_varchar(value);
    duckdb_destroy_value(&value);
    bound->name = mem_copy(name, strlen(name) + 1);
    duckdb_free(name);

    struct arena arena;
    arena_init(&arena);
    struct error err;
    const struct duck_column *columns;
    unsigned count;
    status found = provider->system_columns(provider->context, str_from(bound->name), &arena,
                                            &columns, &count, &err);
    if (status_ok(found)) {
        bound->types = mem_alloc(count * sizeof *bound->types);
        for (unsigned i = 0; i < count; i++) {
            bound_add_column(bound, info, columns[i].name, columns[i].type);
        }
        duckdb_bind_set_bind_data(info, bound, bound_release);
    } else {
        duckdb_bind_set_error(info, duck_report(bound->conn, &err));
        bound_release(bound);
    }
    arena_release(&arena);
}

/* --- init ---------------------------------------------------------------------------------------
 */

static status open_source(const struct bound_scan *bound, const uint64_t *wanted,
                          struct duck_source *out, struct error *err)
{
    struct duck_conn *conn = bound->conn;
    const struct duck_provider *provider = conn->duck->options.provider;
    if (bound->kind == SCAN_SOURCE) {
        CHECK(conn->write != NULL && !conn->write_is_started);
        conn->write_is_started = true;
        *out = conn->write->source;
        return STATUS_IS_OK;
    }
    if (conn->session == NULL) {
        return error_set(err, ERROR_INTERNAL, "a statement runs without a session");
    }
    switch (bound->kind) {
    case SCAN_HOT: {
        struct duck_scan scan = {.schema = bound->schema,
                                 .wanted = wanted,
                                 .column_count = bound->column_count,
                                 .want_deleted = bound->want_deleted};
        return provider->hot_open(provider->context, conn->session, &scan, out, err);
    }
    case SCAN_DEAD:
        return provider->dead_open(provider->context, conn->session, bound->table, out, err);
    case SCAN_SYSTEM:
        return provider->system_open(provider->context, conn->session, str_from(bound->name),
                                     wanted, out, err);
    case SCAN_SOURCE:
        break;
    }
    check_failed(__FILE__, __LINE__, "a kind of scan");
    return STATUS_IS_OK;
}

static void init_scan(duckdb_init_info info)
{
    const struct bound_scan *bound = duckdb_init_get_bind_data(info);
    struct running_scan *run = mem_alloc_zeroed(sizeof *run);
    run->conn = bound->conn;
    run->output_count = (unsigned)duckdb_init_get_column_count(info);
    run->outputs = mem_alloc_zeroed((run->output_count + 1) * sizeof *run->outputs);
    duckdb_init_set_max_threads(info, 1);
    duckdb_init_set_init_data(info, run, running_release);

    uint64_t wanted[(LIMIT_COLUMNS + SYSTEM_COLUMN_COUNT) / 64 + 1] = {0};
    CHECK(bound->column_count <= LIMIT_COLUMNS + SYSTEM_COLUMN_COUNT);
    for (unsigned i = 0; i < run->output_count; i++) {
        idx_t column = duckdb_init_get_column_index(info, i);
        run->outputs[i] = column < bound->column_count ? (unsigned)column : UINT_MAX;
        if (run->outputs[i] != UINT_MAX) {
            wanted[column / 64] |= (uint64_t)1 << (column % 64);
        }
    }
    run->batch = batch_create(bound->types, bound->column_count);
    for (unsigned i = 0; i < bound->column_count; i++) {
        run->batch->columns[i].is_wanted = duck_bit(wanted, i);
    }
    struct error err;
    error_clear(&err);
    if (status_ok(open_source(bound, wanted, &run->source, &err))) {
        open_add(run);
    } else {
        duckdb_init_set_error(info, duck_report(run->conn, &err));
    }
}

/* --- rows ---------------------------------------------------------------------------------------
 */

static bool is_stopped(struct duck_conn *conn)
{
    return conn->is_watched && duck_watch_reason(conn) != DUCK_STOP_NONE;
}

static void next_rows(duckdb_function_info info, duckdb_data_chunk chunk)
{
    struct running_scan *run = duckdb_function_get_init_data(info);
    struct batch *batch = run->batch;
    struct error err;
    error_clear(&err);
    batch_reset(batch);
    while (!run->is_done && batch->row_count == 0) {
        batch_reset(batch);
        if (is_stopped(run->conn)) {
            status stopped = duck_error_of_stop(run->conn, &err);
            CHECK(!status_ok(stopped));
            duckdb_function_set_error(info, duck_report(run->conn, &err));
            return;
        }
        if (!status_ok(run->source.next(run->source.state, batch, &run->is_done, &err))) {
            run->is_done = true;
            duckdb_function_set_error(info, duck_report(run->conn, &err));
            return;
        }
    }
    CHECK(batch->row_count <= LIMIT_BATCH_ROWS);
    for (unsigned i = 0; i < run->output_count; i++) {
        if (run->outputs[i] != UINT_MAX && batch->row_count > 0) {
            duck_vector_fill(duckdb_data_chunk_get_vector(chunk, i),
                             &batch->columns[run->outputs[i]], batch->row_count);
        }
    }
    duckdb_data_chunk_set_size(chunk, batch->row_count);
}

/* --- kalam_files --------------------------------------------------------------------------------
 */

static void *conn_copy(void *p)
{
    struct duck_conn **copy = mem_alloc(sizeof *copy);
    *copy = *(struct duck_conn **)p;
    return copy;
}

static void bind_files(duckdb_bind_info info)
{
    struct duck *duck = duckdb_scalar_function_bind_get_extra_info(info);
    duckdb_client_context context;
    duckdb_scalar_function_get_client_context(info, &context);
    struct duck_conn *conn = duck_conn_of_context(duck, context);
    duckdb_destroy_client_context(&context);
    duckdb_scalar_function_set_bind_data(info, conn_copy(&conn), mem_free);
    duckdb_scalar_function_set_bind_data_copy(info, conn_copy);
}

static void run_files(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    struct duck_conn *conn = *(struct duck_conn **)duckdb_scalar_function_get_bind_data(info);
    const struct duck_provider *provider = conn->duck->options.provider;
    const int32_t *tables = duckdb_vector_get_data(duckdb_data_chunk_get_vector(input, 0));
    idx_t rows = duckdb_data_chunk_get_size(input);
    duckdb_list_entry *lists = duckdb_vector_get_data(output);
    idx_t used = 0;
    struct arena arena;
    arena_init(&arena);
    for (idx_t row = 0; row < rows; row++) {
        struct error err;
        str *paths = NULL;
        unsigned count = 0;
        error_clear(&err);
        status found =
            provider->files_list(provider->context, conn->session,
                                 (table_id){(uint32_t)tables[row]}, &arena, &paths, &count, &err);
        if (status_ok(found) && count == 0) {
            found = error_set(&err, ERROR_INTERNAL, "a list of segments is empty");
        }
        if (!status_ok(found)) {
            duckdb_scalar_function_set_error(info, duck_report(conn, &err));
            break;
        }
        lists[row] = (duckdb_list_entry){used, count};
        duckdb_list_vector_reserve(output, used + count);
        duckdb_list_vector_set_size(output, used + count);
        duckdb_vector items = duckdb_list_vector_get_child(output);
        for (unsigned i = 0; i < count; i++) {
            duckdb_vector_assign_string_element_len(items, used + i, paths[i].p, paths[i].n);
        }
        used += count;
    }
    arena_release(&arena);
}

/* --- registration -------------------------------------------------------------------------------
 */

static status register_table_function(struct duck *duck, duckdb_connection handle, const char *name,
                                      duckdb_table_function_bind_t bind, unsigned parameter_count,
                                      duckdb_type parameter, struct error *err)
{
    duckdb_table_function function = duckdb_create_table_function();
    duckdb_table_function_set_name(function, name);
    duckdb_logical_type type = duckdb_create_logical_type(parameter);
    for (unsigned i = 0; i < parameter_count; i++) {
        duckdb_table_function_add_parameter(function, type);
    }
    duckdb_destroy_logical_type(&type);
    duckdb_table_function_set_extra_info(function, duck, NULL);
    duckdb_table_function_set_bind(function, bind);
    duckdb_table_function_set_init(function, init_scan);
    duckdb_table_function_set_function(function, next_rows);
    duckdb_table_function_supports_projection_pushdown(function, true);
    duckdb_state state = duckdb_register_table_function(handle, function);
    duckdb_destroy_table_function(&function);
    if (state != DuckDBSuccess) {
        return error_set(err, ERROR_INTERNAL, "the SQL engine refuses the function %s", name);
    }
    return STATUS_IS_OK;
}

static status register_files(struct duck *duck, duckdb_connection handle, struct error *err)
{
    duckdb_scalar_function function = duckdb_create_scalar_function();
    duckdb_scalar_function_set_name(function, "kalam_files");
    duckdb_logical_type number = duckdb_create_logical_type(DUCKDB_TYPE_INTEGER);
    duckdb_logical_type text = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    duckdb_logical_type list = duckdb_create_list_type(text);
    duckdb_scalar_function_add_parameter(function, number);
    duckdb_scalar_function_set_return_type(function, list);
    duckdb_scalar_function_set_extra_info(function, duck, NULL);
    duckdb_scalar_function_set_bind(function, bind_files);
    duckdb_scalar_function_set_function(function, run_files);
    duckdb_state state = duckdb_register_scalar_function(handle, function);
    duckdb_destroy_logical_type(&list);
    duckdb_destroy_logical_type(&text);
    duckdb_destroy_logical_type(&number);
    duckdb_destroy_scalar_function(&function);
    if (state != DuckDBSuccess) {
        return error_set(err, ERROR_INTERNAL, "the SQL engine refuses the function kalam_files");
    }
    return STATUS_IS_OK;
}

status duck_scan_register(struct duck *duck, duckdb_connection handle, struct error *err)
{
    TRY(register_table_function(duck, handle, "kalam_hot", bind_hot, 3, DUCKDB_TYPE_INTEGER, err));
    TRY(register_table_function(duck, handle, "kalam_dead", bind_dead, 1, DUCKDB_TYPE_INTEGER,
                                err));
    TRY(register_table_function(duck, handle, "kalam_system", bind_system, 1, DUCKDB_TYPE_VARCHAR,
                                err));
    TRY(register_table_function(duck, handle, "kalam_source", bind_source, 0, DUCKDB_TYPE_INTEGER,
                                err));
    return register_files(duck, handle, err);
}
