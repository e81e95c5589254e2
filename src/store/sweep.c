/* store/sweep.c -- removing files that no manifest names, at start.
 * Why:      a crash may leave a .tmp, a segment whose commit never came, files that waited for
 * views, and, after a power cut, names that were removed before. Names of other files are never
 * touched, nor is anything outside the cold root, below which every storage lies.
 * Careful:  what is known is compared by its path, so both sides are spelled in one way
 *           (fs_plain_path): a file that looks unknown is lost. */
#include "base/fs.h"
#include "store/store_private.h"

enum { SWEEP_DEPTH_MAX = 16 }; /* folders below a root; templates have two or three */

struct sweep {
    struct store *store;
    struct arena *arena;
    struct map known;   /* paths that a manifest names */
    struct map folders; /* their folders */
    uint64_t removed;
};

/* -- what is known -------------------------------------------------------------------------------
 */

static void add_path(struct sweep *sweep, struct map *map, str path)
{
    (void)map_put(map, fs_plain_path(path, sweep->arena), map);
}

static void add_segment(struct sweep *sweep, const struct segment *segment)
{
    struct store *store = sweep->store;
    str folder = segment_directory_path(store, segment->directory, sweep->arena);
    add_path(sweep, &sweep->known,
             segment_path(store, segment->directory, segment->number, sweep->arena));
    add_path(sweep, &sweep->folders, folder);
}

static status read_manifest(struct sweep *sweep, struct kv_view *view,
                            const struct registry_part *entry, struct error *err)
{
    struct table_part part;
    if (!registry_part_open(entry, sweep->arena, &part)) {
        return error_set(err, ERROR_CORRUPT, "a table state has a key that cannot be read");
    }
    struct buf lo;
    struct buf hi;
    buf_init(&lo);
    buf_init(&hi);
    struct kv_cursor *cursor =
        kv_cursor_open(view, part.family, part_key(&lo, &part, KEY_MANIFEST, str_of(NULL, 0)),
                       key_build_end(&hi, part.prefix, KEY_MANIFEST, part.table->id), KV_FORWARD);
    str key;
    str value;
    status result = STATUS_IS_OK;
    while (kv_cursor_next(cursor, &key, &value, &result, err)) {
        struct segment segment;
        result = segment_decode(value, &segment, err);
        if (!status_ok(result)) {
            break;
        }
        add_segment(sweep, &segment);
    }
    kv_cursor_close(cursor);
    buf_release(&lo);
    buf_release(&hi);
    return result;
}

static status read_manifests(struct sweep *sweep, struct error *err)
{
    struct registry_part *parts = NULL;
    size_t count = 0;
    registry_list(&sweep->store->registry, (table_id){0}, sweep->arena, &parts, &count);
    struct kv_view *view = kv_view_open(sweep->store->options.kv);
    status result = STATUS_IS_OK;
    for (size_t i = 0; i < count && status_ok(result); i++) {
        if (parts[i].state.segments > 0) {
            result = read_manifest(sweep, view, &parts[i], err);
        }
    }
    kv_view_close(view);
    return result;
}

/* -- the walk ------------------------------------------------------------------------------------
 */

struct folder_entry {
    str name;
    bool is_dir;
    struct folder_entry *next;
};

struct folder_list {
    struct arena *arena;
    struct folder_entry *first;
};

static status collect(void *context, const char *name, bool is_dir, struct error *err)
{
    (void)err;
    struct folder_list *list = context;
    struct folder_entry *entry = ARENA_NEW(list->arena, struct folder_entry);
    *entry = (struct folder_entry){arena_copy(list->arena, str_from(name)), is_dir, list->first};
    list->first = entry;
    return STATUS_IS_OK;
}

/* A file that this server may have written there. */
static bool is_ours(str name)
{
    uint64_t number = 0;
    if (str_ends_with(name, STR_LIT(".tmp"))) {
        name.n -= 4;
    }
    return segment_parse_name(name, &number) || str_eq_c(name, "manifest.json");
}

static bool is_kept(const struct sweep *sweep, str folder, str name, str path)
{
    if (str_eq_c(name, "manifest.json")) {
        return map_find(&sweep->folders, folder) != NULL;
    }
    return map_find(&sweep->known, path) != NULL;
}

static status sweep_folder(struct sweep *sweep, str folder, unsigned depth, struct error *err);

static status sweep_entry(struct sweep *sweep, str folder, const struct folder_entry *entry,
                          unsigned depth, struct error *err)
{
    const struct cold_files *files = sweep->store->options.files;
    str path = arena_format(sweep->arena, STR_FMT "/" STR_FMT, STR(folder), STR(entry->name));
    if (entry->is_dir) {
        return depth < SWEEP_DEPTH_MAX ? sweep_folder(sweep, path, depth + 1, err) : STATUS_IS_OK;
    }
    if (!is_ours(entry->name) || is_kept(sweep, folder, entry->name, path)) {
        return STATUS_IS_OK;
    }
    TRY(files->unlink(files->context, path.p, err));
    sweep->removed++;
    return STATUS_IS_OK;
}

static status sweep_folder(struct sweep *sweep, str folder, unsigned depth, struct error *err)
{
    const struct cold_files *files = sweep->store->options.files;
    struct arena arena;
    arena_init(&arena);
    struct folder_list list = {.arena = &arena};
    uint64_t removed_before = sweep->removed;
    status result = files->list(files->context, folder.p, collect, &list, err);
    struct arena *outer = sweep->arena;
    sweep->arena = &arena;
    for (const struct folder_entry *e = list.first; e != NULL && status_ok(result); e = e->next) {
        result = sweep_entry(sweep, folder, e, depth, err);
    }
    sweep->arena = outer;
    if (status_ok(result) && depth > 0 && sweep->removed > removed_before) {
        result = files->remove_dir(files->context, folder.p, err);
    }
    arena_release(&arena);
    return result;
}

status segment_sweep(struct store *store, uint64_t *removed, struct error *err)
{
    struct arena arena;
    arena_init(&arena);
    struct sweep sweep = {.store = store, .arena = &arena};
    map_init(&sweep.known);
    map_init(&sweep.folders);
    status result = read_manifests(&sweep, err);
    if (status_ok(result)) {
        str root = fs_plain_path(str_from(store->cold_root), &arena);
        result = sweep_folder(&sweep, root, 0, err);
    }
    *removed = sweep.removed;
    map_release(&sweep.known);
    map_release(&sweep.folders);
    arena_release(&arena);
    return result;
}
