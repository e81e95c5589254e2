/* engine/kv_overlay.c -- ops in the order they were made, found through chains that lead from the
 * newest op of a bucket to the oldest:
 *     ops      [ put a | put b | del a | put c | ... ]
 *     buckets  h(a) -> del a -> put a      h(b) -> put b
 * The first op of a key in its chain is the newest, and taking ops off the end in reverse order
 * puts every bucket back as it was: that is the rollback. Range deletes are in a list of their own;
 * one that is younger than the newest op of a key hides it. */
#include "engine/kv_overlay.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"

enum { BUCKETS_MIN = 1024, BUCKETS_KEPT_MAX = 1 << 16 };

void overlay_init(struct overlay *overlay)
{
    *overlay = (struct overlay){0};
}

void overlay_release(struct overlay *overlay)
{
    mem_free(overlay->ops);
    mem_free(overlay->buckets);
    mem_free(overlay->ranges);
    mem_free(overlay->parts);
    overlay_init(overlay);
}

static void set_buckets(struct overlay *overlay, size_t count)
{
    mem_free(overlay->buckets);
    overlay->buckets = mem_alloc_zeroed(count * sizeof *overlay->buckets);
    overlay->bucket_count = count;
}

void overlay_begin(struct overlay *overlay, struct arena *arena)
{
    if (overlay->bucket_count > BUCKETS_KEPT_MAX) {
        overlay_release(overlay); /* a huge group must not slow down or weigh on small ones */
    }
    if (overlay->bucket_count == 0) {
        set_buckets(overlay, BUCKETS_MIN);
    } else if (overlay->op_count > 0) {
        memset(overlay->buckets, 0, overlay->bucket_count * sizeof *overlay->buckets);
    }
    overlay->arena = arena;
    overlay->op_count = 0;
    overlay->range_count = 0;
}

static uint32_t *bucket_of(const struct overlay *overlay, uint64_t hash)
{
    return &overlay->buckets[hash & (overlay->bucket_count - 1)];
}

static void link_op(struct overlay *overlay, size_t index)
{
    struct overlay_op *op = &overlay->ops[index];
    uint32_t *bucket = bucket_of(overlay, op->hash);
    op->older = *bucket;
    *bucket = (uint32_t)index + 1;
}

static void grow_buckets(struct overlay *overlay)
{
    set_buckets(overlay, overlay->bucket_count * 4);
    for (size_t i = 0; i < overlay->op_count; i++) {
        if (overlay->ops[i].kind != OVERLAY_DELETE_RANGE) {
            link_op(overlay, i);
        }
    }
}

static uint64_t key_hash(enum kv_family family, str key)
{
    return hash_bytes_seeded(key, (uint64_t)family);
}

/* Appends an op; key and value are in the arena. */
static void append_op(struct overlay *overlay, struct overlay_op op)
{
    CHECK(overlay->op_count < UINT32_MAX - 1);
    if (overlay->op_count >= 2 * overlay->bucket_count) {
        grow_buckets(overlay);
    }
    overlay->ops =
        mem_grow(overlay->ops, &overlay->op_capacity, overlay->op_count + 1, sizeof *overlay->ops);
    size_t index = overlay->op_count++;
    overlay->ops[index] = op;
    if (op.kind == OVERLAY_DELETE_RANGE) {
        overlay->ranges = mem_grow(overlay->ranges, &overlay->range_capacity,
                                   overlay->range_count + 1, sizeof *overlay->ranges);
        overlay->ranges[overlay->range_count++] = (uint32_t)index;
        return;
    }
    overlay->ops[index].hash = key_hash(op.family, op.key);
    link_op(overlay, index);
}

void overlay_add(struct overlay *overlay, enum overlay_kind kind, enum kv_family family,
                 size_t partition_bytes, str key, str value)
{
    append_op(overlay, (struct overlay_op){.kind = kind,
                                           .family = family,
                                           .partition_bytes = partition_bytes,
                                           .key = arena_copy(overlay->arena, key),
                                           .value = arena_copy(overlay->arena, value)});
}

void overlay_remember(struct overlay *overlay, enum kv_family family, str key, str value,
                      bool found)
{
    append_op(overlay, (struct overlay_op){.kind = found ? OVERLAY_READ_VALUE : OVERLAY_READ_ABSENT,
                                           .family = family,
                                           .key = arena_copy(overlay->arena, key),
                                           .value = value});
}

/* 1 + index of the newest op of the key that is no range; 0: none. */
static uint32_t newest_op(const struct overlay *overlay, enum kv_family family, str key,
                          uint64_t hash)
{
    uint32_t at = *bucket_of(overlay, hash);
    while (at != 0) {
        const struct overlay_op *op = &overlay->ops[at - 1];
        if (op->hash == hash && op->family == family && str_eq(op->key, key)) {
            break;
        }
        at = op->older;
    }
    return at;
}

/* A range delete made after the first `ops` ops holds the key. */
static bool is_in_later_range(const struct overlay *overlay, uint32_t ops, enum kv_family family,
                              str key)
{
    for (size_t i = overlay->range_count; i > 0 && overlay->ranges[i - 1] >= ops; i--) {
        const struct overlay_op *range = &overlay->ops[overlay->ranges[i - 1]];
        if (range->family == family && str_compare(key, range->key) >= 0 &&
            str_compare(key, range->value) < 0) {
            return true;
        }
    }
    return false;
}

bool overlay_find(const struct overlay *overlay, enum kv_family family, str key, str *value,
                  bool *found)
{
    uint32_t at = newest_op(overlay, family, key, key_hash(family, key));
    *value = (str){0};
    *found = false;
    if (is_in_later_range(overlay, at, family, key)) {
        return true;
    }
    if (at == 0) {
        return false;
    }
    const struct overlay_op *op = &overlay->ops[at - 1];
    if (op->kind == OVERLAY_PUT || op->kind == OVERLAY_READ_VALUE) {
        *value = op->value;
        *found = true;
    }
    return true;
}

void overlay_rollback(struct overlay *overlay, size_t mark)
{
    CHECK(mark <= overlay->op_count);
    while (overlay->op_count > mark) {
        const struct overlay_op *op = &overlay->ops[--overlay->op_count];
        if (op->kind == OVERLAY_DELETE_RANGE) {
            overlay->range_count--;
        } else {
            *bucket_of(overlay, op->hash) = op->older;
        }
    }
}

void overlay_stamp(struct overlay *overlay, size_t mark, uint64_t seq)
{
    for (size_t i = mark; i < overlay->op_count; i++) {
        overlay->ops[i].seq = seq;
    }
}

/* -- transactions ------------------------------------------------------------------------------ */

/* No later op of the same key replaces it. */
static bool is_newest(const struct overlay *overlay, size_t index)
{
    const struct overlay_op *op = &overlay->ops[index];
    return op->kind == OVERLAY_DELETE_RANGE ||
           newest_op(overlay, op->family, op->key, op->hash) == index + 1;
}

/* The index of the partition of an op; it is added when it is new. `last` is the one before, which
 * it mostly is. */
static uint32_t part_of(struct overlay *overlay, const struct overlay_op *op, uint32_t last)
{
    str prefix = str_slice(op->key, 0, op->partition_bytes);
    if (overlay->part_count > 0 && str_eq(overlay->parts[last].prefix, prefix)) {
        return last;
    }
    uint64_t hash = hash_bytes(prefix);
    uint32_t *bucket = &overlay->part_buckets[hash % OVERLAY_PART_BUCKETS];
    for (uint32_t at = *bucket; at != 0; at = overlay->parts[at - 1].older) {
        if (overlay->parts[at - 1].hash == hash && str_eq(overlay->parts[at - 1].prefix, prefix)) {
            return at - 1;
        }
    }
    overlay->parts = mem_grow(overlay->parts, &overlay->part_capacity, overlay->part_count + 1,
                              sizeof *overlay->parts);
    overlay->parts[overlay->part_count++] =
        (struct overlay_part){.prefix = prefix, .hash = hash, .older = *bucket};
    *bucket = (uint32_t)overlay->part_count;
    return (uint32_t)overlay->part_count - 1;
}

#define PART_NONE UINT32_MAX /* of an op that is not written */

/* Counts the mutations of each partition; the sum is the answer. */
static size_t count_parts(struct overlay *overlay)
{
    memset(overlay->part_buckets, 0, sizeof overlay->part_buckets);
    overlay->part_count = 0;
    size_t total = 0;
    uint32_t last = 0;
    for (size_t i = 0; i < overlay->op_count; i++) {
        struct overlay_op *op = &overlay->ops[i];
        op->part = PART_NONE;
        if (op->kind == OVERLAY_READ_VALUE || op->kind == OVERLAY_READ_ABSENT) {
            continue;
        }
        last = part_of(overlay, op, last);
        struct overlay_part *part = &overlay->parts[last];
        part->seq = part->seq > op->seq ? part->seq : op->seq; /* of replaced ops too */
        if (is_newest(overlay, i)) {
            op->part = last;
            part->count++;
            total++;
        }
    }
    return total;
}

static struct kv_mutation mutation_of(const struct overlay_op *op)
{
    static const enum kv_op ops[] = {[OVERLAY_PUT] = KV_PUT,
                                     [OVERLAY_DELETE] = KV_DELETE,
                                     [OVERLAY_DELETE_RANGE] = KV_DELETE_RANGE};
    return (struct kv_mutation){ops[op->kind], op->family, op->key, op->value};
}

size_t overlay_txns(struct overlay *overlay, struct kv_txn **txns)
{
    size_t total = count_parts(overlay);
    struct kv_mutation *mutations = ARENA_ARRAY(overlay->arena, struct kv_mutation, total);
    struct kv_mutation **next =
        ARENA_ARRAY(overlay->arena, struct kv_mutation *, overlay->part_count);
    *txns = ARENA_ARRAY(overlay->arena, struct kv_txn, overlay->part_count);
    struct kv_mutation *at = mutations;
    for (size_t i = 0; i < overlay->part_count; i++) {
        const struct overlay_part *part = &overlay->parts[i];
        (*txns)[i] = (struct kv_txn){.partition = part->prefix,
                                     .expect_generation = KV_ANY_GENERATION,
                                     .new_seq = part->seq,
                                     .mutations = at,
                                     .mutation_count = part->count};
        next[i] = at;
        at += part->count;
    }
    for (size_t i = 0; i < overlay->op_count; i++) {
        const struct overlay_op *op = &overlay->ops[i];
        if (op->part != PART_NONE) {
            *next[op->part]++ = mutation_of(op);
        }
    }
    return overlay->part_count;
}
