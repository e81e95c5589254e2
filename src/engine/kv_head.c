/* engine/kv_head.c -- heads of partitions: a sequence number, a generation, the last transactions.
 */
#include "engine/kv_head.h"

enum { HEAD_FORMAT = 1 };

size_t kv_head_encode(const struct kv_head_record *record, char out[KV_HEAD_BYTES_MAX])
{
    out[0] = HEAD_FORMAT;
    out[1] = (char)record->id_count;
    bytes_put_u64le(out + 2, record->head.seq);
    bytes_put_u64le(out + 10, record->head.generation);
    size_t ids_bytes = (size_t)record->id_count * KV_TXN_ID_BYTES;
    memcpy(out + KV_HEAD_FIXED_BYTES, record->ids, ids_bytes);
    return KV_HEAD_FIXED_BYTES + ids_bytes;
}

status kv_head_decode(str bytes, struct kv_head_record *record, struct error *err)
{
    struct reader r = reader_from(bytes);
    uint8_t format = reader_u8(&r);
    struct kv_head_record read = {.id_count = reader_u8(&r)};
    read.head.seq = reader_u64le(&r);
    read.head.generation = reader_u64le(&r);
    if (!reader_ok(&r) || format != HEAD_FORMAT || read.id_count > KV_REMEMBERED_IDS ||
        reader_left(&r) != (size_t)read.id_count * KV_TXN_ID_BYTES) {
        return error_set(err, ERROR_CORRUPT, "a partition head of %zu bytes cannot be read",
                         bytes.n);
    }
    memcpy(read.ids, r.at, reader_left(&r));
    *record = read;
    return STATUS_IS_OK;
}

bool kv_head_remembers(const struct kv_head_record *record, const uint8_t id[KV_TXN_ID_BYTES])
{
    for (uint8_t i = 0; i < record->id_count; i++) {
        if (memcmp(record->ids[i], id, KV_TXN_ID_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

enum kv_head_verdict kv_head_advance(struct kv_head_record *record, const struct kv_txn *txn)
{
    if (kv_head_remembers(record, txn->id)) {
        return KV_HEAD_SEEN;
    }
    if (txn->expect_generation != KV_ANY_GENERATION &&
        txn->expect_generation != record->head.generation) {
        return KV_HEAD_CONFLICT;
    }
    record->head.generation++;
    if (record->head.seq < txn->new_seq) {
        record->head.seq = txn->new_seq;
    }
    if (record->id_count < KV_REMEMBERED_IDS) {
        record->id_count++;
    }
    memmove(record->ids[1], record->ids[0], (size_t)(record->id_count - 1) * KV_TXN_ID_BYTES);
    memcpy(record->ids[0], txn->id, KV_TXN_ID_BYTES);
    return KV_HEAD_APPLY;
}
