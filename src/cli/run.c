/* cli/run.c -- split, collect, send, print. */
#include "cli/run.h"

#include "base/clock.h"
#include "cli/script.h"

void runner_init(struct runner *runner, struct session *session, const struct output *output)
{
    *runner = (struct runner){.session = session, .output = *output};
    buf_init(&runner->transaction);
}

void runner_release(struct runner *runner)
{
    buf_release(&runner->transaction);
}

void runner_forget(struct runner *runner)
{
    buf_clear(&runner->transaction);
}

static bool send(struct runner *runner, str sql, struct arena *arena, struct failure *failure)
{
    struct reply reply;
    uint64_t begin_us = clock_mono_us(clock_system());
    if (!session_sql(runner->session, sql, arena, &reply, failure)) {
        return false;
    }
    double ms = (double)(clock_mono_us(clock_system()) - begin_us) / 1000;
    for (const struct json *result = reply.results->as.children.first; result != NULL;
         result = result->next) {
        output_result(&runner->output, result);
    }
    output_time(&runner->output, ms, reply.took_ms);
    output_flush();
    return true;
}

static void collect(struct runner *runner, str sql)
{
    buf_append_str(&runner->transaction, sql);
    buf_append_c(&runner->transaction, ";\n");
}

static bool send_transaction(struct runner *runner, struct arena *arena, struct failure *failure)
{
    str batch = arena_copy(arena, buf_str(&runner->transaction));
    buf_clear(&runner->transaction);
    return send(runner, batch, arena, failure);
}

bool runner_statement(struct runner *runner, str sql, struct arena *arena, struct failure *failure)
{
    enum script_kind kind = script_kind(sql);
    if (runner->transaction.n > 0 || kind == SCRIPT_BEGIN) {
        collect(runner, sql);
        return kind == SCRIPT_END ? send_transaction(runner, arena, failure) : true;
    }
    if (!send(runner, sql, arena, failure)) {
        return false;
    }
    if (kind == SCRIPT_USE) {
        str name = script_used_namespace(sql);
        runner->session->namespace_name = arena_copy(&runner->session->arena, name);
    }
    return true;
}

bool runner_finish(struct runner *runner, struct arena *arena, struct failure *failure)
{
    return runner->transaction.n == 0 || send_transaction(runner, arena, failure);
}

static enum cli_exit tell(const struct failure *failure, const char *name, unsigned line)
{
    char place[512];
    (void)snprintf(place, sizeof place, "%s:%u", name != NULL ? name : "", line);
    failure_print(failure, name != NULL ? place : NULL);
    return failure->exit;
}

enum cli_exit runner_script(struct runner *runner, str text, const char *name)
{
    struct script script = script_from(text);
    struct script_statement statement;
    struct arena arena;
    struct failure failure;
    enum cli_exit exit = CLI_DONE;
    arena_init(&arena);
    while (exit == CLI_DONE && script_next(&script, &statement)) {
        if (runner->transaction.n == 0) {
            runner->transaction_line = statement.line;
        }
        if (!runner_statement(runner, statement.text, &arena, &failure)) {
            exit = tell(&failure, name, runner->transaction_line);
        }
        arena_reset(&arena);
    }
    if (exit == CLI_DONE && !runner_finish(runner, &arena, &failure)) {
        exit = tell(&failure, name, runner->transaction_line);
    }
    runner_forget(runner);
    arena_release(&arena);
    return exit;
}
