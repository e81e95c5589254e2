/* engine/duck_memory.c -- asking the engine's own allocator. */
#include "engine/duck_memory.h"

#include "base/mem.h"

/* The engine brings a jemalloc of its own; a build of it without has no such function. */
__attribute__((weak)) int duckdb_je_mallctl(const char *name, void *old, size_t *old_bytes,
                                            void *new, size_t new_bytes);

void duck_memory_purge(void)
{
    if (duckdb_je_mallctl != NULL) {
        (void)duckdb_je_mallctl(MEM_PURGE_ALL, NULL, NULL, NULL, 0);
    }
}

void duck_memory_peak_reset(void)
{
    if (duckdb_je_mallctl != NULL) {
        (void)duckdb_je_mallctl(MEM_PEAK_RESET, NULL, NULL, NULL, 0);
    }
}

uint64_t duck_memory_peak_bytes(void)
{
    uint64_t bytes = 0;
    size_t n = sizeof bytes;
    bool is_read =
        duckdb_je_mallctl != NULL && duckdb_je_mallctl(MEM_PEAK_READ, &bytes, &n, NULL, 0) == 0;
    return is_read ? bytes : 0;
}
