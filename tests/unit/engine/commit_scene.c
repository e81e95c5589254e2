/* tests/unit/engine/commit_scene.c -- see commit_scene.h. */
#include "unit/engine/commit_scene.h"

#include "test.h"

#include <stdio.h>

void gate_init(struct gate *g)
{
    lock_init(&g->lock, LOCK_TEST);
    cond_init(&g->cond);
    g->value = 0;
}

void gate_release(struct gate *g)
{
    cond_release(&g->cond);
    lock_release(&g->lock);
}

void gate_add(struct gate *g)
{
    lock_take(&g->lock);
    g->value++;
    cond_broadcast(&g->cond);
    lock_give(&g->lock);
}

void gate_wait(struct gate *g, int at_least)
{
    lock_take(&g->lock);
    while (g->value < at_least) {
        cond_wait(&g->cond, &g->lock);
    }
    lock_give(&g->lock);
}

int gate_value(struct gate *g)
{
    lock_take(&g->lock);
    int value = g->value;
    lock_give(&g->lock);
    return value;
}

static void note_failure(void *context, const struct error *err)
{
    struct scene *s = context;
    s->failure = *err;
    gate_add(&s->failures);
}

void scene_start(struct scene *s, struct kv_lease *lease)
{
    struct committer_options options = {.store = s->store,
                                        .clock = &s->clock.clock,
                                        .seq = &s->seq,
                                        .watchers = &s->watchers,
                                        .lease = lease,
                                        .fail_stop = note_failure,
                                        .fail_context = s};
    s->committer = committer_create(&options);
}

void scene_open_idle(struct scene *s)
{
    memset(s, 0, sizeof *s);
    s->store = kv_mem_open();
    fake_clock_init(&s->clock, SCENE_WALL_US);
    snowflake_init(&s->seq, &s->clock.clock, 1, 0);
    gate_init(&s->failures);
}

void scene_open(struct scene *s)
{
    scene_open_idle(s);
    scene_start(s, NULL);
}

void scene_stop(struct scene *s)
{
    committer_destroy(s->committer);
    s->committer = NULL;
}

void scene_close(struct scene *s)
{
    if (s->committer != NULL) {
        scene_stop(s);
    }
    kv_close(s->store);
    gate_release(&s->failures);
}

static void note(struct job *j, char what)
{
    char text[16];
    int n = snprintf(text, sizeof text, "%c%d ", what, j->number);
    size_t used = strlen(j->scene->events);
    if (j->number > 0) {
        EXPECT(used + (size_t)n < sizeof j->scene->events);
        memcpy(j->scene->events + used, text, (size_t)n + 1);
    }
}

static status job_apply(struct commit_txn *txn, struct commit_request *request)
{
    struct job *j = (struct job *)request;
    if (j->hold != NULL) {
        gate_add(j->entered);
        gate_wait(j->hold, 1);
    }
    j->now_us = commit_now_us(txn);
    if (j->expect.p != NULL) {
        str value = {0};
        bool found = false;
        EXPECT_STATUS(commit_get(txn, KV_USER_TABLE, j->key, &value, &found, &request->error), OK);
        bool matches = str_eq_c(j->expect, "-") ? !found : found && str_eq(value, j->expect);
        if (!matches) {
            return error_set(&request->error, ERROR_CONFLICT, "found " STR_FMT, STR(value));
        }
    }
    j->seq = commit_next_seq(txn);
    j->last_seq = commit_last_seq(txn);
    if (j->key.n > 0) {
        commit_put(txn, KV_USER_TABLE, PART.n, j->key, j->value);
    }
    if (j->fails_with != STATUS_OK) {
        return error_set(&request->error, ERROR_CONSTRAINT, "as told");
    }
    return STATUS_IS_OK;
}

static void job_publish(struct commit_request *request)
{
    struct job *j = (struct job *)request;
    note(j, 'p');
    if (j->published != NULL) {
        gate_add(j->published);
    }
}

static void job_done(struct commit_request *request, status result)
{
    struct job *j = (struct job *)request;
    struct gate *ended = j->ended;
    note(j, 'd');
    j->result = result;
    if (ended != NULL) {
        gate_add(ended);
    }
}

static void job_release(struct commit_request *request)
{
    struct job *j = (struct job *)request;
    note(j, 'r');
    if (j->released != NULL) {
        gate_add(j->released);
    }
}

void job_init(struct job *j, struct scene *s, int number, str key, str value)
{
    *j = (struct job){.request = {.apply = job_apply,
                                  .publish = job_publish,
                                  .done = job_done,
                                  .release = job_release,
                                  .durability = COMMIT_SYNC,
                                  .bytes = 100},
                      .scene = s,
                      .number = number,
                      .key = key,
                      .value = value};
}

status job_run(struct job *j, struct scene *s, int number, str key, str value)
{
    job_init(j, s, number, key, value);
    return commit_submit_wait(s->committer, &j->request);
}

void hold_up(struct holder *h, struct scene *s)
{
    gate_init(&h->hold);
    gate_init(&h->entered);
    job_init(&h->job, s, 0, (str){0}, (str){0});
    h->job.hold = &h->hold;
    h->job.entered = &h->entered;
    commit_submit(s->committer, &h->job.request);
    gate_wait(&h->entered, 1);
}

void holder_release(struct holder *h)
{
    gate_release(&h->hold);
    gate_release(&h->entered);
}

static status apply_nothing(struct commit_txn *txn, struct commit_request *request)
{
    (void)txn;
    (void)request;
    return STATUS_IS_OK;
}

void open_up(struct holder *h, struct scene *s)
{
    gate_add(&h->hold);
    struct commit_request last = {.apply = apply_nothing};
    status result = commit_submit_wait(s->committer, &last); /* all before it have ended */
    EXPECT(status_ok(result) || result.code == STATUS_STORAGE_FULL);
    holder_release(h);
}

static void keep_outcome(void *context, status result, const struct kv_head *heads)
{
    (void)heads;
    *(status *)context = result;
}

void commit_foreign(struct scene *s, const struct kv_txn *txn)
{
    status outcome;
    kv_commit(s->store, txn, 1, true, keep_outcome, &outcome);
    EXPECT_STATUS(outcome, OK);
}

void expect_stored(struct scene *s, str key, const char *wanted)
{
    struct arena arena;
    arena_init(&arena);
    str value = {0};
    bool found = false;
    EXPECT_STATUS(
        kv_get(s->store, NULL, KV_USER_TABLE, key, KV_MAY_BLOCK, &arena, &value, &found, NULL), OK);
    EXPECT(found == (wanted != NULL));
    if (wanted != NULL) {
        EXPECT_STR_EQ(value, str_from(wanted));
    }
    arena_release(&arena);
}
