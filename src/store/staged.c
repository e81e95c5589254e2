/* store/staged.c -- see staged.h. */
#include "store/staged.h"
#include "base/check.h"
#include "base/map.h"
#include "store/store_private.h"
#include "store/unique.h"

struct staged_table {
    struct table_part part;
    struct schema *schema; /* counted; of the first staged row */
    struct map rows;       /* encoded key -> staged_row */
    struct staged_table *next;
};

struct staged {
    struct store *store;
    struct kv_view *view;
    struct arena arena;
    struct staged_table *tables;
    struct staged_version **versions; /* in the order of staging */
    size_t version_count;
    size_t version_capacity;
    uint64_t next_seq;
    uint64_t bytes;
    struct buf key;
};

struct staged *staged_create(struct store *store, struct kv_view *view)
{
    struct staged *staged = mem_alloc_zeroed(sizeof *staged);
    staged->store = store;
    staged->view = view;
    staged->next_seq = STAGED_SEQ_FIRST;
    arena_init(&staged->arena);
    buf_init(&staged->key);
    return staged;
}

void staged_destroy(struct staged *staged)
{
    if (staged == NULL) {
        return;
    }
    for (struct staged_table *t = staged->tables; t != NULL; t = t->next) {
        schema_give(t->schema);
        map_release(&t->rows);
    }
    mem_free(staged->versions);
    buf_release(&staged->key);
    arena_release(&staged->arena);
    mem_free(staged);
}

/* -- staging -------------------------------------------------------------------------------------
 */

static struct staged_table *find_table(const struct staged *staged, const struct table_part *part)
{
    struct staged_table *t = staged->tables;
    while (t != NULL &&
           (t->part.table->id.v != part->table->id.v || !str_eq(t->part.prefix, part->prefix))) {
        t = t->next;
    }
    return t;
}

static status take_table(struct staged *staged, const struct row_write_table *from,
                         struct staged_table **out, struct error *err)
{
    if (from->part.table->kind == TABLE_STREAM) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "stream tables are not supported inside explicit transactions");
    }
    struct staged_table *t = find_table(staged, &from->part);
    if (t == NULL) {
        t = ARENA_NEW(&staged->arena, struct staged_table);
        t->part = from->part;
        t->schema = schema_take(from->schema);
        map_init(&t->rows);
        t->next = staged->tables;
        staged->tables = t;
    }
    *out = t;
    return t->schema->version == from->schema->version
               ? STATUS_IS_OK
               : error_set(err, ERROR_CONFLICT, "the table was altered during the transaction");
}

/* The row of a key, with what the view has of it. */
static status take_row(struct staged *staged, struct staged_table *table, str key,
                       struct staged_row **out, struct error *err)
{
    *out = map_find(&table->rows, key);
    if (*out != NULL) {
        return STATUS_IS_OK;
    }
    str value = {0};
    bool found = false;
    TRY(kv_get(staged->store->options.kv, staged->view, KV_KEY_INDEX,
               part_key(&staged->key, &table->part, KEY_INDEX, key), KV_MAY_BLOCK, &staged->arena,
               &value, &found, err));
    struct key_entry entry = {0};
    if (found) {
        TRY(key_entry_decode(value, &entry, err));
    }
    struct staged_row *row = ARENA_NEW(&staged->arena, struct staged_row);
    *row = (struct staged_row){.key = arena_copy(&staged->arena, key),
                               .base_seq = entry.seq,
                               .base_is_live = found && !entry.is_deleted};
    (void)map_put(&table->rows, row->key, row);
    *out = row;
    return STATUS_IS_OK;
}

static struct row_found found_of(const struct staged_row *row)
{
    const struct staged_version *newest = row->newest;
    if (newest != NULL) {
        return (struct row_found){
            .exists = true, .is_live = !staged_is_deleted(newest), .seq = newest->op->seq};
    }
    return (struct row_found){
        .exists = row->base_seq != 0, .is_live = row->base_is_live, .seq = row->base_seq};
}

static status stage_op(struct staged *staged, struct staged_table *table,
                       const struct row_write_table *from, struct row_op *op, uint64_t first_seq,
                       int64_t now_us, struct error *err)
{
    struct staged_row *row = NULL;
    TRY(take_row(staged, table, op->key, &row, err));
    struct row_found found = found_of(row);
    TRY(row_op_check(from, op, &found, first_seq, err));
    op->seq = staged->next_seq++;
    op->old_seq = found.exists ? found.seq : 0;
    op->was_live = found.is_live;
    row_op_set_updated(op, now_us);
    struct staged_version *version = ARENA_NEW(&staged->arena, struct staged_version);
    *version = (struct staged_version){.row = row, .older = row->newest, .op = op};
    row->newest = version;
    row->oldest = row->oldest != NULL ? row->oldest : version;
    staged->versions = mem_grow(staged->versions, &staged->version_capacity,
                                staged->version_count + 1, sizeof *staged->versions);
    staged->versions[staged->version_count++] = version;
    return STATUS_IS_OK;
}

static status stage_table(struct staged *staged, struct row_write_table *from, int64_t now_us,
                          struct error *err)
{
    struct staged_table *table = NULL;
    TRY(take_table(staged, from, &table, err));
    uint64_t first_seq = staged->next_seq;
    for (size_t i = 0; i < from->op_count; i++) {
        TRY(stage_op(staged, table, from, &from->ops[i], first_seq, now_us, err));
    }
    return STATUS_IS_OK;
}

status staged_add(struct staged *staged, struct row_write *write, int64_t now_us, struct error *err)
{
    size_t mark = staged_mark(staged);
    status result = STATUS_IS_OK;
    for (struct row_write_table *t = write->tables; t != NULL && status_ok(result); t = t->next) {
        result = stage_table(staged, t, now_us, err);
    }
    staged->bytes += row_write_bytes(write);
    if (!status_ok(result)) {
        staged_rollback(staged, mark);
    }
    return result;
}

size_t staged_mark(const struct staged *staged)
{
    return staged->version_count;
}

void staged_rollback(struct staged *staged, size_t mark)
{
    CHECK(mark <= staged->version_count);
    while (staged->version_count > mark) {
        struct staged_version *version = staged->versions[--staged->version_count];
        struct staged_row *row = version->row;
        row->newest = version->older;
        row->oldest = row->newest != NULL ? row->oldest : NULL;
    }
}

/* -- reading -------------------------------------------------------------------------------------
 */

const struct staged_table *staged_find_table(const struct staged *staged,
                                             const struct table_part *part)
{
    return find_table(staged, part);
}

const struct staged_version *staged_find(const struct staged_table *table, str key)
{
    const struct staged_row *row = map_find(&table->rows, key);
    return row != NULL ? row->newest : NULL;
}

static bool has_value(const struct staged_table *table, const struct row_op *op, uint32_t column_id,
                      str value_key)
{
    unsigned count = unique_count(table->schema);
    for (unsigned i = 0; i < count; i++) {
        const struct row_unique *unique = &op->unique[i];
        if (table->schema->columns[unique->column].id == column_id && unique->has_new &&
            str_eq(unique->new_key, value_key)) {
            return true;
        }
    }
    return false;
}

bool staged_find_unique(const struct staged_table *table, uint32_t column_id, str value_key,
                        str *owner_key)
{
    size_t position = 0;
    str key;
    void *value = NULL;
    while (map_next(&table->rows, &position, &key, &value)) {
        const struct staged_row *row = value;
        if (row->newest != NULL && !staged_is_deleted(row->newest) &&
            has_value(table, row->newest->op, column_id, value_key)) {
            *owner_key = row->key;
            return true;
        }
    }
    return false;
}

size_t staged_row_count(const struct staged_table *table)
{
    return table->rows.count;
}

static int by_op_seq(const void *a, const void *b)
{
    const struct staged_version *x = *(const struct staged_version *const *)a;
    const struct staged_version *y = *(const struct staged_version *const *)b;
    return x->op->seq < y->op->seq ? -1 : x->op->seq > y->op->seq;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

const struct staged_version **staged_versions(const struct staged_table *table, struct arena *arena,
                                              size_t *count)
{
    const struct staged_version **list =
        ARENA_ARRAY(arena, const struct staged_version *, table->rows.count + 1);
    *count = 0;
    size_t position = 0;
    str key;
    void *value = NULL;
    while (map_next(&table->rows, &position, &key, &value)) {
        const struct staged_row *row = value;
        if (row->newest != NULL) {
            list[(*count)++] = row->newest;
        }
    }
    qsort(list, *count, sizeof(const struct staged_version *), by_op_seq);
    return list;
}

const uint64_t *staged_superseded(const struct staged_table *table, struct arena *arena,
                                  size_t *count)
{
    uint64_t *list = ARENA_ARRAY(arena, uint64_t, table->rows.count + 1);
    *count = 0;
    size_t position = 0;
    str key;
    void *value = NULL;
    while (map_next(&table->rows, &position, &key, &value)) {
        const struct staged_row *row = value;
        if (row->newest != NULL && row->base_seq != 0) {
            list[(*count)++] = row->base_seq;
        }
    }
    qsort(list, *count, sizeof *list, by_number);
    return list;
}

/* -- COMMIT --------------------------------------------------------------------------------------
 */

/* The old side of the first op of a key and the new side of its last. */
static struct row_unique *net_unique(const struct staged_row *row, bool is_deleted, unsigned count,
                                     struct arena *arena)
{
    const struct row_unique *first = row->oldest->op->unique;
    const struct row_unique *last = row->newest->op->unique;
    struct row_unique *net = ARENA_ARRAY(arena, struct row_unique, count + 1);
    for (unsigned i = 0; i < count; i++) {
        net[i] = last[i];
        net[i].has_old = row->base_is_live && first[i].has_old;
        net[i].old_key = first[i].old_key;
        net[i].has_new = !is_deleted && last[i].has_new;
    }
    return net;
}

/* The one change from the version in the view to the newest staged one. False: there is none. */
static bool net_op(const struct staged_row *row, unsigned unique_count, struct arena *arena,
                   struct row_op *out)
{
    bool is_deleted = staged_is_deleted(row->newest);
    if (is_deleted && !row->base_is_live) {
        return false;
    }
    const struct row_op *first = row->oldest->op;
    *out = *row->newest->op;
    out->kind = is_deleted ? ROW_DELETE : row->base_is_live ? ROW_UPDATE : ROW_INSERT;
    out->expect_seq = row->base_is_live ? row->base_seq : 0;
    out->old_row = row->base_is_live ? first->old_row : str_of(NULL, 0);
    if (unique_count > 0) {
        out->unique = net_unique(row, is_deleted, unique_count, arena);
    }
    return true;
}

static status write_table(const struct staged_table *table, struct row_write *write,
                          struct error *err)
{
    size_t count = 0;
    const struct staged_version **versions = staged_versions(table, write->arena, &count);
    struct row_write_table *to = row_write_table(write, &table->part, table->schema);
    for (size_t i = 0; i < count; i++) {
        struct row_op op;
        if (net_op(versions[i]->row, to->unique_count, write->arena, &op)) {
            TRY(row_write_op(to, &op, err));
        }
    }
    return STATUS_IS_OK;
}

status staged_write(const struct staged *staged, struct row_write *write, struct error *err)
{
    for (const struct staged_table *t = staged->tables; t != NULL; t = t->next) {
        TRY(write_table(t, write, err));
    }
    return STATUS_IS_OK;
}

struct staged_statistics staged_statistics(const struct staged *staged)
{
    struct staged_statistics statistics = {.ops = staged->version_count, .bytes = staged->bytes};
    for (const struct staged_table *t = staged->tables; t != NULL; t = t->next) {
        statistics.tables++;
    }
    return statistics;
}
