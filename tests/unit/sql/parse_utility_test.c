/* Goal: the statements of operation, transactions, EXECUTE AS USER and SUBSCRIBE parse in every
 * form of the contract, and refuse with its texts. */
#include "sql_help.h"
#include "test.h"

TEST(sql_parse_on_every_utility_finds_the_kind)
{
    static const struct good_text texts[] = {
        {"SHOW NAMESPACES", STATEMENT_SHOW_NAMESPACES},
        {"SHOW TABLES", STATEMENT_SHOW_TABLES},
        {"show tables in namespace app", STATEMENT_SHOW_TABLES},
        {"SHOW STORAGES", STATEMENT_SHOW_STORAGES},
        {"SHOW STATS FOR TABLE app.t", STATEMENT_SHOW_STATS},
        {"SHOW TABLE STATS t", STATEMENT_SHOW_STATS},
        {"SHOW MANIFEST", STATEMENT_SHOW_MANIFEST},
        {"SHOW MANIFEST CACHE", STATEMENT_SHOW_MANIFEST},
        {"SHOW EXPORT", STATEMENT_SHOW_EXPORT},
        {"SHOW JOBS", STATEMENT_SHOW_JOBS},
        {"SHOW BACKUP '/b'", STATEMENT_SHOW_BACKUP},
        {"SHOW COLUMNS FROM app.t", STATEMENT_SHOW_COLUMNS},
        {"SHOW ALL", STATEMENT_SHOW_ALL},
        {"DESCRIBE TABLE app.t", STATEMENT_DESCRIBE_TABLE},
        {"DESC TABLE t HISTORY", STATEMENT_DESCRIBE_TABLE},
        {"DESCRIBE TABLE t VERSION 3", STATEMENT_DESCRIBE_TABLE},
        {"DESCRIBE t", STATEMENT_DESCRIBE},
        {"EXPLAIN SELECT * FROM t", STATEMENT_EXPLAIN},
        {"EXPLAIN ANALYZE UPDATE t SET a = 1 WHERE b", STATEMENT_EXPLAIN},
        {"SET a.b = 'c'", STATEMENT_SET},
        {"STORAGE FLUSH TABLE app.t", STATEMENT_FLUSH_TABLE},
        {"STORAGE FLUSH ALL", STATEMENT_FLUSH_ALL},
        {"STORAGE FLUSH ALL IN NAMESPACE app", STATEMENT_FLUSH_ALL},
        {"STORAGE COMPACT TABLE app.t", STATEMENT_COMPACT_TABLE},
        {"STORAGE COMPACT ALL IN app", STATEMENT_COMPACT_ALL},
        {"STORAGE CHECK local EXTENDED", STATEMENT_STORAGE_CHECK},
        {"KILL JOB 'FL-1'", STATEMENT_KILL_JOB},
        {"KILL LIVE QUERY 'u-c-s'", STATEMENT_KILL_LIVE_QUERY},
        {"KILL LIVE QUERY abc-12", STATEMENT_KILL_LIVE_QUERY},
        {"BACKUP DATABASE TO '/backups/1'", STATEMENT_BACKUP},
        {"BACKUP DATABASE app TO 'b' MODE INCREMENTAL", STATEMENT_BACKUP},
        {"RESTORE DATABASE FROM '/backups/1'", STATEMENT_RESTORE},
        {"EXPORT USER DATA", STATEMENT_EXPORT_USER_DATA},
        {"CLUSTER SNAPSHOT", STATEMENT_CLUSTER},
        {"CLUSTER PURGE --upto 5", STATEMENT_CLUSTER},
        {"CLUSTER PURGE 5", STATEMENT_CLUSTER},
        {"CLUSTER TRIGGER ELECTION", STATEMENT_CLUSTER},
        {"CLUSTER TRIGGER-ELECTION", STATEMENT_CLUSTER},
        {"CLUSTER TRANSFER-LEADER 2", STATEMENT_CLUSTER},
        {"CLUSTER JOIN 2 RPC 10.0.0.1:2910 API http://10.0.0.1:8080", STATEMENT_CLUSTER},
        {"CLUSTER REBALANCE", STATEMENT_CLUSTER},
        {"CLUSTER STEP-DOWN", STATEMENT_CLUSTER},
        {"CLUSTER CLEAR", STATEMENT_CLUSTER},
        {"BEGIN", STATEMENT_BEGIN},
        {"BEGIN TRANSACTION", STATEMENT_BEGIN},
        {"START TRANSACTION", STATEMENT_BEGIN},
        {"COMMIT WORK", STATEMENT_COMMIT},
        {"END", STATEMENT_COMMIT},
        {"ROLLBACK", STATEMENT_ROLLBACK},
        {"ROLLBACK TO SAVEPOINT a", STATEMENT_ROLLBACK_TO},
        {"ROLLBACK WORK TO a", STATEMENT_ROLLBACK_TO},
        {"SAVEPOINT a", STATEMENT_SAVEPOINT},
        {"RELEASE SAVEPOINT a", STATEMENT_RELEASE_SAVEPOINT},
        {"EXECUTE AS USER 'u' (SELECT 1)", STATEMENT_EXECUTE_AS_USER},
        {"EXECUTE AS USER bob (INSERT INTO t VALUES (1);)", STATEMENT_EXECUTE_AS_USER},
        {"SUBSCRIBE TO app.t", STATEMENT_SUBSCRIBE},
        {"SUBSCRIBE TO t WHERE a = 1 OPTIONS (last_rows = 5)", STATEMENT_SUBSCRIBE},
        {"SUBSCRIBE TO SELECT a FROM app.t WHERE options = 1", STATEMENT_SUBSCRIBE},
        {"SUBSCRIBE SELECT * FROM app.t OPTIONS ()", STATEMENT_SUBSCRIBE},
    };
    EXPECT_GOOD_TEXTS(texts);
}

TEST(sql_parse_on_bad_utilities_gives_the_texts_of_the_contract)
{
    static const struct bad_text texts[] = {
        {"SHOW USERS", ERROR_STATEMENT_UNSUPPORTED, "Unsupported statement type: SHOW USERS"},
        {"SHOW", ERROR_SYNTAX, "unexpected end of statement at line 1, column 5"},
        {"SHOW TABLES x", ERROR_SYNTAX, "unexpected 'x' at line 1, column 13"},
        {"STORAGE FLUSH TABLE t", ERROR_INVALID_OPERATION,
         "Table name must be qualified (namespace.table) for STORAGE FLUSH TABLE"},
        {"STORAGE COMPACT TABLE t", ERROR_INVALID_OPERATION,
         "Table name must be qualified (namespace.table) for STORAGE COMPACT TABLE"},
        {"STORAGE MELT", ERROR_SYNTAX, "unexpected 'MELT' at line 1, column 9"},
        {"FLUSH TABLE a.t", ERROR_STATEMENT_UNSUPPORTED,
         "unknown statement 'FLUSH' at line 1, column 1"},
        {"KILL QUERY 'x'", ERROR_SYNTAX, "unexpected 'QUERY' at line 1, column 6"},
        {"KILL JOB a b", ERROR_SYNTAX, "'a b' is no id; write it in single quotes"},
        {"BACKUP DATABASE TO ''", ERROR_INVALID_OPERATION, "Path cannot be empty"},
        {"BACKUP DATABASE TO '/a/../b'", ERROR_INVALID_OPERATION, "Path '/a/../b' is not allowed"},
        {"RESTORE DATABASE FROM '/ETC/x'", ERROR_INVALID_OPERATION, "Path '/ETC/x' is not allowed"},
        {"CLUSTER LIST", ERROR_STATEMENT_UNSUPPORTED,
         "CLUSTER LIST is a CLI-only command. Use \\cluster list in kalam, or query system.cluster "
         "and system.cluster_groups directly."},
        {"CLUSTER LEAVE", ERROR_STATEMENT_UNSUPPORTED, "CLUSTER LEAVE is not supported yet"},
        {"CLUSTER PURGE", ERROR_SYNTAX, "CLUSTER PURGE requires --upto <index> or a numeric index"},
        {"CLUSTER PURGE --upto x", ERROR_SYNTAX,
         "CLUSTER PURGE requires --upto <index> or a numeric index"},
        {"CLUSTER TRANSFER LEADER x", ERROR_SYNTAX,
         "CLUSTER TRANSFER-LEADER requires a numeric node id"},
        {"BEGIN NOW", ERROR_SYNTAX, "unexpected 'NOW' at line 1, column 7"},
        {"EXECUTE AS USER 'u' SELECT 1", ERROR_INVALID_INPUT,
         "EXECUTE AS USER must wrap SQL in parentheses"},
        {"EXECUTE AS USER 'u' (SELECT 1; SELECT 2)", ERROR_INVALID_INPUT,
         "EXECUTE AS USER can only wrap a single SQL statement"},
        {"EXECUTE AS USER '' (SELECT 1)", ERROR_INVALID_INPUT,
         "EXECUTE AS USER username cannot be empty"},
        {"EXECUTE AS USER (SELECT 1)", ERROR_INVALID_INPUT,
         "EXECUTE AS USER username cannot be empty"},
        {"EXECUTE AS USER 'u' (SELECT 1", ERROR_INVALID_INPUT,
         "EXECUTE AS USER missing closing ')'"},
        {"EXECUTE AS USER 'u' ( )", ERROR_INVALID_INPUT,
         "EXECUTE AS USER requires a non-empty inner SQL statement"},
        {"EXECUTE AS USER 'u' (SELECT 1) SELECT 2", ERROR_INVALID_INPUT,
         "EXECUTE AS USER must contain exactly one wrapped SQL statement"},
        {"EXECUTE AS USER 'u' (EXECUTE AS USER 'v' (SELECT 1))", ERROR_INVALID_INPUT,
         "EXECUTE AS USER cannot be nested"},
        {"EXECUTE plan", ERROR_SYNTAX, "unexpected 'EXECUTE' at line 1, column 1"},
        {"EXPLAIN", ERROR_SYNTAX, "unexpected end of statement at line 1, column 8"},
        {"SUBSCRIBE TO a.t OPTIONS (speed = 5)", ERROR_SYNTAX,
         "Unknown subscription option: 'speed'. Valid options are: last_rows, batch_size, from"},
        {"SUBSCRIBE a.t", ERROR_SYNTAX, "unexpected 'a' at line 1, column 11"},
        {"SUBSCRIBE TO", ERROR_SYNTAX, "unexpected end of statement at line 1, column 13"},
    };
    EXPECT_BAD_TEXTS(texts);
}

TEST(sql_parse_utilities_keep_their_parts)
{
    const struct statement *s = parsed("EXECUTE AS USER 'O''Hara' ( INSERT INTO t VALUES (1); )");
    EXPECT_STR(s->as.execute_as.user, "O'Hara");
    EXPECT_STR(s->as.execute_as.inner, "INSERT INTO t VALUES (1)");
    s = parsed("CLUSTER JOIN 2 RPC 10.0.0.1:2910 API http://10.0.0.1:8080");
    EXPECT_INT(s->as.cluster.number, 2);
    EXPECT_STR(s->as.cluster.rpc_address, "10.0.0.1:2910");
    s = parsed("CLUSTER PURGE --upto 77");
    EXPECT_INT(s->as.cluster.action, CLUSTER_PURGE);
    EXPECT_INT(s->as.cluster.number, 77);
    s = parsed("KILL LIVE QUERY u-1:c.2_x");
    EXPECT_STR(s->as.kill.id, "u-1:c.2_x");
    s = parsed("EXPLAIN ANALYZE SELECT a FROM t");
    EXPECT(s->as.explain.is_analyze);
    EXPECT_STR(s->as.explain.inner, "SELECT a FROM t");
    s = parsed("DESCRIBE TABLE A.B VERSION 3");
    EXPECT_STR(s->as.show.table.ns, "a");
    EXPECT_INT(s->as.show.version.value, 3);
    s = parsed("SHOW TABLES IN App");
    EXPECT_STR(s->as.show.ns, "app");
    s = parsed("SUBSCRIBE TO App.T WHERE a = 'OPTIONS (' OPTIONS (last_rows = 5, batch_size = 10, "
               "from_seq_id = 7)");
    const struct subscribe_part *p = &s->as.subscribe;
    EXPECT_STR(p->query, "SELECT * FROM App.T WHERE a = 'OPTIONS ('");
    EXPECT(p->has_options && p->subscription.is_star);
    EXPECT_STR(p->subscription.table.ns, "app");
    EXPECT_INT(p->last_rows.value, 5);
    EXPECT_INT(p->from.value, 7);
    sql_help_reset();
}

/* --- live queries */

TEST(sql_parse_subscription_on_a_plain_select_takes_it_apart)
{
    struct subscription s;
    struct error err;
    EXPECT_OK(
        sql_parse_subscription(STR_LIT(" SELECT Id, n AS x, t.b FROM App.T t WHERE (a = 1) OR b "
                                       "LIKE 'x%' ; "),
                               sql_help_arena(), &s, &err),
        &err);
    EXPECT_STR(s.table.ns, "app");
    EXPECT_STR(s.table.name, "t");
    EXPECT(!s.is_star);
    EXPECT_UINT(s.columns.count, 3);
    EXPECT_STR(s.columns.items[1], "n");
    EXPECT_STR(s.where_text, "(a = 1) OR b LIKE 'x%'");
    EXPECT_INT(s.where->kind, EXPR_OR);
    EXPECT_OK(sql_parse_subscription(STR_LIT("select * from a.b"), sql_help_arena(), &s, &err),
              &err);
    EXPECT(s.is_star && s.where == NULL && s.columns.count == 0);
    sql_help_reset();
}

TEST(sql_parse_subscription_refuses_with_the_texts_of_the_contract)
{
#define ONLY " Only SELECT ... FROM ... [WHERE ...] is supported."
#define PLAIN "Subscription query supports only SELECT ... FROM ... [WHERE ...]."
    static const struct {
        const char *query;
        const char *message;
    } cases[] = {
        {"WITH x AS (SELECT 1) SELECT * FROM a.x",
         "Subscription query does not support WITH clauses." ONLY},
        {"SELECT * FROM a.b ORDER BY c", "Subscription query does not support ORDER BY." ONLY},
        {"SELECT c FROM a.b GROUP BY c", "Subscription query does not support GROUP BY." ONLY},
        {"SELECT * FROM a.b JOIN a.c ON true",
         "Subscription query does not support JOIN clauses." ONLY},
        {"SELECT * FROM a.b LIMIT 5", PLAIN},
        {"SELECT DISTINCT c FROM a.b", PLAIN},
        {"SELECT * FROM a.b HAVING true", PLAIN},
        {"SELECT * FROM a.b UNION SELECT * FROM a.c", PLAIN},
        {"(SELECT * FROM a.b)", "Subscription query supports only simple SELECT statements."},
        {"VALUES (1)", "Subscription query supports only simple SELECT statements."},
        {"SELECT * FROM a.b, a.c",
         "Subscription query requires exactly one table in the FROM clause."},
        {"SELECT 1", "Subscription query requires exactly one table in the FROM clause."},
        {"SELECT * FROM (SELECT 1) x",
         "Subscription query requires a direct table reference in FROM."},
        {"SELECT * FROM read_csv('x')",
         "Subscription query requires a direct table reference in FROM."},
        {"SELECT * FROM a.b; SELECT * FROM a.c",
         "Subscription query must contain exactly one SELECT statement"},
        {"", "Subscription query must contain exactly one SELECT statement"},
        {"DELETE FROM a.b", "Only SELECT queries are supported for subscriptions"},
        {"SHOW TABLES", "Only SELECT queries are supported for subscriptions"},
        {"SELECT _seq FROM a.b",
         "Subscription query cannot project system columns '_seq' or '_deleted'."},
        {"SELECT c, t._deleted FROM a.b t",
         "Subscription query cannot project system columns '_seq' or '_deleted'."},
        {"SELECT c + 1 FROM a.b", "Subscription query can project only * and columns."},
        {"SELECT * FROM b", "Query must use namespace.table format"},
        {"SELECT * FROM a.b WHERE c IN (SELECT 1)", "unexpected 'SELECT' at line 1, column 31"},
        {"SELECT * FROM a.b WHERE c > INTERVAL '1 day'",
         "Subscription filter cannot be evaluated on changes: c > INTERVAL '1 day'"},
        {"SELECT * FROM a.b WHERE", "unexpected end of statement at line 1, column 24"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct subscription s;
        struct error err;
        status result =
            sql_parse_subscription(str_from(cases[i].query), sql_help_arena(), &s, &err);
        if (status_ok(result)) {
            test_fail(__FILE__, __LINE__, "%s: accepted", cases[i].query);
        }
        EXPECT_STR_EQ(str_from(err.text), str_from(cases[i].message));
    }
    sql_help_reset();
}

TEST(statement_info_knows_class_rows_and_rights_of_each_kind)
{
    for (int kind = 0; kind < STATEMENT_KIND_COUNT; kind++) {
        const struct statement_info *info = statement_info((enum statement_kind)kind);
        EXPECT(info->name != NULL && info->name[0] != '\0');
        EXPECT((info->lowest_role == STATEMENT_ROLE_USER) == (info->denied_text[0] == '\0'));
    }
    EXPECT_INT(statement_info(STATEMENT_DROP_TABLE)->lowest_role, STATEMENT_ROLE_ADMIN);
    EXPECT_INT(statement_info(STATEMENT_CONSUME)->lowest_role, STATEMENT_ROLE_SERVICE);
    EXPECT_INT(statement_info(STATEMENT_INSERT)->class, STATEMENT_CLASS_DML);
    EXPECT_INT(statement_info(STATEMENT_CREATE_USER)->class, STATEMENT_CLASS_DDL);
    EXPECT(statement_info(STATEMENT_SHOW_TABLES)->returns_rows);
}
