/* tests/unit/server/guard_test.c -- Goal: an address gets its requests a second and no more, is
 * banned after ten violations, longer each time up to six times, and does not touch the others. */
#include "test.h"

#include "server/guard.h"

enum { RATE = 5, BAN_S = 100 };

static struct guard *make(struct fake_clock *fake)
{
    fake_clock_init(fake, 0);
    struct guard_options options = {
        .clock = &fake->clock, .requests_per_second = RATE, .ban_s = BAN_S, .addresses_max = 100};
    return guard_create(&options);
}

static void overdo(struct guard *guard, str address, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        EXPECT_INT(guard_check(guard, address), GUARD_TOO_MANY);
    }
}

TEST(guard_check_lets_the_rate_through_and_no_more)
{
    struct fake_clock fake;
    struct guard *guard = make(&fake);
    for (unsigned i = 0; i < RATE; i++) {
        EXPECT_INT(guard_check(guard, STR_LIT("a")), GUARD_PASS);
    }
    EXPECT_INT(guard_check(guard, STR_LIT("a")), GUARD_TOO_MANY);
    EXPECT_INT(guard_check(guard, STR_LIT("b")), GUARD_PASS);
    fake_clock_advance(&fake, 1000000);
    EXPECT_INT(guard_check(guard, STR_LIT("a")), GUARD_PASS);
    guard_destroy(guard);
}

TEST(guard_check_bans_after_ten_violations_and_longer_after_more)
{
    struct fake_clock fake;
    struct guard *guard = make(&fake);
    for (unsigned i = 0; i < RATE; i++) {
        EXPECT_INT(guard_check(guard, STR_LIT("a")), GUARD_PASS);
    }
    overdo(guard, STR_LIT("a"), 10);
    EXPECT_INT(guard_check(guard, STR_LIT("a")), GUARD_BANNED);
    fake_clock_advance(&fake, BAN_S * INT64_C(1000000) - 1);
    EXPECT_INT(guard_check(guard, STR_LIT("a")), GUARD_BANNED);
    EXPECT_INT(guard_check(guard, STR_LIT("b")), GUARD_PASS);
    fake_clock_advance(&fake, 1);
    for (unsigned i = 0; i < RATE; i++) {
        EXPECT_INT(guard_check(guard, STR_LIT("a")), GUARD_PASS);
    }
    overdo(guard, STR_LIT("a"), 1); /* the eleventh: banned again at once */
    EXPECT_INT(guard_check(guard, STR_LIT("a")), GUARD_BANNED);
    guard_destroy(guard);
}

TEST(guard_check_of_many_violations_bans_for_six_times_at_most)
{
    struct fake_clock fake;
    struct guard *guard = make(&fake);
    for (unsigned round = 0; round < 100; round++) {
        for (unsigned i = 0; i < RATE; i++) {
            EXPECT_INT(guard_check(guard, STR_LIT("a")), GUARD_PASS);
        }
        overdo(guard, STR_LIT("a"), round == 0 ? 10 : 1);
        fake_clock_advance(&fake, 6 * BAN_S * INT64_C(1000000));
    }
    guard_destroy(guard);
}
