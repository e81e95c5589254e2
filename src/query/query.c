/* query/query.c -- the process-wide query engine: the SQL engines opened on first need, plan
 * caches. There are two of the SQL engine, each with its memory: what users say runs in one,
 * segments are read and written by the other, so that no statement can keep a point read or a flush
 * from it. */
#include "query/run.h"

#include "base/check.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/log.h"
#include "query/read_context.h"
#include "query/transaction.h"

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
    heavy_init(&engine->heavy, options->limits.engine_concurrent_max);
    provider_init(&engine->provider, engine);
    transactions_init(&engine->transactions);
    query_open_caches(engine);
    hash_gate_init(&engine->hashing, options->limits.password_concurrent_max);
    return engine;
}

static void close_place(struct engine_place *place)
{
    duck_close(place->duck);
    for (unsigned i = 0; i < place->broken_count; i++) {
        duck_close(place->broken[i]);
    }
}

void query_engine_destroy(struct query_engine *engine)
{
    if (engine == NULL) {
        return;
    }
    close_place(&engine->selects);
    close_place(&engine->segments);
    query_close_caches(engine);
    transactions_release(&engine->transactions);
    heavy_release(&engine->heavy);
    hash_gate_release(&engine->hashing);
    lock_release(&engine->lock);
    mem_free(engine);
}

/* The file that stands for "no segment": DuckDB's read_parquet needs at least one. */
status query_engine_prepare(struct query_engine *engine, struct error *err)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/.empty.parquet", engine->cold_directory);
    if (fs_exists(path)) {
        return STATUS_IS_OK;
    }
    TRY(fs_make_dirs(engine->cold_directory, err));
    return duck_write_empty(path, err);
}

static status open_selects(struct query_engine *engine, struct duck **out, struct error *err)
{
    struct duck_options options = {.memory_bytes = engine->limits.engine_memory_bytes,
                                   .resident_bytes_max = engine->limits.resident_bytes_max,
                                   .temp_dir = engine->temp_directory,
                                   .temp_bytes_max = engine->limits.engine_temp_bytes,
                                   .cold_dir = engine->cold_directory,
                                   .slot_count = engine->worker_count,
                                   .clock = engine->clock,
                                   .provider = &engine->provider};
    TRY(fs_make_dirs(engine->temp_directory, err));
    TRY(query_engine_prepare(engine, err)); /* when the disk was full at the start */
    TRY(duck_open(&options, out, err));
    log_info("query", "engine_opened", "slots=%u memory_bytes=%llu", options.slot_count,
             (unsigned long long)options.memory_bytes);
    return STATUS_IS_OK;
}

/* Not watched for the size of the process: what makes it large are statements. */
static status open_segments(struct query_engine *engine, struct duck **out, struct error *err)
{
    char temp[4096];
    (void)snprintf(temp, sizeof temp, "%s/segments", engine->temp_directory);
    struct duck_options options = {.memory_bytes = engine->limits.engine_memory_bytes,
                                   .temp_dir = temp,
                                   .temp_bytes_max = engine->limits.engine_temp_bytes,
                                   .cold_dir = engine->cold_directory,
                                   .slot_count = engine->worker_count + engine->job_count,
                                   .clock = engine->clock,
                                   .provider = &engine->provider};
    TRY(fs_make_dirs(temp, err));
    TRY(fs_make_dirs(engine->cold_directory, err));
    TRY(duck_open(&options, out, err));
    log_info("query", "segment_engine_opened", "slots=%u", options.slot_count);
    return STATUS_IS_OK;
}

typedef status open_fn(struct query_engine *engine, struct duck **out, struct error *err);

static status get_duck(struct query_engine *engine, struct engine_place *place, open_fn *open,
                       struct duck **out, struct error *err)
{
    lock_take(&engine->lock);
    status result = STATUS_IS_OK;
    bool is_broken = place->duck != NULL && duck_is_broken(place->duck);
    if (is_broken && place->broken_count < ENGINES_BROKEN_MAX) {
        log_error("query", "engine_broken", "number=%u", place->broken_count + 1);
        place->broken[place->broken_count++] = place->duck;
        place->duck = NULL;
    }
    if (place->duck == NULL) {
        result = open(engine, &place->duck, err);
    }
    *out = place->duck;
    lock_give(&engine->lock);
    return result;
}

status query_engine_duck(struct query_engine *engine, struct duck **out, struct error *err)
{
    return get_duck(engine, &engine->selects, open_selects, out, err);
}

status query_segment_duck(struct query_engine *engine, struct duck **out, struct error *err)
{
    return get_duck(engine, &engine->segments, open_segments, out, err);
}

struct duck *query_engine_duck_if_open(struct query_engine *engine)
{
    lock_take(&engine->lock);
    struct duck *duck = engine->selects.duck;
    lock_give(&engine->lock);
    return duck;
}

void query_forget_table(struct query_engine *engine, table_id id, uint32_t version)
{
    (void)system_cache_invalidate(engine->system, SYSTEM_TABLES); /* nobody will ask for them */
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
