/* store/records.c -- see records.h. */
#include "store/records.h"
#include "base/check.h"
#include "model/limits.h"

enum {
    KEY_ENTRY_DELETED = 1,
    TABLE_STATE_FORMAT = 1,
    FLUSH_INTENT_FORMAT = 1,
    STORED_ANSWER_FORMAT = 1,
    SEGMENT_FORMAT_PLAIN = 1, /* without tail_bytes and tail_checksum: still read */
    SEGMENT_FORMAT = 2,
};

void key_entry_encode(const struct key_entry *entry, char out[KEY_ENTRY_BYTES])
{
    out[0] = entry->is_deleted ? KEY_ENTRY_DELETED : 0;
    bytes_put_u64le(out + 1, entry->seq);
}

status key_entry_decode(str bytes, struct key_entry *out, struct error *err)
{
    struct reader r = reader_from(bytes);
    uint8_t flags = reader_u8(&r);
    uint64_t seq = reader_u64le(&r);
    if (!reader_done(&r) || flags > KEY_ENTRY_DELETED || seq == 0) {
        return error_set(err, ERROR_CORRUPT, "a key entry of %zu bytes cannot be read", bytes.n);
    }
    *out = (struct key_entry){.seq = seq, .is_deleted = flags != 0};
    return STATUS_IS_OK;
}

void unique_entry_encode(struct buf *out, str owner_key)
{
    buf_append_byte(out, UNIQUE_ENTRY_FORMAT);
    buf_append_str(out, owner_key);
}

status unique_entry_decode(str bytes, str *owner_key, struct error *err)
{
    if (bytes.n == 0 || bytes.p[0] != UNIQUE_ENTRY_FORMAT || bytes.n - 1 > LIMIT_KEY_BYTES) {
        return error_set(err, ERROR_CORRUPT, "a UNIQUE entry of %zu bytes cannot be read", bytes.n);
    }
    *owner_key = str_skip(bytes, 1);
    return STATUS_IS_OK;
}

void table_state_encode(const struct table_state *state, char out[TABLE_STATE_BYTES])
{
    const uint64_t fields[] = {
        state->hot_rows,
        state->hot_bytes,
        (uint64_t)state->oldest_us,
        state->flushed_seq,
        state->next_file,
        state->resume_floor,
        state->dead,
        state->generation,
        state->segments,
        state->cold_rows,
        state->cold_bytes,
        (uint64_t)state->manifest_created_us,
        (uint64_t)state->manifest_updated_us,
    };
    static_assert(1 + sizeof fields == TABLE_STATE_BYTES, "the record has every field");
    out[0] = TABLE_STATE_FORMAT;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        bytes_put_u64le(out + 1 + i * 8, fields[i]);
    }
}

status table_state_decode(str bytes, struct table_state *out, struct error *err)
{
    struct reader r = reader_from(bytes);
    uint8_t format = reader_u8(&r);
    struct table_state state = {0};
    state.hot_rows = reader_u64le(&r);
    state.hot_bytes = reader_u64le(&r);
    state.oldest_us = (int64_t)reader_u64le(&r);
    state.flushed_seq = reader_u64le(&r);
    state.next_file = reader_u64le(&r);
    state.resume_floor = reader_u64le(&r);
    state.dead = reader_u64le(&r);
    state.generation = reader_u64le(&r);
    state.segments = reader_u64le(&r);
    state.cold_rows = reader_u64le(&r);
    state.cold_bytes = reader_u64le(&r);
    state.manifest_created_us = (int64_t)reader_u64le(&r);
    state.manifest_updated_us = (int64_t)reader_u64le(&r);
    if (!reader_done(&r) || format != TABLE_STATE_FORMAT) {
        return error_set(err, ERROR_CORRUPT, "a table state of %zu bytes cannot be read", bytes.n);
    }
    *out = state;
    return STATUS_IS_OK;
}

void flush_intent_encode(const struct flush_intent *intent, char out[FLUSH_INTENT_BYTES])
{
    const uint64_t fields[] = {
        intent->file, intent->high,  intent->rows_start,
        intent->rows, intent->bytes, (uint64_t)intent->oldest_above_us,
    };
    static_assert(1 + sizeof fields == FLUSH_INTENT_BYTES, "the record has every field");
    out[0] = FLUSH_INTENT_FORMAT;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        bytes_put_u64le(out + 1 + i * 8, fields[i]);
    }
}

status flush_intent_decode(str bytes, struct flush_intent *out, struct error *err)
{
    struct reader r = reader_from(bytes);
    uint8_t format = reader_u8(&r);
    struct flush_intent intent = {0};
    intent.file = reader_u64le(&r);
    intent.high = reader_u64le(&r);
    intent.rows_start = reader_u64le(&r);
    intent.rows = reader_u64le(&r);
    intent.bytes = reader_u64le(&r);
    intent.oldest_above_us = (int64_t)reader_u64le(&r);
    if (!reader_done(&r) || format != FLUSH_INTENT_FORMAT || intent.rows > intent.rows_start) {
        return error_set(err, ERROR_CORRUPT, "a flush intent of %zu bytes cannot be read", bytes.n);
    }
    *out = intent;
    return STATUS_IS_OK;
}

void segment_encode(struct buf *out, const struct segment *segment)
{
    CHECK(segment->directory.n <= SEGMENT_DIRECTORY_BYTES_MAX);
    CHECK(segment->stats.n <= SEGMENT_STATS_BYTES_MAX);
    buf_append_byte(out, SEGMENT_FORMAT);
    buf_append_u64le(out, segment->number);
    buf_append_u64le(out, segment->low);
    buf_append_u64le(out, segment->high);
    buf_append_u64le(out, segment->min_seq);
    buf_append_u64le(out, segment->max_seq);
    buf_append_u64le(out, segment->rows);
    buf_append_u64le(out, segment->tombstones);
    buf_append_u64le(out, segment->oldest_tombstone);
    buf_append_u64le(out, segment->bytes);
    buf_append_u64le(out, segment->checksum.low);
    buf_append_u64le(out, segment->checksum.high);
    buf_append_u64le(out, segment->tail_bytes);
    buf_append_u64le(out, segment->tail_checksum.low);
    buf_append_u64le(out, segment->tail_checksum.high);
    buf_append_u64le(out, (uint64_t)segment->created_us);
    buf_append_u32le(out, segment->schema_version);
    buf_append_u32le(out, (uint32_t)segment->directory.n);
    buf_append_str(out, segment->directory);
    buf_append_u32le(out, (uint32_t)segment->stats.n);
    buf_append_str(out, segment->stats);
}

/* What every segment obeys; a record that does not was not written by us. */
static bool segment_is_sane(const struct segment *s)
{
    return s->low < s->min_seq && s->min_seq <= s->max_seq && s->max_seq <= s->high &&
           s->rows > 0 && s->tombstones <= s->rows && s->tail_bytes <= s->bytes &&
           (s->oldest_tombstone != 0) == (s->tombstones > 0) && s->schema_version > 0 &&
           s->directory.n <= SEGMENT_DIRECTORY_BYTES_MAX && s->stats.n <= SEGMENT_STATS_BYTES_MAX;
}

status segment_decode(str bytes, struct segment *out, struct error *err)
{
    struct reader r = reader_from(bytes);
    uint8_t format = reader_u8(&r);
    struct segment s = {0};
    s.number = reader_u64le(&r);
    s.low = reader_u64le(&r);
    s.high = reader_u64le(&r);
    s.min_seq = reader_u64le(&r);
    s.max_seq = reader_u64le(&r);
    s.rows = reader_u64le(&r);
    s.tombstones = reader_u64le(&r);
    s.oldest_tombstone = reader_u64le(&r);
    s.bytes = reader_u64le(&r);
    s.checksum.low = reader_u64le(&r);
    s.checksum.high = reader_u64le(&r);
    if (format != SEGMENT_FORMAT_PLAIN) {
        s.tail_bytes = reader_u64le(&r);
        s.tail_checksum.low = reader_u64le(&r);
        s.tail_checksum.high = reader_u64le(&r);
    }
    s.created_us = (int64_t)reader_u64le(&r);
    s.schema_version = reader_u32le(&r);
    s.directory = reader_bytes(&r, reader_u32le(&r));
    s.stats = reader_bytes(&r, reader_u32le(&r));
    bool is_known = format == SEGMENT_FORMAT_PLAIN || format == SEGMENT_FORMAT;
    if (!reader_done(&r) || !is_known || !segment_is_sane(&s)) {
        return error_set(err, ERROR_CORRUPT, "a manifest entry of %zu bytes cannot be read",
                         bytes.n);
    }
    *out = s;
    return STATUS_IS_OK;
}

/* -- answers -------------------------------------------------------------------------------------
 */

void stored_answer_encode(struct buf *out, const struct stored_answer *answer)
{
    buf_append_byte(out, STORED_ANSWER_FORMAT);
    buf_append_str(out, str_of(answer->user, ANSWER_ID_BYTES));
    buf_append_str(out, str_of(answer->request, ANSWER_ID_BYTES));
    buf_append_u64le(out, (uint64_t)answer->created_us);
    buf_append_str(out, answer->text);
}

status stored_answer_decode(str bytes, struct stored_answer *out, struct error *err)
{
    struct reader r = reader_from(bytes);
    uint8_t format = reader_u8(&r);
    str user = reader_bytes(&r, ANSWER_ID_BYTES);
    str request = reader_bytes(&r, ANSWER_ID_BYTES);
    int64_t created_us = (int64_t)reader_u64le(&r);
    str text = reader_bytes(&r, reader_left(&r));
    if (!reader_done(&r) || format != STORED_ANSWER_FORMAT || created_us < 0 ||
        text.n > LIMIT_IDEMPOTENCY_ANSWER_BYTES) {
        return error_set(err, ERROR_CORRUPT, "a stored answer of %zu bytes cannot be read",
                         bytes.n);
    }
    *out = (struct stored_answer){.created_us = created_us, .text = text};
    memcpy(out->user, user.p, ANSWER_ID_BYTES);
    memcpy(out->request, request.p, ANSWER_ID_BYTES);
    return STATUS_IS_OK;
}
