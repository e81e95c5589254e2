/* store/unique.c -- see unique.h. */
#include "store/unique.h"
#include "base/check.h"
#include "model/key.h"
#include "model/limits.h"
#include "store/commit_part.h"
#include "store/read.h"
#include "store/store_private.h"

/* -- values --------------------------------------------------------------------------------------
 * The value of one column is its key; of several their keys, each behind its length: nothing is
 * ever looked for but the whole. */

enum { LENGTH_BYTES = 2 };
static_assert(LIMIT_KEY_BYTES <= UINT16_MAX, "the length of a key fits its place");

void unique_append_columns(struct buf *out, const struct schema *schema,
                           const struct unique_constraint *constraint)
{
    if (constraint->column_count == 1) {
        buf_append_str(out, schema->columns[constraint->columns[0]].name);
        return;
    }
    for (unsigned i = 0; i < constraint->column_count; i++) {
        buf_append_c(out, i == 0 ? "(" : ", ");
        buf_append_str(out, schema->columns[constraint->columns[i]].name);
    }
    buf_append_byte(out, ')');
}

status unique_append_value(struct buf *out, const struct schema *schema,
                           const struct unique_constraint *constraint, str value_key,
                           struct error *err)
{
    bool is_set = constraint->column_count > 1;
    struct reader r = reader_from(value_key);
    for (unsigned i = 0; i < constraint->column_count; i++) {
        str key = is_set ? reader_bytes(&r, reader_u16le(&r)) : value_key;
        struct value value;
        if (!reader_ok(&r)) {
            return error_set(err, ERROR_CORRUPT, "a UNIQUE value cannot be read");
        }
        TRY(key_decode(key, schema->columns[constraint->columns[i]].type, &value, err));
        if (is_set) {
            buf_append_c(out, i == 0 ? "(" : ", ");
        }
        value_append_text(out, &value);
    }
    if (is_set) {
        buf_append_byte(out, ')');
    }
    return STATUS_IS_OK;
}

/* `why` with the name of the constraint. */
static status value_refused(const struct schema *schema, const struct unique_constraint *constraint,
                            const struct error *why, struct error *err)
{
    struct buf names;
    buf_init(&names);
    unique_append_columns(&names, schema, constraint);
    status result =
        error_set(err, why->id, "UNIQUE column%s '" STR_FMT "': %s",
                  constraint->column_count > 1 ? "s" : "", STR(buf_str(&names)), why->text);
    buf_release(&names);
    return result;
}

static status append_member(struct buf *out, const struct value *value, struct error *err)
{
    size_t at = out->n;
    char length[LENGTH_BYTES] = {0};
    buf_append_str(out, str_of(length, sizeof length));
    TRY(key_encode(out, value, err));
    bytes_put_u16le(out->p + at, (uint16_t)(out->n - at - LENGTH_BYTES));
    return STATUS_IS_OK;
}

static status append_value_key(struct buf *out, const struct unique_constraint *constraint,
                               const struct value *values, struct error *err)
{
    if (constraint->column_count == 1) {
        return key_encode(out, &values[constraint->columns[0]], err);
    }
    for (unsigned i = 0; i < constraint->column_count; i++) {
        TRY(append_member(out, &values[constraint->columns[i]], err));
    }
    return out->n <= LIMIT_KEY_BYTES
               ? STATUS_IS_OK
               : error_set(err, ERROR_LIMIT, "a value of %zu bytes, the limit is %d", out->n,
                           LIMIT_KEY_BYTES);
}

status unique_value_key(const struct schema *schema, const struct unique_constraint *constraint,
                        const struct value *values, struct buf *out, bool *has, struct error *err)
{
    *has = true;
    for (unsigned i = 0; i < constraint->column_count; i++) {
        *has = *has && !values[constraint->columns[i]].is_null;
    }
    buf_clear(out);
    struct error why;
    error_clear(&why);
    return !*has || status_ok(append_value_key(out, constraint, values, &why))
               ? STATUS_IS_OK
               : value_refused(schema, constraint, &why, err);
}

/* -- preparing -----------------------------------------------------------------------------------
 */

static status make_side(const struct schema *schema, unsigned at, const struct value *values,
                        struct buf *scratch, struct arena *arena, bool *has, str *out,
                        struct error *err)
{
    if (values == NULL) {
        return STATUS_IS_OK;
    }
    TRY(unique_value_key(schema, &schema->uniques[at], values, scratch, has, err));
    *out = arena_copy(arena, buf_str(scratch));
    return STATUS_IS_OK;
}

status unique_make(const struct schema *schema, const struct value *old_values,
                   const struct value *new_values, struct buf *scratch, struct arena *arena,
                   struct row_unique **out, struct error *err)
{
    struct row_unique *unique = ARENA_ARRAY(arena, struct row_unique, schema->unique_count + 1);
    for (unsigned i = 0; i < schema->unique_count; i++) {
        struct row_unique *u = &unique[i];
        *u = (struct row_unique){.constraint = i};
        TRY(make_side(schema, i, old_values, scratch, arena, &u->has_old, &u->old_key, err));
        TRY(make_side(schema, i, new_values, scratch, arena, &u->has_new, &u->new_key, err));
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
static status find_entry(struct part_txn *p, uint32_t unique_id, str key, struct buf *rest,
                         bool *found, str *owner, struct error *err)
{
    str value = {0};
    TRY(part_get(p, KEY_UNIQUE, key_unique_rest(rest, unique_id, key), &value, found, err));
    return *found ? unique_entry_decode(value, owner, err) : STATUS_IS_OK;
}

static status free_one(struct part_txn *p, uint32_t unique_id, str key, str value, struct buf *rest,
                       struct error *err)
{
    bool found = false;
    str owner = {0};
    TRY(find_entry(p, unique_id, value, rest, &found, &owner, err));
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
            result = free_one(p, schema->uniques[u->constraint].id, key, u->old_key, &rest, err);
        }
    }
    buf_release(&rest);
    return result;
}

/* *taken_seq: 0 when the row may have the value. */
static status take_one(struct part_txn *p, uint32_t unique_id, str key, str value, struct buf *rest,
                       uint64_t *taken_seq, struct error *err)
{
    bool found = false;
    str owner = {0};
    *taken_seq = 0;
    TRY(find_entry(p, unique_id, value, rest, &found, &owner, err));
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
        result =
            take_one(p, schema->uniques[u->constraint].id, key, u->new_key, &rest, owner_seq, err);
        *taken = status_ok(result) && *owner_seq != 0 ? u : NULL;
    }
    buf_release(&rest);
    return status_ok(result) && *taken != NULL ? status_from(STATUS_CONSTRAINT) : result;
}

/* -- reading -------------------------------------------------------------------------------------
 */

status unique_find_entry(struct store *store, struct kv_view *view, const struct table_part *part,
                         uint32_t unique_id, str value_key, enum kv_get_mode mode,
                         struct arena *arena, bool *found, str *owner_key, struct error *err)
{
    struct buf key;
    struct buf rest;
    buf_init(&key);
    buf_init(&rest);
    str value = {0};
    status result =
        kv_get(store->options.kv, view, KV_KEY_INDEX,
               part_key(&key, part, KEY_UNIQUE, key_unique_rest(&rest, unique_id, value_key)), mode,
               arena, &value, found, err);
    buf_release(&rest);
    buf_release(&key);
    TRY(result);
    return *found ? unique_entry_decode(value, owner_key, err) : STATUS_IS_OK;
}

status table_find_unique(struct table_read *read, uint32_t unique_id, str key,
                         enum kv_get_mode mode, bool *found, str *owner_key, struct error *err)
{
    if (read->staged != NULL && staged_find_unique(read->staged, unique_id, key, owner_key)) {
        *found = true;
        return STATUS_IS_OK;
    }
    TRY(unique_find_entry(read->store, read->view, read->part, unique_id, key, mode, read->arena,
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
