/* wire/http_body.c -- the states of a body:
 *
 *   NO_BODY ----------------------------------------------------------> DONE
 *   SIZED:    RAW -- left = 0 ----------------------------------------> DONE
 *   CHUNKED:  SIZE -> (EXTENSION ->) SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE ...
 *                                        \ size 0
 *                                         LINE -> NAME -> VALUE -> VALUE_LF -> LINE ...
 *                                            \ CR
 *                                             END_LF -----------------> DONE
 *   UNTIL_CLOSE: OPEN, for ever
 *
 * Any state may go to BROKEN (bad bytes) or TOO_LARGE, and stays there. */
#include "wire/http_body.h"

enum state {
    RAW,
    OPEN,
    SIZE,
    EXTENSION,
    QUOTED,      /* in the quoted value of an extension */
    QUOTED_PAIR, /* behind its backslash */
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    LINE,
    NAME,
    VALUE,
    VALUE_LF,
    END_LF,
    DONE,
    BROKEN,
    TOO_LARGE
};

enum { SIZE_DIGITS_MAX = 16 };

void http_body_init(struct http_body *body, enum http_framing framing, uint64_t content_length,
                    uint64_t bytes_max)
{
    *body = (struct http_body){.bytes_max = bytes_max};
    switch (framing) {
    case HTTP_NO_BODY:
        body->state = DONE;
        break;
    case HTTP_SIZED:
        body->left = content_length;
        body->state = content_length > bytes_max ? TOO_LARGE : content_length == 0 ? DONE : RAW;
        break;
    case HTTP_CHUNKED:
        body->state = SIZE;
        break;
    case HTTP_UNTIL_CLOSE:
        body->state = OPEN;
        break;
    }
}

bool http_body_may_end(const struct http_body *body)
{
    return body->state == DONE || body->state == OPEN;
}

static bool is_value_char(char c)
{
    unsigned char u = (unsigned char)c;
    return c == '\t' || (u >= ' ' && u != 0x7f);
}

/* The state behind a byte of a chunk size. */
static enum state after_size(struct http_body *body, char c)
{
    int digit = str_hex_value(c);
    if (digit >= 0) {
        body->left = body->left << 4 | (uint64_t)digit;
        body->digit_count++;
        return body->digit_count <= SIZE_DIGITS_MAX ? SIZE : BROKEN;
    }
    if (body->digit_count == 0) {
        return BROKEN;
    }
    return c == ';' ? EXTENSION : c == '\r' ? SIZE_LF : BROKEN;
}

/* The state behind a byte of an extension; no space, as two readers may take it for two things. */
static enum state after_extension(char c)
{
    if (c == '\r') {
        return SIZE_LF;
    }
    return c == '"' ? QUOTED : c == ';' || c == '=' || http_is_token_char(c) ? EXTENSION : BROKEN;
}

/* The state behind the line of a chunk size. */
static enum state after_size_line(struct http_body *body)
{
    body->digit_count = 0;
    if (body->left == 0) {
        return LINE;
    }
    return body->left > body->bytes_max - body->total ? TOO_LARGE : DATA;
}

static enum state if_is(char found, char wanted, enum state then)
{
    return found == wanted ? then : BROKEN;
}

/* The state behind one byte that is not data. */
static enum state after_byte(struct http_body *body, char c)
{
    switch ((enum state)body->state) {
    case SIZE:
        return after_size(body, c);
    case EXTENSION:
        return after_extension(c);
    case QUOTED:
        return c == '"' ? EXTENSION : c == '\\' ? QUOTED_PAIR : is_value_char(c) ? QUOTED : BROKEN;
    case QUOTED_PAIR:
        return is_value_char(c) ? QUOTED : BROKEN;
    case SIZE_LF:
        return c == '\n' ? after_size_line(body) : BROKEN;
    case DATA_CR:
        return if_is(c, '\r', DATA_LF);
    case DATA_LF:
        return if_is(c, '\n', SIZE);
    case LINE:
        return c == '\r' ? END_LF : http_is_token_char(c) ? NAME : BROKEN;
    case NAME:
        return c == ':' ? VALUE : http_is_token_char(c) ? NAME : BROKEN;
    case VALUE:
        return c == '\r' ? VALUE_LF : is_value_char(c) ? VALUE : BROKEN;
    case VALUE_LF:
        return if_is(c, '\n', LINE);
    case END_LF:
        return if_is(c, '\n', DONE);
    default:
        return BROKEN;
    }
}

static void take_byte(struct http_body *body, char c)
{
    enum state next = after_byte(body, c);
    if ((next >= EXTENSION && next <= QUOTED_PAIR) || next == NAME || next == VALUE) {
        body->overhead++;
        if (body->overhead > HTTP_BODY_OVERHEAD_MAX) {
            next = BROKEN;
        }
    }
    body->state = (uint8_t)next;
}

/* Cuts a piece of data off `*in`; what ends with it has ended. */
static void take_data(struct http_body *body, str *in, str *data)
{
    *data = body->left < in->n ? str_slice(*in, 0, (size_t)body->left) : *in;
    *in = str_skip(*in, data->n);
    body->left -= data->n;
    body->total += data->n;
    if (body->left == 0) {
        body->state = body->state == RAW ? DONE : DATA_CR;
    }
}

static enum http_body_step take_open(struct http_body *body, str *in, str *data)
{
    if (in->n > body->bytes_max - body->total) {
        body->state = TOO_LARGE;
        return HTTP_BODY_MORE;
    }
    *data = *in;
    body->total += in->n;
    *in = str_skip(*in, in->n);
    return HTTP_BODY_DATA;
}

/* One step on at least one byte. */
static enum http_body_step take(struct http_body *body, str *in, str *data)
{
    if (body->state == RAW || body->state == DATA) {
        take_data(body, in, data);
        return HTTP_BODY_DATA;
    }
    if (body->state == OPEN) {
        return take_open(body, in, data);
    }
    take_byte(body, in->p[0]);
    *in = str_skip(*in, 1);
    return HTTP_BODY_MORE;
}

enum http_body_step http_body_next(struct http_body *body, str *in, str *data,
                                   struct http_failure *failure)
{
    while (body->state < DONE && in->n > 0) {
        if (take(body, in, data) == HTTP_BODY_DATA) {
            return HTTP_BODY_DATA;
        }
    }
    switch ((enum state)body->state) {
    case DONE:
        return HTTP_BODY_DONE;
    case BROKEN:
        *failure = (struct http_failure){400, "The chunks of the body are not well-formed"};
        return HTTP_BODY_BROKEN;
    case TOO_LARGE:
        *failure = (struct http_failure){413, "The body is too large"};
        return HTTP_BODY_BROKEN;
    default:
        return HTTP_BODY_MORE;
    }
}
