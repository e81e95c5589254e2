/* base/arena.h -- many small allocations with one end.
 * For:      everything that lives as long as a request, a batch or a catalog version. Functions
 * that take an arena free nothing. Owns:     its blocks and the handles deferred to it. Threads:
 * one at a time. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/mem.h"
#include "base/str.h"

struct arena_block;
struct arena_deferred;

struct arena {
    struct arena_block *blocks; /* newest first */
    char *at;
    char *end;
    struct arena_deferred *deferred; /* newest first */
    size_t used_bytes;               /* handed out since init or reset */
    size_t block_bytes;              /* size of the next block */
};

/* Needs no memory until the first allocation. Ended by arena_release. */
void arena_init(struct arena *arena);
/* Runs the deferred releases, newest first, and frees all blocks. The arena may be used again. */
void arena_release(struct arena *arena);
/* As release, but keeps one block for the next use. */
void arena_reset(struct arena *arena);

/* 16-byte aligned; lives until release. Stops the process when there is no memory. */
MUST_USE void *arena_alloc(struct arena *arena, size_t bytes);
MUST_USE void *arena_alloc_zeroed(struct arena *arena, size_t bytes);
/* A copy of s that ends in a NUL (not counted). */
MUST_USE str arena_copy(struct arena *arena, str s);
/* NUL-terminated copy for libc. */
MUST_USE char *str_cstr(struct arena *arena, str s);
MUST_USE str arena_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* ASCII letters to lower case. */
MUST_USE str arena_lower(struct arena *arena, str s);

/* `release(handle)` runs when the arena ends. */
void arena_defer(struct arena *arena, void (*release)(void *handle), void *handle);

#define ARENA_NEW(arena, type) ((type *)arena_alloc_zeroed((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count)                                                            \
    ((type *)arena_alloc_zeroed((arena), sizeof(type) * (size_t)(count)))

#endif
