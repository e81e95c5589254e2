/* tests/unit/store/parquet_tail_test.c -- Goal: filters are put into a footer and nothing else in
 * it changes; what is no footer is refused. Method: footers that DuckDB wrote (the fuzzer's
 * corpus), one of them with filters of its own; bytes cut and changed. */
#include "base/fs.h"
#include "store/parquet_tail.h"
#include "test.h"

static str corpus(struct arena *arena, const char *name)
{
    str whole = {0};
    struct error err;
    str path = arena_format(arena, "tests/fuzz/corpus/parquet_tail/%s", name);
    EXPECT_OK(fs_read(path.p, 1 << 20, arena, &whole, &err), &err);
    return str_skip(whole, 1);
}

TEST(parquet_footer_parse_knows_columns_groups_and_filters)
{
    struct arena arena;
    struct parquet_footer f;
    struct error err;
    arena_init(&arena);
    EXPECT_OK(parquet_footer_parse(corpus(&arena, "plain"), &arena, &f, &err), &err);
    EXPECT_UINT(f.leaf_count, 7); /* a b c d e, f's element, g */
    EXPECT_UINT(f.group_count, 1);
    EXPECT_UINT(f.group_rows[0], 1);
    EXPECT_INT(parquet_find_leaf(&f, 3), 2);
    EXPECT_INT(parquet_find_leaf(&f, 6), -1);
    static const enum parquet_meaning meanings[] = {
        PARQUET_INTEGER,      PARQUET_TEXT,  PARQUET_INTEGER, PARQUET_INTEGER,
        PARQUET_TIMESTAMP_US, PARQUET_OTHER, PARQUET_OTHER};
    for (unsigned i = 0; i < f.leaf_count; i++) {
        EXPECT_INT(f.leaves[i].meaning, meanings[i]);
        EXPECT_UINT(f.filters[i].length, 0);
    }
    EXPECT_OK(parquet_footer_parse(corpus(&arena, "filters"), &arena, &f, &err), &err);
    EXPECT_UINT(f.group_count, 3);
    unsigned filters = 0;
    for (unsigned i = 0; i < f.group_count * f.leaf_count; i++) {
        filters += f.filters[i].length > 0 ? 1 : 0;
    }
    EXPECT(filters > 0);
    arena_release(&arena);
}

TEST(parquet_footer_append_changes_the_filters_alone)
{
    static const char *const names[] = {"plain", "filters"};
    struct arena arena;
    struct buf with;
    struct buf without;
    struct error err;
    arena_init(&arena);
    buf_init(&with);
    buf_init(&without);
    for (unsigned n = 0; n < 2; n++) {
        struct parquet_footer f;
        str old = corpus(&arena, names[n]);
        EXPECT_OK(parquet_footer_parse(old, &arena, &f, &err), &err);
        unsigned cells = f.group_count * f.leaf_count;
        struct parquet_filter *before = ARENA_ARRAY(&arena, struct parquet_filter, cells);
        memcpy(before, f.filters, cells * sizeof *before);
        for (unsigned i = 0; i < cells; i++) {
            f.filters[i] = (struct parquet_filter){123456789 + i, 47 + i};
        }
        buf_clear(&with);
        EXPECT_OK(parquet_footer_append(&with, &f, &err), &err);
        EXPECT_STR(str_skip(buf_str(&with), with.n - 4), "PAR1");
        uint64_t length = 0;
        EXPECT_OK(parquet_footer_length(str_skip(buf_str(&with), with.n - 8), &length, &err), &err);
        EXPECT_UINT(length, with.n - 8);
        /* and back again: what the old one named */
        EXPECT_OK(
            parquet_footer_parse(str_slice(buf_str(&with), 0, (size_t)length), &arena, &f, &err),
            &err);
        EXPECT_UINT(f.filters[cells - 1].offset, 123456789 + cells - 1);
        EXPECT_UINT(f.filters[cells - 1].length, 47 + cells - 1);
        memcpy(f.filters, before, cells * sizeof *before);
        buf_clear(&without);
        EXPECT_OK(parquet_footer_append(&without, &f, &err), &err);
        EXPECT_STR_EQ(str_slice(buf_str(&without), 0, without.n - 8), old);
    }
    buf_release(&with);
    buf_release(&without);
    arena_release(&arena);
}

TEST(parquet_footer_parse_of_a_cut_footer_fails)
{
    struct arena arena;
    arena_init(&arena);
    str whole = corpus(&arena, "filters");
    for (size_t n = 0; n < whole.n; n++) {
        struct parquet_footer f;
        struct error err;
        EXPECT_STATUS(parquet_footer_parse(str_slice(whole, 0, n), &arena, &f, &err), CORRUPT);
    }
    uint64_t length = 0;
    struct error err;
    EXPECT_STATUS(parquet_footer_length(STR_LIT("\x10\0\0\0PARE"), &length, &err), CORRUPT);
    arena_release(&arena);
}

TEST(parquet_filter_open_takes_what_append_wrote_and_nothing_else)
{
    uint8_t bits[64];
    memset(bits, 0xa5, sizeof bits);
    struct buf out;
    struct error err;
    str found = {0};
    buf_init(&out);
    parquet_filter_append(&out, bits, sizeof bits);
    EXPECT_OK(parquet_filter_open(buf_str(&out), &found, &err), &err);
    EXPECT_STR_EQ(found, str_of((const char *)bits, sizeof bits));
    for (size_t n = 0; n < out.n; n++) {
        EXPECT_STATUS(parquet_filter_open(str_of(out.p, n), &found, &err), CORRUPT);
    }
    /* numBytes 0, 31, double; another algorithm: the damages that make readers lose rows */
    static const struct {
        size_t at;
        char byte;
    } damages[] = {{1, 0}, {1, 62}, {2, 2}, {4, 0x2c}, {8, 0x2c}, {12, 0x2c}};
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        char kept = out.p[damages[i].at];
        out.p[damages[i].at] = damages[i].byte;
        EXPECT_STATUS(parquet_filter_open(buf_str(&out), &found, &err), CORRUPT);
        out.p[damages[i].at] = kept;
    }
    buf_release(&out);
}
