/* engine/duck_memory.h -- memory of the SQL engine that its own figures do not tell.
 * For:      the watchdog, and jobs that are measured.
 * Touches:  the jemalloc that the engine brings; an engine without it gives 0 and does nothing.
 * Threads:  any. */
#ifndef ENGINE_DUCK_MEMORY_H
#define ENGINE_DUCK_MEMORY_H

#include <stdint.h>

/* Gives freed pages of the engine back to the system. */
void duck_memory_purge(void);
/* The most bytes of the engine that this thread held at once since duck_memory_peak_reset. With
 * threads=1, as we open it, the engine works on the thread that asks. */
void duck_memory_peak_reset(void);
uint64_t duck_memory_peak_bytes(void);

#endif
