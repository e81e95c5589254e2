/* tests/unit/query/plan_cache_test.c -- Goal: a plan is found again only for what it was made for,
 * the least recently used one goes first, and one in use survives its eviction. Method: the cache
 * alone with counted plans; then statements that differ in what a plan depends on. */
#include "rig.h"

#include "query/plan_cache.h"
#include "query/run.h"

static unsigned released;

static void count_release(struct plan *plan)
{
    (void)plan;
    released++;
}

static struct plan *make_plan(void)
{
    struct plan *plan = mem_alloc_zeroed(sizeof *plan);
    refcount_init(&plan->refs);
    arena_init(&plan->arena);
    plan->release = count_release;
    return plan;
}

static struct fake_clock fake;

static struct plan_cache *open_cache(uint32_t entries_max, uint32_t ttl_s)
{
    fake_clock_init(&fake, 0);
    const struct plan_cache_options options = {"plan", &fake.clock, entries_max, ttl_s};
    return plan_cache_create(&options);
}

/* Puts a plan that only the cache holds. */
static struct plan *put(struct plan_cache *cache, const char *key)
{
    struct plan *plan = make_plan();
    plan_cache_put(cache, str_from(key), plan);
    plan_give(plan);
    return plan;
}

static bool has(struct plan_cache *cache, const char *key)
{
    struct plan *plan = plan_cache_find(cache, str_from(key));
    plan_give(plan);
    return plan != NULL;
}

TEST(plan_cache_plan_that_nobody_used_for_its_time_is_forgotten)
{
    released = 0;
    struct plan_cache *cache = open_cache(10, 900);
    put(cache, "a");
    put(cache, "b");
    fake_clock_advance(&fake, 600000000);
    EXPECT(has(cache, "a")); /* its time begins anew */
    fake_clock_advance(&fake, 300000000);
    struct plan_cache_statistics statistics;
    plan_cache_statistics_get(cache, &statistics);
    EXPECT_UINT(statistics.entries, 2);
    EXPECT_UINT(statistics.active, 1);
    EXPECT_UINT(statistics.expired, 1);
    EXPECT_UINT(plan_cache_sweep(cache), 1);
    EXPECT_UINT(released, 1);
    EXPECT(!has(cache, "b"));
    EXPECT(has(cache, "a"));
    fake_clock_advance(&fake, 900000000);
    EXPECT(!has(cache, "a")); /* too old, also before a sweep */
    EXPECT_UINT(released, 2);
    plan_cache_destroy(cache);
}

TEST(plan_cache_put_above_the_limit_drops_the_least_recently_used)
{
    released = 0;
    struct plan_cache *cache = open_cache(2, 0);
    put(cache, "a");
    put(cache, "b");
    EXPECT(has(cache, "a")); /* now b is the oldest */
    put(cache, "c");
    EXPECT(!has(cache, "b"));
    EXPECT(has(cache, "a"));
    EXPECT(has(cache, "c"));
    EXPECT_UINT(released, 1);
    struct plan_cache_statistics statistics;
    plan_cache_statistics_get(cache, &statistics);
    EXPECT_UINT(statistics.entries, 2);
    EXPECT_UINT(statistics.evictions, 1);
    EXPECT_UINT(statistics.hits, 3);
    EXPECT_UINT(statistics.misses, 1);
    plan_cache_destroy(cache);
    EXPECT_UINT(released, 3);
}

TEST(plan_cache_put_of_a_known_key_replaces_its_plan)
{
    released = 0;
    struct plan_cache *cache = open_cache(2, 0);
    put(cache, "a");
    struct plan *second = put(cache, "a");
    struct plan *found = plan_cache_find(cache, STR_LIT("a"));
    EXPECT(found == second);
    EXPECT_UINT(released, 1);
    plan_give(found);
    plan_cache_destroy(cache);
    EXPECT_UINT(released, 2);
}

TEST(plan_cache_evicts_without_harm_to_who_uses_the_plan)
{
    released = 0;
    struct plan_cache *cache = open_cache(1, 0);
    put(cache, "a");
    struct plan *used = plan_cache_find(cache, STR_LIT("a"));
    put(cache, "b");
    EXPECT_UINT(released, 0);
    plan_give(used);
    EXPECT_UINT(released, 1);
    plan_cache_clear(cache);
    EXPECT_UINT(released, 2);
    EXPECT(!has(cache, "b"));
    plan_cache_destroy(cache);
}

TEST(plan_cache_of_no_entries_keeps_nothing)
{
    released = 0;
    struct plan_cache *cache = open_cache(0, 0);
    put(cache, "a");
    EXPECT(!has(cache, "a"));
    EXPECT_UINT(released, 1);
    plan_cache_destroy(cache);
}

/* -- in the engine ------------------------------------------------------------------------------
 */

static struct rig rig;

/* Hits and misses of one statement. */
static void expect_plans(const char *user, const char *sql, uint64_t hits, uint64_t misses)
{
    struct plan_cache_statistics before;
    struct plan_cache_statistics after;
    plan_cache_statistics_get(rig.engine->plans, &before);
    rig_do_as(&rig, user, sql);
    plan_cache_statistics_get(rig.engine->plans, &after);
    if (after.hits - before.hits != hits || after.misses - before.misses != misses) {
        test_fail(__FILE__, __LINE__, "%s by %s: %llu hits, %llu misses", sql, user,
                  (unsigned long long)(after.hits - before.hits),
                  (unsigned long long)(after.misses - before.misses));
    }
}

TEST(a_plan_is_found_again_for_the_same_text_and_role)
{
    rig_open(&rig);
    rig_do(&rig, "CREATE USER TABLE t (id BIGINT PRIMARY KEY, v TEXT)");
    static const char sql[] = "SELECT count(*), CURRENT_USER() FROM t";
    expect_plans("alice", sql, 0, 1);
    expect_plans("alice", sql, 1, 0);
    expect_plans("bob", sql, 1, 0);
    expect_plans("sam", sql, 0, 1);
    EXPECT_ROWS(&rig, "bob", sql, "[[\"0\",\"bob\"]]");
    EXPECT_ROWS(&rig, "alice", sql, "[[\"0\",\"alice\"]]");
    rig_close(&rig);
}

TEST(a_plan_is_made_anew_after_any_ddl)
{
    rig_open(&rig);
    rig_do(&rig, "CREATE USER TABLE t (id BIGINT PRIMARY KEY, v TEXT)");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'x')");
    EXPECT_ROWS(&rig, "alice", "SELECT * EXCLUDE (_seq, _updated, _deleted) FROM t",
                "[[\"1\",\"x\"]]");
    rig_do(&rig, "ALTER TABLE t ADD COLUMN c INT DEFAULT 5");
    EXPECT_ROWS(&rig, "alice", "SELECT * EXCLUDE (_seq, _updated, _deleted) FROM t",
                "[[\"1\",\"x\",null]]");
    rig_do(&rig, "DROP TABLE t");
    rig_do(&rig, "CREATE USER TABLE t (id BIGINT PRIMARY KEY)");
    EXPECT_ROWS(&rig, "alice", "SELECT * EXCLUDE (_seq, _updated, _deleted) FROM t", "[]");
    rig_close(&rig);
}

/* A client may send any text as its namespace. */
TEST(a_plan_of_a_strange_namespace_is_nobody_elses)
{
    rig_open(&rig);
    rig_do(&rig, "CREATE USER TABLE t (id BIGINT PRIMARY KEY, v TEXT)");
    rig_do_as(&rig, "alice", "INSERT INTO t VALUES (1, 'x')");
    struct rig_query q;
    rig_query_open(&q, &rig, "bob", "SELECT 'planted' AS v");
    q.query.session.namespace_name = STR_LIT("app SELECT v FROM t UNION ALL");
    rig_query_finish(&q, QUERY_WOULD_BLOCK);
    EXPECT_INT(q.query.error.id, ERROR_NONE);
    rig_query_close(&q);
    EXPECT_ROWS(&rig, "alice", "SELECT v FROM t UNION ALL SELECT 'planted' AS v",
                "[[\"x\"],[\"planted\"]]");
    rig_close(&rig);
}

TEST(a_limit_of_a_statement_inside_another_is_not_that_of_a_select)
{
    rig_open(&rig);
    rig_do(&rig,
           "CREATE USER TABLE t (id BIGINT PRIMARY KEY); CREATE USER TABLE c (id BIGINT PRIMARY "
           "KEY)");
    rig_do_as(&rig, "alice", "INSERT INTO t SELECT i FROM generate_series(1, 60) AS g(i)");
    EXPECT_ROWS(&rig, "alice", "SELECT count(*) FROM (SELECT id FROM t) x", "[[\"60\"]]");
    rig_do_as(&rig, "alice", "SELECT id FROM t"); /* planned with the default limit of 50 */
    EXPECT_ROWS(&rig, "alice", "INSERT INTO c SELECT id FROM t", "Inserted 60 row(s)");
    rig_close(&rig);
}
