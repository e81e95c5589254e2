/* wire/http_write.c -- writing heads; a chunk in place is
 *     [ 8 hex digits CRLF ][ data ... ][ CRLF ]
 *       ^ filled in by http_chunk_end, with zeros in front */
#include "wire/http_write.h"

#include "base/check.h"

enum { CHUNK_DIGITS = 8, CHUNK_HEAD_BYTES = CHUNK_DIGITS + 2 };

static const char hex_digits[] = "0123456789abcdef";

/* Control characters become spaces. */
static void append_value(struct buf *out, str value)
{
    char *to = buf_reserve(out, value.n);
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        to[i] = c < ' ' || c == 0x7f ? ' ' : value.p[i];
    }
    out->n += value.n;
}

static void append_header(struct buf *out, str name, str value)
{
    buf_append_str(out, name);
    buf_append_str(out, STR_LIT(": "));
    append_value(out, value);
    buf_append_str(out, STR_LIT("\r\n"));
}

static void append_framing(struct buf *out, enum http_framing framing, uint64_t content_length)
{
    if (framing == HTTP_CHUNKED) {
        buf_append_str(out, STR_LIT("Transfer-Encoding: chunked\r\n"));
    } else if (framing == HTTP_SIZED) {
        buf_append_str(out, STR_LIT("Content-Length: "));
        buf_append_u64_text(out, content_length);
        buf_append_str(out, STR_LIT("\r\n"));
    }
}

/* Headers that both kinds of message have, and the empty line. */
static void append_rest(struct buf *out, str content_type, const struct http_header *extra,
                        unsigned extra_count)
{
    if (content_type.n > 0) {
        append_header(out, STR_LIT("Content-Type"), content_type);
    }
    for (unsigned i = 0; i < extra_count; i++) {
        append_header(out, extra[i].name, extra[i].value);
    }
    buf_append_str(out, STR_LIT("\r\n"));
}

void http_append_response_head(struct buf *out, const struct http_response_head *head)
{
    DCHECK(head->status >= 100 && head->status <= 599);
    DCHECK(!head->keep_alive || head->framing != HTTP_UNTIL_CLOSE);
    DCHECK(head->minor == 1 || head->framing != HTTP_CHUNKED);
    buf_append_str(out, STR_LIT("HTTP/1.1 "));
    buf_append_u64_text(out, (uint64_t)head->status);
    buf_append_byte(out, ' ');
    buf_append_c(out, http_status_text(head->status));
    buf_append_str(out, STR_LIT("\r\n"));
    append_framing(out, head->framing, head->content_length);
    if (!head->keep_alive) {
        buf_append_str(out, STR_LIT("Connection: close\r\n"));
    } else if (head->minor == 0) {
        buf_append_str(out, STR_LIT("Connection: keep-alive\r\n"));
    }
    if (head->date_us != 0) {
        buf_append_str(out, STR_LIT("Date: "));
        http_append_date(out, head->date_us);
        buf_append_str(out, STR_LIT("\r\n"));
    }
    append_rest(out, head->content_type, head->extra, head->extra_count);
}

void http_append_request_head(struct buf *out, const struct http_request_head *head)
{
    DCHECK(head->framing != HTTP_UNTIL_CLOSE);
    buf_append_c(out, head->method);
    buf_append_byte(out, ' ');
    append_value(out, head->target);
    buf_append_str(out, STR_LIT(" HTTP/1.1\r\n"));
    append_header(out, STR_LIT("Host"), head->host);
    append_framing(out, head->framing, head->content_length);
    append_rest(out, head->content_type, head->extra, head->extra_count);
}

void http_append_continue(struct buf *out)
{
    buf_append_str(out, STR_LIT("HTTP/1.1 100 Continue\r\n\r\n"));
}

size_t http_chunk_begin(struct buf *out)
{
    size_t begin = out->n;
    memcpy(buf_reserve(out, CHUNK_HEAD_BYTES), "00000000\r\n", CHUNK_HEAD_BYTES);
    out->n += CHUNK_HEAD_BYTES;
    return begin;
}

void http_chunk_end(struct buf *out, size_t begin)
{
    CHECK(out->n > begin + CHUNK_HEAD_BYTES);
    size_t bytes = out->n - begin - CHUNK_HEAD_BYTES;
    CHECK(bytes <= UINT32_MAX);
    for (size_t i = CHUNK_DIGITS; i > 0; i--) {
        out->p[begin + i - 1] = hex_digits[bytes & 15];
        bytes >>= 4;
    }
    buf_append_str(out, STR_LIT("\r\n"));
}

void http_append_chunk(struct buf *out, str data)
{
    if (data.n > 0) {
        size_t begin = http_chunk_begin(out);
        buf_append_str(out, data);
        http_chunk_end(out, begin);
    }
}

void http_append_last_chunk(struct buf *out)
{
    buf_append_str(out, STR_LIT("0\r\n\r\n"));
}

static void append_two_digits(struct buf *out, int64_t v)
{
    buf_append_byte(out, (uint8_t)('0' + v / 10 % 10));
    buf_append_byte(out, (uint8_t)('0' + v % 10));
}

void http_append_date(struct buf *out, int64_t wall_us)
{
    static const char day_names[] = "ThuFriSatSunMonTueWed"; /* 1970-01-01 was a Thursday */
    static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t seconds = wall_us / 1000000;
    int64_t days = seconds / 86400;
    /* Years begin in March, eras have 400 years (Hinnant, "chrono-compatible date algorithms"). */
    int64_t from_march = days + 719468;
    int64_t era = from_march / 146097;
    int64_t day_of_era = from_march % 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    int64_t month = (month_from_march + 2) % 12; /* 0: January */
    int64_t year = era * 400 + year_of_era + (month < 2 ? 1 : 0);
    buf_append(out, day_names + days % 7 * 3, 3);
    buf_append_str(out, STR_LIT(", "));
    append_two_digits(out, day);
    buf_append_byte(out, ' ');
    buf_append(out, month_names + month * 3, 3);
    buf_append_byte(out, ' ');
    append_two_digits(out, year / 100);
    append_two_digits(out, year);
    buf_append_byte(out, ' ');
    append_two_digits(out, seconds / 3600 % 24);
    buf_append_byte(out, ':');
    append_two_digits(out, seconds / 60 % 60);
    buf_append_byte(out, ':');
    append_two_digits(out, seconds % 60);
    buf_append_str(out, STR_LIT(" GMT"));
}
