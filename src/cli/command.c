/* cli/command.c -- a table of commands, most of which stand for a statement. */
#include "cli/command.h"

#include "cli/interrupt.h"
#include "cli/watch.h"

/* What is behind the command's name, trimmed. False: \q. */
typedef bool command_fn(struct runner *runner, str rest);

static bool run_sql(struct runner *runner, str sql, const char *const *columns,
                    struct failure *failure, struct arena *arena)
{
    runner->output.columns = columns;
    bool done = runner_statement(runner, sql, arena, failure);
    runner->output.columns = NULL;
    return done;
}

static void run_and_tell(struct runner *runner, str sql)
{
    struct arena arena;
    struct failure failure;
    arena_init(&arena);
    if (!run_sql(runner, sql, NULL, &failure, &arena)) {
        failure_print(&failure, NULL);
    }
    arena_release(&arena);
}

static str without_semicolon(str sql)
{
    sql = str_trim(sql);
    return str_ends_with(sql, STR_LIT(";")) ? str_trim(str_slice(sql, 0, sql.n - 1)) : sql;
}

static void say(const char *text)
{
    output_write(str_from(text));
    output_flush();
}

static bool do_quit(struct runner *runner, str rest)
{
    (void)runner;
    (void)rest;
    return false;
}

static bool do_tables(struct runner *runner, str rest)
{
    static const char *const columns[] = {"namespace_id", "table_name", "table_type", NULL};
    struct arena arena;
    struct failure failure;
    (void)rest;
    arena_init(&arena);
    str sql = STR_LIT("SELECT namespace_id AS namespace, table_name, table_type FROM system.tables "
                      "ORDER BY namespace_id, table_name");
    bool done = run_sql(runner, sql, NULL, &failure, &arena);
    if (!done &&
        str_eq_c(failure.code, "PERMISSION_DENIED")) { /* only administrators read system */
        done = run_sql(runner, STR_LIT("SHOW TABLES"), columns, &failure, &arena);
    }
    if (!done) {
        failure_print(&failure, NULL);
    }
    arena_release(&arena);
    return true;
}

static bool do_describe(struct runner *runner, str rest)
{
    static const char *const columns[] = {"column_name",    "data_type",      "is_nullable",
                                          "is_primary_key", "column_default", NULL};
    struct arena arena;
    struct failure failure;
    if (rest.n == 0) {
        return do_tables(runner, rest);
    }
    arena_init(&arena);
    if (!run_sql(runner,
                 arena_format(&arena, "DESCRIBE TABLE " STR_FMT, STR(without_semicolon(rest))),
                 columns, &failure, &arena)) {
        failure_print(&failure, NULL);
    }
    arena_release(&arena);
    return true;
}

static bool do_namespaces(struct runner *runner, str rest)
{
    (void)rest;
    run_and_tell(runner, STR_LIT("SHOW NAMESPACES"));
    return true;
}

static bool do_timing(struct runner *runner, str rest)
{
    (void)rest;
    runner->output.is_timing = !runner->output.is_timing;
    say(runner->output.is_timing ? "Timing is on.\n" : "Timing is off.\n");
    return true;
}

static bool do_expanded(struct runner *runner, str rest)
{
    (void)rest;
    runner->output.is_expanded = !runner->output.is_expanded;
    say(runner->output.is_expanded ? "One line per value.\n" : "One line per row.\n");
    return true;
}

static bool do_json(struct runner *runner, str rest)
{
    (void)rest;
    runner->output.format = OUTPUT_JSON;
    return true;
}

static bool do_csv(struct runner *runner, str rest)
{
    (void)rest;
    runner->output.format = OUTPUT_CSV;
    return true;
}

static bool do_table(struct runner *runner, str rest)
{
    (void)rest;
    runner->output.format = OUTPUT_TABLE;
    return true;
}

static bool do_as(struct runner *runner, str rest)
{
    size_t end = 0;
    while (end < rest.n && rest.p[end] != ' ' && rest.p[end] != '\t') {
        end++;
    }
    str user = str_slice(rest, 0, end);
    str sql = without_semicolon(str_skip(rest, end));
    if (sql.n == 0) {
        say("\\as user SQL\n");
        return true;
    }
    struct buf text;
    buf_init(&text);
    buf_append_c(&text, "EXECUTE AS USER '");
    for (size_t i = 0; i < user.n; i++) {
        buf_append_c(&text, user.p[i] == '\'' ? "'" : "");
        buf_append_byte(&text, (uint8_t)user.p[i]);
    }
    buf_append_format(&text, "' (" STR_FMT ")", STR(sql));
    run_and_tell(runner, buf_str(&text));
    buf_release(&text);
    return true;
}

static bool do_subscribe(struct runner *runner, str rest)
{
    struct subscribe_options options = {0};
    str sql = without_semicolon(rest);
    if (sql.n == 0 || !watch_take_options(&sql, &options)) {
        say("\\subscribe SELECT ... FROM ns.table [WHERE ...] [OPTIONS (last_rows=n, batch_size=n, "
            "from=seq)]\n");
        return true;
    }
    (void)!watch_run(runner->session, &runner->output, sql, &options);
    interrupt_clear();
    return true;
}

static bool do_flush(struct runner *runner, str rest)
{
    (void)rest;
    run_and_tell(runner, STR_LIT("STORAGE FLUSH ALL"));
    return true;
}

static bool do_stats(struct runner *runner, str rest)
{
    (void)rest;
    run_and_tell(runner, STR_LIT("SELECT metric_name, metric_value FROM system.stats "
                                 "ORDER BY metric_name LIMIT 5000"));
    return true;
}

static bool do_sessions(struct runner *runner, str rest)
{
    (void)rest;
    run_and_tell(runner, STR_LIT("SELECT * FROM system.sessions "
                                 "ORDER BY last_seen_at DESC, session_id"));
    return true;
}

static bool do_jobs(struct runner *runner, str rest)
{
    (void)rest;
    run_and_tell(runner,
                 STR_LIT("SELECT job_id, job_type, status, message, created_at, finished_at "
                         "FROM system.jobs ORDER BY created_at DESC LIMIT 20"));
    return true;
}

static command_fn do_help;

static const struct {
    const char *name;
    const char *alias; /* "": none */
    const char *arguments;
    const char *what; /* NULL: left out of the list */
    command_fn *run;
} commands[] = {
    {"?", "help", "", "this list", do_help},
    {"q", "quit", "", "end", do_quit},
    {"l", "", "", "namespaces", do_namespaces},
    {"dt", "", "", "tables", do_tables},
    {"d", "", "[table]", "columns of a table", do_describe},
    {"as", "", "user SQL", "run a statement as that user", do_as},
    {"subscribe", "watch", "SELECT ...", "rows, then each change, until Ctrl-C", do_subscribe},
    {"live", "", "", NULL, do_subscribe},
    {"flush", "", "", "move rows of this namespace to Parquet now", do_flush},
    {"jobs", "", "", "the newest background jobs", do_jobs},
    {"stats", "", "", "figures of the server", do_stats},
    {"sessions", "", "", "who is connected", do_sessions},
    {"timing", "", "", "print how long statements take, or not", do_timing},
    {"x", "", "", "one line per value, or per row", do_expanded},
    {"table", "", "", "print tables", do_table},
    {"json", "", "", "print JSON", do_json},
    {"csv", "", "", "print CSV", do_csv},
};

static bool do_help(struct runner *runner, str rest)
{
    struct buf text;
    (void)runner;
    (void)rest;
    buf_init(&text);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (commands[i].what != NULL) {
            int n = (int)(strlen(commands[i].name) + strlen(commands[i].arguments));
            buf_append_format(&text, "  \\%s %s%*s%s\n", commands[i].name, commands[i].arguments,
                              n < 22 ? 22 - n : 1, "", commands[i].what);
        }
    }
    buf_append_c(&text,
                 "Statements end with ; and may take several lines. Between BEGIN and COMMIT "
                 "they are\ncollected, then sent as one. Ctrl-C drops the line, Ctrl-D "
                 "ends.\n");
    output_write(buf_str(&text));
    output_flush();
    buf_release(&text);
    return true;
}

bool command_is(str line)
{
    str text = str_trim(line);
    return text.n > 0 && text.p[0] == '\\';
}

bool command_run(struct runner *runner, str line)
{
    str text = str_skip(str_trim(line), 1);
    size_t end = 0;
    while (end < text.n && text.p[end] != ' ' && text.p[end] != '\t' && text.p[end] != '\n') {
        end++;
    }
    str name = str_slice(text, 0, end);
    str rest = str_trim(str_skip(text, end));
    while (name.n > 1 && name.p[name.n - 1] == ';') {
        name.n--;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (str_eq_c(name, commands[i].name) ||
            (commands[i].alias[0] != '\0' && str_eq_c(name, commands[i].alias))) {
            return commands[i].run(runner, rest);
        }
    }
    output_flush();
    fprintf(stderr, "kalam: no command \\" STR_FMT "; \\? lists them\n", STR(name));
    return true;
}
