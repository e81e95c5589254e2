/* tests/fuzz/msgpack_fuzz.c -- Goal: no bytes make the MessagePack reader read past its end or take
 * more memory than its header says; what it accepts is a tree that is printed, packed and read back
 * equal. Method: bytes -> tree -> JSON and bytes -> tree, the JSON of which must be the same. */
#include "wire/msgpack.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NODE_BYTES_MAX = 80, FEW_BYTES = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct buf packed;
    struct buf first;
    struct buf second;
    struct error err;
    const struct json *value = NULL;
    arena_init(&arena);
    buf_init(&packed);
    buf_init(&first);
    buf_init(&second);
    bool is_read = status_ok(msgpack_read_tree(str_of(data, size), &arena, &value, &err));
    CHECK(arena.used_bytes <= NODE_BYTES_MAX * size + FEW_BYTES);
    if (is_read) {
        const struct json *again = NULL;
        json_append(&first, value);
        CHECK(status_ok(json_parse(buf_str(&first), &arena, &again, &err)));
        msgpack_append_tree(&packed, value);
        CHECK(packed.n <= size * 2 + 8); /* a float32 becomes a float64 */
        CHECK(status_ok(msgpack_read_tree(buf_str(&packed), &arena, &again, &err)));
        json_append(&second, again);
        CHECK(str_eq(buf_str(&first), buf_str(&second)));
    } else {
        CHECK(str_is_utf8(str_from(err.text)));
    }
    arena_release(&arena);
    buf_release(&packed);
    buf_release(&first);
    buf_release(&second);
    return 0;
}
