/* query/observe.c -- see observe.h. */
#include "query/observe.h"

#include "base/log.h"
#include "base/metric.h"
#include "query/own.h"
#include "query/run.h"
#include "sql/sanitize.h"

/* -- who and when ------------------------------------------------------------------------------ */

static const struct table *find_altered(const struct query *query,
                                        const struct statement *statement,
                                        const struct catalog_snapshot *snapshot)
{
    const struct table_name *name = &statement->as.alter_table.table;
    const struct session *session = &query->own->sessions[query->own->next];
    return snapshot_find_table(snapshot, name->ns.n > 0 ? name->ns : session->namespace_name,
                               name->name);
}

static uint32_t altered_version(const struct query *query, const struct statement *statement)
{
    const struct catalog_snapshot *snapshot = catalog_take(query->engine->catalog);
    const struct table *table = find_altered(query, statement, snapshot);
    uint32_t version = table != NULL ? table->version : 0;
    catalog_give(snapshot);
    return version;
}

void observe_begin(struct query *query)
{
    struct query_state_own *own = query->own;
    if (own->observed.started_us != 0) {
        return;
    }
    const struct statement *statement = own->statements[own->next];
    own->observed = (struct observed){.started_us = clock_mono_us(query->engine->clock)};
    if (statement->kind == STATEMENT_ALTER_TABLE) {
        own->observed.version = altered_version(query, statement);
    }
}

void observe_table(struct query *query, str ns, str name)
{
    struct observed *observed = &query->own->observed;
    if (observed->table.n == 0 && ns.n > 0 && name.n > 0) { /* no printf: point reads come here */
        char *text = arena_alloc(query->arena, ns.n + 1 + name.n);
        memcpy(text, ns.p, ns.n);
        text[ns.n] = '.';
        memcpy(text + ns.n + 1, name.p, name.n);
        observed->table = str_of(text, ns.n + 1 + name.n);
    }
}

/* -- metrics ----------------------------------------------------------------------------------- */

/* The query_type of a kind; METRIC_OTHER: it has none. */
static unsigned type_of_kind(enum statement_kind kind)
{
    switch (kind) {
    case STATEMENT_SELECT:
        return METRIC_SLOT(QUERY_TYPE, SELECT);
    case STATEMENT_INSERT:
        return METRIC_SLOT(QUERY_TYPE, INSERT);
    case STATEMENT_UPDATE:
        return METRIC_SLOT(QUERY_TYPE, UPDATE);
    case STATEMENT_DELETE:
        return METRIC_SLOT(QUERY_TYPE, DELETE);
    case STATEMENT_CREATE_TABLE:
        return METRIC_SLOT(QUERY_TYPE, CREATE_TABLE);
    case STATEMENT_ALTER_TABLE:
        return METRIC_SLOT(QUERY_TYPE, ALTER_TABLE);
    case STATEMENT_DESCRIBE_TABLE:
    case STATEMENT_DESCRIBE:
        return METRIC_SLOT(QUERY_TYPE, DESCRIBE_TABLE);
    default:
        return METRIC_OTHER;
    }
}

static void count_statement(const struct query *query, enum statement_kind kind, uint64_t us)
{
    bool is_ok = query->error.id == ERROR_NONE;
    unsigned type = type_of_kind(kind);
    metric_add(METRIC_STATEMENTS, is_ok ? METRIC_SLOT(OUTCOME, OK) : METRIC_SLOT(OUTCOME, ERROR), 0,
               1);
    if (is_ok && type != METRIC_OTHER) {
        str table = query->own->observed.table;
        unsigned slot =
            metric_label_find(METRIC_LABEL_TABLE_NAME, table.n > 0 ? table : STR_LIT("none"));
        metric_observe(METRIC_QUERY_LATENCY, slot, type, us);
    }
}

/* -- log --------------------------------------------------------------------------------------- */

/* "ok", or the symbol of the error. */
static const char *outcome_of(const struct query *query)
{
    return query->error.id == ERROR_NONE ? "ok" : error_row(query->error.id)->symbol;
}

static void log_namespace(const struct query *query, const struct statement *statement)
{
    static const char *const operations[STATEMENT_KIND_COUNT] = {
        [STATEMENT_CREATE_NAMESPACE] = "create",
        [STATEMENT_ALTER_NAMESPACE] = "alter",
        [STATEMENT_DROP_NAMESPACE] = "drop"};
    log_info("namespace", operations[statement->kind], "id=\"" STR_FMT "\" result=%s",
             STR(statement->as.namespace.name), outcome_of(query));
}

static const char *kind_text(enum table_kind kind)
{
    return kind == TABLE_USER     ? "user_table"
           : kind == TABLE_STREAM ? "stream_table"
                                  : "shared_table";
}

/* A table's rows are a range of keys of the family of its kind. */
static void log_created(const struct query *query, const struct table_name *name)
{
    const struct session *session = &query->own->sessions[query->own->next];
    str ns = name->ns.n > 0 ? name->ns : session->namespace_name;
    const struct catalog_snapshot *snapshot = catalog_take(query->engine->catalog);
    const struct table *table = snapshot_find_table(snapshot, ns, name->name);
    const char *kind = table != NULL ? kind_text(table->kind) : "unknown";
    log_info("table", "create", "name=\"" STR_FMT "." STR_FMT "\" type=%s result=%s", STR(ns),
             STR(name->name), kind, outcome_of(query));
    if (table != NULL && query->error.id == ERROR_NONE) {
        log_info("family", "create", "name=\"%s:" STR_FMT "." STR_FMT "\" table=%lu", kind, STR(ns),
                 STR(name->name), (unsigned long)table->id.v);
    }
    catalog_give(snapshot);
}

static const char *action_text(enum alter_action_kind kind)
{
    static const char *const texts[] = {
        [ALTER_ADD_COLUMN] = "add_column",       [ALTER_DROP_COLUMN] = "drop_column",
        [ALTER_MODIFY_COLUMN] = "modify_column", [ALTER_SET_NOT_NULL] = "set_not_null",
        [ALTER_DROP_NOT_NULL] = "drop_not_null", [ALTER_SET_DEFAULT] = "set_default",
        [ALTER_DROP_DEFAULT] = "drop_default",   [ALTER_RENAME_COLUMN] = "rename_column",
        [ALTER_SET_ACCESS] = "set_access",
    };
    bool is_known = (size_t)kind < sizeof texts / sizeof texts[0] && texts[kind] != NULL;
    return is_known ? texts[kind] : "index";
}

static void log_altered(const struct query *query, const struct statement *statement)
{
    const struct alter_table_part *part = &statement->as.alter_table;
    uint32_t before = query->own->observed.version;
    uint32_t after = altered_version(query, statement);
    str changes = STR_LIT("");
    for (unsigned i = 0; i < part->action_count; i++) {
        changes = arena_format(query->arena, STR_FMT "%s%s", STR(changes), i > 0 ? "," : "",
                               action_text(part->actions[i].kind));
    }
    log_info("table", "alter", "name=\"" STR_FMT "\" change=" STR_FMT " result=%s",
             STR(query->own->observed.table), STR(changes), outcome_of(query));
    if (after != before) {
        log_info("schema", "changed",
                 "table=\"" STR_FMT "\" old_version=%u new_version=%u change=" STR_FMT,
                 STR(query->own->observed.table), before, after, STR(changes));
    }
}

static void log_dropped(const struct query *query, const struct statement *statement)
{
    const struct table_name *name = &statement->as.drop.table;
    const struct session *session = &query->own->sessions[query->own->next];
    str ns = name->ns.n > 0 ? name->ns : session->namespace_name;
    log_info("table", "drop", "name=\"" STR_FMT "." STR_FMT "\" result=%s", STR(ns),
             STR(name->name), outcome_of(query));
}

static void log_change(const struct query *query, const struct statement *statement)
{
    switch (statement->kind) {
    case STATEMENT_CREATE_NAMESPACE:
    case STATEMENT_ALTER_NAMESPACE:
    case STATEMENT_DROP_NAMESPACE:
        log_namespace(query, statement);
        break;
    case STATEMENT_CREATE_TABLE:
        log_created(query, &statement->as.create_table.table);
        break;
    case STATEMENT_ALTER_TABLE:
        log_altered(query, statement);
        break;
    case STATEMENT_DROP_TABLE:
        log_dropped(query, statement);
        break;
    default:
        break;
    }
}

/* In a statement that was refused, a word may be a text without its quotes. */
static bool names_are_names(const struct query *query)
{
    enum error_id id = query->error.id;
    return id == ERROR_NONE || id == ERROR_TIMEOUT || id == ERROR_CANCELLED || id == ERROR_MEMORY;
}

static void log_statement(const struct query *query, const struct statement *statement, uint64_t us)
{
    const struct query_state_own *own = query->own;
    uint64_t slow_us = query->engine->limits.slow_ms * UINT64_C(1000);
    bool is_slow = slow_us > 0 && us >= slow_us;
    uint64_t rows = query->error.id == ERROR_NONE ? own->results.row_count : 0;
    enum log_level level = is_slow ? LOG_WARN : LOG_DEBUG;
    if (!log_enabled_for(level, "sql")) {
        return;
    }
    str text =
        names_are_names(query) ? sql_sanitize(&own->pieces[own->next], query->arena) : STR_LIT("");
    log_line(level, "sql", is_slow ? "slow_query" : "statement",
             "kind=\"%s\" user=\"" STR_FMT "\" table=\"" STR_FMT
             "\" result=%s us=%llu rows=%llu sql=\"" STR_FMT "\"",
             statement_info(statement->kind)->name, STR(query->session.actor_id),
             STR(own->observed.table), outcome_of(query), (unsigned long long)us,
             (unsigned long long)rows, STR(text));
}

/* -- the end ----------------------------------------------------------------------------------- */

/* DDL names its table itself. */
static void name_table(struct query *query, const struct statement *statement)
{
    const struct table_name *name = NULL;
    if (statement->kind == STATEMENT_CREATE_TABLE && query->error.id == ERROR_NONE) {
        name = &statement->as.create_table.table;
    } else if (statement->kind == STATEMENT_ALTER_TABLE && query->own->observed.version > 0) {
        name = &statement->as.alter_table.table;
    }
    if (name != NULL) {
        const struct session *session = &query->own->sessions[query->own->next];
        observe_table(query, name->ns.n > 0 ? name->ns : session->namespace_name, name->name);
    }
}

void observe_end(struct query *query)
{
    struct query_state_own *own = query->own;
    if (own->observed.started_us == 0) {
        return;
    }
    const struct statement *statement = own->statements[own->next];
    uint64_t us = clock_mono_us(query->engine->clock) - own->observed.started_us;
    name_table(query, statement);
    count_statement(query, statement->kind, us);
    log_statement(query, statement, us);
    log_change(query, statement);
    own->observed = (struct observed){0};
}

void observe_refused(const struct query *query)
{
    metric_add(METRIC_STATEMENTS, METRIC_SLOT(OUTCOME, ERROR), 0, 1);
    log_debug("sql", "refused", "user=\"" STR_FMT "\" result=%s bytes=%zu",
              STR(query->session.actor_id), outcome_of(query), query->sql.n);
}
