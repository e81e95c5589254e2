/* model/schema_json.c -- a schema as the JSON text of system.schemas.columns, and back.
 * For:      the catalog's records (contract http-ws.md section 11). Written for clients too, so
 * types and defaults have the contract's spelling; reading is strict, as we are the only writer.
 *           Literals are numbers, booleans, null, or the value's text as a string.
 * Touches:  json_scan. Owns: nothing. Threads: any. */
#include "base/check.h"
#include "model/json_scan.h"
#include "model/limits.h"
#include "model/schema_check.h"

#include <math.h>

static const struct function_name {
    enum default_kind kind;
    const char *name;
} function_names[] = {{DEFAULT_NOW, "NOW"},
                      {DEFAULT_SNOWFLAKE_ID, "SNOWFLAKE_ID"},
                      {DEFAULT_UUID_V7, "UUID_V7"},
                      {DEFAULT_ULID, "ULID"},
                      {DEFAULT_CURRENT_USER, "CURRENT_USER"}};
enum { FUNCTION_COUNT = sizeof function_names / sizeof function_names[0] };

/* ---- writing ---- */

static void append_literal_text(struct buf *out, const struct value *v)
{
    struct buf text;
    buf_init(&text);
    value_append_text(&text, v);
    json_append_text(out, buf_str(&text));
    buf_release(&text);
}

static void append_literal(struct buf *out, const struct value *v)
{
    if (v->is_null) {
        buf_append_c(out, "null");
        return;
    }
    switch (v->type.id) {
    case TYPE_BOOLEAN:
        value_append_text(out, v);
        return;
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_BIGINT:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_DATETIME:
        buf_append_i64_text(out, v->as.integer);
        return;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        if (isfinite(v->as.real)) {
            value_append_text(out, v);
        } else {
            append_literal_text(out, v);
        }
        return;
    default:
        append_literal_text(out, v);
        return;
    }
}

static void append_default(struct buf *out, const struct column *column)
{
    if (column->default_kind == DEFAULT_NONE) {
        buf_append_c(out, "\"None\"");
        return;
    }
    if (column->default_kind == DEFAULT_LITERAL) {
        buf_append_c(out, "{\"Literal\":");
        append_literal(out, &column->default_value);
        buf_append_byte(out, '}');
        return;
    }
    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        if (function_names[i].kind == column->default_kind) {
            buf_append_format(out, "{\"FunctionCall\":{\"name\":\"%s\",\"args\":[]}}",
                              function_names[i].name);
        }
    }
}

static void append_bool(struct buf *out, const char *key, bool v)
{
    buf_append_format(out, ",\"%s\":%s", key, v ? "true" : "false");
}

static void append_unique_sets(struct buf *out, uint32_t sets)
{
    char separator = '[';
    buf_append_c(out, ",\"unique_sets\":");
    for (unsigned set = 0; set < LIMIT_UNIQUE_SETS; set++) {
        if ((sets >> set & 1) != 0) {
            buf_append_format(out, "%c%u", separator, set);
            separator = ',';
        }
    }
    buf_append_byte(out, ']');
}

static void append_column(struct buf *out, const struct column *column)
{
    buf_append_format(out, "{\"column_id\":%u,\"column_name\":", column->id);
    json_append_text(out, column->name);
    buf_append_c(out, ",\"column_comment\":");
    if (column->comment.n > 0) {
        json_append_text(out, column->comment);
    } else {
        buf_append_c(out, "null");
    }
    buf_append_c(out, ",\"data_type\":");
    type_append_wire(out, column->type);
    buf_append_c(out, ",\"default_value\":");
    append_default(out, column);
    buf_append_format(out, ",\"ordinal_position\":%u", column->ordinal);
    append_bool(out, "is_nullable", column->is_nullable);
    append_bool(out, "is_primary_key", column->is_primary_key);
    append_bool(out, "is_partition_key", false);
    if (column->is_unique) {
        append_bool(out, "is_unique", true);
    }
    if (column->unique_sets != 0) {
        append_unique_sets(out, column->unique_sets);
    }
    if (!column->absent_value.is_null) {
        buf_append_c(out, ",\"absent_value\":");
        append_literal(out, &column->absent_value);
    }
    buf_append_byte(out, '}');
}

static struct column system_column(enum system_column which, uint32_t ordinal)
{
    struct type type = system_column_type(which);
    struct column column = {
        .id = COLUMN_ID_SYSTEM + (uint32_t)which,
        .name = str_from(system_column_name(which)),
        .type = type,
        .ordinal = ordinal,
        .absent_value = value_null(type),
    };
    if (which == SYSTEM_DELETED) {
        column.default_kind = DEFAULT_LITERAL;
        column.default_value = value_bool(false);
    }
    return column;
}

void schema_append_json(struct buf *out, const struct schema *schema)
{
    uint32_t ordinal = 0;
    buf_append_byte(out, '[');
    for (unsigned i = 0; i < schema->column_count; i++) {
        if (i > 0) {
            buf_append_byte(out, ',');
        }
        append_column(out, &schema->columns[i]);
        ordinal = schema->columns[i].ordinal;
    }
    for (int which = 0; which < SYSTEM_COLUMN_COUNT; which++) {
        str name = str_from(system_column_name((enum system_column)which));
        if (schema_find_system_column(schema, name) >= 0) {
            struct column column = system_column((enum system_column)which, ++ordinal);
            buf_append_byte(out, ',');
            append_column(out, &column);
        }
    }
    buf_append_byte(out, ']');
}

/* ---- reading ---- */

/* A scalar whose type is known only when the whole object is read. */
struct literal {
    enum { LITERAL_NULL, LITERAL_BOOLEAN, LITERAL_NUMBER, LITERAL_STRING } kind;
    bool boolean;
    str text;
};

static struct literal read_literal(struct json_scan *s)
{
    struct literal literal = {.kind = LITERAL_NULL};
    switch (json_scan_peek(s)) {
    case '"':
        literal.kind = LITERAL_STRING;
        literal.text = json_scan_string(s);
        break;
    case 't':
        json_scan_word(s, "true");
        literal.kind = LITERAL_BOOLEAN;
        literal.boolean = true;
        break;
    case 'f':
        json_scan_word(s, "false");
        literal.kind = LITERAL_BOOLEAN;
        break;
    case 'n':
        json_scan_word(s, "null");
        break;
    default:
        literal.kind = LITERAL_NUMBER;
        literal.text = json_scan_number(s);
        break;
    }
    return literal;
}

static bool read_special_real(str text, double *out)
{
    if (str_eq_c(text, "NaN")) {
        *out = (double)NAN;
    } else if (str_eq_c(text, "Infinity")) {
        *out = (double)INFINITY;
    } else if (str_eq_c(text, "-Infinity")) {
        *out = (double)-INFINITY;
    } else {
        return false;
    }
    return true;
}

static bool is_time_type(enum type_id id)
{
    return id == TYPE_DATE || id == TYPE_TIME || id == TYPE_TIMESTAMP || id == TYPE_DATETIME;
}

static bool literal_value(const struct literal *literal, struct type type, struct arena *arena,
                          struct value *out)
{
    struct value v = value_text(literal->text);
    bool is_real = type.id == TYPE_FLOAT || type.id == TYPE_DOUBLE;
    if (literal->kind == LITERAL_NULL) {
        v = value_null(type);
    } else if (literal->kind == LITERAL_BOOLEAN) {
        v = value_bool(literal->boolean);
    } else if (literal->kind == LITERAL_NUMBER && is_time_type(type.id)) {
        v = value_int(TYPE_BIGINT, 0);
        if (!str_to_i64(literal->text, &v.as.integer)) {
            return false;
        }
    } else if (is_real && read_special_real(literal->text, &v.as.real)) {
        v.type = type;
    }
    return status_ok(value_coerce(&v, type, STR_LIT(""), arena, out, NULL));
}

static uint64_t read_number(struct json_scan *s, uint64_t max)
{
    uint64_t v = 0;
    if (!str_to_u64(json_scan_number(s), &v) || v > max) {
        reader_fail(&s->r);
        return 0;
    }
    return v;
}

static bool read_bool(struct json_scan *s)
{
    bool v = json_scan_peek(s) == 't';
    json_scan_word(s, v ? "true" : "false");
    return v;
}

static void read_key(struct json_scan *s, const char *key)
{
    if (!str_eq_c(json_scan_string(s), key)) {
        reader_fail(&s->r);
    }
    json_scan_expect(s, ':');
}

static enum type_id type_by_wire_name(str name)
{
#define TYPE(symbol, tag, wire, sql, fixed)                                                        \
    if (str_eq_c(name, wire)) {                                                                    \
        return TYPE_##symbol;                                                                      \
    }
#include "model/types.def"
#undef TYPE
    return TYPE_NONE;
}

/* "BigInt", {"Embedding":384}, {"Decimal":{"precision":10,"scale":2}} */
static struct type read_type(struct json_scan *s)
{
    bool is_object = json_scan_take(s, '{');
    struct type type = type_of(type_by_wire_name(json_scan_string(s)));
    bool has_parameters = type.id == TYPE_EMBEDDING || type.id == TYPE_DECIMAL;
    if (type.id == TYPE_NONE || is_object != has_parameters) {
        reader_fail(&s->r);
    }
    if (!is_object) {
        return type;
    }
    json_scan_expect(s, ':');
    if (type.id == TYPE_EMBEDDING) {
        type.dimension = (uint16_t)read_number(s, LIMIT_EMBEDDING_DIMENSION);
    } else {
        json_scan_expect(s, '{');
        read_key(s, "precision");
        type.precision = (uint8_t)read_number(s, LIMIT_DECIMAL_PRECISION);
        json_scan_expect(s, ',');
        read_key(s, "scale");
        type.scale = (uint8_t)read_number(s, LIMIT_DECIMAL_PRECISION);
        json_scan_expect(s, '}');
    }
    json_scan_expect(s, '}');
    return type;
}

static enum default_kind read_function(struct json_scan *s)
{
    json_scan_expect(s, '{');
    read_key(s, "name");
    str name = json_scan_string(s);
    json_scan_expect(s, ',');
    read_key(s, "args");
    json_scan_expect(s, '[');
    json_scan_expect(s, ']');
    json_scan_expect(s, '}');
    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        if (str_eq_c(name, function_names[i].name)) {
            return function_names[i].kind;
        }
    }
    reader_fail(&s->r);
    return DEFAULT_NONE;
}

/* "None", {"Literal":...}, {"FunctionCall":{"name":"NOW","args":[]}} */
static enum default_kind read_default(struct json_scan *s, struct literal *literal)
{
    enum default_kind kind = DEFAULT_NONE;
    if (!json_scan_take(s, '{')) {
        if (!str_eq_c(json_scan_string(s), "None")) {
            reader_fail(&s->r);
        }
        return kind;
    }
    str which = json_scan_string(s);
    json_scan_expect(s, ':');
    if (str_eq_c(which, "Literal")) {
        kind = DEFAULT_LITERAL;
        *literal = read_literal(s);
    } else if (str_eq_c(which, "FunctionCall")) {
        kind = read_function(s);
    } else {
        reader_fail(&s->r);
    }
    json_scan_expect(s, '}');
    return kind;
}

/* The keys of a column object. Those before KEY_REQUIRED_COUNT must be there. */
enum column_key {
    KEY_ID,
    KEY_NAME,
    KEY_COMMENT,
    KEY_TYPE,
    KEY_DEFAULT,
    KEY_ORDINAL,
    KEY_NULLABLE,
    KEY_PRIMARY,
    KEY_PARTITION,
    KEY_REQUIRED_COUNT,
    KEY_UNIQUE = KEY_REQUIRED_COUNT,
    KEY_UNIQUE_SETS,
    KEY_ABSENT,
    KEY_COUNT
};

static const char *const key_names[KEY_COUNT] = {[KEY_ID] = "column_id",
                                                 [KEY_NAME] = "column_name",
                                                 [KEY_COMMENT] = "column_comment",
                                                 [KEY_TYPE] = "data_type",
                                                 [KEY_DEFAULT] = "default_value",
                                                 [KEY_ORDINAL] = "ordinal_position",
                                                 [KEY_NULLABLE] = "is_nullable",
                                                 [KEY_PRIMARY] = "is_primary_key",
                                                 [KEY_PARTITION] = "is_partition_key",
                                                 [KEY_UNIQUE] = "is_unique",
                                                 [KEY_UNIQUE_SETS] = "unique_sets",
                                                 [KEY_ABSENT] = "absent_value"};

static enum column_key find_key(str name)
{
    unsigned key = 0;
    while (key < KEY_COUNT && !str_eq_c(name, key_names[key])) {
        key++;
    }
    return (enum column_key)key;
}

static uint32_t read_unique_sets(struct json_scan *s)
{
    uint32_t sets = 0;
    unsigned count = 0;
    json_scan_expect(s, '[');
    while (json_scan_next(s, ']', &count)) {
        sets |= UINT32_C(1) << read_number(s, LIMIT_UNIQUE_SETS - 1);
    }
    return sets;
}

struct column_literals {
    struct literal default_value;
    struct literal absent_value;
};

static void read_member(struct json_scan *s, enum column_key key, struct column *column,
                        struct column_literals *literals)
{
    switch (key) {
    case KEY_ID:
        column->id = (uint32_t)read_number(s, UINT32_MAX);
        break;
    case KEY_NAME:
        column->name = json_scan_string(s);
        break;
    case KEY_COMMENT:
        if (json_scan_peek(s) == 'n') {
            json_scan_word(s, "null");
        } else {
            column->comment = json_scan_string(s);
        }
        break;
    case KEY_TYPE:
        column->type = read_type(s);
        break;
    case KEY_DEFAULT:
        column->default_kind = read_default(s, &literals->default_value);
        break;
    case KEY_ORDINAL:
        column->ordinal = (uint32_t)read_number(s, UINT32_MAX);
        break;
    case KEY_NULLABLE:
        column->is_nullable = read_bool(s);
        break;
    case KEY_PRIMARY:
        column->is_primary_key = read_bool(s);
        break;
    case KEY_PARTITION:
        (void)read_bool(s);
        break;
    case KEY_UNIQUE:
        column->is_unique = read_bool(s);
        break;
    case KEY_UNIQUE_SETS:
        column->unique_sets = read_unique_sets(s);
        break;
    case KEY_ABSENT:
        literals->absent_value = read_literal(s);
        break;
    case KEY_COUNT:
        reader_fail(&s->r);
        break;
    }
}

/* False: not a column. */
static bool read_column(struct json_scan *s, struct column *column)
{
    struct column_literals literals = {0};
    unsigned seen = 0;
    unsigned count = 0;
    *column = (struct column){0};
    json_scan_expect(s, '{');
    while (json_scan_next(s, '}', &count)) {
        enum column_key key = find_key(json_scan_string(s));
        json_scan_expect(s, ':');
        if ((seen & 1U << key) != 0) {
            return false;
        }
        seen |= 1U << key;
        read_member(s, key, column, &literals);
    }
    unsigned required = (1U << KEY_REQUIRED_COUNT) - 1;
    if (!reader_ok(&s->r) || (seen & required) != required) {
        return false;
    }
    column->default_value = value_null(column->type);
    return literal_value(&literals.absent_value, column->type, s->arena, &column->absent_value) &&
           (column->default_kind != DEFAULT_LITERAL ||
            literal_value(&literals.default_value, column->type, s->arena, &column->default_value));
}

/* The user's columns into `columns` (LIMIT_COLUMNS places); NULL, or what is wrong. */
static const char *read_columns(struct json_scan *s, enum table_kind kind, struct column *columns,
                                unsigned *column_count)
{
    unsigned count = 0;
    json_scan_expect(s, '[');
    while (json_scan_next(s, ']', &count)) {
        struct column column;
        if (!read_column(s, &column)) {
            return "a column is not well-formed";
        }
        if (schema_kind_system_column(kind, column.name) >= 0) {
            continue;
        }
        if (*column_count == LIMIT_COLUMNS) {
            return "there are too many columns";
        }
        columns[(*column_count)++] = column;
    }
    if (!json_scan_done(s)) {
        return "it is not a JSON array";
    }
    return schema_columns_problem(kind, columns, *column_count);
}

status schema_from_json(str json, table_id table, uint32_t version, enum table_kind kind,
                        str namespace_name, str table_name, struct schema **out, struct error *err)
{
    status result = STATUS_IS_OK;
    struct arena arena;
    struct json_scan s;
    unsigned column_count = 0;
    arena_init(&arena);
    struct column *columns = ARENA_ARRAY(&arena, struct column, LIMIT_COLUMNS);
    json_scan_init(&s, json, &arena);
    const char *problem = read_columns(&s, kind, columns, &column_count);
    if (problem == NULL && version == 0) {
        problem = "it has no version";
    }
    if (problem != NULL) {
        result = error_set(err, ERROR_CORRUPT,
                           "schema of " STR_FMT "." STR_FMT " version %u is damaged: %s",
                           STR(namespace_name), STR(table_name), version, problem);
        goto out;
    }
    *out = schema_create(table, version, kind, namespace_name, table_name, columns, column_count);
out:
    arena_release(&arena);
    return result;
}
