/* base/mem.h -- memory from the heap.
 * For:      allocations that stop the process when they fail (small, ours), and mem_try_alloc for
 *           sizes that a client chose.
 * Threads:  any. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/banned.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* Never NULL; the process stops with a clear line when there is no memory. Freed by mem_free. */
MUST_USE void *mem_alloc(size_t bytes);
MUST_USE void *mem_alloc_zeroed(size_t bytes);
MUST_USE void *mem_realloc(void *p, size_t bytes);
/* A copy of `bytes` bytes at p; p may be NULL when bytes is 0. */
MUST_USE void *mem_copy(const void *p, size_t bytes);
/* For sizes that a client chose. NULL: no memory; answer with LIMIT. */
MUST_USE void *mem_try_alloc(size_t bytes);
MUST_USE void *mem_try_realloc(void *p, size_t bytes);
/* NULL is allowed. */
void mem_free(void *p);

/* Doubles `*capacity` (items) of the array until `count` items fit. */
MUST_USE void *mem_grow(void *array, size_t *capacity, size_t count, size_t item_bytes);

/* The resident set of this process in bytes, from /proc/self/statm; 0 when unknown. */
uint64_t mem_resident_bytes(void);

/* Gives pages of freed memory back to the system, where the allocator kept them: glibc's, jemalloc
 * (which takes over in a release) and those of the sanitizers. Milliseconds, more with gigabytes.
 */
void mem_purge(void);

/* The most bytes that this thread held at once of what it allocated since mem_peak_reset; 0 where
 * the allocator does not tell (all but jemalloc). Allocations that other threads free count on. */
void mem_peak_reset(void);
uint64_t mem_peak_bytes(void);

/* For the jemalloc that the SQL engine brings, too. */
#define MEM_PEAK_RESET "thread.peak.reset"
#define MEM_PEAK_READ "thread.peak.read"
#define MEM_PURGE_ALL "arena.4096.purge" /* of jemalloc: MALLCTL_ARENAS_ALL */

#endif
