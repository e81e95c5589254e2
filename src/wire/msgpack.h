/* wire/msgpack.h -- MessagePack <-> the trees of json.h.
 * For:      sockets that asked for `serialization: msgpack`: the same messages, as maps with the
 * same names. Owns:     nothing; a tree that is read lives in the arena and points into the bytes.
 * Threads:  any. */
#ifndef WIRE_MSGPACK_H
#define WIRE_MSGPACK_H

#include "wire/json.h"

/* Appends a tree. Integers take the shortest form; a number that is none (and no uint64) is a
 * float64. */
void msgpack_append_tree(struct buf *out, const struct json *value);

/* Reads the one value that `bytes` consists of. INVALID: not such bytes, or what JSON has not: bin,
 * ext, keys that are no text or stand twice, texts that are not UTF-8, NaN and infinity, more than
 * LIMIT_JSON_DEPTH levels. A tree takes at most 80 bytes of arena for each byte. */
MUST_USE status msgpack_read_tree(str bytes, struct arena *arena, const struct json **out,
                                  struct error *err);

#endif
