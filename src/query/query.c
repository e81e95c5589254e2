/* query/query.c -- the process-wide query engine: the SQL engine opened on first need, plan caches,
 * admission of heavy statements. */
#include "query/run.h"

#include "base/check.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/log.h"
#include "query/plan_cache.h"
#include "query/read_context.h"

enum { HEAVY_WAITING_MAX = 256, HEAVY_WAIT_MS = 10000 };

struct query_engine *query_engine_create(const struct query_options *options)
{
    struct query_engine *engine = mem_alloc_zeroed(sizeof *engine);
    engine->catalog = options->catalog;
    engine->rows = options->rows;
    engine->store = options->store;
    engine->committer = options->committer;
    engine->clock = options->clock;
    engine->ids = options->ids;
    ids_init(&engine->random_ids, options->clock);
    engine->limits = options->limits;
    engine->hooks = options->hooks;
    engine->cold_directory = options->cold_directory;
    engine->temp_directory = options->temp_directory;
    engine->worker_count = options->worker_count;
    engine->job_count = options->job_count;
    lock_init(&engine->lock, LOCK_ENGINE_POOL);
    cond_init(&engine->room);
    provider_init(&engine->provider, engine);
    engine->plans = plan_cache_create(options->limits.plan_cache_entries);
    return engine;
}

void query_engine_destroy(struct query_engine *engine)
{
    if (engine == NULL) {
        return;
    }
    duck_close(engine->duck);
    for (unsigned i = 0; i < engine->broken_count; i++) {
        duck_close(engine->broken[i]);
    }
    plan_cache_destroy(engine->plans);
    cond_release(&engine->room);
    lock_release(&engine->lock);
    mem_free(engine);
}

/* The file that stands for "no segment": DuckDB's read_parquet needs at least one. */
static status make_empty_file(struct query_engine *engine, struct duck *duck, struct error *err)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/.empty.parquet", engine->cold_directory);
    if (fs_exists(path)) {
        return STATUS_IS_OK;
    }
    char temporary[4100];
    (void)snprintf(temporary, sizeof temporary, "%s.tmp", path);
    TRY(duck_write_empty(duck_conn_of(duck, 0, DUCK_INTERNAL), temporary, err));
    TRY(fs_fsync_file(temporary, err));
    return fs_rename_durable(temporary, path, err);
}

static status open_duck(struct query_engine *engine, struct duck **out, struct error *err)
{
    struct duck_options options = {.memory_bytes = engine->limits.engine_memory_bytes,
                                   .resident_bytes_max = engine->limits.resident_bytes_max,
                                   .temp_dir = engine->temp_directory,
                                   .temp_bytes_max = engine->limits.engine_temp_bytes,
                                   .cold_dir = engine->cold_directory,
                                   .slot_count = engine->worker_count + engine->job_count,
                                   .clock = engine->clock,
                                   .provider = &engine->provider};
    TRY(fs_make_dirs(engine->temp_directory, err));
    TRY(fs_make_dirs(engine->cold_directory, err));
    struct duck *duck = NULL;
    TRY(duck_open(&options, &duck, err));
    status result = make_empty_file(engine, duck, err);
    if (!status_ok(result)) {
        duck_close(duck);
        return result;
    }
    log_info("query", "engine_opened", "slots=%u memory_bytes=%llu", options.slot_count,
             (unsigned long long)options.memory_bytes);
    *out = duck;
    return STATUS_IS_OK;
}

status query_engine_duck(struct query_engine *engine, struct duck **out, struct error *err)
{
    lock_take(&engine->lock);
    status result = STATUS_IS_OK;
    bool is_broken = engine->duck != NULL && duck_is_broken(engine->duck);
    if (is_broken && engine->broken_count < ENGINES_BROKEN_MAX) {
        log_error("query", "engine_broken", "number=%u", engine->broken_count + 1);
        engine->broken[engine->broken_count++] = engine->duck;
        engine->duck = NULL;
    }
    if (engine->duck == NULL) {
        result = open_duck(engine, &engine->duck, err);
    }
    *out = engine->duck;
    lock_give(&engine->lock);
    return result;
}

struct duck *query_engine_duck_if_open(struct query_engine *engine)
{
    lock_take(&engine->lock);
    struct duck *duck = engine->duck;
    lock_give(&engine->lock);
    return duck;
}

void query_forget_table(struct query_engine *engine, table_id id, uint32_t version)
{
    struct duck *duck = query_engine_duck_if_open(engine);
    if (duck != NULL) {
        duck_forget_table(duck, id, version);
    }
}

void query_uuid_v7(struct query_engine *engine, uint8_t out[16])
{
    uint8_t random[ID_RANDOM_BYTES];
    random_bytes(random, sizeof random);
    ids_uuid_v7(&engine->random_ids, random, out);
}

void query_ulid(struct query_engine *engine, char out[ULID_TEXT_BYTES])
{
    uint8_t random[ID_RANDOM_BYTES];
    random_bytes(random, sizeof random);
    ids_ulid(&engine->random_ids, random, out);
}

status query_enter_heavy(struct query_engine *engine, struct error *err)
{
    lock_take(&engine->lock);
    uint64_t until_us = clock_mono_us(engine->clock) + HEAVY_WAIT_MS * 1000ULL;
    status result = STATUS_IS_OK;
    if (engine->waiting_count >= HEAVY_WAITING_MAX) {
        result = error_set(err, ERROR_BUSY, "too many statements are waiting (limit %d)",
                           HEAVY_WAITING_MAX);
    }
    engine->waiting_count++;
    while (status_ok(result) && engine->heavy_count >= engine->limits.engine_concurrent_max) {
        if (clock_mono_us(engine->clock) >= until_us) {
            result = error_set(err, ERROR_BUSY, "no engine was free within %d ms", HEAVY_WAIT_MS);
            break;
        }
        (void)cond_wait_ms(&engine->room, &engine->lock, 100);
    }
    engine->waiting_count--;
    engine->heavy_count += status_ok(result) ? 1 : 0;
    lock_give(&engine->lock);
    return result;
}

void query_leave_heavy(struct query_engine *engine)
{
    lock_take(&engine->lock);
    CHECK(engine->heavy_count > 0);
    engine->heavy_count--;
    cond_signal(&engine->room);
    lock_give(&engine->lock);
}
