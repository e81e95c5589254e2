/* cli/failure.h -- why something did not work, as the user of `kalam` is told.
 * For:      everything in this folder that can fail; main turns it into a line and an exit status.
 * Owns:     nothing: the texts live in the arena that was handed to whoever filled it, or are
 *           static.
 * Threads:  one. */
#ifndef CLI_FAILURE_H
#define CLI_FAILURE_H

#include "base/arena.h"
#include "base/status.h"

/* Exit statuses of `kalam`; docs/reference/cli.md lists them. */
enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1,      /* the server refused a statement, or could not run it */
    CLI_MISUSE = 2,      /* wrong options, unreadable file */
    CLI_UNREACHABLE = 3, /* no connection, or it broke */
    CLI_NO_LOGIN = 4,    /* not let in */
    CLI_INTERRUPTED = 130
};

struct failure {
    enum cli_exit exit;
    str code;    /* as the server names it, such as INVALID_SQL; or our own word */
    str message; /* one text, perhaps of several lines */
    str hint;    /* what to do about it, as the server says; empty: it says nothing */
};

/* Fills `failure`; always returns false, so that callers can `return failure_set(...)`. */
bool failure_set(struct failure *failure, struct arena *arena, enum cli_exit exit, const char *code,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Prints "kalam: [place: ]CODE: message" to stderr, and "hint: ..." on a line of its own. `place`
 * may be NULL. */
void failure_print(const struct failure *failure, const char *place);

#endif
