/* engine/kv_head.h -- a partition's head record: its bytes, and how a transaction moves it.
 * For:      the backends, so that conditions and idempotency are decided in one way.
 * Format:   docs/formats/keys-in-store.md. Little-endian:
 *               u8 format (1) | u8 ids (0..4) | u64 seq | u64 generation | 16 bytes per id, newest
 * first Threads:  values; any. */
#ifndef ENGINE_KV_HEAD_H
#define ENGINE_KV_HEAD_H

#include "engine/kv.h"

struct kv_head_record {
    struct kv_head head;
    uint8_t id_count;
    uint8_t ids[KV_REMEMBERED_IDS][KV_TXN_ID_BYTES]; /* newest first */
};

enum {
    KV_HEAD_FIXED_BYTES = 18,
    KV_HEAD_BYTES_MAX = KV_HEAD_FIXED_BYTES + KV_REMEMBERED_IDS * KV_TXN_ID_BYTES
};

/* Writes the record into `out`; its length is the answer. */
size_t kv_head_encode(const struct kv_head_record *record, char out[KV_HEAD_BYTES_MAX]);
/* CORRUPT: not a head record of a known format. */
MUST_USE status kv_head_decode(str bytes, struct kv_head_record *record, struct error *err);

/* Was the transaction applied to this partition, as far back as it remembers? */
bool kv_head_remembers(const struct kv_head_record *record, const uint8_t id[KV_TXN_ID_BYTES]);

/* What a transaction means on a partition with this head. */
enum kv_head_verdict { KV_HEAD_APPLY, KV_HEAD_SEEN, KV_HEAD_CONFLICT };
/* APPLY: the record is moved to the head after the transaction. Otherwise it is unchanged. */
enum kv_head_verdict kv_head_advance(struct kv_head_record *record, const struct kv_txn *txn);

#endif
