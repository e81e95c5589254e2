/* cli/prompt.c -- lines become statements.
 *
 * A line that begins with a backslash is a command when no statement is open. Other lines are put
 * together until a ';' ends a statement. Ctrl-C jumps out of the line editor, as it offers no other
 * way to end a line early, and drops what was typed. */
#include "cli/prompt.h"

#include "cli/command.h"
#include "cli/complete.h"
#include "cli/interrupt.h"
#include "cli/script.h"

#include <editline/readline.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HISTORY_LINES_MAX = 1000 };

static sigjmp_buf line_dropped;

static void on_interrupt(int number)
{
    (void)number;
    siglongjmp(line_dropped, 1);
}

/* --- history --- */

/* The file's path in the arena, or NULL: there is no home. Made with mode 0600 when missing. */
static const char *open_history(struct arena *arena)
{
    const char *home = getenv("HOME");
    if (home == NULL || home[0] == '\0') {
        return NULL;
    }
    const char *path = str_cstr(arena, arena_format(arena, "%s/.kalam_history", home));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return NULL;
    }
    (void)fchmod(fd, 0600);
    (void)close(fd);
    using_history();
    stifle_history(HISTORY_LINES_MAX);
    (void)read_history(path);
    return path;
}

static bool names_a_password(str statement)
{
    for (size_t i = 0; i + 8 <= statement.n; i++) {
        if (str_starts_with_nocase(str_skip(statement, i), STR_LIT("password")) ||
            str_starts_with_nocase(str_skip(statement, i), STR_LIT("credentials"))) {
            return true;
        }
    }
    return false;
}

/* A statement of several lines becomes one, unless a comment would swallow the rest. */
static void remember(const char *path, str text)
{
    struct arena arena;
    if (text.n == 0 || names_a_password(text)) {
        return;
    }
    arena_init(&arena);
    char *line = str_cstr(&arena, text);
    bool has_comment = strstr(line, "--") != NULL;
    for (char *at = line; *at != '\0' && !has_comment; at++) {
        *at = *at == '\n' ? ' ' : *at;
    }
    (void)add_history(line);
    if (path != NULL) {
        (void)write_history(path);
    }
    arena_release(&arena);
}

/* --- statements --- */

/* Statements after which other names may exist. */
static bool may_change_names(str statement)
{
    str word = script_word(statement, 0);
    return str_eq_nocase(word, STR_LIT("create")) || str_eq_nocase(word, STR_LIT("drop")) ||
           str_eq_nocase(word, STR_LIT("alter"));
}

static void run_one(struct runner *runner, str sql)
{
    struct arena arena;
    struct failure failure;
    bool was_open = runner->transaction.n > 0;
    arena_init(&arena);
    if (!runner_statement(runner, sql, &arena, &failure)) {
        failure_print(&failure, NULL);
    } else if (may_change_names(sql)) {
        complete_refresh(runner->session);
    }
    if (!was_open && runner->transaction.n > 0) {
        output_write(STR_LIT("Statements are collected until COMMIT (ROLLBACK drops them).\n"));
        output_flush();
    }
    interrupt_clear();
    arena_release(&arena);
}

/* Runs what is complete of `pending` and leaves the rest. */
static void run_complete(struct runner *runner, struct buf *pending, const char *history)
{
    struct script script = script_from(buf_str(pending));
    struct script_statement statement;
    size_t used = 0;
    bool has_rest = false;
    while (script_next(&script, &statement)) {
        has_rest = !statement.is_ended;
        if (has_rest) {
            break;
        }
        if (used == 0) { /* all that was typed is one entry */
            remember(history, str_trim(buf_str(pending)));
        }
        used = script.at;
        run_one(runner, statement.text);
    }
    buf_drop_front(pending, has_rest ? used : pending->n);
}

static const char *prompt_text(const struct runner *runner, bool is_open, struct arena *arena)
{
    str name = runner->session->namespace_name;
    const char *mark = runner->transaction.n > 0 ? "*" : "";
    if (is_open) {
        return "   -> ";
    }
    return str_cstr(arena, name.n > 0
                               ? arena_format(arena, "kalam:" STR_FMT "%s> ", STR(name), mark)
                               : arena_format(arena, "kalam%s> ", mark));
}

/* A line, with Ctrl-C as `dropped`. NULL: the end. */
static char *read_line(const char *prompt, bool *dropped)
{
    struct sigaction before;
    struct sigaction action = {.sa_handler = on_interrupt};
    char *volatile line = NULL;
    (void)sigemptyset(&action.sa_mask);
    *dropped = false;
    if (sigsetjmp(line_dropped, 1) != 0) {
        *dropped = true;
        (void)putchar('\n');
    } else {
        (void)sigaction(SIGINT, &action, &before);
        line = readline(prompt);
    }
    interrupt_install();
    return line;
}

static void open_editor(struct session *session)
{
    rl_readline_name = "kalam";
    (void)rl_initialize();
    complete_open(session);
}

void prompt_run(struct runner *runner)
{
    struct arena arena;
    struct buf pending;
    arena_init(&arena);
    buf_init(&pending);
    open_editor(runner->session);
    const char *history = open_history(&arena);
    bool goes_on = true;
    while (goes_on) {
        struct arena turn;
        bool dropped = false;
        arena_init(&turn);
        char *line = read_line(prompt_text(runner, pending.n > 0, &turn), &dropped);
        if (dropped) {
            buf_clear(&pending);
            runner_forget(runner);
        } else if (line == NULL) {
            goes_on = false;
            (void)putchar('\n');
        } else if (pending.n == 0 && command_is(str_from(line))) {
            remember(history, str_trim(str_from(line)));
            goes_on = command_run(runner, str_from(line));
        } else if (pending.n > 0 || str_trim(str_from(line)).n > 0) {
            buf_append_c(&pending, line);
            buf_append_byte(&pending, '\n');
            run_complete(runner, &pending, history);
        }
        free(line); // NOLINT: made by the line editor
        arena_release(&turn);
    }
    complete_close();
    buf_release(&pending);
    arena_release(&arena);
}
