/* live/subscription.c -- see subscription.h. */
#include "live/subscription.h"

#include "base/check.h"
#include "base/log.h"
#include "live/live_private.h"
#include "live/outbox.h"

/* -- states -------------------------------------------------------------------------------------
 */

const char *sub_state_name(enum sub_state state)
{
    static const char *const names[] = {"loading", "loading", "loading", "active",
                                        "active",  "resync",  "resync",  "ended"};
    return names[state];
}

#define TO(state) (1u << SUB_##state)

static const unsigned allowed_moves[SUB_STATE_COUNT] = {
    [SUB_PREPARING] = TO(LOADING) | TO(LIVE) | TO(ENDED),
    [SUB_LOADING] = TO(WAITING) | TO(CATCHING_UP) | TO(RESYNC) | TO(ENDED),
    [SUB_WAITING] = TO(LOADING) | TO(ENDED),
    [SUB_CATCHING_UP] = TO(LIVE) | TO(RESYNC) | TO(ENDED),
    [SUB_LIVE] = TO(CATCHING_UP) | TO(RESYNC) | TO(ENDED),
    [SUB_RESYNC] = TO(RELOADING) | TO(ENDED),
    [SUB_RELOADING] = TO(CATCHING_UP) | TO(RESYNC) | TO(ENDED),
    [SUB_ENDED] = 0,
};

static void sub_move(struct live_sub *sub, enum sub_state state)
{
    CHECK((allowed_moves[sub->state] & (1u << state)) != 0);
    log_debug("live", "state", "subscription=%llu from=%d to=%d", (unsigned long long)sub->number,
              (int)sub->state, (int)state);
    sub->state = state;
    if (sub->info != NULL) {
        atomic_count_set(&sub->info->state, (uint64_t)state);
        (void)atomic_count_add(&sub->loop->live->version, 1);
    }
}

static bool is_paged(const struct live_sub *sub)
{
    return sub->request.has_batch_size;
}

/* Loads as change messages: what `from` means to clients that are told of leaves. */
static bool is_replayed(const struct live_sub *sub)
{
    return sub->state == SUB_RELOADING || (sub->request.has_from && sub->request.leaves);
}

/* -- life ---------------------------------------------------------------------------------------
 */

struct live_sub *sub_hold(struct live_sub *sub)
{
    sub->holders++;
    return sub;
}

void sub_give(struct live_sub *sub)
{
    if (--sub->holders == 0) {
        CHECK(sub->state == SUB_ENDED);
        live_plan_give(sub->plan);
        arena_release(&sub->arena);
        mem_free(sub);
    }
}

static struct live_sub *sub_create(struct live_client *client, const struct live_request *request)
{
    struct live_sub *sub = mem_alloc_zeroed(sizeof *sub);
    arena_init(&sub->arena);
    buffer_init(&sub->buffer);
    sub->client = client;
    sub->loop = client->loop;
    sub->holders = 1;
    sub->request = *request;
    sub->request.id = arena_copy(&sub->arena, request->id);
    sub->request.sql = arena_copy(&sub->arena, request->sql);
    sub->request.options_json = arena_copy(&sub->arena, request->options_json);
    sub->id = sub->request.id;
    sub->subscribed_us = clock_wall_us(sub->loop->live->options.clock);
    return sub;
}

static void count_buffer(struct live_sub *sub, size_t before)
{
    atomic_count *total = &sub->loop->live->buffered_bytes;
    if (sub->buffer.bytes >= before) {
        (void)atomic_count_add(total, sub->buffer.bytes - before);
    } else {
        (void)atomic_count_sub(total, before - sub->buffer.bytes);
    }
}

static void clear_buffer(struct live_sub *sub)
{
    size_t before = sub->buffer.bytes;
    buffer_clear(&sub->buffer);
    count_buffer(sub, before);
}

void sub_end(struct live_sub *sub)
{
    if (sub->state == SUB_ENDED) {
        return;
    }
    sub_move(sub, SUB_ENDED);
    struct live_client *client = sub->client;
    if (sub->page != NULL) {
        atomic_count_set(&sub->page->is_cancelled, 1);
        sub->page->owner = NULL;
        sub->page = NULL;
    }
    loop_timer_cancel(sub->loop->loop, &sub->retry);
    client_unblock(sub);
    if (sub->feed != NULL) {
        live_detach(sub);
    }
    if (sub->info != NULL) {
        live_unlist(sub);
    }
    outbox_clear(sub);
    clear_buffer(sub);
    buffer_release(&sub->buffer);
    (void)map_remove(&client->subs, sub->id);
    (void)atomic_count_sub(&sub->loop->live->subscriptions, 1);
    client->ops->counted(client, -1);
    sub->client = NULL;
    sub_give(sub);
}

/* -- errors -------------------------------------------------------------------------------------
 */

static void fail(struct live_sub *sub, const struct live_error *error)
{
    struct live_client *client = sub->client;
    (void)sub_hold(sub);
    log_debug("live", "failed", "subscription=%llu code=%s", (unsigned long long)sub->number,
              live_code_name(error->code));
    sub_end(sub);
    client_tell(client, sub->id, error);
    sub_give(sub);
}

void sub_fail(struct live_sub *sub, enum live_code code, str message)
{
    struct live_error error = live_error_make(code, message);
    fail(sub, &error);
}

static void fail_with(struct live_sub *sub, const struct error *err)
{
    struct arena arena;
    arena_init(&arena);
    struct live_error told = live_error_of(err, sub->client->role, &arena);
    fail(sub, &told);
    arena_release(&arena);
}

/* The same under another code. */
static void fail_as(struct live_sub *sub, enum live_code code, const struct error *err)
{
    struct arena arena;
    arena_init(&arena);
    sub_fail(sub, code, live_error_of(err, sub->client->role, &arena).text);
    arena_release(&arena);
}

/* -- loading ------------------------------------------------------------------------------------
 */

static void page_back(void *argument);

static void run_page(void *argument, unsigned worker)
{
    struct page *page = argument;
    page_run(page, worker);
    loop_post_task(page->loop, &page->task);
}

static void retry_page(void *context);

static void submit_page(struct live_sub *sub, struct page *page)
{
    const struct live_options *options = &sub->loop->live->options;
    page->owner = sub;
    page->engine = options->engine;
    page->catalog = options->catalog;
    page->committer = options->committer;
    page->task.fn = page_back;
    page->task.argument = page;
    page->loop = sub->loop->loop;
    sub->page = page;
    if (!status_ok(options->submit(options->submit_context, run_page, page))) {
        sub->page = NULL;
        page_destroy(page);
        loop_timer_set(sub->loop->loop, &sub->retry, SUB_RETRY_MS, retry_page, sub);
    }
}

static struct live_plan_request plan_request(struct live_sub *sub, struct arena *arena)
{
    const struct live_options *options = &sub->loop->live->options;
    return (struct live_plan_request){.engine = options->engine,
                                      .catalog = options->catalog,
                                      .user_id = arena_copy(arena, sub->client->user_id),
                                      .role = sub->client->role,
                                      .sql = arena_copy(arena, sub->request.sql),
                                      .now_us = sub->subscribed_us};
}

static uint32_t batch_rows(const struct live_sub *sub)
{
    uint32_t rows = !is_paged(sub)                 ? PAGE_ROWS_MAX
                    : sub->request.batch_size == 0 ? PAGE_ROWS_DEFAULT
                                                   : sub->request.batch_size;
    return rows < PAGE_ROWS_MAX ? rows : PAGE_ROWS_MAX;
}

static void start_page(struct live_sub *sub)
{
    if (sub->plan == NULL) {
        struct page *page = page_create(PAGE_PLAN);
        page->plan_request = plan_request(sub, &page->arena);
        submit_page(sub, page);
        return;
    }
    const struct live_request *request = &sub->request;
    bool is_newest = sub->state == SUB_LOADING && !request->has_from && request->has_last_rows;
    enum page_kind kind = is_replayed(sub) ? PAGE_REPLAY : is_newest ? PAGE_NEWEST : PAGE_ROWS;
    struct page *page = page_create(kind);
    page->plan = live_plan_take(sub->plan);
    page->after = sub->page_after;
    page->to = sub->high;
    page->leaves = request->leaves;
    page->is_resume = sub->state == SUB_LOADING && request->has_from && sub->batch_num == 0;
    page->rows_max = kind == PAGE_REPLAY   ? PAGE_REPLAY_ROWS
                     : kind == PAGE_NEWEST ? request->last_rows
                                           : batch_rows(sub);
    page->bytes_max = kind == PAGE_REPLAY ? PAGE_REPLAY_BYTES
                      : is_paged(sub)     ? PAGE_BYTES_PAGED
                                          : PAGE_BYTES_AUTO;
    submit_page(sub, page);
}

static void retry_page(void *context)
{
    start_page(context);
}

static void put_page(struct live_sub *sub, struct page *page)
{
    struct live *live = sub->loop->live;
    (void)atomic_count_add(&live->pages, 1);
    (void)atomic_count_add(&live->rows, page->row_count + page->change_count);
    if (sub->state == SUB_LOADING && sub->batch_num == 0) {
        outbox_put_ack(sub, page->last_seq, page->has_more);
    }
    for (unsigned i = 0; i < page->change_count; i++) {
        outbox_put(sub, page->changes[i].payload);
    }
    page->change_count = 0;
    if (sub->state == SUB_LOADING) {
        outbox_put_batch(sub, buf_str(&page->rows), page->last_seq, page->has_more);
        sub->batch_num++;
    }
    sub->page_after = page->last_seq > 0 ? page->last_seq : page->after;
    sub->page_ended = true;
    sub->page_has_more = page->has_more;
    if (!page->has_more) {
        sub->leave_until = page->view_head;
    }
}

static void take_page(struct live_sub *sub, struct page *page)
{
    if (!status_ok(page->result)) {
        if (page->plan != sub->plan) { /* bound again meanwhile: read it again */
            start_page(sub);
            return;
        }
        if (page->is_bad_row) {
            fail_as(sub, LIVE_CODE_CONVERSION_ERROR, &page->error);
        } else if (sub->state == SUB_LOADING && sub->batch_num > 0) {
            fail_as(sub, LIVE_CODE_BATCH_FETCH_FAILED, &page->error);
        } else {
            fail_with(sub, &page->error);
        }
        return;
    }
    if (page->is_resync) {
        sub_fail(sub, LIVE_CODE_RESYNC,
                 STR_LIT("resync: deletes since this position are not known any more; subscribe "
                         "again without from"));
        return;
    }
    put_page(sub, page);
    sub_pump(sub);
}

static void attach(struct live_sub *sub);

static void take_plan(struct live_sub *sub, struct page *page)
{
    if (!status_ok(page->result)) {
        fail_with(sub, &page->error);
        return;
    }
    sub->plan = live_plan_take(page->plan);
    attach(sub);
}

static void page_back(void *argument)
{
    struct page *page = argument;
    struct live_sub *sub = page->owner;
    if (sub != NULL) {
        sub->page = NULL;
        (void)sub_hold(sub);
        if (page->kind == PAGE_PLAN) {
            take_plan(sub, page);
        } else {
            take_page(sub, page);
        }
        sub_give(sub);
    }
    page_destroy(page);
}

/* -- pumping ------------------------------------------------------------------------------------
 */

static void enter_resync(struct live_sub *sub)
{
    clear_buffer(sub);
    sub->is_lost = false;
    (void)atomic_count_add(&sub->loop->live->resyncs, 1);
    log_info("live", "resync", "subscription=%llu table=" STR_FMT "." STR_FMT,
             (unsigned long long)sub->number, STR(sub->plan->namespace_name),
             STR(sub->plan->table_name));
    sub_move(sub, SUB_RESYNC);
    live_later(sub);
}

static void start_reload(struct live_sub *sub)
{
    if (sub->lost_row_id) {
        sub_fail(sub, LIVE_CODE_RESYNC,
                 STR_LIT("resync: the connection is too slow, and deletes of a STREAM table were "
                         "lost; subscribe again"));
        return;
    }
    sub_move(sub, SUB_RELOADING);
    sub->leave_until = UINT64_MAX;
    sub->page_after = sub->done_seq;
    sub->high = live_high(sub->loop->live);
    start_page(sub);
}

/* All messages of a page are sent. */
static void after_page(struct live_sub *sub)
{
    sub->page_ended = false;
    if (sub->page_has_more && sub->state == SUB_LOADING && is_paged(sub)) {
        sub_move(sub, SUB_WAITING);
        return;
    }
    if (sub->page_has_more) {
        start_page(sub);
        return;
    }
    sub->done_seq = sub->high;
    if (sub->is_lost) {
        enter_resync(sub);
    } else {
        sub_move(sub, SUB_CATCHING_UP);
    }
}

/* Sends buffered changes, a turn's worth at most. */
static void send_buffer(struct live_sub *sub)
{
    for (unsigned sent = 0; sub->buffer.count > 0; sent++) {
        if (sent >= LIVE_TURN_SENDS) {
            live_later(sub);
            return;
        }
        size_t before = sub->buffer.bytes;
        struct buffer_entry *entry = buffer_pop(&sub->buffer);
        count_buffer(sub, before);
        outbox_put_change(sub, entry);
        sub->done_seq = entry->seq; /* the outbox is sent before anything else */
        buffer_entry_free(entry);
        if (sub->buffer.count > 0) {
            sub->client->ops->cork(sub->client);
        }
        if (!outbox_send(sub)) {
            return;
        }
    }
    sub_move(sub, SUB_LIVE);
}

void sub_pump(struct live_sub *sub)
{
    if (sub->state == SUB_ENDED || sub->is_blocked) {
        return;
    }
    if (sub->state == SUB_PREPARING) {
        if (sub->plan != NULL && sub->feed == NULL) {
            attach(sub);
        }
        return;
    }
    if (!outbox_send(sub)) {
        return;
    }
    if (sub->page_ended) {
        after_page(sub);
    }
    if (sub->state == SUB_CATCHING_UP) {
        send_buffer(sub);
    } else if (sub->state == SUB_RESYNC && !sub->is_ready) {
        start_reload(sub);
    }
}

void sub_next_batch(struct live_sub *sub, bool has_after, uint64_t after)
{
    if (!is_paged(sub)) {
        return; /* the server continues by itself */
    }
    if (sub->state == SUB_WAITING) {
        /* `last_seq_id` is a JSON number: clients that keep numbers as doubles echo it rounded. */
        bool is_ours = has_after && (double)after == (double)sub->page_after;
        sub->page_after = is_ours ? sub->page_after : has_after ? after : 0;
        sub_move(sub, SUB_LOADING);
        start_page(sub);
    } else if (sub->state == SUB_LOADING) {
        client_tell_error(sub->client, sub->id, LIVE_CODE_BATCH_FETCH_FAILED,
                          STR_LIT("the batch before this one is still being loaded"));
    } else if (sub->state != SUB_PREPARING) {
        outbox_put_batch(sub, (str){0}, 0, false);
        sub->batch_num++;
        sub_pump(sub);
    }
}

/* -- beginning ----------------------------------------------------------------------------------
 */

static void start(struct live_sub *sub)
{
    live_list(sub);
    sub->done_seq = sub->high;
    if (!sub->request.has_options) {
        outbox_put_ack(sub, 0, false);
        sub_move(sub, SUB_LIVE);
        sub_pump(sub);
        return;
    }
    sub->page_after = sub->request.has_from ? sub->request.from : 0;
    sub->leave_until = sub->request.has_from ? UINT64_MAX : 0;
    sub_move(sub, SUB_LOADING);
    start_page(sub);
}

static void attach(struct live_sub *sub)
{
    if (live_attach(sub)) {
        start(sub);
    } else if (sub->state != SUB_ENDED) {
        live_later(sub);
    }
}

void sub_open(struct live_client *client, const struct live_request *request)
{
    struct live *live = client->loop->live;
    struct live_sub *sub = sub_create(client, request);
    (void)map_put(&client->subs, sub->id, sub);
    atomic_count_raise(&live->subscriptions_peak, atomic_count_add(&live->subscriptions, 1) + 1);
    (void)atomic_count_add(&live->subscribed, 1);
    client->ops->counted(client, 1);
    const struct live_plan_request wanted = plan_request(sub, &sub->arena);
    struct error err = {0};
    status result = live_plan_create(&wanted, &sub->plan, &err);
    (void)sub_hold(sub);
    if (status_ok(result)) {
        attach(sub);
    } else if (err.id == ERROR_NONE) {
        start_page(sub); /* the schema is not in memory */
    } else {
        fail_with(sub, &err);
    }
    sub_give(sub);
}

bool sub_rebind(struct live_sub *sub)
{
    struct arena arena;
    struct error err = {0};
    struct live_plan *plan = NULL;
    arena_init(&arena);
    struct live_plan_request wanted = plan_request(sub, &arena);
    wanted.may_block = true; /* one small record that the same process has just written */
    status result = live_plan_create(&wanted, &plan, &err);
    bool is_same = status_ok(result) && plan->table.v == sub->plan->table.v;
    if (is_same) {
        live_plan_give(sub->plan);
        sub->plan = plan;
    } else if (status_ok(result)) {
        live_plan_give(plan);
        err.id = ERROR_TABLE_NOT_FOUND;
        (void)snprintf(err.text, sizeof err.text, STR_FMT "." STR_FMT,
                       STR(sub->plan->namespace_name), STR(sub->plan->table_name));
    }
    arena_release(&arena);
    if (!is_same) {
        fail_with(sub, &err);
    }
    return is_same;
}

/* -- changes ------------------------------------------------------------------------------------
 */

enum verdict { VERDICT_SKIP, VERDICT_TELL, VERDICT_LEAVE, VERDICT_ERROR };

static enum verdict judge(struct live_sub *sub, struct error *err)
{
    struct live_loop *loop = sub->loop;
    struct feed *feed = sub->feed;
    bool matches = false;
    if (!status_ok(feed->row_status)) {
        *err = feed->row_error;
        return VERDICT_ERROR;
    }
    (void)atomic_count_add(&loop->live->checks, 1);
    arena_reset(&loop->scratch);
    if (!status_ok(live_plan_matches(sub->plan, feed->row, &loop->scratch, &matches, err))) {
        return VERDICT_ERROR;
    }
    if (matches) {
        return VERDICT_TELL;
    }
    if (!sub->request.leaves) {
        return VERDICT_SKIP;
    }
    if (feed->change->seq <= sub->leave_until) {
        return VERDICT_LEAVE;
    }
    const struct value *old = feed_old(feed, loop->live->options.catalog);
    if (old == NULL) { /* not at hand, or there was none: the client may have had it */
        return feed->change->op == CHANGE_INSERT ? VERDICT_SKIP : VERDICT_LEAVE;
    }
    if (!status_ok(live_plan_matches(sub->plan, old, &loop->scratch, &matches, err))) {
        return VERDICT_ERROR;
    }
    return matches ? VERDICT_LEAVE : VERDICT_SKIP;
}

static enum event_kind kind_of(const struct live_sub *sub, enum verdict verdict)
{
    if (verdict == VERDICT_LEAVE) {
        return EVENT_LEAVE;
    }
    switch (sub->feed->change->op) {
    case CHANGE_DELETE:
        return EVENT_DELETE;
    case CHANGE_UPDATE:
        return sub->plan->kind == TABLE_STREAM ? EVENT_INSERT : EVENT_UPDATE;
    case CHANGE_INSERT:
        break;
    }
    return EVENT_INSERT;
}

static void note_lost(struct live_sub *sub, const struct change *change)
{
    sub->lost_row_id =
        sub->lost_row_id || (sub->plan->kind == TABLE_STREAM && change->op == CHANGE_DELETE);
}

static bool has_lost_row_id(const struct live_sub *sub)
{
    for (const struct buffer_entry *e = sub->buffer.first; e != NULL; e = e->next) {
        if (sub->plan->kind == TABLE_STREAM && e->op == CHANGE_DELETE) {
            return true;
        }
    }
    return sub->lost_row_id;
}

void sub_lost(struct live_sub *sub)
{
    sub->lost_row_id = has_lost_row_id(sub);
    switch (sub->state) {
    case SUB_LOADING:
    case SUB_WAITING:
    case SUB_RELOADING:
        sub->is_lost = true;
        clear_buffer(sub);
        break;
    case SUB_LIVE:
    case SUB_CATCHING_UP:
        enter_resync(sub);
        break;
    case SUB_PREPARING:
    case SUB_RESYNC:
    case SUB_ENDED:
    case SUB_STATE_COUNT:
        break;
    }
}

static void keep_change(struct live_sub *sub, bool leaves)
{
    struct live *live = sub->loop->live;
    size_t before = sub->buffer.bytes;
    if (buffer_add(&sub->buffer, sub->feed->change, leaves)) {
        (void)atomic_count_add(&live->coalesced, 1);
    }
    count_buffer(sub, before);
    if (sub->buffer.bytes > SUB_BUFFER_BYTES_MAX || sub->buffer.count > SUB_BUFFER_ENTRIES_MAX ||
        atomic_count_get(&live->buffered_bytes) > SUB_BUFFERS_BYTES_MAX) {
        sub_lost(sub);
    }
}

/* A row that cannot be written as JSON is told as an error; the subscription goes on. */
static void tell_bad_row(struct live_sub *sub, const struct error *err)
{
    char text[ERROR_TEXT_MAX + 64];
    (void)snprintf(text, sizeof text, "row version %llu: %s",
                   (unsigned long long)sub->feed->change->seq, err->text);
    client_tell_error(sub->client, sub->id, LIVE_CODE_CONVERSION_ERROR, str_from(text));
}

static bool send_change(struct live_sub *sub, enum verdict verdict)
{
    struct live_client *client = sub->client;
    uint64_t seq = sub->feed->change->seq;
    struct payload *payload = NULL;
    struct error err;
    if (!status_ok(feed_payload(sub->feed, sub->loop->live->options.catalog, sub->shape,
                                kind_of(sub, verdict), &payload, &err))) {
        tell_bad_row(sub, &err);
        sub->done_seq = seq;
        return true;
    }
    if (sub->is_blocked || client->ops->send(client, sub->id, payload).code == STATUS_FULL) {
        sub->done_seq = seq - 1; /* all before it was told, or did not concern the client */
        sub_move(sub, SUB_CATCHING_UP);
        client_block(sub);
        keep_change(sub, verdict == VERDICT_LEAVE);
        return false;
    }
    sub->done_seq = seq;
    outbox_note_event(sub);
    return true;
}

bool sub_change(struct live_sub *sub)
{
    const struct change *change = sub->feed->change;
    if (change->seq <= sub->high) {
        return false;
    }
    if (sub->state == SUB_RESYNC || sub->is_lost) {
        note_lost(sub, change);
        return false;
    }
    struct error err;
    enum verdict verdict = judge(sub, &err);
    switch (verdict) {
    case VERDICT_SKIP:
        sub->done_seq = sub->state == SUB_LIVE ? change->seq : sub->done_seq;
        return false;
    case VERDICT_ERROR:
        fail_as(sub, LIVE_CODE_SUBSCRIPTION_FAILED, &err);
        return true;
    case VERDICT_TELL:
    case VERDICT_LEAVE:
        break;
    }
    if (sub->state == SUB_LIVE) {
        return send_change(sub, verdict);
    }
    keep_change(sub, verdict == VERDICT_LEAVE);
    return false;
}
