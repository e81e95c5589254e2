/* cli/run.h -- statements, one after the other, with their answers printed.
 * For:      -c, --file, stdin and the prompt.
 * Manners:  a transaction lives in one request (contract http-ws.md section 2.10): what stands
 *           between BEGIN and COMMIT is collected and sent as one. A USE that worked holds for what
 *           follows.
 * Owns:     the collected statements. Threads: one. */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "base/buf.h"
#include "cli/output.h"
#include "cli/session.h"

struct runner {
    struct session *session;
    struct output output;
    struct buf transaction; /* collected since BEGIN; empty: none is open */
    unsigned transaction_line;
};

/* Borrows session and output. */
void runner_init(struct runner *runner, struct session *session, const struct output *output);
void runner_release(struct runner *runner);

/* Runs one statement (without its ';') and prints what came; or puts it aside as part of a
 * transaction. False: `failure` is filled (in `arena`). */
MUST_USE bool runner_statement(struct runner *runner, str sql, struct arena *arena,
                               struct failure *failure);
/* Sends a transaction that the input left open, so that the server says what it thinks of it. */
MUST_USE bool runner_finish(struct runner *runner, struct arena *arena, struct failure *failure);
/* Forgets the statements of a transaction that was not sent. */
void runner_forget(struct runner *runner);

/* Runs every statement of a text. A failure is printed with `name` and the line of its statement
 * ("x.sql:12"; name NULL: without) and ends the run. */
MUST_USE enum cli_exit runner_script(struct runner *runner, str text, const char *name);

#endif
