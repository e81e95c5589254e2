/* catalog/catalog_schema.c -- schemas by table and version: from the cache, or from their records.
 */
#include "catalog/catalog_private.h"

/* Where a table is and what it is called, also of one that is being dropped. */
struct table_place {
    namespace_id ns;
    str namespace_name;
    str name;
    enum table_kind kind;
};

static status find_dropped(struct catalog *catalog, table_id id, struct arena *arena,
                           struct table_place *out, struct error *err)
{
    struct buf key;
    buf_init(&key);
    record_key_id(&key, RECORD_DROPPED, id);
    str text;
    bool found = false;
    status result = kv_get(catalog->store, NULL, KV_SYSTEM, buf_str(&key), KV_MAY_BLOCK, arena,
                           &text, &found, err);
    buf_release(&key);
    TRY(result);
    if (!found) {
        return error_set(err, ERROR_NOT_FOUND, "table with id %u does not exist", id.v);
    }
    struct dropped_table dropped;
    TRY(dropped_decode(text, arena, &dropped, err));
    *out = (struct table_place){dropped.ns, dropped.namespace_name, dropped.name, dropped.kind};
    return STATUS_IS_OK;
}

static status find_place(struct catalog *catalog, table_id id, struct arena *arena,
                         struct table_place *out, struct error *err)
{
    const struct catalog_snapshot *s = catalog_take(catalog);
    const struct table *table = snapshot_find_table_id(s, id);
    if (table != NULL) {
        *out = (struct table_place){table->ns, arena_copy(arena, table->namespace_name),
                                    arena_copy(arena, table->name), table->kind};
    }
    catalog_give(s);
    return table != NULL ? STATUS_IS_OK : find_dropped(catalog, id, arena, out, err);
}

static status read_schema(struct catalog *catalog, const struct schema_key *wanted,
                          const struct table_place *place, struct arena *scratch,
                          struct schema **out, struct error *err)
{
    struct buf key;
    buf_init(&key);
    record_key_schema(&key, wanted->table, wanted->version);
    str text;
    bool found = false;
    status result = kv_get(catalog->store, NULL, KV_SYSTEM, buf_str(&key), KV_MAY_BLOCK, scratch,
                           &text, &found, err);
    buf_release(&key);
    TRY(result);
    if (!found) {
        return error_set(err, ERROR_SCHEMA_VERSION_NOT_FOUND,
                         "schema version %u of table " STR_FMT "." STR_FMT " does not exist",
                         wanted->version, STR(place->namespace_name), STR(place->name));
    }
    return schema_from_json(text, wanted->table, wanted->version, place->kind,
                            place->namespace_name, place->name, out, err);
}

status catalog_load_schema(void *context, const struct schema_key *key, namespace_id *ns,
                           struct schema **out, struct error *err)
{
    struct catalog *catalog = context;
    struct arena scratch;
    struct table_place place = {.kind = TABLE_SHARED};
    arena_init(&scratch);
    status result = find_place(catalog, key->table, &scratch, &place, err);
    if (status_ok(result)) {
        *ns = place.ns;
        result = read_schema(catalog, key, &place, &scratch, out, err);
    }
    arena_release(&scratch);
    return result;
}

status catalog_schema(struct catalog *catalog, table_id table, uint32_t version,
                      struct schema **out, struct error *err)
{
    const struct schema_key key = {.table = table, .version = version};
    return schema_cache_get_or_load(catalog->schemas, &key, catalog_load_schema, catalog, out, err);
}

struct schema *catalog_schema_cached(struct catalog *catalog, table_id table, uint32_t version)
{
    const struct schema_key key = {.table = table, .version = version};
    return schema_cache_get(catalog->schemas, &key);
}

status catalog_table_schema(struct catalog *catalog, const struct table *table, struct schema **out,
                            struct error *err)
{
    const struct schema_key key = {table->ns, table->id, table->version};
    return schema_cache_get_or_load(catalog->schemas, &key, catalog_load_schema, catalog, out, err);
}

struct schema_cache *catalog_schemas(struct catalog *catalog)
{
    return catalog->schemas;
}
