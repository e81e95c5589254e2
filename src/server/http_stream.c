/* server/http_stream.c -- answers too large for one piece: from the worker that makes them to the
 * loop that sends them, through BLOCKS_MAX blocks.
 *
 *     worker --push--> [ . | b | c | d ] --pump--> backlog of the connection --> socket
 *       waits while it is full             while that is small
 *
 * Guarded by `lock`: blocks, is_cut, is_posted. The loop alone: has_head. */
#include "server/http_private.h"

#include "base/check.h"
#include "base/mem.h"

enum {
    BLOCK_BYTES = 64 * 1024,
    BLOCKS_MAX = 4,
    CHUNK_ROOM = 32 /* size line and line ends around a block */
};

struct http_stream {
    struct http_call *call;
    str content_type;
    struct lock lock;
    struct cond room; /* a block left, or the stream was cut */
    struct frame *blocks[BLOCKS_MAX];
    unsigned first;
    unsigned count;
    bool is_cut;
    bool is_posted;
    bool has_head;
    struct loop_task task;
};

static bool is_chunked(const struct http_call *call)
{
    return call->request.minor == 1;
}

/* --- the worker's side ------------------------------------------------------------------------ */

static void pump_posted(void *argument)
{
    struct http_stream *stream = argument;
    lock_take(&stream->lock);
    stream->is_posted = false;
    lock_give(&stream->lock);
    stream->call->stream_on_loop = true;
    http_stream_pump(stream->call);
}

static struct http_stream *stream_create(struct http_call *call, str content_type)
{
    struct http_stream *stream = mem_alloc_zeroed(sizeof *stream);
    stream->call = call;
    stream->content_type = content_type;
    stream->task.fn = pump_posted;
    stream->task.argument = stream;
    lock_init(&stream->lock, LOCK_RESPONSE);
    cond_init(&stream->room);
    return stream;
}

void http_stream_destroy(struct http_stream *stream)
{
    if (stream == NULL) {
        return;
    }
    while (stream->count > 0) {
        frame_give(stream->blocks[stream->first]);
        stream->first = (stream->first + 1) % BLOCKS_MAX;
        stream->count--;
    }
    cond_release(&stream->room);
    lock_release(&stream->lock);
    mem_free(stream);
}

/* A block as it goes out: a chunk, or the bare bytes for HTTP/1.0. */
static struct frame *make_block(const struct http_call *call, str bytes)
{
    if (!is_chunked(call)) {
        return frame_copy(bytes);
    }
    struct buf chunk;
    buf_init(&chunk);
    (void)buf_reserve(&chunk, bytes.n + CHUNK_ROOM);
    http_append_chunk(&chunk, bytes);
    struct frame *block = frame_copy(buf_str(&chunk));
    buf_release(&chunk);
    return block;
}

static status push(struct http_stream *stream, struct frame *block, struct error *err)
{
    const struct http_options *options = stream->call->home->options;
    bool posts = false;
    status result = STATUS_IS_OK;
    lock_take(&stream->lock);
    while (stream->count == BLOCKS_MAX && !stream->is_cut && status_ok(result)) {
        if (!cond_wait_ms(&stream->room, &stream->lock, options->progress_ms)) {
            result = error_set(err, ERROR_TIMEOUT, "the client took nothing for %u ms",
                               options->progress_ms);
        }
    }
    if (stream->is_cut) {
        result = error_set(err, ERROR_CANCELLED, "the client is gone");
    } else if (status_ok(result)) {
        stream->blocks[(stream->first + stream->count) % BLOCKS_MAX] = block;
        stream->count++;
        posts = !stream->is_posted;
        stream->is_posted = true;
    }
    lock_give(&stream->lock);
    if (posts) {
        loop_post_task(stream->call->home->loop, &stream->task);
    }
    return result;
}

status http_stream_write(struct http_call *call, str content_type, str bytes, struct error *err)
{
    if (call->stream == NULL) {
        call->stream = stream_create(call, content_type);
    }
    while (bytes.n > 0) {
        str piece = str_slice(bytes, 0, bytes.n < BLOCK_BYTES ? bytes.n : BLOCK_BYTES);
        struct frame *block = make_block(call, piece);
        status result = push(call->stream, block, err);
        if (!status_ok(result)) {
            frame_give(block);
            return result;
        }
        bytes = str_skip(bytes, piece.n);
    }
    return STATUS_IS_OK;
}

/* --- the loop's side -------------------------------------------------------------------------- */

static struct frame *pop(struct http_stream *stream)
{
    struct frame *block = NULL;
    lock_take(&stream->lock);
    if (stream->count > 0) {
        block = stream->blocks[stream->first];
        stream->first = (stream->first + 1) % BLOCKS_MAX;
        stream->count--;
        cond_signal(&stream->room);
    }
    lock_give(&stream->lock);
    return block;
}

void http_stream_cut(struct http_stream *stream)
{
    lock_take(&stream->lock);
    stream->is_cut = true;
    cond_signal(&stream->room);
    lock_give(&stream->lock);
}

static bool send_head(struct http_call *call)
{
    struct http_stream *stream = call->stream;
    if (stream->has_head) {
        return true;
    }
    stream->has_head = true;
    bool chunked = is_chunked(call);
    http_write_head(call, 200, stream->content_type, chunked ? HTTP_CHUNKED : HTTP_UNTIL_CLOSE, 0,
                    chunked && http_keeps_alive(call));
    return status_ok(conn_write(call->conn->net, buf_str(&call->head_out)));
}

static bool send_block(struct http_call *call, struct frame *block)
{
    bool is_sent =
        call->request.method == HTTP_HEAD || status_ok(conn_write_frame(call->conn->net, block));
    frame_give(block);
    return is_sent;
}

void http_stream_pump(struct http_call *call)
{
    struct http_stream *stream = call->stream;
    bool goes_on = call->conn != NULL && conn_is_open(call->conn->net) && send_head(call);
    while (goes_on && conn_queued_bytes(call->conn->net) <= BLOCK_BYTES) {
        struct frame *block = pop(stream);
        if (block == NULL) {
            break;
        }
        goes_on = send_block(call, block);
    }
    if (!goes_on) {
        http_stream_cut(stream);
    } else {
        http_watch_backlog(call->conn);
    }
}

bool http_stream_finish(struct http_call *call, str tail)
{
    struct http_stream *stream = call->stream;
    bool goes_on = conn_is_open(call->conn->net) && !stream->is_cut && send_head(call);
    for (struct frame *block = pop(stream); block != NULL; block = pop(stream)) {
        if (goes_on) {
            goes_on = send_block(call, block);
        } else {
            frame_give(block);
        }
    }
    if (!goes_on || call->request.method == HTTP_HEAD) {
        return goes_on;
    }
    buf_clear(&call->head_out);
    if (is_chunked(call)) {
        http_append_chunk(&call->head_out, tail);
        http_append_last_chunk(&call->head_out);
        tail = buf_str(&call->head_out);
    }
    return status_ok(conn_write(call->conn->net, tail));
}
