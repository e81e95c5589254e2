/* query/engine_plan.h -- a SELECT that passed the gate, and running it. For query/ only.
 * For:      SELECT, EXPLAIN, CREATE VIEW, and the rows of UPDATE, DELETE, INSERT ... SELECT.
 * Threads:  workers only: the SQL engine may wait for disk. */
#ifndef QUERY_ENGINE_PLAN_H
#define QUERY_ENGINE_PLAN_H

#include "query/gate.h"
#include "query/plan_cache.h"
#include "query/read_context.h"

/* Cached and shared: nothing in it belongs to one user. */
struct engine_plan {
    struct plan base; /* first */
    struct gate_plan gate;
    struct schema **schemas; /* counted, one per table of the catalog in it */
    unsigned schema_count;
};

enum engine_limits { ENGINE_LIMITED, ENGINE_UNLIMITED };

/* Finds or makes the plan of a text for the session's role and namespace; plan_give(&plan->base).
 * The errors are the gate's. */
MUST_USE status engine_plan_get(struct run *run, struct duck *duck, str text,
                                enum engine_limits limits, struct engine_plan **out,
                                struct error *err);

/* Which catalog of the engine the statement needs now: HOT when no table of it has a segment. Opens
 * the tables in the context and checks the session's rights again. */
MUST_USE status engine_plan_catalog(struct engine_plan *plan, struct read_context *rc,
                                    enum duck_catalog *out, struct error *err);

/* Around whatever a statement asks of the SQL engine. Leaving decides what a refusal of memory
 * means: see heavy.h; run->wants_alone says that run.c should run the statement again. */
MUST_USE status engine_enter(struct run *run, struct heavy_pass *pass, struct error *err);
MUST_USE status engine_leave(struct run *run, const struct heavy_pass *pass, status result,
                             struct error *err);

/* What decides which segments this execution would give to the engine (prune_files); for EXPLAIN.
 * The context's tables are open (engine_plan_catalog gave `catalog`). */
MUST_USE status engine_plan_prune(struct run *run, struct engine_plan *plan, struct duck *duck,
                                  struct read_context *rc, enum duck_catalog catalog,
                                  struct prune_run *out, struct error *err);

/* What a running SELECT hands its rows to. */
struct engine_rows {
    void *context;
    /* Once, before any row. `result` is NULL when `rows` is: it is prepared and not run. */
    status (*begin)(void *context, const struct engine_plan *plan, const struct duck_result *result,
                    struct error *err);
    status (*rows)(void *context, const struct batch *batch, struct error *err);
};

/* Runs a SELECT text for the run's session from the gate to the last row. `rows` NULL: it is
 * prepared and not run, for the errors that it would have itself. */
MUST_USE status engine_run(struct run *run, str text, enum engine_limits limits,
                           const struct engine_rows *rows, struct error *err);

#endif
