/* cli/interrupt.h -- Ctrl-C while something is under way.
 * For:      waits that a user may end: a statement, a subscription. At the prompt itself
 *           cli/prompt.c takes the signal.
 * Threads:  one; the flag is set by the signal handler. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

enum { INTERRUPT_LOOK_MS = 200 }; /* how long a wait may go without looking */

/* From here on SIGINT (and SIGTERM) set the flag. */
void interrupt_install(void);
bool interrupt_pending(void);
void interrupt_clear(void);

#endif
