/* tests/unit/engine/duck_fixture.c -- see the header. */
#include "unit/engine/duck_fixture.h"
#include "base/fs.h"
#include "test.h"

#include <unistd.h>

/* --- sources ------------------------------------------------------------------------------------
 */

struct rows_source {
    struct fixture_session *session; /* NULL: a source for COPY */
    const struct value *cells;
    unsigned row_count;
    unsigned column_count;
    unsigned at;
    unsigned fail_after;
    uint64_t rounds; /* left after this one */
};

static status rows_next(void *state, struct batch *batch, bool *done, struct error *err)
{
    struct rows_source *s = state;
    while (batch->row_count < LIMIT_BATCH_ROWS && (s->at < s->row_count || s->rounds > 0)) {
        if (s->at == s->row_count) {
            s->at = 0;
            s->rounds--;
        }
        if (s->fail_after != 0 && s->at >= s->fail_after) {
            return error_set(err, ERROR_CORRUPT, "row %u is damaged", s->at);
        }
        for (unsigned c = 0; c < s->column_count; c++) {
            if (batch->columns[c].is_wanted) {
                batch_set(batch, c, batch->row_count, &s->cells[s->at * s->column_count + c]);
            }
        }
        batch->row_count++;
        s->at++;
    }
    *done = s->at == s->row_count && s->rounds == 0;
    return STATUS_IS_OK;
}

static void rows_close(void *state)
{
    struct rows_source *s = state;
    if (s->session != NULL) {
        s->session->closed++;
    }
    mem_free(s);
}

struct duck_source fixture_source(const struct value *cells, unsigned row_count,
                                  unsigned column_count)
{
    struct rows_source *s = mem_alloc_zeroed(sizeof *s);
    s->cells = cells;
    s->row_count = row_count;
    s->column_count = column_count;
    return (struct duck_source){s, rows_next, rows_close};
}

/* --- provider -----------------------------------------------------------------------------------
 */

static struct fixture_table *find_table(struct fixture_session *session, table_id table)
{
    for (unsigned i = 0; session != NULL && i < session->table_count; i++) {
        if (session->tables[i].table.v == table.v) {
            return &session->tables[i];
        }
    }
    return NULL;
}

static status hot_open(void *context, void *session_p, const struct duck_scan *scan,
                       struct duck_source *out, struct error *err)
{
    (void)context;
    (void)err;
    struct fixture_session *session = session_p;
    struct fixture_table *table = find_table(session, scan->schema->table);
    struct duck_source source =
        fixture_source(table != NULL ? table->cells : NULL, table != NULL ? table->row_count : 0,
                       scan->column_count);
    struct rows_source *s = source.state;
    s->session = session;
    session->opened++;
    session->last_wanted = scan->wanted[0];
    if (table != NULL) {
        EXPECT(table->column_count == scan->column_count);
        s->fail_after = table->fail_after;
        s->rounds = table->repeat > 0 ? table->repeat - 1 : 0;
    }
    *out = source;
    return STATUS_IS_OK;
}

struct dead_source {
    const int64_t *dead;
    unsigned count;
    unsigned at;
};

static status dead_next(void *state, struct batch *batch, bool *done, struct error *err)
{
    (void)err;
    struct dead_source *s = state;
    for (; s->at < s->count && batch->row_count < LIMIT_BATCH_ROWS; s->at++) {
        struct value v = value_int(TYPE_BIGINT, s->dead[s->at]);
        batch_set(batch, 0, batch->row_count++, &v);
    }
    *done = s->at == s->count;
    return STATUS_IS_OK;
}

static status dead_open(void *context, void *session, table_id table, struct duck_source *out,
                        struct error *err)
{
    (void)context;
    (void)err;
    struct fixture_table *t = find_table(session, table);
    struct dead_source *s = mem_alloc_zeroed(sizeof *s);
    s->dead = t != NULL ? t->dead : NULL;
    s->count = t != NULL ? t->dead_count : 0;
    *out = (struct duck_source){s, dead_next, mem_free};
    return STATUS_IS_OK;
}

static status files_list(void *context, void *session, table_id table, struct arena *arena,
                         str **paths, unsigned *count, struct error *err)
{
    (void)err;
    struct fixture *f = context;
    struct fixture_table *t = find_table(session, table);
    bool has_files = t != NULL && t->path_count > 0;
    *count = has_files ? t->path_count : 1;
    *paths = ARENA_ARRAY(arena, str, *count);
    for (unsigned i = 0; i < *count; i++) {
        (*paths)[i] = has_files ? t->paths[i] : str_from(f->empty);
    }
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
    if (!str_eq_c(name, "system.users")) {
        return error_set(err, ERROR_TABLE_NOT_FOUND, STR_FMT, STR(name));
    }
    *columns = user_columns;
    *count = 2;
    return STATUS_IS_OK;
}

static status system_next(void *state, struct batch *batch, bool *done, struct error *err)
{
    (void)err;
    const struct fixture_session *session = state;
    struct value name = value_text(str_from(session->user));
    struct value age = value_int(TYPE_BIGINT, 42);
    if (batch->columns[0].is_wanted) {
        batch_set(batch, 0, 0, &name);
    }
    if (batch->columns[1].is_wanted) {
        batch_set(batch, 1, 0, &age);
    }
    batch->row_count = 1;
    *done = true;
    return STATUS_IS_OK;
}

static status system_open(void *context, void *session, str name, const uint64_t *wanted,
                          struct duck_source *out, struct error *err)
{
    (void)context;
    (void)name;
    (void)wanted;
    (void)err;
    *out = (struct duck_source){session, system_next, NULL};
    return STATUS_IS_OK;
}

static int64_t make_snowflake(void *context)
{
    return ++((struct fixture *)context)->next_id;
}
static void make_uuid_v7(void *context, uint8_t out[16])
{
    memset(out, 0, 16);
    out[15] = (uint8_t)++((struct fixture *)context)->next_id;
}
static void make_ulid(void *context, char out[26])
{
    memset(out, '0', 26);
    out[25] = (char)('0' + ++((struct fixture *)context)->next_id % 10);
}

/* --- the engine ---------------------------------------------------------------------------------
 */

void fixture_open(struct fixture *f, unsigned slots)
{
    struct error err;
    memset(f, 0, sizeof *f);
    arena_init(&f->arena);
    snprintf(f->dir, sizeof f->dir, "/tmp/kalam-duck-%d-XXXXXX", (int)getpid());
    EXPECT(mkdtemp(f->dir) != NULL);
    snprintf(f->temp, sizeof f->temp, "%s/temp", f->dir);
    snprintf(f->cold, sizeof f->cold, "%s/cold", f->dir);
    snprintf(f->empty, sizeof f->empty, "%s/empty.parquet", f->cold);
    EXPECT_OK(fs_make_dirs(f->temp, &err), &err);
    EXPECT_OK(fs_make_dirs(f->cold, &err), &err);
    fake_clock_init(&f->clock, 1700000000000000);
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
    f->options = (struct duck_options){
        .memory_bytes = (uint64_t)256 << 20,
        .temp_dir = f->temp,
        .temp_bytes_max = (uint64_t)64 << 20,
        .cold_dir = f->cold,
        .slot_count = slots,
        .clock = &f->clock.clock,
        .provider = &f->provider,
    };
    EXPECT_OK(duck_open(&f->options, &f->duck, &err), &err);
    EXPECT_OK(duck_write_empty(f->empty, &err), &err);
}

void fixture_close(struct fixture *f)
{
    struct error err;
    duck_close(f->duck);
    arena_release(&f->arena);
    EXPECT_OK(fs_remove_tree(f->dir, &err), &err);
}

/* --- tables -------------------------------------------------------------------------------------
 */

static struct column make_column(uint32_t id, const char *name, struct type type)
{
    struct column c = {.id = id,
                       .name = str_from(name),
                       .type = type,
                       .ordinal = id,
                       .is_nullable = true,
                       .absent_value = value_null(type)};
    c.default_value = value_null(type);
    return c;
}

struct schema *fixture_schema(uint32_t id, uint32_t version, bool is_wide)
{
    struct column columns[24];
    unsigned n = 0;
    columns[n] = make_column(n + 1, "id", type_of(TYPE_BIGINT));
    columns[n].is_primary_key = true;
    columns[n++].is_nullable = false;
    columns[n] = make_column(n + 1, "body", type_of(TYPE_TEXT));
    n++;
    columns[n] = make_column(n + 1, "n", type_of(TYPE_INT));
    n++;
    if (is_wide) {
        static const struct {
            const char *name;
            struct type type;
        } wide[] = {
            {"b", {.id = TYPE_BOOLEAN}},
            {"si", {.id = TYPE_SMALLINT}},
            {"f", {.id = TYPE_FLOAT}},
            {"d", {.id = TYPE_DOUBLE}},
            {"ts", {.id = TYPE_TIMESTAMP}},
            {"dt", {.id = TYPE_DATETIME}},
            {"da", {.id = TYPE_DATE}},
            {"ti", {.id = TYPE_TIME}},
            {"j", {.id = TYPE_JSON}},
            {"by", {.id = TYPE_BYTES}},
            {"e", {.id = TYPE_EMBEDDING, .dimension = 3}},
            {"u", {.id = TYPE_UUID}},
            {"d4", {.id = TYPE_DECIMAL, .precision = 4, .scale = 2}},
            {"d9", {.id = TYPE_DECIMAL, .precision = 9, .scale = 2}},
            {"d18", {.id = TYPE_DECIMAL, .precision = 18, .scale = 2}},
            {"d38", {.id = TYPE_DECIMAL, .precision = 38, .scale = 10}},
            {"fi", {.id = TYPE_FILE}},
        };
        for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
            columns[n] = make_column(n + 1, wide[i].name, wide[i].type);
            n++;
        }
    }
    return schema_create((table_id){id}, version, TABLE_USER, STR_LIT("app"), STR_LIT("messages"),
                         columns, n);
}

unsigned fixture_column_count(const struct schema *schema)
{
    return schema->column_count + schema_system_column_count(schema);
}

static struct value make_cell(struct fixture *f, struct type type, int64_t id, unsigned column)
{
    struct value v = {.type = type};
    if (id % 7 == 3 && column > 0) {
        return value_null(type);
    }
    switch (type.id) {
    case TYPE_BOOLEAN:
        v.as.boolean = id % 2 == 0;
        break;
    case TYPE_SMALLINT:
        v.as.integer = id % 30000;
        break;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        v.as.real = (double)id * 0.5;
        break;
    case TYPE_TEXT:
        v.as.text = id % 2 == 0 ? arena_format(&f->arena, "s%" PRId64, id)
                                : arena_format(&f->arena, "a longer text number %" PRId64, id);
        break;
    case TYPE_FILE:
    case TYPE_JSON:
        v.as.text = arena_format(&f->arena, "{\"id\":%" PRId64 ",\"tags\":[\"a\",\"b\"]}", id);
        break;
    case TYPE_BYTES:
        v.as.text = arena_format(&f->arena, "\x01\xff%" PRId64, id);
        break;
    case TYPE_EMBEDDING: {
        float items[3] = {(float)id, 1.0F, -2.5F};
        v.as.text = arena_copy(&f->arena, str_of(items, sizeof items));
        break;
    }
    case TYPE_UUID:
        for (unsigned i = 0; i < 16; i++) {
            v.as.uuid[i] = (uint8_t)((uint64_t)id * 37 + i * 11);
        }
        break;
    case TYPE_DECIMAL:
        v.as.decimal = type.precision == 4 ? (int128)(id % 9999) : (int128)id * 101 - 50;
        break;
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
        v.as.integer = 1700000000000000 + id;
        break;
    default:
        v.as.integer = id;
        break;
    }
    return v;
}

struct value *fixture_rows(struct fixture *f, const struct schema *schema, int64_t first,
                           unsigned count)
{
    unsigned columns = fixture_column_count(schema);
    struct value *cells = ARENA_ARRAY(&f->arena, struct value, (size_t)columns * count);
    for (unsigned r = 0; r < count; r++) {
        struct value *row = &cells[(size_t)r * columns];
        int64_t id = first + r;
        for (unsigned c = 0; c < schema->column_count; c++) {
            row[c] = make_cell(f, schema->columns[c].type, id, c);
        }
        row[schema->column_count] = value_int(TYPE_BIGINT, id);
        row[schema->column_count + 1] = value_int(TYPE_TIMESTAMP, 1700000000000000 + id);
        row[schema->column_count + 2] = value_bool(false);
    }
    return cells;
}

struct fixture_table *fixture_add(struct fixture_session *session, const struct schema *schema,
                                  const struct value *cells, unsigned row_count)
{
    EXPECT(session->table_count < FIXTURE_TABLES);
    struct fixture_table *table = &session->tables[session->table_count++];
    *table = (struct fixture_table){.table = schema->table,
                                    .cells = cells,
                                    .row_count = row_count,
                                    .column_count = fixture_column_count(schema)};
    return table;
}

str fixture_path(struct fixture *f, const char *name)
{
    return arena_format(&f->arena, "%s/%s", f->cold, name);
}

/* --- queries ------------------------------------------------------------------------------------
 */

static void append_rows(struct buf *out, const struct batch *batch)
{
    for (unsigned r = 0; r < batch->row_count; r++) {
        for (unsigned c = 0; c < batch->column_count; c++) {
            struct value v = batch_get(batch, c, r);
            if (c > 0) {
                buf_append_byte(out, '|');
            }
            if (v.is_null) {
                buf_append_c(out, "NULL");
            } else if (v.type.id == TYPE_EMBEDDING || v.type.id == TYPE_BYTES) {
                struct error err;
                EXPECT_OK(value_append_json(out, &v, &err), &err);
            } else {
                value_append_text(out, &v);
            }
        }
        buf_append_byte(out, '\n');
    }
}

str fixture_query(struct fixture *f, unsigned slot, enum duck_catalog catalog,
                  struct fixture_session *session, const char *text, const struct value *parameters,
                  unsigned parameter_count)
{
    struct duck_conn *conn = duck_conn_of(f->duck, slot, catalog);
    struct type types[DUCK_PARAMETERS_MAX];
    for (unsigned i = 0; i < parameter_count; i++) {
        types[i] = parameters[i].type;
    }
    struct error err;
    struct buf out;
    buf_init(&out);
    struct duck_statement *statement;
    struct duck_result *result = NULL;
    const struct batch *batch;
    duck_session_set(conn, session);
    status outcome = duck_prepare(conn, str_from(text), types, parameter_count, &statement, &err);
    if (status_ok(outcome)) {
        outcome = duck_execute(statement, parameters, parameter_count, 0, &result, &err);
    }
    while (status_ok(outcome)) {
        outcome = duck_fetch(result, &batch, &err);
        if (!status_ok(outcome) || batch == NULL) {
            break;
        }
        append_rows(&out, batch);
    }
    duck_result_close(result);
    duck_session_set(conn, NULL);
    if (!status_ok(outcome)) {
        buf_clear(&out);
        buf_append_format(&out, "ERROR %s: %s", status_name(outcome.code), err.text);
    }
    str copy = arena_copy(&f->arena, buf_str(&out));
    buf_release(&out);
    return copy;
}
