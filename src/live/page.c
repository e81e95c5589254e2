/* live/page.c -- see page.h. */
#include "live/page.h"

#include "base/check.h"
#include "base/fault.h"
#include "query/read_context.h"

struct page *page_create(enum page_kind kind)
{
    struct page *page = mem_alloc_zeroed(sizeof *page);
    page->kind = kind;
    buf_init(&page->rows);
    arena_init(&page->arena);
    return page;
}

void page_destroy(struct page *page)
{
    for (unsigned i = 0; i < page->change_count; i++) {
        payload_give(page->changes[i].payload);
    }
    mem_free(page->changes);
    buf_release(&page->rows);
    live_plan_give(page->plan);
    arena_release(&page->arena);
    mem_free(page);
}

/* -- walking ------------------------------------------------------------------------------------
 */

/* One row that a scan gave. */
struct found_row {
    const struct value *values; /* expression_width */
    uint64_t seq;
    bool is_deleted;
    bool matches;
};

struct walk {
    struct page *page;
    struct table_read *read;
    struct arena arena;   /* of the whole page */
    struct arena scratch; /* of a row */
    struct value *values;
    /* Takes a row; *stop ends the walk. */
    status (*take)(struct walk *walk, const struct found_row *row, bool *stop, struct error *err);
    struct newest *newest;
};

static bool is_wanted(const struct live_plan *plan, unsigned column)
{
    return column_is_wanted(plan->wanted, column);
}

/* The batch's column for a place of the values; -1: STREAM tables have no `_updated`. */
static int batch_column_of(const struct schema *schema, unsigned place)
{
    if (place < schema->column_count || schema->kind != TABLE_STREAM) {
        return (int)place;
    }
    enum system_column system = (enum system_column)(place - schema->column_count);
    return system == SYSTEM_UPDATED ? -1 : (int)(place - (system == SYSTEM_DELETED ? 1 : 0));
}

static void load_values(struct walk *walk, const struct batch *batch, unsigned row)
{
    const struct live_plan *plan = walk->page->plan;
    unsigned width = expression_width(plan->schema);
    for (unsigned c = 0; c < width; c++) {
        int at = batch_column_of(plan->schema, c);
        walk->values[c] = at < 0               ? value_null(system_column_type(SYSTEM_UPDATED))
                          : is_wanted(plan, c) ? batch_get(batch, (unsigned)at, row)
                                               : value_null(batch->columns[at].type);
    }
}

static status take_row(struct walk *walk, const struct batch *batch, unsigned at, bool *stop,
                       struct error *err)
{
    const struct live_plan *plan = walk->page->plan;
    load_values(walk, batch, at);
    const struct value *system = walk->values + plan->schema->column_count;
    struct found_row row = {.values = walk->values,
                            .seq = (uint64_t)system[SYSTEM_SEQ].as.integer,
                            .is_deleted = !system[SYSTEM_DELETED].is_null &&
                                          system[SYSTEM_DELETED].as.boolean};
    arena_reset(&walk->scratch);
    TRY(live_plan_matches(plan, walk->values, &walk->scratch, &row.matches, err));
    return walk->take(walk, &row, stop, err);
}

static status walk_batches(struct walk *walk, struct duck_source *source, struct batch *batch,
                           struct error *err)
{
    bool done = false;
    bool stop = false;
    while (!done && !stop) {
        if (atomic_count_get(&walk->page->is_cancelled) != 0) {
            return error_set(err, ERROR_CANCELLED, "the subscription has ended");
        }
        batch_reset(batch);
        TRY(source->next(source->state, batch, &done, err));
        for (unsigned i = 0; i < batch->row_count && !stop; i++) {
            TRY(take_row(walk, batch, i, &stop, err));
        }
    }
    return STATUS_IS_OK;
}

static status walk_source(struct walk *walk, struct duck_source *source, struct error *err)
{
    struct batch *batch = table_batch_create(walk->page->plan->schema);
    status result = walk_batches(walk, source, batch, err);
    batch_destroy(batch);
    if (source->close != NULL) {
        source->close(source->state);
    }
    return result;
}

static struct table_scan scan_of(const struct page *page)
{
    return (struct table_scan){.schema = page->plan->schema,
                               .wanted = page->plan->wanted,
                               .seq_after = page->after,
                               .seq_to = page->to,
                               .direction = KV_FORWARD};
}

static status walk_current(struct walk *walk, const struct table_scan *scan, struct error *err)
{
    struct duck_source source;
    TRY(table_scan_current(walk->read, scan, &source, err));
    return walk_source(walk, &source, err);
}

/* -- rows ---------------------------------------------------------------------------------------
 */

static status append_row(struct page *page, struct buf *out, const struct value *values,
                         struct error *err)
{
    if (out->n > 0) {
        buf_append_byte(out, ',');
    }
    status result =
        event_append_row(out, &page->plan->projection, ROW_FORM_INITIAL, values, NULL, err);
    page->is_bad_row = !status_ok(result);
    return result;
}

static status take_for_rows(struct walk *walk, const struct found_row *row, bool *stop,
                            struct error *err)
{
    struct page *page = walk->page;
    if (!row->matches) {
        return STATUS_IS_OK;
    }
    if (page->row_count >= page->rows_max || page->rows.n >= page->bytes_max) {
        page->has_more = true;
        *stop = true;
        return STATUS_IS_OK;
    }
    TRY(append_row(page, &page->rows, row->values, err));
    page->row_count++;
    page->last_seq = row->seq;
    return STATUS_IS_OK;
}

static status read_rows(struct walk *walk, struct error *err)
{
    struct page *page = walk->page;
    uint64_t floor = walk->read->state.resume_floor;
    if (page->is_resume && (page->after > page->view_head || page->after < floor)) {
        page->after = 0;
    }
    struct table_scan scan = scan_of(page);
    walk->take = take_for_rows;
    return walk_current(walk, &scan, err);
}

/* -- the newest ---------------------------------------------------------------------------------
 */

/* Texts of rows, newest first; and, while a segment is read (which goes upwards), a ring of its
 * last ones. */
struct newest {
    str *rows;
    unsigned count;
    uint64_t newest_seq;
    size_t bytes;
    struct buf *ring;
    unsigned ring_size; /* how many are still wanted */
    uint64_t ring_count;
};

static status check_newest_bytes(const struct newest *newest, struct error *err)
{
    if (newest->bytes > PAGE_NEWEST_BYTES_MAX) {
        return error_set(err, ERROR_LIMIT, "the last rows are more than %d bytes: ask for fewer",
                         PAGE_NEWEST_BYTES_MAX);
    }
    return STATUS_IS_OK;
}

static status add_newest(struct walk *walk, str text, struct error *err)
{
    struct newest *newest = walk->newest;
    newest->bytes += text.n + 1;
    newest->rows[newest->count++] = arena_copy(&walk->arena, text);
    return check_newest_bytes(newest, err);
}

static status take_downwards(struct walk *walk, const struct found_row *row, bool *stop,
                             struct error *err)
{
    struct newest *newest = walk->newest;
    if (!row->matches) {
        return STATUS_IS_OK;
    }
    struct buf text;
    buf_init(&text);
    status result = append_row(walk->page, &text, row->values, err);
    if (status_ok(result)) {
        newest->newest_seq = newest->count == 0 ? row->seq : newest->newest_seq;
        result = add_newest(walk, buf_str(&text), err);
    }
    buf_release(&text);
    *stop = newest->count >= walk->page->rows_max;
    return result;
}

static status take_into_ring(struct walk *walk, const struct found_row *row, bool *stop,
                             struct error *err)
{
    (void)stop;
    struct newest *newest = walk->newest;
    if (!row->matches) {
        return STATUS_IS_OK;
    }
    struct buf *slot = &newest->ring[newest->ring_count % newest->ring_size];
    newest->bytes -= slot->n;
    buf_clear(slot);
    TRY(append_row(walk->page, slot, row->values, err));
    newest->bytes += slot->n;
    newest->ring_count++;
    newest->newest_seq = newest->count == 0 ? row->seq : newest->newest_seq;
    return check_newest_bytes(newest, err);
}

/* One segment: its last rows, as many as are still wanted. */
static status read_newest_segment(struct walk *walk, const struct segment *segment,
                                  struct error *err)
{
    struct newest *newest = walk->newest;
    struct page *page = walk->page;
    struct table_scan scan = scan_of(page);
    scan.seq_after = segment->min_seq - 1;
    scan.seq_to = segment->max_seq < page->to ? segment->max_seq : page->to;
    if (scan.seq_after >= scan.seq_to) {
        return STATUS_IS_OK;
    }
    newest->ring_size = page->rows_max - newest->count;
    newest->ring_count = 0;
    newest->ring = mem_alloc_zeroed(newest->ring_size * sizeof *newest->ring);
    size_t bytes_before = newest->bytes;
    walk->take = take_into_ring;
    status result = walk_current(walk, &scan, err);
    newest->bytes = bytes_before;
    uint64_t kept = newest->ring_count < newest->ring_size ? newest->ring_count : newest->ring_size;
    for (uint64_t i = 0; i < kept && status_ok(result); i++) {
        uint64_t at = (newest->ring_count - 1 - i) % newest->ring_size;
        result = add_newest(walk, buf_str(&newest->ring[at]), err);
    }
    for (unsigned i = 0; i < newest->ring_size; i++) {
        buf_release(&newest->ring[i]);
    }
    mem_free(newest->ring);
    return result;
}

static status read_newest(struct walk *walk, struct error *err)
{
    struct page *page = walk->page;
    struct newest *newest = ARENA_NEW(&walk->arena, struct newest);
    walk->newest = newest;
    if (page->rows_max == 0) {
        return STATUS_IS_OK;
    }
    newest->rows = ARENA_ARRAY(&walk->arena, str, page->rows_max);
    struct table_scan scan = scan_of(page);
    scan.direction = KV_REVERSE;
    struct duck_source source;
    walk->take = take_downwards;
    TRY(table_scan_hot(walk->read, &scan, &source, err));
    TRY(walk_source(walk, &source, err));
    TRY(table_segments(walk->read, err));
    for (unsigned i = walk->read->segment_count; i-- > 0 && newest->count < page->rows_max;) {
        TRY(read_newest_segment(walk, &walk->read->segments[i], err));
    }
    for (unsigned i = newest->count; i-- > 0;) {
        if (page->rows.n > 0) {
            buf_append_byte(&page->rows, ',');
        }
        buf_append_str(&page->rows, newest->rows[i]);
    }
    page->row_count = newest->count;
    page->last_seq = newest->newest_seq;
    return STATUS_IS_OK;
}

/* -- replay -------------------------------------------------------------------------------------
 */

static status add_change(struct page *page, const struct found_row *row, struct error *err)
{
    bool is_stream = page->plan->kind == TABLE_STREAM;
    const struct event event = {.kind = !row->matches     ? EVENT_LEAVE
                                        : row->is_deleted ? EVENT_DELETE
                                        : is_stream       ? EVENT_INSERT
                                                          : EVENT_UPDATE,
                                .row = row->values,
                                .seq = row->seq,
                                .owner = page->plan->session.user_id};
    struct payload *payload = payload_create(LIVE_CHANGE);
    status result = event_append_change(&payload->tail, &page->plan->projection, &event, err);
    if (!status_ok(result)) {
        page->is_bad_row = true;
        payload_give(payload);
        return result;
    }
    page->changes = mem_grow(page->changes, &page->change_capacity, page->change_count + 1,
                             sizeof *page->changes);
    page->changes[page->change_count++] = (struct page_change){payload, row->seq};
    return STATUS_IS_OK;
}

static status take_for_replay(struct walk *walk, const struct found_row *row, bool *stop,
                              struct error *err)
{
    struct page *page = walk->page;
    if (!row->matches && !page->leaves) {
        return STATUS_IS_OK;
    }
    if (page->change_count >= page->rows_max || page->bytes_max == 0) {
        page->has_more = true;
        *stop = true;
        return STATUS_IS_OK;
    }
    TRY(add_change(page, row, err));
    size_t bytes = page->changes[page->change_count - 1].payload->tail.n;
    page->bytes_max = bytes < page->bytes_max ? page->bytes_max - bytes : 0;
    page->last_seq = row->seq;
    return STATUS_IS_OK;
}

static status read_replay(struct walk *walk, struct error *err)
{
    struct page *page = walk->page;
    bool is_above = page->is_resume && page->after > page->view_head;
    page->is_resync = is_above || page->after < walk->read->state.resume_floor;
    if (page->is_resync) {
        return STATUS_IS_OK;
    }
    struct table_scan scan = scan_of(page);
    scan.want_deleted = true;
    walk->take = take_for_replay;
    return walk_current(walk, &scan, err);
}

/* -- a page -------------------------------------------------------------------------------------
 */

static status read_by_kind(struct walk *walk, struct error *err)
{
    switch (walk->page->kind) {
    case PAGE_ROWS:
        return read_rows(walk, err);
    case PAGE_NEWEST:
        return read_newest(walk, err);
    case PAGE_REPLAY:
        return read_replay(walk, err);
    case PAGE_PLAN:
        break;
    }
    return STATUS_IS_OK;
}

/* The sync comes after the view was opened, so that it covers everything that the view sees. */
static status read_in_view(struct walk *walk, struct read_context *rc, const struct table *table,
                           struct error *err)
{
    struct page *page = walk->page;
    TRY(commit_sync_wait(page->committer, err));
    page->view_head = commit_published_seq(page->committer);
    TRY(read_context_table(rc, table, KV_MAY_BLOCK, &walk->read, err));
    return read_by_kind(walk, err);
}

static status read_page(struct walk *walk, unsigned worker, struct error *err)
{
    struct page *page = walk->page;
    const struct live_plan *plan = page->plan;
    const struct catalog_snapshot *snapshot = catalog_take(page->catalog);
    const struct table *table = snapshot_find_table_id(snapshot, plan->table);
    status result = STATUS_IS_OK;
    if (table == NULL) {
        result = error_set(err, ERROR_TABLE_NOT_FOUND, STR_FMT "." STR_FMT,
                           STR(plan->namespace_name), STR(plan->table_name));
    } else {
        struct read_context rc;
        read_context_init(&rc, page->engine, &plan->session, snapshot, worker, &walk->arena);
        result = read_in_view(walk, &rc, table, err);
        arena_release(&walk->arena); /* what the read hangs on goes before its view */
        read_context_release(&rc);
    }
    catalog_give(snapshot);
    return result;
}

void page_run(struct page *page, unsigned worker)
{
    FAULT_POINT("live.before_page");
    if (page->kind == PAGE_PLAN) {
        page->plan_request.may_block = true;
        page->result = live_plan_create(&page->plan_request, &page->plan, &page->error);
        return;
    }
    struct walk walk = {.page = page};
    arena_init(&walk.arena);
    arena_init(&walk.scratch);
    walk.values = mem_alloc(expression_width(page->plan->schema) * sizeof *walk.values);
    page->result = read_page(&walk, worker, &page->error);
    mem_free(walk.values);
    arena_release(&walk.scratch);
    arena_release(&walk.arena);
}
