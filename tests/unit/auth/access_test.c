/* tests/unit/auth/access_test.c -- Goal: every cell of the contract's small matrices; the password
 * rules with their texts; the lock-out machine by a fake clock. */
#include "test.h"

#include "auth/access.h"
#include "auth/lockout.h"
#include "auth/password.h"

TEST(access_may_act_as_every_pair_of_roles_follows_the_contract)
{
    /*                              target: anonymous user service dba system */
    static const bool allowed[5][5] = {{false, false, false, false, false},
                                       {false, false, false, false, false},
                                       {false, true, true, false, false},
                                       {false, true, true, true, false},
                                       {false, true, true, true, true}};
    for (int actor = 0; actor < 5; actor++) {
        for (int target = 0; target < 5; target++) {
            EXPECT(access_may_act_as((enum role)actor, STR_LIT("a"), (enum role)target,
                                     STR_LIT("b")) == allowed[actor][target]);
            EXPECT(
                access_may_act_as((enum role)actor, STR_LIT("a"), (enum role)target, STR_LIT("a")));
        }
    }
}

TEST(access_check_grant_lets_only_system_make_system)
{
    struct error err;
    for (int granted = ROLE_USER; granted <= ROLE_SYSTEM; granted++) {
        EXPECT_STATUS(access_check_grant(ROLE_SYSTEM, (enum role)granted, &err), OK);
        EXPECT_STATUS(access_check_grant(ROLE_SERVICE, (enum role)granted, &err), DENIED);
        EXPECT_STR(str_from(err.text), "Only admins can change roles");
        EXPECT_STATUS(access_check_grant(ROLE_USER, (enum role)granted, &err), DENIED);
    }
    EXPECT_STATUS(access_check_grant(ROLE_DBA, ROLE_DBA, &err), OK);
    EXPECT_STATUS(access_check_grant(ROLE_DBA, ROLE_SYSTEM, &err), DENIED);
    EXPECT_STR(str_from(err.text), "DBA cannot grant System role");
}

TEST(access_to_shared_tables_follows_the_levels)
{
    static const struct {
        enum table_access level;
        enum role reads;
        enum role writes;
    } rows[] = {{TABLE_ACCESS_PUBLIC, ROLE_ANONYMOUS, ROLE_SERVICE},
                {TABLE_ACCESS_PRIVATE, ROLE_SERVICE, ROLE_SERVICE},
                {TABLE_ACCESS_RESTRICTED, ROLE_SERVICE, ROLE_SERVICE},
                {TABLE_ACCESS_DBA, ROLE_DBA, ROLE_DBA}};
    for (size_t i = 0; i < 4; i++) {
        for (int role = ROLE_ANONYMOUS; role <= ROLE_SYSTEM; role++) {
            enum role r = (enum role)role;
            EXPECT(access_may_read_shared(r, rows[i].level) == (r >= rows[i].reads));
            EXPECT(access_may_write_shared(r, rows[i].level) == (r >= rows[i].writes));
        }
    }
    EXPECT(!access_may_read_shared(ROLE_SYSTEM, (enum table_access)9));
}

TEST(access_may_define_table_keeps_shared_ones_from_users)
{
    EXPECT(access_may_define_table(ROLE_USER, TABLE_USER));
    EXPECT(access_may_define_table(ROLE_USER, TABLE_STREAM));
    EXPECT(!access_may_define_table(ROLE_USER, TABLE_SHARED));
    EXPECT(access_may_define_table(ROLE_SERVICE, TABLE_SHARED));
    EXPECT(!access_may_define_table(ROLE_ANONYMOUS, TABLE_USER));
}

static const struct {
    const char *password;
    const char *text; /* NULL: accepted */
} passwords[] = {
    {"Aa1!Aa1!", NULL},
    {"short", "Password must be at least 8 characters (weak)"},
    {"Aa1!Aa1", "Password must be at least 8 characters (weak)"},
    {"", "Password must be at least 8 characters (weak)"},
    {"PASSWORD123", "Password is too common"},
    {"qwerty123", "Password is too common"},
    {"aaaa1111!", "Password must include at least one uppercase letter"},
    {"AAAA1111!", "Password must include at least one lowercase letter"},
    {"AAAAaaaa!", "Password must include at least one digit"},
    {"AAAAaaaa1", "Password must include at least one special character"},
    {"Gr\xc3\xbc\xc3\x9f"
     "e99x",
     NULL}, /* other scripts count as special, and by characters */
};

TEST(password_check_with_complexity_tells_the_first_broken_rule)
{
    struct error err;
    struct password_rules rules = {.length_min = 8, .complexity = true};
    for (size_t i = 0; i < sizeof passwords / sizeof passwords[0]; i++) {
        status s = password_check(str_from(passwords[i].password), &rules, &err);
        if (passwords[i].text == NULL) {
            EXPECT_OK(s, &err);
        } else {
            EXPECT_STATUS(s, INVALID);
            EXPECT_STR_EQ(str_from(err.text), str_from(passwords[i].text));
        }
    }
    char longest[73];
    memset(longest, 'a', sizeof longest);
    memcpy(longest, "Aa1!", 4);
    EXPECT_STATUS(password_check(str_of(longest, 72), &rules, &err), OK);
    EXPECT_STATUS(password_check(str_of(longest, 73), &rules, &err), INVALID);
}

TEST(password_check_without_complexity_asks_only_what_bcrypt_needs)
{
    struct error err;
    struct password_rules rules = {.length_min = 8, .complexity = false};
    EXPECT_STATUS(password_check(STR_LIT("a"), &rules, &err), OK);
    EXPECT_STATUS(password_check(STR_LIT("a\0b"), &rules, &err), INVALID);
    EXPECT_STATUS(password_check_setup(STR_LIT("a"), &err), INVALID);
    EXPECT_STATUS(password_check_setup(STR_LIT("password123"), &err), INVALID);
    EXPECT_STATUS(password_check_setup(STR_LIT("plain but long"), &err), OK);
}

TEST(lockout_after_five_failures_locks_for_fifteen_minutes)
{
    struct fake_clock fake;
    struct error err;
    struct lockout lockout = {0};
    fake_clock_init(&fake, INT64_C(1800000000000000));
    for (int i = 0; i < 5; i++) {
        EXPECT_STATUS(lockout_check(&lockout, &fake.clock, &err), OK);
        lockout = lockout_after_failure(lockout, &fake.clock);
    }
    EXPECT_UINT(lockout.failures, 5);
    EXPECT_STATUS(lockout_check(&lockout, &fake.clock, &err), UNAUTHENTICATED);
    EXPECT(err.id == ERROR_ACCOUNT_LOCKED);
    EXPECT(str_find(str_from(err.text), STR_LIT("15 minute(s)")) >= 0);
    fake_clock_advance(&fake, INT64_C(14) * 60 * 1000000 + 1);
    EXPECT_STATUS(lockout_check(&lockout, &fake.clock, &err), UNAUTHENTICATED);
    EXPECT(str_find(str_from(err.text), STR_LIT("1 minute(s)")) >= 0);
    fake_clock_advance(&fake, INT64_C(60) * 1000000 - 1);
    EXPECT_STATUS(lockout_check(&lockout, &fake.clock, &err), OK);
    lockout = lockout_after_failure(lockout, &fake.clock);
    EXPECT_UINT(lockout.failures, 1); /* counts anew */
    EXPECT_STATUS(lockout_check(&lockout, &fake.clock, &err), OK);
}

TEST(lockout_after_success_counts_from_zero)
{
    struct fake_clock fake;
    struct error err;
    struct lockout lockout = {0};
    fake_clock_init(&fake, INT64_C(1800000000000000));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++) {
            lockout = lockout_after_failure(lockout, &fake.clock);
        }
        EXPECT_STATUS(lockout_check(&lockout, &fake.clock, &err), OK);
        lockout = lockout_after_success();
    }
    EXPECT(lockout.failures == 0 && lockout.locked_until_us == 0);
}

TEST(lockout_check_after_the_clock_went_back_tells_no_more_than_the_rule)
{
    struct fake_clock fake;
    struct error err;
    struct lockout lockout = {.failures = 5, .locked_until_us = INT64_C(1900000000000000)};
    fake_clock_init(&fake, INT64_C(1800000000000000));
    EXPECT_STATUS(lockout_check(&lockout, &fake.clock, &err), UNAUTHENTICATED);
    EXPECT(str_find(str_from(err.text), STR_LIT("15 minute(s)")) >= 0);
}
