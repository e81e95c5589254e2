/* store/keys.c -- see keys.h. */
#include "store/keys.h"
#include "base/check.h"

enum { TABLE_ID_BYTES = 4, KIND_BYTES = 1, NUMBER_BYTES = 8, UNIQUE_ID_BYTES = 4 };

enum kv_family table_kind_family(enum table_kind kind)
{
    switch (kind) {
    case TABLE_USER:
        return KV_USER_TABLE;
    case TABLE_SHARED:
        return KV_SHARED_TABLE;
    case TABLE_STREAM:
        return KV_STREAM_TABLE;
    case TABLE_SYSTEM:
        break;
    }
    CHECK(false); /* a system table has no rows in the store */
    return KV_SYSTEM;
}

enum partition_class table_kind_class(enum table_kind kind)
{
    switch (kind) {
    case TABLE_USER:
        return PARTITION_USER;
    case TABLE_SHARED:
        return PARTITION_SHARED;
    case TABLE_STREAM:
        return PARTITION_STREAM;
    case TABLE_SYSTEM:
        break;
    }
    CHECK(false); /* a system table has no rows in the store */
    return PARTITION_SYSTEM;
}

void table_part_init(struct table_part *part, const struct table *table, str user,
                     struct arena *arena)
{
    *part = (struct table_part){.table = table, .family = table_kind_family(table->kind)};
    struct buf prefix;
    buf_init(&prefix);
    if (table->kind == TABLE_SHARED) {
        char owner[TABLE_ID_BYTES];
        bytes_put_u32be(owner, table->id.v);
        partition_encode(&prefix, PARTITION_SHARED, table->ns.v, str_of(owner, sizeof owner));
    } else {
        partition_encode(&prefix, table_kind_class(table->kind), table->ns.v, user);
        part->owner = arena_copy(arena, user);
    }
    part->prefix = arena_copy(arena, buf_str(&prefix));
    buf_release(&prefix);
}

str key_build(struct buf *scratch, str prefix, enum key_kind kind, table_id table, str rest)
{
    buf_clear(scratch);
    size_t bytes = prefix.n + KIND_BYTES + TABLE_ID_BYTES + rest.n;
    char *at = buf_reserve(scratch, bytes);
    memcpy(at, prefix.p, prefix.n);
    at[prefix.n] = (char)kind;
    bytes_put_u32be(at + prefix.n + KIND_BYTES, table.v);
    if (rest.n > 0) {
        memcpy(at + prefix.n + KIND_BYTES + TABLE_ID_BYTES, rest.p, rest.n);
    }
    scratch->n = bytes;
    return buf_str(scratch);
}

str part_number_key(struct buf *scratch, const struct table_part *part, enum key_kind kind,
                    uint64_t number)
{
    char rest[NUMBER_BYTES];
    bytes_put_u64be(rest, number);
    return part_key(scratch, part, kind, str_of(rest, sizeof rest));
}

str key_unique_rest(struct buf *scratch, uint32_t unique_id, str value_key)
{
    char id[UNIQUE_ID_BYTES];
    bytes_put_u32be(id, unique_id);
    buf_clear(scratch);
    buf_append_str(scratch, str_of(id, sizeof id));
    buf_append_str(scratch, value_key);
    return buf_str(scratch);
}

str key_build_end(struct buf *scratch, str prefix, enum key_kind kind, table_id table)
{
    if (table.v == UINT32_MAX) { /* the next id would wrap: the next kind byte ends it too */
        buf_clear(scratch);
        buf_append_str(scratch, prefix);
        buf_append_byte(scratch, (uint8_t)((unsigned)kind + 1));
        return buf_str(scratch);
    }
    return key_build(scratch, prefix, kind, (table_id){table.v + 1}, str_of(NULL, 0));
}

bool key_split(str key, struct key_parts *out)
{
    size_t prefix_bytes = partition_prefix_bytes(key);
    if (prefix_bytes == 0 || key.n < prefix_bytes + KIND_BYTES + TABLE_ID_BYTES) {
        return false;
    }
    char kind = key.p[prefix_bytes];
    switch (kind) {
    case KEY_DEAD:
    case KEY_INTENT:
    case KEY_MANIFEST:
    case KEY_STATE:
    case KEY_INDEX:
    case KEY_ROW:
    case KEY_UNIQUE:
        break;
    default:
        return false;
    }
    *out = (struct key_parts){
        .prefix = str_slice(key, 0, prefix_bytes),
        .kind = (enum key_kind)kind,
        .table = {bytes_get_u32be(key.p + prefix_bytes + KIND_BYTES)},
        .rest = str_skip(key, prefix_bytes + KIND_BYTES + TABLE_ID_BYTES),
    };
    return true;
}

bool key_number(str key, uint64_t *number)
{
    struct key_parts parts;
    if (!key_split(key, &parts) || parts.rest.n != NUMBER_BYTES) {
        return false;
    }
    *number = bytes_get_u64be(parts.rest.p);
    return true;
}
