/* query/column_def.c -- columns of CREATE TABLE and ALTER TABLE, checked. */
#include "query/column_def.h"

#include "query/expression.h"

status column_refuse_system_table(const char *verb, str ns, str name, struct error *err)
{
    if (!sql_is_system_namespace(ns)) {
        return STATUS_IS_OK;
    }
    return error_set(err, ERROR_INVALID_OPERATION,
                     "Cannot %s system table '" STR_FMT "." STR_FMT
                     "'. System tables are managed internally.",
                     verb, STR(ns), STR(name));
}

/* Does a generated default fit the column? */
static status check_default_function(const struct column *c, struct error *err)
{
    bool fits = true;
    switch (c->default_kind) {
    case DEFAULT_NONE:
    case DEFAULT_LITERAL:
        break;
    case DEFAULT_NOW:
        fits = c->type.id == TYPE_TIMESTAMP || c->type.id == TYPE_DATETIME ||
               c->type.id == TYPE_DATE || c->type.id == TYPE_TIME || c->type.id == TYPE_TEXT ||
               c->type.id == TYPE_BIGINT;
        break;
    case DEFAULT_SNOWFLAKE_ID:
        /* SERIAL is INT (contract sql.md section 2); its rows then need a value of their own. */
        fits = c->type.id == TYPE_BIGINT || c->type.id == TYPE_INT || c->type.id == TYPE_SMALLINT ||
               c->type.id == TYPE_TEXT;
        break;
    case DEFAULT_UUID_V7:
        fits = c->type.id == TYPE_UUID || c->type.id == TYPE_TEXT;
        break;
    case DEFAULT_ULID:
    case DEFAULT_CURRENT_USER:
        fits = c->type.id == TYPE_TEXT;
        break;
    }
    if (fits) {
        return STATUS_IS_OK;
    }
    struct buf type;
    buf_init(&type);
    type_append_sql(&type, c->type);
    status result =
        error_set(err, ERROR_INVALID_OPERATION,
                  "the DEFAULT function of column '" STR_FMT "' does not give a " STR_FMT,
                  STR(c->name), STR(buf_str(&type)));
    buf_release(&type);
    return result;
}

/* A UNIQUE column's values are keys: the types of primary keys can be. */
static status check_unique(const struct column *c, struct error *err)
{
    if ((!c->is_unique && c->unique_sets == 0) || type_is_keyable(c->type.id)) {
        return STATUS_IS_OK;
    }
    struct buf type;
    buf_init(&type);
    type_append_sql(&type, c->type);
    status result = error_set(err, ERROR_INVALID_OPERATION,
                              "column '" STR_FMT "' of type " STR_FMT " cannot be UNIQUE",
                              STR(c->name), STR(buf_str(&type)));
    buf_release(&type);
    return result;
}

status column_from_def(const struct run *run, const struct column_def *def, struct column *out,
                       struct error *err)
{
    TRY(sql_check_name(def->name, NAME_COLUMN, err));
    if (def->type.id == TYPE_FILE) {
        return error_set(err, ERROR_NOT_IMPLEMENTED, "FILE columns (column '" STR_FMT "')",
                         STR(def->name));
    }
    *out = (struct column){.name = def->name,
                           .type = def->type,
                           .is_nullable = def->is_nullable && !def->is_primary_key,
                           .is_primary_key = def->is_primary_key,
                           .is_unique = def->is_unique && !def->is_primary_key,
                           .unique_sets = def->unique_sets,
                           .default_kind = def->default_kind,
                           .comment = def->comment,
                           .absent_value = value_null(def->type)};
    if (def->default_kind == DEFAULT_LITERAL) {
        TRY(value_coerce(&def->default_value, def->type, def->name, run->arena, &out->default_value,
                         err));
        if (out->default_value.is_null && !out->is_nullable) {
            return error_set(err, ERROR_INVALID_OPERATION,
                             "DEFAULT NULL on NOT NULL column '" STR_FMT "'", STR(def->name));
        }
    }
    TRY(check_unique(out, err));
    return check_default_function(out, err);
}

int64_t column_retention_of(const struct option_i64 *said)
{
    if (!said->is_set) {
        return TABLE_RETENTION_DEFAULT;
    }
    return said->value == 0 ? TABLE_RETENTION_FOR_EVER : said->value;
}

enum table_access column_access_of(enum access_level level)
{
    switch (level) {
    case ACCESS_PUBLIC:
        return TABLE_ACCESS_PUBLIC;
    case ACCESS_RESTRICTED:
        return TABLE_ACCESS_RESTRICTED;
    case ACCESS_DBA:
        return TABLE_ACCESS_DBA;
    case ACCESS_PRIVATE:
    case ACCESS_UNSAID:
        break;
    }
    return TABLE_ACCESS_PRIVATE;
}

status column_default_value(const struct run *run, const struct column *c, struct arena *arena,
                            struct value *out, struct error *err)
{
    struct eval_session session = expression_session(run->engine, &run->session);
    struct value made = value_null(c->type);
    switch (c->default_kind) {
    case DEFAULT_NONE:
        *out = made;
        return STATUS_IS_OK;
    case DEFAULT_LITERAL:
        *out = c->default_value;
        return STATUS_IS_OK;
    case DEFAULT_NOW:
        made = value_int(TYPE_TIMESTAMP, session.now_us);
        break;
    case DEFAULT_SNOWFLAKE_ID:
        made = value_int(TYPE_BIGINT, session.snowflake(session.context));
        break;
    case DEFAULT_UUID_V7:
        made = (struct value){.type = {.id = TYPE_UUID}};
        session.uuid_v7(session.context, made.as.uuid);
        break;
    case DEFAULT_ULID: {
        char *text = arena_alloc(arena, ULID_TEXT_BYTES);
        session.ulid(session.context, text);
        made = value_text(str_of(text, ULID_TEXT_BYTES));
        break;
    }
    case DEFAULT_CURRENT_USER:
        made = value_text(session.user_id);
        break;
    }
    return value_coerce(&made, c->type, c->name, arena, out, err);
}
