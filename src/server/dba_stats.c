/* server/dba_stats.c -- rows of dba.stats (contract sql.md section 6.3), written by statements like
 * anybody's: a worker runs them while the job thread waits. */
#include "server/dba_stats.h"

#include "server/hooks.h"

enum { PRUNE_HOURS = 12 };

/* What is sampled, of system.stats. */
static const struct {
    const char *name;
    const char *unit; /* "": a count */
} figures[] = {{"memory_usage_bytes", "bytes"},
               {"cpu_usage_percent", "percent"},
               {"thread_count", ""},
               {"open_files_total", ""},
               {"active_connections", ""},
               {"active_subscriptions", ""},
               {"total_tables", ""},
               {"hot_rows", ""},
               {"hot_bytes", "bytes"},
               {"cold_rows", ""},
               {"cold_bytes", "bytes"},
               {"commit_requests", ""},
               {"jobs_running", ""},
               {"jobs_failed", ""}};

/* -- one statement ------------------------------------------------------------------------------
 */

struct asked {
    struct query query; /* owner: this */
    struct lock lock;   /* guards what follows */
    struct cond changed;
    bool is_back; /* the query is this thread's again, in `state` */
    enum query_state state;
};

static void give_back(struct asked *asked, enum query_state state)
{
    lock_take(&asked->lock);
    asked->state = state;
    asked->is_back = true;
    cond_signal(&asked->changed); /* under the lock: the waiter ends it */
    lock_give(&asked->lock);
}

/* On the committer's thread. */
static void on_finished(struct query *query)
{
    give_back(query->owner, QUERY_PENDING);
}

static void work(void *argument, unsigned worker)
{
    struct asked *asked = argument;
    enum query_state state = query_start(&asked->query, QUERY_ON_WORKER, worker);
    if (state != QUERY_PENDING) { /* else on_finished has it, or will */
        give_back(asked, state);
    }
}

static enum query_state wait_for(struct asked *asked)
{
    lock_take(&asked->lock);
    while (!asked->is_back) {
        cond_wait(&asked->changed, &asked->lock);
    }
    asked->is_back = false;
    enum query_state state = asked->state;
    lock_give(&asked->lock);
    return state == QUERY_PENDING ? query_resume(&asked->query) : state;
}

static status ask(struct server *server, str sql, struct arena *arena, struct error *err)
{
    struct buf out;
    buf_init(&out);
    struct asked asked = {.query = {.engine = server->queries,
                                    .session = {.user_id = STR_LIT("root"),
                                                .role = ROLE_SYSTEM,
                                                .actor_id = STR_LIT("root"),
                                                .actor_role = ROLE_SYSTEM,
                                                .namespace_name = STR_LIT("dba"),
                                                .now_us = clock_wall_us(server->clock),
                                                .is_async = server_is_async(server)},
                                    .sql = sql,
                                    .arena = arena,
                                    .out = &out,
                                    .finished = on_finished,
                                    .owner = &asked}};
    lock_init(&asked.lock, LOCK_SESSION);
    cond_init(&asked.changed);
    enum query_state state = QUERY_AGAIN;
    status result = STATUS_IS_OK;
    while (state == QUERY_AGAIN && status_ok(result)) {
        result = pool_submit(server->workers, POOL_SHORT, work, &asked);
        if (status_ok(result)) {
            state = wait_for(&asked);
        } else {
            result = error_set(err, ERROR_BUSY, "the workers take nothing more");
        }
    }
    if (status_ok(result) && asked.query.error.id != ERROR_NONE) {
        *err = asked.query.error;
        result = error_wrap(err, "dba.stats");
    }
    query_end(&asked.query);
    cond_release(&asked.changed);
    lock_release(&asked.lock);
    buf_release(&out);
    return result;
}

/* -- the rows -----------------------------------------------------------------------------------
 */

struct sample {
    struct buf sql; /* ends with the last row of VALUES */
    int64_t now_ms;
    unsigned count;
};

/* A row of system.stats. The values of figures are numbers, so they need no quotes. */
static status take_row(void *context, const struct value *row, struct error *err)
{
    (void)err;
    struct sample *sample = context;
    str name = row[0].as.text;
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        if (str_eq_c(name, figures[i].name)) {
            buf_append_format(
                &sample->sql, "%s('%013lld:1:%s', 1, '%s', " STR_FMT ", NULLIF('%s', ''), NOW())",
                sample->count++ > 0 ? ", " : "", (long long)sample->now_ms, figures[i].name,
                figures[i].name, STR(row[1].as.text), figures[i].unit);
        }
    }
    return STATUS_IS_OK;
}

static status insert_sample(struct server *server, struct arena *arena, struct error *err)
{
    struct sample sample = {.now_ms = clock_wall_us(server->clock) / 1000};
    struct row_sink sink = {&sample, take_row};
    buf_init(&sample.sql);
    buf_append_c(&sample.sql, "INSERT INTO dba.stats (id, node_id, metric_name, metric_value, "
                              "metric_unit, sampled_at) VALUES ");
    status result = system_stats_write(server, arena, &sink, err);
    if (status_ok(result)) {
        result = ask(server, buf_str(&sample.sql), arena, err);
    }
    buf_release(&sample.sql);
    return result;
}

static status prune(struct server *server, struct arena *arena, struct error *err)
{
    int64_t age_us = (int64_t)server->config->retention_dba_stats_days * 86400 * 1000000;
    if (age_us == 0) {
        return STATUS_IS_OK; /* for ever */
    }
    struct buf sql;
    buf_init(&sql);
    buf_append_c(&sql, "DELETE FROM dba.stats WHERE sampled_at < '");
    timestamp_append_text(&sql, clock_wall_us(server->clock) - age_us);
    buf_append_c(&sql, "'");
    status result = ask(server, buf_str(&sql), arena, err);
    buf_release(&sql);
    return result;
}

status dba_stats_sample(void *context, struct error *err)
{
    struct server *server = context;
    uint64_t now_us = clock_mono_us(server->clock);
    struct arena arena;
    arena_init(&arena);
    status result = STATUS_IS_OK;
    if (now_us >= server->dba_stats_prune_us) {
        result = prune(server, &arena, err);
        server->dba_stats_prune_us = now_us + PRUNE_HOURS * 3600ULL * 1000000;
    }
    if (status_ok(result)) {
        result = insert_sample(server, &arena, err);
    }
    arena_release(&arena);
    return result;
}
