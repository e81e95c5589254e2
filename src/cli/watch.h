/* cli/watch.h -- a subscription: the rows of a SELECT, then each change of them as a line.
 * For:      --subscribe and \subscribe.
 * Manners:  a broken connection is opened again (1 s, 2 s ... 30 s later) and goes on behind the
 *           last _seq that was printed; what was printed is not printed again.
 * Touches:  net/client, wire/websocket. Owns: its socket while it runs. Threads: one. */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "cli/output.h"
#include "cli/session.h"

/* Prints until Ctrl-C (INTERRUPTED is CLI_DONE here), until `count` changes have come, or until the
 * server ends it. Failures are printed. Lines by output->format:
 *   table  insert  id: 1 | body: hello | _seq: 42
 *   json   {"change_type":"insert","row":{...}}, with "old_row" for an update
 *   csv    change_type,<columns of the subscription>
 * change_type is `initial` for rows that were there, else insert, update or delete. */
MUST_USE enum cli_exit watch_run(struct session *session, const struct output *output, str sql,
                                 const struct subscribe_options *options);

/* Takes "OPTIONS (last_rows=10, batch_size=5, from=42)" off the end of `sql`. False: it is there
 * and cannot be read. */
MUST_USE bool watch_take_options(str *sql, struct subscribe_options *out);

#endif
