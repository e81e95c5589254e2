/* base/base64.h -- bytes as printable text (RFC 4648), strictly.
 * For:      tokens (URL alphabet), message payloads and handshakes (standard alphabet).
 * Threads:  any. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

enum base64_kind {
    BASE64_STANDARD, /* + and /, padded with = */
    BASE64_URL       /* - and _, not padded */
};

/* Appends `bytes` in base64, in the alphabet and with the padding of `kind`. */
void base64_append(struct buf *out, enum base64_kind kind, str bytes);
/* Appends what `text` stands for. False, and nothing is appended: another character, wrong padding
 * or length, or bits set that stand for nothing (so each byte string has exactly one text). */
MUST_USE bool base64_decode(struct buf *out, enum base64_kind kind, str text);

#endif
