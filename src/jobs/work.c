/* jobs/work.c -- walking over the partitions of a table. */
#include "jobs/work.h"

#include "base/fault.h"
#include "base/log.h"
#include "store/compact.h"
#include "store/drop.h"
#include "store/flush.h"
#include "store/registry.h"
#include "store/stream.h"

static void say(struct work *work, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct work *work, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(work->message, sizeof work->message, format, args);
    va_end(args);
}

static void overfull_owners(struct work *work, struct arena *arena, str **owners, size_t *count)
{
    const struct catalog_snapshot *s = catalog_take(work->options->catalog);
    struct stream_candidate *overfull = NULL;
    size_t n = 0;
    stream_candidates(work->options->store, s, arena, &overfull, &n);
    catalog_give(s);
    *owners = ARENA_ARRAY(arena, str, n + 1);
    *count = 0;
    for (size_t i = 0; i < n; i++) {
        if (overfull[i].table.v == work->job->table.v) {
            (*owners)[(*count)++] = overfull[i].owner;
        }
    }
}

/* The owners whose partitions this job is for. */
static void owners_of(struct work *work, struct arena *arena, str **owners, size_t *count)
{
    struct store *store = work->options->store;
    if (work->job->kind == JOB_STREAM_TRIM) {
        overfull_owners(work, arena, owners, count);
        return;
    }
    if (work->job->is_forced || work->job->kind != JOB_FLUSH) {
        store_owners(store, work->job->table, arena, owners, count);
        return;
    }
    const struct catalog_snapshot *s = catalog_take(work->options->catalog);
    struct flush_candidate *due = NULL;
    size_t due_count = 0;
    int64_t next_us = 0;
    store_flush_candidates(store, s, clock_wall_us(work->options->clock), SIZE_MAX, arena, &due,
                           &due_count, &next_us);
    catalog_give(s);
    *owners = ARENA_ARRAY(arena, str, due_count + 1);
    *count = 0;
    for (size_t i = 0; i < due_count; i++) {
        if (due[i].table.v == work->job->table.v) {
            (*owners)[(*count)++] = due[i].owner;
        }
    }
}

/* One partition that fails must not keep the others hot: the first error is kept to the end. */
static void keep_first(status *kept, status result, struct error *err, const struct error *mine)
{
    if (status_ok(*kept) && !status_ok(result)) {
        *kept = result;
        *err = *mine;
    }
}

static bool is_cancelled(const struct work *work)
{
    return atomic_count_get(&work->job->cancel) != 0;
}

static status cancelled(struct error *err)
{
    return error_set(err, ERROR_CANCELLED, "cancelled");
}

static status flush(struct work *work, bool *is_skipped, struct error *err)
{
    struct arena arena;
    arena_init(&arena);
    str *owners = NULL;
    size_t count = 0;
    owners_of(work, &arena, &owners, &count);
    uint64_t rows = 0;
    unsigned files = 0;
    status result = STATUS_IS_OK;
    for (size_t i = 0; i < count && !is_cancelled(work); i++) {
        struct flush_result one = {0};
        struct error mine;
        error_clear(&mine);
        keep_first(&result,
                   flush_run(work->options->store, work->job->table, owners[i], work->slot,
                             &work->job->cancel, &one, &mine),
                   err, &mine);
        rows += one.rows;
        files += one.files;
    }
    arena_release(&arena);
    if (is_cancelled(work)) {
        return cancelled(err);
    }
    *is_skipped = files == 0 && !work->job->is_forced; /* whoever asked reads "completed" */
    say(work, "Flushed %s:%s successfully (%llu rows, %u files)", work->job->namespace_name,
        work->job->table_name, (unsigned long long)rows, files);
    return result;
}

static status compact(struct work *work, bool *is_skipped, struct error *err)
{
    struct arena arena;
    arena_init(&arena);
    str *owners = NULL;
    size_t count = 0;
    owners_of(work, &arena, &owners, &count);
    unsigned sources = 0;
    uint64_t dead = 0;
    status result = STATUS_IS_OK;
    for (size_t i = 0; i < count && !is_cancelled(work); i++) {
        struct compact_result one = {0};
        struct error mine;
        error_clear(&mine);
        keep_first(&result,
                   compact_run(work->options->store, work->job->table, owners[i],
                               work->job->is_forced, work->slot, &work->job->cancel, &one, &mine),
                   err, &mine);
        sources += one.sources;
        dead += one.dead;
    }
    arena_release(&arena);
    if (is_cancelled(work)) {
        return cancelled(err);
    }
    *is_skipped = sources == 0 && !work->job->is_forced; /* whoever asked reads "completed" */
    say(work, "Compaction completed for %s:%s (%u segments merged, %llu dead rows removed)",
        work->job->namespace_name, work->job->table_name, sources, (unsigned long long)dead);
    return result;
}

static status clean_up(struct work *work, struct error *err)
{
    struct arena arena;
    arena_init(&arena);
    struct dropped_table *dropped = NULL;
    unsigned count = 0;
    status result = catalog_list_dropped(work->options->catalog, &arena, &dropped, &count, err);
    say(work, "Nothing is left of %s:%s", work->job->namespace_name, work->job->table_name);
    for (unsigned i = 0; i < count && status_ok(result); i++) {
        if (dropped[i].id.v == work->job->table.v) {
            struct drop_result one = {0};
            result = store_drop_table(work->options->store, &dropped[i], &one, err);
            say(work, "Removed %llu partitions and %llu files of %s:%s",
                (unsigned long long)one.partitions, (unsigned long long)one.files,
                work->job->namespace_name, work->job->table_name);
            log_info("family", "drop", "name=\"%s.%s\" table=%lu partitions=%llu result=%s",
                     work->job->namespace_name, work->job->table_name,
                     (unsigned long)dropped[i].id.v, (unsigned long long)one.partitions,
                     status_ok(result) ? "ok" : "failed");
        }
    }
    arena_release(&arena);
    return result;
}

static status evict(struct work *work, bool *is_skipped, struct error *err)
{
    struct arena arena;
    arena_init(&arena);
    str *owners = NULL;
    size_t count = 0;
    owners_of(work, &arena, &owners, &count);
    uint64_t rows = 0;
    status result = STATUS_IS_OK;
    for (size_t i = 0; i < count && status_ok(result) && !is_cancelled(work); i++) {
        uint64_t one = 0;
        result = stream_evict(work->options->store, work->job->table, owners[i], &work->job->cancel,
                              &one, err);
        rows += one;
    }
    arena_release(&arena);
    if (status_ok(result) && is_cancelled(work)) {
        return cancelled(err);
    }
    *is_skipped = rows == 0;
    say(work, "Evicted %llu rows of %s:%s", (unsigned long long)rows, work->job->namespace_name,
        work->job->table_name);
    return result;
}

static void sweep(struct work *work, bool *is_skipped)
{
    unsigned count = work->options->sweep(work->options->sweep_context);
    *is_skipped = count == 0;
    say(work, "Removed %u cached results that were too old", count);
}

status work_run(struct work *work, bool *is_skipped, struct error *err)
{
    *is_skipped = false;
    FAULT_POINT("job.after_start");
    status result = STATUS_IS_OK;
    switch (work->job->kind) {
    case JOB_FLUSH:
        result = flush(work, is_skipped, err);
        break;
    case JOB_COMPACT:
        result = compact(work, is_skipped, err);
        break;
    case JOB_CLEANUP:
        result = clean_up(work, err);
        break;
    case JOB_STREAM_EVICTION:
    case JOB_STREAM_TRIM:
        result = evict(work, is_skipped, err);
        break;
    case JOB_DBA_STATS:
        result = work->options->sample(work->options->sample_context, err);
        break;
    case JOB_CACHE_SWEEP:
        sweep(work, is_skipped);
        break;
    case JOB_KIND_COUNT:
        break;
    }
    FAULT_POINT("job.before_finish");
    return result;
}
