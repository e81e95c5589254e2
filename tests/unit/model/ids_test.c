/* tests/unit/model/ids_test.c -- Goal: ids have their standard's form and only grow, on all threads
 * and under a clock that stands still or jumps back. Method: fake clocks; four threads. */
#include "model/ids.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "tests/test.h"

static const uint8_t ones[ID_RANDOM_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff,
                                              0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t zeros[ID_RANDOM_BYTES];

TEST(ids_uuid_v7_has_time_version_and_variant)
{
    struct fake_clock clock;
    struct ids ids;
    uint8_t uuid[16];
    fake_clock_init(&clock, 0x017F22E279B0LL * 1000); /* the example of RFC 9562, appendix A.6 */
    ids_init(&ids, &clock.clock);
    ids_uuid_v7(&ids, ones, uuid);
    EXPECT_STR(str_of(uuid, 16),
               "\x01\x7f\x22\xe2\x79\xb0\x70\x00\xbf\xff\xff\xff\xff\xff\xff\xff");
    fake_clock_advance(&clock, 500);
    ids_uuid_v7(&ids, zeros, uuid);
    EXPECT_STR(str_of(uuid, 16), "\x01\x7f\x22\xe2\x79\xb0\x78\x00\x80\0\0\0\0\0\0\0");
}

TEST(ids_ulid_is_26_crockford_digits_of_time_and_randomness)
{
    struct fake_clock clock;
    struct ids ids;
    char text[ULID_TEXT_BYTES];
    fake_clock_init(&clock, 1469918176385LL * 1000); /* the time of the example in the ULID spec */
    ids_init(&ids, &clock.clock);
    ids_ulid(&ids, ones, text);
    EXPECT_STR(str_of(text, 26), "01ARYZ6S41000FZZZZZZZZZZZZ");
    ids_ulid(&ids, zeros, text);
    EXPECT_STR(str_of(text, 26), "01ARYZ6S41000G000000000000");
}

TEST(ids_of_a_clock_that_stands_or_jumps_back_still_grow)
{
    struct fake_clock clock;
    struct ids ids;
    uint8_t uuid[16] = {0};
    char ulid[ULID_TEXT_BYTES] = {0};
    fake_clock_init(&clock, 1700000000000000LL);
    ids_init(&ids, &clock.clock);
    for (unsigned i = 0; i < 20000; i++) {
        const uint8_t *random = i % 2 == 0 ? ones : zeros;
        uint8_t next_uuid[16];
        char next_ulid[ULID_TEXT_BYTES];
        ids_uuid_v7(&ids, random, next_uuid);
        ids_ulid(&ids, random, next_ulid);
        EXPECT(memcmp(uuid, next_uuid, 16) < 0);
        EXPECT(memcmp(ulid, next_ulid, ULID_TEXT_BYTES) < 0);
        EXPECT_INT(next_uuid[6] >> 4, 7);
        EXPECT_INT(next_uuid[8] >> 6, 2);
        memcpy(uuid, next_uuid, 16);
        memcpy(ulid, next_ulid, ULID_TEXT_BYTES);
        fake_clock_advance(&clock, i % 1000 == 999 ? -3600000000LL : 1);
    }
}

TEST(ids_of_a_clock_before_1970_are_made)
{
    struct fake_clock clock;
    struct ids ids;
    uint8_t uuid[16];
    fake_clock_init(&clock, -5);
    ids_init(&ids, &clock.clock);
    ids_uuid_v7(&ids, zeros, uuid);
    EXPECT_STR(str_of(uuid, 16), "\0\0\0\0\0\0\x70\x01\x80\0\0\0\0\0\0\0");
}

enum { THREADS = 4, IDS_EACH = 5000 };
static struct ids shared_ids;
static uint8_t made[THREADS][IDS_EACH][16];

static void *make_ids(void *argument)
{
    uint8_t(*out)[16] = argument;
    for (unsigned i = 0; i < IDS_EACH; i++) {
        ids_uuid_v7(&shared_ids, zeros, out[i]);
    }
    return NULL;
}

static int compare_uuids(const void *a, const void *b)
{
    return memcmp(a, b, 16);
}

TEST(ids_uuid_v7_on_four_threads_never_repeats)
{
    struct thread threads[THREADS];
    ids_init(&shared_ids, clock_system());
    for (unsigned i = 0; i < THREADS; i++) {
        thread_start(&threads[i], "ids", 0, make_ids, made[i]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        thread_join(&threads[i]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        for (unsigned k = 1; k < IDS_EACH; k++) {
            EXPECT(memcmp(made[i][k - 1], made[i][k], 16) < 0);
        }
    }
    uint8_t(*all)[16] = made[0];
    qsort(all, THREADS * IDS_EACH, 16, compare_uuids);
    for (unsigned k = 1; k < THREADS * IDS_EACH; k++) {
        EXPECT(memcmp(all[k - 1], all[k], 16) != 0);
    }
}
