/* store/drop.c -- see drop.h. */
#include "store/drop.h"
#include "base/fault.h"
#include "store/commit_part.h"
#include "store/read.h"
#include "store/segment.h"
#include "store/store_private.h"

struct drop_request {
    struct commit_request request; /* first */
    struct store *store;
    const struct table_part *part;
};

static status drop_apply(struct commit_txn *txn, struct commit_request *request)
{
    static const enum key_kind kinds[] = {KEY_ROW,      KEY_INDEX,  KEY_UNIQUE, KEY_DEAD,
                                          KEY_MANIFEST, KEY_INTENT, KEY_STATE};
    struct drop_request *r = (struct drop_request *)(void *)request;
    struct store_change *change = store_change_create(r->store, txn);
    struct part_txn p;
    status result = part_txn_open(&p, txn, r->part, &request->error);
    if (status_ok(result)) {
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
            part_delete_kind(&p, kinds[i]);
        }
        store_change_add_removal(change, &p);
    }
    part_txn_close(&p);
    return result;
}

static status remove_keys(struct store *store, const struct table_part *part, struct error *err)
{
    struct drop_request r = {.store = store, .part = part};
    r.request.may_use_reserve = true;
    return store_submit(store, &r.request, drop_apply, err);
}

/* The folders of a part's segments; all of them are taken, or none. */
struct folder_locks {
    str *directories; /* as the manifest has them */
    str *folders;
    unsigned count;
};

static bool take_folders(struct store *store, const struct table_read *read, struct arena *arena,
                         struct folder_locks *out)
{
    out->directories = ARENA_ARRAY(arena, str, read->segment_count + 1);
    out->folders = ARENA_ARRAY(arena, str, read->segment_count + 1);
    for (unsigned i = 0; i < read->segment_count; i++) {
        str directory = read->segments[i].directory;
        bool is_known = false;
        for (unsigned k = 0; k < out->count; k++) {
            is_known = is_known || str_eq(out->directories[k], directory);
        }
        if (is_known) {
            continue;
        }
        str folder = segment_directory_path(store, directory, arena);
        if (!segment_folder_take(store, folder)) {
            return false;
        }
        out->directories[out->count] = directory;
        out->folders[out->count++] = folder;
    }
    return true;
}

static void give_folders(struct store *store, const struct folder_locks *locks)
{
    for (unsigned i = 0; i < locks->count; i++) {
        segment_folder_give(store, locks->folders[i]);
    }
}

/* Takes manifest.json and the folder away when no segment is left in it, of whatever table. */
static void tidy_folder(struct store *store, str folder, struct arena *arena)
{
    const struct cold_files *files = store->options.files;
    uint64_t next = 0;
    struct error err;
    error_clear(&err);
    if (!status_ok(segment_next_free(store, folder.p, &next, &err)) || next > 0) {
        return;
    }
    segment_discard(store, arena_format(arena, STR_FMT "/manifest.json", STR(folder)));
    if (!status_ok(files->remove_dir(files->context, folder.p, &err))) {
        error_clear(&err); /* it stays as an empty folder: no harm */
    }
}

static status drop_locked(struct store *store, const struct table_part *part,
                          const struct table_read *read, struct kv_view **view,
                          struct drop_result *result, struct arena *arena, struct error *err)
{
    TRY(remove_keys(store, part, err));
    for (unsigned i = 0; i < read->segment_count; i++) {
        const struct segment *segment = &read->segments[i];
        segment_retire(store, segment_path(store, segment->directory, segment->number, arena));
    }
    kv_view_close(*view);
    *view = NULL;
    (void)store_drain_files(store);
    result->files += read->segment_count;
    result->partitions++;
    return STATUS_IS_OK;
}

static status drop_part(struct store *store, const struct table_part *part,
                        struct drop_result *result, struct error *err)
{
    struct arena arena;
    arena_init(&arena);
    struct kv_view *view = kv_view_open(store->options.kv);
    struct table_read *read = NULL;
    struct folder_locks locks = {0};
    status outcome =
        table_read_open(store, view, part, (struct cold_slot){0}, KV_MAY_BLOCK, &arena, &read, err);
    if (status_ok(outcome)) {
        outcome = table_segments(read, err);
    }
    bool has_part = status_ok(outcome) && segment_job_take(store, part, str_of(NULL, 0));
    if (status_ok(outcome) && (!has_part || !take_folders(store, read, &arena, &locks))) {
        outcome = error_set(err, ERROR_BUSY, "another job works on the dropped table");
    }
    if (status_ok(outcome)) {
        outcome = drop_locked(store, part, read, &view, result, &arena, err);
    }
    if (view != NULL) {
        kv_view_close(view);
    }
    for (unsigned i = 0; i < locks.count && status_ok(outcome); i++) {
        tidy_folder(store, locks.folders[i], &arena);
    }
    give_folders(store, &locks);
    if (has_part) {
        segment_job_give(store, part, str_of(NULL, 0));
    }
    arena_release(&arena);
    return outcome;
}

static status drop_parts(struct store *store, const struct dropped_table *dropped,
                         struct arena *arena, struct drop_result *result, struct error *err)
{
    struct registry_part *parts = NULL;
    size_t count = 0;
    registry_list(&store->registry, dropped->id, arena, &parts, &count);
    for (size_t i = 0; i < count; i++) {
        struct table_part part;
        if (!registry_part_open(&parts[i], arena, &part)) {
            return error_set(err, ERROR_CORRUPT, "a table state has a key that cannot be read");
        }
        TRY(drop_part(store, &part, result, err));
    }
    return STATUS_IS_OK;
}

status store_drop_table(struct store *store, const struct dropped_table *dropped,
                        struct drop_result *result, struct error *err)
{
    FAULT_POINT("drop.after_state");
    *result = (struct drop_result){0};
    struct arena arena;
    arena_init(&arena);
    status outcome = drop_parts(store, dropped, &arena, result, err);
    arena_release(&arena);
    TRY(outcome);
    FAULT_POINT("drop.after_files");
    return catalog_forget_table(store->options.catalog, dropped->id, err);
}
