/* Goal: SELECT, INSERT, UPDATE, DELETE come out as what was said, what only the engine knows is
 * kept as text, and mistakes get their message. */
#include "sql/print.h"
#include "sql_help.h"
#include "test.h"

static str printed(const struct expr *e)
{
    struct buf text;
    buf_init(&text);
    sql_print_expr(&text, e);
    str copy = arena_copy(sql_help_arena(), buf_str(&text));
    buf_release(&text);
    return copy;
}

TEST(sql_parse_on_every_form_of_dml_finds_the_kind)
{
    static const struct good_text texts[] = {
        {"SELECT 1", STATEMENT_SELECT},
        {"select * from t", STATEMENT_SELECT},
        {"(SELECT 1) UNION (SELECT 2)", STATEMENT_SELECT},
        {"WITH a AS (SELECT 1) SELECT * FROM a", STATEMENT_SELECT},
        {"VALUES (1), (2)", STATEMENT_SELECT},
        {"SELECT a FROM t GROUP BY a HAVING count(*) > 1", STATEMENT_SELECT},
        {"INSERT INTO t VALUES (1)", STATEMENT_INSERT},
        {"INSERT INTO ns.t (a, b,) VALUES (1, DEFAULT,), (2, 'x')", STATEMENT_INSERT},
        {"INSERT INTO t DEFAULT VALUES", STATEMENT_INSERT},
        {"INSERT INTO t SELECT * FROM u", STATEMENT_INSERT},
        {"INSERT INTO t (a) (SELECT 1)", STATEMENT_INSERT},
        {"INSERT INTO t (a) WITH x AS (SELECT 1) SELECT * FROM x", STATEMENT_INSERT},
        {"INSERT INTO t AS n VALUES (1) ON CONFLICT DO NOTHING", STATEMENT_INSERT},
        {"INSERT INTO t VALUES (1) ON CONFLICT (id) DO NOTHING RETURNING *", STATEMENT_INSERT},
        {"INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET a = excluded.a, b = DEFAULT "
         "WHERE t.a > 1 RETURNING id AS i, a + 1 b",
         STATEMENT_INSERT},
        {"UPDATE t SET a = 1 WHERE id = 2", STATEMENT_UPDATE},
        {"UPDATE ns.t AS x SET a = x.a + 1, b = DEFAULT WHERE x.id = $1 RETURNING *",
         STATEMENT_UPDATE},
        {"UPDATE t x SET a = 1 WHERE true", STATEMENT_UPDATE},
        {"DELETE FROM t WHERE id = 1", STATEMENT_DELETE},
        {"DELETE FROM ns.t AS x WHERE x.id IN (1, 2) RETURNING id", STATEMENT_DELETE},
        {"update system.users set storage_mode = 'region' where user_id = 'u'", STATEMENT_UPDATE},
        {"INSERT INTO t (first, last, by, nulls, values, do) VALUES (1, 2, 3, 4, 5, 6)",
         STATEMENT_INSERT},
    };
    EXPECT_GOOD_TEXTS(texts);
}

TEST(sql_parse_on_bad_dml_says_what_and_where)
{
    static const struct bad_text texts[] = {
        {"UPDATE t SET a = 1", ERROR_INVALID_OPERATION, "UPDATE requires a WHERE clause"},
        {"DELETE FROM t", ERROR_INVALID_OPERATION, "DELETE requires a WHERE clause"},
        {"UPDATE t SET WHERE id = 1", ERROR_SYNTAX, "unexpected 'WHERE' at line 1, column 14"},
        {"UPDATE t WHERE id = 1", ERROR_SYNTAX, "unexpected 'WHERE' at line 1, column 10"},
        {"UPDATE t SET a = 1, a = 2 WHERE id = 1", ERROR_SYNTAX, "column 'a' is set twice"},
        {"INSERT", ERROR_SYNTAX, "unexpected end of statement at line 1, column 7"},
        {"INSERT INTO", ERROR_SYNTAX, "unexpected end of statement at line 1, column 12"},
        {"INSERT INTO t", ERROR_SYNTAX, "unexpected end of statement at line 1, column 14"},
        {"INSERT INTO t VALUES", ERROR_SYNTAX, "unexpected end of statement at line 1, column 21"},
        {"INSERT INTO t VALUES (1,,2)", ERROR_SYNTAX, "unexpected ',' at line 1, column 25"},
        {"INSERT INTO t\nVALUES (1) junk", ERROR_SYNTAX, "unexpected 'junk' at line 2, column 12"},
        {"INSERT INTO t VALUES (1, 2), (3)", ERROR_SYNTAX,
         "row 2 of VALUES has 1 values, the first row has 2 (line 1, column 32)"},
        {"INSERT INTO t (a) VALUES (1, 2)", ERROR_SYNTAX,
         "INSERT names 1 columns but gives 2 values"},
        {"INSERT INTO t (a, A) VALUES (1, 2)", ERROR_SYNTAX, "column 'a' is named twice"},
        {"INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 1", ERROR_SYNTAX,
         "ON CONFLICT DO UPDATE needs the conflicting columns: ON CONFLICT (column) DO UPDATE SET "
         "..."},
        {"INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 1", ERROR_SYNTAX,
         "unexpected 'DUPLICATE' at line 1, column 29"},
        {"INSERT OVERWRITE t VALUES (1)", ERROR_SYNTAX,
         "unexpected 'OVERWRITE' at line 1, column 8"},
        {"DELETE FROM t WHERE", ERROR_SYNTAX, "unexpected end of statement at line 1, column 20"},
        {"DELETE FROM t USING u WHERE t.a = u.a", ERROR_SYNTAX,
         "unexpected 'USING' at line 1, column 15"},
        {"SELECT (1", ERROR_SYNTAX, "the '(' at line 1, column 8 is not closed"},
        {"SELECT 1)", ERROR_SYNTAX, "unexpected ')' at line 1, column 9"},
        {"SELECT (1; DELETE FROM t)", ERROR_SYNTAX, "unexpected ';' at line 1, column 10"},
        {"SELECT $0", ERROR_INVALID_OPERATION, "parameter $0 is not one of $1 to $65535"},
        {"INSERT INTO t VALUES ($99999999999999999999)", ERROR_INVALID_OPERATION,
         "parameter $99999999999999999999 is not one of $1 to $65535"},
        {"INSERT INTO t VALUES (1e999)", ERROR_INVALID_OPERATION,
         "number out of range: 1e999 at line 1, column 23"},
        {"INSERT INTO t VALUES (E'\\xZZ')", ERROR_INVALID_OPERATION,
         "bad escape in text: E'\\xZZ' at line 1, column 23"},
        {"MERGE INTO t", ERROR_STATEMENT_UNSUPPORTED, "Unsupported statement type: MERGE INTO t"},
        {"", ERROR_EMPTY_SQL, "No SQL statements provided"},
        {"SELECT 1; SELECT 2", ERROR_SYNTAX, "expected one statement, found 2"},
    };
    EXPECT_BAD_TEXTS(texts);
}

TEST(sql_parse_insert_keeps_columns_rows_conflict_and_returning)
{
    const struct statement *s =
        parsed("INSERT INTO App.T AS n (Id, \"Name\") VALUES (1, 'it''s'), (-2, DEFAULT) "
               "ON CONFLICT (id) DO UPDATE SET name = excluded.name || '!' WHERE n.id > 0 "
               "RETURNING *, id x");
    const struct insert_part *p = &s->as.insert;
    EXPECT_STR(p->table.ns, "app");
    EXPECT_STR(p->table.name, "t");
    EXPECT_STR(p->alias, "n");
    EXPECT(p->has_columns);
    EXPECT_UINT(p->columns.count, 2);
    EXPECT_STR(p->columns.items[1], "name");
    EXPECT_UINT(p->row_count, 2);
    EXPECT_STR(p->rows[0].items[1]->as.literal.value.as.text, "it's");
    EXPECT_INT(p->rows[1].items[0]->as.literal.value.as.integer, -2);
    EXPECT_INT(p->rows[1].items[1]->kind, EXPR_DEFAULT);
    EXPECT_INT(p->conflict.action, CONFLICT_UPDATE);
    EXPECT_STR(p->conflict.targets.items[0], "id");
    EXPECT_STR_EQ(printed(p->conflict.sets.items[0].value), STR_LIT("excluded.name || '!'"));
    EXPECT_STR(p->conflict.where_text, "n.id > 0");
    EXPECT_UINT(p->returning.count, 2);
    EXPECT_INT(p->returning.items[0].expr->kind, EXPR_STAR);
    EXPECT_STR(p->returning.items[1].alias, "x");
    sql_help_reset();
}

TEST(sql_parse_dml_keeps_what_only_the_engine_knows_as_text)
{
    const struct statement *s =
        parsed("UPDATE t SET a = (SELECT max(x) FROM u), b = b + 1, c = EXTRACT(year FROM ts) "
               "WHERE id IN (SELECT id FROM v WHERE w = ')') AND x = 1 RETURNING id, a[1] AS y");
    const struct update_part *p = &s->as.update;
    EXPECT_INT(p->sets.items[0].value->kind, EXPR_ENGINE);
    EXPECT_STR(p->sets.items[0].value->as.engine, "(SELECT max(x) FROM u)");
    EXPECT_INT(p->sets.items[1].value->kind, EXPR_BINARY);
    EXPECT_STR(p->sets.items[2].value->as.engine, "EXTRACT(year FROM ts)");
    EXPECT(p->where->has_engine);
    EXPECT_STR(p->where_text, "id IN (SELECT id FROM v WHERE w = ')') AND x = 1");
    EXPECT_INT(p->returning.items[0].expr->kind, EXPR_COLUMN);
    EXPECT_STR(p->returning.items[1].expr->as.engine, "a[1]");
    EXPECT_STR(p->returning.items[1].alias, "y");

    s = parsed("INSERT INTO t (a, b) VALUES (1, now() - INTERVAL '1 day'), ([1, 2], {'x': 1}) "
               "RETURNING a");
    EXPECT(s->as.insert.rows[0].items[1]->has_engine);
    EXPECT_STR(sql_expr_text(s, s->as.insert.rows[0].items[1]), "now() - INTERVAL '1 day'");
    EXPECT_STR(s->as.insert.rows[1].items[0]->as.engine, "[1, 2]");
    EXPECT_STR(s->as.insert.rows[1].items[1]->as.engine, "{'x': 1}");
    EXPECT_UINT(s->as.insert.returning.count, 1);

    s = parsed("INSERT INTO t SELECT a FROM u WHERE a > $2 ON CONFLICT (a) DO NOTHING RETURNING a");
    EXPECT_INT(s->as.insert.source, INSERT_QUERY);
    EXPECT_STR(s->as.insert.query, "SELECT a FROM u WHERE a > $2");
    EXPECT_INT(s->as.insert.conflict.action, CONFLICT_NOTHING);
    sql_help_reset();
}

TEST(sql_parse_select_knows_the_simple_ones)
{
    static const struct {
        const char *text;
        bool is_simple;
    } cases[] = {
        {"SELECT * FROM t", true},
        {"SELECT a, b AS c, d e, t.f, n.t.g, t.* FROM n.t WHERE id = $1", true},
        {"SELECT a FROM t x WHERE x.a = 1 ORDER BY a DESC NULLS LAST, b LIMIT 10 OFFSET 5", true},
        {"SELECT a, FROM t", true},
        {"SELECT count(*) FROM t", true},
        {"SELECT a->'b'->>'c' FROM t WHERE a ? 'x' AND b::int BETWEEN 1 AND 2", true},
        {"SELECT CASE WHEN a THEN 1 ELSE 2 END FROM t OFFSET $2 LIMIT $1", true},
        {"SELECT 1", false},
        {"SELECT DISTINCT a FROM t", false},
        {"SELECT a FROM t ORDER BY 1", false},
        {"SELECT a FROM t ORDER BY $1", false},
        {"SELECT a FROM t, u", false},
        {"SELECT a FROM t JOIN u ON t.a = u.a", false},
        {"SELECT a FROM t LEFT JOIN u ON t.a = u.a", false},
        {"SELECT a FROM t NATURAL JOIN u", false},
        {"SELECT a FROM t GROUP BY a", false},
        {"SELECT a FROM t UNION SELECT b FROM u", false},
        {"SELECT a FROM (SELECT 1)", false},
        {"SELECT a FROM f(1)", false},
        {"SELECT a FROM t LIMIT 10%", false},
        {"SELECT a FROM t LIMIT ALL", false},
        {"SELECT a FROM t TABLESAMPLE 5", false},
        {"SELECT a FROM t FOR UPDATE", false},
        {"SELECT 1_000 FROM t", false},
        {"SELECT a FROM t WHERE a = ANY (SELECT 1)", false},
        {"SELECT a OVER (PARTITION BY b) FROM t", false},
        {"SELECT a::hugeint FROM t", false},
        {"SELECT a FROM t WHERE ts > now() - INTERVAL '1 day'", false},
        {"SELECT * EXCLUDE (a) FROM t", false},
        {"SELECT a COLLATE nocase FROM t", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct statement *s = parsed(cases[i].text);
        if (s->as.select.is_simple != cases[i].is_simple) {
            test_fail(__FILE__, __LINE__, "%s: simple is %d", cases[i].text,
                      s->as.select.is_simple);
        }
        EXPECT_STR_EQ(s->as.select.query, str_from(cases[i].text));
    }
    sql_help_reset();
}

TEST(sql_parse_select_gives_the_parts_of_a_simple_one)
{
    const struct statement *s =
        parsed("SELECT *, Id AS \"Key\", a+1 x FROM App.T u WHERE (u.id = 5) "
               "ORDER BY a DESC NULLS FIRST, b LIMIT 10 OFFSET $3");
    const struct simple_select *p = &s->as.select.simple;
    EXPECT_UINT(s->param_count, 3);
    EXPECT_UINT(p->columns.count, 3);
    EXPECT_STR(p->columns.items[1].alias, "Key");
    EXPECT_STR(p->columns.items[1].expr->as.column.name, "id");
    EXPECT_STR(sql_expr_text(s, p->columns.items[2].expr), "a+1");
    EXPECT_STR(p->table.ns, "app");
    EXPECT_STR(p->alias, "u");
    EXPECT_STR(p->where_text, "(u.id = 5)");
    EXPECT_UINT(p->order.count, 2);
    EXPECT(p->order.items[0].is_descending);
    EXPECT_INT(p->order.items[0].nulls, NULLS_FIRST);
    EXPECT_INT(p->order.items[1].nulls, NULLS_UNSAID);
    EXPECT_INT(p->limit->as.literal.value.as.integer, 10);
    EXPECT_INT(p->offset->as.param, 3);
    sql_help_reset();
}

TEST(sql_parse_finds_the_greatest_parameter_wherever_it_stands)
{
    static const struct {
        const char *text;
        unsigned count;
    } cases[] = {
        {"SELECT 1", 0},
        {"SELECT a FROM t JOIN u ON t.x = $4 WHERE a = $2", 4},
        {"INSERT INTO t VALUES ($1, $3)", 3},
        {"INSERT INTO t SELECT a FROM u WHERE a > $2", 2},
        {"UPDATE t SET a = (SELECT $4) WHERE b = $1", 4},
        {"EXPLAIN SELECT $2", 2},
        {"EXECUTE AS USER 'u' (DELETE FROM t WHERE id = $5)", 5},
        {"SUBSCRIBE TO a.b WHERE x = $1", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        EXPECT_UINT(parsed(cases[i].text)->param_count, cases[i].count);
    }
    sql_help_reset();
}
