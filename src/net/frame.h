/* net/frame.h -- bytes that many connections send without a copy.
 * For:      a live event encoded once and queued by thousands of sockets; blocks of a response
 *           that a worker filled and a loop sends.
 * Touches:  base only.
 * Owns:     its bytes, until the last holder gives it.
 * Threads:  any may take and give; the bytes never change once there is a second holder. */
#ifndef NET_FRAME_H
#define NET_FRAME_H

#include "base/lock.h"
#include "base/str.h"

struct frame {
    refcount holders;
    uint32_t n; /* bytes */
    char bytes[];
};

/* Room for `n` bytes (below 1 GiB), to be filled by its maker, who is the one holder. */
MUST_USE struct frame *frame_make(size_t n);
/* A copy of `bytes`; the caller is the one holder. */
MUST_USE struct frame *frame_copy(str bytes);
static inline struct frame *frame_take(struct frame *frame)
{
    refcount_take(&frame->holders);
    return frame;
}
/* The last holder to give it frees it. NULL is allowed. */
void frame_give(struct frame *frame);
static inline str frame_str(const struct frame *frame)
{
    return str_of(frame->bytes, frame->n);
}

#endif
