/* query/show_columns.c -- SHOW COLUMNS, DESCRIBE without TABLE, SHOW ALL: queries on the catalog
 * that clients of 0.4.3 know in its engine's form. SET: there is no session that a value could
 * outlive. Threads: one at a time. */
#include "query/run.h"

#include "query/system.h"

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

static status columns(struct run *run, const char *names, struct error *err)
{
    const struct table_name *name = &run->statement->as.show.table;
    TRY(check_table(run, name, err));
    str text =
        arena_format(run->arena,
                     "SELECT %s FROM information_schema.columns WHERE table_schema = '" STR_FMT
                     "' AND table_name = '" STR_FMT "' ORDER BY ordinal_position LIMIT 1000",
                     names, STR(run_namespace(run, name->ns)), STR(name->name));
    return run_text(run, text, err);
}

status run_show_columns(struct run *run, struct error *err)
{
    return columns(
        run, "table_catalog, table_schema, table_name, column_name, data_type, is_nullable", err);
}

status run_describe(struct run *run, struct error *err)
{
    return columns(run, "column_name, data_type, is_nullable", err);
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
