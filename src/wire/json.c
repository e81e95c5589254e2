/* wire/json.c -- a recursive reader that takes one look at each byte, and a writer without a tree.
 * Invariants of the reader: (1) start <= at <= end  (2) whoever returns false has filled the error
 * (3) a node is complete before it is linked. */
#include "wire/json.h"

#include "base/check.h"
#include "base/hash.h"
#include "model/limits.h"
#include "model/value.h"

#include <math.h>

enum {
    SMALL_OBJECT = 16,    /* members up to which keys are compared pair by pair */
    EXACT_DIGITS = 15,    /* decimal digits that any double holds */
    EXACT_POWER_MAX = 22, /* powers of ten that are doubles without rounding */
    WRITER_DEPTH_MAX = 128
};
static_assert((int)LIMIT_JSON_DEPTH <= (int)WRITER_DEPTH_MAX, "what can be read can be written");

static_assert(sizeof(struct json) == 64, "json.h tells what a tree takes: a node for two bytes");

struct parser {
    const char *start;
    const char *at;
    const char *end;
    struct arena *arena;
    struct error *err;
};

/* --- errors */

/* What stands at `at`, for a message. */
static const char *found_at(const struct parser *p, char text[8])
{
    if (p->at == p->end) {
        return "the end";
    }
    unsigned char c = (unsigned char)*p->at;
    (void)snprintf(text, 8, c > ' ' && c < 0x7f ? "'%c'" : "0x%02x", c);
    return text;
}

/* Fills the error with what is wrong at `at`; columns count bytes. Always false. */
static bool fail(struct parser *p, const char *what)
{
    size_t line = 1;
    const char *line_start = p->start;
    for (const char *c = p->start; c < p->at; c++) {
        if (*c == '\n') {
            line++;
            line_start = c + 1;
        }
    }
    char text[8];
    status ignored = error_set(p->err, ERROR_INVALID_INPUT, "%s at line %zu column %zu, found %s",
                               what, line, (size_t)(p->at - line_start) + 1, found_at(p, text));
    (void)ignored;
    return false;
}

/* --- texts */

#define EACH_BYTE(byte) (0x0101010101010101ULL * (byte))
#define HIGH_BITS EACH_BYTE(0x80ULL)

/* High bit set in each byte of `word` that is zero (and perhaps in bytes above such a one). */
static uint64_t zero_bytes(uint64_t word)
{
    return (word - EACH_BYTE(1)) & ~word & HIGH_BITS;
}

/* Moves over bytes that stand for themselves: to a quote, a backslash, a control character, or the
 * end. `*high` collects the high bits of what was passed. */
static void skip_plain(struct parser *p, uint64_t *high)
{
    while (p->end - p->at >= 8) {
        uint64_t word;
        memcpy(&word, p->at, sizeof word);
        uint64_t special = zero_bytes(word ^ EACH_BYTE('"')) | zero_bytes(word ^ EACH_BYTE('\\')) |
                           ((word - EACH_BYTE(0x20)) & ~word & HIGH_BITS);
        if (special != 0) {
            break;
        }
        *high |= word & HIGH_BITS;
        p->at += 8;
    }
    while (p->at < p->end && *p->at != '"' && *p->at != '\\' && (unsigned char)*p->at >= 0x20) {
        *high |= (unsigned char)*p->at & 0x80U;
        p->at++;
    }
}

/* Reads the four digits after "\u". */
static bool parse_hex4(struct parser *p, uint32_t *out)
{
    uint32_t code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = p->at < p->end ? str_hex_value(*p->at) : -1;
        if (digit < 0) {
            return fail(p, "expected four hexadecimal digits after \\u");
        }
        code = code << 4 | (uint32_t)digit;
        p->at++;
    }
    *out = code;
    return true;
}

/* Reads what follows "\u", with the second half of a pair, to a code point. */
static bool parse_unicode_escape(struct parser *p, uint32_t *out)
{
    uint32_t code = 0;
    if (!parse_hex4(p, &code)) {
        return false;
    }
    if (code >= 0xDC00 && code <= 0xDFFF) {
        return fail(p, "expected the first half of a surrogate pair before the second");
    }
    if (code >= 0xD800 && code <= 0xDBFF) {
        uint32_t low = 0;
        if (p->end - p->at < 2 || p->at[0] != '\\' || p->at[1] != 'u') {
            return fail(p, "expected the second half of a surrogate pair");
        }
        p->at += 2;
        if (!parse_hex4(p, &low)) {
            return false;
        }
        if (low < 0xDC00 || low > 0xDFFF) {
            return fail(p, "expected the second half of a surrogate pair");
        }
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    *out = code;
    return true;
}

/* The character that `\c` stands for, or 0. */
static char simple_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
        return c;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}

/* Reads one escape, of which `at` stands behind the backslash; writes it at *to. */
static bool parse_escape(struct parser *p, char **to)
{
    char c = p->at < p->end ? *p->at : '\0';
    if (c == 'u') {
        uint32_t code = 0;
        p->at++;
        if (!parse_unicode_escape(p, &code)) {
            return false;
        }
        *to += str_put_utf8(*to, code);
        return true;
    }
    char plain = simple_escape(c);
    if (plain == 0) {
        return fail(p, "expected one of \"\\/bfnrtu after a backslash");
    }
    *(*to)++ = plain;
    p->at++;
    return true;
}

/* Bytes from `at` to the quote that ends the text; a bound for what is needed to unescape it. */
static size_t bytes_to_quote(const struct parser *p)
{
    const char *c = p->at;
    while (c < p->end && *c != '"') {
        c += *c == '\\' && p->end - c > 1 ? 2 : 1;
    }
    return (size_t)(c - p->at);
}

/* The rest of a text with escapes, of which the plain bytes [from, at) are read; no escape makes
 * the text longer than it was written. */
static bool parse_escaped(struct parser *p, const char *from, uint64_t *high, str *out)
{
    size_t plain = (size_t)(p->at - from);
    char *text = arena_alloc(p->arena, plain + bytes_to_quote(p) + 1);
    memcpy(text, from, plain);
    char *to = text + plain;
    while (p->at < p->end && *p->at == '\\') {
        p->at++;
        if (!parse_escape(p, &to)) {
            return false;
        }
        const char *run = p->at;
        skip_plain(p, high);
        memcpy(to, run, (size_t)(p->at - run));
        to += p->at - run;
    }
    *out = (str){text, (size_t)(to - text)};
    return true;
}

/* Reads a text, of which `at` stands on the opening quote. */
static bool parse_text(struct parser *p, str *out)
{
    const char *from = ++p->at;
    uint64_t high = 0;
    str text;
    skip_plain(p, &high);
    if (p->at < p->end && *p->at == '\\') {
        if (!parse_escaped(p, from, &high, &text)) {
            return false;
        }
    } else {
        text = (str){from, (size_t)(p->at - from)};
    }
    if (p->at == p->end) {
        return fail(p, "expected '\"' to end the text");
    }
    if (*p->at != '"') {
        return fail(p, "expected control characters in a text to be escaped");
    }
    if (high != 0 && !str_is_utf8(text)) {
        p->at = from;
        return fail(p, "expected well-formed UTF-8 in the text that begins");
    }
    p->at++;
    *out = text;
    return true;
}

/* --- numbers */

static const char *skip_digits(const struct parser *p, const char *at)
{
    while (at < p->end && *at >= '0' && *at <= '9') {
        at++;
    }
    return at;
}

/* Moves `at` over digits, of which there must be one. */
static bool parse_digits(struct parser *p, const char *what)
{
    const char *end = skip_digits(p, p->at);
    if (end == p->at) {
        return fail(p, what);
    }
    p->at = end;
    return true;
}

/* The double of a number with few digits and a small power of ten: one exact product or quotient of
 * exact doubles rounds once, so it is the nearest (Clinger 1990). False: not such a number. */
static bool small_double(str raw, double *out)
{
    static const double powers[EXACT_POWER_MAX + 1] = {
        1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    uint64_t digits = 0;
    int power = 0;
    bool is_negative = raw.p[0] == '-';
    size_t i = is_negative ? 1 : 0;
    size_t count = 0;
    bool is_fraction = false;
    for (; i < raw.n && raw.p[i] != 'e' && raw.p[i] != 'E'; i++) {
        if (raw.p[i] == '.') {
            is_fraction = true;
            continue;
        }
        if (digits != 0 || raw.p[i] != '0') { /* zeros in front do not count */
            count++;
        }
        if (count > EXACT_DIGITS) {
            return false;
        }
        digits = digits * 10 + (uint64_t)(raw.p[i] - '0');
        power -= is_fraction ? 1 : 0;
    }
    if (i < raw.n) {
        int64_t exponent = 0;
        if (!str_to_i64(str_skip(raw, i + 1), &exponent) || exponent > 1000 || exponent < -1000) {
            return false;
        }
        power += (int)exponent;
    }
    if (power < -EXACT_POWER_MAX || power > EXACT_POWER_MAX) {
        return false;
    }
    double value = power < 0 ? (double)digits / powers[-power] : (double)digits * powers[power];
    *out = is_negative ? -value : value;
    return true;
}

/* False: too large for a double. */
static bool nearest_double(struct arena *arena, str raw, double *out)
{
    if (!small_double(raw, out) && !str_to_double(raw, out)) {
        *out = strtod(str_cstr(arena, raw), NULL); /* more digits than str_to_double takes */
    }
    return isfinite(*out);
}

static bool parse_number(struct parser *p, struct json *value)
{
    const char *from = p->at;
    bool is_whole = true;
    if (*p->at == '-') {
        p->at++;
    }
    const char *digits = p->at;
    if (!parse_digits(p, "expected a digit")) {
        return false;
    }
    if (*digits == '0' && p->at - digits > 1) {
        p->at = digits + 1;
        return fail(p, "expected no digit after a leading 0");
    }
    if (p->at < p->end && *p->at == '.') {
        is_whole = false;
        p->at++;
        if (!parse_digits(p, "expected a digit after the point")) {
            return false;
        }
    }
    if (p->at < p->end && (*p->at == 'e' || *p->at == 'E')) {
        is_whole = false;
        p->at++;
        if (p->at < p->end && (*p->at == '+' || *p->at == '-')) {
            p->at++;
        }
        if (!parse_digits(p, "expected a digit in the exponent")) {
            return false;
        }
    }
    struct json_number *number = &value->as.number;
    number->raw = (str){from, (size_t)(p->at - from)};
    value->kind = JSON_NUMBER;
    value->is_integer = is_whole && str_to_i64(number->raw, &number->integer);
    if (value->is_integer && number->integer != 0) {
        number->real = (double)number->integer;
    } else if (!nearest_double(p->arena, number->raw, &number->real)) {
        p->at = from;
        return fail(p, "expected a number that a double can hold");
    }
    return true;
}

/* --- values */

static void skip_space(struct parser *p)
{
    while (p->at < p->end &&
           (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t')) {
        p->at++;
    }
}

/* Skips white space, then `c` if it stands there. */
static bool take(struct parser *p, char c)
{
    skip_space(p);
    if (p->at < p->end && *p->at == c) {
        p->at++;
        return true;
    }
    return false;
}

static bool parse_value(struct parser *p, unsigned depth, struct json *value);

static bool parse_array(struct parser *p, unsigned depth, struct json *array)
{
    array->kind = JSON_ARRAY;
    if (take(p, ']')) {
        return true;
    }
    struct json *last = NULL;
    do {
        struct json *item = json_new(p->arena, JSON_NULL);
        if (!parse_value(p, depth, item)) {
            return false;
        }
        json_link(array, last, item);
        last = item;
    } while (take(p, ','));
    return take(p, ']') || fail(p, "expected ',' or ']'");
}

static bool parse_member(struct parser *p, unsigned depth, struct json *member)
{
    skip_space(p);
    if (p->at == p->end || *p->at != '"') {
        return fail(p, "expected a key in quotes");
    }
    if (!parse_text(p, &member->key)) {
        return false;
    }
    if (!take(p, ':')) {
        return fail(p, "expected ':'");
    }
    return parse_value(p, depth, member);
}

/* Shows a long key up to a whole character. */
static bool fail_duplicate(struct parser *p, str key)
{
    char what[128];
    size_t shown = key.n < 64 ? key.n : 64;
    while (shown < key.n && ((unsigned char)key.p[shown] & 0xC0) == 0x80) {
        shown--;
    }
    (void)snprintf(what, sizeof what, "expected each key once, but \"%.*s\" stands twice before",
                   (int)shown, key.p);
    return fail(p, what);
}

static bool parse_object(struct parser *p, unsigned depth, struct json *object)
{
    object->kind = JSON_OBJECT;
    if (take(p, '}')) {
        return true;
    }
    struct json *last = NULL;
    do {
        struct json *member = json_new(p->arena, JSON_NULL);
        if (!parse_member(p, depth, member)) {
            return false;
        }
        json_link(object, last, member);
        last = member;
    } while (take(p, ','));
    if (!take(p, '}')) {
        return fail(p, "expected ',' or '}'");
    }
    const struct json *duplicate = json_find_duplicate(object);
    return duplicate == NULL || fail_duplicate(p, duplicate->key);
}

static bool parse_word(struct parser *p, str word)
{
    if (!str_starts_with((str){p->at, (size_t)(p->end - p->at)}, word)) {
        return fail(p, "expected a value");
    }
    p->at += word.n;
    return true;
}

/* `depth` counts the containers around the value. */
static bool parse_value(struct parser *p, unsigned depth, struct json *value)
{
    skip_space(p);
    switch (p->at < p->end ? *p->at : '\0') {
    case '{':
    case '[':
        if (depth >= LIMIT_JSON_DEPTH) {
            return fail(p, "expected no more levels of nesting");
        }
        return *p->at++ == '{' ? parse_object(p, depth + 1, value)
                               : parse_array(p, depth + 1, value);
    case '"':
        value->kind = JSON_TEXT;
        return parse_text(p, &value->as.text);
    case 't':
        value->kind = JSON_BOOL;
        value->as.boolean = true;
        return parse_word(p, STR_LIT("true"));
    case 'f':
        value->kind = JSON_BOOL;
        value->as.boolean = false;
        return parse_word(p, STR_LIT("false"));
    case 'n':
        return parse_word(p, STR_LIT("null"));
    default:
        if (p->at < p->end && (*p->at == '-' || (*p->at >= '0' && *p->at <= '9'))) {
            return parse_number(p, value);
        }
        return fail(p, "expected a value");
    }
}

status json_parse(str text, struct arena *arena, const struct json **out, struct error *err)
{
    if (text.p == NULL) {
        text = STR_LIT("");
    }
    struct parser p = {text.p, text.p, text.p + text.n, arena, err};
    struct json *value = json_new(arena, JSON_NULL);
    if (!parse_value(&p, 0, value)) {
        return status_from(STATUS_INVALID);
    }
    skip_space(&p);
    if (p.at != p.end) {
        (void)fail(&p, "expected the end");
        return status_from(STATUS_INVALID);
    }
    *out = value;
    return STATUS_IS_OK;
}

/* --- the tree */

struct json *json_new(struct arena *arena, enum json_kind kind)
{
    struct json *value = ARENA_NEW(arena, struct json);
    value->kind = kind;
    return value;
}

struct json *json_new_i64(struct arena *arena, int64_t v)
{
    struct json *value = json_new(arena, JSON_NUMBER);
    value->is_integer = true;
    value->as.number =
        (struct json_number){arena_format(arena, "%lld", (long long)v), v, (double)v};
    return value;
}

void json_link(struct json *container, struct json *last, struct json *child)
{
    DCHECK(container->kind == JSON_ARRAY || container->kind == JSON_OBJECT);
    struct json_children *children = &container->as.children;
    if (last == NULL) {
        DCHECK(children->first == NULL);
        children->first = child;
    } else {
        DCHECK(last->next == NULL);
        last->next = child;
    }
    children->count++;
}

/* Compares pair by pair. `seen` has a bit per class of keys, so that most keys need no comparison.
 */
static const struct json *find_duplicate_small(const struct json *object)
{
    uint64_t seen = 0;
    for (const struct json *b = object->as.children.first; b != NULL; b = b->next) {
        size_t class = b->key.n;
        if (b->key.n > 0) {
            class += (unsigned char)b->key.p[0] * 5U + (unsigned char)b->key.p[b->key.n - 1] * 11U;
        }
        uint64_t bit = 1ULL << (class % 64);
        if ((seen & bit) != 0) {
            for (const struct json *a = object->as.children.first; a != b; a = a->next) {
                if (str_eq(a->key, b->key)) {
                    return b;
                }
            }
        }
        seen |= bit;
    }
    return NULL;
}

/* A hash table with open addressing; the seed keeps senders from choosing colliding keys. */
static const struct json *find_duplicate_large(const struct json *object)
{
    size_t capacity = 64;
    while (capacity < (size_t)object->as.children.count * 2) {
        capacity *= 2;
    }
    const struct json **slots = mem_alloc_zeroed(capacity * sizeof *slots);
    const struct json *duplicate = NULL;
    uint64_t seed = random_u64();
    for (const struct json *m = object->as.children.first; m != NULL && duplicate == NULL;
         m = m->next) {
        size_t at = hash_bytes_seeded(m->key, seed) & (capacity - 1);
        while (slots[at] != NULL && !str_eq(slots[at]->key, m->key)) {
            at = (at + 1) & (capacity - 1);
        }
        if (slots[at] != NULL) {
            duplicate = m;
        }
        slots[at] = m;
    }
    mem_free(slots);
    return duplicate;
}

const struct json *json_find_duplicate(const struct json *object)
{
    return object->as.children.count <= SMALL_OBJECT ? find_duplicate_small(object)
                                                     : find_duplicate_large(object);
}

const struct json *json_get_str(const struct json *object, str key)
{
    if (object == NULL || object->kind != JSON_OBJECT) {
        return NULL;
    }
    const struct json *member = object->as.children.first;
    while (member != NULL && !str_eq(member->key, key)) {
        member = member->next;
    }
    return member;
}

const struct json *json_get(const struct json *object, const char *key)
{
    return json_get_str(object, str_from(key));
}

const struct json *json_at(const struct json *array, uint32_t index)
{
    if (array == NULL || array->kind != JSON_ARRAY) {
        return NULL;
    }
    const struct json *item = array->as.children.first;
    while (item != NULL && index > 0) {
        item = item->next;
        index--;
    }
    return item;
}

bool json_as_text(const struct json *value, str *out)
{
    if (value == NULL || value->kind != JSON_TEXT) {
        return false;
    }
    *out = value->as.text;
    return true;
}

bool json_as_bool(const struct json *value, bool *out)
{
    if (value == NULL || value->kind != JSON_BOOL) {
        return false;
    }
    *out = value->as.boolean;
    return true;
}

bool json_as_i64(const struct json *value, int64_t *out)
{
    if (value == NULL || value->kind != JSON_NUMBER || !value->is_integer) {
        return false;
    }
    *out = value->as.number.integer;
    return true;
}

bool json_as_u64(const struct json *value, uint64_t *out)
{
    if (value == NULL || value->kind != JSON_NUMBER) {
        return false;
    }
    if (value->is_integer && value->as.number.integer >= 0) {
        *out = (uint64_t)value->as.number.integer;
        return true;
    }
    return str_to_u64(value->as.number.raw, out); /* above INT64_MAX, or not whole */
}

bool json_as_double(const struct json *value, double *out)
{
    if (value == NULL || value->kind != JSON_NUMBER) {
        return false;
    }
    *out = value->as.number.real;
    return true;
}

bool json_is_null(const struct json *value)
{
    return value != NULL && value->kind == JSON_NULL;
}

void json_append(struct buf *out, const struct json *value)
{
    switch (value->kind) {
    case JSON_NULL:
        buf_append_str(out, STR_LIT("null"));
        return;
    case JSON_BOOL:
        buf_append_str(out, value->as.boolean ? STR_LIT("true") : STR_LIT("false"));
        return;
    case JSON_NUMBER:
        buf_append_str(out, value->as.number.raw);
        return;
    case JSON_TEXT:
        json_append_text(out, value->as.text);
        return;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    bool is_object = value->kind == JSON_OBJECT;
    char before = is_object ? '{' : '[';
    for (const struct json *child = value->as.children.first; child != NULL; child = child->next) {
        buf_append_byte(out, (uint8_t)before);
        if (is_object) {
            json_append_text(out, child->key);
            buf_append_byte(out, ':');
        }
        json_append(out, child);
        before = ',';
    }
    if (value->as.children.first == NULL) {
        buf_append_byte(out, (uint8_t)before);
    }
    buf_append_byte(out, is_object ? '}' : ']');
}

/* --- the writer */

struct json_writer json_writer_on(struct buf *out)
{
    return (struct json_writer){.out = out};
}

static bool in_object(const struct json_writer *w)
{
    unsigned level = w->depth - 1U;
    return w->depth > 0 && (w->objects[level / 64] >> (level % 64) & 1) != 0;
}

struct buf *json_write_raw_begin(struct json_writer *w)
{
    DCHECK(in_object(w) == w->is_after_key);
    DCHECK(w->depth > 0 || !w->has_before);
    if (w->has_before && !w->is_after_key) {
        buf_append_byte(w->out, ',');
    }
    w->has_before = true;
    w->is_after_key = false;
    return w->out;
}

static void container_begin(struct json_writer *w, char open, bool is_object)
{
    buf_append_byte(json_write_raw_begin(w), (uint8_t)open);
    CHECK(w->depth < WRITER_DEPTH_MAX);
    uint64_t bit = 1ULL << (w->depth % 64);
    uint64_t *word = &w->objects[w->depth / 64];
    *word = is_object ? *word | bit : *word & ~bit;
    w->depth++;
    w->has_before = false;
}

static void container_end(struct json_writer *w, char close, bool is_object)
{
    DCHECK(w->depth > 0);
    DCHECK(in_object(w) == is_object);
    DCHECK(!w->is_after_key);
    (void)is_object;
    buf_append_byte(w->out, (uint8_t)close);
    w->depth--;
    w->has_before = true;
}

void json_write_object_begin(struct json_writer *w)
{
    container_begin(w, '{', true);
}

void json_write_object_end(struct json_writer *w)
{
    container_end(w, '}', true);
}

void json_write_array_begin(struct json_writer *w)
{
    container_begin(w, '[', false);
}

void json_write_array_end(struct json_writer *w)
{
    container_end(w, ']', false);
}

void json_write_key_str(struct json_writer *w, str key)
{
    DCHECK(in_object(w));
    DCHECK(!w->is_after_key);
    if (w->has_before) {
        buf_append_byte(w->out, ',');
    }
    json_append_text(w->out, key);
    buf_append_byte(w->out, ':');
    w->is_after_key = true;
}

void json_write_key(struct json_writer *w, const char *key)
{
    json_write_key_str(w, str_from(key));
}

void json_write_text(struct json_writer *w, str text)
{
    json_append_text(json_write_raw_begin(w), text);
}

void json_write_text_c(struct json_writer *w, const char *text)
{
    json_write_text(w, str_from(text));
}

void json_write_i64(struct json_writer *w, int64_t v)
{
    buf_append_i64_text(json_write_raw_begin(w), v);
}

void json_write_u64(struct json_writer *w, uint64_t v)
{
    buf_append_u64_text(json_write_raw_begin(w), v);
}

void json_write_bool(struct json_writer *w, bool v)
{
    buf_append_str(json_write_raw_begin(w), v ? STR_LIT("true") : STR_LIT("false"));
}

void json_write_double(struct json_writer *w, double v)
{
    if (!isfinite(v)) {
        json_write_null(w);
        return;
    }
    double_append_text(json_write_raw_begin(w), v);
}

void json_write_null(struct json_writer *w)
{
    buf_append_str(json_write_raw_begin(w), STR_LIT("null"));
}

void json_write_raw(struct json_writer *w, str value)
{
    buf_append_str(json_write_raw_begin(w), value);
}
