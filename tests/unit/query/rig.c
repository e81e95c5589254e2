/* tests/unit/query/rig.c -- see rig.h. */
#include "rig.h"

#include "base/fs.h"
#include "store/flush.h"
#include "store/recover.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { RIG_JOBS = 2 };

/* -- hooks --------------------------------------------------------------------------------------
 */

static status hook_flush_table(void *context, const struct session *session,
                               const struct table *table, struct arena *arena, str *message,
                               struct error *err)
{
    (void)session;
    (void)err;
    struct rig *rig = context;
    lock_take(&rig->lock);
    rig->hooks.flushed++;
    rig->hooks.last = table->id;
    lock_give(&rig->lock);
    *message = arena_format(arena, "flushed " STR_FMT, STR(table->name));
    return STATUS_IS_OK;
}

static status hook_flush_namespace(void *context, const struct session *session,
                                   const struct catalog_snapshot *snapshot, str ns,
                                   struct arena *arena, str *message, struct error *err)
{
    (void)session;
    (void)snapshot;
    (void)err;
    struct rig *rig = context;
    lock_take(&rig->lock);
    rig->hooks.flushed++;
    lock_give(&rig->lock);
    *message = arena_format(arena, "flushed all of " STR_FMT, STR(ns));
    return STATUS_IS_OK;
}

static status hook_kill(void *context, const struct session *session, str id, struct arena *arena,
                        str *message, struct error *err)
{
    (void)session;
    struct rig *rig = context;
    lock_take(&rig->lock);
    rig->hooks.killed++;
    lock_give(&rig->lock);
    if (str_eq_c(id, "none")) {
        return error_set(err, ERROR_NOT_FOUND, "Job " STR_FMT " not found", STR(id));
    }
    *message = arena_format(arena, "Job " STR_FMT " killed: cancelled", STR(id));
    return STATUS_IS_OK;
}

static status hook_table_dropped(void *context, const struct session *session, table_id id, str ns,
                                 str name, struct arena *arena, str *job_id, struct error *err)
{
    (void)session;
    (void)err;
    struct rig *rig = context;
    lock_take(&rig->lock);
    rig->hooks.dropped++;
    rig->hooks.last = id;
    (void)snprintf(rig->hooks.last_name, sizeof rig->hooks.last_name, STR_FMT "." STR_FMT, STR(ns),
                   STR(name));
    lock_give(&rig->lock);
    *job_id = arena_format(arena, "CL-%012x", id.v);
    return STATUS_IS_OK;
}

/* system.settings has one row; the others that live above query/ are empty. */
static status hook_system_rows(void *context, const struct session *session, str table,
                               const struct system_key *key, struct arena *arena,
                               const struct row_sink *sink, struct error *err)
{
    (void)key;
    (void)context;
    (void)arena;
    if (!str_eq_c(table, "settings")) {
        return STATUS_IS_OK;
    }
    struct value row[] = {value_text(STR_LIT("asked.by")), value_text(session->user_id),
                          value_text(STR_LIT("who")), value_text(STR_LIT("test"))};
    return sink->row(sink->context, row, err);
}

/* -- life ---------------------------------------------------------------------------------------
 */

static status get_duck(void *context, struct duck **out, struct error *err)
{
    struct rig *rig = context;
    return query_segment_duck(rig->engine, out, err);
}

static void open_folders(struct rig *rig)
{
    (void)snprintf(rig->dir, sizeof rig->dir, "/tmp/kalam-query-%d-XXXXXX", (int)getpid());
    EXPECT(mkdtemp(rig->dir) != NULL);
    (void)snprintf(rig->cold, sizeof rig->cold, "%s/cold", rig->dir);
    (void)snprintf(rig->temp, sizeof rig->temp, "%s/temp", rig->dir);
    EXPECT_OK(fs_make_dirs(rig->cold, &rig->err), &rig->err);
}

static void open_storage(struct rig *rig)
{
    rig->kv = kv_mem_open();
    fake_clock_init(&rig->clock, RIG_START_US);
    snowflake_init(&rig->seq, &rig->clock.clock, 0, 0);
    snowflake_init(&rig->ids, &rig->clock.clock, 1, 0);
    EXPECT_OK(kv_lease_open(rig->kv, &rig->seq, &rig->lease, &rig->err), &rig->err);
    const struct committer_options committer = {
        .store = rig->kv, .clock = &rig->clock.clock, .seq = &rig->seq, .lease = &rig->lease};
    rig->committer = committer_create(&committer);
    const struct catalog_options catalog = {.store = rig->kv,
                                            .committer = rig->committer,
                                            .clock = &rig->clock.clock,
                                            .cold_directory = str_from(rig->cold)};
    EXPECT_OK(catalog_open(&catalog, &rig->catalog, &rig->err), &rig->err);
    cold_duck_init(&rig->cold_engine, get_duck, rig);
    struct store_options store = STORE_OPTIONS_DEFAULT;
    store.kv = rig->kv;
    store.committer = rig->committer;
    store.catalog = rig->catalog;
    store.clock = &rig->clock.clock;
    store.cold_root = rig->cold;
    store.cold = &rig->cold_engine.engine;
    EXPECT_OK(store_open(&store, &rig->store, &rig->err), &rig->err);
    struct recover_result recovered;
    EXPECT_OK(store_recover(rig->store, &recovered, &rig->err), &rig->err);
}

static void open_engine(struct rig *rig)
{
    const struct query_options options = {.catalog = rig->catalog,
                                          .rows = rig->store,
                                          .store = rig->kv,
                                          .committer = rig->committer,
                                          .clock = &rig->clock.clock,
                                          .ids = &rig->ids,
                                          .limits = rig->limits,
                                          .hooks = {.context = rig,
                                                    .flush_table = hook_flush_table,
                                                    .flush_namespace = hook_flush_namespace,
                                                    .compact_table = hook_flush_table,
                                                    .compact_namespace = hook_flush_namespace,
                                                    .kill_job = hook_kill,
                                                    .kill_live = hook_kill,
                                                    .table_dropped = hook_table_dropped,
                                                    .system_rows = rig->system_rows},
                                          .cold_directory = rig->cold,
                                          .temp_directory = rig->temp,
                                          .worker_count = RIG_WORKERS,
                                          .job_count = RIG_JOBS};
    rig->engine = query_engine_create(&options);
}

static void open_all(struct rig *rig, void (*change)(struct query_limits *limits),
                     rig_rows_fn *system_rows)
{
    memset(rig, 0, sizeof *rig);
    lock_init(&rig->lock, LOCK_TEST);
    cond_init(&rig->ended);
    arena_init(&rig->arena);
    rig->system_rows = system_rows;
    rig->limits = (struct query_limits){.default_query_limit = 50,
                                        .max_query_limit = 1000,
                                        .statement_timeout_ms = 30000,
                                        .plan_cache_entries = 100,
                                        .engine_memory_bytes = 256U << 20,
                                        .engine_temp_bytes = 64U << 20,
                                        .engine_concurrent_max = 2,
                                        .flush_rows_default = 10000,
                                        .password_cost = 4,
                                        .transaction_timeout_s = 300,
                                        .transaction_bytes_max = 100 << 20,
                                        .password_length_min = 8};
    if (change != NULL) {
        change(&rig->limits);
    }
    open_folders(rig);
    open_storage(rig);
    open_engine(rig);
    rig_do(rig, "CREATE NAMESPACE app");
    rig_do(rig, "CREATE USER alice WITH PASSWORD 'Alice-password1' ROLE user");
    rig_do(rig, "CREATE USER bob WITH PASSWORD 'Bob-password1' ROLE user");
    rig_do(rig, "CREATE USER sam WITH PASSWORD 'Sam-password1' ROLE service");
    rig_do(rig, "CREATE USER dora WITH PASSWORD 'Dora-password1' ROLE dba");
}

void rig_open(struct rig *rig)
{
    open_all(rig, NULL, hook_system_rows);
}

void rig_open_with(struct rig *rig, void (*change)(struct query_limits *limits))
{
    open_all(rig, change, hook_system_rows);
}

void rig_open_hooked(struct rig *rig, rig_rows_fn *system_rows)
{
    open_all(rig, NULL, system_rows);
}

void rig_close(struct rig *rig)
{
    query_engine_destroy(rig->engine);
    committer_destroy(rig->committer);
    store_close(rig->store);
    catalog_close(rig->catalog);
    kv_close(rig->kv);
    arena_release(&rig->arena);
    cond_release(&rig->ended);
    lock_release(&rig->lock);
    EXPECT_OK(fs_remove_tree(rig->dir, &rig->err), &rig->err);
}

/* -- requests -----------------------------------------------------------------------------------
 */

enum role rig_role(const char *user)
{
    return strcmp(user, "root") == 0   ? ROLE_SYSTEM
           : strcmp(user, "dora") == 0 ? ROLE_DBA
           : strcmp(user, "sam") == 0  ? ROLE_SERVICE
                                       : ROLE_USER;
}

static void note_finished(struct query *query)
{
    struct rig_query *q = query->owner;
    lock_take(&q->rig->lock);
    q->is_finished = true;
    cond_broadcast(&q->rig->ended);
    lock_give(&q->rig->lock);
}

void rig_query_open(struct rig_query *q, struct rig *rig, const char *user, const char *sql)
{
    memset(q, 0, sizeof *q);
    q->rig = rig;
    arena_init(&q->arena);
    buf_init(&q->out);
    q->query = (struct query){.engine = rig->engine,
                              .session = {.user_id = str_from(user),
                                          .role = rig_role(user),
                                          .actor_id = str_from(user),
                                          .actor_role = rig_role(user),
                                          .namespace_name = STR_LIT("app"),
                                          .now_us = clock_wall_us(&rig->clock.clock)},
                              .sql = arena_copy(&q->arena, str_from(sql)),
                              .arena = &q->arena,
                              .out = &q->out,
                              .finished = note_finished,
                              .owner = q};
}

void rig_query_wait(struct rig_query *q)
{
    lock_take(&q->rig->lock);
    while (!q->is_finished) {
        cond_wait(&q->rig->ended, &q->rig->lock);
    }
    q->is_finished = false;
    lock_give(&q->rig->lock);
}

void rig_query_finish(struct rig_query *q, enum query_state state)
{
    while (state != QUERY_DONE) {
        if (state == QUERY_PENDING) {
            rig_query_wait(q);
            state = query_resume(&q->query);
        } else {
            state = query_start(&q->query, QUERY_ON_WORKER, q->slot);
        }
    }
}

const char *rig_query_answer(struct rig_query *q)
{
    struct arena *arena = &q->rig->arena;
    const struct query *query = &q->query;
    if (query->error.id == ERROR_NONE) {
        return str_cstr(arena, buf_str(&q->out));
    }
    const struct error_row *row = error_row(query->error.id);
    str text = query_error_text(&query->error, query->session.role,
                                query->is_prefixed ? query->failed_statement : 0, arena);
    return arena_format(arena, "%d %s: " STR_FMT, row->http_status, row->wire_code, STR(text)).p;
}

void rig_query_close(struct rig_query *q)
{
    query_end(&q->query);
    arena_release(&q->arena);
    buf_release(&q->out);
}

const char *rig_ask_with(struct rig *rig, const char *user, const char *sql,
                         const struct value *params, unsigned count)
{
    struct rig_query q;
    rig_query_open(&q, rig, user, sql);
    q.query.params = params;
    q.query.param_count = count;
    rig_query_finish(&q, QUERY_WOULD_BLOCK);
    const char *answer = rig_query_answer(&q);
    rig_query_close(&q);
    return answer;
}

const char *rig_ask(struct rig *rig, const char *user, const char *sql)
{
    return rig_ask_with(rig, user, sql, NULL, 0);
}

const char *rig_rows(struct rig *rig, const char *user, const char *sql)
{
    str answer = str_from(rig_ask(rig, user, sql));
    ptrdiff_t from = str_find(answer, STR_LIT("\"rows\":"));
    if (from >= 0) {
        str rows = str_skip(answer, (size_t)from + sizeof "\"rows\":" - 1);
        return str_cstr(&rig->arena,
                        str_slice(rows, 0, (size_t)str_find(rows, STR_LIT(",\"row_count\""))));
    }
    from = str_find(answer, STR_LIT("\"message\":\""));
    if (from >= 0) {
        str message = str_skip(answer, (size_t)from + sizeof "\"message\":\"" - 1);
        return str_cstr(
            &rig->arena,
            str_slice(message, 0, (size_t)str_find(message, STR_LIT("\",\"as_user\""))));
    }
    return answer.p;
}

void rig_do_as(struct rig *rig, const char *user, const char *sql)
{
    const char *answer = rig_ask(rig, user, sql);
    if (answer[0] != '{') {
        test_fail(__FILE__, __LINE__, "%s: %s", sql, answer);
    }
}

void rig_do(struct rig *rig, const char *sql)
{
    rig_do_as(rig, "root", sql);
}

void rig_flush(struct rig *rig, const char *ns, const char *table, const char *user)
{
    const struct catalog_snapshot *s = catalog_take(rig->catalog);
    const struct table *found = snapshot_find_table(s, str_from(ns), str_from(table));
    EXPECT(found != NULL);
    table_id id = found->id;
    catalog_give(s);
    atomic_count cancel;
    atomic_count_set(&cancel, 0);
    struct flush_result result = {0};
    struct cold_slot slot = {RIG_WORKERS, RIG_WORKERS + 1};
    EXPECT_OK(flush_run(rig->store, id, str_from(user), slot, &cancel, &result, &rig->err),
              &rig->err);
    EXPECT(result.rows > 0);
}
