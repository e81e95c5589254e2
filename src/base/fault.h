/* base/fault.h -- named points where tests make things go wrong.
 * For:      crash, EIO, ENOSPC and delay tests. A point is FAULT_POINT("flush.after_rename") (crash
 *           or delay) or FAULT_ERRNO("blob.fsync") (an errno to act on). Compiled out of release.
 * Set by:   the environment KALAMDB_FAULTS="name=crash@3;other=eio@1+;third=delay:50" (the 3rd
 * time; from the 1st time on; always), or fault_set in tests. Threads:  any. */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include "base/str.h"

#include <stdint.h>

#ifdef KALAM_TESTING

/* 0, or the errno that the test wants here; does not return when the test wants a crash
 * (_exit(137)). The first call registers the name. */
int fault_hit(const char *name);
#define FAULT_POINT(name) ((void)fault_hit(name))
#define FAULT_ERRNO(name) fault_hit(name)

#else

#define FAULT_POINT(name) ((void)0)
#define FAULT_ERRNO(name) 0

#endif

/* Every point of the program, from base/fault.def: name by index, NULL past the end. */
const char *fault_name(unsigned index);

/* Reads a specification as above; false when it is not well-formed or names an unknown point. */
bool fault_set(const char *specification);
/* Forgets all settings and counts. */
void fault_clear(void);
/* How often a point was passed since the start or fault_clear. */
uint64_t fault_hits(const char *name);

#endif
