/* query/mutant.c -- see mutant.h. */
#include "query/mutant.h"

#ifdef KALAM_TESTING

#include "base/check.h"
#include "base/lock.h"

#include <stdlib.h>

enum { TEXT_BYTES_MAX = 256 };

static const char *const names[] = {
#define MUTANT(name, what) #name,
#include "query/mutant.def"
#undef MUTANT
};

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER; /* a leaf; guards the two below */
static char first[TEXT_BYTES_MAX];
static size_t first_bytes;

bool mutant_is_on(const char *name)
{
    bool is_known = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        is_known = is_known || strcmp(names[i], name) == 0;
    }
    CHECK(is_known);
    const char *wanted = getenv("KALAMDB_MUTANT");
    return wanted != NULL && strcmp(wanted, name) == 0;
}

str mutant_first(const char *name, str text, struct arena *arena)
{
    if (!mutant_is_on(name) || text.n >= TEXT_BYTES_MAX) {
        return text;
    }
    (void)pthread_mutex_lock(&guard);
    if (first_bytes == 0) {
        memcpy(first, text.p, text.n);
        first_bytes = text.n;
    }
    str kept = arena_copy(arena, str_of(first, first_bytes));
    (void)pthread_mutex_unlock(&guard);
    return kept;
}

#endif
