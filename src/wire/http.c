/* wire/http.c -- first the end of the head is looked for, line by line; then it is parsed at once.
 *     bytes:  [ line CRLF ][ line CRLF ][ line so far ...
 *                                        ^ scanned: all before are whole lines without an empty one
 * So a head that comes in many pieces costs as much as one that comes whole, and what is decided
 * does not depend on the pieces. */
#include "wire/http.h"

#include "base/check.h"

#define WITH(character) [character] = true
static const bool is_token_char[256] = {
    WITH('!'), WITH('#'), WITH('$'), WITH('%'), WITH('&'), WITH('\''), WITH('*'), WITH('+'),
    WITH('-'), WITH('.'), WITH('^'), WITH('_'), WITH('`'), WITH('|'),  WITH('~'), WITH('0'),
    WITH('1'), WITH('2'), WITH('3'), WITH('4'), WITH('5'), WITH('6'),  WITH('7'), WITH('8'),
    WITH('9'), WITH('A'), WITH('B'), WITH('C'), WITH('D'), WITH('E'),  WITH('F'), WITH('G'),
    WITH('H'), WITH('I'), WITH('J'), WITH('K'), WITH('L'), WITH('M'),  WITH('N'), WITH('O'),
    WITH('P'), WITH('Q'), WITH('R'), WITH('S'), WITH('T'), WITH('U'),  WITH('V'), WITH('W'),
    WITH('X'), WITH('Y'), WITH('Z'), WITH('a'), WITH('b'), WITH('c'),  WITH('d'), WITH('e'),
    WITH('f'), WITH('g'), WITH('h'), WITH('i'), WITH('j'), WITH('k'),  WITH('l'), WITH('m'),
    WITH('n'), WITH('o'), WITH('p'), WITH('q'), WITH('r'), WITH('s'),  WITH('t'), WITH('u'),
    WITH('v'), WITH('w'), WITH('x'), WITH('y'), WITH('z')};

static const char *const method_names[] = {
    [HTTP_GET] = "GET",         [HTTP_HEAD] = "HEAD",       [HTTP_POST] = "POST",
    [HTTP_PUT] = "PUT",         [HTTP_DELETE] = "DELETE",   [HTTP_PATCH] = "PATCH",
    [HTTP_OPTIONS] = "OPTIONS", [HTTP_CONNECT] = "CONNECT", [HTTP_TRACE] = "TRACE",
    [HTTP_OTHER_METHOD] = ""};

/* What headers say about the message as a whole. */
struct meaning {
    unsigned minor;
    bool is_request;
    unsigned host_count;
    str host;
    bool has_length;
    uint64_t length;
    bool has_coding;
    bool says_close;
    bool says_keep_alive;
    bool names_upgrade; /* in Connection */
    str upgrade;
    bool expects_continue;
};

bool http_is_token_char(char c)
{
    return is_token_char[(unsigned char)c];
}

static bool fail(struct http_failure *failure, int status, const char *reason)
{
    *failure = (struct http_failure){status, reason};
    return false;
}

static bool is_token(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!is_token_char[(unsigned char)s.p[i]]) {
            return false;
        }
    }
    return s.n > 0;
}

static str trim_blanks(str s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s = str_skip(s, 1);
    }
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t')) {
        s.n--;
    }
    return s;
}

/* --- the end of the head */

enum { EMPTY_LINE_BYTES = 2 };

/* An empty line before a request is left over from a body of an old client (RFC 9112 section 2.2).
 */
static size_t head_start(str bytes)
{
    return str_starts_with(bytes, STR_LIT("\r\n")) ? EMPTY_LINE_BYTES : 0;
}

static enum http_progress fail_too_long(bool is_first_line, struct http_failure *failure)
{
    (void)(is_first_line ? fail(failure, 414, "The request line is too long")
                         : fail(failure, 431, "The request head is too long"));
    return HTTP_BROKEN;
}

/* COMPLETE: `*head_bytes` ends behind the empty line. Looks at LIMIT_HEAD_BYTES at most. */
static enum http_progress find_end(str bytes, size_t *scanned, size_t *head_bytes,
                                   struct http_failure *failure)
{
    str window = str_slice(bytes, 0, LIMIT_HEAD_BYTES);
    size_t start = head_start(bytes);
    if (*scanned < start) {
        *scanned = start;
    }
    if (window.n > start && window.p[start] != '\r' &&
        !is_token_char[(unsigned char)window.p[start]]) {
        (void)fail(failure, 400, "This is not HTTP");
        return HTTP_BROKEN;
    }
    for (;;) {
        str rest = str_skip(window, *scanned);
        ptrdiff_t line_feed = str_find_char(rest, '\n');
        if (line_feed < 0) {
            break;
        }
        if (line_feed == 0 || rest.p[line_feed - 1] != '\r') {
            (void)fail(failure, 400, "A line ends without a carriage return");
            return HTTP_BROKEN;
        }
        if (line_feed == 1) {
            *head_bytes = *scanned + EMPTY_LINE_BYTES;
            return HTTP_COMPLETE;
        }
        *scanned += (size_t)line_feed + 1;
    }
    return window.n < LIMIT_HEAD_BYTES ? HTTP_INCOMPLETE
                                       : fail_too_long(*scanned == start, failure);
}

/* Cuts the next line off `head`; lines end in CRLF, as find_end has seen. */
static str next_line(str *head)
{
    ptrdiff_t line_feed = str_find_char(*head, '\n');
    CHECK(line_feed >= 1);
    str line = {head->p, (size_t)line_feed - 1};
    *head = str_skip(*head, (size_t)line_feed + 1);
    return line;
}

/* --- headers */

static bool parse_length(str value, struct meaning *meaning, struct http_failure *failure)
{
    if (meaning->has_length) {
        return fail(failure, 400, "Content-Length stands twice");
    }
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9') {
            return fail(failure, 400, "Content-Length is not a number");
        }
    }
    if (value.n == 0) {
        return fail(failure, 400, "Content-Length is empty");
    }
    meaning->has_length = true;
    if (!str_to_u64(value, &meaning->length)) {
        return fail(failure, 413, "Content-Length is too large");
    }
    return true;
}

static bool parse_coding(str value, struct meaning *meaning, struct http_failure *failure)
{
    if (meaning->has_coding) {
        return fail(failure, 400, "Transfer-Encoding stands twice");
    }
    if (meaning->minor == 0) {
        return fail(failure, 400, "HTTP/1.0 has no Transfer-Encoding");
    }
    meaning->has_coding = true;
    return str_eq_nocase(value, STR_LIT("chunked")) ||
           fail(failure, 501, "The only Transfer-Encoding is chunked");
}

/* Characters of name, address and port; no user, no comma, no path. */
static bool is_host(str host)
{
    for (size_t i = 0; i < host.n; i++) {
        unsigned char c = (unsigned char)host.p[i];
        bool is_allowed = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                          (c >= 'A' && c <= 'Z') ||
                          (c != '\0' && strchr("-._~:[]%!$&'()*+;=", c) != NULL);
        if (!is_allowed) {
            return false;
        }
    }
    return true;
}

static bool parse_host(str value, struct meaning *meaning, struct http_failure *failure)
{
    if (meaning->host_count > 0) {
        return fail(failure, 400, "Host stands twice");
    }
    meaning->host_count++;
    meaning->host = value;
    return is_host(value) || fail(failure, 400, "Host is not a name with a port");
}

static bool parse_expect(str value, struct meaning *meaning, struct http_failure *failure)
{
    if (!meaning->is_request || meaning->minor == 0) {
        return true; /* HTTP/1.0 had none: a server ignores it */
    }
    meaning->expects_continue = true;
    return str_eq_nocase(value, STR_LIT("100-continue")) ||
           fail(failure, 417, "The only Expect is 100-continue");
}

static void parse_connection(str value, struct meaning *meaning)
{
    meaning->says_close |= http_list_has(value, STR_LIT("close"));
    meaning->says_keep_alive |= http_list_has(value, STR_LIT("keep-alive"));
    meaning->names_upgrade |= http_list_has(value, STR_LIT("upgrade"));
}

/* Takes what the header says about the message itself; other headers are for the caller. */
static bool note_header(const struct http_header *header, struct meaning *meaning,
                        struct http_failure *failure)
{
    str name = header->name;
    switch (name.n) {
    case 4:
        return !meaning->is_request || !str_eq_nocase(name, STR_LIT("host")) ||
               parse_host(header->value, meaning, failure);
    case 6:
        return !str_eq_nocase(name, STR_LIT("expect")) ||
               parse_expect(header->value, meaning, failure);
    case 7:
        if (str_eq_nocase(name, STR_LIT("upgrade")) && meaning->upgrade.n == 0) {
            meaning->upgrade = header->value;
        }
        return true;
    case 10:
        if (str_eq_nocase(name, STR_LIT("connection"))) {
            parse_connection(header->value, meaning);
        }
        return true;
    case 14:
        return !str_eq_nocase(name, STR_LIT("content-length")) ||
               parse_length(header->value, meaning, failure);
    case 17:
        return !str_eq_nocase(name, STR_LIT("transfer-encoding")) ||
               parse_coding(header->value, meaning, failure);
    default:
        return true;
    }
}

static bool parse_header(str line, struct http_header *out, struct http_failure *failure)
{
    if (line.p[0] == ' ' || line.p[0] == '\t') {
        return fail(failure, 400, "A header is folded over lines");
    }
    ptrdiff_t colon = str_find_char(line, ':');
    if (colon < 0) {
        return fail(failure, 400, "A header has no colon");
    }
    out->name = str_slice(line, 0, (size_t)colon);
    out->value = trim_blanks(str_skip(line, (size_t)colon + 1));
    if (!is_token(out->name)) {
        return fail(failure, 400, "The name of a header has a character that names have not");
    }
    for (size_t i = 0; i < out->value.n; i++) {
        unsigned char c = (unsigned char)out->value.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return fail(failure, 400, "A header has a control character");
        }
    }
    return true;
}

/* `head` begins behind the first line and ends with the empty line. */
static bool parse_headers(str head, struct http_headers *headers, struct meaning *meaning,
                          struct http_failure *failure)
{
    headers->count = 0;
    for (str line = next_line(&head); line.n > 0; line = next_line(&head)) {
        if (headers->count == LIMIT_HEADERS) {
            return fail(failure, 431, "There are too many headers");
        }
        struct http_header *header = &headers->items[headers->count];
        if (!parse_header(line, header, failure) || !note_header(header, meaning, failure)) {
            return false;
        }
        headers->count++;
    }
    if (meaning->has_length && meaning->has_coding) {
        return fail(failure, 400, "Content-Length stands beside Transfer-Encoding");
    }
    if (!meaning->names_upgrade) {
        meaning->upgrade = (str){NULL, 0};
    }
    return true;
}

static bool keeps_alive(const struct meaning *meaning)
{
    return !meaning->says_close && (meaning->minor == 1 || meaning->says_keep_alive);
}

/* --- requests */

/* "HTTP/1.0" or "HTTP/1.1". */
static bool parse_version(str text, unsigned *minor, struct http_failure *failure)
{
    bool is_version = text.n == 8 && str_starts_with(text, STR_LIT("HTTP/")) && text.p[5] >= '0' &&
                      text.p[5] <= '9' && text.p[6] == '.' && text.p[7] >= '0' && text.p[7] <= '9';
    if (!is_version) {
        return fail(failure, 400, "The request line does not end in a version of HTTP");
    }
    if (text.p[5] != '1' || text.p[7] > '1') {
        return fail(failure, 505, "The versions spoken here are HTTP/1.1 and HTTP/1.0");
    }
    *minor = (unsigned)(text.p[7] - '0');
    return true;
}

static enum http_method find_method(str name)
{
    for (enum http_method m = HTTP_GET; m < HTTP_OTHER_METHOD; m++) {
        if (str_eq_c(name, method_names[m])) {
            return m;
        }
    }
    return HTTP_OTHER_METHOD;
}

static void split_path(str path_and_query, struct http_request *out)
{
    ptrdiff_t mark = str_find_char(path_and_query, '?');
    out->path = mark < 0 ? path_and_query : str_slice(path_and_query, 0, (size_t)mark);
    out->query = mark < 0 ? (str){NULL, 0} : str_skip(path_and_query, (size_t)mark + 1);
}

/* "http://host:port/path?query". */
static bool parse_absolute_target(str target, struct http_request *out,
                                  struct http_failure *failure)
{
    ptrdiff_t colon = str_find_char(target, ':');
    str scheme = str_slice(target, 0, colon < 0 ? 0 : (size_t)colon);
    str rest = str_skip(target, scheme.n);
    if (!(str_eq_nocase(scheme, STR_LIT("http")) || str_eq_nocase(scheme, STR_LIT("https"))) ||
        !str_starts_with(rest, STR_LIT("://"))) {
        return fail(failure, 400, "The target begins with neither '/' nor http://");
    }
    rest = str_skip(rest, 3);
    size_t host_bytes = 0;
    while (host_bytes < rest.n && rest.p[host_bytes] != '/' && rest.p[host_bytes] != '?') {
        host_bytes++;
    }
    out->host = str_slice(rest, 0, host_bytes);
    if (out->host.n == 0 || !is_host(out->host)) {
        return fail(failure, 400, "The host of the target is not a name with a port");
    }
    split_path(str_skip(rest, host_bytes), out);
    if (out->path.n == 0) {
        out->path = STR_LIT("/");
    }
    return true;
}

/* "host:port", of CONNECT only. */
static bool parse_authority_target(str target, struct http_request *out,
                                   struct http_failure *failure)
{
    ptrdiff_t colon = str_find_char(target, ':');
    if (colon <= 0 || (size_t)colon + 1 == target.n || !is_host(target)) {
        return fail(failure, 400, "The target of CONNECT is a host with a port");
    }
    out->host = target;
    return true;
}

static bool parse_target(str target, struct http_request *out, struct http_failure *failure)
{
    for (size_t i = 0; i < target.n; i++) {
        unsigned char c = (unsigned char)target.p[i];
        if (c <= ' ' || c >= 0x7f || c == '#') {
            return fail(failure, 400, "The target has a character that must be percent-encoded");
        }
    }
    if (target.n == 0) {
        return fail(failure, 400, "The request line has no target");
    }
    out->target = target;
    if (out->method == HTTP_CONNECT) {
        return parse_authority_target(target, out, failure);
    }
    if (target.p[0] == '/') {
        split_path(target, out);
        return true;
    }
    if (str_eq_c(target, "*")) {
        out->path = target;
        return out->method == HTTP_OPTIONS || fail(failure, 400, "The target * is for OPTIONS");
    }
    return parse_absolute_target(target, out, failure);
}

/* method SP target SP version, each SP one space. */
static bool parse_request_line(str line, struct http_request *out, struct http_failure *failure)
{
    ptrdiff_t space = str_find_char(line, ' ');
    out->method_text = str_slice(line, 0, space < 0 ? line.n : (size_t)space);
    if (!is_token(out->method_text)) {
        return fail(failure, 400, "The request line does not begin with a method");
    }
    str rest = str_skip(line, out->method_text.n + 1);
    space = str_find_char(rest, ' ');
    if (space < 0) {
        return fail(failure, 400, "The request line is not a method, a target and a version");
    }
    out->method = find_method(out->method_text);
    return parse_version(str_skip(rest, (size_t)space + 1), &out->minor, failure) &&
           parse_target(str_slice(rest, 0, (size_t)space), out, failure);
}

static bool parse_request(str head, struct http_request *out, struct http_failure *failure)
{
    *out = (struct http_request){.method = HTTP_OTHER_METHOD, .headers.count = 0};
    if (!parse_request_line(next_line(&head), out, failure)) {
        return false;
    }
    struct meaning meaning = {.minor = out->minor, .is_request = true};
    if (!parse_headers(head, &out->headers, &meaning, failure)) {
        return false;
    }
    if (out->minor == 1 && meaning.host_count == 0) {
        return fail(failure, 400, "Host is missing");
    }
    if (out->host.n == 0) {
        out->host = meaning.host;
    }
    out->keep_alive = keeps_alive(&meaning);
    out->upgrade = meaning.upgrade;
    out->framing = meaning.has_coding   ? HTTP_CHUNKED
                   : meaning.has_length ? HTTP_SIZED
                                        : HTTP_NO_BODY;
    out->content_length = meaning.length;
    out->expects_continue = meaning.expects_continue && out->framing != HTTP_NO_BODY;
    return true;
}

enum http_progress http_parse_request(str bytes, size_t *scanned, struct http_request *out,
                                      size_t *head_bytes, struct http_failure *failure)
{
    enum http_progress progress = find_end(bytes, scanned, head_bytes, failure);
    if (progress != HTTP_COMPLETE) {
        return progress;
    }
    str head = str_slice(bytes, head_start(bytes), *head_bytes);
    if (head.n == EMPTY_LINE_BYTES) {
        (void)fail(failure, 400, "The request is empty");
        return HTTP_BROKEN;
    }
    return parse_request(head, out, failure) ? HTTP_COMPLETE : HTTP_BROKEN;
}

/* --- responses */

/* version SP three digits [SP reason]. */
static bool parse_status_line(str line, struct http_response *out, struct http_failure *failure)
{
    if (!parse_version(str_slice(line, 0, 8), &out->minor, failure)) {
        return false;
    }
    str rest = str_skip(line, 8);
    bool is_status = rest.n >= 4 && rest.p[0] == ' ' && rest.p[1] >= '1' && rest.p[1] <= '5' &&
                     rest.p[2] >= '0' && rest.p[2] <= '9' && rest.p[3] >= '0' && rest.p[3] <= '9' &&
                     (rest.n == 4 || rest.p[4] == ' ');
    if (!is_status) {
        return fail(failure, 502, "The status line has no status");
    }
    out->status = (rest.p[1] - '0') * 100 + (rest.p[2] - '0') * 10 + (rest.p[3] - '0');
    out->reason = str_skip(rest, 5);
    for (size_t i = 0; i < out->reason.n; i++) {
        unsigned char c = (unsigned char)out->reason.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return fail(failure, 502, "The status line has a control character");
        }
    }
    return true;
}

/* RFC 9112 section 6.3. */
static enum http_framing response_framing(const struct meaning *meaning, int status,
                                          enum http_method method)
{
    if (method == HTTP_HEAD || status < 200 || status == 204 || status == 304 ||
        (method == HTTP_CONNECT && status < 300)) {
        return HTTP_NO_BODY;
    }
    return meaning->has_coding ? HTTP_CHUNKED : meaning->has_length ? HTTP_SIZED : HTTP_UNTIL_CLOSE;
}

static bool parse_response(str head, enum http_method method, struct http_response *out,
                           struct http_failure *failure)
{
    *out = (struct http_response){.headers.count = 0};
    if (!parse_status_line(next_line(&head), out, failure)) {
        return false;
    }
    struct meaning meaning = {.minor = out->minor};
    if (!parse_headers(head, &out->headers, &meaning, failure)) {
        return false;
    }
    out->upgrade = meaning.upgrade;
    out->framing = response_framing(&meaning, out->status, method);
    out->content_length = meaning.length;
    out->keep_alive = keeps_alive(&meaning) && out->framing != HTTP_UNTIL_CLOSE;
    return true;
}

enum http_progress http_parse_response(str bytes, size_t *scanned, enum http_method method,
                                       struct http_response *out, size_t *head_bytes,
                                       struct http_failure *failure)
{
    enum http_progress progress = find_end(bytes, scanned, head_bytes, failure);
    if (progress == HTTP_COMPLETE) {
        str head = str_slice(bytes, head_start(bytes), *head_bytes);
        if (head.n == EMPTY_LINE_BYTES) {
            (void)fail(failure, 502, "The response is empty");
            progress = HTTP_BROKEN;
        } else if (!parse_response(head, method, out, failure)) {
            progress = HTTP_BROKEN;
        }
    }
    if (progress == HTTP_BROKEN) {
        failure->status = 502;
    }
    return progress;
}

/* --- looking into a head */

const struct http_header *http_find_header(const struct http_headers *headers, const char *name)
{
    str wanted = str_from(name);
    for (unsigned i = 0; i < headers->count; i++) {
        if (str_eq_nocase(headers->items[i].name, wanted)) {
            return &headers->items[i];
        }
    }
    return NULL;
}

unsigned http_count_header(const struct http_headers *headers, const char *name)
{
    unsigned count = 0;
    for (unsigned i = 0; i < headers->count; i++) {
        count += str_eq_nocase(headers->items[i].name, str_from(name)) ? 1 : 0;
    }
    return count;
}

/* Cuts the part before `separator` off `*rest`. */
static str next_part(str *rest, char separator)
{
    ptrdiff_t at = str_find_char(*rest, separator);
    str part = at < 0 ? *rest : str_slice(*rest, 0, (size_t)at);
    *rest = str_skip(*rest, part.n + 1);
    return trim_blanks(part);
}

bool http_list_has(str list, str token)
{
    while (list.n > 0) {
        if (str_eq_nocase(next_part(&list, ','), token)) {
            return true;
        }
    }
    return false;
}

static bool find_in_cookies(str cookies, str name, str *value)
{
    while (cookies.n > 0) {
        str pair = next_part(&cookies, ';');
        ptrdiff_t equals = str_find_char(pair, '=');
        if (equals < 0 || !str_eq(str_slice(pair, 0, (size_t)equals), name)) {
            continue;
        }
        str found = str_skip(pair, (size_t)equals + 1);
        bool is_quoted = found.n >= 2 && found.p[0] == '"' && found.p[found.n - 1] == '"';
        *value = is_quoted ? str_slice(found, 1, found.n - 1) : found;
        return true;
    }
    return false;
}

bool http_find_cookie(const struct http_headers *headers, const char *name, str *value)
{
    for (unsigned i = 0; i < headers->count; i++) {
        const struct http_header *header = &headers->items[i];
        if (str_eq_nocase(header->name, STR_LIT("cookie")) &&
            find_in_cookies(header->value, str_from(name), value)) {
            return true;
        }
    }
    return false;
}

const char *http_method_name(enum http_method method)
{
    return method_names[method];
}

const char *http_status_text(int status)
{
    switch (status) {
    case 100:
        return "Continue";
    case 101:
        return "Switching Protocols";
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 202:
        return "Accepted";
    case 204:
        return "No Content";
    case 206:
        return "Partial Content";
    case 301:
        return "Moved Permanently";
    case 302:
        return "Found";
    case 303:
        return "See Other";
    case 304:
        return "Not Modified";
    case 307:
        return "Temporary Redirect";
    case 308:
        return "Permanent Redirect";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 406:
        return "Not Acceptable";
    case 408:
        return "Request Timeout";
    case 409:
        return "Conflict";
    case 410:
        return "Gone";
    case 411:
        return "Length Required";
    case 412:
        return "Precondition Failed";
    case 413:
        return "Payload Too Large";
    case 414:
        return "URI Too Long";
    case 415:
        return "Unsupported Media Type";
    case 416:
        return "Range Not Satisfiable";
    case 417:
        return "Expectation Failed";
    case 418:
        return "I'm a teapot";
    case 421:
        return "Misdirected Request";
    case 422:
        return "Unprocessable Entity";
    case 425:
        return "Too Early";
    case 426:
        return "Upgrade Required";
    case 428:
        return "Precondition Required";
    case 429:
        return "Too Many Requests";
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    case 505:
        return "HTTP Version Not Supported";
    case 507:
        return "Insufficient Storage";
    default:
        return "Status";
    }
}
