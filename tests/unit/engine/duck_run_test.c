/* tests/unit/engine/duck_run_test.c -- Goal: statements run over our rows as the header says.
 * Method: an engine over tables in memory: every type through a scan and back, sessions that share
 * plans, both tiers, deadlines, cancels, errors that tell nothing. */
#include "base/lock.h"
#include "engine/duck_memory.h"
#include "test.h"
#include "unit/engine/duck_fixture.h"

static const char table_text[] = "SELECT id, body FROM \"17.1\".messages ORDER BY id";

static void define(struct fixture *f, enum duck_catalog catalog, struct schema *schema)
{
    struct error err;
    EXPECT_OK(duck_define_table(f->duck, catalog, schema, &err), &err);
}

/* --- values -------------------------------------------------------------------------------------
 */

TEST(duck_execute_constants_come_as_their_types)
{
    struct fixture f;
    fixture_open(&f, 1);
    struct fixture_session session = {.user = "alice"};
    EXPECT_STR(
        fixture_query(&f, 0, DUCK_HOT, &session,
                      "SELECT 1, 'x', NULL, true, 1.5, 1::TINYINT, 200::UTINYINT, "
                      "60000::USMALLINT, 4000000000::UINTEGER, 18446744073709551615::UBIGINT,"
                      " 7::HUGEINT, DATE '2024-01-02', TIME '01:02:03', "
                      "TIMESTAMP '2024-01-02 03:04:05', TIMESTAMP_S '2024-01-02 03:04:05', "
                      "TIMESTAMP_NS '2024-01-02 03:04:05.000001', [1, NULL, 3], "
                      "['a\"b', NULL], [[1.5], []], [1, 2]::FLOAT[2]",
                      NULL, 0),
        "1|x|NULL|true|1.5|1|200|60000|4000000000|18446744073709551615|7|2024-01-02|01:02:03|"
        "2024-01-02 03:04:05|2024-01-02 03:04:05|2024-01-02 03:04:05.000001|[1,null,3]|"
        "[\"a\\\"b\",null]|[[\"1.5\"],[]]|[1.0,2.0]\n");
    fixture_close(&f);
}

TEST(duck_memory_peak_is_of_what_this_thread_asked_for_since_its_reset)
{
    struct fixture f;
    fixture_open(&f, 1);
    duck_memory_peak_reset();
    EXPECT(duck_memory_peak_bytes() < 64 << 10);
    struct fixture_session session = {.user = "alice"};
    EXPECT_STR(fixture_query(&f, 0, DUCK_HOT, &session,
                             "SELECT len(list(range)) FROM range(1000000)", NULL, 0),
               "1000000\n");
    EXPECT(duck_memory_peak_bytes() >= 1000000 * sizeof(int64_t));
    duck_memory_peak_reset();
    EXPECT(duck_memory_peak_bytes() < 64 << 10);
    fixture_close(&f);
}

TEST(duck_execute_column_without_cell_encoding_is_refused)
{
    struct fixture f;
    fixture_open(&f, 1);
    struct fixture_session session = {.user = "alice"};
    static const char *const texts[] = {
        "SELECT INTERVAL '1 day' AS x",
        "SELECT {'a': 1} AS x",
        "SELECT MAP {'a': 1} AS x",
        "SELECT [INTERVAL '1 day'] AS x",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        str answer = fixture_query(&f, 0, DUCK_HOT, &session, texts[i], NULL, 0);
        EXPECT(str_starts_with(answer, STR_LIT("ERROR UNSUPPORTED: column x of type ")));
    }
    EXPECT_STR(fixture_query(&f, 0, DUCK_HOT, &session, "SELECT 2", NULL, 0), "2\n");
    fixture_close(&f);
}

TEST(duck_execute_hugeint_beyond_bigint_is_an_error)
{
    struct fixture f;
    fixture_open(&f, 1);
    struct fixture_session session = {.user = "alice"};
    EXPECT_STR(fixture_query(&f, 0, DUCK_HOT, &session,
                             "SELECT sum(x) AS s FROM (VALUES (9223372036854775807), (1)) v(x)",
                             NULL, 0),
               "ERROR INVALID: column s: a value is out of range for BIGINT");
    fixture_close(&f);
}

/* Every type, NULLs, short and long texts, over several batches. */
TEST(duck_execute_hot_scan_gives_every_cell_back)
{
    enum { COUNT = 5000 };
    struct fixture f;
    struct error err;
    fixture_open(&f, 1);
    struct schema *schema = fixture_schema(17, 1, true);
    unsigned columns = fixture_column_count(schema);
    struct fixture_session session = {.user = "alice"};
    struct value *rows = fixture_rows(&f, schema, 1, COUNT);
    fixture_add(&session, schema, rows, COUNT);
    define(&f, DUCK_HOT, schema);

    struct duck_conn *conn = duck_conn_of(f.duck, 0, DUCK_HOT);
    struct duck_statement *statement;
    struct duck_result *result;
    duck_session_set(conn, &session);
    EXPECT_OK(
        duck_prepare(conn, STR_LIT("SELECT * FROM \"17.1\".messages"), NULL, 0, &statement, &err),
        &err);
    EXPECT_OK(duck_execute(statement, NULL, 0, 0, &result, &err), &err);
    EXPECT_UINT(duck_result_column_count(result), columns);
    for (unsigned c = 0; c < columns; c++) {
        duck_result_expect(result, c, rows[c].type);
    }
    const struct batch *batch;
    size_t row = 0;
    for (;;) {
        EXPECT_OK(duck_fetch(result, &batch, &err), &err);
        if (batch == NULL) {
            break;
        }
        for (unsigned r = 0; r < batch->row_count; r++, row++) {
            for (unsigned c = 0; c < columns; c++) {
                struct value found = batch_get(batch, c, r);
                const struct value *wanted = &rows[row * columns + c];
                found.type = wanted->type; /* JSON, FILE, DATETIME come as their base types */
                if (!value_identical(&found, wanted)) {
                    test_fail(__FILE__, __LINE__, "row %zu column %u differs", row, c);
                }
            }
        }
    }
    EXPECT_UINT(row, COUNT);
    duck_result_close(result);
    EXPECT_UINT(session.opened, 1);
    EXPECT_UINT(session.closed, 1);
    fixture_close(&f);
    schema_give(schema);
}

TEST(duck_execute_parameters_take_the_type_of_their_place)
{
    struct fixture f;
    fixture_open(&f, 1);
    struct schema *schema = fixture_schema(17, 1, true);
    struct fixture_session session = {.user = "alice"};
    fixture_add(&session, schema, fixture_rows(&f, schema, 1, 100), 100);
    define(&f, DUCK_HOT, schema);
    struct value id = value_int(TYPE_BIGINT, 6);
    struct value text = value_text(STR_LIT("6"));
    struct value time = value_text(STR_LIT("2023-11-14T22:13:20.000006Z"));
    struct value uuid = value_text(STR_LIT("DEE9F4FF-0A15-202B-3641-4C57626D7883"));
    struct value null = value_null(type_of(TYPE_NONE));
    struct value bad = value_text(STR_LIT("six"));
    EXPECT_STR(fixture_query(&f, 0, DUCK_HOT, &session,
                             "SELECT id FROM \"17.1\".messages WHERE id = $1", &id, 1),
               "6\n");
    EXPECT_STR(fixture_query(&f, 0, DUCK_HOT, &session,
                             "SELECT id FROM \"17.1\".messages WHERE n = $1", &id, 1),
               "6\n");
    EXPECT_STR(fixture_query(&f, 0, DUCK_HOT, &session,
                             "SELECT id FROM \"17.1\".messages WHERE n = $1", &text, 1),
               "6\n");
    EXPECT_STR(fixture_query(&f, 0, DUCK_HOT, &session,
                             "SELECT id FROM \"17.1\".messages WHERE ts = $1", &time, 1),
               "6\n");
    EXPECT_STR(fixture_query(&f, 0, DUCK_HOT, &session,
                             "SELECT id FROM \"17.1\".messages WHERE u = $1", &uuid, 1),
               "6\n");
    EXPECT_STR(fixture_query(&f, 0, DUCK_HOT, &session,
                             "SELECT id FROM \"17.1\".messages WHERE n = $1", &null, 1),
               "");
    EXPECT_STR(fixture_query(&f, 0, DUCK_HOT, &session,
                             "SELECT id FROM \"17.1\".messages ORDER BY id LIMIT $1", &id, 1),
               "1\n2\n3\n4\n5\n6\n");
    EXPECT(str_starts_with(fixture_query(&f, 0, DUCK_HOT, &session,
                                         "SELECT id FROM \"17.1\".messages WHERE n = $1", &bad, 1),
                           STR_LIT("ERROR INVALID: ")));
    fixture_close(&f);
    schema_give(schema);
}

/* --- scans --------------------------------------------------------------------------------------
 */

TEST(duck_execute_scan_is_asked_for_used_columns_only)
{
    struct fixture f;
    fixture_open(&f, 1);
    struct schema *schema = fixture_schema(17, 1, false);
    struct fixture_session session = {.user = "alice"};
    fixture_add(&session, schema, fixture_rows(&f, schema, 1, 10), 10);
    define(&f, DUCK_HOT, schema);
    define(&f, DUCK_RAW, schema);
    (void)fixture_query(&f, 0, DUCK_HOT, &session, "SELECT n FROM \"17.1\".messages", NULL, 0);
    EXPECT_UINT(session.last_wanted, 1 << 2 | 1 << 5); /* n, and _deleted for the view's filter */
    (void)fixture_query(&f, 0, DUCK_RAW, &session, "SELECT count(*) FROM \"17.1\".messages", NULL,
                        0);
    EXPECT_STR(
        fixture_query(&f, 0, DUCK_HOT, &session, "SELECT count(*) FROM \"17.1\".messages", NULL, 0),
        "10\n");
    fixture_close(&f);
    schema_give(schema);
}

TEST(duck_execute_error_of_a_source_comes_back_unchanged)
{
    struct fixture f;
    fixture_open(&f, 1);
    struct schema *schema = fixture_schema(17, 1, false);
    struct fixture_session session = {.user = "alice"};
    struct fixture_table *table =
        fixture_add(&session, schema, fixture_rows(&f, schema, 1, 5000), 5000);
    table->fail_after = 3000;
    define(&f, DUCK_HOT, schema);
    EXPECT_STR(
        fixture_query(&f, 0, DUCK_HOT, &session, "SELECT sum(n) FROM \"17.1\".messages", NULL, 0),
        "ERROR CORRUPT: row 3000 is damaged");
    EXPECT_UINT(session.closed, session.opened);
    table->fail_after = 0;
    EXPECT_STR(
        fixture_query(&f, 0, DUCK_HOT, &session, "SELECT count(*) FROM \"17.1\".messages", NULL, 0),
        "5000\n");
    fixture_close(&f);
    schema_give(schema);
}

TEST(duck_execute_limit_closes_the_source_early)
{
    struct fixture f;
    fixture_open(&f, 1);
    struct schema *schema = fixture_schema(17, 1, false);
    struct fixture_session session = {.user = "alice"};
    fixture_add(&session, schema, fixture_rows(&f, schema, 1, 10), 10)->repeat = UINT32_MAX;
    define(&f, DUCK_HOT, schema);
    EXPECT_STR(fixture_query(&f, 0, DUCK_HOT, &session, "SELECT id FROM \"17.1\".messages LIMIT 2",
                             NULL, 0),
               "1\n2\n");
    EXPECT_UINT(session.closed, session.opened);
    fixture_close(&f);
    schema_give(schema);
}

/* One plan, one connection: the rows are those of whoever is bound when it runs. */
TEST(duck_session_set_decides_whose_rows_a_cached_plan_gives)
{
    struct fixture f;
    fixture_open(&f, 1);
    struct schema *schema = fixture_schema(17, 1, false);
    struct fixture_session alice = {.user = "alice"};
    struct fixture_session bob = {.user = "bob"};
    struct fixture_session carol = {.user = "carol"};
    fixture_add(&alice, schema, fixture_rows(&f, schema, 100, 1), 1);
    fixture_add(&bob, schema, fixture_rows(&f, schema, 200, 1), 1);
    for (enum duck_catalog catalog = DUCK_HOT; catalog <= DUCK_RAW; catalog++) {
        define(&f, catalog, schema);
        for (unsigned round = 0; round < 3; round++) {
            EXPECT_STR(fixture_query(&f, 0, catalog, &alice, table_text, NULL, 0), "100|s100\n");
            EXPECT_STR(fixture_query(&f, 0, catalog, &bob, table_text, NULL, 0), "200|s200\n");
            EXPECT_STR(fixture_query(&f, 0, catalog, &carol, table_text, NULL, 0), "");
        }
    }
    fixture_close(&f);
    schema_give(schema);
}

TEST(duck_execute_without_session_is_refused)
{
    struct fixture f;
    fixture_open(&f, 1);
    struct schema *schema = fixture_schema(17, 1, false);
    define(&f, DUCK_HOT, schema);
    EXPECT_STR(fixture_query(&f, 0, DUCK_HOT, NULL, table_text, NULL, 0),
               "ERROR INTERNAL: a statement runs without a session");
    fixture_close(&f);
    schema_give(schema);
}

TEST(duck_define_system_gives_the_rows_of_the_session)
{
    struct fixture f;
    struct error err;
    fixture_open(&f, 1);
    struct fixture_session alice = {.user = "alice"};
    struct fixture_session bob = {.user = "bob"};
    EXPECT_OK(duck_define_system(f.duck, STR_LIT("system"), STR_LIT("users"), &err), &err);
    EXPECT_OK(duck_define_system(f.duck, STR_LIT("system"), STR_LIT("users"), &err), &err);
    static const char text[] = "SELECT name, age FROM _k_sys.\"sys.system\".users";
    EXPECT_STR(fixture_query(&f, 0, DUCK_HOT, &alice, text, NULL, 0), "alice|42\n");
    EXPECT_STR(fixture_query(&f, 0, DUCK_HOT, &bob, text, NULL, 0), "bob|42\n");
    EXPECT_STATUS(duck_define_system(f.duck, STR_LIT("system"), STR_LIT("nope"), &err), NOT_FOUND);
    fixture_close(&f);
}

/* --- versions -----------------------------------------------------------------------------------
 */

/* A new version has views of its own; statements on the old one keep the old columns until it goes.
 */
TEST(duck_define_table_keeps_versions_apart)
{
    struct fixture f;
    fixture_open(&f, 1);
    struct schema *v1 = fixture_schema(17, 1, false);
    struct schema *v2 = fixture_schema(17, 2, true);
    struct fixture_session old_session = {.user = "alice"};
    struct fixture_session new_session = {.user = "alice"};
    fixture_add(&old_session, v1, fixture_rows(&f, v1, 1, 1), 1);
    fixture_add(&new_session, v2, fixture_rows(&f, v2, 1, 1), 1);
    define(&f, DUCK_HOT, v1);
    define(&f, DUCK_HOT, v2);
    EXPECT_STR(fixture_query(&f, 0, DUCK_HOT, &old_session,
                             "SELECT * EXCLUDE (_updated) FROM "
                             "\"17.1\".messages",
                             NULL, 0),
               "1|a longer text number 1|1|1|false\n");
    EXPECT_STR(fixture_query(&f, 0, DUCK_HOT, &new_session, "SELECT id, d FROM \"17.2\".messages",
                             NULL, 0),
               "1|0.5\n");
    duck_forget_table(f.duck, v1->table, 2);
    EXPECT_STR(fixture_query(&f, 0, DUCK_HOT, &old_session, table_text, NULL, 0),
               "ERROR CONFLICT: a table of the statement has just changed");
    EXPECT_STR(fixture_query(&f, 0, DUCK_HOT, &new_session, "SELECT id, d FROM \"17.2\".messages",
                             NULL, 0),
               "1|0.5\n");
    duck_forget_table(f.duck, v1->table, UINT32_MAX);
    EXPECT(str_starts_with(fixture_query(&f, 0, DUCK_HOT, &new_session,
                                         "SELECT id, d FROM \"17.2\".messages", NULL, 0),
                           STR_LIT("ERROR CONFLICT")));
    define(&f, DUCK_HOT, v1); /* may come back */
    EXPECT_STR(
        fixture_query(&f, 0, DUCK_HOT, &old_session, "SELECT id FROM \"17.1\".messages", NULL, 0),
        "1\n");
    fixture_close(&f);
    schema_give(v1);
    schema_give(v2);
}

/* --- limits -------------------------------------------------------------------------------------
 */

static status run_for_error(struct fixture *f, struct fixture_session *session, const char *text,
                            uint64_t deadline_us, struct error *err)
{
    struct duck_conn *conn = duck_conn_of(f->duck, 0, DUCK_HOT);
    struct duck_statement *statement;
    struct duck_result *result;
    const struct batch *batch;
    duck_session_set(conn, session);
    TRY(duck_prepare(conn, str_from(text), NULL, 0, &statement, err));
    TRY(duck_execute(statement, NULL, 0, deadline_us, &result, err));
    status outcome;
    do {
        outcome = duck_fetch(result, &batch, err);
    } while (status_ok(outcome) && batch != NULL);
    duck_result_close(result);
    return outcome;
}

static void *move_clock(void *argument)
{
    fake_clock_advance(argument, 10000000);
    return NULL;
}

TEST(duck_execute_past_its_deadline_ends_with_timeout)
{
    static const char *const endless[] = {
        "SELECT count(*) FROM range(1000000000000) a",
        "SELECT range FROM range(1000000000000)",
        "SELECT count(*) FROM range(10000000) a, range(10000000) b",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
        "SELECT count(*) FROM \"17.1\".messages",
        "SELECT id FROM \"17.1\".messages",
        "SELECT a.id FROM \"17.1\".messages a, range(10) b ORDER BY a.body || b.range LIMIT 5",
        "SELECT max(x) FROM (SELECT row_number() OVER () AS x FROM range(1000000000000))",
    };
    struct fixture f;
    struct error err;
    fixture_open(&f, 1);
    struct schema *schema = fixture_schema(17, 1, false);
    struct fixture_session session = {.user = "alice"};
    fixture_add(&session, schema, fixture_rows(&f, schema, 1, 100), 100)->repeat = UINT64_MAX / 2;
    define(&f, DUCK_HOT, schema);
    for (size_t i = 0; i < sizeof endless / sizeof endless[0]; i++) {
        uint64_t deadline = clock_mono_us(&f.clock.clock) + 1000000;
        struct thread mover;
        thread_start(&mover, "mover", 0, move_clock, &f.clock);
        EXPECT_STATUS(run_for_error(&f, &session, endless[i], deadline, &err), TIMEOUT);
        thread_join(&mover);
        EXPECT(err.id == ERROR_TIMEOUT);
        EXPECT_UINT(session.closed, session.opened); /* now, not at the next statement */
        EXPECT_OK(run_for_error(&f, &session, "SELECT 1", 0, &err), &err);
    }
    EXPECT_UINT(session.closed, session.opened);
    fixture_close(&f);
    schema_give(schema);
}

TEST(duck_execute_after_its_deadline_does_not_start)
{
    struct fixture f;
    struct error err;
    fixture_open(&f, 1);
    struct fixture_session session = {.user = "alice"};
    fake_clock_advance(&f.clock, 1000);
    EXPECT_STATUS(run_for_error(&f, &session, "SELECT 1", clock_mono_us(&f.clock.clock) - 1, &err),
                  TIMEOUT);
    EXPECT_OK(run_for_error(&f, &session, "SELECT 1", clock_mono_us(&f.clock.clock) + 1, &err),
              &err);
    fixture_close(&f);
}

static void *cancel_after_a_while(void *argument)
{
    struct timespec pause = {.tv_nsec = 100000000};
    nanosleep(&pause, NULL);
    atomic_count_set(argument, 1);
    return NULL;
}

TEST(duck_set_cancel_ends_the_statement_when_the_flag_is_set)
{
    struct fixture f;
    struct error err;
    fixture_open(&f, 1);
    struct fixture_session session = {.user = "alice"};
    atomic_count is_cancelled = {0};
    struct duck_conn *conn = duck_conn_of(f.duck, 0, DUCK_HOT);
    duck_set_cancel(conn, &is_cancelled);
    struct thread canceller;
    thread_start(&canceller, "canceller", 0, cancel_after_a_while, &is_cancelled);
    EXPECT_STATUS(run_for_error(&f, &session, "SELECT count(*) FROM range(1000000000000)", 0, &err),
                  CANCELLED);
    thread_join(&canceller);
    EXPECT_STATUS(run_for_error(&f, &session, "SELECT 1", 0, &err), CANCELLED); /* still set */
    duck_set_cancel(conn, NULL);
    EXPECT_OK(run_for_error(&f, &session, "SELECT 1", 0, &err), &err);
    fixture_close(&f);
}

TEST(duck_execute_beyond_memory_ends_with_limit)
{
    struct fixture f;
    struct error err;
    fixture_open(&f, 1);
    struct fixture_session session = {.user = "alice"};
    EXPECT_STATUS(run_for_error(&f, &session,
                                "SELECT count(DISTINCT hash(range)) FROM range(100000000)", 0,
                                &err),
                  LIMIT);
    EXPECT(err.id == ERROR_MEMORY || err.id == ERROR_STORAGE_FULL);
    EXPECT_OK(run_for_error(&f, &session, "SELECT 1", 0, &err), &err);
    fixture_close(&f);
}

/* Texts are not counted by the engine's own limit: the watchdog looks at the process. */
TEST(duck_execute_of_a_swelling_process_ends)
{
    struct fixture f;
    struct error err;
    fixture_open(&f, 1);
    duck_close(f.duck);
    f.options.resident_bytes_max = mem_resident_bytes() + ((uint64_t)200 << 20);
    EXPECT_OK(duck_open(&f.options, &f.duck, &err), &err);
    struct fixture_session session = {.user = "alice"};
    EXPECT(!status_ok(run_for_error(&f, &session,
                                    "SELECT count(DISTINCT s || s || s || s) FROM (SELECT "
                                    "kalam_repeat('x', 30000) || i AS s FROM range(100000) r(i))",
                                    0, &err)));
    /* by the watchdog, or by the engine when its own limit comes first */
    EXPECT(err.id == ERROR_BUSY || err.id == ERROR_MEMORY);
    fixture_close(&f);
}

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define HAS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAS_TSAN 1
#endif
#endif

/* What the allocators keep of statements that ended is given back, not held against the next. */
TEST(duck_execute_after_a_swelling_statement_goes_on)
{
#ifdef HAS_TSAN
    SKIP("ThreadSanitizer gives no memory back");
#endif
    struct fixture f;
    struct error err;
    fixture_open(&f, 1);
    duck_close(f.duck);
    mem_purge();
    f.options.resident_bytes_max = mem_resident_bytes() + ((uint64_t)200 << 20);
    EXPECT_OK(duck_open(&f.options, &f.duck, &err), &err);
    struct fixture_session session = {.user = "alice"};
    enum { PIECES = 20000, PIECE_BYTES = 20000 };
    char **pieces = mem_alloc(PIECES * sizeof *pieces);
    for (unsigned i = 0; i < PIECES; i++) {
        pieces[i] = mem_alloc_zeroed(PIECE_BYTES);
        memset(pieces[i], 1, PIECE_BYTES);
    }
    char *last = mem_alloc(1); /* the heap cannot just shrink */
    for (unsigned i = 0; i < PIECES; i++) {
        mem_free(pieces[i]);
    }
    mem_free(pieces);
    /* long enough that the watchdog sees it */
    EXPECT_OK(run_for_error(&f, &session, "SELECT count(*) FROM range(200000000)", 0, &err), &err);
    mem_free(last);
    fixture_close(&f);
}

TEST(duck_prepare_of_a_hot_statement_does_not_grow)
{
#ifdef HAS_ASAN
    SKIP("AddressSanitizer keeps freed memory for a while");
#endif
    struct fixture f;
    struct error err;
    fixture_open(&f, 1);
    struct fixture_session session = {.user = "alice"};
    uint64_t before = 0;
    for (unsigned i = 0; i < 12000; i++) {
        if (i == 2000) {
            before = mem_resident_bytes();
        }
        EXPECT_OK(run_for_error(&f, &session, "SELECT 1", 0, &err), &err);
    }
    /* 10,000 executions of one plan would have added 20 MB */
    EXPECT(mem_resident_bytes() < before + ((uint64_t)10 << 20));
    fixture_close(&f);
}

TEST(duck_prepare_more_texts_than_the_cache_holds_all_run)
{
    struct fixture f;
    fixture_open(&f, 1);
    struct fixture_session session = {.user = "alice"};
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < DUCK_STATEMENTS_MAX + 20; i++) {
            char text[40];
            char wanted[40];
            snprintf(text, sizeof text, "SELECT %u", i);
            snprintf(wanted, sizeof wanted, "%u\n", i);
            EXPECT_STR_EQ(fixture_query(&f, 0, DUCK_HOT, &session, text, NULL, 0),
                          str_from(wanted));
        }
    }
    fixture_close(&f);
}

/* --- errors -------------------------------------------------------------------------------------
 */

TEST(duck_error_tells_names_and_types_but_no_cell_and_no_path)
{
    static const struct {
        const char *text;
        const char *answer;
    } cases[] = {
        {"SELECT nope FROM \"17.1\".messages", "ERROR INVALID: Schema error: No field named nope."},
        {"SELECT m.nope FROM \"17.1\".messages m",
         "ERROR INVALID: Schema error: No field named m.nope."},
        {"SELECT body::INTEGER FROM \"17.1\".messages",
         "ERROR INVALID: a value cannot be converted to INT32"},
        {"SELECT (id + 100000)::SMALLINT FROM \"17.1\".messages",
         "ERROR INVALID: a value is out of range for INT16"},
        {"SELECT id + 9223372036854775807 FROM \"17.1\".messages",
         "ERROR INVALID: Overflow in addition of INT64"},
        {"SELECT nofunction(1)",
         "ERROR INVALID: Scalar Function with name nofunction does not exist!"},
        {"SELECT sqrt('a', 1)",
         "ERROR INVALID: no function matches sqrt(STRING_LITERAL, INTEGER_LITERAL)"},
        {"SELECT id FROM \"17.1\".messages GROUP BY n",
         "ERROR INVALID: column \"id\" must appear in the GROUP BY clause or must be part of an "
         "aggregate function."},
        {"SELECT a.id FROM \"17.1\".messages a, \"17.1\".messages b WHERE id = 1",
         "ERROR INVALID: Schema error: Ambiguous reference to field id."},
        {"SELECT kalam_repeat(body, 1000000000) FROM \"17.1\".messages",
         "ERROR INVALID: a text made by repeat, lpad or rpad is limited to 1048576 bytes, those of "
         "2048 rows to 67108864"},
        {"SELECT strptime(body, '%Y') FROM \"17.1\".messages",
         "ERROR INVALID: a function was given a value that it cannot take"},
        {"SELECT * FROM read_text('/etc/passwd')", "ERROR IO: a segment cannot be read or written"},
    };
    struct fixture f;
    fixture_open(&f, 1);
    struct schema *schema = fixture_schema(17, 1, false);
    struct fixture_session session = {.user = "alice"};
    fixture_add(&session, schema, fixture_rows(&f, schema, 1, 2), 2);
    define(&f, DUCK_HOT, schema);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        EXPECT_STR_EQ(fixture_query(&f, 0, DUCK_HOT, &session, cases[i].text, NULL, 0),
                      str_from(cases[i].answer));
    }
    EXPECT(!duck_is_broken(f.duck));
    fixture_close(&f);
    schema_give(schema);
}

/* --- functions ----------------------------------------------------------------------------------
 */

TEST(duck_functions_of_json_answer_as_the_contract)
{
    static const struct {
        const char *expression;
        const char *answer;
    } cases[] = {
        {"kalam_json_get_json(d, 'a')", "{\"b\":[10,\"x\",null]}"},
        {"kalam_json_get_json(d, 'a', 'b', 1)", "\"x\""},
        {"kalam_json_as_text(d, 'a', 'b', 1)", "x"},
        {"kalam_json_as_text(d, 'a', 'b', 0)", "10"},
        {"kalam_json_as_text(d, 'a', 'b', 2)", "NULL"},
        {"kalam_json_get_json(d, 'a', 'b', 2)", "null"},
        {"kalam_json_as_text(d, 'a', 'b', 3)", "NULL"},
        {"kalam_json_as_text(d, 'a', 'b', -1)", "NULL"},
        {"kalam_json_as_text(d, 'a', '0')", "NULL"},
        {"kalam_json_as_text(d, 'a', 'b', '0')", "NULL"},
        {"kalam_json_as_text(d, '$.a')", "dollar"},
        {"kalam_json_as_text(d, '/a/b')", "NULL"},
        {"kalam_json_as_text(d, 'k.e/y')", "1"},
        {"kalam_json_as_text(d, 'esc\"aped')", "\xc3\xa4\n"},
        {"kalam_json_get_str(d, 'k.e/y')", "NULL"},
        {"kalam_json_get_int(d, 'k.e/y')", "1"},
        {"kalam_json_get_int(d, 'f')", "NULL"},
        {"kalam_json_get_float(d, 'f')", "1.5"},
        {"kalam_json_get_float(d, 'k.e/y')", "1.0"},
        {"kalam_json_get_bool(d, 't')", "true"},
        {"kalam_json_get_bool(d, 'f')", "NULL"},
        {"kalam_json_get_array(d, 'a', 'b')", "[\"10\",\"\\\"x\\\"\",\"null\"]"},
        {"kalam_json_object_keys(d, 'a')", "[\"b\"]"},
        {"kalam_json_length(d)", "6"},
        {"kalam_json_length(d, 'a', 'b')", "3"},
        {"kalam_json_length(d, 't')", "NULL"},
        {"kalam_json_contains(d, 'a', 'b', 2)", "true"},
        {"kalam_json_contains(d, 'zzz')", "false"},
        {"kalam_json_contains(NULL, 'a')", "false"},
        {"kalam_json_contains(d, NULL)", "false"},
        {"kalam_json_as_text('no json', 'a')", "NULL"},
        {"kalam_json_as_text('{\"a\":', 'a')", "NULL"},
        {"kalam_json_as_text(NULL, 'a')", "NULL"},
        {"kalam_json_get(d, 't')", "true"},
        {"kalam_json_from_scalar('a\"b')", "\"a\\\"b\""},
        {"kalam_json_from_scalar(5)", "5"},
        {"kalam_json_from_scalar(5::BIGINT)", "5"},
        {"kalam_json_from_scalar(true)", "true"},
        {"kalam_json_as_text(d, i)", "NULL"},
    };
    struct fixture f;
    fixture_open(&f, 1);
    struct fixture_session session = {.user = "alice"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        str sql = arena_format(&f.arena,
                               "SELECT %s FROM (SELECT '{\"a\":{\"b\":[10,\"x\",null]},\"$.a\":"
                               "\"dollar\",\"k.e/y\":1,\"esc\\\"aped\":\"\\u00e4\\n\",\"f\":1.5,"
                               "\"t\":true}' AS d, i FROM range(1) r(i))",
                               cases[i].expression);
        str wanted = arena_format(&f.arena, "%s\n", cases[i].answer);
        str found = fixture_query(&f, 0, DUCK_HOT, &session, sql.p, NULL, 0);
        if (!str_eq(found, wanted)) {
            test_fail(__FILE__, __LINE__, "%s: found %.*s", cases[i].expression, STR(found));
        }
    }
    fixture_close(&f);
}

TEST(duck_functions_of_texts_and_vectors_answer_as_the_contract)
{
    static const struct {
        const char *expression;
        const char *answer;
    } cases[] = {
        {"kalam_repeat('ab', 3)", "ababab\n"},
        {"kalam_repeat('ab', 0)", "\n"},
        {"kalam_repeat('ab', -5)", "\n"},
        {"kalam_repeat(NULL, 3)", "NULL\n"},
        {"kalam_lpad('7', 3, '0')", "007\n"},
        {"kalam_lpad('1234', 3, '0')", "123\n"},
        {"kalam_lpad('7', 3)", "  7\n"},
        {"kalam_lpad('7', 4, 'ab')", "aba7\n"},
        {"kalam_rpad('\xc3\xa4', 3, '\xc3\xb6')", "\xc3\xa4\xc3\xb6\xc3\xb6\n"},
        {"kalam_rpad('x', 3, '')", "x\n"},
        {"kalam_cosine_distance([1, 0]::FLOAT[2], '[0, 1]')", "1.0\n"},
        {"kalam_cosine_distance([1, 0]::FLOAT[2], [2.0, 0.0])", "0.0\n"},
        {"kalam_cosine_distance([0, 0]::FLOAT[2], '[1, 1]')", "1.0\n"},
        {"kalam_cosine_distance(NULL::FLOAT[2], '[1, 1]')", "NULL\n"},
        {"kalam_cosine_distance([1]::FLOAT[1], '[1, 1]')",
         "ERROR INVALID: COSINE_DISTANCE() dimension mismatch: row has 1, query has 2"},
        {"kalam_cosine_distance([1]::FLOAT[1], '[]')",
         "ERROR INVALID: COSINE_DISTANCE() query vector cannot be empty"},
        {"kalam_cosine_distance([1]::FLOAT[1], NULL::VARCHAR)",
         "ERROR INVALID: COSINE_DISTANCE() query vector cannot be NULL"},
        {"kalam_cosine_distance([1]::FLOAT[1], 'x')",
         "ERROR INVALID: COSINE_DISTANCE() failed to parse JSON query vector: a list of numbers is "
         "expected"},
        {"kalam_snowflake_id()", "1\n"},
        {"kalam_snowflake_id()", "2\n"},
        {"kalam_uuid_v7()", "00000000-0000-0000-0000-000000000003\n"},
        {"kalam_ulid()", "00000000000000000000000004\n"},
        {"count(DISTINCT kalam_snowflake_id()) FROM range(100)", "100\n"},
        {"7 / 2", "3\n"},
        {"x FROM (VALUES (2), (NULL), (1)) v(x) ORDER BY x", "1\n2\nNULL\n"},
        {"x FROM (VALUES (2), (NULL), (1)) v(x) ORDER BY x DESC", "NULL\n2\n1\n"},
        {"TIMESTAMPTZ '2024-01-01 00:00:00+02'", "2023-12-31 22:00:00\n"},
    };
    struct fixture f;
    fixture_open(&f, 1);
    struct fixture_session session = {.user = "alice"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        str sql = arena_format(&f.arena, "SELECT %s", cases[i].expression);
        str found = fixture_query(&f, 0, DUCK_HOT, &session, sql.p, NULL, 0);
        if (!str_eq_c(found, cases[i].answer)) {
            test_fail(__FILE__, __LINE__, "%s: found %.*s", cases[i].expression, STR(found));
        }
    }
    fixture_close(&f);
}

/* --- threads ------------------------------------------------------------------------------------
 */

enum { WORKERS = 4 };

struct worker {
    struct fixture *f;
    struct fixture_session session;
    struct schema *schemas[3];
    unsigned slot;
    unsigned wrong;
};

/* Its own user, tables that all workers define and forget at the same time. */
static void *work(void *argument)
{
    struct worker *w = argument;
    struct duck *duck = w->f->duck;
    struct error err;
    for (unsigned round = 0; round < 60; round++) {
        struct schema *schema = w->schemas[round % 3];
        enum duck_catalog catalog = round % 2 == 0 ? DUCK_HOT : DUCK_ALL;
        struct duck_conn *conn = duck_conn_of(duck, w->slot, catalog);
        struct duck_statement *statement;
        struct duck_result *result;
        char text[80];
        snprintf(text, sizeof text, "SELECT min(id), count(*) FROM \"%u.1\".messages",
                 schema->table.v);
        duck_session_set(conn, &w->session);
        status outcome = duck_define_table(duck, catalog, schema, &err);
        if (status_ok(outcome)) {
            outcome = duck_prepare(conn, str_from(text), NULL, 0, &statement, &err);
        }
        if (status_ok(outcome)) {
            outcome = duck_execute(statement, NULL, 0, 0, &result, &err);
        }
        if (status_ok(outcome)) {
            const struct batch *batch;
            outcome = duck_fetch(result, &batch, &err);
            bool is_mine = status_ok(outcome) && batch != NULL &&
                           batch_get(batch, 0, 0).as.integer == 1000 * (int64_t)w->slot + 1 &&
                           batch_get(batch, 1, 0).as.integer == 10;
            w->wrong += !is_mine;
            duck_result_close(result);
        } else {
            w->wrong += outcome.code != STATUS_CONFLICT; /* forgotten by another worker */
        }
        duck_session_set(conn, NULL);
        if (round % 7 == w->slot) {
            duck_forget_table(duck, schema->table, UINT32_MAX);
        }
    }
    return NULL;
}

TEST(duck_slots_on_several_threads_see_their_own_rows)
{
    struct fixture f;
    fixture_open(&f, WORKERS);
    struct schema *schemas[3];
    for (unsigned i = 0; i < 3; i++) {
        schemas[i] = fixture_schema(17 + i, 1, false);
    }
    struct worker workers[WORKERS];
    struct thread threads[WORKERS];
    memset(workers, 0, sizeof workers);
    memset(threads, 0, sizeof threads);
    for (unsigned w = 0; w < WORKERS; w++) {
        workers[w] = (struct worker){.f = &f, .slot = w, .session = {.user = "w"}};
        for (unsigned i = 0; i < 3; i++) {
            workers[w].schemas[i] = schemas[i];
            fixture_add(&workers[w].session, schemas[i],
                        fixture_rows(&f, schemas[i], 1000 * (int64_t)w + 1, 10), 10);
        }
    }
    for (unsigned w = 0; w < WORKERS; w++) {
        thread_start(&threads[w], "worker", 8 << 20, work, &workers[w]);
    }
    for (unsigned w = 0; w < WORKERS; w++) {
        thread_join(&threads[w]);
        EXPECT_UINT(workers[w].wrong, 0);
    }
    fixture_close(&f);
    for (unsigned i = 0; i < 3; i++) {
        schema_give(schemas[i]);
    }
}
