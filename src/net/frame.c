/* net/frame.c -- counted bytes in one allocation. */
#include "net/frame.h"
#include "base/check.h"
#include "base/mem.h"

enum { FRAME_BYTES_MAX = 1 << 30 };

struct frame *frame_make(size_t n)
{
    CHECK(n < FRAME_BYTES_MAX);
    struct frame *frame = mem_alloc(sizeof *frame + n);
    refcount_init(&frame->holders);
    frame->n = (uint32_t)n;
    return frame;
}

struct frame *frame_copy(str bytes)
{
    struct frame *frame = frame_make(bytes.n);
    if (bytes.n > 0) {
        memcpy(frame->bytes, bytes.p, bytes.n);
    }
    return frame;
}

void frame_give(struct frame *frame)
{
    if (frame != NULL && refcount_give(&frame->holders)) {
        mem_free(frame);
    }
}
