/* sql/sanitize.h -- a statement as a log may have it.
 * For:      log lines: words and names stay; texts, numbers, parameters, quoted names and whatever
 *           follows PASSWORD and its kin become ?.
 * Threads:  any; there is no state. */
#ifndef SQL_SANITIZE_H
#define SQL_SANITIZE_H

#include "sql/sql.h"

enum { SANITIZED_BYTES_MAX = 1024 };

/* Only of a piece that was parsed: in other texts a secret may look like a name. The result lives
 * in the arena; what is longer than SANITIZED_BYTES_MAX ends in "...". */
str sql_sanitize(const struct sql_piece *piece, struct arena *arena);

#endif
