/* query/point.h -- the fast path of SELECT. For query/ only. */
#ifndef QUERY_POINT_H
#define QUERY_POINT_H

#include "query/run.h"

/* Answers a SELECT of one table by `key column = constant` from the store alone; from memory only
 * when the run must not block. *done false: it is not such a statement, nothing was written. */
MUST_USE status point_select(struct run *run, bool *done, struct error *err);

#endif
