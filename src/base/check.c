/* base/check.c -- the last words of a process that found its own bug. */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "kalamdb: CHECK failed at %s:%d: %s\n", file, line, what);
    fflush(stderr);
    abort();
}
