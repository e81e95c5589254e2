/* net/out_queue.h -- what a socket still has to send, in order.
 * For:      one connection's backlog with exact counts. Shared frames are queued by reference;
 *           loose bytes are copied and gathered in private frames, so that many small writes
 *           stay few.
 * Touches:  net/frame.
 * Owns:     one hold on every queued frame; no memory while it is empty.
 * Threads:  one at a time (the loop of the connection). */
#ifndef NET_OUT_QUEUE_H
#define NET_OUT_QUEUE_H

#include "net/frame.h"

#include <sys/uio.h>

struct out_slot {
    struct frame *frame;
    uint32_t room; /* bytes that a private frame can still take; 0: shared, or full */
};

struct out_queue {
    struct out_slot *slots; /* a ring; NULL while the queue is empty */
    uint32_t capacity;      /* slots, a power of two */
    uint32_t head;          /* index of the oldest */
    uint32_t count;         /* frames queued */
    uint32_t sent;          /* bytes of the oldest that are sent already */
    uint64_t bytes;         /* bytes still to send */
};

/* An empty queue; ended by its release, which gives back the frames it holds. */
void out_queue_init(struct out_queue *queue);
/* Gives every frame and forgets all. */
void out_queue_clear(struct out_queue *queue);
/* Queues a copy. */
void out_queue_add(struct out_queue *queue, str bytes);
/* Queues `frame` and takes a hold of it; the caller keeps its own. */
void out_queue_add_frame(struct out_queue *queue, struct frame *frame);
/* The front of the queue as up to `max` pieces for writev; returns how many. */
unsigned out_queue_pieces(const struct out_queue *queue, struct iovec *pieces, unsigned max);
/* Copies up to `bytes` bytes of the front to `at`; returns how many. They stay queued. */
size_t out_queue_peek(const struct out_queue *queue, void *at, size_t bytes);
/* Removes `bytes` bytes (at most what is queued) that were sent. */
void out_queue_drop(struct out_queue *queue, size_t bytes);

#endif
