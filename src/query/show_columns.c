/* query/show_columns.c -- SHOW COLUMNS, DESCRIBE without TABLE, SHOW ALL: queries on the catalog
 * that clients of 0.4.3 know in its engine's form. SET: there is no session that a value could
 * outlive. Threads: one at a time. */
#include "query/run.h"

#include "query/system_private.h"

/* Runs `text`, which is ours, as if it had been asked. It reads the catalog as it is now, also in a
 * transaction: statements are bound to that, and SELECT alone may not read system tables there. */
static status run_text(struct run *run, str text, struct error *err)
{
    const struct statement *inner = NULL;
    TRY(sql_parse(text, run->arena, &inner, err));
    const struct statement *asked = run->statement;
    struct transaction *transaction = run->transaction;
    run->statement = inner;
    run->transaction = NULL;
    status result = run_select(run, err);
    run->transaction = transaction;
    run->statement = asked;
    return result;
}

/* Does the caller see the table? The names are in lower case and hold no quotes. */
static status check_table(struct run *run, const struct table_name *name, struct error *err)
{
    const struct table *table = NULL;
    if (system_table_find(run_namespace(run, name->ns), name->name) != NULL) {
        return STATUS_IS_OK; /* only admins come here */
    }
    TRY(run_find_table(run, name, NULL, &table, err));
    return query_may_read(&run->session, table, err);
}

/* What 0.4.3's engine says of a table; DESCRIBE takes the last three. */
static const struct result_column told[] = {
    {.name = {"table_catalog", 13}, .type = {.id = TYPE_TEXT}, .is_not_null = true},
    {.name = {"table_schema", 12}, .type = {.id = TYPE_TEXT}, .is_not_null = true},
    {.name = {"table_name", 10}, .type = {.id = TYPE_TEXT}, .is_not_null = true},
    {.name = {"column_name", 11}, .type = {.id = TYPE_TEXT}, .is_not_null = true},
    {.name = {"data_type", 9}, .type = {.id = TYPE_TEXT}, .is_not_null = true},
    {.name = {"is_nullable", 11}, .type = {.id = TYPE_TEXT}, .is_not_null = true}};
enum { TOLD_COUNT = sizeof told / sizeof told[0] };

/* A view's columns are what its query gives now; the catalog does not know them. */
static status view_columns(struct run *run, const struct view_def *view, unsigned first,
                           struct error *err)
{
    const struct result_column *columns = NULL;
    unsigned count = 0;
    if (!run->may_block) {
        return run_block_long(run);
    }
    TRY(run_view_columns(run, view, &columns, &count, err));
    result_begin_rows(run->results, told + first, TOLD_COUNT - first);
    for (unsigned i = 0; i < count; i++) {
        const struct value row[TOLD_COUNT] = {
            value_text(STR_LIT("kalam")),
            value_text(view->namespace_name),
            value_text(view->name),
            value_text(columns[i].name),
            value_text(system_arrow_text(run->arena, columns[i].type)),
            value_text(str_from(columns[i].is_not_null ? "NO" : "YES"))};
        TRY(result_row(run->results, row + first, err));
    }
    result_end_rows(run->results, run->session.user_id);
    return STATUS_IS_OK;
}

static status columns(struct run *run, unsigned first, struct error *err)
{
    const struct table_name *name = &run->statement->as.show.table;
    str ns = run_namespace(run, name->ns);
    const struct view_def *view = snapshot_find_view(run->snapshot, ns, name->name);
    if (view != NULL) {
        return view_columns(run, view, first, err);
    }
    TRY(check_table(run, name, err));
    struct buf list;
    buf_init(&list);
    for (unsigned i = first; i < TOLD_COUNT; i++) {
        buf_append_format(&list, "%s" STR_FMT, i > first ? ", " : "", STR(told[i].name));
    }
    str text = arena_format(run->arena,
                            "SELECT " STR_FMT
                            " FROM information_schema.columns WHERE table_schema = '" STR_FMT
                            "' AND table_name = '" STR_FMT "' ORDER BY ordinal_position LIMIT 1000",
                            STR(buf_str(&list)), STR(ns), STR(name->name));
    buf_release(&list);
    return run_text(run, text, err);
}

status run_show_columns(struct run *run, struct error *err)
{
    return columns(run, 0, err);
}

status run_describe(struct run *run, struct error *err)
{
    return columns(run, 3, err);
}

status run_show_all(struct run *run, struct error *err)
{
    return run_text(
        run, STR_LIT("SELECT name, value FROM system.settings ORDER BY name LIMIT 1000"), err);
}

/* UTC is what there is; drivers say so when they connect. Anything else would be forgotten with the
 * request, so it is refused rather than taken. */
status run_set(struct run *run, struct error *err)
{
    static const char *const known[] = {"timezone = 'utc'", "timezone to 'utc'", "time zone 'utc'",
                                        "datafusion.execution.time_zone = '+00:00'",
                                        "timezone = '+00:00'"};
    str text = str_trim(run->statement->as.set.text);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (str_eq_nocase(text, str_from(known[i]))) {
            run_message(run, "SET " STR_FMT, STR(text));
            return STATUS_IS_OK;
        }
    }
    return error_set(err, ERROR_STATEMENT_UNSUPPORTED,
                     "SET has no effect beyond a request and is refused; settings are in the "
                     "configuration, the time zone is 'UTC'");
}
