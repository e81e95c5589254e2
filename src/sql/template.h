/* sql/template.h -- templates of folders: of storages, and LOCATION 'path' of a table.
 * For:      the parser. Tokens {namespace} < {tableName} < {shard} < {userId} (contract
 * sql.md 1.2); store/segment.h fills them in. Owns:     nothing. Threads: any. */
#ifndef SQL_TEMPLATE_H
#define SQL_TEMPLATE_H

#include "sql/ast.h"

/* The older spellings of the tokens become the ones of today; in the arena where it had any. */
str template_normal(struct arena *arena, str text);

/* A template of a storage, in today's spelling: tokens in their order, {namespace} and {tableName}
 * in any, {userId} in that of USER tables and nowhere else; folders below the storage's.
 * INVALID_OPERATION: "Invalid storage template: ...". */
MUST_USE status template_check_storage(str text, bool is_user, struct error *err);

/* Are those plain names of folders, with '/' between them? Nothing of them is a pattern of the SQL
 * engine, or leads out. */
bool template_is_plain(str path);

/* A LOCATION: also `${user_id}` of spec 002, and no slash at the end. */
str template_of_location(struct arena *arena, str text);

/* May a table of that kind have such a LOCATION? SYNTAX says what is wanted: folders one in another
 * below that of the storage, each a token, once, or a plain name, so that nothing of it is a
 * pattern, leads out, or is named like a file of ours. */
MUST_USE status template_check_location(enum table_kind kind, str location, struct error *err);

#endif
