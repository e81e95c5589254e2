/* cli/cell.h -- one cell of a result as a person reads it.
 * For:      tables, CSV and lines of changes. JSON output shows cells as they came.
 * Threads:  pure functions. */
#ifndef CLI_CELL_H
#define CLI_CELL_H

#include "base/buf.h"
#include "wire/json.h"

enum cell_kind {
    CELL_TEXT,
    CELL_NUMBER,    /* right-aligned */
    CELL_TIMESTAMP, /* µs since 1970 */
    CELL_DATE,      /* days */
    CELL_TIME,      /* µs since midnight */
    CELL_BYTES      /* numbers 0..255 */
};

/* Of a schema field's data_type; CELL_TEXT for NULL and for what needs no care. */
enum cell_kind cell_kind_of(const struct json *data_type);

/* Appends the value: "2026-01-02 03:04:05.678", \x00ff, JSON as JSON. Nothing for null: what that
 * looks like is the caller's choice. */
void cell_append(struct buf *out, enum cell_kind kind, const struct json *value);

/* Appends `text` with control characters as \n, \t, \x1b ..., so that it stays on its line and
 * does nothing to the terminal. */
void cell_append_visible(struct buf *out, str text);
/* Appends as much of `text` as takes at most `columns` (at least 2) on a terminal, with "…" at the
 * end when that is not all. */
void cell_append_cut(struct buf *out, str text, unsigned columns);
/* Columns that `text` takes on a terminal. */
unsigned cell_width(str text);

#endif
