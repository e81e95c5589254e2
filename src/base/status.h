/* base/status.h -- how a function says what happened, and why.
 * For:      one-field `status` (an int cannot pass for it) that decides, and `struct error` that
 *           explains. Whoever knows the names fills the error, once (error_set).
 * Touches:  nothing. Owns: nothing. Threads: any; an error belongs to its caller. */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define MUST_USE __attribute__((warn_unused_result))

enum status_code {
#define STATUS(symbol) STATUS_##symbol,
#include "base/status.def"
#undef STATUS
    STATUS_COUNT
};

typedef struct {
    enum status_code code;
} status;

#define STATUS_IS_OK ((status){STATUS_OK})

static inline status status_from(enum status_code code)
{
    return (status){code};
}
static inline bool status_ok(status s)
{
    return s.code == STATUS_OK;
}
/* The symbol of a status, such as "NOT_FOUND"; static. */
const char *status_name(enum status_code code);

/* Rows of base/errors.def: each has a status, a wire code, an HTTP status, a prefix and a hint. */
enum error_id {
#define ERROR(symbol, status, code, http, prefix, shown, hint) ERROR_##symbol,
#include "base/errors.def"
#undef ERROR
    ERROR_COUNT
};

enum { ERROR_TEXT_MAX = 1024 }; /* bytes with the NUL; a longer text ends in "..." */

struct error {
    enum error_id id;
    char text[ERROR_TEXT_MAX]; /* without the prefix of its row */
};

struct error_row {
    enum error_id id;
    enum status_code status;
    const char *symbol;    /* "TABLE_NOT_FOUND" */
    const char *wire_code; /* "SQL_EXECUTION_ERROR" */
    int http_status;
    const char *prefix;
    bool shown;       /* to callers that are not dba or system */
    const char *hint; /* what to do about it */
};

/* The row of `id`; never NULL. */
const struct error_row *error_row(enum error_id id);

/* Fills `err` (NULL allowed: only the status is wanted) and returns the status of the row. */
MUST_USE status error_set(struct error *err, enum error_id id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
MUST_USE status error_set_va(struct error *err, enum error_id id, const char *format, va_list args);

/* Puts "where: " before the text of a filled error; returns the status of its row. */
MUST_USE status error_wrap(struct error *err, const char *where);

/* Marks that nothing is wrong; callers may then test err->id == ERROR_NONE. */
void error_clear(struct error *err);

/* Leaves the function when `expression` is not OK; only where nothing is held. */
#define TRY(expression)                                                                            \
    do {                                                                                           \
        status try_status_ = (expression);                                                         \
        if (!status_ok(try_status_)) {                                                             \
            return try_status_;                                                                    \
        }                                                                                          \
    } while (0)

/* The same with an `out:` label and a local `status result`. */
#define TRY_OUT(expression)                                                                        \
    do {                                                                                           \
        result = (expression);                                                                     \
        if (!status_ok(result)) {                                                                  \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)

#endif
