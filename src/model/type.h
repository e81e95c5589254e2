/* model/type.h -- column types and their spellings.
 * Touches:  base only. Threads: values; any. */
#ifndef MODEL_TYPE_H
#define MODEL_TYPE_H

#include "base/buf.h"
#include "base/status.h"

enum type_id {
    TYPE_NONE = 0, /* no type: a NULL literal, an untyped parameter */
#define TYPE(symbol, tag, wire, sql, fixed) TYPE_##symbol = (tag),
#include "model/types.def"
#undef TYPE
    TYPE_COUNT = 18
};

/* A column type with its parameters. */
struct type {
    enum type_id id;
    uint16_t dimension; /* EMBEDDING: 1..8192 */
    uint8_t precision;  /* DECIMAL: 1..38 */
    uint8_t scale;      /* DECIMAL: 0..precision */
};

static inline struct type type_of(enum type_id id)
{
    return (struct type){.id = id};
}
/* The same type with the same precision, scale or dimension. */
bool type_eq(struct type a, struct type b);
/* Bytes of the fixed slot in a row; 0: variable length. */
unsigned type_fixed_bytes(enum type_id id);
/* May be a primary key (not JSON, FILE, EMBEDDING, FLOAT and DOUBLE may). */
bool type_is_keyable(enum type_id id);
bool type_is_text(enum type_id id); /* TEXT, JSON, FILE: bytes that are UTF-8 */

/* From a SQL spelling in any case: name and up to two numbers ("VARCHAR", 1 parameter 255, ...);
 * contract sql.md section 2. INVALID names the spelling; UNSUPPORTED for what the contract refuses.
 */
MUST_USE status type_parse(str name, const int64_t *parameters, unsigned parameter_count,
                           struct type *out, struct error *err);
/* JSON text: `"BigInt"` (with the quotes), `{"Decimal":{"precision":10,"scale":2}}`,
 * `{"Embedding":384}` (contract http-ws.md section 2.6). */
void type_append_wire(struct buf *out, struct type type);
/* `BIGINT`, `DECIMAL(10, 2)`. */
void type_append_sql(struct buf *out, struct type type);

#endif
