/* engine/kv_lease.c -- the record, and when it is due. The key is written out, since it never
 * changes: partition y, namespace 0, owner "clock"; then 'l'. */
#include "engine/kv_lease.h"

enum { LEASE_FORMAT = 1, ID_TIME_SHIFT = 22 /* of the ms in a snowflake id */ };

static const char key[] = "y\0\0\0\0clock\0\1l";

str kv_lease_key(void)
{
    return str_of(key, sizeof key - 1);
}

size_t kv_lease_partition_bytes(void)
{
    return sizeof key - 2;
}

str kv_lease_encode(uint64_t until, char out[KV_LEASE_BYTES])
{
    out[0] = LEASE_FORMAT;
    bytes_put_u64le(out + 1, until);
    return str_of(out, KV_LEASE_BYTES);
}

uint64_t kv_lease_ahead(uint64_t last)
{
    return last + ((uint64_t)KV_LEASE_AHEAD_MS << ID_TIME_SHIFT);
}

bool kv_lease_is_due(const struct kv_lease *lease, uint64_t last)
{
    return last + ((uint64_t)KV_LEASE_MARGIN_MS << ID_TIME_SHIFT) >= lease->until;
}

status kv_lease_open(struct kv_store *store, struct snowflake *seq, struct kv_lease *lease,
                     struct error *err)
{
    struct arena arena;
    arena_init(&arena);
    str value = {0};
    bool found = false;
    lease->until = 0;
    status result =
        kv_get(store, NULL, KV_SYSTEM, kv_lease_key(), KV_MAY_BLOCK, &arena, &value, &found, err);
    if (status_ok(result) && found) {
        struct reader r = reader_from(value);
        uint8_t format = reader_u8(&r);
        uint64_t until = reader_u64le(&r);
        if (reader_done(&r) && format == LEASE_FORMAT) {
            lease->until = until;
            snowflake_raise(seq, until);
        } else {
            result = error_set(err, ERROR_CORRUPT, "the clock lease of %zu bytes cannot be read",
                               value.n);
        }
    }
    arena_release(&arena);
    return result;
}
