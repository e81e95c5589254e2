/* engine/duck_view.c -- tables and system tables as views of the engine.
 * For:      one view per catalog, table and schema version, made on first use:
 *               _k_hot."17.3".messages   rows of the hot tier
 *               _k_all."17.3".messages   hot rows, and cold rows whose _seq is not dead
 *               _k_raw."17.3".messages   the same with tombstones
 *               _k_sys."sys.system".users
 *           Identity is nowhere in them: kalam_hot, kalam_dead and kalam_files ask the session.
 * Owns:     the registry of what is defined; a schema is held as long as its views are there.
 * Threads:  any; one DDL at a time under views_lock, look-ups under names_lock. */
#include "base/buf.h"
#include "base/hash.h"
#include "base/log.h"
#include "engine/duck_private.h"

static const char *const catalog_names[DUCK_CATALOG_COUNT] = {
    [DUCK_HOT] = "_k_hot",
    [DUCK_ALL] = "_k_all",
    [DUCK_RAW] = DUCK_RAW_CATALOG,
};

/* --- texts --------------------------------------------------------------------------------------
 */

static void append_quoted(struct buf *out, str text, char quote)
{
    buf_append_byte(out, (uint8_t)quote);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == quote) {
            buf_append_byte(out, (uint8_t)quote);
        }
        buf_append_byte(out, (uint8_t)text.p[i]);
    }
    buf_append_byte(out, (uint8_t)quote);
}

void duck_append_name(struct buf *out, str name)
{
    append_quoted(out, name, '"');
}

void duck_append_literal(struct buf *out, str text)
{
    append_quoted(out, text, '\'');
}

void duck_schema_name(table_id table, uint32_t version, char out[DUCK_SCHEMA_NAME_BYTES])
{
    snprintf(out, DUCK_SCHEMA_NAME_BYTES, "%" PRIu32 ".%" PRIu32, table.v, version);
}

/* --- columns ------------------------------------------------------------------------------------
 */

enum system_column duck_system_column(const struct schema *schema, unsigned index)
{
    if (schema->kind == TABLE_STREAM) {
        return index == 0 ? SYSTEM_SEQ : SYSTEM_DELETED;
    }
    return (enum system_column)index;
}

unsigned duck_scan_column_count(const struct schema *schema)
{
    return schema->column_count + schema_system_column_count(schema);
}

struct duck_column duck_scan_column(const struct schema *schema, unsigned index)
{
    CHECK(index < duck_scan_column_count(schema));
    if (index < schema->column_count) {
        return (struct duck_column){schema->columns[index].name, schema->columns[index].type};
    }
    enum system_column system = duck_system_column(schema, index - schema->column_count);
    return (struct duck_column){str_from(system_column_name(system)), system_column_type(system)};
}

uint32_t duck_field_id(const struct schema *schema, unsigned index)
{
    static const uint32_t system_fields[SYSTEM_COLUMN_COUNT] = {
        [SYSTEM_SEQ] = PARQUET_FIELD_SEQ,
        [SYSTEM_UPDATED] = PARQUET_FIELD_UPDATED,
        [SYSTEM_DELETED] = PARQUET_FIELD_DELETED,
    };
    if (index < schema->column_count) {
        return schema->columns[index].id;
    }
    return system_fields[duck_system_column(schema, index - schema->column_count)];
}

/* What a file without the column shows, as the text that the engine casts to the column's type. */
static void append_absent(struct buf *out, const struct schema *schema, unsigned index)
{
    const struct value *absent =
        index < schema->column_count ? &schema->columns[index].absent_value : NULL;
    if (absent == NULL || absent->is_null) {
        buf_append_c(out, "NULL");
        return;
    }
    struct buf text;
    buf_init(&text);
    if (absent->type.id == TYPE_EMBEDDING) {
        struct error err;
        if (!status_ok(value_append_json(&text, absent, &err))) {
            check_failed(__FILE__, __LINE__, "an embedding of the schema is finite");
        }
    } else {
        value_append_text(&text, absent);
    }
    duck_append_literal(out, buf_str(&text));
    buf_release(&text);
}

void duck_append_field_map(struct buf *out, const struct schema *schema, const uint64_t *wanted)
{
    buf_append_c(out, "MAP{");
    bool is_first = true;
    for (unsigned i = 0; i < duck_scan_column_count(schema); i++) {
        if (wanted != NULL && !duck_bit(wanted, i)) {
            continue;
        }
        struct duck_column column = duck_scan_column(schema, i);
        buf_append_format(out, "%s%" PRIu32 ":{'name':", is_first ? "" : ",",
                          duck_field_id(schema, i));
        duck_append_literal(out, column.name);
        buf_append_c(out, ",'type':'");
        duck_type_append(out, column.type);
        buf_append_c(out, "','default_value':");
        append_absent(out, schema, i);
        buf_append_c(out, "}");
        is_first = false;
    }
    buf_append_c(out, "}");
}

static void append_columns(struct buf *out, const struct schema *schema)
{
    for (unsigned i = 0; i < duck_scan_column_count(schema); i++) {
        if (i > 0) {
            buf_append_c(out, ",");
        }
        duck_append_name(out, duck_scan_column(schema, i).name);
    }
}

/* Files of older versions may hold whole numbers or floats where the column is DOUBLE now. The
 * engine would hand conditions down to such a file with their constants cast, and rounded, to the
 * file's type: `a = 1.5` would find 2. Behind an expression that is no plain column it compares
 * the widened values. Other widenings cast constants exactly or not at all. */
static bool may_be_widened(const struct schema *schema, unsigned index)
{
    return schema->version > 1 && index < schema->column_count &&
           schema->columns[index].type.id == TYPE_DOUBLE;
}

static void append_file_columns(struct buf *out, const struct schema *schema)
{
    for (unsigned i = 0; i < duck_scan_column_count(schema); i++) {
        str name = duck_scan_column(schema, i).name;
        buf_append_c(out, i > 0 ? "," : "");
        if (may_be_widened(schema, i)) {
            buf_append_c(out, "least(");
            duck_append_name(out, name);
            buf_append_c(out, ",");
            duck_append_name(out, name);
            buf_append_c(out, ") AS ");
        }
        duck_append_name(out, name);
    }
}

/* --- views --------------------------------------------------------------------------------------
 */

static void append_view(struct buf *sql, enum duck_catalog catalog, const struct schema *schema)
{
    const char *filter = catalog == DUCK_RAW ? "" : " WHERE NOT _deleted";
    uint32_t table = schema->table.v;
    buf_append_c(sql, "SELECT ");
    append_columns(sql, schema);
    buf_append_format(sql, " FROM kalam_hot(%" PRIu32 ",%" PRIu32 ",%d)%s", table, schema->version,
                      catalog == DUCK_RAW ? 1 : 0, filter);
    if (catalog == DUCK_HOT || schema->kind == TABLE_STREAM) {
        return;
    }
    buf_append_c(sql, " UNION ALL SELECT ");
    append_file_columns(sql, schema);
    buf_append_format(sql, " FROM read_parquet(kalam_files(%" PRIu32 "),schema=", table);
    duck_append_field_map(sql, schema, NULL);
    buf_append_format(sql, ") c ANTI JOIN kalam_dead(%" PRIu32 ") d ON c._seq = d.seq%s", table,
                      filter);
}

static status run_buf(struct duck *duck, struct buf *sql, struct error *err)
{
    buf_append_byte(sql, 0);
    status result = duck_run_sql(duck->ddl, sql->p, err);
    buf_clear(sql);
    return result;
}

/* Under views_lock; whatever stands there from a failed try is replaced. */
static status make_view(struct duck *duck, enum duck_catalog catalog, const struct schema *schema,
                        const char *schema_name, struct error *err)
{
    const char *catalog_name = catalog_names[catalog];
    struct buf sql;
    buf_init(&sql);
    buf_append_format(&sql, "CREATE SCHEMA IF NOT EXISTS %s.\"%s\"", catalog_name, schema_name);
    status result = run_buf(duck, &sql, err);
    if (status_ok(result)) {
        buf_append_format(&sql, "CREATE OR REPLACE VIEW %s.\"%s\".", catalog_name, schema_name);
        duck_append_name(&sql, schema->table_name);
        buf_append_c(&sql, " AS ");
        append_view(&sql, catalog, schema);
        result = run_buf(duck, &sql, err);
    }
    buf_release(&sql);
    return result;
}

static struct duck_table *find_or_add(struct duck *duck, struct schema *schema, const char *name)
{
    struct duck_table *entry = map_find(&duck->tables, str_from(name));
    if (entry == NULL) {
        entry = mem_alloc_zeroed(sizeof *entry);
        entry->schema = schema_take(schema);
        (void)map_put(&duck->tables, str_from(name), entry);
    }
    return entry;
}

status duck_define_table(struct duck *duck, enum duck_catalog catalog, struct schema *schema,
                         struct error *err)
{
    CHECK(catalog < DUCK_INTERNAL);
    char name[DUCK_SCHEMA_NAME_BYTES];
    duck_schema_name(schema->table, schema->version, name);
    lock_take(&duck->names_lock);
    struct duck_table *entry = find_or_add(duck, schema, name);
    bool is_defined = entry->is_defined[catalog];
    lock_give(&duck->names_lock);
    if (is_defined) {
        return STATUS_IS_OK;
    }

    lock_take(&duck->views_lock);
    lock_take(&duck->names_lock);
    entry = find_or_add(duck, schema, name); /* it may have been forgotten meanwhile */
    is_defined = entry->is_defined[catalog];
    lock_give(&duck->names_lock);
    status result = STATUS_IS_OK;
    if (!is_defined) {
        result = make_view(duck, catalog, schema, name, err);
        if (status_ok(result)) {
            lock_take(&duck->names_lock);
            entry->is_defined[catalog] = true; /* entries go under views_lock only */
            lock_give(&duck->names_lock);
        }
    }
    lock_give(&duck->views_lock);
    return result;
}

/* Under views_lock. */
static status make_system_view(struct duck *duck, str namespace_name, str table, str full_name,
                               struct error *err)
{
    struct buf sql;
    struct buf schema_name;
    buf_init(&sql);
    buf_init(&schema_name);
    buf_append_c(&schema_name, DUCK_SYSTEM_SCHEMA_PREFIX);
    buf_append_str(&schema_name, namespace_name);
    buf_append_c(&sql, "CREATE SCHEMA IF NOT EXISTS " DUCK_SYSTEM_CATALOG ".");
    duck_append_name(&sql, buf_str(&schema_name));
    status result = run_buf(duck, &sql, err);
    if (status_ok(result)) {
        buf_append_c(&sql, "CREATE OR REPLACE VIEW " DUCK_SYSTEM_CATALOG ".");
        duck_append_name(&sql, buf_str(&schema_name));
        buf_append_c(&sql, ".");
        duck_append_name(&sql, table);
        buf_append_c(&sql, " AS SELECT * FROM kalam_system(");
        duck_append_literal(&sql, full_name);
        buf_append_c(&sql, ")");
        result = run_buf(duck, &sql, err);
    }
    buf_release(&schema_name);
    buf_release(&sql);
    return result;
}

status duck_define_system(struct duck *duck, str namespace_name, str table, struct error *err)
{
    struct arena arena;
    arena_init(&arena);
    str full_name = arena_format(&arena, STR_FMT "." STR_FMT, STR(namespace_name), STR(table));
    lock_take(&duck->names_lock);
    bool is_defined = map_find(&duck->systems, full_name) != NULL;
    lock_give(&duck->names_lock);
    status result = STATUS_IS_OK;
    if (!is_defined) {
        lock_take(&duck->views_lock);
        result = make_system_view(duck, namespace_name, table, full_name, err);
        if (status_ok(result)) {
            lock_take(&duck->names_lock);
            (void)map_put(&duck->systems, full_name, duck);
            lock_give(&duck->names_lock);
        }
        lock_give(&duck->views_lock);
    }
    arena_release(&arena);
    return result;
}

/* --- forgetting ---------------------------------------------------------------------------------
 */

static void drop_views(struct duck *duck, const struct duck_table *entry, const char *name)
{
    for (unsigned catalog = 0; catalog < DUCK_INTERNAL; catalog++) {
        if (!entry->is_defined[catalog]) {
            continue;
        }
        struct buf sql;
        buf_init(&sql);
        buf_append_format(&sql, "DROP SCHEMA IF EXISTS %s.\"%s\" CASCADE", catalog_names[catalog],
                          name);
        struct error err;
        if (!status_ok(run_buf(duck, &sql, &err))) {
            log_warn("engine", "drop_view_failed", "schema=%s error=\"%s\"", name, err.text);
        }
        buf_release(&sql);
    }
}

/* One registered version of the table below `version`, taken out of the registry; NULL: none. */
static struct duck_table *take_version(struct duck *duck, table_id table, uint32_t version,
                                       char name[DUCK_SCHEMA_NAME_BYTES])
{
    size_t position = 0;
    str key;
    void *value;
    while (map_next(&duck->tables, &position, &key, &value)) {
        struct duck_table *entry = value;
        if (entry->schema->table.v == table.v &&
            (entry->schema->version < version || version == UINT32_MAX)) {
            duck_schema_name(table, entry->schema->version, name);
            (void)map_remove(&duck->tables, str_from(name));
            return entry;
        }
    }
    return NULL;
}

void duck_forget_table(struct duck *duck, table_id table, uint32_t version)
{
    lock_take(&duck->views_lock);
    for (;;) {
        char name[DUCK_SCHEMA_NAME_BYTES];
        lock_take(&duck->names_lock);
        struct duck_table *entry = take_version(duck, table, version, name);
        lock_give(&duck->names_lock);
        if (entry == NULL) {
            break;
        }
        drop_views(duck, entry, name);
        (void)atomic_count_add(&duck->generation, 1);
        schema_give(entry->schema);
        mem_free(entry);
    }
    lock_give(&duck->views_lock);
}

void duck_view_close(struct duck *duck)
{
    size_t position = 0;
    str key;
    void *value;
    while (map_next(&duck->tables, &position, &key, &value)) {
        struct duck_table *entry = value;
        schema_give(entry->schema);
        mem_free(entry);
    }
    map_release(&duck->tables);
    map_release(&duck->systems);
}
