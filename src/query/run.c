/* query/run.c -- the story of a request: split, parse, authorise all, then run one after the other.
 */
#include "query/run.h"

#include "auth/access.h"
#include "base/check.h"
#include "catalog/name.h"
#include "query/idempotency.h"
#include "query/mutant.h"
#include "query/observe.h"
#include "query/own.h"
#include "query/parsed.h"
#include "query/transaction.h"

static run_fn *const handlers[STATEMENT_KIND_COUNT] = {
    [STATEMENT_SELECT] = run_select,
    [STATEMENT_INSERT] = run_insert,
    [STATEMENT_UPDATE] = run_update,
    [STATEMENT_DELETE] = run_delete,
    [STATEMENT_CREATE_NAMESPACE] = run_create_namespace,
    [STATEMENT_ALTER_NAMESPACE] = run_alter_namespace,
    [STATEMENT_DROP_NAMESPACE] = run_drop_namespace,
    [STATEMENT_USE_NAMESPACE] = run_use_namespace,
    [STATEMENT_CREATE_TABLE] = run_create_table,
    [STATEMENT_ALTER_TABLE] = run_alter_table,
    [STATEMENT_DROP_TABLE] = run_drop_table,
    [STATEMENT_CREATE_VIEW] = run_create_view,
    [STATEMENT_DROP_VIEW] = run_drop_view,
    [STATEMENT_SHOW_NAMESPACES] = run_show_namespaces,
    [STATEMENT_SHOW_TABLES] = run_show_tables,
    [STATEMENT_DESCRIBE_TABLE] = run_describe_table,
    [STATEMENT_DESCRIBE] = run_describe,
    [STATEMENT_SHOW_COLUMNS] = run_show_columns,
    [STATEMENT_SHOW_ALL] = run_show_all,
    [STATEMENT_SET] = run_set,
    [STATEMENT_SHOW_STATS] = run_show_stats,
    [STATEMENT_SHOW_STORAGES] = run_show_storages,
    [STATEMENT_SHOW_MANIFEST] = run_show_manifest,
    [STATEMENT_SHOW_JOBS] = run_show_jobs,
    [STATEMENT_SHOW_EXPORT] = run_show_export,
    [STATEMENT_EXPLAIN] = run_explain,
    [STATEMENT_CREATE_STORAGE] = run_create_storage,
    [STATEMENT_ALTER_STORAGE] = run_alter_storage,
    [STATEMENT_DROP_STORAGE] = run_drop_storage,
    [STATEMENT_STORAGE_CHECK] = run_storage_check,
    [STATEMENT_FLUSH_TABLE] = run_flush_table,
    [STATEMENT_FLUSH_ALL] = run_flush_all,
    [STATEMENT_COMPACT_TABLE] = run_compact_table,
    [STATEMENT_COMPACT_ALL] = run_compact_all,
    [STATEMENT_KILL_JOB] = run_kill_job,
    [STATEMENT_KILL_LIVE_QUERY] = run_kill_live,
    [STATEMENT_CREATE_USER] = run_create_user,
    [STATEMENT_ALTER_USER] = run_alter_user,
    [STATEMENT_DROP_USER] = run_drop_user,
    [STATEMENT_SUBSCRIBE] = run_subscribe,
    [STATEMENT_BEGIN] = run_begin,
    [STATEMENT_COMMIT] = run_commit,
    [STATEMENT_ROLLBACK] = run_rollback,
    [STATEMENT_SAVEPOINT] = run_savepoint,
    [STATEMENT_RELEASE_SAVEPOINT] = run_release_savepoint,
    [STATEMENT_ROLLBACK_TO] = run_rollback_to,
};

/* -- helpers of the handlers --------------------------------------------------------------------
 */

status run_block(struct run *run)
{
    CHECK(!run->may_block);
    run->is_blocked = true;
    return status_from(STATUS_UNAVAILABLE);
}

status run_block_long(struct run *run)
{
    run->is_long = true;
    return run_block(run);
}

str run_namespace(const struct run *run, str ns)
{
    return ns.n > 0 ? ns : run->session.namespace_name;
}

status run_find_table(const struct run *run, const struct table_name *name, const char *verb,
                      const struct table **out, struct error *err)
{
    str ns = run_namespace(run, name->ns);
    if (verb != NULL && sql_is_system_namespace(ns)) {
        return error_set(err, ERROR_INVALID_OPERATION,
                         "Cannot %s system table '" STR_FMT "." STR_FMT "'", verb, STR(ns),
                         STR(name->name));
    }
    *out = snapshot_find_table(run->snapshot, ns, name->name);
    if (*out != NULL) {
        observe_table(run->query, ns, name->name);
    }
    return *out != NULL
               ? STATUS_IS_OK
               : error_set(err, ERROR_TABLE_NOT_FOUND, "table '" STR_FMT "." STR_FMT "' not found",
                           STR(ns), STR(name->name));
}

status run_table_schema(struct run *run, const struct table *table, struct schema **out,
                        struct error *err)
{
    if (!run->may_block) {
        *out = catalog_schema_cached(run->engine->catalog, table->id, table->version);
        return *out != NULL ? STATUS_IS_OK : run_block(run);
    }
    return catalog_table_schema(run->engine->catalog, table, out, err);
}

struct type *run_param_types(struct run *run)
{
    unsigned count = run->query->param_count;
    struct type *types = ARENA_ARRAY(run->arena, struct type, count + 1);
    for (unsigned i = 0; i < count; i++) {
        types[i] = run->query->params[i].type;
    }
    return types;
}

static status check_param_limits(const struct query *query, struct error *err)
{
    if (query->param_count > LIMIT_PARAMS) {
        return error_set(err, ERROR_PARAMETER_COUNT,
                         "Parameter count exceeded: maximum %d parameters allowed, got %u",
                         LIMIT_PARAMS, query->param_count);
    }
    for (unsigned i = 0; i < query->param_count; i++) {
        const struct value *v = &query->params[i];
        if (v->type.id == TYPE_TEXT && !v->is_null && v->as.text.n > LIMIT_PARAM_BYTES) {
            return error_set(err, ERROR_PARAMETER_COUNT,
                             "Parameter size exceeded: parameter $%u has %zu bytes, maximum %d",
                             i + 1, v->as.text.n, LIMIT_PARAM_BYTES);
        }
    }
    return STATUS_IS_OK;
}

status run_check_params(const struct run *run, const struct statement *statement, struct error *err)
{
    TRY(check_param_limits(run->query, err));
    if (statement->param_count == run->query->param_count) {
        return STATUS_IS_OK;
    }
    return error_set(err, ERROR_PARAMETER_COUNT,
                     "Parameter count mismatch: expected %u parameters, got %u",
                     statement->param_count, run->query->param_count);
}

void run_message(struct run *run, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    result_message(run->results, 0, str_from(text), run->session.user_id);
}

/* -- parsing and rights, before anything runs ---------------------------------------------------
 */

static void give_parsed(void *parsed)
{
    plan_give(parsed);
}

static status split(struct query *query, struct error *err)
{
    struct query_state_own *own = query->own;
    struct parsed *parsed =
        query->param_count > 0 ? parsed_get(query->engine->parsed, query->sql) : NULL;
    if (parsed != NULL) {
        arena_defer(query->arena, give_parsed, &parsed->base);
        own->pieces = parsed->piece;
        own->parsed = parsed->statement;
        own->count = 1;
        return STATUS_IS_OK;
    }
    TRY(sql_split(query->sql, query->arena, &own->pieces, &own->count, err));
    return own->count > 0 ? STATUS_IS_OK
                          : error_set(err, ERROR_EMPTY_SQL, "No SQL statements provided");
}

static enum role lowest_role(const struct statement_info *info)
{
    switch (info->lowest_role) {
    case STATEMENT_ROLE_SERVICE:
        return ROLE_SERVICE;
    case STATEMENT_ROLE_ADMIN:
        return ROLE_DBA;
    case STATEMENT_ROLE_USER:
        break;
    }
    return ROLE_ANONYMOUS;
}

static status check_role(const struct session *session, const struct statement *statement,
                         struct error *err)
{
    const struct statement_info *info = statement_info(statement->kind);
    if (session->role >= lowest_role(info)) {
        return STATUS_IS_OK;
    }
    return error_set(err, ERROR_UNAUTHORIZED, "%s", info->denied_text);
}

/* EXECUTE AS USER: may the actor act as the target? Unknown targets count as role user. */
static status impersonate(struct query *query, const struct statement *statement,
                          struct session *session, struct error *err)
{
    str target = statement->as.execute_as.user;
    TRY(name_check_user(target, err)); /* it may be nobody yet, but never what nobody can be */
    struct user *user = catalog_find_user(query->engine->catalog, target);
    enum role target_role = user != NULL ? user->role : ROLE_USER;
    user_give(user);
    if (!access_may_act_as(session->role, session->user_id, target_role, target)) {
        query_audit_execute_as(query->engine, session, target, NULL, false, query->arena);
        return error_set(err, ERROR_PERMISSION_DENIED,
                         "EXECUTE AS USER is not authorized: actor '" STR_FMT
                         "' with role %s cannot target '" STR_FMT "' with role %s",
                         STR(session->user_id), role_name(session->role), STR(target),
                         role_name(target_role));
    }
    session->user_id = target;
    if (!mutant_is_on("execute_as_keeps_role")) {
        session->role = ROLE_USER;
    }
    return STATUS_IS_OK;
}

static status prepare(struct query *query, unsigned index, struct error *err)
{
    struct query_state_own *own = query->own;
    const struct statement *statement = own->parsed;
    own->sessions[index] = query->session;
    if (statement == NULL) {
        TRY(sql_parse_piece(&own->pieces[index], query->arena, &statement, err));
    }
    TRY(check_role(&own->sessions[index], statement, err));
    if (statement->kind == STATEMENT_EXECUTE_AS_USER) {
        TRY(impersonate(query, statement, &own->sessions[index], err));
        TRY(sql_parse(statement->as.execute_as.inner, query->arena, &statement, err));
        if (statement->kind == STATEMENT_EXECUTE_AS_USER) {
            return error_set(err, ERROR_INVALID_INPUT,
                             "EXECUTE AS USER cannot wrap EXECUTE AS USER");
        }
        TRY(check_role(&own->sessions[index], statement, err));
        query_audit_execute_as(query->engine, &query->session, own->sessions[index].user_id,
                               statement_info(statement->kind)->name, true, query->arena);
    }
    if (handlers[statement->kind] == NULL) {
        return error_set(err, ERROR_NOT_IMPLEMENTED, "%s", statement_info(statement->kind)->name);
    }
    own->statements[index] = statement;
    return STATUS_IS_OK;
}

static status authorise(struct query *query, struct error *err)
{
    struct query_state_own *own = query->own;
    own->statements = ARENA_ARRAY(query->arena, const struct statement *, own->count);
    own->sessions = ARENA_ARRAY(query->arena, struct session, own->count);
    for (unsigned i = 0; i < own->count; i++) {
        TRY(prepare(query, i, err));
    }
    if (query->param_error != NULL) { /* rights come first (contract 2.2) */
        return error_set(err, query->param_error->id, "%s", query->param_error->text);
    }
    if (own->count > 1 && query->param_count > 0) {
        return error_set(err, ERROR_PARAMS_WITH_BATCH,
                         "Parameters not supported with multi-statement batches");
    }
    return STATUS_IS_OK;
}

static status prepare_all(struct query *query)
{
    TRY(authorise(query, &query->error));
    TRY(idempotency_open(query, &query->own->keyed, &query->error));
    query->own->is_authorised = true;
    return STATUS_IS_OK;
}

/* -- running ------------------------------------------------------------------------------------
 */

static status run_handler(struct run *run, struct error *err)
{
    if (run->transaction != NULL) {
        TRY(transaction_check(run, err));
    }
    if (run->statement->kind !=
        STATEMENT_EXPLAIN) { /* its parameters are those of what it explains */
        TRY(run_check_params(run, run->statement, err));
    }
    if (run_is_user_update(run)) {
        return run_update_user(run, err);
    }
    return run_audited(run, handlers[run->statement->kind], err);
}

static struct run run_of(struct query *query, enum query_place place, unsigned slot)
{
    struct query_state_own *own = query->own;
    unsigned i = own->next;
    struct run run = {.query = query,
                      .engine = query->engine,
                      .session = own->sessions[i],
                      .statement = own->statements[i],
                      .arena = query->arena,
                      .results = &own->results,
                      .may_block = place == QUERY_ON_WORKER,
                      .is_alone = own->count == 1,
                      .slot = slot,
                      .attempt = own->attempt,
                      .transaction = own->transaction,
                      .deadline_us = own->deadline_us,
                      .goes_alone = own->goes_alone};
    return run;
}

/* Forgets what the running statement has written so far, so that it can be run again. */
static void rewind_results(struct query *query)
{
    struct query_state_own *own = query->own;
    if (own->results.flush_count == own->flushes_before) {
        query->out->n = own->out_before;
    }
    own->results.count = own->count_before;
}

/* A transaction with an Idempotency-Key that failed, perhaps on rows of the one that was first. */
static bool was_answered_meanwhile(struct query *query)
{
    struct error ignored;
    bool answered = false;
    return query->own->keyed != NULL && query->own->transaction != NULL &&
           status_ok(idempotency_answer(query, &answered, &ignored)) && answered;
}

static enum query_state fail(struct query *query, bool is_statement)
{
    struct query_state_own *own = query->own;
    if (was_answered_meanwhile(query)) {
        error_clear(&query->error);
        observe_end(query);
        transaction_abort(own->transaction);
        own->transaction = NULL;
        own->next = own->count; /* the answer is that of the whole request */
        memset(own->results.dml, 0, sizeof own->results.dml);
        return QUERY_DONE;
    }
    if (is_statement) {
        observe_end(query);
        query->failed_statement = own->next + 1;
        query->is_prefixed = true;
        query->statement_text = own->pieces[own->next].text;
    }
    transaction_abort(own->transaction);
    own->transaction = NULL;
    return QUERY_DONE;
}

/* Rows that have left cannot be taken back. */
static bool may_run_alone(const struct query_state_own *own, const struct run *run)
{
    return run->wants_alone && own->results.flush_count == own->flushes_before;
}

static bool may_run_again(const struct query_state_own *own, status result)
{
    return result.code == STATUS_CONFLICT && own->attempt + 1 < QUERY_ATTEMPTS_MAX &&
           own->results.flush_count == own->flushes_before &&
           statement_info(own->statements[own->next]->kind)->class != STATEMENT_CLASS_TRANSACTION;
}

static enum query_state finish(struct query *query)
{
    struct query_state_own *own = query->own;
    if (own->transaction != NULL &&
        !status_ok(error_set(&query->error, ERROR_OPEN_TRANSACTION,
                             "Request completed with an open explicit transaction; rolled back "
                             "automatically"))) {
        return fail(query, false);
    }
    result_end_batch(&own->results, query->session.user_id);
    query->has_rows = own->results.is_single_rows;
    return QUERY_DONE;
}

/* Runs the statement at own->next until it is done, pending or blocked. */
static enum query_state run_next(struct query *query, enum query_place place, unsigned slot)
{
    struct query_state_own *own = query->own;
    observe_begin(query);
    own->goes_alone = false;
    for (;;) {
        own->out_before = query->out->n;
        own->count_before = own->results.count;
        own->flushes_before = own->results.flush_count;
        struct run run = run_of(query, place, slot);
        run.snapshot = catalog_take(query->engine->catalog);
        error_clear(&query->error);
        status result = run_handler(&run, &query->error);
        catalog_give(run.snapshot);
        if (run.is_pending) {
            return QUERY_PENDING; /* the query may be on another thread already */
        }
        if (run.is_blocked) {
            own->is_long = run.is_long;
            error_clear(&query->error);
            rewind_results(query);
            return QUERY_WOULD_BLOCK;
        }
        if (status_ok(result)) {
            error_clear(&query->error);
            if (run.statement->kind == STATEMENT_USE_NAMESPACE) {
                for (unsigned i = own->next + 1; i < own->count; i++) {
                    own->sessions[i].namespace_name = run.session.namespace_name;
                }
            }
            own->attempt = 0;
            observe_end(query);
            return QUERY_DONE;
        }
        rewind_results(query);
        if (may_run_alone(own, &run)) {
            own->goes_alone = true;
            own->deadline_us = run.deadline_us;
            continue;
        }
        if (!may_run_again(own, result)) {
            return fail(query, true);
        }
        own->attempt++;
        if (place == QUERY_ON_LOOP) {
            error_clear(&query->error);
            return QUERY_AGAIN;
        }
    }
}

static enum query_state run_all(struct query *query, enum query_place place, unsigned slot)
{
    struct query_state_own *own = query->own;
    while (own->next < own->count) {
        if (own->next > 0 && own->attempt == 0) { /* the first has the time of the request */
            own->sessions[own->next].now_us = clock_wall_us(query->engine->clock);
        }
        enum query_state state = run_next(query, place, slot);
        if (state != QUERY_DONE || query->error.id != ERROR_NONE) {
            return state;
        }
        own->next++;
    }
    return finish(query);
}

/* A request with an Idempotency-Key: answered as before, or run. */
static enum query_state run_keyed(struct query *query, enum query_place place, unsigned slot)
{
    if (place == QUERY_ON_LOOP) {
        query->own->is_long = true;
        return QUERY_WOULD_BLOCK;
    }
    bool answered = false;
    error_clear(&query->error);
    if (!status_ok(idempotency_answer(query, &answered, &query->error))) {
        query->statement_text = query->sql;
        observe_refused(query);
        return QUERY_DONE;
    }
    return answered ? QUERY_DONE : run_all(query, place, slot);
}

enum query_state query_start(struct query *query, enum query_place place, unsigned slot)
{
    if (query->own == NULL) {
        query->own = ARENA_NEW(query->arena, struct query_state_own);
        query->own->results = (struct results){
            .out = query->out, .flush = query->flush, .flush_context = query->flush_context};
        if (!status_ok(split(query, &query->error))) {
            observe_refused(query);
            return QUERY_DONE;
        }
        query->own->results.is_batch = query->own->count > 1;
    }
    struct query_state_own *own = query->own;
    if (place == QUERY_ON_LOOP && own->count > 1) {
        own->is_long = true;
        return QUERY_WOULD_BLOCK;
    }
    if (!own->is_authorised && !status_ok(prepare_all(query))) {
        query->statement_text = query->sql;
        observe_refused(query);
        return QUERY_DONE;
    }
    return own->keyed != NULL ? run_keyed(query, place, slot) : run_all(query, place, slot);
}

bool query_is_long(const struct query *query)
{
    return query->own != NULL && query->own->is_long;
}

enum query_state query_resume(struct query *query)
{
    struct query_state_own *own = query->own;
    struct write_job *job = own->job;
    own->job = NULL;
    struct run run = run_of(query, QUERY_ON_LOOP, 0);
    status result = write_job_report(&run, job, &query->error);
    write_job_give(job);
    if (status_ok(result)) {
        error_clear(&query->error);
        observe_end(query);
        own->next++;
        return finish(query);
    }
    rewind_results(query);
    if (may_run_again(own, result)) {
        own->attempt++;
        error_clear(&query->error);
        return QUERY_AGAIN;
    }
    return fail(query, true);
}

void query_end(struct query *query)
{
    if (query->own != NULL) {
        write_job_give(query->own->job);
        query->own->job = NULL;
        transaction_abort(query->own->transaction);
        query->own->transaction = NULL;
    }
}
