/* store/flush.c -- see flush.h. */
#include "store/flush.h"
#include "base/check.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/metric.h"
#include "store/commit_part.h"
#include "store/flush_undo.h"
#include "store/read.h"
#include "store/segment_write.h"
#include "store/store_private.h"

struct flush {
    struct store *store;
    struct arena arena;
    const struct catalog_snapshot *snapshot; /* holds the table */
    struct schema *schema;                   /* newest version when it was created */
    struct table_part part;
    struct cold_slot slot;
    uint64_t started_us; /* monotonic */
    enum flush_state state;
    bool has_folder; /* the lock of it */
    str directory;   /* as manifest entries record it */
    str folder;      /* absolute */
    struct flush_intent intent;
    struct kv_view *view;
    struct table_read *read;
    const struct segment *merged; /* NULL: none */
    uint64_t *dead;               /* the view's `d` keys in (low, H] */
    size_t dead_count;
    size_t dead_capacity;
    struct segment_write write;
    atomic_count is_cancelled;
    const atomic_count *cancel; /* of the job; may be NULL */
    status failure;
    struct error error;
    struct flush_result result;
};

/* -- the life ------------------------------------------------------------------------------------
 */

static const char *const state_names[FLUSH_STATE_COUNT] = {
    "start",     "intent", "view",   "written", "synced", "renamed", "placed",
    "committed", "undo",   "undone", "done",    "empty",  "failed",
};

#define TO(state) (1u << FLUSH_##state)
static const unsigned allowed_moves[FLUSH_STATE_COUNT] = {
    [FLUSH_START] = TO(INTENT) | TO(EMPTY) | TO(FAILED),
    [FLUSH_INTENT] = TO(VIEW) | TO(UNDO),
    [FLUSH_VIEW] = TO(WRITTEN) | TO(UNDO),
    [FLUSH_WRITTEN] = TO(SYNCED) | TO(UNDO),
    [FLUSH_SYNCED] = TO(RENAMED) | TO(UNDO),
    [FLUSH_RENAMED] = TO(PLACED) | TO(UNDO),
    [FLUSH_PLACED] = TO(COMMITTED) | TO(UNDO),
    [FLUSH_COMMITTED] = TO(DONE),
    [FLUSH_UNDO] = TO(UNDONE) | TO(FAILED),
    [FLUSH_UNDONE] = TO(EMPTY) | TO(FAILED),
};
#undef TO

const char *flush_state_name(enum flush_state state)
{
    return state_names[state];
}

static void move(struct flush *flush, enum flush_state to)
{
    CHECK((allowed_moves[flush->state] & (1u << to)) != 0);
    log_debug("store", "flush_state", "table=%lu from=%s to=%s",
              (unsigned long)flush->part.table->id.v, state_names[flush->state], state_names[to]);
    flush->state = to;
}

/* Keeps the first failure and turns to the way out. */
static void fail(struct flush *flush, status failure)
{
    if (status_ok(flush->failure)) {
        flush->failure = failure;
    }
    move(flush, flush->state == FLUSH_START ? FLUSH_FAILED : FLUSH_UNDO);
}

enum flush_state flush_state(const struct flush *flush)
{
    return flush->state;
}

bool flush_is_over(const struct flush *flush)
{
    return flush->state >= FLUSH_DONE;
}

void flush_cancel(struct flush *flush)
{
    atomic_count_set(&flush->is_cancelled, 1);
}

status flush_create(struct store *store, table_id table, str owner, struct cold_slot slot,
                    struct flush **out, struct error *err)
{
    const struct catalog_snapshot *snapshot = catalog_take(store->options.catalog);
    const struct table *found = snapshot_find_table_id(snapshot, table);
    if (found == NULL || (found->kind != TABLE_USER && found->kind != TABLE_SHARED)) {
        catalog_give(snapshot);
        return error_set(err, ERROR_NOT_FOUND, "there is no table %lu to flush",
                         (unsigned long)table.v);
    }
    struct schema *schema = NULL;
    status result = catalog_table_schema(store->options.catalog, found, &schema, err);
    if (!status_ok(result)) {
        catalog_give(snapshot);
        return result;
    }
    struct flush *flush = mem_alloc_zeroed(sizeof *flush);
    flush->store = store;
    flush->snapshot = snapshot;
    flush->schema = schema;
    flush->slot = slot;
    flush->started_us = clock_mono_us(store->options.clock);
    arena_init(&flush->arena);
    table_part_init(&flush->part, found, owner, &flush->arena);
    *out = flush;
    return STATUS_IS_OK;
}

void flush_destroy(struct flush *flush)
{
    if (flush == NULL) {
        return;
    }
    if (flush->has_folder) {
        segment_job_give(flush->store, &flush->part, flush->folder);
    }
    arena_release(&flush->arena);
    if (flush->view != NULL) {
        kv_view_close(flush->view);
    }
    mem_free(flush->dead);
    schema_give(flush->schema);
    catalog_give(flush->snapshot);
    mem_free(flush);
}

/* -- START -> INTENT -----------------------------------------------------------------------------
 */

struct intent_request {
    struct commit_request request; /* first */
    struct flush *flush;
    uint64_t file_min; /* names below may be taken in the folder */
    bool is_empty;
    bool had_orphan;
    uint64_t orphan_file;
};

static status intent_evaluate(struct intent_request *r, struct part_txn *p, struct error *err)
{
    if (p->has_intent && store_is_unlocked()) {
        return error_set(err, ERROR_BUSY, "a flush of this table is under way");
    }
    if (p->has_intent) { /* the part is ours: its flush is gone, and could not be undone (disk full)
                          */
        r->had_orphan = true;
        r->orphan_file = p->intent.file;
        flush_undo_evaluate(p);
    }
    r->is_empty = p->state.hot_rows == 0;
    if (r->is_empty) {
        return STATUS_IS_OK;
    }
    p->intent = (struct flush_intent){
        .file = p->state.next_file > r->file_min ? p->state.next_file : r->file_min,
        .high = commit_last_seq(p->txn),
        .rows_start = p->state.hot_rows,
        .rows = p->state.hot_rows,
        .bytes = p->state.hot_bytes,
    };
    p->has_intent = true;
    p->is_intent_changed = true;
    p->state.next_file = p->intent.file + 1;
    p->is_state_changed = true;
    r->flush->intent = p->intent;
    return STATUS_IS_OK;
}

static status intent_apply(struct commit_txn *txn, struct commit_request *request)
{
    struct intent_request *r = (struct intent_request *)(void *)request;
    struct flush *flush = r->flush;
    TRY(catalog_check_version(txn, flush->part.table->id, flush->schema->version, &request->error));
    struct store_change *change = store_change_create(flush->store, txn);
    struct part_txn p;
    status result = part_txn_open(&p, txn, &flush->part, &request->error);
    if (status_ok(result)) {
        result = intent_evaluate(r, &p, &request->error);
    }
    if (status_ok(result)) {
        store_change_add_state(change, &p);
    }
    part_txn_close(&p);
    return result;
}

static status step_start(struct flush *flush, bool *is_empty)
{
    struct error *err = &flush->error;
    TRY(store_point("flush.before_intent", err));
    TRY(segment_directory(flush->store, flush->snapshot, &flush->part, &flush->arena,
                          &flush->directory, err));
    flush->folder = segment_directory_path(flush->store, flush->directory, &flush->arena);
    flush->has_folder = segment_job_take(flush->store, &flush->part, flush->folder);
    if (!flush->has_folder) {
        return error_set(err, ERROR_BUSY, "another job works on this table");
    }
    struct intent_request r = {.flush = flush};
    TRY(segment_next_free(flush->store, flush->folder.p, &r.file_min, err));
    TRY(store_submit(flush->store, &r.request, intent_apply, &flush->error));
    if (r.had_orphan) {
        segment_discard(flush->store,
                        segment_path(flush->store, flush->directory, r.orphan_file, &flush->arena));
    }
    *is_empty = r.is_empty;
    return STATUS_IS_OK;
}

/* -- INTENT -> VIEW ------------------------------------------------------------------------------
 */

/* The newest segment, when it is so small that a file of its own is not worth it. */
static const struct segment *small_newest(const struct flush *flush)
{
    const struct table_read *read = flush->read;
    if (read->segment_count == 0) {
        return NULL;
    }
    const struct segment *newest = &read->segments[read->segment_count - 1];
    return newest->bytes < flush->store->options.merge_bytes_max ? newest : NULL;
}

static status read_dead(struct flush *flush, uint64_t low, uint64_t high, struct error *err)
{
    uint64_t after = MUTANT(FLUSH_DELETES_ALL_DEAD) ? 0 : low;
    struct buf lo;
    struct buf hi;
    buf_init(&lo);
    buf_init(&hi);
    struct kv_cursor *cursor = kv_cursor_open(
        flush->view, flush->part.family, part_number_key(&lo, &flush->part, KEY_DEAD, after + 1),
        part_number_key(&hi, &flush->part, KEY_DEAD, high + 1), KV_FORWARD);
    str key;
    str value;
    status result = STATUS_IS_OK;
    while (kv_cursor_next(cursor, &key, &value, &result, err)) {
        flush->dead = mem_grow(flush->dead, &flush->dead_capacity, flush->dead_count + 1,
                               sizeof *flush->dead);
        if (!key_number(key, &flush->dead[flush->dead_count++])) {
            result = error_set(err, ERROR_CORRUPT, "a key of the dead set cannot be read");
            break;
        }
    }
    kv_cursor_close(cursor);
    buf_release(&lo);
    buf_release(&hi);
    return result;
}

static status step_view(struct flush *flush)
{
    struct error *err = &flush->error;
    TRY(store_point("flush.after_intent", err));
    flush->view = kv_view_open(flush->store->options.kv);
    TRY(store_point("flush.after_view", err));
    TRY(table_read_open(flush->store, flush->view, &flush->part, flush->slot, KV_MAY_BLOCK,
                        &flush->arena, &flush->read, err));
    TRY(table_segments(flush->read, err));
    flush->merged = small_newest(flush);
    const struct segment segment = {
        .number = flush->intent.file,
        .low = flush->merged != NULL ? flush->merged->low : flush->read->state.flushed_seq,
        .high = flush->intent.high,
        .directory = flush->directory,
    };
    segment_write_init(&flush->write, flush->store, &flush->arena, flush->schema, &segment);
    flush->write.bloom = flush->part.table->bloom;
    flush->write.cancel = flush->cancel != NULL ? flush->cancel : &flush->is_cancelled;
    flush->write.hot_after = flush->read->state.flushed_seq;
    return read_dead(flush, segment.low, segment.high, err);
}

/* -- VIEW -> WRITTEN -> SYNCED -> RENAMED -> PLACED
 * ------------------------------------------------ */

static status step_write(struct flush *flush)
{
    struct error *err = &flush->error;
    struct table_scan scan = TABLE_SCAN_ALL(flush->schema);
    scan.seq_after = flush->write.segment.low;
    scan.seq_to = flush->write.segment.high;
    scan.want_deleted = !MUTANT(FLUSH_DROPS_TOMBSTONES);
    struct duck_source source;
    TRY(table_scan_current(flush->read, &scan, &source, err));
    TRY(segment_write_copy(&flush->write, flush->slot, &source, err));
    return store_point("flush.after_copy", err);
}

static status step_sync(struct flush *flush)
{
    TRY(segment_write_sync(&flush->write, &flush->error));
    return store_point("flush.after_fsync", &flush->error);
}

static status step_rename(struct flush *flush)
{
    TRY(segment_write_rename(&flush->write, &flush->error));
    return store_point("flush.after_rename", &flush->error);
}

static status step_place(struct flush *flush)
{
    TRY(segment_write_place(&flush->write, &flush->error));
    return store_point("flush.after_fsync_dir", &flush->error);
}

/* -- PLACED -> COMMITTED -------------------------------------------------------------------------
 */

struct swap_request {
    struct commit_request request; /* first */
    struct flush *flush;
};

static status swap_evaluate(struct flush *flush, struct part_txn *p, struct error *err)
{
    if (!p->has_intent || p->intent.file != flush->intent.file) {
        return error_set(err, ERROR_CONFLICT, "the flush was undone");
    }
    if (flush->merged != NULL) {
        TRY(part_check_segment(p, flush->merged, err));
        part_remove_segment(p, flush->merged);
    }
    part_add_segment(p, &flush->write.segment);
    part_delete_numbers(p, KEY_ROW, 0, flush->intent.high);
    for (size_t i = 0; i < flush->dead_count; i++) {
        part_delete_number(p, KEY_DEAD, flush->dead[i]);
    }
    uint64_t rows = MUTANT(COUNT_OF_VIEW) ? flush->write.hot_rows : p->intent.rows;
    p->state.dead -= flush->dead_count;
    p->state.hot_rows -= rows;
    p->state.hot_bytes -= p->intent.bytes;
    p->state.oldest_us = p->state.hot_rows > 0 ? p->intent.oldest_above_us : 0;
    p->state.flushed_seq = flush->intent.high;
    part_touch_manifest(p);
    part_clear_intent(p);
    return STATUS_IS_OK;
}

static status swap_apply(struct commit_txn *txn, struct commit_request *request)
{
    struct flush *flush = ((struct swap_request *)(void *)request)->flush;
    TRY(catalog_check_version(txn, flush->part.table->id, flush->schema->version, &request->error));
    struct store_change *change = store_change_create(flush->store, txn);
    struct part_txn p;
    status result = part_txn_open(&p, txn, &flush->part, &request->error);
    if (status_ok(result)) {
        result = swap_evaluate(flush, &p, &request->error);
    }
    if (status_ok(result)) {
        store_change_add_state(change, &p);
    }
    part_txn_close(&p);
    return result;
}

static status step_commit(struct flush *flush)
{
    TRY(store_point("flush.before_commit", &flush->error));
    struct swap_request r = {.request.may_use_reserve = true, .flush = flush};
    return store_submit(flush->store, &r.request, swap_apply, &flush->error);
}

/* -- the ends ------------------------------------------------------------------------------------
 */

static void close_view(struct flush *flush)
{
    if (flush->view != NULL) {
        kv_view_close(flush->view);
        flush->view = NULL;
    }
}

static void leave_folder(struct flush *flush)
{
    if (flush->has_folder) {
        segment_job_give(flush->store, &flush->part, flush->folder);
        flush->has_folder = false;
    }
}

/* What it wrote is part of the table now. */
static void tell(struct flush *flush)
{
    const struct table *table = flush->part.table;
    uint64_t us = clock_mono_us(flush->store->options.clock) - flush->started_us;
    str name = arena_format(&flush->arena, STR_FMT "." STR_FMT, STR(table->namespace_name),
                            STR(table->name));
    metric_observe(METRIC_FLUSH_DURATION, metric_label_find(METRIC_LABEL_TABLE_NAME, name), 0, us);
    log_info("flush", "done",
             "table=\"" STR_FMT "\" rows=%llu ms=%llu bytes=%llu file=\"" STR_FMT "\"", STR(name),
             (unsigned long long)flush->write.hot_rows, (unsigned long long)(us / 1000),
             (unsigned long long)flush->write.segment.bytes,
             STR(segment_path(flush->store, flush->directory, flush->write.segment.number,
                              &flush->arena)));
}

static void step_finish(struct flush *flush)
{
    FAULT_POINT("flush.after_commit");
    tell(flush);
    flush->result = (struct flush_result){.rows = flush->write.hot_rows,
                                          .bytes = flush->write.segment.bytes,
                                          .files = 1,
                                          .merged = flush->merged != NULL ? 1 : 0};
    if (flush->merged != NULL) {
        segment_retire(flush->store, segment_path(flush->store, flush->merged->directory,
                                                  flush->merged->number, &flush->arena));
    }
    close_view(flush);
    segment_write_manifest(flush->store, &flush->part, flush->directory);
    FAULT_POINT("flush.after_manifest_json");
    (void)store_drain_files(flush->store);
    leave_folder(flush);
    move(flush, FLUSH_DONE);
}

static void fail_for_good(struct flush *flush, status result)
{
    if (status_ok(flush->failure)) {
        flush->failure = status_ok(result) ? error_set(&flush->error, ERROR_CONFLICT,
                                                       "the flush was undone by somebody else")
                                           : result;
    }
    leave_folder(flush);
    move(flush, FLUSH_FAILED);
}

static void step_undo(struct flush *flush)
{
    FAULT_POINT("flush.before_undo");
    close_view(flush);
    if (flush->write.store != NULL) { /* on a full disk the undo needs the room that it takes */
        segment_discard(flush->store, flush->write.tmp);
    }
    struct error err;
    error_clear(&err);
    bool was_standing = true;
    status result = MUTANT(NO_UNDO) ? STATUS_IS_OK
                                    : flush_undo(flush->store, &flush->part, flush->intent.file,
                                                 &was_standing, &err);
    if (status_ok(result) && was_standing) {
        move(flush, FLUSH_UNDONE);
        return;
    }
    /* The committer does not take it: the intent stands until the next start, which undoes it. Or
     * it does not stand: then who took it away knows what the file is for, and a start sweeps. */
    log_error("store", "flush_undo_failed", "table=%lu error=\"%s\"",
              (unsigned long)flush->part.table->id.v, err.text);
    fail_for_good(flush, result);
}

static void step_clean(struct flush *flush)
{
    if (flush->write.store != NULL) {
        segment_write_discard(&flush->write);
    }
    (void)store_drain_files(flush->store);
    leave_folder(flush);
    move(flush, status_ok(flush->failure) ? FLUSH_EMPTY : FLUSH_FAILED);
}

/* Moves on when the step went well. */
static void take(struct flush *flush, status result, enum flush_state to)
{
    if (status_ok(result)) {
        move(flush, to);
    } else {
        fail(flush, result);
    }
}

static bool is_stoppable(const struct flush *flush)
{
    bool asked = atomic_count_get(&flush->is_cancelled) != 0 ||
                 (flush->cancel != NULL && atomic_count_get(flush->cancel) != 0);
    return asked && flush->state < FLUSH_COMMITTED;
}

void flush_step(struct flush *flush)
{
    if (is_stoppable(flush)) {
        fail(flush, error_set(&flush->error, ERROR_CANCELLED, "the flush was cancelled"));
        return;
    }
    bool is_empty = false;
    status result = STATUS_IS_OK;
    switch (flush->state) {
    case FLUSH_START:
        result = step_start(flush, &is_empty);
        if (!status_ok(result) || is_empty) {
            leave_folder(flush);
        }
        take(flush, result, is_empty ? FLUSH_EMPTY : FLUSH_INTENT);
        break;
    case FLUSH_INTENT:
        take(flush, step_view(flush), FLUSH_VIEW);
        break;
    case FLUSH_VIEW:
        result = step_write(flush);
        if (status_ok(result) && flush->write.hot_rows == 0) {
            move(flush, FLUSH_UNDO); /* all rows <= H are superseded: nothing to flush */
            break;
        }
        take(flush, result, FLUSH_WRITTEN);
        break;
    case FLUSH_WRITTEN:
        take(flush, step_sync(flush), FLUSH_SYNCED);
        break;
    case FLUSH_SYNCED:
        take(flush, step_rename(flush), FLUSH_RENAMED);
        break;
    case FLUSH_RENAMED:
        take(flush, step_place(flush), FLUSH_PLACED);
        break;
    case FLUSH_PLACED:
        take(flush, step_commit(flush), FLUSH_COMMITTED);
        break;
    case FLUSH_COMMITTED:
        step_finish(flush);
        break;
    case FLUSH_UNDO:
        step_undo(flush);
        break;
    case FLUSH_UNDONE:
        step_clean(flush);
        break;
    case FLUSH_DONE:
    case FLUSH_EMPTY:
    case FLUSH_FAILED:
    case FLUSH_STATE_COUNT:
        CHECK(false); /* it is over: there is no step to take */
    }
}

status flush_outcome(const struct flush *flush, struct flush_result *result, struct error *err)
{
    CHECK(flush_is_over(flush));
    if (flush->state == FLUSH_FAILED) {
        if (err != NULL) {
            *err = flush->error;
        }
        return flush->failure;
    }
    *result = flush->result;
    return STATUS_IS_OK;
}

/* An ALTER in between refuses the flush: the schema is another one. */
enum { FLUSH_ATTEMPTS_MAX = 3 };

status flush_run(struct store *store, table_id table, str owner, struct cold_slot slot,
                 const atomic_count *cancel, struct flush_result *result, struct error *err)
{
    status outcome = STATUS_IS_OK;
    for (unsigned i = 0; i < FLUSH_ATTEMPTS_MAX; i++) {
        struct flush *flush = NULL;
        TRY(flush_create(store, table, owner, slot, &flush, err));
        flush->cancel = cancel;
        while (!flush_is_over(flush)) {
            flush_step(flush);
        }
        outcome = flush_outcome(flush, result, err);
        flush_destroy(flush);
        if (outcome.code != STATUS_CONFLICT) {
            break;
        }
    }
    return outcome;
}
