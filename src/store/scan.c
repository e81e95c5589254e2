/* store/scan.c -- the sources of read.h: hot rows, the dead set, both tiers as one stream. */
#include "base/check.h"
#include "model/limits.h"
#include "store/scan_private.h"
#include "store/segment.h"
#include "store/store_private.h"

enum { WANTED_WORDS = (LIMIT_COLUMNS + SYSTEM_COLUMN_COUNT + 63) / 64 };

struct batch *table_batch_create(const struct schema *schema)
{
    unsigned total = batch_column_total(schema);
    struct type *types = mem_alloc(total * sizeof *types);
    for (unsigned i = 0; i < schema->column_count; i++) {
        types[i] = schema->columns[i].type;
    }
    types[seq_column(schema)] = system_column_type(SYSTEM_SEQ);
    types[seq_column(schema) + 1] = system_column_type(SYSTEM_UPDATED);
    types[deleted_column(schema)] = system_column_type(SYSTEM_DELETED);
    struct batch *batch = batch_create(types, total);
    mem_free(types);
    return batch;
}

static void copy_wanted(const struct schema *schema, const uint64_t *wanted,
                        uint64_t out[WANTED_WORDS])
{
    for (unsigned i = 0; i < WANTED_WORDS; i++) {
        out[i] = wanted == NULL                               ? UINT64_MAX
                 : i < (batch_column_total(schema) + 63) / 64 ? wanted[i]
                                                              : 0;
    }
}

static void want(uint64_t words[WANTED_WORDS], unsigned column)
{
    words[column / 64] |= UINT64_C(1) << (column % 64);
}

/* -- hot rows ------------------------------------------------------------------------------------
 */

struct hot_source {
    struct table_read *read;
    const struct schema *schema;
    bool want_deleted;
    uint64_t wanted[WANTED_WORDS];
    struct kv_cursor *cursor;
    bool is_view_done;
    const uint64_t *superseded; /* by staged rows, ascending */
    size_t superseded_count;
    size_t superseded_next;
    const struct staged_version **staged; /* ascending */
    size_t staged_count;
    size_t staged_next;
    struct schema *written[8]; /* schemas of older versions met; a ring */
    unsigned written_count;
    struct value *values; /* of a row of an older version */
    struct arena scratch;
};

static status written_schema(struct hot_source *s, uint32_t version, const struct schema **out,
                             struct error *err)
{
    enum { RING = sizeof s->written / sizeof s->written[0] };
    if (version == s->schema->version) {
        *out = s->schema;
        return STATUS_IS_OK;
    }
    for (unsigned i = 0; i < RING; i++) {
        if (s->written[i] != NULL && s->written[i]->version == version) {
            *out = s->written[i];
            return STATUS_IS_OK;
        }
    }
    struct schema *schema = NULL;
    TRY(catalog_schema(s->read->store->options.catalog, s->schema->table, version, &schema, err));
    struct schema **place = &s->written[s->written_count++ % RING];
    schema_give(*place);
    *place = schema;
    *out = schema;
    return STATUS_IS_OK;
}

static void set_system(const struct hot_source *s, struct batch *batch, unsigned at, uint64_t seq,
                       const struct row *row)
{
    const struct schema *schema = s->schema;
    if (column_is_wanted(s->wanted, seq_column(schema))) {
        const struct value v = value_int(TYPE_BIGINT, (int64_t)seq);
        batch_set(batch, seq_column(schema), at, &v);
    }
    if (schema_system_column_count(schema) == SYSTEM_COLUMN_COUNT &&
        column_is_wanted(s->wanted, seq_column(schema) + 1)) {
        const struct value v = value_int(TYPE_TIMESTAMP, row->updated_us);
        batch_set(batch, seq_column(schema) + 1, at, &v);
    }
    if (column_is_wanted(s->wanted, deleted_column(schema))) {
        const struct value v = value_bool(row->is_tombstone);
        batch_set(batch, deleted_column(schema), at, &v);
    }
}

static status set_columns(struct hot_source *s, struct batch *batch, unsigned at,
                          const struct row *row, struct error *err)
{
    bool is_own = row->schema->version == s->schema->version;
    if (!is_own) {
        arena_reset(&s->scratch);
        TRY(row_project(row, s->schema, &s->scratch, s->values, err));
    }
    for (unsigned c = 0; c < s->schema->column_count; c++) {
        if (column_is_wanted(s->wanted, c)) {
            const struct value v = is_own ? row_value(row, c) : s->values[c];
            batch_set(batch, c, at, &v);
        }
    }
    return STATUS_IS_OK;
}

static status hot_add(struct hot_source *s, struct batch *batch, uint64_t seq, str bytes,
                      struct error *err)
{
    uint32_t version = row_schema_version(bytes);
    if (version == 0) {
        return error_set(err, ERROR_CORRUPT, "a row of %zu bytes cannot be read", bytes.n);
    }
    const struct schema *schema = NULL;
    struct row row;
    TRY(written_schema(s, version, &schema, err));
    TRY(row_open(&row, schema, bytes, err));
    if (row.is_tombstone && !s->want_deleted) {
        return STATUS_IS_OK;
    }
    TRY(set_columns(s, batch, batch->row_count, &row, err));
    set_system(s, batch, batch->row_count, seq, &row);
    batch->row_count++;
    return STATUS_IS_OK;
}

/* Seqs are asked for in ascending order. */
static bool is_superseded(struct hot_source *s, uint64_t seq)
{
    while (s->superseded_next < s->superseded_count && s->superseded[s->superseded_next] < seq) {
        s->superseded_next++;
    }
    return s->superseded_next < s->superseded_count && s->superseded[s->superseded_next] == seq;
}

static status add_next_of_view(struct hot_source *s, struct batch *batch, struct error *err)
{
    str key;
    str bytes;
    status result = STATUS_IS_OK;
    if (!kv_cursor_next(s->cursor, &key, &bytes, &result, err)) {
        s->is_view_done = true;
        return result;
    }
    uint64_t seq = 0;
    if (!key_number(key, &seq)) {
        return error_set(err, ERROR_CORRUPT, "the key of a row cannot be read");
    }
    return is_superseded(s, seq) ? STATUS_IS_OK : hot_add(s, batch, seq, bytes, err);
}

static status hot_next(void *state, struct batch *batch, bool *done, struct error *err)
{
    struct hot_source *s = state;
    while (!batch_is_full(batch) && !s->is_view_done) {
        TRY(add_next_of_view(s, batch, err));
    }
    while (!batch_is_full(batch) && s->staged_next < s->staged_count) {
        const struct row_op *op = s->staged[s->staged_next++]->op;
        TRY(hot_add(s, batch, op->seq, str_of(op->row, op->row_bytes), err));
    }
    *done = s->is_view_done && s->staged_next == s->staged_count;
    return STATUS_IS_OK;
}

static void hot_close(void *state)
{
    struct hot_source *s = state;
    kv_cursor_close(s->cursor);
    for (unsigned i = 0; i < sizeof s->written / sizeof s->written[0]; i++) {
        schema_give(s->written[i]);
    }
    mem_free(s->values);
    arena_release(&s->scratch);
    mem_free(s);
}

/* The bound below which STREAM rows are too old to be seen. */
static uint64_t visible_after(const struct table_read *read, uint64_t seq_after)
{
    const struct table *table = read->part->table;
    if (table->kind != TABLE_STREAM || table->ttl_s == 0) {
        return seq_after;
    }
    uint64_t first = snowflake_at(read->now_us - (int64_t)table->ttl_s * 1000000);
    return first > 0 && first - 1 > seq_after ? first - 1 : seq_after;
}

static struct kv_cursor *number_cursor(struct table_read *read, enum key_kind kind, uint64_t after,
                                       uint64_t to, enum kv_direction direction)
{
    struct buf end;
    buf_init(&end);
    CHECK(to < UINT64_MAX);
    uint64_t lo = after < to ? after + 1 : to + 1;
    struct kv_cursor *cursor =
        kv_cursor_open(read->view, part_family(read->part, kind),
                       part_number_key(&read->key, read->part, kind, lo),
                       part_number_key(&end, read->part, kind, to + 1), direction);
    buf_release(&end);
    return cursor;
}

status table_scan_hot(struct table_read *read, const struct table_scan *scan,
                      struct duck_source *out, struct error *err)
{
    (void)err;
    struct hot_source *s = mem_alloc_zeroed(sizeof *s);
    s->read = read;
    s->schema = scan->schema;
    if (read->staged != NULL) { /* statements read all, forward */
        CHECK(scan->direction == KV_FORWARD && scan->seq_to == TABLE_SEQ_MAX);
        s->superseded = staged_superseded(read->staged, read->arena, &s->superseded_count);
        s->staged = staged_versions(read->staged, read->arena, &s->staged_count);
    }
    s->want_deleted = scan->want_deleted;
    copy_wanted(scan->schema, scan->wanted, s->wanted);
    s->values = mem_alloc(scan->schema->column_count * sizeof *s->values);
    arena_init(&s->scratch);
    s->cursor = number_cursor(read, KEY_ROW, visible_after(read, scan->seq_after), scan->seq_to,
                              scan->direction);
    *out = (struct duck_source){.state = s, .next = hot_next, .close = hot_close};
    return STATUS_IS_OK;
}

/* -- the dead set --------------------------------------------------------------------------------
 */

struct dead_source {
    struct kv_cursor *cursor;
    const uint64_t *superseded; /* by staged rows; those of hot rows do no harm */
    size_t superseded_count;
    size_t superseded_next;
    bool is_view_done;
};

static void add_dead(struct batch *batch, uint64_t seq)
{
    const struct value v = value_int(TYPE_BIGINT, (int64_t)seq);
    batch_set(batch, 0, batch->row_count++, &v);
}

static status dead_next(void *state, struct batch *batch, bool *done, struct error *err)
{
    struct dead_source *s = state;
    str key;
    str bytes;
    status result = STATUS_IS_OK;
    while (!batch_is_full(batch) && !s->is_view_done) {
        uint64_t seq = 0;
        if (!kv_cursor_next(s->cursor, &key, &bytes, &result, err)) {
            TRY(result);
            s->is_view_done = true;
        } else if (!key_number(key, &seq)) {
            return error_set(err, ERROR_CORRUPT, "a key of the dead set cannot be read");
        } else {
            add_dead(batch, seq);
        }
    }
    while (!batch_is_full(batch) && s->superseded_next < s->superseded_count) {
        add_dead(batch, s->superseded[s->superseded_next++]);
    }
    *done = s->is_view_done && s->superseded_next == s->superseded_count;
    return STATUS_IS_OK;
}

static void dead_close(void *state)
{
    struct dead_source *s = state;
    kv_cursor_close(s->cursor);
    mem_free(s);
}

status table_scan_dead(struct table_read *read, struct duck_source *out, struct error *err)
{
    (void)err;
    struct dead_source *s = mem_alloc_zeroed(sizeof *s);
    s->cursor = number_cursor(read, KEY_DEAD, 0, TABLE_SEQ_MAX, KV_FORWARD);
    if (read->staged != NULL) {
        s->superseded = staged_superseded(read->staged, read->arena, &s->superseded_count);
    }
    *out = (struct duck_source){.state = s, .next = dead_next, .close = dead_close};
    return STATUS_IS_OK;
}

/* -- both tiers ----------------------------------------------------------------------------------
 */

/* First the cold rows: those that the files hold, less the dead set, which ascends beside them;
 * then the hot ones. */
struct current_source {
    struct table_read *read;
    struct table_scan scan;
    uint64_t wanted[WANTED_WORDS];
    struct scan_hook hook; /* drop NULL: none */
    struct duck_source inner;
    bool is_inner_open;
    bool is_cold;        /* inner gives cold rows */
    struct batch *batch; /* of the files */
    struct kv_cursor *dead_cursor;
    uint64_t dead;     /* the next dead seq; UINT64_MAX: no more */
    uint64_t last_seq; /* of the cold row before */
};

static status dead_advance(struct current_source *s, uint64_t seq, struct error *err)
{
    while (s->dead < seq) {
        str key;
        str value;
        status result = STATUS_IS_OK;
        if (!kv_cursor_next(s->dead_cursor, &key, &value, &result, err)) {
            s->dead = UINT64_MAX;
            return result;
        }
        if (!key_number(key, &s->dead)) {
            return error_set(err, ERROR_CORRUPT, "a key of the dead set cannot be read");
        }
    }
    return STATUS_IS_OK;
}

/* Is a cold row to be seen? */
static status cold_keeps(struct current_source *s, unsigned row, bool *keeps, struct error *err)
{
    const struct schema *schema = s->scan.schema;
    uint64_t seq = (uint64_t)batch_get(s->batch, seq_column(schema), row).as.integer;
    bool is_deleted = batch_get(s->batch, deleted_column(schema), row).as.boolean;
    if (seq <= s->last_seq) {
        return error_set(err, ERROR_CORRUPT, "row version %llu of a segment is out of order",
                         (unsigned long long)seq);
    }
    s->last_seq = seq;
    *keeps = false;
    TRY(dead_advance(s, seq, err));
    if (s->dead == seq || (is_deleted && !s->scan.want_deleted)) {
        return STATUS_IS_OK;
    }
    bool is_dropped = false;
    if (s->hook.drop != NULL) {
        TRY(s->hook.drop(s->hook.context, s->batch, row, seq, is_deleted, &is_dropped, err));
    }
    *keeps = !is_dropped;
    return STATUS_IS_OK;
}

static void copy_row(const struct current_source *s, struct batch *to, unsigned row)
{
    for (unsigned c = 0; c < to->column_count; c++) {
        if (column_is_wanted(s->wanted, c)) {
            const struct value v = batch_get(s->batch, c, row);
            batch_set(to, c, to->row_count, &v);
        }
    }
    to->row_count++;
}

static status open_hot(struct current_source *s, struct error *err)
{
    struct table_scan scan = s->scan;
    scan.wanted = s->wanted;
    scan.direction = KV_FORWARD;
    s->is_cold = false;
    TRY(table_scan_hot(s->read, &scan, &s->inner, err));
    s->is_inner_open = true;
    return STATUS_IS_OK;
}

static void close_inner(struct current_source *s)
{
    if (s->is_inner_open && s->inner.close != NULL) {
        s->inner.close(s->inner.state);
    }
    s->is_inner_open = false;
}

static status current_next(void *state, struct batch *batch, bool *done, struct error *err)
{
    struct current_source *s = state;
    if (!s->is_cold) {
        return s->inner.next(s->inner.state, batch, done, err);
    }
    bool cold_done = false;
    batch_reset(s->batch);
    TRY(s->inner.next(s->inner.state, s->batch, &cold_done, err));
    for (unsigned row = 0; row < s->batch->row_count; row++) {
        bool keeps = false;
        TRY(cold_keeps(s, row, &keeps, err));
        if (keeps) {
            copy_row(s, batch, row);
        }
    }
    *done = false;
    if (cold_done) {
        close_inner(s);
        return open_hot(s, err);
    }
    return STATUS_IS_OK;
}

static void current_close(void *state)
{
    struct current_source *s = state;
    close_inner(s);
    if (s->dead_cursor != NULL) {
        kv_cursor_close(s->dead_cursor);
    }
    if (s->batch != NULL) {
        batch_destroy(s->batch);
    }
    mem_free(s);
}

/* Paths of the segments that may have rows in the range, ascending. */
static status range_paths(struct table_read *read, const struct table_scan *scan, str **out,
                          unsigned *count, struct error *err)
{
    *count = 0;
    CHECK(read->staged == NULL);
    if (scan->seq_after >= read->state.flushed_seq) {
        return STATUS_IS_OK;
    }
    TRY(table_segments(read, err));
    str *paths = ARENA_ARRAY(read->arena, str, read->segment_count + 1);
    for (unsigned i = 0; i < read->segment_count; i++) {
        const struct segment *segment = &read->segments[i];
        if (segment->max_seq > scan->seq_after && segment->min_seq <= scan->seq_to) {
            str path = segment_path(read->store, segment->directory, segment->number, read->arena);
            TRY(segment_verify(read->store, segment, path, err));
            paths[(*count)++] = path;
        }
    }
    *out = paths;
    return STATUS_IS_OK;
}

static status open_cold(struct current_source *s, const str *paths, unsigned count,
                        struct error *err)
{
    const struct cold_engine *cold = s->read->store->options.cold;
    uint64_t wanted[WANTED_WORDS];
    memcpy(wanted, s->wanted, sizeof wanted);
    want(wanted, seq_column(s->scan.schema));
    want(wanted, deleted_column(s->scan.schema));
    const struct cold_segment_read cold_read = {.schema = s->scan.schema,
                                                .paths = paths,
                                                .path_count = count,
                                                .wanted = wanted,
                                                .seq_after = s->scan.seq_after,
                                                .seq_to = s->scan.seq_to};
    s->batch = table_batch_create(s->scan.schema);
    s->dead_cursor =
        number_cursor(s->read, KEY_DEAD, s->scan.seq_after, s->scan.seq_to, KV_FORWARD);
    s->is_cold = true;
    TRY(cold->read_segments(cold->context, s->read->slot, &cold_read, &s->inner, err));
    s->is_inner_open = true;
    return STATUS_IS_OK;
}

status scan_current(struct table_read *read, const struct table_scan *scan,
                    const struct scan_hook *hook, struct duck_source *out, struct error *err)
{
    str *paths = NULL;
    unsigned count = 0;
    TRY(range_paths(read, scan, &paths, &count, err));
    struct current_source *s = mem_alloc_zeroed(sizeof *s);
    s->read = read;
    s->scan = *scan;
    s->hook = hook != NULL ? *hook : (struct scan_hook){0};
    copy_wanted(scan->schema, scan->wanted, s->wanted);
    status result = count > 0 ? open_cold(s, paths, count, err) : open_hot(s, err);
    if (!status_ok(result)) {
        current_close(s);
        return result;
    }
    *out = (struct duck_source){.state = s, .next = current_next, .close = current_close};
    return STATUS_IS_OK;
}

status table_scan_current(struct table_read *read, const struct table_scan *scan,
                          struct duck_source *out, struct error *err)
{
    return scan_current(read, scan, NULL, out, err);
}
