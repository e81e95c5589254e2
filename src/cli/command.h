/* cli/command.h -- the backslash commands of the prompt.
 * For:      cli/prompt. The list is in command.c; \? prints it.
 * Threads:  one. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/run.h"

/* True: the line begins a command, so it is no SQL. */
bool command_is(str line);

/* Runs one. Failures are printed and leave the prompt as it was. False: \q. */
MUST_USE bool command_run(struct runner *runner, str line);

#endif
