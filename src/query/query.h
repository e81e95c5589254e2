/* query/query.h -- from a text to its results: session -> statement -> plan -> store -> results.
 * For:      server/ (HTTP), jobs and live queries that need a SELECT.
 * Touches:  sql, catalog, store, the engine's door. No HTTP, no socket.
 * Owns:     struct query_engine: plan caches, the SQL engine (opened on first need), system tables.
 *           A struct query is its caller's, from query_start to its end.
 * Threads:  query_engine_*: start and end. query_start: a loop (QUERY_ON_LOOP: never blocks) or a
 *           worker (QUERY_ON_WORKER: may wait for disk and engine). One thread at a time works on a
 *           struct query. */
#ifndef QUERY_QUERY_H
#define QUERY_QUERY_H

#include "engine/duck.h"
#include "query/plan_cache.h"
#include "query/result.h"
#include "query/session.h"
#include "query/system_cache.h"
#include "store/store.h"

struct query_engine;

struct query_limits {
    uint32_t default_query_limit; /* rows of a SELECT without LIMIT; 0: none */
    uint32_t max_query_limit;     /* cap of a LIMIT; 0: none */
    uint32_t statement_timeout_ms;
    uint32_t slow_ms;               /* statements that take longer are logged; 0: none */
    uint32_t transaction_timeout_s; /* age at which an open transaction is aborted */
    uint64_t transaction_bytes_max; /* that it may stage */
    uint32_t plan_cache_entries;
    uint32_t plan_cache_ttl_s; /* 0: plans do not grow old */
    uint32_t system_cache_ttl_s[SYSTEM_KIND_COUNT];
    uint64_t system_cache_bytes;
    uint64_t engine_memory_bytes;
    uint64_t resident_bytes_max; /* see duck_options */
    uint64_t engine_temp_bytes;
    uint32_t engine_concurrent_max; /* heavy statements at once; more wait, then BUSY */
    uint32_t flush_rows_default; /* flush.default_row_limit: of tables without a policy; 0: none */
    uint32_t flush_interval_s_default; /* flush.default_time_interval, likewise */
    uint32_t idempotency_keys_max;     /* of one user; 0: LIMIT_IDEMPOTENCY_KEYS */
    uint32_t password_cost;            /* bcrypt */
    uint32_t password_concurrent_max;  /* hashed at once; 0: 1 */
    uint32_t password_length_min;
    bool password_complexity;
    bool drop_namespace_restrict;
    bool is_async_default; /* durability of requests that do not say */
};

/* Rows of a system table are handed to this, one by one; values in the table's column order. */
struct row_sink {
    void *context;
    status (*row)(void *context, const struct value *values, struct error *err);
};

/* The rows of a system table that a statement wants; a hint: it looks at what it gets. */
struct system_key {
    const char *column; /* NULL: all rows */
    str text;           /* of that column */
};

/* Statements whose doing lives above query/ and system tables whose rows do. Filled by server/main.
 * Every function may block; called on workers. `message` is written into the arena. */
struct query_hooks {
    void *context;
    status (*flush_table)(void *context, const struct session *session, const struct table *table,
                          struct arena *arena, str *message, struct error *err);
    status (*flush_namespace)(void *context, const struct session *session,
                              const struct catalog_snapshot *snapshot, str ns, struct arena *arena,
                              str *message, struct error *err);
    status (*compact_table)(void *context, const struct session *session, const struct table *table,
                            struct arena *arena, str *message, struct error *err);
    status (*compact_namespace)(void *context, const struct session *session,
                                const struct catalog_snapshot *snapshot, str ns,
                                struct arena *arena, str *message, struct error *err);
    status (*kill_job)(void *context, const struct session *session, str id, struct arena *arena,
                       str *message, struct error *err);
    status (*kill_live)(void *context, const struct session *session, str id, struct arena *arena,
                        str *message, struct error *err);
    /* Queues the clean-up of a dropped table and gives the job's id. */
    status (*table_dropped)(void *context, const struct session *session, table_id id, str ns,
                            str name, struct arena *arena, str *job_id, struct error *err);
    /* Ends sessions and subscriptions of a user that was changed. May be NULL. */
    void (*user_changed)(void *context, str user_id);
    /* Rows of system tables kept above: "jobs", "live", "sessions", "stats", "settings",
     * "server_logs", "audit_log" ... Those of `key` are enough. NOT_FOUND: not one of them. */
    status (*system_rows)(void *context, const struct session *session, str table,
                          const struct system_key *key, struct arena *arena,
                          const struct row_sink *sink, struct error *err);
    /* A number that has grown before a change of those rows is acknowledged; 0: not counted, the
     * rows are never kept. May be NULL. */
    uint64_t (*system_version)(void *context, str table);
};

struct query_options {
    struct catalog *catalog;
    struct store *rows;
    struct kv_store *store;
    struct committer *committer;
    const struct clock *clock;
    struct snowflake *ids; /* SNOWFLAKE_ID() */
    struct query_limits limits;
    struct query_hooks hooks;
    const char *cold_directory;
    const char *temp_directory;
    unsigned worker_count; /* slots of the SQL engine: workers, then job threads */
    unsigned job_count;
};

/* Everything in `options` is borrowed and outlives the engine. */
struct query_engine *query_engine_create(const struct query_options *options);
/* Makes, once per data folder, the file that stands for a table without segments, so that no SELECT
 * has to write. Without it (STORAGE_FULL) the first statement that needs the SQL engine tries
 * again.
 */
MUST_USE status query_engine_prepare(struct query_engine *engine, struct error *err);
void query_engine_destroy(struct query_engine *engine); /* NULL allowed; nothing runs any more */
/* The SQL engine for statements, opened on the first call; slots are those of the workers. */
MUST_USE status query_engine_duck(struct query_engine *engine, struct duck **out,
                                  struct error *err);
/* The one for segments: point reads, flush, compaction; slots of workers, then of jobs. */
MUST_USE status query_segment_duck(struct query_engine *engine, struct duck **out,
                                   struct error *err);
/* NULL while nobody needed it. */
struct duck *query_engine_duck_if_open(struct query_engine *engine);

/* The caches of the engine: what is in them, whether some of it is too old, and removing that
 * (gives how many went). Any thread. */
struct query_cache_statistics {
    struct plan_cache_statistics plans;
    struct plan_cache_statistics parsed;
    struct system_cache_statistics system;
};
void query_cache_statistics_get(struct query_engine *engine, struct query_cache_statistics *out);
unsigned query_sweep_caches(struct query_engine *engine);

enum query_place { QUERY_ON_LOOP, QUERY_ON_WORKER };
enum query_state {
    QUERY_DONE,        /* results or error are complete */
    QUERY_PENDING,     /* waits for the committer; `finished` will be called */
    QUERY_WOULD_BLOCK, /* nothing was done: start it again on a worker */
    QUERY_AGAIN        /* lost a race for a row: start it again on a worker */
};

/* One request. Zeroed, then the upper part filled by the caller. */
struct query {
    struct query_engine *engine;
    struct session session;
    str sql;
    const struct value *params; /* NULL, BOOLEAN, BIGINT, DOUBLE or TEXT each */
    unsigned param_count;
    /* What is wrong with the parameters (arena): told when the statements were found good and
     * allowed (contract http-ws.md 2.2). NULL: nothing. */
    const struct error *param_error;
    const atomic_count *is_cancelled; /* not 0: nobody waits for the answer any more; NULL: never */
    str idempotency_key;              /* empty: none */
    struct arena *arena;              /* lives as long as the request; holds sql and params */
    struct buf *out;                  /* RESULT objects go here */
    /* Hands large results on, see struct results; may be NULL. */
    status (*flush)(void *context, struct error *err);
    void *flush_context;
    /* QUERY_PENDING has ended: call query_resume on the request's thread. Runs on the committer's
     * thread; must only post. */
    void (*finished)(struct query *query);
    void *owner; /* the caller's */

    /* -- outputs -- */
    struct error error;        /* id NONE: success */
    bool has_rows;             /* one statement that gave rows: the envelope has "error":null */
    str statement_text;        /* of the statement that failed, for `details` of admins */
    unsigned failed_statement; /* from 1; 0: the error is not one statement's */
    bool is_prefixed;          /* "Statement N failed: " goes before the message */

    /* -- query/'s own -- */
    struct query_state_own *own;
};

/* Splits, classifies, authorises and runs. A single statement that can be answered from memory, or
 * whose write can be prepared from memory, is; all else is WOULD_BLOCK on a loop. `slot` numbers
 * the worker (0..worker_count-1); ignored on a loop. */
enum query_state query_start(struct query *query, enum query_place place, unsigned slot);
/* After WOULD_BLOCK or AGAIN: may it take seconds? False: it ends soon, such as a read by key. */
bool query_is_long(const struct query *query);
/* After `finished`: DONE or AGAIN. */
enum query_state query_resume(struct query *query);
/* Gives back what the query holds (snapshots, schemas, requests). Always called at the end. */
void query_end(struct query *query);

/* The message as this caller may see it: prefix, redaction for non-admins (contract 2.9). */
str query_error_text(const struct error *error, enum role role, unsigned statement,
                     struct arena *arena);
/* What this caller can do about it; a hint tells no more than the message does. Static. */
const char *query_error_hint(const struct error *error, enum role role);

/* The reading rule of SHARED tables and the ownership of the others (contract sql.md section 9):
 * may `session` read `table`? PERMISSION_DENIED with the contract's text. */
MUST_USE status query_may_read(const struct session *session, const struct table *table,
                               struct error *err);
MUST_USE status query_may_write(const struct session *session, const struct table *table,
                                struct error *err);

#endif
