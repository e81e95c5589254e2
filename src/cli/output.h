/* cli/output.h -- results on stdout: tables, JSON, CSV.
 * For:      every statement's answer. Rows go to stdout; notes about them to stderr.
 * Owns:     nothing. Threads: one. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "cli/options.h"
#include "wire/json.h"

struct output {
    enum output_format format;
    bool is_expanded; /* tables with one line per value */
    bool is_quiet;    /* rows only: no messages, no row counts */
    bool is_timing;
    /* Names of the columns to show, ended by NULL; NULL: all. */
    const char *const *columns;
};

/* Prints one RESULT of the contract (http-ws.md section 2.4). JSON: an array with an object per
 * row, cells as the server sent them; a message becomes {"message":...,"row_count":n}. */
void output_result(const struct output *output, const struct json *result);
/* "Time: 1.234 ms" when timing is on. */
void output_time(const struct output *output, double client_ms, double server_ms);

/* Writes to stdout. Ends the process quietly when nobody reads any more. */
void output_write(str text);
/* Hands what was written to whoever reads. */
void output_flush(void);

/* `text` as a field of CSV: in quotes when it needs them, or is empty (a NULL is nothing at all).
 */
void output_append_csv(struct buf *out, str text);

#endif
