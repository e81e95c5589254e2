/* tests/unit/engine/duck_watch_test.c -- Goal: memory that statements and files took does not stay
 * with an idle engine. Method: the engine's allocator is asked through a function of ours, which
 * counts and hands on. */
#include "base/lock.h"
#include "base/mem.h"
#include "test.h"
#include "unit/engine/duck_fixture.h"

#include <dlfcn.h>

static struct lock lock; /* guards: */
static struct cond purged;
static unsigned purges;

typedef int mallctl_fn(const char *name, void *old, size_t *old_bytes, void *new, size_t new_bytes);
int duckdb_je_mallctl(const char *name, void *old, size_t *old_bytes, void *new, size_t new_bytes);

int duckdb_je_mallctl(const char *name, void *old, size_t *old_bytes, void *new, size_t new_bytes)
{
    mallctl_fn *real = NULL;
    *(void **)&real = dlsym(RTLD_NEXT, "duckdb_je_mallctl");
    if (strcmp(name, MEM_PURGE_ALL) == 0) {
        lock_take(&lock);
        purges++;
        cond_signal(&purged);
        lock_give(&lock);
    }
    return real != NULL ? real(name, old, old_bytes, new, new_bytes) : 1;
}

/* Waits for a purge after those that it has seen. */
static void expect_purge(unsigned *seen)
{
    lock_take(&lock);
    bool is_there = true;
    while (purges == *seen && is_there) {
        is_there = cond_wait_ms(&purged, &lock, 60000);
    }
    EXPECT(purges > *seen);
    *seen = purges;
    lock_give(&lock);
}

TEST(duck_watch_idle_engine_gives_memory_back_after_a_statement_and_after_a_file)
{
    struct fixture f;
    struct error err;
    unsigned seen = 0;
    lock_init(&lock, LOCK_TEST);
    cond_init(&purged);
    fixture_open(&f, 1);
    expect_purge(&seen); /* of what opening took */

    struct fixture_session session = {.user = "alice"};
    (void)fixture_query(&f, 0, DUCK_HOT, &session, "SELECT 1", NULL, 0);
    expect_purge(&seen);

    struct schema *schema = fixture_schema(17, 1, false);
    struct value *rows = fixture_rows(&f, schema, 1, 10);
    struct parquet_stats stats;
    struct duck_write write = {.schema = schema,
                               .source = fixture_source(rows, 10, fixture_column_count(schema)),
                               .path = fixture_path(&f, "a.parquet").p};
    EXPECT_OK(
        duck_write_parquet(duck_conn_of(f.duck, 0, DUCK_INTERNAL), &write, &f.arena, &stats, &err),
        &err);
    expect_purge(&seen);
    fixture_close(&f);
    schema_give(schema);
    cond_release(&purged);
    lock_release(&lock);
}
