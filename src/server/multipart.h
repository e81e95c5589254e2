/* server/multipart.h -- bodies of multipart/form-data (RFC 7578), as POST /v1/api/sql takes them.
 * Manners:  strict: a boundary of at most 70 characters, CRLF line ends, every part with a
 *           Content-Disposition that has a name.
 * Owns:     nothing: parts point into the body. Threads: pure functions; any. */
#ifndef SERVER_MULTIPART_H
#define SERVER_MULTIPART_H

#include "base/arena.h"

enum { MULTIPART_PARTS_MAX = 64 };

struct multipart_part {
    str name;
    str file_name;    /* p NULL: none */
    str content_type; /* empty: none */
    str content;
};

struct multipart {
    struct multipart_part parts[MULTIPART_PARTS_MAX];
    unsigned count;
};

/* Does a Content-Type say multipart/form-data? */
bool multipart_is_type(str content_type);
/* INVALID: says what is wrong. */
MUST_USE status multipart_parse(str content_type, str body, struct arena *arena,
                                struct multipart *out, struct error *err);

#endif
