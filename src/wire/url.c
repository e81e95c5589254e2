/* wire/url.c -- encoding and cutting of URLs. */
#include "wire/url.h"

static bool decode(str text, bool plus_is_space, struct arena *arena, str *out)
{
    if (str_find_char(text, '%') < 0 && !(plus_is_space && str_find_char(text, '+') >= 0)) {
        *out = text;
        return str_is_utf8(text) && str_find_char(text, '\0') < 0;
    }
    char *to = arena_alloc(arena, text.n);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%') {
            int high = i + 2 < text.n ? str_hex_value(text.p[i + 1]) : -1;
            int low = i + 2 < text.n ? str_hex_value(text.p[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        to[n++] = c;
    }
    str decoded = {to, n};
    if (!str_is_utf8(decoded) || str_find_char(decoded, '\0') >= 0) {
        return false;
    }
    *out = decoded;
    return true;
}

bool url_decode(str text, struct arena *arena, str *out)
{
    return decode(text, false, arena, out);
}

void url_append_encoded(struct buf *out, str text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                        (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' || c == '~';
        if (is_plain) {
            buf_append_byte(out, c);
        } else {
            buf_append_byte(out, '%');
            buf_append_byte(out, (uint8_t)hex[c >> 4]);
            buf_append_byte(out, (uint8_t)hex[c & 15]);
        }
    }
}

bool url_query_get(str query, const char *name, struct arena *arena, str *out)
{
    while (query.n > 0) {
        ptrdiff_t end = str_find_char(query, '&');
        str pair = end < 0 ? query : str_slice(query, 0, (size_t)end);
        query = str_skip(query, pair.n + 1);
        ptrdiff_t equals = str_find_char(pair, '=');
        str key = equals < 0 ? pair : str_slice(pair, 0, (size_t)equals);
        str decoded;
        if (decode(key, true, arena, &decoded) && str_eq_c(decoded, name)) {
            return decode(equals < 0 ? STR_LIT("") : str_skip(pair, (size_t)equals + 1), true,
                          arena, out);
        }
    }
    return false;
}

/* --- addresses */

/* Cuts "http://" off the front. */
static bool take_scheme(str *rest, struct url *out)
{
    static const struct {
        str name;
        bool is_tls;
    } schemes[] = {
        {{"http", 4}, false}, {{"https", 5}, true}, {{"ws", 2}, false}, {{"wss", 3}, true}};
    ptrdiff_t end = str_find(*rest, STR_LIT("://"));
    if (end < 0) {
        return false;
    }
    out->scheme = str_slice(*rest, 0, (size_t)end);
    *rest = str_skip(*rest, (size_t)end + 3);
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (str_eq_nocase(out->scheme, schemes[i].name)) {
            out->is_tls = schemes[i].is_tls;
            out->port = out->is_tls ? 443 : 80;
            return true;
        }
    }
    return false;
}

static bool is_host_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '.' || c == '_' || c == '~' || c == ':';
}

/* "name", "name:1234", "[::1]:1234". */
static bool parse_authority(str authority, struct url *out)
{
    str port = {NULL, 0};
    out->authority = authority;
    if (authority.n > 0 && authority.p[0] == '[') {
        ptrdiff_t end = str_find_char(authority, ']');
        if (end < 0) {
            return false;
        }
        out->host = str_slice(authority, 1, (size_t)end);
        port = str_skip(authority, (size_t)end + 1);
    } else {
        ptrdiff_t colon = str_find_char(authority, ':');
        out->host = colon < 0 ? authority : str_slice(authority, 0, (size_t)colon);
        port = str_skip(authority, out->host.n);
    }
    for (size_t i = 0; i < out->host.n; i++) {
        if (!is_host_char(out->host.p[i])) {
            return false;
        }
    }
    if (port.n > 0) {
        uint64_t number = 0;
        if (port.p[0] != ':' || !str_to_u64(str_skip(port, 1), &number) || number == 0 ||
            number > UINT16_MAX) {
            return false;
        }
        out->port = (uint16_t)number;
    }
    return out->host.n > 0;
}

bool url_parse(str text, struct url *out)
{
    struct url url = {0};
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] <= ' ' || (unsigned char)text.p[i] >= 0x7f) {
            return false;
        }
    }
    if (!take_scheme(&text, &url)) {
        return false;
    }
    size_t authority_bytes = 0;
    while (authority_bytes < text.n && strchr("/?#", text.p[authority_bytes]) == NULL) {
        authority_bytes++;
    }
    if (!parse_authority(str_slice(text, 0, authority_bytes), &url)) {
        return false;
    }
    url.target = str_skip(text, authority_bytes);
    ptrdiff_t fragment = str_find_char(url.target, '#');
    if (fragment >= 0) {
        url.target = str_slice(url.target, 0, (size_t)fragment);
    }
    if (url.target.n == 0) {
        url.target = STR_LIT("/");
    }
    if (url.target.p[0] != '/') { /* "http://host?query": an origin-form target begins with '/' */
        return false;
    }
    *out = url;
    return true;
}
