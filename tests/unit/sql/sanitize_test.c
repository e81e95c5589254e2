/* Goal: nothing that was quoted, counted or given after PASSWORD is left in what a log gets.
 * Method: statements and their sanitized texts. */
#include "sql/sanitize.h"
#include "tests/test.h"

static void expect(const char *sql, const char *wanted)
{
    struct arena arena;
    struct error err;
    const struct sql_piece *pieces = NULL;
    unsigned count = 0;
    arena_init(&arena);
    EXPECT_OK(sql_split(str_from(sql), &arena, &pieces, &count, &err), &err);
    EXPECT_UINT(count, 1);
    EXPECT_STR_EQ(sql_sanitize(&pieces[0], &arena), str_from(wanted));
    arena_release(&arena);
}

TEST(sql_sanitize_replaces_texts_numbers_parameters_and_quoted_names)
{
    expect("SELECT a, 'x''y', 1, 1.5, 1e9, -7, $1 FROM app.t",
           "SELECT a , ? , ? , ? , ? , - ? , ? FROM app . t");
    expect("SELECT \"secret\", `other`, X'5ec4e7' FROM t", "SELECT ? , ? , ? FROM t");
    expect("INSERT INTO t (a) VALUES ('x'), (NULL), (TRUE)",
           "INSERT INTO t ( a ) VALUES ( ? ) , ( NULL ) , ( TRUE )");
}

TEST(sql_sanitize_drops_comments)
{
    expect("SELECT a /* secret */ FROM t -- secret\n", "SELECT a FROM t");
}

TEST(sql_sanitize_hides_what_follows_a_secret_word_with_quotes_or_without)
{
    expect("CREATE USER 'ann' WITH PASSWORD 'x' ROLE 'user'",
           "CREATE USER ? WITH PASSWORD ? ROLE ?");
    expect("CREATE USER ann WITH PASSWORD = hunter2 ROLE dba",
           "CREATE USER ? WITH PASSWORD = ? ROLE dba");
    expect("ALTER USER ann SET password hunter2", "ALTER USER ? SET password ?");
}

TEST(sql_sanitize_of_a_long_text_ends_in_dots)
{
    char sql[8000] = "SELECT a";
    for (size_t n = 8; n + 4 < sizeof sql; n += 3) {
        memcpy(sql + n, ",ab", 4);
    }
    struct arena arena;
    struct error err;
    const struct sql_piece *pieces = NULL;
    unsigned count = 0;
    arena_init(&arena);
    EXPECT_OK(sql_split(str_from(sql), &arena, &pieces, &count, &err), &err);
    str text = sql_sanitize(&pieces[0], &arena);
    EXPECT(text.n <= SANITIZED_BYTES_MAX + 3);
    EXPECT(str_ends_with(text, STR_LIT("...")));
    arena_release(&arena);
}
