/* query/system.c -- collecting the rows of a system table, or finding them collected. */
#include "query/system.h"

struct system_rows {
    refcount refs;
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

/* Makes the rows anew. */
static status fill_rows(struct read_context *rc, const struct system_table *table,
                        struct system_rows **out, struct error *err)
{
    struct system_rows *rows = system_rows_create(table->column_count);
    struct row_sink sink = system_rows_sink(rows);
    const struct query_hooks *hooks = &rc->engine->hooks;
    status result = table->fill != NULL
                        ? table->fill(rc, &sink, err)
                        : hooks->system_rows(hooks->context, rc->session, str_from(table->name),
                                             &rc->key, rc->arena, &sink, err);
    if (!status_ok(result)) {
        system_rows_release(rows);
        return result;
    }
    *out = rows;
    return STATUS_IS_OK;
}

/* The version of what the rows are made from; 0: nobody counts it, they are not kept. */
static uint64_t source_version(const struct read_context *rc, const struct system_table *table)
{
    const struct query_hooks *hooks = &rc->engine->hooks;
    if (table->fill != NULL) {
        return rc->snapshot->version;
    }
    return hooks->system_version != NULL
               ? hooks->system_version(hooks->context, str_from(table->name))
               : 0;
}

/* All of the session that a fill function may look at: rows of one caller never reach another. */
static str asker_key(const struct read_context *rc, const struct system_table *table)
{
    const struct session *s = rc->session;
    return arena_format(rc->arena, "%s %d %d %zu " STR_FMT STR_FMT, table->name, (int)s->role,
                        (int)s->actor_role, s->user_id.n, STR(s->user_id), STR(s->actor_id));
}

status system_rows_load(struct read_context *rc, const struct system_table *table,
                        struct system_rows **out, struct error *err)
{
    struct system_cache *cache = rc->engine->system;
    enum system_kind kind = SYSTEM_TABLES;
    bool is_kept = strcmp(table->namespace_name, "system") == 0 &&
                   system_cache_has(cache, str_from(table->name), &kind);
    bool is_whole = rc->key.column == NULL;
    uint64_t version = is_kept && is_whole ? source_version(rc, table) : 0;
    if (version == 0) {
        return fill_rows(rc, table, out, err);
    }
    str key = asker_key(rc, table);
    struct system_rows *rows = system_cache_get(cache, kind, key, version);
    if (rows == NULL) {
        TRY(fill_rows(rc, table, &rows, err));
        system_cache_put(cache, kind, key, version, rows);
    }
    *out = rows;
    return STATUS_IS_OK;
}

struct system_rows *system_rows_create(unsigned column_count)
{
    struct system_rows *rows = mem_alloc_zeroed(sizeof *rows);
    refcount_init(&rows->refs);
    arena_init(&rows->arena);
    rows->column_count = column_count;
    return rows;
}

struct row_sink system_rows_sink(struct system_rows *rows)
{
    return (struct row_sink){rows, collect};
}

struct system_rows *system_rows_take(struct system_rows *rows)
{
    refcount_take(&rows->refs);
    return rows;
}

size_t system_rows_bytes(const struct system_rows *rows)
{
    return sizeof *rows + rows->arena.used_bytes + rows->capacity * sizeof(struct value *);
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
    if (rows != NULL && refcount_give(&rows->refs)) {
        mem_free(rows->rows);
        arena_release(&rows->arena);
        mem_free(rows);
    }
}
