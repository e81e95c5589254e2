/* wire/thrift_compact.h -- Thrift's compact protocol, as footers of Parquet files have it.
 * For:      reading what we need of a structure, stepping over the rest, and writing it again with
 *           fields put in: a value that nobody looks into is copied as bytes.
 * Owns:     nothing: texts point into the bytes read.
 * Limits:   nesting THRIFT_DEPTH_MAX; a list longer than the bytes that are left is refused.
 * Threads:  any. */
#ifndef WIRE_THRIFT_COMPACT_H
#define WIRE_THRIFT_COMPACT_H

#include "base/buf.h"

enum thrift_type {
    THRIFT_STOP = 0,
    THRIFT_TRUE = 1, /* a field's value is its type; in lists a byte */
    THRIFT_FALSE = 2,
    THRIFT_BYTE = 3,
    THRIFT_I16 = 4,
    THRIFT_I32 = 5,
    THRIFT_I64 = 6,
    THRIFT_DOUBLE = 7,
    THRIFT_BINARY = 8,
    THRIFT_LIST = 9,
    THRIFT_SET = 10,
    THRIFT_MAP = 11,
    THRIFT_STRUCT = 12,
    THRIFT_UUID = 13
};
enum { THRIFT_DEPTH_MAX = 64 };

/* A field of a structure. Start with a zeroed one for each structure. */
struct thrift_field {
    uint8_t type; /* enum thrift_type */
    int16_t id;
};

/* -- reading: a reader that failed answers 0, empty and false ------------------------------------
 */

/* The next field's head; false at the end of the structure (its stop byte is taken) or on an error.
 * The value is to be read or skipped before the next call. */
bool thrift_next(struct reader *r, struct thrift_field *field);
/* A value of a field that thrift_next gave, or an item of a list. */
void thrift_skip(struct reader *r, uint8_t type);
/* I16, I32 and I64 alike. */
int64_t thrift_integer(struct reader *r);
str thrift_binary(struct reader *r);
/* Head of a LIST or SET: the items' type; how many. */
uint32_t thrift_list(struct reader *r, uint8_t *item_type);
/* The field's value if it has the type; otherwise it is skipped and *out stays. */
bool thrift_get_integer(struct reader *r, struct thrift_field field, int64_t *out);

/* -- writing ------------------------------------------------------------------------------------
 */

/* Head of a field; `last_id` is that of the field before in the same structure, 0 for the first. */
void thrift_put_field(struct buf *out, int16_t *last_id, uint8_t type, int16_t id);
void thrift_put_stop(struct buf *out);
void thrift_put_integer(struct buf *out, int64_t v);
void thrift_put_list(struct buf *out, uint8_t item_type, uint32_t count);
/* Takes a value from `r` as it is. */
void thrift_copy(struct reader *r, uint8_t type, struct buf *out);

#endif
