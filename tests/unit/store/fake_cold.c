/* tests/unit/store/fake_cold.c -- see fake_cold.h. */
#include "fake_cold.h"
#include "base/check.h"
#include "model/limits.h"
#include "model/row.h"

struct fake_inode {
    unsigned refs;
    struct buf content;    /* rows: u64 seq, u32 bytes, row; or text */
    struct schema *schema; /* of its rows; NULL: text */
    bool is_synced;
};

/* -- names ---------------------------------------------------------------------------------------
 */

static void inode_give(struct fake_inode *inode)
{
    if (inode != NULL && --inode->refs == 0) {
        buf_release(&inode->content);
        schema_give(inode->schema);
        mem_free(inode);
    }
}

static struct fake_inode *inode_create(void)
{
    struct fake_inode *inode = mem_alloc_zeroed(sizeof *inode);
    inode->refs = 1;
    buf_init(&inode->content);
    return inode;
}

static struct fake_name *names_find(const struct fake_names *names, const char *path)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i].path, path) == 0) {
            return &names->items[i];
        }
    }
    return NULL;
}

static void names_remove(struct fake_names *names, const char *path)
{
    struct fake_name *name = names_find(names, path);
    if (name != NULL) {
        inode_give(name->inode);
        mem_free(name->path);
        *name = names->items[--names->count];
    }
}

static void names_set(struct fake_names *names, const char *path, struct fake_inode *inode)
{
    inode->refs++;
    names_remove(names, path);
    names->items = mem_grow(names->items, &names->capacity, names->count + 1, sizeof *names->items);
    names->items[names->count++] =
        (struct fake_name){.path = mem_copy(path, strlen(path) + 1), .inode = inode};
}

static void names_clear(struct fake_names *names)
{
    while (names->count > 0) {
        names_remove(names, names->items[0].path);
    }
    mem_free(names->items);
    *names = (struct fake_names){0};
}

static bool is_directly_in(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && path[n] == '/' && strchr(path + n + 1, '/') == NULL;
}

static bool fails(struct fake_cold *cold)
{
    return cold->fail_in > 0 && --cold->fail_in == 0;
}

#define FAIL_OR_GO(cold, err)                                                                      \
    do {                                                                                           \
        if (fails(cold)) {                                                                         \
            lock_give(&(cold)->lock);                                                              \
            return error_set(err, ERROR_IO, "injected");                                           \
        }                                                                                          \
    } while (0)

/* -- files ---------------------------------------------------------------------------------------
 */

static status fake_make_dirs(void *context, const char *path, struct error *err)
{
    struct fake_cold *cold = context;
    (void)path;
    lock_take(&cold->lock);
    FAIL_OR_GO(cold, err);
    lock_give(&cold->lock);
    return STATUS_IS_OK;
}

static status fake_fsync_file(void *context, const char *path, struct error *err)
{
    struct fake_cold *cold = context;
    lock_take(&cold->lock);
    FAIL_OR_GO(cold, err);
    struct fake_name *name = names_find(&cold->now, path);
    if (name != NULL) {
        name->inode->is_synced = true;
    }
    lock_give(&cold->lock);
    return name != NULL ? STATUS_IS_OK : error_set(err, ERROR_NOT_FOUND, "no file to sync");
}

static status fake_rename(void *context, const char *from, const char *to, struct error *err)
{
    struct fake_cold *cold = context;
    lock_take(&cold->lock);
    FAIL_OR_GO(cold, err);
    struct fake_name *name = names_find(&cold->now, from);
    bool found = name != NULL;
    if (found) {
        CHECK(names_find(&cold->now, to) == NULL); /* a name is never used twice */
        names_set(&cold->now, to, name->inode);
        names_remove(&cold->now, from);
    }
    lock_give(&cold->lock);
    return found ? STATUS_IS_OK : error_set(err, ERROR_NOT_FOUND, "no file to rename");
}

static void sync_folder(struct fake_cold *cold, const char *folder)
{
    for (size_t i = 0; i < cold->durable.count;) {
        const char *path = cold->durable.items[i].path;
        if (is_directly_in(path, folder) && names_find(&cold->now, path) == NULL) {
            names_remove(&cold->durable, path);
        } else {
            i++;
        }
    }
    for (size_t i = 0; i < cold->now.count; i++) {
        if (is_directly_in(cold->now.items[i].path, folder)) {
            names_set(&cold->durable, cold->now.items[i].path, cold->now.items[i].inode);
        }
    }
}

static status fake_fsync_dir(void *context, const char *path, struct error *err)
{
    struct fake_cold *cold = context;
    lock_take(&cold->lock);
    FAIL_OR_GO(cold, err);
    sync_folder(cold, path);
    lock_give(&cold->lock);
    return STATUS_IS_OK;
}

static status fake_unlink(void *context, const char *path, struct error *err)
{
    struct fake_cold *cold = context;
    (void)err;
    lock_take(&cold->lock);
    if (!cold->is_cut_off) {
        names_remove(&cold->now, path);
    }
    lock_give(&cold->lock);
    return STATUS_IS_OK;
}

static status fake_remove_dir(void *context, const char *path, struct error *err)
{
    (void)context;
    (void)path;
    (void)err;
    return STATUS_IS_OK; /* folders are made of the paths in them */
}

/* What a folder has, as a list of its own: `visit` may change the folder. */
static status fake_list(void *context, const char *path, fs_visit_fn *visit, void *visit_context,
                        struct error *err)
{
    struct fake_cold *cold = context;
    struct arena arena;
    arena_init(&arena);
    lock_take(&cold->lock);
    if (fails(cold)) {
        lock_give(&cold->lock);
        return error_set(err, ERROR_IO, "injected");
    }
    const char **names = ARENA_ARRAY(&arena, const char *, cold->now.count + 1);
    bool *are_dirs = ARENA_ARRAY(&arena, bool, cold->now.count + 1);
    size_t count = 0;
    size_t n = strlen(path);
    for (size_t i = 0; i < cold->now.count; i++) {
        const char *at = cold->now.items[i].path;
        if (strncmp(at, path, n) != 0 || at[n] != '/') {
            continue;
        }
        const char *slash = strchr(at + n + 1, '/');
        size_t bytes = slash != NULL ? (size_t)(slash - at) - n - 1 : strlen(at) - n - 1;
        const char *name = str_cstr(&arena, str_of(at + n + 1, bytes));
        bool is_known = false;
        for (size_t k = 0; k < count; k++) {
            is_known = is_known || strcmp(names[k], name) == 0;
        }
        if (!is_known) {
            names[count] = name;
            are_dirs[count++] = slash != NULL;
        }
    }
    lock_give(&cold->lock);
    status result = STATUS_IS_OK;
    for (size_t i = 0; i < count && status_ok(result); i++) {
        result = visit(visit_context, names[i], are_dirs[i], err);
    }
    arena_release(&arena);
    return result;
}

static void put_text(struct fake_cold *cold, const char *path, str content)
{
    struct fake_inode *inode = inode_create();
    buf_append_str(&inode->content, content);
    inode->is_synced = true;
    names_set(&cold->now, path, inode);
    names_set(&cold->durable, path, inode);
    inode_give(inode);
}

static status fake_write_durable(void *context, const char *path, str content, struct error *err)
{
    struct fake_cold *cold = context;
    lock_take(&cold->lock);
    FAIL_OR_GO(cold, err);
    put_text(cold, path, content);
    char *folder = mem_copy(path, strlen(path) + 1);
    *strrchr(folder, '/') = '\0';
    sync_folder(cold, folder);
    mem_free(folder);
    lock_give(&cold->lock);
    return STATUS_IS_OK;
}

static status fake_checksum(void *context, const char *path, hash128 *checksum, uint64_t *bytes,
                            struct error *err)
{
    struct fake_cold *cold = context;
    lock_take(&cold->lock);
    FAIL_OR_GO(cold, err);
    struct fake_name *name = names_find(&cold->now, path);
    if (name != NULL) {
        *checksum = hash128_bytes(buf_str(&name->inode->content));
        *bytes = name->inode->content.n;
    }
    lock_give(&cold->lock);
    return name != NULL
               ? STATUS_IS_OK
               : error_set(err, ERROR_NOT_FOUND, "no file to check: %s", strrchr(path, '/') + 1);
}

/* -- engine --------------------------------------------------------------------------------------
 */

static void append_rows(struct fake_inode *inode, const struct batch *batch,
                        const struct schema *schema, struct value *values)
{
    for (unsigned row = 0; row < batch->row_count; row++) {
        for (unsigned c = 0; c < schema->column_count; c++) {
            values[c] = batch_get(batch, c, row);
        }
        unsigned at = schema->column_count;
        struct buf bytes;
        buf_init(&bytes);
        struct error err;
        status result = row_encode(&bytes, schema, values, batch_get(batch, at + 2, row).as.boolean,
                                   batch_get(batch, at + 1, row).as.integer, &err);
        CHECK(status_ok(result));
        buf_append_u64le(&inode->content, (uint64_t)batch_get(batch, at, row).as.integer);
        buf_append_u32le(&inode->content, (uint32_t)bytes.n);
        buf_append_str(&inode->content, buf_str(&bytes));
        buf_release(&bytes);
    }
}

static struct batch *make_batch(const struct schema *schema)
{
    struct type types[64];
    CHECK(schema->column_count + 3 <= 64);
    for (unsigned i = 0; i < schema->column_count; i++) {
        types[i] = schema->columns[i].type;
    }
    for (unsigned i = 0; i < 3; i++) {
        types[schema->column_count + i] = system_column_type((enum system_column)i);
    }
    return batch_create(types, schema->column_count + 3);
}

static status fake_write(void *context, struct cold_slot slot, const char *path,
                         const struct schema *schema, const struct duck_source *source,
                         struct arena *arena, struct cold_written *out, struct error *err)
{
    struct fake_cold *cold = context;
    (void)slot;
    struct fake_inode *inode = inode_create();
    union {
        const struct schema *in;
        struct schema *out;
    } shared = {.in = schema}; /* counting a schema does not change it */
    inode->schema = schema_take(shared.out);
    buf_append_byte(&inode->content, 'F');
    struct batch *batch = make_batch(schema);
    struct value *values = mem_alloc(schema->column_count * sizeof *values);
    bool done = false;
    status result = STATUS_IS_OK;
    uint64_t rows = 0;
    while (status_ok(result) && !done) {
        batch_reset(batch);
        result = source->next(source->state, batch, &done, err);
        if (status_ok(result)) {
            append_rows(inode, batch, schema, values);
            rows += batch->row_count;
        }
    }
    source->close(source->state);
    mem_free(values);
    batch_destroy(batch);
    lock_take(&cold->lock);
    if (status_ok(result) && fails(cold)) {
        result = error_set(err, ERROR_IO, "injected");
    }
    names_set(&cold->now, path, inode); /* after an error a torn file is left */
    inode_give(inode);
    cold->writes++;
    lock_give(&cold->lock);
    *out = (struct cold_written){.rows = rows, .stats = arena_copy(arena, STR_LIT("{}"))};
    return result;
}

struct fake_source {
    struct fake_inode **inodes;
    unsigned count;
    unsigned at;
    struct reader reader;
    const struct schema *schema;
    uint64_t after;
    uint64_t to;
    struct fake_cold *cold;
    struct arena arena;
    struct value *values;
};

static void open_at(struct fake_source *s)
{
    s->reader = s->at < s->count ? reader_from(str_skip(buf_str(&s->inodes[s->at]->content), 1))
                                 : reader_from(str_of(NULL, 0));
}

static status add_row(struct fake_source *s, struct batch *batch, uint64_t seq, str bytes,
                      struct error *err)
{
    struct row row;
    TRY(row_open(&row, s->inodes[s->at]->schema, bytes, err));
    TRY(row_project(&row, s->schema, &s->arena, s->values, err));
    unsigned at = s->schema->column_count;
    for (unsigned c = 0; c < at; c++) {
        batch_set(batch, c, batch->row_count, &s->values[c]);
    }
    const struct value seq_value = value_int(TYPE_BIGINT, (int64_t)seq);
    const struct value updated = value_int(TYPE_TIMESTAMP, row.updated_us);
    const struct value deleted = value_bool(row.is_tombstone);
    batch_set(batch, at, batch->row_count, &seq_value);
    batch_set(batch, at + 1, batch->row_count, &updated);
    batch_set(batch, at + 2, batch->row_count, &deleted);
    batch->row_count++;
    return STATUS_IS_OK;
}

static status fake_next(void *state, struct batch *batch, bool *done, struct error *err)
{
    struct fake_source *s = state;
    while (s->at < s->count && batch->row_count < LIMIT_BATCH_ROWS) {
        if (reader_left(&s->reader) == 0) {
            s->at++;
            open_at(s);
            continue;
        }
        uint64_t seq = reader_u64le(&s->reader);
        str bytes = reader_bytes(&s->reader, reader_u32le(&s->reader));
        if (!reader_ok(&s->reader)) {
            return error_set(err, ERROR_CORRUPT, "a torn fake segment");
        }
        if (seq > s->after && seq <= s->to) {
            TRY(add_row(s, batch, seq, bytes, err));
        }
    }
    *done = s->at == s->count;
    return STATUS_IS_OK;
}

static void fake_close(void *state)
{
    struct fake_source *s = state;
    lock_take(&s->cold->lock);
    for (unsigned i = 0; i < s->count; i++) {
        inode_give(s->inodes[i]);
    }
    lock_give(&s->cold->lock);
    arena_release(&s->arena);
    mem_free(s->inodes);
    mem_free(s->values);
    mem_free(s);
}

static status fake_read(void *context, struct cold_slot slot, const struct cold_segment_read *read,
                        struct duck_source *out, struct error *err)
{
    struct fake_cold *cold = context;
    (void)slot;
    struct fake_source *s = mem_alloc_zeroed(sizeof *s);
    arena_init(&s->arena);
    s->cold = cold;
    s->schema = read->schema;
    s->after = read->seq_after;
    s->to = read->seq_to;
    s->values = mem_alloc(read->schema->column_count * sizeof *s->values);
    s->inodes = mem_alloc_zeroed(read->path_count * sizeof *s->inodes);
    bool is_missing = false;
    lock_take(&cold->lock);
    for (unsigned i = 0; i < read->path_count; i++) {
        char path[4096];
        (void)snprintf(path, sizeof path, STR_FMT, STR(read->paths[i]));
        struct fake_name *name = names_find(&cold->now, path);
        is_missing = is_missing || name == NULL;
        if (name != NULL) {
            name->inode->refs++;
            s->inodes[s->count++] = name->inode;
        }
    }
    lock_give(&cold->lock);
    if (is_missing) {
        fake_close(s);
        return error_set(err, ERROR_NOT_FOUND, "a segment file is gone");
    }
    open_at(s);
    *out = (struct duck_source){.state = s, .next = fake_next, .close = fake_close};
    return STATUS_IS_OK;
}

static status fake_point(void *context, struct cold_slot slot, const struct schema *schema,
                         str path, uint64_t seq, struct arena *arena, struct value *values,
                         bool *found, struct error *err)
{
    const struct cold_segment_read read = {
        .schema = schema, .paths = &path, .path_count = 1, .seq_after = seq - 1, .seq_to = seq};
    struct duck_source source;
    TRY(fake_read(context, slot, &read, &source, err));
    struct batch *batch = make_batch(schema);
    bool done = false;
    status result = source.next(source.state, batch, &done, err);
    *found = status_ok(result) && batch->row_count == 1;
    for (unsigned c = 0; *found && c < batch->column_count; c++) {
        const struct value v = batch_get(batch, c, 0);
        values[c] = value_copy(arena, &v);
    }
    batch_destroy(batch);
    source.close(source.state);
    return result;
}

/* -- the test's side -----------------------------------------------------------------------------
 */

void fake_cold_init(struct fake_cold *cold)
{
    *cold = (struct fake_cold){
        .engine = {.context = cold,
                   .write_parquet = fake_write,
                   .read_segments = fake_read,
                   .point_read = fake_point},
        .files = {.context = cold,
                  .make_dirs = fake_make_dirs,
                  .fsync_file = fake_fsync_file,
                  .rename = fake_rename,
                  .fsync_dir = fake_fsync_dir,
                  .unlink = fake_unlink,
                  .remove_dir = fake_remove_dir,
                  .list = fake_list,
                  .write_durable = fake_write_durable,
                  .checksum = fake_checksum},
    };
    lock_init(&cold->lock, LOCK_TEST);
}

void fake_cold_release(struct fake_cold *cold)
{
    names_clear(&cold->now);
    names_clear(&cold->durable);
    lock_release(&cold->lock);
}

static void cut_name(struct fake_cold *cold, const char *path, struct rng *rng,
                     struct fake_names *after)
{
    if (names_find(after, path) != NULL) {
        return;
    }
    const struct fake_name *old = names_find(&cold->durable, path);
    const struct fake_name *new = names_find(&cold->now, path);
    const struct fake_name *chosen = rng_below(rng, 2) == 0 ? old : new;
    if (chosen != NULL) {
        names_set(after, path, chosen->inode);
    }
}

static void tear(struct fake_inode *inode, struct rng *rng)
{
    if (inode->is_synced) {
        return;
    }
    inode->content.n = (size_t)rng_below(rng, inode->content.n + 1);
    if (inode->content.n > 0) {
        inode->content.p[rng_below(rng, inode->content.n)] ^= 0x55;
    }
    inode->is_synced = true;
}

void fake_cold_power_cut(struct fake_cold *cold, struct rng *rng)
{
    lock_take(&cold->lock);
    struct fake_names after = {0};
    for (size_t i = 0; i < cold->now.count; i++) {
        cut_name(cold, cold->now.items[i].path, rng, &after);
    }
    for (size_t i = 0; i < cold->durable.count; i++) {
        cut_name(cold, cold->durable.items[i].path, rng, &after);
    }
    names_clear(&cold->now);
    names_clear(&cold->durable);
    for (size_t i = 0; i < after.count; i++) {
        tear(after.items[i].inode, rng);
        names_set(&cold->durable, after.items[i].path, after.items[i].inode);
    }
    cold->now = after;
    lock_give(&cold->lock);
}

bool fake_cold_exists(struct fake_cold *cold, const char *path)
{
    lock_take(&cold->lock);
    bool result = names_find(&cold->now, path) != NULL;
    lock_give(&cold->lock);
    return result;
}

unsigned fake_cold_count(struct fake_cold *cold, const char *suffix)
{
    unsigned count = 0;
    lock_take(&cold->lock);
    for (size_t i = 0; i < cold->now.count; i++) {
        count += str_ends_with(str_from(cold->now.items[i].path), str_from(suffix)) ? 1 : 0;
    }
    lock_give(&cold->lock);
    return count;
}

void fake_cold_damage(struct fake_cold *cold, const char *path)
{
    lock_take(&cold->lock);
    struct fake_name *name = names_find(&cold->now, path);
    CHECK(name != NULL && name->inode->content.n > 0);
    name->inode->content.p[name->inode->content.n / 2] ^= 1;
    lock_give(&cold->lock);
}

void fake_cold_put(struct fake_cold *cold, const char *path)
{
    lock_take(&cold->lock);
    put_text(cold, path, STR_LIT("stray"));
    lock_give(&cold->lock);
}

str fake_cold_content(struct fake_cold *cold, const char *path, struct arena *arena)
{
    lock_take(&cold->lock);
    struct fake_name *name = names_find(&cold->now, path);
    str content =
        name != NULL ? arena_copy(arena, buf_str(&name->inode->content)) : str_of(NULL, 0);
    lock_give(&cold->lock);
    return content;
}
