/* sql/ddl_admin.c -- storages, users and topics. Threads: any. */
#include "sql/statement.h"
#include "sql/template.h"
#include "sql/text.h"

/* --- storages */

static bool take_text(struct cursor *c, bool *has, str *out)
{
    *has = true;
    return cursor_text(c, out);
}

static bool parse_storage_type(struct cursor *c, struct storage_part *part)
{
    static const char *const types[] = {"filesystem", "s3", "gcs", "azure"};
    str type;
    if (!cursor_text_or_name(c, &type)) {
        return false;
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (str_eq_nocase(type, str_from(types[i]))) {
            part->type = str_from(types[i]);
            return true;
        }
    }
    build_fail(c->b, ERROR_SYNTAX,
               "Invalid storage type '" STR_FMT "'. Supported: filesystem, s3, gcs, azure",
               STR(text_excerpt(type)));
    return false;
}

/* One `WORD 'text'` of CREATE STORAGE. */
static bool parse_storage_word(struct cursor *c, struct storage_part *part)
{
    const struct {
        const char *word;
        bool *has;
        str *out;
    } words[] = {
        {"NAME", &part->has_name, &part->name},
        {"DESCRIPTION", &part->has_description, &part->description},
        {"PATH", &part->has_base_directory, &part->base_directory},
        {"BASE_DIRECTORY", &part->has_base_directory, &part->base_directory},
        {"BUCKET", &part->has_bucket, &part->bucket},
        {"REGION", &part->has_region, &part->region},
        {"SHARED_TABLES_TEMPLATE", &part->has_shared_template, &part->shared_tables_template},
        {"USER_TABLES_TEMPLATE", &part->has_user_template, &part->user_tables_template},
        {"CREDENTIALS", &part->has_credentials, &part->credentials},
        {"CONFIG", &part->has_config, &part->config},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (cursor_accept_words(c, words[i].word)) {
            if (*words[i].has) {
                return build_given_twice(c->b, str_from(words[i].word));
            }
            if (!take_text(c, words[i].has, words[i].out)) {
                return false;
            }
            part->shared_tables_template =
                template_normal(c->b->arena, part->shared_tables_template);
            part->user_tables_template = template_normal(c->b->arena, part->user_tables_template);
            return true;
        }
    }
    return cursor_unexpected(c);
}

/* What a storage of that type must be told, and what it has no use for. */
static bool check_storage(struct cursor *c, const struct storage_part *part)
{
    if (part->type.n == 0) {
        build_fail(c->b, ERROR_SYNTAX, "CREATE STORAGE requires TYPE");
        return false;
    }
    bool is_filesystem = str_eq_c(part->type, "filesystem");
    if (is_filesystem && (part->has_bucket || part->has_region)) {
        build_fail(c->b, ERROR_SYNTAX, "%s is not for storages of type filesystem",
                   part->has_bucket ? "BUCKET" : "REGION");
        return false;
    }
    if (!part->has_base_directory && !part->has_bucket) {
        build_fail(c->b, ERROR_SYNTAX, "CREATE STORAGE requires PATH, BASE_DIRECTORY or BUCKET");
        return false;
    }
    return true;
}

bool parse_create_storage(struct cursor *c)
{
    struct storage_part *part = &c->b->statement->as.storage;
    c->b->statement->kind = STATEMENT_CREATE_STORAGE;
    part->if_not_exists = cursor_accept_words(c, "IF NOT EXISTS");
    if (!cursor_text_or_name(c, &part->id)) {
        return false;
    }
    if (part->id.n == 0) {
        build_fail(c->b, ERROR_INVALID_OPERATION, "Storage id cannot be empty");
        return false;
    }
    while (!cursor_is_end(c)) {
        bool is_parsed = cursor_accept_words(c, "TYPE") ? parse_storage_type(c, part)
                                                        : parse_storage_word(c, part);
        if (!is_parsed) {
            return false;
        }
    }
    return check_storage(c, part);
}

bool parse_alter_storage(struct cursor *c)
{
    struct storage_part *part = &c->b->statement->as.storage;
    c->b->statement->kind = STATEMENT_ALTER_STORAGE;
    if (!cursor_text_or_name(c, &part->id)) {
        return false;
    }
    do {
        bool is_known =
            cursor_accept_words(c, "SET") &&
            (cursor_sees_words(c, "NAME") || cursor_sees_words(c, "DESCRIPTION") ||
             cursor_sees_words(c, "SHARED_TABLES_TEMPLATE") ||
             cursor_sees_words(c, "USER_TABLES_TEMPLATE") || cursor_sees_words(c, "CONFIG"));
        if (!is_known) {
            return cursor_unexpected(c);
        }
        if (!parse_storage_word(c, part)) {
            return false;
        }
    } while (cursor_accept(c, TK_COMMA) || !cursor_is_end(c));
    return true;
}

/* --- users */

static bool check_user_name(struct cursor *c, str name)
{
    bool is_bad = name.n == 0 || name.n > LIMIT_USER_ID_BYTES ||
                  str_find(name, STR_LIT("..")) >= 0 || str_find_char(name, '/') >= 0 ||
                  str_find_char(name, '\\') >= 0;
    if (!is_bad) {
        return true;
    }
    if (name.n == 0) {
        build_fail(c->b, ERROR_INVALID_OPERATION, "User name cannot be empty");
    } else if (name.n > LIMIT_USER_ID_BYTES) {
        build_fail(c->b, ERROR_INVALID_OPERATION, "User name is too long (%zu bytes, max %d)",
                   name.n, LIMIT_USER_ID_BYTES);
    } else {
        build_fail(c->b, ERROR_INVALID_OPERATION,
                   "User name '" STR_FMT "' must not contain '..', '/' or '\\'", STR(name));
    }
    return false;
}

static bool parse_role(struct cursor *c, enum user_role *out)
{
    static const struct {
        const char *word;
        enum user_role role;
    } roles[] = {
        {"dba", USER_ROLE_DBA},         {"admin", USER_ROLE_DBA},
        {"service", USER_ROLE_SERVICE}, {"developer", USER_ROLE_SERVICE},
        {"analyst", USER_ROLE_SERVICE}, {"user", USER_ROLE_USER},
        {"viewer", USER_ROLE_USER},     {"readonly", USER_ROLE_USER},
        {"system", USER_ROLE_SYSTEM},
    };
    str word;
    if (!cursor_text_or_name(c, &word)) {
        return false;
    }
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (str_eq_nocase(word, str_from(roles[i].word))) {
            *out = roles[i].role;
            return true;
        }
    }
    build_fail(c->b, ERROR_SYNTAX,
               "Invalid role '" STR_FMT "'. Supported: user, service, dba, system",
               STR(text_excerpt(word)));
    return false;
}

static bool parse_password(struct cursor *c, struct user_part *part)
{
    part->auth = USER_AUTH_PASSWORD;
    if (!cursor_sees(c, TK_STRING)) {
        build_fail(c->b, ERROR_SYNTAX, "PASSWORD requires a text in single quotes");
        return false;
    }
    if (!cursor_text(c, &part->password)) {
        return false;
    }
    if (part->password.n > LIMIT_PASSWORD_BYTES) {
        build_fail(c->b, ERROR_INVALID_OPERATION, "Password is too long (max %d bytes)",
                   LIMIT_PASSWORD_BYTES);
        return false;
    }
    return true;
}

static bool parse_auth(struct cursor *c, struct user_part *part)
{
    if (cursor_accept_words(c, "PASSWORD")) {
        return parse_password(c, part);
    }
    if (cursor_accept_words(c, "OAUTH")) {
        part->auth = USER_AUTH_OAUTH;
        return !cursor_sees(c, TK_STRING) || cursor_text(c, &part->oauth);
    }
    part->auth = USER_AUTH_INTERNAL;
    return cursor_expect_words(c, "INTERNAL");
}

static bool parse_email(struct cursor *c, struct user_part *part)
{
    part->has_email = true;
    return cursor_text(c, &part->email);
}

bool parse_create_user(struct cursor *c)
{
    struct user_part *part = &c->b->statement->as.user;
    c->b->statement->kind = STATEMENT_CREATE_USER;
    part->if_not_exists = cursor_accept_words(c, "IF NOT EXISTS");
    if (!cursor_text_or_name(c, &part->name) || !check_user_name(c, part->name) ||
        !cursor_expect_words(c, "WITH") || !parse_auth(c, part)) {
        return false;
    }
    while (!cursor_is_end(c)) {
        if (part->role == USER_ROLE_UNSAID && cursor_accept_words(c, "ROLE")) {
            if (!parse_role(c, &part->role)) {
                return false;
            }
        } else if (!part->has_email && cursor_accept_words(c, "EMAIL")) {
            if (!parse_email(c, part)) {
                return false;
            }
        } else {
            return cursor_unexpected(c);
        }
    }
    if (part->role == USER_ROLE_UNSAID) {
        build_fail(c->b, ERROR_SYNTAX, "CREATE USER requires ROLE");
        return false;
    }
    return true;
}

bool parse_alter_user(struct cursor *c)
{
    struct user_part *part = &c->b->statement->as.user;
    c->b->statement->kind = STATEMENT_ALTER_USER;
    if (!cursor_text_or_name(c, &part->name) || !cursor_expect_words(c, "SET")) {
        return false;
    }
    bool is_parsed = false;
    if (cursor_accept_words(c, "PASSWORD")) {
        is_parsed = parse_password(c, part);
    } else if (cursor_accept_words(c, "ROLE")) {
        is_parsed = parse_role(c, &part->role);
    } else if (cursor_accept_words(c, "EMAIL")) {
        is_parsed = parse_email(c, part);
    } else {
        return cursor_unexpected(c);
    }
    return is_parsed && cursor_expect_end(c);
}

/* --- topics */

static bool parse_topic_name(struct cursor *c, struct topic_part *part)
{
    if (!cursor_table(c, &part->topic)) {
        return false;
    }
    if (part->topic.ns.n == 0) {
        build_fail(c->b, ERROR_INVALID_OPERATION,
                   "Topic name must be namespace-qualified: <namespace>.<topic>");
        return false;
    }
    return true;
}

static bool parse_count(struct cursor *c, struct option_i64 *out)
{
    out->is_set = true;
    return cursor_integer(c, &out->value);
}

bool parse_create_topic(struct cursor *c)
{
    struct topic_part *part = &c->b->statement->as.topic;
    c->b->statement->kind = STATEMENT_CREATE_TOPIC;
    part->if_not_exists = cursor_accept_words(c, "IF NOT EXISTS");
    if (!parse_topic_name(c, part)) {
        return false;
    }
    if (cursor_accept_words(c, "PARTITIONS") && !parse_count(c, &part->partitions)) {
        return false;
    }
    return cursor_expect_end(c) &&
           build_keep(c->b, sql_check_name(part->topic.name, NAME_TABLE, c->b->err));
}

static bool parse_event(struct cursor *c, enum topic_event *out)
{
    if (cursor_accept(c, TK_INSERT)) {
        *out = TOPIC_ON_INSERT;
    } else if (cursor_accept(c, TK_UPDATE)) {
        *out = TOPIC_ON_UPDATE;
    } else if (cursor_accept(c, TK_DELETE)) {
        *out = TOPIC_ON_DELETE;
    } else {
        return cursor_unexpected(c);
    }
    return true;
}

static bool parse_payload(struct cursor *c, struct topic_part *part)
{
    static const struct {
        const char *word;
        enum topic_payload payload;
    } payloads[] = {
        {"key", TOPIC_PAYLOAD_KEY}, {"full", TOPIC_PAYLOAD_FULL}, {"diff", TOPIC_PAYLOAD_DIFF}};
    str word;
    if (!cursor_expect(c, TK_LP) || !cursor_expect_words(c, "PAYLOAD") ||
        !cursor_expect(c, TK_EQ) || !cursor_text_or_name(c, &word) || !cursor_expect(c, TK_RP)) {
        return false;
    }
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        if (str_eq_nocase(word, str_from(payloads[i].word))) {
            part->payload = payloads[i].payload;
            return true;
        }
    }
    build_fail(c->b, ERROR_SYNTAX, "Invalid payload '" STR_FMT "'. Supported: key, full, diff",
               STR(text_excerpt(word)));
    return false;
}

/* The expression up to WITH ( or the end. */
static bool parse_source_where(struct cursor *c, struct topic_part *part)
{
    struct cursor at = *c;
    while (!cursor_is_end(&at) && !cursor_sees_words(&at, "WITH")) {
        at.at++;
    }
    if (at.at == c->at) {
        return cursor_unexpected(c);
    }
    part->where_text = str_slice(c->b->text, c->at->at, token_end(at.at - 1));
    part->where = parse_expr_tokens(c->b, c->at, at.at);
    c->at = at.at;
    return part->where != NULL;
}

bool parse_alter_topic(struct cursor *c)
{
    struct topic_part *part = &c->b->statement->as.topic;
    c->b->statement->kind = STATEMENT_ALTER_TOPIC;
    if (!cursor_table(c, &part->topic) || !cursor_expect_words(c, "ADD SOURCE") ||
        !cursor_table(c, &part->source) || !cursor_expect(c, TK_ON) ||
        !parse_event(c, &part->event)) {
        return false;
    }
    if (cursor_accept(c, TK_WHERE) && !parse_source_where(c, part)) {
        return false;
    }
    if (cursor_accept_words(c, "WITH") && !parse_payload(c, part)) {
        return false;
    }
    return cursor_expect_end(c);
}

static bool parse_start(struct cursor *c, struct topic_part *part)
{
    if (cursor_accept_words(c, "EARLIEST")) {
        part->start = CONSUME_EARLIEST;
    } else if (cursor_accept_words(c, "LATEST")) {
        part->start = CONSUME_LATEST;
    } else {
        (void)cursor_accept(c, TK_OFFSET);
        part->start = CONSUME_OFFSET;
        return parse_count(c, &part->offset);
    }
    return true;
}

bool parse_consume(struct cursor *c)
{
    struct topic_part *part = &c->b->statement->as.topic;
    c->b->statement->kind = STATEMENT_CONSUME;
    c->at++;
    if (!cursor_expect(c, TK_FROM) || !cursor_table(c, &part->topic)) {
        return false;
    }
    if (cursor_accept_words(c, "GROUP") && !cursor_text_or_name(c, &part->group)) {
        return false;
    }
    if (cursor_accept(c, TK_FROM) && !parse_start(c, part)) {
        return false;
    }
    if (cursor_accept(c, TK_LIMIT) && !parse_count(c, &part->limit)) {
        return false;
    }
    return cursor_expect_end(c);
}

bool parse_ack(struct cursor *c)
{
    struct topic_part *part = &c->b->statement->as.topic;
    c->b->statement->kind = STATEMENT_ACK;
    c->at++;
    if (!cursor_table(c, &part->topic) || !cursor_expect_words(c, "GROUP") ||
        !cursor_text_or_name(c, &part->group)) {
        return false;
    }
    if (cursor_accept_words(c, "PARTITION") && !parse_count(c, &part->partition)) {
        return false;
    }
    return cursor_expect_words(c, "UPTO OFFSET") && parse_count(c, &part->offset) &&
           cursor_expect_end(c);
}
