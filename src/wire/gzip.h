/* wire/gzip.h -- gzip members (RFC 1952), compressed and read with a limit.
 * For:      WebSocket payloads from 512 bytes on, and clients that compress theirs.
 * Owns:     a struct gzip holds the compressor's state (about 270 KB) from its first use on, so
 * that one is kept for many messages. Threads:  one struct gzip per thread. */
#ifndef WIRE_GZIP_H
#define WIRE_GZIP_H

#include "base/buf.h"

struct gzip;

/* `level`: 1 (fast) .. 9 (small). Ended by gzip_destroy. */
struct gzip *gzip_create(int level);
void gzip_destroy(struct gzip *gzip); /* NULL is allowed */

/* Appends one member that holds `bytes`. False, and nothing is appended: it would be longer than
 * `output_max` (give bytes.n - 1 to compress only what gets smaller). `bytes` < 4 GiB. */
MUST_USE bool gzip_append(struct gzip *gzip, str bytes, size_t output_max, struct buf *out);

/* True when the bytes begin as a member does. */
bool gzip_is(str bytes);

/* Appends what the one member that `bytes` consists of holds. INVALID: not one whole member with
 * the right checksum; LIMIT: it holds more than `output_max` bytes. On an error `out` is as before,
 * and never grows much above the limit. */
MUST_USE status gzip_read(struct gzip *gzip, str bytes, size_t output_max, struct buf *out,
                          struct error *err);

#endif
