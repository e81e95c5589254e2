/* base/status.c -- the tables behind status.h. */
#include "base/status.h"

#include <stdio.h>
#include <string.h>

const char *status_name(enum status_code code)
{
    static const char *const names[] = {
#define STATUS(symbol) #symbol,
#include "base/status.def"
#undef STATUS
    };
    return (unsigned)code < STATUS_COUNT ? names[code] : "?";
}

const struct error_row *error_row(enum error_id id)
{
    static const struct error_row rows[] = {
#define ERROR(symbol, status, code, http, prefix, shown, hint)                                     \
    {ERROR_##symbol, STATUS_##status, #symbol, code, http, prefix, shown, hint},
#include "base/errors.def"
#undef ERROR
    };
    return &rows[(unsigned)id < ERROR_COUNT ? id : ERROR_INTERNAL];
}

status error_set_va(struct error *err, enum error_id id, const char *format, va_list args)
{
    if (err != NULL) {
        err->id = id;
        int n = vsnprintf(err->text, sizeof err->text, format, args);
        if (n < 0) {
            err->text[0] = '\0';
        } else if ((size_t)n >= sizeof err->text) {
            /* Cut before a started UTF-8 character, so that the text stays valid on the wire. */
            size_t end = sizeof err->text - 4;
            while (end > 0 && ((unsigned char)err->text[end] & 0xC0) == 0x80) {
                end--;
            }
            memcpy(err->text + end, "...", 4);
        }
    }
    return status_from(error_row(id)->status);
}

status error_set(struct error *err, enum error_id id, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    status s = error_set_va(err, id, format, args);
    va_end(args);
    return s;
}

status error_wrap(struct error *err, const char *where)
{
    if (err == NULL) {
        return status_from(STATUS_INTERNAL);
    }
    char old[ERROR_TEXT_MAX];
    memcpy(old, err->text, sizeof old);
    return error_set(err, err->id, "%s: %s", where, old);
}

void error_clear(struct error *err)
{
    err->id = ERROR_NONE;
    err->text[0] = '\0';
}
