/* tests/unit/engine/commit_scene.h -- a committer over the store in memory, for the tests of it.
 * For:      requests that note what happens to them, and a request whose apply waits at a gate: it
 *           holds the committer, so that the requests behind it form one group.
 * Threads:  a scene belongs to its test; gates are for all. */
#ifndef TESTS_ENGINE_COMMIT_SCENE_H
#define TESTS_ENGINE_COMMIT_SCENE_H

#include "base/lock.h"
#include "engine/kv_commit.h"

#define PART STR_LIT("u\0\0\0\1alice\0\1")
#define KEY(text) STR_LIT("u\0\0\0\1alice\0\1" text)
#define PART_BOB STR_LIT("u\0\0\0\1bob\0\1")
#define KEY_BOB(text) STR_LIT("u\0\0\0\1bob\0\1" text)

#define SCENE_WALL_US (1800000000LL * 1000000) /* when a scene opens */

/* A flag that other threads wait for. */
struct gate {
    struct lock lock;
    struct cond cond;
    int value;
};

void gate_init(struct gate *g);
void gate_release(struct gate *g);
void gate_add(struct gate *g);
void gate_wait(struct gate *g, int at_least);
int gate_value(struct gate *g);

struct scene {
    struct kv_store *store;
    struct fake_clock clock;
    struct snowflake seq;
    struct committer *committer; /* NULL: stopped */
    atomic_count watchers;
    struct gate failures;
    struct error failure;
    /* what happened, in order: "p3" publish of job 3, "d3" done, "r3" release; the committer's */
    char events[512];
};

void scene_open(struct scene *s);
/* An open store without a committer. */
void scene_open_idle(struct scene *s);
/* Starts a committer that keeps `lease` (NULL: none). */
void scene_start(struct scene *s, struct kv_lease *lease);
/* Ends the committer in order. */
void scene_stop(struct scene *s);
void scene_close(struct scene *s);

/* A request that writes one key; the fields say what else it does. */
struct job {
    struct commit_request request;
    struct scene *scene;
    int number; /* 0: not noted in the scene's events */
    str key;    /* empty: none is written */
    str value;
    str expect; /* of `key` before: its value; p == NULL: not looked at; "-": absent */
    enum status_code fails_with; /* after writing */
    struct gate *hold;           /* apply tells `entered` and waits for it */
    struct gate *entered;
    struct gate *published;
    struct gate *ended; /* done */
    struct gate *released;
    uint64_t seq;
    uint64_t last_seq;
    int64_t now_us;
    status result;
};

void job_init(struct job *j, struct scene *s, int number, str key, str value);
/* The same, and submits it and waits. */
status job_run(struct job *j, struct scene *s, int number, str key, str value);

/* Holds the committer within a group of its own until open_up. */
struct holder {
    struct job job;
    struct gate hold;
    struct gate entered;
};

void hold_up(struct holder *h, struct scene *s);
/* The requests submitted since hold_up go on as one group; returns when they have ended. */
void open_up(struct holder *h, struct scene *s);
void holder_release(struct holder *h);

/* Writes beside the committer, as another process would. */
void commit_foreign(struct scene *s, const struct kv_txn *txn);

/* `wanted` NULL: the key is absent. */
void expect_stored(struct scene *s, str key, const char *wanted);

#endif
