/* query/column_def.h -- from a column as written to a column as stored. For query/ only.
 * For:      CREATE TABLE and ALTER TABLE. */
#ifndef QUERY_COLUMN_DEF_H
#define QUERY_COLUMN_DEF_H

#include "query/run.h"

/* Name, type and default are checked; ids and ordinals are the catalog's. Texts live in the run's
 * arena or the statement. */
MUST_USE status column_from_def(const struct run *run, const struct column_def *def,
                                struct column *out, struct error *err);
/* The default of a column as a value now; NULL when it has none. */
MUST_USE status column_default_value(const struct run *run, const struct column *c,
                                     struct arena *arena, struct value *out, struct error *err);
enum table_access column_access_of(enum access_level level);
/* The retention that is kept: seconds, or TABLE_RETENTION_... */
int64_t column_retention_of(const struct option_i64 *said);
/* INVALID_OPERATION: the namespace is the server's own. */
MUST_USE status column_refuse_system_table(const char *verb, str ns, str name, struct error *err);

#endif
