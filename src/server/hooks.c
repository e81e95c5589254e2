/* server/hooks.c -- STORAGE FLUSH, COMPACT, KILL and the clean-up after DROP TABLE, as jobs. */
#include "server/hooks.h"

#include "store/registry.h"

/* Queues one job for a table. The message is the contract's (http-ws.md section 2.5). */
static status start_job(struct hooks *hooks, enum job_kind kind, const struct table *table,
                        const char *what, struct arena *arena, str *message, struct error *err)
{
    char id[JOB_ID_BYTES];
    struct error mine;
    error_clear(&mine);
    status result = jobs_queue(hooks->jobs, kind, table->id, table->namespace_name, table->name,
                               true, id, &mine);
    if (status_ok(result)) {
        *message = arena_format(
            arena, "Storage %s started for table '" STR_FMT "." STR_FMT "'. Job ID: %s", what,
            STR(table->namespace_name), STR(table->name), id);
        return STATUS_IS_OK;
    }
    if (mine.id == ERROR_EXISTS) {
        *message = arena_format(arena,
                                "Storage %s skipped: a %s is already queued or running for table "
                                "'" STR_FMT "." STR_FMT "'",
                                what, kind == JOB_FLUSH ? "flush" : "compaction",
                                STR(table->namespace_name), STR(table->name));
        return STATUS_IS_OK;
    }
    *err = mine;
    return result;
}

static bool has_hot_rows(struct hooks *hooks, table_id id)
{
    struct table_totals totals;
    store_totals(hooks->server->store, id, &totals);
    return totals.hot_rows > 0;
}

static status flush_table(void *context, const struct session *session, const struct table *table,
                          struct arena *arena, str *message, struct error *err)
{
    (void)session;
    struct hooks *hooks = context;
    if (!has_hot_rows(hooks, table->id)) {
        *message = arena_format(
            arena, "Storage flush skipped: no pending writes for table '" STR_FMT "." STR_FMT "'",
            STR(table->namespace_name), STR(table->name));
        return STATUS_IS_OK;
    }
    return start_job(hooks, JOB_FLUSH, table, "flush", arena, message, err);
}

static status compact_table(void *context, const struct session *session, const struct table *table,
                            struct arena *arena, str *message, struct error *err)
{
    (void)session;
    return start_job(context, JOB_COMPACT, table, "compaction", arena, message, err);
}

/* Jobs for all tables of a namespace that have something to do; ids are joined by ", ". */
static status start_all(struct hooks *hooks, enum job_kind kind,
                        const struct catalog_snapshot *snapshot, str ns, struct arena *arena,
                        unsigned *count, str *ids, struct error *err)
{
    *count = 0;
    *ids = (str){NULL, 0};
    for (unsigned i = 0; i < snapshot->table_count; i++) {
        const struct table *table = snapshot->tables[i];
        if (!str_eq(table->namespace_name, ns) || table->kind == TABLE_STREAM ||
            (kind == JOB_FLUSH && !has_hot_rows(hooks, table->id))) {
            continue;
        }
        char id[JOB_ID_BYTES];
        struct error mine;
        error_clear(&mine);
        status result = jobs_queue(hooks->jobs, kind, table->id, table->namespace_name, table->name,
                                   true, id, &mine);
        if (!status_ok(result) && mine.id != ERROR_EXISTS) {
            *err = mine;
            return result;
        }
        *ids = arena_format(arena, STR_FMT "%s%s", STR(*ids), *count > 0 ? ", " : "", id);
        (*count)++;
    }
    return STATUS_IS_OK;
}

static status flush_namespace(void *context, const struct session *session,
                              const struct catalog_snapshot *snapshot, str ns, struct arena *arena,
                              str *message, struct error *err)
{
    (void)session;
    unsigned count = 0;
    str ids;
    TRY(start_all(context, JOB_FLUSH, snapshot, ns, arena, &count, &ids, err));
    *message =
        count == 0
            ? arena_format(arena,
                           "Storage flush skipped: no pending writes in namespace '" STR_FMT "'",
                           STR(ns))
            : arena_format(arena,
                           "Storage flush started for %u table(s) in namespace '" STR_FMT
                           "'. Job IDs: [" STR_FMT "]",
                           count, STR(ns), STR(ids));
    return STATUS_IS_OK;
}

static status compact_namespace(void *context, const struct session *session,
                                const struct catalog_snapshot *snapshot, str ns,
                                struct arena *arena, str *message, struct error *err)
{
    (void)session;
    unsigned count = 0;
    str ids;
    TRY(start_all(context, JOB_COMPACT, snapshot, ns, arena, &count, &ids, err));
    *message =
        count == 0
            ? arena_format(arena, "No compactable tables found in namespace " STR_FMT, STR(ns))
            : arena_format(arena,
                           "Storage compaction started for %u table(s) in namespace '" STR_FMT
                           "'. Job IDs: [" STR_FMT "]",
                           count, STR(ns), STR(ids));
    return STATUS_IS_OK;
}

static status kill_job(void *context, const struct session *session, str id, struct arena *arena,
                       str *message, struct error *err)
{
    (void)session;
    struct hooks *hooks = context;
    TRY(jobs_kill(hooks->jobs, id, err));
    *message = arena_format(arena, "Job " STR_FMT " killed: cancelled", STR(id));
    return STATUS_IS_OK;
}

static status kill_live(void *context, const struct session *session, str id, struct arena *arena,
                        str *message, struct error *err)
{
    (void)session;
    struct hooks *hooks = context;
    if (hooks->kill_live == NULL) {
        return error_set(err, ERROR_NOT_FOUND, "Live query '" STR_FMT "' not found", STR(id));
    }
    TRY(hooks->kill_live(hooks->live_context, id, err));
    *message = arena_format(arena, "Live query killed: " STR_FMT, STR(id));
    return STATUS_IS_OK;
}

static status table_dropped(void *context, const struct session *session, table_id id, str ns,
                            str name, struct arena *arena, str *job_id, struct error *err)
{
    (void)session;
    struct hooks *hooks = context;
    char job[JOB_ID_BYTES];
    TRY(jobs_queue(hooks->jobs, JOB_CLEANUP, id, ns, name, true, job, err));
    *job_id = arena_copy(arena, str_from(job));
    return STATUS_IS_OK;
}

static status system_rows(void *context, const struct session *session, str table,
                          struct arena *arena, const struct row_sink *sink, struct error *err)
{
    return system_rows_above(context, session, table, arena, sink, err);
}

void hooks_fill(struct query_hooks *out, struct hooks *hooks)
{
    *out = (struct query_hooks){.context = hooks,
                                .flush_table = flush_table,
                                .flush_namespace = flush_namespace,
                                .compact_table = compact_table,
                                .compact_namespace = compact_namespace,
                                .kill_job = kill_job,
                                .kill_live = kill_live,
                                .table_dropped = table_dropped,
                                .system_rows = system_rows};
}
