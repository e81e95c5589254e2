/* query/mutant.h -- planted defects, so that the test of isolation can prove that it would notice.
 * For:      tests/api/isolation_mutants_test.mjs, which runs the isolation test once per name of
 *           mutant.def and wants it to fail. At most one is on, by the environment KALAMDB_MUTANT.
 *           Compiled out of release.
 * Threads:  any. */
#ifndef QUERY_MUTANT_H
#define QUERY_MUTANT_H

#include "base/arena.h"

#ifdef KALAM_TESTING

/* Is the defect on? Stops the process when it is not in mutant.def. */
bool mutant_is_on(const char *name);
/* With the defect on: the first text that was ever given for it, as a careless cache would keep it.
 * Off: `text` itself. */
str mutant_first(const char *name, str text, struct arena *arena);

#else

#define mutant_is_on(name) false
#define mutant_first(name, text, arena) ((void)(arena), (text))

#endif

#endif
