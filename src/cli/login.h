/* cli/login.h -- from options to a session that the server lets in.
 * For:      main. Asks the user on a terminal; otherwise says what is missing.
 * Threads:  one. */
#ifndef CLI_LOGIN_H
#define CLI_LOGIN_H

#include "cli/session.h"

/* In this order: --token; --user with its password (asked for on a terminal when not given); on a
 * terminal, the name is asked for. A server without its first administrator is set up in a talk,
 * or the user is told how to. Failures are printed. */
MUST_USE enum cli_exit login_run(struct session *session, bool can_ask);

#endif
