/* Goal: statements end at the right ';', with their exact text, and shapes tell types apart. */
#include "base/buf.h"
#include "sql/lexer.h"
#include "sql_help.h"
#include "model/limits.h"
#include "test.h"

/* The pieces of a batch, each followed by a line break. */
static void expect_pieces(const char *batch, const char *wanted)
{
    const struct sql_piece *pieces = NULL;
    unsigned count = 0;
    struct error err;
    struct buf found;
    buf_init(&found);
    EXPECT_OK(sql_split(str_from(batch), sql_help_arena(), &pieces, &count, &err), &err);
    for (unsigned i = 0; i < count; i++) {
        buf_append_str(&found, pieces[i].text);
        buf_append_byte(&found, '\n');
        EXPECT(pieces[i].token_count > 0);
        EXPECT_UINT(pieces[i].tokens[0].at, 0);
    }
    str text = arena_copy(sql_help_arena(), buf_str(&found));
    buf_release(&found);
    EXPECT_STR_EQ(text, str_from(wanted));
    sql_help_reset();
}

TEST(sql_split_at_top_level_semicolons_gives_trimmed_texts)
{
    expect_pieces("", "");
    expect_pieces(" ;; -- nothing\n ; /* ; */ ", "");
    expect_pieces("select 1", "select 1\n");
    expect_pieces(" select 1 ;\n select ';' ; -- x\n", "select 1\nselect ';'\n");
    expect_pieces("/* a */ select /* ; */ 1 -- ;\n; select \";\"",
                  "select /* ; */ 1\nselect \";\"\n");
    expect_pieces("EXECUTE AS USER 'u' (INSERT INTO t VALUES (1);); SELECT 2",
                  "EXECUTE AS USER 'u' (INSERT INTO t VALUES (1);)\nSELECT 2\n");
    expect_pieces("select E'\\';' ; select 2", "select E'\\';'\nselect 2\n");
    expect_pieces("CLUSTER PURGE --upto 5; SELECT 1", "CLUSTER PURGE --upto 5\nSELECT 1\n");
    expect_pieces("SELECT 1 --upto 5; SELECT 1", "SELECT 1\n");
}

static void expect_refused(str batch, enum error_id id, const char *message)
{
    const struct sql_piece *pieces = NULL;
    unsigned count = 0;
    struct error err;
    EXPECT(!status_ok(sql_split(batch, sql_help_arena(), &pieces, &count, &err)));
    EXPECT_INT(err.id, id);
    EXPECT_STR_EQ(str_from(err.text), str_from(message));
    sql_help_reset();
}

TEST(sql_split_on_text_that_is_no_tokens_names_the_place)
{
    expect_refused(STR_LIT("select 1;\n select 'abc"), ERROR_BATCH_PARSE,
                   "Failed to parse SQL batch: text or name without its closing quote at line 2, "
                   "column 9");
    expect_refused(STR_LIT("select /* x"), ERROR_BATCH_PARSE,
                   "Failed to parse SQL batch: comment without its end at line 1, column 8");
    expect_refused(STR_LIT("select $$x$$"), ERROR_BATCH_PARSE,
                   "Failed to parse SQL batch: character that begins no token at line 1, column 8");
    expect_refused(STR_LIT("select '\0'"), ERROR_BATCH_PARSE,
                   "Failed to parse SQL batch: NUL character at byte 8");
    expect_refused(STR_LIT("select '\xFF'"), ERROR_BATCH_PARSE,
                   "Failed to parse SQL batch: invalid UTF-8");
}

TEST(sql_split_past_a_limit_names_it)
{
    size_t n = LIMIT_SQL_BYTES + 1;
    char *text = mem_alloc(n);
    memset(text, ' ', n);
    expect_refused(str_of(text, n), ERROR_SQL_TOO_LONG,
                   "SQL query too long: 1048577 bytes (maximum 1048576 bytes)");
    for (size_t i = 0; i + 1 < 2 * (LIMIT_STATEMENTS + 1); i += 2) {
        text[i] = 'a';
        text[i + 1] = ';';
    }
    expect_refused(str_of(text, 2 * (LIMIT_STATEMENTS + 1)), ERROR_LIMIT,
                   "a batch may have 1000 statements");
    memset(text, '(', 10000);
    expect_refused(str_of(text, 10000), ERROR_LIMIT,
                   "parentheses nest deeper than 128 levels at line 1, column 129");
    mem_free(text);
}

/* --- shapes */

static struct sql_shape shape_of(const char *text)
{
    const struct sql_piece *pieces = NULL;
    unsigned count = 0;
    struct error err;
    struct sql_shape shape;
    EXPECT_OK(sql_split(str_from(text), sql_help_arena(), &pieces, &count, &err), &err);
    EXPECT_UINT(count, 1);
    sql_shape(&pieces[0], sql_help_arena(), &shape);
    return shape;
}

TEST(sql_shape_replaces_literals_by_their_types)
{
    static const struct {
        const char *text;
        const char *shape;
        unsigned count;
    } cases[] = {
        {"SELECT a FROM T WHERE id=5", "select a from t where id = ?i", 1},
        {"select a  from t where id = 6 -- x", "select a from t where id = ?i", 1},
        {"select a from t where id = 5000000000", "select a from t where id = ?l", 1},
        {"select a from t where id = 'x''y'", "select a from t where id = ?t", 1},
        {"select a from t where id = 1.50 and b = 1e3",
         "select a from t where id = ?d3.2 and b = ?f", 2},
        {"select a from t where id = 99999999999999999999", "select a from t where id = ?d38.0", 1},
        {"select \"A\" from t where id = $1 and x = -3",
         "select \"A\" from t where id = $1 and x = - ?i", 1},
        {"insert into t values (1, TRUE, NULL, 'a')",
         "insert into t values ( ?i , true , null , ?t )", 2},
        {"select CAST(a AS DECIMAL(10,2)), b::varchar(5), 'c' from t",
         "select cast ( a as decimal ( 10 , 2 ) ) , b :: varchar ( 5 ) , ?t from t", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sql_shape shape = shape_of(cases[i].text);
        EXPECT_STR_EQ(shape.text, str_from(cases[i].shape));
        EXPECT_UINT(shape.value_count, cases[i].count);
    }
    sql_help_reset();
}

TEST(sql_shape_values_are_those_of_the_literal_slots)
{
    const char *text =
        "UPDATE t SET a = 7, b = CAST(c AS DECIMAL(10, 2)) WHERE d = 'x' AND e = -2.5";
    struct sql_shape shape = shape_of(text);
    const struct statement *s = parsed(text);
    EXPECT_UINT(shape.value_count, 3);
    const struct expr *a = s->as.update.sets.items[0].value;
    EXPECT_INT(a->as.literal.slot, 0);
    EXPECT_INT(shape.values[0].as.integer, 7);
    const struct expr *d = s->as.update.where->as.list.items[0]->as.binary.right;
    EXPECT_INT(d->as.literal.slot, 1);
    EXPECT_STR(shape.values[1].as.text, "x");
    const struct expr *e = s->as.update.where->as.list.items[1]->as.binary.right;
    EXPECT_INT(e->as.literal.slot, 2);
    EXPECT(e->is_negated);
    EXPECT(e->as.literal.value.as.decimal == -25);
    EXPECT(shape.values[2].as.decimal == 25);
    sql_help_reset();
}
