/* query/parsed.h -- what statements with parameters say, parsed once.
 * For:      run.c: a client that asks the same text with other parameters again and again. Texts
 *           without parameters are mostly different each time: they are parsed as they come.
 * Owns:     text and tree, in the arena of the plan; nobody changes a tree after it was parsed, so
 *           requests share it. Threads:  any. */
#ifndef QUERY_PARSED_H
#define QUERY_PARSED_H

#include "query/plan_cache.h"
#include "sql/sql.h"

enum { PARSED_TEXT_BYTES_MAX = 4096 }; /* longer texts are not kept */

struct parsed {
    struct plan base;
    const struct sql_piece *piece;
    const struct statement *statement;
};

/* A hold on the one statement of `text`, ended by plan_give(&parsed->base); NULL: too long, not
 * exactly one statement, or an error, which parsing it the ordinary way tells. */
struct parsed *parsed_get(struct plan_cache *cache, str text);

#endif
