/* Goal: cells look right on a terminal and cannot do anything to it.
 * Method: cells as the contract sends them; texts with control characters and wide ones. */
#include "cli/cell.h"
#include "tests/test.h"

#include <locale.h>

static void expect_cell(const char *data_type, const char *value, const char *wanted)
{
    struct arena arena;
    struct error err;
    struct buf out;
    const struct json *type;
    const struct json *cell;
    arena_init(&arena);
    buf_init(&out);
    EXPECT_OK(json_parse(str_from(data_type), &arena, &type, &err), &err);
    EXPECT_OK(json_parse(str_from(value), &arena, &cell, &err), &err);
    cell_append(&out, cell_kind_of(type), cell);
    EXPECT_STR_EQ(buf_str(&out), str_from(wanted));
    buf_release(&out);
    arena_release(&arena);
}

TEST(cell_append_shows_each_type_as_a_person_reads_it)
{
    expect_cell("\"BigInt\"", "\"9007199254740993\"", "9007199254740993");
    expect_cell("\"Timestamp\"", "1767323045678000", "2026-01-02 03:04:05.678");
    expect_cell("\"Date\"", "-1", "1969-12-31");
    expect_cell("\"Time\"", "3723000000", "01:02:03");
    expect_cell("\"Bytes\"", "[0,255,16]", "\\x00ff10");
    expect_cell("{\"Decimal\":{\"precision\":10,\"scale\":2}}", "\"-0.50\"", "-0.50");
    expect_cell("{\"Embedding\":2}", "[0.5,-1]", "[0.5,-1]");
    expect_cell("\"Json\"", "\"{\\\"a\\\":1}\"", "{\"a\":1}");
    expect_cell("\"Text\"", "null", "");
}

TEST(cell_append_timestamp_that_is_no_integer_is_shown_as_it_came)
{
    expect_cell("\"Timestamp\"", "\"soon\"", "soon");
    expect_cell("\"Timestamp\"", "1.5", "1.5");
}

TEST(cell_append_visible_leaves_no_control_character)
{
    struct buf out;
    buf_init(&out);
    cell_append_visible(&out, STR_LIT("a\n\r\t\x1b[2J\x7f\xc2\x9b"
                                      "1m\xc3\xa4"));
    EXPECT_STR(buf_str(&out), "a\\n\\r\\t\\x1b[2J\\x7f\\x9b1m\xc3\xa4");
    buf_release(&out);
}

TEST(cell_append_cut_counts_columns_and_keeps_characters_whole)
{
    struct buf out;
    EXPECT(setlocale(LC_CTYPE, "C.UTF-8") != NULL);
    EXPECT_UINT(cell_width(STR_LIT("\xe6\x97\xa5\xe6\x9c\xac"
                                   "a\xcc\x81")),
                5);
    buf_init(&out);
    cell_append_cut(&out, STR_LIT("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"), 4);
    EXPECT_STR(buf_str(&out), "\xe6\x97\xa5\xe2\x80\xa6");
    buf_clear(&out);
    cell_append_cut(&out, STR_LIT("abcd"), 4);
    EXPECT_STR(buf_str(&out), "abcd");
    buf_release(&out);
}
