/* catalog/change_table.c -- DDL of tables: create, alter, drop, forget. */
#include "base/check.h"
#include "catalog/catalog_private.h"

/* Stores a table's columns as the schema record of its version. */
static void put_schema(struct commit_txn *txn, const struct table *table,
                       const struct column *columns, unsigned column_count)
{
    struct schema *schema =
        schema_create(table->id, table->version, table->kind, table->namespace_name, table->name,
                      columns, column_count);
    struct buf text;
    buf_init(&text);
    schema_append_json(&text, schema);
    char rest[8];
    bytes_put_u32be(rest, table->id.v);
    bytes_put_u32be(rest + 4, table->version);
    change_put(txn, RECORD_SCHEMA, str_of(rest, 8), buf_str(&text));
    buf_release(&text);
    schema_give(schema);
    char version[4];
    bytes_put_u32be(version, table->version);
    change_put(txn, RECORD_LIVE, str_of(rest, 4), str_of(version, 4));
}

static struct object *table_object(const struct table *table)
{
    struct arena scratch;
    arena_init(&scratch);
    struct object *object =
        object_create(RECORD_TABLE, record_pair(&scratch, table->namespace_name, table->name));
    arena_release(&scratch);
    struct table *own = &object->as.table;
    *own = *table;
    own->namespace_name = arena_copy(&object->arena, table->namespace_name);
    own->name = arena_copy(&object->arena, table->name);
    own->access_by_version = arena_copy(&object->arena, table->access_by_version);
    own->storage_id = arena_copy(&object->arena, table->storage_id);
    own->location = arena_copy(&object->arena, table->location);
    own->comment = arena_copy(&object->arena, table->comment);
    return object;
}

/* One digit per version. The new version is the newest one's: versions before it that have none
 * had, as far as anybody knows, the level `before`. */
static void note_access(struct table *table, enum table_access before, struct arena *arena)
{
    size_t known = table->access_by_version.n;
    char *digits = arena_alloc(arena, table->version);
    for (size_t i = 0; i < table->version; i++) {
        digits[i] = i < known ? table->access_by_version.p[i] : (char)('0' + before);
    }
    digits[table->version - 1] = (char)('0' + table->access);
    table->access_by_version = str_of(digits, table->version);
}

static status find_namespace(struct commit_txn *txn, str name, namespace_id *id, struct error *err)
{
    str text;
    bool found = false;
    TRY(change_get(txn, RECORD_NAMESPACE, name, &text, &found, err));
    if (!found) {
        return error_set(err, ERROR_NAMESPACE_NOT_FOUND,
                         "Namespace '" STR_FMT
                         "' does not exist. Create it first with CREATE NAMESPACE " STR_FMT,
                         STR(name), STR(name));
    }
    struct object *object = NULL;
    TRY(record_decode(RECORD_NAMESPACE, name, text, &object, err));
    *id = object->as.ns.id;
    object_give(object);
    return STATUS_IS_OK;
}

static status check_storage(struct commit_txn *txn, str id, struct error *err)
{
    str text;
    bool found = false;
    TRY(change_get(txn, RECORD_STORAGE, id, &text, &found, err));
    return found ? STATUS_IS_OK
                 : error_set(err, ERROR_NOT_FOUND, "Storage '" STR_FMT "' does not exist", STR(id));
}

/* Namespaces and storages know how many tables they hold, also within one commit group. */
static status count_table(struct commit_txn *txn, const struct table *table, int delta,
                          struct error *err)
{
    uint32_t count = 0;
    TRY(change_count(txn, "tables", table->namespace_name, delta, &count, err));
    return change_count(txn, "stored", table->storage_id, delta, &count, err);
}

static status evaluate_create(struct change *change, struct commit_txn *txn, struct error *err)
{
    const struct table_spec *spec = change->input;
    struct arena *arena = commit_arena(txn);
    struct table table = {.namespace_name = spec->namespace_name,
                          .name = spec->name,
                          .kind = spec->kind,
                          .version = 1,
                          .access = spec->access,
                          .flush = spec->flush,
                          .bloom = spec->bloom,
                          .ttl_s = spec->ttl_s,
                          .max_buffer = spec->max_buffer,
                          .is_ephemeral = spec->is_ephemeral,
                          .deleted_retention_s = spec->deleted_retention_s,
                          .storage_id =
                              spec->storage_id.n > 0 ? spec->storage_id : STR_LIT("local"),
                          .location = spec->location,
                          .uses_user_storage = spec->uses_user_storage,
                          .comment = spec->comment,
                          .created_us = commit_now_us(txn),
                          .updated_us = commit_now_us(txn)};
    TRY(find_namespace(txn, spec->namespace_name, &table.ns, err));
    TRY(check_storage(txn, table.storage_id, err));
    str pair = record_pair(arena, spec->namespace_name, spec->name);
    str text;
    bool found = false;
    TRY(change_get(txn, RECORD_TABLE, pair, &text, &found, err));
    if (found) {
        return error_set(err, ERROR_EXISTS, "Table " STR_FMT "." STR_FMT " already exists",
                         STR(spec->namespace_name), STR(spec->name));
    }
    TRY(change_get(txn, RECORD_VIEW, pair, &text, &found, err));
    if (found) {
        return error_set(err, ERROR_EXISTS, "View " STR_FMT "." STR_FMT " already exists",
                         STR(spec->namespace_name), STR(spec->name));
    }
    TRY(change_next_number(txn, "next_table", &table.id.v, err));
    note_access(&table, table.access, arena);
    TRY(count_table(txn, &table, 1, err));
    struct column *columns = ARENA_ARRAY(arena, struct column, spec->column_count + 1);
    for (unsigned i = 0; i < spec->column_count; i++) {
        columns[i] = spec->columns[i];
        columns[i].id = i + 1;
        columns[i].ordinal = i + 1;
    }
    put_schema(txn, &table, columns, spec->column_count);
    change_put_object(change, txn, table_object(&table));
    change->id = table.id;
    change->is_table_changed = true;
    return STATUS_IS_OK;
}

status catalog_create_table(struct catalog *catalog, const struct table_spec *spec, table_id *id,
                            struct error *err)
{
    struct change change;
    TRY(catalog_apply(&change, catalog, evaluate_create, spec, err));
    *id = change.id;
    return STATUS_IS_OK;
}

/* The table's record as this commit group has it. */
static status get_table(struct change *change, struct commit_txn *txn, table_id id,
                        struct object **out, struct error *err)
{
    const struct table *shown = snapshot_find_table_id(&change->catalog->snapshot->shown, id);
    if (shown == NULL) {
        return error_set(err, ERROR_CONFLICT, "the table was changed or dropped meanwhile");
    }
    str pair = record_pair(commit_arena(txn), shown->namespace_name, shown->name);
    str text;
    bool found = false;
    TRY(change_get(txn, RECORD_TABLE, pair, &text, &found, err));
    if (!found) {
        return error_set(err, ERROR_CONFLICT, "the table was dropped meanwhile");
    }
    TRY(record_decode(RECORD_TABLE, pair, text, out, err));
    if ((*out)->as.table.id.v != id.v) {
        object_give(*out);
        return error_set(err, ERROR_CONFLICT, "the table was dropped meanwhile");
    }
    return STATUS_IS_OK;
}

/* New columns get ids above every id that the table ever had: the greatest one of the record. */
static status next_column_id(struct commit_txn *txn, table_id id, uint32_t floor, uint32_t count,
                             uint32_t *first, struct error *err)
{
    char counter[32];
    (void)snprintf(counter, sizeof counter, "columns_%u", id.v);
    str text;
    bool found = false;
    TRY(change_get(txn, RECORD_COUNTERS, str_from(counter), &text, &found, err));
    uint32_t next = found && text.n == 4 ? bytes_get_u32be(text.p) : 1;
    next = next > floor ? next : floor + 1;
    char after[4];
    bytes_put_u32be(after, next + count);
    change_put(txn, RECORD_COUNTERS, str_from(counter), str_of(after, 4));
    *first = next;
    return STATUS_IS_OK;
}

static status alter_columns(struct change *change, struct commit_txn *txn, struct table *table,
                            struct error *err)
{
    const struct table_change *wanted = change->input;
    uint32_t greatest = 0;
    uint32_t fresh = 0;
    for (unsigned i = 0; i < wanted->column_count; i++) {
        greatest = wanted->columns[i].id > greatest ? wanted->columns[i].id : greatest;
        fresh += wanted->columns[i].id == 0 ? 1 : 0;
    }
    /* Dropped columns count too: the ids of the version before. */
    struct schema *before = NULL;
    TRY(catalog_schema(change->catalog, table->id, table->version, &before, err));
    for (unsigned i = 0; i < before->column_count; i++) {
        greatest = before->columns[i].id > greatest ? before->columns[i].id : greatest;
    }
    schema_give(before);
    uint32_t next = 0;
    TRY(next_column_id(txn, table->id, greatest, fresh, &next, err));
    struct column *columns =
        ARENA_ARRAY(commit_arena(txn), struct column, wanted->column_count + 1);
    for (unsigned i = 0; i < wanted->column_count; i++) {
        columns[i] = wanted->columns[i];
        columns[i].ordinal = i + 1;
        columns[i].id = columns[i].id != 0 ? columns[i].id : next++;
    }
    table->version++;
    put_schema(txn, table, columns, wanted->column_count);
    return STATUS_IS_OK;
}

static status evaluate_alter(struct change *change, struct commit_txn *txn, struct error *err)
{
    const struct table_change *wanted = change->input;
    struct object *object = NULL;
    TRY(get_table(change, txn, wanted->id, &object, err));
    struct table *table = &object->as.table;
    status result = STATUS_IS_OK;
    if (table->version != wanted->expected_version) {
        result = error_set(err, ERROR_CONFLICT, "the table was changed meanwhile");
    }
    if (status_ok(result) && wanted->check != NULL) {
        result = wanted->check(wanted->check_context, err);
    }
    enum table_access before = table->access;
    table->access = wanted->access != NULL ? *wanted->access : before;
    if (wanted->deleted_retention_s != NULL) {
        table->deleted_retention_s = *wanted->deleted_retention_s;
    }
    table->updated_us = commit_now_us(txn);
    if (status_ok(result)) {
        result = alter_columns(change, txn, table, err);
    }
    if (!status_ok(result)) {
        object_give(object);
        return result;
    }
    note_access(table, before, &object->arena);
    change->version = table->version;
    change->id = table->id;
    change->is_table_changed = true;
    change_put_object(change, txn, object);
    return STATUS_IS_OK;
}

status catalog_alter_table(struct catalog *catalog, const struct table_change *wanted,
                           uint32_t *new_version, struct error *err)
{
    struct change change;
    TRY(catalog_apply(&change, catalog, evaluate_alter, wanted, err));
    *new_version = change.version;
    return STATUS_IS_OK;
}

status change_drop_table(struct change *change, struct commit_txn *txn, table_id id,
                         struct error *err)
{
    struct object *object = NULL;
    TRY(get_table(change, txn, id, &object, err));
    const struct table *table = &object->as.table;
    struct dropped_table dropped = {.id = table->id,
                                    .ns = table->ns,
                                    .kind = table->kind,
                                    .namespace_name = table->namespace_name,
                                    .name = table->name,
                                    .storage_id = table->storage_id};
    struct buf text;
    buf_init(&text);
    dropped_encode(&text, &dropped);
    char rest[4];
    bytes_put_u32be(rest, table->id.v);
    change_put(txn, RECORD_DROPPED, str_of(rest, 4), buf_str(&text));
    change_delete(txn, RECORD_LIVE, str_of(rest, 4));
    buf_release(&text);
    change_remove(change, txn, RECORD_TABLE, object->key, table->id);
    status result = count_table(txn, table, -1, err);
    object_give(object);
    return result;
}

static status evaluate_drop(struct change *change, struct commit_txn *txn, struct error *err)
{
    const table_id *id = change->input;
    return change_drop_table(change, txn, *id, err);
}

status catalog_drop_table(struct catalog *catalog, table_id id, struct error *err)
{
    struct change change;
    return catalog_apply_removal(&change, catalog, evaluate_drop, &id, err);
}

static status evaluate_forget(struct change *change, struct commit_txn *txn, struct error *err)
{
    (void)err;
    const table_id *id = change->input;
    char rest[4];
    bytes_put_u32be(rest, id->v);
    change_delete(txn, RECORD_DROPPED, str_of(rest, 4));
    struct buf lo;
    struct buf hi;
    buf_init(&lo);
    buf_init(&hi);
    record_key_id(&lo, RECORD_SCHEMA, *id);
    record_key_id(&hi, RECORD_SCHEMA, (table_id){id->v + 1});
    commit_delete_range(txn, KV_SYSTEM, CATALOG_PREFIX_BYTES, buf_str(&lo), buf_str(&hi));
    buf_release(&lo);
    buf_release(&hi);
    char counter[32];
    (void)snprintf(counter, sizeof counter, "columns_%u", id->v);
    change_delete(txn, RECORD_COUNTERS, str_from(counter));
    change->id = *id; /* statements that outlived the drop may have loaded its schemas again */
    return STATUS_IS_OK;
}

status catalog_forget_table(struct catalog *catalog, table_id id, struct error *err)
{
    struct change change;
    return catalog_apply_removal(&change, catalog, evaluate_forget, &id, err);
}
