/* cli/main.c -- `kalam`: options, then a session, then what was asked for. */
#include "base/fs.h"
#include "cli/interrupt.h"
#include "cli/login.h"
#include "cli/prompt.h"
#include "cli/watch.h"

#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <unistd.h>

enum { READ_BYTES = 65536, SCRIPT_BYTES_MAX = 1 << 30 };

/* Widths of characters come from the locale; output is UTF-8 whatever it says. */
static void set_locale(void)
{
    if (setlocale(LC_CTYPE, "") == NULL || strcmp(nl_langinfo(CODESET), "UTF-8") != 0) {
        (void)setlocale(LC_CTYPE, "C.UTF-8");
    }
}

/* False: said why. */
static bool read_stdin(struct buf *out)
{
    for (;;) {
        ssize_t n = read(STDIN_FILENO, buf_reserve(out, READ_BYTES), READ_BYTES);
        if (n < 0 || out->n > SCRIPT_BYTES_MAX) {
            fprintf(stderr, "kalam: stdin cannot be read, or is longer than %d bytes\n",
                    SCRIPT_BYTES_MAX);
            return false;
        }
        if (n == 0) {
            return true;
        }
        out->n += (size_t)n;
    }
}

static enum cli_exit run_stdin(struct runner *runner)
{
    struct buf text;
    buf_init(&text);
    enum cli_exit exit =
        read_stdin(&text) ? runner_script(runner, buf_str(&text), "stdin") : CLI_MISUSE;
    buf_release(&text);
    return exit;
}

static enum cli_exit run_file(struct runner *runner, const char *path)
{
    struct arena arena;
    struct error err;
    str text;
    enum cli_exit exit = CLI_MISUSE;
    if (strcmp(path, "-") == 0) {
        return run_stdin(runner);
    }
    arena_init(&arena);
    if (!status_ok(fs_read(path, SCRIPT_BYTES_MAX, &arena, &text, &err))) {
        fprintf(stderr, "kalam: %s: %s\n", path, err.text);
    } else {
        str mark = STR_LIT("\xef\xbb\xbf"); /* some editors begin a file with it */
        text = str_starts_with(text, mark) ? str_skip(text, mark.n) : text;
        exit = runner_script(runner, text, path);
    }
    arena_release(&arena);
    return exit;
}

static enum cli_exit run_actions(struct runner *runner, const struct options *options)
{
    enum cli_exit exit = CLI_DONE;
    for (size_t i = 0; i < options->action_count && exit == CLI_DONE; i++) {
        const struct action *action = &options->actions[i];
        exit = action->kind == ACTION_FILE ? run_file(runner, action->text)
                                           : runner_script(runner, str_from(action->text), NULL);
    }
    return exit;
}

static void greet(const struct session *session, bool is_quiet)
{
    if (!is_quiet) {
        printf("KalamDB at " STR_FMT ", as " STR_FMT ". \\? for help, \\q to end.\n",
               STR(session->endpoint.authority),
               STR(session->user.n > 0 ? session->user : STR_LIT("the token's user")));
    }
}

static enum cli_exit run_session(struct session *session, const struct options *options)
{
    bool is_prompt =
        options->action_count == 0 && options->subscribe == NULL && isatty(STDIN_FILENO);
    enum cli_exit exit = login_run(session, isatty(STDIN_FILENO) && isatty(STDERR_FILENO));
    if (exit != CLI_DONE) {
        return exit;
    }
    struct output output = {.format = options->format,
                            .is_expanded = options->is_expanded,
                            .is_quiet = options->is_quiet,
                            .is_timing = options->is_timing};
    if (options->subscribe != NULL) {
        return watch_run(session, &output, str_from(options->subscribe), &options->subscription);
    }
    struct runner runner;
    runner_init(&runner, session, &output);
    if (is_prompt) {
        greet(session, options->is_quiet);
        prompt_run(&runner);
    } else if (options->action_count > 0) {
        exit = run_actions(&runner, options);
    } else {
        exit = run_stdin(&runner);
    }
    runner_release(&runner);
    return exit;
}

int main(int argc, char **argv)
{
    struct options options;
    struct session session;
    struct failure failure;
    set_locale();
    enum options_result parsed = options_parse(argc, argv, &options);
    if (parsed != OPTIONS_RUN) {
        options_release(&options);
        return parsed == OPTIONS_ANSWERED ? CLI_DONE : CLI_MISUSE;
    }
    interrupt_install();
    (void)signal(SIGPIPE, SIG_IGN); /* a write that fails is seen where it is made */
    enum cli_exit exit = CLI_MISUSE;
    if (session_init(&session, &options, &failure)) {
        exit = run_session(&session, &options);
    } else {
        failure_print(&failure, NULL);
        exit = failure.exit;
    }
    output_flush();
    session_release(&session);
    options_release(&options);
    return (int)exit;
}
