/* cli/prompt.h -- the interactive prompt.
 * For:      main, when stdin is a terminal and nothing else was asked for.
 * Touches:  libedit, ~/.kalam_history (0600; statements that name a password are left out).
 * Threads:  one. */
#ifndef CLI_PROMPT_H
#define CLI_PROMPT_H

#include "cli/run.h"

/* Until \q or the end of the input. */
void prompt_run(struct runner *runner);

#endif
