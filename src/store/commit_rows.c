/* store/commit_rows.c -- see commit_rows.h. */
#include "store/commit_rows.h"
#include "base/check.h"
#include "model/limits.h"
#include "store/commit_part.h"
#include "store/store_private.h"

enum {
    ROW_UPDATED_AT = 8,     /* place of `_updated` in a row, docs/formats/row.md */
    CLAIM_BYTES = 4096,     /* of a kept answer, mostly */
    OP_OVERHEAD_BYTES = 128 /* keys, index entry and bookkeeping of one op, for the estimate */
};

/* -- preparing -----------------------------------------------------------------------------------
 */

static void rows_done(struct commit_request *request, status result)
{
    struct row_write *write = (struct row_write *)(void *)request;
    if (write->done != NULL) {
        write->done(write, result);
    }
}

static void rows_release(struct commit_request *request)
{
    struct row_write *write = (struct row_write *)(void *)request;
    if (write->release != NULL) {
        write->release(write);
    }
}

static status rows_apply(struct commit_txn *txn, struct commit_request *request);

void row_write_init(struct row_write *write, struct store *store, struct arena *arena)
{
    *write = (struct row_write){.store = store, .arena = arena};
    write->request.apply = rows_apply;
    write->request.publish = store_publish;
    write->request.done = rows_done;
    write->request.release = rows_release;
    write->tables_end = &write->tables;
    buf_init(&write->scratch);
}

void row_write_release(struct row_write *write)
{
    for (struct row_write_table *t = write->tables; t != NULL; t = t->next) {
        schema_give(t->schema);
        mem_free(t->ops);
    }
    write->tables = NULL;
    write->tables_end = &write->tables;
    buf_release(&write->scratch);
}

struct row_write_table *row_write_table(struct row_write *write, const struct table_part *part,
                                        struct schema *schema)
{
    struct row_write_table *t = ARENA_NEW(write->arena, struct row_write_table);
    t->write = write;
    t->part = *part;
    t->schema = schema_take(schema);
    t->unique_count = schema->unique_count;
    *write->tables_end = t;
    write->tables_end = &t->next;
    return t;
}

size_t row_write_bytes(const struct row_write *write)
{
    return write->request.bytes;
}

/* The op counts only when its bytes fit the commit. */
static status add_op(struct row_write_table *to, const struct row_op *op, struct error *err)
{
    struct row_write *write = to->write;
    size_t bytes = write->request.bytes + op->row_bytes + 2 * op->key.n + OP_OVERHEAD_BYTES +
                   unique_bytes(op->unique, to->unique_count);
    if (bytes > LIMIT_COMMIT_BYTES) {
        return error_set(err, ERROR_LIMIT, "a statement that writes more than %d bytes is refused",
                         LIMIT_COMMIT_BYTES);
    }
    write->request.bytes = bytes;
    to->ops = mem_grow(to->ops, &to->op_capacity, to->op_count + 1, sizeof *to->ops);
    to->ops[to->op_count++] = *op;
    return STATUS_IS_OK;
}

status row_write_op(struct row_write_table *to, const struct row_op *op, struct error *err)
{
    return add_op(to, op, err);
}

static char *arena_bytes(struct arena *arena, str bytes)
{
    char *copy = arena_alloc(arena, bytes.n + 1);
    memcpy(copy, bytes.p, bytes.n);
    return copy;
}

static status op_set_key(struct row_write_table *to, struct row_op *op, struct value key,
                         struct error *err)
{
    struct row_write *write = to->write;
    if (key.is_null) {
        return error_set(err, ERROR_CONSTRAINT, "primary key column '" STR_FMT "' cannot be NULL",
                         STR(to->schema->columns[to->schema->primary_key].name));
    }
    buf_clear(&write->scratch);
    TRY(key_encode(&write->scratch, &key, err));
    op->key = arena_copy(write->arena, buf_str(&write->scratch));
    op->key_value = value_copy(write->arena, &key);
    return STATUS_IS_OK;
}

static status op_set_row(struct row_write_table *to, struct row_op *op, const struct value *values,
                         struct error *err)
{
    struct row_write *write = to->write;
    if (to->schema->primary_key >= 0) {
        TRY(op_set_key(to, op, values[to->schema->primary_key], err));
    }
    buf_clear(&write->scratch);
    TRY(row_encode(&write->scratch, to->schema, values, false, 0, err));
    op->row = arena_bytes(write->arena, buf_str(&write->scratch));
    op->row_bytes = write->scratch.n;
    return STATUS_IS_OK;
}

static status op_set_unique(struct row_write_table *to, struct row_op *op,
                            const struct value *old_values, const struct value *new_values,
                            struct error *err)
{
    struct row_write *write = to->write;
    if (to->unique_count == 0) {
        return STATUS_IS_OK;
    }
    return unique_make(to->schema, old_values, new_values, &write->scratch, write->arena,
                       &op->unique, err);
}

status row_write_insert(struct row_write_table *to, const struct value *values, struct error *err)
{
    struct row_op op = {.kind = ROW_INSERT};
    TRY(op_set_row(to, &op, values, err));
    TRY(op_set_unique(to, &op, NULL, values, err));
    return add_op(to, &op, err);
}

status row_write_upsert(struct row_write_table *to, const struct value *values, struct error *err)
{
    struct row_op op = {.kind = ROW_UPSERT};
    if (to->unique_count > 0) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "a blind upsert into a table with UNIQUE columns");
    }
    TRY(op_set_row(to, &op, values, err));
    return add_op(to, &op, err);
}

status row_write_update(struct row_write_table *to, uint64_t expect_seq, str old_row,
                        const struct value *old_values, const struct value *values,
                        struct error *err)
{
    if (to->part.table->kind == TABLE_STREAM) {
        return error_set(err, ERROR_INVALID_OPERATION, "UPDATE not supported for STREAM tables");
    }
    struct row_op op = {.kind = ROW_UPDATE, .expect_seq = expect_seq};
    TRY(op_set_row(to, &op, values, err));
    op.old_row = arena_copy(to->write->arena, old_row);
    CHECK(to->unique_count == 0 || old_values != NULL);
    TRY(op_set_unique(to, &op, old_values, values, err));
    return add_op(to, &op, err);
}

/* The UNIQUE values of a row that goes, which an older version may have written. */
static status op_set_last_unique(struct row_write_table *to, struct row_op *op,
                                 const struct row *last, struct error *err)
{
    if (to->unique_count == 0) {
        return STATUS_IS_OK;
    }
    struct arena *arena = to->write->arena;
    struct value *values = ARENA_ARRAY(arena, struct value, to->schema->column_count);
    TRY(row_project(last, to->schema, arena, values, err));
    return op_set_unique(to, op, values, NULL, err);
}

status row_write_delete(struct row_write_table *to, uint64_t expect_seq, const struct row *last,
                        struct error *err)
{
    struct row_write *write = to->write;
    struct row_op op = {.kind = ROW_DELETE, .expect_seq = expect_seq};
    if (last->schema->primary_key >= 0) {
        TRY(op_set_key(to, &op, row_value(last, (unsigned)last->schema->primary_key), err));
    }
    op.old_row = arena_copy(write->arena, last->bytes);
    buf_clear(&write->scratch);
    row_copy_as_tombstone(&write->scratch, last, 0);
    op.row = arena_bytes(write->arena, buf_str(&write->scratch));
    op.row_bytes = write->scratch.n;
    TRY(op_set_last_unique(to, &op, last, err));
    return add_op(to, &op, err);
}

/* The answer counts for the size of the group. */
static void set_claim_bytes(struct row_write *write)
{
    write->request.bytes += write->claim != NULL ? CLAIM_BYTES : 0;
}

status row_write_run(struct row_write *write, enum commit_durability durability, struct error *err)
{
    set_claim_bytes(write);
    write->request.durability = durability;
    status result = commit_submit_wait(write->store->options.committer, &write->request);
    if (!status_ok(result) && err != NULL) {
        *err = write->request.error;
    }
    return result;
}

/* Events of STREAM tables are short-lived: they are delivered without waiting for a disk. */
static bool writes_streams_only(const struct row_write *write)
{
    for (const struct row_write_table *t = write->tables; t != NULL; t = t->next) {
        if (t->part.table->kind != TABLE_STREAM) {
            return false;
        }
    }
    return write->tables != NULL;
}

void row_write_submit(struct row_write *write, enum commit_durability durability)
{
    set_claim_bytes(write);
    write->request.durability = durability;
    write->request.may_precede_sync = writes_streams_only(write);
    commit_submit(write->store->options.committer, &write->request);
}

/* -- evaluating, on the committer thread ---------------------------------------------------------
 */

static bool stream_row_is_expired(const struct table_part *part, uint64_t seq, int64_t now_us)
{
    int64_t ttl_ms = (int64_t)part->table->ttl_s * 1000;
    return ttl_ms > 0 && snowflake_wall_ms(seq) < now_us / 1000 - ttl_ms;
}

static status op_find(struct part_txn *p, const struct row_write_table *t, const struct row_op *op,
                      struct row_found *out, struct error *err)
{
    *out = (struct row_found){0};
    if (t->schema->primary_key < 0) { /* without a key a version is found by its `_seq` */
        str row = {0};
        if (op->kind == ROW_DELETE) {
            TRY(part_get_number(p, KEY_ROW, op->expect_seq, &row, &out->exists, err));
            out->is_live = out->exists;
            out->seq = op->expect_seq;
        }
        return STATUS_IS_OK;
    }
    struct key_entry entry = {0};
    TRY(part_find_key(p, op->key, &entry, &out->exists, err));
    out->seq = entry.seq;
    out->is_live = out->exists && !entry.is_deleted;
    if (out->is_live && t->part.table->kind == TABLE_STREAM &&
        stream_row_is_expired(&t->part, entry.seq, commit_now_us(p->txn))) {
        out->is_live = false;
    }
    return STATUS_IS_OK;
}

static status duplicate_key(const struct row_write_table *t, const struct row_op *op,
                            bool is_own_row, struct error *err)
{
    struct buf text;
    buf_init(&text);
    value_append_text(&text, &op->key_value);
    str column = t->schema->columns[t->schema->primary_key].name;
    status result = error_set(
        err, ERROR_CONSTRAINT, "Primary key violation: value '" STR_FMT "' %s column '" STR_FMT "'",
        STR(buf_str(&text)),
        is_own_row ? "appears multiple times in the insert batch for" : "already exists in",
        STR(column));
    buf_release(&text);
    return result;
}

static status taken_value(const struct row_write_table *t, const struct row_unique *taken,
                          bool is_own_row, struct error *err)
{
    const struct unique_constraint *constraint = &t->schema->uniques[taken->constraint];
    struct buf text;
    struct buf columns;
    buf_init(&text);
    buf_init(&columns);
    unique_append_columns(&columns, t->schema, constraint);
    status result = unique_append_value(&text, t->schema, constraint, taken->new_key, err);
    if (status_ok(result)) {
        result = error_set(
            err, ERROR_CONSTRAINT,
            "Unique constraint violation: value '" STR_FMT "' %s column%s '" STR_FMT "'",
            STR(buf_str(&text)),
            is_own_row ? "appears multiple times in the insert batch for" : "already exists in",
            constraint->column_count > 1 ? "s" : "", STR(buf_str(&columns)));
    }
    buf_release(&columns);
    buf_release(&text);
    return result;
}

static status lost_race(struct error *err)
{
    return error_set(err, ERROR_CONFLICT, "the row was changed by another statement");
}

status row_op_check(const struct row_write_table *t, const struct row_op *op,
                    const struct row_found *found, uint64_t first_seq, struct error *err)
{
    switch (op->kind) {
    case ROW_INSERT:
        if (!found->is_live) {
            return STATUS_IS_OK;
        }
        return op->yields ? lost_race(err) : duplicate_key(t, op, found->seq >= first_seq, err);
    case ROW_UPSERT:
        return STATUS_IS_OK;
    case ROW_UPDATE:
    case ROW_DELETE:
        break;
    }
    if ((!found->is_live || found->seq != op->expect_seq) && !MUTANT(NO_EXPECTATION)) {
        return lost_race(err);
    }
    return STATUS_IS_OK;
}

status row_op_taken(const struct row_write_table *t, const struct row_op *op,
                    const struct row_unique *taken, uint64_t owner_seq, uint64_t first_seq,
                    struct error *err)
{
    bool is_own = op->kind == ROW_INSERT && owner_seq >= first_seq;
    return taken->yields && !is_own ? lost_race(err) : taken_value(t, taken, is_own, err);
}

void row_op_set_updated(const struct row_op *op, int64_t updated_us)
{
    bytes_put_u64le(op->row + ROW_UPDATED_AT, (uint64_t)updated_us);
}

static enum change_op op_change(const struct row_op *op)
{
    return op->kind == ROW_DELETE ? CHANGE_DELETE : op->was_live ? CHANGE_UPDATE : CHANGE_INSERT;
}

/* The results of an op and what only the commit knows of its row. */
static void op_number(struct row_op *op, const struct row_found *found, struct commit_txn *txn)
{
    op->seq = commit_next_seq(txn);
    op->old_seq = found->exists ? found->seq : 0;
    op->was_live = found->is_live;
    row_op_set_updated(op, commit_now_us(txn));
}

static status op_write(struct part_txn *p, const struct row_write_table *t, struct row_op *op,
                       const struct row_found *found, struct change *change, struct error *err)
{
    if (op->unique != NULL) {
        TRY(unique_free(p, t->schema, op->key, op->unique, t->unique_count, err));
    }
    bool is_stream = t->part.table->kind == TABLE_STREAM;
    str old_row = found->is_live && found->seq == op->expect_seq ? op->old_row : str_of(NULL, 0);
    if (found->exists && is_stream) {
        TRY(part_remove_row(p, found->seq, &old_row, err));
    } else if (found->exists) {
        TRY(part_supersede(p, found->seq, &old_row, err));
    }
    op_number(op, found, p->txn);
    str row = str_of(op->row, op->row_bytes);
    bool has_key = t->schema->primary_key >= 0;
    if (is_stream && op->kind == ROW_DELETE) {
        if (has_key) {
            part_delete(p, KEY_INDEX, op->key);
        }
    } else {
        part_add_row(p, op->seq, row);
        if (has_key) {
            const struct key_entry entry = {op->seq, op->kind == ROW_DELETE};
            part_put_key(p, op->key, &entry);
        }
    }
    *change = (struct change){.op = op_change(op),
                              .seq = op->seq,
                              .old_seq = op->old_seq,
                              .key = op->key,
                              .old_row = found->is_live ? old_row : str_of(NULL, 0),
                              .new_row = row};
    return STATUS_IS_OK;
}

/* Are new rows of the table kept? Those of an ephemeral one only for who watches its partition. */
static bool keeps_new_rows(const struct row_write_table *t)
{
    const struct change_sink *sink = &t->write->store->sink;
    return !t->part.table->is_ephemeral ||
           (sink->is_watched != NULL &&
            sink->is_watched(sink->context, t->part.table->id, t->part.prefix));
}

/* A new row that is not kept is one that expired at once: checked and numbered as every row, then
 * neither written nor told. *count: of the changes. */
static status table_apply_ops(struct part_txn *p, struct row_write_table *t, uint64_t first_seq,
                              struct change *changes, unsigned *count, struct error *err)
{
    bool keeps_new = keeps_new_rows(t);
    *count = 0;
    for (size_t i = 0; i < t->op_count; i++) {
        struct row_op *op = &t->ops[i];
        struct row_found found;
        TRY(op_find(p, t, op, &found, err));
        TRY(row_op_check(t, op, &found, first_seq, err));
        if (!keeps_new && op->kind == ROW_INSERT) {
            op_number(op, &(struct row_found){0}, p->txn);
        } else {
            TRY(op_write(p, t, op, &found, &changes[(*count)++], err));
        }
    }
    return STATUS_IS_OK;
}

static status tell_sink(struct store *store, struct commit_txn *txn, struct store_change *out,
                        const struct row_write_table *t, const struct change *changes,
                        unsigned count, struct error *err)
{
    if (count == 0 || (store->sink.before == NULL && store->sink.after == NULL)) {
        return STATUS_IS_OK;
    }
    struct change_set *set = change_set_create(&t->part, t->schema->version, changes, count);
    store_change_add_set(out, set);
    return store->sink.before != NULL ? store->sink.before(store->sink.context, txn, set, err)
                                      : STATUS_IS_OK;
}

static status table_apply(struct commit_txn *txn, struct row_write_table *t, uint64_t first_seq,
                          struct store_change *out, struct error *err)
{
    TRY(catalog_check_version(txn, t->part.table->id, t->schema->version, err));
    if (t->op_count == 0) {
        return STATUS_IS_OK;
    }
    registry_note_write(&t->write->store->registry, t->part.table->id, commit_last_seq(txn) + 1);
    struct change *changes = ARENA_ARRAY(commit_arena(txn), struct change, t->op_count);
    unsigned count = 0;
    struct part_txn p;
    status result = part_txn_open(&p, txn, &t->part, err);
    if (status_ok(result)) {
        result = table_apply_ops(&p, t, first_seq, changes, &count, err);
    }
    if (status_ok(result)) {
        store_change_add_state(out, &p);
        t->write->last_seq = t->ops[t->op_count - 1].seq;
    }
    part_txn_close(&p);
    return status_ok(result) ? tell_sink(t->write->store, txn, out, t, changes, count, err)
                             : result;
}

/* The UNIQUE values of one table's rows, once every row of the request gave up what it had. */
static status table_take_unique(struct commit_txn *txn, struct row_write_table *t,
                                uint64_t first_seq, struct error *err)
{
    struct part_txn p;
    status result = part_txn_open(&p, txn, &t->part, err);
    for (size_t i = 0; i < t->op_count && status_ok(result); i++) {
        const struct row_op *op = &t->ops[i];
        const struct row_unique *taken = NULL;
        uint64_t owner_seq = 0;
        result = unique_take(&p, t->schema, op->key, op->unique, t->unique_count, &taken,
                             &owner_seq, err);
        if (taken != NULL) {
            result = row_op_taken(t, op, taken, owner_seq, first_seq, err);
        }
    }
    part_txn_close(&p);
    return result;
}

static status rows_apply(struct commit_txn *txn, struct commit_request *request)
{
    struct row_write *write = (struct row_write *)(void *)request;
    struct store_change *out = store_change_create(write->store, txn);
    uint64_t first_seq = commit_last_seq(txn) + 1;
    write->updated_us = commit_now_us(txn);
    if (write->claim != NULL) {
        TRY(answers_check(txn, write->claim, &request->error));
    }
    for (struct row_write_table *t = write->tables; t != NULL; t = t->next) {
        TRY(table_apply(txn, t, first_seq, out, &request->error));
    }
    for (struct row_write_table *t = write->tables; t != NULL; t = t->next) {
        if (t->unique_count > 0 && t->op_count > 0) {
            TRY(table_take_unique(txn, t, first_seq, &request->error));
        }
    }
    return write->claim != NULL ? answers_keep(txn, write->claim, &request->error) : STATUS_IS_OK;
}
