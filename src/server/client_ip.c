/* server/client_ip.c -- addresses as text, and the two headers that proxies send. */
#include "server/client_ip.h"

/* --- addresses -------------------------------------------------------------------------------- */

static bool parse_number(str text, unsigned max, unsigned *out)
{
    unsigned v = 0;
    if (text.n == 0 || text.n > 3 || (text.n > 1 && text.p[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') {
            return false;
        }
        v = v * 10 + (unsigned)(text.p[i] - '0');
    }
    *out = v;
    return v <= max;
}

static bool parse_ipv4(str text, uint8_t bytes[4])
{
    for (unsigned i = 0; i < 4; i++) {
        ptrdiff_t dot = str_find_char(text, '.');
        if ((dot < 0) != (i == 3)) {
            return false;
        }
        unsigned v = 0;
        if (!parse_number(i < 3 ? str_slice(text, 0, (size_t)dot) : text, 255, &v)) {
            return false;
        }
        bytes[i] = (uint8_t)v;
        text = i < 3 ? str_skip(text, (size_t)dot + 1) : text;
    }
    return true;
}

static bool parse_group(str text, uint8_t bytes[2])
{
    unsigned v = 0;
    if (text.n == 0 || text.n > 4) {
        return false;
    }
    for (size_t i = 0; i < text.n; i++) {
        int digit = str_hex_value(text.p[i]);
        if (digit < 0) {
            return false;
        }
        v = v << 4 | (unsigned)digit;
    }
    bytes[0] = (uint8_t)(v >> 8);
    bytes[1] = (uint8_t)v;
    return true;
}

/* Groups between colons into `bytes`; at the end of an address the last may be an IPv4 address.
 * Returns how many bytes, or -1. Empty text: none. */
static int parse_groups(str text, bool is_end, uint8_t bytes[16])
{
    unsigned used = 0;
    while (text.n > 0) {
        ptrdiff_t colon = str_find_char(text, ':');
        str group = colon < 0 ? text : str_slice(text, 0, (size_t)colon);
        text = colon < 0 ? str_of(NULL, 0) : str_skip(text, (size_t)colon + 1);
        if (colon >= 0 && text.n == 0) {
            return -1; /* ends in a colon */
        }
        if (is_end && colon < 0 && used <= 12 && parse_ipv4(group, bytes + used)) {
            return (int)used + 4;
        }
        if (used > 14 || !parse_group(group, bytes + used)) {
            return -1;
        }
        used += 2;
    }
    return (int)used;
}

static bool parse_ipv6(str text, uint8_t bytes[16])
{
    uint8_t head[16] = {0};
    uint8_t tail[16] = {0};
    ptrdiff_t gap = str_find(text, STR_LIT("::"));
    if (gap < 0) {
        return parse_groups(text, true, bytes) == 16;
    }
    int front = parse_groups(str_slice(text, 0, (size_t)gap), false, head);
    int back = parse_groups(str_skip(text, (size_t)gap + 2), true, tail);
    if (front < 0 || back < 0 || front + back > 14) {
        return false;
    }
    memset(bytes, 0, 16);
    memcpy(bytes, head, (size_t)front);
    memcpy(bytes + 16 - back, tail, (size_t)back);
    return true;
}

bool ip_parse(str text, struct ip *out)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct ip ip = {{0}};
    if (parse_ipv4(text, ip.bytes + 12)) {
        memcpy(ip.bytes, mapped, sizeof mapped);
    } else if (!parse_ipv6(text, ip.bytes)) {
        return false;
    }
    *out = ip;
    return true;
}

status ip_range_parse(str text, struct ip_range *out, struct error *err)
{
    ptrdiff_t slash = str_find_char(text, '/');
    str address = slash < 0 ? text : str_slice(text, 0, (size_t)slash);
    struct ip_range range = {.bits = 128};
    if (!ip_parse(address, &range.ip)) {
        return error_set(err, ERROR_CONFIG, "'" STR_FMT "' is not an address or a range of them",
                         STR(text));
    }
    if (slash >= 0) {
        unsigned bits_max = str_find_char(address, ':') < 0 ? 32 : 128;
        unsigned bits = 0;
        if (!parse_number(str_skip(text, (size_t)slash + 1), bits_max, &bits)) {
            return error_set(err, ERROR_CONFIG, "'" STR_FMT "': bits must be 0..%u", STR(text),
                             bits_max);
        }
        range.bits = 128 - bits_max + bits;
    }
    *out = range;
    return STATUS_IS_OK;
}

bool ip_range_has(const struct ip_range *range, const struct ip *ip)
{
    unsigned whole = range->bits / 8;
    unsigned rest = range->bits % 8;
    if (memcmp(range->ip.bytes, ip->bytes, whole) != 0) {
        return false;
    }
    return rest == 0 || (range->ip.bytes[whole] ^ ip->bytes[whole]) >> (8 - rest) == 0;
}

/* --- the client ------------------------------------------------------------------------------- */

/* "localhost", "127.0.0.1:80", "[::1]:80", "::1". */
static bool is_this_machine(str text)
{
    return str_starts_with(text, STR_LIT("127.")) || str_eq_c(text, "::1") ||
           str_starts_with(text, STR_LIT("[::1]")) || str_eq_nocase(text, STR_LIT("localhost")) ||
           str_starts_with_nocase(text, STR_LIT("localhost:"));
}

/* An address without brackets and port, or "unknown": a text that somebody else chose is no key. */
static str clean(str text, struct arena *arena)
{
    struct ip ip;
    str address = text;
    if (text.n > 0 && text.p[0] == '[') {
        ptrdiff_t end = str_find_char(text, ']');
        address = end < 0 ? text : str_slice(text, 1, (size_t)end);
    } else {
        ptrdiff_t colon = str_find_char(text, ':');
        bool has_port = colon >= 0 && str_find_char(str_skip(text, (size_t)colon + 1), ':') < 0;
        address = has_port ? str_slice(text, 0, (size_t)colon) : text;
    }
    return ip_parse(address, &ip) ? arena_lower(arena, address) : STR_LIT("unknown");
}

/* The first element of the list that is not this machine; empty: there is none. */
static str first_stranger(str list)
{
    while (list.n > 0) {
        ptrdiff_t comma = str_find_char(list, ',');
        str element = str_trim(comma < 0 ? list : str_slice(list, 0, (size_t)comma));
        list = comma < 0 ? str_of(NULL, 0) : str_skip(list, (size_t)comma + 1);
        if (element.n > 0 && !is_this_machine(element)) {
            return element;
        }
    }
    return str_of(NULL, 0);
}

static bool is_trusted(str peer, const struct ip_range *trusted, unsigned count)
{
    struct ip ip;
    if (count == 0 || !ip_parse(peer, &ip)) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (ip_range_has(&trusted[i], &ip)) {
            return true;
        }
    }
    return false;
}

struct client client_find(str peer, bool peer_is_local, const struct http_headers *headers,
                          const struct ip_range *trusted, unsigned trusted_count,
                          struct arena *arena)
{
    static const char *const names[] = {"x-forwarded-for", "x-real-ip"};
    struct client client = {peer, peer_is_local};
    if (!peer_is_local && !is_trusted(peer, trusted, trusted_count)) {
        return client;
    }
    for (unsigned i = 0; i < 2; i++) {
        const struct http_header *header = http_find_header(headers, names[i]);
        str stranger = header != NULL ? first_stranger(header->value) : str_of(NULL, 0);
        if (stranger.n > 0) {
            return (struct client){clean(stranger, arena), false};
        }
    }
    return client;
}
