/* query/system_tables.c -- the list of system tables, and the rows of those that the catalog has.
 */
#include "query/system_private.h"

#include "catalog/audit.h"
#include "query/transaction.h"
#include "wire/json.h"

enum { SYSTEM_CACHE_TTL_S = 300 }; /* as clients are told (contract sql.md section 6.1) */

/* -- helpers ------------------------------------------------------------------------------------
 */

static struct value text_or_null(str s)
{
    return s.n > 0 ? value_text(s) : value_null(type_of(TYPE_TEXT));
}

static struct value json_or_null(str s)
{
    return s.n > 0 ? (struct value){.type = {.id = TYPE_JSON}, .as.text = s}
                   : value_null(type_of(TYPE_JSON));
}

static struct value time_or_null(int64_t us)
{
    return us != 0 ? value_int(TYPE_TIMESTAMP, us) : value_null(type_of(TYPE_TIMESTAMP));
}

static struct value json_value(str s)
{
    return (struct value){.type = {.id = TYPE_JSON}, .as.text = s};
}

static bool is_admin(const struct read_context *rc)
{
    return session_is_admin(rc->session);
}

bool system_may_see(const struct read_context *rc, const struct table *table)
{
    struct error ignored;
    return is_admin(rc) || status_ok(query_may_read(rc->session, table, &ignored));
}

/* "ns:table", as the display form of a table id. */
static str table_display(struct arena *arena, str ns, str name)
{
    return arena_format(arena, STR_FMT ":" STR_FMT, STR(ns), STR(name));
}

/* -- users --------------------------------------------------------------------------------------
 */

struct user_fill {
    struct read_context *rc;
    const struct row_sink *sink;
    status result;
    struct error *err;
};

static const char *login_name(enum user_login login)
{
    static const char *const names[] = {"password", "oauth", "internal"};
    return names[login];
}

static void fill_user(void *context, const struct user *u)
{
    struct user_fill *fill = context;
    if (!status_ok(fill->result)) {
        return;
    }
    struct value row[] = {
        value_text(u->id),
        value_text(is_admin(fill->rc) ? u->password_hash : STR_LIT("***")),
        value_text(str_from(role_name(u->role))),
        text_or_null(u->email),
        value_text(str_from(login_name(u->auth))),
        json_or_null(u->auth_data),
        value_text(u->storage_mode.n > 0 ? u->storage_mode : STR_LIT("table")),
        text_or_null(u->storage_id),
        value_int(TYPE_INT, (int64_t)u->failed_logins),
        time_or_null(u->locked_until_us),
        time_or_null(u->last_login_us),
        value_int(TYPE_TIMESTAMP, u->created_us),
        value_int(TYPE_TIMESTAMP, u->updated_us),
        time_or_null(u->last_login_us),
        time_or_null(u->deleted_us),
    };
    fill->result = fill->sink->row(fill->sink->context, row, fill->err);
}

/* Of one role, by its very name: the column never shows an alias. */
static void fill_users_of(struct catalog *catalog, str name, struct user_fill *fill)
{
    for (enum role role = ROLE_USER; role <= ROLE_SYSTEM; role++) {
        if (str_eq_c(name, role_name(role))) {
            catalog_each_user(catalog, &role, fill_user, fill);
        }
    }
}

static status fill_users(struct read_context *rc, const struct row_sink *sink, struct error *err)
{
    struct user_fill fill = {rc, sink, STATUS_IS_OK, err};
    struct catalog *catalog = rc->engine->catalog;
    if (rc->key.column == NULL) {
        catalog_each_user(catalog, NULL, fill_user, &fill);
    } else if (strcmp(rc->key.column, "role") == 0) {
        fill_users_of(catalog, rc->key.text, &fill);
    } else {
        struct user *user = catalog_find_user(catalog, rc->key.text);
        if (user != NULL) {
            fill_user(&fill, user);
        }
        user_give(user);
    }
    return fill.result;
}

/* -- namespaces, storages -----------------------------------------------------------------------
 */

static status fill_namespaces(struct read_context *rc, const struct row_sink *sink,
                              struct error *err)
{
    for (unsigned i = 0; i < rc->snapshot->namespace_count; i++) {
        const struct namespace_def *ns = rc->snapshot->namespaces[i];
        if (system_key_skips(rc, "namespace_id", ns->name)) {
            continue;
        }
        struct value row[] = {value_text(ns->name), value_text(ns->name),
                              value_int(TYPE_TIMESTAMP, ns->created_us), json_or_null(ns->options),
                              value_int(TYPE_INT, ns->table_count)};
        TRY(sink->row(sink->context, row, err));
    }
    return STATUS_IS_OK;
}

/* JSON that only dba and system may read. */
static struct value secret_or_null(const struct read_context *rc, str s)
{
    return json_or_null(s.n > 0 && !is_admin(rc) ? STR_LIT("***") : s);
}

static status fill_storages(struct read_context *rc, const struct row_sink *sink, struct error *err)
{
    for (unsigned i = 0; i < rc->snapshot->storage_count; i++) {
        const struct storage_def *s = rc->snapshot->storages[i];
        if (system_key_skips(rc, "storage_id", s->id)) {
            continue;
        }
        struct value credentials = secret_or_null(rc, s->credentials);
        struct value row[] = {value_text(s->id),
                              value_text(s->name),
                              text_or_null(s->description),
                              value_text(s->type),
                              value_text(is_admin(rc) ? s->base_directory : STR_LIT("***")),
                              credentials,
                              secret_or_null(rc, s->config), /* keys of object stores */
                              value_text(s->shared_template),
                              value_text(s->user_template),
                              value_int(TYPE_TIMESTAMP, s->created_us),
                              value_int(TYPE_TIMESTAMP, s->updated_us)};
        TRY(sink->row(sink->context, row, err));
    }
    return STATUS_IS_OK;
}

/* -- tables and their versions ------------------------------------------------------------------
 */

static void write_flush_policy(struct json_writer *w, const struct flush_policy *p)
{
    json_write_key(w, "flush_policy");
    if (p->rows == 0 && p->interval_s == 0) {
        json_write_null(w);
        return;
    }
    json_write_object_begin(w);
    json_write_key(w, "type");
    json_write_text_c(w, p->rows == 0         ? "time_interval"
                         : p->interval_s == 0 ? "row_limit"
                                              : "combined");
    if (p->rows > 0) {
        json_write_key(w, "row_limit");
        json_write_i64(w, p->rows);
    }
    if (p->interval_s > 0) {
        json_write_key(w, "interval_seconds");
        json_write_i64(w, p->interval_s);
    }
    json_write_object_end(w);
}

/* What is there only when it was said. Retention 0: for ever. */
static void write_said(struct json_writer *w, const struct table *t)
{
    if (t->deleted_retention_s != TABLE_RETENTION_DEFAULT) {
        int64_t kept_s = t->deleted_retention_s;
        json_write_key(w, "deleted_retention_seconds");
        json_write_i64(w, kept_s == TABLE_RETENTION_FOR_EVER ? 0 : kept_s);
    }
    if (t->location.n > 0) {
        json_write_key(w, "location");
        json_write_text(w, t->location);
    }
}

/* Of spec 002, and only what was said: 0.4.3's clients know no such keys. */
static void write_stream_options(struct json_writer *w, const struct table *t)
{
    if (t->max_buffer > 0) {
        json_write_key(w, "max_buffer");
        json_write_i64(w, t->max_buffer);
    }
    if (t->is_ephemeral) {
        json_write_key(w, "ephemeral");
        json_write_bool(w, true);
    }
}

/* The options JSON of system.schemas (contract http-ws.md section 11). */
static str options_text(struct arena *arena, const struct table *t)
{
    struct buf text;
    buf_init(&text);
    struct json_writer w = json_writer_on(&text);
    json_write_object_begin(&w);
    json_write_key(&w, "table_type");
    switch (t->kind) {
    case TABLE_USER:
        json_write_text_c(&w, "USER");
        json_write_key(&w, "storage_id");
        json_write_text(&w, t->storage_id);
        json_write_key(&w, "use_user_storage");
        json_write_bool(&w, t->uses_user_storage);
        write_flush_policy(&w, &t->flush);
        write_said(&w, t);
        break;
    case TABLE_SHARED:
        json_write_text_c(&w, "SHARED");
        json_write_key(&w, "storage_id");
        json_write_text(&w, t->storage_id);
        json_write_key(&w, "access_level");
        json_write_text_c(&w, table_access_name(t->access));
        write_flush_policy(&w, &t->flush);
        write_said(&w, t);
        break;
    case TABLE_STREAM:
        json_write_text_c(&w, "STREAM");
        json_write_key(&w, "ttl_seconds");
        json_write_i64(&w, t->ttl_s);
        json_write_key(&w, "eviction_strategy");
        json_write_text_c(&w, "time_based");
        json_write_key(&w, "max_stream_size_bytes");
        json_write_i64(&w, 0);
        write_stream_options(&w, t);
        break;
    case TABLE_SYSTEM:
        json_write_text_c(&w, "SYSTEM");
        json_write_key(&w, "read_only");
        json_write_bool(&w, true);
        json_write_key(&w, "enable_cache");
        json_write_bool(&w, true);
        json_write_key(&w, "cache_ttl_seconds");
        json_write_i64(&w, SYSTEM_CACHE_TTL_S);
        json_write_key(&w, "localhost_only");
        json_write_bool(&w, false);
        break;
    }
    if (t->kind != TABLE_SYSTEM) {
        json_write_key(&w, "compression");
        json_write_text_c(&w, "zstd");
    }
    json_write_object_end(&w);
    str copy = arena_copy(arena, buf_str(&text));
    buf_release(&text);
    return copy;
}

static struct value access_value(struct arena *arena, const struct table *t)
{
    return t->kind == TABLE_SHARED
               ? value_text(arena_lower(arena, str_from(table_access_name(t->access))))
               : value_null(type_of(TYPE_TEXT));
}

static status schema_row(struct read_context *rc, const struct table *t, uint32_t version,
                         const struct row_sink *sink, struct error *err)
{
    struct schema *schema = NULL;
    TRY(catalog_schema(rc->engine->catalog, t->id, version, &schema, err));
    struct buf columns;
    buf_init(&columns);
    schema_append_json(&columns, schema);
    schema_give(schema);
    struct table then = *t;
    then.access = table_access_at(t, version);
    struct value row[] = {value_text(table_display(rc->arena, t->namespace_name, t->name)),
                          value_text(t->name),
                          value_text(t->namespace_name),
                          value_text(str_from(table_kind_name(t->kind))),
                          value_int(TYPE_TIMESTAMP, t->created_us),
                          value_int(TYPE_INT, version),
                          json_value(buf_str(&columns)),
                          text_or_null(t->comment),
                          value_int(TYPE_TIMESTAMP, t->updated_us),
                          json_value(options_text(rc->arena, &then)),
                          access_value(rc->arena, &then),
                          value_bool(version == t->version),
                          text_or_null(t->kind == TABLE_STREAM ? (str){NULL, 0} : t->storage_id),
                          t->kind == TABLE_USER ? value_bool(t->uses_user_storage)
                                                : value_null(type_of(TYPE_BOOLEAN))};
    status result = sink->row(sink->context, row, err);
    buf_release(&columns);
    return result;
}

/* The JSON text of a system table's columns. */
static str system_columns_text(struct arena *arena, const struct system_table *table)
{
    struct buf text;
    buf_init(&text);
    struct json_writer w = json_writer_on(&text);
    json_write_array_begin(&w);
    for (unsigned i = 0; i < table->column_count; i++) {
        const struct system_column_def *c = &table->columns[i];
        json_write_object_begin(&w);
        json_write_key(&w, "column_id");
        json_write_i64(&w, i + 1);
        json_write_key(&w, "column_name");
        json_write_text_c(&w, c->name);
        json_write_key(&w, "column_comment");
        json_write_null(&w);
        json_write_key(&w, "data_type");
        type_append_wire(json_write_raw_begin(&w), type_of(c->type));
        json_write_key(&w, "default_value");
        json_write_text_c(&w, "None");
        json_write_key(&w, "ordinal_position");
        json_write_i64(&w, i + 1);
        json_write_key(&w, "is_nullable");
        json_write_bool(&w, c->is_nullable);
        json_write_key(&w, "is_primary_key");
        json_write_bool(&w, c->is_primary_key);
        json_write_key(&w, "is_partition_key");
        json_write_bool(&w, false);
        json_write_object_end(&w);
    }
    json_write_array_end(&w);
    str copy = arena_copy(arena, buf_str(&text));
    buf_release(&text);
    return copy;
}

/* System tables are as old as the data folder, and so is storage `local`. */
static int64_t made_us(const struct read_context *rc)
{
    const struct storage_def *local = snapshot_find_storage(rc->snapshot, STR_LIT("local"));
    return local != NULL ? local->created_us : 0;
}

static status system_schema_row(struct read_context *rc, const struct system_table *t,
                                const struct row_sink *sink, struct error *err)
{
    struct value none = value_null(type_of(TYPE_TEXT));
    struct table own = {.kind = TABLE_SYSTEM};
    struct value row[] = {
        value_text(table_display(rc->arena, str_from(t->namespace_name), str_from(t->name))),
        value_text(str_from(t->name)),
        value_text(str_from(t->namespace_name)),
        value_text(STR_LIT("system")),
        value_int(TYPE_TIMESTAMP, made_us(rc)),
        value_int(TYPE_INT, 1),
        json_value(system_columns_text(rc->arena, t)),
        none,
        value_int(TYPE_TIMESTAMP, made_us(rc)),
        json_value(options_text(rc->arena, &own)),
        none,
        value_bool(true),
        none,
        value_null(type_of(TYPE_BOOLEAN))};
    return sink->row(sink->context, row, err);
}

static status system_schema_rows(struct read_context *rc, const struct row_sink *sink,
                                 struct error *err)
{
    const struct system_table *t = NULL;
    for (unsigned i = 0; is_admin(rc) && (t = system_table_at(i)) != NULL; i++) {
        if (strcmp(t->namespace_name, "system") == 0 &&
            (rc->key.column == NULL ||
             str_eq(rc->key.text,
                    table_display(rc->arena, STR_LIT("system"), str_from(t->name))))) {
            TRY(system_schema_row(rc, t, sink, err));
        }
    }
    return STATUS_IS_OK;
}

status system_fill_latest_schemas(struct read_context *rc, str ns, const struct row_sink *sink,
                                  struct error *err)
{
    for (unsigned i = 0; i < rc->snapshot->table_count; i++) {
        const struct table *t = rc->snapshot->tables[i];
        if ((ns.n == 0 || str_eq(t->namespace_name, ns)) && system_may_see(rc, t)) {
            TRY(schema_row(rc, t, t->version, sink, err));
        }
    }
    return ns.n == 0 || str_eq_c(ns, "system") ? system_schema_rows(rc, sink, err) : STATUS_IS_OK;
}

static status schema_rows(struct read_context *rc, const struct table *t,
                          const struct row_sink *sink, struct error *err)
{
    for (uint32_t v = 1; v <= t->version; v++) {
        TRY(schema_row(rc, t, v, sink, err));
    }
    return STATUS_IS_OK;
}

/* The table of a display id; NULL: there is none. */
static const struct table *find_by_display(const struct catalog_snapshot *snapshot, str id)
{
    ptrdiff_t colon = str_find_char(id, ':'); /* no name has one */
    return colon < 0 ? NULL
                     : snapshot_find_table(snapshot, str_slice(id, 0, (size_t)colon),
                                           str_skip(id, (size_t)colon + 1));
}

static status fill_schemas(struct read_context *rc, const struct row_sink *sink, struct error *err)
{
    if (rc->key.column != NULL) {
        const struct table *t = find_by_display(rc->snapshot, rc->key.text);
        if (t != NULL) {
            TRY(schema_rows(rc, t, sink, err));
        }
        return system_schema_rows(rc, sink, err);
    }
    for (unsigned i = 0; i < rc->snapshot->table_count; i++) {
        TRY(schema_rows(rc, rc->snapshot->tables[i], sink, err));
    }
    return system_schema_rows(rc, sink, err);
}

static status fill_tables(struct read_context *rc, const struct row_sink *sink, struct error *err)
{
    for (unsigned i = 0; i < rc->snapshot->table_count; i++) {
        const struct table *t = rc->snapshot->tables[i];
        if (system_key_skips(rc, "table_name", t->name)) {
            continue;
        }
        struct value row[] = {
            value_text(t->namespace_name),
            value_text(t->name),
            value_text(str_from(table_kind_name(t->kind))),
            text_or_null(t->kind == TABLE_STREAM ? (str){NULL, 0} : t->storage_id),
            value_int(TYPE_BIGINT, t->version),
            value_text(options_text(rc->arena, t)),
            text_or_null(t->comment),
            value_int(TYPE_TIMESTAMP, t->updated_us),
            value_int(TYPE_TIMESTAMP, t->created_us)};
        TRY(sink->row(sink->context, row, err));
    }
    for (unsigned i = 0; i < rc->snapshot->view_count; i++) {
        const struct view_def *v = rc->snapshot->views[i];
        struct value none = value_null(type_of(TYPE_TEXT));
        struct value row[] = {value_text(v->namespace_name),
                              value_text(v->name),
                              value_text(STR_LIT("view")),
                              none,
                              value_int(TYPE_BIGINT, 1),
                              none,
                              none,
                              value_int(TYPE_TIMESTAMP, v->created_us),
                              value_int(TYPE_TIMESTAMP, v->created_us)};
        TRY(sink->row(sink->context, row, err));
    }
    return STATUS_IS_OK;
}

/* -- columns ------------------------------------------------------------------------------------
 */

/* "NOW()", "'x'", or null. */
static struct value default_text(struct arena *arena, const struct column *c)
{
    static const char *const functions[] = {
        "", "", "NOW()", "SNOWFLAKE_ID()", "UUID_V7()", "ULID()", "CURRENT_USER()"};
    if (c->default_kind == DEFAULT_NONE) {
        return value_null(type_of(TYPE_TEXT));
    }
    if (c->default_kind != DEFAULT_LITERAL) {
        return value_text(str_from(functions[c->default_kind]));
    }
    if (c->default_value.is_null) {
        return value_text(STR_LIT("NULL"));
    }
    struct buf text;
    buf_init(&text);
    value_append_text(&text, &c->default_value);
    struct value v = value_text(arena_copy(arena, buf_str(&text)));
    buf_release(&text);
    return v;
}

str system_type_text(struct arena *arena, struct type type)
{
    struct buf text;
    buf_init(&text);
    type_append_sql(&text, type);
    str copy = arena_copy(arena, buf_str(&text));
    buf_release(&text);
    return copy;
}

static status each_column(struct read_context *rc, const struct schema *schema,
                          system_column_fn *fn, void *context, struct error *err)
{
    for (unsigned i = 0; i < schema->column_count; i++) {
        const struct column *c = &schema->columns[i];
        struct system_column_row row = {
            c->id,      c->name,        c->comment,       c->type, default_text(rc->arena, c),
            c->ordinal, c->is_nullable, c->is_primary_key};
        TRY(fn(context, &row, err));
    }
    unsigned ordinal = schema->column_count;
    for (int s = SYSTEM_SEQ; s < SYSTEM_COLUMN_COUNT; s++) {
        const char *name = system_column_name((enum system_column)s);
        if (schema_find_system_column(schema, str_from(name)) < 0) {
            continue;
        }
        ordinal++;
        struct system_column_row row = {.id = COLUMN_ID_SYSTEM + (uint32_t)s,
                                        .name = str_from(name),
                                        .type = system_column_type((enum system_column)s),
                                        .default_value = s == SYSTEM_DELETED
                                                             ? value_text(STR_LIT("false"))
                                                             : value_null(type_of(TYPE_TEXT)),
                                        .ordinal = ordinal};
        TRY(fn(context, &row, err));
    }
    return STATUS_IS_OK;
}

static status system_columns_row(void *context, const struct system_column_row *c,
                                 struct error *err)
{
    struct system_column_fill *fill = context;
    struct value row[] = {value_text(fill->table->namespace_name),
                          value_text(fill->table->name),
                          value_int(TYPE_BIGINT, fill->version),
                          value_int(TYPE_BIGINT, c->id),
                          value_text(c->name),
                          text_or_null(c->comment),
                          value_text(system_type_text(fill->rc->arena, c->type)),
                          c->default_value,
                          value_int(TYPE_BIGINT, c->ordinal),
                          value_bool(c->is_nullable),
                          value_bool(c->is_primary_key),
                          c->is_primary_key ? value_int(TYPE_BIGINT, 1)
                                            : value_null(type_of(TYPE_BIGINT))};
    return fill->sink->row(fill->sink->context, row, err);
}

/* DESCRIBE TABLE (contract sql.md section 1.4). */
static status describe_row(void *context, const struct system_column_row *c, struct error *err)
{
    struct system_column_fill *fill = context;
    struct value row[] = {value_text(c->name),
                          value_int(TYPE_INT, c->ordinal),
                          value_int(TYPE_BIGINT, c->id),
                          value_text(system_type_text(fill->rc->arena, c->type)),
                          value_bool(c->is_nullable),
                          value_bool(c->is_primary_key),
                          c->default_value,
                          text_or_null(c->comment),
                          value_int(TYPE_INT, fill->version)};
    return fill->sink->row(fill->sink->context, row, err);
}

status system_each_column(struct read_context *rc, const struct table *table, uint32_t version,
                          const struct row_sink *sink, system_column_fn *fn, struct error *err)
{
    struct schema *schema = NULL;
    TRY(catalog_schema(rc->engine->catalog, table->id, version, &schema, err));
    struct system_column_fill fill = {rc, sink, table, version};
    status result = each_column(rc, schema, fn, &fill, err);
    schema_give(schema);
    return result;
}

status system_fill_describe(struct read_context *rc, const struct table *table, uint32_t version,
                            const struct row_sink *sink, struct error *err)
{
    return system_each_column(rc, table, version, sink, describe_row, err);
}

static status fill_columns(struct read_context *rc, const struct row_sink *sink, struct error *err)
{
    for (unsigned i = 0; i < rc->snapshot->table_count; i++) {
        const struct table *t = rc->snapshot->tables[i];
        if (system_key_skips(rc, "table_name", t->name)) {
            continue;
        }
        TRY(system_each_column(rc, t, t->version, sink, system_columns_row, err));
    }
    return STATUS_IS_OK;
}

/* -- audit log, and what there is none of -------------------------------------------------------
 */

struct audit_fill {
    struct read_context *rc;
    const struct row_sink *sink;
};

static status audit_row(void *context, const struct audit_record *record, struct error *err)
{
    struct audit_fill *fill = context;
    const struct audit_entry *e = &record->entry;
    str id = arena_format(fill->rc->arena, "%llu", (unsigned long long)record->number);
    struct value row[] = {value_text(id),           value_int(TYPE_TIMESTAMP, record->at_us),
                          value_text(e->actor),     value_text(e->action),
                          value_text(e->target),    text_or_null(e->details),
                          text_or_null(e->address), text_or_null(e->subject)};
    return fill->sink->row(fill->sink->context, row, err);
}

static status fill_audit_log(struct read_context *rc, const struct row_sink *sink,
                             struct error *err)
{
    struct audit_fill fill = {rc, sink};
    uint64_t number = 0;
    if (rc->key.column != NULL) {
        return str_to_u64(rc->key.text, &number)
                   ? audit_one(rc->view, number, audit_row, &fill, err)
                   : STATUS_IS_OK;
    }
    return audit_each(rc->view, audit_row, &fill, err);
}

/* system.describe has columns and never a row (contract sql.md section 6.2). */
static status fill_nothing(struct read_context *rc, const struct row_sink *sink, struct error *err)
{
    (void)rc;
    (void)sink;
    (void)err;
    return STATUS_IS_OK;
}

/* -- transactions -------------------------------------------------------------------------------
 */

static status fill_transactions(struct read_context *rc, const struct row_sink *sink,
                                struct error *err)
{
    unsigned count = 0;
    const struct transaction_info *list = transactions_list(rc->engine, rc->arena, &count);
    for (unsigned i = 0; i < count; i++) {
        const struct transaction_info *t = &list[i];
        const struct value row[] = {
            value_text(t->id),
            value_text(t->owner_id),
            value_text(STR_LIT("SqlBatch")),
            value_text(t->has_writes ? STR_LIT("open_write") : STR_LIT("open_read")),
            value_int(TYPE_BIGINT, t->age_ms),
            value_int(TYPE_BIGINT, t->idle_ms),
            value_int(TYPE_BIGINT, (int64_t)t->write_count),
            value_int(TYPE_BIGINT, (int64_t)t->write_bytes),
            value_int(TYPE_BIGINT, (int64_t)t->table_count),
            value_int(TYPE_BIGINT, (int64_t)t->snapshot_seq)};
        TRY(sink->row(sink->context, row, err));
    }
    return STATUS_IS_OK;
}

/* -- types --------------------------------------------------------------------------------------
 */

static status fill_datatypes(struct read_context *rc, const struct row_sink *sink,
                             struct error *err)
{
    (void)rc;
    static const struct {
        const char *arrow;
        const char *kalam;
        const char *sql;
        const char *description;
    } rows[] = {
        {"Boolean", "Boolean", "BOOLEAN", "true or false"},
        {"Int16", "SmallInt", "SMALLINT", "16-bit integer"},
        {"Int32", "Int", "INT", "32-bit integer"},
        {"Int64", "BigInt", "BIGINT", "64-bit integer; a string in JSON"},
        {"Float32", "Float", "FLOAT", "32-bit floating point"},
        {"Float64", "Double", "DOUBLE", "64-bit floating point"},
        {"Utf8", "Text", "TEXT", "UTF-8 text"},
        {"Timestamp(Microsecond, None)", "Timestamp", "TIMESTAMP", "microseconds, UTC"},
        {"Date32", "Date", "DATE", "days since 1970-01-01"},
        {"Timestamp(Microsecond, Some(\"UTC\"))", "DateTime", "DATETIME", "microseconds, UTC"},
        {"Time64(Microsecond)", "Time", "TIME", "microseconds since midnight"},
        {"Utf8", "Json", "JSON", "JSON text"},
        {"Binary", "Bytes", "BYTES", "bytes; an array of numbers in JSON"},
        {"FixedSizeList(n x Float32)", "Embedding", "EMBEDDING(n)", "n 32-bit floats"},
        {"FixedSizeBinary(16)", "Uuid", "UUID", "16 bytes"},
        {"Decimal128(p, s)", "Decimal", "DECIMAL(p, s)", "exact decimal; a string in JSON"},
        {"Utf8", "File", "FILE", "reference to a stored file"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct value row[] = {
            value_text(str_from(rows[i].arrow)), value_text(str_from(rows[i].kalam)),
            value_text(str_from(rows[i].sql)), value_text(str_from(rows[i].description))};
        TRY(sink->row(sink->context, row, err));
    }
    return STATUS_IS_OK;
}

/* -- the list -----------------------------------------------------------------------------------
 */

#define TABLE(ns, name, fill, view, open)                                                          \
    static const struct system_column_def ns##_##name##_columns[] = {
#define COLUMN(name, type, nullable, key) {#name, TYPE_##type, nullable, key},
#define END(ns, name)                                                                              \
    }                                                                                              \
    ;
#include "query/system_tables.def"
#include "query/transaction.h"
#undef TABLE
#undef COLUMN
#undef END

static const struct system_table tables[] = {
#define TABLE(ns, name, fill, view, open)                                                          \
    {#ns,                                                                                          \
     #name,                                                                                        \
     ns##_##name##_columns,                                                                        \
     sizeof ns##_##name##_columns / sizeof ns##_##name##_columns[0],                               \
     fill,                                                                                         \
     view,                                                                                         \
     open},
#define COLUMN(name, type, nullable, key)
#define END(ns, name)
#include "query/system_tables.def"
#undef TABLE
#undef COLUMN
#undef END
};

const struct system_table *system_table_at(unsigned index)
{
    return index < sizeof tables / sizeof tables[0] ? &tables[index] : NULL;
}

const struct system_table *system_table_find(str ns, str name)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (str_eq_c(ns, tables[i].namespace_name) && str_eq_c(name, tables[i].name)) {
            return &tables[i];
        }
    }
    return NULL;
}
