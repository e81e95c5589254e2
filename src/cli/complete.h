/* cli/complete.h -- words that Tab offers: SQL's, and names of tables and namespaces.
 * For:      cli/prompt. Owns: the names. Threads: one. */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include "cli/session.h"

/* Hands the completer to the line editor. Names are asked for now, quietly: without them there are
 * only SQL's words. */
void complete_open(struct session *session);
/* Asks for the names again; after a statement that may have changed them. */
void complete_refresh(struct session *session);
void complete_close(void);

#endif
