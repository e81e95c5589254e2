/* tests/unit/store/compact_choose_test.c -- Goal: the triggers of the design, and neighbours only.
 * Method: manifests written down by hand. */
#include "test.h"
#include "store/compact_choose.h"

enum { SEGMENTS_MAX = 12 };

static const struct compact_rules rules = {
    .small_bytes = 100, .small_count = 8, .output_bytes_max = 1000};

static void fill(struct segment *segments, uint64_t *dead, unsigned count, uint64_t bytes)
{
    for (unsigned i = 0; i < count; i++) {
        segments[i] = (struct segment){.number = i, .rows = 1000, .bytes = bytes};
        dead[i] = 0;
    }
}

static void expect_run(const struct segment *segments, const uint64_t *dead, unsigned n,
                       const struct compact_rules *r, unsigned first, unsigned count)
{
    unsigned found_first = 0;
    unsigned found_count = 0;
    compact_choose(segments, dead, n, r, &found_first, &found_count);
    EXPECT_UINT(found_count, count);
    if (count > 0) {
        EXPECT_UINT(found_first, first);
    }
}

TEST(compact_choose_of_clean_segments_takes_none)
{
    struct segment s[SEGMENTS_MAX];
    uint64_t dead[SEGMENTS_MAX];
    fill(s, dead, 8, 50); /* eight small ones are allowed */
    expect_run(s, dead, 8, &rules, 0, 0);
    fill(s, dead, 12, 500);
    expect_run(s, dead, 12, &rules, 0, 0);
    expect_run(s, dead, 0, &rules, 0, 0);
}

TEST(compact_choose_of_nine_small_segments_takes_them_all)
{
    struct segment s[SEGMENTS_MAX];
    uint64_t dead[SEGMENTS_MAX];
    fill(s, dead, 9, 50);
    expect_run(s, dead, 9, &rules, 0, 9);
}

TEST(compact_choose_never_jumps_over_a_neighbour)
{
    struct segment s[SEGMENTS_MAX];
    uint64_t dead[SEGMENTS_MAX];
    fill(s, dead, 12, 50);
    s[4].bytes = 500; /* a big one between the small ones */
    expect_run(s, dead, 12, &rules, 5, 7);
}

TEST(compact_choose_of_more_than_ten_percent_dead_takes_the_segment)
{
    struct segment s[SEGMENTS_MAX];
    uint64_t dead[SEGMENTS_MAX];
    fill(s, dead, 3, 500);
    dead[1] = 100;
    expect_run(s, dead, 3, &rules, 0, 0);
    dead[1] = 101;
    expect_run(s, dead, 3, &rules, 1, 1);
}

TEST(compact_choose_of_many_dead_takes_the_segment_whatever_its_size)
{
    struct segment s[SEGMENTS_MAX];
    uint64_t dead[SEGMENTS_MAX];
    fill(s, dead, 2, 500);
    s[0].rows = 10000000;
    dead[0] = COMPACT_DEAD_ROWS + 1;
    expect_run(s, dead, 2, &rules, 0, 1);
}

TEST(compact_choose_of_an_expired_tombstone_takes_the_segment)
{
    struct segment s[SEGMENTS_MAX];
    uint64_t dead[SEGMENTS_MAX];
    struct compact_rules r = rules;
    fill(s, dead, 2, 500);
    s[1].tombstones = 1;
    s[1].oldest_tombstone = 50;
    expect_run(s, dead, 2, &r, 0, 0);
    r.expired_before = 50;
    expect_run(s, dead, 2, &r, 0, 0);
    r.expired_before = 51;
    expect_run(s, dead, 2, &r, 1, 1);
}

TEST(compact_choose_stops_at_the_size_of_one_output)
{
    struct segment s[SEGMENTS_MAX];
    uint64_t dead[SEGMENTS_MAX];
    struct compact_rules r = rules;
    r.is_forced = true;
    fill(s, dead, 12, 300);
    expect_run(s, dead, 12, &r, 0, 3); /* 900 of 1000 */
    fill(s, dead, 1, 300);
    expect_run(s, dead, 1, &r, 0, 0); /* alone and clean: nothing to gain */
    dead[0] = 1;
    expect_run(s, dead, 1, &r, 0, 1);
}

TEST(compact_choose_of_many_dead_spread_thin_takes_the_deadest_segment)
{
    struct segment s[SEGMENTS_MAX];
    uint64_t dead[SEGMENTS_MAX];
    fill(s, dead, 4, 500);
    for (unsigned i = 0; i < 4; i++) {
        s[i].rows = 1000000;
        dead[i] = 12000 + (i == 2 ? 10000 : 0);
    }
    expect_run(s, dead, 4, &rules, 2, 1); /* 58,000 in all */
    dead[2] = 12000;
    expect_run(s, dead, 4, &rules, 0, 0); /* 48,000 */
}
