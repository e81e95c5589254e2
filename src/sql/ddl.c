/* sql/ddl.c -- CREATE, ALTER, DROP, CLEAR: which thing, and namespaces and views themselves.
 * Threads: any. */
#include "sql/statement.h"

static struct statement *begin(struct cursor *c, enum statement_kind kind)
{
    c->b->statement->kind = kind;
    return c->b->statement;
}

/* --- namespaces */

static bool create_namespace(struct cursor *c)
{
    struct namespace_part *part = &begin(c, STATEMENT_CREATE_NAMESPACE)->as.namespace;
    part->if_not_exists = cursor_accept_words(c, "IF NOT EXISTS");
    return cursor_name(c, &part->name) && cursor_expect_end(c) &&
           build_keep(c->b, sql_check_name(part->name, NAME_NAMESPACE, c->b->err));
}

/* BIGINT, DOUBLE, TEXT or BOOLEAN. */
static bool parse_option_value(struct cursor *c, struct value *out)
{
    if (cursor_sees(c, TK_TRUE) || cursor_sees(c, TK_FALSE)) {
        *out = value_bool(cursor_sees(c, TK_TRUE));
        c->at++;
        return true;
    }
    if (cursor_sees(c, TK_STRING)) {
        str text;
        bool is_parsed = cursor_text(c, &text);
        *out = value_text(text);
        return is_parsed;
    }
    bool is_negative = cursor_accept(c, TK_MINUS);
    bool is_integer = cursor_sees(c, TK_INTEGER);
    if (!is_integer && !cursor_sees(c, TK_DECIMAL) && !cursor_sees(c, TK_FLOAT)) {
        return cursor_unexpected(c);
    }
    str word = cursor_here(c);
    int64_t integer = 0;
    double real = 0;
    if (is_integer ? !str_to_i64(word, &integer) : !str_to_double(word, &real)) {
        return cursor_unexpected(c);
    }
    c->at++;
    *out = is_integer ? value_int(TYPE_BIGINT, is_negative ? -integer : integer)
                      : value_double(is_negative ? -real : real);
    return true;
}

static bool has_option(const struct namespace_part *part, str name)
{
    for (unsigned i = 0; i < part->option_count; i++) {
        if (str_eq(part->options[i].name, name)) {
            return true;
        }
    }
    return false;
}

static bool alter_namespace(struct cursor *c)
{
    struct namespace_part *part = &begin(c, STATEMENT_ALTER_NAMESPACE)->as.namespace;
    if (!cursor_name(c, &part->name) || !cursor_expect_words(c, "SET OPTIONS") ||
        !cursor_expect(c, TK_LP)) {
        return false;
    }
    do {
        struct named_option option;
        if (!cursor_name(c, &option.name) || !cursor_expect(c, TK_EQ) ||
            !parse_option_value(c, &option.value)) {
            return false;
        }
        if (has_option(part, option.name)) {
            return build_given_twice(c->b, option.name);
        }
        part->options = build_grow(c->b->arena, part->options, part->option_count,
                                   &part->option_capacity, sizeof *part->options);
        part->options[part->option_count++] = option;
    } while (cursor_accept(c, TK_COMMA));
    return cursor_expect(c, TK_RP) && cursor_expect_end(c);
}

static bool drop_namespace(struct cursor *c)
{
    struct namespace_part *part = &begin(c, STATEMENT_DROP_NAMESPACE)->as.namespace;
    part->if_exists = cursor_accept_words(c, "IF EXISTS");
    if (!cursor_name(c, &part->name)) {
        return false;
    }
    part->is_cascade = cursor_accept_words(c, "CASCADE");
    return cursor_expect_end(c);
}

bool parse_use(struct cursor *c)
{
    struct namespace_part *part = &begin(c, STATEMENT_USE_NAMESPACE)->as.namespace;
    c->at++; /* USE, SET */
    (void)cursor_accept_words(c, "NAMESPACE");
    str name;
    if (!cursor_text_or_name(c, &name)) {
        return false;
    }
    part->name = arena_lower(c->b->arena, name);
    return cursor_expect_end(c);
}

/* --- views */

static bool create_view(struct cursor *c, bool or_replace)
{
    struct create_view_part *part = &begin(c, STATEMENT_CREATE_VIEW)->as.create_view;
    part->or_replace = or_replace;
    part->if_not_exists = cursor_accept_words(c, "IF NOT EXISTS");
    if (!cursor_table(c, &part->view) ||
        (cursor_sees(c, TK_LP) && !cursor_names(c, &part->columns)) || !cursor_expect(c, TK_AS)) {
        return false;
    }
    if (cursor_is_end(c)) {
        return cursor_unexpected(c);
    }
    bool is_query = cursor_sees(c, TK_SELECT) || cursor_sees(c, TK_VALUES) ||
                    cursor_sees(c, TK_LP) || cursor_sees_words(c, "WITH");
    if (!is_query) {
        return cursor_unexpected(c);
    }
    for (const struct token *token = c->at; token < c->end; token++) {
        if (token->kind == TK_PARAM) {
            build_fail(c->b, ERROR_SYNTAX, "a view takes no parameters");
            return false;
        }
    }
    part->query = cursor_rest(c);
    return build_keep(c->b, sql_check_name(part->view.name, NAME_TABLE, c->b->err));
}

/* --- CREATE, ALTER, DROP */

/* USER, SHARED or STREAM before TABLE. */
static bool accept_kind(struct cursor *c, enum table_kind *kind)
{
    static const struct {
        const char *words;
        enum table_kind kind;
    } kinds[] = {
        {"USER TABLE", TABLE_USER}, {"SHARED TABLE", TABLE_SHARED}, {"STREAM TABLE", TABLE_STREAM}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (cursor_sees_words(c, kinds[i].words)) {
            c->at++;
            *kind = kinds[i].kind;
            return true;
        }
    }
    return false;
}

static bool fail_unsupported(struct cursor *c, const char *first)
{
    if (cursor_is_end(c)) {
        return cursor_unexpected(c);
    }
    str word = cursor_here(c);
    build_fail(c->b, ERROR_STATEMENT_UNSUPPORTED, "Unsupported statement type: %s " STR_FMT, first,
               STR(word));
    return false;
}

bool parse_create(struct cursor *c)
{
    c->at++;
    bool or_replace = cursor_accept_words(c, "OR REPLACE");
    bool is_temporary = cursor_accept_words(c, "TEMPORARY") || cursor_accept_words(c, "TEMP");
    if (cursor_accept_words(c, "VIEW")) {
        return create_view(c, or_replace);
    }
    if (cursor_sees_words(c, "MATERIALIZED")) {
        build_fail(c->b, ERROR_STATEMENT_UNSUPPORTED, "MATERIALIZED VIEWS are not supported yet");
        return false;
    }
    if (or_replace || is_temporary) {
        return fail_unsupported(c, or_replace ? "CREATE OR REPLACE" : "CREATE TEMPORARY");
    }
    struct create_table_part *table = &c->b->statement->as.create_table;
    table->kind = TABLE_SHARED;
    table->says_kind = accept_kind(c, &table->kind);
    if (cursor_sees_words(c, "TABLE")) {
        return parse_create_table(c);
    }
    if (cursor_accept_words(c, "NAMESPACE")) {
        *table = (struct create_table_part){0};
        return create_namespace(c);
    }
    *table = (struct create_table_part){0};
    if (cursor_accept_words(c, "STORAGE")) {
        return parse_create_storage(c);
    }
    if (cursor_accept_words(c, "USER")) {
        return parse_create_user(c);
    }
    if (cursor_accept_words(c, "TOPIC")) {
        return parse_create_topic(c);
    }
    return fail_unsupported(c, "CREATE");
}

static bool clear_topic(struct cursor *c)
{
    struct topic_part *part = &begin(c, STATEMENT_CLEAR_TOPIC)->as.topic;
    c->at++;
    return cursor_expect_words(c, "TOPIC") && cursor_table(c, &part->topic) && cursor_expect_end(c);
}

bool parse_alter(struct cursor *c)
{
    enum table_kind kind = TABLE_SHARED;
    if (cursor_sees_words(c, "CLEAR")) {
        return clear_topic(c);
    }
    c->at++;
    bool says_kind = accept_kind(c, &kind);
    if (cursor_accept_words(c, "TABLE")) {
        c->b->statement->as.alter_table =
            (struct alter_table_part){.says_kind = says_kind, .kind = kind};
        return parse_alter_table(c);
    }
    if (cursor_accept_words(c, "NAMESPACE")) {
        return alter_namespace(c);
    }
    if (cursor_accept_words(c, "STORAGE")) {
        return parse_alter_storage(c);
    }
    if (cursor_accept_words(c, "USER")) {
        return parse_alter_user(c);
    }
    if (cursor_accept_words(c, "TOPIC")) {
        return parse_alter_topic(c);
    }
    return fail_unsupported(c, "ALTER");
}

static bool drop_table(struct cursor *c, enum statement_kind statement_kind, bool says_kind,
                       enum table_kind kind)
{
    struct drop_part *part = &begin(c, statement_kind)->as.drop;
    part->says_kind = says_kind;
    part->kind = kind;
    part->if_exists = cursor_accept_words(c, "IF EXISTS");
    if (!cursor_table(c, &part->table)) {
        return false;
    }
    return cursor_expect_end(c);
}

static bool drop_storage(struct cursor *c)
{
    struct storage_part *part = &begin(c, STATEMENT_DROP_STORAGE)->as.storage;
    part->if_exists = cursor_accept_words(c, "IF EXISTS");
    return cursor_text_or_name(c, &part->id) && cursor_expect_end(c);
}

static bool drop_user(struct cursor *c)
{
    struct user_part *part = &begin(c, STATEMENT_DROP_USER)->as.user;
    part->if_exists = cursor_accept_words(c, "IF EXISTS");
    return cursor_text_or_name(c, &part->name) && cursor_expect_end(c);
}

static bool drop_topic(struct cursor *c)
{
    struct topic_part *part = &begin(c, STATEMENT_DROP_TOPIC)->as.topic;
    part->if_exists = cursor_accept_words(c, "IF EXISTS");
    return cursor_table(c, &part->topic) && cursor_expect_end(c);
}

bool parse_drop(struct cursor *c)
{
    enum table_kind kind = TABLE_SHARED;
    c->at++;
    bool says_kind = accept_kind(c, &kind);
    if (cursor_accept_words(c, "TABLE")) {
        return drop_table(c, STATEMENT_DROP_TABLE, says_kind, kind);
    }
    if (cursor_accept_words(c, "VIEW")) {
        return drop_table(c, STATEMENT_DROP_VIEW, false, TABLE_SHARED);
    }
    if (cursor_accept_words(c, "NAMESPACE")) {
        return drop_namespace(c);
    }
    if (cursor_accept_words(c, "STORAGE")) {
        return drop_storage(c);
    }
    if (cursor_accept_words(c, "USER")) {
        return drop_user(c);
    }
    if (cursor_accept_words(c, "TOPIC")) {
        return drop_topic(c);
    }
    return fail_unsupported(c, "DROP");
}
