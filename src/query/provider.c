/* query/provider.c -- what the SQL engine asks for: hot rows, dead seqs, files, system tables, ids.
 * The session pointer of a connection is the struct read_context of the running statement. */
#include "query/mutant.h"
#include "query/read_context.h"
#include "query/system.h"

static status open_table(struct read_context *rc, table_id id, struct table_read **out,
                         struct error *err)
{
    const struct table *table = snapshot_find_table_id(rc->snapshot, id);
    if (table == NULL) {
        return error_set(err, ERROR_CONFLICT, "the table was changed or dropped meanwhile");
    }
    /* The gate asked before; a plan that outlived a change of rights must ask again. */
    if (!mutant_is_on("plan_without_rights")) {
        TRY(query_may_read(rc->session, table, err));
    }
    return read_context_table(rc, table, KV_MAY_BLOCK, out, err);
}

static status hot_open(void *context, void *session, const struct duck_scan *scan,
                       struct duck_source *out, struct error *err)
{
    (void)context;
    struct table_read *read = NULL;
    TRY(open_table(session, scan->schema->table, &read, err));
    struct table_scan wanted = TABLE_SCAN_ALL(scan->schema);
    wanted.wanted = scan->wanted;
    wanted.want_deleted = scan->want_deleted;
    return table_scan_hot(read, &wanted, out, err);
}

static uint64_t hot_count(void *context, void *session, table_id id)
{
    (void)context;
    struct table_read *read = NULL;
    struct error ignored;
    if (session == NULL || !status_ok(open_table(session, id, &read, &ignored))) {
        return 0;
    }
    return table_hot_rows(read);
}

static status dead_open(void *context, void *session, table_id id, struct duck_source *out,
                        struct error *err)
{
    (void)context;
    struct table_read *read = NULL;
    TRY(open_table(session, id, &read, err));
    return table_scan_dead(read, out, err);
}

/* The table whose files are listed: the session's, but for a planted defect. */
static status open_for_files(struct read_context *rc, table_id id, struct table_read **out,
                             struct error *err)
{
    TRY(open_table(rc, id, out, err));
#ifdef KALAM_TESTING
    str owner = mutant_first("files_of_first", rc->session->user_id, rc->arena);
    if (!str_eq(owner, rc->session->user_id)) {
        struct table_part *part = ARENA_NEW(rc->arena, struct table_part);
        table_part_init(part, snapshot_find_table_id(rc->snapshot, id), owner, rc->arena);
        TRY(table_read_open(rc->engine->rows, rc->view, part, rc->slot, KV_MAY_BLOCK, rc->arena,
                            out, err));
    }
#endif
    return STATUS_IS_OK;
}

static str empty_file(struct query_engine *engine, struct arena *arena)
{
    return arena_format(arena, "%s/.empty.parquet", engine->cold_directory);
}

static status files_list(void *context, void *session, table_id id, struct arena *arena,
                         str **paths, unsigned *count, struct error *err)
{
    struct query_engine *engine = context;
    struct table_file *files = NULL;
    unsigned n = 0;
    if (session != NULL) {
        struct table_read *read = NULL;
        TRY(open_for_files(session, id, &read, err));
        unsigned total = 0;
        const struct read_context *rc = session;
        TRY(prune_files(&rc->prune, read, &files, &n, &total, err));
    }
    *paths = ARENA_ARRAY(arena, str, n + 1);
    *count = n > 0 ? n : 1;
    (*paths)[0] = empty_file(engine, arena);
    for (unsigned i = 0; i < n; i++) {
        (*paths)[i] = arena_copy(arena, files[i].path);
    }
    return STATUS_IS_OK;
}

/* "system.users" in two. */
static const struct system_table *find_system(str name)
{
    ptrdiff_t dot = str_find_char(name, '.');
    return dot < 0 ? NULL
                   : system_table_find(str_slice(name, 0, (size_t)dot),
                                       str_skip(name, (size_t)dot + 1));
}

static status system_columns(void *context, str name, struct arena *arena,
                             const struct duck_column **columns, unsigned *count, struct error *err)
{
    (void)context;
    const struct system_table *table = find_system(name);
    if (table == NULL) {
        return error_set(err, ERROR_NOT_FOUND, "system table " STR_FMT " does not exist",
                         STR(name));
    }
    struct duck_column *list = ARENA_ARRAY(arena, struct duck_column, table->column_count);
    for (unsigned i = 0; i < table->column_count; i++) {
        list[i] =
            (struct duck_column){str_from(table->columns[i].name), type_of(table->columns[i].type)};
    }
    *columns = list;
    *count = table->column_count;
    return STATUS_IS_OK;
}

struct system_source {
    struct system_rows *rows;
    const struct system_table *table;
    unsigned next;
};

static status system_next(void *state, struct batch *batch, bool *done, struct error *err)
{
    (void)err;
    struct system_source *source = state;
    unsigned total = system_rows_count(source->rows);
    while (source->next < total && !batch_is_full(batch)) {
        const struct value *row = system_rows_at(source->rows, source->next++);
        for (unsigned i = 0; i < source->table->column_count; i++) {
            batch_set(batch, i, batch->row_count, &row[i]);
        }
        batch->row_count++;
    }
    *done = source->next == total;
    return STATUS_IS_OK;
}

static void system_close(void *state)
{
    struct system_source *source = state;
    system_rows_release(source->rows);
    mem_free(source);
}

static status system_open(void *context, void *session, str name, const uint64_t *wanted,
                          struct duck_source *out, struct error *err)
{
    (void)context;
    (void)wanted;
    struct read_context *rc = session;
    const struct system_table *table = find_system(name);
    if (table == NULL) {
        return error_set(err, ERROR_NOT_FOUND, "system table " STR_FMT " does not exist",
                         STR(name));
    }
    struct system_rows *rows = NULL;
    TRY(system_rows_load(rc, table, &rows, err));
    struct system_source *source = mem_alloc_zeroed(sizeof *source);
    *source = (struct system_source){rows, table, 0};
    *out = (struct duck_source){source, system_next, system_close};
    return STATUS_IS_OK;
}

static int64_t make_snowflake(void *context)
{
    struct query_engine *engine = context;
    return (int64_t)snowflake_next(engine->ids);
}

static void make_uuid_v7(void *context, uint8_t out[16])
{
    query_uuid_v7(context, out);
}

static void make_ulid(void *context, char out[26])
{
    query_ulid(context, out);
}

void provider_init(struct duck_provider *provider, struct query_engine *engine)
{
    *provider = (struct duck_provider){.context = engine,
                                       .hot_open = hot_open,
                                       .hot_count = hot_count,
                                       .dead_open = dead_open,
                                       .files_list = files_list,
                                       .system_columns = system_columns,
                                       .system_open = system_open,
                                       .make_snowflake = make_snowflake,
                                       .make_uuid_v7 = make_uuid_v7,
                                       .make_ulid = make_ulid};
}
