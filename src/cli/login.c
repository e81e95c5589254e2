/* cli/login.c -- questions on the terminal. */
#include "cli/login.h"

#include "cli/interrupt.h"

#include <termios.h>
#include <unistd.h>

enum { ANSWER_BYTES_MAX = 1024, PASSWORD_BYTES_MIN = 8 };

/* One line from the terminal, without its end; `hidden`: without echo. False: no line came. */
static bool ask_line(const char *question, bool hidden, struct arena *arena, str *answer)
{
    char line[ANSWER_BYTES_MAX];
    struct termios before;
    bool is_silent = hidden && tcgetattr(STDIN_FILENO, &before) == 0;
    fprintf(stderr, "%s", question);
    (void)fflush(stderr);
    if (is_silent) {
        struct termios silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &silent);
    }
    ssize_t n = read(STDIN_FILENO, line, sizeof line); /* a terminal gives one line */
    if (is_silent) {
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
        fprintf(stderr, "\n");
    }
    if (n <= 0 || interrupt_pending()) {
        return false;
    }
    str text = {line, (size_t)n};
    while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r')) {
        text.n--;
    }
    *answer = arena_copy(arena, text);
    explicit_bzero(line, sizeof line);
    return true;
}

/* A new password, typed twice. */
static bool ask_new_password(const char *question, struct arena *arena, str *answer)
{
    for (;;) {
        str again;
        if (!ask_line(question, true, arena, answer)) {
            return false;
        }
        if (answer->n < PASSWORD_BYTES_MIN) {
            fprintf(stderr, "At least %d characters, please.\n", PASSWORD_BYTES_MIN);
            continue;
        }
        if (!ask_line("Once more: ", true, arena, &again)) {
            return false;
        }
        if (str_eq(*answer, again)) {
            return true;
        }
        fprintf(stderr, "These two differ.\n");
    }
}

static enum cli_exit tell(const struct failure *failure)
{
    failure_print(failure, NULL);
    return failure->exit;
}

static enum cli_exit gave_up(void)
{
    fprintf(stderr, "kalam: not logged in\n");
    return CLI_NO_LOGIN;
}

static enum cli_exit tell_how_to_set_up(const struct session *session)
{
    fprintf(
        stderr,
        "kalam: SETUP_REQUIRED: this server has no administrator yet. Start kalam on a terminal"
        " to\ncreate one, or:\n"
        "    curl http%s://" STR_FMT "/v1/api/auth/setup -H 'Content-Type: application/json' \\\n"
        "        -d '{\"user\": \"admin\", \"password\": \"...\", \"root_password\": \"...\"}'\n",
        session->endpoint.tls != NULL ? "s" : "", STR(session->endpoint.authority));
    return CLI_NO_LOGIN;
}

static enum cli_exit set_up(struct session *session)
{
    struct failure failure;
    str answer;
    str password;
    str root_password;
    str user =
        session->user.n > 0 && !str_eq_c(session->user, "root") ? session->user : STR_LIT("admin");
    fprintf(stderr, "This server has no administrator yet. Let us create one (Ctrl-C: not now).\n");
    if (!ask_line(str_cstr(&session->arena,
                           arena_format(&session->arena, "Name [" STR_FMT "]: ", STR(user))),
                  false, &session->arena, &answer)) {
        return gave_up();
    }
    user = answer.n > 0 ? answer : user;
    if (!ask_new_password("Password: ", &session->arena, &password) ||
        !ask_new_password("Password of root, the account for emergencies: ", &session->arena,
                          &root_password)) {
        return gave_up();
    }
    if (!session_set_up(session, user, password, root_password, &failure) ||
        !session_log_in(session, &failure)) {
        return tell(&failure);
    }
    fprintf(stderr, "Done; logged in as " STR_FMT ".\n", STR(session->user));
    return CLI_DONE;
}

static bool is_setup_required(const struct failure *failure)
{
    return str_eq_nocase(failure->code, STR_LIT("setup_required"));
}

static enum cli_exit log_in(struct session *session, bool can_ask)
{
    struct failure failure;
    if (!session->has_password && can_ask) {
        const char *question =
            str_cstr(&session->arena, arena_format(&session->arena, "Password of " STR_FMT ": ",
                                                   STR(session->user)));
        if (!ask_line(question, true, &session->arena, &session->password)) {
            return gave_up();
        }
    }
    if (session_log_in(session, &failure)) {
        return CLI_DONE;
    }
    if (is_setup_required(&failure)) {
        return can_ask ? set_up(session) : tell_how_to_set_up(session);
    }
    return tell(&failure);
}

enum cli_exit login_run(struct session *session, bool can_ask)
{
    struct failure failure;
    bool known = false;
    bool needs_setup = false;
    if (session->token.n > 0) {
        return CLI_DONE;
    }
    if (session->user.n == 0 || can_ask) {
        if (!session_needs_setup(session, &known, &needs_setup, &failure)) {
            return tell(&failure);
        }
        if (needs_setup) {
            return can_ask ? set_up(session) : tell_how_to_set_up(session);
        }
    }
    if (session->user.n == 0 && !can_ask) {
        fprintf(stderr,
                "kalam: NO_USER: give --user and --password (or KALAM_PASSWORD), or --token\n");
        return CLI_NO_LOGIN;
    }
    if (session->user.n == 0 &&
        (!ask_line("User: ", false, &session->arena, &session->user) || session->user.n == 0)) {
        return gave_up();
    }
    return log_in(session, can_ask);
}
