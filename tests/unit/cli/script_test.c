/* Goal: statements end where the server's lexer would end them, and nowhere else.
 * Method: texts that hide a ';' in every way there is; the pieces and their lines. */
#include "cli/script.h"
#include "tests/test.h"

/* Splits `text` and expects exactly these statements, ended by NULL. */
static void expect_statements(const char *text, const char *const *wanted)
{
    struct script script = script_from(str_from(text));
    struct script_statement statement;
    while (*wanted != NULL) {
        EXPECT(script_next(&script, &statement));
        EXPECT_STR_EQ(statement.text, str_from(*wanted));
        wanted++;
    }
    EXPECT(!script_next(&script, &statement));
}

TEST(script_next_text_with_semicolon_stays_whole)
{
    expect_statements("SELECT 'a;b''c;'; SELECT \"x;\"\"y\" , `z;`;",
                      (const char *[]){"SELECT 'a;b''c;'", "SELECT \"x;\"\"y\" , `z;`", NULL});
}

TEST(script_next_escaped_quote_in_e_text_does_not_end_it)
{
    expect_statements("SELECT E'a\\';b'; SELECT 1",
                      (const char *[]){"SELECT E'a\\';b'", "SELECT 1", NULL});
}

TEST(script_next_word_that_ends_in_e_before_a_text_is_no_escape_text)
{
    expect_statements("SELECT date'\\'; SELECT 1",
                      (const char *[]){"SELECT date'\\'", "SELECT 1", NULL});
}

TEST(script_next_semicolon_in_comments_is_none)
{
    expect_statements("-- first; line\nSELECT 1 /* a; /* b; */ c; */ + 1; -- end;",
                      (const char *[]){"SELECT 1 /* a; /* b; */ c; */ + 1", NULL});
}

TEST(script_next_semicolon_in_parentheses_is_none)
{
    expect_statements("EXECUTE AS USER 'u' (SELECT 1;); SELECT 2;",
                      (const char *[]){"EXECUTE AS USER 'u' (SELECT 1;)", "SELECT 2", NULL});
}

TEST(script_next_empty_statements_are_passed_over)
{
    expect_statements(" ; ;; SELECT 1;;", (const char *[]){"SELECT 1", NULL});
}

TEST(script_next_rest_without_semicolon_is_not_ended)
{
    struct script script = script_from(STR_LIT("SELECT 1;\n\n-- c\nSELECT 'open; "));
    struct script_statement statement;
    EXPECT(script_next(&script, &statement));
    EXPECT(statement.is_ended);
    EXPECT_UINT(statement.line, 1);
    EXPECT(script_next(&script, &statement));
    EXPECT(!statement.is_ended);
    EXPECT_UINT(statement.line, 4);
    EXPECT_STR(statement.text, "SELECT 'open;");
}

TEST(script_next_after_text_of_several_lines_counts_them)
{
    struct script script = script_from(STR_LIT("SELECT 'a\nb\nc';\nSELECT 2;"));
    struct script_statement statement;
    EXPECT(script_next(&script, &statement));
    EXPECT(script_next(&script, &statement));
    EXPECT_UINT(statement.line, 4);
}

TEST(script_kind_sees_transactions_behind_comments)
{
    EXPECT(script_kind(STR_LIT("/* x */ begin transaction")) == SCRIPT_BEGIN);
    EXPECT(script_kind(STR_LIT("START TRANSACTION")) == SCRIPT_BEGIN);
    EXPECT(script_kind(STR_LIT("Commit")) == SCRIPT_END);
    EXPECT(script_kind(STR_LIT("ROLLBACK")) == SCRIPT_END);
    EXPECT(script_kind(STR_LIT("ROLLBACK TO SAVEPOINT a")) == SCRIPT_PLAIN);
    EXPECT(script_kind(STR_LIT("ROLLBACK WORK TO a")) == SCRIPT_PLAIN);
    EXPECT(script_kind(STR_LIT("beginning")) == SCRIPT_PLAIN);
}

TEST(script_used_namespace_takes_all_forms)
{
    EXPECT(script_kind(STR_LIT("USE app")) == SCRIPT_USE);
    EXPECT_STR(script_used_namespace(STR_LIT("USE app")), "app");
    EXPECT_STR(script_used_namespace(STR_LIT("use namespace \"app\"")), "app");
    EXPECT_STR(script_used_namespace(STR_LIT("SET NAMESPACE `app`")), "app");
    EXPECT(script_kind(STR_LIT("SET x = 1")) == SCRIPT_PLAIN);
}
