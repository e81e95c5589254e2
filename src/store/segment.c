/* store/segment.c -- see segment.h. The text of manifest.json is in manifest_json.c, sweeping in
 * sweep.c. */
#include "store/segment.h"
#include "base/check.h"
#include "base/fault.h"
#include "base/log.h"
#include "store/store_private.h"

enum {
    ESCAPED_BYTES_MAX = 200, /* of one path part; file systems allow 255 */
    ESCAPED_KEPT_BYTES = 150 /* of a longer one, before its hash */
};
static const char segment_prefix[] = "batch-";
static const char segment_suffix[] = ".parquet";

struct retired_file {
    struct retired_file *next;
    uint64_t view_number; /* goes when every view below is closed */
    char path[];
};

/* -- shelf ---------------------------------------------------------------------------------------
 */

void segment_shelf_init(struct segment_shelf *shelf)
{
    *shelf = (struct segment_shelf){0};
    lock_init(&shelf->lock, LOCK_STORE_FILES);
    map_init(&shelf->verified);
    map_init(&shelf->busy);
    shelf->retired_end = &shelf->retired;
}

void segment_shelf_release(struct segment_shelf *shelf)
{
    for (struct retired_file *file = shelf->retired; file != NULL;) {
        struct retired_file *next = file->next;
        mem_free(file);
        file = next;
    }
    map_release(&shelf->verified);
    map_release(&shelf->busy);
    lock_release(&shelf->lock);
}

bool segment_folder_take(struct store *store, str path)
{
    if (store_is_unlocked()) {
        return true;
    }
    struct segment_shelf *shelf = &store->shelf;
    lock_take(&shelf->lock);
    bool is_free = map_find(&shelf->busy, path) == NULL;
    if (is_free) {
        (void)map_put(&shelf->busy, path, shelf);
    }
    lock_give(&shelf->lock);
    return is_free;
}

void segment_folder_give(struct store *store, str path)
{
    struct segment_shelf *shelf = &store->shelf;
    lock_take(&shelf->lock);
    (void)map_remove(&shelf->busy, path);
    lock_give(&shelf->lock);
}

/* The key of a part cannot be taken for a path: it starts with its class, not with a slash. */
static bool take_part(struct store *store, const struct table_part *part)
{
    struct buf key;
    buf_init(&key);
    bool is_taken = segment_folder_take(store, part_key(&key, part, KEY_STATE, str_of(NULL, 0)));
    buf_release(&key);
    return is_taken;
}

static void give_part(struct store *store, const struct table_part *part)
{
    struct buf key;
    buf_init(&key);
    segment_folder_give(store, part_key(&key, part, KEY_STATE, str_of(NULL, 0)));
    buf_release(&key);
}

bool segment_job_take(struct store *store, const struct table_part *part, str folder)
{
    if (!take_part(store, part)) {
        return false;
    }
    if (folder.n > 0 && !segment_folder_take(store, folder)) {
        give_part(store, part);
        return false;
    }
    return true;
}

void segment_job_give(struct store *store, const struct table_part *part, str folder)
{
    if (folder.n > 0) {
        segment_folder_give(store, folder);
    }
    give_part(store, part);
}

/* -- names ---------------------------------------------------------------------------------------
 */

void segment_escape(struct buf *out, str name)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t start = out->n;
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (is_plain) {
            buf_append_byte(out, c);
        } else {
            buf_append_byte(out, '%');
            buf_append_byte(out, (uint8_t)hex[c >> 4]);
            buf_append_byte(out, (uint8_t)hex[c & 15]);
        }
    }
    if (out->n - start > ESCAPED_BYTES_MAX) {
        hash128 hash = hash128_bytes(name);
        out->n = start + ESCAPED_KEPT_BYTES;
        buf_append_format(out, "~%016llx%016llx", (unsigned long long)hash.high,
                          (unsigned long long)hash.low);
    }
}

/* Appends a template with its places filled in; one machine has one shard. */
static void append_template(struct buf *out, str text, const struct table_part *part)
{
    const struct {
        const char *place;
        str value;
    } places[] = {{"{namespace}", part->table->namespace_name},
                  {"{tableName}", part->table->name},
                  {"{shard}", STR_LIT("0")},
                  {"{userId}", part->owner}};
    enum { PLACE_COUNT = sizeof places / sizeof places[0] };
    while (text.n > 0) {
        unsigned i = 0;
        while (i < PLACE_COUNT && !str_starts_with(text, str_from(places[i].place))) {
            i++;
        }
        if (i < PLACE_COUNT) {
            segment_escape(out, places[i].value);
            text = str_skip(text, strlen(places[i].place));
        } else {
            buf_append_byte(out, (uint8_t)text.p[0]);
            text = str_skip(text, 1);
        }
    }
}

/* No part of the path is ".." or "."; doubled and outer slashes go. */
static status append_clean(struct buf *out, str path, struct error *err)
{
    while (path.n > 0) {
        ptrdiff_t slash = str_find_char(path, '/');
        str name = slash < 0 ? path : str_slice(path, 0, (size_t)slash);
        path = slash < 0 ? str_of(NULL, 0) : str_skip(path, (size_t)slash + 1);
        if (str_eq_c(name, "..") || str_eq_c(name, ".") || str_find_char(name, '\0') >= 0) {
            return error_set(err, ERROR_INVALID_OPERATION,
                             "a storage template must not leave its base directory");
        }
        if (name.n > 0) {
            buf_append_byte(out, '/');
            buf_append_str(out, name);
        }
    }
    return STATUS_IS_OK;
}

/* A table's own LOCATION wins. Behind it stands the table's name, in a way that no name and no
 * token gives ('+' is escaped): no folder is that of two tables. */
static str part_template(const struct storage_def *storage, const struct table_part *part,
                         struct arena *arena)
{
    if (part->table->location.n > 0) {
        return arena_format(arena, STR_FMT "/{namespace}+{tableName}", STR(part->table->location));
    }
    bool is_shared = part->table->kind == TABLE_SHARED;
    str text = storage == NULL ? str_of(NULL, 0)
               : is_shared     ? storage->shared_template
                               : storage->user_template;
    if (text.n > 0) {
        return text;
    }
    return is_shared ? STR_LIT("{namespace}/{tableName}")
                     : STR_LIT("{namespace}/{tableName}/{userId}");
}

status segment_directory(struct store *store, const struct catalog_snapshot *snapshot,
                         const struct table_part *part, struct arena *arena, str *out,
                         struct error *err)
{
    const struct storage_def *storage = snapshot_find_storage(snapshot, part->table->storage_id);
    struct buf filled;
    struct buf path;
    buf_init(&filled);
    buf_init(&path);
    str root = str_from(store->cold_root);
    str base = storage != NULL && storage->base_directory.n > 0 ? storage->base_directory : root;
    while (base.n > 0 && base.p[base.n - 1] == '/') {
        base.n--;
    }
    append_template(&filled, part_template(storage, part, arena), part);
    buf_append_str(&path, base);
    status result = append_clean(&path, buf_str(&filled), err);
    if (status_ok(result) && path.n > SEGMENT_DIRECTORY_BYTES_MAX) {
        result =
            error_set(err, ERROR_LIMIT, "a folder of segments with a path of %zu bytes", path.n);
    }
    if (status_ok(result)) {
        str whole = buf_str(&path);
        bool is_below =
            whole.n > root.n + 1 && str_starts_with(whole, root) && whole.p[root.n] == '/';
        *out = arena_copy(arena, is_below ? str_skip(whole, root.n + 1) : whole);
    }
    buf_release(&path);
    buf_release(&filled);
    return result;
}

str segment_directory_path(struct store *store, str directory, struct arena *arena)
{
    if (directory.n > 0 && directory.p[0] == '/') {
        return arena_copy(arena, directory);
    }
    return arena_format(arena, "%s/" STR_FMT, store->cold_root, STR(directory));
}

str segment_path(struct store *store, str directory, uint64_t number, struct arena *arena)
{
    str folder = segment_directory_path(store, directory, arena);
    return arena_format(arena, STR_FMT "/%s%llu%s", STR(folder), segment_prefix,
                        (unsigned long long)number, segment_suffix);
}

bool segment_parse_name(str name, uint64_t *number)
{
    str prefix = str_from(segment_prefix);
    str suffix = str_from(segment_suffix);
    if (name.n <= prefix.n + suffix.n || !str_starts_with(name, prefix) ||
        !str_ends_with(name, suffix)) {
        return false;
    }
    str digits = str_slice(name, prefix.n, name.n - suffix.n);
    for (size_t i = 0; i < digits.n; i++) {
        if (digits.p[i] < '0' || digits.p[i] > '9') {
            return false;
        }
    }
    return str_to_u64(digits, number);
}

static status visit_name(void *context, const char *name, bool is_dir, struct error *err)
{
    (void)err;
    uint64_t *next = context;
    uint64_t number = 0;
    if (!is_dir && segment_parse_name(str_from(name), &number) && number >= *next) {
        *next = number + 1;
    }
    return STATUS_IS_OK;
}

status segment_next_free(struct store *store, const char *path, uint64_t *number, struct error *err)
{
    const struct cold_files *files = store->options.files;
    *number = 0;
    return files->list(files->context, path, visit_name, number, err);
}

/* -- checking ------------------------------------------------------------------------------------
 */

void segment_note_verified(struct store *store, str path)
{
    lock_take(&store->shelf.lock);
    (void)map_put(&store->shelf.verified, path, &store->shelf);
    lock_give(&store->shelf.lock);
}

static bool is_verified(struct store *store, str path)
{
    lock_take(&store->shelf.lock);
    bool result = map_find(&store->shelf.verified, path) != NULL;
    lock_give(&store->shelf.lock);
    return result;
}

static void forget_verified(struct store *store, str path)
{
    lock_take(&store->shelf.lock);
    (void)map_remove(&store->shelf.verified, path);
    lock_give(&store->shelf.lock);
}

status segment_verify(struct store *store, const struct segment *segment, str path,
                      struct error *err)
{
    if (is_verified(store, path)) {
        return STATUS_IS_OK;
    }
    const struct cold_files *files = store->options.files;
    hash128 found = {0};
    uint64_t bytes = 0;
    status result = files->checksum(files->context, path.p, &found, &bytes, err);
    if (result.code == STATUS_NOT_FOUND) { /* the manifest names it: somebody took it away */
        return error_set(err, ERROR_CORRUPT, "segment batch-%llu.parquet is missing",
                         (unsigned long long)segment->number);
    }
    if (!status_ok(result)) {
        return result;
    }
    if (bytes != segment->bytes || found.low != segment->checksum.low ||
        found.high != segment->checksum.high) {
        return error_set(err, ERROR_CORRUPT,
                         "segment batch-%llu.parquet does not have its checksum",
                         (unsigned long long)segment->number);
    }
    segment_note_verified(store, path);
    return STATUS_IS_OK;
}

/* -- removing ------------------------------------------------------------------------------------
 */

static void unlink_logged(struct store *store, const char *path)
{
    const struct cold_files *files = store->options.files;
    struct error err;
    error_clear(&err);
    forget_verified(store, str_from(path));
    if (!status_ok(files->unlink(files->context, path, &err))) {
        log_warn("store", "unlink_failed", "error=\"%s\"", err.text);
    }
}

void segment_discard(struct store *store, str path)
{
    unlink_logged(store, path.p);
}

void segment_retire(struct store *store, str path)
{
    struct segment_shelf *shelf = &store->shelf;
    struct retired_file *file = mem_alloc(sizeof *file + path.n + 1);
    file->next = NULL;
    file->view_number = MUTANT(UNLINK_IGNORES_VIEWS) ? 0 : kv_view_next_number(store->options.kv);
    memcpy(file->path, path.p, path.n);
    file->path[path.n] = '\0';
    lock_take(&shelf->lock);
    *shelf->retired_end = file;
    shelf->retired_end = &file->next;
    shelf->retired_count++;
    lock_give(&shelf->lock);
}

/* The oldest retired file whose views are all closed, taken off the list; NULL: none. */
static struct retired_file *take_retired(struct segment_shelf *shelf, uint64_t oldest_view)
{
    lock_take(&shelf->lock);
    struct retired_file *file = shelf->retired;
    if (file != NULL && file->view_number > oldest_view) {
        file = NULL;
    }
    if (file != NULL) {
        shelf->retired = file->next;
        shelf->retired_count--;
        if (shelf->retired == NULL) {
            shelf->retired_end = &shelf->retired;
        }
    }
    lock_give(&shelf->lock);
    return file;
}

size_t store_drain_files(struct store *store)
{
    uint64_t oldest_view = kv_views_oldest(store->options.kv);
    size_t count = 0;
    struct retired_file *file = NULL;
    while ((file = take_retired(&store->shelf, oldest_view)) != NULL) {
        FAULT_POINT("compact.before_unlink");
        unlink_logged(store, file->path);
        mem_free(file);
        count++;
    }
    return count;
}

size_t store_retired_count(struct store *store)
{
    lock_take(&store->shelf.lock);
    size_t count = store->shelf.retired_count;
    lock_give(&store->shelf.lock);
    return count;
}
