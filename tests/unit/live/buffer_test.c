/* tests/unit/live/buffer_test.c -- Goal: what is buffered leaves in the order of the newest `_seq`,
 * one entry per key, and never cancels out. */
#include "live/buffer.h"
#include "test.h"

static struct change change_of(enum change_op op, const char *key, uint64_t seq, uint64_t old_seq,
                               const char *old_row, const char *new_row)
{
    return (struct change){.op = op,
                           .key = str_from(key),
                           .seq = seq,
                           .old_seq = old_seq,
                           .old_row = str_from(old_row),
                           .new_row = str_from(new_row)};
}

static bool add(struct buffer *b, enum change_op op, const char *key, uint64_t seq,
                uint64_t old_seq, const char *old_row, const char *new_row)
{
    struct change change = change_of(op, key, seq, old_seq, old_row, new_row);
    return buffer_add(b, &change, false);
}

TEST(buffer_add_of_a_known_key_moves_it_to_the_end)
{
    struct buffer b;
    buffer_init(&b);
    EXPECT(!add(&b, CHANGE_UPDATE, "a", 3, 1, "a1", "a3"));
    EXPECT(!add(&b, CHANGE_UPDATE, "b", 4, 2, "b2", "b4"));
    EXPECT(add(&b, CHANGE_UPDATE, "a", 5, 3, "a3", "a5"));
    EXPECT_INT(b.count, 2);
    struct buffer_entry *first = buffer_pop(&b);
    struct buffer_entry *second = buffer_pop(&b);
    EXPECT_STR(first->key, "b");
    EXPECT_STR(second->key, "a");
    EXPECT_UINT(second->seq, 5);
    EXPECT_STR(second->row, "a5");
    EXPECT_STR(second->base, "a1"); /* what the client has is the version before the first */
    EXPECT_UINT(second->base_seq, 1);
    EXPECT_INT(buffer_entry_kind(second, TABLE_SHARED), EVENT_UPDATE);
    buffer_entry_free(first);
    buffer_entry_free(second);
    EXPECT(buffer_pop(&b) == NULL);
    EXPECT_UINT(b.bytes, 0);
    buffer_release(&b);
}

TEST(buffer_insert_and_delete_do_not_cancel_out)
{
    struct buffer b;
    buffer_init(&b);
    EXPECT(!add(&b, CHANGE_INSERT, "a", 3, 0, "", "a3"));
    EXPECT(add(&b, CHANGE_DELETE, "a", 4, 3, "a3", "a4"));
    struct buffer_entry *entry = buffer_pop(&b);
    EXPECT(entry != NULL);
    EXPECT_INT(buffer_entry_kind(entry, TABLE_SHARED), EVENT_DELETE);
    EXPECT_STR(entry->row, "a4");
    buffer_entry_free(entry);
    buffer_release(&b);
}

TEST(buffer_kind_is_an_insert_while_the_client_has_nothing)
{
    struct buffer b;
    buffer_init(&b);
    EXPECT(!add(&b, CHANGE_INSERT, "a", 3, 0, "", "a3"));
    EXPECT(add(&b, CHANGE_UPDATE, "a", 4, 3, "a3", "a4"));
    struct buffer_entry *entry = buffer_pop(&b);
    EXPECT_INT(buffer_entry_kind(entry, TABLE_SHARED), EVENT_INSERT);
    buffer_entry_free(entry);
    EXPECT(!add(&b, CHANGE_DELETE, "a", 5, 4, "a4", "a5"));
    EXPECT(add(&b, CHANGE_INSERT, "a", 6, 5, "", "a6"));
    entry = buffer_pop(&b);
    EXPECT_INT(buffer_entry_kind(entry, TABLE_SHARED), EVENT_UPDATE); /* it had a4 */
    EXPECT_STR(entry->base, "a4");
    buffer_entry_free(entry);
    buffer_release(&b);
}

TEST(buffer_stream_rows_without_a_key_are_told_apart_by_seq)
{
    struct buffer b;
    buffer_init(&b);
    EXPECT(!add(&b, CHANGE_INSERT, "", 3, 0, "", "x"));
    EXPECT(!add(&b, CHANGE_INSERT, "", 4, 0, "", "y"));
    EXPECT(add(&b, CHANGE_DELETE, "", 5, 3, "x", "x"));
    struct buffer_entry *first = buffer_pop(&b);
    struct buffer_entry *second = buffer_pop(&b);
    EXPECT_UINT(first->seq, 4);
    EXPECT_INT(buffer_entry_kind(first, TABLE_STREAM), EVENT_INSERT);
    EXPECT_INT(buffer_entry_kind(second, TABLE_STREAM), EVENT_DELETE);
    EXPECT_UINT(second->row_seq, 3);
    buffer_entry_free(first);
    buffer_entry_free(second);
    buffer_release(&b);
}

TEST(buffer_bytes_count_what_is_held)
{
    struct buffer b;
    buffer_init(&b);
    EXPECT(!add(&b, CHANGE_UPDATE, "a", 3, 1, "old", "new"));
    size_t one = b.bytes;
    EXPECT(one > 6);
    EXPECT(add(&b, CHANGE_UPDATE, "a", 4, 3, "new", "newer"));
    EXPECT_UINT(b.bytes, one + 2);
    buffer_clear(&b);
    EXPECT_UINT(b.bytes, 0);
    EXPECT_INT(b.count, 0);
    buffer_release(&b);
}
