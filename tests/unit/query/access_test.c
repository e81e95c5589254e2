/* tests/unit/query/access_test.c -- Goal: everybody sees and changes what the contract lets them
 * (sql.md section 9), on every way that a statement can take, and errors tell no more than they may
 * (http-ws.md section 2.9). Method: the same statement asked by each role. */
#include "rig.h"

static struct rig rig;

static const char *const people[] = {"alice", "sam", "dora", "root"};
static const char *const titles[] = {"User", "Service", "Dba", "System"};
enum { PEOPLE = 4 };

/* -- SHARED tables ------------------------------------------------------------------------------
 */

static const struct level {
    const char *name;  /* in WITH (ACCESS_LEVEL = ...) */
    const char *shown; /* in messages */
    bool reads[PEOPLE];
    bool writes[PEOPLE];
} levels[] = {
    {"PUBLIC", "Public", {true, true, true, true}, {false, true, true, true}},
    {"PRIVATE", "Private", {false, true, true, true}, {false, true, true, true}},
    {"RESTRICTED", "Restricted", {false, true, true, true}, {false, true, true, true}},
    {"DBA", "Dba", {false, false, true, true}, {false, false, true, true}},
};

static void expect_allowed(const char *user, const char *sql, bool is_allowed, const char *denied)
{
    str answer = str_from(rig_ask(&rig, user, sql));
    if (is_allowed ? answer.p[0] != '{' : !str_eq(answer, str_from(denied))) {
        test_fail(__FILE__, __LINE__, "%s asks \"%s\": %s", user, sql, answer.p);
    }
}

static const char *denied_text(const char *title, const char *what, const char *level)
{
    return arena_format(
               &rig.arena,
               "403 PERMISSION_DENIED: Statement 1 failed: Permission denied: Access denied: "
               "Role '%s' cannot access table 'app.t'. Shared table %s (access_level=%s)",
               title, what, level)
        .p;
}

static void check_level(const struct level *level)
{
    static const char *const reads[] = {
        "SELECT v FROM t WHERE id = 1",
        "SELECT count(*) FROM t",
        "SELECT (SELECT max(v) FROM t) AS m",
        "WITH x AS (SELECT * FROM t) SELECT * FROM x",
        "SELECT 'a' AS v UNION ALL SELECT v FROM t",
        "DESCRIBE TABLE t",
        "SHOW STATS FOR TABLE t",
        "SUBSCRIBE TO app.t",
    };
    static const char *const writes[] = {
        "INSERT INTO t VALUES (2, 'y')",      "UPDATE t SET v = 'z' WHERE id = 2",
        "UPDATE t SET v = 'w' WHERE v = 'z'", "DELETE FROM t WHERE v = 'w'",
        "DELETE FROM t WHERE id = 2",
    };
    for (unsigned p = 0; p < PEOPLE; p++) {
        const char *denied = denied_text(titles[p], "access denied", level->shown);
        for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
            expect_allowed(people[p], reads[i], level->reads[p], denied);
        }
        denied = denied_text(titles[p], "write denied", level->shown);
        for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
            expect_allowed(people[p], writes[i], level->writes[p], denied);
        }
    }
}

TEST(shared_tables_are_read_and_written_by_level)
{
    rig_open(&rig);
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        rig_do(&rig, arena_format(&rig.arena,
                                  "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, v TEXT) WITH "
                                  "(ACCESS_LEVEL = '%s')",
                                  levels[i].name)
                         .p);
        rig_do(&rig, "INSERT INTO t VALUES (1, 'x')");
        check_level(&levels[i]);
        rig_do(&rig, "DROP TABLE t");
    }
    rig_close(&rig);
}

TEST(a_level_that_was_changed_acts_at_once_also_on_plans_that_are_kept)
{
    rig_open(&rig);
    rig_do(&rig,
           "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, v TEXT) WITH (ACCESS_LEVEL = 'PUBLIC')");
    rig_do(&rig, "INSERT INTO t VALUES (1, 'x')");
    EXPECT_ROWS(&rig, "alice", "SELECT count(*) FROM t", "[[\"1\"]]");
    rig_do(&rig, "ALTER TABLE t SET ACCESS LEVEL PRIVATE");
    test_expect_str(str_from(rig_rows(&rig, "alice", "SELECT count(*) FROM t")),
                    str_from(denied_text("User", "access denied", "Private")), "kept plan",
                    __FILE__, __LINE__);
    rig_close(&rig);
}

TEST(a_service_cannot_open_a_table_that_is_closed_to_it)
{
    rig_open(&rig);
    rig_do(&rig, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY) WITH (ACCESS_LEVEL = 'DBA')");
    EXPECT_ROWS(
        &rig, "sam", "ALTER TABLE t SET ACCESS LEVEL PUBLIC",
        "403 PERMISSION_DENIED: Statement 1 failed: Unauthorized: Insufficient privileges to "
        "alter table");
    EXPECT_ROWS(
        &rig, "sam", "ALTER TABLE t ADD COLUMN c INT",
        "403 PERMISSION_DENIED: Statement 1 failed: Unauthorized: Insufficient privileges to "
        "alter table");
    rig_do_as(&rig, "dora", "ALTER TABLE t SET ACCESS LEVEL PUBLIC");
    rig_do_as(&rig, "sam", "ALTER TABLE t ADD COLUMN c INT");
    rig_close(&rig);
}

TEST(a_view_gives_no_rights)
{
    rig_open(&rig);
    rig_do(&rig, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, v TEXT)");
    rig_do(&rig, "CREATE USER TABLE u (id BIGINT PRIMARY KEY, v TEXT)");
    rig_do(&rig, "INSERT INTO t VALUES (1, 'x')");
    rig_do(&rig, "INSERT INTO u VALUES (1, 'of root')");
    rig_do_as(&rig, "alice", "INSERT INTO u VALUES (1, 'of alice')");
    rig_do(&rig,
           "CREATE VIEW vt AS SELECT v FROM t; CREATE VIEW vu AS SELECT v FROM u; CREATE VIEW vs "
           "AS SELECT user_id FROM system.users");
    test_expect_str(str_from(rig_rows(&rig, "alice", "SELECT * FROM vt")),
                    str_from(denied_text("User", "access denied", "Private")), "vt", __FILE__,
                    __LINE__);
    EXPECT_ROWS(&rig, "alice", "SELECT * FROM vu", "[[\"of alice\"]]");
    EXPECT_ROWS(
        &rig, "alice", "SELECT * FROM vs",
        "403 PERMISSION_DENIED: Statement 1 failed: Unauthorized: System tables require 'dba' "
        "or 'system' role.");
    rig_close(&rig);
}

/* -- USER tables --------------------------------------------------------------------------------
 */

TEST(user_tables_show_each_caller_its_own_rows_on_every_way)
{
    rig_open(&rig);
    rig_do(&rig, "CREATE USER TABLE u (id BIGINT PRIMARY KEY, v TEXT)");
    for (unsigned p = 0; p < PEOPLE; p++) {
        rig_do_as(&rig, people[p],
                  arena_format(&rig.arena, "INSERT INTO u VALUES (1, 'of %s')", people[p]).p);
    }
    static const char *const reads[] = {
        "SELECT v FROM u WHERE id = 1", "SELECT v FROM u", "SELECT max(v) AS v FROM u",
        "SELECT a.v FROM u a JOIN u b ON a.id = b.id", "SELECT v FROM u WHERE _deleted = false"};
    for (unsigned is_cold = 0; is_cold < 2; is_cold++) {
        for (unsigned p = 0; p < PEOPLE; p++) {
            const char *wanted = arena_format(&rig.arena, "[[\"of %s\"]]", people[p]).p;
            for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
                test_expect_str(str_from(rig_rows(&rig, people[p], reads[i])), str_from(wanted),
                                reads[i], __FILE__, __LINE__);
            }
        }
        for (unsigned p = 0; p < PEOPLE && is_cold == 0; p++) {
            rig_flush(&rig, "app", "u", people[p]);
        }
    }
    rig_close(&rig);
}

/* -- what errors tell ---------------------------------------------------------------------------
 */

TEST(errors_that_are_not_for_users_are_replaced_by_the_contracts_texts)
{
    static const struct {
        enum error_id id;
        const char *text;
        const char *user;
        const char *admin;
    } cases[] = {
        {ERROR_BATCH_PARSE, "Failed to parse SQL batch: x", "Failed to parse SQL batch",
         "Failed to parse SQL batch: x"},
        {ERROR_INVALID_SQL, "x", "SQL statement is invalid or not allowed", "Invalid SQL: x"},
        {ERROR_TABLE_NOT_FOUND, "x", "SQL statement failed", "Table not found: x"},
        {ERROR_EXECUTION, "x", "SQL statement failed", "Execution error: x"},
        {ERROR_IO, "disk x", "SQL request failed", "disk x"},
        {ERROR_CORRUPT, "file x", "SQL request failed", "file x"},
        {ERROR_INTERNAL, "x", "SQL request failed", "x"},
        {ERROR_NOT_FOUND, "Table a.b not found", "SQL statement failed",
         "Not found: Table a.b not found"},
        {ERROR_NOT_FOUND, "Namespace 'n' does not exist", "Not found: Namespace 'n' does not exist",
         "Not found: Namespace 'n' does not exist"},
        {ERROR_CONSTRAINT, "x", "Constraint violation: x", "Constraint violation: x"},
        {ERROR_PERMISSION_DENIED, "x", "Permission denied: x", "Permission denied: x"},
        {ERROR_EXISTS, "x", "Already exists: x", "Already exists: x"},
        {ERROR_CONFLICT, "x", "Conflict: x", "Conflict: x"},
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err;
        status ignored = error_set(&err, cases[i].id, "%s", cases[i].text);
        (void)ignored.code;
        EXPECT_STR_EQ(query_error_text(&err, ROLE_USER, 0, &arena), str_from(cases[i].user));
        EXPECT_STR_EQ(query_error_text(&err, ROLE_SERVICE, 0, &arena), str_from(cases[i].user));
        EXPECT_STR_EQ(query_error_text(&err, ROLE_DBA, 0, &arena), str_from(cases[i].admin));
        EXPECT_STR_EQ(query_error_text(&err, ROLE_SYSTEM, 3, &arena),
                      arena_format(&arena, "Statement 3 failed: %s", cases[i].admin));
    }
    arena_release(&arena);
}

TEST(errors_of_conversions_tell_no_values)
{
    rig_open(&rig);
    rig_do(&rig, "CREATE USER TABLE u (id BIGINT PRIMARY KEY, v TEXT)");
    rig_do_as(&rig, "alice", "INSERT INTO u VALUES (1, 'a secret')");
    static const char *const statements[] = {
        "SELECT CAST(v AS INT) FROM u", "SELECT v::DATE FROM u", "SELECT sum(v::DOUBLE) FROM u"};
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        str answer = str_from(rig_ask(&rig, "alice", statements[i]));
        EXPECT(str_starts_with(answer, STR_LIT("400 SQL_EXECUTION_ERROR: ")));
        EXPECT(str_find(answer, STR_LIT("secret")) < 0);
        EXPECT(str_find(answer, STR_LIT("/")) < 0);
    }
    rig_close(&rig);
}

/* -- what SHOW shows ----------------------------------------------------------------------------
 */

TEST(show_storages_masks_what_is_for_admins)
{
    rig_open(&rig);
    rig_do(&rig,
           "CREATE STORAGE s TYPE filesystem PATH 'more' CREDENTIALS '{\"key\":\"k1\"}' CONFIG "
           "'{\"type\":\"local\"}'");
    str seen = str_from(rig_ask(&rig, "alice", "SHOW STORAGES"));
    EXPECT(str_find(seen, STR_LIT("k1")) < 0);
    EXPECT(str_find(seen, STR_LIT("{\\\"type\\\"")) < 0);
    EXPECT(str_find(seen, str_from(rig.cold)) < 0);
    EXPECT(str_find(seen, STR_LIT("\"***\",\"***\",\"***\",\"{namespace}/{tableName}\"")) > 0);
    seen = str_from(rig_ask(&rig, "dora", "SHOW STORAGES"));
    EXPECT(str_find(seen, STR_LIT("k1")) > 0);
    EXPECT(str_find(seen, STR_LIT("{\\\"type\\\"")) > 0);
    EXPECT(str_find(seen, str_from(rig.cold)) > 0);
    rig_close(&rig);
}

TEST(show_tables_lists_what_the_caller_may_read)
{
    rig_open(&rig);
    rig_do(&rig,
           "CREATE USER TABLE mine (id BIGINT PRIMARY KEY); CREATE SHARED TABLE hidden (id BIGINT "
           "PRIMARY KEY); CREATE SHARED TABLE open (id BIGINT PRIMARY KEY) WITH (ACCESS_LEVEL = "
           "'PUBLIC')");
    str seen = str_from(rig_ask(&rig, "alice", "SHOW TABLES IN app"));
    EXPECT(str_find(seen, STR_LIT("\"app:mine\"")) > 0);
    EXPECT(str_find(seen, STR_LIT("\"app:open\"")) > 0);
    EXPECT(str_find(seen, STR_LIT("hidden")) < 0);
    seen = str_from(rig_ask(&rig, "alice", "SELECT table_name FROM information_schema.tables"));
    EXPECT(str_find(seen, STR_LIT("mine")) > 0);
    EXPECT(str_find(seen, STR_LIT("hidden")) < 0);
    seen = str_from(rig_ask(&rig, "sam", "SHOW TABLES"));
    EXPECT(str_find(seen, STR_LIT("\"app:hidden\"")) > 0);
    EXPECT(str_find(seen, STR_LIT("\"dba:stats\"")) < 0);
    rig_close(&rig);
}

TEST(system_tables_are_for_admins_in_every_part_of_a_statement)
{
    rig_open(&rig);
    static const char *const statements[] = {
        "SELECT user_id FROM system.users",
        "SELECT 1 FROM (SELECT * FROM system.jobs) x",
        "WITH x AS (SELECT * FROM system.schemas) SELECT 1 FROM x",
        "SELECT 1 AS a UNION SELECT 2 FROM system.settings",
        "SELECT (SELECT count(*) FROM system.storages) AS n",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM system.live)",
        "DESCRIBE TABLE system.users",
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        for (unsigned p = 0; p < PEOPLE; p++) {
            expect_allowed(people[p], statements[i], p >= 2,
                           "403 PERMISSION_DENIED: Statement 1 failed: Unauthorized: System tables "
                           "require 'dba' or 'system' role.");
        }
    }
    EXPECT_ROWS(&rig, "alice", "SELECT name FROM system.namespaces WHERE name = 'app'",
                "[[\"app\"]]"); /* quirk Q-12 */
    rig_close(&rig);
}

/* -- statements by role -------------------------------------------------------------------------
 */

TEST(statements_are_for_the_roles_of_the_contract)
{
    rig_open(&rig);
    rig_do(&rig, "CREATE SHARED TABLE app.t (id BIGINT PRIMARY KEY)");
    static const struct {
        const char *sql;
        unsigned first; /* of people who may */
        const char *denied;
    } cases[] = {
        {"CREATE NAMESPACE IF NOT EXISTS n", 2,
         "Admin privileges (DBA or System role) required for namespace operations"},
        {"ALTER NAMESPACE app SET OPTIONS (a = 1)", 2,
         "Admin privileges (DBA or System role) required for namespace operations"},
        {"DROP NAMESPACE IF EXISTS zzz", 2,
         "Admin privileges (DBA or System role) required for namespace operations"},
        {"STORAGE CHECK local", 2,
         "Admin privileges (DBA or System role) required for storage operations"},
        {"CREATE OR REPLACE VIEW v AS SELECT 1 AS a", 2,
         "Only DBA or System roles can create views"},
        {"ALTER USER bob SET EMAIL 'b@x'", 2, "ALTER USER requires DBA or System role"},
        {"DROP USER IF EXISTS zzz", 2, "DROP USER requires DBA or System role"},
        {"KILL JOB 'FL-1'", 2, "Admin privileges (DBA or System role) required for job operations"},
        {"KILL LIVE QUERY 'x'", 2, "KILL LIVE QUERY requires DBA or System role"},
        {"EXPLAIN SELECT 1", 2,
         "Admin privileges (DBA or System role) required for EXPLAIN commands"},
        {"STORAGE FLUSH TABLE app.t", 1,
         "STORAGE FLUSH TABLE requires Service, DBA, or System role"},
        {"STORAGE FLUSH ALL", 1, "STORAGE FLUSH ALL requires Service, DBA, or System role"},
        {"STORAGE COMPACT TABLE app.t", 1,
         "STORAGE COMPACT TABLE requires Service, DBA, or System role"},
        {"DROP TABLE IF EXISTS zzz", 2, "Insufficient privileges to drop this table"},
        {"SHOW NAMESPACES", 0, ""},
        {"SHOW TABLES", 0, ""},
        {"SHOW STORAGES", 0, ""},
        {"SHOW MANIFEST", 0, ""},
        {"USE app", 0, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *denied =
            arena_format(&rig.arena, "403 PERMISSION_DENIED: Unauthorized: %s", cases[i].denied).p;
        for (unsigned p = 0; p < PEOPLE; p++) {
            expect_allowed(people[p], cases[i].sql, p >= cases[i].first, denied);
        }
    }
    rig_close(&rig);
}

TEST(tables_are_made_by_the_roles_of_the_contract)
{
    rig_open(&rig);
    rig_do(&rig, "CREATE NAMESPACE alice");
    EXPECT_ROWS(
        &rig, "alice", "CREATE SHARED TABLE s (id BIGINT PRIMARY KEY)",
        "403 PERMISSION_DENIED: Statement 1 failed: Unauthorized: Insufficient privileges to "
        "create shared tables");
    EXPECT_ROWS(
        &rig, "alice", "CREATE TABLE s (id BIGINT PRIMARY KEY)",
        "403 PERMISSION_DENIED: Statement 1 failed: Unauthorized: Insufficient privileges to "
        "create shared tables");
    EXPECT_ROWS(&rig, "alice", "CREATE TABLE alice.own (id BIGINT PRIMARY KEY)",
                "CREATE TABLE via Raft consensus: user table alice.own created successfully");
    EXPECT_ROWS(&rig, "alice", "CREATE USER TABLE u (id BIGINT PRIMARY KEY)",
                "CREATE TABLE via Raft consensus: user table app.u created successfully");
    EXPECT_ROWS(&rig, "alice", "CREATE STREAM TABLE e (id BIGINT) WITH (TTL_SECONDS = 5)",
                "CREATE TABLE via Raft consensus: stream table app.e created successfully");
    EXPECT_ROWS(&rig, "sam", "CREATE TABLE s (id BIGINT PRIMARY KEY)",
                "CREATE TABLE via Raft consensus: shared table app.s created successfully");
    rig_close(&rig);
}

/* -- users --------------------------------------------------------------------------------------
 */

TEST(users_are_made_changed_and_dropped_with_the_contracts_texts)
{
    rig_open(&rig);
    EXPECT_ROWS(&rig, "dora", "CREATE USER eve WITH PASSWORD 'eve-password' ROLE user EMAIL 'e@x'",
                "User 'eve' created");
    EXPECT_ROWS(&rig, "dora", "CREATE USER eve WITH PASSWORD 'eve-password' ROLE user",
                "400 SQL_EXECUTION_ERROR: Statement 1 failed: Already exists: User 'eve' already "
                "exists");
    EXPECT_ROWS(&rig, "dora",
                "SELECT role, email, auth_type, deleted_at FROM system.users WHERE user_id "
                "= 'eve'",
                "[[\"user\",\"e@x\",\"password\",null]]");
    EXPECT_ROWS(&rig, "dora", "ALTER USER eve SET ROLE service", "User 'eve' updated");
    EXPECT_ROWS(
        &rig, "dora", "ALTER USER eve SET ROLE system",
        "403 PERMISSION_DENIED: Statement 1 failed: Unauthorized: DBA cannot grant System role");
    EXPECT_ROWS(
        &rig, "dora", "ALTER USER root SET PASSWORD 'taken over'",
        "403 PERMISSION_DENIED: Statement 1 failed: Permission denied: Only a System user can "
        "change a System user");
    EXPECT_ROWS(
        &rig, "dora", "DROP USER root",
        "403 PERMISSION_DENIED: Statement 1 failed: Permission denied: Only a System user can "
        "change a System user");
    EXPECT_ROWS(&rig, "dora", "ALTER USER nobody SET ROLE user",
                "400 SQL_EXECUTION_ERROR: Statement 1 failed: Not found: User 'nobody' not found");
    EXPECT_ROWS(&rig, "dora", "DROP USER eve", "User 'eve' dropped (soft delete)");
    EXPECT_ROWS(&rig, "dora", "DROP USER eve",
                "400 SQL_EXECUTION_ERROR: Statement 1 failed: Not found: User 'eve' not found");
    EXPECT_ROWS(&rig, "dora", "DROP USER IF EXISTS eve", "User 'eve' does not exist (skipped)");
    EXPECT_ROWS(&rig, "dora", "CREATE USER eve WITH PASSWORD 'eve-password' ROLE user",
                "400 SQL_EXECUTION_ERROR: Statement 1 failed: Already exists: User 'eve' already "
                "exists");
    rig_close(&rig);
}

TEST(passwords_are_stored_as_hashes_only)
{
    rig_open(&rig);
    rig_do(&rig, "ALTER USER bob SET PASSWORD 'the-new-secret'");
    str users = str_from(rig_ask(&rig, "root", "SELECT * FROM system.users"));
    EXPECT(str_find(users, STR_LIT("the-new-secret")) < 0);
    EXPECT(str_find(users, STR_LIT("Alice-password1")) < 0);
    struct user *bob = catalog_find_user(rig.catalog, STR_LIT("bob"));
    EXPECT(str_starts_with(bob->password_hash, STR_LIT("$2b$04$")));
    user_give(bob);
    str seen = str_from(rig_ask(&rig, "root",
                                "CREATE USER x WITH PASSWORD 'the-new-secret' ROLE "
                                "nonsense"));
    EXPECT(str_find(seen, STR_LIT("the-new-secret")) < 0);
    rig_close(&rig);
}

static void demand_complexity(struct query_limits *limits)
{
    limits->password_complexity = true;
}

TEST(passwords_follow_the_rules_when_they_are_on)
{
    static const char *const cases[][2] = {
        {"short1A!", "User 'x1' created"},
        {"Ab1!", "Password must be at least 8 characters (weak)"},
        {"lowercase1!", "Password must include at least one uppercase letter"},
        {"UPPERCASE1!", "Password must include at least one lowercase letter"},
        {"NoDigits!!", "Password must include at least one digit"},
        {"NoSpecial11", "Password must include at least one special character"},
    };
    rig_open_with(&rig, demand_complexity);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *sql = arena_format(&rig.arena, "CREATE USER x%zu WITH PASSWORD '%s' ROLE user",
                                       i + 1, cases[i][0])
                              .p;
        str answer = str_from(rig_rows(&rig, "root", sql));
        if (str_find(answer, str_from(cases[i][1])) < 0) {
            test_fail(__FILE__, __LINE__, "%s: %s", sql, answer.p);
        }
    }
    rig_close(&rig);
}
