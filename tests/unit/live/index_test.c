/* tests/unit/live/index_test.c -- Goal: a row meets the filters that may match it and no others. */
#include "live/index.h"
#include "base/hash.h"
#include "model/key.h"
#include "model/limits.h"
#include "test.h"

enum { PLACES = 300 };

struct visit {
    unsigned count; /* of places */
    const struct index_place *first;
};

static void count_places(void *context, const struct index_bucket *bucket)
{
    struct visit *visit = context;
    EXPECT(bucket->count > 0);
    visit->count += (unsigned)bucket->count;
    visit->first = bucket->places[0];
}

static void add(struct index *index, unsigned column, int64_t value, struct index_place *place)
{
    struct buf key;
    struct value v = value_int(TYPE_BIGINT, value);
    buf_init(&key);
    EXPECT(status_ok(key_encode(&key, &v, NULL)));
    index_add(index, column, buf_str(&key), place);
    buf_release(&key);
}

static struct visit find(struct index *index, int64_t a, int64_t b)
{
    struct visit visit = {0};
    const struct value values[] = {value_int(TYPE_BIGINT, a), value_int(TYPE_BIGINT, b)};
    index_find(index, values, NULL, count_places, &visit);
    return visit;
}

TEST(index_find_gives_only_places_of_the_value)
{
    struct index index;
    struct index_place places[PLACES];
    index_init(&index);
    for (int i = 0; i < PLACES; i++) {
        add(&index, 0, i, &places[i]);
    }
    struct visit visit = find(&index, 7, 0);
    EXPECT_INT(visit.count, 1);
    EXPECT(visit.first == &places[7]);
    EXPECT_INT(find(&index, PLACES, 0).count, 0);
    for (int i = 0; i < PLACES; i++) {
        index_remove(&index, &places[i]);
    }
    EXPECT_INT(find(&index, 7, 0).count, 0);
    index_release(&index);
}

TEST(index_find_asks_the_rest_and_every_column)
{
    struct index index;
    struct index_place by_a, by_b, rest;
    index_init(&index);
    add(&index, 0, 1, &by_a);
    add(&index, 1, 2, &by_b);
    index_add_rest(&index, &rest);
    EXPECT_INT(find(&index, 1, 2).count, 3);
    EXPECT_INT(find(&index, 1, 3).count, 2);
    EXPECT_INT(find(&index, 2, 1).count, 1);
    index_remove(&index, &by_a);
    EXPECT_INT(find(&index, 1, 2).count, 2);
    index_remove(&index, &by_b);
    index_remove(&index, &rest);
    index_release(&index);
}

TEST(index_find_with_an_image_before_asks_both_values_once)
{
    struct index index;
    struct index_place one, two;
    struct visit visit = {0};
    index_init(&index);
    add(&index, 0, 1, &one);
    add(&index, 0, 2, &two);
    const struct value now[] = {value_int(TYPE_BIGINT, 1)};
    const struct value before[] = {value_int(TYPE_BIGINT, 2)};
    index_find(&index, now, before, count_places, &visit);
    EXPECT_INT(visit.count, 2);
    visit.count = 0;
    index_find(&index, now, now, count_places, &visit);
    EXPECT_INT(visit.count, 1);
    index_remove(&index, &one);
    index_remove(&index, &two);
    index_release(&index);
}

TEST(index_null_and_overlong_values_match_no_constant)
{
    struct index index;
    struct index_place place;
    struct visit visit = {0};
    static char text[LIMIT_KEY_BYTES + 1];
    memset(text, 'x', sizeof text);
    index_init(&index);
    index_add(&index, 0, STR_LIT("x"), &place);
    const struct value values[] = {value_text(str_of(text, sizeof text))};
    index_find(&index, values, NULL, count_places, &visit);
    const struct value null[] = {value_null(type_of(TYPE_TEXT))};
    index_find(&index, null, NULL, count_places, &visit);
    EXPECT_INT(visit.count, 0);
    const struct value x[] = {value_text(STR_LIT("x"))};
    index_find(&index, x, NULL, count_places, &visit);
    EXPECT_INT(visit.count, 1);
    index_remove(&index, &place);
    index_release(&index);
}

TEST(index_random_adds_and_removes_keep_every_place_findable)
{
    struct index index;
    struct index_place places[PLACES] = {0};
    bool is_in[PLACES] = {false};
    unsigned in_bucket[10] = {0};
    struct rng rng;
    rng_init(&rng, 7);
    index_init(&index);
    for (int step = 0; step < 20000; step++) {
        unsigned i = (unsigned)rng_below(&rng, PLACES);
        int64_t value = (int64_t)(i % 10);
        if (is_in[i]) {
            index_remove(&index, &places[i]);
        } else {
            add(&index, 0, value, &places[i]);
        }
        in_bucket[value] += is_in[i] ? UINT32_MAX : 1;
        is_in[i] = !is_in[i];
        EXPECT_INT(find(&index, value, 0).count, in_bucket[value]);
    }
    for (unsigned i = 0; i < PLACES; i++) {
        if (is_in[i]) {
            index_remove(&index, &places[i]);
        }
    }
    index_release(&index);
}
