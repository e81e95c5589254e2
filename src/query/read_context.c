/* query/read_context.c -- one view for a statement, and its tables opened at most once. */
#include "query/read_context.h"

#include "query/mutant.h"
#include "query/transaction.h"

struct read_table {
    struct read_table *next;
    const struct table *table;
    struct table_part part;
    struct table_read *read; /* NULL until opened */
};

static struct read_context without_view(struct query_engine *engine, const struct session *session,
                                        const struct catalog_snapshot *snapshot, unsigned slot,
                                        struct arena *arena)
{
    return (struct read_context){.engine = engine,
                                 .session = session,
                                 .snapshot = catalog_share(snapshot),
                                 .arena = arena,
                                 .slot = {slot, slot}};
}

void read_context_init(struct read_context *rc, struct query_engine *engine,
                       const struct session *session, const struct catalog_snapshot *snapshot,
                       unsigned slot, struct arena *arena)
{
    *rc = without_view(engine, session, snapshot, slot, arena);
    rc->view = kv_view_open(engine->store);
}

void read_context_of_point(struct read_context *rc, const struct run *run)
{
    *rc = without_view(run->engine, &run->session, run->snapshot, run->slot, run->arena);
    if (run->transaction != NULL) {
        rc->view = transaction_view(run->transaction);
        rc->staged = transaction_staged(run->transaction);
    }
}

void read_context_of(struct read_context *rc, const struct run *run)
{
    read_context_of_point(rc, run);
    if (rc->view == NULL) {
        rc->view = kv_view_open(rc->engine->store);
    }
}

void read_context_release(struct read_context *rc)
{
    if (rc->view != NULL && rc->staged == NULL) {
        kv_view_close(rc->view);
        rc->view = NULL;
    }
    catalog_give(rc->snapshot);
    rc->snapshot = NULL;
}

static struct read_table *table_entry(struct read_context *rc, const struct table *table)
{
    for (struct read_table *t = rc->tables; t != NULL; t = t->next) {
        if (t->table->id.v == table->id.v) {
            return t;
        }
    }
    struct read_table *t = ARENA_NEW(rc->arena, struct read_table);
    t->table = table;
    str owner = mutant_is_on("part_of_actor") ? rc->session->actor_id : rc->session->user_id;
    table_part_init(&t->part, table, mutant_first("part_of_first", owner, rc->arena), rc->arena);
    t->next = rc->tables;
    rc->tables = t;
    return t;
}

const struct table_part *read_context_part(struct read_context *rc, const struct table *table)
{
    return &table_entry(rc, table)->part;
}

status read_context_table(struct read_context *rc, const struct table *table, enum kv_get_mode mode,
                          struct table_read **out, struct error *err)
{
    struct read_table *t = table_entry(rc, table);
    if (rc->staged != NULL && table->kind == TABLE_STREAM) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "stream tables are not supported inside explicit transactions");
    }
    if (rc->view == NULL) {
        rc->view = kv_view_open(rc->engine->store);
    }
    if (t->read == NULL) {
        TRY(table_read_open(rc->engine->rows, rc->view, &t->part, rc->slot, mode, rc->arena,
                            &t->read, err));
        t->read->staged = rc->staged != NULL ? staged_find_table(rc->staged, &t->part) : NULL;
    }
    *out = t->read;
    return STATUS_IS_OK;
}

status read_context_get_hot(struct read_context *rc, const struct table *table, str key,
                            enum kv_get_mode mode, struct arena *arena, struct table_row *out,
                            bool *is_elsewhere, struct error *err)
{
    const struct table_part *part = read_context_part(rc, table);
    const struct staged_table *staged =
        rc->staged != NULL ? staged_find_table(rc->staged, part) : NULL;
    if (staged != NULL && staged_find(staged, key) != NULL) {
        struct table_read *read = NULL;
        TRY(read_context_table(rc, table, mode, &read, err));
        *is_elsewhere = false;
        return table_get(read, key, mode, NULL, out, err);
    }
    return table_get_hot(rc->engine->rows, rc->view, part, key, mode, arena, out, is_elsewhere,
                         err);
}
