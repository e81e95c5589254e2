/* tests/unit/live/live_test.c -- Goal: subscribers end with what a SELECT gives, in commit order,
 * whatever happens between loading and living. Method: a whole store in memory; pages run when the
 * test says so, sockets are as slow as it likes. */
#include "test.h"
#include "watchers.h"

#define ALL "SELECT * FROM app.t"

static struct watchers w;
static struct watcher a;
static uint64_t ignored_seq;

static void open_all(void)
{
    watchers_open(&w);
    watcher_open(&w, &a, "alice", ROLE_DBA);
}

static void close_all(void)
{
    watcher_close(&a);
    watchers_close(&w);
}

static void insert(int64_t id, const char *text)
{
    watchers_insert(&w, id, text);
}

static void update(int64_t id, const char *text)
{
    EXPECT_STATUS(world_update(&w.world, id, text), OK);
}

static void delete_row(int64_t id)
{
    EXPECT_STATUS(world_delete(&w.world, id), OK);
}

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

#define EXPECT_HAS(text, part)                                                                     \
    do {                                                                                           \
        const char *text_ = (text);                                                                \
        if (!has(text_, part)) {                                                                   \
            test_fail(__FILE__, __LINE__, "%s is not in %s", part, text_);                         \
        }                                                                                          \
    } while (0)

static void expect_same(void)
{
    EXPECT_STR_EQ(str_from(watcher_show(&a)), str_from(watchers_show(&w, "")));
}

/* -- loading ------------------------------------------------------------------------------------
 */

TEST(live_subscribe_without_options_acks_ready_and_sends_no_rows)
{
    open_all();
    insert(1, "a");
    watcher_subscribe(&a, "s", ALL, NULL);
    watchers_finish(&w);
    EXPECT_HAS(watcher_next(&a),
               "{\"type\":\"subscription_ack\",\"subscription_id\":\"s\",\"total_rows\":0,"
               "\"batch_control\":{\"batch_num\":0,\"has_more\":false,\"status\":\"ready\","
               "\"last_seq_id\":null},\"schema\":[{\"name\":\"id\",\"data_type\":\"BigInt\","
               "\"index\":0,\"flags\":[\"pk\",\"nn\",\"uq\"]},{\"name\":\"v\",");
    EXPECT_STR(str_from(watcher_next(&a)), "");
    insert(2, "b");
    watchers_finish(&w);
    const char *change = watcher_next(&a);
    EXPECT_HAS(change, "{\"type\":\"change\",\"subscription_id\":\"s\",\"change_type\":\"insert\","
                       "\"rows\":[{\"id\":\"2\",\"v\":\"b\",\"_seq\":\"");
    EXPECT_HAS(change, "\"_deleted\":false}]}");
    EXPECT_STR(str_from(watcher_show(&a)), "2=b");
    close_all();
}

TEST(live_subscribe_with_empty_options_sends_all_rows_then_changes)
{
    open_all();
    insert(2, "b");
    insert(1, "a");
    update(2, "bb");
    watcher_subscribe(&a, "s", ALL, "");
    watchers_finish(&w);
    EXPECT_HAS(watcher_next(&a), "subscription_ack");
    const char *batch = watcher_next(&a);
    EXPECT_HAS(batch, "\"rows\":[{\"id\":\"1\",\"v\":\"a\",");
    EXPECT_HAS(batch, "\"batch_num\":0,\"has_more\":false,\"status\":\"ready\"");
    EXPECT_STR(str_from(watcher_next(&a)), "");
    delete_row(1);
    watchers_finish(&w);
    EXPECT_HAS(watcher_next(&a), "\"change_type\":\"delete\",\"old_values\":[{\"id\":\"1\",\"v\":"
                                 "\"a\",\"_seq\":\"");
    expect_same();
    close_all();
}

TEST(live_empty_table_sends_one_empty_ready_batch)
{
    open_all();
    watcher_subscribe(&a, "s", ALL, "");
    watchers_finish(&w);
    (void)watcher_next(&a);
    EXPECT_HAS(watcher_next(&a),
               "\"rows\":[],\"batch_control\":{\"batch_num\":0,\"has_more\":false,"
               "\"status\":\"ready\",\"last_seq_id\":null}");
    close_all();
}

TEST(live_batch_size_pages_by_next_batch_and_keeps_changes_meanwhile)
{
    open_all();
    for (int i = 1; i <= 5; i++) {
        insert(i, "x");
    }
    watcher_subscribe(&a, "s", ALL, "batch_size=2");
    watchers_finish(&w);
    EXPECT_HAS(watcher_next(&a), "\"has_more\":true,\"status\":\"loading\"");
    EXPECT_HAS(watcher_next(&a), "\"batch_num\":0,\"has_more\":true,\"status\":\"loading\"");
    update(1, "new");   /* was paged */
    update(5, "newer"); /* was not */
    delete_row(3);
    watchers_finish(&w);
    EXPECT_STR(str_from(watcher_next(&a)), "");
    live_next_batch(&a.client, STR_LIT("s"), true, a.last_seq);
    watchers_finish(&w);
    /* 4 is the only row of the first five that is still what it was */
    EXPECT_HAS(watcher_next(&a), "\"batch_num\":1,\"has_more\":false,\"status\":\"ready\"");
    EXPECT_HAS(watcher_next(&a), "\"change_type\":\"update\",\"rows\":[{\"id\":\"1\"");
    EXPECT_HAS(watcher_next(&a), "\"change_type\":\"update\",\"rows\":[{\"id\":\"5\"");
    EXPECT_HAS(watcher_next(&a), "\"change_type\":\"delete\",\"old_values\":[{\"id\":\"3\"");
    expect_same();
    close_all();
}

TEST(live_without_batch_size_goes_on_by_itself)
{
    open_all();
    struct world_part part;
    char text[20] = "x";
    part_open(&w.world, w.world.table, "", &part);
    for (int i = 1; i <= 200; i++) {
        EXPECT_STATUS(part_insert(&part, i, text, &ignored_seq, &w.world.err), OK);
    }
    part_close(&part);
    watcher_subscribe(&a, "s", ALL, "");
    watchers_finish(&w);
    live_next_batch(&a.client, STR_LIT("s"), true, 0); /* the native client always asks */
    watchers_finish(&w);
    EXPECT(a.is_ready);
    EXPECT_INT(a.row_count, 200);
    EXPECT_INT(a.count, 2);
    close_all();
}

TEST(live_last_rows_sends_the_newest_ascending)
{
    open_all();
    for (int i = 1; i <= 6; i++) {
        insert(i, "x");
    }
    watcher_subscribe(&a, "s", ALL, "last_rows=2");
    watchers_finish(&w);
    (void)watcher_next(&a);
    const char *batch = watcher_next(&a);
    EXPECT_HAS(batch, "\"rows\":[{\"id\":\"5\"");
    EXPECT_STR(str_from(watcher_show(&a)), "5=x 6=x");
    watcher_forget(&a);
    watcher_subscribe(&a, "s", ALL, "last_rows=0");
    watchers_finish(&w);
    (void)watcher_next(&a);
    EXPECT_HAS(watcher_next(&a), "\"rows\":[],");
    close_all();
}

TEST(live_last_rows_goes_down_into_the_cold_tier)
{
    open_all();
    for (int i = 1; i <= 4; i++) {
        insert(i, "cold");
    }
    (void)flush_finish(world_flush(&w.world));
    for (int i = 5; i <= 6; i++) {
        insert(i, "hot");
    }
    update(4, "hot");
    watcher_subscribe(&a, "s", ALL, "last_rows=4");
    watchers_finish(&w);
    EXPECT_STR(str_from(watcher_show(&a)), "3=cold 4=hot 5=hot 6=hot");
    EXPECT_HAS(a.messages[1], "\"rows\":[{\"id\":\"3\"");
    close_all();
}

TEST(live_last_rows_above_batch_size_is_unsupported)
{
    open_all();
    watcher_subscribe(&a, "s", ALL, "last_rows=51 batch_size=50");
    EXPECT_STR(str_from(watcher_next(&a)),
               "{\"type\":\"error\",\"subscription_id\":\"s\",\"code\":\"UNSUPPORTED\",\"message\":"
               "\"last_rows (51) cannot exceed batch_size (50); paginated last_rows replay is not "
               "supported\"}");
    EXPECT_INT(a.subscriptions, 0);
    close_all();
}

TEST(live_from_sends_what_changed_since_without_deletes)
{
    open_all();
    insert(1, "a");
    insert(2, "b");
    insert(3, "c");
    watcher_subscribe(&a, "s", ALL, "");
    watchers_finish(&w);
    char options[64];
    (void)snprintf(options, sizeof options, "from=%llu", (unsigned long long)a.last_seq);
    live_unsubscribe(&a.client, STR_LIT("s"));
    update(1, "aa");
    delete_row(2);
    watcher_forget(&a);
    watcher_subscribe(&a, "s", ALL, options);
    watchers_finish(&w);
    EXPECT_STR(str_from(watcher_show(&a)), "1=aa");
    EXPECT_INT(a.count, 2);
    close_all();
}

TEST(live_from_above_the_head_loads_everything)
{
    open_all();
    insert(1, "a");
    watcher_subscribe(&a, "s", ALL, "from=9000000000000000000");
    watchers_finish(&w);
    EXPECT_STR(str_from(watcher_show(&a)), "1=a");
    close_all();
}

TEST(live_from_with_leaves_replays_deletes_and_leaves_in_order)
{
    open_all();
    insert(1, "in");
    insert(2, "in");
    insert(3, "in");
    insert(4, "in");
    watcher_subscribe(&a, "s", "SELECT * FROM app.t WHERE v LIKE 'in%'", "leaves");
    watchers_finish(&w);
    EXPECT_STR(str_from(watcher_show(&a)), "1=in 2=in 3=in 4=in");
    char options[64];
    (void)snprintf(options, sizeof options, "from=%llu leaves", (unsigned long long)a.last_seq);
    live_unsubscribe(&a.client, STR_LIT("s"));
    delete_row(2);
    update(3, "out");
    update(1, "in2");
    insert(5, "in");
    watcher_subscribe(&a, "s", "SELECT * FROM app.t WHERE v LIKE 'in%'", options);
    watchers_finish(&w);
    EXPECT_STR(str_from(watcher_show(&a)), "1=in2 4=in 5=in");
    EXPECT_INT(a.errors, 0);
    close_all();
}

TEST(live_from_above_the_head_with_leaves_says_resync)
{
    open_all();
    insert(1, "a");
    watcher_subscribe(&a, "s", ALL, "from=9000000000000000000 leaves");
    watchers_finish(&w);
    EXPECT_HAS(watcher_next(&a), "\"code\":\"RESYNC\"");
    EXPECT_INT(a.subscriptions, 0);
    close_all();
}

/* A write at every point between subscribing and living: seen once, never lost. */
TEST(live_write_between_load_and_live_is_never_lost)
{
    for (int point = 0; point < 5; point++) {
        open_all();
        insert(1, "a");
        if (point == 0) {
            insert(2, "b");
        }
        watcher_subscribe(&a, "s", ALL, "");
        if (point == 1) {
            insert(2, "b");
        }
        watchers_settle(&w);
        if (point == 2) {
            insert(2, "b");
        }
        (void)watchers_run_page(&w); /* its result is posted */
        if (point == 3) {
            insert(2, "b");
        }
        watchers_finish(&w);
        if (point == 4) {
            insert(2, "b");
        }
        watchers_finish(&w);
        EXPECT_STR(str_from(watcher_show(&a)), "1=a 2=b");
        EXPECT_INT(a.count, point == 0 ? 2 : 3);
        close_all();
    }
}

TEST(live_load_waits_for_a_worker)
{
    open_all();
    insert(1, "a");
    w.refuses_pages = true;
    watcher_subscribe(&a, "s", ALL, "");
    watchers_finish(&w);
    EXPECT_INT(a.count, 0);
    w.refuses_pages = false;
    fake_clock_advance(&w.world.clock, 100 * 1000);
    watchers_finish(&w);
    EXPECT_STR(str_from(watcher_show(&a)), "1=a");
    close_all();
}

/* -- changes ------------------------------------------------------------------------------------
 */

TEST(live_update_sends_the_row_and_what_changed)
{
    open_all();
    insert(1, "a");
    watcher_subscribe(&a, "s", "SELECT id, v FROM app.t", "");
    watchers_finish(&w);
    uint64_t before = a.last_seq;
    watcher_forget(&a);
    update(1, "b");
    watchers_finish(&w);
    char wanted[256];
    (void)snprintf(wanted, sizeof wanted,
                   "{\"type\":\"change\",\"subscription_id\":\"s\",\"change_type\":\"update\","
                   "\"rows\":[{\"id\":\"1\",\"v\":\"b\",\"_seq\":\"%llu\"}],"
                   "\"old_values\":[{\"v\":\"a\",\"id\":\"1\",\"_seq\":\"%llu\"}]}",
                   (unsigned long long)a.last_seq, (unsigned long long)before);
    EXPECT_STR_EQ(str_from(watcher_next(&a)), str_from(wanted));
    close_all();
}

TEST(live_filter_tells_who_enters_and_is_silent_on_who_leaves)
{
    open_all();
    insert(1, "out");
    insert(2, "in");
    watcher_subscribe(&a, "s", "SELECT * FROM app.t WHERE v = 'in'", "");
    watchers_finish(&w);
    EXPECT_STR(str_from(watcher_show(&a)), "2=in");
    watcher_forget(&a);
    update(1, "in");  /* enters */
    update(2, "out"); /* leaves: nothing */
    delete_row(2);    /* its last image does not match: nothing */
    delete_row(1);
    watchers_finish(&w);
    EXPECT_HAS(watcher_next(&a), "\"change_type\":\"update\",\"rows\":[{\"id\":\"1\"");
    EXPECT_HAS(watcher_next(&a), "\"change_type\":\"delete\",\"old_values\":[{\"id\":\"1\"");
    EXPECT_STR(str_from(watcher_next(&a)), "");
    close_all();
}

TEST(live_filter_with_leaves_tells_who_leaves)
{
    open_all();
    insert(1, "in");
    watcher_subscribe(&a, "s", "SELECT * FROM app.t WHERE v = 'in'", "leaves");
    watchers_finish(&w);
    watcher_forget(&a);
    update(1, "out");
    watchers_finish(&w);
    EXPECT_HAS(watcher_next(&a),
               "\"change_type\":\"leave\",\"old_values\":[{\"id\":\"1\",\"_seq\":");
    EXPECT_STR(str_from(watcher_show(&a)), "");
    close_all();
}

static void expect_refused(const char *id, const char *sql, const char *part)
{
    watcher_subscribe(&a, id, sql, "");
    watchers_finish(&w);
    EXPECT_HAS(watcher_next(&a), part);
    EXPECT_INT(a.subscriptions, 0);
}

TEST(live_filter_that_cannot_be_evaluated_is_refused)
{
    open_all();
    const char *invalid = "\"code\":\"INVALID_SQL\",\"message\":\"Invalid SQL: ";
    expect_refused("s", "SELECT * FROM app.t WHERE id IN (SELECT 1)", invalid);
    expect_refused("s", "SELECT * FROM app.t WHERE nothing = 1", invalid);
    expect_refused("s", "SELECT nothing FROM app.t", invalid);
    expect_refused("s", "SELECT * FROM app.t WHERE id + 1", invalid);
    expect_refused("s", "SELECT * FROM app.t WHERE id = SNOWFLAKE_ID()", invalid);
    expect_refused("s", "SELECT * FROM app.t ORDER BY id", invalid);
    expect_refused("s", "SELECT * FROM t", "Query must use namespace.table format");
    expect_refused("s", "SELECT * FROM app.none",
                   "\"code\":\"NOT_FOUND\",\"message\":\"Not found: Table not found: app.none");
    expect_refused("", ALL,
                   "\"subscription_id\":\"invalid_subscription\",\"code\":"
                   "\"INVALID_SUBSCRIPTION_ID\"");
    close_all();
}

TEST(live_subscribe_is_bound_by_rights)
{
    open_all();
    struct watcher user;
    watcher_open(&w, &user, "bob", ROLE_USER);
    watcher_subscribe(&user, "s", ALL, ""); /* SHARED and private */
    watchers_finish(&w);
    EXPECT_HAS(watcher_next(&user), "\"code\":\"UNAUTHORIZED\",\"message\":\"Permission denied: ");
    watcher_subscribe(&user, "s", "SELECT * FROM system.users", "");
    EXPECT_HAS(watcher_next(&user), "\"code\":\"UNAUTHORIZED\"");
    watcher_subscribe(&a, "s", "SELECT * FROM system.users", "");
    EXPECT_HAS(watcher_next(&a), "\"code\":\"UNSUPPORTED\"");
    watcher_close(&user);
    close_all();
}

TEST(live_user_tables_show_each_user_his_own_rows)
{
    open_all();
    table_id table = world_create_table(&w.world, "mine", TABLE_USER, 0, false);
    struct watcher bob;
    watcher_open(&w, &bob, "bob", ROLE_USER);
    watcher_subscribe(&a, "s", "SELECT * FROM app.mine", "");
    watcher_subscribe(&bob, "s", "SELECT * FROM app.mine WHERE CURRENT_USER() = 'bob'", "");
    watchers_finish(&w);
    struct world_part part;
    part_open(&w.world, table, "bob", &part);
    EXPECT_STATUS(part_insert(&part, 1, "of bob", &ignored_seq, &w.world.err), OK);
    part_close(&part);
    watchers_finish(&w);
    EXPECT_STR(str_from(watcher_show(&bob)), "1=of bob");
    EXPECT_STR(str_from(watcher_show(&a)), "");
    watcher_close(&bob);
    close_all();
}

TEST(live_stream_rows_come_without_deleted_and_go_by_row_id)
{
    open_all();
    table_id table = world_create_table(&w.world, "events", TABLE_STREAM, 3600, false);
    watcher_subscribe(&a, "s", "SELECT * FROM app.events", "");
    watchers_finish(&w);
    watcher_forget(&a);
    struct world_part part;
    uint64_t seq = 0;
    part_open(&w.world, table, "alice", &part);
    EXPECT_STATUS(part_insert(&part, 1, "x", &seq, &w.world.err), OK);
    watchers_finish(&w);
    const char *insert_text = watcher_next(&a);
    EXPECT_HAS(insert_text,
               "\"change_type\":\"insert\",\"rows\":[{\"id\":\"1\",\"v\":\"x\",\"_seq\":");
    EXPECT(!has(insert_text, "_deleted"));
    close_all();
    part_close(&part);
}

TEST(live_poison_filter_ends_alone)
{
    open_all();
    struct watcher other;
    watcher_open(&w, &other, "carol", ROLE_DBA);
    watcher_subscribe(&a, "poison", "SELECT * FROM app.t WHERE id + 9223372036854775806 > 0", NULL);
    watcher_subscribe(&other, "s", ALL, NULL);
    watchers_finish(&w);
    (void)watcher_next(&a);
    insert(1, "a");
    insert(5, "b"); /* overflows */
    insert(6, "c");
    watchers_finish(&w);
    EXPECT_HAS(watcher_next(&a), "\"change_type\":\"insert\"");
    EXPECT_HAS(watcher_next(&a), "\"code\":\"SUBSCRIPTION_FAILED\"");
    EXPECT_STR(str_from(watcher_next(&a)), "");
    EXPECT_INT(a.subscriptions, 0);
    EXPECT_STR(str_from(watcher_show(&other)), "1=a 5=b 6=c");
    watcher_close(&other);
    close_all();
}

TEST(live_cost_of_a_write_does_not_grow_with_filters_on_other_values)
{
    open_all();
    char id[32];
    char sql[96];
    for (int i = 0; i < 90; i++) {
        (void)snprintf(id, sizeof id, "s%d", i);
        (void)snprintf(sql, sizeof sql, "SELECT * FROM app.t WHERE v = 'room %d' AND id > 0", i);
        watcher_subscribe(&a, id, sql, NULL);
    }
    watchers_finish(&w);
    struct live_statistics before, after;
    live_statistics_get(w.live, &before);
    insert(1, "room 7");
    insert(2, "no room");
    watchers_finish(&w);
    live_statistics_get(w.live, &after);
    EXPECT_UINT(after.checks - before.checks, 1);
    EXPECT_UINT(after.events - before.events, 1);
    EXPECT_STR(str_from(watcher_show(&a)), "1=room 7");
    close_all();
}

TEST(live_equal_projections_share_one_payload)
{
    open_all();
    struct watcher other;
    watcher_open(&w, &other, "carol", ROLE_DBA);
    watcher_subscribe(&a, "s", ALL, NULL);
    watcher_subscribe(&other, "s", ALL, NULL);
    watchers_finish(&w);
    insert(1, "a");
    watchers_finish(&w);
    EXPECT_STR_EQ(str_from(a.messages[1]), str_from(other.messages[1]));
    watcher_close(&other);
    close_all();
}

TEST(live_unsubscribe_and_replacing_end_the_stream_of_changes)
{
    open_all();
    watcher_subscribe(&a, "s", ALL, NULL);
    watchers_finish(&w);
    watcher_subscribe(&a, "s", "SELECT * FROM app.t WHERE id = 2", NULL);
    insert(1, "a");
    watchers_finish(&w);
    EXPECT_STR(str_from(watcher_show(&a)), "");
    EXPECT_INT(a.subscriptions, 1);
    live_unsubscribe(&a.client, STR_LIT("alice-c1-s"));
    insert(2, "b");
    watchers_finish(&w);
    EXPECT_STR(str_from(watcher_show(&a)), "");
    EXPECT_INT(a.subscriptions, 0);
    live_unsubscribe(&a.client, STR_LIT("nothing"));
    close_all();
}

static void insert_second(void)
{
    insert(2, "b");
}

static void count_run(void *argument)
{
    (*(unsigned *)argument)++;
}

/* The inbox is emptied by the task that goes on with older work, while its own task still waits in
 * the loop's list; a change that comes in that moment must not put it there twice. */
TEST(live_inbox_that_is_filled_again_while_its_task_waits_loses_no_task)
{
    unsigned runs = 0;
    open_all();
    watcher_subscribe(&a, "s", ALL, NULL);
    watchers_finish(&w);
    live_later(map_find(&a.client.subs, STR_LIT("s")));
    insert(1, "a");
    loop_post(w.loop, count_run, &runs);
    a.on_send = insert_second;
    watchers_finish(&w);
    EXPECT_INT(runs, 1);
    EXPECT_STR(str_from(watcher_show(&a)), "1=a 2=b");
    close_all();
}

/* -- slow sockets -------------------------------------------------------------------------------
 */

TEST(live_full_socket_coalesces_by_key_in_order_of_the_newest)
{
    open_all();
    watcher_subscribe(&a, "s", ALL, "");
    watchers_finish(&w);
    a.room = 0;
    insert(1, "a");
    insert(2, "b");
    update(1, "aa");
    update(1, "aaa");
    watchers_finish(&w);
    watcher_forget(&a);
    watcher_drain(&a, UINT32_MAX);
    watchers_finish(&w);
    EXPECT_HAS(watcher_next(&a), "\"change_type\":\"insert\",\"rows\":[{\"id\":\"2\"");
    EXPECT_HAS(watcher_next(&a),
               "\"change_type\":\"insert\",\"rows\":[{\"id\":\"1\",\"v\":\"aaa\"");
    EXPECT_STR(str_from(watcher_next(&a)), "");
    insert(3, "c");
    watchers_finish(&w);
    expect_same();
    struct live_statistics s;
    live_statistics_get(w.live, &s);
    EXPECT_UINT(s.coalesced, 2);
    EXPECT_UINT(s.buffered_bytes, 0);
    close_all();
}

TEST(live_overflowing_buffer_is_read_again_from_the_store)
{
    open_all();
    insert(1, "old");
    insert(2, "gone");
    watcher_subscribe(&a, "s", ALL, "");
    watchers_finish(&w);
    a.room = 0;
    struct world_part part;
    part_open(&w.world, w.world.table, "", &part);
    for (int i = 0; i < SUB_BUFFER_ENTRIES_MAX + 10; i++) {
        EXPECT_STATUS(part_insert(&part, 1000 + i, "x", &ignored_seq, &w.world.err), OK);
    }
    part_close(&part);
    update(1, "new");
    delete_row(2);
    for (int i = 0; i < SUB_BUFFER_ENTRIES_MAX + 10; i++) {
        if (i >= 50) {
            delete_row(1000 + i);
        }
    }
    watchers_settle(&w);
    struct live_statistics s;
    live_statistics_get(w.live, &s);
    EXPECT_UINT(s.resyncs, 1);
    EXPECT_UINT(s.buffered_bytes, 0);
    watcher_drain(&a, UINT32_MAX);
    watchers_finish(&w);
    expect_same();
    insert(3, "live again");
    watchers_finish(&w);
    expect_same();
    EXPECT_INT(a.errors, 0);
    close_all();
}

TEST(live_socket_that_takes_one_message_at_a_time_gets_all_of_them)
{
    open_all();
    for (int i = 1; i <= 5; i++) {
        insert(i, "x");
    }
    a.room = 0;
    watcher_subscribe(&a, "s", ALL, "");
    watchers_finish(&w);
    update(2, "y");
    for (int i = 0; i < 20; i++) {
        watcher_drain(&a, 1);
        watchers_finish(&w);
        if (i == 1) {
            delete_row(3);
        }
    }
    expect_same();
    close_all();
}

TEST(live_errors_wait_for_room_and_too_many_end_the_connection)
{
    open_all();
    a.room = 0;
    for (int i = 0; i < SUB_NOTES_MAX; i++) {
        watcher_subscribe(&a, "s", "SELECT * FROM app.none", "");
    }
    EXPECT(!a.is_overloaded);
    watcher_subscribe(&a, "s", "SELECT * FROM app.none", "");
    EXPECT(a.is_overloaded);
    a.was_full = true;
    watcher_drain(&a, UINT32_MAX);
    EXPECT_INT(a.errors, SUB_NOTES_MAX);
    close_all();
}

TEST(live_changes_during_a_load_beyond_the_buffer_are_read_again)
{
    open_all();
    insert(1, "a");
    watcher_subscribe(&a, "s", ALL, "batch_size=1");
    insert(2, "b");
    watchers_finish(&w);
    struct world_part part;
    part_open(&w.world, w.world.table, "", &part);
    for (int i = 0; i < SUB_BUFFER_ENTRIES_MAX + 2; i++) {
        uint64_t seq = 0;
        EXPECT_STATUS(part_insert(&part, 1000 + i, "x", &seq, &w.world.err), OK);
        if (i >= 20) {
            EXPECT_STATUS(part_delete_row(&part, seq, 1000 + i, &ignored_seq, &w.world.err), OK);
        }
    }
    part_close(&part);
    watchers_finish(&w);
    live_next_batch(&a.client, STR_LIT("s"), true, a.last_seq);
    watchers_finish(&w);
    expect_same();
    EXPECT_INT(a.errors, 0);
    close_all();
}

/* -- DDL, system.live ---------------------------------------------------------------------------
 */

TEST(live_alter_binds_again_or_tells)
{
    open_all();
    struct watcher other;
    watcher_open(&w, &other, "carol", ROLE_DBA);
    watcher_subscribe(&a, "s", ALL, NULL);
    watcher_subscribe(&other, "s", "SELECT id FROM app.t WHERE v = 'x'", NULL);
    watchers_finish(&w);
    watchers_add_column(&w, "extra");
    insert(1, "x");
    watchers_finish(&w);
    EXPECT_HAS(a.messages[a.count - 1], "\"extra\":null");
    EXPECT_INT(other.row_count, 1);
    watchers_drop_column_v(&w);
    watchers_finish(&w);
    EXPECT_HAS(other.messages[other.count - 1], "\"code\":\"INVALID_SQL\"");
    EXPECT_INT(other.subscriptions, 0);
    EXPECT_INT(a.subscriptions, 1);
    watcher_close(&other);
    close_all();
}

TEST(live_drop_table_tells_its_subscribers)
{
    open_all();
    struct error err;
    watcher_subscribe(&a, "s", ALL, "");
    watchers_finish(&w);
    EXPECT_OK(catalog_drop_table(w.world.catalog, w.world.table, &err), &err);
    watchers_finish(&w);
    EXPECT_HAS(a.messages[a.count - 1], "\"code\":\"NOT_FOUND\"");
    EXPECT_INT(a.subscriptions, 0);
    close_all();
}

static status count_row(void *context, const struct value *values, struct error *err)
{
    (void)err;
    unsigned *count = context;
    EXPECT_STR(values[0].as.text, "alice-c1-s");
    EXPECT_STR(values[8].as.text, "active");
    EXPECT_INT(values[11].as.integer, 1);
    (*count)++;
    return STATUS_IS_OK;
}

TEST(live_rows_and_kill_know_subscriptions_by_live_id)
{
    open_all();
    struct arena arena;
    struct error err;
    unsigned count = 0;
    const struct row_sink sink = {.context = &count, .row = count_row};
    arena_init(&arena);
    watcher_subscribe(&a, "s", ALL, NULL);
    watchers_finish(&w);
    insert(1, "a");
    watchers_finish(&w);
    EXPECT_OK(live_rows(w.live, &arena, &sink, &err), &err);
    EXPECT_INT(count, 1);
    EXPECT_STATUS(live_kill(w.live, STR_LIT("nobody-c1-s"), &err), NOT_FOUND);
    EXPECT_OK(live_kill(w.live, STR_LIT("alice-c1-s"), &err), &err);
    watchers_finish(&w);
    EXPECT_INT(a.subscriptions, 0);
    EXPECT_HAS(a.messages[a.count - 1], "\"code\":\"SUBSCRIPTION_FAILED\"");
    EXPECT_OK(live_rows(w.live, &arena, &sink, &err), &err);
    EXPECT_INT(count, 1);
    arena_release(&arena);
    close_all();
}

TEST(live_hundred_and_first_subscription_is_refused)
{
    open_all();
    char id[16];
    for (int i = 0; i <= LIMIT_SUBSCRIPTIONS_PER_CONNECTION; i++) {
        (void)snprintf(id, sizeof id, "s%d", i);
        watcher_subscribe(&a, id, ALL, NULL);
    }
    EXPECT_INT(a.subscriptions, LIMIT_SUBSCRIPTIONS_PER_CONNECTION);
    EXPECT_INT(a.errors, 1);
    EXPECT_HAS(
        a.messages[a.count - 1],
        "\"code\":\"SUBSCRIPTION_LIMIT_EXCEEDED\",\"message\":\"Maximum subscriptions reached\"");
    close_all();
}

TEST(live_client_that_goes_while_a_page_is_out_leaves_nothing)
{
    open_all();
    insert(1, "a");
    watcher_subscribe(&a, "s", ALL, "");
    watchers_settle(&w);
    watcher_close(&a);
    watchers_finish(&w);
    watchers_close(&w);
}

/* -- anything at any time -----------------------------------------------------------------------
 */

enum { RANDOM_STEPS = 400, RANDOM_KEYS = 12 };

static void random_write(struct rng *rng)
{
    static const char *const texts[] = {"in a", "in b", "out a", "out b"};
    int64_t id = (int64_t)rng_below(rng, RANDOM_KEYS);
    const char *text = texts[rng_below(rng, 4)];
    bool is_there = world_get(&w.world, id).found && !world_get(&w.world, id).is_deleted;
    if (!is_there) {
        insert(id, text);
    } else if (rng_below(rng, 3) == 0) {
        delete_row(id);
    } else {
        update(id, text);
    }
}

static void random_socket(struct rng *rng)
{
    switch (rng_below(rng, 4)) {
    case 0:
        a.room = 0;
        break;
    case 1:
        watcher_drain(&a, 1 + (unsigned)rng_below(rng, 3));
        break;
    default:
        watcher_drain(&a, UINT32_MAX);
        break;
    }
}

/* Cuts the connection and resumes from what was seen. */
static void random_cut(struct rng *rng, const char *sql)
{
    char options[80];
    bool is_resumed = a.last_seq > 0 && rng_below(rng, 4) > 0;
    live_unsubscribe(&a.client, STR_LIT("s"));
    a.is_ready = false;
    if (!is_resumed) {
        watcher_forget(&a);
        a.last_seq = 0;
    }
    (void)snprintf(options, sizeof options, is_resumed ? "from=%llu leaves" : "leaves",
                   (unsigned long long)a.last_seq);
    watcher_subscribe(&a, "s", sql, options);
}

static void run_random(uint64_t seed, const char *sql, const char *prefix)
{
    struct rng rng;
    rng_init(&rng, seed);
    open_all();
    random_cut(&rng, sql);
    for (int step = 0; step < RANDOM_STEPS; step++) {
        fake_clock_advance(&w.world.clock, 1000);
        switch (rng_below(&rng, 10)) {
        case 0:
            random_socket(&rng);
            break;
        case 1:
            (void)watchers_run_page(&w);
            break;
        case 2:
            if (rng_below(&rng, 4) == 0) {
                random_cut(&rng, sql);
            }
            break;
        case 3:
            if (rng_below(&rng, 20) == 0) {
                (void)flush_finish(world_flush(&w.world));
            }
            break;
        case 4:
        case 5:
            (void)loop_turn(w.loop, 0);
            break;
        default:
            random_write(&rng);
            break;
        }
    }
    watcher_drain(&a, UINT32_MAX);
    watchers_finish(&w);
    if (strcmp(watcher_show(&a), watchers_show(&w, prefix)) != 0) {
        test_fail(__FILE__, __LINE__, "seed %llu: %s instead of %s", (unsigned long long)seed,
                  watcher_show(&a), watchers_show(&w, prefix));
    }
    EXPECT_INT(a.errors, 0);
    close_all();
}

TEST(live_random_schedules_end_with_the_rows_of_the_table)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        run_random(seed, ALL, "");
    }
}

TEST(live_random_schedules_with_a_filter_end_with_its_rows)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        run_random(seed, "SELECT * FROM app.t WHERE v LIKE 'in%'", "in");
    }
}
