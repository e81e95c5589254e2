/* tests/unit/query/storm_test.c -- Goal: statements of many threads at once, with tables that
 * change and go under them, lose and double nothing, and touch no memory that is gone (run it under
 * TSan and ASan). Method: clients with seeds of their own, each counting what it was told; the sums
 * must agree with the tables. */
#include "rig.h"

#include "base/hash.h"

enum { CLIENTS = 3, STATEMENTS = 150 };

static struct rig rig;

struct client {
    struct thread thread;
    unsigned number;
    struct rng rng;
    struct arena arena;
    unsigned updated;  /* increments of row 1 that were confirmed */
    unsigned found;    /* the same by way of the SQL engine */
    unsigned inserted; /* rows that were confirmed */
};

/* Runs a statement to its end; true when it succeeded. Errors other than `allowed` end the test. */
static bool run(struct client *client, const char *sql, enum error_id allowed)
{
    struct rig_query q;
    rig_query_open(&q, &rig, "root", sql);
    q.slot = client->number;
    q.query.session.is_async = rng_below(&client->rng, 4) == 0;
    rig_query_finish(&q, query_start(&q.query, QUERY_ON_LOOP, 0));
    enum error_id error = q.query.error.id;
    if (error != ERROR_NONE && error != allowed) {
        test_fail(__FILE__, __LINE__, "%s: %s", sql, q.query.error.text);
    }
    rig_query_close(&q);
    return error == ERROR_NONE;
}

static void step(struct client *client, unsigned i)
{
    struct arena *arena = &client->arena;
    switch (rng_below(&client->rng, 10)) {
    case 0:
    case 1:
    case 2:
        client->updated += run(client, "UPDATE t SET n = n + 1 WHERE id = 1", ERROR_CONFLICT);
        break;
    case 3:
        client->found +=
            run(client, "UPDATE t SET n = n + 1 WHERE a = 'two' AND n >= 0", ERROR_CONFLICT);
        break;
    case 4:
    case 5: {
        unsigned key = 1000 + client->number * STATEMENTS + i;
        const char *sql =
            arena_format(arena, "INSERT INTO t (id, a, n) VALUES (%u, 'new', 0)", key).p;
        client->inserted += run(client, sql, ERROR_CONFLICT);
        break;
    }
    case 6:
        (void)run(client, "SELECT id, n FROM t WHERE id = 1", ERROR_NONE);
        break;
    case 7:
        (void)run(client, "SELECT count(*), sum(n), CURRENT_USER() FROM t WHERE id < 2000",
                  ERROR_CONFLICT);
        break;
    case 8:
        if (run(client,
                arena_format(arena, "CREATE SHARED TABLE own%u (id BIGINT PRIMARY KEY)",
                             client->number)
                    .p,
                ERROR_EXISTS)) {
            (void)run(client, arena_format(arena, "INSERT INTO own%u VALUES (1)", client->number).p,
                      ERROR_NONE);
        } else {
            (void)run(client, arena_format(arena, "DROP TABLE own%u", client->number).p,
                      ERROR_NONE);
        }
        break;
    default:
        if (client->number == 0 && i % 4 == 0) {
            (void)run(client, arena_format(arena, "ALTER TABLE t ADD COLUMN c%u INT", i).p,
                      ERROR_NONE);
        }
        break;
    }
}

static void *run_client(void *argument)
{
    struct client *client = argument;
    for (unsigned i = 0; i < STATEMENTS; i++) {
        step(client, i);
    }
    return NULL;
}

TEST(a_storm_of_statements_adds_up)
{
    rig_open(&rig);
    rig_do(&rig, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, a TEXT, n BIGINT)");
    rig_do(&rig, "INSERT INTO t VALUES (1, 'one', 0), (2, 'two', 0)");
    static struct client clients[CLIENTS];
    unsigned updated = 0;
    unsigned found = 0;
    unsigned inserted = 0;
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){.number = i};
        rng_init(&clients[i].rng, 42 + i);
        arena_init(&clients[i].arena);
        thread_start(&clients[i].thread, "client", 8 << 20, run_client, &clients[i]);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        thread_join(&clients[i].thread);
        arena_release(&clients[i].arena);
        updated += clients[i].updated;
        found += clients[i].found;
        inserted += clients[i].inserted;
    }
    const char *wanted =
        arena_format(&rig.arena, "[[\"1\",\"%u\"],[\"2\",\"%u\"]]", updated, found).p;
    EXPECT_ROWS(&rig, "root", "SELECT id, n FROM t WHERE id < 10", wanted);
    wanted = arena_format(&rig.arena, "[[\"%u\"]]", inserted).p;
    EXPECT_ROWS(&rig, "root", "SELECT count(*) FROM t WHERE a = 'new'", wanted);
    EXPECT(updated > 0 && found > 0 && inserted > 0);
    rig_close(&rig);
}
