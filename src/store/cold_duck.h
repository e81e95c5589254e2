/* store/cold_duck.h -- struct cold_engine on engine/duck.h.
 * For:      the server. The SQL engine is opened on the first need, so it is asked for at each
 * call. Owns:     nothing but itself. Threads:  any; a slot is used by one thread at a time. */
#ifndef STORE_COLD_DUCK_H
#define STORE_COLD_DUCK_H

#include "store/cold.h"

struct cold_duck {
    struct cold_engine engine;
    /* The engine, opened when it is not yet. */
    status (*get_duck)(void *context, struct duck **out, struct error *err);
    void *context;
    double bloom_fpp;        /* of tables that do not say; 0: no filters */
    const char *compression; /* as in struct duck_write; borrowed */
    unsigned row_group_rows; /* as in struct duck_write */
};
enum { COLD_BLOOM_PERCENT = 1 }; /* what cold_duck_init sets */

/* `duck->engine` is then what store_options.cold wants; the struct must outlive the store. */
void cold_duck_init(struct cold_duck *duck,
                    status (*get_duck)(void *context, struct duck **out, struct error *err),
                    void *context);

/* The statistics of a written file as manifest entries have them: min and max as tagged scalars,
 * 64-bit numbers as texts (contract http-ws.md section 8.4). */
void cold_stats_append(struct buf *out, const struct parquet_stats *stats);

#endif
