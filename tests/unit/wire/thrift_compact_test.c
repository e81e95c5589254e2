/* tests/unit/wire/thrift_compact_test.c -- Goal: what is written is read back, every kind of value
 * is stepped over and copied as it is, and a structure that is cut anywhere is refused. Method: one
 * structure with all types, ids far apart and nested containers; its bytes by the protocol's text.
 */
#include "test.h"
#include "wire/thrift_compact.h"

/* 1: true, 2: i32 -3, 20: "ab", 21: list<i64> of 16, 22: map<binary,byte>, 23: double, 24: struct
 * {1: byte, 300: uuid}, 25: list<bool>. */
static void write_all_types(struct buf *out)
{
    int16_t last = 0;
    thrift_put_field(out, &last, THRIFT_TRUE, 1);
    thrift_put_field(out, &last, THRIFT_I32, 2);
    thrift_put_integer(out, -3);
    thrift_put_field(out, &last, THRIFT_BINARY, 20);
    buf_append(out,
               "\x02"
               "ab",
               3);
    thrift_put_field(out, &last, THRIFT_LIST, 21);
    thrift_put_list(out, THRIFT_I64, 16);
    for (int64_t i = 0; i < 16; i++) {
        thrift_put_integer(out, i % 2 == 0 ? INT64_MIN + i : INT64_MAX - i);
    }
    thrift_put_field(out, &last, THRIFT_MAP, 22);
    buf_append(out, "\x01\x83\x01k\x07", 5);
    thrift_put_field(out, &last, THRIFT_DOUBLE, 23);
    buf_append(out, "12345678", 8);
    thrift_put_field(out, &last, THRIFT_STRUCT, 24);
    int16_t inner = 0;
    thrift_put_field(out, &inner, THRIFT_BYTE, 1);
    buf_append_byte(out, 9);
    thrift_put_field(out, &inner, THRIFT_UUID, 300);
    buf_append(out, "0123456789abcdef", 16);
    thrift_put_stop(out);
    thrift_put_field(out, &last, THRIFT_LIST, 25);
    thrift_put_list(out, THRIFT_TRUE, 2);
    buf_append(out, "\x01\x02", 2);
    thrift_put_stop(out);
}

TEST(thrift_values_of_all_types_are_read_back)
{
    struct buf out;
    buf_init(&out);
    write_all_types(&out);
    struct reader r = reader_from(buf_str(&out));
    struct thrift_field f = {0};
    int64_t v = 0;
    EXPECT(thrift_next(&r, &f) && f.id == 1 && f.type == THRIFT_TRUE);
    EXPECT(thrift_next(&r, &f) && f.id == 2 && thrift_get_integer(&r, f, &v) && v == -3);
    EXPECT(thrift_next(&r, &f) && f.id == 20);
    EXPECT_STR(thrift_binary(&r), "ab");
    EXPECT(thrift_next(&r, &f) && f.id == 21);
    uint8_t type = 0;
    EXPECT_UINT(thrift_list(&r, &type), 16);
    EXPECT_UINT(type, THRIFT_I64);
    for (int64_t i = 0; i < 16; i++) {
        EXPECT_INT(thrift_integer(&r), i % 2 == 0 ? INT64_MIN + i : INT64_MAX - i);
    }
    EXPECT(thrift_next(&r, &f) && f.id == 22 && !thrift_get_integer(&r, f, &v) && v == -3);
    for (int id = 23; id <= 25; id++) {
        EXPECT(thrift_next(&r, &f) && f.id == id);
        thrift_skip(&r, f.type);
    }
    EXPECT(!thrift_next(&r, &f));
    EXPECT(reader_done(&r));
    buf_release(&out);
}

TEST(thrift_copy_gives_the_same_bytes)
{
    struct buf out;
    struct buf copy;
    buf_init(&out);
    buf_init(&copy);
    write_all_types(&out);
    struct reader r = reader_from(buf_str(&out));
    thrift_copy(&r, THRIFT_STRUCT, &copy);
    EXPECT(reader_done(&r));
    EXPECT_STR_EQ(buf_str(&copy), buf_str(&out));
    buf_release(&copy);
    buf_release(&out);
}

TEST(thrift_skip_of_a_structure_cut_anywhere_fails)
{
    struct buf out;
    buf_init(&out);
    write_all_types(&out);
    for (size_t n = 0; n < out.n; n++) {
        struct reader r = reader_from(str_of(out.p, n));
        thrift_skip(&r, THRIFT_STRUCT);
        EXPECT(!reader_ok(&r));
    }
    buf_release(&out);
}

TEST(thrift_skip_of_too_deep_nesting_and_of_long_numbers_fails)
{
    char deep[200];
    memset(deep, 0x1c, sizeof deep); /* a structure in a structure ... */
    struct reader r = reader_from(str_of(deep, sizeof deep));
    thrift_skip(&r, THRIFT_STRUCT);
    EXPECT(!reader_ok(&r));
    r = reader_from(STR_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"));
    EXPECT_INT(thrift_integer(&r), 0);
    EXPECT(!reader_ok(&r));
    r = reader_from(STR_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    EXPECT_INT(thrift_integer(&r), INT64_MIN);
    EXPECT(reader_done(&r));
    uint8_t type = 0;
    r = reader_from(STR_LIT("\xf6\xff\xff\xff\xff\x0f")); /* four thousand million items */
    EXPECT_UINT(thrift_list(&r, &type), 0);
    EXPECT(!reader_ok(&r));
}
