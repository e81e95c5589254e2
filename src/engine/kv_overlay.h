/* engine/kv_overlay.h -- what a group of requests has read and written so far, over the store.
 * For:      the committer: a request reads what earlier ones of its group wrote, is undone alone
 * when it fails, and all that is left becomes one transaction per partition. Owns:     its tables;
 * keys and values live in the arena of the group. Threads:  the committer's. */
#ifndef ENGINE_KV_OVERLAY_H
#define ENGINE_KV_OVERLAY_H

#include "engine/kv.h"

enum overlay_kind {
    OVERLAY_PUT,
    OVERLAY_DELETE,
    OVERLAY_DELETE_RANGE,
    OVERLAY_READ_VALUE, /* read from the store: remembered, never written */
    OVERLAY_READ_ABSENT
};

struct overlay_op {
    enum overlay_kind kind;
    enum kv_family family;
    uint32_t older; /* 1 + index of the op before in the same bucket; 0: none */
    uint32_t part;  /* index of its partition, while transactions are made */
    size_t partition_bytes;
    uint64_t hash;
    uint64_t seq; /* newest `_seq` of the request that made it */
    str key;
    str value; /* DELETE_RANGE: the exclusive end */
};

struct overlay_part {
    str prefix;
    uint64_t hash;
    uint64_t seq;   /* greatest of its ops */
    uint32_t older; /* as in an op, by prefix */
    size_t count;   /* mutations */
};

enum { OVERLAY_PART_BUCKETS = 256 };

struct overlay {
    struct arena *arena; /* of the group at hand */
    struct overlay_op *ops;
    size_t op_count;
    size_t op_capacity;
    uint32_t *buckets; /* 1 + index of the newest op; 0: none */
    size_t bucket_count;
    uint32_t *ranges; /* indexes of the DELETE_RANGE ops, oldest first */
    size_t range_count;
    size_t range_capacity;
    struct overlay_part *parts;
    size_t part_count;
    size_t part_capacity;
    uint32_t part_buckets[OVERLAY_PART_BUCKETS];
};

/* Empty, without a group; overlay_release frees the tables. */
void overlay_init(struct overlay *overlay);
void overlay_release(struct overlay *overlay);
/* Empties it for the next group. */
void overlay_begin(struct overlay *overlay, struct arena *arena);

/* PUT, DELETE, DELETE_RANGE (then `value` is the exclusive end). Copies key and value. */
void overlay_add(struct overlay *overlay, enum overlay_kind kind, enum kv_family family,
                 size_t partition_bytes, str key, str value);
/* Remembers what the store answered for a key that overlay_find did not know. `value` is not
 * copied: it lives in the arena of the group already. */
void overlay_remember(struct overlay *overlay, enum kv_family family, str key, str value,
                      bool found);
/* False: nothing is known of the key, ask the store. */
bool overlay_find(const struct overlay *overlay, enum kv_family family, str key, str *value,
                  bool *found);

/* A mark to roll back to: everything added since is forgotten. */
static inline size_t overlay_mark(const struct overlay *overlay)
{
    return overlay->op_count;
}
void overlay_rollback(struct overlay *overlay, size_t mark);
/* Everything added since the mark belongs to a request whose newest `_seq` is `seq` (0: none). */
void overlay_stamp(struct overlay *overlay, size_t mark, uint64_t seq);

/* One transaction per partition that is written, in the arena of the group: partition, new_seq and
 * mutations are set. An op that a later op of the same key replaces is left out. */
size_t overlay_txns(struct overlay *overlay, struct kv_txn **txns);

#endif
