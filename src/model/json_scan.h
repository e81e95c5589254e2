/* model/json_scan.h -- walking through a JSON text, for this folder only (wire/json is above us).
 * For:      checking texts of JSON columns, reading EMBEDDING texts and the stored schema.
 *           Strict RFC 8259; a \u escape that is half a pair is refused. The first error sticks and
 *           turns later calls into no-ops (as in struct reader): walk straight down, ask once.
 * Owns:     nothing; unescaped strings live in the arena.
 * Threads:  one at a time. */
#ifndef MODEL_JSON_SCAN_H
#define MODEL_JSON_SCAN_H

#include "base/arena.h"
#include "base/buf.h"

struct json_scan {
    struct reader r;
    struct arena *arena; /* NULL: strings are checked and come back empty */
};

/* Fails at once when the text is not UTF-8. */
void json_scan_init(struct json_scan *s, str text, struct arena *arena);
/* The next character that is not white space, not taken; 0 at the end. */
char json_scan_peek(struct json_scan *s);
/* Takes `c` if it is next. */
bool json_scan_take(struct json_scan *s, char c);
/* Fails when `c` is not next. */
void json_scan_expect(struct json_scan *s, char c);
/* Takes `true`, `false` or `null` (given as `word`) or fails. */
void json_scan_word(struct json_scan *s, const char *word);
/* A string, unescaped. */
str json_scan_string(struct json_scan *s);
/* The characters of a number, in place. */
str json_scan_number(struct json_scan *s);
/* Any value, checked and passed over. */
void json_scan_skip(struct json_scan *s);
/* For lists and objects: after the opening bracket, true while there is an item; takes commas and
 * the `close` bracket. `*count` starts at 0 and counts the items. */
bool json_scan_next(struct json_scan *s, char close, unsigned *count);
/* No error, and nothing but white space is left. */
bool json_scan_done(struct json_scan *s);

/* The text is one JSON value, nested at most LIMIT_JSON_DEPTH deep. */
bool json_is_valid(str text);

#endif
