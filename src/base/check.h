/* base/check.h -- stopping on what only our own bug can break.
 * For:      CHECK in every build, DCHECK where that is costly (not in release). Bytes from clients,
 *           disks and networks are never CHECKed: they get a status.
 * Touches:  stderr. Threads: any. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include <assert.h>

/* Prints where and what to stderr and aborts. */
_Noreturn void check_failed(const char *file, int line, const char *what);

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) {                                                   \
            check_failed(__FILE__, __LINE__, #condition);                                          \
        }                                                                                          \
    } while (0)

#ifdef KALAM_TESTING
#define DCHECK(condition) CHECK(condition)
#else
#define DCHECK(condition) ((void)sizeof(condition))
#endif

#endif
