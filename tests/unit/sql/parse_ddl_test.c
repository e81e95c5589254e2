/* Goal: DDL of the contract and of spec 002 parses whole, and each mistake gets the contract's
 * text. */
#include "model/limits.h"
#include "sql_help.h"
#include "test.h"

#define INVALID_TABLE(text) "Invalid CREATE TABLE statement: " text
#define BAD_LOCATION                                                                               \
    INVALID_TABLE("Invalid LOCATION. Expected at most 8 folders, such as 'archive/${user_id}', "   \
                  "each ${user_id}, {namespace} or {tableName}, once, or a name of letters, "      \
                  "digits, '_' and '-'")

TEST(sql_parse_on_every_form_of_ddl_finds_the_kind)
{
    static const struct good_text texts[] = {
        {"CREATE NAMESPACE app", STATEMENT_CREATE_NAMESPACE},
        {"create namespace if not exists App", STATEMENT_CREATE_NAMESPACE},
        {"ALTER NAMESPACE app SET OPTIONS (a = 'x', b = true, c = 1, d = -1.5)",
         STATEMENT_ALTER_NAMESPACE},
        {"DROP NAMESPACE IF EXISTS app CASCADE", STATEMENT_DROP_NAMESPACE},
        {"USE app", STATEMENT_USE_NAMESPACE},
        {"USE NAMESPACE 'app'", STATEMENT_USE_NAMESPACE},
        {"SET NAMESPACE `app`", STATEMENT_USE_NAMESPACE},
        {"CREATE TABLE t (id INT)", STATEMENT_CREATE_TABLE},
        {"CREATE USER TABLE IF NOT EXISTS app.t (id BIGINT PRIMARY KEY)", STATEMENT_CREATE_TABLE},
        {"CREATE SHARED TABLE t (id INT PRIMARY KEY) WITH (ACCESS_LEVEL = 'public')",
         STATEMENT_CREATE_TABLE},
        {"CREATE STREAM TABLE t (id INT) WITH (TTL_SECONDS = 10)", STATEMENT_CREATE_TABLE},
        {"CREATE TABLE t (id INT) USING kalam OPTIONS (TYPE = USER)", STATEMENT_CREATE_TABLE},
        {"ALTER TABLE app.t ADD COLUMN c TEXT", STATEMENT_ALTER_TABLE},
        {"ALTER USER TABLE t DROP c", STATEMENT_ALTER_TABLE},
        {"ALTER TABLE t SET TBLPROPERTIES (DELETED_RETENTION = 'off'), SET TBLPROPERTIES "
         "(deleted_retention_hours = 5)",
         STATEMENT_ALTER_TABLE},
        {"DROP TABLE IF EXISTS app.t", STATEMENT_DROP_TABLE},
        {"DROP STREAM TABLE t", STATEMENT_DROP_TABLE},
        {"CREATE VIEW v AS SELECT 1", STATEMENT_CREATE_VIEW},
        {"CREATE OR REPLACE TEMPORARY VIEW app.v (a, b) AS WITH x AS (SELECT 1) SELECT * FROM x",
         STATEMENT_CREATE_VIEW},
        {"DROP VIEW IF EXISTS app.v", STATEMENT_DROP_VIEW},
        {"CREATE STORAGE s TYPE filesystem PATH '/data/x'", STATEMENT_CREATE_STORAGE},
        {"CREATE STORAGE 's' TYPE 's3' NAME 'n' DESCRIPTION 'd' BUCKET 'b' REGION 'r' "
         "SHARED_TABLES_TEMPLATE 't' USER_TABLES_TEMPLATE 'u' CREDENTIALS '{}' CONFIG '{}'",
         STATEMENT_CREATE_STORAGE},
        {"ALTER STORAGE s SET NAME 'x' SET DESCRIPTION 'y'", STATEMENT_ALTER_STORAGE},
        {"DROP STORAGE IF EXISTS s", STATEMENT_DROP_STORAGE},
        {"CREATE USER 'alice' WITH PASSWORD 'p' ROLE user EMAIL 'a@b'", STATEMENT_CREATE_USER},
        {"CREATE USER bob WITH OAUTH '{\"provider\":\"x\"}' ROLE 'developer'",
         STATEMENT_CREATE_USER},
        {"CREATE USER IF NOT EXISTS bob WITH INTERNAL ROLE service", STATEMENT_CREATE_USER},
        {"ALTER USER bob SET PASSWORD 'x'", STATEMENT_ALTER_USER},
        {"ALTER USER 'bob' SET ROLE dba", STATEMENT_ALTER_USER},
        {"ALTER USER bob SET EMAIL ''", STATEMENT_ALTER_USER},
        {"DROP USER IF EXISTS 'bob'", STATEMENT_DROP_USER},
        {"CREATE TOPIC app.t PARTITIONS 4", STATEMENT_CREATE_TOPIC},
        {"ALTER TOPIC app.t ADD SOURCE app.x ON INSERT WHERE a > 1 WITH (payload = 'full')",
         STATEMENT_ALTER_TOPIC},
        {"ALTER TOPIC app.t ADD SOURCE x ON DELETE", STATEMENT_ALTER_TOPIC},
        {"DROP TOPIC app.t", STATEMENT_DROP_TOPIC},
        {"CLEAR TOPIC app.t", STATEMENT_CLEAR_TOPIC},
        {"CONSUME FROM app.t GROUP 'g' FROM EARLIEST LIMIT 10", STATEMENT_CONSUME},
        {"CONSUME FROM app.t FROM 15", STATEMENT_CONSUME},
        {"ACK app.t GROUP 'g' PARTITION 1 UPTO OFFSET 7", STATEMENT_ACK},
    };
    EXPECT_GOOD_TEXTS(texts);
}

TEST(sql_parse_on_bad_create_table_gives_the_texts_of_the_contract)
{
    static const struct bad_text texts[] = {
        {"CREATE TABLE t (a INT) WITH (k = 3)", ERROR_SYNTAX,
         INVALID_TABLE("Unknown table option 'K'")},
        {"CREATE TABLE t (a INT) WITH (TYPE = 'X')", ERROR_SYNTAX,
         INVALID_TABLE("Invalid TYPE option 'X'. Supported: USER, SHARED, STREAM")},
        {"CREATE USER TABLE t (a INT) WITH (TYPE = 'stream')", ERROR_SYNTAX,
         INVALID_TABLE("Conflicting table type definitions: CREATE USER TABLE vs TYPE option "
                       "STREAM")},
        {"CREATE STREAM TABLE t (a INT)", ERROR_SYNTAX,
         INVALID_TABLE("STREAM tables must specify 'TTL_SECONDS'")},
        {"CREATE USER TABLE t (a INT) WITH (TTL_SECONDS = 5)", ERROR_SYNTAX,
         INVALID_TABLE("TTL_SECONDS is only supported for STREAM tables")},
        {"CREATE USER TABLE t (a INT) WITH (ACCESS_LEVEL = 'PUBLIC')", ERROR_SYNTAX,
         INVALID_TABLE("ACCESS_LEVEL is only supported for SHARED tables")},
        {"CREATE SHARED TABLE t (a INT) WITH (USE_USER_STORAGE = true)", ERROR_SYNTAX,
         INVALID_TABLE("USE_USER_STORAGE is only supported for USER tables")},
        {"CREATE TABLE t (a INT) WITH (FLUSH_POLICY = 'rows')", ERROR_SYNTAX,
         INVALID_TABLE("Invalid FLUSH_POLICY format 'rows'. Expected 'key:value'")},
        {"CREATE TABLE t (a INT) WITH (FLUSH_POLICY = 'size:5')", ERROR_SYNTAX,
         INVALID_TABLE("FLUSH_POLICY must specify 'rows' or 'interval' > 0")},
        {"CREATE TABLE t (a INT) WITH (FLUSH_POLICY = 'rows:1000000')", ERROR_SYNTAX,
         INVALID_TABLE("Invalid FLUSH_POLICY rows '1000000'. Expected 1..999999")},
        {"CREATE TABLE t (a INT) WITH (FLUSH_POLICY = 'rows:5,interval:0')", ERROR_SYNTAX,
         INVALID_TABLE("Invalid FLUSH_POLICY interval '0'. Expected 1..86399")},
        {"CREATE TABLE t (a INT, b INT, PRIMARY KEY (a, b))", ERROR_SYNTAX,
         INVALID_TABLE("Composite PRIMARY KEYs are not supported yet")},
        {"CREATE TABLE t (a INT, b INT, UNIQUE (b, a, b))", ERROR_SYNTAX,
         INVALID_TABLE("column 'b' appears twice in a UNIQUE constraint")},
        {"CREATE TABLE t (a INT, b INT, UNIQUE (b, c))", ERROR_SYNTAX,
         INVALID_TABLE("UNIQUE column 'c' not found in column list")},
        {"CREATE TABLE t (a INT PRIMARY KEY, b INT PRIMARY KEY)", ERROR_SYNTAX,
         INVALID_TABLE("Multiple PRIMARY KEY definitions found")},
        {"CREATE TABLE t (a INT PRIMARY KEY, PRIMARY KEY (a))", ERROR_SYNTAX,
         INVALID_TABLE("Multiple PRIMARY KEY definitions found")},
        {"CREATE TABLE t (a INT, PRIMARY KEY (x))", ERROR_SYNTAX,
         INVALID_TABLE("PRIMARY KEY column 'x' not found in column list")},
        {"CREATE TABLE t (a INT, A TEXT)", ERROR_SYNTAX,
         INVALID_TABLE("Duplicate column name 'a'. Column names are case-insensitive.")},
        {"CREATE TABLE \"a-b\" (a INT)", ERROR_SYNTAX,
         INVALID_TABLE("Invalid table name 'a-b'. Only alphanumeric characters and underscores "
                       "are allowed")},
        {"CREATE TABLE t (\"a b\" INT)", ERROR_SYNTAX,
         INVALID_TABLE("Invalid column name 'a b'. Only alphanumeric characters and underscores "
                       "are allowed")},
        {"CREATE TABLE t (_seq BIGINT)", ERROR_INVALID_OPERATION,
         INVALID_TABLE("Column name '_seq' is reserved and cannot be used")},
        {"CREATE TABLE t (\"select\" INT)", ERROR_INVALID_OPERATION,
         INVALID_TABLE("Name 'select' is a reserved SQL keyword and cannot be used")},
        {"CREATE TABLE t ()", ERROR_SYNTAX, INVALID_TABLE("Table must have at least one column")},
        {"CREATE TABLE t", ERROR_SYNTAX, INVALID_TABLE("Table must have at least one column")},
        {"CREATE TABLE t (PRIMARY KEY (a))", ERROR_SYNTAX,
         INVALID_TABLE("Table must have at least one column")},
        {"CREATE TABLE t (a)", ERROR_SYNTAX, INVALID_TABLE("column 'a' has no type")},
        {"CREATE TABLE t (a INT b)", ERROR_SYNTAX,
         INVALID_TABLE("unexpected 'b' at line 1, column 23")},
        {"CREATE TABLE t (a INT", ERROR_SYNTAX, "the '(' at line 1, column 16 is not closed"},
        {"CREATE TABLE t (a INT DEFAULT foo())", ERROR_SYNTAX,
         INVALID_TABLE("DEFAULT takes a literal, NOW(), CURRENT_TIMESTAMP, SNOWFLAKE_ID(), "
                       "UUID_V7(), ULID() or CURRENT_USER; not 'foo'")},
        {"CREATE TABLE t (a INT DEFAULT now(1))", ERROR_SYNTAX,
         INVALID_TABLE("DEFAULT function 'now' takes no arguments")},
        {"CREATE TABLE t (a INT) FLUSH POLICY", ERROR_SYNTAX,
         INVALID_TABLE("unexpected end of statement at line 1, column 36")},
        {"CREATE TABLE t (a INT) FLUSH POLICY INTERVAL 'soon'", ERROR_SYNTAX,
         INVALID_TABLE("Invalid FLUSH POLICY INTERVAL 'soon'. Expected a time such as '10s', '5 "
                       "minutes' or '7d'")},
        {"CREATE TABLE t (a INT) WITH (BLOOM_FILTER_FPP = 2)", ERROR_SYNTAX,
         INVALID_TABLE("Invalid BLOOM_FILTER_FPP '2'. Expected 0.0001..0.5 or 'off'")},
        {"CREATE TABLE t (a INT) junk", ERROR_SYNTAX,
         INVALID_TABLE("unexpected 'junk' at line 1, column 24")},
    };
    EXPECT_BAD_TEXTS(texts);
}

TEST(sql_parse_on_other_bad_ddl_says_what_and_where)
{
    static const struct bad_text texts[] = {
        {"CREATE NAMESPACE system", ERROR_INVALID_OPERATION,
         "Namespace 'system' is reserved and cannot be used"},
        {"CREATE NAMESPACE \"a b\"", ERROR_INVALID_OPERATION, "Name cannot contain spaces"},
        {"CREATE NAMESPACE _x", ERROR_INVALID_OPERATION,
         "Name cannot start with underscore (reserved for system columns)"},
        {"CREATE NAMESPACE \"1x\"", ERROR_INVALID_OPERATION, "Name cannot start with a number"},
        {"CREATE NAMESPACE", ERROR_SYNTAX, "unexpected end of statement at line 1, column 17"},
        {"CREATE NAMESPACE a b", ERROR_SYNTAX, "unexpected 'b' at line 1, column 20"},
        {"CREATE", ERROR_SYNTAX, "unexpected end of statement at line 1, column 7"},
        {"CREATE INDEX x ON t (a)", ERROR_STATEMENT_UNSUPPORTED,
         "Unsupported statement type: CREATE INDEX"},
        {"CREATE MATERIALIZED VIEW v AS SELECT 1", ERROR_STATEMENT_UNSUPPORTED,
         "MATERIALIZED VIEWS are not supported yet"},
        {"CREATE OR REPLACE TABLE t (a INT)", ERROR_STATEMENT_UNSUPPORTED,
         "Unsupported statement type: CREATE OR REPLACE TABLE"},
        {"CREATE VIEW v AS", ERROR_SYNTAX, "unexpected end of statement at line 1, column 17"},
        {"CREATE VIEW v AS DELETE FROM t", ERROR_SYNTAX,
         "unexpected 'DELETE' at line 1, column 18"},
        {"CREATE VIEW v AS SELECT $1", ERROR_SYNTAX, "a view takes no parameters"},
        {"ALTER TABLE t", ERROR_SYNTAX, "unexpected end of statement at line 1, column 14"},
        {"ALTER TABLE t ALTER COLUMN c SET DATA TYPE INT", ERROR_STATEMENT_UNSUPPORTED,
         "Unsupported ALTER COLUMN operation"},
        {"ALTER TABLE t RENAME TO u", ERROR_STATEMENT_UNSUPPORTED,
         "ALTER TABLE ... RENAME TO is not supported"},
        {"ALTER TABLE t ADD COLUMN _seq INT", ERROR_INVALID_OPERATION,
         "Cannot add column '_seq': reserved system column name"},
        {"ALTER TABLE t SET ACCESS LEVEL DBA", ERROR_SYNTAX,
         "Invalid ACCESS_LEVEL 'DBA'. Supported: PUBLIC, PRIVATE, RESTRICTED"},
        {"ALTER TABLE t ADD c INT,", ERROR_SYNTAX,
         "unexpected end of statement at line 1, column 25"},
        {"DROP TABLE", ERROR_SYNTAX, "unexpected end of statement at line 1, column 11"},
        {"DROP INDEX x", ERROR_STATEMENT_UNSUPPORTED, "Unsupported statement type: DROP INDEX"},
        {"CREATE STORAGE s PATH 'x'", ERROR_SYNTAX, "CREATE STORAGE requires TYPE"},
        {"CREATE STORAGE s TYPE filesystem", ERROR_SYNTAX,
         "CREATE STORAGE requires PATH, BASE_DIRECTORY or BUCKET"},
        {"CREATE STORAGE s TYPE ftp PATH 'x'", ERROR_SYNTAX,
         "Invalid storage type 'ftp'. Supported: filesystem, s3, gcs, azure"},
        {"CREATE STORAGE s TYPE s3 PATH 'x' PATH 'y'", ERROR_SYNTAX, "PATH is given twice"},
        {"ALTER STORAGE s SET PATH 'x'", ERROR_SYNTAX, "unexpected 'PATH' at line 1, column 21"},
        {"CREATE USER u WITH PASSWORD 'p'", ERROR_SYNTAX, "CREATE USER requires ROLE"},
        {"CREATE USER u WITH PASSWORD p ROLE user", ERROR_SYNTAX,
         "PASSWORD requires a text in single quotes"},
        {"CREATE USER u WITH PASSWORD 'p' ROLE king", ERROR_SYNTAX,
         "Invalid role 'king'. Supported: user, service, dba, system"},
        {"CREATE USER 'a/b' WITH PASSWORD 'p' ROLE user", ERROR_INVALID_OPERATION,
         "User name 'a/b' must not contain '..', '/' or '\\'"},
        {"CREATE USER '' WITH PASSWORD 'p' ROLE user", ERROR_INVALID_OPERATION,
         "User name cannot be empty"},
        {"ALTER USER u SET NAME 'x'", ERROR_SYNTAX, "unexpected 'NAME' at line 1, column 18"},
        {"CREATE TOPIC t", ERROR_INVALID_OPERATION,
         "Topic name must be namespace-qualified: <namespace>.<topic>"},
        {"ALTER TOPIC a.t ADD SOURCE x ON INSERT WITH (payload = 'most')", ERROR_SYNTAX,
         "Invalid payload 'most'. Supported: key, full, diff"},
        {"ACK a.t GROUP 'g' UPTO 5", ERROR_SYNTAX, "unexpected 'UPTO' at line 1, column 19"},
    };
    EXPECT_BAD_TEXTS(texts);
}

TEST(sql_parse_create_table_keeps_columns_defaults_and_options)
{
    const struct statement *s =
        parsed("CREATE TABLE App.T (\n"
               "  Id BIGINT AUTO_INCREMENT PRIMARY KEY,\n"
               "  name VARCHAR(50) NOT NULL DEFAULT 'x''y' UNIQUE,\n"
               "  price DECIMAL(10, 2) DEFAULT -1.5,\n"
               "  at TIMESTAMP WITH TIME ZONE DEFAULT (CURRENT_TIMESTAMP),\n"
               "  doc JSON DEFAULT '{}'::json NULL COMMENT 'a document',\n"
               "  vec EMBEDDING(384),\n"
               "  ratio DOUBLE PRECISION CHECK (ratio > 0) REFERENCES u (id) ON DELETE SET NULL,\n"
               "  who TEXT DEFAULT CURRENT_USER,\n"
               "  kind ENUM('a', 'b'),\n"
               "  n SERIAL,\n"
               "  flag BOOLEAN DEFAULT TRUE,\n"
               "  CONSTRAINT q UNIQUE (kind), CHECK (n > 1),\n"
               ") WITH (TYPE = 'USER', STORAGE_ID = 'local', USE_USER_STORAGE = true,\n"
               "        FLUSH_POLICY = 'rows:100, interval:60', DELETED_RETENTION_HOURS = 2,\n"
               "        bloom_filter_fpp = 0.02)");
    const struct create_table_part *p = &s->as.create_table;
    EXPECT_STR(p->table.ns, "app");
    EXPECT(p->says_kind);
    EXPECT_INT(p->kind, TABLE_USER);
    EXPECT_UINT(p->columns.count, 11);
    EXPECT_INT(p->primary_key, 0);
    const struct column_def *c = p->columns.items;
    EXPECT_STR(c[0].name, "id");
    EXPECT_INT(c[0].default_kind, DEFAULT_SNOWFLAKE_ID);
    EXPECT(c[0].is_primary_key && !c[0].is_nullable);
    EXPECT(!c[1].is_nullable && c[1].is_unique);
    EXPECT_STR(c[1].default_value.as.text, "x'y");
    EXPECT_STR(c[1].default_text, "'x''y'");
    EXPECT(c[2].default_value.as.decimal == -15);
    EXPECT_UINT(c[2].type.scale, 2);
    EXPECT_INT(c[3].default_kind, DEFAULT_NOW);
    EXPECT_INT(c[3].type.id, TYPE_TIMESTAMP);
    EXPECT_STR(c[4].default_value.as.text, "{}");
    EXPECT_STR(c[4].comment, "a document");
    EXPECT_UINT(c[5].type.dimension, 384);
    EXPECT_INT(c[6].type.id, TYPE_DOUBLE);
    EXPECT_INT(c[7].default_kind, DEFAULT_CURRENT_USER);
    EXPECT(c[8].type.id == TYPE_TEXT && c[8].is_unique);
    EXPECT_INT(c[9].default_kind, DEFAULT_SNOWFLAKE_ID);
    EXPECT(c[10].default_value.as.boolean);
    EXPECT_STR(p->options.storage_id, "local");
    EXPECT_INT(p->options.use_user_storage.value, 1);
    EXPECT_INT(p->options.flush_rows.value, 100);
    EXPECT_INT(p->options.flush_interval_s.value, 60);
    EXPECT_INT(p->options.deleted_retention_s.value, 7200);
    EXPECT_INT(p->options.bloom_filter_ppm.value, 20000);
    sql_help_reset();
}

TEST(sql_parse_create_table_takes_a_location_of_plain_folders_and_tokens_only)
{
    static const char *const good[] = {
        "{userId}",
        "a/{user_id}/b",
        "${user_id}/${table_name}/{namespace}",
        "1/2/3/4/5/6/7/${userId}",
        "A-b_9/{user-id}/",
    };
    static const char *const bad[] = {
        "",
        "/",
        "/a/{userId}",
        "a//{userId}",
        "{userId}//",
        "../{userId}",
        "a/./{userId}",
        "a*/{userId}",
        "a=b/{userId}",
        "a.b/{userId}",
        "a b/{userId}",
        "a%41/{userId}",
        "a+b/{userId}",
        "x{userId}",
        "{userId}/{userId}",
        "{userId}/{shard}",
        "$/{userId}",
        "${/{userId}",
        "1/2/3/4/5/6/7/8/{userId}",
        "a23456789b123456789c123456789d123456789e123456789f123456789g12345/{userId}",
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        EXPECT(parsed(arena_format(&arena, "CREATE USER TABLE m (id INT) LOCATION '%s'", good[i]).p)
                   ->as.create_table.options.has_location);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct bad_text text[] = {
            {arena_format(&arena, "CREATE USER TABLE m (id INT) LOCATION '%s'", bad[i]).p,
             ERROR_SYNTAX, BAD_LOCATION}};
        EXPECT_BAD_TEXTS(text);
    }
    static const struct bad_text kinds[] = {
        {"CREATE USER TABLE m (id INT) LOCATION 'a'", ERROR_SYNTAX,
         INVALID_TABLE("LOCATION of a USER table needs ${user_id}")},
        {"CREATE SHARED TABLE m (id INT) LOCATION 'a/{userId}'", ERROR_SYNTAX,
         INVALID_TABLE("LOCATION of a SHARED table may not have ${user_id}")},
        {"CREATE STREAM TABLE m (id INT) LOCATION 'a' WITH (ttl_seconds = 1)", ERROR_SYNTAX,
         INVALID_TABLE("LOCATION is not supported for STREAM tables")},
    };
    EXPECT_BAD_TEXTS(kinds);
    arena_release(&arena);
    sql_help_reset();
}

/* Text that would grow quadratically if it were rewritten token by token. */
TEST(sql_parse_create_table_refuses_a_long_location_at_once)
{
    struct buf text;
    buf_init(&text);
    buf_append_c(&text, "CREATE SHARED TABLE m (id INT) LOCATION '");
    for (unsigned i = 0; i < 250000; i++) {
        buf_append_c(&text, "${");
    }
    buf_append_str(&text, str_of("'", 2)); /* with its NUL */
    const struct bad_text texts[] = {{text.p, ERROR_SYNTAX, BAD_LOCATION}};
    EXPECT_BAD_TEXTS(texts);
    buf_release(&text);
    sql_help_reset();
}

TEST(sql_parse_create_table_numbers_its_unique_sets)
{
    const struct create_table_part *p =
        &parsed("CREATE TABLE m (id INT PRIMARY KEY, a INT, b INT, c INT, UNIQUE (b, a), "
                "UNIQUE (c), CONSTRAINT x UNIQUE (b, c))")
             ->as.create_table;
    const struct column_def *c = p->columns.items;
    EXPECT_UINT(p->unique_set_count, 2);
    EXPECT_UINT(c[0].unique_sets, 0);
    EXPECT_UINT(c[1].unique_sets, 1);
    EXPECT_UINT(c[2].unique_sets, 3);
    EXPECT_UINT(c[3].unique_sets, 2);
    EXPECT(!c[1].is_unique && !c[2].is_unique && c[3].is_unique);
    sql_help_reset();
}

TEST(sql_parse_create_table_takes_32_unique_sets_and_no_more)
{
    struct buf text;
    buf_init(&text);
    buf_append_c(&text, "CREATE TABLE m (id INT PRIMARY KEY, a INT, b INT");
    for (unsigned i = 0; i < LIMIT_UNIQUE_SETS; i++) {
        buf_append_c(&text, ", UNIQUE (a, b)");
    }
    size_t full = text.n;
    buf_append_str(&text, str_of(")", 2)); /* with its NUL */
    EXPECT_UINT(parsed(text.p)->as.create_table.columns.items[1].unique_sets, UINT32_MAX);
    text.n = full;
    buf_append_str(&text, str_of(", UNIQUE (a, id))", 18));
    const struct bad_text past[] = {
        {text.p, ERROR_LIMIT,
         INVALID_TABLE("a table may have 32 UNIQUE constraints of several columns")}};
    EXPECT_BAD_TEXTS(past);
    buf_release(&text);
    sql_help_reset();
}

TEST(sql_parse_create_table_takes_the_clauses_of_spec_002)
{
    const struct create_table_part *p =
        &parsed("CREATE USER TABLE m (id BIGINT, PRIMARY KEY (id)) LOCATION 'd/${user_id}/' "
                "FLUSH POLICY ROWS 1000 INTERVAL '5 minutes' WITH (deleted_retention = '7d')")
             ->as.create_table;
    EXPECT_INT(p->primary_key, 0);
    EXPECT_STR(p->options.location, "d/{userId}");
    EXPECT_INT(p->options.flush_rows.value, 1000);
    EXPECT_INT(p->options.flush_interval_s.value, 300);
    EXPECT_INT(p->options.deleted_retention_s.value, 7 * 86400);
    p = &parsed(
             "CREATE SHARED TABLE m (id BIGINT) LOCATION REFERENCE 'fast' FLUSH POLICY ROW_LIMIT 5 "
             "OR INTERVAL 30s WITH (deleted_retention = 'off')")
             ->as.create_table;
    EXPECT_STR(p->options.storage_id, "fast");
    EXPECT_INT(p->options.flush_rows.value, 5);
    EXPECT_INT(p->options.flush_interval_s.value, 30);
    EXPECT(p->options.deleted_retention_s.is_set);
    EXPECT_INT(p->options.deleted_retention_s.value, 0);
    p = &parsed("CREATE STREAM TABLE m (id INT) WITH (retention = '10s', ephemeral = true, "
                "max_buffer = "
                "1000)")
             ->as.create_table;
    EXPECT_INT(p->options.ttl_s.value, 10);
    EXPECT_INT(p->options.is_ephemeral.value, 1);
    EXPECT_INT(p->options.max_buffer.value, 1000);
    sql_help_reset();
}

TEST(sql_parse_alter_table_takes_several_actions)
{
    const struct alter_table_part *p =
        &parsed("ALTER TABLE app.t ADD COLUMN IF NOT EXISTS a INT NOT NULL DEFAULT 5, DROP b, "
                "MODIFY COLUMN c BIGINT, ALTER COLUMN d SET NOT NULL, ALTER e DROP NOT NULL, "
                "ALTER COLUMN f SET DEFAULT now(), ALTER COLUMN g DROP DEFAULT, "
                "RENAME COLUMN h TO i, SET ACCESS LEVEL public, "
                "SET TBLPROPERTIES (ACCESS_LEVEL = 'dba'), CREATE VECTOR INDEX j USING L2, "
                "DROP INDEX k, CREATE INDEX l, DROP COLUMN IF EXISTS m")
             ->as.alter_table;
    static const enum alter_action_kind kinds[] = {
        ALTER_ADD_COLUMN,    ALTER_DROP_COLUMN, ALTER_MODIFY_COLUMN, ALTER_SET_NOT_NULL,
        ALTER_DROP_NOT_NULL, ALTER_SET_DEFAULT, ALTER_DROP_DEFAULT,  ALTER_RENAME_COLUMN,
        ALTER_SET_ACCESS,    ALTER_SET_ACCESS,  ALTER_CREATE_INDEX,  ALTER_DROP_INDEX,
        ALTER_CREATE_INDEX,  ALTER_DROP_COLUMN,
    };
    EXPECT_UINT(p->action_count, sizeof kinds / sizeof kinds[0]);
    for (unsigned i = 0; i < p->action_count; i++) {
        EXPECT_INT(p->actions[i].kind, kinds[i]);
    }
    EXPECT(p->actions[0].if_not_exists && !p->actions[0].column_def.is_nullable);
    EXPECT_INT(p->actions[0].column_def.default_value.as.integer, 5);
    EXPECT_INT(p->actions[2].column_def.type.id, TYPE_BIGINT);
    EXPECT(!p->actions[2].column_def.says_nullability);
    EXPECT_INT(p->actions[5].column_def.default_kind, DEFAULT_NOW);
    EXPECT_STR(p->actions[7].new_name, "i");
    EXPECT_INT(p->actions[8].access_level, ACCESS_PUBLIC);
    EXPECT_INT(p->actions[9].access_level, ACCESS_DBA);
    EXPECT_INT(p->actions[10].metric, VECTOR_L2);
    EXPECT_INT(p->actions[12].metric, VECTOR_COSINE);
    EXPECT(p->actions[13].if_exists);
    sql_help_reset();
}

TEST(sql_parse_admin_ddl_keeps_its_parts)
{
    const struct statement *s = parsed("CREATE STORAGE S1 TYPE S3 BASE_DIRECTORY 's3://b' NAME ''");
    EXPECT_STR(s->as.storage.id, "S1");
    EXPECT_STR(s->as.storage.type, "s3");
    EXPECT(s->as.storage.has_name && s->as.storage.name.n == 0);
    EXPECT(!s->as.storage.has_region);
    s = parsed("CREATE USER 'Al''ice' WITH PASSWORD 'p''w' ROLE Admin EMAIL 'a@b'");
    EXPECT_STR(s->as.user.name, "Al'ice");
    EXPECT_STR(s->as.user.password, "p'w");
    EXPECT_INT(s->as.user.role, USER_ROLE_DBA);
    EXPECT_INT(s->as.user.auth, USER_AUTH_PASSWORD);
    EXPECT_STR(s->as.user.email, "a@b");
    s = parsed(
        "ALTER TOPIC a.t ADD SOURCE b.x ON UPDATE WHERE y = 'WITH' AND z WITH (payload = KEY)");
    EXPECT_STR(s->as.topic.source.ns, "b");
    EXPECT_INT(s->as.topic.event, TOPIC_ON_UPDATE);
    EXPECT_STR(s->as.topic.where_text, "y = 'WITH' AND z");
    EXPECT_INT(s->as.topic.where->kind, EXPR_AND);
    EXPECT_INT(s->as.topic.payload, TOPIC_PAYLOAD_KEY);
    s = parsed("CONSUME FROM a.t GROUP 'g' FROM OFFSET 12 LIMIT 3");
    EXPECT_INT(s->as.topic.start, CONSUME_OFFSET);
    EXPECT_INT(s->as.topic.offset.value, 12);
    EXPECT_INT(s->as.topic.limit.value, 3);
    s = parsed("ALTER NAMESPACE a SET OPTIONS (x = 'y', n = -5, f = 1.5, b = false)");
    EXPECT_UINT(s->as.namespace.option_count, 4);
    EXPECT_INT(s->as.namespace.options[1].value.as.integer, -5);
    EXPECT(s->as.namespace.options[2].value.type.id == TYPE_DOUBLE);
    s = parsed("CREATE VIEW a.v (x, y) AS SELECT 1, 2 -- end");
    EXPECT_STR(s->as.create_view.query, "SELECT 1, 2");
    EXPECT_UINT(s->as.create_view.columns.count, 2);
    s = parsed("USE 'App'");
    EXPECT_STR(s->as.namespace.name, "app");
    sql_help_reset();
}

TEST(sql_check_name_knows_reserved_words_by_the_grammar)
{
    static const struct {
        const char *name;
        bool is_reserved;
    } cases[] = {{"select", true}, {"Order", true}, {"table", true},   {"union", true},
                 {"set", true},    {"user", false}, {"values", false}, {"first", false},
                 {"name", false},  {"type", false}, {"key", false},    {"a b", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        EXPECT(sql_is_reserved_word(str_from(cases[i].name)) == cases[i].is_reserved);
    }
    struct error err;
    char longest[66];
    memset(longest, 'a', sizeof longest);
    EXPECT_OK(sql_check_name(str_of(longest, 64), NAME_TABLE, &err), &err);
    EXPECT_STATUS(sql_check_name(str_of(longest, 65), NAME_TABLE, &err), INVALID);
    EXPECT_STR_EQ(str_from(err.text), STR_LIT("Name is too long (65 characters, max 64)"));
    EXPECT_STATUS(sql_check_name(STR_LIT("default"), NAME_NAMESPACE, &err), INVALID);
    EXPECT_STATUS(sql_check_name(STR_LIT(""), NAME_COLUMN, &err), INVALID);
    EXPECT(sql_is_system_namespace(STR_LIT("pg_catalog")));
    EXPECT(!sql_is_system_namespace(STR_LIT("app")));
}
