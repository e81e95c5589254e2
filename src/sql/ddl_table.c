/* sql/ddl_table.c -- CREATE TABLE and ALTER TABLE: columns, types, defaults, actions.
 * Options of CREATE TABLE are in ddl_options.c. Threads: any. */
#include "sql/statement.h"
#include "sql/text.h"

/* --- types */

static bool accept_one_of(struct cursor *c, const char *const *phrases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (cursor_accept_words(c, phrases[i])) {
            return true;
        }
    }
    return false;
}

/* Types of several words. */
static void skip_type_words(struct cursor *c)
{
    static const char *const phrases[] = {"PRECISION", "VARYING", "UNSIGNED", "WITH TIME ZONE",
                                          "WITHOUT TIME ZONE"};
    (void)accept_one_of(c, phrases, sizeof phrases / sizeof phrases[0]);
}

/* TIMESTAMP(3) WITH TIME ZONE: we keep UTC in any case. */
static void skip_time_zone(struct cursor *c)
{
    static const char *const phrases[] = {"WITH TIME ZONE", "WITHOUT TIME ZONE"};
    (void)accept_one_of(c, phrases, sizeof phrases / sizeof phrases[0]);
}

static bool is_serial(str word)
{
    static const char *const words[] = {"SERIAL",  "SERIAL2",   "SERIAL4",
                                        "SERIAL8", "BIGSERIAL", "SMALLSERIAL"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_eq_nocase(word, str_from(words[i]))) {
            return true;
        }
    }
    return false;
}

/* (10, 2) of DECIMAL; what stands in the parentheses of ENUM('a') is passed over. */
static bool parse_type_sizes(struct cursor *c, struct type_text *type)
{
    if (!cursor_accept(c, TK_LP)) {
        return true;
    }
    unsigned depth = 1;
    bool is_numbers = true;
    while (depth > 0 && !cursor_is_end(c)) {
        depth += cursor_sees(c, TK_LP);
        depth -= cursor_sees(c, TK_RP);
        if (cursor_sees(c, TK_INTEGER) && type->parameter_count < 2) {
            if (!str_to_i64(cursor_here(c), &type->parameters[type->parameter_count++])) {
                return cursor_unexpected(c);
            }
        } else {
            if (cursor_sees(c, TK_INTEGER) && is_numbers && depth == 1) {
                return cursor_unexpected(c); /* a third number */
            }
            is_numbers &= cursor_sees(c, TK_COMMA) || cursor_sees(c, TK_RP);
        }
        c->at++;
    }
    if (!is_numbers) {
        type->parameter_count = 0;
    }
    return depth == 0 || cursor_unexpected(c);
}

bool parse_type(struct cursor *c, str column, struct type *out, bool *serial)
{
    if (cursor_is_end(c) || c->at->kind == TK_COMMA || c->at->kind == TK_RP) {
        build_fail(c->b, ERROR_SYNTAX, "column '" STR_FMT "' has no type", STR(column));
        return false;
    }
    if (c->at->kind != TK_ID && !token_is_word(c->b->text, c->at)) {
        return cursor_unexpected(c);
    }
    struct type_text type = build_type_text(c->b, c->at);
    *serial = is_serial(cursor_here(c));
    c->at++;
    skip_type_words(c);
    type.words_end = token_end(c->at - 1);
    if (!parse_type_sizes(c, &type)) {
        return false;
    }
    skip_time_zone(c);
    return build_keep(c->b, type_parse(str_slice(c->b->text, type.at, type.words_end),
                                       type.parameters, type.parameter_count, out, c->b->err));
}

/* --- defaults */

static const struct {
    const char *name;
    enum default_kind kind;
    bool needs_parens;
} default_functions[] = {
    {"now", DEFAULT_NOW, true},
    {"current_timestamp", DEFAULT_NOW, false},
    {"snowflake_id", DEFAULT_SNOWFLAKE_ID, true},
    {"uuid_v7", DEFAULT_UUID_V7, true},
    {"ulid", DEFAULT_ULID, true},
    {"current_user", DEFAULT_CURRENT_USER, false},
};

static bool parse_default_function(struct cursor *c, struct column_def *out)
{
    str name;
    if (!cursor_name(c, &name)) {
        return false;
    }
    bool has_parens = cursor_accept(c, TK_LP);
    if (has_parens && !cursor_accept(c, TK_RP)) {
        build_fail(c->b, ERROR_SYNTAX, "DEFAULT function '" STR_FMT "' takes no arguments",
                   STR(name));
        return false;
    }
    for (size_t i = 0; i < sizeof default_functions / sizeof default_functions[0]; i++) {
        if (str_eq_c(name, default_functions[i].name) &&
            (has_parens || !default_functions[i].needs_parens)) {
            out->default_kind = default_functions[i].kind;
            return true;
        }
    }
    build_fail(c->b, ERROR_SYNTAX,
               "DEFAULT takes a literal, NOW(), CURRENT_TIMESTAMP, SNOWFLAKE_ID(), UUID_V7(), "
               "ULID() or CURRENT_USER; not '" STR_FMT "'",
               STR(name));
    return false;
}

static bool parse_default_literal(struct cursor *c, struct column_def *out)
{
    bool is_negative = cursor_accept(c, TK_MINUS);
    bool has_sign = is_negative || cursor_accept(c, TK_PLUS);
    bool is_text = cursor_sees(c, TK_STRING) || cursor_sees(c, TK_BYTES);
    if (cursor_is_end(c) || (has_sign && is_text)) {
        return cursor_unexpected(c);
    }
    const char *wrong = literal_decode(c->b->text, c->at, c->b->arena, &out->default_value);
    if (wrong != NULL) {
        build_fail(c->b, ERROR_SYNTAX, "DEFAULT of column '" STR_FMT "': %s", STR(out->name),
                   wrong);
        return false;
    }
    if (is_negative) {
        out->default_value = literal_negate(out->default_value);
    }
    out->default_kind = DEFAULT_LITERAL;
    c->at++;
    return true;
}

static bool is_literal_next(const struct cursor *c)
{
    return cursor_sees(c, TK_STRING) || cursor_sees(c, TK_INTEGER) || cursor_sees(c, TK_DECIMAL) ||
           cursor_sees(c, TK_FLOAT) || cursor_sees(c, TK_BYTES) || cursor_sees(c, TK_MINUS) ||
           cursor_sees(c, TK_PLUS);
}

static bool parse_default_value(struct cursor *c, struct column_def *out)
{
    if (is_literal_next(c)) {
        return parse_default_literal(c, out);
    }
    out->default_kind = DEFAULT_LITERAL;
    if (cursor_accept(c, TK_NULL)) {
        out->default_value = value_null(type_of(TYPE_NONE));
        return true;
    }
    if (cursor_sees(c, TK_TRUE) || cursor_sees(c, TK_FALSE)) {
        out->default_value = value_bool(cursor_sees(c, TK_TRUE));
        c->at++;
        return true;
    }
    return parse_default_function(c, out);
}

/* The value, perhaps in parentheses, perhaps with a cast, which the column's own type makes idle.
 */
bool parse_default(struct cursor *c, struct column_def *out)
{
    const struct token *from = c->at;
    unsigned depth = 0;
    while (cursor_accept(c, TK_LP)) {
        depth++;
    }
    if (!parse_default_value(c, out)) {
        return false;
    }
    while (depth > 0 || cursor_sees(c, TK_TYPECAST)) {
        struct type cast_type;
        bool serial;
        if (cursor_accept(c, TK_TYPECAST)) {
            if (!parse_type(c, out->name, &cast_type, &serial)) {
                return false;
            }
        } else if (cursor_expect(c, TK_RP)) {
            depth--;
        } else {
            return false;
        }
    }
    out->default_text = str_slice(c->b->text, from->at, token_end(c->at - 1));
    return true;
}

/* --- columns */

static void make_primary_key(struct column_def *out)
{
    out->is_primary_key = true;
    out->is_nullable = false;
}

static void make_generated(struct column_def *out)
{
    out->default_kind = DEFAULT_SNOWFLAKE_ID;
    out->default_text = STR_LIT("SNOWFLAKE_ID()");
}

/* (...) with whatever is in it. */
static bool skip_parens(struct cursor *c)
{
    if (!cursor_expect(c, TK_LP)) {
        return false;
    }
    for (unsigned depth = 1; depth > 0; c->at++) {
        if (cursor_is_end(c)) {
            return cursor_unexpected(c);
        }
        depth += cursor_sees(c, TK_LP);
        depth -= cursor_sees(c, TK_RP);
    }
    return true;
}

/* REFERENCES t [(columns)] [MATCH word] [ON DELETE|UPDATE action]: taken, not enforced. */
static bool skip_references(struct cursor *c)
{
    static const char *const actions[] = {"CASCADE", "RESTRICT", "NO ACTION", "SET NULL",
                                          "SET DEFAULT"};
    struct table_name table;
    if (!cursor_table(c, &table) || (cursor_sees(c, TK_LP) && !skip_parens(c))) {
        return false;
    }
    while (cursor_accept_words(c, "ON DELETE") || cursor_accept_words(c, "ON UPDATE")) {
        if (!accept_one_of(c, actions, sizeof actions / sizeof actions[0])) {
            return cursor_unexpected(c);
        }
    }
    return true;
}

static bool parse_identity(struct cursor *c, struct column_def *out)
{
    if (!cursor_accept_words(c, "ALWAYS") && !cursor_accept_words(c, "BY DEFAULT")) {
        return cursor_unexpected(c);
    }
    if (!cursor_expect_words(c, "AS IDENTITY")) {
        return false;
    }
    make_generated(out);
    return !cursor_sees(c, TK_LP) || skip_parens(c);
}

enum constraint_answer { CONSTRAINT_TAKEN, CONSTRAINT_NONE, CONSTRAINT_FAILED };

static enum constraint_answer constraint_answer(bool is_parsed)
{
    return is_parsed ? CONSTRAINT_TAKEN : CONSTRAINT_FAILED;
}

static bool set_nullable(struct cursor *c, struct column_def *out, bool is_nullable)
{
    if (out->says_nullability && out->is_nullable != is_nullable) {
        build_fail(c->b, ERROR_SYNTAX, "column '" STR_FMT "' is said to be NULL and NOT NULL",
                   STR(out->name));
        return false;
    }
    out->is_nullable = is_nullable && !out->is_primary_key;
    out->says_nullability = true;
    return true;
}

static bool parse_only_default(struct cursor *c, struct column_def *out)
{
    return out->default_kind == DEFAULT_NONE ? parse_default(c, out)
                                             : build_given_twice(c->b, STR_LIT("DEFAULT"));
}

static enum constraint_answer parse_constraint(struct cursor *c, struct column_def *out)
{
    str name;
    if (cursor_accept_words(c, "CONSTRAINT")) {
        return constraint_answer(cursor_name(c, &name));
    }
    if (cursor_accept_words(c, "NOT NULL")) {
        return constraint_answer(set_nullable(c, out, false));
    } else if (cursor_accept(c, TK_NULL)) {
        return constraint_answer(set_nullable(c, out, true));
    } else if (cursor_accept_words(c, "PRIMARY KEY")) {
        make_primary_key(out);
    } else if (cursor_accept_words(c, "UNIQUE")) {
        out->is_unique = true;
    } else if (cursor_accept(c, TK_DEFAULT)) {
        return constraint_answer(parse_only_default(c, out));
    } else if (cursor_accept_words(c, "AUTO_INCREMENT") ||
               cursor_accept_words(c, "AUTOINCREMENT") ||
               cursor_accept_words(c, "AUTO INCREMENT")) {
        make_generated(out);
    } else if (cursor_accept_words(c, "IDENTITY")) {
        make_generated(out);
        return constraint_answer(!cursor_sees(c, TK_LP) || skip_parens(c));
    } else if (cursor_accept_words(c, "GENERATED")) {
        return constraint_answer(parse_identity(c, out));
    } else if (cursor_accept_words(c, "CHECK")) {
        return constraint_answer(skip_parens(c));
    } else if (cursor_accept_words(c, "REFERENCES")) {
        return constraint_answer(skip_references(c));
    } else if (cursor_accept_words(c, "COMMENT")) {
        return constraint_answer(cursor_text(c, &out->comment));
    } else {
        return CONSTRAINT_NONE;
    }
    return CONSTRAINT_TAKEN;
}

bool parse_column_def(struct cursor *c, struct column_def *out)
{
    bool serial = false;
    *out = (struct column_def){.is_nullable = true};
    if (!cursor_name(c, &out->name) || !parse_type(c, out->name, &out->type, &serial)) {
        return false;
    }
    if (serial) {
        make_generated(out);
    }
    for (;;) {
        switch (parse_constraint(c, out)) {
        case CONSTRAINT_TAKEN:
            break;
        case CONSTRAINT_NONE:
            return true;
        case CONSTRAINT_FAILED:
            return false;
        }
    }
}

/* --- CREATE TABLE */

static bool check_name(struct cursor *c, str name, enum name_kind kind)
{
    static const char *const kinds[] = {[NAME_NAMESPACE] = "namespace name",
                                        [NAME_TABLE] = "table name",
                                        [NAME_COLUMN] = "column name"};
    for (size_t i = 0; i < name.n; i++) {
        char l = str_lower_char(name.p[i]);
        if (!((l >= 'a' && l <= 'z') || (l >= '0' && l <= '9') || l == '_')) {
            build_fail(c->b, ERROR_SYNTAX,
                       "Invalid %s '" STR_FMT
                       "'. Only alphanumeric characters and underscores are allowed",
                       kinds[kind], STR(text_excerpt(name)));
            return false;
        }
    }
    return build_keep(c->b, sql_check_name(name, kind, c->b->err));
}

static int find_column(const struct create_table_part *part, str name)
{
    for (unsigned i = 0; i < part->columns.count; i++) {
        if (str_eq(part->columns.items[i].name, name)) {
            return (int)i;
        }
    }
    return -1;
}

static bool set_primary_key(struct cursor *c, struct create_table_part *part, int column)
{
    if (part->primary_key >= 0) {
        build_fail(c->b, ERROR_SYNTAX, "Multiple PRIMARY KEY definitions found");
        return false;
    }
    part->primary_key = column;
    make_primary_key(&part->columns.items[column]);
    return true;
}

/* PRIMARY KEY (col) */
static bool parse_key_constraint(struct cursor *c, struct str_list *key)
{
    struct str_list names = {0};
    if (!cursor_names(c, &names)) {
        return false;
    }
    if (names.count > 1) {
        build_fail(c->b, ERROR_SYNTAX, "Composite PRIMARY KEYs are not supported yet");
        return false;
    }
    if (key->count > 0) {
        build_fail(c->b, ERROR_SYNTAX, "Multiple PRIMARY KEY definitions found");
        return false;
    }
    *key = names;
    return true;
}

/* UNIQUE (col, ...) */
static bool parse_unique_constraint(struct cursor *c, struct create_table_part *part)
{
    struct str_list names = {0};
    if (!cursor_names(c, &names)) {
        return false;
    }
    bool is_set = names.count > 1;
    if (is_set && part->unique_set_count == LIMIT_UNIQUE_SETS) {
        build_fail(c->b, ERROR_LIMIT, "a table may have %d UNIQUE constraints of several columns",
                   LIMIT_UNIQUE_SETS);
        return false;
    }
    uint32_t set = is_set ? UINT32_C(1) << part->unique_set_count++ : 0;
    for (unsigned i = 0; i < names.count; i++) {
        int at = find_column(part, names.items[i]);
        if (at < 0) {
            build_fail(c->b, ERROR_SYNTAX, "UNIQUE column '" STR_FMT "' not found in column list",
                       STR(names.items[i]));
            return false;
        }
        struct column_def *column = &part->columns.items[at];
        if ((column->unique_sets & set) != 0) {
            build_fail(c->b, ERROR_SYNTAX,
                       "column '" STR_FMT "' appears twice in a UNIQUE constraint",
                       STR(column->name));
            return false;
        }
        column->unique_sets |= set;
        column->is_unique = column->is_unique || !is_set;
    }
    return true;
}

/* [CONSTRAINT c] PRIMARY KEY (col) | UNIQUE (col, ...) | CHECK (...) | FOREIGN KEY (...) REFERENCES
 * ... */
static bool parse_table_constraint(struct cursor *c, struct create_table_part *part,
                                   struct str_list *key)
{
    str name;
    if (cursor_accept_words(c, "CONSTRAINT") && !cursor_name(c, &name)) {
        return false;
    }
    if (cursor_accept_words(c, "CHECK")) {
        return skip_parens(c);
    }
    if (cursor_accept_words(c, "FOREIGN KEY")) {
        return skip_parens(c) && cursor_expect_words(c, "REFERENCES") && skip_references(c);
    }
    if (cursor_accept_words(c, "PRIMARY KEY")) {
        return parse_key_constraint(c, key);
    }
    return cursor_expect_words(c, "UNIQUE") && parse_unique_constraint(c, part);
}

static bool is_table_constraint(const struct cursor *c)
{
    static const char *const words[] = {"CONSTRAINT", "PRIMARY KEY", "FOREIGN KEY"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (cursor_sees_words(c, words[i])) {
            return true;
        }
    }
    bool is_word = cursor_sees_words(c, "UNIQUE") || cursor_sees_words(c, "CHECK");
    return is_word && c->at + 1 < c->end && c->at[1].kind == TK_LP;
}

static bool add_column(struct cursor *c, struct create_table_part *part)
{
    struct column_def column;
    if (!parse_column_def(c, &column) || !check_name(c, column.name, NAME_COLUMN)) {
        return false;
    }
    if (part->columns.count == LIMIT_COLUMNS) {
        build_fail(c->b, ERROR_LIMIT, "a table may have %d columns", LIMIT_COLUMNS);
        return false;
    }
    if (find_column(part, column.name) >= 0) {
        build_fail(c->b, ERROR_SYNTAX,
                   "Duplicate column name '" STR_FMT "'. Column names are case-insensitive.",
                   STR(column.name));
        return false;
    }
    BUILD_ROOM(c->b, &part->columns);
    part->columns.items[part->columns.count++] = column;
    return !column.is_primary_key || set_primary_key(c, part, (int)part->columns.count - 1);
}

static bool parse_columns(struct cursor *c, struct create_table_part *part)
{
    struct str_list key = {0};
    if (!cursor_accept(c, TK_LP)) {
        build_fail(c->b, ERROR_SYNTAX, "Table must have at least one column");
        return false;
    }
    while (!cursor_sees(c, TK_RP)) {
        bool is_taken =
            is_table_constraint(c) ? parse_table_constraint(c, part, &key) : add_column(c, part);
        if (!is_taken) {
            return false;
        }
        if (!cursor_accept(c, TK_COMMA)) { /* one may hang behind the last column */
            break;
        }
    }
    if (!cursor_expect(c, TK_RP)) {
        return false;
    }
    if (part->columns.count == 0) {
        build_fail(c->b, ERROR_SYNTAX, "Table must have at least one column");
        return false;
    }
    if (key.count == 0) {
        return true;
    }
    int column = find_column(part, key.items[0]);
    if (column < 0) {
        build_fail(c->b, ERROR_SYNTAX, "PRIMARY KEY column '" STR_FMT "' not found in column list",
                   STR(key.items[0]));
        return false;
    }
    return set_primary_key(c, part, column);
}

static bool create_table(struct cursor *c, struct create_table_part *part)
{
    c->at++; /* TABLE */
    part->if_not_exists = cursor_accept_words(c, "IF NOT EXISTS");
    part->primary_key = -1;
    if (!cursor_table(c, &part->table) || !check_name(c, part->table.name, NAME_TABLE) ||
        !parse_columns(c, part) || !parse_table_options(c, part) || !cursor_expect_end(c)) {
        return false;
    }
    return !part->says_kind ||
           build_keep(c->b, sql_check_table_options(part->kind, &part->options, c->b->err));
}

bool parse_create_table(struct cursor *c)
{
    c->b->statement->kind = STATEMENT_CREATE_TABLE;
    if (create_table(c, &c->b->statement->as.create_table)) {
        return true;
    }
    if (c->b->err != NULL) {
        c->b->result = error_wrap(c->b->err, "Invalid CREATE TABLE statement");
    }
    return false;
}

/* --- ALTER TABLE */

static bool alter_add(struct cursor *c, struct alter_action *action)
{
    if (is_table_constraint(c)) {
        build_fail(c->b, ERROR_STATEMENT_UNSUPPORTED,
                   "ALTER TABLE ... ADD CONSTRAINT is not supported");
        return false;
    }
    (void)cursor_accept_words(c, "COLUMN");
    action->kind = ALTER_ADD_COLUMN;
    action->if_not_exists = cursor_accept_words(c, "IF NOT EXISTS");
    if (!parse_column_def(c, &action->column_def)) {
        return false;
    }
    action->column = action->column_def.name;
    if (action->column.p[0] == '_') {
        build_fail(c->b, ERROR_INVALID_OPERATION,
                   "Cannot add column '" STR_FMT "': reserved system column name",
                   STR(action->column));
        return false;
    }
    return check_name(c, action->column, NAME_COLUMN);
}

static bool alter_drop(struct cursor *c, struct alter_action *action)
{
    bool is_index = cursor_accept_words(c, "VECTOR INDEX") || cursor_accept_words(c, "INDEX");
    if (is_index) {
        action->kind = ALTER_DROP_INDEX;
        return cursor_name(c, &action->column);
    }
    (void)cursor_accept_words(c, "COLUMN");
    action->kind = ALTER_DROP_COLUMN;
    action->if_exists = cursor_accept_words(c, "IF EXISTS");
    return cursor_name(c, &action->column);
}

static bool alter_modify(struct cursor *c, struct alter_action *action)
{
    (void)cursor_accept_words(c, "COLUMN");
    action->kind = ALTER_MODIFY_COLUMN;
    if (!parse_column_def(c, &action->column_def)) {
        return false;
    }
    action->column = action->column_def.name;
    if (action->column_def.is_primary_key || action->column_def.is_unique ||
        action->column_def.default_kind != DEFAULT_NONE) {
        build_fail(c->b, ERROR_SYNTAX, "MODIFY COLUMN takes a type and NULL or NOT NULL");
        return false;
    }
    return true;
}

static bool alter_column(struct cursor *c, struct alter_action *action)
{
    (void)cursor_accept_words(c, "COLUMN");
    if (!cursor_name(c, &action->column)) {
        return false;
    }
    action->column_def.name = action->column;
    if (cursor_accept_words(c, "SET NOT NULL")) {
        action->kind = ALTER_SET_NOT_NULL;
    } else if (cursor_accept_words(c, "DROP NOT NULL")) {
        action->kind = ALTER_DROP_NOT_NULL;
    } else if (cursor_accept_words(c, "DROP DEFAULT")) {
        action->kind = ALTER_DROP_DEFAULT;
    } else if (cursor_accept_words(c, "SET DEFAULT")) {
        action->kind = ALTER_SET_DEFAULT;
        return parse_default(c, &action->column_def);
    } else {
        build_fail(c->b, ERROR_STATEMENT_UNSUPPORTED, "Unsupported ALTER COLUMN operation");
        return false;
    }
    return true;
}

static bool alter_set(struct cursor *c, struct alter_action *action)
{
    action->kind = ALTER_SET_ACCESS;
    if (cursor_accept_words(c, "ACCESS LEVEL")) {
        return parse_access_level(c, false, &action->access_level);
    }
    if (!cursor_expect_words(c, "TBLPROPERTIES") || !cursor_expect(c, TK_LP)) {
        return false;
    }
    if (cursor_accept_words(c, "ACCESS_LEVEL")) {
        return cursor_expect(c, TK_EQ) && parse_access_level(c, true, &action->access_level) &&
               cursor_expect(c, TK_RP);
    }
    action->kind = ALTER_SET_RETENTION;
    return parse_retention_property(c, &action->deleted_retention_s) && cursor_expect(c, TK_RP);
}

static bool alter_create_index(struct cursor *c, struct alter_action *action)
{
    action->kind = ALTER_CREATE_INDEX;
    if ((!cursor_accept_words(c, "VECTOR INDEX") && !cursor_expect_words(c, "INDEX")) ||
        !cursor_name(c, &action->column)) {
        return false;
    }
    if (!cursor_accept_words(c, "USING")) {
        return true;
    }
    if (cursor_accept_words(c, "L2")) {
        action->metric = VECTOR_L2;
    } else if (cursor_accept_words(c, "DOT")) {
        action->metric = VECTOR_DOT;
    } else {
        return cursor_expect_words(c, "COSINE");
    }
    return true;
}

static bool alter_rename(struct cursor *c, struct alter_action *action)
{
    action->kind = ALTER_RENAME_COLUMN;
    if (!cursor_accept_words(c, "COLUMN") && cursor_sees_words(c, "TO")) {
        build_fail(c->b, ERROR_STATEMENT_UNSUPPORTED, "ALTER TABLE ... RENAME TO is not supported");
        return false;
    }
    return cursor_name(c, &action->column) && cursor_expect_words(c, "TO") &&
           cursor_name(c, &action->new_name) && check_name(c, action->new_name, NAME_COLUMN);
}

static bool parse_action(struct cursor *c, struct alter_action *action)
{
    static const struct {
        const char *word;
        bool (*parse)(struct cursor *c, struct alter_action *action);
    } actions[] = {
        {"ADD", alter_add},       {"DROP", alter_drop}, {"MODIFY", alter_modify},
        {"ALTER", alter_column},  {"SET", alter_set},   {"CREATE", alter_create_index},
        {"RENAME", alter_rename},
    };
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (cursor_accept_words(c, actions[i].word)) {
            return actions[i].parse(c, action);
        }
    }
    return cursor_unexpected(c);
}

bool parse_alter_table(struct cursor *c)
{
    struct alter_table_part *part = &c->b->statement->as.alter_table;
    c->b->statement->kind = STATEMENT_ALTER_TABLE;
    if (!cursor_table(c, &part->table)) {
        return false;
    }
    do {
        struct alter_action action = {.kind = ALTER_ADD_COLUMN};
        if (!parse_action(c, &action)) {
            return false;
        }
        if (part->action_count == LIMIT_COLUMNS) {
            build_fail(c->b, ERROR_LIMIT, "ALTER TABLE may have %d actions", LIMIT_COLUMNS);
            return false;
        }
        part->actions = build_grow(c->b->arena, part->actions, part->action_count,
                                   &part->action_capacity, sizeof *part->actions);
        part->actions[part->action_count++] = action;
    } while (cursor_accept(c, TK_COMMA));
    return cursor_expect_end(c);
}
