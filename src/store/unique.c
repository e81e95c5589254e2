/* store/unique.c -- see unique.h. */
#include "store/unique.h"
#include "model/key.h"
#include "store/commit_part.h"
#include "store/read.h"
#include "store/store_private.h"

unsigned unique_count(const struct schema *schema)
{
    unsigned count = 0;
    for (unsigned i = 0; i < schema->column_count; i++) {
        count += schema->columns[i].is_unique ? 1 : 0;
    }
    return count;
}

/* -- preparing -----------------------------------------------------------------------------------
 */

static status value_key(const struct column *c, const struct value *v, struct buf *scratch,
                        struct arena *arena, bool *has, str *out, struct error *err)
{
    *has = v != NULL && !v->is_null;
    if (!*has) {
        return STATUS_IS_OK;
    }
    buf_clear(scratch);
    struct error why;
    error_clear(&why);
    if (!status_ok(key_encode(scratch, v, &why))) {
        return error_set(err, why.id, "UNIQUE column '" STR_FMT "': %s", STR(c->name), why.text);
    }
    *out = arena_copy(arena, buf_str(scratch));
    return STATUS_IS_OK;
}

status unique_make(const struct schema *schema, const struct value *old_values,
                   const struct value *new_values, struct buf *scratch, struct arena *arena,
                   struct row_unique **out, struct error *err)
{
    struct row_unique *unique = ARENA_ARRAY(arena, struct row_unique, unique_count(schema) + 1);
    unsigned n = 0;
    for (unsigned i = 0; i < schema->column_count; i++) {
        const struct column *c = &schema->columns[i];
        if (!c->is_unique) {
            continue;
        }
        struct row_unique *u = &unique[n++];
        u->column = i;
        TRY(value_key(c, old_values != NULL ? &old_values[i] : NULL, scratch, arena, &u->has_old,
                      &u->old_key, err));
        TRY(value_key(c, new_values != NULL ? &new_values[i] : NULL, scratch, arena, &u->has_new,
                      &u->new_key, err));
    }
    *out = unique;
    return STATUS_IS_OK;
}

size_t unique_bytes(const struct row_unique *unique, unsigned count)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < count; i++) {
        bytes += unique[i].old_key.n + unique[i].new_key.n;
    }
    return bytes;
}

bool unique_is_kept(const struct row_unique *unique)
{
    return unique->has_old && unique->has_new && str_eq(unique->old_key, unique->new_key);
}

/* -- on the committer's thread -------------------------------------------------------------------
 */

/* Who has the value, live or not. `rest` gets the rest of the key. */
static status find_entry(struct part_txn *p, uint32_t column_id, str key, struct buf *rest,
                         bool *found, str *owner, struct error *err)
{
    str value = {0};
    TRY(part_get(p, KEY_UNIQUE, key_unique_rest(rest, column_id, key), &value, found, err));
    return *found ? unique_entry_decode(value, owner, err) : STATUS_IS_OK;
}

static status free_one(struct part_txn *p, uint32_t column_id, str key, str value, struct buf *rest,
                       struct error *err)
{
    bool found = false;
    str owner = {0};
    TRY(find_entry(p, column_id, value, rest, &found, &owner, err));
    if (found && str_eq(owner, key)) { /* else another row took it: it was free */
        part_delete(p, KEY_UNIQUE, buf_str(rest));
    }
    return STATUS_IS_OK;
}

status unique_free(struct part_txn *p, const struct schema *schema, str key,
                   const struct row_unique *unique, unsigned count, struct error *err)
{
    struct buf rest;
    buf_init(&rest);
    status result = STATUS_IS_OK;
    for (unsigned i = 0; i < count && status_ok(result); i++) {
        const struct row_unique *u = &unique[i];
        if (u->has_old && !unique_is_kept(u)) {
            result = free_one(p, schema->columns[u->column].id, key, u->old_key, &rest, err);
        }
    }
    buf_release(&rest);
    return result;
}

/* *taken_seq: 0 when the row may have the value. */
static status take_one(struct part_txn *p, uint32_t column_id, str key, str value, struct buf *rest,
                       uint64_t *taken_seq, struct error *err)
{
    bool found = false;
    str owner = {0};
    *taken_seq = 0;
    TRY(find_entry(p, column_id, value, rest, &found, &owner, err));
    if (found && !str_eq(owner, key)) {
        struct key_entry entry = {0};
        TRY(part_find_key(p, owner, &entry, &found, err));
        if (found && !entry.is_deleted) {
            *taken_seq = entry.seq;
            return STATUS_IS_OK;
        }
    }
    struct buf bytes;
    buf_init(&bytes);
    unique_entry_encode(&bytes, key);
    part_put(p, KEY_UNIQUE, buf_str(rest), buf_str(&bytes));
    buf_release(&bytes);
    return STATUS_IS_OK;
}

status unique_take(struct part_txn *p, const struct schema *schema, str key,
                   const struct row_unique *unique, unsigned count, const struct row_unique **taken,
                   uint64_t *owner_seq, struct error *err)
{
    struct buf rest;
    buf_init(&rest);
    status result = STATUS_IS_OK;
    *taken = NULL;
    for (unsigned i = 0; i < count && status_ok(result) && *taken == NULL; i++) {
        const struct row_unique *u = &unique[i];
        if (!u->has_new || unique_is_kept(u)) {
            continue;
        }
        result = take_one(p, schema->columns[u->column].id, key, u->new_key, &rest, owner_seq, err);
        *taken = status_ok(result) && *owner_seq != 0 ? u : NULL;
    }
    buf_release(&rest);
    return status_ok(result) && *taken != NULL ? status_from(STATUS_CONSTRAINT) : result;
}

/* -- reading -------------------------------------------------------------------------------------
 */

status unique_find_entry(struct store *store, struct kv_view *view, const struct table_part *part,
                         uint32_t column_id, str value_key, enum kv_get_mode mode,
                         struct arena *arena, bool *found, str *owner_key, struct error *err)
{
    struct buf key;
    struct buf rest;
    buf_init(&key);
    buf_init(&rest);
    str value = {0};
    status result =
        kv_get(store->options.kv, view, KV_KEY_INDEX,
               part_key(&key, part, KEY_UNIQUE, key_unique_rest(&rest, column_id, value_key)), mode,
               arena, &value, found, err);
    buf_release(&rest);
    buf_release(&key);
    TRY(result);
    return *found ? unique_entry_decode(value, owner_key, err) : STATUS_IS_OK;
}

status table_find_unique(struct table_read *read, uint32_t column_id, str key,
                         enum kv_get_mode mode, bool *found, str *owner_key, struct error *err)
{
    if (read->staged != NULL && staged_find_unique(read->staged, column_id, key, owner_key)) {
        *found = true;
        return STATUS_IS_OK;
    }
    TRY(unique_find_entry(read->store, read->view, read->part, column_id, key, mode, read->arena,
                          found, owner_key, err));
    if (!*found) {
        return STATUS_IS_OK;
    }
    if (read->staged != NULL && staged_find(read->staged, *owner_key) != NULL) {
        *found = false; /* the transaction changed the owner, which gave the value up */
        return STATUS_IS_OK;
    }
    uint64_t seq = 0;
    bool is_deleted = false;
    TRY(table_find_key(read, *owner_key, mode, found, &seq, &is_deleted, err));
    *found = *found && !is_deleted;
    return STATUS_IS_OK;
}
