/* tests/unit/query/gate_fixture.c -- see the header. */
#include "unit/query/gate_fixture.h"

#include "base/fs.h"
#include "test.h"

#include <unistd.h>

/* --- rows: 100 messages, id 1..100 in reverse
 * ----------------------------------------------------- */

enum { ROWS = 100 };

struct rows {
    const struct schema *schema;
    unsigned at;
};

static struct value cell_of(const struct schema *schema, unsigned column, int64_t id)
{
    if (column >= schema->column_count) {
        switch (column - schema->column_count) {
        case SYSTEM_SEQ:
            return value_int(TYPE_BIGINT, 1000 + id);
        case SYSTEM_UPDATED:
            return value_int(TYPE_TIMESTAMP, 1700000000000000 + id);
        default:
            return value_bool(false);
        }
    }
    struct type type = schema->columns[column].type;
    switch (type.id) {
    case TYPE_TEXT:
        return value_text(id % 2 == 0 ? STR_LIT("even") : STR_LIT("odd"));
    case TYPE_JSON:
        return (struct value){.type = type,
                              .as.text = STR_LIT("{\"a\":{\"b\":[10,\"x\"]},\"k.e/y\":1}")};
    case TYPE_DECIMAL:
        return (struct value){.type = type, .as.decimal = id * 100 + 99};
    default:
        return (struct value){.type = type, .as.integer = id};
    }
}

static status rows_next(void *state, struct batch *batch, bool *done, struct error *err)
{
    (void)err;
    struct rows *rows = state;
    for (; rows->at < ROWS; rows->at++) {
        for (unsigned c = 0; c < batch->column_count; c++) {
            if (batch->columns[c].is_wanted) {
                struct value v = cell_of(rows->schema, c, ROWS - rows->at);
                batch_set(batch, c, batch->row_count, &v);
            }
        }
        batch->row_count++;
    }
    *done = true;
    return STATUS_IS_OK;
}

static status hot_open(void *context, void *session, const struct duck_scan *scan,
                       struct duck_source *out, struct error *err)
{
    (void)context;
    (void)session;
    (void)err;
    struct rows *rows = mem_alloc_zeroed(sizeof *rows);
    rows->schema = scan->schema;
    *out = (struct duck_source){rows, rows_next, mem_free};
    return STATUS_IS_OK;
}

static status dead_next(void *state, struct batch *batch, bool *done, struct error *err)
{
    (void)state;
    (void)batch;
    (void)err;
    *done = true;
    return STATUS_IS_OK;
}

static status dead_open(void *context, void *session, table_id table, struct duck_source *out,
                        struct error *err)
{
    (void)context;
    (void)session;
    (void)table;
    (void)err;
    *out = (struct duck_source){NULL, dead_next, NULL};
    return STATUS_IS_OK;
}

static status files_list(void *context, void *session, table_id table, struct arena *arena,
                         str **paths, unsigned *count, struct error *err)
{
    (void)session;
    (void)table;
    (void)err;
    *paths = ARENA_ARRAY(arena, str, 1);
    (*paths)[0] = str_from(((struct gate_fixture *)context)->empty);
    *count = 1;
    return STATUS_IS_OK;
}

static const struct duck_column user_columns[] = {
    {{"name", 4}, {.id = TYPE_TEXT}},
    {{"age", 3}, {.id = TYPE_BIGINT}},
};

static status system_columns(void *context, str name, struct arena *arena,
                             const struct duck_column **columns, unsigned *count, struct error *err)
{
    (void)context;
    (void)arena;
    (void)name;
    (void)err;
    *columns = user_columns;
    *count = 2;
    return STATUS_IS_OK;
}

static status system_next(void *state, struct batch *batch, bool *done, struct error *err)
{
    (void)state;
    (void)err;
    struct value name = value_text(STR_LIT("root"));
    struct value age = value_int(TYPE_BIGINT, 7);
    const struct value *cells[] = {&name, &age};
    for (unsigned i = 0; i < 2; i++) {
        if (batch->columns[i].is_wanted) {
            batch_set(batch, i, 0, cells[i]);
        }
    }
    batch->row_count = 1;
    *done = true;
    return STATUS_IS_OK;
}

static status system_open(void *context, void *session, str name, const uint64_t *wanted,
                          struct duck_source *out, struct error *err)
{
    (void)context;
    (void)session;
    (void)name;
    (void)wanted;
    (void)err;
    *out = (struct duck_source){NULL, system_next, NULL};
    return STATUS_IS_OK;
}

static int64_t make_snowflake(void *context)
{
    (void)context;
    return 42;
}
static void make_uuid_v7(void *context, uint8_t out[16])
{
    (void)context;
    memset(out, 7, 16);
}
static void make_ulid(void *context, char out[26])
{
    (void)context;
    memset(out, 'U', 26);
}

/* --- catalog ------------------------------------------------------------------------------------
 */

static status resolve(void *context, str ns, str name, struct gate_decision *out, struct error *err)
{
    struct gate_fixture *f = context;
    f->resolved++;
    memset(out, 0, sizeof *out);
    struct schema *const schemas[] = {f->messages, f->prices, f->shop};
    for (unsigned i = 0; i < 3; i++) {
        if (str_eq(schemas[i]->namespace_name, ns) && str_eq(schemas[i]->table_name, name)) {
            out->kind = GATE_TABLE;
            out->schema = schemas[i];
            return STATUS_IS_OK;
        }
    }
    if (str_eq_c(ns, "system") && str_eq_c(name, "users")) {
        out->kind = GATE_SYSTEM;
        out->columns = user_columns;
        out->column_count = 2;
        return STATUS_IS_OK;
    }
    if (str_eq_c(ns, "app") && str_eq_c(name, "recent")) {
        out->kind = GATE_VIEW;
        out->view_text = STR_LIT("SELECT id, n AS number FROM messages WHERE id > 90");
        out->view_namespace = STR_LIT("app");
        return STATUS_IS_OK;
    }
    if (str_eq_c(ns, "app") && str_eq_c(name, "loop")) {
        out->kind = GATE_VIEW;
        out->view_text = STR_LIT("SELECT * FROM app.loop");
        out->view_namespace = STR_LIT("app");
        return STATUS_IS_OK;
    }
    if (str_eq_c(ns, "app") && str_eq_c(name, "secret")) {
        return error_set(err, ERROR_PERMISSION_DENIED, "not yours");
    }
    return error_set(err, ERROR_TABLE_NOT_FOUND, STR_FMT "." STR_FMT, STR(ns), STR(name));
}

static struct schema *make_schema(uint32_t id, const char *ns, const char *name, bool is_prices)
{
    static const struct {
        const char *name;
        struct type type;
    } definitions[] = {
        {"id", {.id = TYPE_BIGINT}},
        {"body", {.id = TYPE_TEXT}},
        {"n", {.id = TYPE_INT}},
        {"doc", {.id = TYPE_JSON}},
        {"price", {.id = TYPE_DECIMAL, .precision = 10, .scale = 2}},
    };
    struct column columns[5];
    unsigned count = 0;
    for (unsigned i = 0; i < 5; i++) {
        bool is_in = is_prices ? i == 0 || i == 4 : i < 4;
        if (is_in) {
            columns[count] = (struct column){.id = i + 1,
                                             .name = str_from(definitions[i].name),
                                             .type = definitions[i].type,
                                             .ordinal = count + 1,
                                             .is_nullable = i > 0,
                                             .is_primary_key = i == 0,
                                             .default_value = value_null(definitions[i].type),
                                             .absent_value = value_null(definitions[i].type)};
            count++;
        }
    }
    return schema_create((table_id){id}, 3, TABLE_USER, str_from(ns), str_from(name), columns,
                         count);
}

void gate_fixture_open(struct gate_fixture *f)
{
    struct error err;
    memset(f, 0, sizeof *f);
    arena_init(&f->arena);
    snprintf(f->dir, sizeof f->dir, "/tmp/kalam-gate-%d-XXXXXX", (int)getpid());
    EXPECT(mkdtemp(f->dir) != NULL);
    snprintf(f->temp, sizeof f->temp, "%s/temp", f->dir);
    snprintf(f->cold, sizeof f->cold, "%s/cold", f->dir);
    snprintf(f->empty, sizeof f->empty, "%s/empty.parquet", f->cold);
    EXPECT_OK(fs_make_dirs(f->temp, &err), &err);
    EXPECT_OK(fs_make_dirs(f->cold, &err), &err);
    f->messages = make_schema(17, "app", "messages", false);
    f->prices = make_schema(18, "app", "prices", true);
    f->shop = make_schema(19, "shop", "messages", false);
    f->provider = (struct duck_provider){
        .context = f,
        .hot_open = hot_open,
        .dead_open = dead_open,
        .files_list = files_list,
        .system_columns = system_columns,
        .system_open = system_open,
        .make_snowflake = make_snowflake,
        .make_uuid_v7 = make_uuid_v7,
        .make_ulid = make_ulid,
    };
    struct duck_options options = {
        .memory_bytes = (uint64_t)256 << 20,
        .resident_bytes_max = 0,
        .temp_dir = f->temp,
        .temp_bytes_max = (uint64_t)64 << 20,
        .cold_dir = f->cold,
        .slot_count = 1,
        .clock = clock_system(),
        .provider = &f->provider,
    };
    EXPECT_OK(duck_open(&options, &f->duck, &err), &err);
    EXPECT_OK(duck_write_empty(f->empty, &err), &err);
    f->options = (struct gate_options){
        .parser = duck_conn_of(f->duck, 0, DUCK_INTERNAL),
        .default_namespace = STR_LIT("app"),
        .resolve = resolve,
        .context = f,
    };
}

void gate_fixture_close(struct gate_fixture *f)
{
    struct error err;
    duck_close(f->duck);
    schema_give(f->messages);
    schema_give(f->prices);
    schema_give(f->shop);
    arena_release(&f->arena);
    EXPECT_OK(fs_remove_tree(f->dir, &err), &err);
}

str gate_fixture_text(struct gate_fixture *f, const char *sql, struct gate_plan *plan)
{
    struct error err;
    error_clear(&err);
    status result = gate_check(&f->options, str_from(sql), &f->arena, plan, &err);
    if (!status_ok(result)) {
        return arena_format(&f->arena, "ERROR %s: %s", status_name(result.code), err.text);
    }
    return plan->text;
}

static struct value hidden_value(enum gate_hidden hidden)
{
    switch (hidden) {
    case GATE_CURRENT_USER:
        return value_text(STR_LIT("alice"));
    case GATE_CURRENT_ROLE:
        return value_text(STR_LIT("user"));
    case GATE_NOW:
        return value_int(TYPE_TIMESTAMP, 1700000000000000);
    case GATE_TODAY:
        return value_int(TYPE_DATE, 19675);
    default:
        return value_int(TYPE_TIME, 1000000);
    }
}

static void append_batch(struct buf *out, const struct batch *batch)
{
    for (unsigned r = 0; r < batch->row_count; r++) {
        for (unsigned c = 0; c < batch->column_count; c++) {
            struct value v = batch_get(batch, c, r);
            if (c > 0) {
                buf_append_byte(out, '|');
            }
            if (v.is_null) {
                buf_append_c(out, "NULL");
            } else {
                value_append_text(out, &v);
            }
        }
        buf_append_byte(out, '\n');
    }
}

static status run_plan(struct gate_fixture *f, const struct gate_plan *plan,
                       const struct value *params, unsigned param_count, struct buf *out,
                       struct error *err)
{
    struct value all[DUCK_PARAMETERS_MAX];
    struct type types[DUCK_PARAMETERS_MAX];
    unsigned count = 0;
    for (; count < param_count; count++) {
        all[count] = params[count];
    }
    for (unsigned i = 0; i < plan->hidden_count; i++) {
        all[count++] = hidden_value(plan->hidden[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        types[i] = all[i].type;
    }
    enum duck_catalog catalog = DUCK_HOT;
    for (unsigned i = 0; i < plan->table_count; i++) {
        const struct gate_table *t = &plan->tables[i];
        if (t->decision.kind == GATE_TABLE) {
            struct schema *schema = schema_take((struct schema *)(uintptr_t)t->decision.schema);
            status defined = duck_define_table(f->duck, catalog, schema, err);
            if (status_ok(defined) && t->is_read_raw) {
                defined = duck_define_table(f->duck, DUCK_RAW, schema, err);
            }
            schema_give(schema);
            TRY(defined);
        } else if (t->decision.kind == GATE_SYSTEM) {
            TRY(duck_define_system(f->duck, t->namespace_name, t->name, err));
        }
    }
    struct duck_conn *conn = duck_conn_of(f->duck, 0, catalog);
    duck_session_set(conn, f);
    struct duck_statement *statement;
    struct duck_result *result;
    TRY(duck_prepare(conn, plan->text, types, count, &statement, err));
    uint64_t deadline = clock_mono_us(clock_system()) + 20000000;
    TRY(duck_execute(statement, all, count, deadline, &result, err));
    for (unsigned i = 0; i < duck_result_column_count(result); i++) {
        str name = duck_result_column(result, i)->name;
        buf_append_format(out, i == 0 ? STR_FMT : "|" STR_FMT, STR(name));
        if (plan->outputs != NULL) {
            EXPECT_UINT(plan->output_count, duck_result_column_count(result));
            if (!str_eq(plan->outputs[i].name, name)) {
                test_fail(__FILE__, __LINE__, "%.*s: column %u is %.*s, not %.*s", STR(plan->text),
                          i, STR(name), STR(plan->outputs[i].name));
            }
        }
    }
    buf_append_byte(out, '\n');
    const struct batch *batch;
    status outcome;
    while (status_ok(outcome = duck_fetch(result, &batch, err)) && batch != NULL) {
        append_batch(out, batch);
    }
    duck_result_close(result);
    return outcome;
}

str gate_fixture_run(struct gate_fixture *f, const char *sql, const struct value *params,
                     unsigned param_count)
{
    struct gate_plan plan;
    struct error err;
    struct buf out;
    error_clear(&err);
    buf_init(&out);
    f->options.parameter_count = param_count;
    status result = gate_check(&f->options, str_from(sql), &f->arena, &plan, &err);
    if (status_ok(result)) {
        result = run_plan(f, &plan, params, param_count, &out, &err);
    }
    f->options.parameter_count = 0;
    if (!status_ok(result)) {
        buf_clear(&out);
        buf_append_format(&out, "ERROR %s: %s", status_name(result.code), err.text);
    }
    str copy = arena_copy(&f->arena, buf_str(&out));
    buf_release(&out);
    return copy;
}
