/* base/mem.c -- malloc with one manner of failing. */
#include "base/mem.h"
#include "base/check.h"

#include <malloc.h>
#include <unistd.h>

/* There when the allocator is: jemalloc, or that of a sanitizer. */
__attribute__((weak)) int mallctl(const char *name, void *old, size_t *old_bytes, void *new,
                                  size_t new_bytes);
__attribute__((weak)) void __sanitizer_purge_allocator(void);

static void *must(void *p, size_t bytes)
{
    if (p == NULL) {
        fprintf(stderr, "kalamdb: out of memory (%zu bytes wanted)\n", bytes);
        fflush(stderr);
        abort();
    }
    return p;
}

void *mem_alloc(size_t bytes)
{
    return must(malloc(bytes > 0 ? bytes : 1), bytes);
}

void *mem_alloc_zeroed(size_t bytes)
{
    return must(calloc(1, bytes > 0 ? bytes : 1), bytes);
}

void *mem_realloc(void *p, size_t bytes)
{
    return must(realloc(p, bytes > 0 ? bytes : 1), bytes);
}

void *mem_copy(const void *p, size_t bytes)
{
    void *copy = mem_alloc(bytes);
    if (bytes > 0) {
        memcpy(copy, p, bytes);
    }
    return copy;
}

void *mem_try_alloc(size_t bytes)
{
    return malloc(bytes > 0 ? bytes : 1);
}

void *mem_try_realloc(void *p, size_t bytes)
{
    return realloc(p, bytes > 0 ? bytes : 1);
}

void mem_free(void *p)
{
    free(p);
}

void *mem_grow(void *array, size_t *capacity, size_t count, size_t item_bytes)
{
    if (count <= *capacity) {
        return array;
    }
    size_t wanted = *capacity > 0 ? *capacity : 8;
    while (wanted < count) {
        CHECK(wanted <= SIZE_MAX / 2 / item_bytes);
        wanted *= 2;
    }
    *capacity = wanted;
    return mem_realloc(array, wanted * item_bytes);
}

uint64_t mem_resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    if (f == NULL) {
        return 0;
    }
    unsigned long long total = 0;
    unsigned long long resident = 0;
    int n = fscanf(f, "%llu %llu", &total, &resident);
    (void)fclose(f);
    return n == 2 ? (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

void mem_purge(void)
{
    if (mallctl != NULL) {
        (void)mallctl(MEM_PURGE_ALL, NULL, NULL, NULL, 0);
    } else if (__sanitizer_purge_allocator != NULL) {
        __sanitizer_purge_allocator();
    } else {
        (void)malloc_trim(0);
    }
}

void mem_peak_reset(void)
{
    if (mallctl != NULL) {
        (void)mallctl(MEM_PEAK_RESET, NULL, NULL, NULL, 0);
    }
}

uint64_t mem_peak_bytes(void)
{
    uint64_t bytes = 0;
    size_t n = sizeof bytes;
    return mallctl != NULL && mallctl(MEM_PEAK_READ, &bytes, &n, NULL, 0) == 0 ? bytes : 0;
}
