/* cli/failure.c -- failures as lines on stderr. */
#include "cli/failure.h"

#include <stdarg.h>

bool failure_set(struct failure *failure, struct arena *arena, enum cli_exit exit, const char *code,
                 const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t bytes = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    *failure = (struct failure){.exit = exit,
                                .code = arena_copy(arena, str_from(code)),
                                .message = arena_copy(arena, str_of(text, bytes))};
    return false;
}

void failure_print(const struct failure *failure, const char *place)
{
    (void)fflush(stdout);
    fprintf(stderr, "kalam: %s%s" STR_FMT ": " STR_FMT "\n", place != NULL ? place : "",
            place != NULL ? ": " : "", STR(failure->code), STR(failure->message));
    if (failure->hint.n > 0) {
        fprintf(stderr, "hint: " STR_FMT "\n", STR(failure->hint));
    }
}
