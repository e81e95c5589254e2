/* catalog/name.h -- which names may be given (contract sql.md section 0), and the words of the
 * kinds. Threads: any. */
#ifndef CATALOG_NAME_H
#define CATALOG_NAME_H

#include "base/status.h"
#include "base/str.h"

/* Not empty, no "..", '/', '\\', NUL, at most LIMIT_USER_ID_BYTES, UTF-8. */
MUST_USE status name_check_user(str id, struct error *err);
#endif
