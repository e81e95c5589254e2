/* tests/unit/live/watchers.c -- see watchers.h. */
#include "watchers.h"
#include "test.h"
#include "wire/json.h"

/* -- the world ----------------------------------------------------------------------------------
 */

static status keep_page(void *context, pool_task_fn *task, void *argument)
{
    struct watchers *w = context;
    (void)task;
    if (w->refuses_pages || w->page_count == sizeof w->pages / sizeof w->pages[0]) {
        return status_from(STATUS_FULL);
    }
    w->pages[w->page_count++] = argument;
    return STATUS_IS_OK;
}

static void forward(void *context, struct change_set *set)
{
    struct watchers *w = context;
    if (w->live != NULL) {
        live_after(w->live, set);
    }
}

static void table_changed(void *context, table_id id, bool is_dropped)
{
    struct watchers *w = context;
    if (w->live != NULL) {
        live_table_changed(w->live, id, is_dropped);
    }
}

void watchers_open(struct watchers *w)
{
    *w = (struct watchers){0};
    w->world.sink = (struct change_sink){.after = forward, .context = w};
    world_open(&w->world);
    snowflake_init(&w->ids, &w->world.clock.clock, 1, 0);
    const struct query_options options = {.catalog = w->world.catalog,
                                          .rows = w->world.store,
                                          .store = w->world.kv,
                                          .committer = w->world.committer,
                                          .clock = &w->world.clock.clock,
                                          .ids = &w->ids,
                                          .limits = {.plan_cache_entries = 16},
                                          .worker_count = 1,
                                          .job_count = 1};
    w->engine = query_engine_create(&options);
    struct error err;
    EXPECT_OK(loop_create(&w->world.clock.clock, &w->loop, &err), &err);
    const struct live_options live = {.engine = w->engine,
                                      .catalog = w->world.catalog,
                                      .committer = w->world.committer,
                                      .watchers = &w->watching,
                                      .clock = &w->world.clock.clock,
                                      .submit = keep_page,
                                      .submit_context = w};
    w->live = live_create(&live);
    w->live_loop = live_add_loop(w->live, w->loop);
    const struct catalog_listener listener = {.table_changed = table_changed, .context = w};
    catalog_set_listener(w->world.catalog, &listener);
}

void watchers_close(struct watchers *w)
{
    while (watchers_run_page(w)) {
    }
    loop_destroy(w->loop);
    struct live *live = w->live;
    w->live = NULL;
    query_engine_destroy(w->engine);
    world_close(&w->world);
    live_destroy(live);
}

void watchers_settle(struct watchers *w)
{
    for (int idle = 0; idle < 3;) {
        idle = loop_turn(w->loop, 0) > 0 ? 0 : idle + 1;
    }
}

bool watchers_run_page(struct watchers *w)
{
    if (w->page_count == 0) {
        return false;
    }
    struct page *page = w->pages[0];
    w->page_count--;
    memmove(w->pages, w->pages + 1, w->page_count * sizeof(struct page *));
    page_run(page, 0);
    loop_post_task(page->loop, &page->task);
    return true;
}

void watchers_finish(struct watchers *w)
{
    watchers_settle(w);
    while (watchers_run_page(w)) {
        watchers_settle(w);
    }
}

/* -- the materializer of a client ---------------------------------------------------------------
 */

static struct watcher_row *find_row(struct watcher *watcher, int64_t id)
{
    for (unsigned i = 0; i < watcher->row_count; i++) {
        if (watcher->rows[i].id == id) {
            return &watcher->rows[i];
        }
    }
    return NULL;
}

static uint64_t seq_of(const struct json *row)
{
    str text = {0};
    uint64_t seq = 0;
    return json_as_text(json_get(row, "_seq"), &text) && str_to_u64(text, &seq) ? seq : 0;
}

static int64_t id_of(const struct json *row)
{
    str text = {0};
    int64_t id = 0;
    EXPECT(json_as_text(json_get(row, "id"), &text));
    EXPECT(str_to_i64(text, &id));
    return id;
}

static void note_seq(struct watcher *watcher, const struct json *row)
{
    uint64_t seq = seq_of(row);
    watcher->last_seq = seq > watcher->last_seq ? seq : watcher->last_seq;
}

static void upsert(struct watcher *watcher, const struct json *row)
{
    int64_t id = id_of(row);
    struct watcher_row *at = find_row(watcher, id);
    if (at == NULL) {
        EXPECT(watcher->row_count < WATCHER_ROWS_MAX);
        at = &watcher->rows[watcher->row_count++];
    }
    str text = STR_LIT("NULL");
    (void)json_as_text(json_get(row, "v"), &text);
    at->id = id;
    at->seq = seq_of(row);
    EXPECT(at->seq > 0);
    (void)snprintf(at->text, sizeof at->text, STR_FMT, STR(text));
    note_seq(watcher, row);
}

static void forget_row(struct watcher *watcher, const struct json *row)
{
    struct watcher_row *at = find_row(watcher, id_of(row));
    if (at != NULL) {
        *at = watcher->rows[--watcher->row_count];
    }
    note_seq(watcher, row);
}

static void apply_change(struct watcher *watcher, const struct json *message)
{
    str kind = {0};
    EXPECT(json_as_text(json_get(message, "change_type"), &kind));
    const struct json *rows = json_get(message, "rows");
    const struct json *old = json_get(message, "old_values");
    if (str_eq_c(kind, "delete") || str_eq_c(kind, "leave")) {
        watcher->leaves += str_eq_c(kind, "leave") ? 1 : 0;
        EXPECT(rows == NULL);
        forget_row(watcher, json_at(old, 0));
    } else {
        EXPECT((old != NULL) == str_eq_c(kind, "update"));
        upsert(watcher, json_at(rows, 0));
    }
}

static void apply(struct watcher *watcher, str text)
{
    struct arena arena;
    struct error err;
    const struct json *message = NULL;
    str type = {0};
    str state = {0};
    arena_init(&arena);
    EXPECT_OK(json_parse(text, &arena, &message, &err), &err);
    EXPECT(json_as_text(json_get(message, "type"), &type));
    if (str_eq_c(type, "initial_data_batch")) {
        const struct json *rows = json_get(message, "rows");
        for (const struct json *r = rows->as.children.first; r != NULL; r = r->next) {
            upsert(watcher, r);
        }
        EXPECT(json_as_text(json_get(json_get(message, "batch_control"), "status"), &state));
        watcher->is_ready = str_eq_c(state, "ready");
    } else if (str_eq_c(type, "change")) {
        apply_change(watcher, message);
    } else if (str_eq_c(type, "error")) {
        watcher->errors++;
    }
    arena_release(&arena);
}

/* -- clients ------------------------------------------------------------------------------------
 */

static struct watcher *watcher_of(struct live_client *client)
{
    return (struct watcher *)(void *)client; /* the first member */
}

static status take_message(struct live_client *client, str id, struct payload *payload)
{
    struct watcher *watcher = watcher_of(client);
    if (watcher->room == 0) {
        watcher->was_full = true;
        return status_from(STATUS_FULL);
    }
    watcher->room -= watcher->room != UINT32_MAX ? 1 : 0;
    struct buf text;
    buf_init(&text);
    payload_append_json(&text, payload, id);
    buf_append_byte(&text, 0);
    EXPECT(watcher->count < WATCHER_MESSAGES_MAX);
    watcher->messages[watcher->count++] = mem_copy(text.p, text.n);
    apply(watcher, str_of(text.p, text.n - 1));
    buf_release(&text);
    void (*on_send)(void) = watcher->on_send;
    watcher->on_send = NULL;
    if (on_send != NULL) {
        on_send();
    }
    return STATUS_IS_OK;
}

static void cork(struct live_client *client)
{
    (void)client;
}

static void counted(struct live_client *client, int change)
{
    watcher_of(client)->subscriptions += change;
}

static void overloaded(struct live_client *client)
{
    watcher_of(client)->is_overloaded = true;
}

static const struct live_client_ops ops = {
    .send = take_message, .cork = cork, .counted = counted, .overloaded = overloaded};

void watcher_open(struct watchers *w, struct watcher *watcher, const char *user, enum role role)
{
    *watcher = (struct watcher){.room = UINT32_MAX};
    live_client_init(&watcher->client, w->live_loop, &ops, str_from(user), role, STR_LIT("c1"));
}

static void free_messages(struct watcher *watcher)
{
    for (unsigned i = 0; i < watcher->count; i++) {
        mem_free(watcher->messages[i]);
    }
    watcher->count = watcher->seen = 0;
}

void watcher_close(struct watcher *watcher)
{
    live_client_release(&watcher->client);
    EXPECT_INT(watcher->subscriptions, 0);
    free_messages(watcher);
}

void watcher_forget(struct watcher *watcher)
{
    free_messages(watcher);
    watcher->row_count = 0;
    watcher->is_ready = false;
}

static bool take_option(str options, const char *name, uint64_t *value)
{
    ptrdiff_t at = str_find(options, str_from(name));
    if (at < 0) {
        return false;
    }
    str text = str_skip(options, (size_t)at + strlen(name));
    size_t n = 0;
    while (n < text.n && text.p[n] >= '0' && text.p[n] <= '9') {
        n++;
    }
    return n == 0 || str_to_u64(str_slice(text, 0, n), value);
}

void watcher_subscribe(struct watcher *watcher, const char *id, const char *sql,
                       const char *options)
{
    struct live_request request = {
        .id = str_from(id), .sql = str_from(sql), .has_options = options != NULL};
    str text = str_from(options);
    uint64_t value = 0;
    if (take_option(text, "batch_size=", &value)) {
        request.has_batch_size = true;
        request.batch_size = (uint32_t)value;
    }
    if (take_option(text, "last_rows=", &value)) {
        request.has_last_rows = true;
        request.last_rows = (uint32_t)value;
    }
    if (take_option(text, "from=", &value)) {
        request.has_from = true;
        request.from = value;
    }
    request.leaves = take_option(text, "leaves", &value);
    live_subscribe(&watcher->client, &request);
}

const char *watcher_next(struct watcher *watcher)
{
    return watcher->seen < watcher->count ? watcher->messages[watcher->seen++] : "";
}

void watcher_drain(struct watcher *watcher, unsigned messages)
{
    watcher->room = messages;
    if (watcher->was_full) {
        watcher->was_full = false;
        live_client_drained(&watcher->client);
    }
}

static int by_id(const void *a, const void *b)
{
    const struct watcher_row *left = a;
    const struct watcher_row *right = b;
    return left->id < right->id ? -1 : left->id > right->id;
}

static const char *show_rows(struct watcher_row *rows, unsigned count)
{
    static char shown[2][WATCHER_ROWS_MAX * (WATCHER_TEXT_MAX + 24)];
    static unsigned which;
    which = 1 - which;
    size_t n = 0;
    shown[which][0] = 0;
    qsort(rows, count, sizeof rows[0], by_id);
    for (unsigned i = 0; i < count; i++) {
        n += (size_t)snprintf(shown[which] + n, sizeof shown[which] - n, "%s%lld=%s",
                              i > 0 ? " " : "", (long long)rows[i].id, rows[i].text);
    }
    return shown[which];
}

const char *watcher_show(const struct watcher *watcher)
{
    struct watcher_row rows[WATCHER_ROWS_MAX];
    memcpy(rows, watcher->rows, watcher->row_count * sizeof rows[0]);
    return show_rows(rows, watcher->row_count);
}

const char *watchers_show(struct watchers *w, const char *prefix)
{
    struct watcher_row rows[WORLD_ROWS_MAX];
    struct world_rows found;
    struct world_part part;
    struct error err;
    unsigned count = 0;
    part_open(&w->world, w->world.table, "", &part);
    EXPECT_OK(part_read_all(&part, NULL, false, &found, &err), &err);
    part_close(&part);
    for (unsigned i = 0; i < found.count; i++) {
        if (strncmp(found.rows[i].text, prefix, strlen(prefix)) == 0) {
            rows[count].id = found.rows[i].id;
            (void)snprintf(rows[count].text, sizeof rows[count].text, "%s", found.rows[i].text);
            count++;
        }
    }
    return show_rows(rows, count);
}

void watchers_insert(struct watchers *w, int64_t id, const char *text)
{
    struct world_part part;
    struct row_write write;
    struct error err;
    part_open(&w->world, w->world.table, "", &part);
    row_write_init(&write, w->world.store, &part.arena);
    struct row_write_table *to = row_write_table(&write, &part.part, part.schema);
    struct value *values = ARENA_ARRAY(&part.arena, struct value, part.schema->column_count);
    for (unsigned i = 0; i < part.schema->column_count; i++) {
        values[i] = value_null(part.schema->columns[i].type);
    }
    values[0] = value_int(TYPE_BIGINT, id);
    if (part.schema->column_count > 1) {
        values[1] = value_text(str_from(text));
    }
    EXPECT_OK(row_write_insert(to, values, &err), &err);
    EXPECT_OK(row_write_run(&write, COMMIT_SYNC, &err), &err);
    row_write_release(&write);
    part_close(&part);
}

/* -- DDL ----------------------------------------------------------------------------------------
 */

static void alter(struct watchers *w, const struct column *columns, unsigned count)
{
    const struct catalog_snapshot *snapshot = catalog_take(w->world.catalog);
    const struct table *table = snapshot_find_table_id(snapshot, w->world.table);
    const struct table_change change = {.id = w->world.table,
                                        .expected_version = table->version,
                                        .columns = columns,
                                        .column_count = count};
    catalog_give(snapshot);
    uint32_t version = 0;
    struct error err;
    EXPECT_OK(catalog_alter_table(w->world.catalog, &change, &version, &err), &err);
}

void watchers_add_column(struct watchers *w, const char *name)
{
    struct world_part part;
    part_open(&w->world, w->world.table, "", &part);
    struct column columns[4];
    unsigned count = part.schema->column_count;
    memcpy(columns, part.schema->columns, count * sizeof columns[0]);
    columns[count] = (struct column){.name = str_from(name),
                                     .type = {.id = TYPE_TEXT},
                                     .is_nullable = true,
                                     .absent_value = value_null(type_of(TYPE_TEXT))};
    alter(w, columns, count + 1);
    part_close(&part);
}

void watchers_drop_column_v(struct watchers *w)
{
    struct world_part part;
    part_open(&w->world, w->world.table, "", &part);
    alter(w, part.schema->columns, 1);
    part_close(&part);
}
