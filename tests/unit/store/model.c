/* tests/unit/store/model.c -- see model.h.
 * After every step: the visible set of the newest state is the truth (tombstones too), no seq is
 * seen twice, every key entry leads to its row, counters are what a count gives, segments do not
 * overlap, the files of every open view are there. An old view shows at its end what it showed at
 * its start. At the end: drain, flush, compact all; then the dead set is empty and the files are
 * the manifest. */
#include "model.h"
#include "world.h"

#include <sched.h>

enum { KEYS_MAX = 8, VIEWS_MAX = 3, ASYNC_MAX = 64, WHY_BYTES = ERROR_TEXT_MAX + 100 };

struct truth {
    struct {
        bool exists; /* written once */
        bool is_deleted;
        uint64_t seq;
        unsigned value;
    } rows[KEYS_MAX];
};

struct model_view {
    struct kv_view *view;
    struct truth truth;
};

/* An async write that is answered and not yet released. */
struct pending_write {
    struct world_part part;
    struct row_write write;
    atomic_count is_done;
    atomic_count is_released;
    status result;
};

struct model {
    struct world w;
    const struct model_options *options;
    struct rng rng;
    struct truth truth;
    struct truth durable; /* what a power cut leaves */
    unsigned value;
    struct world_part part;
    bool has_part;
    struct model_view views[VIEWS_MAX];
    struct flush *flush;
    struct compact *compact;
    struct pending_write *pending[ASYNC_MAX];
    unsigned pending_count;
    uint64_t floor; /* greatest tombstone that is known to be dropped */
};

static char why[WHY_BYTES];

#define HOLDS(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)snprintf(why, sizeof why, __VA_ARGS__);                                          \
            return why;                                                                            \
        }                                                                                          \
    } while (0)

#define HELD(expression)                                                                           \
    do {                                                                                           \
        const char *violation_ = (expression);                                                     \
        if (violation_ != NULL) {                                                                  \
            return violation_;                                                                     \
        }                                                                                          \
    } while (0)

static unsigned chance(struct model *m, unsigned limit)
{
    return (unsigned)rng_below(&m->rng, limit);
}

/* -- checks --------------------------------------------------------------------------------------
 */

/* A deleted key whose tombstone has gone: allowed, when the floor has risen with it. */
static bool may_be_forgotten(const struct model *m, const struct truth *truth, unsigned key,
                             uint64_t resume_floor)
{
    return m->w.options.tombstone_hours > 0 && truth->rows[key].is_deleted &&
           truth->rows[key].seq <= resume_floor;
}

static const char *check_visible(struct model *m, struct kv_view *view, const struct truth *truth)
{
    struct world_rows rows;
    struct error err;
    status result = part_read_all(&m->part, view, true, &rows, &err);
    HOLDS(status_ok(result), "reading failed: %s", err.text);
    struct arena arena;
    arena_init(&arena);
    struct table_read *read = NULL;
    result = table_read_open(m->w.store, view, &m->part.part, (struct cold_slot){0}, KV_MAY_BLOCK,
                             &arena, &read, &err);
    uint64_t resume_floor = status_ok(result) ? read->state.resume_floor : 0;
    arena_release(&arena);
    HOLDS(status_ok(result), "the state cannot be read: %s", err.text);
    bool seen[KEYS_MAX] = {0};
    for (unsigned i = 0; i < rows.count; i++) {
        const struct world_row *row = &rows.rows[i];
        unsigned key = (unsigned)row->id;
        HOLDS(key < KEYS_MAX && truth->rows[key].exists, "key %u was never written", key);
        HOLDS(!seen[key], "key %u is seen twice", key);
        seen[key] = true;
        HOLDS(row->seq == truth->rows[key].seq && row->is_deleted == truth->rows[key].is_deleted,
              "key %u has another version", key);
        char text[WORLD_TEXT_MAX];
        (void)snprintf(text, sizeof text, "%u", truth->rows[key].value);
        HOLDS(strcmp(text, row->text) == 0, "key %u shows %s instead of %s", key, row->text, text);
    }
    for (unsigned key = 0; key < KEYS_MAX; key++) {
        HOLDS(seen[key] || !truth->rows[key].exists ||
                  may_be_forgotten(m, truth, key, resume_floor),
              "key %u is not seen", key);
    }
    return NULL;
}

static const char *check_points(struct model *m, struct kv_view *view, const struct truth *truth)
{
    for (unsigned key = 0; key < m->options->keys; key++) {
        struct world_row row;
        struct error err;
        status result = part_get_row(&m->part, view, key, &row, &err);
        HOLDS(status_ok(result), "key %u cannot be read: %s", key, err.text);
        bool is_live = truth->rows[key].exists && !truth->rows[key].is_deleted;
        HOLDS((row.found && !row.is_deleted) == is_live, "key %u by point: wrong existence", key);
        HOLDS(!row.found || row.seq == truth->rows[key].seq, "key %u by point: wrong version", key);
    }
    return NULL;
}

/* What a walk over the keys of a part counts. */
struct counted {
    uint64_t rows;
    uint64_t bytes;
    uint64_t rows_upto;
    uint64_t dead;
    uint64_t segments;
    uint64_t cold_rows;
};

static struct kv_cursor *open_kind(struct model *m, struct kv_view *view, enum key_kind kind)
{
    struct buf lo;
    struct buf hi;
    buf_init(&lo);
    buf_init(&hi);
    const struct table_part *part = &m->part.part;
    struct kv_cursor *cursor =
        kv_cursor_open(view, part_family(part, kind), part_key(&lo, part, kind, str_of(NULL, 0)),
                       key_build_end(&hi, part->prefix, kind, part->table->id), KV_FORWARD);
    buf_release(&lo);
    buf_release(&hi);
    return cursor;
}

static const char *check_segments(struct model *m, struct kv_view *view, struct counted *counted)
{
    struct segment segments[64];
    struct arena arena;
    arena_init(&arena);
    struct kv_cursor *cursor = open_kind(m, view, KEY_MANIFEST);
    str key;
    str value;
    status result = STATUS_IS_OK;
    struct error err;
    const char *violation = NULL;
    while (violation == NULL && kv_cursor_next(cursor, &key, &value, &result, &err)) {
        struct segment *s = &segments[counted->segments];
        result = segment_decode(arena_copy(&arena, value), s, &err);
        if (!status_ok(result)) {
            break;
        }
        counted->cold_rows += s->rows;
        str path = segment_path(m->w.store, s->directory, s->number, &arena);
        if (!fake_cold_exists(&m->w.cold, path.p)) {
            (void)snprintf(why, sizeof why, "the file of segment %llu is gone",
                           (unsigned long long)s->number);
            violation = why;
        }
        for (unsigned i = 0; i < counted->segments && violation == NULL; i++) {
            if (segments[i].low < s->high && s->low < segments[i].high) {
                violation = "segments overlap";
            }
        }
        if (++counted->segments == 64) {
            violation = "too many segments";
        }
    }
    kv_cursor_close(cursor);
    arena_release(&arena);
    HOLDS(status_ok(result), "a manifest cannot be read: %s", err.text);
    return violation;
}

static void count_rows(struct model *m, struct kv_view *view, uint64_t high,
                       struct counted *counted)
{
    struct error err;
    str key;
    str value;
    status result = STATUS_IS_OK;
    struct kv_cursor *cursor = open_kind(m, view, KEY_ROW);
    while (kv_cursor_next(cursor, &key, &value, &result, &err)) {
        uint64_t seq = 0;
        (void)key_number(key, &seq);
        counted->rows++;
        counted->bytes += value.n;
        counted->rows_upto += seq <= high ? 1 : 0;
    }
    kv_cursor_close(cursor);
    cursor = open_kind(m, view, KEY_DEAD);
    while (kv_cursor_next(cursor, &key, &value, &result, &err)) {
        counted->dead++;
    }
    kv_cursor_close(cursor);
}

static bool read_record(struct model *m, struct kv_view *view, enum key_kind kind, str *value,
                        struct arena *arena)
{
    struct buf key;
    struct error err;
    buf_init(&key);
    bool found = false;
    status result = kv_get(m->w.kv, view, m->part.part.family,
                           part_key(&key, &m->part.part, kind, str_of(NULL, 0)), KV_MAY_BLOCK,
                           arena, value, &found, &err);
    buf_release(&key);
    return status_ok(result) && found;
}

static const char *compare_counters(const struct table_state *state, const struct counted *counted)
{
    HOLDS(state->hot_rows == counted->rows, "hot_rows %llu, counted %llu",
          (unsigned long long)state->hot_rows, (unsigned long long)counted->rows);
    HOLDS(state->hot_bytes == counted->bytes, "hot_bytes %llu, counted %llu",
          (unsigned long long)state->hot_bytes, (unsigned long long)counted->bytes);
    HOLDS(state->dead == counted->dead, "dead %llu, counted %llu", (unsigned long long)state->dead,
          (unsigned long long)counted->dead);
    HOLDS(state->segments == counted->segments, "segments %llu, counted %llu",
          (unsigned long long)state->segments, (unsigned long long)counted->segments);
    HOLDS(state->cold_rows == counted->cold_rows, "cold_rows %llu, counted %llu",
          (unsigned long long)state->cold_rows, (unsigned long long)counted->cold_rows);
    HOLDS((state->oldest_us != 0) == (state->hot_rows > 0),
          "oldest_us without rows, or the reverse");
    return NULL;
}

static const char *check_counters(struct model *m, struct kv_view *view)
{
    struct arena arena;
    arena_init(&arena);
    struct table_state state = {0};
    struct flush_intent intent = {0};
    struct error err;
    str value;
    bool is_readable = true;
    if (read_record(m, view, KEY_STATE, &value, &arena)) {
        is_readable = status_ok(table_state_decode(value, &state, &err));
    }
    bool has_intent = read_record(m, view, KEY_INTENT, &value, &arena);
    if (has_intent) {
        is_readable = is_readable && status_ok(flush_intent_decode(value, &intent, &err));
    }
    arena_release(&arena);
    HOLDS(is_readable, "n or f cannot be read");
    struct counted counted = {0};
    count_rows(m, view, intent.high, &counted);
    HELD(check_segments(m, view, &counted));
    HELD(compare_counters(&state, &counted));
    HOLDS(!has_intent || intent.rows == counted.rows_upto, "the intent counts %llu rows, not %llu",
          (unsigned long long)intent.rows, (unsigned long long)counted.rows_upto);
    HOLDS(!has_intent || m->flush != NULL, "an intent stands and no flush runs");
    return NULL;
}

static const char *check_files_of_views(struct model *m)
{
    for (unsigned i = 0; i < VIEWS_MAX; i++) {
        struct counted counted = {0};
        if (m->views[i].view != NULL) {
            HELD(check_segments(m, m->views[i].view, &counted));
        }
    }
    return NULL;
}

static const char *check_all(struct model *m)
{
    struct kv_view *view = kv_view_open(m->w.kv);
    const char *violation = check_counters(m, view);
    if (violation == NULL) {
        violation = check_visible(m, view, &m->truth);
    }
    if (violation == NULL && chance(m, 8) == 0) {
        violation = check_points(m, view, &m->truth);
    }
    kv_view_close(view);
    return violation != NULL ? violation : check_files_of_views(m);
}

/* -- writes --------------------------------------------------------------------------------------
 */

static void open_part(struct model *m)
{
    part_open(&m->w, m->w.table, "", &m->part);
    m->has_part = true;
}

static void set_values(struct value values[2], unsigned key, char text[WORLD_TEXT_MAX],
                       unsigned value)
{
    (void)snprintf(text, WORLD_TEXT_MAX, "%u", value);
    values[0] = value_int(TYPE_BIGINT, key);
    values[1] = value_text(str_from(text));
}

/* What one op did to the truth, once it is known to be applied. */
struct planned {
    unsigned key;
    unsigned value;
    bool is_delete;
    bool is_stale; /* expects a version that is not the newest */
};

static status add_delete(struct model *m, struct row_write_table *to, unsigned key, uint64_t seq,
                         struct error *err)
{
    struct value values[2];
    char text[WORLD_TEXT_MAX];
    set_values(values, key, text, m->truth.rows[key].value);
    struct buf bytes;
    buf_init(&bytes);
    status result = row_encode(&bytes, m->part.schema, values, false, 0, err);
    struct row last;
    if (status_ok(result)) {
        result = row_open(&last, m->part.schema, buf_str(&bytes), err);
    }
    if (status_ok(result)) {
        result = row_write_delete(to, seq, &last, err);
    }
    buf_release(&bytes);
    return result;
}

/* Chooses what to do with a key and adds it to the write. */
static status plan_op(struct model *m, struct row_write_table *to, unsigned key,
                      struct planned *plan, struct error *err)
{
    struct value values[2];
    char text[WORLD_TEXT_MAX];
    bool is_live = m->truth.rows[key].exists && !m->truth.rows[key].is_deleted;
    uint64_t seq = m->truth.rows[key].seq;
    *plan = (struct planned){.key = key, .value = ++m->value};
    set_values(values, key, text, plan->value);
    if (!is_live) {
        return chance(m, 4) == 0 ? row_write_upsert(to, values, err)
                                 : row_write_insert(to, values, err);
    }
    plan->is_stale = chance(m, 20) == 0;
    seq -= plan->is_stale ? 1 : 0;
    switch (chance(m, 5)) {
    case 0:
    case 1:
        plan->is_delete = true;
        plan->value = m->truth.rows[key].value;
        return add_delete(m, to, key, seq, err);
    case 2:
        plan->is_stale = false;
        return row_write_upsert(to, values, err);
    default:
        return row_write_update(to, seq, str_of(NULL, 0), NULL, values, err);
    }
}

static void note_applied(struct model *m, const struct planned *plan, uint64_t seq)
{
    m->truth.rows[plan->key].exists = true;
    m->truth.rows[plan->key].is_deleted = plan->is_delete;
    m->truth.rows[plan->key].seq = seq;
    m->truth.rows[plan->key].value = plan->value;
}

static void pending_done(struct row_write *write, status result)
{
    struct pending_write *p = write->context;
    p->result = result;
    atomic_count_set(&p->is_done, 1);
}

static void pending_release(struct row_write *write)
{
    struct pending_write *p = write->context;
    atomic_count_set(&p->is_released, 1);
}

static void wait_for(const atomic_count *flag)
{
    while (atomic_count_get(flag) == 0) {
        sched_yield();
    }
}

static void pending_destroy(struct pending_write *p)
{
    row_write_release(&p->write);
    part_close(&p->part);
    mem_free(p);
}

/* Frees the writes that the committer has let go of; all of them when `waits`. */
static void reap(struct model *m, bool waits)
{
    for (unsigned i = 0; i < m->pending_count;) {
        struct pending_write *p = m->pending[i];
        if (waits) {
            wait_for(&p->is_released);
        }
        if (atomic_count_get(&p->is_released) != 0) {
            pending_destroy(p);
            m->pending[i] = m->pending[--m->pending_count];
        } else {
            i++;
        }
    }
}

static const char *plan_ops(struct model *m, struct row_write_table *to, unsigned count,
                            struct planned *plans)
{
    unsigned first = chance(m, m->options->keys);
    for (unsigned i = 0; i < count; i++) {
        struct error err;
        status result = plan_op(m, to, (first + i) % m->options->keys, &plans[i], &err);
        HOLDS(status_ok(result), "an op cannot be prepared: %s", err.text);
    }
    return NULL;
}

static const char *check_write(struct model *m, struct pending_write *p,
                               const struct row_write_table *to, const struct planned *plans)
{
    bool is_stale = false;
    for (size_t i = 0; i < to->op_count; i++) {
        is_stale = is_stale || plans[i].is_stale;
    }
    status result = p->result;
    HOLDS(status_ok(result) || is_stale, "a write was refused: %s", p->write.request.error.text);
    HOLDS(!status_ok(result) || !is_stale, "a stale write was accepted");
    for (size_t i = 0; i < to->op_count && status_ok(result); i++) {
        note_applied(m, &plans[i], to->ops[i].seq);
    }
    if (status_ok(result) && commit_published_seq(m->w.committer) >= p->write.last_seq) {
        m->durable = m->truth;
    }
    return NULL;
}

static const char *write_one(struct model *m)
{
    struct pending_write *p = mem_alloc_zeroed(sizeof *p);
    struct planned plans[2];
    bool is_async =
        m->options->with_power_cuts && m->pending_count < ASYNC_MAX && chance(m, 3) == 0;
    part_open(&m->w, m->w.table, "", &p->part);
    row_write_init(&p->write, m->w.store, &p->part.arena);
    p->write.done = pending_done;
    p->write.release = pending_release;
    p->write.context = p;
    struct row_write_table *to = row_write_table(&p->write, &p->part.part, p->part.schema);
    const char *violation =
        plan_ops(m, to, m->options->keys > 1 && chance(m, 4) == 0 ? 2 : 1, plans);
    if (violation == NULL) {
        row_write_submit(&p->write, is_async ? COMMIT_ASYNC : COMMIT_SYNC);
        wait_for(&p->is_done);
        violation = check_write(m, p, to, plans);
        if (is_async) {
            m->pending[m->pending_count++] = p;
            p = NULL;
        }
    }
    if (p != NULL) {
        pending_destroy(p);
    }
    reap(m, false);
    return violation;
}

/* -- jobs, views, crashes ------------------------------------------------------------------------
 */

static const struct cold_slot job_slot = {.read = 0, .write = 1};

static const char *step_flush(struct model *m)
{
    struct error err;
    if (m->flush == NULL) {
        status result =
            flush_create(m->w.store, m->w.table, STR_LIT(""), job_slot, &m->flush, &err);
        HOLDS(status_ok(result), "no flush: %s", err.text);
    }
    if (chance(m, 60) == 0) {
        m->w.cold.fail_in = 1 + chance(m, 4);
    } else if (chance(m, 80) == 0) {
        flush_cancel(m->flush);
    }
    enum flush_state before = flush_state(m->flush);
    flush_step(m->flush);
    enum flush_state after = flush_state(m->flush);
    m->w.cold.fail_in = 0;
    bool has_committed = (before == FLUSH_START && after == FLUSH_INTENT) ||
                         after == FLUSH_COMMITTED || after == FLUSH_UNDONE;
    if (has_committed) { /* a synced commit makes all before it durable */
        m->durable = m->truth;
    }
    if (flush_is_over(m->flush)) {
        flush_destroy(m->flush);
        m->flush = NULL;
    }
    return NULL;
}

static const char *step_compact(struct model *m)
{
    struct error err;
    if (m->compact == NULL) {
        unsigned segments = (unsigned)world_state(&m->w).segments;
        if (segments == 0) {
            return NULL;
        }
        unsigned first = chance(m, segments);
        const struct compact_choice choice = {.first = first,
                                              .count = 1 + chance(m, segments - first)};
        status result = compact_create(m->w.store, m->w.table, STR_LIT(""), &choice, job_slot,
                                       &m->compact, &err);
        HOLDS(status_ok(result), "no compaction: %s", err.text);
    }
    if (chance(m, 60) == 0) {
        m->w.cold.fail_in = 1 + chance(m, 4);
    }
    enum compact_state before = compact_state(m->compact);
    compact_step(m->compact);
    enum compact_state after = compact_state(m->compact);
    m->w.cold.fail_in = 0;
    if ((before == COMPACT_VIEW && after == COMPACT_NUMBER) || after == COMPACT_COMMITTED) {
        m->durable = m->truth;
    }
    if (compact_is_over(m->compact)) {
        compact_destroy(m->compact);
        m->compact = NULL;
    }
    return NULL;
}

static const char *close_view(struct model *m, unsigned i)
{
    if (m->views[i].view == NULL) {
        return NULL;
    }
    const char *violation = check_visible(m, m->views[i].view, &m->views[i].truth);
    kv_view_close(m->views[i].view);
    m->views[i].view = NULL;
    return violation;
}

static const char *toggle_view(struct model *m)
{
    unsigned i = chance(m, VIEWS_MAX);
    if (m->views[i].view != NULL) {
        return close_view(m, i);
    }
    m->views[i].view = kv_view_open(m->w.kv);
    m->views[i].truth = m->truth;
    return NULL;
}

static void leave_jobs(struct model *m)
{
    flush_destroy(m->flush);
    compact_destroy(m->compact);
    m->flush = NULL;
    m->compact = NULL;
}

static const char *crash(struct model *m, bool is_power_cut)
{
    for (unsigned i = 0; i < VIEWS_MAX; i++) {
        HELD(close_view(m, i));
    }
    leave_jobs(m);
    part_close(&m->part);
    m->has_part = false;
    if (is_power_cut) {
        world_power_cut(&m->w, &m->rng);
        m->truth = m->durable;
    } else {
        world_crash(&m->w);
        m->durable = m->truth;
    }
    reap(m, true);
    if (m->options->with_power_cuts) {
        kv_mem_set_sync(m->w.kv, KV_MEM_SYNC_WAITS);
    }
    open_part(m);
    unsigned segments = (unsigned)world_state(&m->w).segments;
    unsigned files = fake_cold_count(&m->w.cold, ".parquet");
    HOLDS(files == segments, "%u files after a start, %u segments", files, segments);
    HOLDS(fake_cold_count(&m->w.cold, ".tmp") == 0, "a .tmp file after a start");
    return NULL;
}

static const char *step(struct model *m)
{
    if (chance(m, 1000) < m->options->writes) {
        return write_one(m);
    }
    unsigned n = chance(m, 1000);
    if (n < 480) {
        return step_flush(m);
    }
    if (n < 840) {
        return step_compact(m);
    }
    if (n < 930) {
        return toggle_view(m);
    }
    if (n < 965) {
        (void)store_drain_files(m->w.store);
        return NULL;
    }
    if (n < 988) {
        fake_clock_advance(&m->w.clock, 45LL * 60 * 1000000); /* tombstones live an hour */
        return NULL;
    }
    return crash(m, m->options->with_power_cuts && chance(m, 2) == 0);
}

/* Everything comes to rest: then nothing may be left over. */
static const char *drain(struct model *m)
{
    for (unsigned i = 0; i < VIEWS_MAX; i++) {
        HELD(close_view(m, i));
    }
    for (unsigned n = 0; m->flush != NULL || m->compact != NULL; n++) {
        HOLDS(n < 100, "a job does not end");
        HELD(m->flush != NULL ? step_flush(m) : NULL);
        HELD(m->compact != NULL ? step_compact(m) : NULL);
    }
    struct error err;
    struct flush_result flushed;
    for (unsigned n = 0; world_state(&m->w).hot_rows > 0; n++) {
        HOLDS(n < 10, "hot rows do not go");
        status result =
            flush_run(m->w.store, m->w.table, STR_LIT(""), job_slot, NULL, &flushed, &err);
        HOLDS(status_ok(result), "the last flush: %s", err.text);
    }
    struct compact_result compacted = {.sources = 1};
    while (compacted.sources > 0 &&
           (world_state(&m->w).segments > 1 || world_state(&m->w).dead > 0)) {
        status result = compact_run(m->w.store, m->w.table, STR_LIT(""), true, job_slot, NULL,
                                    &compacted, &err);
        HOLDS(status_ok(result), "the last compaction: %s", err.text);
    }
    m->durable = m->truth;
    (void)store_drain_files(m->w.store);
    struct table_state state = world_state(&m->w);
    HOLDS(state.dead == 0, "%llu dead keys are left", (unsigned long long)state.dead);
    HOLDS(state.segments <= 1, "%llu segments are left", (unsigned long long)state.segments);
    HOLDS(fake_cold_count(&m->w.cold, ".parquet") == state.segments, "files are left");
    return check_all(m);
}

static const char *run_steps(struct model *m, unsigned *at_step)
{
    for (*at_step = 0; *at_step < m->options->steps; (*at_step)++) {
        HELD(step(m));
        HELD(check_all(m));
    }
    return drain(m);
}

const char *model_run(const struct model_options *options, unsigned *at_step)
{
    struct model *m = mem_alloc_zeroed(sizeof *m);
    m->options = options;
    m->w.options.merge_bytes_max = options->merge_bytes;
    m->w.options.tombstone_hours = options->seed % 3 == 0 ? 0 : 1;
    rng_init(&m->rng, options->seed);
    store_test_unlocked(options->is_unlocked != 0);
    world_open(&m->w);
    open_part(m);
    if (options->with_power_cuts) {
        kv_mem_set_sync(m->w.kv, KV_MEM_SYNC_WAITS);
    }
    const char *violation = run_steps(m, at_step);
    for (unsigned i = 0; i < VIEWS_MAX; i++) {
        if (m->views[i].view != NULL) {
            kv_view_close(m->views[i].view);
        }
    }
    leave_jobs(m);
    if (m->has_part) {
        part_close(&m->part);
    }
    kv_mem_set_sync(m->w.kv, KV_MEM_SYNC_WORKS);
    world_close(&m->w);
    reap(m, true);
    store_test_unlocked(false);
    mem_free(m);
    return violation;
}
