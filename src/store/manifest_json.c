/* store/manifest_json.c -- the text of manifest.json (contract http-ws.md section 8.4). */
#include "base/log.h"
#include "store/read.h"
#include "store/segment.h"
#include "store/store_private.h"

static void append_segment(struct buf *out, const struct segment *s)
{
    buf_append_format(out,
                      "{\"id\":\"batch-%llu.parquet\",\"path\":\"batch-%llu.parquet\","
                      "\"min_seq\":%llu,\"max_seq\":%llu,\"row_count\":%llu,\"size_bytes\":%llu,"
                      "\"created_at\":%lld,\"schema_version\":%lu,\"status\":\"committed\","
                      "\"column_stats\":",
                      (unsigned long long)s->number, (unsigned long long)s->number,
                      (unsigned long long)s->min_seq, (unsigned long long)s->max_seq,
                      (unsigned long long)s->rows, (unsigned long long)s->bytes,
                      (long long)(s->created_us / 1000), (unsigned long)s->schema_version);
    buf_append_str(out, s->stats.n > 0 ? s->stats : STR_LIT("{}"));
    buf_append_byte(out, '}');
}

static void append_manifest(struct buf *out, const struct table_read *read)
{
    const struct table_part *part = read->part;
    struct buf name;
    buf_init(&name);
    buf_append_format(&name, STR_FMT "." STR_FMT, STR(part->table->namespace_name),
                      STR(part->table->name));
    buf_append_c(out, "{\"table_id\":");
    json_append_text(out, buf_str(&name));
    buf_append_c(out, ",\"user_id\":");
    if (part->table->kind == TABLE_SHARED) {
        buf_append_c(out, "null");
    } else {
        json_append_text(out, part->owner);
    }
    buf_append_format(out,
                      ",\"version\":%llu,\"created_at\":%lld,\"updated_at\":%lld,\"segments\":[",
                      (unsigned long long)read->state.generation,
                      (long long)(read->state.manifest_created_us / 1000),
                      (long long)(read->state.manifest_updated_us / 1000));
    for (unsigned i = 0; i < read->segment_count; i++) {
        if (i > 0) {
            buf_append_byte(out, ',');
        }
        append_segment(out, &read->segments[i]);
    }
    buf_append_format(out, "],\"last_sequence_number\":%lld,\"files\":null,\"vector_indexes\":{}}",
                      (long long)read->state.next_file - 1);
    buf_release(&name);
}

status store_manifest_json(struct store *store, const struct table_part *part, struct buf *out,
                           struct error *err)
{
    struct arena arena;
    arena_init(&arena);
    struct kv_view *view = kv_view_open(store->options.kv);
    struct table_read *read = NULL;
    status result =
        table_read_open(store, view, part, (struct cold_slot){0}, KV_MAY_BLOCK, &arena, &read, err);
    if (status_ok(result)) {
        result = table_segments(read, err);
    }
    if (status_ok(result)) {
        append_manifest(out, read);
    }
    arena_release(&arena);
    kv_view_close(view);
    return result;
}

void segment_write_manifest(struct store *store, const struct table_part *part, str directory)
{
    const struct cold_files *files = store->options.files;
    struct error err;
    error_clear(&err);
    struct buf text;
    struct arena arena;
    buf_init(&text);
    arena_init(&arena);
    status result = store_manifest_json(store, part, &text, &err);
    if (status_ok(result)) {
        str folder = segment_directory_path(store, directory, &arena);
        str path = arena_format(&arena, STR_FMT "/manifest.json", STR(folder));
        result = files->write_durable(files->context, path.p, buf_str(&text), &err);
    }
    if (!status_ok(result)) {
        log_warn("store", "manifest_copy_failed", "table=%lu error=\"%s\"",
                 (unsigned long)part->table->id.v, err.text);
    }
    arena_release(&arena);
    buf_release(&text);
}
