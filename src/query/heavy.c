/* query/heavy.c -- see heavy.h. Whoever waits to be alone goes first: nobody comes in meanwhile. */
#include "query/heavy.h"

#include "base/check.h"
#include "base/hash.h"
#include "query/run.h"

void heavy_init(struct heavy *heavy, unsigned count_max)
{
    *heavy = (struct heavy){.count_max = count_max};
    cond_init(&heavy->room);
}

void heavy_release(struct heavy *heavy)
{
    cond_release(&heavy->room);
}

static bool has_room(const struct heavy *heavy, bool alone)
{
    if (alone) {
        return heavy->count == 0;
    }
    return heavy->count < heavy->count_max && !heavy->is_one_alone &&
           heavy->alone_waiting_count == 0;
}

/* Under the lock. */
static status wait_for_room(struct query_engine *engine, bool alone, uint64_t deadline_us,
                            const atomic_count *is_cancelled, struct error *err)
{
    struct heavy *heavy = &engine->heavy;
    unsigned wait_ms = alone ? HEAVY_ALONE_WAIT_MS : HEAVY_WAIT_MS;
    uint64_t until_us = clock_mono_us(engine->clock) + wait_ms * 1000ULL;
    if (deadline_us != 0 && deadline_us < until_us) {
        until_us = deadline_us;
    }
    while (!has_room(heavy, alone)) {
        if (is_cancelled != NULL && atomic_count_get(is_cancelled) != 0) {
            return error_set(err, ERROR_CANCELLED, "the statement was cancelled");
        }
        if (clock_mono_us(engine->clock) >= until_us) {
            return error_set(err, ERROR_BUSY, "no engine was free within %u ms", wait_ms);
        }
        (void)cond_wait_ms(&heavy->room, &engine->lock, 100);
    }
    return STATUS_IS_OK;
}

status query_enter_heavy(struct query_engine *engine, bool alone, uint64_t deadline_us,
                         const atomic_count *is_cancelled, struct heavy_pass *pass,
                         struct error *err)
{
    struct heavy *heavy = &engine->heavy;
    lock_take(&engine->lock);
    status result;
    if (heavy->waiting_count >= HEAVY_WAITING_MAX) {
        result = error_set(err, ERROR_BUSY, "too many statements are waiting (limit %d)",
                           HEAVY_WAITING_MAX);
    } else {
        heavy->waiting_count++;
        heavy->alone_waiting_count += alone ? 1 : 0;
        result = wait_for_room(engine, alone, deadline_us, is_cancelled, err);
        heavy->alone_waiting_count -= alone ? 1 : 0;
        heavy->waiting_count--;
    }
    if (status_ok(result)) {
        *pass = (struct heavy_pass){.is_alone = alone,
                                    .had_company = heavy->count > 0,
                                    .entry_number = ++heavy->entry_count};
        heavy->count++;
        heavy->is_one_alone = alone;
    }
    cond_broadcast(&heavy->room); /* one less waits to be alone */
    lock_give(&engine->lock);
    return result;
}

void query_leave_heavy(struct query_engine *engine, const struct heavy_pass *pass)
{
    struct heavy *heavy = &engine->heavy;
    lock_take(&engine->lock);
    CHECK(heavy->count > 0);
    CHECK(!pass->is_alone || heavy->count == 1);
    heavy->count--;
    heavy->is_one_alone = false;
    cond_broadcast(&heavy->room);
    lock_give(&engine->lock);
}

/* -- blame --------------------------------------------------------------------------------------
 */

/* Under the lock; NULL: not remembered, or long ago. */
static struct heavy_user *find_user(struct query_engine *engine, uint64_t hash)
{
    uint64_t now_us = clock_mono_us(engine->clock);
    for (unsigned i = 0; i < HEAVY_USERS_MAX; i++) {
        struct heavy_user *user = &engine->heavy.users[i];
        if (user->hash == hash && now_us < user->until_us) {
            return user;
        }
    }
    return NULL;
}

static void remember(struct query_engine *engine, uint64_t hash, bool is_blamed)
{
    struct heavy *heavy = &engine->heavy;
    struct heavy_user *user = find_user(engine, hash);
    if (user == NULL) {
        user = &heavy->users[heavy->user_next++ % HEAVY_USERS_MAX];
    }
    unsigned ms = is_blamed ? HEAVY_BLAME_MS : HEAVY_PAUSE_MS;
    *user = (struct heavy_user){.hash = hash,
                                .until_us = clock_mono_us(engine->clock) + ms * 1000ULL,
                                .is_blamed = is_blamed};
}

enum heavy_verdict query_judge_heavy(struct query_engine *engine, const struct heavy_pass *pass,
                                     str user_id)
{
    uint64_t hash = hash_bytes(user_id);
    enum heavy_verdict verdict = HEAVY_AT_FAULT;
    lock_take(&engine->lock);
    bool had_company = pass->had_company || engine->heavy.entry_count != pass->entry_number;
    const struct heavy_user *user = find_user(engine, hash);
    if (had_company && user != NULL) {
        verdict = user->is_blamed ? HEAVY_AT_FAULT : HEAVY_BUSY;
    } else if (had_company) {
        verdict = HEAVY_RUN_ALONE;
        remember(engine, hash, false);
    }
    lock_give(&engine->lock);
    return verdict;
}

void query_blame_heavy(struct query_engine *engine, str user_id)
{
    lock_take(&engine->lock);
    remember(engine, hash_bytes(user_id), true);
    lock_give(&engine->lock);
}
