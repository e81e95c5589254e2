/* tests/fuzz/key_fuzz.c -- Goal: no bytes make the key and partition decoders misbehave, and what
 * they accept is exactly what encoding writes. Method: byte 0 picks the type, the rest is the key.
 */
#include "model/key.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_key(enum type_id id, str bytes)
{
    struct error err;
    struct value v;
    struct buf again;
    struct type type = {.id = id, .precision = id == TYPE_DECIMAL ? 20 : 0};
    if (!status_ok(key_decode(bytes, type, &v, &err))) {
        return;
    }
    buf_init(&again);
    CHECK(status_ok(key_encode(&again, &v, &err)));
    CHECK(str_eq(buf_str(&again), bytes));
    buf_release(&again);
}

static void try_partition(str bytes)
{
    struct arena arena;
    struct buf again;
    enum partition_class class;
    uint32_t namespace_number;
    str owner;
    size_t n = partition_prefix_bytes(bytes);
    CHECK(n <= bytes.n);
    arena_init(&arena);
    buf_init(&again);
    bool is_whole = partition_decode(bytes, &class, &namespace_number, &arena, &owner);
    CHECK(is_whole == (n > 0 && n == bytes.n));
    if (n > 0) {
        str prefix = str_slice(bytes, 0, n);
        CHECK(partition_decode(prefix, &class, &namespace_number, &arena, &owner));
        partition_encode(&again, class, namespace_number, owner);
        CHECK(str_eq(buf_str(&again), prefix));
    }
    buf_release(&again);
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0) {
        str bytes = str_of(data + 1, size - 1);
        try_key((enum type_id)(data[0] % TYPE_COUNT), bytes);
        try_partition(bytes);
    }
    return 0;
}
