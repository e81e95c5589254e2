/* tests/unit/engine/duck_fixture.h -- an engine over tables in memory, for the duck tests.
 * A session owns its rows: two sessions share views and see nothing of each other. */
#ifndef TESTS_ENGINE_DUCK_FIXTURE_H
#define TESTS_ENGINE_DUCK_FIXTURE_H

#include "engine/duck.h"

enum { FIXTURE_TABLES = 8, FIXTURE_PATHS = 24 };

/* Rows of one table as one session sees them. `cells`: row after row, columns as in duck_scan. */
struct fixture_table {
    table_id table;
    const struct value *cells;
    unsigned row_count;
    unsigned column_count;
    const int64_t *dead;
    unsigned dead_count;
    str paths[FIXTURE_PATHS];
    unsigned path_count;
    unsigned fail_after; /* rows until the scan reports an error; 0: never */
    uint64_t repeat;     /* gives the rows this many times; 0: once */
};

struct fixture_session {
    const char *user;
    struct fixture_table tables[FIXTURE_TABLES];
    unsigned table_count;
    unsigned opened; /* scans */
    unsigned closed;
    uint64_t last_wanted; /* first word of the last hot scan */
};

struct fixture {
    char dir[64];
    char temp[80];
    char cold[80];
    char empty[120]; /* path of the empty segment */
    struct fake_clock clock;
    struct duck_provider provider;
    struct duck_options options;
    struct duck *duck;
    struct arena arena;
    int64_t next_id;
};

/* Makes folders below the scratch folder and opens an engine with `slots` slots. */
void fixture_open(struct fixture *f, unsigned slots);
/* Uses the system's clock from now on: for tests of deadlines, before fixture_open. */
void fixture_close(struct fixture *f);

/* A schema of USER table `id`: id BIGINT PRIMARY KEY, body TEXT, n INT, and all types when
 * `is_wide`. Counted, schema_give it. */
struct schema *fixture_schema(uint32_t id, uint32_t version, bool is_wide);
unsigned fixture_column_count(const struct schema *schema);
/* Rows id = first .. first + count - 1; _seq = id, not deleted; in f->arena. */
struct value *fixture_rows(struct fixture *f, const struct schema *schema, int64_t first,
                           unsigned count);
struct fixture_table *fixture_add(struct fixture_session *session, const struct schema *schema,
                                  const struct value *cells, unsigned row_count);
/* A source over rows, for duck_write_parquet. */
struct duck_source fixture_source(const struct value *cells, unsigned row_count,
                                  unsigned column_count);
/* Path of a segment in the cold folder; in f->arena. */
str fixture_path(struct fixture *f, const char *name);

/* Runs `text` on a slot's connection as `session`; the result as lines of cells ("1|x\n2|NULL\n")
 * in f->arena, or "ERROR <status>: <text>". */
str fixture_query(struct fixture *f, unsigned slot, enum duck_catalog catalog,
                  struct fixture_session *session, const char *text, const struct value *parameters,
                  unsigned parameter_count);

#endif
