/* model/schema_check.h -- what must hold of a table's columns; for schema_create, which checks its
 * caller, and schema_from_json, which checks bytes from disk. Private to this folder. */
#ifndef MODEL_SCHEMA_CHECK_H
#define MODEL_SCHEMA_CHECK_H

#include "model/schema.h"

/* NULL: the columns make a schema; otherwise what is wrong, static. */
const char *schema_columns_problem(enum table_kind kind, const struct column *columns,
                                   unsigned column_count);
/* The enum system_column of that name in tables of this kind, or -1. */
int schema_kind_system_column(enum table_kind kind, str name);

#endif
