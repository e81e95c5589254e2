/* query/read_context.h -- what a statement reads through: one view, its session, its tables.
 * For:      fast path, engine SELECTs (it is the session pointer of the SQL engine's connection),
 *           finding rows for UPDATE and DELETE.
 * Owns:     the view and the catalog snapshot, until read_context_release.
 * Threads:  one at a time: that of the statement. */
#ifndef QUERY_READ_CONTEXT_H
#define QUERY_READ_CONTEXT_H

#include "query/prune.h"
#include "query/run.h"
#include "store/read.h"

struct read_table; /* a table opened in the view */

struct read_context {
    struct query_engine *engine;
    const struct session *session;
    const struct catalog_snapshot *snapshot; /* counted */
    struct kv_view *view;                    /* NULL: not yet opened (read_context_of_point) */
    struct arena *arena;                     /* the request's */
    struct cold_slot slot;
    struct read_table *tables;
    struct prune_run prune;      /* of the running SELECT; zeroed: it needs all files */
    const struct staged *staged; /* of the open transaction, whose view this is; NULL: none */
    struct system_key key;       /* of a system table, what the statement wants (system_key.c) */
};

/* Opens a view of now. */
void read_context_init(struct read_context *rc, struct query_engine *engine,
                       const struct session *session, const struct catalog_snapshot *snapshot,
                       unsigned slot, struct arena *arena);
/* What a statement reads through: the view of its transaction, or one of now. */
void read_context_of(struct read_context *rc, const struct run *run);
/* The same for a statement that reads one row: outside a transaction the newest version does, and
 * the view is opened only when the row is not hot. */
void read_context_of_point(struct read_context *rc, const struct run *run);
void read_context_release(struct read_context *rc);

/* The session's part of a table: its own partition, or the shared one. Lives in the arena. */
const struct table_part *read_context_part(struct read_context *rc, const struct table *table);
/* Opens the table for this session once per context. UNAVAILABLE with KV_NO_IO: not in memory. */
MUST_USE status read_context_table(struct read_context *rc, const struct table *table,
                                   enum kv_get_mode mode, struct table_read **out,
                                   struct error *err);

/* The newest version of a key without the table state when it is hot or staged (table_get_hot); not
 * for STREAM tables. */
MUST_USE status read_context_get_hot(struct read_context *rc, const struct table *table, str key,
                                     enum kv_get_mode mode, struct arena *arena,
                                     struct table_row *out, bool *is_elsewhere, struct error *err);

/* The functions that the SQL engine calls; `context` is the query engine. */
void provider_init(struct duck_provider *provider, struct query_engine *engine);

#endif
