/* tests/unit/store/world.h -- a whole store in memory: kv_mem, committer, catalog, fake cold tier,
 * a clock moved by hand; and short words for what tests do with it. Threads:  one test thread,
 * besides the committer's. */
#ifndef TESTS_STORE_WORLD_H
#define TESTS_STORE_WORLD_H

#include "engine/kv_lease.h"
#include "fake_cold.h"
#include "store/commit_rows.h"
#include "store/compact.h"
#include "store/flush.h"
#include "store/read.h"
#include "store/recover.h"
#include "store/store_private.h"

enum { WORLD_ROWS_MAX = 64, WORLD_TEXT_MAX = 24 };

struct world {
    struct kv_store *kv;
    struct fake_clock clock;
    struct snowflake seq;
    struct kv_lease lease;
    struct committer *committer;
    struct catalog *catalog;
    struct fake_cold cold;
    struct change_sink sink;             /* set before world_open_with or world_restart */
    const struct cold_engine *real_cold; /* NULL: the fake */
    const char *real_root;               /* its folder, with real files */
    struct store *store;
    struct store_options options; /* as given to store_open */
    struct recover_result recovered;
    table_id table;              /* app.t: SHARED, id BIGINT key, v TEXT */
    const char *location;        /* of the tables that are made from now on; NULL: none */
    int64_t deleted_retention_s; /* of the tables that are made from now on, and so the next */
    struct flush_policy flush;   /* likewise */
    uint32_t max_buffer;
    bool is_ephemeral;
    struct error err;
    unsigned failures; /* of the committer */
};

/* Opens everything and makes the table app.t. Failures end the test. */
void world_open(struct world *w);
void world_close(struct world *w);
/* Stops the process and starts it again; jobs and views of the test are gone already. */
void world_crash(struct world *w);
/* The same with the power: what was not synced is lost or torn. */
void world_power_cut(struct world *w, struct rng *rng);

/* A table of the given kind: id BIGINT key (is_keyless: none), v TEXT. */
table_id world_create_table(struct world *w, const char *name, enum table_kind kind, uint32_t ttl_s,
                            bool is_keyless);

/* ALTER TABLE of app.t: a third column `extra` INT, and what rows without it show; v UNIQUE. */
void world_add_extra(struct world *w, struct value absent);
void world_make_unique(struct world *w);

/* A table in one partition, with the newest snapshot and schema, and an arena. Ended by part_close.
 */
struct world_part {
    struct world *w;
    struct arena arena;
    const struct catalog_snapshot *snapshot;
    struct schema *schema;
    struct table_part part;
    struct batch *batch; /* of part_read_all, made by its first call */
};
void part_open(struct world *w, table_id table, const char *user, struct world_part *out);
void part_close(struct world_part *part);

/* One row by key, of the newest state. */
struct world_row {
    bool found;
    bool is_deleted;
    enum table_tier tier;
    uint64_t seq;
    int64_t id;
    char text[WORLD_TEXT_MAX];
};

/* Writes of one row to app.t (or `part`); 0 as expectation reads the row first. Sync. */
status world_insert(struct world *w, int64_t id, const char *text);
status world_update(struct world *w, int64_t id, const char *text);
status world_delete(struct world *w, int64_t id);
status part_insert(struct world_part *part, int64_t id, const char *text, uint64_t *seq,
                   struct error *err);
status part_update(struct world_part *part, uint64_t expect_seq, int64_t id, const char *text,
                   uint64_t *seq, struct error *err);
status part_delete_row(struct world_part *part, uint64_t expect_seq, int64_t id, uint64_t *seq,
                       struct error *err);

status part_get_row(struct world_part *part, struct kv_view *view, int64_t id,
                    struct world_row *out, struct error *err);
struct world_row world_get(struct world *w, int64_t id);

/* All current rows of a view (NULL: now), tombstones included when wanted, ascending by seq. */
struct world_rows {
    struct world_row rows[WORLD_ROWS_MAX];
    unsigned count;
};
status part_read_all(struct world_part *part, struct kv_view *view, bool with_deleted,
                     struct world_rows *out, struct error *err);
/* "1=a 2=b" of the live rows of app.t, by id, in a static buffer. */
const char *world_show(struct world *w);
/* The table state of app.t. */
struct table_state world_state(struct world *w);
/* Keys of a kind of app.t. */
unsigned world_count_keys(struct world *w, enum key_kind kind);
/* Does app.t have its dead key of seq? */
bool world_is_dead(struct world *w, uint64_t seq);

/* Jobs on app.t. */
struct flush *world_flush(struct world *w);
/* Steps until the state is reached (or it is over). */
void flush_until(struct flush *flush, enum flush_state state);
/* To the end; ends the test when it is not OK. */
struct flush_result flush_finish(struct flush *flush);
struct compact *world_compact(struct world *w, unsigned first, unsigned count);
void compact_until(struct compact *compact, enum compact_state state);
struct compact_result compact_finish(struct compact *compact);

#endif
