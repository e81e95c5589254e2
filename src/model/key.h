/* model/key.h -- memcomparable keys: order of the bytes = order of the values.
 * Format:   docs/formats/keys.md. Integers, dates, times: big-endian with the sign bit flipped;
 *           BOOLEAN 1 byte; FLOAT/DOUBLE total order (-0 = 0, NaN refused); DECIMAL 16-byte
 *           unscaled, sign flipped; UUID 16 bytes; TEXT, BYTES raw. JSON, FILE, EMBEDDING are
 *           refused.
 * Threads:  any. */
#ifndef MODEL_KEY_H
#define MODEL_KEY_H

#include "model/value.h"

/* Appends the key of one value (not NULL). LIMIT: longer than LIMIT_KEY_BYTES; INVALID: NaN, or a
 * type that cannot be a key. */
MUST_USE status key_encode(struct buf *out, const struct value *v, struct error *err);
/* The value of a key; texts point into it. CORRUPT: not a key of that type. */
MUST_USE status key_decode(str key, struct type type, struct value *out, struct error *err);

/* Partition prefix: class byte, namespace id u32 BE, owner bytes with 00 -> 00 FF, end 00 01. No
 * prefix is the start of another one. Classes: u user, s shared table, e stream of a user, t topic
 * partition, g group, c catalog, y system records. */
enum partition_class {
    PARTITION_USER = 'u',
    PARTITION_SHARED = 's',
    PARTITION_STREAM = 'e',
    PARTITION_TOPIC = 't',
    PARTITION_GROUP = 'g',
    PARTITION_CATALOG = 'c',
    PARTITION_SYSTEM = 'y'
};
void partition_encode(struct buf *out, enum partition_class class, uint32_t namespace_number,
                      str owner);
/* Splits a prefix again; `owner` is written into the arena. False: not a prefix. */
bool partition_decode(str prefix, enum partition_class *class, uint32_t *namespace_number,
                      struct arena *arena, str *owner);
/* Bytes of the partition prefix at the start of a longer key; 0: none. */
size_t partition_prefix_bytes(str key);

#endif
