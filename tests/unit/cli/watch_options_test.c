/* Goal: the OPTIONS behind a SELECT are taken off, and nothing else is.
 * Method: the forms that clients of the contract write; a WHERE that ends in parentheses. */
#include "cli/watch.h"
#include "tests/test.h"

TEST(watch_take_options_reads_and_removes_them)
{
    struct subscribe_options options = {0};
    str sql = STR_LIT("SELECT * FROM a.t WHERE (x = 1) OPTIONS (last_rows=10, batch_size = 5) ");
    EXPECT(watch_take_options(&sql, &options));
    EXPECT_STR(sql, "SELECT * FROM a.t WHERE (x = 1)");
    EXPECT(options.has_last_rows && options.last_rows == 10);
    EXPECT(options.has_batch_size && options.batch_size == 5);
    EXPECT(!options.has_from);
}

TEST(watch_take_options_without_any_leaves_the_statement)
{
    struct subscribe_options options = {0};
    str sql = STR_LIT("SELECT * FROM a.t WHERE (x = 1)");
    EXPECT(watch_take_options(&sql, &options));
    EXPECT_STR(sql, "SELECT * FROM a.t WHERE (x = 1)");
    EXPECT(!options.has_last_rows && !options.has_from && !options.has_batch_size);
}

TEST(watch_take_options_unknown_or_malformed_is_refused)
{
    struct subscribe_options options = {0};
    str sql = STR_LIT("SELECT * FROM a.t OPTIONS (first_rows=10)");
    EXPECT(!watch_take_options(&sql, &options));
    sql = STR_LIT("SELECT * FROM a.t OPTIONS (from=abc)");
    EXPECT(!watch_take_options(&sql, &options));
    sql = STR_LIT("SELECT * FROM a.t OPTIONS (from)");
    EXPECT(!watch_take_options(&sql, &options));
}
