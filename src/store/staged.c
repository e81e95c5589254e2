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
    struct map owners;     /* UNIQUE constraint id, value -> the staged_row that took it last */
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
        map_release(&t->owners);
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
        map_init(&t->owners);
        t->next = staged->tables;
        staged->tables = t;
    }
    *out = t;
    return t->schema->version == from->schema->version
               ? STATUS_IS_OK
               : error_set(err, ERROR_CONFLICT, "the table was altered during the transaction");
}

/* What the view has of a key; seq 0: nothing. */
static status find_base(struct staged *staged, const struct staged_table *table, str key,
                        struct key_entry *out, struct error *err)
{
    str value = {0};
    bool found = false;
    *out = (struct key_entry){0};
    TRY(kv_get(staged->store->options.kv, staged->view, KV_KEY_INDEX,
               part_key(&staged->key, &table->part, KEY_INDEX, key), KV_MAY_BLOCK, &staged->arena,
               &value, &found, err));
    return found ? key_entry_decode(value, out, err) : STATUS_IS_OK;
}

/* The row of a key, with what the view has of it. */
static status take_row(struct staged *staged, struct staged_table *table, str key,
                       struct staged_row **out, struct error *err)
{
    *out = map_find(&table->rows, key);
    if (*out != NULL) {
        return STATUS_IS_OK;
    }
    struct key_entry entry;
    TRY(find_base(staged, table, key, &entry, err));
    struct staged_row *row = ARENA_NEW(&staged->arena, struct staged_row);
    *row = (struct staged_row){.key = arena_copy(&staged->arena, key),
                               .base_seq = entry.seq,
                               .base_is_live = entry.seq != 0 && !entry.is_deleted};
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
    *version = (struct staged_version){.table = table, .row = row, .older = row->newest, .op = op};
    row->newest = version;
    row->oldest = row->oldest != NULL ? row->oldest : version;
    staged->versions = mem_grow(staged->versions, &staged->version_capacity,
                                staged->version_count + 1, sizeof *staged->versions);
    staged->versions[staged->version_count++] = version;
    return STATUS_IS_OK;
}

static status stage_table(struct staged *staged, struct row_write_table *from, uint64_t first_seq,
                          int64_t now_us, struct error *err)
{
    struct staged_table *table = NULL;
    TRY(take_table(staged, from, &table, err));
    for (size_t i = 0; i < from->op_count; i++) {
        TRY(stage_op(staged, table, from, &from->ops[i], first_seq, now_us, err));
    }
    return STATUS_IS_OK;
}

/* -- UNIQUE values -------------------------------------------------------------------------------
 * Every live newest version is in `owners` under each of its values; an entry whose row has the
 * value no more says nothing. */

static bool has_value(const struct staged_table *table, const struct row_op *op, uint32_t unique_id,
                      str value_key)
{
    for (unsigned i = 0; i < table->schema->unique_count; i++) {
        const struct row_unique *unique = &op->unique[i];
        if (table->schema->uniques[unique->constraint].id == unique_id && unique->has_new &&
            str_eq(unique->new_key, value_key)) {
            return true;
        }
    }
    return false;
}

/* The staged live row that has the value; NULL: none. */
static struct staged_row *staged_owner(const struct staged_table *table, uint32_t unique_id,
                                       str value_key)
{
    struct buf rest;
    buf_init(&rest);
    struct staged_row *row = map_find(&table->owners, key_unique_rest(&rest, unique_id, value_key));
    buf_release(&rest);
    bool is_owner = row != NULL && row->newest != NULL && !staged_is_deleted(row->newest) &&
                    has_value(table, row->newest->op, unique_id, value_key);
    return is_owner ? row : NULL;
}

static void own_value(struct staged *staged, struct staged_table *table, struct staged_row *row,
                      const struct row_unique *unique)
{
    uint32_t unique_id = table->schema->uniques[unique->constraint].id;
    (void)map_put(&table->owners, key_unique_rest(&staged->key, unique_id, unique->new_key), row);
}

/* The newest version of another live row that has the value, in the view with the staged rows over
 * it; *seq is 0: there is none. */
static status find_other_owner(struct staged *staged, const struct staged_table *table,
                               const struct staged_row *row, const struct row_unique *unique,
                               uint64_t *seq, struct error *err)
{
    uint32_t unique_id = table->schema->uniques[unique->constraint].id;
    *seq = 0;
    const struct staged_row *owner = staged_owner(table, unique_id, unique->new_key);
    if (owner != NULL && owner != row) {
        *seq = owner->newest->op->seq;
        return STATUS_IS_OK;
    }
    bool found = false;
    str key = {0};
    TRY(unique_find_entry(staged->store, staged->view, &table->part, unique_id, unique->new_key,
                          KV_MAY_BLOCK, &staged->arena, &found, &key, err));
    if (!found || staged_find(table, key) != NULL) { /* a staged one gave it up */
        return STATUS_IS_OK;
    }
    struct key_entry entry;
    TRY(find_base(staged, table, key, &entry, err));
    *seq = entry.is_deleted ? 0 : entry.seq;
    return STATUS_IS_OK;
}

static status take_values(struct staged *staged, struct staged_table *table,
                          const struct row_write_table *from, const struct row_op *op,
                          uint64_t first_seq, struct error *err)
{
    struct staged_row *row = map_find(&table->rows, op->key);
    if (row->newest->op != op) { /* superseded within the statement */
        return STATUS_IS_OK;
    }
    for (unsigned i = 0; i < from->unique_count; i++) {
        const struct row_unique *unique = &op->unique[i];
        if (!unique->has_new) {
            continue;
        }
        uint64_t owner_seq = 0;
        if (!unique_is_kept(unique)) {
            TRY(find_other_owner(staged, table, row, unique, &owner_seq, err));
        }
        if (owner_seq != 0) {
            return row_op_taken(from, op, unique, owner_seq, first_seq, err);
        }
        own_value(staged, table, row, unique);
    }
    return STATUS_IS_OK;
}

/* The values of one table's rows, once every row of the statement gave up what it had. */
static status take_table_values(struct staged *staged, const struct row_write_table *from,
                                uint64_t first_seq, struct error *err)
{
    struct staged_table *table = find_table(staged, &from->part);
    for (size_t i = 0; i < from->op_count && from->unique_count > 0; i++) {
        TRY(take_values(staged, table, from, &from->ops[i], first_seq, err));
    }
    return STATUS_IS_OK;
}

/* A version of the row was rolled back: it has the values of the one before again. */
static void own_again(struct staged *staged, struct staged_version *undone)
{
    struct staged_row *row = undone->row;
    struct staged_table *table = undone->table;
    unsigned count = row->newest != NULL ? table->schema->unique_count : 0;
    for (unsigned i = 0; i < count; i++) {
        const struct row_unique *unique = &row->newest->op->unique[i];
        if (unique->has_new) {
            own_value(staged, table, row, unique);
        }
    }
}

/* -- adding and taking back ----------------------------------------------------------------------
 */

status staged_add(struct staged *staged, struct row_write *write, int64_t now_us, struct error *err)
{
    size_t mark = staged_mark(staged);
    uint64_t first_seq = staged->next_seq;
    status result = STATUS_IS_OK;
    for (struct row_write_table *t = write->tables; t != NULL && status_ok(result); t = t->next) {
        result = stage_table(staged, t, first_seq, now_us, err);
    }
    for (struct row_write_table *t = write->tables; t != NULL && status_ok(result); t = t->next) {
        result = take_table_values(staged, t, first_seq, err);
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
    size_t end = staged->version_count;
    CHECK(mark <= end);
    while (staged->version_count > mark) {
        struct staged_version *version = staged->versions[--staged->version_count];
        struct staged_row *row = version->row;
        row->newest = version->older;
        row->oldest = row->newest != NULL ? row->oldest : NULL;
    }
    for (size_t i = mark; i < end; i++) {
        own_again(staged, staged->versions[i]);
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

bool staged_find_unique(const struct staged_table *table, uint32_t unique_id, str value_key,
                        str *owner_key)
{
    const struct staged_row *row = staged_owner(table, unique_id, value_key);
    *owner_key = row != NULL ? row->key : *owner_key;
    return row != NULL;
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
