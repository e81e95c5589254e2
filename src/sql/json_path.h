/* sql/json_path.h -- looking into JSON text: what ->, ->> and ? need.
 * For:      eval, as the contract's functions (engine/duck_json.c) answer. Strict RFC 8259,
 * LIMIT_JSON_DEPTH levels; of two equal keys the first counts. Owns:     nothing; results lie in
 * the text or in the arena. Threads:  any. */
#ifndef SQL_JSON_PATH_H
#define SQL_JSON_PATH_H

#include "base/arena.h"
#include "base/buf.h"

struct json_step {
    bool is_index;
    int64_t index; /* from 0; negative: there is none */
    str key;
};

/* One JSON value and nothing else. */
bool json_text_is_valid(str text);
/* The value at the end of the path, in place; empty: there is none (a key in a list, an index in an
 * object, too far ...). `text` must be valid. */
str json_text_find(str text, const struct json_step *steps, unsigned count, struct arena *arena);
/* The characters that a JSON string means. */
str json_text_unescape(str quoted, struct arena *arena);

#endif
