/* tests/unit/query/gate_attack_test.c -- Goal: nothing of the engine but the listed parts of SELECT
 * can be reached. Method: a table of attacks (findings of engine.md section 1, reliability.md R14
 * and its appendix), each in several dresses; all must be refused by the gate, and the engine must
 * then still answer with nobody else's rows. */
#include "base/hash.h"
#include "test.h"
#include "unit/query/gate_fixture.h"

/* A relation that must not be read: stands in FROM. */
static const char *const relations[] = {
    /* files */
    "read_csv('/etc/passwd')",
    "read_csv_auto('/etc/passwd')",
    "sniff_csv('/etc/passwd')",
    "read_text('/etc/passwd')",
    "read_blob('/etc/passwd')",
    "read_json('/tmp/x.json')",
    "read_json_auto('/tmp/x.json')",
    "read_json_objects('/tmp/x.json')",
    "read_json_objects_auto('/tmp/x.json')",
    "read_ndjson('/tmp/x.json')",
    "read_ndjson_auto('/tmp/x.json')",
    "read_ndjson_objects('/tmp/x.json')",
    "read_parquet('/tmp/x.parquet')",
    "read_parquet(['/tmp/x.parquet'])",
    "read_parquet(kalam_files(17))",
    "parquet_scan('/tmp/x.parquet')",
    "parquet_metadata('/tmp/x.parquet')",
    "parquet_schema('/tmp/x.parquet')",
    "parquet_file_metadata('/tmp/x.parquet')",
    "parquet_full_metadata('/tmp/x.parquet')",
    "parquet_kv_metadata('/tmp/x.parquet')",
    "parquet_bloom_probe('/tmp/x.parquet', 'a', 1)",
    "read_duckdb('/tmp/x.db')",
    "glob('/**')",
    "'/etc/passwd'",
    "'x.csv'",
    "\"x.csv\"",
    "\"x.json\"",
    "\"x.parquet\"",
    "'/tmp/x.parquet'",
    "\"/tmp/cold/17/bob/batch-0.parquet\"",
    "\"../../etc/passwd\"",
    "'s3://bucket/x.parquet'",
    "'https://example.com/x.csv'",
    "'hf://datasets/x'",
    "\"C:\\x.csv\"",
    /* dynamic SQL */
    "query('SELECT 42')",
    "query('FROM read_text(''/etc/passwd'')')",
    "query_table('messages')",
    "query_table(['messages', 'secret'])",
    "json_execute_serialized_sql('{}')",
    "json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "sql_auto_complete('SEL')",
    "check_peg_parser('SELECT 1')",
    /* the engine for everybody */
    "enable_logging()",
    "enable_logging('QueryLog')",
    "enable_logging(storage = 'file', storage_path = '/tmp/x')",
    "disable_logging()",
    "enable_profiling()",
    "disable_profiling()",
    "enable_profiling(save_location = '/tmp/x')",
    "truncate_duckdb_logs()",
    "checkpoint()",
    "force_checkpoint()",
    "enable_peg_parser()",
    "disable_peg_parser()",
    "duckdb_logs()",
    "duckdb_logs_parsed('QueryLog')",
    "duckdb_log_contexts()",
    /* catalog and settings */
    "duckdb_settings()",
    "duckdb_databases()",
    "duckdb_schemas()",
    "duckdb_tables()",
    "duckdb_columns()",
    "duckdb_views()",
    "duckdb_functions()",
    "duckdb_constraints()",
    "duckdb_indexes()",
    "duckdb_dependencies()",
    "duckdb_sequences()",
    "duckdb_types()",
    "duckdb_secrets()",
    "duckdb_secret_types()",
    "duckdb_variables()",
    "duckdb_prepared_statements()",
    "duckdb_memory()",
    "duckdb_temporary_files()",
    "duckdb_external_file_cache()",
    "duckdb_optimizers()",
    "duckdb_extensions()",
    "duckdb_keywords()",
    "duckdb_table_sample('messages')",
    "duckdb_connection_count()",
    "duckdb_approx_database_count()",
    "duckdb_tables",
    "duckdb_settings",
    "sqlite_master",
    "sqlite_schema",
    "sqlite_temp_master",
    "pg_catalog.pg_class",
    "pg_catalog.pg_tables",
    "pg_class",
    "information_schema.tables",
    "information_schema.columns",
    "information_schema.schemata",
    "main.sqlite_master",
    "temp.x",
    "memory.main.x",
    "system.main.duckdb_tables",
    "system.information_schema.tables",
    "_k_hot.\"17.3\".messages",
    "_k_raw.\"17.3\".messages",
    "_k_sys.\"sys.system\".users",
    "\"17.3\".messages",
    "\"19.3\".messages",
    "\"sys.system\".users",
    "pragma_table_info('messages')",
    "pragma_show('messages')",
    "pragma_storage_info('messages')",
    "pragma_metadata_info()",
    "pragma_database_size()",
    "pragma_version()",
    "pragma_platform()",
    "pragma_collations()",
    "pragma_user_agent()",
    "pg_timezone_names()",
    "icu_calendar_names()",
    "which_secret('x', 'y')",
    "show_tables()",
    "(DESCRIBE messages)",
    "(SHOW TABLES)",
    "(SHOW ALL TABLES)",
    "(SUMMARIZE messages)",
    /* our own and pointers */
    "kalam_hot(17, 3)",
    "kalam_hot(19, 3)",
    "kalam_dead(17)",
    "kalam_system('system.users')",
    "kalam_source()",
    "arrow_scan(0, 0, 0)",
    "arrow_scan_dumb(0, 0, 0)",
    "seq_scan()",
    "test_all_types()",
    "test_vector_types(NULL::INTEGER)",
    /* memory and the rest */
    "repeat('x', 1000000000)",
    "repeat_row('x', num_rows = 1000000000)",
    "histogram_values(messages, n)",
    "summary(messages)",
    "json_each('{}')",
    "json_tree('{}')",
    "unnest([1], recursive := true)",
    "secret",
    "app.secret",
    "nosuch.table_",
    "recurring.r",
    "messages AT (VERSION => 1)",
    "messages PIVOT (sum(n) FOR body IN ('a'))",
    "messages UNPIVOT (v FOR k IN (id, n))",
    "messages POSITIONAL JOIN messages m2",
};

/* An expression that must not be evaluated. */
static const char *const expressions[] = {
    "current_setting('temp_directory')",
    "getvariable('x')",
    "current_query()",
    "current_schema()",
    "current_schemas(true)",
    "current_database()",
    "current_catalog()",
    "current_catalog",
    "current_schema",
    "session_user",
    "\"user\"",
    "txid_current()",
    "current_connection_id()",
    "current_transaction_id()",
    "current_query_id()",
    "in_search_path('a', 'b')",
    "inet_server_addr()",
    "version()",
    "pg_catalog.version()",
    "main.version()",
    "system.main.version()",
    "nextval('s')",
    "currval('s')",
    "setseed(0.5)",
    "error('x')",
    "write_log('x')",
    "getenv('HOME')",
    "sleep_ms(10)",
    "pg_sleep(10)",
    "json_serialize_sql('SELECT 1')",
    "json_deserialize_sql('{}')",
    "json_serialize_plan('SELECT 1')",
    "json_extract('{}', '$.a')",
    "json_transform('{}', '{}')",
    "kalam_files(17)",
    "kalam_repeat('x', 10)",
    "kalam_snowflake_id()",
    "kalam_json_get_json('{}', 'a')",
    "pg_get_viewdef(1)",
    "has_table_privilege('x', 'y')",
    "obj_description(1, 'x')",
    "col_description(1, 1)",
    "list_aggregate([1], 'sum')",
    "list_sort([1])",
    "list_transform([1], x -> x + 1)",
    "list_filter([1], lambda x : x > 1)",
    "apply([1], x -> x)",
    "[x + 1 FOR x IN [1]]",
    "range(1000000000)",
    "generate_series(1000000000)",
    "list_resize([1], 1000000000)",
    "array_resize([1], 1000000000)",
    "printf('%1000000000d', 1)",
    "format('{:1000000000}', 1)",
    "bar(1, 0, 1000000000)",
    "to_base(1, 2, 1000000000)",
    "bitstring('1', 1000000000)",
    "levenshtein('a', 'b')",
    "damerau_levenshtein('a', 'b')",
    "editdist3('a', 'b')",
    "hamming('a', 'b')",
    "jaccard('a', 'b')",
    "{'a': 1}",
    "row(1, 2)",
    "(1, 2)",
    "struct_pack(a := 1)",
    "MAP {'a': 1}",
    "map([1], [2])",
    "histogram(1)",
    "1::ENUM('a')",
    "1::nosuchtype",
    "NULL::STRUCT(a INT)",
    "NULL::MAP(INT, INT)",
    "NULL::INTEGER[100000]",
    "NULL::INTEGER[8000][8000]",
    "'a' COLLATE \"de\"",
    "'a' COLLATE NOCASE",
    "COLUMNS(*)",
    "COLUMNS('a.*')",
    "COLUMNS(c -> c LIKE 'a')",
    "try(1)",
    "$name",
    "DEFAULT",
    "nosuchfunction(1)",
    "\"SELECT\"(1)",
    "\"read_text\"('/etc/passwd')",
    "create_sort_key(1, 'ASC')",
    "vector_type(1)",
    "stats(1)",
    "alias(1)",
    "enum_range(1)",
    "reservoir_quantile(1, 0.5, 1000000000)",
    "approx_top_k(1, 1000000000)",
    "icu_sort_key('a', 'de')",
    "__internal_decompress_string(1)",
    "parse_duckdb_log_message('a', 'b')",
    "$51",
};

/* Whole statements. */
static const char *const statements[] = {
    "CREATE OR REPLACE MACRO current_user() AS 'root'",
    "CREATE MACRO lower(x) AS x",
    "CREATE TEMP MACRO now() AS 1",
    "CREATE TABLE t (a INT)",
    "CREATE TEMP TABLE t (a INT)",
    "CREATE VIEW v AS SELECT 1",
    "CREATE TEMP VIEW messages AS SELECT 1",
    "CREATE SCHEMA s",
    "CREATE SEQUENCE s",
    "CREATE TYPE t AS ENUM ('a')",
    "CREATE SECRET s (TYPE s3)",
    "DROP SCHEMA \"17.3\" CASCADE",
    "DROP VIEW \"17.3\".messages",
    "ALTER VIEW \"17.3\".messages RENAME TO x",
    "INSERT INTO messages VALUES (1)",
    "UPDATE messages SET n = 1",
    "DELETE FROM messages",
    "TRUNCATE messages",
    "COPY messages TO '/tmp/x.csv'",
    "COPY (SELECT 1) TO '/dev/stdout'",
    "COPY messages FROM '/etc/passwd'",
    "EXPORT DATABASE '/tmp/x'",
    "IMPORT DATABASE '/tmp/x'",
    "ATTACH ':memory:' AS x",
    "ATTACH '/tmp/x.db'",
    "DETACH _k_all",
    "USE _k_all",
    "USE memory",
    "SET search_path = '_k_all'",
    "SET schema = 'x'",
    "SET VARIABLE x = 1",
    "SET threads = 8",
    "SET memory_limit = '100GB'",
    "SET TimeZone = 'Europe/Berlin'",
    "RESET threads",
    "PRAGMA version",
    "PRAGMA database_list",
    "PRAGMA enable_profiling",
    "PRAGMA profiling_output = '/tmp/x'",
    "PRAGMA disable_optimizer",
    "PRAGMA enable_verification",
    "PRAGMA table_info('messages')",
    "PRAGMA show_tables",
    "PRAGMA import_database('/tmp/x')",
    "PRAGMA copy_database(a, b)",
    "PRAGMA json_execute_serialized_sql('{}')",
    "CALL enable_logging('QueryLog')",
    "CALL pragma_version()",
    "CALL duckdb_settings()",
    "INSTALL httpfs",
    "FORCE INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '/tmp/x.duckdb_extension'",
    "UPDATE EXTENSIONS",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "DEALLOCATE p",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "CHECKPOINT",
    "FORCE CHECKPOINT",
    "VACUUM",
    "ANALYZE",
    "EXPLAIN SELECT 1",
    "EXPLAIN ANALYZE SELECT 1",
    "DESCRIBE messages",
    "DESCRIBE SELECT 1",
    "SHOW TABLES",
    "SHOW ALL TABLES",
    "SHOW DATABASES",
    "SHOW messages",
    "SUMMARIZE messages",
    "PIVOT messages ON body USING sum(n)",
    "UNPIVOT messages ON id, n",
    "MERGE INTO messages USING prices ON true WHEN MATCHED THEN DELETE",
    "COMMENT ON TABLE messages IS 'x'",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP SCHEMA \"17.3\"",
    "SELECT 1;; SELECT 2",
    "SELECT * FROM messages; COPY messages TO '/tmp/x'",
    "SELECT id INTO x FROM messages",
    "SELECT id FROM messages FOR UPDATE",
    "SELECT id FROM messages LIMIT 10%",
    "WITH x AS (DELETE FROM messages RETURNING id) SELECT * FROM x",
    "WITH x AS (INSERT INTO messages VALUES (1) RETURNING id) SELECT * FROM x",
    "WITH \"x.csv\" AS (SELECT 1) SELECT * FROM \"x.csv\"",
    "WITH RECURSIVE r(n) USING KEY (n) AS (SELECT 1 UNION SELECT n + 1 FROM recurring.r) SELECT 1",
    "SELECT count(*) FROM (SELECT 1 UNION ALL BY NAME SELECT 2 AS x) PIVOT (sum(x) FOR x IN (1))",
    "SELECT id FROM messages ORDER BY ALL",
    "SELECT messages FROM messages",
    "SELECT * AS x FROM messages",
    "SELECT m FROM messages m",
    "SELECT m.* FROM messages",
    "SELECT sum(m) FROM messages m",
    "",
    ";",
    "--",
};

#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))

static void expect_refused(struct gate_fixture *f, const char *sql)
{
    struct gate_plan plan;
    str text = gate_fixture_text(f, sql, &plan);
    if (!str_starts_with(text, STR_LIT("ERROR "))) {
        test_fail(__FILE__, __LINE__, "the gate let through: %s -> %.*s", sql, STR(text));
    }
    arena_reset(&f->arena);
}

static void expect_alive(struct gate_fixture *f)
{
    EXPECT_STR(gate_fixture_run(f, "SELECT count(*) FROM messages", NULL, 0), "count(*)\n100\n");
}

static const char *const relation_dresses[] = {
    "SELECT * FROM %s",
    "FROM %s",
    "SELECT count(*) FROM %s AS x",
    "sElEcT * fRoM %s",
    "/* a */ SELECT /* b */ * -- c\nFROM /* d */ %s",
    "WITH c AS (SELECT * FROM %s) SELECT * FROM c",
    "WITH c AS MATERIALIZED (SELECT * FROM %s) SELECT 1",
    "WITH c AS (SELECT * FROM %s) SELECT 1",
    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT 1 FROM %s) SELECT 1",
    "SELECT * FROM (SELECT * FROM %s) s",
    "SELECT (SELECT 1 FROM %s)",
    "SELECT id FROM messages WHERE EXISTS (SELECT 1 FROM %s)",
    "SELECT id FROM messages WHERE id IN (SELECT 1 FROM %s)",
    "SELECT id FROM messages ORDER BY (SELECT 1 FROM %s)",
    "SELECT id FROM messages LIMIT (SELECT 1 FROM %s)",
    "SELECT id FROM messages LIMIT 1 OFFSET (SELECT 1 FROM %s)",
    "SELECT CASE WHEN true THEN (SELECT 1 FROM %s) END",
    "SELECT sum(n) FILTER (EXISTS (SELECT 1 FROM %s)) FROM messages",
    "SELECT sum(n) OVER (ORDER BY (SELECT 1 FROM %s)) FROM messages",
    "SELECT n FROM messages GROUP BY n HAVING EXISTS (SELECT 1 FROM %s)",
    "SELECT n FROM messages QUALIFY EXISTS (SELECT 1 FROM %s)",
    "SELECT 1 UNION ALL SELECT 1 FROM %s",
    "SELECT * FROM messages m, LATERAL (SELECT * FROM %s) l",
    "SELECT * FROM messages m JOIN (SELECT 1 AS k FROM %s) j ON true",
    "SELECT * FROM messages m LEFT JOIN messages m2 ON EXISTS (SELECT 1 FROM %s)",
    "VALUES ((SELECT 1 FROM %s))",
    "SELECT * REPLACE ((SELECT 1 FROM %s) AS n) FROM messages",
    "SELECT * FROM range((SELECT 1 FROM %s))",
    "SELECT DISTINCT ON ((SELECT 1 FROM %s)) id FROM messages",
    "SELECT id FROM messages TABLESAMPLE 10%% WHERE id > (SELECT 1 FROM %s)",
};

static const char *const expression_dresses[] = {
    "SELECT %s",
    "select %s from messages",
    "SELECT /**/ %s -- x",
    "SELECT id FROM messages WHERE id = %s",
    "WITH c AS (SELECT %s) SELECT 1",
    "SELECT * FROM (SELECT %s) s",
    "SELECT (SELECT %s)",
    "SELECT id FROM messages ORDER BY %s",
    "SELECT coalesce(NULL, %s)",
    "SELECT CASE WHEN true THEN %s END",
    "SELECT 1 WHERE EXISTS (SELECT %s)",
    "SELECT count(*) FILTER (%s IS NULL) FROM messages",
    "SELECT sum(n) OVER (PARTITION BY %s) FROM messages",
    "SELECT * FROM messages m JOIN messages k ON %s IS NULL",
    "VALUES (%s)",
    "SELECT [%s]",
    "SELECT * FROM unnest([%s])",
    "SELECT n FROM messages GROUP BY n, coalesce(%s, 1)", /* GROUP BY (a, b) is no row */
    "SELECT id FROM messages LIMIT %s",
};

static void expect_all_refused(const char *const *attacks, size_t attack_count,
                               const char *const *dresses, size_t dress_count)
{
    struct gate_fixture f;
    gate_fixture_open(&f);
    for (size_t a = 0; a < attack_count; a++) {
        for (size_t d = 0; d < dress_count; d++) {
            char sql[1024];
            const char *at = strstr(dresses[d], "%s");
            snprintf(sql, sizeof sql, "%.*s%s%s", (int)(at - dresses[d]), dresses[d], attacks[a],
                     at + 2);
            expect_refused(&f, sql);
        }
    }
    expect_alive(&f);
    gate_fixture_close(&f);
}

TEST(gate_check_forbidden_relation_is_refused_in_every_place)
{
    EXPECT(COUNT_OF(relations) + COUNT_OF(expressions) + COUNT_OF(statements) >= 300);
    expect_all_refused(relations, COUNT_OF(relations), relation_dresses,
                       COUNT_OF(relation_dresses));
}

TEST(gate_check_forbidden_expression_is_refused_in_every_place)
{
    expect_all_refused(expressions, COUNT_OF(expressions), expression_dresses,
                       COUNT_OF(expression_dresses));
}

TEST(gate_check_forbidden_statement_is_refused)
{
    static const char *const dresses[] = {"%s", "/* x */ %s", "-- x\n%s", " \n\t%s ", "%s;"};
    expect_all_refused(statements, COUNT_OF(statements), dresses, COUNT_OF(dresses));
}

/* --- texts that the planner would not survive
 * ----------------------------------------------------- */

static char *repeated(struct arena *arena, const char *before, const char *part, unsigned times,
                      const char *after)
{
    struct buf b;
    buf_init(&b);
    buf_append_c(&b, before);
    for (unsigned i = 0; i < times; i++) {
        buf_append_c(&b, part);
    }
    buf_append_c(&b, after);
    char *text = str_cstr(arena, buf_str(&b));
    buf_release(&b);
    return text;
}

static char *nested(struct arena *arena, const char *open, unsigned times, const char *inner,
                    const char *close)
{
    struct buf b;
    buf_init(&b);
    for (unsigned i = 0; i < times; i++) {
        buf_append_c(&b, open);
    }
    buf_append_c(&b, inner);
    for (unsigned i = 0; i < times; i++) {
        buf_append_c(&b, close);
    }
    char *text = str_cstr(arena, buf_str(&b));
    buf_release(&b);
    return text;
}

TEST(gate_check_deep_or_large_text_is_refused_with_a_limit)
{
    struct gate_fixture f;
    gate_fixture_open(&f);
    struct arena texts;
    arena_init(&texts);
    expect_refused(&f, repeated(&texts, "SELECT 1", "+1", 500, ""));
    expect_refused(&f, repeated(&texts, "SELECT 1", "+1", 5000, ""));
    expect_refused(&f, nested(&texts, "(", 10000, "1", ")"));
    expect_refused(&f, nested(&texts, "SELECT (", 30, "1", ")"));
    expect_refused(&f, nested(&texts, "SELECT (", 900, "1", ")"));
    expect_refused(&f, nested(&texts, "SELECT * FROM (", 200, "SELECT 1", ") s"));
    expect_refused(&f, nested(&texts, "abs(", 200, "SELECT 1", ")"));
    expect_refused(&f, repeated(&texts, "SELECT 1", " UNION ALL SELECT 1", 400, ""));
    expect_refused(&f, repeated(&texts, "SELECT * FROM messages", ", messages", 100, ""));
    expect_refused(&f, repeated(&texts, "SELECT 1 FROM messages WHERE id IN (1", ",1", 60000, ")"));
    expect_refused(&f, repeated(&texts, "SELECT 1", ", 1", 5000, ""));
    expect_refused(&f, nested(&texts, "NOT ", 300, "true", ""));
    expect_refused(&f, nested(&texts, "[", 300, "1", "]"));
    expect_refused(&f, repeated(&texts, "SELECT n = 0", " OR n = 1", 4001, " FROM messages"));
    expect_refused(&f, repeated(&texts, "SELECT 1 FROM messages GROUP BY n", ", n + 1", 1000, ""));
    expect_refused(&f, repeated(&texts, "WITH a AS (SELECT 1)", ", b as /* */ (SELECT 1)", 20000,
                                " SELECT 1"));
    expect_alive(&f);
    arena_release(&texts);
    gate_fixture_close(&f);
}

/* Short texts that unfold: 2^n nodes, columns or copies of the tree. */
TEST(gate_check_text_that_unfolds_is_refused_with_a_limit)
{
    struct gate_fixture f;
    gate_fixture_open(&f);
    struct buf b;
    buf_init(&b);

    buf_append_c(&b, "SELECT n AS a0");
    for (unsigned i = 0; i < 30; i++) {
        buf_append_format(&b, ", a%u + a%u AS a%u", i, i, i + 1);
    }
    buf_append_c(&b, " FROM messages");
    buf_append_byte(&b, 0);
    expect_refused(&f, b.p);

    buf_clear(&b);
    buf_append_c(&b, "WITH c0 AS (SELECT 1 AS x)");
    for (unsigned i = 0; i < 30; i++) {
        buf_append_format(&b, ", c%u AS (SELECT * FROM c%u, c%u AS z)", i + 1, i, i);
    }
    buf_append_c(&b, " SELECT count(*) FROM c30");
    buf_append_byte(&b, 0);
    expect_refused(&f, b.p);

    buf_clear(&b);
    buf_append_c(&b, "WITH c0 AS (SELECT 1 AS x)");
    for (unsigned i = 0; i < 40; i++) {
        buf_append_format(&b, ", c%u AS (SELECT x FROM c%u)", i + 1, i);
    }
    buf_append_c(&b, " SELECT x FROM c40");
    buf_append_byte(&b, 0);
    expect_refused(&f, b.p);

    buf_clear(&b);
    for (unsigned i = 0; i < 12; i++) {
        buf_append_format(&b, "WITH m%u AS MATERIALIZED (", i);
    }
    buf_append_c(&b, "SELECT 1 AS x");
    for (unsigned i = 12; i > 0; i--) {
        buf_append_format(&b, ") SELECT * FROM m%u", i - 1);
    }
    buf_append_byte(&b, 0);
    expect_refused(&f, b.p);

    expect_refused(&f, "SELECT count(*) FROM messages GROUP BY CUBE (id, n, body, doc, _seq, "
                       "_updated, _deleted)");
    expect_refused(&f, "SELECT * FROM loop");
    buf_release(&b);
    expect_alive(&f);
    gate_fixture_close(&f);
}

/* What is just inside the limits runs, and fast enough to end. */
TEST(gate_check_text_at_the_limits_runs)
{
    struct gate_fixture f;
    gate_fixture_open(&f);
    struct arena texts;
    arena_init(&texts);
    str sum = gate_fixture_run(&f, repeated(&texts, "SELECT 1", "+1", 40, " AS s"), NULL, 0);
    EXPECT_STR(sum, "s\n41\n");
    str sub = gate_fixture_run(&f, nested(&texts, "SELECT (", 12, "SELECT 7", ") AS s"), NULL, 0);
    EXPECT_STR(sub, "s\n7\n");
    str in = gate_fixture_run(
        &f, repeated(&texts, "SELECT count(*) AS c FROM messages WHERE id IN (1", ",2", 3000, ")"),
        NULL, 0);
    EXPECT_STR(in, "c\n2\n");
    str unions =
        gate_fixture_run(&f, repeated(&texts, "SELECT 1 AS x", " UNION SELECT 1", 30, ""), NULL, 0);
    EXPECT_STR(unions, "x\n1\n");
    str or_list = gate_fixture_run(
        &f,
        repeated(&texts, "SELECT count(*) AS c FROM messages WHERE id = 0", " OR id = 5", 4000, ""),
        NULL, 0);
    EXPECT_STR(or_list, "c\n1\n");
    str groups = gate_fixture_run(
        &f, repeated(&texts, "SELECT 1 AS x FROM messages WHERE id = 5 GROUP BY n", ", n", 999, ""),
        NULL, 0);
    EXPECT_STR(groups, "x\n1\n");
    arena_release(&texts);
    gate_fixture_close(&f);
}

/* --- statements put together from parts of others
 * ------------------------------------------------- */

static const char *const donors[] = {
    "SELECT id , n + 1 AS x , count(*) OVER ( PARTITION BY body ) FROM messages WHERE id > 3 ORDER "
    "BY id "
    "LIMIT 5",
    "WITH a AS ( SELECT id , body FROM messages ) SELECT a.body , max( id ) FROM a GROUP BY a.body "
    "HAVING max( id ) > 1",
    "SELECT * FROM messages m JOIN shop.messages s USING ( id ) LEFT JOIN prices p ON p.id = m.id",
    "SELECT ( SELECT max( price ) FROM prices ) , EXISTS ( SELECT 1 FROM system.users ) , "
    "CURRENT_USER",
    "SELECT doc -> 'a' -> 'b' , doc ->> 'k' , json_contains( doc , 'a' ) FROM messages WHERE "
    "_deleted",
    "SELECT 1.5 , 'x' , NULL , now() , lpad( 'a' , 3 , 'b' ) UNION ALL SELECT 2 , 'y' , 3 , now() "
    ", 'z'",
    "SELECT x FROM ( VALUES ( 1 ) , ( 2 ) ) v ( x ) WHERE x IN ( 1 , 2 ) OR x BETWEEN 0 AND 9",
    "SELECT * EXCLUDE ( doc ) REPLACE ( n * 2 AS n ) FROM messages TABLESAMPLE 50 %",
    "WITH RECURSIVE r ( n ) AS ( SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5 ) SELECT * "
    "FROM r",
    "SELECT CASE WHEN n > 5 THEN 'a' ELSE body END , CAST( id AS TEXT ) FROM recent , messages",
    "SELECT DISTINCT ON ( body ) body , array_agg( id ORDER BY id ) FROM messages GROUP BY body , "
    "id",
    "SELECT * FROM range( 5 ) r ( i ) , unnest( [ 1 , 2 ] ) u ( j ) WHERE i = j",
    "SELECT sum( n ) FILTER ( WHERE id > 2 ) , grouping( body ) FROM messages GROUP BY ROLLUP ( "
    "body )",
    "SELECT '; DROP' , \"id\" , \"a\"\"b\" FROM ( SELECT id , n AS \"a\"\"b\" FROM messages ) t "
    "QUALIFY "
    "row_number() OVER ( ) < 3",
};

/* The words of a random donor from a random place on, or up to one. */
static void append_part(struct rng *rng, struct buf *out, bool is_head)
{
    const char *text = donors[rng_below(rng, COUNT_OF(donors))];
    size_t words = 1;
    for (const char *p = text; *p != '\0'; p++) {
        words += *p == ' ' ? 1 : 0;
    }
    size_t cut = rng_below(rng, words + 1);
    size_t word = 0;
    for (const char *p = text; *p != '\0'; p++) {
        word += *p == ' ' ? 1 : 0;
        if (is_head ? word < cut : word >= cut) {
            buf_append_byte(out, (uint8_t)*p);
        }
    }
    buf_append_byte(out, ' ');
}

/* Whatever comes out: refused, or run to an answer or to an error of the statement; never a fault
 * of the engine, a file, or a text that the gate's second look refuses. */
TEST(gate_check_spliced_statements_never_break_the_engine)
{
    enum { ROUNDS = 3000 };
    struct gate_fixture f;
    struct rng rng;
    struct buf sql;
    unsigned answered = 0;
    gate_fixture_open(&f);
    f.options.default_limit = 50;
    f.options.limit_max = 1000;
    rng_init(&rng, 7);
    buf_init(&sql);
    for (unsigned i = 0; i < ROUNDS; i++) {
        buf_clear(&sql);
        append_part(&rng, &sql, true);
        if (rng_below(&rng, 3) == 0) {
            append_part(&rng, &sql, true);
        }
        append_part(&rng, &sql, false);
        buf_append_byte(&sql, 0);
        str answer = gate_fixture_run(&f, sql.p, NULL, 0);
        bool is_fault = str_starts_with(answer, STR_LIT("ERROR INTERNAL")) ||
                        str_starts_with(answer, STR_LIT("ERROR IO")) ||
                        str_starts_with(answer, STR_LIT("ERROR CORRUPT")) ||
                        str_find(answer, STR_LIT("its own printing")) >= 0;
        if (is_fault) {
            test_fail(__FILE__, __LINE__, "%s: %.*s", sql.p, STR(answer));
        }
        answered += !str_starts_with(answer, STR_LIT("ERROR"));
        arena_reset(&f.arena);
    }
    EXPECT(answered > ROUNDS / 50);
    f.options.default_limit = 0;
    f.options.limit_max = 0;
    expect_alive(&f);
    buf_release(&sql);
    gate_fixture_close(&f);
}
