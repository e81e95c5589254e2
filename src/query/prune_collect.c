/* query/prune_collect.c -- the values of small tables that leave out files of others (prune.h, rule
 * 4).
 * For:      joins and IN (SELECT ...): the engine would open every file of the other table.
 * Touches:  the SQL engine, on the statement's own connection, view and session, so nothing is seen
 *           that the statement does not see. Threads: the statement's. */
#include "query/prune_private.h"
#include "query/read_context.h"

/* What reads a source: its terms decide about its own files, too. */
static struct prune_run run_of(const struct prune_run *prune, const struct prune_source *source)
{
    return (struct prune_run){
        .plan = source->own, .values = prune->values, .value_count = prune->value_count};
}

/* Do the values of the source pay: are its rows few, and its files few beside those that the values
 * may leave out? */
static status pays(const struct prune_run *prune, struct read_context *rc,
                   const struct prune_place *place, const struct prune_source *source, bool *out,
                   struct error *err)
{
    const struct table *target = snapshot_find_table_id(rc->snapshot, place->table);
    const struct table *other = snapshot_find_table_id(rc->snapshot, source->place->table);
    struct table_read *read = NULL;
    *out = false;
    if (target == NULL || other == NULL) {
        return STATUS_IS_OK; /* the statement itself will say so */
    }
    TRY(read_context_table(rc, target, KV_MAY_BLOCK, &read, err));
    uint64_t target_segments = read->state.segments;
    if (target_segments < PRUNE_SEGMENTS_MIN) {
        return STATUS_IS_OK;
    }
    TRY(read_context_table(rc, other, KV_MAY_BLOCK, &read, err));
    if (table_hot_rows(read) + table_cold_rows(read) > PRUNE_SOURCE_ROWS_MAX) {
        return STATUS_IS_OK;
    }
    const struct prune_run own = run_of(prune, source);
    struct table_file *files = NULL;
    unsigned count = 0;
    unsigned total = 0;
    TRY(prune_decide(&own, read, &files, &count, &total, err));
    *out = count * 2 <= target_segments;
    return STATUS_IS_OK;
}

static status take_rows(struct duck_result *result, struct arena *arena, struct prune_values *out,
                        struct error *err)
{
    for (;;) {
        const struct batch *batch = NULL;
        TRY(duck_fetch(result, &batch, err));
        if (batch == NULL) {
            out->is_known = true;
            return STATUS_IS_OK;
        }
        for (unsigned i = 0; i < batch->row_count; i++) {
            if (out->count == PRUNE_VALUES_MAX) {
                return STATUS_IS_OK; /* too many */
            }
            struct value v = batch_get(batch, 0, i);
            out->items[out->count++] = value_copy(arena, &v);
        }
    }
}

static status run_source(const struct prune_run *prune, const struct prune_source *source,
                         struct read_context *rc, struct duck_conn *conn, uint64_t deadline_us,
                         struct prune_values *out, struct error *err)
{
    unsigned count = source->operand_count;
    struct value *values = ARENA_ARRAY(rc->arena, struct value, count + 1);
    struct type *types = ARENA_ARRAY(rc->arena, struct type, count + 1);
    for (unsigned i = 0; i < count; i++) {
        const struct prune_operand *operand = source->operands[i];
        values[i] = operand->parameter >= 0 ? prune->values[operand->parameter] : operand->value;
        types[i] = values[i].type;
    }
    struct duck_statement *statement = NULL;
    struct duck_result *result = NULL;
    rc->prune = run_of(prune, source);
    TRY(duck_prepare(conn, source->text, types, count, &statement, err));
    TRY(duck_execute(statement, values, count, deadline_us, &result, err));
    out->items = ARENA_ARRAY(rc->arena, struct value, PRUNE_VALUES_MAX);
    status read = take_rows(result, rc->arena, out, err);
    duck_result_close(result);
#ifdef KALAM_TESTING
    out->count -= prune_mutant_is(PRUNE_LOSES_VALUES) && out->count > 0 ? 1 : 0;
#endif
    return read;
}

/* Once, whatever comes of it. */
static status collect(struct prune_run *prune, const struct prune_source *source,
                      struct read_context *rc, struct duck_conn *conn, uint64_t deadline_us,
                      struct error *err)
{
    struct prune_values *out = &prune->sources[source->number];
    struct error why = {0};
    status result = run_source(prune, source, rc, conn, deadline_us, out, &why);
    rc->prune = (struct prune_run){0};
    if (!status_ok(result)) {
        out->is_known = false;
    }
    if (result.code == STATUS_TIMEOUT || result.code == STATUS_CANCELLED) {
        *err = why;
        return result;
    }
    return STATUS_IS_OK;
}

status prune_collect(struct prune_run *prune, struct read_context *rc, struct duck_conn *conn,
                     uint64_t deadline_us, struct error *err)
{
    if (prune->plan == NULL || prune->plan->source_count == 0) {
        return STATUS_IS_OK;
    }
    bool tried[PRUNE_SOURCES_MAX] = {false};
    prune->sources = ARENA_ARRAY(rc->arena, struct prune_values, prune->plan->source_count);
    for (const struct prune_place *p = prune->plan->places; p != NULL; p = p->next) {
        for (const struct prune_term *t = p->terms; t != NULL; t = t->next) {
            bool is_worth = false;
            if (t->source == NULL || tried[t->source->number]) {
                continue;
            }
            TRY(pays(prune, rc, p, t->source, &is_worth, err));
            if (is_worth) {
                tried[t->source->number] = true;
                TRY(collect(prune, t->source, rc, conn, deadline_us, err));
            }
        }
    }
    return STATUS_IS_OK;
}
