/* store/segment_write.c -- see segment_write.h. */
#include "store/segment_write.h"
#include "base/check.h"
#include "base/fault.h"
#include "store/store_private.h"

void segment_write_init(struct segment_write *write, struct store *store, struct arena *arena,
                        struct schema *schema, const struct segment *segment)
{
    write->store = store;
    write->arena = arena;
    write->schema = schema;
    write->segment = *segment;
    write->segment.schema_version = schema->version;
    write->folder = segment_directory_path(store, segment->directory, arena);
    write->path = segment_path(store, segment->directory, segment->number, arena);
    write->tmp = arena_format(arena, STR_FMT ".tmp", STR(write->path));
}

/* Counts one row for the manifest entry. */
static void note_row(struct segment_write *write, uint64_t seq, bool is_deleted)
{
    struct segment *segment = &write->segment;
    if (segment->rows == 0) {
        segment->min_seq = seq;
    }
    segment->rows++;
    segment->max_seq = seq;
    if (seq > write->hot_after) {
        write->hot_rows++;
    }
    if (is_deleted) {
        segment->tombstones++;
        if (segment->oldest_tombstone == 0) {
            segment->oldest_tombstone = seq;
        }
    }
}

static status counting_next(void *state, struct batch *batch, bool *done, struct error *err)
{
    struct segment_write *write = state;
    if (write->cancel != NULL && atomic_count_get(write->cancel) != 0) {
        return error_set(err, ERROR_CANCELLED, "the job was cancelled");
    }
    TRY(write->inner.next(write->inner.state, batch, done, err));
    unsigned seq_at = seq_column(write->schema);
    unsigned deleted_at = deleted_column(write->schema);
    for (unsigned row = 0; row < batch->row_count; row++) {
        uint64_t seq = (uint64_t)batch_get(batch, seq_at, row).as.integer;
        if (seq <= write->segment.max_seq || seq <= write->segment.low ||
            seq > write->segment.high) {
            return error_set(err, ERROR_CORRUPT, "row version %llu does not belong into a segment",
                             (unsigned long long)seq);
        }
        note_row(write, seq, batch_get(batch, deleted_at, row).as.boolean);
    }
    return STATUS_IS_OK;
}

static void counting_close(void *state)
{
    struct segment_write *write = state;
    if (write->inner.close != NULL) {
        write->inner.close(write->inner.state);
    }
}

static status add_filters(struct segment_write *write, struct cold_slot slot, struct error *err)
{
    const struct cold_engine *cold = write->store->options.cold;
    if (cold->add_filters == NULL || write->segment.rows == 0) {
        return STATUS_IS_OK;
    }
    struct cold_tail tail = {0};
    FAULT_POINT("segment.before_filters");
    TRY(cold->add_filters(cold->context, slot, write->tmp.p, write->schema, write->bloom, &tail,
                          err));
    FAULT_POINT("segment.after_filters");
    write->segment.tail_bytes = tail.bytes;
    write->segment.tail_checksum = tail.checksum;
    return STATUS_IS_OK;
}

status segment_write_copy(struct segment_write *write, struct cold_slot slot,
                          const struct duck_source *source, struct error *err)
{
    const struct cold_engine *cold = write->store->options.cold;
    const struct cold_files *files = write->store->options.files;
    write->inner = *source;
    const struct duck_source counting = {
        .state = write, .next = counting_next, .close = counting_close};
    status result = files->make_dirs(files->context, write->folder.p, err);
    if (!status_ok(result)) {
        counting_close(write);
        return result;
    }
    struct cold_written written = {0};
    TRY(cold->write_parquet(cold->context, slot, write->tmp.p, write->schema, &counting,
                            write->arena, &written, err));
    if (written.rows != write->segment.rows) {
        return error_set(err, ERROR_INTERNAL, "a segment has %llu rows instead of %llu",
                         (unsigned long long)written.rows, (unsigned long long)write->segment.rows);
    }
    bool is_too_long = written.stats.n > SEGMENT_STATS_BYTES_MAX; /* hundreds of long texts */
    write->segment.stats = is_too_long ? STR_LIT("{}") : written.stats;
    write->segment.created_us = clock_wall_us(write->store->options.clock);
    return add_filters(write, slot, err);
}

status segment_write_sync(struct segment_write *write, struct error *err)
{
    const struct cold_files *files = write->store->options.files;
    if (!MUTANT(NO_FILE_FSYNC)) {
        TRY(files->fsync_file(files->context, write->tmp.p, err));
    }
    return files->checksum(files->context, write->tmp.p, &write->segment.checksum,
                           &write->segment.bytes, err);
}

status segment_write_rename(struct segment_write *write, struct error *err)
{
    const struct cold_files *files = write->store->options.files;
    return files->rename(files->context, write->tmp.p, write->path.p, err);
}

status segment_write_place(struct segment_write *write, struct error *err)
{
    const struct cold_files *files = write->store->options.files;
    if (!MUTANT(NO_FOLDER_FSYNC)) {
        TRY(files->fsync_dir(files->context, write->folder.p, err));
    }
    segment_note_verified(write->store, write->path);
    return STATUS_IS_OK;
}

void segment_write_discard(struct segment_write *write)
{
    segment_discard(write->store, write->tmp);
    segment_discard(write->store, write->path);
}
