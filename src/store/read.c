/* store/read.c -- see read.h. Sources are in scan.c. */
#include "store/read.h"
#include "base/check.h"
#include "store/scan_private.h"
#include "store/segment.h"
#include "store/store_private.h"

static void release_buf(void *buf)
{
    buf_release(buf);
}

status table_read_open(struct store *store, struct kv_view *view, const struct table_part *part,
                       struct cold_slot slot, enum kv_get_mode mode, struct arena *arena,
                       struct table_read **out, struct error *err)
{
    struct table_read *read = ARENA_NEW(arena, struct table_read);
    *read = (struct table_read){
        .store = store, .view = view, .part = part, .arena = arena, .slot = slot};
    read->now_us = clock_wall_us(store->options.clock);
    buf_init(&read->key);
    arena_defer(arena, release_buf, &read->key);
    str value = {0};
    bool found = false;
    TRY(kv_get(store->options.kv, view, part->family,
               part_key(&read->key, part, KEY_STATE, str_of(NULL, 0)), mode, arena, &value, &found,
               err));
    if (found) {
        TRY(table_state_decode(value, &read->state, err));
    }
    *out = read;
    return STATUS_IS_OK;
}

uint64_t table_hot_rows(const struct table_read *read)
{
    return read->state.hot_rows + (read->staged != NULL ? staged_row_count(read->staged) : 0);
}

uint64_t table_cold_rows(const struct table_read *read)
{
    /* While a flush runs, `d` counts versions that are in no segment yet. */
    uint64_t dead =
        read->state.dead < read->state.cold_rows ? read->state.dead : read->state.cold_rows;
    return read->state.cold_rows - dead;
}

/* -- segments ------------------------------------------------------------------------------------
 */

status table_segments(struct table_read *read, struct error *err)
{
    if (read->segments != NULL || read->state.segments == 0) {
        return STATUS_IS_OK;
    }
    const struct table_part *part = read->part;
    struct segment *segments = NULL;
    size_t count = 0;
    size_t capacity = 0;
    struct buf end;
    buf_init(&end);
    struct kv_cursor *cursor = kv_cursor_open(
        read->view, part->family, part_key(&read->key, part, KEY_MANIFEST, str_of(NULL, 0)),
        key_build_end(&end, part->prefix, KEY_MANIFEST, part->table->id), KV_FORWARD);
    str key;
    str value;
    status result = STATUS_IS_OK;
    while (kv_cursor_next(cursor, &key, &value, &result, err)) {
        segments = mem_grow(segments, &capacity, count + 1, sizeof *segments);
        result = segment_decode(arena_copy(read->arena, value), &segments[count], err);
        if (!status_ok(result)) {
            break;
        }
        /* Numbers ascend with time, ranges mostly too; compaction gives an old range a new number.
         */
        for (size_t i = count; i > 0 && segments[i - 1].low > segments[i].low; i--) {
            struct segment swap = segments[i];
            segments[i] = segments[i - 1];
            segments[i - 1] = swap;
        }
        count++;
    }
    kv_cursor_close(cursor);
    buf_release(&end);
    if (status_ok(result) && count != read->state.segments) {
        result = error_set(err, ERROR_CORRUPT, "a manifest has %zu entries instead of %llu", count,
                           (unsigned long long)read->state.segments);
    }
    if (status_ok(result)) {
        struct segment *own = ARENA_ARRAY(read->arena, struct segment, count);
        memcpy(own, segments, count * sizeof *own);
        read->segments = own;
        read->segment_count = (unsigned)count;
    }
    mem_free(segments);
    return result;
}

/* The one segment whose (low, high] holds seq; NULL: none. */
static const struct segment *find_segment(const struct table_read *read, uint64_t seq)
{
    unsigned lo = 0;
    unsigned hi = read->segment_count;
    while (lo < hi) {
        unsigned middle = lo + (hi - lo) / 2;
        if (read->segments[middle].high < seq) {
            lo = middle + 1;
        } else {
            hi = middle;
        }
    }
    return lo < read->segment_count && read->segments[lo].low < seq ? &read->segments[lo] : NULL;
}

status table_files(struct table_read *read, table_file_keep_fn *keep, void *context,
                   struct table_file **out, unsigned *count, struct error *err)
{
    TRY(table_segments(read, err));
    struct table_file *files = ARENA_ARRAY(read->arena, struct table_file, read->segment_count + 1);
    unsigned kept = 0;
    for (unsigned i = read->segment_count; i > 0; i--) {
        const struct segment *segment = &read->segments[i - 1];
        str path = segment_path(read->store, segment->directory, segment->number, read->arena);
        bool is_kept = true;
        if (keep != NULL) {
            TRY(keep(context, segment, path, &is_kept, err));
        }
        if (!is_kept) {
            continue;
        }
        TRY(segment_verify(read->store, segment, path, err));
        files[kept++] = (struct table_file){segment, path};
    }
    *out = files;
    *count = kept;
    return STATUS_IS_OK;
}

/* -- point reads ---------------------------------------------------------------------------------
 */

static status find_entry(struct table_read *read, str key, enum kv_get_mode mode,
                         struct key_entry *entry, bool *found, struct error *err)
{
    str value = {0};
    TRY(kv_get(read->store->options.kv, read->view, KV_KEY_INDEX,
               part_key(&read->key, read->part, KEY_INDEX, key), mode, read->arena, &value, found,
               err));
    if (!*found) {
        return STATUS_IS_OK;
    }
    TRY(key_entry_decode(value, entry, err));
    const struct table *table = read->part->table;
    if (table->kind == TABLE_STREAM && table->ttl_s > 0 &&
        entry->seq < snowflake_at(read->now_us - (int64_t)table->ttl_s * 1000000)) {
        *found = false;
    }
    return STATUS_IS_OK;
}

status table_find_key(struct table_read *read, str key, enum kv_get_mode mode, bool *found,
                      uint64_t *seq, bool *is_deleted, struct error *err)
{
    const struct staged_version *staged =
        read->staged != NULL ? staged_find(read->staged, key) : NULL;
    if (staged != NULL) {
        *found = true;
        *seq = staged->op->seq;
        *is_deleted = staged_is_deleted(staged);
        return STATUS_IS_OK;
    }
    struct key_entry entry = {0};
    TRY(find_entry(read, key, mode, &entry, found, err));
    *seq = entry.seq;
    *is_deleted = entry.is_deleted;
    return STATUS_IS_OK;
}

static status lost_row(uint64_t seq, const char *where, struct error *err)
{
    return error_set(err, ERROR_CORRUPT, "row version %llu is not in %s", (unsigned long long)seq,
                     where);
}

static status get_hot(struct table_read *read, enum kv_get_mode mode, struct table_row *row,
                      struct error *err)
{
    bool found = false;
    TRY(kv_get(read->store->options.kv, read->view, read->part->family,
               part_number_key(&read->key, read->part, KEY_ROW, row->seq), mode, read->arena,
               &row->bytes, &found, err));
    return found ? STATUS_IS_OK : lost_row(row->seq, "the hot tier", err);
}

static status get_cold(struct table_read *read, const struct schema *schema, struct table_row *row,
                       struct error *err)
{
    TRY(table_segments(read, err));
    const struct segment *segment = find_segment(read, row->seq);
    if (segment == NULL) {
        return lost_row(row->seq, "any segment", err);
    }
    str path = segment_path(read->store, segment->directory, segment->number, read->arena);
    TRY(segment_verify(read->store, segment, path, err));
    const struct cold_engine *cold = read->store->options.cold;
    struct value *values = ARENA_ARRAY(read->arena, struct value, batch_column_total(schema));
    bool found = false;
    TRY(cold->point_read(cold->context, read->slot, schema, path, row->seq, read->arena, values,
                         &found, err));
    if (!found) {
        return lost_row(row->seq, "its segment", err);
    }
    struct buf bytes;
    buf_init(&bytes);
    const struct value *updated = &values[seq_column(schema) + SYSTEM_UPDATED];
    status result = row_encode(&bytes, schema, values, row->is_deleted,
                               updated->is_null ? 0 : updated->as.integer, err);
    if (status_ok(result)) {
        row->bytes = arena_copy(read->arena, buf_str(&bytes));
    }
    buf_release(&bytes);
    return result;
}

status table_get(struct table_read *read, str key, enum kv_get_mode mode,
                 const struct schema *schema, struct table_row *out, struct error *err)
{
    const struct staged_version *staged =
        read->staged != NULL ? staged_find(read->staged, key) : NULL;
    if (staged != NULL) {
        *out = (struct table_row){.found = true,
                                  .is_deleted = staged_is_deleted(staged),
                                  .seq = staged->op->seq,
                                  .tier = TIER_HOT,
                                  .bytes = str_of(staged->op->row, staged->op->row_bytes)};
        return STATUS_IS_OK;
    }
    struct key_entry entry = {0};
    struct table_row row = {0};
    TRY(find_entry(read, key, mode, &entry, &row.found, err));
    if (row.found) {
        row.seq = entry.seq;
        row.is_deleted = entry.is_deleted;
        bool is_hot = read->part->table->kind == TABLE_STREAM || row.seq > read->state.flushed_seq;
        row.tier = is_hot ? TIER_HOT : TIER_COLD;
        if (is_hot) {
            TRY(get_hot(read, mode, &row, err));
        } else if (mode == KV_NO_IO) {
            return error_set(err, ERROR_UNAVAILABLE, "the row is in the cold tier");
        } else {
            TRY(get_cold(read, schema, &row, err));
        }
    }
    *out = row;
    return STATUS_IS_OK;
}

/* From the view, or the newest. */
static status get_value(struct kv_store *kv, struct kv_view *view, enum kv_family family, str key,
                        enum kv_get_mode mode, struct arena *arena, str *value, bool *found,
                        struct error *err)
{
    return view != NULL ? kv_get(kv, view, family, key, mode, arena, value, found, err)
                        : kv_get_newest(kv, family, key, mode, arena, value, found, err);
}

status table_get_hot(struct store *store, struct kv_view *view, const struct table_part *part,
                     str key, enum kv_get_mode mode, struct arena *arena, struct table_row *out,
                     bool *is_elsewhere, struct error *err)
{
    CHECK(part->table->kind != TABLE_STREAM);
    struct kv_store *kv = store->options.kv;
    struct buf scratch;
    buf_init(&scratch);
    struct table_row row = {.tier = TIER_HOT};
    *is_elsewhere = false;
    str value = {0};
    status result = get_value(kv, view, KV_KEY_INDEX, part_key(&scratch, part, KEY_INDEX, key),
                              mode, arena, &value, &row.found, err);
    struct key_entry entry = {0};
    if (status_ok(result) && row.found) {
        result = key_entry_decode(value, &entry, err);
    }
    if (status_ok(result) && row.found) {
        row.seq = entry.seq;
        row.is_deleted = entry.is_deleted;
        /* A version is in `r` exactly when it is above flushed_seq of the same view. Without a view
         * it may just have left: the caller looks again with one. */
        bool is_hot = false;
        result =
            get_value(kv, view, part->family, part_number_key(&scratch, part, KEY_ROW, entry.seq),
                      mode, arena, &row.bytes, &is_hot, err);
        *is_elsewhere = !is_hot && !entry.is_deleted; /* nobody reads a cold tombstone by key */
    }
    buf_release(&scratch);
    *out = row;
    return result;
}
