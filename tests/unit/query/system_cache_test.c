/* tests/unit/query/system_cache_test.c -- Goal: a whole read of a system table is kept for its
 * kind's time, is gone with the next write to what it shows, and is given only to whom it was made
 * for. Method: the cache alone under a fake clock; then statements of several callers, with the
 * cache on and rows that name who asked. */
#include "rig.h"

#include "query/run.h"
#include "query/system.h"

static struct fake_clock fake;

enum { BYTES = 1 << 20, THREADS = 16, ROUNDS = 500 };

static struct system_cache *open_cache(uint64_t bytes_max)
{
    fake_clock_init(&fake, 0);
    const struct system_cache_options options = {.clock = &fake.clock,
                                                 .ttl_s = {[SYSTEM_TABLES] = 60,
                                                           [SYSTEM_NAMESPACES] = 60,
                                                           [SYSTEM_LIVE] = 10,
                                                           [SYSTEM_STORAGES] = 300,
                                                           [SYSTEM_JOBS] = 30},
                                                 .bytes_max = bytes_max};
    return system_cache_create(&options);
}

/* Rows of one text each. */
static struct system_rows *make_rows(const char *text, unsigned count)
{
    struct system_rows *rows = system_rows_create(1);
    struct row_sink sink = system_rows_sink(rows);
    for (unsigned i = 0; i < count; i++) {
        const struct value v = value_text(str_from(text));
        EXPECT_STATUS(sink.row(sink.context, &v, NULL), OK);
    }
    return rows;
}

static void put(struct system_cache *cache, enum system_kind kind, const char *key,
                uint64_t version, const char *text)
{
    struct system_rows *rows = make_rows(text, 3);
    system_cache_put(cache, kind, str_from(key), version, rows);
    system_rows_release(rows);
}

/* The text of the kept rows, or "" when there are none. */
static const char *get(struct system_cache *cache, enum system_kind kind, const char *key,
                       uint64_t version)
{
    static _Thread_local char text[64];
    struct system_rows *rows = system_cache_get(cache, kind, str_from(key), version);
    text[0] = '\0';
    if (rows != NULL) {
        EXPECT_UINT(system_rows_count(rows), 3);
        (void)snprintf(text, sizeof text, STR_FMT, STR(system_rows_at(rows, 2)->as.text));
    }
    system_rows_release(rows);
    return text;
}

#define EXPECT_KEPT(cache, kind, key, version, wanted)                                             \
    test_expect_str(str_from(get(cache, kind, key, version)), str_from(wanted), #kind, __FILE__,   \
                    __LINE__)

static struct system_cache_statistics statistics_of(struct system_cache *cache)
{
    struct system_cache_statistics s;
    system_cache_statistics_get(cache, &s);
    EXPECT_UINT(s.entries, s.active + s.expired);
    return s;
}

/* -- T207: the nine -----------------------------------------------------------------------------
 */

static void keep_and_find(enum system_kind kind)
{
    struct system_cache *cache = open_cache(BYTES);
    EXPECT_KEPT(cache, kind, "alice", 1, "");
    put(cache, kind, "alice", 1, "rows");
    EXPECT_KEPT(cache, kind, "alice", 1, "rows");
    EXPECT_KEPT(cache, kind, "bob", 1, "");
    for (int other = 0; other < SYSTEM_KIND_COUNT; other++) {
        EXPECT_KEPT(cache, (enum system_kind)other, "alice", 1, other == (int)kind ? "rows" : "");
    }
    system_cache_destroy(cache);
}

TEST(system_cache_keeps_tables)
{
    keep_and_find(SYSTEM_TABLES);
}

TEST(system_cache_keeps_namespaces)
{
    keep_and_find(SYSTEM_NAMESPACES);
}

TEST(system_cache_keeps_live_queries)
{
    keep_and_find(SYSTEM_LIVE);
}

TEST(system_cache_keeps_storages)
{
    keep_and_find(SYSTEM_STORAGES);
}

TEST(system_cache_keeps_jobs)
{
    keep_and_find(SYSTEM_JOBS);
}

TEST(system_cache_each_kind_has_its_own_time_to_live)
{
    static const uint32_t ttl_s[SYSTEM_KIND_COUNT] = {60, 60, 10, 300, 30};
    for (int k = 0; k < SYSTEM_KIND_COUNT; k++) {
        enum system_kind kind = (enum system_kind)k;
        struct system_cache *cache = open_cache(BYTES);
        put(cache, kind, "alice", 1, "rows");
        fake_clock_advance(&fake, ttl_s[k] * 1000000LL - 1);
        EXPECT_KEPT(cache, kind, "alice", 1, "rows");
        EXPECT_UINT(system_cache_sweep(cache), 0);
        fake_clock_advance(&fake, 1);
        EXPECT_KEPT(cache, kind, "alice", 1, "");
        EXPECT_UINT(statistics_of(cache).expired, 1);
        EXPECT_UINT(system_cache_sweep(cache), 1);
        EXPECT_UINT(statistics_of(cache).entries, 0);
        EXPECT_UINT(statistics_of(cache).bytes, 0);
        system_cache_destroy(cache);
    }
}

TEST(system_cache_invalidate_removes_one_kind_and_clear_all)
{
    for (int k = 0; k < SYSTEM_KIND_COUNT; k++) {
        struct system_cache *cache = open_cache(BYTES);
        for (int other = 0; other < SYSTEM_KIND_COUNT; other++) {
            put(cache, (enum system_kind)other, "alice", 1, "rows");
        }
        EXPECT_UINT(system_cache_invalidate(cache, (enum system_kind)k), 1);
        for (int other = 0; other < SYSTEM_KIND_COUNT; other++) {
            EXPECT_KEPT(cache, (enum system_kind)other, "alice", 1, other == k ? "" : "rows");
        }
        EXPECT_UINT(statistics_of(cache).invalidations, 1);
        EXPECT_UINT(system_cache_clear(cache), SYSTEM_KIND_COUNT - 1);
        EXPECT_UINT(statistics_of(cache).entries, 0);
        system_cache_destroy(cache);
    }
}

struct storm {
    struct system_cache *cache;
    atomic_count next;
    atomic_count version; /* of the source: a writer adds one, as the server does */
    atomic_count wrong;
};

/* Rows carry their version: what comes back must be of the version asked for. */
static void *rage(void *argument)
{
    struct storm *storm = argument;
    uint64_t own = atomic_count_add(&storm->next, 1);
    for (unsigned round = 0; round < ROUNDS; round++) {
        enum system_kind kind = (enum system_kind)((own + round) % SYSTEM_KIND_COUNT);
        uint64_t version = atomic_count_get(&storm->version);
        char wanted[32];
        (void)snprintf(wanted, sizeof wanted, "%llu", (unsigned long long)version);
        const char *found = get(storm->cache, kind, "k", version);
        if (found[0] == '\0') {
            put(storm->cache, kind, "k", version, wanted);
        } else if (strcmp(found, wanted) != 0) {
            (void)atomic_count_add(&storm->wrong, 1);
        }
        if (own == 0 && round % 4 == 0) {
            (void)atomic_count_add(&storm->version, 1);
        }
        if (own == 1 && round % 16 == 0) {
            (void)system_cache_invalidate(storm->cache, kind);
            fake_clock_advance(&fake, 1000000);
            (void)system_cache_sweep(storm->cache);
        }
    }
    return NULL;
}

TEST(system_cache_many_threads_never_get_rows_of_another_version)
{
    static struct thread threads[THREADS];
    struct storm storm = {.cache = open_cache(BYTES)};
    atomic_count_set(&storm.version, 1);
    for (int i = 0; i < THREADS; i++) {
        thread_start(&threads[i], "storm", 0, rage, &storm);
    }
    for (int i = 0; i < THREADS; i++) {
        thread_join(&threads[i]);
    }
    EXPECT_UINT(atomic_count_get(&storm.wrong), 0);
    struct system_cache_statistics s = statistics_of(storm.cache);
    EXPECT_UINT(s.hits + s.misses, (uint64_t)THREADS * ROUNDS);
    EXPECT(s.entries <= SYSTEM_KIND_COUNT);
    system_cache_destroy(storm.cache);
}

TEST(system_cache_statistics_count_what_happened)
{
    struct system_cache *cache = open_cache(BYTES);
    put(cache, SYSTEM_JOBS, "alice", 1, "rows");
    put(cache, SYSTEM_LIVE, "alice", 1, "rows");
    EXPECT_KEPT(cache, SYSTEM_JOBS, "alice", 1, "rows");
    EXPECT_KEPT(cache, SYSTEM_TABLES, "alice", 1, "");
    EXPECT_KEPT(cache, SYSTEM_JOBS, "alice", 2, ""); /* outdated by a write */
    fake_clock_advance(&fake, 10000000);             /* live is over */
    struct system_cache_statistics s = statistics_of(cache);
    EXPECT_UINT(s.entries, 2);
    EXPECT_UINT(s.active, 1);
    EXPECT_UINT(s.expired, 1);
    EXPECT_UINT(s.hits, 1);
    EXPECT_UINT(s.misses, 2);
    EXPECT_UINT(s.invalidations, 1);
    EXPECT_UINT(s.evictions, 0);
    EXPECT(s.bytes > 0);
    system_cache_destroy(cache);
}

/* -- versions and room --------------------------------------------------------------------------
 */

TEST(system_cache_put_of_an_older_version_does_not_replace_a_newer_one)
{
    struct system_cache *cache = open_cache(BYTES);
    put(cache, SYSTEM_JOBS, "alice", 2, "new");
    put(cache, SYSTEM_JOBS, "alice", 1, "old"); /* of a statement that began before the write */
    EXPECT_KEPT(cache, SYSTEM_JOBS, "alice", 2, "new");
    EXPECT_KEPT(cache, SYSTEM_JOBS, "alice", 1, "");
    put(cache, SYSTEM_JOBS, "alice", 3, "newer");
    EXPECT_KEPT(cache, SYSTEM_JOBS, "alice", 3, "newer");
    EXPECT_UINT(statistics_of(cache).entries, 1);
    system_cache_destroy(cache);
}

TEST(system_cache_above_its_bytes_drops_the_least_recently_used)
{
    struct system_rows *sample = make_rows("rows", 3);
    uint64_t each = system_rows_bytes(sample);
    system_rows_release(sample);
    struct system_cache *cache = open_cache(each * 8);
    for (int i = 0; i < 40; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "user%d", i);
        put(cache, SYSTEM_JOBS, key, 1, "rows");
        fake_clock_advance(&fake, 10);
        EXPECT_KEPT(cache, SYSTEM_JOBS, "user0", 1, "rows"); /* in use: it stays */
        fake_clock_advance(&fake, 10);
        EXPECT(statistics_of(cache).bytes <= each * 8);
    }
    EXPECT_KEPT(cache, SYSTEM_JOBS, "user39", 1, "rows");
    EXPECT_KEPT(cache, SYSTEM_JOBS, "user1", 1, "");
    EXPECT(statistics_of(cache).evictions > 0);
    struct system_rows *large = make_rows("rows", 1000);
    system_cache_put(cache, SYSTEM_TABLES, STR_LIT("alice"), 1, large); /* not worth the others */
    system_rows_release(large);
    EXPECT_KEPT(cache, SYSTEM_TABLES, "alice", 1, "");
    system_cache_destroy(cache);
}

TEST(system_cache_has_only_kinds_with_a_time_to_live)
{
    fake_clock_init(&fake, 0);
    const struct system_cache_options options = {
        .clock = &fake.clock, .ttl_s = {[SYSTEM_JOBS] = 30}, .bytes_max = BYTES};
    struct system_cache *cache = system_cache_create(&options);
    enum system_kind kind = SYSTEM_TABLES;
    EXPECT(system_cache_has(cache, STR_LIT("jobs"), &kind) && kind == SYSTEM_JOBS);
    EXPECT(!system_cache_has(cache, STR_LIT("live"), &kind));
    EXPECT(!system_cache_has(cache, STR_LIT("users"), &kind)); /* never kept */
    EXPECT(!system_cache_has(cache, STR_LIT("stats"), &kind));
    system_cache_destroy(cache);
}

TEST(system_cache_rows_in_use_outlive_their_entry)
{
    struct system_cache *cache = open_cache(BYTES);
    put(cache, SYSTEM_JOBS, "alice", 1, "rows");
    struct system_rows *held = system_cache_get(cache, SYSTEM_JOBS, STR_LIT("alice"), 1);
    system_cache_destroy(cache);
    EXPECT_STR(system_rows_at(held, 0)->as.text, "rows");
    system_rows_release(held);
}

/* -- statements ---------------------------------------------------------------------------------
 */

static struct rig rig;
static atomic_count fills;
static atomic_count version;

/* system.jobs as a source that shows who asks. */
static status name_the_asker(void *context, const struct session *session, str table,
                             const struct system_key *key, struct arena *arena,
                             const struct row_sink *sink, struct error *err)
{
    (void)key;
    (void)context;
    (void)table;
    (void)atomic_count_add(&fills, 1);
    struct value row[32];
    const struct system_table *jobs = system_table_find(STR_LIT("system"), STR_LIT("jobs"));
    for (unsigned i = 0; i < jobs->column_count; i++) {
        row[i] = value_null(type_of(jobs->columns[i].type));
    }
    row[0] = value_text(arena_format(arena, STR_FMT " v%llu", STR(session->user_id),
                                     (unsigned long long)atomic_count_get(&version)));
    return sink->row(sink->context, row, err);
}

static uint64_t version_of(void *context, str table)
{
    (void)context;
    return str_eq_c(table, "jobs") ? atomic_count_get(&version) : 0;
}

static void keep_all(struct query_limits *limits)
{
    for (int kind = 0; kind < SYSTEM_KIND_COUNT; kind++) {
        limits->system_cache_ttl_s[kind] = 60;
    }
    limits->system_cache_bytes = BYTES;
}

static void open_rig(void)
{
    atomic_count_set(&fills, 0);
    atomic_count_set(&version, 1);
    rig_open_with(&rig, keep_all);
    rig.engine->hooks.system_rows = name_the_asker;
    rig.engine->hooks.system_version = version_of;
}

static struct system_cache_statistics engine_statistics(void)
{
    struct query_cache_statistics s;
    query_cache_statistics_get(rig.engine, &s);
    return s.system;
}

TEST(system_rows_of_one_caller_never_reach_another)
{
    open_rig();
    static const char *const askers[] = {"dora", "root", "alice", "bob", "sam"};
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof askers / sizeof askers[0]; i++) {
            char wanted[64];
            (void)snprintf(wanted, sizeof wanted, "%s v1", askers[i]);
            const char *answer = rig_ask(&rig, askers[i], "SHOW JOBS");
            bool is_own = strstr(answer, wanted) != NULL;
            bool is_refused = strncmp(answer, "4", 1) == 0;
            EXPECT(is_own || is_refused);
            for (size_t other = 0; other < sizeof askers / sizeof askers[0]; other++) {
                (void)snprintf(wanted, sizeof wanted, "%s v", askers[other]);
                EXPECT(other == i || strstr(answer, wanted) == NULL);
            }
        }
    }
    EXPECT(engine_statistics().hits >= 2); /* the second round of those who may */
    EXPECT_UINT(engine_statistics().misses, atomic_count_get(&fills));
    rig_close(&rig);
}

TEST(system_storages_masked_for_one_role_are_whole_for_another_in_either_order)
{
    open_rig();
    rig_do(&rig, "CREATE STORAGE s2 TYPE filesystem PATH 'twofold' "
                 "CREDENTIALS '{\"key\":\"CANARY\"}'");
    for (int round = 0; round < 2; round++) {
        EXPECT(strstr(rig_ask(&rig, "root", "SHOW STORAGES"), "twofold") != NULL);
        const char *masked = rig_ask(&rig, "alice", "SHOW STORAGES");
        EXPECT(strstr(masked, "twofold") == NULL);
        EXPECT(strstr(masked, "CANARY") == NULL);
    }
    rig_close(&rig);
}

TEST(system_rows_after_a_write_show_it_and_before_are_found_again)
{
    open_rig();
    static const char list[] = "SELECT name FROM system.namespaces ORDER BY name";
    for (int i = 0; i < 3; i++) {
        EXPECT_ROWS(&rig, "dora", list, "[[\"app\"],[\"dba\"],[\"default\"]]");
    }
    EXPECT_UINT(engine_statistics().hits, 2);
    rig_do(&rig, "CREATE NAMESPACE zoo");
    EXPECT_ROWS(&rig, "dora", list, "[[\"app\"],[\"dba\"],[\"default\"],[\"zoo\"]]");
    rig_do(&rig, "DROP NAMESPACE zoo");
    EXPECT_ROWS(&rig, "dora", list, "[[\"app\"],[\"dba\"],[\"default\"]]");
    rig_do(&rig, "CREATE TABLE app.t (id BIGINT PRIMARY KEY)");
    EXPECT_ROWS(&rig, "dora", "SELECT version FROM system.tables WHERE table_name = 't'",
                "[[\"1\"]]");
    rig_do(&rig, "ALTER TABLE app.t ADD COLUMN x TEXT");
    EXPECT_ROWS(&rig, "dora", "SELECT version FROM system.tables WHERE table_name = 't'",
                "[[\"2\"]]");
    EXPECT_ROWS(&rig, "dora",
                "SELECT count(*) FROM system.columns WHERE table_name = 't' AND column_name = 'x'",
                "[[\"1\"]]");
    rig_close(&rig);
}

TEST(system_rows_of_the_server_are_made_anew_when_their_version_grew)
{
    open_rig();
    EXPECT_ROWS(&rig, "dora", "SELECT job_id FROM system.jobs", "[[\"dora v1\"]]");
    EXPECT_ROWS(&rig, "dora", "SELECT job_id FROM system.jobs", "[[\"dora v1\"]]");
    EXPECT_UINT(atomic_count_get(&fills), 1);
    atomic_count_set(&version, 2); /* as a job that moves does, before anybody is told */
    EXPECT_ROWS(&rig, "dora", "SELECT job_id FROM system.jobs", "[[\"dora v2\"]]");
    EXPECT_UINT(atomic_count_get(&fills), 2);
    fake_clock_advance(&rig.clock, 60000000);
    EXPECT_ROWS(&rig, "dora", "SELECT job_id FROM system.jobs", "[[\"dora v2\"]]");
    EXPECT_UINT(atomic_count_get(&fills), 3);
    EXPECT(query_sweep_caches(rig.engine) == 0);
    rig_close(&rig);
}
