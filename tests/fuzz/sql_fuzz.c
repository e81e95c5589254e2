/* tests/fuzz/sql_fuzz.c -- bytes as a batch of SQL.
 * Holds: splitting and parsing end with a status and read nothing outside; every piece lies inside
 * the batch; an expression printed and parsed again is the same tree; the rewriting for the engine
 * gives a text that splits into one statement again; a bound expression runs without harm over a
 * row of NULLs. */
#include "base/check.h"
#include "base/mem.h"
#include "sql/eval.h"
#include "sql/print.h"
#include "sql/select_text.h"
#include "sql/sql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Four columns for every name: by its length. */
static bool resolve(void *context, str ns, str table, str name, unsigned *index, struct type *type)
{
    static const enum type_id types[] = {TYPE_INT, TYPE_TEXT, TYPE_JSON, TYPE_DOUBLE};
    (void)context, (void)ns, (void)table;
    *index = (unsigned)(name.n % 4);
    *type = type_of(types[*index]);
    return true;
}

static void run(const struct expr *e, struct arena *arena)
{
    static const struct eval_session session = {.role = "user"};
    struct type param_types[] = {{.id = TYPE_TEXT}, {.id = TYPE_BIGINT}};
    struct value params[] = {value_text(STR_LIT("5")), value_int(TYPE_BIGINT, 5)};
    struct value rows[2][4] = {
        {value_int(TYPE_INT, 7),
         value_text(STR_LIT("a%b")),
         {.type = {.id = TYPE_JSON}, .as.text = STR_LIT("{\"a\":[1,{\"b\":null}]}")},
         value_double(2.5)},
        {value_null(type_of(TYPE_INT)), value_null(type_of(TYPE_TEXT)),
         value_null(type_of(TYPE_JSON)), value_null(type_of(TYPE_DOUBLE))}};
    struct eval_scope scope = {.resolve = resolve, .param_types = param_types, .param_count = 2};
    const struct eval *bound = NULL;
    struct error err;
    if (!status_ok(eval_bind(e, &scope, arena, &bound, &err))) {
        return;
    }
    for (int i = 0; i < 2; i++) {
        struct eval_input input = {.columns = rows[i], .params = params, .session = &session};
        struct value v;
        if (status_ok(eval_run(bound, &input, arena, &v, &err)) && !v.is_null) {
            CHECK(type_eq(v.type, eval_type(bound)));
        }
    }
}

static void check_expr(const struct expr *e, struct arena *arena)
{
    if (e == NULL || e->kind == EXPR_STAR || e->kind == EXPR_DEFAULT) {
        return;
    }
    run(e, arena);
    if (e->has_engine) {
        return;
    }
    struct buf text;
    struct expr *again = NULL;
    struct error err;
    buf_init(&text);
    sql_print_expr(&text, e);
    str printed = arena_copy(arena, buf_str(&text));
    buf_release(&text);
    CHECK(status_ok(sql_parse_expr(printed, arena, &again, &err)));
    CHECK(expr_equal(e, again));
}

static void check_items(const struct select_list *list, struct arena *arena)
{
    for (unsigned i = 0; i < list->count; i++) {
        check_expr(list->items[i].expr, arena);
    }
}

static void check_assignments(const struct assignment_list *list, struct arena *arena)
{
    for (unsigned i = 0; i < list->count; i++) {
        check_expr(list->items[i].value, arena);
    }
}

static void check_insert(const struct insert_part *part, struct arena *arena)
{
    for (unsigned i = 0; i < part->row_count; i++) {
        CHECK(part->rows[i].count == part->rows[0].count);
        for (unsigned j = 0; j < part->rows[i].count; j++) {
            check_expr(part->rows[i].items[j], arena);
        }
    }
    check_assignments(&part->conflict.sets, arena);
    check_expr(part->conflict.where, arena);
    check_items(&part->returning, arena);
}

static void check_statement(const struct statement *s, struct arena *arena)
{
    struct error err;
    str rewritten;
    switch (s->kind) {
    case STATEMENT_SELECT:
        if (s->as.select.is_simple) {
            check_items(&s->as.select.simple.columns, arena);
            check_expr(s->as.select.simple.where, arena);
            check_expr(s->as.select.simple.limit, arena);
        }
        if (status_ok(select_text_rewrite(s->text, arena, &rewritten, &err))) {
            const struct sql_piece *pieces = NULL;
            unsigned count = 0;
            status split = sql_split(rewritten, arena, &pieces, &count, &err);
            CHECK(status_ok(split) ? count == 1 : split.code == STATUS_LIMIT);
        }
        break;
    case STATEMENT_INSERT:
        check_insert(&s->as.insert, arena);
        break;
    case STATEMENT_UPDATE:
        check_assignments(&s->as.update.sets, arena);
        check_expr(s->as.update.where, arena);
        check_items(&s->as.update.returning, arena);
        break;
    case STATEMENT_DELETE:
        check_expr(s->as.delete.where, arena);
        break;
    case STATEMENT_SUBSCRIBE:
        check_expr(s->as.subscribe.subscription.where, arena);
        break;
    case STATEMENT_EXECUTE_AS_USER: {
        const struct statement *inner = NULL;
        if (status_ok(sql_parse(s->as.execute_as.inner, arena, &inner, &err))) {
            CHECK(inner->kind != STATEMENT_EXECUTE_AS_USER);
        }
        break;
    }
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct error err;
    const struct sql_piece *pieces = NULL;
    struct expr *e = NULL;
    unsigned count = 0;
    str batch = str_of(data, size);
    arena_init(&arena);
    if (status_ok(sql_split(batch, &arena, &pieces, &count, &err))) {
        for (unsigned i = 0; i < count; i++) {
            const struct statement *statement = NULL;
            struct sql_shape shape;
            CHECK(pieces[i].text.p >= batch.p);
            CHECK(pieces[i].text.p + pieces[i].text.n <= batch.p + batch.n);
            sql_shape(&pieces[i], &arena, &shape);
            if (status_ok(sql_parse_piece(&pieces[i], &arena, &statement, &err))) {
                CHECK(statement_info(statement->kind)->name != NULL);
                check_statement(statement, &arena);
            }
        }
    }
    if (status_ok(sql_parse_expr(batch, &arena, &e, &err))) {
        check_expr(e, &arena);
    }
    arena_release(&arena);
    return 0;
}
