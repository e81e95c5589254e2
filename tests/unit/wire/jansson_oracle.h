/* tests/unit/wire/jansson_oracle.h -- what jansson makes of a JSON text, for comparison.
 * For:      json_oracle_test.c. It is opened at run time, so that no test but this one needs it,
 * and none of its names meets ours. Threads:  one. */
#ifndef TESTS_UNIT_WIRE_JANSSON_ORACLE_H
#define TESTS_UNIT_WIRE_JANSSON_ORACLE_H

#include "base/buf.h"

enum oracle_verdict {
    ORACLE_ACCEPTS,
    ORACLE_REFUSES,
    ORACLE_CANNOT_SAY /* its own limits: an integer above int64, a NUL in a key; and a NUL ends its
                         text */
};

/* False: the library is not on this machine. */
bool oracle_open(void);

/* Appends the canonical form of an accepted value: n, t, f, i<integer>; r<%.17g>; s<bytes>:<text>,
 * [items], {keys and values as texts and values}. */
enum oracle_verdict oracle_read(str text, struct buf *canonical);

#endif
