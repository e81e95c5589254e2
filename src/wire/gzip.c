/* wire/gzip.c -- zlib's streams, made at their first use and reset between messages. */
#include "wire/gzip.h"

#include "base/check.h"

#define ZLIB_CONST /* zlib only reads its input; let its header say so */
#include <zlib.h>

enum {
    GZIP_WINDOW = 15 + 16, /* the largest window; +16: gzip and not zlib */
    MEMORY_LEVEL = 8,
    PIECE_BYTES_MIN = 4096
};

struct gzip {
    z_stream deflater;
    z_stream inflater;
    int level;
    bool has_deflater;
    bool has_inflater;
};

struct gzip *gzip_create(int level)
{
    CHECK(level >= 1);
    CHECK(level <= 9);
    struct gzip *gzip = mem_alloc_zeroed(sizeof *gzip);
    gzip->level = level;
    return gzip;
}

void gzip_destroy(struct gzip *gzip)
{
    if (gzip == NULL) {
        return;
    }
    if (gzip->has_deflater) {
        (void)deflateEnd(
            &gzip->deflater); /* says Z_DATA_ERROR when it was stopped; not of interest */
    }
    if (gzip->has_inflater) {
        (void)inflateEnd(&gzip->inflater);
    }
    mem_free(gzip);
}

static void set_input(z_stream *stream, str bytes)
{
    CHECK(bytes.n <= UINT32_MAX);
    stream->next_in = (const Bytef *)(bytes.p != NULL ? bytes.p : "");
    stream->avail_in = (uInt)bytes.n;
}

static void set_output(z_stream *stream, char *to, size_t bytes)
{
    stream->next_out = (Bytef *)to;
    stream->avail_out = bytes < UINT32_MAX ? (uInt)bytes : UINT32_MAX;
}

static z_stream *ready_deflater(struct gzip *gzip)
{
    z_stream *stream = &gzip->deflater;
    if (gzip->has_deflater) {
        CHECK(deflateReset(stream) == Z_OK);
    } else {
        CHECK(deflateInit2(stream, gzip->level, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL,
                           Z_DEFAULT_STRATEGY) == Z_OK); /* only memory can be missing */
        gzip->has_deflater = true;
    }
    return stream;
}

bool gzip_append(struct gzip *gzip, str bytes, size_t output_max, struct buf *out)
{
    z_stream *stream = ready_deflater(gzip);
    size_t before = out->n;
    size_t bound = deflateBound(stream, bytes.n);
    size_t room = bound < output_max ? bound : output_max;
    set_input(stream, bytes);
    set_output(stream, buf_reserve(out, room + 1), room);
    if (deflate(stream, Z_FINISH) != Z_STREAM_END) {
        return false;
    }
    out->n = before + (room - stream->avail_out);
    return true;
}

bool gzip_is(str bytes)
{
    return str_starts_with(bytes, STR_LIT("\x1f\x8b"));
}

static z_stream *ready_inflater(struct gzip *gzip)
{
    z_stream *stream = &gzip->inflater;
    if (gzip->has_inflater) {
        CHECK(inflateReset(stream) == Z_OK);
    } else {
        CHECK(inflateInit2(stream, GZIP_WINDOW) == Z_OK);
        gzip->has_inflater = true;
    }
    return stream;
}

/* One step of inflate into `out`; the room doubles with what has come. */
static int inflate_piece(z_stream *stream, size_t room, struct buf *out, size_t before)
{
    size_t piece = out->n - before;
    piece = piece < PIECE_BYTES_MIN ? PIECE_BYTES_MIN : piece;
    piece = piece < room ? piece : room;
    set_output(stream, buf_reserve(out, piece), piece);
    int result = inflate(stream, Z_NO_FLUSH);
    out->n += piece - stream->avail_out;
    return result;
}

status gzip_read(struct gzip *gzip, str bytes, size_t output_max, struct buf *out,
                 struct error *err)
{
    z_stream *stream = ready_inflater(gzip);
    size_t before = out->n;
    CHECK(output_max < UINT32_MAX);
    set_input(stream, bytes);
    int result = Z_OK;
    while (result == Z_OK && out->n - before <= output_max) {
        /* One byte more than allowed tells a member that is too large from one that just fits. */
        result = inflate_piece(stream, output_max + 1 - (out->n - before), out, before);
    }
    size_t inflated = out->n - before;
    if (inflated > output_max) {
        out->n = before;
        return error_set(err, ERROR_LIMIT, "the compressed data holds more than %zu bytes",
                         output_max);
    }
    if (result != Z_STREAM_END || stream->avail_in > 0) {
        out->n = before;
        return error_set(err, ERROR_INVALID_INPUT, "%s",
                         result == Z_STREAM_END  ? "bytes follow the compressed data"
                         : result == Z_BUF_ERROR ? "the compressed data ends early"
                                                 : "the data is not well-formed gzip");
    }
    return STATUS_IS_OK;
}
