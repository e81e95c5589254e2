/* tests/fuzz/gzip_fuzz.c -- Goal: no bytes make the gzip reader give more than was allowed, and
 * what is compressed comes back. Method: the bytes are read as a member, with a small limit; then
 * compressed and read. The streams are kept over all inputs, as in the server. */
#include "wire/gzip.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUTPUT_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gzip *gzip;
    if (gzip == NULL) {
        gzip = gzip_create(1);
    }
    struct buf out;
    struct buf packed;
    struct error err;
    buf_init(&out);
    buf_init(&packed);
    str bytes = str_of(data, size);
    if (status_ok(gzip_read(gzip, bytes, OUTPUT_MAX, &out, &err))) {
        CHECK(gzip_is(bytes));
        CHECK(out.n <= OUTPUT_MAX);
    } else {
        CHECK(out.n == 0);
    }
    CHECK(out.capacity <= 4 * OUTPUT_MAX);
    buf_clear(&out);
    CHECK(gzip_append(gzip, bytes, SIZE_MAX, &packed));
    CHECK(status_ok(gzip_read(gzip, buf_str(&packed), size, &out, &err)));
    CHECK(str_eq(buf_str(&out), bytes));
    size_t packed_bytes = packed.n;
    CHECK(!gzip_append(gzip, bytes, packed_bytes - 1, &packed));
    CHECK(packed.n == packed_bytes);
    buf_release(&out);
    buf_release(&packed);
    return 0;
}
