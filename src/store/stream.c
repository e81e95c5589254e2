/* store/stream.c -- see stream.h. */
#include "store/stream.h"
#include "model/row.h"
#include "store/commit_part.h"
#include "store/read.h"
#include "store/store_private.h"

enum { EVICT_ROWS_MAX = 1000 }; /* of one commit */

struct old_row {
    uint64_t seq;
    str key; /* empty in a table without a key */
};

struct evict_request {
    struct commit_request request; /* first */
    struct store *store;
    const struct table_part *part;
    bool has_key;
    uint64_t rows_max;    /* of the partition */
    uint64_t expired_seq; /* rows with a lower one are past their TTL */
    uint64_t from_seq;    /* no row with a lower one is left: commits before this one took them */
    struct old_row rows[EVICT_ROWS_MAX];
    unsigned count;
    uint64_t evicted;
};

/* A row may have been removed or replaced since the view: then `r` is gone. Newer ones may have
 * been deleted, so that it is over the bound no more: then it stays. */
static status evict_row(struct evict_request *r, struct part_txn *p, const struct old_row *row,
                        struct error *err)
{
    str bytes = {0};
    bool found = false;
    if (row->seq >= r->expired_seq && p->state.hot_rows <= r->rows_max) {
        return STATUS_IS_OK;
    }
    TRY(part_get_number(p, KEY_ROW, row->seq, &bytes, &found, err));
    if (!found) {
        return STATUS_IS_OK;
    }
    TRY(part_remove_row(p, row->seq, &bytes, err));
    r->evicted++;
    struct key_entry entry = {0};
    bool has_entry = false;
    if (r->has_key) {
        TRY(part_find_key(p, row->key, &entry, &has_entry, err));
    }
    if (has_entry && entry.seq == row->seq) {
        part_delete(p, KEY_INDEX, row->key);
    }
    return STATUS_IS_OK;
}

static status evict_apply(struct commit_txn *txn, struct commit_request *request)
{
    struct evict_request *r = (struct evict_request *)(void *)request;
    struct store_change *change = store_change_create(r->store, txn);
    struct part_txn p;
    r->evicted = 0;
    status result = part_txn_open(&p, txn, r->part, &request->error);
    for (unsigned i = 0; i < r->count && status_ok(result); i++) {
        result = evict_row(r, &p, &r->rows[i], &request->error);
    }
    if (status_ok(result)) {
        store_change_add_state(change, &p);
    }
    part_txn_close(&p);
    return result;
}

static status row_key(struct store *store, const struct table *table, str bytes, struct buf *key,
                      struct error *err)
{
    struct schema *schema = NULL;
    TRY(catalog_schema(store->options.catalog, table->id, row_schema_version(bytes), &schema, err));
    struct row row;
    status result = row_open(&row, schema, bytes, err);
    if (status_ok(result) && schema->primary_key >= 0) {
        const struct value v = row_value(&row, (unsigned)schema->primary_key);
        buf_clear(key);
        result = key_encode(key, &v, err);
    }
    schema_give(schema);
    return result;
}

/* The next row of the cursor goes to the list; *is_done: it stays, and so do all after it. */
static status collect_row(struct evict_request *r, str key, str bytes, uint64_t over,
                          struct buf *scratch, struct arena *arena, bool *is_done,
                          struct error *err)
{
    struct old_row *row = &r->rows[r->count];
    if (!key_number(key, &row->seq)) {
        return error_set(err, ERROR_CORRUPT, "a row key of %zu bytes cannot be read", key.n);
    }
    *is_done = row->seq >= r->expired_seq && r->count >= over;
    if (*is_done) {
        return STATUS_IS_OK;
    }
    if (r->has_key) {
        TRY(row_key(r->store, r->part->table, bytes, scratch, err));
        row->key = arena_copy(arena, buf_str(scratch));
    }
    r->count++;
    return STATUS_IS_OK;
}

/* The oldest rows that are expired or over the bound, at most EVICT_ROWS_MAX. */
static status collect(struct evict_request *r, struct kv_view *view, struct arena *arena,
                      struct error *err)
{
    const struct table_part *part = r->part;
    struct table_read *read = NULL;
    TRY(table_read_open(r->store, view, part, (struct cold_slot){0}, KV_MAY_BLOCK, arena, &read,
                        err));
    uint64_t rows = read->state.hot_rows;
    uint64_t over = rows > r->rows_max ? rows - r->rows_max : 0;
    struct buf lo;
    struct buf hi;
    struct buf scratch;
    buf_init(&lo);
    buf_init(&hi);
    buf_init(&scratch);
    struct kv_cursor *cursor =
        kv_cursor_open(view, part->family, part_number_key(&lo, part, KEY_ROW, r->from_seq),
                       key_build_end(&hi, part->prefix, KEY_ROW, part->table->id), KV_FORWARD);
    str key;
    str bytes;
    bool is_done = false;
    status result = STATUS_IS_OK;
    r->count = 0;
    while (!is_done && r->count < EVICT_ROWS_MAX && status_ok(result) &&
           kv_cursor_next(cursor, &key, &bytes, &result, err)) {
        result = collect_row(r, key, bytes, over, &scratch, arena, &is_done, err);
    }
    kv_cursor_close(cursor);
    buf_release(&scratch);
    buf_release(&hi);
    buf_release(&lo);
    return result;
}

/* One commit. */
static status evict_some(struct evict_request *r, struct error *err)
{
    struct arena arena;
    arena_init(&arena);
    struct kv_view *view = kv_view_open(r->store->options.kv);
    status result = collect(r, view, &arena, err);
    kv_view_close(view);
    if (status_ok(result) && r->count > 0) {
        r->request = (struct commit_request){0};
        result = store_submit(r->store, &r->request, evict_apply, err);
        r->from_seq = r->rows[r->count - 1].seq + 1;
    }
    arena_release(&arena);
    return result;
}

static void set_bounds(struct evict_request *r, const struct table *table)
{
    int64_t now_us = clock_wall_us(r->store->options.clock);
    r->rows_max = table->max_buffer > 0 ? table->max_buffer : UINT64_MAX;
    r->expired_seq = table->ttl_s > 0 ? snowflake_at(now_us - (int64_t)table->ttl_s * 1000000) : 0;
}

static status evict_part(struct store *store, const struct table_part *part,
                         const atomic_count *cancel, uint64_t *evicted, struct error *err)
{
    struct schema *schema = NULL;
    TRY(catalog_table_schema(store->options.catalog, part->table, &schema, err));
    struct evict_request *r = mem_alloc_zeroed(sizeof *r);
    r->store = store;
    r->part = part;
    r->has_key = schema->primary_key >= 0;
    set_bounds(r, part->table);
    schema_give(schema);
    status result = STATUS_IS_OK;
    do {
        r->evicted = 0;
        result = evict_some(r, err);
        *evicted += status_ok(result) ? r->evicted : 0;
    } while (status_ok(result) && r->count == EVICT_ROWS_MAX &&
             (cancel == NULL || atomic_count_get(cancel) == 0));
    mem_free(r);
    return result;
}

status stream_evict(struct store *store, table_id id, str owner, const atomic_count *cancel,
                    uint64_t *evicted, struct error *err)
{
    *evicted = 0;
    struct arena arena;
    arena_init(&arena);
    const struct catalog_snapshot *snapshot = catalog_take(store->options.catalog);
    const struct table *table = snapshot_find_table_id(snapshot, id);
    status result = STATUS_IS_OK;
    if (table == NULL || table->kind != TABLE_STREAM) {
        result =
            error_set(err, ERROR_NOT_FOUND, "there is no STREAM table %lu", (unsigned long)id.v);
    } else {
        struct table_part part;
        table_part_init(&part, table, owner, &arena);
        result = evict_part(store, &part, cancel, evicted, err);
    }
    catalog_give(snapshot);
    arena_release(&arena);
    return result;
}

/* -- finding work -------------------------------------------------------------------------------
 */

static bool has_bounded_stream(const struct catalog_snapshot *snapshot)
{
    for (unsigned i = 0; i < snapshot->table_count; i++) {
        if (snapshot->tables[i]->max_buffer > 0) {
            return true;
        }
    }
    return false;
}

static bool is_overfull(const struct table *table, const struct table_state *state)
{
    uint64_t slack = table->max_buffer / 10;
    slack = slack > STREAM_SLACK_ROWS ? slack : STREAM_SLACK_ROWS;
    return table->max_buffer > 0 && state->hot_rows > table->max_buffer + slack;
}

void stream_candidates(struct store *store, const struct catalog_snapshot *snapshot,
                       struct arena *arena, struct stream_candidate **out, size_t *count)
{
    *out = NULL;
    *count = 0;
    if (!has_bounded_stream(snapshot)) {
        return;
    }
    struct registry_part *parts = NULL;
    size_t part_count = 0;
    registry_list(&store->registry, (table_id){0}, arena, &parts, &part_count);
    *out = ARENA_ARRAY(arena, struct stream_candidate, part_count + 1);
    for (size_t i = 0; i < part_count; i++) {
        const struct table *table = snapshot_find_table_id(snapshot, parts[i].table);
        if (table != NULL && is_overfull(table, &parts[i].state)) {
            (*out)[(*count)++] = (struct stream_candidate){
                .table = table->id, .owner = registry_part_owner(&parts[i], arena)};
        }
    }
}
