/* tests/fuzz/parquet_tail_fuzz.c -- Goal: no bytes make the readers of footers and filters
 * misbehave, and a footer that can be written again keeps everything but its filters. Input: the
 * first byte chooses filter or footer. */
#include "base/check.h"
#include "store/parquet_tail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_footer(str bytes, struct arena *arena)
{
    struct parquet_footer footer;
    struct parquet_footer again;
    if (!status_ok(parquet_footer_parse(bytes, arena, &footer, NULL))) {
        return;
    }
    size_t cells = (size_t)footer.group_count * footer.leaf_count;
    for (size_t i = 0; i < cells; i++) {
        footer.filters[i] = (struct parquet_filter){1000 + i, i % 3 == 0 ? 0 : 47};
    }
    struct buf out;
    buf_init(&out);
    uint64_t length = 0;
    if (status_ok(parquet_footer_append(&out, &footer, NULL))) {
        str end = str_skip(buf_str(&out), out.n - PARQUET_END_BYTES);
        CHECK(status_ok(parquet_footer_length(end, &length, NULL)));
        CHECK(length == out.n - PARQUET_END_BYTES);
        CHECK(status_ok(parquet_footer_parse(str_slice(buf_str(&out), 0, (size_t)length), arena,
                                             &again, NULL)));
        for (size_t i = 0; i < cells; i++) {
            CHECK(again.filters[i].length == footer.filters[i].length);
            CHECK(again.filters[i].length == 0 ||
                  again.filters[i].offset == footer.filters[i].offset);
        }
    }
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    str bytes = str_of((const char *)data + 1, size - 1);
    struct arena arena;
    arena_init(&arena);
    str bits = {0};
    if ((data[0] & 1) == 0) {
        fuzz_footer(bytes, &arena);
    } else if (status_ok(parquet_filter_open(bytes, &bits, NULL))) {
        CHECK(bits.n > 0 && bits.n % 32 == 0 && bits.p + bits.n == bytes.p + bytes.n);
    }
    arena_release(&arena);
    return 0;
}
