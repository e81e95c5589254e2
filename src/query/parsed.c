/* query/parsed.c -- see parsed.h. */
#include "query/parsed.h"

#include "base/mem.h"

static bool parse(struct parsed *parsed, str text)
{
    struct arena *arena = &parsed->base.arena;
    unsigned count = 0;
    struct error ignored;
    error_clear(&ignored);
    return status_ok(sql_split(arena_copy(arena, text), arena, &parsed->piece, &count, &ignored)) &&
           count == 1 &&
           status_ok(sql_parse_piece(parsed->piece, arena, &parsed->statement, &ignored));
}

struct parsed *parsed_get(struct plan_cache *cache, str text)
{
    if (text.n > PARSED_TEXT_BYTES_MAX) {
        return NULL;
    }
    struct plan *found = plan_cache_find(cache, text);
    if (found != NULL) {
        return (struct parsed *)found;
    }
    struct parsed *parsed = mem_alloc_zeroed(sizeof *parsed);
    refcount_init(&parsed->base.refs);
    arena_init(&parsed->base.arena);
    if (!parse(parsed, text)) {
        plan_give(&parsed->base);
        return NULL;
    }
    plan_cache_put(cache, text, &parsed->base);
    return parsed;
}
