/* tests/unit/store/segment_test.c -- Goal: names that cannot collide or escape, files that go when
 * nobody can read them, a sweep that takes only what is ours, the manifest copy. Method: the fake
 * files. */
#include "test.h"
#include "store/drop.h"
#include "store/segment.h"
#include "world.h"

static str escaped(struct arena *arena, str name)
{
    struct buf out;
    buf_init(&out);
    segment_escape(&out, name);
    str copy = arena_copy(arena, buf_str(&out));
    buf_release(&out);
    return copy;
}

TEST(segment_escape_leaves_no_path_trick)
{
    struct arena arena;
    arena_init(&arena);
    EXPECT_STR(escaped(&arena, STR_LIT("alice_B-9")), "alice_B-9");
    EXPECT_STR(escaped(&arena, STR_LIT("..")), "%2E%2E");
    EXPECT_STR(escaped(&arena, STR_LIT("a/b\\c")), "a%2Fb%5Cc");
    EXPECT_STR(escaped(&arena, STR_LIT("a%2Fb")), "a%252Fb");
    EXPECT_STR(escaped(&arena, STR_LIT("a\0b")), "a%00b");
    EXPECT_STR(escaped(&arena, STR_LIT("\xC3\xA9")), "%C3%A9");
    arena_release(&arena);
}

TEST(segment_escape_of_long_names_fits_a_file_system_and_stays_different)
{
    struct arena arena;
    arena_init(&arena);
    char a[300];
    memset(a, '.', sizeof a);
    str first = escaped(&arena, str_of(a, sizeof a));
    a[sizeof a - 1] = ',';
    str second = escaped(&arena, str_of(a, sizeof a));
    EXPECT(first.n < 255);
    EXPECT(!str_eq(first, second));
    arena_release(&arena);
}

TEST(segment_parse_name_takes_numbers_only)
{
    uint64_t n = 0;
    EXPECT(segment_parse_name(STR_LIT("batch-0.parquet"), &n) && n == 0);
    EXPECT(segment_parse_name(STR_LIT("batch-123.parquet"), &n) && n == 123);
    EXPECT(!segment_parse_name(STR_LIT("batch-.parquet"), &n));
    EXPECT(!segment_parse_name(STR_LIT("batch--1.parquet"), &n));
    EXPECT(!segment_parse_name(STR_LIT("batch-+1.parquet"), &n));
    EXPECT(!segment_parse_name(STR_LIT("batch-1.parquet.tmp"), &n));
    EXPECT(!segment_parse_name(STR_LIT("xbatch-1.parquet"), &n));
    EXPECT(!segment_parse_name(STR_LIT("batch-99999999999999999999.parquet"), &n));
}

TEST(segment_directory_of_a_user_table_has_the_escaped_user)
{
    struct world w = {0};
    world_open(&w);
    struct world_part part;
    part_open(&w, world_create_table(&w, "u", TABLE_USER, 0, false), "../bob", &part);
    str directory;
    EXPECT_OK(
        segment_directory(w.store, part.snapshot, &part.part, &part.arena, &directory, &w.err),
        &w.err);
    EXPECT_STR(directory, "app/u/%2E%2E%2Fbob"); /* below the cold root: relative */
    EXPECT_STR(segment_path(w.store, directory, 7, &part.arena),
               "/cold/app/u/%2E%2E%2Fbob/batch-7.parquet");
    part_close(&part);
    world_close(&w);
}

TEST(segment_directory_of_a_table_with_a_location_is_there_and_nobody_elses)
{
    static const struct {
        const char *table;
        const char *location;
        const char *user;
        const char *directory;
    } cases[] = {
        {"u", "somewhere/{userId}", "../bob", "somewhere/%2E%2E%2Fbob/app+u"},
        {"v", "somewhere/{userId}", "../bob", "somewhere/%2E%2E%2Fbob/app+v"},
        {"w", "{userId}/x/{tableName}/{namespace}", "a+u", "a%2Bu/x/w/app/app+w"},
        {"x", NULL, "app+u", "app/x/app%2Bu"},
    };
    struct world w = {0};
    world_open(&w);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world_part part;
        str directory;
        w.location = cases[i].location;
        table_id table = world_create_table(&w, cases[i].table, TABLE_USER, 0, false);
        world_crash(&w); /* the record has it */
        part_open(&w, table, cases[i].user, &part);
        EXPECT_OK(
            segment_directory(w.store, part.snapshot, &part.part, &part.arena, &directory, &w.err),
            &w.err);
        EXPECT(str_eq_c(directory, cases[i].directory));
        part_close(&part);
    }
    world_close(&w);
}

/* Two tables with one LOCATION, strays beside their files, a crash, and DROP of one of them. */
TEST(segment_files_of_tables_with_one_location_stay_apart)
{
    struct world w = {0};
    world_open(&w);
    w.location = "deep/er";
    table_id tables[2];
    for (int i = 0; i < 2; i++) {
        tables[i] = world_create_table(&w, i == 0 ? "a" : "b", TABLE_SHARED, 0, false);
        w.table = tables[i];
        EXPECT_OK(world_insert(&w, i + 1, i == 0 ? "of a" : "of b"), &w.err);
        (void)flush_finish(world_flush(&w));
    }
    EXPECT(fake_cold_exists(&w.cold, "/cold/deep/er/app+a/batch-0.parquet"));
    EXPECT(fake_cold_exists(&w.cold, "/cold/deep/er/app+b/manifest.json"));
    static const char *const strays[] = {"/cold/deep/er/app+a/batch-7.parquet",
                                         "/cold/deep/er/app+b/batch-1.parquet.tmp",
                                         "/cold/deep/er/app+gone/manifest.json"};
    for (size_t i = 0; i < sizeof strays / sizeof strays[0]; i++) {
        fake_cold_put(&w.cold, strays[i]);
    }
    world_crash(&w);
    EXPECT_UINT(w.recovered.files_removed, sizeof strays / sizeof strays[0]);
    w.table = tables[0];
    EXPECT_STR(str_from(world_show(&w)), "1=of a");
    EXPECT_OK(catalog_drop_table(w.catalog, tables[0], &w.err), &w.err);
    world_crash(&w); /* the start finishes the drop */
    EXPECT_UINT(w.recovered.tables_dropped, 1);
    EXPECT(!fake_cold_exists(&w.cold, "/cold/deep/er/app+a/batch-0.parquet"));
    w.table = tables[1];
    EXPECT_STR(str_from(world_show(&w)), "2=of b");
    EXPECT(fake_cold_exists(&w.cold, "/cold/deep/er/app+b/batch-0.parquet"));
    world_close(&w);
}

TEST(merged_file_stays_until_every_view_opened_before_is_closed)
{
    struct world w = {.options = {.merge_bytes_max = 1 << 20}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    (void)flush_finish(world_flush(&w));
    struct kv_view *first = kv_view_open(w.kv);
    EXPECT_OK(world_insert(&w, 2, "b"), &w.err);
    (void)flush_finish(world_flush(&w)); /* merges batch-0 */
    struct kv_view *second = kv_view_open(w.kv);
    EXPECT(fake_cold_exists(&w.cold, "/cold/app/t/batch-0.parquet"));
    EXPECT_UINT(store_drain_files(w.store), 0);
    EXPECT_UINT(store_retired_count(w.store), 1);
    struct world_part part;
    struct world_rows rows;
    part_open(&w, w.table, "", &part);
    EXPECT_OK(part_read_all(&part, first, false, &rows, &w.err), &w.err);
    EXPECT_UINT(rows.count, 1);
    part_close(&part);
    kv_view_close(first);
    EXPECT_UINT(store_drain_files(w.store), 1); /* the second view does not need it */
    EXPECT(!fake_cold_exists(&w.cold, "/cold/app/t/batch-0.parquet"));
    kv_view_close(second);
    world_close(&w);
}

TEST(store_recover_sweeps_our_files_and_no_others)
{
    struct world w = {0};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    (void)flush_finish(world_flush(&w));
    static const char *const strays[] = {
        "/cold/app/t/batch-9.parquet", "/cold/app/t/batch-10.parquet.tmp",
        "/cold/gone/x/batch-0.parquet", "/cold/gone/x/manifest.json",
        "/cold/app/t/manifest.json.tmp"};
    static const char *const others[] = {"/cold/app/t/f0001/1-photo.jpg", "/cold/empty.parquet",
                                         "/cold/app/t/batch-x.parquet",
                                         "/elsewhere/batch-1.parquet"};
    for (size_t i = 0; i < sizeof strays / sizeof strays[0]; i++) {
        fake_cold_put(&w.cold, strays[i]);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        fake_cold_put(&w.cold, others[i]);
    }
    world_crash(&w);
    EXPECT_UINT(w.recovered.files_removed, sizeof strays / sizeof strays[0]);
    for (size_t i = 0; i < sizeof strays / sizeof strays[0]; i++) {
        EXPECT(!fake_cold_exists(&w.cold, strays[i]));
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        EXPECT(fake_cold_exists(&w.cold, others[i]));
    }
    EXPECT(fake_cold_exists(&w.cold, "/cold/app/t/batch-0.parquet"));
    EXPECT(fake_cold_exists(&w.cold, "/cold/app/t/manifest.json"));
    EXPECT_STR(str_from(world_show(&w)), "1=a");
    world_close(&w);
}

/* The file system knows one folder by many spellings. */
TEST(store_recover_keeps_files_of_a_storage_that_is_spelled_otherwise)
{
    struct world w = {0};
    world_open(&w);
    const struct catalog_snapshot *snapshot = catalog_take(w.catalog);
    struct storage_def local = *snapshot_find_storage(snapshot, STR_LIT("local"));
    catalog_give(snapshot);
    local.base_directory = STR_LIT("/cold/.//x");
    EXPECT_OK(catalog_alter_storage(w.catalog, &local, &w.err), &w.err);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    (void)flush_finish(world_flush(&w));
    fake_cold_put(&w.cold, "/cold/x/app/t/batch-0.parquet"); /* as a walk from /cold meets it */
    fake_cold_put(&w.cold, "/cold/x/app/t/manifest.json");
    fake_cold_put(&w.cold, "/cold/x/app/t/batch-1.parquet");
    world_crash(&w);
    EXPECT(fake_cold_exists(&w.cold, "/cold/x/app/t/batch-0.parquet"));
    EXPECT(fake_cold_exists(&w.cold, "/cold/x/app/t/manifest.json"));
    EXPECT(!fake_cold_exists(&w.cold, "/cold/x/app/t/batch-1.parquet"));
    world_close(&w);
}

TEST(store_recover_undoes_a_flush_that_a_crash_left)
{
    static const enum flush_state states[] = {FLUSH_INTENT, FLUSH_VIEW,    FLUSH_WRITTEN,
                                              FLUSH_SYNCED, FLUSH_RENAMED, FLUSH_PLACED};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        struct world w = {0};
        world_open(&w);
        EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
        struct flush *flush = world_flush(&w);
        flush_until(flush, states[i]);
        EXPECT_OK(world_update(&w, 1, "b"), &w.err);
        flush_destroy(flush);
        world_crash(&w);
        EXPECT_UINT(w.recovered.intents_undone, 1);
        EXPECT_UINT(world_count_keys(&w, KEY_INTENT), 0);
        EXPECT_UINT(world_count_keys(&w, KEY_DEAD), 0);
        EXPECT_UINT(fake_cold_count(&w.cold, "parquet"), 0);
        EXPECT_UINT(fake_cold_count(&w.cold, ".tmp"), 0);
        EXPECT_STR(str_from(world_show(&w)), "1=b");
        struct flush_result result = flush_finish(world_flush(&w));
        EXPECT_UINT(result.rows, 1);
        world_close(&w);
    }
}

TEST(manifest_json_is_the_contracts_text)
{
    struct world w = {.options = {.merge_bytes_max = 0}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    (void)flush_finish(world_flush(&w));
    EXPECT_OK(world_insert(&w, 2, "b"), &w.err);
    (void)flush_finish(world_flush(&w));
    struct arena arena;
    arena_init(&arena);
    str text = fake_cold_content(&w.cold, "/cold/app/t/manifest.json", &arena);
    EXPECT(str_starts_with(text, STR_LIT("{\"table_id\":\"app.t\",\"user_id\":null,\"version\":2,"
                                         "\"created_at\":1800000000000,\"updated_at\":"
                                         "1800000000000,\"segments\":[{\"id\":\"batch-0.parquet\","
                                         "\"path\":\"batch-0.parquet\",\"min_seq\":")));
    EXPECT(str_find(text, STR_LIT("\"id\":\"batch-1.parquet\"")) > 0);
    EXPECT(str_find(text, STR_LIT("\"row_count\":1,")) > 0);
    EXPECT(str_find(text, STR_LIT("\"status\":\"committed\",\"column_stats\":{}}")) > 0);
    EXPECT(str_ends_with(text, STR_LIT("],\"last_sequence_number\":1,\"files\":null,"
                                       "\"vector_indexes\":{}}")));
    arena_release(&arena);
    world_close(&w);
}

/* -- dropping ------------------------------------------------------------------------------------
 */

static struct dropped_table drop_it(struct world *w, table_id table, struct arena *arena)
{
    EXPECT_OK(catalog_drop_table(w->catalog, table, &w->err), &w->err);
    struct dropped_table *list = NULL;
    unsigned count = 0;
    EXPECT_OK(catalog_list_dropped(w->catalog, arena, &list, &count, &w->err), &w->err);
    EXPECT_UINT(count, 1);
    return list[0];
}

TEST(store_drop_table_removes_keys_and_files_of_every_user)
{
    struct world w = {0};
    world_open(&w);
    table_id table = world_create_table(&w, "u", TABLE_USER, 0, false);
    static const char *const users[] = {"alice", "bob"};
    struct flush_result flushed;
    struct arena arena;
    arena_init(&arena);
    for (int i = 0; i < 2; i++) {
        struct world_part part;
        uint64_t seq = 0;
        part_open(&w, table, users[i], &part);
        EXPECT_OK(part_insert(&part, 1, "a", &seq, &w.err), &w.err);
        EXPECT_OK(flush_run(w.store, table, str_from(users[i]), (struct cold_slot){0, 1}, NULL,
                            &flushed, &w.err),
                  &w.err);
        EXPECT_OK(part_insert(&part, 2, "b", &seq, &w.err), &w.err);
        part_close(&part);
    }
    EXPECT_OK(world_insert(&w, 1, "stays"), &w.err);
    struct dropped_table dropped = drop_it(&w, table, &arena);
    struct drop_result result;
    EXPECT_OK(store_drop_table(w.store, &dropped, &result, &w.err), &w.err);
    EXPECT_UINT(result.partitions, 2);
    EXPECT_UINT(result.files, 2);
    EXPECT_UINT(fake_cold_count(&w.cold, "parquet"), 0);
    EXPECT_UINT(fake_cold_count(&w.cold, "manifest.json"), 0);
    struct table_totals totals;
    store_totals(w.store, table, &totals);
    EXPECT_UINT(totals.partitions, 0);
    EXPECT_STR(str_from(world_show(&w)), "1=stays");
    struct kv_view *view = kv_view_open(w.kv);
    static const enum kv_family families[] = {KV_USER_TABLE, KV_KEY_INDEX};
    for (int i = 0; i < 2; i++) {
        struct kv_cursor *cursor =
            kv_cursor_open(view, families[i], STR_LIT("u"), STR_LIT("v"), KV_FORWARD);
        str key;
        str value;
        status read = STATUS_IS_OK;
        EXPECT(!kv_cursor_next(cursor, &key, &value, &read, &w.err));
        kv_cursor_close(cursor);
    }
    kv_view_close(view);
    world_crash(&w);
    EXPECT_UINT(w.recovered.tables_dropped, 0); /* it is forgotten */
    arena_release(&arena);
    world_close(&w);
}

TEST(table_of_the_same_name_never_takes_a_file_of_the_dropped_one)
{
    struct world w = {.options = {.merge_bytes_max = 0}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "old"), &w.err);
    (void)flush_finish(world_flush(&w));
    struct arena arena;
    arena_init(&arena);
    struct kv_view *view = kv_view_open(w.kv); /* still reads the old table */
    struct world_part old;
    part_open(&w, w.table, "", &old);
    struct dropped_table dropped = drop_it(&w, w.table, &arena);
    table_id old_table = w.table;
    w.table = world_create_table(&w, "t", TABLE_SHARED, 0, false);
    EXPECT(w.table.v != old_table.v);
    EXPECT_OK(world_insert(&w, 1, "new"), &w.err);
    (void)flush_finish(world_flush(&w)); /* before the old one's data is gone */
    EXPECT(fake_cold_exists(&w.cold, "/cold/app/t/batch-1.parquet"));
    struct drop_result result;
    EXPECT_OK(store_drop_table(w.store, &dropped, &result, &w.err), &w.err);
    struct world_rows rows;
    EXPECT_OK(part_read_all(&old, view, false, &rows, &w.err), &w.err);
    EXPECT_UINT(rows.count, 1);
    EXPECT_STR(str_from(rows.rows[0].text), "old");
    part_close(&old);
    kv_view_close(view);
    EXPECT_UINT(store_drain_files(w.store), 1);
    EXPECT_UINT(fake_cold_count(&w.cold, ".parquet"), 1);
    EXPECT_STR(str_from(world_show(&w)), "1=new");
    arena_release(&arena);
    world_close(&w);
}

TEST(store_drop_table_while_a_flush_runs_says_busy)
{
    struct world w = {.options = {.merge_bytes_max = 0}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    (void)flush_finish(world_flush(&w));
    EXPECT_OK(world_insert(&w, 2, "b"), &w.err);
    struct flush *flush = world_flush(&w);
    flush_until(flush, FLUSH_WRITTEN);
    struct arena arena;
    arena_init(&arena);
    struct dropped_table dropped = drop_it(&w, w.table, &arena);
    struct drop_result result;
    EXPECT_STATUS(store_drop_table(w.store, &dropped, &result, &w.err), UNAVAILABLE);
    flush_until(flush, FLUSH_STATE_COUNT);
    flush_destroy(flush);
    EXPECT_OK(store_drop_table(w.store, &dropped, &result, &w.err), &w.err);
    EXPECT_UINT(fake_cold_count(&w.cold, "parquet"), 0);
    arena_release(&arena);
    world_close(&w);
}

TEST(store_drop_table_while_its_first_flush_runs_says_busy)
{
    struct world w = {.options = {.merge_bytes_max = 0}};
    world_open(&w);
    EXPECT_OK(world_insert(&w, 1, "a"), &w.err);
    struct flush *flush = world_flush(&w); /* there is no segment, so no folder to see it by */
    flush_until(flush, FLUSH_PLACED);
    struct arena arena;
    arena_init(&arena);
    struct dropped_table dropped = drop_it(&w, w.table, &arena);
    struct drop_result result;
    EXPECT_STATUS(store_drop_table(w.store, &dropped, &result, &w.err), UNAVAILABLE);
    flush_until(flush, FLUSH_STATE_COUNT);
    flush_destroy(flush);
    EXPECT_OK(store_drop_table(w.store, &dropped, &result, &w.err), &w.err);
    EXPECT_UINT(fake_cold_count(&w.cold, "parquet"), 0);
    arena_release(&arena);
    world_close(&w);
}
