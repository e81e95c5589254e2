/* base/buf.c -- growing bytes, and decoding that cannot run past the end. */
#include "base/buf.h"
#include "base/check.h"

void buf_init(struct buf *buf)
{
    *buf = (struct buf){0};
}

void buf_release(struct buf *buf)
{
    mem_free(buf->p);
    buf_init(buf);
}

char *buf_reserve(struct buf *buf, size_t bytes)
{
    CHECK(bytes < SIZE_MAX / 4);
    if (buf->capacity - buf->n < bytes) {
        buf->p = mem_grow(buf->p, &buf->capacity, buf->n + bytes, 1);
    }
    return buf->p + buf->n;
}

void buf_append(struct buf *buf, const void *p, size_t bytes)
{
    if (bytes > 0) {
        memcpy(buf_reserve(buf, bytes), p, bytes);
        buf->n += bytes;
    }
}

void buf_append_format(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_list again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    CHECK(n >= 0);
    (void)vsnprintf(buf_reserve(buf, (size_t)n + 1), (size_t)n + 1, format, again);
    va_end(again);
    buf->n += (size_t)n;
}

void buf_append_u64_text(struct buf *buf, uint64_t v)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    buf_append(buf, digits + at, sizeof digits - at);
}

void buf_append_i64_text(struct buf *buf, int64_t v)
{
    if (v < 0) {
        buf_append_byte(buf, '-');
    }
    buf_append_u64_text(buf, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void buf_drop_front(struct buf *buf, size_t bytes)
{
    CHECK(bytes <= buf->n);
    if (bytes > 0) {
        memmove(buf->p, buf->p + bytes, buf->n - bytes);
        buf->n -= bytes;
    }
}

void bytes_put_u16le(void *at, uint16_t v)
{
    uint8_t *p = at;
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

uint16_t bytes_get_u16le(const void *at)
{
    const uint8_t *p = at;
    return (uint16_t)((uint16_t)p[0] | ((uint16_t)p[1] << 8));
}

void buf_append_u16le(struct buf *buf, uint16_t v)
{
    bytes_put_u16le(buf_reserve(buf, 2), v);
    buf->n += 2;
}

uint16_t bytes_get_u16be(const void *at)
{
    const uint8_t *p = at;
    return (uint16_t)(((uint16_t)p[0] << 8) | (uint16_t)p[1]);
}

void buf_append_u16be(struct buf *buf, uint16_t v)
{
    buf_append_byte(buf, (uint8_t)(v >> 8));
    buf_append_byte(buf, (uint8_t)v);
}

void bytes_put_u32le(void *at, uint32_t v)
{
    uint8_t *p = at;
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

uint32_t bytes_get_u32le(const void *at)
{
    const uint8_t *p = at;
    return (uint32_t)((uint32_t)p[0] | ((uint32_t)p[1] << 8) | ((uint32_t)p[2] << 16) |
                      ((uint32_t)p[3] << 24));
}

void buf_append_u32le(struct buf *buf, uint32_t v)
{
    bytes_put_u32le(buf_reserve(buf, 4), v);
    buf->n += 4;
}

void bytes_put_u32be(void *at, uint32_t v)
{
    uint8_t *p = at;
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

uint32_t bytes_get_u32be(const void *at)
{
    const uint8_t *p = at;
    return (uint32_t)(((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) |
                      (uint32_t)p[3]);
}

void buf_append_u32be(struct buf *buf, uint32_t v)
{
    bytes_put_u32be(buf_reserve(buf, 4), v);
    buf->n += 4;
}

void bytes_put_u64le(void *at, uint64_t v)
{
    uint8_t *p = at;
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
    p[4] = (uint8_t)(v >> 32);
    p[5] = (uint8_t)(v >> 40);
    p[6] = (uint8_t)(v >> 48);
    p[7] = (uint8_t)(v >> 56);
}

uint64_t bytes_get_u64le(const void *at)
{
    const uint8_t *p = at;
    return (uint64_t)((uint64_t)p[0] | ((uint64_t)p[1] << 8) | ((uint64_t)p[2] << 16) |
                      ((uint64_t)p[3] << 24) | ((uint64_t)p[4] << 32) | ((uint64_t)p[5] << 40) |
                      ((uint64_t)p[6] << 48) | ((uint64_t)p[7] << 56));
}

void buf_append_u64le(struct buf *buf, uint64_t v)
{
    bytes_put_u64le(buf_reserve(buf, 8), v);
    buf->n += 8;
}

void bytes_put_u64be(void *at, uint64_t v)
{
    uint8_t *p = at;
    p[0] = (uint8_t)(v >> 56);
    p[1] = (uint8_t)(v >> 48);
    p[2] = (uint8_t)(v >> 40);
    p[3] = (uint8_t)(v >> 32);
    p[4] = (uint8_t)(v >> 24);
    p[5] = (uint8_t)(v >> 16);
    p[6] = (uint8_t)(v >> 8);
    p[7] = (uint8_t)v;
}

uint64_t bytes_get_u64be(const void *at)
{
    const uint8_t *p = at;
    return (uint64_t)(((uint64_t)p[0] << 56) | ((uint64_t)p[1] << 48) | ((uint64_t)p[2] << 40) |
                      ((uint64_t)p[3] << 32) | ((uint64_t)p[4] << 24) | ((uint64_t)p[5] << 16) |
                      ((uint64_t)p[6] << 8) | (uint64_t)p[7]);
}

void buf_append_u64be(struct buf *buf, uint64_t v)
{
    bytes_put_u64be(buf_reserve(buf, 8), v);
    buf->n += 8;
}

str reader_bytes(struct reader *r, size_t bytes)
{
    if (reader_left(r) < bytes) {
        reader_fail(r);
        return (str){NULL, 0};
    }
    str s = {r->at, bytes};
    r->at += bytes;
    return s;
}

uint8_t reader_u8(struct reader *r)
{
    str s = reader_bytes(r, 1);
    return s.n == 1 ? (uint8_t)s.p[0] : 0;
}

uint16_t reader_u16le(struct reader *r)
{
    str s = reader_bytes(r, 2);
    return s.n == 2 ? bytes_get_u16le(s.p) : 0;
}

uint32_t reader_u32le(struct reader *r)
{
    str s = reader_bytes(r, 4);
    return s.n == 4 ? bytes_get_u32le(s.p) : 0;
}

uint64_t reader_u64le(struct reader *r)
{
    str s = reader_bytes(r, 8);
    return s.n == 8 ? bytes_get_u64le(s.p) : 0;
}

uint32_t reader_u32be(struct reader *r)
{
    str s = reader_bytes(r, 4);
    return s.n == 4 ? bytes_get_u32be(s.p) : 0;
}

uint64_t reader_u64be(struct reader *r)
{
    str s = reader_bytes(r, 8);
    return s.n == 8 ? bytes_get_u64be(s.p) : 0;
}
