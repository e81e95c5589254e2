/* tests/unit/wire/msgpack_test.c -- Goal: trees become the bytes that msgpack.org describes and
 * come back; other bytes are refused, at the cost of what has come. Method: a table of bytes and
 * their JSON, every form of every length. */
#include "model/limits.h"
#include "test.h"
#include "wire/msgpack.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])
#define BYTES(literal)                                                                             \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

static const struct {
    const char *json; /* NULL: refused */
    str bytes;
    bool is_shortest; /* the bytes that we write for it */
} cases[] = {
    {"null", BYTES("\xc0"), true},
    {"false", BYTES("\xc2"), true},
    {"true", BYTES("\xc3"), true},
    {"0", BYTES("\x00"), true},
    {"127", BYTES("\x7f"), true},
    {"128", BYTES("\xcc\x80"), true},
    {"255", BYTES("\xcc\xff"), true},
    {"256", BYTES("\xcd\x01\x00"), true},
    {"65536", BYTES("\xce\x00\x01\x00\x00"), true},
    {"4294967296", BYTES("\xcf\x00\x00\x00\x01\x00\x00\x00\x00"), true},
    {"9223372036854775807", BYTES("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"), true},
    {"9223372036854775808", BYTES("\xcf\x80\x00\x00\x00\x00\x00\x00\x00"), true},
    {"18446744073709551615", BYTES("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), true},
    {"-1", BYTES("\xff"), true},
    {"-32", BYTES("\xe0"), true},
    {"-33", BYTES("\xd0\xdf"), true},
    {"-128", BYTES("\xd0\x80"), true},
    {"-129", BYTES("\xd1\xff\x7f"), true},
    {"-32769", BYTES("\xd2\xff\xff\x7f\xff"), true},
    {"-2147483649", BYTES("\xd3\xff\xff\xff\xff\x7f\xff\xff\xff"), true},
    {"-9223372036854775808", BYTES("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"), true},
    {"5", BYTES("\xcc\x05"), false},
    {"5", BYTES("\xd3\x00\x00\x00\x00\x00\x00\x00\x05"), false},
    {"1.5", BYTES("\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00"), true},
    {"0.1", BYTES("\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a"), true},
    {"-2.0", BYTES("\xcb\xc0\x00\x00\x00\x00\x00\x00\x00"), true},
    {"1.5", BYTES("\xca\x3f\xc0\x00\x00"), false},
    {"\"\"", BYTES("\xa0"), true},
    {"\"a\"",
     BYTES("\xa1"
           "a"),
     true},
    {"\"\xc3\xa9\"", BYTES("\xa2\xc3\xa9"), true},
    {"\"0123456789012345678901234567890\"",
     BYTES("\xbf"
           "0123456789012345678901234567890"),
     true},
    {"\"01234567890123456789012345678901\"",
     BYTES("\xd9\x20"
           "01234567890123456789012345678901"),
     true},
    {"\"a\"",
     BYTES("\xd9\x01"
           "a"),
     false},
    {"\"a\"",
     BYTES("\xda\x00\x01"
           "a"),
     false},
    {"\"a\"",
     BYTES("\xdb\x00\x00\x00\x01"
           "a"),
     false},
    {"[]", BYTES("\x90"), true},
    {"[1,[2]]", BYTES("\x92\x01\x91\x02"), true},
    {"[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]", BYTES("\xdc\x00\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
     true},
    {"[7]", BYTES("\xdd\x00\x00\x00\x01\x07"), false},
    {"{}", BYTES("\x80"), true},
    {"{\"compact\":true,\"schema\":0}",
     BYTES("\x82\xa7"
           "compact\xc3\xa6schema\x00"),
     true},
    {"{\"a\":1}",
     BYTES("\xde\x00\x01\xa1"
           "a\x01"),
     false},
    {"{\"a\":1}",
     BYTES("\xdf\x00\x00\x00\x01\xd9\x01"
           "a\x01"),
     false},
    {NULL, BYTES(""), false},
    {NULL, BYTES("\xc1"), false},
    {NULL, BYTES("\x01\x01"), false},
    {NULL, BYTES("\xc4\x01x"), false},
    {NULL, BYTES("\xc5\x00\x01x"), false},
    {NULL, BYTES("\xc6\x00\x00\x00\x01x"), false},
    {NULL, BYTES("\xc7\x01\x05x"), false},
    {NULL, BYTES("\xd4\x05x"), false},
    {NULL, BYTES("\xd6\xff\x00\x00\x00\x00"), false},
    {NULL, BYTES("\xca\x7f\x80\x00\x00"), false},
    {NULL, BYTES("\xca\x7f\xc0\x00\x00"), false},
    {NULL, BYTES("\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00"), false},
    {NULL, BYTES("\xcb\xff\xf8\x00\x00\x00\x00\x00\x00"), false},
    {NULL, BYTES("\xa1\xff"), false},
    {NULL, BYTES("\xa3\xed\xa0\x80"), false},
    {NULL, BYTES("\x81\x01\x01"), false},
    {NULL, BYTES("\x81\xc0\x01"), false},
    {NULL, BYTES("\x81\xc4\x01x\x01"), false},
    {NULL, BYTES("\x81\xa1\xff\x01"), false},
    {NULL, BYTES("\x82\xa1x\x01\xa1x\x02"), false},
    {NULL, BYTES("\xdd\xff\xff\xff\xff"), false},
    {NULL, BYTES("\xdf\xff\xff\xff\xff\xa0"), false},
    {NULL, BYTES("\xdb\xff\xff\xff\xffx"), false},
    {NULL, BYTES("\xdd\xff\xff\xff\xff\xdd\xff\xff\xff\xff\xdd\xff\xff\xff\xff"), false},
};

/* Reads a copy of exactly these bytes. */
static status read_exact(str bytes, struct buf *json)
{
    struct arena arena;
    arena_init(&arena);
    char *copy = mem_copy(bytes.p, bytes.n);
    const struct json *value = NULL;
    struct error err;
    status result = msgpack_read_tree((str){copy, bytes.n}, &arena, &value, &err);
    if (status_ok(result)) {
        json_append(json, value);
    } else {
        EXPECT(arena.used_bytes < 100000);
        EXPECT(err.id == ERROR_INVALID_INPUT);
    }
    mem_free(copy);
    arena_release(&arena);
    return result;
}

TEST(msgpack_read_tree_every_form_is_read_or_refused)
{
    struct buf json;
    buf_init(&json);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_clear(&json);
        status found = read_exact(cases[i].bytes, &json);
        if (cases[i].json == NULL) {
            EXPECT_STATUS(found, INVALID);
        } else {
            EXPECT_STATUS(found, OK);
            EXPECT_STR_EQ(buf_str(&json), str_from(cases[i].json));
        }
    }
    buf_release(&json);
}

TEST(msgpack_read_tree_every_cut_is_refused)
{
    struct buf json;
    buf_init(&json);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t n = 0; cases[i].json != NULL && n < cases[i].bytes.n; n++) {
            EXPECT_STATUS(read_exact((str){cases[i].bytes.p, n}, &json), INVALID);
        }
    }
    buf_release(&json);
}

static void append_packed(struct buf *out, str json)
{
    struct arena arena;
    arena_init(&arena);
    const struct json *value = NULL;
    struct error err;
    EXPECT_OK(json_parse(json, &arena, &value, &err), &err);
    msgpack_append_tree(out, value);
    arena_release(&arena);
}

TEST(msgpack_append_tree_writes_the_shortest_form)
{
    struct buf out;
    buf_init(&out);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (cases[i].json != NULL && cases[i].is_shortest) {
            buf_clear(&out);
            append_packed(&out, str_from(cases[i].json));
            EXPECT_STR_EQ(buf_str(&out), cases[i].bytes);
        }
    }
    buf_clear(&out);
    append_packed(&out, STR_LIT("1e2"));
    EXPECT_STR(buf_str(&out), "\xcb\x40\x59\x00\x00\x00\x00\x00\x00");
    buf_clear(&out);
    append_packed(&out, STR_LIT("18446744073709551616"));
    EXPECT_STR(buf_str(&out), "\xcb\x43\xf0\x00\x00\x00\x00\x00\x00");
    buf_release(&out);
}

TEST(msgpack_message_of_the_contract_keeps_names_and_order)
{
    static const char message[] =
        "{\"type\":\"change\",\"subscription_id\":\"s1\",\"change_type\":\"insert\",\"rows\":[{"
        "\"id\":"
        "\"1\",\"_seq\":\"345678901234567890\",\"ok\":true,\"score\":0.5,\"note\":null}]}";
    struct buf packed;
    struct buf json;
    buf_init(&packed);
    buf_init(&json);
    append_packed(&packed, str_from(message));
    EXPECT_STATUS(read_exact(buf_str(&packed), &json), OK);
    EXPECT_STR_EQ(buf_str(&json), str_from(message));
    buf_release(&packed);
    buf_release(&json);
}

TEST(msgpack_read_tree_nesting_is_limited)
{
    struct buf bytes;
    struct buf json;
    buf_init(&bytes);
    buf_init(&json);
    for (int i = 0; i < LIMIT_JSON_DEPTH - 1; i++) {
        buf_append_byte(&bytes, 0x91);
    }
    buf_append_byte(&bytes, 0x90);
    EXPECT_STATUS(read_exact(buf_str(&bytes), &json), OK);
    bytes.p[bytes.n - 1] = (char)0x91;
    buf_append_byte(&bytes, 0x90);
    EXPECT_STATUS(read_exact(buf_str(&bytes), &json), INVALID);
    for (int i = 0; i < 100000; i++) {
        buf_append_byte(&bytes, 0x91);
    }
    EXPECT_STATUS(read_exact(buf_str(&bytes), &json), INVALID);
    buf_release(&bytes);
    buf_release(&json);
}
