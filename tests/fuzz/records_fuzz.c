/* tests/fuzz/records_fuzz.c -- Goal: no bytes crash the decoders of store/records.h or
 * store/keys.h, and what decodes encodes to the same bytes. Input: the first byte chooses the
 * record. */
#include "base/check.h"
#include "store/keys.h"
#include "store/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_segment(str bytes)
{
    struct segment s;
    if (!status_ok(segment_decode(bytes, &s, NULL))) {
        return;
    }
    struct buf again;
    buf_init(&again);
    segment_encode(&again, &s);
    if (bytes.p[0] == 1) { /* the older format: what it says comes back in the newer one */
        struct segment second;
        CHECK(status_ok(segment_decode(buf_str(&again), &second, NULL)));
        CHECK(second.number == s.number && str_eq(second.stats, s.stats) && s.tail_bytes == 0);
    } else {
        CHECK(str_eq(buf_str(&again), bytes));
    }
    buf_release(&again);
}

static void fuzz_small(str bytes)
{
    struct key_entry entry;
    struct table_state state;
    struct flush_intent intent;
    char again[TABLE_STATE_BYTES];
    if (status_ok(key_entry_decode(bytes, &entry, NULL))) {
        key_entry_encode(&entry, again);
        CHECK(str_eq(str_of(again, KEY_ENTRY_BYTES), bytes));
    }
    str owner;
    if (status_ok(unique_entry_decode(bytes, &owner, NULL))) {
        struct buf entry_again;
        buf_init(&entry_again);
        unique_entry_encode(&entry_again, owner);
        CHECK(str_eq(buf_str(&entry_again), bytes));
        buf_release(&entry_again);
    }
    struct stored_answer answer;
    if (status_ok(stored_answer_decode(bytes, &answer, NULL))) {
        struct buf answer_again;
        buf_init(&answer_again);
        stored_answer_encode(&answer_again, &answer);
        CHECK(str_eq(buf_str(&answer_again), bytes));
        buf_release(&answer_again);
    }
    if (status_ok(table_state_decode(bytes, &state, NULL))) {
        table_state_encode(&state, again);
        CHECK(str_eq(str_of(again, TABLE_STATE_BYTES), bytes));
    }
    if (status_ok(flush_intent_decode(bytes, &intent, NULL))) {
        flush_intent_encode(&intent, again);
        CHECK(str_eq(str_of(again, FLUSH_INTENT_BYTES), bytes));
    }
}

static void fuzz_key(str bytes)
{
    struct key_parts parts;
    if (!key_split(bytes, &parts)) {
        return;
    }
    struct buf again;
    buf_init(&again);
    CHECK(str_eq(key_build(&again, parts.prefix, parts.kind, parts.table, parts.rest), bytes));
    buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    str bytes = str_of(data + 1, size - 1);
    switch (data[0] % 3) {
    case 0:
        fuzz_segment(bytes);
        break;
    case 1:
        fuzz_small(bytes);
        break;
    default:
        fuzz_key(bytes);
    }
    return 0;
}
