/* store/stream.c -- see stream.h. */
#include "store/stream.h"
#include "model/row.h"
#include "store/commit_part.h"
#include "store/store_private.h"

enum { EVICT_ROWS_MAX = 1000 }; /* of one commit */

struct expired_row {
    uint64_t seq;
    str key; /* empty in a table without a key */
};

struct evict_request {
    struct commit_request request; /* first */
    struct store *store;
    const struct table_part *part;
    bool has_key;
    struct expired_row rows[EVICT_ROWS_MAX];
    unsigned count;
    uint64_t evicted;
};

/* A row may have been removed or replaced since the view: then `r` is gone. */
static status evict_row(struct evict_request *r, struct part_txn *p, const struct expired_row *row,
                        struct error *err)
{
    str bytes = {0};
    bool found = false;
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

/* The oldest expired rows, at most EVICT_ROWS_MAX. */
static status collect_expired(struct evict_request *r, struct kv_view *view, struct arena *arena,
                              struct error *err)
{
    const struct table_part *part = r->part;
    int64_t ttl_us = (int64_t)part->table->ttl_s * 1000000;
    uint64_t first_visible = snowflake_at(clock_wall_us(r->store->options.clock) - ttl_us);
    struct buf lo;
    struct buf hi;
    struct buf row_key_bytes;
    buf_init(&lo);
    buf_init(&hi);
    buf_init(&row_key_bytes);
    struct kv_cursor *cursor =
        kv_cursor_open(view, part->family, part_number_key(&lo, part, KEY_ROW, 0),
                       part_number_key(&hi, part, KEY_ROW, first_visible), KV_FORWARD);
    str key;
    str bytes;
    status result = STATUS_IS_OK;
    r->count = 0;
    while (r->count < EVICT_ROWS_MAX && kv_cursor_next(cursor, &key, &bytes, &result, err)) {
        struct expired_row *row = &r->rows[r->count];
        if (!key_number(key, &row->seq)) {
            result = error_set(err, ERROR_CORRUPT, "a row key of %zu bytes cannot be read", key.n);
        } else if (r->has_key) {
            result = row_key(r->store, part->table, bytes, &row_key_bytes, err);
            row->key = arena_copy(arena, buf_str(&row_key_bytes));
        }
        if (!status_ok(result)) {
            break;
        }
        r->count++;
    }
    kv_cursor_close(cursor);
    buf_release(&row_key_bytes);
    buf_release(&hi);
    buf_release(&lo);
    return result;
}

static status evict_some(struct evict_request *r, struct error *err)
{
    struct arena arena;
    arena_init(&arena);
    struct kv_view *view = kv_view_open(r->store->options.kv);
    status result = collect_expired(r, view, &arena, err);
    kv_view_close(view);
    if (status_ok(result) && r->count > 0) {
        r->request = (struct commit_request){
            .apply = evict_apply, .publish = store_publish, .durability = COMMIT_SYNC};
        result = commit_submit_wait(r->store->options.committer, &r->request);
        if (!status_ok(result) && err != NULL) {
            *err = r->request.error;
        }
    }
    arena_release(&arena);
    return result;
}

static status evict_part(struct store *store, const struct table_part *part, uint64_t *evicted,
                         struct error *err)
{
    struct schema *schema = NULL;
    TRY(catalog_table_schema(store->options.catalog, part->table, &schema, err));
    struct evict_request *r = mem_alloc_zeroed(sizeof *r);
    r->store = store;
    r->part = part;
    r->has_key = schema->primary_key >= 0;
    schema_give(schema);
    status result = STATUS_IS_OK;
    do {
        r->evicted = 0;
        result = evict_some(r, err);
        *evicted += r->evicted;
    } while (status_ok(result) && r->count == EVICT_ROWS_MAX);
    mem_free(r);
    return result;
}

static status evict_in(struct store *store, const struct catalog_snapshot *snapshot, table_id id,
                       str owner, uint64_t *evicted, struct error *err)
{
    const struct table *table = snapshot_find_table_id(snapshot, id);
    if (table == NULL || table->kind != TABLE_STREAM) {
        return error_set(err, ERROR_NOT_FOUND, "there is no STREAM table %lu", (unsigned long)id.v);
    }
    if (table->ttl_s == 0) {
        return STATUS_IS_OK;
    }
    struct arena arena;
    arena_init(&arena);
    struct table_part part;
    table_part_init(&part, table, owner, &arena);
    status result = evict_part(store, &part, evicted, err);
    arena_release(&arena);
    return result;
}

status stream_evict(struct store *store, table_id table, str owner, uint64_t *evicted,
                    struct error *err)
{
    *evicted = 0;
    const struct catalog_snapshot *snapshot = catalog_take(store->options.catalog);
    status result = evict_in(store, snapshot, table, owner, evicted, err);
    catalog_give(snapshot);
    return result;
}

status stream_evict_all(struct store *store, const atomic_count *cancel, uint64_t *evicted,
                        struct error *err)
{
    *evicted = 0;
    struct arena arena;
    arena_init(&arena);
    struct registry_part *parts = NULL;
    size_t count = 0;
    registry_list(&store->registry, (table_id){0}, &arena, &parts, &count);
    const struct catalog_snapshot *snapshot = catalog_take(store->options.catalog);
    status result = STATUS_IS_OK;
    for (size_t i = 0; i < count && status_ok(result); i++) {
        const struct table *table = snapshot_find_table_id(snapshot, parts[i].table);
        if (table == NULL || table->kind != TABLE_STREAM || parts[i].state.hot_rows == 0) {
            continue;
        }
        if (cancel != NULL && atomic_count_get(cancel) != 0) {
            break;
        }
        result = evict_in(store, snapshot, table->id, registry_part_owner(&parts[i], &arena),
                          evicted, err);
    }
    catalog_give(snapshot);
    arena_release(&arena);
    return result;
}
