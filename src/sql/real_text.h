/* sql/real_text.h -- numbers with a fraction as the engine prints them in JSON.
 * Threads:  any. */
#ifndef SQL_REAL_TEXT_H
#define SQL_REAL_TEXT_H

#include "model/value.h"

/* 100.0, 0.00001, 1e-7, 1e21. `v` is finite. */
void real_append_json(struct buf *out, double v);

#endif
