/* tests/unit/net/out_queue_test.c -- Goal: bytes leave in the order queued, counts are exact,
 * shared frames are never copied or changed, and an empty queue holds no memory. */
#include "test.h"

#include "base/buf.h"
#include "base/hash.h"
#include "net/out_queue.h"

static uint32_t holders_of(struct frame *frame)
{
    return atomic_load(&frame->holders.v);
}

TEST(out_queue_add_of_small_bytes_in_a_row_shares_one_frame)
{
    struct out_queue queue;
    out_queue_init(&queue);
    for (int i = 0; i < 10; i++) {
        out_queue_add(&queue, STR_LIT("0123456789"));
    }
    EXPECT_UINT(queue.count, 1);
    EXPECT_UINT(queue.bytes, 100);
    out_queue_drop(&queue, 100);
    EXPECT_UINT(queue.count, 0);
    EXPECT(queue.slots == NULL);
}

TEST(out_queue_add_frame_holds_it_until_it_is_sent)
{
    struct out_queue queue;
    out_queue_init(&queue);
    struct frame *frame = frame_copy(STR_LIT("shared"));
    out_queue_add_frame(&queue, frame);
    out_queue_add_frame(&queue, frame);
    EXPECT_UINT(holders_of(frame), 3);
    struct iovec pieces[4];
    EXPECT_UINT(out_queue_pieces(&queue, pieces, 4), 2);
    EXPECT(pieces[0].iov_base == frame->bytes);
    out_queue_drop(&queue, 8);
    EXPECT_UINT(holders_of(frame), 2);
    EXPECT_UINT(queue.bytes, 4);
    EXPECT_UINT(out_queue_pieces(&queue, pieces, 4), 1);
    EXPECT_STR_EQ(str_of(pieces[0].iov_base, pieces[0].iov_len), STR_LIT("ared"));
    out_queue_clear(&queue);
    EXPECT_UINT(holders_of(frame), 1);
    frame_give(frame);
}

TEST(out_queue_add_after_a_shared_frame_leaves_the_frame_alone)
{
    struct out_queue queue;
    out_queue_init(&queue);
    struct frame *frame = frame_copy(STR_LIT("shared"));
    out_queue_add_frame(&queue, frame);
    out_queue_add(&queue, STR_LIT("own"));
    EXPECT_STR_EQ(frame_str(frame), STR_LIT("shared"));
    char text[16];
    EXPECT_UINT(out_queue_peek(&queue, text, sizeof text), 9);
    EXPECT_STR_EQ(str_of(text, 9), STR_LIT("sharedown"));
    out_queue_clear(&queue);
    frame_give(frame);
}

TEST(out_queue_add_frame_without_bytes_queues_nothing)
{
    struct out_queue queue;
    out_queue_init(&queue);
    struct frame *frame = frame_copy(STR_LIT(""));
    out_queue_add_frame(&queue, frame);
    EXPECT_UINT(queue.count, 0);
    EXPECT_UINT(holders_of(frame), 1);
    frame_give(frame);
}

TEST(out_queue_under_random_use_yields_the_same_bytes_in_order)
{
    struct rng rng;
    struct out_queue queue;
    struct buf model;
    char text[5000];
    rng_init(&rng, 11);
    out_queue_init(&queue);
    buf_init(&model);
    for (unsigned step = 0; step < 5000; step++) {
        size_t n = (size_t)rng_below(&rng, step % 10 == 0 ? 5000 : 60);
        for (size_t i = 0; i < n; i++) {
            text[i] = (char)rng_below(&rng, 256);
        }
        if (rng_below(&rng, 2) == 0) {
            out_queue_add(&queue, str_of(text, n));
        } else {
            struct frame *frame = frame_copy(str_of(text, n));
            out_queue_add_frame(&queue, frame);
            frame_give(frame);
        }
        buf_append(&model, text, n);
        EXPECT_UINT(queue.bytes, model.n);
        size_t out = (size_t)rng_below(&rng, model.n + 1);
        out = out < sizeof text ? out : sizeof text;
        EXPECT_UINT(out_queue_peek(&queue, text, out), out);
        EXPECT_STR_EQ(str_of(text, out), str_of(model.p, out));
        out_queue_drop(&queue, out);
        buf_drop_front(&model, out);
        EXPECT_UINT(queue.bytes, model.n);
        EXPECT((queue.count == 0) == (model.n == 0));
    }
    out_queue_clear(&queue);
    buf_release(&model);
}
