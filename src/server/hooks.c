/* server/hooks.c -- STORAGE FLUSH and COMPACT, KILL, DROP TABLE's clean-up as jobs. */
#include "server/hooks.h"

#include "store/registry.h"

static bool has_work(struct server *server, enum job_kind kind, table_id table)
{
    struct table_totals totals;
    store_totals(server->store, table, &totals);
    return kind == JOB_FLUSH ? totals.hot_rows > 0 : totals.segments > 0;
}

static status flush_table(void *context, const struct session *session, const struct table *table,
                          struct arena *arena, str *message, struct error *err)
{
    (void)session;
    struct server *server = context;
    char id[JOB_ID_BYTES];
    str ns = table->namespace_name;
    if (!has_work(server, JOB_FLUSH, table->id)) {
        *message = arena_format(
            arena, "Storage flush skipped: no pending writes for table '" STR_FMT "." STR_FMT "'",
            STR(ns), STR(table->name));
        return STATUS_IS_OK;
    }
    status result = jobs_queue(server->jobs, JOB_FLUSH, table->id, ns, table->name, true, id, err);
    if (result.code == STATUS_EXISTS) {
        *message = arena_format(
            arena,
            "Storage flush skipped: a flush is already queued or running for table '" STR_FMT
            "." STR_FMT "'",
            STR(ns), STR(table->name));
        return STATUS_IS_OK;
    }
    TRY(result);
    *message =
        arena_format(arena, "Storage flush started for table '" STR_FMT "." STR_FMT "'. Job ID: %s",
                     STR(ns), STR(table->name), id);
    return STATUS_IS_OK;
}

static status compact_table(void *context, const struct session *session, const struct table *table,
                            struct arena *arena, str *message, struct error *err)
{
    (void)session;
    struct server *server = context;
    char id[JOB_ID_BYTES];
    status result = jobs_queue(server->jobs, JOB_COMPACT, table->id, table->namespace_name,
                               table->name, true, id, err);
    if (result.code != STATUS_EXISTS) { /* else `id` is the one that is under way */
        TRY(result);
    }
    *message = arena_format(
        arena, "Storage compaction started for table '" STR_FMT "." STR_FMT "'. Job ID: %s",
        STR(table->namespace_name), STR(table->name), id);
    return STATUS_IS_OK;
}

/* Queues a job for every table of the namespace that needs one; `ids` gets them, "a, b". */
static status queue_all(struct server *server, const struct catalog_snapshot *snapshot, str ns,
                        enum job_kind kind, struct buf *ids, unsigned *count, struct error *err)
{
    for (unsigned i = 0; i < snapshot->table_count; i++) {
        const struct table *table = snapshot->tables[i];
        char id[JOB_ID_BYTES];
        if (!str_eq(table->namespace_name, ns) || table->kind == TABLE_STREAM ||
            !has_work(server, kind, table->id)) {
            continue;
        }
        status result = jobs_queue(server->jobs, kind, table->id, table->namespace_name,
                                   table->name, true, id, err);
        if (result.code != STATUS_EXISTS) {
            TRY(result);
            buf_append_format(ids, "%s%s", *count > 0 ? ", " : "", id);
            *count += 1;
        }
    }
    return STATUS_IS_OK;
}

static status sweep_namespace(struct server *server, const struct catalog_snapshot *snapshot,
                              str ns, enum job_kind kind, struct arena *arena, str *message,
                              struct error *err)
{
    struct buf ids;
    unsigned count = 0;
    buf_init(&ids);
    status result = queue_all(server, snapshot, ns, kind, &ids, &count, err);
    if (!status_ok(result)) {
        buf_release(&ids);
        return result;
    }
    const char *what = kind == JOB_FLUSH ? "flush" : "compaction";
    if (count > 0) {
        *message = arena_format(arena,
                                "Storage %s started for %u table(s) in namespace '" STR_FMT
                                "'. Job IDs: [" STR_FMT "]",
                                what, count, STR(ns), STR(buf_str(&ids)));
    } else if (kind == JOB_FLUSH) {
        *message = arena_format(
            arena, "Storage flush skipped: no pending writes in namespace '" STR_FMT "'", STR(ns));
    } else {
        *message =
            arena_format(arena, "No compactable tables found in namespace " STR_FMT, STR(ns));
    }
    buf_release(&ids);
    return STATUS_IS_OK;
}

static status flush_namespace(void *context, const struct session *session,
                              const struct catalog_snapshot *snapshot, str ns, struct arena *arena,
                              str *message, struct error *err)
{
    (void)session;
    return sweep_namespace(context, snapshot, ns, JOB_FLUSH, arena, message, err);
}

static status compact_namespace(void *context, const struct session *session,
                                const struct catalog_snapshot *snapshot, str ns,
                                struct arena *arena, str *message, struct error *err)
{
    (void)session;
    return sweep_namespace(context, snapshot, ns, JOB_COMPACT, arena, message, err);
}

static status kill_job(void *context, const struct session *session, str id, struct arena *arena,
                       str *message, struct error *err)
{
    (void)session;
    struct server *server = context;
    TRY(jobs_kill(server->jobs, id, err));
    *message = arena_format(arena, "Job " STR_FMT " killed: cancelled", STR(id));
    return STATUS_IS_OK;
}

static status kill_live(void *context, const struct session *session, str id, struct arena *arena,
                        str *message, struct error *err)
{
    struct server *server = context;
    const struct server_wires *wires = &server->wires;
    if (wires->kill_live == NULL) {
        return error_set(err, ERROR_NOT_FOUND, "Live query '" STR_FMT "' not found", STR(id));
    }
    return wires->kill_live(wires->live_context, session, id, arena, message, err);
}

static status table_dropped(void *context, const struct session *session, table_id id, str ns,
                            str name, struct arena *arena, str *job_id, struct error *err)
{
    (void)session;
    struct server *server = context;
    char job[JOB_ID_BYTES];
    status result = jobs_queue(server->jobs, JOB_CLEANUP, id, ns, name, true, job, err);
    if (result.code != STATUS_EXISTS) {
        TRY(result);
    }
    *job_id = arena_copy(arena, str_from(job));
    return STATUS_IS_OK;
}

static void user_changed(void *context, str user_id)
{
    struct server *server = context;
    if (server->wires.user_changed != NULL) {
        server->wires.user_changed(server->wires.live_context, user_id);
    }
}

static status system_rows(void *context, const struct session *session, str table,
                          const struct system_key *key, struct arena *arena,
                          const struct row_sink *sink, struct error *err)
{
    return system_rows_write(context, session, table, key, arena, sink, err);
}

static uint64_t system_version(void *context, str table)
{
    const struct server *server = context;
    const struct server_wires *wires = &server->wires;
    if (str_eq_c(table, "jobs")) {
        return jobs_version(server->jobs);
    }
    return str_eq_c(table, "live") && wires->live_version != NULL
               ? wires->live_version(wires->live_context)
               : 0;
}

struct query_hooks hooks_make(struct server *server)
{
    return (struct query_hooks){
        .context = server,
        .flush_table = flush_table,
        .flush_namespace = flush_namespace,
        .compact_table = compact_table,
        .compact_namespace = compact_namespace,
        .kill_job = kill_job,
        .kill_live = kill_live,
        .table_dropped = table_dropped,
        .user_changed = user_changed,
        .system_rows = system_rows,
        .system_version = system_version,
    };
}
