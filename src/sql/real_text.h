/* sql/real_text.h -- numbers with a fraction, in the two forms that the engine prints them.
 * Threads:  any. */
#ifndef SQL_REAL_TEXT_H
#define SQL_REAL_TEXT_H

#include "model/value.h"

/* As a cast to TEXT: 100.0, 0.0001, 1e-05, 1e+16, nan, -inf. `is_float`: the shortest FLOAT. */
void real_append_cast(struct buf *out, double v, bool is_float);
/* As a number inside JSON text: 100.0, 0.00001, 1e-7, 1e21. `v` is finite. */
void real_append_json(struct buf *out, double v);

#endif
