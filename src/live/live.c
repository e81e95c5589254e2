/* live/live.c -- the registry, the inboxes, and the telling of changes. See live.h.
 *
 * A loop works on one change at a time: `telling` is its feed, `told` the subscriptions that may
 * match, and after LIVE_TURN_SENDS messages other sockets get a turn. So every subscription sees
 * the changes in commit order.
 *
 * Which events a new subscription gets: `last_seq` and the registry change under one lock. Who is
 * in the registry gets every set after it was put there; H = the last set before. */
#include "live/live.h"

#include "base/check.h"
#include "base/log.h"
#include "base/metric.h"
#include "live/live_private.h"
#include "store/keys.h"

/* -- life ---------------------------------------------------------------------------------------
 */

struct live *live_create(const struct live_options *options)
{
    struct live *live = mem_alloc_zeroed(sizeof *live);
    live->options = *options;
    lock_init(&live->lock, LOCK_LIVE);
    map_init(&live->watches);
    buf_init(&live->key);
    live->last_seq = commit_published_seq(options->committer);
    return live;
}

static void take_inbox(void *argument);
static void go_on(void *argument);

struct live_loop *live_add_loop(struct live *live, struct loop *loop)
{
    struct live_loop *l = mem_alloc_zeroed(sizeof *l);
    l->live = live;
    l->loop = loop;
    l->inbox_task = (struct loop_task){.fn = take_inbox, .argument = l};
    l->again_task = (struct loop_task){.fn = go_on, .argument = l};
    map_init(&l->feeds);
    map_init(&l->subs);
    buf_init(&l->key);
    arena_init(&l->scratch);
    lock_take(&live->lock);
    CHECK(live->loop_count < LIVE_LOOPS_MAX);
    l->number = live->loop_count;
    live->loops[live->loop_count++] = l;
    lock_give(&live->lock);
    return l;
}

static void item_free(struct inbox_item *item)
{
    change_set_give(item->set);
    mem_free(item);
}

static void free_items(struct inbox_item *item)
{
    while (item != NULL) {
        struct inbox_item *next = item->next;
        item_free(item);
        item = next;
    }
}

static void drop_told(struct live_loop *l)
{
    for (; l->told_next < l->told_count; l->told_next++) {
        sub_give(l->told[l->told_next]);
    }
}

static void drop_ready(struct live_loop *l)
{
    while (l->ready != NULL) {
        struct live_sub *sub = l->ready;
        l->ready = sub->ready_next;
        sub_give(sub);
    }
}

static void free_loop(struct live_loop *l)
{
    CHECK(l->subs.count == 0);
    drop_told(l);
    drop_ready(l);
    if (l->telling != NULL && l->telling->sub_count == 0) {
        feed_end(l->telling);
        feed_destroy(l->telling);
    }
    free_items(l->inbox);
    free_items(l->work);
    map_release(&l->feeds);
    map_release(&l->subs);
    buf_release(&l->key);
    arena_release(&l->scratch);
    mem_free(l->told);
    mem_free(l);
}

void live_destroy(struct live *live)
{
    if (live == NULL) {
        return;
    }
    for (unsigned i = 0; i < live->loop_count; i++) {
        free_loop(live->loops[i]);
    }
    size_t at = 0;
    str key;
    void *watch = NULL;
    while (map_next(&live->watches, &at, &key, &watch)) {
        mem_free(watch);
    }
    map_release(&live->watches);
    buf_release(&live->key);
    lock_release(&live->lock);
    mem_free(live);
}

/* -- inboxes: any thread, under the lock ---------------------------------------------------------
 */

/* Posts under the lock: a loop that has left the registry is never posted to. A loop's own lock is
 * further down. */
static void inbox_add(struct live_loop *l, const struct inbox_item *what)
{
    struct inbox_item *item = mem_copy(what, sizeof *what);
    *(l->inbox_last != NULL ? &l->inbox_last->next : &l->inbox) = item;
    l->inbox_last = item;
    l->inbox_bytes += item->bytes;
    if (!l->inbox_is_posted) {
        l->inbox_is_posted = true;
        loop_post_task(l->loop, &l->inbox_task);
    }
}

static size_t set_bytes(const struct change_set *set)
{
    size_t bytes = sizeof *set + set->count * sizeof *set->changes;
    for (unsigned i = 0; i < set->count; i++) {
        bytes += set->changes[i].new_row.n + set->changes[i].old_row.n;
    }
    return bytes;
}

static void inbox_add_set(struct live_loop *l, struct change_set *set, size_t bytes)
{
    if (l->inbox_overflowed || l->inbox_bytes > LIVE_INBOX_BYTES_MAX) {
        l->inbox_overflowed = true; /* its subscriptions will read again */
        return;
    }
    const struct inbox_item item = {.kind = INBOX_CHANGES,
                                    .set = change_set_take(set),
                                    .bytes = bytes,
                                    .told_us = clock_mono_us(l->live->options.clock)};
    inbox_add(l, &item);
}

/* NULL: nobody watches. Under the lock. */
static const struct watch *find_watch(struct live *live, table_id table, str partition)
{
    buf_clear(&live->key);
    feed_append_key(&live->key, table, partition);
    return map_find(&live->watches, buf_str(&live->key));
}

bool live_is_watched(void *context, table_id table, str partition)
{
    struct live *live = context;
    lock_take(&live->lock);
    bool is_watched = find_watch(live, table, partition) != NULL;
    lock_give(&live->lock);
    return is_watched;
}

void live_after(void *context, struct change_set *set)
{
    struct live *live = context;
    lock_take(&live->lock);
    live->last_seq = set->last_seq;
    const struct watch *watch = find_watch(live, set->table, set->partition);
    if (watch != NULL) {
        size_t bytes = set_bytes(set);
        for (unsigned i = 0; i < live->loop_count; i++) {
            if (watch->feeds[i] > 0) {
                inbox_add_set(live->loops[i], set, bytes);
            }
        }
    }
    lock_give(&live->lock);
}

void live_table_changed(struct live *live, table_id id, bool is_dropped)
{
    const struct inbox_item item = {.kind = INBOX_TABLE, .table = id, .is_dropped = is_dropped};
    lock_take(&live->lock);
    for (unsigned i = 0; i < live->loop_count; i++) {
        if (live->loops[i]->feed_count > 0) {
            inbox_add(live->loops[i], &item);
        }
    }
    lock_give(&live->lock);
}

status live_kill(struct live *live, str live_id, struct error *err)
{
    bool is_found = false;
    lock_take(&live->lock);
    for (struct live_info *info = live->infos; info != NULL; info = info->next) {
        if (str_eq(info->live_id, live_id)) {
            const struct inbox_item item = {.kind = INBOX_KILL, .number = info->number};
            inbox_add(info->loop, &item);
            is_found = true;
        }
    }
    lock_give(&live->lock);
    return is_found ? STATUS_IS_OK
                    : error_set(err, ERROR_NOT_FOUND, "Live query '" STR_FMT "'", STR(live_id));
}

/* -- the registry: the loop's thread -------------------------------------------------------------
 */

uint64_t live_high(struct live *live)
{
    lock_take(&live->lock);
    uint64_t high = live->last_seq;
    lock_give(&live->lock);
    uint64_t published = commit_published_seq(live->options.committer);
    return published > high ? published : high;
}

static void watch_feed(struct live_loop *l, str key)
{
    struct live *live = l->live;
    lock_take(&live->lock);
    struct watch *watch = map_find(&live->watches, key);
    if (watch == NULL) {
        watch = mem_alloc_zeroed(sizeof *watch);
        (void)map_put(&live->watches, key, watch);
        (void)atomic_count_add(live->options.watchers, 1);
    }
    watch->feeds[l->number]++;
    watch->total++;
    l->feed_count++;
    lock_give(&live->lock);
}

static void unwatch_feed(struct live_loop *l, str key)
{
    struct live *live = l->live;
    lock_take(&live->lock);
    struct watch *watch = map_find(&live->watches, key);
    watch->feeds[l->number]--;
    l->feed_count--;
    if (--watch->total == 0) {
        (void)map_remove(&live->watches, key);
        (void)atomic_count_sub(live->options.watchers, 1);
        mem_free(watch);
    }
    lock_give(&live->lock);
}

/* -- feeds: the loop's thread --------------------------------------------------------------------
 */

static void feed_add(struct feed *feed, struct live_sub *sub)
{
    sub->feed = feed;
    sub->shape = feed_take_shape(feed, sub->plan);
    if (sub->plan->has_equality) {
        index_add(&feed->index, sub->plan->equality_column, sub->plan->equality_key, &sub->place);
    } else {
        index_add_rest(&feed->index, &sub->place);
    }
    sub->feed_prev = NULL;
    sub->feed_next = feed->subs;
    if (feed->subs != NULL) {
        feed->subs->feed_prev = sub;
    }
    feed->subs = sub;
    feed->sub_count++;
    feed->leaves_count += sub->request.leaves ? 1 : 0;
}

static void feed_remove(struct feed *feed, struct live_sub *sub)
{
    index_remove(&feed->index, &sub->place);
    feed_give_shape(feed, sub->shape);
    *(sub->feed_prev != NULL ? &sub->feed_prev->feed_next : &feed->subs) = sub->feed_next;
    if (sub->feed_next != NULL) {
        sub->feed_next->feed_prev = sub->feed_prev;
    }
    feed->sub_count--;
    feed->leaves_count -= sub->request.leaves ? 1 : 0;
    sub->feed = NULL;
    sub->shape = NULL;
    sub->feed_next = sub->feed_prev = NULL;
}

/* Nobody watches any more. The feed of the change at hand stays until that is told. */
static void drop_feed(struct live_loop *l, struct feed *feed)
{
    if (feed->sub_count > 0 || l->telling == feed) {
        return;
    }
    unwatch_feed(l, feed->key);
    (void)map_remove(&l->feeds, feed->key);
    feed_destroy(feed);
}

void live_detach(struct live_sub *sub)
{
    struct feed *feed = sub->feed;
    feed_remove(feed, sub);
    drop_feed(sub->loop, feed);
}

/* All subscriptions of the feed, held, in an array that the caller frees. */
static struct live_sub **hold_all(struct feed *feed, unsigned *count)
{
    struct live_sub **all = mem_alloc((feed->sub_count + 1) * sizeof(struct live_sub *));
    *count = 0;
    for (struct live_sub *sub = feed->subs; sub != NULL; sub = sub->feed_next) {
        all[(*count)++] = sub_hold(sub);
    }
    return all;
}

/* The table has another schema or other rights: everyone is bound again, or is told why not. */
static void rebind_feed(struct live_loop *l, struct feed *feed)
{
    unsigned count = 0;
    struct live_sub **all = hold_all(feed, &count);
    struct schema *newest = NULL;
    for (unsigned i = 0; i < count; i++) {
        feed_remove(feed, all[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        if (sub_rebind(all[i]) &&
            (newest == NULL || newest->version < all[i]->plan->schema->version)) {
            newest = all[i]->plan->schema;
        }
    }
    if (newest != NULL) {
        feed_set_schema(feed, newest);
    }
    for (unsigned i = 0; i < count; i++) {
        if (all[i]->state != SUB_ENDED) {
            feed_add(feed, all[i]);
        }
        sub_give(all[i]);
    }
    mem_free(all);
    drop_feed(l, feed);
}

bool live_attach(struct live_sub *sub)
{
    struct live_loop *l = sub->loop;
    buf_clear(&l->key);
    feed_append_key(&l->key, sub->plan->table, sub->plan->partition);
    struct feed *feed = map_find(&l->feeds, buf_str(&l->key));
    if (feed == NULL) {
        feed = feed_create(buf_str(&l->key), sub->plan->schema);
        (void)map_put(&l->feeds, feed->key, feed);
        watch_feed(l, feed->key);
    }
    if (sub->plan->schema->version > feed->schema->version) {
        if (l->telling == feed) {
            return false;
        }
        rebind_feed(l, feed); /* the news of the ALTER is still in the inbox */
        return live_attach(sub);
    }
    if (sub->plan->schema->version < feed->schema->version) {
        return sub_rebind(sub) && live_attach(sub);
    }
    feed_add(feed, sub);
    sub->high = live_high(l->live);
    return true;
}

/* -- the news of a loop -------------------------------------------------------------------------
 */

static void table_news(struct live_loop *l, const struct inbox_item *item)
{
    struct feed **feeds = mem_alloc((l->feeds.count + 1) * sizeof(struct feed *));
    unsigned count = 0;
    size_t at = 0;
    str key;
    void *value = NULL;
    while (map_next(&l->feeds, &at, &key, &value)) {
        struct feed *feed = value;
        if (feed->table.v == item->table.v) {
            feeds[count++] = feed;
        }
    }
    for (unsigned i = 0; i < count; i++) { /* a dropped table is not found when binding */
        rebind_feed(l, feeds[i]);
    }
    mem_free(feeds);
}

static void kill_one(struct live_loop *l, uint64_t number)
{
    struct live_sub *sub = map_find(&l->subs, str_of(&number, sizeof number));
    if (sub != NULL) {
        sub_fail(sub, LIVE_CODE_SUBSCRIPTION_FAILED, STR_LIT("the live query was killed"));
    }
}

/* Changes were left out of the inbox. */
static void lose_all(struct live_loop *l)
{
    size_t at = 0;
    str key;
    void *value = NULL;
    log_warn("live", "inbox_overflow", "loop=%u subscriptions=%zu", l->number, l->subs.count);
    while (map_next(&l->subs, &at, &key, &value)) {
        sub_lost(value);
    }
}

/* -- telling ------------------------------------------------------------------------------------
 */

static struct live_sub *sub_of(struct index_place *place)
{
    return (struct live_sub *)(void *)((char *)place - offsetof(struct live_sub, place));
}

static void tell_bucket(void *context, const struct index_bucket *bucket)
{
    struct live_loop *l = context;
    l->told = mem_grow(l->told, &l->told_capacity, l->told_count + bucket->count,
                       sizeof(struct live_sub *));
    for (size_t i = 0; i < bucket->count; i++) {
        l->told[l->told_count++] = sub_hold(sub_of(bucket->places[i]));
    }
}

static void tell_everyone(struct live_loop *l, struct feed *feed)
{
    for (struct live_sub *sub = feed->subs; sub != NULL; sub = sub->feed_next) {
        l->told =
            mem_grow(l->told, &l->told_capacity, l->told_count + 1, sizeof(struct live_sub *));
        l->told[l->told_count++] = sub_hold(sub);
    }
}

/* Finds out who may match the change. */
static void begin_change(struct live_loop *l, struct feed *feed, const struct change_set *set,
                         const struct change *change)
{
    struct catalog *catalog = l->live->options.catalog;
    l->telling = feed;
    l->told_count = l->told_next = 0;
    feed_begin(feed, catalog, set, change);
    if (!status_ok(feed->row_status)) {
        log_error("live", "row_unreadable", "table=%u seq=%llu reason=\"%s\"", set->table.v,
                  (unsigned long long)change->seq, feed->row_error.text);
        tell_everyone(l, feed);
        return;
    }
    const struct value *before = feed->leaves_count > 0 ? feed_old(feed, catalog) : NULL;
    index_find(&feed->index, feed->row, before, tell_bucket, l);
}

static void end_change(struct live_loop *l)
{
    struct feed *feed = l->telling;
    l->telling = NULL;
    feed_end(feed);
    drop_feed(l, feed);
}

static void drop_work(struct live_loop *l)
{
    struct inbox_item *item = l->work;
    l->work = item->next;
    l->work_change = 0;
    item_free(item);
}

static struct feed *feed_of(struct live_loop *l, const struct change_set *set)
{
    buf_clear(&l->key);
    feed_append_key(&l->key, set->table, set->partition);
    return map_find(&l->feeds, buf_str(&l->key));
}

/* The next change or other news of the list at hand. */
static void next_work(struct live_loop *l)
{
    const struct inbox_item *item = l->work;
    switch (item->kind) {
    case INBOX_TABLE:
        table_news(l, item);
        drop_work(l);
        return;
    case INBOX_KILL:
        kill_one(l, item->number);
        drop_work(l);
        return;
    case INBOX_CHANGES:
        break;
    }
    if (l->work_change == 0) {
        metric_observe(METRIC_LIVE_LAG, 0, 0,
                       clock_mono_us(l->live->options.clock) - item->told_us);
    }
    struct feed *feed = l->work_change < item->set->count ? feed_of(l, item->set) : NULL;
    if (feed == NULL) {
        drop_work(l);
        return;
    }
    const struct change *change = &item->set->changes[l->work_change++];
    begin_change(l, feed, item->set, change);
}

static bool take_work(struct live_loop *l)
{
    struct live *live = l->live;
    lock_take(&live->lock);
    bool has_overflowed = l->inbox_overflowed;
    l->work = l->inbox;
    l->inbox = l->inbox_last = NULL;
    l->inbox_bytes = 0;
    l->inbox_overflowed = false;
    lock_give(&live->lock);
    if (has_overflowed) {
        lose_all(l);
    }
    return l->work != NULL;
}

static bool more_follows(const struct live_loop *l)
{
    return l->work != NULL && (l->work->next != NULL || (l->work->kind == INBOX_CHANGES &&
                                                         l->work_change < l->work->set->count));
}

static void tell_next(struct live_loop *l, unsigned *sends, unsigned *checks)
{
    struct live_sub *sub = l->told[l->told_next++];
    if (sub->state != SUB_ENDED && sub->feed == l->telling) {
        if (more_follows(l)) {
            sub->client->ops->cork(sub->client);
        }
        *sends += sub_change(sub) ? 1 : 0;
        *checks += 1;
    }
    sub_give(sub);
}

static void post_again(struct live_loop *l)
{
    if (!l->again_is_posted) {
        l->again_is_posted = true;
        loop_post_task(l->loop, &l->again_task);
    }
}

/* A turn's worth of what there is to tell. */
static void work(struct live_loop *l)
{
    unsigned sends = 0;
    unsigned checks = 0;
    while (sends < LIVE_TURN_SENDS && checks < LIVE_TURN_CHECKS) {
        if (l->told_next < l->told_count) {
            tell_next(l, &sends, &checks);
        } else if (l->telling != NULL) {
            end_change(l);
        } else if (l->work != NULL || take_work(l)) {
            next_work(l);
            checks++;
        } else {
            return;
        }
    }
    post_again(l);
}

/* Only here the task is free to be posted again: the inbox may have been emptied before by go_on,
 * while the task still waited. */
static void take_inbox(void *argument)
{
    struct live_loop *l = argument;
    lock_take(&l->live->lock);
    l->inbox_is_posted = false;
    lock_give(&l->live->lock);
    work(l);
}

static void pump_ready(struct live_loop *l)
{
    struct live_sub *sub = l->ready;
    l->ready = l->ready_last = NULL;
    while (sub != NULL) {
        struct live_sub *next = sub->ready_next;
        sub->ready_next = NULL;
        sub->is_ready = false;
        sub_pump(sub);
        sub_give(sub);
        sub = next;
    }
}

static void go_on(void *argument)
{
    struct live_loop *l = argument;
    l->again_is_posted = false;
    pump_ready(l);
    work(l);
}

void live_later(struct live_sub *sub)
{
    struct live_loop *l = sub->loop;
    if (sub->is_ready) {
        return;
    }
    sub->is_ready = true;
    (void)sub_hold(sub);
    *(l->ready_last != NULL ? &l->ready_last->ready_next : &l->ready) = sub;
    l->ready_last = sub;
    post_again(l);
}

/* -- system.live --------------------------------------------------------------------------------
 */

void live_list(struct live_sub *sub)
{
    struct live *live = sub->loop->live;
    struct live_info *info = mem_alloc_zeroed(sizeof *info);
    const struct live_client *client = sub->client;
    struct arena *a = &info->arena;
    arena_init(a);
    info->loop = sub->loop;
    info->live_id = arena_format(a, STR_FMT "-" STR_FMT "-" STR_FMT, STR(client->user_id),
                                 STR(client->connection_id), STR(sub->id));
    info->connection_id = arena_copy(a, client->connection_id);
    info->subscription_id = arena_copy(a, sub->id);
    info->namespace_name = arena_copy(a, sub->plan->namespace_name);
    info->table_name = arena_copy(a, sub->plan->table_name);
    info->user_id = arena_copy(a, client->user_id);
    info->query = arena_copy(a, sub->request.sql);
    info->options_json = arena_copy(a, sub->request.options_json);
    info->created_us = sub->subscribed_us;
    atomic_count_set(&info->state, (uint64_t)sub->state);
    atomic_count_set(&info->last_update_us, (uint64_t)sub->subscribed_us);
    atomic_count_set(&info->last_ping_us, (uint64_t)sub->subscribed_us);
    sub->info = info;
    lock_take(&live->lock);
    sub->number = info->number = ++live->next_number;
    info->next = live->infos;
    if (live->infos != NULL) {
        live->infos->prev = info;
    }
    live->infos = info;
    (void)atomic_count_add(&live->version, 1);
    lock_give(&live->lock);
    (void)map_put(&sub->loop->subs, str_of(&sub->number, sizeof sub->number), sub);
}

void live_unlist(struct live_sub *sub)
{
    struct live *live = sub->loop->live;
    struct live_info *info = sub->info;
    sub->info = NULL;
    (void)map_remove(&sub->loop->subs, str_of(&sub->number, sizeof sub->number));
    lock_take(&live->lock);
    *(info->prev != NULL ? &info->prev->next : &live->infos) = info->next;
    if (info->next != NULL) {
        info->next->prev = info->prev;
    }
    (void)atomic_count_add(&live->version, 1);
    lock_give(&live->lock);
    arena_release(&info->arena);
    mem_free(info);
}

enum { LIVE_COLUMNS = 14 };

static void fill_row(const struct live_info *info, struct arena *a, struct value *row)
{
    const str texts[] = {info->live_id,        info->connection_id, info->subscription_id,
                         info->namespace_name, info->table_name,    info->user_id,
                         info->query};
    unsigned n = 0;
    for (; n < sizeof texts / sizeof texts[0]; n++) {
        row[n] = value_text(arena_copy(a, texts[n]));
    }
    row[n] = value_text(arena_copy(a, info->options_json));
    row[n].type = type_of(TYPE_JSON);
    row[n].is_null = info->options_json.n == 0;
    n++;
    row[n++] = value_text(str_from(sub_state_name((enum sub_state)atomic_count_get(&info->state))));
    row[n++] = value_int(TYPE_TIMESTAMP, info->created_us);
    row[n++] = value_int(TYPE_TIMESTAMP, (int64_t)atomic_count_get(&info->last_update_us));
    row[n++] = value_int(TYPE_BIGINT, (int64_t)atomic_count_get(&info->changes));
    row[n++] = value_int(TYPE_BIGINT, 1);
    row[n++] = value_int(TYPE_TIMESTAMP, (int64_t)atomic_count_get(&info->last_ping_us));
    CHECK(n == LIVE_COLUMNS);
}

/* Copied under the lock, handed over without it. */
status live_rows(struct live *live, struct arena *arena, const struct row_sink *sink,
                 struct error *err)
{
    struct value *rows = NULL;
    size_t count = 0;
    size_t capacity = 0;
    lock_take(&live->lock);
    for (const struct live_info *info = live->infos; info != NULL; info = info->next) {
        rows = mem_grow(rows, &capacity, (count + 1) * LIVE_COLUMNS, sizeof *rows);
        fill_row(info, arena, rows + count * LIVE_COLUMNS);
        count++;
    }
    lock_give(&live->lock);
    status result = STATUS_IS_OK;
    for (size_t i = 0; i < count && status_ok(result); i++) {
        result = sink->row(sink->context, rows + i * LIVE_COLUMNS, err);
    }
    mem_free(rows);
    return result;
}

uint64_t live_version(struct live *live)
{
    return 1 + atomic_count_get(&live->version);
}

void live_statistics_get(struct live *live, struct live_statistics *out)
{
    *out =
        (struct live_statistics){.subscriptions = atomic_count_get(&live->subscriptions),
                                 .subscriptions_peak = atomic_count_get(&live->subscriptions_peak),
                                 .subscribed = atomic_count_get(&live->subscribed),
                                 .events = atomic_count_get(&live->events),
                                 .coalesced = atomic_count_get(&live->coalesced),
                                 .resyncs = atomic_count_get(&live->resyncs),
                                 .pages = atomic_count_get(&live->pages),
                                 .rows = atomic_count_get(&live->rows),
                                 .buffered_bytes = atomic_count_get(&live->buffered_bytes),
                                 .checks = atomic_count_get(&live->checks)};
}
