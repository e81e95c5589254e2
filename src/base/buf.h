/* base/buf.h -- bytes that grow, and reading them back.
 * For:      writing keys, rows, JSON, requests (buf_*), and decoding disk and wire bytes
 * (reader_*). A reader keeps its first error and turns later calls into no-ops: decode straight
 * down, ask once (reader_ok). Owns:     a buf owns its bytes until buf_release or buf_take; a
 * reader owns nothing. Threads:  one at a time. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/mem.h"
#include "base/str.h"

struct buf {
    char *p;
    size_t n;        /* bytes written */
    size_t capacity; /* bytes allocated */
};

/* An empty buffer that owns nothing yet; ended by buf_release. */
void buf_init(struct buf *buf);
void buf_release(struct buf *buf);
/* Forgets the content, keeps the memory. */
static inline void buf_clear(struct buf *buf)
{
    buf->n = 0;
}
static inline str buf_str(const struct buf *buf)
{
    return (str){buf->p, buf->n};
}
/* Room for `bytes` more; returns where to write them (then add to n). */
char *buf_reserve(struct buf *buf, size_t bytes);
void buf_append(struct buf *buf, const void *p, size_t bytes);
static inline void buf_append_str(struct buf *buf, str s)
{
    buf_append(buf, s.p, s.n);
}
static inline void buf_append_c(struct buf *buf, const char *c)
{
    buf_append(buf, c, strlen(c));
}
static inline void buf_append_byte(struct buf *buf, uint8_t byte)
{
    *buf_reserve(buf, 1) = (char)byte;
    buf->n++;
}
void buf_append_format(struct buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Decimal digits, with '-' when negative; quicker than buf_append_format. */
void buf_append_u64_text(struct buf *buf, uint64_t v);
void buf_append_i64_text(struct buf *buf, int64_t v);
/* Removes `bytes` bytes at the front. */
void buf_drop_front(struct buf *buf, size_t bytes);

/* Integers as bytes, least significant first. */
void buf_append_u16le(struct buf *buf, uint16_t v);
void buf_append_u32le(struct buf *buf, uint32_t v);
void buf_append_u64le(struct buf *buf, uint64_t v);
void buf_append_u16be(struct buf *buf, uint16_t v);
void buf_append_u32be(struct buf *buf, uint32_t v);
void buf_append_u64be(struct buf *buf, uint64_t v);

/* Fixed places. */
void bytes_put_u16le(void *at, uint16_t v);
void bytes_put_u32le(void *at, uint32_t v);
void bytes_put_u64le(void *at, uint64_t v);
void bytes_put_u32be(void *at, uint32_t v);
void bytes_put_u64be(void *at, uint64_t v);
uint16_t bytes_get_u16le(const void *at);
uint32_t bytes_get_u32le(const void *at);
uint64_t bytes_get_u64le(const void *at);
uint16_t bytes_get_u16be(const void *at);
uint32_t bytes_get_u32be(const void *at);
uint64_t bytes_get_u64be(const void *at);

struct reader {
    const char *at;
    const char *end;
    bool failed; /* a read went past the end or reader_fail was called */
};

static inline struct reader reader_from(str s)
{
    return (struct reader){s.p, s.p + s.n, false};
}
static inline size_t reader_left(const struct reader *r)
{
    return (size_t)(r->end - r->at);
}
static inline void reader_fail(struct reader *r)
{
    r->failed = true;
    r->at = r->end;
}
static inline bool reader_ok(const struct reader *r)
{
    return !r->failed;
}
/* OK and nothing is left over. */
static inline bool reader_done(const struct reader *r)
{
    return !r->failed && r->at == r->end;
}
/* `bytes` bytes in place; empty when there are fewer (then failed). */
str reader_bytes(struct reader *r, size_t bytes);
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16le(struct reader *r);
uint32_t reader_u32le(struct reader *r);
uint64_t reader_u64le(struct reader *r);
uint32_t reader_u32be(struct reader *r);
uint64_t reader_u64be(struct reader *r);

#endif
