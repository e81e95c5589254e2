/* store/compact_choose.c -- see compact_choose.h. */
#include "store/compact_choose.h"

static bool is_small(const struct segment *s, const struct compact_rules *rules)
{
    return s->bytes < rules->small_bytes;
}

static bool has_expired(const struct segment *s, const struct compact_rules *rules)
{
    return s->tombstones > 0 && s->oldest_tombstone < rules->expired_before;
}

/* Is a segment worth rewriting on its own? */
static bool is_dirty(const struct segment *s, uint64_t dead, const struct compact_rules *rules)
{
    return dead * 100 > s->rows * COMPACT_DEAD_PERCENT || dead > COMPACT_DEAD_ROWS ||
           has_expired(s, rules) || (rules->is_forced && dead > 0);
}

static bool wants(const struct segment *s, uint64_t dead, const struct compact_rules *rules,
                  bool takes_small)
{
    return is_dirty(s, dead, rules) || (takes_small && is_small(s, rules)) || rules->is_forced;
}

/* Many dead rows, spread so thin that no segment is worth it alone: the one with the most. */
static void choose_deadest(const uint64_t *dead, unsigned segment_count, unsigned *first,
                           unsigned *count)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < segment_count; i++) {
        total += dead[i];
        if (dead[i] > dead[*first]) {
            *first = i;
        }
    }
    *count = total > COMPACT_DEAD_ROWS ? 1 : 0;
}

/* The longest run of neighbours that are wanted and fit into one output. */
void compact_choose(const struct segment *segments, const uint64_t *dead, unsigned segment_count,
                    const struct compact_rules *rules, unsigned *first, unsigned *count)
{
    unsigned small = 0;
    for (unsigned i = 0; i < segment_count; i++) {
        small += is_small(&segments[i], rules) ? 1 : 0;
    }
    bool takes_small = small > rules->small_count;
    *first = 0;
    *count = 0;
    for (unsigned start = 0; start < segment_count; start++) {
        uint64_t bytes = 0;
        unsigned run = 0;
        bool is_worth_it = false;
        for (unsigned i = start; i < segment_count; i++) {
            const struct segment *s = &segments[i];
            bytes += s->bytes;
            if (!wants(s, dead[i], rules, takes_small) ||
                (run > 0 && bytes > rules->output_bytes_max)) {
                break;
            }
            run++;
            is_worth_it = is_worth_it || run > 1 || is_dirty(s, dead[i], rules);
        }
        if (is_worth_it && run > *count) {
            *first = start;
            *count = run;
        }
    }
    if (*count == 0 && segment_count > 0) {
        choose_deadest(dead, segment_count, first, count);
    }
}
