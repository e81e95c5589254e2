/* query/caches.c -- the caches of the query engine as one: opening, closing, looking, sweeping. */
#include "query/run.h"

void query_open_caches(struct query_engine *engine)
{
    const struct query_limits *limits = &engine->limits;
    struct plan_cache_options plans = {.name = "plan",
                                       .clock = engine->clock,
                                       .entries_max = limits->plan_cache_entries,
                                       .ttl_s = limits->plan_cache_ttl_s};
    struct system_cache_options system = {.clock = engine->clock,
                                          .bytes_max = limits->system_cache_bytes};
    for (int kind = 0; kind < SYSTEM_KIND_COUNT; kind++) {
        system.ttl_s[kind] = limits->system_cache_ttl_s[kind];
    }
    engine->plans = plan_cache_create(&plans);
    plans.name = "statement";
    engine->parsed = plan_cache_create(&plans);
    engine->system = system_cache_create(&system);
}

void query_close_caches(struct query_engine *engine)
{
    plan_cache_destroy(engine->plans);
    plan_cache_destroy(engine->parsed);
    system_cache_destroy(engine->system);
}

void query_cache_statistics_get(struct query_engine *engine, struct query_cache_statistics *out)
{
    plan_cache_statistics_get(engine->plans, &out->plans);
    plan_cache_statistics_get(engine->parsed, &out->parsed);
    system_cache_statistics_get(engine->system, &out->system);
}

unsigned query_sweep_caches(struct query_engine *engine)
{
    return plan_cache_sweep(engine->plans) + plan_cache_sweep(engine->parsed) +
           system_cache_sweep(engine->system);
}
