/* tests/unit/query/eval_differential_test.c -- Goal: sql/eval gives the answer of the SQL engine
 * for all that it accepts. Method: generated expressions over a table of edge values; each goes
 * through sql/eval row by row, and as a SELECT through the gate and the engine; cells are compared
 * as texts. Ours may refuse, at binding or with an error; it may never answer something else. */
#include "base/fs.h"
#include "base/hash.h"
#include "query/gate.h"
#include "sql/eval.h"
#include "sql/select_text.h"
#include "sql/sql.h"
#include "test.h"

#include <unistd.h>

enum {
    EXPRESSIONS = 5400,
    EXACT_EXPRESSIONS = 800,
    ROWS = 8,
    COLUMNS = 11,       /* of the table without DECIMAL, where 1.5 is a DOUBLE to the engine */
    EXACT_COLUMNS = 14, /* of the other */
    SEED = 20261122
};

/* --- the table ----------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    struct type type;
} columns[EXACT_COLUMNS] = {
    {"id", {.id = TYPE_BIGINT}},
    {"n", {.id = TYPE_INT}},
    {"si", {.id = TYPE_SMALLINT}},
    {"d", {.id = TYPE_DOUBLE}},
    {"t", {.id = TYPE_TEXT}},
    {"s", {.id = TYPE_TEXT}},
    {"b", {.id = TYPE_BOOLEAN}},
    {"ts", {.id = TYPE_TIMESTAMP}},
    {"da", {.id = TYPE_DATE}},
    {"j", {.id = TYPE_JSON}},
    {"bl", {.id = TYPE_BYTES}},
    {"small", {.id = TYPE_DECIMAL, .precision = 5, .scale = 2}},
    {"money", {.id = TYPE_DECIMAL, .precision = 18, .scale = 4}},
    {"wide", {.id = TYPE_DECIMAL, .precision = 38, .scale = 10}},
};

struct world {
    char dir[64];
    char temp[80];
    char cold[80];
    struct duck_provider provider;
    struct duck *duck;
    struct schema *schema;
    struct gate_options options;
    struct arena arena; /* of one expression */
    struct arena all;
    unsigned column_count;
    struct value cells[ROWS][EXACT_COLUMNS];
};

static struct value number(enum type_id id, int64_t v)
{
    return value_int(id, v);
}

static struct value decimal(unsigned column, const char *text)
{
    struct value v = {.type = columns[column].type};
    EXPECT(decimal_parse(str_from(text), v.type.precision, v.type.scale, &v.as.decimal));
    return v;
}

static void fill_decimals(struct world *w)
{
    static const char *const cells[3][ROWS] = {
        {"0", "999.99", "-999.99", "0.01", "-0.01", "12.5", "100", "-1"},
        {"99999999999999.9999", "-99999999999999.9999", "0", "0.0001", "-0.5", "33", "1e9", "-2"},
        {"9999999999999999999999999999.9999999999", "-9999999999999999999999999999.9999999999",
         "12345678901234567890.1234567891", "0.0000000001", "-0.0000000001", "1", "-7.25", "0"}};
    for (unsigned r = 0; r < ROWS; r++) {
        for (unsigned k = 0; k < 3; k++) {
            w->cells[r][COLUMNS + k] = decimal(COLUMNS + k, cells[k][r]);
        }
    }
    w->cells[6][COLUMNS] = value_null(columns[COLUMNS].type);
}

static void fill(struct world *w)
{
    static const int64_t ids[ROWS] = {1, 2, 3, 4, INT64_MAX, INT64_MIN, -7, 0};
    static const int64_t ns[ROWS] = {0, -1, 5, INT32_MAX, INT32_MIN, 7, 100, 3};
    static const int64_t sis[ROWS] = {0, 1, -1, INT16_MAX, INT16_MIN, 12, 3, 2};
    static const double ds[ROWS] = {0, -0.0, 1.5, -2.25, 1e300, 0.1, 3, 1e-9};
    static const char *const ts[ROWS] = {
        "", "a", "A%_b", "12", " 7 ", "\xc3\xa4\xc3\x9f", "2024-02-29", "true"};
    static const char *const js[ROWS] = {
        "{\"a\":1}",
        "{\"a\":{\"b\":[1,\"x\",null]},\"k\":\"v\"}",
        "[1,2,3]",
        "null",
        "\"text\"",
        "{\"a\":true,\"a\":2, \"f\" : [ 1.50 , -0,1e400 ],\"n\":{\"x y\":12345678901234567890.5}}",
        "{\"k\":\"\\u00e4\\n\\\"\"}",
        "{}"};
    static const str bls[ROWS] = {{"", 0},      {"abc", 3},        {"\0\xff", 2}, {"\0", 1},
                                  {"\\x00", 4}, {"\xff\xff\0", 3}, {"abc\0", 4},  {"a", 1}};
    for (unsigned r = 0; r < ROWS; r++) {
        struct value *c = w->cells[r];
        c[0] = number(TYPE_BIGINT, ids[r]);
        c[1] = number(TYPE_INT, ns[r]);
        c[2] = number(TYPE_SMALLINT, sis[r]);
        c[3] = value_double(ds[r]);
        c[4] = value_text(str_from(ts[r]));
        c[5] = value_text(str_from(ts[(r * 3 + 1) % ROWS]));
        c[6] = value_bool(r % 2 == 0);
        c[7] = number(TYPE_TIMESTAMP, (int64_t)r * 86399999999 - 1000000);
        c[8] = number(TYPE_DATE, (int64_t)r * 366 - 1);
        c[9] = (struct value){.type = {.id = TYPE_JSON}, .as.text = str_from(js[r])};
        c[10] = (struct value){.type = {.id = TYPE_BYTES}, .as.text = bls[r]};
        for (unsigned k = 1; k < COLUMNS; k++) {
            if ((r * 5 + k * 3) % 11 == 0) {
                c[k] = value_null(columns[k].type);
            }
        }
        if (r == 4) {
            c[9] = value_null(columns[9].type);
        }
    }
}

static status rows_next(void *state, struct batch *batch, bool *done, struct error *err)
{
    (void)err;
    struct world *w = state;
    for (unsigned r = 0; r < ROWS; r++) {
        for (unsigned c = 0; c < batch->column_count; c++) {
            struct value seq = number(TYPE_BIGINT, r);
            struct value updated = number(TYPE_TIMESTAMP, 0);
            struct value deleted = value_bool(false);
            const struct value *cell = c < w->column_count        ? &w->cells[r][c]
                                       : c == w->column_count     ? &seq
                                       : c == w->column_count + 1 ? &updated
                                                                  : &deleted;
            if (batch->columns[c].is_wanted) {
                batch_set(batch, c, r, cell);
            }
        }
    }
    batch->row_count = ROWS;
    *done = true;
    return STATUS_IS_OK;
}

static status hot_open(void *context, void *session, const struct duck_scan *scan,
                       struct duck_source *out, struct error *err)
{
    (void)session, (void)scan, (void)err;
    *out = (struct duck_source){context, rows_next, NULL};
    return STATUS_IS_OK;
}

static status resolve_table(void *context, str ns, str name, struct gate_decision *out,
                            struct error *err)
{
    struct world *w = context;
    (void)ns, (void)name, (void)err;
    *out = (struct gate_decision){.kind = GATE_TABLE, .schema = w->schema};
    return STATUS_IS_OK;
}

static void world_open(struct world *w, unsigned column_count)
{
    struct error err;
    memset(w, 0, sizeof *w);
    w->column_count = column_count;
    arena_init(&w->arena);
    arena_init(&w->all);
    snprintf(w->dir, sizeof w->dir, "/tmp/kalam-eval-%d-XXXXXX", (int)getpid());
    EXPECT(mkdtemp(w->dir) != NULL);
    snprintf(w->temp, sizeof w->temp, "%s/temp", w->dir);
    snprintf(w->cold, sizeof w->cold, "%s/cold", w->dir);
    EXPECT_OK(fs_make_dirs(w->temp, &err), &err);
    EXPECT_OK(fs_make_dirs(w->cold, &err), &err);
    fill(w);
    fill_decimals(w);
    struct column list[EXACT_COLUMNS];
    for (unsigned i = 0; i < column_count; i++) {
        list[i] = (struct column){.id = i + 1,
                                  .name = str_from(columns[i].name),
                                  .type = columns[i].type,
                                  .ordinal = i + 1,
                                  .is_nullable = i > 0,
                                  .is_primary_key = i == 0,
                                  .default_value = value_null(columns[i].type),
                                  .absent_value = value_null(columns[i].type)};
    }
    w->schema = schema_create((table_id){1}, 1, TABLE_USER, STR_LIT("app"), STR_LIT("tab"), list,
                              column_count);
    w->provider = (struct duck_provider){.context = w, .hot_open = hot_open};
    struct duck_options options = {
        .memory_bytes = (uint64_t)256 << 20,
        .temp_dir = w->temp,
        .temp_bytes_max = (uint64_t)64 << 20,
        .cold_dir = w->cold,
        .slot_count = 1,
        .clock = clock_system(),
        .provider = &w->provider,
    };
    EXPECT_OK(duck_open(&options, &w->duck, &err), &err);
    EXPECT_OK(duck_define_table(w->duck, DUCK_HOT, w->schema, &err), &err);
    w->options = (struct gate_options){.parser = duck_conn_of(w->duck, 0, DUCK_INTERNAL),
                                       .default_namespace = STR_LIT("app"),
                                       .resolve = resolve_table,
                                       .context = w};
}

static void world_close(struct world *w)
{
    struct error err;
    duck_close(w->duck);
    schema_give(w->schema);
    arena_release(&w->arena);
    arena_release(&w->all);
    EXPECT_OK(fs_remove_tree(w->dir, &err), &err);
}

/* --- expressions --------------------------------------------------------------------------------
 */

enum want { WANT_NUMBER, WANT_TEXT, WANT_BOOL, WANT_TIME, WANT_BYTES, WANT_COUNT };

struct generator {
    struct rng rng;
    struct buf out;
    bool has_branch; /* AND, OR, CASE, coalesce: ours looks at less than the engine */
};

static unsigned pick(struct generator *g, unsigned count)
{
    return (unsigned)rng_below(&g->rng, count);
}

static void put(struct generator *g, const char *text)
{
    buf_append_c(&g->out, text);
}

#define PICK_OF(g, list) (list)[pick((g), sizeof(list) / sizeof((list)[0]))]

static void make(struct generator *g, enum want want, unsigned depth);

static void make_leaf(struct generator *g, enum want want)
{
    static const char *const numbers[] = {"id",    "n",   "si",         "d",     "0",    "1",
                                          "-1",    "2",   "7",          "100",   "1.5",  "0.1",
                                          "-2.25", "3.0", "2147483647", "32767", "NULL", "id"};
    static const char *const texts[] = {"t",      "s",          "''",   "'a'",
                                        "'12'",   "'A%'",       "'_b'", "'2024-02-29'",
                                        "'x''y'", "'\xc3\xa4'", "NULL", "t"};
    static const char *const bools[] = {"b", "true", "false", "NULL", "b"};
    static const char *const times[] = {"ts", "da", "ts", "da", "NULL"};
    static const char *const bytes[] = {"bl",      "bl",     "'abc'", "'\\x00ff'",
                                        "X'00ff'", "'\\x0'", "X''",   "'\\x5c783030'"};
    switch (want) {
    case WANT_NUMBER:
        put(g, PICK_OF(g, numbers));
        break;
    case WANT_TEXT:
        put(g, PICK_OF(g, texts));
        break;
    case WANT_BOOL:
        put(g, PICK_OF(g, bools));
        break;
    case WANT_BYTES:
        put(g, PICK_OF(g, bytes));
        break;
    default:
        put(g, PICK_OF(g, times));
        break;
    }
}

static void make_pair(struct generator *g, enum want want, const char *op, unsigned depth)
{
    put(g, "(");
    make(g, want, depth);
    put(g, op);
    make(g, want, depth);
    put(g, ")");
}

static void make_call(struct generator *g, const char *name, enum want want, unsigned count,
                      unsigned depth)
{
    put(g, name);
    put(g, "(");
    for (unsigned i = 0; i < count; i++) {
        if (i > 0) {
            put(g, ", ");
        }
        make(g, want, depth);
    }
    put(g, ")");
}

static void make_case(struct generator *g, enum want want, unsigned depth)
{
    g->has_branch = true;
    put(g, "CASE");
    for (unsigned i = 0, whens = 1 + pick(g, 2); i < whens; i++) {
        put(g, " WHEN ");
        make(g, WANT_BOOL, depth);
        put(g, " THEN ");
        make(g, want, depth);
    }
    if (pick(g, 3) > 0) {
        put(g, " ELSE ");
        make(g, want, depth);
    }
    put(g, " END");
}

static void make_cast(struct generator *g, const char *type, unsigned depth)
{
    put(g, "CAST(");
    make(g, (enum want)pick(g, WANT_COUNT), depth);
    put(g, " AS ");
    put(g, type);
    put(g, ")");
}

static void make_number(struct generator *g, unsigned depth)
{
    static const char *const ops[] = {" + ", " - ", " * ", " / ", " % "};
    static const char *const types[] = {"BIGINT", "INT", "SMALLINT", "DOUBLE"};
    switch (pick(g, 9)) {
    case 0:
    case 1:
    case 2:
    case 3:
        make_pair(g, WANT_NUMBER, PICK_OF(g, ops), depth);
        break;
    case 4:
        make_call(g, "abs", WANT_NUMBER, 1, depth);
        break;
    case 5:
        make_call(g, "length", WANT_TEXT, 1, depth);
        break;
    case 6:
        make_cast(g, PICK_OF(g, types), depth);
        break;
    case 7:
        put(g, "(- ");
        make(g, WANT_NUMBER, depth);
        put(g, ")");
        break;
    default:
        g->has_branch = true;
        make_call(g, pick(g, 2) == 0 ? "coalesce" : "nullif", WANT_NUMBER, 2, depth);
        break;
    }
}

static void make_json_text(struct generator *g)
{
    static const char *const paths[] = {"j->>'a'",
                                        "j->>'k'",
                                        "j->'a'->>'b'",
                                        "j->'a'",
                                        "j->'a'->'b'->>1",
                                        "j->>0",
                                        "j->2",
                                        "json_as_text(j, 'a', 'b', 0)",
                                        "j->'a'->'b'->2",
                                        "json_get_json(j, 'k')",
                                        "j->'f'",
                                        "j->>-1",
                                        "s->'a'",
                                        "j->'n'->>'x y'",
                                        "'{\"q\":[7]}'->'q'->>0",
                                        "t->>'a'"};
    put(g, PICK_OF(g, paths));
}

static void make_text(struct generator *g, unsigned depth)
{
    switch (pick(g, 8)) {
    case 0:
        make_pair(g, WANT_TEXT, " || ", depth);
        break;
    case 1:
        make_call(g, "lower", WANT_TEXT, 1, depth);
        break;
    case 2:
        make_call(g, "upper", WANT_TEXT, 1, depth);
        break;
    case 3:
        make_call(g, "concat", WANT_TEXT, 1 + pick(g, 3), depth);
        break;
    case 4:
        make_cast(g, "TEXT", depth);
        break;
    case 5:
    case 6:
        make_json_text(g);
        break;
    default:
        g->has_branch = true;
        make_call(g, pick(g, 2) == 0 ? "coalesce" : "nullif", WANT_TEXT, 2, depth);
        break;
    }
}

static void make_in(struct generator *g, enum want want, unsigned depth)
{
    put(g, "(");
    make(g, want, depth);
    put(g, pick(g, 2) == 0 ? " IN (" : " NOT IN (");
    for (unsigned i = 0, count = 1 + pick(g, 4); i < count; i++) {
        if (i > 0) {
            put(g, ", ");
        }
        make_leaf(g, want);
    }
    put(g, "))");
}

static void make_like(struct generator *g, unsigned depth)
{
    static const char *const patterns[] = {"'a%'",    "'%'", "'_'",   "'%b'",
                                           "'A\\%%'", "''",  "'%2%'", "s"};
    static const char *const ops[] = {" LIKE ", " NOT LIKE ", " ILIKE ", " NOT ILIKE "};
    put(g, "(");
    make(g, WANT_TEXT, depth);
    put(g, PICK_OF(g, ops));
    put(g, PICK_OF(g, patterns));
    put(g, ")");
}

static void make_bool(struct generator *g, unsigned depth)
{
    static const char *const compares[] = {" = ", " <> ", " < ", " <= ", " > ", " >= ", " != "};
    static const char *const tests[] = {" IS NULL", " IS NOT NULL"};
    static const char *const truths[] = {" IS TRUE", " IS NOT TRUE", " IS FALSE", " IS NOT FALSE"};
    enum want want = (enum want)pick(g, WANT_COUNT);
    switch (pick(g, 11)) {
    case 0:
    case 1:
    case 2:
        make_pair(g, want, PICK_OF(g, compares), depth);
        break;
    case 3:
        g->has_branch = true;
        make_pair(g, WANT_BOOL, pick(g, 2) == 0 ? " AND " : " OR ", depth);
        break;
    case 4:
        put(g, "(NOT ");
        make(g, WANT_BOOL, depth);
        put(g, ")");
        break;
    case 5:
        put(g, "(");
        make(g, want, depth);
        put(g, PICK_OF(g, tests));
        put(g, ")");
        break;
    case 6:
        put(g, "(");
        make(g, WANT_BOOL, depth);
        put(g, PICK_OF(g, truths));
        put(g, ")");
        break;
    case 7:
        make_in(g, want, depth);
        break;
    case 8:
        put(g, "(");
        make(g, want, depth);
        put(g, pick(g, 2) == 0 ? " BETWEEN " : " NOT BETWEEN ");
        make(g, want, depth);
        put(g, " AND ");
        make(g, want, depth);
        put(g, ")");
        break;
    case 9:
        make_like(g, depth);
        break;
    default:
        put(g, pick(g, 2) == 0 ? "json_contains(j, 'a')" : "(j ? 'k')");
        break;
    }
}

static void make(struct generator *g, enum want want, unsigned depth)
{
    if (depth == 0 || pick(g, 4) == 0) {
        make_leaf(g, want);
        return;
    }
    depth--;
    if (pick(g, 12) == 0) {
        make_case(g, want, depth);
        return;
    }
    switch (want) {
    case WANT_NUMBER:
        make_number(g, depth);
        break;
    case WANT_TEXT:
        make_text(g, depth);
        break;
    case WANT_BOOL:
        make_bool(g, depth);
        break;
    default:
        if (want == WANT_BYTES && pick(g, 3) == 0) {
            make_cast(g, "BYTEA", depth);
        } else if (want == WANT_TIME && pick(g, 3) == 0) {
            make_cast(g, pick(g, 2) == 0 ? "TIMESTAMP" : "DATE", depth);
        } else {
            make_leaf(g, want);
        }
        break;
    }
}

/* --- both ways ----------------------------------------------------------------------------------
 */

static bool resolve_column(void *context, str ns, str table, str name, unsigned *index,
                           struct type *type)
{
    (void)context, (void)ns, (void)table;
    for (unsigned i = 0; i < EXACT_COLUMNS; i++) {
        if (str_eq_nocase(name, str_from(columns[i].name))) {
            *index = i;
            *type = columns[i].type;
            return true;
        }
    }
    return false;
}

static str cell_text(struct arena *arena, const struct value *v)
{
    if (v->is_null) {
        return STR_LIT("NULL");
    }
    struct buf text;
    buf_init(&text);
    value_append_text(&text, v);
    str copy = arena_copy(arena, buf_str(&text));
    buf_release(&text);
    return copy;
}

/* Ours: the cells, or where it went wrong. False: refused when bound. */
struct answer {
    bool is_error;
    str cells[ROWS];
    str error;
};

static bool ask_eval(struct world *w, str text, struct answer *answer)
{
    struct error err;
    struct expr *tree;
    const struct eval *bound;
    struct eval_session session = {.user_id = STR_LIT("alice"), .role = "user"};
    struct eval_scope scope = {.resolve = resolve_column};
    EXPECT_OK(sql_parse_expr(text, &w->arena, &tree, &err), &err);
    if (!status_ok(eval_bind(tree, &scope, &w->arena, &bound, &err))) {
        return false;
    }
    for (unsigned r = 0; r < ROWS && !answer->is_error; r++) {
        struct value out;
        struct eval_input input = {.columns = w->cells[r], .session = &session};
        if (status_ok(eval_run(bound, &input, &w->arena, &out, &err))) {
            answer->cells[r] = cell_text(&w->arena, &out);
        } else {
            answer->is_error = true;
            answer->error = arena_copy(&w->arena, str_from(err.text));
        }
    }
    return true;
}

static status run_engine(struct world *w, str text, struct answer *answer, struct error *err)
{
    struct gate_plan plan;
    struct duck_statement *statement;
    struct duck_result *result;
    const struct batch *batch;
    str sql = arena_format(&w->arena, "SELECT " STR_FMT " AS x FROM tab ORDER BY _seq", STR(text));
    TRY(select_text_rewrite(sql, &w->arena, &sql, err));
    TRY(gate_check(&w->options, sql, &w->arena, &plan, err));
    struct duck_conn *conn = duck_conn_of(w->duck, 0, DUCK_HOT);
    duck_session_set(conn, w);
    TRY(duck_prepare(conn, plan.text, NULL, 0, &statement, err));
    TRY(duck_execute(statement, NULL, 0, 0, &result, err));
    status outcome = duck_fetch(result, &batch, err);
    for (unsigned r = 0; status_ok(outcome) && batch != NULL && r < ROWS; r++) {
        struct value v = batch_get(batch, 0, r);
        answer->cells[r] = cell_text(&w->arena, &v);
    }
    duck_result_close(result);
    return outcome;
}

static void ask_engine(struct world *w, str text, struct answer *answer)
{
    struct error err;
    error_clear(&err);
    if (!status_ok(run_engine(w, text, answer, &err))) {
        answer->is_error = true;
        answer->error = arena_copy(&w->arena, str_from(err.text));
    }
}

/* True: the two agree, or ours says nothing. */
static bool agree(const struct answer *ours, const struct answer *engine, bool has_branch, str text)
{
    if (ours->is_error) {
        return true;
    }
    if (engine->is_error) {
        if (!has_branch) {
            printf("%.*s: ours answers, the engine says \"%.*s\"\n", STR(text), STR(engine->error));
        }
        return has_branch;
    }
    for (unsigned r = 0; r < ROWS; r++) {
        if (!str_eq(ours->cells[r], engine->cells[r])) {
            printf("%.*s: row %u: ours %.*s, the engine %.*s\n", STR(text), r, STR(ours->cells[r]),
                   STR(engine->cells[r]));
            return false;
        }
    }
    return true;
}

struct tally {
    unsigned accepted; /* when bound */
    unsigned answered; /* without an error in any row */
    unsigned wrong;
};

static void ask_both(struct world *w, const struct generator *g, struct tally *tally)
{
    str text = arena_copy(&w->arena, buf_str(&g->out));
    struct answer ours = {.is_error = false};
    struct answer engine = {.is_error = false};
    if (ask_eval(w, text, &ours)) {
        tally->accepted++;
        tally->answered += !ours.is_error;
        if (!ours.is_error) {
            ask_engine(w, text, &engine);
        }
        tally->wrong += !agree(&ours, &engine, g->has_branch, text);
    }
    arena_reset(&w->arena);
}

TEST(eval_run_agrees_with_the_engine_on_generated_expressions)
{
    struct world w;
    world_open(&w, COLUMNS);
    struct generator g = {.has_branch = false};
    struct tally tally = {0};
    rng_init(&g.rng, SEED);
    buf_init(&g.out);
    for (unsigned i = 0; tally.accepted < EXPRESSIONS; i++) {
        EXPECT(i < EXPRESSIONS * 4); /* most must be accepted, or nothing is tested */
        buf_clear(&g.out);
        g.has_branch = false;
        make(&g, (enum want)(i % WANT_COUNT), 1 + i % 3);
        ask_both(&w, &g, &tally);
    }
    buf_release(&g.out);
    world_close(&w);
    EXPECT_UINT(tally.wrong, 0);
    EXPECT(tally.answered >= 5000);
}

static void make_exact(struct generator *g, unsigned depth)
{
    static const char *const leaves[] = {"small", "money", "wide", "small", "money",
                                         "n",     "si",    "id",   "2",     "-1",
                                         "1.5",   "0.01",  "-2.2", "NULL"};
    static const char *const ops[] = {" + ", " - ", " * "};
    if (depth == 0) {
        put(g, PICK_OF(g, leaves));
        return;
    }
    put(g, pick(g, 8) == 0 ? "(- " : "(");
    make_exact(g, depth - 1);
    put(g, PICK_OF(g, ops));
    make_exact(g, pick(g, depth));
    put(g, ")");
}

TEST(eval_run_on_decimals_agrees_with_the_engine_to_the_last_digit)
{
    static const char *const compares[] = {" = ", " < ", " >= "};
    struct world w;
    world_open(&w, EXACT_COLUMNS);
    struct generator g = {.has_branch = false};
    struct tally tally = {0};
    rng_init(&g.rng, SEED);
    buf_init(&g.out);
    for (unsigned i = 0; tally.accepted < EXACT_EXPRESSIONS; i++) {
        EXPECT(i < EXACT_EXPRESSIONS * 4);
        buf_clear(&g.out);
        make_exact(&g, 1 + i % 3);
        if (i % 5 == 0) {
            put(&g, PICK_OF(&g, compares));
            make_exact(&g, 0);
        }
        ask_both(&w, &g, &tally);
    }
    buf_release(&g.out);
    world_close(&w);
    EXPECT_UINT(tally.wrong, 0);
    EXPECT(tally.answered >= EXACT_EXPRESSIONS / 4); /* the others overflow in some row */
}
