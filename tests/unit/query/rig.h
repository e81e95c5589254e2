/* tests/unit/query/rig.h -- statements before everything that they need: kv_mem, the committer, the
 * catalog, a store with real files in a scratch folder, the SQL engine opened on its first need.
 * Use:      rig_ask for "what does this caller read"; struct rig_query for a request that is taken
 *           through its stages by hand, beside others.
 * Clock:    moved by hand; starts at RIG_START_US.
 * Threads:  the test's, besides the committer's. */
#ifndef TESTS_QUERY_RIG_H
#define TESTS_QUERY_RIG_H

#include "engine/kv_lease.h"
#include "query/query.h"
#include "store/cold_duck.h"
#include "test.h"

#define RIG_START_US (1800000000LL * 1000000)
enum { RIG_WORKERS = 4 };

/* What the layers above were asked for; guarded by the rig's lock. */
struct rig_hooks {
    unsigned dropped;   /* tables given to table_dropped */
    unsigned flushed;   /* calls of flush_table and flush_namespace */
    unsigned killed;    /* calls of kill_job */
    table_id last;      /* of the last call */
    char last_name[64]; /* "ns.table", id or namespace of the last call */
};

struct rig {
    char dir[64];
    char cold[80];
    char temp[80];
    struct fake_clock clock;
    struct kv_store *kv;
    struct snowflake seq;
    struct snowflake ids;
    struct kv_lease lease;
    struct committer *committer;
    struct catalog *catalog;
    struct cold_duck cold_engine;
    struct store *store;
    struct query_engine *engine;
    struct query_limits limits; /* as rig_open gave them */
    status (*system_rows)(void *context, const struct session *session, str table,
                          const struct system_key *key, struct arena *arena,
                          const struct row_sink *sink, struct error *err);
    struct rig_hooks hooks;
    struct lock lock; /* guards what committer and test tell each other */
    struct cond ended;
    struct arena arena; /* of answers; emptied by rig_close only */
    struct error err;
};

/* Opens everything, makes namespace `app` and users alice, bob (user), sam (service), dora (dba).
 */
void rig_open(struct rig *rig);
/* The same with other limits: `change` gets those of rig_open. */
void rig_open_with(struct rig *rig, void (*change)(struct query_limits *limits));
/* The same with another source of the system tables that live above query/. */
typedef status rig_rows_fn(void *context, const struct session *session, str table,
                           const struct system_key *key, struct arena *arena,
                           const struct row_sink *sink, struct error *err);
void rig_open_hooked(struct rig *rig, rig_rows_fn *system_rows);
void rig_close(struct rig *rig);

/* Who asks. The role of a name: alice, bob: user; sam: service; dora: dba; root: system. */
enum role rig_role(const char *user);

/* Runs a request on a worker to its end. The RESULT objects as they leave; or, for an error,
 * "<http status> <wire code>: <message as the caller sees it>". In rig->arena, with a NUL. */
const char *rig_ask(struct rig *rig, const char *user, const char *sql);
const char *rig_ask_with(struct rig *rig, const char *user, const char *sql,
                         const struct value *params, unsigned count);
/* Only the rows of the one RESULT, such as [["1","a"]]; the message of a RESULT without rows; or
 * the error as rig_ask gives it. */
const char *rig_rows(struct rig *rig, const char *user, const char *sql);
/* The whole answer, the rows or the message, or the error. */
#define EXPECT_ANSWER(rig, user, sql, wanted)                                                      \
    test_expect_str(str_from(rig_ask((rig), (user), (sql))), str_from(wanted), sql, __FILE__,      \
                    __LINE__)
#define EXPECT_ROWS(rig, user, sql, wanted)                                                        \
    test_expect_str(str_from(rig_rows((rig), (user), (sql))), str_from(wanted), sql, __FILE__,     \
                    __LINE__)
/* Runs it as root and ends the test when it fails. */
void rig_do(struct rig *rig, const char *sql);
/* Runs it as `user` and ends the test when it fails. */
void rig_do_as(struct rig *rig, const char *user, const char *sql);

/* A request taken through its stages by the test. */
struct rig_query {
    struct query query;
    struct rig *rig;
    struct arena arena;
    struct buf out;
    unsigned slot;    /* of the worker that it goes to; 0 */
    bool is_finished; /* guarded by rig->lock */
};
void rig_query_open(struct rig_query *q, struct rig *rig, const char *user, const char *sql);
/* Waits until `finished` was called. */
void rig_query_wait(struct rig_query *q);
/* From any state to the end, on a worker where it must. */
void rig_query_finish(struct rig_query *q, enum query_state state);
/* As rig_ask gives it; after the end. */
const char *rig_query_answer(struct rig_query *q);
void rig_query_close(struct rig_query *q);

/* Flushes a table's rows (of a user, "": SHARED) into a segment. */
void rig_flush(struct rig *rig, const char *ns, const char *table, const char *user);

#endif
