/* tests/unit/wire/json_oracle_test.c -- Goal: our reader accepts what jansson accepts, with the
 * same values, and refuses what it refuses. Method: random texts of the grammar, and the same with
 * some bytes changed; both readers print a canonical form. Where jansson has limits of its own
 * (integers above int64, NUL) it has no say. */
#include "base/hash.h"
#include "test.h"
#include "tests/unit/wire/jansson_oracle.h"
#include "wire/json.h"

enum { TEXTS = 60000, MUTATIONS = 4 };

static void random_space(struct rng *rng, struct buf *out)
{
    while (rng_below(rng, 8) == 0) {
        buf_append_byte(out, (uint8_t) " \n\t\r"[rng_below(rng, 4)]);
    }
}

static void random_text(struct rng *rng, struct buf *out)
{
    static const char *const pieces[] = {"a",
                                         "b",
                                         "key",
                                         "\\n",
                                         "\\\"",
                                         "\\\\",
                                         "\\/",
                                         "\\u0041",
                                         "\\u00e9",
                                         "\\ud834\\udd1e",
                                         "\xc3\xa9",
                                         "\xe2\x82\xac",
                                         "\xf0\x9d\x84\x9e",
                                         "12345678",
                                         " ",
                                         "\\u0000",
                                         "\\u20AC"};
    buf_append_byte(out, '"');
    for (uint64_t n = rng_below(rng, 5); n > 0; n--) {
        buf_append_c(out, pieces[rng_below(rng, sizeof pieces / sizeof pieces[0])]);
    }
    buf_append_byte(out, '"');
}

static void random_number(struct rng *rng, struct buf *out)
{
    if (rng_below(rng, 2) == 0) {
        buf_append_byte(out, '-');
    }
    buf_append_u64_text(out, rng_next(rng) >> rng_below(rng, 65) % 64);
    if (rng_below(rng, 3) == 0) {
        buf_append_byte(out, '.');
        buf_append_format(out, "%03u", (unsigned)rng_below(rng, 1000));
    }
    if (rng_below(rng, 3) == 0) {
        buf_append_byte(out, rng_below(rng, 2) == 0 ? 'e' : 'E');
        buf_append_c(out, rng_below(rng, 2) == 0 ? "-" : rng_below(rng, 2) == 0 ? "+" : "");
        buf_append_u64_text(out, rng_below(rng, rng_below(rng, 8) == 0 ? 400 : 30));
    }
}

static void random_value(struct rng *rng, struct buf *out, unsigned depth)
{
    random_space(rng, out);
    switch (rng_below(rng, depth < 5 ? 10 : 6)) {
    case 0:
        buf_append_c(out, "null");
        break;
    case 1:
        buf_append_c(out, rng_below(rng, 2) == 0 ? "true" : "false");
        break;
    case 2:
    case 3:
        random_text(rng, out);
        break;
    case 4:
    case 5:
        random_number(rng, out);
        break;
    case 6:
    case 7:
        buf_append_byte(out, '[');
        for (uint64_t i = 0, n = rng_below(rng, 5); i < n; i++) {
            buf_append_c(out, i > 0 ? "," : "");
            random_value(rng, out, depth + 1);
        }
        buf_append_byte(out, ']');
        break;
    default:
        buf_append_byte(out, '{');
        for (uint64_t i = 0, n = rng_below(rng, 5); i < n; i++) {
            buf_append_c(out, i > 0 ? "," : "");
            random_space(rng, out);
            random_text(rng, out);
            random_space(rng, out);
            buf_append_byte(out, ':');
            random_value(rng, out, depth + 1);
        }
        buf_append_byte(out, '}');
    }
    random_space(rng, out);
}

/* Changes, removes or inserts one byte. */
static void mutate(struct rng *rng, struct buf *text)
{
    static const char interesting[] =
        "{}[]\",:\\0123456789-+.eEtfnu \n\t\x01\x7f\x80\xbf\xc2\xe2\xed\xf4";
    char byte = rng_below(rng, 4) == 0 ? (char)rng_next(rng)
                                       : interesting[rng_below(rng, sizeof interesting)];
    size_t at = (size_t)rng_below(rng, text->n + 1);
    if (at < text->n && rng_below(rng, 3) == 0) {
        text->p[at] = byte;
    } else if (at < text->n && rng_below(rng, 2) == 0) {
        memmove(text->p + at, text->p + at + 1, text->n - at - 1);
        text->n--;
    } else {
        buf_append_byte(text, 0);
        memmove(text->p + at + 1, text->p + at, text->n - at - 1);
        text->p[at] = byte;
    }
}

static void append_canonical(struct buf *out, const struct json *value);

static void append_children(struct buf *out, const struct json *value)
{
    for (const struct json *c = value->as.children.first; c != NULL; c = c->next) {
        if (value->kind == JSON_OBJECT) {
            buf_append_format(out, "s%zu:", c->key.n);
            buf_append_str(out, c->key);
        }
        append_canonical(out, c);
    }
}

static void append_canonical(struct buf *out, const struct json *value)
{
    switch (value->kind) {
    case JSON_NULL:
        buf_append_byte(out, 'n');
        return;
    case JSON_BOOL:
        buf_append_byte(out, value->as.boolean ? 't' : 'f');
        return;
    case JSON_NUMBER:
        if (value->is_integer) {
            buf_append_format(out, "i%lld;", (long long)value->as.number.integer);
        } else {
            buf_append_format(out, "r%.17g;", value->as.number.real);
        }
        return;
    case JSON_TEXT:
        buf_append_format(out, "s%zu:", value->as.text.n);
        buf_append_str(out, value->as.text);
        return;
    case JSON_ARRAY:
    case JSON_OBJECT:
        buf_append_byte(out, value->kind == JSON_ARRAY ? '[' : '{');
        append_children(out, value);
        buf_append_byte(out, value->kind == JSON_ARRAY ? ']' : '}');
        return;
    }
}

struct tally {
    unsigned accepted;
    unsigned refused;
};

/* Also: what was read, printed and read again, is the same. */
static void compare(str text, struct arena *arena, struct tally *tally)
{
    struct buf wanted;
    struct buf found;
    struct buf printed;
    buf_init(&wanted);
    buf_init(&found);
    buf_init(&printed);
    char *copy = mem_copy(text.p, text.n); /* of the exact size: a read past its end is seen */
    struct error err;
    error_clear(&err);
    const struct json *value = NULL;
    bool is_accepted = status_ok(json_parse((str){copy, text.n}, arena, &value, &err));
    enum oracle_verdict verdict = oracle_read((str){copy, text.n}, &wanted);
    if (verdict != ORACLE_CANNOT_SAY && is_accepted != (verdict == ORACLE_ACCEPTS)) {
        test_fail(__FILE__, __LINE__, "%s, but the oracle does not agree: " STR_FMT,
                  is_accepted ? "accepted" : err.text, STR(text));
    }
    if (is_accepted) {
        tally->accepted++;
        append_canonical(&found, value);
        if (verdict == ORACLE_ACCEPTS) {
            EXPECT_STR_EQ(buf_str(&found), buf_str(&wanted));
        }
        json_append(&printed, value);
        const struct json *again = NULL;
        EXPECT_OK(json_parse(buf_str(&printed), arena, &again, &err), &err);
        buf_clear(&wanted);
        append_canonical(&wanted, again);
        EXPECT_STR_EQ(buf_str(&wanted), buf_str(&found));
    } else {
        tally->refused++;
    }
    mem_free(copy);
    buf_release(&wanted);
    buf_release(&found);
    buf_release(&printed);
    arena_reset(arena);
}

TEST(json_parse_random_texts_are_read_as_jansson_reads_them)
{
    if (!oracle_open()) {
        SKIP("libjansson.so.4 is not installed");
    }
    struct rng rng;
    rng_init(&rng, 20260102);
    struct arena arena;
    arena_init(&arena);
    struct buf text;
    buf_init(&text);
    struct tally tally = {0};
    for (int i = 0; i < TEXTS; i++) {
        buf_clear(&text);
        random_value(&rng, &text, 0);
        compare(buf_str(&text), &arena, &tally);
        for (int m = 0; m < MUTATIONS; m++) {
            mutate(&rng, &text);
            compare(buf_str(&text), &arena, &tally);
        }
    }
    EXPECT(tally.accepted > TEXTS / 2);
    EXPECT(tally.refused > TEXTS);
    buf_release(&text);
    arena_release(&arena);
}
