/* tests/unit/store/records_test.c -- Goal: records read back as they were, and nothing else reads.
 * Method: round trips; every prefix, one byte more, and each field out of its rule. */
#include "test.h"
#include "store/records.h"

static struct segment sample(void)
{
    return (struct segment){.number = 3,
                            .low = 10,
                            .high = 90,
                            .min_seq = 11,
                            .max_seq = 80,
                            .rows = 5,
                            .tombstones = 2,
                            .oldest_tombstone = 30,
                            .bytes = 4096,
                            .checksum = {1, 2},
                            .created_us = -5,
                            .schema_version = 4,
                            .directory = STR_LIT("app/t"),
                            .stats = STR_LIT("{}")};
}

TEST(segment_decode_of_an_encoded_segment_is_the_segment)
{
    struct segment s = sample();
    struct segment back;
    struct buf bytes;
    struct error err;
    buf_init(&bytes);
    segment_encode(&bytes, &s);
    EXPECT_OK(segment_decode(buf_str(&bytes), &back, &err), &err);
    EXPECT_UINT(back.number, 3);
    EXPECT_UINT(back.low, 10);
    EXPECT_UINT(back.high, 90);
    EXPECT_UINT(back.min_seq, 11);
    EXPECT_UINT(back.max_seq, 80);
    EXPECT_UINT(back.rows, 5);
    EXPECT_UINT(back.tombstones, 2);
    EXPECT_UINT(back.oldest_tombstone, 30);
    EXPECT_UINT(back.bytes, 4096);
    EXPECT(back.checksum.low == 1 && back.checksum.high == 2);
    EXPECT_INT(back.created_us, -5);
    EXPECT_UINT(back.schema_version, 4);
    EXPECT_STR(back.directory, "app/t");
    EXPECT_STR(back.stats, "{}");
    for (size_t n = 0; n < bytes.n; n++) {
        EXPECT_STATUS(segment_decode(str_of(bytes.p, n), &back, &err), CORRUPT);
    }
    buf_append_byte(&bytes, 0);
    EXPECT_STATUS(segment_decode(buf_str(&bytes), &back, &err), CORRUPT);
    buf_release(&bytes);
}

static void expect_refused(struct segment s)
{
    struct segment back;
    struct buf bytes;
    struct error err;
    buf_init(&bytes);
    segment_encode(&bytes, &s);
    EXPECT_STATUS(segment_decode(buf_str(&bytes), &back, &err), CORRUPT);
    buf_release(&bytes);
}

TEST(segment_decode_refuses_what_no_segment_can_be)
{
    struct segment s = sample();
    s.min_seq = 10; /* not above low */
    expect_refused(s);
    s = sample();
    s.max_seq = 91;
    expect_refused(s);
    s = sample();
    s.rows = 0;
    expect_refused(s);
    s = sample();
    s.tombstones = 6;
    expect_refused(s);
    s = sample();
    s.oldest_tombstone = 0;
    expect_refused(s);
    s = sample();
    s.schema_version = 0;
    expect_refused(s);
}

TEST(table_state_decode_of_an_encoded_state_is_the_state)
{
    const struct table_state s = {1, 2, -3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
    struct table_state back;
    struct error err;
    char bytes[TABLE_STATE_BYTES];
    table_state_encode(&s, bytes);
    EXPECT_OK(table_state_decode(str_of(bytes, sizeof bytes), &back, &err), &err);
    EXPECT(memcmp(&s, &back, sizeof s) == 0);
    EXPECT_STATUS(table_state_decode(str_of(bytes, sizeof bytes - 1), &back, &err), CORRUPT);
    bytes[0] = 2;
    EXPECT_STATUS(table_state_decode(str_of(bytes, sizeof bytes), &back, &err), CORRUPT);
}

TEST(flush_intent_decode_refuses_more_rows_than_at_the_start)
{
    struct flush_intent f = {1, 2, 3, 3, 5, 6};
    struct flush_intent back;
    struct error err;
    char bytes[FLUSH_INTENT_BYTES];
    flush_intent_encode(&f, bytes);
    EXPECT_OK(flush_intent_decode(str_of(bytes, sizeof bytes), &back, &err), &err);
    EXPECT(memcmp(&f, &back, sizeof f) == 0);
    f.rows = 4;
    flush_intent_encode(&f, bytes);
    EXPECT_STATUS(flush_intent_decode(str_of(bytes, sizeof bytes), &back, &err), CORRUPT);
}

TEST(key_entry_decode_refuses_seq_zero_and_unknown_flags)
{
    struct key_entry e = {.seq = 7, .is_deleted = true};
    struct key_entry back;
    struct error err;
    char bytes[KEY_ENTRY_BYTES];
    key_entry_encode(&e, bytes);
    EXPECT_OK(key_entry_decode(str_of(bytes, sizeof bytes), &back, &err), &err);
    EXPECT(back.seq == 7 && back.is_deleted);
    bytes[0] = 2;
    EXPECT_STATUS(key_entry_decode(str_of(bytes, sizeof bytes), &back, &err), CORRUPT);
    e.seq = 0;
    key_entry_encode(&e, bytes);
    EXPECT_STATUS(key_entry_decode(str_of(bytes, sizeof bytes), &back, &err), CORRUPT);
    EXPECT_STATUS(key_entry_decode(str_of(bytes, 8), &back, &err), CORRUPT);
}

TEST(unique_entry_decode_reads_what_was_encoded_and_nothing_else)
{
    struct buf bytes;
    struct error err;
    str owner = {0};
    buf_init(&bytes);
    unique_entry_encode(&bytes, STR_LIT("key"));
    EXPECT_OK(unique_entry_decode(buf_str(&bytes), &owner, &err), &err);
    EXPECT_STR(owner, "key");
    EXPECT_OK(unique_entry_decode(str_of(bytes.p, 1), &owner, &err), &err); /* the empty text */
    EXPECT_UINT(owner.n, 0);
    EXPECT_STATUS(unique_entry_decode(str_of(bytes.p, 0), &owner, &err), CORRUPT);
    EXPECT_STATUS(unique_entry_decode(STR_LIT("\2key"), &owner, &err), CORRUPT);
    char long_entry[1026] = {UNIQUE_ENTRY_FORMAT};
    EXPECT_STATUS(unique_entry_decode(str_of(long_entry, 1026), &owner, &err), CORRUPT);
    buf_release(&bytes);
}

TEST(stored_answer_decode_reads_what_was_encoded_and_nothing_else)
{
    struct stored_answer answer = {.created_us = 7, .text = STR_LIT("\1{}")};
    memset(answer.user, 'u', ANSWER_ID_BYTES);
    memset(answer.request, 'r', ANSWER_ID_BYTES);
    struct stored_answer back;
    struct buf bytes;
    struct error err;
    buf_init(&bytes);
    stored_answer_encode(&bytes, &answer);
    EXPECT_OK(stored_answer_decode(buf_str(&bytes), &back, &err), &err);
    EXPECT(memcmp(back.user, answer.user, ANSWER_ID_BYTES) == 0);
    EXPECT(memcmp(back.request, answer.request, ANSWER_ID_BYTES) == 0);
    EXPECT_INT(back.created_us, 7);
    EXPECT_STR(back.text, "\1{}");
    for (size_t n = 0; n < bytes.n - answer.text.n; n++) {
        EXPECT_STATUS(stored_answer_decode(str_of(bytes.p, n), &back, &err), CORRUPT);
    }
    bytes.p[0] = 2;
    EXPECT_STATUS(stored_answer_decode(buf_str(&bytes), &back, &err), CORRUPT);
    buf_release(&bytes);
}
