/* query/run.h -- one statement on its way, for the files of query/ only.
 * For:      the handlers: each takes a bound place in the dispatch table of run.c.
 * Threads:  one at a time. */
#ifndef QUERY_RUN_H
#define QUERY_RUN_H

#include "auth/hash_gate.h"
#include "model/ids.h"
#include "query/heavy.h"
#include "query/query.h"
#include "sql/sql.h"

struct transaction; /* transaction.h */

/* The open transactions of an engine. */
struct transactions {
    struct lock lock; /* guards the list and what transaction_info shows */
    struct transaction *first;
};

/* SQL engines that broke down and were replaced; each keeps its memory. After the last one SELECTs
 * fail until the server is started again. */
enum { ENGINES_BROKEN_MAX = 8 };
struct engine_place {
    struct duck *duck; /* NULL until first needed */
    struct duck
        *broken[ENGINES_BROKEN_MAX]; /* statements may still be in them: closed at the end */
    unsigned broken_count;
};

/* The process-wide state; immutable but for what is guarded. */
struct query_engine {
    struct catalog *catalog;
    struct store *rows;
    struct kv_store *store;
    struct committer *committer;
    const struct clock *clock;
    struct snowflake *ids;
    struct ids random_ids; /* UUID_V7, ULID */
    struct query_limits limits;
    struct query_hooks hooks;
    const char *cold_directory;
    const char *temp_directory;
    unsigned worker_count;
    unsigned job_count;
    struct lock lock;             /* guards the three below */
    struct engine_place selects;  /* runs what users say */
    struct engine_place segments; /* reads and writes segments: no statement takes its memory */
    struct heavy heavy;
    struct duck_provider provider;
    struct plan_cache *plans;
    struct plan_cache *parsed; /* parsed.h */
    struct system_cache *system;
    struct transactions transactions;
    struct hash_gate hashing; /* of passwords */
};

struct run {
    struct query *query;
    struct query_engine *engine;
    struct session session; /* of this statement: EXECUTE AS and USE change it */
    const struct statement *statement;
    const struct catalog_snapshot *snapshot; /* one for the statement */
    struct arena *arena;
    struct results *results;
    bool may_block; /* on a worker; false: answer UNAVAILABLE with is_blocked set instead */
    bool is_blocked;
    bool is_long;     /* is_blocked, and it may take long */
    bool is_alone;    /* the only statement: its write may be left pending */
    bool is_pending;  /* set by a handler whose write was submitted without waiting */
    unsigned slot;    /* of the SQL engine; on a worker */
    unsigned attempt; /* 0, then the re-runs after lost races */
    struct transaction *transaction; /* the open one of the request; NULL: autocommit */
    uint64_t deadline_us;            /* monotonic: of its stay in the SQL engine, 0 before */
    bool goes_alone;  /* a re-run of one that found the memory taken: alone in the SQL engine */
    bool wants_alone; /* set by engine_enter's end: run it again like that, if nothing was sent */
};

/* A handler. OK: done, or pending when run->is_pending. */
typedef status run_fn(struct run *run, struct error *err);

/* Says that this cannot be done on a loop: returns UNAVAILABLE and sets is_blocked. */
MUST_USE status run_block(struct run *run);
/* The same of what needs the SQL engine, or may take long for other reasons. */
MUST_USE status run_block_long(struct run *run);
/* The namespace that a name means: its own or the session's. */
str run_namespace(const struct run *run, str ns);
/* Finds a user's table. TABLE_NOT_FOUND; INVALID_OPERATION for system namespaces, with `verb`
 * ("insert", "update", "delete"; NULL: reading, then system tables are TABLE_NOT_FOUND too). */
MUST_USE status run_find_table(const struct run *run, const struct table_name *name,
                               const char *verb, const struct table **out, struct error *err);
/* The newest schema of a table, counted. On a loop only from the cache (else run_block). */
MUST_USE status run_table_schema(struct run *run, const struct table *table, struct schema **out,
                                 struct error *err);
/* The types of the request's parameters. */
struct type *run_param_types(struct run *run);
/* Has the request as many parameters as the statement names? PARAMETER_COUNT: one too few would be
 * read past the end, one too many be ignored by some ways and refused by others. */
MUST_USE status run_check_params(const struct run *run, const struct statement *statement,
                                 struct error *err);
/* Writes the message of a statement without rows. */
void run_message(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* query.c: fresh ids. */
void query_uuid_v7(struct query_engine *engine, uint8_t out[16]);
void query_ulid(struct query_engine *engine, char out[ULID_TEXT_BYTES]);

/* caches.c */
void query_open_caches(struct query_engine *engine);
void query_close_caches(struct query_engine *engine);

/* query.c: after DDL. The SQL engine's views of the versions below `version` (UINT32_MAX: of all)
 * go; a statement that still names them answers CONFLICT and is bound again. */
void query_forget_table(struct query_engine *engine, table_id id, uint32_t version);

/* select.c: could the body of CREATE VIEW run: its errors are those of the SELECT. Its text with
 * the column list applied. */
MUST_USE status run_check_view(struct run *run, str ns, const struct create_view_part *part,
                               struct error *err);
str run_view_text(struct run *run, const struct create_view_part *part);
/* select.c: the columns that a view has now, as its reader would be told them; in the run's arena.
 */
MUST_USE status run_view_columns(struct run *run, const struct view_def *view,
                                 const struct result_column **out, unsigned *count,
                                 struct error *err);

/* audit.c: runs a handler; DDL, changes of users and KILL are told to the audit log. */
MUST_USE status run_audited(struct run *run, run_fn *handler, struct error *err);
/* audit.c: somebody acts, or wanted to act, as somebody else. `statement`: its kind; NULL: unknown.
 */
void query_audit_execute_as(struct query_engine *engine, const struct session *actor, str target,
                            const char *statement, bool is_allowed, struct arena *arena);

/* insert.c, update.c, for EXPLAIN: the statement bound and what it asks of the SQL engine prepared,
 * with its errors; nothing is read or written. On a worker. *by_key: UPDATE or DELETE finds its row
 * without the SQL engine. */
MUST_USE status insert_explain(struct run *run, struct error *err);
MUST_USE status update_explain(struct run *run, bool *by_key, struct error *err);

/* insert.c, update.c, select.c */
run_fn run_insert, run_update, run_delete, run_select;
/* ddl_table.c */
run_fn run_create_table, run_alter_table, run_drop_table;
/* ddl.c */
run_fn run_create_namespace, run_alter_namespace, run_drop_namespace, run_use_namespace;
run_fn run_create_view, run_drop_view;
/* ddl_storage.c */
run_fn run_create_storage, run_alter_storage, run_drop_storage, run_storage_check;
/* ddl_user.c */
run_fn run_create_user, run_alter_user, run_drop_user, run_update_user;
/* Is it an admin's UPDATE of system.users? run_update_user makes ALTER USER of it (design 14). */
bool run_is_user_update(const struct run *run);
/* show.c */
run_fn run_show_namespaces, run_show_tables, run_describe_table, run_show_stats, run_show_storages;
run_fn run_show_manifest, run_explain, run_show_jobs, run_show_export;
/* show_columns.c */
run_fn run_show_columns, run_describe, run_show_all, run_set;
/* maintain.c */
run_fn run_flush_table, run_flush_all, run_compact_table, run_compact_all, run_kill_job;
run_fn run_kill_live, run_subscribe;

#endif
