/* base/arena.c -- blocks in a list, the newest in use:
 *     [ used . . . at      free      end ]  ->  [ full ]  ->  [ full ]
 * An allocation past a quarter of a block gets a block of its own, behind the newest. */
#include "base/arena.h"
#include "base/check.h"

struct arena_block {
    struct arena_block *next;
    size_t bytes;
    char data[] __attribute__((aligned(16)));
};

struct arena_deferred {
    struct arena_deferred *next;
    void (*release)(void *handle);
    void *handle;
};

enum { BLOCK_BYTES_MIN = 4096, BLOCK_BYTES_MAX = 256 * 1024 };

void arena_init(struct arena *arena)
{
    *arena = (struct arena){.block_bytes = BLOCK_BYTES_MIN};
}

static void run_deferred(struct arena *arena)
{
    while (arena->deferred != NULL) {
        struct arena_deferred *d = arena->deferred;
        arena->deferred = d->next;
        d->release(d->handle);
    }
}

static void free_blocks(struct arena_block *block)
{
    while (block != NULL) {
        struct arena_block *next = block->next;
        mem_free(block);
        block = next;
    }
}

void arena_release(struct arena *arena)
{
    run_deferred(arena);
    free_blocks(arena->blocks);
    arena_init(arena);
}

void arena_reset(struct arena *arena)
{
    run_deferred(arena);
    struct arena_block *kept = arena->blocks;
    arena->used_bytes = 0;
    if (kept == NULL || kept->bytes > BLOCK_BYTES_MAX) {
        arena_release(arena);
        return;
    }
    free_blocks(kept->next);
    kept->next = NULL;
    arena->at = kept->data;
    arena->end = kept->data + kept->bytes;
}

static struct arena_block *new_block(size_t bytes)
{
    CHECK(bytes < SIZE_MAX - sizeof(struct arena_block));
    struct arena_block *block = mem_alloc(sizeof *block + bytes);
    block->bytes = bytes;
    return block;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    CHECK(bytes < SIZE_MAX / 2);
    bytes = (bytes + 15) & ~(size_t)15;
    arena->used_bytes += bytes;
    if ((size_t)(arena->end - arena->at) >= bytes && arena->at != NULL) {
        void *p = arena->at;
        arena->at += bytes;
        return p;
    }
    if (arena->blocks != NULL && bytes > arena->block_bytes / 4) {
        struct arena_block *own = new_block(bytes);
        own->next = arena->blocks->next;
        arena->blocks->next = own;
        return own->data;
    }
    size_t size = arena->block_bytes > bytes ? arena->block_bytes : bytes;
    struct arena_block *block = new_block(size);
    block->next = arena->blocks;
    arena->blocks = block;
    arena->at = block->data + bytes;
    arena->end = block->data + size;
    if (arena->block_bytes < BLOCK_BYTES_MAX) {
        arena->block_bytes *= 2;
    }
    return block->data;
}

void *arena_alloc_zeroed(struct arena *arena, size_t bytes)
{
    void *p = arena_alloc(arena, bytes);
    memset(p, 0, bytes);
    return p;
}

str arena_copy(struct arena *arena, str s)
{
    char *p = arena_alloc(arena, s.n + 1);
    if (s.n > 0) {
        memcpy(p, s.p, s.n);
    }
    p[s.n] = '\0';
    return (str){p, s.n};
}

char *str_cstr(struct arena *arena, str s)
{
    char *p = arena_alloc(arena, s.n + 1);
    if (s.n > 0) {
        memcpy(p, s.p, s.n);
    }
    p[s.n] = '\0';
    return p;
}

str arena_format(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_list again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    CHECK(n >= 0);
    char *p = arena_alloc(arena, (size_t)n + 1);
    (void)vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    return (str){p, (size_t)n};
}

str arena_lower(struct arena *arena, str s)
{
    char *p = arena_alloc(arena, s.n + 1);
    for (size_t i = 0; i < s.n; i++) {
        p[i] = str_lower_char(s.p[i]);
    }
    p[s.n] = '\0';
    return (str){p, s.n};
}

void arena_defer(struct arena *arena, void (*release)(void *handle), void *handle)
{
    struct arena_deferred *d = arena_alloc(arena, sizeof *d);
    *d = (struct arena_deferred){arena->deferred, release, handle};
    arena->deferred = d;
}
