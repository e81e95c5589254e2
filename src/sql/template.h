/* sql/template.h -- templates of folders: of storages, and LOCATION 'path' of a table.
 * For:      the parser. Tokens {namespace} < {tableName} < {shard} < {userId} (contract
 * sql.md 1.2); store/segment.h fills them in. Owns:     nothing. Threads: any. */
#ifndef SQL_TEMPLATE_H
#define SQL_TEMPLATE_H

#include "sql/ast.h"

/* The older spellings of the tokens become the ones of today; in the arena where it had any. */
str template_normal(struct arena *arena, str text);

/* A LOCATION: also `${user_id}` of spec 002, and no slash at the end. */
str template_of_location(struct arena *arena, str text);

/* May a table of that kind have such a LOCATION? SYNTAX says what is wanted: folders one in another
 * below that of the storage, each a token, once, or a plain name, so that nothing of it is a
 * pattern, leads out, or is named like a file of ours. */
MUST_USE status template_check_location(enum table_kind kind, str location, struct error *err);

#endif
