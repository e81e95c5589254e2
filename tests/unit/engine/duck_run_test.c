/* tests/unit/engine/duck_run_test.c -- Goal: statements run over our rows as the header says.
 * Method: an engine over tables in memory, every type through a scan and back, sessions, deadlines,
 * errors. */
#include "unit/engine/duck_fixture.h"
#include "test.h"

TEST(duck_execute_constant_gives_one_row)
{
    struct fixture f;
    fixture_open(&f, 1);
    struct fixture_session session = {.user = "alice"};
    EXPECT_STR(fixture_query(&f, 0, DUCK_HOT, &session, "SELECT 1, 'x', NULL", NULL, 0),
               "1|x|NULL\n");
    fixture_close(&f);
}

TEST(duck_execute_hot_scan_gives_every_type_back)
{
    struct fixture f;
    struct error err;
    fixture_open(&f, 1);
    struct schema *schema = fixture_schema(17, 1, true);
    struct fixture_session session = {.user = "alice"};
    struct value *rows = fixture_rows(&f, schema, 1, 5000);
    fixture_add(&session, schema, rows, 5000);
    EXPECT_OK(duck_define_table(f.duck, DUCK_HOT, schema, &err), &err);
    EXPECT_STR(
        fixture_query(&f, 0, DUCK_HOT, &session, "SELECT count(*) FROM \"17.1\".messages", NULL, 0),
        "5000\n");
    printf("%.*s", STR(fixture_query(&f, 0, DUCK_HOT, &session,
                                     "SELECT * FROM \"17.1\".messages LIMIT 4", NULL, 0)));
    fixture_close(&f);
    schema_give(schema);
}
