/* store/compact.c -- see compact.h. */
#include "store/compact.h"
#include "base/check.h"
#include "base/fault.h"
#include "base/log.h"
#include "store/commit_part.h"
#include "store/compact_choose.h"
#include "store/read.h"
#include "store/segment_write.h"
#include "store/store_private.h"

/* Tombstones that one compaction drops at most: each costs a look-up and two deletes in its commit.
 */
enum { COMPACT_TOMBSTONES_MAX = 100000 };

struct dropped_tombstone {
    uint64_t seq;
    str key;
};

struct compact {
    struct store *store;
    struct arena arena;
    const struct catalog_snapshot *snapshot; /* holds the table */
    struct schema *schema;
    struct table_part part;
    struct compact_choice choice;
    struct cold_slot slot;
    enum compact_state state;
    bool has_folder;
    str directory;
    str folder;
    uint64_t file_min; /* names below may be taken in the folder */
    struct kv_view *view;
    struct table_read *read;
    const struct segment *sources;
    unsigned source_count;
    uint64_t low;
    uint64_t high;
    uint64_t *dead; /* the view's `d` keys in (low, high] */
    size_t dead_count;
    size_t dead_capacity;
    uint64_t expired_before; /* tombstones with a lower seq go */
    struct dropped_tombstone *dropped;
    size_t dropped_count;
    size_t dropped_capacity;
    struct buf key;
    struct segment_write write;
    atomic_count is_cancelled;
    const atomic_count *cancel;
    status failure;
    struct error error;
    struct compact_result result;
};

/* -- the life ------------------------------------------------------------------------------------
 */

static const char *const state_names[COMPACT_STATE_COUNT] = {
    "start",  "view",      "number", "written", "synced", "renamed",
    "placed", "committed", "clean",  "done",    "empty",  "failed",
};

#define TO(state) (1u << COMPACT_##state)
static const unsigned allowed_moves[COMPACT_STATE_COUNT] = {
    [COMPACT_START] = TO(VIEW) | TO(FAILED),
    [COMPACT_VIEW] = TO(NUMBER) | TO(CLEAN),
    [COMPACT_NUMBER] = TO(WRITTEN) | TO(CLEAN),
    [COMPACT_WRITTEN] =
        TO(SYNCED) | TO(PLACED) | TO(CLEAN), /* no rows: there is no file to place */
    [COMPACT_SYNCED] = TO(RENAMED) | TO(CLEAN),
    [COMPACT_RENAMED] = TO(PLACED) | TO(CLEAN),
    [COMPACT_PLACED] = TO(COMMITTED) | TO(CLEAN) | TO(FAILED),
    [COMPACT_COMMITTED] = TO(DONE),
    [COMPACT_CLEAN] = TO(EMPTY) | TO(FAILED),
};
#undef TO

const char *compact_state_name(enum compact_state state)
{
    return state_names[state];
}

static void move(struct compact *compact, enum compact_state to)
{
    CHECK((allowed_moves[compact->state] & (1u << to)) != 0);
    log_debug("store", "compact_state", "table=%lu from=%s to=%s",
              (unsigned long)compact->part.table->id.v, state_names[compact->state],
              state_names[to]);
    compact->state = to;
}

static void fail(struct compact *compact, status failure)
{
    if (status_ok(compact->failure)) {
        compact->failure = failure;
    }
    move(compact, compact->state == COMPACT_START ? COMPACT_FAILED : COMPACT_CLEAN);
}

enum compact_state compact_state(const struct compact *compact)
{
    return compact->state;
}

bool compact_is_over(const struct compact *compact)
{
    return compact->state >= COMPACT_DONE;
}

void compact_cancel(struct compact *compact)
{
    atomic_count_set(&compact->is_cancelled, 1);
}

status compact_create(struct store *store, table_id table, str owner,
                      const struct compact_choice *choice, struct cold_slot slot,
                      struct compact **out, struct error *err)
{
    const struct catalog_snapshot *snapshot = catalog_take(store->options.catalog);
    const struct table *found = snapshot_find_table_id(snapshot, table);
    if (found == NULL || (found->kind != TABLE_USER && found->kind != TABLE_SHARED)) {
        catalog_give(snapshot);
        return error_set(err, ERROR_NOT_FOUND, "there is no table %lu to compact",
                         (unsigned long)table.v);
    }
    struct schema *schema = NULL;
    status result = catalog_table_schema(store->options.catalog, found, &schema, err);
    if (!status_ok(result)) {
        catalog_give(snapshot);
        return result;
    }
    struct compact *compact = mem_alloc_zeroed(sizeof *compact);
    compact->store = store;
    compact->snapshot = snapshot;
    compact->schema = schema;
    compact->choice = *choice;
    compact->slot = slot;
    arena_init(&compact->arena);
    buf_init(&compact->key);
    table_part_init(&compact->part, found, owner, &compact->arena);
    *out = compact;
    return STATUS_IS_OK;
}

void compact_destroy(struct compact *compact)
{
    if (compact == NULL) {
        return;
    }
    if (compact->has_folder) {
        segment_job_give(compact->store, &compact->part, compact->folder);
    }
    arena_release(&compact->arena);
    if (compact->view != NULL) {
        kv_view_close(compact->view);
    }
    mem_free(compact->dead);
    mem_free(compact->dropped);
    buf_release(&compact->key);
    schema_give(compact->schema);
    catalog_give(compact->snapshot);
    mem_free(compact);
}

/* -- START -> VIEW: choosing ---------------------------------------------------------------------
 */

/* Dead rows of each segment; `d` ascends beside the segments. */
static status count_dead(struct compact *compact, uint64_t *counts, struct error *err)
{
    const struct table_read *read = compact->read;
    struct duck_source source;
    TRY(table_scan_dead(compact->read, &source, err));
    const struct type type = type_of(TYPE_BIGINT);
    struct batch *batch = batch_create(&type, 1);
    unsigned at = 0;
    bool done = false;
    status result = STATUS_IS_OK;
    while (status_ok(result) && !done) {
        batch_reset(batch);
        result = source.next(source.state, batch, &done, err);
        for (unsigned row = 0; status_ok(result) && row < batch->row_count; row++) {
            uint64_t seq = (uint64_t)batch_get(batch, 0, row).as.integer;
            while (at < read->segment_count && read->segments[at].high < seq) {
                at++;
            }
            if (at < read->segment_count && read->segments[at].low < seq) {
                counts[at]++;
            }
        }
    }
    batch_destroy(batch);
    source.close(source.state);
    return result;
}

static status choose(struct compact *compact, struct error *err)
{
    const struct table_read *read = compact->read;
    const struct store_options *options = &compact->store->options;
    unsigned first = compact->choice.first;
    unsigned count = compact->choice.count;
    if (count == 0) {
        uint64_t *dead = ARENA_ARRAY(&compact->arena, uint64_t, read->segment_count + 1);
        TRY(count_dead(compact, dead, err));
        const struct compact_rules rules = {.small_bytes = options->compact_small_bytes,
                                            .small_count = options->compact_small_count,
                                            .output_bytes_max = options->compact_output_bytes_max,
                                            .expired_before = compact->expired_before,
                                            .is_forced = compact->choice.is_forced};
        compact_choose(read->segments, dead, read->segment_count, &rules, &first, &count);
    }
    if (first >= read->segment_count || count > read->segment_count - first) {
        count = 0;
    }
    compact->sources = count > 0 ? &read->segments[first] : NULL;
    compact->source_count = count;
    if (count > 0) {
        compact->low = compact->sources[0].low;
        compact->high = compact->sources[count - 1].high;
    }
    return STATUS_IS_OK;
}

static status read_dead(struct compact *compact, struct error *err)
{
    struct buf lo;
    struct buf hi;
    buf_init(&lo);
    buf_init(&hi);
    struct kv_cursor *cursor = kv_cursor_open(
        compact->view, compact->part.family,
        part_number_key(&lo, &compact->part, KEY_DEAD, compact->low + 1),
        part_number_key(&hi, &compact->part, KEY_DEAD, compact->high + 1), KV_FORWARD);
    str key;
    str value;
    status result = STATUS_IS_OK;
    while (kv_cursor_next(cursor, &key, &value, &result, err)) {
        compact->dead = mem_grow(compact->dead, &compact->dead_capacity, compact->dead_count + 1,
                                 sizeof *compact->dead);
        if (!key_number(key, &compact->dead[compact->dead_count++])) {
            result = error_set(err, ERROR_CORRUPT, "a key of the dead set cannot be read");
            break;
        }
    }
    kv_cursor_close(cursor);
    buf_release(&lo);
    buf_release(&hi);
    return result;
}

/* Tombstones of the table with a lower seq go; 0: none does. */
static uint64_t expired_before(struct store *store, const struct table *table)
{
    int64_t kept_s = table->deleted_retention_s;
    if (kept_s == TABLE_RETENTION_DEFAULT) {
        kept_s = (int64_t)atomic_count_get(&store->tombstone_hours) * 3600; /* 0: for ever */
    }
    int64_t now_s = clock_wall_us(store->options.clock) / 1000000;
    return kept_s <= 0 || kept_s >= now_s ? 0 : snowflake_at((now_s - kept_s) * 1000000);
}

static status step_start(struct compact *compact)
{
    struct error *err = &compact->error;
    struct store *store = compact->store;
    TRY(segment_directory(store, compact->snapshot, &compact->part, &compact->arena,
                          &compact->directory, err));
    compact->folder = segment_directory_path(store, compact->directory, &compact->arena);
    compact->has_folder = segment_job_take(store, &compact->part, compact->folder);
    if (!compact->has_folder) {
        return error_set(err, ERROR_BUSY, "another job works on this table");
    }
    TRY(segment_next_free(store, compact->folder.p, &compact->file_min, err));
    compact->view = kv_view_open(store->options.kv);
    compact->expired_before = expired_before(store, compact->part.table);
    TRY(table_read_open(store, compact->view, &compact->part, compact->slot, KV_MAY_BLOCK,
                        &compact->arena, &compact->read, err));
    TRY(table_segments(compact->read, err));
    TRY(choose(compact, err));
    if (compact->source_count > 0) {
        TRY(read_dead(compact, err));
    }
    return store_point("compact.after_view", err);
}

/* -- VIEW -> NUMBER ------------------------------------------------------------------------------
 */

struct number_request {
    struct commit_request request; /* first */
    struct compact *compact;
    uint64_t number;
};

static status number_apply(struct commit_txn *txn, struct commit_request *request)
{
    struct number_request *r = (struct number_request *)(void *)request;
    struct compact *compact = r->compact;
    TRY(catalog_check_version(txn, compact->part.table->id, compact->schema->version,
                              &request->error));
    struct store_change *change = store_change_create(compact->store, txn);
    struct part_txn p;
    status result = part_txn_open(&p, txn, &compact->part, &request->error);
    if (status_ok(result)) {
        r->number = p.state.next_file > compact->file_min ? p.state.next_file : compact->file_min;
        p.state.next_file = r->number + 1;
        p.is_state_changed = true;
        store_change_add_state(change, &p);
    }
    part_txn_close(&p);
    return result;
}

static status step_number(struct compact *compact)
{
    struct number_request r = {.compact = compact};
    TRY(store_submit(compact->store, &r.request, number_apply, &compact->error));
    const struct segment segment = {.number = r.number,
                                    .low = compact->low,
                                    .high = compact->high,
                                    .directory = compact->directory};
    segment_write_init(&compact->write, compact->store, &compact->arena, compact->schema, &segment);
    compact->write.bloom = compact->part.table->bloom;
    compact->write.cancel = compact->cancel != NULL ? compact->cancel : &compact->is_cancelled;
    compact->write.hot_after = compact->high;
    return STATUS_IS_OK;
}

/* -- NUMBER -> WRITTEN -> ... -> PLACED
 * ------------------------------------------------------------ */

static status drop_expired(void *context, const struct batch *batch, unsigned row, uint64_t seq,
                           bool is_deleted, bool *is_dropped, struct error *err)
{
    struct compact *compact = context;
    if (!is_deleted || seq >= compact->expired_before ||
        compact->dropped_count == COMPACT_TOMBSTONES_MAX) {
        return STATUS_IS_OK;
    }
    const struct value key = batch_get(batch, (unsigned)compact->schema->primary_key, row);
    buf_clear(&compact->key);
    TRY(key_encode(&compact->key, &key, err));
    compact->dropped = mem_grow(compact->dropped, &compact->dropped_capacity,
                                compact->dropped_count + 1, sizeof *compact->dropped);
    compact->dropped[compact->dropped_count++] = (struct dropped_tombstone){
        .seq = seq, .key = arena_copy(&compact->arena, buf_str(&compact->key))};
    *is_dropped = true;
    return STATUS_IS_OK;
}

static status step_write(struct compact *compact)
{
    struct error *err = &compact->error;
    struct table_scan scan = TABLE_SCAN_ALL(compact->schema);
    scan.seq_after = compact->low;
    scan.seq_to = compact->high;
    scan.want_deleted = true;
    const struct scan_hook hook = {.drop = drop_expired, .context = compact};
    struct duck_source source;
    TRY(scan_current(compact->read, &scan, &hook, &source, err));
    TRY(segment_write_copy(&compact->write, compact->slot, &source, err));
    return store_point("compact.after_copy", err);
}

static status step_rename(struct compact *compact)
{
    TRY(segment_write_rename(&compact->write, &compact->error));
    return store_point("compact.after_rename", &compact->error);
}

/* -- PLACED -> COMMITTED -------------------------------------------------------------------------
 */

struct swap_request {
    struct commit_request request; /* first */
    struct compact *compact;
};

/* A tombstone that is in no file any more: nobody may still find it. Re-inserted meanwhile, the key
 * names another version, and `d/t`, written by that commit, is covered by no segment. */
static status forget_tombstone(struct part_txn *p, const struct dropped_tombstone *t,
                               struct error *err)
{
    bool is_dead = false;
    str value;
    TRY(part_get_number(p, KEY_DEAD, t->seq, &value, &is_dead, err));
    if (is_dead) {
        part_delete_number(p, KEY_DEAD, t->seq);
        p->state.dead--;
    }
    struct key_entry entry = {0};
    bool found = false;
    TRY(part_find_key(p, t->key, &entry, &found, err));
    if (found && (entry.seq == t->seq || MUTANT(TOMBSTONE_KEY_UNCHECKED))) {
        part_delete(p, KEY_INDEX, t->key);
    }
    if (t->seq > p->state.resume_floor && !MUTANT(NO_RESUME_FLOOR)) {
        p->state.resume_floor = t->seq;
    }
    return STATUS_IS_OK;
}

static void delete_dead(struct compact *compact, struct part_txn *p)
{
    if (MUTANT(COMPACT_DELETES_RANGE)) {
        part_delete_numbers(p, KEY_DEAD, compact->low, compact->high);
    }
    for (size_t i = 0; i < compact->dead_count; i++) {
        part_delete_number(p, KEY_DEAD, compact->dead[i]);
    }
    p->state.dead -= compact->dead_count;
}

static status swap_evaluate(struct compact *compact, struct part_txn *p, struct error *err)
{
    for (unsigned i = 0; i < compact->source_count; i++) {
        TRY(part_check_segment(p, &compact->sources[i], err));
    }
    for (unsigned i = 0; i < compact->source_count; i++) {
        part_remove_segment(p, &compact->sources[i]);
    }
    if (compact->write.segment.rows > 0) {
        part_add_segment(p, &compact->write.segment);
    }
    delete_dead(compact, p);
    for (size_t i = 0; i < compact->dropped_count; i++) {
        TRY(forget_tombstone(p, &compact->dropped[i], err));
    }
    part_touch_manifest(p);
    return STATUS_IS_OK;
}

static status swap_apply(struct commit_txn *txn, struct commit_request *request)
{
    struct compact *compact = ((struct swap_request *)(void *)request)->compact;
    TRY(catalog_check_version(txn, compact->part.table->id, compact->schema->version,
                              &request->error));
    struct store_change *change = store_change_create(compact->store, txn);
    struct part_txn p;
    status result = part_txn_open(&p, txn, &compact->part, &request->error);
    if (status_ok(result)) {
        result = swap_evaluate(compact, &p, &request->error);
    }
    if (status_ok(result)) {
        store_change_add_state(change, &p);
    }
    part_txn_close(&p);
    return result;
}

static status step_commit(struct compact *compact)
{
    FAULT_POINT("compact.before_commit");
    struct swap_request r = {.request.may_use_reserve = true, .compact = compact};
    return store_submit(compact->store, &r.request, swap_apply, &compact->error);
}

/* -- the ends ------------------------------------------------------------------------------------
 */

static void close_view(struct compact *compact)
{
    if (compact->view != NULL) {
        kv_view_close(compact->view);
        compact->view = NULL;
    }
}

static void leave_folder(struct compact *compact)
{
    if (compact->has_folder) {
        segment_job_give(compact->store, &compact->part, compact->folder);
        compact->has_folder = false;
    }
}

static void step_finish(struct compact *compact)
{
    FAULT_POINT("compact.after_commit");
    struct store *store = compact->store;
    const struct segment *segment = &compact->write.segment;
    compact->result = (struct compact_result){.sources = compact->source_count,
                                              .rows = segment->rows,
                                              .dead = compact->dead_count,
                                              .tombstones = compact->dropped_count,
                                              .bytes = segment->rows > 0 ? segment->bytes : 0};
    for (unsigned i = 0; i < compact->source_count; i++) {
        segment_retire(store, segment_path(store, compact->sources[i].directory,
                                           compact->sources[i].number, &compact->arena));
    }
    if (segment->rows == 0) {
        segment_write_discard(&compact->write);
    }
    close_view(compact);
    segment_write_manifest(store, &compact->part, compact->directory);
    (void)store_drain_files(store);
    leave_folder(compact);
    move(compact, COMPACT_DONE);
}

static void step_clean(struct compact *compact)
{
    close_view(compact);
    if (compact->write.store != NULL) {
        segment_write_discard(&compact->write);
    }
    (void)store_drain_files(compact->store);
    leave_folder(compact);
    move(compact, status_ok(compact->failure) ? COMPACT_EMPTY : COMPACT_FAILED);
}

/* A refusal is known; after a failure of the store nobody knows what was written. */
static bool is_outcome_known(status result)
{
    return result.code != STATUS_IO && result.code != STATUS_UNAVAILABLE &&
           result.code != STATUS_UNKNOWN_OUTCOME;
}

/* The commit may or may not have happened: the file stays, and the next start knows. */
static void fail_for_good(struct compact *compact, status result)
{
    compact->failure = result;
    close_view(compact);
    leave_folder(compact);
    move(compact, COMPACT_FAILED);
}

static void take(struct compact *compact, status result, enum compact_state to)
{
    if (status_ok(result)) {
        move(compact, to);
    } else {
        fail(compact, result);
    }
}

static bool is_stoppable(const struct compact *compact)
{
    bool asked = atomic_count_get(&compact->is_cancelled) != 0 ||
                 (compact->cancel != NULL && atomic_count_get(compact->cancel) != 0);
    return asked && compact->state < COMPACT_COMMITTED;
}

void compact_step(struct compact *compact)
{
    if (is_stoppable(compact)) {
        fail(compact, error_set(&compact->error, ERROR_CANCELLED, "the compaction was cancelled"));
        return;
    }
    status result = STATUS_IS_OK;
    switch (compact->state) {
    case COMPACT_START:
        result = step_start(compact);
        if (!status_ok(result)) {
            close_view(compact);
            leave_folder(compact);
        }
        take(compact, result, COMPACT_VIEW);
        break;
    case COMPACT_VIEW:
        if (compact->source_count == 0) {
            move(compact, COMPACT_CLEAN);
            break;
        }
        take(compact, step_number(compact), COMPACT_NUMBER);
        break;
    case COMPACT_NUMBER:
        take(compact, step_write(compact), COMPACT_WRITTEN);
        break;
    case COMPACT_WRITTEN:
        if (compact->write.segment.rows == 0) {
            move(compact, COMPACT_PLACED);
            break;
        }
        take(compact, segment_write_sync(&compact->write, &compact->error), COMPACT_SYNCED);
        break;
    case COMPACT_SYNCED:
        take(compact, step_rename(compact), COMPACT_RENAMED);
        break;
    case COMPACT_RENAMED:
        take(compact, segment_write_place(&compact->write, &compact->error), COMPACT_PLACED);
        break;
    case COMPACT_PLACED:
        result = step_commit(compact);
        if (is_outcome_known(result)) {
            take(compact, result, COMPACT_COMMITTED);
        } else {
            fail_for_good(compact, result);
        }
        break;
    case COMPACT_COMMITTED:
        step_finish(compact);
        break;
    case COMPACT_CLEAN:
        step_clean(compact);
        break;
    case COMPACT_DONE:
    case COMPACT_EMPTY:
    case COMPACT_FAILED:
    case COMPACT_STATE_COUNT:
        CHECK(false); /* it is over: there is no step to take */
    }
}

status compact_outcome(const struct compact *compact, struct compact_result *result,
                       struct error *err)
{
    CHECK(compact_is_over(compact));
    if (compact->state == COMPACT_FAILED) {
        if (err != NULL) {
            *err = compact->error;
        }
        return compact->failure;
    }
    *result = compact->result;
    return STATUS_IS_OK;
}

enum { COMPACT_ATTEMPTS_MAX = 3 };

status compact_run(struct store *store, table_id table, str owner, bool is_forced,
                   struct cold_slot slot, const atomic_count *cancel, struct compact_result *result,
                   struct error *err)
{
    status outcome = STATUS_IS_OK;
    const struct compact_choice choice = {.is_forced = is_forced};
    for (unsigned i = 0; i < COMPACT_ATTEMPTS_MAX; i++) {
        struct compact *compact = NULL;
        TRY(compact_create(store, table, owner, &choice, slot, &compact, err));
        compact->cancel = cancel;
        while (!compact_is_over(compact)) {
            compact_step(compact);
        }
        outcome = compact_outcome(compact, result, err);
        compact_destroy(compact);
        if (outcome.code != STATUS_CONFLICT) {
            break;
        }
    }
    return outcome;
}

/* -- candidates ----------------------------------------------------------------------------------
 */

/* Reads the manifest of a part once per generation. */
static struct manifest_hint read_hint(struct store *store, const struct registry_part *entry)
{
    struct manifest_hint hint = entry->hint;
    if (hint.is_known && hint.generation == entry->state.generation) {
        return hint;
    }
    hint = (struct manifest_hint){.is_known = true, .generation = entry->state.generation};
    struct arena arena;
    arena_init(&arena);
    struct kv_view *view = kv_view_open(store->options.kv);
    struct table_part part;
    struct table_read *read = NULL;
    struct error err;
    bool is_read = registry_part_open(entry, &arena, &part) &&
                   status_ok(table_read_open(store, view, &part, (struct cold_slot){0},
                                             KV_MAY_BLOCK, &arena, &read, &err)) &&
                   status_ok(table_segments(read, &err));
    for (unsigned i = 0; is_read && i < read->segment_count; i++) {
        const struct segment *s = &read->segments[i];
        hint.small += s->bytes < store->options.compact_small_bytes ? 1 : 0;
        if (s->tombstones > 0 &&
            (hint.oldest_tombstone == 0 || s->oldest_tombstone < hint.oldest_tombstone)) {
            hint.oldest_tombstone = s->oldest_tombstone;
        }
    }
    hint.is_known = is_read;
    arena_release(&arena);
    kv_view_close(view);
    registry_set_hint(&store->registry, entry->key, &hint);
    return hint;
}

static bool is_candidate(struct store *store, const struct registry_part *entry,
                         uint64_t expired_seq)
{
    const struct table_state *s = &entry->state;
    if (s->segments == 0) {
        return false;
    }
    if (s->dead > COMPACT_DEAD_ROWS || s->dead * 100 > s->cold_rows * COMPACT_DEAD_PERCENT) {
        return true;
    }
    if (s->segments <= store->options.compact_small_count && expired_seq == 0) {
        return false; /* the usual part: nothing to read */
    }
    struct manifest_hint hint = read_hint(store, entry);
    return hint.small > store->options.compact_small_count ||
           (hint.oldest_tombstone != 0 && hint.oldest_tombstone < expired_seq);
}

void store_compact_candidates(struct store *store, struct arena *arena,
                              struct compact_candidate **out, size_t *count)
{
    struct registry_part *parts = NULL;
    size_t part_count = 0;
    registry_list(&store->registry, (table_id){0}, arena, &parts, &part_count);
    *out = ARENA_ARRAY(arena, struct compact_candidate, part_count + 1);
    *count = 0;
    const struct catalog_snapshot *snapshot = catalog_take(store->options.catalog);
    for (size_t i = 0; i < part_count; i++) {
        const struct table *table = snapshot_find_table_id(snapshot, parts[i].table);
        if (table != NULL && is_candidate(store, &parts[i], expired_before(store, table))) {
            (*out)[(*count)++] = (struct compact_candidate){
                .table = parts[i].table, .owner = registry_part_owner(&parts[i], arena)};
        }
    }
    catalog_give(snapshot);
}
