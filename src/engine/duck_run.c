/* engine/duck_run.c -- preparing, running and reading statements.
 * For:      a small cache of prepared statements per connection; execution in tasks, streaming;
 * results as batches. Key:      text, NUL, then the parameter types as bytes: a plan is made for
 * types. Touches:  DuckDB. Owns: statements (cache), results (until duck_result_close). Threads:
 * the slot's own. */
#include "base/hash.h"
#include "engine/duck_private.h"

struct duck_result {
    struct duck_conn *conn;
    duckdb_result handle;
    duckdb_data_chunk chunk; /* NULL: none */
    struct duck_reader *readers;
    unsigned column_count;
    struct batch batch; /* columns point into the chunk or a reader's buffers */
    struct arena names;
    duckdb_prepared_statement owned; /* not NULL: a statement made for this result alone */
    bool is_done;
};

/* --- the cache ----------------------------------------------------------------------------------
 */

static void make_key(struct buf *key, str text, const struct type *types, unsigned count)
{
    buf_append_str(key, text);
    buf_append_byte(key, 0);
    for (unsigned i = 0; i < count; i++) {
        buf_append_byte(key, (uint8_t)types[i].id);
        buf_append_byte(key, types[i].precision);
        buf_append_byte(key, types[i].scale);
        buf_append_u16le(key, types[i].dimension);
    }
}

static struct duck_statement *find_statement(struct duck_conn *conn, str key, uint64_t hash)
{
    for (unsigned i = 0; i < DUCK_STATEMENTS_MAX; i++) {
        struct duck_statement *s = conn->statements[i];
        if (s != NULL && s->hash == hash && str_eq(str_of(s->key, s->key_bytes), key)) {
            return s;
        }
    }
    return NULL;
}

static void statement_destroy(struct duck_statement *s)
{
    duckdb_destroy_prepare(&s->prepared);
    mem_free(s->key);
    mem_free(s);
}

/* A free place, or that of the statement used longest ago, which ends. */
static struct duck_statement **take_place(struct duck_conn *conn)
{
    struct duck_statement **oldest = &conn->statements[0];
    for (unsigned i = 0; i < DUCK_STATEMENTS_MAX; i++) {
        struct duck_statement **place = &conn->statements[i];
        if (*place == NULL) {
            return place;
        }
        if ((*place)->used < (*oldest)->used) {
            oldest = place;
        }
    }
    statement_destroy(*oldest);
    *oldest = NULL;
    return oldest;
}

void duck_statements_close(struct duck_conn *conn)
{
    for (unsigned i = 0; i < DUCK_STATEMENTS_MAX; i++) {
        if (conn->statements[i] != NULL) {
            statement_destroy(conn->statements[i]);
            conn->statements[i] = NULL;
        }
    }
}

static void drop_statement(struct duck_conn *conn, struct duck_statement *s)
{
    for (unsigned i = 0; i < DUCK_STATEMENTS_MAX; i++) {
        if (conn->statements[i] == s) {
            conn->statements[i] = NULL;
        }
    }
    statement_destroy(s);
}

static status prepare(struct duck_conn *conn, str text, duckdb_prepared_statement *out,
                      struct error *err)
{
    char *text_c = mem_alloc(text.n + 1);
    memcpy(text_c, text.p, text.n);
    text_c[text.n] = '\0';
    conn->reported.id = ERROR_NONE;
    status result = STATUS_IS_OK;
    if (duckdb_prepare(conn->handle, text_c, out) != DuckDBSuccess) {
        const char *message = duckdb_prepare_error(*out);
        result = duck_error_from(conn, message != NULL ? message : "", err);
        duckdb_destroy_prepare(out);
    }
    mem_free(text_c);
    return result;
}

/* Which place each $n has, and what the engine would like to get there. */
static void read_parameters(struct duck_statement *s, unsigned count)
{
    s->parameter_count = count;
    for (unsigned i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "%u", i + 1);
        idx_t index = 0;
        s->places[i] = 0;
        s->wanted[i] = DUCKDB_TYPE_INVALID;
        if (duckdb_bind_parameter_index(s->prepared, &index, name) == DuckDBSuccess) {
            s->places[i] = index;
            s->wanted[i] = duckdb_param_type(s->prepared, index);
        }
    }
}

status duck_prepare(struct duck_conn *conn, str text, const struct type *parameter_types,
                    unsigned parameter_count, struct duck_statement **out, struct error *err)
{
    CHECK(conn->open == NULL);
    CHECK(parameter_count <= DUCK_PARAMETERS_MAX);
    struct buf key;
    buf_init(&key);
    make_key(&key, text, parameter_types, parameter_count);
    uint64_t hash = hash_bytes(buf_str(&key));
    struct duck_statement *s = find_statement(conn, buf_str(&key), hash);
    uint64_t generation = atomic_count_get(&conn->duck->generation);
    if (s != NULL && (s->runs >= DUCK_STATEMENT_RUNS_MAX || s->generation != generation)) {
        drop_statement(conn, s);
        s = NULL;
    }
    if (s == NULL) {
        duckdb_prepared_statement prepared;
        status result = prepare(conn, text, &prepared, err);
        if (!status_ok(result)) {
            buf_release(&key);
            return result;
        }
        s = mem_alloc_zeroed(sizeof *s);
        s->conn = conn;
        s->key = mem_copy(key.p, key.n);
        s->key_bytes = key.n;
        s->hash = hash;
        s->prepared = prepared;
        s->generation = generation;
        read_parameters(s, parameter_count);
        *take_place(conn) = s;
    }
    buf_release(&key);
    s->used = ++conn->clock;
    *out = s;
    return STATUS_IS_OK;
}

/* --- parameters ---------------------------------------------------------------------------------
 */

static bool integer_fits(duckdb_type wanted, int64_t v, enum type_id *id)
{
    switch (wanted) {
    case DUCKDB_TYPE_SMALLINT:
        *id = TYPE_SMALLINT;
        return v >= INT16_MIN && v <= INT16_MAX;
    case DUCKDB_TYPE_INTEGER:
        *id = TYPE_INT;
        return v >= INT32_MIN && v <= INT32_MAX;
    case DUCKDB_TYPE_BIGINT:
        *id = TYPE_BIGINT;
        return true;
    default:
        return false;
    }
}

/* The model's type behind a type without parameters; NONE: leave the conversion to the engine. */
static enum type_id text_target(duckdb_type wanted)
{
    switch (wanted) {
    case DUCKDB_TYPE_BOOLEAN:
        return TYPE_BOOLEAN;
    case DUCKDB_TYPE_SMALLINT:
        return TYPE_SMALLINT;
    case DUCKDB_TYPE_INTEGER:
        return TYPE_INT;
    case DUCKDB_TYPE_BIGINT:
        return TYPE_BIGINT;
    case DUCKDB_TYPE_FLOAT:
        return TYPE_FLOAT;
    case DUCKDB_TYPE_DOUBLE:
        return TYPE_DOUBLE;
    case DUCKDB_TYPE_TIMESTAMP:
        return TYPE_TIMESTAMP;
    case DUCKDB_TYPE_DATE:
        return TYPE_DATE;
    case DUCKDB_TYPE_TIME:
        return TYPE_TIME;
    case DUCKDB_TYPE_UUID:
        return TYPE_UUID;
    case DUCKDB_TYPE_BLOB:
        return TYPE_BYTES;
    default:
        return TYPE_NONE;
    }
}

/* A parameter in the type that the plan was made for, so that it is not made again: integers that
 * fit, texts by the coercion table. Everything else goes as it is. */
static status fit_parameter(const struct value *v, duckdb_type wanted, unsigned index,
                            struct arena *arena, struct value *out, struct error *err)
{
    enum type_id id;
    *out = *v;
    if (v->is_null) {
        return STATUS_IS_OK;
    }
    bool is_integer =
        v->type.id == TYPE_SMALLINT || v->type.id == TYPE_INT || v->type.id == TYPE_BIGINT;
    if (is_integer && integer_fits(wanted, v->as.integer, &id)) {
        out->type = type_of(id);
        return STATUS_IS_OK;
    }
    if (v->type.id == TYPE_TEXT && text_target(wanted) != TYPE_NONE) {
        str name = arena_format(arena, "$%u", index + 1);
        return value_coerce(v, type_of(text_target(wanted)), name, arena, out, err);
    }
    return STATUS_IS_OK;
}

static status bind_parameters(struct duck_statement *s, const struct value *parameters,
                              struct error *err)
{
    status result = STATUS_IS_OK;
    struct arena arena;
    arena_init(&arena);
    for (unsigned i = 0; i < s->parameter_count; i++) {
        if (s->places[i] == 0) {
            continue; /* the statement does not use it */
        }
        struct value fitted;
        TRY_OUT(fit_parameter(&parameters[i], s->wanted[i], i, &arena, &fitted, err));
        duckdb_value value = duck_value_of(&fitted);
        duckdb_state state = duckdb_bind_value(s->prepared, s->places[i], value);
        duckdb_destroy_value(&value);
        if (state != DuckDBSuccess) {
            result = error_set(err, ERROR_INTERNAL, "parameter $%u cannot be bound", i + 1);
            goto out;
        }
    }
out:
    arena_release(&arena);
    return result;
}

/* --- running ------------------------------------------------------------------------------------
 */

static status run_tasks(struct duck_conn *conn, duckdb_pending_result pending,
                        duckdb_result *result, struct error *err)
{
    for (;;) {
        duckdb_pending_state state = duckdb_pending_execute_task(pending);
        if (state == DUCKDB_PENDING_ERROR) {
            return duck_error_from(conn, duckdb_pending_error(pending), err);
        }
        if (state == DUCKDB_PENDING_RESULT_READY || duckdb_pending_execution_is_finished(state) ||
            state == DUCKDB_PENDING_NO_TASKS_AVAILABLE) {
            break;
        }
        if (duck_watch_reason(conn) != DUCK_STOP_NONE) {
            duckdb_interrupt(conn->handle); /* the next task will notice */
        }
    }
    if (duckdb_execute_pending(pending, result) != DuckDBSuccess) {
        const char *message = duckdb_result_error(result);
        return duck_error_from(conn, message != NULL ? message : "", err);
    }
    return STATUS_IS_OK;
}

static status open_columns(struct duck_result *result, struct error *err)
{
    result->column_count = (unsigned)duckdb_column_count(&result->handle);
    result->readers = mem_alloc_zeroed((result->column_count + 1) * sizeof *result->readers);
    result->batch.columns =
        mem_alloc_zeroed((result->column_count + 1) * sizeof *result->batch.columns);
    result->batch.column_count = result->column_count;
    for (unsigned i = 0; i < result->column_count; i++) {
        str name = arena_copy(&result->names, str_from(duckdb_column_name(&result->handle, i)));
        TRY(duck_reader_open(&result->readers[i], duckdb_column_logical_type(&result->handle, i),
                             name, err));
    }
    return STATUS_IS_OK;
}

static struct duck_result *result_create(struct duck_conn *conn, uint64_t deadline_us)
{
    struct duck_result *result = mem_alloc_zeroed(sizeof *result);
    result->conn = conn;
    arena_init(&result->names);
    arena_init(&result->batch.heap);
    conn->open = result;
    conn->reported.id = ERROR_NONE;
    duck_watch_begin(conn, deadline_us);
    return result;
}

static status execute(struct duck_result *result, duckdb_prepared_statement prepared,
                      struct error *err)
{
    struct duck_conn *conn = result->conn;
    duckdb_pending_result pending = NULL;
    status outcome;
    if (duck_watch_reason(conn) != DUCK_STOP_NONE) {
        return duck_error_from(conn, "INTERRUPT Error: ", err);
    }
    if (duckdb_pending_prepared_streaming(prepared, &pending) != DuckDBSuccess) {
        const char *message = duckdb_pending_error(pending);
        outcome = duck_error_from(conn, message != NULL ? message : "", err);
    } else {
        outcome = run_tasks(conn, pending, &result->handle, err);
    }
    duckdb_destroy_pending(&pending);
    if (status_ok(outcome)) {
        outcome = open_columns(result, err);
    }
    return outcome;
}

status duck_execute(struct duck_statement *statement, const struct value *parameters,
                    unsigned parameter_count, uint64_t deadline_us, struct duck_result **out,
                    struct error *err)
{
    struct duck_conn *conn = statement->conn;
    CHECK(conn->open == NULL);
    CHECK(parameter_count == statement->parameter_count);
    statement->runs++;
    struct duck_result *result = result_create(conn, deadline_us);
    status outcome = bind_parameters(statement, parameters, err);
    if (status_ok(outcome)) {
        outcome = execute(result, statement->prepared, err);
    }
    if (!status_ok(outcome)) {
        duck_result_close(result);
        return outcome;
    }
    *out = result;
    return outcome;
}

status duck_run_once(struct duck_conn *conn, str text, const struct value *parameters,
                     unsigned parameter_count, struct duck_result **out, struct error *err)
{
    CHECK(conn->open == NULL);
    struct duck_statement once = {.conn = conn};
    TRY(prepare(conn, text, &once.prepared, err));
    read_parameters(&once, parameter_count);
    struct duck_result *result = result_create(conn, 0);
    result->owned = once.prepared;
    status outcome = bind_parameters(&once, parameters, err);
    if (status_ok(outcome)) {
        outcome = execute(result, once.prepared, err);
    }
    if (!status_ok(outcome)) {
        duck_result_close(result);
        return outcome;
    }
    *out = result;
    return outcome;
}

status duck_eval_select(struct duck_conn *conn, str text, const struct value *parameters,
                        unsigned parameter_count, struct duck_result **out, struct error *err)
{
    return duck_run_once(conn, text, parameters, parameter_count, out, err);
}

unsigned duck_result_column_count(const struct duck_result *result)
{
    return result->column_count;
}

const struct duck_result_column *duck_result_column(const struct duck_result *result,
                                                    unsigned index)
{
    CHECK(index < result->column_count);
    return &result->readers[index].column;
}

void duck_result_expect(struct duck_result *result, unsigned index, struct type type)
{
    CHECK(index < result->column_count && result->chunk == NULL);
    duck_reader_expect(&result->readers[index], type);
}

static void drop_chunk(struct duck_result *result)
{
    if (result->chunk != NULL) {
        duckdb_destroy_data_chunk(&result->chunk);
    }
    arena_reset(&result->batch.heap);
    result->batch.row_count = 0;
}

status duck_fetch(struct duck_result *result, const struct batch **batch, struct error *err)
{
    drop_chunk(result);
    *batch = NULL;
    if (result->is_done) {
        return STATUS_IS_OK;
    }
    if (duck_watch_reason(result->conn) != DUCK_STOP_NONE) {
        result->is_done = true;
        return duck_error_from(result->conn, "INTERRUPT Error: ", err);
    }
    result->chunk = duckdb_fetch_chunk(result->handle);
    idx_t rows = result->chunk != NULL ? duckdb_data_chunk_get_size(result->chunk) : 0;
    if (rows == 0) {
        result->is_done = true;
        const char *message = duckdb_result_error(&result->handle);
        if (message != NULL && message[0] != '\0') {
            return duck_error_from(result->conn, message, err);
        }
        return STATUS_IS_OK;
    }
    for (unsigned i = 0; i < result->column_count; i++) {
        TRY(duck_reader_view(&result->readers[i], duckdb_data_chunk_get_vector(result->chunk, i),
                             (unsigned)rows, &result->batch.columns[i], &result->batch.heap, err));
    }
    result->batch.row_count = (unsigned)rows;
    *batch = &result->batch;
    return STATUS_IS_OK;
}

/* A result that was not read to its end keeps its scans until the connection's next statement. An
 * empty text, which is never run, ends them now; not when the connection is being interrupted, or
 * memory is short. But scans hold the caller's view: what is still open is closed in any case. */
static void end_scans(struct duck_conn *conn)
{
    duckdb_prepared_statement none = NULL;
    (void)duckdb_prepare(conn->handle, "", &none);
    duckdb_destroy_prepare(&none);
    duck_scans_close(conn);
}

void duck_result_close(struct duck_result *result)
{
    if (result == NULL) {
        return;
    }
    struct duck_conn *conn = result->conn;
    drop_chunk(result);
    duckdb_destroy_result(&result->handle);
    if (!result->is_done || conn->scans != NULL) {
        end_scans(conn);
    }
    if (result->owned != NULL) {
        duckdb_destroy_prepare(&result->owned);
    }
    duck_watch_end(conn);
    conn->open = NULL;
    conn->reported.id = ERROR_NONE;
    if (result->readers != NULL) {
        for (unsigned i = 0; i < result->column_count; i++) {
            duck_reader_close(&result->readers[i]);
        }
    }
    mem_free(result->readers);
    mem_free(result->batch.columns);
    arena_release(&result->batch.heap);
    arena_release(&result->names);
    mem_free(result);
}

/* --- for the gate -------------------------------------------------------------------------------
 */

/* One text in, one text out. */
static status call_on_text(struct duck_conn *conn, const char *sql, str in, struct arena *arena,
                           str *out, struct error *err)
{
    struct type type = type_of(TYPE_TEXT);
    struct value parameter = value_text(in);
    struct duck_statement *statement;
    struct duck_result *rows;
    TRY(duck_prepare(conn, str_from(sql), &type, 1, &statement, err));
    TRY(duck_execute(statement, &parameter, 1, 0, &rows, err));
    const struct batch *batch;
    status result = duck_fetch(rows, &batch, err);
    if (status_ok(result)) {
        struct value cell = batch != NULL ? batch_get(batch, 0, 0) : value_null(type_of(TYPE_TEXT));
        if (cell.is_null) {
            result = error_set(err, ERROR_INTERNAL, "the parser gives no tree");
        } else {
            *out = arena_copy(arena, cell.as.text);
        }
    }
    duck_result_close(rows);
    return result;
}

status duck_parse_select(struct duck_conn *conn, str text, struct arena *arena, str *json,
                         struct error *err)
{
    CHECK(conn->catalog == DUCK_INTERNAL);
    return call_on_text(conn, "SELECT json_serialize_sql($1::VARCHAR)", text, arena, json, err);
}

status duck_print_select(struct duck_conn *conn, str json, struct arena *arena, str *text,
                         struct error *err)
{
    CHECK(conn->catalog == DUCK_INTERNAL);
    return call_on_text(conn, "SELECT json_deserialize_sql($1::VARCHAR::JSON)", json, arena, text,
                        err);
}
