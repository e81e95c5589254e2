/* catalog/name.h -- which names may be given (contract sql.md section 0), and the words of the
 * kinds. Threads: any. */
#ifndef CATALOG_NAME_H
#define CATALOG_NAME_H

#include "base/status.h"
#include "base/str.h"

/* Each: INVALID_OPERATION with the contract's text. Names are lower case already. */
MUST_USE status name_check_namespace(str name, struct error *err);
MUST_USE status name_check_table(str name, struct error *err);
MUST_USE status name_check_column(str name, struct error *err);
/* Not empty, no "..", '/', '\\', NUL, at most LIMIT_USER_ID_BYTES, UTF-8. */
MUST_USE status name_check_user(str id, struct error *err);
/* system, information_schema, pg_catalog, datafusion: no DDL, no DML. */
bool name_is_system_namespace(str name);

#endif
