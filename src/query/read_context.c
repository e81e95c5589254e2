/* query/read_context.c -- one view for a statement, and its tables opened at most once. */
#include "query/read_context.h"

#include "query/mutant.h"

struct read_table {
    struct read_table *next;
    const struct table *table;
    struct table_part part;
    struct table_read *read; /* NULL until opened */
};

void read_context_init(struct read_context *rc, struct query_engine *engine,
                       const struct session *session, const struct catalog_snapshot *snapshot,
                       unsigned slot, struct arena *arena)
{
    *rc = (struct read_context){.engine = engine,
                                .session = session,
                                .snapshot = catalog_share(snapshot),
                                .view = kv_view_open(engine->store),
                                .arena = arena,
                                .slot = {slot, slot}};
}

void read_context_release(struct read_context *rc)
{
    if (rc->view != NULL) {
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
    if (t->read == NULL) {
        TRY(table_read_open(rc->engine->rows, rc->view, &t->part, rc->slot, mode, rc->arena,
                            &t->read, err));
    }
    *out = t->read;
    return STATUS_IS_OK;
}
