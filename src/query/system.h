/* query/system.h -- system tables: their columns in one table, their rows from whoever has them.
 * For:      SELECT on system.* and information_schema.*, SHOW, DESCRIBE.
 * Rights:   system.* is for dba and system, checked by the resolver of engine_plan.c; rows of
 *           information_schema hold what the caller may see.
 * Threads:  any. */
#ifndef QUERY_SYSTEM_H
#define QUERY_SYSTEM_H

#include "query/read_context.h"

/* Makes the rows. For the kinds that system_cache.h keeps it may look at the snapshot and the
 * session only: they are what its key and version are made of. */
typedef status system_fill_fn(struct read_context *rc, const struct row_sink *sink,
                              struct error *err);

struct system_column_def {
    const char *name;
    enum type_id type;
    bool is_nullable;
    bool is_primary_key;
};

struct system_table {
    const char *namespace_name; /* "system", "information_schema" */
    const char *name;
    const struct system_column_def *columns;
    unsigned column_count;
    system_fill_fn *fill; /* NULL: query_hooks.system_rows has the rows */
    bool is_view;
    bool is_open; /* every role may read it (contract quirk Q-12: system.namespaces) */
};

/* NULL: there is none. */
const struct system_table *system_table_find(str ns, str name);
/* All of them, by index; NULL past the end. */
const struct system_table *system_table_at(unsigned index);
/* All rows for the session, in an arena of their own: made anew, or kept by system_cache.h since
 * this caller asked before. Counted, and immutable for whoever gets them. */
struct system_rows;
MUST_USE status system_rows_load(struct read_context *rc, const struct system_table *table,
                                 struct system_rows **out, struct error *err);
unsigned system_rows_count(const struct system_rows *rows);
const struct value *system_rows_at(const struct system_rows *rows, unsigned index);
struct system_rows *system_rows_take(struct system_rows *rows);
/* Gives a hold back; the last one ends them. NULL allowed. */
void system_rows_release(struct system_rows *rows);
/* Bytes that they take, about. */
size_t system_rows_bytes(const struct system_rows *rows);
/* Empty rows, held once, and the sink that copies rows into them. */
struct system_rows *system_rows_create(unsigned column_count);
struct row_sink system_rows_sink(struct system_rows *rows);

/* system_key.c: notes in `rc` the key by which a SELECT asks, if it does. `statement`: the one of
 * `run`, or what an EXPLAIN is about. */
void system_key_find(const struct run *run, const struct statement *statement,
                     struct read_context *rc);

/* SHOW TABLES: rows of system.schemas, the newest versions that the caller may see; `ns` empty: all
 * namespaces. */
MUST_USE status system_fill_latest_schemas(struct read_context *rc, str ns,
                                           const struct row_sink *sink, struct error *err);
/* DESCRIBE TABLE: 9 columns, see show.c. */
MUST_USE status system_fill_describe(struct read_context *rc, const struct table *table,
                                     uint32_t version, const struct row_sink *sink,
                                     struct error *err);

#endif
