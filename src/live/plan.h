/* live/plan.h -- what a subscription watches, bound once: table, partition, filter, projection.
 * For:      subscription.c (changes) and page.c (rows of the store); both see rows as values of one
 *           schema version.
 * Rules:    a filter that our evaluator cannot run is refused here: never widened, never mute.
 *           NOW() is the moment of the subscription, so that what belongs to it follows from the
 *           rows alone.
 * Owns:     everything in one arena; counted.
 * Threads:  immutable once made; any. */
#ifndef LIVE_PLAN_H
#define LIVE_PLAN_H

#include "live/event.h"
#include "query/expression.h"
#include "query/query.h"

struct live_plan_request {
    struct query_engine *engine;
    struct catalog *catalog;
    str user_id;
    enum role role;
    str sql;
    int64_t now_us;
    bool may_block; /* false: only a cached schema will do */
};

struct live_plan {
    refcount refs;
    struct arena arena;
    str sql;
    struct session session;
    struct eval_session eval_session;
    table_id table;
    str namespace_name;
    str table_name;
    enum table_kind kind;
    str partition; /* prefix */
    struct schema *schema;
    struct projection projection;
    const struct eval *filter; /* NULL: every row */
    const uint64_t *wanted;    /* bits of the columns that filter and projection read */
    /* Rows that match have this value in this column. Key bytes as model/key.h makes them. */
    bool has_equality;
    unsigned equality_column;
    str equality_key;
};

/* Parses, checks rights, binds. UNAVAILABLE without a text: !may_block and the schema is not in
 * memory. Otherwise see live_error_of for what the errors mean. */
MUST_USE status live_plan_create(const struct live_plan_request *request, struct live_plan **out,
                                 struct error *err);
struct live_plan *live_plan_take(struct live_plan *plan);
void live_plan_give(struct live_plan *plan); /* NULL allowed */

/* Does a row (expression_width values under plan->schema) belong to it? The error is one of this
 * filter and this row. */
MUST_USE status live_plan_matches(const struct live_plan *plan, const struct value *values,
                                  struct arena *arena, bool *matches, struct error *err);

#endif
