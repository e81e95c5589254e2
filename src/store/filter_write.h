/* store/filter_write.h -- putting bloom filters into a Parquet file that the engine wrote.
 * For:      the last step of writing a segment. The file is read back once, which also shows that
 *           it can be read; filters go where the footer was, the footer behind them with their
 *           places. Nothing before the old footer moves.
 * Columns:  `_updated`, `_seq`, and a primary key of TEXT or an integer type. Never FLOAT, DOUBLE
 * or BYTES: readers disagree on what is hashed for them. Touches:  the file, by base/fs (fault
 * points fs.*), and the engine's reading. Threads:  the slot's own. */
#ifndef STORE_FILTER_WRITE_H
#define STORE_FILTER_WRITE_H

#include "store/cold.h"

/* `path`: below the engine's folder, no fsync yet. `fpp` 0: no filters, only the tail is told.
 * CORRUPT: the file does not read back as it was written. A footer of an unknown form gets no
 * filters, and a line in the log. On an error the file is torn. */
MUST_USE status filter_write(struct duck_conn *conn, const char *path, const struct schema *schema,
                             double fpp, struct cold_tail *out, struct error *err);

#endif
