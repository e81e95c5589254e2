/* model/value.h -- one value of one cell.
 * For:      literals, parameters, defaults, keys, results of our own expression engine.
 * Owns:     nothing: texts and bytes live where the header of the maker says.
 * Threads:  a value; any. */
#ifndef MODEL_VALUE_H
#define MODEL_VALUE_H

#include "base/arena.h"
#include "model/type.h"

/* 128-bit unscaled decimal and the engine's HUGEINT. */
__extension__ typedef __int128 int128;

struct value {
    struct type type; /* type.id TYPE_NONE only for an untyped NULL */
    bool is_null;
    union {
        bool boolean;
        int64_t integer; /* SMALLINT, INT, BIGINT; DATE days; TIME, TIMESTAMP, DATETIME µs */
        double real;     /* FLOAT (exact), DOUBLE */
        str text;        /* TEXT, JSON, FILE: UTF-8; BYTES: raw; EMBEDDING: little-endian floats */
        int128 decimal;  /* unscaled */
        uint8_t uuid[16];
    } as;
};

static inline struct value value_null(struct type type)
{
    return (struct value){.type = type, .is_null = true};
}
static inline struct value value_bool(bool v)
{
    return (struct value){.type = {.id = TYPE_BOOLEAN}, .as.boolean = v};
}
static inline struct value value_int(enum type_id type, int64_t v)
{
    return (struct value){.type = {.id = type}, .as.integer = v};
}
static inline struct value value_double(double v)
{
    return (struct value){.type = {.id = TYPE_DOUBLE}, .as.real = v};
}
static inline struct value value_text(str v)
{
    return (struct value){.type = {.id = TYPE_TEXT}, .as.text = v};
}

/* Same type after coercion is the caller's duty: both sides must have the same type id (and scale).
 * Order of values as the store's keys have it: -0 = 0, texts by bytes. NULL is not comparable here.
 */
int value_compare(const struct value *a, const struct value *b);
/* Same type, both NULL or both equal. NaN equals NaN. */
bool value_identical(const struct value *a, const struct value *b);
/* A deep copy into the arena. */
struct value value_copy(struct arena *arena, const struct value *v);

/* Cell encoding of results, live rows and topics (contract http-ws.md section 2.7), without a
 * column name: BIGINT as a quoted string, TIMESTAMP as a number of µs, DECIMAL as text with exactly
 * `scale` digits, BYTES as a number array ... INVALID: NaN or infinity. */
MUST_USE status value_append_json(struct buf *out, const struct value *v, struct error *err);
/* Appends a JSON string with quotes and escapes; the text must be UTF-8. */
void json_append_text(struct buf *out, str text);
/* The value as plain text: keys in messages, casts to TEXT. TIMESTAMP as "2026-01-02 03:04:05.678".
 */
void value_append_text(struct buf *out, const struct value *v);
/* Shortest decimal text that reads back to the same double (or float). */
void double_append_text(struct buf *out, double v);
void float_append_text(struct buf *out, float v);

/* Coercion by model/coerce.def: the value in type `to`, or COERCION error that names `column`, the
 * value and the reason. Lossless only: numbers that do not fit, texts that do not parse are errors.
 * Texts of the result may live in the arena. */
MUST_USE status value_coerce(const struct value *v, struct type to, str column, struct arena *arena,
                             struct value *out, struct error *err);

/* Parsers for texts of the usual ISO forms (also what value_coerce uses). */
bool timestamp_parse(str text,
                     int64_t *us); /* "2026-01-02", "2026-01-02T03:04:05.678Z", "+02:00" */
bool date_parse(str text, int64_t *days);
bool time_parse(str text, int64_t *us);
/* `YYYY-MM-DD`; `HH:MM:SS[.ffffff]` of 0..86399999999 µs; both with a space between. Fractions
 * without trailing zeros. */
void date_append_text(struct buf *out, int64_t days);
void time_append_text(struct buf *out, int64_t us);
void timestamp_append_text(struct buf *out, int64_t us);
bool uuid_parse(str text, uint8_t uuid[16]);
void uuid_append_text(struct buf *out, const uint8_t uuid[16]);
/* Decimal text (with optional exponent) to unscaled at `scale`; false: not a number, too many
 * digits before the point for `precision`, or digits after it that `scale` would lose. */
bool decimal_parse(str text, unsigned precision, unsigned scale, int128 *unscaled);
void decimal_append_text(struct buf *out, int128 unscaled, unsigned scale);

#endif
