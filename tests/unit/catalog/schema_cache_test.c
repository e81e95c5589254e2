/* tests/unit/catalog/schema_cache_test.c -- Goal: the cache gives out what was put for exactly that
 * (namespace, table, version), for as long as it should, loads a missing schema once however many
 * ask, and never shows a result that was forgotten. Method: the cache alone under a fake clock,
 * with loaders that count, fail, and wait for each other; then the catalog over it. */
#include "catalog/schema_cache.h"
#include "tests/test.h"

#include <sched.h>

enum { THREADS = 100, ROUNDS = 200 };

static struct fake_clock fake;

static struct schema_cache *open_with(uint32_t ttl_s, uint32_t entries_max)
{
    fake_clock_init(&fake, 0);
    const struct schema_cache_options options = {
        .clock = &fake.clock, .ttl_s = ttl_s, .entries_max = entries_max};
    return schema_cache_create(&options);
}

static struct schema_cache *open_cache(void)
{
    return open_with(0, 0);
}

static struct schema *make_schema(uint32_t table, uint32_t version)
{
    struct column column = {.id = 1,
                            .name = STR_LIT("id"),
                            .type = {.id = TYPE_BIGINT},
                            .ordinal = 1,
                            .is_primary_key = true};
    return schema_create((table_id){table}, version, TABLE_SHARED, STR_LIT("app"), STR_LIT("t"),
                         &column, 1);
}

static void put(struct schema_cache *cache, uint32_t ns, uint32_t table, uint32_t version)
{
    struct schema *schema = make_schema(table, version);
    schema_cache_put(cache, (namespace_id){ns}, schema);
    schema_give(schema);
}

static bool has(struct schema_cache *cache, uint32_t ns, uint32_t table, uint32_t version)
{
    const struct schema_key key = {{ns}, {table}, version};
    struct schema *schema = schema_cache_get(cache, &key);
    bool is_it = schema != NULL && schema->table.v == table && schema->version == version;
    EXPECT(schema == NULL || is_it);
    schema_give(schema);
    return is_it;
}

static struct schema_cache_statistics statistics_of(struct schema_cache *cache)
{
    struct schema_cache_statistics s;
    schema_cache_statistics_get(cache, &s);
    EXPECT_UINT(s.entries, s.active + s.expired);
    return s;
}

/* -- T206: the nine ----------------------------------------------------------------------------
 */

TEST(schema_cache_get_after_put_gives_the_same_schema)
{
    struct schema_cache *cache = open_cache();
    struct schema *schema = make_schema(7, 3);
    schema_cache_put(cache, (namespace_id){1}, schema);
    const struct schema_key key = {{1}, {7}, 3};
    struct schema *found = schema_cache_get(cache, &key);
    EXPECT(found == schema);
    schema_give(found);
    schema_give(schema);
    schema_cache_destroy(cache);
}

TEST(schema_cache_get_of_another_table_or_version_misses)
{
    struct schema_cache *cache = open_cache();
    EXPECT(!has(cache, 1, 7, 3));
    put(cache, 1, 7, 3);
    EXPECT(!has(cache, 1, 7, 2));
    EXPECT(!has(cache, 1, 8, 3));
    EXPECT(has(cache, 1, 7, 3));
    schema_cache_destroy(cache);
}

TEST(schema_cache_forget_table_removes_all_its_versions_and_no_other)
{
    struct schema_cache *cache = open_cache();
    for (uint32_t version = 1; version <= 3; version++) {
        put(cache, 1, 7, version);
        put(cache, 1, 8, version);
    }
    EXPECT_UINT(schema_cache_forget_table(cache, (table_id){7}), 3);
    for (uint32_t version = 1; version <= 3; version++) {
        EXPECT(!has(cache, 1, 7, version));
        EXPECT(has(cache, 1, 8, version));
    }
    schema_cache_destroy(cache);
}

TEST(schema_cache_forget_version_keeps_the_other_versions)
{
    struct schema_cache *cache = open_cache();
    put(cache, 1, 7, 1);
    put(cache, 1, 7, 2);
    EXPECT_UINT(schema_cache_forget_version(cache, (table_id){7}, 1), 1);
    EXPECT(!has(cache, 1, 7, 1));
    EXPECT(has(cache, 1, 7, 2));
    schema_cache_destroy(cache);
}

TEST(schema_cache_clear_removes_everything)
{
    struct schema_cache *cache = open_cache();
    put(cache, 1, 7, 1);
    put(cache, 2, 8, 1);
    EXPECT_UINT(schema_cache_clear(cache), 2);
    EXPECT(!has(cache, 1, 7, 1));
    EXPECT(!has(cache, 2, 8, 1));
    EXPECT_UINT(statistics_of(cache).entries, 0);
    schema_cache_destroy(cache);
}

TEST(schema_cache_get_after_the_time_to_live_misses)
{
    struct schema_cache *cache = open_cache();
    put(cache, 1, 7, 1);
    fake_clock_advance(&fake, 299999999);
    EXPECT(has(cache, 1, 7, 1));
    fake_clock_advance(&fake, 1); /* 300 s */
    EXPECT(!has(cache, 1, 7, 1));
    put(cache, 1, 7, 1); /* its time begins anew */
    EXPECT(has(cache, 1, 7, 1));
    schema_cache_destroy(cache);

    cache = open_with(2, 0);
    put(cache, 1, 7, 1);
    fake_clock_advance(&fake, 2000000);
    EXPECT(!has(cache, 1, 7, 1));
    schema_cache_destroy(cache);
}

TEST(schema_cache_statistics_count_entries_hits_misses_evictions_and_loads)
{
    struct schema_cache *cache = open_cache();
    put(cache, 1, 7, 1);
    fake_clock_advance(&fake, 200000000);
    put(cache, 1, 8, 1);
    EXPECT(has(cache, 1, 7, 1));
    EXPECT(!has(cache, 1, 9, 1));
    fake_clock_advance(&fake, 100000000); /* 7 is over, 8 is not */
    EXPECT(!has(cache, 1, 7, 1));
    struct schema_cache_statistics s = statistics_of(cache);
    EXPECT_UINT(s.entries, 2);
    EXPECT_UINT(s.active, 1);
    EXPECT_UINT(s.expired, 1);
    EXPECT_UINT(s.hits, 1);
    EXPECT_UINT(s.misses, 2);
    EXPECT_UINT(s.evictions, 0);
    EXPECT_UINT(s.loads, 0);
    schema_cache_destroy(cache);
}

TEST(schema_cache_sweep_removes_only_what_is_over)
{
    struct schema_cache *cache = open_cache();
    put(cache, 1, 7, 1);
    put(cache, 1, 7, 2);
    EXPECT_UINT(schema_cache_sweep(cache), 0);
    fake_clock_advance(&fake, 200000000);
    put(cache, 1, 8, 1);
    fake_clock_advance(&fake, 100000000);
    EXPECT_UINT(schema_cache_sweep(cache), 2);
    EXPECT_UINT(statistics_of(cache).entries, 1);
    EXPECT(has(cache, 1, 8, 1));
    schema_cache_destroy(cache);
}

TEST(schema_cache_key_with_a_namespace_finds_that_namespace_only)
{
    struct schema_cache *cache = open_cache();
    put(cache, 1, 7, 1);
    put(cache, 2, 8, 1);
    EXPECT(has(cache, 1, 7, 1));
    EXPECT(has(cache, 0, 7, 1)); /* the namespace is optional */
    EXPECT(!has(cache, 2, 7, 1));
    EXPECT_UINT(schema_cache_forget_namespace(cache, (namespace_id){1}), 1);
    EXPECT(!has(cache, 0, 7, 1));
    EXPECT(has(cache, 2, 8, 1));
    schema_cache_destroy(cache);
}

/* -- room ---------------------------------------------------------------------------------------
 */

TEST(schema_cache_put_above_the_limit_drops_the_least_recently_used)
{
    struct schema_cache *cache = open_with(0, 2);
    put(cache, 1, 7, 1);
    fake_clock_advance(&fake, 10);
    put(cache, 1, 8, 1);
    fake_clock_advance(&fake, 10);
    EXPECT(has(cache, 1, 7, 1)); /* now 8 is the oldest */
    put(cache, 1, 9, 1);
    EXPECT(!has(cache, 1, 8, 1));
    EXPECT(has(cache, 1, 7, 1));
    EXPECT(has(cache, 1, 9, 1));
    put(cache, 1, 9, 1); /* replaces: nobody has to go */
    struct schema_cache_statistics s = statistics_of(cache);
    EXPECT_UINT(s.entries, 2);
    EXPECT_UINT(s.evictions, 1);
    schema_cache_destroy(cache);
}

TEST(schema_cache_forget_leaves_the_schema_to_its_holder)
{
    struct schema_cache *cache = open_cache();
    put(cache, 1, 7, 1);
    const struct schema_key key = {{1}, {7}, 1};
    struct schema *held = schema_cache_get(cache, &key);
    EXPECT_UINT(schema_cache_clear(cache), 1);
    EXPECT_UINT(held->table.v, 7);
    EXPECT_STR(held->columns[0].name, "id");
    schema_give(held);
    schema_cache_destroy(cache);
}

/* -- loading ------------------------------------------------------------------------------------
 */

struct loader {
    atomic_count calls;
    bool fails;
    struct schema_cache *forgets; /* NULL, or: its table is forgotten while it loads */
    struct lock lock;             /* guards is_open */
    struct cond opened;
    bool is_open; /* loads wait for it */
};

static void loader_init(struct loader *l)
{
    *l = (struct loader){.is_open = true};
    lock_init(&l->lock, LOCK_TEST);
    cond_init(&l->opened);
}

static void loader_release(struct loader *l)
{
    cond_release(&l->opened);
    lock_release(&l->lock);
}

static status load(void *context, const struct schema_key *key, namespace_id *ns,
                   struct schema **out, struct error *err)
{
    struct loader *l = context;
    (void)atomic_count_add(&l->calls, 1);
    lock_take(&l->lock);
    while (!l->is_open) {
        cond_wait(&l->opened, &l->lock);
    }
    lock_give(&l->lock);
    if (l->forgets != NULL) {
        (void)schema_cache_forget_table(l->forgets, key->table);
    }
    if (l->fails) {
        return error_set(err, ERROR_NOT_FOUND, "no table %u", key->table.v);
    }
    *ns = (namespace_id){1};
    *out = make_schema(key->table.v, key->version);
    return STATUS_IS_OK;
}

TEST(schema_cache_get_or_load_loads_once_and_finds_it_afterwards)
{
    struct schema_cache *cache = open_cache();
    struct loader l;
    loader_init(&l);
    const struct schema_key key = {{0}, {7}, 2};
    struct error err;
    for (int i = 0; i < 3; i++) {
        struct schema *schema = NULL;
        EXPECT_OK(schema_cache_get_or_load(cache, &key, load, &l, &schema, &err), &err);
        EXPECT_UINT(schema->version, 2);
        schema_give(schema);
    }
    EXPECT_UINT(atomic_count_get(&l.calls), 1);
    EXPECT(has(cache, 1, 7, 2)); /* with the namespace that the loader told */
    EXPECT_UINT(statistics_of(cache).loads, 1);
    loader_release(&l);
    schema_cache_destroy(cache);
}

TEST(schema_cache_get_or_load_returns_the_loaders_error_and_keeps_nothing)
{
    struct schema_cache *cache = open_cache();
    struct loader l;
    loader_init(&l);
    l.fails = true;
    const struct schema_key key = {{0}, {7}, 2};
    for (int i = 0; i < 2; i++) {
        struct schema *schema = NULL;
        struct error err;
        error_clear(&err);
        EXPECT_STATUS(schema_cache_get_or_load(cache, &key, load, &l, &schema, &err), NOT_FOUND);
        EXPECT(schema == NULL);
        EXPECT_STR(str_from(err.text), "no table 7");
    }
    EXPECT_UINT(atomic_count_get(&l.calls), 2);
    EXPECT_UINT(statistics_of(cache).entries, 0);
    loader_release(&l);
    schema_cache_destroy(cache);
}

TEST(schema_cache_load_whose_table_is_forgotten_meanwhile_is_not_kept)
{
    struct schema_cache *cache = open_cache();
    struct loader l;
    loader_init(&l);
    l.forgets = cache;
    const struct schema_key key = {{0}, {7}, 2};
    struct schema *schema = NULL;
    struct error err;
    EXPECT_OK(schema_cache_get_or_load(cache, &key, load, &l, &schema, &err), &err);
    schema_give(schema);
    EXPECT(!has(cache, 0, 7, 2));
    loader_release(&l);
    schema_cache_destroy(cache);
}

/* -- threads ------------------------------------------------------------------------------------
 */

struct crowd {
    struct schema_cache *cache;
    struct loader loader;
    struct thread threads[THREADS];
    atomic_count arrived;
    atomic_count right; /* answers that were what was asked for */
};

static void *ask_once(void *argument)
{
    struct crowd *crowd = argument;
    const struct schema_key key = {{0}, {7}, 1};
    struct schema *schema = NULL;
    struct error err;
    (void)atomic_count_add(&crowd->arrived, 1);
    status result =
        schema_cache_get_or_load(crowd->cache, &key, load, &crowd->loader, &schema, &err);
    bool is_right = status_ok(result) && schema->table.v == 7;
    (void)atomic_count_add(&crowd->right, is_right ? 1 : 0);
    schema_give(schema);
    return NULL;
}

/* All wait for one load: the gate opens when each has missed, so that none can come late. */
static void run_crowd(struct crowd *crowd)
{
    *crowd = (struct crowd){.cache = open_cache()};
    loader_init(&crowd->loader);
    crowd->loader.is_open = false;
    for (int i = 0; i < THREADS; i++) {
        thread_start(&crowd->threads[i], "crowd", 0, ask_once, crowd);
    }
    while (statistics_of(crowd->cache).misses < THREADS) {
        (void)sched_yield();
    }
    lock_take(&crowd->loader.lock);
    crowd->loader.is_open = true;
    cond_broadcast(&crowd->loader.opened);
    lock_give(&crowd->loader.lock);
    for (int i = 0; i < THREADS; i++) {
        thread_join(&crowd->threads[i]);
    }
    EXPECT_UINT(atomic_count_get(&crowd->right), THREADS);
}

TEST(schema_cache_hundred_threads_that_miss_together_load_once)
{
    static struct crowd crowd;
    run_crowd(&crowd);
    EXPECT_UINT(atomic_count_get(&crowd.loader.calls), 1);
    EXPECT_UINT(statistics_of(crowd.cache).entries, 1);
    loader_release(&crowd.loader);
    schema_cache_destroy(crowd.cache);
}

struct storm {
    struct schema_cache *cache;
    struct loader loader;
    atomic_count next;
    atomic_count wrong;
};

/* Everybody does everything; whatever comes back must be what was asked for. */
static void *rage(void *argument)
{
    struct storm *storm = argument;
    uint32_t own = (uint32_t)atomic_count_add(&storm->next, 1);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t table = 1 + (own + round) % 16;
        const struct schema_key key = {{0}, {table}, 1 + round % 3};
        struct schema *schema = NULL;
        struct error err;
        status result =
            schema_cache_get_or_load(storm->cache, &key, load, &storm->loader, &schema, &err);
        bool is_right = status_ok(result) && schema->table.v == table &&
                        schema->version == key.version && schema->column_count == 1;
        (void)atomic_count_add(&storm->wrong, is_right ? 0 : 1);
        if (own % 10 == 0 && round % 8 == 0) {
            (void)schema_cache_forget_table(storm->cache, key.table);
            fake_clock_advance(&fake, 10000000);
            (void)schema_cache_sweep(storm->cache);
        }
        schema_give(schema); /* also after its entry went */
    }
    return NULL;
}

TEST(schema_cache_hundred_threads_reading_loading_forgetting_see_only_right_schemas)
{
    static struct storm storm;
    static struct thread threads[THREADS];
    storm = (struct storm){.cache = open_with(60, 24)};
    loader_init(&storm.loader);
    for (int i = 0; i < THREADS; i++) {
        thread_start(&threads[i], "storm", 0, rage, &storm);
    }
    for (int i = 0; i < THREADS; i++) {
        thread_join(&threads[i]);
    }
    EXPECT_UINT(atomic_count_get(&storm.wrong), 0);
    struct schema_cache_statistics s = statistics_of(storm.cache);
    EXPECT(s.entries <= 24);
    EXPECT(s.hits + s.misses == (uint64_t)THREADS * ROUNDS);
    EXPECT(s.hits > 0);
    EXPECT(s.evictions > 0);
    loader_release(&storm.loader);
    schema_cache_destroy(storm.cache);
}
