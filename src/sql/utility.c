/* sql/utility.c -- SHOW, DESCRIBE, STORAGE, KILL, BACKUP, CLUSTER, transactions, EXECUTE AS USER.
 * Threads: any. */
#include "sql/statement.h"
#include "sql/text.h"

static struct statement *begin(struct cursor *c, enum statement_kind kind)
{
    c->b->statement->kind = kind;
    return c->b->statement;
}

/* --- SHOW, DESCRIBE */

static bool show_tables(struct cursor *c, struct show_part *part)
{
    if (cursor_accept(c, TK_IN) || cursor_accept(c, TK_FROM)) {
        (void)cursor_accept_words(c, "NAMESPACE");
        return cursor_name(c, &part->ns);
    }
    return true;
}

static bool show_table(struct cursor *c, struct show_part *part)
{
    return cursor_table(c, &part->table);
}

static bool show_columns(struct cursor *c, struct show_part *part)
{
    if (!cursor_accept(c, TK_FROM) && !cursor_accept(c, TK_IN)) {
        return cursor_unexpected(c);
    }
    return cursor_table(c, &part->table);
}

static bool show_manifest(struct cursor *c, struct show_part *part)
{
    (void)part;
    (void)cursor_accept_words(c, "CACHE");
    return true;
}

static bool show_backup(struct cursor *c, struct show_part *part)
{
    return cursor_text(c, &part->path);
}

bool parse_show(struct cursor *c)
{
    static const struct {
        const char *words;
        enum statement_kind kind;
        bool (*parse)(struct cursor *c, struct show_part *part);
    } shows[] = {
        {"NAMESPACES", STATEMENT_SHOW_NAMESPACES, NULL},
        {"TABLES", STATEMENT_SHOW_TABLES, show_tables},
        {"STORAGES", STATEMENT_SHOW_STORAGES, NULL},
        {"STATS FOR TABLE", STATEMENT_SHOW_STATS, show_table},
        {"TABLE STATS", STATEMENT_SHOW_STATS, show_table},
        {"MANIFEST", STATEMENT_SHOW_MANIFEST, show_manifest},
        {"EXPORT", STATEMENT_SHOW_EXPORT, NULL},
        {"JOBS", STATEMENT_SHOW_JOBS, NULL},
        {"BACKUP", STATEMENT_SHOW_BACKUP, show_backup},
        {"COLUMNS", STATEMENT_SHOW_COLUMNS, show_columns},
        {"ALL", STATEMENT_SHOW_ALL, NULL},
    };
    c->at++;
    for (size_t i = 0; i < sizeof shows / sizeof shows[0]; i++) {
        if (cursor_accept_words(c, shows[i].words)) {
            struct show_part *part = &begin(c, shows[i].kind)->as.show;
            return (shows[i].parse == NULL || shows[i].parse(c, part)) && cursor_expect_end(c);
        }
    }
    if (cursor_is_end(c)) {
        return cursor_unexpected(c);
    }
    str rest = text_excerpt(cursor_rest(c));
    build_fail(c->b, ERROR_STATEMENT_UNSUPPORTED, "Unsupported statement type: SHOW " STR_FMT,
               STR(rest));
    return false;
}

bool parse_describe(struct cursor *c)
{
    c->at++;
    bool has_word = cursor_accept_words(c, "TABLE");
    struct show_part *part =
        &begin(c, has_word ? STATEMENT_DESCRIBE_TABLE : STATEMENT_DESCRIBE)->as.show;
    if (!cursor_table(c, &part->table)) {
        return false;
    }
    if (has_word && cursor_accept_words(c, "HISTORY")) {
        part->is_history = true;
    } else if (has_word && cursor_accept_words(c, "VERSION")) {
        part->version.is_set = true;
        if (!cursor_integer(c, &part->version.value)) {
            return false;
        }
    }
    return cursor_expect_end(c);
}

bool parse_explain(struct cursor *c)
{
    struct explain_part *part = &begin(c, STATEMENT_EXPLAIN)->as.explain;
    c->at++;
    part->is_analyze = cursor_accept_words(c, "ANALYZE");
    (void)cursor_accept_words(c, "VERBOSE"); /* the plan is told whole in any case */
    if (cursor_is_end(c)) {
        return cursor_unexpected(c);
    }
    for (const struct token *token = c->at; token < c->end; token++) {
        if (token->kind == TK_PARAM) {
            (void)build_param(c->b, token);
        }
    }
    part->inner = cursor_rest(c);
    return true;
}

bool parse_set(struct cursor *c)
{
    if (cursor_sees_words(c, "SET NAMESPACE")) {
        return parse_use(c);
    }
    struct set_part *part = &begin(c, STATEMENT_SET)->as.set;
    c->at++;
    if (cursor_is_end(c)) {
        return cursor_unexpected(c);
    }
    part->text = cursor_rest(c);
    return true;
}

/* --- STORAGE */

static bool storage_table(struct cursor *c, enum statement_kind kind, const char *name)
{
    struct show_part *part = &begin(c, kind)->as.show;
    if (!cursor_table(c, &part->table)) {
        return false;
    }
    if (part->table.ns.n == 0) {
        build_fail(c->b, ERROR_INVALID_OPERATION,
                   "Table name must be qualified (namespace.table) for %s", name);
        return false;
    }
    return cursor_expect_end(c);
}

static bool storage_all(struct cursor *c, enum statement_kind kind)
{
    struct show_part *part = &begin(c, kind)->as.show;
    if (cursor_accept(c, TK_IN)) {
        (void)cursor_accept_words(c, "NAMESPACE");
        if (!cursor_name(c, &part->ns)) {
            return false;
        }
    }
    return cursor_expect_end(c);
}

static bool storage_check(struct cursor *c)
{
    struct storage_part *part = &begin(c, STATEMENT_STORAGE_CHECK)->as.storage;
    if (!cursor_text_or_name(c, &part->id)) {
        return false;
    }
    part->is_extended = cursor_accept_words(c, "EXTENDED");
    return cursor_expect_end(c);
}

bool parse_storage(struct cursor *c)
{
    c->at++;
    if (cursor_accept_words(c, "FLUSH TABLE")) {
        return storage_table(c, STATEMENT_FLUSH_TABLE, "STORAGE FLUSH TABLE");
    }
    if (cursor_accept_words(c, "FLUSH ALL")) {
        return storage_all(c, STATEMENT_FLUSH_ALL);
    }
    if (cursor_accept_words(c, "COMPACT TABLE")) {
        return storage_table(c, STATEMENT_COMPACT_TABLE, "STORAGE COMPACT TABLE");
    }
    if (cursor_accept_words(c, "COMPACT ALL")) {
        return storage_all(c, STATEMENT_COMPACT_ALL);
    }
    return cursor_accept_words(c, "CHECK") ? storage_check(c) : cursor_unexpected(c);
}

/* --- KILL, BACKUP, RESTORE, EXPORT */

bool parse_kill(struct cursor *c)
{
    c->at++;
    bool is_job = cursor_accept_words(c, "JOB");
    if (!is_job && !cursor_expect_words(c, "LIVE QUERY")) {
        return false;
    }
    struct kill_part *part =
        &begin(c, is_job ? STATEMENT_KILL_JOB : STATEMENT_KILL_LIVE_QUERY)->as.kill;
    if (cursor_sees(c, TK_STRING)) {
        return cursor_text(c, &part->id) && cursor_expect_end(c);
    }
    if (cursor_is_end(c)) {
        return cursor_unexpected(c);
    }
    part->id = cursor_rest(c); /* spec 002: KILL LIVE QUERY id, where an id may have dashes */
    for (size_t i = 0; i < part->id.n; i++) {
        char id_char = str_lower_char(part->id.p[i]);
        bool is_id = (id_char >= 'a' && id_char <= 'z') || (id_char >= '0' && id_char <= '9') ||
                     id_char == '-' || id_char == '_' || id_char == '.' || id_char == ':';
        if (!is_id) {
            build_fail(c->b, ERROR_SYNTAX, "'" STR_FMT "' is no id; write it in single quotes",
                       STR(text_excerpt(part->id)));
            return false;
        }
    }
    return true;
}

static bool is_bad_path(str path)
{
    static const char *const roots[] = {"/etc/", "/root/", "/var/log/", "c:\\windows\\"};
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
        if (str_starts_with_nocase(path, str_from(roots[i]))) {
            return true;
        }
    }
    return str_find(path, STR_LIT("..")) >= 0;
}

static bool parse_path(struct cursor *c, str *out)
{
    if (!cursor_text(c, out)) {
        return false;
    }
    if (out->n == 0) {
        build_fail(c->b, ERROR_INVALID_OPERATION, "Path cannot be empty");
        return false;
    }
    if (is_bad_path(*out)) {
        build_fail(c->b, ERROR_INVALID_OPERATION, "Path '" STR_FMT "' is not allowed",
                   STR(text_excerpt(*out)));
        return false;
    }
    return true;
}

/* BACKUP DATABASE [ns] TO 'path' [MODE INCREMENTAL]; the namespace and the mode are of spec 002. */
static bool parse_database(struct cursor *c, enum statement_kind kind, const char *direction)
{
    struct path_part *part = &begin(c, kind)->as.path;
    c->at++;
    if (!cursor_expect_words(c, "DATABASE")) {
        return false;
    }
    if (!cursor_sees_words(c, direction) && !cursor_name(c, &part->ns)) {
        return false;
    }
    if (!cursor_expect_words(c, direction) || !parse_path(c, &part->path)) {
        return false;
    }
    part->is_incremental = kind == STATEMENT_BACKUP && cursor_accept_words(c, "MODE INCREMENTAL");
    return cursor_expect_end(c);
}

bool parse_backup(struct cursor *c)
{
    return parse_database(c, STATEMENT_BACKUP, "TO");
}

bool parse_restore(struct cursor *c)
{
    return parse_database(c, STATEMENT_RESTORE, "FROM");
}

bool parse_export(struct cursor *c)
{
    (void)begin(c, STATEMENT_EXPORT_USER_DATA);
    c->at++;
    return cursor_expect_words(c, "USER DATA") && cursor_expect_end(c);
}

/* --- CLUSTER */

static bool fail_cluster(struct cursor *c, const char *text)
{
    build_fail(c->b, ERROR_STATEMENT_UNSUPPORTED, "%s", text);
    return false;
}

static bool accept_dashed(struct cursor *c, const char *first, const char *second)
{
    struct cursor at = *c;
    if (!cursor_accept_words(&at, first)) {
        return false;
    }
    (void)cursor_accept(&at, TK_MINUS);
    if (!cursor_accept_words(&at, second)) {
        return false;
    }
    *c = at;
    return true;
}

/* The lexer has passed over --upto. */
static bool cluster_purge(struct cursor *c, struct cluster_part *part)
{
    part->action = CLUSTER_PURGE;
    if (!cursor_sees(c, TK_INTEGER)) {
        build_fail(c->b, ERROR_SYNTAX, "CLUSTER PURGE requires --upto <index> or a numeric index");
        return false;
    }
    return cursor_integer(c, &part->number);
}

static bool cluster_transfer(struct cursor *c, struct cluster_part *part)
{
    part->action = CLUSTER_TRANSFER_LEADER;
    if (!cursor_sees(c, TK_INTEGER)) {
        build_fail(c->b, ERROR_SYNTAX, "CLUSTER TRANSFER-LEADER requires a numeric node id");
        return false;
    }
    return cursor_integer(c, &part->number);
}

/* An address, quoted or a run of tokens without space between them: 10.0.0.1:2910 */
static bool cluster_address(struct cursor *c, str *out)
{
    if (cursor_sees(c, TK_STRING)) {
        return cursor_text(c, out);
    }
    if (cursor_is_end(c)) {
        return cursor_unexpected(c);
    }
    const struct token *first = c->at++;
    while (!cursor_is_end(c) && c->at->at == token_end(c->at - 1)) {
        c->at++;
    }
    *out = str_slice(c->b->text, first->at, token_end(c->at - 1));
    return true;
}

static bool cluster_join(struct cursor *c, struct cluster_part *part)
{
    part->action = CLUSTER_JOIN;
    if (!cursor_integer(c, &part->number)) {
        return false;
    }
    (void)cursor_accept_words(c, "RPC");
    if (!cluster_address(c, &part->rpc_address)) {
        return false;
    }
    (void)cursor_accept_words(c, "API");
    return cluster_address(c, &part->api_address);
}

static bool cluster_action(struct cursor *c, struct cluster_part *part)
{
    if (cursor_accept_words(c, "SNAPSHOT")) {
        part->action = CLUSTER_SNAPSHOT;
    } else if (cursor_accept_words(c, "PURGE")) {
        return cluster_purge(c, part);
    } else if (accept_dashed(c, "TRIGGER", "ELECTION")) {
        part->action = CLUSTER_TRIGGER_ELECTION;
    } else if (accept_dashed(c, "TRANSFER", "LEADER")) {
        return cluster_transfer(c, part);
    } else if (cursor_accept_words(c, "JOIN")) {
        return cluster_join(c, part);
    } else if (cursor_accept_words(c, "REBALANCE")) {
        part->action = CLUSTER_REBALANCE;
    } else if (cursor_accept_words(c, "STEPDOWN") || accept_dashed(c, "STEP", "DOWN")) {
        part->action = CLUSTER_STEPDOWN;
    } else if (cursor_accept_words(c, "CLEAR")) {
        part->action = CLUSTER_CLEAR;
    } else {
        return cursor_unexpected(c);
    }
    return true;
}

bool parse_cluster(struct cursor *c)
{
    struct cluster_part *part = &begin(c, STATEMENT_CLUSTER)->as.cluster;
    c->at++;
    if (cursor_sees_words(c, "LIST") || cursor_sees_words(c, "STATUS") ||
        cursor_sees_words(c, "LS")) {
        return fail_cluster(c,
                            "CLUSTER LIST is a CLI-only command. Use \\cluster list in kalam, or "
                            "query system.cluster and system.cluster_groups directly.");
    }
    if (cursor_sees_words(c, "LEAVE")) {
        return fail_cluster(c, "CLUSTER LEAVE is not supported yet");
    }
    return cluster_action(c, part) && cursor_expect_end(c);
}

/* --- transactions */

static void accept_transaction_word(struct cursor *c)
{
    (void)(cursor_accept_words(c, "TRANSACTION") || cursor_accept_words(c, "WORK"));
}

static bool parse_savepoint_name(struct cursor *c, enum statement_kind kind)
{
    return cursor_name(c, &begin(c, kind)->as.savepoint.name) && cursor_expect_end(c);
}

static bool parse_rollback(struct cursor *c)
{
    (void)begin(c, STATEMENT_ROLLBACK);
    accept_transaction_word(c);
    if (cursor_accept_words(c, "TO")) {
        (void)cursor_accept_words(c, "SAVEPOINT");
        return parse_savepoint_name(c, STATEMENT_ROLLBACK_TO);
    }
    return cursor_expect_end(c);
}

bool parse_transaction(struct cursor *c)
{
    if (cursor_accept_words(c, "SAVEPOINT")) {
        return parse_savepoint_name(c, STATEMENT_SAVEPOINT);
    }
    if (cursor_accept_words(c, "RELEASE")) {
        (void)cursor_accept_words(c, "SAVEPOINT");
        return parse_savepoint_name(c, STATEMENT_RELEASE_SAVEPOINT);
    }
    if (cursor_accept_words(c, "ROLLBACK") || cursor_accept_words(c, "ABORT")) {
        return parse_rollback(c);
    }
    bool is_start = cursor_sees_words(c, "START");
    bool is_begin = is_start || cursor_sees_words(c, "BEGIN");
    c->at++;
    (void)begin(c, is_begin ? STATEMENT_BEGIN : STATEMENT_COMMIT);
    if (is_start) {
        return cursor_expect_words(c, "TRANSACTION") && cursor_expect_end(c);
    }
    accept_transaction_word(c);
    return cursor_expect_end(c);
}

/* --- EXECUTE AS USER 'u' ( statement ) */

static bool fail_execute(struct cursor *c, const char *text)
{
    build_fail(c->b, ERROR_INVALID_INPUT, "%s", text);
    return false;
}

/* The parenthesis that closes the one at c->at; NULL: none. */
static const struct token *find_close(const struct cursor *c)
{
    unsigned depth = 0;
    for (const struct token *token = c->at; token < c->end; token++) {
        depth += token->kind == TK_LP;
        depth -= token->kind == TK_RP && depth > 0;
        if (depth == 0) {
            return token;
        }
    }
    return NULL;
}

static bool execute_as_inner(struct cursor *c, struct execute_as_part *part)
{
    const struct token *close = find_close(c);
    if (close == NULL) {
        return fail_execute(c, "EXECUTE AS USER missing closing ')'");
    }
    if (close + 1 < c->end) {
        return fail_execute(c, "EXECUTE AS USER must contain exactly one wrapped SQL statement");
    }
    const struct token *from = c->at + 1;
    const struct token *to = close;
    while (to > from && to[-1].kind == TK_SEMI) {
        to--;
    }
    if (from == to) {
        return fail_execute(c, "EXECUTE AS USER requires a non-empty inner SQL statement");
    }
    for (const struct token *token = from; token < to; token++) {
        if (token->kind == TK_SEMI) {
            return fail_execute(c, "EXECUTE AS USER can only wrap a single SQL statement");
        }
        if (token->kind == TK_PARAM) {
            (void)build_param(c->b, token);
        }
    }
    part->inner = str_slice(c->b->text, from->at, token_end(to - 1));
    c->at = from;
    if (cursor_sees_words(c, "EXECUTE")) {
        return fail_execute(c, "EXECUTE AS USER cannot be nested");
    }
    return true;
}

bool parse_execute_as(struct cursor *c)
{
    struct execute_as_part *part = &begin(c, STATEMENT_EXECUTE_AS_USER)->as.execute_as;
    if (!cursor_expect_words(c, "EXECUTE AS USER")) {
        return false;
    }
    if (cursor_is_end(c) || cursor_sees(c, TK_LP)) {
        return fail_execute(c, "EXECUTE AS USER username cannot be empty");
    }
    if (!cursor_text_or_name(c, &part->user)) {
        return false;
    }
    if (str_trim(part->user).n == 0) {
        return fail_execute(c, "EXECUTE AS USER username cannot be empty");
    }
    if (!cursor_sees(c, TK_LP)) {
        return fail_execute(c, "EXECUTE AS USER must wrap SQL in parentheses");
    }
    return execute_as_inner(c, part);
}
