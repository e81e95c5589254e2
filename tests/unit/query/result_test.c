/* tests/unit/query/result_test.c -- Goal: RESULT objects have exactly the keys, order and cells of
 * the contract (http-ws.md sections 2.4 to 2.7), and large ones are handed on. Method: write them
 * and compare the bytes. */
#include "query/result.h"
#include "test.h"

static struct buf out;
static struct error err;

static struct results begin(bool is_batch)
{
    buf_init(&out);
    return (struct results){.out = &out, .is_batch = is_batch};
}

static const struct result_column columns[] = {
    {.name = {"id", 2}, .type = {.id = TYPE_BIGINT}, .is_primary_key = true, .is_not_null = true},
    {.name = {"n\"m", 3}, .type = {.id = TYPE_INT}, .is_not_null = true},
    {.name = {"d", 1}, .type = {.id = TYPE_DECIMAL, .precision = 10, .scale = 2}},
    {.name = {"e", 1}, .type = {.id = TYPE_EMBEDDING, .dimension = 2}},
    {.name = {"raw", 3}, .type = {.id = TYPE_JSON}, .is_raw_json = true, .is_unique = true},
    {.name = {"u", 1}, .type = {.id = TYPE_BIGINT}, .is_wire_text = true},
    {.name = {"hash", 4}, .type = {.id = TYPE_TEXT}, .is_masked = true}};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

TEST(result_of_rows_has_schema_rows_count_and_user)
{
    struct results r = begin(false);
    float floats[2] = {1.0F, -2.5F};
    struct value row[COLUMNS] = {
        value_int(TYPE_BIGINT, 5),
        value_int(TYPE_INT, -7),
        {.type = columns[2].type, .as.decimal = -5},
        {.type = columns[3].type, .as.text = str_of(floats, sizeof floats)},
        value_text(STR_LIT("[1,{\"a\":2}]")),
        value_int(TYPE_BIGINT, 9),
        value_text(STR_LIT("secret"))};
    struct value nulls[COLUMNS];
    for (unsigned i = 0; i < COLUMNS; i++) {
        nulls[i] = value_null(columns[i].type);
    }
    result_begin_rows(&r, columns, COLUMNS);
    EXPECT_OK(result_row(&r, row, &err), &err);
    EXPECT_OK(result_row(&r, nulls, &err), &err);
    result_end_rows(&r, STR_LIT("al\"ice"));
    EXPECT_STR(
        buf_str(&out),
        "{\"schema\":[{\"name\":\"id\",\"data_type\":\"BigInt\",\"index\":0,\"flags\":[\"pk\","
        "\"nn\",\"uq\"]},{\"name\":\"n\\\"m\",\"data_type\":\"Int\",\"index\":1,\"flags\":[\"nn\"]"
        "},{\"name\":\"d\",\"data_type\":{\"Decimal\":{\"precision\":10,\"scale\":2}},\"index\":2}"
        ",{\"name\":\"e\",\"data_type\":{\"Embedding\":2},\"index\":3},{\"name\":\"raw\","
        "\"data_type\":\"Json\",\"index\":4,\"flags\":[\"uq\"]},{\"name\":\"u\",\"data_type\":"
        "\"Text\",\"index\":5},"
        "{\"name\":\"hash\",\"data_type\":\"Text\",\"index\":6}],\"rows\":[[\"5\",-7,\"-0.05\","
        "[1.0,-2.5],[1,{\"a\":2}],\"9\",\"***\"],[null,null,null,null,null,null,null]],"
        "\"row_count\":2,\"as_user\":\"al\\\"ice\"}");
    EXPECT(r.is_single_rows);
    buf_release(&out);
}

TEST(result_that_was_cut_says_so)
{
    struct results r = begin(false);
    result_begin_rows(&r, columns, 1);
    r.was_truncated = true;
    result_end_rows(&r, STR_LIT("a"));
    EXPECT(str_ends_with(
        buf_str(&out),
        STR_LIT("\"rows\":[],\"row_count\":0,\"truncated\":true,\"as_user\":\"a\"}")));
    buf_release(&out);
}

TEST(result_of_a_value_that_json_cannot_say_is_an_error)
{
    struct results r = begin(false);
    const struct result_column column = {.name = {"x", 1}, .type = {.id = TYPE_DOUBLE}};
    struct value nan = value_double(__builtin_nan(""));
    result_begin_rows(&r, &column, 1);
    EXPECT(!status_ok(result_row(&r, &nan, &err)));
    buf_release(&out);
}

TEST(result_of_a_message_has_count_message_and_user)
{
    struct results r = begin(false);
    result_message(&r, 3, STR_LIT("Inserted 3 row(s)"), STR_LIT("a"));
    result_message(&r, 0, STR_LIT("x\ny"), STR_LIT("b"));
    EXPECT_STR(buf_str(&out),
               "{\"row_count\":3,\"message\":\"Inserted 3 row(s)\",\"as_user\":\"a\"},"
               "{\"row_count\":0,\"message\":\"x\\ny\",\"as_user\":\"b\"}");
    EXPECT(!r.is_single_rows);
    buf_release(&out);
}

TEST(result_of_one_write_comes_at_once_even_of_no_row)
{
    struct results r = begin(false);
    result_dml(&r, RESULT_UPDATED, 0, STR_LIT("a"));
    result_end_batch(&r, STR_LIT("a"));
    EXPECT_STR(buf_str(&out),
               "{\"row_count\":0,\"message\":\"Updated 0 row(s)\",\"as_user\":\"a\"}");
    buf_release(&out);
}

TEST(result_of_a_batch_sums_up_writes_in_the_contracts_order)
{
    struct results r = begin(true);
    result_dml(&r, RESULT_DELETED, 2, STR_LIT("target"));
    result_dml(&r, RESULT_INSERTED, 1, STR_LIT("target"));
    result_dml(&r, RESULT_UPDATED, 0, STR_LIT("a"));
    result_dml(&r, RESULT_INSERTED, 4, STR_LIT("a"));
    EXPECT_UINT(out.n, 0);
    result_end_batch(&r, STR_LIT("caller"));
    EXPECT_STR(buf_str(&out),
               "{\"row_count\":5,\"message\":\"Inserted 5 row(s)\",\"as_user\":\"caller\"},"
               "{\"row_count\":2,\"message\":\"Deleted 2 row(s)\",\"as_user\":\"caller\"}");
    buf_release(&out);
}

struct flushed {
    size_t bytes;
    unsigned count;
};

static status take_flush(void *context, struct error *unused)
{
    (void)unused;
    struct flushed *flushed = context;
    flushed->bytes += out.n;
    flushed->count++;
    buf_clear(&out);
    return STATUS_IS_OK;
}

TEST(result_above_a_mebibyte_is_handed_on_between_rows)
{
    struct results r = begin(false);
    struct flushed flushed = {0, 0};
    r.flush = take_flush;
    r.flush_context = &flushed;
    char *text = mem_alloc(100000);
    memset(text, 'x', 100000);
    struct value row = value_text(str_of(text, 100000));
    const struct result_column column = {.name = {"x", 1}, .type = {.id = TYPE_TEXT}};
    result_begin_rows(&r, &column, 1);
    for (int i = 0; i < 25; i++) {
        EXPECT_OK(result_row(&r, &row, &err), &err);
    }
    result_end_rows(&r, STR_LIT("a"));
    EXPECT_UINT(flushed.count, 2);
    EXPECT_UINT(r.flush_count, 2);
    EXPECT(flushed.bytes + out.n > 2500000);
    EXPECT(out.n < RESULT_FLUSH_BYTES);
    mem_free(text);
    buf_release(&out);
}
