/* query/system_info.c -- rows of information_schema, as the caller may see the tables; types by
 * their Arrow names (contract sql.md section 6.4). */
#include "query/system_private.h"

#include "query/gate.h"

#define CATALOG STR_LIT("kalam")

static struct value text_null(void)
{
    return value_null(type_of(TYPE_TEXT));
}

static struct value number_or_null(int64_t n)
{
    return n > 0 ? value_int(TYPE_BIGINT, n) : value_null(type_of(TYPE_BIGINT));
}

static struct value yes_or_no(bool yes)
{
    return value_text(yes ? STR_LIT("YES") : STR_LIT("NO"));
}

/* May the caller see a system table at all? */
static bool may_see_system(const struct read_context *rc, const struct system_table *table)
{
    return table->is_open || session_is_admin(rc->session);
}

str system_arrow_text(struct arena *arena, struct type type)
{
    switch (type.id) {
    case TYPE_BOOLEAN:
        return STR_LIT("Boolean");
    case TYPE_SMALLINT:
        return STR_LIT("Int16");
    case TYPE_INT:
        return STR_LIT("Int32");
    case TYPE_BIGINT:
        return STR_LIT("Int64");
    case TYPE_FLOAT:
        return STR_LIT("Float32");
    case TYPE_DOUBLE:
        return STR_LIT("Float64");
    case TYPE_TIMESTAMP:
        return STR_LIT("Timestamp(Microsecond, None)");
    case TYPE_DATETIME:
        return STR_LIT("Timestamp(Microsecond, Some(\"UTC\"))");
    case TYPE_DATE:
        return STR_LIT("Date32");
    case TYPE_TIME:
        return STR_LIT("Time64(Microsecond)");
    case TYPE_BYTES:
        return STR_LIT("Binary");
    case TYPE_UUID:
        return STR_LIT("FixedSizeBinary(16)");
    case TYPE_EMBEDDING:
        return arena_format(arena, "FixedSizeList(%u x Float32)", (unsigned)type.dimension);
    case TYPE_DECIMAL:
        return arena_format(arena, "Decimal128(%u, %u)", (unsigned)type.precision,
                            (unsigned)type.scale);
    default: /* TEXT, JSON, FILE */
        return STR_LIT("Utf8");
    }
}

/* -- tables, views, schemata --------------------------------------------------------------------
 */

static status table_row(const struct row_sink *sink, str ns, str name, const char *type,
                        struct error *err)
{
    struct value row[] = {value_text(CATALOG), value_text(ns), value_text(name),
                          value_text(str_from(type))};
    return sink->row(sink->context, row, err);
}

status system_fill_info_tables(struct read_context *rc, const struct row_sink *sink,
                               struct error *err)
{
    for (unsigned i = 0; i < rc->snapshot->table_count; i++) {
        const struct table *t = rc->snapshot->tables[i];
        if (system_may_see(rc, t) && !system_key_skips(rc, "table_name", t->name)) {
            TRY(table_row(sink, t->namespace_name, t->name, "BASE TABLE", err));
        }
    }
    for (unsigned i = 0; i < rc->snapshot->view_count; i++) {
        const struct view_def *v = rc->snapshot->views[i];
        TRY(table_row(sink, v->namespace_name, v->name, "VIEW", err));
    }
    const struct system_table *s = NULL;
    for (unsigned i = 0; (s = system_table_at(i)) != NULL; i++) {
        if (may_see_system(rc, s) && !system_key_skips(rc, "table_name", str_from(s->name))) {
            TRY(table_row(sink, str_from(s->namespace_name), str_from(s->name),
                          s->is_view ? "VIEW" : "BASE TABLE", err));
        }
    }
    return STATUS_IS_OK;
}

/* The text of a view may hold what its reader must not know: only admins see it. */
status system_fill_info_views(struct read_context *rc, const struct row_sink *sink,
                              struct error *err)
{
    for (unsigned i = 0; i < rc->snapshot->view_count; i++) {
        const struct view_def *v = rc->snapshot->views[i];
        struct value row[] = {value_text(CATALOG), value_text(v->namespace_name),
                              value_text(v->name),
                              session_is_admin(rc->session) ? value_text(v->query) : text_null()};
        TRY(sink->row(sink->context, row, err));
    }
    return STATUS_IS_OK;
}

static status schema_row(const struct row_sink *sink, str name, struct error *err)
{
    struct value none = text_null();
    struct value row[] = {value_text(CATALOG), value_text(name), none, none, none, none, none};
    return sink->row(sink->context, row, err);
}

status system_fill_info_schemata(struct read_context *rc, const struct row_sink *sink,
                                 struct error *err)
{
    for (unsigned i = 0; i < rc->snapshot->namespace_count; i++) {
        TRY(schema_row(sink, rc->snapshot->namespaces[i]->name, err));
    }
    TRY(schema_row(sink, STR_LIT("information_schema"), err));
    return schema_row(sink, STR_LIT("system"), err);
}

/* -- columns ------------------------------------------------------------------------------------
 */

/* Digits, their base, digits after the point. */
struct numeric_shape {
    int64_t precision;
    int64_t radix;
    int64_t scale; /* -1: none */
};

static struct numeric_shape numeric_of(struct type type)
{
    switch (type.id) {
    case TYPE_SMALLINT:
        return (struct numeric_shape){16, 2, -1};
    case TYPE_INT:
        return (struct numeric_shape){32, 2, -1};
    case TYPE_BIGINT:
        return (struct numeric_shape){64, 2, -1};
    case TYPE_FLOAT:
        return (struct numeric_shape){24, 2, -1};
    case TYPE_DOUBLE:
        return (struct numeric_shape){53, 2, -1};
    case TYPE_DECIMAL:
        return (struct numeric_shape){type.precision, 10, type.scale};
    default:
        return (struct numeric_shape){0, 0, -1};
    }
}

/* What information_schema.columns says of one column. */
struct info_column {
    str ns;
    str table;
    str name;
    int64_t ordinal;
    struct value default_value;
    bool is_nullable;
    struct type type;
};

static status column_row(struct arena *arena, const struct row_sink *sink,
                         const struct info_column *c, struct error *err)
{
    struct numeric_shape n = numeric_of(c->type);
    str arrow = system_arrow_text(arena, c->type);
    bool has_octets = str_eq_c(arrow, "Utf8") || c->type.id == TYPE_BYTES;
    struct value row[] = {value_text(CATALOG),
                          value_text(c->ns),
                          value_text(c->table),
                          value_text(c->name),
                          value_int(TYPE_BIGINT, c->ordinal),
                          c->default_value,
                          yes_or_no(c->is_nullable),
                          value_text(arrow),
                          value_null(type_of(TYPE_BIGINT)),
                          number_or_null(has_octets ? INT32_MAX : 0),
                          number_or_null(n.precision),
                          number_or_null(n.radix),
                          n.scale >= 0 ? value_int(TYPE_BIGINT, n.scale)
                                       : value_null(type_of(TYPE_BIGINT)),
                          value_null(type_of(TYPE_BIGINT)),
                          text_null()};
    return sink->row(sink->context, row, err);
}

static status user_column(void *context, const struct system_column_row *c, struct error *err)
{
    struct system_column_fill *fill = context;
    struct info_column column = {fill->table->namespace_name,
                                 fill->table->name,
                                 c->name,
                                 c->ordinal,
                                 c->default_value,
                                 c->is_nullable,
                                 c->type};
    return column_row(fill->rc->arena, fill->sink, &column, err);
}

static status system_columns(struct read_context *rc, const struct system_table *s,
                             const struct row_sink *sink, struct error *err)
{
    for (unsigned i = 0; i < s->column_count; i++) {
        const struct system_column_def *c = &s->columns[i];
        struct info_column column = {str_from(s->namespace_name),
                                     str_from(s->name),
                                     str_from(c->name),
                                     i + 1,
                                     text_null(),
                                     c->is_nullable,
                                     type_of(c->type)};
        TRY(column_row(rc->arena, sink, &column, err));
    }
    return STATUS_IS_OK;
}

status system_fill_info_columns(struct read_context *rc, const struct row_sink *sink,
                                struct error *err)
{
    for (unsigned i = 0; i < rc->snapshot->table_count; i++) {
        const struct table *t = rc->snapshot->tables[i];
        if (system_may_see(rc, t) && !system_key_skips(rc, "table_name", t->name)) {
            TRY(system_each_column(rc, t, t->version, sink, user_column, err));
        }
    }
    const struct system_table *s = NULL;
    for (unsigned i = 0; (s = system_table_at(i)) != NULL; i++) {
        if (may_see_system(rc, s) && !system_key_skips(rc, "table_name", str_from(s->name))) {
            TRY(system_columns(rc, s, sink, err));
        }
    }
    return STATUS_IS_OK;
}

/* -- functions, settings ------------------------------------------------------------------------
 */

/* The functions that a statement may call, by name. */
status system_fill_info_routines(struct read_context *rc, const struct row_sink *sink,
                                 struct error *err)
{
    (void)rc;
    struct value none = text_null();
    const char *name = NULL;
    for (unsigned i = 0; (name = gate_function_name(i, false)) != NULL; i++) {
        bool is_word = (name[0] >= 'a' && name[0] <= 'z') && strncmp(name, "__", 2) != 0;
        enum gate_class class = gate_class_of_function(str_from(name));
        if (!is_word || class == GATE_DENY || class == GATE_UNKNOWN) {
            continue;
        }
        struct value named = value_text(str_from(name));
        struct value row[] = {value_text(CATALOG),
                              value_text(STR_LIT("public")),
                              named,
                              value_text(CATALOG),
                              value_text(STR_LIT("public")),
                              named,
                              value_text(STR_LIT("FUNCTION")),
                              value_null(type_of(TYPE_BOOLEAN)),
                              none,
                              none,
                              none,
                              none};
        TRY(sink->row(sink->context, row, err));
    }
    return STATUS_IS_OK;
}

/* The server's settings name its folders: rows for admins only. */
status system_fill_info_settings(struct read_context *rc, const struct row_sink *sink,
                                 struct error *err)
{
    const struct query_hooks *hooks = &rc->engine->hooks;
    if (!session_is_admin(rc->session)) {
        return STATUS_IS_OK;
    }
    /* Its first three columns are those of system.settings. */
    return hooks->system_rows(hooks->context, rc->session, STR_LIT("settings"), &rc->key, rc->arena,
                              sink, err);
}
