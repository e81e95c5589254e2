/* query/system.c -- collecting the rows of a system table. */
#include "query/system.h"

struct system_rows {
    struct arena arena;
    unsigned column_count;
    struct value **rows;
    size_t count;
    size_t capacity;
};

static status collect(void *context, const struct value *values, struct error *err)
{
    (void)err;
    struct system_rows *rows = context;
    struct value *copy = arena_alloc(&rows->arena, rows->column_count * sizeof *copy);
    for (unsigned i = 0; i < rows->column_count; i++) {
        copy[i] = value_copy(&rows->arena, &values[i]);
    }
    rows->rows = mem_grow(rows->rows, &rows->capacity, rows->count + 1, sizeof *rows->rows);
    rows->rows[rows->count++] = copy;
    return STATUS_IS_OK;
}

status system_rows_load(struct read_context *rc, const struct system_table *table,
                        struct system_rows **out, struct error *err)
{
    struct system_rows *rows = mem_alloc_zeroed(sizeof *rows);
    arena_init(&rows->arena);
    rows->column_count = table->column_count;
    struct row_sink sink = {rows, collect};
    const struct query_hooks *hooks = &rc->engine->hooks;
    status result = table->fill != NULL
                        ? table->fill(rc, &sink, err)
                        : hooks->system_rows(hooks->context, rc->session, str_from(table->name),
                                             rc->arena, &sink, err);
    if (!status_ok(result)) {
        system_rows_release(rows);
        return result;
    }
    *out = rows;
    return STATUS_IS_OK;
}

unsigned system_rows_count(const struct system_rows *rows)
{
    return (unsigned)rows->count;
}

const struct value *system_rows_at(const struct system_rows *rows, unsigned index)
{
    return rows->rows[index];
}

void system_rows_release(struct system_rows *rows)
{
    if (rows != NULL) {
        mem_free(rows->rows);
        arena_release(&rows->arena);
        mem_free(rows);
    }
}
