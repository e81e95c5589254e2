/* wire/ws_handshake.c -- asking for and agreeing on a WebSocket. */
#include "wire/ws_handshake.h"

#include "base/base64.h"
#include "wire/http_write.h"
#include "wire/sha1.h"

static int refuse(int answer, const char **reason, const char *why)
{
    *reason = why;
    return answer;
}

/* The value of a header that must stand exactly once. */
static bool find_once(const struct http_headers *headers, const char *name, str *value)
{
    const struct http_header *header = http_find_header(headers, name);
    if (header == NULL || http_count_header(headers, name) != 1) {
        return false;
    }
    *value = header->value;
    return true;
}

/* The base64 of 16 bytes. */
static bool is_key(str key)
{
    struct buf bytes;
    buf_init(&bytes);
    bool is = base64_decode(&bytes, BASE64_STANDARD, key) && bytes.n == WS_NONCE_BYTES;
    buf_release(&bytes);
    return is;
}

int ws_check_upgrade(const struct http_request *request, str *key, const char **reason)
{
    str version;
    if (request->method != HTTP_GET || request->minor != 1) {
        return refuse(405, reason, "A WebSocket begins with GET and HTTP/1.1");
    }
    if (!http_list_has(request->upgrade, STR_LIT("websocket"))) {
        return refuse(400, reason, "Upgrade and Connection do not ask for a WebSocket");
    }
    if (request->framing != HTTP_NO_BODY &&
        !(request->framing == HTTP_SIZED && request->content_length == 0)) {
        return refuse(400, reason, "A request for a WebSocket has no body");
    }
    if (!find_once(&request->headers, "sec-websocket-version", &version)) {
        return refuse(400, reason, "Sec-WebSocket-Version does not stand once");
    }
    if (!str_eq_c(version, "13")) {
        return refuse(426, reason, "The version of the WebSocket protocol is 13");
    }
    if (!find_once(&request->headers, "sec-websocket-key", key) || !is_key(*key)) {
        return refuse(400, reason, "Sec-WebSocket-Key is not the base64 of 16 bytes");
    }
    return 101;
}

void ws_append_accept(struct buf *out, str key)
{
    struct buf text;
    uint8_t digest[SHA1_BYTES];
    buf_init(&text);
    buf_append_str(&text, key);
    buf_append_str(&text, STR_LIT("258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    sha1(buf_str(&text), digest);
    base64_append(out, BASE64_STANDARD, str_of(digest, sizeof digest));
    buf_release(&text);
}

void ws_append_upgrade_response(struct buf *out, str key, const struct http_header *extra,
                                unsigned extra_count)
{
    struct http_response_head head = {.status = 101,
                                      .framing = HTTP_NO_BODY,
                                      .keep_alive = true,
                                      .minor = 1,
                                      .extra = extra,
                                      .extra_count = extra_count};
    http_append_response_head(out, &head);
    out->n -= 2; /* the empty line: more headers come */
    buf_append_str(out, STR_LIT("Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Accept: "));
    ws_append_accept(out, key);
    buf_append_str(out, STR_LIT("\r\n\r\n"));
}

void ws_append_key(struct buf *out, const uint8_t nonce[WS_NONCE_BYTES])
{
    base64_append(out, BASE64_STANDARD, str_of(nonce, WS_NONCE_BYTES));
}

void ws_append_upgrade_request(struct buf *out, str host, str target, str key,
                               const struct http_header *extra, unsigned extra_count)
{
    struct http_request_head head = {.method = "GET",
                                     .target = target,
                                     .host = host,
                                     .framing = HTTP_NO_BODY,
                                     .extra = extra,
                                     .extra_count = extra_count};
    http_append_request_head(out, &head);
    out->n -= 2;
    buf_append_str(out, STR_LIT("Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "));
    buf_append_str(out, key);
    buf_append_str(out, STR_LIT("\r\n\r\n"));
}

bool ws_is_upgraded(const struct http_response *response, str key)
{
    str accept;
    struct buf wanted;
    if (response->status != 101 || !http_list_has(response->upgrade, STR_LIT("websocket")) ||
        !find_once(&response->headers, "sec-websocket-accept", &accept) ||
        http_find_header(&response->headers, "sec-websocket-extensions") != NULL ||
        http_find_header(&response->headers, "sec-websocket-protocol") != NULL) {
        return false;
    }
    buf_init(&wanted);
    ws_append_accept(&wanted, key);
    bool is_same = str_eq(accept, buf_str(&wanted));
    buf_release(&wanted);
    return is_same;
}
