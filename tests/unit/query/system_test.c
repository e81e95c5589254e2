/* tests/unit/query/system_test.c -- Goal: system tables have the columns that clients read
 * (contract http-ws.md section 11, sql.md section 6.2), in that order, with those types; their rows
 * say what is there. Method: the contract's lists, written down again here, against the tables as
 * DESCRIBE, SELECT * and system.schemas show them. */
#include "rig.h"

#include "query/system.h"
#include "wire/json.h"

static struct rig rig;

/* As in the contract: T text, B bigint, I int, S smallint, F float, TS timestamp, J json, Bo
 * boolean,
 * `?` nullable. */
static const struct {
    const char *table;
    const char *columns;
} contract[] = {
    {"system.users", "user_id T, password_hash T, role T, email T?, auth_type T, auth_data J?, "
                     "storage_mode T, storage_id "
                     "T?, failed_login_attempts I, locked_until TS?, last_login_at TS?, created_at "
                     "TS, updated_at TS, "
                     "last_seen TS?, deleted_at TS?"},
    {"system.namespaces", "namespace_id T, name T, created_at TS, options J?, table_count I"},
    {"system.schemas",
     "table_id T, table_name T, namespace_id T, table_type T, created_at TS, schema_version I, "
     "columns J, "
     "table_comment T?, updated_at TS, options J?, access_level T?, is_latest Bo, storage_id T?, "
     "use_user_storage Bo?"},
    {"system.tables", "namespace_id T, table_name T, table_type T, storage_id T?, version B, "
                      "options T?, comment T?, "
                      "updated_at TS, created_at TS"},
    {"system.columns",
     "namespace_id T, table_name T, version B, column_id B, column_name T, comment T?, data_type "
     "T, "
     "default_value T?, ordinal B, nullable Bo, primary_key Bo, primary_key_pos B?"},
    {"system.storages", "storage_id T, storage_name T, description T?, storage_type T, "
                        "base_directory T, credentials J?, "
                        "config_json J?, shared_tables_template T, user_tables_template T, "
                        "created_at TS, updated_at TS"},
    {"system.jobs", "job_id T, job_type T, status T, leader_status T?, parameters J?, message T?, "
                    "exception_trace T?, "
                    "idempotency_key T?, queue T?, priority I?, retry_count S, max_retries S, "
                    "memory_used B?, cpu_used "
                    "B?, created_at TS, updated_at TS, started_at TS?, finished_at TS?, node_id B, "
                    "leader_node_id B?"},
    {"system.job_nodes", "job_id T, node_id B, status T, error_message T?, created_at TS, "
                         "started_at TS?, finished_at TS?, "
                         "updated_at TS"},
    {"system.live",
     "live_id T, connection_id T, subscription_id T, namespace_id T, table_name T, user_id T, "
     "query T, "
     "options J?, status T, created_at TS, last_update TS, changes B, node_id B, last_ping_at TS"},
    {"system.manifest", "cache_key T, namespace_id T, table_name T, scope T, etag T?, "
                        "last_refreshed TS, last_accessed TS, "
                        "in_memory Bo, sync_state T, manifest_json J"},
    {"system.cluster",
     "cluster_id T, node_id B, role T, status T, rpc_addr T, api_addr T, is_self Bo, is_leader Bo, "
     "groups_leading I, total_groups I, current_term B?, last_applied_log B?, "
     "leader_last_log_index B?, "
     "snapshot_index B?, catchup_progress_pct S?, replication_lag B?, hostname T?, version T?, "
     "memory_mb "
     "B?, memory_usage_mb B?, cpu_usage_percent F?, uptime_seconds B?, uptime_human T?, os T?, "
     "arch T?"},
    {"system.settings", "name T, value T, description T, category T"},
    {"system.stats", "metric_name T, metric_value T"},
    {"system.transactions",
     "transaction_id T, owner_id T, origin T, state T, age_ms B, idle_ms B, write_count B, "
     "write_bytes B, touched_tables_count B, snapshot_commit_seq B"},
    {"system.datatypes", "arrow_type T, kalam_type T, sql_name T, description T"},
    {"system.audit_log", "audit_id T, timestamp TS, actor_user_id T, action T, target T, details "
                         "T?, ip_address T?, subject_user_id T?"},
    {"system.topics", "topic_id T, name T, alias T?, partitions I, retention_seconds B?, "
                      "retention_max_bytes B?, routes J, created_at TS, updated_at TS"},
    {"system.topic_offsets",
     "topic_id T, group_id T, partition_id I, last_acked_offset B, updated_at TS"},
    {"system.cluster_groups",
     "group_id B, cluster_id T, node_id B, group_type T, current_term B?, vote J?, last_log_index "
     "B?, last_applied B?, snapshot B?, purged B?, committed B?, state T?, current_leader B?, "
     "millis_since_quorum_ack B?"},
    {"system.sessions",
     "session_id T, backend_pid B?, current_schema T?, state T, transaction_id T?, "
     "transaction_state T?, transaction_has_writes Bo, client_addr T?, transport T, opened_at TS, "
     "last_seen_at TS, last_method T?"},
    {"system.server_logs", "timestamp T, level T, thread T?, target T?, line B?, message T"},
    {"system.describe",
     "column_name T, ordinal_position I, column_id B, data_type T, is_nullable Bo, "
     "is_primary_key Bo, column_default T?, column_comment T?, schema_version I"},
    {"information_schema.tables", "table_catalog T, table_schema T, table_name T, table_type T"},
    {"information_schema.columns",
     "table_catalog T, table_schema T, table_name T, column_name T, ordinal_position B, "
     "column_default T?, is_nullable T, data_type T, character_maximum_length B?, "
     "character_octet_length B?, numeric_precision B?, numeric_precision_radix B?, numeric_scale "
     "B?, datetime_precision B?, interval_type T?"},
    {"information_schema.views", "table_catalog T, table_schema T, table_name T, definition T?"},
    {"information_schema.schemata",
     "catalog_name T, schema_name T, schema_owner T?, default_character_set_catalog T?, "
     "default_character_set_schema T?, default_character_set_name T?, sql_path T?"},
    {"information_schema.df_settings", "name T, value T?, description T?"},
    {"information_schema.routines",
     "specific_catalog T, specific_schema T, specific_name T, routine_catalog T, routine_schema T, "
     "routine_name T, routine_type T, is_deterministic Bo?, data_type T?, function_type T?, "
     "description T?, syntax_example T?"},
    {"information_schema.parameters",
     "specific_catalog T, specific_schema T, specific_name T, ordinal_position B, parameter_mode "
     "T, parameter_name T?, data_type T, parameter_default T?, is_variadic Bo, rid S"},
};
enum { TABLES = sizeof contract / sizeof contract[0] };

static const char *letter_of(enum type_id type)
{
    switch (type) {
    case TYPE_TEXT:
        return "T";
    case TYPE_BIGINT:
        return "B";
    case TYPE_INT:
        return "I";
    case TYPE_SMALLINT:
        return "S";
    case TYPE_FLOAT:
        return "F";
    case TYPE_TIMESTAMP:
        return "TS";
    case TYPE_JSON:
        return "J";
    case TYPE_BOOLEAN:
        return "Bo";
    default:
        return "?";
    }
}

static str columns_of(const struct system_table *table, struct arena *arena)
{
    str text = {NULL, 0};
    for (unsigned i = 0; i < table->column_count; i++) {
        const struct system_column_def *c = &table->columns[i];
        text = arena_format(arena, STR_FMT "%s%s %s%s", STR(text), i > 0 ? ", " : "", c->name,
                            letter_of(c->type), c->is_nullable ? "?" : "");
    }
    return text;
}

TEST(system_tables_have_the_columns_of_the_contract)
{
    struct arena arena;
    arena_init(&arena);
    for (unsigned i = 0; i < TABLES; i++) {
        str name = str_from(contract[i].table);
        size_t dot = (size_t)str_find_char(name, '.');
        const struct system_table *table =
            system_table_find(str_slice(name, 0, dot), str_skip(name, dot + 1));
        EXPECT(table != NULL);
        test_expect_str(columns_of(table, &arena), str_from(contract[i].columns), contract[i].table,
                        __FILE__, __LINE__);
    }
    EXPECT(system_table_at(TABLES) == NULL); /* a table without a line here is not tested */
    EXPECT(system_table_at(TABLES - 1) != NULL);
    arena_release(&arena);
}

/* "id T, name T?" of the schema of an answer. */
static str wire_columns(str answer, struct arena *arena)
{
    static const struct {
        const char *wire;
        const char *letter;
    } types[] = {{"Text", "T"},  {"BigInt", "B"},     {"Int", "I"},  {"SmallInt", "S"},
                 {"Float", "F"}, {"Timestamp", "TS"}, {"Json", "J"}, {"Boolean", "Bo"}};
    const struct json *root = NULL;
    struct error err;
    EXPECT_OK(json_parse(answer, arena, &root, &err), &err);
    str text = {NULL, 0};
    for (const struct json *c = json_get(root, "schema")->as.children.first; c != NULL;
         c = c->next) {
        str name;
        str type;
        EXPECT(json_as_text(json_get(c, "name"), &name));
        EXPECT(json_as_text(json_get(c, "data_type"), &type));
        const char *letter = "?";
        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
            letter = str_eq_c(type, types[i].wire) ? types[i].letter : letter;
        }
        text = arena_format(arena, STR_FMT "%s" STR_FMT " %s", STR(text), text.n > 0 ? ", " : "",
                            STR(name), letter);
    }
    return text;
}

static str without_marks(struct arena *arena, const char *columns)
{
    struct buf text;
    buf_init(&text);
    for (const char *c = columns; *c != '\0'; c++) {
        if (*c != '?') {
            buf_append_byte(&text, (uint8_t)*c);
        }
    }
    str copy = arena_copy(arena, buf_str(&text));
    buf_release(&text);
    return copy;
}

TEST(select_star_of_a_system_table_gives_these_columns_and_types)
{
    rig_open(&rig);
    for (unsigned i = 0; i < TABLES; i++) {
        const char *sql = arena_format(&rig.arena, "SELECT * FROM %s", contract[i].table).p;
        str answer = str_from(rig_ask(&rig, "root", sql));
        if (answer.p[0] != '{') {
            test_fail(__FILE__, __LINE__, "%s: %s", sql, answer.p);
        }
        test_expect_str(wire_columns(answer, &rig.arena),
                        without_marks(&rig.arena, contract[i].columns), sql, __FILE__, __LINE__);
    }
    rig_close(&rig);
}

TEST(show_statements_give_the_columns_of_their_tables)
{
    static const struct {
        const char *sql;
        unsigned table; /* of the contract above */
    } cases[] = {{"SHOW NAMESPACES", 1},
                 {"SHOW TABLES", 2},
                 {"SHOW TABLES IN app", 2},
                 {"SHOW STORAGES", 5},
                 {"SHOW MANIFEST", 9}};
    rig_open(&rig);
    rig_do(&rig, "CREATE USER TABLE t (id BIGINT PRIMARY KEY)");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        str answer = str_from(rig_ask(&rig, "alice", cases[i].sql));
        test_expect_str(wire_columns(answer, &rig.arena),
                        without_marks(&rig.arena, contract[cases[i].table].columns), cases[i].sql,
                        __FILE__, __LINE__);
    }
    rig_close(&rig);
}

TEST(system_schemas_has_one_row_per_version)
{
    rig_open(&rig);
    rig_do(&rig, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, d DECIMAL(6,2) DEFAULT 1.5) WITH "
                 "(ACCESS_LEVEL = 'PUBLIC', FLUSH_POLICY = 'rows:5,interval:60')");
    rig_do(&rig, "ALTER TABLE t ADD COLUMN c TEXT");
    EXPECT_ROWS(
        &rig, "root",
        "SELECT table_id, table_type, schema_version, is_latest, access_level, storage_id, "
        "use_user_storage FROM system.schemas WHERE table_name = 't' ORDER BY schema_version",
        "[[\"app:t\",\"shared\",1,false,\"public\",\"local\",null],[\"app:t\",\"shared\",2,true,"
        "\"public\",\"local\",null]]");
    EXPECT_ROWS(
        &rig, "root", "SELECT options FROM system.schemas WHERE table_id = 'app:t' AND is_latest",
        "[[\"{\\\"table_type\\\":\\\"SHARED\\\",\\\"storage_id\\\":\\\"local\\\","
        "\\\"access_level\\\":\\\"Public\\\",\\\"flush_policy\\\":{\\\"type\\\":\\\"combined\\\","
        "\\\"row_limit\\\":5,\\\"interval_seconds\\\":60},\\\"compression\\\":\\\"zstd\\\"}\"]]");
    EXPECT_ROWS(&rig, "root",
                "SELECT columns->1->>'column_name' AS n, columns->1->>'default_value' AS d, "
                "columns->1->>'data_type' AS ty FROM system.schemas WHERE table_id = 'app:t' AND "
                "schema_version = 1",
                "[[\"d\",\"{\\\"Literal\\\":\\\"1.50\\\"}\","
                "\"{\\\"Decimal\\\":{\\\"precision\\\":6,\\\"scale\\\":2}}\"]]");
    EXPECT_ROWS(&rig, "root", "SELECT version FROM system.tables WHERE table_name = 't'",
                "[[\"2\"]]");
    EXPECT_ROWS(
        &rig, "root",
        "SELECT column_name, data_type, default_value, primary_key_pos FROM system.columns WHERE "
        "table_name = 't' AND column_name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY ordinal",
        "[[\"id\",\"BIGINT\",null,\"1\"],[\"d\",\"DECIMAL(6, 2)\",\"1.50\",null],[\"c\",\"TEXT\","
        "null,null]]");
    rig_close(&rig);
}

TEST(information_schema_knows_tables_at_once)
{
    rig_open(&rig);
    rig_do(&rig,
           "CREATE USER TABLE t (id BIGINT PRIMARY KEY, v TEXT); CREATE VIEW w AS SELECT v FROM t");
    EXPECT_ROWS(&rig, "alice",
                "SELECT table_catalog, table_name, table_type FROM information_schema.tables WHERE "
                "table_schema = 'app' ORDER BY table_name",
                "[[\"kalam\",\"t\",\"BASE TABLE\"],[\"kalam\",\"w\",\"VIEW\"]]");
    EXPECT_ROWS(
        &rig, "alice",
        "SELECT column_name, is_nullable FROM information_schema.columns WHERE table_name = 't' "
        "AND ordinal_position < 3 ORDER BY ordinal_position",
        "[[\"id\",\"NO\"],[\"v\",\"YES\"]]");
    rig_close(&rig);
}

TEST(what_every_server_has_is_there)
{
    rig_open(&rig);
    EXPECT_ROWS(&rig, "root",
                "SELECT user_id, role, email FROM system.users WHERE user_id = 'root'",
                "[[\"root\",\"system\",\"root@localhost\"]]");
    EXPECT_ROWS(&rig, "root", "SELECT storage_id, storage_name, storage_type FROM system.storages",
                "[[\"local\",\"Local Filesystem\",\"filesystem\"]]");
    EXPECT_ROWS(
        &rig, "root",
        "SELECT table_id, access_level FROM system.schemas WHERE namespace_id = 'dba' ORDER BY "
        "table_id",
        "[[\"dba:notifications\",\"public\"],[\"dba:stats\",\"dba\"]]");
    rig_close(&rig);
}

/* -- by key -------------------------------------------------------------------------------------
 */

/* How many rows are made for a table when the statement asks for one key; NULL: for all. */
static unsigned rows_made(const char *ns, const char *name, const char *column, const char *key)
{
    const struct catalog_snapshot *snapshot = catalog_take(rig.catalog);
    struct session session = {.user_id = STR_LIT("root"),
                              .role = ROLE_SYSTEM,
                              .actor_id = STR_LIT("root"),
                              .actor_role = ROLE_SYSTEM,
                              .namespace_name = STR_LIT("app")};
    struct read_context rc;
    read_context_init(&rc, rig.engine, &session, snapshot, 0, &rig.arena);
    rc.key = (struct system_key){column, key != NULL ? str_from(key) : (str){NULL, 0}};
    struct system_rows *rows = NULL;
    EXPECT_OK(
        system_rows_load(&rc, system_table_find(str_from(ns), str_from(name)), &rows, &rig.err),
        &rig.err);
    unsigned count = system_rows_count(rows);
    system_rows_release(rows);
    read_context_release(&rc);
    catalog_give(snapshot);
    return count;
}

TEST(system_rows_load_with_a_key_makes_only_the_rows_of_that_key)
{
    rig_open(&rig);
    rig_do(&rig, "CREATE TABLE app.one (id BIGINT PRIMARY KEY) WITH (TYPE = 'USER')");
    rig_do(&rig, "CREATE TABLE app.two (id BIGINT PRIMARY KEY) WITH (TYPE = 'USER')");
    rig_do(&rig, "ALTER TABLE app.two ADD COLUMN v TEXT");
    static const struct {
        const char *ns;
        const char *table;
        const char *column;
        const char *key;
        unsigned rows;
    } cases[] = {{"system", "users", "user_id", "alice", 1},
                 {"system", "users", "user_id", "nobody", 0},
                 {"system", "namespaces", "namespace_id", "app", 1},
                 {"system", "tables", "table_name", "one", 1},
                 {"system", "columns", "table_name", "one", 4},
                 {"system", "audit_log", "audit_id", "2", 1},
                 {"system", "audit_log", "audit_id", "x", 0},
                 {"information_schema", "tables", "table_name", "two", 1},
                 {"information_schema", "columns", "table_name", "two", 5}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned made = rows_made(cases[i].ns, cases[i].table, cases[i].column, cases[i].key);
        if (made != cases[i].rows) {
            test_fail(__FILE__, __LINE__, "%s.%s by %s: %u rows", cases[i].ns, cases[i].table,
                      cases[i].key, made);
        }
        EXPECT(rows_made(cases[i].ns, cases[i].table, NULL, NULL) > cases[i].rows);
    }
    rig_close(&rig);
}

TEST(system_key_find_takes_a_key_only_from_a_statement_that_reads_one_table_once)
{
    rig_open(&rig);
    static const struct {
        const char *sql;
        const char *rows;
    } cases[] = {
        {"SELECT user_id FROM system.users WHERE user_id = 'alice'", "[[\"alice\"]]"},
        {"SELECT u.user_id FROM system.users u WHERE 'bob' = u.user_id AND u.role = 'user'",
         "[[\"bob\"]]"},
        {"SELECT user_id FROM system.users WHERE NOT user_id = 'alice' AND user_id = 'bob'",
         "[[\"bob\"]]"},
        {"SELECT COUNT(*) AS n FROM system.users WHERE user_id = 'alice' OR role = 'service'",
         "[[\"2\"]]"},
        {"SELECT COUNT(*) AS n FROM system.users WHERE user_id IN (SELECT user_id FROM "
         "system.users) AND role = 'service'",
         "[[\"1\"]]"},
        {"SELECT user_id FROM system.users WHERE user_id = 'alice' AND role = (SELECT role FROM "
         "system.users WHERE user_id = 'bob')",
         "[[\"alice\"]]"},
        {"WITH s AS (SELECT user_id, role FROM system.users) SELECT user_id FROM s WHERE role = "
         "'service'",
         "[[\"sam\"]]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        test_expect_str(str_from(rig_rows(&rig, "root", cases[i].sql)), str_from(cases[i].rows),
                        cases[i].sql, __FILE__, __LINE__);
    }
    rig_close(&rig);
}

/* What the rooms above query/ were asked for. */
static struct system_key asked;

static status note_key(void *context, const struct session *session, str table,
                       const struct system_key *key, struct arena *arena,
                       const struct row_sink *sink, struct error *unused)
{
    (void)context;
    (void)session;
    (void)table;
    (void)arena;
    (void)sink;
    (void)unused;
    asked = (struct system_key){key->column, arena_copy(&rig.arena, key->text)};
    return STATUS_IS_OK;
}

TEST(system_key_of_jobs_and_manifests_reaches_the_rooms_that_have_them)
{
    rig_open_hooked(&rig, note_key);
    static const struct {
        const char *sql;
        const char *column;
        const char *text;
    } cases[] = {
        {"SELECT status FROM system.jobs WHERE job_id = 'FL-1'", "job_id", "FL-1"},
        {"SELECT status FROM system.jobs WHERE job_type = 'flush' AND 'FL-2' = job_id", "job_id",
         "FL-2"},
        {"SELECT status FROM system.job_nodes WHERE job_id = 'FL-3'", "job_id", "FL-3"},
        {"SELECT etag FROM system.manifest WHERE table_name = 't' AND cache_key = 'app:t:shared'",
         "cache_key", "app:t:shared"},
        {"SELECT etag FROM system.manifest WHERE table_name = 't'", "table_name", "t"},
        {"SELECT status FROM system.jobs", NULL, ""},
        {"SELECT status FROM system.jobs WHERE job_id = 'FL-1' OR status = 'failed'", NULL, ""},
        {"SELECT status FROM system.jobs WHERE job_id IN (SELECT job_id FROM system.job_nodes)",
         NULL, ""},
        {"SELECT status FROM system.jobs WHERE job_id > 'FL-1'", NULL, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        asked = (struct system_key){"nothing was asked", STR_LIT("")};
        EXPECT_ROWS(&rig, "root", cases[i].sql, "[]");
        bool is_right = (asked.column == NULL) == (cases[i].column == NULL) &&
                        (asked.column == NULL || strcmp(asked.column, cases[i].column) == 0) &&
                        str_eq_c(asked.text, cases[i].text);
        if (!is_right) {
            test_fail(__FILE__, __LINE__, "%s: asked by %s = \"" STR_FMT "\"", cases[i].sql,
                      asked.column != NULL ? asked.column : "nothing", STR(asked.text));
        }
    }
    rig_close(&rig);
}
