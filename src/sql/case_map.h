/* sql/case_map.h -- letters of all scripts in lower and upper case, one for one, as the engine has
 * it. Threads:  any. */
#ifndef SQL_CASE_MAP_H
#define SQL_CASE_MAP_H

#include "base/arena.h"

/* The text itself when nothing changes. Bytes that are not UTF-8 stay. */
str case_lower(struct arena *arena, str text);
str case_upper(struct arena *arena, str text);

#endif
