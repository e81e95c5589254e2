/* wire/json.h -- JSON texts: reading them into a tree, and writing them as a stream.
 * For:      request bodies, WebSocket messages, parameters, metadata. The reader is strict RFC
 * 8259: one value, no byte order mark, no comments, well-formed UTF-8, no lone surrogates, no
 *           object with the same key twice, at most LIMIT_JSON_DEPTH levels.
 * Owns:     nothing. A tree lives in the arena and points into the text it was read from: the text
 *           must live as long. A writer appends to a buf that is its caller's.
 * Names:    libjansson (a dependency of a library we link) exports json_null, json_array and more;
 * a function of ours with such a name would take its place. Hence json_write_null. Threads:  a tree
 * is immutable once read; a writer belongs to one thread. */
#ifndef WIRE_JSON_H
#define WIRE_JSON_H

#include "base/arena.h"
#include "base/buf.h"

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_TEXT, JSON_ARRAY, JSON_OBJECT };

struct json_number {
    str raw;         /* as it was written: digits that no int64 or double holds are still there */
    int64_t integer; /* when is_integer */
    double real;     /* always; the nearest double, -0.0 for "-0"; never infinite */
};

struct json_children {
    struct json *first; /* NULL: empty */
    uint32_t count;
};

/* One value. Items of an array and members of an object are linked in the order of the text:
 *     for (const struct json *item = list->as.children.first; item != NULL; item = item->next) */
struct json {
    enum json_kind kind;
    bool is_integer;   /* NUMBER: no point, no exponent, fits int64 */
    str key;           /* name of a member of an object; else empty */
    struct json *next; /* next item or member */
    union {
        bool boolean;
        str text; /* unescaped; may contain NUL */
        struct json_number number;
        struct json_children children; /* ARRAY, OBJECT */
    } as;
};

/* Reads the one value that `text` consists of (white space around it is allowed). INVALID: not such
 * a text, or nested too deep; the error says what was expected, and line and column. The tree takes
 * at most 32 bytes of arena for each byte of the text, and a few KiB. */
MUST_USE status json_parse(str text, struct arena *arena, const struct json **out,
                           struct error *err);

/* The member of that name, or NULL: no such member, `object` is NULL or no object. */
const struct json *json_get(const struct json *object, const char *key);
const struct json *json_get_str(const struct json *object, str key);
/* The item at `index`, or NULL: too few, `array` is NULL or no array. Walks the list. */
const struct json *json_at(const struct json *array, uint32_t index);

/* False, and `out` untouched: `value` is NULL or of another kind. */
bool json_as_text(const struct json *value, str *out);
bool json_as_bool(const struct json *value, bool *out);
/* False also when there is a point or an exponent ("1.0"), or the number does not fit. */
bool json_as_i64(const struct json *value, int64_t *out);
bool json_as_u64(const struct json *value, uint64_t *out);
bool json_as_double(const struct json *value, double *out);
/* True for null; false for NULL (absent). */
bool json_is_null(const struct json *value);

/* Appends the value without white space; numbers as they were written. */
void json_append(struct buf *out, const struct json *value);

/* Nodes for trees that do not come from a text (other formats, tests). */
struct json *json_new(struct arena *arena, enum json_kind kind);
/* An integer that needs no text of its own gets one in the arena. */
struct json *json_new_i64(struct arena *arena, int64_t v);
/* Appends `child` to a container that it is not in yet; `last` is the child appended before it,
 * NULL for the first. A member's key is set by the caller. */
void json_link(struct json *container, struct json *last, struct json *child);
/* The first key that stands twice in `object`, or NULL. */
const struct json *json_find_duplicate(const struct json *object);

/* Writes one value piece by piece; commas come by themselves. The order of calls is checked in
 * testing builds: a key before every value of an object, each begin with its end.
 *     struct json_writer w = json_writer_on(&buf);
 *     json_write_object_begin(&w);
 *     json_write_key(&w, "rows");
 *     json_write_array_begin(&w);
 *     json_write_i64(&w, 7);
 *     json_write_array_end(&w);
 *     json_write_object_end(&w);                    {"rows":[7]}                            */
struct json_writer {
    struct buf *out;
    bool has_before; /* a value of the same container stands before: a comma is due */
    bool is_after_key;
    uint16_t depth;
    uint64_t objects[2]; /* bit d: the container of level d is an object; LIMIT_JSON_DEPTH levels */
};

/* A writer that appends to `out`, at the top level. */
struct json_writer json_writer_on(struct buf *out);
void json_write_object_begin(struct json_writer *w);
void json_write_object_end(struct json_writer *w);
void json_write_array_begin(struct json_writer *w);
void json_write_array_end(struct json_writer *w);
void json_write_key(struct json_writer *w, const char *key);
void json_write_key_str(struct json_writer *w, str key);
/* `text` must be UTF-8. */
void json_write_text(struct json_writer *w, str text);
void json_write_text_c(struct json_writer *w, const char *text);
void json_write_i64(struct json_writer *w, int64_t v);
void json_write_u64(struct json_writer *w, uint64_t v);
void json_write_bool(struct json_writer *w, bool v);
/* Shortest text; null for infinity and NaN, which JSON cannot say. */
void json_write_double(struct json_writer *w, double v);
void json_write_null(struct json_writer *w);
/* `value` is the text of one JSON value. */
void json_write_raw(struct json_writer *w, str value);
/* For writers of single values such as value_append_json: puts the comma and returns the buf, onto
 * which the caller appends the text of exactly one value. */
struct buf *json_write_raw_begin(struct json_writer *w);

#endif
