/* query/alter_table.c -- ALTER TABLE: all actions of a statement make one new version, or none
 * (contract sql.md section 1.3; design section 14 says what is refused). Rows are never rewritten:
 * old versions are read as the new schema has them, matched by column id. */
#include "query/run.h"

#include "auth/access.h"
#include "query/column_def.h"
#include "store/registry.h"

/* The columns as they will be. */
struct alter {
    struct run *run;
    const struct table *table;
    struct schema *schema;
    struct column *columns;
    unsigned count;
    enum table_access access;
    int64_t deleted_retention_s;
    bool has_effect; /* one action or more changes something: a new version */
    bool has_rows;
    uint64_t mark;     /* of the writes up to has_rows */
    bool needs_no_row; /* it is allowed because the table has none */
    str text;          /* "ADD COLUMN c INT, DROP COLUMN d" */
};

static int find(const struct alter *a, str name)
{
    for (unsigned i = 0; i < a->count; i++) {
        if (str_eq(a->columns[i].name, name)) {
            return (int)i;
        }
    }
    return -1;
}

static status find_column(const struct alter *a, str name, const char *verb, unsigned *out,
                          struct error *err)
{
    if (schema_find_system_column(a->schema, name) >= 0) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Cannot %s column '" STR_FMT "': system column cannot be %s", verb,
                         STR(name), strcmp(verb, "modify") == 0 ? "altered" : "modified");
    }
    int at = find(a, name);
    if (at < 0) {
        return error_set(err, ERROR_INVALID_OPERATION, "Column '" STR_FMT "' does not exist",
                         STR(name));
    }
    *out = (unsigned)at;
    return STATUS_IS_OK;
}

static str type_text(struct arena *arena, struct type type)
{
    struct buf text;
    buf_init(&text);
    type_append_sql(&text, type);
    str copy = arena_copy(arena, buf_str(&text));
    buf_release(&text);
    return copy;
}

static void describe(struct alter *a, str action)
{
    a->text = a->text.n == 0
                  ? action
                  : arena_format(a->run->arena, STR_FMT ", " STR_FMT, STR(a->text), STR(action));
}

/* -- the actions --------------------------------------------------------------------------------
 */

/* What rows of older versions show: a constant fixed now, never a later default. */
static status absent_value(struct alter *a, struct column *c, struct error *err)
{
    c->absent_value = value_null(c->type);
    if (c->is_nullable) {
        return STATUS_IS_OK;
    }
    if (c->default_kind == DEFAULT_NONE) {
        a->needs_no_row = true;
        return a->has_rows ? error_set(err, ERROR_INVALID_OPERATION,
                                       "Cannot add NOT NULL column '" STR_FMT
                                       "' without DEFAULT: the table has rows",
                                       STR(c->name))
                           : STATUS_IS_OK;
    }
    return column_default_value(a->run, c, a->run->arena, &c->absent_value, err);
}

static status add_column(struct alter *a, const struct alter_action *action, struct error *err)
{
    const struct column_def *def = &action->column_def;
    if (find(a, def->name) >= 0) {
        if (action->if_not_exists) {
            describe(a, arena_format(a->run->arena, "ADD COLUMN " STR_FMT " " STR_FMT,
                                     STR(def->name), STR(type_text(a->run->arena, def->type))));
            return STATUS_IS_OK;
        }
        return error_set(err, ERROR_INVALID_OPERATION, "Column '" STR_FMT "' already exists",
                         STR(def->name));
    }
    if (schema_find_system_column(a->schema, def->name) >= 0) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Cannot add column '" STR_FMT "': reserved system column name",
                         STR(def->name));
    }
    if (def->is_primary_key) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Cannot add column '" STR_FMT "' as PRIMARY KEY: the table has one",
                         STR(def->name));
    }
    if (a->count >= LIMIT_COLUMNS) {
        return error_set(err, ERROR_LIMIT, "the table has %u columns, the limit is %d", a->count,
                         LIMIT_COLUMNS);
    }
    struct column *c = &a->columns[a->count];
    TRY(column_from_def(a->run, def, c, err));
    TRY(absent_value(a, c, err));
    a->needs_no_row = a->needs_no_row || (c->is_unique && !c->absent_value.is_null);
    if (c->is_unique && a->has_rows && !c->absent_value.is_null) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Cannot add UNIQUE column '" STR_FMT
                         "' with a value for every row: the table has rows",
                         STR(c->name));
    }
    a->count++;
    a->has_effect = true;
    describe(a, arena_format(a->run->arena, "ADD COLUMN " STR_FMT " " STR_FMT, STR(def->name),
                             STR(type_text(a->run->arena, def->type))));
    return STATUS_IS_OK;
}

static status drop_column(struct alter *a, const struct alter_action *action, struct error *err)
{
    unsigned at = 0;
    if (action->if_exists && find(a, action->column) < 0) {
        describe(a, arena_format(a->run->arena, "DROP COLUMN " STR_FMT, STR(action->column)));
        return STATUS_IS_OK;
    }
    TRY(find_column(a, action->column, "drop", &at, err));
    if (a->columns[at].is_primary_key) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Cannot drop column '" STR_FMT "': it is the PRIMARY KEY",
                         STR(action->column));
    }
    for (unsigned i = 0; i < a->count; i++) { /* its UNIQUE constraints go with it */
        a->columns[i].unique_sets &= i == at ? UINT32_MAX : ~a->columns[at].unique_sets;
    }
    memmove(&a->columns[at], &a->columns[at + 1], (a->count - at - 1) * sizeof *a->columns);
    a->count--;
    a->has_effect = true;
    describe(a, arena_format(a->run->arena, "DROP COLUMN " STR_FMT, STR(action->column)));
    return STATUS_IS_OK;
}

/* Every value of `from` is one of `to`, and files need no rewriting. */
static bool widens(struct type from, struct type to)
{
    if (type_eq(from, to)) {
        return true;
    }
    switch (from.id) {
    case TYPE_SMALLINT:
        return to.id == TYPE_INT || to.id == TYPE_BIGINT || to.id == TYPE_DOUBLE;
    case TYPE_INT:
        return to.id == TYPE_BIGINT || to.id == TYPE_DOUBLE;
    case TYPE_FLOAT:
        return to.id == TYPE_DOUBLE;
    case TYPE_DECIMAL:
        return to.id == TYPE_DECIMAL && to.scale == from.scale && to.precision >= from.precision;
    default:
        return false;
    }
}

static status change_nullability(struct alter *a, struct column *c, bool is_nullable,
                                 struct error *err)
{
    if (is_nullable && c->is_primary_key) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Column '" STR_FMT "' is a PRIMARY KEY and cannot be nullable",
                         STR(c->name));
    }
    if (!is_nullable && c->is_nullable && a->has_rows) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Cannot set column '" STR_FMT
                         "' NOT NULL: the table has rows, which may hold NULL",
                         STR(c->name));
    }
    a->needs_no_row = a->needs_no_row || (!is_nullable && c->is_nullable);
    a->has_effect = a->has_effect || c->is_nullable != is_nullable;
    c->is_nullable = is_nullable;
    return STATUS_IS_OK;
}

static status modify_column(struct alter *a, const struct alter_action *action, struct error *err)
{
    const struct column_def *def = &action->column_def;
    unsigned at = 0;
    TRY(find_column(a, def->name, "modify", &at, err));
    struct column *c = &a->columns[at];
    str from = type_text(a->run->arena, c->type);
    str to = type_text(a->run->arena, def->type);
    if (!type_eq(c->type, def->type)) {
        if (c->is_primary_key) {
            return error_set(err, ERROR_INVALID_OPERATION,
                             "Cannot change the type of PRIMARY KEY column '" STR_FMT "'",
                             STR(c->name));
        }
        if (c->is_unique || c->unique_sets != 0) {
            return error_set(err, ERROR_INVALID_OPERATION,
                             "Cannot change the type of UNIQUE column '" STR_FMT "'", STR(c->name));
        }
        if (!widens(c->type, def->type)) {
            return error_set(
                err, ERROR_INVALID_OPERATION,
                "Cannot change column '" STR_FMT "' from " STR_FMT " to " STR_FMT
                ": stored values would not fit or need rewriting; SMALLINT, INT, FLOAT and "
                "DECIMAL (same scale) can be widened",
                STR(c->name), STR(from), STR(to));
        }
        c->type = def->type;
        TRY(value_coerce(&c->absent_value, c->type, c->name, a->run->arena, &c->absent_value, err));
        if (c->default_kind == DEFAULT_LITERAL) {
            TRY(value_coerce(&c->default_value, c->type, c->name, a->run->arena, &c->default_value,
                             err));
        }
        a->has_effect = true;
    }
    if (def->says_nullability) {
        TRY(change_nullability(a, c, def->is_nullable, err));
    }
    if (def->comment.n > 0 && !str_eq(c->comment, def->comment)) {
        c->comment = def->comment;
        a->has_effect = true;
    }
    describe(a, arena_format(a->run->arena, "MODIFY COLUMN " STR_FMT " " STR_FMT, STR(c->name),
                             STR(to)));
    return STATUS_IS_OK;
}

static status set_default(struct alter *a, const struct alter_action *action, struct error *err)
{
    const struct column_def *def = &action->column_def;
    unsigned at = 0;
    TRY(find_column(a, def->name, "modify", &at, err));
    struct column_def whole = *def;
    struct column *c = &a->columns[at];
    whole.type = c->type;
    whole.is_nullable = c->is_nullable;
    struct column fresh;
    TRY(column_from_def(a->run, &whole, &fresh, err));
    bool is_same = c->default_kind == fresh.default_kind &&
                   (c->default_kind != DEFAULT_LITERAL ||
                    value_identical(&c->default_value, &fresh.default_value));
    a->has_effect = a->has_effect || !is_same;
    c->default_kind = fresh.default_kind;
    c->default_value = fresh.default_value;
    describe(a, arena_format(a->run->arena, "ALTER COLUMN " STR_FMT " SET DEFAULT " STR_FMT,
                             STR(c->name), STR(def->default_text)));
    return STATUS_IS_OK;
}

static status drop_default(struct alter *a, const struct alter_action *action, struct error *err)
{
    unsigned at = 0;
    TRY(find_column(a, action->column, "modify", &at, err));
    a->has_effect = a->has_effect || a->columns[at].default_kind != DEFAULT_NONE;
    a->columns[at].default_kind = DEFAULT_NONE;
    describe(a, arena_format(a->run->arena, "ALTER COLUMN " STR_FMT " DROP DEFAULT",
                             STR(action->column)));
    return STATUS_IS_OK;
}

static status set_nullability(struct alter *a, const struct alter_action *action, bool is_nullable,
                              struct error *err)
{
    unsigned at = 0;
    TRY(find_column(a, action->column, "modify", &at, err));
    TRY(change_nullability(a, &a->columns[at], is_nullable, err));
    describe(a, arena_format(a->run->arena, "ALTER COLUMN " STR_FMT " %s NOT NULL",
                             STR(action->column), is_nullable ? "DROP" : "SET"));
    return STATUS_IS_OK;
}

static status rename_column(struct alter *a, const struct alter_action *action, struct error *err)
{
    unsigned at = 0;
    TRY(find_column(a, action->column, "rename", &at, err));
    TRY(sql_check_name(action->new_name, NAME_COLUMN, err));
    if (find(a, action->new_name) >= 0) {
        return error_set(err, ERROR_INVALID_OPERATION, "Column '" STR_FMT "' already exists",
                         STR(action->new_name));
    }
    a->columns[at].name = action->new_name;
    a->has_effect = true;
    describe(a, arena_format(a->run->arena, "RENAME COLUMN " STR_FMT " TO " STR_FMT,
                             STR(action->column), STR(action->new_name)));
    return STATUS_IS_OK;
}

static status set_access(struct alter *a, const struct alter_action *action, struct error *err)
{
    if (a->table->kind != TABLE_SHARED) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "ACCESS LEVEL can only be set on SHARED tables");
    }
    enum table_access level = column_access_of(action->access_level);
    if (level == TABLE_ACCESS_DBA && !access_is_admin(a->run->session.role)) {
        return error_set(err, ERROR_UNAUTHORIZED, "Insufficient privileges to alter table");
    }
    a->has_effect = a->has_effect || level != a->access;
    a->access = level;
    struct arena *arena = a->run->arena;
    describe(a, arena_format(arena, "SET ACCESS LEVEL %s", table_access_name(level)));
    return STATUS_IS_OK;
}

static status set_retention(struct alter *a, const struct alter_action *action)
{
    int64_t kept_s = column_retention_of(&action->deleted_retention_s);
    a->has_effect = a->has_effect || kept_s != a->deleted_retention_s;
    a->deleted_retention_s = kept_s;
    describe(a, kept_s == TABLE_RETENTION_FOR_EVER
                    ? STR_LIT("SET DELETED_RETENTION off")
                    : arena_format(a->run->arena, "SET DELETED_RETENTION %lld seconds",
                                   (long long)kept_s));
    return STATUS_IS_OK;
}

static status apply(struct alter *a, const struct alter_action *action, struct error *err)
{
    switch (action->kind) {
    case ALTER_ADD_COLUMN:
        return add_column(a, action, err);
    case ALTER_DROP_COLUMN:
        return drop_column(a, action, err);
    case ALTER_MODIFY_COLUMN:
        return modify_column(a, action, err);
    case ALTER_SET_NOT_NULL:
        return set_nullability(a, action, false, err);
    case ALTER_DROP_NOT_NULL:
        return set_nullability(a, action, true, err);
    case ALTER_SET_DEFAULT:
        return set_default(a, action, err);
    case ALTER_DROP_DEFAULT:
        return drop_default(a, action, err);
    case ALTER_RENAME_COLUMN:
        return rename_column(a, action, err);
    case ALTER_SET_ACCESS:
        return set_access(a, action, err);
    case ALTER_SET_RETENTION:
        return set_retention(a, action);
    case ALTER_CREATE_INDEX:
    case ALTER_DROP_INDEX:
        break;
    }
    return error_set(err, ERROR_NOT_IMPLEMENTED, "vector indexes");
}

/* -- the statement ------------------------------------------------------------------------------
 */

static status count_rows(struct alter *a, struct error *err)
{
    struct store *store = a->run->engine->rows;
    struct table_totals totals;
    a->mark = store_write_mark(store, a->table->id);
    TRY(store_settle(store, err));
    store_totals(store, a->table->id, &totals);
    a->has_rows = totals.hot_rows + totals.cold_rows > 0;
    return STATUS_IS_OK;
}

/* Has it still none? Writers that bind later see the new version. */
static status check_no_row(void *context, struct error *err)
{
    const struct alter *a = context;
    return store_write_mark(a->run->engine->rows, a->table->id) == a->mark
               ? STATUS_IS_OK
               : error_set(err, ERROR_CONFLICT, "the table was written meanwhile");
}

static status alter(struct alter *a, const struct alter_table_part *part, struct error *err)
{
    struct run *run = a->run;
    a->columns =
        ARENA_ARRAY(run->arena, struct column, a->schema->column_count + part->action_count);
    memcpy(a->columns, a->schema->columns, a->schema->column_count * sizeof *a->columns);
    a->count = a->schema->column_count;
    a->access = a->table->access;
    a->deleted_retention_s = a->table->deleted_retention_s;
    TRY(count_rows(a, err));
    for (unsigned i = 0; i < part->action_count; i++) {
        TRY(apply(a, &part->actions[i], err));
    }
    str ns = a->table->namespace_name;
    str name = a->table->name;
    if (!a->has_effect) {
        run_message(run,
                    "Table " STR_FMT "." STR_FMT " unchanged: " STR_FMT
                    " (version %u - no changes needed)",
                    STR(ns), STR(name), STR(a->text), a->table->version);
        return STATUS_IS_OK;
    }
    struct table_change change = {.id = a->table->id,
                                  .expected_version = a->table->version,
                                  .columns = a->columns,
                                  .column_count = a->count,
                                  .access = &a->access,
                                  .deleted_retention_s = &a->deleted_retention_s,
                                  .check = a->needs_no_row ? check_no_row : NULL,
                                  .check_context = a};
    uint32_t version = 0;
    TRY(catalog_alter_table(run->engine->catalog, &change, &version, err));
    query_forget_table(run->engine, a->table->id, version);
    run_message(run, "Table " STR_FMT "." STR_FMT " altered successfully: " STR_FMT " (version %u)",
                STR(ns), STR(name), STR(a->text), version);
    return STATUS_IS_OK;
}

status run_alter_table(struct run *run, struct error *err)
{
    const struct alter_table_part *part = &run->statement->as.alter_table;
    str ns = run_namespace(run, part->table.ns);
    TRY(column_refuse_system_table("alter", ns, part->table.name, err));
    const struct table *table = snapshot_find_table(run->snapshot, ns, part->table.name);
    if (table == NULL) {
        return error_set(err, ERROR_NOT_FOUND,
                         "Table '" STR_FMT "' not found in namespace '" STR_FMT "'",
                         STR(part->table.name), STR(ns));
    }
    if (part->says_kind && part->kind != table->kind) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Table " STR_FMT "." STR_FMT " is a %s table", STR(ns),
                         STR(part->table.name), table_kind_name(table->kind));
    }
    bool is_out_of_reach =
        table->kind == TABLE_SHARED && !access_may_write_shared(run->session.role, table->access);
    if (is_out_of_reach || !access_may_define_table(run->session.role, table->kind)) {
        return error_set(err, ERROR_UNAUTHORIZED, "Insufficient privileges to alter table");
    }
    if (table->kind == TABLE_STREAM) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "ALTER TABLE is not supported for STREAM tables");
    }
    if (!run->may_block) {
        return run_block(run);
    }
    struct alter a = {.run = run, .table = table};
    TRY(catalog_table_schema(run->engine->catalog, table, &a.schema, err));
    status result = alter(&a, part, err);
    schema_give(a.schema);
    return result;
}
