/* net/out_queue.c -- frames lie in slots[head], slots[head + 1], ... and wrap at the end.
 * Invariants: (1) count <= capacity  (2) sent < n of the oldest, if there is one
 *             (3) bytes = sum of n - sent  (4) no queued frame is empty. */
#include "net/out_queue.h"
#include "base/check.h"
#include "base/mem.h"

enum { PRIVATE_BYTES_MIN = 1024, SLOTS_MIN = 4 };

static struct out_slot *slot_at(const struct out_queue *queue, uint32_t offset)
{
    return &queue->slots[(queue->head + offset) & (queue->capacity - 1)];
}

void out_queue_init(struct out_queue *queue)
{
    *queue = (struct out_queue){0};
}

void out_queue_clear(struct out_queue *queue)
{
    for (uint32_t i = 0; i < queue->count; i++) {
        frame_give(slot_at(queue, i)->frame);
    }
    mem_free(queue->slots);
    out_queue_init(queue);
}

static void grow(struct out_queue *queue)
{
    uint32_t capacity = queue->capacity > 0 ? queue->capacity * 2 : SLOTS_MIN;
    CHECK(capacity > queue->capacity);
    struct out_slot *slots = mem_alloc(capacity * sizeof *slots);
    for (uint32_t i = 0; i < queue->count; i++) {
        slots[i] = *slot_at(queue, i);
    }
    mem_free(queue->slots);
    queue->slots = slots;
    queue->capacity = capacity;
    queue->head = 0;
}

static void append(struct out_queue *queue, struct frame *frame, uint32_t room)
{
    if (queue->count == queue->capacity) {
        grow(queue);
    }
    *slot_at(queue, queue->count) = (struct out_slot){frame, room};
    queue->count++;
    queue->bytes += frame->n;
}

/* Copies what fits into the newest frame if that is private; returns how much. */
static size_t fill_newest(struct out_queue *queue, str bytes)
{
    if (queue->count == 0) {
        return 0;
    }
    struct out_slot *newest = slot_at(queue, queue->count - 1);
    size_t n = bytes.n < newest->room ? bytes.n : newest->room;
    if (n > 0) {
        memcpy(newest->frame->bytes + newest->frame->n, bytes.p, n);
        newest->frame->n += (uint32_t)n;
        newest->room -= (uint32_t)n;
        queue->bytes += n;
    }
    return n;
}

void out_queue_add(struct out_queue *queue, str bytes)
{
    str rest = str_skip(bytes, fill_newest(queue, bytes));
    if (rest.n == 0) {
        return;
    }
    size_t capacity = rest.n > PRIVATE_BYTES_MIN ? rest.n : PRIVATE_BYTES_MIN;
    struct frame *frame = frame_make(capacity);
    memcpy(frame->bytes, rest.p, rest.n);
    frame->n = (uint32_t)rest.n;
    append(queue, frame, (uint32_t)(capacity - rest.n));
}

void out_queue_add_frame(struct out_queue *queue, struct frame *frame)
{
    if (frame->n > 0) {
        append(queue, frame_take(frame), 0);
    }
}

unsigned out_queue_pieces(const struct out_queue *queue, struct iovec *pieces, unsigned max)
{
    unsigned count = queue->count < max ? queue->count : max;
    for (unsigned i = 0; i < count; i++) {
        struct frame *frame = slot_at(queue, i)->frame;
        uint32_t skip = i == 0 ? queue->sent : 0;
        pieces[i] = (struct iovec){frame->bytes + skip, frame->n - skip};
    }
    return count;
}

size_t out_queue_peek(const struct out_queue *queue, void *at, size_t bytes)
{
    size_t copied = 0;
    uint32_t skip = queue->sent;
    for (uint32_t i = 0; i < queue->count && copied < bytes; i++) {
        const struct frame *frame = slot_at(queue, i)->frame;
        size_t n = frame->n - skip;
        n = n < bytes - copied ? n : bytes - copied;
        memcpy((char *)at + copied, frame->bytes + skip, n);
        copied += n;
        skip = 0;
    }
    return copied;
}

void out_queue_drop(struct out_queue *queue, size_t bytes)
{
    CHECK(bytes <= queue->bytes);
    queue->bytes -= bytes;
    while (bytes > 0) {
        struct frame *oldest = slot_at(queue, 0)->frame;
        uint32_t left = oldest->n - queue->sent;
        if (bytes < left) {
            queue->sent += (uint32_t)bytes;
            return;
        }
        bytes -= left;
        frame_give(oldest);
        queue->head = (queue->head + 1) & (queue->capacity - 1);
        queue->count--;
        queue->sent = 0;
    }
    if (queue->count == 0) {
        out_queue_clear(queue);
    }
}
